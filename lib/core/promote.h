/*
 * May this node be promoted?  A table: one row per refusal, pure functions from
 * facts (faults.md 3.4).  The ids are a contract (JSON, man page).
 */
#ifndef CORE_PROMOTE_H
#define CORE_PROMOTE_H

#include "base/std.h"
#include "base/buf.h"
#include "core/status.h"

enum promote_old {   /* what is known of the old primary */
	OLD_NOBODY,  /* nobody knows who it was */
	OLD_ANSWERS, /* it answers SQL and is not in recovery */
	OLD_RUNS,    /* SSH says that its postmaster runs */
	OLD_SILENT,  /* no answer, nothing more known */
	OLD_STOPPED  /* SSH says that its postmaster does not run */
};

enum promote_proof { /* that it is down, and stays down */
	PROOF_NONE,
	PROOF_SSH,     /* its postmaster does not run */
	PROOF_STOPPED, /* we stopped it (switchover) */
	PROOF_FENCE,   /* the fence command ended with 0 */
	PROOF_NAME,    /* a person typed the node's name */
	PROOF_PGPOOL,  /* promote.trust_pgpool */
	PROOF_FORCE
};

enum promote_means {
	MEANS_NONE,
	MEANS_SQL,
	MEANS_PG_CTL,
	MEANS_TRIGGER,
	MEANS_AGENT
};

struct promote_facts {
	const struct status *s; /* all known nodes, linked; read just now */
	int node;               /* the candidate, index; -1 none */
	int old;                /* the old primary, index; -1 not among them */
	enum promote_old old_state;
	enum promote_proof proof;
	double fenced_for; /* s from the end of the fence to the look that s is
			    * of */
	const char *old_standby; /* the node that was taken for it is a standby
				  * (so OLD_NOBODY); NULL */
	bool old_misnamed;       /* ... and was named with --old-primary */
	const char *old_guess;   /* that it was the primary is guessed, from
				  * this: "the state file ..."; NULL: known */
	/* The directory that its host was asked about, where no server runs;
	 * and the end of the WAL in it, 0 unknown. */
	const char *old_pgdata;
	uint64_t old_end;
	uint32_t old_end_timeline;
	bool typed;       /* a person typed the candidate's name, whatever
			   * better proof there is besides */
	bool fence_given; /* a fence will be run when nothing else refuses:
			   * rows that it would settle wait for it */
	bool switchover;  /* while proof is PROOF_NONE: `old` will be stopped
			   * when nothing else refuses, likewise */
	bool chosen;      /* --candidate=best, --pgpool: nobody looked at it */
	int64_t max_lag;  /* bytes; -1: not set */
	uint64_t known_end;     /* end of WAL of the old primary, the best that
				 * is known; 0 */
	const char *known_from; /* "receiver of s1", "pg_wal of db1" ... */
	bool end_is_exact;      /* read from the old primary's own WAL */
	uint32_t end_timeline;  /* ... and the timeline of that; 0 unknown */
	double message_limit;   /* s: 2 x wal_receiver_status_interval */
	bool resume_replay;     /* --resume-replay */
	bool pause_holds;       /* a paused replay holds a promotion (< 13) */
	enum promote_means means;
	const char *no_means;      /* why there is none, and what to do */
	const char *no_means_hint; /* what else would help, or NULL */
	const char *trigger_path, *trigger_problem; /* D11; NULL */
	int unlogged_forks; /* D19: how many; -1 could not look */
	const char *unlogged_first;
	int witnesses, witnesses_reached; /* D4; 0: none configured */
	const char *witness;              /* the first one; NULL */
	const char *locked_by;            /* D14: text, or NULL */
	const char *locked_hint; /* how to end the holder of the lock; NULL */
	bool backup_label;       /* D8: not consumed yet */
};

struct promote_refusal {
	const char *id;    /* static */
	const char *fault; /* "D2", static: faults.md */
	bool forceable;    /* --force goes on */
	bool forced;       /* ... and did */
	char *message, *hint;
};

struct promote_verdict {
	struct promote_refusal *v;
	size_t n, standing; /* standing: not forced */
	/* What is assumed or not known, one sentence a line, for the report and
	 * the question; its first line is that of promote_add_loss. */
	struct buf assumed;
	int64_t lost;       /* bytes possibly lost; -1 unknown */
	bool lost_at_least; /* it may be more */
};

/*
 * Messages, hints and `assumed` hold names as they came: whoever prints them
 * escapes (text_add_escaped).  A candidate that is primary already is looked at
 * by two-primaries only.  Siblings: a refusal for each.
 *
 *	two-primaries       D1   the node is not in recovery, and another
 *	                         primary of this system answers, or the old one
 *	                         does and refuses the login; not forceable
 *	old-primary-answers D2   also with a refusal of the login; not forceable
 *	old-primary-runs    D2   ssh says its postmaster runs, or it answers
 *	                         that it starts or stops; not forceable
 *	old-primary-heard   D2   the receiver got a message a moment ago, or
 *	                         after the end of the fence
 *	old-primary-unseen  D2   whether a standby hears it may not be seen
 *	old-primary-unproven D3  no proof; or a fence, and whom it cuts off is
 *	                         not known, or guessed; or the directory whose
 *	                         server does not run cannot be that of the old
 *	                         primary (promote_outgrown)
 *	old-primary-ahead   D5   the old primary's WAL ends on a higher timeline
 *	                         than that of the node
 *	isolated            D4
 *	sibling-ahead       D5   by timeline, then LSN
 *	sibling-unknown     D6
 *	lag                 D7
 *	not-streamed        D8   never streamed, label not consumed, ...
 *	replay-paused       D9
 *	trigger-file        D11  not forceable
 *	no-means            D12  not forceable
 *	promotion-running   D14  not forceable
 *	unlogged-fork       D19
 *
 * 0, -1: no memory.
 */
int promote_judge(
    struct promote_verdict *v, const struct promote_facts *f, bool force);
void promote_verdict_free(struct promote_verdict *v);

/* Seconds since the last message of the old primary, as the standbys tell that
 * still stream, when that is too short a time ago; < 0: none. */
double promote_heard(const struct promote_facts *f);

/* The standby that has WAL which the directory f->old_pgdata has not: so it is
 * not that of the old primary, or has lost WAL.  Index, or -1: none. */
int promote_outgrown(const struct promote_facts *f);

/* "Possible loss: 21 MB of WAL ..." or "Possible loss unknown, at least ...": a
 * sentence, without newline. */
void promote_add_loss(struct buf *b, const struct promote_facts *f,
    const struct promote_verdict *v);

/*
 * --candidate=best: the standby with the highest timeline, then the highest
 * position received (max of receive and replay), then the highest weight, then
 * the order of the file; nodes with promote = false (may[i] false; may NULL:
 * all may) never, nor nodes of another system and those whose position is not
 * known. Index, or -1: none.
 */
int promote_best(const struct status *s, const bool *may);

const char *promote_means_name(enum promote_means m);
const char *promote_proof_name(enum promote_proof p);

#endif
