#include "base/std.h"
#include "core/pgver.h"
#include "core/same.h"

/* Before 9.6 SQL does not tell it: then the rest has to do. */
static bool
same_system(const struct status_node *a, const struct status_node *b)
{
	if (pgver(a->version, PGFACT_STATUS_CONTROL) == NULL)
		return true;
	return a->system_identifier != 0 &&
	       a->system_identifier == b->system_identifier;
}

bool
same_server(const struct status_node *a, const struct status_node *b)
{
	return a->reach == REACH_YES && b->reach == REACH_YES &&
	       a->version != 0 && a->version == b->version &&
	       a->listen_port > 0 && a->listen_port == b->listen_port &&
	       a->started_at >= 0 && a->started_at == b->started_at &&
	       same_system(a, b);
}

static bool
is_v6(const char *addr)
{
	return strchr(addr, ':') != NULL;
}

static bool
is_one_host(const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (is_v6(v[i]) == is_v6(v[k]) &&
			    strcmp(v[i], v[k]) != 0)
				return false;
	return true;
}

bool
same_host(const char *const *a, size_t na, const char *const *b, size_t nb)
{
	if (!is_one_host(a, na) || !is_one_host(b, nb))
		return false;
	for (size_t i = 0; i < na; i++)
		for (size_t k = 0; k < nb; k++)
			if (strcmp(a[i], b[k]) == 0)
				return true;
	return false;
}
