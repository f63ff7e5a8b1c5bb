/*
 * A screen that is drawn again and again (repl-status --watch): in place on the
 * alternate screen, as wide as the terminal, ended by q, Ctrl-C, TERM or HUP;
 * the terminal is as it was on every exit, also a crash by signal, and while
 * the program is stopped (Ctrl-Z).
 */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct watch {
	int64_t interval_ms; /* from the end of a look to the next */
	int sigfd;           /* base/sig.h */
	/* Find out what there is to show; may take its time (its own
	 * deadline).  NULL: there is nothing to find out.  -1 ends the watch.
	 */
	int (*look)(void *arg, struct err *e);
	/* Fill out with the lines of one screen, at most width columns; quick:
	 * a new size draws what is known.  -1 ends the watch. */
	int (*draw)(void *arg, int width, struct buf *out, struct err *e);
	void *arg;
};

/* stdin and stdout must be terminals: ERR_USAGE.  0: the user ended it (q);
 * ERR_INTERRUPTED with the signal; ERR_IO: the terminal is gone. */
int watch_run(const struct watch *w, struct err *e);

#endif
