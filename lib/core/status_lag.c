/* How far behind is who: of a linked tree. */
#include "base/std.h"
#include "core/pgver.h"
#include "core/status_int.h"
#include "core/text.h"

/* A server that is well is heard from every 30 s at least: half of the default
 * of wal_sender_timeout and of wal_receiver_timeout. */
#define SILENT_S 60
/* A standby replies every 10 s (wal_receiver_status_interval). */
#define FRESH_REPLY_S 15

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

/* Its upstream is heard no more.  A walsender that has just taken a reply is
 * well: it has nothing to send, and nobody asks it (wal_receiver_timeout 0). */
static bool
has_gone_silent(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	const struct status_sender *r = status_row(s, i);

	return n->reach == REACH_YES && receiver_streams(n) &&
	       n->receiver.heard > SILENT_S &&
	       (r == NULL || r->reply_age < 0 || r->reply_age > SILENT_S);
}

/* May this row be that of node i, for all that is known? */
static bool
row_may_be(const struct status *s, const struct status_sender *row, int i)
{
	const struct status_node *other;
	const char *app = s->nodes[i].receiver.application_name;

	if (row->logical)
		return false;
	if (row->hidden || row->node < 0)
		return true;
	/* A node that is known from this row only, and is called so. */
	other = &s->nodes[row->node];
	return row->node == i ||
	       (status_is_derived(other) && other->role == ROLE_STANDBY &&
		   (app == NULL || row->application_name == NULL ||
		       text_same_appname(row->application_name, app)));
}

/* Only when all of its rows can be read and each of them is known to be
 * somebody else's. */
bool
status_feeds_not(const struct status *s, int up, int i)
{
	const struct status_node *n = &s->nodes[up];

	if (n->reach != REACH_YES || n->senders_sight != SIGHT_SEEN)
		return false;
	for (size_t k = 0; k < n->nsenders; k++)
		if (row_may_be(s, &n->senders[k], i))
			return false;
	return true;
}

static bool
is_numeric(const char *host)
{
	return host != NULL && (strchr(host, ':') != NULL ||
				   strspn(host, "0123456789.") == strlen(host));
}

/* By what is known of both addresses, can the receiver of n not mean up? */
static bool
is_other_address(const struct status_node *n, const struct status_node *up)
{
	const struct status_receiver *r = &n->receiver;
	const char *addr = is_numeric(up->addr) ? up->addr : up->host;

	if (r->port != NULL && up->port != NULL &&
	    strcmp(r->port, up->port) != 0)
		return true;
	return is_numeric(r->host) && is_numeric(addr) &&
	       !status_is_local(r->host) && !status_is_local(addr) &&
	       strcmp(r->host, addr) != 0;
}

bool
status_streams_elsewhere(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];

	if (n->reach != REACH_YES || n->says != ROLE_STANDBY ||
	    !receiver_streams(n) || n->receiver.host == NULL ||
	    n->upstream != -1 || n->sender != -1)
		return false;
	for (int up = 0; up < (int)s->n; up++)
		if (up != i && s->nodes[up].role != ROLE_RECEIVEWAL &&
		    !status_feeds_not(s, up, i) &&
		    (s->nodes[up].reach == REACH_YES ||
			!is_other_address(n, &s->nodes[up])))
			return false;
	return true;
}

static bool
has_strayed(const struct status *s, int i)
{
	const struct status_node *p =
	    s->primary == -1 ? NULL : &s->nodes[s->primary];

	return p != NULL && p->reach == REACH_YES &&
	       p->senders_sight == SIGHT_SEEN && status_in_cluster(s, i) &&
	       status_streams_elsewhere(s, i);
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
	if (n->reach == REACH_FAILED && (n->starting || n->stopping))
		return n->starting ? "starting" : "stopping";
	if (n->reach == REACH_FAILED)
		return n->alive ? "no login" : "down";
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

/* It does not tell what it is, and may be the primary. */
static bool
is_silent(const struct status_node *n)
{
	return (n->reach == REACH_FAILED || n->reach == REACH_HUNG) &&
	       n->role == ROLE_UNKNOWN && n->expected &&
	       n->conf_upstream == NULL;
}

/* Who receives from the only one of them receives from the primary, as far as
 * anybody knows. */
static bool
is_only_silent(const struct status *s, int i)
{
	size_t silent = 0;

	for (size_t k = 0; k < s->n; k++)
		silent += is_silent(&s->nodes[k]);
	return silent == 1 && is_silent(&s->nodes[i]);
}

/* Do all between node i and the top get what is written? */
static bool
is_fed_from_top(const struct status *s, int i)
{
	for (i = s->nodes[i].upstream; i != -1; i = s->nodes[i].upstream) {
		const struct status_node *n = &s->nodes[i];

		if (n->reach == REACH_YES &&
		    (n->role == ROLE_PRIMARY ||
			(receiver_streams(n) && !has_gone_silent(s, i))))
			continue;
		return n->upstream == -1 && is_only_silent(s, i);
	}
	return true;
}

/* Without a primary: the latest that a receiver on the way up has heard of. */
static void
heard_end(const struct status *s, struct status_node *n, int i)
{
	for (; i != -1; i = s->nodes[i].upstream) {
		const struct status_node *up = &s->nodes[i];

		if (!receiver_streams(up) || has_gone_silent(s, i) ||
		    up->receiver.latest_end <= n->end)
			continue;
		n->end = up->receiver.latest_end;
		n->end_of = i;
	}
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

/* The lesser of two bounds that may be unknown. */
static double
lesser(double a, double b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* What the primary itself measured from its write to the standby's replay: a
 * standby that stands still is seen to fall back.  < 0 unknown. */
static double
measured_delay(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	const struct status_sender *r = status_row(s, i);

	if (r == NULL || r->replay_lag < 0 || r->reply_age < 0 ||
	    r->reply_age >= FRESH_REPLY_S || n->paused == 1 ||
	    s->nodes[n->upstream].role != ROLE_PRIMARY ||
	    !status_same_text(r->state, "streaming"))
		return -1;
	return r->replay_lag + r->reply_age;
}

static double
delay_of(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	double bound;

	if (n->role != ROLE_STANDBY || n->replayed == LSN_INVALID)
		return -1;
	if (n->end == LSN_INVALID && n->replayed >= n->received)
		return -1; /* nobody knows whether something is missing */
	if ((n->end != LSN_INVALID && n->replayed >= n->end) ||
	    row_is_complete(s, i))
		return 0;
	bound =
	    n->replayed >= n->received ? complete_since(s, i, n->replayed) : -1;
	bound = lesser(commit_age(s, i), bound);
	bound = lesser(bound, measured_delay(s, i));
	return bound < 0 ? -1 : bound;
}

/* pg_control of a standby is behind its receiver, so that it counts only when
 * nothing streams. */
uint32_t
status_sure_timeline(const struct status_node *n)
{
	if (n->reach != REACH_YES || n->outdated)
		return 0;
	if (n->role == ROLE_STANDBY && n->sender != -1 &&
	    n->receiver.sight != SIGHT_SEEN && !receiver_streams(n))
		return 0;
	return status_timeline(n);
}

/* Positions of two histories do not compare. */
static bool
on_another_timeline(const struct status *s, int a, int b)
{
	uint32_t x = status_sure_timeline(&s->nodes[a]),
		 y = b == -1 ? 0 : status_sure_timeline(&s->nodes[b]);

	return x != 0 && y != 0 && x != y;
}

static void
find_end(const struct status *s, int i)
{
	struct status_node *n = &s->nodes[i];
	int primary = primary_of(s, i);

	if (primary != -1 && s->nodes[primary].written != LSN_INVALID) {
		n->end = s->nodes[primary].written;
		n->end_of = primary;
	} else if (is_fed_from_top(s, i)) {
		heard_end(s, n, i);
	}
	n->forked = on_another_timeline(s, i, n->end_of);
}

/* Before 12 nobody tells when a walsender took the last reply: then one that
 * owes nothing to the standby is not said to be silent. */
static bool
is_silent_for_certain(const struct status *s, int i)
{
	const struct status_node *n = &s->nodes[i];
	const struct status_sender *r = status_row(s, i);

	return has_gone_silent(s, i) &&
	       ((r != NULL && r->reply_age >= 0) || n->end == LSN_INVALID ||
		   s->nodes[n->end_of].role != ROLE_PRIMARY ||
		   n->received < n->end);
}

/* What its own server says, later than which the end was read. */
static bool
is_ahead(const struct status *s, const struct status_node *n)
{
	const struct status_node *end =
	    n->end_of == -1 ? NULL : &s->nodes[n->end_of];

	return end != NULL && end->role == ROLE_PRIMARY && end->read_last &&
	       n->reach == REACH_YES &&
	       ((n->received > n->end && n->received != n->lent_received) ||
		   (n->replayed > n->end && n->replayed != n->lent_replayed));
}

static void
measure(struct status *s, int i)
{
	struct status_node *n = &s->nodes[i];

	find_end(s, i);
	n->strayed = has_strayed(s, i);
	n->silent = is_silent_for_certain(s, i);
	if (n->upstream != -1 && !on_another_timeline(s, i, n->upstream))
		n->upstream_lag = distance(
		    s, n, has_wal(&s->nodes[n->upstream]), n->received);
	if (n->forked)
		return;
	n->ahead = is_ahead(s, n);
	n->clamped = n->end != LSN_INVALID &&
		     (n->received > n->end || n->replayed > n->end);
	if (n->ahead)
		return;
	n->receive_lag = distance(s, n, n->end, n->received);
	n->replay_lag = distance(s, n, n->end, n->replayed);
	/* Below one that gets nothing there is no end to be late by. */
	if (n->end != LSN_INVALID || (!n->silent && is_fed_from_top(s, i)))
		n->delay = delay_of(s, i);
}

static void
retain(const struct status *s, struct status_node *n)
{
	for (size_t k = 0; k < n->nslots; k++)
		n->slots[k].retained =
		    distance(s, n, has_wal(n), n->slots[k].restart_lsn);
}

int
status_broken_above(const struct status *s, int i)
{
	for (i = s->nodes[i].upstream; i != -1; i = s->nodes[i].upstream) {
		const struct status_node *n = &s->nodes[i];

		if (n->role != ROLE_STANDBY)
			return -1;
		if (strcmp(n->state, "streaming") != 0 || n->strayed)
			return i;
	}
	return -1;
}

static bool
is_unknown(const struct status_node *n)
{
	return n->reach == REACH_YES && strcmp(n->state, "unknown") == 0;
}

/* A row that may be a standby of which nothing else is seen. */
static bool
hides_standby(const struct status *s, const struct status_sender *row)
{
	return row->hidden && !row->logical &&
	       (row->node < 0 || s->nodes[row->node].reach != REACH_YES);
}

/* Of those that answer, which ones may stream unseen?  A row that is nobody's
 * may be that of one which was counted without a row. */
static void
count_unseen(struct status *s)
{
	size_t rows = 0, unmatched = 0;

	for (int i = 0; i < (int)s->n; i++) {
		const struct status_node *n = &s->nodes[i];
		int above = status_broken_above(s, i);

		if (n->reach != REACH_YES)
			continue;
		if (n->role == ROLE_STANDBY && status_in_cluster(s, i)) {
			bool streams = strcmp(n->state, "streaming") == 0;

			s->unseen +=
			    is_unknown(n) || (streams && above != -1 &&
						 is_unknown(&s->nodes[above]));
			unmatched += streams && n->sender < 0;
		}
		for (size_t k = 0; k < n->nsenders; k++)
			rows += hides_standby(s, &n->senders[k]);
	}
	s->unseen += rows > unmatched ? rows - unmatched : 0;
	s->streaming_known = s->unseen == 0;
}

static void
count(struct status *s)
{
	for (int i = 0; i < (int)s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		if (!status_in_cluster(s, i))
			continue;
		if (n->role == ROLE_STANDBY) {
			s->standbys++;
			/* ... and so does everything above it. */
			s->streaming += strcmp(n->state, "streaming") == 0 &&
					!n->strayed &&
					status_broken_above(s, i) == -1;
		} else if (n->role == ROLE_UNKNOWN && n->expected &&
			   s->primary != -1) {
			s->standbys++;
		}
	}
	count_unseen(s);
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
