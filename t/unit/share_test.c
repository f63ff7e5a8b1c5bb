/* --max-rate among several: by literals, and ten seconds of a clock of ours. */
#include "base/std.h"
#include "core/crew.h"
#include "core/share.h"

#include <setjmp.h>
#include <cmocka.h>

#define TOTAL UINT64_C(8000000)

static uint64_t
sum(const struct share *v, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += v[i].rate;
	return all;
}

static void
one_alone_has_it_all(void **state)
{
	struct share v = {.busy = true, .speed = 0, .rate = TOTAL};

	(void)state;
	share_out(TOTAL, &v, 1);
	assert_int_equal(v.rate, TOTAL);
	v.busy = false;
	share_out(TOTAL, &v, 1);
	assert_int_equal(v.rate, TOTAL);
	share_out(1, &v, 1);
	assert_int_equal(v.rate, 1);
}

static void
who_sends_all_it_may_gets_an_equal_part(void **state)
{
	struct share v[3] = {
	    {true, TOTAL, TOTAL}, {true, 100, 100}, {true, 95, 100}};

	(void)state;
	share_out(TOTAL, v, 3);
	assert_int_equal(v[0].rate, TOTAL / 3);
	assert_true(v[1].rate - TOTAL / 3 <= 1);
	assert_true(v[2].rate - TOTAL / 3 <= 1);
	assert_int_equal(sum(v, 3), TOTAL);
}

static void
the_idle_leave_theirs_to_the_others(void **state)
{
	struct share v[4] = {{true, TOTAL / 4, TOTAL / 4},
	    {false, 0, TOTAL / 4}, {true, TOTAL / 4, TOTAL / 4},
	    {false, 0, TOTAL / 4}};

	(void)state;
	share_out(TOTAL, v, 4);
	assert_true(v[0].rate == TOTAL / 2 && v[2].rate == TOTAL / 2);
	assert_true(v[1].rate == 1 && v[3].rate == 1); /* 0 would be "any" */
}

static void
who_cannot_send_as_much_gets_a_little_more_than_it_does(void **state)
{
	struct share v[2] = {
	    {true, TOTAL / 2, TOTAL / 2}, {true, TOTAL / 16, TOTAL / 2}};

	(void)state;
	share_out(TOTAL, v, 2);
	assert_int_equal(v[0].rate, TOTAL - TOTAL / 16);
	assert_true(v[1].rate > TOTAL / 16 && v[1].rate < TOTAL / 12);
	/* It found more to send: equal parts again, in a few steps. */
	for (int i = 0; i < 3; i++) {
		v[0].speed = v[0].rate;
		v[1].speed = v[1].rate;
		share_out(TOTAL, v, 2);
	}
	assert_int_equal(v[0].rate, TOTAL / 2);
}

static void
more_than_there_is_room_for_is_not_touched(void **state)
{
	struct share v[CREW_MAX + 1] = {{false, 0, 0}};

	(void)state;
	v[CREW_MAX].rate = 77;
	share_out(TOTAL, v, CREW_MAX + 1);
	assert_int_equal(v[CREW_MAX].rate, 77);
}

/* Asked every step ms for ten seconds. */
static int64_t
accrued(int64_t rate, int64_t step)
{
	int64_t part = 0, sum = 0;

	for (int64_t ms = step; ms <= 10000; ms += step)
		sum += share_accrued(rate, step, &part);
	return sum;
}

static void
slow_rates_bring_what_they_say_however_often_they_are_asked(void **state)
{
	static const int64_t rates[] = {
	    1, 2, 3, 9, 15, 501, 999, 1000, 1001, 4321, 15000000};
	static const int64_t steps[] = {1, 10, 100, 1000};

	(void)state;
	for (size_t i = 0; i < NELEM(rates); i++)
		for (size_t k = 0; k < NELEM(steps); k++)
			assert_int_equal(
			    accrued(rates[i], steps[k]), rates[i] * 10);
}

static void
what_accrued_is_no_more_than_a_second(void **state)
{
	int64_t part = 0;

	(void)state;
	assert_int_equal(share_accrued(7, 90000, &part), 7);
	assert_int_equal(share_accrued(7, 150, &part), 1);
	assert_int_equal(part, 50);
	assert_int_equal(
	    share_accrued(INT64_MAX / 4096, 1000, &part), INT64_MAX / 4096);
}

/* --- ten seconds --------------------------------------------------------- */

#define STEP_MS 10
#define SHARE_MS 200

/* Each sends what its rate allows, at most what it can, from..to. */
struct sender {
	uint64_t can;
	int from, to; /* ms */
	uint64_t sent, lately;
};

static void
divide(struct share *v, struct sender *s, size_t n, int now)
{
	for (size_t i = 0; i < n; i++) {
		v[i].busy = now >= s[i].from && now < s[i].to;
		v[i].speed = s[i].lately * 1000 / SHARE_MS;
		s[i].lately = 0;
	}
	share_out(TOTAL, v, n);
}

static uint64_t
ten_seconds(struct sender *s, size_t n)
{
	struct share v[CREW_MAX] = {{false, 0, 0}};
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		v[i].rate = TOTAL / n;
	for (int now = 0; now < 10000; now += STEP_MS) {
		if (now % SHARE_MS == 0)
			divide(v, s, n, now);
		for (size_t i = 0; i < n; i++) {
			uint64_t b = MIN_OF(v[i].rate, s[i].can) * STEP_MS;

			if (now < s[i].from || now >= s[i].to)
				continue;
			s[i].sent += b / 1000;
			s[i].lately += b / 1000;
			all += b / 1000;
		}
	}
	return all;
}

static bool
near(uint64_t a, uint64_t b, uint64_t percent)
{
	return a <= b + b * percent / 100 && a + b * percent / 100 >= b;
}

static void
over_ten_seconds_the_sum_is_right_within_five_percent(void **state)
{
	struct sender equal[4] = {{.can = TOTAL, .to = 10000},
	    {.can = TOTAL, .to = 10000}, {.can = TOTAL, .to = 10000},
	    {.can = TOTAL, .to = 10000}};
	struct sender turns[4] = {{.can = TOTAL, .to = 3050},
	    {.can = TOTAL, .from = 1030, .to = 10000},
	    {.can = TOTAL / 10, .to = 10000},
	    {.can = TOTAL, .from = 5010, .to = 7777}};
	struct sender alone[4] = {{.can = TOTAL, .to = 10000}};

	(void)state;
	assert_true(near(ten_seconds(equal, 4), TOTAL * 10, 1));
	for (size_t i = 1; i < 4; i++)
		assert_true(near(equal[i].sent, equal[0].sent, 1));
	assert_true(near(ten_seconds(alone, 4), TOTAL * 10, 5));
	assert_true(near(ten_seconds(turns, 4), TOTAL * 10, 5));
	/* The slow one is not held up by the others. */
	assert_true(near(turns[2].sent, TOTAL, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_alone_has_it_all),
	    cmocka_unit_test(who_sends_all_it_may_gets_an_equal_part),
	    cmocka_unit_test(the_idle_leave_theirs_to_the_others),
	    cmocka_unit_test(
		who_cannot_send_as_much_gets_a_little_more_than_it_does),
	    cmocka_unit_test(
		slow_rates_bring_what_they_say_however_often_they_are_asked),
	    cmocka_unit_test(what_accrued_is_no_more_than_a_second),
	    cmocka_unit_test(more_than_there_is_room_for_is_not_touched),
	    cmocka_unit_test(
		over_ten_seconds_the_sum_is_right_within_five_percent),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
