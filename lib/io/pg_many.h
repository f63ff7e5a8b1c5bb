/*
 * Many sessions in one poll loop (repl-status): nobody waits for anybody, one
 * deadline for all, and what hangs is cancelled and closed without waiting.
 * Results arrive per statement; one that fails does not lose the others.
 */
#ifndef IO_PG_MANY_H
#define IO_PG_MANY_H

#include "base/std.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "io/pg.h"

struct pg_many;

enum pg_many_state {
	PGM_CLOSED,
	PGM_CONNECTING, /* name resolution included */
	PGM_BUSY,       /* a batch runs */
	PGM_IDLE,       /* connected, nothing to do */
	PGM_FAILED      /* no session (any more): pg_many_error */
};

struct pg_many_opts {
	const char *application_name;
	int sigfd; /* -1 */
	/*
	 * A session has become idle (after connecting, or when its batch is
	 * complete): look at its results and give it work by pg_many_send, add
	 * sessions by pg_many_add, or do nothing.  Called for failed sessions
	 * too.
	 */
	void (*settled)(void *arg, struct pg_many *m, int i);
	void *arg;
};

int pg_many_new(
    struct pg_many **m, const struct pg_many_opts *o, struct err *e);
/* Cancel requests go out for what still runs; never blocks. NULL-safe. */
void pg_many_free(struct pg_many *m);

/* Start to connect; conninfo is copied.  Index, or -1 with e (no memory). */
int pg_many_add(struct pg_many *m, const struct conninfo *c, struct err *e);
/*
 * Queue a batch for an idle session: one round trip for all statements
 * (without parameters; the texts are static or live until the batch is
 * complete), after "SET search_path = pg_catalog".  When one fails, the rest
 * is sent again without it; when the server cannot parse them together, they
 * are sent one by one.  One answer of the server may have 8 MB in all.
 */
int pg_many_send(
    struct pg_many *m, int i, const char *const *sql, size_t n, struct err *e);
/*
 * Run until every session is idle or failed, or the deadline.  1: settled, 0:
 * time is up (some still run; run again to go on), -1: ERR_INTERRUPTED,
 * ERR_INTERNAL.
 */
int pg_many_run(struct pg_many *m, int64_t deadline, struct err *e);
/* Give up on session i: cancel, close, PGM_CLOSED.  A later pg_many_add may
 * give its index again, so drop failed sessions too before adding others. */
void pg_many_drop(struct pg_many *m, int i);

enum pg_many_state pg_many_state(const struct pg_many *m, int i);
int pg_many_version(const struct pg_many *m, int i);
const char *pg_many_version_text(const struct pg_many *m, int i);
const char *pg_many_host(const struct pg_many *m, int i);     /* as given */
const char *pg_many_hostaddr(const struct pg_many *m, int i); /* "" unknown */
const char *pg_many_port(const struct pg_many *m, int i);
const char *pg_many_user(const struct pg_many *m, int i);
/* Why it failed: as pg_open would say it.  Of a session that still runs when
 * pg_many_run gives 0: ERR_TIMEOUT with what it waits for. */
const struct err *pg_many_error(const struct pg_many *m, int i);
/* Rows of statement k of the last complete batch; NULL: it failed, and then
 * *error is its text (escaped). Borrowed until the next pg_many_send. */
const struct pg_rows *pg_many_rows(
    const struct pg_many *m, int i, size_t k, const char **error);
/* SQLSTATE of statement k when it failed, "42501"; else "". */
const char *pg_many_sqlstate(const struct pg_many *m, int i, size_t k);

#endif
