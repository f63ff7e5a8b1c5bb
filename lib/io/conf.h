/*
 * The configuration file (cli.md section 7, man/standby.conf.5), by libconfig.
 * Unknown keys are errors with file, line and the nearest name.  Integers where
 * a size or time is wanted are errors too (libconfig reads large ones as 0).
 */
#ifndef IO_CONF_H
#define IO_CONF_H

#include "base/std.h"
#include "base/err.h"

struct conf_node {
	char *name, *conninfo, *pgdata, *slot, *upstream, *ssh;
	char *bindir, *start, *stop; /* all but name: or NULL */
	double weight;               /* 1 unless set */
	bool promote;                /* true unless set */
	int line;
};

struct conf_value { /* every scalar, by dotted key; arrays: one row each */
	char *key, *text; /* "clone.jobs" "4"; booleans "true" "false" */
	char *from;       /* "FILE:12", also within an included file */
	int line;
};

struct conf {
	char *file; /* path read, NULL: none */
	char *cluster;
	struct conf_node *nodes;
	size_t nnodes;
	struct conf_value *values;
	size_t nvalues;
};

/*
 * given: --config, else NULL: $STANDBY_CONFIG, $XDG_CONFIG_HOME/standby/
 * standby.conf (or ~/.config), /etc/standby/standby.conf.  A file that was
 * named, by given or $STANDBY_CONFIG, must exist; neither of the other two
 * existing is fine.  A file that group or others may write, or that is not a
 * regular one, is refused; a symbolic link to one is fine.  @include paths are
 * relative to the directory of the file.  ERR_CONFIG; *c is empty then.
 */
int conf_read(struct conf *c, const char *given, struct err *e);
void conf_free(struct conf *c);
const struct conf_node *conf_find_node(const struct conf *c, const char *name);
/* Value of a dotted key ("defaults.user"; the first of an array), or NULL. */
const char *conf_get(const struct conf *c, const char *key);

#endif
