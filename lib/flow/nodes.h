/*
 * The nodes of the configuration file: which of them is the primary, and is the
 * one that was named this host (cli.md section 2, standby-clone NODE).
 */
#ifndef FLOW_NODES_H
#define FLOW_NODES_H

#include "base/std.h"
#include "core/conninfo.h"
#include "io/conf.h"

/*
 * -1 with ERR_CONFIG: there is no node of that name.  The hint has their
 * names, or where the file is looked for; otherwise says what else the name
 * could be, a sentence, or is NULL.
 */
int nodes_unknown(const struct conf *conf, const char *name,
    const char *otherwise, struct err *e);

struct nodes_found {
	const struct conf_node *self, *primary, *upstream; /* borrowed */
	struct conninfo conninfo;                          /* of the primary */
	struct buf upstream_conninfo; /* text; empty: the primary itself */
};

/*
 * ERR_CONFIG: no such node, or no pgdata.  ERR_NODE: it is not this host (its
 * address, and pgdata when given), or not exactly one node is primary; the text
 * says what each one answered.  user and dbname: defaults, or NULL.
 */
int nodes_find(const struct conf *conf, const char *name, const char *pgdata,
    const char *user, const char *dbname, int sigfd, struct nodes_found *f,
    struct err *e);
void nodes_found_free(struct nodes_found *f);

#endif
