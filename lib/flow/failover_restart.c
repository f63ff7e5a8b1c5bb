/*
 * A switchover that is given up: the old primary is started again as what it
 * was, unless somebody else promoted the candidate meanwhile, or may have.
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "flow/failover_int.h"

#define SETTLE_MS 15000 /* at least, to see what it does after all */
#define SETTLE_POLL_MS 250
#define START_MS 30000

static const struct status_node *
old_node(const struct failover *f)
{
	return &f->s.nodes[f->old];
}

/* --- what is so now ------------------------------------------------------- */

/* 1 it runs, 0 it does not, -1 not known. */
static int
runs(struct failover *f)
{
	struct operate_request q = {.verb = OPERATE_STATUS};
	struct operate_answer a;
	int running;

	if (failover_nodes_operate(f, f->old, &q, &a, FAILOVER_SSH_MS, NULL) ==
	    -1)
		return -1;
	running = a.running;
	operate_answer_free(&a);
	return running;
}

/* Is it a primary, and a transaction commits? */
static bool
takes_writes(struct failover *f)
{
	struct pg_rows *r = NULL;
	struct pg *pg = NULL;
	const char *t;
	bool yes = false;

	if (failover_old_session(f, f->old, &pg, NULL) == 0 &&
	    pg_query(pg, &r, deadline_in(FAILOVER_ASK_MS),
		"SELECT pg_is_in_recovery()", 0, NULL, NULL) == 0 &&
	    (t = pg_rows_get(r, 0, 0)) != NULL && *t == 'f')
		yes = pg_query(pg, NULL, deadline_in(FAILOVER_ASK_MS),
			  "SELECT txid_current()", 0, NULL, NULL) == 0;
	pg_rows_free(r);
	pg_close(pg);
	return yes;
}

/* As its directory tells: 1, 0; -1 nobody can ask that. */
static int
left_recovery(struct failover *f)
{
	struct operate_request q = {.verb = OPERATE_STATUS};
	struct operate_answer a;
	int yes;

	if (failover_nodes_operate(f, f->node, &q, &a, FAILOVER_SSH_MS, NULL) ==
	    -1)
		return -1;
	yes = !operate_is_standby(&a);
	operate_answer_free(&a);
	return yes;
}

/* Somebody else may have promoted the candidate: 1, 0; -1 neither it nor its
 * directory tells. */
static int
is_promoted(struct failover *f)
{
	struct pg_rows *r = NULL;
	const char *t;
	int yes = -1;

	if (!pg_alive(f->pg)) {
		pg_close(f->pg);
		f->pg = NULL;
		if (failover_old_session(f, f->node, &f->pg, NULL) == -1)
			return left_recovery(f);
	}
	if (pg_query(f->pg, &r, deadline_in(FAILOVER_ASK_MS),
		"SELECT pg_is_in_recovery()", 0, NULL, NULL) == 0 &&
	    (t = pg_rows_get(r, 0, 0)) != NULL)
		yes = *t == 'f';
	pg_rows_free(r);
	return yes != -1 ? yes : left_recovery(f);
}

/* --- words ---------------------------------------------------------------- */

static int
not_back(struct failover *f, struct err *e)
{
	struct buf b = BUF_INIT;

	(void)err_wrap(e,
	    "no node was promoted, and %s was not seen to take writes",
	    old_node(f)->name);
	err_raise(e, STATUS_INCOMPLETE);
	e->hint[0] = '\0';
	failover_old_add_start(f, true, &b);
	(void)err_hint(e,
	    "Do not promote another node before %s is looked at. Start it "
	    "again as the primary, %s",
	    old_node(f)->name, buf_str(&b));
	failover_next(f, "start %s as the primary again, %s", old_node(f)->name,
	    buf_str(&b));
	buf_free(&b);
	return -1;
}

static int
by_another(struct failover *f, bool writes, struct err *e)
{
	const char *name = f->s.nodes[f->node].name;

	(void)err_wrap(e,
	    "%s %s, and %s is no standby any more: somebody else promoted it",
	    old_node(f)->name, writes ? "takes writes" : "was stopped", name);
	err_raise(e, STATUS_INCOMPLETE);
	e->hint[0] = '\0';
	return err_hint(e,
	    writes ? "Stop %s at once, or %s: both take writes; and bring it "
		     "back as a standby of the other one: standby-clone --delta"
		   : "Leave %s stopped; look at %s, and bring the other one "
		     "back as a standby of it: standby-follow",
	    old_node(f)->name, name);
}

/* It may be promoted: the old primary is not started beside it. */
static int
unheard(struct failover *f, struct err *e)
{
	const char *name = f->s.nodes[f->node].name;
	struct buf b = BUF_INIT;

	(void)err_wrap(e,
	    "%s is stopped, and %s does not tell whether somebody else "
	    "promoted it",
	    old_node(f)->name, name);
	err_raise(e, STATUS_INCOMPLETE);
	e->hint[0] = '\0';
	failover_old_add_start(f, true, &b);
	(void)err_hint(e,
	    "Look at %s; only when it is certain that it is not promoted, and "
	    "will not be: start %s as the primary again, %s",
	    name, old_node(f)->name, buf_str(&b));
	buf_free(&b);
	return -1;
}

static int
may_stop_yet(struct failover *f, struct err *e)
{
	struct buf b = BUF_INIT;

	(void)err_wrap(e,
	    "switchover given up, %s is the primary as before, but its stop "
	    "was asked for and may still come",
	    old_node(f)->name);
	err_raise(e, STATUS_INCOMPLETE);
	failover_old_add_start(f, true, &b);
	(void)err_hint(e,
	    "Look whether %s goes on; if it stops, start it as the primary "
	    "again, %s",
	    old_node(f)->name, buf_str(&b));
	buf_free(&b);
	return -1;
}

/* --- as a primary again --------------------------------------------------- */

static void
start(struct failover *f)
{
	struct operate_request q = {.verb = OPERATE_START};
	struct operate_answer a;
	struct err why = ERR_INIT;

	failover_step(
	    f, "start", "%s, as the primary again", old_node(f)->name);
	if (failover_old_operate(f, &q, "its start", START_MS, &a, &why) == -1)
		failover_note(f, "%s", why.text);
	operate_answer_free(&a);
}

enum settled { STANDS, STANDS_YET, DOWN, DOWN_PROMOTED, DOWN_UNHEARD };

/*
 * Until it takes writes, started when it is seen to be stopped and nobody was
 * promoted in its place.  A stop of which no end is known may come late: then
 * that it takes writes means something at the end only.
 */
static enum settled
settle(struct failover *f, bool *started)
{
	int promoted;
	int64_t by;

	f->deadline = MAX_OF(f->deadline, deadline_in(SETTLE_MS));
	by = f->deadline;
	for (;;) {
		bool writes = takes_writes(f);

		promoted = 0;
		if (writes && (!f->stop_unknown || *started))
			return STANDS;
		if (!writes && runs(f) == 0) {
			promoted = is_promoted(f);
			if (promoted == 1)
				return DOWN_PROMOTED;
			if (promoted == 0) {
				start(f);
				*started = true;
				if (takes_writes(f))
					return STANDS;
			}
		}
		if (deadline_passed(by))
			break;
		clock_sleep_ms(SETTLE_POLL_MS, by);
	}
	if (promoted == -1)
		return DOWN_UNHEARD;
	return takes_writes(f) ? STANDS_YET : DOWN;
}

int
failover_old_restart(struct failover *f, struct err *e)
{
	bool started = false;
	enum settled is = settle(f, &started);

	if (is == DOWN)
		return not_back(f, e);
	if (is == DOWN_UNHEARD)
		return unheard(f, e);
	if (is == DOWN_PROMOTED || (!started && is_promoted(f) == 1))
		return by_another(f, is != DOWN_PROMOTED, e);
	if (is == STANDS_YET && !started)
		return may_stop_yet(f, e);
	sig_second(0);
	(void)err_wrap(e, "switchover given up, %s is the primary%s",
	    old_node(f)->name, started ? " again" : " as before");
	/* What refused before anything happened stays a refusal. */
	if (started || e->status != STATUS_REFUSED)
		e->status = STATUS_FAILED;
	if (f->resumed) /* of the candidate's replay, as e says */
		err_raise(e, STATUS_INCOMPLETE);
	return -1;
}
