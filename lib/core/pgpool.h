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
/* One word for the login shell of another host: in single quotes. */
void pgpool_add_shell_word(struct buf *b, const char *word);
/*
 * What is run on the target: standby-clone of the primary into the target's
 * directory, with --delta, not started (pgpool_remote_start does that).
 * host: the primary's, for a pgpool that does not tell it.
 */
void pgpool_recovery_command(const struct pgpool_recovery *r, const char *host,
    const char *program, struct buf *command);

#endif
