/* The actions of a plan that need no data: removals and directories. */
#ifndef FLOW_APPLY_H
#define FLOW_APPLY_H

#include "base/std.h"
#include "base/err.h"
#include "core/plan.h"
#include "io/tree.h"

struct apply_opts {
	struct tree *tree;
	bool group;
	/* Called for each action done, for --itemize-changes; may be NULL. */
	void (*did)(void *arg, const struct action *a);
	/* Called every few hundred actions: keep-alives, signals. */
	int (*tick)(void *arg, struct err *e);
	void *arg;
};
/* A directory that is not empty after its contents were removed (protected
 * files) stays. */
int apply_removals(
    const struct plan *p, const struct apply_opts *o, struct err *e);
int apply_directories(
    const struct plan *p, const struct apply_opts *o, struct err *e);

#endif
