/* --conf-only and --cleanup. */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/pgver.h"
#include "flow/clone_int.h"

#define QUERY_MS 30000

/* --- the recovery configuration alone ------------------------------------- */

static int
check_same_cluster(struct clone *c, struct err *e)
{
	if (!c->target.have_control) {
		(void)err_set(e, ERR_TARGET_NOT_PGDATA,
		    "\"%s\" holds no complete data directory", c->target.path);
		return err_hint(e, "Without --conf-only it is made.");
	}
	if (c->facts.system_identifier != 0 &&
	    c->facts.system_identifier != c->target.control.system_identifier)
		return err_set(e, ERR_TARGET_OTHER_CLUSTER,
		    "\"%s\" is of system %" PRIu64 ", the source of %" PRIu64,
		    c->target.path, c->target.control.system_identifier,
		    c->facts.system_identifier);
	if (!pgver_same_major(c->target.version, c->facts.version))
		return err_set(e, ERR_VERSION,
		    "\"%s\" is of another major version than the source",
		    c->target.path);
	c->rec->system_identifier = c->target.control.system_identifier;
	return 0;
}

/* A copy of a running server without its backup_label would start, stream and
 * be corrupt (faults 0.1). */
static int
check_consistent(struct clone *c, struct err *e)
{
	uint32_t state = c->target.control.state;
	struct stat st;

	if (c->o->force || state == PGSTATE_SHUTDOWNED ||
	    state == PGSTATE_SHUTDOWNED_IN_RECOVERY ||
	    (c->target.tree != NULL &&
		tree_stat(c->target.tree, "backup_label", &st) == 0))
		return 0;
	(void)err_set(e, ERR_TARGET_NOT_PGDATA,
	    "\"%s\" is a copy of a server that was running (\"%s\"), and has "
	    "no backup_label",
	    c->target.path, pgcontrol_state_name(state));
	return err_hint(e,
	    "Started like that it would be silently corrupt. If it is a "
	    "standby that crashed: --force. Else clone it: standby-clone "
	    "--delta");
}

static uint64_t
now_lsn(const struct clone *c)
{
	return c->facts.current_lsn != 0 ? c->facts.current_lsn
					 : c->control.checkpoint;
}

int
clone_conf_only(struct clone *c, struct err *e)
{
	const struct pg_opts *opts = &c->pg;
	const char *why = NULL;
	struct pg *pg;
	int rc;

	if (clone_own_settings(c, e) == -1 || check_same_cluster(c, e) == -1 ||
	    check_consistent(c, e) == -1)
		return -1;
	if (c->o->dry_run)
		return 0;
	if (backup_open(&c->backup, &c->pg, NULL, e) == -1)
		return -1;
	pg = c->backup.pg;
	if (clone_slot_session(c, &pg, &opts, e) == -1 ||
	    clone_same_upstream(c, pg, e) == -1)
		return -1;
	rc = slot_prepare(&c->slot, pg, opts,
	    c->o->slot != NULL ? c->o->slot : c->name, c->o->want_slot, c->uuid,
	    &why, e);
	if (rc == -1 ||
	    (rc == 1 && slot_make_permanent(&c->slot, now_lsn(c), e) == -1))
		return -1;
	if (clone_write_recovery(c, e) == -1)
		return -1;
	c->slot_done = true;
	if (rc == 1)
		(void)snprintf(
		    c->rec->slot, sizeof(c->rec->slot), "%s", c->slot.name);
	if (clone_config_find(c, e) == -1)
		return -1;
	clone_note(
	    c, "recovery configuration written to \"%s\"", c->target.path);
	return 0;
}

/* --- what a killed run left ---------------------------------------------- */

static int
drop_slot(struct clone *c, struct pg *pg, const char *name, struct err *e)
{
	const char *param[1] = {name};
	struct slot_facts f;

	if (slot_read(pg, name, &f, clone_deadline(c, QUERY_MS), e) == -1)
		return -1;
	if (!f.exists) {
		clone_note(c, "slot \"%s\" is gone already", name);
		return 0;
	}
	if (f.active)
		return err_set(e, ERR_SLOT,
		    "slot \"%s\" is in use: it is left alone", name);
	if (pg_query(pg, NULL, clone_deadline(c, QUERY_MS),
		pgver(pg_version(pg), PGFACT_SLOT_DROP), 1, param, e) == -1)
		return -1;
	clone_note(c, "slot \"%s\" dropped", name);
	return 0;
}

/* --upstream may tell who it is where the source does not: then nothing but the
 * marker says which cluster it should be of.  0: nobody tells. */
static int
is_slots_cluster(
    struct clone *c, const struct pg *pg, const struct marker *m, struct err *e)
{
	uint64_t there = c->upstream_identifier, want = m->system_identifier;

	if (c->o->upstream == NULL)
		return c->proven;
	if (there == 0 || there == want)
		return there != 0;
	return err_set(e, ERR_TARGET_OTHER_CLUSTER,
	    "--upstream: %s is another cluster than the one of slot \"%s\": "
	    "system identifier %" PRIu64 ", and not %" PRIu64,
	    pg_name(pg), m->slot, there, want);
}

/* Only on the server where it was made: another one's slot of the same name is
 * not ours.  An address is not enough: another cluster may have it by now. */
static int
drop_noted_slot(
    struct clone *c, struct pg *pg, const struct marker *m, struct err *e)
{
	int proven = is_slots_cluster(c, pg, m, e);

	if (proven == -1)
		return -1;
	if (proven == 0 && !c->o->force)
		return clone_unproven(c, pg_name(pg), "a slot", e);
	if (m->slot_at != NULL && strcmp(m->slot_at, pg_name(pg)) == 0)
		return drop_slot(c, pg, m->slot, e);
	(void)err_set(e, ERR_SLOT, "slot \"%s\" was made on %s, not on %s",
	    m->slot, m->slot_at != NULL ? m->slot_at : "another server",
	    pg_name(pg));
	return err_hint(e, "Name that server with --upstream=CONNINFO (or "
			   "--master, where it was the source).");
}

/* The slot, where it is; pg: the session with the source, NULL: it is absent.
 */
static int
clean_slot(struct clone *c, struct pg *pg, struct err *e)
{
	const struct marker *m = &c->target.marker;
	const struct pg_opts *opts;

	if (m->slot == NULL || (pg == NULL && c->o->upstream == NULL))
		return 0;
	return clone_slot_session(c, &pg, &opts, e) == -1 ||
		       clone_same_upstream(c, pg, e) == -1
		   ? -1
		   : drop_noted_slot(c, pg, m, e);
}

static int
clean_primary(struct clone *c, struct err *e)
{
	struct pg *pg = NULL;
	int rc;

	if (pg_open(&pg, &c->pg, e) == -1)
		return -1;
	rc = clone_excl_clean(c, &pg, e);
	if (rc == 0)
		rc = clean_slot(c, pg, e);
	pg_close(pg);
	return rc;
}

/*
 * Who is it?  SQL tells from 9.6, a replication login always; else the agent,
 * which reads pg_control of the directory that SQL, or --source-pgdata, names,
 * where that is the directory of this server (clone_witness.c).
 * When none does, only a label that bears our uuid is a proof.
 */
static int
prove_system(struct clone *c, struct err *e)
{
	struct err why = ERR_INIT;

	c->proven = c->facts.system_identifier != 0;
	if (c->proven ||
	    (c->target.kind != TARGET_MARKED && c->old_note.label == NULL))
		return 0;
	if (clone_excl_identify(c, &why) == -1) {
		if (sig_check(e) == -1)
			return -1;
		(void)err_wrap(
		    &why, "the agent cannot tell which cluster this is");
		c->ui->warning(c->ui->arg, &why);
	}
	c->proven = c->facts.system_identifier != 0;
	return 0;
}

/* Another cluster's note, or marker, is not to be judged by this server. */
static int
check_noted_system(struct clone *c, struct err *e)
{
	uint64_t here = c->facts.system_identifier;
	uint64_t marker = c->target.kind == TARGET_MARKED
			      ? c->target.marker.system_identifier
			      : here;
	uint64_t note =
	    c->old_note.label != NULL ? c->old_note.system_identifier : here;

	if (here == 0 || (marker == here && note == here))
		return 0;
	return err_set(e, ERR_TARGET_OTHER_CLUSTER,
	    "the unfinished clone in \"%s\" is of another cluster",
	    c->target.path);
}

/* The directory stays marked; what it names is gone. */
static int
forget_in_marker(struct clone *c, struct err *e)
{
	struct marker m = {0};
	int rc;

	if (marker_copy(&m, &c->target.marker, e) == -1)
		return -1;
	free(m.slot);
	free(m.label);
	free(m.slot_at);
	m.slot = m.slot_at = m.label = NULL;
	rc = target_remark(&c->target, &m, e);
	marker_free(&m);
	if (rc == 0)
		clone_note(c,
		    "\"%s\" stays unfinished and cannot be started: run "
		    "standby-clone again to finish it, or remove it",
		    c->target.path);
	return rc;
}

/* The marker goes, or, where something was changed already, what it names. */
static int
forget(struct clone *c, struct err *e)
{
	if (c->old_note.label != NULL &&
	    backup_note_remove(c->target.tree, c->o->sync, e) == -1)
		return -1;
	if (c->target.kind != TARGET_MARKED)
		return 0;
	if (target_unmark(&c->target, e) == -1)
		return -1;
	if (c->target.marked)
		return forget_in_marker(c, e);
	clone_note(c, "\"%s\" is as it was before", c->target.path);
	return 0;
}

/* Nobody answers; the slot of --upstream may be looked at all the same. */
static int
clean_absent(struct clone *c, struct err *e)
{
	if (clone_absent_check(c, e) == -1)
		return -1;
	if (c->o->dry_run)
		return 0;
	if (clean_slot(c, NULL, e) == -1)
		return -1;
	clone_absent_tell(c);
	return forget(c, e);
}

int
clone_cleanup(struct clone *c, struct err *e)
{
	if (c->target.kind != TARGET_MARKED && c->old_note.label == NULL)
		clone_note(c,
		    "no unfinished clone in \"%s\": nothing to "
		    "clean up there",
		    c->target.path);
	if (c->absent)
		return clean_absent(c, e);
	if (prove_system(c, e) == -1 || check_noted_system(c, e) == -1)
		return -1;
	if (c->o->dry_run)
		return 0;
	return clean_primary(c, e) == -1 ? -1 : forget(c, e);
}
