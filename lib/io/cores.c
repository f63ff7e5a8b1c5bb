#include "base/std.h"
#include "io/cores.h"

#include <fcntl.h>
#include <sched.h>

#define CGROUP "/sys/fs/cgroup"

static bool
read_text(const char *file, char *text, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, size - 1);

	if (fd != -1)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The tighter bound of two: quota / period. */
static void
bound(struct cores_host *h, uint64_t quota, uint64_t period)
{
	if (quota == 0 || period == 0)
		return;
	if (h->quota != 0 && (double)h->quota / (double)h->period <=
				 (double)quota / (double)period)
		return;
	h->quota = quota;
	h->period = period;
}

/* Each group above it may be bound too. */
static void
look_v2(struct cores_host *h, char *group)
{
	char file[PATH_MAX], text[128];
	uint64_t quota, period;
	char *slash;

	for (;;) {
		(void)snprintf(file, sizeof(file), CGROUP "%s/cpu.max", group);
		if (read_text(file, text, sizeof(text)) &&
		    sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2)
			bound(h, quota, period);
		if ((slash = strrchr(group, '/')) == NULL)
			return;
		*slash = '\0';
	}
}

static void
look_v1(struct cores_host *h, const char *name, const char *group)
{
	static const char *const files[] = {
	    "cpu.cfs_quota_us", "cpu.cfs_period_us"};
	char file[PATH_MAX], text[64];
	uint64_t v[2] = {0, 0};

	for (size_t i = 0; i < NELEM(files); i++) {
		(void)snprintf(file, sizeof(file), CGROUP "/%s%s/%s", name,
		    group, files[i]);
		/* "-1": no bound */
		if (read_text(file, text, sizeof(text)) && text[0] != '-')
			v[i] = strtoull(text, NULL, 10);
	}
	bound(h, v[0], v[1]);
}

/* Lines "0::/a/b" (v2), "4:cpu,cpuacct:/a/b" (v1). */
static void
look_group(struct cores_host *h)
{
	char text[4096], *line, *save = NULL, *name, *group;

	if (!read_text("/proc/self/cgroup", text, sizeof(text)))
		return;
	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if ((name = strchr(line, ':')) == NULL ||
		    (group = strchr(name + 1, ':')) == NULL)
			continue;
		*group++ = '\0';
		name++;
		if (strcmp(group, "/") == 0)
			group++;
		if (*name == '\0')
			look_v2(h, group);
		else if (strcmp(name, "cpu") == 0 ||
			 strncmp(name, "cpu,", 4) == 0)
			look_v1(h, name, group);
	}
}

void
cores_look(struct cores_host *h)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	*h = (struct cores_host){.online = online > 0 ? (unsigned)online : 0};
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		h->allowed = (unsigned)CPU_COUNT(&set);
	look_group(h);
}

unsigned
cores_count(const struct cores_host *h)
{
	unsigned n = h->online;

	if (n == 0)
		return h->allowed;
	if (h->allowed > 0)
		n = MIN_OF(n, h->allowed);
	/* Half a processor is better than none. */
	if (h->quota > 0 && h->period > 0)
		n = (unsigned)MIN_OF(
		    (uint64_t)n, (h->quota + h->period - 1) / h->period);
	return n;
}

unsigned
cores_usable(void)
{
	struct cores_host h;

	cores_look(&h);
	return cores_count(&h);
}
