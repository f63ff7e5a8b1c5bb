#include "base/std.h"
#include "io/outfile.h"

static int
write_all(int fd, const char *data, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = write(fd, data, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -1;
		data += w;
		n -= (size_t)w;
	}
	return 0;
}

/* Some file systems tell only at the end that there was no room. */
static int
fill(int fd, mode_t mode, bool sync, const void *data, size_t n)
{
	int rc = write_all(fd, data, n), saved;

	if (rc == 0)
		rc = fchmod(fd, mode);
	if (rc == 0 && sync)
		rc = fsync(fd);
	saved = errno;
	if (close(fd) == -1 && rc == 0)
		return -1;
	errno = saved;
	return rc;
}

static int
check_old(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) == -1) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(
		    e, ERR_IO, "could not write file \"%s\"", path);
	}
	if (S_ISREG(st.st_mode))
		return 0;
	return err_set(e, ERR_IO,
	    "could not write file \"%s\": it is there and not a regular file",
	    path);
}

int
outfile_write(const char *path, mode_t mode, bool sync, const void *data,
    size_t n, struct err *e)
{
	char tmp[PATH_MAX];
	int fd, len = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);

	if (check_old(path, e) == -1)
		return -1;
	if ((size_t)len >= sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return err_set_errno(
		    e, ERR_IO, "could not write file \"%s\"", path);
	}
	if ((fd = mkostemp(tmp, O_CLOEXEC)) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not create a file beside \"%s\"", path);
	if (fill(fd, mode, sync, data, n) == -1 || rename(tmp, path) == -1) {
		(void)err_set_errno(
		    e, ERR_IO, "could not write file \"%s\"", path);
		(void)unlink(tmp);
		return -1;
	}
	return 0;
}
