#include "base/std.h"
#include "base/buf.h"
#include "base/filestamp.h"
#include "io/fskind.h"

#include <sys/vfs.h>

#define PROC_MAX (4u << 20) /* bytes of a file of /proc that are looked at */

static int
read_proc(const char *path, struct buf *b)
{
	char part[4096];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	while (b->len < PROC_MAX && (n = read(fd, part, sizeof(part))) > 0)
		buf_add(b, part, (size_t)n);
	(void)close(fd);
	return n == 0 && buf_ok(b) ? 0 : -1;
}

/* The number of its mount, as the kernel tells it since 3.15. */
static int
mount_of(int fd, uint64_t *mount)
{
	static const char key[] = "mnt_id:";
	char path[64];
	struct buf b = BUF_INIT;
	const char *p;
	int rc = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_proc(path, &b) == 0 &&
	    (p = strstr(buf_str(&b), key)) != NULL) {
		*mount = strtoull(p + strlen(key), NULL, 10);
		rc = 0;
	}
	buf_free(&b);
	return rc;
}

static bool
look(int fd, uint64_t dev)
{
	struct buf b = BUF_INIT;
	struct statfs fs;
	uint64_t mount;
	bool keeps;

	if (fstatfs(fd, &fs) == -1 ||
	    !filestamp_known_fs((uint64_t)(unsigned long)fs.f_type) ||
	    mount_of(fd, &mount) == -1)
		return false;
	keeps = read_proc("/proc/self/mountinfo", &b) == 0 &&
		filestamp_lazytime(buf_str(&b), mount, dev) == 0;
	buf_free(&b);
	return keeps;
}

bool
fskind_keeps(struct fskind *k, int fd, uint64_t dev)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (k->v[i].dev == dev)
			return k->v[i].keeps;
	if (k->n < FSKIND_MAX)
		i = k->n++;
	else
		i = k->next++ % FSKIND_MAX;
	k->v[i].dev = dev;
	k->v[i].keeps = look(fd, dev);
	return k->v[i].keeps;
}
