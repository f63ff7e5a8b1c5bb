/*
 * A program on another host through the ssh program as a child: stdin and
 * stdout are the stream, its stderr is kept.  ~/.ssh/config applies, but never
 * for prompting, forwarding, or accepting an unknown host.
 */
#ifndef IO_SSHCMD_H
#define IO_SSHCMD_H

#include "base/std.h"
#include "base/err.h"
#include "io/transport.h"

struct remote_opts;
struct sshconf;

/*
 * Returns as soon as ssh runs; what it cannot do shows as the end of the stream
 * and in transport_explain.  With a fingerprint the host's keys are fetched
 * (ssh-keyscan) and only the one that has it is admitted.  -1: ERR_PROC (errno
 * ENOENT: no such program), ERR_SSH_HOSTKEY, ERR_SSH_CONNECT.
 */
int sshcmd_start(struct transport **t, const struct sshconf *c,
    const struct remote_opts *o, const char *command, int64_t deadline,
    int sigfd, struct err *e);

#endif
