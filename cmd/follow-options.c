#include "base/std.h"
#include "base/sig.h"
#include "cli-rows.h"
#include "core/pgver.h"
#include "follow-options.h"
#include "io/host.h"
#include "io/pg.h"

const struct opt follow_options[] = {
    CLI_HEAD("Connection to the new primary"),
    CLI_HOST("host of the new primary, or its socket directory"),
    CLI_MASTER,
    CLI_PORT("defaults.port", "its port"),
    CLI_USERNAME("role to connect as"),
    CLI_DBNAME("database, connection string or URI"),
    CLI_SERVICE,
    CLI_PASSWORD('W'),

    CLI_HEAD("This node"),
    CLI_PGDATA,
    CLI_SLOT("replication slot on the new primary, made if absent"),
    CLI_NO_SLOT,
    CLI_APPLICATION_NAME,
    CLI_REPLICATION_USER,
    CLI_BINDIR,
    CLI_NO_START("neither start nor restart the server"),
    CLI_NO_WAIT,
    CLI_START_COMMAND,
    CLI_STOP_COMMAND,
    CLI_NO_SYNC,

    CLI_HEAD("Other tasks"),
    CLI_ACTION(
	"reclone", 0, "if the histories forked: run standby-clone --delta"),
    CLI_ACTION(
	"pgpool", 0, "pgpool's follow_primary_command, with its 12 words"),
    CLI_LIST_NODES,

    CLI_HEAD("SSH (--pgpool, --reclone)"),
    CLI_SSH("clone.ssh", "SSH to the other host (default: the same host)"),
    CLI_SSH_USER,
    CLI_SSH_IDENTITY("clone"),
    CLI_KNOWN_HOSTS("clone"),
    CLI_HOST_FINGERPRINT("clone.host_fingerprint"),
    CLI_TRANSPORT("clone"),
    CLI_SSH_COMMAND("clone"),
    CLI_AGENT("clone", "standby-agent on the other host"),

    CLI_HEAD("General"),
    CLI_CONFIG("configuration file"),
    CLI_DRY_RUN,
    CLI_YES("answer yes"),
    CLI_FORCE,
    CLI_TIMEOUT("60s", "promote.timeout", "bound for the whole run"),
    CLI_JSON_RECORD,
    CLI_QUIET_TALK,
    CLI_VERBOSE_TALK,
    CLI_COLOR("clone"),
    CLI_LOG("clone"),
    CLI_ANSWERS,
};
const size_t follow_noptions = NELEM(follow_options);

/* --- which node this is --------------------------------------------------- */

static bool
weak(const struct opt_set *s, const char *name)
{
	return opt_get(s, name)->source < OPT_FROM_ENV;
}

void
follow_options_node(
    const struct opt_set *s, const struct conf_node *n, struct follow_opts *o)
{
	o->node = n->name;
	if (n->slot != NULL && weak(s, "slot"))
		o->slot = n->slot;
	if (n->bindir != NULL && weak(s, "pg-bindir"))
		o->bindir = n->bindir;
	if (n->start != NULL && weak(s, "start-command"))
		o->start_command = n->start;
	if (n->stop != NULL && weak(s, "stop-command"))
		o->stop_command = n->stop;
}

static bool
same_dir(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 ||
	       (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
		   x.st_ino == y.st_ino);
}

static bool
is_here(const struct conf_node *n)
{
	struct conninfo c = {.n = 0};
	const char *host;
	bool here;

	if (n->conninfo != NULL &&
	    pg_conninfo_parse(n->conninfo, &c, NULL) == -1)
		return false;
	host = conninfo_get(&c, "hostaddr");
	if (host == NULL)
		host = conninfo_get(&c, "host");
	here = host_is_local(host) == 1;
	conninfo_free(&c);
	return here;
}

/* The one node of the file that has this directory on this host. */
static const struct conf_node *
node_of(const struct conf *conf, const char *pgdata)
{
	const struct conf_node *found = NULL, *n;

	for (size_t i = 0; i < conf->nnodes; i++) {
		n = &conf->nodes[i];
		if (n->pgdata == NULL || !same_dir(n->pgdata, pgdata) ||
		    !is_here(n))
			continue;
		if (found != NULL)
			return NULL;
		found = n;
	}
	return found;
}

static int
named_node(const struct opt_set *s, const struct conf *conf,
    struct follow_opts *o, struct follow_owned *owned, struct err *e)
{
	const struct conf_node *n = conf_find_node(conf, s->args[0]);
	bool given = !weak(s, "host") ||
		     (!weak(s, "dbname") &&
			 !conninfo_plain_dbname(opt_text(s, "dbname"))) ||
		     !weak(s, "service");

	o->by_file = !given;
	if (n != NULL && given) {
		if (n->pgdata == NULL)
			return err_set(e, ERR_CONFIG,
			    "node \"%s\" has no pgdata", n->name);
		if (!is_here(n))
			return err_set(e, ERR_NODE,
			    "node \"%s\" is not on this host", n->name);
		owned->nodes.self = n;
		return 0;
	}
	if (nodes_find(conf, s->args[0], NULL, opt_text(s, "username"),
		conninfo_get(&o->conninfo, "dbname"), sig_fd(), &owned->nodes,
		e) == -1)
		return -1;
	return conninfo_copy(&o->conninfo, &owned->nodes.conninfo) == -1
		   ? err_set_nomem(e)
		   : 0;
}

/* -D, the node's, PGDATA, the file. */
static int
find_pgdata(const struct opt_set *s, const struct conf *conf,
    struct follow_opts *o, const struct follow_owned *owned, struct err *e)
{
	const struct conf_node *n = owned->nodes.self;
	const char *env = getenv("PGDATA");

	o->pgdata = opt_text(s, "pgdata");
	if (n != NULL && weak(s, "pgdata"))
		o->pgdata = n->pgdata;
	else if (weak(s, "pgdata") && env != NULL && env[0] != '\0')
		o->pgdata = env;
	if (o->pgdata == NULL || o->pgdata[0] == '\0') {
		(void)err_set(e, ERR_USAGE, "no data directory specified");
		return err_hint(e, "Name the directory of this standby with -D "
				   "or in PGDATA.");
	}
	if (n != NULL && n->pgdata != NULL && !same_dir(n->pgdata, o->pgdata))
		return err_set(e, ERR_NODE,
		    "node \"%s\" has pgdata \"%s\", not \"%s\"", n->name,
		    n->pgdata, o->pgdata);
	if (n == NULL)
		n = node_of(conf, o->pgdata);
	if (n != NULL)
		follow_options_node(s, n, o);
	return 0;
}

static bool
no_primary_named(const struct opt_set *s, const struct conninfo *c)
{
	return s->nargs == 0 && conninfo_get(c, "host") == NULL &&
	       conninfo_get(c, "hostaddr") == NULL &&
	       conninfo_get(c, "service") == NULL && getenv("PGHOST") == NULL &&
	       getenv("PGHOSTADDR") == NULL && getenv("PGSERVICE") == NULL;
}

int
follow_options_map(const struct opt_set *s, const struct conf *conf,
    struct follow_opts *o, struct follow_owned *owned, struct err *e)
{
	if (s->nargs > 1)
		return err_set(
		    e, ERR_USAGE, "too many operands: \"%s\"", s->args[1]);
	if (opt_flag(s, "no-slot") && !weak(s, "slot"))
		return err_set(e, ERR_USAGE, "--no-slot contradicts --slot");
	*o = (struct follow_opts){.slot = opt_text(s, "slot"),
	    .want_slot = opt_flag(s, "no-slot") ? SLOT_NONE : SLOT_AUTO,
	    .bindir = opt_text(s, "pg-bindir"),
	    .start_command = opt_text(s, "start-command"),
	    .stop_command = opt_text(s, "stop-command"),
	    .application_name = opt_text(s, "application-name"),
	    .replication_user = opt_text(s, "replication-user"),
	    .dry_run = opt_flag(s, "dry-run"),
	    .force = opt_flag(s, "force"),
	    .sync = !opt_flag(s, "no-sync"),
	    .start = !opt_flag(s, "no-start"),
	    .wait = !opt_flag(s, "no-wait"),
	    .timeout_ms = opt_number(s, "timeout"),
	    .slot_given = opt_get(s, "slot")->source == OPT_FROM_ARGS,
	    .operand = s->nargs == 1 ? s->args[0] : NULL,
	    .config = opt_get(s, "config")->source == OPT_FROM_ARGS
			  ? opt_text(s, "config")
			  : NULL,
	    .sigfd = sig_fd()};
	if (cli_conninfo(s, &o->conninfo, e) == -1)
		return -1;
	if (no_primary_named(s, &o->conninfo)) {
		(void)err_set(e, ERR_USAGE, "no new primary specified");
		return err_hint(e, "Name it with --master=HOST, or this node "
				   "by its name in the configuration file.");
	}
	if (s->nargs == 1 && named_node(s, conf, o, owned, e) == -1)
		return -1;
	return find_pgdata(s, conf, o, owned, e);
}

void
follow_options_free(struct follow_opts *o, struct follow_owned *owned)
{
	conninfo_free(&o->conninfo);
	free(owned->ssh);
	nodes_found_free(&owned->nodes);
}

/* --- standby-clone -------------------------------------------------------- */

struct words {
	char **v;
	size_t n, max;
	bool failed;
};

static void
add(struct words *w, const char *name, const char *value)
{
	struct buf b = BUF_INIT;
	char *text;

	buf_adds(&b, name);
	if (value != NULL)
		buf_adds(&b, value);
	text = buf_steal(&b);
	if (text == NULL || w->n + 1 >= w->max) {
		free(text);
		w->failed = true;
		return;
	}
	w->v[w->n++] = text;
}

static bool
is_flag(const struct opt_set *s, const struct opt_value *v)
{
	return s->table[v - s->v].kind == OPT_FLAG;
}

/* What the environment or the file says, standby-clone finds itself. */
static void
add_given(struct words *w, const struct opt_set *s)
{
	static const char *const shared[] = {"host", "port", "username",
	    "dbname", "service", "password", "pg-bindir", "start-command",
	    "stop-command", "no-sync", "ssh", "ssh-user", "ssh-identity",
	    "known-hosts", "host-fingerprint", "transport", "ssh-command",
	    "agent", "config", "json", "quiet", "color", "log", "no-start",
	    "no-wait"};
	const struct opt_value *v;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < NELEM(shared); i++) {
		v = opt_get(s, shared[i]);
		if (!v->set || v->source != OPT_FROM_ARGS)
			continue;
		buf_reset(&b);
		buf_addf(&b, "--%s", shared[i]);
		if (!is_flag(s, v))
			buf_addf(&b, "=%s", v->text);
		add(w, buf_str(&b), NULL);
	}
	for (unsigned i = 0; i < opt_get(s, "verbose")->count; i++)
		add(w, "-v", NULL);
	buf_free(&b);
}

char **
follow_options_clone(const struct opt_set *s, const char *program,
    const struct follow_opts *o, const struct follow_record *r)
{
	struct words w = {.max = 64};
	bool by_name = s->nargs == 1 && weak(s, "host") && weak(s, "service") &&
		       weak(s, "dbname");

	if ((w.v = calloc(w.max, sizeof(*w.v))) == NULL)
		return NULL;
	add(&w, program, NULL);
	add_given(&w, s);
	add(&w, "--delta", NULL);
	add(&w, "--yes", NULL);
	if (by_name)
		add(&w, s->args[0], NULL);
	else
		add(&w, "--pgdata=", o->pgdata);
	if (o->start_command != NULL && weak(s, "start-command"))
		add(&w, "--start-command=", o->start_command);
	if (o->stop_command != NULL && weak(s, "stop-command"))
		add(&w, "--stop-command=", o->stop_command);
	if (!r->slot_wanted)
		add(&w, "--no-slot", NULL);
	else
		add(&w, "--slot=", r->slot);
	if (r->slot_wanted && !r->slot_exists)
		add(&w, "--create-slot", NULL);
	if (r->application_name != NULL)
		add(&w, "--application-name=", r->application_name);
	if (r->replication_user != NULL)
		add(&w, "--replication-user=", r->replication_user);
	if (!w.failed)
		return w.v;
	for (size_t i = 0; i < w.n; i++)
		free(w.v[i]);
	free(w.v);
	return NULL;
}
