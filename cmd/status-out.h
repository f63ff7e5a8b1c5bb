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

/*
 * There is no status: an error, on stderr as ever; those who read nagios, JSON
 * or prometheus get UNKNOWN besides.  format: of status_out_format, since the
 * options may be what is wrong.
 */
void status_out_failed(const char *format, const struct err *e);
/* The format that a command line asks for, also where something else in it is
 * wrong. */
const char *status_out_format(int argc, char *const *argv);

#endif
