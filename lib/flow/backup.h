/*
 * One online backup: start, keep alive, stop.  Start and stop are one session
 * (from 9.6 the server ends the backup when it ends); before 9.6 the exclusive
 * mode is used, with our own label, and backup_end stops it on every path.
 */
#ifndef FLOW_BACKUP_H
#define FLOW_BACKUP_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/pg.h"

/* The server's backup_label by another way than SQL: 1: text has it; 0: there
 * is none; -1: e.  NULL: there is no other way. */
struct backup_reader {
	int (*read)(void *arg, struct buf *text, struct err *e);
	void *arg;
};

struct backup {
	struct pg *pg; /* owned from backup_open on */
	const struct pg_opts
	    *opts; /* borrowed: reconnect for an exclusive stop */
	bool exclusive;
	bool prepared; /* backup_prepare */
	bool running;
	bool pinging;                 /* a ping is under way */
	int64_t ping_sent, ping_next; /* clock_ms */
	char label[256];              /* of label_make */
	char uuid[37];
	uint64_t start_lsn, stop_lsn;
	uint64_t now_lsn;  /* as the last ping said; 0: none yet */
	uint32_t timeline; /* at start */
	uint64_t system_identifier;
	int version;
	bool from_standby;
	/* Exclusive: */
	const char *pgdata;          /* of the server, or NULL; borrowed */
	struct backup_reader reader; /* asked where SQL cannot tell */
	const char *cleanup;     /* ends one of ours, to be typed, or NULL */
	char server_started[24]; /* of the server we started on */
	char at[300];            /* and its host:port */
	char began[32];          /* the server's time of our start, or "" */
	bool unanswered;         /* the session was lost while it started */
	bool not_archived;       /* the stop was cancelled while it waited */
	struct buf labelfile;    /* bytes of backup_label (>= 9.6) */
	struct buf spcmap;       /* bytes of tablespace_map (>= 9.6) */
};

/*
 * Open the session (before it: fork every worker, see architecture.md), or take
 * over one that is open, NULL: none; it is the backup's from then on, also
 * after -1.
 */
int backup_open(struct backup *b, const struct pg_opts *o, struct pg *session,
    struct err *e);
/*
 * Before word of it is left anywhere: which mode, and in exclusive mode,
 * whether another backup runs (ERR_BACKUP_RUNNING), and since when the server
 * does. backup_start does it where nobody has.
 */
int backup_prepare(struct backup *b, bool force_exclusive, struct err *e);
/* fast: checkpoint now, else spread.  deadline bounds the checkpoint. */
int backup_start(struct backup *b, const char *label, const char *uuid,
    bool fast, bool force_exclusive, int64_t deadline, struct err *e);
/* "WHAT has replayed WAL ... with full_page_writes off": of a standby nothing
 * can be backed up then, since a page that is torn in the copy is not put right
 * by that WAL (of a primary the server forces them on).  Sets e, with what to
 * type; returns -1. */
int backup_set_torn(struct err *e, enum err_code code, const char *what);
/*
 * Keep-alive for a poll loop.  backup_pollfd: descriptor to poll for reading
 * while the backup runs, else -1; call backup_tick on readiness and at least
 * each second: sends a ping every 5 s that re-reads recovery state, timeline
 * and backend pid; ERR_BACKUP_LOST when the session is gone, the answer takes
 * more than 10 s, or the server is not the one it was (promoted, demoted).
 */
int backup_pollfd(const struct backup *b);
int backup_tick(struct backup *b, struct err *e);
/* Waits for the answer of a ping that is under way: before anybody else asks in
 * this session. */
int backup_settle(struct backup *b, struct err *e);
/*
 * Stop; fills stop_lsn, labelfile, spcmap.  wait_for_archive only where the
 * version cannot do without (9.6: never cancelled; <= 9.5: cancelled after
 * 60 s, and then looked at whether the backup is over).  A NULL or unparsable
 * label is ERR_BACKUP_LOST.
 */
int backup_stop(
    struct backup *b, bool wait_for_archive, int64_t deadline, struct err *e);
/* Once more before the copy is sealed: still the same server in the same role?
 * The session, which backup_stop has set to bytes, is back at UTF-8 then.
 * Nothing to ask when the session has ended by then. */
int backup_recheck(struct backup *b, int64_t deadline, struct err *e);
/* Ends an exclusive backup of ours if one runs, reconnecting once and not
 * stopped by signals, and nobody else's; any other ends with the session.
 * Returns 0, or -1 with e (ERR_LEFT_BEHIND) saying the SQL a person must run.
 * Closes the session in any case, keeps labelfile and spcmap.  Safe on a zeroed
 * struct, and twice. */
int backup_end(struct backup *b, struct err *e);

/*
 * Which exclusive backup runs there?  BACKUP_SEEN: text gets the server's
 * backup_label, in the encoding of the session; BACKUP_NONE: none runs;
 * BACKUP_UNSEEN: one may, but the role may not read the label (until 14 that
 * takes a superuser or a GRANT), or it cannot be converted.  -1 with e when the
 * server does not answer.
 */
enum backup_seen { BACKUP_NONE, BACKUP_SEEN, BACKUP_UNSEEN };
/* The start of the server, in s: since then only can a backup run there. */
int backup_server_started(
    struct pg *pg, char *to, size_t size, int64_t deadline, struct err *e);
#define BACKUP_READ_LABEL "SELECT pg_read_file('backup_label', 0, 65536)"
int backup_look(struct pg *pg, struct buf *text, enum backup_seen *seen,
    int64_t deadline, struct err *e);
/*
 * After a stop that was cancelled: had it ended the exclusive backup before,
 * and waited for the archive?  0: none runs; -1: one does, or nobody tells.
 * Where SQL does not (9.1 and 9.2, no superuser) the reader does: a label
 * without that uuid is 0, too.  A second stop might end somebody else's.
 */
int backup_excl_over(
    struct pg *pg, const char *uuid, const struct backup_reader *r);

void backup_free(struct backup *b); /* labelfile and spcmap; NULL-safe */

/* Detail and hint: a primary that crashed in an exclusive backup of ours may
 * not start for its backup_label, and what to type.  pgdata: its directory, or
 * NULL. */
void backup_hint_label(const char *pgdata, struct err *e);

#endif
