/*
 * Is the server that answers SQL the one whose directory the agent reads?  An
 * address of several servers, a pooler, or another --ssh make two of them, with
 * the same path.  What both know of themselves tells: the port, and the start.
 */
#include "base/std.h"
#include "flow/clone_int.h"
#include "flow/pidfile.h"

#define QUERY_MS 30000
#define PIDFILE_MAX 8192
/* The process begins, and writes that into postmaster.pid; what SQL calls its
 * start is when it has its memory and its libraries (postmaster.c: PgStartTime
 * is set last).  Both by one clock. */
#define START_S 10

int
clone_witness_ask(struct clone *c, struct clone_witness *w, struct err *e)
{
	static const char sql[] =
	    "SELECT extract(epoch FROM pg_postmaster_start_time())::bigint"
	    "::text, current_setting('port')";
	struct pg_rows *r = NULL;
	struct pg *pg;
	int rc;

	*w = (struct clone_witness){.port = 0};
	if (pg_open(&pg, &c->pg, e) == -1)
		return -1;
	rc = pg_query(pg, &r, clone_deadline(c, QUERY_MS), sql, 0, NULL, e);
	if (rc == 0 && pg_rows_n(r) == 1 && pg_rows_get(r, 0, 0) != NULL &&
	    pg_rows_get(r, 0, 1) != NULL) {
		w->started = strtoll(pg_rows_get(r, 0, 0), NULL, 10);
		w->port = (int)strtol(pg_rows_get(r, 0, 1), NULL, 10);
	}
	pg_rows_free(r);
	pg_close(pg);
	return rc;
}

static int
differ(const struct pidfile *f, const struct clone_witness *w, struct err *e)
{
	(void)err_set(e, ERR_SOURCE,
	    "the directory that it reads may be that of another server than "
	    "the one that answers SQL");
	if (f->started == 0 || f->port == 0)
		return err_detail(
		    e, "Its postmaster.pid does not tell start and port.");
	return err_detail(e,
	    "Its postmaster.pid tells port %d and the start %" PRId64
	    " s since 1970, SQL port %d and %" PRId64 ".",
	    f->port, f->started, w->port, w->started);
}

int
clone_witness_check(
    const struct clone_witness *w, struct pool *p, struct err *e)
{
	struct buf text = BUF_INIT;
	struct pidfile f = {.pid = 0};
	int64_t late;

	if (pool_read_file(p, "postmaster.pid", PIDFILE_MAX, &text, e) == -1) {
		buf_free(&text);
		return -1;
	}
	(void)pidfile_parse(text.data, text.len, &f);
	buf_free(&text);
	late = w->started - f.started;
	if (f.started > 0 && f.port > 0 && f.port == w->port && late >= 0 &&
	    late <= START_S)
		return 0;
	return differ(&f, w, e);
}
