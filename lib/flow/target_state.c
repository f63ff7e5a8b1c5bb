/* The states S0 to S4 of a target: what is moved, written and synced, in which
 * order (faults.md section 3). */
#include "base/std.h"
#include "core/pgver.h"
#include "flow/backup_note.h"
#include "flow/server.h"
#include "flow/target.h"
#include "flow/walk.h"
#include "io/kernel.h"

#include <dirent.h>

static int
sync_dir(struct target *t, const char *path, struct err *e)
{
	if (!t->sync || tree_fsync_dir(t->tree, path) == 0)
		return 0;
	if (errno == ENOENT && path[0] != '\0') /* a new one has no global/ */
		return 0;
	return err_set_errno(e, ERR_TARGET_IO,
	    "could not sync directory \"%s/%s\"", t->path, path);
}

static int
remove_file(struct target *t, const char *path, struct err *e)
{
	if (tree_unlink(t->tree, path) == 0 || errno == ENOENT)
		return 0;
	return err_set_errno(
	    e, ERR_TARGET_IO, "could not remove file \"%s/%s\"", t->path, path);
}

static int
rename_file(struct target *t, const char *from, const char *to, struct err *e)
{
	if (tree_rename(t->tree, from, to) == 0)
		return 0;
	return err_set_errno(e, ERR_TARGET_IO,
	    "could not rename file \"%s/%s\" to \"%s\"", t->path, from, to);
}

/* Counts as there when it cannot be told: every caller wants it gone. */
static bool
is_there(struct target *t, const char *path)
{
	struct stat st;

	return tree_stat(t->tree, path, &st) == 0 || errno != ENOENT;
}

static int
need_tree(const struct target *t, bool marked, struct err *e)
{
	if (t->tree != NULL && (!marked || t->marked))
		return 0;
	return err_set(e, ERR_INTERNAL, "the target is not prepared");
}

/* --- S0 -> S1 ------------------------------------------------------------- */

/* Much time may lie between target_open and here. */
static int
check_unchanged(struct target *t, struct err *e)
{
	struct pgcontrol now = {.version = 0};
	struct buf b = BUF_INIT, why = BUF_INIT;
	long pid = 0;
	int rc = t->kind == TARGET_NEW
		     ? 0
		     : server_running(tree_fd(t->tree), &pid, &why, e);

	if (rc == 1)
		(void)err_set(e, ERR_TARGET_RUNNING,
		    "a server was started in directory \"%s\" (pid %ld)",
		    t->path, pid);
	buf_free(&why);
	if (rc != 0)
		return -1;
	if (t->kind != TARGET_PGDATA) {
		rc = is_there(t, TARGET_CONTROL) ? -1 : 0;
	} else {
		if (tree_read_file(
			t->tree, TARGET_CONTROL, PGCONTROL_MAX, &b) == -1 ||
		    pgcontrol_parse(b.data, b.len, &now, NULL) == -1 ||
		    now.system_identifier != t->control.system_identifier ||
		    now.checkpoint != t->control.checkpoint ||
		    now.state != t->control.state)
			rc = -1;
		buf_free(&b);
	}
	if (rc == 0)
		return 0;
	(void)err_set(e, ERR_TARGET_CHANGED,
	    "directory \"%s\" was changed by someone else", t->path);
	(void)err_detail(e, "\"%s\" is not what it was.", TARGET_CONTROL);
	if (e != NULL) /* we have not changed anything */
		e->status = STATUS_REFUSED;
	return -1;
}

static void
fill_old(const struct target *t, struct marker *m)
{
	if (t->kind == TARGET_PGDATA) {
		m->old_system_identifier = t->control.system_identifier;
		m->old_checkpoint = t->control.checkpoint;
		m->old_timeline = t->control.timeline;
	} else {
		m->old_system_identifier = t->marker.old_system_identifier;
		m->old_checkpoint = t->marker.old_checkpoint;
		m->old_timeline = t->marker.old_timeline;
	}
}

/* An empty directory may have any mode so far (as with pg_basebackup). */
static int
prepare_new(struct target *t, struct err *e)
{
	struct stat st;
	int fd;

	if (t->kind != TARGET_NEW)
		return 0;
	if (fstat(tree_fd(t->tree), &st) == -1 ||
	    ((st.st_mode & 0777) != 0700 && (st.st_mode & 0777) != 0750 &&
		fchmod(tree_fd(t->tree), 0700) == -1))
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not set the mode of directory \"%s\"", t->path);
	if (!t->created || !t->sync)
		return 0;
	/* Its own name; a directory above that we may not read is its
	 * owner's affair. */
	if ((fd = openat(tree_fd(t->tree), "..",
		 O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1) {
		(void)fsync(fd);
		(void)close(fd);
	}
	return 0;
}

/* Writes what can be read again, and holds it in t->marker. */
static int
write_marker(struct target *t, const struct marker *m, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	if (marker_copy(&t->marker, m, e) == -1)
		return -1;
	marker_render(&t->marker, &b);
	rc = !buf_ok(&b) ? err_set_nomem(e)
			 : tree_write_file(t->tree, TARGET_MARKER, b.data,
			       b.len, 0600, t->sync, e);
	buf_free(&b);
	return rc;
}

static int
displace_control(struct target *t, struct err *e)
{
	/* Of a run that was killed between this step and its last one. */
	if (remove_file(t, TARGET_CONTROL_NEW, e) == -1)
		return -1;
	if (t->kind == TARGET_PGDATA) {
		if (rename_file(t, TARGET_CONTROL, TARGET_CONTROL_OLD, e) == -1)
			return -1;
		t->displaced = true;
	}
	return sync_dir(t, "global", e);
}

int
target_mark(struct target *t, struct marker *m, struct err *e)
{
	bool was = t->marked;

	if (need_tree(t, false, e) == -1 || check_unchanged(t, e) == -1)
		return -1;
	fill_old(t, m);
	if (prepare_new(t, e) == -1)
		return -1;
	t->marked = true;
	if (write_marker(t, m, e) == 0 &&
	    remove_file(t, TARGET_INDEX, e) == 0 && sync_dir(t, "", e) == 0 &&
	    displace_control(t, e) == 0)
		return 0;
	if (!was) {
		(void)target_unmark(t, NULL);
		t->marked = t->displaced;
	}
	return -1;
}

int
target_remark(struct target *t, const struct marker *m, struct err *e)
{
	return need_tree(t, true, e) == -1 ? -1 : write_marker(t, m, e);
}

int
target_touch(struct target *t, struct err *e)
{
	if (t->touched)
		return 0;
	if (need_tree(t, true, e) == -1 ||
	    remove_file(t, TARGET_CONTROL_OLD, e) == -1)
		return -1;
	t->touched = true;
	t->displaced = false;
	return sync_dir(t, "global", e);
}

/* --- S1 -> S0 ------------------------------------------------------------- */

/* Is there nothing but what target_mark may have left? */
static bool
is_bare(struct target *t)
{
	static const char *const ours[] = {
	    ".", "..", "lost+found", TARGET_MARKER, BACKUP_NOTE};
	int fd = tree_openat(t->tree, "", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;
	bool bare = d != NULL;
	size_t i;

	while (bare && (de = readdir(d)) != NULL) {
		for (i = 0; i < NELEM(ours); i++)
			if (strcmp(de->d_name, ours[i]) == 0)
				break;
		bare = i < NELEM(ours);
	}
	if (d != NULL)
		(void)closedir(d);
	else if (fd != -1)
		(void)close(fd);
	return bare;
}

static int
restore_control(struct target *t, struct err *e)
{
	if (is_there(t, TARGET_CONTROL))
		return err_set(e, ERR_TARGET_CHANGED,
		    "file \"%s/%s\" is there, and we have not written it",
		    t->path, TARGET_CONTROL);
	if (remove_file(t, TARGET_CONTROL_NEW, e) == -1 ||
	    rename_file(t, TARGET_CONTROL_OLD, TARGET_CONTROL, e) == -1)
		return -1;
	t->displaced = false;
	return sync_dir(t, "global", e);
}

int
target_unmark(struct target *t, struct err *e)
{
	if (!t->marked || t->touched || t->sealed || t->tree == NULL)
		return 0;
	if (t->displaced) {
		if (restore_control(t, e) == -1)
			return -1;
	} else if (t->kind != TARGET_PGDATA && !is_bare(t)) {
		return 0;
	}
	/* With pg_control back the marker says nothing any more. */
	t->marked = false;
	if (remove_file(t, TARGET_MARKER, e) == -1)
		return -1;
	return sync_dir(t, "", e);
}

/* --- S3 -> S4 ------------------------------------------------------------- */

static int
sync_file(void *arg, const struct entry *en, struct err *e)
{
	struct target *t = arg;
	int fd, rc;

	if (en->type != ENTRY_FILE)
		return 0;
	fd = tree_openat(t->tree, en->path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd == -1 && errno == ENOENT)
		return 0;
	rc = fd == -1 ? -1 : fsync(fd);
	if (rc == -1)
		(void)err_set_errno(
		    e, ERR_TARGET_IO, "could not sync file \"%s\"", en->path);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

/* Before Linux 5.8 syncfs(2) does not tell that something could not be written
 * (its man page, VERSIONS): then each file is asked. */
int
target_sync(struct target *t, struct err *e)
{
	struct walk_opts o = {.recurse = true, .entry = sync_file, .arg = t};

	if (need_tree(t, true, e) == -1)
		return -1;
	if (!t->sync)
		return 0;
	if (tree_syncfs(t->tree, e) == -1)
		return -1;
	return kernel_is(5, 8) ? 0 : walk(t->tree, &o, NULL, e);
}

static int
check_control(struct target *t, const void *data, size_t n, struct err *e)
{
	struct buf b = BUF_INIT;
	struct pgcontrol c;
	int version = -1;

	if (n > PGCONTROL_MAX)
		return err_set(
		    e, ERR_SOURCE, "pg_control of the source has %zu bytes", n);
	if (pgcontrol_parse(data, n, &c, e) == -1)
		return -1;
	if (c.system_identifier != t->marker.system_identifier)
		return err_set(e, ERR_SOURCE,
		    "pg_control of the source is of system %" PRIu64
		    ", and the clone began with system %" PRIu64,
		    c.system_identifier, t->marker.system_identifier);
	if (tree_read_file(t->tree, "PG_VERSION", 64, &b) == 0)
		version = pgver_parse(buf_str(&b));
	buf_free(&b);
	if (version != -1 && pgver_fits(version, c.version))
		return 0;
	return err_set(e, ERR_TARGET_CHANGED,
	    "file \"%s/PG_VERSION\" does not fit pg_control of the source",
	    t->path);
}

int
target_put_control(struct target *t, const void *data, size_t n, struct err *e)
{
	struct stat st;

	if (need_tree(t, true, e) == -1 || check_control(t, data, n, e) == -1 ||
	    target_touch(t, e) == -1)
		return -1;
	if (fstat(tree_fd(t->tree), &st) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not read directory \"%s\"", t->path);
	return tree_write_file(t->tree, TARGET_CONTROL_NEW, data, n,
	    st.st_mode & 0040 ? 0640 : 0600, t->sync, e);
}

int
target_recheck(struct target *t, struct err *e)
{
	struct stat here, there;
	const char *what = NULL;

	if (need_tree(t, true, e) == -1)
		return -1;
	if (fstat(tree_fd(t->tree), &here) == -1 ||
	    stat(t->path, &there) == -1 || here.st_dev != there.st_dev ||
	    here.st_ino != there.st_ino)
		return err_set(e, ERR_TARGET_CHANGED,
		    "\"%s\" is not the directory that was cloned to", t->path);
	if (is_there(t, "postmaster.pid"))
		what = "postmaster.pid";
	else if (is_there(t, TARGET_CONTROL))
		what = TARGET_CONTROL;
	if (what == NULL)
		return 0;
	(void)err_set(e, ERR_TARGET_CHANGED,
	    "file \"%s/%s\" is there, and we have not written it", t->path,
	    what);
	return err_hint(e,
	    "See what wrote it (an init system that starts a server?), remove "
	    "it and run standby-clone again.");
}

int
target_seal(struct target *t, struct err *e)
{
	struct stat st;

	if (target_recheck(t, e) == -1)
		return -1;
	/* Without it the server would start from the wrong checkpoint, look
	 * well, and be corrupt. */
	if (tree_stat(t->tree, "backup_label", &st) == -1 ||
	    !S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(e, ERR_TARGET_CHANGED,
		    "file \"%s/backup_label\" is missing", t->path);
	if (rename_file(t, TARGET_CONTROL_NEW, TARGET_CONTROL, e) == -1)
		return -1;
	t->sealed = true;
	return sync_dir(t, "global", e);
}

int
target_drop_marker(struct target *t, struct err *e)
{
	if (need_tree(t, true, e) == -1 ||
	    remove_file(t, TARGET_MARKER, e) == -1)
		return -1;
	t->marked = false;
	return sync_dir(t, "", e);
}
