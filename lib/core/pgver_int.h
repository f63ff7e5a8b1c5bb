/*
 * Between the parts of core/pgver: the rows, and the known majors.  Not for
 * others.
 */
#ifndef CORE_PGVER_INT_H
#define CORE_PGVER_INT_H

#include "core/pgver.h"

/* Holds from its version on, until the next row of the same fact. */
struct pgver_row {
	enum pgfact fact;
	int since;
	/* Where it comes from: file of the PostgreSQL release, with the line
	 * if it was read there, the release notes ("rel") of the version that
	 * changed it, or the servers it was seen on.  What a server of 10 or
	 * newer can be asked, t/1100-versions.t asks it. */
	const char *source;
	const char *text; /* NULL: no longer there */
};

/* Rows of a fact stand in one table, in the order of their versions. */
extern const struct pgver_row pgver_sql[], pgver_rows[];
extern const size_t pgver_nsql, pgver_nrows;

#endif
