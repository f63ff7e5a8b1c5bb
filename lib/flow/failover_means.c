/* How the candidate is promoted: what its server and its directory say, the
 * means that is chosen, the request, and the proof that it was granted. */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/pgconf.h"
#include "core/pgcontrol.h"
#include "core/plan.h"
#include "core/text.h"
#include "flow/failover_int.h"
#include "flow/hook.h"
#include "flow/pidfile.h"
#include "flow/server.h"
#include "flow/walk.h"
#include "io/proc.h"
#include "io/tree.h"

#define STATUS_INTERVAL_S 10 /* where it cannot be asked; the default */
#define PG_CTL_MS 30000
#define READ_MAX (1 << 20)

/* --- what the server says ------------------------------------------------- */

static int
keep(char **to, const char *text, struct err *e)
{
	free(*to);
	*to = text != NULL && *text != '\0' ? strdup(text) : NULL;
	return text != NULL && *text != '\0' && *to == NULL ? err_set_nomem(e)
							    : 0;
}

void
failover_self_free(struct failover_self *s)
{
	free(s->data_directory);
	free(s->primary_conninfo);
	free(s->trigger_file);
	free(s->synchronous_names);
	free(s->pgdata);
	free(s->bindir);
	free(s->no_means);
	free(s->no_means_hint);
	free(s->trigger_path);
	free(s->trigger_problem);
	free(s->unlogged_first);
	*s = (struct failover_self){.status_interval = STATUS_INTERVAL_S};
}

static int
take_setting(struct failover *f, const char *name, const char *value,
    const char *unit, struct err *e)
{
	struct failover_self *s = &f->self;

	if (strcmp(name, "data_directory") == 0)
		return keep(&s->data_directory, value, e);
	if (strcmp(name, "primary_conninfo") == 0)
		return keep(&s->primary_conninfo, value, e);
	if (strcmp(name, "promote_trigger_file") == 0)
		return keep(&s->trigger_file, value, e);
	if (strcmp(name, "synchronous_standby_names") == 0)
		return keep(&s->synchronous_names, value, e);
	if (strcmp(name, "default_transaction_read_only") == 0)
		s->read_only = strcmp(value, "on") == 0;
	if (strcmp(name, "wal_receiver_status_interval") == 0) {
		s->status_interval = strtod(value, NULL);
		if (unit != NULL && strcmp(unit, "ms") == 0)
			s->status_interval /= 1000;
		if (s->status_interval <= 0) /* it sends none by itself */
			s->status_interval = STATUS_INTERVAL_S;
	}
	return 0;
}

static int
read_settings(struct failover *f, struct err *e)
{
	struct pg_rows *r = NULL;
	int rc = pg_query(f->pg, &r, failover_by(f, FAILOVER_ASK_MS),
	    "SELECT name, CASE name WHEN 'default_transaction_read_only' "
	    "THEN reset_val ELSE setting END, unit FROM pg_settings WHERE "
	    "name IN ('data_directory', 'primary_conninfo', "
	    "'promote_trigger_file', 'synchronous_standby_names', "
	    "'default_transaction_read_only', 'wal_receiver_status_interval')",
	    0, NULL, e);

	for (int i = 0; rc == 0 && i < pg_rows_n(r); i++)
		if (pg_rows_get(r, i, 1) != NULL)
			rc = take_setting(f, pg_rows_get(r, i, 0),
			    pg_rows_get(r, i, 1), pg_rows_get(r, i, 2), e);
	pg_rows_free(r);
	return rc;
}

static int
read_rights(struct failover *f, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *t;
	int rc;

	if (pgver(pg_version(f->pg), PGFACT_PROMOTE_SQL) == NULL)
		return 0;
	rc = pg_query(f->pg, &r, failover_by(f, FAILOVER_ASK_MS),
	    "SELECT has_function_privilege('pg_promote(boolean, integer)', "
	    "'EXECUTE')",
	    0, NULL, e);
	t = rc == 0 ? pg_rows_get(r, 0, 0) : NULL;
	f->self.may_promote = t != NULL && *t == 't';
	pg_rows_free(r);
	return rc;
}

static int
open_candidate(struct failover *f, int sigfd, int64_t ms, struct err *e)
{
	struct pg_opts o = {.conninfo = &f->nodes[f->node].conninfo,
	    .application_name = FAILOVER_NAME,
	    .connect_ms = ms,
	    .sigfd = sigfd};

	pg_close(f->pg);
	f->pg = NULL;
	return pg_open(&f->pg, &o, e);
}

/* --- the directory -------------------------------------------------------- */

/* The running server of that directory is the one of our session. */
static bool
is_its_directory(const struct failover *f, int fd)
{
	struct pidfile p;

	if (pidfile_read(fd, &p, NULL) != 1 || p.pid == 0)
		return false;
	return f->pg == NULL || p.port == 0 ||
	       p.port == (int)strtol(pg_port(f->pg), NULL, 10);
}

static int
find_pgdata(struct failover *f, struct err *e)
{
	struct failover_self *s = &f->self;
	const char *path = f->o->pgdata;
	const struct conf_node *n = f->conf[f->node];
	struct stat st;
	int fd;

	if (path == NULL && n != NULL)
		path = n->pgdata;
	if (path == NULL)
		path = s->data_directory;
	if (path == NULL)
		return 0;
	if (keep(&s->pgdata, path, e) == -1)
		return -1;
	if (!failover_nodes_is_here(f, f->node))
		return 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	s->here = is_its_directory(f, fd);
	s->ours = s->here && fstat(fd, &st) == 0 && st.st_uid == geteuid();
	(void)close(fd);
	return 0;
}

static int
count_init(void *arg, const struct entry *en, struct err *e)
{
	(void)en;
	(void)e;
	++*(int *)arg;
	return 0;
}

struct forks {
	struct failover *f;
	int n;
};

static int
count_fork(void *arg, const struct entry *en, struct err *e)
{
	struct forks *k = arg;

	if (k->n++ > 0)
		return 0;
	return keep(&k->f->self.unlogged_first, en->path, e);
}

/* D19.  Most clusters have no unlogged relation: names alone tell. */
static int
count_unlogged(struct failover *f, struct tree *t, int *n, struct err *e)
{
	struct walk_opts names = {
	    .recurse = true, .init_only = true, .entry = count_init, .arg = n};
	struct walk_result wr = {.specials = 0};
	struct forks k = {.f = f};
	struct manifest now = {.n = 0};
	struct exclude all = {.log_dir = NULL};
	int rc;

	*n = 0;
	names.exclude = &all;
	if (walk(t, &names, &wr, e) == -1)
		return -1;
	if (*n == 0)
		return 0;
	rc = walk_manifest(t, &all, &now, e);
	if (rc == 0)
		rc = plan_late_unlogged(&now, &now, count_fork, &k, e);
	manifest_free(&now);
	*n = k.n;
	return rc;
}

static void
read_control(struct failover *f, struct tree *t)
{
	struct buf b = BUF_INIT;
	struct pgcontrol c;

	if (tree_read_file(t, "global/pg_control", PGCONTROL_MAX, &b) == 0 &&
	    pgcontrol_parse(b.data, b.len, &c, NULL) == 0)
		f->timeline = MAX_OF(c.timeline, c.min_recovery_tli);
	buf_free(&b);
}

static int
version_of(const struct failover *f)
{
	int version = f->s.nodes[f->node].version;

	return version != 0 ? version : f->self.version;
}

/* Below 12 the upstream stands in a file that no setting shows. */
static void
read_recovery_conf(struct failover *f, struct tree *t)
{
	int version = version_of(f);
	struct buf text = BUF_INIT, value = BUF_INIT;

	if (version == 0 || f->self.primary_conninfo != NULL ||
	    pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL)
		return;
	if (tree_read_file(t, pgver(version, PGFACT_FILE_RECOVERY), READ_MAX,
		&text) == 0 &&
	    pgconf_get(buf_str(&text), "primary_conninfo", version, &value) ==
		1)
		(void)keep(&f->self.primary_conninfo, buf_str(&value), NULL);
	buf_free(&text);
	buf_free(&value);
}

/* A standby that lets nobody in (hot_standby = off) may be promoted by force.
 */
static void
read_version(struct failover *f, struct tree *t)
{
	struct buf b = BUF_INIT;

	if (f->pg == NULL && tree_read_file(t, "PG_VERSION", 64, &b) == 0)
		f->self.version = MAX_OF(pgver_parse(buf_str(&b)), 0);
	buf_free(&b);
}

/* What nobody can see from outside; trouble means: not known. */
static void
look_inside(struct failover *f)
{
	struct tree *t;
	struct stat st;
	int n;

	f->facts.unlogged_forks = -1;
	if (!f->self.here || (t = tree_open(f->self.pgdata, NULL)) == NULL)
		return;
	f->facts.backup_label = tree_stat(t, "backup_label", &st) == 0;
	read_version(f, t);
	read_recovery_conf(f, t);
	if (f->timeline == 0)
		read_control(f, t);
	if (tree_add_links(t, NULL, NULL) == 0 &&
	    count_unlogged(f, t, &n, NULL) == 0) {
		f->facts.unlogged_forks = n;
		f->facts.unlogged_first = f->self.unlogged_first;
	}
	tree_close(t);
}

int
failover_means_read(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	struct err why = ERR_INIT;

	failover_self_free(&f->self);
	f->facts.unlogged_forks = -1;
	if (n->reach == REACH_YES &&
	    open_candidate(f, f->o->sigfd, failover_ms_left(f, FAILOVER_ASK_MS),
		&why) == -1) {
		if (why.code == ERR_INTERRUPTED) {
			*e = why;
			return -1;
		}
		failover_warn(f, why.hint, "%s", why.text);
	}
	if (f->pg != NULL &&
	    (read_settings(f, e) == -1 || read_rights(f, e) == -1))
		return -1;
	if (find_pgdata(f, e) == -1)
		return -1;
	if (n->reach != REACH_YES || n->says != ROLE_PRIMARY)
		look_inside(f);
	return 0;
}

/* --- the trigger file ----------------------------------------------------- */

static int problem(struct failover *f, struct err *e, const char *fmt, ...)
    PRINTFLIKE(3, 4);
static int
problem(struct failover *f, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return keep(&f->self.trigger_problem, text, e);
}

/* As the server has it: its setting, or recovery.conf of its directory. */
static int
configured_trigger(struct failover *f, int version, struct err *e)
{
	const char *name = pgver(version, PGFACT_TRIGGER_PARAM);
	struct buf text = BUF_INIT, value = BUF_INIT;
	struct tree *t;
	int rc = 0;

	if (pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL)
		return keep(&f->self.trigger_path, f->self.trigger_file, e);
	if ((t = tree_open(f->self.pgdata, e)) == NULL)
		return -1;
	if (tree_read_file(t, pgver(version, PGFACT_FILE_RECOVERY), READ_MAX,
		&text) == 0 &&
	    pgconf_get(buf_str(&text), name, version, &value) == 1)
		rc = keep(&f->self.trigger_path, buf_str(&value), e);
	tree_close(t);
	buf_free(&text);
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
	rc = buf_ok(&b) ? keep(&f->self.trigger_path, buf_str(&b), e)
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
		return problem(
		    f, e, "its directory \"%s\": %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return problem(f, e, "\"%s\" is not a directory", dir);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == -1)
		return problem(f, e,
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
		return errno == ENOENT ? 0
				       : problem(f, e, "%s", strerror(errno));
	if (S_ISLNK(st.st_mode))
		return problem(f, e,
		    "it is a symbolic link, which is not "
		    "followed");
	return problem(f, e,
	    "it exists already, and the server is still in recovery: nobody "
	    "looks there");
}

static int
choose_trigger(struct failover *f, int version, struct err *e)
{
	struct failover_self *s = &f->self;
	const char *name = pgver(version, PGFACT_TRIGGER_PARAM);
	char major[16];

	f->facts.means = MEANS_TRIGGER;
	(void)keep(&s->trigger_problem, NULL, NULL);
	if (name == NULL)
		return problem(f, e,
		    "PostgreSQL %s has none, promote_trigger_file was removed "
		    "in 16",
		    pgver_major(version, major, sizeof(major)));
	if (!s->here)
		return problem(f, e,
		    "the data directory of the server is not known, or not on "
		    "this host");
	if (!s->ours)
		return problem(
		    f, e, "this must be run by the owner of \"%s\"", s->pgdata);
	if (s->trigger_path == NULL && configured_trigger(f, version, e) == -1)
		return -1;
	if (s->trigger_path == NULL)
		return problem(f, e, "the server has no %s set", name);
	if (absolute_trigger(f, e) == -1)
		return -1;
	return judge_trigger(f, e);
}

/* --- choose --------------------------------------------------------------- */

static int no_means(struct failover *f, struct err *e, const char *fmt, ...)
    PRINTFLIKE(3, 4);
static int
no_means(struct failover *f, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f->self.no_means != NULL)
		return 0; /* the first reason */
	return keep(&f->self.no_means, text, e);
}

/* Where the running server itself was started from; "" not known. */
static void
bindir_of_server(const struct failover *f, char *dir, size_t size)
{
	int fd = open(f->self.pgdata, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[64], *slash;
	struct pidfile p;
	ssize_t n = -1;

	if (fd != -1 && pidfile_read(fd, &p, NULL) == 1 && p.pid > 0) {
		(void)snprintf(path, sizeof(path), "/proc/%ld/exe", p.pid);
		n = readlink(path, dir, size - 1);
	}
	if (fd != -1)
		(void)close(fd);
	dir[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(dir, '/')) != NULL)
		*slash = '\0';
}

static int
choose_pg_ctl(struct failover *f, int version, struct err *e)
{
	const struct conf_node *n = f->conf[f->node];
	const char *given = f->o->bindir;
	struct err why = ERR_INIT;
	char own[PATH_MAX];
	int minor;

	if (given == NULL && n != NULL)
		given = n->bindir;
	bindir_of_server(f, own, sizeof(own));
	if (given == NULL && f->self.bindir == NULL && own[0] != '\0')
		(void)server_bindir(
		    own, version, &f->self.bindir, &minor, NULL);
	if (f->self.bindir == NULL &&
	    server_bindir(given, version, &f->self.bindir, &minor, &why) == -1)
		return no_means(f, e, "%s", why.text);
	f->facts.means = MEANS_PG_CTL;
	return 0;
}

/* As well as what was said of SQL. */
static int
no_agent(struct failover *f, const struct err *why, struct err *e)
{
	char *first = f->self.no_means;
	int rc;

	if (f->self.no_agent) /* said by an earlier judgement */
		return 0;
	if (keep(&f->self.no_means_hint, why->hint, e) == -1)
		return -1;
	f->self.no_agent = true;
	f->self.no_means = NULL;
	rc = no_means(f, e, "%s%sits agent cannot be asked: %s",
	    first != NULL ? first : "", first != NULL ? ", and " : "",
	    why->text);
	free(first);
	return rc;
}

static int
choose_agent(struct failover *f, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_MAY};
	struct operate_answer a;
	struct err why = ERR_INIT;

	if (f->self.pgdata == NULL)
		return no_means(f, e,
		    "its data directory is not known, so that neither pg_ctl "
		    "nor its agent can be asked");
	/* A refusal must be known before the fence shoots. */
	if (failover_nodes_operate(f, f->node, &q, &a, FAILOVER_SSH_MS, &why) ==
	    -1)
		return no_agent(f, &why, e);
	operate_answer_free(&a);
	f->facts.means = MEANS_AGENT;
	return 0;
}

static int
choose(struct failover *f, int version, struct err *e)
{
	struct failover_self *s = &f->self;

	if (version == 0)
		return no_means(f, e,
		    "it does not answer, and its data directory is not at "
		    "hand");
	if (f->o->trigger || !failover_has_pg_ctl_promote(version))
		return choose_trigger(f, version, e);
	if (s->may_promote && pg_alive(f->pg)) {
		f->facts.means = MEANS_SQL;
		return 0;
	}
	if (pgver(version, PGFACT_PROMOTE_SQL) != NULL && f->pg != NULL &&
	    no_means(f, e,
		"role \"%s\" has no EXECUTE privilege on pg_promote()",
		pg_user(f->pg)) == -1)
		return -1;
	if (s->ours)
		return choose_pg_ctl(f, version, e);
	if (s->here)
		return no_means(f, e,
		    "\"%s\" belongs to another user, so that pg_ctl cannot be "
		    "run",
		    s->pgdata);
	return choose_agent(f, e);
}

int
failover_means_choose(struct failover *f, struct err *e)
{
	int version = version_of(f);
	bool first = !f->looked;

	/* A session that was lost, for a restart of the server perhaps. */
	if (f->pg != NULL && !pg_alive(f->pg)) {
		(void)open_candidate(f, f->committed ? -1 : f->o->sigfd,
		    failover_ms_left(f, FAILOVER_ASK_MS), NULL);
		/* Its lock went with it. */
		if (failover_lock_again(f, e) == -1)
			return -1;
		f->facts.locked_by = f->locked_by;
	}
	if (first || f->facts.means == MEANS_NONE ||
	    f->facts.means == MEANS_TRIGGER) {
		f->facts.means = MEANS_NONE;
		if (choose(f, version, e) == -1)
			return -1;
	}
	f->looked = true;
	f->facts.no_means = f->self.no_means;
	f->facts.no_means_hint = f->self.no_means_hint;
	f->facts.trigger_path = f->self.trigger_path;
	f->facts.trigger_problem = f->self.trigger_problem;
	return 0;
}

void
failover_means_add(const struct failover *f, struct buf *b)
{
	switch (f->facts.means) {
	case MEANS_SQL:
		buf_adds(b, "pg_promote() over SQL");
		break;
	case MEANS_PG_CTL:
		buf_addf(b, "%s/pg_ctl promote -D ", f->self.bindir);
		text_add_escaped(b, f->self.pgdata, strlen(f->self.pgdata));
		break;
	case MEANS_TRIGGER:
		buf_adds(b, "the trigger file ");
		if (f->self.trigger_path != NULL)
			text_add_escaped(b, f->self.trigger_path,
			    strlen(f->self.trigger_path));
		break;
	case MEANS_AGENT:
		buf_adds(b, "the agent of its host");
		break;
	case MEANS_NONE:
		buf_adds(b, "nothing: there is no means");
		break;
	}
}

/* --- request -------------------------------------------------------------- */

static int
by_sql(struct failover *f, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *t;
	int rc;

	f->requested = true;
	rc = pg_query(f->pg, &r, failover_by(f, FAILOVER_ASK_MS * 2),
	    "SELECT pg_promote(false)", 0, NULL, e);
	/* It was not allowed, or is not there; anything else may come from a
	 * server that has begun. */
	if (rc == -1 && e->code == ERR_SQL &&
	    strncmp(pg_sqlstate(f->pg), "42", 2) == 0)
		f->requested = false;
	t = rc == 0 ? pg_rows_get(r, 0, 0) : NULL;
	if (rc == 0 && (t == NULL || *t != 't')) {
		f->requested = false;
		rc = err_set(e, ERR_SQL,
		    "pg_promote() on %s could not tell the server to promote",
		    f->s.nodes[f->node].name);
	}
	pg_rows_free(r);
	return rc;
}

/* The server finds it sooner or later. */
static bool
promote_file_left(const struct failover *f)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool gone;

	buf_addf(&path, "%s/" OPERATE_PROMOTE_FILE, f->self.pgdata);
	gone = buf_ok(&path) && lstat(buf_str(&path), &st) == -1 &&
	       errno == ENOENT;
	buf_free(&path);
	return !gone;
}

static int
by_pg_ctl(struct failover *f, struct err *e)
{
	struct buf program = BUF_INIT, out = BUF_INIT, text = BUF_INIT;
	const char *argv[] = {
	    NULL, "promote", "-W", "-D", f->self.pgdata, NULL};
	struct proc_opts o = {.argv = argv,
	    .out = &out,
	    .err = &out,
	    .deadline = failover_by(f, PG_CTL_MS),
	    .sigfd = -1,
	    .new_session = true}; /* a signal of the terminal is not for it */
	int status = 0, rc;

	buf_addf(&program, "%s/pg_ctl", f->self.bindir);
	argv[0] = buf_str(&program);
	f->requested = true;
	rc = proc_run(&o, &status, e);
	if (rc == -1 && e->code == ERR_PROC && !promote_file_left(f))
		f->requested = false;
	if (rc == 0 && status != 0) {
		/* A signal may have ended it after it had asked. */
		f->requested = status >= 128 || promote_file_left(f);
		text_add_tail(&text, out.data, out.len, 5, "");
		rc = err_set(
		    e, ERR_PROC, "pg_ctl promote ended with status %d", status);
		(void)err_detail(e, "%s", buf_str(&text));
	}
	buf_free(&program);
	buf_free(&out);
	buf_free(&text);
	return rc;
}

/* Made under the name that the server looks for, by nobody but us. */
static int
by_trigger(struct failover *f, struct err *e)
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

static int
by_agent(struct failover *f, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_PROMOTE};
	struct operate_answer a;
	struct buf text = BUF_INIT;
	int rc;

	rc = failover_nodes_operate(f, f->node, &q, &a, PG_CTL_MS, e);
	/* Whatever went wrong then: it may have been done, or happen yet. */
	f->requested = a.sent;
	if (rc == -1)
		return -1;
	if (a.status != 0) {
		f->requested = a.status >= 128; /* else it was not asked */
		if (a.text != NULL)
			text_add_tail(&text, a.text, strlen(a.text), 5, "");
		rc = err_set(e, ERR_AGENT,
		    "the promotion by the agent ended with status %d",
		    a.status);
		(void)err_detail(e, "%s", buf_str(&text));
	}
	operate_answer_free(&a);
	buf_free(&text);
	return rc;
}

static int
resume(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	const char *sql = pgver(n->version, PGFACT_RESUME_SQL);

	if (!f->o->resume_replay || n->paused != 1 || sql == NULL)
		return 0;
	if (f->pg == NULL)
		return err_set(e, ERR_DB_CONNECT,
		    "replay cannot be resumed: there is no session on %s",
		    n->name);
	f->resumed = true;
	if (pg_query(f->pg, NULL, failover_by(f, FAILOVER_ASK_MS), sql, 0, NULL,
		e) == -1) {
		if (e->code == ERR_SQL && *pg_sqlstate(f->pg) != '\0')
			f->resumed = false; /* it said no */
		return err_wrap(e, "could not resume replay");
	}
	failover_step(f, "resume", "replay of %s goes on", n->name);
	return 0;
}

/* The lock is ours now, not only when it was taken. */
static int
hold_lock(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);

	if (f->locks == NULL || n == NULL || n->reach != REACH_YES)
		return 0;
	/* A session that was lost is seen only when it is used. */
	if (f->pg == NULL || !pg_alive(f->pg) ||
	    pg_query(f->pg, NULL, failover_by(f, FAILOVER_ASK_MS), "SELECT 1",
		0, NULL, NULL) == -1)
		(void)open_candidate(f, f->committed ? -1 : f->o->sigfd,
		    failover_ms_left(f, FAILOVER_ASK_MS), NULL);
	if (failover_interrupted(f, e) == -1 || failover_lock_again(f, e) == -1)
		return -1;
	return f->locked_by == NULL ? 0 : failover_lock_refuse(f, e);
}

static int
ask_server(struct failover *f, struct err *e)
{
	switch (f->facts.means) {
	case MEANS_SQL:
		return by_sql(f, e);
	case MEANS_PG_CTL:
		return by_pg_ctl(f, e);
	case MEANS_TRIGGER:
		return by_trigger(f, e);
	case MEANS_AGENT:
		return by_agent(f, e);
	case MEANS_NONE:
		break;
	}
	return err_set(e, ERR_INTERNAL, "no means to promote");
}

/* Not asked; but what was resumed goes on. */
static int
not_asked(struct failover *f, struct err *e)
{
	if (!f->resumed)
		return -1;
	(void)err_wrap(e, "replay of %s was resumed, it is not promoted",
	    f->s.nodes[f->node].name);
	err_raise(e, STATUS_INCOMPLETE);
	return -1;
}

int
failover_request(struct failover *f, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = -1;

	if (failover_interrupted(f, e) == -1)
		return -1;
	failover_means_add(f, &b);
	failover_step(f, "promote", "%s", buf_str(&b));
	buf_free(&b);
	hook_pause("request");
	/* The last checks. */
	if (failover_interrupted(f, e) == -1 || hold_lock(f, e) == -1 ||
	    failover_in_time(f, e) == -1)
		return -1;
	/* From here on a signal does not stop a statement. */
	if (f->pg != NULL)
		pg_ignore_signals(f->pg);
	f->requested_at = clock_ms();
	if (resume(f, e) == 0)
		rc = ask_server(f, e);
	if (!f->requested)
		return rc == 0 ? 0 : not_asked(f, e);
	f->rec->status = "requested";
	if (rc == -1) /* the outcome is seen, not told */
		failover_note(f, "%s: looking whether it happened", e->text);
	err_clear(e);
	return 0;
}

/* --- confirm -------------------------------------------------------------- */

enum state { STATE_SILENT, STATE_RECOVERY, STATE_OLD_TIMELINE, STATE_WRITES };

struct confirm {
	enum state state;
	struct err last; /* why not */
};

/* 1, 0, -1 with c->last. */
static int
ask_bool(struct failover *f, const char *sql, bool *yes, struct confirm *c)
{
	struct pg_rows *r = NULL;
	const char *t;
	int rc;

	err_clear(&c->last);
	rc = pg_query(
	    f->pg, &r, failover_by(f, FAILOVER_ASK_MS), sql, 0, NULL, &c->last);
	t = rc == 0 ? pg_rows_get(r, 0, 0) : NULL;
	*yes = t != NULL && *t == 't';
	pg_rows_free(r);
	return rc;
}

static int
ask_number(struct failover *f, const char *sql, char *text, size_t size,
    struct confirm *c)
{
	struct pg_rows *r = NULL;
	const char *t;
	int rc;

	err_clear(&c->last);
	rc = pg_query(
	    f->pg, &r, failover_by(f, FAILOVER_ASK_MS), sql, 0, NULL, &c->last);
	t = rc == 0 ? pg_rows_get(r, 0, 0) : NULL;
	(void)snprintf(text, size, "%s", t != NULL ? t : "");
	pg_rows_free(r);
	return rc;
}

static int
new_timeline(struct failover *f, struct confirm *c)
{
	int version = pg_version(f->pg);
	char text[LSN_TEXT];

	if (ask_number(f, pgver(version, PGFACT_TIMELINE), text, sizeof(text),
		c) == -1)
		return -1;
	f->rec->timeline = (uint32_t)strtoul(text, NULL, 10);
	if (f->rec->timeline == 0 ||
	    (f->timeline != 0 && f->rec->timeline <= f->timeline)) {
		f->rec->timeline = 0;
		return 0;
	}
	c->state = STATE_OLD_TIMELINE;
	if (ask_number(f, pgver(version, PGFACT_CURRENT_LSN), text,
		sizeof(text), c) == -1)
		return -1;
	(void)lsn_parse(text, &f->rec->lsn);
	return 1;
}

/* A transaction id is given and its commit recorded: that is a write, whatever
 * is set for transactions by default. */
static int
writes(struct failover *f, struct confirm *c)
{
	return pg_query(f->pg, NULL, failover_by(f, FAILOVER_ASK_MS),
	    "SELECT txid_current()", 0, NULL, &c->last);
}

/* 1: it is a primary and takes writes. */
static int
look_once(struct failover *f, struct confirm *c)
{
	bool recovers;
	int rc;

	if (!pg_alive(f->pg)) {
		c->state = STATE_SILENT;
		err_clear(&c->last);
		if (open_candidate(f, -1,
			MAX_OF(MIN_OF(f->deadline - clock_ms(), 2000), 100),
			&c->last) == -1)
			return 0;
	}
	if (ask_bool(f, "SELECT pg_is_in_recovery()", &recovers, c) == -1)
		return 0;
	if (recovers) {
		c->state = STATE_RECOVERY;
		return 0;
	}
	c->state = STATE_OLD_TIMELINE;
	if ((rc = new_timeline(f, c)) != 1)
		return 0;
	err_clear(&c->last);
	if (writes(f, c) == -1)
		return 0;
	c->state = STATE_WRITES;
	return 1;
}

static int
unknown(struct failover *f, const struct confirm *c, bool interrupted,
    struct err *e)
{
	const char *name = f->s.nodes[f->node].name;
	static const char *const words[] = {
	    [STATE_SILENT] = "it does not answer",
	    [STATE_RECOVERY] = "it is still in recovery",
	    [STATE_OLD_TIMELINE] =
		("it is out of recovery, but no write was seen to work on "
		 "a new timeline"),
	    [STATE_WRITES] = ""};

	(void)err_set(e, ERR_TIMEOUT,
	    "promotion of %s was requested, outcome unknown: %s%s%s%s", name,
	    words[c->state], err_is_set(&c->last) ? " (" : "", c->last.text,
	    err_is_set(&c->last) ? ")" : "");
	err_raise(e, STATUS_INCOMPLETE);
	(void)err_detail(e, "%s",
	    interrupted ? "A signal came while it was waited for."
			: "The time is over.");
	return err_hint(e,
	    "It may still happen: promote no other node. Look at %s, and at "
	    "its server's log: repl-status",
	    name);
}

int
failover_confirm(struct failover *f, struct err *e)
{
	struct confirm c = {.state = STATE_SILENT};

	if (f->pg != NULL)
		pg_ignore_signals(f->pg);
	hook_pause("requested");
	while (look_once(f, &c) != 1) {
		if (deadline_passed(f->deadline))
			return unknown(f, &c, sig_caught() != 0, e);
		clock_sleep_ms(FAILOVER_POLL_MS, f->deadline);
	}
	f->confirmed = true;
	f->rec->ms_promote = clock_ms() - f->requested_at;
	return 0;
}
