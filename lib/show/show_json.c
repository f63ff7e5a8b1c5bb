/* The whole struct as one JSON document; share/repl-status.schema.json. */
#include "base/std.h"
#include "io/jdoc.h"
#include "show/fields.h"
#include "show/show_int.h"

#define FORMAT 1

static void
put_id(struct jdoc *d, const char *path, uint64_t id)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, id);
	jdoc_text(d, path, id == 0 ? NULL : text);
}

static void
put_positive(struct jdoc *d, const char *path, int64_t v)
{
	jdoc_known(d, path, v > 0 ? v : -1);
}

static void
put_real(struct jdoc *d, const char *path, double v)
{
	if (show_known(v))
		jdoc_real(d, path, v);
	else
		jdoc_null(d, path);
}

/* -1 is unknown. */
static void
put_flag(struct jdoc *d, const char *path, int v)
{
	if (v < 0)
		jdoc_null(d, path);
	else
		jdoc_flag(d, path, v != 0);
}

static void
put_time(struct jdoc *d, const char *path, double t)
{
	char text[SHOW_TIME];

	jdoc_text(d, path, show_time(t, text));
}

/* What the sender had sent and the receiver had not confirmed then. */
static void
put_behind(struct jdoc *d, const char *path, const struct status_sender *r,
    uint64_t lsn, int version)
{
	int64_t behind = -1;

	if (r->sent != LSN_INVALID && lsn != LSN_INVALID)
		behind = MAX_OF(lsn_diff(r->sent, lsn, version), INT64_C(0));
	jdoc_known(d, path, behind);
}

/* The row of its upstream. */
static void
put_sender(struct jdoc *d, const struct status *s, const struct status_node *n)
{
	int version = 0;
	const struct status_sender *r = show_sender(s, n, &version);

	if (r == NULL) {
		jdoc_null(d, "nodes.sender");
		return;
	}
	put_positive(d, "nodes.sender.pid", r->pid);
	jdoc_text(d, "nodes.sender.application_name", r->application_name);
	jdoc_text(d, "nodes.sender.client_addr", r->client_addr);
	jdoc_text(d, "nodes.sender.state", r->state);
	jdoc_text(d, "nodes.sender.sync_state", r->sync_state);
	fields_lsn(d, "nodes.sender.sent_lsn", r->sent);
	fields_lsn(d, "nodes.sender.write_lsn", r->write);
	fields_lsn(d, "nodes.sender.flush_lsn", r->flush);
	fields_lsn(d, "nodes.sender.replay_lsn", r->replay);
	put_behind(d, "nodes.sender.write_lag_bytes", r, r->write, version);
	put_behind(d, "nodes.sender.flush_lag_bytes", r, r->flush, version);
	put_behind(d, "nodes.sender.replay_lag_bytes", r, r->replay, version);
	put_real(d, "nodes.sender.replay_lag_seconds", r->replay_lag);
}

/* Its own view. */
static void
put_receiver(struct jdoc *d, const struct status_node *n)
{
	const struct status_receiver *r = &n->receiver;

	if (!r->present) {
		jdoc_null(d, "nodes.receiver");
		return;
	}
	jdoc_text(d, "nodes.receiver.status", r->status);
	put_positive(d, "nodes.receiver.timeline", r->timeline);
	fields_lsn(d, "nodes.receiver.written_lsn", r->written);
	fields_lsn(d, "nodes.receiver.flushed_lsn", r->flushed);
	fields_lsn(d, "nodes.receiver.latest_end_lsn", r->latest_end);
	put_real(d, "nodes.receiver.heard_seconds", r->heard);
	jdoc_text(d, "nodes.receiver.host", r->host);
	jdoc_text(d, "nodes.receiver.port", r->port);
	jdoc_text(d, "nodes.receiver.slot", r->slot);
	jdoc_text(d, "nodes.receiver.application_name", r->application_name);
}

static void
put_slots(struct jdoc *d, const struct status_node *n)
{
	const struct status_slot *slot;

	if (n->slots_sight != SIGHT_SEEN) {
		jdoc_null(d, "nodes.slots");
		return;
	}
	jdoc_array(d, "nodes.slots");
	for (size_t i = 0; i < n->nslots; i++) {
		slot = &n->slots[i];
		jdoc_item(d, "nodes.slots");
		jdoc_text(d, "nodes.slots.name", slot->name);
		jdoc_text(d, "nodes.slots.type",
		    slot->logical ? "logical" : "physical");
		jdoc_flag(d, "nodes.slots.active", slot->active);
		jdoc_flag(d, "nodes.slots.temporary", slot->temporary);
		jdoc_flag(d, "nodes.slots.synced", slot->synced);
		fields_lsn(d, "nodes.slots.restart_lsn", slot->restart_lsn);
		jdoc_known(d, "nodes.slots.retained_bytes", slot->retained);
		jdoc_text(d, "nodes.slots.wal_status", slot->wal_status);
		jdoc_known(d, "nodes.slots.safe_bytes", slot->safe_bytes);
		jdoc_text(
		    d, "nodes.slots.invalidation_reason", slot->invalid_reason);
	}
}

/* In the order of cli.md section 5. */
static void
put_contract(
    struct jdoc *d, const struct status *s, const struct status_node *n)
{
	jdoc_text(d, "nodes.name", n->name);
	jdoc_text(d, "nodes.host", n->host);
	jdoc_text(d, "nodes.port", n->port);
	jdoc_text(d, "nodes.role", show_role(n));
	jdoc_text(d, "nodes.upstream", show_name(s, n->upstream));
	jdoc_text(d, "nodes.state", n->state);
	jdoc_text(d, "nodes.sync", n->sync);
	put_positive(d, "nodes.timeline", status_shown_timeline(n));
	fields_lsn(d, "nodes.written_lsn", n->written);
	fields_lsn(d, "nodes.sent_lsn", n->sent);
	fields_lsn(d, "nodes.received_lsn", n->received);
	fields_lsn(d, "nodes.replayed_lsn", n->replayed);
	jdoc_known(d, "nodes.receive_lag_bytes", show_receive_lag(n));
	jdoc_known(d, "nodes.replay_lag_bytes", show_replay_lag(n));
	put_real(d, "nodes.delay_seconds", show_delay(n));
	jdoc_text(d, "nodes.slot", show_slot(s, n));
	put_flag(d, "nodes.paused", n->paused);
	put_positive(d, "nodes.server_version", n->version);
	put_flag(d, "nodes.reachable", show_reachable(n));
}

static void
put_more(struct jdoc *d, const struct status *s, const struct status_node *n)
{
	jdoc_text(d, "nodes.status", status_severity_name(n->severity));
	jdoc_flag(d, "nodes.expected", n->expected);
	jdoc_text(d, "nodes.aliases", n->aliases);
	jdoc_text(d, "nodes.not_reached_because", n->reach_text);
	jdoc_text(d, "nodes.not_read", n->partial);
	jdoc_text(d, "nodes.server_version_text", n->version_text);
	put_id(d, "nodes.system_identifier", n->system_identifier);
	jdoc_known(d, "nodes.upstream_lag_bytes",
	    n->role == ROLE_PRIMARY ? -1 : n->upstream_lag);
	jdoc_flag(d, "nodes.clamped", n->clamped);
	put_time(d, "nodes.replayed_commit_time", n->replayed_at);
	put_real(d, "nodes.apply_delay_seconds",
	    n->apply_delay < 0 ? -1 : (double)n->apply_delay / 1000);
	put_real(d, "nodes.rate_bytes_per_second", n->rate);
	put_real(d, "nodes.eta_seconds", n->eta);
	jdoc_flag(d, "nodes.stuck", n->stuck);
	put_real(d, "nodes.stuck_seconds", n->stuck ? n->stuck_for : -1);
	put_sender(d, s, n);
	put_receiver(d, n);
	put_slots(d, n);
}

static void
put_head(struct jdoc *d, const struct status *s, const struct show_opts *o)
{
	const struct status_node *p = show_node(s, s->primary);

	jdoc_number(d, "format", FORMAT);
	jdoc_text(d, "tool", o->tool);
	jdoc_text(d, "version", o->version);
	put_time(d, "time", s->time);
	jdoc_text(d, "status", status_severity_name(s->severity));
	jdoc_number(d, "code", (uint64_t)s->severity);
	jdoc_text(d, "cluster.name", s->cluster);
	put_id(d, "cluster.system_identifier", s->system_identifier);
	jdoc_text(d, "cluster.primary", p == NULL ? NULL : p->name);
	put_positive(
	    d, "cluster.timeline", p == NULL ? 0 : status_shown_timeline(p));
	fields_lsn(d, "cluster.written_lsn", p == NULL ? 0 : p->written);
	jdoc_known(
	    d, "cluster.standbys", s->n == 0 ? -1 : (int64_t)s->standbys);
	jdoc_known(d, "cluster.streaming", show_streaming(s));
}

int
show_json(const struct status *s, const struct show_opts *o, struct buf *out)
{
	const struct status_problem *p;
	struct jdoc *d = jdoc_new();
	int rc;

	if (d == NULL)
		return -1;
	put_head(d, s, o);
	jdoc_array(d, "nodes");
	for (size_t i = 0; i < s->n; i++) {
		jdoc_item(d, "nodes");
		put_contract(d, s, &s->nodes[i]);
		put_more(d, s, &s->nodes[i]);
	}
	jdoc_array(d, "problems");
	for (size_t i = 0; i < s->nproblems; i++) {
		p = &s->problems[i];
		jdoc_item(d, "problems");
		jdoc_text(d, "problems.id", p->id);
		jdoc_text(
		    d, "problems.severity", status_severity_name(p->severity));
		jdoc_text(d, "problems.node", show_name(s, p->node));
		jdoc_text(d, "problems.message", p->message);
		jdoc_text(d, "problems.hint", p->hint);
	}
	rc = jdoc_add(d, out);
	jdoc_free(d);
	return rc;
}
