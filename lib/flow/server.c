#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/server.h"
#include "io/proc.h"

#define START_WAIT_S "3" /* pg_ctl notices a server that dies at once */
#define VERSION_MS 10000 /* postgres --version */
#define POLL_MS 100

/* --- server programs ------------------------------------------------------ */

/* "postgres (PostgreSQL) 15.18 (Debian 15.18-1)" -> its full number; -1. */
static int
parse_version_line(const char *s)
{
	char text[32];
	const char *p = strstr(s, "(PostgreSQL) "), *dot;
	int major, minor = 0;
	size_t n;

	if (p == NULL)
		return -1;
	p += strlen("(PostgreSQL) ");
	n = strspn(p, "0123456789.");
	if (n == 0 || n >= sizeof(text))
		return -1;
	memcpy(text, p, n);
	text[n] = '\0';
	major = pgver_parse(text);
	/* The last number is the minor one, unless "9.6" or "18" is all. */
	dot = strrchr(text, '.');
	if (dot != NULL && pgver_parse(text) != -1) {
		char cut[32];

		(void)snprintf(
		    cut, sizeof(cut), "%.*s", (int)(dot - text), text);
		if (pgver_parse(cut) == major)
			minor = (int)strtol(dot + 1, NULL, 10);
	}
	return major == -1 ? -1 : major + minor;
}

/* The full version number of DIR/postgres, -1 if there is none. */
static int
version_of(const char *dir)
{
	struct buf path = BUF_INIT, out = BUF_INIT;
	const char *argv[3] = {NULL, "--version", NULL};
	struct proc_opts o = {.argv = argv,
	    .out = &out,
	    .max_out = 256,
	    .deadline = deadline_in(VERSION_MS),
	    .sigfd = -1};
	int status = -1, version = -1;

	buf_addf(&path, "%s/postgres", dir);
	argv[0] = buf_str(&path);
	if (buf_ok(&path) && access(argv[0], X_OK) == 0 &&
	    proc_run(&o, &status, NULL) == 0 && status == 0)
		version = parse_version_line(buf_str(&out));
	buf_free(&path);
	buf_free(&out);
	return version;
}

struct search {
	int version;      /* wanted */
	struct buf tried; /* for the error */
	char *found;
	int minor;
	bool failed;
};

/* Is this the directory?  Notes what it is otherwise. */
static bool
try_dir(struct search *s, const char *dir)
{
	int version;
	char have[16];

	if (s->found != NULL)
		return true;
	version = version_of(dir);
	if (version != -1 && pgver_same_major(version, s->version)) {
		s->found = strdup(dir);
		s->failed = s->found == NULL;
		s->minor = version;
		return true;
	}
	buf_addf(&s->tried, "%s%s (%s)", s->tried.len > 0 ? ", " : "", dir,
	    version == -1 ? "none" : pgver_major(version, have, sizeof(have)));
	return false;
}

static bool
try_pg_config(struct search *s)
{
	static const char *const argv[] = {"pg_config", "--bindir", NULL};
	struct buf out = BUF_INIT;
	struct proc_opts o = {.argv = argv,
	    .out = &out,
	    .max_out = PATH_MAX,
	    .deadline = deadline_in(VERSION_MS),
	    .sigfd = -1};
	bool found = false;
	int status = -1;

	if (proc_run(&o, &status, NULL) == 0 && status == 0 && out.len > 0) {
		if (out.data[out.len - 1] == '\n')
			out.data[--out.len] = '\0';
		found = try_dir(s, buf_str(&out));
	}
	buf_free(&out);
	return found;
}

static bool
try_path(struct search *s)
{
	const char *p = getenv("PATH");
	char dir[PATH_MAX];
	size_t n;

	for (; p != NULL && *p != '\0'; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		if (n == 0 || n >= sizeof(dir))
			continue;
		memcpy(dir, p, n);
		dir[n] = '\0';
		if (s->found == NULL && version_of(dir) != -1 &&
		    try_dir(s, dir))
			return true;
	}
	return false;
}

static void
search_all(struct search *s)
{
	static const char *const patterns[] = {"/usr/lib/postgresql/%s/bin",
	    "/usr/pgsql-%s/bin", "/usr/lib/postgresql%s/bin"};
	char major[16], dir[128];

	(void)pgver_major(s->version, major, sizeof(major));
	if (try_pg_config(s))
		return;
	for (size_t i = 0; i < NELEM(patterns); i++) {
		const char *p = strstr(patterns[i], "%s");

		(void)snprintf(dir, sizeof(dir), "%.*s%s%s",
		    (int)(p - patterns[i]), patterns[i], major, p + 2);
		if (try_dir(s, dir))
			return;
	}
	if (!try_dir(s, "/usr/local/pgsql/bin"))
		(void)try_path(s);
}

int
server_bindir(
    const char *given, int version, char **bindir, int *minor, struct err *e)
{
	struct search s = {.version = version};
	char major[16];
	int rc = 0;

	if (given != NULL && *given != '\0')
		(void)try_dir(&s, given);
	else
		search_all(&s);
	if (s.failed) {
		rc = err_set_nomem(e);
	} else if (s.found == NULL) {
		(void)pgver_major(version, major, sizeof(major));
		rc = err_set(e, ERR_VERSION,
		    "no server programs of PostgreSQL %s found here", major);
		(void)err_detail(e, "Tried: %s.", buf_str(&s.tried));
		(void)err_hint(e,
		    "Install them (Debian: apt install postgresql-%s), or "
		    "name their directory with --pg-bindir=DIR.",
		    major);
	}
	*bindir = s.found;
	*minor = s.minor;
	buf_free(&s.tried);
	return rc;
}

/* --- start and stop ------------------------------------------------------- */

/*
 * Variables that libpq or the server would read: the server would take its
 * default port from ours, hold our password, or stream only because of a file
 * that nobody names at its next start.
 */
#define UNSET_VARIABLES                                                        \
	"-uPGHOST", "-uPGHOSTADDR", "-uPGPORT", "-uPGDATABASE", "-uPGUSER",    \
	    "-uPGPASSWORD", "-uPGPASSFILE", "-uPGSERVICE", "-uPGSERVICEFILE",  \
	    "-uPGOPTIONS", "-uPGAPPNAME", "-uPGSSLMODE", "-uPGREQUIREPEER",    \
	    "-uPGCONNECT_TIMEOUT", "-uPGCLIENTENCODING", "-uPGDATESTYLE",      \
	    "-uPGTZ", "-uPGGEQO", "-uPGTARGETSESSIONATTRS", "-uPGDATA",        \
	    "-uPGSSLCERT", "-uPGSSLKEY", "-uPGSSLROOTCERT", "-uPGGSSENCMODE",  \
	    "-uPGCHANNELBINDING"

int
server_words(
    const char *const *argv, const char **words, size_t max, struct err *e)
{
	static const char *const unset[] = {"env", UNSET_VARIABLES};
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	if (NELEM(unset) + n + 1 > max)
		return err_set(e, ERR_INTERNAL, "too many words");
	memcpy(words, unset, sizeof(unset));
	memcpy(words + NELEM(unset), argv, (n + 1) * sizeof(*argv));
	return 0;
}

/* Run argv behind env(1); *said gets what it prints. */
static int
run_clean(const char *const *argv, const struct server_start *s,
    struct buf *said, int *status, struct err *e)
{
	const char *words[64];
	struct proc_opts o = {.argv = words,
	    .out = said,
	    .err = said,
	    .deadline = s->deadline,
	    .sigfd = s->sigfd,
	    .new_session = true};

	if (server_words(argv, words, NELEM(words), e) == -1)
		return -1;
	return proc_run(&o, status, e);
}

/* A command of the user: by the shell, talking into the log. */
static int
run_command(const char *command, const struct server_start *s, struct buf *said,
    int *status, struct err *e)
{
	struct buf script = BUF_INIT;
	const char *argv[5] = {"/bin/sh", "-c", NULL, s->log};
	int rc;

	if (s->log != NULL)
		buf_adds(&script, "exec >>\"$0\" 2>&1 </dev/null\n");
	buf_adds(&script, command);
	argv[2] = buf_str(&script);
	rc = buf_ok(&script) ? run_clean(argv, s, said, status, e)
			     : err_set_nomem(e);
	buf_free(&script);
	return rc;
}

static int
run_pg_ctl(const struct server_start *s, bool start, struct buf *said,
    int *status, struct err *e)
{
	char seconds[16];
	struct buf path = BUF_INIT;
	const char *argv[12];
	size_t n = 0;
	int ms = deadline_poll_ms(s->deadline), rc;

	(void)snprintf(seconds, sizeof(seconds), "%d",
	    ms < 0 ? 3600 : MAX_OF(1, ms / 1000));
	buf_addf(&path, "%s/pg_ctl", s->bindir);
	argv[n++] = buf_str(&path);
	/* pg_ctl reads postmaster.opts only when it is told to restart, and
	 * then starts what does not run. */
	argv[n++] = !start ? "stop" : s->again ? "restart" : "start";
	argv[n++] = "-D";
	argv[n++] = s->pgdata;
	argv[n++] = start ? "-l" : "-m";
	argv[n++] = start ? (s->log != NULL ? s->log : "/dev/null") : "fast";
	argv[n++] = "-w";
	argv[n++] = "-t";
	argv[n++] = start ? START_WAIT_S : seconds;
	if (start && s->options != NULL) {
		argv[n++] = "-o";
		argv[n++] = s->options;
	}
	argv[n] = NULL;
	rc = buf_ok(&path) ? run_clean(argv, s, said, status, e)
			   : err_set_nomem(e);
	buf_free(&path);
	return rc;
}

/* server_running by path. */
static int
running_in(const char *pgdata, long *pid, struct err *e)
{
	int fd = open(pgdata, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	*pid = 0;
	if (fd == -1)
		return err_set_errno(
		    e, ERR_IO, "could not open directory \"%s\"", pgdata);
	rc = server_running(fd, pid, NULL, e);
	(void)close(fd);
	return rc;
}

static int
start_failed(const struct server_start *s, const struct buf *said, int status,
    struct err *e)
{
	struct buf shown = BUF_INIT;

	(void)err_set(
	    e, ERR_START, "the standby in \"%s\" did not start", s->pgdata);
	if (status != 0)
		(void)err_detail(e, "%s ended with status %d.",
		    s->command != NULL ? "The start command" : "pg_ctl",
		    status);
	if (said->len > 0) {
		text_add_tail(&shown, said->data, said->len, 4, "  ");
		(void)err_detail(e, "It said:\n%s", buf_str(&shown));
	}
	server_explain(s->pgdata, s->log, e);
	buf_free(&shown);
	return -1;
}

/*
 * pg_ctl's own wait is short: a standby is ready only once it is consistent,
 * which needs the WAL that server_wait_streaming waits for and explains.  A
 * live postmaster is what start asks for.
 */
static int
wait_alive(const struct server_start *s, const struct buf *said, int status,
    struct err *e)
{
	long pid;

	switch (running_in(s->pgdata, &pid, e)) {
	case -1:
		return -1;
	case 1:
		return 0;
	default:
		return start_failed(s, said, status, e);
	}
}

int
server_start(const struct server_start *s, struct err *e)
{
	struct buf said = BUF_INIT;
	struct err cause = ERR_INIT;
	int status = 0, rc;

	rc = s->command != NULL
		 ? run_command(s->command, s, &said, &status, &cause)
		 : run_pg_ctl(s, true, &said, &status, &cause);
	if (rc == 0) {
		rc = wait_alive(s, &said, status, e);
	} else {
		if (e != NULL && !err_is_set(e))
			*e = cause;
		err_raise(e, STATUS_INCOMPLETE);
	}
	buf_free(&said);
	return rc;
}

int
server_stop(
    const struct server_start *s, const char *stop_command, struct err *e)
{
	struct buf said = BUF_INIT, shown = BUF_INIT;
	int status = 0, rc;
	long pid = 0;

	rc = stop_command != NULL
		 ? run_command(stop_command, s, &said, &status, e)
		 : run_pg_ctl(s, false, &said, &status, e);
	while (rc == 0 && status == 0 &&
	       (rc = running_in(s->pgdata, &pid, e)) == 1) {
		rc = 0;
		if (deadline_passed(s->deadline)) {
			status = -1;
			break;
		}
		clock_sleep_ms(POLL_MS, s->deadline);
	}
	if (rc == 0 && status != 0) {
		text_add_tail(&shown, said.data, said.len, 4, "  ");
		rc = err_set(e, ERR_PROC, "could not stop the server in \"%s\"",
		    s->pgdata);
		if (shown.len > 0)
			(void)err_detail(e, "It said:\n%s", buf_str(&shown));
	}
	buf_free(&said);
	buf_free(&shown);
	return rc;
}
