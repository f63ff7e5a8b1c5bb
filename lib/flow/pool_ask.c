/* Requests to the agents, waited for. */
#include "base/std.h"
#include "base/clock.h"
#include "flow/job.h"
#include "flow/pool_int.h"

int
pool_send_all(struct pool *p, uint8_t type, const struct buf *b, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->m[i].state == READY &&
		    chan_send_buf(&p->m[i].c, type, b, e) == -1)
			return -1;
	return 0;
}

/* Those that come later get it too. */
static int
send_kept(struct pool *p, uint8_t type, const struct buf *b, struct err *e)
{
	return buf_ok(b) ? pool_send_all(p, type, b, e) : err_set_nomem(e);
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
	struct wire_open late = *o;
	struct buf b = BUF_INIT;
	int rc = -1;

	buf_reset(&src->text);
	p->source = src;
	p->rate = o->max_rate;
	p->rate_late = p->rate == 0 ? 0 : MAX_OF(p->rate / p->n, UINT64_C(1));
	for (unsigned i = 0; i < p->n; i++) {
		p->m[i].opened = false;
		p->m[i].rate = p->rate;
	}
	late.max_rate = p->rate_late;
	buf_reset(&p->open);
	wire_encode_open(&p->open, &late);
	wire_encode_open(&b, o);
	if (!buf_ok(&p->open))
		rc = err_set_nomem(e);
	else if (pool_send_all(p, WIRE_OPEN, &b, e) == 0)
		rc = pool_wait(p, DEADLINE_NEVER, all_opened, p, e);
	p->source = NULL;
	buf_free(&b);
	return rc;
}

int
pool_verify(struct pool *p, uint64_t start_lsn, struct err *e)
{
	buf_reset(&p->verify);
	wire_encode_verify(&p->verify, start_lsn);
	return send_kept(p, WIRE_VERIFY, &p->verify, e);
}

int
pool_spare(
    struct pool *p, uint64_t start_lsn, uint32_t relseg_size, struct err *e)
{
	buf_reset(&p->spare);
	buf_add_u64(&p->spare, start_lsn);
	buf_add_u32(&p->spare, relseg_size);
	return send_kept(p, JOB_SPARE, &p->spare, e);
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

/* The first worker answers one after the other, and so it is asked. */
static int
await_listing(struct pool *p, struct err *e)
{
	while (pool_listing(p))
		if (pool_turn(p, DEADLINE_NEVER, e) == -1)
			return -1;
	return 0;
}

int
pool_manifest_ask(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, struct err *e)
{
	if (await_listing(p, e) == -1 || ask_list(p, req, patterns, m, e) == -1)
		return -1;
	return chan_pump(&p->m[0].c, e);
}

int
pool_manifest_take(struct pool *p, uint64_t *specials, struct err *e)
{
	int rc = pool_wait(p, DEADLINE_NEVER, list_done, p, e);

	p->list = NULL;
	if (specials != NULL)
		*specials = p->list_specials;
	return rc;
}

int
pool_manifest(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, uint64_t *specials,
    struct err *e)
{
	if (pool_manifest_ask(p, req, patterns, m, e) == -1)
		return -1;
	return pool_manifest_take(p, specials, e);
}

bool
pool_listing(const struct pool *p)
{
	return p->side_cb != NULL;
}

bool
pool_asking(const struct pool *p)
{
	return p->list != NULL || p->control != NULL || p->config_cb != NULL ||
	       p->file != NULL;
}

int
pool_list_async(struct pool *p, const char *dir,
    int (*cb)(void *arg, const struct manifest *m, struct err *e), void *arg,
    struct err *e)
{
	struct wire_manifest req = {.dir = {dir, strlen(dir)}};

	if (pool_asking(p))
		return err_set(e, ERR_INTERNAL, "two requests at once");
	p->side_cb = cb;
	p->side_arg = arg;
	return ask_list(p, &req, NULL, &p->side, e);
}

static bool
first_answered(void *arg)
{
	return ((struct pool *)arg)->m[0].answered;
}

/* One that the first worker answers. */
static int
ask_first(struct pool *p, uint8_t type, const struct buf *b, struct err *e)
{
	if (await_listing(p, e) == -1)
		return -1;
	p->m[0].answered = false;
	if (chan_send_buf(&p->m[0].c, type, b, e) == -1)
		return -1;
	return pool_wait(p, DEADLINE_NEVER, first_answered, p, e);
}

int
pool_control(struct pool *p, struct buf *control, struct err *e)
{
	struct buf none = BUF_INIT;
	int rc;

	buf_reset(control);
	p->control = control;
	rc = ask_first(p, WIRE_CONTROL, &none, e);
	p->control = NULL;
	return rc;
}

int
pool_config(struct pool *p, pool_config_fn *cb, void *arg, struct err *e)
{
	struct buf none = BUF_INIT;
	int rc;

	p->config_cb = cb;
	p->config_arg = arg;
	p->config_files = 0;
	rc = ask_first(p, WIRE_CONFIG, &none, e);
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
	buf_add_u32(&job, 1);
	buf_add_u32(&job, POOL_READ_ID);
	buf_add_u8(&job, FETCH_READ);
	buf_add_u8(&job, 0);
	buf_add_u64(&job, max);
	buf_add_u32(&job, 0);
	wire_add_str(&job, path, strlen(path));
	rc = ask_first(p, JOB_FILES, &job, e);
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
	struct buf *b = &p->tree;

	buf_reset(b);
	wire_add_str(b, pgdata, strlen(pgdata));
	buf_add_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_add_str(b, roots[i].prefix, strlen(roots[i].prefix));
		wire_add_str(b, roots[i].dir, strlen(roots[i].dir));
	}
	return send_kept(p, JOB_TREE, b, e);
}
