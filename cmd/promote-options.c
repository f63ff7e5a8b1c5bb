#include "base/std.h"
#include "base/sig.h"
#include "cli-rows.h"
#include "core/pgpool.h"
#include "io/pg.h"
#include "io/self.h"
#include "promote-options.h"

const struct opt promote_options[] = {
    CLI_HEAD("Which node"),
    CLI_HOST("host of the standby, or its socket directory"),
    CLI_PORT(NULL, "port of the standby"),
    CLI_USERNAME("role to connect as, everywhere"),
    CLI_DBNAME("database, or the standby by connection string or URI"),
    CLI_STRING(
	"service", "NAME", NULL, "the standby by a service of pg_service.conf"),
    CLI_PASSWORD('W'),
    {.kind = OPT_STRING,
	.name = "pgdata",
	.letter = 'D',
	.arg = "DIR",
	.help = "the running standby of that directory on this host (default: "
		"$PGDATA, when nothing else names a node)"},
    {.kind = OPT_STRING,
	.name = "candidate",
	.choices = "best",
	.key = "promote.candidate",
	.help = "of the configured nodes: highest timeline, then most WAL "
		"received"},
    CLI_ACTION("switchover", 0,
	"planned: stop the old primary cleanly, promote, bring it back as a "
	"standby"),
    CLI_ACTION("pgpool", 0, "pgpool's failover_command, with its 12 words"),

    CLI_HEAD("What must be certain"),
    {.kind = OPT_STRING,
	.name = "old-primary",
	.arg = "CONNINFO",
	.flags = OPT_SECRET,
	.help = "who is replaced: a node of the file or a connection string "
		"(default: of the file, else the standby's upstream)"},
    CLI_STRING("fence", "CMD", "promote.fence",
	"cuts the old primary off; its exit status 0 proves it"),
    {.kind = OPT_LIST,
	.name = "witness",
	.arg = "HOST[:PORT]",
	.key = "promote.witness",
	.help = "one must be reachable, else we are the isolated side "
		"(repeatable)"},
    {.kind = OPT_SIZE,
	.name = "max-lag",
	.arg = "SIZE",
	.key = "promote.max_lag",
	.help = "refuse when more WAL would be lost, or nobody knows"},
    CLI_STRING("state-file", "FILE", NULL,
	"of repl-status: a hint where the primary was"),

    CLI_HEAD("How"),
    CLI_ACTION(
	"trigger", 0, "by the trigger file that the server is configured with"),
    CLI_ACTION("resume-replay", 0, "resume a paused replay first"),
    CLI_FLAG("siblings-follow", "promote.siblings_follow",
	"run standby-follow for every other standby"),
    CLI_BINDIR,

    CLI_HEAD("SSH"),
    CLI_SSH(NULL, "SSH to the old primary (default: the same host)"),
    CLI_SSH_USER,
    CLI_SSH_IDENTITY("defaults"),
    CLI_KNOWN_HOSTS("defaults"),
    CLI_HOST_FINGERPRINT(NULL),
    CLI_TRANSPORT("defaults"),
    CLI_SSH_COMMAND("defaults"),
    CLI_AGENT("defaults", "standby-agent on the other hosts"),

    CLI_HEAD("General"),
    CLI_CONFIG("configuration file with the nodes"),
    CLI_LIST_NODES,
    CLI_DRY_RUN,
    CLI_YES("do not ask; no proof that the old primary is down"),
    CLI_FORCE,
    CLI_TIMEOUT("60s", "promote.timeout", "bound for the whole run"),
    CLI_JSON_RECORD,
    CLI_QUIET_TALK,
    CLI_VERBOSE_TALK,
    CLI_COLOR("defaults"),
    CLI_LOG("defaults"),
    CLI_ANSWERS,
};
const size_t promote_noptions = NELEM(promote_options);

/* --- pgpool's words ------------------------------------------------------- */

static bool
typed(const struct opt_set *s, const char *name)
{
	return opt_get(s, name)->source >= OPT_FROM_ENV;
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

/* The node of the file at that address; of several the one with the directory
 * too. */
static const struct conf_node *
node_at(const struct conf *conf, const char *host, int port, const char *pgdata)
{
	const struct conf_node *found = NULL;
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", port);
	for (size_t i = 0; i < conf->nnodes; i++) {
		const struct conf_node *n = &conf->nodes[i];
		struct conninfo c = {.n = 0}, x = {.n = 0};

		if (n->conninfo != NULL &&
		    pg_conninfo_parse(n->conninfo, &c, NULL) == 0 &&
		    pg_conninfo_effective(&c, &x, NULL) == 0 &&
		    (same(conninfo_get(&x, "host"), host) ||
			same(conninfo_get(&x, "hostaddr"), host)) &&
		    (port == 0 || same(conninfo_get(&x, "port"), text)) &&
		    (found == NULL || same(n->pgdata, pgdata)))
			found = n;
		conninfo_free(&c);
		conninfo_free(&x);
	}
	return found;
}

static int
set_place(struct conninfo *c, const char *host, int port, struct err *e)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", port);
	if (conninfo_set(c, "host", host) == -1 ||
	    (port != 0 && conninfo_set(c, "port", text) == -1))
		return err_set_nomem(e);
	return 0;
}

/* %N %S, else what failed when that was the primary. */
static int
map_pgpool_old(const struct pgpool_failover *w, const struct conf *conf,
    struct failover_opts *o, struct promote_owned *owned, struct err *e)
{
	const char *host = w->old_primary_host;
	int port = w->old_primary_port, rc;
	const struct conf_node *n, *lost = NULL;
	struct conninfo c = {.n = 0};
	struct buf b = BUF_INIT;
	bool same = w->old_primary_id >= 0 && w->node_id == w->old_primary_id;

	if (w->host != NULL)
		lost = node_at(conf, w->host, w->port, w->pgdata);
	/* An option that names it may mean another one. */
	o->pgpool_old =
	    same &&
	    (o->old_primary == NULL ||
		(lost != NULL && strcmp(lost->name, o->old_primary) == 0));
	if (host == NULL && w->node_id == w->old_primary_id) {
		host = w->host;
		port = w->port;
	}
	if (o->old_primary != NULL || host == NULL)
		return 0;
	if ((n = node_at(conf, host, port, w->pgdata)) != NULL) {
		o->old_primary = n->name;
		return 0;
	}
	rc = set_place(&c, host, port, e);
	conninfo_render(&c, false, &b);
	conninfo_free(&c);
	owned->old_primary = buf_steal(&b);
	o->old_primary = owned->old_primary;
	return rc == -1 || o->old_primary == NULL ? err_set_nomem(e) : 0;
}

static int
map_pgpool(const struct opt_set *s, const struct conf *conf,
    struct failover_opts *o, struct promote_owned *owned, struct err *e)
{
	struct pgpool_failover w;
	const struct conf_node *n;

	if (pgpool_failover_words("--pgpool", s->args, s->nargs, &w, e) == -1)
		return -1;
	if (pgpool_failover_decide(&w, &owned->nothing) == PGPOOL_NOTHING)
		return 0;
	o->pgpool = true;
	if (map_pgpool_old(&w, conf, o, owned, e) == -1)
		return -1;
	if (o->best)
		return 0;
	if (w.new_main_host == NULL)
		return err_set(e, ERR_USAGE,
		    "--pgpool: the host of the new main node (%%H) is empty");
	n = node_at(conf, w.new_main_host, w.new_main_port, w.new_main_pgdata);
	if (n != NULL) {
		o->node = n->name;
		return 0;
	}
	o->conninfo = &owned->conninfo;
	return set_place(&owned->conninfo, w.new_main_host, w.new_main_port, e);
}

/* --- the node ------------------------------------------------------------- */

static bool
names_place(const struct conninfo *c)
{
	return conninfo_get(c, "host") != NULL ||
	       conninfo_get(c, "hostaddr") != NULL ||
	       conninfo_get(c, "service") != NULL;
}

static int
twice(const char *a, const char *b, struct err *e)
{
	return err_set(e, ERR_USAGE, "%s contradicts %s", a, b);
}

/* HOST:PORT, as nodes without a name are shown: 1, 0: it is none, -1. */
static int
take_address(const char *text, struct conninfo *c, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	char host[256], *end;
	long port;

	if (len == 0 || len >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return 0;
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 1 || port > 65535)
		return 0;
	if (text[0] == '[' && text[len - 1] == ']' && len > 2) {
		text++;
		len -= 2;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, text);
	return set_place(c, host, (int)port, e) == -1 ? -1 : 1;
}

/* One of: an operand, -D, -h and the like, --candidate; else PGDATA, else what
 * libpq's environment names. */
static int
map_node(const struct opt_set *s, const struct conf *conf,
    struct failover_opts *o, struct promote_owned *owned, struct err *e)
{
	int place = names_place(&owned->conninfo);
	bool best_typed = opt_get(s, "candidate")->source == OPT_FROM_ARGS;
	const char *env = getenv("PGDATA");

	if (s->nargs > 1)
		return err_set(
		    e, ERR_USAGE, "too many operands: \"%s\"", s->args[1]);
	if (s->nargs == 1 && typed(s, "pgdata"))
		return twice("NODE", "--pgdata", e);
	if (s->nargs == 1 && place)
		return twice("NODE", "--host, --service and --dbname", e);
	if (best_typed && (s->nargs == 1 || place || typed(s, "pgdata")))
		return twice("--candidate", "the name of a node", e);
	if (typed(s, "pgdata") && place)
		return twice("--pgdata", "--host", e);
	o->best =
	    o->best &&
	    (best_typed || (s->nargs == 0 && !place && !typed(s, "pgdata")));
	if (s->nargs == 1 && conf_find_node(conf, s->args[0]) == NULL &&
	    (place = take_address(s->args[0], &owned->conninfo, e)) == -1)
		return -1;
	if (s->nargs == 1 && !place)
		o->node = s->args[0];
	else if (typed(s, "pgdata"))
		o->pgdata = opt_text(s, "pgdata");
	if (o->node == NULL)
		o->conninfo = &owned->conninfo;
	if (o->node != NULL || o->pgdata != NULL || place || o->best)
		return 0;
	if (env != NULL && *env != '\0') {
		o->pgdata = env;
		return 0;
	}
	if (getenv("PGHOST") != NULL || getenv("PGSERVICE") != NULL ||
	    getenv("PGHOSTADDR") != NULL || typed(s, "port"))
		return 0;
	(void)err_set(e, ERR_USAGE, "no node to promote was named");
	return err_hint(e, "Name a NODE of the configuration file, -D PGDATA "
			   "of a standby on this host, -h HOST, or "
			   "--candidate=best.");
}

/* --- the rest ------------------------------------------------------------- */

static bool
is_true(const char *text)
{
	return text != NULL && strcmp(text, "true") == 0;
}

static int
map_remote(const struct opt_set *s, struct failover_opts *o,
    struct promote_owned *owned, struct err *e)
{
	/* Its --ssh is for one host only, and checked when it is used. */
	if (cli_remote(s, "localhost", NULL, &o->remote, &owned->ssh, e) == -1)
		return -1;
	o->remote.host = NULL;
	o->remote.user = opt_text(s, "ssh-user");
	o->remote.port = 0;
	o->ssh = opt_text(s, "ssh");
	o->agent = opt_text(s, "agent");
	return 0;
}

static int
map_limits(const struct opt_set *s, const struct conf *conf,
    struct failover_opts *o, struct err *e)
{
	o->fence = opt_text(s, "fence");
	if (o->fence != NULL && *o->fence == '\0')
		o->fence = NULL;
	o->witness = opt_get(s, "witness")->list;
	o->nwitness = opt_get(s, "witness")->nlist;
	o->max_lag = opt_get(s, "max-lag")->set ? opt_number(s, "max-lag") : -1;
	o->trust_pgpool = is_true(conf_get(conf, "promote.trust_pgpool"));
	o->terminal = isatty(STDIN_FILENO);
	o->timeout_ms = opt_number(s, "timeout");
	o->timeout_given = opt_get(s, "timeout")->source >= OPT_FROM_ENV;
	if (o->timeout_ms <= 0)
		return err_set(e, ERR_USAGE, "--timeout must be more than 0");
	if (opt_flag(s, "switchover") && opt_flag(s, "trigger"))
		return err_set(
		    e, ERR_USAGE, "--switchover contradicts --trigger");
	return 0;
}

/* What holds for nodes that say nothing else.  A connection string names the
 * standby, a plain name the database. */
static void
map_defaults(
    const struct opt_set *s, const struct conf *conf, struct failover_opts *o)
{
	const char *d = opt_text(s, "dbname");

	o->user = opt_text(s, "username");
	if (d != NULL && conninfo_plain_dbname(d))
		o->dbname = d;
	else
		o->dbname = conf_get(conf, "defaults.dbname");
	if (o->dbname != NULL && !conninfo_plain_dbname(o->dbname))
		o->dbname = NULL;
}

/* For every node, also those that are found later. */
static int
map_password(const struct opt_set *s, const struct conninfo *c, struct err *e)
{
	const char *password = conninfo_get(c, "password");

	if (opt_flag(s, "password") && password != NULL &&
	    setenv("PGPASSWORD", password, 1) == -1)
		return err_set_nomem(e);
	return 0;
}

int
promote_options_map(const struct opt_set *s, const struct conf *conf,
    struct failover_opts *o, struct promote_owned *owned, struct err *e)
{
	*o = (struct failover_opts){.package = PACKAGE_VERSION,
	    .conf = conf,
	    .old_primary = opt_text(s, "old-primary"),
	    .bindir = opt_text(s, "pg-bindir"),
	    .switchover = opt_flag(s, "switchover"),
	    .dry_run = opt_flag(s, "dry-run"),
	    .yes = opt_flag(s, "yes"),
	    .force = opt_flag(s, "force"),
	    .trigger = opt_flag(s, "trigger"),
	    .resume_replay = opt_flag(s, "resume-replay"),
	    .siblings_follow = opt_flag(s, "siblings-follow"),
	    .best = opt_text(s, "candidate") != NULL,
	    .checkpoint = true,
	    .state_file = opt_text(s, "state-file"),
	    .event_command = conf_get(conf, "event_command"),
	    .sigfd = sig_fd()};
	if (self_dir(owned->program_dir, sizeof(owned->program_dir)) == 0)
		o->program_dir = owned->program_dir;
	map_defaults(s, conf, o);
	if (map_limits(s, conf, o, e) == -1 || map_remote(s, o, owned, e) == -1)
		return -1;
	if (opt_flag(s, "pgpool") && opt_flag(s, "password"))
		return twice("--pgpool", "--password", e);
	if (opt_flag(s, "pgpool"))
		return map_pgpool(s, conf, o, owned, e);
	if (cli_conninfo(s, &owned->conninfo, e) == -1 ||
	    map_password(s, &owned->conninfo, e) == -1)
		return -1;
	return map_node(s, conf, o, owned, e);
}

void
promote_options_free(struct promote_owned *owned)
{
	conninfo_free(&owned->conninfo);
	free(owned->ssh);
	free(owned->old_primary);
}
