#include "base/std.h"
#include "core/text.h"
#include "io/table.h"
#include "show/show_human_int.h"
#include "show/show_int.h"

#define WORD 9      /* "CRITICAL " in front of a problem */
#define MIN_TEXT 16 /* narrower than that nothing is wrapped */
#define MAX_TIME 1e12

/* --- texts ---------------------------------------------------------------- */

const struct human_look show_human_looks[] = {
    [SEV_OK] = {"\xE2\x97\x8F", "*", "green", "32"},
    [SEV_WARNING] = {"\xE2\x96\xB2", "!", "brown", "33"},
    [SEV_CRITICAL] = {"\xE2\x96\xA0", "X", "red", "31"},
    [SEV_UNKNOWN] = {"?", "?", "magenta", "35"},
};

/* On one line, and only what the terminal can show. */
static void
add_text(struct buf *b, const struct human_view *v, const char *text)
{
	struct buf t = BUF_INIT;

	for (; *text != '\0'; text++)
		buf_addc(&t, strchr("\n\r\t", *text) != NULL ? ' ' : *text);
	if (v->utf8) {
		text_add_escaped(b, buf_str(&t), t.len);
	} else {
		struct buf u = BUF_INIT;

		text_add_escaped(&u, buf_str(&t), t.len);
		for (const char *p = buf_str(&u); *p != '\0'; p++)
			if ((unsigned char)*p < 0x80)
				buf_addc(b, *p);
			else
				buf_addf(b, "\\%03o", (unsigned char)*p);
		b->failed = b->failed || u.failed;
		buf_free(&u);
	}
	b->failed = b->failed || t.failed;
	buf_free(&t);
}

void
show_human_add_or_dash(
    struct buf *b, const struct human_view *v, const char *text)
{
	if (text == NULL || text[0] == '\0')
		buf_adds(b, "-");
	else
		add_text(b, v, text);
}

void
show_human_add_lsn(struct buf *b, uint64_t lsn)
{
	char text[LSN_TEXT];

	buf_adds(b, lsn == LSN_INVALID ? "-" : lsn_format(lsn, text));
}

void
show_human_add_colored(struct buf *b, const struct human_view *v,
    enum status_severity sev, const char *s)
{
	if (v->o->color)
		buf_addf(b, "\033[%sm%s\033[0m", show_human_looks[sev].code, s);
	else
		buf_adds(b, s);
}

void
show_human_add_blanks(struct buf *b, int n)
{
	for (; n > 0; n--)
		buf_addc(b, ' ');
}

/* --- wrapped text --------------------------------------------------------- */

struct wrap {
	struct buf *out;
	int at, indent, width; /* width 0: no limit */
};

static void
next_line(struct wrap *w)
{
	buf_addc(w->out, '\n');
	show_human_add_blanks(w->out, w->indent);
	w->at = w->indent;
}

/* A word that is longer than a line: cut between characters. */
static void
add_cut(struct wrap *w, const char *word, size_t n)
{
	char c[5];
	size_t len;
	int width;

	for (size_t i = 0; i < n; i += len) {
		for (len = 1; i + len < n && len < 4 &&
			      ((unsigned char)word[i + len] & 0xC0) == 0x80;
		     len++)
			;
		memcpy(c, word + i, len);
		c[len] = '\0';
		width = table_width(c);
		if (w->at + width > w->width && w->at > w->indent)
			next_line(w);
		buf_add(w->out, c, len);
		w->at += width;
	}
}

static void
add_word(struct wrap *w, const char *word, size_t n)
{
	struct buf b = BUF_INIT;
	bool first = w->at == w->indent;
	int width;

	buf_add(&b, word, n);
	width = table_width(buf_str(&b));
	w->out->failed = w->out->failed || b.failed;
	buf_free(&b);
	if (w->width > 0 && !first && w->at + 1 + width > w->width) {
		next_line(w);
		first = true;
	}
	if (!first) {
		buf_addc(w->out, ' ');
		w->at++;
	}
	if (w->width > 0 && w->at + width > w->width) {
		add_cut(w, word, n);
	} else {
		buf_add(w->out, word, n);
		w->at += width;
	}
}

/* Words of text, from column indent on, and a newline. */
static void
add_wrapped(
    struct buf *out, const struct human_view *v, const char *text, int indent)
{
	struct wrap w = {.out = out, .at = indent, .indent = indent};
	size_t n;

	if (v->o->width > 0)
		w.width = MAX_OF(v->o->width, indent + MIN_TEXT);
	for (; *text != '\0'; text += n) {
		text += strspn(text, " ");
		if ((n = strcspn(text, " ")) > 0)
			add_word(&w, text, n);
	}
	buf_addc(out, '\n');
}

/* --- problems ------------------------------------------------------------- */

static void
add_severity(
    struct buf *out, const struct human_view *v, enum status_severity sev)
{
	const char *name = status_severity_name(sev);

	show_human_add_colored(out, v, sev, name);
	show_human_add_blanks(out, MAX_OF(WORD - (int)strlen(name), 1));
}

static void
add_problem(
    struct buf *out, const struct human_view *v, const struct status_problem *p)
{
	struct buf b = BUF_INIT;

	add_severity(out, v, p->severity);
	if (p->node >= 0 && (size_t)p->node < v->s->n) {
		show_human_add_or_dash(&b, v, v->s->nodes[p->node].name);
		buf_adds(&b, ": ");
	}
	show_human_add_or_dash(&b, v, p->message);
	add_wrapped(out, v, buf_str(&b), WORD);
	if (p->hint != NULL && p->hint[0] != '\0') {
		out->failed = out->failed || b.failed;
		buf_reset(&b);
		add_text(&b, v, p->hint);
		show_human_add_blanks(out, WORD);
		buf_adds(out, "hint: ");
		add_wrapped(out, v, buf_str(&b), WORD + 6);
	}
	out->failed = out->failed || b.failed;
	buf_free(&b);
}

static void
add_problems(struct buf *out, const struct human_view *v)
{
	const struct status *s = v->s;

	for (size_t i = 0; i < s->nproblems; i++)
		add_problem(out, v, &s->problems[i]);
	if (s->nproblems > 0)
		return;
	add_severity(out, v, s->severity);
	if (s->standbys == 0) {
		buf_adds(out, "no standby\n");
		return;
	}
	show_add_streaming(out, s);
	buf_addf(out, " of %zu %s streaming\n", s->standbys,
	    s->standbys == 1 ? "standby" : "standbys");
}

/* Its own side was not looked at: what it replays, pauses, which slots it has.
 * Nobody can ask a pg_receivewal. */
static void
add_unasked(struct buf *out, const struct human_view *v)
{
	const struct status *s = v->s;

	for (size_t i = 0; v->o->verbose > 0 && i < s->n; i++) {
		const struct status_node *n = &s->nodes[i];
		const struct status_node *up = show_node(s, n->upstream);
		struct buf b = BUF_INIT;

		if (n->reach != REACH_NOT_ASKED || n->role == ROLE_RECEIVEWAL)
			continue;
		show_human_add_or_dash(&b, v, n->name);
		buf_adds(&b, ": was not asked");
		if (up != NULL) {
			buf_adds(&b, ", seen from the row of its upstream ");
			show_human_add_or_dash(&b, v, up->name);
			buf_adds(&b, " only");
		}
		show_human_add_blanks(out, WORD);
		add_wrapped(out, v, buf_str(&b), WORD);
		out->failed = out->failed || b.failed;
		buf_free(&b);
	}
}

/* --- the heading ---------------------------------------------------------- */

/* A part of the heading: behind the last one, or below it. */
static void
add_part(struct wrap *w, const char *text, int gap)
{
	int width = table_width(text);

	if (text[0] == '\0')
		return;
	if (w->at > 0) {
		if (w->width > 0 && w->at + gap + width > w->width) {
			next_line(w);
		} else {
			show_human_add_blanks(w->out, gap);
			w->at += gap;
		}
	}
	if (w->width > 0 && width > w->width)
		add_cut(w, text, strlen(text));
	else
		buf_adds(w->out, text);
	w->at = width > w->width && w->width > 0 ? w->at : w->at + width;
}

static void
add_primary(
    struct buf *b, const struct human_view *v, const struct status_node *n)
{
	uint32_t tli = status_shown_timeline(n);

	buf_adds(b, "primary ");
	show_human_add_or_dash(b, v, n->name);
	if (tli != 0 || n->written != LSN_INVALID) {
		buf_adds(b, " (");
		if (tli != 0)
			buf_addf(b, "timeline %" PRIu32, tli);
		if (n->written != LSN_INVALID) {
			buf_adds(b, tli != 0 ? ", written " : "written ");
			show_human_add_lsn(b, n->written);
		}
		buf_adds(b, ")");
	}
}

/* The state file, or an earlier look, knows one. */
static void
add_last_primary(struct buf *b, const struct human_view *v)
{
	const struct trend *t = v->o->last;
	double ago;

	if (t == NULL || t->primary == NULL ||
	    (v->s->system_identifier != 0 && t->system_identifier != 0 &&
		v->s->system_identifier != t->system_identifier))
		return;
	buf_adds(b, ", last known primary ");
	show_human_add_or_dash(b, v, t->primary);
	if (t->primary_lsn != LSN_INVALID) {
		buf_adds(b, " at ");
		show_human_add_lsn(b, t->primary_lsn);
	}
	ago = v->s->time - t->primary_time;
	if (t->primary_time > 0 && ago >= 0 && ago < MAX_TIME) {
		buf_adds(b, ", ");
		text_add_duration(b, (int64_t)ago * 1000);
		buf_adds(b, " ago");
	}
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* Where the topmost standbys get their WAL from, when all name one place. */
static const struct status_receiver *
upstream_of_all(const struct status *s)
{
	const struct status_receiver *r = NULL, *other;

	for (size_t i = 0; i < s->n; i++) {
		other = &s->nodes[i].receiver;
		if (show_node(s, s->nodes[i].upstream) != NULL)
			continue;
		if (other->host == NULL || other->host[0] == '\0' ||
		    (r != NULL && (!same_text(r->host, other->host) ||
				      !same_text(r->port, other->port))))
			return NULL;
		r = other;
	}
	return r;
}

/* Where the WAL comes from: the primary, or what standbys alone say.  Without
 * a primary a lag is only what the upstream had told. */
static void
add_source(struct buf *b, const struct human_view *v)
{
	const struct status *s = v->s;
	const struct status_receiver *r;

	if (s->primary >= 0 && (size_t)s->primary < s->n) {
		add_primary(b, v, &s->nodes[s->primary]);
	} else if (s->whole) {
		buf_adds(b, "no primary");
		add_last_primary(b, v);
	} else if ((r = upstream_of_all(s)) != NULL) {
		buf_adds(b, "measured against upstream ");
		add_text(b, v, r->host);
		if (r->port != NULL && r->port[0] != '\0') {
			buf_addc(b, ':');
			add_text(b, v, r->port);
		}
		buf_adds(b, ", which was not asked");
	}
}

static void
add_time(struct wrap *w, double t, int edge)
{
	time_t secs = (time_t)t;
	char text[40];
	struct tm tm;
	int gap;

	if (!(t > 0) || t > MAX_TIME || gmtime_r(&secs, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		return;
	gap = MAX_OF(edge - w->at - (int)strlen(text), 3);
	add_part(w, text, gap);
}

static void
add_heading(struct buf *out, const struct human_view *v)
{
	struct wrap w = {.out = out, .width = v->o->width};
	struct buf b = BUF_INIT;

	if (v->s->cluster != NULL)
		add_text(&b, v, v->s->cluster);
	add_part(&w, buf_str(&b), 0);
	buf_reset(&b);
	if (v->s->system_identifier != 0)
		buf_addf(&b, "system %" PRIu64, v->s->system_identifier);
	add_part(&w, buf_str(&b), 2);
	out->failed = out->failed || b.failed;
	buf_reset(&b);
	add_source(&b, v);
	add_part(&w, buf_str(&b), 3);
	out->failed = out->failed || b.failed;
	buf_free(&b);
	add_time(&w, v->s->time, v->width);
	buf_addc(out, '\n');
}

int
show_human(const struct status *s, const struct show_opts *o, struct buf *out)
{
	struct human_view v = {.s = s, .o = o, .utf8 = o->utf8 && table_utf8()};
	struct buf tables = BUF_INIT;
	int rc = -1;

	/* The heading's right edge is that of the table. */
	if (show_human_tables(&v, &tables) == -1)
		goto out;
	add_heading(out, &v);
	buf_adds(out, buf_str(&tables));
	add_problems(out, &v);
	add_unasked(out, &v);
	rc = buf_ok(out) && buf_ok(&tables) ? 0 : -1;
out:
	buf_free(&tables);
	return rc;
}
