/*
 * A growing byte string.  Start with BUF_INIT; data is NUL-terminated after
 * the first successful add.  When memory runs out the buffer is marked failed,
 * later adds do nothing, and the caller looks once, at the end (buf_ok).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/std.h"

struct buf {
	char *data;
	size_t len; /* bytes used, without the NUL */
	size_t cap;
	bool failed;
};

#define BUF_INIT                                                               \
	{                                                                      \
		.data = NULL                                                   \
	}

void buf_free(struct buf *b);  /* leaves an empty buffer */
void buf_reset(struct buf *b); /* empty, memory kept, failure forgotten */
static inline bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}
/* Make room for n more bytes; returns where they go, or NULL. */
char *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTFLIKE(2, 3);
/* Drop n bytes at the front (n <= len). */
void buf_consume(struct buf *b, size_t n);
/* The text, "" when empty or failed; borrowed. */
const char *buf_str(const struct buf *b);
/* Hand the memory to the caller (free()); NULL when failed. */
char *buf_steal(struct buf *b);
/* Likewise, but NULL when it is empty; failed: *failed is set. */
char *buf_take(struct buf *b, bool *failed);

/* Big-endian integers, for the wire. */
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);

#endif
