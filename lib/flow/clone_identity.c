/*
 * The same cluster everywhere: SQL, SSH, --upstream, the target.  From 9.6 SQL
 * tells the system identifier; before, only a replication login does
 * (IDENTIFY_SYSTEM).
 */
#include "base/std.h"
#include "base/sig.h"
#include "core/pgver.h"
#include "flow/clone_int.h"

#define QUERY_MS 30000

int
clone_same_cluster(
    const struct clone *c, const char *name, uint64_t id, struct err *e)
{
	uint64_t want = c->rec->system_identifier;

	if (want == 0)
		want = c->facts.system_identifier;
	if (id == 0 || want == 0 || id == want)
		return 0;
	(void)err_set(e, ERR_TARGET_OTHER_CLUSTER,
	    "%s is another cluster: system identifier %" PRIu64
	    ", and the source's is %" PRIu64,
	    name, id, want);
	return -1;
}

int
clone_same_upstream(struct clone *c, struct pg *pg, struct err *e)
{
	const char *sql = pgver(pg_version(pg), PGFACT_SYSTEM_IDENTIFIER);
	struct pg_rows *r = NULL;
	uint64_t id = 0, lsn;
	uint32_t timeline;

	if (c->o->upstream == NULL)
		return 0;
	/* Who may not log in as the standby will is refused for that. */
	if (sql == NULL) {
		if (pg_identify_system(
			&c->upstream_pg, &id, &timeline, &lsn, NULL) == -1)
			id = 0;
	} else {
		if (pg_query(pg, &r, clone_deadline(c, QUERY_MS), sql, 0, NULL,
			e) == -1)
			return -1;
		if (pg_rows_n(r) == 1 && pg_rows_get(r, 0, 0) != NULL)
			id = strtoull(pg_rows_get(r, 0, 0), NULL, 10);
		pg_rows_free(r);
	}
	c->upstream_identifier = id;
	if (clone_same_cluster(c, pg_name(pg), id, e) == 0)
		return 0;
	(void)err_wrap(e, "--upstream");
	return err_hint(e, "Name a standby of this primary, or leave "
			   "--upstream out.");
}

/* One replication login; role: NULL for the one of the session. */
static int
ask(struct clone *c, const char *role, struct err *e)
{
	struct conninfo as = {.n = 0};
	struct pg_opts o = c->pg;
	uint32_t timeline;
	uint64_t lsn;
	int rc;

	if (conninfo_copy(&as, &c->o->conninfo) == -1 ||
	    (role != NULL && conninfo_set(&as, "user", role) == -1)) {
		conninfo_free(&as);
		return err_set_nomem(e);
	}
	o.conninfo = &as;
	rc = pg_identify_system(
	    &o, &c->facts.system_identifier, &timeline, &lsn, e);
	conninfo_free(&as);
	return rc;
}

/*
 * What cannot be told is no error: a clone learns it from the directory, and
 * where the standby could not log in either, that is refused by itself.  The
 * other tasks have nothing else: they say it.
 */
int
clone_identify(struct clone *c, struct err *e)
{
	struct err cause = ERR_INIT;
	int rc;

	if (c->facts.system_identifier != 0 ||
	    pgver(c->facts.version, PGFACT_SYSTEM_IDENTIFIER) != NULL)
		return 0;
	rc = ask(c, c->o->replication_user, &cause);
	c->replicates = rc == 0;
	if (rc == -1 && c->o->replication_user != NULL && sig_caught() == 0) {
		err_clear(&cause);
		rc = ask(c, NULL, &cause);
	}
	if (rc == 0)
		return 0;
	c->facts.system_identifier = 0;
	if (cause.code == ERR_INTERRUPTED || cause.code == ERR_NOMEM) {
		*e = cause;
		return -1;
	}
	if (c->o->conf_only) { /* --cleanup: clone_unproven */
		(void)err_wrap(&cause,
		    "which cluster the source is, only a replication login "
		    "tells on PostgreSQL %s",
		    c->facts.version_text);
		c->ui->warning(c->ui->arg, &cause);
	}
	return 0;
}

int
clone_unproven(
    struct clone *c, const char *where, const char *what, struct err *e)
{
	(void)err_set(e, ERR_PRIVILEGE,
	    "%s in \"%s\" may be of another cluster than %s is", what,
	    c->target.path, where);
	(void)err_detail(e,
	    "Which one that is, only a replication login or the agent tells on "
	    "PostgreSQL %s; neither does here.",
	    c->facts.version_text);
	return err_hint(e,
	    "Let the role log in for replication (pg_hba.conf), or the agent "
	    "read its data directory (--source-pgdata=DIR). If it is that "
	    "server for certain: --force.");
}
