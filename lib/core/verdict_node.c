#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/verdict_int.h"

#define FOLLOW "standby-follow"

/* --- who a node is ------------------------------------------------------- */

void
verdict_look_system(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_answers(n) || !verdict_is_foreign(j, n))
		return;
	buf_addf(&w.message,
	    "system identifier %" PRIu64 " is not %" PRIu64
	    ": this is a node of another cluster",
	    n->system_identifier, j->s->system_identifier);
	buf_adds(&w.hint, "Correct its address; what answers now is ");
	verdict_add_target(&w.hint, n);
	verdict_add(j, node, &w);
}

/* The node whose timeline this standby should be on, when both are known; NULL:
 * one of them is not, or both are the same. */
static const struct status_node *
other_timeline(const struct judge *j, const struct status_node *n)
{
	const struct status_node *up = verdict_upstream_of(j, n);
	uint32_t ours = status_sure_timeline(n), theirs = 0;

	if (!verdict_is_standby(j, n) || ours == 0)
		return NULL;
	/* A relay that does not stream itself may know an old one only. */
	if (up != NULL &&
	    (up->role == ROLE_PRIMARY || verdict_receiver_streams(up)))
		theirs = status_sure_timeline(up);
	if (theirs == 0 && j->s->primary >= 0) {
		up = verdict_node_of(j, j->s->primary);
		theirs = status_sure_timeline(up);
	}
	if (theirs == 0 || theirs == ours || verdict_is_foreign(j, up))
		return NULL;
	return up;
}

bool
verdict_is_forked(const struct judge *j, const struct status_node *n)
{
	return other_timeline(j, n) != NULL;
}

void
verdict_look_timeline(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node),
				 *up = other_timeline(j, n);

	if (up == NULL)
		return;
	buf_addf(&w.message, "timeline %" PRIu32 " is not that of %s, %" PRIu32,
	    status_sure_timeline(n), up->name, status_sure_timeline(up));
	buf_addf(&w.hint, "On %s: ", n->name);
	verdict_add_command(j, &w.hint, FOLLOW, n, up);
	buf_adds(&w.hint, "; it says whether the histories have forked.");
	verdict_add(j, node, &w);
}

void
verdict_look_ahead(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node), *end;

	if (!verdict_is_standby(j, n) || !n->ahead || n->end_of < 0 ||
	    verdict_is_forked(j, n))
		return;
	end = verdict_node_of(j, n->end_of);
	buf_adds(&w.message, "it has WAL up to ");
	verdict_add_lsn(&w.message, MAX_OF(n->received, n->replayed));
	buf_addf(&w.message, ", %s has written up to ", end->name);
	verdict_add_lsn(&w.message, n->end);
	buf_adds(&w.message, " only");
	buf_addf(&w.hint,
	    "The histories may have split: compare SELECT timeline_id FROM "
	    "pg_control_checkpoint(); on both. When %s is right, on %s: ",
	    end->name, n->name);
	verdict_add_command(j, &w.hint, VERDICT_DELTA, n, end);
	verdict_add(j, node, &w);
}

/* --- what a node does not tell ------------------------------------------- */

static void
look_reach(struct judge *j, int node, enum status_reach reach, const char *hint)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!n->expected || n->reach != reach)
		return;
	buf_adds(&w.message, verdict_why_silent(n));
	if (n->reach_text != NULL && n->reach_text[0] != '\0')
		buf_addf(&w.message, ": %s", n->reach_text);
	buf_adds(&w.hint, verdict_or_else(n->reach_hint, ""));
	if (w.hint.len == 0) {
		buf_addf(&w.hint, "%s psql ", hint);
		verdict_add_target(&w.hint, n);
	}
	verdict_add(j, node, &w);
}

void
verdict_look_unreachable(struct judge *j, int node)
{
	look_reach(j, node, REACH_FAILED,
	    "Is the server running, does pg_hba.conf admit us? Try:");
}

void
verdict_look_hung(struct judge *j, int node)
{
	look_reach(j, node, REACH_HUNG,
	    "Is the server stopped, its host overloaded, its disk gone? Try:");
}

static bool
hides_senders(const struct status_node *n)
{
	if (n->senders_sight == SIGHT_HIDDEN && n->nsenders > 0)
		return true;
	for (size_t i = 0; i < n->nsenders; i++)
		if (n->senders[i].hidden)
			return true;
	return false;
}

static void
add_grant(struct buf *b, const struct status_node *n)
{
	const char *role = pgver(n->version, PGFACT_READ_STATS);

	if (role != NULL)
		buf_addf(
		    b, "On the primary, as a superuser: GRANT %s TO ", role);
	else
		buf_adds(b, "Only a superuser may see it on this version: log "
			    "in as one (-U), or ALTER ROLE ");
	if (n->user != NULL)
		verdict_add_quoted(b, n->user, '"');
	else
		buf_adds(b, "ROLE");
	buf_adds(b, role != NULL ? ";" : " SUPERUSER;");
}

void
verdict_look_rights(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	const char *view[3];
	size_t nview = 0;

	if (!verdict_answers(n))
		return;
	if (hides_senders(n))
		view[nview++] = "pg_stat_replication";
	if (n->receiver.sight == SIGHT_HIDDEN && n->role == ROLE_STANDBY)
		view[nview++] = "pg_stat_wal_receiver";
	if (n->slots_sight == SIGHT_HIDDEN)
		view[nview++] = "pg_replication_slots";
	if (nview == 0)
		return;
	buf_addf(&w.message, "role %s may not see all of ",
	    verdict_or_else(n->user, "of this login"));
	for (size_t i = 0; i < nview; i++)
		buf_addf(&w.message, "%s%s", i == 0 ? "" : " and ", view[i]);
	add_grant(&w.hint, n);
	verdict_add(j, node, &w);
}

void
verdict_look_read_failed(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_answers(n) || n->partial == NULL)
		return;
	buf_addf(&w.message, "not everything could be read: %s", n->partial);
	verdict_add(j, node, &w);
}

/* --- does it stream ------------------------------------------------------ */

/* Before 9.6 only the other side tells: is there certainly no walsender? */
static bool
fed_by_nobody(const struct judge *j, int node)
{
	const struct status_node *n = verdict_node_of(j, node);
	size_t asked = 0;

	if (n->receiver.sight != SIGHT_NONE || n->sender >= 0)
		return false;
	if (verdict_upstream_of(j, n) != NULL)
		return status_feeds_not(j->s, n->upstream, node);
	/* Upstream unknown: it may be any other node. */
	for (int i = 0; i < (int)j->s->n; i++) {
		const struct status_node *up = verdict_node_of(j, i);

		if (up == n || verdict_is_foreign(j, up) ||
		    up->role == ROLE_RECEIVEWAL)
			continue;
		if (!status_feeds_not(j->s, i, node))
			return false;
		asked++;
	}
	return asked > 0;
}

/* Its timeline is unknown, but may be an old one. */
static bool
add_missed(const struct judge *j, const struct status_node *n, struct buf *hint)
{
	if (!n->outdated || j->s->primary < 0)
		return false;
	buf_addf(hint, " If it has missed a promotion, on %s: ", n->name);
	verdict_add_command(
	    j, hint, FOLLOW, n, verdict_node_of(j, j->s->primary));
	return true;
}

static void
add_no_receiver(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	int version = n->version;

	buf_adds(&w.message, n->receiver.sight == SIGHT_SEEN
				 ? "no WAL receiver is running"
				 : "its upstream has no walsender for it");
	if (n->received != LSN_INVALID) {
		buf_adds(&w.message, ", WAL ends at ");
		verdict_add_lsn(&w.message, n->received);
	}
	if (verdict_add_cause(j, node, &w.hint)) {
		verdict_add(j, node, &w);
		return;
	}
	buf_addf(&w.hint,
	    "Its server log says why: primary_conninfo (%s), pg_hba.conf or "
	    "the slot of the upstream, WAL that is gone there.",
	    pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL
		? "SHOW primary_conninfo;"
		: verdict_or_else(pgver(version, PGFACT_FILE_RECOVERY),
		      "its configuration"));
	buf_adds(&w.hint, add_missed(j, n, &w.hint)
			      ? "; where WAL is gone: "
			      : " What is gone is made good by: ");
	if (j->s->primary >= 0)
		verdict_add_command(j, &w.hint, VERDICT_DELTA, n,
		    verdict_node_of(j, j->s->primary));
	else
		buf_adds(&w.hint, VERDICT_DELTA);
	verdict_add(j, node, &w);
}

/* A state on the way to streaming, or on the way out; NULL: streaming or not
 * known. */
static const char *
unfinished_state(const struct judge *j, const struct status_node *n)
{
	const struct status_sender *row = verdict_sender_of(j, n);
	const struct status_receiver *r = &n->receiver;

	if (verdict_answers(n) && r->sight == SIGHT_SEEN && r->status != NULL &&
	    !verdict_is(r->status, "streaming"))
		return r->status;
	if (row == NULL || row->hidden || row->logical || row->state == NULL ||
	    verdict_is(row->state, "streaming"))
		return NULL;
	return row->state;
}

/* It does not answer, a primary does, and nobody sends it anything: whatever
 * ails it, it is no standby that follows. */
static bool
is_cut_off(const struct judge *j, int node)
{
	const struct status_node *n = verdict_node_of(j, node);

	return n->expected && n->role == ROLE_UNKNOWN && j->s->primary >= 0 &&
	       (n->reach == REACH_FAILED || n->reach == REACH_HUNG) &&
	       fed_by_nobody(j, node);
}

static void
add_cut_off(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node),
				 *up = verdict_upstream_of(j, n);

	if (up == NULL)
		buf_adds(&w.message, "no node has a walsender for it");
	else
		buf_addf(&w.message, "%s has no walsender for it", up->name);
	buf_adds(&w.hint, verdict_or_else(n->reach_hint, ""));
	if (w.hint.len == 0)
		buf_adds(&w.hint, "Start it; one that is gone for good is to "
				  "be taken out of the file.");
	verdict_add(j, node, &w);
}

void
verdict_look_not_streaming(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	const char *state;

	if (is_cut_off(j, node)) {
		add_cut_off(j, node);
		return;
	}
	if (!verdict_is_standby(j, n))
		return;
	if (verdict_receiver_absent(n) ||
	    (verdict_answers(n) && fed_by_nobody(j, node))) {
		add_no_receiver(j, node);
		return;
	}
	if ((state = unfinished_state(j, n)) == NULL)
		return;
	buf_addf(&w.message, "connected, but not streaming: %s", state);
	if (n->receive_lag > 0) {
		buf_adds(&w.message, ", ");
		range_add_value(&w.message, (double)n->receive_lag, false);
		buf_adds(&w.message, " to receive");
	}
	if (verdict_is(state, "waiting") || verdict_is(state, "starting") ||
	    verdict_is(state, "stopped")) {
		buf_adds(&w.hint, "Its server log says what it waits for; is "
				  "the WAL still there on the upstream?");
		(void)add_missed(j, n, &w.hint);
	} else if (verdict_is(state, "catchup"))
		buf_adds(&w.hint, "It is catching up; repl-status --watch "
				  "shows how fast.");
	verdict_add_as(j, node,
	    verdict_is(state, "stopped") ? SEV_CRITICAL : SEV_WARNING, &w);
}

void
verdict_look_sender_missing(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	const struct status_node *up = verdict_upstream_of(j, n);

	if (!verdict_is_standby(j, n) || up == NULL || n->sender >= 0 ||
	    !verdict_receiver_streams(n) ||
	    !status_feeds_not(j->s, n->upstream, node))
		return;
	buf_addf(&w.message,
	    "its receiver streams, but %s has no walsender for it", up->name);
	buf_addf(&w.hint,
	    "The connection may be dead on one side. As a superuser on %s: "
	    "SELECT pg_terminate_backend(pid) FROM pg_stat_wal_receiver; "
	    "makes it connect again.",
	    n->name);
	verdict_add(j, node, &w);
}

void
verdict_look_receiver_missing(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	const struct status_sender *row = verdict_sender_of(j, n);

	if (!verdict_is_standby(j, n) || row == NULL || row->logical ||
	    !verdict_receiver_absent(n))
		return;
	buf_addf(&w.message,
	    "%s has a walsender for it (pid %d), but it runs no receiver",
	    verdict_upstream_of(j, n)->name, row->pid);
	buf_addf(&w.hint,
	    "The connection may be dead on one side. On %s: SELECT "
	    "pg_terminate_backend(%d); frees its slot.",
	    verdict_upstream_of(j, n)->name, row->pid);
	verdict_add(j, node, &w);
}

void
verdict_look_foreign_upstream(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	const struct status_receiver *r = &n->receiver;

	if (!verdict_is_standby(j, n) || !n->strayed)
		return;
	buf_addf(&w.message,
	    "it streams from %s:%s, which is none of the nodes",
	    verdict_or_else(r->host, "?"), verdict_or_else(r->port, "5432"));
	buf_addf(&w.hint, "Is that another primary? Name it as well: -h %s",
	    verdict_or_else(r->host, "HOST"));
	if (r->port != NULL && strcmp(r->port, "5432") != 0)
		buf_addf(&w.hint, " -p %s", r->port);
	buf_addf(&w.hint, ". If it should follow %s, on %s: ",
	    verdict_node_of(j, j->s->primary)->name, n->name);
	verdict_add_command(
	    j, &w.hint, FOLLOW, n, verdict_node_of(j, j->s->primary));
	verdict_add(j, node, &w);
}

void
verdict_look_receiver_silent(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node),
				 *up = verdict_upstream_of(j, n);

	if (!verdict_is_standby(j, n) || !n->silent)
		return;
	buf_adds(
	    &w.message, "its receiver streams, but has heard nothing for ");
	range_add_value(&w.message, n->receiver.heard, true);
	if (!verdict_add_cause(j, node, &w.hint))
		buf_addf(&w.hint,
		    "Is its walsender on %s stopped, the network path dead? As "
		    "a superuser on %s: SELECT pg_terminate_backend(pid) FROM "
		    "pg_stat_wal_receiver; makes it connect again. "
		    "wal_receiver_timeout should not be 0.",
		    up != NULL ? up->name : "its upstream", n->name);
	verdict_add(j, node, &w);
}
