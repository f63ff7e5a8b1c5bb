#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/label.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/backup_int.h"

#define PING_MS 5000       /* between two pings */
#define PING_LATE_MS 10000 /* without an answer: the session is lost */
#define SPCMAP_MAX (1 << 20)
#define RECOVERY "SELECT pg_is_in_recovery()"

/* --- opening -------------------------------------------------------------- */

int
backup_ask(struct pg *pg, struct pg_rows **r, const char *sql, struct err *e)
{
	if (pg_query(pg, r, deadline_in(ASK_MS), sql, 0, NULL, e) == -1)
		return -1;
	if (pg_rows_n(*r) >= 1)
		return 0;
	pg_rows_free(*r);
	*r = NULL;
	return err_set(e, ERR_SQL, "%s: no row from: %s", pg_name(pg), sql);
}

static int
read_recovery(struct backup *b, struct err *e)
{
	struct pg_rows *r;

	if (backup_ask(b->pg, &r, RECOVERY, e) == -1)
		return -1;
	b->from_standby = backup_is_true(pg_rows_get(r, 0, 0));
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
	if (backup_ask(b->pg, &r, sql, NULL) == -1)
		return;
	if (pg_rows_get(r, 0, 0) != NULL)
		b->system_identifier = strtoull(pg_rows_get(r, 0, 0), NULL, 10);
	pg_rows_free(r);
}

static int
ask_who(struct backup *b, struct err *e)
{
	const struct pg_ask asks[] = {{.sql = RECOVERY},
	    {.sql = pgver(b->version, PGFACT_SYSTEM_IDENTIFIER)}};
	size_t n = asks[1].sql != NULL ? 2 : 1;

	if (pg_ahead(b->pg, asks, n, deadline_in(ASK_MS), e) == -1 ||
	    read_recovery(b, e) == -1)
		return -1;
	read_identifier(b);
	return 0;
}

int
backup_open(struct backup *b, const struct pg_opts *o, struct pg *session,
    struct err *e)
{
	*b = (struct backup){.opts = o, .pg = session};
	if (session != NULL)
		pg_attend(session, o);
	else if (pg_open(&b->pg, o, e) == -1)
		return -1;
	b->version = pg_version(b->pg);
	b->exclusive = pgver(b->version, PGFACT_BACKUP_EXCLUSIVE) != NULL;
	if (ask_who(b, e) == -1) {
		pg_close(b->pg);
		b->pg = NULL;
		return -1;
	}
	return 0;
}

/* --- the state that a ping compares --------------------------------------- */

/*
 * Recovery state, backend pid, timeline, WAL position, and whether an exclusive
 * backup runs and since when, in one row.
 */
enum {
	PING_RECOVERY,
	PING_PID,
	PING_TIMELINE,
	PING_LSN,
	PING_EXCLUSIVE,
	PING_BEGAN
};

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
		buf_addf(sql, ", (%s), (" BACKUP_BEGAN ")", in_backup);
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
	rc = buf_ok(&sql) ? backup_ask(b->pg, &r, buf_str(&sql), e)
			  : err_set_nomem(e);
	buf_free(&sql);
	if (rc == -1)
		return -1;
	b->timeline = row_u32(r, PING_TIMELINE);
	if (pg_rows_get(r, 0, PING_BEGAN) != NULL)
		(void)snprintf(b->began, sizeof(b->began), "%s",
		    pg_rows_get(r, 0, PING_BEGAN));
	take_position(b, r);
	pg_rows_free(r);
	return 0;
}

int
backup_lost_by(struct backup *b, const struct err *cause, struct err *e)
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
	backup_excl_say(b, e);
	if (cause->hint[0] != '\0')
		(void)err_hint(e, "%s", cause->hint);
	else
		(void)err_hint(e, "Run the same command again; it continues.");
	return -1;
}

/* --- a standby that replayed WAL without full pages ----------------------- */

int
backup_set_torn(struct err *e, enum err_code code, const char *what)
{
	(void)err_set(e, code,
	    "%s has replayed WAL that was written with full_page_writes off",
	    what);
	(void)err_detail(e,
	    "A page that changes while it is copied could not be put right "
	    "from such WAL.");
	/* A checkpoint that is asked for in the same moment may be written
	 * before the reload has reached its process. */
	(void)err_hint(e,
	    "On the primary, type: ALTER SYSTEM SET full_page_writes = on; "
	    "SELECT pg_reload_conf(); SELECT pg_sleep(1); CHECKPOINT; When the "
	    "standby has replayed that, type on the standby: CHECKPOINT; Or "
	    "clone from the primary: --master=PRIMARY.");
	return -1;
}

/* xlog.c do_pg_start_backup, do_pg_stop_backup: the name of the setting is in
 * the message in every language. */
static bool
is_torn(const struct backup *b, const struct err *cause)
{
	return b->from_standby && cause->code == ERR_SQL &&
	       strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0 &&
	       strstr(cause->text, "full_page_writes") != NULL;
}

/* --- start ---------------------------------------------------------------- */

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

	if (b->exclusive && !answered) {
		b->running = true;
		b->unanswered = cause->code == ERR_DB_CONNECT;
	}
	if (b->exclusive && answered &&
	    strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0)
		return backup_excl_refuse(b, cause, e);
	if (is_torn(b, cause))
		return backup_set_torn(
		    e, ERR_SETTING, "could not start the backup: the standby");
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
backup_prepare(struct backup *b, bool force_exclusive, struct err *e)
{
	if (b->prepared)
		return 0;
	if (force_exclusive &&
	    pgver(b->version, PGFACT_BACKUP_START_EXCL) != NULL)
		b->exclusive = true;
	if (b->exclusive && backup_excl_prepare(b, e) == -1)
		return -1;
	b->prepared = true;
	return 0;
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

	label_make(b->label, sizeof(b->label), label, uuid);
	(void)snprintf(b->uuid, sizeof(b->uuid), "%s", uuid);
	if (backup_prepare(b, force_exclusive, e) == -1)
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
	return backup_lost_by(b, cause, e);
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

	if (backup_is_true(pg_rows_get(r, 0, PING_RECOVERY)) != b->from_standby)
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
	    !backup_is_true(pg_rows_get(r, 0, PING_EXCLUSIVE)))
		return changed(b, e, "somebody ended our backup");
	if (b->began[0] != '\0' && pg_rows_get(r, 0, PING_BEGAN) != NULL &&
	    strcmp(pg_rows_get(r, 0, PING_BEGAN), b->began) != 0)
		return changed(
		    b, e, "somebody ended our backup and began another");
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

/* The end of a backup has left the session without an encoding. */
static int
ask_recheck(struct backup *b, struct pg_rows **r, const char *sql,
    int64_t deadline, struct err *e)
{
	const struct pg_ask asks[] = {{.sql = PG_AS_TEXT}, {.sql = sql}};

	if (pg_ahead(b->pg, asks, NELEM(asks), deadline, e) == -1 ||
	    pg_query(b->pg, NULL, deadline, PG_AS_TEXT, 0, NULL, e) == -1)
		return -1;
	return pg_query(b->pg, r, deadline, sql, 0, NULL, e);
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
	rc = !buf_ok(&sql) ? err_set_nomem(e)
			   : ask_recheck(b, &r, buf_str(&sql), deadline, e);
	buf_free(&sql);
	if (rc == 0 && pg_rows_n(r) == 1)
		rc = judge_ping(b, r, e);
	pg_rows_free(r);
	return rc;
}

int
backup_settle(struct backup *b, struct err *e)
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
		return backup_lost_by(b, &cause, e);
	if (l.start_lsn != b->start_lsn || !label_is_ours(l.label, b->uuid))
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
	if (pg_query(b->pg, NULL, deadline, PG_AS_BYTES, 0, NULL, &cause) ==
		-1 ||
	    pg_query(b->pg, &r, deadline, sql, n, params, &cause) == -1)
		rc = is_torn(b, &cause) ? backup_set_torn(e, ERR_BACKUP_LOST,
					      "the backup is void: the standby")
					: backup_lost_by(b, &cause, e);
	else
		rc = take_label(b, r, e);
	pg_rows_free(r);
	return rc;
}

int
backup_stop(
    struct backup *b, bool wait_for_archive, int64_t deadline, struct err *e)
{
	if (!b->running)
		return err_set(e, ERR_INTERNAL, "no backup is running");
	if (backup_settle(b, e) == -1)
		return -1;
	if (b->exclusive)
		return backup_excl_stop(b, deadline, e);
	return stop_in_session(b, wait_for_archive, deadline, e);
}

/* --- end ------------------------------------------------------------------ */

int
backup_end(struct backup *b, struct err *e)
{
	int rc = b->running && b->exclusive ? backup_excl_end(b, e) : 0;

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
