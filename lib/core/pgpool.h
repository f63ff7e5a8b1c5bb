/*
 * pgpool-II's words (platform-facts.md section 2): positional, as it writes
 * them, and what they mean.
 */
#ifndef CORE_PGPOOL_H
#define CORE_PGPOOL_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

/* recovery_1st_stage_command: 6 words, 7 from pgpool 4.3 on. */
struct pgpool_recovery {
	const char *primary_pgdata, *target_host, *target_pgdata, *primary_port,
	    *target_id, *target_port, *primary_host; /* NULL below 4.3 */
};
/* Borrowed from words; ERR_USAGE names the word that is wrong. */
int pgpool_recovery_words(const char *const *words, size_t n,
    struct pgpool_recovery *r, struct err *e);
/*
 * What is run on the target: standby-clone of the primary into the target's
 * directory, with --delta, not started (pgpool_remote_start does that).
 * host: the primary's, for a pgpool that does not tell it.
 */
void pgpool_recovery_command(const struct pgpool_recovery *r, const char *host,
    const char *program, struct buf *command);

/*
 * failover_command and follow_primary_command: the 12 words
 * %d %h %p %D %m %H %M %P %r %R %N %S, bare and in this order.
 *
 * A word may be empty ("", or two quote characters), with blanks around it
 * (pgpool 4.4 writes " 1" for %d %p %m), or left out: %D and %R when
 * backend_data_directory is empty, %N and %S where the command does not name
 * them (pgpool without them).  What stands behind %m < 0 is not looked at.
 */
struct pgpool_failover {
	int node_id; /* ids: -1 (or less) none */
	const char *host;
	int port;           /* ports: 0 not told */
	const char *pgdata; /* texts: NULL not told; borrowed from words */
	int new_main_id;    /* follow_primary_command: the new primary */
	const char *new_main_host;
	int new_main_port;
	const char *new_main_pgdata;
	int old_main_id, old_primary_id;
	const char *old_primary_host;
	int old_primary_port;
};
/* option: "--pgpool", for messages.  ERR_USAGE names the word that is wrong. */
int pgpool_failover_words(const char *option, const char *const *words,
    size_t n, struct pgpool_failover *w, struct err *e);

enum pgpool_action { PGPOOL_NOTHING, PGPOOL_PROMOTE, PGPOOL_FOLLOW };

/*
 * What the words alone decide.  PGPOOL_NOTHING: exit 0, *reason is the line
 * for the log (static).  Whether the new main node is a primary already, and
 * whether the node of follow_primary_command answers, is for the caller to see.
 */
enum pgpool_action pgpool_failover_decide(
    const struct pgpool_failover *w, const char **reason);
enum pgpool_action pgpool_follow_decide(
    const struct pgpool_failover *w, const char **reason);

#endif
