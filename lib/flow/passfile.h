/*
 * The password of a standby: in a password file of its data directory, 0600,
 * never in primary_conninfo, which pg_monitor may read.
 */
#ifndef FLOW_PASSFILE_H
#define FLOW_PASSFILE_H

#include "base/std.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "io/tree.h"

#define PASSFILE ".standby-clone.pgpass"

/* libpq's default file is found by the standby itself: its name is taken out of
 * a connection string that was filled in with the effective values; so is one
 * of a file that is not there. */
int passfile_drop_default(struct conninfo *c, struct err *e);

/*
 * Write password (NULL, "": none; then a file of an earlier run is removed,
 * unless `to` names it) and name the file in `to`, the connection string of a
 * standby of that version.  *note: NULL, or why that was not possible (static,
 * below 10).
 */
int passfile_write(struct tree *t, int version, const char *password,
    struct conninfo *to, bool sync, const char **note, struct err *e);

#endif
