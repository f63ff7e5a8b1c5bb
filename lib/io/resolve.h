/*
 * Names to addresses without waiting: getaddrinfo knows no deadline, so a child
 * asks and its answer is read from a pipe, which the caller polls.
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "base/std.h"
#include "base/err.h"

#include <sys/socket.h>

#define RESOLVE_MAX 16
#define RESOLVE_TEXT 64 /* an IPv6 address with its zone */

struct resolve_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

struct resolve_answer {
	int gai; /* of getaddrinfo: 0, or for gai_strerror */
	unsigned n;
	struct resolve_addr v[RESOLVE_MAX];
};

struct resolve {
	int fd; /* to poll for reading */
	pid_t pid;
	size_t have;
	struct resolve_answer answer; /* once resolve_step gave 1 */
};

#define RESOLVE_INIT                                                           \
	{                                                                      \
		.fd = -1, .pid = -1                                            \
	}

/* Is host an address?  Then *a is the answer, and nobody was asked. */
bool resolve_numeric(const char *host, unsigned port, struct resolve_answer *a);
/* Start to ask.  0, or -1 with errno. */
int resolve_start(struct resolve *r, const char *host, unsigned port);
/* The descriptor is readable: 1 the answer is complete, 0 not yet, -1 the child
 * ended without one. */
int resolve_step(struct resolve *r);
/* End the child, when there is still one.  Repeat-safe. */
void resolve_end(struct resolve *r);
/*
 * All of it: an address at once, else the child's answer.  1: *a is complete,
 * and may be an error of getaddrinfo; 0: not before the deadline; -1: with e
 * ERR_INTERRUPTED (sigfd, -1: none), else errno, 0 when the child ended early.
 */
int resolve_ask(const char *host, unsigned port, int64_t deadline, int sigfd,
    struct resolve_answer *a, struct err *e);
/* "10.0.0.1", "fe80::1%eth0"; "?" when it cannot be written. */
const char *resolve_text(const struct resolve_addr *a, char to[RESOLVE_TEXT]);

#endif
