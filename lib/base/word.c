#include "base/std.h"
#include "base/word.h"

#define WORD_MAX_LEN 63 /* longer ones are nobody's typing error */
#define WORD_MAX_DISTANCE 3

/* Optimal string alignment distance of two words of at most WORD_MAX_LEN. */
static size_t
distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[3][WORD_MAX_LEN + 1];
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
word_nearest(const char *s, const char *const *words, size_t n)
{
	size_t ns = strlen(s), best = WORD_MAX_DISTANCE + 1, nw, d;
	const char *found = NULL;

	if (ns > WORD_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (words[i] == NULL || (nw = strlen(words[i])) > WORD_MAX_LEN)
			continue;
		d = distance(s, ns, words[i], nw);
		if (d < best && 2 * d <= MAX_OF(ns, nw)) {
			best = d;
			found = words[i];
		}
	}
	return found;
}
