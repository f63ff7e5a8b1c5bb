#include "base/std.h"
#include "core/crew.h"

#define BYTES_EACH (UINT64_C(64) << 20) /* worth a session more */
#define FILES_EACH 1000
#define PAUSE_MS 500
#define PAUSE_MAX_MS 30000
#define AT_ONCE 3

unsigned
crew_most(unsigned asked, unsigned here)
{
	if (asked > 0)
		return MIN_OF(asked, (unsigned)CREW_MAX);
	return here == 0 ? CREW_AUTO_MAX
			 : MIN_OF(here, (unsigned)CREW_AUTO_MAX);
}

unsigned
crew_size(const struct crew_facts *f)
{
	unsigned n = crew_most(f->asked, f->here);
	uint64_t work =
	    1 + MAX_OF(f->bytes / BYTES_EACH, f->files / FILES_EACH);

	if (f->asked > 0)
		return n;
	if (f->there > 0)
		n = MIN_OF(n, f->there);
	return (unsigned)MIN_OF((uint64_t)n, work);
}

unsigned
crew_at_once(unsigned drops)
{
	return drops == 0 ? AT_ONCE : 1;
}

int64_t
crew_pause_ms(unsigned n)
{
	int64_t ms = PAUSE_MS;

	for (unsigned i = 1; i < n && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	return MIN_OF(ms, (int64_t)PAUSE_MAX_MS);
}
