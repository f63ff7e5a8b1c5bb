#include "base/std.h"
#include "flow/agent_int.h"

/* A run of blocks that differ, within what was read at once. */
struct run {
	uint32_t block;      /* number of its first block */
	const uint8_t *data; /* NULL: none */
	size_t n;
};

static int
send_run(struct agent *a, struct run *r, struct err *e)
{
	uint8_t head[8];
	int rc;

	if (r->data == NULL)
		return 0;
	wire_put_u32(head, a->pages.id);
	wire_put_u32(head + 4, r->block);
	a->bytes_sent += r->n;
	rc = agent_io_data(a, WIRE_RUN, head, sizeof(head), r->data, r->n, e);
	*r = (struct run){.data = NULL};
	return rc;
}

/* Compare n bytes at a->data, which begin with the given block, with what the
 * client has: nhash hashes from hash on. */
static int
compare(struct agent *a, uint32_t block, size_t n, const uint8_t *hash,
    size_t nhash, struct err *e)
{
	uint8_t own[PAGEHASH];
	struct run r = {.data = NULL};
	size_t len, i = 0;
	int rc;

	for (size_t at = 0; at < n; at += len, i++) {
		len = MIN_OF((size_t)a->block_size, n - at);
		pagehash(a->seed, a->data + at, len, own);
		filedigest_add_hash(a->pages.digest, own);
		rc = 0; /* 1: not in a run */
		if (i < nhash &&
		    memcmp(own, hash + i * PAGEHASH, PAGEHASH) == 0)
			rc = 1;
		else if (i < nhash && len == a->block_size)
			rc = agent_hold_page(
			    a, block + (uint32_t)i, a->data + at, e);
		if (rc == -1 || ((rc == 1 || r.n + len > a->chunk) &&
				    send_run(a, &r, e) == -1))
			return -1;
		if (rc == 1)
			continue;
		if (r.data == NULL)
			r = (struct run){
			    .block = block + (uint32_t)i, .data = a->data + at};
		r.n += len;
	}
	return send_run(a, &r, e);
}

/*
 * One span.  The hash is made of the bytes that were read to be sent (faults
 * B14), in portions that stay in the cache of the processor.  Once the end of
 * the file was seen it stays the end: bytes that are appended while we read
 * belong to WAL, and there must be no hole in what the digest covers.
 */
static int
serve_span(struct agent *a, const struct wire_pages *p, struct err *e)
{
	uint64_t bs = a->block_size, off = p->block * bs;
	uint64_t end = MIN_OF(off + p->count * bs, a->pages.limit);
	uint32_t block = p->block, done;
	size_t want;
	ssize_t n;

	while (off < end && !a->pages_eof) {
		want = (size_t)MIN_OF(end - off, (uint64_t)AGENT_READ);
		if ((n = agent_files_read(a, &a->pages, want, off, e)) == -1)
			return -1;
		a->pages_eof = (size_t)n < want;
		done = block - p->block;
		if (compare(a, block, (size_t)n,
			p->hash + (size_t)MIN_OF(done, p->nhash) * PAGEHASH,
			done < p->nhash ? p->nhash - done : 0, e) == -1)
			return -1;
		a->pages.size += (uint64_t)n;
		off += (uint64_t)n;
		block += AGENT_READ / a->block_size;
		if (agent_io_tick(a, e) == -1 || agent_hold_serve(a, e) == -1)
			return -1;
	}
	return agent_hold_peek(a, e);
}

static int
first(struct agent *a, const struct wire_pages *p, struct err *e)
{
	struct agent_file *f = &a->pages;

	if (f->active)
		return err_set(e, ERR_PROTOCOL,
		    "PAGES of file %u begin before those of file %u have ended",
		    p->id, f->id);
	if ((f->path = agent_files_path(&p->path, e)) == NULL)
		return -1;
	f->active = true;
	f->id = p->id;
	f->limit = p->limit;
	a->pages_next = 0;
	a->pages_eof = false;
	return agent_files_open(a, f, e);
}

static int
check(const struct agent *a, const struct wire_pages *p, struct err *e)
{
	if ((p->flags & ~(WIRE_FIRST | WIRE_LAST)) != 0 || p->id == WIRE_NO_ID)
		return err_set(
		    e, ERR_PROTOCOL, "PAGES has an unknown flag or no id");
	if (p->count > WIRE_PAGES_MAX || p->nhash > p->count ||
	    (p->count == 0 && !(p->flags & WIRE_LAST)))
		return err_set(e, ERR_PROTOCOL,
		    "PAGES of file %u: a span of %u blocks with %u hashes",
		    p->id, p->count, p->nhash);
	if (!(p->flags & WIRE_FIRST) &&
	    (!a->pages.active || a->pages.id != p->id))
		return err_set(e, ERR_PROTOCOL,
		    "PAGES of file %u, which has not begun", p->id);
	if (!(p->flags & WIRE_FIRST) && p->path.len != 0)
		return err_set(
		    e, ERR_PROTOCOL, "PAGES of file %u name it twice", p->id);
	return 0;
}

/* So that the client knows how much is still under way. */
static int
send_span(struct agent *a, struct err *e)
{
	uint8_t payload[8];

	wire_put_u32(payload, a->pages.id);
	wire_put_u32(payload + 4, a->pages_next);
	return chan_send(a->c, WIRE_SPAN, payload, sizeof(payload), NULL, 0, e);
}

int
agent_pages(struct agent *a, struct err *e)
{
	struct wire_pages p;

	if (wire_decode_pages(a->req.data, a->req.len, &p, e) == -1 ||
	    check(a, &p, e) == -1)
		return -1;
	a->id = p.id;
	if ((p.flags & WIRE_FIRST) && first(a, &p, e) == -1)
		return -1;
	if (p.block != a->pages_next || p.block > UINT32_MAX - p.count)
		return err_set(e, ERR_PROTOCOL,
		    "PAGES of file %u: block %u comes after block %u", p.id,
		    p.block, a->pages_next);
	a->pages_next = p.block + p.count;
	if (a->pages.fd != -1 && serve_span(a, &p, e) == -1)
		return -1;
	if (p.flags & WIRE_LAST)
		return agent_files_end(a, &a->pages, e);
	a->id = WIRE_NO_ID;
	return send_span(a, e);
}
