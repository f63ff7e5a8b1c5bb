/*
 * What a file system says of a file beside its content, and what that proves.
 *
 * Equal stamps prove equal content only where the kernel keeps ctime and inode
 * number (a known file system), where ctime is fine enough (not whole
 * seconds), and where the file was at rest when the stamp was taken.  Pure.
 */
#ifndef BASE_FILESTAMP_H
#define BASE_FILESTAMP_H

#include "base/std.h"

struct filestamp {
	uint64_t size;
	int64_t mtime_ns, ctime_ns;
	uint64_t ino, dev;
};

bool filestamp_same(const struct filestamp *a, const struct filestamp *b);

/* No file system that keeps nanoseconds gives a whole second but once in a
 * thousand million: one that has none (inodes of 128 bytes) always does. */
bool filestamp_fine(const struct filestamp *s);

/* Both clocks of one host at one moment: CLOCK_REALTIME, which files are
 * stamped with, and CLOCK_BOOTTIME, which nobody sets. */
struct filestamp_clock {
	int64_t real_ns, boot_ns;
};

/*
 * Was the file at rest, judged by its stamp, which was taken before its first
 * byte was read?  opened: when the first session of the run began, before the
 * backup's checkpoint; now: when the stamp was taken.  Both of the file's own
 * host.  (In two steps for a session that began later: an agent goes by its own
 * beginning, and the client by the first's and that one.)
 *
 * Not the moment of reading decides (git's rule) but that of opened: a write(2)
 * sets ctime before it copies the data, and may wait between the two for as
 * long as the disk pleases.  Of the source's server every write that began
 * before the backup's checkpoint has ended when that checkpoint has; so what
 * has a ctime from before opened is complete when it is read, however slow the
 * disk.  Writes past shared buffers (the pages of an index that is built) wait
 * for no checkpoint: one that hangs in the kernel from FILESTAMP_REST_NS before
 * opened until the file has been read would go unseen, by this and by any
 * backup; --checksum finds it in the next run.  FILESTAMP_REST_NS are for the
 * grain of ctime (a tick) and a leap second, too.  When the wall clock was set
 * since opened, nothing is at rest.
 */
#define FILESTAMP_REST_NS INT64_C(2000000000)
#define FILESTAMP_STEP_NS INT64_C(1000000000) /* more: the clock was set */
bool filestamp_settled(const struct filestamp *s,
    const struct filestamp_clock *opened, const struct filestamp_clock *now);

/* Of statfs(2), f_type: ext2/3/4, XFS, btrfs, ZFS. */
bool filestamp_known_fs(uint64_t magic);

/*
 * Is the mount of that number lazytime, by the text of /proc/self/mountinfo?
 * In a chroot it may be out of sight; then any other mount of the device dev
 * (st_dev) tells: lazytime is of the file system, not of a mount.  (On btrfs,
 * st_dev is another one than mountinfo has, and nothing is found.)  1, 0, or
 * -1: neither is there.
 */
int filestamp_lazytime(const char *mountinfo, uint64_t mount, uint64_t dev);

#endif
