/* How the candidate is promoted: which of the means that its version, its
 * rights and its place allow; and the request by it. */
#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/text.h"
#include "flow/failover_int.h"
#include "flow/hook.h"

/* --- choose --------------------------------------------------------------- */

int
failover_keep(char **to, const char *text, struct err *e)
{
	bool some = text != NULL && *text != '\0';

	free(*to);
	*to = some ? strdup(text) : NULL;
	return some && *to == NULL ? err_set_nomem(e) : 0;
}

int
failover_because(char **reason, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (*reason != NULL)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return failover_keep(reason, text, e);
}

static int
choose(struct failover *f, int version, struct err *e)
{
	struct failover_self *s = &f->self;

	if (version == 0)
		return failover_because(&f->self.no_means, e,
		    "it does not answer, and its data directory is not at "
		    "hand");
	if (f->o->trigger || pgver(version, PGFACT_PG_CTL_PROMOTE) == NULL)
		return failover_trigger_choose(f, version, e);
	if (s->may_promote && pg_alive(f->pg)) {
		f->facts.means = MEANS_SQL;
		return 0;
	}
	if (pgver(version, PGFACT_PROMOTE_SQL) != NULL && f->pg != NULL &&
	    failover_because(&f->self.no_means, e,
		"role \"%s\" has no EXECUTE privilege on pg_promote()",
		pg_user(f->pg)) == -1)
		return -1;
	if (s->ours)
		return failover_pg_ctl_choose(f, version, e);
	if (s->here)
		return failover_because(&f->self.no_means, e,
		    "\"%s\" belongs to another user, so that pg_ctl cannot be "
		    "run",
		    s->pgdata);
	return failover_agent_choose(f, e);
}

int
failover_means_choose(struct failover *f, struct err *e)
{
	int version = failover_self_version(f);
	bool first = !f->looked;

	/* A session that was lost, for a restart of the server perhaps. */
	if (f->pg != NULL && !pg_alive(f->pg)) {
		(void)failover_self_open(f, f->committed ? -1 : f->o->sigfd,
		    failover_ms_left(f, FAILOVER_ASK_MS), NULL);
		/* Its lock went with it. */
		if (failover_lock_again(f, e) == -1)
			return -1;
		f->facts.locked_by = f->locked_by;
		f->facts.locked_hint = f->locked_hint;
	}
	if (first || f->facts.means == MEANS_NONE ||
	    f->facts.means == MEANS_TRIGGER) {
		f->facts.means = MEANS_NONE;
		if (choose(f, version, e) == -1)
			return -1;
	}
	f->looked = true;
	f->facts.no_means = f->self.no_means;
	f->facts.no_means_hint = f->self.no_means_hint;
	f->facts.trigger_path = f->self.trigger_path;
	f->facts.trigger_problem = f->self.trigger_problem;
	return 0;
}

void
failover_means_add(const struct failover *f, struct buf *b)
{
	struct buf program = BUF_INIT;

	switch (f->facts.means) {
	case MEANS_SQL:
		buf_adds(b, "pg_promote() over SQL");
		break;
	case MEANS_PG_CTL:
		buf_addf(&program, "%s/pg_ctl", f->self.bindir);
		shell_add_word(b, buf_str(&program));
		buf_adds(b, " promote -D ");
		shell_add_word(b, f->self.pgdata);
		buf_free(&program);
		break;
	case MEANS_TRIGGER:
		buf_adds(b, "the trigger file ");
		if (f->self.trigger_path != NULL)
			text_add_escaped(b, f->self.trigger_path,
			    strlen(f->self.trigger_path));
		break;
	case MEANS_AGENT:
		buf_adds(b, "the agent of its host");
		break;
	case MEANS_NONE:
		buf_adds(b, "nothing: there is no means");
		break;
	}
}

/* --- request -------------------------------------------------------------- */

static int
resume(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	const char *sql = pgver(n->version, PGFACT_RESUME_SQL);

	if (!f->o->resume_replay || n->paused != 1 || sql == NULL)
		return 0;
	if (f->pg == NULL)
		return err_set(e, ERR_DB_CONNECT,
		    "replay cannot be resumed: there is no session on %s",
		    n->name);
	f->resumed = true;
	if (pg_query(f->pg, NULL, failover_by(f, FAILOVER_ASK_MS), sql, 0, NULL,
		e) == -1) {
		if (e->code == ERR_SQL && *pg_sqlstate(f->pg) != '\0')
			f->resumed = false; /* it said no */
		return err_wrap(e, "could not resume replay");
	}
	failover_step(f, "resume", "replay of %s goes on", n->name);
	return 0;
}

/* The lock is ours now, not only when it was taken. */
static int
hold_lock(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);

	if (f->locks == NULL || n == NULL || n->reach != REACH_YES)
		return 0;
	/* A session that was lost is seen only when it is used. */
	if (f->pg == NULL || !pg_alive(f->pg) ||
	    pg_query(f->pg, NULL, failover_by(f, FAILOVER_ASK_MS), "SELECT 1",
		0, NULL, NULL) == -1)
		(void)failover_self_open(f, f->committed ? -1 : f->o->sigfd,
		    failover_ms_left(f, FAILOVER_ASK_MS), NULL);
	if (failover_interrupted(f, e) == -1 || failover_lock_again(f, e) == -1)
		return -1;
	return f->locked_by == NULL ? 0 : failover_lock_refuse(f, e);
}

static int
ask_server(struct failover *f, struct err *e)
{
	switch (f->facts.means) {
	case MEANS_SQL:
		return failover_self_promote(f, e);
	case MEANS_PG_CTL:
		return failover_pg_ctl_promote(f, e);
	case MEANS_TRIGGER:
		return failover_trigger_promote(f, e);
	case MEANS_AGENT:
		return failover_agent_promote(f, e);
	case MEANS_NONE:
		break;
	}
	return err_set(e, ERR_INTERNAL, "no means to promote");
}

/* Not asked; but what was resumed goes on. */
static int
not_asked(struct failover *f, struct err *e)
{
	if (!f->resumed) {
		sig_second(f->committed ? STATUS_INCOMPLETE : 0);
		return -1;
	}
	(void)err_wrap(e, "replay of %s was resumed, it is not promoted",
	    f->s.nodes[f->node].name);
	err_raise(e, STATUS_INCOMPLETE);
	return -1;
}

int
failover_request(struct failover *f, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = -1;

	if (failover_interrupted(f, e) == -1)
		return -1;
	failover_means_add(f, &b);
	failover_step(f, "promote", "%s", buf_str(&b));
	buf_free(&b);
	hook_pause("request");
	/* The last checks.  Without time the lock cannot be asked for: that is
	 * not another promotion. */
	if (failover_interrupted(f, e) == -1 || failover_in_time(f, e) == -1 ||
	    hold_lock(f, e) == -1 || failover_in_time(f, e) == -1)
		return -1;
	/* From here on a signal does not stop a statement. */
	if (f->pg != NULL)
		pg_ignore_signals(f->pg);
	sig_second(STATUS_INCOMPLETE);
	f->requested_at = clock_ms();
	if (resume(f, e) == 0)
		rc = ask_server(f, e);
	if (!f->requested)
		return rc == 0 ? 0 : not_asked(f, e);
	f->rec->status = "requested";
	if (rc == -1) /* the outcome is seen, not told */
		failover_note(f, "%s: looking whether it happened", e->text);
	err_clear(e);
	return 0;
}
