/* How far the WAL of a target reaches, and whose it is: pg_control of a server
 * that was killed tells of its last checkpoint only. */
#include "base/std.h"
#include "core/pgver.h"
#include "flow/operate.h"
#include "flow/target.h"

static bool
has_file(struct target *t, const char *name)
{
	struct stat st;

	return name != NULL && t->tree != NULL &&
	       tree_stat(t->tree, name, &st) == 0;
}

bool
target_is_primary(struct target *t)
{
	bool guc;

	if (!t->have_control ||
	    t->control.state == PGSTATE_SHUTDOWNED_IN_RECOVERY ||
	    t->control.state == PGSTATE_IN_ARCHIVE_RECOVERY)
		return false;
	guc = pgver(t->version, PGFACT_RECOVERY_IS_GUC) != NULL;
	return !has_file(t, pgver(t->version, PGFACT_FILE_RECOVERY)) &&
	       !(guc && has_file(t, "recovery.signal"));
}

/*
 * Below 9.5 the end found is up to a page too high.  To say of a standby, or of
 * a server that was stopped cleanly, that it has more than it has would be
 * wrong for each of them that is up to date; of a primary that was killed, the
 * other error is the worse one.
 */
static uint64_t
sure_end(const struct target *t, uint64_t end)
{
	const struct pgver_control *layout = pgver_control(
	    t->control.control_version, t->control.catalog_version);
	bool exact = layout != NULL && layout->crc32c;

	if (exact || end < t->control.xlog_blcksz ||
	    (t->was_primary && t->control.state != PGSTATE_SHUTDOWNED))
		return end;
	return end - t->control.xlog_blcksz;
}

int
target_read_wal(struct target *t, int sigfd, struct err *e)
{
	struct pgcontrol c = t->control;
	uint64_t from, end = 0;
	uint32_t tli = 0, found = 0;

	if (!t->have_control || t->tree == NULL)
		return 0;
	t->was_primary = target_is_primary(t);
	/* A newer server than known: PG_VERSION says which. */
	if (!pgver_known(c.version))
		c.version = t->version;
	from = pgcontrol_reached(&c, &tli);
	if (operate_wal_end_of(
		t->path, &c, tli, from, &end, &found, sigfd, e) == -1)
		return -1;
	t->wal_end = end == 0 ? 0 : sure_end(t, end);
	t->wal_timeline = found;
	return 0;
}

uint64_t
target_reached(const struct target *t, uint32_t *tli)
{
	uint64_t reached = pgcontrol_reached(&t->control, tli);

	if (t->wal_end == 0 || t->wal_timeline < *tli ||
	    (t->wal_timeline == *tli && t->wal_end <= reached))
		return reached;
	*tli = t->wal_timeline;
	return t->wal_end;
}
