#include "base/std.h"
#include "io/table.h"

#include <langinfo.h>
#include <wchar.h>

#include <libsmartcols/libsmartcols.h>

#define GAP "  " /* between columns */

struct table {
	struct libscols_table *tb;
	int ncolumns;
	struct libscols_line **lines; /* borrowed from tb */
	size_t n, cap;
};

bool
table_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Behind "\033[...m", or s when that does not stand there. */
static const char *
skip_color(const char *s)
{
	const char *p = s;

	if (p[0] != '\033' || p[1] != '[')
		return s;
	for (p += 2; (*p >= '0' && *p <= '9') || *p == ';'; p++)
		;
	return *p == 'm' ? p + 1 : s;
}

int
table_width(const char *text)
{
	size_t left = strlen(text), used;
	const char *next;
	mbstate_t st;
	wchar_t wc;
	int width = 0, w;

	memset(&st, 0, sizeof(st));
	while (left > 0 && width < INT_MAX - 2) {
		if ((next = skip_color(text)) != text) {
			left -= (size_t)(next - text);
			text = next;
			continue;
		}
		used = mbrtowc(&wc, text, left, &st);
		if (used == 0 || used == (size_t)-1 || used == (size_t)-2) {
			memset(&st, 0, sizeof(st));
			used = 1;
			w = 1;
		} else if ((w = wcwidth(wc)) < 0) {
			w = 1;
		}
		width += w;
		text += used;
		left -= used;
	}
	return width;
}

struct table *
table_new(const struct table_opts *o)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->tb = scols_new_table()) == NULL)
		goto fail;
	if (scols_table_set_column_separator(t->tb, GAP) != 0 ||
	    scols_table_enable_ascii(t->tb, !o->utf8 || !table_utf8()) != 0 ||
	    scols_table_enable_colors(t->tb, o->color) != 0 ||
	    scols_table_set_termforce(t->tb, o->width > 0
						 ? SCOLS_TERMFORCE_ALWAYS
						 : SCOLS_TERMFORCE_NEVER) != 0)
		goto fail;
	if (o->width > 0 &&
	    scols_table_set_termwidth(t->tb, (size_t)o->width) != 0)
		goto fail;
	return t;
fail:
	table_free(t);
	return NULL;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	if (t->tb != NULL)
		scols_unref_table(t->tb);
	free(t->lines);
	free(t);
}

int
table_column(struct table *t, const char *name, unsigned flags)
{
	int f = 0;

	if (flags & TABLE_RIGHT)
		f |= SCOLS_FL_RIGHT;
	if (flags & TABLE_TREE)
		f |= SCOLS_FL_TREE;
	if (flags & TABLE_CUT)
		f |= SCOLS_FL_TRUNC;
	if (scols_table_new_column(t->tb, name, 0, f) == NULL)
		return -1;
	return t->ncolumns++;
}

static int
make_room(struct table *t)
{
	size_t cap = t->cap == 0 ? 16 : t->cap * 2;
	struct libscols_line **p;

	if (t->n < t->cap)
		return 0;
	if (t->n >= INT_MAX / 2 ||
	    (p = realloc(t->lines, cap * sizeof(*p))) == NULL)
		return -1;
	t->lines = p;
	t->cap = cap;
	return 0;
}

int
table_row(struct table *t, int parent)
{
	struct libscols_line *above = NULL, *line;

	if (parent < -1 || (parent >= 0 && (size_t)parent >= t->n) ||
	    make_room(t) == -1)
		return -1;
	if (parent >= 0)
		above = t->lines[parent];
	if ((line = scols_table_new_line(t->tb, above)) == NULL)
		return -1;
	t->lines[t->n] = line;
	return (int)t->n++;
}

int
table_cell(
    struct table *t, int row, int column, const char *text, const char *color)
{
	struct libscols_cell *cell;

	if (row < 0 || (size_t)row >= t->n || column < 0 ||
	    column >= t->ncolumns)
		return -1;
	cell = scols_line_get_cell(t->lines[row], (size_t)column);
	if (cell == NULL || scols_cell_set_data(cell, text) != 0)
		return -1;
	/* A colour that this version does not know is none. */
	if (color != NULL)
		(void)scols_cell_set_color(cell, color);
	return 0;
}

/* Lines without the blanks at their ends, which the library leaves. */
static void
add_trimmed(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n"), n = len;

		while (n > 0 && text[n - 1] == ' ')
			n--;
		buf_add(out, text, n);
		buf_addc(out, '\n');
		text += len + (text[len] == '\n');
	}
}

int
table_print(struct table *t, struct buf *out)
{
	char *text = NULL;

	if (scols_print_table_to_string(t->tb, &text) != 0) {
		free(text);
		return -1;
	}
	if (text != NULL)
		add_trimmed(out, text);
	free(text);
	return buf_ok(out) ? 0 : -1;
}
