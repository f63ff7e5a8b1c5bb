#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/pidfile.h"
#include "flow/server.h"
#include "io/proc.h"

#include <dirent.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/vfs.h>

#define NFS_MAGIC 0x6969 /* NFS_SUPER_MAGIC of linux/magic.h */
#define TAIL_BYTES 16384 /* of a log, that are looked at */
#define TAIL_LINES 12    /* of a log, that are shown */
#define START_WAIT_S "3" /* pg_ctl notices a server that dies at once */
#define VERSION_MS 10000 /* postgres --version */
#define POLL_MS 100

/* --- is it running? ------------------------------------------------------- */

/* Works a process of PostgreSQL with this directory as its working directory?
 * Every server process does (ChangeToDataDir), and nothing else that is called
 * postgres.  1 yes, 0 no, -1 may not be looked at. */
static int
works_in(long pid, const struct stat *dir)
{
	char path[64], comm[32] = "";
	struct stat st;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, comm, sizeof(comm) - 1);
	(void)close(fd);
	if (n <= 0 || (strncmp(comm, "postgres", 8) != 0 &&
			  strncmp(comm, "postmaster", 10) != 0))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%ld/cwd", pid);
	if (stat(path, &st) == -1)
		return errno == EACCES || errno == EPERM ? -1 : 0;
	return st.st_dev == dir->st_dev && st.st_ino == dir->st_ino;
}

/* A server process that works there, whatever postmaster.pid says: in a
 * container its pid is another one.  0: none is seen. */
static long
find_worker(const struct stat *dir)
{
	DIR *d = opendir("/proc");
	const struct dirent *de;
	long pid, found = 0;
	char *end;

	if (d == NULL)
		return 0;
	while (found == 0 && (de = readdir(d)) != NULL) {
		pid = strtol(de->d_name, &end, 10);
		if (pid > 0 && *end == '\0' && works_in(pid, dir) == 1)
			found = pid;
	}
	(void)closedir(d);
	return found;
}

/* Do processes hold the server's shared memory?  Left-over backends do, after
 * their postmaster was killed. */
static unsigned long
shmem_users(const struct pidfile *p)
{
	struct shmid_ds ds;

	if (p->shmid < 0 || p->shmid > INT_MAX ||
	    shmctl((int)p->shmid, IPC_STAT, &ds) == -1)
		return 0;
	/* The id may be somebody else's by now. */
	if (p->shmkey != 0 && (unsigned long)(uint32_t)ds.shm_perm.__key !=
				  (p->shmkey & UINT32_MAX))
		return 0;
	return ds.shm_nattch;
}

static void say(struct buf *why, const char *fmt, ...) PRINTFLIKE(2, 3);
static void
say(struct buf *why, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (why != NULL)
		buf_adds(why, text);
}

/* The pid of the file is alive, or dead: is that a server of this directory? */
static int
judge_pid(
    int fd, const struct pidfile *p, const struct stat *dir, struct buf *why)
{
	unsigned long users;
	struct statfs fs;

	if (p->pid == 0) {
		say(why, "postmaster.pid cannot be understood");
		return 1;
	}
	/* Looked at first, so that a process that ends meanwhile is gone. */
	if (works_in(p->pid, dir) == -1 &&
	    (kill((pid_t)p->pid, 0) == 0 || errno == EPERM)) {
		say(why,
		    "process %ld of postmaster.pid lives and may not be "
		    "looked at",
		    p->pid);
		return 1;
	}
	users = shmem_users(p);
	if (users > 0) {
		say(why,
		    "%lu processes use the shared memory of "
		    "postmaster.pid",
		    users);
		return 1;
	}
	if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == NFS_MAGIC) {
		say(why, "postmaster.pid is there, and on NFS another host "
			 "may run the server");
		return 1;
	}
	return 0;
}

int
server_running(int pgdata_fd, long *pid, struct buf *why, struct err *e)
{
	struct pidfile p;
	struct stat dir;
	long worker;
	int have;

	*pid = 0;
	if (fstat(pgdata_fd, &dir) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not stat the data directory");
	have = pidfile_read(pgdata_fd, &p, e);
	if (have == -1)
		return -1;
	worker = find_worker(&dir);
	if (worker != 0) {
		*pid = have == 1 && works_in(p.pid, &dir) == 1 ? p.pid : worker;
		say(why, "process %ld works in it", *pid);
		return 1;
	}
	if (have == 0)
		return 0;
	*pid = p.pid;
	return judge_pid(pgdata_fd, &p, &dir, why);
}

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

/* --- logs ----------------------------------------------------------------- */

static void
add_file_tail(struct buf *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *to;
	ssize_t n;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (to = buf_reserve(b, TAIL_BYTES)) != NULL) {
		n = pread(fd, to, TAIL_BYTES,
		    st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
		if (n > 0) {
			b->len += (size_t)n;
			b->data[b->len] = '\0';
		}
	}
	(void)close(fd);
}

/* The file in dir that was written last; "" if there is none. */
static void
newest_file(const char *dir, char *path, size_t size)
{
	DIR *d = opendir(dir);
	const struct dirent *de;
	struct timespec newest = {.tv_sec = 0};
	struct stat st;

	path[0] = '\0';
	if (d == NULL)
		return;
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' ||
		    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			-1 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (st.st_mtim.tv_sec > newest.tv_sec ||
		    (st.st_mtim.tv_sec == newest.tv_sec &&
			st.st_mtim.tv_nsec >= newest.tv_nsec)) {
			newest = st.st_mtim;
			(void)snprintf(path, size, "%s/%s", dir, de->d_name);
		}
	}
	(void)closedir(d);
}

/* With a logging collector the start log ends by naming a directory. */
static void
add_collected(struct buf *b, const char *pgdata)
{
	static const char words[] = "will appear in directory \"";
	const char *p = buf_str(b), *q, *last = NULL;
	char dir[PATH_MAX], path[PATH_MAX + 256];
	size_t n;

	for (; (q = strstr(p, words)) != NULL; p = q + 1)
		last = q + strlen(words);
	if (last == NULL || (n = strcspn(last, "\"\n")) == 0)
		return;
	if (*last == '/')
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)n, last);
	else
		(void)snprintf(
		    dir, sizeof(dir), "%s/%.*s", pgdata, (int)n, last);
	newest_file(dir, path, sizeof(path));
	if (path[0] != '\0')
		add_file_tail(b, path);
}

void
server_log_tail(const char *pgdata, const char *log, struct buf *text)
{
	if (log != NULL)
		add_file_tail(text, log);
	if (pgdata != NULL)
		add_collected(text, pgdata);
}

void
server_explain(const char *pgdata, const char *log, struct err *e)
{
	struct buf text = BUF_INIT, shown = BUF_INIT;
	const char *hint;

	server_log_tail(pgdata, log, &text);
	if (text.len > 0) {
		text_add_tail(&shown, text.data, text.len, TAIL_LINES, "  ");
		if (shown.len > 0 && shown.data[shown.len - 1] == '\n')
			shown.data[shown.len - 1] = '\0';
		(void)err_detail(
		    e, "Last lines of the server's log:\n%s", buf_str(&shown));
	}
	hint = server_classify_log(buf_str(&text));
	if (hint != NULL)
		(void)err_hint(e, "%s", hint);
	else
		(void)err_hint(
		    e, "See the server's log \"%s\".", log != NULL ? log : "");
	buf_free(&text);
	buf_free(&shown);
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

/* Run argv behind env(1); *said gets what it prints. */
static int
run_clean(const char *const *argv, size_t n, const struct server_start *s,
    struct buf *said, int *status, struct err *e)
{
	static const char *const unset[] = {"env", UNSET_VARIABLES};
	const char *words[64];
	struct proc_opts o = {.argv = words,
	    .out = said,
	    .err = said,
	    .deadline = s->deadline,
	    .sigfd = s->sigfd,
	    .new_session = true};

	if (NELEM(unset) + n + 1 > NELEM(words))
		return err_set(e, ERR_INTERNAL, "too many words");
	memcpy(words, unset, sizeof(unset));
	memcpy(words + NELEM(unset), argv, n * sizeof(*argv));
	words[NELEM(unset) + n] = NULL;
	return proc_run(&o, status, e);
}

/* A command of the user: by the shell, talking into the log. */
static int
run_command(const char *command, const struct server_start *s, struct buf *said,
    int *status, struct err *e)
{
	struct buf script = BUF_INIT;
	const char *argv[4] = {"/bin/sh", "-c", NULL, s->log};
	int rc;

	if (s->log != NULL)
		buf_adds(&script, "exec >>\"$0\" 2>&1 </dev/null\n");
	buf_adds(&script, command);
	argv[2] = buf_str(&script);
	rc = buf_ok(&script)
		 ? run_clean(argv, s->log != NULL ? 4 : 3, s, said, status, e)
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
	const char *argv[9];
	size_t n = 0;
	int ms = deadline_poll_ms(s->deadline), rc;

	(void)snprintf(seconds, sizeof(seconds), "%d",
	    ms < 0 ? 3600 : MAX_OF(1, ms / 1000));
	buf_addf(&path, "%s/pg_ctl", s->bindir);
	argv[n++] = buf_str(&path);
	argv[n++] = start ? "start" : "stop";
	argv[n++] = "-D";
	argv[n++] = s->pgdata;
	argv[n++] = start ? "-l" : "-m";
	argv[n++] = start ? (s->log != NULL ? s->log : "/dev/null") : "fast";
	argv[n++] = "-w";
	argv[n++] = "-t";
	argv[n++] = start ? START_WAIT_S : seconds;
	rc = buf_ok(&path) ? run_clean(argv, n, s, said, status, e)
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

/* --- what a log means ----------------------------------------------------- */

/* The receiver's words; the same troubles of other clients are in the log,
 * too, among them our own attempts to log in. */
#define PRIMARY "could not connect to the primary server"

static const struct known {
	const char *first, *then; /* both on one line, in this order */
	const char *hint;
} known[] = {
    {PRIMARY, "no pg_hba.conf entry for replication",
	"Add a replication line for this host to the primary's pg_hba.conf "
	"(\"host replication USER ADDRESS scram-sha-256\") and reload it: "
	"SELECT pg_reload_conf()."},
    {PRIMARY, "no pg_hba.conf entry",
	"Add a line for this host to the primary's pg_hba.conf and reload it: "
	"SELECT pg_reload_conf()."},
    {PRIMARY, "password authentication failed",
	"The standby's own password file must hold the password: a line "
	"HOST:PORT:replication:USER:PASSWORD in ~/.pgpass of the user that "
	"runs the server."},
    {PRIMARY, "no password supplied",
	"The standby's own password file must hold the password: a line "
	"HOST:PORT:replication:USER:PASSWORD in ~/.pgpass of the user that "
	"runs the server."},
    {"requested WAL segment", "has already been removed",
	"The primary has removed WAL that this standby needs: run "
	"standby-clone --delta again, with a slot."},
    {"requested starting point", "ahead of the WAL flush position",
	"This standby is ahead of the server that it follows: is that the "
	"right primary?"},
    {"system identifier differs", "",
	"primary_conninfo leads to another cluster: check host and port."},
    {"highest timeline", "behind recovery timeline",
	"The server that it follows is on an older timeline: is that the "
	"right primary?"},
    {"requested timeline", "is not a child of this server's history",
	"The histories forked: run standby-clone --delta again from the "
	"present primary."},
    {"replication slot", "does not exist",
	"Make the slot on the primary: SELECT "
	"pg_create_physical_replication_slot('NAME', true), or empty "
	"primary_slot_name."},
    {"replication slot", "is active for PID",
	"Another standby uses that slot: give this one a slot of its own with "
	"-S NAME -C."},
    {"can no longer get changes from replication slot", "",
	"The slot has lost its WAL: run standby-clone --delta again."},
    {"This slot has been invalidated", "",
	"The slot has lost its WAL: run standby-clone --delta again."},
    {PRIMARY, "exceeds max_wal_senders",
	"Raise max_wal_senders on the primary (needs a restart)."},
    {PRIMARY, "must be superuser or replication role",
	"On the primary: ALTER ROLE USER REPLICATION."},
    {PRIMARY, "permission denied to start WAL sender",
	"On the primary: ALTER ROLE USER REPLICATION."},
    {"hot standby is not possible because", "is a lower setting",
	"Raise that setting in the standby's postgresql.conf to the "
	"primary's value, then start it again."},
    {"max_wal_senders", "must be less than max_connections",
	"Raise max_connections in the standby's postgresql.conf to the "
	"primary's value, then start it again."},
    {"recovery aborted because of insufficient parameter settings", "",
	"Raise the setting that the log names in the standby's "
	"postgresql.conf to the primary's value, then start it again."},
    {"hot standby is not possible because", "wal_level",
	"Set wal_level = replica (hot_standby before 9.6) on the primary, "
	"restart it, and clone again."},
    {"WAL was generated with", "wal_level=minimal",
	"Set wal_level = replica on the primary, restart it, and clone "
	"again."},
    {"Address already in use", "",
	"Another server has that port: set another one in the standby's "
	"postgresql.conf."},
    {"could not bind", "",
	"Set listen_addresses and port in the standby's postgresql.conf to "
	"what this host has."},
    {"could not create lock file", "",
	"The directory of unix_socket_directories is missing or not "
	"writable: make it, or set another one."},
    {"could not access the server configuration file", "",
	"The configuration lives outside the data directory: copy "
	"postgresql.conf into it, or start it the distribution's way with "
	"--start-command='pg_ctlcluster N NAME start'."},
    {"could not open configuration file", "",
	"Copy that file from the primary, or write one."},
    {"could not load pg_hba.conf", "",
	"Copy pg_hba.conf from the primary, or write one."},
    {"has group or world access", "",
	"Type: chmod 0700 on the data directory."},
    {"has invalid permissions", "", "Type: chmod 0700 on the data directory."},
    {"has wrong ownership", "",
	"The server must run as the owner of the data directory."},
    {"unrecognized configuration parameter", "",
	"Remove that line from the standby's configuration."},
    {"invalid value for parameter", "",
	"Correct that line of the standby's configuration."},
    {"contains errors", "",
	"Correct the line of the standby's configuration that the log names."},
    {"using recovery command file \"recovery.conf\" is not supported", "",
	"Remove recovery.conf: this version uses standby.signal."},
    {"lock file \"postmaster.pid\" already exists", "",
	"Another server runs in that directory."},
    {"could not access file", "",
	"A library of shared_preload_libraries is not installed here: install "
	"the package that the primary has."},
    {"could not load library", "",
	"A library of shared_preload_libraries is not installed here: install "
	"the package that the primary has."},
    {"shared memory", "Cannot allocate memory",
	"Lower shared_buffers in the standby's postgresql.conf, or raise the "
	"kernel's limits (huge pages, memory)."},
    {"could not map anonymous shared memory", "",
	"Lower shared_buffers in the standby's postgresql.conf, or raise the "
	"kernel's limits (huge pages, memory)."},
    {"database files are incompatible with server", "",
	"The server programs are not of the primary's major version or "
	"build: name the right ones with --pg-bindir=DIR."},
    {"No space left on device", "",
	"Make room on the file system that the log names."},
    {"could not locate required checkpoint record", "",
	"WAL is missing: run standby-clone again. Do not remove "
	"backup_label."},
    {"could not locate a valid checkpoint record", "",
	"WAL is missing: run standby-clone again. Do not remove "
	"backup_label."},
    {PRIMARY, "Connection refused",
	"The standby does not reach the primary under the address in "
	"primary_conninfo: check listen_addresses there, and the firewall."},
    {PRIMARY, "could not translate host name",
	"The host name in primary_conninfo is not known on this host."},
    {PRIMARY, "timeout expired",
	"The standby does not reach the primary under the address in "
	"primary_conninfo: check the firewall."},
    {PRIMARY, "role \"",
	"The role in primary_conninfo does not exist on the primary."},
};

/* Are both words on the line p .. p + n? */
static bool
line_has(const char *p, size_t n, const struct known *k)
{
	const char *q = memmem(p, n, k->first, strlen(k->first));

	if (q == NULL)
		return false;
	q += strlen(k->first);
	return memmem(q, n - (size_t)(q - p), k->then, strlen(k->then)) != NULL;
}

/* The last line that is known decides: earlier troubles may be over. */
const char *
server_classify_log(const char *text)
{
	const char *hint = NULL;
	size_t n;

	for (const char *p = text; *p != '\0'; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		for (size_t i = 0; i < NELEM(known); i++)
			if (line_has(p, n, &known[i])) {
				hint = known[i].hint;
				break;
			}
	}
	return hint;
}
