/*
 * N workers, seen from the parent: start, requests, dispatch of jobs, results.
 * One thread, one poll loop.  The pool never knows what the jobs are for.
 */
#ifndef FLOW_POOL_H
#define FLOW_POOL_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/manifest.h"
#include "core/wire.h"
#include "flow/fetch.h"
#include "io/remote.h"

struct pool;
struct pollfd;

struct pool_opts {
	unsigned n; /* workers at most, 1..32 */
	const struct remote_opts *remote;
	const char *agent, *push_agent, *package;
	int64_t connect_ms; /* that pool_ready waits for the first; > 0 */
	/* A line for the user from a worker; may be NULL. */
	void (*note)(void *arg, const char *text);
	/*
	 * What else the caller has to look after while the pool waits (signals,
	 * the ping of the backup session, progress).  pollfds fills at most 4
	 * entries and returns their number; tick is called after each wait, at
	 * least every 200 ms; -1 ends the wait with that error.  May be NULL.
	 */
	int (*pollfds)(void *arg, struct pollfd *fds);
	int (*tick)(void *arg, struct err *e);
	void *arg;
};

/* What all agents said to OPEN; texts owned. */
struct pool_source {
	struct wire_opened o; /* its strings point into text */
	struct buf text;
};

/*
 * Fork the workers (no libpq session may be open: see architecture.md 3.2), and
 * tell the first to connect, which it does while the caller does other things.
 * The others wait for pool_crew.  NULL with e.
 */
struct pool *pool_start(const struct pool_opts *o, struct err *e);
/*
 * Wait until the first has an agent that answers, for connect_ms from now;
 * within the first seconds a server that drops it before login is asked again.
 * Between the two nothing is seen of it, however long that takes, and nothing
 * may be asked.
 */
int pool_ready(struct pool *p, struct err *e);
/*
 * From now on n workers are wanted: the others connect while the pool waits for
 * anything, one after the other, and take part when they are there.  One that
 * is not let in tries again until the files are fetched: a note says so, and
 * at the end with how many it was done.  One whose session or agent fails
 * before it has a job is left out, with a note.  Neither is an error; it is
 * one that an agent sees another data directory than the first.
 */
void pool_crew(struct pool *p, unsigned n);
/* How many there are at this moment. */
unsigned pool_size(const struct pool *p);
const char *pool_name(const struct pool *p); /* user@host:port of the source */

/* OPEN to every agent, now or when it comes; src gets what they said (it must
 * be the same).  o's max_rate is of all together, and divided among those who
 * are at work. */
int pool_open(struct pool *p, const struct wire_open *o,
    struct pool_source *src, struct err *e);
void pool_source_free(struct pool_source *src);

/* From now on every agent looks at the checksums of the pages that it reads,
 * those excepted that WAL from start_lsn on brings anew.  Not waited for. */
int pool_verify(struct pool *p, uint64_t start_lsn, struct err *e);

/* fetch_spare (flow/fetch.h) in every worker, with the same start. */
int pool_spare(
    struct pool *p, uint64_t start_lsn, uint32_t relseg_size, struct err *e);

/* One request to one agent, waited for.  MANIFEST: complete and digest-checked,
 * or an error.  specials may be NULL. */
int pool_manifest(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, uint64_t *specials,
    struct err *e);
/* The two halves of it, for who has something to do meanwhile; m must live
 * until the second, and nothing else may be asked before it. */
int pool_manifest_ask(struct pool *p, const struct wire_manifest *req,
    const char *const *patterns, struct manifest *m, struct err *e);
int pool_manifest_take(struct pool *p, uint64_t *specials, struct err *e);
/* pg_control, its CRC checked by the agent; check it again. */
int pool_control(struct pool *p, struct buf *control, struct err *e);

/* The configuration of the source's server: each file through cb, whose strings
 * live until it returns. */
typedef int pool_config_fn(
    void *arg, const struct wire_config_file *f, struct err *e);
int pool_config(struct pool *p, pool_config_fn *cb, void *arg, struct err *e);

/* A small file of the source (at most max bytes) into b.  Returns 1, 0 when
 * there is no such file, -1. */
int pool_read_file(
    struct pool *p, const char *path, size_t max, struct buf *b, struct err *e);

/* Where the target is: roots as prefix and directory. */
struct pool_root {
	const char *prefix, *dir;
};
int pool_tree(struct pool *p, const char *pgdata, const struct pool_root *roots,
    size_t n, struct err *e);

/*
 * Jobs until next says 0 and every result has come.  next: 1 and *job (path
 * valid until the next call), 0 nothing at the moment, -1 error.  done: one
 * result.  Both in the parent.
 */
struct pool_work {
	int (*next)(void *arg, struct fetch_job *job, struct err *e);
	int (*done)(void *arg, const struct fetch_result *r, struct err *e);
	void *arg;
};
int pool_run(struct pool *p, const struct pool_work *w, struct err *e);

/* A listing that runs beside pool_run: ask, and be told through cb.  An error
 * while pool_asking. */
int pool_list_async(struct pool *p, const char *dir,
    int (*cb)(void *arg, const struct manifest *m, struct err *e), void *arg,
    struct err *e);
bool pool_listing(const struct pool *p);
/* Is an answer of the first worker awaited, to this or another request?  (Who
 * is called while the pool waits for it must not ask.) */
bool pool_asking(const struct pool *p);

/* Sums of the workers' last PROGRESS. */
struct pool_progress {
	uint64_t handled, in, out;
};
void pool_progress(const struct pool *p, struct pool_progress *g);

/* What the workers do, of those that were called for; texts are borrowed until
 * the pool waits again.  Returns their number, at most max. */
struct pool_worker {
	unsigned number; /* 1 is the first */
	const char *state;
	size_t files;   /* that it holds */
	uint64_t speed; /* bytes per second that come from its agent */
	const char *path;
};
unsigned pool_workers(
    const struct pool *p, struct pool_worker *v, unsigned max);

/* Wait (callbacks run) until the deadline or, when any is not NULL, until it
 * says true. */
int pool_wait(struct pool *p, int64_t deadline, bool (*until)(void *arg),
    void *arg, struct err *e);
/* Look after the workers once, without waiting: for callers that wait in
 * something else. */
int pool_check(struct pool *p, struct err *e);

/* Every agent ends with DONE and its counts are right, or an error. */
int pool_finish(struct pool *p, struct err *e);
/* End all workers, by pid; NULL-safe. */
void pool_close(struct pool *p);

#endif
