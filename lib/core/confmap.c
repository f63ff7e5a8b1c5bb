#include "base/std.h"
#include "core/confmap.h"
#include "core/confwalk.h"
#include "core/hbafile.h"
#include "core/pgconf.h"

/* --- paths ---------------------------------------------------------------- */

/* What follows dir in path, without the slash; NULL: not below it. */
static const char *
below(const char *path, const char *dir)
{
	size_t n = dir == NULL ? 0 : strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	if (n == 0 || strncmp(path, dir, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + 1;
}

static const char *
in_pgdata(const struct confmap *m, const char *path)
{
	const char *rest = below(path, m->pgdata);

	return rest != NULL ? rest : below(path, m->real_pgdata);
}

bool
confmap_inside(const struct confmap *m, const char *path)
{
	return in_pgdata(m, path) != NULL;
}

/* What follows the directory of the main file. */
static const char *
beside_main(const struct confmap *m, const char *path)
{
	size_t n = (size_t)(strrchr(m->main_file, '/') - m->main_file);

	if (n == 0 || strncmp(path, m->main_file, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + 1;
}

static const char *
fixed_name(const struct confmap *m, const char *path)
{
	const struct {
		const char *from, *name;
	} files[] = {
	    {m->main_file, "postgresql.conf"},
	    {m->hba_file, "pg_hba.conf"},
	    {m->ident_file, "pg_ident.conf"},
	};

	for (size_t i = 0; i < NELEM(files); i++)
		if (files[i].from != NULL && strcmp(files[i].from, path) == 0)
			return files[i].name;
	return NULL;
}

static bool
is_conf_d(const char *rest)
{
	return strcmp(rest, "conf.d") == 0 || strncmp(rest, "conf.d/", 7) == 0;
}

void
confmap_path(const struct confmap *m, const char *path, struct buf *out)
{
	const char *to = m->to_dir != NULL ? m->to_dir : m->to_pgdata;
	const char *rest = in_pgdata(m, path), *name = fixed_name(m, path);

	if (rest != NULL)
		buf_addf(out, "%s/%s", m->to_pgdata, rest);
	else if (name != NULL)
		buf_addf(out, "%s/%s", to, name);
	else if ((rest = beside_main(m, path)) != NULL &&
		 (m->to_dir != NULL || is_conf_d(rest)))
		buf_addf(out, "%s/%s", to, rest);
	else if (rest != NULL)
		buf_addf(out, "%s/" CONFMAP_DIR "/%s", to, rest);
	else
		/* All of the path: what an include_dir names is then where its
		 * files are. */
		buf_addf(out, "%s/" CONFMAP_DIR "%s", to, path);
}

/* --- lines ---------------------------------------------------------------- */

struct edit {
	const struct confmap *m;
	const char *file; /* of the source */
	struct buf to;    /* where it goes */
	struct buf path;
	bool hba, ident; /* were named */
};

static int
set_to(struct edit *d, const char *name, const char *value, struct buf *out)
{
	buf_addf(out, "%s = ", name);
	pgconf_add_quoted(out, value, d->m->version);
	buf_addc(out, '\n');
	return 1;
}

/* The line may stay when it means the right file at its new place too. */
static int
edit_include(
    struct edit *d, const char *name, const char *value, struct buf *out)
{
	struct buf there = BUF_INIT, now = BUF_INIT;
	int rc = 0;

	confwalk_join(&there, d->file, value);
	confwalk_join(&now, buf_str(&d->to), value);
	confmap_path(d->m, buf_str(&there), &d->path);
	if (!buf_ok(&there) || !buf_ok(&now) || !buf_ok(&d->path)) {
		rc = -1;
	} else if (strcmp(buf_str(&now), buf_str(&d->path)) != 0) {
		buf_addf(out, "%s ", name);
		pgconf_add_quoted(out, buf_str(&d->path), d->m->version);
		buf_addc(out, '\n');
		rc = 1;
	}
	buf_free(&there);
	buf_free(&now);
	return rc;
}

/* A path that carries the name of the source's cluster, "/run/.../15-main.pid":
 * the same with the standby's; one that has none of its own leaves it out. */
static int
edit_own_path(
    struct edit *d, const char *name, const char *value, struct buf *out)
{
	const char *base = strrchr(value, '/'), *dot;
	size_t n = d->m->major == NULL ? 0 : strlen(d->m->major);

	if (value[0] != '/')
		return 0;
	if (d->m->to_dir == NULL)
		return 1;
	base++;
	if (strncmp(base, d->m->major, n) != 0 || base[n] != '-')
		return 0;
	dot = strrchr(base, '.');
	buf_addf(&d->path, "%.*s%s-%s%s", (int)(base - value), value,
	    d->m->major, d->m->cluster, dot == NULL ? "" : dot);
	return buf_ok(&d->path) ? set_to(d, name, buf_str(&d->path), out) : -1;
}

static int
edit_mapped(struct edit *d, const char *name, const char *value, bool *named,
    struct buf *out)
{
	*named = true;
	if (value[0] != '/')
		return 0;
	confmap_path(d->m, value, &d->path);
	return buf_ok(&d->path) ? set_to(d, name, buf_str(&d->path), out) : -1;
}

static int
edit_cluster_name(
    struct edit *d, const char *name, const char *value, struct buf *out)
{
	size_t n = d->m->major == NULL ? 0 : strlen(d->m->major);

	if (n == 0 || strncmp(value, d->m->major, n) != 0 || value[n] != '/')
		return 0;
	buf_addf(&d->path, "%s/%s", d->m->major, d->m->cluster);
	return buf_ok(&d->path) ? set_to(d, name, buf_str(&d->path), out) : -1;
}

static int
edit_line(void *arg, const char *name, const char *value, struct buf *out)
{
	struct edit *d = arg;
	const struct confmap *m = d->m;

	buf_reset(&d->path);
	if (strncasecmp(name, "include", 7) == 0)
		return edit_include(d, name, value, out);
	if (strcasecmp(name, "data_directory") == 0)
		return m->to_dir == NULL ? 1
					 : set_to(d, name, m->to_pgdata, out);
	if (strcasecmp(name, "hba_file") == 0)
		return edit_mapped(d, name, value, &d->hba, out);
	if (strcasecmp(name, "ident_file") == 0)
		return edit_mapped(d, name, value, &d->ident, out);
	if (strcasecmp(name, "external_pid_file") == 0 ||
	    strcasecmp(name, "stats_temp_directory") == 0)
		return edit_own_path(d, name, value, out);
	if (strcasecmp(name, "cluster_name") == 0)
		return edit_cluster_name(d, name, value, out);
	if (strcasecmp(name, "port") == 0 && m->port != NULL)
		return set_to(d, name, m->port, out);
	return 0;
}

/* What only the command line of the source's server said. */
static void
add_missing(struct edit *d, struct buf *out)
{
	const struct confmap *m = d->m;

	if (m->to_dir == NULL || strcmp(d->file, m->main_file) != 0)
		return;
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
	buf_reset(&d->path);
	if (!d->hba && m->hba_file != NULL) {
		confmap_path(m, m->hba_file, &d->path);
		(void)set_to(d, "hba_file", buf_str(&d->path), out);
	}
	buf_reset(&d->path);
	if (!d->ident && m->ident_file != NULL) {
		confmap_path(m, m->ident_file, &d->path);
		(void)set_to(d, "ident_file", buf_str(&d->path), out);
	}
}

int
confmap_text(const struct confmap *m, const char *file, const char *text,
    struct buf *out, struct err *e)
{
	struct edit d = {.m = m, .file = file};
	int rc;

	confmap_path(m, file, &d.to);
	rc = confwalk_edit(text, m->version, edit_line, &d, out, e);
	if (rc == 0)
		add_missing(&d, out);
	if (rc == 0 && (!buf_ok(&d.to) || !buf_ok(&d.path) || !buf_ok(out)))
		rc = err_set_nomem(e);
	buf_free(&d.to);
	buf_free(&d.path);
	return rc;
}

/* --- pg_hba.conf, pg_ident.conf --------------------------------------------
 */

struct table {
	const struct confmap *m;
	const char *file; /* of the source */
	struct buf to;    /* where it goes */
};

/* Below the directory that the file will be in by what follows that: a word of
 * these files cannot be long (pgver_hba). */
static const char *
shortest(const char *path, const char *file)
{
	size_t n = (size_t)(strrchr(file, '/') - file);

	return strncmp(path, file, n) == 0 && path[n] == '/' ? path + n + 1
							     : path;
}

static int
edit_name(void *arg, enum hbafile_kind kind, const char *name,
    struct buf *instead, struct err *e)
{
	const struct table *t = arg;
	struct buf there = BUF_INIT, now = BUF_INIT, to = BUF_INIT;
	int rc = 0;

	(void)kind;
	confwalk_join(&there, t->file, name);
	confwalk_join(&now, buf_str(&t->to), name);
	confmap_path(t->m, buf_str(&there), &to);
	if (!buf_ok(&there) || !buf_ok(&now) || !buf_ok(&to)) {
		rc = err_set_nomem(e);
	} else if (strcmp(buf_str(&now), buf_str(&to)) != 0) {
		buf_adds(instead, shortest(buf_str(&to), buf_str(&t->to)));
		rc = 1;
	}
	buf_free(&there);
	buf_free(&now);
	buf_free(&to);
	return rc;
}

int
confmap_table(const struct confmap *m, const char *file, const char *text,
    struct buf *out, struct err *e)
{
	struct table t = {.m = m, .file = file};
	int rc;

	confmap_path(m, file, &t.to);
	rc = buf_ok(&t.to)
		 ? hbafile_edit(text, m->version, edit_name, &t, out, e)
		 : err_set_nomem(e);
	buf_free(&t.to);
	return rc;
}
