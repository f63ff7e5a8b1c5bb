/* Settings that a standby must not have smaller than the primary: what would
 * hold with the configuration that it will find, and where that is set.  Files
 * of the configuration are the target's own, the source's (which will be
 * copied, with the data or by --copy-external-config), or elsewhere on this
 * host. */
#include "base/std.h"
#include "core/confwalk.h"
#include "core/path.h"
#include "core/pgconf.h"
#include "core/pgver.h"
#include "flow/clone_int.h"
#include "flow/confread.h"
#include "flow/recovery.h"

#define SETTING_MS 5000
#define CONF_MAIN "postgresql.conf"

static const char *const judged[CLONE_SETTINGS] = {"max_connections",
    "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
    "max_locks_per_transaction"};

/* --- the files as the standby will see them ------------------------------- */

struct view {
	struct clone *c;
	struct preflight_setting *v;
	size_t n;
	bool own[CLONE_SETTINGS]; /* an earlier run of ours wrote it */
	unsigned first, last;     /* lines of our block in this file */
	bool copied;              /* the source's files are among them */
	bool made;        /* --copy-external-config makes what is listed */
	bool in_auto;     /* that is the file now */
	struct buf wrote; /* recovery_own: what an earlier run wrote there */
	bool hot_off;     /* no queries: then they may be smaller */
	bool is_local;    /* the main file is here */
	struct clone_ssl ssl;
	struct confread *files;
	struct confwalk_io here;
};

/* The name below PGDATA of a file that will come from the source; NULL: it is
 * this host's. */
static const char *
to_be_copied(const struct clone *c, const char *path)
{
	size_t n = strlen(c->target.path);

	if (strncmp(path, c->target.path, n) != 0 || path[n] != '/')
		return NULL;
	path += n + 1;
	return path_check(path, strlen(path)) == NULL && !clone_keeps(c, path)
		   ? path
		   : NULL;
}

/* --copy-external-config puts the source's there. */
static bool
is_replaced(const struct clone *c, const char *path)
{
	size_t n = strlen(c->target.path);
	bool below = strncmp(path, c->target.path, n) == 0 && path[n] == '/';

	return clone_external_has(c, path,
	    below ? clone_keeps(c, path + n + 1) : access(path, F_OK) == 0);
}

static bool
is_source(const struct clone *c, const char *path)
{
	return to_be_copied(c, path) != NULL || is_replaced(c, path);
}

static bool
auto_comes(const struct clone *c)
{
	const char *name = pgver(c->facts.version, PGFACT_AUTO_CONF);

	return name != NULL && !clone_keeps(c, name);
}

static int
view_read(void *arg, const char *path, struct buf *text, struct err *e)
{
	struct view *v = arg;
	const char *name = to_be_copied(v->c, path);
	bool external = is_replaced(v->c, path);
	int rc;

	buf_reset(text);
	if (name == NULL && !external)
		return v->here.read(v->here.arg, path, text, e);
	/* As those of this host: they may include each other for ever. */
	v->files->bound = ++v->files->files > CONFREAD_FILES;
	if (v->files->bound)
		return err_set(e, ERR_SETTING,
		    "configuration of more than %d files: \"%s\"",
		    CONFREAD_FILES, path);
	rc = external ? clone_external_read(v->c, path, text, e)
		      : pool_read_file(v->c->pool, name, CONFREAD_MAX, text, e);
	v->copied = v->copied || rc == 1;
	return rc;
}

static int
list_there(struct clone *c, const char *dir, struct buf *names, struct err *e)
{
	struct wire_manifest req = {.dir = {dir, strlen(dir)}};
	struct manifest m = {0};
	int rc = pool_manifest(c->pool, &req, NULL, &m, NULL, e);

	for (size_t i = 0; rc == 0 && i < m.n; i++)
		if (m.v[i].type == ENTRY_FILE)
			buf_add(names, path_base(m.v[i].path),
			    strlen(path_base(m.v[i].path)) + 1);
	rc = rc == -1 ? -1 : m.n > 0;
	manifest_free(&m);
	return rc;
}

static int
view_list(void *arg, const char *dir, struct buf *names, struct err *e)
{
	struct view *v = arg;
	const char *name = to_be_copied(v->c, dir);
	int rc;

	buf_reset(names);
	rc = name == NULL ? v->here.list(v->here.arg, dir, names, e)
			  : list_there(v->c, name, names, e);
	if (rc == -1)
		return -1;
	clone_external_names(v->c, dir, names);
	return rc == 1 || names->len > 0 || v->made;
}

/* --- what they say -------------------------------------------------------- */

/* A line that this run writes anew, or drops: of our block, which ALTER SYSTEM
 * may have left without its marks. */
static bool
is_own(const struct view *v, const struct confwalk_line *l)
{
	return (l->number >= v->first && l->number <= v->last) ||
	       (v->in_auto && pgconf_has(buf_str(&v->wrote), l->name, l->value,
				  v->c->facts.version));
}

static int
see(void *arg, const struct confwalk_line *l, struct err *e)
{
	struct view *v = arg;

	(void)e;
	if (l->kind == CONFWALK_FILE)
		pgconf_block(l->text, &v->first, &v->last);
	v->made = l->kind == CONFWALK_INCLUDE_DIR && is_replaced(v->c, l->file);
	if (l->kind != CONFWALK_SETTING)
		return 0;
	if (strcasecmp(l->name, "hot_standby") == 0)
		v->hot_off = pgconf_is_off(l->value);
	clone_ssl_see(&v->ssl, l->name, l->value);
	for (size_t i = 0; i < v->n; i++) {
		struct preflight_setting *s = &v->v[i];

		if (strcasecmp(l->name, s->name) != 0)
			continue;
		if (is_own(v, l)) {
			v->own[i] = true;
			continue;
		}
		s->have = (int)strtol(l->value, NULL, 10);
		s->line = l->number;
		s->copied = is_source(v->c, l->file);
		(void)snprintf(s->file, sizeof(s->file), "%s", l->file);
	}
	return 0;
}

static void
take_value(struct preflight_setting *s, int have)
{
	int seen = s->have != -1 ? s->have : preflight_default(s->name);

	if (have == -1 || have == seen)
		return;
	s->have = have;
	s->line = 0;
}

/* What counts in this version: others the programs may not even know. */
static void
ask_programs(struct clone *c, const char *dir)
{
	const char *asked[NELEM(judged)];
	struct buf values[NELEM(judged)] = {BUF_INIT};
	size_t which[NELEM(judged)], n = 0;

	for (size_t i = 0; c->bindir != NULL && i < NELEM(judged); i++)
		if (pgver_lists(
			c->facts.version, PGFACT_STANDBY_SETTINGS, judged[i])) {
			asked[n] = judged[i];
			which[n++] = i;
		}
	c->programs_said =
	    n > 0 && server_settings(c->bindir, dir, asked, n, values,
			 clone_deadline(c, SETTING_MS), NULL) == 0;
	for (size_t i = 0; i < n; i++) {
		c->said[which[i]] =
		    values[i].len > 0
			? (int)strtol(buf_str(&values[i]), NULL, 10)
			: -1;
		buf_free(&values[i]);
	}
}

/* The server itself says what its files mean, where all of them are here. */
static void
take_values(struct clone *c, const char *dir, struct view *v)
{
	if (!c->programs_said)
		ask_programs(c, dir);
	for (size_t i = 0; c->programs_said && i < v->n; i++)
		/* The one that an earlier run wrote is the one they say. */
		if (!v->own[i] && pgver_lists(c->facts.version,
				      PGFACT_STANDBY_SETTINGS, v->v[i].name))
			take_value(&v->v[i], c->said[i]);
}

void
clone_ask_settings(struct clone *c)
{
	const char *dir = clone_config_dir(c);
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/" CONF_MAIN, dir);
	if (!c->o->copy_external_config && buf_ok(&path) &&
	    access(buf_str(&path), R_OK) == 0 && !is_source(c, buf_str(&path)))
		ask_programs(c, dir);
	buf_free(&path);
}

/* The file that is read last, with what an earlier run left there.  1, -1. */
static int
look_at_auto(struct view *v, const struct confwalk_io *io, struct err *e)
{
	struct clone *c = v->c;
	const char *name = pgver(c->facts.version, PGFACT_AUTO_CONF);
	struct buf path = BUF_INIT, text = BUF_INIT;
	int rc = 1;

	if (name == NULL)
		return 1;
	buf_addf(&path, "%s/%s", c->target.path, name);
	v->in_auto = true;
	if (!c->auto_copied && c->target.tree != NULL)
		rc = recovery_own(c->target.tree, &v->wrote, e);
	if (rc != -1)
		rc = view_read(v, buf_str(&path), &text, e);
	if (rc == 1)
		rc = confwalk(io, buf_str(&path), c->facts.version, see, v, e);
	buf_free(&path);
	buf_free(&text);
	return rc == -1 ? -1 : 1;
}

/* 1, 0 there is no configuration that we know of, -1. */
static int
look(struct view *v, struct err *e)
{
	struct clone *c = v->c;
	const char *dir = clone_config_dir(c);
	const struct confwalk_io io = {
	    .read = view_read, .list = view_list, .arg = v};
	struct buf path = BUF_INIT, text = BUF_INIT;
	int rc;

	buf_addf(&path, "%s/" CONF_MAIN, dir);
	rc = view_read(v, buf_str(&path), &text, e);
	if (rc == 1) {
		v->is_local = !is_source(c, buf_str(&path));
		rc = confwalk(&io, buf_str(&path), c->facts.version, see, v, e);
		rc = rc == 0 ? 1 : -1;
	}
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].line == 0) {
			v->v[i].copied = !v->is_local;
			(void)snprintf(v->v[i].file, sizeof(v->v[i].file), "%s",
			    buf_str(&path));
		}
	if (rc == 1)
		rc = look_at_auto(v, &io, e);
	if (rc == 1 && !v->copied)
		take_values(c, dir, v);
	buf_free(&path);
	buf_free(&text);
	return rc;
}

/* --- the judgement -------------------------------------------------------- */

/* 12: what no file that is copied gives, or an earlier run had to write, we
 * write. */
static void
write_ourselves(struct clone *c, const struct preflight_setting *s)
{
	c->more[c->nmore++] =
	    (struct pgconf_more){.name = s->name, .value = s->want};
	clone_note(c,
	    "%s: the source runs with %d, and the configuration %s "
	    "%d%s: %s = %d is written into postgresql.auto.conf of the "
	    "standby",
	    s->name, s->want, s->kept ? "here has" : "that is copied has",
	    s->have != -1 ? s->have : preflight_default(s->name),
	    s->have != -1 ? "" : " (the default)", s->name, s->want);
}

/* A file that the configuration needs, and that is not there. */
static int
cannot_read(struct clone *c, struct err *own)
{
	int rc;

	(void)err_hint(own,
	    "The standby would not start: put the file in its place here, for "
	    "example by scp from the source.");
	rc = c->o->start ? preflight_add(&c->pf, own)
			 : preflight_warn(&c->pf, own);
	err_clear(own);
	return rc;
}

/* The server has no such bounds: it may well start. */
static int
not_judged(struct clone *c, struct err *own)
{
	int rc;

	(void)err_hint(own,
	    "max_connections and the like were not judged: they must be at "
	    "least what the source runs with.");
	rc = preflight_warn(&c->pf, own);
	err_clear(own);
	return rc;
}

int
clone_judge_settings(struct clone *c)
{
	const int want[CLONE_SETTINGS] = {c->control.max_connections,
	    c->control.max_worker_processes, c->control.max_wal_senders,
	    c->control.max_prepared_xacts, c->control.max_locks_per_xact};
	struct preflight_setting s[CLONE_SETTINGS] = {{.name = NULL}};
	const char *hot = pgver(c->facts.version, PGFACT_DEFAULT_HOT_STANDBY);
	struct confread files = {.any_owner = true};
	struct view v = {.c = c,
	    .files = &files,
	    .here = confread_io(&files),
	    .v = s,
	    .n = NELEM(s),
	    .hot_off = hot != NULL && pgconf_is_off(hot)};
	struct err own = ERR_INIT;
	int rc;

	c->auto_copied = auto_comes(c);
	for (size_t i = 0; i < NELEM(s); i++)
		s[i] = (struct preflight_setting){
		    .name = judged[i], .want = want[i], .have = -1};
	rc = look(&v, &own);
	if (rc == 1)
		clone_ssl_tell(c, &v.ssl);
	clone_ssl_free(&v.ssl);
	buf_free(&v.wrote);
	if (rc == -1 && files.bound)
		return not_judged(c, &own);
	if (rc == -1)
		return own.code == ERR_SETTING ? cannot_read(c, &own) : 0;
	if (rc == 0 || v.hot_off)
		return 0;
	for (size_t i = 0; i < NELEM(s); i++) {
		s[i].kept = v.own[i] && !s[i].copied;
		s[i].copied = s[i].copied || v.own[i];
	}
	if (preflight_settings(&c->pf, s, NELEM(s), c->facts.version) == -1)
		return -1;
	for (size_t i = 0; i < NELEM(s) && c->nmore < NELEM(c->more); i++)
		if (s[i].ours)
			write_ourselves(c, &s[i]);
	c->all_more = true;
	return 0;
}
