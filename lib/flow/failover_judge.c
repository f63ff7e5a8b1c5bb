/* The judgement: what is waited for before it, what refuses, what is told. */
#include "base/std.h"
#include "base/clock.h"
#include "flow/failover_int.h"

#define SILENCE_POLL_MS 500

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
	       failover_may_wait(f, SILENCE_POLL_MS + FAILOVER_HUNG_MS) &&
	       (p->proof == PROOF_SSH || p->proof == PROOF_PGPOOL)) {
		if (!told)
			failover_note(f,
			    "a message came %.1f s ago, which is less than "
			    "%.1f s: waiting whether another one comes",
			    now, p->message_limit);
		told = true;
		clock_sleep_ms(SILENCE_POLL_MS, f->deadline);
		if (failover_interrupted(f, e) == -1 ||
		    failover_look_again(f, e) == -1)
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
	       !failover_will_fence(f) &&
	       failover_may_wait(f, SILENCE_POLL_MS + FAILOVER_LOOK_MS)) {
		if (!told)
			failover_note(f,
			    "%s is shutting down: waiting until it is down",
			    f->s.nodes[f->old].name);
		told = true;
		clock_sleep_ms(SILENCE_POLL_MS, f->deadline);
		if (failover_interrupted(f, e) == -1 ||
		    failover_look_again(f, e) == -1)
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
	if (f->node != -1 && !failover_says(f, f->node, ROLE_PRIMARY) &&
	    wait_for_end(f, e) == -1)
		return -1;
	p->fenced_for = (double)(f->looked_at - f->fenced_at) / 1000;
	if (f->node == -1 || failover_says(f, f->node, ROLE_PRIMARY))
		return 0;
	p->pause_holds =
	    pgver(f->s.nodes[f->node].version, PGFACT_PAUSE_HOLDS) != NULL;
	if (failover_prove(f, typed, e) == -1 || wait_for_silence(f, e) == -1 ||
	    failover_means_choose(f, e) == -1)
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
