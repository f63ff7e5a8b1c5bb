/* The table of refusals, the choice of a candidate, and what may be lost. */
#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/promote_int.h"
#include "core/text.h"

struct promote_row {
	const char *id, *fault;
	bool forceable;
	promote_look *look;
};

/* --- what rows ask ------------------------------------------------------- */

bool
promote_is_foreign(const struct promote_facts *f, int i)
{
	uint64_t ours = promote_candidate(f)->system_identifier,
		 theirs = f->s->nodes[i].system_identifier;

	if (ours == 0)
		ours = f->s->system_identifier;
	return ours != 0 && theirs != 0 && ours != theirs;
}

bool
promote_tells(const struct status_node *n)
{
	return n->reach == REACH_YES && promote_position(n) != LSN_INVALID;
}

static int
upstream_of(const struct status *s, int i)
{
	int up = s->nodes[i].upstream;

	return up >= 0 && (size_t)up < s->n ? up : -1;
}

/* By rows of senders, through whatever stands between. */
static bool
is_fed_by(const struct status *s, int i, int node)
{
	for (size_t steps = 0; steps < s->n; steps++) {
		if (s->nodes[i].sender < 0 || (i = upstream_of(s, i)) == -1)
			return false;
		if (i == node)
			return true;
	}
	return false;
}

/* Known only from the rows of a standby that tells what it has: not ahead of
 * that one. */
static bool
is_covered(const struct status *s, int i)
{
	int up = upstream_of(s, i);

	return s->nodes[i].reach == REACH_NOT_ASKED &&
	       s->nodes[i].sender >= 0 && up != -1 &&
	       promote_tells(&s->nodes[up]);
}

bool
promote_is_sibling(const struct promote_facts *f, int i)
{
	const struct status_node *n = &f->s->nodes[i];

	return i != f->node && i != f->old && n->role != ROLE_RECEIVEWAL &&
	       !(n->reach == REACH_YES && n->says == ROLE_PRIMARY) &&
	       !promote_is_foreign(f, i) && !is_fed_by(f->s, i, f->node) &&
	       !is_covered(f->s, i);
}

bool
promote_is_elsewhere(const struct promote_facts *f)
{
	uint32_t ours = status_timeline(promote_candidate(f));

	return f->end_is_exact && f->known_end != LSN_INVALID && ours != 0 &&
	       f->end_timeline != 0 && f->end_timeline != ours;
}

int64_t
promote_distance(const struct promote_facts *f, uint64_t a, uint64_t b)
{
	int version = promote_candidate(f)->version;

	if (a == LSN_INVALID || b == LSN_INVALID)
		return INT64_MIN;
	return lsn_diff(a, b, version == 0 ? PGVER_NEWEST : version);
}

/* --- words --------------------------------------------------------------- */

void
promote_add_node(struct buf *b, const struct status_node *n)
{
	struct buf where = BUF_INIT;

	buf_adds(&where, promote_or_else(n->host, ""));
	if (where.len > 0 && n->port != NULL)
		buf_addf(&where, ":%s", n->port);
	buf_adds(b, n->name);
	if (where.len > 0 && strcmp(buf_str(&where), n->name) != 0)
		buf_addf(b, " (%s)", buf_str(&where));
	b->failed |= !buf_ok(&where);
	buf_free(&where);
}

void
promote_add_old(struct buf *b, const struct promote_facts *f)
{
	if (f->old >= 0 && (size_t)f->old < f->s->n) {
		buf_adds(b, "the old primary ");
		promote_add_node(b, &f->s->nodes[f->old]);
	} else
		buf_adds(b, "the old primary");
}

void
promote_add_lsn(struct buf *b, uint64_t lsn)
{
	char text[LSN_TEXT];

	buf_adds(b, lsn == LSN_INVALID ? "unknown" : lsn_format(lsn, text));
}

void
promote_add_bytes(struct buf *b, int64_t bytes)
{
	text_add_size(b, (uint64_t)bytes);
	if (bytes >= 1024)
		buf_addf(b, " (%" PRId64 " bytes)", bytes);
}

/* --- refusals ------------------------------------------------------------ */

void
promote_refuse(struct promote_judge *j, struct promote_words *w)
{
	struct promote_verdict *v = j->v;
	struct promote_refusal *more, r = {.id = j->row->id,
					  .fault = j->row->fault,
					  .forceable = j->row->forceable};

	r.forced = r.forceable && j->force;
	r.message = buf_take(&w->message, &j->failed);
	r.hint = buf_take(&w->hint, &j->failed);
	more = reallocarray(v->v, v->n + 1, sizeof(*more));
	if (more != NULL)
		v->v = more;
	if (j->failed || r.message == NULL || more == NULL) {
		j->failed = true;
		free(r.message);
		free(r.hint);
		return;
	}
	v->v[v->n++] = r;
	v->standing += !r.forced;
}

/* --- the table ----------------------------------------------------------- */

static const struct promote_row rows[] = {
    {"two-primaries", "D1", false, promote_look_two_primaries},
    {"old-primary-answers", "D2", false, promote_look_answers},
    {"old-primary-runs", "D2", false, promote_look_runs},
    {"old-primary-heard", "D2", true, promote_look_heard},
    {"old-primary-unseen", "D2", true, promote_look_unseen},
    {"old-primary-unproven", "D3", true, promote_look_unproven},
    {"isolated", "D4", true, promote_look_isolated},
    {"old-primary-ahead", "D5", true, promote_look_old_ahead},
    {"sibling-ahead", "D5", true, promote_look_ahead},
    {"sibling-unknown", "D6", true, promote_look_unknown},
    {"lag", "D7", true, promote_look_lag},
    {"not-streamed", "D8", true, promote_look_not_streamed},
    {"replay-paused", "D9", true, promote_look_paused},
    {"trigger-file", "D11", false, promote_look_trigger},
    {"no-means", "D12", false, promote_look_no_means},
    {"promotion-running", "D14", false, promote_look_running},
    {"unlogged-fork", "D19", true, promote_look_unlogged},
};

static const struct promote_row no_candidate = {"no-means", "D12", false, NULL};

static bool
is_primary(const struct status_node *n)
{
	return n->reach == REACH_YES && n->says == ROLE_PRIMARY;
}

static void
look_all(struct promote_judge *j)
{
	/* What is primary already needs no promotion, and no reason not to be
	 * promoted, but the one that there is another. */
	size_t n = is_primary(promote_candidate(j->f)) ? 1 : NELEM(rows);

	for (size_t i = 0; i < n && !j->failed; i++) {
		j->row = &rows[i];
		rows[i].look(j);
	}
}

static void
look_for_nobody(struct promote_judge *j)
{
	struct promote_words w = {.message = BUF_INIT};

	buf_adds(&w.message, "no standby answers that may be promoted");
	buf_adds(&w.hint, "See repl-status; name a node to promote it whatever "
			  "its promote setting is: standby-promote NODE.");
	j->row = &no_candidate;
	promote_refuse(j, &w);
}

static void
measure_loss(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	int64_t lost = promote_distance(f, f->known_end, promote_position(n));

	if (lost == INT64_MIN || promote_is_elsewhere(f))
		return;
	j->v->lost = MAX_OF(lost, 0);
	/* It is exact on one and the same timeline. */
	j->v->lost_at_least = !f->end_is_exact ||
			      (f->end_timeline != 0 && status_timeline(n) == 0);
}

int
promote_judge(
    struct promote_verdict *v, const struct promote_facts *f, bool force)
{
	struct promote_judge j = {.f = f, .v = v, .force = force};

	*v = (struct promote_verdict){.lost = -1};
	if (f->node < 0 || (size_t)f->node >= f->s->n) {
		look_for_nobody(&j);
	} else {
		measure_loss(&j);
		look_all(&j);
		if (!is_primary(promote_candidate(f)))
			promote_assume(&j);
	}
	if (!j.failed && buf_ok(&v->assumed))
		return 0;
	promote_verdict_free(v);
	return -1;
}

void
promote_verdict_free(struct promote_verdict *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->v[i].message);
		free(v->v[i].hint);
	}
	free(v->v);
	buf_free(&v->assumed);
	*v = (struct promote_verdict){.lost = -1};
}

void
promote_add_loss(struct buf *b, const struct promote_facts *f,
    const struct promote_verdict *v)
{
	const struct status_node *n = promote_candidate(f);

	if (promote_is_elsewhere(f)) {
		buf_adds(b, "Possible loss unknown: ");
		promote_add_old(b, f);
		buf_adds(b, " wrote ");
		promote_add_lsn(b, f->known_end);
		buf_addf(b,
		    " on timeline %" PRIu32 ", %s is on timeline %" PRIu32
		    ": all that it wrote since these parted is lost.",
		    f->end_timeline, n->name, status_timeline(n));
		return;
	}
	if (v->lost < 0) {
		buf_addf(b, "Possible loss unknown: it is not known %s.",
		    f->known_end == LSN_INVALID
			? "where the WAL of the old primary ends"
			: "what WAL the candidate has");
		return;
	}
	if (promote_will_stop(f)) {
		buf_adds(b, "No loss: ");
		promote_add_old(b, f);
		buf_addf(b,
		    " is stopped first, and %s is promoted only when it has "
		    "all its WAL; now it lacks ",
		    n->name);
		promote_add_bytes(b, v->lost);
		buf_addc(b, '.');
		return;
	}
	if (f->proof == PROOF_STOPPED && v->lost == 0 && !v->lost_at_least) {
		buf_adds(b, "Nothing is lost: ");
		promote_add_old(b, f);
		buf_adds(b, " wrote ");
		promote_add_lsn(b, f->known_end);
		buf_addf(b, ", and %s has all of it.", n->name);
		return;
	}
	buf_adds(b, v->lost_at_least ? "Possible loss unknown, at least "
				     : "Possible loss: ");
	promote_add_bytes(b, v->lost);
	buf_adds(b, ": ");
	promote_add_old(b, f);
	buf_adds(b, v->lost_at_least ? " had written at least " : " wrote ");
	promote_add_lsn(b, f->known_end);
	if (f->known_from != NULL)
		buf_addf(b, " (%s)", f->known_from);
	buf_addf(b, ", %s has ", n->name);
	promote_add_lsn(b, promote_position(n));
	buf_addc(b, '.');
}

/* --- the best candidate -------------------------------------------------- */

static bool
is_better(const struct status_node *a, const struct status_node *b)
{
	if (status_timeline(a) != status_timeline(b))
		return status_timeline(a) > status_timeline(b);
	if (promote_position(a) != promote_position(b))
		return promote_position(a) > promote_position(b);
	return a->weight > b->weight;
}

int
promote_best(const struct status *s, const bool *may)
{
	int best = -1;

	for (int i = 0; (size_t)i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		if ((may != NULL && !may[i]) || n->says != ROLE_STANDBY ||
		    !promote_tells(n) ||
		    (s->system_identifier != 0 && n->system_identifier != 0 &&
			n->system_identifier != s->system_identifier))
			continue;
		if (best == -1 || is_better(n, &s->nodes[best]))
			best = i;
	}
	return best;
}

/* --- names --------------------------------------------------------------- */

const char *
promote_means_name(enum promote_means m)
{
	static const char *const names[] = {[MEANS_NONE] = "none",
	    [MEANS_SQL] = "sql",
	    [MEANS_PG_CTL] = "pg_ctl",
	    [MEANS_TRIGGER] = "trigger-file",
	    [MEANS_AGENT] = "agent"};

	return (size_t)m < NELEM(names) ? names[m] : "none";
}

const char *
promote_proof_name(enum promote_proof p)
{
	static const char *const names[] = {[PROOF_NONE] = "none",
	    [PROOF_SSH] = "ssh",
	    [PROOF_STOPPED] = "stopped",
	    [PROOF_FENCE] = "fence",
	    [PROOF_NAME] = "name",
	    [PROOF_PGPOOL] = "pgpool",
	    [PROOF_FORCE] = "force"};

	return (size_t)p < NELEM(names) ? names[p] : "none";
}
