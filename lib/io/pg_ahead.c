#include "base/std.h"
#include "io/pg_int.h"

#include <poll.h>

/*
 * Statements that are asked in one round trip: libpq's pipeline (14), each
 * statement with a Sync of its own, so that what one may not read does not
 * stop the next.  Servers of every version take that.
 */

struct pg_answer {
	struct buf what; /* the statement and its parameters, as one text */
	PGresult *res;
};

struct pg_ahead {
	struct pg_answer *v;
	size_t n;
	size_t at; /* the one whose answer comes next */
};

static void
describe(struct buf *b, const struct pg_ask *a)
{
	buf_adds(b, a->sql);
	for (size_t i = 0; i < a->n; i++)
		buf_addf(b, "\n%s%s", a->params[i] == NULL ? "-" : "+",
		    pg_or_empty(a->params[i]));
}

static void
drop(struct pg_ahead *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->n; i++) {
		buf_free(&x->v[i].what);
		PQclear(x->v[i].res);
	}
	free(x->v);
	free(x);
}

void
pg_ahead_forget(struct pg *pg)
{
	drop(pg->ahead);
	pg->ahead = NULL;
}

PGresult *
pg_ahead_take(struct pg *pg, const struct pg_ask *a)
{
	struct pg_ahead *x = pg->ahead;
	struct buf what = BUF_INIT;
	PGresult *res = NULL;

	if (x == NULL)
		return NULL;
	describe(&what, a);
	for (size_t i = 0; buf_ok(&what) && i < x->n && res == NULL; i++)
		if (x->v[i].res != NULL &&
		    strcmp(buf_str(&x->v[i].what), buf_str(&what)) == 0) {
			res = x->v[i].res;
			x->v[i].res = NULL;
		}
	buf_free(&what);
	return res;
}

#ifdef LIBPQ_HAS_PIPELINING

static struct pg_ahead *
remember(const struct pg_ask *asks, size_t n, struct err *e)
{
	struct pg_ahead *x = calloc(1, sizeof(*x));
	bool ok = true;

	if (x == NULL || (x->v = calloc(n, sizeof(*x->v))) == NULL) {
		free(x);
		(void)err_set_nomem(e);
		return NULL;
	}
	for (; x->n < n; x->n++) {
		describe(&x->v[x->n].what, &asks[x->n]);
		ok = ok && buf_ok(&x->v[x->n].what);
	}
	if (!ok) {
		drop(x);
		(void)err_set_nomem(e);
		return NULL;
	}
	return x;
}

static int
send_all(struct pg *pg, const struct pg_ask *asks, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		pg_log_sql(pg, asks[i].sql, asks[i].n, asks[i].params);
		if (!PQsendQueryParams(pg->conn, asks[i].sql, (int)asks[i].n,
			NULL, asks[i].params, NULL, NULL, 0) ||
		    !PQpipelineSync(pg->conn))
			return pg_session_lost(pg, e);
	}
	return 0;
}

/* Results come in order, and behind those of each statement its Sync. */
static enum pg_wait
collect_all(struct pg *pg, int64_t deadline, struct err *e)
{
	struct pg_ahead *x = pg->ahead;

	while (x->at < x->n) {
		enum pg_wait w = pg_wait_answer(pg, deadline, e);
		PGresult *res;

		if (w != PG_WAIT_READY)
			return w;
		res = PQgetResult(pg->conn);
		if (PQstatus(pg->conn) == CONNECTION_BAD) {
			PQclear(res);
			(void)pg_session_lost(pg, e);
			return PG_WAIT_STOP;
		}
		if (res == NULL)
			continue;
		if (PQresultStatus(res) == PGRES_PIPELINE_SYNC)
			x->at++;
		else if (x->v[x->at].res == NULL) {
			x->v[x->at].res = res;
			continue;
		}
		PQclear(res);
	}
	return PG_WAIT_READY;
}

/* rc, or -1.  A session in which answers are missing is of no use any more. */
static int
leave(struct pg *pg, int rc, struct err *e)
{
	if (PQexitPipelineMode(pg->conn) == 0) {
		if (rc == 0)
			rc = pg_session_lost(pg, e);
		pg_end_session(pg);
	}
	if (rc == -1)
		pg_ahead_forget(pg);
	return rc;
}

int
pg_ahead(struct pg *pg, const struct pg_ask *asks, size_t n, int64_t deadline,
    struct err *e)
{
	enum pg_wait w;

	pg_ahead_forget(pg);
	/* A session that is not idle any more tells so when it is asked. */
	if (n < 2 || PQenterPipelineMode(pg->conn) == 0)
		return 0;
	if ((pg->ahead = remember(asks, n, e)) == NULL ||
	    send_all(pg, asks, n, e) == -1)
		return leave(pg, -1, e);
	w = collect_all(pg, deadline, e);
	if (w == PG_WAIT_LATE)
		(void)pg_late(pg, asks[pg->ahead->at].sql, e);
	if (w != PG_WAIT_READY)
		pg_call_off(pg, collect_all);
	return leave(pg, w == PG_WAIT_READY ? 0 : -1, e);
}

#else

int
pg_ahead(struct pg *pg, const struct pg_ask *asks, size_t n, int64_t deadline,
    struct err *e)
{
	(void)asks;
	(void)n;
	(void)deadline;
	(void)e;
	pg_ahead_forget(pg);
	return 0;
}

#endif
