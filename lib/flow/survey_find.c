/*
 * Standbys that nobody named: the rows of senders say from which address they
 * come, and a standby usually listens there, on the port of its upstream.  A
 * server that answers there may be quite another one.
 */
#include "base/std.h"
#include "base/buf.h"
#include "base/clock.h"
#include "core/pgver.h"
#include "flow/survey_int.h"

#include <math.h>

#define FOUND_MAX 256  /* nodes that are discovered, at most */
#define REPLY_FRESH 15 /* s; a receiver replies every ten */

static bool
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
is_loopback(const char *addr)
{
	return strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0 ||
	       strncmp(addr, "::ffff:127.", 11) == 0;
}

/* Is somebody asked there already, or was in this look? */
static bool
is_asked(const struct survey *v, const char *addr, const char *port)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct survey_asked *a = &v->asked[i];
		const char *p = a->port;

		if (a->session != -1 && *pg_many_port(v->m, a->session) != '\0')
			p = pg_many_port(v->m, a->session);
		if (!same_text(p, port))
			continue;
		if (same_text(a->host, addr) ||
		    (a->session != -1 &&
			same_text(pg_many_hostaddr(v->m, a->session), addr)))
			return true;
	}
	return false;
}

/* An address of the loopback net means the upstream's own machine, where the
 * upstream has the port. */
static bool
is_candidate(const struct survey *v, size_t upstream, const char *addr)
{
	const struct status_node *n = &v->asked[upstream].facts.nodes[0];

	if (addr == NULL || n->port == NULL)
		return false;
	if (is_loopback(addr) && (n->addr == NULL || !is_loopback(n->addr)))
		return false;
	return !is_asked(v, addr, n->port);
}

static bool
has_candidates(const struct survey *v, size_t upstream)
{
	const struct status_node *n = &v->asked[upstream].facts.nodes[0];

	for (size_t i = 0; i < n->nsenders; i++)
		if (is_candidate(v, upstream, n->senders[i].client_addr))
			return true;
	return false;
}

/*
 * As its upstream is connected to, at that address.  What names one of several
 * hosts, or which kind of server is wanted, is not for this one.  Nor is a
 * password: nobody said that the server there may have it.  The empty one
 * leaves libpq the password file, where each host has its own.
 */
static int
set_conninfo(
    struct conninfo *c, const struct survey_asked *up, const char *addr)
{
	const struct {
		const char *key, *value;
	} set[] = {
	    {"host", addr},
	    {"hostaddr", addr},
	    {"port", up->facts.nodes[0].port},
	    {"target_session_attrs", NULL},
	    {"load_balance_hosts", NULL},
	    {"password", ""},
	    {"scram_client_key", NULL},
	    {"scram_server_key", NULL},
	    {"oauth_client_secret", NULL},
	};

	if (conninfo_copy(c, &up->conninfo) == -1)
		return -1;
	for (size_t i = 0; i < NELEM(set); i++)
		if (conninfo_set(c, set[i].key, set[i].value) == -1)
			return -1;
	return 0;
}

/* Do several nodes of that status have the address? */
static bool
is_shared(const struct status *s, const struct status_node *node)
{
	for (size_t i = 0; i < s->n; i++)
		if (&s->nodes[i] != node && s->nodes[i].found &&
		    same_text(s->nodes[i].host, node->host))
			return true;
	return false;
}

/* As its row is named while nobody asks it; which of several rows it has is not
 * known before it answers. */
static int
set_name(const struct survey *v, struct survey_asked *a, const char *name)
{
	struct buf b = BUF_INIT;

	if (a->open_name)
		buf_addf(&b, "%s:%s", a->host, a->port);
	else
		buf_adds(&b, name);
	if (buf_ok(&b))
		a->name = survey_name(v, buf_str(&b));
	buf_free(&b);
	return a->name != NULL ? 0 : -1;
}

int
survey_find_name(struct survey *v, size_t i)
{
	struct survey_asked *a = &v->asked[i];
	struct status_node *n = &a->facts.nodes[0];
	const char *own = n->receiver.application_name;
	char *name, *copy;

	if (!a->open_name || own == NULL || strcmp(own, "walreceiver") == 0)
		return 0;
	a->open_name = false;
	name = survey_name(v, own);
	copy = name != NULL ? strdup(name) : NULL;
	if (copy == NULL) {
		free(name);
		return -1;
	}
	free(a->name);
	free(n->name);
	a->name = name;
	n->name = copy;
	return 0;
}

static int
add_found(struct survey *v, size_t upstream, const struct status *s,
    const struct status_node *node, struct err *e)
{
	const char *port = v->asked[upstream].facts.nodes[0].port;
	struct survey_asked *a = survey_add(v);

	if (a == NULL)
		return err_set_nomem(e);
	a->upstream = (int)upstream;
	a->open_name = is_shared(s, node);
	if ((a->host = strdup(node->host)) == NULL ||
	    (a->port = strdup(port)) == NULL ||
	    set_name(v, a, node->name) == -1 ||
	    set_conninfo(&a->conninfo, &v->asked[upstream], node->host) == -1)
		return err_set_nomem(e);
	return survey_start(v, v->n - 1, e);
}

/* Of the addresses that the linked status finds worth asking. */
static int
add_all(struct survey *v, const struct status *s, const size_t *map,
    size_t mapped, struct err *e)
{
	int idx[FOUND_MAX];
	size_t n = status_unasked(s, idx, NELEM(idx));

	for (size_t i = 0; i < n && v->n < v->o.n + FOUND_MAX; i++) {
		const struct status_node *node = &s->nodes[idx[i]];

		if (node->upstream < 0 || (size_t)node->upstream >= mapped ||
		    !is_candidate(v, map[node->upstream], node->host))
			continue;
		if (add_found(v, map[node->upstream], s, node, e) == -1)
			return -1;
	}
	return 0;
}

int
survey_find_more(struct survey *v, size_t i, struct err *e)
{
	struct status s = {.primary = -1};
	size_t *map, mapped = 0;
	int rc = -1;

	/* Each answer costs a matching: not when nobody could answer in time.
	 */
	if (clock_ms() - v->started > v->o.timeout_ms * 8 / 10 ||
	    !has_candidates(v, i))
		return 0;
	if ((map = calloc(v->n, sizeof(*map))) == NULL)
		return err_set_nomem(e);
	if (survey_build(v, &s, map, e) == 0) {
		for (size_t k = 0; k < v->n; k++)
			mapped += survey_counts(v, k);
		rc = add_all(v, &s, map, mapped, e);
	}
	status_free(&s);
	free(map);
	return rc;
}

/* The same server under two addresses?  As core/same.h, but less is enough:
 * who was found is rather left out than counted twice. */
static bool
may_be_same(const struct status_node *a, const struct status_node *b)
{
	if (a->started_at < 0 || fabs(a->started_at - b->started_at) > 1e-6)
		return false;
	return a->system_identifier == 0 || b->system_identifier == 0 ||
	       a->system_identifier == b->system_identifier;
}

/* An upstream that is not read (any more) says nothing; what was a standby of
 * it before is one still. */
static bool
is_same_system(const struct survey *v, const struct survey_asked *a)
{
	const struct status_node *n = &a->facts.nodes[0],
				 *up = &v->asked[a->upstream].facts.nodes[0];
	uint64_t id = up->system_identifier;

	if (!v->asked[a->upstream].read) {
		if (!a->counted)
			return false;
		id = a->counted_system;
	} else if (!pgver_same_major(n->version, up->version)) {
		return false;
	}
	return id == 0 || n->system_identifier == 0 ||
	       id == n->system_identifier;
}

/* Somebody at that address goes on to answer his upstream: a standby on another
 * port.  The primary that is asked there is a copy, not that one promoted. */
static bool
row_lives(const struct status_node *up, const char *addr)
{
	for (size_t i = 0; i < up->nsenders; i++) {
		const struct status_sender *r = &up->senders[i];

		if (same_text(r->client_addr, addr) && r->reply_age >= 0 &&
		    r->reply_age <= REPLY_FRESH)
			return true;
	}
	return false;
}

/* Was that primary the standby of its upstream's row, which may outlive the
 * promotion?  Only who tells its system can be believed without having been
 * seen before. */
static bool
was_standby(const struct survey *v, const struct survey_asked *a)
{
	const struct status_node *n = &a->facts.nodes[0],
				 *up = &v->asked[a->upstream].facts.nodes[0];

	if (a->counted)
		return true;
	return n->system_identifier != 0 && up->system_identifier != 0 &&
	       n->started_at >= 0 && up->started_at >= 0 &&
	       !row_lives(up, a->host);
}

bool
survey_find_counts(const struct survey *v, size_t i)
{
	const struct survey_asked *a = &v->asked[i];
	const struct status_node *n;

	if (!a->read || a->facts.n == 0)
		return false;
	n = &a->facts.nodes[0];
	if (n->says == ROLE_UNKNOWN || !is_same_system(v, a) ||
	    (n->says == ROLE_PRIMARY && !was_standby(v, a)))
		return false;
	for (size_t k = 0; k < v->n; k++)
		if (k != i && v->asked[k].read &&
		    (v->asked[k].conf != NULL || k < i) &&
		    may_be_same(n, &v->asked[k].facts.nodes[0]))
			return false;
	return true;
}
