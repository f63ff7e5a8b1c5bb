#include "base/std.h"
#include "base/clock.h"
#include "io/proc.h"
#include "io/resolve.h"
#include "io/wait.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

static void
ask(const char *host, unsigned port, int flags, struct resolve_answer *a)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
	struct addrinfo *list = NULL, *p;
	char service[16];

	memset(a, 0, sizeof(*a));
	(void)snprintf(service, sizeof(service), "%u", port);
	if ((a->gai = getaddrinfo(host, service, &hints, &list)) != 0)
		return;
	for (p = list; p != NULL && a->n < RESOLVE_MAX; p = p->ai_next) {
		if (p->ai_addrlen > sizeof(a->v[0].sa))
			continue;
		memcpy(&a->v[a->n].sa, p->ai_addr, p->ai_addrlen);
		a->v[a->n++].len = p->ai_addrlen;
	}
	freeaddrinfo(list);
}

static void __attribute__((noreturn))
child_main(const char *host, unsigned port, int fd)
{
	struct resolve_answer a;
	const char *p = (const char *)&a;
	size_t left = sizeof(a);
	ssize_t n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* A copy of a libpq socket would keep a backup open. */
	proc_close_fds(fd);
	ask(host, port, 0, &a);
	while (left > 0 && (n = write(fd, p, left)) > 0) {
		p += n;
		left -= (size_t)n;
	}
	_exit(0);
}

bool
resolve_numeric(const char *host, unsigned port, struct resolve_answer *a)
{
	ask(host, port, AI_NUMERICHOST, a);
	return a->gai == 0;
}

int
resolve_start(struct resolve *r, const char *host, unsigned port)
{
	int p[2], error;

	*r = (struct resolve)RESOLVE_INIT;
	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	if ((r->pid = fork()) == 0)
		child_main(host, port, p[1]);
	error = errno;
	(void)close(p[1]);
	if (r->pid == -1) {
		(void)close(p[0]);
		errno = error;
		return -1;
	}
	r->fd = p[0];
	return 0;
}

int
resolve_step(struct resolve *r)
{
	ssize_t n = read(
	    r->fd, (char *)&r->answer + r->have, sizeof(r->answer) - r->have);

	if (n == -1)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	r->have += (size_t)n;
	return r->have == sizeof(r->answer);
}

void
resolve_end(struct resolve *r)
{
	if (r->fd != -1)
		(void)close(r->fd);
	r->fd = -1;
	if (r->pid <= 0)
		return;
	(void)kill(r->pid, SIGKILL);
	(void)proc_wait(r->pid, DEADLINE_NEVER, NULL);
	r->pid = -1;
}

int
resolve_ask(const char *host, unsigned port, int64_t deadline, int sigfd,
    struct resolve_answer *a, struct err *e)
{
	struct pollfd p = {.events = POLLIN};
	struct resolve r;
	int rc;

	if (resolve_numeric(host, port, a))
		return 1;
	if (resolve_start(&r, host, port) == -1)
		return -1;
	p.fd = r.fd;
	while ((rc = wait_poll(&p, 1, deadline, sigfd, e)) == 1)
		if ((rc = resolve_step(&r)) != 0)
			break;
	resolve_end(&r);
	*a = r.answer;
	errno = 0;
	return rc;
}

const char *
resolve_text(const struct resolve_addr *a, char to[RESOLVE_TEXT])
{
	if (getnameinfo((const struct sockaddr *)&a->sa, a->len, to,
		RESOLVE_TEXT, NULL, 0, NI_NUMERICHOST) != 0)
		(void)snprintf(to, RESOLVE_TEXT, "?");
	return to;
}
