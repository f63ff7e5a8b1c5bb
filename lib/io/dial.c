#include "base/std.h"
#include "base/clock.h"
#include "io/dial.h"
#include "io/resolve.h"
#include "io/wait.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#define DEAD_AFTER_MS 60000

/* --- names to addresses ---------------------------------------------------*/

static int
resolve(const char *host, unsigned port, const char *who, int64_t deadline,
    int sigfd, struct resolve_answer *a, struct err *e)
{
	struct err why = ERR_INIT;
	int rc = resolve_ask(host, port, deadline, sigfd, a, &why);

	if (rc == -1 && err_is_set(&why)) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (rc == 0)
		return err_set(e, ERR_TIMEOUT,
		    "ssh connection to %s timed out while its name was "
		    "resolved",
		    who);
	if (rc == -1 && errno != 0)
		return err_set_errno(e, ERR_SSH_CONNECT,
		    "could not start to resolve host \"%s\"", host);
	if (rc == -1)
		return err_set(e, ERR_SSH_CONNECT,
		    "name resolution for %s broke off", who);
	if (a->gai == 0)
		return 0;
	(void)err_set(e, ERR_SSH_CONNECT, "could not resolve host \"%s\": %s",
	    host, gai_strerror(a->gai));
	return err_hint(e, "Check the name, or give another with"
			   " --ssh=[USER@]HOST[:PORT].");
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
connect_one(
    const struct resolve_addr *a, int64_t deadline, int sigfd, struct err *e)
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

int
dial(const char *host, unsigned port, const char *who, int64_t deadline,
    int sigfd, struct err *e)
{
	struct err mine = ERR_INIT;
	struct resolve_answer a;
	char text[RESOLVE_TEXT];
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
			    who, resolve_text(&a.v[i], text));
		else
			(void)err_set_errno(e, ERR_SSH_CONNECT,
			    "could not connect to %s (%s)", who,
			    resolve_text(&a.v[i], text));
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
