/* A heading and a line per node; unknown is an empty field. */
#include "base/std.h"
#include "core/text.h"
#include "show/show_int.h"

static const char heading[] =
    "name\thost\tport\trole\tupstream\tstate\tsync\ttimeline\twritten_lsn\t"
    "sent_lsn\treceived_lsn\treplayed_lsn\treceive_lag_bytes\t"
    "replay_lag_bytes\tdelay_seconds\tslot\tpaused\tserver_version\t"
    "reachable\tstatus\n";

/* Each of these ends the field before it. */

static void
add_text(struct buf *b, const char *text)
{
	buf_addc(b, '\t');
	if (text != NULL)
		text_add_escaped(b, text, strlen(text));
}

static void
add_lsn(struct buf *b, uint64_t lsn)
{
	char text[LSN_TEXT];

	add_text(b, lsn == LSN_INVALID ? NULL : lsn_format(lsn, text));
}

static void
add_bytes(struct buf *b, int64_t v)
{
	buf_addc(b, '\t');
	if (v >= 0)
		buf_addf(b, "%" PRId64, v);
}

static void
add_seconds(struct buf *b, double v)
{
	buf_addc(b, '\t');
	if (show_known(v))
		show_add_number(b, v);
}

static void
add_flag(struct buf *b, int v)
{
	add_text(b, v < 0 ? NULL : v > 0 ? "true" : "false");
}

static void
add_node(struct buf *b, const struct status *s, const struct status_node *n)
{
	text_add_escaped(b, n->name, strlen(n->name));
	add_text(b, n->host);
	add_text(b, n->port);
	add_text(b, show_role(n));
	add_text(b, show_name(s, n->upstream));
	add_text(b, n->state);
	add_text(b, n->sync);
	add_bytes(b, status_shown_timeline(n) > 0
			 ? (int64_t)status_shown_timeline(n)
			 : -1);
	add_lsn(b, n->written);
	add_lsn(b, n->sent);
	add_lsn(b, n->received);
	add_lsn(b, n->replayed);
	add_bytes(b, show_receive_lag(n));
	add_bytes(b, show_replay_lag(n));
	add_seconds(b, show_delay(n));
	add_text(b, show_slot(s, n));
	add_flag(b, n->paused);
	add_bytes(b, n->version > 0 ? n->version : -1);
	add_flag(b, show_reachable(n));
	add_text(b, status_severity_name(n->severity));
	buf_addc(b, '\n');
}

int
show_tsv(const struct status *s, const struct show_opts *o, struct buf *out)
{
	(void)o;
	buf_adds(out, heading);
	for (size_t i = 0; i < s->n; i++)
		add_node(out, s, &s->nodes[i]);
	return buf_ok(out) ? 0 : -1;
}
