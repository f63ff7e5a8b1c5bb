/* core/path.c and core/exclude.c: two names, divided by a newline. */
#include "base/std.h"
#include "core/exclude.h"
#include "core/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

static void
judge(const char *p)
{
	static const struct exclude x = {
	    .log_dir = "log", .tblspc_dir = "PG_15_202209061"};
	struct relpath r;
	uint32_t oid;

	if (path_relation(p, &r) && (r.stem > strlen(p) || !path_paged(p)))
		abort();
	if (path_tablespace(p, &oid) > strlen(p))
		abort();
	if (exclude_check(&x, p, true) == EXCLUDE_ALL &&
	    !exclude_covers(&x, p, true))
		abort();
	(void)exclude_protects(&x, p, false);
}

static int
sign(int v)
{
	return (v > 0) - (v < 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	const uint8_t *cut = n == 0 ? NULL : memchr(d, '\n', n);
	size_t alen = cut == NULL ? n : (size_t)(cut - d);
	size_t blen = cut == NULL ? 0 : n - alen - 1;
	char *a, *b;

	if (path_check((const char *)d, alen) != NULL)
		return 0;
	a = strndup((const char *)d, alen);
	b = strndup(cut == NULL ? "" : (const char *)cut + 1, blen);
	if (a == NULL || b == NULL || strlen(a) != alen || a[0] == '/' ||
	    strstr(a, "//") != NULL || strstr(a, "/../") != NULL)
		abort();
	judge(a);
	if (path_check(b, strlen(b)) == NULL) {
		if (sign(path_cmp(a, b)) != -sign(path_cmp(b, a)) ||
		    (path_cmp(a, b) == 0) != (strcmp(a, b) == 0) ||
		    (path_below(a, b, false) && path_cmp(a, b) <= 0))
			abort();
	}
	free(a);
	free(b);
	return 0;
}
