#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/confwalk.h"

#define V15 150018

struct file {
	const char *path, *text; /* text NULL: a directory, names in list */
	const char *list;
	size_t len;
};

static int
read_one(void *arg, const char *path, struct buf *text, struct err *e)
{
	(void)e;
	buf_reset(text);
	for (const struct file *f = arg; f->path != NULL; f++)
		if (f->text != NULL && strcmp(f->path, path) == 0) {
			buf_adds(text, f->text);
			return 1;
		}
	return 0;
}

static int
list_one(void *arg, const char *dir, struct buf *names, struct err *e)
{
	(void)e;
	buf_reset(names);
	for (const struct file *f = arg; f->path != NULL; f++)
		if (f->list != NULL && strcmp(f->path, dir) == 0) {
			buf_add(names, f->list, f->len);
			return 1;
		}
	return 0;
}

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
	struct confwalk_io io = {.read = read_one,
	    .list = list_one,
	    .arg = (void *)(uintptr_t)files};

	err_clear(e);
	return confwalk(&io, path, V15, note_line, b, e);
}

#define DIR(path, names)                                                       \
	{                                                                      \
		path, NULL, names, sizeof(names)                               \
	}
#define CONF(path, text)                                                       \
	{                                                                      \
		path, text, NULL, 0                                            \
	}

static void
included_files_are_read_in_their_places(void **state)
{
	static const struct file files[] = {
	    CONF("/e/main/p.conf", "a = 1\n"
				   "include 'x.conf'\n"
				   "include_if_exists = 'none.conf'\n"
				   "INCLUDE_DIR 'conf.d' # c\n"
				   "b = 'it''s'\n"),
	    CONF("/e/main/x.conf", "a = 2\ninclude '../y.conf'\n"),
	    CONF("/e/y.conf", "c = '/a/b'"),
	    DIR("/e/main/conf.d", "b.conf\0a.conf\0.h.conf\0a.conf.bak\0.conf"),
	    CONF("/e/main/conf.d/a.conf", "d = a\n"),
	    CONF("/e/main/conf.d/b.conf", "d = b\n"),
	    CONF("/e/main/conf.d/.h.conf", "d = h\n"),
	    {.path = NULL},
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
	    CONF("/p", "port = 1\ninclude '/q'\n"),
	    CONF("/q", "# port\nPORT '5433'\nport = 7 8\n"),
	    {.path = NULL},
	};
	struct confwalk_io io = {.read = read_one,
	    .list = list_one,
	    .arg = (void *)(uintptr_t)files};
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
	    CONF("/d/p", "\ninclude 'none.conf'\n"),
	    CONF("/d/q", "include_dir 'none.d'\n"),
	    {.path = NULL},
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
	    CONF("/0", "include '1'"),
	    CONF("/1", "include '2'"),
	    CONF("/2", "include '3'"),
	    CONF("/3", "include '4'"),
	    CONF("/4", "include '5'"),
	    CONF("/5", "include '6'"),
	    CONF("/6", "include '7'"),
	    CONF("/7", "include '8'"),
	    CONF("/8", "include '9'"),
	    CONF("/9", "include '10'"),
	    CONF("/10", "z = 1"),
	    CONF("/up", "include '0'"),
	    CONF("/self", "include 'self'"),
	    {.path = NULL},
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
