/* standby-follow: a node follows a new primary (cli.md section 4). */
#ifndef FLOW_FOLLOW_H
#define FLOW_FOLLOW_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "core/follow.h"
#include "flow/slot.h"

struct follow_opts {
	struct conninfo conninfo; /* of the new primary */
	const char *pgdata;       /* local */
	const char *bindir, *start_command, *stop_command;
	const char *slot; /* NULL: of node or host name */
	enum slot_want want_slot;
	const char *application_name, *replication_user, *node;
	/* How this run was called, for commands in hints: the NODE of the
	 * command line, whether the file tells the new primary by it, --slot,
	 * and -f; NULL: not given. */
	const char *operand, *config;
	bool by_file, slot_given;
	bool dry_run, force, sync, start, wait;
	int64_t timeout_ms; /* 60 s */
	int sigfd;
};

struct follow_record {
	const char *status; /* "ok" "already-following" "refused" "dry-run"
			     * "failed" "forked" */
	char *host, *port;  /* of the new primary */
	uint32_t own_timeline, timeline;
	uint64_t own_end, fork; /* fork: 0 unless forked */
	enum follow_verdict verdict;
	bool reloaded, restarted, started, streaming;
	uint64_t receive_lsn;
	char slot[64];
	bool configured; /* written: it names the new primary */
	/* On the former upstream, no longer needed; "" none, or it is gone
	 * there.  Host and port NULL: not known. */
	char old_slot[64];
	char *old_host, *old_port;
	char *old_drop;     /* the command that drops it */
	int old_slot_there; /* 1; -1: that node did not say */
	int64_t ms_total;
	/* For a copy that is to take the node's place when it has forked (or
	 * is a crashed primary: reclone). */
	bool reclone;                              /* that would help */
	bool running, slot_wanted, slot_exists;    /* `slot`, there */
	char *application_name, *replication_user; /* of its configuration */
	char *restart; /* what a person types for that; NULL: not known yet */
	char *left;    /* what it leaves on the former upstream; NULL nothing */
};
void follow_record_free(struct follow_record *r);

struct follow_ui {
	void (*step)(void *arg, const char *what, const char *text);
	void (*note)(void *arg, const char *text);
	void (*plan)(void *arg, const char *text); /* dry run */
	void *arg;
};

/*
 * ERR_FORKED (3) with the fork LSN, both timelines and the command for
 * --delta when the histories forked.  Nothing is changed before everything is
 * known; what is changed is said.
 */
int follow_run(const struct follow_opts *o, const struct follow_ui *ui,
    struct follow_record *rec, struct err *e);

/* Stop the standby in o->pgdata, for a copy that takes its place.  0 also when
 * none runs; refuses one that is no standby any more. */
int follow_stop(
    const struct follow_opts *o, const struct follow_ui *ui, struct err *e);

#endif
