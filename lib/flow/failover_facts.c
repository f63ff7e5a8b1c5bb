/*
 * What is known before a promotion: all nodes, and who the old primary is.
 */
#include "base/std.h"
#include "base/clock.h"
#include "core/verdict.h"
#include "flow/failover_int.h"
#include "io/statefile.h"

const struct status_node *
failover_candidate(const struct failover *f)
{
	return f->node >= 0 && (size_t)f->node < f->s.n ? &f->s.nodes[f->node]
							: NULL;
}

bool
failover_says(const struct failover *f, int i, enum status_role role)
{
	return i >= 0 && (size_t)i < f->s.n &&
	       f->s.nodes[i].reach == REACH_YES && f->s.nodes[i].says == role;
}

/* --- look ----------------------------------------------------------------- */

/* The list of nodes changes: the next look asks all of them anew. */
static void
drop_survey(struct failover *f)
{
	survey_free(f->survey);
	f->survey = NULL;
}

static int
new_survey(struct failover *f, struct err *e)
{
	struct survey_opts so = {.nodes = f->nodes,
	    .n = f->nnodes,
	    .application_name = FAILOVER_NAME,
	    .cluster = f->o->conf->cluster,
	    .discover = true,
	    .whole = true,
	    .sigfd = f->o->sigfd};

	drop_survey(f);
	return survey_new(&f->survey, &so, e);
}

static const struct status_node *
first_hung(const struct failover *f)
{
	for (size_t i = 0; i < f->s.n; i++)
		if (f->s.nodes[i].reach == REACH_HUNG)
			return &f->s.nodes[i];
	return NULL;
}

/* Who does not answer in a shorter time than everybody has may be no more than
 * slow. */
static int
look_within(struct failover *f, int64_t ms, struct err *e)
{
	int64_t left = failover_ms_left(f, ms);
	const struct status_node *hung;

	survey_timeout(f->survey, left);
	f->looked_at = clock_ms();
	if (survey_look(f->survey, &f->s, e) == -1)
		return -1;
	hung = first_hung(f);
	if (failover_late(f, left < ms && hung != NULL, e) == 0)
		return 0;
	return hung == NULL || hung->reach_text == NULL
		   ? -1
		   : err_detail(e, "%s: %s.", hung->name, hung->reach_text);
}

int
failover_look_again(struct failover *f, struct err *e)
{
	bool hung = first_hung(f) != NULL;

	if ((f->survey == NULL || hung) && new_survey(f, e) == -1)
		return -1;
	if (look_within(f, hung ? FAILOVER_HUNG_MS : FAILOVER_LOOK_MS, e) == -1)
		return -1;
	return failover_timelines(f, e);
}

/* Another one than the named old primary is primary, or there is one beside a
 * node that is gone: it was done before. */
static bool
is_done(const struct failover *f)
{
	bool gone = false;

	if (f->o->switchover || !failover_says(f, f->s.primary, ROLE_PRIMARY) ||
	    (size_t)f->s.primary >= f->nnodes)
		return false;
	if (f->old != -1)
		return f->s.primary != f->old &&
		       !failover_says(f, f->old, ROLE_PRIMARY);
	for (size_t i = 0; i < f->nnodes; i++)
		gone |= f->conf[i] != NULL && f->s.nodes[i].reach != REACH_YES;
	return gone;
}

static int
choose_best(struct failover *f, struct err *e)
{
	bool *may;

	if (is_done(f)) {
		f->node = f->s.primary;
		return 0;
	}
	if ((may = calloc(f->s.n + 1, sizeof(*may))) == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < f->nnodes; i++)
		may[i] = f->conf[i] != NULL && f->conf[i]->promote &&
			 (int)i != f->old;
	f->node = promote_best(&f->s, may);
	/* Nobody to be promoted, since one is: repeated, or pgpool again. */
	if (f->node == -1 && f->s.primary >= 0 &&
	    (size_t)f->s.primary < f->nnodes)
		f->node = f->s.primary;
	free(may);
	return 0;
}

/* --- the old primary ------------------------------------------------------ */

int
failover_found_old(struct failover *f, int i, const char *how, struct err *e)
{
	if (i < 0 || (size_t)i >= f->nnodes || i == f->node)
		return 0;
	f->old = i;
	return failover_keep(&f->old_place, how, e) == -1 ? -1 : 1;
}

/* It may as well be another one: no proof about it is one about the primary. */
static int
guessed_old(struct failover *f, int i, const char *how, struct err *e)
{
	int rc = failover_found_old(f, i, how, e);

	f->old_guessed |= rc == 1;
	return rc;
}

/* The upstream's place, as node i says it; host NULL: it does not. */
static int
upstream_place(struct failover *f, int i, struct conninfo *c, struct err *e)
{
	const struct status_receiver *r = &f->s.nodes[i].receiver;
	const char *text = i == f->node ? f->self.primary_conninfo : NULL;
	const char *host;

	if (r->present && r->host != NULL) {
		if (conninfo_set(c, "host", r->host) == -1 ||
		    conninfo_set(c, "port", r->port) == -1)
			return err_set_nomem(e);
	} else if (text != NULL && pg_conninfo_parse(text, c, NULL) == -1)
		conninfo_free(c);
	host = conninfo_get(c, "host");
	/* Several, or an address that is good on that machine only. */
	if (host != NULL &&
	    (strchr(host, ',') != NULL || (!failover_nodes_is_here(f, i) &&
					      failover_nodes_local(f, host))))
		conninfo_free(c);
	return 0;
}

/* Index of what is above node i: -1 not known, -2 e, and *fresh: nobody has
 * asked it yet. */
static int
above(struct failover *f, int i, bool *fresh, struct err *e)
{
	struct conninfo c = {.n = 0};
	const char *host, *port, *name = f->s.nodes[i].conf_upstream;
	int up = f->s.nodes[i].upstream;

	if (up >= 0 && (size_t)up < f->nnodes)
		return up;
	up = -1;
	if (upstream_place(f, i, &c, e) == -1) {
		up = -2;
	} else if ((host = conninfo_get(&c, "host")) != NULL) {
		port = conninfo_get(&c, "port");
		up = failover_nodes_at(f, host, port, e);
		if (up == -1) {
			up = failover_nodes_add(f, host, port, e);
			*fresh = up != -1;
			up = up == -1 ? -2 : up;
		}
	}
	conninfo_free(&c);
	for (size_t k = 0; up == -1 && name != NULL && k < f->nnodes; k++)
		if (f->conf[k] != NULL && strcmp(f->conf[k]->name, name) == 0)
			up = (int)k;
	return up;
}

/* Up from the candidate, through standbys. 1 found, 0 not, -1; *fresh: look
 * again. */
static int
climb(struct failover *f, bool *fresh, struct err *e)
{
	int i = f->node;

	for (size_t steps = 0; steps <= f->nnodes; steps++) {
		int up = above(f, i, fresh, e);

		if (up < 0 || up == f->node || up == i)
			return up == -2 ? -1 : 0;
		if (*fresh || !failover_says(f, up, ROLE_STANDBY))
			return failover_found_old(
			    f, up, "the upstream of the candidate", e);
		i = up;
	}
	return 0;
}

static int
from_state_file(struct failover *f, const struct trend *t, struct err *e)
{
	if (!t->set || t->primary == NULL)
		return 0;
	for (size_t i = 0; i < f->s.n; i++)
		if (strcmp(f->s.nodes[i].name, t->primary) == 0 &&
		    !failover_says(f, (int)i, ROLE_STANDBY))
			return guessed_old(
			    f, (int)i, "the state file of repl-status", e);
	return 0;
}

static int
only_silent_one(struct failover *f, struct err *e)
{
	int found = -1;

	for (size_t i = 0; i < f->nnodes; i++) {
		if (f->conf[i] == NULL || (int)i == f->node ||
		    f->s.nodes[i].reach == REACH_YES)
			continue;
		if (found != -1)
			return 0;
		found = (int)i;
	}
	return guessed_old(
	    f, found, "the only node of the file that does not answer", e);
}

void
failover_state_file(const struct failover *f, struct trend *t)
{
	struct statefile *file = NULL;
	char ignored[256];
	bool overlap;

	*t = (struct trend){.set = false};
	if (f->o->state_file == NULL || access(f->o->state_file, R_OK) == -1)
		return;
	if (statefile_open(&file, f->o->state_file, t, &overlap, ignored,
		sizeof(ignored), NULL) == -1)
		*t = (struct trend){.set = false};
	statefile_close(file);
	if (t->set && f->s.system_identifier != 0 &&
	    t->system_identifier != 0 &&
	    t->system_identifier != f->s.system_identifier)
		trend_free(t);
}

/* 1 found, 0 not, -1; *fresh: a node that is to be asked first. */
static int
find_old(struct failover *f, bool *fresh, struct err *e)
{
	struct trend t;
	int rc;

	if (f->old != -1 || f->node == -1 ||
	    failover_says(f, f->node, ROLE_PRIMARY))
		return 0;
	for (size_t i = 0; i < f->nnodes; i++)
		if ((int)i != f->node &&
		    failover_says(f, (int)i, ROLE_PRIMARY) &&
		    (f->s.nodes[i].system_identifier == 0 ||
			f->s.system_identifier == 0 ||
			f->s.nodes[f->node].system_identifier == 0 ||
			f->s.nodes[i].system_identifier ==
			    f->s.nodes[f->node].system_identifier))
			return failover_found_old(
			    f, (int)i, "it is primary", e);
	if ((rc = climb(f, fresh, e)) != 0)
		return rc;
	failover_state_file(f, &t);
	rc = from_state_file(f, &t, e);
	trend_free(&t);
	return rc != 0 ? rc : only_silent_one(f, e);
}

/* Other names of a node go, from the last one: those before it stay where they
 * are.  1: look again; 0; -1. */
static int
merge(struct failover *f, struct err *e)
{
	int *of = calloc(f->nnodes + 1, sizeof(*of)), rc = 0;

	if (of == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < f->nnodes; i++)
		if ((of[i] = survey_alias(f->survey, i)) != -1) {
			failover_note(f, "%s is %s", f->s.nodes[i].name,
			    f->s.nodes[of[i]].name);
			rc = 1;
		}
	if (rc == 1)
		drop_survey(f);
	for (size_t i = f->nnodes; i > 0 && rc == 1; i--)
		if (of[i - 1] != -1 &&
		    failover_nodes_merge(f, (int)i - 1, of[i - 1], e) == -1)
			rc = -1;
	free(of);
	return rc;
}

/* Until every server is one node. */
static int
look_merged(struct failover *f, struct err *e)
{
	int rc;

	do {
		if (failover_look_again(f, e) == -1)
			return -1;
		rc = merge(f, e);
	} while (rc == 1);
	return rc;
}

static int
look_first(struct failover *f, struct err *e)
{
	bool fresh = false;

	if (look_merged(f, e) == -1)
		return -1;
	if (f->node == -1 && choose_best(f, e) == -1)
		return -1;
	if (f->node == -1) /* the judge says it */
		return 0;
	if (failover_self_read(f, e) == -1 || find_old(f, &fresh, e) == -1)
		return -1;
	if (!fresh)
		return 0;
	drop_survey(f);
	if (look_merged(f, e) == -1)
		return -1;
	/* It may be a standby itself: then what is above it. */
	if (failover_says(f, f->old, ROLE_STANDBY)) {
		f->old = -1;
		f->old_guessed = fresh = false;
		if (find_old(f, &fresh, e) == -1)
			return -1;
		if (fresh) {
			drop_survey(f);
			return look_merged(f, e);
		}
	}
	return 0;
}

static void
tell_look(struct failover *f)
{
	size_t answer = 0;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < f->s.n; i++)
		answer += f->s.nodes[i].reach == REACH_YES;
	buf_addf(&b, "%zu node%s, %zu answer%s", f->s.n, f->s.n == 1 ? "" : "s",
	    answer, answer == 1 ? "s" : "");
	if (f->node >= 0)
		buf_addf(&b, "; to promote: %s", f->s.nodes[f->node].name);
	if (f->old >= 0)
		buf_addf(&b, "; old primary: %s", f->s.nodes[f->old].name);
	failover_step(f, "facts", "%s", buf_str(&b));
	if (f->old >= 0 && f->old_place != NULL)
		failover_note(f, "the old primary is %s: %s",
		    f->s.nodes[f->old].name, f->old_place);
	buf_free(&b);
}

int
failover_look(struct failover *f, struct err *e)
{
	bool first = f->survey == NULL;

	if ((first ? look_first(f, e) : failover_look_again(f, e)) == -1)
		return -1;
	if (verdict_judge(&f->s, &verdict_default_limits) == -1)
		return err_set_nomem(e);
	if (first) {
		tell_look(f);
		f->ui->status(f->ui->arg, &f->s);
	}
	return 0;
}
