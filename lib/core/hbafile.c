#include "base/std.h"
#include "core/hbafile.h"
#include "core/pgver.h"
#include "core/text.h"

/* --- lines and words ------------------------------------------------------ */

/* The line at text without its end, those behind it to which it goes on put
 * together: into line.  Returns where the next one begins. */
static const char *
take_line(const char *text, bool continues, struct buf *line, unsigned *count)
{
	size_t joined = 0; /* a backslash is looked at once */

	buf_reset(line);
	*count = 0;
	while (*text != '\0') {
		size_t n = strcspn(text, "\n"), end;

		buf_add(line, text, n);
		text += text[n] == '\n' ? n + 1 : n;
		(*count)++;
		end = line->len;
		while (end > 0 && line->data[end - 1] == '\r')
			end--;
		if (!continues || !buf_ok(line) || end <= joined ||
		    line->data[end - 1] != '\\')
			break;
		joined = line->len = end - 1;
		line->data[joined] = '\0';
	}
	return text;
}

struct word {
	struct buf text;         /* without its quotes */
	const char *begin, *end; /* as written */
	bool quoted;             /* from its first byte on */
	bool comma;              /* the field goes on behind it */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Returns false at the end of the line. */
static bool
next_word(const char **at, struct word *w)
{
	const char *p = *at;
	bool in_quote = false, was_quote = false;

	buf_reset(&w->text);
	while (is_blank(*p) || *p == ',')
		p++;
	w->begin = p;
	w->quoted = *p == '"';
	for (; *p != '\0' && (in_quote || !is_blank(*p)); p++) {
		if (!in_quote && (*p == '#' || *p == ','))
			break;
		if (*p != '"' || was_quote)
			buf_addc(&w->text, *p);
		was_quote = in_quote && *p == '"';
		if (*p == '"')
			in_quote = !in_quote;
	}
	w->end = p;
	w->comma = *p == ',';
	*at = *p == '#' ? p + strlen(p) : w->comma ? p + 1 : p;
	return w->end > w->begin;
}

/* A name in one line. */
struct name {
	enum hbafile_kind kind;
	const char *text;        /* "" is none */
	const char *begin, *end; /* as written, with its '@' */
};
typedef int name_fn(void *arg, const struct name *n, struct err *e);

static bool
is_directive(const char *word, enum hbafile_kind *kind)
{
	static const struct {
		const char *word;
		enum hbafile_kind kind;
	} all[] = {
	    {"include", HBAFILE_INCLUDE},
	    {"include_if_exists", HBAFILE_INCLUDE_IF_EXISTS},
	    {"include_dir", HBAFILE_INCLUDE_DIR},
	};

	for (size_t i = 0; i < NELEM(all); i++)
		if (strcmp(all[i].word, word) == 0) {
			*kind = all[i].kind;
			return true;
		}
	return false;
}

/* A line of two fields, of which the first begins with that word. */
static bool
is_include(const char *line, int version, enum hbafile_kind *kind)
{
	struct word w = {.text = BUF_INIT};
	bool found = false;
	size_t fields = 0;

	if (pgver(version, PGFACT_HBA_INCLUDE) == NULL)
		return false;
	for (bool more = false; next_word(&line, &w); more = w.comma) {
		if (fields == 0)
			found = is_directive(buf_str(&w.text), kind);
		fields += !more;
	}
	buf_free(&w.text);
	return found && fields == 2;
}

/* In the order in which they stand there. */
static int
names_of_line(
    const char *line, int version, name_fn *fn, void *arg, struct err *e)
{
	enum hbafile_kind kind = HBAFILE_LIST;
	bool directive = is_include(line, version, &kind), more = false;
	struct word w = {.text = BUF_INIT};
	size_t fields = 0;
	int rc = 0;

	for (; rc == 0 && next_word(&line, &w); more = w.comma) {
		const char *text = buf_str(&w.text);
		struct name n = {kind, text, w.begin, w.end};

		fields += !more;
		if (!w.quoted && text[0] == '@' && text[1] != '\0') {
			n.kind = HBAFILE_LIST;
			n.text++;
			rc = fn(arg, &n, e);
		} else if (directive && !more && fields == 2 &&
			   text[0] != '\0') {
			rc = fn(arg, &n, e);
		}
	}
	if (rc == 0 && !buf_ok(&w.text))
		rc = err_set_nomem(e);
	buf_free(&w.text);
	return rc;
}

/* --- the walk ------------------------------------------------------------- */

struct walk {
	const struct confwalk_io *io;
	int version;
	hbafile_fn *fn;
	void *arg;
	struct buf seen; /* files, each with its NUL */
};

/* A file that is being read, and the one that named it. */
struct at {
	struct walk *w;
	const char *file;
	unsigned number, depth;
};

static int walk_file(struct walk *w, const char *path, const struct at *from,
    unsigned depth, struct err *e);

static bool
has_seen(const struct walk *w, const char *path)
{
	const char *p = buf_str(&w->seen), *end = p + w->seen.len;

	for (; p < end; p += strlen(p) + 1)
		if (strcmp(p, path) == 0)
			return true;
	return false;
}

static int
walk_dir(const struct at *a, const char *dir, struct err *e)
{
	struct buf names = BUF_INIT, path = BUF_INIT;
	const char **v = NULL;
	size_t n = 0;
	int rc = a->w->io->list(a->w->io->arg, dir, &names, e);

	if (rc == 1)
		rc = (v = confwalk_names(&names, &n, e)) == NULL ? -1 : 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/%s", dir, v[i]);
		rc = buf_ok(&path)
			 ? walk_file(a->w, buf_str(&path), a, a->depth + 1, e)
			 : err_set_nomem(e);
	}
	free(v);
	buf_free(&names);
	buf_free(&path);
	return rc;
}

static int
walk_name(void *arg, const struct name *n, struct err *e)
{
	const struct at *a = arg;
	struct hbafile_line l = {
	    .kind = n->kind, .file = a->file, .number = a->number};
	struct buf path = BUF_INIT;
	int rc;

	confwalk_join(&path, a->file, n->text);
	l.path = buf_str(&path);
	rc = buf_ok(&path) ? a->w->fn(a->w->arg, &l, e) : err_set_nomem(e);
	if (rc == 0 && n->kind == HBAFILE_INCLUDE_DIR)
		rc = walk_dir(a, l.path, e);
	else if (rc == 0)
		rc = walk_file(a->w, l.path, a, a->depth + 1, e);
	buf_free(&path);
	return rc;
}

static int
walk_text(struct walk *w, const char *path, const char *text, unsigned depth,
    struct err *e)
{
	bool continues = pgver(w->version, PGFACT_HBA_CONTINUES) != NULL;
	struct at a = {.w = w, .file = path, .number = 1, .depth = depth};
	struct buf line = BUF_INIT;
	unsigned count;
	int rc = 0;

	while (*text != '\0' && rc == 0) {
		text = take_line(text, continues, &line, &count);
		rc = buf_ok(&line) ? names_of_line(buf_str(&line), w->version,
					 walk_name, &a, e)
				   : err_set_nomem(e);
		a.number += count;
	}
	buf_free(&line);
	return rc;
}

static int
walk_file(struct walk *w, const char *path, const struct at *from,
    unsigned depth, struct err *e)
{
	struct hbafile_line l = {.kind = HBAFILE_FILE, .file = path};
	struct buf text = BUF_INIT;
	int rc;

	if (has_seen(w, path))
		return 0;
	if (from != NULL && depth > HBAFILE_DEPTH)
		return err_set(e, ERR_SETTING,
		    "\"%s\", line %u: more than %d files name each other",
		    from->file, from->number, HBAFILE_DEPTH);
	buf_add(&w->seen, path, strlen(path) + 1);
	if (!buf_ok(&w->seen))
		return err_set_nomem(e);
	rc = w->io->read(w->io->arg, path, &text, e);
	if (rc == 1) {
		l.text = buf_str(&text);
		l.len = text.len;
		rc = w->fn(w->arg, &l, e);
		if (rc == 0)
			rc = walk_text(w, path, l.text, depth, e);
	}
	buf_free(&text);
	return rc;
}

int
hbafile_walk(const struct confwalk_io *io, const char *main_file, int version,
    hbafile_fn *fn, void *arg, struct err *e)
{
	struct walk w = {.io = io, .version = version, .fn = fn, .arg = arg};
	int rc = walk_file(&w, main_file, NULL, 0, e);

	buf_free(&w.seen);
	return rc;
}

/* --- a changed copy ------------------------------------------------------- */

struct edit {
	hbafile_edit_fn *fn;
	void *arg;
	struct pgver_hba most;
	struct buf line; /* up to done, changed */
	unsigned number;
	const char *done;
	bool changed;
};

/* A list's '@' is part of its word. */
static int
check_word(const struct edit *d, const struct name *n, const char *instead,
    struct err *e)
{
	size_t len = strlen(instead) + (n->kind == HBAFILE_LIST);

	if (d->most.word == 0 || len <= d->most.word)
		return 0;
	return err_set(e, ERR_SETTING,
	    "line %u would have a word of %zu bytes, of which a server of that "
	    "version reads at most %zu: \"%s\"",
	    d->number, len, d->most.word, instead);
}

static int
check_line(const struct edit *d, struct err *e)
{
	size_t len = d->line.len + strlen(d->done) + 1;

	if (!d->changed || d->most.line == 0 || len <= d->most.line)
		return 0;
	return err_set(e, ERR_SETTING,
	    "line %u would have %zu bytes, of which a server of that version "
	    "reads at most %zu",
	    d->number, len, d->most.line);
}

static int
edit_name(void *arg, const struct name *n, struct err *e)
{
	struct edit *d = arg;
	struct buf instead = BUF_INIT;
	int rc = d->fn(d->arg, n->kind, n->text, &instead, e);

	if (rc == 1 && check_word(d, n, buf_str(&instead), e) == -1)
		rc = -1;
	if (rc == 1) {
		buf_add(&d->line, d->done, (size_t)(n->begin - d->done));
		if (n->kind == HBAFILE_LIST)
			buf_addc(&d->line, '@');
		text_add_identifier(&d->line, buf_str(&instead));
		d->done = n->end;
		d->changed = true;
		rc = buf_ok(&instead) ? 0 : err_set_nomem(e);
	}
	buf_free(&instead);
	return rc;
}

int
hbafile_edit(const char *text, int version, hbafile_edit_fn *edit, void *arg,
    struct buf *out, struct err *e)
{
	bool continues = pgver(version, PGFACT_HBA_CONTINUES) != NULL;
	struct edit d = {
	    .fn = edit, .arg = arg, .most = pgver_hba(version), .number = 1};
	struct buf line = BUF_INIT;
	const char *next;
	unsigned count;
	int rc = 0;

	for (; *text != '\0' && rc == 0; text = next) {
		next = take_line(text, continues, &line, &count);
		buf_reset(&d.line);
		d.done = buf_str(&line);
		d.changed = false;
		rc = buf_ok(&line) ? names_of_line(buf_str(&line), version,
					 edit_name, &d, e)
				   : err_set_nomem(e);
		if (rc == 0)
			rc = check_line(&d, e);
		d.number += count;
		if (d.changed)
			buf_addf(out, "%s%s\n", buf_str(&d.line), d.done);
		else
			buf_add(out, text, (size_t)(next - text));
	}
	if (rc == 0 && (!buf_ok(out) || !buf_ok(&d.line)))
		rc = err_set_nomem(e);
	buf_free(&line);
	buf_free(&d.line);
	return rc;
}
