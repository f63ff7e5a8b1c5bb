/*
 * One look at all nodes.  Each session goes its own way: connect, one batch,
 * done; the callback of io/pg_many moves it on.  When all are done, or four
 * fifths of the time are over, primaries are read once more: what they have
 * written then is not less than what any standby told.  When somebody has kept
 * us waiting, the standbys are read once more before that: what was written
 * meanwhile is no lag of theirs.
 */
#include "base/std.h"
#include "base/buf.h"
#include "base/clock.h"
#include "core/pgver.h"
#include "flow/survey_int.h"
#include "io/pg.h"

#define TIMEOUT_MS 5000
#define STALE_MS 150    /* a standby's facts, when the primary is read */
#define DISCOVER_MS 500 /* a discovered one has a fifth, but not less */

static void settled(void *arg, struct pg_many *m, int session);

/* --- the nodes ------------------------------------------------------------ */

static void
asked_free(struct survey_asked *a)
{
	status_free(&a->facts);
	conninfo_free(&a->conninfo);
	free(a->name);
	free(a->host);
	free(a->port);
}

struct survey_asked *
survey_add(struct survey *v)
{
	struct survey_asked *a =
	    reallocarray(v->asked, v->n + 1, sizeof(*v->asked));

	if (a == NULL)
		return NULL;
	v->asked = a;
	a += v->n++;
	*a = (struct survey_asked){
	    .session = -1, .upstream = -1, .step = STEP_OFF};
	return a;
}

static bool
name_is_used(const struct survey *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->asked[i].name != NULL &&
		    strcmp(v->asked[i].name, name) == 0)
			return true;
	return false;
}

char *
survey_name(const struct survey *v, const char *name)
{
	char *copy = strdup(name);

	for (int i = 2; copy != NULL && name_is_used(v, copy); i++) {
		struct buf b = BUF_INIT;

		free(copy);
		buf_addf(&b, "%s (%d)", name, i);
		copy = buf_steal(&b);
	}
	return copy;
}

/* What its connection string means; with one that nobody can read, what it
 * says.  The connection will fail with the reason. */
static int
set_place(struct survey_asked *a)
{
	struct conninfo c = {.n = 0};
	const char *host, *port;
	int rc = 0;

	(void)pg_conninfo_effective(&a->conninfo, &c, NULL);
	host = conninfo_get(&c, "host");
	if (host == NULL)
		host = conninfo_get(&a->conninfo, "host");
	port = conninfo_get(&c, "port");
	if (port == NULL)
		port = conninfo_get(&a->conninfo, "port");
	a->host = strdup(host != NULL ? host : "local");
	a->port = strdup(port != NULL ? port : "default");
	if (a->host == NULL || a->port == NULL)
		rc = -1;
	conninfo_free(&c);
	return rc;
}

static int
add_named(struct survey *v, const struct survey_node *conf, struct err *e)
{
	struct survey_asked *a = survey_add(v);
	struct buf b = BUF_INIT;

	if (a == NULL || conninfo_copy(&a->conninfo, &conf->conninfo) == -1 ||
	    set_place(a) == -1)
		return err_set_nomem(e);
	a->conf = conf;
	if (conf->name != NULL)
		buf_adds(&b, conf->name);
	else
		buf_addf(&b, "%s:%s", a->host, a->port);
	if (buf_ok(&b))
		a->name = survey_name(v, buf_str(&b));
	buf_free(&b);
	return a->name != NULL ? 0 : err_set_nomem(e);
}

int
survey_new(struct survey **out, const struct survey_opts *o, struct err *e)
{
	struct survey *v = calloc(1, sizeof(*v));
	struct pg_many_opts po = {.application_name = o->application_name,
	    .sigfd = o->sigfd,
	    .settled = settled,
	    .arg = v};

	*out = NULL;
	if (v == NULL)
		return err_set_nomem(e);
	v->o = *o;
	if (v->o.timeout_ms <= 0)
		v->o.timeout_ms = TIMEOUT_MS;
	if (pg_many_new(&v->m, &po, e) == -1)
		goto fail;
	for (size_t i = 0; i < o->n; i++)
		if (add_named(v, &o->nodes[i], e) == -1)
			goto fail;
	*out = v;
	return 0;
fail:
	survey_free(v);
	return -1;
}

void
survey_timeout(struct survey *v, int64_t timeout_ms)
{
	v->o.timeout_ms = MAX_OF(timeout_ms, 1);
}

void
survey_free(struct survey *v)
{
	if (v == NULL)
		return;
	pg_many_free(v->m);
	for (size_t i = 0; i < v->n; i++)
		asked_free(&v->asked[i]);
	free(v->asked);
	free(v);
}

/* --- answers -------------------------------------------------------------- */

static int
set_text(char **to, const char *text)
{
	free(*to);
	*to = text == NULL || *text == '\0' ? NULL : strdup(text);
	return *to != NULL || text == NULL || *text == '\0' ? 0 : -1;
}

/* Nothing is known. */
static int
facts_new(struct survey *v, struct survey_asked *a, struct status *facts)
{
	struct status_node *n = status_add(facts, a->name);

	(void)v;
	if (n == NULL)
		return -1;
	if (set_text(&n->host, a->host) == -1 ||
	    set_text(&n->port, a->port) == -1)
		return -1;
	n->expected = a->conf != NULL;
	if (a->conf == NULL)
		return 0;
	n->conf_named = a->conf->name != NULL;
	n->conf_pgdata = n->conf_named && a->conf->has_pgdata;
	n->weight = a->conf->weight;
	if (set_text(&n->conf_upstream, a->conf->upstream) == -1)
		return -1;
	return set_text(&n->conf_slot, a->conf->slot);
}

/* What the session itself knows. */
static int
take_session(struct survey *v, struct survey_asked *a, struct status_node *n)
{
	int i = a->session;

	n->reach = REACH_YES;
	n->version = pg_many_version(v->m, i);
	if (set_text(&n->version_text, pg_many_version_text(v->m, i)) == -1 ||
	    set_text(&n->host, pg_many_host(v->m, i)) == -1 ||
	    set_text(&n->port, pg_many_port(v->m, i)) == -1 ||
	    set_text(&n->addr, pg_many_hostaddr(v->m, i)) == -1)
		return -1;
	return set_text(&n->user, pg_many_user(v->m, i));
}

/* The batch of asked a is complete.  Its facts replace what was known; a
 * second read without the position does not. */
static int
take_answers(struct survey *v, struct survey_asked *a)
{
	struct status facts = {.primary = -1};
	struct status_node *n;
	const struct pg_rows *rows;
	const char *error;

	if (facts_new(v, a, &facts) == -1)
		goto fail;
	n = &facts.nodes[0];
	if (take_session(v, a, n) == -1)
		goto fail;
	for (int p = 0; p < PART_N; p++) {
		if (a->batch.k[p] == -1)
			continue;
		error = NULL;
		rows = pg_many_rows(
		    v->m, a->session, (size_t)a->batch.k[p], &error);
		if (survey_rows_take(n, p, rows, error) == -1)
			goto fail;
	}
	if (a->step == STEP_AGAIN && n->says == ROLE_UNKNOWN) {
		status_free(&facts);
		return 0;
	}
	status_free(&a->facts);
	a->facts = facts;
	a->read = true;
	a->read_at = clock_ms();
	a->again = a->step == STEP_AGAIN && n->says == ROLE_PRIMARY;
	return 0;
fail:
	status_free(&facts);
	return -1;
}

#define AWAY "the database system is "
#define AWAY_STOPS AWAY "shutting down"
#define ENDED "terminating connection"

/* 57P03, which libpq does not tell, in words; in another language than English
 * it is a refusal (below). */
bool
survey_says_starts(const char *text)
{
	return strstr(text, AWAY) != NULL && strstr(text, AWAY_STOPS) == NULL;
}

/* A session that was ended (57P01, 57P02): the next look shows why. */
bool
survey_says_stops(const char *text)
{
	return strstr(text, AWAY_STOPS) != NULL || strstr(text, ENDED) != NULL;
}

/* Is that a server's own answer to a login?  Not of one that starts or stops.
 * The word is in the server's language. */
bool
survey_says_no(const char *text)
{
	static const char *const fatal[] = {"FATAL: ", "FATALE: ",
	    "치명적오류: ", "致命错误: ", "ВАЖНО: ", "ÖLÜMCÜL"};
	static const char *const away[] = {
	    AWAY, ENDED, "server closed the connection"};

	for (size_t i = 0; i < NELEM(away); i++)
		if (strstr(text, away[i]) != NULL)
			return false;
	if (strstr(text, "no password supplied") != NULL)
		return true;
	for (size_t i = 0; i < NELEM(fatal); i++)
		if (strstr(text, fatal[i]) != NULL)
			return true;
	return false;
}

/* There is no session: why, as io/pg says it. */
static int
take_failure(struct survey_asked *a, const struct err *why)
{
	struct status_node *n = &a->facts.nodes[0];
	char text[sizeof(why->detail)];
	size_t len;

	n->reach = REACH_FAILED;
	(void)snprintf(text, sizeof(text), "%s",
	    why->detail[0] != '\0' ? why->detail : why->text);
	n->alive = survey_says_no(text);
	n->starting = survey_says_starts(text);
	n->stopping = survey_says_stops(text);
	len = strlen(text);
	if (len > 0 && text[len - 1] == '.')
		text[len - 1] = '\0';
	if (set_text(&n->reach_text, text) == -1)
		return -1;
	return set_text(&n->reach_hint, why->hint);
}

/* The time is over, and it still connects or works. */
static int
take_hung(struct survey *v, struct survey_asked *a)
{
	const struct err *why = pg_many_error(v->m, a->session);
	int64_t ms = clock_ms() - v->started;
	struct status_node *n = &a->facts.nodes[0];
	char text[sizeof(why->text)], hint[sizeof(why->hint)];

	n->reach = REACH_HUNG;
	(void)snprintf(text, sizeof(text), "%s", why->text);
	(void)snprintf(hint, sizeof(hint),
	    "Is its server stopped or without memory, or a firewall in "
	    "between? Try: pg_isready -h %s -p %s",
	    a->host, a->port);
	if (a->step == STEP_READ) {
		(void)snprintf(text, sizeof(text),
		    "took the connection, but did not answer within %" PRId64
		    ".%" PRId64 " s",
		    ms / 1000, ms % 1000 / 100);
		(void)snprintf(hint, sizeof(hint),
		    "Look at the load, the disks and the server's log of that "
		    "host.");
	}
	if (set_text(&n->reach_text, text) == -1)
		return -1;
	return set_text(&n->reach_hint, hint);
}

/* --- steps ---------------------------------------------------------------- */

static void
drop(struct survey *v, struct survey_asked *a)
{
	if (a->session != -1)
		pg_many_drop(v->m, a->session);
	a->session = -1;
}

static int
send_batch(struct survey *v, struct survey_asked *a, enum survey_step step,
    struct err *e)
{
	survey_rows_batch(&a->batch, pg_many_version(v->m, a->session));
	a->step = step;
	return pg_many_send(v->m, a->session, a->batch.sql, a->batch.n, e);
}

static int
reconnect(struct survey *v, struct survey_asked *a, struct err *e)
{
	drop(v, a);
	a->kept = false;
	a->step = STEP_CONNECT;
	a->session = pg_many_add(v->m, &a->conninfo, e);
	return a->session == -1 ? -1 : 0;
}

int
survey_start(struct survey *v, size_t i, struct err *e)
{
	struct survey_asked *a = &v->asked[i];
	int64_t ms = MAX_OF(v->o.timeout_ms / 5, DISCOVER_MS);

	a->read = false;
	a->give_up = a->conf == NULL ? deadline_in(ms) : DEADLINE_NEVER;
	status_free(&a->facts);
	if (facts_new(v, a, &a->facts) == -1)
		return err_set_nomem(e);
	if (a->session == -1 || pg_many_state(v->m, a->session) != PGM_IDLE)
		return reconnect(v, a, e);
	a->kept = true;
	return send_batch(v, a, STEP_READ, e);
}

static int
too_old(struct survey *v, struct survey_asked *a)
{
	a->step = STEP_DONE;
	a->read = true;
	if (take_session(v, a, &a->facts.nodes[0]) == -1)
		return -1;
	return survey_rows_partial(&a->facts.nodes[0],
	    "its version is older than all that are known here");
}

static int
on_idle(struct survey *v, size_t i, struct err *e)
{
	struct survey_asked *a = &v->asked[i];
	enum survey_step step = a->step;

	switch (step) {
	case STEP_CONNECT:
		if (!pgver_supported(pg_many_version(v->m, a->session)))
			return too_old(v, a) == 0 ? 0 : err_set_nomem(e);
		return send_batch(v, a, STEP_READ, e);
	case STEP_READ:
	case STEP_AGAIN:
		if (take_answers(v, a) == -1 || survey_find_name(v, i) == -1)
			return err_set_nomem(e);
		a->step = STEP_DONE;
		return step == STEP_READ && v->o.discover
			   ? survey_find_more(v, i, e)
			   : 0;
	case STEP_OFF:
	case STEP_DONE:
		break;
	}
	return 0;
}

static int
on_failed(struct survey *v, size_t i, struct err *e)
{
	struct survey_asked *a = &v->asked[i];
	enum survey_step step = a->step;

	/* Kept from the last look, and ended in between. */
	if (step == STEP_READ && a->kept)
		return reconnect(v, a, e);
	a->step = STEP_DONE;
	/* What was read first stands. */
	if (step != STEP_AGAIN && step != STEP_OFF && step != STEP_DONE &&
	    take_failure(a, pg_many_error(v->m, a->session)) == -1)
		return err_set_nomem(e);
	drop(v, a);
	return 0;
}

static void
settled(void *arg, struct pg_many *m, int session)
{
	struct survey *v = arg;
	size_t i;
	int rc = 0;

	for (i = 0; i < v->n && v->asked[i].session != session; i++)
		;
	if (i == v->n || err_is_set(&v->err))
		return;
	switch (pg_many_state(m, session)) {
	case PGM_IDLE:
		rc = on_idle(v, i, &v->err);
		break;
	case PGM_FAILED:
		rc = on_failed(v, i, &v->err);
		break;
	case PGM_CLOSED:
	case PGM_CONNECTING:
	case PGM_BUSY:
		break;
	}
	if (rc == -1)
		(void)err_set(&v->err, ERR_INTERNAL, "a session was lost");
}

static bool
is_pending(const struct survey_asked *a)
{
	return a->step != STEP_OFF && a->step != STEP_DONE;
}

/* Discovered ones wait a shorter time, so that an address behind a firewall
 * does not make every look a long one. */
static void
give_up_discovered(struct survey *v)
{
	for (size_t i = 0; i < v->n; i++) {
		struct survey_asked *a = &v->asked[i];

		if (!is_pending(a) || !deadline_passed(a->give_up))
			continue;
		drop(v, a);
		a->step = STEP_DONE;
	}
}

static int64_t
next_give_up(const struct survey *v, int64_t deadline)
{
	/* One that is added while this runs is looked at in time, too. */
	int64_t next = v->o.discover ? clock_ms() + DISCOVER_MS : deadline;

	for (size_t i = 0; i < v->n; i++)
		if (is_pending(&v->asked[i]))
			next = MIN_OF(next, v->asked[i].give_up);
	return MIN_OF(next, deadline);
}

/* Until all are done, or the deadline. */
static int
run_until(struct survey *v, int64_t deadline, struct err *e)
{
	int rc;

	do {
		rc = pg_many_run(v->m, next_give_up(v, deadline), e);
		if (rc == -1)
			return -1;
		if (err_is_set(&v->err)) {
			if (e != NULL && !err_is_set(e))
				*e = v->err;
			return -1;
		}
		give_up_discovered(v);
	} while (rc == 0 && !deadline_passed(deadline));
	return 0;
}

/* The time is over for those that still run. */
static int
end_hung(struct survey *v, struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		struct survey_asked *a = &v->asked[i];

		if (!is_pending(a))
			continue;
		if (a->step != STEP_AGAIN && take_hung(v, a) == -1)
			return err_set_nomem(e);
		drop(v, a);
		a->step = STEP_DONE;
	}
	return 0;
}

/* --- one look ------------------------------------------------------------- */

static int
begin(struct survey *v, struct err *e)
{
	size_t n = v->n; /* those that are found in this look are begun then */

	err_clear(&v->err);
	v->started = clock_ms();
	for (size_t i = 0; i < n; i++) {
		struct survey_asked *a = &v->asked[i];

		a->step = STEP_OFF;
		a->read = false;
		if (a->conf == NULL && clock_ms() < a->retry_at)
			continue;
		if (survey_start(v, i, e) == -1)
			return -1;
	}
	return 0;
}

/* Nobody else was read: then the first read is the last one. */
static bool
others_read(const struct survey *v, size_t self)
{
	for (size_t i = 0; i < v->n; i++)
		if (i != self && v->asked[i].read)
			return true;
	return false;
}

static bool
is_to_be_read_again(const struct survey *v, size_t i, enum status_role role)
{
	const struct survey_asked *a = &v->asked[i];

	if (!a->read || a->facts.nodes[0].says != role || a->session == -1 ||
	    pg_many_state(v->m, a->session) != PGM_IDLE)
		return false;
	return role == ROLE_PRIMARY ? others_read(v, i)
				    : clock_ms() - a->read_at > STALE_MS;
}

static int
read_again(
    struct survey *v, enum status_role role, int64_t until, struct err *e)
{
	for (size_t i = 0; i < v->n; i++)
		if (is_to_be_read_again(v, i, role) &&
		    send_batch(v, &v->asked[i], STEP_AGAIN, e) == -1)
			return -1;
	return run_until(v, until, e) == -1 ? -1 : end_hung(v, e);
}

int
survey_build(struct survey *v, struct status *s, size_t *map, struct err *e)
{
	size_t left = SURVEY_SENDERS_MAX;
	struct status_node *n;

	s->whole = v->o.whole;
	s->named_part = v->o.named_part;
	s->file = v->o.file;
	for (size_t i = 0; i < v->n; i++) {
		if (!survey_counts(v, i))
			continue;
		n = status_add(s, v->asked[i].name);
		if (n == NULL ||
		    survey_rows_copy(n, &v->asked[i].facts.nodes[0]) == -1 ||
		    survey_rows_cut(n, &left) == -1)
			return err_set_nomem(e);
		n->read_last = v->asked[i].again;
		if (map != NULL)
			map[s->n - 1] = i;
	}
	if (survey_tell_aliases(v, s) == -1)
		return err_set_nomem(e);
	return status_link(s) == 0 ? 0 : err_set_nomem(e);
}

/* Discovered ones that are not what was looked for: their sessions end, and
 * nobody asks there again for a while. */
static void
forget_others(struct survey *v)
{
	for (size_t i = 0; i < v->n; i++) {
		struct survey_asked *a = &v->asked[i];

		if (a->conf != NULL || a->step == STEP_OFF)
			continue;
		if (survey_find_counts(v, i)) {
			a->counted = true;
			a->counted_system = a->facts.nodes[0].system_identifier;
			continue;
		}
		drop(v, a);
		a->read = false;
		a->retry_at = deadline_in(SURVEY_RETRY_MS);
	}
}

/* cluster_name is a label of the instance, and often another one on every node:
 * it is the cluster's when all who answered have the same. */
static const char *
common_name(const struct status *s)
{
	const char *name = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];

		if (n->reach != REACH_YES)
			continue;
		if (n->cluster_name == NULL ||
		    (name != NULL && strcmp(name, n->cluster_name) != 0))
			return NULL;
		name = n->cluster_name;
	}
	return name;
}

static int
name_cluster(const struct survey *v, struct status *s, struct err *e)
{
	const char *name = v->o.cluster != NULL ? v->o.cluster : common_name(s);

	return set_text(&s->cluster, name) == 0 ? 0 : err_set_nomem(e);
}

static double
epoch(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
collect(struct survey *v, struct err *e)
{
	int64_t end = v->started + v->o.timeout_ms,
		tenth = v->o.timeout_ms / 10;

	if (run_until(v, end - 2 * tenth, e) == -1 || end_hung(v, e) == -1 ||
	    read_again(v, ROLE_STANDBY, end - tenth, e) == -1)
		return -1;
	return read_again(v, ROLE_PRIMARY, end, e);
}

int
survey_look(struct survey *v, struct status *s, struct err *e)
{
	status_free(s);
	if (begin(v, e) == -1 || collect(v, e) == -1)
		return -1;
	forget_others(v);
	s->time = epoch();
	if (survey_build(v, s, NULL, e) == -1 || name_cluster(v, s, e) == -1) {
		status_free(s);
		return -1;
	}
	return 0;
}
