#include "base/std.h"
#include "base/shell.h"
#include "flow/roots.h"

#include <sys/wait.h>
#include <setjmp.h>
#include <cmocka.h>

static const char *const words[] = {"/var/lib/postgresql/15/main", "", "~",
    "it's", "'", "''''", "/대기's 서버 C", "$(id)", "a b\tc", "=ls", "a=b",
    "\\", "a\\=b", "-x", "\"`*?[!#&;|<>(){}", "a\nb"};

/* What a shell makes of the word. */
static void
expand(const char *word, char *got, size_t size)
{
	char command[SHELL_WORD + 32];
	int fd[2], status;
	size_t n = 0;
	ssize_t r;
	pid_t pid;

	(void)snprintf(command, sizeof(command), "printf %%s. %s", word);
	assert_int_equal(pipe(fd), 0);
	if ((pid = fork()) == 0) {
		(void)dup2(fd[1], 1);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(fd[1]);
	while ((r = read(fd[0], got + n, size - 1 - n)) > 0)
		n += (size_t)r;
	(void)close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(n > 0 && got[n - 1] == '.');
	got[n - 1] = '\0';
}

static void
a_word_is_what_a_shell_makes_of_it(void **state)
{
	char word[SHELL_WORD], got[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < NELEM(words); i++) {
		expand(shell_quoted(words[i], word), got, sizeof(got));
		assert_string_equal(got, words[i]);
		expand(shell_word(words[i], word), got, sizeof(got));
		assert_string_equal(got, words[i]);
	}
}

static void
only_what_needs_it_is_quoted(void **state)
{
	char word[SHELL_WORD];

	(void)state;
	assert_string_equal(
	    shell_word("db-1.example:5432", word), "db-1.example:5432");
	assert_string_equal(shell_word("--slot=a_b", word), "--slot=a_b");
	assert_string_equal(shell_word("=ls", word), "'=ls'");
	assert_string_equal(shell_word("~", word), "'~'");
	assert_string_equal(shell_word("", word), "''");
	assert_string_equal(shell_quoted("a", word), "'a'");
}

static void
a_word_that_is_no_path_is_left_out(void **state)
{
	static char quotes[PATH_MAX + 1], longer[2 * PATH_MAX + 1];
	char word[SHELL_WORD];

	(void)state;
	memset(quotes, '\'', PATH_MAX);
	assert_int_equal(strlen(shell_quoted(quotes, word)), SHELL_WORD - 1);
	assert_string_equal(shell_quoted("a", word), "'a'");
	memset(longer, '\'', 2 * PATH_MAX);
	assert_string_equal(shell_quoted(longer, word), "''");
}

static void
the_old_directory_of_a_mapping_can_be_pasted(void **state)
{
	static const char *const dirs[] = {
	    "/ts", "/ts/old=eq", "/it's = here", "/=="};

	(void)state;
	for (size_t i = 0; i < NELEM(dirs); i++) {
		char word[SHELL_WORD], option[SHELL_WORD], got[PATH_MAX];
		char old[PATH_MAX], new_dir[PATH_MAX];
		struct err e = ERR_INIT;

		(void)snprintf(option, sizeof(option), "%s=/new",
		    roots_old_word(dirs[i], word));
		expand(option, got, sizeof(got));
		assert_int_equal(roots_parse_mapping(got, old, new_dir, &e), 0);
		assert_string_equal(old, dirs[i]);
		assert_string_equal(new_dir, "/new");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_word_is_what_a_shell_makes_of_it),
	    cmocka_unit_test(only_what_needs_it_is_quoted),
	    cmocka_unit_test(a_word_that_is_no_path_is_left_out),
	    cmocka_unit_test(the_old_directory_of_a_mapping_can_be_pasted),
	};

	return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
