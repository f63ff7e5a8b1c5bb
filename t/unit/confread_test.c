/* flow/confread.h: whose files are read, and how many. */
#include "base/std.h"
#include "flow/confread.h"

#include <setjmp.h>

#include <cmocka.h>

static void
write_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < size; i++)
		(void)fputc('#', f);
	assert_int_equal(fclose(f), 0);
}

static void
a_bound_is_told_from_a_fault(void **state)
{
	char dir[] = "/tmp/confread_test.XXXXXX", path[64];
	struct confread r = {.max_files = 2};
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(confread_file(&r, dir, &text, &e), -1);
	assert_false(r.bound);
	err_clear(&e);
	(void)snprintf(path, sizeof(path), "%s/a", dir);
	write_file(path, 10);
	assert_int_equal(confread_file(&r, path, &text, &e), 1);
	assert_int_equal(confread_file(&r, path, &text, &e), 1);
	assert_false(r.bound);
	assert_int_equal(confread_file(&r, path, &text, &e), -1);
	assert_true(r.bound);
	assert_non_null(strstr(e.text, "more than 2 files"));
	err_clear(&e);
	r = (struct confread){.files = 0};
	write_file(path, CONFREAD_MAX + 1);
	assert_int_equal(confread_file(&r, path, &text, &e), -1);
	assert_true(r.bound);
	(void)unlink(path);
	(void)rmdir(dir);
	buf_free(&text);
}

static void
the_owner_counts_where_a_file_leaves_the_host(void **state)
{
	char path[] = "/tmp/confread_test.XXXXXX";
	struct confread r = {.files = 0};
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip(); /* cannot make a file of somebody else */
	fd = mkstemp(path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fchown(fd, 1, 1), 0);
	(void)close(fd);
	assert_int_equal(confread_file(&r, path, &text, &e), -1);
	assert_non_null(strstr(e.text, "neither the user"));
	assert_false(r.bound);
	err_clear(&e);
	r.any_owner = true;
	assert_int_equal(confread_file(&r, path, &text, &e), 1);
	(void)unlink(path);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bound_is_told_from_a_fault),
	    cmocka_unit_test(the_owner_counts_where_a_file_leaves_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
