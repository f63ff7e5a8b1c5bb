/* The new primary stands: CHECKPOINT, the siblings, the status, and what a
 * person has to type next.  What fails here is listed, and undoes nothing. */
#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/pgpool.h"
#include "core/text.h"
#include "core/verdict.h"
#include "flow/failover_int.h"
#include "io/tree.h"

#define CHECKPOINT_MS 10000 /* it gets at least that */
#define FOLLOW_MS 60000
#define SAID_LINES 20

static void add_line(struct buf *b, const char *fmt, va_list ap)
    PRINTFLIKE(2, 0);
static void
add_line(struct buf *b, const char *fmt, va_list ap)
{
	char text[2048];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	buf_addf(b, "%s\n", text);
}

void
failover_failed(struct failover *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(&f->rec->failed, fmt, ap);
	va_end(ap);
}

void
failover_next(struct failover *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(&f->rec->next, fmt, ap);
	va_end(ap);
}

void
failover_said(struct failover *f, int i, const char *text)
{
	struct buf tail = BUF_INIT;

	if (text != NULL)
		text_add_tail(&tail, text, strlen(text), SAID_LINES, "");
	if (tail.len > 0)
		f->ui->said(f->ui->arg, f->s.nodes[i].name, buf_str(&tail));
	buf_free(&tail);
}

/* --- words of commands ---------------------------------------------------- */

/* A host name that leads to node i also from elsewhere, as far as is known. */
void
failover_add_host(const struct failover *f, int i, struct buf *b)
{
	const char *host = NULL;
	struct conninfo c = {.n = 0};
	char own[256];

	if ((size_t)i < f->nnodes && f->conf[i] != NULL &&
	    f->conf[i]->conninfo != NULL &&
	    pg_conninfo_parse(f->conf[i]->conninfo, &c, NULL) == 0)
		host = conninfo_get(&c, "host") != NULL
			   ? conninfo_get(&c, "host")
			   : conninfo_get(&c, "hostaddr");
	if (host == NULL && (size_t)i < f->s.n)
		host = f->s.nodes[i].host;
	if (host == NULL || host[0] == '\0' || host[0] == '/' ||
	    host[0] == '@') {
		if (gethostname(own, sizeof(own)) == -1)
			own[0] = '\0';
		own[sizeof(own) - 1] = '\0';
		host = own[0] != '\0' ? own : "localhost";
	}
	shell_add_word(b, host);
	conninfo_free(&c);
}

void
failover_add_master(const struct failover *f, int i, struct buf *b)
{
	const char *port = (size_t)i < f->s.n ? f->s.nodes[i].port : NULL;

	buf_adds(b, "--master=");
	failover_add_host(f, i, b);
	if (port != NULL && strcmp(port, "5432") != 0) {
		buf_adds(b, " -p ");
		shell_add_word(b, port);
	}
}

void
failover_add_pgdata(const struct failover *f, int i, struct buf *b)
{
	const char *pgdata = failover_nodes_pgdata(f, i);

	buf_adds(b, " -D ");
	if (pgdata != NULL)
		shell_add_word(b, pgdata);
	else
		buf_adds(b, "PGDATA");
}

/* --- CHECKPOINT ----------------------------------------------------------- */

/* D15: so that pg_control tells the new timeline.  The server makes one by
 * itself, later; a role that may not ask for it has to wait. */
static void
checkpoint(struct failover *f)
{
	int64_t begin = clock_ms();
	struct err why = ERR_INIT;

	if (!f->o->checkpoint)
		return;
	if (pg_query(f->pg, NULL,
		MAX_OF(f->deadline, deadline_in(CHECKPOINT_MS)), "CHECKPOINT",
		0, NULL, &why) == 0) {
		f->rec->checkpointed = true;
		f->rec->ms_checkpoint = clock_ms() - begin;
		failover_step(f, "checkpoint", "%.1f s",
		    (double)f->rec->ms_checkpoint / 1000);
		return;
	}
	if (strcmp(pg_sqlstate(f->pg), "42501") == 0) {
		failover_warn(f,
		    "The server makes one by itself within minutes; until "
		    "then nothing may rewind to it. From 15 on: GRANT "
		    "pg_checkpoint TO the role.",
		    "role \"%s\" may not run CHECKPOINT", pg_user(f->pg));
		return;
	}
	failover_failed(f, "CHECKPOINT: %s", why.text);
}

/* Where the new timeline began: the server's own history file says it. */
static void
find_switch(struct failover *f)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	struct tree *t;
	uint64_t lsn;

	if (!f->self.here || f->timeline == 0 ||
	    (t = tree_open(f->self.pgdata, NULL)) == NULL)
		return;
	buf_addf(&path, "%s/%08" PRIX32 ".history",
	    pgver(pg_version(f->pg), PGFACT_DIR_WAL), f->rec->timeline);
	(void)tree_add_link(t, pgver(pg_version(f->pg), PGFACT_DIR_WAL), NULL);
	if (tree_read_file(t, buf_str(&path), TLI_HISTORY_MAX, &text) == 0 &&
	    tli_switch_point(buf_str(&text), f->timeline, &lsn) == 1)
		f->rec->lsn = lsn;
	tree_close(t);
	buf_free(&path);
	buf_free(&text);
}

/* --- what the new primary is set to --------------------------------------- */

static bool
has_sync_standby(const struct status_node *n)
{
	for (size_t i = 0; i < n->nsenders; i++)
		if (n->senders[i].sync_state != NULL &&
		    (strcmp(n->senders[i].sync_state, "sync") == 0 ||
			strcmp(n->senders[i].sync_state, "quorum") == 0))
			return true;
	return false;
}

static void
warn_settings(struct failover *f)
{
	const struct status_node *n = failover_candidate(f);
	const char *names = n->synchronous_names != NULL
				? n->synchronous_names
				: f->self.synchronous_names;

	if (f->self.read_only)
		failover_warn(f,
		    "ALTER SYSTEM SET default_transaction_read_only = off; "
		    "SELECT pg_reload_conf();",
		    "default_transaction_read_only is on: applications cannot "
		    "write on %s",
		    n->name);
	if (names != NULL && *names != '\0' && !has_sync_standby(n))
		failover_warn(f,
		    "Attach a standby of that name, or: ALTER SYSTEM SET "
		    "synchronous_standby_names = ''; SELECT pg_reload_conf();",
		    "synchronous_standby_names is \"%s\" and no such standby "
		    "is attached: every commit on %s will hang",
		    names, n->name);
}

/* --- siblings ------------------------------------------------------------- */

static bool
is_sibling(const struct failover *f, size_t i)
{
	const struct status_node *n = &f->s.nodes[i];

	if ((int)i == f->node || (int)i == f->old ||
	    n->role == ROLE_RECEIVEWAL ||
	    (n->reach == REACH_YES && n->says == ROLE_PRIMARY))
		return false;
	/* Rows of nodes that nobody can reach are not known to be any. */
	return n->reach != REACH_NOT_ASKED || i < f->nnodes;
}

/* Below the new primary, directly or not; by way of the old one, which has
 * become its standby, is not where a node is meant to stay. */
static bool
is_below(const struct failover *f, int i)
{
	for (size_t steps = 0; steps < f->s.n; steps++) {
		if (f->s.nodes[i].sender < 0 || f->s.nodes[i].upstream < 0)
			return false;
		i = f->s.nodes[i].upstream;
		if (i == f->node)
			return true;
		if (i == f->old)
			return false;
	}
	return false;
}

/* It streams from another standby, and goes where that one goes. */
static bool
is_cascaded(const struct failover *f, int i)
{
	int up = f->s.nodes[i].upstream;

	return up >= 0 && up != f->node && up != f->old &&
	       f->s.nodes[up].reach == REACH_YES &&
	       f->s.nodes[up].says == ROLE_STANDBY;
}

/* Of what a command said the error alone: for who reads the record. */
static void
add_its_error(struct err *e, const char *said)
{
	static const char mark[] = "error: ";
	struct buf line = BUF_INIT;
	const char *at = NULL;

	while (at == NULL && text_line(&said, &line))
		at = strstr(buf_str(&line), mark);
	if (at != NULL)
		(void)err_detail(e, "%s", at + sizeof(mark) - 1);
	buf_free(&line);
}

static int
follow(struct failover *f, int i, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_FOLLOW};
	struct operate_answer a;
	int rc;

	if (f->conf[f->node] == NULL && !failover_nodes_is_here(f, i))
		return err_set(e, ERR_CONFIG,
		    "the new primary is no node of the configuration file");
	if (f->s.nodes[i].reach != REACH_YES)
		return err_set(e, ERR_DB_CONNECT, "it does not answer");
	q.node = f->conf[f->node] != NULL ? f->conf[f->node]->name : NULL;
	rc = failover_nodes_operate(f, i, &q, &a, FOLLOW_MS, e);
	if (rc == -1)
		return -1;
	if (a.status != 0) {
		failover_said(f, i, a.text);
		rc = err_set(e, ERR_PROC, "standby-follow ended with status %d",
		    a.status);
		add_its_error(e, a.text);
	}
	operate_answer_free(&a);
	return rc;
}

static struct failover_sibling *
add_sibling(struct failover *f, int i)
{
	struct failover_record *r = f->rec;
	struct failover_sibling *more =
	    reallocarray(r->siblings, r->nsiblings + 1, sizeof(*more));

	if (more == NULL)
		return NULL;
	r->siblings = more;
	more[r->nsiblings] = (struct failover_sibling){.follows = false};
	if ((more[r->nsiblings].node = strdup(f->s.nodes[i].name)) == NULL)
		return NULL;
	return &more[r->nsiblings++];
}

static void
next_follow(struct failover *f, int i)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "on ");
	failover_add_host(f, i, &b);
	buf_adds(&b, ": standby-follow ");
	failover_add_master(f, f->node, &b);
	failover_add_pgdata(f, i, &b);
	failover_next(f, "%s", buf_str(&b));
	buf_free(&b);
}

static char *
text_of(const struct err *why)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, why->text);
	if (why->detail[0] != '\0')
		buf_addf(&b, ": %s", why->detail);
	return buf_steal(&b);
}

static void
one_sibling(struct failover *f, int i)
{
	struct failover_sibling *s = add_sibling(f, i);
	struct err why = ERR_INIT;

	if (s == NULL)
		return;
	s->follows = is_below(f, i);
	if (s->follows || is_cascaded(f, i))
		return;
	if (f->o->siblings_follow) {
		failover_step(f, "siblings", "%s is to follow", s->node);
		if (follow(f, i, &why) == 0) {
			s->follows = true;
			return;
		}
		s->problem = text_of(&why);
		failover_failed(f, "%s does not follow: %s", s->node, why.text);
	}
	next_follow(f, i);
}

/* A node of the file is cloned by its name: with the slot and application_name
 * that the file gives it, not those of its host, which nobody would look for
 * when it leaves.  standby-clone finds the primary in the file, too. */
static void
add_delta(const struct failover *f, struct buf *b)
{
	const struct conf_node *n =
	    (size_t)f->old < f->nnodes ? f->conf[f->old] : NULL;

	buf_adds(b, "standby-clone ");
	if (n != NULL && n->pgdata != NULL && (size_t)f->node < f->nnodes &&
	    f->conf[f->node] != NULL) {
		shell_add_word(b, n->name);
		buf_adds(b, " --delta");
		return;
	}
	buf_adds(b, "--delta ");
	failover_add_master(f, f->node, b);
	failover_add_pgdata(f, f->old, b);
}

static void
next_old(struct failover *f)
{
	struct buf b = BUF_INIT;

	if (f->old < 0 || f->old_back || (f->o->switchover && f->o->dry_run))
		return;
	buf_adds(&b, "on ");
	failover_add_host(f, f->old, &b);
	buf_adds(&b, ", to bring the old primary back: ");
	add_delta(f, &b);
	failover_next(f, "%s", buf_str(&b));
	buf_free(&b);
}

/* --- slots that are left on the old primary ------------------------------- */

/* Who used the slots of the old primary, while it was one: the next look knows
 * only the new connections. */
struct users {
	struct {
		char *slot, *node;
	} * v;
	size_t n;
};

static void
users_free(struct users *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->v[i].slot);
		free(u->v[i].node);
	}
	free(u->v);
}

static void
users_add(struct users *u, const char *slot, const char *node)
{
	void *more = reallocarray(u->v, u->n + 1, sizeof(*u->v));

	if (more == NULL)
		return;
	u->v = more;
	u->v[u->n].slot = strdup(slot);
	u->v[u->n].node = strdup(node);
	if (u->v[u->n].slot != NULL && u->v[u->n].node != NULL) {
		u->n++;
		return;
	}
	free(u->v[u->n].slot);
	free(u->v[u->n].node);
}

static void
users_read(struct users *u, const struct failover *f)
{
	const struct status_node *old =
	    f->old >= 0 ? &f->s.nodes[f->old] : NULL;

	for (size_t i = 0; old != NULL && i < old->nsenders; i++) {
		const struct status_sender *s = &old->senders[i];

		if (s->slot >= 0 && (size_t)s->slot < old->nslots &&
		    s->node >= 0 && (size_t)s->node < f->s.n)
			users_add(u, old->slots[s->slot].name,
			    f->s.nodes[s->node].name);
	}
}

static bool
is_users_slot(
    const struct users *u, const struct status_node *n, const char *slot)
{
	char mapped[64];

	for (size_t i = 0; i < u->n; i++)
		if (strcmp(u->v[i].slot, slot) == 0)
			return strcmp(u->v[i].node, n->name) == 0;
	if (n->conf_slot != NULL)
		return strcmp(n->conf_slot, slot) == 0;
	text_slot_name(n->name, mapped);
	return strcmp(mapped, slot) == 0;
}

/* It is the new primary, or seen to stream from another node than the old. */
static bool
has_left(const struct failover *f, int i)
{
	const struct status_node *n = &f->s.nodes[i];

	return i == f->node || (i != f->old && n->sender >= 0 &&
				   n->upstream >= 0 && n->upstream != f->old);
}

static bool
is_left_over(const struct status_slot *s)
{
	return !s->logical && !s->active && !s->temporary && !s->synced &&
	       s->name[0] != '\0' &&
	       s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz"
				       "0123456789_")] == '\0';
}

/* They keep WAL for ever.  Whether one is still wanted, a person knows: they
 * are never dropped from here. */
static void
next_slots(struct failover *f, const struct users *u)
{
	const struct status_node *old =
	    f->old >= 0 ? &f->s.nodes[f->old] : NULL;

	if (old == NULL || !f->old_back || old->reach != REACH_YES)
		return;
	for (size_t k = 0; k < old->nslots; k++) {
		const struct status_slot *s = &old->slots[k];

		for (int i = 0; is_left_over(s) && (size_t)i < f->s.n; i++) {
			if (!has_left(f, i) ||
			    !is_users_slot(u, &f->s.nodes[i], s->name))
				continue;
			failover_next(f,
			    "%s does not stream from %s any more, whose slot "
			    "\"%s\" keeps WAL for it; on %s: SELECT "
			    "pg_drop_replication_slot('%s');",
			    f->s.nodes[i].name, old->name, s->name, old->name,
			    s->name);
			break;
		}
	}
}

/* --- all of it ------------------------------------------------------------ */

/* After a signal nobody waits for more than what is there. */
static void
look_again(struct failover *f)
{
	struct err why = ERR_INIT;

	if (sig_caught() != 0)
		return;
	if (survey_look(f->survey, &f->s, &why) == -1 ||
	    verdict_judge(&f->s, &verdict_default_limits) == -1)
		failover_note(f, "no status: %s", why.text);
}

int
failover_after(struct failover *f, struct err *e)
{
	struct users users = {.n = 0};

	if (f->old_back)
		users_read(&users, f);
	f->deadline = MAX_OF(f->deadline, deadline_in(CHECKPOINT_MS));
	checkpoint(f);
	find_switch(f);
	look_again(f);
	if (f->s.n == 0) {
		users_free(&users);
		return err_set(e, ERR_LEFT_BEHIND,
		    "promoted, but the other nodes could not be looked at");
	}
	warn_settings(f);
	for (size_t i = 0; i < f->s.n; i++)
		if (is_sibling(f, i))
			one_sibling(f, (int)i);
	next_old(f);
	if (f->o->siblings_follow && f->rec->nsiblings > 0)
		look_again(f);
	if (f->s.n > 0 && sig_caught() == 0)
		next_slots(f, &users);
	users_free(&users);
	if (f->s.n > 0 && sig_caught() == 0) /* else it is an old one */
		f->ui->status(f->ui->arg, &f->s);
	if (f->rec->failed.len == 0)
		return 0;
	(void)err_set(e, ERR_LEFT_BEHIND,
	    "%s is the new primary, but not all that comes after it was done",
	    f->rec->node);
	return err_hint(e, "It stands, and takes writes: do what is left by "
			   "hand.");
}

void
failover_after_plan(struct failover *f, struct buf *b)
{
	if (f->o->checkpoint)
		buf_addf(b, "CHECKPOINT on %s\n", f->rec->node);
	for (size_t i = 0; i < f->s.n; i++)
		if (is_sibling(f, i) && !is_below(f, (int)i) &&
		    !is_cascaded(f, (int)i)) {
			if (f->o->siblings_follow)
				buf_addf(
				    b, "let %s follow\n", f->s.nodes[i].name);
			else
				next_follow(f, (int)i);
		}
	next_old(f);
}
