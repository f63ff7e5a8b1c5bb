#include "base/std.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/sig.h"
#include "core/wire.h"
#include "flow/fetch.h"
#include "flow/hello.h"
#include "flow/job.h"
#include "flow/worker.h"
#include "io/chan.h"
#include "io/rsdelta.h"
#include "io/tree.h"
#include "io/zip.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>

#define CONNECT_MS 10000
#define STALL_MS (2 * 60 * 1000) /* no bytes read or received: not healthy */
#define PROGRESS_MS 200

struct worker {
	const struct worker_opts *o;
	struct chan up; /* parent */
	struct chan agent;
	struct tree *tree;
	struct fetch *fetch;
	struct zip *zip;
	struct buf raw;      /* an unpacked frame */
	struct buf out;      /* a frame for the parent */
	uint64_t agent_read; /* as its last PONG said */
	uint64_t stall_mark; /* agent_read + received when last moved */
	int64_t moved;       /* clock_ms of that */
	int64_t last_ping, last_progress;
	bool tried;    /* to connect */
	bool relaying; /* a relayed request is under way */
	bool quitting, done;
};

static void
send_note(void *arg, const char *text)
{
	struct worker *w = arg;
	struct err ignore = ERR_INIT;

	(void)chan_send(&w->up, JOB_NOTE, text, strlen(text), NULL, 0, &ignore);
}

/* --- results and progress to the parent ---------------------------------- */

static int
send_progress(struct worker *w, struct err *e)
{
	const char *path = w->fetch ? fetch_current(w->fetch) : NULL;

	buf_reset(&w->out);
	buf_add_u64(&w->out, w->fetch ? fetch_handled(w->fetch) : 0);
	buf_add_u64(&w->out, w->agent.t->bytes_in);
	buf_add_u64(&w->out, w->agent.t->bytes_out);
	if (path != NULL)
		buf_adds(&w->out, path);
	w->last_progress = clock_ms();
	return chan_send_buf(&w->up, JOB_PROGRESS, &w->out, e);
}

static int
file_done(void *arg, const struct fetch_result *r, struct err *e)
{
	struct worker *w = arg;

	/* The last of what was asked for: the figures go first. */
	if (fetch_pending(w->fetch) == 0 && send_progress(w, e) == -1)
		return -1;
	buf_reset(&w->out);
	buf_add_u32(&w->out, r->id);
	buf_add_u8(&w->out, r->status);
	buf_add_u64(&w->out, r->size);
	buf_add_u64(&w->out, r->changed);
	buf_add(&w->out, r->digest, sizeof(r->digest));
	buf_add_u32(&w->out, r->bad);
	buf_add_u32(&w->out, r->first_bad);
	buf_add_u32(&w->out, r->spared);
	buf_add_u8(&w->out, r->settled);
	wire_add_stamp(&w->out, &r->stamp);
	return chan_send_buf(&w->up, JOB_RESULT, &w->out, e);
}

static int
file_content(void *arg, uint32_t id, const void *p, size_t n, struct err *e)
{
	struct worker *w = arg;
	uint8_t head[4];

	wire_put_u32(head, id);
	return chan_send(&w->up, JOB_DATA, head, sizeof(head), p, n, e);
}

/* --- frames from the agent ----------------------------------------------- */

static int
agent_done(struct worker *w, const struct frame *f, struct err *e)
{
	struct wire_done d;
	uint64_t files = 0, bytes = 0;
	uint8_t digest[WIRE_HASH];

	if (wire_decode_done(f->data, f->len, &d, e) == -1)
		return -1;
	if (!w->quitting)
		return err_set(e, ERR_PROTOCOL, "agent ended unasked");
	if (w->fetch != NULL) {
		fetch_totals(w->fetch, &files, &bytes, digest);
		if (d.files != files || d.bytes != bytes ||
		    memcmp(d.digest, digest, sizeof(digest)) != 0)
			return err_set(e, ERR_TRANSFER,
			    "agent counts %" PRIu64 " files and %" PRIu64
			    " bytes, %" PRIu64 " and %" PRIu64 " arrived",
			    d.files, d.bytes, files, bytes);
	}
	w->done = true;
	if (send_progress(w, e) == -1)
		return -1;
	return chan_send(&w->up, JOB_BYE, NULL, 0, NULL, 0, e);
}

static int
agent_err(struct worker *w, const struct frame *f, struct err *e)
{
	struct err theirs = ERR_INIT;

	(void)wire_decode_err(f->data, f->len, NULL, &theirs);
	(void)err_wrap(&theirs, "%s", w->agent.t->name);
	*e = theirs;
	return -1;
}

static int
agent_content(
    struct worker *w, uint8_t type, const struct frame *f, struct err *e)
{
	if (w->fetch == NULL)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent content that was not asked for");
	if (!(f->type & WIRE_ZIPPED))
		return fetch_frame(w->fetch, type, f->data, f->len, e);
	if (zip_unpack(w->zip, f->data, f->len, WIRE_MAX, &w->raw, e) == -1)
		return -1;
	return fetch_frame(
	    w->fetch, type, (const uint8_t *)w->raw.data, w->raw.len, e);
}

static int
relay_up(struct worker *w, const struct frame *f, struct err *e)
{
	uint8_t type = f->type & 0x7f;

	if (!w->relaying)
		return err_set(
		    e, ERR_PROTOCOL, "agent sent an answer to nothing");
	/* Of a configuration the last frame says so in its first byte. */
	if (type != WIRE_ENTRIES && (type != WIRE_CONFIG_FILE || f->len == 0 ||
					f->data[0] == WIRE_CONFIG_END))
		w->relaying = false;
	return chan_send(&w->up, f->type, f->data, f->len, NULL, 0, e);
}

static int
agent_frame(struct worker *w, const struct frame *f, struct err *e)
{
	switch (f->type & 0x7f) {
	case WIRE_DATA:
	case WIRE_RUN:
	case WIRE_PEEK:
	case WIRE_PATCH:
	case WIRE_DELTA:
	case WIRE_SPAN:
	case WIRE_FILE_END:
		return agent_content(w, f->type & 0x7f, f, e);
	case WIRE_OPENED:
	case WIRE_ENTRIES:
	case WIRE_END:
	case WIRE_CONTROL_DATA:
	case WIRE_CONFIG_FILE:
		return relay_up(w, f, e);
	case WIRE_PING:
		buf_reset(&w->out);
		wire_encode_pong(&w->out, 0);
		return chan_send_buf(&w->agent, WIRE_PONG, &w->out, e);
	case WIRE_PONG:
		return wire_decode_pong(f->data, f->len, &w->agent_read, e);
	case WIRE_DONE:
		return agent_done(w, f, e);
	case WIRE_ERR:
		return agent_err(w, f, e);
	default:
		return err_set(e, ERR_PROTOCOL,
		    "agent sent a frame of unknown type %u", f->type);
	}
}

/* --- frames from the parent ---------------------------------------------- */

static int
bad_job(struct err *e)
{
	return err_set(e, ERR_INTERNAL, "worker: malformed job");
}

static int
take_str(struct wire_str *rest, char *to, size_t size)
{
	struct wire_str s;

	if (wire_next_str(rest, &s) == -1 || s.len >= size)
		return -1;
	memcpy(to, s.s, s.len);
	to[s.len] = '\0';
	return 0;
}

static int
job_open(struct worker *w, const struct wire_open *o, struct err *e)
{
	fetch_free(w->fetch);
	w->fetch = fetch_new(&(struct fetch_opts){.agent = &w->agent,
				 .seed = o->seed,
				 .block_size = o->block_size,
				 .done = file_done,
				 .sink = file_content,
				 .arg = w},
	    e);
	return w->fetch == NULL ? -1 : 0;
}

static int
job_tree(struct worker *w, const struct frame *f, struct err *e)
{
	struct wire_str rest = {(const char *)f->data, f->len};
	char prefix[64], dir[PATH_MAX];
	uint32_t n;

	if (w->fetch == NULL || take_str(&rest, dir, sizeof(dir)) == -1 ||
	    rest.len < 4)
		return bad_job(e);
	if ((w->tree = tree_open(dir, e)) == NULL)
		return -1;
	n = wire_get_u32((const uint8_t *)rest.s);
	rest.s += 4;
	rest.len -= 4;
	for (uint32_t i = 0; i < n; i++) {
		if (take_str(&rest, prefix, sizeof(prefix)) == -1 ||
		    take_str(&rest, dir, sizeof(dir)) == -1)
			return bad_job(e);
		if (tree_add_root(w->tree, prefix, dir, e) == -1)
			return -1;
	}
	fetch_set_tree(w->fetch, w->tree);
	return 0;
}

static int
job_files(struct worker *w, const struct frame *f, struct err *e)
{
	struct wire_str rest = {(const char *)f->data, f->len};
	char path[1100];
	uint32_t n;

	if (w->fetch == NULL || rest.len < 4)
		return bad_job(e);
	n = wire_get_u32((const uint8_t *)rest.s);
	rest.s += 4;
	rest.len -= 4;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = (const uint8_t *)rest.s;
		struct fetch_job job;

		if (rest.len < 18)
			return bad_job(e);
		job = (struct fetch_job){.id = wire_get_u32(p),
		    .kind = p[4],
		    .flags = p[5],
		    .size = wire_get_u64(p + 6),
		    .mode = wire_get_u32(p + 14),
		    .path = path};
		rest.s += 18;
		rest.len -= 18;
		if (take_str(&rest, path, sizeof(path)) == -1)
			return bad_job(e);
		if (fetch_add(w->fetch, &job, e) == -1)
			return -1;
	}
	return 0;
}

static int
parent_frame(struct worker *w, const struct frame *f, struct err *e)
{
	struct wire_open open;

	switch (f->type) {
	case WIRE_OPEN:
		if (wire_decode_open(f->data, f->len, &open, e) == -1)
			return -1;
		if (job_open(w, &open, e) == -1)
			return -1;
		/* FALLTHROUGH */
	case WIRE_MANIFEST:
	case WIRE_CONTROL:
	case WIRE_CONFIG:
		w->relaying = true;
		return chan_send(
		    &w->agent, f->type, f->data, f->len, NULL, 0, e);
	case WIRE_VERIFY:
	case WIRE_RATE:
		return chan_send(
		    &w->agent, f->type, f->data, f->len, NULL, 0, e);
	case JOB_TREE:
		return job_tree(w, f, e);
	case JOB_FILES:
		return job_files(w, f, e);
	case JOB_SPARE:
		if (w->fetch == NULL || f->len != 12)
			return bad_job(e);
		fetch_spare(
		    w->fetch, wire_get_u64(f->data), wire_get_u32(f->data + 8));
		return 0;
	case JOB_QUIT:
		w->quitting = true;
		return chan_send(&w->agent, WIRE_DONE, NULL, 0, NULL, 0, e);
	default:
		return bad_job(e);
	}
}

/* --- the loop ------------------------------------------------------------ */

static int
drain(struct worker *w, struct err *e)
{
	struct frame f;
	int rc;

	while (!w->done && (rc = chan_next(&w->agent, &f, e)) != 0)
		if (rc == -1 || agent_frame(w, &f, e) == -1)
			return -1;
	while ((rc = chan_next(&w->up, &f, e)) != 0)
		if (rc == -1 || parent_frame(w, &f, e) == -1)
			return -1;
	return 0;
}

static int
agent_ended(struct worker *w, struct err *e)
{
	(void)err_set(e, ERR_AGENT,
	    "standby-agent on %s ended in the middle of the work",
	    w->agent.t->name);
	return err_hint(e, "Run the same command again: it continues.");
}

/* Keep-alives, and an end to what no longer moves (faults B20). */
static int
timers(struct worker *w, struct err *e)
{
	int64_t now = clock_ms();
	uint64_t mark = w->agent_read + w->agent.t->bytes_in / 4096;

	if (now - w->last_ping >= WIRE_PING_MS) {
		w->last_ping = now;
		if (chan_send(&w->agent, WIRE_PING, NULL, 0, NULL, 0, e) == -1)
			return -1;
	}
	if (now - w->last_progress >= PROGRESS_MS && send_progress(w, e) == -1)
		return -1;
	if (now - w->agent.last_in > WIRE_DEAD_MS) {
		(void)err_set(e, ERR_TRANSFER, "nothing came from %s for %d s",
		    w->agent.t->name, WIRE_DEAD_MS / 1000);
		return err_hint(e,
		    "Look at the network and at the load of "
		    "that host, then run the same command again: it "
		    "continues.");
	}
	if (mark != w->stall_mark || w->fetch == NULL ||
	    fetch_pending(w->fetch) == 0) {
		w->stall_mark = mark;
		w->moved = now;
	}
	if (now - w->moved > STALL_MS)
		return err_set(e, ERR_TRANSFER,
		    "%s sends signs of life but has read nothing for %d s",
		    w->agent.t->name, STALL_MS / 1000);
	return 0;
}

static int
wait_for_more(struct worker *w, bool busy, struct err *e)
{
	struct pollfd extra[TRANSPORT_MAXPOLL];
	bool ready = false;
	int n = chan_pollfds(&w->up, extra, &ready);
	int64_t limit = deadline_in(busy || ready ? 1 : PROGRESS_MS);

	if (busy || ready)
		limit = clock_ms();
	return chan_wait(&w->agent, extra, (size_t)n, limit, e);
}

static int
serve(struct worker *w, struct err *e)
{
	int more = 0;

	w->agent.last_in = w->last_ping = w->moved = clock_ms();
	while (!w->done) {
		if (chan_pump(&w->agent, e) == -1 ||
		    chan_pump(&w->up, e) == -1 || drain(w, e) == -1)
			return -1;
		if (w->up.eof)
			_exit(0);
		if (w->done)
			break;
		if (w->agent.eof)
			return agent_ended(w, e);
		/* Behind drain: what came in makes room, or is more work, and
		 * nothing else may wake us up for a while. */
		if (w->fetch != NULL && (more = fetch_send(w->fetch, e)) == -1)
			return -1;
		if (timers(w, e) == -1 || wait_for_more(w, more == 1, e) == -1)
			return -1;
	}
	return 0;
}

static int
connect_agent(struct worker *w, struct err *e)
{
	struct transport *t = NULL;
	bool push = w->o->push_agent != NULL;
	int64_t deadline = deadline_in(w->o->remote->connect_ms > 0
					   ? w->o->remote->connect_ms * 2
					   : CONNECT_MS * 2);
	struct remote_opts remote = *w->o->remote;

	remote.note = w->o->number == 0 && !w->tried ? send_note : NULL;
	remote.note_arg = w;
	w->tried = true;
	if (remote_start(&t, &remote, push ? "sh" : w->o->agent, -1, e) == -1)
		return -1;
	chan_init(&w->agent, t);
	if (push &&
	    hello_push_agent(&w->agent, w->o->push_agent, deadline, e) == -1)
		return -1;
	if (hello_client(&w->agent, w->o->package, w->o->agent, deadline, e) ==
	    -1)
		return -1;
	return chan_send(
	    &w->up, JOB_READY, t->name, strlen(t->name), NULL, 0, e);
}

static void
send_err(struct worker *w, const struct err *what)
{
	struct err ignore = ERR_INIT;

	buf_reset(&w->out);
	wire_encode_err(&w->out, WIRE_NO_ID, what);
	(void)chan_send_buf(&w->up, WIRE_ERR, &w->out, &ignore);
}

/* The parent says when. */
static int
await_connect(struct worker *w, struct err *e)
{
	struct frame f;
	int rc;

	for (;;) {
		if (chan_pump(&w->up, e) == -1)
			return -1;
		rc = chan_next(&w->up, &f, e);
		if (rc == 1)
			return f.type == JOB_CONNECT ? 0 : bad_job(e);
		if (rc == -1)
			return -1;
		if (w->up.eof)
			_exit(0);
		if (chan_wait(&w->up, NULL, 0, DEADLINE_NEVER, e) == -1)
			return -1;
	}
}

static int
be_connected(struct worker *w, struct err *e)
{
	struct err why = ERR_INIT;

	for (;;) {
		if (await_connect(w, e) == -1)
			return -1;
		err_clear(&why);
		if (connect_agent(w, &why) == 0)
			return 0;
		send_err(w, &why);
		chan_close(&w->agent, deadline_in(2000), NULL);
	}
}

void
worker_main(int up, const struct worker_opts *o)
{
	struct worker w = {.o = o};
	struct err e = ERR_INIT, ignore = ERR_INIT;
	struct transport *t;
	struct rlimit none = {0, 0};
	int rc = -1;

	sig_child();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(077);
	rsdelta_init();
	if ((t = transport_fds(up, up, "parent", &e)) == NULL)
		_exit(1);
	chan_init(&w.up, t);
	if ((w.zip = zip_new(0)) == NULL)
		(void)err_set_nomem(&e);
	else if (be_connected(&w, &e) == 0)
		rc = serve(&w, &e);
	if (rc == -1)
		send_err(&w, &e);
	chan_close(&w.agent, deadline_in(2000), NULL);
	(void)chan_flush(&w.up, deadline_in(2000), &ignore);
	_exit(rc == 0 ? 0 : 1);
}
