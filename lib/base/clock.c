#include "base/std.h"
#include "base/clock.h"

static int64_t
us_of(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
	return us_of(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_us(void)
{
	return us_of(CLOCK_MONOTONIC);
}

int64_t
clock_cpu_us(void)
{
	return us_of(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t
deadline_in(int64_t ms)
{
	int64_t now = clock_ms();

	if (ms <= 0 || ms > INT64_MAX - now)
		return DEADLINE_NEVER;
	return now + ms;
}

bool
deadline_passed(int64_t deadline)
{
	return deadline != DEADLINE_NEVER && clock_ms() >= deadline;
}

int
deadline_poll_ms(int64_t deadline)
{
	int64_t left;

	if (deadline == DEADLINE_NEVER)
		return -1;
	left = deadline - clock_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void
clock_sleep_ms(int64_t ms, int64_t deadline)
{
	struct timespec ts;
	int64_t left = deadline == DEADLINE_NEVER ? ms : deadline - clock_ms();

	if (left < ms)
		ms = left;
	if (ms <= 0)
		return;
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = (ms % 1000) * 1000000;
	(void)nanosleep(&ts, NULL);
}
