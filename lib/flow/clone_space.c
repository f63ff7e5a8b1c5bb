#include "base/std.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/clone_int.h"

/* One row per file system: what comes, what goes, and the largest copy that is
 * made aside. */
struct space {
	dev_t dev;
	int fd;
	const char *path;
	uint64_t need, freed, files, aside;
};

static void
add_space(struct space *v, size_t *n, int fd, const char *path)
{
	struct stat st;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == -1)
		goto known;
	for (size_t i = 0; i < *n; i++)
		if (v[i].dev == st.st_dev)
			goto known;
	v[(*n)++] = (struct space){.dev = st.st_dev, .fd = fd, .path = path};
	return;
known:
	(void)close(fd);
}

/* The directory that is there already above one that will be made. */
static int
open_above(const char *dir)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s", dir);
	while ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		char *slash = strrchr(path, '/');

		if (slash == NULL)
			return -1;
		if (slash == path)
			return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		*slash = '\0';
	}
	return fd;
}

/* Where the WAL will be: the directory or link that is there, --waldir, or in
 * the data directory. */
static void
wal_place(const struct clone *c, char *dir, size_t size)
{
	struct stat st;

	(void)snprintf(dir, size, "%s/%s", c->target.path, c->wal_dir);
	if (stat(dir, &st) == -1 && c->o->waldir != NULL)
		(void)snprintf(dir, size, "%s", c->o->waldir);
}

static bool
is_wal(const struct clone *c, const char *path)
{
	size_t n = strlen(c->wal_dir);

	return strncmp(path, c->wal_dir, n) == 0 && path[n] == '/';
}

/*
 * What comes there.  With a slot the segment that the standby receives: the
 * rest waits on the primary, and the standby removes its own as it goes.
 * Without one all that is written during the copy comes before the standby can
 * remove any.  How much that will be nobody knows; the best guess is the
 * primary's own, the segments that it has ready for the time to its next
 * checkpoint.  Neither max_wal_size (1 GB, whatever the load) nor what lies in
 * its WAL directory (full of what a slot holds back) would be one: both refuse
 * clones that fit.  The segments of start and end come in any case.
 */
static int
wal_need(struct clone *c, uint64_t *need, struct err *e)
{
	struct walfetch_opts o = {.pool = c->pool,
	    .wal_dir = c->wal_dir,
	    .version = c->facts.version,
	    .segsize = c->control.xlog_seg_size,
	    .start_lsn = c->backup.start_lsn != 0 ? c->backup.start_lsn
						  : c->facts.current_lsn};
	uint64_t n = 1;

	if (c->fetch_wal || c->o->want_slot == SLOT_NONE ||
	    c->o->wal == CLONE_WAL_FETCH) {
		if (walfetch_ahead(&o, &n, e) == -1)
			return -1;
		n = MAX_OF(n, 2);
	}
	*need = n * c->control.xlog_seg_size;
	return 0;
}

static struct space *
space_of(struct clone *c, struct space *v, size_t n, const char *path)
{
	size_t k = path_tablespace(path, NULL);
	const char *dir = c->target.path;
	char wal[PATH_MAX];
	struct stat st;
	int fd, rc;

	if (is_wal(c, path)) {
		wal_place(c, wal, sizeof(wal));
		dir = wal;
	}
	for (size_t i = 0; k > 0 && i < c->roots.n; i++)
		if (strlen(c->roots.v[i].prefix) == k &&
		    strncmp(c->roots.v[i].prefix, path, k) == 0)
			dir = c->roots.v[i].dir;
	if ((fd = open_above(dir)) != -1) {
		rc = fstat(fd, &st);
		(void)close(fd);
		for (size_t i = 0; rc == 0 && i < n; i++)
			if (v[i].dev == st.st_dev)
				return &v[i];
	}
	return &v[0];
}

/* Length of the part of a path that names a place of its own. */
static size_t
path_root(const struct clone *c, const char *path)
{
	return is_wal(c, path) ? strlen(c->wal_dir)
			       : path_tablespace(path, NULL);
}

/* Consecutive actions lie in one directory: look its file system up once per
 * root, not per file. */
struct finder {
	struct space *v, *last;
	size_t n, root;
	const char *path;
};

static struct space *
find_space(struct clone *c, struct finder *f, const char *path)
{
	size_t k = path_root(c, path);

	if (f->last == NULL || k != f->root || strncmp(path, f->path, k) != 0)
		f->last = space_of(c, f->v, f->n, path);
	f->path = path;
	f->root = k;
	return f->last;
}

static void
sum_space(struct clone *c, struct space *v, size_t n)
{
	struct finder f = {.v = v, .n = n};

	for (size_t i = 0; i < c->plan.n; i++) {
		const struct action *a = &c->plan.v[i];
		const char *path = a->src != NULL ? a->src->path : a->dst->path;
		uint64_t old = a->dst != NULL ? a->dst->size : 0;
		struct space *s = find_space(c, &f, path);

		if (a->kind == ACT_UNLINK && a->dst->nlink == 1)
			s->freed += old;
		else if (a->src != NULL && a->src->size > old)
			s->need += a->src->size - old;
		s->files += a->src != NULL && a->dst == NULL;
		if (a->src == NULL)
			continue;
		/* What another name keeps stays for good; what is replaced
		 * until its successor is complete. */
		if (a->flags & ACT_UNSHARE)
			s->need += MIN_OF(a->src->size, old);
		else if (a->flags & ACT_ASIDE)
			s->aside = MAX_OF(s->aside, MIN_OF(a->src->size, old));
	}
}

/* Removals come first.  One in a hundred is for directories and the like. */
static uint64_t
need_of(const struct space *s)
{
	uint64_t need = s->need + s->need / 100 + s->aside;

	return need > s->freed ? need - s->freed : 0;
}

/* Room for roots.n + 2 rows; wal: PATH_MAX bytes that a row borrows. */
static size_t
open_spaces(struct clone *c, struct space *v, char *wal)
{
	size_t n = 0;

	add_space(v, &n, open_above(c->target.path), c->target.path);
	for (size_t i = 0; i < c->roots.n; i++)
		add_space(
		    v, &n, open_above(c->roots.v[i].dir), c->roots.v[i].dir);
	wal_place(c, wal, PATH_MAX);
	add_space(v, &n, open_above(wal), wal);
	return n;
}

static void
close_spaces(struct space *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)close(v[i].fd);
	free(v);
}

int
clone_check_space(struct clone *c, struct err *e)
{
	struct space *v = calloc(c->roots.n + 2, sizeof(*v));
	struct preflight_space *rows = calloc(c->roots.n + 2, sizeof(*rows));
	struct preflight pf = {0};
	char wal[PATH_MAX], first[PATH_MAX];
	uint64_t wal_bytes;
	size_t n = 0;
	int rc = -1;

	if (v == NULL || rows == NULL) {
		(void)err_set_nomem(e);
		goto out;
	}
	n = open_spaces(c, v, wal);
	sum_space(c, v, n);
	(void)snprintf(first, sizeof(first), "%s/.", c->wal_dir);
	if (wal_need(c, &wal_bytes, e) == -1)
		goto out;
	space_of(c, v, n, first)->need += wal_bytes;
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct preflight_space){.path = v[i].path,
		    .need = need_of(&v[i]),
		    .inodes_need = v[i].files};
		if (target_space(v[i].fd, &rows[i].free_bytes,
			&rows[i].inodes_free, e) == -1)
			goto out;
	}
	rc = preflight_space(&pf, rows, n) == -1 ? err_set_nomem(e)
						 : preflight_result(&pf, e);
out:
	close_spaces(v, n);
	preflight_free(&pf);
	free(rows);
	return rc;
}

/* What a file takes already: blocks that were only reserved, too. */
static uint64_t
taken(struct clone *c, const char *path)
{
	struct stat st;

	if (tree_stat(c->target.tree, path, &st) == -1)
		return 0;
	return MAX_OF((uint64_t)st.st_size, (uint64_t)st.st_blocks * 512);
}

static void
sum_rest(struct clone *c, struct space *v, size_t n)
{
	struct finder f = {.v = v, .n = n};

	for (size_t i = 0; i < c->plan.n; i++) {
		const struct entry *src = c->plan.v[i].src;
		uint64_t have;

		if (src == NULL || src->type != ENTRY_FILE)
			continue;
		have = taken(c, src->path);
		if (src->size > have)
			find_space(c, &f, src->path)->need += src->size - have;
	}
}

static void
tell_rest(const struct space *s, struct err *e)
{
	struct buf b = BUF_INIT;
	uint64_t there, inodes;

	if (target_space(s->fd, &there, &inodes, NULL) == -1 ||
	    s->need <= there)
		return;
	text_add_size(&b, there);
	buf_adds(&b, " free, and ");
	text_add_size(&b, s->need);
	buf_adds(&b, " of the copy are still to come: ");
	text_add_size(&b, s->need - there);
	if (buf_ok(&b))
		(void)err_detail(e,
		    "The file system of \"%s\" has %s are missing.", s->path,
		    buf_str(&b));
	buf_free(&b);
}

void
clone_tell_room(struct clone *c, struct err *e)
{
	struct space *v;
	char wal[PATH_MAX];
	size_t n;

	if (c->target.tree == NULL || c->plan.n == 0 ||
	    (v = calloc(c->roots.n + 2, sizeof(*v))) == NULL)
		return;
	n = open_spaces(c, v, wal);
	sum_rest(c, v, n);
	for (size_t i = 0; i < n; i++)
		tell_rest(&v[i], e);
	close_spaces(v, n);
}
