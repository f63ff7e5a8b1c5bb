#include "base/std.h"
#include "base/buf.h"
#include "core/path.h"
#include "flow/walk.h"

#include <dirent.h>

#define WALK_TICK 256 /* entries between two calls of tick */

/* One name of a directory, as it was when the directory was read. */
struct found {
	char *name;
	struct stat st;
};
struct listing {
	struct found *v;
	size_t n, cap;
};

struct walker {
	struct tree *t;
	const struct walk_opts *o;
	struct walk_result *r;
	char path[PATH_LIMIT + 1];
	unsigned seen;
};

static void
listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	*l = (struct listing){.v = NULL};
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct found *)a)->name, ((const struct found *)b)->name);
}

static int
listing_add(struct listing *l, const char *name, const struct stat *st)
{
	size_t cap = l->cap == 0 ? 32 : l->cap * 2;
	struct found *v;

	if (l->n == l->cap) {
		if ((v = realloc(l->v, cap * sizeof(*v))) == NULL)
			return -1;
		l->v = v;
		l->cap = cap;
	}
	if ((l->v[l->n].name = strdup(name)) == NULL)
		return -1;
	l->v[l->n++].st = *st;
	return 0;
}

/* A name that went away, or became something else, while we look. */
static bool
vanished(int code)
{
	return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

static int
tick(struct walker *w, struct err *e)
{
	if (w->o->tick == NULL || ++w->seen % WALK_TICK != 0)
		return 0;
	return w->o->tick(w->o->arg, e);
}

static bool
ends_in_init(const char *path)
{
	size_t n = strlen(path);

	return n > 5 && strcmp(path + n - 5, "_init") == 0;
}

/* Told by the directory itself, where the file system keeps the type there:
 * what is not wanted need not be looked at. */
static bool
not_wanted(const struct walker *w, const struct dirent *de)
{
	return w->o->init_only && de->d_type == DT_REG &&
	       !ends_in_init(de->d_name);
}

static int
read_names(struct walker *w, DIR *d, struct listing *l, struct err *e)
{
	struct dirent *de;
	struct stat st;

	while ((errno = 0, de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (tick(w, e) == -1)
			return -1;
		if (not_wanted(w, de))
			continue;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
		    -1) {
			if (vanished(errno))
				continue;
			return err_set_errno(e, ERR_SOURCE_IO,
			    "could not stat file \"%s%s%s\"", w->path,
			    w->path[0] == '\0' ? "" : "/", de->d_name);
		}
		if (listing_add(l, de->d_name, &st) == -1)
			return err_set_nomem(e);
	}
	if (errno != 0 && !vanished(errno))
		return err_set_errno(e, ERR_SOURCE_IO,
		    "could not read directory \"%s\"", w->path);
	return 0;
}

/*
 * Read and close the directory first and descend later: one descriptor is
 * open at a time, however deep the tree.
 */
static int
list(struct walker *w, struct listing *l, struct err *e)
{
	DIR *d = NULL;
	int rc, fd = tree_openat(w->t, w->path, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -1 && vanished(errno))
		return 0;
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		rc = err_set_errno(e, ERR_SOURCE_IO,
		    "could not open directory \"%s\"", w->path);
		if (fd != -1)
			(void)close(fd);
		return rc;
	}
	rc = read_names(w, d, l, e);
	(void)closedir(d);
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(l->v[0]), by_name);
	return rc;
}

static bool
is_root(const struct walker *w)
{
	for (size_t i = 0; i < tree_nroots(w->t); i++)
		if (strcmp(tree_root_prefix(w->t, i), w->path) == 0)
			return true;
	return false;
}

/* A link that is not a root leads to a directory?  Asked of the name only, to
 * judge whether an excluded directory is meant; nothing is opened there. */
static bool
leads_to_dir(const struct walker *w)
{
	struct stat st;

	return fstatat(tree_fd(w->t), w->path, &st, 0) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int
emit(struct walker *w, enum entry_type type, const struct stat *st,
    const char *link, struct err *e)
{
	struct entry en = {
	    .path = w->path,
	    .link = link,
	    .size = type == ENTRY_FILE ? (uint64_t)st->st_size : 0,
	    .mtime_ns = tree_ns(&st->st_mtim),
	    .ctime_ns = tree_ns(&st->st_ctim),
	    .ino = st->st_ino,
	    .dev = st->st_dev,
	    .mode = st->st_mode & 07777,
	    .nlink = (uint32_t)MIN_OF(st->st_nlink, (nlink_t)UINT32_MAX),
	    .type = (uint8_t)type,
	};

	if (w->o->init_only && (type != ENTRY_FILE || !ends_in_init(w->path)))
		return 0;
	return w->o->into != NULL ? manifest_add(w->o->into, &en, e)
				  : w->o->entry(w->o->arg, &en, e);
}

static int
emit_link(struct walker *w, const struct stat *st, struct err *e)
{
	char to[PATH_MAX];
	ssize_t n = -1;
	int fd = tree_openat(w->t, w->path, O_PATH, 0);

	if (fd != -1) {
		n = readlinkat(fd, "", to, sizeof(to) - 1);
		(void)close(fd);
	}
	if (n == -1 && (vanished(errno) || errno == EINVAL))
		return 0;
	if (n == -1)
		return err_set_errno(
		    e, ERR_SOURCE_IO, "could not read link \"%s\"", w->path);
	to[n] = '\0';
	return emit(w, ENTRY_LINK, st, to, e);
}

static int walk_dir(struct walker *w, struct err *e);

/* A link that is a root: the link, as it stands in its directory, then what
 * lies behind it. */
static int
visit_root(struct walker *w, const struct stat *st, enum exclude_verdict v,
    struct err *e)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(tree_fd(w->t), w->path, to, sizeof(to) - 1);

	if (n == -1 && (vanished(errno) || errno == EINVAL))
		return 0;
	if (n == -1)
		return err_set_errno(
		    e, ERR_SOURCE_IO, "could not read link \"%s\"", w->path);
	to[n] = '\0';
	if (emit(w, ENTRY_LINK, st, to, e) == -1)
		return -1;
	if (v == EXCLUDE_CONTENTS || !w->o->recurse)
		return 0;
	return walk_dir(w, e);
}

/* One entry; w->path is its path. */
static int
visit(struct walker *w, const struct stat *found, struct err *e)
{
	struct stat st = *found;
	bool link = S_ISLNK(st.st_mode);
	bool root = link && is_root(w);
	bool dir = S_ISDIR(st.st_mode) || root ||
		   (link && w->o->exclude != NULL && leads_to_dir(w));
	enum exclude_verdict v = EXCLUDE_NO;

	if (w->o->exclude != NULL)
		v = exclude_check(w->o->exclude, w->path, dir);
	if (v == EXCLUDE_ALL)
		return 0;
	if (root)
		return visit_root(w, &st, v, e);
	if (link && !root && v != EXCLUDE_CONTENTS)
		return emit_link(w, &st, e);
	if (link && !root) /* kept empty, so where it leads does not matter */
		st.st_mode = S_IFDIR | 0700;
	if (S_ISREG(st.st_mode))
		return emit(w, ENTRY_FILE, &st, NULL, e);
	if (!S_ISDIR(st.st_mode)) {
		w->r->specials++;
		return emit(w, ENTRY_SPECIAL, &st, NULL, e);
	}
	if (emit(w, ENTRY_DIR, &st, NULL, e) == -1)
		return -1;
	if (v == EXCLUDE_CONTENTS || !w->o->recurse)
		return 0;
	return walk_dir(w, e);
}

/* The directory w->path; the path is the same again when it returns. */
static int
walk_dir(struct walker *w, struct err *e)
{
	struct listing l = {.v = NULL};
	size_t n, len = strlen(w->path), at = len == 0 ? 0 : len + 1;
	int rc = list(w, &l, e);

	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		n = strlen(l.v[i].name);
		if (at + n > PATH_LIMIT) {
			rc = err_set(e, ERR_SOURCE,
			    "path \"%s/%s\" is longer than %d bytes", w->path,
			    l.v[i].name, PATH_LIMIT);
			break;
		}
		if (len > 0)
			w->path[len] = '/';
		memcpy(w->path + at, l.v[i].name, n + 1);
		rc = visit(w, &l.v[i].st, e);
		w->path[len] = '\0';
	}
	listing_free(&l);
	return rc;
}

int
walk(struct tree *t, const struct walk_opts *o, struct walk_result *r,
    struct err *e)
{
	struct walk_result dummy = {.specials = 0};
	struct walker w = {.t = t, .o = o, .r = r == NULL ? &dummy : r};

	*w.r = dummy;
	if (o->dir != NULL) {
		if (strlen(o->dir) > PATH_LIMIT)
			return err_set(
			    e, ERR_SOURCE, "path of a directory is too long");
		memcpy(w.path, o->dir, strlen(o->dir) + 1);
	}
	return walk_dir(&w, e);
}

int
walk_manifest(
    struct tree *t, const struct exclude *x, struct manifest *m, struct err *e)
{
	const struct walk_opts o = {
	    .exclude = x,
	    .recurse = true,
	    .into = m,
	};

	return walk(t, &o, NULL, e);
}
