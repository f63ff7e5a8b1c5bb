/* Named nodes by their place: the same spelling, or a name of the same host. */
#include "base/std.h"
#include "base/clock.h"
#include "core/same.h"
#include "flow/failover_int.h"
#include "io/host.h"
#include "io/resolve.h"

struct place {
	struct conninfo c; /* with libpq's defaults */
	const char *port;
	char text[RESOLVE_MAX][RESOLVE_TEXT];
	const char *addr[RESOLVE_MAX];
	size_t n;
};

static void
read_place(struct place *p, const struct conninfo *c)
{
	*p = (struct place){.n = 0};
	if (pg_conninfo_effective(c, &p->c, NULL) == 0)
		p->port = conninfo_get(&p->c, "port");
}

/* Not of a socket, nor of several hosts. */
static void
resolve(const struct failover *f, struct place *p, int64_t deadline)
{
	const char *host = conninfo_get(&p->c, "hostaddr");
	struct resolve_answer a;

	if (host == NULL)
		host = conninfo_get(&p->c, "host");
	if (host == NULL || host[0] == '/' || host[0] == '@' ||
	    strchr(host, ',') != NULL ||
	    resolve_ask(host, 0, deadline, f->o->sigfd, &a, NULL) != 1 ||
	    a.gai != 0)
		return;
	for (size_t i = 0; i < a.n && i < RESOLVE_MAX; i++) {
		p->addr[p->n] = resolve_text(&a.v[i], p->text[p->n]);
		p->n += strcmp(p->addr[p->n], "?") != 0;
	}
}

static bool
is_at(const struct failover *f, size_t i, const struct place *own,
    int64_t deadline)
{
	struct place other;
	bool same = false;

	read_place(&other, &f->nodes[i].conninfo);
	if (other.port != NULL && strcmp(own->port, other.port) == 0) {
		resolve(f, &other, deadline);
		same = same_host(own->addr, own->n, other.addr, other.n);
	}
	conninfo_free(&other.c);
	return same;
}

int
failover_place(const struct failover *f, const struct conninfo *c)
{
	for (size_t i = 0; i < f->nnodes; i++)
		if (pg_conninfo_same_place(&f->nodes[i].conninfo, c))
			return (int)i;
	return -1;
}

int
failover_place_host(const struct failover *f, const struct conninfo *c)
{
	int64_t deadline = failover_by(f, HOST_RESOLVE_MS);
	struct place own;
	int found = -1;

	read_place(&own, c);
	if (own.port != NULL)
		resolve(f, &own, deadline);
	for (size_t i = 0; own.n > 0 && found == -1 && i < f->nnodes; i++)
		if (is_at(f, i, &own, deadline))
			found = (int)i;
	conninfo_free(&own.c);
	return found;
}
