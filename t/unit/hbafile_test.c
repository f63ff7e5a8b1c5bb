/* core/hbafile: which files pg_hba.conf and pg_ident.conf name. */
#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/hbafile.h"

#include "files.h"

static int
note_line(void *arg, const struct hbafile_line *l, struct err *e)
{
	static const char *const sign[] = {
	    [HBAFILE_LIST] = "@",
	    [HBAFILE_INCLUDE] = ">",
	    [HBAFILE_INCLUDE_IF_EXISTS] = "?",
	    [HBAFILE_INCLUDE_DIR] = "/",
	};

	(void)e;
	if (l->kind == HBAFILE_FILE)
		buf_addf(arg, "[%s]", l->file);
	else
		buf_addf(arg, "%u%s%s;", l->number, sign[l->kind], l->path);
	return 0;
}

static int
walk(const struct file *files, int version, struct buf *b, struct err *e)
{
	struct confwalk_io io = files_io(files);

	err_clear(e);
	buf_reset(b);
	return hbafile_walk(&io, "/e/hba", version, note_line, b, e);
}

#define V9 90023
#define V13 130005
#define V15 150018
#define V16 160004

static void
a_name_is_found_wherever_the_server_finds_it(void **state)
{
	static const struct {
		int version;
		const char *text, *want;
	} t[] = {
	    {V9, "local all @users trust\n", "1@/e/users;"},
	    {V9, "local @dbs,x,@/d/u @u trust", "1@/e/dbs;1@/d/u;1@/e/u;"},
	    {V9, "\n# @a\nlocal all @u#c\n\tlocal\tall\t@v\r\n",
		"3@/e/u;4@/e/v;"},
	    {V9, "local all @\"a b\",@\"c,#d\" trust", "1@/e/a b;1@/e/c,#d;"},
	    {V9, "local all @\"a\"\"b\" @c\"d e\"f", "1@/e/a\"b;1@/e/cd ef;"},
	    {V9, "local all \"@u\" \"\",@x\n", "1@/e/x;"},
	    {V9, "local all @ x@y trust\n", ""},
	    {V9, "local all @\"open to the end\n@next\n",
		"1@/e/open to the end;2@/e/next;"},
	    {V9, "map @../os/users pg", "1@/os/users;"},
	    {V9, "@whole", "1@/e/whole;"},
	    {V9, ", ,, @a ,@b,", "1@/e/a;1@/e/b;"},
	    /* continuation lines */
	    {V13, "local \\\n@u trust\n", "2@/e/u;"},
	    {V15, "local \\\n@u trust\n@v", "1@/e/u;3@/e/v;"},
	    {V15, "local all @a\\\r\nb trust\r\n@c", "1@/e/ab;3@/e/c;"},
	    {V15, "# c \\\n@u\n@v", "3@/e/v;"},
	    {V15, "@a\\\\\n\n@b", "1@/e/a\\;3@/e/b;"},
	    {V15, "@a\\\n\\\n@b\\", "1@/e/a@b;"},
	    {V13, "@a\\\n", "1@/e/a\\;"},
	    /* directives */
	    {V15, "include a\ninclude_dir d\ninclude_if_exists i", ""},
	    {V16, "include a\ninclude_dir d\ninclude_if_exists i",
		"1>/e/a;2/"
		"/e/d;3?/e/i;"},
	    {V16, "include \"a b\"\n include /x # c\n", "1>/e/a b;2>/x;"},
	    {V16, "Include a\ninclude\ninclude a b\ninclude \"\"\n", ""},
	    {V16, "include a,b\n\"include\" c", "1>/e/a;2>/e/c;"},
	    {V16, "include @a\ninclude b,@c", "1@/e/a;2>/e/b;2@/e/c;"},
	    {V16, "include \\\na\n", "1>/e/a;"},
	    {V16, "local all include a trust", ""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct file files[] = {
		    {"/e/hba", t[i].text, NULL, 0}, {NULL, NULL, NULL, 0}};
		struct buf b = BUF_INIT, want = BUF_INIT;
		struct err e = ERR_INIT;

		buf_addf(&want, "[/e/hba]%s", t[i].want);
		assert_int_equal(walk(files, t[i].version, &b, &e), 0);
		assert_string_equal(buf_str(&b), buf_str(&want));
		buf_free(&b);
		buf_free(&want);
	}
}

static void
named_files_are_read_once_and_name_others(void **state)
{
	static const struct file files[] = {
	    TEXT("/e/hba", "local @u,@u @sub/v trust\n"
			   "include_dir hba.d\n"
			   "include_dir none\n"
			   "include hba\n"),
	    TEXT("/e/u", "joe, @gone\n"), TEXT("/e/sub/v", "@w\n"),
	    TEXT("/e/sub/w", "@../u @w"),
	    DIR("/e/hba.d", "b.conf\0a.conf\0.c.conf\0d.conf~\0x"),
	    TEXT("/e/hba.d/a.conf", "@a\n"),
	    TEXT("/e/hba.d/b.conf", "include ../more"), TEXT("/e/more", ""),
	    END};
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(walk(files, V16, &b, &e), 0);
	assert_string_equal(buf_str(&b),
	    "[/e/hba]1@/e/u;[/e/u]1@/e/gone;1@/e/u;"
	    "1@/e/sub/v;[/e/sub/v]1@/e/sub/w;[/e/sub/w]1@/e/u;1@/e/sub/w;"
	    "2/"
	    "/e/hba.d;[/e/hba.d/a.conf]1@/e/hba.d/a;"
	    "[/e/hba.d/b.conf]1>/e/more;[/e/more]"
	    "3/"
	    "/e/none;4>/e/hba;");
	assert_int_equal(walk(files + 1, V16, &b, &e), 0);
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
}

static void
a_chain_of_files_has_an_end(void **state)
{
	char path[32][16], text[32][16];
	struct file files[33] = {TEXT("/e/hba", "@1")};
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 1; i < 32; i++) {
		(void)snprintf(path[i], sizeof(path[i]), "/e/%zu", i);
		(void)snprintf(text[i], sizeof(text[i]), "\n@%zu", i + 1);
		files[i] = (struct file)TEXT(path[i], text[i]);
	}
	assert_int_equal(walk(files, V9, &b, &e), -1);
	assert_int_equal(e.code, ERR_SETTING);
	assert_string_equal(
	    e.text, "\"/e/10\", line 2: more than 10 files name each other");
	files[11] = (struct file)END;
	assert_int_equal(walk(files, V9, &b, &e), -1);
	files[10] = (struct file)TEXT("/e/10", "joe");
	assert_int_equal(walk(files, V9, &b, &e), 0);
	buf_free(&b);
}

static int
stop(void *arg, const struct hbafile_line *l, struct err *e)
{
	(void)arg;
	return l->kind == HBAFILE_FILE ? 0 : err_set(e, ERR_SETTING, "no");
}

static void
the_caller_ends_a_walk(void **state)
{
	static const struct file files[] = {TEXT("/e/hba", "@a @b"), END};
	struct confwalk_io io = files_io(files);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(hbafile_walk(&io, "/e/hba", V9, stop, NULL, &e), -1);
	assert_string_equal(e.text, "no");
}

static int
change(void *arg, enum hbafile_kind kind, const char *name, struct buf *instead,
    struct err *e)
{
	(void)arg;
	(void)e;
	if (strcmp(name, "stays") == 0)
		return 0;
	buf_addf(
	    instead, "x y/%s%s", kind == HBAFILE_INCLUDE_DIR ? "d " : "", name);
	return 1;
}

static void
names_are_changed_and_nothing_else(void **state)
{
	static const struct {
		int version;
		const char *text, *want;
	} t[] = {
	    {V15, "", ""},
	    {V15, "local all\\\n @stays\t\"@a\"\r\n# @c",
		"local all\\\n @stays\t\"@a\"\r\n# @c"},
	    {V15, "host  @a,b,@stays,@\"c\"\"d\" x # @e\nlocal @f",
		"host  @\"x y/a\",b,@stays,@\"x y/c\"\"d\" x # @e\n"
		"local @\"x y/f\"\n"},
	    {V15, "host \\\n  @a\\\nb\n@stays\n",
		"host   @\"x y/ab\"\n@stays\n"},
	    {V16, "include a\n\tinclude_dir \"b\" # c\ninclude stays\n",
		"include \"x y/a\"\n\tinclude_dir \"x y/d b\" # c\n"
		"include stays\n"},
	    {V16, "include a,@b\n", "include \"x y/a\",@\"x y/b\"\n"},
	    {V15, "include a\n", "include a\n"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;

		assert_int_equal(
		    hbafile_edit(t[i].text, t[i].version, change, NULL, &b, &e),
		    0);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
}

/* A name of n bytes. */
static int
long_name(void *arg, enum hbafile_kind kind, const char *name,
    struct buf *instead, struct err *e)
{
	(void)kind;
	(void)name;
	(void)e;
	for (size_t n = *(const size_t *)arg; n > 0; n--)
		buf_addc(instead, 'a');
	return 1;
}

static int
edit_long(int version, const char *text, size_t n, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	*e = (struct err)ERR_INIT;
	rc = hbafile_edit(text, version, long_name, &n, &b, e);
	buf_free(&b);
	return rc;
}

static void
what_the_server_would_not_read_is_not_written(void **state)
{
	static const char two[] = "#\n\nhost @a,@b\n", line[] = "@a @b\n";
	struct err e = ERR_INIT;

	(void)state;
	/* an '@' counts, quotes do not */
	assert_int_equal(edit_long(V9, two, 252, &e), 0);
	assert_int_equal(edit_long(V9, two, 253, &e), -1);
	assert_int_equal(e.code, ERR_SETTING);
	assert_memory_equal(
	    e.text, "line 3 would have a word of 254 bytes", 37);
	assert_int_equal(edit_long(130011, two, 253, &e), 0);
	assert_int_equal(edit_long(130011, two, 254, &e), -1);
	assert_int_equal(edit_long(V16, "include a\n", 10238, &e), 0);
	assert_int_equal(edit_long(V16, "include a\n", 10239, &e), -1);
	/* two of @"", a blank and the end of the line */
	assert_int_equal(edit_long(130012, line, (20478 - 8) / 2, &e), 0);
	assert_int_equal(edit_long(130012, line, (20478 - 8) / 2 + 1, &e), -1);
	assert_memory_equal(e.text, "line 1 would have 20480 bytes", 29);
	assert_int_equal(edit_long(140009, line, (20478 - 8) / 2 + 1, &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_is_found_wherever_the_server_finds_it),
	    cmocka_unit_test(named_files_are_read_once_and_name_others),
	    cmocka_unit_test(a_chain_of_files_has_an_end),
	    cmocka_unit_test(the_caller_ends_a_walk),
	    cmocka_unit_test(names_are_changed_and_nothing_else),
	    cmocka_unit_test(what_the_server_would_not_read_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
