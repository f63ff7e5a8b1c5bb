/*
 * On which timeline is the WAL that a standby has?  Its receiver says it while
 * it streams; once the primary is gone there is none, and pg_control tells the
 * timeline of the last restart point, which may be an older one: a standby that
 * has most would be taken for an abandoned one.  So those are asked by
 * IDENTIFY_SYSTEM, which answers the timeline of replay, and for what is not
 * replayed yet by the name of the WAL file that it is in: others may be left
 * from a former life of the directory, on a timeline of their own.  Else it is
 * unknown, and positions decide alone.
 */
#include "base/std.h"
#include "base/clock.h"
#include "core/lsn.h"
#include "core/text.h"
#include "flow/failover_int.h"

#define ASK_MS 2000

static bool
is_told(const struct status_node *n)
{
	const struct status_receiver *r = &n->receiver;

	return r->present && r->timeline != 0 && r->status != NULL &&
	       strcmp(r->status, "streaming") == 0;
}

/* Who let a question hang is not asked again by the next look: each of them
 * would wait for all of its time. */
static bool
has_hung(const struct failover *f, const char *name)
{
	const char *at = f->hung.data;
	size_t n = strlen(name);

	while (at != NULL && *at != '\0') {
		if (strncmp(at, name, n) == 0 && at[n] == '\n')
			return true;
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	return false;
}

static uint32_t
of_replay(struct failover *f, const struct pg_opts *o, const char *name)
{
	struct err why = ERR_INIT;
	uint64_t id, lsn;
	uint32_t timeline = 0;

	if (has_hung(f, name))
		return 0;
	if (pg_identify_system(o, &id, &timeline, &lsn, &why) == 0)
		return timeline;
	if (why.code == ERR_TIMEOUT)
		buf_addf(&f->hung, "%s\n", name);
	return 0;
}

/* "........" and the 16 digits of the segment that the last byte before the
 * position is in; -1: not known. */
static int
segment_pattern(struct pg *pg, uint64_t received, int64_t by, struct buf *b)
{
	struct pg_rows *r = NULL;
	uint64_t size = 0, segno;
	char name[WAL_NAME];
	const char *s;
	int rc = -1;

	if (received != LSN_INVALID &&
	    pg_query(pg, &r, by, "SELECT current_setting('wal_segment_size')",
		0, NULL, NULL) == 0 &&
	    pg_rows_n(r) == 1 && (s = pg_rows_get(r, 0, 0)) != NULL &&
	    text_size(s, &size) == 0 && size <= UINT32_MAX &&
	    wal_segsize_valid((uint32_t)size)) {
		segno = wal_segno(received - 1, (uint32_t)size, pg_version(pg));
		buf_addf(b, "^[0-9A-F]{8}%s$",
		    wal_name(1, segno, (uint32_t)size, pg_version(pg), name) +
			8);
		rc = 0;
	}
	pg_rows_free(r);
	return rc;
}

/* The newest timeline among the names of that segment in pg_wal: where the
 * node went over to another timeline within it there are two. */
static uint32_t
of_files(const struct pg_opts *o, uint64_t received, int64_t by)
{
	struct pg_rows *r = NULL;
	struct buf sql = BUF_INIT, pattern = BUF_INIT;
	struct pg *pg = NULL;
	uint32_t timeline = 0;
	const char *dir, *t;

	if (pg_open(&pg, o, NULL) == -1)
		return 0;
	if (segment_pattern(pg, received, by, &pattern) == -1)
		goto out;
	dir = pgver(pg_version(pg), PGFACT_DIR_WAL);
	buf_adds(&sql, "SELECT max(substr(n, 1, 8)) FROM ");
	if (strcmp(dir, "pg_wal") == 0) /* allowed to pg_monitor */
		buf_adds(&sql, "(SELECT name FROM pg_ls_waldir()) w(n)");
	else
		buf_addf(&sql, "pg_ls_dir('%s') w(n)", dir);
	buf_addf(&sql, " WHERE n ~ '%s'", buf_str(&pattern));
	if (pg_query(pg, &r, by, buf_str(&sql), 0, NULL, NULL) == 0 &&
	    pg_rows_n(r) == 1 && (t = pg_rows_get(r, 0, 0)) != NULL)
		timeline = (uint32_t)strtoul(t, NULL, 16);
out:
	pg_rows_free(r);
	pg_close(pg);
	buf_free(&sql);
	buf_free(&pattern);
	return timeline;
}

static int
ask(struct failover *f, int i, struct err *e)
{
	struct status_node *n = &f->s.nodes[i];
	struct conninfo c = {.n = 0};
	struct pg_opts o = {.conninfo = &c,
	    .application_name = FAILOVER_NAME,
	    .connect_ms = failover_ms_left(f, ASK_MS),
	    .once = true,
	    .sigfd = f->o->sigfd};
	uint32_t replay, files = 0;
	bool known;

	if (failover_nodes_conninfo(f, i, &c, e) == -1)
		return -1;
	replay = of_replay(f, &o, n->name);
	known = replay != 0 && n->received <= n->replayed;
	if (!known) {
		o.connect_ms = failover_ms_left(f, ASK_MS);
		files = of_files(&o, n->received, failover_by(f, ASK_MS));
		known = files != 0;
	}
	conninfo_free(&c);
	/* What pg_control says is no more than a lower bound, and the timeline
	 * of replay too while there is more. */
	n->timeline = known ? MAX_OF(n->timeline, MAX_OF(replay, files)) : 0;
	if (failover_interrupted(f, e) == -1)
		return -1;
	return failover_late(f, false, e);
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
