/* The option table of standby-promote, and what the values mean. */
#ifndef CMD_PROMOTE_OPTIONS_H
#define CMD_PROMOTE_OPTIONS_H

#include "cli.h"
#include "flow/failover.h"

extern const struct opt promote_options[];
extern const size_t promote_noptions;
#define PROMOTE_TOOL "standby-promote"
#define PROMOTE_USAGE                                                          \
	"standby-promote makes a standby the primary.\n\nUsage:\n"             \
	"  standby-promote [NODE | -D PGDATA | -h HOST] [OPTION]...\n"         \
	"  standby-promote --candidate=best [OPTION]...\n"                     \
	"  standby-promote --switchover [NODE] [OPTION]...\n"                  \
	"  standby-promote [OPTION]... --pgpool WORD...\n\n"                   \
	"Exit status: 0 done, or primary already; 3 refused, nothing was\n"    \
	"changed; 7 requested or done, but a person must look; others as of\n" \
	"all commands.\n"

/* Memory and values behind the options. */
struct promote_owned {
	struct conninfo conninfo;
	char *ssh, *old_primary;
	char program_dir[PATH_MAX];
	const char *nothing; /* --pgpool: there is nothing to do; why */
};

/* Fill o; texts are borrowed from s and conf, and from owned. */
int promote_options_map(const struct opt_set *s, const struct conf *conf,
    struct failover_opts *o, struct promote_owned *owned, struct err *e);
void promote_options_free(struct promote_owned *owned);

#endif
