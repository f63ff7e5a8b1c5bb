/* May a node follow a new primary?  Pure: histories and positions in, verdict
 * out. */
#ifndef CORE_FOLLOW_H
#define CORE_FOLLOW_H

#include "base/std.h"

enum follow_verdict {
	FOLLOW_OK,      /* the node's history is a prefix */
	FOLLOW_CLUSTER, /* another system identifier */
	FOLLOW_FORKED,  /* it has WAL behind the fork */
	FOLLOW_OLDER,   /* the new primary is on an older timeline */
	FOLLOW_UNKNOWN  /* timeline or position of the node is not known */
};

/* The end of the node's WAL, byte by byte beside the new primary's. */
enum follow_wal {
	FOLLOW_WAL_UNKNOWN, /* one of them has it no more */
	FOLLOW_WAL_SAME,
	FOLLOW_WAL_OTHER
};

struct follow_facts {
	uint64_t own_system, system_identifier; /* 0 unknown */
	uint32_t own_timeline, timeline;
	uint64_t own_end;    /* all WAL that the node has: received, replayed,
			      * or (stopped) the end of its last checkpoint or
			      * minimum recovery point */
	uint64_t end;        /* of the new primary */
	const char *history; /* text of its timeline history; "" timeline 1 */
	bool in_recovery;    /* the new primary is a standby */
	bool was_primary;    /* the node is a primary that was shut down */
	enum follow_wal wal;
	uint64_t differs; /* OTHER: the first byte that does; 0 not known */
};

/*
 * *fork: where the new primary left the node's timeline; 0 when it did not.
 * A node on the same timeline that has more WAL than the primary is FORKED at
 * `end` (it cannot come from there): read own_end before end, both of running
 * servers.  FORKED with *fork 0: the node's timeline is none of the new
 * primary's; where the two parted is not in its history.  Below 9.3 the history
 * tells the start of a segment only: FORKED may then be too strict.
 *
 * Timelines of one number may be two, made at the same point: what differs
 * byte by byte is FORKED; and where that is not known, so is a primary beside a
 * primary of the same timeline, which only one of them can have made.
 */
enum follow_verdict follow_judge(const struct follow_facts *f, uint64_t *fork);

/*
 * Has standby-follow, run for us on whatever host, refused because the
 * histories forked?  status: its exit status; said: what it wrote to standard
 * error, or NULL.  Its words may change: the error of that refusal, and of no
 * other, ends with the id of ERR_FORKED.  Other refusals hint at --delta, too,
 * and are no reason to copy a node.
 */
#define FOLLOW_FORKED_MARK "[forked]"
bool follow_said_forked(int status, const char *said);

#endif
