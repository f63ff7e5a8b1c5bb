#include "base/std.h"
#include "flow/agent_int.h"

/*
 * Pages that differ are held, as they were read, until the client has said
 * which of their parts it wants.  Nothing waits for that: while there is no
 * room, pages go whole.  WANT is taken whenever it comes, PATCH goes when
 * nothing else is being sent.
 */

struct held {
	uint32_t id, block;
	uint32_t map; /* of the answered */
	bool last;    /* of its PEEK, which has been sent */
};

static struct held *
slot(const struct agent_hold *h, uint32_t i)
{
	return &h->slot[(h->first + i) % h->size];
}

static uint8_t *
page_of(const struct agent *a, const struct held *s)
{
	return a->hold.page + (size_t)(s - a->hold.slot) * a->block_size;
}

static int
begin(struct agent *a, struct err *e)
{
	struct agent_hold *h = &a->hold;

	h->size = (uint32_t)(PARTS_HELD / a->block_size);
	h->page = malloc(PARTS_HELD);
	h->slot = calloc(h->size, sizeof(*h->slot));
	return h->page == NULL || h->slot == NULL ? err_set_nomem(e) : 0;
}

int
agent_hold_page(
    struct agent *a, uint32_t block, const uint8_t *page, struct err *e)
{
	struct agent_hold *h = &a->hold;
	uint8_t sums[PARTS_SUMS];
	struct held *s;

	if (h->slot == NULL && begin(a, e) == -1)
		return -1;
	if (h->n == h->size)
		return 0;
	s = slot(h, h->n++);
	*s = (struct held){.id = a->pages.id, .block = block};
	memcpy(page_of(a, s), page, a->block_size);
	pagesums(a->seed, page, a->block_size, sums);
	if (h->peek.len == 0)
		buf_add_u32(&h->peek, a->pages.id);
	parts_encode_peek(&h->peek, block, sums);
	return buf_ok(&h->peek) ? 1 : err_set_nomem(e);
}

int
agent_hold_peek(struct agent *a, struct err *e)
{
	struct agent_hold *h = &a->hold;
	int rc;

	if (h->peek.len == 0)
		return 0;
	slot(h, h->n - 1)->last = true;
	rc = chan_send_buf(a->c, WIRE_PEEK, &h->peek, e);
	buf_reset(&h->peek);
	return rc;
}

/* Pages of the oldest PEEK that is not answered; 0: none. */
static uint32_t
asked(const struct agent_hold *h)
{
	for (uint32_t i = h->answered; i < h->n; i++)
		if (slot(h, i)->last)
			return i + 1 - h->answered;
	return 0;
}

int
agent_hold_want(struct agent *a, const void *data, size_t n, struct err *e)
{
	struct agent_hold *h = &a->hold;
	struct parts_want w;

	if (parts_decode_want(data, n, &w, e) == -1)
		return -1;
	if (w.n != asked(h) || slot(h, h->answered)->id != w.id)
		return err_set(e, ERR_PROTOCOL,
		    "WANT of %u pages of file %u does not answer the oldest "
		    "PEEK",
		    w.n, w.id);
	for (uint32_t i = 0; i < w.n; i++)
		slot(h, h->answered++)->map = parts_want_map(&w, i);
	return 0;
}

static bool
fits(const struct agent *a, const struct held *s, uint32_t id)
{
	return s->id == id &&
	       a->hold.patch.len + 8 + parts_size(s->map, a->block_size) <=
		   a->chunk;
}

/* As many of the answered pages of one file as go into a frame. */
static int
send_patch(struct agent *a, struct err *e)
{
	struct agent_hold *h = &a->hold;
	struct held *s = slot(h, 0);
	uint32_t id = s->id;

	buf_reset(&h->patch);
	buf_add_u32(&h->patch, id);
	do {
		parts_encode_patch(
		    &h->patch, s->block, s->map, page_of(a, s), a->block_size);
		a->bytes_sent += parts_size(s->map, a->block_size);
		h->first = (h->first + 1) % h->size;
		h->n--;
		h->answered--;
		s = slot(h, 0);
	} while (h->answered > 0 && fits(a, s, id));
	if (!buf_ok(&h->patch))
		return err_set_nomem(e);
	return agent_io_data(
	    a, WIRE_PATCH, NULL, 0, h->patch.data, h->patch.len, e);
}

int
agent_hold_serve(struct agent *a, struct err *e)
{
	while (a->hold.answered > 0)
		if (send_patch(a, e) == -1)
			return -1;
	return 0;
}

void
agent_hold_free(struct agent *a)
{
	free(a->hold.page);
	free(a->hold.slot);
	buf_free(&a->hold.peek);
	buf_free(&a->hold.patch);
	a->hold = (struct agent_hold){.n = 0};
}
