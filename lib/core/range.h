/*
 * Thresholds of repl-status: "16MB", "30s", "16MB,30s", and the ranges of the
 * monitoring plugins ("10:", "~:16MB", "@1MB:2MB") for either of the two.
 */
#ifndef CORE_RANGE_H
#define CORE_RANGE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

/* Alarm outside [low, high], or inside when `inside` (the "@").  low may be
 * -INFINITY ("~"), high INFINITY ("10:").  Bytes, or seconds. */
struct range {
	bool set, inside;
	double low, high;
};

struct range_pair {
	struct range size; /* bytes */
	struct range time; /* seconds */
};

/*
 * "SPEC" or "SPEC,SPEC", one a size and one a time, in any order.  A SPEC is
 * [@]start:end, start: or end; start "~" is minus infinity, absent 0.  A bare
 * number (no unit) is a size in bytes when it stands alone or the other SPEC is
 * no size, else seconds.  ERR_USAGE with what is wrong; *p is written on
 * success only: ranges that are not named are not set.
 */
int range_parse(const char *text, struct range_pair *p, struct err *e);
/* Does value raise an alarm?  False when the range is not set, or the value is
 * negative (unknown) or not a number. */
bool range_alarms(const struct range *r, double value);
/* As perfdata wants it, without unit: "16777216", "1:", "~:10", "@1:2"; nothing
 * when not set. */
void range_add(struct buf *b, const struct range *r);
/* A measured value as messages show it: "21 MB", "41.2 s", "5 min". */
void range_add_value(struct buf *b, double value, bool is_time);
/* The limit that value has passed, for messages; by unit: "16 MB", "30 s"; of
 * an inside range "1 MB to 2 MB", "1 MB or more". */
void range_add_limit(
    struct buf *b, const struct range *r, double value, bool is_time);

#endif
