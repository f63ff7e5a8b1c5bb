/* How many workers, when they come, and which processors are free. */
#include "base/std.h"
#include "core/crew.h"
#include "io/cores.h"

#include <setjmp.h>
#include <cmocka.h>

#define GB (UINT64_C(1000) * 1000 * 1000)
#define MUCH .files = 100000, .bytes = 4000 * GB

static unsigned
size(struct crew_facts f)
{
	return crew_size(&f);
}

static void
what_was_asked_for_is_obeyed(void **state)
{
	(void)state;
	assert_int_equal(size((struct crew_facts){.asked = 7}), 7);
	assert_int_equal(
	    size((struct crew_facts){.asked = 7, .here = 2, .there = 1}), 7);
	assert_int_equal(size((struct crew_facts){.asked = 32, MUCH}), 32);
	assert_int_equal(size((struct crew_facts){.asked = 90}), CREW_MAX);
	assert_int_equal(crew_most(7, 2), 7);
}

static void
not_more_than_the_processors_of_either_end(void **state)
{
	(void)state;
	assert_int_equal(
	    size((struct crew_facts){.here = 2, .there = 64, MUCH}), 2);
	assert_int_equal(
	    size((struct crew_facts){.here = 64, .there = 3, MUCH}), 3);
	assert_int_equal(
	    size((struct crew_facts){.here = 1, .there = 1, MUCH}), 1);
	assert_int_equal(crew_most(0, 3), 3);
}

static void
never_more_than_four_unasked(void **state)
{
	(void)state;
	assert_int_equal(
	    size((struct crew_facts){.here = 64, .there = 64, MUCH}), 4);
	assert_int_equal(
	    size((struct crew_facts){.here = 5, .there = 8, MUCH}), 4);
	assert_int_equal(crew_most(0, 64), 4);
	assert_int_equal(crew_most(0, 2), 2);
}

static void
four_where_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(size((struct crew_facts){MUCH}), 4);
	assert_int_equal(size((struct crew_facts){.here = 16, MUCH}), 4);
	assert_int_equal(size((struct crew_facts){.there = 16, MUCH}), 4);
	assert_int_equal(crew_most(0, 0), 4);
}

static void
little_work_gets_few(void **state)
{
	struct crew_facts f = {.here = 8, .there = 8};

	(void)state;
	assert_int_equal(size(f), 1);
	f.bytes = 60 << 20;
	f.files = 950;
	assert_int_equal(size(f), 1);
	f.bytes = 64 << 20;
	assert_int_equal(size(f), 2);
	f.bytes = 3 * (64 << 20) - 1;
	assert_int_equal(size(f), 3);
	f.bytes = 0;
	f.files = 2500; /* small ones cost by their number */
	assert_int_equal(size(f), 3);
	f.bytes = 4 * GB;
	assert_int_equal(size(f), 4);
}

static void
after_a_drop_they_come_one_at_a_time_and_later_and_later(void **state)
{
	(void)state;
	assert_int_equal(crew_at_once(0), 3);
	assert_int_equal(crew_at_once(1), 1);
	assert_int_equal(crew_at_once(100), 1);
	assert_int_equal(crew_pause_ms(1), 500);
	assert_int_equal(crew_pause_ms(2), 1000);
	assert_int_equal(crew_pause_ms(3), 2000);
	assert_int_equal(crew_pause_ms(7), 30000);
	assert_int_equal(crew_pause_ms(4000000000u), 30000);
}

static void
to_be_used_are_those_allowed_by_affinity_and_quota(void **state)
{
	static const struct {
		struct cores_host h;
		unsigned want;
	} t[] = {
	    {{.online = 0}, 0},
	    {{.allowed = 3}, 3},
	    {{.online = 8}, 8},
	    {{.online = 8, .allowed = 2}, 2},
	    {{.online = 8, .quota = 150000, .period = 100000}, 2},
	    {{.online = 8, .quota = 10000, .period = 100000}, 1},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		assert_int_equal(cores_count(&t[i].h), t[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_asked_for_is_obeyed),
	    cmocka_unit_test(not_more_than_the_processors_of_either_end),
	    cmocka_unit_test(never_more_than_four_unasked),
	    cmocka_unit_test(four_where_nothing_is_known),
	    cmocka_unit_test(little_work_gets_few),
	    cmocka_unit_test(
		after_a_drop_they_come_one_at_a_time_and_later_and_later),
	    cmocka_unit_test(
		to_be_used_are_those_allowed_by_affinity_and_quota),
	};

	return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
