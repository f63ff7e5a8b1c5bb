/*
 * --max-rate, divided among those who send at the same time: who has nothing to
 * send gets next to nothing; who sends less than it may (it reads, compares or
 * is held up) may go on with an eighth more; the others share, in equal parts,
 * what these leave.  So what is expected to be sent is the whole rate, and who
 * suddenly has more exceeds it by its eighth, until the next look.
 */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include "base/std.h"

struct share {
	bool busy;      /* it has something to do */
	uint64_t speed; /* bytes per second that came from it lately */
	uint64_t rate;  /* what it was allowed; then what it is: at least 1 */
};

/* total: bytes per second, not 0; n: at most CREW_MAX. */
void share_out(uint64_t total, struct share *v, size_t n);

/*
 * Whole bytes that rate (bytes per second, at most INT64_MAX / 4096) brings in
 * ms; of more than 1000 ms the last second counts.  *part, 0 at first: what is
 * not a byte yet, in thousandths, for the next call.
 */
int64_t share_accrued(int64_t rate, int64_t ms, int64_t *part);

#endif
