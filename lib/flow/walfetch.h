/*
 * WAL of a backup fetched over SSH where no slot keeps it (faults B29):
 * finished segments are followed during the copy, the rest comes after the
 * stop.  Each segment is proven by its first page; all from start to stop must
 * be there.
 */
#ifndef FLOW_WALFETCH_H
#define FLOW_WALFETCH_H

#include "base/std.h"
#include "base/err.h"
#include "core/manifest.h"
#include "flow/fetch.h"
#include "flow/pool.h"
#include "io/tree.h"

struct walfetch;
struct walfetch_opts {
	struct pool *pool;
	struct tree *tree;
	const char *wal_dir; /* "pg_wal" */
	int version;
	uint32_t segsize;
	uint32_t timeline;
	uint64_t start_lsn;
	uint32_t file_mode;
	uint32_t first_id; /* job ids from here on are ours */
};

struct walfetch *walfetch_new(const struct walfetch_opts *o, struct err *e);
void walfetch_free(struct walfetch *w);
/* At least each second: asks for a new listing when the last one is old. */
int walfetch_tick(struct walfetch *w, uint64_t now_lsn, struct err *e);
/* As in struct pool_work: a segment that is wanted and finished. */
int walfetch_next(struct walfetch *w, struct fetch_job *job, struct err *e);
int walfetch_done(
    struct walfetch *w, const struct fetch_result *r, struct err *e);
/* After the stop: everything up to stop_lsn, history files, and the proof;
 * ERR_WAL_MISSING names the first segment that is not there. */
int walfetch_finish(struct walfetch *w, uint64_t stop_lsn, struct err *e);
/*
 * How many segments the source has from start_lsn on, those that it recycled
 * for later included: as many as it expects to write until its next checkpoint
 * (RemoveOldXlogFiles: from 9.5 an estimate of its own load, between
 * min_wal_size and max_wal_size; before, 2 * checkpoint_segments + 1).  What
 * slots and wal_keep_size hold back lies before start_lsn.
 */
int walfetch_ahead(const struct walfetch_opts *o, uint64_t *n, struct err *e);
/* Number of segments fetched. */
unsigned walfetch_count(const struct walfetch *w);

#endif
