/* What changed since the last look, and what a last look may not say. */
#include "base/std.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "core/trend.h"

#define T(text) ((char *)(uintptr_t)(text))
#define SYSTEM UINT64_C(77)

/* A primary and a standby that is 1000 bytes behind. */
struct scene {
	struct status s;
	struct status_node n[2];
	struct status_problem p[3];
};

static void
begin(struct scene *c)
{
	memset(c, 0, sizeof(*c));
	c->n[0] = (struct status_node){
	    .name = T("node1"),
	    .role = ROLE_PRIMARY,
	    .reach = REACH_YES,
	    .version = 150018,
	    .timeline = 3,
	    .clock = 1000,
	    .written = 10000,
	    .end = 10000,
	    .receive_lag = -1,
	    .replay_lag = -1,
	    .upstream_lag = -1,
	};
	c->n[1] = (struct status_node){
	    .name = T("node2"),
	    .role = ROLE_STANDBY,
	    .reach = REACH_YES,
	    .version = 150018,
	    .clock = 2000, /* another clock */
	    .received = 9500,
	    .replayed = 9000,
	    .end = 10000,
	    .state = "streaming",
	    .receive_lag = 500,
	    .replay_lag = 1000,
	    .upstream_lag = 500,
	};
	c->s = (struct status){
	    .time = 1000,
	    .nodes = c->n,
	    .n = 2,
	    .primary = 0,
	    .system_identifier = SYSTEM,
	    .problems = c->p,
	};
}

/* `secs` later the primary has written, the standby received and replayed. */
static void
pass(struct scene *c, double secs, uint64_t written, uint64_t received,
    uint64_t replayed)
{
	c->s.time += secs;
	c->n[0].clock += secs;
	c->n[1].clock += secs;
	c->n[0].written += written;
	c->n[0].end = c->n[1].end = c->n[0].written;
	c->n[1].received += received;
	c->n[1].replayed += replayed;
	c->n[1].receive_lag = (int64_t)(c->n[1].end - c->n[1].received);
	c->n[1].upstream_lag = c->n[1].receive_lag;
	c->n[1].replay_lag = (int64_t)(c->n[1].end - c->n[1].replayed);
}

static void
take(struct trend *t, const struct scene *c)
{
	assert_int_equal(trend_take(t, &c->s, t), 0);
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

static void
nothing_is_known_without_a_last_look(void **state)
{
	struct scene c;
	struct trend none = {.set = false};

	(void)state;
	begin(&c);
	c.n[1].stuck = true;
	trend_apply(&c.s, &none);
	assert_true(c.n[1].rate < 0 && c.n[1].eta < 0 && !c.n[1].stuck &&
		    c.n[1].stuck_for < 0);
	trend_apply(&c.s, NULL);
	trend_free(&none);
	trend_free(NULL);
}

static void
rates_and_the_time_to_catch_up(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	take(&t, &c);
	assert_true(t.set && t.n == 2 && t.system_identifier == SYSTEM);
	/* The primary writes 10/s, the standby replays 50/s: 40/s nearer. */
	pass(&c, 10, 100, 400, 500);
	trend_apply(&c.s, &t);
	assert_true(near(c.n[0].rate, 10));
	assert_true(c.n[0].eta < 0);
	assert_true(near(c.n[1].rate, 50));
	assert_true(near(c.n[1].eta, 600.0 / 40));
	assert_false(c.n[1].stuck);
	/* It falls behind: never. */
	take(&t, &c);
	pass(&c, 10, 1000, 500, 500);
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].rate, 50) && c.n[1].eta < 0);
	/* Nothing is missing: now. */
	take(&t, &c);
	pass(&c, 10, 0, 0, 0);
	c.n[1].replay_lag = 0;
	trend_apply(&c.s, &t);
	assert_true(c.n[1].rate == 0 && c.n[1].eta == 0);
	/* Lag unknown: nobody knows. */
	c.n[1].replay_lag = -1;
	trend_apply(&c.s, &t);
	assert_true(c.n[1].eta < 0);
	trend_free(&t);
}

static void
old_servers_leave_out_a_segment(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	c.n[0].version = 90224;
	c.n[0].written = c.n[0].end = UINT64_C(0xFEFFFFFF);
	take(&t, &c);
	c.s.time += 1;
	c.n[0].clock += 1;
	c.n[0].written = UINT64_C(1) << 32;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[0].rate, 1));
	trend_free(&t);
}

static void
a_last_look_that_says_nothing(void **state)
{
	static const struct {
		double secs;
		uint64_t id;
		bool says;
	} t[] = {
	    {10, SYSTEM, true},
	    {10, 0, true},
	    {10, SYSTEM + 1, false},
	    {0.5, SYSTEM, true},
	    {0.4, SYSTEM, false},
	    {0, SYSTEM, false},
	    {-10, SYSTEM, false},
	    {86400, SYSTEM, true},
	    {86401, SYSTEM, false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct scene c;
		struct trend before = {.set = false};

		begin(&c);
		take(&before, &c);
		pass(&c, t[i].secs, 0, 0, 100);
		c.s.system_identifier = t[i].id;
		trend_apply(&c.s, &before);
		if ((c.n[1].rate > 0) != t[i].says || c.n[1].stuck != t[i].says)
			fail_msg("%f s, system %" PRIu64, t[i].secs, t[i].id);
		before.time = NAN;
		trend_apply(&c.s, &before);
		assert_true(c.n[1].rate < 0);
		trend_free(&before);
	}
}

static void
wal_that_went_back_says_nothing(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	take(&t, &c);
	pass(&c, 10, 0, 0, 0);
	c.n[1].replayed -= 1;
	trend_apply(&c.s, &t);
	assert_true(c.n[1].rate < 0 && !c.n[1].stuck);
	c.n[1].replayed += 1;
	c.n[1].received -= 1;
	trend_apply(&c.s, &t);
	assert_true(c.n[1].rate < 0 && !c.n[1].stuck);
	c.n[1].received = 0; /* unknown */
	trend_apply(&c.s, &t);
	assert_true(c.n[1].rate < 0 && !c.n[1].stuck);
	trend_free(&t);
}

static void
a_clock_that_was_set_is_not_believed(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	take(&t, &c);
	pass(&c, 10, 0, 100, 100);
	c.n[1].clock += 3600;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].rate, 10));
	c.n[1].clock = -1; /* the tool's, not that node's */
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].rate, 10));
	/* Within a survey's length the node's own is the better one. */
	c.n[1].clock = 2020;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].rate, 5));
	trend_free(&t);
}

static void
stuck_is_what_was_missing_before_and_has_not_come(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	take(&t, &c);
	pass(&c, 10, 0, 0, 500);
	trend_apply(&c.s, &t);
	assert_true(c.n[1].stuck && near(c.n[1].stuck_for, 10));
	/* It counts on from the first time. */
	take(&t, &c);
	pass(&c, 20, 0, 0, 0);
	trend_apply(&c.s, &t);
	assert_true(c.n[1].stuck && near(c.n[1].stuck_for, 30));
	/* Not connected; nothing behind; the relay has no more either. */
	c.n[1].state = "no receiver";
	trend_apply(&c.s, &t);
	assert_false(c.n[1].stuck);
	c.n[1].state = "catchup";
	trend_apply(&c.s, &t);
	assert_true(c.n[1].stuck);
	c.n[1].upstream_lag = 0;
	trend_apply(&c.s, &t);
	assert_false(c.n[1].stuck);
	c.n[1].upstream_lag = -1;
	c.n[1].receive_lag = 0;
	trend_apply(&c.s, &t);
	assert_false(c.n[1].stuck);
	/* One byte came. */
	pass(&c, 0, 0, 1, 0);
	trend_apply(&c.s, &t);
	assert_false(c.n[1].stuck);
	take(&t, &c);
	assert_true(near(t.nodes[1].moved, 2030));
	trend_free(&t);
}

static void
wal_written_a_moment_ago_does_not_make_it_stuck(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	pass(&c, 0, 0, 500, 1000); /* idle: all is received */
	take(&t, &c);
	pass(&c, 60, 700, 0, 0);
	trend_apply(&c.s, &t);
	assert_true(c.n[1].receive_lag > 0);
	assert_false(c.n[1].stuck);
	trend_free(&t);
}

static void
the_last_known_primary_is_kept(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	take(&t, &c);
	assert_string_equal(t.primary, "node1");
	assert_true(t.primary_lsn == 10000 && t.primary_timeline == 3 &&
		    near(t.primary_time, 1000));
	c.s.primary = -1;
	c.s.system_identifier = 0;
	pass(&c, 60, 500, 0, 0);
	take(&t, &c);
	assert_string_equal(t.primary, "node1");
	assert_true(t.primary_lsn == 10000 && near(t.primary_time, 1000) &&
		    near(t.time, 1060) && t.system_identifier == SYSTEM);
	/* That of another cluster is none. */
	c.s.system_identifier = 5;
	take(&t, &c);
	assert_null(t.primary);
	assert_true(t.primary_lsn == 0 && t.system_identifier == 5);
	/* One that does not answer is not known now. */
	c.s.primary = 0;
	c.n[0].reach = REACH_FAILED;
	take(&t, &c);
	assert_null(t.primary);
	trend_free(&t);
	assert_int_equal(trend_take(&t, &c.s, NULL), 0);
	trend_free(&t);
}

static void
the_digest_is_stable_and_tells_what_changed(void **state)
{
	struct scene c;
	struct trend a = {.set = false}, b = {.set = false};

	(void)state;
	begin(&c);
	assert_int_equal(trend_take(&a, &c.s, NULL), 0);
	assert_string_equal(a.digest, "");
	assert_true(trend_changed(&b, &a));
	assert_true(trend_changed(NULL, &a));
	assert_false(trend_changed(&a, &a));
	c.n[1].name = T("a\nb");
	c.p[0] = (struct status_problem){"replay-lag", SEV_WARNING, 1,
	    T("replay lag 21 MB is above 16 MB"), NULL};
	c.p[1] = (struct status_problem){
	    "few-standbys", SEV_CRITICAL, -1, T("x"), NULL};
	c.s.nproblems = 2;
	c.s.severity = SEV_CRITICAL;
	assert_int_equal(trend_take(&b, &c.s, NULL), 0);
	assert_string_equal(
	    b.digest, "few-standbys CRITICAL\nreplay-lag a\\012b WARNING\n");
	assert_int_equal(b.severity, SEV_CRITICAL);
	assert_true(trend_changed(&a, &b));
	/* Another order, another value: the same. */
	c.p[2] = c.p[0];
	c.p[0] = c.p[1];
	c.p[1] = c.p[2];
	c.p[1].message = T("replay lag 22 MB is above 16 MB");
	assert_int_equal(trend_take(&a, &c.s, NULL), 0);
	assert_false(trend_changed(&b, &a));
	/* Worse than before; another node. */
	c.p[1].severity = SEV_CRITICAL;
	assert_int_equal(trend_take(&a, &c.s, NULL), 0);
	assert_true(trend_changed(&b, &a));
	c.p[1].severity = SEV_WARNING;
	c.p[1].node = 0;
	assert_int_equal(trend_take(&a, &c.s, NULL), 0);
	assert_true(trend_changed(&b, &a));
	trend_free(&a);
	trend_free(&b);
}

static void
who_had_everything_is_late_since_then_at_most(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	pass(&c, 1, 0, 500, 1000); /* nothing is missing */
	take(&t, &c);
	/* After a long rest somebody writes; the last commit is an hour old. */
	pass(&c, 2, 1000, 0, 0);
	c.n[1].delay = 3600;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].delay, 2));
	/* Less is less, unknown stays unknown. */
	c.n[1].delay = 0.5;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].delay, 0.5));
	c.n[1].delay = -1;
	trend_apply(&c.s, &t);
	assert_true(c.n[1].delay < 0);
	/* Something was missing then: nothing is known. */
	take(&t, &c);
	pass(&c, 2, 0, 100, 100);
	c.n[1].delay = 3600;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].delay, 3600));
	/* Nor when nobody said where the end was. */
	t.nodes[1].end = 0;
	trend_apply(&c.s, &t);
	assert_true(near(c.n[1].delay, 3600));
	trend_free(&t);
}

static void
a_node_of_which_nothing_is_known_is_left_out(void **state)
{
	struct scene c;
	struct trend t = {.set = false};

	(void)state;
	begin(&c);
	c.n[1].received = c.n[1].replayed = 0;
	take(&t, &c);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.nodes[0].name, "node1");
	assert_true(t.nodes[0].received == 10000);
	pass(&c, 10, 0, 9000, 9000);
	trend_apply(&c.s, &t);
	assert_true(c.n[1].rate < 0);
	trend_free(&t);
	assert_false(t.set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_known_without_a_last_look),
	    cmocka_unit_test(rates_and_the_time_to_catch_up),
	    cmocka_unit_test(old_servers_leave_out_a_segment),
	    cmocka_unit_test(a_last_look_that_says_nothing),
	    cmocka_unit_test(wal_that_went_back_says_nothing),
	    cmocka_unit_test(a_clock_that_was_set_is_not_believed),
	    cmocka_unit_test(stuck_is_what_was_missing_before_and_has_not_come),
	    cmocka_unit_test(wal_written_a_moment_ago_does_not_make_it_stuck),
	    cmocka_unit_test(the_last_known_primary_is_kept),
	    cmocka_unit_test(the_digest_is_stable_and_tells_what_changed),
	    cmocka_unit_test(who_had_everything_is_late_since_then_at_most),
	    cmocka_unit_test(a_node_of_which_nothing_is_known_is_left_out),
	};

	return cmocka_run_group_tests_name("trend", tests, NULL, NULL);
}
