#include "base/std.h"
#include "base/shell.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/distro.h"
#include "flow/target.h"

/* A6.  Nothing overrides it. */
static int
judge_place(uint64_t dev, uint64_t ino, const struct target *t,
    const struct target_source *s, struct err *e)
{
	if (!s->same_host || ino == 0 || dev != s->dev || ino != s->ino)
		return 0;
	(void)err_set(e, ERR_TARGET_IS_SOURCE,
	    "directory \"%s\" is the data directory of the source",
	    t->path == NULL ? "" : t->path);
	return err_hint(e, "Name another directory with -D.");
}

static int
judge_version(
    const struct target *t, const struct target_source *s, struct err *e)
{
	char have[16], want[16];

	if (t->version == 0 || s->version == 0 ||
	    pgver_same_major(t->version, s->version))
		return 0;
	(void)err_set(e, ERR_VERSION,
	    "directory \"%s\" is of PostgreSQL %s, and the source is %s",
	    t->path, pgver_major(t->version, have, sizeof(have)),
	    pgver_major(s->version, want, sizeof(want)));
	return err_hint(e, "Name an empty directory with -D.");
}

/* A5.  0 the same cluster, 1 another one and that is wanted. */
static int
judge_cluster(const struct target *t, const struct target_source *s, bool force,
    struct err *e)
{
	uint64_t have = t->kind == TARGET_MARKED ? t->marker.system_identifier
						 : t->control.system_identifier;

	if (have == s->system_identifier && have != 0)
		return 0;
	if (force)
		return 1;
	if (s->system_identifier == 0)
		(void)err_set(e, ERR_TARGET_OTHER_CLUSTER,
		    "the system identifier of the source is not known, and "
		    "directory \"%s\" is of system %" PRIu64,
		    t->path, have);
	else
		(void)err_set(e, ERR_TARGET_OTHER_CLUSTER,
		    "directory \"%s\" is of another cluster: system identifier "
		    "%" PRIu64 ", and the source is system %" PRIu64,
		    t->path, have, s->system_identifier);
	if (t->kind == TARGET_MARKED)
		(void)err_detail(e, "It is an unfinished clone of \"%s\".",
		    t->marker.source);
	return err_hint(e,
	    "Name another directory with -D, or overwrite this one with "
	    "--force.");
}

/* "...; the source is at 0/5000000 on timeline 1." and what that means. */
static void
detail_positions(const struct target *t, uint32_t tli, uint64_t reached,
    const struct target_source *s, const char *why, struct err *e)
{
	char have[LSN_TEXT], want[LSN_TEXT];

	(void)err_detail(e,
	    "It reached %s on timeline %u, \"%s\"; the source is at %s on "
	    "timeline %u. %s",
	    lsn_format(reached, have), (unsigned)tli,
	    pgcontrol_state_name(t->control.state),
	    s->lsn == 0 ? "an unknown position" : lsn_format(s->lsn, want),
	    (unsigned)s->timeline, why);
}

/* What must be typed when it is what it may be. */
static int
hint_primary(const struct target *t, struct err *e)
{
	if (t->was_primary) {
		(void)err_hint(e,
		    "--force overwrites it: only if its data are not needed. "
		    "If it is the primary, start it:");
		return distro_hint_command(t->path, t->version, true, e);
	}
	return err_hint(e,
	    "Find out which node has the data; --force overwrites this "
	    "directory, and what only it has is lost.");
}

static int
refuse_ahead(const struct target *t, uint32_t tli, uint64_t reached,
    const struct target_source *s, const char *why, struct err *e)
{
	(void)err_set(e, ERR_TARGET_AHEAD,
	    "directory \"%s\" is ahead of the source; this may be the primary",
	    t->path);
	detail_positions(t, tli, reached, s, why, e);
	return hint_primary(t, e);
}

/* Both would be standbys of each other, and no server takes writes. */
static int
refuse_primary(const struct target *t, uint64_t reached,
    const struct target_source *s, uint64_t lost, struct err *e)
{
	char why[128] = "The source has all of its WAL.";

	if (lost > 0)
		(void)snprintf(why, sizeof(why),
		    "%" PRIu64 " bytes of WAL that only it has would be lost.",
		    lost);
	(void)err_set(e, ERR_TARGET_IS_PRIMARY,
	    "directory \"%s\" is that of a primary, and the source is a "
	    "standby on its timeline: none would be left",
	    t->path);
	detail_positions(t, s->timeline, reached, s, why, e);
	(void)err_hint(e,
	    "Promote the source first, by standby-promote; --force only if "
	    "another primary is there. Or start this one:");
	return distro_hint_command(t->path, t->version, true, e);
}

/* Same timeline: can it have WAL that the source has not written? */
static int
judge_position(const struct target *t, uint64_t reached,
    const struct target_source *s, bool force, struct target_verdict *v,
    struct err *e)
{
	bool ahead = s->lsn != 0 && reached > s->lsn;
	uint64_t lost =
	    ahead ? (uint64_t)lsn_diff(reached, s->lsn, t->version) : 0;
	char why[128];

	if (!force && s->in_recovery && t->was_primary)
		return refuse_primary(t, reached, s, lost, e);
	if (!ahead)
		return 0;
	(void)snprintf(why, sizeof(why),
	    "%" PRIu64 " bytes of WAL that nobody else may have would be lost.",
	    lost);
	if (!force)
		return refuse_ahead(t, s->timeline, reached, s, why, e);
	v->loss = TARGET_LOSES_AHEAD;
	v->fork_lsn = s->lsn;
	v->lost_bytes = lost;
	return 0;
}

/*
 * On an ancestor timeline.  What is behind the fork is its own.  min_recovery
 * is an end, the checkpoint is the begin of a record: one that begins at the
 * fork is behind it already.
 */
static void
judge_fork(const struct target *t, uint32_t tli, uint64_t reached,
    uint64_t fork, struct target_verdict *v)
{
	bool own_checkpoint =
	    t->control.timeline == tli && t->control.checkpoint >= fork;

	if (reached <= fork && !own_checkpoint)
		return;
	v->loss = TARGET_LOSES_FORK;
	v->fork_lsn = fork;
	v->lost_bytes =
	    reached <= fork ? 0 : (uint64_t)lsn_diff(reached, fork, t->version);
}

static int
judge_history(const struct target *t, const struct target_source *s, bool force,
    struct target_verdict *v, struct err *e)
{
	uint32_t tli = 0;
	uint64_t reached = target_reached(t, &tli), fork = 0;
	int rc;

	if (tli == s->timeline)
		return judge_position(t, reached, s, force, v, e);
	rc = s->history == NULL ? 0 : tli_switch_point(s->history, tli, &fork);
	if (rc == -1)
		return err_set(e, ERR_SOURCE,
		    "the history file of timeline %u of the source is "
		    "malformed",
		    (unsigned)s->timeline);
	if (rc == 1) {
		judge_fork(t, tli, reached, fork, v);
		return 0;
	}
	if (!force)
		return refuse_ahead(t, tli, reached, s,
		    "Its timeline is not in the history of the source: all "
		    "that was written on it would be lost.",
		    e);
	v->loss = TARGET_LOSES_TIMELINE;
	return 0;
}

int
target_judge(const struct target *t, uint64_t target_dev, uint64_t target_ino,
    const struct target_source *s, bool force, struct target_verdict *v,
    struct err *e)
{
	int other;

	*v = (struct target_verdict){.loss = TARGET_LOSES_NOTHING};
	if (judge_place(target_dev, target_ino, t, s, e) == -1)
		return -1;
	if (t->kind == TARGET_NEW)
		return 0;
	if (judge_version(t, s, e) == -1)
		return -1;
	if ((other = judge_cluster(t, s, force, e)) == -1)
		return -1;
	/* Positions of another cluster say nothing; and of a marked directory
	 * only what it still holds is worth a question. */
	if (other == 1 || !t->have_control ||
	    t->control.system_identifier != s->system_identifier)
		return 0;
	return judge_history(t, s, force, v, e);
}
