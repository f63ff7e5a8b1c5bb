/* Promotion by the trigger file that the server is set to look for. */
#include "base/std.h"
#include "flow/failover_int.h"
#include "io/tree.h"

/* As the server has it: its setting, or recovery.conf of its directory. */
static int
configured_trigger(struct failover *f, int version, struct err *e)
{
	const char *name = pgver(version, PGFACT_TRIGGER_PARAM);
	struct buf value = BUF_INIT;
	struct tree *t;
	int rc = 0;

	if (pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL)
		return failover_keep(
		    &f->self.trigger_path, f->self.trigger_file, e);
	if ((t = tree_open(f->self.pgdata, e)) == NULL)
		return -1;
	if (failover_self_recovery(t, version, name, &value))
		rc = failover_keep(&f->self.trigger_path, buf_str(&value), e);
	tree_close(t);
	buf_free(&value);
	return rc;
}

static int
absolute_trigger(struct failover *f, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	if (f->self.trigger_path[0] == '/')
		return 0;
	buf_addf(&b, "%s/%s", f->self.pgdata, f->self.trigger_path);
	rc = buf_ok(&b) ? failover_keep(&f->self.trigger_path, buf_str(&b), e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}

/* The directory of the file, with its last component cut off. */
static void
directory_of(const char *path, char *dir, size_t size)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(
	    dir, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static int
judge_trigger(struct failover *f, struct err *e)
{
	const char *path = f->self.trigger_path;
	char dir[PATH_MAX];
	struct stat st;

	directory_of(path, dir, sizeof(dir));
	if (stat(dir, &st) == -1)
		return failover_because(&f->self.trigger_problem, e,
		    "its directory \"%s\": %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return failover_because(&f->self.trigger_problem, e,
		    "\"%s\" is not a directory", dir);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == -1)
		return failover_because(&f->self.trigger_problem, e,
		    "its directory \"%s\" is not writable by the user that "
		    "runs the server, who has to remove the file",
		    dir);
	if ((st.st_mode & (S_IWOTH | S_IWGRP)) != 0 && !f->looked)
		failover_warn(f,
		    "Let trigger_file lie in a directory that only the user "
		    "of the server may write to.",
		    "directory \"%s\" of the trigger file is writable by "
		    "others: anybody who may write there can promote",
		    dir);
	if (lstat(path, &st) == -1)
		return errno == ENOENT
			   ? 0
			   : failover_because(&f->self.trigger_problem, e, "%s",
				 strerror(errno));
	if (S_ISLNK(st.st_mode))
		return failover_because(&f->self.trigger_problem, e,
		    "it is a symbolic link, which is not "
		    "followed");
	return failover_because(&f->self.trigger_problem, e,
	    "it exists already, and the server is still in recovery: nobody "
	    "looks there");
}

int
failover_trigger_choose(struct failover *f, int version, struct err *e)
{
	struct failover_self *s = &f->self;
	const char *name = pgver(version, PGFACT_TRIGGER_PARAM);
	char major[16];

	f->facts.means = MEANS_TRIGGER;
	(void)failover_keep(&s->trigger_problem, NULL, NULL);
	if (name == NULL)
		return failover_because(&f->self.trigger_problem, e,
		    "PostgreSQL %s has none, promote_trigger_file was removed "
		    "in 16",
		    pgver_major(version, major, sizeof(major)));
	if (!s->here)
		return failover_because(&f->self.trigger_problem, e,
		    "the data directory of the server is not known, or not on "
		    "this host");
	if (!s->ours)
		return failover_because(&f->self.trigger_problem, e,
		    "this must be run by the owner of \"%s\"", s->pgdata);
	if (s->trigger_path == NULL && configured_trigger(f, version, e) == -1)
		return -1;
	if (s->trigger_path == NULL)
		return failover_because(&f->self.trigger_problem, e,
		    "the server has no %s set", name);
	if (absolute_trigger(f, e) == -1)
		return -1;
	return judge_trigger(f, e);
}

/* Made under the name that the server looks for, by nobody but us. */
int
failover_trigger_promote(struct failover *f, struct err *e)
{
	int fd = open(f->self.trigger_path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return err_set_errno(e, ERR_IO,
		    "could not create trigger file \"%s\"",
		    f->self.trigger_path);
	f->requested = true;
	(void)close(fd);
	return 0;
}
