#include "base/std.h"
#include "base/bytes.h"
#include "core/text.h"
#include "core/wire.h"

#define PATH_BYTES 1024 /* of a path below PGDATA */
#define TEXT_BYTES 4096 /* of every other string */
#define PAGE_BYTES_MIN 1024
#define FLAGS_PART (WIRE_FIRST | WIRE_LAST)
#define FLAGS_FILE (WIRE_FILE_TO_EOF | WIRE_FILE_SAME)
#define FLAGS_MANIFEST (WIRE_MANIFEST_RECURSE | WIRE_MANIFEST_INIT)

/* Takes a payload apart.  After the first thing that does not fit, bad is set
 * and every further take gives 0: decoders look once, at the end. */
struct reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

uint32_t
wire_get_u32(const uint8_t *p)
{
	return bytes_be32(p);
}

uint64_t
wire_get_u64(const uint8_t *p)
{
	return bytes_be64(p);
}

void
wire_put_u32(uint8_t *p, uint32_t v)
{
	bytes_put_be32(p, v);
}

void
wire_add_stamp(struct buf *b, const struct filestamp *s)
{
	buf_add_u64(b, s->size);
	buf_add_u64(b, (uint64_t)s->mtime_ns);
	buf_add_u64(b, (uint64_t)s->ctime_ns);
	buf_add_u64(b, s->ino);
	buf_add_u64(b, s->dev);
}

void
wire_get_stamp(const uint8_t *p, struct filestamp *s)
{
	s->size = wire_get_u64(p);
	s->mtime_ns = (int64_t)wire_get_u64(p + 8);
	s->ctime_ns = (int64_t)wire_get_u64(p + 16);
	s->ino = wire_get_u64(p + 24);
	s->dev = wire_get_u64(p + 32);
}

int
wire_decode_header(const uint8_t *p, uint8_t *type, uint32_t *len)
{
	*type = p[0];
	*len = wire_get_u32(p + 1);
	return *len > WIRE_MAX ? -1 : 0;
}

void
wire_encode_header(uint8_t *p, uint8_t type, uint32_t len)
{
	p[0] = type;
	wire_put_u32(p + 1, len);
}

static struct reader
reader_over(const void *d, size_t n)
{
	return (struct reader){.p = d, .left = n};
}

static const uint8_t *
take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	if (n > 0)
		r->p += n;
	r->left -= n;
	return p;
}

static uint8_t
take_u8(struct reader *r)
{
	const uint8_t *p = take(r, 1);

	return p == NULL ? 0 : p[0];
}

static unsigned
take_u16(struct reader *r)
{
	const uint8_t *p = take(r, 2);

	return p == NULL ? 0 : bytes_be16(p);
}

static uint32_t
take_u32(struct reader *r)
{
	const uint8_t *p = take(r, 4);

	return p == NULL ? 0 : wire_get_u32(p);
}

static uint64_t
take_u64(struct reader *r)
{
	const uint8_t *p = take(r, 8);

	return p == NULL ? 0 : wire_get_u64(p);
}

static void
take_hash(struct reader *r, uint8_t *to)
{
	const uint8_t *p = take(r, WIRE_HASH);

	if (p == NULL)
		memset(to, 0, WIRE_HASH);
	else
		memcpy(to, p, WIRE_HASH);
}

static void
take_stamp(struct reader *r, struct filestamp *s)
{
	const uint8_t *p = take(r, WIRE_STAMP);

	*s = (struct filestamp){0};
	if (p != NULL)
		wire_get_stamp(p, s);
}

/* No NUL inside: the text becomes a C string sooner or later. */
static struct wire_str
take_str(struct reader *r, size_t min, size_t max)
{
	size_t n = take_u16(r);
	const uint8_t *p = take(r, n);

	if (p == NULL || n < min || n > max ||
	    (n > 0 && memchr(p, '\0', n) != NULL)) {
		r->bad = true;
		return (struct wire_str){.s = "", .len = 0};
	}
	return (struct wire_str){.s = (const char *)p, .len = n};
}

static struct wire_str
take_text(struct reader *r)
{
	return take_str(r, 0, TEXT_BYTES);
}

static struct wire_str
take_path(struct reader *r)
{
	return take_str(r, 1, PATH_BYTES);
}

/* An id of a file: not the one that means "none". */
static uint32_t
take_id(struct reader *r)
{
	uint32_t id = take_u32(r);

	if (id == WIRE_NO_ID)
		r->bad = true;
	return id;
}

static uint8_t
take_flags(struct reader *r, unsigned known)
{
	uint8_t flags = take_u8(r);

	if ((flags & ~known) != 0)
		r->bad = true;
	return flags;
}

static struct wire_str
take_rest(struct reader *r)
{
	size_t n = r->left;
	const uint8_t *p = take(r, n);

	return (struct wire_str){
	    .s = p == NULL ? "" : (const char *)p,
	    .len = p == NULL ? 0 : n,
	};
}

static int
bad_frame(const char *what, struct err *e)
{
	return err_set(e, ERR_PROTOCOL, "malformed %s frame", what);
}

/* The frame must be used up, exactly. */
static int
finish(const struct reader *r, const char *what, struct err *e)
{
	if (r->bad || r->left != 0)
		return bad_frame(what, e);
	return 0;
}

void
wire_add_str(struct buf *b, const char *s, size_t n)
{
	if (n > 65535) {
		b->failed = true;
		return;
	}
	buf_add_u8(b, (uint8_t)(n >> 8));
	buf_add_u8(b, (uint8_t)n);
	buf_add(b, s, n);
}

static void
add_str(struct buf *b, struct wire_str s)
{
	wire_add_str(b, s.s, s.len);
}

static void
add_cstr(struct buf *b, const char *s)
{
	wire_add_str(b, s, strlen(s));
}

void
wire_encode_hello(struct buf *b, const char *package)
{
	buf_add(b, WIRE_MAGIC, 8);
	buf_add_u8(b, WIRE_VERSION >> 8);
	buf_add_u8(b, WIRE_VERSION & 0xff);
	add_cstr(b, package);
}

int
wire_decode_hello(const void *d, size_t n, struct wire_hello *h, struct err *e)
{
	struct reader r = reader_over(d, n);
	const uint8_t *magic = take(&r, 8);

	if (magic == NULL || memcmp(magic, WIRE_MAGIC, 8) != 0)
		return bad_frame("HELLO", e);
	h->version = take_u16(&r);
	h->package = (struct wire_str){.s = "", .len = 0};
	if (r.bad)
		return bad_frame("HELLO", e);
	h->package = take_text(&r);
	/* What another version says behind its number is not ours to judge:
	 * the caller tells the user the number. */
	if (h->version == WIRE_VERSION)
		return finish(&r, "HELLO", e);
	if (r.bad)
		h->package = (struct wire_str){.s = "", .len = 0};
	return 0;
}

void
wire_encode_open(struct buf *b, const struct wire_open *o)
{
	buf_add_u64(b, o->system_identifier);
	buf_add_u64(b, o->seed);
	buf_add_u32(b, o->block_size);
	buf_add_u64(b, o->max_rate);
	buf_add_u8(b, o->compress);
	add_str(b, o->pgdata);
}

static bool
block_size_ok(uint32_t n)
{
	return n >= PAGE_BYTES_MIN && n <= 65536 && (n & (n - 1)) == 0;
}

int
wire_decode_open(const void *d, size_t n, struct wire_open *o, struct err *e)
{
	struct reader r = reader_over(d, n);

	o->system_identifier = take_u64(&r);
	o->seed = take_u64(&r);
	o->block_size = take_u32(&r);
	o->max_rate = take_u64(&r);
	o->compress = take_u8(&r);
	o->pgdata = take_str(&r, 1, TEXT_BYTES);
	if (!block_size_ok(o->block_size) ||
	    (o->compress > 22 && o->compress != 255) || o->pgdata.len == 0 ||
	    o->pgdata.s[0] != '/')
		r.bad = true;
	return finish(&r, "OPEN", e);
}

void
wire_encode_opened(struct buf *b, const struct wire_opened *o)
{
	buf_add_u64(b, o->system_identifier);
	buf_add_u32(b, o->control_version);
	buf_add_u32(b, o->catalog_version);
	buf_add_u32(b, o->mode);
	buf_add_u64(b, o->dev);
	buf_add_u64(b, o->ino);
	buf_add_u64(b, o->real_ns);
	buf_add_u64(b, o->boot_ns);
	buf_add_u32(b, o->cores);
	add_str(b, o->boot_id);
	add_str(b, o->pg_version);
	add_str(b, o->resolved);
	add_str(b, o->libc);
	add_str(b, o->wal_link);
}

int
wire_decode_opened(
    const void *d, size_t n, struct wire_opened *o, struct err *e)
{
	struct reader r = reader_over(d, n);

	o->system_identifier = take_u64(&r);
	o->control_version = take_u32(&r);
	o->catalog_version = take_u32(&r);
	o->mode = take_u32(&r);
	o->dev = take_u64(&r);
	o->ino = take_u64(&r);
	o->real_ns = take_u64(&r);
	o->boot_ns = take_u64(&r);
	o->cores = take_u32(&r);
	o->boot_id = take_text(&r);
	o->pg_version = take_text(&r);
	o->resolved = take_text(&r);
	o->libc = take_text(&r);
	o->wal_link = take_text(&r);
	return finish(&r, "OPENED", e);
}

void
wire_encode_manifest(
    struct buf *b, const struct wire_manifest *m, const char *const *patterns)
{
	buf_add_u8(b, m->flags);
	add_str(b, m->dir);
	add_str(b, m->log_dir);
	add_str(b, m->stats_temp);
	add_str(b, m->trigger);
	buf_add_u32(b, m->npatterns);
	for (uint32_t i = 0; i < m->npatterns; i++)
		add_cstr(b, patterns[i]);
}

int
wire_decode_manifest(
    const void *d, size_t n, struct wire_manifest *m, struct err *e)
{
	struct reader r = reader_over(d, n);

	m->flags = take_flags(&r, FLAGS_MANIFEST);
	m->dir = take_str(&r, 0, PATH_BYTES);
	m->log_dir = take_text(&r);
	m->stats_temp = take_text(&r);
	m->trigger = take_text(&r);
	m->npatterns = take_u32(&r);
	m->patterns = (struct wire_str){
	    .s = r.bad ? "" : (const char *)r.p,
	    .len = r.bad ? 0 : r.left,
	};
	/* A str takes two bytes at least, so the frame bounds the loop. */
	for (uint32_t i = 0; i < m->npatterns && !r.bad; i++)
		(void)take_text(&r);
	return finish(&r, "MANIFEST", e);
}

int
wire_next_str(struct wire_str *rest, struct wire_str *s)
{
	struct reader r = reader_over(rest->s, rest->len);
	struct wire_str got = take_text(&r);

	if (r.bad)
		return -1;
	*s = got;
	*rest = (struct wire_str){.s = (const char *)r.p, .len = r.left};
	return 0;
}

void
wire_encode_end(struct buf *b, const struct wire_end *m)
{
	buf_add_u64(b, m->entries);
	buf_add(b, m->digest, WIRE_HASH);
	buf_add_u64(b, m->specials);
}

int
wire_decode_end(const void *d, size_t n, struct wire_end *m, struct err *e)
{
	struct reader r = reader_over(d, n);

	m->entries = take_u64(&r);
	take_hash(&r, m->digest);
	m->specials = take_u64(&r);
	return finish(&r, "END", e);
}

void
wire_encode_file(struct buf *b, const struct wire_file *f)
{
	buf_add_u32(b, f->id);
	buf_add_u8(b, f->flags);
	buf_add_u64(b, f->limit);
	add_str(b, f->path);
}

static void
take_file(struct reader *r, struct wire_file *f)
{
	f->id = take_id(r);
	f->flags = take_flags(r, FLAGS_FILE);
	f->limit = take_u64(r);
	f->path = take_path(r);
}

/* Walks over all files, so that a batch is refused before any is served. */
int
wire_decode_batch(const void *d, size_t n, uint32_t *nfiles,
    struct wire_str *rest, struct err *e)
{
	struct reader r = reader_over(d, n);
	struct wire_file f;

	*nfiles = take_u32(&r);
	if (*nfiles == 0)
		r.bad = true;
	*rest = (struct wire_str){
	    .s = r.bad ? "" : (const char *)r.p,
	    .len = r.bad ? 0 : r.left,
	};
	for (uint32_t i = 0; i < *nfiles && !r.bad; i++)
		take_file(&r, &f);
	return finish(&r, "BATCH", e);
}

int
wire_next_file(struct wire_str *rest, struct wire_file *f, struct err *e)
{
	struct reader r = reader_over(rest->s, rest->len);

	take_file(&r, f);
	if (r.bad)
		return bad_frame("BATCH", e);
	*rest = (struct wire_str){.s = (const char *)r.p, .len = r.left};
	return 0;
}

void
wire_encode_pages(struct buf *b, const struct wire_pages *p)
{
	buf_add_u32(b, p->id);
	buf_add_u8(b, p->flags);
	if (p->flags & WIRE_FIRST) {
		buf_add_u64(b, p->limit);
		add_str(b, p->path);
	}
	buf_add_u32(b, p->block);
	buf_add_u32(b, p->count);
	buf_add_u32(b, p->nhash);
	buf_add(b, p->hash, (size_t)p->nhash * WIRE_HASH);
}

int
wire_decode_pages(const void *d, size_t n, struct wire_pages *p, struct err *e)
{
	struct reader r = reader_over(d, n);

	*p = (struct wire_pages){.path = {.s = "", .len = 0}};
	p->id = take_id(&r);
	p->flags = take_flags(&r, FLAGS_PART);
	if (p->flags & WIRE_FIRST) {
		p->limit = take_u64(&r);
		p->path = take_path(&r);
	}
	p->block = take_u32(&r);
	p->count = take_u32(&r);
	p->nhash = take_u32(&r);
	if (p->count > WIRE_PAGES_MAX || p->nhash > p->count ||
	    p->block > UINT32_MAX - p->count)
		return bad_frame("PAGES", e);
	p->hash = take(&r, (size_t)p->nhash * WIRE_HASH);
	return finish(&r, "PAGES", e);
}

void
wire_encode_sig(struct buf *b, const struct wire_sig *s)
{
	buf_add_u32(b, s->id);
	buf_add_u8(b, s->flags);
	if (s->flags & WIRE_FIRST) {
		buf_add_u64(b, s->limit);
		buf_add_u64(b, s->basis);
		add_str(b, s->path);
	}
	buf_add(b, s->data, s->len);
}

int
wire_decode_sig(const void *d, size_t n, struct wire_sig *s, struct err *e)
{
	struct reader r = reader_over(d, n);
	struct wire_str rest;

	*s = (struct wire_sig){.path = {.s = "", .len = 0}};
	s->id = take_id(&r);
	s->flags = take_flags(&r, FLAGS_PART);
	if (s->flags & WIRE_FIRST) {
		s->limit = take_u64(&r);
		s->basis = take_u64(&r);
		s->path = take_path(&r);
	}
	rest = take_rest(&r);
	s->data = (const uint8_t *)rest.s;
	s->len = rest.len;
	return finish(&r, "SIG", e);
}

void
wire_encode_file_end(struct buf *b, const struct wire_file_end *f)
{
	buf_add_u32(b, f->id);
	buf_add_u8(b, f->status);
	buf_add_u64(b, f->size);
	buf_add(b, f->digest, WIRE_HASH);
	buf_add_u32(b, f->bad);
	buf_add_u32(b, f->first_bad);
	buf_add_u8(b, f->settled);
	wire_add_stamp(b, &f->stamp);
}

int
wire_decode_file_end(
    const void *d, size_t n, struct wire_file_end *f, struct err *e)
{
	struct reader r = reader_over(d, n);
	uint8_t settled;

	f->id = take_id(&r);
	f->status = take_u8(&r);
	f->size = take_u64(&r);
	take_hash(&r, f->digest);
	f->bad = take_u32(&r);
	f->first_bad = take_u32(&r);
	settled = take_u8(&r);
	f->settled = settled == 1;
	take_stamp(&r, &f->stamp);
	if (f->status > WIRE_FILE_NOT_REGULAR || settled > 1 ||
	    (f->settled && f->status != WIRE_FILE_OK) ||
	    f->bad > f->size / PAGE_BYTES_MIN ||
	    (f->bad == 0 && f->first_bad != 0))
		r.bad = true;
	return finish(&r, "FILE_END", e);
}

void
wire_encode_done(struct buf *b, const struct wire_done *m)
{
	buf_add_u64(b, m->files);
	buf_add_u64(b, m->bytes);
	buf_add(b, m->digest, WIRE_HASH);
}

int
wire_decode_done(const void *d, size_t n, struct wire_done *m, struct err *e)
{
	struct reader r = reader_over(d, n);

	m->files = take_u64(&r);
	m->bytes = take_u64(&r);
	take_hash(&r, m->digest);
	return finish(&r, "DONE", e);
}

void
wire_encode_operate(struct buf *b, const struct wire_operate *o)
{
	buf_add_u8(b, o->verb);
	buf_add_u64(b, o->system_identifier);
	buf_add_u32(b, o->timeline);
	buf_add_u64(b, o->from);
	buf_add_u32(b, o->timeout_ms);
	add_str(b, o->pgdata);
	add_str(b, o->self);
	add_str(b, o->node);
}

int
wire_decode_operate(
    const void *d, size_t n, struct wire_operate *o, struct err *e)
{
	struct reader r = reader_over(d, n);

	o->verb = take_u8(&r);
	o->system_identifier = take_u64(&r);
	o->timeline = take_u32(&r);
	o->from = take_u64(&r);
	o->timeout_ms = take_u32(&r);
	o->pgdata = take_str(&r, 1, TEXT_BYTES);
	o->self = take_text(&r);
	o->node = take_text(&r);
	if (o->verb == 0 || o->verb > WIRE_VERB_MAX || o->timeout_ms == 0 ||
	    o->timeout_ms > WIRE_OPERATE_MS_MAX || o->pgdata.len == 0 ||
	    o->pgdata.s[0] != '/')
		r.bad = true;
	return finish(&r, "OPERATE", e);
}

void
wire_encode_operated(struct buf *b, const struct wire_operated *o)
{
	buf_add_u8(b, o->running);
	buf_add_u64(b, o->pid);
	buf_add_u32(b, o->status);
	buf_add_u64(b, o->wal_end);
	buf_add_u32(b, o->timeline);
	buf_add_u8(b, o->state);
	buf_add_u8(b, o->standby);
	buf_add(b, o->text.s, o->text.len);
}

int
wire_decode_operated(
    const void *d, size_t n, struct wire_operated *o, struct err *e)
{
	struct reader r = reader_over(d, n);
	uint8_t standby;

	o->running = take_u8(&r);
	o->pid = take_u64(&r);
	o->status = take_u32(&r);
	o->wal_end = take_u64(&r);
	o->timeline = take_u32(&r);
	o->state = take_u8(&r);
	standby = take_u8(&r);
	o->standby = standby == 1;
	o->text = take_rest(&r);
	if (o->running > WIRE_RUNS_UNKNOWN || o->status > 255 ||
	    o->state > WIRE_STATE_MAX || standby > 1 || o->pid > INT32_MAX ||
	    o->text.len > WIRE_OUTPUT_MAX ||
	    (o->text.len > 0 && memchr(o->text.s, '\0', o->text.len) != NULL))
		r.bad = true;
	return finish(&r, "OPERATED", e);
}

void
wire_encode_config_file(struct buf *b, const struct wire_config_file *c)
{
	buf_add_u8(b, c->kind);
	buf_add_u32(b, c->mode);
	wire_add_str(b, c->path.s, c->path.len);
	buf_add(b, c->data.s, c->data.len);
}

int
wire_decode_config_file(
    const void *d, size_t n, struct wire_config_file *c, struct err *e)
{
	struct reader r = reader_over(d, n);
	bool end;

	c->kind = take_u8(&r);
	c->mode = take_u32(&r);
	c->path = take_text(&r);
	c->data = take_rest(&r);
	end = c->kind == WIRE_CONFIG_END;
	if (c->kind > WIRE_CONFIG_NAMED || c->mode > 07777 ||
	    c->path.len >= PATH_MAX || c->data.len > WIRE_CONFIG_MAX ||
	    (end ? c->path.len != 0 || c->data.len != 0
		 : c->path.len < 2 || c->path.s[0] != '/') ||
	    (c->data.len > 0 && memchr(c->data.s, '\0', c->data.len) != NULL))
		r.bad = true;
	return finish(&r, "CONFIG_FILE", e);
}

void
wire_encode_err(struct buf *b, uint32_t id, const struct err *what)
{
	buf_add_u32(b, id);
	add_cstr(b, err_name(what->code));
	add_cstr(b, what->text);
	add_cstr(b, what->detail);
	add_cstr(b, what->hint);
}

/* The code that a peer named.  "none" would leave e unset, and a signal that
 * ended the other end is not a signal to us. */
static enum err_code
peer_code(struct wire_str s)
{
	char name[64];
	enum err_code code;

	if (s.len >= sizeof(name))
		return ERR_INTERNAL;
	memcpy(name, s.s, s.len);
	name[s.len] = '\0';
	code = err_code_of(name);
	if (code == ERR_NONE)
		return ERR_INTERNAL;
	return code == ERR_INTERRUPTED ? ERR_AGENT : code;
}

/* Foreign text into a field of struct err: escaped, and cut between
 * characters. */
static void
copy_text(char *to, size_t size, struct wire_str s)
{
	struct buf b = BUF_INIT;
	const char *text;
	size_t n;

	text_add_escaped(&b, s.s, MIN_OF(s.len, TEXT_BYTES));
	text = buf_str(&b);
	n = strlen(text);
	if (n >= size) {
		n = size - 1;
		while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, text, n);
	to[n] = '\0';
	buf_free(&b);
}

int
wire_decode_err(const void *d, size_t n, uint32_t *id, struct err *e)
{
	struct reader r = reader_over(d, n);
	uint32_t file = take_u32(&r);
	struct wire_str code = take_text(&r), text = take_text(&r);
	struct wire_str detail = take_text(&r), hint = take_text(&r);

	if (id != NULL)
		*id = WIRE_NO_ID;
	if (finish(&r, "ERR", e) == -1)
		return -1;
	if (id != NULL)
		*id = file;
	(void)err_set(e, peer_code(code), "%s", "");
	if (e != NULL) {
		copy_text(e->text, sizeof(e->text), text);
		copy_text(e->detail, sizeof(e->detail), detail);
		copy_text(e->hint, sizeof(e->hint), hint);
	}
	return -1;
}

void
wire_encode_verify(struct buf *b, uint64_t start_lsn)
{
	buf_add_u64(b, start_lsn);
}

int
wire_decode_verify(const void *d, size_t n, uint64_t *start_lsn, struct err *e)
{
	struct reader r = reader_over(d, n);

	*start_lsn = take_u64(&r);
	return finish(&r, "VERIFY", e);
}

void
wire_encode_rate(struct buf *b, uint64_t rate)
{
	buf_add_u64(b, rate);
}

int
wire_decode_rate(const void *d, size_t n, uint64_t *rate, struct err *e)
{
	struct reader r = reader_over(d, n);

	*rate = take_u64(&r);
	if (*rate == 0)
		r.bad = true;
	return finish(&r, "RATE", e);
}

void
wire_encode_pong(struct buf *b, uint64_t bytes_read)
{
	buf_add_u64(b, bytes_read);
}

int
wire_decode_pong(const void *d, size_t n, uint64_t *bytes_read, struct err *e)
{
	struct reader r = reader_over(d, n);

	*bytes_read = take_u64(&r);
	return finish(&r, "PONG", e);
}
