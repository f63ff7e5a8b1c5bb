/*
 * Which node does a row of pg_stat_replication feed?  Kinds of evidence are
 * looked at one after the other, the strongest first; of each only what is
 * unambiguous from both sides counts: one row for the node, one node for the
 * row.  Rows are worked on in an order of their own, so that the order in which
 * the server returns them does not matter.
 */
#include "base/std.h"
#include "base/buf.h"
#include "core/status_int.h"
#include "core/text.h"

struct row {
	int up, idx; /* node, row */
	struct status_sender *r;
	const char *slot; /* its name, by pid; NULL */
	bool stale;       /* an older connection of the same standby */
};

/* What a node is called, and the last number that a node of that name with a
 * number behind it has got. */
struct name {
	const char *text; /* of the node; NULL: free place */
	int node, number;
};

struct match {
	struct status *s;
	struct row *rows; /* physical ones */
	size_t n;
	int *points; /* per node */
	struct name *names;
	size_t nnames; /* places, a power of two, more than nodes */
};

#define REPLY_FRESH 15 /* s; a receiver replies every ten */

typedef bool evidence(const struct match *m, int node, const struct row *row);

static bool
is_logical(const struct status_node *n, const struct status_sender *r)
{
	const struct status_slot *slot;

	if (status_same_text(r->state, "backup") ||
	    status_same_text(r->application_name, "pg_basebackup"))
		return true;
	if (r->slot != -1)
		return n->slots[r->slot].logical;
	/* 9.4 does not say who uses a slot; subscribers call themselves like
	 * their slots. */
	for (size_t i = 0; i < n->nslots; i++) {
		slot = &n->slots[i];
		if (slot->logical && slot->active && slot->pid <= 0 &&
		    status_same_text(slot->name, r->application_name))
			return true;
	}
	return false;
}

void
status_match_mark(struct status *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->nodes[i].nsenders; k++) {
			struct status_node *n = &s->nodes[i];
			struct status_sender *r = &n->senders[k];

			r->slot = r->node = -1;
			for (size_t j = 0; j < n->nslots && r->pid > 0; j++)
				if (n->slots[j].pid == r->pid)
					r->slot = (int)j;
			r->logical = is_logical(n, r);
		}
}

bool
status_row_receivewal(const struct status_sender *r)
{
	return !r->hidden && r->replay == LSN_INVALID &&
	       status_same_text(r->state, "streaming") &&
	       (r->write != LSN_INVALID || r->flush != LSN_INVALID);
}

/* Orders rows; NULL is before everything. */
static int
compare_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int
compare_number(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Which of two connections of one standby has got further, else is younger?
 * Not the state: an old walsender goes on "streaming" until it times out. */
static int
compare_progress(const struct row *a, const struct row *b)
{
	int c = compare_number(a->r->flush, b->r->flush);

	if (c == 0)
		c = compare_number(a->r->replay, b->r->replay);
	if (c == 0)
		c = (a->r->pid > b->r->pid) - (a->r->pid < b->r->pid);
	return c;
}

static int
compare_rows(const void *va, const void *vb)
{
	const struct row *a = va, *b = vb;
	int c = compare_text(a->r->application_name, b->r->application_name);

	if (c == 0)
		c = compare_text(a->r->client_addr, b->r->client_addr);
	if (c == 0)
		c = compare_text(a->slot, b->slot);
	if (c == 0)
		c = (a->r->pid > b->r->pid) - (a->r->pid < b->r->pid);
	return c != 0 ? c : a->up - b->up;
}

static int
compare_backwards(const void *va, const void *vb)
{
	int c = compare_progress(vb, va);

	return c != 0 ? c : compare_rows(va, vb);
}

static int
collect_rows(struct match *m)
{
	struct status *s = m->s;
	size_t all = 1;

	for (size_t i = 0; i < s->n; i++)
		all += s->nodes[i].nsenders;
	if ((m->rows = calloc(all, sizeof(*m->rows))) == NULL)
		return -1;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->nodes[i].nsenders; k++) {
			struct status_node *n = &s->nodes[i];
			struct status_sender *r = &n->senders[k];

			if (r->logical)
				continue;
			m->rows[m->n++] = (struct row){.up = (int)i,
			    .idx = (int)k,
			    .r = r,
			    .slot =
				r->slot == -1 ? NULL : n->slots[r->slot].name};
		}
	qsort(m->rows, m->n, sizeof(*m->rows), compare_rows);
	return 0;
}

/* The name tells nobody from another: it is what a standby is called that was
 * given no name (cluster_name is often the same on all nodes). */
static bool
is_generic(const struct match *m, const struct row *row)
{
	const char *app = row->r->application_name;

	return app == NULL || app[0] == '\0' ||
	       strcmp(app, "walreceiver") == 0 ||
	       status_same_text(app, m->s->nodes[row->up].cluster_name);
}

static bool
on_this_machine(const struct status_node *n)
{
	return status_is_local(n->host) ||
	       (n->addr != NULL && status_is_local(n->addr));
}

static bool
same_machine(const struct status_node *a, const struct status_node *b)
{
	return (on_this_machine(a) && on_this_machine(b)) ||
	       (a->host != NULL && b->host != NULL &&
		   strcasecmp(a->host, b->host) == 0) ||
	       status_same_text(a->addr, b->addr);
}

/* Does `host`, as node n uses it, mean the machine of node up? */
static bool
names_host(
    const struct status_node *n, const char *host, const struct status_node *up)
{
	if (status_is_local(host))
		return same_machine(n, up);
	return (up->host != NULL && strcasecmp(host, up->host) == 0) ||
	       status_same_text(host, up->addr);
}

/* The node that the receiver of node i names, by port; -1: none or several. */
static int
find_upstream(const struct status *s, int i, const char *port)
{
	const struct status_node *n = &s->nodes[i];
	int found = -1;

	for (int u = 0; u < (int)s->n; u++) {
		const struct status_node *up = &s->nodes[u];

		if (u == i || !names_host(n, n->receiver.host, up))
			continue;
		if (port == NULL ? up->port != NULL
				 : !status_same_text(port, up->port))
			continue;
		if (found != -1)
			return -1;
		found = u;
	}
	return found;
}

int
status_points(const struct status *s, int i)
{
	const struct status_receiver *r = &s->nodes[i].receiver;

	if (!r->present || r->host == NULL || r->port == NULL)
		return -1;
	return find_upstream(s, i, r->port);
}

int
status_points_unasked(const struct status *s, int i)
{
	const struct status_receiver *r = &s->nodes[i].receiver;

	if (!r->present || r->host == NULL || status_is_local(r->host))
		return -1;
	return find_upstream(s, i, NULL);
}

static bool
differ(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) != 0;
}

/* The receiver's own application_name, and the one that the sender shows. */
static bool
other_name(const char *own, const char *shown)
{
	return differ(own, shown) && !text_same_appname(shown, own);
}

/* Can the row not be of this node? */
static bool
contradicts(const struct match *m, int node, const struct row *row)
{
	const struct status_node *n = &m->s->nodes[node],
				 *up = &m->s->nodes[row->up];
	const struct status_receiver *r = &n->receiver;

	if (node == row->up || n->says == ROLE_PRIMARY)
		return true;
	if (n->system_identifier != 0 && up->system_identifier != 0 &&
	    n->system_identifier != up->system_identifier)
		return true;
	if (!r->present)
		return false;
	return other_name(r->application_name, row->r->application_name) ||
	       differ(r->slot, row->slot) ||
	       (m->points[node] != -1 && m->points[node] != row->up);
}

/* The address that the upstream sees is that of the node. */
static bool
same_address(const struct match *m, int node, const struct row *row)
{
	const struct status_node *n = &m->s->nodes[node];
	const char *addr = row->r->client_addr;

	if (status_is_local(addr))
		return same_machine(n, &m->s->nodes[row->up]);
	return status_same_text(addr, n->addr) ||
	       status_same_text(addr, n->host);
}

static bool
by_slot(const struct match *m, int node, const struct row *row)
{
	const struct status_receiver *r = &m->s->nodes[node].receiver;

	return r->present && status_same_text(r->slot, row->slot);
}

static bool
by_application(const struct match *m, int node, const struct row *row)
{
	const struct status_receiver *r = &m->s->nodes[node].receiver;

	return r->present &&
	       text_same_appname(
		   row->r->application_name, r->application_name) &&
	       (!is_generic(m, row) || m->points[node] == row->up ||
		   (!row->r->hidden && same_address(m, node, row)));
}

static bool
by_slot_name(const struct match *m, int node, const struct row *row)
{
	const struct status_node *n = &m->s->nodes[node];
	char mapped[64];

	if (row->slot == NULL)
		return false;
	text_slot_name(n->name, mapped);
	return n->conf_slot != NULL ? strcmp(n->conf_slot, row->slot) == 0
				    : strcmp(mapped, row->slot) == 0;
}

static bool
by_name(const struct match *m, int node, const struct row *row)
{
	return text_same_appname(
	    row->r->application_name, m->s->nodes[node].name);
}

/* Many servers share the address of this machine: there it counts only for a
 * standby that answers and does not say that it has no receiver. */
static bool
by_address(const struct match *m, int node, const struct row *row)
{
	const struct status_node *n = &m->s->nodes[node];

	if (row->r->hidden || !same_address(m, node, row))
		return false;
	if (status_is_local(row->r->client_addr) &&
	    (n->reach != REACH_YES || n->says != ROLE_STANDBY ||
		(n->receiver.sight == SIGHT_SEEN && !n->receiver.present)))
		return false;
	for (size_t i = 0; i < m->s->n; i++)
		if ((int)i != node && by_name(m, (int)i, row) &&
		    !status_is_derived(&m->s->nodes[i]))
			return false;
	return true;
}

/* It says where it streams from, and the application name is at least not
 * another one. */
static bool
by_upstream(const struct match *m, int node, const struct row *row)
{
	const struct status_node *n = &m->s->nodes[node];

	return m->points[node] == row->up &&
	       (n->receiver.application_name == NULL || is_generic(m, row)) &&
	       status_same_text(n->receiver.status, "streaming");
}

/* A server that hangs keeps its connections: when nothing else is left for an
 * address of this machine, the row is its own. */
static bool
by_hanging(const struct match *m, int node, const struct row *row)
{
	const struct status_node *n = &m->s->nodes[node];

	return n->reach == REACH_HUNG && n->expected && !row->r->hidden &&
	       is_generic(m, row) && same_address(m, node, row);
}

static evidence *const kinds[] = {by_slot, by_application, by_slot_name,
    by_name, by_address, by_upstream, by_hanging};

static bool
row_is_free(const struct row *row)
{
	return row->r->node == -1 && !row->stale;
}

static bool
node_is_free(const struct status_node *n)
{
	return n->sender == -1 && !status_is_derived(n);
}

/* The one free node that this evidence gives the row; -1: none, several. */
static int
only_node(const struct match *m, const struct row *row, evidence *e)
{
	int found = -1;

	for (int i = 0; i < (int)m->s->n; i++) {
		if (!node_is_free(&m->s->nodes[i]) || !e(m, i, row) ||
		    contradicts(m, i, row))
			continue;
		if (found != -1)
			return -1;
		found = i;
	}
	return found;
}

static bool
is_only_row(const struct match *m, int node, evidence *e)
{
	size_t found = 0;

	for (size_t i = 0; i < m->n; i++)
		if (row_is_free(&m->rows[i]) && e(m, node, &m->rows[i]) &&
		    !contradicts(m, node, &m->rows[i]))
			found++;
	return found == 1;
}

static void
join(struct match *m, int node, const struct row *row)
{
	row->r->node = node;
	m->s->nodes[node].upstream = row->up;
	m->s->nodes[node].sender = row->idx;
}

/* Each pair that is found may leave only one for somebody else. */
static void
match_by(struct match *m, evidence *e)
{
	bool again;

	do {
		again = false;
		for (size_t i = 0; i < m->n; i++) {
			int node;

			if (!row_is_free(&m->rows[i]))
				continue;
			node = only_node(m, &m->rows[i], e);
			if (node != -1 && is_only_row(m, node, e)) {
				join(m, node, &m->rows[i]);
				again = true;
			}
		}
	} while (again);
}

/* How many, and the last of them. */
static size_t
receivers_called(const struct match *m, const char *app, int *last)
{
	size_t found = 0;

	*last = -1;
	for (size_t i = 0; i < m->s->n; i++)
		if (m->s->nodes[i].receiver.present &&
		    text_same_appname(
			app, m->s->nodes[i].receiver.application_name)) {
			*last = (int)i;
			found++;
		}
	return found;
}

/* May these be two connections of one standby, which has come again before its
 * upstream noticed that it was gone (or has got another upstream)? */
static bool
may_be_one(const struct row *a, const struct row *b)
{
	return !a->r->hidden && !b->r->hidden && !status_row_receivewal(a->r) &&
	       !status_row_receivewal(b->r) &&
	       (a->up != b->up || !differ(a->slot, b->slot));
}

static bool
is_fresh(const struct row *row)
{
	return row->r->reply_age >= 0 && row->r->reply_age <= REPLY_FRESH;
}

static bool
is_at(const struct row *row, const struct status_node *n)
{
	return (n->received != LSN_INVALID && n->received == row->r->flush) ||
	       (n->replayed != LSN_INVALID && n->replayed == row->r->replay);
}

/* Two live standbys may have one name and one address: row is an old connection
 * of the standby that has the other one only when it is silent while that one
 * replies, or when the standby itself (-1: unknown) is where that one is. */
static bool
is_stale(const struct match *m, int node, const struct row *row,
    const struct row *other)
{
	const struct status_node *n;

	if (is_fresh(row))
		return false;
	if (row->r->reply_age >= 0 && is_fresh(other))
		return true;
	if (node == -1)
		return false;
	n = &m->s->nodes[node];
	return is_at(other, n) && !is_at(row, n);
}

/* Rows i to end have one name and one address; node calls itself so. */
static void
find_stale_of(struct match *m, size_t i, size_t end, int node)
{
	for (; i < end; i++)
		for (size_t k = i + 1; k < end && !m->rows[i].stale; k++) {
			struct row *a = &m->rows[i], *b = &m->rows[k];

			if (b->stale || !may_be_one(a, b))
				continue;
			if (is_stale(m, node, a, b))
				a->stale = true;
			else if (is_stale(m, node, b, a))
				b->stale = true;
		}
}

/* Rows are in the order of name and address. */
static void
find_stale(struct match *m)
{
	for (size_t i = 0, end; i < m->n; i = end) {
		const struct status_sender *r = m->rows[i].r;
		int node;

		for (end = i + 1; end < m->n; end++)
			if (compare_text(r->application_name,
				m->rows[end].r->application_name) != 0 ||
			    compare_text(r->client_addr,
				m->rows[end].r->client_addr) != 0)
				break;
		if (end - i > 1 && !is_generic(m, &m->rows[i]) &&
		    receivers_called(m, r->application_name, &node) <= 1)
			find_stale_of(m, i, end, node);
	}
}

/*
 * Rows that belong to nobody become nodes.  A row that may be that of a node
 * which is still without one does not: it is more likely that one.  Where
 * there are more such rows than nodes, those that have got furthest are set
 * against the nodes, so that no lag is hidden.
 */
static int
reserve_node(struct match *m, const struct row *row, bool *reserved)
{
	for (int i = 0; i < (int)m->s->n; i++) {
		if (reserved[i] || !node_is_free(&m->s->nodes[i]) ||
		    contradicts(m, i, row))
			continue;
		for (size_t k = 0; k < NELEM(kinds); k++)
			if (kinds[k](m, i, row)) {
				reserved[i] = true;
				return i;
			}
	}
	return -1;
}

static struct name *
find_name(const struct match *m, const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
	size_t at;

	for (const char *c = text; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	at = (size_t)(hash ^ hash >> 32) & (m->nnames - 1);
	while (
	    m->names[at].text != NULL && strcmp(m->names[at].text, text) != 0)
		at = (at + 1) & (m->nnames - 1);
	return &m->names[at];
}

static void
keep_name(struct match *m, int node)
{
	const char *text = m->s->nodes[node].name;
	struct name *name = find_name(m, text);

	if (name->text == NULL)
		*name = (struct name){text, node, 1};
}

/* Of all nodes, with room for one of each row. */
static int
collect_names(struct match *m)
{
	for (m->nnames = 16; m->nnames < 2 * (m->s->n + m->n); m->nnames *= 2)
		;
	if ((m->names = calloc(m->nnames, sizeof(*m->names))) == NULL)
		return -1;
	for (size_t i = 0; i < m->s->n; i++)
		keep_name(m, (int)i);
	return 0;
}

/* Index for a new name or of a node of an earlier call that can be it again;
 * -1: taken, -2: no such node yet. */
static int
name_place(const struct match *m, const char *text)
{
	const struct name *name = find_name(m, text);
	const struct status_node *n;

	if (name->text == NULL)
		return -2;
	n = &m->s->nodes[name->node];
	return status_is_derived(n) && n->sender == -1 ? name->node : -1;
}

/* The same process number on another upstream, or a strange name: the next
 * number behind it. */
static int
choose_number(const struct match *m, struct buf *text)
{
	struct name *name = find_name(m, buf_str(text));
	struct buf numbered = BUF_INIT;
	int place = -1;

	while (place == -1 && buf_ok(&numbered)) {
		buf_reset(&numbered);
		buf_addf(&numbered, "%s (%d)", buf_str(text), ++name->number);
		place = name_place(m, buf_str(&numbered));
	}
	buf_reset(text);
	buf_adds(text, buf_ok(&numbered) ? buf_str(&numbered) : "");
	if (!buf_ok(&numbered))
		place = -1;
	buf_free(&numbered);
	return place;
}

static int
choose_name(const struct match *m, const struct row *row, struct buf *name)
{
	const char *addr = row->r->client_addr;
	int place = -1;

	if (!is_generic(m, row)) {
		buf_adds(name, row->r->application_name);
		place = name_place(m, buf_str(name));
	}
	if (place == -1) {
		buf_reset(name);
		if (addr != NULL)
			buf_adds(name, addr);
		else
			buf_addf(name, "pid %d", row->r->pid);
		place = name_place(m, buf_str(name));
	}
	if (place == -1) {
		buf_addf(name, " (%d)", row->r->pid);
		place = name_place(m, buf_str(name));
	}
	return place == -1 && buf_ok(name) ? choose_number(m, name) : place;
}

static int
add_found(struct match *m, const struct row *row)
{
	struct buf name = BUF_INIT;
	const char *addr = row->r->client_addr;
	struct status_node *n = NULL;
	int place = choose_name(m, row, &name), rc = -1;
	char *host = NULL;

	if (place == -1 || !buf_ok(&name) ||
	    (addr != NULL && (host = strdup(addr)) == NULL))
		goto out;
	if (place == -2) {
		if ((n = status_add(m->s, buf_str(&name))) == NULL)
			goto out;
		n->found = true;
		place = (int)m->s->n - 1;
		keep_name(m, place);
	}
	n = &m->s->nodes[place];
	free(n->host);
	n->host = host;
	host = NULL;
	join(m, place, row);
	rc = 0;
out:
	free(host);
	buf_free(&name);
	return rc;
}

static int
add_unknown(struct match *m)
{
	bool *reserved = calloc(m->s->n + 1, sizeof(*reserved));
	size_t n = m->n, left = 0;
	int rc = -1;

	if (reserved == NULL)
		return -1;
	qsort(m->rows, m->n, sizeof(*m->rows), compare_backwards);
	for (size_t i = 0; i < n; i++)
		if (row_is_free(&m->rows[i]) &&
		    reserve_node(m, &m->rows[i], reserved) == -1 &&
		    !m->rows[i].r->hidden)
			m->rows[left++] = m->rows[i];
	m->n = left;
	qsort(m->rows, m->n, sizeof(*m->rows), compare_rows);
	for (size_t i = 0; i < m->n; i++)
		if (add_found(m, &m->rows[i]) == -1)
			goto out;
	rc = 0;
out:
	free(reserved);
	return rc;
}

static int
moved_index(int i, int gone)
{
	if (i == gone)
		return -1;
	return i > gone ? i - 1 : i;
}

static void
remove_node(struct status *s, int gone)
{
	struct status_node *at = &s->nodes[gone];

	status_node_free(at);
	s->n--;
	memmove(at, at + 1, (s->n - (size_t)gone) * sizeof(*at));
	s->primary = moved_index(s->primary, gone);
	for (size_t i = 0; i < s->n; i++) {
		struct status_node *n = &s->nodes[i];

		n->upstream = moved_index(n->upstream, gone);
		for (size_t k = 0; k < n->nsenders; k++)
			n->senders[k].node =
			    moved_index(n->senders[k].node, gone);
	}
}

/* Of an earlier call; the real node has been asked meanwhile. */
static void
remove_absorbed(struct status *s)
{
	for (size_t i = s->n; i-- > 0;)
		if (s->nodes[i].found && status_is_derived(&s->nodes[i]) &&
		    s->nodes[i].sender == -1)
			remove_node(s, (int)i);
}

int
status_match(struct status *s)
{
	struct match m = {.s = s};
	int rc = -1;

	if (collect_rows(&m) == -1 || collect_names(&m) == -1 ||
	    (m.points = calloc(s->n + 1, sizeof(*m.points))) == NULL)
		goto out;
	for (size_t i = 0; i < s->n; i++)
		m.points[i] = status_points(s, (int)i);
	find_stale(&m);
	for (size_t k = 0; k < NELEM(kinds); k++)
		match_by(&m, kinds[k]);
	if (add_unknown(&m) == -1)
		goto out;
	remove_absorbed(s);
	rc = 0;
out:
	free(m.points);
	free(m.names);
	free(m.rows);
	return rc;
}
