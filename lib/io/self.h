/* Where this program runs from, and what stands beside it. */
#ifndef IO_SELF_H
#define IO_SELF_H

#include "base/std.h"

/* The directory of the running program, without a slash at its end.  0, or -1:
 * /proc does not tell, or it does not fit; dir is "" then. */
int self_dir(char *dir, size_t size);

/* The program `name` in that directory.  0, or -1: none is there that we may
 * run; path is "" then. */
int self_beside(const char *name, char *path, size_t size);

#endif
