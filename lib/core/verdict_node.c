#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/verdict_int.h"

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

/*
 * The timeline that a node is on for certain; 0: not known.  pg_control of a
 * standby is behind the receiver, so that it counts only when nothing streams.
 */
static uint32_t
certain_timeline(const struct judge *j, const struct status_node *n)
{
	const struct status_sender *row = verdict_sender_of(j, n);

	if (!verdict_answers(n))
		return 0;
	if (n->role == ROLE_STANDBY && !verdict_receiver_streams(n) &&
	    n->receiver.sight != SIGHT_SEEN && row != NULL)
		return 0;
	return status_timeline(n);
}

void
verdict_look_timeline(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node), *up;
	uint32_t ours, theirs = 0;

	if (!verdict_is_standby(j, n) || (ours = certain_timeline(j, n)) == 0)
		return;
	up = verdict_upstream_of(j, n);
	/* A relay that does not stream itself may know an old one only. */
	if (up != NULL &&
	    (up->role == ROLE_PRIMARY || verdict_receiver_streams(up)))
		theirs = certain_timeline(j, up);
	if (theirs == 0 && j->s->primary >= 0) {
		up = verdict_node_of(j, j->s->primary);
		theirs = certain_timeline(j, up);
	}
	if (theirs == 0 || theirs == ours || verdict_is_foreign(j, up))
		return;
	buf_addf(&w.message, "timeline %" PRIu32 " is not that of %s, %" PRIu32,
	    ours, up->name, theirs);
	buf_addf(&w.hint,
	    "On %s: standby-follow --master %s; it says whether the histories "
	    "have forked.",
	    n->name, verdict_or_else(up->host, "HOST"));
	verdict_add(j, node, &w);
}

/* --- what a node does not tell ------------------------------------------- */

static void
look_reach(struct judge *j, int node, enum status_reach reach, const char *what,
    const char *hint)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);

	if (!n->expected || n->reach != reach)
		return;
	buf_adds(&w.message, what);
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
	look_reach(j, node, REACH_FAILED, "does not answer",
	    "Is the server running, does pg_hba.conf admit us? Try:");
}

void
verdict_look_hung(struct judge *j, int node)
{
	look_reach(j, node, REACH_HUNG, "hangs",
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

/* May this row of another node be that of n, for all that is known? */
static bool
may_be(const struct judge *j, const struct status_sender *row,
    const struct status_node *n)
{
	const struct status_node *other;
	const char *app = n->receiver.application_name;

	if (row->logical)
		return false;
	if (row->hidden || row->node < 0)
		return true;
	/* A node that is known from this row only, and is called so. */
	other = verdict_node_of(j, row->node);
	return other->reach == REACH_NOT_ASKED && !other->expected &&
	       other->role == ROLE_STANDBY &&
	       (app == NULL || row->application_name == NULL ||
		   strcmp(app, row->application_name) == 0);
}

/*
 * Is n certainly fed by none of the walsenders of up?  Only when all of its
 * rows can be read and each of them is known to be somebody else's.
 */
static bool
feeds_not(const struct judge *j, const struct status_node *up,
    const struct status_node *n)
{
	if (!verdict_answers(up) || up->senders_sight != SIGHT_SEEN)
		return false;
	for (size_t i = 0; i < up->nsenders; i++)
		if (may_be(j, &up->senders[i], n))
			return false;
	return true;
}

/* Before 9.6 only the other side tells: is there certainly no walsender? */
static bool
fed_by_nobody(const struct judge *j, const struct status_node *n)
{
	const struct status_node *up = verdict_upstream_of(j, n);
	size_t asked = 0;

	if (n->receiver.sight != SIGHT_NONE || n->sender >= 0)
		return false;
	if (up != NULL)
		return feeds_not(j, up, n);
	/* Upstream unknown: it may be any other node. */
	for (size_t i = 0; i < j->s->n; i++) {
		up = &j->s->nodes[i];
		if (up == n || verdict_is_foreign(j, up) ||
		    up->role == ROLE_RECEIVEWAL)
			continue;
		if (!feeds_not(j, up, n))
			return false;
		asked++;
	}
	return asked > 0;
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
	buf_addf(&w.hint,
	    "Its server log says why: primary_conninfo (%s), pg_hba.conf or "
	    "the slot of the upstream, WAL that is gone there. What is gone is "
	    "made good by: standby-clone --delta",
	    pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL
		? "SHOW primary_conninfo;"
		: verdict_or_else(pgver(version, PGFACT_FILE_RECOVERY),
		      "its configuration"));
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

void
verdict_look_not_streaming(struct judge *j, int node)
{
	struct words w = {.message = BUF_INIT};
	const struct status_node *n = verdict_node_of(j, node);
	const char *state;

	if (!verdict_is_standby(j, n))
		return;
	if (verdict_receiver_absent(n) ||
	    (verdict_answers(n) && fed_by_nobody(j, n))) {
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
	    verdict_is(state, "stopped"))
		buf_adds(&w.hint, "Its server log says what it waits for; is "
				  "the WAL still there on the upstream?");
	else if (verdict_is(state, "catchup"))
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
	    !verdict_receiver_streams(n) || !feeds_not(j, up, n))
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
