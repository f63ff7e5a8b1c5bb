#include "base/std.h"
#include "core/text.h"
#include "io/table.h"
#include "show/show_human_int.h"
#include "show/show_int.h"

#define MARK 2         /* columns of the mark and the blank behind it */
#define GAP 2          /* between columns, as io/table.c has it */
#define MAX_DELAY 1e12 /* s; more is no time */

/* A node as a line of the tree. */
struct human_line {
	int node, parent; /* parent: a line, -1 */
	int depth;
};

/* "21 MB", not "21.0 MB". */
static void
add_size(struct buf *b, uint64_t bytes)
{
	struct buf t = BUF_INIT;
	const char *text, *zero;

	text_add_size(&t, bytes);
	text = buf_str(&t);
	if ((zero = strstr(text, ".0 ")) != NULL) {
		buf_add(b, text, (size_t)(zero - text));
		text = zero + 2;
	}
	buf_adds(b, text);
	b->failed = b->failed || t.failed;
	buf_free(&t);
}

static void
add_bytes(struct buf *b, int64_t bytes)
{
	if (bytes < 0)
		buf_adds(b, "-");
	else
		add_size(b, (uint64_t)bytes);
}

/* Below 10 ms with a decimal: an idle standby has 0 s, one that works some. */
static void
add_seconds(struct buf *b, double s)
{
	if (!(s >= 0) || s > MAX_DELAY)
		buf_adds(b, "-");
	else if (s == 0)
		buf_adds(b, "0 s");
	else if (s < 0.01)
		buf_addf(b, "%.1f ms", MAX_OF(s * 1000, 0.1));
	else
		text_add_duration(b, (int64_t)(s * 1000 + 0.5));
}

/* --- cells ---------------------------------------------------------------- */

static void
cell_node(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	show_human_add_or_dash(b, v, n->name);
}

static void
cell_role(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	show_human_add_or_dash(b, v, status_role_name(n->role));
}

static void
cell_state(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	show_human_add_or_dash(b, v, n->state);
}

static void
cell_sync(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	show_human_add_or_dash(b, v, n->sync);
}

/* What a primary would say of itself as a receiver has no meaning. */
static void
add_standby_lsn(struct buf *b, const struct status_node *n, uint64_t lsn)
{
	show_human_add_lsn(b, n->role == ROLE_PRIMARY ? LSN_INVALID : lsn);
}

static void
cell_sent(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_standby_lsn(b, n, n->sent);
}

static void
cell_received(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_standby_lsn(b, n, n->received);
}

static void
cell_replayed(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_standby_lsn(b, n, n->replayed);
}

static void
cell_flushed(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	int version;
	const struct status_sender *sender = show_sender(v->s, n, &version);

	add_standby_lsn(
	    b, n, sender != NULL ? sender->flush : n->receiver.flushed);
}

static void
add_standby_bytes(struct buf *b, const struct status_node *n, int64_t bytes)
{
	add_bytes(b, n->role == ROLE_PRIMARY ? -1 : bytes);
}

static void
cell_receive_lag(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_standby_bytes(b, n, n->receive_lag);
}

static void
cell_replay_lag(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_standby_bytes(b, n, n->replay_lag);
}

static void
cell_upstream_lag(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_standby_bytes(b, n, n->upstream_lag);
}

static void
cell_delay(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_seconds(b, n->role == ROLE_PRIMARY ? -1 : n->delay);
}

static void
cell_rate(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	if (!(n->rate >= 0) || n->rate > 1e18) {
		buf_adds(b, "-");
		return;
	}
	add_size(b, (uint64_t)n->rate);
	buf_adds(b, "/s");
}

static void
cell_eta(struct buf *b, const struct human_view *v, const struct status_node *n)
{
	(void)v;
	add_seconds(b, n->role == ROLE_PRIMARY ? -1 : n->eta);
}

/* "15.4", not "15.4 (Debian 15.4-1.pgdg120+1)". */
static void
cell_version(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	char text[32] = "";

	if (n->version_text != NULL)
		(void)snprintf(text, sizeof(text), "%.*s",
		    (int)MIN_OF(strcspn(n->version_text, " "), 31),
		    n->version_text);
	show_human_add_or_dash(b, v, text);
}

static void
cell_timeline(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	uint32_t tli = status_shown_timeline(n);

	(void)v;
	if (tli == 0)
		buf_adds(b, "-");
	else
		buf_addf(b, "%" PRIu32, tli);
}

static void
cell_slot(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	show_human_add_or_dash(b, v, show_slot(v->s, n));
}

/* --- columns -------------------------------------------------------------- */

enum when { ALWAYS, RATES, VERBOSE };

/* drop: the lowest goes first when it gets too wide; 0 stays.  problem: the
 * ids that are about this column, each with a blank behind it. */
static const struct column {
	const char *name;
	unsigned flags;
	int drop;
	enum when when;
	void (*cell)(struct buf *b, const struct human_view *v,
	    const struct status_node *n);
	const char *problems;
} columns[] = {
    {"NODE", TABLE_TREE | TABLE_CUT, 0, ALWAYS, cell_node, ""},
    {"ROLE", 0, 12, ALWAYS, cell_role, "two-primaries "},
    {"STATE", 0, 0, ALWAYS, cell_state,
	"unreachable hung not-streaming sender-missing receiver-missing "},
    {"VERSION", 0, 4, VERBOSE, cell_version, ""},
    {"TLI", TABLE_RIGHT, 5, VERBOSE, cell_timeline, "timeline "},
    {"SYNC", 0, 6, ALWAYS, cell_sync, ""},
    {"SLOT", 0, 3, VERBOSE, cell_slot, ""},
    {"SENT", 0, 7, ALWAYS, cell_sent, ""},
    {"RECEIVED", 0, 8, ALWAYS, cell_received, ""},
    {"FLUSHED", 0, 1, VERBOSE, cell_flushed, ""},
    {"REPLAYED", 0, 9, ALWAYS, cell_replayed, "replay-paused "},
    {"UPSTREAM LAG", TABLE_RIGHT, 2, VERBOSE, cell_upstream_lag, ""},
    {"RECV LAG", TABLE_RIGHT, 10, ALWAYS, cell_receive_lag, "receive-lag "},
    {"REPLAY LAG", TABLE_RIGHT, 0, ALWAYS, cell_replay_lag, "replay-lag "},
    {"DELAY", TABLE_RIGHT, 0, ALWAYS, cell_delay, "delay "},
    {"RATE", TABLE_RIGHT, 11, RATES, cell_rate, "not-moving "},
    {"ETA", TABLE_RIGHT, 11, RATES, cell_eta, ""},
};
#define NCOLUMNS NELEM(columns)

/* Columns that column c takes. */
static int
column_width(const struct human_view *v, size_t c)
{
	int width = table_width(columns[c].name), w;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < v->n; i++) {
		buf_reset(&b);
		columns[c].cell(&b, v, &v->s->nodes[v->lines[i].node]);
		w = table_width(buf_str(&b));
		if (columns[c].flags & TABLE_TREE)
			w += 2 * v->lines[i].depth;
		width = MAX_OF(width, w);
	}
	buf_free(&b);
	return width;
}

static bool
is_wanted(const struct show_opts *o, enum when when)
{
	return when == ALWAYS || (when == RATES && o->rates) ||
	       (when == VERBOSE && o->verbose > 0);
}

/* The columns that there is room for; sets v->width. */
static void
choose_columns(struct human_view *v, bool *shown)
{
	int width[NCOLUMNS], drop;

	v->width = MARK - GAP;
	for (size_t c = 0; c < NCOLUMNS; c++) {
		shown[c] = is_wanted(v->o, columns[c].when);
		width[c] = shown[c] ? GAP + column_width(v, c) : 0;
		v->width += width[c];
	}
	for (drop = 1; v->o->width > 0 && v->width > v->o->width; drop++) {
		size_t left = 0;

		for (size_t c = 0; c < NCOLUMNS; c++) {
			left += columns[c].drop > drop;
			if (shown[c] && columns[c].drop == drop) {
				shown[c] = false;
				v->width -= width[c];
			}
		}
		if (left == 0)
			break;
	}
	if (v->o->width > 0)
		v->width = MIN_OF(v->width, v->o->width);
}

/* Is it about that node?  Who writes is each of those that do. */
static bool
is_about(const struct human_view *v, const struct status_problem *p, int node)
{
	return p->node == node ||
	       (p->node < 0 && strcmp(p->id, "two-primaries") == 0 &&
		   v->s->nodes[node].role == ROLE_PRIMARY &&
		   v->s->nodes[node].severity == p->severity);
}

/* A cell is coloured when a problem of the node is about it. */
static const char *
cell_color(const struct human_view *v, int node, const struct column *c)
{
	for (size_t i = 0; i < v->s->nproblems; i++) {
		const struct status_problem *p = &v->s->problems[i];
		size_t len = strlen(p->id);
		const char *at = strstr(c->problems, p->id);

		if (is_about(v, p, node) && at != NULL && at[len] == ' ' &&
		    (at == c->problems || at[-1] == ' '))
			return show_human_looks[p->severity].color;
	}
	return NULL;
}

/* --- the tree ------------------------------------------------------------- */

static bool
is_drawn(const struct human_view *v, int node)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->lines[i].node == node)
			return true;
	return false;
}

/* node and all that it feeds, below the line parent.  A node is drawn once:
 * a circle ends where it began. */
static void
draw_tree(struct human_view *v, int node, int parent)
{
	struct human_line *l = &v->lines[v->n];
	int self = (int)v->n++;

	*l = (struct human_line){.node = node,
	    .parent = parent,
	    .depth = parent < 0 ? 0 : v->lines[parent].depth + 1};
	for (size_t i = 0; i < v->s->n; i++)
		if (v->s->nodes[i].upstream == node && !is_drawn(v, (int)i))
			draw_tree(v, (int)i, self);
}

/* The primary's tree, those of unknown origin, then what is left: circles. */
static int
draw_lines(struct human_view *v)
{
	const struct status *s = v->s;

	v->lines = calloc(s->n + 1, sizeof(*v->lines));
	if (v->lines == NULL)
		return -1;
	if (s->primary >= 0 && (size_t)s->primary < s->n)
		draw_tree(v, s->primary, -1);
	for (size_t i = 0; i < s->n; i++)
		if (show_node(s, s->nodes[i].upstream) == NULL &&
		    !is_drawn(v, (int)i))
			draw_tree(v, (int)i, -1);
	for (size_t i = 0; i < s->n; i++)
		if (!is_drawn(v, (int)i))
			draw_tree(v, (int)i, -1);
	return 0;
}

/* --- tables --------------------------------------------------------------- */

static struct table *
new_table(const struct human_view *v)
{
	struct table_opts o = {.utf8 = v->utf8, .color = v->o->color};

	if (v->o->width > 0)
		o.width = MAX_OF(v->o->width - MARK, 1);
	return table_new(&o);
}

static int
add_row(
    struct table *t, const struct human_view *v, size_t line, const bool *shown)
{
	const struct human_line *l = &v->lines[line];
	struct buf b = BUF_INIT;
	int row = table_row(t, l->parent), rc = row == -1 ? -1 : 0, k = 0;

	for (size_t c = 0; c < NCOLUMNS && rc == 0; c++) {
		if (!shown[c])
			continue;
		buf_reset(&b);
		columns[c].cell(&b, v, &v->s->nodes[l->node]);
		if (!buf_ok(&b) ||
		    table_cell(t, row, k++, buf_str(&b),
			cell_color(v, l->node, &columns[c])) == -1)
			rc = -1;
	}
	buf_free(&b);
	return rc;
}

/* The printed table with the marks in front, one line for each of ours. */
static void
add_marked(struct buf *out, const struct human_view *v, const char *text)
{
	enum status_severity sev;

	for (size_t i = 0; *text != '\0'; i++) {
		size_t len = strcspn(text, "\n");

		if (i == 0 || i > v->n) {
			buf_adds(out, "  ");
		} else {
			sev = v->s->nodes[v->lines[i - 1].node].severity;
			show_human_add_colored(out, v, sev,
			    v->utf8 ? show_human_looks[sev].utf8
				    : show_human_looks[sev].ascii);
			buf_addc(out, ' ');
		}
		buf_add(out, text, len);
		buf_addc(out, '\n');
		text += len + (text[len] == '\n');
	}
}

static int
add_nodes(struct buf *out, const struct human_view *v, const bool *shown)
{
	struct table *t = new_table(v);
	struct buf b = BUF_INIT;
	int rc = -1;

	if (t == NULL)
		return -1;
	for (size_t c = 0; c < NCOLUMNS; c++)
		if (shown[c] &&
		    table_column(t, columns[c].name, columns[c].flags) == -1)
			goto out;
	for (size_t i = 0; i < v->n; i++)
		if (add_row(t, v, i, shown) == -1)
			goto out;
	if ((rc = table_print(t, &b)) == 0)
		add_marked(out, v, buf_str(&b));
out:
	buf_free(&b);
	table_free(t);
	return rc;
}

/* --- slots ---------------------------------------------------------------- */

static bool
is_named(const struct human_view *v, int node)
{
	for (size_t i = 0; i < v->s->nproblems; i++)
		if (v->s->problems[i].node == node &&
		    strncmp(v->s->problems[i].id, "slot-", 5) == 0)
			return true;
	return false;
}

static bool
is_word(const char *text, const char *word)
{
	return text != NULL && strcmp(text, word) == 0;
}

/* With -v what keeps WAL at all; else what a problem may be about. */
static bool
slot_matters(
    const struct human_view *v, int node, const struct status_slot *slot)
{
	if (!slot->active || is_word(slot->wal_status, "lost") ||
	    is_word(slot->wal_status, "unreserved") ||
	    (slot->invalid_reason != NULL && slot->invalid_reason[0] != '\0'))
		return v->o->verbose > 0 || is_named(v, node);
	return v->o->verbose > 0 && slot->retained > 0;
}

static int
add_slot(struct table *t, const struct human_view *v,
    const struct status_node *n, const struct status_slot *slot)
{
	struct buf b[6] = {
	    BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
	int row = table_row(t, -1), rc = row == -1 ? -1 : 0;

	show_human_add_or_dash(&b[0], v, slot->name);
	show_human_add_or_dash(&b[1], v, n->name);
	buf_adds(&b[2], slot->logical ? "logical" : "physical");
	buf_adds(&b[3], slot->active ? "active" : "inactive");
	show_human_add_or_dash(&b[4], v,
	    slot->wal_status != NULL ? slot->wal_status : slot->invalid_reason);
	add_bytes(&b[5], slot->retained);
	for (int i = 0; i < (int)NELEM(b); i++) {
		if (rc == 0 &&
		    (!buf_ok(&b[i]) ||
			table_cell(t, row, i, buf_str(&b[i]), NULL) == -1))
			rc = -1;
		buf_free(&b[i]);
	}
	return rc;
}

static int
fill_slots(struct table *t, const struct human_view *v, size_t *count)
{
	static const char *const names[] = {
	    "SLOT", "NODE", "KIND", "USE", "WAL", "RETAINED"};

	for (size_t i = 0; i < NELEM(names); i++)
		if (table_column(t, names[i],
			i < 2    ? TABLE_CUT
			: i == 5 ? TABLE_RIGHT
				 : 0) == -1)
			return -1;
	for (size_t i = 0; i < v->n; i++) {
		const struct status_node *n = &v->s->nodes[v->lines[i].node];

		for (size_t k = 0; k < n->nslots; k++) {
			if (!slot_matters(v, v->lines[i].node, &n->slots[k]))
				continue;
			if (add_slot(t, v, n, &n->slots[k]) == -1)
				return -1;
			++*count;
		}
	}
	return 0;
}

static void
add_indented(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		show_human_add_blanks(out, MARK);
		buf_add(out, text, len);
		buf_addc(out, '\n');
		text += len + (text[len] == '\n');
	}
}

static int
add_slots(struct buf *out, const struct human_view *v)
{
	struct table *t = new_table(v);
	struct buf b = BUF_INIT;
	size_t count = 0;
	int rc = -1;

	if (t == NULL || fill_slots(t, v, &count) == -1)
		goto out;
	rc = 0;
	if (count == 0 || (rc = table_print(t, &b)) == -1)
		goto out;
	add_indented(out, buf_str(&b));
out:
	buf_free(&b);
	table_free(t);
	return rc;
}

int
show_human_tables(struct human_view *v, struct buf *out)
{
	bool shown[NCOLUMNS];
	int rc = -1;

	if (draw_lines(v) == -1)
		return -1;
	choose_columns(v, shown);
	if (v->n == 0 ||
	    (add_nodes(out, v, shown) == 0 && add_slots(out, v) == 0))
		rc = 0;
	free(v->lines);
	v->lines = NULL;
	return rc;
}
