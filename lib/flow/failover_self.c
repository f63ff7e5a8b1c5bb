/* The candidate: a session on its server, what that says, what its directory
 * holds; and the means that is a statement of that session. */
#include "base/std.h"
#include "core/pgconf.h"
#include "core/pgcontrol.h"
#include "core/plan.h"
#include "flow/failover_int.h"
#include "flow/pidfile.h"
#include "flow/walk.h"
#include "io/tree.h"

#define STATUS_INTERVAL_S 10 /* where it cannot be asked; the default */
#define READ_MAX (1 << 20)

/* --- what the server says ------------------------------------------------- */

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
		return failover_keep(&s->data_directory, value, e);
	if (strcmp(name, "primary_conninfo") == 0)
		return failover_keep(&s->primary_conninfo, value, e);
	if (strcmp(name, "promote_trigger_file") == 0)
		return failover_keep(&s->trigger_file, value, e);
	if (strcmp(name, "synchronous_standby_names") == 0)
		return failover_keep(&s->synchronous_names, value, e);
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

int
failover_self_open(struct failover *f, int sigfd, int64_t ms, struct err *e)
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
	if (failover_keep(&s->pgdata, path, e) == -1)
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
	return failover_keep(&k->f->self.unlogged_first, en->path, e);
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

int
failover_self_version(const struct failover *f)
{
	int version = f->s.nodes[f->node].version;

	return version != 0 ? version : f->self.version;
}

bool
failover_self_recovery(
    struct tree *t, int version, const char *name, struct buf *value)
{
	struct buf text = BUF_INIT;
	bool found;

	found = tree_read_file(t, pgver(version, PGFACT_FILE_RECOVERY),
		    READ_MAX, &text) == 0 &&
		pgconf_get(buf_str(&text), name, version, value) == 1;
	buf_free(&text);
	return found;
}

/* Below 12 the upstream stands in a file that no setting shows. */
static void
read_recovery_conf(struct failover *f, struct tree *t)
{
	int version = failover_self_version(f);
	struct buf value = BUF_INIT;

	if (version == 0 || f->self.primary_conninfo != NULL ||
	    pgver(version, PGFACT_RECOVERY_IS_GUC) != NULL)
		return;
	if (failover_self_recovery(t, version, "primary_conninfo", &value))
		(void)failover_keep(
		    &f->self.primary_conninfo, buf_str(&value), NULL);
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
failover_self_read(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	struct err why = ERR_INIT;

	failover_self_free(&f->self);
	f->facts.unlogged_forks = -1;
	if (n->reach == REACH_YES &&
	    failover_self_open(f, f->o->sigfd,
		failover_ms_left(f, FAILOVER_ASK_MS), &why) == -1) {
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

/* --- pg_promote() --------------------------------------------------------- */

int
failover_self_promote(struct failover *f, struct err *e)
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
