/* Which Linux this is, where a system call does less on an older one. */
#ifndef IO_KERNEL_H
#define IO_KERNEL_H

#include "base/std.h"

/* Is release, as uname(2) tells it ("4.18.0-553.el8"), that version or a newer
 * one?  What cannot be read is old. */
bool kernel_release_is(const char *release, unsigned major, unsigned minor);
/* The one that runs. */
bool kernel_is(unsigned major, unsigned minor);

#endif
