/* base/buf.h: growth, failure looked at once, integers of the wire. */
#include "base/std.h"
#include "base/buf.h"

#include <setjmp.h>

#include <cmocka.h>

static void
an_empty_buffer_is_an_empty_text(void **state)
{
	struct buf b = BUF_INIT;
	char *p;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_true(buf_ok(&b));
	buf_reset(&b);
	buf_consume(&b, 0);
	buf_consume(&b, 5);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 0);
	p = buf_steal(&b);
	assert_non_null(p);
	assert_string_equal(p, "");
	free(p);
	buf_free(&b);
	buf_free(&b);
}

static void
everything_that_is_added_is_there_in_order(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_adds(&b, "one");
	buf_addc(&b, ' ');
	buf_addf(&b, "%d-%s", 2, "two");
	buf_add(&b, "\0x", 2);
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.data, "one 2-two\0x\0", 12);
	buf_free(&b);
}

static void
growth_over_every_size_keeps_the_content(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buf_addc(&b, (char)i);
		assert_true(b.len < b.cap);
		assert_int_equal(b.data[b.len], 0);
	}
	for (int i = 0; i < 5000; i++)
		assert_int_equal(b.data[i], (char)i);
	buf_free(&b);
}

static void
reserve_makes_room_and_adds_nothing(void **state)
{
	struct buf b = BUF_INIT;
	char *p;

	(void)state;
	buf_adds(&b, "ab");
	p = buf_reserve(&b, 1000);
	assert_ptr_equal(p, b.data + 2);
	memset(p, 'x', 1000);
	assert_int_equal(b.len, 2);
	b.len += 1000;
	buf_addc(&b, 'y');
	assert_int_equal(b.len, 1003);
	assert_int_equal(b.data[1002], 'y');
	buf_free(&b);
}

static void
consume_drops_the_front(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_adds(&b, "abcdef");
	buf_consume(&b, 0);
	assert_string_equal(buf_str(&b), "abcdef");
	buf_consume(&b, 2);
	assert_string_equal(buf_str(&b), "cdef");
	buf_consume(&b, 99);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
a_size_that_cannot_be_marks_the_buffer_failed(void **state)
{
	static const size_t sizes[] = {
	    SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX / 2 - 3};

	(void)state;
	for (size_t i = 0; i < NELEM(sizes); i++) {
		struct buf b = BUF_INIT;

		buf_adds(&b, "abc");
		assert_null(buf_reserve(&b, sizes[i]));
		assert_false(buf_ok(&b));
		buf_adds(&b, "later");
		buf_addf(&b, "%d", 1);
		buf_add_u64(&b, 1);
		assert_int_equal(b.len, 3);
		assert_string_equal(buf_str(&b), "");
		assert_null(buf_steal(&b));
		assert_true(buf_ok(&b)); /* as new */
		assert_null(b.data);
	}
}

static void
reset_forgets_the_failure_and_keeps_the_memory(void **state)
{
	struct buf b = BUF_INIT;
	size_t cap;

	(void)state;
	buf_adds(&b, "abc");
	cap = b.cap;
	(void)buf_reserve(&b, SIZE_MAX);
	buf_reset(&b);
	assert_true(buf_ok(&b));
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(b.cap, cap);
	buf_adds(&b, "new");
	assert_string_equal(buf_str(&b), "new");
	buf_free(&b);
}

static void
steal_hands_the_memory_over(void **state)
{
	struct buf b = BUF_INIT;
	char *p;

	(void)state;
	buf_adds(&b, "mine");
	p = buf_steal(&b);
	assert_string_equal(p, "mine");
	assert_null(b.data);
	buf_adds(&b, "other");
	assert_string_equal(p, "mine");
	free(p);
	buf_free(&b);
}

static void
what_is_empty_is_taken_as_none(void **state)
{
	struct buf b = BUF_INIT;
	bool failed = false;
	char *p;

	(void)state;
	assert_null(buf_take(&b, &failed));
	buf_adds(&b, "");
	assert_null(buf_take(&b, &failed));
	buf_adds(&b, "mine");
	p = buf_take(&b, &failed);
	assert_string_equal(p, "mine");
	assert_null(b.data);
	assert_false(failed);
	free(p);
	b.failed = true;
	assert_null(buf_take(&b, &failed));
	assert_true(failed);
}

static void
a_long_format_is_not_cut(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_addf(&b, "<%5000d>", 7);
	assert_int_equal(b.len, 5002);
	assert_string_equal(b.data + 5000, "7>");
	buf_free(&b);
}

static void
integers_are_big_endian(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add_u8(&b, 0xfe);
	buf_add_u32(&b, 0x01020384);
	buf_add_u64(&b, UINT64_C(0x8182838485868788));
	assert_int_equal(b.len, 13);
	assert_memory_equal(
	    b.data, "\xfe\x01\x02\x03\x84\x81\x82\x83\x84\x85\x86\x87\x88", 13);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_buffer_is_an_empty_text),
	    cmocka_unit_test(everything_that_is_added_is_there_in_order),
	    cmocka_unit_test(growth_over_every_size_keeps_the_content),
	    cmocka_unit_test(reserve_makes_room_and_adds_nothing),
	    cmocka_unit_test(consume_drops_the_front),
	    cmocka_unit_test(a_size_that_cannot_be_marks_the_buffer_failed),
	    cmocka_unit_test(reset_forgets_the_failure_and_keeps_the_memory),
	    cmocka_unit_test(steal_hands_the_memory_over),
	    cmocka_unit_test(what_is_empty_is_taken_as_none),
	    cmocka_unit_test(a_long_format_is_not_cut),
	    cmocka_unit_test(integers_are_big_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
