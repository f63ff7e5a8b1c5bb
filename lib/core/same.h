/*
 * One server that is reached under two names (localhost and 127.0.0.1, a
 * socket, a short name and a full one, a virtual address): is it one?
 */
#ifndef CORE_SAME_H
#define CORE_SAME_H

#include "base/std.h"
#include "core/status.h"

/*
 * By what two nodes that answer say of themselves: version, system identifier
 * (where the version has one to tell), the port setting, and the time of the
 * postmaster's start, which has microseconds.  No two postmasters are equal in
 * all of it.  What is not known is equal to nothing.  A server that was
 * restarted between the two answers is two, until it is asked again.
 */
bool same_server(const struct status_node *a, const struct status_node *b);

/*
 * By the addresses of two names, as texts, for a server that does not answer;
 * the ports are known to be equal.  One address in common is enough, unless a
 * name has several addresses of one family: that may be several hosts.
 */
bool same_host(
    const char *const *a, size_t na, const char *const *b, size_t nb);

#endif
