#include "base/std.h"
#include "base/clock.h"
#include "core/lsn.h"
#include "core/path.h"
#include "core/pgver.h"
#include "core/wire.h"
#include "flow/walfetch.h"

#define LIST_MS 2000
#define HISTORY_MAX (1u << 20)

/* One file that was seen on the source and is wanted. */
struct wal {
	char name[32];
	uint64_t segno; /* segments only */
	bool history;
	bool asked, have;
};

struct walfetch {
	struct walfetch_opts o;
	struct wal *v;
	size_t n, cap, next;
	uint64_t now_lsn;
	int64_t listed; /* clock_ms of the last listing asked for */
	bool final;     /* the backup has stopped: the last one is finished */
	char path[96];  /* of the job handed out last */
	unsigned count;
};

struct walfetch *
walfetch_new(const struct walfetch_opts *o, struct err *e)
{
	struct walfetch *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	w->o = *o;
	return w;
}

void
walfetch_free(struct walfetch *w)
{
	if (w == NULL)
		return;
	free(w->v);
	free(w);
}

static bool
known(const struct walfetch *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->v[i].name, name) == 0)
			return true;
	return false;
}

static int
want(struct walfetch *w, const struct wal *wal, struct err *e)
{
	if (known(w, wal->name))
		return 0;
	if (w->n == w->cap) {
		size_t cap = w->cap == 0 ? 64 : w->cap * 2;
		struct wal *v = realloc(w->v, cap * sizeof(*v));

		if (v == NULL)
			return err_set_nomem(e);
		w->v = v;
		w->cap = cap;
	}
	w->v[w->n++] = *wal;
	return 0;
}

/* Recycled files stand ahead of the position that is written: what lies behind
 * it is finished. */
static bool
finished(const struct walfetch *w, uint64_t segno)
{
	uint64_t now = wal_segno(w->now_lsn, w->o.segsize, w->o.version);

	return w->final ? segno <= now : segno < now;
}

static int
listed(void *arg, const struct manifest *m, struct err *e)
{
	struct walfetch *w = arg;
	uint64_t first = wal_segno(w->o.start_lsn, w->o.segsize, w->o.version);

	for (size_t i = 0; i < m->n; i++) {
		const char *name = path_base(m->v[i].path);
		struct wal wal = {.history = wal_is_history(name)};
		uint32_t tli = 0;

		if (m->v[i].type != ENTRY_FILE ||
		    strlen(name) >= sizeof(wal.name))
			continue;
		if (!wal.history &&
		    (wal_parse_name(name, w->o.segsize, w->o.version, &tli,
			 &wal.segno) == -1 ||
			tli != w->o.timeline || wal.segno < first ||
			!finished(w, wal.segno)))
			continue;
		(void)snprintf(wal.name, sizeof(wal.name), "%s", name);
		if (want(w, &wal, e) == -1)
			return -1;
	}
	return 0;
}

int
walfetch_tick(struct walfetch *w, uint64_t now_lsn, struct err *e)
{
	int64_t now = clock_ms();

	if (now_lsn > w->now_lsn)
		w->now_lsn = now_lsn;
	if (pool_asking(w->o.pool) || now - w->listed < LIST_MS)
		return 0;
	w->listed = now;
	return pool_list_async(w->o.pool, w->o.wal_dir, listed, w, e);
}

int
walfetch_next(struct walfetch *w, struct fetch_job *job, struct err *e)
{
	struct wal *wal;

	(void)e;
	if (w->next >= w->n)
		return 0;
	wal = &w->v[w->next];
	wal->asked = true;
	(void)snprintf(
	    w->path, sizeof(w->path), "%s/%s", w->o.wal_dir, wal->name);
	*job = (struct fetch_job){.id = w->o.first_id + (uint32_t)w->next,
	    .kind = ACT_COPY,
	    .flags = ACT_ASIDE | FETCH_SAME,
	    .size = wal->history ? HISTORY_MAX : w->o.segsize,
	    .mode = w->o.file_mode,
	    .path = w->path};
	w->next++;
	return 1;
}

/* archive_status/NAME.done: else the standby would archive it again once it is
 * promoted. */
static int
mark_done(struct walfetch *w, const struct wal *wal, struct err *e)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/archive_status/%s.done",
	    w->o.wal_dir, wal->name);
	fd = tree_openat(
	    w->o.tree, path, O_WRONLY | O_CREAT | O_NOFOLLOW, w->o.file_mode);
	if (fd == -1)
		return err_set_errno(
		    e, ERR_TARGET_IO, "could not create \"%s\"", path);
	(void)fchmod(fd, w->o.file_mode); /* whatever the umask */
	(void)close(fd);
	return 0;
}

/* A file that was recycled keeps its old content for a while: its first page
 * tells what it really holds. */
static bool
proven(struct walfetch *w, const struct wal *wal)
{
	char page[64], path[96];
	ssize_t n = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", w->o.wal_dir, wal->name);
	fd = tree_openat(w->o.tree, path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd == -1)
		return false;
	n = read(fd, page, sizeof(page));
	(void)close(fd);
	return n > 0 &&
	       wal_page_matches(page, (size_t)n, pgver_wal_magic(w->o.version),
		   w->o.timeline, wal->segno, w->o.segsize, w->o.version);
}

int
walfetch_done(struct walfetch *w, const struct fetch_result *r, struct err *e)
{
	size_t i = r->id - w->o.first_id;
	struct wal *wal;
	char path[96];

	if (i >= w->n || !w->v[i].asked)
		return err_set(e, ERR_INTERNAL, "WAL result for nothing");
	wal = &w->v[i];
	if (r->status != WIRE_FILE_OK)
		return 0;
	if (!wal->history && (r->size != w->o.segsize || !proven(w, wal))) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", w->o.wal_dir, wal->name);
		(void)tree_unlink(w->o.tree, path);
		return 0;
	}
	wal->have = true;
	w->count++;
	return mark_done(w, wal, e);
}

static int
check_complete(const struct walfetch *w, uint64_t stop_lsn, struct err *e)
{
	uint64_t first = wal_segno(w->o.start_lsn, w->o.segsize, w->o.version);
	/* A stop position on a boundary belongs to the segment before. */
	uint64_t last = wal_segno(stop_lsn - 1, w->o.segsize, w->o.version);
	char name[WAL_NAME];

	for (uint64_t s = first; s <= last; s++) {
		bool have = false;

		(void)wal_name(
		    w->o.timeline, s, w->o.segsize, w->o.version, name);
		for (size_t i = 0; i < w->n && !have; i++)
			have = w->v[i].have && strcmp(w->v[i].name, name) == 0;
		if (have)
			continue;
		(void)err_set(e, ERR_WAL_MISSING,
		    "WAL segment %s, needed by this copy, is no longer on the "
		    "source",
		    name);
		return err_hint(e,
		    "Let the source keep more WAL "
		    "(wal_keep_size, wal_keep_segments), or let a slot keep "
		    "it (without --no-slot), and run the same command again.");
	}
	return 0;
}

static bool
not_listing(void *arg)
{
	return !pool_listing(((struct walfetch *)arg)->o.pool);
}

static int
next_cb(void *arg, struct fetch_job *job, struct err *e)
{
	return walfetch_next(arg, job, e);
}

static int
done_cb(void *arg, const struct fetch_result *r, struct err *e)
{
	return walfetch_done(arg, r, e);
}

int
walfetch_finish(struct walfetch *w, uint64_t stop_lsn, struct err *e)
{
	struct pool_work work = {.next = next_cb, .done = done_cb, .arg = w};

	if (pool_wait(w->o.pool, DEADLINE_NEVER, not_listing, w, e) == -1)
		return -1;
	w->final = true;
	w->now_lsn = stop_lsn - 1;
	if (pool_list_async(w->o.pool, w->o.wal_dir, listed, w, e) == -1 ||
	    pool_wait(w->o.pool, DEADLINE_NEVER, not_listing, w, e) == -1 ||
	    pool_run(w->o.pool, &work, e) == -1)
		return -1;
	return check_complete(w, stop_lsn, e);
}

/* A segment that begins at o->start_lsn or behind it? */
static bool
is_ahead(const struct walfetch_opts *o, const struct entry *n)
{
	uint64_t segno;
	uint32_t tli;

	return n->type == ENTRY_FILE &&
	       wal_parse_name(path_base(n->path), o->segsize, o->version, &tli,
		   &segno) == 0 &&
	       segno >= wal_segno(o->start_lsn, o->segsize, o->version);
}

int
walfetch_ahead(const struct walfetch_opts *o, uint64_t *n, struct err *e)
{
	struct wire_manifest req = {.dir = {o->wal_dir, strlen(o->wal_dir)}};
	struct manifest m = {0};
	int rc = pool_manifest(o->pool, &req, NULL, &m, NULL, e);

	*n = 0;
	for (size_t i = 0; i < m.n; i++)
		*n += is_ahead(o, &m.v[i]);
	manifest_free(&m);
	return rc;
}

unsigned
walfetch_count(const struct walfetch *w)
{
	return w->count;
}
