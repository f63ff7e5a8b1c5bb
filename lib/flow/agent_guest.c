#include "base/std.h"
#include "flow/agent_int.h"

#include <sys/syscall.h>

/* linux/ioprio.h is not part of the C library. */
#define IOPRIO_OF_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

#define MEMORY_MAX (1024L * 1024 * 1024)
#define UMASK 077

/* Soft limits only: what we start must not inherit them. */
static void
bound(const struct agent *a, bool lifted)
{
	struct rlimit core = a->core;
#ifndef SANITIZED
	struct rlimit memory = a->memory;

	if (!lifted &&
	    (memory.rlim_cur == RLIM_INFINITY || memory.rlim_cur > MEMORY_MAX))
		memory.rlim_cur = MEMORY_MAX;
	(void)setrlimit(RLIMIT_AS, &memory);
#endif
	if (!lifted)
		core.rlim_cur = 0; /* no table data in core files */
	(void)setrlimit(RLIMIT_CORE, &core);
}

void
agent_guest_begin(struct agent *a)
{
	if (getrlimit(RLIMIT_AS, &a->memory) == -1 ||
	    getrlimit(RLIMIT_CORE, &a->core) == -1)
		a->memory = a->core =
		    (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	a->umask = umask(UMASK);
	bound(a, false);
}

void
agent_guest_lift(const struct agent *a, bool lifted)
{
	(void)umask(lifted ? a->umask : UMASK);
	bound(a, lifted);
}

void
agent_guest_yield(void)
{
	(void)syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, 0, IOPRIO_IDLE);
	(void)!nice(10);
}
