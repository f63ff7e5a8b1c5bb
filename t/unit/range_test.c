/* Thresholds: every shape, the exact bounds, and what is refused. */
#include "base/std.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "core/range.h"

#define MB 1048576.0

static void
thresholds_are_sizes_times_or_both(void **state)
{
	static const struct {
		const char *text, *size, *time; /* as perfdata has them */
	} t[] = {
	    {"16MB", "16777216", ""},
	    {"16 MB", "16777216", ""},
	    {"30s", "", "30"},
	    {"1.5h", "", "5400"},
	    {"250ms", "", "0.25"},
	    {"1ms", "", "0.001"},
	    {"0", "0", ""},
	    {"0s", "", "0"},
	    {"16MB,30s", "16777216", "30"},
	    {"30s,16MB", "16777216", "30"},
	    {" 16MB , 30s ", "16777216", "30"},
	    /* bare numbers */
	    {"100", "100", ""},
	    {"100,30", "100", "30"},
	    {"16MB,30", "16777216", "30"},
	    {"30,16MB", "16777216", "30"},
	    {"16MB,0.5", "16777216", "0.5"},
	    {"30s,100", "100", "30"},
	    {"100,30s", "100", "30"},
	    /* ranges */
	    {"1MB:", "1048576:", ""},
	    {"10:", "10:", ""},
	    {":10", "10", ""},
	    {"0:10", "10", ""},
	    {"~:10", "~:10", ""},
	    {"~:", "~:", ""},
	    {"0:", "0:", ""},
	    {"1:2", "1:2", ""},
	    {"@1MB:2MB", "@1048576:2097152", ""},
	    {"@10", "@10", ""},
	    {"@10:", "@10:", ""},
	    {"@~:10", "@~:10", ""},
	    {"10:30s", "", "10:30"},
	    {"10s:1min", "", "10:60"},
	    {"1MB:2MB,@~:5min", "1048576:2097152", "@~:300"},
	    {"~:16MB,~:30", "~:16777216", "~:30"},
	    {"5:5", "5:5", ""},
	    {"8388607TB", "9223370937343148032", ""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct range_pair p;
		struct buf size = BUF_INIT, time = BUF_INIT;

		if (range_parse(t[i].text, &p, NULL) == -1)
			fail_msg("\"%s\" was refused", t[i].text);
		range_add(&size, &p.size);
		range_add(&time, &p.time);
		if (strcmp(buf_str(&size), t[i].size) != 0 ||
		    strcmp(buf_str(&time), t[i].time) != 0)
			fail_msg("\"%s\": \"%s\" and \"%s\"", t[i].text,
			    buf_str(&size), buf_str(&time));
		assert_int_equal(p.size.set, t[i].size[0] != '\0');
		assert_int_equal(p.time.set, t[i].time[0] != '\0');
		buf_free(&size);
		buf_free(&time);
	}
}

static void
what_is_no_threshold_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", ",", "16MB,", ",30s", ":",
	    "@", "@:", "~", "10:~", "x", "16XB", "-1", "1e3", "10:5", "2MB:1MB",
	    "1MB:30s", "1:2:3", "16MB,32MB", "10s,20s", "1MB,2s,3", "@@1",
	    "1MB:2MB:", "~16MB", "16 M B", "0.5", "inf", "nan", "8388608TB",
	    "99999999999999999999", "1,2,3", "~:~", "16MB 30s", "16MB;30s"};
	struct range_pair p = {.size = {.set = true, .high = 7}};
	char longer[400];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(bad); i++) {
		if (range_parse(bad[i], &p, NULL) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
	}
	memset(longer, '1', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(range_parse(longer, &p, NULL), -1);
	assert_int_equal(range_parse("1MB,2\033MB", &p, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(
	    e.text, "threshold \"1MB,2\\033MB\" is not a size or a time");
	assert_non_null(strstr(e.hint, "16MB,30s"));
	err_clear(&e);
	assert_int_equal(range_parse("1MB,2MB", &p, &e), -1);
	assert_string_equal(e.text, "threshold \"1MB,2MB\" has two sizes");
	/* Nothing was written. */
	assert_true(p.size.set && p.size.high == 7);
}

static void
a_range_alarms_outside_and_with_at_inside(void **state)
{
	static const struct {
		const char *text;
		double value;
		bool want;
	} t[] = {
	    {"10", 10, false},
	    {"10", 10.001, true},
	    {"10", 0, false},
	    {"0", 0, false},
	    {"0", 1, true},
	    {"10:", 9, true},
	    {"10:", 10, false},
	    {"10:", 1e18, false},
	    {"~:10", 11, true},
	    {"~:10", 0, false},
	    {"5:10", 4, true},
	    {"5:10", 5, false},
	    {"5:10", 10, false},
	    {"5:10", 11, true},
	    {"@5:10", 4, false},
	    {"@5:10", 5, true},
	    {"@5:10", 10, true},
	    {"@5:10", 11, false},
	    {"@10:", 9, false},
	    {"@10:", 10, true},
	    {"~:", 1e18, false},
	    {"@~:", 0, true},
	    /* unknown */
	    {"@~:", -1, false},
	    {"10:", -1, false},
	    {"0", NAN, false},
	    {"@~:", NAN, false},
	};
	struct range_pair p;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		assert_int_equal(range_parse(t[i].text, &p, NULL), 0);
		if (range_alarms(&p.size, t[i].value) != t[i].want)
			fail_msg("\"%s\" and %f", t[i].text, t[i].value);
		assert_false(range_alarms(&p.time, t[i].value));
	}
}

static void
limits_are_named_as_they_were_given(void **state)
{
	static const struct {
		const char *text;
		double value;
		const char *want;
	} t[] = {
	    {"16MB", 21 * MB, "16 MB"},
	    {"1MB:2MB", 5, "1 MB"},
	    {"1MB:2MB", 5 * MB, "2 MB"},
	    {"1MB:", 5, "1 MB"},
	    {"@1MB:2MB", 1 * MB, "1 MB to 2 MB"},
	    {"@1MB:", 1 * MB, "1 MB or more"},
	    {"@~:2MB", 1 * MB, "2 MB or less"},
	    {"@~:", 1 * MB, "any value"},
	    {"30s", 31, "30 s"},
	    {"5min", 1000, "5 min"},
	    {"90s", 1000, "1 min 30 s"},
	    {"2h", 8000, "2 h"},
	    {"3d", 8e5, "3 d"},
	    {"50ms", 8e5, "50 ms"},
	};
	struct range_pair p;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(range_parse(t[i].text, &p, NULL), 0);
		range_add_limit(
		    &b, p.size.set ? &p.size : &p.time, t[i].value, p.time.set);
		if (strcmp(buf_str(&b), t[i].want) != 0)
			fail_msg("\"%s\": \"%s\"", t[i].text, buf_str(&b));
		buf_free(&b);
	}
}

static void
values_are_shown_without_idle_zeros(void **state)
{
	static const struct {
		double value;
		bool is_time;
		const char *want;
	} t[] = {
	    {0, false, "0 B"},
	    {512, false, "512 B"},
	    {21 * MB, false, "21 MB"},
	    {21.5 * MB, false, "21.5 MB"},
	    {212 * MB, false, "212 MB"},
	    {0, true, "0 ms"},
	    {0.04, true, "40 ms"},
	    {41.2, true, "41.2 s"},
	    {40, true, "40 s"},
	    {60, true, "1 min"},
	    {600, true, "10 min"},
	    {36000, true, "10 h"},
	    {-1, false, "0 B"},
	    {NAN, true, "0 ms"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		buf_adds(&b, "5.0 s 0 s");
		range_add_value(&b, t[i].value, t[i].is_time);
		if (strncmp(buf_str(&b), "5.0 s 0 s", 9) != 0 ||
		    strcmp(buf_str(&b) + 9, t[i].want) != 0)
			fail_msg("%f: \"%s\"", t[i].value, buf_str(&b));
		buf_free(&b);
	}
}

static void
what_is_not_set_is_not_printed(void **state)
{
	struct range r = {.set = false, .high = 5};
	struct buf b = BUF_INIT;

	(void)state;
	range_add(&b, &r);
	assert_string_equal(buf_str(&b), "");
	assert_false(range_alarms(&r, 9));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(thresholds_are_sizes_times_or_both),
	    cmocka_unit_test(what_is_no_threshold_is_refused),
	    cmocka_unit_test(a_range_alarms_outside_and_with_at_inside),
	    cmocka_unit_test(limits_are_named_as_they_were_given),
	    cmocka_unit_test(values_are_shown_without_idle_zeros),
	    cmocka_unit_test(what_is_not_set_is_not_printed),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
