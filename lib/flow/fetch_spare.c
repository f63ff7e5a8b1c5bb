#include "base/std.h"
#include "core/pagesum.h"
#include "core/path.h"
#include "flow/fetch_int.h"

#define PAGE_MAX 32768

void
fetch_spare(struct fetch *f, uint64_t start_lsn, uint32_t relseg_size)
{
	f->spare_start = start_lsn;
	f->spare_relseg = f->o.block_size <= PAGE_MAX ? relseg_size : 0;
}

static bool
sparing(const struct fetch *f, const struct task *t, struct relpath *r)
{
	return f->spare_relseg != 0 && path_relation(t->job.path, r);
}

/* Does the file have this page, with a right checksum?  One that cannot be
 * read is not worth keeping. */
static bool
has_right(const struct fetch *f, int fd, uint64_t at, uint32_t block)
{
	uint8_t own[PAGE_MAX];
	uint32_t size = f->o.block_size;

	return pread(fd, own, size, (off_t)at) == (ssize_t)size &&
	       pagesum_check(own, size, block, UINT64_MAX) == PAGESUM_OK;
}

/* block: its number in this segment. */
static bool
spares(const struct fetch *f, int fd, const uint8_t *page, uint32_t block,
    const struct relpath *r)
{
	uint32_t size = f->o.block_size;
	uint32_t number = block + r->segment * f->spare_relseg;

	return pagesum_check(page, size, number, f->spare_start) ==
		   PAGESUM_BAD &&
	       has_right(f, fd, (uint64_t)block * size, number);
}

int
fetch_write_sparing(struct fetch *f, struct task *t, const uint8_t *p, size_t n,
    uint32_t block, struct err *e)
{
	size_t size = f->o.block_size, from = 0, at = 0;
	uint64_t offset = (uint64_t)block * size;
	struct relpath r;

	if (!sparing(f, t, &r))
		return fetch_write(t, p, n, offset, e);
	for (; at + size <= n; at += size, block++) {
		if (!spares(f, t->fd, p + at, block, &r))
			continue;
		t->spared++;
		if (fetch_write(t, p + from, at - from, offset + from, e) == -1)
			return -1;
		from = at + size;
	}
	return fetch_write(t, p + from, n - from, offset + from, e);
}

static int
count_spared(
    struct fetch *f, struct task *t, const struct relpath *r, struct err *e)
{
	size_t size = f->o.block_size;
	uint32_t block = 0;
	ssize_t n;
	int fd;

	fd = tree_openat(f->o.tree, t->job.path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd == -1)
		return errno == ENOENT ? 0
				       : fetch_local_error(t, "open file", e);
	while ((n = pread(t->fd, f->block, size,
		    (off_t)((uint64_t)block * size))) == (ssize_t)size) {
		t->spared += spares(f, fd, f->block, block, r);
		block++;
	}
	if (n == -1)
		(void)fetch_local_error(t, "read what was fetched of", e);
	(void)close(fd);
	return n == -1 ? -1 : t->spared > 0;
}

int
fetch_spare_file(struct fetch *f, struct task *t, struct err *e)
{
	struct relpath r;

	if (!sparing(f, t, &r) || !(t->job.flags & ACT_ASIDE))
		return 0;
	return count_spared(f, t, &r, e);
}
