/*
 * Integers in memory, aligned or not: in the byte order of this host, as the
 * files of PostgreSQL have them, or with the highest byte first ("be"), as SSH,
 * librsync and our wire do.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/std.h"

static inline uint16_t
bytes_u16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t
bytes_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
bytes_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint16_t
bytes_be16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t
bytes_be32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t
bytes_be64(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)bytes_be32(b) << 32 | bytes_be32(b + 4);
}

static inline void
bytes_put_be32(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}

#endif
