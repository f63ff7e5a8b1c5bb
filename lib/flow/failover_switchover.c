/*
 * A planned change of roles: nothing is lost, since the old primary is stopped
 * cleanly, and the new one is promoted only when it has all that the other
 * wrote.  Before the stop anything that is not right ends it with nothing
 * changed; between the stop and the request for promotion, the old primary is
 * started again; after the request there is no way back, only forward.
 */
#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "flow/failover_int.h"
#include "flow/hook.h"

#define LAG_MAX (16 * 1024 * 1024) /* unless --max-lag */
#define LAG_POLL_MS 50
#define RECEIVE_MS 10000 /* for the last record to come */
#define RECEIVE_POLL_MS 10
#define LOOK_AGAIN_MS 500
#define BLOCK 8192 /* of WAL, where its end is not known to the record */

struct position {
	uint64_t received, replayed;
};

static const char *
old_name(const struct failover *f)
{
	return f->s.nodes[f->old].name;
}

static const char *
new_name(const struct failover *f)
{
	return f->s.nodes[f->node].name;
}

/* --- positions ------------------------------------------------------------ */

static int
ask_lsn(const struct failover *f, struct pg *pg, enum pgfact fact,
    uint64_t *lsn, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *t;
	int rc;

	*lsn = LSN_INVALID;
	rc = pg_query(pg, &r,
	    f->committed ? deadline_in(FAILOVER_ASK_MS)
			 : failover_by(f, FAILOVER_ASK_MS),
	    pgver(pg_version(pg), fact), 0, NULL, e);
	t = rc == 0 && pg_rows_n(r) > 0 ? pg_rows_get(r, 0, 0) : NULL;
	if (t != NULL && lsn_parse(t, lsn) == -1)
		rc = err_set(e, ERR_SQL, "%s: \"%s\" is no WAL position",
		    pg_name(pg), t);
	pg_rows_free(r);
	return rc;
}

/* The session on the candidate may be lost, and is opened again. */
static int
ask_candidate(struct failover *f, struct position *p, struct err *e)
{
	if (!pg_alive(f->pg)) {
		pg_close(f->pg);
		f->pg = NULL;
		if (failover_old_session(f, f->node, &f->pg, e) == -1)
			return -1;
	}
	if (ask_lsn(f, f->pg, PGFACT_RECEIVE_LSN, &p->received, e) == -1)
		return -1;
	return ask_lsn(f, f->pg, PGFACT_REPLAY_LSN, &p->replayed, e);
}

/* --- before the stop ------------------------------------------------------ */

/* The one of the shutdown has little to write then. */
static int
checkpoint(struct failover *f, struct pg *pg, struct err *e)
{
	int64_t begin = clock_ms();

	failover_step(f, "checkpoint", "of %s", old_name(f));
	if (pg_query(pg, NULL, f->deadline, "CHECKPOINT", 0, NULL, e) == 0) {
		f->deadline += clock_ms() - begin;
		return 0;
	}
	if (e->code != ERR_SQL || strcmp(pg_sqlstate(pg), "42501") != 0)
		return err_wrap(
		    e, "nothing was changed: CHECKPOINT on %s", old_name(f));
	failover_warn(f, "From 15 on: GRANT pg_checkpoint TO the role.",
	    "role \"%s\" may not run CHECKPOINT on %s: its stop takes longer, "
	    "and nobody can write meanwhile",
	    pg_user(pg), old_name(f));
	err_clear(e);
	return 0;
}

static int
refuse_lag(struct failover *f, int64_t lag, int64_t limit, int64_t waited,
    struct err *e)
{
	struct buf b = BUF_INIT, own = BUF_INIT, most = BUF_INIT;
	int rc;

	text_add_size(&own, (uint64_t)lag);
	text_add_size(&most, (uint64_t)limit);
	buf_addf(&b,
	    "%s has not replayed the last %s (%" PRId64 " bytes) of the WAL of "
	    "%s, and at most %s may be left; waited for it for %" PRId64 " s",
	    new_name(f), buf_str(&own), lag, old_name(f), buf_str(&most),
	    waited / 1000);
	rc = failover_add_refusal(f, "lag", "D7", false, buf_str(&b),
	    "Look why it lags: repl-status; choose a quieter time, or take a "
	    "longer gap: --max-lag=SIZE",
	    e);
	buf_free(&b);
	buf_free(&own);
	buf_free(&most);
	return rc == -1 ? -1 : failover_refused(f, e);
}

/* What is not replayed yet keeps writers waiting. */
static int
wait_lag(struct failover *f, struct pg *pg, struct err *e)
{
	int64_t limit = f->o->max_lag >= 0 ? f->o->max_lag : LAG_MAX;
	int64_t begin = clock_ms(), by = begin + (f->deadline - begin) / 2, lag;
	struct position p;
	uint64_t end;
	bool told = false;

	for (;;) {
		if (failover_interrupted(f, e) == -1 ||
		    ask_lsn(f, pg, PGFACT_CURRENT_LSN, &end, e) == -1 ||
		    ask_candidate(f, &p, e) == -1)
			return err_wrap(e, "nothing was changed");
		lag = MAX_OF(lsn_diff(end, p.replayed, pg_version(pg)), 0);
		if (lag <= limit)
			break;
		if (!told)
			failover_step(f, "lag",
			    "%" PRId64 " bytes, waiting until it is less than "
			    "%" PRId64,
			    lag, limit);
		told = true;
		if (deadline_passed(by))
			return refuse_lag(f, lag, limit, clock_ms() - begin, e);
		clock_sleep_ms(LAG_POLL_MS, by);
	}
	failover_step(
	    f, "lag", "%s has %" PRId64 " bytes to replay", new_name(f), lag);
	return 0;
}

static int
make_ready(struct failover *f, struct err *e)
{
	struct pg *pg = NULL;
	int rc = -1;

	if (failover_old_session(f, f->old, &pg, e) == -1)
		return err_wrap(e, "nothing was changed");
	if (checkpoint(f, pg, e) == 0 && wait_lag(f, pg, e) == 0) {
		hook_pause("stop");
		rc = failover_interrupted(f, e);
	}
	pg_close(pg);
	return rc;
}

/* --- between the stop and the request ------------------------------------- */

static bool
has_all(const struct failover *f, const struct position *p, uint64_t end)
{
	uint64_t has = MAX_OF(p->received, p->replayed);

	/* Below 9.5 the end that the disk shows may be too high, by less than a
	 * page (flow/operate.h). */
	if (pgver(f->s.nodes[f->node].version, PGFACT_TABLESPACE_MAP) == NULL)
		return has + BLOCK > end;
	return has >= end;
}

static int
lacks(struct failover *f, const struct position *p, uint64_t end,
    const struct err *why, struct err *e)
{
	char x[LSN_TEXT], y[LSN_TEXT];

	if (err_is_set(why))
		return err_set(e, ERR_DB_CONNECT,
		    "%s does not tell what it has: %s", new_name(f), why->text);
	return err_set(e, ERR_WAL_MISSING,
	    "the WAL of %s ends at %s, and %s has received no more than %s",
	    old_name(f), lsn_format(end, x), new_name(f),
	    lsn_format(MAX_OF(p->received, p->replayed), y));
}

/* The sender ends when it has sent the record of the shutdown. */
static int
wait_received(
    struct failover *f, uint64_t end, struct position *p, struct err *e)
{
	int64_t by = failover_by(f, RECEIVE_MS);
	struct err why = ERR_INIT;

	for (;;) {
		err_clear(&why);
		if (ask_candidate(f, p, &why) == 0 && has_all(f, p, end))
			return 0;
		if (deadline_passed(by))
			return lacks(f, p, end, &why, e);
		clock_sleep_ms(RECEIVE_POLL_MS, by);
	}
}

/* All facts that are not of the last look, and the verdict about them. */
static int
judge_again(
    struct failover *f, uint64_t end, const struct position *p, struct err *e)
{
	struct status_node *old = &f->s.nodes[f->old],
			   *own = &f->s.nodes[f->node];
	struct promote_verdict now;

	own->received = MAX_OF(own->received, p->received);
	own->replayed = MAX_OF(own->replayed, p->replayed);
	old->reach = REACH_FAILED;
	f->facts.old_state = OLD_STOPPED;
	f->facts.proof = PROOF_STOPPED;
	/* An upper bound where it is not exact: nothing is missing. */
	f->wal_end = MIN_OF(end, MAX_OF(own->received, own->replayed));
	f->facts.known_end = f->wal_end;
	f->facts.known_from = "its WAL on the disk";
	f->facts.end_is_exact = true;
	f->rec->lsn_before = MAX_OF(own->received, own->replayed);
	f->rec->proof = PROOF_STOPPED;
	if (promote_judge(&now, &f->facts, f->o->force) == -1)
		return err_set_nomem(e);
	promote_verdict_free(&f->rec->verdict);
	f->rec->verdict = now;
	f->rec->lost = now.lost;
	f->rec->lost_at_least = now.lost_at_least;
	for (size_t i = 0; i < now.n; i++)
		if (!now.v[i].forced)
			return err_set(e, ERR_PREFLIGHT, "%s: %s", now.v[i].id,
			    now.v[i].message);
	return 0;
}

/* Is it down, and does the other one have it all? */
static int
verify(struct failover *f, struct err *e)
{
	int64_t began;
	struct position p = {LSN_INVALID, LSN_INVALID};
	char lsn[LSN_TEXT];
	uint64_t end;

	if (failover_old_end(f, &end, e) == -1)
		return -1;
	began = clock_ms();
	if (wait_received(f, end, &p, e) == -1)
		return -1;
	/* It took a while: is it still down? */
	if (clock_ms() - began > LOOK_AGAIN_MS &&
	    failover_old_end(f, &end, e) == -1)
		return -1;
	if (!has_all(f, &p, end))
		return lacks(f, &p, end, NULL, e);
	failover_step(f, "stopped", "%s, its WAL ends at %s, %s has all of it",
	    old_name(f), lsn_format(end, lsn), new_name(f));
	return judge_again(f, end, &p, e);
}

/* Neither here nor there: a person has to look. */
static void
tell_unknown(struct failover *f)
{
	struct buf b = BUF_INIT;

	failover_old_add_start(f, true, &b);
	failover_next(f,
	    "only when it is certain that %s is not promoted, and will not "
	    "be: start %s as the primary again, %s",
	    new_name(f), old_name(f), buf_str(&b));
	buf_reset(&b);
	failover_old_add_follow(f, &b);
	failover_next(f, "when %s is the primary: bring %s back, %s",
	    new_name(f), old_name(f), buf_str(&b));
	buf_free(&b);
}

/* Nothing was asked of the candidate. */
static int
give_back(struct failover *f, struct err *e)
{
	/* It may be promoted any moment: two of them would take writes. */
	if (f->requested) {
		tell_unknown(f);
		err_raise(e, STATUS_INCOMPLETE);
		return -1;
	}
	return failover_old_restart(f, e);
}

int
failover_switchover(struct failover *f, struct err *e)
{
	if (make_ready(f, e) == -1 || failover_old_stop(f, e) == -1)
		return -1;
	if (verify(f, e) == -1)
		return give_back(f, e);
	if (failover_request(f, e) == -1)
		return give_back(f, e);
	if (failover_confirm(f, e) == -1) {
		tell_unknown(f);
		return -1;
	}
	f->rec->ms_gap = clock_ms() - f->stopped_at;
	failover_old_back(f);
	return 0;
}

/* --- dry run -------------------------------------------------------------- */

int
failover_switchover_plan(const struct failover *f, struct buf *b, struct err *e)
{
	int64_t limit = f->o->max_lag >= 0 ? f->o->max_lag : LAG_MAX;

	buf_addf(b, "CHECKPOINT on %s\n", old_name(f));
	buf_addf(b, "wait until %s has replayed all but ", new_name(f));
	text_add_size(b, (uint64_t)limit);
	buf_addf(
	    b, " of the WAL of %s; when it does not, end here\n", old_name(f));
	buf_addf(b, "stop %s, ", old_name(f));
	failover_old_add_stop(f, b);
	buf_addf(b,
	    "\nverify that %s is down and that %s has received all its WAL; "
	    "if not, start %s again, ",
	    old_name(f), new_name(f), old_name(f));
	failover_old_add_start(f, false, b);
	if (f->facts.resume_replay && failover_candidate(f)->paused == 1)
		buf_adds(b, "\nresume replay");
	buf_addf(b, "\npromote %s by ", new_name(f));
	failover_means_add(f, b);
	buf_adds(b, "\nwait until it is out of recovery, on a new timeline, "
		    "and a write works\n");
	buf_addf(
	    b, "bring %s back as a standby of %s, ", old_name(f), new_name(f));
	failover_old_add_follow(f, b);
	buf_addc(b, '\n');
	return buf_ok(b) ? 0 : err_set_nomem(e);
}
