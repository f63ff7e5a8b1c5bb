/*
 * flow/backup on a scripted libpq: every statement that is sent is in the
 * script, and nothing else may be sent.
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "flow/backup.h"

#include "../fake/libpq.h"

#include <setjmp.h>
#include <signal.h>

#include <cmocka.h>

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define LABEL "standby-clone " UUID
#define ROW1(text, a)                                                          \
	{                                                                      \
		.call = FAKE_QUERY, .sql = (text), .ncells = 1, .cells = {     \
			(a)                                                    \
		}                                                              \
	}
#define FAILS(text, state, msg)                                                \
	{                                                                      \
		.call = FAKE_QUERY, .sql = (text), .sqlstate = (state),        \
		.message = (msg)                                               \
	}
#define LOST(text)                                                             \
	{                                                                      \
		.call = FAKE_QUERY, .sql = (text), .lost = true                \
	}
#define PRIMARY ROW1("SELECT pg_is_in_recovery()", "f")
#define STANDBY ROW1("SELECT pg_is_in_recovery()", "t")
#define IDENTIFIER ROW1("SELECT system_identifier", "7281936400112233445")
#define NO_REPLICATION {.call = FAKE_CONNECT, .version = 0}, FAKE_CLOSE
#define NOT_RUNNING ROW1("SELECT pg_is_in_backup()", "f")
#define STARTED_AT(t)                                                          \
	ROW1("SELECT extract(epoch FROM pg_postmaster_start_time())", t)
#define START_EXCL ROW1("SELECT pg_start_backup($1", "0/2000028")
#define START_15 ROW1("SELECT pg_backup_start(", "0/2000028")
#define PING                                                                   \
	{                                                                      \
		.call = FAKE_QUERY,                                            \
		.sql = "SELECT pg_is_in_recovery(), pg_backend_pid()",         \
		.ncells = 4, .cells = {                                        \
			"f",                                                   \
			"4711",                                                \
			"1",                                                   \
			"0/2100000"                                            \
		}                                                              \
	}
#define STOP_EXCL ROW1("SELECT pg_stop_backup()", "0/3000000")
#define READ_LABEL "SELECT pg_read_file('backup_label'"
#define IN_BACKUP ROW1("SELECT pg_is_in_backup()", "t")
#define RUNS(label) IN_BACKUP, ROW1(READ_LABEL, LABELFILE("0/2000028", label))
#define OURS_RUNS RUNS(LABEL)
#define NONE_RUNS NOT_RUNNING
#define GONE_MEANWHILE                                                         \
	IN_BACKUP, FAILS(READ_LABEL, "58P01", "could not open file")
#define MAY_NOT                                                                \
	IN_BACKUP, FAILS(READ_LABEL, "42501", "must be superuser to read files")
#define MAY_NOT_LIST                                                           \
	FAILS("SELECT 'backup_label' IN (SELECT pg_ls_dir('.'))", "42501",     \
	    "must be superuser to get directory listings")
#define BEGAN(t) ROW1("SELECT extract(epoch FROM pg_backup_start_time", t)
#define PING_BEGAN(t)                                                          \
	{                                                                      \
		.call = FAKE_QUERY,                                            \
		.sql = "SELECT pg_is_in_recovery(), pg_backend_pid()",         \
		.ncells = 6, .cells = {                                        \
			"f",                                                   \
			"4711",                                                \
			"1",                                                   \
			"0/2200000",                                           \
			"t",                                                   \
			t                                                      \
		}                                                              \
	}
#define RAW                                                                    \
	{                                                                      \
		.call = FAKE_QUERY, .sql = "SET client_encoding = 'SQL_ASCII'" \
	}
#define UTF8                                                                   \
	{                                                                      \
		.call = FAKE_QUERY, .sql = "SET client_encoding = 'UTF8'"      \
	}
#define STOP_15(file, map)                                                     \
	{                                                                      \
		.call = FAKE_QUERY,                                            \
		.sql = "SELECT lsn::text, labelfile, spcmapfile", .ncells = 3, \
		.cells = {                                                     \
			"0/3000000",                                           \
			file,                                                  \
			map                                                    \
		}                                                              \
	}
#define OPEN_EXCL                                                              \
	FAKE_OPEN(90300), PRIMARY, NO_REPLICATION, NOT_RUNNING,                \
	    STARTED_AT("noon")
#define OPEN_15 FAKE_OPEN(150000), PRIMARY, IDENTIFIER
#define LABELFILE(lsn, label)                                                  \
	"START WAL LOCATION: " lsn " (file 000000010000000000000002)\n"        \
	"CHECKPOINT LOCATION: 0/2000060\nBACKUP METHOD: streamed\n"            \
	"BACKUP FROM: primary\nSTART TIME: 2026-11-22 06:05:55 UTC\n"          \
	"LABEL: " label "\nSTART TIMELINE: 1\n"

static struct conninfo conninfo;
static const struct pg_opts opts = {
    .conninfo = &conninfo, .application_name = "standby-clone", .sigfd = -1};

/* What the agent reads: a file, "" for none, or NULL: it cannot. */
static const char *agent_reads;

static int
read_label(void *arg, struct buf *text, struct err *e)
{
	(void)arg;
	if (agent_reads == NULL)
		return err_set(e, ERR_SSH_CONNECT, "no route to db1");
	buf_adds(text, agent_reads);
	return agent_reads[0] != '\0';
}

static int
open_and_start(struct backup *b, struct err *e)
{
	if (backup_open(b, &opts, NULL, e) == -1)
		return -1;
	b->reader.read = read_label;
	return backup_start(b, NULL, UUID, true, false, DEADLINE_NEVER, e);
}

/* The copy in between failed: what does the end send? */
static void
start_then_end(
    const struct fake_step *steps, size_t n, int want_rc, struct err *e)
{
	struct backup b = {.pg = NULL};
	struct err start = ERR_INIT;

	fake_script(steps, n);
	assert_int_equal(open_and_start(&b, &start), 0);
	assert_true(b.running);
	assert_int_equal(backup_end(&b, e), want_rc);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
	backup_free(&b);
}

static void
exclusive_copy_fails_stop_is_sent_once(void **state)
{
	static const struct fake_step s[] = {
	    OPEN_EXCL, START_EXCL, PING, OURS_RUNS, STOP_EXCL, FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(s, NELEM(s), 0, &e);
}

static void
non_exclusive_copy_fails_the_session_ends_and_no_stop_is_sent(void **state)
{
	static const struct fake_step s[] = {
	    OPEN_15, START_15, PING, FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(s, NELEM(s), 0, &e);
}

static void
exclusive_session_lost_reconnects_once_and_stops(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    OURS_RUNS, LOST("SELECT pg_stop_backup()"), FAKE_CLOSE,
	    FAKE_OPEN(90300), STARTED_AT("noon"), OURS_RUNS, STOP_EXCL,
	    FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(s, NELEM(s), 0, &e);
}

static void
exclusive_session_lost_twice_is_left_behind(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    OURS_RUNS, LOST("SELECT pg_stop_backup()"), FAKE_CLOSE,
	    FAKE_OPEN(90300), STARTED_AT("noon"), OURS_RUNS,
	    LOST("SELECT pg_stop_backup()"), FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(s, NELEM(s), -1, &e);
	assert_int_equal(e.code, ERR_LEFT_BEHIND);
	assert_non_null(strstr(e.hint, "SELECT pg_stop_backup()"));
}

static void
exclusive_server_gone_is_left_behind_with_the_statement(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    LOST("SELECT pg_is_in_backup()"), FAKE_CLOSE,
	    {.call = FAKE_CONNECT, .version = 0}, FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(s, NELEM(s), -1, &e);
	assert_int_equal(e.code, ERR_LEFT_BEHIND);
	assert_int_equal(e.status, STATUS_INCOMPLETE);
	assert_non_null(strstr(e.hint, "SELECT pg_stop_backup()"));
	assert_non_null(strstr(e.detail, LABEL));
}

/* Its backup ended with it; one that runs there now is somebody else's. */
static void
exclusive_server_restarted_no_stop_is_sent(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    OURS_RUNS, LOST("SELECT pg_stop_backup()"), FAKE_CLOSE,
	    FAKE_OPEN(90300), STARTED_AT("one"), FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(s, NELEM(s), 0, &e);
}

/* One of several hosts, or of a name that moves. */
static void
a_session_on_another_server_says_nothing_of_the_first(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    LOST("SELECT pg_is_in_backup()"), FAKE_CLOSE, FAKE_OPEN(90300),
	    STARTED_AT("one"), FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	(void)snprintf(b.at, sizeof(b.at), "db2:5432");
	assert_int_equal(backup_end(&b, &e), -1);
	assert_int_equal(e.code, ERR_LEFT_BEHIND);
	assert_non_null(strstr(e.text, "was started on db2:5432"));
	fake_done();
}

static void
exclusive_already_ended_is_no_error(void **state)
{
	static const struct fake_step gone[] = {
	    OPEN_EXCL, START_EXCL, PING, NONE_RUNS, FAKE_CLOSE};
	static const struct fake_step then[] = {
	    OPEN_EXCL, START_EXCL, PING, GONE_MEANWHILE, FAKE_CLOSE};
	static const struct fake_step going[] = {OPEN_EXCL, START_EXCL, PING,
	    OURS_RUNS,
	    FAILS("SELECT pg_stop_backup()", "55000",
		"a backup is not in progress"),
	    FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(gone, NELEM(gone), 0, &e);
	start_then_end(then, NELEM(then), 0, &e);
	start_then_end(going, NELEM(going), 0, &e);
}

static void
start_fails_no_stop_is_sent(void **state)
{
	static const struct fake_step nonexcl[] = {OPEN_15,
	    FAILS("SELECT pg_backup_start(", "42501",
		"permission denied for function pg_backup_start"),
	    FAKE_CLOSE};
	static const struct fake_step excl[] = {OPEN_EXCL,
	    FAILS("SELECT pg_start_backup($1", "42501",
		"must be superuser or replication role"),
	    FAKE_CLOSE};
	static const struct {
		const struct fake_step *s;
		size_t n;
		const char *hint;
	} cases[] = {{nonexcl, NELEM(nonexcl),
			 "GRANT EXECUTE ON FUNCTION "
			 "pg_catalog.pg_backup_start"},
	    {excl, NELEM(excl), "REPLICATION"}};

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		struct backup b = {.pg = NULL};
		struct err e = ERR_INIT;

		fake_script(cases[i].s, cases[i].n);
		assert_int_equal(open_and_start(&b, &e), -1);
		assert_int_equal(e.code, ERR_SQL);
		assert_non_null(strstr(e.hint, cases[i].hint));
		assert_false(b.running);
		assert_int_equal(backup_end(&b, NULL), 0);
		fake_done();
	}
}

/* It may run or not: only a stop makes that sure. */
static void
exclusive_start_answer_lost_stop_is_sent_on_a_new_session(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL,
	    LOST("SELECT pg_start_backup($1"), FAKE_CLOSE, FAKE_OPEN(90300),
	    STARTED_AT("noon"), OURS_RUNS, STOP_EXCL, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), -1);
	assert_int_equal(e.code, ERR_DB_CONNECT);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
}

static void
foreign_exclusive_backup_is_refused_and_never_stopped(void **state)
{
	static const struct fake_step known[] = {FAKE_OPEN(90300), PRIMARY,
	    NO_REPLICATION, ROW1("SELECT pg_is_in_backup()", "t"),
	    RUNS("nightly"), FAKE_CLOSE};
	/* 9.0 has no function to ask: the server says it, in its language. */
	static const struct fake_step told[] = {FAKE_OPEN(90000), PRIMARY,
	    NO_REPLICATION, STARTED_AT("noon"),
	    FAILS("SELECT pg_start_backup($1", "55000",
		"이미 백업 작업이 진행 중입니다"),
	    ROW1("SELECT 'backup_label' IN (", "t"),
	    ROW1(READ_LABEL, LABELFILE("0/2000028", "nightly")), FAKE_CLOSE};
	static const struct {
		const struct fake_step *s;
		size_t n;
	} cases[] = {{known, NELEM(known)}, {told, NELEM(told)}};

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		struct backup b = {.pg = NULL};
		struct err e = ERR_INIT;

		fake_script(cases[i].s, cases[i].n);
		assert_int_equal(open_and_start(&b, &e), -1);
		assert_int_equal(e.code, ERR_BACKUP_RUNNING);
		assert_int_equal(e.status, STATUS_REFUSED);
		assert_non_null(strstr(e.detail, "nightly"));
		assert_int_equal(backup_end(&b, NULL), 0);
		fake_done();
	}
}

/* Start, then stop; returns what stop said. */
static int
start_then_stop(const struct fake_step *steps, size_t n, struct backup *b,
    int64_t deadline, struct err *e)
{
	struct err start = ERR_INIT;
	int rc;

	fake_script(steps, n);
	assert_int_equal(open_and_start(b, &start), 0);
	rc = backup_stop(b, false, deadline, e);
	assert_false(b->running);
	assert_int_equal(backup_end(b, NULL), 0);
	fake_done();
	return rc;
}

static void
stop_fails_and_is_not_retried(void **state)
{
	static const struct fake_step nonexcl[] = {OPEN_15, START_15, PING, RAW,
	    FAILS("SELECT lsn::text, labelfile", "55000",
		"backup is not in progress"),
	    FAKE_CLOSE};
	static const struct fake_step lost[] = {OPEN_15, START_15, PING, RAW,
	    LOST("SELECT lsn::text, labelfile"), FAKE_CLOSE};
	static const struct fake_step excl[] = {OPEN_EXCL, START_EXCL, PING,
	    FAILS("SELECT pg_stop_backup()", "55000",
		"a backup is not in progress"),
	    FAKE_CLOSE};
	static const struct {
		const struct fake_step *s;
		size_t n;
	} cases[] = {{nonexcl, NELEM(nonexcl)}, {lost, NELEM(lost)},
	    {excl, NELEM(excl)}};

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		struct backup b = {.pg = NULL};
		struct err e = ERR_INIT;

		assert_int_equal(start_then_stop(cases[i].s, cases[i].n, &b,
				     DEADLINE_NEVER, &e),
		    -1);
		assert_int_equal(e.code, ERR_BACKUP_LOST);
		assert_int_equal(e.status, STATUS_DATABASE);
	}
}

static void
stop_denied_in_exclusive_mode_is_left_behind(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    FAILS("SELECT pg_stop_backup()", "42501", "permission denied"),
	    OURS_RUNS,
	    FAILS("SELECT pg_stop_backup()", "42501", "permission denied"),
	    FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT, end = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	assert_int_equal(backup_stop(&b, false, DEADLINE_NEVER, &e), -1);
	assert_int_equal(e.code, ERR_BACKUP_LOST);
	assert_int_equal(backup_end(&b, &end), -1);
	assert_int_equal(end.code, ERR_LEFT_BEHIND);
	assert_int_equal(end.status, STATUS_INCOMPLETE);
	assert_non_null(strstr(end.hint, "SELECT pg_stop_backup()"));
	assert_non_null(strstr(end.hint, "--cleanup"));
	assert_false(b.running);
	fake_done();
	backup_free(&b);
}

/* Somebody ended ours and began his own: whoever may read the label sees it
 * there, who may not by the time. */
static void
a_foreign_backup_in_the_place_of_ours_is_never_stopped(void **state)
{
	static const struct fake_step label[] = {
	    OPEN_EXCL, START_EXCL, PING, RUNS("nightly"), FAKE_CLOSE};
	static const struct fake_step other[] = {OPEN_EXCL, START_EXCL, PING,
	    RUNS("standby-clone 1f8fad5b-d9cb-469f-a165-70867728950e"),
	    FAKE_CLOSE};
	static const struct fake_step began[] = {OPEN_EXCL, START_EXCL,
	    PING_BEGAN("1700000000"), MAY_NOT, BEGAN("1700000001"), FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(label, NELEM(label), 0, &e);
	start_then_end(other, NELEM(other), 0, &e);
	start_then_end(began, NELEM(began), 0, &e);
}

static void
a_role_that_may_not_read_the_label_stops_what_began_as_ours(void **state)
{
	static const struct fake_step runs[] = {OPEN_EXCL, START_EXCL,
	    PING_BEGAN("1700000000"), MAY_NOT, BEGAN("1700000000"), STOP_EXCL,
	    FAKE_CLOSE};
	static const struct fake_step gone[] = {OPEN_EXCL, START_EXCL,
	    PING_BEGAN("1700000000"), NOT_RUNNING, FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	start_then_end(runs, NELEM(runs), 0, &e);
	start_then_end(gone, NELEM(gone), 0, &e);
}

/* 9.1 and 9.2: no function tells when it began. */
#define OPEN_92                                                                \
	FAKE_OPEN(90200), PRIMARY, NO_REPLICATION, STARTED_AT("noon"),         \
	    START_EXCL, PING
static void
where_nothing_can_be_asked_the_agent_reads_the_label(void **state)
{
	static const struct fake_step ours[] = {
	    OPEN_92, MAY_NOT_LIST, STOP_EXCL, FAKE_CLOSE};
	static const struct fake_step left[] = {
	    OPEN_92, MAY_NOT_LIST, FAKE_CLOSE};
	struct err e = ERR_INIT;

	(void)state;
	agent_reads = LABELFILE("0/2000028", LABEL);
	start_then_end(ours, NELEM(ours), 0, &e);
	/* Somebody ended ours, and began his own, or none. */
	agent_reads = LABELFILE("0/2000028", "nightly");
	start_then_end(left, NELEM(left), 0, &e);
	agent_reads = "";
	start_then_end(left, NELEM(left), 0, &e);
	agent_reads = NULL;
	start_then_end(left, NELEM(left), -1, &e);
	assert_int_equal(e.code, ERR_LEFT_BEHIND);
	assert_non_null(strstr(e.detail, "\"" LABEL "\""));
	assert_non_null(strstr(e.detail, "no route to db1"));
	assert_non_null(strstr(e.hint, "SELECT pg_stop_backup()"));
	err_clear(&e);
	agent_reads = "not a label";
	start_then_end(left, NELEM(left), -1, &e);
	assert_int_equal(e.code, ERR_LEFT_BEHIND);
	agent_reads = NULL;
}

/* The server would have refused it, had another one been there. */
static void
a_start_that_was_cancelled_is_stopped_unseen(void **state)
{
	static const struct fake_step s[] = {FAKE_OPEN(90200), PRIMARY,
	    NO_REPLICATION, STARTED_AT("noon"),
	    {.call = FAKE_QUERY,
		.sql = "SELECT pg_start_backup($1",
		.hang = true},
	    {.call = FAKE_CANCEL}, MAY_NOT_LIST, STOP_EXCL, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(backup_open(&b, &opts, NULL, &e), 0);
	b.reader.read = read_label;
	assert_int_equal(
	    backup_start(&b, NULL, UUID, true, false, deadline_in(50), &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
}

/* What runs may be ours, or what the server refused ours for. */
static void
a_start_without_an_answer_and_an_unseen_label_is_left_behind(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL,
	    LOST("SELECT pg_start_backup($1"), FAKE_CLOSE, FAKE_OPEN(90300),
	    STARTED_AT("noon"), MAY_NOT, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT, end = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), -1);
	assert_int_equal(backup_end(&b, &end), -1);
	assert_int_equal(end.code, ERR_LEFT_BEHIND);
	assert_non_null(strstr(end.text, "may not read whose"));
	fake_done();
	/* The start may go on, so that no label is no answer. */
	agent_reads = "";
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), -1);
	assert_int_equal(backup_end(&b, NULL), -1);
	fake_done();
	agent_reads = NULL;
}

static void
ping_finds_that_another_exclusive_backup_began(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL,
	    PING_BEGAN("1700000000"), PING_BEGAN("1700000000"),
	    PING_BEGAN("1700000007"), RUNS("nightly"), FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	for (int i = 0; i < 2; i++) {
		b.ping_next = 0;
		assert_int_equal(backup_tick(&b, &e), 0);
		assert_int_equal(backup_tick(&b, &e), i == 0 ? 0 : -1);
	}
	assert_int_equal(e.code, ERR_BACKUP_LOST);
	assert_non_null(strstr(e.text, "began another"));
	assert_int_equal(backup_end(&b, &e), 0);
	fake_done();
}

/* What is left is typed as it stands, whatever the directory is called. */
static void
the_advice_after_a_crash_can_be_typed(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING,
	    LOST("SELECT pg_is_in_backup()"), FAKE_CLOSE,
	    {.call = FAKE_CONNECT, .version = 0}, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	b.pgdata = "/srv/it's";
	assert_int_equal(backup_end(&b, &e), -1);
	assert_non_null(strstr(e.hint, ": SELECT pg_stop_backup()::text;\n"));
	(void)err_hint(&e, "What else is said.");
	assert_non_null(
	    strstr(e.hint, ": rm '/srv/it'\\''s/backup_label'\nWhat"));
	fake_done();
}

#define HANGS                                                                  \
	{.call = FAKE_QUERY, .sql = "SELECT pg_stop_backup()", .hang = true},  \
	{                                                                      \
		.call = FAKE_CANCEL                                            \
	}

static void
exclusive_stop_that_waits_for_the_archive_is_cancelled_and_done(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING, HANGS,
	    NONE_RUNS, ROW1("SELECT pg_current_xlog_location()", "0/4000000"),
	    FAKE_CLOSE};
	/* Nobody may ask: a second stop might end somebody else's. */
	static const struct fake_step old[] = {OPEN_92, HANGS, MAY_NOT_LIST,
	    ROW1("SELECT pg_current_xlog_location()", "0/4000000"), FAKE_CLOSE};
	static const char *const others[] = {
	    "", LABELFILE("0/2000028", "nightly")};
	struct backup b = {.pg = NULL}, c = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    start_then_stop(s, NELEM(s), &b, deadline_in(50), &e), 0);
	assert_true(b.stop_lsn == 0x4000000);
	for (size_t i = 0; i < NELEM(others); i++) {
		agent_reads = others[i];
		assert_int_equal(
		    start_then_stop(old, NELEM(old), &c, deadline_in(50), &e),
		    0);
		assert_true(c.not_archived);
	}
	agent_reads = NULL;
}

/* It waited for something else, and has ended nothing. */
static void
exclusive_stop_that_is_cancelled_before_it_runs_has_ended_nothing(void **state)
{
	static const struct fake_step s[] = {OPEN_EXCL, START_EXCL, PING, HANGS,
	    IN_BACKUP, OURS_RUNS, STOP_EXCL, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err start = ERR_INIT, e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &start), 0);
	assert_int_equal(backup_stop(&b, false, deadline_in(50), &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_true(b.running);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
}

static void
stop_returns_the_two_files_byte_for_byte(void **state)
{
	static const char map[] = "16401 /srv/t\xb0\xa1s\\\n17\n";
	static const struct fake_step s[] = {OPEN_15, START_15, PING, RAW,
	    STOP_15(LABELFILE("0/2000028", LABEL), map), FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    start_then_stop(s, NELEM(s), &b, DEADLINE_NEVER, &e), 0);
	assert_true(b.stop_lsn == 0x3000000 && b.start_lsn == 0x2000028);
	assert_int_equal(b.timeline, 1);
	assert_string_equal(
	    buf_str(&b.labelfile), LABELFILE("0/2000028", LABEL));
	assert_int_equal(b.spcmap.len, sizeof(map) - 1);
	assert_memory_equal(b.spcmap.data, map, sizeof(map) - 1);
	backup_free(&b);
}

static void
looking_again_after_the_stop_brings_the_encoding_back(void **state)
{
	static const struct fake_step s[] = {OPEN_15, START_15, PING, RAW,
	    STOP_15(LABELFILE("0/2000028", LABEL), NULL), UTF8, PING,
	    FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	assert_int_equal(backup_stop(&b, false, DEADLINE_NEVER, &e), 0);
	assert_int_equal(backup_recheck(&b, DEADLINE_NEVER, &e), 0);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
	backup_free(&b);
}

static void
stop_with_no_label_or_another_one_voids_the_backup(void **state)
{
	static const char *const files[] = {NULL, "", "LABEL: x\n",
	    LABELFILE("0/1000028", LABEL), LABELFILE("0/2000028", "other")};

	(void)state;
	for (size_t i = 0; i < NELEM(files); i++) {
		const struct fake_step s[] = {OPEN_15, START_15, PING, RAW,
		    STOP_15(files[i], NULL), FAKE_CLOSE};
		struct backup b = {.pg = NULL};
		struct err e = ERR_INIT;

		assert_int_equal(
		    start_then_stop(s, NELEM(s), &b, DEADLINE_NEVER, &e), -1);
		assert_int_equal(e.code, ERR_BACKUP_LOST);
		backup_free(&b);
	}
}

/* Exclusive by the version's rule, and with which words. */
static void
each_version_starts_and_stops_its_way(void **state)
{
	static const struct {
		int version;
		bool in_backup; /* can be asked */
		bool exclusive;
		const char *start, *params, *stop, *stop_params;
	} cases[] = {
	    {90000, false, true,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean)::text",
		LABEL "|true", "SELECT pg_stop_backup()::text", ""},
	    {90124, false, true,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean)::text",
		LABEL "|true", "SELECT pg_stop_backup()::text", ""},
	    {90200, false, true,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean)::text",
		LABEL "|true", "SELECT pg_stop_backup()::text", ""},
	    {90305, true, true,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean)::text",
		LABEL "|true", "SELECT pg_stop_backup()::text", ""},
	    {90426, true, true,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean)::text",
		LABEL "|true", "SELECT pg_stop_backup()::text", ""},
	    {90525, true, true,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean)::text",
		LABEL "|true", "SELECT pg_stop_backup()::text", ""},
	    {90624, true, false,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean, false)",
		LABEL "|true",
		"SELECT lsn::text, labelfile, spcmapfile\n"
		"FROM pg_stop_backup(false)",
		""},
	    {100023, true, false,
		"SELECT pg_start_backup($1::text, "
		"$2::boolean, false)",
		LABEL "|true",
		"SELECT lsn::text, labelfile, spcmapfile\n"
		"FROM pg_stop_backup(false, $1::boolean)",
		"false"},
	    {150018, false, false,
		"SELECT pg_backup_start($1::text, "
		"$2::boolean)",
		LABEL "|true",
		"SELECT lsn::text, labelfile, spcmapfile\n"
		"FROM pg_backup_stop($1::boolean)",
		"false"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		struct fake_step s[20],
		    head[] = {FAKE_OPEN(cases[i].version), PRIMARY};
		static const struct fake_step none[] = {NO_REPLICATION},
					      in_backup = NOT_RUNNING,
					      started = STARTED_AT("noon"),
					      id = IDENTIFIER, ping = PING,
					      raw = RAW, end = FAKE_CLOSE;
		struct fake_step start = ROW1(cases[i].start, "0/2000028");
		struct fake_step stop =
		    STOP_15(LABELFILE("0/2000028", LABEL), NULL);
		struct backup b = {.pg = NULL};
		struct err e = ERR_INIT;
		size_t n = 0;

		start.params = cases[i].params;
		stop.sql = cases[i].stop;
		stop.params = cases[i].stop_params;
		for (size_t k = 0; k < NELEM(head); k++)
			s[n++] = head[k];
		if (cases[i].exclusive) {
			s[n++] = none[0];
			s[n++] = none[1];
			if (cases[i].in_backup)
				s[n++] = in_backup;
			s[n++] = started;
		} else {
			s[n++] = id;
		}
		s[n++] = start;
		s[n++] = ping;
		if (!cases[i].exclusive)
			s[n++] = raw;
		s[n++] = stop;
		s[n++] = end;
		assert_int_equal(
		    start_then_stop(s, n, &b, DEADLINE_NEVER, &e), 0);
		assert_int_equal(b.exclusive, cases[i].exclusive);
		assert_true(b.stop_lsn == 0x3000000);
		backup_free(&b);
	}
}

static void
standby_as_source_needs_a_version_that_can(void **state)
{
	static const struct fake_step old[] = {
	    FAKE_OPEN(90500), STANDBY, FAKE_CLOSE};
	static const struct fake_step new[] = {
	    FAKE_OPEN(90600), STANDBY, IDENTIFIER, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(old, NELEM(old));
	assert_int_equal(backup_open(&b, &opts, NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOT_PRIMARY);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
	fake_script(new, NELEM(new));
	assert_int_equal(backup_open(&b, &opts, NULL, NULL), 0);
	assert_true(b.from_standby);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
}

/* One ping with the given answer. */
static void
ping_answers(
    const struct fake_step *answer, const char *want, enum err_code code)
{
	const struct fake_step s[] = {
	    OPEN_15, START_15, PING, *answer, FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;
	int rc;

	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	assert_int_equal(backup_tick(&b, &e), 0);
	b.ping_next = 0;
	assert_int_equal(backup_tick(&b, &e), 0);
	assert_true(b.pinging);
	rc = backup_tick(&b, &e);
	if (want == NULL) {
		assert_int_equal(rc, 0);
		assert_true(b.now_lsn == 0x2200000);
		assert_true(b.running);
	} else {
		assert_int_equal(rc, -1);
		assert_int_equal(e.code, code);
		assert_non_null(strstr(e.text, want));
		assert_false(b.running);
	}
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
}

static void
ping_finds_a_server_that_is_not_the_one_it_was(void **state)
{
#define ANSWER(a, b, c)                                                        \
	{                                                                      \
		.call = FAKE_QUERY,                                            \
		.sql = "SELECT pg_is_in_recovery(), pg_backend_pid()",         \
		.ncells = 4, .cells = {                                        \
			a,                                                     \
			b,                                                     \
			c,                                                     \
			"0/2200000"                                            \
		}                                                              \
	}
	static const struct {
		struct fake_step answer;
		const char *want;
		enum err_code code;
	} cases[] = {
	    {ANSWER("f", "4711", "1"), NULL, ERR_NONE},
	    {ANSWER("t", "4711", "1"), "became a standby", ERR_SOURCE},
	    {ANSWER("f", "4712", "1"), "another server process",
		ERR_BACKUP_LOST},
	    {ANSWER("f", "4711", "2"), "timeline", ERR_SOURCE},
	    {LOST("SELECT pg_is_in_recovery()"), "lost the session",
		ERR_BACKUP_LOST},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++)
		ping_answers(&cases[i].answer, cases[i].want, cases[i].code);
}

static void
ping_without_an_answer_voids_the_backup(void **state)
{
	static const struct fake_step s[] = {OPEN_15, START_15, PING,
	    {.call = FAKE_QUERY,
		.sql = "SELECT pg_is_in_recovery(), pg_backend_pid()",
		.hang = true},
	    FAKE_CLOSE};
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	fake_script(s, NELEM(s));
	assert_int_equal(open_and_start(&b, &e), 0);
	b.ping_next = 0;
	assert_int_equal(backup_tick(&b, &e), 0);
	assert_int_equal(backup_tick(&b, &e), 0);
	b.ping_sent -= 11000;
	assert_int_equal(backup_tick(&b, &e), -1);
	assert_int_equal(e.code, ERR_BACKUP_LOST);
	assert_int_equal(backup_end(&b, NULL), 0);
	fake_done();
}

/* Last: a caught signal stays caught. */
static void
interrupted_exclusive_backup_is_stopped_all_the_same(void **state)
{
	static const struct fake_step s[] = {
	    OPEN_EXCL, START_EXCL, PING, OURS_RUNS, STOP_EXCL, FAKE_CLOSE};
	struct pg_opts watched = opts;
	struct backup b = {.pg = NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(sig_init(&e), 0);
	watched.sigfd = sig_fd();
	fake_script(s, NELEM(s));
	assert_int_equal(backup_open(&b, &watched, NULL, &e), 0);
	assert_int_equal(
	    backup_start(&b, NULL, UUID, true, false, DEADLINE_NEVER, &e), 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(backup_end(&b, &e), 0);
	fake_done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exclusive_copy_fails_stop_is_sent_once),
	    cmocka_unit_test(
		non_exclusive_copy_fails_the_session_ends_and_no_stop_is_sent),
	    cmocka_unit_test(exclusive_session_lost_reconnects_once_and_stops),
	    cmocka_unit_test(exclusive_session_lost_twice_is_left_behind),
	    cmocka_unit_test(
		exclusive_server_gone_is_left_behind_with_the_statement),
	    cmocka_unit_test(exclusive_server_restarted_no_stop_is_sent),
	    cmocka_unit_test(
		a_session_on_another_server_says_nothing_of_the_first),
	    cmocka_unit_test(exclusive_already_ended_is_no_error),
	    cmocka_unit_test(start_fails_no_stop_is_sent),
	    cmocka_unit_test(
		exclusive_start_answer_lost_stop_is_sent_on_a_new_session),
	    cmocka_unit_test(
		foreign_exclusive_backup_is_refused_and_never_stopped),
	    cmocka_unit_test(stop_fails_and_is_not_retried),
	    cmocka_unit_test(stop_denied_in_exclusive_mode_is_left_behind),
	    cmocka_unit_test(
		a_foreign_backup_in_the_place_of_ours_is_never_stopped),
	    cmocka_unit_test(
		a_role_that_may_not_read_the_label_stops_what_began_as_ours),
	    cmocka_unit_test(
		where_nothing_can_be_asked_the_agent_reads_the_label),
	    cmocka_unit_test(a_start_that_was_cancelled_is_stopped_unseen),
	    cmocka_unit_test(
		a_start_without_an_answer_and_an_unseen_label_is_left_behind),
	    cmocka_unit_test(ping_finds_that_another_exclusive_backup_began),
	    cmocka_unit_test(the_advice_after_a_crash_can_be_typed),
	    cmocka_unit_test(
		exclusive_stop_that_waits_for_the_archive_is_cancelled_and_done),
	    cmocka_unit_test(
		exclusive_stop_that_is_cancelled_before_it_runs_has_ended_nothing),
	    cmocka_unit_test(stop_returns_the_two_files_byte_for_byte),
	    cmocka_unit_test(
		looking_again_after_the_stop_brings_the_encoding_back),
	    cmocka_unit_test(
		stop_with_no_label_or_another_one_voids_the_backup),
	    cmocka_unit_test(each_version_starts_and_stops_its_way),
	    cmocka_unit_test(standby_as_source_needs_a_version_that_can),
	    cmocka_unit_test(ping_finds_a_server_that_is_not_the_one_it_was),
	    cmocka_unit_test(ping_without_an_answer_voids_the_backup),
	    cmocka_unit_test(
		interrupted_exclusive_backup_is_stopped_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
