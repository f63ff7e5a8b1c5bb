#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/same.h"
#include "core/verdict_int.h"

/* --- the cluster --------------------------------------------------------- */

static bool
is_writer(const struct judge *j, const struct status_node *n)
{
	return verdict_answers(n) && n->role == ROLE_PRIMARY &&
	       !verdict_is_foreign(j, n);
}

/* Two names of one server are no two primaries: nobody is to stop the only one
 * there is. */
static bool
writes(const struct judge *j, const struct status_node *n)
{
	if (!is_writer(j, n))
		return false;
	for (const struct status_node *k = j->s->nodes; k < n; k++)
		if (is_writer(j, k) && same_server(k, n))
			return false;
	return true;
}

/*
 * Before 9.6 nobody tells its system identifier; then the same major version is
 * what two nodes of one system have in common.
 */
static bool
same_system(const struct status_node *a, const struct status_node *b)
{
	if (a->system_identifier != 0 && b->system_identifier != 0)
		return a->system_identifier == b->system_identifier;
	return a->version == 0 || b->version == 0 ||
	       pgver_same_major(a->version, b->version);
}

/* The best of those that write: "best of several" is for status_link. */
static const struct status_node *
first_writer(const struct judge *j)
{
	if (j->s->primary >= 0 && writes(j, verdict_node_of(j, j->s->primary)))
		return verdict_node_of(j, j->s->primary);
	for (size_t i = 0; i < j->s->n; i++)
		if (writes(j, &j->s->nodes[i]))
			return &j->s->nodes[i];
	return NULL;
}

static int
add_writers(
    const struct judge *j, const struct status_node *first, struct buf *b)
{
	const struct status_node *n;
	int count = 0;

	for (size_t i = 0; i < j->s->n; i++) {
		n = &j->s->nodes[i];
		if (!writes(j, n) || !same_system(first, n))
			continue;
		buf_addf(b, "%s %s (timeline %" PRIu32 ", written ",
		    count++ == 0 ? ":" : ",", n->name, n->timeline);
		verdict_add_lsn(b, n->written);
		buf_addc(b, ')');
	}
	return count;
}

/* The problem is of the cluster, and each of them is in it. */
static void
mark_writers(const struct judge *j, const struct status_node *first)
{
	for (size_t i = 0; i < j->s->n; i++) {
		struct status_node *n = &j->s->nodes[i];

		if (writes(j, n) && same_system(first, n))
			n->severity = SEV_CRITICAL;
	}
}

static void
add_others(
    const struct judge *j, const struct status_node *first, struct buf *b)
{
	int count = 0;

	for (size_t i = 0; i < j->s->n; i++) {
		const struct status_node *n = &j->s->nodes[i];

		if (n == first || !writes(j, n) || !same_system(first, n))
			continue;
		buf_addf(b, "%s%s, ", count++ == 0 ? "" : "and ", n->name);
		verdict_add_place(b, n);
		buf_adds(b, ", ");
	}
}

void
verdict_look_two_primaries(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *first = first_writer(j);

	if (first == NULL)
		return;
	buf_adds(&w.message, "more than one node of the cluster takes writes");
	if (add_writers(j, first, &w.message) < 2) {
		buf_free(&w.message);
		return;
	}
	mark_writers(j, first);
	buf_addf(&w.hint, "Decide which one is right (by its timeline %s, ",
	    first->name);
	verdict_add_place(&w.hint, first);
	buf_adds(&w.hint, ") and stop the other (");
	add_others(j, first, &w.hint);
	buf_adds(&w.hint, "by pg_ctl stop -m fast -D PGDATA) at once; then "
			  "make it a standby: standby-clone --delta ");
	verdict_add_source(&w.hint, first);
	verdict_add(j, node, &w);
}

const char *
verdict_why_silent(const struct status_node *n)
{
	if (n->reach == REACH_HUNG)
		return "hangs";
	if (n->starting || n->stopping)
		return n->starting ? "is starting up" : "is shutting down";
	return n->alive ? "refuses the login" : "does not answer";
}

/* Without a primary it is the one to look at. */
static void
add_furthest(const struct judge *j, struct buf *b)
{
	const struct status_node *first = NULL;
	size_t standbys = 0;

	for (size_t i = 0; i < j->s->n; i++) {
		const struct status_node *n = &j->s->nodes[i];

		if (!verdict_is_standby(j, n) || n->received == LSN_INVALID)
			continue;
		standbys++;
		if (first == NULL || n->received > first->received)
			first = n;
	}
	if (standbys < 2)
		return;
	buf_addf(
	    b, "No standby has received more than %s: up to ", first->name);
	verdict_add_lsn(b, first->received);
	buf_adds(b, ". ");
}

static void
add_no_primary_hint(const struct judge *j, struct words *w, int silent)
{
	if (silent > 0)
		buf_adds(&w->hint, "Look there first: a primary that does not "
				   "answer may still take writes. ");
	add_furthest(j, &w->hint);
	buf_adds(&w->hint, "What a promotion would do, without doing it: "
			   "standby-promote --candidate=best -n");
}

/* Who was it, by the user's word or by the last look? */
static bool
was_primary(const struct judge *j, const struct status_node *n)
{
	return n->named_primary || verdict_is(j->s->last_primary, n->name);
}

/* Who looks at some standbys does not ask for their primary; who looks at a
 * primary does. */
static bool
asks_for_primary(const struct judge *j)
{
	for (size_t i = 0; i < j->s->n; i++) {
		const struct status_node *n = &j->s->nodes[i];

		if ((n->reach == REACH_FAILED || n->reach == REACH_HUNG) &&
		    was_primary(j, n))
			return true;
	}
	if (!j->s->whole)
		return false;
	/* It is somewhere else, and lives. */
	for (size_t i = 0; i < j->s->n; i++)
		if (status_streams_elsewhere(j->s, (int)i) &&
		    !j->s->nodes[i].silent)
			return false;
	return true;
}

void
verdict_look_no_primary(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n;
	int silent = 0, answered = 0, alive = 0;

	if (j->s->primary >= 0 || !asks_for_primary(j))
		return;
	buf_adds(&w.message, "no primary was found");
	for (size_t i = 0; i < j->s->n; i++) {
		n = &j->s->nodes[i];
		answered += verdict_answers(n);
		if (n->reach != REACH_FAILED && n->reach != REACH_HUNG)
			continue;
		alive += n->reach == REACH_FAILED && n->alive;
		buf_addf(&w.message, "%s %s %s", silent++ == 0 ? ":" : ",",
		    n->name, verdict_why_silent(n));
	}
	if (silent == 0)
		buf_addf(&w.message, ": none of the %d that answer is one",
		    answered);
	/* A server that runs and that we may not ask is no failure of it. */
	if (alive > 0)
		buf_adds(&w.hint, "Mend the login first: a node that refuses "
				  "it may well be the primary.");
	else
		add_no_primary_hint(j, &w, silent);
	verdict_add_as(j, node, alive > 0 ? SEV_UNKNOWN : SEV_CRITICAL, &w);
}

/* A standby, or an expected node that does not say what it is. */
static bool
is_idle(const struct judge *j, const struct status_node *n)
{
	return !verdict_is(n->state, "streaming") &&
	       (verdict_is_standby(j, n) ||
		   (n->role == ROLE_UNKNOWN && n->expected));
}

/* One that streams from another that does not gets nothing either. */
static bool
add_idle(const struct judge *j, int i, int count, struct buf *b)
{
	const struct status_node *n = verdict_node_of(j, i);
	int above = status_broken_above(j->s, i);
	const char *sep = count == 0 ? ";" : ",";

	if (is_idle(j, n))
		buf_addf(b, "%s %s: %s", sep, n->name,
		    verdict_or_else(n->state, "unknown"));
	else if (verdict_is_standby(j, n) && n->strayed)
		buf_addf(b, "%s %s streams from elsewhere", sep, n->name);
	else if (verdict_is_standby(j, n) && above != -1)
		buf_addf(b, "%s %s below %s", sep, n->name,
		    verdict_node_of(j, above)->name);
	else
		return false;
	return true;
}

static void
add_idle_standbys(const struct judge *j, struct words *w)
{
	int count = 0;

	for (size_t i = 0; i < j->s->n; i++)
		count += add_idle(j, (int)i, count, &w->message);
	if (count > 0)
		buf_adds(&w->hint,
		    "See what is said of those nodes; one that is gone for "
		    "good is made again by: standby-clone ");
	else
		buf_adds(&w->hint, "Make one: standby-clone ");
	verdict_add_source(&w->hint, verdict_node_of(j, j->s->primary));
}

/* The numbers are those that all formats print: one that streams from a relay
 * which does not is not among them. */
void
verdict_look_few_standbys(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status *s = j->s;
	size_t least = (size_t)MAX_OF(j->l->min_standbys, 0);

	if (s->primary < 0 || !verdict_answers(verdict_node_of(j, s->primary)))
		return;
	/* Who picks out a primary does not say that it has no standbys. */
	if (s->named_part && !j->l->min_given)
		return;
	if (s->streaming + s->unseen >= least)
		return;
	buf_addf(&w.message, "%zu of %zu standbys%s stream, fewer than %zu",
	    s->streaming, s->standbys,
	    s->named_part ? " of the nodes looked at" : "", least);
	add_idle_standbys(j, &w);
	verdict_add(j, node, &w);
}

/* --- synchronous standbys ------------------------------------------------ */

/* "FIRST 2 (a, b)", "ANY 2 (a, b)", "2 (a, b)", "a, b": how many must answer
 * before a commit does? */
static size_t
sync_wanted(const char *names)
{
	static const char *const words[] = {"FIRST", "ANY"};
	const char *at = names + strspn(names, " \t\n");
	size_t digits, blanks, count = 0;

	for (size_t i = 0; i < NELEM(words); i++) {
		size_t len = strlen(words[i]);

		if (strncasecmp(at, words[i], len) != 0)
			continue;
		blanks = strspn(at + len, " \t\n");
		if (at[len + blanks] >= '0' && at[len + blanks] <= '9')
			at += len + blanks;
		break;
	}
	if (at[0] == '\0')
		return 0;
	digits = strspn(at, "0123456789");
	blanks = strspn(at + digits, " \t\n");
	if (digits == 0 || digits > 4 || at[digits + blanks] != '(')
		return 1;
	for (size_t i = 0; i < digits; i++)
		count = count * 10 + (size_t)(at[i] - '0');
	return count;
}

static bool
is_synchronous(const struct status_sender *r)
{
	return verdict_is(r->state, "streaming") &&
	       (verdict_is(r->sync_state, "sync") ||
		   verdict_is(r->sync_state, "quorum"));
}

static void
add_no_sync(struct judge *j, int node, size_t have, size_t wanted)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	buf_addf(&w.message,
	    "commits wait: %zu synchronous standby%s stream%s, "
	    "synchronous_standby_names (%s) asks for %zu",
	    have, have == 1 ? "" : "s", have == 1 ? "s" : "",
	    n->synchronous_names, wanted);
	for (size_t i = 0; i < j->s->n; i++) {
		const struct status_node *other = verdict_node_of(j, (int)i);

		if (other->role == ROLE_PRIMARY || !other->expected ||
		    verdict_is(other->state, "streaming"))
			continue;
		buf_addf(&w.hint, "%s %s", w.hint.len == 0 ? "Repair" : ",",
		    other->name);
	}
	buf_addf(&w.hint,
	    "%s, to wait for nobody, on %s: ALTER SYSTEM SET "
	    "synchronous_standby_names = ''; SELECT pg_reload_conf();",
	    w.hint.len == 0 ? "Start one of them or" : " or", n->name);
	verdict_add(j, node, &w);
}

void
verdict_look_no_sync(struct judge *j, int node)
{
	const struct status_node *n = verdict_node_of(j, node);
	size_t have = 0, wanted;

	if (!verdict_answers(n) || n->role != ROLE_PRIMARY ||
	    verdict_is_foreign(j, n) || n->synchronous_names == NULL ||
	    n->senders_sight != SIGHT_SEEN || n->partial != NULL)
		return;
	for (size_t i = 0; i < n->nsenders; i++) {
		if (n->senders[i].hidden)
			return;
		have += is_synchronous(&n->senders[i]);
	}
	wanted = sync_wanted(n->synchronous_names);
	if (have < wanted)
		add_no_sync(j, node, have, wanted);
}
