/*
 * What changed since the last look: rates, time to catch up, a receiver that is
 * connected and does not move.  The last look is in memory (--watch) or comes
 * from a state file (io/statefile.h).
 */
#ifndef CORE_TREND_H
#define CORE_TREND_H

#include "core/status.h"

struct trend_node {
	char *name;
	double time; /* epoch s, of the node's clock (tool's if unknown) */
	uint64_t received, replayed, end;
	double moved; /* epoch s since when received has been as it is */
};

struct trend {
	bool set;
	double time;                /* epoch s of the survey */
	uint64_t system_identifier; /* 0 unknown */
	char *primary;              /* last known one; may be older: */
	double primary_time;
	uint64_t primary_lsn;
	uint32_t primary_timeline;
	enum status_severity severity;
	char *digest; /* problems as lines "id node SEVERITY" (of the cluster
		       * "id SEVERITY"), sorted: what "changed" means */
	struct trend_node *nodes;
	size_t n;
};

void trend_free(struct trend *t);
/* Take a judged status down; prev (may be unset) supplies the last known
 * primary when s has none, and `moved`.  Replaces *t.  0, -1 no memory. */
int trend_take(
    struct trend *t, const struct status *s, const struct trend *prev);
/*
 * Fill rate, eta, stuck, stuck_for of the nodes of a linked status, and bound
 * the delay of those that had replayed everything at the last look.  A last
 * look of another cluster, of the future, or from less than 0.5 s or more than
 * a day ago says nothing.  LSN that went back (failover): nothing.
 */
void trend_apply(struct status *s, const struct trend *prev);
/* Did the verdicts change?  True when prev is not set. */
bool trend_changed(const struct trend *prev, const struct trend *now);

#endif
