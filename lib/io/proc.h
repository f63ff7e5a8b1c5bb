/* Children, by argv, without a shell. */
#ifndef IO_PROC_H
#define IO_PROC_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct proc_opts {
	const char *const *argv; /* argv[0] looked up in PATH, NULL at end */
	const char *const *env; /* "K=V" added or replaced, NULL at end; NULL */
	struct buf *out;        /* stdout; NULL: /dev/null */
	struct buf *err;        /* stderr; NULL: /dev/null; may be == out */
	size_t max_out;         /* bytes kept of each; 0: 64 kB */
	int64_t deadline;       /* 0: never, as DEADLINE_NEVER */
	int sigfd;              /* -1: none */
	bool new_session;       /* setsid, for servers that outlive us */
	bool whole; /* also a session of its own; when it is late or unwanted,
		     * all of its process group is ended: a shell's children,
		     * too */
};

/*
 * Runs to the end; a child that is late or unwanted is killed by its pid.
 * What it left running in the background may keep its output open: that is not
 * waited for.  *status: exit status, or 128 + signal.  -1: could not run
 * (ERR_PROC; errno says why), ERR_TIMEOUT, ERR_INTERRUPTED.
 */
int proc_run(const struct proc_opts *o, int *status, struct err *e);

enum proc_how {
	PROC_SESSION = 1, /* setsid */
	PROC_WITH_US = 2  /* it gets SIGTERM when this process ends */
};

/*
 * Start argv with fds[0..2] as its stdin, stdout, stderr (-1: /dev/null); all
 * other descriptors are closed in it, signals are at their defaults.  how:
 * of enum proc_how.  The caller keeps its own copies of fds.  Returns 0 with
 * *pid, or -1 with ERR_PROC and errno (ENOENT: no such program).
 */
int proc_spawn(const char *const *argv, const char *const *env,
    const int fds[3], unsigned how, pid_t *pid, struct err *e);

/*
 * Wait for pid until the deadline; *status as proc_run.  Returns 1 when it has
 * ended (and is reaped), 0 when it still runs.
 */
int proc_wait(pid_t pid, int64_t deadline, int *status);

/* End pid: SIGTERM, SIGKILL when it is still there at the deadline (and at
 * most half a second later); reaps it.  Returns its status as proc_run. */
int proc_kill(pid_t pid, int64_t deadline);

/* In a forked child that goes on without exec: close all descriptors but keep
 * (-1: all), standard output too. */
void proc_close_fds(int keep);

#endif
