#include "base/std.h"
#include "flow/pidfile.h"
#include "flow/server_local.h"

#define PIDFILE_MAX 8192

/* Line n (from 1) as a string of its own, "" if it is not there. */
static void
line_of(const char *text, size_t len, int n, char *out, size_t size)
{
	const char *p = text, *end = text + len, *nl;

	out[0] = '\0';
	for (; n > 1 && p < end; n--) {
		nl = memchr(p, '\n', (size_t)(end - p));
		p = nl != NULL ? nl + 1 : end;
	}
	nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	if (nl == NULL)
		nl = end;
	while (nl > p && nl[-1] == ' ')
		nl--;
	if ((size_t)(nl - p) >= size)
		return;
	memcpy(out, p, (size_t)(nl - p));
	out[nl - p] = '\0';
}

/* 9.0 has "key id" on line 3, later ones on line 7. */
static void
parse_shmem(const char *text, size_t len, struct pidfile *p)
{
	static const int lines[] = {7, 3};
	char line[128];

	p->shmid = -1;
	for (size_t i = 0; i < NELEM(lines); i++) {
		line_of(text, len, lines[i], line, sizeof(line));
		if (sscanf(line, "%lu %ld", &p->shmkey, &p->shmid) == 2)
			return;
		p->shmid = -1;
	}
}

/* 9.0 has something else on that line, of two words. */
static int64_t
parse_started(const char *line)
{
	char *end;
	int64_t n;

	errno = 0;
	n = strtoll(line, &end, 10);
	return errno == 0 && end != line && *end == '\0' && n > 0 ? n : 0;
}

int
pidfile_parse(const char *text, size_t len, struct pidfile *p)
{
	char line[64], *end;

	*p = (struct pidfile){.shmid = -1};
	line_of(text, len, 1, line, sizeof(line));
	errno = 0;
	p->pid = strtol(line, &end, 10);
	/* A standalone backend writes its pid with a minus sign. */
	if (p->pid < 0 && p->pid > -INT_MAX)
		p->pid = -p->pid;
	if (errno != 0 || end == line || *end != '\0' || p->pid <= 0 ||
	    p->pid > INT_MAX) {
		p->pid = 0;
		return -1;
	}
	parse_shmem(text, len, p);
	line_of(text, len, 3, line, sizeof(line));
	p->started = parse_started(line);
	line_of(text, len, 4, line, sizeof(line));
	p->port = (int)strtol(line, NULL, 10);
	line_of(text, len, 5, p->sockdir, sizeof(p->sockdir));
	line_of(text, len, 6, p->listen, sizeof(p->listen));
	line_of(text, len, 8, p->status, sizeof(p->status));
	return 0;
}

int
pidfile_read(int pgdata_fd, struct pidfile *p, struct err *e)
{
	char text[PIDFILE_MAX];
	ssize_t n;
	int fd = openat(pgdata_fd, "postmaster.pid",
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*p = (struct pidfile){.shmid = -1};
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return err_set_errno(
		    e, ERR_IO, "could not open file \"postmaster.pid\"");
	n = read(fd, text, sizeof(text));
	if (n == -1)
		(void)err_set_errno(
		    e, ERR_IO, "could not read file \"postmaster.pid\"");
	(void)close(fd);
	if (n == -1)
		return -1;
	if (pidfile_parse(text, (size_t)n, p) == 0 && p->port == 0)
		server_local_find(pgdata_fd, p);
	return 1;
}

/* Behind the quote at p, is it the end of a word? */
static bool
ends_word(const char *p)
{
	return strncmp(p, " \"", 2) == 0 || strcmp(p, "\n") == 0 || *p == '\0';
}

void
pidfile_options(const char *text, struct buf *words)
{
	const char *p = strstr(text, " \"");

	if (p == NULL)
		p = text + strcspn(text, "\n");
	buf_add(words, text, (size_t)(p - text));
	while (strncmp(p, " \"", 2) == 0) {
		buf_addc(words, '\0');
		for (p += 2; *p != '\0' && (*p != '"' || !ends_word(p + 1));
		     p++)
			buf_addc(words, *p);
		p += *p == '"';
	}
	buf_addc(words, '\0');
}

/* "*" and "0.0.0.0" are no addresses to connect to. */
static const char *
listen_host(const char *listen)
{
	if (*listen == '\0' || strcmp(listen, "*") == 0 ||
	    strcmp(listen, "0.0.0.0") == 0 || strcmp(listen, "::") == 0)
		return "localhost";
	return listen;
}

int
pidfile_conninfo(const struct pidfile *p, const struct conninfo *like,
    struct conninfo *c, struct err *e)
{
	static const char *const never[] = {"hostaddr", "target_session_attrs",
	    "service", "replication", "load_balance_hosts"};
	char port[16];

	if (p->port == 0) {
		(void)err_set(e, ERR_SETTING,
		    "port of the server, process %ld, is not known: "
		    "postmaster.pid does not tell it, nor does its "
		    "configuration",
		    p->pid);
		return err_hint(e, "Run this as the user of the server, on "
				   "its host, with its postgresql.conf at its "
				   "place.");
	}
	(void)snprintf(port, sizeof(port), "%d", p->port);
	if (conninfo_copy(c, like) == -1 ||
	    conninfo_set(c, "host",
		p->sockdir[0] != '\0' ? p->sockdir : listen_host(p->listen)) ==
		-1 ||
	    conninfo_set(c, "port", port) == -1)
		return err_set_nomem(e);
	for (size_t i = 0; i < NELEM(never); i++)
		(void)conninfo_set(c, never[i], NULL);
	return 0;
}
