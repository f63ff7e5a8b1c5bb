/* A file that others read while it is replaced: they see the old one or the new
 * one, never a part. */
#ifndef IO_OUTFILE_H
#define IO_OUTFILE_H

#include "base/std.h"
#include "base/err.h"

/*
 * Written under a temporary name beside it, given the mode whatever the umask,
 * synced when sync, renamed.  What is there already must be a regular file: a
 * link or a device (/dev/stdout) is not replaced.  0, or -1 with ERR_IO; the
 * old file is untouched then.
 */
int outfile_write(const char *path, mode_t mode, bool sync, const void *data,
    size_t n, struct err *e);

#endif
