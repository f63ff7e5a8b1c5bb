#include "base/std.h"
#include "base/err.h"
#include "core/follow.h"
#include "core/lsn.h"

/* The new primary's history, as far as it tells of the node's timeline: 1 and
 * the point at which it was left, 0 not among the ancestors, -1 no history. */
static int
left_at(const struct follow_facts *f, uint64_t *lsn)
{
	uint64_t ignored;

	/* A timeline behind the first has an ancestor; and none its own. */
	if (f->history == NULL || f->history[0] == '\0' ||
	    tli_switch_point(f->history, f->timeline, &ignored) != 0)
		return -1;
	return tli_switch_point(f->history, f->own_timeline, lsn);
}

static enum follow_verdict
judge_position(const struct follow_facts *f, uint64_t lsn)
{
	if (lsn == LSN_INVALID || f->own_end == LSN_INVALID)
		return FOLLOW_UNKNOWN;
	return f->own_end > lsn ? FOLLOW_FORKED : FOLLOW_OK;
}

static enum follow_verdict
judge_ancestor(const struct follow_facts *f, uint64_t *fork)
{
	uint64_t lsn = LSN_INVALID;

	switch (left_at(f, &lsn)) {
	case 1:
		*fork = lsn;
		return judge_position(f, lsn);
	case 0:
		return FOLLOW_FORKED;
	default:
		return FOLLOW_UNKNOWN;
	}
}

static enum follow_verdict
judge_history(const struct follow_facts *f, uint64_t *fork)
{
	enum follow_verdict verdict;

	*fork = LSN_INVALID;
	if (f->own_system == 0 || f->system_identifier == 0)
		return FOLLOW_UNKNOWN;
	if (f->own_system != f->system_identifier)
		return FOLLOW_CLUSTER;
	if (f->own_timeline == 0 || f->timeline == 0)
		return FOLLOW_UNKNOWN;
	if (f->own_timeline > f->timeline)
		return FOLLOW_OLDER;
	if (f->own_timeline < f->timeline)
		return judge_ancestor(f, fork);
	verdict = judge_position(f, f->end);
	if (verdict == FOLLOW_FORKED)
		*fork = f->end;
	return verdict;
}

enum follow_verdict
follow_judge(const struct follow_facts *f, uint64_t *fork)
{
	enum follow_verdict verdict = judge_history(f, fork);

	if (verdict != FOLLOW_OK || f->wal == FOLLOW_WAL_SAME)
		return verdict;
	if (f->wal == FOLLOW_WAL_OTHER) {
		*fork = f->differs;
		return FOLLOW_FORKED;
	}
	return f->was_primary && !f->in_recovery &&
		       f->own_timeline == f->timeline
		   ? FOLLOW_FORKED
		   : FOLLOW_OK;
}

/* A line of the error itself: a file name in another one may look like it. */
static bool
is_forked_line(const char *line, size_t len)
{
	static const char mark[] = " " FOLLOW_FORKED_MARK;
	size_t n = sizeof(mark) - 1;

	return len > n && memcmp(line + len - n, mark, n) == 0 &&
	       memmem(line, len, "error:", 6) != NULL;
}

bool
follow_said_forked(int status, const char *said)
{
	if (status != STATUS_REFUSED || said == NULL)
		return false;
	while (*said != '\0') {
		size_t len = strcspn(said, "\n");

		if (is_forked_line(said, len))
			return true;
		said += len + (said[len] == '\n');
	}
	return false;
}
