#include "base/std.h"
#include "base/sig.h"
#include "cli-rows.h"
#include "clone-options.h"
#include "core/text.h"
#include "flow/roots.h"
#include "io/pg.h"
#include "io/self.h"

#define RATE_MIN 32768

const struct opt clone_options[] = {
    CLI_HEAD("Connection to the primary"),
    CLI_HOST("host of the primary, or its socket directory"),
    CLI_MASTER,
    CLI_PORT("defaults.port", "port of the primary"),
    CLI_USERNAME("role to connect as"),
    CLI_DBNAME("database, connection string or URI"),
    CLI_SERVICE,
    CLI_PASSWORD('W'),
    CLI_SSH("clone.ssh", "SSH to the primary (default: the same host)"),
    CLI_SSH_USER,
    CLI_SSH_IDENTITY("clone"),
    CLI_KNOWN_HOSTS("clone"),
    CLI_HOST_FINGERPRINT("clone.host_fingerprint"),
    CLI_TRANSPORT("clone"),
    CLI_SSH_COMMAND("clone"),
    CLI_AGENT("clone", "standby-agent on the primary"),
    CLI_FLAG("push-agent", "clone.push_agent",
	"upload our own agent, remove it afterwards"),

    CLI_HEAD("What is copied, and where to"),
    CLI_PGDATA,
    CLI_ACTION("delta", 0,
	"reuse what a stopped data directory of the same cluster has"),
    {.kind = OPT_STRING,
	.name = "pages",
	.builtin = "auto",
	.choices = "auto|rsync|whole",
	.key = "clone.pages",
	.help = "how changed files travel"},
    CLI_FLAG("checksum", "clone.checksum",
	"read every file on both sides, also what nobody has touched"),
    CLI_FLAG(
	"verify", "clone.verify", "read the copy again before it is sealed"),
    CLI_FLAG("no-verify-checksums", "clone.no_verify_checksums",
	"do not look at the checksums of the primary's pages"),
    {.kind = OPT_LIST,
	.name = "exclude",
	.arg = "PATTERN",
	.key = "clone.exclude",
	.help = "leave out (repeatable)"},
    {.kind = OPT_LIST,
	.name = "keep",
	.arg = "FILE",
	.key = "clone.keep",
	.help = "keep the standby's own (repeatable)"},
    CLI_FLAG("copy-external-config", "clone.copy_external_config",
	"take over configuration outside the primary's directory"),
    {.kind = OPT_STRING,
	.name = "max-delete",
	.arg = "N|PERCENT",
	.builtin = "50%",
	.key = "clone.max_delete",
	.help = "refuse to remove more of the target's files"},
    {.kind = OPT_LIST,
	.name = "tablespace-mapping",
	.letter = 'T',
	.arg = "OLD=NEW",
	.key = "clone.tablespace_mapping",
	.help = "where a tablespace goes (repeatable)"},
    CLI_STRING("waldir", "DIR", "clone.waldir",
	"directory for the WAL of the standby"),
    CLI_STRING("source-pgdata", "DIR", "clone.source_pgdata",
	"data directory on the primary, when the role may not ask"),
    {.kind = OPT_STRING,
	.name = "checkpoint",
	.letter = 'c',
	.builtin = "fast",
	.choices = "fast|spread",
	.key = "clone.checkpoint",
	.help = "checkpoint at the start of the backup"},
    {.kind = OPT_STRING,
	.name = "label",
	.letter = 'l',
	.arg = "TEXT",
	.key = "clone.label",
	.help = "label of the backup"},
    {.kind = OPT_INT,
	.name = "jobs",
	.letter = 'j',
	.arg = "N",
	.min = 1,
	.max = 32,
	.key = "clone.jobs",
	.help = "parallel SSH sessions (default: by work and processors)"},
    {.kind = OPT_SIZE,
	.name = "max-rate",
	.letter = 'r',
	.arg = "SIZE",
	.key = "clone.max_rate",
	.help = "bytes per second, in all"},
    {.kind = OPT_STRING,
	.name = "compress",
	.letter = 'Z',
	.builtin = "auto",
	.choices = "auto|none|zstd[:LEVEL]",
	.key = "clone.compress",
	.help = "compression on the wire"},
    CLI_NO_SYNC,

    CLI_HEAD("WAL and recovery configuration"),
    CLI_SLOT("replication slot that must exist"),
    {.kind = OPT_FLAG,
	.name = "create-slot",
	.letter = 'C',
	.key = "clone.create_slot",
	.flags = OPT_ACTION,
	.help = "the slot must not exist yet"},
    CLI_NO_SLOT,
    {.kind = OPT_STRING,
	.name = "wal",
	.builtin = "auto",
	.choices = "auto|slot|fetch",
	.key = "clone.wal",
	.help = "how the WAL of the copy arrives"},
    {.kind = OPT_STRING,
	.name = "upstream",
	.arg = "CONNINFO",
	.key = "clone.upstream",
	.flags = OPT_SECRET,
	.help = "stream from there, not from the source"},
    CLI_STRING("trigger-file", "FILE", "clone.trigger_file",
	"trigger_file, promote_trigger_file (below 16)"),
    CLI_STRING(
	"restore-command", "CMD", "clone.restore_command", "restore_command"),
    CLI_STRING("recovery-min-apply-delay", "TIME",
	"clone.recovery_min_apply_delay", "recovery_min_apply_delay"),
    CLI_APPLICATION_NAME,
    CLI_REPLICATION_USER,

    CLI_HEAD("The standby's server"),
    CLI_BINDIR,
    CLI_NO_START("do not start it"),
    CLI_NO_WAIT,
    CLI_START_COMMAND,
    CLI_STOP_COMMAND,

    CLI_HEAD("Other tasks"),
    CLI_ACTION("conf-only", 0, "only write the recovery configuration"),
    CLI_ACTION(
	"pgpool-recovery", 0, "pgpool's recovery_1st_stage, with its words"),
    CLI_ACTION("cleanup", 0, "end what an earlier, killed run of ours left"),
    CLI_LIST_NODES,
    {.kind = OPT_STRING,
	.name = "facts",
	.arg = "VERSION",
	.flags = OPT_ACTION | OPT_OPTIONAL,
	.help = "what is used on that PostgreSQL version (or on all)"},
    CLI_ACTION("list-excludes", 0, "what is never copied"),

    CLI_HEAD("General"),
    CLI_CONFIG("configuration file"),
    CLI_DRY_RUN,
    CLI_YES("answer yes"),
    CLI_FORCE,
    CLI_TIMEOUT(NULL, "clone.timeout", "bound for the whole run"),
    {.kind = OPT_STRING,
	.name = "progress",
	.letter = 'P',
	.builtin = "auto",
	.choices = "auto|bar|line|json|none",
	.key = "clone.progress",
	.help = "how progress is shown"},
    {.kind = OPT_FLAG,
	.name = "itemize-changes",
	.letter = 'i',
	.key = "clone.itemize_changes",
	.flags = OPT_ACTION,
	.help = "a line for each file that is changed"},
    {.kind = OPT_FLAG,
	.name = "stats",
	.key = "clone.stats",
	.flags = OPT_ACTION,
	.help = "figures at the end"},
    CLI_JSON_RECORD,
    CLI_QUIET_TALK,
    CLI_VERBOSE_TALK,
    CLI_COLOR("clone"),
    CLI_LOG("clone"),
    CLI_ANSWERS,
    /* For the tests of the exclusive mode on servers that still have it. */
    CLI_ACTION("exclusive-backup", 0, NULL),
};
const size_t clone_noptions = NELEM(clone_options);

struct word {
	const char *text;
	int value;
};

static int
choice(
    const struct opt_set *s, const char *name, const struct word *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(opt_text(s, name), w[i].text) == 0)
			return w[i].value;
	return w[0].value;
}

/* As pg_basebackup has it: less is mostly a unit that was forgotten, and with a
 * few bytes per second the session hangs. */
static int
check_rate(const struct clone_opts *o, struct err *e)
{
	if (o->max_rate == 0 || o->max_rate >= RATE_MIN)
		return 0;
	(void)err_set(e, ERR_USAGE,
	    "--max-rate: %" PRIu64 " bytes per second are below 32 kB",
	    o->max_rate);
	return err_hint(e, "A number alone is bytes: write for example "
			   "--max-rate=80MB");
}

static int
map_compress(const struct opt_set *s, struct clone_opts *o, struct err *e)
{
	const char *t = opt_text(s, "compress");
	char *end;
	long level = 1;

	o->compress = 255;
	if (strcmp(t, "none") == 0)
		o->compress = 0;
	if (strncmp(t, "zstd", 4) != 0)
		return 0;
	if (t[4] == ':') {
		level = strtol(t + 5, &end, 10);
		if (*end != '\0' || end == t + 5 || level < 1 || level > 22)
			return err_set(e, ERR_USAGE,
			    "--compress=%s: the level must be 1 to 22", t);
	}
	o->compress = (uint8_t)level;
	return 0;
}

static void
map_copy(const struct opt_set *s, struct clone_opts *o)
{
	static const struct word pages[] = {
	    {"auto", PLAN_AUTO}, {"rsync", PLAN_RSYNC}, {"whole", PLAN_WHOLE}};

	o->delta = opt_flag(s, "delta");
	o->pages = (enum plan_pages)choice(s, "pages", pages, NELEM(pages));
	o->checksum = opt_flag(s, "checksum");
	o->verify = opt_flag(s, "verify");
	o->verify_checksums = !opt_flag(s, "no-verify-checksums");
	o->excludes = opt_get(s, "exclude")->list;
	o->nexcludes = opt_get(s, "exclude")->nlist;
	if (opt_get(s, "keep")->set) {
		o->keep = opt_get(s, "keep")->list;
		o->nkeep = opt_get(s, "keep")->nlist;
	}
	o->copy_external_config = opt_flag(s, "copy-external-config");
	o->max_delete = opt_text(s, "max-delete");
	o->mapping = opt_get(s, "tablespace-mapping")->list;
	o->nmapping = opt_get(s, "tablespace-mapping")->nlist;
	o->waldir = opt_text(s, "waldir");
	o->source_pgdata = opt_text(s, "source-pgdata");
	o->fast_checkpoint = strcmp(opt_text(s, "checkpoint"), "fast") == 0;
	o->label = opt_text(s, "label");
	o->jobs = opt_get(s, "jobs")->set ? (unsigned)opt_number(s, "jobs") : 0;
	o->max_rate = (uint64_t)opt_number(s, "max-rate");
	o->sync = !opt_flag(s, "no-sync");
	o->exclusive = opt_flag(s, "exclusive-backup");
}

static int
map_wal(const struct opt_set *s, struct clone_opts *o, struct err *e)
{
	static const struct word wal[] = {{"auto", CLONE_WAL_AUTO},
	    {"slot", CLONE_WAL_SLOT}, {"fetch", CLONE_WAL_FETCH}};

	o->slot = opt_text(s, "slot");
	o->wal = (enum clone_wal)choice(s, "wal", wal, NELEM(wal));
	o->want_slot = SLOT_AUTO;
	if (opt_flag(s, "no-slot") &&
	    (o->slot != NULL || opt_flag(s, "create-slot")))
		return err_set(e, ERR_USAGE,
		    "--no-slot contradicts --slot and --create-slot");
	if (opt_flag(s, "no-slot") && o->wal == CLONE_WAL_SLOT)
		return err_set(
		    e, ERR_USAGE, "--no-slot contradicts --wal=slot");
	if (opt_flag(s, "no-slot"))
		o->want_slot = SLOT_NONE;
	else if (opt_flag(s, "create-slot"))
		o->want_slot = SLOT_MUST_CREATE;
	/* A slot of the configuration file is made when it is absent. */
	else if (opt_get(s, "slot")->source >= OPT_FROM_ENV)
		o->want_slot = SLOT_MUST_EXIST;
	o->upstream = opt_text(s, "upstream");
	o->trigger_file = opt_text(s, "trigger-file");
	o->restore_command = opt_text(s, "restore-command");
	o->min_apply_delay = opt_text(s, "recovery-min-apply-delay");
	o->application_name = opt_text(s, "application-name");
	o->replication_user = opt_text(s, "replication-user");
	return 0;
}

/* What is only looked at late is checked early. */
static int
check_texts(const struct clone_opts *o, struct err *e)
{
	char old[PATH_MAX], new_dir[PATH_MAX];
	const struct plan none = {.n = 0};
	struct conninfo c = {.n = 0};
	int rc = plan_check_delete(&none, o->max_delete, e);

	for (size_t i = 0; rc == 0 && i < o->nmapping; i++)
		rc = roots_parse_mapping(o->mapping[i], old, new_dir, e);
	if (rc == 0 && o->upstream != NULL &&
	    pg_conninfo_parse(o->upstream, &c, e) == -1) {
		rc = err_wrap(e, "--upstream");
		err_raise(e, STATUS_USAGE);
	}
	if (rc == 0 && o->waldir != NULL && o->waldir[0] != '/')
		rc = err_set(e, ERR_USAGE,
		    "--waldir: \"%s\" is not an absolute path", o->waldir);
	conninfo_free(&c);
	return rc;
}

/* Our own agent, to be uploaded: installed, or beside this program. */
static char *
own_agent(void)
{
	char path[PATH_MAX];

	if (access(AGENT_PATH, X_OK) == 0 ||
	    self_beside("standby-agent", path, sizeof(path)) == -1)
		return strdup(AGENT_PATH);
	return strdup(path);
}

/* A time without a unit is in seconds, as in every option; the server would
 * take it for milliseconds. */
static void
map_delay(struct clone_opts *o, struct clone_owned *owned)
{
	const char *given = o->min_apply_delay;
	int64_t ms;

	if (given == NULL || strspn(given, "0123456789.") != strlen(given) ||
	    text_time(given, &ms) == -1 || ms == 0)
		return;
	(void)snprintf(owned->delay, sizeof(owned->delay), "%" PRId64 "%s",
	    ms % 1000 == 0 ? ms / 1000 : ms, ms % 1000 == 0 ? "s" : "ms");
	o->min_apply_delay = owned->delay;
}

/* Where the primary is: by options, or by the node's name from the file. */
static int
map_source(const struct opt_set *s, const struct conf *conf,
    struct clone_opts *o, struct clone_owned *owned, struct err *e)
{
	const struct conninfo *given = &o->conninfo;
	const char *host, *password, *ssh = NULL;

	if (s->nargs > 1)
		return err_set(
		    e, ERR_USAGE, "too many operands: \"%s\"", s->args[1]);
	if (cli_conninfo(s, &o->conninfo, e) == -1)
		return -1;
	if (s->nargs == 1) {
		if (nodes_find(conf, s->args[0], opt_text(s, "pgdata"),
			opt_text(s, "username"),
			conninfo_get(&o->conninfo, "dbname"), sig_fd(),
			&owned->nodes, e) == -1)
			return -1;
		/* What was typed stays: the password. */
		password = conninfo_get(&o->conninfo, "password");
		if (password != NULL && conninfo_set(&owned->nodes.conninfo,
					    "password", password) == -1)
			return err_set_nomem(e);
		if (conninfo_copy(&o->conninfo, &owned->nodes.conninfo) == -1)
			return err_set_nomem(e);
		ssh = owned->nodes.primary->ssh;
	}
	host = conninfo_get(given, "host");
	if (host == NULL)
		host = getenv("PGHOST");
	return cli_remote(s, host, ssh, &o->remote, &owned->ssh, e);
}

/* What the file says of this node; options are stronger. */
static void
map_node(
    const struct opt_set *s, struct clone_opts *o, const struct nodes_found *f)
{
	const struct conf_node *n = f->self;

	if (n == NULL)
		return;
	o->node = n->name;
	o->pgdata = n->pgdata;
	if (n->slot != NULL && opt_get(s, "slot")->source < OPT_FROM_ENV)
		o->slot = n->slot;
	if (f->upstream_conninfo.len > 0 &&
	    opt_get(s, "upstream")->source < OPT_FROM_ENV)
		o->upstream = buf_str(&f->upstream_conninfo);
	if (n->bindir != NULL && opt_get(s, "pg-bindir")->source < OPT_FROM_ENV)
		o->bindir = n->bindir;
	if (n->start != NULL &&
	    opt_get(s, "start-command")->source < OPT_FROM_ENV)
		o->start_command = n->start;
	if (n->stop != NULL &&
	    opt_get(s, "stop-command")->source < OPT_FROM_ENV)
		o->stop_command = n->stop;
}

int
clone_options_map(const struct opt_set *s, const struct conf *conf,
    struct clone_opts *o, struct clone_owned *owned, struct err *e)
{
	o->package = PACKAGE_VERSION;
	if (opt_flag(s, "conf-only") && opt_flag(s, "cleanup"))
		return err_set(
		    e, ERR_USAGE, "--conf-only contradicts --cleanup");
	if (opt_flag(s, "copy-external-config") &&
	    (opt_flag(s, "conf-only") || opt_flag(s, "cleanup")))
		return err_set(e, ERR_USAGE,
		    "--copy-external-config contradicts --conf-only and "
		    "--cleanup");
	if (map_source(s, conf, o, owned, e) == -1)
		return -1;
	o->agent = opt_text(s, "agent");
	o->agent_named = opt_get(s, "agent")->set;
	if (opt_flag(s, "push-agent")) {
		if ((owned->agent = own_agent()) == NULL)
			return err_set_nomem(e);
		o->push_agent = owned->agent;
	}
	/* -D, then PGDATA, then the file. */
	o->pgdata = opt_text(s, "pgdata");
	if (opt_get(s, "pgdata")->source < OPT_FROM_ENV && getenv("PGDATA"))
		o->pgdata = getenv("PGDATA");
	if (owned->nodes.self != NULL)
		o->pgdata = owned->nodes.self->pgdata;
	if (o->pgdata == NULL || o->pgdata[0] == '\0') {
		(void)err_set(e, ERR_USAGE, "no data directory specified");
		return err_hint(e, "Name the directory of the standby with -D "
				   "or in PGDATA.");
	}
	o->bindir = opt_text(s, "pg-bindir");
	o->start = !opt_flag(s, "no-start");
	o->wait = !opt_flag(s, "no-wait");
	o->start_command = opt_text(s, "start-command");
	o->stop_command = opt_text(s, "stop-command");
	o->force = opt_flag(s, "force");
	o->dry_run = opt_flag(s, "dry-run");
	o->conf_only = opt_flag(s, "conf-only");
	o->cleanup = opt_flag(s, "cleanup");
	o->timeout_ms = opt_number(s, "timeout");
	map_copy(s, o);
	if (check_rate(o, e) == -1 || map_compress(s, o, e) == -1)
		return -1;
	if (map_wal(s, o, e) == -1 || check_texts(o, e) == -1)
		return -1;
	map_delay(o, owned);
	map_node(s, o, &owned->nodes);
	return 0;
}

void
clone_options_free(struct clone_opts *o, struct clone_owned *owned)
{
	conninfo_free(&o->conninfo);
	free(owned->ssh);
	nodes_found_free(&owned->nodes);
	free(owned->agent);
}
