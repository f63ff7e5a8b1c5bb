/*
 * From facts and thresholds to named problems: one row of a table per problem
 * id.  The ids are a contract (JSON, man page): adding is free, renaming not.
 */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H

#include "core/range.h"
#include "core/status.h"

struct verdict_limits {
	struct range_pair warning, critical; /* lag */
	int min_standbys;                    /* streaming ones */
	bool min_given; /* the user said so, not the default */
};

/* 16MB,30s and 128MB,5min, one standby. */
extern const struct verdict_limits verdict_default_limits;

/*
 * Judge a linked status: fills problems (worst first; of the cluster before
 * those of nodes), severity, and the severity of each node; replaces what an
 * earlier call found.  0, -1: no memory.
 *
 *	two-primaries      CRITICAL  more than one node of this system writes;
 *	                             the severity of those nodes, too
 *	no-primary         CRITICAL  (only when s->whole, or when one that was
 *	                             named as the primary, or was it last, is
 *	                             silent; not when a standby streams from
 *	                             elsewhere; UNKNOWN when one that refuses
 *	                             the login may be it)
 *	system-identifier  CRITICAL  a node belongs to another cluster
 *	timeline           CRITICAL  a standby is on another timeline than its
 *	                             upstream
 *	ahead              CRITICAL  it has WAL that the primary, read later,
 *	                             has not
 *	unreachable        UNKNOWN   an expected node does not answer
 *	hung               UNKNOWN   ... it takes the connection and is silent
 *	rights             UNKNOWN   NULL where a value belongs; hint: GRANT
 *	read-failed        UNKNOWN   a statement failed (partial)
 *	not-streaming      CRITICAL  no receiver, or an expected node does not
 *	                             answer and nobody feeds it; WARNING
 *	                             startup, catchup, waiting
 *	foreign-upstream   WARNING   it streams from none of the nodes
 *	receiver-silent    CRITICAL  streams, and has heard nothing for 60 s
 *	sender-missing     CRITICAL  receiver streams, its upstream knows
 *	                             nothing of it
 *	receiver-missing   CRITICAL  a sender feeds a node that has no receiver
 *	receive-lag        by limit  bytes
 *	replay-lag         by limit  bytes (not of a delayed standby, nor when
 *	                             receive-lag says it all)
 *	delay              by limit  seconds, less recovery_min_apply_delay
 *	lag-unknown        UNKNOWN   lag of an answering standby not known, or
 *	                             the delay of one when only time is limited
 *	not-moving         WARNING   connected, behind, nothing came since
 *	replay-paused      WARNING
 *	few-standbys       CRITICAL  s->streaming is less than min_standbys
 *	                             (only when a primary is seen; of nodes that
 *	                             were picked out only when min_given)
 *	no-sync-standby    CRITICAL  fewer stream than synchronous_standby_names
 *	                             asks for: commits wait
 *	slot-lost          CRITICAL
 *	slot-unreserved    WARNING
 *	slot-retains       by limit  slot keeps more than the size: an inactive
 *	                             one, or one whose user's lag is not judged
 *	slot-inactive      WARNING   (synced and temporary ones are left out,
 *	                             and those that slot-retains names)
 */
int verdict_judge(struct status *s, const struct verdict_limits *l);

#endif
