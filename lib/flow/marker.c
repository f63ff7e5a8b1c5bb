#include "base/std.h"
#include "core/lsn.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/marker.h"

#define MARKER_HEAD "standby-clone-marker 1"
#define MARKER_END "end"
#define LINE_MAX_KEY 32

void
marker_free(struct marker *m)
{
	for (size_t i = 0; i < m->nkept; i++)
		free(m->kept[i]);
	for (size_t i = 0; i < m->nroots; i++)
		free(m->roots[i]);
	for (size_t i = 0; i < m->nsettings; i++)
		free(m->settings[i]);
	free(m->settings);
	free(m->kept);
	free(m->roots);
	free(m->source);
	free(m->source_pgdata);
	free(m->slot);
	free(m->slot_at);
	free(m->label);
	*m = (struct marker){.pid = 0};
}

/* --- writing --------------------------------------------------------------
 */

static void
add_text(struct buf *b, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(b, "%s ", key);
	text_add_escaped(b, value, strlen(value));
	buf_addc(b, '\n');
}

static void
add_number(struct buf *b, const char *key, uint64_t value)
{
	buf_addf(b, "%s %" PRIu64 "\n", key, value);
}

void
marker_render(const struct marker *m, struct buf *b)
{
	char lsn[LSN_TEXT];

	buf_adds(b, MARKER_HEAD "\n");
	add_text(b, "uuid", m->uuid);
	add_number(b, "system_identifier", m->system_identifier);
	add_number(b, "timeline", m->timeline);
	add_text(b, "phase", m->phase);
	add_text(b, "source", m->source);
	add_text(b, "source_pgdata", m->source_pgdata);
	add_number(b, "pid", (uint64_t)m->pid);
	add_text(b, "slot", m->slot);
	add_text(b, "slot_at", m->slot_at);
	add_text(b, "label", m->label);
	if (m->server_started[0] != '\0')
		add_text(b, "server_started", m->server_started);
	if (m->old_system_identifier != 0) {
		add_number(
		    b, "old_system_identifier", m->old_system_identifier);
		add_text(
		    b, "old_checkpoint", lsn_format(m->old_checkpoint, lsn));
		add_number(b, "old_timeline", m->old_timeline);
	}
	for (size_t i = 0; i < m->nkept; i++)
		add_text(b, "kept", m->kept[i]);
	for (size_t i = 0; i < m->nroots; i++)
		add_text(b, "root", m->roots[i]);
	for (size_t i = 0; i < m->nsettings; i++)
		add_text(b, "setting", m->settings[i]);
	buf_adds(b, MARKER_END "\n");
}

/* --- reading --------------------------------------------------------------
 */

static bool
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The reverse of text_add_escaped; NULL: not its output, or no memory. */
static char *
unescape(const char *s, size_t n)
{
	char *out = malloc(n + 1);
	size_t i, o = 0;
	int c;

	if (out == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7F)
			goto bad;
		if (s[i] != '\\') {
			out[o++] = s[i];
			continue;
		}
		if (n - i < 4 || !is_octal(s[i + 1]) || !is_octal(s[i + 2]) ||
		    !is_octal(s[i + 3]))
			goto bad;
		c = (s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 +
		    (s[i + 3] - '0');
		if (c == 0 || c > 255)
			goto bad;
		out[o++] = (char)c;
		i += 3;
	}
	out[o] = '\0';
	return out;
bad:
	free(out);
	return NULL;
}

static int
get_number(const char *s, uint64_t max, uint64_t *v)
{
	uint64_t n = 0;

	if (*s == '\0' || strlen(s) > 20)
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		if (n > (max - (uint64_t)(*s - '0')) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*v = n;
	return 0;
}

static int
get_u32(const char *s, uint32_t *v)
{
	uint64_t n;

	if (get_number(s, UINT32_MAX, &n) == -1)
		return -1;
	*v = (uint32_t)n;
	return 0;
}

/* Into a fixed field, characters of set only, 1 to size - 1 of them. */
static int
get_word(const char *s, const char *set, char *to, size_t size)
{
	size_t n = strlen(s);

	if (n == 0 || n >= size || strspn(s, set) != n)
		return -1;
	memcpy(to, s, n + 1);
	return 0;
}

static int
get_uuid(const char *s, char *to, size_t size)
{
	return strlen(s) == size - 1
		   ? get_word(s, "0123456789abcdef-", to, size)
		   : -1;
}

static int
get_pid(const char *s, long *pid)
{
	uint64_t n;

	if (get_number(s, INT32_MAX, &n) == -1)
		return -1;
	*pid = (long)n;
	return 0;
}

/* Takes value over. */
static int
get_owned(char **to, char *value, size_t max)
{
	if (*to != NULL || strlen(value) == 0 || strlen(value) > max) {
		free(value);
		return -1;
	}
	*to = value;
	return 0;
}

static int
get_slot(char **to, char *value)
{
	char name[64];

	if (get_word(value, "abcdefghijklmnopqrstuvwxyz0123456789_", name,
		sizeof(name)) == -1) {
		free(value);
		return -1;
	}
	return get_owned(to, value, sizeof(name));
}

static int
get_item(char ***v, size_t *n, char *value)
{
	char **p;

	if (*n >= MARKER_LIST ||
	    (p = reallocarray(*v, *n + 1, sizeof(*p))) == NULL) {
		free(value);
		return -1;
	}
	p[(*n)++] = value;
	*v = p;
	return 0;
}

/* "16385 /srv/ts" */
static bool
is_root(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 10 && s[n] == ' ' && s[n + 1] == '/' &&
	       strlen(s) < PATH_MAX;
}

/* One of the values that own memory; takes value over. */
static int
set_owned(struct marker *m, const char *key, char *value)
{
	if (strcmp(key, "source") == 0)
		return get_owned(&m->source, value, 1024);
	if (strcmp(key, "source_pgdata") == 0)
		return get_owned(&m->source_pgdata, value, PATH_MAX);
	if (strcmp(key, "slot") == 0)
		return get_slot(&m->slot, value);
	if (strcmp(key, "slot_at") == 0)
		return get_owned(&m->slot_at, value, 1024);
	if (strcmp(key, "label") == 0)
		return get_owned(&m->label, value, 1024);
	if (strcmp(key, "kept") == 0 &&
	    path_check(value, strlen(value)) == NULL)
		return get_item(&m->kept, &m->nkept, value);
	if (strcmp(key, "root") == 0 && is_root(value))
		return get_item(&m->roots, &m->nroots, value);
	if (strcmp(key, "setting") == 0)
		return get_item(&m->settings, &m->nsettings, value);
	free(value);
	return strcmp(key, "kept") == 0 || strcmp(key, "root") == 0 ? -1 : 0;
}

static int
set_value(struct marker *m, const char *key, char *value)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	int rc;

	if (strcmp(key, "uuid") == 0)
		rc = get_uuid(value, m->uuid, sizeof(m->uuid));
	else if (strcmp(key, "system_identifier") == 0)
		rc = get_number(value, UINT64_MAX, &m->system_identifier);
	else if (strcmp(key, "timeline") == 0)
		rc = get_u32(value, &m->timeline);
	else if (strcmp(key, "phase") == 0)
		rc = get_word(value, lower, m->phase, sizeof(m->phase));
	else if (strcmp(key, "pid") == 0)
		rc = get_pid(value, &m->pid);
	else if (strcmp(key, "old_system_identifier") == 0)
		rc = get_number(value, UINT64_MAX, &m->old_system_identifier);
	else if (strcmp(key, "old_checkpoint") == 0)
		rc = lsn_parse(value, &m->old_checkpoint);
	else if (strcmp(key, "server_started") == 0)
		rc = get_word(value, "0123456789", m->server_started,
		    sizeof(m->server_started));
	else if (strcmp(key, "old_timeline") == 0)
		rc = get_u32(value, &m->old_timeline);
	else
		return set_owned(m, key, value);
	free(value);
	return rc;
}

static int
set_line(struct marker *m, const char *line, size_t n)
{
	const char *space = memchr(line, ' ', n);
	char key[LINE_MAX_KEY], *value;
	size_t k = space == NULL ? 0 : (size_t)(space - line);

	if (k == 0 || k >= sizeof(key))
		return -1;
	memcpy(key, line, k);
	key[k] = '\0';
	if ((value = unescape(space + 1, n - k - 1)) == NULL)
		return -1;
	return set_value(m, key, value);
}

static bool
line_is(const char *line, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(line, want, n) == 0;
}

/* Returns 0, or the number of the line that is wrong. */
static int
parse_lines(const char *p, size_t n, struct marker *m)
{
	const char *nl, *end = p + n;
	size_t len;
	int no = 1;

	for (; (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1) {
		len = (size_t)(nl - p);
		if (no > 1 && line_is(p, len, MARKER_END))
			return nl + 1 == end ? 0 : no + 1;
		if (no == 1 ? !line_is(p, len, MARKER_HEAD)
			    : set_line(m, p, len) == -1)
			return no;
		no++;
	}
	return no;
}

int
marker_parse(const char *text, size_t n, struct marker *m, struct err *e)
{
	int no;

	*m = (struct marker){.pid = 0};
	no = n > MARKER_MAX ? 1 : parse_lines(text, n, m);
	if (no == 0 && m->uuid[0] != '\0' && m->phase[0] != '\0' &&
	    m->source != NULL && m->system_identifier != 0)
		return 0;
	marker_free(m);
	(void)err_set(e, ERR_TARGET_NOT_PGDATA,
	    "the marker of an unfinished clone is damaged");
	if (no != 0)
		return err_detail(e, "Line %d is not what was written.", no);
	return err_detail(e, "A line is missing.");
}

int
marker_copy(struct marker *to, const struct marker *from, struct err *e)
{
	struct buf b = BUF_INIT;
	struct marker m;
	int rc;

	marker_render(from, &b);
	rc = buf_ok(&b) ? marker_parse(b.data, b.len, &m, e) : err_set_nomem(e);
	buf_free(&b);
	if (rc == -1)
		return -1;
	marker_free(to);
	*to = m;
	return 0;
}
