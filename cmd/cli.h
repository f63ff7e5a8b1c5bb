/* What every command does the same way: errors, versions, configuration. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include "base/std.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "core/opt.h"
#include "io/conf.h"
#include "io/remote.h"

#define CLI_TAIL                                                               \
	"\nReport bugs to <" PACKAGE_BUGREPORT ">.\n"                          \
	"standby-tools home page: <" PACKAGE_URL ">\n"

/* A program, for what all of them do the same way. */
struct cli_program {
	const char *name, *usage; /* the head of --help */
	const struct opt *options;
	size_t noptions;
	/* Requests of its own that need no server, onto out: 1 done, 0 none of
	 * them, -1; NULL: it has none. */
	int (*answer)(const struct opt_set *s, struct buf *out, struct err *e);
	/* The work; tells what failed, and e->status is the exit status. */
	int (*run)(
	    const struct opt_set *s, const struct conf *conf, struct err *e);
};

/*
 * main(), from the standard streams to the exit status.
 *
 * Words of pgpool behind --pgpool may begin with a minus sign (%m is -1, with
 * blanks before it from pgpool 4.4): from the first one that is a negative
 * number on, nothing is an option any more, as if "--" stood before it.
 */
int cli_main(const struct cli_program *p, int argc, char *const *argv);

/* Its parts, for a program whose exit status means something else.  The start:
 * standard streams, file mode, no core file, the log. */
void cli_begin(const char *program);
/* --help, --version, --show-config, --list-nodes and p->answer, to stdout: 1
 * done, 0 none of them, -1. */
int cli_answer(const struct cli_program *p, const struct opt_set *s,
    const struct conf *conf, struct err *e);
/* error:, detail:, hint: lines; of a usage error where help is. */
void cli_error(const char *program, const struct err *e);

/* All that was printed to stdout is there. */
int cli_end_stdout(struct err *e);

/* error:, detail:, hint: lines on the log, an error with its id in brackets.
 * kind: "error" or "warning". */
void cli_print(const char *kind, const struct err *e);

/* Options, environment, file, built-ins, in that precedence; *conf is read from
 * --config or the usual places. */
int cli_read(struct opt_set *s, struct conf *conf, int argc, char *const *argv,
    struct err *e);

/* Log level and sink from -q, -v, --log. */
int cli_log(const struct opt_set *s, const char *program, struct err *e);

/* Are colours wanted on that descriptor: --color, then NO_COLOR, then PG_COLOR,
 * then the terminal. */
bool cli_color(const char *option, int fd);

/* The connection of -h -p -U -d --service --master and the environment. */
int cli_conninfo(const struct opt_set *s, struct conninfo *c, struct err *e);

/* Its parts.  -d takes a conninfo string, a URI or a plain database name; one
 * password, asked for on a terminal. */
int cli_set_dbname(struct conninfo *c, const char *text, struct err *e);
int cli_ask_password(struct conninfo *c, struct err *e);

/* The SSH options; host: that of the SQL connection; ssh: what the
 * file says for --ssh, or NULL.  Texts are borrowed from
 * s and from *text, which the caller frees. */
int cli_remote(const struct opt_set *s, const char *host, const char *ssh,
    struct remote_opts *r, char **text, struct err *e);

/* Columns of the terminal fd; 0: it is none. */
int cli_width(int fd);

/* "Next: repl-status ..." for a node, with the role of c (its user; NULL). */
void cli_next_status(
    const char *host, const char *port, const struct conninfo *c);

#endif
