/* The part of io/tree.h that reads the links which a data directory itself
 * has: tablespaces and the WAL directory. */
#include "base/std.h"
#include "io/tree.h"

#include <dirent.h>

/*
 * Where the link at path points, as an absolute path without trailing slashes,
 * or NULL (with errno 0: it is no link, or vanished).
 */
static char *
link_target(struct tree *t, const char *path)
{
	char to[PATH_MAX], *s = NULL;
	const char *name = strrchr(path, '/');
	struct buf b = BUF_INIT;
	int fd = tree_openat(t, path, O_PATH, 0);
	ssize_t n;

	if (fd == -1) {
		errno = errno == ENOENT || errno == ENOTDIR ? 0 : errno;
		return NULL;
	}
	n = readlinkat(fd, "", to, sizeof(to) - 1);
	(void)close(fd);
	if (n == -1 || n == 0) { /* ENOENT: no link, readlink(2) says */
		errno = 0;
		return NULL;
	}
	while (n > 1 && to[n - 1] == '/')
		n--;
	if (to[0] != '/')
		buf_addf(&b, "%s/%.*s/", tree_path(t),
		    name == NULL ? 0 : (int)(name - path), path);
	buf_add(&b, to, (size_t)n);
	if ((s = buf_steal(&b)) == NULL)
		errno = ENOMEM;
	return s;
}

/* Is dir PGDATA or below it? */
static bool
inside(const struct tree *t, const char *dir)
{
	size_t n = strlen(tree_path(t));
	char *real = realpath(dir, NULL);
	bool in = real != NULL && strncmp(real, tree_path(t), n) == 0 &&
		  (real[n] == '/' || real[n] == '\0' || n == 1);

	free(real);
	return in;
}

static int
check_target(struct tree *t, const char *path, const char *dir, struct err *e)
{
	struct stat st;

	if (lstat(dir, &st) == -1) {
		if (errno == ENOENT)
			return 0; /* left out */
		return err_set_errno(e, ERR_SOURCE_IO,
		    "could not read \"%s\", where \"%s\" leads", dir, path);
	}
	if (S_ISLNK(st.st_mode)) {
		(void)err_set(e, ERR_SYMLINK,
		    "\"%s\" leads to \"%s\", which is a symbolic link itself",
		    path, dir);
		return err_hint(e, "Let the link in the data directory point "
				   "to the directory itself.");
	}
	if (inside(t, dir))
		return err_set(e,
		    strncmp(path, "pg_tblspc/", 10) == 0 ? ERR_TABLESPACE
							 : ERR_SYMLINK,
		    "\"%s\" leads to \"%s\", which is inside the data "
		    "directory",
		    path, dir);
	return 1;
}

static bool
is_root(const struct tree *t, const char *path)
{
	for (size_t i = 0; i < tree_nroots(t); i++)
		if (strcmp(tree_root_prefix(t, i), path) == 0)
			return true;
	return false;
}

int
tree_add_link(struct tree *t, const char *path, struct err *e)
{
	struct err cause = ERR_INIT;
	char *dir;
	int rc;

	if (is_root(t, path))
		return 0;
	if ((dir = link_target(t, path)) == NULL)
		return errno == 0 ? 0
				  : err_set_errno(e, ERR_SOURCE_IO,
					"could not read link \"%s\"", path);
	rc = check_target(t, path, dir, e);
	if (rc == 1 && (rc = tree_add_root(t, path, dir, &cause)) == -1) {
		rc = errno == ENOENT ? 0 : -1; /* gone in this moment */
		if (rc == -1)
			(void)err_set(e, ERR_SOURCE_IO, "%s", cause.text);
	}
	free(dir);
	return rc;
}

int
tree_add_links(struct tree *t, const char *wal_dir, struct err *e)
{
	char path[NAME_MAX + 16];
	struct dirent *de;
	DIR *d;
	int fd, rc = 0;

	if (wal_dir != NULL && tree_add_link(t, wal_dir, e) == -1)
		return -1;
	fd = tree_openat(t, "pg_tblspc", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			(void)close(fd);
		return err_set_errno(
		    e, ERR_SOURCE_IO, "could not open directory \"pg_tblspc\"");
	}
	while (rc == 0 && (errno = 0, de = readdir(d)) != NULL) {
		if (strspn(de->d_name, "0123456789") != strlen(de->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "pg_tblspc/%s", de->d_name);
		rc = tree_add_link(t, path, e);
	}
	if (rc == 0 && errno != 0)
		rc = err_set_errno(
		    e, ERR_SOURCE_IO, "could not read directory \"pg_tblspc\"");
	(void)closedir(d);
	return rc;
}
