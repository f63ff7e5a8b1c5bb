/* What is not seen of the old primary, and what seems to be it and is not. */
#include "base/std.h"
#include "base/buf.h"
#include "core/pgver.h"
#include "core/promote_int.h"
#include "core/text.h"

/* --- D2: what may not be seen --------------------------------------------- */

static void
add_unseen(struct promote_words *w, const struct promote_facts *f,
    const struct status_node *n)
{
	const char *role = pgver(n->version, PGFACT_READ_STATS);

	promote_add_node(&w->message, n);
	if (n->receiver.present) {
		buf_adds(&w->message, " has a WAL receiver, and role ");
		text_add_identifier(&w->message, promote_or_else(n->user, "?"));
		buf_adds(&w->message, " may not see whether it hears ");
	} else {
		buf_addf(&w->message,
		    ": whether a WAL receiver runs could not be read (%s), so "
		    "that it is not known whether it hears ",
		    promote_or_else(n->partial, "no reason is known"));
	}
	promote_add_old(&w->message, f);
	buf_adds(&w->hint, "Run this as a role that may (-U)");
	if (role != NULL) {
		buf_addf(&w->hint,
		    "; on the primary, while there is one, as a superuser: "
		    "GRANT %s TO ",
		    role);
		text_add_identifier(&w->hint, promote_or_else(n->user, "ROLE"));
	} else
		buf_adds(&w->hint, ", which is a superuser in this version");
	buf_addf(&w->hint,
	    "; or look on %s yourself: SELECT * FROM pg_stat_wal_receiver; "
	    "when you know for certain that the old primary is off: --force",
	    n->name);
}

/* What may not be seen is no silence.  A fence waits for this: after it there
 * would be no primary, and a refusal. */
void
promote_look_unseen(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;

	for (int i = 0; (size_t)i < f->s->n; i++) {
		const struct status_node *n = &f->s->nodes[i];
		struct promote_words w = {.message = BUF_INIT};

		if (promote_is_told(f) || !promote_may_hear(f, i) ||
		    n->receiver.sight != SIGHT_HIDDEN)
			continue;
		add_unseen(&w, f, n);
		promote_refuse(j, &w);
	}
}
