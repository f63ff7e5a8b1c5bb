/*
 * Signals become bytes in a pipe; poll loops turn them into ordinary errors.
 * The handler does nothing else, except that a second SIGINT/SIGTERM/SIGHUP
 * within the same process ends it at once (faults B23).
 */
#ifndef BASE_SIG_H
#define BASE_SIG_H

#include "base/std.h"

struct err;

/* Catch HUP, INT, QUIT, TERM and USR1; ignore PIPE.  Returns 0 or -1. */
int sig_init(struct err *e);
/* In a forked child that talks to its parent over a pipe: default actions
 * for all of them but INT and HUP, which the terminal sends to the whole
 * group and the parent answers for. */
void sig_child(void);
/* Descriptor to poll for reading; -1 before sig_init. */
int sig_fd(void);
/* The signal that asks us to end, or 0. */
int sig_caught(void);
/* Sets ERR_INTERRUPTED and returns -1 if a signal asked us to end. */
int sig_check(struct err *e);
/* True once for each SIGUSR1 (status request).  Also drains the pipe of it. */
bool sig_status_wanted(void);

#endif
