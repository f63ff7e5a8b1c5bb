#include "base/std.h"
#include "core/status_int.h"

static const char *const severity_names[] = {[SEV_OK] = "OK",
    [SEV_WARNING] = "WARNING",
    [SEV_CRITICAL] = "CRITICAL",
    [SEV_UNKNOWN] = "UNKNOWN"};

static const char *const role_names[] = {[ROLE_UNKNOWN] = "unknown",
    [ROLE_PRIMARY] = "primary",
    [ROLE_STANDBY] = "standby",
    [ROLE_RECEIVEWAL] = "receivewal"};

const char *
status_severity_name(enum status_severity sev)
{
	return (size_t)sev < NELEM(severity_names) ? severity_names[sev]
						   : "UNKNOWN";
}

const char *
status_role_name(enum status_role role)
{
	return (size_t)role < NELEM(role_names) ? role_names[role] : "unknown";
}

enum status_severity
status_worse(enum status_severity a, enum status_severity b)
{
	static const int rank[] = {[SEV_OK] = 0,
	    [SEV_UNKNOWN] = 1,
	    [SEV_WARNING] = 2,
	    [SEV_CRITICAL] = 3};

	return rank[b] > rank[a] ? b : a;
}

static bool
receiver_tells(const struct status_node *n)
{
	const struct status_receiver *r = &n->receiver;

	return r->present && r->timeline != 0 &&
	       status_same_text(r->status, "streaming");
}

uint32_t
status_timeline(const struct status_node *n)
{
	return receiver_tells(n) ? n->receiver.timeline : n->timeline;
}

uint32_t
status_shown_timeline(const struct status_node *n)
{
	return n->outdated ? 0 : status_timeline(n);
}

static void
derived_unknown(struct status_node *n)
{
	n->role = ROLE_UNKNOWN;
	n->upstream = n->sender = -1;
	n->state = "unknown";
	n->sync = NULL;
	n->sent = n->end = LSN_INVALID;
	n->receive_lag = n->replay_lag = n->upstream_lag = -1;
	n->delay = -1;
	n->clamped = n->ahead = n->strayed = n->silent = false;
	n->end_of = -1;
	n->forked = n->outdated = false;
}

struct status_node *
status_add(struct status *s, const char *name)
{
	struct status_node *nodes, *n;
	char *copy = strdup(name);

	if (copy == NULL)
		return NULL;
	nodes = reallocarray(s->nodes, s->n + 1, sizeof(*nodes));
	if (nodes == NULL) {
		free(copy);
		return NULL;
	}
	s->nodes = nodes;
	n = &nodes[s->n++];
	*n = (struct status_node){.name = copy,
	    .weight = -1,
	    .reach = REACH_NOT_ASKED,
	    .clock = -1,
	    .replayed_at = -1,
	    .started_at = -1,
	    .paused = -1,
	    .apply_delay = -1,
	    .receiver = {.heard = -1, .sent_ago = -1},
	    .rate = -1,
	    .eta = -1,
	    .stuck_for = -1};
	derived_unknown(n);
	return n;
}

static void
free_texts(char **const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(*texts[i]);
}

static void
free_rows(struct status_node *n)
{
	for (size_t i = 0; i < n->nsenders; i++) {
		free(n->senders[i].application_name);
		free(n->senders[i].client_addr);
		free(n->senders[i].state);
		free(n->senders[i].sync_state);
	}
	free(n->senders);
	for (size_t i = 0; i < n->nslots; i++) {
		free(n->slots[i].name);
		free(n->slots[i].wal_status);
		free(n->slots[i].invalid_reason);
	}
	free(n->slots);
}

void
status_node_free(struct status_node *n)
{
	struct status_receiver *r = &n->receiver;
	char **const texts[] = {&n->name, &n->aliases, &n->host, &n->port,
	    &n->addr, &n->conf_upstream, &n->conf_slot, &n->reach_text,
	    &n->reach_hint, &n->partial, &n->user, &n->version_text,
	    &n->cluster_name, &n->synchronous_names, &r->status, &r->slot,
	    &r->application_name, &r->host, &r->port};

	free_texts(texts, NELEM(texts));
	free_rows(n);
}

void
status_free(struct status *s)
{
	for (size_t i = 0; i < s->n; i++)
		status_node_free(&s->nodes[i]);
	free(s->nodes);
	for (size_t i = 0; i < s->nproblems; i++) {
		free(s->problems[i].message);
		free(s->problems[i].hint);
	}
	free(s->problems);
	free(s->cluster);
	*s = (struct status){.primary = -1};
}

/* Does p stand before a problem of the cluster that is so bad? */
static bool
stands_before(const struct status_problem *p, enum status_severity sev)
{
	if (p->severity == sev)
		return p->node < 0;
	return status_worse(p->severity, sev) == p->severity;
}

int
status_add_problem(struct status *s, const char *id, enum status_severity sev,
    const char *message, const char *hint)
{
	struct status_problem p = {.id = id, .severity = sev, .node = -1};
	struct status_problem *more;
	size_t at = 0;

	p.message = strdup(message);
	p.hint = hint == NULL ? NULL : strdup(hint);
	more = reallocarray(s->problems, s->nproblems + 1, sizeof(*more));
	if (more != NULL)
		s->problems = more;
	if (more == NULL || p.message == NULL ||
	    (hint != NULL && p.hint == NULL)) {
		free(p.message);
		free(p.hint);
		return -1;
	}
	while (at < s->nproblems && stands_before(&s->problems[at], sev))
		at++;
	memmove(&s->problems[at + 1], &s->problems[at],
	    (s->nproblems - at) * sizeof(p));
	s->problems[at] = p;
	s->nproblems++;
	s->severity = status_worse(s->severity, sev);
	return 0;
}

bool
status_is_derived(const struct status_node *n)
{
	return n->reach == REACH_NOT_ASKED && !n->expected;
}

/* What nobody told says nothing against it: a node from a row is of the
 * cluster of the server whose row it is. */
bool
status_in_cluster(const struct status *s, int i)
{
	uint64_t id = 0;

	for (; i >= 0 && id == 0; i = s->nodes[i].upstream)
		id = s->nodes[i].system_identifier;
	return id == 0 || s->system_identifier == 0 ||
	       id == s->system_identifier;
}

const struct status_sender *
status_row(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	const struct status_sender *r;

	if (n->upstream == -1 || n->sender == -1)
		return NULL;
	r = &s->nodes[n->upstream].senders[n->sender];
	return r->hidden ? NULL : r;
}

bool
status_is_local(const char *host)
{
	return host == NULL || host[0] == '\0' || host[0] == '/' ||
	       host[0] == '@' || strcasecmp(host, "localhost") == 0 ||
	       strncmp(host, "127.", 4) == 0 ||
	       strncmp(host, "::ffff:127.", 11) == 0 ||
	       strcmp(host, "::1") == 0;
}

/* The address that the upstream sees leads there from here, too.  (A loopback
 * address does only where the upstream is on this machine.) */
static bool
worth_asking(const struct status *s, const struct status_node *n)
{
	return status_is_derived(n) && n->sender != -1 && n->host != NULL &&
	       n->role != ROLE_RECEIVEWAL &&
	       (!status_is_local(n->host) ||
		   status_is_local(s->nodes[n->upstream].host));
}

size_t
status_unasked(const struct status *s, int *idx, size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < s->n && found < max; i++)
		if (worth_asking(s, &s->nodes[i]))
			idx[found++] = (int)i;
	return found;
}

/* Unknown again; what rows had lent to a node is taken back, so that a second
 * call sees what the first one saw. */
static void
reset(struct status *s)
{
	s->primary = -1;
	s->system_identifier = 0;
	s->streaming = s->standbys = s->unseen = 0;
	s->streaming_known = true;
	for (size_t i = 0; i < s->n; i++) {
		struct status_node *n = &s->nodes[i];

		derived_unknown(n);
		if (n->received == n->lent_received)
			n->received = LSN_INVALID;
		if (n->replayed == n->lent_replayed)
			n->replayed = LSN_INVALID;
		n->lent_received = n->lent_replayed = LSN_INVALID;
	}
}

static bool
is_primary(const struct status_node *n)
{
	return n->reach == REACH_YES && n->says == ROLE_PRIMARY;
}

/* How many hang together under a system identifier. */
static size_t
votes(const struct status *s, uint64_t id)
{
	size_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		if (n->reach != REACH_YES || n->system_identifier != id)
			continue;
		sum++;
		for (size_t k = 0; k < n->nsenders; k++)
			sum += n->senders[k].logical ? 0 : 1;
	}
	return sum;
}

/* Is primary a better than b, which stands before it?  A server of another
 * cluster that answers at an expected address must not win by its timeline. */
static bool
better_primary(const struct status *s, const struct status_node *a,
    const struct status_node *b)
{
	if (a->system_identifier != b->system_identifier)
		return votes(s, a->system_identifier) >
		       votes(s, b->system_identifier);
	if (a->timeline != b->timeline)
		return a->timeline > b->timeline;
	return a->written > b->written;
}

static void
find_primary(struct status *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_primary(&s->nodes[i]) &&
		    (s->primary == -1 ||
			better_primary(s, &s->nodes[i], &s->nodes[s->primary])))
			s->primary = (int)i;
	if (s->primary != -1)
		s->system_identifier = s->nodes[s->primary].system_identifier;
	for (size_t i = 0; i < s->n && s->system_identifier == 0; i++)
		s->system_identifier = s->nodes[i].system_identifier;
}

/* Is node i `up` itself or above it?  The tree has no cycles below. */
static bool
is_above(const struct status *s, int i, int up)
{
	for (; up != -1; up = s->nodes[up].upstream)
		if (up == i)
			return true;
	return false;
}

/* Standbys that feed each other in a ring: the first of them loses its
 * upstream, so that the rest is a tree. */
static void
cut_rings(struct status *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct status_node *n = &s->nodes[i];
		int up = n->upstream;

		for (size_t steps = 0; steps < s->n && up != -1 && up != (int)i;
		     steps++)
			up = s->nodes[up].upstream;
		if (up != (int)i)
			continue;
		s->nodes[n->upstream].senders[n->sender].node = -1;
		n->upstream = n->sender = -1;
	}
}

static int
find_name(const struct status *s, const char *name)
{
	for (size_t i = 0; name != NULL && i < s->n; i++)
		if (strcmp(s->nodes[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* What the file says, where the node itself does not. */
static int
configured_upstream(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];

	if (n->receiver.present && n->receiver.host != NULL)
		return -1;
	return find_name(s, n->conf_upstream);
}

/* 9.0 has no view and no cascading: who else should feed it? */
static int
only_upstream(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];

	if (s->primary == -1 || n->reach != REACH_YES ||
	    n->says != ROLE_STANDBY || n->senders_sight != SIGHT_NONE ||
	    s->nodes[s->primary].senders_sight != SIGHT_NONE ||
	    s->nodes[s->primary].version == 0 ||
	    n->receiver.sight != SIGHT_NONE)
		return -1;
	return s->primary;
}

static void
build_tree(struct status *s)
{
	static int (*const find[])(const struct status *, int) = {status_points,
	    status_points_unasked, configured_upstream, only_upstream};

	cut_rings(s);
	for (size_t f = 0; f < NELEM(find); f++)
		for (int i = 0; i < (int)s->n; i++) {
			struct status_node *n = &s->nodes[i];
			int up;

			if (n->upstream != -1 || n->says == ROLE_PRIMARY)
				continue;
			up = find[f](s, i);
			if (up != -1 && !is_above(s, i, up))
				n->upstream = up;
		}
}

static void
find_roles(struct status *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct status_node *n = &s->nodes[i];

		n->role = n->says;
		if (n->role == ROLE_UNKNOWN && n->sender != -1)
			n->role = status_row_receivewal(
				      &s->nodes[n->upstream].senders[n->sender])
				      ? ROLE_RECEIVEWAL
				      : ROLE_STANDBY;
	}
}

/* One that waits at the end of a timeline, and was told to stream that. */
static bool
receiver_agrees(const struct status_node *n)
{
	return n->receiver.present && n->receiver.timeline == n->timeline;
}

/* Without its receiver a standby tells the timeline of its last restartpoint:
 * it may have replayed a switch since, and there is no function for that. */
static void
find_outdated(struct status *s)
{
	uint32_t newest = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->nodes[i].reach == REACH_YES &&
		    status_in_cluster(s, (int)i))
			newest = MAX_OF(newest, status_timeline(&s->nodes[i]));
	for (size_t i = 0; i < s->n; i++) {
		struct status_node *n = &s->nodes[i];

		n->outdated = n->role == ROLE_STANDBY && !receiver_tells(n) &&
			      !receiver_agrees(n) &&
			      status_in_cluster(s, (int)i) &&
			      n->timeline != 0 && n->timeline < newest;
	}
}

int
status_link(struct status *s)
{
	reset(s);
	status_match_mark(s);
	find_primary(s);
	if (status_match(s) == -1)
		return -1;
	build_tree(s);
	find_roles(s);
	find_outdated(s);
	status_lag(s);
	return 0;
}
