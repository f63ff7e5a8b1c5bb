/*
 * librsync jobs with our own descriptors and bounds.  librsync's trace goes to
 * log_debug (rsdelta_init, once per process).
 */
#ifndef IO_RSDELTA_H
#define IO_RSDELTA_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

void rsdelta_init(void);
/* Block length for a basis of that size: 1 kiB..64 kiB, a multiple of 128,
 * about the square root. */
uint32_t rsdelta_block_len(uint64_t basis_size);
/* Bytes of the signature; above RSDELTA_SIG_MAX rssig_new and rsdiff refuse. */
#define RSDELTA_SIG_MAX (64u * 1024u * 1024u)
uint64_t rsdelta_sig_size(uint64_t basis_size);

/* Signature of a file, in portions: each step appends to out; 1: done. */
struct rssig;
struct rssig *rssig_new(int fd, uint64_t size, struct err *e);
int rssig_step(struct rssig *s, struct buf *out, struct err *e);
void rssig_free(struct rssig *s);

/*
 * Delta of a new file against a received signature (agent side).  The header
 * of the signature is parsed by us first: magic of RabinKarp with BLAKE2,
 * strong length 32, block length 1 kiB..64 kiB and a multiple of 128, count =
 * ceil(basis / block length); anything else is ERR_PROTOCOL.  A file whose sums
 * cost too much time goes out as literals from there on.
 */
struct rsdiff;
struct rsdiff *rsdiff_new(uint64_t basis_size, struct err *e);
int rsdiff_sig(struct rsdiff *d, const void *data, size_t n, struct err *e);
int rsdiff_sig_end(struct rsdiff *d, struct err *e);
/* New content in, delta out (appended); last: no more content follows. */
int rsdiff_step(struct rsdiff *d, const void *data, size_t n, bool last,
    struct buf *out, struct err *e);
void rsdiff_free(struct rsdiff *d);

/* Patch: basis + delta -> new content (client side).  max_out bounds the
 * output, input beyond max_in or behind END is ERR_PROTOCOL. */
struct rspatch;
struct rspatch *rspatch_new(
    int basis_fd, uint64_t max_in, uint64_t max_out, struct err *e);
/*
 * Delta bytes in, new content appended to out, about RSPATCH_OUT bytes at most
 * per call: a few bytes of delta can copy the whole basis.  1: more output
 * waits; empty out and call again with (NULL, 0, last).  0: all input is used
 * (with last: the delta was complete).  -1: e is set.
 */
#define RSPATCH_OUT (1024u * 1024u)
int rspatch_step(struct rspatch *p, const void *data, size_t n, bool last,
    struct buf *out, struct err *e);
void rspatch_free(struct rspatch *p);

#endif
