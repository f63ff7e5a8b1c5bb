/*
 * A file system of a few literals, for what is read through struct confwalk_io:
 *
 *	static const struct file files[] = {
 *	    TEXT("/e/a.conf", "b = c\n"), DIR("/e/d", "x.conf\0y.conf"), END};
 *	struct confwalk_io io = files_io(files);
 */
#ifndef UNIT_FILES_H
#define UNIT_FILES_H

#include "base/std.h"

#include "core/confwalk.h"

struct file {
	const char *path, *text; /* text NULL: a directory, names in list */
	const char *list;
	size_t len;
};

#define TEXT(path, text)                                                       \
	{                                                                      \
		path, text, NULL, 0                                            \
	}
#define DIR(path, names)                                                       \
	{                                                                      \
		path, NULL, names, sizeof(names)                               \
	}
#define END                                                                    \
	{                                                                      \
		NULL, NULL, NULL, 0                                            \
	}

static int
files_read(void *arg, const char *path, struct buf *text, struct err *e)
{
	(void)e;
	buf_reset(text);
	for (const struct file *f = arg; f->path != NULL; f++)
		if (f->text != NULL && strcmp(f->path, path) == 0) {
			buf_adds(text, f->text);
			return 1;
		}
	return 0;
}

static int
files_list(void *arg, const char *dir, struct buf *names, struct err *e)
{
	(void)e;
	buf_reset(names);
	for (const struct file *f = arg; f->path != NULL; f++)
		if (f->list != NULL && strcmp(f->path, dir) == 0) {
			buf_add(names, f->list, f->len);
			return 1;
		}
	return 0;
}

static struct confwalk_io
files_io(const struct file *files)
{
	return (struct confwalk_io){.read = files_read,
	    .list = files_list,
	    .arg = (void *)(uintptr_t)files};
}

#endif
