#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "io/proc.h"

#include <setjmp.h>
#include <signal.h>
#include <cmocka.h>

static int
sh(const char *script, struct buf *out, struct buf *err, int64_t deadline,
    struct err *e)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	int status = -1;

	err_clear(e);
	if (proc_run(&(struct proc_opts){.argv = argv,
			 .out = out,
			 .err = err,
			 .deadline = deadline,
			 .sigfd = -1},
		&status, e) == -1)
		return -1;
	return status;
}

static void
status_and_output_come_back(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *out, *err;
	} v[] = {
	    {"true", 0, "", ""},
	    {"echo a; echo b >&2; exit 3", 3, "a\n", "b\n"},
	    {"kill -KILL $$", 128 + 9, "", ""},
	    {"kill -TERM $$", 128 + 15, "", ""},
	    {"cat; echo end", 0, "end\n", ""}, /* stdin is empty */
	};
	struct buf out = BUF_INIT, err = BUF_INIT;
	struct err e;

	(void)state;
	for (size_t i = 0; i < NELEM(v); i++) {
		buf_reset(&out);
		buf_reset(&err);
		assert_int_equal(
		    sh(v[i].script, &out, &err, DEADLINE_NEVER, &e),
		    v[i].status);
		assert_string_equal(buf_str(&out), v[i].out);
		assert_string_equal(buf_str(&err), v[i].err);
	}
	buf_free(&out);
	buf_free(&err);
}

static void
both_streams_may_go_to_one_buffer(void **state)
{
	struct buf out = BUF_INIT;
	struct err e;

	(void)state;
	assert_int_equal(
	    sh("echo a; echo b >&2; echo c", &out, &out, 0, &e), 0);
	assert_string_equal(buf_str(&out), "a\nb\nc\n");
	buf_free(&out);
}

static void
a_missing_program_is_named_with_its_errno(void **state)
{
	const char *argv[] = {"/nonexistent/program", NULL};
	struct err e = ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(
	    proc_run(
		&(struct proc_opts){.argv = argv, .sigfd = -1}, &status, &e),
	    -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(e.code, ERR_PROC);
	assert_non_null(strstr(e.text, "/nonexistent/program"));
}

static void
a_late_child_is_killed_and_reaped(void **state)
{
	struct buf out = BUF_INIT;
	struct err e;

	(void)state;
	assert_int_equal(
	    sh("trap '' TERM; echo $$; while :; do sleep 0.01; done", &out,
		NULL, deadline_in(300), &e),
	    -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_int_equal(kill(atoi(buf_str(&out)), 0), -1);
	assert_int_equal(errno, ESRCH);
	buf_free(&out);
}

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

/* A shell does not hand its signal on. */
static void
of_a_whole_group_nothing_is_left(void **state)
{
	const char *argv[] = {"/bin/sh", "-c",
	    "sh -c 'trap \"\" TERM; while :; do sleep 0.01; done' & echo $!; "
	    "sleep 100; :",
	    NULL};
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t late;
	pid_t grandchild;
	int status;

	(void)state;
	assert_int_equal(proc_run(&(struct proc_opts){.argv = argv,
				      .out = &out,
				      .deadline = deadline_in(300),
				      .whole = true,
				      .sigfd = -1},
			     &status, &e),
	    -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	grandchild = (pid_t)strtol(buf_str(&out), NULL, 10);
	assert_true(grandchild > 1);
	late = deadline_in(10000);
	while (is_alive(grandchild) && !deadline_passed(late))
		clock_sleep_ms(10, late);
	assert_false(is_alive(grandchild));
	buf_free(&out);
}

/* pg_ctl start leaves a server behind that holds its output. */
static void
output_held_open_by_a_grandchild_is_not_waited_for(void **state)
{
	struct buf out = BUF_INIT;
	struct err e;
	pid_t pid;

	(void)state;
	assert_int_equal(
	    sh("sleep 1000 & echo $!", &out, NULL, deadline_in(20000), &e), 0);
	pid = atoi(buf_str(&out));
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	buf_free(&out);
}

static void
what_is_above_the_limit_is_dropped_without_blocking(void **state)
{
	const char *argv[] = {
	    "sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x", NULL};
	struct buf out = BUF_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(proc_run(&(struct proc_opts){.argv = argv,
				      .out = &out,
				      .max_out = 1000,
				      .deadline = deadline_in(20000),
				      .sigfd = -1},
			     &status, NULL),
	    0);
	assert_int_equal(status, 0);
	assert_int_equal(out.len, 1000);
	buf_free(&out);
}

static void
environment_is_added_and_replaced(void **state)
{
	const char *argv[] = {"sh", "-c", "echo $HOME $NEW $LC_ALL", NULL};
	const char *env[] = {"NEW=1", "HOME=/x", NULL};
	struct buf out = BUF_INIT;
	int status = -1;

	(void)state;
	(void)setenv("LC_ALL", "C", 1);
	assert_int_equal(
	    proc_run(
		&(struct proc_opts){
		    .argv = argv, .env = env, .out = &out, .sigfd = -1},
		&status, NULL),
	    0);
	assert_string_equal(buf_str(&out), "/x 1 C\n");
	buf_free(&out);
}

static void
a_child_inherits_no_descriptor_and_no_signal_action(void **state)
{
	struct buf out = BUF_INIT;
	struct err e;
	int fd = open("/dev/null", O_RDONLY); /* no close-on-exec */
	struct stat st;
	char script[200];
	const char *mask;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(script, sizeof(script),
	    "test -e /proc/self/fd/%d && echo leaked;"
	    " grep SigIgn /proc/self/status",
	    fd);
	assert_int_equal(sh(script, &out, NULL, 0, &e), 0);
	if (stat("/proc/sys/kernel", &st) == 0)
		assert_null(strstr(buf_str(&out), "leaked"));
	/* 32 and 33 belong to the C library, and make leaves them ignored. */
	mask = strstr(buf_str(&out), "SigIgn:");
	assert_non_null(mask);
	assert_int_equal(strtoull(mask + 7, NULL, 16) & 0x7fffffff, 0);
	(void)close(fd);
	buf_free(&out);
}

static void
descriptors_may_be_any_of_0_to_2(void **state)
{
	const char *argv[] = {"sh", "-c", "echo out; echo err >&2", NULL};
	int saved[3], p[2], status = -1;
	char data[16] = "";
	pid_t pid;

	(void)state;
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		(void)close(i);
	/* p is 0 and 1 now. */
	if (pipe2(p, O_CLOEXEC) == 0) {
		int fds[3] = {-1, p[1], -1};

		if (proc_spawn(argv, NULL, fds, 0, &pid, NULL) == 0) {
			(void)close(p[1]);
			(void)!read(p[0], data, sizeof(data) - 1);
			(void)proc_wait(pid, DEADLINE_NEVER, &status);
		}
		(void)close(p[0]);
	}
	for (int i = 0; i < 3; i++) {
		(void)dup2(saved[i], i);
		(void)close(saved[i]);
	}
	assert_int_equal(status, 0);
	assert_string_equal(data, "out\n");
}

static void
an_interrupt_ends_the_child(void **state)
{
	const char *argv[] = {"sh", "-c",
	    "kill -USR1 $PPID; sleep 0.3;"
	    " kill -TERM $PPID; sleep 1000",
	    NULL};
	struct err e = ERR_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(sig_init(NULL), 0);
	assert_int_equal(proc_run(&(struct proc_opts){.argv = argv,
				      .deadline = deadline_in(20000),
				      .sigfd = sig_fd()},
			     &status, &e),
	    -1);
	assert_int_equal(e.code, ERR_INTERRUPTED);
	assert_int_equal(e.status, 128 + SIGTERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(status_and_output_come_back),
	    cmocka_unit_test(both_streams_may_go_to_one_buffer),
	    cmocka_unit_test(a_missing_program_is_named_with_its_errno),
	    cmocka_unit_test(a_late_child_is_killed_and_reaped),
	    cmocka_unit_test(of_a_whole_group_nothing_is_left),
	    cmocka_unit_test(
		output_held_open_by_a_grandchild_is_not_waited_for),
	    cmocka_unit_test(
		what_is_above_the_limit_is_dropped_without_blocking),
	    cmocka_unit_test(environment_is_added_and_replaced),
	    cmocka_unit_test(
		a_child_inherits_no_descriptor_and_no_signal_action),
	    cmocka_unit_test(descriptors_may_be_any_of_0_to_2),
	    /* Last: a caught signal stays caught. */
	    cmocka_unit_test(an_interrupt_ends_the_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
