#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/pg_many_int.h"

#include <poll.h>

#define SET_PATH "SET search_path = pg_catalog"

void
pg_many_items_free(struct pgm_session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		PQclear(s->items[i].rows.res);
		free(s->items[i].error);
	}
	free(s->items);
	free(s->sql);
	s->items = NULL;
	s->sql = NULL;
	s->n = s->next = s->end = 0;
}

/* --- sending -------------------------------------------------------------- */

static int
flush(struct pgm_session *s)
{
	int rc = PQflush(s->pg.conn);

	if (rc == -1)
		return pg_session_lost(&s->pg, &s->err);
	s->events = rc == 1 ? POLLIN | POLLOUT : POLLIN;
	return 0;
}

int
pg_many_query(struct pgm_session *s)
{
	struct buf b = BUF_INIT;
	int rc;

	s->began = s->failed = false;
	s->end = s->single ? s->next + 1 : s->n;
	buf_adds(&b, SET_PATH);
	for (size_t i = s->next; i < s->end; i++) {
		buf_adds(&b, ";\n");
		buf_adds(&b, s->sql[i]);
	}
	if (!buf_ok(&b))
		rc = err_set_nomem(&s->err);
	else {
		log_debug("%s: %s", s->pg.name, buf_str(&b));
		rc = PQsendQuery(s->pg.conn, buf_str(&b)) == 1
			 ? flush(s)
			 : pg_session_lost(&s->pg, &s->err);
	}
	buf_free(&b);
	return rc;
}

/* --- answers -------------------------------------------------------------- */

static int
misbehaves(struct pgm_session *s, const char *what)
{
	return err_set(&s->err, ERR_DB_CONNECT,
	    "%s does not keep to the protocol: %s", s->pg.name, what);
}

static void
item_failed(struct pgm_session *s, const PGresult *res, const char *text)
{
	struct pgm_item *it = &s->items[s->next++];
	struct buf b = BUF_INIT;

	if (res != NULL)
		(void)snprintf(it->sqlstate, sizeof(it->sqlstate), "%s",
		    pg_or_empty(PQresultErrorField(res, PG_DIAG_SQLSTATE)));
	pg_add_clean(&b, text, PG_FIELD_MAX);
	it->error = buf_steal(&b);
}

/* The server ends the session, and says why. */
static bool
is_fatal(const PGresult *res)
{
	const char *p = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (p == NULL) /* before 9.6, in the server's language */
		p = pg_or_empty(PQresultErrorField(res, PG_DIAG_SEVERITY));
	return strcmp(p, "FATAL") == 0 || strcmp(p, "PANIC") == 0;
}

static int
on_error(struct pgm_session *s, const PGresult *res)
{
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	struct buf b = BUF_INIT;

	if (text == NULL)
		text = PQresultErrorMessage(res);
	if (is_fatal(res)) {
		pg_add_clean(&b, text, PG_FIELD_MAX);
		(void)err_set(&s->err, ERR_DB_CONNECT, "lost the session to %s",
		    s->pg.name);
		(void)err_detail(&s->err, "The server says: %s.", buf_str(&b));
		buf_free(&b);
		return -1;
	}
	s->failed = true;
	/*
	 * Nothing has run: the server parses the whole text first, and one
	 * statement that it cannot parse is not to take the others with it.
	 */
	if (!s->began && s->end - s->next > 1)
		s->single = true;
	else if (s->next < s->end)
		item_failed(s, res, text);
	return 0;
}

/* Takes res. */
static int
on_result(struct pgm_session *s, PGresult *res)
{
	int rc = 0;

	switch (PQresultStatus(res)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		if (!s->began)
			s->began = true;
		else if (s->next == s->end)
			rc = misbehaves(s, "more answers than statements");
		else {
			s->items[s->next++].rows.res = res;
			return 0;
		}
		break;
	case PGRES_BAD_RESPONSE:
	case PGRES_NONFATAL_ERROR:
	case PGRES_FATAL_ERROR:
		rc = on_error(s, res);
		break;
	default:
		rc = misbehaves(s, "an answer of another kind");
		break;
	}
	PQclear(res);
	return rc;
}

/* All that was sent has its answer. */
static int
on_end(struct pgm_session *s)
{
	if (PQstatus(s->pg.conn) != CONNECTION_OK)
		return pg_session_lost(&s->pg, &s->err);
	while (!s->failed && s->next < s->end)
		item_failed(s, NULL, "the server did not answer it");
	if (s->next < s->n)
		return pg_many_query(s);
	err_clear(&s->err);
	s->state = PGM_IDLE;
	s->tell = true;
	return 0;
}

int
pg_many_query_step(struct pgm_session *s)
{
	PGresult *res;
	int rc = 0;

	pg_many_count(s);
	/* What came before the end may say why it is the end. */
	if (PQconsumeInput(s->pg.conn) == 0)
		rc = -1;
	else if (flush(s) == -1)
		return -1;
	while (s->state == PGM_BUSY && !PQisBusy(s->pg.conn)) {
		res = PQgetResult(s->pg.conn);
		if (res == NULL && rc == -1)
			break;
		if ((res == NULL ? on_end(s) : on_result(s, res)) == -1)
			return -1;
	}
	if (rc == -1)
		return pg_session_lost(&s->pg, &s->err);
	return s->state == PGM_BUSY && pg_many_flooded(s) ? -1 : 0;
}

void
pg_many_query_late(struct pgm_session *s)
{
	err_clear(&s->err);
	(void)err_set(
	    &s->err, ERR_TIMEOUT, "%s did not answer in time", s->pg.name);
	if (s->next < s->end)
		(void)err_detail(
		    &s->err, "The statement was: %s", s->sql[s->next]);
}
