/*
 * A data directory, held open.  Every operation names a path of core/path.h
 * and works beneath held directory descriptors: no symbolic link is followed
 * but those that were entered as roots (tablespaces, pg_wal).
 *
 * The name of a root itself ("pg_tblspc/16385") means the directory it leads
 * to for tree_openat and tree_stat, and the name (the link) in its parent for
 * tree_unlink, tree_mkdir and tree_rename.
 */
#ifndef IO_TREE_H
#define IO_TREE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/filestamp.h"

struct tree;

/* pgdata is resolved once.  Returns NULL with e (ERR_IO). */
struct tree *tree_open(const char *pgdata, struct err *e);
void tree_close(struct tree *t);
int tree_fd(const struct tree *t);           /* of PGDATA; borrowed */
const char *tree_path(const struct tree *t); /* real path; borrowed */

/* Paths that begin with prefix ("pg_tblspc/16385", "pg_wal") lie in directory
 * dir from now on (absolute, opened now, O_NOFOLLOW on its last component
 * not demanded: the user named it or the link leads there). */
int tree_add_root(
    struct tree *t, const char *prefix, const char *dir, struct err *e);
/* The same from links of the tree itself: tree_add_link one that is named (0
 * also when it is no link, or is a root already); tree_add_links all of
 * pg_tblspc/OID and the WAL
 * directory, where they are symbolic links.  A link whose target is missing
 * is left out.  Refuses a tablespace inside PGDATA (ERR_TABLESPACE) and a link
 * that leads to another link (ERR_SYMLINK).  May be called again: what is a
 * root already stays as it is.  wal_dir may be NULL. */
int tree_add_link(struct tree *t, const char *path, struct err *e);
int tree_add_links(struct tree *t, const char *wal_dir, struct err *e);
size_t tree_nroots(const struct tree *t);
const char *tree_root_prefix(const struct tree *t, size_t i);
const char *tree_root_dir(const struct tree *t, size_t i);
int tree_root_fd(const struct tree *t, size_t i); /* borrowed */

/*
 * openat2(RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS), or component by
 * component with O_NOFOLLOW where that call is missing; O_CLOEXEC and
 * O_NONBLOCK always.  Path "" is PGDATA itself.  Returns a descriptor, or -1
 * with errno (no struct err: callers judge ENOENT themselves).  A link on the
 * way: ELOOP, or ENOTDIR from the second method.  With O_PATH a link as the
 * last component is opened itself.
 */
int tree_openat(struct tree *t, const char *path, int flags, mode_t mode);
/* Of a time of struct stat: nanoseconds since 1970. */
int64_t tree_ns(const struct timespec *t);
/* Of a file, for the comparison with another moment. */
struct filestamp tree_stamp(const struct stat *st);
/* As lstat(2). */
int tree_stat(struct tree *t, const char *path, struct stat *st);
int tree_mkdir(struct tree *t, const char *path, mode_t mode);
int tree_unlink(struct tree *t, const char *path);
int tree_rmdir(struct tree *t, const char *path);
/* Within one directory only (EXDEV else). */
int tree_rename(struct tree *t, const char *from, const char *to);
int tree_fsync_dir(struct tree *t, const char *path); /* "" = PGDATA */

/* Whole small file; at most max bytes, else EFBIG.  0 or -1 with errno. */
int tree_read_file(struct tree *t, const char *path, size_t max, struct buf *b);
/* Temporary name beside it (.PID.standby-clone.tmp), written, fsynced (if
 * sync), renamed, directory fsynced (if sync).  mode holds whatever the umask.
 * 0, or -1 with e (ERR_TARGET_IO). */
int tree_write_file(struct tree *t, const char *path, const void *data,
    size_t n, mode_t mode, bool sync, struct err *e);
/* syncfs of PGDATA's file system and of each root's. */
int tree_syncfs(struct tree *t, struct err *e);

#endif
