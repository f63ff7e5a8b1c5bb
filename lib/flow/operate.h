/*
 * Another host's server, through its standby-agent: does it run, start it, stop
 * it, promote it (faults.md section 4: only when that host's standby.conf says
 * agent : { operate = true; }, only its own configured commands, no word of a
 * command comes from the wire).
 */
#ifndef FLOW_OPERATE_H
#define FLOW_OPERATE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/pgcontrol.h"
#include "io/remote.h"

#define OPERATE_MS_MAX (60 * 60 * 1000)
#define OPERATE_PROMOTE_FILE "promote" /* by which pg_ctl asks the server */

enum operate_verb {         /* wire: u8 */
	OPERATE_STATUS = 1, /* always allowed: reads postmaster.pid and /proc */
	OPERATE_START = 2,
	OPERATE_STOP = 3, /* fast */
	OPERATE_PROMOTE = 4,
	OPERATE_WAL_END = 5, /* always allowed: end of the valid WAL on disk of
			      * a stopped server, page by page */
	OPERATE_FOLLOW = 6,  /* standby-follow --master=HOST:PORT -D its pgdata
			      * -y: host and port of a node of its own file,
			      * named by the wire by node name only */
	OPERATE_DELTA = 7,   /* standby-clone NODE --delta, for that host's own
			      * node, likewise */
	OPERATE_MAY = 8      /* as STATUS, and refused where a command would
			      * be: nothing is run */
};

struct operate_request {
	enum operate_verb verb;
	const char *pgdata;         /* of the server there */
	const char *self;           /* name of that node in that host's
				     * standby.conf, or NULL: needed where
				     * several nodes have that directory, and
				     * for DELTA here */
	const char *node;           /* FOLLOW: name of the new primary in that
				     * host's standby.conf; else NULL */
	uint64_t system_identifier; /* must match; 0: any */
	uint32_t timeline;          /* WAL_END: from this timeline, and */
	uint64_t from;              /* position on; 0, 0: from the last
				     * checkpoint in pg_control */
};

struct operate_answer {
	int running; /* all verbs, afterwards: 1, 0, -1 cannot be told (see
		      * server_alive) */
	long pid;
	int status; /* of the command, 128 + signal; 0 for what runs none */
	bool sent;  /* a command may have been run, also when the call failed:
		     * only what was certainly refused before is false */
	/*
	 * WAL_END of a server that does not run (1: 0, text says so).  From
	 * 9.5 exact: behind the last whole record, as recovery would find it
	 * (behind an XLOG_SWITCH: start of the next segment); it may lie before
	 * `from`, whose page it begins with.  Below 9.5 the end of the last
	 * valid page: an upper bound, less than a page too high.  Where there
	 * is no WAL at `from`: the same from the last checkpoint on; 0: none
	 * there either.  timeline: the one that wal_end lies on, higher than
	 * that of the request where this directory went on to another.
	 */
	uint64_t wal_end;
	uint32_t timeline;
	/* All verbs, from before the command: of pg_control (enum
	 * pgcontrol_state), and whether standby.signal, recovery.signal or,
	 * below 12, recovery.conf is there. */
	uint8_t state;
	bool signal_file;
	char *text; /* last 64 kB that the command said, raw; or why */
};
void operate_answer_free(struct operate_answer *a);
/* What the directory holds was a standby, or is to become one: not the data of
 * a primary that stopped. */
bool operate_is_standby(const struct operate_answer *a);

/*
 * One request over SSH.  START of what runs and STOP of what does not are 0
 * without a command; PROMOTE only asks the server (pg_ctl promote -W): look at
 * it for the outcome; a status of 1 to 127 there means that the server was not
 * asked.  deadline: at most an hour is sent; a command that is late there is
 * ended, ERR_TIMEOUT: outcome unknown.  0; or -1: ERR_SSH_*, ERR_AGENT,
 * ERR_TIMEOUT, ERR_PRIVILEGE when that host does not allow it (hint: the line
 * to add to its standby.conf).  A command that ran and failed is 0 with status.
 * Whatever the error is: with a->sent the outcome is unknown.
 */
int operate_remote(const struct remote_opts *r, const char *agent,
    const char *package, const struct operate_request *q,
    struct operate_answer *a, int64_t deadline, int sigfd, struct err *e);

/* The same on this host, without SSH; allowed whatever standby.conf says (the
 * user runs us).  bindir, start, stop: of the node, or NULL. */
struct operate_local {
	const char *bindir, *start, *stop;
	const char
	    *program_dir;    /* where standby-follow and standby-clone are */
	const char *config;  /* -f for them, or NULL */
	const char *primary; /* FOLLOW: conninfo of the new primary */
};
int operate_here(const struct operate_local *l, const struct operate_request *q,
    struct operate_answer *a, int64_t deadline, int sigfd, struct err *e);

/* WAL_END here of a server that runs, too: of what its disk holds while it is
 * read.  *end and *timeline as in the answer.  -1: as operate_here(). */
int operate_wal_end_here(const struct operate_request *q, uint64_t *end,
    uint32_t *timeline, int sigfd, struct err *e);
/* The same for a caller who holds the directory, and has its pg_control: that
 * may be under another name by now. */
int operate_wal_end_of(const char *pgdata, const struct pgcontrol *c,
    uint32_t timeline, uint64_t from, uint64_t *end, uint32_t *found, int sigfd,
    struct err *e);

#endif
