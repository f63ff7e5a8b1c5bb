#include "base/std.h"
#include "base/clock.h"
#include "core/pgpool.h"
#include "core/text.h"
#include "flow/follow_int.h"
#include "flow/follow_pgpool.h"
#include "flow/operate.h"
#include "io/host.h"
#include "io/proc.h"

#define ASK_MS 5000
#define DELTA_MS INT64_C(3600000) /* a copy of any size; pgpool waits */
#define STOP_MS 60000
#define ATTACH_MS 20000

struct pool {
	const struct follow_pgpool_opts *o;
	const struct follow_ui *ui;
	struct pgpool_failover w;
	const struct conf_node *node, *primary; /* of the file, or NULL */
	struct conninfo node_conninfo, primary_conninfo;
	const char *pgdata;
};

static void note(struct pool *p, const char *fmt, ...) PRINTFLIKE(2, 3);
static void
note(struct pool *p, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->ui->note(p->ui->arg, text);
}

/* --- who is meant --------------------------------------------------------- */

static bool
is_at(const struct conf_node *n, const char *host, int port)
{
	struct conninfo c = {.n = 0};
	const char *h, *has;
	char want[16];
	bool same = false;

	(void)snprintf(want, sizeof(want), "%d", port);
	if (n->conninfo != NULL &&
	    pg_conninfo_parse(n->conninfo, &c, NULL) == 0) {
		h = conninfo_get(&c, "host");
		has = conninfo_get(&c, "port");
		same = strcmp(has != NULL ? has : "5432", want) == 0 &&
		       ((h != NULL && strcmp(h, host) == 0) ||
			   (host_is_local(h) == 1 && host_is_local(host) == 1));
	}
	conninfo_free(&c);
	return same;
}

/* By address; the order of the file is that of pgpool's numbers only where the
 * port agrees (its backends may have other names for the hosts). */
static const struct conf_node *
find_node(const struct conf *conf, int id, const char *host, int port)
{
	const struct conf_node *n;
	struct conninfo c = {.n = 0};
	const char *has;
	char want[16];

	for (size_t i = 0; host != NULL && i < conf->nnodes; i++)
		if (is_at(&conf->nodes[i], host, port))
			return &conf->nodes[i];
	if (id < 0 || (size_t)id >= conf->nnodes)
		return NULL;
	n = &conf->nodes[id];
	if (n->conninfo == NULL ||
	    pg_conninfo_parse(n->conninfo, &c, NULL) == -1)
		return NULL;
	has = conninfo_get(&c, "port");
	(void)snprintf(want, sizeof(want), "%d", port);
	if (strcmp(has != NULL ? has : "5432", want) != 0)
		n = NULL;
	conninfo_free(&c);
	return n;
}

static int
address(const struct pool *p, const struct conf_node *n, const char *host,
    int port, struct conninfo *c, struct err *e)
{
	char text[16];
	const char *dbname = p->o->dbname;

	(void)snprintf(text, sizeof(text), "%d", port);
	if (n != NULL && n->conninfo != NULL) {
		if (pg_conninfo_parse(n->conninfo, c, e) == -1)
			return -1;
	} else if (host == NULL || conninfo_set(c, "host", host) == -1 ||
		   (port > 0 && conninfo_set(c, "port", text) == -1)) {
		return err_set(e, ERR_USAGE, "--pgpool: a host is missing");
	}
	if (dbname == NULL || strchr(dbname, '=') != NULL)
		dbname = "postgres";
	if ((p->o->user != NULL && conninfo_get(c, "user") == NULL &&
		conninfo_set(c, "user", p->o->user) == -1) ||
	    (conninfo_get(c, "dbname") == NULL &&
		conninfo_set(c, "dbname", dbname) == -1))
		return err_set_nomem(e);
	return 0;
}

static int
find_both(struct pool *p, struct err *e)
{
	const struct pgpool_failover *w = &p->w;
	const struct conf *conf = p->o->conf;

	p->node = find_node(conf, w->node_id, w->host, w->port);
	p->primary =
	    find_node(conf, w->new_main_id, w->new_main_host, w->new_main_port);
	p->pgdata = w->pgdata;
	if (p->pgdata == NULL && p->node != NULL)
		p->pgdata = p->node->pgdata;
	if (address(p, p->node, w->host, w->port, &p->node_conninfo, e) == -1)
		return -1;
	return address(p, p->primary, w->new_main_host, w->new_main_port,
	    &p->primary_conninfo, e);
}

/* --- does it answer ------------------------------------------------------- */

/* 1: a standby that answers; 0: it does not, or is none; -1 with e. */
static int
ask_node(struct pool *p, struct err *e)
{
	struct pg_opts o = {.conninfo = &p->node_conninfo,
	    .application_name = FOLLOW_PROGRAM,
	    .connect_ms = ASK_MS,
	    .sigfd = p->o->sigfd};
	struct err why = ERR_INIT;
	struct pg_rows *r = NULL;
	struct pg *pg = NULL;
	const char *s;
	int rc = 0;

	if (pg_open(&pg, &o, &why) == -1 ||
	    pg_query(pg, &r, deadline_in(ASK_MS), "SELECT pg_is_in_recovery()",
		0, NULL, &why) == -1) {
		if (why.code == ERR_INTERRUPTED) {
			*e = why;
			rc = -1;
		} else {
			note(p, "node %d does not answer, and is skipped: %s",
			    p->w.node_id, why.text);
		}
		goto out;
	}
	s = pg_rows_get(r, 0, 0);
	if (s == NULL || *s != 't') {
		rc = err_set(e, ERR_NODE,
		    "node %d, %s, is a running primary, and follows nobody",
		    p->w.node_id, pg_name(pg));
		(void)err_hint(e, "Two primaries? Stop the old one, then, on "
				  "its host: standby-clone --delta");
		goto out;
	}
	rc = 1;
out:
	pg_rows_free(r);
	pg_close(pg);
	return rc;
}

/* --- doing ---------------------------------------------------------------- */

/* Does the file say that SSH to the node goes to another host?  Then what has
 * an address of this one is a port that is forwarded. */
static bool
ssh_leaves(const struct pool *p)
{
	const char *ssh = p->node != NULL ? p->node->ssh : NULL;
	struct remote_opts r = {.host = NULL};
	char *text = ssh != NULL ? strdup(ssh) : NULL;
	bool leaves = text != NULL && remote_target(text, &r, NULL) == 0 &&
		      host_is_local(r.host) != 1;

	free(text);
	return leaves;
}

static bool
is_local(const struct pool *p)
{
	const char *host = conninfo_get(&p->node_conninfo, "hostaddr");

	if (host == NULL)
		host = conninfo_get(&p->node_conninfo, "host");
	return host_is_local(host) == 1 && !ssh_leaves(p) &&
	       p->pgdata != NULL && access(p->pgdata, X_OK) == 0;
}

static int
follow_here(struct pool *p, bool *forked, struct err *e)
{
	const struct conf *conf = p->o->conf;
	const struct conf_node *n = p->node;
	struct follow_record rec = {.status = NULL};
	struct follow_opts f = {.pgdata = p->pgdata,
	    .bindir = conf_get(conf, "defaults.bindir"),
	    .start_command = conf_get(conf, "defaults.start"),
	    .stop_command = conf_get(conf, "defaults.stop"),
	    .replication_user = conf_get(conf, "defaults.replication_user"),
	    .sync = p->o->sync,
	    .start = true,
	    .wait = true,
	    .timeout_ms = p->o->timeout_ms,
	    .sigfd = p->o->sigfd};
	int rc;

	if (n != NULL) {
		f.node = n->name;
		f.slot = n->slot;
		f.bindir = n->bindir != NULL ? n->bindir : f.bindir;
		f.start_command = n->start != NULL ? n->start : f.start_command;
		f.stop_command = n->stop != NULL ? n->stop : f.stop_command;
	}
	if (conninfo_copy(&f.conninfo, &p->primary_conninfo) == -1)
		return err_set_nomem(e);
	rc = follow_run(&f, p->ui, &rec, e);
	*forked = rc == -1 && rec.verdict == FOLLOW_FORKED;
	if (rc == 0 && rec.status != NULL &&
	    strcmp(rec.status, "already-following") == 0)
		note(p, "node %d follows already", p->w.node_id);
	follow_record_free(&rec);
	conninfo_free(&f.conninfo);
	return rc;
}

/*
 * One verb, here or there; what the command said goes to the log.  *forked,
 * unless NULL: standby-follow, who has all facts, refused for that.  From here
 * it cannot be told: over SQL the timeline of a standby that has just replayed
 * a promotion may still be the old one.
 */
static int
operate(struct pool *p, enum operate_verb verb, int64_t ms, bool *forked,
    struct err *e)
{
	const struct conf *conf = p->o->conf;
	const struct conf_node *n = p->node;
	struct operate_request q = {.verb = verb,
	    .pgdata = p->pgdata,
	    .self = n != NULL ? n->name : NULL,
	    .node = p->primary != NULL ? p->primary->name : NULL};
	struct operate_local l = {.bindir = conf_get(conf, "defaults.bindir"),
	    .start = conf_get(conf, "defaults.start"),
	    .stop = conf_get(conf, "defaults.stop"),
	    .program_dir = p->o->program_dir,
	    .config = conf->file};
	struct remote_opts r = *p->o->remote;
	struct operate_answer a = {.running = -1};
	struct buf said = BUF_INIT;
	char *text = NULL;
	bool here;
	int rc;

	if (n != NULL) {
		l.bindir = n->bindir != NULL ? n->bindir : l.bindir;
		l.start = n->start != NULL ? n->start : l.start;
		l.stop = n->stop != NULL ? n->stop : l.stop;
	}
	here = is_local(p);
	if (!here && !p->o->ssh_given &&
	    remote_at(n != NULL ? n->ssh : NULL, p->w.host, &r, &text, e) ==
		-1) {
		free(text);
		return -1;
	}
	rc = here ? operate_here(&l, &q, &a, deadline_in(ms), p->o->sigfd, e)
		  : operate_remote(&r, p->o->agent, p->o->package, &q, &a,
			deadline_in(ms), p->o->sigfd, e);
	if (a.text != NULL)
		text_add_tail(&said, a.text, strlen(a.text), 20, "  ");
	if (said.len > 0)
		note(p, "node %d says:\n%s", p->w.node_id, buf_str(&said));
	if (rc == 0 && a.status != 0) {
		rc =
		    err_set(e, ERR_PROC, "the command on node %d ended with %d",
			p->w.node_id, a.status);
		err_raise(e, a.status);
	}
	if (forked != NULL)
		*forked = rc == -1 && follow_said_forked(a.status, a.text);
	operate_answer_free(&a);
	buf_free(&said);
	free(text);
	return rc;
}

static int
follow_remote(struct pool *p, bool *forked, struct err *e)
{
	if (p->primary == NULL || p->pgdata == NULL) {
		(void)err_set(e, ERR_CONFIG,
		    "node %d is on another host, and %s is not known",
		    p->w.node_id,
		    p->pgdata == NULL ? "its data directory"
				      : "the new primary's name");
		return err_hint(e, "List all nodes in standby.conf, the same "
				   "file on every host.");
	}
	return operate(p, OPERATE_FOLLOW, p->o->timeout_ms, forked, e);
}

static int
make_copy(struct pool *p, struct err *e)
{
	if (p->node == NULL)
		return err_set(e, ERR_FORKED,
		    "node %d has WAL that the new primary has not, and is not "
		    "in standby.conf, by which it would be copied again",
		    p->w.node_id);
	note(p,
	    "node %d has WAL behind the point where the new primary left: it "
	    "becomes a copy of it again",
	    p->w.node_id);
	if (operate(p, OPERATE_STOP, STOP_MS, NULL, e) == -1)
		return -1;
	if (operate(p, OPERATE_DELTA, DELTA_MS, NULL, e) == 0)
		return 0;
	err_raise(e, STATUS_INCOMPLETE); /* it is stopped now */
	return -1;
}

static void
attach(struct pool *p)
{
	char id[16];
	const char *argv[] = {
	    "pcp_attach_node", "-w", "-h", "localhost", "-n", id, NULL};
	struct buf said = BUF_INIT, text = BUF_INIT;
	struct err why = ERR_INIT;
	int status = -1;

	(void)snprintf(id, sizeof(id), "%d", p->w.node_id);
	if (proc_run(&(struct proc_opts){.argv = argv,
			 .out = &said,
			 .err = &said,
			 .deadline = deadline_in(ATTACH_MS),
			 .sigfd = p->o->sigfd},
		&status, &why) == -1) {
		note(p, "pgpool was not told (%s): pcp_attach_node -n %s",
		    why.text, id);
	} else if (status != 0) {
		text_add_tail(&text, said.data, said.len, 3, "");
		note(p, "pcp_attach_node -n %s ended with %d: %s", id, status,
		    buf_str(&text));
	} else {
		note(p, "pgpool has node %s again", id);
	}
	buf_free(&said);
	buf_free(&text);
}

static int
run(struct pool *p, struct err *e)
{
	bool forked = false;
	int rc;

	if (find_both(p, e) == -1)
		return -1;
	if ((rc = ask_node(p, e)) != 1)
		return rc;
	rc = is_local(p) ? follow_here(p, &forked, e)
			 : follow_remote(p, &forked, e);
	if (rc == -1 && forked) {
		err_clear(e);
		rc = make_copy(p, e);
	}
	if (rc == 0)
		attach(p);
	return rc;
}

int
follow_pgpool(const struct follow_pgpool_opts *o, const struct follow_ui *ui,
    struct err *e)
{
	struct pool p = {.o = o, .ui = ui};
	const char *reason;
	int rc;

	if (pgpool_failover_words("--pgpool", o->words, o->nwords, &p.w, e) ==
	    -1)
		return -1;
	if (pgpool_follow_decide(&p.w, &reason) == PGPOOL_NOTHING) {
		note(&p, "nothing to do: %s", reason);
		return 0;
	}
	rc = run(&p, e);
	conninfo_free(&p.node_conninfo);
	conninfo_free(&p.primary_conninfo);
	return rc;
}
