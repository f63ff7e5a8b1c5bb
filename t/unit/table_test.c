#include "base/std.h"

#include <locale.h>
#include <setjmp.h>

#include <cmocka.h>

#include "io/table.h"

#define HANGUL "\xED\x95\x9C\xEA\xB5\xAD" /* two characters, four columns */

/* A cascade of three, the middle one with a double-width name. */
static char *
printed(bool utf8, bool color, int width)
{
	struct table_opts o = {.utf8 = utf8, .color = color, .width = width};
	struct table *t = table_new(&o);
	struct buf b = BUF_INIT;
	int a, k, c;

	assert_non_null(t);
	assert_int_equal(table_column(t, "NODE", TABLE_TREE | TABLE_CUT), 0);
	assert_int_equal(table_column(t, "LAG", TABLE_RIGHT), 1);
	assert_int_equal(table_column(t, "STATE", 0), 2);
	a = table_row(t, -1);
	k = table_row(t, a);
	c = table_row(t, k);
	assert_int_equal(table_cell(t, a, 0, "node1", NULL), 0);
	assert_int_equal(table_cell(t, a, 1, "-", NULL), 0);
	assert_int_equal(table_cell(t, a, 2, "running", "green"), 0);
	assert_int_equal(table_cell(t, k, 0, HANGUL, NULL), 0);
	assert_int_equal(table_cell(t, k, 1, "71 kB", "no such colour"), 0);
	assert_int_equal(table_cell(t, k, 2, "x ", NULL), 0);
	assert_int_equal(table_cell(t, c, 0, "c", NULL), 0);
	assert_int_equal(table_print(t, &b), 0);
	table_free(t);
	return buf_steal(&b);
}

static bool
utf8_locale(void)
{
	return setlocale(LC_CTYPE, "C.UTF-8") != NULL ||
	       setlocale(LC_CTYPE, "en_US.UTF-8") != NULL;
}

static void
trees_are_drawn_and_wide_names_are_aligned(void **state)
{
	char *text;

	(void)state;
	if (!utf8_locale())
		skip();
	assert_true(table_utf8());
	text = printed(true, false, 0);
	assert_string_equal(text,
	    "NODE      LAG  STATE\n"
	    "node1       -  running\n"
	    "\xE2\x94\x94\xE2\x94\x80" HANGUL "  71 kB  x\n"
	    "  \xE2\x94\x94\xE2\x94\x80"
	    "c\n");
	free(text);
	text = printed(false, false, 0);
	assert_non_null(strstr(text, "\n`-" HANGUL "  71 kB  x\n  `-c\n"));
	free(text);
}

static void
without_utf8_the_table_is_ascii(void **state)
{
	char *text;

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C"));
	assert_false(table_utf8());
	text = printed(true, false, 0);
	for (const char *p = text; *p != '\0'; p++)
		assert_true((unsigned char)*p < 0x80);
	assert_non_null(strstr(text, "\n`-"));
	assert_int_equal(table_width(HANGUL), 6);
	free(text);
}

static void
a_table_is_cut_to_its_width(void **state)
{
	static const int widths[] = {200, 22, 21, 20};
	char *text, *line, *save;

	(void)state;
	if (!utf8_locale())
		skip();
	for (size_t i = 0; i < NELEM(widths); i++) {
		text = printed(true, true, widths[i]);
		save = NULL;
		for (line = strtok_r(text, "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save))
			if (table_width(line) > widths[i])
				fail_msg("%d: \"%s\"", widths[i], line);
		free(text);
	}
}

static void
colour_is_there_only_when_wanted(void **state)
{
	char *text = printed(false, false, 0);

	(void)state;
	assert_null(strchr(text, '\033'));
	free(text);
	text = printed(false, true, 0);
	assert_non_null(strstr(text, "\033[32mrunning\033[0m\n"));
	free(text);
}

static void
widths_are_those_of_the_terminal(void **state)
{
	static const struct {
		const char *text;
		int want;
	} t[] = {
	    {"", 0}, {"abc", 3}, {HANGUL, 4},
	    {"\033[1;31m" HANGUL "\033[0m!", 5},
	    {"e\xCC\x81", 1},    /* combining accent */
	    {"\xE2\x97\x8F", 1}, /* the mark */
	    {"a\xFFz\xED", 4},   /* not UTF-8 */
	    {"\033[2J", 4},      /* no colour: as it stands */
	};

	(void)state;
	if (!utf8_locale())
		skip();
	for (size_t i = 0; i < NELEM(t); i++)
		if (table_width(t[i].text) != t[i].want)
			fail_msg("%zu: %d", i, table_width(t[i].text));
}

static void
wrong_rows_and_columns_are_refused(void **state)
{
	struct table_opts o = {.width = 0};
	struct table *t = table_new(&o);
	struct buf b = BUF_INIT;

	(void)state;
	assert_non_null(t);
	assert_int_equal(table_column(t, "A", 0), 0);
	assert_int_equal(table_row(t, 0), -1);
	assert_int_equal(table_row(t, -2), -1);
	assert_int_equal(table_row(t, -1), 0);
	assert_int_equal(table_cell(t, 1, 0, "x", NULL), -1);
	assert_int_equal(table_cell(t, 0, 1, "x", NULL), -1);
	assert_int_equal(table_cell(t, -1, -1, "x", NULL), -1);
	for (int i = 1; i < 100; i++)
		assert_int_equal(table_row(t, -1), i);
	assert_int_equal(table_cell(t, 99, 0, "last", NULL), 0);
	assert_int_equal(table_print(t, &b), 0);
	assert_non_null(strstr(buf_str(&b), "\nlast\n"));
	buf_free(&b);
	table_free(t);
	table_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trees_are_drawn_and_wide_names_are_aligned),
	    cmocka_unit_test(without_utf8_the_table_is_ascii),
	    cmocka_unit_test(a_table_is_cut_to_its_width),
	    cmocka_unit_test(colour_is_there_only_when_wanted),
	    cmocka_unit_test(widths_are_those_of_the_terminal),
	    cmocka_unit_test(wrong_rows_and_columns_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
