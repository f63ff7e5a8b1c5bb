#include "base/std.h"
#include "core/path.h"
#include "flow/agent_int.h"

char *
agent_files_path(const struct wire_str *s, struct err *e)
{
	const char *why = path_check(s->s, s->len);
	char *p;

	if (why != NULL) {
		(void)err_set(e, ERR_PROTOCOL, "path \"%.*s\" %s",
		    (int)MIN_OF(s->len, (size_t)200), s->len > 0 ? s->s : "",
		    why);
		return NULL;
	}
	if ((p = strndup(s->s, s->len)) == NULL)
		(void)err_set_nomem(e);
	return p;
}

void
agent_files_free(struct agent_file *f)
{
	pagecache_end(&f->cache);
	if (f->fd != -1)
		(void)close(f->fd);
	free(f->path);
	filedigest_free(f->digest);
	*f = (struct agent_file){.fd = -1};
}

/* Before the first byte is read: what is written from here on shows. */
static bool
is_regular(struct agent *a, struct agent_file *f)
{
	struct filestamp_clock now;
	struct stat st;

	if (fstat(f->fd, &st) == -1 || !S_ISREG(st.st_mode))
		return false;
	f->stamp = tree_stamp(&st);
	agent_open_clock(&now);
	f->settled = fskind_keeps(&a->fskind, f->fd, f->stamp.dev) &&
		     filestamp_settled(&f->stamp, &a->opened, &now);
	return true;
}

int
agent_files_open(struct agent *a, struct agent_file *f, struct err *e)
{
	if (f->digest == NULL && (f->digest = filedigest_new()) == NULL)
		return err_set_nomem(e);
	filedigest_start(f->digest, a->seed, a->block_size);
	f->size = 0;
	f->status = WIRE_FILE_OK;
	f->settled = false;
	f->stamp = (struct filestamp){0};
	agent_verify_begin(a, f);
	if (agent_open_tablespace(a, f->path, e) == -1)
		return -1;
	f->fd = tree_openat(a->t, f->path, O_RDONLY, 0);
	if (f->fd != -1 && is_regular(a, f)) {
		pagecache_begin(&f->cache, f->fd, f->stamp.size);
		return 0;
	}
	if (f->fd != -1) {
		(void)close(f->fd);
		f->fd = -1;
		f->status = WIRE_FILE_NOT_REGULAR;
		return 0;
	}
	switch (errno) {
	case ENOENT:
		f->status = WIRE_FILE_VANISHED;
		return 0;
	case ELOOP: /* a link, there or on the way */
	case EXDEV:
	case ENOTDIR:
	case ENXIO: /* a socket */
		f->status = WIRE_FILE_NOT_REGULAR;
		return 0;
	default:
		return err_set_errno(
		    e, ERR_SOURCE_IO, "could not open file \"%s\"", f->path);
	}
}

int
agent_files_end(struct agent *a, struct agent_file *f, struct err *e)
{
	struct wire_file_end end = {.id = f->id,
	    .status = f->status,
	    .size = f->size,
	    .bad = f->bad,
	    .first_bad = f->first_bad,
	    .settled = f->settled && f->status == WIRE_FILE_OK,
	    .stamp = f->stamp};
	struct buf b = BUF_INIT;
	int rc;

	if (f->fd != -1) {
		filedigest_end(f->digest, f->size, end.digest);
		pagecache_end(&f->cache);
		(void)close(f->fd);
		f->fd = -1;
	}
	free(f->path);
	f->path = NULL;
	f->active = false;
	wire_encode_file_end(&b, &end);
	if (!buf_ok(&b)) {
		rc = err_set_nomem(e);
	} else {
		streamdigest_add(a->ends, b.data, b.len);
		a->files++;
		rc = chan_send_buf(a->c, WIRE_FILE_END, &b, e);
	}
	buf_free(&b);
	a->id = WIRE_NO_ID;
	return rc;
}

ssize_t
agent_files_read(struct agent *a, struct agent_file *f, size_t n, uint64_t off,
    struct err *e)
{
	ssize_t got = pagecache_read(&f->cache, a->data, n, off);

	if (got == -1)
		return err_set_errno(
		    e, ERR_SOURCE_IO, "could not read file \"%s\"", f->path);
	a->bytes_read += (uint64_t)got;
	if (agent_verify(a, f, off, (size_t)got, e) == -1)
		return -1;
	pagecache_after(&f->cache, off + (uint64_t)got);
	return got;
}

/* The next n bytes, counted and hashed. */
static ssize_t
read_some(struct agent *a, struct agent_file *f, size_t n, struct err *e)
{
	ssize_t got = agent_files_read(a, f, n, f->size, e);

	if (got == -1)
		return -1;
	f->size += (uint64_t)got;
	filedigest_add(f->digest, a->data, (size_t)got);
	return got;
}

/* --- BATCH -----------------------------------------------------------------
 */

/* Does the name still lead to the file that was read (faults B29)? */
static bool
still_same(struct agent *a, const struct agent_file *f)
{
	struct filestamp now;
	struct stat st;

	if (tree_stat(a->t, f->path, &st) == -1)
		return false;
	now = tree_stamp(&st);
	return now.dev == f->stamp.dev && now.ino == f->stamp.ino &&
	       now.size == f->stamp.size;
}

static int
send_content(struct agent *a, struct agent_file *f, struct err *e)
{
	uint8_t id[4];
	uint64_t left;
	ssize_t n;

	wire_put_u32(id, f->id);
	while ((left = f->limit - f->size) > 0) {
		n = read_some(
		    a, f, (size_t)MIN_OF(left, (uint64_t)a->chunk), e);
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		a->bytes_sent += (uint64_t)n;
		if (agent_io_data(a, WIRE_DATA, id, sizeof(id), a->data,
			(size_t)n, e) == -1 ||
		    agent_hold_serve(a, e) == -1)
			return -1;
	}
	return 0;
}

static int
send_file(struct agent *a, struct agent_file *f, uint8_t flags, struct err *e)
{
	a->id = f->id;
	if (agent_files_open(a, f, e) == -1)
		return -1;
	if (f->fd == -1)
		return agent_files_end(a, f, e);
	if (flags & WIRE_FILE_TO_EOF)
		f->limit = f->stamp.size;
	if (send_content(a, f, e) == -1)
		return -1;
	if ((flags & WIRE_FILE_SAME) && !still_same(a, f))
		f->status = WIRE_FILE_CHANGED;
	return agent_files_end(a, f, e);
}

/* The whole request is looked at before the first file is. */
static int
check_batch(
    const struct agent *a, uint32_t *n, struct wire_str *files, struct err *e)
{
	struct wire_file w;
	struct wire_str rest;
	char *path;

	if (wire_decode_batch(a->req.data, a->req.len, n, files, e) == -1)
		return -1;
	if (*n == 0)
		return err_set(e, ERR_PROTOCOL, "BATCH without a file");
	rest = *files;
	for (uint32_t i = 0; i < *n; i++) {
		if (wire_next_file(&rest, &w, e) == -1)
			return -1;
		if ((w.flags & ~(WIRE_FILE_TO_EOF | WIRE_FILE_SAME)) != 0 ||
		    w.id == WIRE_NO_ID)
			return err_set(e, ERR_PROTOCOL,
			    "BATCH has an unknown flag or no id");
		if ((path = agent_files_path(&w.path, e)) == NULL)
			return -1;
		free(path);
	}
	if (rest.len != 0)
		return err_set(
		    e, ERR_PROTOCOL, "BATCH holds more than its %u files", *n);
	return 0;
}

int
agent_files_batch(struct agent *a, struct err *e)
{
	struct agent_file f = {.fd = -1};
	struct wire_str rest;
	struct wire_file w;
	uint32_t n;
	int rc;

	rc = check_batch(a, &n, &rest, e);
	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		if ((rc = wire_next_file(&rest, &w, e)) == -1)
			break;
		f.id = w.id;
		f.limit = w.limit;
		if ((f.path = agent_files_path(&w.path, e)) == NULL)
			rc = -1;
		else if ((rc = send_file(a, &f, w.flags, e)) == 0)
			rc = agent_send_room(a, e);
	}
	agent_files_free(&f);
	return rc;
}

/* --- SIG -------------------------------------------------------------------
 */

static int
sig_first(struct agent *a, const struct wire_sig *s, struct err *e)
{
	struct agent_file *f = &a->sig;

	if (f->active)
		return err_set(e, ERR_PROTOCOL,
		    "SIG of file %u begins before that of file %u has ended",
		    s->id, f->id);
	if ((f->path = agent_files_path(&s->path, e)) == NULL)
		return -1;
	f->active = true;
	f->id = s->id;
	f->limit = s->limit == 0 ? UINT64_MAX : s->limit;
	rsdiff_free(a->diff);
	a->diff = rsdiff_new(s->basis, e);
	return a->diff == NULL ? -1 : 0;
}

/* Send what b holds in frames of a->chunk; all of it, or what fills one. */
static int
send_delta(struct agent *a, struct buf *b, bool all, struct err *e)
{
	uint8_t id[4];
	size_t n, pos = 0;

	if (!buf_ok(b))
		return err_set_nomem(e);
	wire_put_u32(id, a->sig.id);
	while (b->len - pos >= a->chunk || (all && pos < b->len)) {
		n = MIN_OF(b->len - pos, a->chunk);
		a->bytes_sent += n;
		if (agent_io_data(a, WIRE_DELTA, id, sizeof(id), b->data + pos,
			n, e) == -1)
			return -1;
		pos += n;
	}
	buf_consume(b, pos);
	return 0;
}

static int
send_deltas(struct agent *a, struct err *e)
{
	struct agent_file *f = &a->sig;
	struct buf b = BUF_INIT;
	ssize_t n;
	int rc;

	do {
		n = read_some(a, f,
		    (size_t)MIN_OF(f->limit - f->size, (uint64_t)WIRE_CHUNK),
		    e);
		rc = n == -1 ? -1
			     : rsdiff_step(
				   a->diff, a->data, (size_t)n, n == 0, &b, e);
		if (rc != -1)
			rc = send_delta(a, &b, n == 0, e);
		if (rc != -1)
			rc = agent_io_tick(a, e);
	} while (rc != -1 && n > 0);
	buf_free(&b);
	return rc == -1 ? -1 : 0;
}

static int
sig_last(struct agent *a, struct err *e)
{
	struct agent_file *f = &a->sig;
	int rc;

	if (rsdiff_sig_end(a->diff, e) == -1 || agent_files_open(a, f, e) == -1)
		return -1;
	if (f->fd != -1 && send_deltas(a, e) == -1)
		return -1;
	rc = agent_files_end(a, f, e);
	rsdiff_free(a->diff);
	a->diff = NULL;
	return rc;
}

int
agent_files_sig(struct agent *a, struct err *e)
{
	struct wire_sig s;

	if (wire_decode_sig(a->req.data, a->req.len, &s, e) == -1)
		return -1;
	if ((s.flags & ~(WIRE_FIRST | WIRE_LAST)) != 0 || s.id == WIRE_NO_ID)
		return err_set(
		    e, ERR_PROTOCOL, "SIG has an unknown flag or no id");
	a->id = s.id;
	if ((s.flags & WIRE_FIRST) && sig_first(a, &s, e) == -1)
		return -1;
	if (!a->sig.active || a->sig.id != s.id)
		return err_set(e, ERR_PROTOCOL,
		    "SIG of file %u, which has not begun", s.id);
	if (!(s.flags & WIRE_FIRST) && s.path.len != 0)
		return err_set(
		    e, ERR_PROTOCOL, "SIG of file %u names it twice", s.id);
	if (rsdiff_sig(a->diff, s.data, s.len, e) == -1)
		return -1;
	if (s.flags & WIRE_LAST)
		return sig_last(a, e);
	a->id = WIRE_NO_ID;
	return 0;
}
