/*
 * D14: two promotions at once, on whichever hosts, end in one.  A session-level
 * advisory lock on every node that answers, standbys too; sessions stay open to
 * the end, and who dies lets go.  The order is that of the servers' starts,
 * which is the same from wherever they are seen, so that of two runs one gets
 * through.
 */
#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "flow/failover_int.h"

/* The key, as two numbers: pg_locks shows them as classid and objid. */
#define LOCK_HIGH "7565412"
#define LOCK_LOW "1634558323"

/* Which session that is: no two of all servers are equal.  NULL: this role may
 * not see its start. */
#define ACTIVITY(pid, column) "(pg_stat_get_activity(" pid "))." column
#define SESSION(pid)                                                           \
	pid "::text || ' ' || extract(epoch FROM " ACTIVITY(                   \
	    pid, "backend_start") ")::numeric(20,6)::text"

/* An advisory lock counts within one database only: others are looked for. */
#define HELD                                                                   \
	"l.locktype = 'advisory' AND l.granted AND l.classid = " LOCK_HIGH     \
	" AND l.objid = " LOCK_LOW                                             \
	" AND l.objsubid = 1 AND l.pid <> pg_backend_pid()"
#define OTHER_SESSION                                                          \
	ACTIVITY("l.pid", "application_name") ", " SESSION("l.pid")
#define HOLDERS                                                                \
	"SELECT l.pid::text, " OTHER_SESSION " FROM pg_locks l WHERE " HELD
#define TRY_LOCK                                                               \
	"SELECT pg_try_advisory_lock((" LOCK_HIGH                              \
	"::bigint << 32) | " LOCK_LOW                                          \
	"::bigint), " SESSION("pg_backend_pid()")

struct order {
	const struct status_node *n;
	int i;
};

static int
by_start(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	int rc;

	if (x->n->started_at != y->n->started_at)
		return x->n->started_at < y->n->started_at ? -1 : 1;
	rc = strcmp(x->n->host != NULL ? x->n->host : "",
	    y->n->host != NULL ? y->n->host : "");
	if (rc != 0)
		return rc;
	return strcmp(x->n->port != NULL ? x->n->port : "",
	    y->n->port != NULL ? y->n->port : "");
}

static int
lock_open(struct failover *f, struct failover_lock *l, int i, struct err *e)
{
	struct pg_opts o = {.conninfo = &l->conninfo,
	    .application_name = FAILOVER_NAME,
	    .connect_ms = failover_ms_left(f, FAILOVER_ASK_MS),
	    .once = true,
	    .sigfd = f->o->sigfd};

	l->name = f->s.nodes[i].name;
	if (i == f->node) {
		l->pg = f->pg;
		return f->pg != NULL ? 0
				     : err_set(e, ERR_DB_CONNECT,
					   "there is no session on it");
	}
	if (failover_nodes_conninfo(f, i, &l->conninfo, e) == -1)
		return -1;
	return pg_open(&l->pg, &o, e);
}

/* Any role may take an advisory lock, and keep it: that must not keep a cluster
 * from its failover. */
static int
keep_hint(struct failover *f, const char *node, const char *pid,
    const char *app, struct err *e)
{
	bool ours = app != NULL && strcmp(app, FAILOVER_NAME) == 0;
	struct buf b = BUF_INIT;

	buf_addf(&b,
	    "%s, end it on %s, as a superuser: SELECT pg_terminate_backend(%s)",
	    ours ? "When it is none that you know of"
		 : "It does not call itself " FAILOVER_NAME ": when it is none",
	    node, pid);
	free(f->locked_hint);
	f->locked_hint = buf_steal(&b);
	return f->locked_hint == NULL ? err_set_nomem(e) : 0;
}

/* A node may be reached under two names, and nobody saw that it is one. */
static bool
is_ours(const struct failover *f, const char *session)
{
	for (size_t k = 0; session != NULL && k < f->nlocks; k++)
		if (f->locks[k].session != NULL &&
		    strcmp(f->locks[k].session, session) == 0)
			return true;
	return false;
}

/* Who has it on that node; "" in b: nobody else.  *ours: another session of
 * this run. */
static int
holder(struct failover *f, struct failover_lock *l, struct buf *b, bool *ours,
    struct err *e)
{
	struct pg_rows *r = NULL;
	const char *app;
	int rc = 0;

	if (pg_query(l->pg, &r, failover_by(f, FAILOVER_ASK_MS), HOLDERS, 0,
		NULL, e) == -1)
		return -1;
	for (int i = 0; i < pg_rows_n(r) && b->len == 0; i++) {
		if (is_ours(f, pg_rows_get(r, i, 2))) {
			*ours = true;
			continue;
		}
		app = pg_rows_get(r, i, 1);
		buf_addf(b, "process %s on %s", pg_rows_get(r, i, 0), l->name);
		if (app != NULL && *app != '\0')
			buf_addf(b, " (%s)", app);
		buf_adds(b, " holds the lock");
		rc = keep_hint(f, l->name, pg_rows_get(r, i, 0), app, e);
	}
	pg_rows_free(r);
	return rc;
}

/* 1 ours, 0 another's, -1. */
static int
try_one(struct failover *f, struct failover_lock *l, struct err *e)
{
	struct buf b = BUF_INIT;
	struct pg_rows *r = NULL;
	bool ours = false;
	const char *t;
	int rc = -1;

	if (pg_query(l->pg, &r, failover_by(f, FAILOVER_ASK_MS), TRY_LOCK, 0,
		NULL, e) == -1)
		return -1;
	t = pg_rows_get(r, 0, 0);
	l->held = t != NULL && *t == 't';
	if (l->held &&
	    failover_keep(&l->session, pg_rows_get(r, 0, 1), e) == -1)
		goto out;
	if (holder(f, l, &b, &ours, e) == 0) {
		rc = (l->held || ours) && b.len == 0;
		if (rc == 0 && b.len == 0) /* gone in between */
			buf_addf(&b, "somebody on %s held the lock", l->name);
		if (rc == 0 && (f->locked_by = buf_steal(&b)) == NULL)
			rc = err_set_nomem(e);
	}
out:
	pg_rows_free(r);
	buf_free(&b);
	return rc;
}

/* Where nobody else may begin, it must be held. */
static int
not_got(
    struct failover *f, const char *name, const struct err *why, struct err *e)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "there is no lock on %s: %s", name, why->text);
	f->locked_by = buf_steal(&b);
	return f->locked_by == NULL ? err_set_nomem(e) : 0;
}

int
failover_lock_refuse(struct failover *f, struct err *e)
{
	if (f->committed)
		return err_set(e, ERR_PROMOTING, "%s", f->locked_by);
	if (failover_add_refusal(f, "promotion-running", "D14", false,
		f->locked_by,
		f->locked_hint != NULL ? f->locked_hint
				       : "Look at all nodes: repl-status",
		e) == -1)
		return -1;
	return failover_refused(f, e);
}

static int
lock_all(struct failover *f, const struct order *v, size_t n, struct err *e)
{
	for (size_t k = 0; k < n; k++) {
		struct failover_lock *l = &f->locks[k];
		struct err why = ERR_INIT;
		int rc;

		f->nlocks = k + 1;
		rc = lock_open(f, l, v[k].i, &why);
		if (rc == 0)
			rc = try_one(f, l, &why);
		if (why.code == ERR_INTERRUPTED || why.code == ERR_NOMEM) {
			*e = why;
			return -1;
		}
		if (rc == -1 && v[k].i == f->node)
			return not_got(f, l->name, &why, e) == 0
				   ? failover_lock_refuse(f, e)
				   : -1;
		if (rc == -1)
			failover_warn(f, NULL,
			    "no lock on %s, so that a promotion that is run "
			    "there at the same time may not be seen: %s",
			    l->name, why.text);
		if (f->locked_by != NULL)
			return 0;
	}
	return 0;
}

int
failover_lock(struct failover *f, struct err *e)
{
	struct order *v = calloc(f->s.n + 1, sizeof(*v));
	size_t n = 0;
	int rc = -1;

	f->locks = calloc(f->s.n + 1, sizeof(*f->locks));
	if (v == NULL || f->locks == NULL) {
		free(v);
		return err_set_nomem(e);
	}
	for (size_t i = 0; i < f->s.n; i++)
		if (f->s.nodes[i].reach == REACH_YES)
			v[n++] = (struct order){&f->s.nodes[i], (int)i};
	qsort(v, n, sizeof(*v), by_start);
	rc = lock_all(f, v, n, e);
	/* The names are those of a look that is over soon; the candidate's
	 * session may be opened anew. */
	for (size_t k = 0; k < f->nlocks; k++) {
		f->locks[k].name = NULL;
		if (f->locks[k].pg == f->pg)
			f->locks[k].pg = NULL;
	}
	free(v);
	return rc == 0 && f->locked_by == NULL ? failover_in_time(f, e) : rc;
}

int
failover_lock_again(struct failover *f, struct err *e)
{
	struct failover_lock l = {
	    .pg = f->pg, .name = f->s.nodes[f->node].name};
	struct err why = ERR_INIT;
	int rc = -1;

	if (f->locks == NULL || f->locked_by != NULL)
		return 0;
	if (f->pg == NULL)
		(void)err_set(
		    &why, ERR_DB_CONNECT, "there is no session on it");
	else
		rc = try_one(f, &l, &why);
	free(l.session);
	if (why.code == ERR_INTERRUPTED || why.code == ERR_NOMEM) {
		*e = why;
		return -1;
	}
	return rc == -1 ? not_got(f, l.name, &why, e) : 0;
}

void
failover_unlock(struct failover *f)
{
	for (size_t k = 0; k < f->nlocks; k++) {
		pg_close(f->locks[k].pg);
		conninfo_free(&f->locks[k].conninfo);
		free(f->locks[k].session);
	}
	free(f->locks);
	f->locks = NULL;
	f->nlocks = 0;
}
