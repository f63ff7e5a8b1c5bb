/*
 * The facts of all nodes at once: known ones are asked together, standbys that
 * a node's sender rows show are asked when they can be reached, and the primary
 * is read once more after everybody else (its LSN is never older than theirs).
 */
#ifndef FLOW_SURVEY_H
#define FLOW_SURVEY_H

#include "base/std.h"
#include "base/err.h"
#include "core/status.h"
#include "flow/survey_node.h"

struct survey_opts {
	const struct survey_node *nodes; /* borrowed */
	size_t n;
	const char *application_name;
	const char *cluster;    /* of the file, or NULL */
	const char *file;       /* for struct status; NULL */
	int64_t timeout_ms;     /* for one look, all nodes, 5000 */
	bool discover;          /* ask standbys that nobody named */
	bool whole, named_part; /* for struct status */
	bool merge; /* named ones that are aliases (survey_alias) are no nodes
		     * of the status */
	int sigfd;
};

struct survey;

int survey_new(struct survey **v, const struct survey_opts *o, struct err *e);
/* Of the looks to come; at least 1. */
void survey_timeout(struct survey *v, int64_t timeout_ms);
/*
 * One look: *s is freed, filled and linked (status_link).  Sessions stay open
 * for the next look; lost ones are opened again.  A node that does not answer
 * is a fact, not an error.  -1: ERR_INTERRUPTED, ERR_NOMEM, ERR_INTERNAL.
 */
int survey_look(struct survey *v, struct status *s, struct err *e);
/*
 * After a look: the named node that named node i is another name of, as both
 * say (core/same.h); -1: none.  The one that stays is one of the file, else the
 * first one; two of the file both do.
 */
int survey_alias(const struct survey *v, size_t i);
void survey_free(struct survey *v); /* never blocks; NULL-safe */

#endif
