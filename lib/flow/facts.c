#include "base/std.h"
#include "core/pgver.h"
#include "flow/facts.h"

static void
add_version(struct buf *b, int version)
{
	char major[16];

	buf_addf(
	    b, "PostgreSQL %s\n", pgver_major(version, major, sizeof(major)));
	for (int f = 0; f < PGFACT_NCODES; f++) {
		const char *v = pgver(version, (enum pgfact)f);

		buf_addf(b, "  %-24s ", pgver_fact_name((enum pgfact)f));
		/* SQL of several lines stays one fact, one line. */
		for (v = v == NULL ? "-" : v; *v != '\0'; v++)
			buf_addc(b, *v == '\n' ? ' ' : *v);
		buf_addc(b, '\n');
	}
}

int
facts_add(struct buf *b, const char *version, struct err *e)
{
	int v;

	if (version[0] == '\0') {
		for (size_t i = 0; (v = pgver_major_at(i)) != 0; i++)
			add_version(b, v);
		return 0;
	}
	v = pgver_parse(version);
	if (v == -1 || !pgver_supported(v)) {
		(void)err_set(e, ERR_USAGE,
		    "--facts: \"%s\" is not a version from 9.0 on", version);
		return -1;
	}
	add_version(b, v);
	if (!pgver_known(v))
		buf_adds(b, "  (newer than this program knows: the facts of "
			    "the newest known version)\n");
	return 0;
}
