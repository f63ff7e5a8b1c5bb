#include "base/std.h"
#include "base/clock.h"
#include "flow/nodes.h"
#include "io/host.h"
#include "io/pg.h"

#define ASK_MS 5000

enum role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_STANDBY };

int
nodes_unknown(const struct conf *conf, const char *name, const char *otherwise,
    struct err *e)
{
	struct buf b = BUF_INIT;

	if (conf->file == NULL)
		buf_adds(&b, "Write /etc/standby/standby.conf, or name a file "
			     "with --config.");
	else if (conf->nnodes == 0)
		buf_adds(&b, "It names no nodes.");
	else
		buf_adds(&b, "Its nodes are:");
	for (size_t i = 0; i < conf->nnodes; i++)
		buf_addf(&b, "%s %s", i == 0 ? "" : ",", conf->nodes[i].name);
	if (conf->nnodes > 0)
		buf_addc(&b, '.');
	if (otherwise != NULL)
		buf_addf(&b, " %s", otherwise);
	(void)err_set(e, ERR_CONFIG, "no node \"%s\" in %s", name,
	    conf->file != NULL ? conf->file : "any configuration file");
	(void)err_hint(e, "%s", buf_str(&b));
	buf_free(&b);
	return -1;
}

static int
node_conninfo(const struct conf_node *n, const char *user, const char *dbname,
    struct conninfo *c, struct err *e)
{
	if (n->conninfo != NULL && pg_conninfo_parse(n->conninfo, c, e) == -1)
		return err_wrap(e, "node \"%s\"", n->name);
	if (user != NULL && conninfo_get(c, "user") == NULL &&
	    conninfo_set(c, "user", user) == -1)
		return err_set_nomem(e);
	if (conninfo_get(c, "dbname") == NULL &&
	    conninfo_set(c, "dbname", dbname != NULL ? dbname : "postgres") ==
		-1)
		return err_set_nomem(e);
	return 0;
}

/* What the node says of itself; why is filled when it does not answer. */
static enum role
ask(const struct conninfo *c, int sigfd, struct err *why)
{
	struct pg_opts o = {.conninfo = c,
	    .application_name = "standby-clone",
	    .connect_ms = ASK_MS,
	    .sigfd = sigfd};
	struct pg *pg = NULL;
	struct pg_rows *r = NULL;
	enum role role = ROLE_UNKNOWN;
	const char *s;

	if (pg_open(&pg, &o, why) == 0 &&
	    pg_query(pg, &r, deadline_in(ASK_MS), "SELECT pg_is_in_recovery()",
		0, NULL, why) == 0) {
		s = pg_rows_get(r, 0, 0);
		role = s != NULL && *s == 'f' ? ROLE_PRIMARY : ROLE_STANDBY;
	}
	pg_rows_free(r);
	pg_close(pg);
	return role;
}

static int
check_self(const struct conf_node *n, const char *pgdata,
    const struct conninfo *c, struct err *e)
{
	const char *host = conninfo_get(c, "hostaddr");

	if (host == NULL)
		host = conninfo_get(c, "host");
	if (n->pgdata == NULL)
		return err_set(
		    e, ERR_CONFIG, "node \"%s\" has no pgdata", n->name);
	if (pgdata != NULL && strcmp(pgdata, n->pgdata) != 0)
		return err_set(e, ERR_NODE,
		    "node \"%s\" has pgdata \"%s\", not \"%s\"", n->name,
		    n->pgdata, pgdata);
	switch (host_is_local(host)) {
	case 1:
		return 0;
	case 0:
		(void)err_set(e, ERR_NODE,
		    "node \"%s\" is on host \"%s\", not on this one", n->name,
		    host);
		return err_hint(e, "Run this command there.");
	}
	return err_set(e, ERR_NODE,
	    "node \"%s\": host \"%s\" is not known here", n->name, host);
}

static int
find_primary(const struct conf *conf, const char *user, const char *dbname,
    int sigfd, struct nodes_found *f, struct err *e)
{
	static const char *const words[] = {[ROLE_UNKNOWN] = "no answer",
	    [ROLE_PRIMARY] = "primary",
	    [ROLE_STANDBY] = "standby"};
	struct buf said = BUF_INIT;
	size_t primaries = 0, silent = 0;
	struct err last = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < conf->nnodes && rc == 0; i++) {
		struct conninfo c = {0};
		struct err why = ERR_INIT;
		enum role role;

		rc = node_conninfo(&conf->nodes[i], user, dbname, &c, e);
		role = rc == 0 ? ask(&c, sigfd, &why) : ROLE_UNKNOWN;
		if (why.code == ERR_INTERRUPTED) {
			*e = why;
			rc = -1;
		}
		buf_addf(&said, "%s\"%s\": %s", i == 0 ? "" : "; ",
		    conf->nodes[i].name, words[role]);
		if (why.text[0] != '\0')
			buf_addf(&said, " (%s)",
			    why.detail[0] != '\0' ? why.detail : why.text);
		if (role == ROLE_UNKNOWN && rc == 0) {
			silent++;
			last = why;
		}
		if (role == ROLE_PRIMARY && primaries++ == 0) {
			f->primary = &conf->nodes[i];
			f->conninfo = c;
			c = (struct conninfo){.n = 0};
		}
		conninfo_free(&c);
	}
	if (rc == 0 && primaries != 1) {
		rc = err_set(e, ERR_NODE,
		    "%zu nodes are primaries, exactly one must be", primaries);
		(void)err_detail(e, "The nodes say: %s.", buf_str(&said));
		/* A primary may be among those that did not let us in. */
		if (primaries == 0 && silent > 0)
			(void)err_hint(e, "%s",
			    last.hint[0] != '\0'
				? last.hint
				: "Find out why these nodes do not answer.");
		else if (primaries == 0)
			(void)err_hint(e, "All nodes are standbys: promote "
					  "one, or name the primary with "
					  "--master.");
		else
			(void)err_hint(e,
			    "Find out which one is right "
			    "(repl-status), stop the other at once, "
			    "and run this again. On its host: "
			    "pg_ctl stop -m fast -D PGDATA");
	}
	buf_free(&said);
	return rc;
}

static int
set_upstream(const struct conf *conf, struct nodes_found *f, const char *user,
    const char *dbname, struct err *e)
{
	struct conninfo c = {0};
	int rc;

	if (f->self->upstream == NULL)
		return 0;
	f->upstream = conf_find_node(conf, f->self->upstream);
	if (f->upstream == NULL || f->upstream == f->primary)
		return 0;
	rc = node_conninfo(f->upstream, user, dbname, &c, e);
	if (rc == 0)
		conninfo_render(&c, false, &f->upstream_conninfo);
	conninfo_free(&c);
	return rc;
}

int
nodes_find(const struct conf *conf, const char *name, const char *pgdata,
    const char *user, const char *dbname, int sigfd, struct nodes_found *f,
    struct err *e)
{
	struct conninfo c = {0};
	int rc;

	*f = (struct nodes_found){.self = conf_find_node(conf, name)};
	if (f->self == NULL) {
		return nodes_unknown(conf, name, NULL, e);
	}
	rc = node_conninfo(f->self, user, dbname, &c, e);
	if (rc == 0)
		rc = check_self(f->self, pgdata, &c, e);
	conninfo_free(&c);
	if (rc == -1 || find_primary(conf, user, dbname, sigfd, f, e) == -1)
		return -1;
	if (f->primary == f->self)
		return err_set(
		    e, ERR_NODE, "node \"%s\" is the primary itself", name);
	return set_upstream(conf, f, user, dbname, e);
}

void
nodes_found_free(struct nodes_found *f)
{
	conninfo_free(&f->conninfo);
	buf_free(&f->upstream_conninfo);
	*f = (struct nodes_found){.self = NULL};
}
