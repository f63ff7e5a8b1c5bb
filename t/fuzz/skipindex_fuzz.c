/* core/skipindex.c: what is accepted has good paths in order, each record is
 * found by its name, and it is written again byte for byte. */
#include "base/std.h"
#include "core/path.h"
#include "core/pgcontrol.h"
#include "core/skipindex.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

static void
must(bool true_of_it)
{
	if (!true_of_it)
		abort();
}

/* The path of record i: behind its length. */
static const char *
path_of(const struct skipindex *ix, uint32_t i)
{
	return (const char *)ix->data + ix->at[i] + 2;
}

static void
look(const struct skipindex *ix, struct buf *b)
{
	struct skip_record r;

	skipindex_begin(b, &ix->h);
	for (uint32_t i = 0; i < ix->n; i++) {
		const char *path = path_of(ix, i);

		must(path_check(path, strlen(path)) == NULL);
		must(i == 0 || path_cmp(path_of(ix, i - 1), path) < 0);
		must(skipindex_find(ix, path, &r) && r.path == path);
		(void)skipindex_covers(path);
		skipindex_add(b, &r);
	}
	must(!skipindex_find(ix, "", &r));
	skipindex_end(b, ix->n);
}

/* An index is never worth anything to another cluster, and that is looked at
 * before all else. */
static void
judge(const struct skip_header *h)
{
	struct skip_now now = {
	    .is = *h, .keeps = true, .control_state = PGSTATE_SHUTDOWNED};

	must(skipindex_why(skipindex_usable(h, &now)) != NULL);
	now.is.system_identifier++;
	must(skipindex_usable(h, &now) == SKIP_CLUSTER);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct buf b = BUF_INIT;
	struct skipindex ix;

	if (skipindex_decode(d, n, &ix) == SKIP_USABLE) {
		look(&ix, &b);
		judge(&ix.h);
		must(buf_ok(&b) && b.len == n && memcmp(b.data, d, n) == 0);
	} else {
		must(ix.n == 0 && ix.at == NULL);
	}
	buf_free(&b);
	skipindex_free(&ix);
	return 0;
}
