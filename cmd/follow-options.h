/* The option table of standby-follow, and what the values mean. */
#ifndef CMD_FOLLOW_OPTIONS_H
#define CMD_FOLLOW_OPTIONS_H

#include "cli.h"
#include "flow/follow.h"
#include "flow/nodes.h"

extern const struct opt follow_options[];
extern const size_t follow_noptions;
#define FOLLOW_TOOL "standby-follow"
#define FOLLOW_USAGE                                                           \
	"standby-follow makes a standby follow a new primary.\n\nUsage:\n"     \
	"  standby-follow --master NEWPRIMARY [-D PGDATA] [OPTION]...\n"       \
	"  standby-follow NODE [OPTION]...\n"                                  \
	"  standby-follow --pgpool WORD...\n"

struct follow_owned {
	char *ssh;
	struct nodes_found nodes;
};

/* Fill o from the options; texts are borrowed from s and conf, memory that is
 * made is hung on *owned. */
int follow_options_map(const struct opt_set *s, const struct conf *conf,
    struct follow_opts *o, struct follow_owned *owned, struct err *e);
void follow_options_free(struct follow_opts *o, struct follow_owned *owned);
/* What holds for a node of the file, where an option does not say it. */
void follow_options_node(
    const struct opt_set *s, const struct conf_node *n, struct follow_opts *o);
/* Arguments of standby-clone --delta in this node's place: owned texts and a
 * NULL; NULL: no memory. */
char **follow_options_clone(const struct opt_set *s, const char *program,
    const struct follow_opts *o, const struct follow_record *r);

#endif
