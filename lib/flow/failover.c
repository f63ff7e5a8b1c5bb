/* The order of steps of a failover, and its one way out. */
#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/text.h"
#include "flow/command.h"
#include "flow/event.h"
#include "flow/failover_int.h"

#define FENCE_SETTLE_MS 500
#define LEFT_MS 1000 /* with less it is not begun */

/* --- talk ----------------------------------------------------------------- */

void
failover_step(struct failover *f, const char *what, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->ui->step(f->ui->arg, what, text);
}

void
failover_note(struct failover *f, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->ui->note(f->ui->arg, text);
}

void
failover_warn(struct failover *f, const char *hint, const char *fmt, ...)
{
	struct err w = ERR_INIT;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&w, ERR_PREFLIGHT, "%s", text);
	if (hint != NULL && *hint != '\0')
		(void)err_hint(&w, "%s", hint);
	f->ui->warning(f->ui->arg, &w);
}

/* --- time ----------------------------------------------------------------- */

int64_t
failover_by(const struct failover *f, int64_t ms)
{
	return MIN_OF(f->deadline, deadline_in(ms));
}

int64_t
failover_ms_left(const struct failover *f, int64_t ms)
{
	return MAX_OF(MIN_OF(f->deadline - clock_ms(), ms), 1);
}

const char *
failover_changed(const struct failover *f)
{
	return f->fenced || f->fence_failed ? "but the fence command has run"
					    : "nothing was changed";
}

static int
is_late(const struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);

	if (f->committed)
		return err_set(e, ERR_TIMEOUT,
		    "the time was over before %s was asked to promote",
		    n->name);
	(void)err_set(e, ERR_TIMEOUT,
	    "%s%s promoted, %s: the time is over (--timeout)",
	    n != NULL ? n->name : "no node", n != NULL ? " is not" : " is",
	    failover_changed(f));
	return err_hint(e, "Give it more time: --timeout=SECONDS");
}

bool
failover_may_wait(const struct failover *f, int64_t ms)
{
	return f->deadline - clock_ms() >= LEFT_MS + ms;
}

int
failover_late(const struct failover *f, bool over, struct err *e)
{
	return over || deadline_passed(f->deadline) ? is_late(f, e) : 0;
}

int
failover_in_time(const struct failover *f, struct err *e)
{
	return failover_late(f, !failover_may_wait(f, 0), e);
}

int
failover_interrupted(const struct failover *f, struct err *e)
{
	return f->o->sigfd == -1 || f->committed ? 0 : sig_check(e);
}

/* --- dry run -------------------------------------------------------------- */

/* Would a name that is typed settle what stands?  Then it is worth asking. */
static bool
will_be_asked(const struct failover *f)
{
	return !f->o->yes && !f->o->pgpool &&
	       (!f->o->dry_run || f->o->terminal);
}

static int
plan(struct failover *f, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	if (will_be_asked(f))
		buf_addf(&b, "ask for the name %s to be typed\n", f->rec->node);
	if (f->o->switchover) {
		rc = failover_switchover_plan(f, &b, e);
	} else {
		if (f->o->fence != NULL) {
			buf_adds(&b, "run the fence command: ");
			text_add_escaped(&b, f->o->fence, strlen(f->o->fence));
			buf_addc(&b, '\n');
		}
		if (f->facts.resume_replay &&
		    failover_candidate(f)->paused == 1)
			buf_adds(&b, "resume replay\n");
		buf_addf(&b, "promote %s by ", f->rec->node);
		failover_means_add(f, &b);
		buf_adds(&b, "\nwait until it is out of recovery, on a new "
			     "timeline, and a write works\n");
	}
	if (rc == 0) {
		failover_after_plan(f, &b);
		f->ui->plan(f->ui->arg, buf_str(&b));
		f->rec->status = "dry-run";
	}
	buf_free(&b);
	return rc;
}

/* --- fence ---------------------------------------------------------------- */

#define FENCE_HINT                                                             \
	"; to do without a fence, with another proof: --fence= (empty); when " \
	"you know for certain that the old primary is off: --force"

/* What cannot even be run is known before anybody is asked.  A message that
 * cannot be sent stops nobody. */
static int
check_commands(struct failover *f, struct err *e)
{
	char message[1200];
	struct err why = ERR_INIT;

	if (f->o->event_command != NULL &&
	    command_check(f->o->event_command, &why) == -1)
		failover_warn(f,
		    "Correct event_command of the configuration file: nobody "
		    "will be told of the end of this run.",
		    "event_command: %s", why.text);
	err_clear(&why);
	if (f->o->fence == NULL || f->o->switchover ||
	    command_check(f->o->fence, &why) == 0)
		return 0;
	(void)snprintf(message, sizeof(message),
	    "the fence command would fail: %s", why.text);
	return failover_add_refusal(f, "fence-failed", "D3", true, message,
	    "Correct promote.fence, or --fence" FENCE_HINT, e);
}

static int
run_fence(struct failover *f, int *status, struct err *e)
{
	/* Not f->old: never one that answers as a standby. */
	const struct status_node *old =
	    f->facts.old >= 0 ? &f->s.nodes[f->facts.old] : NULL;
	struct command c = {.text = f->o->fence,
	    .env = {{"STANDBY_NODE", f->rec->node},
		{"STANDBY_OLD_PRIMARY", old != NULL ? old->name : NULL},
		{"STANDBY_OLD_HOST", old != NULL ? old->host : NULL},
		{"STANDBY_OLD_PORT", old != NULL ? old->port : NULL}},
	    .deadline = f->deadline,
	    .sigfd = f->o->sigfd,
	    .level = LVL_INFO,
	    .who = "fence"};

	return command_run(&c, status, e);
}

/* Then what the old primary sends, if it lives, is seen after the fence. */
static bool
any_streams(const struct failover *f)
{
	for (size_t i = 0; i < f->s.n; i++)
		if (f->s.nodes[i].reach == REACH_YES &&
		    f->s.nodes[i].receiver.present &&
		    f->s.nodes[i].receiver.status != NULL &&
		    strcmp(f->s.nodes[i].receiver.status, "streaming") == 0)
			return true;
	return false;
}

/* D3.  What is not 0 is no proof: refused, unless forced. */
static int
fence(struct failover *f, struct err *e)
{
	int64_t begin = clock_ms();
	struct err why = ERR_INIT;
	char message[1200];
	int status = 0;

	if (f->o->fence == NULL)
		return 0;
	if (failover_in_time(f, e) == -1)
		return -1;
	failover_step(f, "fence", "%s", f->o->fence);
	if (run_fence(f, &status, &why) == -1) {
		f->fence_failed = true;
		if (why.code == ERR_INTERRUPTED || why.code == ERR_NOMEM) {
			*e = why;
			return -1;
		}
		(void)snprintf(message, sizeof(message),
		    "the fence command failed: %s", why.text);
	} else if (status != 0) {
		(void)snprintf(message, sizeof(message),
		    "the fence command ended with status %d, it must be 0: "
		    "nothing proves that the old primary stays down",
		    status);
	} else {
		f->fenced = true;
	}
	f->fenced_at = clock_ms();
	f->rec->ms_fence = f->fenced_at - begin;
	if (f->fenced) {
		if (any_streams(f))
			clock_sleep_ms(FENCE_SETTLE_MS, f->deadline);
		return 0;
	}
	f->fence_failed = true;
	if (failover_add_refusal(f, "fence-failed", "D3", true, message,
		"Look at its output and correct it" FENCE_HINT, e) == -1)
		return -1;
	return f->o->force ? 0 : failover_refused(f, e);
}

/* --- steps ---------------------------------------------------------------- */

static bool
is_primary(const struct failover *f)
{
	const struct status_node *n = failover_candidate(f);

	return n != NULL && n->reach == REACH_YES && n->says == ROLE_PRIMARY;
}

static int
already_primary(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f), *other;

	if (f->rec->verdict.standing > 0)
		return failover_refused(f, e);
	for (size_t i = 0; i < f->s.n; i++) {
		other = &f->s.nodes[i];
		if ((int)i != f->node && other->expected &&
		    other->reach == REACH_FAILED &&
		    (other->alive || other->starting))
			failover_warn(f,
			    "Look at it: it may be a second primary.",
			    other->alive ? "%s answers, but refuses the login"
					 : "%s is starting up",
			    other->name);
	}
	f->rec->status = "already-primary";
	f->rec->timeline = n->timeline;
	f->rec->timeline_before = n->timeline;
	f->rec->lsn = n->written;
	return 0;
}

static int
ask(struct failover *f, struct err *e)
{
	const char *name = f->rec->node;
	const char *assumed = buf_str(&f->rec->verdict.assumed);
	int64_t begin = clock_ms();

	if (f->o->yes || f->o->pgpool) {
		f->ui->assumed(f->ui->arg, assumed, f->facts.proof);
		return 0;
	}
	switch (f->ui->confirm(f->ui->arg, name, assumed)) {
	case 1:
		f->typed = true;
		/* A person's time does not count. */
		f->started += clock_ms() - begin;
		f->deadline = deadline_in(f->o->timeout_ms);
		return 0;
	case 0:
		if (failover_interrupted(f, e) == -1)
			return -1;
		f->refused = true;
		f->rec->status = "refused";
		return err_set(e, ERR_PREFLIGHT,
		    "%s is not promoted, nothing was changed: its name was not "
		    "typed",
		    name);
	default:
		(void)err_set(e, ERR_USAGE,
		    "nobody can be asked: standard input is not a terminal");
		if (f->o->switchover)
			return err_hint(
			    e, "Give -y to go on without a question.");
		return err_hint(e,
		    "Type it on a terminal (ssh -t); or give -y to go on "
		    "without a question, which is no proof that the old "
		    "primary is down: a fence, or ssh to its host, gives one.");
	}
}

static int
look_and_judge(struct failover *f, bool assume_typed, struct err *e)
{
	if (failover_look(f, e) == -1)
		return -1;
	return failover_judge(f, assume_typed, e);
}

/* Nobody else may begin now; then all is read again, since it took time. */
static int
lock_and_fence(struct failover *f, struct err *e)
{
	if (failover_lock(f, e) == -1)
		return -1;
	if (f->locked_by != NULL || f->o->fence == NULL || f->o->switchover) {
		if (look_and_judge(f, false, e) == -1)
			return -1;
	} else {
		/* The fence must not shoot what came back meanwhile. */
		if (look_and_judge(f, false, e) == -1)
			return -1;
		if (is_primary(f) || f->rec->verdict.standing > 0)
			return 0;
		if (fence(f, e) == -1 || failover_in_time(f, e) == -1 ||
		    look_and_judge(f, false, e) == -1)
			return -1;
	}
	return 0;
}

static int
promote(struct failover *f, struct err *e)
{
	if (f->o->switchover) {
		if (failover_switchover(f, e) == -1)
			return -1;
	} else if (failover_request(f, e) == -1 ||
		   failover_confirm(f, e) == -1) {
		return -1;
	}
	f->rec->status = "ok";
	failover_step(f, "promoted", "%s, timeline %" PRIu32 ", after %.2f s",
	    f->rec->node, f->rec->timeline, (double)f->rec->ms_promote / 1000);
	return failover_after(f, e);
}

static int
steps(struct failover *f, struct err *e)
{
	if (failover_nodes(f, e) == -1 ||
	    look_and_judge(f, will_be_asked(f), e) == -1)
		return -1;
	f->rec->ms_facts = clock_ms() - f->started;
	if (is_primary(f))
		return already_primary(f, e);
	if (check_commands(f, e) == -1)
		return -1;
	if (f->rec->verdict.standing > 0)
		return failover_refused(f, e);
	if (f->o->dry_run) {
		f->ui->assumed(f->ui->arg, buf_str(&f->rec->verdict.assumed),
		    f->facts.proof);
		return plan(f, e);
	}
	if (ask(f, e) == -1 || lock_and_fence(f, e) == -1)
		return -1;
	/* Another one was quicker, with the same node. */
	if (is_primary(f))
		return already_primary(f, e);
	if (f->rec->verdict.standing > 0)
		return failover_refused(f, e);
	return promote(f, e);
}

/* --- the end -------------------------------------------------------------- */

static void
tell_event(struct failover *f, int rc, const struct err *e)
{
	const struct failover_record *r = f->rec;
	const char *result = !f->requested  ? "failed"
			     : f->confirmed ? "incomplete"
					    : "unknown";
	struct buf detail = BUF_INIT;
	struct err why = ERR_INIT;

	if (f->o->event_command == NULL || f->o->dry_run ||
	    (rc == -1 && e->status == STATUS_USAGE) ||
	    strcmp(r->status, "already-primary") == 0)
		return;
	if (rc == 0)
		result = "ok";
	else if (f->refused)
		result = "refused";
	if (rc == -1)
		buf_adds(&detail, e->text);
	else {
		const char *assumed = buf_str(&r->verdict.assumed);

		/* Its first line is about the loss, as it was judged: what has
		 * been read since shows a primary. */
		buf_addf(&detail, "timeline %" PRIu32 "; ", r->timeline);
		buf_add(&detail, assumed, strcspn(assumed, "\n"));
	}
	if (event_run(f->o->event_command,
		f->o->switchover ? "switchover" : "promote", r->node, result,
		buf_str(&detail), -1, &why) == -1)
		f->ui->warning(f->ui->arg, &why);
	buf_free(&detail);
}

static void
release(struct failover *f)
{
	failover_unlock(f);
	pg_close(f->pg);
	host_known_free(f->known);
	survey_free(f->survey);
	status_free(&f->s);
	failover_self_free(&f->self);
	failover_nodes_free(f);
	free(f->locked_by);
	free(f->locked_hint);
	free(f->known_from);
	buf_free(&f->hung);
	free(f->old_place);
	free(f->old_standby);
	free(f->old_pgdata);
}

int
failover_run(const struct failover_opts *o, const struct failover_ui *ui,
    struct failover_record *rec, struct err *e)
{
	struct host_known known = {.n = 0};
	struct failover f = {.o = o,
	    .known = &known,
	    .ui = ui,
	    .rec = rec,
	    .started = clock_ms(),
	    .deadline = deadline_in(
		o->timeout_ms > 0 ? o->timeout_ms : FAILOVER_TIMEOUT_MS),
	    .s = {.primary = -1},
	    .node = -1,
	    .old = -1};
	int rc;

	*rec = (struct failover_record){.status = "failed",
	    .lost = -1,
	    .ms_facts = -1,
	    .ms_fence = -1,
	    .ms_promote = -1,
	    .ms_checkpoint = -1,
	    .ms_gap = -1};
	rc = steps(&f, e);
	if (rc == -1 && e->code == ERR_INTERRUPTED && !f.requested &&
	    (f.fenced || f.fence_failed))
		(void)err_wrap(e, "not promoted, %s", failover_changed(&f));
	/* The new primary stands, or may: whatever went wrong, that is 7. */
	if (rc == -1 && f.requested)
		err_raise(e, STATUS_INCOMPLETE);
	else if (rc == -1 && e->status == STATUS_REFUSED) {
		f.refused = true;
		rec->status = "refused";
	}
	rec->ms_total = clock_ms() - f.started;
	tell_event(&f, rc, e);
	release(&f);
	return rc;
}

void
failover_record_free(struct failover_record *r)
{
	free(r->node);
	free(r->host);
	free(r->port);
	free(r->old_node);
	promote_verdict_free(&r->verdict);
	for (size_t i = 0; i < r->nsiblings; i++) {
		free(r->siblings[i].node);
		free(r->siblings[i].problem);
	}
	free(r->siblings);
	buf_free(&r->next);
	buf_free(&r->failed);
	*r = (struct failover_record){.lost = -1};
}
