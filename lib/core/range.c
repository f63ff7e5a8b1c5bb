#include "base/std.h"
#include "core/range.h"
#include "core/text.h"

#include <math.h>

#define SPEC_MAX 128

/* What the units of a SPEC say; it depends on the other one for BARE. */
enum kind { BARE, SIZE, TIME };

struct spec {
	char text[SPEC_MAX]; /* without "@" and the spaces around it */
	bool inside;
	char *start, *end; /* in text; NULL: absent */
	enum kind kind;
};

static int
refuse(struct err *e, const char *text, const char *why)
{
	struct buf shown = BUF_INIT;

	text_add_escaped(&shown, text, strlen(text));
	(void)err_set(
	    e, ERR_USAGE, "threshold \"%s\" %s", buf_str(&shown), why);
	buf_free(&shown);
	return err_hint(e,
	    "Write a size, a time or both, for example 16MB,30s; ranges as "
	    "monitoring plugins have them: 10MB:, ~:16MB, @1MB:2MB.");
}

static enum kind
kind_of(const char *amount)
{
	uint64_t bytes;
	int64_t ms;
	bool bare = amount == NULL || strcmp(amount, "~") == 0 ||
		    amount[strspn(amount, "0123456789. ")] == '\0';

	if (bare)
		return BARE;
	if (text_size(amount, &bytes) == 0)
		return SIZE;
	return text_time(amount, &ms) == 0 ? TIME : BARE;
}

/* Cut one SPEC of n bytes into its parts. */
static int
split(const char *s, size_t n, struct spec *sp)
{
	enum kind a, b;
	char *colon, *p;

	while (n > 0 && *s == ' ')
		s++, n--;
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (n >= sizeof(sp->text))
		return -1;
	*sp = (struct spec){.kind = BARE};
	memcpy(sp->text, s, n);
	p = sp->text;
	if ((sp->inside = *p == '@'))
		p++;
	if ((colon = strchr(p, ':')) != NULL) {
		*colon = '\0';
		sp->start = *p != '\0' ? p : NULL;
		p = colon + 1;
	}
	sp->end = *p != '\0' ? p : NULL;
	if (sp->start == NULL && sp->end == NULL)
		return -1;
	a = kind_of(sp->start);
	b = kind_of(sp->end);
	if (a != BARE && b != BARE && a != b)
		return -1;
	sp->kind = a != BARE ? a : b;
	return 0;
}

static int
amount(const char *s, enum kind kind, double *v)
{
	uint64_t bytes;
	int64_t ms;

	if (kind == TIME) {
		if (text_time(s, &ms) == -1)
			return -1;
		*v = (double)ms / 1000;
		return 0;
	}
	/* Lags are signed 64 bits. */
	if (text_size(s, &bytes) == -1 || bytes > INT64_MAX)
		return -1;
	*v = (double)bytes;
	return 0;
}

static int
to_range(const struct spec *sp, struct range *r)
{
	*r = (struct range){.set = true, .inside = sp->inside};
	r->high = INFINITY;
	if (sp->start != NULL && strcmp(sp->start, "~") == 0)
		r->low = -INFINITY;
	else if (sp->start != NULL &&
		 amount(sp->start, sp->kind, &r->low) == -1)
		return -1;
	if (sp->end != NULL && amount(sp->end, sp->kind, &r->high) == -1)
		return -1;
	return r->low <= r->high ? 0 : -1;
}

/* A bare number is what the other one is not. */
static void
settle(struct spec *sp, size_t n)
{
	if (sp[0].kind == BARE)
		sp[0].kind = n == 2 && sp[1].kind == SIZE ? TIME : SIZE;
	if (n == 2 && sp[1].kind == BARE)
		sp[1].kind = sp[0].kind == SIZE ? TIME : SIZE;
}

int
range_parse(const char *text, struct range_pair *p, struct err *e)
{
	struct range_pair found = {.size.set = false};
	const char *comma = strchr(text, ',');
	size_t first = comma != NULL ? (size_t)(comma - text) : strlen(text);
	size_t n = comma != NULL ? 2 : 1;
	struct spec sp[2];

	if (comma != NULL && strchr(comma + 1, ',') != NULL)
		return refuse(e, text, "has more than two parts");
	if (split(text, first, &sp[0]) == -1 ||
	    (n == 2 && split(comma + 1, strlen(comma + 1), &sp[1]) == -1))
		return refuse(e, text, "is not a size or a time");
	settle(sp, n);
	if (n == 2 && sp[0].kind == sp[1].kind)
		return refuse(e, text,
		    sp[0].kind == SIZE ? "has two sizes" : "has two times");
	for (size_t i = 0; i < n; i++)
		if (to_range(&sp[i],
			sp[i].kind == SIZE ? &found.size : &found.time) == -1)
			return refuse(e, text, "is not a size or a time");
	*p = found;
	return 0;
}

bool
range_alarms(const struct range *r, double value)
{
	bool within;

	if (!r->set || isnan(value) || value < 0)
		return false;
	within = value >= r->low && value <= r->high;
	return within == r->inside;
}

/* Without printf's radix character, which the locale decides. */
static void
add_number(struct buf *b, double v)
{
	uint64_t whole = (uint64_t)v;
	unsigned ms = (unsigned)((v - (double)whole) * 1000 + 0.5);

	if (ms >= 1000) {
		whole++;
		ms = 0;
	}
	buf_addf(b, "%" PRIu64, whole);
	if (ms == 0)
		return;
	buf_addf(b, ".%03u", ms);
	while (b->len > 0 && b->data[b->len - 1] == '0')
		b->data[--b->len] = '\0';
}

void
range_add(struct buf *b, const struct range *r)
{
	if (!r->set)
		return;
	if (r->inside)
		buf_addc(b, '@');
	if (isinf(r->low))
		buf_adds(b, "~:");
	else if (r->low > 0 || isinf(r->high)) {
		add_number(b, r->low);
		buf_addc(b, ':');
	}
	if (!isinf(r->high))
		add_number(b, r->high);
}

static void
drop_tail(struct buf *b, size_t from, const char *tail)
{
	size_t n = strlen(tail);

	if (b->len >= from + n && strcmp(b->data + b->len - n, tail) == 0) {
		b->len -= n;
		b->data[b->len] = '\0';
	}
}

void
range_add_value(struct buf *b, double value, bool is_time)
{
	size_t from = b->len;
	char *point;

	if (isnan(value) || value < 0)
		value = 0;
	if (value > 9e15)
		value = 9e15; /* times 1000 still fits */
	if (is_time)
		text_add_duration(b, (int64_t)(value * 1000 + 0.5));
	else
		text_add_size(b, (uint64_t)value);
	if (!buf_ok(b))
		return;
	if ((point = strstr(b->data + from, ".0 ")) != NULL) {
		memmove(point, point + 2, strlen(point + 2) + 1);
		b->len -= 2;
	}
	drop_tail(b, from, " 0 s");
	drop_tail(b, from, " 0 min");
	drop_tail(b, from, " 0 h");
}

void
range_add_limit(
    struct buf *b, const struct range *r, double value, bool is_time)
{
	bool low = !isinf(r->low) && (r->inside || value < r->low);
	bool high = !isinf(r->high) && (r->inside || value > r->high);

	if (low)
		range_add_value(b, r->low, is_time);
	if (low && high)
		buf_adds(b, " to ");
	else if (low && r->inside)
		buf_adds(b, " or more");
	if (high)
		range_add_value(b, r->high, is_time);
	if (high && !low && r->inside)
		buf_adds(b, " or less");
	if (r->inside && !low && !high)
		buf_adds(b, "any value");
}
