#include "base/std.h"
#include "io/tree.h"

#include <sys/syscall.h>

#ifdef HAVE_LINUX_OPENAT2_H
#include <linux/openat2.h>
#endif

#define TREE_PATH_MAX 1024 /* as PATH_LIMIT; the kernel's is 4096 */
#define TREE_RETRIES 32    /* openat2 says EAGAIN when a rename races */

struct root {
	char *prefix; /* "pg_tblspc/16385" */
	char *dir;    /* absolute */
	size_t len;   /* of prefix */
	int fd;
};

struct tree {
	char *path; /* real path */
	int fd;
	struct root *v;
	size_t n;
	bool no_openat2; /* kernel before 5.6, or a seccomp filter */
};

static int
set_errno(int code)
{
	errno = code;
	return -1;
}

/* Close without disturbing errno. */
static void
drop(int fd)
{
	int saved = errno;

	if (fd != -1)
		(void)close(fd);
	errno = saved;
}

struct tree *
tree_open(const char *pgdata, struct err *e)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	t->fd = -1;
	if ((t->path = realpath(pgdata, NULL)) != NULL)
		t->fd = open(
		    t->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->fd == -1) {
		(void)err_set_errno(
		    e, ERR_IO, "could not open directory \"%s\"", pgdata);
		tree_close(t);
		return NULL;
	}
	return t;
}

void
tree_close(struct tree *t)
{
	int saved = errno;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++) {
		(void)close(t->v[i].fd);
		free(t->v[i].prefix);
		free(t->v[i].dir);
	}
	if (t->fd != -1)
		(void)close(t->fd);
	free(t->v);
	free(t->path);
	free(t);
	errno = saved;
}

int
tree_fd(const struct tree *t)
{
	return t->fd;
}

const char *
tree_path(const struct tree *t)
{
	return t->path;
}

size_t
tree_nroots(const struct tree *t)
{
	return t->n;
}

const char *
tree_root_prefix(const struct tree *t, size_t i)
{
	return t->v[i].prefix;
}

const char *
tree_root_dir(const struct tree *t, size_t i)
{
	return t->v[i].dir;
}

int
tree_root_fd(const struct tree *t, size_t i)
{
	return t->v[i].fd;
}

static const struct root *
find_root(const struct tree *t, const char *prefix)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].prefix, prefix) == 0)
			return &t->v[i];
	return NULL;
}

static int
keep_root(struct tree *t, const char *prefix, const char *dir, int fd)
{
	struct root *v, r = {.len = strlen(prefix), .fd = fd};

	if ((v = realloc(t->v, (t->n + 1) * sizeof(*v))) == NULL)
		return -1;
	t->v = v;
	r.prefix = strdup(prefix);
	r.dir = strdup(dir);
	if (r.prefix == NULL || r.dir == NULL) {
		free(r.prefix);
		free(r.dir);
		return -1;
	}
	t->v[t->n++] = r;
	return 0;
}

int
tree_add_root(
    struct tree *t, const char *prefix, const char *dir, struct err *e)
{
	int fd;

	if (dir[0] != '/')
		return err_set(
		    e, ERR_IO, "directory \"%s\" is not absolute", dir);
	if (find_root(t, prefix) != NULL)
		return err_set(
		    e, ERR_INTERNAL, "\"%s\" is mapped twice", prefix);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return err_set_errno(
		    e, ERR_IO, "could not open directory \"%s\"", dir);
	if (keep_root(t, prefix, dir, fd) == -1) {
		drop(fd);
		return err_set_nomem(e);
	}
	return 0;
}

/* --- names ---------------------------------------------------------------- */

/*
 * Callers have asked path_check; this layer does not depend on it, and the
 * fallback below needs the promise that no component leads up.
 */
static int
check_name(const char *p)
{
	const char *c = p, *end;
	size_t n;

	if (strlen(p) > TREE_PATH_MAX)
		return set_errno(ENAMETOOLONG);
	for (;; c = end + 1) {
		end = strchrnul(c, '/');
		n = (size_t)(end - c);
		if (n == 0 || (n == 1 && c[0] == '.') ||
		    (n == 2 && c[0] == '.' && c[1] == '.'))
			return set_errno(EINVAL);
		if (*end == '\0')
			return 0;
	}
}

enum self {
	SELF_LINK, /* the name of a root means the name in its parent */
	SELF_DIR   /* the name of a root means the directory it leads to */
};

/* The held descriptor that path lies below, and the rest of path. */
static int
base_of(
    const struct tree *t, const char *path, enum self self, const char **rest)
{
	const struct root *r;

	for (size_t i = 0; i < t->n; i++) {
		r = &t->v[i];
		if (strncmp(path, r->prefix, r->len) != 0)
			continue;
		if (path[r->len] == '/') {
			*rest = path + r->len + 1;
			return r->fd;
		}
		if (path[r->len] == '\0' && self == SELF_DIR) {
			*rest = "";
			return r->fd;
		}
	}
	*rest = path;
	return t->fd;
}

/* --- opening -------------------------------------------------------------- */

/* Before Linux 5.6: one component after the other, none may be a link. */
static int
open_steps(int base, const char *path, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	const char *end;
	int dir = base, fd;

	while (*(end = strchrnul(path, '/')) != '\0') {
		fd = -1;
		if ((size_t)(end - path) >= sizeof(name)) {
			errno = ENAMETOOLONG;
		} else {
			memcpy(name, path, (size_t)(end - path));
			name[end - path] = '\0';
			fd = openat(dir, name,
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (dir != base)
			drop(dir);
		if (fd == -1)
			return -1;
		dir = fd;
		path = end + 1;
	}
	fd = openat(dir, path, flags | O_NOFOLLOW, mode);
	if (dir != base)
		drop(dir);
	return fd;
}

#if defined(SYS_openat2) && defined(RESOLVE_BENEATH)
/* -1 with ENOSYS when the call is not to be had. */
static int
open_beneath(int base, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)flags,
	    .mode = flags & O_CREAT ? mode : 0,
	    .resolve =
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	for (int i = 0; i < TREE_RETRIES; i++) {
		fd = syscall(SYS_openat2, base, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	/* Old container runtimes answer EPERM for calls they do not know. */
	if (fd == -1 && (errno == EPERM || errno == EAGAIN))
		errno = ENOSYS;
	return (int)fd;
}
#else
static int
open_beneath(int base, const char *path, int flags, mode_t mode)
{
	(void)base, (void)path, (void)flags, (void)mode;
	return set_errno(ENOSYS);
}
#endif

static int
open_below(struct tree *t, int base, const char *rest, int flags, mode_t mode)
{
	int fd;

	flags |= O_CLOEXEC | O_NOFOLLOW;
	if (!(flags & O_PATH)) /* a FIFO must not hold us up */
		flags |= O_NONBLOCK | O_NOCTTY;
	if (*rest == '\0')
		return openat(base, ".", flags);
	if (check_name(rest) == -1)
		return -1;
	if (!t->no_openat2) {
		fd = open_beneath(base, rest, flags, mode);
		if (fd != -1 || errno != ENOSYS)
			return fd;
	}
	fd = open_steps(base, rest, flags, mode);
	if (fd != -1)
		t->no_openat2 = true;
	return fd;
}

int
tree_openat(struct tree *t, const char *path, int flags, mode_t mode)
{
	const char *rest;
	int base = base_of(t, path, SELF_DIR, &rest);

	return open_below(t, base, rest, flags, mode);
}

/*
 * The directory that holds the last component of path, and that component.
 * The descriptor is ours to close when it is not *borrowed.
 */
static int
open_parent(struct tree *t, const char *path, const char **name, int *borrowed)
{
	char dir[TREE_PATH_MAX + 1];
	const char *rest, *slash;
	int base = base_of(t, path, SELF_LINK, &rest);

	*borrowed = base;
	if (check_name(rest) == -1)
		return -1;
	if ((slash = strrchr(rest, '/')) == NULL) {
		*name = rest;
		return base;
	}
	*name = slash + 1;
	memcpy(dir, rest, (size_t)(slash - rest));
	dir[slash - rest] = '\0';
	return open_below(t, base, dir, O_PATH | O_DIRECTORY, 0);
}

static void
close_parent(int fd, int borrowed)
{
	if (fd != borrowed)
		drop(fd);
}

int64_t
tree_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

struct filestamp
tree_stamp(const struct stat *st)
{
	return (struct filestamp){.size = (uint64_t)st->st_size,
	    .mtime_ns = tree_ns(&st->st_mtim),
	    .ctime_ns = tree_ns(&st->st_ctim),
	    .ino = st->st_ino,
	    .dev = st->st_dev};
}

int
tree_stat(struct tree *t, const char *path, struct stat *st)
{
	const char *name, *rest;
	int rc, borrowed, fd = base_of(t, path, SELF_DIR, &rest);

	if (*rest == '\0')
		return fstat(fd, st);
	if ((fd = open_parent(t, path, &name, &borrowed)) == -1)
		return -1;
	rc = fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW);
	close_parent(fd, borrowed);
	return rc;
}

int
tree_mkdir(struct tree *t, const char *path, mode_t mode)
{
	const char *name;
	int rc, borrowed, fd = open_parent(t, path, &name, &borrowed);

	if (fd == -1)
		return -1;
	rc = mkdirat(fd, name, mode);
	close_parent(fd, borrowed);
	return rc;
}

static int
unlink_name(struct tree *t, const char *path, int flags)
{
	const char *name;
	int rc, borrowed, fd = open_parent(t, path, &name, &borrowed);

	if (fd == -1)
		return -1;
	rc = unlinkat(fd, name, flags);
	close_parent(fd, borrowed);
	return rc;
}

int
tree_unlink(struct tree *t, const char *path)
{
	return unlink_name(t, path, 0);
}

int
tree_rmdir(struct tree *t, const char *path)
{
	return unlink_name(t, path, AT_REMOVEDIR);
}

/* Both names in the same directory of the tree? */
static bool
same_dir(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	size_t n = x == NULL ? 0 : (size_t)(x - a);
	size_t m = y == NULL ? 0 : (size_t)(y - b);

	return n == m && memcmp(a, b, n) == 0;
}

int
tree_rename(struct tree *t, const char *from, const char *to)
{
	const char *name, *rest;
	int rc, borrowed, fd;

	if (!same_dir(from, to))
		return set_errno(EXDEV);
	(void)base_of(t, to, SELF_LINK, &rest);
	if (check_name(rest) == -1)
		return -1;
	if ((fd = open_parent(t, from, &name, &borrowed)) == -1)
		return -1;
	to = strrchr(to, '/') == NULL ? to : strrchr(to, '/') + 1;
	rc = renameat(fd, name, fd, to);
	close_parent(fd, borrowed);
	return rc;
}

int
tree_fsync_dir(struct tree *t, const char *path)
{
	int rc, fd = tree_openat(t, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -1)
		return -1;
	rc = fsync(fd);
	drop(fd);
	return rc;
}

/* --- whole files ---------------------------------------------------------- */

static int
read_all(int fd, size_t max, struct buf *b)
{
	char *p;
	ssize_t n;
	size_t want;

	for (;;) {
		want = MIN_OF((size_t)65536, max + 1 - b->len);
		if ((p = buf_reserve(b, want)) == NULL)
			return set_errno(ENOMEM);
		n = read(fd, p, want);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			return 0;
		b->len += (size_t)n;
		b->data[b->len] = '\0';
		if (b->len > max)
			return set_errno(EFBIG);
	}
}

int
tree_read_file(struct tree *t, const char *path, size_t max, struct buf *b)
{
	struct stat st;
	int rc = -1, fd;

	buf_reset(b);
	if ((fd = tree_openat(t, path, O_RDONLY, 0)) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		rc = -1;
	else if (!S_ISREG(st.st_mode))
		rc = set_errno(S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
	else
		rc = read_all(fd, max, b);
	drop(fd);
	return rc;
}

static int
write_all(int fd, const char *p, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = write(fd, p, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* A new file in dir; one that a killed run left under that name goes first. */
static int
create_tmp(int dir, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, 0600);

	if (fd == -1 && errno == EEXIST && unlinkat(dir, name, 0) == 0)
		fd = openat(dir, name, flags, 0600);
	return fd;
}

static int
fill_tmp(int fd, const void *data, size_t n, mode_t mode, bool sync)
{
	int rc = 0;

	if (write_all(fd, data, n) == -1 || fchmod(fd, mode) == -1 ||
	    (sync && fsync(fd) == -1))
		rc = -1;
	if (rc == -1)
		drop(fd);
	else
		rc = close(fd);
	return rc;
}

/* An O_PATH descriptor cannot be fsynced. */
static int
fsync_parent(int dir)
{
	int rc, fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	rc = fsync(fd);
	drop(fd);
	return rc;
}

int
tree_write_file(struct tree *t, const char *path, const void *data, size_t n,
    mode_t mode, bool sync, struct err *e)
{
	char tmp[64];
	const char *name;
	int fd, saved, borrowed, rc = -1;
	int dir = open_parent(t, path, &name, &borrowed);

	/* "*.standby-clone.tmp" is excluded from every copy. */
	(void)snprintf(
	    tmp, sizeof(tmp), ".%ld.standby-clone.tmp", (long)getpid());
	if (dir == -1 || (fd = create_tmp(dir, tmp)) == -1)
		goto out;
	if (fill_tmp(fd, data, n, mode, sync) == -1 ||
	    renameat(dir, tmp, dir, name) == -1) {
		saved = errno;
		(void)unlinkat(dir, tmp, 0);
		errno = saved;
		goto out;
	}
	if (sync && fsync_parent(dir) == -1)
		goto out;
	rc = 0;
out:
	close_parent(dir, borrowed);
	if (rc == -1)
		(void)err_set_errno(
		    e, ERR_TARGET_IO, "could not write file \"%s\"", path);
	return rc;
}

int
tree_syncfs(struct tree *t, struct err *e)
{
	if (syncfs(t->fd) == -1)
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not sync the file system of \"%s\"", t->path);
	for (size_t i = 0; i < t->n; i++)
		if (syncfs(t->v[i].fd) == -1)
			return err_set_errno(e, ERR_TARGET_IO,
			    "could not sync the file system of \"%s\"",
			    t->v[i].dir);
	return 0;
}
