#include "base/std.h"
#include "base/buf.h"
#include "core/verdict_int.h"

/* --- slots --------------------------------------------------------------- */

static bool
is_lost(const struct status_slot *slot)
{
	return verdict_is(slot->wal_status, "lost") ||
	       (slot->invalid_reason != NULL &&
		   slot->invalid_reason[0] != '\0');
}

/* Temporary ones end with their session, synced ones are used after a failover
 * only. */
static bool
is_idle(const struct status_slot *slot)
{
	return !slot->active && !slot->temporary && !slot->synced &&
	       !is_lost(slot);
}

static void
add_drop(
    struct buf *b, const struct status_node *n, const struct status_slot *slot)
{
	buf_addf(b, "on %s: SELECT pg_drop_replication_slot(", n->name);
	verdict_add_quoted(b, slot->name, '\'');
	buf_adds(b, ");");
}

typedef void slot_fn(struct judge *, int, const struct status_slot *);

static void
each_slot(struct judge *j, int node, slot_fn *look)
{
	const struct status_node *n = verdict_node_of(j, node);

	if (!verdict_answers(n) || verdict_is_foreign(j, n))
		return;
	for (size_t i = 0; i < n->nslots; i++)
		if (n->slots[i].name != NULL)
			look(j, node, &n->slots[i]);
}

static void
slot_lost(struct judge *j, int node, const struct status_slot *slot)
{
	struct words w = {.message = BUF_INIT};

	if (!is_lost(slot))
		return;
	buf_addf(&w.message, "slot \"%s\" is lost", slot->name);
	if (slot->invalid_reason != NULL && slot->invalid_reason[0] != '\0')
		buf_addf(&w.message, " (%s)", slot->invalid_reason);
	buf_adds(&w.message, ": the WAL that it kept is gone");
	buf_adds(&w.hint, "Drop it ");
	add_drop(&w.hint, verdict_node_of(j, node), slot);
	buf_adds(&w.hint, slot->logical
			      ? " and let its subscriber start anew."
			      : " and on its standby: standby-clone --delta");
	verdict_add(j, node, &w);
}

static void
slot_unreserved(struct judge *j, int node, const struct status_slot *slot)
{
	struct words w = {.message = BUF_INIT};

	if (!verdict_is(slot->wal_status, "unreserved") || is_lost(slot))
		return;
	buf_addf(&w.message,
	    "slot \"%s\" has passed max_slot_wal_keep_size: the next "
	    "checkpoint may remove its WAL",
	    slot->name);
	if (slot->retained >= 0) {
		buf_adds(&w.message, ", it keeps ");
		range_add_value(&w.message, (double)slot->retained, false);
	}
	buf_addf(&w.hint,
	    "On %s: ALTER SYSTEM SET max_slot_wal_keep_size = '...'; SELECT "
	    "pg_reload_conf(); and let its standby catch up.",
	    verdict_node_of(j, node)->name);
	verdict_add(j, node, &w);
}

static void
slot_retains(struct judge *j, int node, const struct status_slot *slot)
{
	struct words w = {.message = BUF_INIT};
	struct buf before = BUF_INIT;
	struct measured m = {.after = " of WAL,", .only_above = true};
	enum status_severity sev;

	if (!is_idle(slot) || slot->retained < 0)
		return;
	buf_addf(&before, "inactive slot \"%s\" keeps ", slot->name);
	m.before = buf_str(&before);
	m.value = (double)slot->retained;
	sev = verdict_exceeds(j, &m, &w.message);
	w.message.failed |= !buf_ok(&before);
	buf_free(&before);
	if (sev == SEV_OK) {
		buf_free(&w.message);
		return;
	}
	buf_adds(&w.hint, "Start what uses it, or drop it ");
	add_drop(&w.hint, verdict_node_of(j, node), slot);
	verdict_add_as(j, node, sev, &w);
}

static void
slot_inactive(struct judge *j, int node, const struct status_slot *slot)
{
	struct words w = {.message = BUF_INIT};

	if (!is_idle(slot))
		return;
	buf_addf(&w.message, "slot \"%s\" is not in use", slot->name);
	if (slot->retained >= 0) {
		buf_adds(&w.message, " and keeps ");
		range_add_value(&w.message, (double)slot->retained, false);
		buf_adds(&w.message, " of WAL");
	}
	buf_adds(&w.hint, "Start what uses it, or drop it ");
	add_drop(&w.hint, verdict_node_of(j, node), slot);
	verdict_add(j, node, &w);
}

void
verdict_look_slot_lost(struct judge *j, int node)
{
	each_slot(j, node, slot_lost);
}

void
verdict_look_slot_unreserved(struct judge *j, int node)
{
	each_slot(j, node, slot_unreserved);
}

void
verdict_look_slot_retains(struct judge *j, int node)
{
	each_slot(j, node, slot_retains);
}

void
verdict_look_slot_inactive(struct judge *j, int node)
{
	each_slot(j, node, slot_inactive);
}
