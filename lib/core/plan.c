#include "base/std.h"
#include "core/path.h"
#include "core/plan.h"

#include <fnmatch.h>

#define DELTA_MIN (16u * 1024u) /* below: a delta costs more than the file */
#define DELTA_MAX (UINT64_C(64) << 30) /* above: too large a signature */

const char *const plan_default_keep[] = {"postgresql.conf",
    "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "conf.d",
    "conf.copied", "*.crt", "*.key", "*.pem", "*.crl", NULL};

#define CONTROL "global/pg_control"

uint32_t
plan_mode(uint32_t mode, bool is_dir, bool group)
{
	if (is_dir)
		return group ? 0750 : 0700;
	(void)mode;
	return group ? 0640 : 0600;
}

char
plan_letter(const struct action *a)
{
	static const char letters[] = {[ACT_UNLINK] = 'R',
	    [ACT_RMDIR] = 'R',
	    [ACT_MKDIR] = 'M',
	    [ACT_COPY] = 'C',
	    [ACT_PAGES] = 'P',
	    [ACT_DELTA] = 'D',
	    [ACT_SKIP] = 'S'};

	return letters[a->kind];
}

bool
plan_keeps(const char *pattern, const char *path)
{
	return path_matches(pattern, path, FNM_PATHNAME);
}

/* A file of the standby's own that --copy-external-config has moved away; the
 * keep list of a later run may not know it. */
static bool
moved_away(const struct manifest *dst, const char *path)
{
	const char *bak = strstr(path, ".bak");
	const struct entry *d;
	char stem[PATH_COMPONENT + 1];

	if (bak == NULL || bak == path ||
	    (size_t)(bak - path) >= sizeof(stem) ||
	    strspn(bak + 4, "0123456789") != strlen(bak + 4))
		return false;
	(void)snprintf(stem, sizeof(stem), "%.*s", (int)(bak - path), path);
	d = manifest_find(dst, path);
	for (size_t k = 0; plan_default_keep[k] != NULL; k++)
		if (plan_keeps(plan_default_keep[k], stem))
			return d != NULL && d->type == ENTRY_FILE;
	return false;
}

/* Does the target keep its own copy of path?  Each leading part of the path is
 * looked at, so that "conf.d" keeps what lies below it. */
static bool
kept(const struct plan_opts *o, const struct manifest *dst, const char *path)
{
	char up[PATH_LIMIT + 1];
	size_t n = strlen(path);

	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(up, path, i);
		up[i] = '\0';
		for (size_t k = 0; k < o->nkeep; k++)
			if (plan_keeps(o->keep[k], up) &&
			    manifest_find(dst, up) != NULL)
				return true;
	}
	return moved_away(dst, path);
}

static bool
named_for_keeping(const struct plan_opts *o, const char *path)
{
	for (size_t k = 0; k < o->nkeep; k++)
		if (plan_keeps(o->keep[k], path))
			return true;
	return false;
}

/* Unlogged: an _init fork of the same relation stands in the directory.  Its
 * name is the stem + "_init", so a lookup decides. */
static bool
unlogged(const struct manifest *m, const char *path, const struct relpath *r)
{
	char init[PATH_LIMIT + 8];

	if (r->fork == FORK_INIT || r->stem > PATH_LIMIT)
		return false;
	memcpy(init, path, r->stem);
	memcpy(init + r->stem, "_init", 6);
	return manifest_find(m, init) != NULL;
}

static bool
wanted(const struct manifest *src, const struct entry *en,
    const struct plan_opts *o, struct plan *p)
{
	struct relpath r;

	if (en->type == ENTRY_LINK || en->type == ENTRY_SPECIAL ||
	    exclude_covers(o->exclude, en->path, en->type == ENTRY_DIR) ||
	    strcmp(en->path, CONTROL) == 0)
		return false;
	if (en->type != ENTRY_FILE || !path_relation(en->path, &r))
		return true;
	if (r.temporary)
		return false;
	if (o->unlogged && unlogged(src, en->path, &r)) {
		p->unlogged++;
		return false;
	}
	return true;
}

static void
choose(struct action *a, const struct plan_opts *o)
{
	const struct entry *s = a->src, *d = a->dst;
	bool paged = path_paged(s->path);

	a->kind = ACT_COPY;
	a->flags = paged ? ACT_LIMIT : 0;
	if (d == NULL) {
		a->flags |= ACT_NEW;
		if (named_for_keeping(o, s->path))
			a->flags |= ACT_ASIDE;
		return;
	}
	if (o->pages == PLAN_AUTO && paged && d->size > 0) {
		a->kind = ACT_PAGES;
		if (d->nlink > 1)
			a->flags |= ACT_UNSHARE;
		return;
	}
	if (o->pages != PLAN_WHOLE && d->size >= DELTA_MIN &&
	    s->size >= DELTA_MIN && d->size <= DELTA_MAX)
		a->kind = ACT_DELTA;
	a->flags |= ACT_ASIDE;
}

/* One whose mode is another is looked at: to set it changes the file. */
static bool
skips(const struct action *a, const struct plan_opts *o)
{
	return o->same != NULL && a->dst != NULL &&
	       a->dst->mode == plan_mode(a->src->mode, false, o->group) &&
	       o->same(o->same_arg, a->src, a->dst);
}

static int
append(struct plan *p, size_t cap, struct action a, struct err *e)
{
	if (p->n >= cap)
		return err_set(e, ERR_INTERNAL, "plan: too many actions");
	p->v[p->n++] = a;
	return 0;
}

/* What other files see to: the target's way to its WAL stays, pg_control is
 * moved by flow/target.c, links to tablespaces that the source has too are
 * turned by flow/roots.c. */
static bool
seen_to(const struct entry *s, const struct entry *d, const struct plan_opts *o)
{
	if (strcmp(d->path, o->wal_dir) == 0 || strcmp(d->path, CONTROL) == 0)
		return true;
	if (d->type == ENTRY_DIR && path_below(d->path, o->wal_dir, false) &&
	    strcmp(path_base(d->path), "archive_status") == 0)
		return true;
	return d->type == ENTRY_LINK && s != NULL && s->type == ENTRY_LINK &&
	       path_tablespace(d->path, NULL) == strlen(d->path);
}

/* What of the target has no counterpart: deepest first. */
static int
plan_removals(struct plan *p, size_t cap, const struct manifest *src,
    const struct manifest *dst, const struct plan_opts *o, struct err *e)
{
	for (size_t i = dst->n; i-- > 0;) {
		const struct entry *d = &dst->v[i];
		const struct entry *s = manifest_find(src, d->path);
		bool is_dir = d->type == ENTRY_DIR;
		struct plan ignore = {0};
		/* WAL, pid files and the like always go: they do not count,
		 * nor does pg_control, which is flow/target.c's. */
		bool counts = d->type == ENTRY_FILE &&
			      strcmp(d->path, CONTROL) != 0 &&
			      !exclude_covers(o->exclude, d->path, false);

		p->target_files += counts;
		if (exclude_protects(o->exclude, d->path, is_dir) ||
		    seen_to(s, d, o))
			continue;
		if (kept(o, dst, d->path)) {
			p->kept += d->type == ENTRY_FILE;
			continue;
		}
		if (s != NULL && s->type == d->type &&
		    wanted(src, s, o, &ignore))
			continue;
		if (append(p, cap,
			(struct action){
			    .dst = d, .kind = is_dir ? ACT_RMDIR : ACT_UNLINK},
			e) == -1)
			return -1;
		p->removed_files += counts;
	}
	p->nremove = p->n;
	return 0;
}

static const struct entry *
counterpart(const struct manifest *dst, const struct entry *s)
{
	const struct entry *d = manifest_find(dst, s->path);

	return d != NULL && d->type == s->type ? d : NULL;
}

static int
plan_one(struct plan *p, size_t cap, const struct entry *s,
    const struct manifest *dst, const struct plan_opts *o, struct err *e)
{
	struct action a = {.src = s, .dst = counterpart(dst, s)};

	if (s->type == ENTRY_DIR) {
		a.kind = ACT_MKDIR;
		if (a.dst != NULL &&
		    a.dst->mode == plan_mode(s->mode, true, o->group))
			return 0;
	} else {
		if (skips(&a, o)) {
			a.kind = ACT_SKIP;
			p->nskip++;
			p->skipped += s->size;
		} else {
			choose(&a, o);
		}
		p->files++;
		p->bytes += s->size;
	}
	return append(p, cap, a, e);
}

static int
plan_wanted(struct plan *p, size_t cap, const struct manifest *src,
    const struct manifest *dst, const struct plan_opts *o, enum entry_type type,
    struct err *e)
{
	for (size_t i = 0; i < src->n; i++) {
		const struct entry *s = &src->v[i];

		if (s->type != type || !wanted(src, s, o, p) ||
		    kept(o, dst, s->path))
			continue;
		if (plan_one(p, cap, s, dst, o, e) == -1)
			return -1;
	}
	return 0;
}

#define LARGE (UINT64_C(1) << 20)

/* Large files first, largest of all first, so that the workers end together;
 * small ones stay in the order of the directories.  Behind them what is
 * skipped, in that order, too. */
static int
by_size(const void *va, const void *vb)
{
	const struct action *a = va, *b = vb;
	uint64_t sa = a->src->size, sb = b->src->size;
	bool ka = a->kind == ACT_SKIP, kb = b->kind == ACT_SKIP;

	if (ka != kb)
		return ka ? 1 : -1;
	if (ka)
		sa = sb = 0;
	if (sa < LARGE)
		sa = 0;
	if (sb < LARGE)
		sb = 0;
	if (sa != sb)
		return sa > sb ? -1 : 1;
	return a->src < b->src ? -1 : a->src > b->src;
}

int
plan_build(struct plan *p, const struct manifest *src,
    const struct manifest *dst, const struct plan_opts *o, struct err *e)
{
	size_t cap = src->n + dst->n;

	*p = (struct plan){0};
	if ((p->v = calloc(cap == 0 ? 1 : cap, sizeof(*p->v))) == NULL)
		return err_set_nomem(e);
	if (plan_removals(p, cap, src, dst, o, e) == -1 ||
	    plan_wanted(p, cap, src, dst, o, ENTRY_DIR, e) == -1)
		goto fail;
	p->nmkdir = p->n - p->nremove;
	p->unlogged = 0;
	if (plan_wanted(p, cap, src, dst, o, ENTRY_FILE, e) == -1)
		goto fail;
	p->ntransfer = p->n - p->nremove - p->nmkdir - p->nskip;
	qsort(p->v + p->nremove + p->nmkdir, p->ntransfer + p->nskip,
	    sizeof(*p->v), by_size);
	return 0;
fail:
	plan_free(p);
	return -1;
}

void
plan_free(struct plan *p)
{
	free(p->v);
	*p = (struct plan){0};
}

int
plan_check_links(const struct manifest *src, const char *wal_dir, struct err *e)
{
	size_t n = 0;
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < src->n; i++) {
		const struct entry *s = &src->v[i];

		if (s->type != ENTRY_LINK || strcmp(s->path, wal_dir) == 0 ||
		    path_tablespace(s->path, NULL) == strlen(s->path))
			continue;
		if (n++ < 10)
			buf_addf(&list, " %s -> %s;", s->path, s->link);
	}
	if (n > 0) {
		(void)err_set(e, ERR_SYMLINK,
		    "the source's data directory holds %zu symbolic link%s "
		    "that cannot be copied",
		    n, n == 1 ? "" : "s");
		(void)err_detail(
		    e, "Links:%s%s", buf_str(&list), n > 10 ? " ..." : "");
		(void)err_hint(e,
		    "Leave them out with --exclude=NAME, and "
		    "make what they point to on the standby by hand.");
	}
	buf_free(&list);
	return n > 0 ? -1 : 0;
}

int
plan_check_delete(const struct plan *p, const char *max_delete, struct err *e)
{
	char *end;
	unsigned long long v;
	uint64_t limit;

	errno = 0;
	v = strtoull(max_delete, &end, 10);
	if (errno != 0 || *max_delete < '0' || *max_delete > '9' ||
	    (*end != '\0' && strcmp(end, "%") != 0) || (*end == '%' && v > 100))
		return err_set(e, ERR_USAGE,
		    "--max-delete: \"%s\" is neither a number nor a percentage",
		    max_delete);
	limit = *end == '%' ? p->target_files / 100 * v +
				  p->target_files % 100 * v / 100
			    : v;
	if (p->removed_files <= limit)
		return 0;
	(void)err_set(e, ERR_MAX_DELETE,
	    "%zu of the target's %zu files would be removed, more than %s",
	    p->removed_files, p->target_files, max_delete);
	return err_hint(e,
	    "Look at what would go with --dry-run "
	    "--itemize-changes; if that is right, give --max-delete=%zu.",
	    p->removed_files);
}

int
plan_late_unlogged(const struct manifest *src, const struct manifest *inits,
    int (*found)(void *arg, const struct entry *en, struct err *e), void *arg,
    struct err *e)
{
	for (size_t i = 0; i < src->n; i++) {
		const struct entry *s = &src->v[i];
		struct relpath r;

		if (s->type != ENTRY_FILE || !path_relation(s->path, &r) ||
		    r.temporary || !unlogged(inits, s->path, &r))
			continue;
		if (found(arg, s, e) == -1)
			return -1;
	}
	return 0;
}
