#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/label.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/backup.h"

#define ASK_MS 10000          /* a question that waits for nothing */
#define PING_MS 5000          /* between two pings */
#define PING_LATE_MS 10000    /* without an answer: the session is lost */
#define ARCHIVE_WAIT_MS 60000 /* exclusive stop: then it is cancelled */
#define END_MS 10000          /* a stop during clean-up */
#define SPCMAP_MAX (1 << 20)
#define NOT_IN_PROGRESS "55000" /* object_not_in_prerequisite_state */

/* The statement that a person types when we could not. */
static const char *
stop_sql(const struct backup *b)
{
	return pgver(b->version, PGFACT_BACKUP_STOP_EXCL);
}

/* --- opening -------------------------------------------------------------- */

/* One row, one or more columns; *r is the caller's. */
static int
ask(struct pg *pg, struct pg_rows **r, const char *sql, struct err *e)
{
	if (pg_query(pg, r, deadline_in(ASK_MS), sql, 0, NULL, e) == -1)
		return -1;
	if (pg_rows_n(*r) >= 1)
		return 0;
	pg_rows_free(*r);
	*r = NULL;
	return err_set(e, ERR_SQL, "%s: no row from: %s", pg_name(pg), sql);
}

static bool
is_true(const char *s)
{
	return s != NULL && *s == 't';
}

static int
read_recovery(struct backup *b, struct err *e)
{
	struct pg_rows *r;

	if (ask(b->pg, &r, "SELECT pg_is_in_recovery()", e) == -1)
		return -1;
	b->from_standby = is_true(pg_rows_get(r, 0, 0));
	pg_rows_free(r);
	if (!b->from_standby ||
	    pgver(b->version, PGFACT_STANDBY_SOURCE) != NULL)
		return 0;
	(void)err_set(e, ERR_NOT_PRIMARY,
	    "%s is a standby, and PostgreSQL %s cannot be backed up from one",
	    pg_name(b->pg), pg_version_text(b->pg));
	return err_hint(e, "Name its primary: --master=HOST");
}

/* Before 9.6 only the replication protocol tells the identifier; without a
 * pg_hba entry for it the identifier stays unknown (0). */
static void
read_identifier(struct backup *b)
{
	const char *sql = pgver(b->version, PGFACT_SYSTEM_IDENTIFIER);
	uint32_t timeline;
	struct pg_rows *r;
	uint64_t lsn;

	if (sql == NULL) {
		(void)pg_identify_system(
		    b->opts, &b->system_identifier, &timeline, &lsn, NULL);
		return;
	}
	if (ask(b->pg, &r, sql, NULL) == -1)
		return;
	if (pg_rows_get(r, 0, 0) != NULL)
		b->system_identifier = strtoull(pg_rows_get(r, 0, 0), NULL, 10);
	pg_rows_free(r);
}

int
backup_open(struct backup *b, const struct pg_opts *o, struct err *e)
{
	*b = (struct backup){.opts = o};
	if (pg_open(&b->pg, o, e) == -1)
		return -1;
	b->version = pg_version(b->pg);
	b->exclusive = pgver(b->version, PGFACT_BACKUP_EXCLUSIVE) != NULL;
	if (read_recovery(b, e) == -1) {
		pg_close(b->pg);
		b->pg = NULL;
		return -1;
	}
	read_identifier(b);
	return 0;
}

/* --- the state that a ping compares --------------------------------------- */

/*
 * Recovery state, backend pid, timeline, WAL position, and whether an exclusive
 * backup runs, in one row.
 */
enum { PING_RECOVERY, PING_PID, PING_TIMELINE, PING_LSN, PING_EXCLUSIVE };

static void
ping_sql(const struct backup *b, struct buf *sql)
{
	const char *tli = pgver(b->version, PGFACT_TIMELINE);
	const char *in_backup = pgver(b->version, PGFACT_IS_IN_BACKUP);
	const char *lsn = pgver(b->version,
	    b->from_standby ? PGFACT_REPLAY_LSN : PGFACT_CURRENT_LSN);

	buf_adds(sql, "SELECT pg_is_in_recovery(), pg_backend_pid()");
	buf_addf(sql, ", (%s)", tli != NULL ? tli : "SELECT 0");
	/* A server that has become a standby has no current position. */
	buf_addf(sql, ", CASE WHEN %spg_is_in_recovery() THEN (%s) END",
	    b->from_standby ? "" : "NOT ", lsn);
	if (b->exclusive && b->running && in_backup != NULL)
		buf_addf(sql, ", (%s)", in_backup);
}

static uint32_t
row_u32(const struct pg_rows *r, int col)
{
	const char *s = pg_rows_get(r, 0, col);

	return s == NULL ? 0 : (uint32_t)strtoul(s, NULL, 10);
}

/* Finished segments before this position can be fetched. */
static void
take_position(struct backup *b, const struct pg_rows *r)
{
	const char *s = pg_rows_get(r, 0, PING_LSN);
	uint64_t lsn;

	if (s != NULL && lsn_parse(s, &lsn) == 0 && lsn > b->now_lsn)
		b->now_lsn = lsn;
}

static int
read_timeline(struct backup *b, struct err *e)
{
	struct buf sql = BUF_INIT;
	struct pg_rows *r;
	int rc;

	ping_sql(b, &sql);
	rc = buf_ok(&sql) ? ask(b->pg, &r, buf_str(&sql), e) : err_set_nomem(e);
	buf_free(&sql);
	if (rc == -1)
		return -1;
	b->timeline = row_u32(r, PING_TIMELINE);
	take_position(b, r);
	pg_rows_free(r);
	return 0;
}

/* Says in the error what a lost exclusive backup means for the primary. */
static void
say_exclusive(const struct backup *b, struct err *e)
{
	if (!b->exclusive)
		return;
	(void)err_detail(e,
	    "The backup was an exclusive one: if this primary crashed, its "
	    "data directory still holds our backup_label.");
	(void)err_hint(e,
	    "If the primary does not start, remove backup_label from its data "
	    "directory (never from a clone) and start it again.");
}

/* The backup is void, by another error: its texts, under our id. */
static int
lost_by(struct backup *b, const struct err *cause, struct err *e)
{
	if (cause->code != ERR_SQL && cause->code != ERR_DB_CONNECT) {
		if (e != NULL && !err_is_set(e))
			*e = *cause;
		return -1;
	}
	(void)err_set(
	    e, ERR_BACKUP_LOST, "the backup is void: %s", cause->text);
	if (cause->detail[0] != '\0')
		(void)err_detail(e, "%s", cause->detail);
	say_exclusive(b, e);
	if (cause->hint[0] != '\0')
		(void)err_hint(e, "%s", cause->hint);
	else
		(void)err_hint(e, "Run the same command again; it continues.");
	return -1;
}

/* --- start ---------------------------------------------------------------- */

static void
make_label(struct backup *b, const char *label, const char *uuid)
{
	size_t keep = sizeof(b->label) - strlen(uuid) - 2;

	(void)snprintf(b->label, sizeof(b->label), "%.*s %s", (int)keep,
	    label != NULL && *label != '\0' ? label : "standby-clone", uuid);
	/* The label is one line of backup_label. */
	for (char *p = b->label; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

/* What is known of a running exclusive backup; only a superuser may read the
 * label. */
static void
say_running(struct backup *b, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *text, *label, *end;

	if (pg_query(b->pg, &r, deadline_in(ASK_MS),
		"SELECT pg_read_file('backup_label', 0, 4096)", 0, NULL,
		NULL) == 0 &&
	    (text = pg_rows_get(r, 0, 0)) != NULL &&
	    (label = strstr(text, "LABEL: ")) != NULL) {
		label += strlen("LABEL: ");
		end = label + strcspn(label, "\n");
		(void)err_detail(e, "Its label is \"%.*s\".",
		    (int)MIN_OF(end - label, 200), label);
		if (strncmp(label, "standby-clone ", 14) == 0)
			(void)err_hint(e,
			    "An earlier run of ours left it. If no "
			    "standby-clone runs against this primary, end "
			    "it with: standby-clone --cleanup");
	}
	pg_rows_free(r);
	(void)err_hint(e,
	    "Wait until it ends, or, when it is nobody's, end it on the "
	    "primary with: %s",
	    stop_sql(b));
}

static int
refuse_running(struct backup *b, struct err *e)
{
	(void)err_set(e, ERR_BACKUP_RUNNING,
	    "an exclusive backup is running on %s", pg_name(b->pg));
	say_running(b, e);
	return -1;
}

/* Exclusive mode: nobody else's may run, and the server's start time tells
 * later whether a server that we find again is still this one. */
static int
prepare_exclusive(struct backup *b, struct err *e)
{
	const char *in_backup = pgver(b->version, PGFACT_IS_IN_BACKUP);
	struct pg_rows *r;
	bool running = false;

	if (b->from_standby) {
		(void)err_set(e, ERR_NOT_PRIMARY,
		    "%s is a standby: no exclusive backup there",
		    pg_name(b->pg));
		return err_hint(e, "Name its primary: --master=HOST");
	}
	if (in_backup != NULL) {
		if (ask(b->pg, &r, in_backup, e) == -1)
			return -1;
		running = is_true(pg_rows_get(r, 0, 0));
		pg_rows_free(r);
	}
	if (running)
		return refuse_running(b, e);
	if (ask(b->pg, &r, "SELECT pg_postmaster_start_time()::text", e) == -1)
		return -1;
	(void)snprintf(b->server_started, sizeof(b->server_started), "%s",
	    pg_rows_get(r, 0, 0) != NULL ? pg_rows_get(r, 0, 0) : "");
	pg_rows_free(r);
	return 0;
}

static void
hint_privilege(const struct backup *b, struct err *e)
{
	const char *functions = pgver(b->version, PGFACT_GRANT_BACKUP);

	if (functions != NULL)
		(void)err_hint(e,
		    "As a superuser: GRANT EXECUTE ON FUNCTION %s TO \"%s\"",
		    functions, pg_user(b->pg));
	else
		(void)err_hint(e,
		    "As a superuser: ALTER ROLE \"%s\" REPLICATION",
		    pg_user(b->pg));
}

/*
 * The start did not succeed.  Where the server itself said no, there is
 * nothing to stop.  Where its answer was lost, an exclusive backup may run all
 * the same: backup_end then stops it.
 */
static int
start_failed(struct backup *b, const struct err *cause, struct err *e)
{
	bool answered = cause->code == ERR_SQL;

	if (b->exclusive && !answered)
		b->running = true;
	if (b->exclusive && answered &&
	    strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0 &&
	    strstr(cause->text, "backup is already in progress") != NULL)
		return refuse_running(b, e);
	if (e != NULL && !err_is_set(e))
		*e = *cause;
	if (answered && strcmp(pg_sqlstate(b->pg), "42501") == 0)
		hint_privilege(b, e);
	return err_wrap(e, "could not start the backup");
}

static int
take_start(struct backup *b, const struct pg_rows *r, struct err *e)
{
	const char *lsn = pg_rows_get(r, 0, 0);

	b->running = true;
	b->ping_next = clock_ms() + PING_MS;
	if (lsn == NULL || lsn_parse(lsn, &b->start_lsn) == -1)
		return err_set(e, ERR_SQL, "%s: backup start told no position",
		    pg_name(b->pg));
	return read_timeline(b, e);
}

int
backup_start(struct backup *b, const char *label, const char *uuid, bool fast,
    bool force_exclusive, int64_t deadline, struct err *e)
{
	const char *params[2] = {b->label, fast ? "true" : "false"};
	struct err cause = ERR_INIT;
	struct pg_rows *r;
	const char *sql;
	int rc;

	make_label(b, label, uuid);
	if (force_exclusive &&
	    pgver(b->version, PGFACT_BACKUP_START_EXCL) != NULL)
		b->exclusive = true;
	if (b->exclusive && prepare_exclusive(b, e) == -1)
		return -1;
	sql = pgver(b->version,
	    b->exclusive ? PGFACT_BACKUP_START_EXCL : PGFACT_BACKUP_START);
	if (sql == NULL)
		return err_set(e, ERR_VERSION,
		    "backups on PostgreSQL %s are not known",
		    pg_version_text(b->pg));
	if (pg_query(b->pg, &r, deadline, sql, 2, params, &cause) == -1)
		return start_failed(b, &cause, e);
	rc = take_start(b, r, e);
	pg_rows_free(r);
	return rc;
}

/* --- keep-alive ----------------------------------------------------------- */

int
backup_pollfd(const struct backup *b)
{
	return b->running && pg_alive(b->pg) ? pg_socket(b->pg) : -1;
}

/* The backup is gone.  An exclusive one may still be there: backup_end
 * looks. */
static int
session_gone(struct backup *b, const struct err *cause, struct err *e)
{
	if (!b->exclusive)
		b->running = false;
	b->pinging = false;
	return lost_by(b, cause, e);
}

static int
changed(struct backup *b, struct err *e, const char *what)
{
	struct err cause = ERR_INIT;

	(void)err_set(&cause, ERR_DB_CONNECT, "%s: %s", pg_name(b->pg), what);
	return session_gone(b, &cause, e);
}

/* Not the server that it was: what was copied is void (faults B6). */
static int
turned(struct backup *b, struct err *e, const char *what)
{
	if (!b->exclusive)
		b->running = false;
	b->pinging = false;
	(void)err_set(
	    e, ERR_SOURCE, "%s: %s: the copy is void", pg_name(b->pg), what);
	return err_hint(e, "Find out which server is the primary now, and run "
			   "the command against that one.");
}

static int
judge_ping(struct backup *b, const struct pg_rows *r, struct err *e)
{
	uint32_t timeline = row_u32(r, PING_TIMELINE);

	if (is_true(pg_rows_get(r, 0, PING_RECOVERY)) != b->from_standby)
		return turned(b, e,
		    b->from_standby ? "the standby was promoted"
				    : "the primary became a standby");
	if (row_u32(r, PING_PID) != (uint32_t)pg_backend_pid(b->pg))
		return changed(b, e,
		    "another server process answers (is there a connection "
		    "pooler in between?)");
	if (b->timeline != 0 && timeline != 0 && timeline != b->timeline)
		return turned(b, e, "its timeline changed");
	if (b->exclusive && pg_rows_get(r, 0, PING_EXCLUSIVE) != NULL &&
	    !is_true(pg_rows_get(r, 0, PING_EXCLUSIVE)))
		return changed(b, e, "somebody ended our backup");
	take_position(b, r);
	return 0;
}

static int
take_ping(struct backup *b, int64_t now, struct err *e)
{
	struct err cause = ERR_INIT;
	struct pg_rows *r;
	int rc;

	switch (pg_async_result(b->pg, &r, &cause)) {
	case -1:
		return session_gone(b, &cause, e);
	case 0:
		if (now - b->ping_sent <= PING_LATE_MS)
			return 0;
		return changed(b, e, "no answer for 10 s");
	default:
		b->pinging = false;
		b->ping_next = now + PING_MS;
		rc = judge_ping(b, r, e);
		pg_rows_free(r);
		return rc;
	}
}

static int
send_ping(struct backup *b, int64_t now, struct err *e)
{
	struct err cause = ERR_INIT;
	struct buf sql = BUF_INIT;
	int rc;

	ping_sql(b, &sql);
	rc = buf_ok(&sql) ? pg_async_send(b->pg, buf_str(&sql), &cause)
			  : err_set_nomem(&cause);
	buf_free(&sql);
	if (rc == -1)
		return session_gone(b, &cause, e);
	b->pinging = true;
	b->ping_sent = now;
	return 0;
}

int
backup_tick(struct backup *b, struct err *e)
{
	struct err cause = ERR_INIT;
	int64_t now = clock_ms();

	if (!b->running)
		return 0;
	if (b->pinging)
		return take_ping(b, now, e);
	if (pg_idle_check(b->pg, &cause) == -1)
		return session_gone(b, &cause, e);
	if (now < b->ping_next)
		return 0;
	return send_ping(b, now, e);
}

int
backup_recheck(struct backup *b, int64_t deadline, struct err *e)
{
	struct buf sql = BUF_INIT;
	struct pg_rows *r = NULL;
	int rc;

	if (b->pg == NULL || !pg_alive(b->pg))
		return 0;
	ping_sql(b, &sql);
	rc = !buf_ok(&sql)
		 ? err_set_nomem(e)
		 : pg_query(b->pg, &r, deadline, buf_str(&sql), 0, NULL, e);
	buf_free(&sql);
	if (rc == 0 && pg_rows_n(r) == 1)
		rc = judge_ping(b, r, e);
	pg_rows_free(r);
	return rc;
}

/* A ping may be under way when the copy is done: its answer comes first. */
static int
finish_ping(struct backup *b, struct err *e)
{
	while (b->pinging) {
		if (take_ping(b, clock_ms(), e) == -1)
			return -1;
		if (b->pinging)
			clock_sleep_ms(5, DEADLINE_NEVER);
	}
	return 0;
}

/* --- stop ----------------------------------------------------------------- */

static int
take_label(struct backup *b, const struct pg_rows *r, struct err *e)
{
	const char *lsn = pg_rows_get(r, 0, 0), *text = pg_rows_get(r, 0, 1);
	const char *map = pg_rows_get(r, 0, 2);
	struct err cause = ERR_INIT;
	struct label l;

	if (lsn == NULL || lsn_parse(lsn, &b->stop_lsn) == -1 || text == NULL)
		return err_set(e, ERR_BACKUP_LOST,
		    "the backup is void: %s returned no backup_label",
		    pg_name(b->pg));
	if (label_parse(text, pg_rows_len(r, 0, 1), &l, &cause) == -1)
		return lost_by(b, &cause, e);
	if (l.start_lsn != b->start_lsn || strcmp(l.label, b->label) != 0)
		return err_set(e, ERR_BACKUP_LOST,
		    "the backup is void: %s returned the backup_label of "
		    "another backup",
		    pg_name(b->pg));
	if (pg_rows_len(r, 0, 2) > SPCMAP_MAX)
		return err_set(e, ERR_BACKUP_LOST,
		    "the backup is void: tablespace_map is longer than 1 MB");
	if (l.timeline != 0)
		b->timeline = l.timeline;
	buf_reset(&b->labelfile);
	buf_add(&b->labelfile, text, pg_rows_len(r, 0, 1));
	buf_reset(&b->spcmap);
	if (map != NULL)
		buf_add(&b->spcmap, map, pg_rows_len(r, 0, 2));
	if (!buf_ok(&b->labelfile) || !buf_ok(&b->spcmap))
		return err_set_nomem(e);
	return 0;
}

/*
 * The two texts must arrive byte for byte, and paths are bytes: no conversion
 * from the encoding of the database.  Whatever happens, it is not asked a
 * second time: the server has given the texts away, or has ended the backup.
 */
static int
stop_in_session(struct backup *b, bool wait, int64_t deadline, struct err *e)
{
	const char *sql = pgver(b->version, PGFACT_BACKUP_STOP);
	const char *params[1] = {wait ? "true" : "false"};
	size_t n = pgver(b->version, PGFACT_BACKUP_STOP_WAIT) != NULL ? 1 : 0;
	struct err cause = ERR_INIT;
	struct pg_rows *r = NULL;
	int rc = 0;

	b->running = false;
	if (pg_query(b->pg, NULL, deadline, "SET client_encoding = 'SQL_ASCII'",
		0, NULL, &cause) == -1 ||
	    pg_query(b->pg, &r, deadline, sql, n, params, &cause) == -1)
		rc = lost_by(b, &cause, e);
	else
		rc = take_label(b, r, e);
	pg_rows_free(r);
	(void)pg_query(b->pg, NULL, deadline_in(ASK_MS),
	    "SET client_encoding = 'UTF8'", 0, NULL, NULL);
	return rc;
}

/* After a stop that was cancelled while it waited for the archive: its end
 * record is in the WAL before the current position. */
static int
stop_at_current(struct backup *b, struct err *e)
{
	const char *sql = pgver(b->version, PGFACT_CURRENT_LSN);
	struct pg_rows *r;
	int rc;

	log_debug("%s: stop waited for the archive and was cancelled",
	    pg_name(b->pg));
	if (ask(b->pg, &r, sql, e) == -1)
		return -1;
	rc = lsn_parse(
	    pg_rows_get(r, 0, 0) ? pg_rows_get(r, 0, 0) : "", &b->stop_lsn);
	pg_rows_free(r);
	if (rc == -1)
		return err_set(
		    e, ERR_SQL, "%s told no position", pg_name(b->pg));
	b->running = false;
	return 0;
}

static int
exclusive_failed(struct backup *b, const struct err *cause, struct err *e)
{
	if (cause->code == ERR_TIMEOUT && pg_alive(b->pg))
		return stop_at_current(b, e);
	if (cause->code != ERR_SQL) /* unknown: backup_end stops it again */
		return lost_by(b, cause, e);
	b->running = false;
	(void)lost_by(b, cause, e);
	if (strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0)
		return -1;
	err_raise(e, STATUS_INCOMPLETE);
	return err_hint(e,
	    "The primary is still in backup mode. On it, as a superuser: %s",
	    stop_sql(b));
}

static int
stop_exclusive(struct backup *b, int64_t deadline, struct err *e)
{
	int64_t until = MIN_OF(deadline, deadline_in(ARCHIVE_WAIT_MS));
	struct err cause = ERR_INIT;
	struct pg_rows *r;
	int rc;

	if (pg_query(b->pg, &r, until, stop_sql(b), 0, NULL, &cause) == -1)
		return exclusive_failed(b, &cause, e);
	b->running = false;
	rc = lsn_parse(
	    pg_rows_get(r, 0, 0) ? pg_rows_get(r, 0, 0) : "", &b->stop_lsn);
	pg_rows_free(r);
	if (rc == -1)
		return err_set(e, ERR_BACKUP_LOST,
		    "the backup is void: %s told no stop position",
		    pg_name(b->pg));
	return 0;
}

int
backup_stop(
    struct backup *b, bool wait_for_archive, int64_t deadline, struct err *e)
{
	if (!b->running)
		return err_set(e, ERR_INTERNAL, "no backup is running");
	if (finish_ping(b, e) == -1)
		return -1;
	if (b->exclusive)
		return stop_exclusive(b, deadline, e);
	return stop_in_session(b, wait_for_archive, deadline, e);
}

/* --- end ------------------------------------------------------------------ */

/* A session for clean-up: nothing interrupts it. */
static int
reopen(struct backup *b, struct err *e)
{
	struct pg_opts o = *b->opts;

	pg_close(b->pg);
	b->pg = NULL;
	o.sigfd = -1;
	o.tick = NULL;
	return pg_open(&b->pg, &o, e);
}

/* 1: the server is the one that we started the backup on; 0: it was started
 * since, so that no backup of ours can run there; -1: e. */
static int
same_server(struct backup *b, struct err *e)
{
	struct pg_rows *r;
	const char *s;
	int rc;

	if (ask(b->pg, &r, "SELECT pg_postmaster_start_time()::text", e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	rc = s != NULL && strcmp(s, b->server_started) == 0;
	pg_rows_free(r);
	return rc;
}

/* 0: the backup is ended, by us or before. */
static int
try_stop(struct backup *b, struct err *e)
{
	struct err mine = ERR_INIT;

	if (pg_query(b->pg, NULL, deadline_in(END_MS), stop_sql(b), 0, NULL,
		&mine) == 0)
		return 0;
	if (mine.code == ERR_SQL &&
	    strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0)
		return 0;
	/* Cancelled while it waited for the archive: ended all the same, if
	 * the server still answers. */
	if (mine.code == ERR_TIMEOUT && pg_alive(b->pg) &&
	    same_server(b, NULL) == 1)
		return 0;
	if (e != NULL)
		*e = mine;
	return -1;
}

static int
end_exclusive(struct backup *b, struct err *e)
{
	pg_ignore_signals(b->pg);
	if (pg_alive(b->pg) && !b->pinging) {
		if (try_stop(b, e) == 0)
			return 0;
		if (pg_alive(b->pg))
			return -1;
		err_clear(e);
	}
	if (reopen(b, e) == -1)
		return -1;
	switch (same_server(b, e)) {
	case -1:
		return -1;
	case 0:
		return 0;
	default:
		return try_stop(b, e);
	}
}

int
backup_end(struct backup *b, struct err *e)
{
	struct err cause = ERR_INIT;
	int rc = 0;

	if (b->running && b->exclusive && end_exclusive(b, &cause) == -1) {
		rc = -1;
		(void)err_set(e, ERR_LEFT_BEHIND,
		    "the primary may still be in backup mode: %s", cause.text);
		(void)err_detail(
		    e, "The label of the backup is \"%s\".", b->label);
		(void)err_hint(
		    e, "On the primary, as a superuser: %s", stop_sql(b));
	}
	/* Any other backup ends with its session. */
	b->running = b->pinging = false;
	pg_close(b->pg);
	b->pg = NULL;
	return rc;
}

void
backup_free(struct backup *b)
{
	if (b == NULL)
		return;
	buf_free(&b->labelfile);
	buf_free(&b->spcmap);
}
