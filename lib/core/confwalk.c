#include "base/std.h"
#include "core/confwalk.h"
#include "core/pgconf.h"

struct confwalk_state {
	const struct confwalk_io *io;
	int version;
	confwalk_fn *fn;
	void *arg;
};

/* --- paths --------------------------------------------------------------- */

/* One component onto an absolute path. */
static void
push(struct buf *out, size_t from, const char *p, size_t n)
{
	if (n == 0 || (n == 1 && p[0] == '.'))
		return;
	if (n == 2 && p[0] == '.' && p[1] == '.') {
		while (out->len > from && out->data[out->len - 1] != '/')
			out->len--;
		if (out->len > from)
			out->len--;
		if (out->data != NULL)
			out->data[out->len] = '\0';
		return;
	}
	buf_addc(out, '/');
	buf_add(out, p, n);
}

static void
push_all(struct buf *out, size_t from, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		size_t k = strcspn(p, "/");

		k = MIN_OF(k, (size_t)(end - p));
		push(out, from, p, k);
		p += k + 1;
	}
}

void
confwalk_join(struct buf *out, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	size_t from = out->len;

	if (name[0] != '/' && slash != NULL)
		push_all(out, from, file, (size_t)(slash - file));
	push_all(out, from, name, strlen(name));
	if (out->len == from)
		buf_addc(out, '/');
}

/* --- the walk ------------------------------------------------------------ */

static int walk_file(const struct confwalk_state *w, const char *path,
    bool must, const struct confwalk_line *from, unsigned depth, struct err *e);

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_conf(const char *name)
{
	size_t n = strlen(name);

	return n >= 6 && name[0] != '.' && strcmp(name + n - 5, ".conf") == 0;
}

const char **
confwalk_names(const struct buf *names, size_t *n, struct err *e)
{
	const char *p = buf_str(names), *end = p + names->len;
	const char **v;
	size_t all = 1;

	for (const char *q = p; q < end; q += strlen(q) + 1)
		all++;
	if ((v = calloc(all, sizeof(*v))) == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	*n = 0;
	for (; p < end; p += strlen(p) + 1)
		if (is_conf(p))
			v[(*n)++] = p;
	qsort(v, *n, sizeof(*v), by_name);
	return v;
}

static int
missing(const struct confwalk_line *from, const char *path, struct err *e)
{
	if (from == NULL)
		return err_set(e, ERR_SETTING, "there is no file \"%s\"", path);
	(void)err_set(e, ERR_SETTING,
	    "\"%s\", line %u, includes \"%s\", which is not there", from->file,
	    from->number, path);
	return err_hint(e, "The server does not start with it: make the file, "
			   "or remove the line.");
}

static int
walk_dir(const struct confwalk_state *w, const struct confwalk_line *l,
    unsigned depth, struct err *e)
{
	struct buf names = BUF_INIT, path = BUF_INIT;
	const char **v = NULL;
	size_t n = 0;
	int rc = w->io->list(w->io->arg, l->path, &names, e);

	if (rc == 0)
		rc = missing(l, l->path, e);
	else if (rc == 1)
		rc = (v = confwalk_names(&names, &n, e)) == NULL ? -1 : 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/%s", l->path, v[i]);
		/* What is a directory, or went away, does not count. */
		rc = buf_ok(&path)
			 ? walk_file(w, buf_str(&path), false, l, depth + 1, e)
			 : err_set_nomem(e);
	}
	free(v);
	buf_free(&names);
	buf_free(&path);
	return rc;
}

static enum confwalk_kind
kind_of(const char *name)
{
	if (strcasecmp(name, "include") == 0)
		return CONFWALK_INCLUDE;
	if (strcasecmp(name, "include_if_exists") == 0)
		return CONFWALK_INCLUDE_IF_EXISTS;
	if (strcasecmp(name, "include_dir") == 0)
		return CONFWALK_INCLUDE_DIR;
	return CONFWALK_SETTING;
}

static int
walk_line(const struct confwalk_state *w, struct confwalk_line *l,
    unsigned depth, struct err *e)
{
	struct buf path = BUF_INIT;
	int rc;

	l->kind = kind_of(l->name);
	l->path = NULL;
	if (l->kind != CONFWALK_SETTING) {
		confwalk_join(&path, l->file, l->value);
		l->path = buf_str(&path);
	}
	rc = buf_ok(&path) ? w->fn(w->arg, l, e) : err_set_nomem(e);
	if (rc == 0 && l->kind == CONFWALK_INCLUDE_DIR)
		rc = walk_dir(w, l, depth, e);
	else if (rc == 0 && l->kind != CONFWALK_SETTING)
		rc = walk_file(
		    w, l->path, l->kind == CONFWALK_INCLUDE, l, depth + 1, e);
	buf_free(&path);
	return rc;
}

static int
walk_text(const struct confwalk_state *w, const char *path, const char *text,
    unsigned depth, struct err *e)
{
	struct buf name = BUF_INIT, value = BUF_INIT;
	struct confwalk_line l = {.file = path, .number = 0};
	int rc = 0;

	for (; *text != '\0' && rc == 0; text = pgconf_next_line(text)) {
		l.number++;
		rc = pgconf_line(text, w->version, &name, &value);
		if (rc == -1) {
			(void)err_set_nomem(e);
		} else if (rc == 1) {
			l.name = buf_str(&name);
			l.value = buf_str(&value);
			rc = walk_line(w, &l, depth, e);
		}
	}
	buf_free(&name);
	buf_free(&value);
	return rc;
}

static int
walk_file(const struct confwalk_state *w, const char *path, bool must,
    const struct confwalk_line *from, unsigned depth, struct err *e)
{
	struct confwalk_line l = {.kind = CONFWALK_FILE, .file = path};
	struct buf text = BUF_INIT;
	int rc;

	if (depth > CONFWALK_DEPTH)
		return err_set(e, ERR_SETTING,
		    "\"%s\", line %u: more than %d configuration files include "
		    "each other",
		    from->file, from->number, CONFWALK_DEPTH);
	rc = w->io->read(w->io->arg, path, &text, e);
	if (rc == 0 && must)
		rc = missing(from, path, e);
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
confwalk(const struct confwalk_io *io, const char *main_file, int version,
    confwalk_fn *fn, void *arg, struct err *e)
{
	struct confwalk_state w = {
	    .io = io, .version = version, .fn = fn, .arg = arg};

	return walk_file(&w, main_file, true, NULL, 0, e);
}

/* --- one setting --------------------------------------------------------- */

struct wanted {
	const char *name;
	struct confwalk_place *place;
	bool found;
};

static int
take_value(void *arg, const struct confwalk_line *l, struct err *e)
{
	struct wanted *w = arg;

	if (l->kind != CONFWALK_SETTING || strcasecmp(l->name, w->name) != 0)
		return 0;
	buf_reset(&w->place->value);
	buf_reset(&w->place->file);
	buf_adds(&w->place->value, l->value);
	buf_adds(&w->place->file, l->file);
	w->place->number = l->number;
	w->found = true;
	return buf_ok(&w->place->value) && buf_ok(&w->place->file)
		   ? 0
		   : err_set_nomem(e);
}

int
confwalk_get(const struct confwalk_io *io, const char *main_file,
    const char *name, int version, struct confwalk_place *place, struct err *e)
{
	struct wanted w = {.name = name, .place = place};

	if (confwalk(io, main_file, version, take_value, &w, e) == -1)
		return -1;
	return w.found;
}

void
confwalk_place_free(struct confwalk_place *place)
{
	buf_free(&place->value);
	buf_free(&place->file);
}

/* --- a changed copy ------------------------------------------------------ */

int
confwalk_edit(const char *text, int version, confwalk_edit_fn *edit, void *arg,
    struct buf *out, struct err *e)
{
	struct buf name = BUF_INIT, value = BUF_INIT, instead = BUF_INIT;
	const char *next;
	int rc = 0;

	for (; *text != '\0' && rc != -1; text = next) {
		next = pgconf_next_line(text);
		buf_reset(&instead);
		rc = pgconf_line(text, version, &name, &value);
		if (rc == 1)
			rc = edit(
			    arg, buf_str(&name), buf_str(&value), &instead);
		if (rc == 1 && instead.len == 0)
			buf_adds(out, "# ");
		if (rc == 1 && instead.len > 0)
			buf_add(out, instead.data, instead.len);
		else if (rc != -1)
			buf_add(out, text, (size_t)(next - text));
	}
	if (rc == -1 || !buf_ok(out) || !buf_ok(&instead))
		rc = err_set_nomem(e);
	buf_free(&name);
	buf_free(&value);
	buf_free(&instead);
	return rc == -1 ? -1 : 0;
}
