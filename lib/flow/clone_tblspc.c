/* Tablespaces that come and go while the copy is made (faults B9, B10), and the
 * check that no directory of the target is one of the source. */
#include "base/std.h"
#include "base/shell.h"
#include "core/pgver.h"
#include "flow/clone_int.h"

#include <dirent.h>

#define QUERY_MS 30000

/* --- never in the source's own directories (A6) --------------------------- */

static int
judge_against(const char *what, const char *dir, const char *whose,
    const char *source, struct err *e)
{
	char mine[PATH_MAX], theirs[PATH_MAX];

	roots_resolve(dir, mine);
	roots_resolve(source, theirs);
	if (!roots_inside(mine, theirs))
		return 0;
	(void)err_set(e, ERR_TARGET_IS_SOURCE,
	    "%s: \"%s\" is or lies in the source's own %s \"%s\"", what, dir,
	    whose, source);
	return err_hint(e, "Give the standby a directory of its own.");
}

/* On one host: is dir in the source's data directory, its WAL directory, or one
 * of its tablespaces? */
static int
judge_place(struct clone *c, const char *what, const char *dir, struct err *e)
{
	const struct wire_str *pgdata = &c->src.o.resolved;
	char path[PATH_MAX];

	if (!c->same_host || dir == NULL)
		return 0;
	(void)snprintf(path, sizeof(path), "%.*s/%s",
	    (int)MIN_OF(pgdata->len, (size_t)PATH_MAX / 2), pgdata->s,
	    c->wal_dir);
	if (judge_against(what, dir, "WAL directory", path, e) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%.*s",
	    (int)MIN_OF(pgdata->len, (size_t)PATH_MAX / 2), pgdata->s);
	if (judge_against(what, dir, "data directory", path, e) == -1)
		return -1;
	for (size_t i = 0; i < c->roots.n; i++)
		if (judge_against(
			what, dir, "tablespace", c->roots.v[i].source, e) == -1)
			return -1;
	return 0;
}

/* The target's own link to its WAL; 0 when there is none. */
static int
own_wal_link(struct clone *c, char *link, size_t size)
{
	ssize_t n = c->target.tree == NULL ? -1
					   : readlinkat(tree_fd(c->target.tree),
						 c->wal_dir, link, size - 1);

	if (n <= 0)
		return 0;
	link[n] = '\0';
	return 1;
}

int
clone_find_waldir(struct clone *c, struct err *e)
{
	char link[PATH_MAX];
	const char *dir =
	    own_wal_link(c, link, sizeof(link)) ? link : c->o->waldir;

	if (dir == NULL)
		return 0;
	c->rec->waldir = strdup(dir);
	return c->rec->waldir == NULL ? err_set_nomem(e) : 0;
}

/* A directory that will be made: the one above it must be there. */
static int
judge_parent(const char *dir, struct err *e)
{
	char up[PATH_MAX], word[SHELL_WORD], *slash;

	(void)snprintf(up, sizeof(up), "%s", dir);
	slash = strrchr(up, '/');
	if (slash == NULL || slash == up)
		return 0;
	*slash = '\0';
	if (access(up, W_OK | X_OK) == 0)
		return 0;
	(void)err_set_errno(e, ERR_TARGET_PATH,
	    "--waldir: could not create \"%s\" in \"%s\"", dir, up);
	return err_hint(
	    e, "Make it: mkdir -p -m 0700 %s", shell_quoted(dir, word));
}

static int
judge_new_waldir(const char *dir, struct err *e)
{
	struct stat st;

	if (lstat(dir, &st) == -1 && errno == ENOENT)
		return judge_parent(dir, e);
	if (stat(dir, &st) == -1 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_TARGET_PATH,
		    "--waldir: \"%s\" is not a directory", dir);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_TARGET_OWNER,
		    "--waldir: \"%s\" belongs to another user", dir);
	if (!roots_is_empty(dir)) {
		(void)err_set(
		    e, ERR_TARGET_PATH, "--waldir: \"%s\" is not empty", dir);
		return err_hint(
		    e, "Name a directory that is new or empty: --waldir=DIR.");
	}
	return 0;
}

/* The target has its WAL already, and it stays where it is: not where the
 * option wants it. */
static int
refuse_waldir(struct clone *c, const char *link, struct err *e)
{
	const char *dir = c->o->waldir;
	char from[PATH_MAX + 16], a[SHELL_WORD], b[SHELL_WORD];

	if (link != NULL && strcmp(link, dir) == 0)
		return 0;
	if (link != NULL) {
		(void)err_set(e, ERR_TARGET_PATH,
		    "--waldir=%s: the target's %s leads to \"%s\" already", dir,
		    c->wal_dir, link);
		return err_hint(e, "Leave --waldir out: it stays there.");
	}
	(void)err_set(e, ERR_TARGET_PATH,
	    "--waldir: the target has a directory \"%s\" already", c->wal_dir);
	(void)snprintf(from, sizeof(from), "%s/%s", c->target.path, c->wal_dir);
	(void)shell_quoted(from, a);
	(void)shell_quoted(dir, b);
	return err_hint(e,
	    "Leave --waldir out, or move it first: mv -T %s %s && ln -s %s %s",
	    a, b, b, a);
}

static int
judge_wal(struct clone *c, struct err *e)
{
	char link[PATH_MAX], real[PATH_MAX];
	const char *dir = c->o->waldir;
	struct stat st;
	int has = own_wal_link(c, link, sizeof(link));

	if (has && link[0] != '/')
		return err_set(e, ERR_SYMLINK,
		    "the target's link \"%s\" -> \"%s\" is not absolute",
		    c->wal_dir, link);
	if (has && judge_place(c, c->wal_dir, link, e) == -1)
		return -1;
	if (dir == NULL)
		return 0;
	if (dir[0] != '/')
		return err_set(e, ERR_USAGE,
		    "--waldir: \"%s\" is not an absolute path", dir);
	if (judge_place(c, "--waldir", dir, e) == -1)
		return -1;
	roots_resolve(dir, real);
	if (roots_inside(real, c->target.path))
		return err_set(e, ERR_TARGET_PATH,
		    "--waldir: \"%s\" lies inside the data directory", dir);
	if (has)
		return refuse_waldir(c, link, e);
	if (c->target.tree != NULL &&
	    fstatat(tree_fd(c->target.tree), c->wal_dir, &st,
		AT_SYMLINK_NOFOLLOW) == 0)
		return refuse_waldir(c, NULL, e);
	return judge_new_waldir(dir, e);
}

static const char *
name_of(void *arg, uint32_t oid)
{
	const struct clone *c = arg;

	for (size_t i = 0; i < c->facts.ntblspc; i++)
		if (c->facts.tblspc[i].oid == oid)
			return c->facts.tblspc[i].name;
	return NULL;
}

/* Links of another cluster, which --force overwrites, are not where these
 * tablespaces were. */
struct roots_opts
clone_roots_opts(struct clone *c)
{
	const struct target *t = &c->target;
	uint64_t have = t->kind == TARGET_MARKED ? t->marker.system_identifier
			: t->have_control        ? t->control.system_identifier
						 : 0;

	return (struct roots_opts){.mapping = c->o->mapping,
	    .nmapping = c->o->nmapping,
	    .same_host = c->same_host,
	    .tblspc_dir = c->tblspc_dir,
	    .keep_links = have != 0 && have == c->src.o.system_identifier,
	    .name = name_of,
	    .arg = c};
}

int
clone_judge_places(struct clone *c, struct err *e)
{
	if (judge_place(c, "target", c->target.path, e) == -1 ||
	    judge_wal(c, e) == -1)
		return -1;
	for (size_t i = 0; i < c->roots.n; i++)
		if (judge_place(
			c, "--tablespace-mapping", c->roots.v[i].dir, e) == -1)
			return -1;
	return 0;
}

/* Below PGDATA: said already, or in place. */
static bool
is_elsewhere(const struct clone *c, const struct probe_tablespace *t)
{
	return t->location != NULL && t->location[0] == '/' &&
	       !roots_inside(t->location, c->source_pgdata) &&
	       (c->facts.data_directory == NULL ||
		   !roots_inside(t->location, c->facts.data_directory));
}

static int
note_problem(struct clone *c, int rc, struct err *e)
{
	c->pf.checks++;
	if (rc == -1 && e->code == ERR_NOMEM)
		return -1;
	rc = rc == -1 ? preflight_add(&c->pf, e) : 0;
	err_clear(e);
	return rc;
}

/*
 * Each refusal after the backup has begun costs the primary a checkpoint, and
 * names the first directory alone.  The list of files may still say something
 * else a moment later: so all of this is asked again then.
 */
int
clone_judge_directories(struct clone *c)
{
	struct roots_opts o = clone_roots_opts(c);
	struct roots *r = &c->roots;
	struct err e = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->facts.ntblspc; i++) {
		const struct probe_tablespace *t = &c->facts.tblspc[i];
		struct root_source from = {t->oid, t->name, t->location};

		if (is_elsewhere(c, t))
			rc = note_problem(
			    c, roots_add(r, &from, &c->target, &o, &e), &e);
	}
	if (rc == 0)
		rc = note_problem(
		    c, judge_place(c, "target", c->target.path, &e), &e);
	if (rc == 0)
		rc = note_problem(c, judge_wal(c, &e), &e);
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		if (!r->v[i].refused)
			rc = note_problem(c,
			    judge_place(
				c, "--tablespace-mapping", r->v[i].dir, &e),
			    &e);
	roots_free(r);
	return rc;
}

/* A link that leads nowhere has left nothing. */
static bool
is_left(const struct root *r)
{
	struct stat st;

	return r->was != NULL && strcmp(r->was, r->dir) != 0 &&
	       stat(r->was, &st) == 0;
}

void
clone_tell_tablespaces(struct clone *c)
{
	for (size_t i = 0; i < c->roots.n; i++) {
		const struct root *r = &c->roots.v[i];
		const char *name = r->name == NULL ? r->prefix : r->name;

		if (is_left(r))
			clone_note(c,
			    "tablespace \"%s\" goes to \"%s\"; the old copy in "
			    "\"%s\" stays there: remove it when the standby "
			    "runs",
			    name, r->dir, r->was);
		else if (r->kept && strcmp(r->dir, r->source) != 0)
			clone_note(c,
			    "tablespace \"%s\" stays in \"%s\", where the "
			    "target has it",
			    name, r->dir);
	}
}

int
clone_make_waldir(struct clone *c, struct err *e)
{
	const char *dir = c->o->waldir;
	char link[PATH_MAX];

	if (dir == NULL || own_wal_link(c, link, sizeof(link)))
		return 0;
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return err_set_errno(
		    e, ERR_TARGET_IO, "could not create directory \"%s\"", dir);
	if (judge_new_waldir(dir, e) == -1)
		return -1;
	if (symlinkat(dir, tree_fd(c->target.tree), c->wal_dir) == -1)
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not create link \"%s\"", c->wal_dir);
	return 0;
}

/* --- made during the copy (B9) -------------------------------------------- */

static int
refuse_new(const char *oid, const char *dir, const char *why, struct err *e)
{
	char word[SHELL_WORD];

	(void)err_set(e, ERR_TABLESPACE,
	    "tablespace %s was made during the copy, and \"%s\" %s", oid, dir,
	    why);
	(void)err_hint(e,
	    "Run the same command again, with "
	    "--tablespace-mapping=%s=NEWDIR if the directory "
	    "must be another one here: it continues.",
	    roots_old_word(dir, word));
	err_raise(e, STATUS_INCOMPLETE);
	return -1;
}

/* WAL will replay its creation, at that very path. */
static int
ready_new(struct clone *c, const char *oid, const char *dir, struct err *e)
{
	struct stat st;

	if (c->same_host)
		return refuse_new(
		    oid, dir, "is the source's own on this host", e);
	if (mkdir(dir, 0700) == 0) {
		clone_note(c,
		    "tablespace %s was made during the copy: directory \"%s\" "
		    "created for it",
		    oid, dir);
		return 0;
	}
	if (errno != EEXIST)
		return refuse_new(oid, dir, "could not be created here", e);
	if (stat(dir, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || !roots_is_free(dir, c->tblspc_dir))
		return refuse_new(
		    oid, dir, "is no empty directory of this user here", e);
	return 0;
}

/* Paths are bytes: as they are, whatever the encoding of the database. */
static int
ask_tablespaces(struct clone *c, struct pg_rows **r, struct err *e)
{
	int64_t until = clone_deadline(c, QUERY_MS);
	struct pg *pg = c->backup.pg;
	const struct pg_ask asks[] = {{.sql = PG_AS_BYTES},
	    {.sql = pgver(c->facts.version, PGFACT_TABLESPACES)},
	    {.sql = PG_AS_TEXT}};

	if (pg_ahead(pg, asks, NELEM(asks), until, e) == -1 ||
	    pg_query(pg, NULL, until, asks[0].sql, 0, NULL, e) == -1 ||
	    pg_query(pg, r, until, asks[1].sql, 0, NULL, e) == -1)
		return -1;
	return pg_query(pg, NULL, until, asks[2].sql, 0, NULL, e);
}

int
clone_new_tablespaces(struct clone *c, struct err *e)
{
	struct pg_rows *r = NULL;
	int rc = backup_settle(&c->backup, e);

	if (rc == 0)
		rc = ask_tablespaces(c, &r, e);

	for (int i = 0; rc == 0 && i < pg_rows_n(r); i++) {
		const char *oid = pg_rows_get(r, i, 0);
		const char *dir = pg_rows_get(r, i, 2);

		if (oid == NULL || dir == NULL || dir[0] != '/' ||
		    roots_map(&c->roots, (uint32_t)strtoul(oid, NULL, 10)) !=
			NULL)
			continue;
		rc = ready_new(c, oid, dir, e);
	}
	pg_rows_free(r);
	return rc;
}

/* --- in place (15) ----------------------------------------------------------
 */

/* Where the target has one, its server stops as soon as it is consistent,
 * unless this is on: it takes the directory for damage (15.18 xlogrecovery.c,
 * CheckTablespaceDirectory).  A session is enough to make one on the source. */
int
clone_need_in_place(struct clone *c, struct err *e)
{
	static const char name[] = "allow_in_place_tablespaces";
	int fd = -1;
	bool found = false;
	struct dirent *de;
	struct stat st;
	DIR *d = NULL;

	if (pgver(c->facts.version, PGFACT_INPLACE_TBLSPC) == NULL ||
	    c->nmore == NELEM(c->more))
		return 0;
	fd =
	    tree_openat(c->target.tree, "pg_tblspc", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		(void)err_set_errno(e, ERR_TARGET_IO,
		    "could not read directory \"%s/pg_tblspc\"",
		    c->target.path);
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	while (!found && (de = readdir(d)) != NULL)
		found =
		    strspn(de->d_name, "0123456789") == strlen(de->d_name) &&
		    fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode);
	(void)closedir(d);
	if (!found)
		return 0;
	c->more[c->nmore++] = (struct pgconf_more){.name = name, .value = 1};
	clone_note(c,
	    "the source has tablespaces in its data directory: %s = on is "
	    "written into postgresql.auto.conf, without which the standby "
	    "would not start",
	    name);
	return 0;
}

/* --- dropped during the copy (B10) ---------------------------------------- */

/* The map still lists it, and the server makes the link at its start.  On the
 * source's own host that must not lead to the source's directory. */
const char *
clone_map_path(void *arg, uint32_t oid, const char *path)
{
	struct clone *c = arg;
	const char *dir = roots_map(&c->roots, oid);
	struct stat st;

	if (dir != NULL)
		return dir;
	if (c->same_host) {
		(void)snprintf(c->dropped, sizeof(c->dropped),
		    "%s.dropped-%" PRIu32, c->target.path, oid);
		path = c->dropped;
	}
	if (lstat(path, &st) == -1 && mkdir(path, 0700) == 0)
		clone_note(c,
		    "tablespace %" PRIu32 " was dropped during the copy: empty "
		    "directory \"%s\" made for it, you may remove it later",
		    oid, path);
	return path;
}
