#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/pg_int.h"

#include <poll.h>

/* --- connection strings --------------------------------------------------- */

static int
take_options(const PQconninfoOption *o, struct conninfo *c, struct err *e)
{
	for (; o->keyword != NULL; o++)
		if (o->val != NULL && conninfo_set(c, o->keyword, o->val) == -1)
			return err_set_nomem(e);
	return 0;
}

/* libpq quotes what it could not read.  That may be a part of a password, when
 * there is one: ":...@" of a URI, or a keyword, whose letters a URI may hide
 * ("p%61ssword"). */
static bool
may_hold_secret(const char *text)
{
	const char *start = strstr(text, "://"), *at, *query;

	start = start != NULL ? start + 3 : text;
	at = strrchr(start, '@');
	query = strchr(start, '?');
	return strcasestr(text, "password") != NULL ||
	       (at != NULL && memchr(start, ':', (size_t)(at - start))) ||
	       (start != text && query != NULL && strchr(query, '%') != NULL);
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
		if (msg != NULL && !may_hold_secret(text)) {
			pg_add_clean(&b, msg, PG_FIELD_MAX);
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

int
pg_conninfo_default_dbname(struct conninfo *c, struct err *e)
{
	if (conninfo_get(c, "dbname") != NULL || getenv("PGDATABASE") != NULL ||
	    conninfo_get(c, "service") != NULL || getenv("PGSERVICE") != NULL)
		return 0;
	return conninfo_set(c, "dbname", "postgres") == -1 ? err_set_nomem(e)
							   : 0;
}

void
pg_params_add(struct pg_params *p, const char *key, const char *value)
{
	if (p->n + 1 >= NELEM(p->key))
		return;
	p->key[p->n] = key;
	p->value[p->n++] = value;
}

static void
add_conninfo(struct pg_params *p, const struct conninfo *c)
{
	for (size_t i = 0; i < c->n; i++)
		pg_params_add(p, c->v[i].key, c->v[i].value);
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
	struct pg_params p = {.n = 0};
	PQconninfoOption *o = NULL;
	PGconn *conn;
	int rc = -1;

	add_conninfo(&p, c);
	pg_params_add(&p, "target_session_attrs", "none, only parse");
	conn = PQconnectStartParams(p.key, p.value, 0);
	if (conn == NULL || (o = PQconninfo(conn)) == NULL) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (take_options(o, out, e) == -1)
		goto out;
	(void)conninfo_set(out, "target_session_attrs",
	    conninfo_get(c, "target_session_attrs"));
	/* No host: it has stopped before, at the service or at a value. */
	if (pg_or_empty(PQhost(conn))[0] == '\0') {
		struct buf b = BUF_INIT;

		pg_add_clean(&b, PQerrorMessage(conn), PG_FIELD_MAX);
		(void)err_set(e, ERR_CONFIG, "%s", buf_str(&b));
		buf_free(&b);
		goto out;
	}
	/* As libpq connects where nothing is said. */
	if (conninfo_get(out, "host") == NULL &&
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

static bool
same_value(const struct conninfo *a, const struct conninfo *b, const char *key)
{
	const char *x = conninfo_get(a, key), *y = conninfo_get(b, key);

	return x != NULL && y != NULL && strcasecmp(x, y) == 0;
}

bool
pg_conninfo_same_place(const struct conninfo *a, const struct conninfo *b)
{
	struct conninfo x = {.n = 0}, y = {.n = 0};
	bool same = false;

	if (pg_conninfo_effective(a, &x, NULL) == 0 &&
	    pg_conninfo_effective(b, &y, NULL) == 0)
		same = same_value(&x, &y, "port") &&
		       (same_value(&x, &y, "host") ||
			   same_value(&x, &y, "hostaddr"));
	conninfo_free(&x);
	conninfo_free(&y);
	return same;
}

void
pg_on_notice(void *arg, const PGresult *res)
{
	const struct pg *pg = arg;
	struct buf b = BUF_INIT;

	pg_add_clean(&b, PQresultErrorMessage(res), 4096);
	log_debug("%s: %s", pg->name, buf_str(&b));
	buf_free(&b);
}

/* --- connecting ----------------------------------------------------------- */

int
pg_set_name(struct pg *pg, struct err *e)
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
	const char *wrong = "password authentication failed";

	/* A file or a variable that is used and wrong is what to mend. */
	if (e != NULL && strstr(e->detail, "retrieved from file") != NULL)
		(void)err_hint(e,
		    "The password of role \"%s\" in that file is wrong.",
		    pg_user(pg));
	else if (e != NULL && strstr(e->detail, wrong) != NULL &&
		 getenv("PGPASSWORD") != NULL)
		(void)err_hint(e,
		    "PGPASSWORD is set, wins over ~/.pgpass, and is not the "
		    "password of role \"%s\".",
		    pg_user(pg));
	else
		(void)err_hint(e,
		    "Put the line %s:*:%s:PASSWORD into ~/.pgpass (mode 0600) "
		    "of the user who runs this, or set PGPASSFILE.%s",
		    pg->name, pg_user(pg),
		    pg->looks ? ""
			      : " (The * covers \"replication\", which the "
				"standby asks for.)");
}

static void
hint_not_running(const struct pg *pg, struct err *e)
{
	const char *host = pg_host(pg);

	if (host[0] == '/' || host[0] == '@')
		(void)err_hint(e,
		    "Is the server running on this host, with port %s and "
		    "its socket in %s (unix_socket_directories)? Try: "
		    "pg_isready -h %s -p %s",
		    pg_port(pg), host, host, pg_port(pg));
	else
		(void)err_hint(e,
		    "Is the server running on %s, and does listen_addresses "
		    "include it? Try: pg_isready -h %s -p %s",
		    pg->name, host, pg_port(pg));
}

/* "db1:5433" as a host: the port has its own option. */
static bool
hint_port(const char *msg, struct err *e)
{
	char host[256], *colon;
	size_t digits;

	quoted_after(msg, "host name \"", host, sizeof(host));
	if ((colon = strchr(host, ':')) == NULL || colon == host)
		return false;
	digits = strspn(colon + 1, "0123456789");
	if (digits < 1 || digits > 5 || colon[1 + digits] != '\0')
		return false;
	*colon = '\0';
	(void)err_hint(
	    e, "Give the port by itself: -h %s -p %s", host, colon + 1);
	return true;
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
	if (strstr(msg, "could not translate host name") != NULL &&
	    hint_port(msg, e))
		return;
	for (size_t i = 0; i < NELEM(plain); i++)
		if (strstr(msg, plain[i].words) != NULL) {
			(void)err_hint(e, "%s", plain[i].hint);
			return;
		}
	if (strstr(msg, "onnection refused") != NULL ||
	    strstr(msg, "No such file or directory") != NULL)
		hint_not_running(pg, e);
}

/* What libpq says, without its own hints (the lines with a tab in front) and
 * without what it adds when it is asked again. */
static void
add_causes(struct buf *b, const char *says)
{
	const char *end;

	for (; *says != '\0' && b->len < 1024; says = end + (*end == '\n')) {
		size_t len;

		end = says + strcspn(says, "\n");
		len = (size_t)(end - says);
		if (len == 0 || *says == '\t' ||
		    strncmp(says, "invalid socket", len) == 0)
			continue;
		buf_adds(b, b->len > 0 ? "; " : "");
		pg_add_clean(b, says, len);
	}
}

int
pg_connect_failed(struct pg *pg, const char *says, struct err *e)
{
	struct buf b = BUF_INIT;

	if (pg->conn != NULL)
		(void)pg_set_name(pg, NULL);
	add_causes(&b, says);
	(void)err_set(e, ERR_DB_CONNECT, "could not connect to %s",
	    pg->name != NULL ? pg->name : "the server");
	(void)err_detail(e, "%s.", buf_str(&b));
	if (pg->name != NULL)
		hint_connect(pg, buf_str(&b), e);
	buf_free(&b);
	return -1;
}

int
pg_connect_late(const struct pg *pg, int64_t ms, struct err *e)
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
			return pg_connect_failed(
			    pg, PQerrorMessage(pg->conn), e);
		switch (pg_wait(pg, events, deadline, e)) {
		case PG_WAIT_READY:
			/* libpq reads when it is connected and has asked. */
			if (pg->heard != NULL && events == POLLIN)
				*pg->heard = true;
			st = PQconnectPoll(pg->conn);
			break;
		case PG_WAIT_LATE:
			return pg_connect_late(pg, ms, e);
		case PG_WAIT_STOP:
			return -1;
		}
	}
	return pg_set_name(pg, e);
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

	const struct pg_ask asks[] = {
	    {.sql = "SET search_path = pg_catalog"}, {.sql = sql}};

	if (pg_ahead(pg, asks, NELEM(asks), deadline, e) == -1)
		return -1;
	for (size_t i = 0; i < NELEM(asks); i++)
		if (pg_query(pg, NULL, deadline, asks[i].sql, 0, NULL, e) == -1)
			return -1;
	return 0;
}

void
pg_params_fill(
    struct pg_params *p, const struct conninfo *c, const char *application_name)
{
	static const char *const keep[][2] = {{"keepalives_idle", "30"},
	    {"keepalives_interval", "5"}, {"keepalives_count", "4"}};

	add_conninfo(p, c);
	for (size_t i = 0; i < NELEM(keep); i++)
		if (conninfo_get(c, keep[i][0]) == NULL)
			pg_params_add(p, keep[i][0], keep[i][1]);
	pg_params_add(p, "application_name", application_name);
	pg_params_add(p, "client_encoding", "UTF8");
}

static void
fill_params(struct pg_params *p, const struct pg_opts *o)
{
	pg_params_fill(p, o->conninfo, o->application_name);
	if (o->replication) {
		/* The name that .pgpass uses for such sessions. */
		pg_params_add(p, "dbname", "replication");
		pg_params_add(p, "replication", "true");
		/* It has no database, and so no encoding: the server would
		 * refuse to report a role whose name is not UTF-8. */
		pg_params_add(p, "client_encoding", "SQL_ASCII");
	}
}

void
pg_log_connect(const struct conninfo *c, const char *what)
{
	struct buf b = BUF_INIT;

	if (log_max() < LVL_DEBUG)
		return;
	conninfo_render(c, true, &b);
	log_debug("connect%s: %s", what, buf_str(&b));
	buf_free(&b);
}

void
pg_attend(struct pg *pg, const struct pg_opts *o)
{
	pg->sigfd = o->sigfd;
	pg->tick = o->tick;
	pg->tick_arg = o->tick_arg;
	pg->interval_ms = o->interval_ms > 0 ? o->interval_ms : 1000;
	pg->next_tick = clock_ms() + pg->interval_ms;
}

static struct pg *
new_session(const struct pg_opts *o)
{
	struct pg *pg = calloc(1, sizeof(*pg));

	if (pg == NULL)
		return NULL;
	pg->heard = o->heard;
	pg->once = o->once;
	pg->limit = o->deadline > 0 ? o->deadline : DEADLINE_NEVER;
	pg_attend(pg, o);
	return pg;
}

static int64_t
open_ms(const struct pg_opts *o)
{
	int64_t ms = o->connect_ms > 0 ? o->connect_ms : PG_CONNECT_MS;

	if (o->deadline > 0)
		ms = MIN_OF(ms, o->deadline - clock_ms());
	return MAX_OF(ms, 1); /* deadline_in: 0 is for ever */
}

int64_t
pg_open_by(const struct pg_opts *o)
{
	return deadline_in(open_ms(o));
}

int
pg_open(struct pg **out, const struct pg_opts *o, struct err *e)
{
	int64_t ms = open_ms(o);
	int64_t by = deadline_in(ms);
	struct pg_params p = {.n = 0};
	struct pg *pg = new_session(o);

	*out = NULL;
	if (pg == NULL)
		return err_set_nomem(e);
	fill_params(&p, o);
	pg_log_connect(o->conninfo, o->replication ? " for replication" : "");
	pg->conn = PQconnectStartParams(p.key, p.value, 0);
	if (pg->conn == NULL) {
		(void)err_set_nomem(e);
		goto fail;
	}
	if (pg_set_name(pg, e) == -1 || connect_poll(pg, ms, e) == -1)
		goto fail;
	(void)PQsetNoticeReceiver(pg->conn, pg_on_notice, pg);
	(void)PQsetnonblocking(pg->conn, 1);
	if (!o->replication && own_session(pg, by, e) == -1)
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
	pg_ahead_forget(pg);
	PQfinish(pg->conn);
	free(pg->name);
	free(pg);
}

void
pg_ignore_signals(struct pg *pg)
{
	if (pg == NULL)
		return;
	pg->sigfd = -1;
	pg->tick = NULL;
}
