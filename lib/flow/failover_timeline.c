/*
 * On which timeline is the WAL that a standby has?  Its receiver says it while
 * it streams; once the primary is gone there is none, and pg_control tells the
 * timeline of the last restart point, which may be an older one: a standby that
 * has most would be taken for an abandoned one.  So those are asked by
 * IDENTIFY_SYSTEM, which answers the timeline of replay, and by the names of
 * their WAL files for what is not replayed yet.  Else it is unknown, and
 * positions decide alone.
 */
#include "base/std.h"
#include "base/clock.h"
#include "flow/failover_int.h"

#define ASK_MS 2000

static bool
is_told(const struct status_node *n)
{
	const struct status_receiver *r = &n->receiver;

	return r->present && r->timeline != 0 && r->status != NULL &&
	       strcmp(r->status, "streaming") == 0;
}

static uint32_t
of_replay(const struct pg_opts *o)
{
	uint64_t id, lsn;
	uint32_t timeline = 0;

	if (pg_identify_system(o, &id, &timeline, &lsn, NULL) == -1)
		return 0;
	return timeline;
}

/* The newest timeline in pg_wal. */
static uint32_t
of_files(const struct pg_opts *o)
{
	struct pg_rows *r = NULL;
	struct buf sql = BUF_INIT;
	struct pg *pg = NULL;
	uint32_t timeline = 0;
	const char *dir, *t;

	if (pg_open(&pg, o, NULL) == -1)
		return 0;
	dir = pgver(pg_version(pg), PGFACT_DIR_WAL);
	buf_adds(&sql, "SELECT max(substr(n, 1, 8)) FROM ");
	if (strcmp(dir, "pg_wal") == 0) /* allowed to pg_monitor */
		buf_adds(&sql, "(SELECT name FROM pg_ls_waldir()) w(n)");
	else
		buf_addf(&sql, "pg_ls_dir('%s') w(n)", dir);
	buf_adds(&sql, " WHERE n ~ '^[0-9A-F]{24}$'");
	if (pg_query(pg, &r, deadline_in(ASK_MS), buf_str(&sql), 0, NULL,
		NULL) == 0 &&
	    pg_rows_n(r) == 1 && (t = pg_rows_get(r, 0, 0)) != NULL)
		timeline = (uint32_t)strtoul(t, NULL, 16);
	pg_rows_free(r);
	pg_close(pg);
	buf_free(&sql);
	return timeline;
}

static int
ask(struct failover *f, int i, struct err *e)
{
	struct status_node *n = &f->s.nodes[i];
	struct conninfo c = {.n = 0};
	struct pg_opts o = {.conninfo = &c,
	    .application_name = FAILOVER_NAME,
	    .connect_ms = ASK_MS,
	    .sigfd = f->o->sigfd};
	uint32_t replay, files = 0;

	if (failover_nodes_conninfo(f, i, &c, e) == -1)
		return -1;
	replay = of_replay(&o);
	if (replay == 0 || n->received > n->replayed)
		files = of_files(&o);
	conninfo_free(&c);
	/* What pg_control says is no more than a lower bound. */
	if (replay == 0 && files == 0)
		n->timeline = 0;
	else
		n->timeline = MAX_OF(n->timeline, MAX_OF(replay, files));
	return failover_interrupted(f, e);
}

int
failover_timelines(struct failover *f, struct err *e)
{
	for (size_t i = 0; i < f->s.n; i++) {
		const struct status_node *n = &f->s.nodes[i];

		if (n->reach == REACH_YES && n->says == ROLE_STANDBY &&
		    !is_told(n) && ask(f, (int)i, e) == -1)
			return -1;
	}
	return 0;
}
