/*
 * --copy-external-config: the configuration of the source that lies outside of
 * its data directory becomes that of the standby.  Asked for and judged at S0;
 * written at S3, behind the signal file and before the label and pg_control, so
 * that nothing that it lets start can come up as a primary.
 */
#include "base/std.h"
#include "core/hbafile.h"
#include "core/path.h"
#include "core/pgver.h"
#include "flow/clone_external_int.h"
#include "flow/confread.h"
#include "flow/hook.h"

#define BACKUPS 100 /* .bak, .bak1, ... */

void
clone_external_free(struct clone_external *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].path);
		free(x->v[i].text);
	}
	confwalk_place_free(&x->port);
	tree_close(x->tree);
	free(x);
}

/* --- S0 ------------------------------------------------------------------- */

static int
take_file(void *arg, const struct wire_config_file *f, struct err *e)
{
	struct clone_external *x = arg;
	struct config_file *v = &x->v[x->n];
	const char *why = path_check(f->path.s + 1, f->path.len - 1);

	if (why != NULL)
		return err_set(e, ERR_PROTOCOL,
		    "path \"%.*s\" of a configuration file %s",
		    (int)MIN_OF(f->path.len, (size_t)200), f->path.s, why);
	if (f->kind == WIRE_CONFIG_NAMED &&
	    (x->n == 0 || v[-1].kind < WIRE_CONFIG_HBA))
		return err_set(e, ERR_PROTOCOL,
		    "a file that a table names comes before the table");
	v->kind = f->kind;
	v->mode = f->mode;
	v->path = strndup(f->path.s, f->path.len);
	v->text = strndup(f->data.len > 0 ? f->data.s : "", f->data.len);
	x->n++;
	return v->path == NULL || v->text == NULL ? err_set_nomem(e) : 0;
}

static const char *
path_of(const struct clone_external *x, uint8_t kind)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].kind == kind)
			return x->v[i].path;
	return NULL;
}

/* Where the standby's files are; its port stays its own. */
static int
find_place(struct clone *c, struct clone_external *x, struct err *e)
{
	struct confread r = {.files = 0};
	struct confwalk_io io = confread_io(&r);

	if (c->distro.kind != DISTRO_DEBIAN) {
		x->keeps_main = !c->o->force && clone_config_kept(c);
		return 0;
	}
	x->map.to_dir = c->distro.config_dir;
	x->map.major = c->distro.major;
	x->map.cluster = c->distro.cluster;
	if (confwalk_get(&io, c->distro.config_file, "port", c->facts.version,
		&x->port, NULL) == 1)
		x->map.port = buf_str(&x->port.value);
	x->keeps_main = !c->o->force;
	x->tree = tree_open(x->map.to_dir, e);
	return x->tree == NULL ? -1 : 0;
}

static int
make_map(struct clone *c, struct clone_external *x, struct err *e)
{
	x->map.version = pgver_same_major(c->local_version, c->facts.version)
			     ? c->local_version
			     : c->facts.version;
	x->map.pgdata = c->facts.data_directory != NULL
			    ? c->facts.data_directory
			    : c->o->source_pgdata;
	x->map.main_file = path_of(x, WIRE_CONFIG_MAIN);
	x->map.hba_file = path_of(x, WIRE_CONFIG_HBA);
	x->map.ident_file = path_of(x, WIRE_CONFIG_IDENT);
	x->map.to_pgdata = c->target.path;
	if (x->map.main_file == NULL)
		return err_set(
		    e, ERR_PROTOCOL, "agent sent no main configuration file");
	return find_place(c, x, e);
}

bool
clone_external_replaces(const struct clone *c)
{
	const struct clone_external *x = c->external;

	return x != NULL && x->map.main_file != NULL && !x->keeps_main &&
	       !confmap_inside(&x->map, x->map.main_file);
}

/* --- the configuration as the copy will leave it -------------------------- */

/* Will that file be the source's? */
static const struct config_file *
find_to(const struct clone_external *x, const char *path)
{
	const struct config_file *found = NULL;
	struct buf to = BUF_INIT;

	if (x == NULL || x->keeps_main)
		return NULL;
	for (size_t i = 0; i < x->n && found == NULL; i++) {
		if (x->v[i].kind > WIRE_CONFIG_INCLUDED)
			continue;
		buf_reset(&to);
		confmap_path(&x->map, x->v[i].path, &to);
		if (strcmp(buf_str(&to), path) == 0)
			found = &x->v[i];
	}
	buf_free(&to);
	return found;
}

bool
clone_external_has(const struct clone *c, const char *path, bool stays)
{
	const struct config_file *f = find_to(c->external, path);

	return f != NULL &&
	       (!stays || (c->o->force &&
			      !confmap_inside(&c->external->map, f->path)));
}

int
clone_external_read(
    const struct clone *c, const char *path, struct buf *text, struct err *e)
{
	const struct config_file *f = find_to(c->external, path);

	if (f == NULL)
		return 0;
	return confmap_text(&c->external->map, f->path, f->text, text, e) == -1
		   ? -1
		   : 1;
}

void
clone_external_names(const struct clone *c, const char *dir, struct buf *names)
{
	const struct clone_external *x = c->external;
	size_t n = strlen(dir);
	struct buf to = BUF_INIT;

	for (size_t i = 0; x != NULL && !x->keeps_main && i < x->n; i++) {
		const char *path;

		buf_reset(&to);
		confmap_path(&x->map, x->v[i].path, &to);
		path = buf_str(&to);
		if (x->v[i].kind <= WIRE_CONFIG_INCLUDED &&
		    strncmp(path, dir, n) == 0 && path[n] == '/' &&
		    strchr(path + n + 1, '/') == NULL)
			buf_add(names, path + n + 1, strlen(path + n + 1) + 1);
	}
	buf_free(&to);
}

/* Two files for one place would leave one of them out. */
static int
check_places(const struct clone_external *x, struct err *e)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < x->n && rc == 0; i++)
		for (size_t j = 0; j < i && rc == 0; j++) {
			buf_reset(&a);
			buf_reset(&b);
			confmap_path(&x->map, x->v[i].path, &a);
			confmap_path(&x->map, x->v[j].path, &b);
			if (strcmp(x->v[i].path, x->v[j].path) != 0 &&
			    strcmp(buf_str(&a), buf_str(&b)) == 0)
				rc = err_set(e, ERR_SETTING,
				    "configuration files \"%s\" and \"%s\" "
				    "would both become \"%s\"",
				    x->v[j].path, x->v[i].path, buf_str(&a));
		}
	if (rc == -1)
		(void)err_hint(e, "Copy them by hand, and leave out "
				  "--copy-external-config.");
	buf_free(&a);
	buf_free(&b);
	return rc;
}

/* Tables that the server cannot read would let nobody in. */
static int
check_tables(const struct clone_external *x, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < x->n && rc == 0; i++) {
		const struct config_file *f = &x->v[i];

		buf_reset(&text);
		if (f->kind <= WIRE_CONFIG_INCLUDED)
			continue;
		rc = confmap_table(&x->map, f->path, f->text, &text, e);
		if (rc == -1)
			(void)err_wrap(e,
			    "\"%s\" of the primary, as the "
			    "standby needs it",
			    f->path);
	}
	if (rc == -1)
		(void)err_hint(e,
		    "Give the file a place with a shorter name, or copy the "
		    "configuration by hand and leave out "
		    "--copy-external-config.");
	buf_free(&text);
	return rc;
}

/* What the copy would do to a server on the primary's own host. */
static int
check_port(struct clone *c, const struct clone_external *x, struct err *e)
{
	if (!c->same_host || !c->o->start || c->o->start_command != NULL ||
	    !clone_external_replaces(c) ||
	    (x->map.port != NULL &&
		strcmp(x->map.port, c->rec->source_port) != 0))
		return 0;
	(void)err_set(e, ERR_SETTING,
	    "the standby would get port %s of the source, which runs on this "
	    "same host",
	    c->rec->source_port);
	return err_hint(e,
	    "Make a cluster for it first, whose port stays (Debian: "
	    "pg_createcluster), or start it yourself: --start-command=CMD.");
}

static int
check_writable(const struct clone_external *x, struct err *e)
{
	if (x->map.to_dir == NULL || x->keeps_main ||
	    access(x->map.to_dir, W_OK | X_OK) == 0)
		return 0;
	return err_set_errno(
	    e, ERR_SETTING, "could not write to \"%s\"", x->map.to_dir);
}

int
clone_external_ask(struct clone *c, struct err *e)
{
	struct clone_external *x;
	struct err own = ERR_INIT;

	if (!c->o->copy_external_config)
		return 0;
	if ((x = c->external = calloc(1, sizeof(*x))) == NULL)
		return err_set_nomem(e);
	x->map.real_pgdata = c->source_pgdata;
	if (pool_config(c->pool, take_file, x, e) == -1 ||
	    make_map(c, x, e) == -1)
		return -1;
	if (check_places(x, &own) == -1 || check_tables(x, &own) == -1 ||
	    check_port(c, x, &own) == -1 || check_writable(x, &own) == -1)
		return preflight_add(&c->pf, &own) == -1 ? err_set_nomem(e) : 0;
	return 0;
}

/* --- S3 ------------------------------------------------------------------- */

/* The directories above a path, and itself when dir. */
static int
make_dirs(
    struct clone *c, struct tree *t, const char *path, bool dir, struct err *e)
{
	mode_t mode = t != c->target.tree ? 0755 : c->group ? 0750 : 0700;
	char part[PATH_LIMIT + 1];

	for (size_t i = 1; path[i - 1] != '\0' && i < sizeof(part); i++) {
		if (path[i] != '/' && (path[i] != '\0' || !dir))
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (tree_mkdir(t, part, mode) == -1 && errno != EEXIST)
			return err_set_errno(e, ERR_TARGET_IO,
			    "could not make directory \"%s/%s\"", tree_path(t),
			    part);
	}
	return 0;
}

static int
move_away(struct clone *c, struct tree *t, const char *path, struct err *e)
{
	char to[PATH_LIMIT + 16];
	struct stat st;

	for (unsigned i = 0; i < BACKUPS; i++) {
		if (i == 0)
			(void)snprintf(to, sizeof(to), "%s.bak", path);
		else
			(void)snprintf(to, sizeof(to), "%s.bak%u", path, i);
		if (tree_stat(t, to, &st) == 0)
			continue;
		if (tree_rename(t, path, to) == -1)
			break;
		clone_note(c, "\"%s/%s\" is now \"%s\"", tree_path(t), path,
		    path_base(to));
		return 0;
	}
	return err_set_errno(
	    e, ERR_TARGET_IO, "could not rename \"%s/%s\"", tree_path(t), path);
}

static mode_t
mode_of(struct clone *c, const struct tree *t, const struct config_file *f)
{
	if (t == c->target.tree)
		return c->group ? 0640 : 0600;
	return (f->mode & 0044) | 0600;
}

bool
clone_external_is_same(struct tree *t, const char *path, const struct buf *text)
{
	struct buf now = BUF_INIT;
	bool same = tree_read_file(t, path, CONFREAD_MAX, &now) == 0 &&
		    strcmp(buf_str(&now), buf_str(text)) == 0;

	buf_free(&now);
	return same;
}

static int
put(struct clone *c, struct tree *t, const char *path,
    const struct config_file *f, const struct buf *text, struct err *e)
{
	struct stat st;

	if (tree_stat(t, path, &st) == 0) {
		if (clone_external_is_same(t, path, text))
			return 0;
		if (!c->o->force) {
			clone_note(c,
			    "\"%s/%s\" is there and stays (--force: the "
			    "primary's instead)",
			    tree_path(t), path);
			return 0;
		}
		if (move_away(c, t, path, e) == -1)
			return -1;
	}
	if (make_dirs(c, t, path, false, e) == -1)
		return -1;
	return tree_write_file(t, path, buf_str(text), text->len,
	    mode_of(c, t, f), c->target.sync, e);
}

/* One that came with the data; the standby's own is another one, and stays. */
static int
change_inside(struct clone *c, const char *path, const struct config_file *f,
    const struct buf *text, struct err *e)
{
	const struct buf theirs = {.data = f->text, .len = strlen(f->text)};

	if (strcmp(f->text, buf_str(text)) == 0 ||
	    !clone_external_is_same(c->target.tree, path, &theirs))
		return 0;
	return tree_write_file(c->target.tree, path, buf_str(text), text->len,
	    mode_of(c, c->target.tree, f), c->target.sync, e);
}

const char *
clone_external_split(
    struct clone *c, const char *to, bool inside, struct tree **t)
{
	const struct clone_external *x = c->external;
	const char *base =
	    inside || x->map.to_dir == NULL ? x->map.to_pgdata : x->map.to_dir;

	*t = inside || x->tree == NULL ? c->target.tree : x->tree;
	return to + strlen(base) + 1;
}

/* --- S3: one of them -------------------------------------------------------
 */

/* The server refuses an include_dir that is not there, though it be empty. */
struct dirs {
	struct clone *c;
	const char *file;
	struct err *e;
};

static int
make_dir(const struct dirs *d, const char *value)
{
	const struct confmap *m = &d->c->external->map;
	struct buf from = BUF_INIT, to = BUF_INIT;
	struct tree *t;
	const char *path;
	int rc = 0;

	confwalk_join(&from, d->file, value);
	if (!confmap_inside(m, buf_str(&from))) {
		confmap_path(m, buf_str(&from), &to);
		path = clone_external_split(d->c, buf_str(&to), false, &t);
		rc = make_dirs(d->c, t, path, true, d->e);
	}
	buf_free(&from);
	buf_free(&to);
	return rc;
}

static int
make_included(void *arg, const char *name, const char *value, struct buf *none)
{
	(void)none;
	return strcasecmp(name, "include_dir") == 0 ? make_dir(arg, value) : 0;
}

static int
make_named(void *arg, enum hbafile_kind kind, const char *name,
    struct buf *none, struct err *e)
{
	(void)none;
	(void)e;
	return kind == HBAFILE_INCLUDE_DIR ? make_dir(arg, name) : 0;
}

/* Its text as the standby needs it; directories are made. */
static int
prepare(struct clone *c, const struct config_file *f, bool stays,
    struct buf *text, struct err *e)
{
	const struct confmap *m = &c->external->map;
	struct dirs d = {.c = c, .file = f->path, .e = e};
	struct buf none = BUF_INIT;
	int version = c->facts.version, rc;

	if (f->kind <= WIRE_CONFIG_INCLUDED) {
		rc = confmap_text(m, f->path, f->text, text, e);
		if (rc == 0)
			rc = confwalk_edit(
			    f->text, version, make_included, &d, &none, e);
	} else {
		rc = confmap_table(m, f->path, f->text, text, e);
		if (rc == 0 && !stays)
			rc = hbafile_edit(
			    f->text, version, make_named, &d, &none, e);
	}
	buf_free(&none);
	if (rc == 0 && !buf_ok(text))
		rc = err_set_nomem(e);
	return rc;
}

/* What a table names belongs to it: where the standby's own table stays, the
 * source's lists do not come.  1, 0, -1. */
static int
table_stays(struct clone *c, const struct config_file *f, struct err *e)
{
	const struct confmap *m = &c->external->map;
	struct buf text = BUF_INIT, to = BUF_INIT;
	const char *path;
	struct stat st;
	struct tree *t;
	bool inside;
	int rc;

	while (f->kind == WIRE_CONFIG_NAMED)
		f--;
	inside = confmap_inside(m, f->path);
	confmap_path(m, f->path, &to);
	path = clone_external_split(c, buf_str(&to), inside, &t);
	if (inside)
		buf_adds(&text, f->text);
	rc = inside ? 0 : confmap_table(m, f->path, f->text, &text, e);
	if (rc == 0 && !(c->o->force && !inside))
		rc = tree_stat(t, path, &st) == 0 &&
		     !clone_external_is_same(t, path, &text);
	buf_free(&text);
	buf_free(&to);
	return rc;
}

static int
write_one(struct clone *c, const struct config_file *f, struct err *e)
{
	struct clone_external *x = c->external;
	struct buf text = BUF_INIT, to = BUF_INIT;
	bool inside = confmap_inside(&x->map, f->path);
	const char *path;
	struct tree *t;
	int rc = 0, stays = 0;

	if (f->kind > WIRE_CONFIG_INCLUDED)
		stays = table_stays(c, f, e);
	if (stays != 0 && (stays == -1 || f->kind == WIRE_CONFIG_NAMED))
		return stays == -1 ? -1 : 0;
	confmap_path(&x->map, f->path, &to);
	path = clone_external_split(c, buf_str(&to), inside, &t);
	if (!buf_ok(&to))
		rc = err_set_nomem(e);
	else if ((rc = prepare(c, f, stays, &text, e)) == 0)
		rc = inside ? change_inside(c, path, f, &text, e)
			    : put(c, t, path, f, &text, e);
	buf_free(&text);
	buf_free(&to);
	return rc;
}

/* The main file last: with it the others count. */
int
clone_external_write(struct clone *c, struct err *e)
{
	struct clone_external *x = c->external;

	if (x == NULL)
		return 0;
	for (size_t i = x->n; i > 0; i--) {
		/* What a file includes belongs to it. */
		if (x->keeps_main && x->v[i - 1].kind == WIRE_CONFIG_INCLUDED)
			continue;
		if (write_one(c, &x->v[i - 1], e) == -1)
			return err_wrap(e, "configuration of the source");
	}
	if (x->tree != NULL && c->target.sync && tree_syncfs(x->tree, e) == -1)
		return -1;
	hook_pause("config");
	return 0;
}
