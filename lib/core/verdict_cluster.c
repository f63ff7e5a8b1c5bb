#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/verdict_int.h"

/* --- the cluster --------------------------------------------------------- */

static bool
writes(const struct judge *j, const struct status_node *n)
{
	return verdict_answers(n) && n->role == ROLE_PRIMARY &&
	       !verdict_is_foreign(j, n);
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
	buf_addf(&w.hint,
	    "Decide which one is right (by its timeline %s) and stop the other "
	    "at once: pg_ctl stop -m fast -D PGDATA; then make it a standby: "
	    "standby-clone --delta --master %s",
	    first->name, verdict_or_else(first->host, "HOST"));
	verdict_add(j, node, &w);
}

static const char *
why_silent(const struct status_node *n)
{
	return n->reach == REACH_HUNG ? "hangs" : "does not answer";
}

void
verdict_look_no_primary(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n;
	int silent = 0, answered = 0;

	if (!j->s->whole || j->s->primary >= 0)
		return;
	buf_adds(&w.message, "no primary was found");
	for (size_t i = 0; i < j->s->n; i++) {
		n = &j->s->nodes[i];
		answered += verdict_answers(n);
		if (n->reach == REACH_FAILED || n->reach == REACH_HUNG)
			buf_addf(&w.message, "%s %s %s",
			    silent++ == 0 ? ":" : ",", n->name, why_silent(n));
	}
	if (silent == 0)
		buf_addf(&w.message, ": none of the %d that answer is one",
		    answered);
	if (silent > 0)
		buf_adds(&w.hint, "Look there first: a primary that does not "
				  "answer may still take writes. ");
	buf_adds(&w.hint, "What a promotion would do, without doing it: "
			  "standby-promote --candidate=best -n");
	verdict_add(j, node, &w);
}

/* A row that may be a standby of which nothing else is seen. */
static bool
hides_standby(const struct judge *j, const struct status_sender *row)
{
	return row->hidden &&
	       (row->node < 0 ||
		   !verdict_answers(verdict_node_of(j, row->node)));
}

/* How many more may stream than we can see? */
static int
maybe_streaming(const struct judge *j)
{
	const struct status_node *n;
	int unknown = 0, rows = 0, unmatched = 0;

	for (size_t i = 0; i < j->s->n; i++) {
		n = &j->s->nodes[i];
		if (verdict_is_standby(j, n) && verdict_answers(n)) {
			unknown +=
			    n->state == NULL || verdict_is(n->state, "unknown");
			unmatched +=
			    verdict_is(n->state, "streaming") && n->sender < 0;
		}
		for (size_t k = 0; verdict_answers(n) && k < n->nsenders; k++)
			rows += hides_standby(j, &n->senders[k]);
	}
	return unknown + MAX_OF(rows - unmatched, 0);
}

/* A standby, or an expected node that does not say what it is. */
static bool
is_idle(const struct judge *j, const struct status_node *n)
{
	return !verdict_is(n->state, "streaming") &&
	       (verdict_is_standby(j, n) ||
		   (n->role == ROLE_UNKNOWN && n->expected));
}

static void
add_idle_standbys(const struct judge *j, struct words *w)
{
	const struct status_node *n;
	int count = 0;

	for (size_t i = 0; i < j->s->n; i++) {
		n = &j->s->nodes[i];
		if (is_idle(j, n))
			buf_addf(&w->message, "%s %s: %s",
			    count++ == 0 ? ";" : ",", n->name,
			    verdict_or_else(n->state, "unknown"));
	}
	if (count > 0)
		buf_adds(&w->hint,
		    "See what is said of those nodes; one that is gone for "
		    "good is made again by: standby-clone --master ");
	else
		buf_adds(&w->hint, "Make one: standby-clone --master ");
	buf_adds(&w->hint,
	    verdict_or_else(verdict_node_of(j, j->s->primary)->host, "HOST"));
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
	if (s->streaming + (size_t)maybe_streaming(j) >= least)
		return;
	buf_addf(&w.message, "%zu of %zu standbys stream, fewer than %zu",
	    s->streaming, s->standbys, least);
	add_idle_standbys(j, &w);
	verdict_add(j, node, &w);
}
