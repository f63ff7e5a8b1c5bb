/*
 * The marker: what an unfinished clone leaves in the target (faults.md section
 * 3), so that the next run knows that the directory is ours to continue, and
 * what there is to clean up.  Text, one "KEY VALUE" a line, between a line that
 * names the format and the line "end".  Values are escaped as core/text.h does.
 * Pure.
 */
#ifndef FLOW_MARKER_H
#define FLOW_MARKER_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

#define MARKER_MAX (1 << 20) /* bytes of the file */
#define MARKER_LIST 10000    /* entries of each list */

struct marker {
	char uuid[37];              /* of the run that made it */
	uint64_t system_identifier; /* of the source */
	uint32_t timeline;
	char phase[16];
	char *source; /* "db1:5432", owned */
	long pid;
	char *source_pgdata; /* its data directory, or NULL: not known; owned */
	char *slot;          /* made by that run, or NULL; owned */
	char *slot_at;       /* "db1:5432": where; owned */
	char *label;         /* of an exclusive backup, or NULL; owned */
	char server_started[24]; /* that of the backup, s since 1970, or "" */
	/* of the pg_control that the run displaced; 0: there was none */
	uint64_t old_system_identifier, old_checkpoint;
	uint32_t old_timeline;
	char **kept; /* the standby's own files at the first run */
	size_t nkept;
	char **roots; /* "OID path" of the tablespaces written to */
	size_t nroots;
	char **settings; /* "NAME VALUE" of its own, flow/clone_own.c */
	size_t nsettings;
};

/*
 * Fills m, whatever it held before.  -1 with ERR_TARGET_NOT_PGDATA: not a
 * marker, cut off, or a value that we would not have written (a path in kept
 * that is not one of core/path.h, a slot name that is none...); m is empty
 * then.  Keys that are not known are skipped.
 */
int marker_parse(const char *text, size_t n, struct marker *m, struct err *e);
void marker_render(const struct marker *m, struct buf *b);
/* A copy that shares nothing; to may be from itself.  Fails as marker_parse
 * does, for a marker that could not be read again; to is as before then. */
int marker_copy(struct marker *to, const struct marker *from, struct err *e);
void marker_free(struct marker *m); /* leaves an empty marker */

#endif
