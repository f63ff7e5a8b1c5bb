/*
 * Inside of flow/operate.c (over SSH, and here) and flow/agent_operate.c (the
 * other end): operate_do.c (the verbs), operate_run.c (commands),
 * operate_wal.c (WAL_END).  Links neither libpq nor libssh2.
 */
#ifndef FLOW_OPERATE_INT_H
#define FLOW_OPERATE_INT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/pgcontrol.h"
#include "flow/operate.h"
#include "io/tree.h"

/* Who waits: a program with a signal descriptor, or an agent with a client. */
struct operate_host {
	/* Until fd (-1: none) is readable, or the time has come; -1: give up.
	 */
	int (*wait)(void *arg, int fd, int64_t until, struct err *e);
	/* Around the start of a command: limits that are ours alone.  NULL. */
	void (*lift)(void *arg, bool lifted);
	void *arg;
};

/* What commands are made of.  Nothing in it comes from a wire. */
struct operate_means {
	const char *pgdata; /* as the configuration or the user has it */
	const char *bindir, *start, *stop; /* or NULL */
	const char *program_dir;           /* NULL: by PATH */
	const char *config;                /* -f for our programs, or NULL */
	const char *self;                  /* node name, DELTA */
	const char *primary;               /* conninfo, FOLLOW */
};

struct operate_dir {
	struct tree *t;
	struct pgcontrol control;
};

/* Does the verb run a command? */
bool operate_do_runs(enum operate_verb verb);
/* Open and check the directory, as OPEN does.  0, or -1 with e and *d empty. */
int operate_do_open(struct operate_dir *d, const struct operate_request *q,
    const struct operate_host *h, struct err *e);
void operate_do_close(struct operate_dir *d);
/* The verb.  m may be NULL when it runs no command.  a is filled as operate.h
 * says; on -1 it is to be freed, too. */
int operate_do(struct operate_dir *d, const struct operate_request *q,
    const struct operate_means *m, const struct operate_host *h,
    int64_t deadline, struct operate_answer *a, struct err *e);

/*
 * Run argv without a shell, in its own session, with nothing of ours open in
 * it.  Its end is waited for, not that of what it left in the background.  tail
 * gets the last 64 kB that it said.  -1: ERR_PROC, ERR_TIMEOUT, or what
 * h->wait said; the command was ended then.
 */
int operate_run(const struct operate_host *h, const char *const *argv,
    int64_t deadline, struct buf *tail, int *status, struct err *e);

int operate_wal_end(struct operate_dir *d, const struct operate_request *q,
    const struct operate_host *h, struct operate_answer *a, struct err *e);

#endif
