/* Does the file system below a descriptor keep what base/filestamp.h asks for?
 * Asked once a device. */
#ifndef IO_FSKIND_H
#define IO_FSKIND_H

#include "base/std.h"

#define FSKIND_MAX 16

struct fskind { /* begin with all 0 */
	struct {
		uint64_t dev;
		bool keeps;
	} v[FSKIND_MAX];
	size_t n, next;
};

/* dev: st_dev of fd.  False also when it cannot be told: a file system that is
 * not known, mounted with lazytime, or no /proc. */
bool fskind_keeps(struct fskind *k, int fd, uint64_t dev);

#endif
