#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/verdict_int.h"

/* --- how far behind it is ------------------------------------------------ */

/* A node not asked has the version of who feeds it. */
static void
add_sql(const struct judge *j, struct buf *b, const struct status_node *n,
    enum pgfact fact)
{
	const struct status_node *up = verdict_upstream_of(j, n);
	const char *sql = NULL;

	if (n->version != 0)
		sql = pgver(n->version, fact);
	else if (up != NULL && up->version != 0)
		sql = pgver(up->version, fact);
	if (sql != NULL)
		buf_addf(b, "%s;", sql);
}

static const char *
how_broken(const struct status_node *n)
{
	if (!verdict_answers(n))
		return verdict_why_silent(n);
	if (verdict_receiver_absent(n))
		return "has no WAL receiver";
	if (n->strayed)
		return "streams from none of the nodes";
	return "does not stream";
}

/* A server that hangs keeps its connections; one that refuses us works. */
static const struct status_node *
broken_upstream(const struct judge *j, int node)
{
	const struct status_node *n = verdict_node_of(j, node),
				 *up = verdict_upstream_of(j, n);
	int above = status_broken_above(j->s, node);

	if (up != NULL && (up->reach == REACH_HUNG ||
			      (up->reach == REACH_FAILED && !up->alive &&
				  verdict_receiver_absent(n))))
		return up;
	if (above == -1)
		return NULL;
	up = verdict_node_of(j, above);
	if (up->reach == REACH_NOT_ASKED || verdict_is(up->state, "unknown"))
		return NULL;
	return up;
}

/* Its upstream is not known, nobody takes writes, and one is silent. */
static const struct status_node *
probable_upstream(const struct judge *j, const struct status_node *n)
{
	const struct status_node *found = NULL;

	if (n->upstream >= 0 || j->s->primary >= 0)
		return NULL;
	for (size_t i = 0; i < j->s->n; i++) {
		const struct status_node *up = &j->s->nodes[i];

		if (up == n || verdict_answers(up) || !up->expected)
			continue;
		if (found != NULL)
			return NULL;
		found = up;
	}
	return found != NULL && !found->alive ? found : NULL;
}

bool
verdict_add_cause(const struct judge *j, int node, struct buf *b)
{
	const struct status_node *n = verdict_node_of(j, node),
				 *up = broken_upstream(j, node);

	if (up != NULL) {
		buf_addf(b, "Its upstream %s %s: mend that first.", up->name,
		    how_broken(up));
		return true;
	}
	if (!verdict_receiver_absent(n))
		return false;
	if ((up = probable_upstream(j, n)) != NULL) {
		buf_addf(b,
		    "%s, which is probably its upstream, %s: mend that "
		    "first.",
		    up->name, verdict_why_silent(up));
		return true;
	}
	return false;
}

static void
add_receive_hint(const struct judge *j, int node, struct buf *b)
{
	const struct status_node *n = verdict_node_of(j, node);

	if (verdict_add_cause(j, node, b))
		return;
	if (verdict_receiver_absent(n))
		buf_addf(b,
		    "No WAL receiver is running on %s: that comes "
		    "first.",
		    n->name);
	else
		buf_addf(b,
		    "Network or disk of %s too slow? On its upstream: SELECT "
		    "* FROM pg_stat_replication;",
		    n->name);
}

void
verdict_look_receive_lag(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	struct measured m = {.before = "receive lag ",
	    .after = " is",
	    .value = (double)n->receive_lag};
	enum status_severity sev;

	/* pg_receivewal has no replay, and the same network and disk. */
	if ((!verdict_is_standby(j, n) && n->role != ROLE_RECEIVEWAL) ||
	    verdict_is_foreign(j, n) || n->receive_lag < 0 ||
	    (sev = verdict_exceeds(j, &m, &w.message)) == SEV_OK)
		return;
	add_receive_hint(j, node, &w.hint);
	verdict_add_as(j, node, sev, &w);
}

static void
add_replay_hint(
    const struct judge *j, struct buf *b, const struct status_node *n)
{
	bool paused = n->paused == 1;

	buf_addf(b, paused ? "On %s: " : "long query on %s? ", n->name);
	add_sql(j, b, n, paused ? PGFACT_RESUME_SQL : PGFACT_LONG_QUERIES_SQL);
}

static bool
is_delayed(const struct status_node *n)
{
	return n->apply_delay > 0;
}

/* A delayed standby is late in size as long as it is so in time.  The limits of
 * time judge what goes beyond; without them the size does. */
static bool
is_late_by_wish(const struct judge *j, const struct status_node *n)
{
	return is_delayed(n) && (verdict_is_limited(j, true) || n->delay < 0 ||
				    n->delay <= (double)n->apply_delay / 1000);
}

/* What has not come cannot be replayed: that is said already, unless replay
 * alone is late, or makes it worse. */
static bool
receive_lag_says_it(const struct judge *j, const struct status_node *n,
    enum status_severity sev)
{
	struct buf unused = BUF_INIT;
	struct measured receive = {
	    .before = "", .after = "", .value = (double)n->receive_lag};
	struct measured replay = {.before = "",
	    .after = "",
	    .value = (double)(n->replay_lag - n->receive_lag)};
	bool says;

	if (n->receive_lag < 0)
		return false;
	says = verdict_exceeds(j, &receive, &unused) == sev &&
	       verdict_exceeds(j, &replay, &unused) == SEV_OK;
	buf_free(&unused);
	return says;
}

void
verdict_look_replay_lag(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	struct measured m = {.before = "replay lag ",
	    .after = " is",
	    .value = (double)n->replay_lag};
	enum status_severity sev;

	if (!verdict_is_standby(j, n) || n->replay_lag < 0 ||
	    is_late_by_wish(j, n) ||
	    (sev = verdict_exceeds(j, &m, &w.message)) == SEV_OK)
		return;
	if (receive_lag_says_it(j, n, sev)) {
		buf_free(&w.message);
		return;
	}
	add_replay_hint(j, &w.hint, n);
	verdict_add_as(j, node, sev, &w);
}

void
verdict_look_delay(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	struct measured m = {.before = "delay ",
	    .after = " is",
	    .value = n->delay,
	    .is_time = true};
	enum status_severity sev;

	if (!verdict_is_standby(j, n) || n->delay < 0)
		return;
	if (is_delayed(n)) {
		m.before = "delay beyond recovery_min_apply_delay ";
		m.value = n->delay - (double)n->apply_delay / 1000;
		m.value = MAX_OF(m.value, 0);
	}
	if ((sev = verdict_exceeds(j, &m, &w.message)) == SEV_OK)
		return;
	/* It waits for WAL, not for replay. */
	if (n->paused != 1 && n->receive_lag > 0 && n->replayed >= n->received)
		add_receive_hint(j, node, &w.hint);
	else
		add_replay_hint(j, &w.hint, n);
	verdict_add_as(j, node, sev, &w);
}

static void
add_why_unknown(const struct judge *j, int node, struct words *w)
{
	const struct status_node *n = verdict_node_of(j, node),
				 *end = n->end_of < 0
					    ? NULL
					    : verdict_node_of(j, n->end_of);
	int above = status_broken_above(j->s, node);

	if (n->forked && end != NULL) {
		buf_addf(&w->message,
		    ": it is on timeline %" PRIu32 ", %s on %" PRIu32,
		    status_sure_timeline(n), end->name,
		    status_sure_timeline(end));
		return;
	}
	if (n->end != LSN_INVALID) {
		if (n->replayed == LSN_INVALID)
			buf_adds(&w->message, ": it has replayed nothing yet");
		return;
	}
	if (above != -1) {
		end = verdict_node_of(j, above);
		buf_addf(&w->message, ": %s, above it, %s", end->name,
		    how_broken(end));
	} else {
		buf_adds(
		    &w->message, ": the end of the primary's WAL is unknown");
	}
	if (verdict_add_cause(j, node, &w->hint) || j->s->whole)
		return;
	buf_adds(&w->hint, "Name the primary as well: repl-status -h PRIMARY ");
	verdict_add_target(&w->hint, n);
}

/* What only a time is asked of has to tell a time. */
static void
look_delay_unknown(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node),
				 *up = verdict_upstream_of(j, n);

	if (n->delay >= 0 || (is_delayed(n) ? !verdict_is_limited(j, true) &&
						  !verdict_is_limited(j, false)
					    : !verdict_is_limited(j, true) ||
						  verdict_is_limited(j, false)))
		return;
	buf_adds(&w.message, "its delay cannot be told: ");
	if (verdict_answers(n)) {
		buf_adds(&w.message, "no commit replayed since its start");
		if (!is_delayed(n))
			buf_adds(&w.hint, "Give a size as well: -w 16MB,30s");
	} else {
		buf_addf(&w.message,
		    "only the row of %s tells of it, it was not asked",
		    up != NULL ? up->name : "its upstream");
		buf_addf(&w.hint,
		    "Name it as well: -h %s -p PORT, or give a "
		    "size: -w 16MB,30s",
		    verdict_or_else(n->host, "HOST"));
	}
	verdict_add(j, node, &w);
}

void
verdict_look_lag_unknown(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_is_standby(j, n) || verdict_is_forked(j, n) || n->ahead ||
	    n->silent)
		return;
	if (n->reach == REACH_NOT_ASKED) {
		look_delay_unknown(j, node);
		return;
	}
	if (!verdict_answers(n))
		return;
	if (n->receive_lag >= 0 && n->replay_lag >= 0) {
		look_delay_unknown(j, node);
		return;
	}
	buf_adds(&w.message, "its lag cannot be told");
	add_why_unknown(j, node, &w);
	verdict_add(j, node, &w);
}

void
verdict_look_not_moving(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_is_standby(j, n) || !n->stuck)
		return;
	buf_adds(&w.message, "connected, but nothing came");
	if (n->stuck_for >= 0) {
		buf_adds(&w.message, " for ");
		range_add_value(&w.message, n->stuck_for, true);
	}
	if (n->receive_lag > 0) {
		buf_adds(&w.message, ", ");
		range_add_value(&w.message, (double)n->receive_lag, false);
		buf_adds(&w.message, " behind");
	}
	buf_addf(&w.hint,
	    "Dead network path or stopped walsender? On its upstream: SELECT * "
	    "FROM pg_stat_replication; in the log of %s look for a timeout.",
	    n->name);
	verdict_add(j, node, &w);
}

void
verdict_look_paused(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_is_standby(j, n) || n->paused != 1)
		return;
	buf_adds(&w.message, "replay is paused");
	if (n->replay_lag > 0) {
		buf_adds(&w.message, ", ");
		range_add_value(&w.message, (double)n->replay_lag, false);
		buf_adds(&w.message, " behind");
	}
	buf_addf(&w.hint, "On %s: ", n->name);
	add_sql(j, &w.hint, n, PGFACT_RESUME_SQL);
	verdict_add(j, node, &w);
}
