/* The processors of this host that are free for us. */
#ifndef IO_CORES_H
#define IO_CORES_H

#include "base/std.h"
#include "core/crew.h"

/* By /proc, the affinity of this process and its control group (v1 or v2):
 * what cannot be read stays 0. */
void cores_look(struct crew_host *h);
/* crew_free of that. */
unsigned cores_free(void);

#endif
