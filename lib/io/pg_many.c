#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "io/pg_many_int.h"

#include <poll.h>

#define MUTE_MS 500 /* a status request is nobody's here: look again */

/* --- making and ending ---------------------------------------------------- */

int
pg_many_new(struct pg_many **out, const struct pg_many_opts *o, struct err *e)
{
	struct pg_many *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (m == NULL ||
	    (m->application_name = strdup(o->application_name)) == NULL) {
		free(m);
		return err_set_nomem(e);
	}
	m->o = *o;
	*out = m;
	return 0;
}

/* Empty, for another session or the end. */
static void
clear(struct pgm_session *s)
{
	pg_many_items_free(s);
	conninfo_free(&s->conninfo);
	free(s->pg.name);
	free(s->host);
	free(s->port);
	free(s->user);
	free(s->version_text);
	memset(s, 0, sizeof(*s));
}

void
pg_many_free(struct pg_many *m)
{
	if (m == NULL)
		return;
	pg_many_cancel(m, NULL);
	for (size_t i = 0; i < m->n; i++) {
		pg_many_close(m, m->v[i]);
		clear(m->v[i]);
		free(m->v[i]);
	}
	free(m->v);
	free(m->fds);
	free(m->application_name);
	free(m);
}

static struct pgm_session *
get(const struct pg_many *m, int i)
{
	return i >= 0 && (size_t)i < m->n ? m->v[i] : NULL;
}

void
pg_many_drop(struct pg_many *m, int i)
{
	struct pgm_session *s = get(m, i);

	if (s == NULL || s->state == PGM_CLOSED)
		return;
	if (s->state == PGM_BUSY)
		pg_many_cancel(m, s);
	pg_many_close(m, s);
	pg_many_items_free(s);
	s->state = PGM_CLOSED;
	s->tell = false;
}

/* A place that nobody uses, or a new one; -1: no memory. */
static int
find_place(struct pg_many *m)
{
	struct pgm_session **v;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i]->state == PGM_CLOSED) {
			clear(m->v[i]);
			return (int)i;
		}
	if ((v = realloc(m->v, (m->n + 1) * sizeof(*v))) == NULL)
		return -1;
	m->v = v;
	if ((v[m->n] = calloc(1, sizeof(**v))) == NULL)
		return -1;
	return (int)m->n++;
}

int
pg_many_add(struct pg_many *m, const struct conninfo *c, struct err *e)
{
	int i = find_place(m);

	if (i == -1 || conninfo_copy(&m->v[i]->conninfo, c) == -1)
		return err_set_nomem(e);
	m->v[i]->pg.sigfd = -1;
	m->v[i]->pg.looks = true;
	pg_many_connect(m, m->v[i]);
	return i;
}

/* --- work ----------------------------------------------------------------- */

int
pg_many_send(
    struct pg_many *m, int i, const char *const *sql, size_t n, struct err *e)
{
	struct pgm_session *s = get(m, i);

	if (s == NULL || s->state != PGM_IDLE || n == 0)
		return err_set(e, ERR_INTERNAL, "session %d is not idle", i);
	pg_many_items_free(s);
	s->items = calloc(n, sizeof(*s->items));
	s->sql = calloc(n, sizeof(*s->sql));
	if (s->items == NULL || s->sql == NULL) {
		pg_many_items_free(s);
		return err_set_nomem(e);
	}
	memcpy(s->sql, sql, n * sizeof(*sql));
	s->n = n;
	s->single = false;
	s->since = clock_ms();
	s->base = pg_many_received(s);
	s->state = PGM_BUSY;
	if (pg_many_query(s) == -1)
		pg_many_fail(m, s);
	return 0;
}

/* Until nobody has anything to hear: being told may make more to tell. */
static void
tell(struct pg_many *m)
{
	bool again;

	do {
		again = false;
		for (size_t i = 0; i < m->n; i++) {
			if (!m->v[i]->tell)
				continue;
			m->v[i]->tell = false;
			again = true;
			if (m->o.settled != NULL)
				m->o.settled(m->o.arg, m, (int)i);
		}
	} while (again);
}

static bool
running(const struct pgm_session *s)
{
	return s->state == PGM_CONNECTING || s->state == PGM_BUSY;
}

static bool
any_running(const struct pg_many *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (running(m->v[i]))
			return true;
	return false;
}

/* For who asks pg_many_error why there is no answer yet. */
static void
note_late(struct pg_many *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i]->state == PGM_CONNECTING)
			pg_many_connect_late(m->v[i]);
		else if (m->v[i]->state == PGM_BUSY)
			pg_many_query_late(m->v[i]);
	}
}

/* --- the loop ------------------------------------------------------------- */

static int
make_room(struct pg_many *m, struct err *e)
{
	size_t n = m->n + 1;
	struct pollfd *v;

	for (const struct pgm_name *p = m->names; p != NULL; p = p->next)
		n++;
	if (n <= m->nfds)
		return 0;
	if ((v = realloc(m->fds, n * sizeof(*v))) == NULL)
		return err_set_nomem(e);
	m->fds = v;
	m->nfds = n;
	return 0;
}

/* The signal pipe, the names in the order of their list, the sessions in
 * theirs; returns how many. */
static size_t
fill_fds(struct pg_many *m, int64_t now)
{
	size_t n = 0;

	m->fds[n++] = (struct pollfd){
	    .fd = m->muted <= now ? m->o.sigfd : -1, .events = POLLIN};
	for (const struct pgm_name *p = m->names; p != NULL; p = p->next)
		m->fds[n++] = (struct pollfd){.fd = p->r.fd, .events = POLLIN};
	for (size_t i = 0; i < m->n; i++) {
		const struct pgm_session *s = m->v[i];

		m->fds[n++] =
		    (struct pollfd){.fd = running(s) && s->pg.conn != NULL
					      ? PQsocket(s->pg.conn)
					      : -1,
			.events = s->events};
	}
	return n;
}

static int
wait_some(struct pg_many *m, int64_t deadline, struct err *e)
{
	int64_t now = clock_ms(), until = deadline;
	size_t n;

	if (make_room(m, e) == -1)
		return -1;
	if (m->muted > now)
		until = MIN_OF(until, m->muted);
	n = fill_fds(m, now);
	if (poll(m->fds, n, deadline_poll_ms(until)) == -1) {
		if (errno != EINTR)
			return err_set_errno(e, ERR_INTERNAL, "could not poll");
		for (size_t i = 0; i < n; i++)
			m->fds[i].revents = 0;
	}
	if (m->o.sigfd != -1 && sig_check(e) == -1)
		return -1;
	if (m->fds[0].revents != 0)
		m->muted = clock_ms() + MUTE_MS;
	return 0;
}

/* Nothing may be added or removed between poll and here. */
static void
take_events(struct pg_many *m)
{
	const struct pollfd *p = m->fds + 1;

	for (struct pgm_name *name = m->names; name != NULL;
	     name = name->next, p++)
		name->ready = p->revents != 0;
	for (size_t i = 0; i < m->n; i++, p++)
		m->v[i]->ready = p->revents != 0;
}

/* Its end takes it, and maybe others, from the list: look from the start. */
static bool
step_name(struct pg_many *m)
{
	for (struct pgm_name *name = m->names; name != NULL;
	     name = name->next) {
		int rc;

		if (!name->ready || name->done)
			continue;
		name->ready = false;
		rc = resolve_step(&name->r);
		name->broken = rc == -1;
		if (rc != 0)
			pg_many_named(m, name);
		return true;
	}
	return false;
}

static void
step(struct pg_many *m, struct pgm_session *s)
{
	int rc = 0;

	s->ready = false;
	if (s->state == PGM_CONNECTING && s->pg.conn != NULL)
		rc = pg_many_connect_step(s);
	else if (s->state == PGM_BUSY)
		rc = pg_many_query_step(s);
	if (rc == -1)
		pg_many_fail(m, s);
}

int
pg_many_run(struct pg_many *m, int64_t deadline, struct err *e)
{
	bool last = false;

	for (;;) {
		tell(m);
		if (!any_running(m))
			return 1;
		if (last) {
			note_late(m);
			return 0;
		}
		/* What is there already is taken, however late it is. */
		last = deadline_passed(deadline);
		if (wait_some(m, deadline, e) == -1)
			return -1;
		take_events(m);
		for (size_t i = 0; i < m->n; i++)
			if (m->v[i]->ready)
				step(m, m->v[i]);
		while (step_name(m))
			;
	}
}

/* --- facts ---------------------------------------------------------------- */

enum pg_many_state
pg_many_state(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? s->state : PGM_CLOSED;
}

int
pg_many_version(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? s->version : 0;
}

const char *
pg_many_version_text(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? pg_or_empty(s->version_text) : "";
}

const char *
pg_many_host(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? pg_or_empty(s->host) : "";
}

const char *
pg_many_hostaddr(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? s->hostaddr : "";
}

const char *
pg_many_port(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? pg_or_empty(s->port) : "";
}

const char *
pg_many_user(const struct pg_many *m, int i)
{
	const struct pgm_session *s = get(m, i);

	return s != NULL ? pg_or_empty(s->user) : "";
}

const struct err *
pg_many_error(const struct pg_many *m, int i)
{
	static const struct err none = ERR_INIT;
	const struct pgm_session *s = get(m, i);

	return s != NULL ? &s->err : &none;
}

/* The statement's answer, when its batch is complete; else *why not. */
static const struct pgm_item *
item(const struct pg_many *m, int i, size_t k, const char **why)
{
	const struct pgm_session *s = get(m, i);

	if (s == NULL || s->state == PGM_CLOSED)
		*why = "there is no session";
	else if (s->state != PGM_IDLE)
		*why = err_is_set(&s->err) ? s->err.text : "no answer yet";
	else if (k >= s->n)
		*why = "it was not asked";
	else
		return &s->items[k];
	return NULL;
}

const struct pg_rows *
pg_many_rows(const struct pg_many *m, int i, size_t k, const char **error)
{
	const char *why = NULL;
	const struct pgm_item *it = item(m, i, k, &why);

	if (it != NULL && it->rows.res != NULL)
		return &it->rows;
	if (it != NULL)
		why = it->error != NULL ? it->error : "unknown error";
	if (error != NULL)
		*error = why;
	return NULL;
}

const char *
pg_many_sqlstate(const struct pg_many *m, int i, size_t k)
{
	const char *why;
	const struct pgm_item *it = item(m, i, k, &why);

	return it != NULL ? it->sqlstate : "";
}
