/* A signature (even first byte) or a delta (odd) from a hostile peer. */
#include "base/std.h"
#include "io/rsdelta.h"

#include <sys/mman.h>

#define MAX_OUT (1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

/* The second byte gives the size of the basis that the peer announced. */
static void
signature(const uint8_t *d, size_t n)
{
	static const uint8_t content[5000];
	struct buf out = BUF_INIT;
	struct rsdiff *r;

	if (n == 0 || (r = rsdiff_new((uint64_t)d[0] * 700, NULL)) == NULL)
		return;
	if (rsdiff_sig(r, d + 1, (n - 1) / 2, NULL) == 0 &&
	    rsdiff_sig(r, d + 1 + (n - 1) / 2, n - 1 - (n - 1) / 2, NULL) ==
		0 &&
	    rsdiff_sig_end(r, NULL) == 0)
		(void)rsdiff_step(
		    r, content, sizeof(content), true, &out, NULL);
	rsdiff_free(r);
	buf_free(&out);
}

static void
delta(const uint8_t *d, size_t n)
{
	int fd = memfd_create("basis", MFD_CLOEXEC), rc;
	struct rspatch *p;
	struct buf out = BUF_INIT;
	uint64_t total = 0;

	if (fd == -1 || ftruncate(fd, 4096) == -1)
		abort();
	if ((p = rspatch_new(fd, 65536, MAX_OUT, NULL)) != NULL) {
		while ((rc = rspatch_step(p, d, n, true, &out, NULL)) == 1) {
			total += out.len;
			buf_reset(&out);
			d = NULL;
			n = 0;
		}
		if (rc == 0 && total + out.len > MAX_OUT)
			abort();
	}
	rspatch_free(p);
	buf_free(&out);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	rsdelta_init(); /* else librsync writes to stderr */
	if (n == 0)
		return 0;
	if (d[0] % 2 == 0)
		signature(d + 1, n - 1);
	else
		delta(d + 1, n - 1);
	return 0;
}
