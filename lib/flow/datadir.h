/*
 * What must be true of a data directory before we serve it to another host or
 * do something with its server: ours, private, a sound pg_control, the right
 * cluster.  All errors name the directory.
 */
#ifndef FLOW_DATADIR_H
#define FLOW_DATADIR_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/pgcontrol.h"
#include "io/tree.h"

/* Absolute, no NUL, not too long, and there: ERR_PROTOCOL, ERR_SOURCE. */
struct tree *datadir_open(const char *pgdata, size_t len, struct err *e);
/* It belongs to who runs us: ERR_PRIVILEGE. */
int datadir_owner(int fd, const char *dir, struct stat *st, struct err *e);
/* Mode 0700 or 0750. */
int datadir_mode(const struct tree *t, const struct stat *st, struct err *e);
/* PG_VERSION without its newline. */
int datadir_version(struct tree *t, char *text, size_t size, struct err *e);
/*
 * The bytes of pg_control with a CRC that matches: it is written while we read
 * (faults B15), so it is read again.  sleep: called between two reads.
 */
int datadir_control(struct tree *t, struct buf *b,
    int (*sleep)(void *arg, int64_t ms, struct err *e), void *arg,
    struct err *e);
/* want 0: any. */
int datadir_identifier(const struct tree *t, const struct pgcontrol *c,
    uint64_t want, struct err *e);

#endif
