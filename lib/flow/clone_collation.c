/* A7: do text indexes sort here as they did there?  Only a server on this host
 * can tell: the standby, once it answers. */
#include "base/std.h"
#include "core/pgver.h"
#include "flow/clone_int.h"

#define QUERY_MS 10000

void
clone_check_collations(struct clone *c, struct pg *pg)
{
	const char *sql = pgver(c->facts.version, PGFACT_COLLATION_STALE);
	struct preflight pf = {.checks = 0};
	struct pg_rows *r = NULL;

	/* A role that may not, a collation that is not here at all: it is no
	 * failure of the clone. */
	if (sql == NULL || pg == NULL ||
	    pg_query(pg, &r, clone_deadline(c, QUERY_MS), sql, 0, NULL, NULL) ==
		-1)
		return;
	for (int i = 0; i < pg_rows_n(r); i++) {
		const char *v[4];
		bool full = true;

		for (int k = 0; k < 4; k++)
			full = (v[k] = pg_rows_get(r, i, k)) != NULL && full;
		if (full)
			(void)preflight_collation(&pf, v[0], v[1], v[2], v[3]);
	}
	for (size_t i = 0; i < pf.nwarnings; i++)
		c->ui->warning(c->ui->arg, &pf.warning[i]);
	preflight_free(&pf);
	pg_rows_free(r);
}
