/* How hard to compress: which way each kind of window points. */
#include "base/std.h"
#include "core/squeeze.h"

#include <setjmp.h>
#include <cmocka.h>

#define W ((uint64_t)SQUEEZE_WINDOW_US)
#define FAST (W * 300) /* 300 MB/s */
#define SLOW (W * 4)
/* raw, wall, waited, cpu, idle */
#define FULL_LINE                                                              \
	{                                                                      \
		FAST, W, 3 * W / 4, W / 8, 180                                 \
	} /* waits, processors are idle */
#define COMPUTES                                                               \
	{                                                                      \
		FAST, W, 0, 19 * W / 20, 90                                    \
	} /* and nothing else */
#define NO_PROCESSOR                                                           \
	{                                                                      \
		FAST, W, 3 * W / 4, W / 8, 10                                  \
	} /* waits, nothing is idle */
#define SLOW_DISK                                                              \
	{                                                                      \
		FAST, W, W / 10, W / 4, 120                                    \
	} /* neither waits nor computes */

static int
adapt(struct squeeze *s, struct squeeze_window w)
{
	return squeeze_adapt(s, &w);
}

static unsigned
after(unsigned step, struct squeeze_window w)
{
	struct squeeze s;

	squeeze_begin(&s);
	s.step = step;
	(void)adapt(&s, w);
	return s.step;
}

static void
a_full_line_compresses_harder_while_processors_are_idle(void **state)
{
	(void)state;
	assert_int_equal(after(0, (struct squeeze_window)FULL_LINE), 1);
	assert_int_equal(after(1, (struct squeeze_window)FULL_LINE), 2);
	/* The last step is for slow lines. */
	assert_int_equal(after(2, (struct squeeze_window)FULL_LINE), 2);
	assert_int_equal(after(3, (struct squeeze_window)FULL_LINE), 2);
	assert_int_equal(
	    after(2, (struct squeeze_window){9 * W, W, 3 * W / 4, W / 8, 180}),
	    3);
	/* Where nobody tells how busy the machine is, the line decides. */
	assert_int_equal(
	    after(1, (struct squeeze_window){FAST, W, 3 * W / 4, 0, -1}), 2);
	/* Half an idle processor is the least that is spare. */
	assert_int_equal(
	    after(1, (struct squeeze_window){FAST, W, 3 * W / 4, 0, 50}), 2);
	assert_int_equal(
	    after(1, (struct squeeze_window){FAST, W, 3 * W / 4, 0, 49}), 1);
}

static void
a_busy_machine_compresses_less(void **state)
{
	(void)state;
	assert_int_equal(after(2, (struct squeeze_window)NO_PROCESSOR), 1);
	assert_int_equal(after(2, (struct squeeze_window)COMPUTES), 1);
	assert_int_equal(after(0, (struct squeeze_window)COMPUTES), 0);
	assert_int_equal(
	    after(2, (struct squeeze_window){FAST, W, 0, 9 * W / 10 + 1, -1}),
	    1);
	assert_int_equal(
	    after(2, (struct squeeze_window){FAST, W, 0, 9 * W / 10, -1}), 2);
	/* Half of the time is not yet more than half. */
	assert_int_equal(
	    after(1, (struct squeeze_window){FAST, W, W / 2, 0, -1}), 1);
}

static void
a_slow_line_is_compressed_for_however_busy_the_machine_is(void **state)
{
	(void)state;
	assert_int_equal(
	    after(0, (struct squeeze_window){SLOW, W, 9 * W / 10, W / 50, 0}),
	    1);
	assert_int_equal(
	    after(2, (struct squeeze_window){SLOW, W, 9 * W / 10, W / 50, 0}),
	    3);
	assert_int_equal(
	    after(3, (struct squeeze_window){SLOW, W, 9 * W / 10, W / 50, 0}),
	    3);
	/* 45 MB/s of level 1 are a tenth of a processor. */
	assert_int_equal(
	    after(1, (struct squeeze_window){W * 45, W, 9 * W / 10, W / 50, 0}),
	    2);
	assert_int_equal(after(1, (struct squeeze_window){W * 45 + 1, W,
				      9 * W / 10, W / 50, 0}),
	    1);
	assert_int_equal(after(2, (struct squeeze_window){W * 45 + 1, W,
				      9 * W / 10, W / 50, 0}),
	    1);
	/* It must be the line that is slow. */
	assert_int_equal(
	    after(1, (struct squeeze_window){SLOW, W, W / 3, W / 50, 0}), 1);
	assert_int_equal(
	    after(1, (struct squeeze_window){SLOW, W, 0, 19 * W / 20, 0}), 0);
}

static void
a_slow_disk_or_nothing_to_send_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(after(1, (struct squeeze_window)SLOW_DISK), 1);
	assert_int_equal(after(1, (struct squeeze_window){0, W, W, 0, 200}), 1);
}

/* Up, down, up ... on a line that is just fast enough for one step: the turns
 * come after 1, 2, 4 ... windows. */
static void
a_step_that_did_not_help_is_tried_again_later_and_later(void **state)
{
	struct squeeze s;
	int turns = 0, last = 0;

	(void)state;
	squeeze_begin(&s);
	s.step = 1;
	for (int i = 1; i <= 200; i++)
		if (adapt(&s, s.step == 1
				  ? (struct squeeze_window)FULL_LINE
				  : (struct squeeze_window)COMPUTES) == 1) {
			assert_true(
			    i - last >= (turns < 2 ? 1 : 1 << (turns - 2)) ||
			    i - last >= 64);
			last = i;
			turns++;
		}
	assert_in_range(turns, 5, 10);
	/* In one direction there is nothing to wait for. */
	squeeze_begin(&s);
	s.step = 0;
	assert_int_equal(adapt(&s, (struct squeeze_window)FULL_LINE), 1);
	assert_int_equal(adapt(&s, (struct squeeze_window)FULL_LINE), 1);
	assert_int_equal(adapt(&s, (struct squeeze_window)FULL_LINE), 0);
}

static void
each_step_is_harder_than_the_one_below(void **state)
{
	struct squeeze s = {.step = 0};
	int level = squeeze_step(&s)->level;

	(void)state;
	assert_true(squeeze_step(&s)->min >= 32); /* a half at least */
	for (s.step = 1; s.step < SQUEEZE_STEPS; s.step++) {
		assert_true(squeeze_step(&s)->min > 16);
		if (s.step > 1)
			assert_true(squeeze_step(&s)->level >= level);
		level = squeeze_step(&s)->level;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_full_line_compresses_harder_while_processors_are_idle),
	    cmocka_unit_test(a_busy_machine_compresses_less),
	    cmocka_unit_test(
		a_slow_line_is_compressed_for_however_busy_the_machine_is),
	    cmocka_unit_test(a_slow_disk_or_nothing_to_send_changes_nothing),
	    cmocka_unit_test(
		a_step_that_did_not_help_is_tried_again_later_and_later),
	    cmocka_unit_test(each_step_is_harder_than_the_one_below),
	};

	return cmocka_run_group_tests_name("squeeze", tests, NULL, NULL);
}
