/* core/manifest.c: what is accepted is sorted, has good paths, is found by
 * name, and is written again byte for byte but for unknown mode bits. */
#include "base/std.h"
#include "core/manifest.h"
#include "core/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct manifest m = {0}, again = {0};
	struct buf b = BUF_INIT;
	uint64_t bytes = 0;

	if (manifest_decode(&m, d, n, NULL) == -1)
		goto out;
	for (size_t i = 0; i < m.n; i++) {
		const struct entry *en = &m.v[i];

		if (path_check(en->path, strlen(en->path)) != NULL ||
		    (i > 0 && path_cmp(en[-1].path, en->path) >= 0) ||
		    manifest_find(&m, en->path) != en ||
		    (en->type == ENTRY_LINK) != (en->link != NULL))
			abort();
		if (en->type == ENTRY_FILE)
			bytes += en->size;
		manifest_encode(&b, en);
	}
	if (bytes != m.bytes || b.len != n ||
	    manifest_decode(&again, b.data, b.len, NULL) == -1 ||
	    again.n != m.n || again.bytes != m.bytes)
		abort();
out:
	buf_free(&b);
	manifest_free(&m);
	manifest_free(&again);
	return 0;
}
