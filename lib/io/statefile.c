#include "base/std.h"
#include "base/buf.h"
#include "io/outfile.h"
#include "io/statefile.h"

#include <sys/file.h>

#include <jansson.h>

#define FORMAT 1
#define TOOL "repl-status"
#define SIZE_MAX_BYTES ((size_t)1 << 20)
#define NODES_MAX 4096

struct statefile {
	int lock;
	char *path;
};

/* --- reading ------------------------------------------------------------- */

/* What a wrong document is called; NULL: it is right. */
static const char damaged[] = "it is damaged";

/* "HIGH/LOW" in hexadecimal, or any 64-bit number in decimal: JSON's own
 * integers end at 63 bits. */
static bool
get_u64(const json_t *in, const char *key, uint64_t *v)
{
	const char *s = json_string_value(json_object_get(in, key));
	char *end;

	if (s == NULL || s[0] < '0' || s[0] > '9' || strlen(s) > 20)
		return false;
	errno = 0;
	*v = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
get_lsn(const json_t *in, const char *key, uint64_t *v)
{
	const char *s = json_string_value(json_object_get(in, key));
	size_t high, low;

	if (s == NULL)
		return false;
	high = strspn(s, "0123456789ABCDEF");
	if (high < 1 || high > 8 || s[high] != '/')
		return false;
	low = strspn(s + high + 1, "0123456789ABCDEF");
	if (low < 1 || low > 8 || s[high + 1 + low] != '\0')
		return false;
	*v = (uint64_t)strtoul(s, NULL, 16) << 32 |
	     strtoul(s + high + 1, NULL, 16);
	return true;
}

/* A time is a number; what is not known is negative. */
static bool
get_time(const json_t *in, const char *key, double *v)
{
	const json_t *j = json_object_get(in, key);

	if (!json_is_number(j))
		return false;
	*v = json_number_value(j);
	return true;
}

/* 1, 0: it is no text (or null where that is not allowed), -1: no memory. */
static int
get_text(const json_t *in, const char *key, bool null_is_fine, char **v)
{
	const json_t *j = json_object_get(in, key);

	*v = NULL;
	if (json_is_null(j))
		return null_is_fine;
	if (!json_is_string(j))
		return 0;
	return (*v = strdup(json_string_value(j))) == NULL ? -1 : 1;
}

static int
take_node(const json_t *in, struct trend_node *n)
{
	if (!get_time(in, "time", &n->time) ||
	    !get_time(in, "moved", &n->moved) ||
	    !get_lsn(in, "received", &n->received) ||
	    !get_lsn(in, "replayed", &n->replayed) ||
	    !get_lsn(in, "end", &n->end))
		return 0;
	return get_text(in, "name", false, &n->name);
}

static int
take_nodes(const json_t *in, struct trend *t)
{
	size_t n = json_array_size(in);
	int rc = 1;

	if (!json_is_array(in) || n > NODES_MAX)
		return 0;
	if ((t->nodes = calloc(n + 1, sizeof(*t->nodes))) == NULL)
		return -1;
	for (size_t i = 0; i < n && rc == 1; i++) {
		rc = take_node(json_array_get(in, i), &t->nodes[i]);
		t->n = i + 1;
	}
	return rc;
}

static int
take_primary(const json_t *in, struct trend *t)
{
	const json_t *timeline = json_object_get(in, "timeline");
	json_int_t v = json_integer_value(timeline);

	if (!get_time(in, "time", &t->primary_time) ||
	    !get_lsn(in, "lsn", &t->primary_lsn) ||
	    !json_is_integer(timeline) || v < 0 || v > (json_int_t)UINT32_MAX)
		return 0;
	t->primary_timeline = (uint32_t)v;
	return get_text(in, "name", true, &t->primary);
}

/* As the getters: 1, 0 wrong, -1 no memory. */
static int
take_all(const json_t *in, struct trend *t)
{
	const json_t *code = json_object_get(in, "code");
	int rc;

	if (!get_time(in, "time", &t->time) ||
	    !get_u64(in, "system_identifier", &t->system_identifier) ||
	    !json_is_integer(code) || json_integer_value(code) < SEV_OK ||
	    json_integer_value(code) > SEV_UNKNOWN)
		return 0;
	t->severity = (enum status_severity)json_integer_value(code);
	rc = get_text(in, "digest", true, &t->digest);
	if (rc == 1)
		rc = take_primary(json_object_get(in, "primary"), t);
	if (rc == 1)
		rc = take_nodes(json_object_get(in, "nodes"), t);
	t->set = rc == 1;
	return rc;
}

/* Why the text is not used, NULL when it is; *nomem. */
static const char *
parse(const struct buf *b, struct trend *t, bool *nomem)
{
	json_t *doc = json_loadb(b->data, b->len, JSON_REJECT_DUPLICATES, NULL);
	const char *why = NULL, *tool;
	int rc = 1;

	tool = json_string_value(json_object_get(doc, "tool"));
	if (doc == NULL)
		why = damaged;
	else if (tool == NULL || strcmp(tool, TOOL) != 0 ||
		 !json_is_string(json_object_get(doc, "digest")))
		why = "it is not a state file of " TOOL;
	else if (json_integer_value(json_object_get(doc, "format")) != FORMAT)
		why = "it has another format";
	else if ((rc = take_all(doc, t)) != 1)
		why = damaged;
	*nomem = rc == -1;
	if (why != NULL)
		trend_free(t);
	json_decref(doc);
	return why;
}

/* Ours: a regular file of this user. */
static int
check_own(int fd, const char *name, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not look at file \"%s\"", name);
	if (!S_ISREG(st.st_mode))
		return err_set(
		    e, ERR_IO, "state file \"%s\" is not a regular file", name);
	if (st.st_uid == geteuid())
		return 0;
	(void)err_set(e, ERR_IO,
	    "state file \"%s\" belongs to another user (uid %ld)", name,
	    (long)st.st_uid);
	return err_hint(e, "Name another one, or remove it.");
}

static int
open_own(const char *name, int flags, struct err *e)
{
	int fd = open(
	    name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);

	if (fd == -1 && errno == ELOOP)
		return err_set(
		    e, ERR_IO, "state file \"%s\" is a symbolic link", name);
	if (fd == -1)
		return err_set_errno(
		    e, ERR_IO, "could not open state file \"%s\"", name);
	if (check_own(fd, name, e) == -1) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The whole of it, at most one byte more than is allowed. */
static int
read_all(int fd, struct buf *b)
{
	ssize_t n = 1;
	char *to;

	while (n != 0 && b->len <= SIZE_MAX_BYTES) {
		if ((to = buf_reserve(b, 4096)) == NULL)
			return -1;
		n = read(fd, to, 4096);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		b->len += (size_t)n;
	}
	return 0;
}

static int
read_last(const char *path, struct trend *last, char *ignored, size_t size,
    struct err *e)
{
	struct buf b = BUF_INIT;
	const char *why = NULL;
	bool nomem = false;
	struct stat st;
	int fd, rc = -1;

	if (lstat(path, &st) == -1 && errno == ENOENT)
		return 0;
	if ((fd = open_own(path, O_RDONLY, e)) == -1)
		return -1;
	if (read_all(fd, &b) == -1) {
		(void)err_set_errno(
		    e, ERR_IO, "could not read state file \"%s\"", path);
		goto out;
	}
	if (b.len > SIZE_MAX_BYTES)
		why = "it is too large";
	else if (b.len == 0)
		why = "it is empty";
	else
		why = parse(&b, last, &nomem);
	if (nomem) {
		(void)err_set_nomem(e);
		goto out;
	}
	if (why != NULL)
		(void)snprintf(ignored, size, "%s", why);
	rc = 0;
out:
	buf_free(&b);
	(void)close(fd);
	return rc;
}

/* It may be somebody's work, named by mistake: it is not ours to remove. */
static int
keep_old(const char *path, char *ignored, size_t size, struct err *e)
{
	size_t used = strlen(ignored);
	char name[PATH_MAX];
	struct stat st;

	if (used == 0 || (lstat(path, &st) == 0 && st.st_size == 0))
		return 0;
	if (snprintf(name, sizeof(name), "%s.old", path) >= (int)sizeof(name))
		errno = ENAMETOOLONG;
	else if (rename(path, name) == 0) {
		(void)snprintf(
		    ignored + used, size - used, "; it is now \"%s\"", name);
		return 0;
	}
	return err_set_errno(e, ERR_IO,
	    "\"%s\" is not a state file (%s) and could not be kept as "
	    "\"%s.old\"",
	    path, ignored, path);
}

/* --- the lock ------------------------------------------------------------ */

/* Its time is when the run that holds it began. */
static void
say_since(int fd, char *text, size_t size)
{
	struct stat st;
	struct tm tm;

	text[0] = '\0';
	if (fstat(fd, &st) == 0 && gmtime_r(&st.st_mtime, &tm) != NULL)
		(void)strftime(text, size, "%Y-%m-%d %H:%M:%SZ", &tm);
}

/* The descriptor; -1: *overlap and since when, or e. */
static int
take_lock(
    const char *path, bool *overlap, char *since, size_t size, struct err *e)
{
	char name[PATH_MAX];
	int fd;

	if (snprintf(name, sizeof(name), "%s.lock", path) >=
	    (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		return err_set_errno(
		    e, ERR_IO, "could not open state file \"%s\"", path);
	}
	if ((fd = open_own(name, O_RDWR | O_CREAT, e)) == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		(void)futimens(fd, NULL);
		return fd;
	}
	if (errno == EWOULDBLOCK) {
		*overlap = true;
		say_since(fd, since, size);
	} else
		(void)err_set_errno(
		    e, ERR_IO, "could not lock file \"%s\"", name);
	(void)close(fd);
	return -1;
}

int
statefile_open(struct statefile **out, const char *path, struct trend *last,
    bool *overlap, char *ignored, size_t size, struct err *e)
{
	struct statefile *f;
	char since[32] = "";

	*out = NULL;
	*overlap = false;
	ignored[0] = '\0';
	trend_free(last);
	*last = (struct trend){.set = false};
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return err_set_nomem(e);
	f->lock = -1;
	if ((f->path = strdup(path)) == NULL) {
		(void)err_set_nomem(e);
		goto fail;
	}
	f->lock = take_lock(path, overlap, since, sizeof(since), e);
	if (f->lock == -1 && !*overlap)
		goto fail;
	if (read_last(path, last, ignored, size, e) == -1 ||
	    (!*overlap && keep_old(path, ignored, size, e) == -1))
		goto fail;
	if (!*overlap) {
		*out = f;
		return 0;
	}
	(void)snprintf(ignored, size, "%s", since);
	statefile_close(f);
	return 0;
fail:
	statefile_close(f);
	return -1;
}

void
statefile_close(struct statefile *f)
{
	if (f == NULL)
		return;
	/* The lock file stays: removing it would let two runs in. */
	if (f->lock != -1)
		(void)close(f->lock);
	free(f->path);
	free(f);
}

/* --- writing ------------------------------------------------------------- */

static json_t *
lsn_value(uint64_t lsn)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIX64 "/%" PRIX64, lsn >> 32,
	    lsn & UINT32_MAX);
	return json_string(text);
}

/* Names are of people and servers: bytes that are not UTF-8 become "?", which
 * is enough to find the same name again. */
static json_t *
text_value(const char *text)
{
	json_t *v;
	char *copy;

	if (text == NULL)
		return json_null();
	if ((v = json_string(text)) != NULL || (copy = strdup(text)) == NULL)
		return v;
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	v = json_string(copy);
	free(copy);
	return v;
}

static json_t *
nodes_value(const struct trend *t)
{
	json_t *a = json_array(), *o;

	for (size_t i = 0; a != NULL && i < t->n; i++) {
		const struct trend_node *n = &t->nodes[i];

		o = json_pack("{s:o, s:f, s:o, s:o, s:o, s:f}", "name",
		    text_value(n->name), "time", n->time, "received",
		    lsn_value(n->received), "replayed", lsn_value(n->replayed),
		    "end", lsn_value(n->end), "moved", n->moved);
		if (json_array_append_new(a, o) == -1) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static char *
render(const struct trend *t)
{
	char id[24];
	json_t *doc;
	char *text;

	(void)snprintf(id, sizeof(id), "%" PRIu64, t->system_identifier);
	doc = json_pack("{s:i, s:s, s:f, s:s, s:i, s:o, s:{s:o, s:f, s:o, s:I},"
			" s:o}",
	    "format", FORMAT, "tool", TOOL, "time", t->time,
	    "system_identifier", id, "code", (int)t->severity, "digest",
	    text_value(t->digest != NULL ? t->digest : ""), "primary", "name",
	    text_value(t->primary), "time", t->primary_time, "lsn",
	    lsn_value(t->primary_lsn), "timeline",
	    (json_int_t)t->primary_timeline, "nodes", nodes_value(t));
	text = json_dumps(doc,
	    JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
	json_decref(doc);
	return text;
}

int
statefile_write(struct statefile *f, const struct trend *t, struct err *e)
{
	char *text = render(t);
	struct buf b = BUF_INIT;
	int rc;

	if (text == NULL)
		return err_set_nomem(e);
	buf_addf(&b, "%s\n", text);
	free(text);
	rc = buf_ok(&b) ? outfile_write(f->path, 0600, true, b.data, b.len, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}
