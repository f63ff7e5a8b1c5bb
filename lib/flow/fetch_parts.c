#include "base/std.h"
#include "flow/fetch_int.h"

/*
 * Parts of pages.  A PEEK says of pages that differ what the sums of their
 * parts are; we answer which of them we want, and remember it: PATCH brings
 * exactly these, in the same order, and each page is put together with what the
 * file has of it.  Whether that is right the digest of the file says.
 */

_Static_assert(PAGESUMS == PARTS_SUMS, "io makes what core compares");

static int
begin(struct fetch *f, struct err *e)
{
	struct wanted *w = &f->wanted;

	w->size = (uint32_t)(PARTS_HELD / f->o.block_size);
	w->ring = calloc(w->size, sizeof(*w->ring));
	return w->ring == NULL ? err_set_nomem(e) : 0;
}

/* Our page, as it is now: 1; 0: there is no such page any more. */
static int
read_own(struct fetch *f, struct task *t, uint32_t block, uint8_t *page,
    struct err *e)
{
	size_t size = f->o.block_size;
	ssize_t got =
	    fetch_pages_read(t, page, size, (uint64_t)block * size, e);

	if (got == -1)
		return -1;
	memset(page + got, 0, size - (size_t)got);
	return (size_t)got == size;
}

/* What we want of a page: the map, and it is remembered. */
static int
want(struct fetch *f, struct task *t, uint32_t block, const uint8_t *theirs,
    struct err *e)
{
	struct wanted *w = &f->wanted;
	uint8_t own[PARTS_SUMS];
	uint32_t map = PARTS_ALL;
	int rc;

	if ((rc = read_own(f, t, block, f->block, e)) == -1)
		return -1;
	if (rc == 1) {
		pagesums(f->o.seed, f->block, f->o.block_size, own);
		map = parts_differ(own, theirs);
	}
	w->ring[(w->first + w->n++) % w->size] =
	    (struct wanted_page){.t = t, .block = block, .map = map};
	t->awaiting++;
	buf_add_u32(&f->frame, map);
	return 0;
}

/* Pages that the agent has our hashes of, each once, and not more than it may
 * hold. */
static int
check_peek(const struct fetch *f, const struct task *t,
    const struct parts_peek *p, struct err *e)
{
	uint32_t size = f->o.block_size;
	uint64_t ours;

	if (t == NULL || t->job.kind != ACT_PAGES || t->job.id != p->id ||
	    t->hash == NULL)
		return err_set(
		    e, ERR_PROTOCOL, "agent sent sums that were not asked for");
	ours = (t->local_size + size - 1) / size; /* the last may be short */
	ours = MIN_OF(ours, (uint64_t)t->next_block);
	if (parts_peek_block(p, 0) < t->peeked ||
	    parts_peek_block(p, p->n - 1) >= ours)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent sums of blocks of \"%s\" that were not asked "
		    "for",
		    t->job.path);
	if (p->n > f->wanted.size - f->wanted.n)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent sums of more than %zu MiB of pages",
		    PARTS_HELD >> 20);
	return 0;
}

int
fetch_parts_peek(struct fetch *f, const uint8_t *data, size_t n, struct err *e)
{
	struct task *t = f->head;
	struct parts_peek p;

	if (parts_decode_peek(data, n, &p, e) == -1 ||
	    (f->wanted.ring == NULL && begin(f, e) == -1) ||
	    check_peek(f, t, &p, e) == -1)
		return -1;
	buf_reset(&f->frame);
	buf_add_u32(&f->frame, p.id);
	for (uint32_t i = 0; i < p.n; i++)
		if (want(f, t, parts_peek_block(&p, i), parts_peek_sums(&p, i),
			e) == -1)
			return -1;
	t->peeked = parts_peek_block(&p, p.n - 1) + 1;
	return chan_send_buf(f->o.agent, WIRE_WANT, &f->frame, e);
}

/* --- PATCH --------------------------------------------------------------- */

/* Pages put together in f->block, not written yet. */
struct run {
	struct task *t;
	uint32_t block, n;
};

static int
write_run(struct fetch *f, struct run *r, struct err *e)
{
	int rc = 0;

	if (r->n > 0)
		rc = fetch_write_sparing(f, r->t, f->block,
		    (size_t)r->n * f->o.block_size, r->block, e);
	r->n = 0;
	return rc;
}

static int
add_page(
    struct fetch *f, struct run *r, const struct parts_patch *p, struct err *e)
{
	size_t size = f->o.block_size;
	struct task *t = r->t;
	uint8_t *page;

	if ((r->n == FETCH_SPAN || p->block != r->block + r->n) &&
	    write_run(f, r, e) == -1)
		return -1;
	if (r->n == 0)
		r->block = p->block;
	page = f->block + r->n++ * size;
	if (p->map != PARTS_ALL && read_own(f, t, p->block, page, e) == -1)
		return -1;
	parts_fill(page, f->o.block_size, p);
	pagehash(f->o.seed, page, size, t->hash + (size_t)p->block * WIRE_HASH);
	t->received += size;
	f->bytes += p->len;
	return 0;
}

/* Is it what was wanted next?  Then it no longer is. */
static bool
due(struct wanted *w, uint32_t id, const struct parts_patch *p)
{
	const struct wanted_page *next;

	if (w->n == 0)
		return false;
	next = &w->ring[w->first];
	if (next->t->job.id != id || next->block != p->block ||
	    next->map != p->map)
		return false;
	next->t->awaiting--;
	w->first = (w->first + 1) % w->size;
	w->n--;
	return true;
}

int
fetch_parts_patch(struct fetch *f, const uint8_t *data, size_t n, struct err *e)
{
	struct wanted *w = &f->wanted;
	struct run r = {.n = 0};
	struct parts_patch p;
	struct wire_str rest;
	uint32_t id;

	if (parts_decode_patch(data, n, &id, &rest, e) == -1)
		return -1;
	while (rest.len > 0) {
		if (parts_next_patch(&rest, f->o.block_size, &p, e) == -1)
			return -1;
		if (w->n > 0)
			r.t = w->ring[w->first].t;
		if (!due(w, id, &p))
			return err_set(e, ERR_PROTOCOL,
			    "agent sent parts of pages that were not asked "
			    "for");
		if (add_page(f, &r, &p, e) == -1)
			return -1;
	}
	if (write_run(f, &r, e) == -1)
		return -1;
	if (!r.t->ended || r.t->awaiting > 0)
		return 0;
	return fetch_end_complete(f, r.t, &r.t->end, e);
}
