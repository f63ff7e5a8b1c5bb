/* base/log.h: what a line may hold. */
#include "base/std.h"
#include "base/log.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct {
	const char *text, *want;
} lines[] = {
    {"ready", "ready"},
    {"\xC3\xA9t\xC3\xA9 \xE2\x9C\x93", "\xC3\xA9t\xC3\xA9 \xE2\x9C\x93"},
    {"They said:\n\tone", "They said:\n\tone"},
    {"escaped \\033 before", "escaped \\033 before"},
    {"Its label is \"night\033[2J\033]0;x\007\".",
	"Its label is \"night\\033[2J\\033]0;x\\007\"."},
    {"a\rb\x7F", "a\\015b\\177"},
    {"\xC2\x9B"
     "2J",
	"\\302\\2332J"},
    {"\x9B", "\\233"},
    {"\xE2\x80\xAEgnp", "\\342\\200\\256gnp"},
};

static void
a_line_holds_nothing_that_a_terminal_obeys(void **state)
{
	char name[] = "/tmp/log_test.XXXXXX", got[16384], want[200];
	int fd = mkstemp(name);
	char all[8001];
	ssize_t n;

	(void)state;
	assert_int_not_equal(fd, -1);
	log_init("prog", LVL_INFO);
	assert_int_equal(log_to(name), 0);
	for (size_t i = 0; i < NELEM(lines); i++) {
		log_line(LVL_WARNING, "detail", "%s", lines[i].text);
		log_under(LVL_INFO, "%s", lines[i].text);
	}
	n = read(fd, got, sizeof(got) - 1);
	assert_true(n > 0);
	got[n] = '\0';
	for (size_t i = 0; i < NELEM(lines); i++) {
		(void)snprintf(
		    want, sizeof(want), " prog: detail: %s\n", lines[i].want);
		if (strstr(got, want) == NULL)
			fail_msg("no %s in %s", want, got);
		(void)snprintf(
		    want, sizeof(want), " prog: %s\n", lines[i].want);
		if (strstr(got, want) == NULL)
			fail_msg("no %s in %s", want, got);
	}
	/* Four bytes each: cut, with a line end. */
	memset(all, 1, sizeof(all) - 1);
	all[sizeof(all) - 1] = '\0';
	log_line(LVL_INFO, NULL, "%s", all);
	n = read(fd, got, sizeof(got) - 1);
	assert_in_range(n, 8000, 8300);
	assert_int_equal(got[n - 1], '\n');
	(void)close(fd);
	(void)unlink(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_holds_nothing_that_a_terminal_obeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
