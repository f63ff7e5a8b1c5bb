/* Between the parts of core/promote: how rows look and speak. */
#ifndef CORE_PROMOTE_INT_H
#define CORE_PROMOTE_INT_H

#include "base/buf.h"
#include "core/promote.h"

struct promote_row;

struct promote_judge {
	const struct promote_facts *f;
	struct promote_verdict *v;
	const struct promote_row *row; /* the one that looks now */
	bool force;
	bool failed; /* no memory */
};

/* The words of one refusal, while they are being put together. */
struct promote_words {
	struct buf message, hint;
};

static inline const struct status_node *
promote_candidate(const struct promote_facts *f)
{
	return &f->s->nodes[f->node];
}

static inline const char *
promote_or_else(const char *text, const char *other)
{
	return text != NULL && text[0] != '\0' ? text : other;
}

static inline bool
promote_is(const char *text, const char *word)
{
	return text != NULL && strcmp(text, word) == 0;
}

/* The end of all WAL that a standby has; LSN_INVALID: not known. */
static inline uint64_t
promote_position(const struct status_node *n)
{
	return MAX_OF(n->received, n->replayed);
}

/* The switchover, or the fence, is still to come. */
static inline bool
promote_will_stop(const struct promote_facts *f)
{
	return f->switchover && f->proof == PROOF_NONE;
}

static inline bool
promote_will_fence(const struct promote_facts *f)
{
	return f->fence_given && f->proof == PROOF_NONE;
}

/* Another node than the candidate and the old primary that is, or may be, a
 * standby of the same system, and may hold WAL that the candidate has not: not
 * what streams from the candidate itself, nor what is known only as fed by a
 * standby that answers. */
bool promote_is_sibling(const struct promote_facts *f, int i);
/* It answers, and says what WAL it has. */
bool promote_tells(const struct status_node *n);
/* Of another cluster, for certain. */
bool promote_is_foreign(const struct promote_facts *f, int i);
/* "node1 (db1:5432)", "node1" */
void promote_add_node(struct buf *b, const struct status_node *n);
/* The old primary, or "the old primary". */
void promote_add_old(struct buf *b, const struct promote_facts *f);
void promote_add_lsn(struct buf *b, uint64_t lsn);
/* "21 MB", and exactly where that is not: "16.0 MB (16777217 bytes)". */
void promote_add_bytes(struct buf *b, int64_t bytes);
/* a - b by the candidate's version; INT64_MIN: one of them is not known. */
int64_t promote_distance(const struct promote_facts *f, uint64_t a, uint64_t b);

/* The exact end of the old primary's WAL lies on another timeline than the
 * node's: positions of two histories do not compare. */
bool promote_is_elsewhere(const struct promote_facts *f);
/* Other rows speak of the old primary, or it will be stopped, or was. */
bool promote_is_told(const struct promote_facts *f);
/* A standby that may be fed by the old primary, not by one in between. */
bool promote_may_hear(const struct promote_facts *f, int i);

/* A fence, or a word of others, about nobody knows whom; a name that is wrong.
 */
bool promote_is_aimless(const struct promote_facts *f);
/* "... and whom the fence would cut off": why it is not proven that the guessed
 * old primary is down. */
void promote_add_guess(struct promote_words *w, const struct promote_facts *f);
/* "; no server runs in ..., but ...": when promote_outgrown. */
void promote_add_outgrown(struct buf *b, const struct promote_facts *f);

/* A refusal of the row that looks, with those words, which are used up. */
void promote_refuse(struct promote_judge *j, struct promote_words *w);

/* The rows. */
typedef void promote_look(struct promote_judge *j);
promote_look promote_look_two_primaries, promote_look_answers,
    promote_look_old_ahead, promote_look_runs, promote_look_heard,
    promote_look_unseen, promote_look_unproven, promote_look_isolated,
    promote_look_ahead, promote_look_unknown, promote_look_lag,
    promote_look_not_streamed, promote_look_paused, promote_look_trigger,
    promote_look_no_means, promote_look_running, promote_look_unlogged;

/* A line about node i, when it is a sibling of which something is assumed. */
void promote_assume_sibling(
    struct buf *b, const struct promote_facts *f, int i);
/* Fills v->assumed. */
void promote_assume(struct promote_judge *j);

#endif
