#include "base/std.h"
#include "base/clock.h"
#include "io/bulk.h"

#define ALIGN 4096
#define WINDOW ((uint64_t)64 << 20)  /* of direct writes, then a judgement */
#define CACHED ((uint64_t)512 << 20) /* through the cache, then a new try */

struct bulk {
	int fd;        /* -1: no file */
	bool direct;   /* O_DIRECT is set */
	bool large;    /* this file may be written so */
	bool cannot;   /* the file system will not */
	uint64_t at;   /* where buf goes */
	uint64_t room; /* size that the file may have got beforehand */
	size_t len;
	uint8_t *buf;
	/* How it goes */
	int64_t since, blocked; /* us */
	uint64_t written;       /* in this window */
	uint64_t cached;        /* bytes to be written through the cache */
};

struct bulk *
bulk_new(void)
{
	struct bulk *b = calloc(1, sizeof(*b));
	void *buf;

	if (b == NULL)
		return NULL;
	if (posix_memalign(&buf, ALIGN, BULK_CHUNK) != 0) {
		free(b);
		return NULL;
	}
	b->buf = buf;
	b->fd = -1;
	return b;
}

void
bulk_free(struct bulk *b)
{
	if (b == NULL)
		return;
	free(b->buf);
	free(b);
}

/* With its final size: a write behind the end would have to move that every
 * time, alone with the inode. */
static int
make_room(struct bulk *b, uint64_t size)
{
	b->room = 0;
	if (!b->large)
		return 0;
	/* Also of an attempt that fails something may stay. */
	b->room = size;
	if (fallocate(b->fd, 0, 0, (off_t)size) == -1)
		return errno == ENOSPC || errno == EDQUOT ? -1 : 0;
	return 0;
}

int
bulk_begin(struct bulk *b, int fd, uint64_t size)
{
	b->fd = fd;
	b->at = 0;
	b->len = 0;
	b->direct = false;
	b->large = size >= BULK_CHUNK;
	return make_room(b, size);
}

bool
bulk_is_slow(int64_t blocked, int64_t us, uint64_t bytes)
{
	return blocked > us / 4 * 3 &&
	       bytes < (uint64_t)us * (BULK_FAST / 1000000);
}

static void
set_direct(struct bulk *b, bool on)
{
	int flags;

	if (b->direct == on)
		return;
	flags = fcntl(b->fd, F_GETFL);
	flags = on ? flags | O_DIRECT : flags & ~O_DIRECT;
	if (fcntl(b->fd, F_SETFL, flags) == 0)
		b->direct = on;
	else
		b->cannot = true;
}

static int
write_all(struct bulk *b)
{
	const uint8_t *p = b->buf;

	while (b->len > 0) {
		ssize_t w = pwrite(b->fd, p, b->len, (off_t)b->at);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1 && errno == EINVAL && b->direct) {
			b->cannot = true;
			set_direct(b, false);
			if (!b->direct)
				continue;
		}
		if (w == -1)
			return -1;
		p += w;
		b->at += (uint64_t)w;
		b->len -= (size_t)w;
		/* A short write may leave us where O_DIRECT cannot go on. */
		if (b->len > 0)
			set_direct(b, false);
	}
	return 0;
}

static void
judge(struct bulk *b, int64_t now)
{
	if (b->written < WINDOW)
		return;
	if (bulk_is_slow(b->blocked, now - b->since, b->written))
		b->cached = CACHED;
	b->written = 0;
}

static int
write_direct(struct bulk *b)
{
	int64_t before = clock_us(), now;
	size_t n = b->len;

	if (b->written == 0) {
		b->since = before;
		b->blocked = 0;
	}
	if (write_all(b) == -1)
		return -1;
	now = clock_us();
	b->blocked += now - before;
	b->written += n;
	judge(b, now);
	return 0;
}

/* A whole chunk. */
static int
flush_chunk(struct bulk *b)
{
	set_direct(b, b->large && !b->cannot && b->cached == 0);
	if (b->direct)
		return write_direct(b);
	b->cached -= MIN_OF(b->cached, (uint64_t)b->len);
	return write_all(b);
}

int
bulk_add(struct bulk *b, const void *p, size_t n)
{
	const uint8_t *from = p;

	while (n > 0) {
		size_t part = MIN_OF(n, BULK_CHUNK - b->len);

		memcpy(b->buf + b->len, from, part);
		b->len += part;
		from += part;
		n -= part;
		if (b->len == BULK_CHUNK && flush_chunk(b) == -1)
			return -1;
	}
	return 0;
}

int
bulk_end(struct bulk *b)
{
	if (b->fd == -1)
		return 0;
	set_direct(b, false);
	if (write_all(b) == -1)
		return -1;
	if (b->room > b->at && ftruncate(b->fd, (off_t)b->at) == -1)
		return -1;
	b->fd = -1;
	return 0;
}

void
bulk_drop(struct bulk *b)
{
	b->fd = -1;
	b->len = 0;
}
