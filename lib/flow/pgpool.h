/* pgpool's online recovery: standby-clone is run on the target's host. */
#ifndef FLOW_PGPOOL_H
#define FLOW_PGPOOL_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct pgpool_opts {
	const char *ssh_command; /* NULL: "ssh" */
	const char *user;        /* on the target; NULL: ours */
	const char *program;     /* there */
	int64_t timeout_ms;      /* 0: an hour; pgpool waits for us */
	int sigfd;
};

/*
 * Runs on the primary with the words of recovery_1st_stage_command.  said: what
 * the other end printed.  Returns 0, or -1 with e, whose status is that of the
 * remote command (ERR_SSH when ssh itself failed).
 */
int pgpool_recover(const char *const *words, size_t n,
    const struct pgpool_opts *o, struct buf *said, struct err *e);

#endif
