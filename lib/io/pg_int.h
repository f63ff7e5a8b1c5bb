/*
 * What the files of io/pg share: the session, and the one way to wait for it.
 */
#ifndef IO_PG_INT_H
#define IO_PG_INT_H

#include "base/std.h"
#include "io/pg.h"

#include <libpq-fe.h>

#define PG_CONNECT_MS 10000 /* default of connect_ms */
#define PG_FIELD_MAX 512    /* bytes kept of one field of a server's error */

struct pg {
	PGconn *conn;
	char *name;
	int sigfd;
	bool *heard;   /* of pg_opts, or NULL */
	bool looks;    /* never more than SQL: no replication comes after it */
	bool once;     /* no statement is cancelled */
	int64_t limit; /* nothing waits longer */
	int (*tick)(void *arg, struct err *e);
	void *tick_arg;
	int interval_ms;
	int64_t next_tick;
	int64_t muted; /* the signal pipe is not looked at until then */
	char sqlstate[6];
	PGresult *pending;      /* of pg_async_send */
	struct pg_ahead *ahead; /* answers nobody has asked for yet, or NULL */
};

struct pg_rows {
	PGresult *res;
};

enum pg_wait {
	PG_WAIT_READY,
	PG_WAIT_LATE,
	PG_WAIT_STOP /* e is set */
};

/* Keywords and values for libpq; of two with one name the later one counts. */
struct pg_params {
	const char *key[80], *value[80];
	size_t n;
};

/* When the session of these options is to be open, from now on. */
int64_t pg_open_by(const struct pg_opts *o);
void pg_params_add(struct pg_params *p, const char *key, const char *value);
/* c, and what every session of ours is opened with. */
void pg_params_fill(struct pg_params *p, const struct conninfo *c,
    const char *application_name);
/* "connect WHAT: host=...", secrets masked, at -vv. */
void pg_log_connect(const struct conninfo *c, const char *what);
/* HOST:PORT that libpq is at. */
int pg_set_name(struct pg *pg, struct err *e);
/* ERR_DB_CONNECT with what libpq or the server says, and the hint that fits.
 * Returns -1. */
int pg_connect_failed(struct pg *pg, const char *says, struct err *e);
/* ERR_TIMEOUT after ms.  Returns -1. */
int pg_connect_late(const struct pg *pg, int64_t ms, struct err *e);
/* Notices go to the debug log; arg is the struct pg. */
void pg_on_notice(void *arg, const PGresult *res);
/* Foreign text, at most max bytes, for a terminal: on one line and without a
 * full stop, so that it fits into a sentence of ours. */
void pg_add_clean(struct buf *b, const char *s, size_t max);
/* s, or "" for NULL. */
const char *pg_or_empty(const char *s);
/* Wait for the socket, the deadline or a signal, whichever is first. */
enum pg_wait pg_wait(
    struct pg *pg, short events, int64_t deadline, struct err *e);
/* Sets ERR_DB_CONNECT with what libpq says.  Returns -1. */
int pg_session_lost(struct pg *pg, struct err *e);
/* Talk of a statement, at -vv. */
void pg_log_sql(const struct pg *pg, const char *sql, size_t nparams,
    const char *const *params);
/* One step towards a complete answer: PG_WAIT_READY when PQgetResult will not
 * block. */
enum pg_wait pg_wait_answer(struct pg *pg, int64_t deadline, struct err *e);
/* ERR_TIMEOUT, with the statement.  Returns -1. */
int pg_late(struct pg *pg, const char *sql, struct err *e);
/* At once, and so that libpq knows it: what is on its way is read first. */
void pg_end_session(struct pg *pg);
/* Cancel what runs and read the rest by drain, so that the session stays usable
 * and nothing goes on there; one for which there is no time ends. */
typedef enum pg_wait pg_drain_fn(
    struct pg *pg, int64_t deadline, struct err *e);
void pg_call_off(struct pg *pg, pg_drain_fn *drain);
/* The answer to a statement that was asked ahead, the caller's to PQclear, or
 * NULL. */
PGresult *pg_ahead_take(struct pg *pg, const struct pg_ask *a);
void pg_ahead_forget(struct pg *pg);
/* -1 with e when res is an error. */
int pg_check_result(struct pg *pg, const PGresult *res, struct err *e);
/* All results of a statement (up to a COPY); the first, or an error, is kept in
 * *first, which must be NULL or a result. */
enum pg_wait pg_collect(
    struct pg *pg, PGresult **first, int64_t deadline, struct err *e);
/* Send a statement and take its result; simple: in the simple protocol (a
 * walsender knows no other), without parameters.  *res is the caller's to
 * PQclear, also after -1. */
int pg_run(struct pg *pg, bool simple, PGresult **res, int64_t deadline,
    const char *sql, size_t nparams, const char *const *params, struct err *e);

#endif
