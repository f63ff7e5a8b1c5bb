/* What a server's log and its postmaster.pid say. */
#include "base/std.h"
#include "flow/pidfile.h"
#include "flow/server.h"

#include <setjmp.h>

#include <cmocka.h>

#define PRIMARY "could not connect to the primary server: "
#define T "2026-11-22 06:05:55.123 UTC [4711] "

/* Lines as servers of 10 to 18 write them. */
static const struct log_case {
	const char *text, *hint; /* hint NULL: nothing known */
} cases[] = {
    {"", NULL},
    {T "LOG:  database system is ready to accept read only connections\n",
	NULL},
    {T "FATAL:  could not connect to the primary server: FATAL:  no "
       "pg_hba.conf entry for replication connection from host "
       "\"10.0.0.2\", user \"repl\", SSL off\n",
	"replication line"},
    {T "FATAL:  could not connect to the primary server: connection to server "
       "at \"db1\" (10.0.0.1), port 5432 failed: FATAL:  password "
       "authentication failed for user \"repl\"\n",
	".pgpass"},
    {T "FATAL:  could not connect to the primary server: fe_sendauth: no "
       "password supplied\n",
	".pgpass"},
    {T "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL "
       "segment 000000010000000000000003 has already been removed\n",
	"--delta"},
    {T "FATAL:  database system identifier differs between the primary and "
       "standby\n",
	"another cluster"},
    {T "FATAL:  highest timeline 1 of the primary is behind recovery timeline "
       "2\n",
	"older timeline"},
    {T "FATAL:  could not start WAL streaming: ERROR:  replication slot "
       "\"node2\" does not exist\n",
	"pg_create_physical_replication_slot"},
    {T "FATAL:  could not start WAL streaming: ERROR:  replication slot "
       "\"node2\" is active for PID 4711\n",
	"slot of its own"},
    {T "FATAL:  hot standby is not possible because max_connections = 5 is a "
       "lower setting than on the master server (its value was 30)\n",
	"Raise that setting"},
    {T "FATAL:  recovery aborted because of insufficient parameter settings\n",
	"Raise the setting"},
    {T "LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in "
       "use\n",
	"Another server has that port"},
    {"postgres: could not access the server configuration file "
     "\"/srv/pg/postgresql.conf\": No such file or directory\n",
	"pg_ctlcluster"},
    {T "FATAL:  data directory \"/srv/pg\" has invalid permissions\n",
	"chmod 0700"},
    {T "LOG:  unrecognized configuration parameter \"promote_trigger_file\" in "
       "file \"/srv/pg/postgresql.auto.conf\" line 4\n",
	"Remove that line"},
    {T "FATAL:  using recovery command file \"recovery.conf\" is not "
       "supported\n",
	"standby.signal"},
    {T "FATAL:  could not access file \"pg_stat_statements\": No such file or "
       "directory\n",
	"shared_preload_libraries"},
    {T "FATAL:  could not locate required checkpoint record\n" T
       "HINT:  If you are not restoring from a backup, try removing the file "
       "\"/srv/pg/backup_label\".\n",
	"Do not remove backup_label"},
    {T "FATAL:  could not connect to the primary server: connection to server "
       "at \"db1\" (10.0.0.1), port 5432 failed: Connection refused\n",
	"listen_addresses"},
    {T "FATAL:  could not connect to the primary server: FATAL:  role \"repl\" "
       "does not exist\n",
	"role in primary_conninfo"},
    {"postgres: superuser_reserved_connections (3) plus max_wal_senders (2) "
     "must be less than max_connections (5)\n",
	"Raise max_connections"},
    /* Clients of the standby itself, among them we. */
    {T "FATAL:  role \"nobody\" does not exist\n" T
       "FATAL:  password authentication failed for user \"repl\"\n" T
       "FATAL:  no pg_hba.conf entry for host \"[local]\"\n",
	NULL},
    /* Both words, but not on one line. */
    {T "LOG:  requested WAL segment\n" T "LOG:  has already been removed\n",
	NULL},
    /* The last line that is known counts. */
    {T "FATAL:  " PRIMARY "Connection refused\n" T "FATAL:  " PRIMARY
       "FATAL:  no pg_hba.conf entry for replication connection\n" T
       "LOG:  waiting for WAL to become available at 0/3000018",
	"replication line"},
};

static void
known_lines_of_a_log_become_hints(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		const char *hint = server_classify_log(cases[i].text);

		if ((hint == NULL) != (cases[i].hint == NULL) ||
		    (hint != NULL && strstr(hint, cases[i].hint) == NULL))
			fail_msg("%s -> %s", cases[i].text,
			    hint != NULL ? hint : "(none)");
	}
}

static void
pidfile_is_read_in_the_form_of_each_version(void **state)
{
	static const struct {
		const char *text;
		int rc;
		long pid;
		int port;
		const char *sockdir, *listen, *status;
		unsigned long key;
		long id;
	} files[] = {
	    {"4711\n/srv/pg\n  5432001    65536\n", 0, 4711, 0, "", "", "",
		5432001, 65536},
	    {"4711\n/srv/pg\n1700000000\n5432\n/run/postgresql\nlocalhost\n"
	     "  5432001    65536\n",
		0, 4711, 5432, "/run/postgresql", "localhost", "", 5432001,
		65536},
	    {"4711\n/srv/pg\n1700000000\n5433\n\n*\n 163907 7\nstandby \n", 0,
		4711, 5433, "", "*", "standby", 163907, 7},
	    /* just being written */
	    {"4711\n/srv/pg\n1700000000\n5433\n", 0, 4711, 5433, "", "", "", 0,
		-1},
	    /* a standalone backend */
	    {"-4711\n/srv/pg\n", 0, 4711, 0, "", "", "", 0, -1},
	    {"", -1, 0, 0, "", "", "", 0, -1},
	    {"postgres\n", -1, 0, 0, "", "", "", 0, -1},
	    {"0\n", -1, 0, 0, "", "", "", 0, -1},
	    {"47 11\n", -1, 0, 0, "", "", "", 0, -1},
	    {"99999999999999999999\n", -1, 0, 0, "", "", "", 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(files); i++) {
		struct pidfile p;

		assert_int_equal(
		    pidfile_parse(files[i].text, strlen(files[i].text), &p),
		    files[i].rc);
		assert_int_equal(p.pid, files[i].pid);
		assert_int_equal(p.port, files[i].port);
		assert_int_equal(
		    p.started, files[i].port != 0 ? 1700000000 : 0);
		assert_string_equal(p.sockdir, files[i].sockdir);
		assert_string_equal(p.listen, files[i].listen);
		assert_string_equal(p.status, files[i].status);
		assert_int_equal(p.shmid, files[i].id);
		if (p.shmid != -1)
			assert_int_equal(p.shmkey, files[i].key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_lines_of_a_log_become_hints),
	    cmocka_unit_test(pidfile_is_read_in_the_form_of_each_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
