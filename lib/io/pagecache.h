/*
 * Read a file in order and leave the page cache as it was: what this reading
 * brought in is dropped again, what was there before stays.
 *
 * The file is looked at in windows.  Before a window is read the kernel is
 * asked which of its pages are in memory; it is told to read the others at once
 * (they are known to be missing, so we do the reading ahead: the kernel's own
 * would bring in pages that nobody has asked about); and when the window was
 * read the others are dropped.  All of a small file is one window.  A file that
 * is all in memory costs one system call a window and is never advised on.
 *
 * Asked: cachestat(2) (Linux 6.5), which counts; where it is missing or does
 * not find all pages, mmap(2) and mincore(2).  (Of a file of overlayfs the
 * first finds none, as it looks at the overlay's own cache; the second, and
 * posix_fadvise(2), see the file below.)  Where cachestat(2) is missing, a file
 * that is read at once is first read with RWF_NOWAIT, which is all when that
 * gets all: mmap(2) and munmap(2) cost as much as the rest.  Both calls tell
 * the truth of a file that we own or may write, which is so of the server's
 * files as its user; of others mincore(2) says that all is there (Linux 5.2),
 * and nothing is dropped.  Where neither answers, nothing is done but
 * POSIX_FADV_SEQUENTIAL.
 *
 * Only pages that were missing are dropped: POSIX_FADV_DONTNEED begins to write
 * dirty pages and drops clean ones whoever uses them.  Pages that others have
 * changed since, or locked, stay.  A page that others wanted while we had it is
 * dropped all the same; that is why a window is small.
 *
 * Nothing of this can fail a reading; only the reading itself can.
 */
#ifndef IO_PAGECACHE_H
#define IO_PAGECACHE_H

#include "base/std.h"

#define PAGECACHE_WINDOW (1024u * 1024u)
#define PAGECACHE_PAGES (PAGECACHE_WINDOW / 4096) /* of one, at most */
#define PAGECACHE_WINDOWS 3 /* a read may touch two, and one ahead */

struct pagecache { /* all 0: looks after nothing */
	enum { PAGECACHE_OFF, PAGECACHE_CACHESTAT, PAGECACHE_MINCORE } how;
	bool mincore;         /* there is no cachestat: found out with a file,
			       * kept for the next ones */
	int fd;               /* borrowed */
	uint32_t page;        /* bytes */
	uint64_t size;        /* of the file; what is added later is not ours */
	uint64_t asked, done; /* numbers of windows, the first that is not */
	/* Of window i, in was[i % PAGECACHE_WINDOWS]: 1 a page that was there.
	 */
	uint8_t was[PAGECACHE_WINDOWS][PAGECACHE_PAGES];
};

/* fd stays open, and is read in order from its beginning, until _end. */
void pagecache_begin(struct pagecache *p, int fd, uint64_t size /* bytes */);
/* n bytes (at most PAGECACHE_WINDOW) from off on, fewer only at the end of the
 * file: their number, or -1 and errno.  It may be read again until _after. */
ssize_t pagecache_read(struct pagecache *p, void *to, size_t n, uint64_t off);
/* All before off was read, and will not be again. */
void pagecache_after(struct pagecache *p, uint64_t off);
/* Before fd is closed; fine twice. */
void pagecache_end(struct pagecache *p);

/* The next run of pages that were not there, of at most max, from *at on among
 * n: *at is its first page, returned is their number; 0: there is none.  Pure.
 */
size_t pagecache_missing(const uint8_t *was, size_t n, size_t max, size_t *at);

#endif
