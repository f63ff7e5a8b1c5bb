#include "base/std.h"
#include "base/utf8.h"
#include "core/pgpool.h"
#include "core/text.h"

#define MAX_FRACTION 1000000 /* 6 digits: times 2^40 still fits 64 bits */
#define WORD_MAX 63          /* longer ones are nobody's typing error */
#define WORD_DISTANCE 3

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", UINT64_C(1) << 10},
    {"KB", UINT64_C(1) << 10},
    {"MB", UINT64_C(1) << 20},
    {"GB", UINT64_C(1) << 30},
    {"TB", UINT64_C(1) << 40},
};

static const struct unit time_units[] = {
    {"", 1000},
    {"ms", 1},
    {"s", 1000},
    {"min", 60000},
    {"h", 3600000},
    {"d", 86400000},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits to *v; returns what follows, NULL if there is none or too many. */
static const char *
digits(const char *s, uint64_t *v)
{
	*v = 0;
	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++) {
		if (*v > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
			return NULL;
		*v = *v * 10 + (uint64_t)(*s - '0');
	}
	return s;
}

/* ".25" to *part of *scale (25 of 100). */
static const char *
fraction(const char *s, uint64_t *part, uint64_t *scale)
{
	const char *from = s + 1;

	*part = 0;
	*scale = 1;
	if (*s != '.')
		return s;
	if ((s = digits(from, part)) == NULL)
		return NULL;
	for (; from < s; from++)
		if ((*scale *= 10) > MAX_FRACTION)
			return NULL;
	return s;
}

static const struct unit *
find_unit(const char *name, const struct unit *units, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* Number, spaces, unit; up to limit. */
static int
parse_amount(const char *s, const struct unit *units, size_t n, uint64_t limit,
    uint64_t *value)
{
	uint64_t whole, part, scale, v;
	const struct unit *u;
	const char *end;

	if ((s = digits(s, &whole)) == NULL ||
	    (s = fraction(s, &part, &scale)) == NULL)
		return -1;
	end = s;
	while (*s == ' ')
		s++;
	if ((*s == '\0' && s != end) || (u = find_unit(s, units, n)) == NULL)
		return -1;
	if (scale > 1 && u->factor == 1)
		return -1; /* half a byte */
	if (whole > limit / u->factor)
		return -1;
	v = whole * u->factor;
	part = part * u->factor / scale;
	if (part > limit - v)
		return -1;
	*value = v + part;
	return 0;
}

int
text_size(const char *s, uint64_t *bytes)
{
	return parse_amount(
	    s, size_units, NELEM(size_units), UINT64_MAX, bytes);
}

int
text_time(const char *s, int64_t *ms)
{
	uint64_t v;

	if (parse_amount(s, time_units, NELEM(time_units), INT64_MAX, &v) == -1)
		return -1;
	*ms = (int64_t)v;
	return 0;
}

void
text_add_size(struct buf *b, uint64_t bytes)
{
	static const char *const names[] = {"B", "kB", "MB", "GB", "TB"};
	uint64_t unit = 1, tenths = 0, whole = bytes;
	size_t i;

	/* Round first: 1023.99 MB is 1.0 GB, not 1024 MB. */
	for (i = 0; i < NELEM(names); i++, unit *= 1024) {
		tenths =
		    bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
		whole = bytes / unit + (bytes % unit >= (unit + 1) / 2);
		if (whole < 1024 || i == NELEM(names) - 1)
			break;
	}
	if (i >= 2 && tenths < 1000)
		buf_addf(b, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10,
		    tenths % 10, names[i]);
	else
		buf_addf(b, "%" PRIu64 " %s", whole, names[i]);
}

/* "2 h 5 min" out of 125 small units of which `per` make a large one. */
static void
add_pair(struct buf *b, uint64_t v, uint64_t per, const char *large,
    const char *small)
{
	buf_addf(
	    b, "%" PRIu64 " %s %" PRIu64 " %s", v / per, large, v % per, small);
}

void
text_add_duration(struct buf *b, int64_t ms)
{
	uint64_t t = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;

	if (ms < 0)
		buf_addc(b, '-');
	if (t < 100) {
		buf_addf(b, "%" PRIu64 " ms", t);
		return;
	}
	if ((t + 50) / 100 < 600) {
		t = (t + 50) / 100;
		buf_addf(b, "%" PRIu64 ".%" PRIu64 " s", t / 10, t % 10);
		return;
	}
	t = (t + 500) / 1000;
	if (t < 3600) {
		add_pair(b, t, 60, "min", "s");
		return;
	}
	t = (t + 30) / 60;
	if (t < UINT64_C(48) * 60)
		add_pair(b, t, 60, "h", "min");
	else
		add_pair(b, (t + 30) / 60, 24, "d", "h");
}

void
text_add_count(struct buf *b, uint64_t n)
{
	char digit[24];
	int len = snprintf(digit, sizeof(digit), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_addc(b, ',');
		buf_addc(b, digit[i]);
	}
}

void
text_add_escaped(struct buf *b, const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t code;
	size_t len;

	for (; n > 0; p += len, n -= len) {
		len = utf8_char(p, n, &code);
		if (len > 0 && !utf8_is_unsafe(code)) {
			buf_add(b, p, len);
			continue;
		}
		if (len == 0)
			len = 1;
		for (size_t i = 0; i < len; i++)
			buf_addf(b, "\\%03o", (unsigned)p[i]);
	}
}

static void
add_line(struct buf *b, const char *line, size_t n, const char *prefix)
{
	size_t np = strlen(prefix);

	if (n > 0 && line[n - 1] == '\r')
		n--;
	buf_add(b, prefix, np);
	if (np > 0 && prefix[np - 1] != ' ')
		buf_addc(b, ' ');
	text_add_escaped(b, line, n);
	buf_addc(b, '\n');
}

void
text_add_tail(struct buf *b, const void *data, size_t n, size_t max_lines,
    const char *prefix)
{
	const char *p = data, *end;
	size_t from, lines = 0, len;

	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	if (n == 0 || max_lines == 0)
		return;
	for (from = n; from > 0; from--)
		if (p[from - 1] == '\n' && ++lines == max_lines)
			break;
	while (from < n) {
		end = memchr(p + from, '\n', n - from);
		len = end == NULL ? n - from : (size_t)(end - (p + from));
		add_line(b, p + from, len, prefix);
		from += len + 1;
	}
}

bool
text_line(const char **at, struct buf *line)
{
	size_t len;

	if (*at == NULL)
		return false;
	*at += strspn(*at, "\n");
	len = strcspn(*at, "\n");
	buf_reset(line);
	buf_add(line, *at, len);
	*at += len;
	return len > 0;
}

/* Optimal string alignment distance of two words of at most WORD_MAX. */
static size_t
distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[3][WORD_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2], *t, d;

	for (size_t j = 0; j <= nb; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			d = last[j - 1] + (a[i - 1] != b[j - 1]);
			d = MIN_OF(d, last[j] + 1);
			d = MIN_OF(d, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d = MIN_OF(d, before[j - 2] + 1);
			now[j] = d;
		}
		t = before;
		before = last;
		last = now;
		now = t;
	}
	return last[nb];
}

const char *
text_nearest(const char *s, const char *const *words, size_t n)
{
	size_t ns = strlen(s), best = WORD_DISTANCE + 1, nw, d;
	const char *found = NULL;

	if (ns > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (words[i] == NULL || (nw = strlen(words[i])) > WORD_MAX)
			continue;
		d = distance(s, ns, words[i], nw);
		if (d < best && 2 * d <= MAX_OF(ns, nw)) {
			best = d;
			found = words[i];
		}
	}
	return found;
}

void
text_add_identifier(struct buf *b, const char *name)
{
	buf_addc(b, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buf_addc(b, '"');
		buf_addc(b, *name);
	}
	buf_addc(b, '"');
}

void
text_slot_name(const char *name, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; n < 63 && *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;

		if (c >= 'A' && c <= 'Z') {
			out[n++] = (char)(c - 'A' + 'a');
		} else if ((c >= 'a' && c <= 'z') || is_digit(*name)) {
			out[n++] = *name;
		} else if (c < 0x80) {
			out[n++] = '_';
		} else if (n < 62) {
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		} else {
			break;
		}
	}
	if (n == 0)
		out[n++] = '_';
	out[n] = '\0';
}

#define APPNAME_MAX 63 /* NAMEDATALEN - 1 */
/* A cut in the middle of a character of several bytes is a bit shorter. */
#define APPNAME_CUT (APPNAME_MAX - 3)

/* The name as a server shows it, at most APPNAME_MAX bytes of it. */
static void
clean_appname(const char *name, bool hex, char *out /* APPNAME_MAX + 1 */)
{
	char wide[4 * APPNAME_MAX + 1] = "";
	size_t n = 0;

	for (size_t i = 0; i < APPNAME_MAX && name[i] != '\0'; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c >= 32 && c <= 126)
			wide[n++] = name[i];
		else if (!hex)
			wide[n++] = '?';
		else
			n += (size_t)snprintf(wide + n, 5, "\\x%02x", c);
	}
	n = MIN_OF(n, (size_t)APPNAME_MAX);
	memcpy(out, wide, n);
	out[n] = '\0';
}

bool
text_same_appname(const char *shown, const char *name)
{
	char clean[APPNAME_MAX + 1];
	size_t n;

	if (shown == NULL || name == NULL || *shown == '\0')
		return false;
	if (strcmp(shown, name) == 0)
		return true;
	n = strlen(shown);
	for (int hex = 0; hex <= 1; hex++) {
		clean_appname(name, hex == 1, clean);
		if (strcmp(shown, clean) == 0 ||
		    (n >= APPNAME_CUT && strlen(name) > n &&
			strncmp(shown, clean, n) == 0))
			return true;
	}
	return false;
}
