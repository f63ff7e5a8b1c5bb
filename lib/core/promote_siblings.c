/* D5, D6: do others, or the old primary, have more than the candidate? */
#include "base/std.h"
#include "base/shell.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/promote_int.h"

/* By timeline where both are known, then by position, which says nothing while
 * the old primary is still to be stopped. */
static bool
is_ahead(const struct promote_facts *f, const struct status_node *sibling)
{
	const struct status_node *n = promote_candidate(f);
	uint32_t ours = status_timeline(n), theirs = status_timeline(sibling);

	if (ours != 0 && theirs != 0 && ours != theirs)
		return theirs > ours;
	return !promote_will_stop(f) &&
	       promote_position(sibling) > promote_position(n);
}

static void
add_place(struct buf *b, const struct status_node *n)
{
	if (status_timeline(n) != 0)
		buf_addf(b, "timeline %" PRIu32 ", ", status_timeline(n));
	promote_add_lsn(b, promote_position(n));
}

static void
add_ahead(struct promote_words *w, const struct promote_facts *f,
    const struct status_node *sibling)
{
	const struct status_node *n = promote_candidate(f);
	int64_t more =
	    promote_distance(f, promote_position(sibling), promote_position(n));

	promote_add_node(&w->message, sibling);
	buf_addf(&w->message, " is ahead of %s: it has ", n->name);
	add_place(&w->message, sibling);
	buf_addf(&w->message, ", %s has ", n->name);
	add_place(&w->message, n);
	if (more > 0) {
		buf_adds(&w->message, ", which is ");
		promote_add_bytes(&w->message, more);
		buf_adds(&w->message, " less");
	}
	buf_adds(&w->hint, "Promote the one that has most: standby-promote ");
	shell_add_word(&w->hint, sibling->name);
	buf_adds(&w->hint, ", or standby-promote --candidate=best");
}

void
promote_look_ahead(struct promote_judge *j)
{
	for (int i = 0; (size_t)i < j->f->s->n; i++) {
		const struct status_node *n = &j->f->s->nodes[i];
		struct promote_words w = {.message = BUF_INIT};

		if (!promote_is_sibling(j->f, i) || !promote_tells(n) ||
		    !is_ahead(j->f, n))
			continue;
		add_ahead(&w, j->f, n);
		promote_refuse(j, &w);
	}
}

/* Of a lower one it is no news: the node's own history went on behind it. */
void
promote_look_old_ahead(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	struct promote_words w = {.message = BUF_INIT};
	const char *old;

	if (!promote_is_elsewhere(f) || f->end_timeline < status_timeline(n))
		return;
	promote_add_old(&w.message, f);
	buf_addf(&w.message,
	    " went on to timeline %" PRIu32 ", where it wrote ",
	    f->end_timeline);
	promote_add_lsn(&w.message, f->known_end);
	buf_addf(&w.message, "; %s is on timeline %" PRIu32 " and has ",
	    n->name, status_timeline(n));
	promote_add_lsn(&w.message, promote_position(n));
	buf_adds(&w.message, ": nothing of that timeline");
	old = f->old >= 0 && (size_t)f->old < f->s->n ? f->s->nodes[f->old].name
						      : "the old primary";
	buf_addf(&w.hint,
	    "Start %s again, which is the only one that has it, or promote a "
	    "standby that followed it: repl-status; to lose all that it wrote "
	    "since: --force",
	    old);
	promote_refuse(j, &w);
}

static bool
is_unknown_allowed(const struct promote_facts *f)
{
	return !f->chosen && (f->typed || f->proof == PROOF_NAME);
}

/* A primary that we stop has sent all that it had to the candidate: nobody can
 * have more. */
static bool
is_unknown(const struct promote_facts *f, int i)
{
	return promote_is_sibling(f, i) && !promote_tells(&f->s->nodes[i]) &&
	       !promote_will_stop(f) && f->proof != PROOF_STOPPED;
}

static void
add_grant(struct buf *b, const struct status_node *n)
{
	const char *role = pgver(n->version, PGFACT_READ_STATS);

	if (role != NULL)
		buf_addf(
		    b, "On the primary of that node: GRANT %s TO ROLE", role);
	else
		buf_adds(b, "Let a superuser ask it (-U)");
	buf_adds(b, ", or ");
}

static void
add_unknown(struct promote_words *w, const struct promote_facts *f,
    const struct status_node *n)
{
	const char *why = promote_or_else(n->reach_text, NULL);

	promote_add_node(&w->message, n);
	if (n->reach == REACH_YES) {
		buf_adds(&w->message, " answers, but what WAL it has cannot be "
				      "read");
		why = promote_or_else(n->partial, NULL);
	} else
		buf_adds(&w->message,
		    n->reach == REACH_HUNG ? " hangs" : " does not answer");
	if (why != NULL)
		buf_addf(&w->message, " (%s)", why);
	buf_addf(&w->message, ": it may be ahead of %s, which has ",
	    promote_candidate(f)->name);
	add_place(&w->message, promote_candidate(f));
	if (n->reach == REACH_YES)
		add_grant(&w->hint, n);
	buf_adds(
	    &w->hint, n->reach == REACH_YES ? "make it tell" : "Bring it back");
	if (f->chosen) {
		buf_adds(
		    &w->hint, ", or name the node yourself: standby-promote ");
		shell_add_word(&w->hint, promote_candidate(f)->name);
		buf_adds(&w->hint, "; to go on without it: --force");
	} else
		buf_addf(&w->hint,
		    ", or type \"%s\" when asked on a terminal; to go on "
		    "without it: --force",
		    promote_candidate(f)->name);
	/* It may end in a command: last. */
	if (n->reach != REACH_YES &&
	    promote_or_else(n->reach_hint, NULL) != NULL)
		buf_addf(&w->hint, ". %s", n->reach_hint);
}

void
promote_look_unknown(struct promote_judge *j)
{
	for (int i = 0; (size_t)i < j->f->s->n; i++) {
		struct promote_words w = {.message = BUF_INIT};

		if (!is_unknown(j->f, i) || is_unknown_allowed(j->f))
			continue;
		add_unknown(&w, j->f, &j->f->s->nodes[i]);
		promote_refuse(j, &w);
	}
}

void
promote_assume_sibling(struct buf *b, const struct promote_facts *f, int i)
{
	const struct status_node *n = promote_candidate(f),
				 *sibling = &f->s->nodes[i];
	uint32_t ours = status_timeline(n), theirs = status_timeline(sibling);

	if (!promote_is_sibling(f, i))
		return;
	if (is_unknown(f, i)) {
		if (!is_unknown_allowed(f))
			return;
		buf_adds(b, "It is assumed that ");
		promote_add_node(b, sibling);
		buf_addf(b,
		    ", of which nothing is known, has no more WAL than "
		    "%s.\n",
		    n->name);
	} else if (promote_tells(sibling) && (ours == 0) != (theirs == 0)) {
		promote_add_node(b, sibling);
		buf_addf(b,
		    " and %s are compared by position only: the "
		    "timeline of one of them is not known.\n",
		    n->name);
	} else if (promote_tells(sibling) && theirs < ours &&
		   promote_position(sibling) > promote_position(n)) {
		promote_add_node(b, sibling);
		buf_adds(b, " has ");
		add_place(b, sibling);
		buf_addf(b,
		    ", which is on an older timeline than %s and "
		    "counts as abandoned.\n",
		    n->name);
	}
}
