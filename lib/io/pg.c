#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/text.h"
#include "io/pg_int.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CANCEL_MS 2000 /* for a cancel request, and for its effect */
#define END_READS 64   /* more than fits into a socket */
#define MUTE_MS 500    /* a status request is nobody's here: look again */

/* --- text of servers ------------------------------------------------------ */

void
pg_add_clean(struct buf *b, const char *s, size_t max)
{
	const char *end = s + strnlen(s, max);

	while (end > s && strchr("\n .", end[-1]) != NULL)
		end--;
	while (s < end) {
		size_t n = strcspn(s, "\n\t");

		n = MIN_OF(n, (size_t)(end - s));
		text_add_escaped(b, s, n);
		s += n;
		n = strspn(s, "\n\t");
		if (n > 0 && s + n < end)
			buf_addc(b, ' ');
		s += MIN_OF(n, (size_t)(end - s));
	}
}

/* --- waiting -------------------------------------------------------------- */

static int
wait_ms(const struct pg *pg, int64_t now, int64_t deadline)
{
	int64_t until = deadline;

	if (pg->tick != NULL)
		until = MIN_OF(until, pg->next_tick);
	if (pg->muted > now)
		until = MIN_OF(until, pg->muted);
	return deadline_poll_ms(until);
}

static int
run_tick(struct pg *pg, struct err *e)
{
	int64_t now = clock_ms();

	if (pg->tick == NULL || now < pg->next_tick)
		return 0;
	pg->next_tick = now + pg->interval_ms;
	return pg->tick(pg->tick_arg, e);
}

enum pg_wait
pg_wait(struct pg *pg, short events, int64_t deadline, struct err *e)
{
	deadline = MIN_OF(deadline, pg->limit);
	for (;;) {
		int64_t now = clock_ms();
		bool watch = pg->sigfd != -1 && pg->muted <= now;
		struct pollfd fds[2] = {
		    {.fd = PQsocket(pg->conn), .events = events},
		    {.fd = watch ? pg->sigfd : -1, .events = POLLIN},
		};
		int n = poll(fds, 2, wait_ms(pg, now, deadline));

		if (n == -1 && errno != EINTR) {
			(void)err_set_errno(e, ERR_INTERNAL, "could not poll");
			return PG_WAIT_STOP;
		}
		if (n > 0 && fds[1].revents != 0) {
			if (sig_check(e) == -1)
				return PG_WAIT_STOP;
			pg->muted = clock_ms() + MUTE_MS;
		}
		if (run_tick(pg, e) == -1)
			return PG_WAIT_STOP;
		if (n > 0 && fds[0].revents != 0)
			return PG_WAIT_READY;
		if (deadline_passed(deadline))
			return PG_WAIT_LATE;
	}
}

/* --- facts of the session ------------------------------------------------- */

const char *
pg_or_empty(const char *s)
{
	return s != NULL ? s : "";
}

int
pg_version(const struct pg *pg)
{
	return PQserverVersion(pg->conn);
}

const char *
pg_version_text(const struct pg *pg)
{
	return pg_or_empty(PQparameterStatus(pg->conn, "server_version"));
}

const char *
pg_name(const struct pg *pg)
{
	return pg->name;
}

int
pg_socket(const struct pg *pg)
{
	return PQsocket(pg->conn);
}

int
pg_backend_pid(const struct pg *pg)
{
	return PQbackendPID(pg->conn);
}

const char *
pg_host(const struct pg *pg)
{
	return pg_or_empty(PQhost(pg->conn));
}

const char *
pg_port(const struct pg *pg)
{
	return pg_or_empty(PQport(pg->conn));
}

const char *
pg_user(const struct pg *pg)
{
	return pg_or_empty(PQuser(pg->conn));
}

bool
pg_alive(const struct pg *pg)
{
	return pg != NULL && PQstatus(pg->conn) == CONNECTION_OK;
}

/* --- statements ----------------------------------------------------------- */

int
pg_session_lost(struct pg *pg, struct err *e)
{
	struct buf b = BUF_INIT;

	pg_add_clean(&b, PQerrorMessage(pg->conn), PG_FIELD_MAX);
	(void)err_set(e, ERR_DB_CONNECT, "lost the session to %s", pg->name);
	(void)err_detail(e, "%s.", buf_str(&b));
	buf_free(&b);
	return -1;
}

static void
add_field(struct buf *b, const PGresult *res, int field, const char *before)
{
	const char *s = PQresultErrorField(res, field);

	if (s == NULL || *s == '\0')
		return;
	buf_adds(b, before);
	pg_add_clean(b, s, PG_FIELD_MAX);
}

static int
sql_failed(struct pg *pg, const PGresult *res, struct err *e)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	struct buf b = BUF_INIT;

	(void)snprintf(
	    pg->sqlstate, sizeof(pg->sqlstate), "%s", pg_or_empty(state));
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return pg_session_lost(pg, e);
	add_field(&b, res, PG_DIAG_MESSAGE_PRIMARY, "");
	if (b.len == 0)
		pg_add_clean(&b, PQresultErrorMessage(res), PG_FIELD_MAX);
	(void)err_set(e, ERR_SQL, "%s: %s", pg->name, buf_str(&b));
	buf_reset(&b);
	add_field(&b, res, PG_DIAG_MESSAGE_DETAIL, " ");
	(void)err_detail(e, "SQLSTATE %s.%s", pg_or_empty(state), buf_str(&b));
	buf_reset(&b);
	add_field(&b, res, PG_DIAG_MESSAGE_HINT, "");
	if (b.len > 0)
		(void)err_hint(e, "The server says: %s.", buf_str(&b));
	buf_free(&b);
	return -1;
}

/* 0: no error in res. */
int
pg_check_result(struct pg *pg, const PGresult *res, struct err *e)
{
	switch (PQresultStatus(res)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_COPY_BOTH:
		return 0;
	default:
		return sql_failed(pg, res, e);
	}
}

enum pg_wait
pg_wait_answer(struct pg *pg, int64_t deadline, struct err *e)
{
	int flush;

	while ((flush = PQflush(pg->conn)) == 1 || PQisBusy(pg->conn)) {
		enum pg_wait w = pg_wait(
		    pg, flush == 1 ? POLLIN | POLLOUT : POLLIN, deadline, e);

		if (w != PG_WAIT_READY)
			return w;
		if (PQconsumeInput(pg->conn) == 0) {
			(void)pg_session_lost(pg, e);
			return PG_WAIT_STOP;
		}
	}
	return PG_WAIT_READY;
}

/* All results of a statement; the first one is kept in *first. */
enum pg_wait
pg_collect(struct pg *pg, PGresult **first, int64_t deadline, struct err *e)
{
	for (;;) {
		enum pg_wait w = pg_wait_answer(pg, deadline, e);
		PGresult *res;

		if (w != PG_WAIT_READY)
			return w;
		res = PQgetResult(pg->conn);
		if (res == NULL)
			return PG_WAIT_READY;
		if (*first == NULL)
			*first = res;
		else if (PQresultStatus(res) == PGRES_FATAL_ERROR) {
			PQclear(*first);
			*first = res;
		} else
			PQclear(res);
		if (PQresultStatus(*first) == PGRES_COPY_BOTH)
			return PG_WAIT_READY;
	}
}

static void
reap(pid_t pid, int64_t deadline)
{
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (deadline_passed(deadline)) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return;
		}
		clock_sleep_ms(5, deadline);
	}
}

/*
 * PQcancel opens a connection and waits for its end, without a bound: a child
 * does it, and is killed when it takes too long.
 */
static void
send_cancel(struct pg *pg)
{
	PGcancel *cancel = PQgetCancel(pg->conn);
	char text[256];
	pid_t pid;

	if (cancel == NULL)
		return;
	log_debug("%s: cancel", pg->name);
	pid = fork();
	if (pid == 0) {
		/* The session must end with the parent, not with us. */
		(void)close(PQsocket(pg->conn));
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(CANCEL_MS / 1000 + 1);
		_exit(PQcancel(cancel, text, sizeof(text)) ? 0 : 1);
	}
	if (pid > 0)
		reap(pid, deadline_in(CANCEL_MS));
	PQfreeCancel(cancel);
}

/* What comes of a statement that is called off is nobody's. */
static enum pg_wait
drain_one(struct pg *pg, int64_t deadline, struct err *e)
{
	PGresult *res = NULL;
	enum pg_wait w = pg_collect(pg, &res, deadline, e);

	PQclear(res);
	return w;
}

void
pg_call_off(struct pg *pg, pg_drain_fn *drain)
{
	int sigfd = pg->sigfd;
	int (*tick)(void *, struct err *) = pg->tick;

	/* There is no time for a cancel, either. */
	if (pg->once || deadline_passed(pg->limit)) {
		pg_end_session(pg);
		return;
	}
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return;
	pg_ignore_signals(pg);
	send_cancel(pg);
	(void)drain(pg, deadline_in(CANCEL_MS), NULL);
	pg->sigfd = sigfd;
	pg->tick = tick;
}

void
pg_end_session(struct pg *pg)
{
	if (PQsocket(pg->conn) >= 0)
		(void)shutdown(PQsocket(pg->conn), SHUT_RDWR);
	for (int i = 0; i < END_READS && PQconsumeInput(pg->conn) == 1; i++)
		;
}

void
pg_log_sql(const struct pg *pg, const char *sql, size_t nparams,
    const char *const *params)
{
	struct buf b = BUF_INIT;

	if (log_max() < LVL_DEBUG)
		return;
	for (size_t i = 0; i < nparams; i++) {
		buf_addf(&b, "%s$%zu = ", i == 0 ? " -- " : ", ", i + 1);
		pg_add_clean(
		    &b, params[i] != NULL ? params[i] : "NULL", PG_FIELD_MAX);
	}
	log_debug("%s: %s%s", pg->name, sql, buf_str(&b));
	buf_free(&b);
}

/* Send, in the simple protocol when params is NULL and simple is set (a
 * walsender knows no other). */
static int
send_sql(struct pg *pg, bool simple, const char *sql, size_t nparams,
    const char *const *params, struct err *e)
{
	int ok;

	pg_ahead_forget(pg); /* what was true before this statement */
	pg_log_sql(pg, sql, nparams, params);
	pg->sqlstate[0] = '\0';
	if (simple)
		ok = PQsendQuery(pg->conn, sql);
	else
		ok = PQsendQueryParams(
		    pg->conn, sql, (int)nparams, NULL, params, NULL, NULL, 0);
	return ok ? 0 : pg_session_lost(pg, e);
}

int
pg_late(struct pg *pg, const char *sql, struct err *e)
{
	(void)err_set(e, ERR_TIMEOUT, "%s did not answer in time", pg->name);
	return err_detail(e, "The statement was: %s", sql);
}

int
pg_run(struct pg *pg, bool simple, PGresult **res, int64_t deadline,
    const char *sql, size_t nparams, const char *const *params, struct err *e)
{
	enum pg_wait w;

	*res = simple
		   ? NULL
		   : pg_ahead_take(pg, &(struct pg_ask){sql, nparams, params});
	if (*res != NULL) {
		pg->sqlstate[0] = '\0';
		return pg_check_result(pg, *res, e);
	}
	if (send_sql(pg, simple, sql, nparams, params, e) == -1)
		return -1;
	w = pg_collect(pg, res, deadline, e);
	if (w == PG_WAIT_READY && *res == NULL)
		return pg_session_lost(pg, e);
	if (w == PG_WAIT_READY)
		return pg_check_result(pg, *res, e);
	if (w == PG_WAIT_LATE)
		(void)pg_late(pg, sql, e);
	pg_call_off(pg, drain_one);
	return -1;
}

/* Takes res. */
static int
wrap_rows(struct pg_rows **rows, PGresult *res, struct err *e)
{
	struct pg_rows *r;

	if (rows == NULL) {
		PQclear(res);
		return 0;
	}
	r = malloc(sizeof(*r));
	if (r == NULL) {
		PQclear(res);
		return err_set_nomem(e);
	}
	r->res = res;
	*rows = r;
	return 0;
}

int
pg_query(struct pg *pg, struct pg_rows **rows, int64_t deadline,
    const char *sql, size_t nparams, const char *const *params, struct err *e)
{
	PGresult *res;

	if (rows != NULL)
		*rows = NULL;
	if (pg_run(pg, false, &res, deadline, sql, nparams, params, e) == -1) {
		PQclear(res);
		return -1;
	}
	return wrap_rows(rows, res, e);
}

int
pg_rows_n(const struct pg_rows *r)
{
	return r == NULL ? 0 : PQntuples(r->res);
}

const char *
pg_rows_get(const struct pg_rows *r, int row, int col)
{
	if (row < 0 || row >= pg_rows_n(r) || col < 0 ||
	    col >= PQnfields(r->res) || PQgetisnull(r->res, row, col))
		return NULL;
	return PQgetvalue(r->res, row, col);
}

size_t
pg_rows_len(const struct pg_rows *r, int row, int col)
{
	if (pg_rows_get(r, row, col) == NULL)
		return 0;
	return (size_t)PQgetlength(r->res, row, col);
}

void
pg_rows_free(struct pg_rows *r)
{
	if (r == NULL)
		return;
	PQclear(r->res);
	free(r);
}

const char *
pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

/* --- a query that somebody else waits for --------------------------------- */

int
pg_async_send(struct pg *pg, const char *sql, struct err *e)
{
	PQclear(pg->pending);
	pg->pending = NULL;
	if (send_sql(pg, false, sql, 0, NULL, e) == -1)
		return -1;
	return PQflush(pg->conn) == -1 ? pg_session_lost(pg, e) : 0;
}

int
pg_async_result(struct pg *pg, struct pg_rows **rows, struct err *e)
{
	PGresult *res;

	*rows = NULL;
	if (PQflush(pg->conn) == -1 || PQconsumeInput(pg->conn) == 0)
		return pg_session_lost(pg, e);
	for (;;) {
		if (PQisBusy(pg->conn))
			return 0;
		res = PQgetResult(pg->conn);
		if (res == NULL)
			break;
		if (pg->pending == NULL)
			pg->pending = res;
		else
			PQclear(res);
	}
	res = pg->pending;
	pg->pending = NULL;
	if (res == NULL)
		return pg_session_lost(pg, e);
	if (pg_check_result(pg, res, e) == -1) {
		PQclear(res);
		return -1;
	}
	return wrap_rows(rows, res, e) == -1 ? -1 : 1;
}

int
pg_idle_check(struct pg *pg, struct err *e)
{
	if (PQconsumeInput(pg->conn) == 0 ||
	    PQstatus(pg->conn) == CONNECTION_BAD)
		return pg_session_lost(pg, e);
	return 0;
}
