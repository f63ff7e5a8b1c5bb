#include "base/std.h"
#include "base/clock.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/hook.h"
#include "flow/recovery.h"
#include "io/pagedelta.h"

#define QUERY_MS 30000

/* --- the end of the backup (still S2) ------------------------------------- */

/* Fetched after everything else: what it says is covered by the files. */
static int
fetch_control(struct clone *c, struct err *e)
{
	struct pgcontrol now;

	if (pool_control(c->pool, &c->pg_control, e) == -1 ||
	    pgcontrol_parse(c->pg_control.data, c->pg_control.len, &now, e) ==
		-1)
		return -1;
	if (now.system_identifier != c->control.system_identifier)
		return err_set(e, ERR_SOURCE,
		    "the source is another cluster than at the start");
	hook_pause("control");
	return 0;
}

/* To 9.6 the server ends a backup only when its last WAL is archived. */
static bool
always_waits(const struct clone *c)
{
	return !pgver_lists(c->facts.version, PGFACT_ARCHIVE_WAIT, "choice");
}

static int
stop_backup(struct clone *c, struct err *e)
{
	bool wait = !c->facts.in_recovery && c->fetch_wal && always_waits(c);

	/* 10 and later: the slot, or we, have the WAL; the archive is the
	 * primary's own business. */
	if (clone_excl_check(c, e) == -1)
		return -1;
	hook_pause("stop");
	if (backup_stop(&c->backup, wait, c->deadline, e) == -1)
		return -1;
	if (clone_excl_ended(c, false, e) == -1)
		return -1;
	c->rec->stop_lsn = c->backup.stop_lsn;
	buf_add(&c->label, c->backup.labelfile.data, c->backup.labelfile.len);
	if (c->label.len == 0)
		return err_set(e, ERR_BACKUP_LOST,
		    "the server returned an empty backup_label");
	return label_map_rewrite(buf_str(&c->backup.spcmap),
	    c->backup.spcmap.len, c->facts.version, clone_map_path, c, &c->map,
	    e);
}

/* A run that is killed from here on leaves a slot: the marker names it first,
 * so that the next run, or --cleanup, knows it as ours. */
static int
note_slot(struct clone *c, struct err *e)
{
	if (c->slot.existed || c->marker.slot != NULL)
		return 0;
	if ((c->marker.slot = strdup(c->slot.name)) == NULL ||
	    (c->marker.slot_at = strdup(c->slot_at)) == NULL)
		return err_set_nomem(e);
	return target_remark(&c->target, &c->marker, e);
}

/* The permanent slot takes over from the temporary one, which ends with the
 * session. */
static int
settle_slot(struct clone *c, struct err *e)
{
	struct err cause = ERR_INIT;

	if (!c->reserved)
		return 0;
	if (note_slot(c, e) == -1)
		return -1;
	if (slot_make_permanent(&c->slot, c->backup.start_lsn, &cause) == 0)
		return 0;
	/* A source that was promoted meanwhile (faults B28) has no WAL for the
	 * slot on its new timeline: then that is what is wrong. */
	if (backup_recheck(&c->backup, deadline_in(QUERY_MS), e) == 0)
		*e = cause;
	return -1;
}

static bool
waits_for_archive(const struct clone *c)
{
	const char *mode = c->facts.archive_mode;

	return always_waits(c) && mode != NULL && strcmp(mode, "off") != 0;
}

int
clone_end_backup(struct clone *c, struct err *e)
{
	char lsn[LSN_TEXT];

	clone_step(c, CLONE_BACKUP_STOP);
	c->waits_for = waits_for_archive(c) ? "waiting for the archive"
					    : "waiting for the server";
	if (clone_late_unlogged(c, e) == -1 || fetch_control(c, e) == -1 ||
	    clone_new_tablespaces(c, e) == -1 || settle_slot(c, e) == -1 ||
	    stop_backup(c, e) == -1)
		return -1;
	if (c->backup.not_archived)
		clone_note(c, "the primary has not archived its last WAL: "
			      "this copy does not need that, but look at "
			      "archive_command and the log there");
	hook_pause("stopped");
	if (c->wal != NULL &&
	    walfetch_finish(c->wal, c->backup.stop_lsn, e) == -1)
		return -1;
	if (pool_finish(c->pool, e) == -1)
		return -1;
	clone_told(c, "%s%s", lsn_format(c->backup.stop_lsn, lsn),
	    c->wal != NULL ? ", WAL fetched" : "");
	return 0;
}

/* --- verify: the target once more, from disk ------------------------------ */

static int
verify_file(struct clone *c, const struct action *a, const uint8_t *want,
    struct filedigest *d, uint8_t *block, struct err *e)
{
	const bool skipped = a->kind == ACT_SKIP;
	const char *path = a->src->path;
	uint8_t got[16];
	uint64_t size = 0;
	ssize_t n;
	int fd = tree_openat(c->target.tree, path, O_RDONLY | O_NOFOLLOW, 0);

	if (fd == -1)
		return err_set_errno(
		    e, ERR_TARGET_IO, "could not read \"%s\" again", path);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	filedigest_start(d, c->seed, c->block_size);
	while ((n = read(fd, block, 1 << 20)) > 0) {
		filedigest_add(d, block, (size_t)n);
		size += (uint64_t)n;
	}
	(void)close(fd);
	filedigest_end(d, size, got);
	if (n == -1)
		return err_set_errno(
		    e, ERR_TARGET_IO, "could not read \"%s\" again", path);
	if (memcmp(got, want, sizeof(got)) == 0)
		return 0;
	(void)err_set(e, ERR_TRANSFER,
	    "--verify: \"%s\" differs from what was received%s", path,
	    skipped ? " by an earlier clone" : "");
	if (skipped)
		(void)err_hint(e,
		    "Its disk has changed it: look at the kernel's log.  The "
		    "same command compares every file and repairs it.");
	return -1;
}

static int
verify(struct clone *c, struct err *e)
{
	const size_t first = c->plan.nremove + c->plan.nmkdir;
	struct filedigest *d = filedigest_new();
	uint8_t *block = malloc(1 << 20);
	int rc = 0;

	if (!c->o->verify)
		goto out;
	if (d == NULL || block == NULL) {
		rc = err_set_nomem(e);
		goto out;
	}
	c->current = "reading the copy again";
	if ((rc = target_sync(&c->target, e)) == -1)
		goto out;
	for (size_t i = first; i < c->plan.n && rc == 0; i++) {
		const struct action *a = &c->plan.v[i];
		const uint8_t *want = clone_index_digest(c, a->src);

		if (want != NULL)
			rc = verify_file(c, a, want, d, block, e);
		if (rc == 0 && i % 64 == 0)
			rc = clone_tick(c, e);
	}
out:
	c->current = NULL;
	filedigest_free(d);
	free(block);
	return rc;
}

/* --- S3 and S4 ----------------------------------------------------------- */

/* From here on a failure leaves something that a person must look at: the
 * copy is complete, but cannot be started yet. */
static int
incomplete(struct clone *c, struct err *e)
{
	(void)c;
	if (err_is_set(e) && e->code != ERR_INTERRUPTED)
		err_raise(e, STATUS_INCOMPLETE);
	return -1;
}

static int
write_label(struct clone *c, struct err *e)
{
	if (recovery_write_label(
		c->target.tree, &c->label, &c->map, c->target.sync, e) == -1)
		return -1;
	hook_pause("label");
	return 0;
}

static int
put_in_place(struct clone *c, struct err *e)
{
	if (target_put_control(
		&c->target, c->pg_control.data, c->pg_control.len, e) == -1 ||
	    target_sync(&c->target, e) == -1)
		return -1;
	hook_pause("synced");
	if (clone_tick(c, e) == -1 ||
	    backup_recheck(&c->backup, clone_deadline(c, QUERY_MS), e) == -1 ||
	    target_recheck(&c->target, e) == -1 ||
	    target_seal(&c->target, e) == -1)
		return -1;
	hook_pause("sealed");
	return 0;
}

static int
seal(struct clone *c, struct err *e)
{
	if (verify(c, e) == -1)
		return -1;
	if (clone_write_recovery(c, e) == -1)
		return incomplete(c, e);
	hook_pause("conf");
	if (clone_external_write(c, e) == -1 || clone_tick(c, e) == -1 ||
	    write_label(c, e) == -1 || put_in_place(c, e) == -1)
		return incomplete(c, e);
	/* The standby needs the slot from now on, whatever happens next. */
	c->slot_done = true;
	if (c->slot.made || c->slot.existed)
		(void)snprintf(
		    c->rec->slot, sizeof(c->rec->slot), "%s", c->slot.name);
	if (target_drop_marker(&c->target, e) == -1)
		return incomplete(c, e);
	hook_pause("unmarked");
	clone_index_write(c);
	hook_pause("indexed");
	return 0;
}

int
clone_seal(struct clone *c, struct err *e)
{
	int64_t began = clock_ms();
	int rc = seal(c, e);

	c->rec->ms_seal = clock_ms() - began;
	return rc;
}
