/*
 * standby-promote: one writable primary, and the truth about what may be lost
 * (cli.md section 3, faults.md 3.4).
 */
#ifndef FLOW_FAILOVER_H
#define FLOW_FAILOVER_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/promote.h"
#include "io/conf.h"
#include "io/remote.h"

struct failover_opts {
	const char *package, *program_dir; /* version; where our programs are */
	const struct conf *conf;           /* may hold no nodes */
	/* the candidate: one of these */
	const char *node;                /* name in the file */
	const char *pgdata;              /* local directory */
	const struct conninfo *conninfo; /* -h ... */
	bool best;
	const char *user, *dbname; /* defaults for all, or NULL */
	const char *old_primary;   /* conninfo text, or NULL: of the file, else
				    * of the candidate's receiver */
	const char *bindir;
	const char *fence, *const *witness;
	size_t nwitness;
	int64_t max_lag; /* -1 */
	bool switchover, dry_run, yes, force, pgpool, trust_pgpool;
	bool pgpool_old; /* the node that pgpool lost is old_primary */
	bool trigger, resume_replay, siblings_follow, checkpoint;
	bool terminal; /* a dry run judges as if the name was typed there */
	int64_t timeout_ms;     /* 60 s */
	bool timeout_given;     /* for this run: it bounds the way back, too */
	const char *state_file; /* of repl-status: a hint, or NULL */
	const char *event_command;
	struct remote_opts remote; /* host is replaced per node: NULL here */
	const char *ssh; /* [USER@]HOST[:PORT] of the old primary, or NULL */
	const char *agent;
	int sigfd;
};

struct failover_record { /* --json and the report; filled as far as it came */
	const char *status; /* "ok" "already-primary" "refused" "dry-run"
			     * "failed" "requested" (7: outcome unknown) */
	char *node, *host, *port, *old_node; /* NULL unknown */
	uint32_t timeline_before, timeline;
	uint64_t lsn_before,
	    lsn;      /* received before; first of the new timeline */
	int64_t lost; /* -1 unknown */
	bool lost_at_least;
	enum promote_means means;
	enum promote_proof proof;
	struct promote_verdict verdict;
	int64_t ms_total, ms_facts, ms_fence, ms_promote, ms_checkpoint;
	int64_t ms_gap; /* switchover: no node took writes; -1 */
	bool checkpointed;
	struct failover_sibling {
		char *node;
		bool follows;
		char *problem; /* NULL none */
	} * siblings;
	size_t nsiblings;
	struct buf next;   /* what is to be typed next, one a line */
	struct buf failed; /* later steps that failed, one a line (7) */
};
void failover_record_free(struct failover_record *r);

struct failover_ui { /* every member is set */
	void (*step)(void *arg, const char *what, const char *text);
	void (*note)(void *arg, const char *text);
	void (*warning)(void *arg, const struct err *what);
	void (*refusal)(void *arg, const struct promote_refusal *r);
	/* what a command that failed said on that node's host, some lines */
	void (*said)(void *arg, const char *node, const char *lines);
	/* 1: the name was typed; 0: no; -1: nobody can be asked (usage, 2) */
	int (*confirm)(void *arg, const char *node, const char *assumed);
	/* `assumed` of the verdict, where nobody is asked, and with what proof
	 * that is believed */
	void (*assumed)(void *arg, const char *text, enum promote_proof proof);
	/* the status of all nodes, before and after (lib/show: human) */
	void (*status)(void *arg, const struct status *s);
	void (*plan)(void *arg, const char *text); /* dry run, a line each */
	void *arg;
};

/* 0, or -1 with e; rec is filled in both cases. */
int failover_run(const struct failover_opts *o, const struct failover_ui *ui,
    struct failover_record *rec, struct err *e);

#endif
