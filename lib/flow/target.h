/*
 * The target directory: what it is, whether we may touch it, and the states of
 * faults.md section 3 (S0 untouched ... S4 sealed).  The only place that moves
 * pg_control and writes or removes the marker.
 */
#ifndef FLOW_TARGET_H
#define FLOW_TARGET_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/pgcontrol.h"
#include "flow/marker.h"
#include "io/tree.h"

enum target_kind {
	TARGET_NEW,    /* absent, or empty (lost+found does not count) */
	TARGET_MARKED, /* our marker and no pg_control: an unfinished clone */
	TARGET_PGDATA  /* PG_VERSION and global/pg_control */
};

#define TARGET_MARKER ".standby-clone.state"
#define TARGET_INDEX ".standby-clone.index"
#define TARGET_CONTROL "global/pg_control"
#define TARGET_CONTROL_OLD "global/pg_control.standby-clone"
#define TARGET_CONTROL_NEW "global/pg_control.standby-clone.new"

struct target {
	char *path;        /* real path once open */
	struct tree *tree; /* NULL in a dry run of a directory not there */
	enum target_kind kind;
	bool created;   /* the directory itself is ours: removed again
			 * by target_close unless marked */
	bool locked;    /* false: a file system without flock (NFS) */
	bool marked;    /* S1 was reached in this run or before */
	bool displaced; /* TARGET_CONTROL_OLD holds what was there */
	bool touched;   /* something was changed: no way back */
	bool sealed;
	bool sync;                /* false: --no-sync */
	struct pgcontrol control; /* TARGET_PGDATA; MARKED: of the displaced
				   * one when it is still there */
	bool have_control;
	int version;      /* of PG_VERSION, 0 when there is none */
	uint64_t wal_end; /* target_read_wal; 0: not known */
	uint32_t wal_timeline;
	bool was_primary;     /* target_read_wal */
	struct marker marker; /* as last written */
};

struct target_want {
	bool delta;   /* --delta */
	bool dry_run; /* create nothing */
	bool sync;
	/* NULL, or set to the system identifier of the data directory that is
	 * refused for want of --delta. */
	uint64_t *holds;
};
/*
 * Open and classify: A1-A4 (root, owner, mode, lock, "/", $HOME, not empty,
 * running server).  ERR_ROOT, ERR_TARGET_*, each with what to type.  Holds a
 * flock on the directory until target_close (and until every child that
 * inherited its descriptor has ended).  t needs no initialisation; after a
 * failure there is nothing to close, and a directory that was made is gone.
 */
int target_open(struct target *t, const char *pgdata,
    const struct target_want *want, struct err *e);

/* What the source says, for target_judge: pure. */
struct target_source {
	uint64_t system_identifier;
	uint32_t timeline;
	uint64_t lsn;        /* now, or 0 unknown */
	const char *history; /* text of its timeline's .history, or NULL */
	bool same_host;      /* same boot id */
	uint64_t dev, ino;   /* of its PGDATA */
	int version;
	bool in_recovery;
};
enum target_loss {
	TARGET_LOSES_NOTHING,
	TARGET_LOSES_FORK,    /* behind fork_lsn, where it left the source's
			       * history: allowed with --delta */
	TARGET_LOSES_AHEAD,   /* what the source has not written, forced */
	TARGET_LOSES_TIMELINE /* its whole timeline, forced: bytes unknown */
};
struct target_verdict {
	enum target_loss loss;
	uint64_t fork_lsn;   /* FORK, AHEAD (then: of the source) */
	uint64_t lost_bytes; /* of its own WAL behind that (at least) */
};
/*
 * The end of the target's WAL on its disk, from where pg_control says it came
 * to (its last checkpoint, or further in recovery), and whether it is the data
 * of a primary.  Nothing for a directory without a pg_control.  -1: it cannot
 * be read; t->wal_end is 0 then, as where there is none.
 */
int target_read_wal(struct target *t, int sigfd, struct err *e);
/* How far its data reach: pg_control, or the WAL where it goes further. */
uint64_t target_reached(const struct target *t, uint32_t *tli);
/* By pg_control's state and the absence of the files of a standby. */
bool target_is_primary(struct target *t);
/*
 * A5, A6, A7 (major): other cluster, same directory, ahead, the primary of a
 * source that is its standby, wrong major.  Pure.  target_dev and target_ino: 0
 * when the directory is not there.  force lets another cluster, a target that
 * is ahead, and the primary pass, nothing else; call it without first, to have
 * the refusal to print.
 */
int target_judge(const struct target *t, uint64_t target_dev,
    uint64_t target_ino, const struct target_source *s, bool force,
    struct target_verdict *v, struct err *e);

/*
 * S1: marker written and fsynced, index unlinked, pg_control renamed away,
 * global/ fsynced.  In a directory that is MARKED already: the marker is
 * written anew (kept and roots of t->marker are the caller's to carry over).
 * m->old_* are filled in from the displaced pg_control.  Refuses when the
 * target was started or changed since target_open.  On failure everything is
 * as before.
 */
int target_mark(struct target *t, struct marker *m, struct err *e);
/* Write the marker again (another phase or slot). */
int target_remark(struct target *t, const struct marker *m, struct err *e);
/*
 * The first file is about to be changed, removed or added: the displaced
 * pg_control is removed, durably; from here on only a finished clone starts.
 * (Added files count: pages from the future would spoil a server that goes on
 * from the old state.)
 */
int target_touch(struct target *t, struct err *e);
/*
 * Put everything back as it was, if target_touch was not called since
 * target_mark: pg_control first, the marker last.  Else, and in a directory
 * that was new and has files by now, it does nothing: t->marked says what is.
 */
int target_unmark(struct target *t, struct err *e);

/*
 * S3 -> S4, in this order.  The parts are separate so that a test can stop
 * between any two.
 */
/* syncfs everywhere, and where that does not tell of errors (Linux before 5.8)
 * fsync of each file; nothing without sync. */
int target_sync(struct target *t, struct err *e);
/* The pg_control fetched last, under its temporary name, fsynced.  Its CRC, its
 * system identifier (that of the marker) and its major (that of PG_VERSION)
 * are checked here.  No way back: counts as target_touch. */
int target_put_control(
    struct target *t, const void *data, size_t n, struct err *e);
/* Recheck before the seal: no postmaster.pid, no pg_control, still the
 * directory of that path (B19). */
int target_recheck(struct target *t, struct err *e);
/* Rechecks, asks that a backup_label is there, then the last rename, fsync of
 * global/.  t->sealed: the rename was done, also where the fsync failed. */
int target_seal(struct target *t, struct err *e);
int target_drop_marker(struct target *t, struct err *e);

/* Drops the lock; removes the directory if we made it and nothing is in it. */
void target_close(struct target *t);

/* Free bytes for us, and free inodes (UINT64_MAX: not counted there), of the
 * file system of fd. */
int target_space(int fd, uint64_t *bytes, uint64_t *inodes, struct err *e);

#endif
