#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/command.h"
#include "flow/event.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <signal.h>
#include <cmocka.h>

/* A zombie of somebody else is not. */
static bool
is_alive(pid_t pid)
{
	char path[64], state = 'X';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return false;
	(void)!fscanf(f, "%*d (%*[^)]) %c", &state);
	(void)fclose(f);
	return state != 'Z' && state != 'X';
}

/* What the command says on the FIFO is the signal to end it. */
static void
what_the_command_started_does_not_outlive_it(void **state)
{
	static const char command[] =
	    "sh -c 'echo $$ >\"$STANDBY_DETAIL\"; exec sleep 30' & wait; :";
	char dir[] = "/tmp/event_test.XXXXXX", fifo[64];
	char text[32] = "";
	struct err e = ERR_INIT;
	int64_t late;
	pid_t child;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_true((fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) != -1);
	assert_int_equal(
	    event_run(command, "promote", "n", "ok", fifo, fd, &e), -1);
	assert_int_equal(e.code, ERR_INTERRUPTED);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	child = (pid_t)strtol(text, NULL, 10);
	assert_true(child > 1);
	late = deadline_in(10000);
	while (is_alive(child) && !deadline_passed(late))
		clock_sleep_ms(10, late);
	assert_false(is_alive(child));
	(void)close(fd);
	(void)unlink(fifo);
	(void)rmdir(dir);
}

static void
what_cannot_be_run_is_known_before(void **state)
{
	static const struct {
		const char *command;
		int error; /* 0: nothing to say */
	} v[] = {
	    {"", 0},
	    {"true", 0},
	    {"exit 3", 0}, /* a builtin */
	    {". /nonexistent", 0},
	    {"/bin/sh -c :", 0},
	    {" \t/bin/sh;/nonexistent", 0},
	    {"/nonexistent/fence", ENOENT},
	    {"  /nonexistent/fence --off", ENOENT},
	    {"/nonexistent/fence&& true", ENOENT},
	    {"no-such-program-of-anybody", ENOENT},
	    {"/etc/passwd", EACCES},
	    {"/etc/passwd/x", ENOTDIR},
	    {"/tmp", EACCES}, /* a directory */
	    /* The shell decides. */
	    {"/nonexistent/fence || true", 0},
	    {"\"/nonexistent/fence\"", 0},
	    {"$HOME/nonexistent", 0},
	    {"A=1 /nonexistent", 0},
	    {"(/nonexistent)", 0},
	    {"cut_off() { false; }; cut_off", 0},
	    {"cut_off ()\n{ false; }; cut_off", 0},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		err_clear(&e);
		errno = 0;
		assert_int_equal(
		    command_check(v[i].command, &e), v[i].error != 0 ? -1 : 0);
		if (v[i].error == 0)
			continue;
		assert_int_equal(e.code, ERR_CONFIG);
		assert_non_null(strstr(e.text, strerror(v[i].error)));
	}
}

/* An empty line in between is no end. */
static void
all_that_a_command_says_is_logged(void **state)
{
	struct command c = {.text = "echo \"$A$B\"; echo; echo two >&2; exit 3",
	    .env = {{"A", "one"}, {"B", NULL}},
	    .deadline = deadline_in(10000),
	    .sigfd = -1,
	    .level = LVL_INFO,
	    .who = "fence"};
	char name[] = "/tmp/event_test.XXXXXX", got[1024];
	int fd = mkstemp(name), status = 0;
	struct err e = ERR_INIT;
	ssize_t n;

	(void)state;
	assert_int_not_equal(fd, -1);
	log_init("prog", LVL_INFO);
	assert_int_equal(log_to(name), 0);
	assert_int_equal(command_run(&c, &status, &e), 0);
	assert_int_equal(log_to(NULL), 0);
	assert_int_equal(status, 3);
	n = read(fd, got, sizeof(got) - 1);
	(void)close(fd);
	(void)unlink(name);
	assert_true(n > 0);
	got[n] = '\0';
	assert_non_null(strstr(got, " prog: fence: one\n"));
	assert_non_null(strstr(got, " prog: fence: two\n"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_the_command_started_does_not_outlive_it),
	    cmocka_unit_test(what_cannot_be_run_is_known_before),
	    cmocka_unit_test(all_that_a_command_says_is_logged),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
