/* What the human renderer and its tables share. */
#ifndef SHOW_HUMAN_INT_H
#define SHOW_HUMAN_INT_H

#include "show/show.h"

struct human_line;

struct human_view {
	const struct status *s;
	const struct show_opts *o;
	bool utf8;
	struct human_line *lines; /* n of them, in the order of the tree */
	size_t n;
	int width; /* of the node table */
};

struct human_look {
	const char *utf8, *ascii; /* marks */
	const char *color, *code; /* for io/table.h, and on its own */
};

/* By severity. */
extern const struct human_look show_human_looks[];

/* Foreign text: on one line, and only what the terminal can show; "-" for NULL
 * and "". */
void show_human_add_or_dash(
    struct buf *b, const struct human_view *v, const char *text);
void show_human_add_lsn(struct buf *b, uint64_t lsn);
void show_human_add_colored(struct buf *b, const struct human_view *v,
    enum status_severity sev, const char *s);
void show_human_add_blanks(struct buf *b, int n);

/* Nodes, and the slots that matter; sets v->width.  0, -1: no memory. */
int show_human_tables(struct human_view *v, struct buf *out);

#endif
