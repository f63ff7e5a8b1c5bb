/* How far behind is who: of a linked tree. */
#include "base/std.h"
#include "core/pgver.h"
#include "core/status_int.h"

static bool
receiver_streams(const struct status_node *n)
{
	return n->receiver.present &&
	       status_same_text(n->receiver.status, "streaming");
}

/* a - b, never negative; -1 when one of them is not known. */
static int64_t
distance(
    const struct status *s, const struct status_node *n, uint64_t a, uint64_t b)
{
	int version = n->version;
	int64_t diff;

	if (a == LSN_INVALID || b == LSN_INVALID)
		return -1;
	if (version == 0 && n->upstream != -1)
		version = s->nodes[n->upstream].version;
	if (version == 0 && s->primary != -1)
		version = s->nodes[s->primary].version;
	diff = lsn_diff(a, b, version == 0 ? PGVER_NEWEST : version);
	return MAX_OF(diff, 0);
}

/* The end of what a node has for others. */
static uint64_t
has_wal(const struct status_node *n)
{
	if (n->role == ROLE_PRIMARY)
		return n->written;
	return MAX_OF(n->received, n->replayed);
}

/* Own facts win: they are what the node has, the row is what it has said. */
static void
lend(const struct status *s, int i)
{
	struct status_node *n = &s->nodes[i];
	const struct status_sender *r = status_row(s, i);

	if (r == NULL)
		return;
	n->sync = r->sync_state;
	n->sent = r->sent;
	if (n->received == LSN_INVALID) {
		n->received = MAX_OF(r->flush, r->replay);
		/* pg_receivewal may keep quiet about what it has flushed. */
		if (n->role == ROLE_RECEIVEWAL)
			n->received = MAX_OF(n->received, r->write);
		n->lent_received = n->received;
	}
	if (n->replayed == LSN_INVALID)
		n->replayed = n->lent_replayed = r->replay;
}

/* Is a row left that may be anybody's, or a node that may be this one? */
static bool
something_is_uncertain(const struct status *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		if (status_is_derived(n))
			return true;
		for (size_t k = 0; k < n->nsenders; k++)
			if (!n->senders[k].logical && n->senders[k].node == -1)
				return true;
	}
	return false;
}

/* 9.1 to 9.5 do not tell whether they have a receiver: a standby that its
 * upstream certainly does not feed has none. */
static bool
is_not_fed(const struct status *s, const struct status_node *n)
{
	int up = n->upstream;

	if (n->says != ROLE_STANDBY || n->receiver.sight != SIGHT_NONE ||
	    n->sender != -1 || !n->expected || !s->whole)
		return false;
	if (up == -1 && n->conf_upstream == NULL)
		up = s->primary;
	return up != -1 && s->nodes[up].reach == REACH_YES &&
	       s->nodes[up].senders_sight == SIGHT_SEEN &&
	       !something_is_uncertain(s);
}

static const char *
state_of(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	const struct status_sender *r = status_row(s, i);

	if (n->reach == REACH_HUNG)
		return "hung";
	if (n->reach == REACH_YES && n->role == ROLE_PRIMARY)
		return "running";
	if (n->reach == REACH_YES && n->role == ROLE_STANDBY &&
	    n->receiver.sight == SIGHT_SEEN && !n->receiver.present)
		return "no receiver";
	if (r != NULL && r->state != NULL)
		return r->state;
	if (n->reach == REACH_FAILED)
		return "down";
	if (n->receiver.present && n->receiver.status != NULL)
		return n->receiver.status;
	return n->reach == REACH_YES && is_not_fed(s, n) ? "no receiver"
							 : "unknown";
}

/* The primary that feeds it; with two of them that may not be the best. */
static int
primary_of(const struct status *s, int i)
{
	for (; i != -1; i = s->nodes[i].upstream)
		if (s->nodes[i].role == ROLE_PRIMARY &&
		    s->nodes[i].reach == REACH_YES)
			return i;
	return s->primary;
}

/* Without a primary: the latest that a receiver on the way up has heard of. */
static uint64_t
heard_end(const struct status *s, int i)
{
	uint64_t end = LSN_INVALID;

	for (; i != -1; i = s->nodes[i].upstream)
		if (receiver_streams(&s->nodes[i]))
			end = MAX_OF(end, s->nodes[i].receiver.latest_end);
	return end;
}

/*
 * Seconds since when the node has certainly had all there was, judged by its
 * receiver; < 0 unknown.  A message that is new but tells of more than came
 * with it (catching up) proves nothing, and of a cascade every link counts.
 */
static double
complete_since(const struct status *s, int i, uint64_t have)
{
	const struct status_node *n = &s->nodes[i];
	int up = n->upstream;

	if (have == LSN_INVALID || !receiver_streams(n) ||
	    n->receiver.latest_end == LSN_INVALID ||
	    have < n->receiver.latest_end)
		return -1;
	if (up == -1 || s->nodes[up].role == ROLE_PRIMARY ||
	    (s->primary == -1 && s->nodes[up].reach != REACH_YES))
		return n->receiver.sent_ago;
	if (have < has_wal(&s->nodes[up]))
		return -1;
	return complete_since(s, up, has_wal(&s->nodes[up]));
}

/* The row was read together with the primary's end. */
static bool
row_is_complete(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	const struct status_sender *r = status_row(s, i);

	return r != NULL && r->replay != LSN_INVALID && n->end != LSN_INVALID &&
	       s->nodes[n->upstream].role == ROLE_PRIMARY &&
	       s->nodes[n->upstream].written == n->end && r->replay >= n->end;
}

/* Time since the last replayed commit, by the clock that wrote it where that is
 * known; < 0 unknown. */
static double
commit_age(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	int primary = primary_of(s, i);
	double age;

	if (n->replayed_at < 0)
		return -1;
	if (primary != -1 && s->nodes[primary].clock >= 0) {
		age = s->nodes[primary].clock - n->replayed_at;
		/* committed after the primary looked at its clock */
		return MAX_OF(age, 0);
	}
	return n->clock < 0 ? -1 : n->clock - n->replayed_at;
}

static double
delay_of(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	double age, bound;

	if (n->role != ROLE_STANDBY || n->replayed == LSN_INVALID)
		return -1;
	if (n->end == LSN_INVALID && n->replayed >= n->received)
		return -1; /* nobody knows whether something is missing */
	if ((n->end != LSN_INVALID && n->replayed >= n->end) ||
	    row_is_complete(s, i))
		return 0;
	age = commit_age(s, i);
	bound =
	    n->replayed >= n->received ? complete_since(s, i, n->replayed) : -1;
	if (age < 0 || (bound >= 0 && bound < age))
		age = bound;
	return age < 0 ? -1 : age;
}

static void
measure(struct status *s, int i)
{
	struct status_node *n = &s->nodes[i];
	int primary = primary_of(s, i);

	n->end = primary != -1 ? s->nodes[primary].written : LSN_INVALID;
	if (n->end == LSN_INVALID)
		n->end = heard_end(s, i);
	n->receive_lag = distance(s, n, n->end, n->received);
	n->replay_lag = distance(s, n, n->end, n->replayed);
	n->clamped = n->end != LSN_INVALID &&
		     (n->received > n->end || n->replayed > n->end);
	if (n->upstream != -1)
		n->upstream_lag = distance(
		    s, n, has_wal(&s->nodes[n->upstream]), n->received);
	n->delay = delay_of(s, i);
}

static void
retain(const struct status *s, struct status_node *n)
{
	for (size_t k = 0; k < n->nslots; k++)
		n->slots[k].retained =
		    distance(s, n, has_wal(n), n->slots[k].restart_lsn);
}

/* It streams, and so does everything between it and its primary. */
static bool
streams(const struct status *s, int i)
{
	for (; i != -1; i = s->nodes[i].upstream) {
		const struct status_node *n = &s->nodes[i];

		if (n->role != ROLE_STANDBY)
			return true;
		if (strcmp(n->state, "streaming") != 0)
			return false;
	}
	return true;
}

static void
count(struct status *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		if (!status_in_cluster(s, (int)i))
			continue;
		if (n->role == ROLE_STANDBY) {
			s->standbys++;
			s->streaming += streams(s, (int)i) ? 1 : 0;
		} else if (n->role == ROLE_UNKNOWN && n->expected &&
			   s->primary != -1) {
			s->standbys++;
		}
	}
}

void
status_lag(struct status *s)
{
	for (int i = 0; i < (int)s->n; i++) {
		lend(s, i);
		s->nodes[i].state = state_of(s, i);
	}
	for (int i = 0; i < (int)s->n; i++) {
		struct status_node *n = &s->nodes[i];

		if (n->role != ROLE_PRIMARY && status_in_cluster(s, i))
			measure(s, i);
		retain(s, n);
	}
	count(s);
}
