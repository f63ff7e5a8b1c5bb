/* The refusals that are about others than the candidate, in the order of
 * faults.md 3.4: one function for each row. */
#include "base/std.h"
#include "base/shell.h"
#include "base/buf.h"
#include "core/promote_int.h"
#include "core/range.h"

/* --- D1, D2: another primary --------------------------------------------- */

static bool
is_other_primary(const struct promote_facts *f, int i)
{
	const struct status_node *n = &f->s->nodes[i];

	return i != f->node && n->reach == REACH_YES &&
	       n->says == ROLE_PRIMARY && !promote_is_foreign(f, i);
}

static int
other_primaries(const struct promote_facts *f)
{
	int n = 0;

	for (int i = 0; (size_t)i < f->s->n; i++)
		if (is_other_primary(f, i))
			n++;
	return n;
}

static bool
any_other_primary(const struct promote_facts *f)
{
	return other_primaries(f) > 0;
}

/* The old primary, which answered, though it let nobody in; NULL. */
static const struct status_node *
refusing(const struct promote_facts *f)
{
	const struct status_node *n;

	if (f->old < 0 || (size_t)f->old >= f->s->n || f->old == f->node)
		return NULL;
	n = &f->s->nodes[f->old];
	return n->reach == REACH_FAILED ? n : NULL;
}

/* The old primary refuses the login: it may take the writes of others. */
static bool
is_locked(const struct promote_facts *f)
{
	const struct status_node *n = refusing(f);

	return n != NULL && n->alive;
}

/* Its postmaster runs: what starts takes writes in a moment, and what stops may
 * let its sessions work on. */
static bool
is_halfway(const struct promote_facts *f)
{
	const struct status_node *n = refusing(f);

	return n != NULL && (n->starting || n->stopping);
}

static void
add_fence_failed(struct buf *b, const struct promote_facts *f)
{
	if (f->proof == PROOF_FENCE)
		buf_adds(b, ": the fence, which ended with 0, has failed");
}

static void
add_locked(struct buf *b, const struct promote_facts *f)
{
	const struct status_node *n = &f->s->nodes[f->old];

	promote_add_old(b, f);
	buf_addf(b, " answers, but refuses the login (%s)",
	    promote_or_else(n->reach_text, "no reason is known"));
	add_fence_failed(b, f);
}

static void
add_primary(struct buf *b, const struct status_node *n)
{
	promote_add_node(b, n);
	buf_adds(b, " answers and is not in recovery");
	if (n->timeline != 0)
		buf_addf(b, ", timeline %" PRIu32, n->timeline);
	if (n->written != LSN_INVALID) {
		buf_adds(b, ", WAL written to ");
		promote_add_lsn(b, n->written);
	}
}

/* The one on the older timeline was the primary before the other. */
static void
add_two(
    struct buf *b, const struct status_node *n, const struct status_node *other)
{
	bool known = n->timeline != 0 && other->timeline != 0 &&
		     n->timeline != other->timeline;
	bool stays = !known || n->timeline > other->timeline;
	const struct status_node *right = stays ? n : other;

	if (known)
		buf_addf(b,
		    "By its timeline %s is right. Keep the writers away from "
		    "%s at once and stop it, on its host: pg_ctl stop -m fast "
		    "-D PGDATA; then, there: ",
		    right->name, stays ? other->name : n->name);
	else
		buf_adds(b,
		    "Keep the writers away from one of them at once and stop "
		    "it; then, on its host, with the directory of its data: ");
	buf_adds(b, "standby-clone --master ");
	shell_add_word(b, promote_or_else(right->host, right->name));
	buf_adds(b, " --delta -D PGDATA. What only it has is lost by that.");
}

void
promote_look_two_primaries(struct promote_judge *j)
{
	const struct status_node *n = promote_candidate(j->f);

	if (n->reach != REACH_YES || n->says != ROLE_PRIMARY)
		return;
	for (int i = 0; (size_t)i < j->f->s->n; i++) {
		const struct status_node *other = &j->f->s->nodes[i];
		struct promote_words w = {.message = BUF_INIT};

		if (!is_other_primary(j->f, i))
			continue;
		buf_adds(&w.message, "two primaries: ");
		promote_add_node(&w.message, n);
		buf_adds(&w.message, " is primary already, and ");
		add_primary(&w.message, other);
		add_two(&w.hint, n, other);
		promote_refuse(j, &w);
	}
	if (is_locked(j->f)) {
		struct promote_words w = {.message = BUF_INIT};

		buf_adds(&w.message, "two primaries, maybe: ");
		promote_add_node(&w.message, n);
		buf_adds(&w.message, " is primary already, and ");
		add_locked(&w.message, j->f);
		buf_adds(&w.hint, "Look at its host at once what it is, and "
				  "stop it if it takes writes: pg_ctl stop "
				  "-m fast -D PGDATA");
		promote_refuse(j, &w);
	}
}

static void
add_switchover(struct buf *b, const struct promote_facts *f)
{
	if (f->switchover || other_primaries(f) > 1) {
		buf_adds(b, "There may be one primary only: find out which "
			    "one is right (repl-status), and stop the other at "
			    "once, on its host: pg_ctl stop -m fast -D PGDATA");
		return;
	}
	buf_adds(b, "For a planned change, which stops it cleanly first: "
		    "standby-promote --switchover ");
	shell_add_word(b, promote_candidate(f)->name);
}

void
promote_look_answers(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	struct promote_words w = {.message = BUF_INIT};

	for (int i = 0; (size_t)i < f->s->n; i++) {
		if (!is_other_primary(f, i) ||
		    (i == f->old && promote_will_stop(f)))
			continue;
		add_primary(&w.message, &f->s->nodes[i]);
		add_switchover(&w.hint, f);
		promote_refuse(j, &w);
	}
	if (is_locked(f) && !promote_will_stop(f) &&
	    f->proof != PROOF_STOPPED) {
		add_locked(&w.message, f);
		buf_adds(&w.hint,
		    "It may take the writes of others: stop it on its host, "
		    "pg_ctl stop -m fast -D PGDATA; or let this role in, and "
		    "run this again. ");
		add_switchover(&w.hint, f);
		promote_refuse(j, &w);
		return;
	}
	if (f->old_state != OLD_ANSWERS || promote_will_stop(f) ||
	    any_other_primary(f))
		return;
	promote_add_old(&w.message, f);
	buf_adds(&w.message, " answers and is not in recovery");
	add_switchover(&w.hint, f);
	promote_refuse(j, &w);
}

static void
refuse_halfway(struct promote_judge *j)
{
	const struct status_node *n = refusing(j->f);
	struct promote_words w = {.message = BUF_INIT};

	promote_add_old(&w.message, j->f);
	buf_addf(&w.message, " runs: asked, it answers that it %s (%s)",
	    n->starting ? "is starting up" : "is shutting down",
	    promote_or_else(n->reach_text, "no reason is known"));
	add_fence_failed(&w.message, j->f);
	if (n->starting)
		buf_adds(&w.hint, "It may take writes in a moment: wait for "
				  "it, or stop it on its host: ");
	else
		buf_adds(&w.hint, "Its sessions may write until it is down: "
				  "wait for it, or hasten it on its host: ");
	buf_adds(&w.hint,
	    "pg_ctl stop -m immediate -D PGDATA; then run this again.");
	promote_refuse(j, &w);
}

void
promote_look_runs(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	struct promote_words w = {.message = BUF_INIT};

	if (promote_will_stop(f))
		return;
	if (is_halfway(f) && !promote_will_fence(f)) {
		refuse_halfway(j);
		return;
	}
	if (f->old_state != OLD_RUNS)
		return;
	promote_add_old(&w.message, f);
	buf_adds(&w.message,
	    " does not answer, but its postmaster runs, as its host says");
	buf_adds(&w.hint, "Stop it on its host: pg_ctl stop -m fast "
			  "-D PGDATA; then run this again.");
	promote_refuse(j, &w);
}

bool
promote_is_told(const struct promote_facts *f)
{
	return f->proof == PROOF_STOPPED || promote_will_stop(f) ||
	       f->old_state == OLD_ANSWERS || f->old_state == OLD_RUNS ||
	       is_halfway(f) || any_other_primary(f);
}

/* ... or it is still to be cut off. */
static bool
is_settled(const struct promote_facts *f)
{
	return promote_will_fence(f) || promote_is_told(f);
}

/* Messages are a sign of life that are younger than this: what came before the
 * end of a fence is none. */
static double
heard_limit(const struct promote_facts *f)
{
	return f->proof == PROOF_FENCE ? f->fenced_for : f->message_limit;
}

bool
promote_may_hear(const struct promote_facts *f, int i)
{
	const struct status_node *n = &f->s->nodes[i];
	int up = n->upstream;

	if (n->reach != REACH_YES || n->says != ROLE_STANDBY ||
	    promote_is_foreign(f, i) || i == f->old)
		return false;
	return up < 0 || (size_t)up >= f->s->n || up == f->old ||
	       f->s->nodes[up].says != ROLE_STANDBY;
}

static bool
has_heard(const struct promote_facts *f, int i)
{
	const struct status_receiver *r = &f->s->nodes[i].receiver;

	return promote_may_hear(f, i) && r->present &&
	       promote_is(r->status, "streaming") && r->heard >= 0 &&
	       r->heard < heard_limit(f);
}

double
promote_heard(const struct promote_facts *f)
{
	double last = -1;

	for (int i = 0; (size_t)i < f->s->n; i++)
		if (!is_settled(f) && has_heard(f, i) &&
		    (last < 0 || f->s->nodes[i].receiver.heard < last))
			last = f->s->nodes[i].receiver.heard;
	return last;
}

void
promote_look_heard(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;

	for (int i = 0; (size_t)i < f->s->n; i++) {
		const struct status_node *n = &f->s->nodes[i];
		struct promote_words w = {.message = BUF_INIT};

		if (is_settled(f) || !has_heard(f, i))
			continue;
		promote_add_node(&w.message, n);
		buf_adds(&w.message, " got a message of ");
		promote_add_old(&w.message, f);
		buf_addc(&w.message, ' ');
		range_add_value(&w.message, n->receiver.heard, true);
		if (f->proof == PROOF_FENCE) {
			buf_adds(&w.message, " ago, after the fence command "
					     "had ended with 0, ");
			range_add_value(&w.message, f->fenced_for, true);
			buf_adds(&w.message, " ago");
		} else {
			buf_adds(&w.message, " ago, which is less than ");
			range_add_value(&w.message, f->message_limit, true);
		}
		buf_adds(&w.hint, "It seems to run: look at its host, stop it "
				  "there, or wait that long and run this "
				  "again. ");
		add_switchover(&w.hint, f);
		promote_refuse(j, &w);
	}
}

/* --- D3, D4: is it down, are we the rest --------------------------------- */

static void
add_silence(struct buf *b, const struct promote_facts *f)
{
	const char *why = NULL;

	promote_add_old(b, f);
	if (f->old >= 0 && (size_t)f->old < f->s->n)
		why = f->s->nodes[f->old].reach_text;
	buf_adds(b, " does not answer");
	if (why != NULL && why[0] != '\0')
		buf_addf(b, " (%s)", why);
	buf_adds(b, ", which does not prove that it is down");
	promote_add_outgrown(b, f);
}

void
promote_look_unproven(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	struct promote_words w = {.message = BUF_INIT};

	if ((f->proof != PROOF_NONE && f->proof != PROOF_FORCE &&
		!promote_is_aimless(f)) ||
	    (promote_will_fence(f) && !promote_is_aimless(f)) ||
	    promote_will_stop(f) ||
	    (f->old_state == OLD_STOPPED && f->old_guess == NULL) ||
	    f->old_state == OLD_ANSWERS || f->old_state == OLD_RUNS ||
	    is_halfway(f) || any_other_primary(f))
		return;
	if (f->old_guess != NULL) {
		promote_add_guess(&w, f);
	} else if (f->old_state == OLD_NOBODY) {
		if (f->old_standby != NULL)
			buf_addf(&w.message, "%s%s is a standby, and ",
			    f->old_standby,
			    f->old_misnamed ? ", which --old-primary names,"
					    : "");
		buf_adds(&w.message,
		    "nobody knows which node was the primary, so that nothing "
		    "proves that it is down");
		if (promote_will_fence(f))
			buf_adds(
			    &w.message, ", and whom the fence would cut off");
		buf_adds(&w.hint, "Name it with --old-primary=CONNINFO. ");
	} else
		add_silence(&w.message, f);
	buf_addf(&w.hint,
	    "Give a proof: --fence=COMMAND that cuts it off and ends with 0, "
	    "or ssh to its host, or type \"%s\" when asked on a terminal; when "
	    "you know for certain that it is off: --force",
	    promote_candidate(f)->name);
	promote_refuse(j, &w);
}

void
promote_look_isolated(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	struct promote_words w = {.message = BUF_INIT};

	if (f->witnesses <= 0 || f->witnesses_reached > 0)
		return;
	buf_addf(&w.message,
	    "%d of %d witnesses answer, at least 1 must: this host may be the "
	    "side that is cut off, while the old primary works on",
	    MAX_OF(f->witnesses_reached, 0), f->witnesses);
	buf_adds(&w.hint, "Look at the network of this host");
	if (f->witness != NULL)
		buf_addf(&w.hint, " (ping %s)", f->witness);
	buf_adds(&w.hint, ", or run this on another one; the witnesses are "
			  "those of promote.witness and --witness.");
	promote_refuse(j, &w);
}
