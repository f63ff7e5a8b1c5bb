/*
 * A host whose clock is wrong, for LD_PRELOAD: wall clock and times of files
 * are shifted by the seconds that the file $CLOCKSHIFT holds, read anew each
 * time, so that the clock can be stepped.  The monotonic clock stays, as it
 * does where a clock is set.
 */
#define _GNU_SOURCE 1
#include <sys/stat.h>
#include <sys/time.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long
shift(void)
{
	const char *file = getenv("CLOCKSHIFT");
	char text[32] = "";
	int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return 0;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	(void)close(fd);
	return atol(text);
}

static void
shift_stat(struct stat *st)
{
	long by = shift();

	st->st_atim.tv_sec += by;
	st->st_mtim.tv_sec += by;
	st->st_ctim.tv_sec += by;
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real(id, t);
	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += shift();
	return rc;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	t->tv_sec = ts.tv_sec;
	t->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *to)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (to != NULL)
		*to = ts.tv_sec;
	return ts.tv_sec;
}

int
fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags)
{
	static int (*real)(int, const char *, struct stat *, int);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fstatat");
	rc = real(dir, path, st, flags);
	if (rc == 0)
		shift_stat(st);
	return rc;
}

int
fstat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

int
stat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, 0);
}

int
lstat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}
