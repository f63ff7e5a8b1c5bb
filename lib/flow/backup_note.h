/*
 * What is noted before an exclusive backup is started, so that a run that is
 * killed at any moment from then on leaves word of it (faults B3, B24): the
 * uuid and the label, and where.  A file of the target, there until the backup
 * has been stopped; the marker (flow/marker.h) comes only when the target is
 * about to be changed.  The format is the marker's, with phase "backup".
 */
#ifndef FLOW_BACKUP_NOTE_H
#define FLOW_BACKUP_NOTE_H

#include "base/std.h"
#include "base/err.h"
#include "flow/marker.h"
#include "io/tree.h"

#define BACKUP_NOTE ".standby-clone.backup"

/* Durable before it returns, with sync.  0, or -1 with e (ERR_TARGET_IO). */
int backup_note_write(
    struct tree *t, const struct marker *m, bool sync, struct err *e);
/* 1: m is filled (what it held before is lost); 0: there is none, m is empty;
 * -1: e, ERR_TARGET_NOT_PGDATA where it is not what we would have written. */
int backup_note_read(struct tree *t, struct marker *m, struct err *e);
/* Fine when there is none. */
int backup_note_remove(struct tree *t, bool sync, struct err *e);

#endif
