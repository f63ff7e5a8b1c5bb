/*
 * The skip index: what a finished clone remembers, so that the next one need
 * not read again, on either side, what nobody has touched.  A file that is
 * skipped wrongly is silent corruption; so here is why it is not.  Pure.
 *
 * A record holds, for one path, the stamp (base/filestamp.h) of the source's
 * file before its first byte was read, the stamp of our copy when it was
 * complete and durable, and the digest of the content.  A file is skipped when
 * both stamps are what they were.
 *
 * 1. The source's file has the content that was read.  Every write(2),
 *    truncate(2) or rename(2) gives a new ctime, which no program can set
 *    (mtime can be forged, and proves nothing).  The record was only made when
 *    the file was at rest: its ctime lay 2 s or more before the run's first
 *    OPEN, which came before the backup's checkpoint.  So no write was under
 *    way, however long the disk held it up, and none could get the same ctime
 *    (git's racy rule, and more).  That needs a checkpoint that ends after
 *    OPEN: a standby as the source has none of its own, and no index is
 *    written from it.
 * 2. Our copy has that content.  The digest of what was received was right,
 *    the stamp was taken after the final sync, and behind it the index itself
 *    was stamped until its ctime was later than all of them: whoever writes
 *    next gets another ctime.
 * 3. What is written on the source after the listing.  The listing is made
 *    after the start of the backup, so the change is in WAL from there on; it
 *    is the same as for a file that was copied a moment before the write.
 *    What is not covered by WAL (configuration) is never in the index: only the
 *    server's own directories are (skipindex_covers).
 * 4. What the standby's server wrote in between has given its files another
 *    ctime, as have a restored copy, rsync, pg_rewind, a hard link made
 *    (link(2) changes ctime) or removed, and chmod.  Promoted, cloned back,
 *    cloned twice without a start, cloned with other options: nothing of that
 *    matters, only whether the file was touched.
 * 5. A machine that crashed may have kept new data and lost the new ctime, and
 *    recovery does not write a page again whose LSN is new enough
 *    (full_page_writes = off).  So the boot ids of both ends are in the header:
 *    while a kernel runs, what it says of its files is true.  That makes
 *    lazytime harmless, too; it is refused all the same (it may be remounted).
 *    A clean stop alone would not do: a standby that has replayed no new
 *    checkpoint is "shut down in recovery" without a sync of its files.
 *    A server that was killed leaves true stamps; the index is void all the
 *    same unless pg_control says that it was shut down, or it never ran.
 * 6. A clock that was set: a later write would have to happen in the very
 *    nanosecond of the old ctime.  Where there are no nanoseconds (inodes of
 *    128 bytes) that is not impossible, and such files are left out; and when
 *    it was set during the session, nothing is at rest.
 * 7. A snapshot that was restored below a running kernel has files and stamps
 *    of one moment, so the pair is as true as it was then; the index goes with
 *    it.  Only a snapshot that was taken of a running server and not of a
 *    consistent file system is like the crash of 5, and the boot id does not
 *    show it: the manual says to use --checksum then.
 * 8. Another host under the same name or path, another container, another
 *    cluster, a copy of the directory (of the index with it: also of the
 *    source's own, if that was a standby; the agent never serves it): boot id,
 *    device and inode of both data directories, real path and system
 *    identifier are in the header.  A directory that was only renamed on our
 *    side keeps its index.  A tablespace that moved has other inodes.
 * 9. Unlogged relations: a main fork whose _init has appeared is not wanted by
 *    the plan, or is removed at the end (B31), skipped or not.
 * 10. The index is unlinked, durably, at S1, before anything is changed, and
 *    written anew when all is sealed, before the server is started.  A run that
 *    is killed in between leaves none; without --sync none is written.
 * 11. Pages with a wrong checksum are never in it, and one that was written
 *    without looking at the checksums is not used by a run that looks.
 *
 * What it cannot see is a disk that changes data by itself, and a kernel or
 * file system that lies: that is what --checksum is for.
 */
#ifndef CORE_SKIPINDEX_H
#define CORE_SKIPINDEX_H

#include "base/std.h"
#include "base/buf.h"
#include "base/filestamp.h"
#include "core/manifest.h"

#define SKIP_MAGIC "STBYSKIP"
#define SKIP_FORMAT 1
#define SKIP_DIGEST 16
#define SKIP_MAX (UINT32_C(1) << 31) /* bytes of the file */

struct skip_header {
	uint64_t system_identifier;
	uint64_t seed;       /* of the digests */
	uint32_t block_size; /* likewise */
	bool verified;       /* the checksums of its pages were looked at */
	/* Texts are borrowed, below 64 kB, never NULL. */
	const char *source_host;   /* as it was given */
	const char *source_pgdata; /* real path */
	const char *source_boot;   /* boot id of the kernel there */
	uint64_t source_dev, source_ino;
	const char *target_boot;
	uint64_t target_dev, target_ino;
	struct filestamp control; /* of pg_control as it was sealed */
	uint32_t control_crc;     /* CRC-32C of that file */
};

/* Why an index is not used. */
enum skip_void {
	SKIP_USABLE,
	SKIP_DAMAGED,
	SKIP_OTHER_FORMAT,
	SKIP_CLUSTER,
	SKIP_HOST,
	SKIP_SOURCE,
	SKIP_SOURCE_BOOT,
	SKIP_TARGET,
	SKIP_TARGET_BOOT,
	SKIP_BLOCK_SIZE,
	SKIP_UNVERIFIED,
	SKIP_FILE_SYSTEM,
	SKIP_NOT_CLEAN
};

/* What is true now, before anything is touched. */
struct skip_now {
	struct skip_header is; /* control: of the target's pg_control; verified:
				* this run looks at checksums; not seed */
	uint32_t control_state; /* enum pgcontrol_state */
	bool keeps; /* the target's file system keeps stamps (io/fskind.h) */
};

enum skip_void skipindex_usable(
    const struct skip_header *h, const struct skip_now *now);
/* For people: what is behind "the skip index is not used: ". */
const char *skipindex_why(enum skip_void why);

/* Is path in a directory that only the server writes to, and WAL covers? */
bool skipindex_covers(const char *path);

struct skip_record {
	const char *path; /* borrowed from the index */
	struct filestamp src, dst;
	const uint8_t *digest; /* SKIP_DIGEST bytes */
};

/* Is the file what it was on both sides? */
bool skipindex_same(const struct skip_record *r, const struct entry *src,
    const struct entry *dst);

/* What the agent said of a file that it sent. */
struct skip_read {
	uint8_t status; /* enum wire_file_status */
	bool settled;
	uint32_t bad;  /* damaged pages */
	uint64_t size; /* bytes sent or compared */
	struct filestamp stamp;
};
/* Is the source's half of a record true?  src: of the listing. */
bool skipindex_taken(const struct entry *src, const struct skip_read *r);
/* And ours: dst of the copy of size bytes when all is durable. */
bool skipindex_ours(
    const struct filestamp *dst, uint64_t nlink, bool keeps, uint64_t size);

/*
 * The file: SKIP_MAGIC, u32 SKIP_FORMAT, header, records in the order of
 * path_cmp (u16 length with the NUL, path, NUL, stamp, stamp, digest), u16 0,
 * u32 number of records; behind it the caller's XXH3-128 over all of that.
 */
void skipindex_begin(struct buf *b, const struct skip_header *h);
void skipindex_add(struct buf *b, const struct skip_record *r);
void skipindex_end(struct buf *b, uint32_t n);

struct skipindex {
	struct skip_header h; /* its texts point into data */
	const uint8_t *data;
	uint32_t *at; /* where the records begin */
	uint32_t n;
};
/* data (without the XXH3-128, whose check is the caller's) must outlive ix.
 * SKIP_USABLE, SKIP_DAMAGED (also when memory runs out), SKIP_OTHER_FORMAT; but
 * for the first ix is empty. */
enum skip_void skipindex_decode(
    const void *data, size_t n, struct skipindex *ix);
bool skipindex_find(
    const struct skipindex *ix, const char *path, struct skip_record *r);
void skipindex_free(struct skipindex *ix);

#endif
