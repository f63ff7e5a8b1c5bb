/* The plan of a run in words: what --dry-run prints. */
#include "base/std.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/clone_int.h"

struct sum {
	size_t n;
	uint64_t bytes;
};

static void
add_sum(struct buf *b, const char *what, const struct sum *s)
{
	if (s->n == 0)
		return;
	buf_addf(b, "  %-12s", what);
	text_add_count(b, s->n);
	buf_addf(b, " file%s, ", s->n == 1 ? "" : "s");
	text_add_size(b, s->bytes);
	buf_addc(b, '\n');
}

static void
add_actions(struct clone *c, struct buf *b)
{
	struct sum sum[ACT_SKIP + 1] = {{0}};

	for (size_t i = 0; i < c->plan.n; i++) {
		const struct action *a = &c->plan.v[i];

		sum[a->kind].n++;
		sum[a->kind].bytes +=
		    a->src != NULL ? a->src->size : a->dst->size;
	}
	add_sum(b, "remove", &sum[ACT_UNLINK]);
	add_sum(b, "copy", &sum[ACT_COPY]);
	add_sum(b, "pages", &sum[ACT_PAGES]);
	add_sum(b, "librsync", &sum[ACT_DELTA]);
	add_sum(b, "skip", &sum[ACT_SKIP]);
	if (c->plan.kept > 0)
		buf_addf(b, "  %-12s%zu of the standby's own files\n", "keep",
		    c->plan.kept);
}

static void
add_wal(struct clone *c, struct buf *b)
{
	const char *name = c->o->slot != NULL ? c->o->slot : c->name;

	if (c->o->want_slot == SLOT_NONE)
		buf_addf(b, "  %-12sno slot; WAL is fetched during the copy\n",
		    "wal");
	else
		buf_addf(b, "  %-12sslot \"%s\"%s\n", "wal", name,
		    c->o->upstream != NULL ? " on the upstream" : "");
}

static void
add_path(struct buf *b, const char *path)
{
	text_add_escaped(b, path, strlen(path));
}

/* What goes elsewhere than into the data directory, or comes from there. */
static void
add_places(struct clone *c, struct buf *b)
{
	static const char *const fate[] = {
	    [CLONE_CONFIG_COPY] = "",
	    [CLONE_CONFIG_REPLACE] = " (what is there becomes .bak)",
	    [CLONE_CONFIG_KEEP] = " (is there and stays)",
	    [CLONE_CONFIG_SAME] = " (is there already)",
	};
	const struct clone_record *r = c->rec;

	for (size_t i = 0; i < c->roots.n; i++)
		buf_addf(b, "  %-12s%" PRIu32 ": %s -> %s\n", "tablespace",
		    c->roots.v[i].oid, c->roots.v[i].source, c->roots.v[i].dir);
	if (r->waldir != NULL) {
		buf_addf(b, "  %-12s%s -> ", "waldir", c->wal_dir);
		add_path(b, r->waldir);
		buf_addc(b, '\n');
	}
	for (size_t i = 0; i < r->nconfig; i++) {
		buf_addf(b, "  %-12s", "config");
		add_path(b, r->config[i].source);
		buf_adds(b, " -> ");
		add_path(b, r->config[i].target);
		buf_addf(b, "%s\n", fate[r->config[i].fate]);
	}
}

/* The settings that would be written, secrets masked. */
static void
add_recovery(struct clone *c, struct buf *b)
{
	struct buf conninfo = BUF_INIT;

	buf_addf(b, "  %-12s%s%s\n", "recovery",
	    pgver(c->facts.version, PGFACT_FILE_RECOVERY),
	    pgver(c->facts.version, PGFACT_RECOVERY_IS_GUC) != NULL
		? ", postgresql.auto.conf"
		: "");
	if (c->o->upstream == NULL &&
	    clone_conninfo(c, false, &conninfo, NULL) == 0)
		buf_addf(
		    b, "  %-12sprimary_conninfo %s\n", "", buf_str(&conninfo));
	buf_free(&conninfo);
}

void
clone_tell_plan(struct clone *c)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "Plan for \"%s\":\n", c->target.path);
	buf_addf(&b, "  %-12s%s, checkpoint %s\n", "backup",
	    c->o->exclusive ||
		    pgver(c->facts.version, PGFACT_BACKUP_EXCLUSIVE) != NULL
		? "exclusive"
		: "non-exclusive",
	    c->o->fast_checkpoint ? "fast" : "spread");
	add_wal(c, &b);
	add_actions(c, &b);
	add_places(c, &b);
	add_recovery(c, &b);
	buf_addf(&b, "  %-12s%s\n", "start",
	    !c->o->start               ? "no"
	    : c->start_command != NULL ? c->start_command
				       : "pg_ctl");
	c->ui->plan(c->ui->arg, buf_str(&b));
	buf_free(&b);
}
