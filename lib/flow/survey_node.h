/*
 * A list of nodes that are to be asked: what the configuration file says of
 * them, or somebody who named them.
 */
#ifndef FLOW_SURVEY_NODE_H
#define FLOW_SURVEY_NODE_H

#include "base/std.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "io/conf.h"

struct survey_node {
	char *name; /* NULL: HOST:PORT */
	struct conninfo conninfo;
	char *upstream, *slot; /* of the file, or NULL */
	bool has_pgdata;       /* the file has its directory */
	double weight;
	bool stays; /* under its own name, whatever else leads to it: of the
		     * file, or an operand */
};

/* A further one, empty but for weight 1; the list moves.  NULL: ERR_NOMEM. */
struct survey_node *survey_node_add(
    struct survey_node **v, size_t *n, struct err *e);
/* What the file says of that node into an empty one; without a connection
 * string there, conninfo stays empty. */
int survey_node_take(struct survey_node *n, const struct conf_node *from,
    const char *file, struct err *e);
void survey_node_free(struct survey_node **v, size_t *n); /* the whole list */

#endif
