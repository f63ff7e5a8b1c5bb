/*
 * What of a data directory is never copied (postgres-facts.md section 4), from
 * one table; used by the agent's walk, by the check of what arrives, by the
 * walk of the target, and by --list-excludes.
 */
#ifndef CORE_EXCLUDE_H
#define CORE_EXCLUDE_H

#include "base/std.h"
#include "base/buf.h"

struct exclude {
	const char *log_dir;    /* relative to PGDATA, or NULL */
	const char *stats_temp; /* relative to PGDATA, or NULL */
	const char *trigger;    /* relative to PGDATA, or NULL */
	const char *tblspc_dir; /* "PG_15_202209061": the only directory of a
				 * tablespace that is ours; NULL: any */
	const char *const *patterns; /* --exclude: with '/': from PGDATA, else
				      * any last component; fnmatch(3) */
	size_t npatterns;
};

enum exclude_verdict {
	EXCLUDE_NO,
	EXCLUDE_ALL,     /* not there at all */
	EXCLUDE_CONTENTS /* a directory that is kept empty: do not descend */
};

/* is_dir: the entry is a directory (or a link to one). */
enum exclude_verdict exclude_check(
    const struct exclude *x, const char *path, bool is_dir);
/* Is anything above path excluded or kept empty, or path itself excluded? */
bool exclude_covers(const struct exclude *x, const char *path, bool is_dir);
/*
 * On the target: is it the standby's own, so that it is neither overwritten
 * nor removed?  Its log files, lost+found, what --exclude names, what lies
 * beside our directory in a tablespace, our own marker files.
 */
bool exclude_protects(const struct exclude *x, const char *path, bool is_dir);
/* A setting's directory as a path relative to PGDATA: "log", "/pgdata/log" ->
 * "log"; 0 when it lies outside or is PGDATA itself, 1 when *rel is filled. */
int exclude_relative(
    const char *setting, const char *pgdata, char *rel, size_t size);
/* The built-in rows as text, for --list-excludes. */
void exclude_list(struct buf *b);
/* Those that a data directory of that version can have, prefix before each. */
void exclude_add_version(struct buf *b, int version, const char *prefix);

#endif
