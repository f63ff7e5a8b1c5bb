#include "base/std.h"
#include "base/bytes.h"
#include "io/zip.h"

#include <zstd.h>

#define PREFIX 4 /* u32 raw length */
#define AUTO_LEVEL 1
#define SKIP_MIN 4
#define SKIP_MAX 64

struct zip {
	ZSTD_CCtx *c; /* made at first use: most ends only pack or unpack */
	ZSTD_DCtx *d;
	int level; /* 0: none */
	bool adapt;
	unsigned skip;      /* frames to leave alone before the next try */
	unsigned next_skip; /* frames to leave alone if that try fails */
};

struct zip *
zip_new(int level)
{
	struct zip *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return NULL;
	z->adapt = level == ZIP_AUTO;
	z->level = z->adapt ? AUTO_LEVEL : level;
	z->next_skip = SKIP_MIN;
	return z;
}

void
zip_free(struct zip *z)
{
	if (z == NULL)
		return;
	(void)ZSTD_freeCCtx(z->c);
	(void)ZSTD_freeDCtx(z->d);
	free(z);
}

/* The data did not shrink enough: leave the next frames alone. */
static void
back_off(struct zip *z)
{
	z->skip = z->next_skip;
	z->next_skip = MIN_OF(z->next_skip * 2, SKIP_MAX);
}

/* Length of the zstd frame behind the prefix, 0: it did not work or is not
 * smaller than limit. */
static size_t
compress_into(
    struct zip *z, const void *data, size_t n, struct buf *out, size_t limit)
{
	size_t got;
	char *p;

	if (z->c == NULL && (z->c = ZSTD_createCCtx()) == NULL)
		return 0;
	buf_reset(out);
	buf_add_u32(out, (uint32_t)n);
	/* A frame that needs more room than limit fails: not worth it. */
	if ((p = buf_reserve(out, limit)) == NULL)
		return 0;
	got = ZSTD_compressCCtx(z->c, p, limit, data, n, z->level);
	return ZSTD_isError(got) ? 0 : got;
}

int
zip_pack(struct zip *z, const void *data, size_t n, struct buf *out)
{
	size_t limit = z->adapt ? n - n / 8 : n, got;

	if (z->level == 0 || limit <= PREFIX + 1 || n > UINT32_MAX)
		return 0;
	if (z->adapt && z->skip > 0) {
		z->skip--;
		return 0;
	}
	got = compress_into(z, data, n, out, limit - PREFIX - 1);
	if (got == 0) {
		if (z->adapt)
			back_off(z);
		return 0;
	}
	z->next_skip = SKIP_MIN;
	out->len += got;
	out->data[out->len] = '\0';
	return 1;
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
