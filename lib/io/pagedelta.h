/*
 * Page hashes and the digest of a file (architecture.md 3.8).
 *
 * A file is cut into pieces of block_size bytes, the last may be short.  The
 * hash of a piece is XXH3-128 with the session's seed; the digest of a file is
 * XXH3-128 (same seed) over the hashes of its pieces in order and the length
 * as u64 big endian.  Not for security: SSH authenticates the peer.
 */
#ifndef IO_PAGEDELTA_H
#define IO_PAGEDELTA_H

#include "base/std.h"

#define PAGEHASH 16

void pagehash(uint64_t seed, const void *data, size_t n, uint8_t out[PAGEHASH]);

/* Sums of the 32 parts of a page (core/parts.h): the low 32 bits of XXH3-64
 * with the seed, big endian. */
#define PAGESUM_PARTS ((size_t)32)
#define PAGESUMS (PAGESUM_PARTS * 4)
void pagesums(uint64_t seed, const void *page, uint32_t block_size,
    uint8_t out[PAGESUMS]);

struct filedigest;
struct filedigest *filedigest_new(void);
void filedigest_free(struct filedigest *d);
void filedigest_start(struct filedigest *d, uint64_t seed, uint32_t block_size);
/* Add one piece by its hash, or raw bytes in any portions (cut into pieces
 * here); do not mix the two in one file. */
void filedigest_add_hash(struct filedigest *d, const uint8_t hash[PAGEHASH]);
void filedigest_add(struct filedigest *d, const void *data, size_t n);
void filedigest_end(
    struct filedigest *d, uint64_t length, uint8_t out[PAGEHASH]);

/* XXH3-128 of a stream of records: session and manifest digests. */
struct streamdigest;
struct streamdigest *streamdigest_new(void);
void streamdigest_free(struct streamdigest *d);
void streamdigest_add(struct streamdigest *d, const void *data, size_t n);
void streamdigest_end(struct streamdigest *d, uint8_t out[PAGEHASH]);

#endif
