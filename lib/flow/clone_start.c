#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/hook.h"
#include "flow/walk.h"

#define START_MS 60000
#define STREAM_MS 60000
#define START_LOG ".standby-clone.start.log"

static struct server_start
start_opts(struct clone *c)
{
	return (struct server_start){.pgdata = c->target.path,
	    .bindir = c->bindir,
	    .command = c->start_command,
	    .log = c->start_log,
	    .deadline = clone_deadline(c, START_MS),
	    .sigfd = sig_fd()};
}

/* The copy is good; what is missing is a person's look. */
static int
act(struct clone *c, struct err *e)
{
	if (err_is_set(e) && e->code != ERR_INTERRUPTED)
		err_raise(e, STATUS_INCOMPLETE);
	if (c->rec->started)
		clone_left(c,
		    "the server in \"%s\": it is a good copy, and runs",
		    c->target.path);
	else
		clone_left(c,
		    "complete data directory \"%s\": it is a good copy and "
		    "may be started",
		    c->target.path);
	if (c->rec->slot[0] != '\0')
		clone_left(c,
		    "replication slot \"%s\" on %s: the standby needs it; it "
		    "keeps WAL until the standby streams",
		    c->rec->slot, c->slot_at);
	return -1;
}

int
clone_start(struct clone *c, struct err *e)
{
	struct server_start s;
	struct buf log = BUF_INIT, unit = BUF_INIT;

	clone_step(c, CLONE_START);
	buf_addf(&log, "%s/" START_LOG, c->target.path);
	if ((c->start_log = buf_steal(&log)) == NULL)
		return err_set_nomem(e);
	(void)tree_unlink(c->target.tree, START_LOG); /* of an earlier run */
	s = start_opts(c);
	if (server_start(&s, e) == -1)
		return act(c, e);
	c->rec->started = true;
	if (c->start_command != NULL) /* it has its own place for logs */
		(void)tree_unlink(c->target.tree, START_LOG);
	clone_told(
	    c, "%s", c->start_command != NULL ? c->start_command : "pg_ctl");
	if (c->start_command == NULL)
		distro_add_handover(&c->distro, &unit);
	if (unit.len > 0)
		clone_note(c, "%s", buf_str(&unit));
	buf_free(&unit);
	hook_pause("started");
	return 0;
}

/* --- B31: an unlogged relation that was made during the copy -------------- */

struct orphan {
	const struct manifest *m;
	char first[1100];
	size_t n;
};

static int
count_orphan(void *arg, const struct entry *en, struct err *e)
{
	struct orphan *o = arg;

	(void)e;
	if (o->n++ == 0)
		(void)snprintf(o->first, sizeof(o->first), "%s", en->path);
	return 0;
}

static int
find_orphans(struct clone *c, struct orphan *o, struct err *e)
{
	struct manifest now = {0};
	int rc = walk_manifest(c->target.tree, &c->exclude, &now, e);

	/* In recovery an unlogged relation has its _init fork only. */
	if (rc == 0)
		rc = plan_late_unlogged(&now, &now, count_orphan, o, e);
	manifest_free(&now);
	return rc;
}

static int
heal_unlogged(struct clone *c, struct err *e)
{
	struct orphan o = {.n = 0};
	struct server_start s;

	if (find_orphans(c, &o, e) == -1)
		return -1;
	if (o.n == 0)
		return 0;
	clone_note(c,
	    "%zu files of unlogged relations were made during the "
	    "copy (%s): restarting the standby once, so that it can be "
	    "promoted",
	    o.n, o.first);
	s = start_opts(c);
	if (server_stop(&s, c->stop_command, e) == -1)
		return -1;
	s = start_opts(c);
	return server_start(&s, e);
}

/* --- S6 ------------------------------------------------------------------ */

static int
wait_streaming(struct clone *c, struct pg **own, struct err *e)
{
	struct server_wait w = {.pgdata = c->target.path,
	    .version = c->facts.version,
	    .primary = c->o->upstream != NULL ? &c->upstream_pg : &c->pg,
	    .primary_pg = c->o->upstream != NULL ? c->slot_pg : c->backup.pg,
	    .standby = &c->conninfo,
	    .application_name = clone_application_name(c),
	    .slot = c->rec->slot[0] != '\0' ? c->rec->slot : NULL,
	    .system_identifier = c->rec->system_identifier,
	    .timeline = c->rec->timeline,
	    .until_lsn = c->backup.stop_lsn,
	    .log = c->start_log,
	    .deadline = clone_deadline(c, STREAM_MS),
	    .sigfd = sig_fd(),
	    .own = own};

	return server_wait_streaming(&w, &c->state, e);
}

/* A long way to catch up is no failure as long as it moves. */
static int
wait_while_it_moves(struct clone *c, struct err *e)
{
	struct server_state before;

	do {
		struct err mine = ERR_INIT;

		before = c->state;
		if (wait_streaming(c, NULL, &mine) == 0)
			return 0;
		if (mine.code != ERR_NOT_STREAMING ||
		    deadline_passed(c->deadline) ||
		    !server_wait_moved(
			&before, &c->state, c->backup.stop_lsn)) {
			*e = mine;
			return -1;
		}
	} while (true);
}

int
clone_wait(struct clone *c, struct err *e)
{
	char lsn[LSN_TEXT];
	struct buf lag = BUF_INIT;
	struct pg *own = NULL;

	clone_step(c, CLONE_STREAMING);
	if (wait_while_it_moves(c, e) == -1)
		return act(c, e);
	if (heal_unlogged(c, e) == -1 || wait_streaming(c, &own, e) == -1)
		return act(c, e);
	clone_check_collations(c, own);
	pg_close(own);
	c->rec->streaming = true;
	c->rec->receive_lsn = c->state.receive_lsn;
	if (!c->state.standby_login)
		clone_note(c,
		    "no login at the standby itself (%s): the "
		    "primary's own view says that it streams",
		    c->state.login_error);
	text_add_size(&lag, c->state.receive_lsn > c->state.replay_lsn &&
				    c->state.replay_lsn != 0
				? c->state.receive_lsn - c->state.replay_lsn
				: 0);
	clone_told(c, "%s, lag %s%s%s%s", lsn_format(c->state.receive_lsn, lsn),
	    buf_str(&lag), c->rec->slot[0] ? ", slot \"" : "", c->rec->slot,
	    c->rec->slot[0] ? "\"" : "");
	buf_free(&lag);
	return 0;
}
