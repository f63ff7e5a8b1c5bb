#include "base/std.h"
#include "flow/fetch_int.h"

#define SIG_FRAME (64u * 1024u)
/* What a byte of a signature counts against the window of 256 MiB: an agent
 * that is held up keeps 8 MiB of requests. */
#define SIG_COST 64

/* The file may have grown since the manifest, within reason. */
static uint64_t
max_new(const struct task *t)
{
	return t->job.size * 2 + (UINT64_C(16) << 20);
}

static int
delta_begin(struct fetch *f, struct task *t, struct err *e)
{
	struct stat st;

	t->basis_fd =
	    tree_openat(f->o.tree, t->job.path, O_RDONLY | O_NOFOLLOW, 0);
	if (t->basis_fd == -1 || fstat(t->basis_fd, &st) == -1)
		return fetch_local_error(t, "open file", e);
	if (!S_ISREG(st.st_mode)) {
		errno = ENOTDIR;
		return fetch_local_error(t, "open as a file", e);
	}
	t->local_size = (uint64_t)st.st_size;
	t->sig = rssig_new(t->basis_fd, t->local_size, e);
	t->patch = rspatch_new(t->basis_fd, max_new(t), max_new(t), e);
	t->digest = filedigest_new();
	if (t->sig == NULL || t->patch == NULL)
		return -1;
	if (t->digest == NULL)
		return err_set_nomem(e);
	filedigest_start(t->digest, f->o.seed, f->o.block_size);
	return fetch_open_new(f, t, e);
}

static int
delta_send(struct fetch *f, struct task *t, struct err *e)
{
	struct wire_sig w = {.id = t->job.id};
	int rc = 0;

	if (t->sig == NULL) {
		if (delta_begin(f, t, e) == -1)
			return -1;
		w.flags |= WIRE_FIRST;
		w.limit = t->job.flags & ACT_LIMIT ? t->job.size : 0;
		w.basis = t->local_size;
		w.path = (struct wire_str){t->job.path, strlen(t->job.path)};
	}
	buf_reset(&f->out);
	while (f->out.len < SIG_FRAME &&
	       (rc = rssig_step(t->sig, &f->out, e)) == 0)
		;
	if (rc == -1)
		return -1;
	if (rc == 1) {
		w.flags |= WIRE_LAST;
		t->requested = true;
	}
	w.data = (const uint8_t *)f->out.data;
	w.len = f->out.len;
	t->cost += w.len * SIG_COST;
	f->window += w.len * SIG_COST;
	buf_reset(&f->frame);
	wire_encode_sig(&f->frame, &w);
	return chan_send_buf(f->o.agent, WIRE_SIG, &f->frame, e);
}

/* A delta that makes no sense spoils the file, not the run: it is fetched whole
 * (faults B17).  A basis that cannot be read ends it. */
static int
patch_failed(struct task *t, const struct err *cause, struct err *e)
{
	if (cause->code == ERR_PROTOCOL) {
		t->spoiled = true;
		return 0;
	}
	if (e != NULL && !err_is_set(e))
		*e = *cause;
	return err_wrap(e, "file \"%s\"", t->job.path);
}

static int
patch(struct fetch *f, struct task *t, const uint8_t *p, size_t n, bool last,
    struct err *e)
{
	struct err cause = ERR_INIT;
	int rc;

	if (t->spoiled)
		return 0;
	/* A few bytes of delta may copy the whole basis: it comes in parts. */
	do {
		buf_reset(&f->out);
		rc = rspatch_step(t->patch, p, n, last, &f->out, &cause);
		if (rc == -1)
			return patch_failed(t, &cause, e);
		filedigest_add(t->digest, f->out.data, f->out.len);
		if (fetch_write(t, f->out.data, f->out.len, t->length, e) == -1)
			return -1;
		p = NULL;
		n = 0;
	} while (rc == 1);
	return 0;
}

static int
delta_data(
    struct fetch *f, struct task *t, const uint8_t *p, size_t n, struct err *e)
{
	t->received += n;
	return patch(f, t, p, n, false, e);
}

static int
delta_finish(struct fetch *f, struct task *t, uint64_t size,
    uint8_t digest[WIRE_HASH], struct err *e)
{
	if (patch(f, t, NULL, 0, true, e) == -1)
		return -1;
	if (t->spoiled || t->length != size)
		return 1;
	filedigest_end(t->digest, size, digest);
	return 0;
}

const struct fetch_method fetch_delta = {.send = delta_send,
    .data = delta_data,
    .finish = delta_finish,
    .frame = WIRE_DELTA};
