/*
 * Parts of pages: of a page that differs only those 1/32 travel that differ
 * (man/standby-wire.5, PEEK, WANT, PATCH).
 *
 * A map is a bit for each part of a page, bit 0 (the lowest) for the first.
 * Decoders return 0, or -1 with ERR_PROTOCOL; what they find points into data.
 */
#ifndef CORE_PARTS_H
#define CORE_PARTS_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/wire.h"

#define PARTS 32
#define PARTS_ALL UINT32_MAX
#define PARTS_SUM 4 /* bytes of the sum of a part */
#define PARTS_SUMS ((size_t)PARTS * PARTS_SUM)
#define PARTS_PEEK (4 + PARTS_SUMS)   /* bytes of a page in a PEEK */
#define PARTS_HELD ((size_t)16 << 20) /* bytes of pages held at most */

/* PEEK: n pages, each of them u32 block and the sums of its parts. */
struct parts_peek {
	uint32_t id;
	uint32_t n; /* at least 1 */
	const uint8_t *page;
};

/* WANT: a map for each page of a PEEK, in the same order. */
struct parts_want {
	uint32_t id;
	uint32_t n; /* at least 1 */
	const uint8_t *map;
};

/* One page of a PATCH. */
struct parts_patch {
	uint32_t block, map;
	const uint8_t *data; /* the parts of the map, one after the other */
	size_t len;
};

/* The id comes first (buf_add_u32). */
void parts_encode_peek(
    struct buf *b, uint32_t block, const uint8_t sums[PARTS_SUMS]);
int parts_decode_peek(
    const void *d, size_t n, struct parts_peek *p, struct err *e);
uint32_t parts_peek_block(const struct parts_peek *p, uint32_t i);
const uint8_t *parts_peek_sums(const struct parts_peek *p, uint32_t i);

int parts_decode_want(
    const void *d, size_t n, struct parts_want *w, struct err *e);
uint32_t parts_want_map(const struct parts_want *w, uint32_t i);

/* The id comes first; page: all of it. */
void parts_encode_patch(struct buf *b, uint32_t block, uint32_t map,
    const uint8_t *page, uint32_t block_size);
/* Bytes of the parts of a map. */
size_t parts_size(uint32_t map, uint32_t block_size);
int parts_decode_patch(const void *d, size_t n, uint32_t *id,
    struct wire_str *rest, struct err *e);
/* Take the next page off *rest, which is not empty. */
int parts_next_patch(struct wire_str *rest, uint32_t block_size,
    struct parts_patch *p, struct err *e);

/* Which parts have other sums? */
uint32_t parts_differ(const uint8_t a[PARTS_SUMS], const uint8_t b[PARTS_SUMS]);
/* Put the parts into their places. */
void parts_fill(
    uint8_t *page, uint32_t block_size, const struct parts_patch *p);

#endif
