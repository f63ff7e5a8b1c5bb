/* Names and addresses of this machine. */
#ifndef IO_HOST_H
#define IO_HOST_H

#include "base/std.h"

#define HOST_RESOLVE_MS 2000

/*
 * Does a host name, address or socket directory lead to this machine?  1, 0,
 * -1: the name is not known, or was not resolved within HOST_RESOLVE_MS.  An
 * address is not asked for.  This machine's own name (gethostname) is local
 * also when nobody resolves it; when it is resolved, the addresses decide: the
 * host may be a copy of another one, with its name.
 */
int host_is_local(const char *host);

/* The same for one run: each name is asked for once, so that a resolver that is
 * gone costs its time once for each. */
struct host_known {
	struct {
		char *host;
		int local;
	} * v;
	size_t n;
};
/* At most until the deadline, too. */
int host_known_local(struct host_known *k, const char *host, int64_t deadline);
void host_known_free(struct host_known *k); /* NULL-safe, repeat-safe */

#endif
