#include "base/std.h"
#include "base/bytes.h"
#include "io/zip.h"

#include <zstd.h>

#define PREFIX 4 /* u32 raw length */
#define SAMPLE ((size_t)8192)
#define SMALL (4 * SAMPLE) /* frames below are not sampled */
#define TINY 1024          /* no level but 1 shrinks these */
#define LEAVE 7
#define FIRST_LEVEL 1

struct zip {
	ZSTD_CCtx *c; /* made at first use: most ends only pack or unpack */
	ZSTD_DCtx *d;
	bool automatic;
	int level; /* 0: none */
	int also;
	unsigned min;
	unsigned leave;   /* small frames to leave raw */
	struct buf other; /* what the second level makes of it */
};

struct zip *
zip_new(int level)
{
	struct zip *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return NULL;
	z->automatic = level == ZIP_AUTO;
	z->level = level;
	zip_aim(z, FIRST_LEVEL, 0, 16);
	return z;
}

void
zip_free(struct zip *z)
{
	if (z == NULL)
		return;
	(void)ZSTD_freeCCtx(z->c);
	(void)ZSTD_freeDCtx(z->d);
	buf_free(&z->other);
	free(z);
}

void
zip_aim(struct zip *z, int level, int also, unsigned min)
{
	if (!z->automatic)
		return;
	z->level = level;
	z->also = also;
	z->min = min;
}

/* The prefix and a zstd frame of at most limit bytes into out: its length, 0:
 * it needs more room than that. */
static size_t
compress_into(struct zip *z, int level, const void *data, size_t n,
    struct buf *out, size_t limit)
{
	size_t got;
	char *p;

	buf_reset(out);
	buf_add_u32(out, (uint32_t)n);
	if ((p = buf_reserve(out, limit)) == NULL)
		return 0;
	got = ZSTD_compressCCtx(z->c, p, limit, data, n, level);
	if (ZSTD_isError(got))
		return 0;
	out->len += got;
	out->data[out->len] = '\0';
	return got;
}

/* Does one page of the middle shrink as it should?  Negative levels leave
 * literals as they are: only the level itself tells what it would do. */
static bool
sample(struct zip *z, const char *data, size_t n, struct buf *out)
{
	size_t at = n / 2 / SAMPLE * SAMPLE;

	return compress_into(z, MIN_OF(z->level, FIRST_LEVEL), data + at,
		   SAMPLE, out, SAMPLE * 16 / z->min) > 0;
}

static bool
promising(struct zip *z, const char *data, size_t n, struct buf *out)
{
	if (!z->automatic)
		return true;
	if (n >= SMALL)
		return sample(z, data, n, out);
	if (z->leave == 0)
		return true;
	z->leave--;
	return false;
}

/* A small frame was its own sample. */
static void
learn(struct zip *z, size_t n, size_t got)
{
	if (n < SMALL && (got == 0 || got * z->min > n * 16))
		z->leave = LEAVE;
}

int
zip_pack(struct zip *z, const void *data, size_t n, struct buf *out)
{
	size_t limit = z->automatic ? n - n / 16 : n, got;
	int level = n < TINY ? MAX_OF(z->level, FIRST_LEVEL) : z->level;

	if (z->level == 0 || limit <= PREFIX + 1 || n > UINT32_MAX)
		return 0;
	if (z->c == NULL && (z->c = ZSTD_createCCtx()) == NULL)
		return 0;
	if (!promising(z, data, n, out))
		return 0;
	got = compress_into(z, level, data, n, out, limit - PREFIX - 1);
	if (got > 0 && z->also != 0 &&
	    compress_into(z, z->also, data, n, &z->other, got) > 0) {
		buf_reset(out);
		buf_add(out, z->other.data, z->other.len);
	}
	learn(z, n, got);
	return got > 0 && buf_ok(out);
}

/* Exactly one frame, that says itself that it holds raw bytes. */
static bool
frame_ok(const uint8_t *p, size_t n, uint32_t raw)
{
	return ZSTD_getFrameContentSize(p, n) == raw &&
	       ZSTD_findFrameCompressedSize(p, n) == n;
}

int
zip_unpack(struct zip *z, const void *data, size_t n, size_t max,
    struct buf *out, struct err *e)
{
	const uint8_t *p = data;
	uint32_t raw = n > PREFIX ? bytes_be32(p) : 0;
	size_t got;
	char *to;

	if (raw == 0 || raw > max || !frame_ok(p + PREFIX, n - PREFIX, raw))
		return err_set(e, ERR_PROTOCOL, "malformed compressed frame");
	if (z->d == NULL && (z->d = ZSTD_createDCtx()) == NULL)
		return err_set_nomem(e);
	buf_reset(out);
	if ((to = buf_reserve(out, raw)) == NULL)
		return err_set_nomem(e);
	got = ZSTD_decompressDCtx(z->d, to, raw, p + PREFIX, n - PREFIX);
	if (ZSTD_isError(got) || got != raw)
		return err_set(e, ERR_PROTOCOL, "damaged compressed frame");
	out->len = raw;
	out->data[raw] = '\0';
	return 0;
}
