/*
 * The exclusive mode of a backup (before 9.6): one for the whole server, with a
 * label in its data directory, and it goes on when the session has ended.
 */
#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/label.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/backup_int.h"
#include "flow/preflight.h"

#define ARCHIVE_WAIT_MS 60000 /* a stop: then it is cancelled */
#define END_MS 10000          /* a stop during clean-up */
#define NO_SUCH_FILE "58P01"  /* undefined_file */

/* The statement that a person types when we could not. */
static const char *
stop_sql(const struct backup *b)
{
	return pgver(b->version, PGFACT_BACKUP_STOP_EXCL);
}

/* --- what runs there ----------------------------------------------------- */

/* 0: the server itself said no, so that it is there. */
static int
unless_refused(const struct err *cause, struct err *e)
{
	if (cause->code == ERR_SQL)
		return 0;
	if (e != NULL && !err_is_set(e))
		*e = *cause;
	return -1;
}

/* Is there a label at all?  What is not there is not read: that would be an
 * error in the primary's log.  Before 9.3 only a superuser can ask. */
static int
look_whether(
    struct pg *pg, enum backup_seen *seen, int64_t deadline, struct err *e)
{
	const char *sql = pgver(pg_version(pg), PGFACT_IS_IN_BACKUP);
	struct err cause = ERR_INIT;
	struct pg_rows *r = NULL;

	*seen = BACKUP_UNSEEN;
	if (sql == NULL)
		sql = "SELECT 'backup_label' IN (SELECT pg_ls_dir('.'))";
	if (pg_query(pg, &r, deadline, sql, 0, NULL, &cause) == -1)
		return unless_refused(&cause, e);
	if (pg_rows_get(r, 0, 0) != NULL)
		*seen = backup_is_true(pg_rows_get(r, 0, 0)) ? BACKUP_SEEN
							     : BACKUP_NONE;
	pg_rows_free(r);
	return 0;
}

int
backup_look(struct pg *pg, struct buf *text, enum backup_seen *seen,
    int64_t deadline, struct err *e)
{
	struct err cause = ERR_INIT;
	struct pg_rows *r = NULL;

	if (look_whether(pg, seen, deadline, e) == -1)
		return -1;
	if (*seen != BACKUP_SEEN)
		return 0;
	*seen = BACKUP_UNSEEN;
	if (pg_query(pg, &r, deadline, BACKUP_READ_LABEL, 0, NULL, &cause) ==
	    -1) {
		if (strcmp(pg_sqlstate(pg), NO_SUCH_FILE) == 0)
			*seen = BACKUP_NONE;
		return unless_refused(&cause, e);
	}
	if (pg_rows_get(r, 0, 0) != NULL) {
		*seen = BACKUP_SEEN;
		buf_add(text, pg_rows_get(r, 0, 0), pg_rows_len(r, 0, 0));
	}
	pg_rows_free(r);
	return buf_ok(text) ? 0 : err_set_nomem(e);
}

static int
read_otherwise(const struct backup_reader *r, struct buf *text, struct err *why)
{
	return r->read != NULL ? r->read(r->arg, text, why) : -1;
}

/* For who may not read the label: began it when ours did? */
static int
began_as_ours(struct backup *b, struct err *e)
{
	struct pg_rows *r;
	const char *s;
	int rc;

	if (backup_ask(b->pg, &r, BACKUP_BEGAN, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	rc = s != NULL && strcmp(s, b->began) == 0;
	pg_rows_free(r);
	return rc;
}

static int
is_ours(const struct buf *text, const char *uuid, struct err *e)
{
	struct label l;

	if (label_parse(text->data, text->len, &l, e) == -1)
		return -1;
	return label_is_ours(l.label, uuid);
}

/*
 * Nobody can be asked when it began: 9.1 and 9.2 have no function for that, and
 * a start that was cancelled, or not answered, did not tell.  Who cannot read
 * the label either leaves what runs alone, but for a start that was cancelled:
 * had another backup been running, the server would have refused ours.  A start
 * without an answer may go on there, so that no label means nothing yet.
 */
static int
is_ours_otherwise(struct backup *b, struct err *e)
{
	struct err why = ERR_INIT;
	struct buf text = BUF_INIT;
	int rc = read_otherwise(&b->reader, &text, &why);

	if (rc == 1)
		rc = is_ours(&text, b->uuid, e);
	else if (rc == -1 && b->start_lsn == 0 && !b->unanswered)
		rc = 1;
	else if (rc == -1 || b->unanswered)
		rc = err_set(e, ERR_PRIVILEGE,
		    "role \"%s\" may not read whose backup runs there",
		    pg_user(b->pg));
	if (rc == -1 && err_is_set(&why))
		(void)err_detail(
		    e, "The agent cannot read it either: %s.", why.text);
	buf_free(&text);
	return rc;
}

/* 1: our backup runs there; 0: none, or a foreign one; -1: e. */
static int
ours_runs(struct backup *b, struct err *e)
{
	enum backup_seen seen;
	struct buf text = BUF_INIT;
	int rc;

	rc = backup_look(b->pg, &text, &seen, deadline_in(ASK_MS), e);
	if (rc == 0 && seen == BACKUP_SEEN)
		rc = is_ours(&text, b->uuid, e);
	else if (rc == 0 && seen == BACKUP_UNSEEN)
		rc = b->began[0] != '\0' ? began_as_ours(b, e)
					 : is_ours_otherwise(b, e);
	buf_free(&text);
	return rc;
}

int
backup_excl_over(struct pg *pg, const char *uuid, const struct backup_reader *r)
{
	enum backup_seen seen;
	struct buf text = BUF_INIT;
	int rc;

	if (!pg_alive(pg) ||
	    look_whether(pg, &seen, deadline_in(ASK_MS), NULL) == -1)
		return -1;
	if (seen != BACKUP_UNSEEN)
		return seen == BACKUP_NONE ? 0 : -1;
	rc = read_otherwise(r, &text, NULL);
	if (rc == 1)
		rc = is_ours(&text, uuid, NULL) == 0 ? 0 : -1;
	buf_free(&text);
	return rc;
}

/* --- what a person is told ------------------------------------------------ */

/* On the primary, literally: it loses nothing by it, for its pg_control is its
 * own.  A clone without its label would be corrupt. */
static void
add_removal(const char *pgdata, struct buf *to)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/backup_label", pgdata);
	if (buf_ok(&path)) {
		buf_adds(to, "rm ");
		shell_add_quoted(to, buf_str(&path));
	}
	buf_free(&path);
}

void
backup_hint_label(const char *pgdata, struct err *e)
{
	struct buf rm = BUF_INIT;

	(void)err_detail(e,
	    "The backup was an exclusive one: if this primary crashed, its "
	    "data directory still holds our backup_label.");
	if (pgdata != NULL)
		add_removal(pgdata, &rm);
	if (rm.len > 0 && buf_ok(&rm)) {
		(void)err_hint(e,
		    "If the primary does not start, type this there (never in "
		    "a clone), and start it again:");
		(void)err_command(e, "%s", buf_str(&rm));
	} else {
		(void)err_hint(e,
		    "If the primary does not start, remove backup_label from "
		    "its data directory (never from a clone) and start it "
		    "again.");
	}
	buf_free(&rm);
}

void
backup_excl_say(const struct backup *b, struct err *e)
{
	if (b->exclusive)
		backup_hint_label(b->pgdata, e);
}

/* What is known of a running exclusive backup. */
static void
say_running(struct backup *b, struct err *e)
{
	enum backup_seen seen = BACKUP_UNSEEN;
	struct buf text = BUF_INIT;
	struct label l = {.label = ""};

	if (backup_look(b->pg, &text, &seen, deadline_in(ASK_MS), NULL) == 0 &&
	    seen == BACKUP_SEEN &&
	    label_parse(text.data, text.len, &l, NULL) == 0)
		(void)err_detail(e, "Its label is \"%s\".", l.label);
	buf_free(&text);
	preflight_hint_running(e, l.label, b->cleanup, stop_sql(b));
}

/* --- start ---------------------------------------------------------------- */

int
backup_excl_refuse(struct backup *b, const struct err *cause, struct err *e)
{
	(void)err_set(e, ERR_BACKUP_RUNNING,
	    "an exclusive backup is running on %s", pg_name(b->pg));
	if (cause != NULL)
		(void)err_detail(e, "%s.", cause->text);
	say_running(b, e);
	return -1;
}

int
backup_server_started(
    struct pg *pg, char *to, size_t size, int64_t deadline, struct err *e)
{
	static const char sql[] = "SELECT extract(epoch FROM "
				  "pg_postmaster_start_time())::bigint::text";
	struct pg_rows *r = NULL;
	const char *s;
	int rc = 0;

	if (pg_query(pg, &r, deadline, sql, 0, NULL, e) == -1)
		return -1;
	s = pg_rows_n(r) == 1 ? pg_rows_get(r, 0, 0) : NULL;
	if (s == NULL || strlen(s) >= size)
		rc = err_set(
		    e, ERR_SQL, "%s: no row from: %s", pg_name(pg), sql);
	else
		(void)snprintf(to, size, "%s", s);
	pg_rows_free(r);
	return rc;
}

/* Exclusive mode: nobody else's may run, and the server's start time tells
 * later whether a server that we find again is still this one. */
int
backup_excl_prepare(struct backup *b, struct err *e)
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
		if (backup_ask(b->pg, &r, in_backup, e) == -1)
			return -1;
		running = backup_is_true(pg_rows_get(r, 0, 0));
		pg_rows_free(r);
	}
	if (running)
		return backup_excl_refuse(b, NULL, e);
	if (backup_server_started(b->pg, b->server_started,
		sizeof(b->server_started), deadline_in(ASK_MS), e) == -1)
		return -1;
	(void)snprintf(b->at, sizeof(b->at), "%s", pg_name(b->pg));
	return 0;
}

/* --- stop --- */

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
	if (backup_ask(b->pg, &r, sql, e) == -1)
		return -1;
	rc = lsn_parse(
	    pg_rows_get(r, 0, 0) ? pg_rows_get(r, 0, 0) : "", &b->stop_lsn);
	pg_rows_free(r);
	if (rc == -1)
		return err_set(
		    e, ERR_SQL, "%s told no position", pg_name(b->pg));
	b->not_archived = true;
	b->running = false;
	return 0;
}

static int
exclusive_failed(struct backup *b, const struct err *cause, struct err *e)
{
	if (cause->code == ERR_TIMEOUT &&
	    backup_excl_over(b->pg, b->uuid, &b->reader) == 0)
		return stop_at_current(b, e);
	if (cause->code != ERR_SQL) /* unknown: backup_end stops it again */
		return backup_lost_by(b, cause, e);
	if (strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0)
		b->running = false; /* else backup_end tries once more */
	return backup_lost_by(b, cause, e);
}

int
backup_excl_stop(struct backup *b, int64_t deadline, struct err *e)
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

/* --- end --- */

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
	char started[sizeof(b->server_started)];

	if (backup_server_started(
		b->pg, started, sizeof(started), deadline_in(ASK_MS), e) == -1)
		return -1;
	return strcmp(started, b->server_started) == 0;
}

/* 0: the backup is ended, by us or before. */
static int
send_stop(struct backup *b, struct err *e)
{
	struct err mine = ERR_INIT;

	if (pg_query(b->pg, NULL, deadline_in(END_MS), stop_sql(b), 0, NULL,
		&mine) == 0)
		return 0;
	if (mine.code == ERR_SQL &&
	    strcmp(pg_sqlstate(b->pg), NOT_IN_PROGRESS) == 0)
		return 0;
	if (mine.code == ERR_TIMEOUT &&
	    backup_excl_over(b->pg, b->uuid, &b->reader) == 0)
		return 0;
	if (e != NULL)
		*e = mine;
	return -1;
}

/* A foreign one is not ours to stop: 0 too. */
static int
try_stop(struct backup *b, struct err *e)
{
	int rc = ours_runs(b, e);

	if (rc == 0)
		log_debug("%s: no backup of ours runs there", pg_name(b->pg));
	return rc == 1 ? send_stop(b, e) : rc;
}

/* The server that answers now was started at another time: is it the same one?
 * One of several hosts, or of a name that moves, may be another. */
static int
was_restarted(struct backup *b, struct err *e)
{
	if (strcmp(b->at, pg_name(b->pg)) == 0)
		return 0;
	return err_set(e, ERR_SOURCE,
	    "%s answers now, and the backup was started on %s", pg_name(b->pg),
	    b->at);
}

static int
end_it(struct backup *b, struct err *e)
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
		return was_restarted(b, e);
	default:
		return try_stop(b, e);
	}
}

int
backup_excl_end(struct backup *b, struct err *e)
{
	struct err cause = ERR_INIT;

	if (end_it(b, &cause) == 0)
		return 0;
	(void)err_set(e, ERR_LEFT_BEHIND,
	    "the primary may still be in backup mode: %s", cause.text);
	(void)err_detail(e, "The label of the backup is \"%s\".", b->label);
	if (cause.code == ERR_PRIVILEGE)
		(void)err_detail(e, "%s", cause.detail);
	(void)err_hint(e, "When the primary can be reached, end it with:");
	(void)err_command(e, "%s",
	    b->cleanup != NULL ? b->cleanup : "standby-clone --cleanup");
	(void)err_hint(e,
	    "Or, as a superuser there, when its backup_label bears "
	    "that label:");
	(void)err_command(e, "%s;", stop_sql(b));
	if (cause.code == ERR_DB_CONNECT || cause.code == ERR_TIMEOUT)
		backup_excl_say(b, e);
	return -1;
}
