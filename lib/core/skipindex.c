#include "base/std.h"
#include "core/path.h"
#include "core/pgcontrol.h"
#include "core/skipindex.h"
#include "core/wire.h"

/* --- is it true? ---------------------------------------------------------- */

static bool
was_shut_down(uint32_t state)
{
	return state == PGSTATE_SHUTDOWNED ||
	       state == PGSTATE_SHUTDOWNED_IN_RECOVERY;
}

/* A boot id that could not be read proves nothing. */
static bool
same_boot(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

enum skip_void
skipindex_usable(const struct skip_header *h, const struct skip_now *now)
{
	const struct skip_header *is = &now->is;

	if (h->system_identifier == 0 ||
	    h->system_identifier != is->system_identifier)
		return SKIP_CLUSTER;
	if (h->target_dev != is->target_dev || h->target_ino != is->target_ino)
		return SKIP_TARGET;
	if (!same_boot(h->target_boot, is->target_boot))
		return SKIP_TARGET_BOOT;
	if (!now->keeps)
		return SKIP_FILE_SYSTEM;
	if (!was_shut_down(now->control_state) &&
	    (!filestamp_same(&h->control, &is->control) ||
		h->control_crc != is->control_crc))
		return SKIP_NOT_CLEAN;
	if (strcmp(h->source_host, is->source_host) != 0)
		return SKIP_HOST;
	if (!same_boot(h->source_boot, is->source_boot))
		return SKIP_SOURCE_BOOT;
	if (strcmp(h->source_pgdata, is->source_pgdata) != 0 ||
	    h->source_dev != is->source_dev || h->source_ino != is->source_ino)
		return SKIP_SOURCE;
	if (h->block_size != is->block_size)
		return SKIP_BLOCK_SIZE;
	if (is->verified && !h->verified)
		return SKIP_UNVERIFIED;
	return SKIP_USABLE;
}

const char *
skipindex_why(enum skip_void why)
{
	switch (why) {
	case SKIP_USABLE:
		break;
	case SKIP_DAMAGED:
		return "it is damaged";
	case SKIP_OTHER_FORMAT:
		return "another version of standby-clone wrote it";
	case SKIP_CLUSTER:
		return "it is of another cluster";
	case SKIP_HOST:
		return "the last clone was made from another host";
	case SKIP_SOURCE:
		return "the last clone was made from another directory";
	case SKIP_SOURCE_BOOT:
		return "the source's machine was started again, or is another";
	case SKIP_TARGET:
		return "it is of another directory, which was copied here";
	case SKIP_TARGET_BOOT:
		return "this machine was started again since";
	case SKIP_BLOCK_SIZE:
		return "it is of another block size";
	case SKIP_UNVERIFIED:
		return "the last clone did not look at page checksums";
	case SKIP_FILE_SYSTEM:
		return "this file system, or how it is mounted, does not show "
		       "every change";
	case SKIP_NOT_CLEAN:
		return "the server was not shut down cleanly";
	}
	return "";
}

bool
skipindex_covers(const char *path)
{
	static const char *const dirs[] = {"base", "global", "pg_tblspc",
	    "pg_xact", "pg_clog", "pg_multixact", "pg_commit_ts"};

	if (strcmp(path, "global/pg_control") == 0)
		return false;
	for (size_t i = 0; i < NELEM(dirs); i++)
		if (path_below(path, dirs[i], false))
			return true;
	return false;
}

bool
skipindex_same(const struct skip_record *r, const struct entry *src,
    const struct entry *dst)
{
	const struct filestamp s = manifest_stamp(src), d = manifest_stamp(dst);

	return src->type == ENTRY_FILE && dst->type == ENTRY_FILE &&
	       dst->nlink == 1 && skipindex_covers(src->path) &&
	       strcmp(r->path, src->path) == 0 &&
	       strcmp(r->path, dst->path) == 0 && s.size == d.size &&
	       filestamp_same(&r->src, &s) && filestamp_same(&r->dst, &d);
}

bool
skipindex_taken(const struct entry *src, const struct skip_read *r)
{
	const struct filestamp listed = manifest_stamp(src);

	return src->type == ENTRY_FILE && skipindex_covers(src->path) &&
	       r->status == WIRE_FILE_OK && r->settled && r->bad == 0 &&
	       r->size == src->size && filestamp_fine(&r->stamp) &&
	       filestamp_same(&r->stamp, &listed);
}

bool
skipindex_ours(
    const struct filestamp *dst, uint64_t nlink, bool keeps, uint64_t size)
{
	return keeps && nlink == 1 && dst->size == size && filestamp_fine(dst);
}

/* --- the file ------------------------------------------------------------- */

static void
add_text(struct buf *b, const char *s)
{
	wire_add_str(b, s, strlen(s) + 1);
}

void
skipindex_begin(struct buf *b, const struct skip_header *h)
{
	buf_adds(b, SKIP_MAGIC);
	buf_add_u32(b, SKIP_FORMAT);
	buf_add_u64(b, h->system_identifier);
	buf_add_u64(b, h->seed);
	buf_add_u32(b, h->block_size);
	buf_add_u8(b, h->verified);
	add_text(b, h->source_host);
	add_text(b, h->source_pgdata);
	add_text(b, h->source_boot);
	buf_add_u64(b, h->source_dev);
	buf_add_u64(b, h->source_ino);
	add_text(b, h->target_boot);
	buf_add_u64(b, h->target_dev);
	buf_add_u64(b, h->target_ino);
	wire_add_stamp(b, &h->control);
	buf_add_u32(b, h->control_crc);
}

void
skipindex_add(struct buf *b, const struct skip_record *r)
{
	add_text(b, r->path);
	wire_add_stamp(b, &r->src);
	wire_add_stamp(b, &r->dst);
	buf_add(b, r->digest, SKIP_DIGEST);
}

void
skipindex_end(struct buf *b, uint32_t n)
{
	buf_add_u8(b, 0);
	buf_add_u8(b, 0);
	buf_add_u32(b, n);
}

/* As in core/wire.c: after the first thing that does not fit, bad stays set,
 * and is looked at once. */
struct reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static const uint8_t *
take(struct reader *r, size_t n)
{
	static const uint8_t zero[2 * WIRE_STAMP];
	const uint8_t *p = r->p;

	if (r->bad || n > r->left) {
		r->bad = true;
		return n <= sizeof(zero) ? zero : NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

static uint64_t
take_u64(struct reader *r)
{
	return wire_get_u64(take(r, 8));
}

static uint32_t
take_u32(struct reader *r)
{
	return wire_get_u32(take(r, 4));
}

/* A C string with its NUL and no other; "" when it is none. */
static const char *
take_text(struct reader *r)
{
	const uint8_t *len = take(r, 2);
	size_t n = (size_t)len[0] << 8 | len[1];
	const uint8_t *p = take(r, n);

	if (r->bad || n == 0 || memchr(p, '\0', n) != p + n - 1) {
		r->bad = true;
		return "";
	}
	return (const char *)p;
}

static enum skip_void
take_header(struct reader *r, struct skip_header *h)
{
	const uint8_t *magic = take(r, strlen(SKIP_MAGIC));
	const uint8_t *flag;

	if (r->bad || memcmp(magic, SKIP_MAGIC, strlen(SKIP_MAGIC)) != 0)
		return SKIP_DAMAGED;
	if (take_u32(r) != SKIP_FORMAT)
		return r->bad ? SKIP_DAMAGED : SKIP_OTHER_FORMAT;
	h->system_identifier = take_u64(r);
	h->seed = take_u64(r);
	h->block_size = take_u32(r);
	flag = take(r, 1);
	h->verified = flag[0] == 1;
	r->bad = r->bad || flag[0] > 1;
	h->source_host = take_text(r);
	h->source_pgdata = take_text(r);
	h->source_boot = take_text(r);
	h->source_dev = take_u64(r);
	h->source_ino = take_u64(r);
	h->target_boot = take_text(r);
	h->target_dev = take_u64(r);
	h->target_ino = take_u64(r);
	wire_get_stamp(take(r, WIRE_STAMP), &h->control);
	h->control_crc = take_u32(r);
	return r->bad ? SKIP_DAMAGED : SKIP_USABLE;
}

static int
note(struct skipindex *ix, uint32_t at, uint32_t *cap)
{
	uint32_t more = *cap == 0 ? 1024 : *cap * 2;
	uint32_t *v;

	if (ix->n == MANIFEST_MAX)
		return -1;
	if (ix->n == *cap) {
		if ((v = reallocarray(ix->at, more, sizeof(*v))) == NULL)
			return -1;
		ix->at = v;
		*cap = more;
	}
	ix->at[ix->n++] = at;
	return 0;
}

static bool
at_end(const struct reader *r)
{
	return r->left >= 2 && r->p[0] == 0 && r->p[1] == 0;
}

static int
take_records(struct reader *r, struct skipindex *ix)
{
	const char *path, *last = NULL;
	uint32_t cap = 0;

	while (!r->bad && !at_end(r)) {
		uint32_t at = (uint32_t)(r->p - ix->data);

		path = take_text(r);
		(void)take(r, 2 * WIRE_STAMP);
		(void)take(r, SKIP_DIGEST);
		if (r->bad || path_check(path, strlen(path)) != NULL ||
		    (last != NULL && path_cmp(last, path) >= 0) ||
		    note(ix, at, &cap) == -1)
			return -1;
		last = path;
	}
	(void)take(r, 2);
	return take_u32(r) == ix->n && !r->bad && r->left == 0 ? 0 : -1;
}

enum skip_void
skipindex_decode(const void *data, size_t n, struct skipindex *ix)
{
	struct reader r = {.p = data, .left = n, .bad = n > SKIP_MAX};
	enum skip_void why;

	*ix = (struct skipindex){.data = data};
	why = take_header(&r, &ix->h);
	if (why == SKIP_USABLE && take_records(&r, ix) == -1)
		why = SKIP_DAMAGED;
	if (why != SKIP_USABLE)
		skipindex_free(ix);
	return why;
}

bool
skipindex_find(
    const struct skipindex *ix, const char *path, struct skip_record *r)
{
	uint32_t lo = 0, hi = ix->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const uint8_t *p = ix->data + ix->at[mid] + 2;
		int cmp = path_cmp((const char *)p, path);

		if (cmp == 0) {
			r->path = (const char *)p;
			p += strlen(r->path) + 1;
			wire_get_stamp(p, &r->src);
			wire_get_stamp(p + WIRE_STAMP, &r->dst);
			r->digest = p + (size_t)2 * WIRE_STAMP;
			return true;
		}
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

void
skipindex_free(struct skipindex *ix)
{
	free(ix->at);
	*ix = (struct skipindex){.n = 0};
}
