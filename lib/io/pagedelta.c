#include "base/std.h"
#include "base/bytes.h"
#include "io/pagedelta.h"

/* The library's choice among SSE2, AVX2 and AVX-512 at run time, where it was
 * built with it: the same results, twice as fast. */
#if defined(HAVE_XXH_DISPATCH)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

struct filedigest {
	XXH3_state_t *file;  /* over the hashes of the pieces */
	XXH3_state_t *piece; /* the piece that is not complete yet */
	uint64_t seed;
	uint32_t block_size;
	uint32_t filled; /* bytes in piece, < block_size */
};

struct streamdigest {
	XXH3_state_t *state;
};

static void
store(XXH128_hash_t h, uint8_t out[PAGEHASH])
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, h);
	memcpy(out, c.digest, PAGEHASH);
}

void
pagehash(uint64_t seed, const void *data, size_t n, uint8_t out[PAGEHASH])
{
	store(XXH3_128bits_withSeed(data, n, seed), out);
}

void
pagesums(
    uint64_t seed, const void *page, uint32_t block_size, uint8_t out[PAGESUMS])
{
	const uint8_t *p = page;
	size_t size = block_size / PAGESUM_PARTS;

	for (size_t i = 0; i < PAGESUM_PARTS; i++)
		bytes_put_be32(out + i * 4,
		    (uint32_t)XXH3_64bits_withSeed(p + i * size, size, seed));
}

struct filedigest *
filedigest_new(void)
{
	struct filedigest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->file = XXH3_createState();
	d->piece = XXH3_createState();
	if (d->file == NULL || d->piece == NULL) {
		filedigest_free(d);
		return NULL;
	}
	filedigest_start(d, 0, 8192);
	return d;
}

void
filedigest_free(struct filedigest *d)
{
	if (d == NULL)
		return;
	(void)XXH3_freeState(d->file);
	(void)XXH3_freeState(d->piece);
	free(d);
}

void
filedigest_start(struct filedigest *d, uint64_t seed, uint32_t block_size)
{
	(void)XXH3_128bits_reset_withSeed(d->file, seed);
	(void)XXH3_128bits_reset_withSeed(d->piece, seed);
	d->seed = seed;
	d->block_size = block_size;
	d->filled = 0;
}

void
filedigest_add_hash(struct filedigest *d, const uint8_t hash[PAGEHASH])
{
	(void)XXH3_128bits_update(d->file, hash, PAGEHASH);
}

/* The piece in d->piece is complete, or the last one. */
static void
end_piece(struct filedigest *d)
{
	uint8_t hash[PAGEHASH];

	store(XXH3_128bits_digest(d->piece), hash);
	filedigest_add_hash(d, hash);
	(void)XXH3_128bits_reset_withSeed(d->piece, d->seed);
	d->filled = 0;
}

void
filedigest_add(struct filedigest *d, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t hash[PAGEHASH];
	size_t part;

	while (n > 0) {
		part = MIN_OF(n, (size_t)(d->block_size - d->filled));
		if (part == d->block_size) {
			pagehash(d->seed, p, part, hash);
			filedigest_add_hash(d, hash);
		} else {
			(void)XXH3_128bits_update(d->piece, p, part);
			d->filled += (uint32_t)part;
			if (d->filled == d->block_size)
				end_piece(d);
		}
		p += part;
		n -= part;
	}
}

void
filedigest_end(struct filedigest *d, uint64_t length, uint8_t out[PAGEHASH])
{
	uint8_t be[8];

	if (d->filled > 0)
		end_piece(d);
	for (int i = 0; i < 8; i++)
		be[i] = (uint8_t)(length >> (56 - 8 * i));
	(void)XXH3_128bits_update(d->file, be, sizeof(be));
	store(XXH3_128bits_digest(d->file), out);
}

struct streamdigest *
streamdigest_new(void)
{
	struct streamdigest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	if ((d->state = XXH3_createState()) == NULL) {
		free(d);
		return NULL;
	}
	(void)XXH3_128bits_reset(d->state);
	return d;
}

void
streamdigest_free(struct streamdigest *d)
{
	if (d == NULL)
		return;
	(void)XXH3_freeState(d->state);
	free(d);
}

void
streamdigest_add(struct streamdigest *d, const void *data, size_t n)
{
	if (n > 0)
		(void)XXH3_128bits_update(d->state, data, n);
}

void
streamdigest_end(struct streamdigest *d, uint8_t out[PAGEHASH])
{
	store(XXH3_128bits_digest(d->state), out);
}
