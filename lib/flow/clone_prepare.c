#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"
#include "flow/hook.h"

#include <sys/random.h>

#define QUERY_MS 30000
#define BLOCK_DEFAULT 8192u

/* A random UUID (version 4) names the run: label, slot, marker. */
static int
make_uuid(char *uuid, struct err *e)
{
	uint8_t r[16];

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return err_set_errno(e, ERR_INTERNAL, "getrandom");
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	for (int i = 0, k = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			uuid[k++] = '-';
		(void)snprintf(uuid + k, 3, "%02x", r[i]);
		k += 2;
	}
	return 0;
}

static int
identify(struct clone *c, struct err *e)
{
	char host[256] = "standby";

	if (make_uuid(c->uuid, e) == -1)
		return -1;
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		return err_set_errno(e, ERR_INTERNAL, "getrandom");
	(void)gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = '\0';
	text_slot_name(c->o->node != NULL ? c->o->node : host, c->name);
	return 0;
}

static int
set_record(struct clone *c, struct pg *pg, struct err *e)
{
	struct clone_record *r = c->rec;

	r->source_host = strdup(pg_host(pg));
	r->source_port = strdup(pg_port(pg));
	r->server_version = c->facts.version;
	if (c->facts.system_identifier != 0)
		r->system_identifier = c->facts.system_identifier;
	r->timeline = c->facts.timeline;
	return r->source_host == NULL || r->source_port == NULL
		   ? err_set_nomem(e)
		   : 0;
}

/* Every fact by one session, opened after the workers are forked; where a
 * backup will follow it stays open for that.  (Not for --cleanup, which judges
 * by the sessions that are there.) */
static int
ask_server(struct clone *c, struct err *e)
{
	struct pg *pg = NULL;
	int rc = -1;

	if (pg_conninfo_effective(&c->o->conninfo, &c->conninfo, e) == -1)
		return -1;
	c->pg = (struct pg_opts){.conninfo = &c->o->conninfo,
	    .application_name = "standby-clone",
	    .sigfd = sig_fd(),
	    .heard = &c->heard};
	if (pg_open(&pg, &c->pg, e) == -1)
		return -1;
	if (probe_read(&c->facts, pg, clone_deadline(c, QUERY_MS), e) == -1 ||
	    clone_identify(c, e) == -1 || set_record(c, pg, e) == -1)
		goto out;
	if (!pgver_supported(c->facts.version)) {
		(void)err_set(e, ERR_VERSION, "PostgreSQL %s is too old",
		    c->facts.version_text);
		goto out;
	}
	/* A clone says it as a warning of preflight. */
	if (!pgver_known(c->facts.version) &&
	    (c->o->conf_only || c->o->cleanup))
		clone_note(c,
		    "PostgreSQL %s is newer than this program "
		    "knows: treating it as the newest known version",
		    c->facts.version_text);
	c->wal_dir = pgver(c->facts.version, PGFACT_DIR_WAL);
	if (c->o->upstream == NULL && !c->o->cleanup)
		clone_judge_slot(c, pg);
	rc = 0;
	if (!c->o->dry_run && !c->o->conf_only && !c->o->cleanup) {
		c->asked = pg;
		pg = NULL;
	}
out:
	pg_close(pg);
	return rc;
}

int
clone_open_source(
    struct clone *c, struct pool *p, struct pool_source *src, struct err *e)
{
	const char *dir = c->o->source_pgdata != NULL ? c->o->source_pgdata
						      : c->facts.data_directory;
	struct wire_open open;

	c->block_size =
	    c->facts.block_size != 0 ? c->facts.block_size : BLOCK_DEFAULT;
	open =
	    (struct wire_open){.system_identifier = c->facts.system_identifier,
		.seed = c->seed,
		.block_size = c->block_size,
		.max_rate = c->o->max_rate,
		.compress = c->o->compress};

	if (dir == NULL) {
		(void)err_set(e, ERR_PRIVILEGE,
		    "the role may not read data_directory of the source");
		return err_hint(e, "GRANT pg_read_all_settings TO the role, "
				   "or give --source-pgdata=DIR.");
	}
	open.pgdata = (struct wire_str){dir, strlen(dir)};
	return pool_open(p, &open, src, e);
}

static bool
str_is(const struct wire_str *s, const char *text)
{
	return s->len == strlen(text) && memcmp(s->s, text, s->len) == 0;
}

void
clone_boot_id(char *id, size_t size)
{
	ssize_t n = -1;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		n = read(fd, id, size - 1);
		(void)close(fd);
	}
	id[n > 0 ? n : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
}

/* The same running kernel: then equal device and inode are the same file. */
static bool
same_kernel(const struct wire_str *boot_id)
{
	char id[64];

	clone_boot_id(id, sizeof(id));
	return id[0] != '\0' && str_is(boot_id, id);
}

/* What the agent found must be the cluster that SQL spoke of. */
static int
check_source(struct clone *c, struct err *e)
{
	const struct wire_opened *o = &c->src.o;
	char version[32], major[16];

	c->same_host = same_kernel(&o->boot_id);
	c->rec->system_identifier = o->system_identifier;
	if ((c->source_pgdata = strndup(o->resolved.s, o->resolved.len)) ==
	    NULL)
		return err_set_nomem(e);
	if (clone_same_cluster(c, "--upstream", c->upstream_identifier, e) ==
	    -1)
		return -1;
	(void)snprintf(version, sizeof(version), "%.*s",
	    (int)MIN_OF(o->pg_version.len, (size_t)16), o->pg_version.s);
	version[strcspn(version, "\n")] = '\0';
	if (strcmp(version,
		pgver_major(c->facts.version, major, sizeof(major))) != 0)
		return err_set(e, ERR_SOURCE,
		    "the data directory on the source says PostgreSQL %s, the "
		    "server %s",
		    version, major);
	(void)snprintf(c->tblspc_dir, sizeof(c->tblspc_dir), "PG_%s_%" PRIu32,
	    major, o->catalog_version);
	c->group = pgver(c->facts.version, PGFACT_GROUP_ACCESS) != NULL &&
		   (o->mode & 0050) == 0050;
	if (pool_control(c->pool, &c->pg_control, e) == -1)
		return -1;
	return pgcontrol_parse(
	    c->pg_control.data, c->pg_control.len, &c->control, e);
}

/* Source's own history, to tell an old primary from a stranger (A6). */
static int
read_history(struct clone *c, struct err *e)
{
	char path[64];

	if (c->facts.timeline < 2 || !c->target.have_control)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%08" PRIX32 ".history",
	    c->wal_dir, c->facts.timeline);
	return pool_read_file(c->pool, path, TLI_HISTORY_MAX, &c->history, e) ==
		       -1
		   ? -1
		   : 0;
}

/* --- names that depend on the server's settings --------------------------- */

static const char *
relative(const char *setting, const char *pgdata, char *to, size_t size)
{
	if (setting == NULL || setting[0] == '\0' || pgdata == NULL)
		return NULL;
	return exclude_relative(setting, pgdata, to, size) == 1 ? to : NULL;
}

static void
set_excludes(struct clone *c)
{
	const struct probe *f = &c->facts;
	const char *pgdata =
	    f->data_directory != NULL ? f->data_directory : c->o->source_pgdata;

	c->exclude =
	    (struct exclude){.log_dir = relative(f->log_directory, pgdata,
				 c->log_dir, sizeof(c->log_dir)),
		.stats_temp = relative(f->stats_temp_directory, pgdata,
		    c->stats_temp, sizeof(c->stats_temp)),
		.trigger = relative(
		    f->trigger_file, pgdata, c->trigger, sizeof(c->trigger)),
		.tblspc_dir = c->tblspc_dir,
		.patterns = c->o->excludes,
		.npatterns = c->o->nexcludes};
	/* Who may not see the setting gets the default's name. */
	if (f->log_directory == NULL)
		c->exclude.log_dir =
		    pgver(c->facts.version, PGFACT_DEFAULT_LOG_DIR);
}

/* All that was found, at once. */
static int
tell_problems(struct clone *c, struct err *e)
{
	for (size_t i = 0; i < c->pf.nwarnings; i++)
		c->ui->warning(c->ui->arg, &c->pf.warning[i]);
	if (c->pf.nproblems > 1)
		for (size_t i = 0; i < c->pf.nproblems; i++)
			c->ui->problem(c->ui->arg, &c->pf.problem[i]);
	return preflight_result(&c->pf, e);
}

static void
tell_source(struct clone *c)
{
	struct buf b = BUF_INIT;

	buf_addf(&b,
	    "%s:%s  PostgreSQL %s, system %" PRIu64 ", timeline %" PRIu32 "%s",
	    c->rec->source_host, c->rec->source_port, c->facts.version_text,
	    c->rec->system_identifier, c->rec->timeline,
	    c->facts.in_recovery ? " (a standby)" : "");
	c->ui->source(c->ui->arg, buf_str(&b));
	buf_free(&b);
}

/* A3: what is written to is not what was typed. */
static void
tell_link(struct clone *c)
{
	const char *given = c->o->pgdata;
	size_t n = strlen(given);

	while (n > 1 && given[n - 1] == '/')
		n--;
	if (given[0] == '/' && (strncmp(given, c->target.path, n) != 0 ||
				   c->target.path[n] != '\0'))
		clone_note(
		    c, "\"%s\" is the directory \"%s\"", given, c->target.path);
}

/* --delta would be refused, too, where the data directory is of another
 * cluster: that of pg_createcluster or initdb, which made one of its own. */
static void
hint_empty(struct clone *c, uint64_t holds, struct err *e)
{
	if (e == NULL || e->code != ERR_TARGET_NOT_EMPTY || holds == 0 ||
	    ask_server(c, NULL) == -1 || c->facts.system_identifier == 0 ||
	    c->facts.system_identifier == holds)
		return;
	e->hint[0] = '\0';
	(void)err_hint(e,
	    "It is of another cluster than the source, system %" PRIu64
	    ". Only if it was just made, by pg_createcluster or initdb, and "
	    "nothing in it is needed: empty it first (EXAMPLES in the man page "
	    "say how). Else name another directory with -D.",
	    c->facts.system_identifier);
}

int
clone_look(struct clone *c, struct err *e)
{
	uint64_t holds = 0;
	struct target_want want = {.sync = c->o->sync,
	    .holds = &holds,
	    .delta = c->o->delta || c->o->conf_only || c->o->cleanup,
	    .dry_run = c->o->dry_run || c->o->conf_only || c->o->cleanup};

	if (identify(c, e) == -1)
		return -1;
	if (target_open(&c->target, c->o->pgdata, &want, e) == -1) {
		hint_empty(c, holds, e);
		c->rec->pgdata = strdup(c->o->pgdata);
		return -1;
	}
	if ((c->rec->pgdata = strdup(c->target.path)) == NULL)
		return err_set_nomem(e);
	tell_link(c);
	if (c->target.tree != NULL &&
	    backup_note_read(c->target.tree, &c->old_note, e) == -1)
		return -1;
	/* The SSH session is made while the server is asked. */
	if (!c->o->conf_only && !c->o->cleanup && clone_start_pool(c, e) == -1)
		return -1;
	if (ask_server(c, e) == 0)
		return clone_make_cleanup(c, e);
	/* A server that refuses us is there, and so is what it was noted for.
	 */
	if (c->heard || (e->code != ERR_DB_CONNECT && e->code != ERR_TIMEOUT))
		return -1;
	if (c->o->cleanup && c->o->force) {
		c->absent = true;
		c->absent_why = *e;
		err_clear(e);
		return 0;
	}
	clone_excl_absent(c, e);
	return -1;
}

int
clone_prepare(struct clone *c, struct err *e)
{
	if (clone_keep_begin(c, e) == -1 || clone_own_settings(c, e) == -1 ||
	    clone_config_find(c, e) == -1 || clone_keep_named(c, e) == -1 ||
	    clone_excl_next(c, e) == -1 || clone_judge_server(c, e) == -1)
		return -1;
	hook_pause("preflight");
	/* Without its directory nothing more can be asked. */
	if (c->facts.data_directory == NULL && c->o->source_pgdata == NULL &&
	    tell_problems(c, e) == -1)
		return -1;
	clone_ask_programs(c); /* while the first worker connects */
	if (pool_ready(c->pool, e) == -1)
		return -1;
	hook_pause("connected");
	clone_index_read(c);
	if (clone_open_source(c, c->pool, &c->src, e) == -1 ||
	    check_source(c, e) == -1 || read_history(c, e) == -1)
		return -1;
	set_excludes(c);
	tell_source(c);
	if (clone_judge_rest(c, e) == -1 || tell_problems(c, e) == -1)
		return -1;
	if (c->target.kind == TARGET_MARKED)
		clone_note(c, "continuing the unfinished clone in \"%s\"",
		    c->target.path);
	clone_told(c, "%u checks passed", c->pf.checks);
	return 0;
}
