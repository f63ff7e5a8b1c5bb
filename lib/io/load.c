#include "base/std.h"
#include "base/clock.h"
#include "io/load.h"

#include <fcntl.h>

/* The first line: "cpu  user nice system idle iowait ...", in clock ticks. */
static int64_t
idle_ms(void)
{
	unsigned long long idle, iowait;
	char text[256];
	long hz = sysconf(_SC_CLK_TCK);
	ssize_t n;
	int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0 || hz <= 0)
		return -1;
	text[n] = '\0';
	if (sscanf(text, "cpu %*u %*u %*u %llu %llu", &idle, &iowait) != 2)
		return -1;
	return (int64_t)((idle + iowait) * 1000 / (unsigned long long)hz);
}

void
load_begin(struct load *l)
{
	l->idle = idle_ms();
	l->at = clock_us();
}

int
load_idle(struct load *l)
{
	struct load before = *l;

	load_begin(l);
	if (l->idle == -1 || before.idle == -1 || l->at <= before.at)
		return -1;
	return (
	    int)((l->idle - before.idle) * 1000 * 100 / (l->at - before.at));
}
