/* How busy this machine is, by /proc/stat. */
#ifndef IO_LOAD_H
#define IO_LOAD_H

#include "base/std.h"

struct load {
	int64_t idle; /* ms of all processors since boot, -1: not known */
	int64_t at;   /* clock_us of that */
};

/* Look for the first time. */
void load_begin(struct load *l);
/* Idle processors since the last look, in percent of one (0 to 100 * their
 * number); -1: not known.  Waiting for a disk counts as idle. */
int load_idle(struct load *l);

#endif
