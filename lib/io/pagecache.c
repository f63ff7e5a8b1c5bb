#include "base/std.h"
#include "io/pagecache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* Same number on all of these; glibc knows it since 2.39, Debian 12 does not.
 */
#if !defined SYS_cachestat &&                                                  \
    ((defined __x86_64__ && defined __LP64__) || defined __i386__ ||           \
	defined __aarch64__ || defined __arm__ || defined __powerpc__ ||       \
	defined __s390x__ || defined __riscv)
#define SYS_cachestat 451
#endif

/* Of one advice to read ahead: a device takes as much at once, and what is
 * above its limit would be forgotten. */
#define PIECE (256u * 1024u)

/* --- what is there -------------------------------------------------------- */

/* Pages in memory, -1: the kernel does not tell. */
static int64_t
count(const struct pagecache *p, uint64_t off, size_t n)
{
#ifdef SYS_cachestat
	const struct {
		uint64_t off, len;
	} range = {off, n};
	struct {
		uint64_t cache, dirty, writeback, evicted, recently_evicted;
	} is;

	return syscall(SYS_cachestat, p->fd, &range, &is, 0) == 0
		   ? (int64_t)is.cache
		   : -1;
#else
	(void)p, (void)off, (void)n;
	errno = ENOSYS;
	return -1;
#endif
}

/* The mapping is never touched, so nobody minds a file that is cut off. */
static int
look(const struct pagecache *p, uint64_t off, size_t n, uint8_t *was)
{
	void *map = mmap(NULL, n, PROT_NONE, MAP_SHARED, p->fd, (off_t)off);
	int rc;

	if (map == MAP_FAILED)
		return -1;
	rc = mincore(map, n, was);
	(void)munmap(map, n);
	return rc;
}

/* --- windows -------------------------------------------------------------- */

size_t
pagecache_missing(const uint8_t *was, size_t n, size_t max, size_t *at)
{
	size_t i = *at, end;

	while (i < n && (was[i] & 1) != 0)
		i++;
	for (end = i; end < n && end - i < max && (was[end] & 1) == 0; end++)
		;
	*at = i;
	return end - i;
}

static size_t
bytes_of(const struct pagecache *p, uint64_t window)
{
	return (size_t)MIN_OF(
	    p->size - window * PAGECACHE_WINDOW, (uint64_t)PAGECACHE_WINDOW);
}

static size_t
pages_of(const struct pagecache *p, uint64_t window)
{
	return (bytes_of(p, window) + p->page - 1) / p->page;
}

static uint8_t *
was_of(struct pagecache *p, uint64_t window)
{
	return p->was[window % PAGECACHE_WINDOWS];
}

/* Of what was not there, in pieces of at most max bytes. */
static void
advise(struct pagecache *p, uint64_t window, int advice, size_t max)
{
	const uint8_t *was = was_of(p, window);
	uint64_t from = window * PAGECACHE_WINDOW;
	size_t pages = pages_of(p, window), at = 0, n;

	while ((n = pagecache_missing(was, pages, max / p->page, &at)) > 0) {
		(void)posix_fadvise(p->fd, (off_t)(from + at * p->page),
		    (off_t)(n * p->page), advice);
		at += n;
	}
}

static void
give_up(struct pagecache *p)
{
	p->how = PAGECACHE_OFF;
	if (p->size > PIECE)
		(void)posix_fadvise(p->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

/* What cachestat does not find may be there all the same, see the header. */
static void
ask(struct pagecache *p, uint64_t window)
{
	uint64_t from = window * PAGECACHE_WINDOW;
	size_t n = bytes_of(p, window), pages = pages_of(p, window);
	uint8_t *was = was_of(p, window);
	int64_t there = -1;

	if (p->how == PAGECACHE_CACHESTAT &&
	    (there = count(p, from, n)) == -1) {
		p->how = PAGECACHE_MINCORE;
		/* Old filters of containers do not know the call either. */
		p->mincore = errno == ENOSYS || errno == EPERM;
	}
	if (there >= (int64_t)pages)
		memset(was, 1, pages);
	else if (look(p, from, n, was) == -1)
		give_up(p);
}

/* One read gets all of a small file, or begins to. */
static void
fetch(struct pagecache *p, uint64_t window)
{
	if (p->size > PIECE)
		advise(p, window, POSIX_FADV_WILLNEED, PIECE);
}

static void
drop(struct pagecache *p, uint64_t window)
{
	advise(p, window, POSIX_FADV_DONTNEED, PAGECACHE_WINDOW);
}

/* --- a file --------------------------------------------------------------- */

void
pagecache_begin(struct pagecache *p, int fd, uint64_t size)
{
	long page = sysconf(_SC_PAGESIZE);

	p->how = PAGECACHE_OFF;
	p->fd = fd;
	if (size == 0 || page < 4096 || PAGECACHE_WINDOW % page != 0)
		return;
	p->how = p->mincore ? PAGECACHE_MINCORE : PAGECACHE_CACHESTAT;
	p->page = (uint32_t)page;
	p->size = size;
	p->asked = p->done = 0;
}

/* It was all there, and is in the buffer now. */
static bool
read_at_once(struct pagecache *p, void *to, size_t n, uint64_t off)
{
	struct iovec v = {.iov_base = to, .iov_len = n};

	if (p->how != PAGECACHE_MINCORE || off != 0 || n < p->size ||
	    preadv2(p->fd, &v, 1, 0, RWF_NOWAIT) != (ssize_t)p->size)
		return false;
	memset(was_of(p, 0), 1, pages_of(p, 0));
	p->asked = 1;
	return true;
}

static void
before(struct pagecache *p, size_t n, uint64_t off)
{
	uint64_t ahead = (off + n + PAGECACHE_WINDOW - 1) / PAGECACHE_WINDOW;

	while (p->how != PAGECACHE_OFF && p->asked <= ahead &&
	       p->asked - p->done < PAGECACHE_WINDOWS &&
	       p->asked * PAGECACHE_WINDOW < p->size) {
		ask(p, p->asked);
		if (p->how != PAGECACHE_OFF)
			fetch(p, p->asked++);
	}
}

ssize_t
pagecache_read(struct pagecache *p, void *to, size_t n, uint64_t off)
{
	size_t got = 0;
	ssize_t r;

	if (read_at_once(p, to, n, off))
		return (ssize_t)p->size;
	before(p, n, off);
	while (got < n) {
		r = pread(
		    p->fd, (uint8_t *)to + got, n - got, (off_t)(off + got));
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

void
pagecache_after(struct pagecache *p, uint64_t off)
{
	while (p->how != PAGECACHE_OFF && p->done < p->asked &&
	       (p->done + 1) * PAGECACHE_WINDOW <= off)
		drop(p, p->done++);
}

void
pagecache_end(struct pagecache *p)
{
	while (p->how != PAGECACHE_OFF && p->done < p->asked)
		drop(p, p->done++);
	p->how = PAGECACHE_OFF;
}
