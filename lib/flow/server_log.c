#include "base/std.h"
#include "core/text.h"
#include "flow/server.h"

#include <dirent.h>

#define TAIL_BYTES 16384 /* of a log, that are looked at */
#define TAIL_LINES 12    /* of a log, that are shown */

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
