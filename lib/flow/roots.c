#include "base/std.h"
#include "base/shell.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/roots.h"

#include <dirent.h>

int
roots_parse_mapping(const char *text, char *old, char *new_dir, struct err *e)
{
	char *to = old;
	size_t n = 0;
	bool second = false;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\' && p[1] == '=') {
			p++;
		} else if (*p == '=' && !second) {
			to[n] = '\0';
			to = new_dir;
			n = 0;
			second = true;
			continue;
		}
		if (n + 1 >= PATH_MAX)
			return err_set(e, ERR_USAGE,
			    "--tablespace-mapping: path too long");
		to[n++] = *p;
	}
	to[n] = '\0';
	if (!second || old[0] != '/' || new_dir[0] != '/') {
		(void)err_set(e, ERR_USAGE,
		    "--tablespace-mapping=%s: OLD=NEW wants two absolute "
		    "directories",
		    text);
		return err_hint(e,
		    "A = within the name of a directory is written \\=, and "
		    "the whole in single quotes.");
	}
	while (n > 1 && new_dir[n - 1] == '/')
		new_dir[--n] = '\0';
	n = strlen(old);
	while (n > 1 && old[n - 1] == '/')
		old[--n] = '\0';
	return 0;
}

const char *
roots_old_word(const char *source, char *to)
{
	struct buf b = BUF_INIT;

	for (; *source != '\0'; source++) {
		if (*source == '=')
			buf_addc(&b, '\\');
		buf_addc(&b, *source);
	}
	(void)shell_word(buf_str(&b), to);
	buf_free(&b);
	return to;
}

/* 1: the user has said where to. */
static int
mapped(const struct roots_opts *o, const char *source, char *dir, struct err *e)
{
	char old[PATH_MAX];

	for (size_t i = o->nmapping; i-- > 0;) {
		if (roots_parse_mapping(o->mapping[i], old, dir, e) == -1)
			return -1;
		if (strcmp(old, source) == 0)
			return 1;
	}
	return 0;
}

/* The target's own link, "" none. */
static void
own_link(const struct target *t, const char *prefix, char *link)
{
	ssize_t n = t->tree == NULL ? -1
				    : readlinkat(tree_fd(t->tree), prefix, link,
					  PATH_MAX - 1);

	link[n > 0 ? n : 0] = '\0';
}

/* Where it goes without a mapping: where the target has it, else as on the
 * source.  A link that leads nowhere says nothing; on the source's host it may
 * be that of another standby, of which the target is a copy (cp -a): there it
 * is only proposed. */
static const char *
by_itself(const struct roots_opts *o, const char *link, const char *source)
{
	struct stat st;

	return o->keep_links && !o->same_host && link[0] == '/' &&
		       stat(link, &st) == 0 && S_ISDIR(st.st_mode)
		   ? link
		   : source;
}

/* Is dir where this target's own link, or an earlier run of ours, put it? */
static bool
ours_already(
    const struct target *t, const char *prefix, uint32_t oid, const char *dir)
{
	char link[PATH_MAX], line[PATH_MAX + 16];

	own_link(t, prefix, link);
	if (strcmp(link, dir) == 0)
		return true;
	(void)snprintf(line, sizeof(line), "%" PRIu32 " %s", oid, dir);
	for (size_t i = 0; t->kind == TARGET_MARKED && i < t->marker.nroots;
	     i++)
		if (strcmp(t->marker.roots[i], line) == 0)
			return true;
	return false;
}

static int
refuse(struct err *e, const struct root *r, const char *why)
{
	char word[SHELL_WORD];

	if (r->name != NULL)
		(void)err_set(e, ERR_TABLESPACE,
		    "tablespace \"%s\": directory \"%s\" %s", r->name, r->dir,
		    why);
	else
		(void)err_set(e, ERR_TABLESPACE,
		    "tablespace %" PRIu32 ": directory \"%s\" %s", r->oid,
		    r->dir, why);
	(void)err_hint(e, "Choose another one:");
	return err_command(e, "--tablespace-mapping=%s=NEWDIR",
	    roots_old_word(r->source, word));
}

static int
refuse_own(struct err *e, const struct root *r)
{
	char old[SHELL_WORD], was[SHELL_WORD];

	(void)refuse(e, r, "is the source's own (same host, same path)");
	if (r->was == NULL || strcmp(r->was, r->dir) == 0)
		return -1;
	(void)err_hint(e, "Where the target has it, if no other standby uses "
			  "that directory:");
	return err_command(e, "--tablespace-mapping=%s=%s",
	    roots_old_word(r->source, old), shell_word(r->was, was));
}

/* "PG_13_202007201", and not the one of our version? */
static bool
of_another_version(int fd, const char *name, const char *ours)
{
	const char *major = name + 3, *catalog;
	struct stat st;

	if (ours == NULL || strncmp(name, "PG_", 3) != 0 ||
	    strcmp(name, ours) == 0)
		return false;
	catalog = major + strspn(major, "0123456789.");
	if (catalog == major || *catalog++ != '_' || *catalog == '\0' ||
	    catalog[strspn(catalog, "0123456789")] != '\0')
		return false;
	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

bool
roots_is_free(const char *dir, const char *tblspc_dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	bool is_free = d != NULL;

	while (is_free && (de = readdir(d)) != NULL)
		is_free = strcmp(de->d_name, ".") == 0 ||
			  strcmp(de->d_name, "..") == 0 ||
			  strcmp(de->d_name, "lost+found") == 0 ||
			  of_another_version(dirfd(d), de->d_name, tblspc_dir);
	if (d != NULL)
		(void)closedir(d);
	return is_free;
}

bool
roots_is_empty(const char *dir)
{
	return roots_is_free(dir, NULL);
}

static int
judge_existing(const struct root *r, const struct target *t,
    const char *tblspc_dir, struct err *e)
{
	struct stat st;

	if (lstat(r->dir, &st) == -1) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(e, ERR_TABLESPACE,
		    "tablespace %" PRIu32 ": \"%s\"", r->oid, r->dir);
	}
	if (S_ISLNK(st.st_mode) && stat(r->dir, &st) == -1)
		return refuse(e, r, "is a broken symbolic link");
	if (!S_ISDIR(st.st_mode))
		return refuse(e, r, "is not a directory");
	if (st.st_uid != geteuid())
		return refuse(e, r, "belongs to another user");
	if (ours_already(t, r->prefix, r->oid, r->dir))
		return 0;
	if (!roots_is_free(r->dir, tblspc_dir))
		return refuse(e, r, "is not empty, and not of this standby");
	return 0;
}

bool
roots_inside(const char *dir, const char *of)
{
	size_t n = strlen(of);

	return strncmp(dir, of, n) == 0 && (dir[n] == '/' || dir[n] == '\0');
}

void
roots_resolve(const char *dir, char *real)
{
	char part[PATH_MAX], *slash, *r;

	(void)snprintf(part, sizeof(part), "%s", dir);
	while ((r = realpath(part, NULL)) == NULL &&
	       (slash = strrchr(part, '/')) != NULL && slash != part)
		*slash = '\0';
	if (r == NULL)
		(void)snprintf(real, PATH_MAX, "%s", dir);
	else
		(void)snprintf(real, PATH_MAX, "%s%s",
		    strcmp(r, "/") == 0 ? "" : r, dir + strlen(part));
	free(r);
}

static int
judge(const struct roots *all, const struct root *r, const struct roots_opts *o,
    const struct target *t, struct err *e)
{
	char real[PATH_MAX], other[PATH_MAX];

	if (r->dir[0] != '/')
		return refuse(e, r, "is not absolute");
	roots_resolve(r->dir, real);
	roots_resolve(r->source, other);
	if (o->same_host && strcmp(real, other) == 0)
		return refuse_own(e, r);
	if (t->path != NULL && roots_inside(real, t->path))
		return refuse(e, r, "lies inside the data directory");
	if (t->path != NULL && roots_inside(t->path, real))
		return refuse(e, r, "holds the data directory");
	for (const struct root *x = all->v; x < r; x++) {
		roots_resolve(x->dir, other);
		if (roots_inside(real, other) || roots_inside(other, real))
			return refuse(
			    e, r, "is used for another tablespace too");
	}
	return judge_existing(r, t, o->tblspc_dir, e);
}

static int
fill(struct root *x, const struct root_source *s, const char *link,
    const char *dir, struct err *e)
{
	char prefix[32];

	(void)snprintf(prefix, sizeof(prefix), "pg_tblspc/%" PRIu32, s->oid);
	*x = (struct root){.oid = s->oid,
	    .prefix = strdup(prefix),
	    .name = s->name == NULL ? NULL : strdup(s->name),
	    .source = strdup(s->dir),
	    .dir = strdup(dir),
	    .was = link[0] == '\0' ? NULL : strdup(link)};
	return x->prefix == NULL || x->source == NULL || x->dir == NULL ||
		       (s->name != NULL && x->name == NULL) ||
		       (link[0] != '\0' && x->was == NULL)
		   ? err_set_nomem(e)
		   : 0;
}

int
roots_add(struct roots *r, const struct root_source *s, const struct target *t,
    const struct roots_opts *o, struct err *e)
{
	struct root *more = realloc(r->v, (r->n + 1) * sizeof(*more)), *x;
	char dir[PATH_MAX], link[PATH_MAX], prefix[32];
	int rc;

	if (more == NULL)
		return err_set_nomem(e);
	r->v = more;
	if ((rc = mapped(o, s->dir, dir, e)) == -1)
		return -1;
	(void)snprintf(prefix, sizeof(prefix), "pg_tblspc/%" PRIu32, s->oid);
	own_link(t, prefix, link);
	x = &r->v[r->n++];
	if (rc == 0)
		(void)snprintf(
		    dir, sizeof(dir), "%s", by_itself(o, link, s->dir));
	if (fill(x, s, link, dir, e) == -1)
		return -1;
	x->kept = rc == 0 && x->was != NULL && strcmp(x->was, x->dir) == 0;
	rc = judge(r, x, o, t, e);
	x->refused = rc == -1;
	return rc;
}

int
roots_plan(struct roots *r, const struct manifest *src, const struct target *t,
    const struct roots_opts *o, struct err *e)
{
	*r = (struct roots){0};
	for (size_t i = 0; i < src->n; i++) {
		const struct entry *s = &src->v[i];
		struct root_source from = {.dir = s->link};

		if (s->type != ENTRY_LINK ||
		    path_tablespace(s->path, &from.oid) != strlen(s->path))
			continue;
		if (o->name != NULL)
			from.name = o->name(o->arg, from.oid);
		if (roots_add(r, &from, t, o, e) == -1)
			return -1;
	}
	return 0;
}

void
roots_free(struct roots *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].prefix);
		free(r->v[i].name);
		free(r->v[i].was);
		free(r->v[i].source);
		free(r->v[i].dir);
	}
	free(r->v);
	*r = (struct roots){0};
}

const char *
roots_map(const struct roots *r, uint32_t oid)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].oid == oid)
			return r->v[i].dir;
	return NULL;
}

static int
hint_dir(const char *dir, struct err *e)
{
	struct buf word = BUF_INIT;

	shell_add_quoted(&word, dir);
	(void)err_hint(e, "As root, type:");
	(void)err_command(e, "install -d -o %u -m 0700 %s", (unsigned)geteuid(),
	    buf_str(&word));
	buf_free(&word);
	return -1;
}

/* mkdir -p with 0700; made: the last component is new. */
static int
make_dirs(const char *dir, bool *made, struct err *e)
{
	char path[PATH_MAX];
	size_t n = strlen(dir);

	if (n >= sizeof(path))
		return err_set(e, ERR_TABLESPACE, "path too long: \"%s\"", dir);
	memcpy(path, dir, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		*made = mkdir(path, 0700) == 0;
		if (!*made && errno != EEXIST) {
			(void)err_set_errno(e, ERR_TABLESPACE,
			    "could not create directory \"%s\"", path);
			return hint_dir(dir, e);
		}
		if (i < n)
			path[i] = '/';
	}
	return 0;
}

int
roots_enter(struct roots *r, struct tree *tree, struct err *e)
{
	for (size_t i = 0; i < r->n; i++)
		if (make_dirs(r->v[i].dir, &r->v[i].made, e) == -1 ||
		    tree_add_root(tree, r->v[i].prefix, r->v[i].dir, e) == -1)
			return -1;
	return 0;
}

int
roots_link(const struct roots *r, struct tree *tree, struct err *e)
{
	char old[PATH_MAX];

	for (size_t i = 0; i < r->n; i++) {
		const struct root *x = &r->v[i];
		int fd = tree_fd(tree);
		ssize_t n = readlinkat(fd, x->prefix, old, sizeof(old) - 1);

		if (n > 0) {
			old[n] = '\0';
			if (strcmp(old, x->dir) == 0)
				continue;
			if (unlinkat(fd, x->prefix, 0) == -1)
				return err_set_errno(e, ERR_TARGET_IO,
				    "could not remove \"%s\"", x->prefix);
		}
		if (symlinkat(x->dir, fd, x->prefix) == -1)
			return err_set_errno(e, ERR_TARGET_IO,
			    "could not create link \"%s\"", x->prefix);
	}
	return 0;
}
