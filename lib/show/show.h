/*
 * Renderers of a judged struct status.  None of them decides anything: what
 * they print is in the struct.
 */
#ifndef SHOW_SHOW_H
#define SHOW_SHOW_H

#include "base/std.h"
#include "base/buf.h"
#include "core/status.h"
#include "core/trend.h"
#include "core/verdict.h"

struct show_opts {
	const struct verdict_limits *limits;
	const char *tool, *version;
	/* of the human one */
	bool color;
	bool utf8;   /* else ASCII marks and tree */
	int width;   /* columns; 0: as wide as it gets */
	bool rates;  /* columns of trend (--watch, --state-file) */
	int verbose; /* -v: more columns, and how far nodes are seen */
	const struct trend *last; /* NULL: nobody remembers a primary */
	/* of pgpool's: how many nodes, the first ones, were named by operands,
	 * as pgpool does: one value each, in that order, also for one that is
	 * the primary, and none for others; 0: there were no operands */
	size_t named;
};

/* 0, -1: no memory. */
typedef int show_fn(
    const struct status *s, const struct show_opts *o, struct buf *out);

show_fn show_human, show_json, show_nagios, show_prometheus, show_pgpool,
    show_tsv;

/* By the name of -F; NULL: none. */
show_fn *show_find(const char *name);

#endif
