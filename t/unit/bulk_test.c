/* io/bulk.h on real file systems: sizes, parts, what was announced. */
#include "base/std.h"
#include "io/bulk.h"

#include <setjmp.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static uint8_t content[4 * 1048576 + 77];

static void
fill(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(content); i++) {
		x = x * 1664525 + 1013904223;
		content[i] = (uint8_t)(x >> 24);
	}
}

static void
write_parts(struct bulk *b, int fd, size_t n, size_t part, uint64_t announced)
{
	assert_int_equal(bulk_begin(b, fd, announced), 0);
	for (size_t at = 0; at < n; at += part)
		assert_int_equal(
		    bulk_add(b, content + at, MIN_OF(part, n - at)), 0);
	assert_int_equal(bulk_end(b), 0);
}

static void
assert_file(int fd, size_t n)
{
	static uint8_t back[sizeof(content)];
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, n);
	assert_int_equal(fcntl(fd, F_GETFL) & O_DIRECT, 0);
	assert_int_equal(pread(fd, back, sizeof(back), 0), n);
	assert_memory_equal(back, content, n);
}

static void
try_sizes(const char *dir)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, MIB - 1, MIB, MIB + 1,
	    2 * MIB, 3 * MIB + 512, sizeof(content)};
	static const size_t parts[] = {
	    777, 262144 - 5, MIB, MIB + 4096, sizeof(content)};
	struct bulk *b = bulk_new();
	char name[PATH_MAX];
	int fd;

	assert_non_null(b);
	(void)snprintf(name, sizeof(name), "%s/bulk.XXXXXX", dir);
	assert_int_not_equal(fd = mkstemp(name), -1);
	assert_int_equal(unlink(name), 0);
	for (size_t i = 0; i < NELEM(sizes) * NELEM(parts); i++) {
		size_t n = sizes[i / NELEM(parts)];
		size_t part = parts[i % NELEM(parts)];
		uint64_t told[] = {n, 0, n / 2, n + 5 * MIB + 3};

		for (size_t j = 0; j < NELEM(told); j++) {
			assert_int_equal(ftruncate(fd, 0), 0);
			write_parts(b, fd, n, part, told[j]);
			assert_file(fd, n);
		}
	}
	assert_int_equal(close(fd), 0);
	bulk_free(b);
}

static void
a_file_holds_what_it_was_given_whatever_was_announced(void **state)
{
	const char *dir = getenv("TMPDIR");

	(void)state;
	fill();
	try_sizes(dir == NULL ? "/tmp" : dir);
}

static void
a_file_system_without_direct_io_is_written_as_ever(void **state)
{
	(void)state;
	if (access("/dev/shm", W_OK) == -1)
		skip();
	fill();
	try_sizes("/dev/shm");
}

static void
a_dropped_file_is_left_alone(void **state)
{
	struct bulk *b = bulk_new();
	char one[] = "/tmp/bulk.XXXXXX", two[] = "/tmp/bulk.XXXXXX";
	int a = mkstemp(one), c = mkstemp(two);

	(void)state;
	fill();
	assert_int_equal(unlink(one) + unlink(two), 0);
	assert_int_equal(bulk_begin(b, a, 100), 0);
	assert_int_equal(bulk_add(b, content + 500, 100), 0);
	bulk_drop(b);
	assert_int_equal(bulk_end(b), 0);
	write_parts(b, c, 200, 50, 200);
	assert_file(c, 200);
	assert_file(a, 0);
	(void)close(a);
	(void)close(c);
	bulk_free(b);
	bulk_free(NULL);
}

static void
no_room_is_an_error_at_once(void **state)
{
	struct bulk *b = bulk_new();
	char name[] = "/dev/shm/bulk.XXXXXX";
	int fd = mkstemp(name);

	(void)state;
	if (fd == -1)
		skip();
	assert_int_equal(unlink(name), 0);
	/* tmpfs knows at once that it is smaller than that. */
	assert_int_equal(bulk_begin(b, fd, UINT64_C(1) << 50), -1);
	assert_int_equal(errno, ENOSPC);
	(void)close(fd);
	bulk_free(b);
}

static void
a_disk_is_slow_when_a_worker_waits_for_it_most_of_the_time(void **state)
{
	(void)state;
	/* 64 MB in 0.5 s: 128 MB/s */
	assert_true(bulk_is_slow(400000, 500000, 64 * MIB));
	assert_false(bulk_is_slow(370000, 500000, 64 * MIB));
	/* in 0.2 s: 335 MB/s */
	assert_false(bulk_is_slow(199000, 200000, 64 * MIB));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_file_holds_what_it_was_given_whatever_was_announced),
	    cmocka_unit_test(
		a_file_system_without_direct_io_is_written_as_ever),
	    cmocka_unit_test(a_dropped_file_is_left_alone),
	    cmocka_unit_test(no_room_is_an_error_at_once),
	    cmocka_unit_test(
		a_disk_is_slow_when_a_worker_waits_for_it_most_of_the_time),
	};

	return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
