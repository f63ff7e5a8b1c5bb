/* The refusals that are about the candidate itself, by faults.md 3.4: what it
 * has, and whether it can be promoted at all. */
#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/promote_int.h"
#include "core/text.h"

/* --- D7, D8, D9: what the candidate has ---------------------------------- */

void
promote_look_lag(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	struct promote_words w = {.message = BUF_INIT};
	int64_t lag;

	if (f->max_lag < 0)
		return;
	lag = promote_is_elsewhere(f)
		  ? INT64_MIN
		  : promote_distance(f, f->known_end, promote_position(n));
	if (lag != INT64_MIN && lag <= f->max_lag)
		return;
	promote_add_node(&w.message, n);
	if (lag == INT64_MIN)
		buf_addf(&w.message,
		    ": its lag is not known (%s), and the limit is ",
		    promote_is_elsewhere(f)
			? "the old primary is on another timeline"
		    : f->known_end == LSN_INVALID
			? "nobody tells where the WAL of the old primary ends"
			: "it does not tell what WAL it has");
	else {
		buf_adds(&w.message,
		    f->end_is_exact ? " lacks " : " lacks at least ");
		promote_add_bytes(&w.message, lag);
		buf_adds(&w.message, " of the WAL of ");
		promote_add_old(&w.message, f);
		buf_adds(&w.message, ": it has ");
		promote_add_lsn(&w.message, promote_position(n));
		buf_adds(&w.message, " of ");
		promote_add_lsn(&w.message, f->known_end);
		if (f->known_from != NULL)
			buf_addf(&w.message, " (%s)", f->known_from);
		buf_adds(&w.message, ", above the limit of ");
	}
	promote_add_bytes(&w.message, f->max_lag);
	buf_adds(&w.hint, "Look whether another node has more: repl-status; to "
			  "accept the loss: --max-lag=SIZE, or --force");
	promote_refuse(j, &w);
}

static bool
is_fed(const struct status_node *n)
{
	return n->receiver.sight != SIGHT_SEEN ||
	       (n->receiver.present &&
		   promote_is(n->receiver.status, "streaming"));
}

void
promote_look_not_streamed(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	struct promote_words w = {.message = BUF_INIT};

	promote_add_node(&w.message, n);
	if (f->backup_label)
		buf_adds(&w.message,
		    " still has its backup_label: it has not replayed to the "
		    "end of the backup that it was made from, and is not "
		    "consistent");
	else if (n->reach != REACH_YES)
		buf_addf(&w.message,
		    " does not answer (%s): what WAL it has is not known",
		    promote_or_else(n->reach_text, "no reason is known"));
	else if (promote_position(n) == LSN_INVALID)
		buf_adds(&w.message,
		    " has never received WAL, as far as it tells: it is not "
		    "known what is missing");
	else if (promote_will_stop(f) && !is_fed(n))
		buf_adds(&w.message,
		    " is not streaming: it would not receive the last WAL of "
		    "the primary that is to be stopped");
	else {
		buf_free(&w.message);
		return;
	}
	buf_adds(&w.hint, "Wait until it streams: repl-status");
	if (n->host != NULL && n->host[0] != '\0')
		buf_addf(&w.hint, " -h %s", n->host);
	if (n->host != NULL && n->host[0] != '\0' && n->port != NULL)
		buf_addf(&w.hint, " -p %s", n->port);
	buf_adds(&w.hint, "; or promote another one: standby-promote "
			  "--candidate=best");
	promote_refuse(j, &w);
}

void
promote_look_paused(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	const char *resume = pgver(n->version, PGFACT_RESUME_SQL);
	struct promote_words w = {.message = BUF_INIT};
	int64_t left = promote_distance(f, n->received, n->replayed);

	if (n->paused != 1 || !f->pause_holds || f->resume_replay || left == 0)
		return;
	promote_add_node(&w.message, n);
	buf_adds(&w.message, ": replay is paused at ");
	promote_add_lsn(&w.message, n->replayed);
	buf_adds(&w.message, " of ");
	promote_add_lsn(&w.message, n->received);
	if (left > 0) {
		buf_adds(&w.message, ", ");
		promote_add_bytes(&w.message, left);
		buf_adds(&w.message, " before the end");
	}
	buf_adds(&w.message, "; this version would not promote until somebody "
			     "resumes it");
	buf_adds(&w.hint, "Repeat with --resume-replay");
	if (resume != NULL)
		buf_addf(&w.hint, ", or on %s: %s;", n->name, resume);
	promote_refuse(j, &w);
}

/* --- D11, D12, D14, D19: can it be done ---------------------------------- */

void
promote_look_trigger(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const char *name =
	    pgver(promote_candidate(f)->version, PGFACT_TRIGGER_PARAM);
	struct promote_words w = {.message = BUF_INIT};

	if (f->means != MEANS_TRIGGER || f->trigger_problem == NULL)
		return;
	buf_adds(&w.message, "trigger file");
	if (f->trigger_path != NULL)
		buf_addf(&w.message, " \"%s\"", f->trigger_path);
	buf_addf(&w.message, " of %s: %s", promote_candidate(f)->name,
	    f->trigger_problem);
	if (pgver(promote_candidate(f)->version, PGFACT_RESUME_SQL) == NULL)
		/* 9.0 has no pg_ctl promote either (both 9.1). */
		buf_addf(&w.hint,
		    "Correct %s in recovery.conf and restart that server: "
		    "before 9.1 nothing else promotes it.",
		    name);
	/* standby-clone makes it void in postgresql.auto.conf. */
	else if (name != NULL && f->trigger_path == NULL &&
		 strncmp(name, "promote_", strlen("promote_")) == 0)
		buf_addf(&w.hint,
		    "On that server: ALTER SYSTEM SET %s = '/path/of/a/file'; "
		    "SELECT pg_reload_conf(); or promote without --trigger.",
		    name);
	else if (name != NULL)
		buf_addf(&w.hint,
		    "Correct %s on that server, or promote without --trigger.",
		    name);
	else
		buf_adds(&w.hint, "Promote without --trigger.");
	promote_refuse(j, &w);
}

void
promote_look_no_means(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	struct promote_words w = {.message = BUF_INIT};

	if (f->means != MEANS_NONE)
		return;
	buf_adds(&w.message, "there is no way to promote ");
	promote_add_node(&w.message, n);
	buf_addf(&w.message, " from here: %s",
	    promote_or_else(f->no_means,
		"neither SQL, nor its data directory, nor its agent is at "
		"hand"));
	if (f->no_means_hint != NULL)
		buf_addf(&w.hint, "%s Or: ", f->no_means_hint);
	if (n->version != 0 && pgver(n->version, PGFACT_PROMOTE_SQL) != NULL) {
		buf_adds(&w.hint, "On the primary, while there is one, as a "
				  "superuser: GRANT EXECUTE ON FUNCTION "
				  "pg_catalog.pg_promote(boolean, integer) "
				  "TO ");
		text_add_identifier(&w.hint, promote_or_else(n->user, "ROLE"));
		buf_adds(&w.hint, "; now, ");
	} else
		buf_adds(&w.hint, "Run it ");
	buf_adds(&w.hint, "on its own host, as the owner of its directory: "
			  "standby-promote -D PGDATA");
	promote_refuse(j, &w);
}

void
promote_look_running(struct promote_judge *j)
{
	struct promote_words w = {.message = BUF_INIT};

	if (j->f->locked_by == NULL)
		return;
	buf_addf(&w.message, "another promotion of this cluster runs: %s",
	    j->f->locked_by);
	buf_addf(&w.hint, "Wait for its end, then look: repl-status%s%s",
	    j->f->locked_hint != NULL ? ". " : "",
	    promote_or_else(j->f->locked_hint, ""));
	promote_refuse(j, &w);
}

void
promote_look_unlogged(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	struct promote_words w = {.message = BUF_INIT};

	if (f->unlogged_forks <= 0)
		return;
	promote_add_node(&w.message, promote_candidate(f));
	buf_addf(&w.message,
	    " holds %d unlogged relation%s whose data lie beside the initial "
	    "fork, 0 are allowed: a promotion would stop the server (could "
	    "not create file: file exists)",
	    f->unlogged_forks, f->unlogged_forks == 1 ? "" : "s");
	if (f->unlogged_first != NULL)
		buf_addf(&w.message, " (first: \"%s\")", f->unlogged_first);
	buf_addf(&w.hint,
	    "Restart the standby %s first, which removes them; then run this "
	    "again.",
	    promote_candidate(f)->name);
	promote_refuse(j, &w);
}
