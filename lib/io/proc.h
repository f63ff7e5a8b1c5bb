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

struct proc_stream {
	int fd; /* -1: ended, or not wanted */
	struct buf *to;
};

/* One that runs while we do something else.  All zero: none. */
struct proc {
	struct proc_opts o; /* what it points to must live until the end */
	struct proc_stream s[2];
	pid_t pid;
	int pidfd; /* -1: the kernel has none */
};

/*
 * The two halves of proc_run: start, and wait for the end.  Several may run at
 * the same time and be waited for in any order; one that has more to say than
 * a pipe holds (64 kB) waits for its turn.  A proc that was begun is ended by
 * proc_end, however that returns, or by proc_drop, which kills it (and does
 * nothing to one that has ended or was not begun).
 */
int proc_begin(struct proc *p, const struct proc_opts *o, struct err *e);
int proc_end(struct proc *p, int *status, struct err *e);
void proc_drop(struct proc *p);

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
