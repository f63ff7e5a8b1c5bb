#include "base/std.h"
#include "core/conninfo.h"
#include "core/opt.h"
#include "core/text.h"

#define HELP_WIDTH 79
#define HELP_COLUMN_MAX 30
#define ENV_PREFIX "STANDBY_"

/* Where one text comes from, for precedence and for messages. */
struct given {
	enum opt_source source;
	const char *text; /* NULL: a flag without one */
	const char *from; /* shown by --show-config */
	const char *what; /* begins the message: option "--jobs" */
};

/* --- the table ----------------------------------------------------------- */

static bool
is_alias(const struct opt *o)
{
	return (o->flags & OPT_ALIAS) != 0;
}

static bool
takes_arg(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_COUNT;
}

/* The row that holds the value: an alias's is the next one above. */
static size_t
base_row(const struct opt *table, size_t i)
{
	while (i > 0 && is_alias(&table[i]))
		i--;
	return i;
}

static size_t
find_name(const struct opt_set *s, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->table[i].kind != OPT_HEADING &&
		    strlen(s->table[i].name) == len &&
		    memcmp(s->table[i].name, name, len) == 0)
			break;
	return i;
}

static size_t
find_letter(const struct opt_set *s, char letter)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->table[i].kind != OPT_HEADING &&
		    s->table[i].letter == letter)
			break;
	return i;
}

/* A table is written by us: two equal names are our mistake. */
static int
check_table(const struct opt_set *s, struct err *e)
{
	const struct opt *o;

	for (size_t i = 0; i < s->n; i++) {
		o = &s->table[i];
		if (o->kind == OPT_HEADING)
			continue;
		if (find_name(s, o->name, strlen(o->name)) != i ||
		    (o->letter != 0 && find_letter(s, o->letter) != i) ||
		    (is_alias(o) &&
			(i == 0 || s->table[i - 1].kind == OPT_HEADING)))
			return err_set(e, ERR_INTERNAL,
			    "option table: row \"%s\" is wrong", o->name);
	}
	return 0;
}

int
opt_init(struct opt_set *s, const struct opt *table, size_t n, struct err *e)
{
	*s = (struct opt_set){.table = table, .n = n};
	if (check_table(s, e) == -1)
		return -1;
	if ((s->v = calloc(n + 1, sizeof(*s->v))) == NULL)
		return err_set_nomem(e);
	return 0;
}

void
opt_free(struct opt_set *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; s->v != NULL && i < s->n; i++)
		free(s->v[i].list);
	for (size_t i = 0; i < s->nowned; i++)
		free(s->owned[i]);
	free(s->owned);
	free(s->args);
	free(s->v);
	*s = (struct opt_set){.n = 0};
}

/* --- memory -------------------------------------------------------------- */

/* Remember p to be freed with the set; p NULL or no memory: NULL. */
static const char *
own(struct opt_set *s, char *p)
{
	char **more;

	if (p == NULL)
		return NULL;
	more = realloc(s->owned, (s->nowned + 1) * sizeof(*more));
	if (more == NULL) {
		free(p);
		return NULL;
	}
	s->owned = more;
	s->owned[s->nowned++] = p;
	return p;
}

static int
add_text(const char ***list, size_t *n, const char *text, struct err *e)
{
	const char **more = realloc(*list, (*n + 1) * sizeof(*more));

	if (more == NULL)
		return err_set_nomem(e);
	more[(*n)++] = text;
	*list = more;
	return 0;
}

/* --- one value ----------------------------------------------------------- */

static enum err_code
code_of(const struct given *g)
{
	switch (g->source) {
	case OPT_FROM_FILE:
		return ERR_CONFIG;
	case OPT_FROM_BUILTIN:
		return ERR_INTERNAL;
	default:
		return ERR_USAGE;
	}
}

/* A connection string may hold a password; a database's name alone does not. */
static bool
is_secret(const struct opt *o, const char *text)
{
	return (o->flags & OPT_SECRET) != 0 && !conninfo_plain_dbname(text);
}

static int
refuse(
    const struct opt *o, const struct given *g, struct err *e, const char *why)
{
	struct buf shown = BUF_INIT;

	if (is_secret(o, g->text))
		buf_adds(&shown, "***");
	else
		text_add_escaped(&shown, g->text, strlen(g->text));
	(void)err_set(
	    e, code_of(g), "%s: \"%s\" %s", g->what, buf_str(&shown), why);
	buf_free(&shown);
	return -1;
}

/* Does text match the choice c[0..n) ("fast", or "zstd[:LEVEL]")? */
static bool
matches_choice(const char *c, size_t n, const char *text)
{
	const char *open = memchr(c, '[', n);
	size_t word = open != NULL ? (size_t)(open - c) : n;

	if (strncmp(text, c, word) != 0)
		return false;
	if (text[word] == '\0')
		return true;
	return open != NULL && text[word] == open[1] && text[word + 1] != '\0';
}

/* The nearest choice, copied to out when there is one. */
static bool
nearest_choice(const char *choices, const char *text, char *out, size_t size)
{
	char copy[256];
	const char *words[32], *found;
	char *p = copy, *word;
	size_t n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", choices);
	while (n < NELEM(words) && (word = strsep(&p, "|")) != NULL) {
		word[strcspn(word, "[")] = '\0';
		words[n++] = word;
	}
	if ((found = text_nearest(text, words, n)) == NULL)
		return false;
	(void)snprintf(out, size, "%s", found);
	return true;
}

static int
check_choice(const struct opt *o, const struct given *g, struct err *e)
{
	struct buf why = BUF_INIT;
	char near[64];
	size_t n;

	buf_adds(&why, "is not one of");
	for (const char *c = o->choices; *c != '\0'; c += n + (c[n] == '|')) {
		n = strcspn(c, "|");
		if (matches_choice(c, n, g->text)) {
			buf_free(&why);
			return 0;
		}
		buf_addf(
		    &why, "%s %.*s", c == o->choices ? "" : ",", (int)n, c);
	}
	(void)refuse(o, g, e, buf_str(&why));
	if (nearest_choice(o->choices, g->text, near, sizeof(near)))
		(void)err_hint(e, "Did you mean \"%s\"?", near);
	buf_free(&why);
	return -1;
}

static int
parse_int(
    const struct opt *o, const struct given *g, int64_t *number, struct err *e)
{
	char why[96];
	char *end;
	long v;

	errno = 0;
	v = strtol(g->text, &end, 10);
	/* strtol would take white space and a plus sign. */
	if (end == g->text || *end != '\0' || errno != 0 ||
	    (g->text[0] != '-' && (g->text[0] < '0' || g->text[0] > '9')))
		return refuse(o, g, e, "is not a whole number");
	if ((o->min != 0 || o->max != 0) && (v < o->min || v > o->max)) {
		(void)snprintf(why, sizeof(why), "is not within %ld .. %ld",
		    o->min, o->max);
		return refuse(o, g, e, why);
	}
	*number = v;
	return 0;
}

static int
parse_size(
    const struct opt *o, const struct given *g, int64_t *number, struct err *e)
{
	uint64_t v;

	if (text_size(g->text, &v) == -1 || v > INT64_MAX) {
		(void)refuse(o, g, e, "is not a size");
		return err_hint(e,
		    "Write a number and B, kB, MB, GB or TB, for example "
		    "80MB.");
	}
	*number = (int64_t)v;
	return 0;
}

static int
parse_time(
    const struct opt *o, const struct given *g, int64_t *number, struct err *e)
{
	if (text_time(g->text, number) == 0)
		return 0;
	(void)refuse(o, g, e, "is not a time");
	return err_hint(
	    e, "Write a number and ms, s, min, h or d, for example 30s.");
}

static int
parse_bool(
    const struct opt *o, const struct given *g, int64_t *number, struct err *e)
{
	static const char *const words[] = {
	    "off", "on", "no", "yes", "false", "true", "0", "1"};

	*number = 1;
	if (g->text == NULL)
		return 0;
	for (size_t i = 0; i < NELEM(words); i++)
		if (strcasecmp(words[i], g->text) == 0) {
			*number = i % 2;
			return 0;
		}
	(void)refuse(o, g, e, "is neither on nor off");
	return err_hint(e, "Write on or off.");
}

static int
parse_count(
    const struct opt *o, const struct given *g, int64_t *number, struct err *e)
{
	struct opt range = *o;

	range.min = 0;
	range.max = 9;
	*number = 1;
	return g->text == NULL ? 0 : parse_int(&range, g, number, e);
}

static int
parse_value(
    const struct opt *o, const struct given *g, int64_t *number, struct err *e)
{
	*number = 0;
	switch (o->kind) {
	case OPT_FLAG:
		return parse_bool(o, g, number, e);
	case OPT_COUNT:
		return parse_count(o, g, number, e);
	case OPT_INT:
		return parse_int(o, g, number, e);
	case OPT_SIZE:
		return parse_size(o, g, number, e);
	case OPT_TIME:
		return parse_time(o, g, number, e);
	case OPT_HEADING:
	case OPT_STRING:
	case OPT_LIST:
		break;
	}
	return o->choices == NULL ? 0 : check_choice(o, g, e);
}

/* Give row i (any row, also an alias) a value.  Every value is checked, also
 * one that a stronger source hides: a wrong file is wrong today. */
static int
set_value(struct opt_set *s, size_t i, const struct given *g, struct err *e)
{
	const struct opt *o;
	struct opt_value *v;
	int64_t number;

	i = base_row(s->table, i);
	o = &s->table[i];
	v = &s->v[i];
	if (parse_value(o, g, &number, e) == -1)
		return -1;
	if (g->source < v->source)
		return 0;
	if (g->source > v->source) {
		v->nlist = 0;
		v->count = 0;
	}
	if (o->kind == OPT_LIST &&
	    add_text(&v->list, &v->nlist, g->text, e) == -1)
		return -1;
	if (o->kind == OPT_COUNT)
		v->count += (unsigned)number;
	else if (o->kind == OPT_FLAG)
		v->count = number != 0;
	v->number = number;
	v->text = g->text != NULL ? g->text : "on";
	v->from = g->from;
	v->source = g->source;
	v->set = true;
	return 0;
}

/* --- the command line ---------------------------------------------------- */

static int
set_arg(struct opt_set *s, size_t i, const char *shown, const char *text,
    struct err *e)
{
	struct given g = {.source = OPT_FROM_ARGS, .from = "option"};
	char what[96];

	(void)snprintf(what, sizeof(what), "option \"%s\"", shown);
	g.what = what;
	g.text = text;
	return set_value(s, i, &g, e);
}

/* The option meant by a name that is none: the one that it begins, or the
 * nearest. */
static const char *
meant(const struct opt_set *s, const char *name)
{
	const char *words[256], *longer = NULL;
	size_t n = 0, nlonger = 0, len = strlen(name);

	for (size_t i = 0; i < s->n && n < NELEM(words); i++) {
		if (s->table[i].kind == OPT_HEADING)
			continue;
		words[n++] = s->table[i].name;
		if (len > 0 && strncmp(s->table[i].name, name, len) == 0) {
			longer = s->table[i].name;
			nlonger++;
		}
	}
	return nlonger == 1 ? longer : text_nearest(name, words, n);
}

static int
unknown_option(
    const struct opt_set *s, const char *given, const char *name, struct err *e)
{
	struct buf shown = BUF_INIT;
	const char *near = name == NULL ? NULL : meant(s, name);

	text_add_escaped(&shown, given, strlen(given));
	(void)err_set(e, ERR_USAGE, "unknown option \"%s\"", buf_str(&shown));
	if (near != NULL)
		(void)err_hint(e, "Did you mean \"--%s\"?", near);
	buf_free(&shown);
	return -1;
}

static int
missing_argument(const struct opt *o, const char *shown, struct err *e)
{
	return err_set(e, ERR_USAGE, "option \"%s\" needs an argument: %s",
	    shown, o->arg != NULL ? o->arg : "a value");
}

/* argv[*at] is "--name" or "--name=V"; *at is left at the last word used. */
static int
parse_long(
    struct opt_set *s, int argc, char *const *argv, int *at, struct err *e)
{
	const char *word = argv[*at] + 2, *text = NULL;
	size_t len = strcspn(word, "="), i;
	char name[64], shown[68];
	const struct opt *o;

	(void)snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(len, 63), word);
	(void)snprintf(shown, sizeof(shown), "--%s", name);
	if ((i = find_name(s, word, len)) == s->n)
		return unknown_option(s, shown, name, e);
	o = &s->table[base_row(s->table, i)];
	if (word[len] == '=')
		text = word + len + 1;
	if (!takes_arg(o) && text != NULL)
		return err_set(
		    e, ERR_USAGE, "option \"%s\" takes no argument", shown);
	if (takes_arg(o) && text == NULL && (o->flags & OPT_OPTIONAL)) {
		text = "";
	} else if (takes_arg(o) && text == NULL) {
		if (*at + 1 >= argc)
			return missing_argument(o, shown, e);
		text = argv[++*at];
	}
	return set_arg(s, i, shown, text, e);
}

/* argv[*at] is "-abc", "-xV" or "-x" with V in the next word. */
static int
parse_short(
    struct opt_set *s, int argc, char *const *argv, int *at, struct err *e)
{
	const char *word = argv[*at] + 1, *text;
	const struct opt *o;
	size_t i;

	for (; *word != '\0'; word++) {
		char shown[] = {'-', *word, '\0'};

		/* A byte that is no letter may be half a character. */
		if ((i = find_letter(s, *word)) == s->n)
			return unknown_option(s,
			    (unsigned char)*word < 0x80 ? shown : argv[*at],
			    NULL, e);
		o = &s->table[base_row(s->table, i)];
		if (!takes_arg(o)) {
			if (set_arg(s, i, shown, NULL, e) == -1)
				return -1;
			continue;
		}
		text = word + 1;
		if (*text == '\0' && (o->flags & OPT_OPTIONAL) == 0) {
			if (*at + 1 >= argc)
				return missing_argument(o, shown, e);
			text = argv[++*at];
		}
		return set_arg(s, i, shown, text, e);
	}
	return 0;
}

int
opt_parse_args(struct opt_set *s, int argc, char *const *argv, struct err *e)
{
	bool operands_only = false;

	for (int at = 1; at < argc; at++) {
		const char *word = argv[at];
		int rc = 0;

		if (operands_only || word[0] != '-' || word[1] == '\0')
			rc = add_text(&s->args, &s->nargs, word, e);
		else if (word[1] != '-')
			rc = parse_short(s, argc, argv, &at, e);
		else if (word[2] != '\0')
			rc = parse_long(s, argc, argv, &at, e);
		else
			operands_only = true;
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* --- environment, file, built-ins ---------------------------------------- */

/* STANDBY_MAX_RATE of max-rate. */
static void
env_name(const char *name, char *out, size_t size)
{
	int n = snprintf(out, size, ENV_PREFIX "%s", name);

	for (int i = 0; i < n && (size_t)i + 1 < size; i++) {
		if (out[i] == '-')
			out[i] = '_';
		else if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	}
}

static int
set_env(struct opt_set *s, size_t i, const char *name, const char *value,
    struct err *e)
{
	struct given g = {.source = OPT_FROM_ENV};
	char what[128];
	char *copy = strdup(value), *line;
	bool list = s->table[base_row(s->table, i)].kind == OPT_LIST;

	if (own(s, copy) == NULL || (g.from = own(s, strdup(name))) == NULL)
		return err_set_nomem(e);
	(void)snprintf(what, sizeof(what), "environment variable \"%s\"", name);
	g.what = what;
	g.text = copy;
	if (!list)
		return set_value(s, i, &g, e);
	while ((line = strsep(&copy, "\n")) != NULL) {
		g.text = line;
		if (*line != '\0' && set_value(s, i, &g, e) == -1)
			return -1;
	}
	return 0;
}

int
opt_parse_env(struct opt_set *s, const char *(*get)(void *, const char *),
    void *arg, struct err *e)
{
	const char *value;
	bool taken = false; /* by the row or an alias of it above */
	char name[96];

	for (size_t i = 0; i < s->n; i++) {
		const struct opt *o = &s->table[i];

		if (!is_alias(o))
			taken = false;
		if (taken || o->kind == OPT_HEADING ||
		    (s->table[base_row(s->table, i)].flags & OPT_ACTION) != 0)
			continue;
		env_name(o->name, name, sizeof(name));
		value = get(arg, name);
		if (value == NULL || *value == '\0')
			continue;
		taken = true;
		if (set_env(s, i, name, value, e) == -1)
			return -1;
	}
	return 0;
}

int
opt_set_file(struct opt_set *s, const char *key, const char *text,
    const char *from, struct err *e)
{
	struct given g = {.source = OPT_FROM_FILE};
	char what[1024];

	(void)snprintf(what, sizeof(what), "%s: \"%s\"", from, key);
	g.what = what;
	for (size_t i = 0; i < s->n; i++) {
		if (s->table[i].kind == OPT_HEADING || is_alias(&s->table[i]) ||
		    s->table[i].key == NULL ||
		    strcmp(s->table[i].key, key) != 0)
			continue;
		if ((g.text = own(s, strdup(text))) == NULL ||
		    (g.from = own(s, strdup(from))) == NULL)
			return err_set_nomem(e);
		if (set_value(s, i, &g, e) == -1)
			return -1;
	}
	return 0;
}

int
opt_finish(struct opt_set *s, struct err *e)
{
	struct given g = {.source = OPT_FROM_BUILTIN, .from = "built-in"};

	for (size_t i = 0; i < s->n; i++) {
		if (s->table[i].kind == OPT_HEADING || is_alias(&s->table[i]) ||
		    s->table[i].builtin == NULL || s->v[i].set)
			continue;
		g.text = s->table[i].builtin;
		g.what = s->table[i].name;
		if (set_value(s, i, &g, e) == -1)
			return -1;
	}
	return 0;
}

/* --- reading ------------------------------------------------------------- */

const struct opt_value *
opt_get(const struct opt_set *s, const char *name)
{
	size_t i = find_name(s, name, strlen(name));

	if (i == s->n)
		return NULL;
	return &s->v[base_row(s->table, i)];
}

const char *
opt_text(const struct opt_set *s, const char *name)
{
	const struct opt_value *v = opt_get(s, name);

	return v == NULL ? NULL : v->text;
}

bool
opt_flag(const struct opt_set *s, const char *name)
{
	const struct opt_value *v = opt_get(s, name);

	return v != NULL && v->count > 0;
}

int64_t
opt_number(const struct opt_set *s, const char *name)
{
	const struct opt_value *v = opt_get(s, name);

	return v == NULL ? 0 : v->number;
}

/* --- --help and --show-config -------------------------------------------- */

/* "-j, --jobs=N" */
static void
add_synopsis(
    const struct opt *o, const struct opt *base, bool first, struct buf *out)
{
	const char *arg = base->arg != NULL ? base->arg : base->choices;

	if (!first)
		buf_adds(out, ", ");
	if (o->letter != 0)
		buf_addf(out, "-%c, ", o->letter);
	else if (first)
		buf_adds(out, "    ");
	buf_addf(out, "--%s", o->name);
	if (takes_arg(base))
		buf_addf(out, base->flags & OPT_OPTIONAL ? "[=%s]" : "=%s",
		    arg != NULL ? arg : "VALUE");
}

/* The left column of row i with the aliases that have no help of their own;
 * empty for a row that is not shown. */
static void
row_synopsis(const struct opt *table, size_t n, size_t i, struct buf *out)
{
	const struct opt *base = &table[base_row(table, i)];

	buf_reset(out);
	if (table[i].kind == OPT_HEADING || table[i].help == NULL)
		return;
	add_synopsis(&table[i], base, true, out);
	while (++i < n && is_alias(&table[i]) && table[i].help == NULL)
		add_synopsis(&table[i], base, false, out);
}

static size_t
help_column(const struct opt *table, size_t n)
{
	struct buf left = BUF_INIT;
	size_t column = 0;

	for (size_t i = 0; i < n; i++) {
		row_synopsis(table, n, i, &left);
		if (left.len + 4 <= HELP_COLUMN_MAX && left.len + 4 > column)
			column = left.len + 4;
	}
	buf_free(&left);
	return column == 0 ? HELP_COLUMN_MAX : column;
}

/* Words of text from the column that the line has reached, wrapped. */
static void
add_wrapped(struct buf *out, size_t indent, const char *text)
{
	size_t at = indent, len;

	while (*(text += strspn(text, " ")) != '\0') {
		len = strcspn(text, " ");
		if (at > indent && at + 1 + len > HELP_WIDTH) {
			buf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		}
		if (at > indent) {
			buf_addc(out, ' ');
			at++;
		}
		buf_add(out, text, len);
		at += len;
		text += len;
	}
	buf_addc(out, '\n');
}

static void
add_help_row(
    const struct opt *o, const char *left, size_t column, struct buf *out)
{
	struct buf help = BUF_INIT;

	buf_adds(&help, o->help);
	if (o->builtin != NULL && !is_alias(o))
		buf_addf(&help, " (default: %s)", o->builtin);
	buf_addf(out, "  %s", left);
	if (strlen(left) + 4 > column)
		buf_addf(out, "\n%*s", (int)column, "");
	else
		buf_addf(out, "%*s", (int)(column - strlen(left) - 2), "");
	add_wrapped(out, column, buf_str(&help));
	buf_free(&help);
}

void
opt_help(const struct opt *table, size_t n, const char *head, const char *tail,
    struct buf *out)
{
	size_t column = help_column(table, n);
	struct buf left = BUF_INIT;

	buf_adds(out, head);
	for (size_t i = 0; i < n; i++) {
		if (table[i].kind == OPT_HEADING)
			buf_addf(out, "\n%s:\n", table[i].name);
		row_synopsis(table, n, i, &left);
		if (left.len > 0)
			add_help_row(&table[i], buf_str(&left), column, out);
	}
	buf_adds(out, tail);
	buf_free(&left);
}

static void
show_one(
    const struct opt *o, const char *text, const char *from, struct buf *out)
{
	buf_addf(out, "%s = ", o->name);
	if (is_secret(o, text))
		buf_adds(out, "***");
	else
		text_add_escaped(out, text, strlen(text));
	buf_addf(out, "  # %s\n", from);
}

void
opt_show(const struct opt_set *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct opt *o = &s->table[i];
		const struct opt_value *v = &s->v[i];

		if (o->kind == OPT_HEADING || is_alias(o) ||
		    ((o->flags & OPT_ACTION) != 0 && !v->set))
			continue;
		if (!v->set)
			buf_addf(out, "%s =  # not set\n", o->name);
		else if (o->kind == OPT_COUNT)
			buf_addf(
			    out, "%s = %u  # %s\n", o->name, v->count, v->from);
		else if (o->kind == OPT_FLAG)
			show_one(o, v->count != 0 ? "on" : "off", v->from, out);
		else if (o->kind != OPT_LIST)
			show_one(o, v->text, v->from, out);
		for (size_t k = 0; k < v->nlist; k++)
			show_one(o, v->list[k], v->from, out);
	}
}
