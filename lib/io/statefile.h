/*
 * The state file of repl-status: JSON, mode 0600, replaced as a whole
 * (temporary file beside it, rename).  FILE.lock is held while a run uses it.
 */
#ifndef IO_STATEFILE_H
#define IO_STATEFILE_H

#include "base/std.h"
#include "base/err.h"
#include "core/trend.h"

struct statefile;

/*
 * Open and lock, and read what is there into *last (unset when there is no
 * file, or it is damaged, too large or another program's: *ignored then says
 * why and where it is now, else it is ""; unless it was empty it is kept as
 * FILE.old, in place of an older FILE.old).  A symbolic link, a
 * directory, a file of another user: ERR_IO, never replaced.  Another run holds
 * the lock: 0 with *f NULL and *overlap true: *last is read, nothing will be
 * written, *ignored says since when that run is active (UTC).
 */
int statefile_open(struct statefile **f, const char *path, struct trend *last,
    bool *overlap, char *ignored, size_t size, struct err *e);
int statefile_write(struct statefile *f, const struct trend *t, struct err *e);
void statefile_close(struct statefile *f); /* NULL-safe */

#endif
