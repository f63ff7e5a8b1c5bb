/* What is assumed, or not known, when a node is promoted. */
#include "base/std.h"
#include "base/buf.h"
#include "core/promote_int.h"
#include "core/range.h"

/* What another one said, in one line. */
static void
add_line(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++)
		buf_addc(b, *text == '\n' ? ' ' : *text);
}

static void
assume_proof(struct buf *b, const struct promote_facts *f)
{
	static const char *const why[] = {
	    [PROOF_SSH] = "its postmaster does not run, as its host says",
	    [PROOF_FENCE] = "the fence command ended with 0",
	    [PROOF_NAME] = "the node's name was typed",
	    [PROOF_PGPOOL] = "pgpool says so, and promote.trust_pgpool is set",
	    [PROOF_FORCE] = "--force says so"};
	const char *text = NULL;

	if ((size_t)f->proof >= NELEM(why) || why[f->proof] == NULL)
		return;
	buf_adds(b, "It is assumed that ");
	promote_add_old(b, f);
	buf_addf(b, " is down and stays down: %s%s", why[f->proof],
	    f->proof != PROOF_SSH ? ""
	    : f->fence_given
		? "; the fence command is run besides"
		: "; nothing keeps anybody from starting it again");
	if (f->old >= 0 && (size_t)f->old < f->s->n)
		text = f->s->nodes[f->old].reach_text;
	if (promote_or_else(text, NULL) != NULL) {
		buf_adds(b, "; it does not answer (");
		add_line(b, text);
		buf_addc(b, ')');
	}
	buf_adds(b, ".\n");
	if (f->old_guess != NULL) {
		buf_adds(b, "It is assumed, too, that the primary was ");
		promote_add_node(b, &f->s->nodes[f->old]);
		buf_addf(b, ": %s.\n", f->old_guess);
	}
}

static void
assume_replay(struct buf *b, const struct promote_facts *f)
{
	const struct status_node *n = promote_candidate(f);
	int64_t left = promote_distance(f, n->received, n->replayed);

	if (n->paused == 1) {
		buf_addf(b, "Replay of %s is paused at ", n->name);
		promote_add_lsn(b, n->replayed);
		buf_adds(b, f->resume_replay ? " and will be resumed"
			    : f->pause_holds && left == 0
				? " and nothing is left to replay"
				: ", which the promotion ends");
		buf_adds(b, ".\n");
	}
	if (left > 0) {
		promote_add_bytes(b, left);
		buf_addf(b,
		    " of WAL that %s has received must be replayed "
		    "before it takes writes.\n",
		    n->name);
	}
}

void
promote_assume(struct promote_judge *j)
{
	const struct promote_facts *f = j->f;
	const struct status_node *n = promote_candidate(f);
	struct buf *b = &j->v->assumed;

	promote_add_loss(b, f, j->v);
	buf_addc(b, '\n');
	if (!f->end_is_exact && n->receiver.present && n->receiver.heard >= 0) {
		buf_addf(b, "%s last heard of its upstream ", n->name);
		range_add_value(b, n->receiver.heard, true);
		buf_adds(b, " ago.\n");
	}
	assume_proof(b, f);
	for (int i = 0; (size_t)i < f->s->n; i++)
		promote_assume_sibling(b, f, i);
	assume_replay(b, f);
	if (f->unlogged_forks < 0)
		buf_addf(b,
		    "It could not be looked whether %s holds unlogged "
		    "relations with data of the primary.\n",
		    n->name);
}
