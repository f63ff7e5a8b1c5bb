#include "base/std.h"
#include "flow/fetch_int.h"

static uint64_t
blocks_of(const struct fetch *f, uint64_t bytes)
{
	return (bytes + f->o.block_size - 1) / f->o.block_size;
}

/* A copy of our own, so that writing in place does not reach the other names
 * of the file (faults B32). */
static int
unshare(struct fetch *f, struct task *t, struct err *e)
{
	char tmp[1200];
	int to;
	ssize_t n, w;

	(void)fetch_tmp_name(t, tmp, sizeof(tmp));
	to = tree_openat(f->o.tree, tmp,
	    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, t->job.mode);
	if (to == -1)
		return fetch_local_error(t, "create a copy of file", e);
	while ((n = read(
		    t->fd, f->block, (size_t)FETCH_SPAN * f->o.block_size)) > 0)
		if ((w = write(to, f->block, (size_t)n)) != n) {
			if (w >= 0)
				errno = ENOSPC;
			n = -1;
			break;
		}
	if (n == -1 || tree_rename(f->o.tree, tmp, t->job.path) == -1) {
		(void)fetch_local_error(t, "copy file", e);
		(void)close(to);
		return -1;
	}
	(void)close(t->fd);
	t->fd = to;
	return 0;
}

/* Its owner may not write it: it gets its mode now, not at its end.  One of
 * several names keeps it, and is copied. */
static int
open_read_only(struct fetch *f, const struct task *t)
{
	const char *path = t->job.path;
	int fd = tree_openat(f->o.tree, path, O_RDONLY | O_NOFOLLOW, 0);
	bool ours = false;
	struct stat st;

	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if (st.st_nlink > 1)
			return fd;
		ours = fchmod(fd, t->job.mode) == 0;
	}
	if (fd != -1)
		(void)close(fd);
	errno = EACCES;
	return ours ? tree_openat(f->o.tree, path, O_RDWR | O_NOFOLLOW, 0) : -1;
}

static int
pages_begin(struct fetch *f, struct task *t, struct err *e)
{
	uint64_t n = blocks_of(f, t->job.size);
	struct stat st;

	if (n >= UINT32_MAX)
		return err_set(
		    e, ERR_PROTOCOL, "file \"%s\" is too large", t->job.path);
	t->fd = tree_openat(f->o.tree, t->job.path, O_RDWR | O_NOFOLLOW, 0);
	if (t->fd == -1 && errno == EACCES)
		t->fd = open_read_only(f, t);
	if (t->fd == -1 || fstat(t->fd, &st) == -1)
		return fetch_local_error(t, "open file", e);
	if (!S_ISREG(st.st_mode)) {
		errno = ENOTDIR;
		return fetch_local_error(t, "open as a file", e);
	}
	if (st.st_nlink > 1 && unshare(f, t, e) == -1)
		return -1;
	t->local_size = MIN_OF((uint64_t)st.st_size, t->job.size);
	t->length = (uint64_t)st.st_size;
	t->mode = st.st_nlink > 1 ? 0 : st.st_mode & 07777;
	t->nblocks = (uint32_t)n;
	if ((t->hash = calloc(n + 1, WIRE_HASH)) == NULL)
		return err_set_nomem(e);
	(void)posix_fadvise(t->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

ssize_t
fetch_pages_read(
    struct task *t, uint8_t *to, size_t n, uint64_t at, struct err *e)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(t->fd, to + got, n - got, (off_t)(at + got));

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return fetch_local_error(t, "read file", e);
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

/* Read and hash our own blocks of the span; returns how many there are. */
static int
hash_span(struct fetch *f, struct task *t, uint32_t count, uint32_t *nhash,
    struct err *e)
{
	uint64_t at = (uint64_t)t->next_block * f->o.block_size;
	uint64_t want = at < t->local_size ? t->local_size - at : 0;
	ssize_t got;

	want = MIN_OF(want, (uint64_t)count * f->o.block_size);
	if ((got = fetch_pages_read(t, f->block, want, at, e)) == -1)
		return -1;
	*nhash = 0;
	for (size_t i = 0; i < (size_t)got; i += f->o.block_size) {
		pagehash(f->o.seed, f->block + i,
		    MIN_OF((size_t)got - i, (size_t)f->o.block_size),
		    t->hash + (size_t)(t->next_block + *nhash) * WIRE_HASH);
		++*nhash;
	}
	return 0;
}

static int
pages_send(struct fetch *f, struct task *t, struct err *e)
{
	struct wire_pages w = {.id = t->job.id};
	uint64_t before, bytes;

	if (t->hash == NULL) {
		if (pages_begin(f, t, e) == -1)
			return -1;
		w.flags |= WIRE_FIRST;
		w.limit = t->job.size;
		w.path = (struct wire_str){t->job.path, strlen(t->job.path)};
	}
	w.block = t->next_block;
	w.count = MIN_OF((uint32_t)FETCH_SPAN, t->nblocks - t->next_block);
	if (hash_span(f, t, w.count, &w.nhash, e) == -1)
		return -1;
	w.hash = t->hash + (size_t)w.block * WIRE_HASH;
	t->next_block += w.count;
	before = (uint64_t)w.block * f->o.block_size;
	bytes =
	    MIN_OF(t->job.size - before, (uint64_t)w.count * f->o.block_size);
	t->cost += bytes;
	f->window += bytes;
	if (t->next_block == t->nblocks) {
		w.flags |= WIRE_LAST;
		t->requested = true;
	}
	buf_reset(&f->frame);
	wire_encode_pages(&f->frame, &w);
	return chan_send_buf(f->o.agent, WIRE_PAGES, &f->frame, e);
}

static int
pages_data(
    struct fetch *f, struct task *t, const uint8_t *p, size_t n, struct err *e)
{
	uint32_t block, first;
	uint64_t at;

	if (n < 5)
		return err_set(e, ERR_PROTOCOL, "agent sent an empty run");
	block = first = wire_get_u32(p);
	p += 4;
	n -= 4;
	at = (uint64_t)block * f->o.block_size;
	if (block >= t->next_block || n > t->job.size - at ||
	    blocks_of(f, n) > t->next_block - block)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent blocks of \"%s\" that were not asked for",
		    t->job.path);
	for (size_t i = 0; i < n; i += f->o.block_size, block++)
		pagehash(f->o.seed, p + i,
		    MIN_OF(n - i, (size_t)f->o.block_size),
		    t->hash + (size_t)block * WIRE_HASH);
	t->received += n;
	return fetch_write_sparing(f, t, p, n, first, e);
}

static int
pages_finish(struct fetch *f, struct task *t, uint64_t size,
    uint8_t digest[WIRE_HASH], struct err *e)
{
	struct filedigest *d;

	if (size > t->job.size)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent more of \"%s\" than was asked for",
		    t->job.path);
	if ((d = filedigest_new()) == NULL)
		return err_set_nomem(e);
	filedigest_start(d, f->o.seed, f->o.block_size);
	for (uint64_t i = 0; i < blocks_of(f, size); i++)
		filedigest_add_hash(d, t->hash + i * WIRE_HASH);
	filedigest_end(d, size, digest);
	filedigest_free(d);
	return 0;
}

const struct fetch_method fetch_pages = {.send = pages_send,
    .data = pages_data,
    .finish = pages_finish,
    .frame = WIRE_RUN};
