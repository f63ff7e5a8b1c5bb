#include "base/std.h"
#include "base/buf.h"
#include "core/text.h"
#include "core/trend.h"

#define SOONEST 0.5
#define LATEST 86400.0
/* A node's clock says the same as ours within a survey's length, else it was
 * set meanwhile. */
#define CLOCK_SLACK 10.0

void
trend_free(struct trend *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->nodes[i].name);
	free(t->nodes);
	free(t->primary);
	free(t->digest);
	*t = (struct trend){.set = false};
}

static bool
same_cluster(const struct trend *t, const struct status *s)
{
	return t->system_identifier == 0 || s->system_identifier == 0 ||
	       t->system_identifier == s->system_identifier;
}

static const struct trend_node *
find(const struct trend *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->nodes[i].name != NULL &&
		    strcmp(t->nodes[i].name, name) == 0)
			return &t->nodes[i];
	return NULL;
}

static bool
is_writer(const struct status_node *n)
{
	return n->role == ROLE_PRIMARY;
}

static uint64_t
received_of(const struct status_node *n)
{
	return is_writer(n) ? n->written : n->received;
}

static uint64_t
replayed_of(const struct status_node *n)
{
	return is_writer(n) ? n->written : n->replayed;
}

static double
time_of(const struct status *s, const struct status_node *n)
{
	return n->clock >= 0 ? n->clock : s->time;
}

/* --- taking down -----------------------------------------------------------
 */

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
problem_line(const struct status *s, const struct status_problem *p)
{
	struct buf b = BUF_INIT;
	const char *name;
	char *line;

	buf_addf(&b, "%s ", p->id);
	if (p->node >= 0) {
		name = s->nodes[p->node].name;
		/* One line each, whatever the name is. */
		text_add_escaped(&b, name, strlen(name));
		buf_addc(&b, ' ');
	}
	buf_addf(&b, "%s\n", status_severity_name(p->severity));
	line = buf_steal(&b);
	buf_free(&b);
	return line;
}

static char *
digest_of(const struct status *s)
{
	struct buf b = BUF_INIT;
	char **line, *text = NULL;
	size_t n = 0;

	if ((line = calloc(s->nproblems + 1, sizeof(*line))) == NULL)
		return NULL;
	for (; n < s->nproblems; n++)
		if ((line[n] = problem_line(s, &s->problems[n])) == NULL)
			goto out;
	qsort(line, n, sizeof(*line), compare);
	buf_add(&b, "", 0); /* never NULL */
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, line[i]);
	text = buf_steal(&b);
out:
	for (size_t i = 0; i < n; i++)
		free(line[i]);
	free(line);
	buf_free(&b);
	return text;
}

static int
take_node(struct trend_node *to, const struct status *s,
    const struct status_node *n, const struct trend *prev)
{
	const struct trend_node *old = NULL;

	if ((to->name = strdup(n->name)) == NULL)
		return -1;
	to->time = time_of(s, n);
	to->received = received_of(n);
	to->replayed = replayed_of(n);
	to->end = n->end;
	to->moved = to->time;
	if (prev->set && same_cluster(prev, s))
		old = find(prev, n->name);
	if (old != NULL && old->received == to->received &&
	    old->moved <= to->time)
		to->moved = old->moved;
	return 0;
}

static int
take_nodes(struct trend *t, const struct status *s, const struct trend *prev)
{
	const struct status_node *n;

	if ((t->nodes = calloc(s->n + 1, sizeof(*t->nodes))) == NULL)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		n = &s->nodes[i];
		if (received_of(n) == LSN_INVALID &&
		    replayed_of(n) == LSN_INVALID)
			continue;
		if (take_node(&t->nodes[t->n++], s, n, prev) == -1)
			return -1;
	}
	return 0;
}

static int
take_primary(struct trend *t, const struct status *s, const struct trend *prev)
{
	const struct status_node *n;
	const char *name = NULL;

	if (s->primary >= 0 && s->nodes[s->primary].reach == REACH_YES) {
		n = &s->nodes[s->primary];
		name = n->name;
		t->primary_time = s->time;
		t->primary_lsn = n->written;
		t->primary_timeline = status_timeline(n);
	} else if (prev->set && same_cluster(prev, s)) {
		name = prev->primary;
		t->primary_time = prev->primary_time;
		t->primary_lsn = prev->primary_lsn;
		t->primary_timeline = prev->primary_timeline;
	}
	if (name == NULL)
		return 0;
	t->primary = strdup(name);
	return t->primary == NULL ? -1 : 0;
}

/* An answer without a system identifier does not unmake the one we know. */
static uint64_t
system_of(const struct status *s, const struct trend *prev)
{
	if (s->system_identifier == 0 && prev->set)
		return prev->system_identifier;
	return s->system_identifier;
}

int
trend_take(struct trend *t, const struct status *s, const struct trend *prev)
{
	static const struct trend nothing = {.set = false};
	struct trend now = {.set = true, .time = s->time};

	if (prev == NULL)
		prev = &nothing;
	now.system_identifier = system_of(s, prev);
	now.severity = s->severity;
	if (take_primary(&now, s, prev) == -1 ||
	    take_nodes(&now, s, prev) == -1 ||
	    (now.digest = digest_of(s)) == NULL) {
		trend_free(&now);
		return -1;
	}
	trend_free(t); /* may be prev */
	*t = now;
	return 0;
}

/* --- comparing -------------------------------------------------------------
 */

/* Seconds between the two looks at a node; its own clock is the better one. */
static double
elapsed(const struct status *s, const struct status_node *n,
    const struct trend *prev, const struct trend_node *old)
{
	double ours = s->time - prev->time;
	double its = time_of(s, n) - old->time;
	double skew = its - ours;

	if (its < SOONEST || skew > CLOCK_SLACK || skew < -CLOCK_SLACK)
		return ours;
	return its;
}

/* Bytes that are missing, less what the end moves on meanwhile. */
static void
set_eta(struct status_node *n, const struct trend_node *old, double secs)
{
	double behind, ahead;

	if (is_writer(n) || n->replay_lag < 0)
		return;
	if (n->replay_lag == 0) {
		n->eta = 0;
		return;
	}
	if (old->end == LSN_INVALID || n->end < old->end)
		return;
	ahead = (double)lsn_diff(n->end, old->end, n->version) / secs;
	behind = n->rate - ahead;
	if (behind > 0)
		n->eta = (double)n->replay_lag / behind;
}

static bool
is_connected(const struct status_node *n)
{
	return n->state != NULL && (strcmp(n->state, "streaming") == 0 ||
				       strcmp(n->state, "catchup") == 0);
}

/*
 * What is missing now was missing at the last look already, and has not come:
 * WAL that was written a moment ago is nobody's fault.  A relay that has
 * nothing more itself keeps nobody waiting.
 */
static bool
is_stuck(const struct status_node *n, const struct trend_node *old)
{
	return is_connected(n) && !is_writer(n) && n->receive_lag > 0 &&
	       n->upstream_lag != 0 && n->received == old->received &&
	       n->received < old->end;
}

/* Who had replayed all there was cannot be later than since then: the last
 * commit may be old because nobody wrote. */
static void
bound_delay(struct status_node *n, const struct trend_node *old, double secs)
{
	if (old->end != LSN_INVALID && old->replayed >= old->end &&
	    n->delay > secs)
		n->delay = secs;
}

static void
apply_node(
    const struct status *s, struct status_node *n, const struct trend *prev)
{
	const struct trend_node *old = find(prev, n->name);
	uint64_t now = replayed_of(n);
	double secs;

	if (old == NULL || received_of(n) < old->received ||
	    now < old->replayed)
		return;
	secs = elapsed(s, n, prev, old);
	bound_delay(n, old, secs);
	if (now != LSN_INVALID && old->replayed != LSN_INVALID) {
		n->rate =
		    (double)lsn_diff(now, old->replayed, n->version) / secs;
		set_eta(n, old, secs);
	}
	if (received_of(n) == LSN_INVALID || !is_stuck(n, old))
		return;
	n->stuck = true;
	n->stuck_for = secs;
	if (time_of(s, n) - old->moved > secs)
		n->stuck_for = time_of(s, n) - old->moved;
}

void
trend_apply(struct status *s, const struct trend *prev)
{
	double ago;

	for (size_t i = 0; i < s->n; i++) {
		s->nodes[i].rate = s->nodes[i].eta = -1;
		s->nodes[i].stuck = false;
		s->nodes[i].stuck_for = -1;
	}
	if (prev == NULL || !prev->set || !same_cluster(prev, s))
		return;
	ago = s->time - prev->time;
	/* Not a number, from a file, is neither. */
	if (!(ago >= SOONEST && ago <= LATEST))
		return;
	for (size_t i = 0; i < s->n; i++)
		apply_node(s, &s->nodes[i], prev);
}

bool
trend_changed(const struct trend *prev, const struct trend *now)
{
	const char *a, *b;

	if (prev == NULL || !prev->set)
		return true;
	a = prev->digest != NULL ? prev->digest : "";
	b = now->digest != NULL ? now->digest : "";
	return prev->severity != now->severity || strcmp(a, b) != 0;
}
