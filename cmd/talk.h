/*
 * What standby-clone tells a person while it runs: steps, notes, the progress
 * bar or lines; all on the log (stderr).
 */
#ifndef CMD_TALK_H
#define CMD_TALK_H

#include "base/std.h"
#include "flow/clone.h"

enum talk_progress { TALK_NONE, TALK_BAR, TALK_LINE, TALK_JSON };

struct talk {
	enum talk_progress progress;
	bool quiet, itemize, dry_run;
	bool color;
	FILE *out;       /* --itemize-changes goes there */
	int64_t last;    /* clock_ms of the last line */
	int64_t rate_at; /* for the moving average */
	uint64_t rate_done;
	double rate;   /* bytes/s */
	bool bar_open; /* a bar stands in the last line */
};

/* "auto" and the rest of --progress; a terminal gets the bar. */
enum talk_progress talk_progress_of(const char *text, bool quiet);
void talk_init(struct talk *t, struct clone_ui *ui);
void talk_end(struct talk *t); /* finish an open bar */
/* The closing sentence and the next command. */
void talk_done(
    struct talk *t, const struct clone_record *r, const struct clone_opts *o);
/* --stats */
void talk_stats(const struct clone_record *r, FILE *to);
/* What a failed run left behind. */
void talk_left(const struct clone_record *r);

#endif
