#include "base/std.h"
#include "io/host.h"

#include <ifaddrs.h>
#include <netdb.h>
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

int
host_is_local(const char *host)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	struct ifaddrs *own, *i;
	int rc = 0;

	if (host == NULL || host[0] == '\0' || host[0] == '/' ||
	    host[0] == '@' || strcmp(host, "localhost") == 0)
		return 1;
	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return -1;
	if (getifaddrs(&own) == -1) {
		freeaddrinfo(list);
		return -1;
	}
	for (a = list; a != NULL && rc == 0; a = a->ai_next)
		for (i = own; i != NULL && rc == 0; i = i->ifa_next)
			rc = same_address(a->ai_addr, i->ifa_addr);
	freeifaddrs(own);
	freeaddrinfo(list);
	return rc;
}
