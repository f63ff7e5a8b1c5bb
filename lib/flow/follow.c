#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/follow_int.h"

#define RUN_MS 60000
#define CATCH_UP_MS 5000 /* a standby as upstream that is behind */
#define POLL_MS 200

/* --- saying --------------------------------------------------------------- */

static void say(void (*to)(void *, const char *), void *arg, const char *fmt,
    va_list ap) PRINTFLIKE(3, 0);
static void
say(void (*to)(void *, const char *), void *arg, const char *fmt, va_list ap)
{
	char text[2048];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	err_one_line(text, sizeof(text));
	to(arg, text);
}

void
follow_note(struct follow *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(f->ui->note, f->ui->arg, fmt, ap);
	va_end(ap);
}

void
follow_plan(struct follow *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(f->ui->plan, f->ui->arg, fmt, ap);
	va_end(ap);
}

void
follow_step(struct follow *f, const char *what, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->ui->step(f->ui->arg, what, text);
}

int64_t
follow_deadline(const struct follow *f, int64_t ms)
{
	return MIN_OF(f->deadline, deadline_in(ms));
}

void
follow_add_option(struct buf *b, const char *option, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	buf_adds(b, option);
	shell_add_word(b, value);
}

/* Where the new primary is and which directory this is, as both programs take
 * them. */
static void
add_both(const struct follow *f, struct buf *b)
{
	const struct conninfo *given = &f->o->conninfo;
	const char *host = conninfo_get(given, "host");

	if (f->o->by_file) {
		follow_add_option(b, " ", f->o->operand);
		return;
	}
	if (host == NULL)
		host = conninfo_get(given, "hostaddr");
	follow_add_option(b, " --master=", host);
	follow_add_option(b, " -p ", conninfo_get(given, "port"));
	follow_add_option(b, " -U ", conninfo_get(given, "user"));
	follow_add_option(b, " --service=", conninfo_get(given, "service"));
	follow_add_option(b, " -D ", f->o->pgdata);
}

/* By its directory a copy would not get what the file or an option says of this
 * node. */
static void
add_own_names(const struct follow *f, struct buf *b)
{
	if (f->o->want_slot == SLOT_NONE) {
		buf_adds(b, " --no-slot");
	} else if (f->rec->slot_wanted &&
		   (f->o->slot_given ||
		       (!f->o->by_file &&
			   (f->o->slot != NULL || f->o->node != NULL)))) {
		follow_add_option(b, " --slot=", f->slot_name);
		buf_adds(b, f->rec->slot_exists ? "" : " --create-slot");
	}
	if (f->o->application_name != NULL ||
	    (f->o->node != NULL && !f->o->by_file))
		follow_add_option(b, " --application-name=",
		    conninfo_get(&f->to, "application_name"));
}

void
follow_add_delta(const struct follow *f, struct buf *b)
{
	buf_adds(b, "standby-clone --delta");
	add_both(f, b);
	add_own_names(f, b);
	follow_add_option(b, " -f ", f->o->config);
}

/* This run again, with the copy. */
static void
add_reclone(const struct follow *f, struct buf *b)
{
	buf_adds(b, "standby-follow --reclone");
	add_both(f, b);
	if (f->o->want_slot == SLOT_NONE)
		buf_adds(b, " --no-slot");
	if (f->o->slot_given)
		follow_add_option(b, " --slot=", f->o->slot);
	follow_add_option(b, " --application-name=", f->o->application_name);
	follow_add_option(b, " -f ", f->o->config);
}

/* --- judging -------------------------------------------------------------- */

static int
refuse(struct follow *f, const char *status, enum err_code code, struct err *e,
    const char *text)
{
	f->rec->status = status;
	return err_set(e, code, "%s", text);
}

/* What the copy is to go on with. */
static void
offer_reclone(struct follow *f)
{
	const char *name = conninfo_get(&f->to, "application_name");
	const char *user = conninfo_get(&f->to, "user");
	struct slot_facts s = {.exists = false};
	struct buf left = BUF_INIT;

	f->rec->reclone = true;
	f->rec->running = f->running;
	f->rec->slot_wanted = f->want_slot != SLOT_NONE &&
			      pgver(f->version, PGFACT_SLOT_CREATE) != NULL;
	(void)snprintf(f->rec->slot, sizeof(f->rec->slot), "%s", f->slot_name);
	if (slot_read(f->pg, f->slot_name, &s,
		follow_deadline(f, FOLLOW_ASK_MS), NULL) == 0)
		f->rec->slot_exists = s.exists;
	f->rec->application_name = name != NULL ? strdup(name) : NULL;
	f->rec->replication_user = user != NULL ? strdup(user) : NULL;
	if (follow_add_left(f, &left))
		f->rec->left = buf_steal(&left);
}

static void
hint_delta(struct follow *f, struct err *e)
{
	struct buf b = BUF_INIT, again = BUF_INIT;

	offer_reclone(f);
	follow_add_delta(f, &b);
	add_reclone(f, &again);
	(void)err_hint(e,
	    "Make this node a copy of it again, without its own WAL, by %s or, "
	    "%s:",
	    buf_str(&again),
	    f->running ? "when the server is stopped, by" : "step by step, by");
	(void)err_command(e, "%s", buf_str(&b));
	buf_free(&b);
	buf_free(&again);
}

static int
forked(struct follow *f, uint64_t fork, struct err *e)
{
	char at[LSN_TEXT], upto[LSN_TEXT], text[512];
	struct buf size = BUF_INIT;

	f->rec->fork = fork;
	if (fork != LSN_INVALID && f->own_end > fork)
		text_add_size(
		    &size, (uint64_t)lsn_diff(f->own_end, fork, f->version));
	(void)snprintf(text, sizeof(text),
	    "the histories of this node (timeline %" PRIu32
	    ") and of %s (timeline %" PRIu32 ") forked at %s",
	    f->own_timeline, pg_name(f->pg), f->timeline,
	    fork != LSN_INVALID ? lsn_format(fork, at) : "an unknown point");
	(void)refuse(f, "forked", ERR_FORKED, e, text);
	if (size.len > 0)
		(void)err_detail(e,
		    "This node has WAL up to %s, %s (%" PRId64
		    " bytes) behind the fork.",
		    lsn_format(f->own_end, upto), buf_str(&size),
		    lsn_diff(f->own_end, fork, f->version));
	if (f->two_branches)
		(void)err_detail(e,
		    "Their timelines have the same number and the same history,"
		    " and are two: both were promoted where the old one "
		    "ended.");
	hint_delta(f, e);
	buf_free(&size);
	return -1;
}

static int
other_cluster(struct follow *f, struct err *e)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "%s is another cluster: system identifier %" PRIu64
	    ", and this node's is %" PRIu64,
	    pg_name(f->pg), f->system_identifier, f->control.system_identifier);
	return refuse(f, "refused", ERR_TARGET_OTHER_CLUSTER, e, text);
}

static int
older(struct follow *f, struct err *e)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "%s is on timeline %" PRIu32 ", and this node is on %" PRIu32
	    " already",
	    pg_name(f->pg), f->timeline, f->own_timeline);
	(void)refuse(f, "refused", ERR_TIMELINE, e, text);
	return err_hint(e,
	    "Is that the old primary? Name the new one; repl-status shows who "
	    "is on which timeline.");
}

static int
unknown(struct follow *f, struct err *e)
{
	char text[512];

	if (f->end_unknown) {
		(void)snprintf(text, sizeof(text),
		    "\"%s\" is a primary that was not shut down: how far its "
		    "own WAL goes is not known",
		    tree_path(f->tree));
		(void)refuse(f, "refused", ERR_TIMELINE, e, text);
		hint_delta(f, e);
		return -1;
	}
	(void)snprintf(text, sizeof(text),
	    "timeline or position of this node, or the history of %s, is not "
	    "known",
	    pg_name(f->pg));
	(void)refuse(f, "refused", ERR_TIMELINE, e, text);
	if (f->own_timeline != f->timeline &&
	    pgver(f->version, PGFACT_TIMELINE_HISTORY) == NULL)
		(void)err_detail(e, "This version cannot stream over a "
				    "promotion.");
	hint_delta(f, e);
	return -1;
}

/* A standby as upstream: what it has not got yet is still coming. */
static int
wait_upstream(struct follow *f, struct err *e)
{
	int64_t deadline = follow_deadline(f, CATCH_UP_MS);
	char text[512];

	while (f->end < f->own_end && !deadline_passed(deadline)) {
		clock_sleep_ms(POLL_MS, deadline);
		f->end = MAX_OF(
		    f->end, MAX_OF(follow_ask_lsn(f, f->pg, PGFACT_RECEIVE_LSN),
				follow_ask_lsn(f, f->pg, PGFACT_REPLAY_LSN)));
	}
	if (f->end >= f->own_end || f->o->force)
		return 0;
	(void)snprintf(text, sizeof(text),
	    "%s, a standby, is behind this node by %" PRId64 " bytes of WAL",
	    pg_name(f->pg), lsn_diff(f->own_end, f->end, f->version));
	(void)refuse(f, "refused", ERR_TIMELINE, e, text);
	return err_hint(e, "Wait until it has caught up, or --force.");
}

/* Nothing speaks against it but, maybe, the bytes. */
static int
compare_wal(struct follow *f, struct follow_facts *facts, struct err *e)
{
	struct conninfo as = {.n = 0};
	struct pg_opts o = f->pg_opts;
	int rc = follow_login(f, &as, e);

	o.conninfo = &as;
	if (rc == 0)
		facts->wal = follow_compare_wal(f, &o, &facts->differs);
	conninfo_free(&as);
	if (rc == 0 && f->o->sigfd != -1)
		rc = sig_check(e);
	if (rc == 0 && deadline_passed(f->deadline))
		rc = err_set(e, ERR_TIMEOUT,
		    "the time is over (--timeout): nothing was changed");
	return rc;
}

static enum follow_verdict
judge_positions(struct follow *f, struct follow_facts *facts, uint64_t *fork)
{
	enum follow_verdict verdict = follow_judge(facts, fork);
	char at[LSN_TEXT];

	if (verdict != FOLLOW_FORKED || f->own_timeline >= f->timeline ||
	    !follow_is_half_record(f, *fork))
		return verdict;
	follow_note(f,
	    "what this node has behind %s is the beginning of a record that "
	    "the old primary did not finish: it does not count",
	    lsn_format(*fork, at));
	facts->own_end = f->own_end = *fork;
	return follow_judge(facts, fork);
}

static int
judge(struct follow *f, struct err *e)
{
	struct follow_facts facts = {.own_system = f->control.system_identifier,
	    .system_identifier = f->system_identifier,
	    .own_timeline = f->end_unknown ? 0 : f->own_timeline,
	    .timeline = f->timeline,
	    .own_end = f->own_end,
	    .end = f->end,
	    .history = buf_str(&f->history),
	    .in_recovery = f->upstream_in_recovery};
	uint64_t fork = LSN_INVALID;

	if (f->upstream_in_recovery && f->own_timeline == f->timeline &&
	    facts.own_system == facts.system_identifier) {
		if (wait_upstream(f, e) == -1)
			return -1;
		facts.end = MAX_OF(f->end, f->own_end);
	}
	f->rec->verdict = judge_positions(f, &facts, &fork);
	if (f->rec->verdict == FOLLOW_OK && follow_other_branch(f, &fork))
		f->rec->verdict = FOLLOW_FORKED;
	if (f->rec->verdict == FOLLOW_OK) {
		if (compare_wal(f, &facts, e) == -1)
			return -1;
		facts.was_primary = f->was_primary;
		f->rec->verdict = follow_judge(&facts, &fork);
		f->two_branches = f->rec->verdict == FOLLOW_FORKED;
	}
	switch (f->rec->verdict) {
	case FOLLOW_CLUSTER:
		return other_cluster(f, e);
	case FOLLOW_FORKED:
		return forked(f, fork, e);
	case FOLLOW_OLDER:
		return older(f, e);
	case FOLLOW_UNKNOWN:
		return unknown(f, e);
	case FOLLOW_OK:
		break;
	}
	return 0;
}

/* --- one run -------------------------------------------------------------- */

static void
name_node(struct follow *f)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	text_slot_name(f->o->node != NULL ? f->o->node : host, f->name);
	f->want_slot = f->o->want_slot;
}

static void
name_slot(struct follow *f)
{
	const char *name = f->o->slot;

	if (name == NULL && f->present_slot.len > 0)
		name = buf_str(&f->present_slot);
	(void)snprintf(f->slot_name, sizeof(f->slot_name), "%s",
	    name != NULL ? name : f->name);
}

static int
record(struct follow *f, struct err *e)
{
	f->rec->host = strdup(pg_host(f->pg));
	f->rec->port = strdup(pg_port(f->pg));
	f->rec->own_timeline = f->own_timeline;
	f->rec->own_end = f->own_end;
	f->rec->timeline = f->timeline;
	return f->rec->host != NULL && f->rec->port != NULL ? 0
							    : err_set_nomem(e);
}

static void
tell_facts(struct follow *f)
{
	char lsn[LSN_TEXT];

	follow_step(f, "facts",
	    "this node: timeline %" PRIu32 ", WAL up to %s; %s: %s, timeline "
	    "%" PRIu32,
	    f->own_timeline, lsn_format(f->own_end, lsn), pg_name(f->pg),
	    f->upstream_in_recovery ? "a standby" : "primary", f->timeline);
}

static int
run(struct follow *f, struct err *e)
{
	int there;

	name_node(f);
	if (follow_look_here(f, e) == -1 || follow_read_conf(f, e) == -1 ||
	    follow_check_triggers(f, e) == -1)
		return -1;
	name_slot(f);
	if (follow_make_conninfo(f, e) == -1 || follow_look_there(f, e) == -1 ||
	    record(f, e) == -1)
		return -1;
	tell_facts(f);
	if (judge(f, e) == -1)
		return -1;
	if ((there = follow_already(f, e)) != 0) {
		f->rec->status = "already-following";
		return there == 1 ? 0 : -1;
	}
	if (follow_prepare(f, e) == -1)
		return -1;
	if (f->o->dry_run) {
		f->rec->status = "dry-run";
		follow_tell_plan(f);
		return 0;
	}
	return follow_do(f, e);
}

static void
end(struct follow *f)
{
	struct buf *const bufs[] = {&f->own_history, &f->present,
	    &f->present_slot, &f->cluster_name, &f->trigger, &f->restore,
	    &f->delay, &f->recovery_conf, &f->history, &f->text,
	    &f->sender_name};

	pg_close(f->own);
	pg_close(f->pg);
	conninfo_free(&f->own_conninfo);
	conninfo_free(&f->present_conninfo);
	conninfo_free(&f->effective);
	conninfo_free(&f->to);
	for (size_t i = 0; i < NELEM(bufs); i++)
		buf_free(bufs[i]);
	tree_close(f->tree);
	distro_free(&f->distro);
	free(f->bindir);
	free(f->log);
}

int
follow_run(const struct follow_opts *o, const struct follow_ui *ui,
    struct follow_record *rec, struct err *e)
{
	struct follow f = {.o = o,
	    .ui = ui,
	    .rec = rec,
	    .began = clock_ms(),
	    .deadline =
		deadline_in(o->timeout_ms > 0 ? o->timeout_ms : RUN_MS)};
	int rc;

	*rec =
	    (struct follow_record){.status = NULL, .verdict = FOLLOW_UNKNOWN};
	rc = run(&f, e);
	if (rec->status == NULL)
		rec->status = rc == 0                       ? "ok"
			      : e->status == STATUS_REFUSED ? "refused"
							    : "failed";
	rec->ms_total = clock_ms() - f.began;
	end(&f);
	return rc;
}

/* The server as it is now: somebody may have promoted it meanwhile. */
static int
stop_it(struct follow *f, struct err *e)
{
	struct server_start s;
	int minor;

	if (follow_look_here(f, e) == -1)
		return -1;
	if (!f->running)
		return 0;
	/* The copy will want them, too: known before anything stops. */
	if ((f->stop_command == NULL || f->o->start) &&
	    server_bindir(f->o->bindir, f->version, &f->bindir, &minor, e) ==
		-1)
		return -1;
	s = (struct server_start){.pgdata = tree_path(f->tree),
	    .bindir = f->bindir,
	    .deadline = f->deadline,
	    .sigfd = f->o->sigfd};
	pg_close(f->own);
	f->own = NULL;
	if (server_stop(&s, f->stop_command, e) == -1)
		return -1;
	follow_step(f, "stop", "%s",
	    f->stop_command != NULL ? f->stop_command : "pg_ctl");
	return 0;
}

int
follow_stop(
    const struct follow_opts *o, const struct follow_ui *ui, struct err *e)
{
	struct follow_record rec = {.status = NULL};
	struct follow f = {.o = o,
	    .ui = ui,
	    .rec = &rec,
	    .deadline =
		deadline_in(o->timeout_ms > 0 ? o->timeout_ms : RUN_MS)};
	int rc = stop_it(&f, e);

	end(&f);
	return rc;
}

void
follow_record_free(struct follow_record *r)
{
	free(r->host);
	free(r->port);
	free(r->old_host);
	free(r->old_port);
	free(r->old_drop);
	free(r->restart);
	free(r->left);
	free(r->application_name);
	free(r->replication_user);
	*r = (struct follow_record){.status = NULL};
}
