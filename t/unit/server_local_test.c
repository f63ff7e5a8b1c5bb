/* flow/server_local: a server of 9.0, by its command line, files and ps. */
#include "base/std.h"
#include "flow/server.h"
#include "flow/server_local.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#include <cmocka.h>

#define V 90023

static char dir[64];

static void
put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int
make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/server_local.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {
	    "postgresql.conf", "other.conf", "PG_VERSION", "postmaster.pid"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < NELEM(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

#define PLACE(words, p) server_local_place(dir, V, words, sizeof(words), p)

static void
the_command_line_tells_the_port_before_any_file(void **state)
{
	struct pidfile p = {.pid = 1};

	(void)state;
	put("postgresql.conf", "port = 5433\nunix_socket_directory = '/a'\n");
	PLACE("/bin/postgres\0-D\0/x\0-p\0"
	      "5477\0-k\0/run/pg",
	    &p);
	assert_int_equal(p.port, 5477);
	assert_string_equal(p.sockdir, "/run/pg");
	p = (struct pidfile){.pid = 1};
	PLACE("postgres\0-p5478\0-c\0unix_socket_directory=/run/c", &p);
	assert_int_equal(p.port, 5478);
	assert_string_equal(p.sockdir, "/run/c");
	p = (struct pidfile){.pid = 1};
	PLACE("postgres\0-p\0"
	      "1\0--port=5479\0--unix-socket-directory=/run/d",
	    &p);
	assert_int_equal(p.port, 5479);
	assert_string_equal(p.sockdir, "/run/d");
}

/* The value of another option may look like one. */
static void
a_value_is_no_option(void **state)
{
	struct pidfile p = {.pid = 1};

	(void)state;
	put("postgresql.conf", "port = 5433\n");
	PLACE("postgres\0-D\0-p1234\0-c\0log_line_prefix=-p1", &p);
	assert_int_equal(p.port, 5433);
}

static void
the_configuration_file_tells_the_rest(void **state)
{
	struct pidfile p = {.pid = 1};
	char words[256];
	int n;

	(void)state;
	put("postgresql.conf",
	    "#port = 5432\nport = 5433\nunix_socket_directory = '/run/''x'\n");
	PLACE("postgres", &p);
	assert_int_equal(p.port, 5433);
	assert_string_equal(p.sockdir, "/run/'x");
	put("other.conf", "port = 5440\n");
	n = snprintf(words, sizeof(words),
	    "postgres%c-D%c/x%c-c%cconfig_file=%s/other.conf", 0, 0, 0, 0, dir);
	p = (struct pidfile){.pid = 1};
	server_local_place(dir, V, words, (size_t)n + 1, &p);
	assert_int_equal(p.port, 5440);
}

static void
an_included_file_tells_it_too(void **state)
{
	struct pidfile p = {.pid = 1};

	(void)state;
	put("postgresql.conf", "port = 5433\ninclude 'other.conf'\n");
	put("other.conf", "port = 5441 # c\nunix_socket_directory = '/b'\n");
	PLACE("postgres", &p);
	assert_int_equal(p.port, 5441);
	assert_string_equal(p.sockdir, "/b");
}

static void
nothing_told_is_the_default_port(void **state)
{
	struct pidfile p = {.pid = 1};

	(void)state;
	put("postgresql.conf", "# port = 5433\n");
	PLACE("", &p);
	assert_int_equal(p.port, 5432);
	p = (struct pidfile){.pid = 1, .port = 5999};
	PLACE("postgres\0-p\0"
	      "5477",
	    &p);
	assert_int_equal(p.port, 5999);
}

static void
what_cannot_be_read_is_not_guessed(void **state)
{
	static const char *const texts[] = {"port = 99999\n", "port = x\n",
	    "port = 5433\ninclude 'gone.conf'\n", NULL};
	char path[128];
	struct pidfile p;

	(void)state;
	for (size_t i = 0; i < NELEM(texts); i++) {
		(void)snprintf(path, sizeof(path), "%s/postgresql.conf", dir);
		if (texts[i] == NULL)
			assert_int_equal(unlink(path), 0);
		else
			put("postgresql.conf", texts[i]);
		p = (struct pidfile){.pid = 1};
		PLACE("postgres\0-k\0/run", &p);
		assert_int_equal(p.port, 0);
		assert_string_equal(p.sockdir, "");
	}
	PLACE("postgres\0-c\0config_file=other.conf", &p);
	assert_int_equal(p.port, 0);
}

/* A process that passes for a server of dir, with PGPORT in its environment,
 * and its postmaster.pid. */
static pid_t
play_server(const char *name, const char *lines)
{
	char program[] = "cat", other[] = "A=1", port[] = "PGPORT=5455";
	char *const env[] = {other, port, NULL};
	char *const argv[] = {program, NULL};
	char text[128], link[128];
	int in[2], out[2];
	pid_t pid;

	(void)snprintf(link, sizeof(link), "%s/%s", dir, name);
	assert_int_equal(symlink("/bin/cat", link), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "x", 1), 1);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) == 0 && dup2(in[0], 0) == 0 &&
		    dup2(out[1], 1) == 1)
			(void)execve(name, argv, env);
		_exit(1);
	}
	/* Its pipe stays open until the test ends it. */
	(void)close(in[0]);
	(void)close(out[1]);
	assert_int_equal(read(out[0], text, 1), 1);
	(void)close(out[0]);
	assert_int_equal(unlink(link), 0);
	(void)snprintf(
	    text, sizeof(text), "%ld\n%s\n%s", (long)pid, dir, lines);
	put("postmaster.pid", text);
	return pid;
}

static void
end_server(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static struct pidfile
read_pidfile(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pidfile p;
	struct err e = ERR_INIT;

	assert_int_equal(pidfile_read(fd, &p, &e), 1);
	(void)close(fd);
	return p;
}

#define LINES_9_0 "  5433001   1234567\n"

static void
a_server_that_tells_no_port_is_asked_otherwise(void **state)
{
	struct conninfo like = {0}, c = {0};
	struct err e = ERR_INIT;
	struct pidfile p;
	pid_t pid;

	(void)state;
	put("PG_VERSION", "9.0\n");
	put("postgresql.conf", "port = 5444\n");
	pid = play_server("postgres", LINES_9_0);
	p = read_pidfile();
	assert_int_equal(p.port, 5444);
	assert_int_equal(p.shmid, 1234567);
	put("postgresql.conf", "unix_socket_directory = '/run/x'\n");
	p = read_pidfile();
	assert_int_equal(p.port, 5455);
	assert_string_equal(p.sockdir, "/run/x");
	assert_int_equal(pidfile_conninfo(&p, &like, &c, &e), 0);
	assert_string_equal(conninfo_get(&c, "port"), "5455");
	/* A later one that is only being written. */
	put("PG_VERSION", "9.1\n");
	assert_int_equal(read_pidfile().port, 0);
	put("PG_VERSION", "9.0\n");
	put("postgresql.conf", "port = x\n");
	p = read_pidfile();
	assert_int_equal(p.port, 0);
	assert_int_equal(pidfile_conninfo(&p, &like, &c, &e), -1);
	assert_int_equal(e.code, ERR_SETTING);
	end_server(pid);
	put("postgresql.conf", "port = 5444\n");
	assert_int_equal(read_pidfile().port, 0);
	/* Not the process of a server. */
	pid = play_server("pg_dump", LINES_9_0);
	assert_int_equal(read_pidfile().port, 0);
	end_server(pid);
	conninfo_free(&c);
}

static void
the_options_file_is_read_as_the_server_writes_it(void **state)
{
#define OPTIONS(want)                                                          \
	{                                                                      \
		want, sizeof(want)                                             \
	}
	static const struct {
		const char *text;
		struct {
			const char *s;
			size_t n;
		} want;
	} t[] = {
	    {"", OPTIONS("")},
	    {"/bin/postgres\n", OPTIONS("/bin/postgres")},
	    {"/a b/postgres \"-D\" \"/x y\"\n",
		OPTIONS("/a b/postgres\0-D\0/x y")},
	    {"p \"\" \"-c\" \"a=\"b\"\" \"\"\"\n",
		OPTIONS("p\0\0-c\0a=\"b\"\0\"")},
	    {"p \"a \"-D/x\" b\" \"c\"\n", OPTIONS("p\0a \"-D/x\" b\0c")},
	    {"p \"two\nlines\"\n\"\" \"b\"\n",
		OPTIONS("p\0two\nlines\"\n\"\0b")},
	    {"p \"a\" \"cut of", OPTIONS("p\0a\0cut of")},
	    {"p \"a", OPTIONS("p\0a")},
	    {"p \"", OPTIONS("p\0")},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		pidfile_options(t[i].text, &b);
		assert_int_equal(b.len, t[i].want.n);
		assert_memory_equal(b.data, t[i].want.s, b.len);
		buf_free(&b);
	}
}

static void
the_title_of_a_receiver_tells_its_position(void **state)
{
	static const struct {
		const char *title;
		enum server_receiver want;
		uint64_t lsn;
	} t[] = {
	    {"postgres: wal receiver process   streaming 0/1A000060   ",
		RECEIVER_STREAMS, UINT64_C(0x1A000060)},
	    {"postgres: wal receiver process   ", RECEIVER_THERE, 0},
	    {"postgres: wal receiver process   streaming x", RECEIVER_THERE, 0},
	    {"postgres: wal receiver process   streaming "
	     "00000000000000000000/000000000000000",
		RECEIVER_THERE, 0},
	    {"postgres: wal sender process repl 10.0.0.2(4711) streaming 0/1",
		RECEIVER_UNSEEN, 0},
	    {"postgres: 9.5/main: wal receiver process   streaming 0/1A000060",
		RECEIVER_STREAMS, UINT64_C(0x1A000060)},
	    {"postgres: streaming 0/1: wal receiver process   ", RECEIVER_THERE,
		0},
	    {"postgres: 9.5/main: wal sender process repl [local] idle",
		RECEIVER_UNSEEN, 0},
	    {"postgres: walreceiver streaming 0/1A000060", RECEIVER_STREAMS,
		UINT64_C(0x1A000060)},
	    {"postgres: 18/main: walreceiver   streaming 1/1", RECEIVER_STREAMS,
		UINT64_C(0x100000001)},
	    {"postgres: walreceiver ", RECEIVER_THERE, 0},
	    {"postgres: walreceivers streaming 0/1", RECEIVER_UNSEEN, 0},
	    {"postgres: walsender repl 10.0.0.2(4711) streaming 0/1",
		RECEIVER_UNSEEN, 0},
	    {"vim postgres: wal receiver process", RECEIVER_UNSEEN, 0},
	    {"", RECEIVER_UNSEEN, 0},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		uint64_t lsn = 0;

		assert_int_equal(
		    server_local_title(t[i].title, &lsn), t[i].want);
		assert_true(lsn == t[i].lsn);
	}
}

static void
replay_behind_the_backup_is_no_way_to_streaming(void **state)
{
	static const struct {
		struct server_state before, now;
		bool want;
	} t[] = {
	    {{.replay_lsn = 0}, {.replay_lsn = 50}, true},
	    {{.replay_lsn = 50}, {.replay_lsn = 99}, true},
	    {{.replay_lsn = 99}, {.replay_lsn = 200}, true},
	    {{.replay_lsn = 50}, {.replay_lsn = 50}, false},
	    {{.replay_lsn = 100}, {.replay_lsn = 200}, false}, /* archive */
	    {{.replay_lsn = 100, .receive_lsn = 100},
		{.replay_lsn = 100, .receive_lsn = 101}, true},
	    {{.replay_lsn = 200, .receive_lsn = 100},
		{.replay_lsn = 300, .receive_lsn = 100}, false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		assert_int_equal(
		    server_wait_moved(&t[i].before, &t[i].now, 100), t[i].want);
}

static bool
sees(enum server_receiver want, uint64_t *lsn)
{
	for (int i = 0; i < 500; i++) {
		if (server_local_receiver((long)getpid(), lsn) == want)
			return true;
		(void)usleep(10000);
	}
	return false;
}

static void
only_a_child_of_the_postmaster_is_its_receiver(void **state)
{
	uint64_t lsn = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)execl("/bin/sleep",
		    "postgres: wal receiver process   streaming 0/5000060",
		    "60", (char *)NULL);
		_exit(1);
	}
	assert_true(sees(RECEIVER_STREAMS, &lsn));
	assert_true(lsn == UINT64_C(0x5000060));
	assert_int_equal(
	    server_local_receiver((long)pid, &lsn), RECEIVER_UNSEEN);
	assert_int_equal(server_local_receiver(0, &lsn), RECEIVER_UNSEEN);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	assert_int_equal(
	    server_local_receiver((long)getpid(), &lsn), RECEIVER_UNSEEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_command_line_tells_the_port_before_any_file),
	    cmocka_unit_test(a_value_is_no_option),
	    cmocka_unit_test(the_configuration_file_tells_the_rest),
	    cmocka_unit_test(an_included_file_tells_it_too),
	    cmocka_unit_test(nothing_told_is_the_default_port),
	    cmocka_unit_test(what_cannot_be_read_is_not_guessed),
	    cmocka_unit_test(a_server_that_tells_no_port_is_asked_otherwise),
	    cmocka_unit_test(replay_behind_the_backup_is_no_way_to_streaming),
	    cmocka_unit_test(the_options_file_is_read_as_the_server_writes_it),
	    cmocka_unit_test(the_title_of_a_receiver_tells_its_position),
	    cmocka_unit_test(only_a_child_of_the_postmaster_is_its_receiver),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
