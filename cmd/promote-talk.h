/*
 * What standby-promote tells a person while it runs, asks, and reports at the
 * end: text, or one JSON document.
 */
#ifndef CMD_PROMOTE_TALK_H
#define CMD_PROMOTE_TALK_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "flow/failover.h"

struct promote_talk {
	bool quiet, json, pgpool;
	int verbose;
	const char *color; /* of --color */
	bool utf8;
	/* --pgpool: lines that are dropped when there turns out to be nothing
	 * to do, so that one line says it all. */
	struct buf held, call;
	bool hold;
};

void promote_talk_init(struct promote_talk *t, struct failover_ui *ui);
/* What pgpool called us with. */
void promote_talk_call(struct promote_talk *t, const char *words);
/* Lines that were held, before an error is told. */
void promote_talk_flush(struct promote_talk *t);
void promote_talk_end(struct promote_talk *t);
/* The closing lines of a run that went well, or that changed something. */
void promote_talk_done(
    struct promote_talk *t, const struct failover_record *r, bool switchover);
/* --json.  0, or -1 with errno: stdout is full or closed. */
int promote_talk_json(
    const struct failover_record *r, int status, const struct err *e, FILE *to);

#endif
