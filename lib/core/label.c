#include "base/std.h"
#include "core/label.h"
#include "core/lsn.h"
#include "core/pgver.h"

/* The value behind "key" if the line [s, end) begins with it, or NULL. */
static const char *
value_of(const char *s, const char *end, const char *key)
{
	size_t n = strlen(key);

	if ((size_t)(end - s) < n || memcmp(s, key, n) != 0)
		return NULL;
	return s + n;
}

/* Copy [s, end) as text, cut to size - 1 bytes. */
static void
copy_text(char *dst, size_t size, const char *s, const char *end)
{
	size_t n = MIN_OF((size_t)(end - s), size - 1);

	memcpy(dst, s, n);
	dst[n] = '\0';
}

/* The LSN in [s, end), which holds nothing else. */
static int
lsn_of(const char *s, const char *end, uint64_t *lsn)
{
	char text[LSN_TEXT];

	if ((size_t)(end - s) >= sizeof(text))
		return -1;
	copy_text(text, sizeof(text), s, end);
	return lsn_parse(text, lsn);
}

/* "0/2000028 (file 000000010000000000000002)" */
static int
parse_start(const char *s, const char *end, struct label *l)
{
	static const char middle[] = " (file ";
	const char *blank = memchr(s, ' ', (size_t)(end - s));
	const char *file;
	size_t i;

	if (blank == NULL || lsn_of(s, blank, &l->start_lsn) == -1)
		return -1;
	file = value_of(blank, end, middle);
	if (file == NULL || end - file != 25 || end[-1] != ')')
		return -1;
	copy_text(l->start_wal, sizeof(l->start_wal), file, end - 1);
	for (i = 0; i < 24; i++)
		if (strchr("0123456789ABCDEF", l->start_wal[i]) == NULL)
			return -1;
	return l->start_lsn == LSN_INVALID ? -1 : 0;
}

static int
parse_timeline(const char *s, const char *end, uint32_t *tli)
{
	uint64_t n = 0;

	if (s == end || end - s > 10)
		return -1;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	if (n == 0 || n > UINT32_MAX)
		return -1;
	*tli = (uint32_t)n;
	return 0;
}

/* "primary" is called "master" by older servers. */
static int
parse_from(const char *s, const char *end, struct label *l)
{
	copy_text(l->from, sizeof(l->from), s, end);
	if (strcmp(l->from, "master") == 0)
		snprintf(l->from, sizeof(l->from), "primary");
	return strcmp(l->from, "primary") == 0 ||
		       strcmp(l->from, "standby") == 0
		   ? 0
		   : -1;
}

/* Lines behind the first two: any order, the first of a kind counts, since a
 * label given by a user may hold a newline and imitate others. */
static int
parse_other(const char *s, const char *end, struct label *l)
{
	const char *v;

	if ((v = value_of(s, end, "BACKUP FROM: ")) != NULL)
		return l->from[0] != '\0' ? 0 : parse_from(v, end, l);
	if ((v = value_of(s, end, "START TIMELINE: ")) != NULL)
		return l->timeline != 0 ? 0
					: parse_timeline(v, end, &l->timeline);
	if ((v = value_of(s, end, "LABEL: ")) != NULL && l->label[0] == '\0')
		copy_text(l->label, sizeof(l->label), v, end);
	return 0;
}

/* Line number n (from 0), without its newline. */
static int
parse_line(size_t n, const char *s, const char *end, struct label *l)
{
	const char *v;

	switch (n) {
	case 0:
		v = value_of(s, end, "START WAL LOCATION: ");
		return v == NULL ? -1 : parse_start(v, end, l);
	case 1:
		v = value_of(s, end, "CHECKPOINT LOCATION: ");
		return v == NULL ? -1 : lsn_of(v, end, &l->checkpoint_lsn);
	}
	return parse_other(s, end, l);
}

int
label_parse(const char *text, size_t len, struct label *l, struct err *e)
{
	struct label got = {0};
	const char *s, *end;
	size_t n = 0;

	if (len > LABEL_MAX || (len > 0 && memchr(text, '\0', len) != NULL))
		return err_set(e, ERR_SQL,
		    "the backup label is longer than %d bytes or not text",
		    LABEL_MAX);
	for (s = text; len > 0 && s < text + len; s = end + 1, n++) {
		end = memchr(s, '\n', (size_t)(text + len - s));
		if (end == NULL)
			end = text + len;
		if (parse_line(n, s, end, &got) == -1)
			return err_set(e, ERR_SQL,
			    "line %zu of the backup label is not what a "
			    "server writes",
			    n + 1);
	}
	if (n < 2)
		return err_set(e, ERR_SQL,
		    "the backup label has no start and checkpoint location");
	*l = got;
	return 0;
}

/* --- ours ----------------------------------------------------------------- */

#define OURS "standby-clone "
#define UUID_LEN 36

void
label_make(char *to, size_t size, const char *text, const char *uuid)
{
	size_t room = size - sizeof(OURS) - UUID_LEN - 1;
	size_t n = text == NULL ? 0 : strlen(text);

	if (n > room)
		for (n = room;
		     n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	(void)snprintf(to, size, "%.*s%s" OURS "%s", (int)n,
	    text == NULL ? "" : text, n > 0 ? " " : "", uuid);
	for (char *p = to; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

static bool
is_uuid(const char *s)
{
	for (size_t i = 0; i < UUID_LEN; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23
			? s[i] != '-'
			: s[i] == '\0' ||
			      strchr("0123456789abcdef", s[i]) == NULL)
			return false;
	return s[UUID_LEN] == '\0';
}

const char *
label_uuid(const char *label)
{
	size_t ours = strlen(OURS) + UUID_LEN, n = strlen(label);
	const char *tail = label + n - MIN_OF(n, ours);

	if (n < ours || (tail > label && tail[-1] != ' ') ||
	    strncmp(tail, OURS, strlen(OURS)) != 0)
		return NULL;
	tail += strlen(OURS);
	return is_uuid(tail) ? tail : NULL;
}

bool
label_is_ours(const char *label, const char *uuid)
{
	const char *its = label_uuid(label);

	return its != NULL && (uuid == NULL || strcmp(its, uuid) == 0);
}

/* --- tablespace_map --- */

struct map {
	const char *end;
	bool backslash; /* a backslash is escaped, too */
	label_map_fn *fn;
	void *arg;
	struct buf *out;
};

/*
 * Unescape one line into line; returns where its end of line stands, or NULL
 * when there is none.  As read_tablespace_map of each server: from 14 a
 * backslash takes the next byte as it is, before that only before a line end.
 */
static const char *
unescape_line(const struct map *m, const char *s, struct buf *line)
{
	bool next;

	for (; s < m->end && *s != '\n' && *s != '\r'; s++) {
		next = s + 1 < m->end &&
		       (m->backslash || s[1] == '\n' || s[1] == '\r');
		if (*s == '\\' && next)
			s++;
		buf_addc(line, *s);
	}
	return s < m->end ? s : NULL;
}

static void
add_escaped(const struct map *m, const char *path)
{
	for (; *path != '\0'; path++) {
		if (*path == '\n' || *path == '\r' ||
		    (*path == '\\' && m->backslash))
			buf_addc(m->out, '\\');
		buf_addc(m->out, *path);
	}
}

/* "oid path": returns the path, or NULL. */
static const char *
split_line(const char *line, uint32_t *oid)
{
	uint64_t n = 0;
	const char *s;

	for (s = line; *s >= '0' && *s <= '9' && s - line < 10; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	if (n == 0 || n > UINT32_MAX || *s != ' ' || s[1] == '\0')
		return NULL;
	*oid = (uint32_t)n;
	return s + 1;
}

static int
check_new_path(
    const struct map *m, uint32_t oid, const char *path, struct err *e)
{
	size_t len = strlen(path);
	int digits = snprintf(NULL, 0, "%" PRIu32 " ", oid);

	if (path[0] != '/')
		return err_set(e, ERR_TABLESPACE,
		    "the new location \"%s\" of tablespace %" PRIu32
		    " is not an absolute path",
		    path, oid);
	if (len > LABEL_MAP_LINE - (size_t)digits)
		return err_set(e, ERR_TABLESPACE,
		    "the new location of tablespace %" PRIu32
		    " is longer than %d bytes",
		    oid, LABEL_MAP_LINE - digits);
	if (!m->backslash && path[len - 1] == '\\')
		return err_set(e, ERR_TABLESPACE,
		    "the new location \"%s\" of tablespace %" PRIu32
		    " ends in a backslash, which this server cannot read",
		    path, oid);
	return 0;
}

/* One line with its end: [s, eol]. */
static int
rewrite_line(const struct map *m, const char *s, const char *eol,
    const struct buf *line, struct err *e)
{
	uint32_t oid;
	const char *path, *to;

	path =
	    line->len > LABEL_MAP_LINE ? NULL : split_line(buf_str(line), &oid);
	if (path == NULL)
		return err_set(e, ERR_SQL,
		    "the tablespace map of the server is malformed");
	to = m->fn(m->arg, oid, path);
	if (to == NULL || strcmp(to, path) == 0) {
		buf_add(m->out, s, (size_t)(eol - s) + 1);
		return 0;
	}
	if (check_new_path(m, oid, to, e) == -1)
		return -1;
	buf_addf(m->out, "%" PRIu32 " ", oid);
	add_escaped(m, to);
	buf_addc(m->out, *eol);
	return 0;
}

static int
rewrite_lines(
    const struct map *m, const char *s, struct buf *line, struct err *e)
{
	const char *eol;

	for (; s < m->end; s = eol + 1) {
		buf_reset(line);
		eol = unescape_line(m, s, line);
		if (!buf_ok(line) || !buf_ok(m->out))
			return err_set_nomem(e);
		if (eol == s) {
			/* an empty line, e.g. between \r and \n */
			buf_addc(m->out, *eol);
			continue;
		}
		if (eol == NULL)
			return err_set(e, ERR_SQL,
			    "the tablespace map of the server is cut off");
		if (rewrite_line(m, s, eol, line, e) == -1)
			return -1;
	}
	return buf_ok(m->out) ? 0 : err_set_nomem(e);
}

int
label_map_rewrite(const char *text, size_t len, int version, label_map_fn *map,
    void *arg, struct buf *out, struct err *e)
{
	struct buf line = BUF_INIT;
	struct map m = {
	    .backslash = pgver(version, PGFACT_MAP_BACKSLASH) != NULL,
	    .fn = map,
	    .arg = arg,
	    .out = out,
	};
	int rc;

	if (len == 0)
		return 0;
	if (len > LABEL_MAP_MAX || memchr(text, '\0', len) != NULL)
		return err_set(e, ERR_SQL,
		    "the tablespace map is longer than %d bytes or not text",
		    LABEL_MAP_MAX);
	m.end = text + len;
	rc = rewrite_lines(&m, text, &line, e);
	buf_free(&line);
	return rc;
}
