#include "base/std.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/apply.h"
#include "flow/clone_int.h"
#include "flow/hook.h"
#include "flow/walk.h"

/* --- manifest and plan (S0) ---------------------------------------------- */

static struct wire_str
str_of(const char *s)
{
	return (struct wire_str){s == NULL ? "" : s, s == NULL ? 0 : strlen(s)};
}

static int
ask_manifest(struct clone *c, uint8_t flags, struct manifest *m, struct err *e)
{
	struct wire_manifest req = {.flags = flags,
	    .log_dir = str_of(c->exclude.log_dir),
	    .stats_temp = str_of(c->exclude.stats_temp),
	    .trigger = str_of(c->exclude.trigger),
	    .npatterns = (uint32_t)c->exclude.npatterns};

	return pool_manifest_ask(c->pool, &req, c->exclude.patterns, m, e);
}

static int
take_manifest(struct clone *c, struct err *e)
{
	uint64_t specials = 0;

	if (pool_manifest_take(c->pool, &specials, e) == -1)
		return -1;
	if (specials > 0)
		clone_note(c,
		    "%" PRIu64 " sockets, pipes or devices in the "
		    "source's data directory are left out",
		    specials);
	return 0;
}

/* For what does not wait in the pool: it goes on meanwhile. */
static int
look_after_pool(void *arg, struct err *e)
{
	struct clone *c = arg;

	return pool_check(c->pool, e) == -1 ? -1 : clone_tick(c, e);
}

/* What the target holds: with the directories where the source's tablespaces
 * go (flow/roots.c has judged them) and behind its own link to its WAL.  Other
 * links of it are only removed themselves: nobody knows whose the directory is
 * that they lead to. */
static int
walk_target(struct clone *c, struct err *e)
{
	const struct walk_opts all = {
	    .recurse = true, .into = &c->to, .tick = look_after_pool, .arg = c};
	struct tree *t;
	struct stat st;
	int rc = -1;

	if (c->target.tree == NULL)
		return 0;
	if ((t = tree_open(c->target.path, e)) == NULL)
		return -1;
	for (size_t i = 0; i < c->roots.n; i++)
		if (stat(c->roots.v[i].dir, &st) == 0 &&
		    tree_add_root(
			t, c->roots.v[i].prefix, c->roots.v[i].dir, e) == -1)
			goto out;
	if (tree_add_link(t, c->wal_dir, e) == -1)
		goto out;
	rc = walk(t, &all, NULL, e);
out:
	tree_close(t);
	return rc;
}

/* While the source walks its own, where no tablespace will be needed for it. */
static int
walk_early(struct clone *c, struct err *e)
{
	c->walked = c->facts.ntblspc == 0;
	return c->walked ? walk_target(c, e) : 0;
}

/* A tablespace made since then has its place on the target, too. */
static int
walk_late(struct clone *c, struct err *e)
{
	if (c->walked && c->roots.n == 0)
		return 0;
	manifest_free(&c->to);
	return walk_target(c, e);
}

static int
check_required(struct clone *c, struct err *e)
{
	static const char *const required[] = {
	    "PG_VERSION", "global", "global/pg_filenode.map", "base"};

	for (size_t i = 0; i < NELEM(required); i++)
		if (manifest_find(&c->from, required[i]) == NULL)
			return err_set(e, ERR_SOURCE,
			    "the list of files from the source lacks \"%s\"",
			    required[i]);
	return 0;
}

/* A mapping that fits nothing is most often a typing error. */
static void
tell_unused_mappings(struct clone *c)
{
	char old[PATH_MAX], new_dir[PATH_MAX];

	for (size_t i = 0; i < c->o->nmapping; i++) {
		bool used = false;

		if (roots_parse_mapping(c->o->mapping[i], old, new_dir, NULL) ==
		    -1)
			continue;
		for (size_t k = 0; k < c->roots.n; k++)
			used = used || strcmp(c->roots.v[k].source, old) == 0;
		if (!used)
			clone_note(c,
			    "--tablespace-mapping: the source has no "
			    "tablespace in \"%s\"",
			    old);
	}
}

static int
make_plan(struct clone *c, struct err *e)
{
	struct plan_opts po = {.exclude = &c->exclude,
	    .pages = c->o->pages,
	    .unlogged = true,
	    .block_size = c->control.blcksz,
	    .keep = (const char *const *)c->keep,
	    .nkeep = c->nkeep,
	    .wal_dir = c->wal_dir,
	    .group = c->group,
	    .same = clone_index_same,
	    .same_arg = c};
	struct roots_opts ro = clone_roots_opts(c);

	if (check_required(c, e) == -1 ||
	    plan_check_links(&c->from, c->wal_dir, e) == -1 ||
	    roots_plan(&c->roots, &c->from, &c->target, &ro, e) == -1 ||
	    clone_judge_places(c, e) == -1 || walk_late(c, e) == -1 ||
	    clone_index_judge(c, e) == -1 ||
	    plan_build(&c->plan, &c->from, &c->to, &po, e) == -1)
		return -1;
	tell_unused_mappings(c);
	clone_tell_tablespaces(c);
	if (!c->o->force &&
	    plan_check_delete(&c->plan, c->o->max_delete, e) == -1)
		return -1;
	return clone_check_space(c, e);
}

static void
tell_dry(struct clone *c)
{
	clone_tell_plan(c);
	for (size_t i = 0; i < c->plan.n - c->plan.nskip; i++) {
		const struct action *a = &c->plan.v[i];

		c->ui->item(c->ui->arg, plan_letter(a),
		    a->src != NULL ? a->src->path : a->dst->path);
	}
}

/* As files.removed counts them: directories are none. */
static void
add_removals(const struct plan *p, struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nremove; i++)
		n += p->v[i].kind == ACT_UNLINK;
	if (n == 0)
		return;
	buf_adds(b, ", ");
	text_add_count(b, n);
	buf_adds(b, " to remove");
}

int
clone_list(struct clone *c, struct err *e)
{
	struct buf count = BUF_INIT, size = BUF_INIT, gone = BUF_INIT;

	clone_step(c, CLONE_MANIFEST);
	clone_index_listing(c);
	if (ask_manifest(c, WIRE_MANIFEST_RECURSE, &c->from, e) == -1 ||
	    walk_early(c, e) == -1 || take_manifest(c, e) == -1)
		return -1;
	hook_pause("manifest");
	if (make_plan(c, e) == -1 || clone_find_waldir(c, e) == -1 ||
	    clone_external_plan(c, e) == -1)
		return -1;
	c->rec->files_total = c->plan.files;
	c->rec->bytes_total = c->plan.bytes;
	c->rec->files_skipped = c->plan.nskip;
	c->rec->bytes_skipped = c->plan.skipped;
	text_add_count(&count, c->plan.files);
	text_add_size(&size, c->plan.bytes);
	add_removals(&c->plan, &gone);
	clone_told(c, "%s files, %s, %zu tablespace%s%s", buf_str(&count),
	    buf_str(&size), c->roots.n, c->roots.n == 1 ? "" : "s",
	    buf_str(&gone));
	buf_free(&count);
	buf_free(&size);
	buf_free(&gone);
	if (c->o->dry_run)
		tell_dry(c);
	hook_pause("plan");
	return 0;
}

/* --- S1 ------------------------------------------------------------------ */

static int
add_text(char ***v, size_t *n, const char *text, struct err *e)
{
	char **more = realloc(*v, (*n + 1) * sizeof(*more));

	if (more == NULL)
		return err_set_nomem(e);
	*v = more;
	if ((more[*n] = strdup(text)) == NULL)
		return err_set_nomem(e);
	++*n;
	return 0;
}

static bool
has_text(char *const *v, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], text) == 0)
			return true;
	return false;
}

/* The files that are the standby's own: those that the keep list names and the
 * target has.  The marker remembers them, so that a later run does not take
 * the source's for them. */
static int
remember_kept(struct clone *c, struct err *e)
{
	struct marker *m = &c->marker;

	for (size_t i = 0; i < c->to.n; i++) {
		const char *p = c->to.v[i].path;
		bool named = false;

		for (size_t k = 0; k < c->nkeep && !named; k++)
			named = plan_keeps(c->keep[k], p);
		if (named && add_text(&m->kept, &m->nkept, p, e) == -1)
			return -1;
	}
	return 0;
}

static int
fill_marker(struct clone *c, struct err *e)
{
	struct marker *m = &c->marker;
	char text[PATH_MAX + 32];

	(void)snprintf(m->uuid, sizeof(m->uuid), "%s", c->uuid);
	m->system_identifier = c->src.o.system_identifier;
	m->timeline = c->rec->timeline;
	(void)snprintf(m->phase, sizeof(m->phase), "copy");
	m->pid = (long)getpid();
	(void)snprintf(text, sizeof(text), "%s:%s", c->rec->source_host,
	    c->rec->source_port);
	m->source = strdup(text);
	if (c->slot.made && ((m->slot = strdup(c->slot.name)) == NULL ||
				(m->slot_at = strdup(c->slot_at)) == NULL))
		return err_set_nomem(e);
	if (c->backup.exclusive && (m->label = strdup(c->backup.label)) == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < c->roots.n; i++) {
		(void)snprintf(text, sizeof(text), "%" PRIu32 " %s",
		    c->roots.v[i].oid, c->roots.v[i].dir);
		if (add_text(&m->roots, &m->nroots, text, e) == -1)
			return -1;
	}
	/* Where an earlier run wrote is ours too. */
	for (size_t i = 0;
	     c->target.kind == TARGET_MARKED && i < c->target.marker.nroots;
	     i++)
		if (!has_text(m->roots, m->nroots, c->target.marker.roots[i]) &&
		    add_text(&m->roots, &m->nroots, c->target.marker.roots[i],
			e) == -1)
			return -1;
	if (m->source == NULL)
		return err_set_nomem(e);
	return clone_own_remember(c, m, e) == -1 ? -1 : remember_kept(c, e);
}

static void
did(void *arg, const struct action *a)
{
	struct clone *c = arg;

	if (a->kind == ACT_UNLINK)
		c->rec->files_removed++;
	c->ui->item(c->ui->arg, plan_letter(a),
	    a->src != NULL ? a->src->path : a->dst->path);
}

static int
make_dir(struct clone *c, const char *path, struct err *e)
{
	mode_t mode = plan_mode(0, true, c->group);
	int fd = -1, rc = 0;

	if (tree_mkdir(c->target.tree, path, mode) == -1 && errno != EEXIST)
		rc = -1;
	else if ((fd = tree_openat(
		      c->target.tree, path, O_RDONLY | O_DIRECTORY, 0)) == -1)
		rc = -1;
	else
		rc = fchmod(fd, mode); /* whatever the umask */
	if (fd != -1)
		(void)close(fd);
	if (rc == -1)
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not create directory \"%s\"", path);
	return 0;
}

/* Group access as on the source, given or taken back: the server goes by the
 * mode of this directory for every file that it makes.  To the directories of
 * its tablespaces it gives the same itself. */
static int
set_mode(struct clone *c, struct err *e)
{
	mode_t mode = plan_mode(0, true, c->group);

	if (fchmod(tree_fd(c->target.tree), mode) == -1)
		return err_set_errno(e, ERR_TARGET_IO,
		    "could not set the mode of \"%s\"", c->target.path);
	for (size_t i = 0; i < c->roots.n; i++)
		if (chmod(c->roots.v[i].dir, mode) == -1)
			return err_set_errno(e, ERR_TARGET_IO,
			    "could not set the mode of \"%s\"",
			    c->roots.v[i].dir);
	return 0;
}

static int
send_tree(struct clone *c, struct err *e)
{
	size_t n = tree_nroots(c->target.tree);
	struct pool_root *r = calloc(n + 1, sizeof(*r));
	int rc;

	if (r == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < n; i++)
		r[i] = (struct pool_root){
		    .prefix = tree_root_prefix(c->target.tree, i),
		    .dir = tree_root_dir(c->target.tree, i)};
	rc = pool_tree(c->pool, c->target.path, r, n, e);
	free(r);
	return rc;
}

int
clone_take_over(struct clone *c, struct err *e)
{
	struct apply_opts ao = {.tree = c->target.tree,
	    .group = c->group,
	    .did = did,
	    .tick = look_after_pool,
	    .arg = c};
	char sub[128];

	if (clone_index_recheck(c, e) == -1)
		return -1;
	clone_step(c, CLONE_TRANSFER);
	/* The last moment to be asked to stop before anything is changed. */
	if (clone_tick(c, e) == -1 || fill_marker(c, e) == -1 ||
	    target_mark(&c->target, &c->marker, e) == -1)
		return -1;
	hook_pause("marked");
	/* Where the source's tablespaces go comes first; links of the target
	 * that are left then lead to what is removed. */
	if (target_touch(&c->target, e) == -1 ||
	    roots_enter(&c->roots, c->target.tree, e) == -1 ||
	    clone_make_waldir(c, e) == -1 ||
	    tree_add_link(c->target.tree, c->wal_dir, e) == -1 ||
	    set_mode(c, e) == -1 || apply_removals(&c->plan, &ao, e) == -1)
		return -1;
	hook_pause("removed");
	if (apply_directories(&c->plan, &ao, e) == -1 ||
	    make_dir(c, c->wal_dir, e) == -1)
		return -1;
	(void)snprintf(sub, sizeof(sub), "%s/archive_status", c->wal_dir);
	if (make_dir(c, sub, e) == -1 ||
	    roots_link(&c->roots, c->target.tree, e) == -1)
		return -1;
	return send_tree(c, e);
}

/* --- S2 ------------------------------------------------------------------ */

static const struct action *
transfer(const struct clone *c, size_t i)
{
	return &c->plan.v[c->plan.nremove + c->plan.nmkdir + i];
}

static int
next_job(void *arg, struct fetch_job *job, struct err *e)
{
	struct clone *c = arg;
	const struct action *a;
	int rc;

	/* WAL first: it may be recycled any moment. */
	if (c->wal != NULL && (rc = walfetch_next(c->wal, job, e)) != 0)
		return rc;
	if (c->next >= c->plan.ntransfer)
		return 0;
	a = transfer(c, c->next);
	c->current = a->src->path;
	*job = (struct fetch_job){.id = (uint32_t)c->next,
	    .kind = a->kind,
	    .flags = a->flags,
	    .size = a->src->size,
	    .mode = plan_mode(a->src->mode, false, c->group),
	    .path = a->src->path};
	c->next++;
	return 1;
}

static int
job_done(void *arg, const struct fetch_result *r, struct err *e)
{
	struct clone *c = arg;
	struct clone_record *rec = c->rec;
	const struct action *a;

	if (r->id >= c->plan.ntransfer)
		return walfetch_done(c->wal, r, e);
	a = transfer(c, r->id);
	c->answered++;
	if (r->status == WIRE_FILE_VANISHED)
		return clone_vanished(c, a, e);
	if (r->status != WIRE_FILE_OK)
		return err_set(e, ERR_SOURCE,
		    "\"%s\" on the source is no longer a regular file",
		    a->src->path);
	clone_damaged(c, a->src, r);
	clone_index_took(c, a->src, r);
	if (a->kind != ACT_COPY)
		rec->bytes_compared += a->dst->size;
	if (a->dst == NULL || r->changed > 0 || r->size != a->dst->size) {
		rec->files_changed++;
		rec->files_copied += a->kind == ACT_COPY;
		rec->bytes_changed += r->changed;
		c->ui->item(c->ui->arg, plan_letter(a), a->src->path);
	}
	return 0;
}

/* No directory is sealed that lacks an answer for one planned file. */
static int
check_complete(const struct clone *c, struct err *e)
{
	if (c->answered == c->plan.ntransfer)
		return 0;
	return err_set(e, ERR_INTERNAL,
	    "the transfer ended after %zu of %zu files", c->answered,
	    c->plan.ntransfer);
}

static int
start_walfetch(struct clone *c, struct err *e)
{
	struct walfetch_opts wo = {.pool = c->pool,
	    .tree = c->target.tree,
	    .wal_dir = c->wal_dir,
	    .version = c->facts.version,
	    .segsize = c->control.xlog_seg_size,
	    .timeline = c->rec->timeline,
	    .start_lsn = c->backup.start_lsn,
	    .file_mode = plan_mode(0, false, c->group),
	    .first_id = (uint32_t)c->plan.ntransfer};

	if (!c->fetch_wal)
		return 0;
	c->wal = walfetch_new(&wo, e);
	return c->wal == NULL ? -1 : 0;
}

int
clone_transfer(struct clone *c, struct err *e)
{
	struct pool_work work = {.next = next_job, .done = job_done, .arg = c};
	struct buf bytes = BUF_INIT, files = BUF_INIT;
	struct pool_progress g;

	if (clone_index_begin(c, e) == -1 || start_walfetch(c, e) == -1 ||
	    clone_verify_pages(c, e) == -1)
		return -1;
	clone_call_workers(c);
	hook_pause("transfer");
	if (pool_run(c->pool, &work, e) == -1 || check_complete(c, e) == -1 ||
	    clone_check_gone(c, e) == -1)
		return -1;
	c->current = NULL;
	pool_progress(c->pool, &g);
	text_add_size(&bytes, g.in);
	if (c->plan.nskip > 0) {
		buf_adds(&bytes, " sent, ");
		text_add_count(&bytes, c->plan.nskip);
		buf_adds(&bytes, " skipped");
	} else {
		buf_adds(&bytes, " sent");
	}
	text_add_count(&files, c->rec->files_changed);
	clone_told(c, "%s file%s changed, %s", buf_str(&files),
	    c->rec->files_changed == 1 ? "" : "s", buf_str(&bytes));
	buf_free(&bytes);
	buf_free(&files);
	hook_pause("transferred");
	return clone_judge_damage(c, e);
}

/* --- once more, just before pg_control: B31 ------------------------------ */

static int
drop_late(void *arg, const struct entry *en, struct err *e)
{
	struct clone *c = arg;

	if (tree_unlink(c->target.tree, en->path) == 0)
		clone_index_forget(c, en); /* --verify must not miss it */
	else if (errno != ENOENT)
		return err_set_errno(
		    e, ERR_TARGET_IO, "could not remove \"%s\"", en->path);
	return 0;
}

int
clone_late_unlogged(struct clone *c, struct err *e)
{
	struct manifest inits = {0};
	int rc;

	rc = ask_manifest(
	    c, WIRE_MANIFEST_RECURSE | WIRE_MANIFEST_INIT, &inits, e);
	if (rc == 0)
		rc = pool_manifest_take(c->pool, NULL, e);
	if (rc == 0)
		rc = plan_late_unlogged(&c->from, &inits, drop_late, c, e);
	manifest_free(&inits);
	return rc;
}
