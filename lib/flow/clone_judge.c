#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/recovery.h"

#include <gnu/libc-version.h>

#define PROGRAM_MS 10000 /* postgres -C */

static void
judge(struct clone *c, int rc, struct err *e)
{
	if (rc == -1 && err_is_set(e))
		(void)preflight_add(&c->pf, e);
	c->pf.checks++;
	err_clear(e);
}

/* One that stays, and that nobody will use: said, never dropped by us. */
static void
tell_slot(struct clone *c, struct pg *pg, const char *name)
{
	struct buf kept = BUF_INIT;
	uint64_t bytes;

	if (slot_keeps(pg, name, &bytes, NULL) == 1) {
		text_add_size(&kept, bytes);
		clone_note(c,
		    "replication slot \"%s\" on %s, which this standby had, is "
		    "not the one that it will use, and keeps %s of WAL there: "
		    "unless another standby uses it, type there: SELECT "
		    "pg_drop_replication_slot('%s');",
		    name, pg_name(pg), buf_str(&kept), name);
	}
	buf_free(&kept);
}

/* The marker's slot is forgotten with the first change; so is the one of the
 * recovery configuration. */
static void
tell_old_slots(struct clone *c, struct pg *pg, const char *name)
{
	const char *used = c->o->want_slot == SLOT_NONE ? "" : name;
	const struct marker *m = &c->target.marker;
	const char *made = c->target.kind == TARGET_MARKED ? m->slot : NULL;
	struct buf own = BUF_INIT;

	if (made != NULL && m->slot_at != NULL &&
	    strcmp(m->slot_at, pg_name(pg)) != 0)
		clone_note(c,
		    "replication slot \"%s\", which an earlier run made on %s, "
		    "is not looked at, and keeps WAL there: type there: SELECT "
		    "pg_drop_replication_slot('%s');",
		    made, m->slot_at, made);
	else if (made != NULL && strcmp(made, used) != 0)
		tell_slot(c, pg, made);
	/* Data that were copied by other means say nothing of this one. */
	if (c->target.tree != NULL && !c->o->conf_only &&
	    recovery_own_setting(c->target.tree, c->facts.version,
		"primary_slot_name", &own, NULL) == 1 &&
	    strcmp(buf_str(&own), used) != 0 &&
	    (made == NULL || strcmp(buf_str(&own), made) != 0))
		tell_slot(c, pg, buf_str(&own));
	buf_free(&own);
}

/* Can the slot be had?  Reads only. */
void
clone_judge_slot(struct clone *c, struct pg *pg)
{
	const char *name = c->o->slot != NULL ? c->o->slot : c->name;
	enum slot_want want = c->o->want_slot;
	struct err e = ERR_INIT;
	int rc;

	(void)clone_want_slot(c, pg, name, &want);
	rc = slot_check(pg, name, want, &e);
	judge(c, rc, &e);
	if (rc == 0)
		tell_old_slots(c, pg, name);
}

/* What the standby will do all its life: a replication login, with its role,
 * from this host.  It may fail later for the same reasons: pg_hba.conf, the
 * password, no free sender. */
static void
judge_replication(
    struct clone *c, const char *what, const struct conninfo *conninfo)
{
	struct conninfo as = {.n = 0};
	struct pg_opts o = {.conninfo = &as,
	    .application_name = "standby-clone",
	    .replication = true,
	    .sigfd = sig_fd()};
	struct err e = ERR_INIT;
	uint64_t id, lsn;
	uint32_t timeline;
	int rc = 0;

	if (conninfo == &c->o->conninfo && c->replicates) {
		c->pf.checks++;
		return;
	}
	if (conninfo_copy(&as, conninfo) == -1 ||
	    (c->o->replication_user != NULL &&
		conninfo_set(&as, "user", c->o->replication_user) == -1))
		rc = err_set_nomem(&e);
	if (rc == 0)
		rc = pg_identify_system(&o, &id, &timeline, &lsn, &e);
	conninfo_free(&as);
	if (rc == -1 && e.code != ERR_INTERRUPTED)
		(void)err_wrap(
		    &e, "the replication login that the standby will use");
	if (rc == 0 && (rc = clone_same_cluster(c, what, id, &e)) == -1) {
		judge(c, rc, &e);
		return;
	}
	if (rc == -1 && !c->o->start) {
		(void)preflight_warn(&c->pf, &e);
		err_clear(&e);
	}
	judge(c, rc, &e);
}

/* The server that the standby will stream from, where it is not the source. */
static void
judge_upstream(struct clone *c)
{
	const struct pg_opts *opts;
	struct err e = ERR_INIT;
	struct pg *pg = NULL;
	int rc;

	if (c->o->upstream == NULL)
		return;
	rc = clone_slot_session(c, &pg, &opts, &e);
	if (rc == 0)
		rc = clone_same_upstream(c, pg, &e);
	judge(c, rc, &e);
	if (rc == 0) {
		clone_judge_slot(c, pg);
		judge_replication(c, "--upstream", &c->upstream);
	}
	pg_close(c->slot_pg);
	c->slot_pg = NULL;
}

/* What is done for good, however it was allowed. */
static void
tell_loss(struct clone *c)
{
	const struct target_verdict *v = &c->verdict;
	char at[LSN_TEXT], end[LSN_TEXT];
	struct buf lost = BUF_INIT;
	uint32_t tli = 0;
	uint64_t reached = target_reached(&c->target, &tli);

	text_add_size(&lost, v->lost_bytes);
	(void)lsn_format(v->fork_lsn, at);
	(void)lsn_format(reached, end);
	switch (v->loss) {
	case TARGET_LOSES_NOTHING:
		break;
	case TARGET_LOSES_FORK:
		clone_note(c,
		    "the target is an old primary: it left this "
		    "timeline at %s; %s of its own WAL behind that point will "
		    "be gone",
		    at, buf_str(&lost));
		break;
	case TARGET_LOSES_AHEAD:
		clone_note(c,
		    "the target reached %s, the source is at %s: %s of WAL "
		    "that only the target has will be gone",
		    end, at, buf_str(&lost));
		break;
	case TARGET_LOSES_TIMELINE:
		clone_note(c,
		    "the target reached %s on timeline %u, which the history "
		    "of the source does not have: all that was written on it "
		    "will be gone",
		    end, (unsigned)tli);
		break;
	}
	buf_free(&lost);
}

/* Of another cluster it says nothing.  Where it cannot be read, pg_control is
 * what there is. */
static int
read_wal(struct clone *c, struct err *e)
{
	struct err why = ERR_INIT;

	if (!c->target.have_control ||
	    c->target.control.system_identifier != c->src.o.system_identifier)
		return 0;
	clone_show(c, "reading the end of the target's WAL");
	if (target_read_wal(&c->target, sig_fd(), &why) == 0) {
		/* A standby that was never started has none. */
		if (c->target.wal_end != 0 || !c->target.was_primary)
			return 0;
		(void)err_set(&why, ERR_TARGET_IO, "none was found");
	}
	if (why.code == ERR_INTERRUPTED || why.code == ERR_NOMEM) {
		*e = why;
		return -1;
	}
	clone_note(c,
	    "where the target's own WAL ends is not known (%s): pg_control "
	    "decides",
	    why.text);
	return 0;
}

static int
judge_target(struct clone *c, struct err *e)
{
	const struct wire_opened *o = &c->src.o;
	struct target_source s = {.system_identifier = o->system_identifier,
	    .timeline = c->facts.timeline != 0 ? c->facts.timeline
					       : c->control.timeline,
	    .lsn = 0,
	    .same_host = c->same_host,
	    .dev = o->dev,
	    .ino = o->ino,
	    .version = c->facts.version,
	    .in_recovery = c->facts.in_recovery,
	    .history = c->history.len > 0 ? buf_str(&c->history) : NULL};
	struct err refusal = ERR_INIT;
	struct stat st = {0};

	s.lsn = MAX_OF(c->facts.current_lsn, c->control.checkpoint);
	if (c->target.tree != NULL && fstat(tree_fd(c->target.tree), &st) == -1)
		return err_set_errno(e, ERR_IO, "could not look at the target");
	if (read_wal(c, e) == -1)
		return -1;
	if (target_judge(&c->target, (uint64_t)st.st_dev, st.st_ino, &s, false,
		&c->verdict, &refusal) == -1) {
		if (!c->o->force ||
		    target_judge(&c->target, (uint64_t)st.st_dev, st.st_ino, &s,
			true, &c->verdict, e) == -1) {
			*e = refusal;
			return -1;
		}
		clone_note(c, "--force: going on although %s", refusal.text);
	}
	tell_loss(c);
	return 0;
}

/* --- judgements ---------------------------------------------------------- */

void
clone_ask_programs(struct clone *c)
{
	int version;

	if (server_bindir(c->o->bindir, c->facts.version, &c->bindir,
		&c->local_version, &c->no_programs) == -1)
		return;
	version = c->local_version != 0 ? c->local_version : c->facts.version;
	c->sizes_known = pgver(version, PGFACT_LOCAL_SIZES) != NULL &&
			 server_sizes(c->bindir, version, &c->sizes,
			     clone_deadline(c, PROGRAM_MS), NULL) == 0;
	clone_ask_settings(c);
}

static int
judge_programs(struct clone *c)
{
	char remote[64];
	char local[64];

	if (c->bindir == NULL && !c->o->start)
		return 0; /* nothing here will be started by us */
	judge(c, c->bindir == NULL ? -1 : 0, &c->no_programs);
	if (c->bindir == NULL)
		return 0;
	(void)snprintf(remote, sizeof(remote), "%.*s",
	    (int)MIN_OF(c->src.o.libc.len, (size_t)60), c->src.o.libc.s);
	(void)snprintf(
	    local, sizeof(local), "glibc %s", gnu_get_libc_version());
	return preflight_programs(
	    &c->pf, &c->facts, c->local_version, remote, local);
}

/* What SQL alone tells. */
int
clone_judge_server(struct clone *c, struct err *e)
{
	struct preflight_want want = {
	    .role = conninfo_get(&c->conninfo, "user"),
	    .database = conninfo_get(&c->conninfo, "dbname"),
	    .slot = c->o->want_slot != SLOT_NONE && c->o->upstream == NULL &&
		    c->o->wal != CLONE_WAL_FETCH,
	    .slot_must = c->o->want_slot == SLOT_MUST_EXIST ||
			 c->o->want_slot == SLOT_MUST_CREATE,
	    .exclusive =
		c->o->exclusive ||
		pgver(c->facts.version, PGFACT_BACKUP_EXCLUSIVE) != NULL,
	    .to_standby = c->o->upstream == NULL,
	    .trigger_file = c->trigger_file,
	    .application_name = clone_application_name(c),
	    .mapped = c->o->nmapping > 0,
	    .replication_user = c->o->replication_user,
	    .source_pgdata = c->o->source_pgdata,
	    .cleanup = c->cleanup};

	if (preflight_source(&c->pf, &c->facts, &want) == -1)
		return err_set_nomem(e);
	if (c->o->upstream == NULL)
		judge_replication(
		    c, "the server of the replication login", &c->o->conninfo);
	judge_upstream(c);
	return 0;
}

/* A7: they would not start with the copy. */
static int
judge_sizes(struct clone *c)
{
	const struct server_sizes *have = &c->sizes;
	struct preflight_size s[] = {
	    {"block size", c->control.blcksz, 0},
	    {"WAL block size", c->control.xlog_blcksz, 0},
	    {"segment size in blocks", c->control.relseg_size, 0},
	    {"WAL segment size", c->control.xlog_seg_size, 0},
	};

	if (!c->sizes_known)
		return 0;
	s[0].have = have->block;
	s[1].have = have->wal_block;
	s[2].have = have->segment;
	s[3].have = have->wal_segment;
	return preflight_sizes(
	    &c->pf, s, NELEM(s) - (have->wal_segment == 0), c->bindir);
}

/* The shell of pg_ctl (A3). */
static int
judge_paths(struct clone *c)
{
	if (!c->o->start || c->start_command != NULL)
		return 0;
	if (preflight_shell_path(&c->pf, "data directory", c->target.path) ==
	    -1)
		return -1;
	return c->bindir == NULL ? 0
				 : preflight_shell_path(
				       &c->pf, "program directory", c->bindir);
}

/* Values that we shall write: the server that will read them is asked, where
 * it knows them as settings (12). */
static int
judge_values(struct clone *c)
{
	const char *delay = c->o->min_apply_delay;
	bool guc = pgver(c->facts.version, PGFACT_RECOVERY_IS_GUC) != NULL;
	struct err own = ERR_INIT, said = ERR_INIT;

	if (delay == NULL || c->bindir == NULL || !guc)
		return preflight_delay(&c->pf, delay, c->facts.version);
	c->pf.checks++;
	if (server_accepts(c->bindir, "recovery_min_apply_delay", delay,
		clone_deadline(c, PROGRAM_MS), &said) == 0)
		return 0;
	(void)err_set(&own, ERR_USAGE,
	    "--recovery-min-apply-delay: \"%s\" is no value for the server",
	    delay);
	(void)err_detail(&own, "%s", said.detail);
	(void)err_hint(
	    &own, "For example: --recovery-min-apply-delay=4h; 0 is none.");
	return preflight_add(&c->pf, &own);
}

int
clone_judge_rest(struct clone *c, struct err *e)
{
	struct err own = ERR_INIT;

	if (judge_programs(c) == -1 || judge_sizes(c) == -1 ||
	    judge_paths(c) == -1 || judge_values(c) == -1)
		return err_set_nomem(e);
	if (clone_judge_config(c, e) == -1)
		return -1;
	if (clone_judge_settings(c) == -1)
		return err_set_nomem(e);
	judge(c, judge_target(c, &own), &own);
	return clone_judge_directories(c) == -1 ? err_set_nomem(e) : 0;
}
