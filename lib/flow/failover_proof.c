/*
 * What proves that the old primary is down, where its WAL ends, and whether
 * this host is not the one that is cut off.
 */
#include "base/std.h"
#include "base/clock.h"
#include "flow/failover_int.h"
#include "io/dial.h"

#define WITNESS_MS 1500
#define WITNESS_PORT 22 /* of one that is named without */
#define ORPHANS_MS 1000 /* backends outlive a killed postmaster that long */
#define ORPHANS_POLL_MS 100

/* --- is the old primary down ---------------------------------------------- */

bool
failover_will_fence(const struct failover *f)
{
	return f->o->fence != NULL && !f->o->switchover && !f->fence_failed &&
	       !f->fenced;
}

/* The end of the WAL on its disk, which nobody writes any more, is asked for
 * with the same question: each one may be a login of its own. */
static int
ask_wal_end(struct failover *f, struct operate_answer *a, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	struct operate_request q = {.verb = OPERATE_WAL_END,
	    .timeline = status_timeline(n),
	    .from = MAX_OF(n->received, n->replayed)};

	if (q.timeline == 0 || q.from == LSN_INVALID) {
		q.timeline = 0;
		q.from = LSN_INVALID;
	}
	if (failover_nodes_operate(f, f->old, &q, a, FAILOVER_SSH_MS * 2, e) ==
	    -1)
		return -1;
	if (a->running == 0 && a->status == 0) {
		f->wal_end = a->wal_end;
		f->wal_end_timeline = a->timeline;
	}
	return 0;
}

static bool
is_out_of_reach(const struct err *why)
{
	return why->code == ERR_SSH_CONNECT || why->code == ERR_TIMEOUT ||
	       why->code == ERR_INTERRUPTED;
}

static int
ask_once(struct failover *f, struct operate_answer *a, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_STATUS};

	if (f->wal_end == LSN_INVALID) {
		if (ask_wal_end(f, a, e) == 0)
			return 0;
		if (is_out_of_reach(e))
			return -1;
		err_clear(e);
	}
	return failover_nodes_operate(f, f->old, &q, a, FAILOVER_SSH_MS, e);
}

/* 1 it runs, 0 it does not, -1 cannot be told.  *standby: its directory is that
 * of a standby. */
static int
postmaster_runs(struct failover *f, bool *standby, struct err *why)
{
	int64_t by =
	    deadline_in(failover_nodes_is_here(f, f->old) ? ORPHANS_MS : 0);
	struct operate_answer a;
	int running;

	for (;;) {
		if (ask_once(f, &a, why) == -1)
			return -1;
		running = a.running;
		*standby =
		    f->facts.proof != PROOF_STOPPED && operate_is_standby(&a);
		if (running == -1)
			(void)err_set(why, ERR_AGENT, "%s",
			    a.text != NULL ? a.text : "it cannot be told");
		operate_answer_free(&a);
		if (running != 1 || by == DEADLINE_NEVER ||
		    deadline_passed(by) || f->facts.proof == PROOF_STOPPED)
			return running;
		clock_sleep_ms(ORPHANS_POLL_MS, by);
	}
}

static void
tell_unasked(struct failover *f, const struct err *why)
{
	if (f->agent_asked || why->code == ERR_INTERRUPTED)
		return;
	failover_note(f, "whether the postmaster of %s runs is not known: %s",
	    f->s.nodes[f->old].name, why->text);
}

/* f->old is a standby, as it answers or its directory says: what was above it,
 * by the file, may be the old primary.  1: f->old is another one. */
static int
climb_on(struct failover *f, struct err *e)
{
	const char *name = f->s.nodes[f->old].conf_upstream;
	int was = f->old;

	if (failover_keep(&f->old_standby, f->s.nodes[was].name, e) == -1)
		return -1;
	f->wal_end = LSN_INVALID;
	f->agent_asked = f->agent_silent = false;
	failover_note(
	    f, "%s is a standby, not the old primary", f->s.nodes[was].name);
	f->old = -1;
	for (size_t i = 0; name != NULL && !f->old_given && i < f->nnodes; i++)
		if (f->conf[i] != NULL && strcmp(f->conf[i]->name, name) == 0 &&
		    (int)i != was && (int)i != f->node &&
		    !failover_says(f, (int)i, ROLE_STANDBY))
			return failover_found_old(
			    f, (int)i, "the upstream of that standby", e);
	return 0;
}

static int
look_at_this_old(struct failover *f, bool *standby, struct err *e)
{
	struct promote_facts *p = &f->facts;
	struct err why = ERR_INIT;
	int runs;

	p->old = f->old;
	p->old_state = OLD_NOBODY;
	p->old_end = LSN_INVALID;
	p->old_pgdata = NULL;
	if (p->old == -1)
		return 0;
	/* By now: nobody knows who takes writes. */
	*standby = failover_says(f, f->old, ROLE_STANDBY);
	if (*standby)
		return 0;
	p->old_state = OLD_ANSWERS;
	if (failover_says(f, f->old, ROLE_PRIMARY))
		return 0;
	p->old_state = OLD_SILENT;
	if (failover_nodes_pgdata(f, f->old) == NULL || f->agent_silent)
		return 0;
	runs = postmaster_runs(f, standby, &why);
	if (why.code == ERR_INTERRUPTED) {
		*e = why;
		return -1;
	}
	if (runs == -1)
		tell_unasked(f, &why);
	/* A host that is gone is not waited for a second time. */
	f->agent_silent =
	    why.code == ERR_SSH_CONNECT || why.code == ERR_TIMEOUT;
	if (runs == 1 && failover_will_fence(f) && !f->agent_asked)
		failover_note(f,
		    "%s does not answer, but its postmaster runs: that is for "
		    "the fence to end",
		    f->s.nodes[f->old].name);
	f->agent_asked = true;
	if (runs == 1 && !failover_will_fence(f))
		p->old_state = OLD_RUNS;
	if (runs != 0)
		return 0;
	p->old_state = OLD_STOPPED;
	p->old_pgdata = failover_nodes_pgdata(f, f->old);
	p->old_end = f->wal_end;
	p->old_end_timeline = f->wal_end_timeline;
	if (f->facts.proof != PROOF_STOPPED && promote_outgrown(p) != -1)
		p->old_state = OLD_SILENT;
	return 0;
}

/* A stopped standby in between is not the old primary, and that it is down is
 * no proof. */
static int
look_at_old(struct failover *f, struct err *e)
{
	int more = 1;

	for (size_t steps = 0; more == 1 && steps <= f->nnodes; steps++) {
		bool standby = false;

		if (look_at_this_old(f, &standby, e) == -1)
			return -1;
		more = 0;
		if (!standby)
			break;
		f->facts.old = -1;
		f->facts.old_state = OLD_NOBODY;
		f->facts.old_end = LSN_INVALID;
		if (f->facts.proof != PROOF_STOPPED &&
		    (more = climb_on(f, e)) == -1)
			return -1;
	}
	f->facts.old_guess =
	    f->old_guessed && f->facts.old != -1 ? f->old_place : NULL;
	f->facts.old_standby = f->old_standby;
	f->facts.old_misnamed =
	    f->old_given && f->facts.old == -1 && f->old_standby != NULL;
	return 0;
}

/* Of the old primary, not of another node, or of nobody knows whom. */
static bool
pgpool_says_so(const struct failover *f)
{
	return f->o->pgpool && f->o->trust_pgpool && f->o->pgpool_old &&
	       f->old_given && f->facts.old != -1;
}

static enum promote_proof
proof_of(const struct failover *f, bool typed)
{
	if (f->facts.proof == PROOF_STOPPED)
		return PROOF_STOPPED;
	if (f->o->switchover) /* it will be stopped: no word replaces that */
		return PROOF_NONE;
	if (f->fenced)
		return PROOF_FENCE;
	if (f->facts.old_state == OLD_STOPPED && f->facts.old_guess == NULL)
		return PROOF_SSH;
	if (failover_will_fence(f))
		return PROOF_NONE;
	if (typed)
		return PROOF_NAME;
	if (pgpool_says_so(f))
		return PROOF_PGPOOL;
	return f->o->force ? PROOF_FORCE : PROOF_NONE;
}

/* --- where its WAL ends --------------------------------------------------- */

static int
known_end(struct failover *f, uint64_t lsn, const char *before,
    const char *name, const char *after, struct err *e)
{
	struct buf b = BUF_INIT;

	if (lsn == LSN_INVALID || lsn <= f->facts.known_end)
		return 0;
	f->facts.known_end = lsn;
	buf_addf(&b, "%s%s%s", before, name, after);
	free(f->known_from);
	f->known_from = buf_steal(&b);
	f->facts.known_from = f->known_from;
	return f->known_from == NULL ? err_set_nomem(e) : 0;
}

static int
end_by_others(struct failover *f, struct err *e)
{
	uint32_t tli = status_timeline(failover_candidate(f));
	struct trend t;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < f->s.n; i++) {
		const struct status_node *n = &f->s.nodes[i];

		if (n->reach != REACH_YES || n->says != ROLE_STANDBY ||
		    (f->s.system_identifier != 0 && n->system_identifier != 0 &&
			n->system_identifier != f->s.system_identifier))
			continue;
		rc = known_end(f, n->receiver.latest_end, "as the receiver of ",
		    n->name, " last heard", e);
		/* What it has itself says nothing of what there is. */
		if (rc == 0 && (int)i != f->node)
			rc = known_end(f, MAX_OF(n->received, n->replayed),
			    "what ", n->name, " has received", e);
	}
	failover_state_file(f, &t);
	if (rc == 0 && t.set &&
	    (t.primary_timeline == 0 || tli == 0 || t.primary_timeline == tli))
		rc = known_end(f, t.primary_lsn, "the state file ",
		    f->o->state_file, "", e);
	trend_free(&t);
	return rc;
}

static int
find_end(struct failover *f, struct err *e)
{
	f->facts.known_end = LSN_INVALID;
	f->facts.end_is_exact = true;
	f->facts.end_timeline = 0;
	if (failover_says(f, f->facts.old, ROLE_PRIMARY))
		return known_end(f, f->s.nodes[f->old].written, "as ",
		    f->s.nodes[f->old].name, " itself says", e);
	if (f->wal_end != LSN_INVALID && f->facts.old_state == OLD_STOPPED)
		f->facts.end_timeline = f->wal_end_timeline;
	if (f->wal_end != LSN_INVALID && f->facts.old_state == OLD_STOPPED &&
	    f->facts.old_guess == NULL)
		return known_end(f, f->wal_end, "the WAL on the disk of ",
		    f->s.nodes[f->old].name, "", e);
	f->facts.end_is_exact = false;
	return end_by_others(f, e);
}

/* --- witnesses ------------------------------------------------------------ */

/* An answer of any kind: a connection, or its refusal. */
static bool
reached(const struct failover *f, const char *witness, struct err *e)
{
	char host[256];
	const char *colon = strrchr(witness, ':');
	unsigned long port = WITNESS_PORT;
	size_t len = strlen(witness);
	struct err why = ERR_INIT;
	int fd;

	if (colon != NULL && strchr(witness, ':') == colon &&
	    (port = strtoul(colon + 1, NULL, 10)) > 0 && port < 65536)
		len = (size_t)(colon - witness);
	else
		port = WITNESS_PORT;
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, witness);
	errno = 0;
	fd = dial(host, (unsigned)port, witness, failover_by(f, WITNESS_MS),
	    f->o->sigfd, &why);
	if (fd != -1)
		(void)close(fd);
	if (why.code == ERR_INTERRUPTED && e != NULL)
		*e = why;
	return fd != -1 || errno == ECONNREFUSED;
}

/* One is enough. */
static int
look_at_witnesses(struct failover *f, struct err *e)
{
	f->facts.witnesses = (int)f->o->nwitness;
	f->facts.witness = f->o->nwitness > 0 ? f->o->witness[0] : NULL;
	f->facts.witnesses_reached = 0;
	for (size_t i = 0; i < f->o->nwitness; i++) {
		if (reached(f, f->o->witness[i], e)) {
			f->facts.witnesses_reached++;
			break;
		}
		if (err_is_set(e))
			return -1;
	}
	return 0;
}

int
failover_prove(struct failover *f, bool typed, struct err *e)
{
	if (look_at_old(f, e) == -1 || look_at_witnesses(f, e) == -1 ||
	    find_end(f, e) == -1)
		return -1;
	f->facts.proof = proof_of(f, typed);
	return 0;
}
