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

/* A standard stream that was closed at our start must not become a socket or a
 * file of the target: it is opened so that using it fails as before. */
void cli_std_fds(void);

/* All that was printed to stdout is there. */
int cli_end_stdout(struct err *e);

/* error:, detail:, hint: lines on the log.  kind: "error" or "warning". */
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

/* --version: ours and the linked libraries'. */
void cli_version(const char *program);

/* The connection of -h -p -U -d --service --master and the environment. */
int cli_conninfo(const struct opt_set *s, struct conninfo *c, struct err *e);

/* Its parts.  -d takes a conninfo string, a URI or a plain database name; one
 * password, asked for on a terminal; the database when nothing names one. */
bool cli_plain_dbname(const char *text);
int cli_set_dbname(struct conninfo *c, const char *text, struct err *e);
int cli_ask_password(struct conninfo *c, struct err *e);
int cli_default_dbname(struct conninfo *c, struct err *e);

/* The SSH options; host: that of the SQL connection; ssh: what the
 * file says for --ssh, or NULL.  Texts are borrowed from
 * s and from *text, which the caller frees. */
int cli_remote(const struct opt_set *s, const char *host, const char *ssh,
    struct remote_opts *r, char **text, struct err *e);

#endif
