#include "base/std.h"
#include "core/pgpool.h"

#include <setjmp.h>

#include <cmocka.h>

static void
words_are_taken_by_their_place(void **state)
{
	static const struct {
		const char *words[8];
		const char *want; /* the command, or "error: " and its text */
	} rows[] = {
	    {{"/p", "db2", "/srv/d", "5432", "1", "5433", "db1"},
		"'clone' '--host' 'db1' '--port' '5432' '--pgdata' '/srv/d' "
		"'--delta' '--no-start' '--yes'"},
	    {{"/p", "db2", "/srv/d", "5432", "1", "5433"},
		"'clone' '--host' 'here' '--port' '5432' '--pgdata' '/srv/d' "
		"'--delta' '--no-start' '--yes'"},
	    {{"/p", "db2", "/a b'c", "5432", "1", "5433", "db1"},
		"'clone' '--host' 'db1' '--port' '5432' '--pgdata' "
		"'/a b'\\''c' '--delta' '--no-start' '--yes'"},
	    {{"/p", "db2", "/d", "5432", "1"},
		"error: --pgpool-recovery wants the 6 or 7 words of pgpool's "
		"recovery_1st_stage_command, not 5"},
	    {{"/p", "-oProxyCommand=x", "/d", "5432", "1", "5433"},
		"error: --pgpool-recovery: word 2 is not a host: "
		"\"-oProxyCommand=x\""},
	    {{"/p", "db2", "d", "5432", "1", "5433"},
		"error: --pgpool-recovery: word 3 is not a directory: \"d\""},
	    {{"/p", "db2", "/d", "54x", "1", "5433"},
		"error: --pgpool-recovery: word 4 is not a port: \"54x\""},
	    {{"/p", "db2", "/d", "5432", "1", "5433", "a;b"},
		"error: --pgpool-recovery: word 7 is not a host: \"a;b\""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct err e = ERR_INIT;
		struct pgpool_recovery r;
		struct buf b = BUF_INIT;
		size_t n = 0;

		while (rows[i].words[n] != NULL)
			n++;
		if (pgpool_recovery_words(rows[i].words, n, &r, &e) == -1)
			buf_addf(&b, "error: %s", e.text);
		else
			pgpool_recovery_command(&r, "here", "clone", &b);
		assert_string_equal(buf_str(&b), rows[i].want);
		buf_free(&b);
	}
}

/* "d h p D m H M P r R N S" with - for what was not told. */
static void
add_word(struct buf *b, const char *word)
{
	buf_addf(b, " %s", word == NULL ? "-" : word);
}

static void
show_words(struct buf *b, const struct pgpool_failover *w)
{
	buf_addf(b, "%d", w->node_id);
	add_word(b, w->host);
	buf_addf(b, " %d", w->port);
	add_word(b, w->pgdata);
	buf_addf(b, " %d", w->new_main_id);
	add_word(b, w->new_main_host);
	buf_addf(b, " %d %d %d", w->old_main_id, w->old_primary_id,
	    w->new_main_port);
	add_word(b, w->new_main_pgdata);
	add_word(b, w->old_primary_host);
	buf_addf(b, " %d", w->old_primary_port);
}

#define USAGE "error: --pgpool"
#define COUNT(n) USAGE " wants the 10 to 12 words of pgpool, not " n
#define HEAD "0", "db1", "5432", "/d1"
#define MAIN "1", "db2", "0", "0", "5433"

static void
failover_words_of_every_shape_are_taken(void **state)
{
	static const struct {
		const char *words[14];
		const char *want;
	} rows[] = {
	    {{HEAD, MAIN, "/d2", "db1", "5432"},
		"0 db1 5432 /d1 1 db2 0 0 5433 /d2 db1 5432"},
	    /* blanks in front, of pgpool 4.4, when the words are quoted */
	    {{" 0", "db1", " 5432", "/d1", " 1", "db2", "0", "0", "5433", "/d2",
		 "db1", "5432"},
		"0 db1 5432 /d1 1 db2 0 0 5433 /d2 db1 5432"},
	    {{"0 ", "db1", "\t5432 ", "/d1", " 1 ", "db2", " 0", "0", "5433 ",
		 "/d2", "db1", "5432"},
		"0 db1 5432 /d1 1 db2 0 0 5433 /d2 db1 5432"},
	    /* no old primary: empty, the two quotes, -1 */
	    {{HEAD, "1", "db2", "0", "-1", "5433", "/d2", "", ""},
		"0 db1 5432 /d1 1 db2 0 -1 5433 /d2 - 0"},
	    {{HEAD, "1", "db2", "0", "-1", "5433", "/d2", "\"\"", "\"\""},
		"0 db1 5432 /d1 1 db2 0 -1 5433 /d2 - 0"},
	    /* a command without %N %S */
	    {{HEAD, MAIN, "/d2"}, "0 db1 5432 /d1 1 db2 0 0 5433 /d2 - 0"},
	    /* backend_data_directory of one or both is empty: no word */
	    {{"0", "db1", "5432", MAIN, "/d2", "db1", "5432"},
		"0 db1 5432 - 1 db2 0 0 5433 /d2 db1 5432"},
	    {{HEAD, MAIN, "db1", "5432"},
		"0 db1 5432 /d1 1 db2 0 0 5433 - db1 5432"},
	    {{"0", "db1", "5432", MAIN, "db1", "5432"},
		"0 db1 5432 - 1 db2 0 0 5433 - db1 5432"},
	    {{"0", "db1", "5432", "", MAIN, "\"\"", "db1", "5432"},
		"0 db1 5432 - 1 db2 0 0 5433 - db1 5432"},
	    /* a socket directory is a host */
	    {{"0", "/tmp", "5432", "/d1", "1", "/tmp", "0", "0", "5433", "/d2",
		 "/tmp", "5432"},
		"0 /tmp 5432 /d1 1 /tmp 0 0 5433 /d2 /tmp 5432"},
	    /* nobody is left: the rest is not looked at */
	    {{HEAD, "-1", "", "1", "1", "", "", "db2", "5433"},
		"0 db1 5432 /d1 -1 - -1 -1 0 - - 0"},
	    {{HEAD, " -1", "\"\"", "1", "1", "\"\"", "\"\"", "db2", "5433"},
		"0 db1 5432 /d1 -1 - -1 -1 0 - - 0"},
	    {{HEAD, "-1", "1", "1"}, "0 db1 5432 /d1 -1 - -1 -1 0 - - 0"},
	    {{"0", "db1", "5432", "-1"}, "0 db1 5432 - -1 - -1 -1 0 - - 0"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct err e = ERR_INIT;
		struct pgpool_failover w;
		struct buf b = BUF_INIT;
		size_t n = 0;

		while (rows[i].words[n] != NULL)
			n++;
		if (pgpool_failover_words(
			"--pgpool", rows[i].words, n, &w, &e) == -1)
			fail_msg("%zu: %s", i, e.text);
		show_words(&b, &w);
		assert_string_equal(buf_str(&b), rows[i].want);
		buf_free(&b);
	}
}

static void
failover_words_that_are_wrong_are_named(void **state)
{
	static const struct {
		const char *words[14];
		const char *want;
	} rows[] = {
	    {{"0"}, COUNT("1")},
	    {{"0", "db1", "5432"}, COUNT("3")},
	    {{HEAD}, COUNT("4")},
	    {{HEAD, "1"}, COUNT("5")},
	    {{HEAD, MAIN}, COUNT("9")},
	    {{HEAD, MAIN, "/d2", "db1", "5432", "x"}, COUNT("13")},
	    {{"0", "db1", "5432", MAIN, "/d2", "db1", "5432", "x"},
		COUNT("12")},
	    {{"x", "db1", "5432", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 1 is not a node number: \"x\""},
	    {{"", "db1", "5432", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 1 is not a node number: \"\""},
	    {{"0x1", "db1", "5432", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 1 is not a node number: \"0x1\""},
	    {{"-1", "db1", "5432", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 1 is not the number of a node: \"-1\""},
	    {{"1234567890", "db1", "5432", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 1 is not a node number: \"1234567890\""},
	    {{"0", "-oProxyCommand=x", "5432", "/d1", MAIN, "/d2", "db1",
		 "5432"},
		USAGE ": word 2 is not a host: \"-oProxyCommand=x\""},
	    {{"0", "db1", "5432x", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 3 is not a port: \"5432x\""},
	    {{"0", "db1", "0", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 3 is not a port: \"0\""},
	    {{"0", "db1", "65536", "/d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 3 is not a port: \"65536\""},
	    {{"0", "db1", "5432", "d1", MAIN, "/d2", "db1", "5432"},
		USAGE ": word 4 is not a directory: \"d1\""},
	    {{HEAD, "1 2", "db2", "0", "0", "5433", "/d2", "db1", "5432"},
		USAGE ": word 5 is not a node number: \"1 2\""},
	    {{HEAD, "--1", "db2", "0", "0", "5433", "/d2", "db1", "5432"},
		USAGE ": word 5 is not a node number: \"--1\""},
	    {{HEAD, "1", "a;b", "0", "0", "5433", "/d2", "db1", "5432"},
		USAGE ": word 6 is not a host: \"a;b\""},
	    {{HEAD, "1", "db2", "", "0", "5433", "/d2", "db1", "5432"},
		USAGE ": word 7 is not a node number: \"\""},
	    {{HEAD, "1", "db2", "0", "?", "5433", "/d2", "db1", "5432"},
		USAGE ": word 8 is not a node number: \"?\""},
	    {{HEAD, "1", "db2", "0", "0", "-1", "/d2", "db1", "5432"},
		USAGE ": word 9 is not a port: \"-1\""},
	    {{HEAD, MAIN, "d2", "db1", "5432"},
		USAGE ": word 10 is not a directory: \"d2\""},
	    {{HEAD, MAIN, "db1"},
		USAGE ": word 10 is not a directory: \"db1\""},
	    {{HEAD, MAIN, "/d2", "a b", "5432"},
		USAGE ": word 11 is not a host: \"a b\""},
	    {{HEAD, MAIN, "/d2", "db1", "%S"},
		USAGE ": word 12 is not a port: \"%S\""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct err e = ERR_INIT;
		struct pgpool_failover w;
		struct buf b = BUF_INIT;
		size_t n = 0;

		while (rows[i].words[n] != NULL)
			n++;
		if (pgpool_failover_words(
			"--pgpool", rows[i].words, n, &w, &e) == 0)
			fail_msg("%zu: taken", i);
		assert_int_equal(e.status, STATUS_USAGE);
		buf_addf(&b, "error: %s", e.text);
		assert_string_equal(buf_str(&b), rows[i].want);
		assert_int_equal(
		    pgpool_failover_words("x", rows[i].words, n, &w, NULL), -1);
		buf_free(&b);
	}
}

static void
the_words_decide_whether_anything_is_to_be_done(void **state)
{
	static const struct {
		int d, m, P;
		enum pgpool_action promote, follow;
	} rows[] = {
	    {0, 1, 0, PGPOOL_PROMOTE, PGPOOL_FOLLOW},
	    /* pgpool does not know the primary: look at the nodes */
	    {0, 1, -1, PGPOOL_PROMOTE, PGPOOL_FOLLOW},
	    /* a standby failed */
	    {2, 0, 0, PGPOOL_NOTHING, PGPOOL_FOLLOW},
	    /* pgpool was restarted while the old primary was down */
	    {0, 1, 1, PGPOOL_NOTHING, PGPOOL_FOLLOW},
	    /* nobody is left */
	    {0, -1, 0, PGPOOL_NOTHING, PGPOOL_NOTHING},
	    {0, -2, -1, PGPOOL_NOTHING, PGPOOL_NOTHING},
	    {1, 1, 1, PGPOOL_NOTHING, PGPOOL_NOTHING},
	    {1, 1, 0, PGPOOL_NOTHING, PGPOOL_NOTHING},
	    {1, 1, -1, PGPOOL_NOTHING, PGPOOL_NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct pgpool_failover w = {.node_id = rows[i].d,
		    .new_main_id = rows[i].m,
		    .old_primary_id = rows[i].P};
		const char *why = "unset";

		assert_int_equal(
		    pgpool_failover_decide(&w, &why), rows[i].promote);
		assert_int_equal(
		    why != NULL, rows[i].promote == PGPOOL_NOTHING);
		assert_int_equal(
		    pgpool_follow_decide(&w, &why), rows[i].follow);
		assert_int_equal(why != NULL, rows[i].follow == PGPOOL_NOTHING);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_taken_by_their_place),
	    cmocka_unit_test(failover_words_of_every_shape_are_taken),
	    cmocka_unit_test(failover_words_that_are_wrong_are_named),
	    cmocka_unit_test(the_words_decide_whether_anything_is_to_be_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
