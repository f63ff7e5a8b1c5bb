#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "io/conf.h"

/* A private directory with one file per case. */
static char dir[] = "/tmp/conf_test.XXXXXX";
static char path[64];

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char file[96];
	FILE *f;

	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static void
remove_file(const char *name)
{
	char file[96];

	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
	(void)unlink(file);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/standby.conf", dir);
	return setenv("XDG_CONFIG_HOME", dir, 1) | unsetenv("STANDBY_CONFIG");
}

static int
tear_down(void **state)
{
	(void)state;
	remove_file("standby.conf");
	remove_file("link.conf");
	remove_file("more.conf");
	remove_file("fifo");
	remove_file("standby/standby.conf");
	remove_file("xdg.conf");
	(void)snprintf(path, sizeof(path), "%s/standby", dir);
	(void)rmdir(path);
	return rmdir(dir);
}

static const char sample[] =
    "cluster = \"main\";\n"
    "defaults : { user = \"repl\"; dbname = \"postgres\"; bindir = \"/b\"; "
    "ssh_user = \"postgres\";\n"
    "             start = \"pg_ctlcluster 15 main start\"; stop = \"x\"; };\n"
    "nodes = (                      # order = pgpool backend number\n"
    "    { name = \"node1\"; conninfo = \"host=db1 port=5432\"; pgdata = "
    "\"/p\"; weight = 1; },\n"
    "    { name = \"node2\"; conninfo = \"host=db2 port=5432\"; weight = 0.5; "
    "slot = \"node2\"; },\n"
    "    { name = \"node3\"; conninfo = \"host=db3\"; upstream = \"node2\"; "
    "promote = false; ssh = \"a@b:1\"; }\n"
    ");\n"
    "clone   : { exclude = [ \"*.bak\", \"*.tmp\" ]; keep = ( \"a\" ); "
    "max_rate = \"80MB\"; jobs = 4; no_sync = true; max_delete = 7; };\n"
    "promote : { timeout = \"60s\"; max_lag = \"16MB\"; fence = \"/f\"; "
    "trust_pgpool = false; witness = [ \"gw1\" ]; candidate = \"best\"; "
    "siblings_follow = true; };\n"
    "status  : { warning = \"16MB,30s\"; critical = \"128MB,5min\"; "
    "min_standbys = 1; };\n"
    "agent   : { operate = false; };\n"
    "pool    : { conninfo = \"host=pool1\"; version = \"4.3\"; };\n"
    "event_command = \"/etc/standby/notify.sh\";\n";

static void
the_contract_s_own_file_is_read(void **state)
{
	static const struct {
		const char *key, *want;
	} t[] = {
	    {"cluster", "main"},
	    {"defaults.user", "repl"},
	    {"defaults.start", "pg_ctlcluster 15 main start"},
	    {"clone.exclude", "*.bak"},
	    {"clone.keep", "a"},
	    {"clone.max_rate", "80MB"},
	    {"clone.jobs", "4"},
	    {"clone.no_sync", "true"},
	    {"clone.max_delete", "7"},
	    {"promote.trust_pgpool", "false"},
	    {"promote.witness", "gw1"},
	    {"promote.candidate", "best"},
	    {"promote.siblings_follow", "true"},
	    {"status.warning", "16MB,30s"},
	    {"status.min_standbys", "1"},
	    {"agent.operate", "false"},
	    {"pool.version", "4.3"},
	    {"event_command", "/etc/standby/notify.sh"},
	    {"clone.slot", NULL},
	    {"nodes.name", NULL},
	};
	const struct conf_node *n;
	struct err e = ERR_INIT;
	struct conf c;
	char from[80];
	size_t excludes = 0;

	(void)state;
	write_file("standby.conf", sample, 0644);
	if (conf_read(&c, path, &e) == -1)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < NELEM(t); i++) {
		const char *got = conf_get(&c, t[i].key);

		if (t[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got, t[i].want);
	}
	for (size_t i = 0; i < c.nvalues; i++)
		if (strcmp(c.values[i].key, "clone.exclude") == 0)
			excludes++;
	assert_int_equal(excludes, 2);
	(void)snprintf(from, sizeof(from), "%s:1", path);
	assert_string_equal(c.values[0].from, from);
	assert_string_equal(c.file, path);
	assert_string_equal(c.cluster, "main");
	assert_int_equal(c.nnodes, 3);
	assert_null(conf_find_node(&c, "node4"));
	n = conf_find_node(&c, "node2");
	assert_string_equal(n->slot, "node2");
	assert_true(n->weight > 0.49 && n->weight < 0.51);
	assert_true(n->promote);
	assert_null(n->pgdata);
	n = conf_find_node(&c, "node3");
	assert_string_equal(n->upstream, "node2");
	assert_string_equal(n->ssh, "a@b:1");
	assert_false(n->promote);
	assert_true(n->weight > 0.99 && n->weight < 1.01);
	conf_free(&c);
	conf_free(&c);
	conf_free(NULL);
}

static void
bad_files_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *error, *hint; /* behind "FILE:" */
	} t[] = {
	    {"cluster = \"main\";\nclone : { jbos = 4; };",
		"2: unknown key \"jbos\" in clone", "Did you mean \"jobs\"?"},
	    {"clon : { };", "1: unknown key \"clon\"",
		"Did you mean \"clone\"?"},
	    {"zzzzzzzz = 1;", "1: unknown key \"zzzzzzzz\"", ""},
	    {"nodes = ( { name = \"a\";\nconinfo = \"x\"; } );",
		"2: unknown key \"coninfo\" in nodes",
		"Did you mean \"conninfo\"?"},
	    {"cluster = \"main\";\nclone : { jobs = ; };", "2: syntax error",
		""},
	    {"cluster = \"a\";\ncluster = \"b\";", "2: duplicate setting name",
		""},
	    {"clone : { max_rate = 80; };",
		"1: \"max_rate\" must be text in quotes, with a unit",
		"Write for example: max_rate = \"80MB\";"},
	    {"clone : { max_rate = 8589934592; };",
		"1: \"max_rate\" must be text in quotes, with a unit",
		"Write for example: max_rate = \"80MB\";"},
	    {"promote : { timeout = 60; };",
		"1: \"timeout\" must be text in quotes, with a unit",
		"Write for example: timeout = \"60s\";"},
	    {"clone : { jobs = \"4\"; };",
		"1: \"jobs\" must be a whole number that is not negative",
		"Write for example: jobs = 4;"},
	    {"clone : { jobs = -1; };",
		"1: \"jobs\" must be a whole number that is not negative",
		"Write for example: jobs = 4;"},
	    {"clone : { jobs = 9999999999L; };",
		"1: \"jobs\" must be a whole number that is not negative",
		"Write for example: jobs = 4;"},
	    {"clone : { jobs = 1.5; };",
		"1: \"jobs\" must be a whole number that is not negative",
		"Write for example: jobs = 4;"},
	    {"clone : { no_sync = 1; };",
		"1: \"no_sync\" must be true or false",
		"Write for example: no_sync = true;"},
	    {"pool : { version = 4.3; };",
		"1: \"version\" must be text in quotes",
		"Write for example: version = \"4.3\";"},
	    {"clone : { exclude = [ 1, 2 ]; };",
		"1: \"exclude\" must be an array of texts",
		"Write for example: exclude = [ \"*.bak\" ];"},
	    {"clone : { exclude = ( \"a\", ( \"b\" ) ); };",
		"1: \"exclude\" must be an array of texts",
		"Write for example: exclude = [ \"*.bak\" ];"},
	    {"clone : { slot = [ \"a\" ]; };",
		"1: \"slot\" must be text in quotes",
		"Write for example: slot = \"node1\";"},
	    {"clone = 4;", "1: \"clone\" must be a group",
		"Write for example: clone : { ... };"},
	    {"nodes = [ \"a\" ];", "1: \"nodes\" must be a list of groups",
		"Write for example: nodes = ( { name = \"node1\"; } );"},
	    {"nodes = ( \"a\" );", "1: a node must be a group",
		"Write for example: { name = \"node1\"; }"},
	    {"nodes = ( { pgdata = \"/p\"; } );", "1: a node needs a name",
		"Write for example: name = \"node1\";"},
	    {"nodes = ( { name = \"\"; } );", "1: a node needs a name",
		"Write for example: name = \"node1\";"},
	    {"nodes = ( { name = \"a\"; weight = -1; } );",
		"1: \"weight\" must be a number that is not negative",
		"Write for example: weight = 1;"},
	    {"nodes = ( { name = \"a\"; promote = \"no\"; } );",
		"1: \"promote\" must be true or false",
		"Write for example: promote = true;"},
	    {"nodes = ( { name = 7; } );", "1: \"name\" must be text in quotes",
		"Write for example: name = \"node1\";"},
	    {"nodes = ( { name = \"a\"; },\n{ name = \"a\"; } );",
		"2: node \"a\" stands there twice", ""},
	    {"nodes = ( { name = \"a\"; upstream = \"b\"; } );",
		"1: upstream \"b\" of node \"a\" is not a node", ""},
	    {"nodes = ( { name = \"a\"; upstream = \"b\"; },\n"
	     "{ name = \"b\"; upstream = \"a\"; } );",
		"1: node \"a\" is its own upstream", ""},
	    {"nodes = ( { name = \"a\"; upstream = \"b\"; },\n"
	     "{ name = \"b\"; upstream = \"b\"; } );",
		"2: node \"b\" is its own upstream", ""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct err e = ERR_INIT;
		struct conf c;
		char want[256];

		write_file("standby.conf", t[i].text, 0600);
		(void)snprintf(want, sizeof(want), "%s:%s", path, t[i].error);
		assert_int_equal(conf_read(&c, path, &e), -1);
		assert_string_equal(e.text, want);
		assert_string_equal(e.hint, t[i].hint);
		assert_int_equal(e.code, ERR_CONFIG);
		assert_null(c.file);
		assert_int_equal(conf_read(&c, path, NULL), -1);
	}
}

static void
good_odd_files_are_read(void **state)
{
	static const char *const texts[] = {
	    "",
	    "# nothing\n",
	    "nodes = ( );",
	    "clone : { exclude = \"*.bak\"; max_delete = \"50%\"; };",
	    "clone : { exclude = [ ]; };",
	    "clone : { jobs = 8L; };",
	    "cluster = \"\xeb\x8c\x80\xea\xb8\xb0 \\\"x\\\"\"",
	};

	(void)state;
	for (size_t i = 0; i < NELEM(texts); i++) {
		struct err e = ERR_INIT;
		struct conf c;

		write_file("standby.conf", texts[i], 0640);
		if (conf_read(&c, path, &e) == -1)
			fail_msg("%s: %s", texts[i], e.text);
		conf_free(&c);
	}
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666};
	struct err e = ERR_INIT;
	struct conf c;

	(void)state;
	for (size_t i = 0; i < NELEM(modes); i++) {
		write_file("standby.conf", "", modes[i]);
		err_clear(&e);
		assert_int_equal(conf_read(&c, path, &e), -1);
		assert_int_equal(e.code, ERR_CONFIG);
		assert_non_null(strstr(e.text, "may be written by group"));
		assert_non_null(strstr(e.hint, "Type: chmod go-w \""));
		assert_string_equal(strrchr(e.hint, '/'), "/standby.conf\"");
	}
}

static void
only_regular_files_are_read(void **state)
{
	struct err e = ERR_INIT;
	struct conf c;
	char other[96];

	(void)state;
	assert_int_equal(conf_read(&c, dir, &e), -1);
	assert_non_null(strstr(e.text, "is not a regular file"));
	err_clear(&e);
	(void)snprintf(other, sizeof(other), "%s/fifo", dir);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(conf_read(&c, other, &e), -1);
	assert_non_null(strstr(e.text, "is not a regular file"));
	err_clear(&e);
	(void)snprintf(other, sizeof(other), "%s/none.conf", dir);
	assert_int_equal(conf_read(&c, other, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "No such file"));
	assert_int_equal(conf_read(&c, other, NULL), -1);
	/* A symbolic link to a good one is fine. */
	write_file("standby.conf", "cluster = \"x\";", 0600);
	(void)snprintf(other, sizeof(other), "%s/link.conf", dir);
	assert_int_equal(symlink("standby.conf", other), 0);
	assert_int_equal(conf_read(&c, other, NULL), 0);
	assert_string_equal(c.cluster, "x");
	conf_free(&c);
}

/* With or without its directory: that depends on the libconfig. */
static void
included_files_name_themselves(void **state)
{
	struct err e = ERR_INIT;
	struct conf c;

	(void)state;
	write_file(
	    "standby.conf", "cluster = \"x\";\n@include \"more.conf\"\n", 0600);
	write_file("more.conf", "\nclone : { jobs = 3; };\n", 0600);
	if (conf_read(&c, path, &e) == -1)
		fail_msg("%s", e.text);
	assert_string_equal(conf_get(&c, "clone.jobs"), "3");
	assert_non_null(strstr(c.values[1].from, "more.conf:2"));
	conf_free(&c);
	write_file("more.conf", "\nclone : { jbos = 3; };\n", 0600);
	assert_int_equal(conf_read(&c, path, &e), -1);
	assert_non_null(strstr(e.text, "more.conf:2: unknown key \"jbos\""));
	err_clear(&e);
	write_file("more.conf", "\nclone : { jobs 3; };\n", 0600);
	assert_int_equal(conf_read(&c, path, &e), -1);
	assert_non_null(strstr(e.text, "more.conf:2: syntax error"));
}

static void
the_file_is_found_by_environment(void **state)
{
	struct err e = ERR_INIT;
	struct conf c;
	char other[96];

	(void)state;
	/* A named file must exist. */
	(void)snprintf(other, sizeof(other), "%s/none.conf", dir);
	assert_int_equal(setenv("STANDBY_CONFIG", other, 1), 0);
	assert_int_equal(conf_read(&c, NULL, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	err_clear(&e);
	write_file("standby.conf", "cluster = \"named\";", 0600);
	assert_int_equal(setenv("STANDBY_CONFIG", path, 1), 0);
	assert_int_equal(conf_read(&c, NULL, &e), 0);
	assert_string_equal(c.cluster, "named");
	conf_free(&c);
	/* Then the user's. */
	assert_int_equal(setenv("STANDBY_CONFIG", "", 1), 0);
	(void)snprintf(other, sizeof(other), "%s/standby", dir);
	assert_int_equal(mkdir(other, 0700), 0);
	write_file("standby/standby.conf", "cluster = \"xdg\";", 0600);
	assert_int_equal(conf_read(&c, NULL, &e), 0);
	assert_string_equal(c.cluster, "xdg");
	conf_free(&c);
	/* One that others may write is not skipped. */
	write_file("standby/standby.conf", "", 0666);
	assert_int_equal(conf_read(&c, NULL, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_contract_s_own_file_is_read),
	    cmocka_unit_test(bad_files_are_refused_with_their_line),
	    cmocka_unit_test(good_odd_files_are_read),
	    cmocka_unit_test(a_file_that_others_may_write_is_refused),
	    cmocka_unit_test(only_regular_files_are_read),
	    cmocka_unit_test(included_files_name_themselves),
	    cmocka_unit_test(the_file_is_found_by_environment),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
