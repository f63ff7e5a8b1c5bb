/*
 * What the standby's own pg_hba.conf and pg_ident.conf name in its data
 * directory, and what its own postgresql.conf includes there, is its own as
 * they are: the source does not have it, or has another one, and without it
 * nobody may log in, or the wrong ones, or the server is another one.  (The two
 * are hba_file and ident_file, if its configuration says so.)
 */
#include "base/std.h"
#include "core/confwalk.h"
#include "core/hbafile.h"
#include "core/path.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/confread.h"

#define FILES_MAX 1000 /* that are looked at */

struct keeper {
	struct clone *c;
	struct confread files;
	struct confwalk_io here;
	const char *by;      /* who names them: "pg_hba.conf" */
	struct buf place[2]; /* hba_file, ident_file; "": not set */
};

static const struct {
	const char *setting, *name;
} tables[] = {{"hba_file", "pg_hba.conf"}, {"ident_file", "pg_ident.conf"}};

/* --- the list ------------------------------------------------------------- */

bool
clone_keeps(const struct clone *c, const char *path)
{
	char up[PATH_LIMIT + 1];
	struct stat st;

	if (c->target.tree == NULL || strlen(path) > PATH_LIMIT)
		return false;
	for (size_t i = 1; i <= strlen(path); i++) {
		if (path[i] != '\0' && path[i] != '/')
			continue;
		(void)snprintf(up, sizeof(up), "%.*s", (int)i, path);
		for (size_t k = 0; k < c->nkeep; k++)
			if (plan_keeps(c->keep[k], up) &&
			    fstatat(tree_fd(c->target.tree), up, &st,
				AT_SYMLINK_NOFOLLOW) == 0)
				return true;
	}
	return false;
}

/* Takes pattern over, which may be NULL: no memory. */
static int
add(struct clone *c, char *pattern, struct err *e)
{
	char **all = realloc(c->keep, (c->nkeep + 1) * sizeof(*all));

	if (all != NULL)
		c->keep = all;
	if (all == NULL || pattern == NULL) {
		free(pattern);
		return err_set_nomem(e);
	}
	c->keep[c->nkeep++] = pattern;
	return 0;
}

/* A path as the pattern that fits it alone. */
static int
add_path(struct clone *c, const char *path, struct err *e)
{
	struct buf b = BUF_INIT;

	for (; *path != '\0'; path++) {
		if (strchr("*?[\\", *path) != NULL)
			buf_addc(&b, '\\');
		buf_addc(&b, *path);
	}
	return add(c, buf_steal(&b), e);
}

/* In a directory that is continued, only what was the standby's own before the
 * first run counts as its own. */
int
clone_keep_begin(struct clone *c, struct err *e)
{
	const struct marker *m = &c->target.marker;
	int rc = 0;

	if (c->target.kind == TARGET_MARKED) {
		for (size_t i = 0; rc == 0 && i < m->nkept; i++)
			rc = add_path(c, m->kept[i], e);
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < c->o->nkeep; i++)
		rc = add(c, strdup(c->o->keep[i]), e);
	if (c->o->keep != NULL)
		return rc;
	for (size_t i = 0; rc == 0 && plan_default_keep[i] != NULL; i++)
		rc = add(c, strdup(plan_default_keep[i]), e);
	return rc;
}

/* --- what may be kept ----------------------------------------------------- */

/* A directory of the server's, of which a file can be the standby's own, but
 * never all of it; and below these no file that a clone makes. */
static bool
is_server_directory(const char *path)
{
	static const char *const dirs[] = {"base", "global", "pg_clog",
	    "pg_commit_ts", "pg_dynshmem", "pg_logical", "pg_multixact",
	    "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat",
	    "pg_stat_tmp", "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal",
	    "pg_xact", "pg_xlog"};

	for (size_t i = 0; i < NELEM(dirs); i++)
		if (path_below(path, dirs[i], true))
			return true;
	return false;
}

/* The path below the data directory of what lies there, links above it
 * resolved; false: it lies elsewhere, or its name is not one to be kept. */
static bool
own_path(const struct clone *c, const char *path, char *rel, size_t size)
{
	static const struct exclude none = {.log_dir = NULL};
	char dir[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = strlen(c->target.path);
	int len;

	if (slash == NULL || slash[1] == '\0' ||
	    (size_t)(slash - path) >= sizeof(dir))
		return false;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (realpath(dir[0] == '\0' ? "/" : dir, real) == NULL ||
	    strncmp(real, c->target.path, n) != 0 ||
	    (real[n] != '/' && real[n] != '\0'))
		return false;
	len = snprintf(rel, size, "%s%s%s", real[n] == '/' ? real + n + 1 : "",
	    real[n] == '/' ? "/" : "", slash + 1);
	return len > 0 && (size_t)len < size &&
	       path_check(rel, (size_t)len) == NULL &&
	       !is_server_directory(rel) && !exclude_covers(&none, rel, false);
}

/* What is named, if it is there. */
static int
keep(struct keeper *k, const char *path, struct err *e)
{
	char rel[PATH_LIMIT + 1];
	struct buf shown = BUF_INIT;
	struct stat st;

	if (!own_path(k->c, path, rel, sizeof(rel)) || clone_keeps(k->c, rel) ||
	    fstatat(tree_fd(k->c->target.tree), rel, &st,
		AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	text_add_escaped(&shown, rel, strlen(rel));
	clone_note(k->c, "\"%s\" is kept: %s of the standby names it",
	    buf_str(&shown), k->by);
	buf_free(&shown);
	return add_path(k->c, rel, e);
}

/* --- who names what ------------------------------------------------------- */

static int
see_name(void *arg, const struct hbafile_line *l, struct err *e)
{
	struct keeper *k = arg;

	return keep(k, l->kind == HBAFILE_FILE ? l->file : l->path, e);
}

/* What is not there says nothing; the server has its own view of that. */
static int
read_any(void *arg, const char *path, struct buf *text, struct err *e)
{
	struct keeper *k = arg;
	int rc = k->here.read(k->here.arg, path, text, e);

	return rc == 0 ? 1 : rc;
}

static int
list_any(void *arg, const char *dir, struct buf *names, struct err *e)
{
	struct keeper *k = arg;
	int rc = k->here.list(k->here.arg, dir, names, e);

	return rc == 0 ? 1 : rc;
}

/* A file is seen where it is included, and where its directory is, which may
 * be one that is not kept as a whole: ".". */
static int
see_line(void *arg, const struct confwalk_line *l, struct err *e)
{
	struct keeper *k = arg;

	if (l->kind != CONFWALK_SETTING)
		return keep(k, l->kind == CONFWALK_FILE ? l->file : l->path, e);
	for (size_t i = 0; i < NELEM(tables); i++)
		if (strcasecmp(l->name, tables[i].setting) == 0) {
			buf_reset(&k->place[i]);
			buf_adds(&k->place[i], l->value);
		}
	return 0;
}

/* Of this standby, and not one that the copy will bring? */
static bool
is_own(const struct clone *c, const char *path)
{
	char rel[PATH_LIMIT + 1];

	return !own_path(c, path, rel, sizeof(rel)) || clone_keeps(c, rel);
}

/* Its own configuration says where the two are, and what belongs to it. */
static int
look_at_settings(struct keeper *k, struct err *e)
{
	const struct confwalk_io io = {
	    .read = read_any, .list = list_any, .arg = k};
	const char *name = pgver(k->c->facts.version, PGFACT_AUTO_CONF);
	const char *dir = clone_config_dir(k->c);
	struct buf path = BUF_INIT;
	int rc = 0;

	k->by = "postgresql.conf";
	buf_addf(&path, "%s/postgresql.conf", dir);
	if (is_own(k->c, buf_str(&path)))
		rc = confwalk(
		    &io, buf_str(&path), k->c->facts.version, see_line, k, e);
	buf_reset(&path);
	buf_addf(&path, "%s/%s", k->c->target.path, name);
	if (rc == 0 && name != NULL && is_own(k->c, buf_str(&path)))
		rc = confwalk(
		    &io, buf_str(&path), k->c->facts.version, see_line, k, e);
	buf_free(&path);
	return rc;
}

/* A table that a setting names is its own even where no pattern says so. */
static int
look_at_table(struct keeper *k, size_t i, struct err *e)
{
	struct buf path = BUF_INIT, below = BUF_INIT;
	const char *said = buf_str(&k->place[i]);
	int rc = 0;

	buf_addf(&below, "%s/", k->c->target.path);
	confwalk_join(
	    &path, buf_str(&below), said[0] != '\0' ? said : tables[i].name);
	k->by = "postgresql.conf";
	if (said[0] != '\0')
		rc = keep(k, buf_str(&path), e);
	k->by = tables[i].name;
	if (rc == 0 && is_own(k->c, buf_str(&path)))
		rc = hbafile_walk(&k->here, buf_str(&path), k->c->facts.version,
		    see_name, k, e);
	buf_free(&path);
	buf_free(&below);
	return rc;
}

/* Whose files go unseen may lose them. */
static int
refuse(struct clone *c, struct err *own)
{
	(void)err_hint(own,
	    "What this configuration of the standby names in its data "
	    "directory could not be found, and might be removed: correct the "
	    "file, or move it away.");
	return preflight_add(&c->pf, own);
}

int
clone_keep_named(struct clone *c, struct err *e)
{
	struct keeper k = {
	    .c = c, .files = {.any_owner = true, .max_files = FILES_MAX}};
	struct err own = ERR_INIT;
	int rc = 0;

	/* One that is continued knows from its first run what was kept. */
	if (c->target.tree == NULL || c->target.kind != TARGET_PGDATA)
		return 0;
	k.here = confread_io(&k.files);
	rc = look_at_settings(&k, &own);
	for (size_t i = 0; rc == 0 && i < NELEM(tables); i++)
		rc = look_at_table(&k, i, &own);
	for (size_t i = 0; i < NELEM(tables); i++)
		buf_free(&k.place[i]);
	if (rc == -1)
		rc = refuse(c, &own);
	return rc == -1 ? err_set_nomem(e) : 0;
}
