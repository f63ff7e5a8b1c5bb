/*
 * The processors of this host that we may use.  How busy they are is left to
 * the scheduler (the agent is nice): the load is that of the last minute, our
 * own of the run before included.
 */
#ifndef IO_CORES_H
#define IO_CORES_H

#include "base/std.h"

struct cores_host {
	unsigned online;        /* processors of the machine */
	unsigned allowed;       /* those that we may run on; 0: not known */
	uint64_t quota, period; /* of our control group; 0: no bound */
};
/* At least 1; 0: nothing is known. */
unsigned cores_count(const struct cores_host *h);

/* By /proc, the affinity of this process and its control group (v1 or v2):
 * what cannot be read stays 0. */
void cores_look(struct cores_host *h);
/* cores_count of that. */
unsigned cores_usable(void);

#endif
