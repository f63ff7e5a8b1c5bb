#include "base/std.h"
#include "base/buf.h"
#include "core/text.h"
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

/* Is that the slot of this node: by the file, its name, its receiver? */
static bool
is_slot_of(const struct status_node *n, const struct status_slot *slot)
{
	char mapped[64];

	if (n->conf_slot != NULL)
		return strcmp(n->conf_slot, slot->name) == 0;
	text_slot_name(n->name, mapped);
	return strcmp(mapped, slot->name) == 0 ||
	       (n->receiver.present &&
		   verdict_is(n->receiver.slot, slot->name));
}

/* The node for which it keeps WAL; NULL: nobody that is known. */
static const struct status_node *
user_of(const struct judge *j, int node, const struct status_slot *slot)
{
	for (size_t i = 0; i < j->s->n; i++) {
		const struct status_node *n = &j->s->nodes[i];

		if ((int)i != node && !slot->logical && is_slot_of(n, slot) &&
		    !verdict_is_foreign(j, n))
			return n;
	}
	return NULL;
}

static bool
streams_from_another(int node, const struct status_node *n)
{
	return verdict_is(n->state, "streaming") && n->upstream >= 0 &&
	       n->upstream != node;
}

/* After a switchover: the slot is on the old primary, and its user is the
 * primary now, or streams from another node and is to, as far as the file
 * says.  Of the primary's own slots only when both ends of that connection say
 * so: any standby may have to come back to it. */
static bool
has_left(const struct judge *j, int node, const struct status_node *n)
{
	const struct status_node *holder = verdict_node_of(j, node);

	if (holder->role == ROLE_STANDBY && n->role == ROLE_PRIMARY)
		return true;
	return streams_from_another(node, n) &&
	       (holder->role == ROLE_STANDBY ||
		   (n->sender >= 0 && verdict_answers(n) &&
		       verdict_receiver_streams(n))) &&
	       !verdict_is(n->conf_upstream, holder->name);
}

static void
add_left_hint(const struct judge *j, int node, const struct status_node *n,
    const struct status_slot *slot, struct buf *b)
{
	const struct status_node *up = verdict_upstream_of(j, n);

	if (n->role == ROLE_PRIMARY)
		buf_addf(b, "%s, which it kept WAL for, is the primary now",
		    n->name);
	else
		buf_addf(b, "%s, which it kept WAL for, streams from %s now",
		    n->name, up != NULL ? up->name : "another node");
	buf_adds(b, ". Drop it ");
	add_drop(b, verdict_node_of(j, node), slot);
}

/* It keeps WAL that its standby needs when it comes again: never drop that. */
static void
add_idle_hint(const struct judge *j, int node, const struct status_slot *slot,
    struct buf *b)
{
	const struct status_node *n = user_of(j, node, slot);

	if (n == NULL) {
		buf_adds(b, "Start what uses it, or drop it ");
		add_drop(b, verdict_node_of(j, node), slot);
		return;
	}
	if (has_left(j, node, n)) {
		add_left_hint(j, node, n, slot, b);
		return;
	}
	buf_addf(b, "It keeps WAL for %s", n->name);
	if (n->reach == REACH_FAILED && !n->alive)
		buf_addf(b, ": start %s.", n->name);
	else if (n->role == ROLE_PRIMARY)
		buf_adds(b, ", which is a primary, too.");
	else if (streams_from_another(node, n))
		buf_addf(b,
		    ", which streams from %s: see primary_conninfo "
		    "there.",
		    verdict_upstream_of(j, n)->name);
	else if (verdict_is(n->state, "streaming"))
		buf_adds(b, ", which streams without it: set "
			    "primary_slot_name there.");
	else
		buf_addf(b, ": mend the connection of %s.", n->name);
}

/* The row of the walsender that uses it; NULL: none is seen. */
static const struct status_sender *
row_of(const struct status_node *n, const struct status_slot *slot)
{
	for (size_t i = 0; slot->pid > 0 && i < n->nsenders; i++)
		if (n->senders[i].pid == slot->pid)
			return &n->senders[i];
	return NULL;
}

/* Is the lag of who uses it judged?  Then that says what is kept. */
static bool
is_judged(const struct judge *j, int node, const struct status_slot *slot)
{
	const struct status_sender *row =
	    row_of(verdict_node_of(j, node), slot);
	const struct status_node *n = NULL;

	if (row != NULL && !row->logical && row->node >= 0)
		n = verdict_node_of(j, row->node);
	else
		n = user_of(j, node, slot);
	return n != NULL && n->receive_lag >= 0;
}

/* Whoever reads a logical slot confirms now and then, and needs older WAL than
 * that for open transactions: what it has confirmed tells how it is. */
static enum status_severity
spare_reader(const struct judge *j, int node, const struct status_slot *slot,
    enum status_severity sev)
{
	const struct status_node *n = verdict_node_of(j, node);
	const struct status_sender *row = row_of(n, slot);
	uint64_t end = MAX_OF(n->written, MAX_OF(n->received, n->replayed));
	struct buf unused = BUF_INIT;
	struct measured m = {.before = "", .after = "", .only_above = true};

	if (!slot->logical || row == NULL || row->hidden ||
	    row->flush == LSN_INVALID || end == LSN_INVALID)
		return sev;
	m.value = end > row->flush ? (double)(end - row->flush) : 0;
	if (verdict_exceeds(j, &m, &unused) == SEV_OK)
		sev = sev == SEV_CRITICAL ? SEV_WARNING : SEV_OK;
	buf_free(&unused);
	return sev;
}

/* How bad is what it keeps, with words about it? */
static enum status_severity
retains(const struct judge *j, int node, const struct status_slot *slot,
    struct buf *b)
{
	struct buf before = BUF_INIT;
	struct measured m = {.after = " of WAL,", .only_above = true};
	enum status_severity sev;

	if (slot->retained < 0 || is_lost(slot) ||
	    (slot->active && verdict_is(slot->wal_status, "unreserved")) ||
	    (slot->active ? is_judged(j, node, slot) : !is_idle(slot)))
		return SEV_OK;
	buf_addf(&before, "%sactive slot \"%s\" keeps ",
	    slot->active ? "" : "in", slot->name);
	m.before = buf_str(&before);
	m.value = (double)slot->retained;
	sev = verdict_exceeds(j, &m, b);
	if (slot->active && sev != SEV_OK)
		sev = spare_reader(j, node, slot, sev);
	b->failed |= !buf_ok(&before);
	buf_free(&before);
	return sev;
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
add_copy_again(const struct judge *j, int node, const struct status_slot *slot,
    struct buf *b)
{
	const struct status_node *n = user_of(j, node, slot);

	if (n == NULL) {
		buf_adds(b, " and on its standby: " VERDICT_DELTA " ");
		verdict_add_source(b, verdict_node_of(j, node));
		return;
	}
	buf_addf(b, " and on %s: ", n->name);
	verdict_add_command(j, b, VERDICT_DELTA, n, verdict_node_of(j, node));
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
	if (slot->logical)
		buf_adds(&w.hint, " and let its subscriber start anew.");
	else
		add_copy_again(j, node, slot, &w.hint);
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
add_busy_hint(const struct judge *j, int node, const struct status_slot *slot,
    struct buf *b)
{
	const struct status_node *n = verdict_node_of(j, node);
	const struct status_sender *row = row_of(n, slot);

	buf_adds(b, "What reads it is slow or stands still");
	if (row != NULL && row->application_name != NULL &&
	    row->application_name[0] != '\0')
		buf_addf(b, " (%s, pid %d)", row->application_name, row->pid);
	else if (slot->pid > 0)
		buf_addf(b, " (pid %d)", slot->pid);
	buf_addf(b, ". On %s: SELECT * FROM pg_stat_replication;", n->name);
}

static void
slot_retains(struct judge *j, int node, const struct status_slot *slot)
{
	struct words w = {.message = BUF_INIT};
	enum status_severity sev = retains(j, node, slot, &w.message);

	if (sev == SEV_OK) {
		buf_free(&w.message);
		return;
	}
	if (slot->active)
		add_busy_hint(j, node, slot, &w.hint);
	else
		add_idle_hint(j, node, slot, &w.hint);
	verdict_add_as(j, node, sev, &w);
}

static void
slot_inactive(struct judge *j, int node, const struct status_slot *slot)
{
	struct words w = {.message = BUF_INIT};
	bool said = retains(j, node, slot, &w.message) != SEV_OK;

	buf_reset(&w.message);
	if (said || !is_idle(slot)) {
		buf_free(&w.message);
		return;
	}
	buf_addf(&w.message, "slot \"%s\" is not in use", slot->name);
	if (slot->retained >= 0) {
		buf_adds(&w.message, " and keeps ");
		range_add_value(&w.message, (double)slot->retained, false);
		buf_adds(&w.message, " of WAL");
	}
	add_idle_hint(j, node, slot, &w.hint);
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
