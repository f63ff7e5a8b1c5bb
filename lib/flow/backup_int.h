/* Inside of flow/backup.c: what its modes share. */
#ifndef FLOW_BACKUP_INT_H
#define FLOW_BACKUP_INT_H

#include "flow/backup.h"

#define ASK_MS 10000 /* a question that waits for nothing */
/* When the exclusive backup that runs began, in seconds; everybody may ask.
 * In the versions that have PGFACT_IS_IN_BACKUP. */
#define BACKUP_BEGAN                                                           \
	"SELECT extract(epoch FROM pg_backup_start_time())::bigint::text"
#define NOT_IN_PROGRESS "55000" /* object_not_in_prerequisite_state */

static inline bool
backup_is_true(const char *s)
{
	return s != NULL && *s == 't';
}

/* backup.c: one row, one or more columns; *r is the caller's. */
int backup_ask(
    struct pg *pg, struct pg_rows **r, const char *sql, struct err *e);
/* The backup is void, by another error: its texts, under our id. */
int backup_lost_by(struct backup *b, const struct err *cause, struct err *e);

/* backup_excl.c: nobody else's may run, and the server's start time tells
 * later whether a server that we find again is still this one. */
int backup_excl_prepare(struct backup *b, struct err *e);
/*
 * The refusal where one runs (B2).  cause: what the server said to our start,
 * or NULL: in a language of its own, and with the SQLSTATE that a wal_level or
 * a recovery in the way would have too; those are refused before
 * (flow/preflight.h).
 */
int backup_excl_refuse(
    struct backup *b, const struct err *cause, struct err *e);
/* What a lost backup means for the primary: detail and hint of e (B5). */
void backup_excl_say(const struct backup *b, struct err *e);
int backup_excl_stop(struct backup *b, int64_t deadline, struct err *e);
/* For backup_end, but for the session, which may be another one then. */
int backup_excl_end(struct backup *b, struct err *e);

#endif
