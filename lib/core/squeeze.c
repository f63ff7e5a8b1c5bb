#include "base/std.h"
#include "core/squeeze.h"

#define PAUSE_MAX 64

/* Measured on pages of pgbench, of hexadecimal text and of their indexes, in
 * frames of 256 kB (t/bench): 3 GB/s to 0.7 GB/s, 3 to 0.7 GB/s, 2.9 to 0.45
 * GB/s; level 6 runs at 0.12 GB/s, and is not always the smaller one. */
static const struct squeeze_step steps[SQUEEZE_STEPS] = {
    {-1, 0, 40, 700}, /* thrift: only what shrinks to 2/5 */
    {-5, 0, 18, 700},
    {1, 0, 17, 450},
    {1, 6, 17, 95},
};

#define FIRST_STEP 1

void
squeeze_begin(struct squeeze *s)
{
	*s = (struct squeeze){.step = FIRST_STEP, .pause = 1};
}

const struct squeeze_step *
squeeze_step(const struct squeeze *s)
{
	return &steps[s->step];
}

/* At the pace of this window the step takes less than a tenth of a processor.
 */
static bool
is_cheap(unsigned step, const struct squeeze_window *w)
{
	return step < SQUEEZE_STEPS &&
	       w->raw * 10 <= w->wall * steps[step].speed;
}

/* Which way the window points: 1 up, -1 down, 0 stay. */
static int
direction(unsigned step, const struct squeeze_window *w)
{
	bool tight = w->idle >= 0 && w->idle < 20;
	bool spare = w->idle < 0 || w->idle >= 50;

	if (w->cpu * 10 > w->wall * 9 ||
	    (!is_cheap(step, w) && (tight || step == SQUEEZE_STEPS - 1)))
		return -1;
	if (w->waited * 2 <= w->wall)
		return 0;
	return is_cheap(step + 1, w) || (spare && step + 1 < SQUEEZE_STEPS - 1)
		   ? 1
		   : 0;
}

int
squeeze_adapt(struct squeeze *s, const struct squeeze_window *w)
{
	int way = w->raw == 0 ? 0 : direction(s->step, w);

	if (s->wait > 0)
		s->wait--;
	if (way == 0 || (way < 0 && s->step == 0) ||
	    (way > 0 && s->step == SQUEEZE_STEPS - 1))
		return 0;
	if (s->last == -way) {
		if (s->wait > 0)
			return 0;
		s->pause = MIN_OF(s->pause * 2, (unsigned)PAUSE_MAX);
	}
	s->step = way > 0 ? s->step + 1 : s->step - 1;
	s->wait = s->pause;
	s->last = way;
	return 1;
}
