#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "flow/hook.h"
#include "flow/job.h"
#include "flow/pool.h"
#include "flow/worker.h"
#include "io/chan.h"
#include "io/pagedelta.h"
#include "io/zip.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TICK_MS 200
#define STAGGER_MS 100 /* between connections: sshd's MaxStartups */
#define MAX_WORKERS 32
#define MAX_EXTRA 4
/* Jobs that one worker may hold: enough that its line never runs dry. */
#define HOLD_FILES 256
#define HOLD_BYTES (UINT64_C(32) << 20)
#define GROUP_FILES 64
#define GROUP_BYTES (UINT64_C(4) << 20)
#define FILE_COST 16384
#define RESULT_BYTES (50 + WIRE_STAMP) /* of JOB_RESULT */
#define READ_ID (WIRE_NO_ID - 1)       /* of pool_read_file */

enum state {
	STARTING,
	READY,
	FAILED, /* could not connect; left out */
	ENDED   /* said BYE */
};

struct member {
	struct pool *pool;
	pid_t pid;
	int fd; /* of c, for the children to close */
	enum state state;
	struct chan c;
	struct err failure; /* why it FAILED */
	char *name;
	size_t jobs; /* held by it */
	uint64_t cost;
	struct pool_progress progress;
	bool opened, answered;
};

struct pool {
	struct pool_opts o;
	unsigned n;
	struct member m[MAX_WORKERS];
	struct zip *zip;
	/* the job under way */
	const struct pool_work *work;
	size_t outstanding;
	/* the answer of the request under way */
	struct pool_source *source;
	struct buf *control;
	struct buf *file; /* pool_read_file */
	size_t file_max;
	struct fetch_result file_result;
	struct manifest *list;
	struct streamdigest *list_digest;
	uint64_t list_specials;
	bool list_done;
	pool_config_fn *config_cb; /* pool_config */
	void *config_arg;
	unsigned config_files;
	/* a listing beside the jobs */
	struct manifest side;
	int (*side_cb)(void *, const struct manifest *, struct err *);
	void *side_arg;
	struct buf raw, group;
};

/* --- frames from a worker ------------------------------------------------ */

static int
got_opened(struct member *m, const struct frame *f, struct err *e)
{
	struct pool_source *s = m->pool->source;
	struct wire_opened o;

	m->opened = true;
	if (s == NULL)
		return err_set(e, ERR_PROTOCOL, "agent opened unasked");
	if (s->text.len == 0) {
		buf_add(&s->text, f->data, f->len);
		if (!buf_ok(&s->text))
			return err_set_nomem(e);
		return wire_decode_opened(s->text.data, s->text.len, &s->o, e);
	}
	if (wire_decode_opened(f->data, f->len, &o, e) == -1)
		return -1;
	if (o.system_identifier != s->o.system_identifier ||
	    o.dev != s->o.dev || o.ino != s->o.ino)
		return err_set(e, ERR_SOURCE,
		    "two sessions to %s see different data directories",
		    m->name);
	return 0;
}

static int
unpacked(struct pool *p, const struct frame *f, const void **data, size_t *n,
    struct err *e)
{
	*data = f->data;
	*n = f->len;
	if (!(f->type & WIRE_ZIPPED))
		return 0;
	if (zip_unpack(p->zip, f->data, f->len, WIRE_MAX, &p->raw, e) == -1)
		return -1;
	*data = p->raw.data;
	*n = p->raw.len;
	return 0;
}

static int
got_entries(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;
	const void *data;
	size_t n;

	if (p->list == NULL)
		return err_set(e, ERR_PROTOCOL, "agent listed unasked");
	if (unpacked(p, f, &data, &n, e) == -1)
		return -1;
	streamdigest_add(p->list_digest, data, n);
	return manifest_decode(p->list, data, n, e);
}

static int
got_end(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;
	uint8_t digest[WIRE_HASH];
	struct wire_end end;
	int rc;

	if (p->list == NULL)
		return err_set(e, ERR_PROTOCOL, "agent listed unasked");
	if (wire_decode_end(f->data, f->len, &end, e) == -1)
		return -1;
	streamdigest_end(p->list_digest, digest);
	if (end.entries != p->list->n ||
	    memcmp(digest, end.digest, sizeof(digest)) != 0)
		return err_set(e, ERR_PROTOCOL,
		    "the list of files from %s is not complete: %" PRIu64
		    " announced, %zu arrived",
		    m->name, end.entries, p->list->n);
	p->list_specials = end.specials;
	p->list_done = true;
	if (p->side_cb == NULL)
		return 0;
	p->list = NULL;
	rc = p->side_cb(p->side_arg, &p->side, e);
	p->side_cb = NULL;
	manifest_free(&p->side);
	return rc;
}

static uint64_t
cost_of(uint64_t size)
{
	return size + FILE_COST;
}

static int
got_result(struct member *m, const struct frame *f, struct err *e)
{
	struct fetch_result r;

	if (f->len != RESULT_BYTES)
		return err_set(e, ERR_INTERNAL, "worker: bad result");
	r.id = wire_get_u32(f->data);
	r.status = f->data[4];
	r.size = wire_get_u64(f->data + 5);
	r.changed = wire_get_u64(f->data + 13);
	memcpy(r.digest, f->data + 21, sizeof(r.digest));
	r.bad = wire_get_u32(f->data + 37);
	r.first_bad = wire_get_u32(f->data + 41);
	r.spared = wire_get_u32(f->data + 45);
	r.settled = f->data[49] == 1;
	wire_get_stamp(f->data + 50, &r.stamp);
	if (r.id == READ_ID && m->pool->file != NULL) {
		m->pool->file_result = r;
		m->answered = true;
		return 0;
	}
	if (m->pool->work == NULL || m->jobs == 0)
		return err_set(e, ERR_INTERNAL, "worker: unexpected result");
	m->jobs--;
	m->cost -= MIN_OF(m->cost, cost_of(r.size));
	if (m->jobs == 0)
		m->cost = 0;
	m->pool->outstanding--;
	return m->pool->work->done(m->pool->work->arg, &r, e);
}

static int
got_data(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;

	if (p->file == NULL || f->len < 4 || wire_get_u32(f->data) != READ_ID)
		return err_set(e, ERR_INTERNAL, "worker: unexpected content");
	if (p->file->len + f->len - 4 > p->file_max)
		return err_set(e, ERR_PROTOCOL,
		    "a file of the source is larger than %zu bytes",
		    p->file_max);
	buf_add(p->file, f->data + 4, f->len - 4);
	return buf_ok(p->file) ? 0 : err_set_nomem(e);
}

static int
got_config(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;
	struct wire_config_file c;

	if (wire_decode_config_file(f->data, f->len, &c, e) == -1)
		return -1;
	if (p->config_cb == NULL || p->config_files >= WIRE_CONFIG_FILES)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent more configuration than was asked for");
	if (c.kind == WIRE_CONFIG_END) {
		m->answered = true;
		return 0;
	}
	p->config_files++;
	return p->config_cb(p->config_arg, &c, e);
}

static int
got_err(struct member *m, const struct frame *f, struct err *e)
{
	struct err theirs = ERR_INIT;

	(void)wire_decode_err(f->data, f->len, NULL, &theirs);
	if (m->state == STARTING) {
		m->state = FAILED;
		m->failure = theirs;
		return 0;
	}
	if (e != NULL && !err_is_set(e))
		*e = theirs;
	return -1;
}

static void
got_note(struct member *m, const struct frame *f)
{
	struct buf b = BUF_INIT;

	text_add_escaped(&b, f->data, MIN_OF(f->len, (size_t)1000));
	if (m->pool->o.note != NULL)
		m->pool->o.note(m->pool->o.arg, buf_str(&b));
	buf_free(&b);
}

static int
member_frame(struct member *m, const struct frame *f, struct err *e)
{
	switch (f->type & 0x7f) {
	case JOB_READY:
		m->state = READY;
		free(m->name);
		m->name = strndup((const char *)f->data, f->len);
		return m->name == NULL ? err_set_nomem(e) : 0;
	case JOB_NOTE:
		got_note(m, f);
		return 0;
	case JOB_RESULT:
		return got_result(m, f, e);
	case JOB_DATA:
		return got_data(m, f, e);
	case JOB_PROGRESS:
		if (f->len != 24)
			break;
		m->progress = (struct pool_progress){wire_get_u64(f->data),
		    wire_get_u64(f->data + 8), wire_get_u64(f->data + 16)};
		return 0;
	case JOB_BYE:
		m->state = ENDED;
		return 0;
	case WIRE_OPENED:
		return got_opened(m, f, e);
	case WIRE_ENTRIES:
		return got_entries(m, f, e);
	case WIRE_END:
		return got_end(m, f, e);
	case WIRE_CONTROL_DATA:
		if (m->pool->control == NULL)
			break;
		buf_add(m->pool->control, f->data, f->len);
		m->answered = true;
		return buf_ok(m->pool->control) ? 0 : err_set_nomem(e);
	case WIRE_CONFIG_FILE:
		return got_config(m, f, e);
	case WIRE_ERR:
		return got_err(m, f, e);
	}
	return err_set(e, ERR_INTERNAL, "worker: unexpected frame %u", f->type);
}

/* The process is gone without a word. */
static int
member_died(struct member *m, struct err *e)
{
	int status = 0;

	if (m->pid > 0 && waitpid(m->pid, &status, 0) == m->pid)
		m->pid = -1;
	if (WIFSIGNALED(status))
		return err_set(e, ERR_WORKER,
		    "worker %u was killed by signal %d",
		    (unsigned)(m - m->pool->m) + 1, WTERMSIG(status));
	return err_set(e, ERR_WORKER, "worker %u ended with status %d",
	    (unsigned)(m - m->pool->m) + 1, WEXITSTATUS(status));
}

static int
member_serve(struct member *m, struct err *e)
{
	struct frame f;
	int rc;

	if (m->c.t == NULL || m->state == FAILED)
		return 0;
	if (chan_pump(&m->c, e) == -1 && m->state == READY)
		return -1;
	while ((rc = chan_next(&m->c, &f, e)) == 1)
		if (member_frame(m, &f, e) == -1)
			return -1;
	if (rc == -1)
		return -1;
	if (m->c.eof && m->state == STARTING) {
		m->state = FAILED;
		(void)member_died(m, &m->failure);
	} else if (m->c.eof && m->state == READY) {
		return member_died(m, e);
	}
	return 0;
}

/* --- the loop ------------------------------------------------------------ */

int
pool_check(struct pool *p, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (member_serve(&p->m[i], e) == -1)
			return -1;
	return 0;
}

/* One wait of at most TICK_MS, then everything that came. */
static int
turn(struct pool *p, int64_t deadline, struct err *e)
{
	struct pollfd fds[MAX_WORKERS * TRANSPORT_MAXPOLL + MAX_EXTRA];
	int n = 0, ms = deadline_poll_ms(deadline);
	bool ready = false;

	for (unsigned i = 0; i < p->n; i++)
		if (p->m[i].c.t != NULL && p->m[i].state != FAILED &&
		    p->m[i].state != ENDED)
			n += chan_pollfds(&p->m[i].c, fds + n, &ready);
	if (p->o.pollfds != NULL)
		n += p->o.pollfds(p->o.arg, fds + n);
	if (ms == -1 || ms > TICK_MS)
		ms = TICK_MS;
	if (poll(fds, (nfds_t)n, ready ? 0 : ms) == -1 && errno != EINTR)
		return err_set_errno(e, ERR_INTERNAL, "poll");
	if (pool_check(p, e) == -1)
		return -1;
	return p->o.tick == NULL ? 0 : p->o.tick(p->o.arg, e);
}

int
pool_wait(struct pool *p, int64_t deadline, bool (*until)(void *arg), void *arg,
    struct err *e)
{
	while ((until == NULL || !until(arg)) && !deadline_passed(deadline))
		if (turn(p, deadline, e) == -1)
			return -1;
	return 0;
}

/* --- start --------------------------------------------------------------- */

static int
spawn(struct pool *p, unsigned i, struct err *e)
{
	struct member *m = &p->m[i];
	struct worker_opts w = {.number = i,
	    .remote = p->o.remote,
	    .agent = p->o.agent,
	    .push_agent = p->o.push_agent,
	    .package = p->o.package,
	    .delay_ms = i * STAGGER_MS};
	struct transport *t;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1)
		return err_set_errno(e, ERR_INTERNAL, "socketpair");
	m->pool = p;
	m->name = strdup("source");
	(void)fflush(NULL);
	m->pid = fork();
	if (m->pid == -1) {
		(void)err_set_errno(
		    e, ERR_INTERNAL, "could not start a worker");
		(void)close(fd[0]);
		(void)close(fd[1]);
		return -1;
	}
	if (m->pid == 0) {
		for (unsigned k = 0; k < i; k++) /* not the others' ends */
			(void)close(p->m[k].fd);
		(void)close(fd[0]);
		worker_main(fd[1], &w);
	}
	(void)close(fd[1]);
	if ((t = transport_fds(fd[0], fd[0], "worker", e)) == NULL)
		return -1;
	m->fd = fd[0];
	chan_init(&m->c, t);
	return 0;
}

static bool
none_starting(void *arg)
{
	struct pool *p = arg;

	if (p->m[0].state == FAILED)
		return true;
	for (unsigned i = 0; i < p->n; i++)
		if (p->m[i].state == STARTING)
			return false;
	return true;
}

/* Forget the members that could not connect; the first one must. */
static int
keep_ready(struct pool *p, struct err *e)
{
	unsigned n = 0;

	if (p->m[0].state == FAILED) {
		*e = p->m[0].failure;
		return -1;
	}
	for (unsigned i = 0; i < p->n; i++) {
		char text[1400];

		if (p->m[i].state == READY) {
			n++;
			continue;
		}
		if (p->m[i].state == STARTING) { /* too late for it */
			(void)err_set(&p->m[i].failure, ERR_TIMEOUT,
			    "no SSH session in time");
			p->m[i].state = FAILED;
		}
		chan_close(&p->m[i].c, 0, NULL);
		(void)snprintf(text, sizeof(text),
		    "worker %u could not connect (%s): going on without it",
		    i + 1, p->m[i].failure.text);
		if (p->o.note != NULL)
			p->o.note(p->o.arg, text);
	}
	return n == 0 ? err_set(e, ERR_TIMEOUT, "no worker could connect") : 0;
}

struct pool *
pool_start(const struct pool_opts *o, struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	p->o = *o;
	p->n = MIN_OF(MAX_OF(o->n, 1u), (unsigned)MAX_WORKERS);
	p->zip = zip_new(0);
	p->list_digest = streamdigest_new();
	if (p->zip == NULL || p->list_digest == NULL) {
		(void)err_set_nomem(e);
		goto fail;
	}
	for (unsigned i = 0; i < p->n; i++)
		if (spawn(p, i, e) == -1)
			goto fail;
	if (pool_wait(p, deadline_in(o->connect_ms), none_starting, p, e) == -1)
		goto fail;
	if (p->m[0].state == STARTING) {
		(void)err_set(e, ERR_TIMEOUT,
		    "no SSH session after %" PRId64 " ms", o->connect_ms);
		goto fail;
	}
	if (keep_ready(p, e) == -1)
		goto fail;
	return p;
fail:
	pool_close(p);
	return NULL;
}

unsigned
pool_size(const struct pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += p->m[i].state == READY;
	return n;
}

const char *
pool_name(const struct pool *p)
{
	return p->m[0].name;
}

/* --- requests ------------------------------------------------------------ */

static int
send_all(struct pool *p, uint8_t type, const struct buf *b, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->m[i].state == READY &&
		    chan_send_buf(&p->m[i].c, type, b, e) == -1)
			return -1;
	return 0;
}

static bool
all_opened(void *arg)
{
	struct pool *p = arg;

	for (unsigned i = 0; i < p->n; i++)
		if (p->m[i].state == READY && !p->m[i].opened)
			return false;
	return true;
}

int
pool_open(struct pool *p, const struct wire_open *o, struct pool_source *src,
    struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = -1;

	buf_reset(&src->text);
	p->source = src;
	for (unsigned i = 0; i < p->n; i++)
		p->m[i].opened = false;
	wire_encode_open(&b, o);
	if (send_all(p, WIRE_OPEN, &b, e) == 0)
		rc = pool_wait(p, DEADLINE_NEVER, all_opened, p, e);
	p->source = NULL;
	buf_free(&b);
	return rc;
}

int
pool_verify(struct pool *p, uint64_t start_lsn, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	wire_encode_verify(&b, start_lsn);
	rc = buf_ok(&b) ? send_all(p, WIRE_VERIFY, &b, e) : err_set_nomem(e);
	buf_free(&b);
	return rc;
}

int
pool_spare(
    struct pool *p, uint64_t start_lsn, uint32_t relseg_size, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_add_u64(&b, start_lsn);
	buf_add_u32(&b, relseg_size);
	rc = buf_ok(&b) ? send_all(p, JOB_SPARE, &b, e) : err_set_nomem(e);
	buf_free(&b);
	return rc;
}

void
pool_source_free(struct pool_source *src)
{
	buf_free(&src->text);
	*src = (struct pool_source){0};
}

static int
ask_list(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	streamdigest_free(p->list_digest);
	if ((p->list_digest = streamdigest_new()) == NULL)
		return err_set_nomem(e);
	manifest_free(m);
	p->list = m;
	p->list_done = false;
	wire_encode_manifest(&b, req, patterns);
	rc = chan_send_buf(&p->m[0].c, WIRE_MANIFEST, &b, e);
	buf_free(&b);
	return rc;
}

static bool
list_done(void *arg)
{
	return ((struct pool *)arg)->list_done;
}

int
pool_manifest(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, uint64_t *specials,
    struct err *e)
{
	int rc;

	while (pool_listing(p))
		if (turn(p, DEADLINE_NEVER, e) == -1)
			return -1;
	if (ask_list(p, req, patterns, m, e) == -1)
		return -1;
	rc = pool_wait(p, DEADLINE_NEVER, list_done, p, e);
	p->list = NULL;
	if (specials != NULL)
		*specials = p->list_specials;
	return rc;
}

bool
pool_listing(const struct pool *p)
{
	return p->side_cb != NULL;
}

int
pool_list_async(struct pool *p, const char *dir,
    int (*cb)(void *arg, const struct manifest *m, struct err *e), void *arg,
    struct err *e)
{
	struct wire_manifest req = {.dir = {dir, strlen(dir)}};

	if (pool_listing(p))
		return err_set(e, ERR_INTERNAL, "two listings at once");
	p->side_cb = cb;
	p->side_arg = arg;
	return ask_list(p, &req, NULL, &p->side, e);
}

static bool
first_answered(void *arg)
{
	return ((struct pool *)arg)->m[0].answered;
}

int
pool_control(struct pool *p, struct buf *control, struct err *e)
{
	int rc;

	buf_reset(control);
	p->control = control;
	p->m[0].answered = false;
	rc = chan_send(&p->m[0].c, WIRE_CONTROL, NULL, 0, NULL, 0, e);
	if (rc == 0)
		rc = pool_wait(p, DEADLINE_NEVER, first_answered, p, e);
	p->control = NULL;
	return rc;
}

int
pool_config(struct pool *p, pool_config_fn *cb, void *arg, struct err *e)
{
	int rc;

	p->config_cb = cb;
	p->config_arg = arg;
	p->config_files = 0;
	p->m[0].answered = false;
	rc = chan_send(&p->m[0].c, WIRE_CONFIG, NULL, 0, NULL, 0, e);
	if (rc == 0)
		rc = pool_wait(p, DEADLINE_NEVER, first_answered, p, e);
	p->config_cb = NULL;
	return rc;
}

int
pool_read_file(
    struct pool *p, const char *path, size_t max, struct buf *b, struct err *e)
{
	struct buf job = BUF_INIT;
	int rc;

	buf_reset(b);
	p->file = b;
	p->file_max = max;
	p->m[0].answered = false;
	buf_add_u32(&job, 1);
	buf_add_u32(&job, READ_ID);
	buf_add_u8(&job, FETCH_READ);
	buf_add_u8(&job, 0);
	buf_add_u64(&job, max);
	buf_add_u32(&job, 0);
	wire_add_str(&job, path, strlen(path));
	rc = chan_send_buf(&p->m[0].c, JOB_FILES, &job, e);
	if (rc == 0)
		rc = pool_wait(p, DEADLINE_NEVER, first_answered, p, e);
	p->file = NULL;
	buf_free(&job);
	if (rc == -1)
		return -1;
	return p->file_result.status == WIRE_FILE_OK;
}

int
pool_tree(struct pool *p, const char *pgdata, const struct pool_root *roots,
    size_t n, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	wire_add_str(&b, pgdata, strlen(pgdata));
	buf_add_u32(&b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_add_str(&b, roots[i].prefix, strlen(roots[i].prefix));
		wire_add_str(&b, roots[i].dir, strlen(roots[i].dir));
	}
	rc = send_all(p, JOB_TREE, &b, e);
	buf_free(&b);
	return rc;
}

/* --- jobs ---------------------------------------------------------------- */

static bool
hungry(const struct member *m)
{
	if (m->state != READY)
		return false;
	return m->jobs < 2 || (m->jobs < HOLD_FILES && m->cost < HOLD_BYTES);
}

/* A group of small jobs or one large one for a worker.  1: it got some. */
static int
feed(struct member *m, struct err *e)
{
	struct pool *p = m->pool;
	struct fetch_job job;
	uint8_t count[4];
	uint32_t n = 0;
	uint64_t cost = 0;
	int rc = 0;

	buf_reset(&p->group);
	while (n < GROUP_FILES && cost < GROUP_BYTES) {
		rc = p->work->next(p->work->arg, &job, e);
		if (rc != 1)
			break;
		buf_add_u32(&p->group, job.id);
		buf_add_u8(&p->group, job.kind);
		buf_add_u8(&p->group, job.flags);
		buf_add_u64(&p->group, job.size);
		buf_add_u32(&p->group, job.mode);
		wire_add_str(&p->group, job.path, strlen(job.path));
		cost += cost_of(job.size);
		n++;
	}
	if (rc == -1)
		return -1;
	if (n == 0)
		return 0;
	if (!buf_ok(&p->group))
		return err_set_nomem(e);
	wire_put_u32(count, n);
	m->jobs += n;
	m->cost += cost;
	p->outstanding += n;
	return chan_send(&m->c, JOB_FILES, count, sizeof(count), p->group.data,
		   p->group.len, e) == -1
		   ? -1
		   : 1;
}

/* Round after round, so that all workers get something of the beginning. */
static int
feed_all(struct pool *p, struct err *e)
{
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < p->n; i++) {
			int rc = hungry(&p->m[i]) ? feed(&p->m[i], e) : 0;

			if (rc == -1)
				return -1;
			any = any || rc == 1;
		}
	}
	return 0;
}

/* Until next() has nothing more and every answer is there.  A worker may be
 * done with all that it held in one turn: it is fed again before anything is
 * concluded from nothing being outstanding. */
int
pool_run(struct pool *p, const struct pool_work *w, struct err *e)
{
	int rc;

	p->work = w;
	while ((rc = feed_all(p, e)) == 0 && p->outstanding > 0 &&
	       (rc = turn(p, DEADLINE_NEVER, e)) == 0)
		hook_pause("fed");
	p->work = NULL;
	return rc;
}

void
pool_progress(const struct pool *p, struct pool_progress *g)
{
	*g = (struct pool_progress){0};
	for (unsigned i = 0; i < p->n; i++) {
		g->handled += p->m[i].progress.handled;
		g->in += p->m[i].progress.in;
		g->out += p->m[i].progress.out;
	}
}

/* --- end ----------------------------------------------------------------- */

static bool
all_ended(void *arg)
{
	return pool_size(arg) == 0;
}

int
pool_finish(struct pool *p, struct err *e)
{
	struct buf none = BUF_INIT;
	int64_t deadline = deadline_in(30000);

	if (send_all(p, JOB_QUIT, &none, e) == -1 ||
	    pool_wait(p, deadline, all_ended, p, e) == -1)
		return -1;
	if (!all_ended(p))
		return err_set(
		    e, ERR_TRANSFER, "an agent did not confirm what it sent");
	return 0;
}

static void
reap(struct member *m, int64_t deadline)
{
	if (m->pid <= 0)
		return;
	while (waitpid(m->pid, NULL, WNOHANG) == 0) {
		if (deadline_passed(deadline)) {
			(void)kill(m->pid, SIGKILL);
			(void)waitpid(m->pid, NULL, 0);
			break;
		}
		clock_sleep_ms(5, DEADLINE_NEVER);
	}
	m->pid = -1;
}

void
pool_close(struct pool *p)
{
	int64_t deadline = deadline_in(3000);

	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++)
		chan_close(&p->m[i].c, 0, NULL); /* they see the end and go */
	for (unsigned i = 0; i < p->n; i++) {
		reap(&p->m[i], deadline);
		free(p->m[i].name);
	}
	zip_free(p->zip);
	streamdigest_free(p->list_digest);
	manifest_free(&p->side);
	buf_free(&p->raw);
	buf_free(&p->group);
	free(p);
}
