#include "base/std.h"
#include "base/filestamp.h"

#include <sys/sysmacros.h>

#define SECOND INT64_C(1000000000)

bool
filestamp_same(const struct filestamp *a, const struct filestamp *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns && a->ino == b->ino &&
	       a->dev == b->dev;
}

bool
filestamp_fine(const struct filestamp *s)
{
	return s->ctime_ns > 0 && s->ctime_ns % SECOND != 0;
}

bool
filestamp_settled(const struct filestamp *s,
    const struct filestamp_clock *opened, const struct filestamp_clock *now)
{
	int64_t real, boot, step;

	if (opened->real_ns <= 0 || opened->boot_ns <= 0 || now->real_ns <= 0 ||
	    now->boot_ns < opened->boot_ns)
		return false;
	real = now->real_ns - opened->real_ns;
	boot = now->boot_ns - opened->boot_ns;
	/* Of two that are above 0, so that nothing overflows but this. */
	if (__builtin_sub_overflow(real, boot, &step) ||
	    step > FILESTAMP_STEP_NS || step < -FILESTAMP_STEP_NS)
		return false;
	return filestamp_fine(s) &&
	       s->ctime_ns <= opened->real_ns - FILESTAMP_REST_NS;
}

bool
filestamp_known_fs(uint64_t magic)
{
	switch (magic) {
	case 0xef53:     /* ext2, ext3, ext4 */
	case 0x58465342: /* XFS */
	case 0x9123683e: /* btrfs */
	case 0x2fc12fc1: /* ZFS */
		return true;
	}
	return false;
}

/* "lazytime" as a word of a list of options. */
static bool
has_lazytime(const char *line, size_t n)
{
	static const char word[] = "lazytime";
	const size_t len = sizeof(word) - 1;

	for (size_t i = 1; i + len <= n; i++)
		if (memcmp(line + i, word, len) == 0 &&
		    (line[i - 1] == ',' || line[i - 1] == ' ') &&
		    (i + len == n || line[i + len] == ',' ||
			line[i + len] == ' '))
			return true;
	return false;
}

/* "27 1 254:0 / / rw ...": is that the device? */
static bool
is_device(const char *line, uint64_t dev)
{
	char *end;

	(void)strtoull(line, &end, 10);
	(void)strtoull(end, &end, 10);
	if (strtoull(end, &end, 10) != major(dev) || *end != ':')
		return false;
	return end[1] >= '0' && end[1] <= '9' &&
	       strtoull(end + 1, &end, 10) == minor(dev) && *end == ' ';
}

int
filestamp_lazytime(const char *mountinfo, uint64_t mount, uint64_t dev)
{
	const char *p = mountinfo;
	int of_device = -1;

	while (*p != '\0') {
		size_t n = strcspn(p, "\n");
		bool is_mount;
		char *end;

		is_mount = *p >= '0' && *p <= '9' &&
			   strtoull(p, &end, 10) == mount && *end == ' ';
		if (is_mount)
			return has_lazytime(p, n) ? 1 : 0;
		if (*p >= '0' && *p <= '9' && is_device(p, dev) &&
		    of_device != 1)
			of_device = has_lazytime(p, n) ? 1 : 0;
		p += n + (p[n] == '\n');
	}
	return of_device;
}
