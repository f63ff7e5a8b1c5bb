#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/confwalk.h"

#include "files.h"

#define V15 150018

static int
note_line(void *arg, const struct confwalk_line *l, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	if (l->kind == CONFWALK_FILE)
		buf_addf(b, "[%s]", l->file);
	else if (l->kind == CONFWALK_SETTING)
		buf_addf(b, "%u %s=%s;", l->number, l->name, l->value);
	else
		buf_addf(b, "%u %s>%s;", l->number, l->name, l->path);
	return 0;
}

static int
walk(const struct file *files, const char *path, struct buf *b, struct err *e)
{
	struct confwalk_io io = files_io(files);

	err_clear(e);
	return confwalk(&io, path, V15, note_line, b, e);
}

static void
included_files_are_read_in_their_places(void **state)
{
	static const struct file files[] = {
	    TEXT("/e/main/p.conf", "a = 1\n"
				   "include 'x.conf'\n"
				   "include_if_exists = 'none.conf'\n"
				   "INCLUDE_DIR 'conf.d' # c\n"
				   "b = 'it''s'\n"),
	    TEXT("/e/main/x.conf", "a = 2\ninclude '../y.conf'\n"),
	    TEXT("/e/y.conf", "c = '/a/b'"),
	    DIR("/e/main/conf.d", "b.conf\0a.conf\0.h.conf\0a.conf.bak\0.conf"),
	    TEXT("/e/main/conf.d/a.conf", "d = a\n"),
	    TEXT("/e/main/conf.d/b.conf", "d = b\n"),
	    TEXT("/e/main/conf.d/.h.conf", "d = h\n"),
	    END,
	};
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(walk(files, "/e/main/p.conf", &b, &e), 0);
	assert_string_equal(buf_str(&b),
	    "[/e/main/p.conf]1 a=1;2 include>/e/main/x.conf;"
	    "[/e/main/x.conf]1 a=2;2 include>/e/y.conf;"
	    "[/e/y.conf]1 c=/a/b;"
	    "3 include_if_exists>/e/main/none.conf;"
	    "4 INCLUDE_DIR>/e/main/conf.d;"
	    "[/e/main/conf.d/a.conf]1 d=a;[/e/main/conf.d/b.conf]1 d=b;"
	    "5 b=it's;");
	buf_free(&b);
}

static void
the_last_value_wins_and_its_place_is_told(void **state)
{
	static const struct file files[] = {
	    TEXT("/p", "port = 1\ninclude '/q'\n"),
	    TEXT("/q", "# port\nPORT '5433'\nport = 7 8\n"),
	    END,
	};
	struct confwalk_io io = files_io(files);
	struct confwalk_place at = {.number = 0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(confwalk_get(&io, "/p", "port", V15, &at, &e), 1);
	assert_string_equal(buf_str(&at.value), "5433");
	assert_string_equal(buf_str(&at.file), "/q");
	assert_int_equal(at.number, 2);
	assert_int_equal(confwalk_get(&io, "/p", "ports", V15, &at, &e), 0);
	confwalk_place_free(&at);
}

static void
an_included_file_that_is_missing_is_named_with_its_line(void **state)
{
	static const struct file files[] = {
	    TEXT("/d/p", "\ninclude 'none.conf'\n"),
	    TEXT("/d/q", "include_dir 'none.d'\n"),
	    END,
	};
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(walk(files, "/d/p", &b, &e), -1);
	assert_string_equal(e.text,
	    "\"/d/p\", line 2, includes \"/d/none.conf\", which is not there");
	assert_int_equal(walk(files, "/d/q", &b, &e), -1);
	assert_non_null(strstr(e.text, "\"/d/none.d\""));
	assert_int_equal(walk(files, "/d/none", &b, &e), -1);
	buf_free(&b);
}

static void
ten_deep_is_read_and_eleven_is_refused(void **state)
{
	static const struct file files[] = {
	    TEXT("/0", "include '1'"),
	    TEXT("/1", "include '2'"),
	    TEXT("/2", "include '3'"),
	    TEXT("/3", "include '4'"),
	    TEXT("/4", "include '5'"),
	    TEXT("/5", "include '6'"),
	    TEXT("/6", "include '7'"),
	    TEXT("/7", "include '8'"),
	    TEXT("/8", "include '9'"),
	    TEXT("/9", "include '10'"),
	    TEXT("/10", "z = 1"),
	    TEXT("/up", "include '0'"),
	    TEXT("/self", "include 'self'"),
	    END,
	};
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(walk(files, "/0", &b, &e), 0);
	assert_non_null(strstr(buf_str(&b), "z=1"));
	assert_int_equal(walk(files, "/up", &b, &e), -1);
	assert_string_equal(e.text, "\"/9\", line 1: more than 10 "
				    "configuration files include each other");
	assert_int_equal(walk(files, "/self", &b, &e), -1);
	buf_free(&b);
}

static void
paths_are_joined_without_dots(void **state)
{
	static const struct {
		const char *file, *name, *want;
	} t[] = {
	    {"/a/b", "c", "/a/c"},
	    {"/a/b/", "c", "/a/b/c"},
	    {"/b", "c", "/c"},
	    {"/a/b", "/c//d/./e/", "/c/d/e"},
	    {"/a/b", "../../../x", "/x"},
	    {"/a/b", "..", "/"},
	    {"/a/b", "", "/a"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		confwalk_join(&b, t[i].file, t[i].name);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
}

static int
edit_some(void *arg, const char *name, const char *value, struct buf *instead)
{
	(void)arg;
	if (strcmp(name, "port") == 0)
		buf_addf(instead, "port = 1%s\n", value);
	return strcmp(name, "port") == 0 || strcmp(name, "gone") == 0;
}

static void
lines_are_changed_or_commented_out_and_the_others_stay(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(confwalk_edit("# port = 1\n port='2' # x\n\tgone = "
				       "a\r\nbad = 'x\nrest  = 3",
			     V15, edit_some, NULL, &b, &e),
	    0);
	assert_string_equal(buf_str(&b),
	    "# port = 1\nport = 12\n# \tgone = a\r\nbad = 'x\nrest  = 3");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(included_files_are_read_in_their_places),
	    cmocka_unit_test(the_last_value_wins_and_its_place_is_told),
	    cmocka_unit_test(
		an_included_file_that_is_missing_is_named_with_its_line),
	    cmocka_unit_test(ten_deep_is_read_and_eleven_is_refused),
	    cmocka_unit_test(paths_are_joined_without_dots),
	    cmocka_unit_test(
		lines_are_changed_or_commented_out_and_the_others_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
