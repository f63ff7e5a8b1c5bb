#include "base/std.h"
#include "base/clock.h"
#include "flow/agent_int.h"
#include "flow/operate_int.h"
#include "io/conf.h"

#include <poll.h>

/* The request with its texts as C strings. */
struct asked {
	struct operate_request q;
	char *pgdata, *self, *node;
	int64_t deadline;
};

static void
asked_free(struct asked *k)
{
	free(k->pgdata);
	free(k->self);
	free(k->node);
}

static char *
text_of(struct wire_str s)
{
	return strndup(s.s, s.len);
}

static int
take_request(struct agent *a, struct asked *k, struct err *e)
{
	struct wire_operate w;

	if (wire_decode_operate(a->req.data, a->req.len, &w, e) == -1)
		return -1;
	k->deadline = deadline_in(w.timeout_ms);
	k->pgdata = text_of(w.pgdata);
	k->self = text_of(w.self);
	k->node = text_of(w.node);
	if (k->pgdata == NULL || k->self == NULL || k->node == NULL)
		return err_set_nomem(e);
	k->q = (struct operate_request){.verb = (enum operate_verb)w.verb,
	    .pgdata = k->pgdata,
	    .self = *k->self == '\0' ? NULL : k->self,
	    .node = *k->node == '\0' ? NULL : k->node,
	    .system_identifier = w.system_identifier,
	    .timeline = w.timeline,
	    .from = w.from};
	return 0;
}

/* --- may we, and what ----------------------------------------------------- */

static int
refuse(const struct conf *c, const char *what, const char *line, struct err *e)
{
	(void)err_set(e, ERR_PRIVILEGE,
	    "standby.conf of this host does not allow it: %s", what);
	return err_hint(e, "Add there, in \"%s\": %s",
	    c->file != NULL ? c->file : "/etc/standby/standby.conf", line);
}

static const char *
pgdata_of(const struct conf *c, const struct conf_node *n)
{
	return n->pgdata != NULL ? n->pgdata : conf_get(c, "defaults.pgdata");
}

/* Is it that directory, by whatever name? */
static bool
is_dir(const char *path, const struct operate_dir *d)
{
	struct stat own, st;

	return path != NULL && *path == '/' && stat(path, &own) == 0 &&
	       fstat(tree_fd(d->t), &st) == 0 && own.st_dev == st.st_dev &&
	       own.st_ino == st.st_ino;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* One file for all hosts often has the same directory in every node: then any
 * of them will do, as long as they say the same. */
static bool
interchangeable(const struct conf_node *a, const struct conf_node *b)
{
	return same_text(a->bindir, b->bindir) &&
	       same_text(a->start, b->start) && same_text(a->stop, b->stop);
}

static int
ambiguous(const struct conf *c, const struct conf_node *a,
    const struct conf_node *b, struct err *e)
{
	(void)err_set(e, ERR_CONFIG,
	    "nodes \"%s\" and \"%s\" of \"%s\" have that directory, and the "
	    "request does not say which of them is meant",
	    a->name, b->name, c->file);
	return err_hint(e, "Name the node instead of its host.");
}

static int
find_self(const struct conf *c, const struct asked *k,
    const struct operate_dir *d, const struct conf_node **self, struct err *e)
{
	char line[256];

	*self = NULL;
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct conf_node *n = &c->nodes[i];

		if ((k->q.self != NULL && strcmp(n->name, k->q.self) != 0) ||
		    !is_dir(pgdata_of(c, n), d))
			continue;
		if (*self != NULL &&
		    (k->q.verb == OPERATE_DELTA || !interchangeable(*self, n)))
			return ambiguous(c, *self, n, e);
		if (*self == NULL)
			*self = n;
	}
	if (*self != NULL)
		return 0;
	(void)snprintf(line, sizeof(line), "pgdata = \"%.200s\"; to its node.",
	    tree_path(d->t));
	return refuse(c,
	    k->q.self != NULL ? "the node named does not have that directory"
			      : "no node has that directory",
	    line, e);
}

static int
find_primary(const struct conf *c, const struct asked *k,
    const struct conf_node *self, const char **conninfo, struct err *e)
{
	const struct conf_node *n;

	*conninfo = NULL;
	if (k->q.verb != OPERATE_FOLLOW)
		return 0;
	n = k->q.node != NULL ? conf_find_node(c, k->q.node) : NULL;
	if (n == NULL || n->conninfo == NULL)
		return refuse(c, "it has no node of that name with a conninfo",
		    "the new primary to the list nodes.", e);
	if (n == self)
		return err_set(
		    e, ERR_NODE, "node \"%s\" cannot follow itself", n->name);
	*conninfo = n->conninfo;
	return 0;
}

static int
take_means(const struct conf *c, const struct agent *a, const struct asked *k,
    const struct operate_dir *d, struct operate_means *m, struct err *e)
{
	const char *operate = conf_get(c, "agent.operate");
	const struct conf_node *n;

	if (operate == NULL || strcmp(operate, "true") != 0)
		return refuse(c, "it does not say agent.operate = true",
		    "agent : { operate = true; };", e);
	if (find_self(c, k, d, &n, e) == -1)
		return -1;
	*m = (struct operate_means){.pgdata = pgdata_of(c, n),
	    .bindir =
		n->bindir != NULL ? n->bindir : conf_get(c, "defaults.bindir"),
	    .start =
		n->start != NULL ? n->start : conf_get(c, "defaults.start"),
	    .stop = n->stop != NULL ? n->stop : conf_get(c, "defaults.stop"),
	    .program_dir = a->program_dir,
	    .config = c->file,
	    .self = n->name};
	return find_primary(c, k, n, &m->primary, e);
}

/* --- the request ---------------------------------------------------------- */

static int
wait_there(void *arg, int fd, int64_t until, struct err *e)
{
	return agent_io_wait(arg, fd, until, e);
}

static void
lift(void *arg, bool lifted)
{
	agent_guest_lift(arg, lifted);
}

static int
send_answer(struct agent *a, const struct operate_answer *o, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	wire_encode_operated(
	    &b, &(struct wire_operated){
		    .running = o->running == -1  ? WIRE_RUNS_UNKNOWN
			       : o->running == 1 ? WIRE_RUNS
						 : WIRE_RUNS_NOT,
		    .pid = (uint64_t)o->pid,
		    .status = (uint32_t)o->status & 255,
		    .wal_end = o->wal_end,
		    .timeline = o->timeline,
		    .state = o->state,
		    .standby = o->signal_file,
		    .text = {.s = o->text, .len = strlen(o->text)},
		});
	rc = buf_ok(&b) ? chan_send_buf(a->c, WIRE_OPERATED, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}

static int
serve(struct agent *a, const struct asked *k, struct operate_dir *d,
    const struct operate_host *h, struct err *e)
{
	struct conf c = {.file = NULL};
	struct operate_means m = {.pgdata = NULL};
	struct operate_answer o = {.text = NULL};
	bool runs = operate_do_runs(k->q.verb);
	int rc = 0;

	if (runs && (rc = conf_read(&c, NULL, e)) == 0)
		rc = take_means(&c, a, k, d, &m, e);
	if (rc == 0)
		rc = operate_do(
		    d, &k->q, runs ? &m : NULL, h, k->deadline, &o, e);
	if (rc == 0)
		rc = send_answer(a, &o, e);
	operate_answer_free(&o);
	conf_free(&c);
	return rc;
}

int
agent_operate(struct agent *a, struct err *e)
{
	struct operate_host h = {.wait = wait_there, .lift = lift, .arg = a};
	struct asked k = {.pgdata = NULL};
	struct operate_dir d;
	int rc = -1;

	if (take_request(a, &k, e) == -1)
		goto out;
	/* Since OPEN we are a guest with the lowest priority, and a server that
	 * we start would be one, too. */
	if (a->t != NULL && operate_do_runs(k.q.verb)) {
		(void)err_set(
		    e, ERR_PROTOCOL, "OPERATE with a command after OPEN");
		goto out;
	}
	if (operate_do_open(&d, &k.q, &h, e) == 0) {
		rc = serve(a, &k, &d, &h, e);
		operate_do_close(&d);
	}
out:
	asked_free(&k);
	return rc;
}
