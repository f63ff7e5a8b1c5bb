/*
 * The old primary of a switchover: may it be stopped and started from here,
 * stop it, see where its WAL ends, and make it a standby of the new primary.
 */
#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/follow.h"
#include "core/text.h"
#include "flow/distro.h"
#include "flow/failover_int.h"
#include "flow/server.h"

#define FOLLOW_MS (90 * 1000)
#define DELTA_MS (60 * 60 * 1000)

static const struct status_node *
old_node(const struct failover *f)
{
	return &f->s.nodes[f->old];
}

int
failover_old_session(
    const struct failover *f, int i, struct pg **pg, struct err *e)
{
	struct conninfo c = {.n = 0};
	struct pg_opts o = {.conninfo = &c,
	    .application_name = FAILOVER_NAME,
	    .connect_ms = f->committed ? FAILOVER_ASK_MS
				       : failover_ms_left(f, FAILOVER_ASK_MS),
	    .once = true,
	    .sigfd = f->committed ? -1 : f->o->sigfd};
	int rc = failover_nodes_conninfo(f, i, &c, e);

	if (rc == 0)
		rc = pg_open(pg, &o, e);
	conninfo_free(&c);
	return rc;
}

/* --- words ---------------------------------------------------------------- */

static void
add_place(const struct failover *f, struct buf *b)
{
	if (failover_nodes_is_here(f, f->old)) {
		buf_adds(b, "on this host: ");
		return;
	}
	buf_adds(b, "over SSH on ");
	failover_add_host(f, f->old, b);
	buf_adds(b, ": ");
}

enum verb { STOP, START, START_BY_HAND };

/* The command of the distribution on this host, as operate_do() would run it;
 * what another host has is not known here, but for RHEL's unit, which its
 * directory tells: that is for a person, since it takes root. */
static bool
add_distro(const struct failover *f, enum verb verb, struct buf *b)
{
	const char *pgdata = failover_nodes_pgdata(f, f->old);
	struct distro d = {.kind = DISTRO_NONE};
	bool added;

	if (pgdata != NULL)
		(void)distro_find(&d, pgdata, failover_self_version(f), NULL);
	added = d.kind == DISTRO_RHEL ? verb == START_BY_HAND
				      : d.kind != DISTRO_NONE &&
					    failover_nodes_is_here(f, f->old);
	if (added)
		distro_add_typed(
		    &d, verb == STOP ? DISTRO_STOP : DISTRO_START, pgdata, b);
	distro_free(&d);
	return added;
}

static void
add_command(
    const struct failover *f, const char *own, enum verb verb, struct buf *b)
{
	struct buf program = BUF_INIT;
	const struct conf_node *n = f->conf[f->old];

	add_place(f, b);
	if (own != NULL) {
		text_add_escaped(b, own, strlen(own));
		return;
	}
	if (add_distro(f, verb, b))
		return;
	buf_addf(&program, "%s%spg_ctl",
	    n != NULL && n->bindir != NULL ? n->bindir : "",
	    n != NULL && n->bindir != NULL ? "/" : "");
	shell_add_word(b, buf_str(&program));
	buf_adds(b, verb == STOP ? " stop -m fast" : " start");
	buf_free(&program);
	failover_add_pgdata(f, f->old, b);
}

void
failover_old_add_stop(const struct failover *f, struct buf *b)
{
	const struct conf_node *n = f->conf[f->old];

	add_command(f, n != NULL ? n->stop : NULL, STOP, b);
}

void
failover_old_add_start(const struct failover *f, bool by_hand, struct buf *b)
{
	const struct conf_node *n = f->conf[f->old];

	add_command(
	    f, n != NULL ? n->start : NULL, by_hand ? START_BY_HAND : START, b);
}

void
failover_old_add_follow(const struct failover *f, struct buf *b)
{
	add_place(f, b);
	buf_adds(b, "standby-follow ");
	failover_add_master(f, f->node, b);
	failover_add_pgdata(f, f->old, b);
	if (f->conf[f->old] != NULL) {
		buf_adds(b, ", or, where the histories forked, standby-clone ");
		shell_add_word(b, f->conf[f->old]->name);
		buf_adds(b, " --delta");
	}
}

/* --- may it be done ------------------------------------------------------- */

static int refuse(struct failover *f, const char *id, const char *fault,
    const char *hint, struct err *e, const char *fmt, ...) PRINTFLIKE(6, 7);
static int
refuse(struct failover *f, const char *id, const char *fault, const char *hint,
    struct err *e, const char *fmt, ...)
{
	char message[1400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return failover_add_refusal(f, id, fault, false, message, hint, e);
}

static bool
is_known(const struct failover *f)
{
	return f->old >= 0 && old_node(f)->reach == REACH_YES &&
	       old_node(f)->says == ROLE_PRIMARY;
}

static int
judge_roles(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	char hint[512], word[SHELL_WORD];

	(void)snprintf(hint, sizeof(hint),
	    "If the primary is down, promote without --switchover: " //
	    "standby-promote %s",
	    shell_word(n->name, word));
	if (f->old < 0)
		return refuse(f, "no-primary", "D2", hint, e,
		    "no primary answers that could be stopped");
	if (!is_known(f))
		return refuse(f, "no-primary", "D2", hint, e,
		    "%s does not answer as a primary, so that there is none "
		    "to be stopped",
		    old_node(f)->name);
	if (n->upstream >= 0 && n->upstream != f->old)
		return refuse(f, "not-streamed", "D8",
		    "Choose a standby that streams from the primary, or let "
		    "it follow the primary first: standby-follow",
		    e, "%s streams from %s, not from the primary %s", n->name,
		    f->s.nodes[n->upstream].name, old_node(f)->name);
	return 0;
}

/* Where no file says it, its server may. */
static int
find_pgdata(struct failover *f, struct err *e)
{
	struct pg_rows *r = NULL;
	struct pg *pg = NULL;
	const char *t;
	int rc = 0;

	if (failover_nodes_pgdata(f, f->old) != NULL)
		return 0;
	if (failover_old_session(f, f->old, &pg, NULL) == 0 &&
	    pg_query(pg, &r, failover_by(f, FAILOVER_ASK_MS),
		"SELECT setting FROM pg_settings WHERE name = "
		"'data_directory'",
		0, NULL, NULL) == 0 &&
	    pg_rows_n(r) == 1 && (t = pg_rows_get(r, 0, 0)) != NULL &&
	    (f->old_pgdata = strdup(t)) == NULL)
		rc = err_set_nomem(e);
	pg_rows_free(r);
	pg_close(pg);
	return rc == 0 ? failover_interrupted(f, e) : -1;
}

/* Of this host: without commands of its own, programs are wanted. */
static int
judge_programs(struct failover *f, struct err *e)
{
	const struct conf_node *n = f->conf[f->old];
	const char *given =
	    n != NULL && n->bindir != NULL ? n->bindir : f->o->bindir;
	struct err why = ERR_INIT;
	char *bindir = NULL;
	int minor, rc = 0;

	if (!failover_nodes_is_here(f, f->old) ||
	    (n != NULL && n->start != NULL && n->stop != NULL))
		return 0;
	if (server_bindir(given, old_node(f)->version, &bindir, &minor, &why) ==
	    -1)
		rc = refuse(f, "no-operate", "D2", why.hint, e,
		    "%s cannot be stopped and started from here: %s",
		    old_node(f)->name, why.text);
	free(bindir);
	return rc;
}

static int
judge_operate(struct failover *f, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_MAY};
	const char *name = old_node(f)->name;
	struct operate_answer a;
	struct err why = ERR_INIT;
	int rc = 0;

	if (failover_nodes_operate(f, f->old, &q, &a, FAILOVER_SSH_MS, &why) ==
	    -1) {
		if (why.code == ERR_INTERRUPTED || why.code == ERR_NOMEM) {
			*e = why;
			return -1;
		}
		return refuse(f, "no-operate", "D2", why.hint, e,
		    "%s cannot be stopped and started from here: %s", name,
		    why.text);
	}
	if (a.running != 1)
		rc = refuse(f, "no-operate", "D2",
		    "Look at its pgdata and host (ssh) in the configuration "
		    "file.",
		    e,
		    "%s answers, but whether its server runs in \"%s\" cannot "
		    "be told there%s%s",
		    name, failover_nodes_pgdata(f, f->old),
		    a.text != NULL && *a.text != '\0' ? ": " : "",
		    a.text != NULL ? a.text : "");
	operate_answer_free(&a);
	return rc;
}

/* It has to follow a node that its host knows by name. */
static int
judge_names(struct failover *f, struct err *e)
{
	if (failover_nodes_is_here(f, f->old) || f->conf[f->node] != NULL)
		return 0;
	return refuse(f, "no-operate", "D12",
	    "Add both nodes to the configuration file of this host and of "
	    "that one, and name the node instead of its host.",
	    e,
	    "%s could not be told to follow %s, which is no node of the "
	    "configuration file",
	    old_node(f)->name, failover_candidate(f)->name);
}

static void
note_siblings(struct failover *f)
{
	for (size_t i = 0; i < f->s.n; i++) {
		const struct status_node *n = &f->s.nodes[i];

		if ((int)i == f->node || (int)i == f->old ||
		    n->role == ROLE_RECEIVEWAL || n->upstream != f->old)
			continue;
		if (f->o->siblings_follow)
			failover_note(f, "%s will follow %s, too", n->name,
			    failover_candidate(f)->name);
		else
			failover_note(f,
			    "%s goes on below %s, which comes back as a "
			    "standby, until it is told to follow %s "
			    "(--siblings-follow)",
			    n->name, old_node(f)->name,
			    failover_candidate(f)->name);
	}
}

int
failover_old_judge(struct failover *f, struct err *e)
{
	const struct status_node *n = failover_candidate(f);
	size_t before = f->rec->verdict.standing;

	if (!f->o->switchover || n == NULL || n->reach != REACH_YES ||
	    n->says == ROLE_PRIMARY || f->facts.proof == PROOF_STOPPED)
		return 0;
	if (judge_roles(f, e) == -1)
		return -1;
	if (f->rec->verdict.standing > before || f->old_operable)
		return 0;
	if (find_pgdata(f, e) == -1 || judge_names(f, e) == -1 ||
	    judge_programs(f, e) == -1 || judge_operate(f, e) == -1)
		return -1;
	f->old_operable = f->rec->verdict.standing == before;
	if (f->old_operable)
		note_siblings(f);
	return 0;
}

/* --- how it does ---------------------------------------------------------- */

/* The last line that a command said, behind ": ". */
static void
add_said(struct buf *b, const char *text)
{
	struct buf tail = BUF_INIT;

	if (text != NULL)
		text_add_tail(&tail, text, strlen(text), 3, "");
	for (char *p = tail.data; p != NULL && *p != '\0'; p++)
		if (*p == '\n')
			*p = p[1] != '\0' ? ' ' : '\0';
	if (tail.len > 0)
		buf_addf(b, ": %s", buf_str(&tail));
	buf_free(&tail);
}

int
failover_old_operate(struct failover *f, struct operate_request *q,
    const char *what, int64_t ms, struct operate_answer *a, struct err *e)
{
	struct buf said = BUF_INIT;
	int rc = failover_nodes_operate(f, f->old, q, a, ms, e);

	if (rc == 0 && a->status != 0) {
		add_said(&said, a->text);
		rc = err_set(e, ERR_PROC, "%s ended with status %d%s", what,
		    a->status, buf_str(&said));
		buf_free(&said);
	}
	return rc;
}

/* --- stop ----------------------------------------------------------------- */

int
failover_old_stop(struct failover *f, struct err *e)
{
	int64_t ms =
	    f->o->timeout_ms > 0 ? f->o->timeout_ms : FAILOVER_TIMEOUT_MS;
	struct operate_request q = {.verb = OPERATE_STOP};
	struct operate_answer a;
	struct buf b = BUF_INIT;
	int rc;

	failover_old_add_stop(f, &b);
	failover_step(f, "stop", "%s, %s", old_node(f)->name, buf_str(&b));
	buf_free(&b);
	/* From here on signals wait, and the time is counted anew: what has
	 * begun is brought to an end, this or that way. */
	f->committed = true;
	sig_second(STATUS_INCOMPLETE);
	f->stopped_at = clock_ms();
	f->deadline = deadline_in(ms);
	if (f->pg != NULL)
		pg_ignore_signals(f->pg);
	rc = failover_old_operate(f, &q, "its stop", ms * 2 / 3, &a, e);
	/* Without an end, or without an effect. */
	f->stop_unknown = a.sent && a.status == 0;
	if (rc == 0 && a.running != 0)
		rc = err_set(e, ERR_PROC,
		    a.running == 1 ? "it still runs"
				   : "whether it runs cannot be told");
	operate_answer_free(&a);
	if (rc == 0) {
		f->stop_unknown = false;
		return 0;
	}
	(void)err_wrap(e, "%s was not stopped", old_node(f)->name);
	return failover_old_restart(f, e);
}

int
failover_old_end(struct failover *f, uint64_t *end, struct err *e)
{
	/* From its last checkpoint on, which is that of the shutdown: what the
	 * candidate had at the last look may be removed by now. */
	struct operate_request q = {.verb = OPERATE_WAL_END};
	struct operate_answer a;
	int rc;

	rc = failover_old_operate(f, &q, "it", FAILOVER_SSH_MS * 2, &a, e);
	if (rc == -1)
		(void)err_wrap(e, "where the WAL of %s ends is not known",
		    old_node(f)->name);
	else if (a.running != 0)
		rc = err_set(e, ERR_PROC,
		    "%s was stopped, and runs again: something started it",
		    old_node(f)->name);
	else if (a.wal_end == LSN_INVALID)
		rc = err_set(e, ERR_SOURCE,
		    "no end of the WAL of %s was found on its disk",
		    old_node(f)->name);
	*end = a.wal_end;
	operate_answer_free(&a);
	return rc;
}

/* --- as a standby --------------------------------------------------------- */

/* A time that somebody gave is for all of the run; so is any when a signal has
 * asked for the end. */
static void
give_time(struct failover *f, int64_t ms)
{
	if (!f->o->timeout_given && sig_caught() == 0)
		f->deadline = MAX_OF(f->deadline, deadline_in(ms));
}

/* What it said is shown; *forked, unless NULL: it refused for that, and there
 * is another way. */
static int
make_standby(struct failover *f, struct operate_request *q, const char *what,
    int64_t ms, bool *forked, struct err *e)
{
	struct operate_answer a;
	int rc = failover_nodes_operate(f, f->old, q, &a, ms, e);

	if (forked != NULL)
		*forked = follow_said_forked(a.status, a.text);
	if (rc == 0 && a.status != 0) {
		if (forked == NULL || !*forked)
			failover_said(f, f->old, a.text);
		rc = err_set(
		    e, ERR_PROC, "%s ended with status %d", what, a.status);
	}
	operate_answer_free(&a);
	return rc;
}

void
failover_old_back(struct failover *f)
{
	struct operate_request q = {.verb = OPERATE_FOLLOW};
	const char *name = old_node(f)->name;
	struct err why = ERR_INIT;
	bool forked;
	int rc;

	q.node = f->conf[f->node] != NULL ? f->conf[f->node]->name : NULL;
	failover_step(f, "follow", "%s, as a standby of %s", name,
	    f->s.nodes[f->node].name);
	give_time(f, FOLLOW_MS);
	rc = make_standby(f, &q, "standby-follow", FOLLOW_MS, &forked, &why);
	if (rc == -1 && forked) {
		failover_step(f, "delta", "%s, whose history has forked", name);
		err_clear(&why);
		q.verb = OPERATE_DELTA;
		q.node = NULL;
		give_time(f, DELTA_MS);
		f->delta = true;
		rc = make_standby(
		    f, &q, "standby-clone --delta", DELTA_MS, NULL, &why);
		f->delta = false;
		if (!f->o->timeout_given)
			f->deadline = deadline_in(FOLLOW_MS);
	}
	f->old_back = rc == 0;
	if (rc == -1)
		failover_failed(
		    f, "%s did not come back as a standby: %s", name, why.text);
}
