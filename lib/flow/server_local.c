#include "base/std.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/confread.h"
#include "flow/server.h"
#include "flow/server_local.h"

#include <dirent.h>

#define ENVIRONMENT_MAX (256u * 1024)
#define PORT_DEFAULT 5432

/* --- files of /proc, and small ones --------------------------------------- */

/* Up to size - 1 bytes, and a NUL. */
static size_t
read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t got = 0;
	ssize_t n;

	while (fd != -1 && got < size - 1 &&
	       (n = read(fd, text + got, size - 1 - got)) > 0)
		got += (size_t)n;
	if (fd != -1)
		(void)close(fd);
	text[got] = '\0';
	return got;
}

size_t
server_local_cmdline(long pid, char *cmdline, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	return read_file(path, cmdline, size);
}

/* --- where it listens ----------------------------------------------------- */

struct words {
	const char *at, *end;
};

static const char *
next_word(struct words *w)
{
	const char *s = w->at;
	size_t n;

	if (s >= w->end)
		return NULL;
	n = strnlen(s, (size_t)(w->end - s));
	w->at = s + n + 1;
	return s[n] == '\0' ? s : NULL;
}

/* "port=5433" -> "5433" for "port"; - and _ are the same in a long option. */
static const char *
assigned(const char *word, const char *name)
{
	for (; *name != '\0'; name++, word++)
		if (*word != *name && !(*word == '-' && *name == '_'))
			return NULL;
	return *word == '=' ? word + 1 : NULL;
}

const char *
server_local_option(
    const char *cmdline, size_t n, char letter, const char *name)
{
	struct words w = {cmdline, cmdline + n};
	const char *word, *value, *found = NULL;

	(void)next_word(&w); /* the program */
	while ((word = next_word(&w)) != NULL) {
		if (word[0] != '-' || word[1] == '\0')
			continue;
		value = word + 2;
		if (word[1] != '-' && *value == '\0' &&
		    strchr("BDNcfhkoprtvW", word[1]) != NULL &&
		    (value = next_word(&w)) == NULL)
			break;
		if (letter != 0 && word[1] == letter)
			found = value;
		else if (name != NULL && (word[1] == '-' || word[1] == 'c'))
			found = assigned(value, name) != NULL
				    ? assigned(value, name)
				    : found;
	}
	return found;
}

/* In the files that it was started with: 1 and the value, 0 they do not say, -1
 * they cannot be read. */
static int
configured(const char *pgdata, int version, const char *cmdline, size_t n,
    const char *name, struct confwalk_place *place)
{
	const char *file = server_local_option(cmdline, n, 0, "config_file");
	struct confread files = {.any_owner = true};
	struct confwalk_io io = confread_io(&files);
	struct buf path = BUF_INIT;
	int rc = -1;

	if (file == NULL) {
		buf_addf(&path, "%s/postgresql.conf", pgdata);
		file = buf_str(&path);
	}
	if (file[0] == '/')
		rc = confwalk_get(&io, file, name, version, place, NULL);
	buf_free(&path);
	return rc;
}

/* PGPORT of its environment, which counts where nothing else says a port. */
static int
port_of_environment(long pid)
{
	static const char name[] = "PGPORT=";
	size_t size = ENVIRONMENT_MAX, n;
	char path[64], *text = malloc(size);
	struct words w;
	const char *word;
	int port = PORT_DEFAULT;

	if (text == NULL)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%ld/environ", pid);
	n = read_file(path, text, size);
	w = (struct words){text, text + n};
	while ((word = next_word(&w)) != NULL)
		if (strncmp(word, name, sizeof(name) - 1) == 0)
			port = (int)strtol(word + sizeof(name) - 1, NULL, 10);
	free(text);
	return port;
}

/* 0: not known. */
static int
find_port(
    const char *pgdata, int version, const char *cmdline, size_t n, long pid)
{
	const char *said = server_local_option(cmdline, n, 'p', "port");
	struct confwalk_place place = {.value = BUF_INIT};
	int rc = 1, port = 0;

	if (said == NULL) {
		rc = configured(pgdata, version, cmdline, n, "port", &place);
		said = buf_str(&place.value);
	}
	if (rc == 1)
		port = (int)strtol(said, NULL, 10);
	else if (rc == 0)
		port = port_of_environment(pid);
	confwalk_place_free(&place);
	return port > 0 && port <= UINT16_MAX ? port : 0;
}

/* As socket directory the first where that port has one. */
static void
find_socket(struct pidfile *p)
{
	static const char *const dirs[] = {"/var/run/postgresql", "/tmp"};
	char path[64];
	struct stat st;

	for (size_t i = 0; i < NELEM(dirs) && p->sockdir[0] == '\0'; i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/.s.PGSQL.%d", dirs[i], p->port);
		if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
			(void)snprintf(
			    p->sockdir, sizeof(p->sockdir), "%s", dirs[i]);
	}
}

void
server_local_place(const char *pgdata, int version, const char *cmdline,
    size_t n, struct pidfile *p)
{
	const char *socket_param = pgver(version, PGFACT_SOCKET_PARAM);
	const char *dir = server_local_option(cmdline, n, 'k', socket_param);
	struct confwalk_place place = {.value = BUF_INIT};

	if (p->port != 0)
		return;
	p->port = find_port(pgdata, version, cmdline, n, p->pid);
	if (p->port == 0)
		return;
	if (dir == NULL &&
	    configured(pgdata, version, cmdline, n, socket_param, &place) == 1)
		dir = buf_str(&place.value);
	if (dir != NULL && strlen(dir) < sizeof(p->sockdir))
		(void)snprintf(p->sockdir, sizeof(p->sockdir), "%s", dir);
	find_socket(p);
	confwalk_place_free(&place);
}

void
server_local_find(int pgdata_fd, struct pidfile *p)
{
	char fd[64], path[PATH_MAX], text[64], cmdline[4096];
	ssize_t n;
	int version;

	(void)snprintf(fd, sizeof(fd), "/proc/self/fd/%d", pgdata_fd);
	n = readlink(fd, path, sizeof(path) - sizeof("/PG_VERSION"));
	if (n <= 0 || p->port != 0 || !server_has_process(pgdata_fd, p->pid))
		return;
	memcpy(path + n, "/PG_VERSION", sizeof("/PG_VERSION"));
	(void)read_file(path, text, sizeof(text));
	path[n] = '\0';
	version = pgver_parse(text);
	/* One that is not told is being written, or is none. */
	if (version == -1 || pgver(version, PGFACT_PIDFILE_PORT) != NULL)
		return;
	server_local_place(path, version, cmdline,
	    server_local_cmdline(p->pid, cmdline, sizeof(cmdline)), p);
}

/* --- its WAL receiver ----------------------------------------------------- */

/* Where the title names a receiver; NULL: another process.  From 9.5 on a
 * cluster_name, of any characters, may be in front: "9.5/main: ". */
static const char *
receiver_in(const char *title)
{
	static const char pg[] = "postgres: ";
	static const char *const who[] = {
	    ": wal receiver process", ": walreceiver"};
	const char *p;

	if (strncmp(title, pg, sizeof(pg) - 1) != 0)
		return NULL;
	title += sizeof(pg) - 3; /* the ": " of "postgres: " will do */
	for (size_t i = 0; i < NELEM(who); i++)
		if ((p = strstr(title, who[i])) != NULL &&
		    (p[strlen(who[i])] == ' ' || p[strlen(who[i])] == '\0'))
			return p;
	return NULL;
}

enum server_receiver
server_local_title(const char *title, uint64_t *lsn)
{
	static const char does[] = "streaming ";
	const char *p = receiver_in(title);
	char text[LSN_TEXT];
	size_t n;

	if (p == NULL)
		return RECEIVER_UNSEEN;
	if ((p = strstr(p, does)) == NULL)
		return RECEIVER_THERE;
	p += sizeof(does) - 1;
	n = strspn(p, "0123456789ABCDEF/");
	if (n >= sizeof(text))
		return RECEIVER_THERE;
	memcpy(text, p, n);
	text[n] = '\0';
	return lsn_parse(text, lsn) == 0 ? RECEIVER_STREAMS : RECEIVER_THERE;
}

/* Of /proc/PID/stat: "PID (NAME) STATE PPID ..."; the name may hold anything.
 */
static long
parent_of(long pid)
{
	char path[64], text[512];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (read_file(path, text, sizeof(text)) == 0 ||
	    (p = strrchr(text, ')')) == NULL || strlen(p) < 5)
		return 0;
	return strtol(p + 4, NULL, 10);
}

enum server_receiver
server_local_receiver(long postmaster, uint64_t *lsn)
{
	DIR *d = postmaster > 1 ? opendir("/proc") : NULL;
	enum server_receiver found = RECEIVER_UNSEEN;
	const struct dirent *de;
	char title[256], *end;
	long pid;

	if (d == NULL)
		return RECEIVER_UNSEEN;
	while (found == RECEIVER_UNSEEN && (de = readdir(d)) != NULL) {
		pid = strtol(de->d_name, &end, 10);
		if (pid <= 0 || *end != '\0' || parent_of(pid) != postmaster ||
		    server_local_cmdline(pid, title, sizeof(title)) == 0)
			continue;
		found = server_local_title(title, lsn);
	}
	(void)closedir(d);
	return found;
}
