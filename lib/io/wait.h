/* Waiting for descriptors, with a deadline and an interrupt descriptor. */
#ifndef IO_WAIT_H
#define IO_WAIT_H

#include "base/std.h"
#include "base/err.h"

struct pollfd;

#define WAIT_MAXFDS 8

/*
 * Wait until one of n (<= WAIT_MAXFDS) descriptors is ready, or until
 * (a deadline).  sigfd: -1 for none; when it becomes readable the result is -1
 * with ERR_INTERRUPTED (a status request, SIGUSR1, is let through).  Returns
 * the number of ready descriptors, 0 when the time is up, -1 with e set.
 */
int wait_poll(
    struct pollfd *fds, size_t n, int64_t until, int sigfd, struct err *e);

#endif
