/*
 * The files that pg_hba.conf and pg_ident.conf name, as the server reads them
 * (hba.c of 9.0 to 18): "@name" in any field, a list that is read in its place;
 * from 16 on a line of its own with include, include_if_exists or include_dir.
 * Names are relative to the directory of the file they stand in.  Words are
 * separated by blanks and commas; "..." holds blanks, commas and #, and ""
 * within it is a quote; a word that begins with a quote names no file.  From 14
 * on a line goes on behind a backslash at its end.  Pure: files come through
 * the callbacks of core/confwalk.h.
 */
#ifndef CORE_HBAFILE_H
#define CORE_HBAFILE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/confwalk.h"

#define HBAFILE_DEPTH 10 /* as the server has it from 16 on */

enum hbafile_kind {
	HBAFILE_FILE, /* a file begins */
	HBAFILE_LIST, /* "@name" */
	HBAFILE_INCLUDE,
	HBAFILE_INCLUDE_IF_EXISTS,
	HBAFILE_INCLUDE_DIR
};

struct hbafile_line {
	enum hbafile_kind kind;
	const char *file; /* absolute */
	unsigned number;  /* of the line, from 1; 0: FILE */
	const char *path; /* what is named, absolute; FILE: NULL */
	const char *text; /* FILE: the whole of it */
	size_t len;
};

typedef int hbafile_fn(void *arg, const struct hbafile_line *l, struct err *e);

/*
 * Every file once, main_file (absolute) first, and everything that they name.
 * What is not there is no error: the server has its own view of that.  fn
 * returns -1 to end it.  ERR_SETTING: more than HBAFILE_DEPTH within each
 * other.
 */
int hbafile_walk(const struct confwalk_io *io, const char *main_file,
    int version, hbafile_fn *fn, void *arg, struct err *e);

/*
 * A text with some names changed.  edit gets a name as it is written there: 0
 * it stays, 1 it becomes what was added to instead, -1 e.  A line with a
 * change is written anew, on one line; the others stay byte for byte.
 * ERR_SETTING: a changed one would be more than that server reads (pgver_hba).
 */
typedef int hbafile_edit_fn(void *arg, enum hbafile_kind kind, const char *name,
    struct buf *instead, struct err *e);
int hbafile_edit(const char *text, int version, hbafile_edit_fn *edit,
    void *arg, struct buf *out, struct err *e);

#endif
