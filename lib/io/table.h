/* A table or tree on a terminal, by libsmartcols. */
#ifndef IO_TABLE_H
#define IO_TABLE_H

#include "base/std.h"
#include "base/buf.h"

struct table;

struct table_opts {
	bool utf8;  /* tree lines; else ASCII */
	bool color; /* of table_cell; else it is ignored */
	int width;  /* columns of the terminal; 0: no limit */
};

#define TABLE_RIGHT 1 /* right-aligned */
#define TABLE_TREE 2  /* this column shows the tree */
#define TABLE_CUT 4   /* may be shortened when the table is too wide */

/* utf8 counts only where table_utf8() is true.  NULL: no memory. */
struct table *table_new(const struct table_opts *o);
void table_free(struct table *t);
/* Columns in order, before the first row.  Index, or -1. */
int table_column(struct table *t, const char *name, unsigned flags);
/* A row below parent (-1: a root).  Index, or -1. */
int table_row(struct table *t, int parent);
/* Text is copied; color: a name as libsmartcols knows it ("red", "brown",
 * "green", "bold"), or NULL.  0, -1. */
int table_cell(
    struct table *t, int row, int column, const char *text, const char *color);
/* Heading and rows, "\n" behind each; no blanks at the end of lines. 0, -1. */
int table_print(struct table *t, struct buf *out);

/* Is the character set of the locale (LC_CTYPE) UTF-8? */
bool table_utf8(void);
/* Columns that a line takes on the terminal, as the locale counts them;
 * "\033[...m" takes none. */
int table_width(const char *text);

#endif
