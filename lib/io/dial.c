#include "base/std.h"
#include "base/clock.h"
#include "io/dial.h"
#include "io/proc.h"
#include "io/wait.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define MAX_ADDRS 16
#define DEAD_AFTER_MS 60000

struct addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

struct answer {
	int gai; /* of getaddrinfo */
	unsigned n;
	struct addr v[MAX_ADDRS];
};

/* --- names to addresses ---------------------------------------------------*/

static void
ask(const char *host, unsigned port, int flags, struct answer *a)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
	struct addrinfo *list = NULL, *p;
	char service[16];

	memset(a, 0, sizeof(*a));
	(void)snprintf(service, sizeof(service), "%u", port);
	if ((a->gai = getaddrinfo(host, service, &hints, &list)) != 0)
		return;
	for (p = list; p != NULL && a->n < MAX_ADDRS; p = p->ai_next) {
		if (p->ai_addrlen > sizeof(a->v[0].sa))
			continue;
		memcpy(&a->v[a->n].sa, p->ai_addr, p->ai_addrlen);
		a->v[a->n++].len = p->ai_addrlen;
	}
	freeaddrinfo(list);
}

static void __attribute__((noreturn))
resolver(const char *host, unsigned port, int fd)
{
	struct answer a;
	const char *p = (const char *)&a;
	size_t left = sizeof(a);
	ssize_t n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* Nothing inherited: a copy of a libpq socket keeps a backup open. */
	for (int i = 0; i < 1024; i++)
		if (i != fd)
			(void)close(i);
	ask(host, port, 0, &a);
	while (left > 0 && (n = write(fd, p, left)) > 0) {
		p += n;
		left -= (size_t)n;
	}
	_exit(0);
}

static int
read_answer(int fd, struct answer *a, const char *who, int64_t deadline,
    int sigfd, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t have = 0;
	ssize_t n;
	int rc;

	while (have < sizeof(*a)) {
		rc = wait_poll(&p, 1, deadline, sigfd, e);
		if (rc == -1)
			return -1;
		if (rc == 0)
			return err_set(e, ERR_TIMEOUT,
			    "ssh connection to %s timed out while its name was"
			    " resolved",
			    who);
		n = read(fd, (char *)a + have, sizeof(*a) - have);
		if (n == 0 || (n == -1 && errno != EINTR))
			return err_set(e, ERR_SSH_CONNECT,
			    "name resolution for %s broke off", who);
		if (n > 0)
			have += (size_t)n;
	}
	return 0;
}

/* getaddrinfo knows no deadline, so a name is resolved in a child. */
static int
resolve(const char *host, unsigned port, const char *who, int64_t deadline,
    int sigfd, struct answer *a, struct err *e)
{
	int p[2], rc;
	pid_t pid;

	ask(host, port, AI_NUMERICHOST, a);
	if (a->gai == 0)
		return 0;
	if (pipe2(p, O_CLOEXEC) == -1)
		return err_set_errno(
		    e, ERR_SSH_CONNECT, "could not create pipe");
	if ((pid = fork()) == 0)
		resolver(host, port, p[1]);
	(void)close(p[1]);
	if (pid == -1) {
		(void)close(p[0]);
		return err_set_errno(e, ERR_SSH_CONNECT, "could not fork");
	}
	rc = read_answer(p[0], a, who, deadline, sigfd, e);
	(void)close(p[0]);
	if (rc == -1)
		(void)kill(pid, SIGKILL);
	(void)proc_wait(pid, DEADLINE_NEVER, NULL);
	if (rc == 0 && a->gai != 0) {
		rc = err_set(e, ERR_SSH_CONNECT,
		    "could not resolve host \"%s\": %s", host,
		    gai_strerror(a->gai));
		(void)err_hint(e, "Check the name, or give another with"
				  " --ssh=[USER@]HOST[:PORT].");
	}
	return rc;
}

/* --- connect --------------------------------------------------------------*/

static void
set_options(int fd)
{
	const struct {
		int level, name, value;
	} opts[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 15},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 15},
	    {IPPROTO_TCP, TCP_KEEPCNT, 4},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_AFTER_MS},
	};

	for (size_t i = 0; i < NELEM(opts); i++)
		(void)setsockopt(fd, opts[i].level, opts[i].name,
		    &opts[i].value, sizeof(opts[i].value));
}

/* One address: descriptor; -1 with errno (ETIMEDOUT: deadline); -2 with e. */
static int
connect_one(const struct addr *a, int64_t deadline, int sigfd, struct err *e)
{
	struct pollfd p = {.events = POLLOUT};
	socklen_t len = sizeof(int);
	int fd, rc, error = 0;

	fd = socket(
	    a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	set_options(fd);
	rc = connect(fd, (const struct sockaddr *)&a->sa, a->len);
	if (rc == 0)
		return fd;
	error = errno;
	if (error == EINPROGRESS || error == EINTR) {
		p.fd = fd;
		error = ETIMEDOUT;
		rc = wait_poll(&p, 1, deadline, sigfd, e);
		if (rc == 1 &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
			error = errno;
		if (rc == 1 && error == 0)
			return fd;
	}
	(void)close(fd);
	errno = error;
	return rc == -1 && err_is_set(e) ? -2 : -1;
}

static const char *
addr_text(const struct addr *a, char *to, size_t size)
{
	if (getnameinfo((const struct sockaddr *)&a->sa, a->len, to,
		(socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
		(void)snprintf(to, size, "?");
	return to;
}

int
dial(const char *host, unsigned port, const char *who, int64_t deadline,
    int sigfd, struct err *e)
{
	struct err mine = ERR_INIT;
	struct answer a;
	char text[NI_MAXHOST];
	int64_t until;
	int fd;

	if (resolve(host, port, who, deadline, sigfd, &a, e) == -1)
		return -1;
	for (unsigned i = 0; i < a.n; i++) {
		/* A black hole must not eat the time of the next address. */
		until = deadline;
		if (deadline != DEADLINE_NEVER)
			until = clock_ms() +
				(deadline - clock_ms()) / (int64_t)(a.n - i);
		fd = connect_one(&a.v[i], until, sigfd, &mine);
		if (fd >= 0)
			return fd;
		if (fd == -2) {
			if (e != NULL && !err_is_set(e))
				*e = mine;
			return -1;
		}
		if (i + 1 < a.n)
			continue;
		if (deadline_passed(deadline))
			(void)err_set(e, ERR_TIMEOUT,
			    "ssh connection to %s timed out (%s did not"
			    " answer)",
			    who, addr_text(&a.v[i], text, sizeof(text)));
		else
			(void)err_set_errno(e, ERR_SSH_CONNECT,
			    "could not connect to %s (%s)", who,
			    addr_text(&a.v[i], text, sizeof(text)));
		(void)err_hint(e,
		    "Is sshd running there, and is port %u open?"
		    " Another port: --ssh=[USER@]HOST:PORT.",
		    port);
	}
	if (a.n == 0)
		(void)err_set(
		    e, ERR_SSH_CONNECT, "host \"%s\" has no address", host);
	return -1;
}
