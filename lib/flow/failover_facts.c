/*
 * What is known before a promotion: all nodes, who the old primary is, what
 * proves that it is down, where its WAL ends; and the judgement of it.
 */
#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "core/verdict.h"
#include "flow/failover_int.h"
#include "io/dial.h"
#include "io/statefile.h"

#define WITNESS_MS 1500
#define WITNESS_PORT 22 /* of one that is named without */
#define HUNG_LOOK_MS 1000
#define SILENCE_POLL_MS 500
#define ORPHANS_MS                                                             \
	1000 /* backends outlive a killed postmaster for a moment              \
	      */
#define ORPHANS_POLL_MS 100

const struct status_node *
failover_candidate(const struct failover *f)
{
	return f->node >= 0 && (size_t)f->node < f->s.n ? &f->s.nodes[f->node]
							: NULL;
}

static bool
says(const struct failover *f, int i, enum status_role role)
{
	return i >= 0 && (size_t)i < f->s.n &&
	       f->s.nodes[i].reach == REACH_YES && f->s.nodes[i].says == role;
}

/* --- look ----------------------------------------------------------------- */

static int
new_survey(struct failover *f, struct err *e)
{
	struct survey_opts so = {.nodes = f->nodes,
	    .n = f->nnodes,
	    .application_name = FAILOVER_NAME,
	    .cluster = f->o->conf->cluster,
	    .discover = true,
	    .whole = true,
	    .sigfd = f->o->sigfd};

	survey_free(f->survey);
	f->survey = NULL;
	return survey_new(&f->survey, &so, e);
}

static const struct status_node *
first_hung(const struct failover *f)
{
	for (size_t i = 0; i < f->s.n; i++)
		if (f->s.nodes[i].reach == REACH_HUNG)
			return &f->s.nodes[i];
	return NULL;
}

/* Who does not answer in a shorter time than everybody has may be no more than
 * slow. */
static int
look_within(struct failover *f, int64_t ms, struct err *e)
{
	int64_t left = failover_ms_left(f, ms);
	const struct status_node *hung;

	survey_timeout(f->survey, left);
	f->looked_at = clock_ms();
	if (survey_look(f->survey, &f->s, e) == -1)
		return -1;
	hung = first_hung(f);
	if (failover_late(f, left < ms && hung != NULL, e) == 0)
		return 0;
	return hung == NULL || hung->reach_text == NULL
		   ? -1
		   : err_detail(e, "%s: %s.", hung->name, hung->reach_text);
}

/* Who hung once is not waited for as long again. */
static int
look(struct failover *f, struct err *e)
{
	bool hung = first_hung(f) != NULL;

	if ((f->survey == NULL || hung) && new_survey(f, e) == -1)
		return -1;
	if (look_within(f, hung ? HUNG_LOOK_MS : FAILOVER_LOOK_MS, e) == -1)
		return -1;
	return failover_timelines(f, e);
}

/* Another one than the named old primary is primary, or there is one beside a
 * node that is gone: it was done before. */
static bool
is_done(const struct failover *f)
{
	bool gone = false;

	if (f->o->switchover || !says(f, f->s.primary, ROLE_PRIMARY) ||
	    (size_t)f->s.primary >= f->nnodes)
		return false;
	if (f->old != -1)
		return f->s.primary != f->old && !says(f, f->old, ROLE_PRIMARY);
	for (size_t i = 0; i < f->nnodes; i++)
		gone |= f->conf[i] != NULL && f->s.nodes[i].reach != REACH_YES;
	return gone;
}

static int
choose_best(struct failover *f, struct err *e)
{
	bool *may;

	if (is_done(f)) {
		f->node = f->s.primary;
		return 0;
	}
	if ((may = calloc(f->s.n + 1, sizeof(*may))) == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < f->nnodes; i++)
		may[i] = f->conf[i] != NULL && f->conf[i]->promote &&
			 (int)i != f->old;
	f->node = promote_best(&f->s, may);
	/* Nobody to be promoted, since one is: repeated, or pgpool again. */
	if (f->node == -1 && f->s.primary >= 0 &&
	    (size_t)f->s.primary < f->nnodes)
		f->node = f->s.primary;
	free(may);
	return 0;
}

/* --- the old primary ------------------------------------------------------ */

static int
found_old(struct failover *f, int i, const char *how, struct err *e)
{
	if (i < 0 || (size_t)i >= f->nnodes || i == f->node)
		return 0;
	f->old = i;
	return failover_keep(&f->old_place, how, e) == -1 ? -1 : 1;
}

/* It may as well be another one: no proof about it is one about the primary. */
static int
guessed_old(struct failover *f, int i, const char *how, struct err *e)
{
	int rc = found_old(f, i, how, e);

	f->old_guessed |= rc == 1;
	return rc;
}

/* The upstream's place, as node i says it; host NULL: it does not. */
static int
upstream_place(struct failover *f, int i, struct conninfo *c, struct err *e)
{
	const struct status_receiver *r = &f->s.nodes[i].receiver;
	const char *text = i == f->node ? f->self.primary_conninfo : NULL;
	const char *host;

	if (r->present && r->host != NULL) {
		if (conninfo_set(c, "host", r->host) == -1 ||
		    conninfo_set(c, "port", r->port) == -1)
			return err_set_nomem(e);
	} else if (text != NULL && pg_conninfo_parse(text, c, NULL) == -1)
		conninfo_free(c);
	host = conninfo_get(c, "host");
	/* Several, or an address that is good on that machine only. */
	if (host != NULL &&
	    (strchr(host, ',') != NULL || (!failover_nodes_is_here(f, i) &&
					      failover_nodes_local(f, host))))
		conninfo_free(c);
	return 0;
}

/* Index of what is above node i: -1 not known, -2 e, and *fresh: nobody has
 * asked it yet. */
static int
above(struct failover *f, int i, bool *fresh, struct err *e)
{
	struct conninfo c = {.n = 0};
	const char *host, *port, *name = f->s.nodes[i].conf_upstream;
	int up = f->s.nodes[i].upstream;

	if (up >= 0 && (size_t)up < f->nnodes)
		return up;
	up = -1;
	if (upstream_place(f, i, &c, e) == -1) {
		up = -2;
	} else if ((host = conninfo_get(&c, "host")) != NULL) {
		port = conninfo_get(&c, "port");
		up = failover_nodes_at(f, host, port, e);
		if (up == -1) {
			up = failover_nodes_add(f, host, port, e);
			*fresh = up != -1;
			up = up == -1 ? -2 : up;
		}
	}
	conninfo_free(&c);
	for (size_t k = 0; up == -1 && name != NULL && k < f->nnodes; k++)
		if (f->conf[k] != NULL && strcmp(f->conf[k]->name, name) == 0)
			up = (int)k;
	return up;
}

/* Up from the candidate, through standbys. 1 found, 0 not, -1; *fresh: look
 * again. */
static int
climb(struct failover *f, bool *fresh, struct err *e)
{
	int i = f->node;

	for (size_t steps = 0; steps <= f->nnodes; steps++) {
		int up = above(f, i, fresh, e);

		if (up < 0 || up == f->node || up == i)
			return up == -2 ? -1 : 0;
		if (*fresh || !says(f, up, ROLE_STANDBY))
			return found_old(
			    f, up, "the upstream of the candidate", e);
		i = up;
	}
	return 0;
}

static int
from_state_file(struct failover *f, const struct trend *t, struct err *e)
{
	if (!t->set || t->primary == NULL)
		return 0;
	for (size_t i = 0; i < f->s.n; i++)
		if (strcmp(f->s.nodes[i].name, t->primary) == 0 &&
		    !says(f, (int)i, ROLE_STANDBY))
			return guessed_old(
			    f, (int)i, "the state file of repl-status", e);
	return 0;
}

static int
only_silent_one(struct failover *f, struct err *e)
{
	int found = -1;

	for (size_t i = 0; i < f->nnodes; i++) {
		if (f->conf[i] == NULL || (int)i == f->node ||
		    f->s.nodes[i].reach == REACH_YES)
			continue;
		if (found != -1)
			return 0;
		found = (int)i;
	}
	return guessed_old(
	    f, found, "the only node of the file that does not answer", e);
}

/* The last look that somebody remembered; a hint. */
static void
read_state_file(const struct failover *f, struct trend *t)
{
	struct statefile *file = NULL;
	char ignored[256];
	bool overlap;

	*t = (struct trend){.set = false};
	if (f->o->state_file == NULL || access(f->o->state_file, R_OK) == -1)
		return;
	if (statefile_open(&file, f->o->state_file, t, &overlap, ignored,
		sizeof(ignored), NULL) == -1)
		*t = (struct trend){.set = false};
	statefile_close(file);
	if (t->set && f->s.system_identifier != 0 &&
	    t->system_identifier != 0 &&
	    t->system_identifier != f->s.system_identifier)
		trend_free(t);
}

/* 1 found, 0 not, -1; *fresh: a node that is to be asked first. */
static int
find_old(struct failover *f, bool *fresh, struct err *e)
{
	struct trend t;
	int rc;

	if (f->old != -1 || f->node == -1 || says(f, f->node, ROLE_PRIMARY))
		return 0;
	for (size_t i = 0; i < f->nnodes; i++)
		if ((int)i != f->node && says(f, (int)i, ROLE_PRIMARY) &&
		    (f->s.nodes[i].system_identifier == 0 ||
			f->s.system_identifier == 0 ||
			f->s.nodes[f->node].system_identifier == 0 ||
			f->s.nodes[i].system_identifier ==
			    f->s.nodes[f->node].system_identifier))
			return found_old(f, (int)i, "it is primary", e);
	if ((rc = climb(f, fresh, e)) != 0)
		return rc;
	read_state_file(f, &t);
	rc = from_state_file(f, &t, e);
	trend_free(&t);
	return rc != 0 ? rc : only_silent_one(f, e);
}

static int
look_first(struct failover *f, struct err *e)
{
	bool fresh = false;

	if (look(f, e) == -1)
		return -1;
	if (f->node == -1 && choose_best(f, e) == -1)
		return -1;
	if (f->node == -1) /* the judge says it */
		return 0;
	if (failover_self_read(f, e) == -1 || find_old(f, &fresh, e) == -1)
		return -1;
	if (!fresh)
		return 0;
	survey_free(f->survey);
	f->survey = NULL;
	if (look(f, e) == -1)
		return -1;
	/* It may be a standby itself: then what is above it. */
	if (says(f, f->old, ROLE_STANDBY)) {
		f->old = -1;
		f->old_guessed = fresh = false;
		if (find_old(f, &fresh, e) == -1)
			return -1;
		if (fresh) {
			survey_free(f->survey);
			f->survey = NULL;
			return look(f, e);
		}
	}
	return 0;
}

static void
tell_look(struct failover *f)
{
	size_t answer = 0;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < f->s.n; i++)
		answer += f->s.nodes[i].reach == REACH_YES;
	buf_addf(&b, "%zu nodes, %zu answer", f->s.n, answer);
	if (f->node >= 0)
		buf_addf(&b, "; to promote: %s", f->s.nodes[f->node].name);
	if (f->old >= 0)
		buf_addf(&b, "; old primary: %s", f->s.nodes[f->old].name);
	failover_step(f, "facts", "%s", buf_str(&b));
	if (f->old >= 0 && f->old_place != NULL)
		failover_note(f, "the old primary is %s: %s",
		    f->s.nodes[f->old].name, f->old_place);
	buf_free(&b);
}

int
failover_look(struct failover *f, struct err *e)
{
	bool first = f->survey == NULL;

	if ((first ? look_first(f, e) : look(f, e)) == -1)
		return -1;
	if (verdict_judge(&f->s, &verdict_default_limits) == -1)
		return err_set_nomem(e);
	if (first) {
		tell_look(f);
		f->ui->status(f->ui->arg, &f->s);
	}
	return 0;
}

/* --- is the old primary down ---------------------------------------------- */

static bool
fence_is_to_come(const struct failover *f)
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
		    !says(f, (int)i, ROLE_STANDBY))
			return found_old(
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
	*standby = says(f, f->old, ROLE_STANDBY);
	if (*standby)
		return 0;
	p->old_state = OLD_ANSWERS;
	if (says(f, f->old, ROLE_PRIMARY))
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
	if (runs == 1 && fence_is_to_come(f) && !f->agent_asked)
		failover_note(f,
		    "%s does not answer, but its postmaster runs: that is for "
		    "the fence to end",
		    f->s.nodes[f->old].name);
	f->agent_asked = true;
	if (runs == 1 && !fence_is_to_come(f))
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
	if (fence_is_to_come(f))
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
	read_state_file(f, &t);
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
	if (says(f, f->facts.old, ROLE_PRIMARY))
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

/* --- judge ---------------------------------------------------------------- */

/*
 * What pgpool says, and the word of a host, are no answer to a message that
 * came a moment ago: let it become old, unless another one comes.
 */
static int
wait_for_silence(struct failover *f, struct err *e)
{
	struct promote_facts *p = &f->facts;
	double before, now = promote_heard(p);
	bool told = false;

	while (now >= 0 && !f->o->dry_run &&
	       failover_may_wait(f, SILENCE_POLL_MS + HUNG_LOOK_MS) &&
	       (p->proof == PROOF_SSH || p->proof == PROOF_PGPOOL)) {
		if (!told)
			failover_note(f,
			    "a message came %.1f s ago, which is less than "
			    "%.1f s: waiting whether another one comes",
			    now, p->message_limit);
		told = true;
		clock_sleep_ms(SILENCE_POLL_MS, f->deadline);
		if (failover_interrupted(f, e) == -1 || look(f, e) == -1)
			return -1;
		before = now;
		now = promote_heard(p);
		if (now >= 0 && now < before)
			break;
	}
	return 0;
}

static bool
is_stopping(const struct failover *f)
{
	return f->old >= 0 && (size_t)f->old < f->s.n &&
	       f->s.nodes[f->old].reach == REACH_FAILED &&
	       f->s.nodes[f->old].stopping;
}

/* An old primary that shuts down, or just ended our session, is soon something
 * that can be told: down, or back. */
static int
wait_for_end(struct failover *f, struct err *e)
{
	bool told = false;

	while (is_stopping(f) && !f->o->dry_run && !f->o->switchover &&
	       !fence_is_to_come(f) &&
	       failover_may_wait(f, SILENCE_POLL_MS + FAILOVER_LOOK_MS)) {
		if (!told)
			failover_note(f,
			    "%s is shutting down: waiting until it is down",
			    f->s.nodes[f->old].name);
		told = true;
		clock_sleep_ms(SILENCE_POLL_MS, f->deadline);
		if (failover_interrupted(f, e) == -1 || look(f, e) == -1)
			return -1;
	}
	return 0;
}

static int
fill(struct failover *f, bool typed, struct err *e)
{
	struct promote_facts *p = &f->facts;

	p->s = &f->s;
	p->node = f->node;
	p->typed = typed;
	p->fence_given = f->o->fence != NULL && !f->fence_failed;
	p->switchover = f->o->switchover;
	p->chosen = f->o->best || f->o->pgpool;
	p->max_lag = f->o->max_lag;
	p->resume_replay = f->o->resume_replay;
	p->message_limit = 2 * f->self.status_interval;
	p->locked_by = f->locked_by;
	p->locked_hint = f->locked_hint;
	p->old = f->old;
	if (f->node != -1 && !says(f, f->node, ROLE_PRIMARY) &&
	    wait_for_end(f, e) == -1)
		return -1;
	p->fenced_for = (double)(f->looked_at - f->fenced_at) / 1000;
	if (f->node == -1 || says(f, f->node, ROLE_PRIMARY))
		return 0;
	p->pause_holds =
	    pgver(f->s.nodes[f->node].version, PGFACT_PAUSE_HOLDS) != NULL;
	if (look_at_old(f, e) == -1 || look_at_witnesses(f, e) == -1 ||
	    find_end(f, e) == -1)
		return -1;
	p->proof = proof_of(f, typed);
	if (wait_for_silence(f, e) == -1 || failover_means_choose(f, e) == -1)
		return -1;
	return failover_late(f, false, e);
}

static bool
told_before(const struct promote_verdict *v, const struct promote_refusal *r)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i].id, r->id) == 0 &&
		    v->v[i].forced == r->forced &&
		    (r->forced || strcmp(v->v[i].message, r->message) == 0))
			return true;
	return false;
}

static void
fill_record(struct failover *f)
{
	const struct status_node *n = failover_candidate(f);
	struct failover_record *r = f->rec;

	r->lost = r->verdict.lost;
	r->lost_at_least = r->verdict.lost_at_least;
	r->proof = f->facts.proof;
	r->means = f->facts.means;
	if (n == NULL || f->requested)
		return;
	r->lsn_before = MAX_OF(n->received, n->replayed);
	if (n->says != ROLE_PRIMARY && status_timeline(n) != 0)
		f->timeline = status_timeline(n);
	r->timeline_before = f->timeline;
}

static int
fill_names(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	struct failover_record *r = f->rec;

	if (n != NULL && (failover_keep(&r->node, n->name, e) == -1 ||
			     failover_keep(&r->host, n->host, e) == -1 ||
			     failover_keep(&r->port, n->port, e) == -1))
		return -1;
	return failover_keep(
	    &r->old_node, f->old >= 0 ? f->s.nodes[f->old].name : NULL, e);
}

int
failover_judge(struct failover *f, bool assume_typed, struct err *e)
{
	struct promote_verdict now, before = f->rec->verdict;

	if (fill(f, f->typed || assume_typed, e) == -1)
		return -1;
	if (promote_judge(&now, &f->facts, f->o->force) == -1)
		return err_set_nomem(e);
	for (size_t i = 0; i < now.n; i++)
		if (!told_before(&before, &now.v[i]))
			f->ui->refusal(f->ui->arg, &now.v[i]);
	promote_verdict_free(&before);
	f->rec->verdict = now;
	if (failover_old_judge(f, e) == -1)
		return -1;
	fill_record(f);
	return fill_names(f, e);
}

int
failover_add_refusal(struct failover *f, const char *id, const char *fault,
    bool forceable, const char *message, const char *hint, struct err *e)
{
	struct promote_verdict *v = &f->rec->verdict;
	struct promote_refusal *more, r = {.id = id,
					  .fault = fault,
					  .forceable = forceable,
					  .forced = forceable && f->o->force};

	r.message = strdup(message);
	r.hint = strdup(hint);
	more = reallocarray(v->v, v->n + 1, sizeof(*more));
	if (more != NULL)
		v->v = more;
	if (r.message == NULL || r.hint == NULL || more == NULL) {
		free(r.message);
		free(r.hint);
		return err_set_nomem(e);
	}
	v->v[v->n++] = r;
	v->standing += !r.forced;
	f->ui->refusal(f->ui->arg, &r);
	return 0;
}

int
failover_refused(struct failover *f, struct err *e)
{
	const struct promote_verdict *v = &f->rec->verdict;
	struct buf b = BUF_INIT;
	bool lives = false; /* the old primary, or another one */

	f->refused = true;
	f->rec->status = "refused";
	for (size_t i = 0; i < v->n; i++) {
		if (v->v[i].forced)
			continue;
		lives |= strcmp(v->v[i].fault, "D2") == 0;
		if (strstr(buf_str(&b), v->v[i].id) == NULL)
			buf_addf(&b, "%s%s", b.len > 0 ? ", " : "", v->v[i].id);
	}
	(void)err_set(e, ERR_PREFLIGHT, "%s%snot promoted, %s: %s",
	    f->rec->node != NULL ? f->rec->node : "",
	    f->rec->node != NULL ? " is " : "", failover_changed(f),
	    buf_str(&b));
	buf_free(&b);
	/* Nobody takes writes, until somebody acts. */
	if (f->fenced && !lives)
		err_raise(e, STATUS_INCOMPLETE);
	return -1;
}
