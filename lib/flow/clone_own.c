/* Recovery settings that the standby had and that no option gives: they stand
 * in a file that this run writes anew. */
#include "base/std.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/recovery.h"

struct own {
	const char *name; /* NULL: this version has none */
	const char *off;  /* as good as not set, beside "" */
	const char *what;
	const char *given; /* the option */
	const char **to;
	char **memory;
};

/* Where it streams from is the source now, unless --upstream says else. */
static int
tell_upstream(struct clone *c, struct err *e)
{
	struct buf text = BUF_INIT;
	struct conninfo was = {0};
	const char *host, *port;
	int rc;

	rc = recovery_own_setting(
	    c->target.tree, c->facts.version, "primary_conninfo", &text, e);
	if (rc == 1 && c->o->upstream == NULL &&
	    pg_conninfo_parse(buf_str(&text), &was, NULL) == 0) {
		host = conninfo_get(&was, "host");
		port = conninfo_get(&was, "port");
		if (host != NULL && port != NULL &&
		    (strcmp(host, c->rec->source_host) != 0 ||
			strcmp(port, c->rec->source_port) != 0))
			clone_note(c,
			    "primary_conninfo of the standby leads to %s:%s; "
			    "it will stream from %s:%s now (--upstream "
			    "names another server)",
			    host, port, c->rec->source_host,
			    c->rec->source_port);
	}
	conninfo_free(&was);
	buf_free(&text);
	return rc == -1 ? -1 : 0;
}

/* 12: of the source's postgresql.auto.conf nothing is the standby's own. */
static bool
has_file(const struct clone *c)
{
	const char *auto_conf = pgver(c->facts.version, PGFACT_AUTO_CONF);

	/* Data that were copied by other means say nothing of this one. */
	if (c->target.tree == NULL || c->target.kind != TARGET_PGDATA ||
	    c->o->conf_only)
		return false;
	if (pgver(c->facts.version, PGFACT_RECOVERY_IS_GUC) == NULL)
		return true;
	for (size_t i = 0; i < c->nkeep; i++)
		if (plan_keeps(c->keep[i], auto_conf))
			return true;
	return false;
}

/* In a directory that is continued, the first run has seen it. */
static int
of_marker(const struct clone *c, const char *name, struct buf *value)
{
	const struct marker *m = &c->target.marker;
	size_t n = strlen(name);

	for (size_t i = 0; i < m->nsettings; i++)
		if (strncmp(m->settings[i], name, n) == 0 &&
		    m->settings[i][n] == ' ') {
			buf_adds(value, m->settings[i] + n + 1);
			return 1;
		}
	return 0;
}

static int
find(struct clone *c, const char *name, struct buf *value, struct err *e)
{
	if (c->target.kind == TARGET_MARKED)
		return of_marker(c, name, value);
	return has_file(c) ? recovery_own_setting(c->target.tree,
				 c->facts.version, name, value, e)
			   : 0;
}

static int
take(struct clone *c, const struct own *o, struct err *e)
{
	struct buf value = BUF_INIT, shown = BUF_INIT;
	int rc;

	/* An empty option takes it away. */
	*o->to = o->given == NULL || o->given[0] == '\0' ? NULL : o->given;
	if (o->given != NULL || o->name == NULL)
		return 0;
	rc = find(c, o->name, &value, e);
	if (rc == 1 && value.len > 0 && strcmp(buf_str(&value), o->off) != 0) {
		text_add_escaped(&shown, value.data, value.len);
		clone_note(c, "setting %s = \"%s\" is kept: %s", o->name,
		    buf_str(&shown), o->what);
		if ((*o->memory = strdup(buf_str(&value))) == NULL)
			rc = err_set_nomem(e);
		*o->to = *o->memory;
	}
	buf_free(&value);
	buf_free(&shown);
	return rc == -1 ? -1 : 0;
}

int
clone_own_settings(struct clone *c, struct err *e)
{
	const struct clone_opts *o = c->o;
	int version = c->facts.version;
	const struct own all[] = {
	    {"restore_command", "", "this standby fetches WAL with it",
		o->restore_command, &c->restore_command, &c->own[0]},
	    {pgver(version, PGFACT_DELAY_PARAM), "0",
		"this standby replays late", o->min_apply_delay,
		&c->min_apply_delay, &c->own[1]},
	    {pgver(version, PGFACT_TRIGGER_PARAM), "",
		"this standby is promoted when that file appears",
		o->trigger_file, &c->trigger_file, &c->own[2]},
	};

	for (size_t i = 0; i < NELEM(all); i++)
		if (take(c, &all[i], e) == -1)
			return -1;
	return has_file(c) ? tell_upstream(c, e) : 0;
}

int
clone_own_remember(const struct clone *c, struct marker *m, struct err *e)
{
	static const enum pgfact facts[] = {
	    PGFACT_NCODES, PGFACT_DELAY_PARAM, PGFACT_TRIGGER_PARAM};
	char **v = calloc(NELEM(facts), sizeof(*v));

	if (v == NULL)
		return err_set_nomem(e);
	m->settings = v;
	for (size_t i = 0; i < NELEM(facts); i++) {
		struct buf line = BUF_INIT;
		int rc;

		if (c->own[i] == NULL)
			continue;
		buf_addf(&line, "%s %s",
		    i == 0 ? "restore_command"
			   : pgver(c->facts.version, facts[i]),
		    c->own[i]);
		rc = buf_ok(&line) &&
			     (v[m->nsettings] = strdup(buf_str(&line))) != NULL
			 ? 0
			 : -1;
		buf_free(&line);
		if (rc == -1)
			return err_set_nomem(e);
		m->nsettings++;
	}
	return 0;
}
