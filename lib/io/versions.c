#include "base/std.h"
#include "io/versions.h"

#include <libpq-fe.h>
#include <libssh2.h>
#include <librsync.h>
#include <zstd.h>

void
versions_add(struct buf *b)
{
	int pq = PQlibVersion();

	buf_addf(b, "libpq %d.%d, libssh2 %s, %s, zstd %s\n", pq / 10000,
	    pq % 10000, libssh2_version(0), rs_librsync_version,
	    ZSTD_versionString());
}
