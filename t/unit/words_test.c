/* Commands of standby.conf become words without a shell, or an error. */
#include "base/std.h"
#include "core/words.h"

#include <setjmp.h>
#include <cmocka.h>

static void
words_are_split_and_quotes_taken_off(void **state)
{
	static const struct {
		const char *command, *words; /* with | behind each */
	} t[] = {
	    {"pg_ctlcluster 15 main start", "pg_ctlcluster|15|main|start|"},
	    {"  a\t\tb\n", "a|b|"},
	    {"'a b' \"c d\" e\\ f", "a b|c d|e f|"},
	    {"a'b'\"c\"d", "abcd|"},
	    {"x '' \"\" y", "x|||y|"},
	    {"'$HOME;`x`' \";(rm)*&\"", "$HOME;`x`|;(rm)*&|"},
	    {"\"\\$a\\`b\" c", "$a`b|c|"},
	    {"\"$a\"", NULL},
	    {"\"`a`\"", NULL},
	    {"\"a\\\"b\\\\c\\d\" 'e\\'", "a\"b\\c\\d|e\\|"},
	    {"\\$x \\' \\\\ \\;", "$x|'|\\|;|"},
	    {"\\\\$", NULL},
	    {"a=b,c:d%e@f^g-h_i+j./k", "a=b,c:d%e@f^g-h_i+j./k|"},
	    {"sudo -n systemctl start 'postgresql@15-main'",
		"sudo|-n|systemctl|start|postgresql@15-main|"},
	    {"", NULL},
	    {" \t", NULL},
	    {"''", NULL},
	    {"'a", NULL},
	    {"\"a", NULL},
	    {"\"a\\", NULL},
	    {"\"a\\\"", NULL},
	    {"a\\", NULL},
	    {"a; b", NULL},
	    {"a && b", NULL},
	    {"a | b", NULL},
	    {"a >b", NULL},
	    {"a $b", NULL},
	    {"a `b`", NULL},
	    {"a *", NULL},
	    {"a ~/b", NULL},
	    {"a # b", NULL},
	    {"(a)", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct err e = ERR_INIT;
		struct words w;
		char got[256] = "";
		size_t n = 0;

		if (words_split(t[i].command, &w, &e) == -1) {
			if (t[i].words != NULL)
				fail_msg("%s: %s", t[i].command, e.text);
			assert_int_equal(e.code, ERR_CONFIG);
			assert_int_equal(w.n, 0);
			continue;
		}
		for (size_t k = 0; k < w.n; k++)
			n += (size_t)snprintf(
			    got + n, sizeof(got) - n, "%s|", w.v[k]);
		assert_null(w.v[w.n]);
		if (t[i].words == NULL || strcmp(got, t[i].words) != 0)
			fail_msg("%s: %s", t[i].command, got);
		words_free(&w);
	}
}

static void
the_number_of_words_is_bounded(void **state)
{
	char text[4 * WORDS_MAX];
	struct words w;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'a' : ' ';
	text[2 * WORDS_MAX] = '\0';
	assert_int_equal(words_split(text, &w, &e), 0);
	assert_int_equal(w.n, WORDS_MAX);
	words_free(&w);
	text[2 * WORDS_MAX] = 'a';
	text[2 * WORDS_MAX + 1] = '\0';
	assert_int_equal(words_split(text, &w, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	words_free(&w); /* twice is fine */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_split_and_quotes_taken_off),
	    cmocka_unit_test(the_number_of_words_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
