/* What would be used on a PostgreSQL version (--facts), offline. */
#ifndef FLOW_FACTS_H
#define FLOW_FACTS_H

#include "base/buf.h"
#include "base/err.h"

/*
 * version: "9.6", "15", or "" for all that are known.  A line "PostgreSQL
 * VERSION"; headings, with one blank before them; then a line each, with two
 * blanks: name and value of a fact, "-" where it is absent, offsets in
 * pg_control, what is not copied ("exclude", several).  ERR_USAGE: not a
 * version.
 */
int facts_add(struct buf *b, const char *version, struct err *e);

#endif
