/* What would be used on a PostgreSQL version (--facts), offline. */
#ifndef FLOW_FACTS_H
#define FLOW_FACTS_H

#include "base/buf.h"
#include "base/err.h"

/* version: "9.6", "15", or "" for all that are known.  One line a fact,
 * name and value, "-" where it is absent.  ERR_USAGE: not a version. */
int facts_add(struct buf *b, const char *version, struct err *e);

#endif
