/*
 * Names below a data directory.  The one check that both ends of the wire use,
 * and what a name says about the file (relation fork, temporary...).
 *
 * All paths are relative to PGDATA; a tablespace is reached as
 * pg_tblspc/OID/..., WAL as pg_wal/... wherever they really live.
 */
#ifndef CORE_PATH_H
#define CORE_PATH_H

#include "base/std.h"

#define PATH_LIMIT 1024    /* bytes of a path */
#define PATH_COMPONENT 255 /* bytes of a component */

/* NULL when p is acceptable: relative, 1..PATH_LIMIT bytes, components
 * 1..PATH_COMPONENT, no ".", "..", NUL, "//", trailing slash.  Else what is
 * wrong with it, static text. */
const char *path_check(const char *p, size_t len);

/*
 * fnmatch(3) with those flags (0, FNM_PATHNAME), for many names of which most
 * do not match: their first byte, or behind "*" their last, tells without it.
 */
bool path_matches(const char *pattern, const char *name, int flags);

/* Order of a depth-first walk with sorted names: '/' sorts before every other
 * byte.  Like strcmp. */
int path_cmp(const char *a, const char *b);
/* Is p below directory dir (or dir itself when self)? */
bool path_below(const char *p, const char *dir, bool self);
const char *path_base(const char *p); /* last component, borrowed */

enum path_fork { FORK_MAIN, FORK_FSM, FORK_VM, FORK_INIT };
struct relpath {
	size_t stem; /* bytes of the path up to the end of the relation's
		      * number: equal stems = same relation */
	enum path_fork fork;
	unsigned segment;
	bool temporary; /* t<backend>_<number> */
};
/* Is it a file of a relation: base/OID/N, global/N, pg_tblspc/OID/
 * PG_.../OID/N with fork and segment suffixes?  1 yes, 0 no. */
bool path_relation(const char *p, struct relpath *r);

/* "pg_tblspc/16385[/...]": the length of "pg_tblspc/16385", else 0. */
size_t path_tablespace(const char *p, uint32_t *oid);

/* Block-structured: relation forks and the SLRU segments of pg_xact,
 * pg_multixact, pg_commit_ts, pg_subtrans: pages never move inside. */
bool path_paged(const char *p);

#endif
