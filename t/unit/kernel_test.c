/* io/kernel.h: versions as kernels tell them. */
#include "base/std.h"
#include "io/kernel.h"

#include <setjmp.h>

#include <cmocka.h>

static void
a_release_is_compared_by_numbers(void **state)
{
	(void)state;
	assert_true(kernel_release_is("5.8.0", 5, 8));
	assert_true(kernel_release_is("5.10.0-28-amd64", 5, 8));
	assert_true(kernel_release_is("6.1.0", 5, 8));
	assert_true(kernel_release_is("10.0", 5, 8));
	assert_false(kernel_release_is("5.7.19", 5, 8));
	assert_false(kernel_release_is("4.18.0-553.el8_10.x86_64", 5, 8));
	assert_false(kernel_release_is("3.10.0-1160.el7.x86_64", 5, 8));
}

static void
what_cannot_be_read_is_old(void **state)
{
	(void)state;
	assert_false(kernel_release_is("", 5, 8));
	assert_false(kernel_release_is("six", 5, 8));
	assert_false(kernel_release_is("6", 5, 8));
}

static void
this_one_is_as_old_as_anything(void **state)
{
	(void)state;
	assert_true(kernel_is(2, 6));
	assert_false(kernel_is(9999, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_release_is_compared_by_numbers),
	    cmocka_unit_test(what_cannot_be_read_is_old),
	    cmocka_unit_test(this_one_is_as_old_as_anything),
	};

	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
