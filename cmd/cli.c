#include "base/std.h"
#include "base/log.h"
#include "base/shell.h"
#include "base/sig.h"
#include "cli.h"
#include "core/text.h"
#include "io/pg.h"
#include "io/versions.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>

/* A standard stream that was closed at our start must not become a socket or a
 * file of the target: it is opened so that using it fails as before. */
static void
open_std_fds(void)
{
	static const int wrong[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)open("/dev/null", wrong[fd]);
}

int
cli_end_stdout(struct err *e)
{
	if (fflush(stdout) == EOF)
		return err_set_errno(
		    e, ERR_IO, "could not write to standard output");
	/* Earlier, so errno is another's by now. */
	if (ferror(stdout))
		return err_set(e, ERR_IO, "could not write to standard output");
	return 0;
}

void
cli_print(const char *kind, const struct err *e)
{
	const char *at = e->hint;
	struct buf line = BUF_INIT;
	bool bad = strcmp(kind, "error") == 0;
	enum log_level level = bad ? LVL_ERROR : LVL_WARNING;

	if (bad)
		log_line(level, kind, "%s [%s]", e->text, err_name(e->code));
	else
		log_line(level, kind, "%s", e->text);
	if (e->detail[0] != '\0')
		log_line(level, "detail", "%s", e->detail);
	while (text_line(&at, &line))
		log_line(level, "hint", "%s", buf_str(&line));
	buf_free(&line);
}

/* Ours and the linked libraries'. */
static void
add_version(const char *program, struct buf *b)
{
	buf_addf(b, "%s (standby-tools) %s\n", program, PACKAGE_VERSION);
	versions_add(b);
}

void
cli_error(const char *program, const struct err *e)
{
	cli_print("error", e);
	if (e->code == ERR_USAGE && e->hint[0] == '\0')
		log_line(LVL_ERROR, "hint", "Try \"%s --help\".", program);
}

void
cli_begin(const char *program)
{
	struct rlimit none = {0, 0};

	open_std_fds();
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	log_init(program, LVL_INFO);
}

int
cli_answer(const struct cli_program *p, const struct opt_set *s,
    const struct conf *conf, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = 1;

	if (opt_flag(s, "help"))
		opt_help(p->options, p->noptions, p->usage, CLI_TAIL, &b);
	else if (opt_flag(s, "version"))
		add_version(p->name, &b);
	else if (opt_flag(s, "show-config"))
		opt_show(s, &b);
	else if (opt_flag(s, "list-nodes"))
		for (size_t i = 0; i < conf->nnodes; i++)
			buf_addf(&b, "%s\n", conf->nodes[i].name);
	else
		rc = p->answer != NULL ? p->answer(s, &b, e) : 0;
	(void)fputs(buf_str(&b), stdout);
	buf_free(&b);
	return rc;
}

/* pgpool 4.4 writes " -1". */
static bool
is_negative(const char *word)
{
	word += strspn(word, " ");
	return word[0] == '-' && word[1] >= '0' && word[1] <= '9';
}

/* argv with an `end` ("--") before pgpool's first negative word; the caller
 * frees it.  NULL: no memory. */
static char **
end_options(int *argc, char *const *argv, char *end)
{
	char **v = calloc((size_t)*argc + 2, sizeof(*v));
	bool pgpool = false, done = false;
	int n = 0;

	for (int i = 0; v != NULL && i < *argc; i++) {
		done |= strcmp(argv[i], end) == 0;
		pgpool |= strcmp(argv[i], "--pgpool") == 0;
		if (pgpool && !done && is_negative(argv[i])) {
			v[n++] = end;
			done = true;
		}
		v[n++] = argv[i];
	}
	*argc = n;
	return v;
}

/* 0, or the exit status of what failed, and was told. */
static int
go(const struct cli_program *p, struct opt_set *s, struct conf *conf, int argc,
    char *const *argv, struct err *e)
{
	int rc;

	if (opt_init(s, p->options, p->noptions, e) == -1 ||
	    cli_read(s, conf, argc, argv, e) == -1 ||
	    (rc = cli_answer(p, s, conf, e)) == -1 ||
	    (rc == 0 && (cli_log(s, p->name, e) == -1 || sig_init(e) == -1))) {
		cli_error(p->name, e);
		return e->status;
	}
	return rc == 1 || p->run(s, conf, e) == 0 ? 0 : e->status;
}

int
cli_main(const struct cli_program *p, int argc, char *const *argv)
{
	struct err e = ERR_INIT;
	struct conf conf = {0};
	struct opt_set s = {.table = NULL};
	char end[] = "--", **words = end_options(&argc, argv, end);
	int status = STATUS_FAILED;

	cli_begin(p->name);
	if (words != NULL)
		status = go(p, &s, &conf, argc, words, &e);
	opt_free(&s);
	conf_free(&conf);
	free(words);
	err_clear(&e);
	if (cli_end_stdout(&e) == -1) {
		cli_print("error", &e);
		status = status == 0 ? e.status : status;
	}
	return status;
}

/* --- configuration -------------------------------------------------------- */

static const char *
get_env(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

/* Keys of the file that are another option's under a second name. */
static const struct {
	const char *key, *same;
} second_names[] = {
    {"clone.start_command", "defaults.start"},
    {"clone.stop_command", "defaults.stop"},
    {"defaults.ssh_identity", "clone.ssh_identity"},
    {"defaults.known_hosts", "clone.known_hosts"},
    {"defaults.transport", "clone.transport"},
    {"defaults.ssh_command", "clone.ssh_command"},
    {"defaults.agent", "clone.agent"},
    {"defaults.replication_user", "clone.replication_user"},
    {"defaults.timeout", "clone.timeout"},
    {"defaults.color", "clone.color"},
    {"defaults.log", "clone.log"},
};

static int
take_file(
    struct opt_set *s, const struct conf *conf, bool defaults, struct err *e)
{
	for (size_t i = 0; i < conf->nvalues; i++) {
		const struct conf_value *v = &conf->values[i];
		const char *key = v->key;

		if ((strncmp(key, "defaults.", 9) == 0) != defaults)
			continue;
		if (opt_set_file(s, key, v->text, v->from, e) == -1)
			return -1;
		for (size_t k = 0; k < NELEM(second_names); k++)
			if (strcmp(key, second_names[k].key) == 0 &&
			    opt_set_file(s, second_names[k].same, v->text,
				v->from, e) == -1)
				return -1;
	}
	return 0;
}

int
cli_read(struct opt_set *s, struct conf *conf, int argc, char *const *argv,
    struct err *e)
{
	if (opt_parse_args(s, argc, argv, e) == -1 ||
	    opt_parse_env(s, get_env, NULL, e) == -1)
		return -1;
	if (opt_flag(s, "help") || opt_flag(s, "version"))
		return 0;
	if (conf_read(conf, opt_text(s, "config"), e) == -1)
		return -1;
	/* What holds for all commands first, so that their own keys win. */
	if (take_file(s, conf, true, e) == -1 ||
	    take_file(s, conf, false, e) == -1)
		return -1;
	return opt_finish(s, e);
}

bool
cli_color(const char *option, int fd)
{
	const char *no = getenv("NO_COLOR"), *pg = getenv("PG_COLOR");
	const char *term = getenv("TERM");

	if (strcmp(option, "auto") != 0)
		return strcmp(option, "always") == 0;
	if (no != NULL && no[0] != '\0')
		return false;
	if (pg != NULL && strcmp(pg, "auto") != 0)
		return strcmp(pg, "always") == 0;
	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

int
cli_log(const struct opt_set *s, const char *program, struct err *e)
{
	const struct opt_value *v = opt_get(s, "verbose");
	enum log_level level = LVL_INFO;

	if (opt_flag(s, "quiet"))
		level = LVL_WARNING;
	else if (v->count >= 2)
		level = LVL_DEBUG;
	else if (v->count == 1)
		level = LVL_VERBOSE;
	log_init(program, level);
	log_color(cli_color(opt_text(s, "color"), STDERR_FILENO));
	if (log_to(opt_text(s, "log")) == 0)
		return 0;
	return err_set_errno(e, ERR_USAGE, "--log=%s", opt_text(s, "log"));
}

static int
set(struct conninfo *c, const char *key, const char *value, struct err *e)
{
	if (value == NULL)
		return 0;
	return conninfo_set(c, key, value) == -1 ? err_set_nomem(e) : 0;
}

int
cli_set_dbname(struct conninfo *c, const char *text, struct err *e)
{
	if (text == NULL)
		return 0;
	if (conninfo_plain_dbname(text))
		return set(c, "dbname", text, e);
	return pg_conninfo_parse(text, c, e);
}

/* Never a password option, and no prompt where nobody sits. */
int
cli_ask_password(struct conninfo *c, struct err *e)
{
	char text[1024], *got;
	struct termios old, quiet;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &old) == -1)
		return err_set(
		    e, ERR_USAGE, "--password wants a terminal to ask on");
	quiet = old;
	quiet.c_lflag &= (tcflag_t)~ECHO;
	(void)fputs("Password: ", stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	got = fgets(text, sizeof(text), stdin);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	if (got == NULL)
		return err_set(e, ERR_USAGE, "no password was given");
	text[strcspn(text, "\n")] = '\0';
	if (conninfo_set(c, "password", text) == -1)
		(void)err_set_nomem(e);
	explicit_bzero(text, sizeof(text));
	return err_is_set(e) ? -1 : 0;
}

int
cli_conninfo(const struct opt_set *s, struct conninfo *c, struct err *e)
{
	char port[16] = "";

	if (cli_set_dbname(c, opt_text(s, "dbname"), e) == -1)
		return -1;
	if (opt_get(s, "port")->set)
		(void)snprintf(
		    port, sizeof(port), "%d", (int)opt_number(s, "port"));
	if (set(c, "service", opt_text(s, "service"), e) == -1 ||
	    set(c, "host", opt_text(s, "host"), e) == -1 ||
	    set(c, "port", port[0] != '\0' ? port : NULL, e) == -1 ||
	    set(c, "user", opt_text(s, "username"), e) == -1)
		return -1;
	if (opt_flag(s, "password") && cli_ask_password(c, e) == -1)
		return -1;
	return pg_conninfo_default_dbname(c, e);
}

int
cli_remote(const struct opt_set *s, const char *host, const char *ssh,
    struct remote_opts *r, char **text, struct err *e)
{
	static const struct {
		const char *name;
		enum remote_kind kind;
	} kinds[] = {{"auto", REMOTE_AUTO}, {"libssh2", REMOTE_LIBSSH2},
	    {"openssh", REMOTE_OPENSSH}};

	if (ssh == NULL || opt_get(s, "ssh")->source >= OPT_FROM_ENV)
		ssh = opt_text(s, "ssh");
	*r = (struct remote_opts){.identity = opt_text(s, "ssh-identity"),
	    .known_hosts = opt_text(s, "known-hosts"),
	    .fingerprint = opt_text(s, "host-fingerprint"),
	    .ssh_command = opt_text(s, "ssh-command"),
	    .user = opt_text(s, "ssh-user")};
	for (size_t i = 0; i < NELEM(kinds); i++)
		if (strcmp(opt_text(s, "transport"), kinds[i].name) == 0)
			r->kind = kinds[i].kind;
	/* A server that is reached through a socket is on this host. */
	if (host == NULL || host[0] == '\0' || host[0] == '/' || host[0] == '@')
		host = "localhost";
	return remote_at(ssh, host, r, text, e);
}

int
cli_width(int fd)
{
	struct winsize ws = {.ws_col = 0};

	if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	return isatty(fd) ? 80 : 0;
}

void
cli_next_status(const char *host, const char *port, const struct conninfo *c)
{
	const char *user = conninfo_get(c, "user");
	struct buf b = BUF_INIT;

	buf_adds(&b, "repl-status -h ");
	shell_add_word(&b, host);
	if (port != NULL && strcmp(port, "5432") != 0) {
		buf_adds(&b, " -p ");
		shell_add_word(&b, port);
	}
	if (user != NULL) {
		buf_adds(&b, " -U ");
		shell_add_word(&b, user);
	}
	log_line(LVL_INFO, NULL, "Next: %s", buf_str(&b));
	buf_free(&b);
}
