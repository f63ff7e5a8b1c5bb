#include "base/std.h"
#include "core/exclude.h"
#include "core/pgver.h"
#include "flow/facts.h"

#define NAME "  %-24s "

/* A heading stands before the first fact of its kind. */
static const struct {
	enum pgfact first;
	const char *title;
} sections[] = {
    {PGFACT_BACKUP_START, "backup"},
    {PGFACT_ROLE, "state of a node"},
    {PGFACT_SLOT_LIST, "slots"},
    {PGFACT_STATUS_NODE, "repl-status"},
    {PGFACT_DIR_WAL, "names in the data directory, and what its files may say"},
    {PGFACT_GRANT_BACKUP, "what a hint says"},
    {PGFACT_WAL_WAYS, "how a clone goes, and a promotion"},
    {PGFACT_STANDBY_SETTINGS, "settings and their defaults"},
};

static void
add_heading(struct buf *b, enum pgfact fact)
{
	for (size_t i = 0; i < NELEM(sections); i++)
		if (sections[i].first == fact)
			buf_addf(b, " %s\n", sections[i].title);
}

/* SQL of several lines stays one fact, one line. */
static void
add_line(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		buf_addc(b, *s == '\n' ? ' ' : *s);
		if (*s == '\n')
			s += strspn(s + 1, " ");
	}
	buf_addc(b, '\n');
}

static void
add_facts(struct buf *b, int version)
{
	for (int f = 0; f < PGFACT_NCODES; f++) {
		const char *v = pgver(version, (enum pgfact)f);

		add_heading(b, (enum pgfact)f);
		buf_addf(b, NAME, pgver_fact_name((enum pgfact)f));
		add_line(b, v == NULL ? "-" : v);
	}
}

static void
add_keywords(struct buf *b, int version)
{
	const char *k;

	buf_adds(b, " connection string of the standby\n");
	buf_addf(b, NAME, "conninfo-keywords");
	for (size_t i = 0; (k = pgver_walreceiver_keyword(i)) != NULL; i++)
		if (pgver_walreceiver_takes(version, k))
			buf_addf(b, "%s%s", i == 0 ? "" : " ", k);
	buf_addc(b, '\n');
}

static void
add_offset(struct buf *b, const char *name, int offset)
{
	if (offset == -1)
		buf_addf(b, NAME "-\n", name);
	else
		buf_addf(b, NAME "%d\n", name, offset);
}

static void
add_offsets(struct buf *b, const struct pgver_control *c)
{
	const struct {
		const char *name;
		int offset;
	} rows[] = {{"at-state", c->state}, {"at-checkpoint", c->checkpoint},
	    {"at-redo", c->redo}, {"at-timeline", c->timeline},
	    {"at-previous-timeline", c->prev_timeline},
	    {"at-minimum-recovery", c->min_recovery},
	    {"at-minimum-timeline", c->min_recovery_tli},
	    {"at-backup-start", c->backup_start},
	    {"at-wal-level", c->wal_level},
	    {"at-max-connections", c->max_connections},
	    {"at-max-worker-processes", c->max_worker_processes},
	    {"at-max-wal-senders", c->max_wal_senders},
	    {"at-max-prepared", c->max_prepared_xacts},
	    {"at-max-locks", c->max_locks_per_xact},
	    {"at-block-size", c->blcksz}, {"at-segment-size", c->relseg_size},
	    {"at-wal-block-size", c->xlog_blcksz},
	    {"at-wal-segment-size", c->xlog_seg_size},
	    {"at-checksum-version", c->checksum_version}, {"at-crc", c->crc}};

	for (size_t i = 0; i < NELEM(rows); i++)
		add_offset(b, rows[i].name, rows[i].offset);
}

static void
add_control(struct buf *b, int version)
{
	const struct pgver_control *c;
	struct pgver_numbers n;
	uint16_t magic = pgver_wal_magic(version);

	if (!pgver_numbers(version, &n) ||
	    (c = pgver_control(n.control_version, n.catalog_version)) == NULL)
		return;
	buf_adds(b, " pg_control: bytes from its beginning\n");
	buf_addf(b, NAME "%" PRIu32 "\n", "control-version", n.control_version);
	buf_addf(b, NAME "%" PRIu32 "\n", "catalog-version", n.catalog_version);
	buf_addf(
	    b, NAME "%s\n", "control-crc", c->crc32c ? "CRC-32C" : "CRC-32");
	buf_addf(b, NAME "%s\n", "control-lsn",
	    c->lsn64 ? "one number of 64 bits" : "two numbers of 32 bits");
	add_offsets(b, c);
	buf_adds(b, " write-ahead log\n");
	buf_addf(b, NAME, "wal-page-magic");
	if (magic == 0)
		buf_adds(b, "any\n");
	else
		buf_addf(b, "%04X\n", (unsigned)magic);
	buf_addf(b, NAME "%" PRIX64 "\n", "bytes-of-a-log-id",
	    pgver_xlogid_bytes(version));
}

static void
add_version(struct buf *b, int version)
{
	char major[16];

	buf_addf(
	    b, "PostgreSQL %s\n", pgver_major(version, major, sizeof(major)));
	if (!pgver_known(version))
		buf_adds(b, " newer than this program knows: the facts of the "
			    "newest known version\n");
	add_facts(b, version);
	add_keywords(b, version);
	add_control(b, version);
	buf_adds(b, " not copied\n");
	exclude_add_version(b, version, "  exclude                  ");
}

/* There was no 9.7, and 10 came behind it. */
static bool
was_released(int version)
{
	int v;

	for (size_t i = 0; (v = pgver_major_at(i)) != 0; i++)
		if (pgver_same_major(v, version))
			return true;
	return !pgver_known(version);
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
	if (v == -1 || !pgver_supported(v) || !was_released(v)) {
		(void)err_set(e, ERR_USAGE,
		    "--facts: \"%s\" is not a version from 9.0 on", version);
		return -1;
	}
	add_version(b, v);
	return 0;
}
