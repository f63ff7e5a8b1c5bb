#include "base/std.h"
#include "base/shell.h"
#include "base/buf.h"
#include "core/verdict_int.h"

#define MB16 16777216.0
#define MB128 134217728.0

const struct verdict_limits verdict_default_limits = {
    .warning =
	{
	    .size = {.set = true, .high = MB16},
	    .time = {.set = true, .high = 30},
	},
    .critical =
	{
	    .size = {.set = true, .high = MB128},
	    .time = {.set = true, .high = 300},
	},
    .min_standbys = 1,
};

#define BY_LIMIT SEV_OK /* the limits say how bad it is */

enum scope { CLUSTER, NODE }; /* one look with node -1; one per node */

struct row {
	const char *id;
	enum status_severity severity;
	enum scope scope;
	verdict_look *look;
};

/* --- adding problems ----------------------------------------------------- */

static int
grow(struct judge *j)
{
	struct status *s = j->s;
	struct status_problem *more;
	size_t cap = j->cap == 0 ? 16 : j->cap * 2;

	if (s->nproblems < j->cap)
		return 0;
	if ((more = realloc(s->problems, cap * sizeof(*more))) == NULL)
		return -1;
	s->problems = more;
	j->cap = cap;
	return 0;
}

/* A problem of this row with those words, which are used up. */
void
verdict_add_as(
    struct judge *j, int node, enum status_severity severity, struct words *w)
{
	struct status_problem p = {
	    .id = j->row->id, .severity = severity, .node = node};

	p.message = buf_take(&w->message, &j->failed);
	p.hint = buf_take(&w->hint, &j->failed);
	if (p.message == NULL || grow(j) == -1) {
		j->failed = true;
		free(p.message);
		free(p.hint);
		return;
	}
	j->s->problems[j->s->nproblems++] = p;
}

/* ... of the row's own severity. */
void
verdict_add(struct judge *j, int node, struct words *w)
{
	verdict_add_as(j, node, j->row->severity, w);
}

/* 'a''b': a literal or, with ", an identifier of SQL. */
void
verdict_add_quoted(struct buf *b, const char *text, char quote)
{
	buf_addc(b, quote);
	for (; *text != '\0'; text++) {
		if (*text == quote)
			buf_addc(b, quote);
		buf_addc(b, *text);
	}
	buf_addc(b, quote);
}

void
verdict_add_lsn(struct buf *b, uint64_t lsn)
{
	char text[LSN_TEXT];

	buf_adds(b, lsn == LSN_INVALID ? "-" : lsn_format(lsn, text));
}

/* "-h db1 -p 5433": how to reach it from a shell. */
void
verdict_add_target(struct buf *b, const struct status_node *n)
{
	buf_adds(b, "-h ");
	shell_add_word(b, verdict_or_else(n->host, n->name));
	if (n->port != NULL && strcmp(n->port, "5432") != 0)
		buf_addf(b, " -p %s", n->port);
}

void
verdict_add_source(struct buf *b, const struct status_node *n)
{
	verdict_add_target(b, n);
	buf_adds(b, " -D PGDATA");
}

void
verdict_add_command(const struct judge *j, struct buf *b, const char *program,
    const struct status_node *n, const struct status_node *from)
{
	/* They find the primary in the file; standby-clone only that. */
	bool by_file = from->conf_named && j->s->primary >= 0 &&
		       from == verdict_node_of(j, j->s->primary);

	buf_addf(b, "%s ", program);
	if (!n->conf_pgdata ||
	    (!by_file && strcmp(program, VERDICT_DELTA) == 0)) {
		verdict_add_source(b, from);
		return;
	}
	shell_add_word(b, n->name);
	if (!by_file) {
		buf_addc(b, ' ');
		verdict_add_target(b, from);
	}
	if (j->s->file != NULL) {
		buf_adds(b, " -f ");
		shell_add_word(b, j->s->file);
	}
}

/* "db1:5432": where it is. */
void
verdict_add_place(struct buf *b, const struct status_node *n)
{
	buf_addf(b, "%s:%s", verdict_or_else(n->host, n->name),
	    verdict_or_else(n->port, "5432"));
}

/* --- what rows ask ------------------------------------------------------- */

/* It belongs to another cluster: nothing else of it says anything here. */
bool
verdict_is_foreign(const struct judge *j, const struct status_node *n)
{
	return n->system_identifier != 0 && j->s->system_identifier != 0 &&
	       n->system_identifier != j->s->system_identifier;
}

bool
verdict_is_standby(const struct judge *j, const struct status_node *n)
{
	return n->role == ROLE_STANDBY && !verdict_is_foreign(j, n);
}

const struct status_node *
verdict_upstream_of(const struct judge *j, const struct status_node *n)
{
	if (n->upstream < 0 || (size_t)n->upstream >= j->s->n)
		return NULL;
	return &j->s->nodes[n->upstream];
}

const struct status_sender *
verdict_sender_of(const struct judge *j, const struct status_node *n)
{
	const struct status_node *up = verdict_upstream_of(j, n);

	if (up == NULL || n->sender < 0 || (size_t)n->sender >= up->nsenders)
		return NULL;
	return &up->senders[n->sender];
}

bool
verdict_receiver_absent(const struct status_node *n)
{
	return verdict_answers(n) && n->receiver.sight == SIGHT_SEEN &&
	       !n->receiver.present;
}

bool
verdict_receiver_streams(const struct status_node *n)
{
	return verdict_answers(n) && n->receiver.sight == SIGHT_SEEN &&
	       n->receiver.present &&
	       verdict_is(n->receiver.status, "streaming");
}

/* --- limits -------------------------------------------------------------- */

/* Equal texts ("16 MB is above 16 MB") say nothing: then exactly. */
static void
add_exact(struct buf *b, double value, bool is_time)
{
	if (is_time)
		buf_addf(b, "%" PRId64 " ms", (int64_t)(value * 1000 + 0.5));
	else
		buf_addf(b, "%" PRId64 " B", (int64_t)value);
}

static void
add_excess(struct buf *b, const struct range *r, const struct measured *m)
{
	struct buf value = BUF_INIT, limit = BUF_INIT;
	double bound = m->value < r->low ? r->low : r->high;

	range_add_value(&value, m->value, m->is_time);
	range_add_limit(&limit, r, m->value, m->is_time);
	if (!r->inside && strcmp(buf_str(&value), buf_str(&limit)) == 0) {
		buf_reset(&value);
		buf_reset(&limit);
		add_exact(&value, m->value, m->is_time);
		add_exact(&limit, bound, m->is_time);
	}
	buf_addf(b, "%s%s%s %s %s", m->before, buf_str(&value), m->after,
	    r->inside           ? "within"
	    : m->value < r->low ? "below"
				: "above",
	    buf_str(&limit));
	b->failed |= !buf_ok(&value) || !buf_ok(&limit);
	buf_free(&value);
	buf_free(&limit);
}

static bool
alarms(const struct range *r, const struct measured *m)
{
	return range_alarms(r, m->value) &&
	       (!m->only_above || m->value >= r->low);
}

/* Words about a passed limit; OK when none is. */
enum status_severity
verdict_exceeds(const struct judge *j, const struct measured *m, struct buf *b)
{
	const struct range *warn, *crit;

	warn = m->is_time ? &j->l->warning.time : &j->l->warning.size;
	crit = m->is_time ? &j->l->critical.time : &j->l->critical.size;
	if (alarms(crit, m)) {
		add_excess(b, crit, m);
		return SEV_CRITICAL;
	}
	if (alarms(warn, m)) {
		add_excess(b, warn, m);
		return SEV_WARNING;
	}
	return SEV_OK;
}

bool
verdict_is_limited(const struct judge *j, bool time)
{
	return time ? j->l->warning.time.set || j->l->critical.time.set
		    : j->l->warning.size.set || j->l->critical.size.set;
}

/* --- the table ----------------------------------------------------------- */

static const struct row rows[] = {
    {"two-primaries", SEV_CRITICAL, CLUSTER, verdict_look_two_primaries},
    {"no-primary", SEV_CRITICAL, CLUSTER, verdict_look_no_primary},
    {"system-identifier", SEV_CRITICAL, NODE, verdict_look_system},
    {"timeline", SEV_CRITICAL, NODE, verdict_look_timeline},
    {"ahead", SEV_CRITICAL, NODE, verdict_look_ahead},
    {"unreachable", SEV_UNKNOWN, NODE, verdict_look_unreachable},
    {"hung", SEV_UNKNOWN, NODE, verdict_look_hung},
    {"rights", SEV_UNKNOWN, NODE, verdict_look_rights},
    {"read-failed", SEV_UNKNOWN, NODE, verdict_look_read_failed},
    {"not-streaming", SEV_CRITICAL, NODE, verdict_look_not_streaming},
    {"foreign-upstream", SEV_WARNING, NODE, verdict_look_foreign_upstream},
    {"receiver-silent", SEV_CRITICAL, NODE, verdict_look_receiver_silent},
    {"sender-missing", SEV_CRITICAL, NODE, verdict_look_sender_missing},
    {"receiver-missing", SEV_CRITICAL, NODE, verdict_look_receiver_missing},
    {"receive-lag", BY_LIMIT, NODE, verdict_look_receive_lag},
    {"replay-lag", BY_LIMIT, NODE, verdict_look_replay_lag},
    {"delay", BY_LIMIT, NODE, verdict_look_delay},
    {"lag-unknown", SEV_UNKNOWN, NODE, verdict_look_lag_unknown},
    {"not-moving", SEV_WARNING, NODE, verdict_look_not_moving},
    {"replay-paused", SEV_WARNING, NODE, verdict_look_paused},
    {"few-standbys", SEV_CRITICAL, CLUSTER, verdict_look_few_standbys},
    {"no-sync-standby", SEV_CRITICAL, NODE, verdict_look_no_sync},
    {"slot-lost", SEV_CRITICAL, NODE, verdict_look_slot_lost},
    {"slot-unreserved", SEV_WARNING, NODE, verdict_look_slot_unreserved},
    {"slot-retains", BY_LIMIT, NODE, verdict_look_slot_retains},
    {"slot-inactive", SEV_WARNING, NODE, verdict_look_slot_inactive},
};

static void
look_all(struct judge *j)
{
	for (size_t i = 0; i < NELEM(rows) && !j->failed; i++) {
		j->row = &rows[i];
		if (rows[i].scope == CLUSTER) {
			rows[i].look(j, -1);
			continue;
		}
		for (size_t k = 0; k < j->s->n && !j->failed; k++)
			rows[i].look(j, (int)k);
	}
}

static bool
is_said(const struct status *s, const struct status_problem *p)
{
	for (const struct status_problem *q = s->problems; q < p; q++)
		if (q->node == p->node && q->hint != NULL &&
		    strcmp(q->hint, p->hint) == 0)
			return true;
	return false;
}

/* One cause, several problems of a node: what to do is said once. */
static void
say_once(struct status *s)
{
	for (size_t i = s->nproblems; i-- > 0;)
		if (s->problems[i].hint != NULL &&
		    is_said(s, &s->problems[i])) {
			free(s->problems[i].hint);
			s->problems[i].hint = NULL;
		}
}

/* Worst first, then the cluster, else in the order in which they were found. */
static int
sort(struct status *s)
{
	static const enum status_severity order[] = {
	    SEV_CRITICAL, SEV_WARNING, SEV_UNKNOWN};
	struct status_problem *sorted;
	size_t at = 0;

	if (s->nproblems == 0)
		return 0;
	if ((sorted = calloc(s->nproblems, sizeof(*sorted))) == NULL)
		return -1;
	for (size_t i = 0; i < NELEM(order); i++)
		for (int node = 0; node < 2; node++)
			for (size_t k = 0; k < s->nproblems; k++)
				if (s->problems[k].severity == order[i] &&
				    (s->problems[k].node >= 0) == node)
					sorted[at++] = s->problems[k];
	free(s->problems);
	s->problems = sorted;
	return 0;
}

static void
forget(struct status *s)
{
	for (size_t i = 0; i < s->nproblems; i++) {
		free(s->problems[i].message);
		free(s->problems[i].hint);
	}
	free(s->problems);
	s->problems = NULL;
	s->nproblems = 0;
	s->severity = SEV_OK;
	for (size_t i = 0; i < s->n; i++)
		s->nodes[i].severity = SEV_OK;
}

static void
sum_up(struct status *s)
{
	enum status_severity *of;

	for (size_t i = 0; i < s->nproblems; i++) {
		s->severity =
		    status_worse(s->severity, s->problems[i].severity);
		if (s->problems[i].node < 0)
			continue;
		of = &s->nodes[s->problems[i].node].severity;
		*of = status_worse(*of, s->problems[i].severity);
	}
}

int
verdict_judge(struct status *s, const struct verdict_limits *l)
{
	struct judge j = {.s = s, .l = l};

	forget(s);
	look_all(&j);
	if (j.failed || sort(s) == -1) {
		forget(s);
		return -1;
	}
	say_once(s);
	sum_up(s);
	return 0;
}
