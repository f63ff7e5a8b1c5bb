/*
 * One line for Nagios, Icinga and their kin: "REPLICATION STATUS: text |
 * perfdata", by the guidelines of the monitoring plugins.
 */
#include "base/std.h"
#include "core/text.h"
#include "show/show_int.h"

#define MAX_PROBLEMS 8  /* of the text; the server cuts at 8 kB */
#define MAX_MESSAGE 240 /* bytes */
#define MAX_NAME 64

/*
 * Databases behind it tell labels apart by their first 19 bytes: 15 of the
 * node, then "_rep", "_rec" or "_del".
 */
#define LABEL_MAX 15
#define LABEL_NUMBERED 11 /* and "#999" */
#define NUMBER_MARK '#'

struct label {
	char cut[LABEL_MAX + 1];
	bool numbered; /* another node has the same */
	size_t number;
};

/* Bytes of text, at most max, that do not end within a character. */
static size_t
cut_at(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80; n--)
		;
	return n;
}

/* --- the text ------------------------------------------------------------- */

/* "|" would begin the perfdata. */
static void
add_clean(struct buf *b, const char *text, size_t max)
{
	struct buf t = BUF_INIT;
	const char *p;
	size_t n;

	text_add_escaped(&t, text, strlen(text));
	p = buf_str(&t);
	n = cut_at(p, max);
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '|')
			buf_adds(b, "\\174");
		else
			buf_addc(b, p[i]);
	}
	if (p[n] != '\0')
		buf_adds(b, "...");
	b->failed |= t.failed;
	buf_free(&t);
}

static void
add_problems(struct buf *b, const struct status *s)
{
	size_t n = MIN_OF(s->nproblems, (size_t)MAX_PROBLEMS);
	const struct status_problem *p;
	const char *name;

	for (size_t i = 0; i < n; i++) {
		p = &s->problems[i];
		if (i > 0)
			buf_adds(b, ", ");
		if ((name = show_name(s, p->node)) != NULL) {
			add_clean(b, name, MAX_NAME);
			buf_addc(b, ' ');
		}
		add_clean(b, p->message, MAX_MESSAGE);
	}
	if (n < s->nproblems)
		buf_addf(b, ", %zu more", s->nproblems - n);
}

/* Problems, worst first, and how many standbys stream. */
static void
add_text(struct buf *b, const struct status *s)
{
	add_problems(b, s);
	if (s->n > 0) {
		buf_adds(b, s->nproblems > 0 ? ", " : "");
		show_add_streaming(b, s);
		buf_addf(b, "/%zu standbys streaming", s->standbys);
	} else if (s->nproblems == 0)
		buf_adds(b, "nothing was read");
}

/* --- labels --------------------------------------------------------------- */

/* What breaks the grammar, or what Nagios strips from its macros. */
static char
label_char(char c)
{
	return (c != '\0' && strchr("='|\\\"`~$&<>", c) != NULL) ||
		       c == NUMBER_MARK
		   ? '_'
		   : c;
}

static int
label_cut(struct label *l, const char *name)
{
	struct buf t = BUF_INIT;
	bool ok;
	size_t n;

	text_add_escaped(&t, name, strlen(name));
	n = cut_at(buf_str(&t), LABEL_MAX);
	for (size_t i = 0; i < n; i++)
		l->cut[i] = label_char(buf_str(&t)[i]);
	l->cut[n] = '\0';
	ok = buf_ok(&t);
	buf_free(&t);
	return ok ? 0 : -1;
}

static bool
same_start(const struct label *a, const struct label *b)
{
	size_t n = cut_at(a->cut, LABEL_NUMBERED);

	return n == cut_at(b->cut, LABEL_NUMBERED) &&
	       memcmp(a->cut, b->cut, n) == 0;
}

/* Numbers go by name: nodes are found in any order, and a graph is to stay
 * with its node. */
static void
label_number(struct label *l, const struct status *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->n && !l[i].numbered; j++)
			l[i].numbered =
			    j != i && strcmp(l[i].cut, l[j].cut) == 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->n && l[i].numbered; j++)
			l[i].number +=
			    l[j].numbered && same_start(&l[i], &l[j]) &&
			    strcmp(s->nodes[j].name, s->nodes[i].name) <= 0;
}

/* One per node; NULL: no memory. */
static struct label *
labels_new(const struct status *s)
{
	struct label *l = calloc(s->n + 1, sizeof(*l));

	if (l == NULL)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (label_cut(&l[i], s->nodes[i].name) == -1) {
			free(l);
			return NULL;
		}
	label_number(l, s);
	return l;
}

static bool
is_plain(const char *text)
{
	return text[strspn(text,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789_.:/-#")] == '\0';
}

static void
add_label(struct buf *b, const struct label *l, const char *what)
{
	const char *quote = is_plain(l->cut) ? "" : "'";

	buf_adds(b, quote);
	if (l->numbered)
		buf_addf(b, "%.*s%c%zu", (int)cut_at(l->cut, LABEL_NUMBERED),
		    l->cut, NUMBER_MARK, l->number);
	else
		buf_adds(b, l->cut);
	buf_addf(b, "_%s%s=", what, quote);
}

/* --- perfdata ------------------------------------------------------------- */

static void
add_limits(
    struct buf *b, const struct range *warning, const struct range *critical)
{
	buf_addc(b, ';');
	range_add(b, warning);
	buf_addc(b, ';');
	range_add(b, critical);
	buf_adds(b, ";0");
}

/* "U": the value could not be determined; never 0. */
static void
add_bytes(struct buf *b, const struct label *l, const char *what, int64_t v,
    const struct verdict_limits *limits)
{
	buf_addc(b, ' ');
	add_label(b, l, what);
	if (v < 0)
		buf_addc(b, 'U');
	else
		buf_addf(b, "%" PRId64 "B", v);
	add_limits(b, &limits->warning.size, &limits->critical.size);
}

static void
add_seconds(struct buf *b, const struct label *l, const char *what, double v,
    const struct verdict_limits *limits)
{
	buf_addc(b, ' ');
	add_label(b, l, what);
	if (show_known(v)) {
		show_add_number(b, v);
		buf_addc(b, 's');
	} else {
		buf_addc(b, 'U');
	}
	add_limits(b, &limits->warning.time, &limits->critical.time);
}

static void
add_node(struct buf *b, const struct status_node *n, const struct label *l,
    const struct verdict_limits *limits)
{
	if (n->role == ROLE_PRIMARY)
		return;
	if (n->role != ROLE_RECEIVEWAL) {
		add_bytes(b, l, "replay", n->replay_lag, limits);
		add_seconds(b, l, "delay", n->delay, limits);
	}
	add_bytes(b, l, "receive", n->receive_lag, limits);
}

int
show_nagios(const struct status *s, const struct show_opts *o, struct buf *out)
{
	struct label *l = labels_new(s);

	if (l == NULL)
		return -1;
	buf_addf(out, "REPLICATION %s: ", status_severity_name(s->severity));
	add_text(out, s);
	buf_adds(out, " | standbys=");
	if (show_streaming(s) >= 0)
		buf_addf(out, "%zu", s->streaming);
	else
		buf_addc(out, 'U');
	buf_addf(out, ";%d:;%d:;0", o->limits->min_standbys,
	    o->limits->min_standbys);
	for (size_t i = 0; i < s->n; i++)
		add_node(out, &s->nodes[i], &l[i], o->limits);
	buf_addc(out, '\n');
	free(l);
	return buf_ok(out) ? 0 : -1;
}
