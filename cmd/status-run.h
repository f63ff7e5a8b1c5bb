/* What repl-status does once its options are known: one look, or many. */
#ifndef CMD_STATUS_RUN_H
#define CMD_STATUS_RUN_H

#include "status-options.h"

/* *status: the exit status of the last look.  -1: there is none. */
int status_run(const struct status_opts *o, int *status, struct err *e);

#endif
