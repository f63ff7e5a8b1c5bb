#include "base/std.h"
#include "base/shell.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/distro.h"
#include "flow/backup_note.h"
#include "flow/server.h"
#include "flow/target.h"

#include <dirent.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static const char *
user_name(uid_t uid, char *buf, size_t size)
{
	struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		(void)snprintf(buf, size, "%s", pw->pw_name);
	else
		(void)snprintf(buf, size, "%u", (unsigned)uid);
	return buf;
}

/* --- A1, A3: who, and which directory ------------------------------------- */

static int
refuse_root(const char *pgdata, struct err *e)
{
	char name[64];
	struct stat st;

	if (geteuid() != 0)
		return 0;
	(void)err_set(e, ERR_ROOT, "this must not be run as root");
	if (stat(pgdata, &st) == 0 && st.st_uid != 0)
		return err_hint(e,
		    "Run it as \"%s\", who owns \"%s\": runuser -u %s -- ...",
		    user_name(st.st_uid, name, sizeof(name)), pgdata, name);
	return err_hint(e, "Run it as the user that will run the server: "
			   "runuser -u postgres -- ...");
}

/* BEFORE PATH AFTER, to be typed. */
static int
command_on(
    struct err *e, const char *before, const char *path, const char *after)
{
	struct buf b = BUF_INIT;

	shell_add_quoted(&b, path);
	(void)err_command(e, "%s%s%s", before, buf_str(&b), after);
	buf_free(&b);
	return -1;
}

static bool
is_dir_of(const struct stat *st, const char *path)
{
	struct stat other;

	return path != NULL && path[0] != '\0' && stat(path, &other) == 0 &&
	       other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

static int
check_place(const char *path, const struct stat *st, struct err *e)
{
	struct passwd *pw = getpwuid(geteuid());
	const char *what = NULL;
	char us[64], them[64], chown[80];

	if (!S_ISDIR(st->st_mode))
		return err_set(
		    e, ERR_TARGET_PATH, "\"%s\" is not a directory", path);
	if (is_dir_of(st, "/"))
		what = "the root directory";
	else if (is_dir_of(st, getenv("HOME")) ||
		 (pw != NULL && is_dir_of(st, pw->pw_dir)))
		what = "a home directory";
	if (what != NULL) {
		(void)err_set(e, ERR_TARGET_PATH,
		    "\"%s\" is %s, not a place for a data directory", path,
		    what);
		return err_hint(e, "Name a directory of its own with -D.");
	}
	if (st->st_uid == geteuid())
		return 0;
	(void)user_name(geteuid(), us, sizeof(us));
	(void)user_name(st->st_uid, them, sizeof(them));
	(void)err_set(e, ERR_TARGET_OWNER,
	    "directory \"%s\" belongs to \"%s\", and this runs as \"%s\"", path,
	    them, us);
	if (st->st_uid == 0)
		(void)err_hint(e, "As root, type:");
	else
		(void)err_hint(e, "Run it as \"%s\", or, as root, type:", them);
	(void)snprintf(chown, sizeof(chown), "chown %s ", us);
	return command_on(e, chown, path, "");
}

/* What a server of that version would refuse at its start. */
static int
check_mode(const struct target *t, struct err *e)
{
	bool group =
	    t->version == 0 || pgver(t->version, PGFACT_GROUP_ACCESS) != NULL;
	mode_t bad = group ? 0027 : 0077;
	struct stat st;

	if (fstat(tree_fd(t->tree), &st) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not read directory \"%s\"", t->path);
	if ((st.st_mode & 0700) == 0700 && (st.st_mode & bad) == 0)
		return 0;
	(void)err_set(e, ERR_TARGET_MODE,
	    "directory \"%s\" has mode %04o; 0700%s is asked for", t->path,
	    (unsigned)(st.st_mode & 07777), group ? " or 0750" : "");
	(void)err_hint(e, "Type:");
	return command_on(e, "chmod 0700 ", t->path, "");
}

/* --- A2: the directory, made and locked ----------------------------------- */

/* "a/b/" -> "a", "b".  Both are owned by the caller. */
static int
split(const char *path, char **parent, char **name, struct err *e)
{
	size_t n = strlen(path), k;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (k = n; k > 0 && path[k - 1] != '/'; k--)
		;
	*name = strndup(path + k, n - k);
	while (k > 1 && path[k - 1] == '/')
		k--;
	*parent = k == 0 ? strdup(".") : strndup(path, k);
	return *name == NULL || *parent == NULL ? err_set_nomem(e) : 0;
}

static int
hint_install(const char *path, struct err *e)
{
	char us[64], install[100];

	(void)err_hint(e, "As root, type:");
	(void)snprintf(install, sizeof(install), "install -d -o %s -m 0700 ",
	    user_name(geteuid(), us, sizeof(us)));
	return command_on(e, install, path, "");
}

/* May we make what is missing of that path? */
static bool
may_make(const char *path)
{
	char *up = strdup(path), *slash;
	struct stat st;
	bool may = false;

	while (up != NULL && stat(up, &st) == -1 &&
	       (slash = strrchr(up, '/')) != NULL)
		slash[slash == up] = '\0';
	if (up != NULL)
		may = access(stat(up, &st) == 0 ? up : ".", W_OK | X_OK) == 0;
	free(up);
	return may;
}

static int
refuse_parent(const char *parent, struct err *e)
{
	(void)err_set_errno(
	    e, ERR_TARGET_PATH, "could not use directory \"%s\"", parent);
	if (errno != ENOENT)
		return -1;
	if (!may_make(parent))
		return hint_install(parent, e);
	(void)err_hint(e, "Type:");
	return command_on(e, "mkdir -p ", parent, "");
}

static int
refuse_mkdir(const char *path, struct err *e)
{
	struct stat st;
	bool dangling =
	    errno == EEXIST && lstat(path, &st) == 0 && S_ISLNK(st.st_mode);

	if (dangling) {
		(void)err_set(e, ERR_TARGET_PATH,
		    "\"%s\" is a symbolic link that leads nowhere", path);
		(void)err_hint(e, "Type:");
		return command_on(
		    e, "mkdir -m 0700 \"$(readlink -m ", path, ")\"");
	}
	(void)err_set_errno(
	    e, ERR_TARGET_PATH, "could not create directory \"%s\"", path);
	if (errno != EACCES && errno != EPERM)
		return -1;
	return hint_install(path, e);
}

/* May it be made?  As mkdir would answer, for a dry run. */
static int
try_mkdir(const char *path, const char *parent)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	return access(parent, W_OK | X_OK);
}

/* PGDATA is not there: make it (or, in a dry run, look whether we could).
 * Directories above it are not made: a typing error must not grow a tree. */
static int
create_dir(struct target *t, const char *pgdata, bool dry_run, struct err *e)
{
	char *parent = NULL, *name = NULL, *real = NULL;
	struct buf b = BUF_INIT;
	int rc = -1;

	if (split(pgdata, &parent, &name, e) == -1)
		goto out;
	if ((real = realpath(parent, NULL)) == NULL) {
		(void)refuse_parent(parent, e);
		goto out;
	}
	buf_addf(&b, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	if ((t->path = buf_steal(&b)) == NULL) {
		(void)err_set_nomem(e);
		goto out;
	}
	if ((dry_run ? try_mkdir(t->path, real) : mkdir(t->path, 0700)) == -1) {
		(void)refuse_mkdir(t->path, e);
		goto out;
	}
	t->created = !dry_run;
	rc = 0;
out:
	free(parent);
	free(name);
	free(real);
	return rc;
}

/* Who holds the lock: "1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF".  0
 * where /proc does not tell. */
static long
lock_holder(const struct stat *st)
{
	FILE *f = fopen("/proc/locks", "re");
	unsigned maj, min;
	uint64_t ino;
	char line[256];
	long pid, found = 0;

	while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%" SCNu64, &pid,
			&maj, &min, &ino) == 4 &&
		    pid > 0 && ino == st->st_ino && maj == major(st->st_dev) &&
		    min == minor(st->st_dev))
			found = pid;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static int
lock_dir(struct target *t, struct err *e)
{
	struct stat st;
	long pid = 0;

	if (flock(tree_fd(t->tree), LOCK_EX | LOCK_NB) == 0) {
		t->locked = true;
		return 0;
	}
	/* NFS wants a descriptor open for writing, which no directory is. */
	if (errno == EBADF || errno == EOPNOTSUPP || errno == ENOLCK)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_set_errno(e, ERR_TARGET_LOCKED,
		    "could not lock directory \"%s\"", t->path);
	if (fstat(tree_fd(t->tree), &st) == 0)
		pid = lock_holder(&st);
	if (pid > 0)
		(void)err_set(e, ERR_TARGET_LOCKED,
		    "directory \"%s\" is in use by another standby-clone "
		    "(pid %ld)",
		    t->path, pid);
	else
		(void)err_set(e, ERR_TARGET_LOCKED,
		    "directory \"%s\" is in use by another standby-clone",
		    t->path);
	return err_hint(e, "Wait until it has ended, or end it.");
}

static int
open_dir(struct target *t, const char *pgdata, bool dry_run, struct err *e)
{
	struct stat st;

	if (pgdata == NULL || pgdata[0] == '\0') {
		(void)err_set(e, ERR_TARGET_PATH, "no data directory is named");
		return err_hint(e, "Name it with -D.");
	}
	if (stat(pgdata, &st) == -1 && errno == ENOENT) {
		if (create_dir(t, pgdata, dry_run, e) == -1)
			return -1;
		if (dry_run)
			return 0;
		pgdata = t->path;
		if (stat(pgdata, &st) == -1)
			return err_set_errno(e, ERR_TARGET_PATH,
			    "could not use directory \"%s\"", pgdata);
	} else if ((t->path = realpath(pgdata, NULL)) == NULL ||
		   stat(t->path, &st) == -1) {
		return err_set_errno(e, ERR_TARGET_PATH,
		    "could not use directory \"%s\"", pgdata);
	}
	if (check_place(t->path, &st, e) == -1)
		return -1;
	if ((t->tree = tree_open(t->path, e)) == NULL)
		return -1;
	return lock_dir(t, e);
}

/* --- what is in it -------------------------------------------------------- */

struct contents {
	bool any; /* lost+found, our note and temporary files do not count */
	bool marker, version, control;
};

/* ".PID.standby-clone.tmp": a run that was killed while it wrote its marker
 * leaves nothing else. */
static bool
is_our_tmp(const char *name)
{
	size_t n;

	if (name[0] != '.')
		return false;
	n = strspn(name + 1, "0123456789");
	return n > 0 && strcmp(name + 1 + n, ".standby-clone.tmp") == 0;
}

static int
look_at_names(struct target *t, struct contents *c, struct err *e)
{
	struct dirent *de;
	int fd = tree_openat(t->tree, "", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	int rc = 0;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return err_set_errno(
		    e, ERR_IO, "could not read directory \"%s\"", t->path);
	}
	while ((errno = 0, de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0 ||
		    strcmp(de->d_name, "lost+found") == 0 ||
		    strcmp(de->d_name, BACKUP_NOTE) == 0 ||
		    is_our_tmp(de->d_name))
			continue;
		c->any = true;
		if (strcmp(de->d_name, TARGET_MARKER) == 0)
			c->marker = true;
		if (strcmp(de->d_name, "PG_VERSION") == 0)
			c->version = true;
	}
	if (errno != 0)
		rc = err_set_errno(
		    e, ERR_IO, "could not read directory \"%s\"", t->path);
	(void)closedir(d);
	return rc;
}

/* 1 there, 0 not, -1: cannot tell. */
static int
is_there(struct target *t, const char *path, struct err *e)
{
	struct stat st;

	if (tree_stat(t->tree, path, &st) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return err_set_errno(e, ERR_TARGET_NOT_PGDATA,
	    "could not look at \"%s/%s\"", t->path, path);
}

static int
look(struct target *t, struct contents *c, struct err *e)
{
	int rc;

	*c = (struct contents){.any = false};
	if (look_at_names(t, c, e) == -1)
		return -1;
	if ((rc = is_there(t, TARGET_CONTROL, e)) == -1)
		return -1;
	c->control = rc == 1;
	return 0;
}

static int
read_version(struct target *t)
{
	struct buf b = BUF_INIT;
	int version = -1;

	if (tree_read_file(t->tree, "PG_VERSION", 64, &b) == 0)
		version = pgver_parse(buf_str(&b));
	buf_free(&b);
	return version == -1 ? 0 : version;
}

static int
read_control(struct target *t, const char *path, struct err *e)
{
	struct err why = ERR_INIT;
	struct buf b = BUF_INIT;

	if (tree_read_file(t->tree, path, PGCONTROL_MAX, &b) == -1)
		(void)err_set_errno(&why, ERR_TARGET_NOT_PGDATA,
		    "could not read file \"%s/%s\"", t->path, path);
	else if (pgcontrol_parse(b.data, b.len, &t->control, &why) == 0)
		t->have_control = true;
	buf_free(&b);
	if (t->have_control)
		return 0;
	/* A file of ours is to blame, not the source: status 3. */
	return err_set(e,
	    why.code == ERR_VERSION ? ERR_VERSION : ERR_TARGET_NOT_PGDATA,
	    "data directory \"%s\": %s", t->path, why.text);
}

/* What would be overwritten there is what others have their data from: perhaps
 * the command was typed on the wrong host. */
static int
refuse_running(struct target *t, long pid, const char *why, struct err *e)
{
	bool primary;

	t->version = read_version(t);
	primary = t->version != 0 &&
		  read_control(t, TARGET_CONTROL, NULL) == 0 &&
		  target_is_primary(t);
	if (pid > 0)
		(void)err_set(e, ERR_TARGET_RUNNING,
		    "a %s is running in directory \"%s\" (pid %ld)",
		    primary ? "primary" : "server", t->path, pid);
	else
		(void)err_set(e, ERR_TARGET_RUNNING,
		    "a %s may be running in directory \"%s\"",
		    primary ? "primary" : "server", t->path);
	if (why[0] != '\0')
		(void)err_detail(e, "Seen: %s.", why);
	if (primary)
		(void)err_hint(e,
		    "This directory would be overwritten. The command is typed "
		    "on the host that becomes the standby: is this the right "
		    "one? If this primary is to be replaced by a copy of "
		    "another, stop it first:");
	else
		(void)err_hint(e, "Stop it first:");
	return distro_hint_command(t->path, t->version, false, e);
}

/* A4.  Nothing overrides it. */
static int
check_stopped(struct target *t, struct err *e)
{
	struct buf why = BUF_INIT;
	long pid = 0;
	int rc = server_running(tree_fd(t->tree), &pid, &why, e);

	if (rc == 1)
		(void)refuse_running(t, pid, buf_str(&why), e);
	buf_free(&why);
	return rc == 0 ? 0 : -1;
}

/* --- A3: the three kinds -------------------------------------------------- */

static int
open_marked(struct target *t, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	t->kind = TARGET_MARKED;
	t->marked = true;
	if (tree_read_file(t->tree, TARGET_MARKER, MARKER_MAX, &b) == -1)
		rc = err_set_errno(e, ERR_TARGET_NOT_PGDATA,
		    "could not read file \"%s/" TARGET_MARKER "\"", t->path);
	else
		rc = marker_parse(buf_str(&b), b.len, &t->marker, e);
	buf_free(&b);
	if (rc == -1) {
		(void)err_wrap(e, "directory \"%s\"", t->path);
		return err_hint(e,
		    "Name another directory, or remove this one if nothing "
		    "in it is needed.");
	}
	t->version = read_version(t);
	if ((rc = is_there(t, TARGET_CONTROL_OLD, e)) == -1)
		return -1;
	t->displaced = rc == 1;
	t->touched = !t->displaced && t->marker.old_system_identifier != 0;
	if (t->displaced) /* a bad one is only not judged */
		(void)read_control(t, TARGET_CONTROL_OLD, NULL);
	return check_mode(t, e);
}

static void
describe(const struct target *t, struct err *e)
{
	char major[16], lsn[LSN_TEXT];

	(void)err_detail(e,
	    "It holds PostgreSQL %s, system %" PRIu64
	    ", timeline %u, \"%s\", last checkpoint %s.",
	    pgver_major(t->version, major, sizeof(major)),
	    t->control.system_identifier, (unsigned)t->control.timeline,
	    pgcontrol_state_name(t->control.state),
	    lsn_format(t->control.checkpoint, lsn));
}

static int
open_pgdata(struct target *t, const struct target_want *w, struct err *e)
{
	t->kind = TARGET_PGDATA;
	if ((t->version = read_version(t)) == 0)
		return err_set(e, ERR_TARGET_NOT_PGDATA,
		    "file \"%s/PG_VERSION\" does not hold a version", t->path);
	if (read_control(t, TARGET_CONTROL, e) == -1)
		return -1;
	if (!pgver_fits(t->version, t->control.version))
		return err_set(e, ERR_TARGET_NOT_PGDATA,
		    "directory \"%s\": PG_VERSION and pg_control are of "
		    "different versions",
		    t->path);
	if (w->delta)
		return check_mode(t, e);
	if (w->holds != NULL)
		*w->holds = t->control.system_identifier;
	(void)err_set(e, ERR_TARGET_NOT_EMPTY,
	    "directory \"%s\" holds a data directory", t->path);
	describe(t, e);
	return err_hint(e,
	    "To overwrite it and reuse every page that is the same, use "
	    "--delta.");
}

static int
refuse_foreign(struct target *t, const struct target_want *w,
    const struct contents *c, struct err *e)
{
	if (c->version && !c->control) {
		(void)err_set(e, ERR_TARGET_NOT_PGDATA,
		    "data directory \"%s\" has no " TARGET_CONTROL
		    ", and no marker of an unfinished clone",
		    t->path);
		if (is_there(t, TARGET_CONTROL_OLD, NULL) == 1)
			(void)err_detail(e,
			    "An earlier clone moved it to \"%s/%s\".", t->path,
			    TARGET_CONTROL_OLD);
	} else if (w->delta || c->control) {
		(void)err_set(e, ERR_TARGET_NOT_PGDATA,
		    "directory \"%s\" is not empty and holds no PG_VERSION",
		    t->path);
	} else {
		(void)err_set(e, ERR_TARGET_NOT_EMPTY,
		    "directory \"%s\" is not empty, and is not a data "
		    "directory",
		    t->path);
	}
	return err_hint(e,
	    "Name another directory with -D: %s is left as it "
	    "is.",
	    t->path);
}

static int
classify(struct target *t, const struct target_want *w, struct err *e)
{
	struct contents c;

	t->kind = TARGET_NEW;
	if (t->tree == NULL)
		return 0;
	if (look(t, &c, e) == -1)
		return -1;
	if (!c.any)
		return 0;
	if ((c.version || c.control || c.marker) && check_stopped(t, e) == -1)
		return -1;
	/* With pg_control the marker says nothing: a run that was stopped
	 * before it displaced it, or after it put the new one in. */
	if (c.marker && !c.control)
		return open_marked(t, e);
	if (!c.version || !c.control)
		return refuse_foreign(t, w, &c, e);
	return open_pgdata(t, w, e);
}

int
target_open(struct target *t, const char *pgdata,
    const struct target_want *want, struct err *e)
{
	*t = (struct target){.sync = want->sync};
	if (refuse_root(pgdata == NULL ? "" : pgdata, e) == 0 &&
	    open_dir(t, pgdata, want->dry_run, e) == 0 &&
	    classify(t, want, e) == 0)
		return 0;
	t->marked = false;
	target_close(t);
	return -1;
}

void
target_close(struct target *t)
{
	/* rmdir takes an empty directory only, and no link. */
	if (t->created && !t->marked && t->path != NULL)
		(void)rmdir(t->path);
	tree_close(t->tree); /* and the lock */
	marker_free(&t->marker);
	free(t->path);
	*t = (struct target){.path = NULL};
}

int
target_space(int fd, uint64_t *bytes, uint64_t *inodes, struct err *e)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not read the free space of the target");
	*bytes = (uint64_t)v.f_bavail * v.f_frsize;
	/* btrfs and the like make them as they are needed. */
	*inodes = v.f_files == 0 ? UINT64_MAX : (uint64_t)v.f_favail;
	return 0;
}
