/*
 * A configuration as the server reads it: the main file, and in their places
 * the files that it includes (guc-file.l of 9.0 to 18: include; include_dir and
 * include_if_exists from 9.3, an error before; at most 10 deep; names in a file
 * are relative to the directory of that file; of a directory the *.conf that do
 * not begin with a dot, in the order of their bytes).  Of settings that come
 * more than once the last counts.  Pure: files come through callbacks.
 */
#ifndef CORE_CONFWALK_H
#define CORE_CONFWALK_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

#define CONFWALK_DEPTH 10

enum confwalk_kind {
	CONFWALK_FILE,    /* a file begins; name and value are NULL */
	CONFWALK_SETTING, /* name = value */
	CONFWALK_INCLUDE, /* the path of what follows is in path */
	CONFWALK_INCLUDE_IF_EXISTS,
	CONFWALK_INCLUDE_DIR
};

struct confwalk_line {
	enum confwalk_kind kind;
	const char *file; /* absolute */
	unsigned number;  /* of the line, from 1; 0: FILE */
	const char *name, *value;
	const char *path; /* of an include: absolute */
	const char *text; /* FILE: the whole of it */
	size_t len;
};

struct confwalk_io {
	/* The content replaces text: 1, 0 there is no such file, -1. */
	int (*read)(
	    void *arg, const char *path, struct buf *text, struct err *e);
	/* Names in a directory, in any order, each with its NUL, replace names:
	 * 1, 0 there is no such directory, -1. */
	int (*list)(
	    void *arg, const char *dir, struct buf *names, struct err *e);
	void *arg;
};

typedef int confwalk_fn(
    void *arg, const struct confwalk_line *l, struct err *e);

/* Every file and every line that sets something, in the server's order; fn
 * returns -1 to end it.  main_file is absolute.  ERR_SETTING: an included file
 * that is not there, or more than CONFWALK_DEPTH within each other. */
int confwalk(const struct confwalk_io *io, const char *main_file, int version,
    confwalk_fn *fn, void *arg, struct err *e);

/* The value of a setting, and where it is set; owned.  Returns 1, 0 when it is
 * set nowhere, -1. */
struct confwalk_place {
	struct buf value, file;
	unsigned number;
};
int confwalk_get(const struct confwalk_io *io, const char *main_file,
    const char *name, int version, struct confwalk_place *place, struct err *e);
void confwalk_place_free(struct confwalk_place *place);

/* Of the names in a directory (list above) those that the server reads, in its
 * order: n of them, borrowed from names; to be freed.  NULL: no memory. */
const char **confwalk_names(const struct buf *names, size_t *n, struct err *e);

/* The path that name means in that file (or directory, with a slash behind
 * it), without "." and ".." and double slashes, is added to out. */
void confwalk_join(struct buf *out, const char *file, const char *name);

/*
 * A text with some lines changed.  edit: 0 the line stays, 1 it becomes what
 * was added to instead (with its line end; nothing: it is commented out), -1
 * no memory.
 */
typedef int confwalk_edit_fn(
    void *arg, const char *name, const char *value, struct buf *instead);
int confwalk_edit(const char *text, int version, confwalk_edit_fn *edit,
    void *arg, struct buf *out, struct err *e);

#endif
