/*
 * Time for deadlines: the monotonic clock only.  Wall-clock time never decides
 * anything.  A deadline is a point of that clock in ms; DEADLINE_NEVER waits
 * for ever.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/std.h"

#define DEADLINE_NEVER INT64_MAX

int64_t clock_ms(void);
/* The same clock in us: for adding up short times. */
int64_t clock_us(void);
/* Processor time that this process has had, in us. */
int64_t clock_cpu_us(void);

/* A deadline ms from now; ms <= 0: never. */
int64_t deadline_in(int64_t ms);
bool deadline_passed(int64_t deadline);
/* Time left as poll(2) wants it: -1 for never, else 0 .. INT_MAX. */
int deadline_poll_ms(int64_t deadline);
/* Sleep, at most until the deadline. */
void clock_sleep_ms(int64_t ms, int64_t deadline);

#endif
