/* From the facts of nodes to the tree of a cluster and its lags. */
#include "core/status.h"

#include <setjmp.h>
#include <cmocka.h>

#define PG90 90023
#define PG92 90224
#define PG95 90525
#define PG18 180004
#define SYSTEM UINT64_C(7281936400112233445)
#define OTHER UINT64_C(7281936400112233999)

static char *
copy(const char *text)
{
	char *p = text == NULL ? NULL : strdup(text);

	assert_true(text == NULL || p != NULL);
	return p;
}

static int
add(struct status *s, const char *name, const char *host, const char *port,
    enum status_role says)
{
	struct status_node *n = status_add(s, name);

	assert_non_null(n);
	n->host = copy(host);
	n->port = copy(port);
	n->expected = true;
	n->weight = 1;
	n->reach = REACH_YES;
	n->says = says;
	n->version = PG18;
	n->system_identifier = SYSTEM;
	n->timeline = 1;
	n->senders_sight = n->slots_sight = SIGHT_SEEN;
	n->receiver.sight = SIGHT_SEEN;
	return (int)s->n - 1;
}

static int
add_primary(struct status *s, const char *name, uint64_t written)
{
	int i = add(s, name, "db1", "5432", ROLE_PRIMARY);

	s->nodes[i].written = written;
	s->nodes[i].clock = 1000;
	return i;
}

static int
add_standby(struct status *s, const char *name, const char *host,
    uint64_t received, uint64_t replayed)
{
	int i = add(s, name, host, "5432", ROLE_STANDBY);

	s->nodes[i].received = received;
	s->nodes[i].replayed = replayed;
	s->nodes[i].clock = 999;
	return i;
}

static int
add_failed(struct status *s, const char *name, const char *host)
{
	int i = add(s, name, host, "5432", ROLE_UNKNOWN);

	s->nodes[i].reach = REACH_FAILED;
	s->nodes[i].version = 0;
	s->nodes[i].system_identifier = 0;
	s->nodes[i].timeline = 0;
	s->nodes[i].senders_sight = SIGHT_NONE;
	s->nodes[i].receiver.sight = SIGHT_NONE;
	return i;
}

/* Node i streams from host:port. */
static struct status_receiver *
receive(struct status *s, int i, const char *app, const char *host,
    const char *port, const char *slot)
{
	struct status_receiver *r = &s->nodes[i].receiver;

	r->present = true;
	r->status = copy("streaming");
	r->application_name = copy(app);
	r->host = copy(host);
	r->port = copy(port);
	r->slot = copy(slot);
	r->timeline = 1;
	return r;
}

/* All its positions are at lsn. */
static struct status_sender *
feed(struct status *s, int up, int pid, const char *app, const char *addr,
    uint64_t lsn)
{
	struct status_node *n = &s->nodes[up];
	struct status_sender *r;

	n->senders =
	    realloc(n->senders, (n->nsenders + 1) * sizeof(*n->senders));
	assert_non_null(n->senders);
	r = &n->senders[n->nsenders++];
	/* slot and node are not the caller's: garbage must not matter */
	*r = (struct status_sender){.pid = pid,
	    .application_name = copy(app),
	    .client_addr = copy(addr),
	    .state = copy("streaming"),
	    .sync_state = copy("async"),
	    .sent = lsn,
	    .write = lsn,
	    .flush = lsn,
	    .replay = lsn,
	    .replay_lag = -1,
	    .reply_age = -1,
	    .slot = 77,
	    .node = 55};
	return r;
}

static struct status_slot *
slot(struct status *s, int i, const char *name, int pid, uint64_t restart)
{
	struct status_node *n = &s->nodes[i];
	struct status_slot *sl;

	n->slots = realloc(n->slots, (n->nslots + 1) * sizeof(*n->slots));
	assert_non_null(n->slots);
	sl = &n->slots[n->nslots++];
	*sl = (struct status_slot){.name = copy(name),
	    .pid = pid,
	    .active = pid > 0,
	    .restart_lsn = restart,
	    .safe_bytes = -1};
	return sl;
}

static int
find(const struct status *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->nodes[i].name, name) == 0)
			return (int)i;
	fail_msg("no node \"%s\"", name);
	return -1;
}

static const struct status_node *
node(const struct status *s, const char *name)
{
	return &s->nodes[find(s, name)];
}

static int
node_of_pid(const struct status *s, int up, int pid)
{
	for (size_t k = 0; k < s->nodes[up].nsenders; k++)
		if (s->nodes[up].senders[k].pid == pid)
			return s->nodes[up].senders[k].node;
	fail_msg("no row %d", pid);
	return -1;
}

static void
new_nodes_are_unknown(void **state)
{
	struct status s = {.primary = -1};
	struct status_node *n = status_add(&s, "a");

	(void)state;
	assert_non_null(n);
	assert_int_equal(n->reach, REACH_NOT_ASKED);
	assert_int_equal(n->says, ROLE_UNKNOWN);
	assert_true(n->clock < 0 && n->replayed_at < 0 && n->delay < 0);
	assert_true(n->receiver.heard < 0 && n->receiver.sent_ago < 0);
	assert_true(n->rate < 0 && n->eta < 0 && n->stuck_for < 0);
	assert_int_equal(n->paused, -1);
	assert_int_equal(n->apply_delay, -1);
	assert_int_equal(n->upstream, -1);
	assert_int_equal(n->receive_lag, -1);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.nodes[0].state, "unknown");
	assert_int_equal(s.nodes[0].replay_lag, -1);
	assert_int_equal(s.primary, -1);
	status_free(&s);
	status_free(&s);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.standbys, 0);
	status_free(&s);
}

static void
names_and_the_worse_of_two(void **state)
{
	static const struct {
		enum status_severity a, b, worse;
	} t[] = {{SEV_OK, SEV_OK, SEV_OK}, {SEV_OK, SEV_UNKNOWN, SEV_UNKNOWN},
	    {SEV_UNKNOWN, SEV_WARNING, SEV_WARNING},
	    {SEV_WARNING, SEV_CRITICAL, SEV_CRITICAL},
	    {SEV_UNKNOWN, SEV_CRITICAL, SEV_CRITICAL},
	    {SEV_OK, SEV_WARNING, SEV_WARNING}};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		assert_int_equal(status_worse(t[i].a, t[i].b), t[i].worse);
		assert_int_equal(status_worse(t[i].b, t[i].a), t[i].worse);
	}
	assert_string_equal(status_severity_name(SEV_CRITICAL), "CRITICAL");
	assert_string_equal(status_role_name(ROLE_RECEIVEWAL), "receivewal");
}

static void
the_timeline_of_a_streaming_receiver_is_newer(void **state)
{
	struct status_node n = {
	    .timeline = 1, .receiver = {.present = true, .timeline = 2}};
	char streaming[] = "streaming", waiting[] = "waiting";

	(void)state;
	assert_int_equal(status_timeline(&n), 1);
	n.receiver.status = waiting;
	assert_int_equal(status_timeline(&n), 1);
	n.receiver.status = streaming;
	assert_int_equal(status_timeline(&n), 2);
	n.receiver.timeline = 0;
	assert_int_equal(status_timeline(&n), 1);
}

static void
a_primary_shows_its_standbys(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), idx[8];
	const struct status_node *n;
	struct status_sender *r;

	(void)state;
	r = feed(&s, p, 11, "node2", "10.0.0.2", 0x4000);
	r->replay = 0x3000;
	feed(&s, p, 12, "walreceiver", "10.0.0.3", 0x5000);
	feed(&s, p, 13, "walreceiver", NULL, 0x5000);
	feed(&s, p, 14, "walreceiver", "10.0.0.3", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.primary, 0);
	assert_true(s.system_identifier == SYSTEM);
	n = node(&s, "node2");
	assert_int_equal(n->reach, REACH_NOT_ASKED);
	assert_int_equal(n->role, ROLE_STANDBY);
	assert_int_equal(n->upstream, 0);
	assert_string_equal(n->host, "10.0.0.2");
	assert_null(n->port);
	assert_false(n->expected);
	assert_string_equal(n->state, "streaming");
	assert_string_equal(n->sync, "async");
	assert_true(n->sent == 0x4000 && n->end == 0x5000);
	assert_true(n->received == 0x4000 && n->replayed == 0x3000);
	assert_int_equal(n->receive_lag, 0x1000);
	assert_int_equal(n->replay_lag, 0x2000);
	assert_int_equal(n->upstream_lag, 0x1000);
	assert_true(n->delay < 0); /* bytes are missing, time is not known */
	assert_true(node(&s, "10.0.0.3")->delay == 0);
	assert_string_equal(node(&s, "10.0.0.3 (14)")->host, "10.0.0.3");
	assert_null(node(&s, "pid 13")->host);
	assert_int_equal(node_of_pid(&s, 0, 12), find(&s, "10.0.0.3"));
	assert_int_equal(s.standbys, 4);
	assert_int_equal(s.streaming, 4);
	assert_int_equal(status_unasked(&s, idx, NELEM(idx)), 3);
	assert_int_equal(status_unasked(&s, idx, 2), 2);
	assert_string_equal(s.nodes[0].state, "running");
	status_free(&s);
}

static void
a_second_call_sees_what_the_first_one_saw(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), i;

	(void)state;
	feed(&s, p, 11, "node2", "10.0.0.2", 0x4000);
	feed(&s, p, 12, "walreceiver", "10.0.0.3", 0x4000);
	feed(&s, p, 14, "walreceiver", "10.0.0.3", 0x4000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 4);
	/* the primary is read again: later numbers, another order */
	s.nodes[0].written = 0x6000;
	for (i = 0; i < 3; i++)
		s.nodes[0].senders[i].flush = 0x5000 + (uint64_t)i;
	s.nodes[0].senders[0].pid = 14;
	s.nodes[0].senders[2].pid = 11;
	free(s.nodes[0].senders[0].application_name);
	s.nodes[0].senders[0].application_name = copy("walreceiver");
	free(s.nodes[0].senders[0].client_addr);
	s.nodes[0].senders[0].client_addr = copy("10.0.0.3");
	free(s.nodes[0].senders[2].application_name);
	s.nodes[0].senders[2].application_name = copy("node2");
	free(s.nodes[0].senders[2].client_addr);
	s.nodes[0].senders[2].client_addr = copy("10.0.0.2");
	for (i = 0; i < 3; i++) {
		assert_int_equal(status_link(&s), 0);
		assert_int_equal(s.n, 4);
		assert_true(node(&s, "node2")->received == 0x5002);
		assert_true(node(&s, "10.0.0.3")->received == 0x5001);
		assert_true(node(&s, "10.0.0.3 (14)")->received == 0x5000);
		assert_int_equal(s.standbys, 3);
	}
	status_free(&s);
}

/* 15 shows each byte of the name as a question mark. */
static void
a_name_that_is_not_ascii_is_known_by_what_the_server_kept(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	feed(&s, p, 11, "2???", "10.0.0.2", 0x4000);
	feed(&s, p, 12, "???", "10.0.0.2", 0x4100);
	a = add_standby(&s, "node2", "db2", 0x4000, 0x4000);
	receive(&s, a, "2\xeb\x8c\x80", "db1", "5432", NULL);
	b = add_standby(&s, "node3", "db2", 0x4100, 0x4100);
	receive(&s, b, "\xeb\x8c\x80", "db1", "5432", NULL);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(node_of_pid(&s, 0, 12), find(&s, "node3"));
	status_free(&s);
}

static void
a_found_node_gives_way_to_the_real_one(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), i;

	(void)state;
	feed(&s, p, 11, "walreceiver", "10.0.0.2", 0x4000);
	feed(&s, p, 12, "walreceiver", "10.0.0.3", 0x4000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	/* one is asked in place, one under another name */
	i = find(&s, "10.0.0.3");
	s.nodes[i].reach = REACH_YES;
	s.nodes[i].says = ROLE_STANDBY;
	s.nodes[i].received = s.nodes[i].replayed = 0x5000;
	receive(&s, i, "walreceiver", "db1", "5432", NULL);
	i = add_standby(&s, "node2", "db2", 0x3000, 0x3000);
	s.nodes[i].addr = copy("10.0.0.2");
	receive(&s, i, "walreceiver", "db1", "5432", NULL);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.primary, 0);
	assert_int_equal(node_of_pid(&s, 0, 11), find(&s, "node2"));
	assert_int_equal(node_of_pid(&s, 0, 12), find(&s, "10.0.0.3"));
	assert_int_equal(node(&s, "node2")->upstream, 0);
	assert_int_equal(node(&s, "node2")->receive_lag, 0x2000);
	assert_int_equal(node(&s, "10.0.0.3")->receive_lag, 0);
	status_free(&s);
}

static void
rows_are_matched_by_the_slot_before_anything_else(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), i;

	(void)state;
	for (i = 2; i <= 3; i++) {
		char name[24], sl[24];

		snprintf(name, sizeof(name), "node%d", i);
		snprintf(sl, sizeof(sl), "slot%d", i);
		add_standby(&s, name, "127.0.0.1", 0x5000, 0x5000);
		receive(&s, i - 1, "walreceiver", "db1", "5432", sl);
		feed(&s, p, 100 + i, "walreceiver", "127.0.0.1", 0x5000);
		slot(&s, p, sl, 100 + i, 0x1000);
	}
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(node_of_pid(&s, p, 102), 1);
	assert_int_equal(node_of_pid(&s, p, 103), 2);
	assert_int_equal(s.nodes[0].slots[0].retained, 0x4000);
	assert_int_equal(s.nodes[0].senders[1].slot, 1);
	status_free(&s);
}

static void
what_is_not_certain_stays_unmatched(void **state)
{
	struct status s = {.primary = -1};
	int p = add(&s, "node1", "127.0.0.1", "5432", ROLE_PRIMARY), a, b;

	(void)state;
	s.nodes[p].written = 0x5000;
	s.nodes[p].addr = copy("");
	a = add(&s, "a", "127.0.0.1", "5433", ROLE_STANDBY);
	b = add(&s, "b", "127.0.0.1", "5434", ROLE_STANDBY);
	receive(&s, a, "walreceiver", "127.0.0.1", "5432", NULL);
	receive(&s, b, "walreceiver", "localhost", "5432", NULL);
	feed(&s, p, 7, "walreceiver", "127.0.0.1", 0x5000);
	feed(&s, p, 8, "walreceiver", "127.0.0.1", 0x4000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(node_of_pid(&s, p, 7), -1);
	assert_int_equal(node_of_pid(&s, p, 8), -1);
	assert_int_equal(s.nodes[a].upstream, p); /* it says so */
	assert_int_equal(s.nodes[a].sender, -1);
	assert_string_equal(s.nodes[a].state, "streaming");
	assert_int_equal(s.streaming, 2);
	/* one row more than nodes: somebody else, and the furthest behind */
	feed(&s, p, 5, "walreceiver", "127.0.0.1", 0x3000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(node_of_pid(&s, p, 5), 3);
	assert_string_equal(s.nodes[3].name, "127.0.0.1");
	assert_int_equal(node_of_pid(&s, p, 8), -1);
	status_free(&s);
}

static void
a_single_row_and_a_single_node_of_an_address_are_one(void **state)
{
	struct status s = {.primary = -1};
	int p = add(&s, "node1", "127.0.0.1", "5432", ROLE_PRIMARY), a;

	(void)state;
	a = add(&s, "a", "/tmp", "5433", ROLE_STANDBY);
	receive(&s, a, NULL, NULL, NULL, NULL);
	feed(&s, p, 7, "walreceiver", "127.0.0.1", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(node_of_pid(&s, p, 7), a);
	assert_int_equal(s.nodes[a].upstream, p);
	status_free(&s);
}

static void
a_common_name_is_no_evidence(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a;

	(void)state;
	s.nodes[p].cluster_name = copy("15/main");
	a = add_standby(&s, "a", "db2", 0x5000, 0x5000);
	/* follows somebody who is not here */
	receive(&s, a, "15/main", "db0", "5432", NULL);
	feed(&s, p, 7, "15/main", "10.0.0.77", 0x5000);
	feed(&s, p, 8, "15/main", "10.0.0.78", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, -1);
	assert_int_equal(s.n, 4);
	assert_int_equal(node_of_pid(&s, p, 7), find(&s, "10.0.0.77"));
	assert_int_equal(node_of_pid(&s, p, 8), find(&s, "10.0.0.78"));
	status_free(&s);
}

static void
of_two_rows_of_one_standby_the_newer_one_counts(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a;
	struct status_sender *r;

	(void)state;
	feed(&s, p, 7, "node2", "10.0.0.2", 0x3000)->reply_age = 16;
	r = feed(&s, p, 8, "node2", "10.0.0.2", 0x3000);
	free(r->state);
	r->state = copy("catchup");
	r->reply_age = 10;
	feed(&s, p, 20, "node3", "10.0.0.3", 0x5000)->reply_age = 0;
	feed(&s, p, 19, "node3", "10.0.0.3", 0x4000)->reply_age = 55;
	a = add_standby(&s, "node2", "db2", 0x3000, 0x3000);
	receive(&s, a, "node2", "db1", "5432", NULL);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(node_of_pid(&s, p, 7), -1);
	assert_int_equal(node_of_pid(&s, p, 8), a);
	assert_string_equal(s.nodes[a].state, "catchup");
	assert_int_equal(node_of_pid(&s, p, 20), 2);
	assert_int_equal(node_of_pid(&s, p, 19), -1);
	assert_int_equal(s.standbys, 2);
	assert_int_equal(s.streaming, 1);
	status_free(&s);
}

static void
a_standby_that_does_not_answer_is_known_from_its_row(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), by_name, by_slot, down, hung;

	(void)state;
	by_name = add_failed(&s, "node2", "db2");
	by_slot = add_failed(&s, "Node-3", "db3");
	down = add_failed(&s, "node4", "db4");
	s.nodes[down].conf_upstream = copy("node2");
	hung = add_failed(&s, "node5", "db5");
	s.nodes[hung].reach = REACH_HUNG;
	feed(&s, p, 7, "node2", "10.0.0.2", 0x4000);
	feed(&s, p, 8, "walreceiver", "10.0.0.3", 0x5000);
	slot(&s, p, "node_3", 8, 0);
	feed(&s, p, 9, "node5", "10.0.0.5", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 5);
	assert_int_equal(node_of_pid(&s, p, 7), by_name);
	assert_int_equal(s.nodes[by_name].reach, REACH_FAILED);
	assert_int_equal(s.nodes[by_name].role, ROLE_STANDBY);
	assert_int_equal(s.nodes[by_name].receive_lag, 0x1000);
	assert_string_equal(s.nodes[by_name].state, "streaming");
	assert_int_equal(node_of_pid(&s, p, 8), by_slot);
	assert_int_equal(s.nodes[p].slots[0].retained, -1);
	assert_string_equal(s.nodes[down].state, "down");
	assert_int_equal(s.nodes[down].role, ROLE_UNKNOWN);
	assert_int_equal(s.nodes[down].upstream, by_name);
	assert_int_equal(s.nodes[down].replay_lag, -1);
	assert_int_equal(s.nodes[down].upstream_lag, -1);
	assert_string_equal(s.nodes[hung].state, "hung");
	assert_int_equal(s.standbys, 4);
	assert_int_equal(s.streaming, 2);
	status_free(&s);
}

static void
the_last_row_of_an_address_belongs_to_the_server_that_hangs(void **state)
{
	struct status s = {.primary = -1};
	int p = add(&s, "node1", "127.0.0.1", "5432", ROLE_PRIMARY), a, hung;

	(void)state;
	s.nodes[p].written = 0x5000;
	a = add(&s, "a", "127.0.0.1", "5433", ROLE_STANDBY);
	receive(&s, a, "a", "127.0.0.1", "5432", NULL);
	hung = add_failed(&s, "b", "127.0.0.1");
	feed(&s, p, 7, "a", "127.0.0.1", 0x5000);
	feed(&s, p, 8, "walreceiver", "127.0.0.1", 0x4000);
	s.nodes[hung].reach = REACH_HUNG;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(node_of_pid(&s, p, 8), hung);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.nodes[hung].receive_lag, 0x1000);
	status_free(&s);
}

static void
a_server_that_is_down_is_not_given_the_last_row(void **state)
{
	struct status s = {.primary = -1};
	int p = add(&s, "node1", "127.0.0.1", "5432", ROLE_PRIMARY), down;

	(void)state;
	s.nodes[p].written = 0x5000;
	down = add_failed(&s, "b", "127.0.0.1");
	feed(&s, p, 8, "walreceiver", "127.0.0.1", 0x4000);
	assert_int_equal(status_link(&s), 0);
	assert_int_not_equal(node_of_pid(&s, p, 8), down);
	status_free(&s);
}

static void
own_facts_win_over_the_row(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0x3000, 0);
	receive(&s, a, "node2", "db1", "5432", NULL);
	feed(&s, p, 7, "node2", "10.0.0.2", 0x4000);
	b = add_standby(&s, "node3", "db3", 0x6000, 0x6000);
	feed(&s, p, 8, "node3", "10.0.0.3", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].received == 0x3000);
	assert_true(s.nodes[a].replayed == 0x4000);
	assert_true(s.nodes[a].lent_replayed == 0x4000);
	assert_int_equal(s.nodes[a].receive_lag, 0x2000);
	assert_false(s.nodes[a].clamped);
	/* it was read later than the primary: nothing is negative */
	assert_true(s.nodes[b].clamped);
	assert_int_equal(s.nodes[b].receive_lag, 0);
	assert_int_equal(s.nodes[b].replay_lag, 0);
	/* and it has no receiver, whatever an old row says */
	assert_string_equal(s.nodes[b].state, "no receiver");
	assert_int_equal(s.nodes[b].sender, 1);
	assert_int_equal(s.streaming, 1);
	status_free(&s);
}

static void
hidden_rows_give_nothing(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a;
	struct status_sender *r;

	(void)state;
	a = add_failed(&s, "node2", "db2");
	s.nodes[p].senders_sight = SIGHT_HIDDEN;
	r = feed(&s, p, 7, "node2", NULL, 0);
	r->hidden = true;
	free(r->state);
	r->state = NULL;
	r = feed(&s, p, 8, "node9", NULL, 0);
	r->hidden = true;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(node_of_pid(&s, p, 8), -1);
	assert_int_equal(s.nodes[a].upstream, p);
	assert_null(s.nodes[a].sync);
	assert_string_equal(s.nodes[a].state, "down");
	assert_int_equal(s.nodes[a].receive_lag, -1);
	assert_int_equal(s.nodes[a].replay_lag, -1);
	assert_true(s.nodes[a].delay < 0);
	assert_int_equal(s.streaming, 0);
	status_free(&s);
}

static void
not_everything_that_receives_is_a_standby(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), idx[4];
	struct status_sender *r;

	(void)state;
	feed(&s, p, 7, "sub", "10.0.0.2", 0x5000);
	slot(&s, p, "sub", 7, 0x1000)->logical = true;
	r = feed(&s, p, 8, "copy", "10.0.0.2", 0);
	free(r->state);
	r->state = copy("backup");
	feed(&s, p, 9, "pg_basebackup", "10.0.0.2", 0x5000);
	r = feed(&s, p, 10, "pg_receivewal", "10.0.0.4", 0x5000);
	r->replay = r->flush = 0;
	r = feed(&s, p, 11, "node2", "10.0.0.5", 0);
	r->sent = 0x5000; /* it is new here and has not replied yet */
	feed(&s, p, 12, "old", NULL, 0x5000); /* 9.4: no pid of slots */
	slot(&s, p, "old", -1, 0)->logical = true;
	s.nodes[p].slots[1].active = true;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_true(s.nodes[p].senders[0].logical);
	assert_true(s.nodes[p].senders[1].logical);
	assert_true(s.nodes[p].senders[2].logical);
	assert_true(s.nodes[p].senders[5].logical);
	assert_int_equal(s.nodes[p].senders[0].node, -1);
	assert_int_equal(node(&s, "pg_receivewal")->role, ROLE_RECEIVEWAL);
	assert_int_equal(node(&s, "pg_receivewal")->receive_lag, 0);
	assert_int_equal(node(&s, "pg_receivewal")->replay_lag, -1);
	assert_true(node(&s, "pg_receivewal")->delay < 0);
	assert_int_equal(node(&s, "node2")->role, ROLE_STANDBY);
	assert_int_equal(node(&s, "node2")->receive_lag, -1);
	assert_int_equal(s.standbys, 1);
	assert_int_equal(status_unasked(&s, idx, NELEM(idx)), 1);
	assert_int_equal(idx[0], find(&s, "node2"));
	status_free(&s);
}

static void
the_loopback_address_of_another_machine_is_not_asked(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), idx[4];

	(void)state;
	feed(&s, p, 7, "node2", "127.0.0.1", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_unasked(&s, idx, NELEM(idx)), 0);
	free(s.nodes[p].host);
	s.nodes[p].host = copy("localhost");
	assert_int_equal(status_unasked(&s, idx, NELEM(idx)), 1);
	status_free(&s);
}

static void
a_cascade_is_measured_against_both(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x9000), a, b;

	(void)state;
	b = add_standby(&s, "node3", "db3", 0x3000, 0x2000);
	receive(&s, b, "node3", "db2", "5432", NULL);
	a = add_standby(&s, "node2", "db2", 0x5000, 0x4000);
	receive(&s, a, "node2", "db1", "5432", NULL);
	feed(&s, p, 7, "node2", "10.0.0.2", 0x5000);
	feed(&s, a, 7, "node3", "10.0.0.3", 0x3000);
	feed(&s, a, 9, "node4", "10.0.0.4", 0x5000);
	slot(&s, a, "s", -1, 0x1000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[b].upstream, a);
	assert_int_equal(s.nodes[a].upstream, p);
	assert_int_equal(node(&s, "node4")->upstream, a);
	assert_true(s.nodes[b].end == 0x9000);
	assert_int_equal(s.nodes[b].receive_lag, 0x6000);
	assert_int_equal(s.nodes[b].replay_lag, 0x7000);
	assert_int_equal(s.nodes[b].upstream_lag, 0x2000);
	assert_int_equal(node(&s, "node4")->upstream_lag, 0);
	assert_int_equal(s.nodes[a].slots[0].retained, 0x4000);
	assert_int_equal(s.streaming, 3);
	/* what comes from a standby without a receiver does not count */
	s.nodes[a].receiver.present = false;
	assert_int_equal(status_link(&s), 0);
	assert_string_equal(s.nodes[a].state, "no receiver");
	assert_int_equal(s.streaming, 0);
	assert_int_equal(s.standbys, 3);
	status_free(&s);
}

static void
a_ring_of_standbys_is_cut(void **state)
{
	struct status s = {.primary = -1};
	int a, b;

	(void)state;
	a = add_standby(&s, "a", "db2", 0x3000, 0x2000);
	receive(&s, a, "a", "db3", "5432", NULL);
	b = add_standby(&s, "b", "db3", 0x5000, 0x4000);
	receive(&s, b, "b", "db2", "5432", NULL);
	s.nodes[a].conf_upstream = copy("a");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, b);
	assert_int_equal(s.nodes[b].upstream, -1);
	feed(&s, a, 7, "b", "10.0.0.2", 0x5000);
	feed(&s, b, 8, "a", "10.0.0.2", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, -1);
	assert_int_equal(s.nodes[b].upstream, a);
	assert_int_equal(s.nodes[b].sender, 0);
	status_free(&s);
}

static void
of_two_primaries_the_newer_one_is_the_primary(void **state)
{
	struct status s = {.primary = -1};
	int old = add_primary(&s, "node1", 0x9000), a, new;

	(void)state;
	a = add_standby(&s, "node3", "db3", 0x8000, 0x8000);
	receive(&s, a, "node3", "db1", "5432", NULL);
	feed(&s, old, 7, "node3", "10.0.0.3", 0x8000);
	new = add(&s, "node2", "db2", "5432", ROLE_PRIMARY);
	s.nodes[new].written = 0x7000;
	s.nodes[new].timeline = 2;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.primary, new);
	assert_int_equal(s.nodes[old].role, ROLE_PRIMARY);
	/* the standby is behind the one that it follows */
	assert_true(s.nodes[a].end == 0x9000);
	assert_int_equal(s.nodes[a].receive_lag, 0x1000);
	s.nodes[new].timeline = 1;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.primary, old);
	status_free(&s);
}

static void
a_node_of_another_cluster_has_no_lag(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x9000), a, q;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0x8000, 0x8000);
	s.nodes[a].system_identifier = OTHER;
	receive(&s, a, "node2", "db1", "5432", NULL);
	feed(&s, p, 7, "node2", "10.0.0.3", 0x8000);
	/* a foreign primary on a high timeline, with a standby of its own */
	q = add(&s, "node3", "db3", "5432", ROLE_PRIMARY);
	s.nodes[q].system_identifier = OTHER;
	s.nodes[q].timeline = 9;
	s.nodes[q].written = 0x100;
	feed(&s, p, 8, "x", "10.0.0.4", 0x9000);
	feed(&s, p, 9, "y", "10.0.0.5", 0x9000);
	feed(&s, q, 9, "foreign", "10.0.0.6", 0x9000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.primary, p);
	assert_true(s.system_identifier == SYSTEM);
	assert_int_equal(s.nodes[a].role, ROLE_STANDBY);
	assert_int_equal(s.nodes[a].receive_lag, -1);
	assert_int_equal(s.nodes[a].replay_lag, -1);
	assert_true(s.nodes[a].end == 0 && s.nodes[a].delay < 0);
	/* the row is that of somebody else of the same name */
	assert_int_equal(node_of_pid(&s, p, 7), find(&s, "10.0.0.3"));
	assert_int_equal(node(&s, "foreign")->receive_lag, -1);
	assert_int_equal(s.standbys, 3);
	status_free(&s);
}

static void
a_standby_alone_shows_the_view_of_its_receiver(void **state)
{
	struct status s = {.primary = -1};
	int a = add_standby(&s, "node2", "db2", 0x5000, 0x4000);
	struct status_receiver *r =
	    receive(&s, a, "node2", "db1", "5432", NULL);

	(void)state;
	r->latest_end = 0x6000;
	feed(&s, a, 9, "node3", "10.0.0.3", 0x3000);
	s.nodes[a].replayed_at = 990;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.primary, -1);
	assert_true(s.system_identifier == SYSTEM);
	assert_true(s.nodes[a].end == 0x6000);
	assert_int_equal(s.nodes[a].receive_lag, 0x1000);
	assert_int_equal(s.nodes[a].replay_lag, 0x2000);
	assert_true(s.nodes[a].delay == 9);
	assert_true(node(&s, "node3")->end == 0x6000);
	assert_int_equal(node(&s, "node3")->upstream_lag, 0x2000);
	s.nodes[a].receiver.latest_end = 0x5000;
	s.nodes[a].replayed = 0x5000;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].delay == 0);
	/* nobody tells any more: not 0 but unknown */
	s.nodes[a].receiver.present = false;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].replay_lag, -1);
	assert_true(s.nodes[a].delay < 0);
	assert_int_equal(s.streaming, 0);
	status_free(&s);
}

/* node3 below node2; no primary is seen.  What node3 is told is no more than
 * what node2 has got. */
static void
below_a_broken_upstream_the_end_is_unknown(void **state)
{
	struct status s = {.primary = -1, .whole = true};
	int a, b, p;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0x5000, 0x5000);
	receive(&s, a, "node2", "db1", "5432", NULL)->latest_end = 0x6000;
	b = add_standby(&s, "node3", "db3", 0x5000, 0x4000);
	receive(&s, b, "node3", "db2", "5432", NULL)->latest_end = 0x5000;
	s.nodes[b].replayed_at = 900;
	feed(&s, a, 9, "node3", "10.0.0.3", 0x5000);
	/* all links stream: the latest that any of them heard */
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[b].end == 0x6000);
	assert_int_equal(s.nodes[b].end_of, a);
	assert_int_equal(s.nodes[b].receive_lag, 0x1000);
	assert_int_equal(status_broken_above(&s, b), -1);
	/* the primary, of which nobody gets an answer, is above them */
	p = add_failed(&s, "node1", "db1");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, p);
	assert_true(s.nodes[b].end == 0x6000);
	/* who knows which one of two is the primary? */
	add_failed(&s, "node4", "db4");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[b].receive_lag, -1);
	assert_true(s.nodes[b].delay < 0);
	s.nodes[3].conf_upstream = copy("node2");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[b].receive_lag, 0x1000);
	/* node2 gets nothing */
	s.nodes[a].receiver.present = false;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_broken_above(&s, b), a);
	assert_true(s.nodes[b].end == 0);
	assert_int_equal(s.nodes[b].receive_lag, -1);
	assert_int_equal(s.nodes[b].replay_lag, -1);
	assert_true(s.nodes[b].delay < 0);
	/* nor is one that was not reached */
	s.nodes[a].receiver.present = true;
	s.nodes[a].reach = REACH_HUNG;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[b].replay_lag, -1);
	status_free(&s);
}

static void
positions_of_two_timelines_do_not_compare(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	s.nodes[p].timeline = 2;
	a = add_standby(&s, "node2", "db2", 0x6000, 0x6000);
	receive(&s, a, "node2", "db9", "5432", NULL);
	b = add_standby(&s, "node3", "db3", 0x6000, 0x6000);
	receive(&s, b, "node3", "db2", "5432", NULL);
	feed(&s, a, 9, "node3", "10.0.0.3", 0x6000);
	for (int i = a; i <= b; i++)
		s.nodes[i].replayed_at = 990;
	assert_int_equal(status_link(&s), 0);
	for (int i = a; i <= b; i++) {
		assert_true(s.nodes[i].forked);
		assert_int_equal(s.nodes[i].end_of, p);
		assert_int_equal(s.nodes[i].receive_lag, -1);
		assert_int_equal(s.nodes[i].replay_lag, -1);
		assert_true(s.nodes[i].delay < 0);
		assert_false(s.nodes[i].clamped);
	}
	/* but these two do */
	assert_int_equal(s.nodes[b].upstream_lag, 0);
	/* unknown is not another one */
	s.nodes[b].timeline = s.nodes[b].receiver.timeline = 0;
	s.nodes[a].receiver.timeline = 2;
	assert_int_equal(status_link(&s), 0);
	for (int i = a; i <= b; i++) {
		assert_false(s.nodes[i].forked);
		assert_int_equal(s.nodes[i].receive_lag, 0);
	}
	status_free(&s);
}

/* pg_control of a standby is that of its last restartpoint: until the next one
 * it says 1, on whatever timeline it is. */
static void
an_older_timeline_of_pg_control_is_unknown(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	s.nodes[p].timeline = 2;
	a = add_standby(&s, "node2", "db2", 0x5000, 0x4000);
	b = add_standby(&s, "node3", "db3", 0x5000, 0x5000);
	receive(&s, b, "node3", "db1", "5432", NULL);
	s.nodes[b].receiver.timeline = 2;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_timeline(&s.nodes[a]), 1);
	assert_int_equal(status_sure_timeline(&s.nodes[a]), 0);
	assert_int_equal(status_shown_timeline(&s.nodes[a]), 0);
	assert_false(s.nodes[a].forked);
	assert_int_equal(s.nodes[a].receive_lag, 0);
	assert_int_equal(s.nodes[a].replay_lag, 0x1000);
	assert_int_equal(status_shown_timeline(&s.nodes[b]), 2);
	/* a receiver that waits at the end of the old one is on that */
	receive(&s, a, "node2", "db1", "5432", NULL);
	free(s.nodes[a].receiver.status);
	s.nodes[a].receiver.status = strdup("waiting");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_sure_timeline(&s.nodes[a]), 1);
	assert_true(s.nodes[a].forked);
	s.nodes[a].receiver.timeline = 2;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_sure_timeline(&s.nodes[a]), 0);
	s.nodes[a].receiver.present = false;
	/* one that is not older is not wrong */
	s.nodes[a].timeline = 2;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_shown_timeline(&s.nodes[a]), 2);
	/* nor is a newer one, which the primary is not on */
	s.nodes[a].timeline = 3;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_sure_timeline(&s.nodes[a]), 3);
	assert_true(s.nodes[a].forked);
	/* a server of another cluster says nothing of these */
	s.nodes[a].timeline = 2;
	s.nodes[b].receiver = (struct status_receiver){.sight = SIGHT_SEEN};
	s.nodes[b].timeline = 7;
	s.nodes[b].system_identifier = 9;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(status_shown_timeline(&s.nodes[a]), 2);
	status_free(&s);
}

static void
what_cannot_be_seen_is_not_counted_as_missing(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.streaming_known);
	/* two standbys, one of them asked, which may see itself */
	s.nodes[p].senders_sight = SIGHT_HIDDEN;
	feed(&s, p, 7, "x", NULL, 0)->hidden = true;
	feed(&s, p, 8, "y", NULL, 0)->hidden = true;
	a = add_standby(&s, "node2", "db2", 0x5000, 0x5000);
	receive(&s, a, "node2", "db1", "5432", NULL);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.streaming, 1);
	assert_int_equal(s.unseen, 1);
	assert_false(s.streaming_known);
	/* the other one, too */
	b = add_standby(&s, "node3", "db3", 0x5000, 0x5000);
	receive(&s, b, "node3", "db1", "5432", NULL);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.streaming, 2);
	assert_true(s.streaming_known);
	/* it may not see its receiver */
	s.nodes[b].receiver.sight = SIGHT_HIDDEN;
	free(s.nodes[b].receiver.status);
	s.nodes[b].receiver.status = NULL;
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.streaming, 1);
	/* it, or a row that may be another one's */
	assert_int_equal(s.unseen, 2);
	/* nor is known what one below it gets */
	a = add_standby(&s, "node4", "db4", 0x5000, 0x5000);
	receive(&s, a, "node4", "db3", "5432", NULL);
	feed(&s, b, 9, "node4", "10.0.0.4", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, b);
	assert_int_equal(s.streaming, 1);
	assert_int_equal(s.unseen, 3);
	assert_false(s.streaming_known);
	status_free(&s);
}

static void
a_server_that_refuses_the_login_is_not_down(void **state)
{
	struct status s = {.primary = -1};
	int a = add_failed(&s, "node2", "db2");

	(void)state;
	assert_int_equal(status_link(&s), 0);
	assert_string_equal(s.nodes[a].state, "down");
	s.nodes[a].alive = true;
	assert_int_equal(status_link(&s), 0);
	assert_string_equal(s.nodes[a].state, "no login");
	s.nodes[a].alive = false;
	s.nodes[a].starting = true;
	assert_int_equal(status_link(&s), 0);
	assert_string_equal(s.nodes[a].state, "starting");
	s.nodes[a].starting = false;
	s.nodes[a].stopping = true;
	assert_int_equal(status_link(&s), 0);
	assert_string_equal(s.nodes[a].state, "stopping");
	status_free(&s);
}

/* end 0x5000, the primary's clock 1000, the standby's 999 */
static void
the_delay_is_never_a_lie(void **state)
{
	static const struct {
		const char *what;
		uint64_t received, replayed, row_replay, latest_end;
		double replayed_at, sent_ago, delay;
	} t[] = {
	    {"idle for long", 0x5000, 0x5000, 0x5000, 0x5000, 1, 20, 0},
	    {"replay stuck", 0x5000, 0x4000, 0x4000, 0x5000, 900, 0.1, 100},
	    {"stuck, no commit", 0x5000, 0x4000, 0x4000, 0x5000, -1, 0.1, -1},
	    {"first bytes after a long rest", 0x4000, 0x4000, 0x4000, 0x4000, 1,
		0.5, 0.5},
	    {"the same, row is newer", 0x4000, 0x4000, 0x5000, 0x4000, 1, 0.5,
		0},
	    {"catching up", 0x4000, 0x4000, 0x4000, 0x5000, 400, 0.01, 600},
	    {"catching up, no commit", 0x4000, 0x4000, 0x4000, 0x5000, -1, 0.01,
		-1},
	    {"skewed clock of the message", 0x4000, 0x4000, 0x4000, 0x4000, 400,
		-3, 600},
	    {"commit after the primary's look", 0x4800, 0x4000, 0x4000, 0x5000,
		1000.5, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct status s = {.primary = -1};
		int p = add_primary(&s, "node1", 0x5000);
		int a = add_standby(
		    &s, "node2", "db2", t[i].received, t[i].replayed);
		struct status_receiver *r =
		    receive(&s, a, "node2", "db1", "5432", NULL);

		r->latest_end = t[i].latest_end;
		r->sent_ago = t[i].sent_ago;
		s.nodes[a].replayed_at = t[i].replayed_at;
		feed(&s, p, 7, "node2", "10.0.0.2", t[i].row_replay);
		assert_int_equal(status_link(&s), 0);
		if (s.nodes[a].delay != t[i].delay)
			fail_msg("%s: %f", t[i].what, s.nodes[a].delay);
		status_free(&s);
	}
}

static void
in_a_cascade_every_link_must_be_complete(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0x4000, 0x4000);
	receive(&s, a, "node2", "db1", "5432", NULL)->latest_end = 0x4000;
	s.nodes[a].receiver.sent_ago = 3;
	b = add_standby(&s, "node3", "db3", 0x4000, 0x4000);
	receive(&s, b, "node3", "db2", "5432", NULL)->latest_end = 0x4000;
	s.nodes[b].receiver.sent_ago = 1;
	s.nodes[b].replayed_at = 100;
	feed(&s, p, 7, "node2", "10.0.0.2", 0x4000);
	feed(&s, a, 8, "node3", "10.0.0.3", 0x4000);
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[b].delay == 3);
	s.nodes[a].receiver.present = false;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[b].delay == 900);
	status_free(&s);
}

static void
old_versions_have_fewer_views(void **state)
{
	struct status s = {.primary = -1, .whole = true};
	int p = add_primary(&s, "node1", UINT64_C(0x100000000)), a, i;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0xFEFFF000, 0xFEFFF000);
	for (i = p; i <= a; i++) {
		s.nodes[i].version = PG90;
		s.nodes[i].system_identifier = 0;
		s.nodes[i].senders_sight = s.nodes[i].slots_sight = SIGHT_NONE;
		s.nodes[i].receiver.sight = SIGHT_NONE;
	}
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, p);
	assert_int_equal(s.nodes[a].receive_lag, 0x1000);
	assert_string_equal(s.nodes[a].state, "unknown");
	/* 9.1 to 9.5: rows, no receiver */
	for (i = p; i <= a; i++) {
		s.nodes[i].version = i == p ? PG92 : PG95;
		s.nodes[i].senders_sight = SIGHT_SEEN;
	}
	s.nodes[a].addr = copy("10.0.0.2");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.nodes[a].upstream, -1);
	assert_string_equal(s.nodes[a].state, "no receiver");
	feed(&s, p, 7, "walreceiver", "10.0.0.2", 0xFEFFF000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.nodes[a].upstream, p);
	assert_string_equal(s.nodes[a].state, "streaming");
	/* a row that may be its own: not missing */
	free(s.nodes[p].senders[0].client_addr);
	s.nodes[p].senders[0].client_addr = copy("10.0.0.7");
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.nodes[a].state, "unknown");
	status_free(&s);
}

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
shuffle(int *v, int n, uint32_t *seed)
{
	for (int i = 0; i < n; i++)
		v[i] = i;
	for (int i = n - 1; i > 0; i--) {
		int k = (int)(next(seed) % (uint32_t)(i + 1)), t = v[i];

		v[i] = v[k];
		v[k] = t;
	}
}

static void
build_mixture(struct status *s, uint32_t seed)
{
	static const struct {
		const char *app, *addr;
		uint64_t lsn;
	} rows[] = {{"node2", "10.0.0.2", 0x4000},
	    {"node2", "10.0.0.2", 0x3000}, {"walreceiver", "10.0.0.3", 0x2000},
	    {"walreceiver", "10.0.0.4", 0x5000},
	    {"walreceiver", "10.0.0.4", 0x4100}, {"app", "10.0.0.5", 0x4200},
	    {"app", "10.0.0.6", 0x4300}, {"walreceiver", NULL, 0x4400}};
	int order[NELEM(rows)], who[3], p;

	shuffle(who, 3, &seed);
	for (int i = 0; i < 3; i++)
		if (who[i] == 0) {
			add_primary(s, "node1", 0x5000);
		} else if (who[i] == 1) {
			p = add_standby(s, "node2", "db2", 0x4000, 0x4000);
			receive(s, p, "node2", "db1", "5432", NULL);
		} else {
			p = add_standby(s, "node3", "db3", 0x2000, 0x2000);
			s->nodes[p].addr = copy("10.0.0.3");
			receive(s, p, "walreceiver", NULL, NULL, NULL);
		}
	p = find(s, "node1");
	shuffle(order, (int)NELEM(rows), &seed);
	for (size_t i = 0; i < NELEM(rows); i++)
		feed(s, p, 100 + order[i], rows[order[i]].app,
		    rows[order[i]].addr, rows[order[i]].lsn);
}

/* The furthest behind is the one that must not vanish. */
static void
two_standbys_of_one_name_are_both_shown(void **state)
{
	static const struct {
		double age[2];
		uint64_t own; /* of a node that has the name; 0: not asked */
		size_t nodes;
		const char *shown; /* who has row 8, which is behind */
	} t[] = {
	    {{1, 2}, 0, 3, "10.0.0.2"}, {{-1, -1}, 0, 3, "10.0.0.2"},
	    {{-1, 60}, 0, 3, "10.0.0.2"}, {{20, 60}, 0, 3, "10.0.0.2"},
	    {{1, 16}, 0, 2, NULL}, {{15, 15.5}, 0, 2, NULL},
	    {{-1, -1}, 0x5000, 2, NULL},
	    {{1, 2}, 0x5000, 3, "10.0.0.2"}, /* it lives */
	    {{-1, -1}, 0x4800, 3, "10.0.0.2"},
	    {{16, 1}, 0x2000, 2, "twin"}, /* the other one is old */
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct status s = {.primary = -1};
		int p = add_primary(&s, "node1", 0x5000), a, has;

		feed(&s, p, 7, "twin", "10.0.0.2", 0x5000)->reply_age =
		    t[i].age[0];
		feed(&s, p, 8, "twin", "10.0.0.2", 0x2000)->reply_age =
		    t[i].age[1];
		if (t[i].own != 0) {
			a = add_standby(&s, "twin", "db2", t[i].own, t[i].own);
			receive(&s, a, "twin", "db1", "5432", NULL);
		}
		for (int again = 0; again < 2; again++) {
			assert_int_equal(status_link(&s), 0);
			has = node_of_pid(&s, p, 8);
			if (s.n != t[i].nodes)
				fail_msg("%zu: %zu nodes", i, s.n);
			if (t[i].shown == NULL
				? has != -1
				: has == -1 || strcmp(s.nodes[has].name,
						   t[i].shown) != 0)
				fail_msg("%zu: row of %d", i, has);
		}
		status_free(&s);
	}
}

/* Each has a name of its own, and it takes no minutes. */
static void
thousands_of_equal_rows_are_numbered(void **state)
{
	static const char *const names[] = {"10.0.0.2", "10.0.0.2 (0)",
	    "10.0.0.2 (0) (2)", "10.0.0.2 (0) (3)", "10.0.0.2 (0) (3998)"};
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000);

	(void)state;
	for (int i = 0; i < 4000; i++)
		feed(&s, p, 0, "walreceiver", "10.0.0.2", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_int_equal(s.n, 4001);
	for (size_t i = 0; i < NELEM(names); i++)
		assert_true(find(&s, names[i]) > 0);
	status_free(&s);
}

static void
the_order_of_rows_and_nodes_does_not_matter(void **state)
{
	static const struct {
		const char *name;
		int64_t lag;
	} want[] = {{"node2", 0x1000}, {"node3", 0x3000}, {"10.0.0.4", 0},
	    {"10.0.0.4 (104)", 0xf00}, {"app", 0xe00}, {"10.0.0.6", 0xd00},
	    {"pid 107", 0xc00}};

	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		struct status s = {.primary = -1};

		build_mixture(&s, seed);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(status_link(&s), 0);
			assert_int_equal(s.n, NELEM(want) + 1);
			for (size_t i = 0; i < NELEM(want); i++) {
				const struct status_node *n =
				    node(&s, want[i].name);

				assert_int_equal(n->receive_lag, want[i].lag);
				assert_int_equal(n->upstream, s.primary);
				assert_true(n->sender >= 0);
			}
		}
		status_free(&s);
	}
}

static const char *
pick(uint32_t *seed, const char *const *of, size_t n)
{
	return of[next(seed) % n];
}

/* Few names, addresses and positions, so that they meet. */
static void
build_random(struct status *s, uint32_t *seed)
{
	static const char *const name[] = {"a", "b", "c", "d", "e", "f"};
	static const char *const host[] = {
	    "db1", "db2", "127.0.0.1", "10.0.0.2", "10.0.0.3", NULL};
	static const char *const port[] = {"5432", "5433"};
	static const char *const app[] = {
	    "a", "b", "c", "walreceiver", "x", NULL, "10.0.0.2"};
	size_t n = 1 + next(seed) % NELEM(name);

	s->whole = next(seed) % 2 == 0;
	for (size_t i = 0; i < n; i++) {
		const char *h = pick(seed, host, NELEM(host));
		int k = add(s, name[i], h, pick(seed, port, 2),
		    next(seed) % 3 == 0 ? ROLE_PRIMARY : ROLE_STANDBY);
		struct status_node *nd = &s->nodes[k];

		nd->reach = next(seed) % 4 == 0 ? REACH_FAILED : REACH_YES;
		nd->written = next(seed) % 4 * 0x1000;
		nd->received = next(seed) % 4 * 0x1000;
		nd->replayed = next(seed) % 4 * 0x1000;
		nd->clock = 1000;
		nd->replayed_at = next(seed) % 2 == 0 ? 900 : -1;
		nd->timeline = next(seed) % 3;
		nd->system_identifier = next(seed) % 8 == 0 ? OTHER : SYSTEM;
		if (next(seed) % 3 == 0)
			nd->conf_upstream = copy(pick(seed, name, 6));
		if (next(seed) % 2 == 0)
			receive(s, k, pick(seed, app, NELEM(app)),
			    pick(seed, host, NELEM(host)), pick(seed, port, 2),
			    pick(seed, app, 3))
			    ->latest_end = next(seed) % 4 * 0x1000;
		nd->receiver.sent_ago = (double)(next(seed) % 3) - 1;
		for (uint32_t r = next(seed) % 4; r > 0; r--) {
			feed(s, k, (int)(next(seed) % 6),
			    pick(seed, app, NELEM(app)),
			    pick(seed, host + 2, 4), next(seed) % 4 * 0x1000)
			    ->hidden = next(seed) % 6 == 0;
			nd->senders[nd->nsenders - 1].reply_age =
			    (double)(next(seed) % 3) * 20 - 20;
			if (next(seed) % 2 == 0)
				slot(s, k, pick(seed, app, 3),
				    (int)(next(seed) % 6), 0x1000);
		}
	}
}

/* What a look has found, as one number. */
static uint64_t
digest(const struct status *s)
{
	uint64_t d = s->n * 31 + (uint64_t)(s->primary + 1);

	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];
		const uint64_t v[] = {(uint64_t)n->upstream,
		    (uint64_t)n->sender, n->role, n->received, n->replayed,
		    n->end, (uint64_t)n->receive_lag, (uint64_t)n->replay_lag,
		    (uint64_t)n->upstream_lag, (uint64_t)(n->delay * 8 + 8),
		    (uint64_t)n->state[0], n->name[0], s->streaming,
		    s->standbys};

		for (size_t k = 0; k < NELEM(v); k++)
			d = (d ^ v[k]) * UINT64_C(1099511628211);
		for (size_t k = 0; k < n->nsenders; k++)
			d = d * 33 + (uint64_t)n->senders[k].node;
	}
	return d;
}

static void
check_sanity(const struct status *s, uint32_t seed)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];
		size_t steps = 0;

		for (int up = n->upstream; up != -1; up = s->nodes[up].upstream)
			if (++steps > s->n)
				fail_msg("seed %u: cycle", (unsigned)seed);
		assert_true(n->delay >= 0 || n->delay == -1);
		assert_true(n->receive_lag >= -1 && n->replay_lag >= -1);
		assert_true(n->replay_lag == -1 || n->end != LSN_INVALID);
		if (n->sender != -1)
			assert_int_equal(
			    s->nodes[n->upstream].senders[n->sender].node, i);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(n->name, s->nodes[k].name);
		for (size_t k = 0; k < n->nsenders; k++)
			if (n->senders[k].node != -1)
				assert_int_equal(
				    s->nodes[n->senders[k].node].sender, k);
	}
	assert_true(s->streaming <= s->standbys);
}

static void
whatever_the_facts_it_is_a_tree_and_stays_as_it_is(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 20000; i++) {
		struct status s = {.primary = -1};
		uint32_t seed = i;
		uint64_t first;

		build_random(&s, &seed);
		assert_int_equal(status_link(&s), 0);
		check_sanity(&s, i);
		first = digest(&s);
		assert_int_equal(status_link(&s), 0);
		check_sanity(&s, i);
		if (digest(&s) != first)
			fail_msg("seed %u: not idempotent", (unsigned)i);
		status_free(&s);
	}
}

/* A twin of the primary feeds node2; nothing of it is written alike. */
static void
a_standby_of_nobody_known_has_strayed(void **state)
{
	struct status s = {.primary = -1, .whole = true};
	int p = add_primary(&s, "node1", 0x5000), a, b;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0x5000, 0x5000);
	receive(&s, a, "node2", "db9", "5433", NULL);
	b = add_standby(&s, "node3", "db3", 0x5000, 0x5000);
	receive(&s, b, "node3", "db2", "5432", NULL);
	feed(&s, a, 9, "node3", "10.0.0.3", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].strayed);
	assert_false(s.nodes[b].strayed);
	assert_int_equal(status_broken_above(&s, b), a);
	assert_int_equal(s.streaming, 0);
	/* a row that may be it, rows that cannot be seen */
	feed(&s, p, 7, "x", NULL, 0)->hidden = true;
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].strayed);
	s.nodes[p].senders[0].hidden = false;
	s.nodes[p].senders[0].logical = true;
	free(s.nodes[p].senders[0].state);
	s.nodes[p].senders[0].state = copy("backup");
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].strayed);
	s.nodes[p].senders_sight = SIGHT_HIDDEN;
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].strayed);
	s.nodes[p].senders_sight = SIGHT_SEEN;
	/* a silent node may be that server, by another name */
	b = add_failed(&s, "node4", "db4");
	free(s.nodes[b].port);
	s.nodes[b].port = copy("5433");
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].strayed);
	free(s.nodes[b].port);
	s.nodes[b].port = copy("5432");
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].strayed);
	/* no primary is seen: then it is no stray */
	s.nodes[p].says = ROLE_STANDBY;
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].strayed);
	status_free(&s);
}

static void
what_the_primary_has_not_is_no_lag_of_zero(void **state)
{
	struct status s = {.primary = -1};
	int p = add_primary(&s, "node1", 0x5000), a;

	(void)state;
	a = add_standby(&s, "node2", "db2", 0x6000, 0x5000);
	receive(&s, a, "node2", "db9", "5433", NULL);
	/* the primary was read before */
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].clamped);
	assert_false(s.nodes[a].ahead);
	assert_int_equal(s.nodes[a].receive_lag, 0);
	s.nodes[p].read_last = true;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].ahead);
	assert_int_equal(s.nodes[a].receive_lag, -1);
	assert_int_equal(s.nodes[a].replay_lag, -1);
	assert_true(s.nodes[a].delay < 0);
	s.nodes[a].received = 0x5000;
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].ahead);
	assert_int_equal(s.nodes[a].receive_lag, 0);
	/* a row is no word of the standby itself */
	s.nodes[a].received = s.nodes[a].replayed = 0;
	feed(&s, p, 7, "node2", "10.0.0.2", 0x6000);
	free(s.nodes[a].receiver.host);
	s.nodes[a].receiver.host = copy("db1");
	free(s.nodes[a].receiver.port);
	s.nodes[a].receiver.port = copy("5432");
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].clamped);
	assert_false(s.nodes[a].ahead);
	status_free(&s);
}

static void
what_was_heard_long_ago_is_no_end(void **state)
{
	struct status s = {.primary = -1};
	int a = add_standby(&s, "node2", "db2", 0x5000, 0x5000), p;
	struct status_receiver *r =
	    receive(&s, a, "node2", "db1", "5432", NULL);

	(void)state;
	r->latest_end = 0x5000;
	r->heard = r->sent_ago = 60;
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].silent);
	assert_int_equal(s.nodes[a].replay_lag, 0);
	s.nodes[a].receiver.heard = 61;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].silent);
	assert_int_equal(s.nodes[a].receive_lag, -1);
	assert_int_equal(s.nodes[a].replay_lag, -1);
	assert_true(s.nodes[a].delay < 0);
	/* the primary tells: nothing is owed, or something is */
	p = add_primary(&s, "node1", 0x5000);
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].silent);
	assert_int_equal(s.nodes[a].replay_lag, 0);
	s.nodes[p].written = 0x6000;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].silent);
	assert_int_equal(s.nodes[a].replay_lag, 0x1000);
	/* 12: the walsender took a reply just now, or did not */
	feed(&s, p, 7, "node2", "10.0.0.2", 0x5000)->reply_age = 5;
	assert_int_equal(status_link(&s), 0);
	assert_false(s.nodes[a].silent);
	s.nodes[p].senders[0].reply_age = 90;
	s.nodes[p].written = 0x5000;
	assert_int_equal(status_link(&s), 0);
	assert_true(s.nodes[a].silent);
	status_free(&s);
}

/* The last commit is 100 s old: one long transaction. */
static void
the_delay_is_no_more_than_the_primary_measured(void **state)
{
	static const struct {
		double replay_lag, reply_age;
		const char *state;
		int paused;
		double delay;
	} t[] = {
	    {0.5, 2, "streaming", 0, 2.5},
	    {0.5, 14, "streaming", 0, 14.5},
	    {0.5, 15, "streaming", 0, 100},
	    {0.5, -1, "streaming", 0, 100},
	    {-1, 2, "streaming", 0, 100},
	    {0.5, 2, "catchup", 0, 100},
	    {0.5, 2, "streaming", 1, 100},
	    {0.5, 2, "streaming", -1, 2.5},
	    {500, 2, "streaming", 0, 100},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct status s = {.primary = -1};
		int p = add_primary(&s, "node1", 0x5000);
		int a = add_standby(&s, "node2", "db2", 0x5000, 0x4000);
		struct status_sender *r;

		receive(&s, a, "node2", "db1", "5432", NULL);
		s.nodes[a].replayed_at = 900;
		s.nodes[a].paused = t[i].paused;
		r = feed(&s, p, 7, "node2", "10.0.0.2", 0x4000);
		r->replay_lag = t[i].replay_lag;
		r->reply_age = t[i].reply_age;
		free(r->state);
		r->state = copy(t[i].state);
		assert_int_equal(status_link(&s), 0);
		if (s.nodes[a].delay != t[i].delay)
			fail_msg("row %zu: %f", i, s.nodes[a].delay);
		status_free(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_nodes_are_unknown),
	    cmocka_unit_test(names_and_the_worse_of_two),
	    cmocka_unit_test(the_timeline_of_a_streaming_receiver_is_newer),
	    cmocka_unit_test(a_primary_shows_its_standbys),
	    cmocka_unit_test(a_second_call_sees_what_the_first_one_saw),
	    cmocka_unit_test(a_found_node_gives_way_to_the_real_one),
	    cmocka_unit_test(rows_are_matched_by_the_slot_before_anything_else),
	    cmocka_unit_test(what_is_not_certain_stays_unmatched),
	    cmocka_unit_test(
		a_single_row_and_a_single_node_of_an_address_are_one),
	    cmocka_unit_test(a_common_name_is_no_evidence),
	    cmocka_unit_test(of_two_rows_of_one_standby_the_newer_one_counts),
	    cmocka_unit_test(
		a_standby_that_does_not_answer_is_known_from_its_row),
	    cmocka_unit_test(own_facts_win_over_the_row),
	    cmocka_unit_test(hidden_rows_give_nothing),
	    cmocka_unit_test(not_everything_that_receives_is_a_standby),
	    cmocka_unit_test(
		the_loopback_address_of_another_machine_is_not_asked),
	    cmocka_unit_test(a_cascade_is_measured_against_both),
	    cmocka_unit_test(a_ring_of_standbys_is_cut),
	    cmocka_unit_test(of_two_primaries_the_newer_one_is_the_primary),
	    cmocka_unit_test(a_node_of_another_cluster_has_no_lag),
	    cmocka_unit_test(a_standby_alone_shows_the_view_of_its_receiver),
	    cmocka_unit_test(below_a_broken_upstream_the_end_is_unknown),
	    cmocka_unit_test(positions_of_two_timelines_do_not_compare),
	    cmocka_unit_test(an_older_timeline_of_pg_control_is_unknown),
	    cmocka_unit_test(what_cannot_be_seen_is_not_counted_as_missing),
	    cmocka_unit_test(a_server_that_refuses_the_login_is_not_down),
	    cmocka_unit_test(a_standby_of_nobody_known_has_strayed),
	    cmocka_unit_test(what_the_primary_has_not_is_no_lag_of_zero),
	    cmocka_unit_test(what_was_heard_long_ago_is_no_end),
	    cmocka_unit_test(the_delay_is_no_more_than_the_primary_measured),
	    cmocka_unit_test(the_delay_is_never_a_lie),
	    cmocka_unit_test(in_a_cascade_every_link_must_be_complete),
	    cmocka_unit_test(
		the_last_row_of_an_address_belongs_to_the_server_that_hangs),
	    cmocka_unit_test(a_server_that_is_down_is_not_given_the_last_row),
	    cmocka_unit_test(old_versions_have_fewer_views),
	    cmocka_unit_test(two_standbys_of_one_name_are_both_shown),
	    cmocka_unit_test(
		a_name_that_is_not_ascii_is_known_by_what_the_server_kept),
	    cmocka_unit_test(thousands_of_equal_rows_are_numbered),
	    cmocka_unit_test(the_order_of_rows_and_nodes_does_not_matter),
	    cmocka_unit_test(
		whatever_the_facts_it_is_a_tree_and_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
