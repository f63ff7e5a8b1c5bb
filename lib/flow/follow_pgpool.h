/*
 * pgpool's follow_primary_command: the node of the 12 words follows the new
 * primary, here or on its own host (platform-facts.md section 2).
 */
#ifndef FLOW_FOLLOW_PGPOOL_H
#define FLOW_FOLLOW_PGPOOL_H

#include "base/std.h"
#include "base/err.h"
#include "flow/follow.h"
#include "io/conf.h"
#include "io/remote.h"

struct follow_pgpool_opts {
	const char *const *words;
	size_t nwords;
	const struct conf *conf;
	const char *user, *dbname; /* where the file does not say, or NULL */
	const struct remote_opts *remote; /* host is replaced, unless */
	bool ssh_given;                   /* --ssh says it */
	const char *agent, *package, *program_dir;
	bool sync;
	int64_t timeout_ms;
	int sigfd;
};

/*
 * A node that does not answer, or that has nothing to do, is 0 with one note.
 * Histories that forked: stop and standby-clone --delta there, where the file
 * names the node and that host allows it.  Afterwards pcp_attach_node, when it
 * is on PATH: its failure is a note.
 */
int follow_pgpool(const struct follow_pgpool_opts *o,
    const struct follow_ui *ui, struct err *e);

#endif
