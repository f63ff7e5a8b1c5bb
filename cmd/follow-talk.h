/*
 * What standby-follow tells a person while it runs and reports at the end:
 * text, or one JSON document.
 */
#ifndef CMD_FOLLOW_TALK_H
#define CMD_FOLLOW_TALK_H

#include "base/std.h"
#include "base/err.h"
#include "flow/follow.h"

/* plan: where a dry run prints its steps. */
void follow_talk_init(struct follow_ui *ui, FILE *plan);
/* The closing lines of a run that went well. */
void follow_talk_done(
    const struct follow_record *r, const struct follow_opts *o);
/* A dry run: "run PROGRAM WORD...", without what may be a password. */
void follow_talk_command(char *const *argv, FILE *to);
/* --json.  0, or -1 with errno: stdout is full or closed. */
int follow_talk_json(const struct follow_record *r, const char *pgdata,
    int status, const struct err *e, FILE *to);

#endif
