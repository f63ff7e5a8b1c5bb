/* The option table of standby-clone, and what the values mean. */
#ifndef CMD_CLONE_OPTIONS_H
#define CMD_CLONE_OPTIONS_H

#include "cli.h"
#include "flow/clone.h"
#include "flow/nodes.h"

extern const struct opt clone_options[];
extern const size_t clone_noptions;
#define CLONE_USAGE                                                            \
	"standby-clone builds or refreshes a standby from a running "          \
	"primary.\n\nUsage:\n"                                                 \
	"  standby-clone --master HOST [-D PGDATA] [OPTION]...\n"              \
	"  standby-clone NODE [OPTION]...\n"                                   \
	"  standby-clone --pgpool-recovery WORD...\n"

/* Fill o from the options; texts are borrowed from s and conf, memory that is
 * made is hung on *owned (free with clone_options_free). */
struct clone_owned {
	char *ssh;
	char *agent;
	char delay[32]; /* with its unit */
	struct nodes_found nodes;
};
int clone_options_map(const struct opt_set *s, const struct conf *conf,
    struct clone_opts *o, struct clone_owned *owned, struct err *e);
void clone_options_free(struct clone_opts *o, struct clone_owned *owned);

#endif
