/*
 * Between the parts of core/verdict: how rows look and speak.
 */
#ifndef CORE_VERDICT_INT_H
#define CORE_VERDICT_INT_H

#include "base/buf.h"
#include "core/verdict.h"

#define VERDICT_DELTA "standby-clone --delta"

struct row;

struct judge {
	struct status *s;
	const struct verdict_limits *l;
	const struct row *row; /* the one that looks now */
	size_t cap;
	bool failed; /* no memory */
};

/* The words of one problem, while they are being put together. */
struct words {
	struct buf message, hint;
};

/* One measured value against both limits. */
struct measured {
	double value;
	bool is_time, only_above;
	const char *before, *after; /* "replay lag ", " is" */
};

static inline const char *
verdict_or_else(const char *text, const char *other)
{
	return text != NULL && text[0] != '\0' ? text : other;
}

static inline const struct status_node *
verdict_node_of(const struct judge *j, int node)
{
	return &j->s->nodes[node];
}

static inline bool
verdict_answers(const struct status_node *n)
{
	return n->reach == REACH_YES;
}

static inline bool
verdict_is(const char *text, const char *word)
{
	return text != NULL && strcmp(text, word) == 0;
}

/* A problem of this row with those words, which are used up. */
void verdict_add_as(
    struct judge *j, int node, enum status_severity severity, struct words *w);
/* ... of the row's own severity. */
void verdict_add(struct judge *j, int node, struct words *w);
/* 'a''b': a literal or, with ", an identifier of SQL. */
void verdict_add_quoted(struct buf *b, const char *text, char quote);
void verdict_add_lsn(struct buf *b, uint64_t lsn);
/* "-h db1 -p 5433": how to reach it from a shell. */
void verdict_add_target(struct buf *b, const struct status_node *n);
/* "-h db1 -D PGDATA": what a command that works on a directory wants, whose
 * node no file knows. */
void verdict_add_source(struct buf *b, const struct status_node *n);
/* "PROGRAM node2", or with -h and -D where the file does not have what that
 * takes: as it is typed on node n to have it follow, or copy, `from`. */
void verdict_add_command(const struct judge *j, struct buf *b,
    const char *program, const struct status_node *n,
    const struct status_node *from);
/* "db1:5432": where it is. */
void verdict_add_place(struct buf *b, const struct status_node *n);
/* "does not answer", "hangs", "refuses the login". */
const char *verdict_why_silent(const struct status_node *n);
/* Why nothing reaches the node, when that is known: false, or words of a hint
 * that names what to mend first. */
bool verdict_add_cause(const struct judge *j, int node, struct buf *b);
/* It belongs to another cluster: nothing else of it says anything here. */
bool verdict_is_foreign(const struct judge *j, const struct status_node *n);
bool verdict_is_standby(const struct judge *j, const struct status_node *n);
const struct status_node *verdict_upstream_of(
    const struct judge *j, const struct status_node *n);
const struct status_sender *verdict_sender_of(
    const struct judge *j, const struct status_node *n);
/* Does the problem timeline hold for it? */
bool verdict_is_forked(const struct judge *j, const struct status_node *n);
bool verdict_receiver_absent(const struct status_node *n);
bool verdict_receiver_streams(const struct status_node *n);
/* Words about a passed limit; OK when none is. */
enum status_severity verdict_exceeds(
    const struct judge *j, const struct measured *m, struct buf *b);
bool verdict_is_limited(const struct judge *j, bool time);

/* The rows; node is -1 for those of the cluster. */
typedef void verdict_look(struct judge *j, int node);
verdict_look verdict_look_two_primaries, verdict_look_no_primary,
    verdict_look_few_standbys, verdict_look_system, verdict_look_timeline,
    verdict_look_ahead, verdict_look_foreign_upstream,
    verdict_look_receiver_silent, verdict_look_no_sync,
    verdict_look_unreachable, verdict_look_hung, verdict_look_rights,
    verdict_look_read_failed, verdict_look_not_streaming,
    verdict_look_sender_missing, verdict_look_receiver_missing,
    verdict_look_receive_lag, verdict_look_replay_lag, verdict_look_delay,
    verdict_look_lag_unknown, verdict_look_not_moving, verdict_look_paused,
    verdict_look_slot_lost, verdict_look_slot_unreserved,
    verdict_look_slot_retains, verdict_look_slot_inactive;

#endif
