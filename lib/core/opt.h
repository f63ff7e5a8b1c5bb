/*
 * One table per program: parsing, --help, environment variable, key of the
 * configuration file and --show-config all come from the same rows.
 * Precedence: option > environment (STANDBY_<OPTION>) > file > built-in; the
 * sources may be read in any order.
 */
#ifndef CORE_OPT_H
#define CORE_OPT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

enum opt_kind {
	OPT_HEADING, /* name is the heading of a --help section */
	OPT_FLAG,    /* --name, --no-name not implied */
	OPT_STRING,
	OPT_LIST, /* repeatable */
	OPT_INT,
	OPT_SIZE, /* uint64 bytes */
	OPT_TIME, /* int64 ms */
	OPT_COUNT /* -v -v */
};

/* Bits of struct opt.flags */
#define OPT_ACTION 1   /* no environment variable (--delta, --force, --yes) */
#define OPT_OPTIONAL 8 /* its argument only as --name=V or -xV, else "" */
#define OPT_SECRET 2   /* masked in --show-config and errors: a conninfo */
#define OPT_ALIAS                                                              \
	4 /* another name of the row before it (--primary): takes              \
	   * name, letter and help from here, all else from there */

struct opt {
	enum opt_kind kind;
	const char *name;    /* long name, without -- */
	char letter;         /* short, or 0 */
	const char *arg;     /* "DIR", NULL for flags; NULL: choices */
	const char *choices; /* "auto|none|zstd[:LEVEL]" or NULL: zstd alone
			      * or with :something */
	const char *builtin; /* shown and used; NULL: none */
	const char *key;     /* configuration key "clone.jobs", or NULL */
	unsigned flags;
	long min, max;    /* OPT_INT; both 0: any */
	const char *help; /* NULL: not in --help (an alias: stands beside
			   * the row it belongs to) */
};

enum opt_source { /* weakest first */
	OPT_FROM_NOWHERE,
	OPT_FROM_BUILTIN,
	OPT_FROM_FILE,
	OPT_FROM_ENV,
	OPT_FROM_ARGS
};

struct opt_value {
	const char *text; /* as given (the last); NULL: not set */
	const char *from; /* "option", "STANDBY_JOBS", "FILE:12", "built-in" */
	enum opt_source source;
	bool set;
	unsigned count;    /* flags (1 or 0) and OPT_COUNT */
	int64_t number;    /* INT, SIZE, TIME */
	const char **list; /* OPT_LIST: texts */
	size_t nlist;
};

struct opt_set {
	const struct opt *table;
	size_t n;
	struct opt_value *v; /* one per row; that of an alias stays empty */
	const char **args;   /* operands */
	size_t nargs;
	char **owned; /* memory behind the texts */
	size_t nowned;
};

/* table is borrowed.  ERR_INTERNAL: a name or letter stands twice. */
int opt_init(
    struct opt_set *s, const struct opt *table, size_t n, struct err *e);
void opt_free(struct opt_set *s);
/* argv[1..]; GNU style: --name=V, --name V, -xV, -x V, bundles, "--", operands
 * anywhere; prefixes refused (scripts must not break); unknown: ERR_USAGE
 * with the nearest name.  argv is borrowed. */
int opt_parse_args(
    struct opt_set *s, int argc, char *const *argv, struct err *e);
/*
 * getenv-like callback, so that tests need no environment; texts are copied.
 * An empty variable is not set.  A list has one element per line, a flag is
 * on, yes, true, 1 or off, no, false, 0, a counter a number.  The variable of
 * an alias counts when the other one is not set.
 */
int opt_parse_env(struct opt_set *s, const char *(*get)(void *, const char *),
    void *arg, struct err *e);
/* One value from the configuration file; both texts are copied; lists: one call
 * per element.  Ignored when a stronger source has set it, and when no row has
 * the key (it is another program's).  ERR_CONFIG. */
int opt_set_file(struct opt_set *s, const char *key, const char *text,
    const char *from, struct err *e);
int opt_finish(struct opt_set *s, struct err *e); /* built-ins */

/* By name or alias.  opt_get: NULL for a name that is not in the table.  The
 * others: NULL, false, 0 for what is not set. */
const struct opt_value *opt_get(const struct opt_set *s, const char *name);
const char *opt_text(const struct opt_set *s, const char *name);
bool opt_flag(const struct opt_set *s, const char *name);
int64_t opt_number(const struct opt_set *s, const char *name);

/* --help: usage lines as given, the sections, the end as given. */
void opt_help(const struct opt *table, size_t n, const char *head,
    const char *tail, struct buf *out);
/* --show-config: name = value  # from; actions only when they are set */
void opt_show(const struct opt_set *s, struct buf *out);

#endif
