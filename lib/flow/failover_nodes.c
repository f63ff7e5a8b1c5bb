/* The nodes that somebody named: those of the file, the candidate, the old
 * primary; how to reach them over SQL and over SSH. */
#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/failover_int.h"
#include "flow/nodes.h"
#include "flow/pidfile.h"

/* --- the list ------------------------------------------------------------- */

static int
set(struct conninfo *c, const char *key, const char *value, struct err *e)
{
	return conninfo_set(c, key, value) == -1 ? err_set_nomem(e) : 0;
}

static int
set_default(
    struct conninfo *c, const char *key, const char *value, struct err *e)
{
	if (value == NULL || conninfo_get(c, key) != NULL)
		return 0;
	return set(c, key, value, e);
}

/* user and dbname, where the string says nothing and libpq's environment may
 * not know better. */
static int
set_defaults(const struct failover *f, struct conninfo *c, struct err *e)
{
	if (set_default(c, "user", f->o->user, e) == -1 ||
	    set_default(c, "dbname", f->o->dbname, e) == -1)
		return -1;
	return pg_conninfo_default_dbname(c, e);
}

static struct survey_node *
add(struct failover *f, const struct conf_node *conf, struct err *e)
{
	const struct conf_node **confs =
	    reallocarray(f->conf, f->nnodes + 1, sizeof(*confs));

	if (confs == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	f->conf = confs;
	confs[f->nnodes] = conf;
	return survey_node_add(&f->nodes, &f->nnodes, e);
}

static int
add_conf(struct failover *f, const struct conf_node *from, struct err *e)
{
	struct survey_node *n = add(f, from, e);

	if (n == NULL || survey_node_take(n, from, f->o->conf->file, e) == -1)
		return -1;
	return set_defaults(f, &n->conninfo, e);
}

/* Also where names differ: both are of this host, and the port is the same. */
static int
find_local(const struct failover *f, const char *port)
{
	int found = -1;

	for (size_t i = 0; i < f->nnodes; i++) {
		struct conninfo c = {.n = 0};
		const char *own;

		if (pg_conninfo_effective(&f->nodes[i].conninfo, &c, NULL) ==
			0 &&
		    (own = conninfo_get(&c, "port")) != NULL &&
		    strcmp(own, port) == 0 && found == -1 &&
		    failover_nodes_is_here(f, (int)i))
			found = (int)i;
		conninfo_free(&c);
	}
	return found;
}

int
failover_nodes_at(
    struct failover *f, const char *host, const char *port, struct err *e)
{
	struct conninfo c = {.n = 0};
	int found = -2;

	if (set(&c, "host", host, e) == 0 &&
	    set(&c, "port", port != NULL ? port : "5432", e) == 0) {
		found = failover_place(f, &c);
		if (found == -1 && failover_nodes_local(f, host))
			found = find_local(f, port != NULL ? port : "5432");
		if (found == -1)
			found = failover_place_host(f, &c);
	}
	conninfo_free(&c);
	return found;
}

int
failover_nodes_add(
    struct failover *f, const char *host, const char *port, struct err *e)
{
	struct survey_node *n = add(f, NULL, e);
	const struct conninfo *like;

	if (n == NULL)
		return -1;
	like = f->node >= 0 ? &f->nodes[f->node].conninfo : &n->conninfo;
	if (like != &n->conninfo && conninfo_copy(&n->conninfo, like) == -1)
		return err_set_nomem(e);
	if (set(&n->conninfo, "hostaddr", NULL, e) == -1 ||
	    set(&n->conninfo, "service", NULL, e) == -1 ||
	    set(&n->conninfo, "host", host, e) == -1 ||
	    set(&n->conninfo, "port", port != NULL ? port : "5432", e) == -1 ||
	    set_defaults(f, &n->conninfo, e) == -1)
		return -1;
	return (int)f->nnodes - 1;
}

/* --- the candidate -------------------------------------------------------- */

static int
no_node(const struct failover *f, const char *name, struct err *e)
{
	char host[512], word[SHELL_WORD];

	(void)snprintf(host, sizeof(host),
	    "If it is a host, type: " FAILOVER_NAME " -h %s",
	    shell_word(name, word));
	return nodes_unknown(f->o->conf, name, host, e);
}

static int
of_file(const struct failover *f, const char *name)
{
	for (size_t i = 0; i < f->nnodes; i++)
		if (f->conf[i] != NULL && strcmp(f->conf[i]->name, name) == 0)
			return (int)i;
	return -1;
}

/* Where the server in that directory listens. */
static int
read_pidfile(const char *pgdata, struct pidfile *p, struct err *e)
{
	int fd = open(pgdata, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd == -1)
		return err_set_errno(e, ERR_CONFIG,
		    "could not open data directory \"%s\"", pgdata);
	rc = pidfile_read(fd, p, e);
	(void)close(fd);
	if (rc == -1)
		return err_wrap(e, "data directory \"%s\"", pgdata);
	if (rc == 0) {
		(void)err_set(e, ERR_DB_CONNECT,
		    "no server runs in data directory \"%s\"", pgdata);
		return err_hint(
		    e, "A standby is promoted while it runs: start it first.");
	}
	return 0;
}

static const char *
listen_host(const struct pidfile *p)
{
	if (p->sockdir[0] != '\0')
		return p->sockdir;
	if (strcmp(p->listen, "::") == 0)
		return "::1";
	if (p->listen[0] == '\0' || strcmp(p->listen, "*") == 0 ||
	    strcmp(p->listen, "0.0.0.0") == 0)
		return "127.0.0.1";
	return p->listen;
}

/* It has to be typed, so not the path of a socket. */
static int
name_local(struct survey_node *n, const char *port, struct err *e)
{
	char host[256] = "";
	struct buf b = BUF_INIT;

	if (gethostname(host, sizeof(host) - 1) == -1 || host[0] == '\0')
		(void)snprintf(host, sizeof(host), "localhost");
	buf_adds(&b, host);
	if (strcmp(port, "5432") != 0)
		buf_addf(&b, ":%s", port);
	n->name = buf_steal(&b);
	return n->name != NULL ? 0 : err_set_nomem(e);
}

/* The local server: by its socket, under the file's name when it has one. */
static int
add_pgdata(struct failover *f, struct err *e)
{
	const struct conninfo *given = f->o->conninfo;
	const char *port_given =
	    given != NULL ? conninfo_get(given, "port") : NULL;
	struct survey_node *n;
	struct pidfile p;
	char port[16];
	int i;

	if (read_pidfile(f->o->pgdata, &p, e) == -1)
		return -1;
	if (p.port > 0)
		(void)snprintf(port, sizeof(port), "%d", p.port);
	else
		(void)snprintf(port, sizeof(port), "%s",
		    port_given != NULL ? port_given : "5432");
	if ((i = find_local(f, port)) == -1) {
		if ((n = add(f, NULL, e)) == NULL ||
		    name_local(n, port, e) == -1)
			return -1;
		i = (int)f->nnodes - 1;
		if (given != NULL && conninfo_copy(&n->conninfo, given) == -1)
			return err_set_nomem(e);
	}
	n = &f->nodes[i];
	f->node = i;
	if (set(&n->conninfo, "hostaddr", NULL, e) == -1 ||
	    set(&n->conninfo, "host", listen_host(&p), e) == -1 ||
	    set(&n->conninfo, "port", port, e) == -1)
		return -1;
	return set_defaults(f, &n->conninfo, e);
}

static int
add_conninfo(struct failover *f, struct err *e)
{
	struct survey_node *n;

	f->node = failover_place(f, f->o->conninfo);
	if (f->node == -1) {
		if ((n = add(f, NULL, e)) == NULL)
			return -1;
		f->node = (int)f->nnodes - 1;
	}
	n = &f->nodes[f->node];
	for (size_t i = 0; i < f->o->conninfo->n; i++)
		if (set(&n->conninfo, f->o->conninfo->v[i].key,
			f->o->conninfo->v[i].value, e) == -1)
			return -1;
	return set_defaults(f, &n->conninfo, e);
}

static int
add_candidate(struct failover *f, struct err *e)
{
	f->node = -1;
	if (f->o->node != NULL) {
		f->node = of_file(f, f->o->node);
		return f->node == -1 ? no_node(f, f->o->node, e) : 0;
	}
	if (f->o->pgdata != NULL)
		return add_pgdata(f, e);
	if (f->o->best && f->nnodes == 0) {
		(void)err_set(e, ERR_CONFIG,
		    "--candidate=best chooses among the nodes of a "
		    "configuration file, and there are none");
		return err_hint(e,
		    "Write /etc/standby/standby.conf, or name a file with "
		    "--config, or the standby itself, on its "
		    "host: " FAILOVER_NAME " -D PGDATA");
	}
	if (f->o->best)
		return 0;
	if (f->o->conninfo != NULL)
		return add_conninfo(f, e);
	return err_set(e, ERR_USAGE, "no node to promote was named");
}

/* --- the old primary ------------------------------------------------------ */

/* It will often not answer, so that it cannot say which one it is. */
static int
find_old(struct failover *f, const struct conninfo *c)
{
	int found = failover_place(f, c);

	if (found != -1)
		return found;
	found = failover_place_host(f, c);
	if (found != -1 && f->nodes[found].name != NULL)
		failover_note(f,
		    "--old-primary is %s: its name leads to the "
		    "same address",
		    f->nodes[found].name);
	return found;
}

static int
add_old(struct failover *f, struct err *e)
{
	struct conninfo c = {.n = 0};
	struct survey_node *n;

	f->old = -1;
	if (f->o->old_primary == NULL)
		return 0;
	f->old_given = true;
	if ((f->old = of_file(f, f->o->old_primary)) != -1)
		return 0;
	if (strpbrk(f->o->old_primary, "=:") == NULL) {
		(void)nodes_unknown(f->o->conf, f->o->old_primary,
		    "A host is written as: --old-primary=host=NAME", e);
		return err_wrap(e, "--old-primary");
	}
	if (pg_conninfo_parse(f->o->old_primary, &c, e) == -1) {
		err_raise(e, STATUS_USAGE);
		return err_wrap(e, "--old-primary");
	}
	if ((f->old = find_old(f, &c)) == -1) {
		if ((n = add(f, NULL, e)) != NULL) {
			n->conninfo = c;
			f->old = (int)f->nnodes - 1;
			return set_defaults(f, &n->conninfo, e);
		}
	}
	conninfo_free(&c);
	return f->old == -1 ? -1 : 0;
}

static int
check_old(const struct failover *f, struct err *e)
{
	if (f->old == -1 || f->old != f->node)
		return 0;
	(void)err_set(e, ERR_USAGE,
	    "the old primary and the node to promote are the same");
	return err_hint(
	    e, "--old-primary names the node that is to be replaced.");
}

int
failover_nodes(struct failover *f, struct err *e)
{
	for (size_t i = 0; i < f->o->conf->nnodes; i++)
		if (add_conf(f, &f->o->conf->nodes[i], e) == -1)
			return -1;
	if (add_candidate(f, e) == -1 || add_old(f, e) == -1)
		return -1;
	return check_old(f, e);
}

static int
take_login(struct conninfo *c, const struct conninfo *from, struct err *e)
{
	static const char *const place[] = {
	    "host", "hostaddr", "port", "service"};

	for (size_t i = 0; i < from->n; i++) {
		size_t k = 0;

		while (
		    k < NELEM(place) && strcmp(place[k], from->v[i].key) != 0)
			k++;
		if (k == NELEM(place) &&
		    set(c, from->v[i].key, from->v[i].value, e) == -1)
			return -1;
	}
	return 0;
}

static void
follow_index(int *at, int i, int of)
{
	if (*at == i)
		*at = of;
	else if (*at > i)
		--*at;
}

int
failover_nodes_merge(struct failover *f, int i, int of, struct err *e)
{
	size_t after = f->nnodes - (size_t)i - 1, one = 1;
	struct survey_node *gone = malloc(sizeof(*gone));

	if (gone == NULL)
		return err_set_nomem(e);
	*gone = f->nodes[i];
	if (i == f->node && f->o->conninfo != NULL &&
	    take_login(&f->nodes[of].conninfo, f->o->conninfo, e) == -1) {
		free(gone);
		return -1;
	}
	memmove(&f->nodes[i], &f->nodes[i + 1], after * sizeof(*f->nodes));
	memmove(&f->conf[i], &f->conf[i + 1], after * sizeof(*f->conf));
	f->nnodes--;
	survey_node_free(&gone, &one);
	follow_index(&f->node, i, of);
	follow_index(&f->old, i, of);
	return check_old(f, e);
}

void
failover_nodes_free(struct failover *f)
{
	survey_node_free(&f->nodes, &f->nnodes);
	free(f->conf);
	f->conf = NULL;
}

/* --- how to reach one ----------------------------------------------------- */

int
failover_nodes_conninfo(
    const struct failover *f, int i, struct conninfo *c, struct err *e)
{
	const struct status_node *n = &f->s.nodes[i];
	const struct conninfo *like;

	if ((size_t)i < f->nnodes)
		return conninfo_copy(c, &f->nodes[i].conninfo) == -1
			   ? err_set_nomem(e)
			   : 0;
	like = &f->nodes[f->node >= 0 ? f->node : 0].conninfo;
	if (conninfo_copy(c, like) == -1)
		return err_set_nomem(e);
	if (set(c, "service", NULL, e) == -1 ||
	    set(c, "hostaddr", NULL, e) == -1 ||
	    set(c, "host", n->addr != NULL ? n->addr : n->host, e) == -1)
		return -1;
	return set(c, "port", n->port, e);
}

/* Host of node i as it was given: a name, an address, a socket directory. */
static const char *
host_of(const struct failover *f, int i)
{
	const char *host = NULL;

	if ((size_t)i < f->nnodes)
		host = conninfo_get(&f->nodes[i].conninfo, "host");
	if (host == NULL && (size_t)i < f->nnodes)
		host = conninfo_get(&f->nodes[i].conninfo, "hostaddr");
	if (host == NULL && (size_t)i < f->s.n)
		host = f->s.nodes[i].host;
	return host;
}

static bool
is_socket(const char *host)
{
	return host == NULL || host[0] == '\0' || host[0] == '/' ||
	       host[0] == '@';
}

static const char *
ssh_of(const struct failover *f, int i)
{
	if (i == f->old && f->o->ssh != NULL)
		return f->o->ssh;
	return (size_t)i < f->nnodes && f->conf[i] != NULL ? f->conf[i]->ssh
							   : NULL;
}

bool
failover_nodes_local(const struct failover *f, const char *host)
{
	return host_known_local(f->known, host, f->deadline) == 1;
}

bool
failover_nodes_is_here(const struct failover *f, int i)
{
	/* The server of -D runs here, however the file says to reach it. */
	if (i == f->node && f->o->pgdata != NULL)
		return true;
	return ssh_of(f, i) == NULL && failover_nodes_local(f, host_of(f, i));
}

/* SSH to the host of node i; texts of r are borrowed from *text, which the
 * caller frees. 0; 1: no host is known; -1. */
static int
remote_of(const struct failover *f, int i, struct remote_opts *r, char **text,
    struct err *e)
{
	const char *ssh = ssh_of(f, i), *host = host_of(f, i);

	*text = NULL;
	*r = f->o->remote;
	if (ssh == NULL && is_socket(host))
		return 1;
	return remote_at(ssh, host, r, text, e);
}

const char *
failover_nodes_pgdata(const struct failover *f, int i)
{
	if (i == f->node && f->self.pgdata != NULL)
		return f->self.pgdata;
	if ((size_t)i < f->nnodes && f->conf[i] != NULL &&
	    f->conf[i]->pgdata != NULL)
		return f->conf[i]->pgdata;
	return i == f->old ? f->old_pgdata : NULL;
}

/* How a server of this host is to reach the new primary: as the file says. */
static char *
primary_text(const struct failover *f, struct err *e)
{
	const struct conf_node *n = f->conf[f->node];
	struct conninfo c = {.n = 0};
	struct buf b = BUF_INIT;
	int rc = 0;

	if (n != NULL && n->conninfo != NULL)
		rc = pg_conninfo_parse(n->conninfo, &c, e);
	else
		rc = conninfo_copy(&c, &f->nodes[f->node].conninfo) == -1
			 ? err_set_nomem(e)
			 : 0;
	if (rc == 0 && set(&c, "password", NULL, e) == 0 &&
	    set(&c, "sslpassword", NULL, e) == 0 && set_defaults(f, &c, e) == 0)
		conninfo_render(&c, false, &b);
	conninfo_free(&c);
	return b.len > 0 ? buf_steal(&b) : NULL;
}

/* Does a signal wait until what has begun is done? */
static bool
waits(const struct failover *f)
{
	return (f->requested || f->committed) && !f->delta;
}

static int
operate_local(const struct failover *f, int i, struct operate_request *q,
    struct operate_answer *a, int64_t by, struct err *e)
{
	const struct conf_node *n = (size_t)i < f->nnodes ? f->conf[i] : NULL;
	struct operate_local l = {.bindir = f->o->bindir,
	    .program_dir = f->o->program_dir,
	    .config = n != NULL ? f->o->conf->file : NULL};
	char *primary = NULL;
	int rc;

	if (q->verb == OPERATE_FOLLOW) {
		if ((primary = primary_text(f, e)) == NULL)
			return err_set_nomem(e);
		l.primary = primary;
	}
	if (n != NULL) {
		l.start = n->start;
		l.stop = n->stop;
		if (n->bindir != NULL)
			l.bindir = n->bindir;
	}
	rc = operate_here(&l, q, a, by, waits(f) ? -1 : f->o->sigfd, e);
	free(primary);
	return rc;
}

static void
note_remote(void *arg, const char *text)
{
	(void)arg;
	log_debug("%s", text);
}

int
failover_nodes_operate(const struct failover *f, int i,
    struct operate_request *q, struct operate_answer *a, int64_t ms,
    struct err *e)
{
	/* What has begun gets some time in any case. */
	bool begun = f->requested || f->committed;
	int64_t by =
	    begun ? MIN_OF(deadline_in(ms),
			MAX_OF(f->deadline, clock_ms() + FAILOVER_ASK_MS))
		  : failover_by(f, ms);
	struct remote_opts r;
	char *text = NULL;
	int rc;

	*a = (struct operate_answer){.running = -1};
	q->pgdata = failover_nodes_pgdata(f, i);
	if (q->pgdata == NULL)
		return err_set(
		    e, ERR_CONFIG, "its data directory (pgdata) is not known");
	if ((size_t)i < f->nnodes && f->conf[i] != NULL)
		q->self = f->conf[i]->name;
	q->system_identifier = f->s.system_identifier;
	if (failover_nodes_is_here(f, i))
		return operate_local(f, i, q, a, by, e);
	rc = remote_of(f, i, &r, &text, e);
	if (rc == 1)
		rc = err_set(e, ERR_CONFIG, "its host is not known");
	if (rc == 0) {
		r.connect_ms = MIN_OF(ms, FAILOVER_SSH_MS);
		if (!begun)
			r.connect_ms = failover_ms_left(f, r.connect_ms);
		if (r.note == NULL)
			r.note = note_remote;
		rc = operate_remote(&r, f->o->agent, f->o->package, q, a, by,
		    waits(f) ? -1 : f->o->sigfd, e);
	}
	free(text);
	return rc;
}
