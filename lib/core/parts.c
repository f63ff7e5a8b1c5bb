#include "base/std.h"
#include "core/parts.h"

static int
malformed(const char *what, struct err *e)
{
	return err_set(e, ERR_PROTOCOL, "malformed %s frame", what);
}

/* An id and then n things of the same size, one at least. */
static int
decode_list(const uint8_t *d, size_t len, size_t size, uint32_t *id,
    uint32_t *n, const uint8_t **list)
{
	if (len < 4 + size || len > WIRE_MAX || (len - 4) % size != 0)
		return -1;
	*id = wire_get_u32(d);
	*n = (uint32_t)((len - 4) / size);
	*list = d + 4;
	return *id == WIRE_NO_ID ? -1 : 0;
}

void
parts_encode_peek(struct buf *b, uint32_t block, const uint8_t sums[PARTS_SUMS])
{
	buf_add_u32(b, block);
	buf_add(b, sums, PARTS_SUMS);
}

int
parts_decode_peek(const void *d, size_t n, struct parts_peek *p, struct err *e)
{
	if (decode_list(d, n, PARTS_PEEK, &p->id, &p->n, &p->page) == -1)
		return malformed("PEEK", e);
	for (uint32_t i = 1; i < p->n; i++)
		if (parts_peek_block(p, i) <= parts_peek_block(p, i - 1))
			return malformed("PEEK", e);
	return 0;
}

uint32_t
parts_peek_block(const struct parts_peek *p, uint32_t i)
{
	return wire_get_u32(p->page + i * PARTS_PEEK);
}

const uint8_t *
parts_peek_sums(const struct parts_peek *p, uint32_t i)
{
	return p->page + i * PARTS_PEEK + 4;
}

int
parts_decode_want(const void *d, size_t n, struct parts_want *w, struct err *e)
{
	if (decode_list(d, n, 4, &w->id, &w->n, &w->map) == -1)
		return malformed("WANT", e);
	return 0;
}

uint32_t
parts_want_map(const struct parts_want *w, uint32_t i)
{
	return wire_get_u32(w->map + (size_t)i * 4);
}

static bool
has(uint32_t map, unsigned part)
{
	return (map >> part & 1) != 0;
}

size_t
parts_size(uint32_t map, uint32_t block_size)
{
	size_t n = 0;

	for (; map != 0; map &= map - 1)
		n++;
	return n * (block_size / PARTS);
}

void
parts_encode_patch(struct buf *b, uint32_t block, uint32_t map,
    const uint8_t *page, uint32_t block_size)
{
	size_t size = block_size / PARTS;

	buf_add_u32(b, block);
	buf_add_u32(b, map);
	for (unsigned i = 0; i < PARTS; i++)
		if (has(map, i))
			buf_add(b, page + i * size, size);
}

int
parts_decode_patch(
    const void *d, size_t n, uint32_t *id, struct wire_str *rest, struct err *e)
{
	if (n < 4 + 8 || (*id = wire_get_u32(d)) == WIRE_NO_ID)
		return malformed("PATCH", e);
	*rest = (struct wire_str){(const char *)d + 4, n - 4};
	return 0;
}

int
parts_next_patch(struct wire_str *rest, uint32_t block_size,
    struct parts_patch *p, struct err *e)
{
	const uint8_t *d = (const uint8_t *)rest->s;

	if (rest->len < 8)
		return malformed("PATCH", e);
	p->block = wire_get_u32(d);
	p->map = wire_get_u32(d + 4);
	p->len = parts_size(p->map, block_size);
	p->data = d + 8;
	if (rest->len - 8 < p->len)
		return malformed("PATCH", e);
	rest->s += 8 + p->len;
	rest->len -= 8 + p->len;
	return 0;
}

uint32_t
parts_differ(const uint8_t a[PARTS_SUMS], const uint8_t b[PARTS_SUMS])
{
	uint32_t map = 0;

	for (unsigned i = 0; i < PARTS; i++)
		if (memcmp(a + i * PARTS_SUM, b + i * PARTS_SUM, PARTS_SUM) !=
		    0)
			map |= UINT32_C(1) << i;
	return map;
}

void
parts_fill(uint8_t *page, uint32_t block_size, const struct parts_patch *p)
{
	size_t size = block_size / PARTS;
	const uint8_t *from = p->data;

	for (unsigned i = 0; i < PARTS; i++)
		if (has(p->map, i)) {
			memcpy(page + i * size, from, size);
			from += size;
		}
}
