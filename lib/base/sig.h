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
/* From now on a second signal ends the process with that status, not with 128
 * and its number: what was begun is not undone.  0: as before. */
void sig_second(int status);
/* Descriptor to poll for reading; -1 before sig_init. */
int sig_fd(void);
/* The signal that asks us to end, or 0. */
int sig_caught(void);
/* Sets ERR_INTERRUPTED and returns -1 if a signal asked us to end. */
int sig_check(struct err *e);
/* True once for each SIGUSR1 (status request).  Also drains the pipe of it. */
bool sig_status_wanted(void);

/*
 * A program that has the whole screen.  enter and leave are called from signal
 * handlers: async-signal-safe, and any number of times.  leave: before the
 * process stops (TSTP), and before it ends by a crash or by a second INT or
 * TERM; enter: when it goes on.
 */
struct sig_screen {
	void (*enter)(void);
	void (*leave)(void);
	/* The keyboard.  While it has something, sig_fd is readable too and
	 * sig_check asks ended, which reads it: true is ERR_INTERRUPTED, so
	 * that a key ends what a signal would end. */
	int fd;
	bool (*ended)(void);
};

/* From now on; s is borrowed until sig_screen_end.  Also catches WINCH.  After
 * sig_init. */
int sig_screen_begin(const struct sig_screen *s, struct err *e);
/* All is as it was before. */
void sig_screen_end(void);
/* Descriptor to poll: readable when there is a new size, or the screen was
 * entered again; not the one of sig_fd, which means the end to others. */
int sig_screen_fd(void);
/* Is it?  True once; drains it. */
bool sig_screen_changed(void);

#endif
