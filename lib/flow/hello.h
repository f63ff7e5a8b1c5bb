/* The client's side of the first exchange with an agent. */
#ifndef FLOW_HELLO_H
#define FLOW_HELLO_H

#include "base/std.h"
#include "base/err.h"
#include "io/chan.h"

/*
 * Send HELLO, find the agent's among up to 4 kB of other bytes (start-up files
 * of the remote shell print), compare versions.  agent: path, for messages.
 * ERR_AGENT or ERR_SSH_* when there is none, ERR_TIMEOUT.
 */
int hello_client(struct chan *c, const char *package, const char *agent,
    int64_t deadline, struct err *e);

/* Send our agent program and start it, through "sh" on the other host: in a
 * private directory that is removed when the agent ends.  For --push-agent;
 * the channel's program is sh. */
int hello_push_agent(
    struct chan *c, const char *file, int64_t deadline, struct err *e);

#endif
