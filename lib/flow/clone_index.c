/*
 * The skip index of a target (core/skipindex.h has the argument): read before
 * anything is asked, judged with the plan, written anew when all is sealed.
 * flow/target_state.c unlinks it at S1.
 */
#include "base/std.h"
#include "base/clock.h"
#include "flow/clone_int.h"
#include "flow/hook.h"
#include "io/pagedelta.h"

#define INDEX_NEW TARGET_INDEX ".new"
#define FLUSH_BYTES (256u * 1024u)
#define LATER_MS 1000 /* for a ctime behind all others: a tick is 10 ms */

/* Marks of an entry of c->from. */
#define TAKEN 1 /* sent in this run, and the source's half of it is true */

/* --- S0: what the last clone left ----------------------------------------- */

static bool
has_digest(const struct buf *b)
{
	uint8_t got[WIRE_HASH];
	struct streamdigest *d = streamdigest_new();
	bool same = false;

	if (d != NULL && b->len > WIRE_HASH) {
		streamdigest_add(d, b->data, b->len - WIRE_HASH);
		streamdigest_end(d, got);
		same =
		    memcmp(b->data + b->len - WIRE_HASH, got, WIRE_HASH) == 0;
	}
	streamdigest_free(d);
	return same;
}

/* One that is no good is only not used. */
void
clone_index_read(struct clone *c)
{
	struct clone_index *x = &c->index;

	x->why = SKIP_DAMAGED;
	if (c->o->checksum || c->target.kind != TARGET_PGDATA)
		return;
	if (tree_read_file(c->target.tree, TARGET_INDEX, SKIP_MAX, &x->file) ==
	    -1) {
		x->found = errno != ENOENT;
		return;
	}
	x->found = true;
	if (!has_digest(&x->file))
		return;
	x->why =
	    skipindex_decode(x->file.data, x->file.len - WIRE_HASH, &x->old);
	/* Its digests are of use to --verify, and to the next index, only under
	 * their own seed. */
	if (x->why == SKIP_USABLE)
		c->seed = x->old.h.seed;
}

/* pg_control of the target, its stamp and its state.  -1: it cannot be read. */
static int
control_now(struct clone *c, struct skip_now *now)
{
	struct pgcontrol control;
	struct buf b = BUF_INIT;
	struct stat st;
	int rc = -1;

	if (tree_stat(c->target.tree, TARGET_CONTROL, &st) == 0 &&
	    tree_read_file(c->target.tree, TARGET_CONTROL, PGCONTROL_MAX, &b) ==
		0 &&
	    pgcontrol_parse(b.data, b.len, &control, NULL) == 0) {
		now->is.control = tree_stamp(&st);
		now->is.control_crc = pgcontrol_crc32c(b.data, b.len);
		now->control_state = control.state;
		rc = 0;
	}
	buf_free(&b);
	return rc;
}

/* What both sides are like in this run; not pg_control's part. */
static int
header_now(struct clone *c, struct skip_header *h, struct err *e)
{
	const struct wire_opened *o = &c->src.o;
	struct clone_index *x = &c->index;
	struct stat st;

	if (fstat(tree_fd(c->target.tree), &st) == -1)
		return err_set_errno(e, ERR_IO,
		    "could not read directory \"%s\"", c->target.path);
	clone_boot_id(x->boot, sizeof(x->boot));
	(void)snprintf(x->source_boot, sizeof(x->source_boot), "%.*s",
	    (int)MIN_OF(o->boot_id.len, sizeof(x->source_boot) - 1),
	    o->boot_id.s);
	*h = (struct skip_header){.system_identifier = o->system_identifier,
	    .seed = c->seed,
	    .block_size = c->block_size,
	    .verified = clone_verifies_pages(c),
	    .source_host = c->o->remote.host,
	    .source_pgdata = c->source_pgdata,
	    .source_boot = x->source_boot,
	    .source_dev = o->dev,
	    .source_ino = o->ino,
	    .target_boot = x->boot,
	    .target_dev = st.st_dev,
	    .target_ino = st.st_ino};
	return 0;
}

void
clone_index_listing(struct clone *c)
{
	struct stat st;

	c->index.listed = c->target.tree != NULL &&
			  tree_stat(c->target.tree, TARGET_CONTROL, &st) == 0;
	if (c->index.listed)
		c->index.control = tree_stamp(&st);
}

int
clone_index_judge(struct clone *c, struct err *e)
{
	struct clone_index *x = &c->index;
	struct skip_now now = {.keeps = false};

	if (!x->found)
		return 0;
	if (x->why == SKIP_USABLE) {
		if (header_now(c, &now.is, e) == -1)
			return -1;
		now.keeps = fskind_keeps(
		    &x->fskind, tree_fd(c->target.tree), now.is.target_dev);
		if (control_now(c, &now) == -1)
			now.control_state = UINT32_MAX; /* in no good one */
		x->why = skipindex_usable(&x->old.h, &now);
	}
	if (x->why == SKIP_USABLE)
		x->used = true;
	else
		clone_note(c,
		    "every file is compared, the skip index is not used: %s",
		    skipindex_why(x->why));
	return 0;
}

/* A server that was started and stopped since the target was listed may have
 * written to any file, and need not have moved its checkpoint; but it writes
 * pg_control. */
int
clone_index_recheck(struct clone *c, struct err *e)
{
	struct filestamp now;
	struct stat st;

	if (!c->index.listed)
		return 0;
	if (tree_stat(c->target.tree, TARGET_CONTROL, &st) == 0) {
		now = tree_stamp(&st);
		if (filestamp_same(&now, &c->index.control))
			return 0;
	}
	(void)err_set(e, ERR_TARGET_CHANGED,
	    "directory \"%s\" was changed by someone else", c->target.path);
	(void)err_detail(e, "\"%s\" is not what it was.", TARGET_CONTROL);
	if (e != NULL) /* we have not changed anything */
		e->status = STATUS_REFUSED;
	return -1;
}

bool
clone_index_same(void *arg, const struct entry *src, const struct entry *dst)
{
	const struct clone *c = arg;
	struct skip_record r;

	return c->index.used && skipindex_find(&c->index.old, src->path, &r) &&
	       skipindex_same(&r, src, dst);
}

/* --- S2: what this run finds out ------------------------------------------ */

static uint8_t *
digest_of(struct clone *c, const struct entry *src)
{
	return c->digests + (size_t)(src - c->from.v) * WIRE_HASH;
}

/* A standby's backup has no checkpoint of its own: without it a write that was
 * under way is not known to have ended (core/skipindex.h, 1). */
static bool
will_write(const struct clone *c)
{
	return c->o->sync && !c->facts.in_recovery;
}

int
clone_index_begin(struct clone *c, struct err *e)
{
	const struct action *a = c->plan.v + c->plan.n - c->plan.nskip;
	struct skip_record r;

	if (!c->o->verify && !will_write(c))
		return 0;
	if ((c->digests = calloc(c->from.n + 1, WIRE_HASH)) == NULL)
		return err_set_nomem(e);
	for (size_t i = 0; i < c->plan.nskip; i++)
		if (skipindex_find(&c->index.old, a[i].src->path, &r))
			memcpy(digest_of(c, a[i].src), r.digest, WIRE_HASH);
	return 0;
}

void
clone_index_took(
    struct clone *c, const struct entry *src, const struct fetch_result *f)
{
	const struct skip_read r = {.status = f->status,
	    .settled = f->settled,
	    .bad = f->bad,
	    .size = f->size,
	    .stamp = f->stamp};

	if (c->digests == NULL)
		return;
	memcpy(digest_of(c, src), f->digest, WIRE_HASH);
	if (skipindex_taken(src, &r))
		c->from.v[src - c->from.v].mark |= TAKEN;
}

void
clone_index_forget(struct clone *c, const struct entry *src)
{
	if (c->digests == NULL)
		return;
	memset(digest_of(c, src), 0, WIRE_HASH);
	c->from.v[src - c->from.v].mark &= (uint8_t)~TAKEN;
}

/* Of a transferred or skipped file; NULL: not known, or it was removed again.
 */
const uint8_t *
clone_index_digest(struct clone *c, const struct entry *src)
{
	static const uint8_t none[WIRE_HASH];
	const uint8_t *d = c->digests == NULL ? none : digest_of(c, src);

	return memcmp(d, none, sizeof(none)) == 0 ? NULL : d;
}

/* --- S4: the new one ------------------------------------------------------ */

struct writer {
	struct clone *c;
	int fd;
	struct buf b;
	struct streamdigest *digest;
	uint32_t n;
	int64_t latest; /* ctime of what is recorded */
	uint64_t dev;   /* asked last, */
	bool asked, keeps;
};

static int
failed(struct err *e)
{
	return err_set_errno(
	    e, ERR_TARGET_IO, "could not write file \"" INDEX_NEW "\"");
}

static int
write_out(struct writer *w, struct err *e)
{
	const char *p = w->b.data;
	size_t n = w->b.len;

	if (!buf_ok(&w->b))
		return err_set_nomem(e);
	while (n > 0) {
		ssize_t k = write(w->fd, p, n);

		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1)
			return failed(e);
		p += k;
		n -= (size_t)k;
	}
	buf_reset(&w->b);
	return 0;
}

static int
flush(struct writer *w, struct err *e)
{
	if (buf_ok(&w->b))
		streamdigest_add(w->digest, w->b.data, w->b.len);
	return write_out(w, e);
}

static int
put(struct writer *w, const struct skip_record *r, struct err *e)
{
	skipindex_add(&w->b, r);
	w->n++;
	w->latest = MAX_OF(w->latest, r->dst.ctime_ns);
	return w->b.len < FLUSH_BYTES ? 0 : flush(w, e);
}

static bool
keeps(struct writer *w, const char *path, uint64_t dev)
{
	int fd;

	if (w->asked && w->dev == dev)
		return w->keeps;
	fd = tree_openat(w->c->target.tree, path, O_RDONLY | O_NOFOLLOW, 0);
	w->keeps = fd != -1 && fskind_keeps(&w->c->index.fskind, fd, dev);
	if (fd != -1)
		(void)close(fd);
	w->dev = dev;
	w->asked = true;
	return w->keeps;
}

/* A file that was transferred. */
static int
put_taken(struct writer *w, const struct entry *src, struct err *e)
{
	struct skip_record r = {.path = src->path,
	    .src = manifest_stamp(src),
	    .digest = clone_index_digest(w->c, src)};
	struct stat st;

	if (r.digest == NULL ||
	    tree_stat(w->c->target.tree, src->path, &st) == -1 ||
	    !S_ISREG(st.st_mode))
		return 0;
	r.dst = tree_stamp(&st);
	if (!skipindex_ours(
		&r.dst, st.st_nlink, keeps(w, src->path, r.dst.dev), src->size))
		return 0;
	return put(w, &r, e);
}

/* Both are in the order of the listing. */
static int
put_records(struct writer *w, struct err *e)
{
	struct clone *c = w->c;
	const struct action *skip = c->plan.v + c->plan.n - c->plan.nskip;
	const struct action *end = c->plan.v + c->plan.n;
	struct skip_record r;

	for (size_t i = 0; i < c->from.n; i++) {
		const struct entry *src = &c->from.v[i];
		int rc = 0;

		if (skip < end && skip->src == src) {
			skip++;
			if (clone_index_digest(c, src) != NULL &&
			    skipindex_find(&c->index.old, src->path, &r))
				rc = put(w, &r, e);
		} else if (src->mark & TAKEN) {
			rc = put_taken(w, src, e);
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
put_header(struct writer *w, struct err *e)
{
	struct skip_now now = {.keeps = false};

	if (header_now(w->c, &now.is, e) == -1)
		return -1;
	if (control_now(w->c, &now) == -1)
		return err_set(
		    e, ERR_TARGET_IO, "could not read \"" TARGET_CONTROL "\"");
	w->latest = now.is.control.ctime_ns;
	skipindex_begin(&w->b, &now.is);
	return 0;
}

/*
 * From here on whoever writes to a file of the index gives it another ctime:
 * one of our own is already later than all that are in it.  Bounded: they lie
 * in the future when the clock was set back during the run.
 */
static int
wait_until_later(struct writer *w, struct err *e)
{
	int64_t deadline = deadline_in(LATER_MS);
	struct stat st;

	for (;;) {
		if (futimens(w->fd, NULL) == -1 || fstat(w->fd, &st) == -1)
			return failed(e);
		if (tree_ns(&st.st_ctim) > w->latest)
			return 0;
		if (deadline_passed(deadline))
			return err_set(e, ERR_TARGET_IO,
			    "the clock was set back during the run");
		clock_sleep_ms(1, deadline);
	}
}

static int
write_all(struct writer *w, struct err *e)
{
	uint8_t digest[WIRE_HASH];

	if (put_header(w, e) == -1 || put_records(w, e) == -1)
		return -1;
	skipindex_end(&w->b, w->n);
	if (flush(w, e) == -1)
		return -1;
	streamdigest_end(w->digest, digest);
	buf_add(&w->b, digest, sizeof(digest));
	if (write_out(w, e) == -1)
		return -1;
	if (fsync(w->fd) == -1)
		return failed(e);
	return wait_until_later(w, e);
}

static int
put_in_place(struct tree *t, struct err *e)
{
	hook_pause("index");
	if (tree_rename(t, INDEX_NEW, TARGET_INDEX) == 0 &&
	    tree_fsync_dir(t, "") == 0)
		return 0;
	return failed(e);
}

void
clone_index_write(struct clone *c)
{
	struct tree *t = c->target.tree;
	struct writer w = {.c = c, .b = BUF_INIT};
	struct err e = ERR_INIT;
	int rc = -1;

	if (!will_write(c))
		return;
	w.fd = tree_openat(
	    t, INDEX_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (w.fd == -1)
		(void)failed(&e);
	else if ((w.digest = streamdigest_new()) == NULL)
		(void)err_set_nomem(&e);
	else
		rc = write_all(&w, &e);
	if (w.fd != -1 && close(w.fd) == -1 && rc == 0)
		rc = failed(&e);
	if (rc == 0)
		rc = put_in_place(t, &e);
	if (rc == -1) {
		(void)tree_unlink(t, INDEX_NEW);
		(void)tree_unlink(t, TARGET_INDEX);
		(void)err_wrap(&e,
		    "no skip index is left, the next clone compares every "
		    "file");
		c->ui->warning(c->ui->arg, &e);
	}
	streamdigest_free(w.digest);
	buf_free(&w.b);
}

void
clone_index_free(struct clone_index *x)
{
	skipindex_free(&x->old);
	buf_free(&x->file);
}
