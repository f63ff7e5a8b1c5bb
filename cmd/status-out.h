/* Where the output of repl-status goes: standard output or a file, the screen
 * it is for, and what consumers get when there is no status at all. */
#ifndef CMD_STATUS_OUT_H
#define CMD_STATUS_OUT_H

#include "status-options.h"

/* Read the locale, once: can marks and lines be more than ASCII? */
bool status_out_utf8(const struct status_opts *o);
/* Columns of the terminal; 0: no limit. */
int status_out_width(const struct status_opts *o);
int status_out_render(const struct status_opts *o, const struct status *s,
    const struct show_opts *how, struct buf *out, struct err *e);
/* To -o or to standard output, all of it. */
int status_out_write(
    const struct status_opts *o, const struct buf *b, struct err *e);

/* The format and the file that a command line asks for, also where something
 * else in it is wrong: texts of argv or the environment. */
struct status_asked {
	const char *format; /* "": none */
	const char *output; /* NULL: standard output */
	bool primary;       /* the server is called --master or --primary */
};
void status_out_asked(int argc, char *const *argv, struct status_asked *a);

/*
 * There is no status: an error, on stderr as ever; those who read nagios, JSON
 * or prometheus get UNKNOWN besides.  cluster: of the file, as far as it was
 * read; or NULL.
 */
void status_out_failed(
    const struct status_asked *a, const char *cluster, const struct err *e);

#endif
