/* What a worker says. */
#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "flow/job.h"
#include "flow/pool_int.h"

#define RESULT_BYTES (50 + WIRE_STAMP) /* of JOB_RESULT */
#define SPEED_MS 150                   /* at least, to measure a speed */

static struct filestamp_clock
clock_of(const struct wire_opened *o)
{
	return (struct filestamp_clock){
	    .real_ns = (int64_t)o->real_ns, .boot_ns = (int64_t)o->boot_ns};
}

/* Who comes later must see the same. */
static int
first_opened(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;
	struct pool_source *s = p->source;

	buf_add(&s->text, f->data, f->len);
	if (!buf_ok(&s->text))
		return err_set_nomem(e);
	if (wire_decode_opened(s->text.data, s->text.len, &s->o, e) == -1)
		return -1;
	p->system_identifier = s->o.system_identifier;
	p->dev = s->o.dev;
	p->ino = s->o.ino;
	p->clock = m->clock = clock_of(&s->o);
	return 0;
}

static int
got_opened(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;
	const struct pool_source *s = p->source;
	struct wire_opened o;

	if (m->opened || p->open.len == 0)
		return err_set(e, ERR_PROTOCOL, "agent opened unasked");
	m->opened = true;
	p->shared_at = 0;
	if (s != NULL && s->text.len == 0)
		return first_opened(m, f, e);
	if (wire_decode_opened(f->data, f->len, &o, e) == -1)
		return -1;
	if (o.system_identifier != p->system_identifier || o.dev != p->dev ||
	    o.ino != p->ino)
		return err_set(e, ERR_SOURCE,
		    "two sessions to %s see different data directories",
		    m->name);
	m->clock = clock_of(&o);
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

/* What the agent says of a file's rest is by its own OPEN.  Of one that came
 * late that was behind the checkpoint of the backup: base/filestamp.h asks for
 * one before it, the first's. */
static bool
is_settled(const struct member *m, const struct fetch_result *r)
{
	return r->settled &&
	       filestamp_settled(&r->stamp, &m->pool->clock, &m->clock);
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
	r.settled = is_settled(m, &r);
	if (r.id == POOL_READ_ID && m->pool->file != NULL) {
		m->pool->file_result = r;
		m->answered = true;
		return 0;
	}
	if (m->pool->work == NULL || m->jobs == 0)
		return err_set(e, ERR_INTERNAL, "worker: unexpected result");
	m->jobs--;
	m->cost -= MIN_OF(m->cost, pool_cost(r.size));
	if (m->jobs == 0)
		m->cost = 0;
	m->pool->outstanding--;
	return m->pool->work->done(m->pool->work->arg, &r, e);
}

static int
got_data(struct member *m, const struct frame *f, struct err *e)
{
	struct pool *p = m->pool;

	if (p->file == NULL || f->len < 4 ||
	    wire_get_u32(f->data) != POOL_READ_ID)
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
		pool_refused(m, &theirs);
		return 0;
	}
	return pool_lost(m, &theirs, e);
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

static void
got_progress(struct member *m, const struct frame *f)
{
	int64_t now = clock_ms(), ms = now - m->speed_at;
	uint64_t speed;

	m->progress = (struct pool_progress){wire_get_u64(f->data),
	    wire_get_u64(f->data + 8), wire_get_u64(f->data + 16)};
	buf_reset(&m->path);
	text_add_escaped(&m->path, (const char *)f->data + 24, f->len - 24);
	if (ms < SPEED_MS)
		return;
	speed = (m->progress.in - m->speed_in) * 1000 / (uint64_t)ms;
	m->speed = (m->speed * 2 + speed) / 3;
	m->speed_in = m->progress.in;
	m->speed_at = now;
}

int
pool_member_frame(struct member *m, const struct frame *f, struct err *e)
{
	switch (f->type & 0x7f) {
	case JOB_READY:
		m->state = READY;
		free(m->name);
		m->name = strndup((const char *)f->data, f->len);
		return m->name == NULL ? err_set_nomem(e) : pool_welcome(m, e);
	case JOB_NOTE:
		got_note(m, f);
		return 0;
	case JOB_RESULT:
		return got_result(m, f, e);
	case JOB_DATA:
		return got_data(m, f, e);
	case JOB_PROGRESS:
		if (f->len < 24)
			break;
		got_progress(m, f);
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
