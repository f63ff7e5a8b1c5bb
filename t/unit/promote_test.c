/*
 * Every refusal: the facts that raise it, and the nearest ones that must not.
 * Facts are written down by hand, so that nothing else is tested: node1 was the
 * primary and is silent, node2 is the candidate, node3 its sibling.
 */
#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"
#include "core/promote.h"

#define T(text) ((char *)(uintptr_t)(text))
#define MB INT64_C(1048576)
#define SYSTEM UINT64_C(7281936400112233445)
#define END UINT64_C(0xA3C1F60)

struct scene {
	struct status s;
	struct status_node n[5];
	struct promote_facts f;
	bool force;
};

static void
node(struct status_node *n, const char *name, const char *host)
{
	*n = (struct status_node){
	    .name = T(name),
	    .host = T(host),
	    .port = T("5432"),
	    .user = T("re\"pl"),
	    .expected = true,
	    .weight = 1,
	    .reach = REACH_YES,
	    .version = 150018,
	    .says = ROLE_STANDBY,
	    .role = ROLE_STANDBY,
	    .system_identifier = SYSTEM,
	    .timeline = 3,
	    .received = END,
	    .replayed = END,
	    .clock = 1000,
	    .paused = 0,
	    .apply_delay = 0,
	    .receiver = {.sight = SIGHT_SEEN, .heard = -1, .sent_ago = -1},
	    .upstream = -1,
	    .sender = -1,
	};
}

static void
gone(struct status_node *n)
{
	n->reach = REACH_FAILED;
	n->reach_text = T("connection refused");
	n->says = n->role = ROLE_UNKNOWN;
	n->system_identifier = 0;
	n->version = 0;
	n->timeline = 0;
	n->received = n->replayed = n->written = 0;
}

static void
primary(struct status_node *n)
{
	n->reach = REACH_YES;
	n->says = n->role = ROLE_PRIMARY;
	n->system_identifier = SYSTEM;
	n->timeline = 3;
	n->written = END;
	n->received = n->replayed = 0;
}

static void
streams(struct status_node *n, int from, double heard)
{
	n->upstream = from;
	n->receiver.present = true;
	n->receiver.status = T("streaming");
	n->receiver.timeline = 3;
	n->receiver.heard = heard;
}

/* Nothing stands against it. */
static void
good(struct scene *c)
{
	*c = (struct scene){.force = false};
	node(&c->n[0], "node1", "db1");
	node(&c->n[1], "node2", "db2");
	node(&c->n[2], "node3", "db3");
	node(&c->n[3], "node4", "db4");
	node(&c->n[4], "node5", "db5");
	gone(&c->n[0]);
	c->s = (struct status){.nodes = c->n,
	    .n = 3,
	    .whole = true,
	    .primary = -1,
	    .system_identifier = SYSTEM};
	c->f = (struct promote_facts){.s = &c->s,
	    .node = 1,
	    .old = 0,
	    .old_state = OLD_SILENT,
	    .proof = PROOF_FENCE,
	    .max_lag = -1,
	    .known_end = END,
	    .known_from = "receiver of node3",
	    .message_limit = 20,
	    .means = MEANS_SQL};
}

/* "id id" of what stands, with "+" before what was forced. */
static void
add_ids(struct buf *b, const struct promote_verdict *v)
{
	for (size_t i = 0; i < v->n; i++)
		buf_addf(b, "%s%s%s", i > 0 ? " " : "",
		    v->v[i].forced ? "+" : "", v->v[i].id);
}

static void
expect(struct scene *c, const char *what, const char *want)
{
	struct promote_verdict v;
	struct buf ids = BUF_INIT;
	size_t standing = 0;

	c->f.s = &c->s;
	c->s.nodes = c->n;
	assert_int_equal(promote_judge(&v, &c->f, c->force), 0);
	add_ids(&ids, &v);
	if (strcmp(buf_str(&ids), want) != 0)
		fail_msg("%s: \"%s\", not \"%s\" (%s)", what, buf_str(&ids),
		    want, v.n > 0 ? v.v[0].message : "");
	for (size_t i = 0; i < v.n; i++) {
		standing += !v.v[i].forced;
		assert_non_null(v.v[i].message);
		assert_non_null(v.v[i].hint);
		assert_true(v.v[i].fault[0] == 'D');
	}
	assert_int_equal(v.standing, standing);
	buf_free(&ids);
	promote_verdict_free(&v);
}

struct row {
	const char *what;
	void (*change)(struct scene *);
	const char *want;
};

static void
run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scene c;

		good(&c);
		if (rows[i].change != NULL)
			rows[i].change(&c);
		expect(&c, rows[i].what, rows[i].want);
	}
}

/* A change of the scene that has a name. */
#define CHANGE(name) static void name(struct scene *c)

/* --- D1 ------------------------------------------------------------------ */

CHANGE(is_primary)
{
	primary(&c->n[1]);
	c->f.means = MEANS_NONE;
	c->f.proof = PROOF_NONE;
	gone(&c->n[2]);
}
CHANGE(two_primaries)
{
	is_primary(c);
	primary(&c->n[2]);
	c->force = true;
}
CHANGE(two_primaries_older)
{
	two_primaries(c);
	c->n[1].timeline = c->n[2].timeline + 1;
}
CHANGE(two_primaries_newer)
{
	two_primaries(c);
	c->n[2].timeline = c->n[1].timeline + 1;
}
CHANGE(two_systems)
{
	two_primaries(c);
	c->n[2].system_identifier = SYSTEM + 1;
}
CHANGE(two_systems_unknown)
{
	two_primaries(c);
	c->n[1].system_identifier = c->n[2].system_identifier = 0;
}

static void
d1_a_primary_is_promoted_already_unless_there_are_two(void **state)
{
	static const struct row rows[] = {
	    {"a primary alone", is_primary, ""},
	    {"two", two_primaries, "two-primaries"},
	    {"of two systems", two_systems, ""},
	    {"systems not known", two_systems_unknown, "two-primaries"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* --- D2 ------------------------------------------------------------------ */

CHANGE(old_answers)
{
	primary(&c->n[0]);
	c->f.old_state = OLD_ANSWERS;
	c->f.proof = PROOF_NONE;
	c->force = true;
}
CHANGE(two_old_answer)
{
	old_answers(c);
	primary(&c->n[2]);
}
CHANGE(old_answers_fence)
{
	old_answers(c);
	c->f.fence_given = true;
}
CHANGE(old_answers_not_among_them)
{
	c->f.old = -1;
	c->s.n = 2;
	c->n[0] = c->n[2];
	c->f.old_state = OLD_ANSWERS;
	c->f.proof = PROOF_NONE;
	c->f.known_from = NULL;
}
CHANGE(other_answers)
{
	primary(&c->n[2]);
}
CHANGE(old_recovers)
{
	c->n[0].reach = REACH_YES;
	c->n[0].says = c->n[0].role = ROLE_STANDBY;
	c->n[0].received = END + 100;
}
CHANGE(old_foreign)
{
	primary(&c->n[0]);
	c->n[0].system_identifier = SYSTEM - 1;
}
CHANGE(old_runs)
{
	c->f.old_state = OLD_RUNS;
	c->f.proof = PROOF_NONE;
	c->force = true;
}
/* No proof settles a postmaster that answers. */
CHANGE(old_starts)
{
	c->n[0].starting = true;
	c->n[0].reach_text = T("FATAL:  the database system is starting up");
	c->f.proof = PROOF_NAME;
	c->force = true;
}
CHANGE(old_starts_pgpool)
{
	old_starts(c);
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(old_starts_stopped)
{
	old_starts(c);
	c->f.old_state = OLD_STOPPED;
	c->f.proof = PROOF_SSH;
}
CHANGE(old_starts_fence_to_come)
{
	old_starts(c);
	c->f.fence_given = true;
	c->f.proof = PROOF_NONE;
}
CHANGE(old_starts_fenced)
{
	old_starts_fence_to_come(c);
	c->f.proof = PROOF_FENCE;
}
CHANGE(old_stops)
{
	old_starts(c);
	c->n[0].starting = false;
	c->n[0].stopping = true;
}
CHANGE(old_starts_heard)
{
	old_starts(c);
	streams(&c->n[1], 0, 1);
}
CHANGE(sibling_starts)
{
	old_starts(c);
	c->n[0].starting = false;
	gone(&c->n[2]);
	c->n[2].starting = true;
}
CHANGE(old_stopped)
{
	c->f.old_state = OLD_STOPPED;
	c->f.proof = PROOF_SSH;
}
CHANGE(to_be_switched)
{
	old_answers(c);
	streams(&c->n[1], 0, 1);
	c->f.switchover = true;
	c->force = false;
}
CHANGE(switched_and_back)
{
	to_be_switched(c);
	c->f.proof = PROOF_STOPPED;
}
CHANGE(to_be_switched_other)
{
	to_be_switched(c);
	primary(&c->n[2]);
}
CHANGE(to_be_switched_not_fed)
{
	to_be_switched(c);
	c->n[1].receiver.status = T("waiting");
}

static void
d2_nothing_overrides_an_old_primary_that_runs(void **state)
{
	static const struct row rows[] = {
	    {"all is well", NULL, ""},
	    {"answers", old_answers, "old-primary-answers"},
	    {"answers, a fence is given", old_answers_fence,
		"old-primary-answers"},
	    {"answers, not among the nodes", old_answers_not_among_them,
		"old-primary-answers"},
	    {"another one answers", other_answers, "old-primary-answers"},
	    {"it is in recovery now", old_recovers, ""},
	    {"another system", old_foreign, ""},
	    {"ssh says it runs", old_runs, "old-primary-runs"},
	    {"it starts", old_starts, "old-primary-runs"},
	    {"it starts, pgpool", old_starts_pgpool, "old-primary-runs"},
	    {"it starts, ssh says it is stopped", old_starts_stopped,
		"old-primary-runs"},
	    {"it starts, a fence is given", old_starts_fence_to_come, ""},
	    {"it starts, fenced", old_starts_fenced, "old-primary-runs"},
	    {"it stops", old_stops, "old-primary-runs"},
	    {"it starts, and was heard", old_starts_heard, "old-primary-runs"},
	    {"only a sibling starts", sibling_starts, ""},
	    {"ssh says it does not", old_stopped, ""},
	    {"it will be stopped", to_be_switched, ""},
	    {"it was, and is back", switched_and_back, "old-primary-answers"},
	    {"and another one", to_be_switched_other, "old-primary-answers"},
	    {"candidate not fed", to_be_switched_not_fed, "not-streamed"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

CHANGE(heard)
{
	streams(&c->n[1], 0, 19.9);
	c->f.proof = PROOF_NAME;
}
CHANGE(heard_at_limit)
{
	heard(c);
	c->n[1].receiver.heard = 20;
}
CHANGE(heard_unknown)
{
	heard(c);
	c->n[1].receiver.heard = -1;
}
CHANGE(heard_waiting)
{
	heard(c);
	c->n[1].receiver.status = T("waiting");
}
CHANGE(heard_forced)
{
	heard(c);
	c->f.proof = PROOF_FORCE;
	c->force = true;
}
CHANGE(heard_fence)
{
	heard(c);
	c->f.proof = PROOF_FENCE;
}
CHANGE(heard_after_fence)
{
	heard_fence(c);
	c->f.fenced_for = 20;
}
CHANGE(heard_as_fence_ended)
{
	heard_fence(c);
	c->f.fenced_for = 19.9;
}
CHANGE(heard_pgpool)
{
	heard(c);
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(silent_pgpool)
{
	heard_pgpool(c);
	c->n[1].receiver.heard = 20;
}
CHANGE(heard_ssh)
{
	heard(c);
	c->f.proof = PROOF_SSH;
	c->f.old_state = OLD_STOPPED;
}
CHANGE(heard_stopped)
{
	heard_ssh(c);
	c->f.proof = PROOF_STOPPED;
}
CHANGE(nologin)
{
	c->n[0].alive = true;
	c->n[0].reach_text = T("no pg_hba.conf entry");
}
CHANGE(nologin_forced)
{
	nologin(c);
	c->f.proof = PROOF_FORCE;
	c->force = true;
}
CHANGE(nologin_pgpool)
{
	nologin(c);
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(nologin_typed)
{
	nologin(c);
	c->f.proof = PROOF_NAME;
}
CHANGE(nologin_will_fence)
{
	nologin(c);
	c->f.proof = PROOF_NONE;
	c->f.fence_given = true;
}
CHANGE(nologin_stopped)
{
	nologin(c);
	c->f.proof = PROOF_STOPPED;
}
CHANGE(nologin_other)
{
	c->n[2].alive = true;
	gone(&c->n[2]);
}
CHANGE(nologin_and_primary)
{
	nologin(c);
	primary(&c->n[1]);
	c->force = true;
}
CHANGE(heard_will_fence)
{
	heard(c);
	c->f.proof = PROOF_NONE;
	c->f.fence_given = true;
}
CHANGE(heard_relay)
{
	heard(c);
	c->n[1].upstream = 2;
}
CHANGE(heard_nobody_knows)
{
	heard(c);
	c->n[1].upstream = -1;
}
CHANGE(sibling_heard)
{
	streams(&c->n[2], 0, 3);
	c->f.proof = PROOF_NAME;
}
CHANGE(sibling_heard_us)
{
	streams(&c->n[2], 1, 3);
	c->f.proof = PROOF_NAME;
}

static void
d2_a_message_of_a_moment_ago_is_a_sign_of_life(void **state)
{
	static const struct row rows[] = {
	    {"heard", heard, "old-primary-heard"},
	    {"exactly at the limit", heard_at_limit, ""},
	    {"not known when", heard_unknown, ""},
	    {"not streaming", heard_waiting, ""},
	    {"forced", heard_forced,
		"+old-primary-heard +old-primary-unproven"},
	    {"fenced", heard_fence, ""},
	    {"as the fence ended", heard_as_fence_ended, ""},
	    {"after the fence had ended", heard_after_fence,
		"old-primary-heard"},
	    {"pgpool is trusted", heard_pgpool, "old-primary-heard"},
	    {"pgpool is trusted, and it is silent", silent_pgpool, ""},
	    {"ssh says it is stopped", heard_ssh, "old-primary-heard"},
	    {"we stopped it", heard_stopped, ""},
	    {"will be fenced", heard_will_fence, ""},
	    {"of a standby in between", heard_relay, ""},
	    {"of nobody knows whom", heard_nobody_knows, "old-primary-heard"},
	    {"a sibling heard", sibling_heard, "old-primary-heard"},
	    {"a sibling heard us", sibling_heard_us, ""},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

CHANGE(unseen)
{
	c->n[1].receiver.present = true;
	c->n[1].receiver.sight = SIGHT_HIDDEN;
}
CHANGE(unseen_pgpool)
{
	unseen(c);
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(unseen_typed)
{
	unseen(c);
	c->f.proof = PROOF_NAME;
}
CHANGE(unseen_ssh)
{
	unseen(c);
	c->f.proof = PROOF_SSH;
	c->f.old_state = OLD_STOPPED;
}
CHANGE(unseen_will_fence)
{
	unseen(c);
	c->f.proof = PROOF_NONE;
	c->f.fence_given = true;
}
CHANGE(unseen_forced)
{
	unseen(c);
	c->f.proof = PROOF_FORCE;
	c->force = true;
}
CHANGE(unseen_stopped)
{
	unseen_ssh(c);
	c->f.proof = PROOF_STOPPED;
}
CHANGE(unseen_to_be_switched)
{
	to_be_switched(c);
	unseen(c);
}
CHANGE(unseen_answers)
{
	old_answers(c);
	unseen(c);
}
CHANGE(unseen_none)
{
	unseen(c);
	c->n[1].receiver.sight = SIGHT_SEEN;
	c->n[1].receiver.present = false;
}
CHANGE(unseen_old_version)
{
	unseen_none(c);
	c->n[1].receiver.sight = SIGHT_NONE;
}
CHANGE(unseen_not_read)
{
	unseen(c);
	c->n[1].receiver.present = false;
	c->n[1].partial = T("could not read the receiver");
}
CHANGE(unseen_sibling)
{
	c->n[2].receiver.present = true;
	c->n[2].receiver.sight = SIGHT_HIDDEN;
}
CHANGE(unseen_below_us)
{
	unseen_sibling(c);
	c->n[2].upstream = 1;
	c->n[2].sender = 0;
}
CHANGE(unseen_foreign)
{
	unseen_sibling(c);
	c->n[2].system_identifier = SYSTEM + 1;
}
CHANGE(unseen_superuser)
{
	unseen(c);
	c->n[1].version = 90600;
}

static void
d2_a_receiver_that_may_not_be_seen_is_not_silent(void **state)
{
	static const struct row rows[] = {
	    {"fenced", unseen, "old-primary-unseen"},
	    {"pgpool is trusted", unseen_pgpool, "old-primary-unseen"},
	    {"name typed", unseen_typed, "old-primary-unseen"},
	    {"ssh says it is stopped", unseen_ssh, "old-primary-unseen"},
	    {"before the fence", unseen_will_fence, "old-primary-unseen"},
	    {"--force", unseen_forced,
		"+old-primary-unseen +old-primary-unproven"},
	    {"we stopped it", unseen_stopped, ""},
	    {"it will be stopped", unseen_to_be_switched, ""},
	    {"it answers", unseen_answers, "old-primary-answers"},
	    {"there is none", unseen_none, ""},
	    {"the version has no such view", unseen_old_version, ""},
	    {"the view cannot be read", unseen_not_read, "old-primary-unseen"},
	    {"a sibling", unseen_sibling, "old-primary-unseen"},
	    {"a sibling that we feed", unseen_below_us, ""},
	    {"another system", unseen_foreign, ""},
	    {"9.6", unseen_superuser, "old-primary-unseen"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

static void
d2_who_refuses_the_login_is_alive(void **state)
{
	static const struct row rows[] = {
	    {"after a fence", nologin, "old-primary-answers"},
	    {"--force", nologin_forced,
		"old-primary-answers +old-primary-unproven"},
	    {"pgpool is trusted", nologin_pgpool, "old-primary-answers"},
	    {"name typed", nologin_typed, "old-primary-answers"},
	    {"will be fenced", nologin_will_fence, "old-primary-answers"},
	    {"we stopped it", nologin_stopped, ""},
	    {"another one", nologin_other, "sibling-unknown"},
	    {"of a primary", nologin_and_primary, "two-primaries"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* --- D3, D4 -------------------------------------------------------------- */

CHANGE(unproven)
{
	c->f.proof = PROOF_NONE;
}
CHANGE(unproven_nobody)
{
	c->f.proof = PROOF_NONE;
	c->f.old = -1;
	c->s.n = 2;
	c->n[0] = c->n[2];
	c->f.old_state = OLD_NOBODY;
}
CHANGE(will_fence_nobody)
{
	unproven_nobody(c);
	c->f.fence_given = true;
}
CHANGE(fenced_nobody)
{
	will_fence_nobody(c);
	c->f.proof = PROOF_FENCE;
}
CHANGE(fenced_nobody_forced)
{
	fenced_nobody(c);
	c->force = true;
}
CHANGE(pgpool_nobody)
{
	unproven_nobody(c);
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(typed_nobody)
{
	unproven_nobody(c);
	c->f.proof = PROOF_NAME;
}
CHANGE(typed_misnamed)
{
	typed_nobody(c);
	c->f.old_standby = "node1";
	c->f.old_misnamed = true;
}
CHANGE(unproven_forced)
{
	c->f.proof = PROOF_NONE;
	c->force = true;
}
CHANGE(proof_force_without_force)
{
	c->f.proof = PROOF_FORCE;
}
CHANGE(will_fence)
{
	c->f.proof = PROOF_NONE;
	c->f.fence_given = true;
}
CHANGE(fence_failed_forced)
{
	c->f.proof = PROOF_FORCE;
	c->f.fence_given = true;
	c->force = true;
}
CHANGE(typed)
{
	c->f.proof = PROOF_NAME;
}
CHANGE(trusted)
{
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(ssh)
{
	c->f.proof = PROOF_SSH;
}
CHANGE(isolated)
{
	c->f.witnesses = 2;
	c->f.witness = "192.0.2.1";
}
CHANGE(one_witness)
{
	c->f.witnesses = 2;
	c->f.witnesses_reached = 1;
}
CHANGE(isolated_forced)
{
	isolated(c);
	c->force = true;
}

static void
d3_one_proof_is_always_asked_for(void **state)
{
	static const struct row rows[] = {
	    {"none", unproven, "old-primary-unproven"},
	    {"nobody knows it", unproven_nobody, "old-primary-unproven"},
	    {"will fence nobody knows whom", will_fence_nobody,
		"old-primary-unproven"},
	    {"fenced nobody knows whom", fenced_nobody, "old-primary-unproven"},
	    {"... forced", fenced_nobody_forced, "+old-primary-unproven"},
	    {"pgpool, of nobody knows whom", pgpool_nobody,
		"old-primary-unproven"},
	    {"nobody knows it, name typed", typed_nobody, ""},
	    {"--old-primary is a standby", typed_misnamed,
		"old-primary-unproven"},
	    {"--force", unproven_forced, "+old-primary-unproven"},
	    {"a proof by force that was not given", proof_force_without_force,
		"old-primary-unproven"},
	    {"the fence is still to be run", will_fence, ""},
	    {"the fence failed", fence_failed_forced, "+old-primary-unproven"},
	    {"name typed", typed, ""},
	    {"pgpool", trusted, ""},
	    {"ssh", ssh, ""},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

CHANGE(guess)
{
	c->f.proof = PROOF_NONE;
	c->f.old_guess = "the only node that does not answer";
}
CHANGE(guess_stopped)
{
	guess(c);
	c->f.old_state = OLD_STOPPED;
}
CHANGE(guess_ssh)
{
	guess_stopped(c);
	c->f.proof = PROOF_SSH;
}
CHANGE(guess_pgpool)
{
	guess(c);
	c->f.proof = PROOF_PGPOOL;
}
CHANGE(guess_will_fence)
{
	guess(c);
	c->f.fence_given = true;
}
CHANGE(guess_fenced)
{
	guess_will_fence(c);
	c->f.proof = PROOF_FENCE;
}
CHANGE(guess_typed)
{
	guess_stopped(c);
	c->f.proof = PROOF_NAME;
}
CHANGE(guess_fence_failed)
{
	guess(c);
	c->f.proof = PROOF_FORCE;
	c->force = true;
}
CHANGE(guess_switched)
{
	guess_stopped(c);
	c->f.proof = PROOF_STOPPED;
}

static void
d3_a_guess_is_no_proof_and_is_not_shot(void **state)
{
	static const struct row rows[] = {
	    {"silent", guess, "old-primary-unproven"},
	    {"its postmaster does not run", guess_stopped,
		"old-primary-unproven"},
	    {"... as proof", guess_ssh, "old-primary-unproven"},
	    {"pgpool", guess_pgpool, "old-primary-unproven"},
	    {"a fence would shoot it", guess_will_fence,
		"old-primary-unproven"},
	    {"it was shot", guess_fenced, "old-primary-unproven"},
	    {"name typed", guess_typed, ""},
	    {"--force", guess_fence_failed, "+old-primary-unproven"},
	    {"we stopped it", guess_switched, ""},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* Its host says that nothing runs in a directory that ends there. */
static void
ends(struct scene *c, uint32_t timeline, uint64_t end)
{
	c->f.proof = PROOF_NONE;
	c->f.old_pgdata = "/srv/copy";
	c->f.old_end = end;
	c->f.old_end_timeline = timeline;
}
CHANGE(ends_here)
{
	ends(c, 3, END);
}
CHANGE(ends_before)
{
	ends(c, 3, END - 1);
}
CHANGE(ends_behind)
{
	ends(c, 3, END + 1);
}
CHANGE(ends_in_a_record)
{
	ends(c, 3, END - 16 * MB);
	c->n[1].replayed = c->n[2].replayed = END - 16 * MB;
}
CHANGE(ends_before_any_record)
{
	ends_in_a_record(c);
	c->f.old_end--;
	c->n[1].replayed = c->n[2].replayed = c->f.old_end;
}
CHANGE(ends_before_sibling)
{
	ends(c, 3, END);
	c->n[2].replayed = END + 1;
}
CHANGE(ends_before_foreign)
{
	ends_before_sibling(c);
	c->n[2].system_identifier = SYSTEM + 1;
}
CHANGE(ends_before_newer)
{
	ends_before_sibling(c);
	c->n[2].timeline = 4;
}
CHANGE(ends_on_old)
{
	ends(c, 2, END + 65537);
}
CHANGE(ends_on_old_in_page)
{
	ends(c, 2, END + 65536);
}
CHANGE(ends_on_new)
{
	ends(c, 4, END - 1);
}
CHANGE(ends_nowhere)
{
	ends(c, 3, 0);
}
CHANGE(ends_unknown_timelines)
{
	ends(c, 0, END - 1);
	c->n[1].timeline = c->n[2].timeline = 0;
}

static void
d3_a_directory_with_less_wal_than_a_standby_is_another_one(void **state)
{
	static const struct {
		const char *what;
		void (*change)(struct scene *);
		int want;
	} rows[] = {
	    {"ends at what was replayed", ends_here, -1},
	    {"ends before", ends_before, 1},
	    {"ends behind", ends_behind, -1},
	    {"a part of a record was received", ends_in_a_record, -1},
	    {"of more than a record", ends_before_any_record, 1},
	    {"the sibling has more", ends_before_sibling, 2},
	    {"another system has", ends_before_foreign, -1},
	    {"who is on a newer timeline has", ends_before_newer, -1},
	    {"on an older timeline", ends_on_old, 1},
	    {"in the page where the newer one begins", ends_on_old_in_page, -1},
	    {"on a newer timeline", ends_on_new, -1},
	    {"no end is known", ends_nowhere, -1},
	    {"timelines are not known", ends_unknown_timelines, 1},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct scene c;
		int got;

		good(&c);
		rows[i].change(&c);
		got = promote_outgrown(&c.f);
		if (got != rows[i].want)
			fail_msg(
			    "%s: %d, not %d", rows[i].what, got, rows[i].want);
	}
}

static void
d4_a_host_without_a_witness_is_the_isolated_side(void **state)
{
	static const struct row rows[] = {
	    {"none of two", isolated, "isolated"},
	    {"one of two", one_witness, ""},
	    {"--force", isolated_forced, "+isolated"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* --- D5, D6 -------------------------------------------------------------- */

CHANGE(ahead)
{
	c->n[2].received = END + 1;
}
CHANGE(ahead_replayed)
{
	c->n[2].replayed = END + 1;
}
CHANGE(ahead_not_by_replay)
{
	c->n[2].received = END + 1;
	c->n[1].replayed = END + 1;
}
CHANGE(old_ahead)
{
	c->f.end_is_exact = true;
	c->f.end_timeline = 4;
	c->f.known_end = END - 5;
}
CHANGE(old_ahead_forced)
{
	old_ahead(c);
	c->force = true;
}
CHANGE(old_ahead_limited)
{
	old_ahead(c);
	c->f.max_lag = 100 * MB;
}
CHANGE(old_on_same_timeline)
{
	old_ahead(c);
	c->f.end_timeline = 3;
}
CHANGE(old_on_old_timeline)
{
	old_ahead(c);
	c->f.end_timeline = 2;
}
CHANGE(old_ahead_by_others)
{
	old_ahead(c);
	c->f.end_is_exact = false;
}
CHANGE(ahead_by_timeline)
{
	c->n[2].timeline = 4;
	c->n[2].received = c->n[2].replayed = END - 100;
}
CHANGE(ahead_on_old_timeline)
{
	c->n[2].timeline = 2;
	c->n[2].received = END + 100;
}
CHANGE(ahead_receiver_timeline)
{
	streams(&c->n[2], -1, 100);
	c->n[2].receiver.timeline = 4;
}
CHANGE(ahead_timeline_unknown)
{
	c->n[2].timeline = 0;
	c->n[2].received = END + 1;
}
CHANGE(behind_timeline_unknown)
{
	c->n[2].timeline = 0;
}
CHANGE(ahead_foreign)
{
	ahead(c);
	c->n[2].system_identifier = SYSTEM + 1;
}
CHANGE(ahead_receivewal)
{
	ahead(c);
	c->n[2].role = ROLE_RECEIVEWAL;
}
CHANGE(ahead_forced)
{
	ahead(c);
	c->force = true;
}
CHANGE(ahead_two)
{
	ahead(c);
	c->s.n = 4;
	c->n[3].received = END + 2;
}
CHANGE(ahead_old)
{
	c->n[0].reach = REACH_YES;
	c->n[0].says = c->n[0].role = ROLE_STANDBY;
	c->n[0].received = END + 2;
}
CHANGE(ahead_below_us)
{
	ahead(c);
	c->n[2].upstream = 1;
	c->n[2].sender = 0;
}
CHANGE(ahead_points_at_us)
{
	ahead(c);
	c->n[2].upstream = 1;
}
CHANGE(ahead_to_be_switched)
{
	to_be_switched(c);
	ahead(c);
}
CHANGE(timeline_to_be_switched)
{
	to_be_switched(c);
	c->n[2].timeline = 4;
}

static void
d5_a_sibling_with_more_wal_is_named(void **state)
{
	static const struct row rows[] = {
	    {"one byte more", ahead, "sibling-ahead"},
	    {"more replayed than received", ahead_replayed, "sibling-ahead"},
	    {"we replayed as much", ahead_not_by_replay, ""},
	    {"newer timeline, less WAL", ahead_by_timeline, "sibling-ahead"},
	    {"the old primary, newer timeline", old_ahead, "old-primary-ahead"},
	    {"... forced", old_ahead_forced, "+old-primary-ahead"},
	    {"... its lag is not known", old_ahead_limited,
		"old-primary-ahead lag"},
	    {"... the same timeline", old_on_same_timeline, ""},
	    {"... an older one", old_on_old_timeline, ""},
	    {"... that is not its own word", old_ahead_by_others, ""},
	    {"older timeline, more WAL", ahead_on_old_timeline, ""},
	    {"its receiver is on a newer timeline", ahead_receiver_timeline,
		"sibling-ahead"},
	    {"timeline not known", ahead_timeline_unknown, "sibling-ahead"},
	    {"timeline not known, not more", behind_timeline_unknown, ""},
	    {"another system", ahead_foreign, ""},
	    {"pg_receivewal", ahead_receivewal, ""},
	    {"--force", ahead_forced, "+sibling-ahead"},
	    {"two", ahead_two, "sibling-ahead sibling-ahead"},
	    {"the old primary", ahead_old, ""},
	    {"fed by us", ahead_below_us, ""},
	    {"names us, is not fed", ahead_points_at_us, "sibling-ahead"},
	    {"before the old primary is stopped", ahead_to_be_switched, ""},
	    {"timeline, before it is stopped", timeline_to_be_switched,
		"sibling-ahead"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

CHANGE(silent)
{
	gone(&c->n[2]);
}
CHANGE(silent_typed)
{
	silent(c);
	c->f.typed = true;
}
CHANGE(silent_name)
{
	silent(c);
	c->f.proof = PROOF_NAME;
}
CHANGE(silent_chosen_typed)
{
	silent_typed(c);
	c->f.chosen = true;
}
CHANGE(silent_forced)
{
	silent(c);
	c->f.chosen = true;
	c->force = true;
}
CHANGE(hung)
{
	silent(c);
	c->n[2].reach = REACH_HUNG;
}
CHANGE(no_rights)
{
	c->n[2].received = c->n[2].replayed = 0;
	c->n[2].partial = T("permission denied");
}
CHANGE(silent_will_fence)
{
	silent(c);
	will_fence(c);
}
CHANGE(row_only)
{
	c->n[2].reach = REACH_NOT_ASKED;
	c->n[2].says = ROLE_UNKNOWN;
	c->n[2].received = c->n[2].replayed = 0;
	c->n[2].found = true;
	c->n[2].upstream = 1;
	c->n[2].sender = 0;
}
CHANGE(row_only_deep)
{
	row_only(c);
	c->s.n = 4;
	c->n[3] = c->n[2];
	c->n[3].upstream = 2;
}
CHANGE(row_of_sibling)
{
	row_only(c);
	c->s.n = 4;
	c->n[2].upstream = 3;
}
CHANGE(row_of_silent)
{
	row_of_sibling(c);
	gone(&c->n[3]);
	c->n[3].name = T("node4");
}
CHANGE(row_of_old)
{
	row_only(c);
	c->n[2].upstream = 0;
}
CHANGE(row_circle)
{
	row_only(c);
	c->s.n = 4;
	c->n[3] = c->n[2];
	c->n[2].upstream = 3;
	c->n[3].upstream = 2;
}
CHANGE(silent_but_fed)
{
	silent(c);
	c->n[2].upstream = 1;
	c->n[2].sender = 0;
}
CHANGE(silent_to_be_switched)
{
	to_be_switched(c);
	silent(c);
}
CHANGE(silent_switched)
{
	silent(c);
	c->f.proof = PROOF_STOPPED;
	c->f.old_state = OLD_STOPPED;
	c->f.switchover = true;
}
CHANGE(silent_foreign)
{
	silent(c);
	c->n[2].system_identifier = SYSTEM + 1;
}

static void
d6_a_sibling_that_says_nothing_counts_as_ahead(void **state)
{
	static const struct row rows[] = {
	    {"does not answer", silent, "sibling-unknown"},
	    {"name typed, besides the fence", silent_typed, ""},
	    {"name typed", silent_name, ""},
	    {"the candidate was chosen", silent_chosen_typed,
		"sibling-unknown"},
	    {"--force", silent_forced, "+sibling-unknown"},
	    {"hangs", hung, "sibling-unknown"},
	    {"no rights", no_rights, "sibling-unknown"},
	    {"does not wait for the fence", silent_will_fence,
		"sibling-unknown"},
	    {"a row of our own", row_only, ""},
	    {"a row of a row of our own", row_only_deep, ""},
	    {"a row of a sibling that answers", row_of_sibling, ""},
	    {"a row of one that does not", row_of_silent,
		"sibling-unknown sibling-unknown"},
	    {"a row of the old primary", row_of_old, "sibling-unknown"},
	    {"rows in a circle", row_circle, "sibling-unknown sibling-unknown"},
	    {"does not answer, but we feed it", silent_but_fed, ""},
	    {"before the old primary is stopped", silent_to_be_switched, ""},
	    {"when it was stopped", silent_switched, ""},
	    {"another system", silent_foreign, ""},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* --- D7, D8, D9 ---------------------------------------------------------- */

CHANGE(lag)
{
	c->f.known_end = END + 16 * MB + 1;
	c->f.max_lag = 16 * MB;
}
CHANGE(lag_at_limit)
{
	lag(c);
	c->f.known_end--;
}
CHANGE(lag_no_limit)
{
	lag(c);
	c->f.max_lag = -1;
}
CHANGE(lag_limit_zero)
{
	lag(c);
	c->f.max_lag = 0;
}
CHANGE(no_lag_limit_zero)
{
	c->f.max_lag = 0;
}
CHANGE(lag_negative)
{
	c->f.max_lag = 0;
	c->f.known_end = END - 10;
}
CHANGE(lag_unknown)
{
	c->f.known_end = 0;
	c->f.max_lag = 16 * MB;
}
CHANGE(lag_forced)
{
	lag_unknown(c);
	c->force = true;
}
/* 0/FF000000 bytes a log id below 9.3: 1/0 is one byte behind 0/FEFFFFFF. */
CHANGE(lag_old_server)
{
	c->n[1].version = 90200;
	c->n[1].received = c->n[1].replayed = UINT64_C(0xFEFFFFFF);
	c->n[2] = c->n[1];
	c->f.known_end = UINT64_C(0x100000000);
	c->f.max_lag = 1;
}

static void
d7_lag_counts_where_a_limit_is_set(void **state)
{
	static const struct row rows[] = {
	    {"above", lag, "lag"},
	    {"at the limit", lag_at_limit, ""},
	    {"no limit", lag_no_limit, ""},
	    {"limit 0", lag_limit_zero, "lag"},
	    {"limit 0, no lag", no_lag_limit_zero, ""},
	    {"it has more than was known", lag_negative, ""},
	    {"not known", lag_unknown, "lag"},
	    {"--force", lag_forced, "+lag"},
	    {"9.2", lag_old_server, ""},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

CHANGE(never_streamed)
{
	c->n[1].received = c->n[1].replayed = 0;
	c->n[2].received = c->n[2].replayed = 0;
	c->n[2].reach = REACH_NOT_ASKED;
	c->n[2].upstream = 1;
	c->n[2].sender = 0;
}
CHANGE(only_replayed)
{
	c->n[1].received = 0;
}
CHANGE(label)
{
	c->f.backup_label = true;
}
CHANGE(label_forced)
{
	label(c);
	c->force = true;
}
CHANGE(candidate_silent)
{
	gone(&c->n[1]);
	gone(&c->n[2]);
	c->f.typed = true;
	c->f.means = MEANS_PG_CTL;
}

static void
d8_what_never_streamed_does_not_know_what_it_misses(void **state)
{
	static const struct row rows[] = {
	    {"never", never_streamed, "not-streamed"},
	    {"replayed", only_replayed, ""},
	    {"backup_label", label, "not-streamed"},
	    {"--force", label_forced, "+not-streamed"},
	    {"does not answer", candidate_silent, "not-streamed"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

CHANGE(paused)
{
	c->n[1].version = 120003;
	c->n[1].paused = 1;
	c->n[1].replayed = END - 1;
	c->f.pause_holds = true;
}
CHANGE(paused_at_end)
{
	paused(c);
	c->n[1].replayed = END;
}
CHANGE(paused_13)
{
	paused(c);
	c->f.pause_holds = false;
}
CHANGE(paused_resume)
{
	paused(c);
	c->f.resume_replay = true;
}
CHANGE(paused_unknown)
{
	paused(c);
	c->n[1].paused = -1;
}
CHANGE(paused_forced)
{
	paused(c);
	c->force = true;
}

static void
d9_a_paused_replay_holds_the_promotion(void **state)
{
	static const struct row rows[] = {
	    {"paused", paused, "replay-paused"},
	    {"nothing left", paused_at_end, ""},
	    {"13", paused_13, ""},
	    {"--resume-replay", paused_resume, ""},
	    {"not known", paused_unknown, ""},
	    {"--force", paused_forced, "+replay-paused"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* --- D11, D12, D14, D19 -------------------------------------------------- */

CHANGE(trigger)
{
	c->f.means = MEANS_TRIGGER;
	c->f.trigger_path = "/tmp/x";
}
CHANGE(trigger_exists)
{
	trigger(c);
	c->f.trigger_problem = "exists already";
	c->force = true;
}
CHANGE(trigger_90)
{
	trigger(c);
	c->f.trigger_path = NULL;
	c->f.trigger_problem = "the server has no trigger_file set";
	c->n[1].version = 90000;
}
CHANGE(trigger_unset)
{
	trigger(c);
	c->f.trigger_path = NULL;
	c->f.trigger_problem = "none is set";
}
CHANGE(trigger_not_used)
{
	trigger_exists(c);
	c->f.means = MEANS_PG_CTL;
}
CHANGE(no_means)
{
	c->f.means = MEANS_NONE;
	c->force = true;
}
CHANGE(locked)
{
	c->f.locked_by = "pid 7 on node3";
	c->force = true;
}
CHANGE(unlogged)
{
	c->f.unlogged_forks = 1;
	c->f.unlogged_first = "base/5/16384";
}
CHANGE(unlogged_not_seen)
{
	c->f.unlogged_forks = -1;
}
CHANGE(unlogged_forced)
{
	unlogged(c);
	c->force = true;
}
CHANGE(nobody)
{
	c->f.node = -1;
	c->force = true;
}
CHANGE(everything)
{
	paused(c);
	trigger_exists(c);
	locked(c);
	unlogged(c);
	lag(c);
	ahead(c);
	label(c);
	isolated(c);
	c->s.n = 4;
	gone(&c->n[3]);
	streams(&c->n[1], 0, 1);
	c->f.proof = PROOF_NONE;
	c->force = false;
}
CHANGE(everything_forced)
{
	everything(c);
	c->force = true;
}

static void
d11_d12_d14_d19_it_must_be_possible(void **state)
{
	static const struct row rows[] = {
	    {"trigger file", trigger, ""},
	    {"it exists", trigger_exists, "trigger-file"},
	    {"it is not used", trigger_not_used, ""},
	    {"no means", no_means, "no-means"},
	    {"locked", locked, "promotion-running"},
	    {"unlogged", unlogged, "unlogged-fork"},
	    {"nobody could look", unlogged_not_seen, ""},
	    {"--force", unlogged_forced, "+unlogged-fork"},
	    {"nobody to promote", nobody, "no-means"},
	    {"everything", everything,
		"old-primary-heard old-primary-unproven isolated sibling-ahead "
		"sibling-unknown lag not-streamed replay-paused trigger-file "
		"promotion-running unlogged-fork"},
	    {"everything, --force", everything_forced,
		"+old-primary-heard +old-primary-unproven +isolated "
		"+sibling-ahead +sibling-unknown +lag +not-streamed "
		"+replay-paused trigger-file promotion-running "
		"+unlogged-fork"},
	};

	(void)state;
	run_rows(rows, NELEM(rows));
}

/* --- texts --------------------------------------------------------------- */

CHANGE(no_means_old)
{
	no_means(c);
	c->n[1].version = 90400;
	c->f.no_means = "the directory is not ours";
}

static void
a_refusal_names_the_value_the_limit_and_the_next_command(void **state)
{
	static const struct {
		void (*change)(struct scene *);
		const char *message, *hint; /* parts */
	} rows[] = {
	    {old_answers,
		"node1 (db1:5432) answers and is not in recovery, timeline 3, "
		"WAL written to 0/A3C1F60",
		"standby-promote --switchover node2"},
	    {two_primaries, "two primaries: node2 (db2:5432) is primary",
		"standby-clone --master db2 --delta"},
	    {two_primaries_older, "two primaries: node2 (db2:5432) is primary",
		"By its timeline node2 is right. Keep the writers away from "
		"node3 at once and stop it, on its host: pg_ctl stop -m fast "
		"-D PGDATA; then, there: standby-clone --master db2 --delta"},
	    {two_primaries_newer, "two primaries: node2 (db2:5432) is primary",
		"then, there: standby-clone --master db3 --delta"},
	    {old_runs, "the old primary node1 (db1:5432) does not answer, but",
		"pg_ctl stop -m fast"},
	    {heard,
		"node2 (db2:5432) got a message of the old primary node1 "
		"(db1:5432) 19.9 s ago, which is less than 20 s",
		"standby-promote --switchover node2"},
	    {unproven,
		"the old primary node1 (db1:5432) does not answer (connection "
		"refused), which does not prove that it is down",
		"type \"node2\" when asked"},
	    {unproven_nobody, "nobody knows which node was the primary",
		"--old-primary=CONNINFO"},
	    {unseen,
		"node2 (db2:5432) has a WAL receiver, and role \"re\"\"pl\" "
		"may "
		"not see whether it hears the old primary node1 (db1:5432)",
		"GRANT pg_monitor TO \"re\"\"pl\"; or look on node2"},
	    {unseen_not_read,
		"node2 (db2:5432): whether a WAL receiver runs could not be "
		"read (could not read the receiver)",
		"(-U)"},
	    {unseen_superuser, "may not see", "a superuser in this version"},
	    {guess_stopped,
		"which node was the primary is not known, and node1 (db1:5432) "
		"is a guess (the only node that does not answer): that its "
		"postmaster does not run does not prove that the primary is "
		"down",
		"--old-primary=node1; else"},
	    {guess_will_fence, "might cut off node1 while the primary lives",
		"--old-primary=CONNINFO"},
	    {ends_before,
		"does not prove that it is down; no server runs in "
		"\"/srv/copy\", but that is not its directory, or has lost "
		"WAL: "
		"it ends at timeline 3, 0/A3C1F5F, and node2 has timeline 3, "
		"0/A3C1F60",
		"Give a proof"},
	    {isolated, "0 of 2 witnesses answer", "promote.witness"},
	    {isolated, "0 of 2 witnesses answer", "(ping 192.0.2.1)"},
	    {ahead,
		"node3 (db3:5432) is ahead of node2: it has timeline 3, "
		"0/A3C1F61, node2 has timeline 3, 0/A3C1F60, which is 1 B less",
		"standby-promote node3,"},
	    {silent,
		"node3 (db3:5432) does not answer (connection refused): it may "
		"be ahead of node2, which has timeline 3, 0/A3C1F60",
		"type \"node2\" when asked"},
	    {silent_chosen_typed, "node3 (db3:5432) does not answer",
		"standby-promote node2;"},
	    {no_rights, "cannot be read (permission denied)",
		"GRANT pg_monitor TO ROLE"},
	    {lag,
		"node2 (db2:5432) lacks at least 16.0 MB (16777217 bytes) of "
		"the WAL of the old primary node1 (db1:5432): it has "
		"0/A3C1F60 of 0/B3C1F61 (receiver of node3), above the limit "
		"of 16.0 MB (16777216 bytes)",
		"--max-lag=SIZE"},
	    {lag_unknown, "its lag is not known", "repl-status"},
	    {never_streamed, "has never received WAL",
		"repl-status -h db2 -p 5432"},
	    {candidate_silent, "does not answer (connection refused)",
		"repl-status -h db2 -p 5432"},
	    {paused,
		"replay is paused at 0/A3C1F5F of 0/A3C1F60, 1 B before the "
		"end",
		"on node2: SELECT pg_wal_replay_resume();"},
	    {trigger_exists, "trigger file \"/tmp/x\" of node2: exists already",
		"promote_trigger_file on that server, or promote without"},
	    {trigger_90, "node2: the server has no trigger_file set",
		"Correct trigger_file in recovery.conf and restart that "
		"server: before 9.1 nothing else"},
	    {trigger_unset, "trigger file of node2: none is set",
		"ALTER SYSTEM SET promote_trigger_file = "},
	    {no_means, "there is no way to promote node2 (db2:5432) from here",
		"GRANT EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, "
		"integer) TO \"re\"\"pl\";"},
	    {no_means_old, "from here: the directory is not ours",
		"Run it on its own host, as the owner of its directory: "
		"standby-promote -D PGDATA"},
	    {locked, "another promotion of this cluster runs: pid 7 on node3",
		"repl-status"},
	    {unlogged, "holds 1 unlogged relation whose data",
		"Restart the standby node2 first"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct promote_verdict v;
		struct scene c;

		good(&c);
		rows[i].change(&c);
		c.f.s = &c.s;
		assert_int_equal(promote_judge(&v, &c.f, false), 0);
		assert_int_equal(v.n, 1);
		if (strstr(v.v[0].message, rows[i].message) == NULL)
			fail_msg("message: %s", v.v[0].message);
		if (strstr(v.v[0].hint, rows[i].hint) == NULL)
			fail_msg("hint: %s", v.v[0].hint);
		promote_verdict_free(&v);
	}
}

/* --switchover would help neither. */
static void
of_two_other_primaries_one_is_to_be_stopped(void **state)
{
	struct promote_verdict v;
	struct scene c;

	(void)state;
	good(&c);
	two_old_answer(&c);
	c.f.s = &c.s;
	assert_int_equal(promote_judge(&v, &c.f, false), 0);
	assert_int_equal(v.n, 2);
	for (size_t i = 0; i < v.n; i++) {
		assert_string_equal(v.v[i].id, "old-primary-answers");
		assert_non_null(strstr(v.v[i].hint, "one primary only"));
		assert_null(strstr(v.v[i].hint, "--switchover"));
	}
	promote_verdict_free(&v);
}

CHANGE(lost_exact)
{
	c->f.known_end = END + 16 * MB;
	c->f.known_from = "pg_wal of node1";
	c->f.end_is_exact = true;
}
CHANGE(lost_nothing)
{
	c->f.end_is_exact = true;
	c->f.known_from = NULL;
}
CHANGE(lost_nothing_stopped)
{
	c->f.proof = PROOF_STOPPED;
	c->f.end_is_exact = true;
}
CHANGE(lost_less_than_nothing)
{
	c->f.known_end = END - 5;
}
CHANGE(lost_elsewhere)
{
	lost_exact(c);
	c->f.end_timeline = 4;
	c->f.known_end = END - 5;
}
CHANGE(lost_elsewhere_lower)
{
	lost_exact(c);
	c->f.end_timeline = 2;
}
CHANGE(lost_same_timeline)
{
	lost_exact(c);
	c->f.end_timeline = 3;
}
CHANGE(lost_timeline_unknown)
{
	lost_same_timeline(c);
	c->n[1].timeline = 0;
}
CHANGE(lost_unknown)
{
	c->f.known_end = 0;
}
CHANGE(delayed)
{
	c->n[1].replayed = END - 2048;
}

static void
what_is_lost_and_what_is_assumed_is_said(void **state)
{
	static const struct {
		void (*change)(struct scene *);
		int64_t lost;
		bool at_least;
		const char *says; /* part */
	} rows[] = {
	    {NULL, 0, true,
		"Possible loss unknown, at least 0 B: the old primary node1 "
		"(db1:5432) had written at least 0/A3C1F60 (receiver of "
		"node3), node2 has 0/A3C1F60.\n"},
	    {lost_exact, 16 * MB, false,
		"Possible loss: 16.0 MB (16777216 bytes): the old primary "
		"node1 (db1:5432) wrote 0/B3C1F60 (pg_wal of node1), node2 has "
		"0/A3C1F60.\n"},
	    {lost_nothing, 0, false, "Possible loss: 0 B: "},
	    {lost_elsewhere, -1, false,
		"Possible loss unknown: the old primary node1 (db1:5432) wrote "
		"0/A3C1F5B on timeline 4, node2 is on timeline 3: all"},
	    {lost_elsewhere_lower, -1, false, "on timeline 2, node2 is on"},
	    {lost_same_timeline, 16 * MB, false, "Possible loss: 16.0 MB"},
	    {lost_timeline_unknown, 16 * MB, true, "unknown, at least 16.0 MB"},
	    {lost_nothing_stopped, 0, false,
		"Nothing is lost: the old primary node1 (db1:5432) wrote "
		"0/A3C1F60, and node2 has all of it.\n"},
	    {lost_less_than_nothing, 0, true, "unknown, at least 0 B"},
	    {lost_unknown, -1, false,
		"Possible loss unknown: it is not known where the WAL of the "
		"old primary ends.\n"},
	    {never_streamed, -1, false,
		"Possible loss unknown: it is not known what WAL the candidate "
		"has.\n"},
	    {typed, 0, true,
		"It is assumed that the old primary node1 (db1:5432) is down "
		"and stays down: the node's name was typed; it does not "
		"answer (connection refused).\n"},
	    {trusted, 0, true,
		"promote.trust_pgpool is set; it does not answer (connection "
		"refused).\n"},
	    {silent_typed, 0, true,
		"It is assumed that node3 (db3:5432), of which nothing is "
		"known, has no more WAL than node2.\n"},
	    {ahead_on_old_timeline, 0, true,
		"node3 (db3:5432) has timeline 2, 0/A3C1FC4, which is on an "
		"older timeline than node2"},
	    {behind_timeline_unknown, 0, true,
		"compared by position only: the timeline of one"},
	    {paused_13, 0, true,
		"Replay of node2 is paused at 0/A3C1F5F, which the promotion "
		"ends.\n1 B of WAL that node2 has received must be replayed"},
	    {paused_resume, 0, true, "and will be resumed.\n"},
	    {paused_at_end, 0, true, "and nothing is left to replay.\n"},
	    {delayed, 0, true, "2 kB (2048 bytes) of WAL that node2"},
	    {unlogged_not_seen, 0, true, "could not be looked"},
	    {heard_at_limit, 0, true,
		"node2 last heard of its upstream 20 s ago.\n"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct promote_verdict v;
		struct scene c;

		good(&c);
		if (rows[i].change != NULL)
			rows[i].change(&c);
		c.f.s = &c.s;
		assert_int_equal(promote_judge(&v, &c.f, false), 0);
		assert_int_equal(v.lost, rows[i].lost);
		assert_int_equal(v.lost_at_least, rows[i].at_least);
		if (strstr(buf_str(&v.assumed), rows[i].says) == NULL)
			fail_msg("%zu: %s", i, buf_str(&v.assumed));
		promote_verdict_free(&v);
	}
}

/* --- the best ------------------------------------------------------------ */

CHANGE(best_position)
{
	c->n[2].received = END + 1;
}
CHANGE(best_replayed)
{
	c->n[2].replayed = END + 2;
	c->n[1].received = END + 1;
}
CHANGE(best_timeline)
{
	best_position(c);
	c->n[1].timeline = 4;
}
CHANGE(best_weight)
{
	c->n[2].weight = 2;
}
CHANGE(best_not_by_weight)
{
	best_weight(c);
	c->n[1].received = END + 1;
}
CHANGE(best_foreign)
{
	best_position(c);
	c->n[2].system_identifier = 1;
}
CHANGE(best_silent)
{
	best_position(c);
	c->n[2].reach = REACH_HUNG;
}
CHANGE(best_unknown)
{
	c->n[1].received = c->n[1].replayed = 0;
	c->n[2].says = ROLE_PRIMARY;
}

static void
the_best_has_the_newest_timeline_then_most_wal(void **state)
{
	static const struct {
		void (*change)(struct scene *);
		bool may[3];
		int want;
	} rows[] = {
	    {NULL, {true, true, true}, 1},
	    {NULL, {true, false, true}, 2},
	    {NULL, {true, false, false}, -1},
	    {best_position, {true, true, true}, 2},
	    {best_position, {true, true, false}, 1},
	    {best_replayed, {true, true, true}, 2},
	    {best_timeline, {true, true, true}, 1},
	    {best_weight, {true, true, true}, 2},
	    {best_not_by_weight, {true, true, true}, 1},
	    {best_foreign, {true, true, true}, 1},
	    {best_silent, {true, true, true}, 1},
	    {best_unknown, {true, true, true}, -1},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct scene c;

		good(&c);
		if (rows[i].change != NULL)
			rows[i].change(&c);
		c.s.nodes = c.n;
		assert_int_equal(promote_best(&c.s, rows[i].may), rows[i].want);
	}
}

static void
means_and_proofs_have_names(void **state)
{
	(void)state;
	assert_string_equal(promote_means_name(MEANS_NONE), "none");
	assert_string_equal(promote_means_name(MEANS_SQL), "sql");
	assert_string_equal(promote_means_name(MEANS_PG_CTL), "pg_ctl");
	assert_string_equal(promote_means_name(MEANS_TRIGGER), "trigger-file");
	assert_string_equal(promote_means_name(MEANS_AGENT), "agent");
	assert_string_equal(promote_proof_name(PROOF_NONE), "none");
	assert_string_equal(promote_proof_name(PROOF_SSH), "ssh");
	assert_string_equal(promote_proof_name(PROOF_STOPPED), "stopped");
	assert_string_equal(promote_proof_name(PROOF_FENCE), "fence");
	assert_string_equal(promote_proof_name(PROOF_NAME), "name");
	assert_string_equal(promote_proof_name(PROOF_PGPOOL), "pgpool");
	assert_string_equal(promote_proof_name(PROOF_FORCE), "force");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		d1_a_primary_is_promoted_already_unless_there_are_two),
	    cmocka_unit_test(d2_nothing_overrides_an_old_primary_that_runs),
	    cmocka_unit_test(d2_a_message_of_a_moment_ago_is_a_sign_of_life),
	    cmocka_unit_test(d2_a_receiver_that_may_not_be_seen_is_not_silent),
	    cmocka_unit_test(d2_who_refuses_the_login_is_alive),
	    cmocka_unit_test(d3_a_guess_is_no_proof_and_is_not_shot),
	    cmocka_unit_test(
		d3_a_directory_with_less_wal_than_a_standby_is_another_one),
	    cmocka_unit_test(d3_one_proof_is_always_asked_for),
	    cmocka_unit_test(d4_a_host_without_a_witness_is_the_isolated_side),
	    cmocka_unit_test(d5_a_sibling_with_more_wal_is_named),
	    cmocka_unit_test(d6_a_sibling_that_says_nothing_counts_as_ahead),
	    cmocka_unit_test(d7_lag_counts_where_a_limit_is_set),
	    cmocka_unit_test(
		d8_what_never_streamed_does_not_know_what_it_misses),
	    cmocka_unit_test(d9_a_paused_replay_holds_the_promotion),
	    cmocka_unit_test(d11_d12_d14_d19_it_must_be_possible),
	    cmocka_unit_test(
		a_refusal_names_the_value_the_limit_and_the_next_command),
	    cmocka_unit_test(of_two_other_primaries_one_is_to_be_stopped),
	    cmocka_unit_test(what_is_lost_and_what_is_assumed_is_said),
	    cmocka_unit_test(the_best_has_the_newest_timeline_then_most_wal),
	    cmocka_unit_test(means_and_proofs_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
