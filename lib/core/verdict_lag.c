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

void
verdict_look_receive_lag(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	struct measured m = {.before = "receive lag ",
	    .after = " is",
	    .value = (double)n->receive_lag};
	enum status_severity sev;

	if (!verdict_is_standby(j, n) || n->receive_lag < 0 ||
	    (sev = verdict_exceeds(j, &m, &w.message)) == SEV_OK)
		return;
	buf_addf(&w.hint,
	    "Network or disk of %s too slow? On its upstream: SELECT * FROM "
	    "pg_stat_replication;",
	    n->name);
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

void
verdict_look_replay_lag(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	struct measured m = {.before = "replay lag ",
	    .after = " is",
	    .value = (double)n->replay_lag};
	enum status_severity sev;

	if (!verdict_is_standby(j, n) || n->replay_lag < 0 || is_delayed(n) ||
	    (sev = verdict_exceeds(j, &m, &w.message)) == SEV_OK)
		return;
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
	add_replay_hint(j, &w.hint, n);
	verdict_add_as(j, node, sev, &w);
}

static void
add_why_unknown(
    const struct judge *j, const struct status_node *n, struct words *w)
{
	if (n->end != LSN_INVALID) {
		if (n->replayed == LSN_INVALID)
			buf_adds(&w->message, ": it has replayed nothing yet");
		return;
	}
	buf_adds(&w->message, ": the end of the primary's WAL is unknown");
	if (j->s->whole)
		return;
	buf_adds(&w->hint, "Name the primary as well: repl-status -h PRIMARY ");
	verdict_add_target(&w->hint, n);
}

void
verdict_look_lag_unknown(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_is_standby(j, n) || !verdict_answers(n))
		return;
	if (n->receive_lag < 0 || n->replay_lag < 0) {
		buf_adds(&w.message, "its lag cannot be told");
		add_why_unknown(j, n, &w);
	} else if (n->delay < 0 && verdict_is_limited(j, true) &&
		   !verdict_is_limited(j, false)) {
		/* What only a time is asked of has to tell a time. */
		buf_adds(&w.message,
		    "its delay cannot be told: no commit replayed since its "
		    "start");
		buf_adds(&w.hint, "Give a size as well: -w 16MB,30s");
	} else
		return;
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
