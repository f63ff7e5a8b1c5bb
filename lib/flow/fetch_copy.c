#include "base/std.h"
#include "flow/fetch_int.h"

/* Requests of whole files are batched in fetch.c. */
static int
copy_send(struct fetch *f, struct task *t, struct err *e)
{
	(void)f;
	(void)t;
	return err_set(e, ERR_INTERNAL, "fetch: whole files go in batches");
}

static int
read_begin(struct fetch *f, struct task *t, struct err *e)
{
	if (t->digest != NULL)
		return 0;
	if ((t->digest = filedigest_new()) == NULL)
		return err_set_nomem(e);
	filedigest_start(t->digest, f->o.seed, f->o.block_size);
	return 0;
}

static int
copy_begin(struct fetch *f, struct task *t, struct err *e)
{
	if (t->fd != -1)
		return 0;
	if (read_begin(f, t, e) == -1 || fetch_open_new(f, t, e) == -1)
		return -1;
	if (bulk_begin(f->bulk, t->fd, t->job.size) == -1)
		return fetch_local_error(t, "make room for file", e);
	return 0;
}

/* Files without the limit are sent to their end, which may have moved since the
 * manifest; within reason, or a peer could fill the disk. */
static uint64_t
most(const struct task *t)
{
	if (t->job.flags & ACT_LIMIT)
		return t->job.size;
	return t->job.size * 4 + (UINT64_C(1) << 30);
}

static int
copy_data(
    struct fetch *f, struct task *t, const uint8_t *p, size_t n, struct err *e)
{
	if (n > most(t) - t->received)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent more of \"%s\" than was asked for",
		    t->job.path);
	if (copy_begin(f, t, e) == -1)
		return -1;
	if (bulk_add(f->bulk, p, n) == -1)
		return fetch_local_error(t, "write file", e);
	filedigest_add(t->digest, p, n);
	t->received += n;
	t->handled = MIN_OF(t->received, t->job.size);
	return 0;
}

static int
copy_finish(struct fetch *f, struct task *t, uint64_t size,
    uint8_t digest[WIRE_HASH], struct err *e)
{
	if (copy_begin(f, t, e) == -1)
		return -1;
	if (t->received != size)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent %" PRIu64 " bytes of \"%s\" and says %" PRIu64,
		    t->received, t->job.path, size);
	if (bulk_end(f->bulk) == -1)
		return fetch_local_error(t, "write file", e);
	t->length = size;
	filedigest_end(t->digest, size, digest);
	return 0;
}

/* The same, but the content goes to the caller. */
static int
read_data(
    struct fetch *f, struct task *t, const uint8_t *p, size_t n, struct err *e)
{
	if (read_begin(f, t, e) == -1)
		return -1;
	filedigest_add(t->digest, p, n);
	t->received += n;
	return f->o.sink(f->o.arg, t->job.id, p, n, e);
}

static int
read_finish(struct fetch *f, struct task *t, uint64_t size,
    uint8_t digest[WIRE_HASH], struct err *e)
{
	if (read_begin(f, t, e) == -1)
		return -1;
	filedigest_end(t->digest, size, digest);
	return 0;
}

const struct fetch_method fetch_read = {.send = copy_send,
    .data = read_data,
    .finish = read_finish,
    .frame = WIRE_DATA};

const struct fetch_method fetch_copy = {.send = copy_send,
    .data = copy_data,
    .finish = copy_finish,
    .frame = WIRE_DATA};
