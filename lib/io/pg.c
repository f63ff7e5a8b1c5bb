#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/text.h"
#include "io/pg.h"

#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define CONNECT_MS 10000    /* default of connect_ms */
#define CANCEL_MS 2000      /* for a cancel request, and for its effect */
#define MUTE_MS 500         /* a status request is nobody's here: look again */
#define DRAIN_MAX (1 << 17) /* messages dropped at the end of a replication */
#define FIELD_MAX 512       /* bytes kept of one field of a server's error */

struct pg {
	PGconn *conn;
	char *name;
	int sigfd;
	int (*tick)(void *arg, struct err *e);
	void *tick_arg;
	int interval_ms;
	int64_t next_tick;
	int64_t muted; /* the signal pipe is not looked at until then */
	char sqlstate[6];
	PGresult *pending; /* of pg_async_send */
};

struct pg_rows {
	PGresult *res;
};

/* --- text of servers ------------------------------------------------------ */

/* Foreign text for a terminal: on one line, and without a full stop, so that
 * it fits into a sentence of ours. */
static void
add_clean(struct buf *b, const char *s, size_t max)
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

static void
on_notice(void *arg, const PGresult *res)
{
	const struct pg *pg = arg;
	struct buf b = BUF_INIT;

	add_clean(&b, PQresultErrorMessage(res), 4096);
	log_debug("%s: %s", pg->name, buf_str(&b));
	buf_free(&b);
}

/* --- waiting -------------------------------------------------------------- */

enum wait {
	WAIT_READY,
	WAIT_LATE,
	WAIT_STOP /* e is set */
};

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

/* Wait for the socket, the deadline or a signal, whichever is first. */
static enum wait
wait_socket(struct pg *pg, short events, int64_t deadline, struct err *e)
{
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
			return WAIT_STOP;
		}
		if (n > 0 && fds[1].revents != 0) {
			if (sig_check(e) == -1)
				return WAIT_STOP;
			pg->muted = clock_ms() + MUTE_MS;
		}
		if (run_tick(pg, e) == -1)
			return WAIT_STOP;
		if (n > 0 && fds[0].revents != 0)
			return WAIT_READY;
		if (deadline_passed(deadline))
			return WAIT_LATE;
	}
}

/* --- connection strings --------------------------------------------------- */

static int
take_options(const PQconninfoOption *o, struct conninfo *c, struct err *e)
{
	for (; o->keyword != NULL; o++)
		if (o->val != NULL && conninfo_set(c, o->keyword, o->val) == -1)
			return err_set_nomem(e);
	return 0;
}

int
pg_conninfo_parse(const char *text, struct conninfo *c, struct err *e)
{
	char *msg = NULL;
	PQconninfoOption *o = PQconninfoParse(text, &msg);
	struct buf b = BUF_INIT;
	int rc;

	if (o == NULL) {
		(void)err_set(e, ERR_CONFIG, "invalid connection string");
		/* libpq quotes what it could not read; that may be a
		 * password when the text is a URI. */
		if (msg != NULL && strstr(text, "://") == NULL) {
			add_clean(&b, msg, FIELD_MAX);
			(void)err_detail(e, "%s.", buf_str(&b));
		}
		(void)err_hint(e, "Write it as \"host=db1 port=5432 user=repl\""
				  " or postgresql://repl@db1:5432/postgres.");
		PQfreemem(msg);
		buf_free(&b);
		return -1;
	}
	rc = take_options(o, c, e);
	PQconninfoFree(o);
	return rc;
}

/* Keywords and values for libpq: those of c, and ours. */
struct params {
	const char *key[80], *value[80];
	size_t n;
};

static void
add_param(struct params *p, const char *key, const char *value)
{
	if (p->n + 1 >= NELEM(p->key))
		return;
	p->key[p->n] = key;
	p->value[p->n++] = value;
}

static void
add_conninfo(struct params *p, const struct conninfo *c)
{
	for (size_t i = 0; i < c->n; i++)
		add_param(p, c->v[i].key, c->v[i].value);
}

/*
 * Only libpq knows how it joins the string, the service file, the environment
 * and its defaults, and it tells after a connection attempt.  An impossible
 * target_session_attrs ends the attempt before it looks up any host.
 */
int
pg_conninfo_effective(
    const struct conninfo *c, struct conninfo *out, struct err *e)
{
	struct params p = {.n = 0};
	PQconninfoOption *o = NULL;
	PGconn *conn;
	int rc = -1;

	add_conninfo(&p, c);
	add_param(&p, "target_session_attrs", "none, only parse");
	conn = PQconnectStartParams(p.key, p.value, 0);
	if (conn == NULL || (o = PQconninfo(conn)) == NULL) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (take_options(o, out, e) == -1)
		goto out;
	(void)conninfo_set(out, "target_session_attrs",
	    conninfo_get(c, "target_session_attrs"));
	if (conninfo_get(c, "service") != NULL && PQhost(conn) == NULL) {
		struct buf b = BUF_INIT;

		add_clean(&b, PQerrorMessage(conn), FIELD_MAX);
		(void)err_set(e, ERR_CONFIG, "%s", buf_str(&b));
		buf_free(&b);
		goto out;
	}
	/* As libpq connects where nothing is said. */
	if (conninfo_get(out, "host") == NULL && PQhost(conn) != NULL &&
	    conninfo_set(out, "host", PQhost(conn)) == -1) {
		(void)err_set_nomem(e);
		goto out;
	}
	rc = 0;
out:
	PQconninfoFree(o);
	PQfinish(conn);
	return rc;
}

/* --- connecting ----------------------------------------------------------- */

static int
set_name(struct pg *pg, struct err *e)
{
	const char *host = PQhost(pg->conn), *port = PQport(pg->conn);
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s:%s", host != NULL && *host != '\0' ? host : "local",
	    port != NULL && *port != '\0' ? port : "default");
	free(pg->name);
	pg->name = buf_steal(&b);
	return pg->name != NULL ? 0 : err_set_nomem(e);
}

/* The text between the quotes that follow `after`, "" if there is none. */
static void
quoted_after(const char *text, const char *after, char *out, size_t size)
{
	const char *p = strstr(text, after), *end;

	out[0] = '\0';
	if (p == NULL)
		return;
	p += strlen(after);
	end = strchr(p, '"');
	if (end == NULL || (size_t)(end - p) >= size)
		return;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = '\0';
}

static void
hint_hba(const char *msg, struct err *e)
{
	char host[128], user[128], db[128];
	const char *mask;

	quoted_after(msg, "host \"", host, sizeof(host));
	quoted_after(msg, "user \"", user, sizeof(user));
	quoted_after(msg, "database \"", db, sizeof(db));
	if (strstr(msg, "replication connection") != NULL)
		(void)snprintf(db, sizeof(db), "replication");
	mask = strchr(host, ':') != NULL ? "/128" : "/32";
	if (host[0] == '\0' || user[0] == '\0')
		(void)err_hint(e, "Add a line for this host and user to the "
				  "server's pg_hba.conf and reload it.");
	else if (strcmp(host, "[local]") == 0)
		(void)err_hint(e,
		    "Add the line \"local %s %s peer\" to the server's "
		    "pg_hba.conf, then SELECT pg_reload_conf().",
		    db, user);
	else
		(void)err_hint(e,
		    "Add the line \"host %s %s %s%s scram-sha-256\" (md5 "
		    "before PostgreSQL 10) to the server's pg_hba.conf, then "
		    "SELECT pg_reload_conf().",
		    db, user, host, mask);
}

static void
hint_password(const struct pg *pg, struct err *e)
{
	(void)err_hint(e,
	    "Put the line %s:%s:%s:PASSWORD into ~/.pgpass (mode 0600) of the "
	    "user who runs this, or set PGPASSFILE.",
	    pg->name, pg_dbname(pg), pg_user(pg));
}

static void
hint_not_running(const struct pg *pg, struct err *e)
{
	(void)err_hint(e,
	    "Is the server running on %s, and does listen_addresses include "
	    "it? Try: pg_isready -h %s -p %s",
	    pg->name, pg_host(pg), pg_port(pg));
}

/* What to type next, by libpq's or the server's words. */
static void
hint_connect(const struct pg *pg, const char *msg, struct err *e)
{
	static const struct {
		const char *words, *hint;
	} plain[] = {
	    {"the database system is",
		"Wait until it accepts connections, then run this again."},
	    {"could not translate host name",
		"Check the host name, or give the address."},
	    {"exceeds max_wal_senders", "Raise max_wal_senders there (needs a "
					"restart), or end a replication "
					"connection."},
	    {"too many clients", "Raise max_connections there, or end some "
				 "sessions."},
	    {"connection slots are reserved",
		"End some sessions there, or connect as a superuser."},
	    {"must be superuser or replication role",
		"Give the role the attribute: ALTER ROLE ... REPLICATION."},
	    {"permission denied to start WAL sender",
		"Give the role the attribute: ALTER ROLE ... REPLICATION."},
	    {"must be replication role",
		"Give the role the attribute: ALTER ROLE ... REPLICATION."},
	    {"does not exist", "Name a database and a role that exist: "
			       "-d dbname=postgres -U ROLE."},
	};

	if (strstr(msg, "no pg_hba.conf entry") != NULL) {
		hint_hba(msg, e);
		return;
	}
	if (strstr(msg, "no password supplied") != NULL ||
	    strstr(msg, "password authentication failed") != NULL) {
		hint_password(pg, e);
		return;
	}
	for (size_t i = 0; i < NELEM(plain); i++)
		if (strstr(msg, plain[i].words) != NULL) {
			(void)err_hint(e, "%s", plain[i].hint);
			return;
		}
	if (strstr(msg, "onnection refused") != NULL ||
	    strstr(msg, "No such file or directory") != NULL)
		hint_not_running(pg, e);
}

static int
connect_failed(struct pg *pg, struct err *e)
{
	struct buf b = BUF_INIT;

	(void)set_name(pg, NULL);
	add_clean(&b, PQerrorMessage(pg->conn), 1024);
	(void)err_set(e, ERR_DB_CONNECT, "could not connect to %s",
	    pg->name != NULL ? pg->name : "the server");
	(void)err_detail(e, "%s.", buf_str(&b));
	if (pg->name != NULL)
		hint_connect(pg, buf_str(&b), e);
	buf_free(&b);
	return -1;
}

static int
connect_late(const struct pg *pg, int64_t ms, struct err *e)
{
	(void)err_set(e, ERR_TIMEOUT,
	    "could not connect to %s within %" PRId64 ".%" PRId64 " s",
	    pg->name, ms / 1000, ms % 1000 / 100);
	return err_hint(e,
	    "Is there a firewall in between? Try: "
	    "pg_isready -h %s -p %s",
	    pg_host(pg), pg_port(pg));
}

static int
connect_poll(struct pg *pg, int64_t ms, struct err *e)
{
	int64_t deadline = deadline_in(ms);
	PostgresPollingStatusType st = PGRES_POLLING_WRITING;

	while (st != PGRES_POLLING_OK) {
		short events = st == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (PQstatus(pg->conn) == CONNECTION_BAD ||
		    st == PGRES_POLLING_FAILED)
			return connect_failed(pg, e);
		switch (wait_socket(pg, events, deadline, e)) {
		case WAIT_READY:
			st = PQconnectPoll(pg->conn);
			break;
		case WAIT_LATE:
			return connect_late(pg, ms, e);
		case WAIT_STOP:
			return -1;
		}
	}
	return set_name(pg, e);
}

/*
 * The session is ours: nothing of the role's or the database's settings may
 * steer or end it.  Asking pg_settings, and not the version, keeps this right
 * for timeouts that come later in a major's life.
 */
static int
own_session(struct pg *pg, int64_t deadline, struct err *e)
{
	static const char sql[] =
	    "SELECT set_config(name, CASE WHEN name <> 'synchronous_commit' "
	    "THEN '0' WHEN 'local' = ANY (enumvals) THEN 'local' ELSE 'off' "
	    "END, false) FROM pg_settings WHERE name IN ('statement_timeout', "
	    "'lock_timeout', 'idle_in_transaction_session_timeout', "
	    "'idle_session_timeout', 'transaction_timeout', "
	    "'synchronous_commit')";

	if (pg_query(pg, NULL, deadline, "SET search_path = pg_catalog", 0,
		NULL, e) == -1)
		return -1;
	return pg_query(pg, NULL, deadline, sql, 0, NULL, e);
}

static void
fill_params(struct params *p, const struct pg_opts *o)
{
	static const char *const keep[][2] = {{"keepalives_idle", "30"},
	    {"keepalives_interval", "5"}, {"keepalives_count", "4"}};

	add_conninfo(p, o->conninfo);
	for (size_t i = 0; i < NELEM(keep); i++)
		if (conninfo_get(o->conninfo, keep[i][0]) == NULL)
			add_param(p, keep[i][0], keep[i][1]);
	add_param(p, "application_name", o->application_name);
	add_param(p, "client_encoding", "UTF8");
	if (o->replication) {
		/* The name that .pgpass uses for such sessions. */
		add_param(p, "dbname", "replication");
		add_param(p, "replication", "true");
	}
}

static void
log_connect(const struct pg_opts *o)
{
	struct buf b = BUF_INIT;

	if (log_max() < LVL_DEBUG)
		return;
	conninfo_render(o->conninfo, true, &b);
	log_debug("connect%s: %s", o->replication ? " for replication" : "",
	    buf_str(&b));
	buf_free(&b);
}

static struct pg *
new_session(const struct pg_opts *o)
{
	struct pg *pg = calloc(1, sizeof(*pg));

	if (pg == NULL)
		return NULL;
	pg->sigfd = o->sigfd;
	pg->tick = o->tick;
	pg->tick_arg = o->tick_arg;
	pg->interval_ms = o->interval_ms > 0 ? o->interval_ms : 1000;
	pg->next_tick = clock_ms() + pg->interval_ms;
	return pg;
}

int
pg_open(struct pg **out, const struct pg_opts *o, struct err *e)
{
	int64_t ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS;
	struct params p = {.n = 0};
	struct pg *pg = new_session(o);

	*out = NULL;
	if (pg == NULL)
		return err_set_nomem(e);
	fill_params(&p, o);
	log_connect(o);
	pg->conn = PQconnectStartParams(p.key, p.value, 0);
	if (pg->conn == NULL) {
		(void)err_set_nomem(e);
		goto fail;
	}
	if (set_name(pg, e) == -1 || connect_poll(pg, ms, e) == -1)
		goto fail;
	(void)PQsetNoticeReceiver(pg->conn, on_notice, pg);
	(void)PQsetnonblocking(pg->conn, 1);
	if (!o->replication && own_session(pg, deadline_in(ms), e) == -1)
		goto fail;
	*out = pg;
	return 0;
fail:
	pg_close(pg);
	return -1;
}

void
pg_close(struct pg *pg)
{
	if (pg == NULL)
		return;
	PQclear(pg->pending);
	PQfinish(pg->conn);
	free(pg->name);
	free(pg);
}

/* The memory is left alone: the child ends soon, and PQfinish would say
 * goodbye to the parent's server. */
void
pg_forget(struct pg *pg)
{
	if (pg != NULL && PQsocket(pg->conn) >= 0)
		(void)close(PQsocket(pg->conn));
}

void
pg_ignore_signals(struct pg *pg)
{
	if (pg == NULL)
		return;
	pg->sigfd = -1;
	pg->tick = NULL;
}

/* --- facts of the session ------------------------------------------------- */

static const char *
or_empty(const char *s)
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
	return or_empty(PQparameterStatus(pg->conn, "server_version"));
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
	return or_empty(PQhost(pg->conn));
}

const char *
pg_port(const struct pg *pg)
{
	return or_empty(PQport(pg->conn));
}

const char *
pg_user(const struct pg *pg)
{
	return or_empty(PQuser(pg->conn));
}

const char *
pg_dbname(const struct pg *pg)
{
	return or_empty(PQdb(pg->conn));
}

bool
pg_alive(const struct pg *pg)
{
	return pg != NULL && PQstatus(pg->conn) == CONNECTION_OK;
}

/* --- statements ----------------------------------------------------------- */

static int
session_lost(struct pg *pg, struct err *e)
{
	struct buf b = BUF_INIT;

	add_clean(&b, PQerrorMessage(pg->conn), FIELD_MAX);
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
	add_clean(b, s, FIELD_MAX);
}

static int
sql_failed(struct pg *pg, const PGresult *res, struct err *e)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	struct buf b = BUF_INIT;

	(void)snprintf(
	    pg->sqlstate, sizeof(pg->sqlstate), "%s", or_empty(state));
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return session_lost(pg, e);
	add_field(&b, res, PG_DIAG_MESSAGE_PRIMARY, "");
	if (b.len == 0)
		add_clean(&b, PQresultErrorMessage(res), FIELD_MAX);
	(void)err_set(e, ERR_SQL, "%s: %s", pg->name, buf_str(&b));
	buf_reset(&b);
	add_field(&b, res, PG_DIAG_MESSAGE_DETAIL, " ");
	(void)err_detail(e, "SQLSTATE %s.%s", or_empty(state), buf_str(&b));
	buf_reset(&b);
	add_field(&b, res, PG_DIAG_MESSAGE_HINT, "");
	if (b.len > 0)
		(void)err_hint(e, "The server says: %s.", buf_str(&b));
	buf_free(&b);
	return -1;
}

/* 0: no error in res. */
static int
check_result(struct pg *pg, const PGresult *res, struct err *e)
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

/* One step towards a complete answer: WAIT_READY when PQgetResult will not
 * block. */
static enum wait
wait_answer(struct pg *pg, int64_t deadline, struct err *e)
{
	int flush;

	while ((flush = PQflush(pg->conn)) == 1 || PQisBusy(pg->conn)) {
		enum wait w = wait_socket(
		    pg, flush == 1 ? POLLIN | POLLOUT : POLLIN, deadline, e);

		if (w != WAIT_READY)
			return w;
		if (PQconsumeInput(pg->conn) == 0) {
			(void)session_lost(pg, e);
			return WAIT_STOP;
		}
	}
	return WAIT_READY;
}

/* All results of a statement; the first one is kept in *first. */
static enum wait
collect(struct pg *pg, PGresult **first, int64_t deadline, struct err *e)
{
	for (;;) {
		enum wait w = wait_answer(pg, deadline, e);
		PGresult *res;

		if (w != WAIT_READY)
			return w;
		res = PQgetResult(pg->conn);
		if (res == NULL)
			return WAIT_READY;
		if (*first == NULL)
			*first = res;
		else if (PQresultStatus(res) == PGRES_FATAL_ERROR) {
			PQclear(*first);
			*first = res;
		} else
			PQclear(res);
		if (PQresultStatus(*first) == PGRES_COPY_BOTH)
			return WAIT_READY;
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

/* Cancel what runs and read the rest, so that the session stays usable. */
static void
cancel_and_drain(struct pg *pg)
{
	int sigfd = pg->sigfd;
	int (*tick)(void *, struct err *) = pg->tick;
	PGresult *res = NULL;

	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return;
	pg_ignore_signals(pg);
	send_cancel(pg);
	(void)collect(pg, &res, deadline_in(CANCEL_MS), NULL);
	PQclear(res);
	pg->sigfd = sigfd;
	pg->tick = tick;
}

static void
log_sql(const struct pg *pg, const char *sql, size_t nparams,
    const char *const *params)
{
	struct buf b = BUF_INIT;

	if (log_max() < LVL_DEBUG)
		return;
	for (size_t i = 0; i < nparams; i++) {
		buf_addf(&b, "%s$%zu = ", i == 0 ? " -- " : ", ", i + 1);
		add_clean(
		    &b, params[i] != NULL ? params[i] : "NULL", FIELD_MAX);
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

	log_sql(pg, sql, nparams, params);
	pg->sqlstate[0] = '\0';
	if (simple)
		ok = PQsendQuery(pg->conn, sql);
	else
		ok = PQsendQueryParams(
		    pg->conn, sql, (int)nparams, NULL, params, NULL, NULL, 0);
	return ok ? 0 : session_lost(pg, e);
}

static int
run(struct pg *pg, bool simple, PGresult **res, int64_t deadline,
    const char *sql, size_t nparams, const char *const *params, struct err *e)
{
	enum wait w;

	*res = NULL;
	if (send_sql(pg, simple, sql, nparams, params, e) == -1)
		return -1;
	w = collect(pg, res, deadline, e);
	if (w == WAIT_READY && *res == NULL)
		return session_lost(pg, e);
	if (w == WAIT_READY)
		return check_result(pg, *res, e);
	if (w == WAIT_LATE) {
		(void)err_set(
		    e, ERR_TIMEOUT, "%s did not answer in time", pg->name);
		(void)err_detail(e, "The statement was: %s", sql);
	}
	cancel_and_drain(pg);
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
	if (run(pg, false, &res, deadline, sql, nparams, params, e) == -1) {
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
	return PQflush(pg->conn) == -1 ? session_lost(pg, e) : 0;
}

int
pg_async_result(struct pg *pg, struct pg_rows **rows, struct err *e)
{
	PGresult *res;

	*rows = NULL;
	if (PQflush(pg->conn) == -1 || PQconsumeInput(pg->conn) == 0)
		return session_lost(pg, e);
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
		return session_lost(pg, e);
	if (check_result(pg, res, e) == -1) {
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
		return session_lost(pg, e);
	return 0;
}

/* --- replication sessions ------------------------------------------------- */

/* Standby status update: everything up to lsn is flushed. */
static int
put_status(struct pg *pg, uint64_t lsn, struct err *e)
{
	struct buf b = BUF_INIT;
	int ok;

	buf_addc(&b, 'r');
	buf_add_u64(&b, lsn);
	buf_add_u64(&b, lsn);
	buf_add_u64(&b, 0); /* applied: nothing */
	buf_add_u64(&b, 0); /* our clock: the server only shows it */
	buf_add_u8(&b, 0);
	ok = buf_ok(&b) && PQputCopyData(pg->conn, b.data, (int)b.len) == 1 &&
	     PQputCopyEnd(pg->conn, NULL) == 1;
	buf_free(&b);
	return ok ? 0 : session_lost(pg, e);
}

/* Read and drop WAL until the server ends the stream, too. */
static int
drain_copy(struct pg *pg, int64_t deadline, struct err *e)
{
	for (int i = 0; i < DRAIN_MAX; i++) {
		char *data = NULL;
		int n, flush = PQflush(pg->conn);
		enum wait w;

		if (flush != 1) {
			n = PQgetCopyData(pg->conn, &data, 1);
			PQfreemem(data);
			if (n > 0)
				continue;
			if (n < 0)
				return 0;
		}
		w = wait_socket(
		    pg, flush == 1 ? POLLIN | POLLOUT : POLLIN, deadline, e);
		if (w == WAIT_LATE)
			return err_set(e, ERR_TIMEOUT,
			    "%s did not end the replication in time", pg->name);
		if (w == WAIT_STOP)
			return -1;
		if (PQconsumeInput(pg->conn) == 0)
			return session_lost(pg, e);
	}
	return err_set(e, ERR_SQL, "%s: replication did not end", pg->name);
}

static int
stream_once(struct pg *pg, const char *slot, uint64_t lsn, int64_t deadline,
    struct err *e)
{
	char *name = PQescapeIdentifier(pg->conn, slot, strlen(slot));
	struct buf sql = BUF_INIT;
	PGresult *res = NULL;
	int rc = -1;

	if (name == NULL)
		return err_set_nomem(e);
	buf_addf(&sql, "START_REPLICATION SLOT %s PHYSICAL %X/%X", name,
	    (unsigned)(lsn >> 32), (unsigned)lsn);
	if (run(pg, true, &res, deadline, buf_str(&sql), 0, NULL, e) == -1)
		goto out;
	if (PQresultStatus(res) != PGRES_COPY_BOTH) {
		(void)err_set(
		    e, ERR_SQL, "%s: replication did not start", pg->name);
		goto out;
	}
	if (put_status(pg, lsn, e) == -1 || drain_copy(pg, deadline, e) == -1)
		goto out;
	PQclear(res);
	res = NULL;
	if (collect(pg, &res, deadline, e) == WAIT_READY && res != NULL)
		rc = check_result(pg, res, e);
	else
		(void)err_set(e, ERR_TIMEOUT,
		    "%s did not end the replication in time", pg->name);
out:
	PQclear(res);
	PQfreemem(name);
	buf_free(&sql);
	return rc;
}

int
pg_slot_reserve_at(
    const struct pg_opts *o, const char *slot, uint64_t lsn, struct err *e)
{
	struct pg_opts ro = *o;
	struct pg *pg;
	int rc;

	ro.replication = true;
	if (pg_open(&pg, &ro, e) == -1)
		return -1;
	rc = stream_once(pg, slot, lsn, deadline_in(CONNECT_MS), e);
	pg_close(pg);
	return rc;
}

static int
read_identity(struct pg *pg, const PGresult *res, uint64_t *system_identifier,
    uint32_t *timeline, uint64_t *lsn, struct err *e)
{
	unsigned hi = 0, lo = 0;

	if (PQntuples(res) != 1 || PQnfields(res) < 2)
		return err_set(
		    e, ERR_SQL, "%s: odd answer to IDENTIFY_SYSTEM", pg->name);
	*system_identifier = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
	*timeline = (uint32_t)strtoul(PQgetvalue(res, 0, 1), NULL, 10);
	if (PQnfields(res) > 2)
		(void)sscanf(PQgetvalue(res, 0, 2), "%8X/%8X", &hi, &lo);
	*lsn = (uint64_t)hi << 32 | lo;
	return 0;
}

int
pg_identify_system(const struct pg_opts *o, uint64_t *system_identifier,
    uint32_t *timeline, uint64_t *lsn, struct err *e)
{
	struct pg_opts ro = *o;
	PGresult *res = NULL;
	struct pg *pg;
	int rc = -1;

	ro.replication = true;
	if (pg_open(&pg, &ro, e) == -1)
		return -1;
	if (run(pg, true, &res, deadline_in(CONNECT_MS), "IDENTIFY_SYSTEM", 0,
		NULL, e) == 0)
		rc =
		    read_identity(pg, res, system_identifier, timeline, lsn, e);
	PQclear(res);
	pg_close(pg);
	return rc;
}
