/*
 * One libpq session.  Every call has a deadline and watches the signal pipe:
 * nothing here can hang.  SQL texts come from core/pgver_sql.c or stand in
 * flow/probe.c, backup.c, slot.c; values are always parameters.
 */
#ifndef IO_PG_H
#define IO_PG_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/conninfo.h"

struct pg;

struct pg_opts {
	const struct conninfo *conninfo;
	const char *application_name; /* required */
	bool replication;             /* physical walsender session */
	int64_t connect_ms;           /* 0: 10 s; total, over all hosts */
	int64_t deadline; /* of the session: no call on it, pg_open included,
			   * waits longer, whatever else it was told.  0: none
			   */
	bool once; /* A statement that is late ends the session; else it is
		    * cancelled, which takes up to 4 s more. */
	int sigfd; /* -1: none */
	/* Becomes true when something there answers pg_open, if only with a
	 * refusal or an end of the connection; NULL: not asked. */
	bool *heard;
	/* Called about every interval_ms while waiting; returns -1 with e to
	 * stop.  NULL: none. */
	int (*tick)(void *arg, struct err *e);
	void *tick_arg;
	int interval_ms;
};

/* Conninfo string or URI, libpq defaults and environment not added. */
int pg_conninfo_parse(const char *text, struct conninfo *c, struct err *e);
/* The database "postgres", as psql -l takes it, where neither c nor libpq's
 * environment names one or a service: every cluster has it, and one of the
 * role's name seldom. */
int pg_conninfo_default_dbname(struct conninfo *c, struct err *e);
/*
 * Effective values of one keyword as libpq would use (given, service, PG*
 * environment, default); "" when none.  For host/port/user in messages.
 */
int pg_conninfo_effective(
    const struct conninfo *c, struct conninfo *out, struct err *e);

/* Do both lead to one server, as far as names tell: the same port, and the same
 * host or address, as libpq would use them? */
bool pg_conninfo_same_place(const struct conninfo *a, const struct conninfo *b);

/*
 * Connect (asynchronously, PQconnectPoll), then make the session ours:
 * search_path = pg_catalog, client_encoding UTF8, synchronous_commit local
 * (off before 9.1), every timeout that pg_settings has = 0, TCP keepalives.
 * ERR_DB_CONNECT with host:port and the hint that fits (pg_hba, password, not
 * running, starting up), ERR_TIMEOUT.
 */
int pg_open(struct pg **pg, const struct pg_opts *o, struct err *e);
/* Close without talking; NULL-safe. */
void pg_close(struct pg *pg);
/* From now on these options' signal pipe and tick are looked at while a
 * statement runs. */
void pg_attend(struct pg *pg, const struct pg_opts *o);
/* From here on neither the signal pipe nor the tick stops a statement: for
 * clean-up after an interruption.  (A second signal ends the process.) */
void pg_ignore_signals(struct pg *pg);
/* Is the session there, as far as libpq knows?  NULL-safe. */
bool pg_alive(const struct pg *pg);

int pg_version(const struct pg *pg);              /* server_version_num */
const char *pg_version_text(const struct pg *pg); /* "15.18 (Debian ...)" */
const char *pg_name(const struct pg *pg);         /* "db1:5432", for messages */
int pg_socket(const struct pg *pg);
int pg_backend_pid(const struct pg *pg);
/* What really was connected to, e.g. one of several hosts. */
const char *pg_host(const struct pg *pg);
const char *pg_port(const struct pg *pg);
const char *pg_user(const struct pg *pg);

/* A session talks UTF-8, which its messages are shown in.  Where an answer has
 * paths it is set to bytes first: no conversion from the database's encoding.
 */
#define PG_AS_BYTES "SET client_encoding = 'SQL_ASCII'"
#define PG_AS_TEXT "SET client_encoding = 'UTF8'"

struct pg_rows; /* a result */
/*
 * Run one statement with text parameters.  rows may be NULL.  On deadline:
 * cancel request, ERR_TIMEOUT; on signal: cancel, ERR_INTERRUPTED; on an SQL
 * error: ERR_SQL with sqlstate in detail; on a lost session: ERR_DB_CONNECT.
 */
int pg_query(struct pg *pg, struct pg_rows **rows, int64_t deadline,
    const char *sql, size_t nparams, const char *const *params, struct err *e);
/*
 * Statements that will be asked next: all in one round trip (which counts where
 * the server is far), each in a transaction of its own.  The pg_query with the
 * same text and parameters takes the answer, or the SQL error, of such a
 * statement instead of asking.  An answer is taken once, and those that nobody
 * took are forgotten as soon as another statement is sent.  With a libpq before
 * 14 nothing is asked here, and everything works as before.
 * -1: lost, late or interrupted, never an SQL error; what was late or
 * interrupted is cancelled, as by pg_query, so that nothing of it goes on
 * there.
 */
struct pg_ask {
	const char *sql;
	size_t n; /* parameters */
	const char *const *params;
};
int pg_ahead(struct pg *pg, const struct pg_ask *asks, size_t n,
    int64_t deadline, struct err *e);
int pg_rows_n(const struct pg_rows *r);
/* Text of a field, NULL for SQL NULL; borrowed from r. */
const char *pg_rows_get(const struct pg_rows *r, int row, int col);
size_t pg_rows_len(const struct pg_rows *r, int row, int col);
void pg_rows_free(struct pg_rows *r);
/* SQLSTATE of the last failed pg_query, "" if none. */
const char *pg_sqlstate(const struct pg *pg);

/*
 * A query that the caller's poll loop waits for (the ping of a running
 * backup): send, then poll the socket, then call pg_async_result until it does
 * not return 0.  1: *rows is set; -1: e is set.
 */
int pg_async_send(struct pg *pg, const char *sql, struct err *e);
int pg_async_result(struct pg *pg, struct pg_rows **rows, struct err *e);
/* The socket is readable and no statement runs: a notice, or the end of the
 * session (-1, ERR_DB_CONNECT). */
int pg_idle_check(struct pg *pg, struct err *e);

/*
 * Replication session: START_REPLICATION SLOT slot PHYSICAL lsn, one status
 * update with flush position lsn, and the end of the session.  Sets
 * restart_lsn of a fresh slot (9.4, 9.5) or moves it to lsn (10, 11).
 */
int pg_slot_reserve_at(
    const struct pg_opts *o, const char *slot, uint64_t lsn, struct err *e);
/* IDENTIFY_SYSTEM over a replication session; all of it within connect_ms. */
int pg_identify_system(const struct pg_opts *o, uint64_t *system_identifier,
    uint32_t *timeline, uint64_t *lsn, struct err *e);
/*
 * n bytes of WAL of that timeline, from `from` on, over a replication session
 * (START_REPLICATION ... TIMELINE, 9.3), added to wal, within connect_ms or the
 * session's deadline.  -1 also when the server has less, or has it no more; it
 * must be there already: nobody waits for what will be written.
 */
int pg_read_wal(const struct pg_opts *o, uint32_t timeline, uint64_t from,
    size_t n, struct buf *wal, struct err *e);
/* TIMELINE_HISTORY over a replication session (9.3): the contents of the file
 * are added to text, at most 1 MiB.  Timeline 1 has none.  All of it within
 * connect_ms. */
int pg_timeline_history(const struct pg_opts *o, uint32_t timeline,
    struct buf *text, struct err *e);

#endif
