/* The run record of --json (cli.md section 2, man page). */
#ifndef CMD_RECORD_H
#define CMD_RECORD_H

#include "base/err.h"
#include "flow/clone.h"

/* 0, or -1 with errno: stdout is full or closed. */
int record_print(
    const struct clone_record *r, int status, const struct err *e, FILE *to);

#endif
