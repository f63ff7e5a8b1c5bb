#include "base/std.h"
#include "base/sig.h"
#include "core/pgver.h"
#include "follow-options.h"
#include "io/host.h"
#include "io/pg.h"

#define HEAD(text)                                                             \
	{                                                                      \
		.kind = OPT_HEADING, .name = text                              \
	}

const struct opt follow_options[] = {
    HEAD("Connection to the new primary"),
    {.kind = OPT_STRING,
	.name = "host",
	.letter = 'h',
	.arg = "HOST",
	.help = "host of the new primary, or its socket directory"},
    {.kind = OPT_STRING,
	.name = "master",
	.flags = OPT_ALIAS,
	.help = "the same, under the names that runbooks use"},
    {.kind = OPT_STRING, .name = "primary", .flags = OPT_ALIAS},
    {.kind = OPT_INT,
	.name = "port",
	.letter = 'p',
	.arg = "PORT",
	.min = 1,
	.max = 65535,
	.key = "defaults.port",
	.help = "its port"},
    {.kind = OPT_STRING,
	.name = "username",
	.letter = 'U',
	.arg = "NAME",
	.key = "defaults.user",
	.help = "role to connect as"},
    {.kind = OPT_STRING,
	.name = "dbname",
	.letter = 'd',
	.arg = "CONNINFO",
	.key = "defaults.dbname",
	.flags = OPT_SECRET,
	.help = "database, connection string or URI"},
    {.kind = OPT_STRING,
	.name = "service",
	.arg = "NAME",
	.key = "defaults.service",
	.help = "service of pg_service.conf"},
    {.kind = OPT_FLAG,
	.name = "password",
	.letter = 'W',
	.flags = OPT_ACTION,
	.help = "ask for a password (on a terminal only)"},

    HEAD("This node"),
    {.kind = OPT_STRING,
	.name = "pgdata",
	.letter = 'D',
	.arg = "DIR",
	.key = "defaults.pgdata",
	.help = "local data directory (default: $PGDATA)"},
    {.kind = OPT_STRING,
	.name = "slot",
	.letter = 'S',
	.arg = "NAME",
	.key = "clone.slot",
	.help = "replication slot on the new primary, made if absent"},
    {.kind = OPT_FLAG,
	.name = "no-slot",
	.key = "clone.no_slot",
	.help = "use no slot"},
    {.kind = OPT_STRING,
	.name = "application-name",
	.arg = "NAME",
	.key = "clone.application_name",
	.help = "name of the standby in pg_stat_replication"},
    {.kind = OPT_STRING,
	.name = "replication-user",
	.arg = "NAME",
	.key = "clone.replication_user",
	.help = "role that the standby streams as"},
    {.kind = OPT_STRING,
	.name = "pg-bindir",
	.arg = "DIR",
	.key = "defaults.bindir",
	.help = "server programs"},
    {.kind = OPT_FLAG,
	.name = "no-start",
	.key = "clone.no_start",
	.help = "neither start nor restart the server"},
    {.kind = OPT_FLAG,
	.name = "no-wait",
	.key = "clone.no_wait",
	.help = "do not wait until it streams"},
    {.kind = OPT_STRING,
	.name = "start-command",
	.arg = "CMD",
	.key = "defaults.start",
	.help = "instead of pg_ctl start"},
    {.kind = OPT_STRING,
	.name = "stop-command",
	.arg = "CMD",
	.key = "defaults.stop",
	.help = "instead of pg_ctl stop"},
    {.kind = OPT_FLAG,
	.name = "no-sync",
	.key = "clone.no_sync",
	.help = "do not wait for the disk (tests only)"},

    HEAD("Other tasks"),
    {.kind = OPT_FLAG,
	.name = "reclone",
	.flags = OPT_ACTION,
	.help = "if the histories forked: run standby-clone --delta"},
    {.kind = OPT_FLAG,
	.name = "pgpool",
	.flags = OPT_ACTION,
	.help = "pgpool's follow_primary_command, with its 12 words"},
    {.kind = OPT_FLAG,
	.name = "list-nodes",
	.flags = OPT_ACTION,
	.help = "names of the nodes in the configuration file"},

    HEAD("SSH (--pgpool, --reclone)"),
    {.kind = OPT_STRING,
	.name = "ssh",
	.arg = "[USER@]HOST[:PORT]",
	.key = "clone.ssh",
	.help = "SSH to the other host (default: the same host)"},
    {.kind = OPT_STRING,
	.name = "ssh-user",
	.arg = "NAME",
	.key = "defaults.ssh_user",
	.help = "user for SSH"},
    {.kind = OPT_STRING,
	.name = "ssh-identity",
	.arg = "FILE",
	.key = "clone.ssh_identity",
	.help = "private key"},
    {.kind = OPT_STRING,
	.name = "known-hosts",
	.arg = "FILE",
	.key = "clone.known_hosts",
	.help = "known host keys"},
    {.kind = OPT_STRING,
	.name = "host-fingerprint",
	.arg = "SHA256:...",
	.key = "clone.host_fingerprint",
	.help = "admit the host key with this fingerprint"},
    {.kind = OPT_STRING,
	.name = "transport",
	.builtin = "auto",
	.choices = "auto|libssh2|openssh",
	.key = "clone.transport",
	.help = "who speaks SSH"},
    {.kind = OPT_STRING,
	.name = "ssh-command",
	.arg = "CMD",
	.key = "clone.ssh_command",
	.help = "the ssh program"},
    {.kind = OPT_STRING,
	.name = "agent",
	.arg = "PATH",
	.builtin = AGENT_PATH,
	.key = "clone.agent",
	.help = "standby-agent on the other host"},

    HEAD("General"),
    {.kind = OPT_STRING,
	.name = "config",
	.letter = 'f',
	.arg = "FILE",
	.help = "configuration file"},
    {.kind = OPT_FLAG,
	.name = "dry-run",
	.letter = 'n',
	.flags = OPT_ACTION,
	.help = "check everything, change nothing, print the plan"},
    {.kind = OPT_FLAG,
	.name = "yes",
	.letter = 'y',
	.flags = OPT_ACTION,
	.help = "answer yes"},
    {.kind = OPT_FLAG,
	.name = "force",
	.flags = OPT_ACTION,
	.help = "continue past a refusal that may be overridden"},
    {.kind = OPT_TIME,
	.name = "timeout",
	.letter = 't',
	.arg = "TIME",
	.builtin = "60s",
	.key = "promote.timeout",
	.help = "bound for the whole run"},
    {.kind = OPT_FLAG, .name = "json", .help = "one JSON document on stdout"},
    {.kind = OPT_FLAG,
	.name = "quiet",
	.letter = 'q',
	.help = "errors and warnings only"},
    {.kind = OPT_COUNT,
	.name = "verbose",
	.letter = 'v',
	.help = "say more; twice: SQL and requests"},
    {.kind = OPT_STRING,
	.name = "color",
	.key = "clone.color",
	.builtin = "auto",
	.choices = "auto|always|never",
	.help = "colours"},
    {.kind = OPT_STRING,
	.name = "log",
	.key = "clone.log",
	.builtin = "stderr",
	.arg = "stderr|syslog[:FACILITY]|FILE",
	.help = "where talk goes"},
    {.kind = OPT_FLAG,
	.name = "show-config",
	.flags = OPT_ACTION,
	.help = "every setting, its value and where it came from"},
    {.kind = OPT_FLAG,
	.name = "version",
	.letter = 'V',
	.flags = OPT_ACTION,
	.help = "print versions"},
    {.kind = OPT_FLAG,
	.name = "help",
	.letter = '?',
	.flags = OPT_ACTION,
	.help = "print this"},
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
	bool given =
	    !weak(s, "host") ||
	    (!weak(s, "dbname") && !cli_plain_dbname(opt_text(s, "dbname"))) ||
	    !weak(s, "service");

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
