/*
 * A worker: a child process with one SSH session to one agent, which it makes
 * when it is told to, until that succeeds.  It relays
 * requests of its parent, fetches files into the target, answers the agent's
 * keep-alives, and ends when its parent does.
 */
#ifndef FLOW_WORKER_H
#define FLOW_WORKER_H

#include "base/std.h"
#include "io/remote.h"

struct worker_opts {
	unsigned number; /* for messages; 0 is the first */
	const struct remote_opts *remote;
	const char *agent;      /* path on the source */
	const char *push_agent; /* local file to upload, or NULL */
	const char *package;    /* version, for HELLO */
};

/* Serve the parent on descriptor up; never returns. */
void worker_main(int up, const struct worker_opts *o) __attribute__((noreturn));

#endif
