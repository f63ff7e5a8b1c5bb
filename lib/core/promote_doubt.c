/* What is not seen of the old primary, and what seems to be it and is not. */
#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/promote_int.h"
#include "core/text.h"

/* --- D2: what may not be seen --------------------------------------------- */

static void
add_unseen(struct promote_words *w, const struct promote_facts *f,
    const struct status_node *n)
{
	const char *role = pgver(n->version, PGFACT_READ_STATS);

	promote_add_node(&w->message, n);
	if (n->receiver.present) {
		buf_adds(&w->message, " has a WAL receiver, and role ");
		text_add_identifier(&w->message, promote_or_else(n->user, "?"));
		buf_adds(&w->message, " may not see whether it hears ");
	} else {
		buf_addf(&w->message,
		    ": whether a WAL receiver runs could not be read (%s), so "
		    "that it is not known whether it hears ",
		    promote_or_else(n->partial, "no reason is known"));
	}
	promote_add_old(&w->message, f);
	buf_adds(&w->hint, "Run this as a role that may (-U)");
	if (role != NULL) {
		buf_addf(&w->hint,
		    "; on the primary, while there is one, as a superuser: "
		    "GRANT %s TO ",
		    role);
		text_add_identifier(&w->hint, promote_or_else(n->user, "ROLE"));
	} else
		buf_adds(&w->hint, ", which is a superuser in this version");
	buf_addf(&w->hint,
	    "; or look on %s yourself: SELECT * FROM pg_stat_wal_receiver; "
	    "when you know for certain that the old primary is off: --force",
	    n->name);
}

/* What may not be seen is no silence.  A fence waits for this: after it there
 * would be no primary, and a refusal. */
void
promote_look_unseen(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;

	for (int i = 0; (size_t)i < f->s->n; i++) {
		const struct status_node *n = &f->s->nodes[i];
		struct promote_words w = {.message = BUF_INIT};

		if (promote_is_told(f) || !promote_may_hear(f, i) ||
		    n->receiver.sight != SIGHT_HIDDEN)
			continue;
		add_unseen(&w, f, n);
		promote_refuse(j, &w);
	}
}

/* --- D3: what is not the old primary -------------------------------------- */

bool
promote_is_aimless(const struct promote_facts *f)
{
	bool fence = f->fence_given || f->proof == PROOF_FENCE;

	if (f->proof == PROOF_STOPPED)
		return false;
	if (f->old_guess != NULL)
		return fence || f->proof == PROOF_SSH ||
		       f->proof == PROOF_PGPOOL;
	return f->old_state == OLD_NOBODY &&
	       (f->old_misnamed || fence || f->proof == PROOF_PGPOOL);
}

void
promote_add_guess(struct promote_words *w, const struct promote_facts *f)
{
	const char *name = f->s->nodes[f->old].name;

	buf_adds(&w->message, "which node was the primary is not known, and ");
	promote_add_node(&w->message, &f->s->nodes[f->old]);
	buf_addf(&w->message, " is a guess (%s)", f->old_guess);
	if (f->old_state == OLD_STOPPED)
		buf_adds(&w->message, ": that its postmaster does not run");
	else
		buf_adds(&w->message, ": that it does not answer");
	buf_adds(&w->message, " does not prove that the primary is down");
	promote_add_outgrown(&w->message, f);
	if (promote_will_fence(f))
		buf_addf(&w->message,
		    ", and the fence might cut off %s while the primary lives",
		    name);
	buf_addf(&w->hint,
	    "When %s was the primary: --old-primary=%s; else name it with "
	    "--old-primary=CONNINFO. ",
	    name, name);
}

/* Of a record that the primary had begun to write when it ended a standby may
 * have received a part; longer ones are rare, and then another proof is asked.
 */
#define RECORD_MAX INT64_C(16777216)
#define PAGE_MAX INT64_C(65536)

/*
 * What a standby has replayed are whole records, which the primary had on its
 * disk before it sent them.  And who is on a newer timeline was not fed by one
 * that ended on an older one, but for the page in which that one begins, which
 * bears the number of the old one.
 */
static bool
has_outgrown(const struct promote_facts *f, const struct status_node *n)
{
	uint32_t tli = status_timeline(n);
	int64_t replayed = promote_distance(f, n->replayed, f->old_end),
		received = promote_distance(f, promote_position(n), f->old_end);

	if (tli != 0 && f->old_end_timeline > tli)
		return false;
	if (f->old_end_timeline != 0 && tli > f->old_end_timeline &&
	    received != INT64_MIN && received < -PAGE_MAX)
		return true;
	return replayed > 0 || received > RECORD_MAX;
}

int
promote_outgrown(const struct promote_facts *f)
{
	uint32_t tli = status_timeline(promote_candidate(f));

	for (int i = 0; f->old_end != LSN_INVALID && (size_t)i < f->s->n; i++) {
		const struct status_node *n = &f->s->nodes[i];

		if (n->says == ROLE_STANDBY && promote_tells(n) &&
		    i != f->old && !promote_is_foreign(f, i) &&
		    status_timeline(n) == tli && has_outgrown(f, n))
			return i;
	}
	return -1;
}

void
promote_add_outgrown(struct buf *b, const struct promote_facts *f)
{
	int i = promote_outgrown(f);
	const struct status_node *n;

	if (i == -1)
		return;
	n = &f->s->nodes[i];
	buf_addf(b,
	    "; no server runs in \"%s\", but that is not its directory, or "
	    "has lost WAL: it ends at ",
	    promote_or_else(f->old_pgdata, "its directory"));
	if (f->old_end_timeline != 0)
		buf_addf(b, "timeline %" PRIu32 ", ", f->old_end_timeline);
	promote_add_lsn(b, f->old_end);
	buf_addf(b, ", and %s has ", n->name);
	if (status_timeline(n) != 0)
		buf_addf(b, "timeline %" PRIu32 ", ", status_timeline(n));
	promote_add_lsn(b, promote_position(n));
}
