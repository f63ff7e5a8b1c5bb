/* Every problem id: the state that raises it, and the nearest one that must
 * not.  A status is written down by hand, so that nothing else is tested. */
#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"
#include "core/verdict.h"

#define T(text) ((char *)(uintptr_t)(text))
#define MB INT64_C(1048576)
#define SYSTEM UINT64_C(7281936400112233445)
#define END UINT64_C(0xA3C1F60)

/* node1 feeds node2 and node3; all is well. */
struct scene {
	struct status s;
	struct status_node n[4];
	struct status_sender row[3];
	struct status_slot slot[1];
	struct verdict_limits l;
};

static void
primary(struct status_node *n, const char *name)
{
	*n = (struct status_node){
	    .name = T(name),
	    .host = T("db1"),
	    .port = T("5432"),
	    .user = T("mon"),
	    .expected = true,
	    .reach = REACH_YES,
	    .version = 150018,
	    .says = ROLE_PRIMARY,
	    .role = ROLE_PRIMARY,
	    .system_identifier = SYSTEM,
	    .timeline = 1,
	    .written = END,
	    .clock = 1000,
	    .paused = -1,
	    .apply_delay = -1,
	    .senders_sight = SIGHT_SEEN,
	    .receiver = {.sight = SIGHT_SEEN, .heard = -1, .sent_ago = -1},
	    .slots_sight = SIGHT_SEEN,
	    .upstream = -1,
	    .sender = -1,
	    .state = "running",
	    .receive_lag = -1,
	    .replay_lag = -1,
	    .upstream_lag = -1,
	    .delay = -1,
	    .rate = -1,
	    .eta = -1,
	    .stuck_for = -1,
	};
}

static void
standby(struct status_node *n, const char *name, int row)
{
	primary(n, name);
	n->says = n->role = ROLE_STANDBY;
	n->written = 0;
	n->received = n->replayed = n->end = END;
	n->paused = 0;
	n->apply_delay = 0;
	n->receiver.present = true;
	n->receiver.status = T("streaming");
	n->receiver.timeline = 1;
	n->upstream = 0;
	n->sender = row;
	n->state = "streaming";
	n->receive_lag = n->replay_lag = n->upstream_lag = 0;
	n->delay = 0;
}

static void
begin(struct scene *c)
{
	memset(c, 0, sizeof(*c));
	primary(&c->n[0], "node1");
	standby(&c->n[1], "node2", 0);
	standby(&c->n[2], "node3", 1);
	for (int i = 0; i < 3; i++)
		c->row[i] = (struct status_sender){
		    .pid = 100 + i,
		    .state = T("streaming"),
		    .node = i + 1,
		    .slot = -1,
		};
	c->n[0].senders = c->row;
	c->n[0].nsenders = 2;
	c->slot[0] = (struct status_slot){.name = T("s'1"),
	    .active = true,
	    .pid = 100,
	    .wal_status = T("reserved"),
	    .safe_bytes = -1,
	    .retained = 0};
	c->n[0].slots = c->slot;
	c->n[0].nslots = 1;
	c->s = (struct status){.whole = true,
	    .time = 1000,
	    .nodes = c->n,
	    .n = 3,
	    .primary = 0,
	    .system_identifier = SYSTEM};
	c->l = verdict_default_limits;
}

/* As status_link counts: all the way up to the primary. */
static void
count(struct status *s)
{
	s->streaming = s->standbys = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];
		bool flows = true;

		if (n->role != ROLE_STANDBY ||
		    (n->system_identifier != SYSTEM &&
			s->system_identifier != 0))
			continue;
		s->standbys++;
		for (; n->role == ROLE_STANDBY; n = &s->nodes[n->upstream]) {
			flows = flows && strcmp(n->state, "streaming") == 0;
			if (n->upstream < 0)
				break;
		}
		s->streaming += flows;
	}
}

static void
judge(struct scene *c)
{
	count(&c->s);
	assert_int_equal(verdict_judge(&c->s, &c->l), 0);
}

static void
done(struct scene *c)
{
	for (size_t i = 0; i < c->s.nproblems; i++) {
		free(c->s.problems[i].message);
		free(c->s.problems[i].hint);
	}
	free(c->s.problems);
	c->s.problems = NULL;
	c->s.nproblems = 0;
}

/* Judge, and compare with "CRITICAL id node, WARNING id" in that order. */
#define expect(c, want) expect_at(c, want, __LINE__)
static void
expect_at(struct scene *c, const char *want, int line)
{
	struct buf b = BUF_INIT;
	const struct status_problem *p;

	judge(c);
	for (size_t i = 0; i < c->s.nproblems; i++) {
		p = &c->s.problems[i];
		buf_addf(&b, "%s%s %s", i == 0 ? "" : ", ",
		    status_severity_name(p->severity), p->id);
		if (p->node >= 0)
			buf_addf(&b, " %s", c->s.nodes[p->node].name);
		assert_non_null(p->message);
		assert_int_not_equal(p->message[0], '\0');
		assert_int_not_equal(p->message[strlen(p->message) - 1], '.');
	}
	if (strcmp(buf_str(&b), want) != 0)
		fail_msg(
		    "line %d: \"%s\", not \"%s\"", line, buf_str(&b), want);
	buf_free(&b);
	done(c);
}

/* Judge; the first problem says this. */
#define expect_words(c, m, h) expect_words_at(c, m, h, __LINE__)
static void
expect_words_at(
    struct scene *c, const char *message, const char *hint, int line)
{
	const struct status_problem *p;

	judge(c);
	if (c->s.nproblems == 0)
		fail_msg("line %d: no problem", line);
	p = c->s.problems;
	if (strcmp(p->message, message) != 0)
		fail_msg("line %d: \"%s\"", line, p->message);
	if (hint != NULL && (p->hint == NULL || strcmp(p->hint, hint) != 0))
		fail_msg("line %d: hint \"%s\"", line,
		    p->hint == NULL ? "(none)" : p->hint);
	done(c);
}

static void
a_healthy_cluster_has_no_problem(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	expect(&c, "");
	assert_int_equal(c.s.severity, SEV_OK);
	c.s.n = 0; /* nobody at all */
	c.s.primary = -1;
	c.s.whole = false;
	expect(&c, "");
}

static void
two_names_of_one_primary_are_no_two_primaries(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	primary(&c.n[3], "localhost:5432");
	c.n[0].started_at = c.n[3].started_at = 900.25;
	c.n[0].listen_port = c.n[3].listen_port = 5432;
	c.s.n = 4;
	c.s.primary = 3;
	expect(&c, "");
	c.n[3].started_at = 900.5;
	expect(&c, "CRITICAL two-primaries");
	done(&c);
}

static void
two_primaries_of_one_system_are_critical(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	primary(&c.n[3], "node4");
	c.n[3].timeline = 2;
	c.n[3].host = T("db4");
	c.n[3].port = T("5433");
	c.s.n = 4;
	c.s.primary = 3;
	/* The standbys follow the old one. */
	expect(&c, "CRITICAL two-primaries");
	expect_words(&c,
	    "more than one node of the cluster takes writes: node1 (timeline "
	    "1, written 0/A3C1F60), node4 (timeline 2, written 0/A3C1F60)",
	    "Decide which one is right (by its timeline node4, db4:5433) and "
	    "stop the other (node1, db1:5432, by pg_ctl stop -m fast -D "
	    "PGDATA) at once; then make it a standby: standby-clone --delta "
	    "-h db4 -p 5433 -D PGDATA");
	/* Both of them are in it, and nobody else. */
	judge(&c);
	assert_int_equal(c.n[0].severity, SEV_CRITICAL);
	assert_int_equal(c.n[3].severity, SEV_CRITICAL);
	assert_int_equal(c.n[1].severity, SEV_OK);
	done(&c);

	/* Of another system: not two primaries. */
	c.s.primary = 0;
	c.n[3].system_identifier = 5;
	expect(&c, "CRITICAL system-identifier node4");
	/* The other one does not answer. */
	c.n[3].system_identifier = SYSTEM;
	c.n[3].reach = REACH_FAILED;
	expect(&c, "UNKNOWN unreachable node4");
	/* Before 9.6 nobody tells it: one major is the same, two are not. */
	c.n[3].reach = REACH_YES;
	for (int i = 0; i < 4; i++) {
		c.n[i].system_identifier = 0;
		c.n[i].version = 90524;
	}
	c.s.system_identifier = 0;
	expect(&c, "CRITICAL two-primaries");
	c.n[3].version = 90426;
	expect(&c, "");
}

static void
no_primary_is_critical_where_a_cluster_is_looked_at(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[0].reach = REACH_HUNG;
	c.n[0].reach_text = T("no answer within 5 s");
	c.n[2].received++;
	c.s.primary = -1;
	expect(&c, "CRITICAL no-primary, UNKNOWN hung node1");
	expect_words(&c, "no primary was found: node1 hangs",
	    "Look there first: a primary that does not answer may still take "
	    "writes. No standby has received more than node3: up to 0/A3C1F61. "
	    "What a promotion would do, without doing it: standby-promote "
	    "--candidate=best -n");
	c.n[1].reach = REACH_FAILED;
	expect_words(&c,
	    "no primary was found: node1 hangs, node2 does not answer", NULL);
	/* A standby alone. */
	c.n[1].reach = REACH_YES;
	c.s.whole = false;
	expect(&c, "UNKNOWN hung node1");
	/* All answer, all are standbys. */
	c.s.whole = true;
	standby(&c.n[0], "node1", -1);
	c.n[0].upstream = -1;
	expect_words(
	    &c, "no primary was found: none of the 3 that answer is one", NULL);
}

static void
a_primary_that_refuses_the_login_is_not_gone(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[0].reach = REACH_FAILED;
	c.n[0].alive = true;
	c.n[0].reach_text = T("FATAL: password authentication failed");
	c.s.primary = -1;
	expect(&c, "UNKNOWN no-primary, UNKNOWN unreachable node1");
	expect_words(&c, "no primary was found: node1 refuses the login",
	    "Mend the login first: a node that refuses it may well be the "
	    "primary.");
	c.s.whole = false;
	expect_words(&c,
	    "refuses the login: FATAL: password authentication failed", NULL);
	c.s.whole = true;
	c.n[0].alive = false;
	expect(&c, "CRITICAL no-primary, UNKNOWN unreachable node1");
	/* One of several is enough. */
	c.n[1].reach = REACH_FAILED;
	c.n[1].alive = true;
	expect(&c, "UNKNOWN no-primary, UNKNOWN unreachable node1, UNKNOWN "
		   "unreachable node2");
}

static void
a_node_of_another_cluster_is_critical_and_nothing_else(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].system_identifier = 12;
	c.n[2].replay_lag = c.n[2].receive_lag = 900 * MB;
	c.n[2].delay = 4000;
	c.n[2].paused = 1;
	c.n[2].timeline = c.n[2].receiver.timeline = 9;
	c.n[2].slots = c.slot;
	c.n[2].nslots = 1;
	c.slot[0].active = false;
	c.n[0].nslots = 0;
	expect(&c, "CRITICAL system-identifier node3");
	expect_words(&c,
	    "system identifier 12 is not 7281936400112233445: this is a node "
	    "of another cluster",
	    "Correct its address; what answers now is -h db1");
	/* Unknown is not different. */
	begin(&c);
	c.n[2].system_identifier = 0;
	expect(&c, "");
	c.n[1].system_identifier = 4;
	c.s.system_identifier = 0;
	expect(&c, "");
}

static void
a_standby_on_another_timeline_is_critical(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[0].timeline = 2;
	c.n[2].receiver.timeline = 2;
	expect(&c, "CRITICAL timeline node2");
	expect_words(&c, "timeline 1 is not that of node1, 2",
	    "On node2: standby-follow -h db1 -D PGDATA; it says whether the "
	    "histories "
	    "have forked.");
	/* The file has its directory: its name is enough. */
	c.n[1].conf_named = c.n[1].conf_pgdata = c.n[0].conf_named = true;
	expect_words(&c, "timeline 1 is not that of node1, 2",
	    "On node2: standby-follow node2; it says whether the histories "
	    "have forked.");
	c.s.file = "/etc/a b.conf";
	expect_words(&c, "timeline 1 is not that of node1, 2",
	    "On node2: standby-follow node2 -f '/etc/a b.conf'; it says "
	    "whether the histories have forked.");
	c.s.file = NULL;
	c.n[0].conf_named = false;
	expect_words(&c, "timeline 1 is not that of node1, 2",
	    "On node2: standby-follow node2 -h db1; it says whether the "
	    "histories have forked.");
	c.n[1].conf_named = c.n[1].conf_pgdata = false;
	/* Its lag is unknown for that very reason. */
	c.n[1].receive_lag = c.n[1].replay_lag = -1;
	c.n[1].delay = -1;
	c.n[1].forked = true;
	c.n[1].end_of = 0;
	expect(&c, "CRITICAL timeline node2");
	c.n[1].receive_lag = c.n[1].replay_lag = 0;
	c.n[1].delay = 0;
	c.n[1].forked = false;
	/* Unknown on one side. */
	c.n[0].timeline = 0;
	expect(&c, "");
	c.n[0].timeline = 2;
	c.n[1].timeline = c.n[1].receiver.timeline = 0;
	expect(&c, "");
	/* pg_control says 1, the receiver 2. */
	c.n[1].timeline = 1;
	c.n[1].receiver.timeline = 2;
	expect(&c, "");
	/* The receiver is hidden, pg_control may be behind it. */
	c.n[1].receiver = (struct status_receiver){.sight = SIGHT_HIDDEN};
	expect(&c, "UNKNOWN rights node2");
	/* No receiver: what pg_control says is no older than where it is. */
	c.n[1].receiver = (struct status_receiver){.sight = SIGHT_SEEN};
	c.n[1].sender = -1;
	c.n[1].state = "no receiver";
	c.n[1].outdated = true;
	expect(&c, "CRITICAL not-streaming node2");
	expect_words(&c, "no WAL receiver is running, WAL ends at 0/A3C1F60",
	    "Its server log says why: primary_conninfo (SHOW "
	    "primary_conninfo;), pg_hba.conf or the slot of the upstream, WAL "
	    "that is gone there. If it has missed a promotion, on node2: "
	    "standby-follow -h db1 -D PGDATA; where WAL is gone: "
	    "standby-clone --delta -h db1 -D PGDATA");
	c.n[1].timeline = 3;
	c.n[1].outdated = false;
	expect(&c, "CRITICAL timeline node2, CRITICAL not-streaming node2");
	/* Of another system, or not asked. */
	c.n[1].system_identifier = 4;
	expect(&c, "CRITICAL system-identifier node2");
	begin(&c);
	c.n[0].timeline = 2;
	c.n[2].receiver.timeline = 2;
	c.n[1].reach = REACH_NOT_ASKED;
	expect(&c, "");
}

static void
a_cascaded_standby_is_compared_with_its_own_upstream(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].upstream = 1;
	c.n[2].sender = 0;
	c.row[1].node = 2;
	c.n[1].senders = &c.row[1];
	c.n[1].nsenders = 1;
	c.n[0].nsenders = 1;
	expect(&c, "");
	c.n[1].receiver.timeline = 2;
	c.n[0].timeline = 2;
	expect(&c, "CRITICAL timeline node3");
	expect_words(&c, "timeline 1 is not that of node2, 2", NULL);
	/* The relay streams no more: what it knows may be old. */
	c.n[1].receiver = (struct status_receiver){.sight = SIGHT_SEEN};
	c.n[1].timeline = 1;
	c.n[1].sender = -1;
	c.n[1].state = "no receiver";
	c.n[1].outdated = true;
	c.n[0].nsenders = 0;
	c.n[2].receiver.timeline = 2;
	expect(&c, "CRITICAL few-standbys, CRITICAL not-streaming node2");
}

static void
an_expected_node_that_does_not_answer_is_unknown(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].reach = REACH_FAILED;
	c.n[2].reach_text = T("connection refused");
	c.n[2].reach_hint = T("Start it.");
	expect(&c, "UNKNOWN unreachable node3");
	expect_words(&c, "does not answer: connection refused", "Start it.");
	c.n[2].reach_hint = NULL;
	expect_words(&c, "does not answer: connection refused",
	    "Is the server running, does pg_hba.conf admit us? Try: psql -h "
	    "db1");
	c.n[2].reach = REACH_HUNG;
	c.n[2].reach_text = NULL;
	expect(&c, "UNKNOWN hung node3");
	expect_words(&c, "hangs",
	    "Is the server stopped, its host overloaded, its disk gone? Try: "
	    "psql -h db1");
	/* Nobody named it. */
	c.n[2].expected = false;
	expect(&c, "");
	c.n[2].reach = REACH_FAILED;
	expect(&c, "");
	c.n[2].reach = REACH_NOT_ASKED;
	c.n[2].expected = true;
	expect(&c, "");
}

static void
hidden_rows_are_unknown_once_per_node(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.row[0].hidden = c.row[1].hidden = true;
	c.row[0].state = c.row[1].state = NULL;
	c.n[0].senders_sight = SIGHT_HIDDEN;
	expect(&c, "UNKNOWN rights node1");
	expect_words(&c, "role mon may not see all of pg_stat_replication",
	    "On the primary, as a superuser: GRANT pg_monitor TO \"mon\";");
	c.n[0].user = T("a\"b");
	expect_words(&c, "role a\"b may not see all of pg_stat_replication",
	    "On the primary, as a superuser: GRANT pg_monitor TO \"a\"\"b\";");
	/* Both views of a relay; before 10. */
	c.n[1].senders = c.row;
	c.n[1].nsenders = 1;
	c.n[1].receiver.sight = SIGHT_HIDDEN;
	c.n[0].nsenders = 0;
	c.n[0].senders_sight = SIGHT_SEEN;
	c.n[1].sender = -1;
	c.n[1].version = 90624;
	expect(&c, "UNKNOWN rights node2");
	expect_words(&c,
	    "role mon may not see all of pg_stat_replication and "
	    "pg_stat_wal_receiver",
	    "Only a superuser may see it on this version: log in as one (-U), "
	    "or ALTER ROLE \"mon\" SUPERUSER;");
	/* Nothing is hidden where there is no row, and no receiver is asked of
	 * a primary. */
	begin(&c);
	c.n[1].senders_sight = SIGHT_HIDDEN;
	c.n[0].receiver.sight = SIGHT_HIDDEN;
	expect(&c, "");
}

static void
a_failed_statement_is_unknown(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].partial = T("slots: canceled");
	expect(&c, "UNKNOWN read-failed node2");
	expect_words(&c, "not everything could be read: slots: canceled", NULL);
	c.n[1].reach = REACH_FAILED;
	expect(&c, "UNKNOWN unreachable node2");
}

static void
no_receiver(struct status_node *n)
{
	n->receiver = (struct status_receiver){.sight = SIGHT_SEEN};
	n->sender = -1;
	n->state = "no receiver";
}

static void
a_standby_without_a_receiver_is_critical(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	no_receiver(&c.n[2]);
	expect(&c, "CRITICAL not-streaming node3");
	expect_words(&c, "no WAL receiver is running, WAL ends at 0/A3C1F60",
	    "Its server log says why: primary_conninfo (SHOW "
	    "primary_conninfo;), pg_hba.conf or the slot of the upstream, WAL "
	    "that is gone there. What is gone is made good by: standby-clone "
	    "--delta -h "
	    "db1 -D PGDATA");
	c.n[2].version = 110022;
	c.n[2].received = 0;
	c.n[0].version = 110022;
	expect_words(&c, "no WAL receiver is running",
	    "Its server log says why: primary_conninfo (recovery.conf), "
	    "pg_hba.conf or the slot of the upstream, WAL that is gone there. "
	    "What is gone is made good by: standby-clone --delta -h "
	    "db1 -D PGDATA");
	/* Hidden is not absent, and a node not asked has none to show. */
	c.n[2].receiver.sight = SIGHT_HIDDEN;
	expect(&c, "UNKNOWN rights node3");
	c.n[2].receiver.sight = SIGHT_SEEN;
	c.n[2].reach = REACH_NOT_ASKED;
	c.n[2].sender = 1;
	expect(&c, "");
}

static void
before_9_6_the_upstream_tells_who_does_not_stream(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	for (int i = 0; i < 3; i++) {
		c.n[i].version = 90524;
		c.n[i].receiver = (struct status_receiver){.sight = SIGHT_NONE};
	}
	expect(&c, "");
	c.n[2].sender = -1;
	c.n[0].nsenders = 1;
	expect(&c, "CRITICAL not-streaming node3");
	expect_words(&c,
	    "its upstream has no walsender for it, WAL ends at 0/A3C1F60",
	    NULL);
	/* Upstream unknown: nobody has it. */
	c.n[2].upstream = -1;
	expect(&c, "CRITICAL not-streaming node3");
	/* pg_receivewal feeds nobody. */
	c.n[1].reach = REACH_NOT_ASKED;
	c.n[1].role = ROLE_RECEIVEWAL;
	c.l.min_standbys = 0;
	expect(&c, "CRITICAL not-streaming node3");
	c.n[1].role = ROLE_STANDBY;
	/* A relay that was not asked may. */
	c.n[1].reach = REACH_NOT_ASKED;
	expect(&c, "");
	/* A row that may be it; one that may not. */
	c.n[1].reach = REACH_YES;
	c.n[2].upstream = 0;
	c.n[0].nsenders = 2;
	c.row[1].node = -1;
	expect(&c, "");
	c.row[1].logical = true;
	expect(&c, "CRITICAL not-streaming node3");
	/* A hidden row, an upstream that does not answer, 9.0. */
	c.row[0].hidden = true;
	expect(&c, "UNKNOWN rights node1");
	c.row[0].hidden = false;
	c.n[0].senders_sight = SIGHT_NONE;
	expect(&c, "");
	c.n[0].senders_sight = SIGHT_SEEN;
	c.n[0].reach = REACH_FAILED;
	c.s.primary = -1;
	c.s.whole = false;
	expect(&c, "UNKNOWN unreachable node1");
}

static void
what_is_not_yet_streaming_is_a_warning(void **state)
{
	static const struct {
		const char *row, *receiver, *want;
	} t[] = {
	    {"streaming", "streaming", ""},
	    {"startup", "streaming", "WARNING not-streaming node2"},
	    {"catchup", "streaming", "WARNING not-streaming node2"},
	    {"streaming", "waiting", "WARNING not-streaming node2"},
	    {"streaming", "starting", "WARNING not-streaming node2"},
	    {"streaming", "stopped", "CRITICAL not-streaming node2"},
	    {NULL, "streaming", ""},
	    {NULL, NULL, ""},
	};
	struct scene c;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		begin(&c);
		c.row[0].state = T(t[i].row);
		c.n[1].receiver.status = T(t[i].receiver);
		expect(&c, t[i].want);
	}
	begin(&c);
	c.row[0].state = T("catchup");
	c.n[1].receive_lag = 2 * MB;
	expect_words(&c,
	    "connected, but not streaming: catchup, 2 MB to receive",
	    "It is catching up; repl-status --watch shows how fast.");
	/* A node not asked is judged by its row; a base backup is no standby.
	 */
	c.n[1].reach = REACH_NOT_ASKED;
	c.n[1].receiver = (struct status_receiver){.sight = SIGHT_NONE};
	expect(&c, "WARNING not-streaming node2");
	c.row[0].state = T("backup");
	c.row[0].logical = true;
	expect(&c, "");
	c.row[0].logical = false;
	c.n[1].role = ROLE_RECEIVEWAL;
	expect(&c, "");
}

static void
a_sender_is_missing_only_when_all_rows_are_known(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].sender = -1;
	c.n[0].nsenders = 1;
	expect(&c, "CRITICAL sender-missing node3");
	expect_words(&c,
	    "its receiver streams, but node1 has no walsender for it",
	    "The connection may be dead on one side. As a superuser on node3: "
	    "SELECT pg_terminate_backend(pid) FROM pg_stat_wal_receiver; makes "
	    "it connect again.");
	/* A row without a node may be it. */
	c.n[0].nsenders = 2;
	c.row[1].node = -1;
	expect(&c, "");
	c.row[1].logical = true;
	expect(&c, "CRITICAL sender-missing node3");
	/* So may a node that is known from its row only, if its name fits. */
	c.row[1].logical = false;
	c.row[1].node = 3;
	c.row[1].application_name = T("walreceiver");
	standby(&c.n[3], "10.0.0.3", 1);
	c.n[3].expected = false;
	c.n[3].reach = REACH_NOT_ASKED;
	c.s.n = 4;
	expect(&c, "");
	c.n[2].receiver.application_name = T("walreceiver");
	expect(&c, "");
	c.n[2].receiver.application_name = T("other");
	expect(&c, "CRITICAL sender-missing node3");
	c.n[2].receiver.application_name = NULL;
	c.n[3].expected = true;
	expect(&c, "CRITICAL sender-missing node3");
	c.s.n = 3;
	c.row[1].logical = true;
	c.row[0].hidden = true;
	expect(&c, "UNKNOWN rights node1");
	c.row[0].hidden = false;
	c.n[0].senders_sight = SIGHT_NONE;
	expect(&c, "");
	c.n[0].senders_sight = SIGHT_SEEN;
	c.n[2].receiver.status = T("waiting");
	expect(&c, "WARNING not-streaming node3");
	c.n[2].receiver.status = T("streaming");
	c.n[2].upstream = -1;
	expect(&c, "");
	c.n[2].upstream = 1; /* a relay that was not asked */
	c.n[1].reach = REACH_NOT_ASKED;
	expect(&c, "");
}

static void
a_receiver_is_missing_when_its_absence_is_seen(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	no_receiver(&c.n[2]);
	c.n[2].sender = 1;
	expect(&c,
	    "CRITICAL not-streaming node3, CRITICAL receiver-missing node3");
	c.n[2].receiver.sight = SIGHT_HIDDEN;
	expect(&c, "UNKNOWN rights node3");
	c.n[2].receiver.sight = SIGHT_NONE;
	expect(&c, "");
	c.n[2].receiver.sight = SIGHT_SEEN;
	c.n[2].sender = -1;
	c.n[0].nsenders = 1;
	expect(&c, "CRITICAL not-streaming node3");
}

static void
lags_are_judged_at_the_exact_bound(void **state)
{
	static const struct {
		int64_t receive, replay;
		double delay;
		const char *want;
	} t[] = {
	    {16 * MB, 16 * MB, 30, ""},
	    {16 * MB + 1, 0, 0, "WARNING receive-lag node2"},
	    {128 * MB, 0, 0, "WARNING receive-lag node2"},
	    {128 * MB + 1, 0, 0, "CRITICAL receive-lag node2"},
	    {0, 16 * MB + 1, 0, "WARNING replay-lag node2"},
	    {0, 128 * MB, 0, "WARNING replay-lag node2"},
	    {0, 128 * MB + 1, 0, "CRITICAL replay-lag node2"},
	    {0, 0, 30.001, "WARNING delay node2"},
	    {0, 0, 300, "WARNING delay node2"},
	    {0, 0, 300.5, "CRITICAL delay node2"},
	    {0, 0, -1, ""},
	    {-1, -1, 31, "WARNING delay node2, UNKNOWN lag-unknown node2"},
	};
	struct scene c;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		begin(&c);
		c.n[1].receive_lag = t[i].receive;
		c.n[1].replay_lag = t[i].replay;
		c.n[1].delay = t[i].delay;
		expect(&c, t[i].want);
	}
}

static void
messages_name_the_value_and_the_limit(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].replay_lag = 21 * MB;
	expect_words(&c, "replay lag 21 MB is above 16 MB",
	    "long query on node2? SELECT pid, now() - xact_start, query FROM "
	    "pg_stat_activity WHERE state <> 'idle' ORDER BY 2 DESC;");
	c.n[1].version = 90124;
	expect_words(&c, "replay lag 21 MB is above 16 MB",
	    "long query on node2? SELECT procpid, now() - xact_start, "
	    "current_query FROM pg_stat_activity WHERE current_query <> "
	    "'<IDLE>' ORDER BY 2 DESC;");
	c.n[1].version = 0; /* not asked: that of its upstream */
	c.n[1].reach = REACH_NOT_ASKED;
	expect_words(&c, "replay lag 21 MB is above 16 MB",
	    "long query on node2? SELECT pid, now() - xact_start, query FROM "
	    "pg_stat_activity WHERE state <> 'idle' ORDER BY 2 DESC;");
	c.n[1].replay_lag = 16 * MB + 1;
	expect_words(&c, "replay lag 16777217 B is above 16777216 B", NULL);
	c.n[1].replay_lag = 0;
	c.n[1].delay = 41.2;
	expect_words(&c, "delay 41.2 s is above 30 s", NULL);
	c.n[1].delay = 30.001;
	expect_words(&c, "delay 30001 ms is above 30000 ms", NULL);
	c.n[1].delay = 0;
	c.n[1].receive_lag = 200 * MB;
	expect_words(&c, "receive lag 200 MB is above 128 MB",
	    "Network or disk of node2 too slow? On its upstream: SELECT * "
	    "FROM pg_stat_replication;");
}

static void
limits_have_every_shape(void **state)
{
	static const struct {
		const char *warn, *crit;
		int64_t lag;
		double delay;
		const char *want;
	} t[] = {
	    {"1MB", NULL, 2 * MB, 900, "WARNING replay-lag node2"},
	    {NULL, "1MB", 2 * MB, 900, "CRITICAL replay-lag node2"},
	    {"10s", NULL, 900 * MB, 11, "WARNING delay node2"},
	    {"10s", "1MB", 2 * MB, 11,
		"CRITICAL replay-lag node2, WARNING delay node2"},
	    {"1MB,10s", NULL, 2 * MB, 11,
		"WARNING replay-lag node2, WARNING delay node2"},
	    {"1MB:", NULL, MB - 1, 0, "WARNING replay-lag node2"},
	    {"1MB:", NULL, MB, 0, ""},
	    {"~:1MB", NULL, MB, 0, ""},
	    {"~:1MB", NULL, MB + 1, 0, "WARNING replay-lag node2"},
	    {"@1MB:2MB", NULL, MB, 0, "WARNING replay-lag node2"},
	    {"@1MB:2MB", NULL, 2 * MB, 0, "WARNING replay-lag node2"},
	    {"@1MB:2MB", NULL, 2 * MB + 1, 0, ""},
	    {NULL, NULL, 900 * MB, 9000, ""},
	    /* Only a time is asked of: then it has to be known. */
	    {"10s", NULL, 0, -1, "UNKNOWN lag-unknown node2"},
	    {"1MB", "10s", 0, -1, ""},
	};
	struct scene c;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		begin(&c);
		c.l.warning = c.l.critical =
		    (struct range_pair){.size.set = false};
		if (t[i].warn != NULL)
			assert_int_equal(
			    range_parse(t[i].warn, &c.l.warning, NULL), 0);
		if (t[i].crit != NULL)
			assert_int_equal(
			    range_parse(t[i].crit, &c.l.critical, NULL), 0);
		c.n[1].replay_lag = t[i].lag;
		c.n[1].delay = t[i].delay;
		for (int k = 1; k < 3; k++) /* not what is tested */
			c.n[k].receive_lag = c.l.warning.size.set ? MB : 0;
		if (c.l.warning.size.inside)
			c.n[1].receive_lag = c.n[2].receive_lag = 0;
		c.n[2].replay_lag = c.n[2].receive_lag;
		expect(&c, t[i].want);
	}
	begin(&c);
	assert_int_equal(range_parse("@1MB:2MB", &c.l.warning, NULL), 0);
	c.n[1].replay_lag = MB;
	expect_words(&c, "replay lag 1 MB is within 1 MB to 2 MB", NULL);
	assert_int_equal(range_parse("1MB:", &c.l.warning, NULL), 0);
	c.n[1].receive_lag = c.n[2].receive_lag = c.n[2].replay_lag = MB;
	c.n[1].replay_lag = 4096;
	expect_words(&c, "replay lag 4 kB is below 1 MB", NULL);
}

static void
a_delayed_standby_is_judged_by_what_exceeds_its_delay(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].apply_delay = 3600000;
	c.n[1].replay_lag = 900 * MB;
	c.n[1].delay = 3630;
	expect(&c, "");
	c.n[1].delay = 3650;
	expect(&c, "WARNING delay node2");
	expect_words(&c,
	    "delay beyond recovery_min_apply_delay 50 s is above 30 s", NULL);
	c.n[1].delay = 20; /* less than asked for is not negative */
	expect(&c, "");
	c.l.warning.time.inside = true; /* but nothing */
	c.n[2].delay = 31;
	expect(&c, "WARNING delay node2");
	c.n[2].delay = 0;
	c.l.warning.time.inside = false;
	c.n[1].receive_lag = 17 * MB;
	expect(&c, "WARNING receive-lag node2");
	c.n[1].receive_lag = 0;
	c.n[1].apply_delay = 0;
	expect(&c, "CRITICAL replay-lag node2");
}

static void
a_lag_that_cannot_be_told_is_unknown_and_never_zero(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].replay_lag = -1;
	c.n[1].replayed = 0;
	expect(&c, "UNKNOWN lag-unknown node2");
	expect_words(
	    &c, "its lag cannot be told: it has replayed nothing yet", NULL);
	c.n[1].end = 0;
	c.s.whole = false;
	expect_words(&c,
	    "its lag cannot be told: the end of the primary's WAL is unknown",
	    "Name the primary as well: repl-status -h PRIMARY -h db1");
	/* Another timeline than that of the primary, which its upstream has
	 * as well: that one has the problem, and this one no lag. */
	c.n[1].end = END;
	c.n[1].replayed = END;
	c.n[1].forked = true;
	c.n[0].timeline = 2;
	c.n[1].upstream = 2;
	c.n[1].sender = -1;
	c.n[2].senders_sight = SIGHT_NONE;
	expect(&c, "CRITICAL timeline node3, UNKNOWN lag-unknown node2");
	judge(&c);
	assert_string_equal(c.s.problems[1].message,
	    "its lag cannot be told: it is on timeline 1, node1 on 2");
	done(&c);
	begin(&c);
	c.s.whole = false;
	c.n[1].replay_lag = -1;
	c.n[1].replayed = c.n[1].end = 0;
	/* Of a node that was not asked nothing is expected. */
	c.n[1].reach = REACH_NOT_ASKED;
	expect(&c, "");
	c.n[1].reach = REACH_HUNG;
	expect(&c, "UNKNOWN hung node2");
}

static void
a_standby_that_gets_nothing_is_a_warning(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].stuck = true;
	c.n[1].stuck_for = 120;
	c.n[1].receive_lag = MB;
	expect(&c, "WARNING not-moving node2");
	expect_words(
	    &c, "connected, but nothing came for 2 min, 1 MB behind", NULL);
	c.n[1].stuck = false;
	expect(&c, "");
}

static void
a_paused_replay_is_a_warning_with_the_words_of_the_version(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].paused = 1;
	expect(&c, "WARNING replay-paused node2");
	c.n[1].replay_lag = 2 * MB;
	expect_words(&c, "replay is paused, 2 MB behind",
	    "On node2: SELECT pg_wal_replay_resume();");
	c.n[1].version = 90624;
	expect_words(&c, "replay is paused, 2 MB behind",
	    "On node2: SELECT pg_xlog_replay_resume();");
	c.n[1].replay_lag = 21 * MB;
	expect_words(&c, "replay lag 21 MB is above 16 MB",
	    "On node2: SELECT pg_xlog_replay_resume();");
	c.n[1].replay_lag = 0;
	c.n[1].paused = -1;
	expect(&c, "");
}

static void
too_few_standbys_are_critical_when_a_primary_is_seen(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.l.min_standbys = 2;
	expect(&c, "");
	c.l.min_standbys = 3;
	expect(&c, "CRITICAL few-standbys");
	expect_words(&c, "2 of 2 standbys stream, fewer than 3",
	    "Make one: standby-clone -h db1 -D PGDATA");
	c.l.min_standbys = 2;
	c.n[2].state = "catchup";
	c.row[1].state = T("catchup");
	expect(&c, "CRITICAL few-standbys, WARNING not-streaming node3");
	expect_words(
	    &c, "1 of 2 standbys stream, fewer than 2; node3: catchup", NULL);
	c.l.min_standbys = 1;
	expect(&c, "WARNING not-streaming node3");
	c.l.min_standbys = 0;
	c.s.n = 1;
	c.n[0].nsenders = 0;
	expect(&c, "");
	c.l.min_standbys = 1;
	expect(&c, "CRITICAL few-standbys");
	c.n[0].reach = REACH_FAILED;
	c.s.primary = -1;
	c.s.whole = false;
	expect(&c, "UNKNOWN unreachable node1");
	/* One that streams from a relay which does not gets nothing. */
	begin(&c);
	no_receiver(&c.n[1]);
	c.n[2].upstream = 1;
	c.n[2].sender = -1;
	c.n[1].senders_sight = SIGHT_NONE;
	c.n[0].nsenders = 0;
	expect(&c, "CRITICAL few-standbys, CRITICAL not-streaming node2");
	expect_words(&c,
	    "0 of 2 standbys stream, fewer than 1; node2: no receiver, node3 "
	    "below node2",
	    NULL);
	/* What does not answer may have been one. */
	begin(&c);
	c.l.min_standbys = 2;
	c.n[2].reach = REACH_FAILED;
	c.n[2].role = c.n[2].says = ROLE_UNKNOWN;
	c.n[2].state = "down";
	expect(&c, "CRITICAL few-standbys, UNKNOWN unreachable node3");
	expect_words(&c, "1 of 1 standbys stream, fewer than 2; node3: down",
	    "See what is said of those nodes; one that is gone for good is "
	    "made again by: standby-clone -h db1 -D PGDATA");
	/* One of another cluster, and pg_receivewal, are no standbys. */
	begin(&c);
	c.l.min_standbys = 2;
	c.n[2].role = ROLE_RECEIVEWAL;
	expect(&c, "CRITICAL few-standbys");
	c.n[2].role = ROLE_STANDBY;
	c.n[2].system_identifier = 3;
	expect(&c, "CRITICAL few-standbys, CRITICAL system-identifier node3");
}

static void
of_nodes_picked_out_a_number_is_asked_only_when_given(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.s.n = 1;
	c.n[0].nsenders = 0;
	c.s.whole = false;
	c.s.named_part = true;
	expect(&c, "");
	c.l.min_given = true;
	expect(&c, "CRITICAL few-standbys");
	expect_words(&c,
	    "0 of 0 standbys of the nodes looked at stream, fewer than 1",
	    NULL);
	c.s.named_part = c.l.min_given = false;
	expect(&c, "CRITICAL few-standbys");
}

static void
standbys_that_may_not_be_seen_are_not_too_few(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.s.n = 1;
	c.row[0] = (struct status_sender){.hidden = true, .node = -1};
	c.n[0].nsenders = 1;
	c.s.unseen = 1;
	expect(&c, "UNKNOWN rights node1");
	c.l.min_standbys = 2;
	expect(&c, "CRITICAL few-standbys, UNKNOWN rights node1");
	/* The hidden row is that of the standby which was counted. */
	c.s.n = 2;
	c.n[1].sender = -1;
	c.s.unseen = 0;
	expect(&c, "CRITICAL few-standbys, UNKNOWN rights node1");
	c.l.min_standbys = 1;
	expect(&c, "UNKNOWN rights node1");
	/* 9.0: nobody tells. */
	c.n[0].nsenders = 0;
	c.n[0].senders_sight = c.n[1].receiver.sight = SIGHT_NONE;
	c.n[1].state = "unknown";
	c.s.unseen = 1;
	expect(&c, "");
}

static void
a_lost_slot_is_critical(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].active = false;
	c.slot[0].wal_status = T("lost");
	c.slot[0].retained = 900 * MB;
	expect(&c, "CRITICAL slot-lost node1");
	expect_words(&c, "slot \"s'1\" is lost: the WAL that it kept is gone",
	    "Drop it on node1: SELECT pg_drop_replication_slot('s''1'); and on "
	    "its standby: standby-clone --delta -h db1 -D PGDATA");
	c.slot[0].invalid_reason = T("wal_removed");
	c.slot[0].wal_status = NULL;
	expect(&c, "CRITICAL slot-lost node1");
	c.slot[0].logical = true;
	expect_words(&c,
	    "slot \"s'1\" is lost (wal_removed): the WAL that it kept is gone",
	    "Drop it on node1: SELECT pg_drop_replication_slot('s''1'); and "
	    "let "
	    "its subscriber start anew.");
	c.slot[0].invalid_reason = NULL;
	c.slot[0].wal_status = T("extended");
	c.slot[0].active = true;
	expect(&c, "");
}

static void
an_unreserved_slot_is_a_warning(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].wal_status = T("unreserved");
	c.slot[0].retained = 33 * MB;
	expect(&c, "WARNING slot-unreserved node1");
	expect_words(&c,
	    "slot \"s'1\" has passed max_slot_wal_keep_size: the next "
	    "checkpoint may remove its WAL, it keeps 33 MB",
	    NULL);
	c.slot[0].wal_status = T("reserved");
	expect(&c, "");
	c.slot[0].wal_status = NULL;
	expect(&c, "");
}

static void
an_inactive_slot_is_a_warning_and_judged_by_its_size(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].active = false;
	c.slot[0].retained = 16 * MB;
	expect(&c, "WARNING slot-inactive node1");
	expect_words(&c, "slot \"s'1\" is not in use and keeps 16 MB of WAL",
	    "Start what uses it, or drop it on node1: SELECT "
	    "pg_drop_replication_slot('s''1');");
	c.slot[0].retained = 17 * MB;
	expect(&c, "WARNING slot-retains node1");
	c.slot[0].retained = 129 * MB;
	expect(&c, "CRITICAL slot-retains node1");
	expect_words(&c,
	    "inactive slot \"s'1\" keeps 129 MB of WAL, above 128 MB", NULL);
	c.slot[0].retained = -1;
	expect(&c, "WARNING slot-inactive node1");
	/* A slot that keeps little is never too small. */
	assert_int_equal(range_parse("1kB:", &c.l.warning, NULL), 0);
	c.slot[0].retained = 0;
	for (int i = 1; i < 3; i++)
		c.n[i].receive_lag = c.n[i].replay_lag = 1024;
	expect(&c, "WARNING slot-inactive node1");
	begin(&c);
	c.slot[0].active = false;
	c.slot[0].retained = 900 * MB;
	c.slot[0].temporary = true;
	expect(&c, "");
	c.slot[0].temporary = false;
	c.slot[0].synced = true;
	expect(&c, "");
	c.slot[0].synced = false;
	c.slot[0].active = true;
	expect(&c, "");
}

/* What keeps WAL for a standby that comes again is never to be dropped. */
static void
the_slot_of_a_node_is_not_to_be_dropped(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].active = false;
	c.slot[0].name = T("node3");
	c.n[2].reach = REACH_FAILED;
	c.n[2].role = c.n[2].says = ROLE_UNKNOWN;
	c.n[2].state = "down";
	c.n[0].nsenders = 1;
	expect_words(&c, "slot \"node3\" is not in use and keeps 0 B of WAL",
	    "It keeps WAL for node3: start node3.");
	c.slot[0].retained = 200 * MB;
	expect_words(&c,
	    "inactive slot \"node3\" keeps 200 MB of WAL, above 128 MB",
	    "It keeps WAL for node3: start node3.");
	/* By the file; then its name says nothing. */
	c.n[2].conf_slot = T("other");
	expect_words(&c,
	    "inactive slot \"node3\" keeps 200 MB of WAL, above 128 MB",
	    "Start what uses it, or drop it on node1: SELECT "
	    "pg_drop_replication_slot('node3');");
	c.slot[0].name = T("other");
	expect_words(&c,
	    "inactive slot \"other\" keeps 200 MB of WAL, above 128 MB",
	    "It keeps WAL for node3: start node3.");
	c.n[2].alive = true;
	expect_words(&c,
	    "inactive slot \"other\" keeps 200 MB of WAL, above 128 MB",
	    "It keeps WAL for node3: mend the connection of node3.");
	/* By the receiver, which has another upstream now. */
	begin(&c);
	c.slot[0].active = false;
	c.n[2].receiver.slot = T("s'1");
	expect_words(&c, "slot \"s'1\" is not in use and keeps 0 B of WAL",
	    "It keeps WAL for node3, which streams without it: set "
	    "primary_slot_name there.");
	c.slot[0].logical = true;
	expect_words(&c, "slot \"s'1\" is not in use and keeps 0 B of WAL",
	    "Start what uses it, or drop it on node1: SELECT "
	    "pg_drop_replication_slot('s''1');");
}

/* The first problem of that id and node. */
static const struct status_problem *
problem(const struct scene *c, const char *id, int node)
{
	for (size_t i = 0; i < c->s.nproblems; i++)
		if (strcmp(c->s.problems[i].id, id) == 0 &&
		    c->s.problems[i].node == node)
			return &c->s.problems[i];
	fail_msg("no %s of node %d", id, node);
	return NULL;
}

/* What a switchover leaves on the old primary, node2 here. */
static void
the_slot_on_an_old_primary_is_to_be_dropped(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].active = false;
	c.n[1].slots = c.slot;
	c.n[1].nslots = 1;
	c.n[0].nslots = 0;
	c.slot[0].name = T("node1");
	expect_words(&c, "slot \"node1\" is not in use and keeps 0 B of WAL",
	    "node1, which it kept WAL for, is the primary now. Drop it on "
	    "node2: SELECT pg_drop_replication_slot('node1');");
	c.slot[0].name = T("node3");
	c.n[2].upstream = 0;
	expect_words(&c, "slot \"node3\" is not in use and keeps 0 B of WAL",
	    "node3, which it kept WAL for, streams from node1 now. Drop it on "
	    "node2: SELECT pg_drop_replication_slot('node3');");
	/* It is to come back, says the file; or it is down, and nobody knows.
	 */
	c.n[2].conf_upstream = T("node2");
	expect_words(&c, "slot \"node3\" is not in use and keeps 0 B of WAL",
	    "It keeps WAL for node3, which streams from node1: see "
	    "primary_conninfo there.");
	c.n[2].conf_upstream = NULL;
	c.n[2].reach = REACH_FAILED;
	c.n[2].role = c.n[2].says = ROLE_UNKNOWN;
	c.n[2].state = "down";
	c.n[0].nsenders = 1;
	expect_words(&c, "slot \"node3\" is not in use and keeps 0 B of WAL",
	    "It keeps WAL for node3: start node3.");
	/* Two primaries: which one is right is said elsewhere. */
	begin(&c);
	c.slot[0].active = false;
	c.slot[0].name = T("node2");
	c.n[1].role = c.n[1].says = ROLE_PRIMARY;
	judge(&c);
	assert_string_equal(problem(&c, "slot-inactive", 0)->hint,
	    "It keeps WAL for node2, which is a primary, too.");
	done(&c);
}

/* node3 streams from node2 by a slot of the same name there. */
static void
the_slot_of_a_standby_that_cascades_is_left_over(void **state)
{
	static const char message[] =
	    "slot \"node3\" is not in use and keeps 0 B of WAL";
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].active = false;
	c.slot[0].name = T("node3");
	c.n[2].upstream = 1;
	c.n[2].sender = 0;
	c.n[2].receiver.slot = T("node3");
	c.row[1].node = 2;
	c.n[1].senders = &c.row[1];
	c.n[1].nsenders = 1;
	c.n[0].nsenders = 1;
	expect_words(&c, message,
	    "node3, which it kept WAL for, streams from node2 now. Drop it on "
	    "node1: SELECT pg_drop_replication_slot('node3');");
	/* It is to come back, or only one side says so. */
	c.n[2].conf_upstream = T("node1");
	expect_words(&c, message,
	    "It keeps WAL for node3, which streams from node2: see "
	    "primary_conninfo there.");
	c.n[2].conf_upstream = NULL;
	c.n[2].reach = REACH_NOT_ASKED;
	expect_words(&c, message,
	    "It keeps WAL for node3, which streams from node2: see "
	    "primary_conninfo there.");
}

static void
replay_lag_is_what_has_come_and_is_not_replayed(void **state)
{
	static const struct {
		int64_t receive, replay;
		const char *want;
	} t[] = {
	    {50 * MB, 50 * MB, "WARNING receive-lag node2"},
	    {50 * MB, 66 * MB, "WARNING receive-lag node2"},
	    {50 * MB, 66 * MB + 1,
		"WARNING receive-lag node2, WARNING replay-lag node2"},
	    /* Nothing is lost when it is the sum that is too much. */
	    {10 * MB, 20 * MB, "WARNING replay-lag node2"},
	    {120 * MB, 130 * MB,
		"CRITICAL replay-lag node2, WARNING receive-lag node2"},
	    {200 * MB, 210 * MB, "CRITICAL receive-lag node2"},
	    {-1, 50 * MB,
		"WARNING replay-lag node2, UNKNOWN lag-unknown node2"},
	};
	struct scene c;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		begin(&c);
		c.n[1].receive_lag = t[i].receive;
		c.n[1].replay_lag = t[i].replay;
		expect(&c, t[i].want);
	}
}

static void
one_cause_is_named_by_all_that_follow_from_it(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	/* node2 has no receiver, node3 is below it. */
	no_receiver(&c.n[1]);
	c.n[2].upstream = 1;
	c.n[2].sender = -1;
	c.n[1].senders_sight = SIGHT_NONE;
	c.n[0].nsenders = 0;
	for (int i = 1; i < 3; i++) {
		c.n[i].receive_lag = c.n[i].replay_lag = 50 * MB;
		c.n[i].delay = 40;
	}
	c.l.min_standbys = 0;
	expect(&c, "CRITICAL not-streaming node2, "
		   "WARNING receive-lag node2, WARNING receive-lag node3, "
		   "WARNING delay node2, WARNING delay node3");
	judge(&c);
	assert_string_equal(problem(&c, "receive-lag", 1)->hint,
	    "No WAL receiver is running on node2: that comes first.");
	assert_null(problem(&c, "delay", 1)->hint); /* the same */
	assert_string_equal(problem(&c, "receive-lag", 2)->hint,
	    "Its upstream node2 has no WAL receiver: mend that first.");
	assert_null(problem(&c, "delay", 2)->hint);
	done(&c);
	/* A hanging one keeps its connections. */
	c.n[1].reach = REACH_HUNG;
	c.n[1].state = "hung";
	judge(&c);
	assert_string_equal(problem(&c, "receive-lag", 2)->hint,
	    "Its upstream node2 hangs: mend that first.");
	done(&c);
	/* The resume statement of a paused one is said once. */
	begin(&c);
	c.n[1].paused = 1;
	c.n[1].replay_lag = 200 * MB;
	c.n[1].delay = 31;
	judge(&c);
	assert_string_equal(problem(&c, "replay-lag", 1)->hint,
	    "On node2: SELECT pg_wal_replay_resume();");
	assert_null(problem(&c, "delay", 1)->hint);
	assert_null(problem(&c, "replay-paused", 1)->hint);
	done(&c);
}

static void
a_silent_upstream_is_why_its_standbys_do_not_stream(void **state)
{
	struct scene c;
	const char *hint;

	(void)state;
	begin(&c);
	c.n[0].reach = REACH_FAILED;
	c.s.primary = -1;
	no_receiver(&c.n[1]);
	no_receiver(&c.n[2]);
	c.n[2].upstream = -1;
	judge(&c);
	assert_string_equal(problem(&c, "not-streaming", 1)->hint,
	    "Its upstream node1 does not answer: mend that first.");
	assert_string_equal(problem(&c, "not-streaming", 2)->hint,
	    "node1, which is probably its upstream, does not answer: mend "
	    "that first.");
	done(&c);
	/* It refuses us, not its standbys. */
	c.n[0].alive = true;
	judge(&c);
	for (int i = 1; i < 3; i++) {
		hint = problem(&c, "not-streaming", i)->hint;
		assert_non_null(strstr(hint, "Its server log says why"));
	}
	done(&c);
}

static void
where_only_time_counts_an_unknown_delay_is_unknown(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.l.warning.size.set = c.l.critical.size.set = false;
	c.n[1].reach = REACH_NOT_ASKED;
	c.n[1].expected = false;
	c.n[1].host = T("10.0.0.2");
	c.n[1].replay_lag = 50 * MB;
	c.n[1].delay = -1;
	expect(&c, "UNKNOWN lag-unknown node2");
	expect_words(&c,
	    "its delay cannot be told: only the row of node1 tells of it, it "
	    "was not asked",
	    "Name it as well: -h 10.0.0.2 -p PORT, or give a size: -w "
	    "16MB,30s");
	c.n[1].delay = 0;
	expect(&c, "");
	c.n[1].delay = -1;
	c.l.warning.size.set = true;
	expect(&c, "WARNING replay-lag node2");
	c.l.warning = c.l.critical = (struct range_pair){.size.set = false};
	expect(&c, "");
}

static void
the_worst_comes_first_and_the_cluster_before_its_nodes(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.l.min_standbys = 3;
	c.n[2].paused = 1;
	c.n[1].paused = 1;
	c.n[1].replay_lag = 200 * MB;
	c.n[2].receive_lag = 17 * MB;
	c.n[2].partial = T("x");
	expect(&c, "CRITICAL few-standbys, CRITICAL replay-lag node2, "
		   "WARNING receive-lag node3, WARNING replay-paused node2, "
		   "WARNING replay-paused node3, UNKNOWN read-failed node3");
	assert_int_equal(c.s.severity, SEV_CRITICAL);
	assert_int_equal(c.n[0].severity, SEV_OK);
	assert_int_equal(c.n[1].severity, SEV_CRITICAL);
	assert_int_equal(c.n[2].severity, SEV_WARNING);
	/* UNKNOWN is less than a warning, more than nothing. */
	begin(&c);
	c.n[2].partial = T("x");
	expect(&c, "UNKNOWN read-failed node3");
	assert_int_equal(c.s.severity, SEV_UNKNOWN);
	assert_int_equal(c.n[2].severity, SEV_UNKNOWN);
}

static void
a_second_verdict_replaces_the_first(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].paused = 1;
	judge(&c);
	judge(&c);
	assert_int_equal(c.s.nproblems, 1);
	c.n[1].paused = 0;
	judge(&c);
	assert_int_equal(c.s.nproblems, 0);
	assert_null(c.s.problems);
	assert_int_equal(c.s.severity, SEV_OK);
	assert_int_equal(c.n[1].severity, SEV_OK);
}

static void
a_standby_that_is_ahead_of_the_primary_is_critical(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].received = END + 0x100;
	c.n[1].clamped = true;
	c.n[1].end_of = 0;
	expect(&c, ""); /* the primary may have been read first */
	c.n[1].ahead = true;
	c.n[1].receive_lag = c.n[1].replay_lag = -1;
	c.n[1].delay = -1;
	expect(&c, "CRITICAL ahead node2");
	expect_words(&c,
	    "it has WAL up to 0/A3C2060, node1 has written up to 0/A3C1F60 "
	    "only",
	    "The histories may have split: compare SELECT timeline_id FROM "
	    "pg_control_checkpoint(); on both. When node1 is right, on node2: "
	    "standby-clone --delta -h db1 -D PGDATA");
	c.n[1].system_identifier = 4;
	expect(&c, "CRITICAL system-identifier node2");
}

static void
a_standby_of_nobody_known_is_a_warning(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].upstream = c.n[2].sender = -1;
	c.n[0].nsenders = 1;
	c.n[2].receiver.host = T("db9");
	c.n[2].receiver.port = T("5433");
	expect(&c, "");
	c.n[2].strayed = true;
	expect(&c, "WARNING foreign-upstream node3");
	expect_words(&c, "it streams from db9:5433, which is none of the nodes",
	    "Is that another primary? Name it as well: -h db9 -p 5433. If it "
	    "should follow node1, on node3: standby-follow -h db1 -D PGDATA");
	/* It does not count; count() of this test does not know that. */
	c.s.n = 3;
	c.l.min_standbys = 2;
	count(&c.s);
	c.s.streaming = 1;
	assert_int_equal(verdict_judge(&c.s, &c.l), 0);
	assert_string_equal(c.s.problems[0].id, "few-standbys");
	assert_string_equal(c.s.problems[0].message,
	    "1 of 2 standbys stream, fewer than 2; node3 streams from "
	    "elsewhere");
	done(&c);
}

static void
a_receiver_that_hears_nothing_is_critical(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].receiver.heard = 200;
	expect(&c, "");
	c.n[1].silent = true;
	c.n[1].receive_lag = c.n[1].replay_lag = -1;
	expect(&c, "CRITICAL receiver-silent node2");
	expect_words(&c,
	    "its receiver streams, but has heard nothing for 3 min 20 s",
	    "Is its walsender on node1 stopped, the network path dead? As a "
	    "superuser on node2: SELECT pg_terminate_backend(pid) FROM "
	    "pg_stat_wal_receiver; makes it connect again. "
	    "wal_receiver_timeout should not be 0.");
}

static void
synchronous_standbys_that_are_asked_for_must_stream(void **state)
{
	static const struct {
		const char *names, *a, *b, *state, *want;
	} t[] = {
	    {NULL, "async", "async", "streaming", ""},
	    {" ", "async", "async", "streaming", ""},
	    {"a, b", "sync", "potential", "streaming", ""},
	    {"a, b", "async", "async", "streaming",
		"CRITICAL no-sync-standby node1"},
	    {"first", "sync", "async", "streaming", ""},
	    {"any (a)", "async", "potential", "streaming",
		"CRITICAL no-sync-standby node1"},
	    {"FIRST 2 (a, b)", "sync", "sync", "streaming", ""},
	    {"FIRST 2 (a, b)", "sync", "async", "streaming",
		"CRITICAL no-sync-standby node1"},
	    {"any 2(a, b)", "quorum", "quorum", "streaming", ""},
	    {"2 (a, b)", "sync", "async", "streaming",
		"CRITICAL no-sync-standby node1"},
	    {"*", "sync", "async", "catchup",
		"CRITICAL no-sync-standby node1, WARNING not-streaming "
		"node2"},
	};
	struct scene c;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		begin(&c);
		c.n[0].synchronous_names = T(t[i].names);
		c.row[0].sync_state = T(t[i].a);
		c.row[1].sync_state = T(t[i].b);
		c.row[0].state = T(t[i].state);
		expect(&c, t[i].want);
	}
	begin(&c);
	c.n[0].synchronous_names = T("a");
	expect_words(&c,
	    "commits wait: 0 synchronous standbys stream, "
	    "synchronous_standby_names (a) asks for 1",
	    "Start one of them or, to wait for nobody, on node1: ALTER SYSTEM "
	    "SET synchronous_standby_names = ''; SELECT pg_reload_conf();");
	c.row[1].hidden = true;
	expect(&c, "UNKNOWN rights node1");
	c.row[1].hidden = false;
	c.n[0].partial = T("rows: too many");
	expect(&c, "UNKNOWN read-failed node1");
	/* A standby has the setting, too, and waits for nobody. */
	begin(&c);
	c.n[1].synchronous_names = T("a");
	expect(&c, "");
}

static void
a_slot_in_use_is_judged_when_the_lag_of_its_user_is_not(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.slot[0].retained = 900 * MB;
	expect(&c, ""); /* node2 uses it */
	c.row[0].node = -1;
	c.row[0].application_name = T("arc");
	expect(&c, "CRITICAL slot-retains node1");
	expect_words(&c,
	    "active slot \"s'1\" keeps 900 MB of WAL, above 128 MB",
	    "What reads it is slow or stands still (arc, pid 100). On node1: "
	    "SELECT * FROM pg_stat_replication;");
	c.slot[0].retained = 16 * MB;
	expect(&c, "");
	c.slot[0].retained = 900 * MB;
	c.slot[0].wal_status = T("unreserved");
	expect(&c, "WARNING slot-unreserved node1");
	/* A subscriber that has confirmed nearly all: one step milder. */
	begin(&c);
	c.slot[0].logical = c.row[0].logical = true;
	c.row[0].node = -1;
	c.slot[0].retained = 900 * MB;
	expect(&c, "CRITICAL slot-retains node1");
	c.row[0].flush = END;
	expect(&c, "WARNING slot-retains node1");
	c.slot[0].retained = 20 * MB;
	expect(&c, "");
	c.row[0].flush = END - 17 * MB;
	expect(&c, "WARNING slot-retains node1");
}

static void
the_lag_of_receivewal_is_judged(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].role = ROLE_RECEIVEWAL;
	c.n[2].reach = REACH_NOT_ASKED;
	c.n[2].replay_lag = -1;
	c.n[2].receive_lag = 16 * MB;
	expect(&c, "");
	c.n[2].receive_lag = 17 * MB;
	expect(&c, "WARNING receive-lag node3");
}

static void
who_asks_for_a_primary_is_told_that_it_is_gone(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.s.n = 1;
	c.s.whole = false;
	c.s.primary = -1;
	c.n[0].role = c.n[0].says = ROLE_UNKNOWN;
	c.n[0].reach = REACH_FAILED;
	expect(&c, "UNKNOWN unreachable node1");
	c.n[0].named_primary = true;
	expect(&c, "CRITICAL no-primary, UNKNOWN unreachable node1");
	c.n[0].alive = true;
	expect(&c, "UNKNOWN no-primary, UNKNOWN unreachable node1");
	c.n[0].alive = c.n[0].named_primary = false;
	c.s.last_primary = "node2";
	expect(&c, "UNKNOWN unreachable node1");
	c.s.last_primary = "node1";
	expect(&c, "CRITICAL no-primary, UNKNOWN unreachable node1");
}

static void
who_looks_at_standbys_of_another_server_misses_no_primary(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.s.nodes = &c.n[1];
	c.s.n = 2;
	c.s.primary = -1;
	for (int i = 1; i < 3; i++) {
		c.n[i].upstream = c.n[i].sender = -1;
		c.n[i].port = T(i == 1 ? "5433" : "5434");
	}
	expect(&c, "CRITICAL no-primary");
	c.n[1].receiver.host = T("db9");
	c.n[1].receiver.port = T("5432");
	expect(&c, "");
	/* One that hears nothing tells of nobody who lives. */
	c.n[1].silent = true;
	expect(&c, "CRITICAL no-primary, CRITICAL receiver-silent node2");
	c.n[1].silent = false;
	/* A silent node may be that server, by another name. */
	c.n[2].role = c.n[2].says = ROLE_UNKNOWN;
	c.n[2].reach = REACH_HUNG;
	c.n[2].port = T("5432");
	expect(&c, "CRITICAL no-primary, UNKNOWN hung node3");
}

static void
a_silent_node_that_nobody_feeds_does_not_stream(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[2].role = c.n[2].says = ROLE_UNKNOWN;
	c.n[2].reach = REACH_FAILED;
	c.n[2].receiver = (struct status_receiver){.sight = SIGHT_NONE};
	c.n[2].senders_sight = SIGHT_NONE;
	c.n[2].sender = -1;
	c.n[2].state = "down";
	c.n[0].nsenders = 1;
	expect(&c, "CRITICAL not-streaming node3, UNKNOWN unreachable node3");
	expect_words(&c, "node1 has no walsender for it",
	    "Start it; one that is gone for good is to be taken out of the "
	    "file.");
	c.n[2].upstream = -1;
	expect_words(&c, "no node has a walsender for it", NULL);
	/* A row that may be it; rows that are not seen; nobody named it. */
	c.n[0].nsenders = 2;
	c.row[1].node = -1;
	expect(&c, "UNKNOWN unreachable node3");
	c.n[0].nsenders = 1;
	c.n[0].senders_sight = SIGHT_NONE;
	expect(&c, "UNKNOWN unreachable node3");
	c.n[0].senders_sight = SIGHT_SEEN;
	c.n[2].expected = false;
	expect(&c, "");
}

static void
a_delayed_standby_is_judged_where_no_time_is_asked_of_it(void **state)
{
	struct scene c;

	(void)state;
	begin(&c);
	c.n[1].apply_delay = 3600000;
	c.n[1].replay_lag = 900 * MB;
	c.n[1].delay = -1;
	expect(&c, "UNKNOWN lag-unknown node2");
	c.l.warning.time.set = c.l.critical.time.set = false;
	expect(&c, "UNKNOWN lag-unknown node2");
	c.n[1].delay = 3500;
	expect(&c, "");
	c.n[1].delay = 3700;
	expect(&c, "CRITICAL replay-lag node2");
	c.n[1].apply_delay = 0;
	c.n[1].replay_lag = 0;
	c.n[1].delay = -1;
	expect(&c, "");
}

static void
a_problem_that_is_added_keeps_the_order(void **state)
{
	static const char *const want[] = {
	    "no-primary", "overlap", "receive-lag", "state-file", "hung"};
	struct scene c;

	(void)state;
	begin(&c);
	assert_int_equal(
	    status_add_problem(&c.s, "overlap", SEV_UNKNOWN, "m", NULL), 0);
	assert_int_equal(c.s.severity, SEV_UNKNOWN);
	assert_int_equal(c.s.nproblems, 1);
	assert_int_equal(c.s.problems[0].node, -1);
	done(&c);
	c.n[0].reach = REACH_HUNG;
	c.s.primary = -1;
	c.n[1].receive_lag = 17 * MB;
	judge(&c);
	assert_int_equal(
	    status_add_problem(&c.s, "state-file", SEV_UNKNOWN, "m", "h"), 0);
	assert_int_equal(c.s.severity, SEV_CRITICAL);
	assert_int_equal(
	    status_add_problem(&c.s, "overlap", SEV_CRITICAL, "m", NULL), 0);
	assert_int_equal(c.s.nproblems, NELEM(want));
	for (size_t i = 0; i < NELEM(want); i++)
		assert_string_equal(c.s.problems[i].id, want[i]);
	assert_string_equal(c.s.problems[3].hint, "h");
	done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_healthy_cluster_has_no_problem),
	    cmocka_unit_test(two_names_of_one_primary_are_no_two_primaries),
	    cmocka_unit_test(two_primaries_of_one_system_are_critical),
	    cmocka_unit_test(
		no_primary_is_critical_where_a_cluster_is_looked_at),
	    cmocka_unit_test(a_primary_that_refuses_the_login_is_not_gone),
	    cmocka_unit_test(
		a_node_of_another_cluster_is_critical_and_nothing_else),
	    cmocka_unit_test(a_standby_on_another_timeline_is_critical),
	    cmocka_unit_test(
		a_cascaded_standby_is_compared_with_its_own_upstream),
	    cmocka_unit_test(an_expected_node_that_does_not_answer_is_unknown),
	    cmocka_unit_test(hidden_rows_are_unknown_once_per_node),
	    cmocka_unit_test(a_failed_statement_is_unknown),
	    cmocka_unit_test(a_standby_without_a_receiver_is_critical),
	    cmocka_unit_test(before_9_6_the_upstream_tells_who_does_not_stream),
	    cmocka_unit_test(what_is_not_yet_streaming_is_a_warning),
	    cmocka_unit_test(a_sender_is_missing_only_when_all_rows_are_known),
	    cmocka_unit_test(a_receiver_is_missing_when_its_absence_is_seen),
	    cmocka_unit_test(lags_are_judged_at_the_exact_bound),
	    cmocka_unit_test(messages_name_the_value_and_the_limit),
	    cmocka_unit_test(limits_have_every_shape),
	    cmocka_unit_test(
		a_delayed_standby_is_judged_by_what_exceeds_its_delay),
	    cmocka_unit_test(
		a_lag_that_cannot_be_told_is_unknown_and_never_zero),
	    cmocka_unit_test(a_standby_that_gets_nothing_is_a_warning),
	    cmocka_unit_test(
		a_paused_replay_is_a_warning_with_the_words_of_the_version),
	    cmocka_unit_test(
		too_few_standbys_are_critical_when_a_primary_is_seen),
	    cmocka_unit_test(
		of_nodes_picked_out_a_number_is_asked_only_when_given),
	    cmocka_unit_test(standbys_that_may_not_be_seen_are_not_too_few),
	    cmocka_unit_test(
		a_standby_that_is_ahead_of_the_primary_is_critical),
	    cmocka_unit_test(a_standby_of_nobody_known_is_a_warning),
	    cmocka_unit_test(a_receiver_that_hears_nothing_is_critical),
	    cmocka_unit_test(
		synchronous_standbys_that_are_asked_for_must_stream),
	    cmocka_unit_test(
		a_slot_in_use_is_judged_when_the_lag_of_its_user_is_not),
	    cmocka_unit_test(the_lag_of_receivewal_is_judged),
	    cmocka_unit_test(who_asks_for_a_primary_is_told_that_it_is_gone),
	    cmocka_unit_test(
		who_looks_at_standbys_of_another_server_misses_no_primary),
	    cmocka_unit_test(a_silent_node_that_nobody_feeds_does_not_stream),
	    cmocka_unit_test(
		a_delayed_standby_is_judged_where_no_time_is_asked_of_it),
	    cmocka_unit_test(a_problem_that_is_added_keeps_the_order),
	    cmocka_unit_test(a_lost_slot_is_critical),
	    cmocka_unit_test(an_unreserved_slot_is_a_warning),
	    cmocka_unit_test(
		an_inactive_slot_is_a_warning_and_judged_by_its_size),
	    cmocka_unit_test(the_slot_of_a_node_is_not_to_be_dropped),
	    cmocka_unit_test(the_slot_on_an_old_primary_is_to_be_dropped),
	    cmocka_unit_test(the_slot_of_a_standby_that_cascades_is_left_over),
	    cmocka_unit_test(replay_lag_is_what_has_come_and_is_not_replayed),
	    cmocka_unit_test(one_cause_is_named_by_all_that_follow_from_it),
	    cmocka_unit_test(
		a_silent_upstream_is_why_its_standbys_do_not_stream),
	    cmocka_unit_test(
		where_only_time_counts_an_unknown_delay_is_unknown),
	    cmocka_unit_test(
		the_worst_comes_first_and_the_cluster_before_its_nodes),
	    cmocka_unit_test(a_second_verdict_replaces_the_first),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
