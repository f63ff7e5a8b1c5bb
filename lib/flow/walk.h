/* A directory tree -> manifest entries, in path_cmp order. */
#ifndef FLOW_WALK_H
#define FLOW_WALK_H

#include "base/std.h"
#include "base/err.h"
#include "core/exclude.h"
#include "core/manifest.h"
#include "io/tree.h"

struct walk_opts {
	const struct exclude *exclude; /* NULL: everything */
	const char *dir; /* "" or NULL: whole tree with its roots */
	bool recurse;
	bool init_only; /* only files whose name ends in _init */
	/* Called for each entry (borrowed); -1 with e stops. */
	int (*entry)(void *arg, const struct entry *en, struct err *e);
	struct manifest *into; /* instead of entry: they are added to it */
	/* Called every few hundred entries, for keep-alives; may be NULL. */
	int (*tick)(void *arg, struct err *e);
	void *arg;
};
struct walk_result {
	uint64_t specials; /* sockets, FIFOs, devices */
};
/* A link that is a root of the tree is an ENTRY_LINK, and what lies behind it
 * follows.  Entries that vanish while walking are left out.  A directory that
 * cannot be read is ERR_SOURCE_IO with its path. */
int walk(struct tree *t, const struct walk_opts *o, struct walk_result *r,
    struct err *e);
/* The whole tree into m (with nlink). */
int walk_manifest(
    struct tree *t, const struct exclude *x, struct manifest *m, struct err *e);

#endif
