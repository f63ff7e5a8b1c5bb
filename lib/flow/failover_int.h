/*
 * What the files of flow/failover share: the parts that a failover and a
 * switchover are made of.
 *
 *	nodes     who is there: the file's, the candidate, the old primary
 *	facts     look at all of them, find the old primary
 *	proof     is it down, where does its WAL end
 *	judge     what refuses
 *	timeline  of standbys that have no receiver any more
 *	self      the candidate: what its server and its directory say
 *	means     how it is promoted: choose, request; each way of it:
 *	          self (pg_promote()), trigger, pg_ctl, agent
 *	confirm   the proof that it happened
 *	lock      only one promotion at a time
 *	after     checkpoint, siblings, what is next
 *	old       a switchover's old primary: may it be stopped, stop it, bring
 *	          it back as a standby
 *	restart   start it again as the primary, when that is given up
 */
#ifndef FLOW_FAILOVER_INT_H
#define FLOW_FAILOVER_INT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "core/pgver.h"
#include "core/promote.h"
#include "core/status.h"
#include "core/trend.h"
#include "flow/failover.h"
#include "flow/operate.h"
#include "flow/survey.h"
#include "io/host.h"
#include "io/pg.h"
#include "io/tree.h"

#define FAILOVER_NAME "standby-promote"
#define FAILOVER_TIMEOUT_MS 60000
#define FAILOVER_LOOK_MS 3000 /* for all nodes together */
#define FAILOVER_HUNG_MS 1000 /* when one of them hung the last time */
#define FAILOVER_ASK_MS 3000  /* one statement, one connection */
#define FAILOVER_SSH_MS 5000  /* one question to an agent */
#define FAILOVER_PG_CTL_MS 30000
#define FAILOVER_POLL_MS 20

/* A session that holds the lock on one node. */
struct failover_lock {
	struct pg *pg; /* NULL: the candidate's, f->pg */
	bool held;
	const char *name;
	char *session;            /* what tells it from all others; NULL */
	struct conninfo conninfo; /* its own; empty for the candidate */
};

/* What the candidate's server says of itself, and its directory. */
struct failover_self {
	double status_interval; /* wal_receiver_status_interval, s */
	char *data_directory, *primary_conninfo, *trigger_file; /* or NULL */
	char *synchronous_names;
	bool read_only; /* default_transaction_read_only */
	int version;    /* of PG_VERSION, when it does not answer; 0 */
	bool may_promote;
	char *pgdata; /* of option, file or server; NULL unknown */
	bool here;    /* it is a directory of this host, and of this server */
	bool ours;    /* ... of the user that runs us */
	char *bindir;
	char *no_means, *no_means_hint, *trigger_path, *trigger_problem;
	bool no_agent; /* the agent cannot, as no_means says, too */
	char *unlogged_first;
};

struct failover {
	const struct failover_opts *o;
	const struct failover_ui *ui;
	struct failover_record *rec;
	int64_t started, deadline;
	bool requested; /* from here on nothing is "not promoted" */
	int64_t requested_at;
	bool confirmed;
	bool fenced, fence_failed;    /* the fence ended with 0; it did not */
	int64_t fenced_at, looked_at; /* end of the fence; begin of the look */
	bool looked;     /* the candidate's directory was looked at */
	struct buf hung; /* nodes, a line each, that let a replication login
			  * or its question hang */
	bool agent_asked, agent_silent; /* about the old primary */
	bool refused;                   /* refusals stand: nothing was done */

	/* Named nodes; their indexes are those of s.nodes. */
	struct survey_node *nodes;
	const struct conf_node **conf; /* parallel; NULL: not of the file */
	size_t nnodes;
	struct host_known *known; /* which names lead to this host */
	struct survey *survey;
	struct status s;   /* of the last look */
	int node, old;     /* -1: not known */
	bool old_given;    /* by --old-primary */
	char *old_standby; /* was taken for it, and is a standby; NULL */
	char *old_place;   /* where it is known from: "--old-primary" ... */
	bool old_guessed;  /* ... which is no more than a guess */

	struct failover_self self;
	struct pg *pg; /* session on the candidate; NULL none */
	struct failover_lock *locks;
	size_t nlocks;
	char *locked_by, *locked_hint; /* who has the lock, how to end it */

	struct promote_facts facts; /* of the last judgement */
	char *known_from;
	uint64_t wal_end; /* of the stopped old primary's disk; 0 */
	uint32_t wal_end_timeline;
	bool typed;
	uint32_t timeline; /* of the candidate, before */

	/* A switchover brings the old primary back itself. */
	bool old_back;
	bool old_operable;  /* stop and start of it are possible */
	char *old_pgdata;   /* as its server says; NULL */
	bool committed;     /* its stop was asked for: signals wait */
	bool delta;         /* it is copied to: takes long, a signal ends it */
	bool resumed;       /* replay was paused, and may go on now */
	int64_t stopped_at; /* when that was */
	bool stop_unknown;  /* ... and it may come yet */
};

/* --- failover_nodes.c ----------------------------------------------------- */

/* All that the options and the file name; f->node is set unless the best one
 * is to be chosen. */
int failover_nodes(struct failover *f, struct err *e);
void failover_nodes_free(struct failover *f);
/* The named node at that place, -1: none; -2 with e. */
int failover_nodes_at(
    struct failover *f, const char *host, const char *port, struct err *e);
/* A further one at that place, connected to as the candidate is; its index, or
 * -1 with e.  The survey must be made anew. */
int failover_nodes_add(
    struct failover *f, const char *host, const char *port, struct err *e);
/* Named node i is another name of `of`, which comes before it: what was typed
 * means that one, with the login that was typed.  The survey must be made anew.
 */
int failover_nodes_merge(struct failover *f, int i, int of, struct err *e);
/* How to connect to node i of f->s, also to one that was found. */
int failover_nodes_conninfo(
    const struct failover *f, int i, struct conninfo *c, struct err *e);
/* Does that name or address lead to this host?  Within the run's time; not
 * known is no. */
bool failover_nodes_local(const struct failover *f, const char *host);
/* Is node i on this host, as far as its address and the file say? */
bool failover_nodes_is_here(const struct failover *f, int i);
/* Directory of node i, as the file (or an option) says; NULL. */
const char *failover_nodes_pgdata(const struct failover *f, int i);
/* One question to the agent of node i's host, or to this host.  -1 with e: no
 * answer. */
int failover_nodes_operate(const struct failover *f, int i,
    struct operate_request *q, struct operate_answer *a, int64_t ms,
    struct err *e);

/* --- failover_place.c ----------------------------------------------------- */

/* The named node at that place, by its spelling; -1: none. */
int failover_place(const struct failover *f, const struct conninfo *c);
/* By the addresses of its host, for a server that need not answer: same_host()
 * and the same port.  Names are asked for, within the run's time. */
int failover_place_host(const struct failover *f, const struct conninfo *c);

/* --- failover_facts.c ----------------------------------------------------- */

/* Look at all nodes; the first time also: choose the candidate, find the old
 * primary, open the session on the candidate, and read what it says. */
int failover_look(struct failover *f, struct err *e);
/* No more than the look.  Who hung once is not waited for as long again. */
int failover_look_again(struct failover *f, struct err *e);
const struct status_node *failover_candidate(const struct failover *f);
/* Does node i answer, and say that it is that?  -1: nobody. */
bool failover_says(const struct failover *f, int i, enum status_role role);
/* Named node i is the old primary, as `how` says.  1; 0 it cannot be; -1. */
int failover_found_old(
    struct failover *f, int i, const char *how, struct err *e);
/* The last look that somebody remembered; a hint. */
void failover_state_file(const struct failover *f, struct trend *t);

/* --- failover_proof.c ----------------------------------------------------- */

/* Is the old primary down, and what proves it; where its WAL ends: f->facts. */
int failover_prove(struct failover *f, bool typed, struct err *e);
/* The fence is still to be run: it ends what is found running. */
bool failover_will_fence(const struct failover *f);

/* --- failover_judge.c ----------------------------------------------------- */

/* Proofs about the old primary, the end of its WAL; then judge.  assume_typed:
 * as if the name had been typed.  Refusals that are new are told.  0 also when
 * refusals stand (f->rec->verdict.standing); -1: e. */
int failover_judge(struct failover *f, bool assume_typed, struct err *e);
/* Refusals stand: e says so.  -1, always. */
int failover_refused(struct failover *f, struct err *e);
/* A refusal that is not of the table. */
int failover_add_refusal(struct failover *f, const char *id, const char *fault,
    bool forceable, const char *message, const char *hint, struct err *e);

/* --- failover_timeline.c -------------------------------------------------- */

/* After a look: timelines of standbys whose receiver does not tell.  -1:
 * interrupted, no memory, the run's time is over. */
int failover_timelines(struct failover *f, struct err *e);

/* --- failover_lock.c ------------------------------------------------------ */

/* On every node that answers, in an order that is the same everywhere; fills
 * f->locked_by when another one has it. */
int failover_lock(struct failover *f, struct err *e);
void failover_unlock(struct failover *f);
/* On the candidate's session, which may be a new one; nothing when no locks
 * were taken.  Not got: f->locked_by. */
int failover_lock_again(struct failover *f, struct err *e);
/* Refuse, as f->locked_by says.  -1, always. */
int failover_lock_refuse(struct failover *f, struct err *e);

/* --- failover_self.c ------------------------------------------------------ */

/* Open f->pg, and read f->self.  A node that does not let us in is no error. */
int failover_self_read(struct failover *f, struct err *e);
void failover_self_free(struct failover_self *self);
/* f->pg anew, within ms. */
int failover_self_open(
    struct failover *f, int sigfd, int64_t ms, struct err *e);
/* Of the server, as it says or its directory; 0 not known. */
int failover_self_version(const struct failover *f);
/* A parameter of recovery.conf, below 12; false: not set, or no such file. */
bool failover_self_recovery(
    struct tree *t, int version, const char *name, struct buf *value);
/* Ask by pg_promote(); f->requested as with all means: false only when the
 * server was certainly not asked. */
int failover_self_promote(struct failover *f, struct err *e);

/* --- failover_trigger.c, failover_pg_ctl.c, failover_agent.c ---------------
 */

/* Each: is it possible?  Sets f->facts.means, or the reason why not in f->self
 * (trigger_problem, no_means).  And: ask by it. */
int failover_trigger_choose(struct failover *f, int version, struct err *e);
int failover_trigger_promote(struct failover *f, struct err *e);
int failover_pg_ctl_choose(struct failover *f, int version, struct err *e);
int failover_pg_ctl_promote(struct failover *f, struct err *e);
int failover_agent_choose(struct failover *f, struct err *e);
int failover_agent_promote(struct failover *f, struct err *e);

/* --- failover_means.c ----------------------------------------------------- */

/* A copy of text in place of *to; NULL and "": none. */
int failover_keep(char **to, const char *text, struct err *e);
/* The first reason stays. */
int failover_because(char **reason, struct err *e, const char *fmt, ...)
    PRINTFLIKE(3, 4);
/* Choose: fills means, no_means, trigger_* of f->facts. */
int failover_means_choose(struct failover *f, struct err *e);
/* Text for steps and plans: "pg_promote() over SQL". */
void failover_means_add(const struct failover *f, struct buf *b);
/* Ask the server to promote, after the last checks; a paused replay is resumed
 * just before, when asked.  -1 with f->requested false: it was certainly not
 * asked (and f->resumed: replay may go on, 7). */
int failover_request(struct failover *f, struct err *e);

/* --- failover_confirm.c --------------------------------------------------- */

/* Out of recovery, on a new timeline, a write works.  -1: outcome unknown, 7
 * with the state in e. */
int failover_confirm(struct failover *f, struct err *e);

/* --- failover_after.c ----------------------------------------------------- */

/* CHECKPOINT, siblings, status after, what is next.  Failures are lines of
 * rec->failed; -1 with e (7) when there are any. */
int failover_after(struct failover *f, struct err *e);
/* What a dry run would do after the promotion. */
void failover_after_plan(struct failover *f, struct buf *b);
/* The end of what a command said on the host of node i; NULL: nothing. */
void failover_said(struct failover *f, int i, const char *text);
/* A later step failed. */
void failover_failed(struct failover *f, const char *fmt, ...) PRINTFLIKE(2, 3);
void failover_next(struct failover *f, const char *fmt, ...) PRINTFLIKE(2, 3);
/* "-h db2 -p 5433", as other hosts reach node i: for commands that are
 * printed, quoted for a shell. */
void failover_add_master(const struct failover *f, int i, struct buf *b);
/* The host alone; " -D DIRECTORY". */
void failover_add_host(const struct failover *f, int i, struct buf *b);
void failover_add_pgdata(const struct failover *f, int i, struct buf *b);

/* --- failover_switchover.c ------------------------------------------------ */

/*
 * In place of the fence, the request and the confirmation: called with the
 * locks held and nothing refused.  CHECKPOINT on the old primary, stop it,
 * verify that the candidate has its last record (then f->facts.proof is
 * PROOF_STOPPED), failover_request(), failover_confirm(), start the old one as
 * a standby (f->old_back).  failover_after() comes after it.
 */
int failover_switchover(struct failover *f, struct err *e);
/* The exact steps of it, for a dry run: a line each. */
int failover_switchover_plan(
    const struct failover *f, struct buf *b, struct err *e);

/* --- failover_old.c ------------------------------------------------------- */

/* Refusals of a switchover, beside those of the table. */
int failover_old_judge(struct failover *f, struct err *e);
/* A session on node i that no signal ends from f->committed on. */
int failover_old_session(
    const struct failover *f, int i, struct pg **pg, struct err *e);
/* Stop it, cleanly.  -1: it does not run as a stopped one should, and e says
 * what it does now: 1 or 3 it takes writes as before, 7 act. */
int failover_old_stop(struct failover *f, struct err *e);
/* What it was asked to do, which is `what` in the words of e.  -1: no answer,
 * or a->status is not 0. */
int failover_old_operate(struct failover *f, struct operate_request *q,
    const char *what, int64_t ms, struct operate_answer *a, struct err *e);
/* After failover_old_stop: where its WAL ends. */
int failover_old_end(struct failover *f, uint64_t *end, struct err *e);
/* As a standby of the new primary; f->old_back, or a line of rec->failed. */
void failover_old_back(struct failover *f);
/* "over SSH on db1: pg_ctl stop ...", for a plan; by_hand: what a person would
 * type. */
void failover_old_add_stop(const struct failover *f, struct buf *b);
void failover_old_add_start(
    const struct failover *f, bool by_hand, struct buf *b);
void failover_old_add_follow(const struct failover *f, struct buf *b);

/* --- failover_restart.c --------------------------------------------------- */

/* Since the node was not promoted, as e says: start it as the primary again. e
 * becomes 1; or 7 when it does not take writes, when its stop may still come,
 * or when the node was promoted by somebody else, or may have been: then it is
 * left stopped.  -1, always. */
int failover_old_restart(struct failover *f, struct err *e);

/* --- failover.c ----------------------------------------------------------- */

void failover_step(struct failover *f, const char *what, const char *fmt, ...)
    PRINTFLIKE(3, 4);
void failover_note(struct failover *f, const char *fmt, ...) PRINTFLIKE(2, 3);
/* A warning with a code; text as for err_set. */
void failover_warn(struct failover *f, const char *hint, const char *fmt, ...)
    PRINTFLIKE(3, 4);
/* The earlier of the run's deadline and ms from now. */
int64_t failover_by(const struct failover *f, int64_t ms);
/* ms, or what is left of the run's time when that is less; not 0. */
int64_t failover_ms_left(const struct failover *f, int64_t ms);
/* Would there be time left to promote, after so many ms? */
bool failover_may_wait(const struct failover *f, int64_t ms);
/* The run's time is over, or as good as over: before the request that is -1
 * with e, 6: what was not answered in it is no ground for a verdict. */
int failover_late(const struct failover *f, bool over, struct err *e);
/* "nothing was changed", but for a fence that has run, whatever it has done. */
const char *failover_changed(const struct failover *f);
/* Is there time left to promote?  -1 with e, 6, before the request. */
int failover_in_time(const struct failover *f, struct err *e);
/* Has a signal asked us to end before the request?  -1 with e. */
int failover_interrupted(const struct failover *f, struct err *e);

#endif
