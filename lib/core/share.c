#include "base/std.h"
#include "core/crew.h"
#include "core/share.h"

/* What it will send; total: as much as it may.  An eighth more than that is
 * eight ninths of the rate: nine tenths are all that it may. */
static uint64_t
expected(uint64_t total, const struct share *s)
{
	if (!s->busy)
		return 0;
	if (s->speed >= s->rate - s->rate / 10)
		return total;
	return MIN_OF(s->speed, total);
}

/* Room to show that it has more. */
static uint64_t
allowed(uint64_t total, const struct share *s, uint64_t use)
{
	uint64_t rate = s->busy ? use + use / 8 + total / 128 : 0;

	return MAX_OF(MIN_OF(rate, total), UINT64_C(1));
}

/* What nobody needs is divided too: who sends little now may send more soon. */
static void
give(struct share *v, size_t n, uint64_t rest)
{
	size_t left = 0;
	bool idle;

	for (size_t i = 0; i < n; i++)
		left += v[i].busy;
	idle = left == 0;
	left = idle ? n : left;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].busy && !idle)
			continue;
		v[i].rate = MAX_OF(v[i].rate, rest / left);
		rest -= rest / left--;
	}
}

/* The smallest first: what they leave makes the parts larger. */
void
share_out(uint64_t total, struct share *v, size_t n)
{
	uint64_t use[CREW_MAX], rest = total;
	bool settled[CREW_MAX] = {false};

	n = MIN_OF(n, (size_t)CREW_MAX);
	for (size_t i = 0; i < n; i++)
		use[i] = expected(total, &v[i]);
	for (size_t left = n; left > 0; left--) {
		uint64_t part = rest / left;
		size_t k = n;

		for (size_t i = 0; i < n; i++)
			if (!settled[i] && (k == n || use[i] < use[k]))
				k = i;
		settled[k] = true;
		v[k].rate = use[k] > part ? MAX_OF(part, UINT64_C(1))
					  : allowed(total, &v[k], use[k]);
		rest -= MIN_OF(use[k], part);
	}
	give(v, n, rest);
}

int64_t
share_accrued(int64_t rate, int64_t ms, int64_t *part)
{
	int64_t whole;

	ms = MIN_OF(ms, 1000);
	*part += rate % 1000 * ms;
	whole = *part / 1000;
	*part %= 1000;
	return rate / 1000 * ms + whole;
}
