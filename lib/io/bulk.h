/*
 * Write a new file from its front to its end.  A large one goes past the page
 * cache (O_DIRECT, whole MiB): copying 4 GB of pages into the cache costs the
 * kernel 3.8 s of a processor where handing them to the disk costs 0.5 s, the
 * cache keeps what the host uses, and the sync at the end finds nothing left to
 * do.  Where the disk is what a clone waits for, memory takes the data again:
 * that decision is made anew while writing.
 *
 * A file system that has no O_DIRECT (tmpfs) is written as ever.
 */
#ifndef IO_BULK_H
#define IO_BULK_H

#include "base/std.h"

#define BULK_CHUNK ((size_t)1 << 20)

struct bulk;                 /* one file at a time */
struct bulk *bulk_new(void); /* NULL: no memory */
void bulk_free(struct bulk *b);

/*
 * fd (borrowed) is an empty file and will get about size bytes, for which room
 * is made.  All return 0, or -1 with errno; ENOSPC and EDQUOT of bulk_begin are
 * such errors, a file system that cannot make room beforehand is none.
 */
int bulk_begin(struct bulk *b, int fd, uint64_t size);
int bulk_add(struct bulk *b, const void *p, size_t n);
/* The file holds what bulk_add was given and nothing else, and the descriptor
 * is without O_DIRECT. */
int bulk_end(struct bulk *b);
/* Nothing more will be written: the descriptor is about to be closed. */
void bulk_drop(struct bulk *b);

/* Is the disk what we wait for?  Of us microseconds, blocked were spent in
 * direct writes of so many bytes.  A disk that takes more from each worker than
 * BULK_FAST (bytes/s) is never slow: the cache is no faster for long. */
#define BULK_FAST 256000000
bool bulk_is_slow(int64_t blocked, int64_t us, uint64_t bytes);

#endif
