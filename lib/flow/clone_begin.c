#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/hook.h"

/* While the server works (checkpoint, archive) nobody else looks after the
 * workers. */
static int
server_tick(void *arg, struct err *e)
{
	struct clone *c = arg;

	if (pool_check(c->pool, e) == -1 || sig_check(e) == -1)
		return -1;
	clone_show(c, c->waits_for);
	return 0;
}

static void
hint_checkpoint(struct clone *c, struct err *e)
{
	if (err_is_set(e) && e->code == ERR_TIMEOUT && !c->o->fast_checkpoint)
		(void)err_hint(e,
		    "A spread checkpoint takes as long as "
		    "checkpoint_timeout times checkpoint_completion_target; "
		    "--checkpoint=fast does not wait.");
}

int
clone_slot_session(
    struct clone *c, struct pg **pg, const struct pg_opts **opts, struct err *e)
{
	if (c->o->upstream == NULL)
		return 0;
	if (pg_conninfo_parse(c->o->upstream, &c->upstream, e) == -1 ||
	    pg_conninfo_default_dbname(&c->upstream, e) == -1)
		return err_wrap(e, "--upstream");
	c->upstream_pg = (struct pg_opts){.conninfo = &c->upstream,
	    .application_name = "standby-clone",
	    .sigfd = sig_fd()};
	if (pg_open(&c->slot_pg, &c->upstream_pg, e) == -1)
		return err_wrap(e, "--upstream");
	*pg = c->slot_pg;
	*opts = &c->upstream_pg;
	return 0;
}

/* A killed run noted its slot in the marker, with the server that it is on. */
bool
clone_want_slot(
    struct clone *c, struct pg *pg, const char *name, enum slot_want *want)
{
	const struct marker *m = &c->target.marker;
	bool ours;

	(void)snprintf(c->slot_at, sizeof(c->slot_at), "%s", pg_name(pg));
	ours = c->target.kind == TARGET_MARKED && m->slot != NULL &&
	       strcmp(m->slot, name) == 0 && m->slot_at != NULL &&
	       strcmp(m->slot_at, c->slot_at) == 0;
	if (ours && *want == SLOT_MUST_CREATE)
		*want = SLOT_AUTO;
	return ours;
}

/* Before the first byte: WAL from here on is kept, or will be followed. */
static int
prepare_wal(struct clone *c, struct err *e)
{
	const char *name = c->o->slot != NULL ? c->o->slot : c->name;
	enum slot_want want = c->o->want_slot;
	const struct pg_opts *opts = &c->pg;
	struct pg *pg = c->backup.pg;
	bool ours;
	int rc;

	if (clone_slot_session(c, &pg, &opts, e) == -1)
		return -1;
	ours = clone_want_slot(c, pg, name, &want);
	rc = slot_prepare(
	    &c->slot, pg, opts, name, want, c->uuid, &c->fetch_why, e);
	if (rc == -1)
		return -1;
	if (ours && c->slot.existed)
		c->slot.made = true;
	c->reserved = rc == 1;
	c->fetch_wal = rc == 0 || c->o->wal == CLONE_WAL_FETCH;
	if (rc == 0 && c->o->wal == CLONE_WAL_SLOT)
		return err_set(e, ERR_SLOT, "--wal=slot, but %s",
		    c->fetch_why != NULL ? c->fetch_why : "there is no slot");
	if (rc == 0 && want != SLOT_NONE && c->o->wal == CLONE_WAL_AUTO)
		clone_note(c, "no slot (%s): WAL is fetched during the copy",
		    c->fetch_why != NULL ? c->fetch_why : "none");
	if (c->slot.remade)
		clone_note(c, "slot \"%s\" had lost its WAL and was made again",
		    c->slot.name);
	return 0;
}

/* What the standby will start from stands in the server's own directory. */
static int
read_own_label(struct clone *c, struct err *e)
{
	if (!c->backup.exclusive)
		return 0;
	if (clone_excl_label(c, &c->backup.labelfile, e) == -1)
		return -1;
	if (pgver(c->facts.version, PGFACT_TABLESPACE_MAP) == NULL)
		return 0;
	return pool_read_file(c->pool, "tablespace_map", 1 << 20,
		   &c->backup.spcmap, e) == -1
		   ? -1
		   : 0;
}

/* In the session that preflight asked in, if it is still there. */
static int
open_backup(struct clone *c, struct err *e)
{
	struct pg *pg = c->asked;

	c->asked = NULL;
	if (pg != NULL && pg_idle_check(pg, NULL) == -1) {
		pg_close(pg);
		pg = NULL;
	}
	return backup_open(&c->backup, &c->pg, pg, e);
}

int
clone_begin_backup(struct clone *c, struct err *e)
{
	char lsn[LSN_TEXT];
	struct buf took = BUF_INIT;

	clone_step(c, CLONE_BACKUP_START);
	c->pg.tick = server_tick;
	c->pg.tick_arg = c;
	c->pg.interval_ms = 200;
	c->waits_for = "waiting for checkpoint";
	if (open_backup(c, e) == -1 ||
	    clone_same_cluster(c, pg_name(c->backup.pg),
		c->backup.system_identifier, e) == -1 ||
	    prepare_wal(c, e) == -1)
		return -1;
	c->backup.pgdata = c->o->source_pgdata != NULL
			       ? c->o->source_pgdata
			       : c->facts.data_directory;
	c->backup.reader = clone_excl_reader(c);
	c->backup.cleanup = c->cleanup;
	hook_pause("slot");
	if (backup_prepare(&c->backup, c->o->exclusive, e) == -1 ||
	    clone_excl_note(c, e) == -1)
		return -1;
	hook_pause("noted");
	if (backup_start(&c->backup, c->o->label, c->uuid,
		c->o->fast_checkpoint, c->o->exclusive, c->deadline, e) == -1) {
		hint_checkpoint(c, e);
		return -1;
	}
	c->rec->backup = true;
	c->rec->exclusive = c->backup.exclusive;
	c->rec->start_lsn = c->backup.start_lsn;
	(void)snprintf(
	    c->rec->label, sizeof(c->rec->label), "%s", c->backup.label);
	if (c->backup.timeline != 0)
		c->rec->timeline = c->backup.timeline;
	hook_pause("backup");
	if (read_own_label(c, e) == -1)
		return -1;
	text_add_duration(&took, clock_ms() - c->step_began);
	clone_told(c, "%s, checkpoint %s", lsn_format(c->backup.start_lsn, lsn),
	    buf_str(&took));
	buf_free(&took);
	return 0;
}
