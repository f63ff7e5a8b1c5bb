/* The proof that a promotion was granted: out of recovery, on a new timeline,
 * and a write works. */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "flow/failover_int.h"
#include "flow/hook.h"

enum state { STATE_SILENT, STATE_RECOVERY, STATE_OLD_TIMELINE, STATE_WRITES };

struct confirm {
	enum state state;
	struct err last; /* why not */
};

/* The one value of a statement, "" for NULL; -1 with c->last. */
static int
ask(struct failover *f, const char *sql, char *text, size_t size,
    struct confirm *c)
{
	struct pg_rows *r = NULL;
	const char *t;
	int rc;

	err_clear(&c->last);
	rc = pg_query(
	    f->pg, &r, failover_by(f, FAILOVER_ASK_MS), sql, 0, NULL, &c->last);
	t = rc == 0 ? pg_rows_get(r, 0, 0) : NULL;
	(void)snprintf(text, size, "%s", t != NULL ? t : "");
	pg_rows_free(r);
	return rc;
}

static int
new_timeline(struct failover *f, struct confirm *c)
{
	int version = pg_version(f->pg);
	char text[LSN_TEXT];

	if (ask(f, pgver(version, PGFACT_TIMELINE), text, sizeof(text), c) ==
	    -1)
		return -1;
	f->rec->timeline = (uint32_t)strtoul(text, NULL, 10);
	if (f->rec->timeline == 0 ||
	    (f->timeline != 0 && f->rec->timeline <= f->timeline)) {
		f->rec->timeline = 0;
		return 0;
	}
	c->state = STATE_OLD_TIMELINE;
	if (ask(f, pgver(version, PGFACT_CURRENT_LSN), text, sizeof(text), c) ==
	    -1)
		return -1;
	(void)lsn_parse(text, &f->rec->lsn);
	return 1;
}

/* A transaction id is given and its commit recorded: that is a write, whatever
 * is set for transactions by default. */
static int
writes(struct failover *f, struct confirm *c)
{
	return pg_query(f->pg, NULL, failover_by(f, FAILOVER_ASK_MS),
	    "SELECT txid_current()", 0, NULL, &c->last);
}

/* 1: it is a primary and takes writes. */
static int
look_once(struct failover *f, struct confirm *c)
{
	char recovers[2];
	int rc;

	if (!pg_alive(f->pg)) {
		c->state = STATE_SILENT;
		err_clear(&c->last);
		if (failover_self_open(f, -1,
			MAX_OF(MIN_OF(f->deadline - clock_ms(), 2000), 100),
			&c->last) == -1)
			return 0;
	}
	if (ask(f, "SELECT pg_is_in_recovery()", recovers, sizeof(recovers),
		c) == -1)
		return 0;
	if (recovers[0] == 't') {
		c->state = STATE_RECOVERY;
		return 0;
	}
	c->state = STATE_OLD_TIMELINE;
	if ((rc = new_timeline(f, c)) != 1)
		return 0;
	err_clear(&c->last);
	if (writes(f, c) == -1)
		return 0;
	c->state = STATE_WRITES;
	return 1;
}

static int
unknown(struct failover *f, const struct confirm *c, bool interrupted,
    struct err *e)
{
	const char *name = f->s.nodes[f->node].name;
	static const char *const words[] = {
	    [STATE_SILENT] = "it does not answer",
	    [STATE_RECOVERY] = "it is still in recovery",
	    [STATE_OLD_TIMELINE] =
		("it is out of recovery, but no write was seen to work on "
		 "a new timeline"),
	    [STATE_WRITES] = ""};

	(void)err_set(e, ERR_TIMEOUT,
	    "promotion of %s was requested, outcome unknown: %s%s%s%s", name,
	    words[c->state], err_is_set(&c->last) ? " (" : "", c->last.text,
	    err_is_set(&c->last) ? ")" : "");
	err_raise(e, STATUS_INCOMPLETE);
	(void)err_detail(e, "%s",
	    interrupted ? "A signal came while it was waited for."
			: "The time is over.");
	return err_hint(e,
	    "It may still happen: promote no other node. Look at %s, and at "
	    "its server's log: repl-status",
	    name);
}

int
failover_confirm(struct failover *f, struct err *e)
{
	struct confirm c = {.state = STATE_SILENT};

	if (f->pg != NULL)
		pg_ignore_signals(f->pg);
	hook_pause("requested");
	while (look_once(f, &c) != 1) {
		if (deadline_passed(f->deadline))
			return unknown(f, &c, sig_caught() != 0, e);
		clock_sleep_ms(FAILOVER_POLL_MS, f->deadline);
	}
	f->confirmed = true;
	f->rec->ms_promote = clock_ms() - f->requested_at;
	return 0;
}
