#include "base/std.h"
#include "flow/confread.h"

#include <dirent.h>

static int
check(struct confread *r, int fd, const char *path, struct err *e)
{
	unsigned max = r->max_files != 0 ? r->max_files : CONFREAD_FILES;

	if (fstat(fd, &r->st) == -1)
		return err_set_errno(
		    e, ERR_SETTING, "could not look at \"%s\"", path);
	if (!S_ISREG(r->st.st_mode))
		return err_set(e, ERR_SETTING,
		    "configuration file \"%s\" is not a regular file", path);
	if (!r->any_owner && r->st.st_uid != geteuid() && r->st.st_uid != 0)
		return err_set(e, ERR_SETTING,
		    "configuration file \"%s\" belongs to neither the user of "
		    "the server nor root",
		    path);
	r->bound = true;
	if (r->st.st_size > (off_t)CONFREAD_MAX)
		return err_set(e, ERR_SETTING,
		    "configuration file \"%s\" has %" PRIu64
		    " bytes, more than %u",
		    path, (uint64_t)r->st.st_size, CONFREAD_MAX);
	if (++r->files > max)
		return err_set(e, ERR_SETTING,
		    "configuration of more than %u files: \"%s\"", max, path);
	r->bound = false;
	return 0;
}

/* One byte more than allowed would show that it grew. */
static int
read_all(int fd, const char *path, struct buf *text, struct err *e)
{
	ssize_t n = 1;
	char *p;

	while (n > 0 && text->len <= CONFREAD_MAX) {
		if ((p = buf_reserve(text, 65536)) == NULL)
			return err_set_nomem(e);
		do
			n = read(fd, p, 65536);
		while (n == -1 && errno == EINTR);
		if (n > 0)
			text->len += (size_t)n;
	}
	if (n == -1)
		return err_set_errno(
		    e, ERR_SETTING, "could not read \"%s\"", path);
	buf_addc(text, '\0');
	if (!buf_ok(text))
		return err_set_nomem(e);
	text->len--;
	if (text->len > CONFREAD_MAX ||
	    memchr(text->data, '\0', text->len) != NULL)
		return err_set(e, ERR_SETTING,
		    "configuration file \"%s\" is too big, or no text", path);
	return 1;
}

int
confread_file(
    struct confread *r, const char *path, struct buf *text, struct err *e)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc;

	buf_reset(text);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1)
		return err_set_errno(e, ERR_SETTING,
		    "could not open configuration file \"%s\"", path);
	rc = check(r, fd, path, e);
	if (rc == 0)
		rc = read_all(fd, path, text, e);
	(void)close(fd);
	return rc;
}

static int
read_one(void *arg, const char *path, struct buf *text, struct err *e)
{
	return confread_file(arg, path, text, e);
}

static bool
is_directory(DIR *d, const struct dirent *de)
{
	struct stat st;

	return fstatat(dirfd(d), de->d_name, &st, 0) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int
list_one(void *arg, const char *dir, struct buf *names, struct err *e)
{
	struct confread *r = arg;
	DIR *d = opendir(dir);
	struct dirent *de;
	unsigned n = 0;

	buf_reset(names);
	if (d == NULL && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (d == NULL)
		return err_set_errno(
		    e, ERR_SETTING, "could not read directory \"%s\"", dir);
	while ((de = readdir(d)) != NULL && n <= CONFREAD_NAMES) {
		if (is_directory(d, de))
			continue;
		buf_add(names, de->d_name, strlen(de->d_name) + 1);
		n++;
	}
	(void)closedir(d);
	r->bound = n > CONFREAD_NAMES;
	if (r->bound)
		return err_set(e, ERR_SETTING,
		    "directory \"%s\" of the configuration holds more than %u "
		    "files",
		    dir, CONFREAD_NAMES);
	return buf_ok(names) ? 1 : err_set_nomem(e);
}

struct confwalk_io
confread_io(struct confread *r)
{
	return (struct confwalk_io){
	    .read = read_one, .list = list_one, .arg = r};
}
