/* A TCP connection within a deadline, name resolution included. */
#ifndef IO_DIAL_H
#define IO_DIAL_H

#include "base/std.h"
#include "base/err.h"

/*
 * Connect to host (name or address) and port, trying each address.  The
 * descriptor is non-blocking, close-on-exec, without delay, and notices a dead
 * peer (keepalive and TCP_USER_TIMEOUT, about a minute).  who: for messages.
 * Returns it, or -1: ERR_SSH_CONNECT, ERR_TIMEOUT, ERR_INTERRUPTED.
 */
int dial(const char *host, unsigned port, const char *who, int64_t deadline,
    int sigfd, struct err *e);

#endif
