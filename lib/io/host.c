#include "base/std.h"
#include "base/clock.h"
#include "io/host.h"
#include "io/resolve.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (b == NULL || a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)a)->sin_addr,
			   &((const struct sockaddr_in *)b)->sin_addr,
			   sizeof(struct in_addr)) == 0;
	if (a->sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			   &((const struct sockaddr_in6 *)b)->sin6_addr,
			   sizeof(struct in6_addr)) == 0;
	return false;
}

static int
is_own_address(const struct resolve_answer *a)
{
	struct ifaddrs *own, *i;
	int rc = 0;

	if (getifaddrs(&own) == -1)
		return -1;
	for (unsigned k = 0; k < a->n && rc == 0; k++)
		for (i = own; i != NULL && rc == 0; i = i->ifa_next)
			rc = same_address(
			    (const struct sockaddr *)&a->v[k].sa, i->ifa_addr);
	freeifaddrs(own);
	return rc;
}

static bool
is_own_name(const char *host)
{
	char own[256] = "";

	return gethostname(own, sizeof(own) - 1) == 0 && own[0] != '\0' &&
	       strcasecmp(own, host) == 0;
}

static bool
is_here(const char *host)
{
	return host == NULL || host[0] == '\0' || host[0] == '/' ||
	       host[0] == '@' || strcmp(host, "localhost") == 0;
}

static int
ask(const char *host, int64_t deadline)
{
	struct resolve_answer a;

	if (resolve_ask(host, 0, deadline, -1, &a, NULL) == 1 && a.gai == 0)
		return is_own_address(&a);
	return is_own_name(host) ? 1 : -1;
}

int
host_is_local(const char *host)
{
	return is_here(host) ? 1 : ask(host, deadline_in(HOST_RESOLVE_MS));
}

int
host_known_local(struct host_known *k, const char *host, int64_t deadline)
{
	void *more;
	int local;

	if (is_here(host))
		return 1;
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->v[i].host, host) == 0)
			return k->v[i].local;
	local = ask(host, MIN_OF(deadline, deadline_in(HOST_RESOLVE_MS)));
	more = reallocarray(k->v, k->n + 1, sizeof(*k->v));
	if (more == NULL)
		return local;
	k->v = more;
	if ((k->v[k->n].host = strdup(host)) != NULL)
		k->v[k->n++].local = local;
	return local;
}

void
host_known_free(struct host_known *k)
{
	for (size_t i = 0; k != NULL && i < k->n; i++)
		free(k->v[i].host);
	if (k == NULL)
		return;
	free(k->v);
	*k = (struct host_known){.n = 0};
}
