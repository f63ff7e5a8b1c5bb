#include "base/std.h"
#include "libpq.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <sys/socket.h>

#include <cmocka.h>

struct pg_conn {
	int fd[2]; /* ours to poll; the server's */
	int version;
	bool bad;
	const struct fake_step *asked; /* a query without its answer yet */
	bool arrived;                  /* its answer can be read */
	bool cancelled;
	char message[256];
};

struct pg_result {
	const struct fake_step *step;
	ExecStatusType status;
	const char *sqlstate, *message;
};

struct pg_cancel {
	int unused;
};

static const struct fake_step *script;
static size_t nsteps, at;

void
fake_script(const struct fake_step *steps, size_t n)
{
	script = steps;
	nsteps = n;
	at = 0;
}

static const char *
call_name(enum fake_call call)
{
	static const char *const names[] = {
	    [FAKE_CONNECT] = "connect",
	    [FAKE_QUERY] = "query",
	    [FAKE_CANCEL] = "cancel",
	    [FAKE_FINISH] = "finish",
	};

	return names[call];
}

void
fake_done(void)
{
	if (at < nsteps)
		fail_msg("step %zu was not called: %s %s", at,
		    call_name(script[at].call),
		    script[at].sql != NULL ? script[at].sql : "");
}

static const struct fake_step *
next_step(enum fake_call call, const char *what)
{
	const struct fake_step *s = at < nsteps ? &script[at] : NULL;

	if (s == NULL)
		fail_msg("call after the script's end: %s %s", call_name(call),
		    what);
	else if (s->call != call)
		fail_msg("step %zu is %s %s, called was %s %s", at,
		    call_name(s->call), s->sql != NULL ? s->sql : "",
		    call_name(call), what);
	at++;
	return s;
}

/* --- connection ----------------------------------------------------------- */

PGconn *
PQconnectStartParams(
    const char *const *keywords, const char *const *values, int expand_dbname)
{
	const struct fake_step *s = next_step(FAKE_CONNECT, "");
	PGconn *c = calloc(1, sizeof(*c));

	(void)keywords;
	(void)values;
	(void)expand_dbname;
	assert_non_null(c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, c->fd), 0);
	c->version = s->version;
	if (c->version == 0) {
		c->bad = true;
		(void)snprintf(
		    c->message, sizeof(c->message), "Connection refused\n");
	}
	return c;
}

PostgresPollingStatusType
PQconnectPoll(PGconn *conn)
{
	return conn->bad ? PGRES_POLLING_FAILED : PGRES_POLLING_OK;
}

ConnStatusType
PQstatus(const PGconn *conn)
{
	return conn->bad ? CONNECTION_BAD : CONNECTION_OK;
}

void
PQfinish(PGconn *conn)
{
	if (conn == NULL)
		return;
	(void)next_step(FAKE_FINISH, "");
	(void)close(conn->fd[0]);
	(void)close(conn->fd[1]);
	free(conn);
}

int
PQsocket(const PGconn *conn)
{
	return conn->fd[0];
}

int
PQserverVersion(const PGconn *conn)
{
	return conn->version;
}

int
PQbackendPID(const PGconn *conn)
{
	(void)conn;
	return 4711;
}

char *
PQerrorMessage(const PGconn *conn)
{
	union {
		const char *in;
		char *out;
	} text = {.in = conn->message};

	return text.out;
}

const char *
PQparameterStatus(const PGconn *conn, const char *name)
{
	(void)conn;
	(void)name;
	return "fake";
}

static char host[] = "db1", port[] = "5432", user[] = "repl";

char *
PQhost(const PGconn *conn)
{
	(void)conn;
	return host;
}

char *
PQport(const PGconn *conn)
{
	(void)conn;
	return port;
}

char *
PQuser(const PGconn *conn)
{
	(void)conn;
	return user;
}

int
PQsetnonblocking(PGconn *conn, int arg)
{
	(void)conn;
	(void)arg;
	return 0;
}

PQnoticeReceiver
PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver proc, void *arg)
{
	(void)conn;
	(void)arg;
	return proc;
}

PQconninfoOption *
PQconninfoParse(const char *conninfo, char **errmsg)
{
	(void)conninfo;
	*errmsg = NULL;
	return NULL;
}

PQconninfoOption *
PQconninfo(PGconn *conn)
{
	(void)conn;
	return NULL;
}

void
PQconninfoFree(PQconninfoOption *o)
{
	(void)o;
}

void
PQfreemem(void *p)
{
	free(p);
}

/* --- queries -------------------------------------------------------------- */

static void
lose(PGconn *conn)
{
	conn->bad = true;
	(void)snprintf(conn->message, sizeof(conn->message),
	    "server closed the connection unexpectedly\n");
}

static int
ask(PGconn *conn, const char *sql, const char *params)
{
	const struct fake_step *s = next_step(FAKE_QUERY, sql);

	if (strncmp(sql, s->sql, strlen(s->sql)) != 0)
		fail_msg("step %zu is \"%s\", asked was \"%s\"", at - 1, s->sql,
		    sql);
	if (s->params != NULL)
		assert_string_equal(params, s->params);
	conn->asked = s;
	conn->arrived = conn->cancelled = false;
	if (!s->hang)
		assert_int_equal(send(conn->fd[1], "x", 1, 0), 1);
	return 1;
}

int
PQsendQuery(PGconn *conn, const char *query)
{
	return conn->bad ? 0 : ask(conn, query, "");
}

int
PQsendQueryParams(PGconn *conn, const char *command, int nParams,
    const Oid *paramTypes, const char *const *paramValues,
    const int *paramLengths, const int *paramFormats, int resultFormat)
{
	char joined[512] = "";
	size_t n = 0;

	(void)paramTypes;
	(void)paramLengths;
	(void)paramFormats;
	(void)resultFormat;
	for (int i = 0; i < nParams; i++)
		n += (size_t)snprintf(joined + n, sizeof(joined) - n, "%s%s",
		    i == 0 ? "" : "|", paramValues[i]);
	return conn->bad ? 0 : ask(conn, command, joined);
}

int
PQflush(PGconn *conn)
{
	return conn->bad ? -1 : 0;
}

int
PQconsumeInput(PGconn *conn)
{
	char c;

	if (conn->bad)
		return 0;
	if (recv(conn->fd[0], &c, 1, MSG_DONTWAIT) == 1)
		conn->arrived = true;
	if (conn->arrived && conn->asked != NULL && conn->asked->lost) {
		lose(conn);
		return 0;
	}
	return 1;
}

int
PQisBusy(PGconn *conn)
{
	return !conn->bad && conn->asked != NULL && !conn->arrived;
}

PGresult *
PQgetResult(PGconn *conn)
{
	PGresult *r;

	if (conn->asked == NULL || conn->bad)
		return NULL;
	r = calloc(1, sizeof(*r));
	assert_non_null(r);
	r->step = conn->asked;
	r->sqlstate = conn->cancelled ? "57014" : conn->asked->sqlstate;
	r->message = conn->cancelled ? "canceling statement due to user request"
				     : conn->asked->message;
	if (r->sqlstate != NULL)
		r->status = PGRES_FATAL_ERROR;
	else if (r->step->ncells == 0)
		r->status = PGRES_COMMAND_OK;
	else
		r->status = PGRES_TUPLES_OK;
	conn->asked = NULL;
	return r;
}

ExecStatusType
PQresultStatus(const PGresult *res)
{
	return res->status;
}

char *
PQresultErrorField(const PGresult *res, int fieldcode)
{
	union {
		const char *in;
		char *out;
	} text = {.in = NULL};

	if (fieldcode == PG_DIAG_SQLSTATE)
		text.in = res->sqlstate;
	else if (fieldcode == PG_DIAG_MESSAGE_PRIMARY)
		text.in = res->message;
	return text.out;
}

char *
PQresultErrorMessage(const PGresult *res)
{
	return PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
}

int
PQntuples(const PGresult *res)
{
	return res->status == PGRES_TUPLES_OK;
}

int
PQnfields(const PGresult *res)
{
	return res->step->ncells;
}

int
PQgetisnull(const PGresult *res, int row, int col)
{
	(void)row;
	return res->step->cells[col] == NULL;
}

char *
PQgetvalue(const PGresult *res, int row, int col)
{
	union {
		const char *in;
		char *out;
	} text = {.in = res->step->cells[col]};

	(void)row;
	return text.out;
}

int
PQgetlength(const PGresult *res, int row, int col)
{
	return (int)strlen(PQgetvalue(res, row, col));
}

void
PQclear(PGresult *res)
{
	free(res);
}

/* No pipeline: what is asked ahead is asked when it is needed, one statement
 * after the other. */
int
PQenterPipelineMode(PGconn *conn)
{
	(void)conn;
	return 0;
}

int
PQexitPipelineMode(PGconn *conn)
{
	(void)conn;
	return 0;
}

int
PQpipelineSync(PGconn *conn)
{
	(void)conn;
	return 0;
}

/* --- cancel, copy --------------------------------------------------------- */

PGcancel *
PQgetCancel(PGconn *conn)
{
	(void)next_step(FAKE_CANCEL, "");
	conn->cancelled = true;
	assert_int_equal(send(conn->fd[1], "x", 1, 0), 1);
	return calloc(1, sizeof(struct pg_cancel));
}

/* In a child of the code under test. */
int
PQcancel(PGcancel *cancel, char *errbuf, int errbufsize)
{
	(void)cancel;
	(void)errbuf;
	(void)errbufsize;
	return 1;
}

void
PQfreeCancel(PGcancel *cancel)
{
	free(cancel);
}

char *
PQescapeIdentifier(PGconn *conn, const char *str, size_t len)
{
	(void)conn;
	return strndup(str, len);
}

int
PQputCopyData(PGconn *conn, const char *buffer, int nbytes)
{
	(void)conn;
	(void)buffer;
	(void)nbytes;
	return -1;
}

int
PQputCopyEnd(PGconn *conn, const char *errormsg)
{
	(void)conn;
	(void)errormsg;
	return -1;
}

int
PQgetCopyData(PGconn *conn, char **buffer, int async)
{
	(void)conn;
	(void)async;
	*buffer = NULL;
	return -2;
}
