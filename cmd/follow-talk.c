#include "base/std.h"
#include "base/shell.h"
#include "base/log.h"
#include "core/lsn.h"
#include "core/text.h"
#include "cli.h"
#include "follow-options.h"
#include "follow-talk.h"
#include "io/jdoc.h"
#include "show/fields.h"

static void
on_step(void *arg, const char *what, const char *text)
{
	struct buf b = BUF_INIT;

	(void)arg;
	text_add_escaped(&b, text, strlen(text));
	log_under(LVL_INFO, "%-15s %s", what, buf_str(&b));
	buf_free(&b);
}

static void
on_note(void *arg, const char *text)
{
	(void)arg;
	log_line(LVL_INFO, "note", "%s", text);
}

static void
on_plan(void *arg, const char *text)
{
	(void)fprintf(arg, "%s\n", text);
}

void
follow_talk_init(struct follow_ui *ui, FILE *plan)
{
	*ui = (struct follow_ui){
	    .step = on_step, .note = on_note, .plan = on_plan, .arg = plan};
}

void
follow_talk_done(const struct follow_record *r, const struct follow_opts *o)
{
	char lsn[LSN_TEXT];
	struct buf b = BUF_INIT;

	if (strcmp(r->status, "already-following") == 0) {
		log_line(LVL_INFO, NULL,
		    "nothing to do: this node streams from %s:%s on timeline "
		    "%" PRIu32 " already",
		    r->host, r->port, r->timeline);
		return;
	}
	if (o->dry_run) {
		log_line(LVL_INFO, NULL,
		    "dry run: all preconditions are met, nothing was changed");
		return;
	}
	text_add_duration(&b, r->ms_total);
	if (r->streaming)
		log_line(LVL_INFO, NULL,
		    "done in %s: streaming from %s:%s, timeline %" PRIu32
		    ", received %s",
		    buf_str(&b), r->host, r->port, r->timeline,
		    lsn_format(r->receive_lsn, lsn));
	else
		log_line(LVL_INFO, NULL,
		    "done in %s: configured to follow %s:%s", buf_str(&b),
		    r->host, r->port);
	buf_free(&b);
	if (!o->start && !r->reloaded)
		log_line(LVL_INFO, NULL, "Next: %s", r->restart);
	else
		cli_next_status(r->host, r->port, &o->conninfo);
}

void
follow_talk_command(char *const *argv, FILE *to)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; argv[i] != NULL; i++) {
		if (strncmp(argv[i], "--dbname=", 9) == 0)
			buf_adds(&b, " --dbname=***");
		else
			buf_addf(&b, " %s", argv[i]);
	}
	(void)fprintf(to, "run%s\n", buf_str(&b));
	buf_free(&b);
}

/* --- --json --------------------------------------------------------------- */

static void
put_left(struct jdoc *d, const struct follow_record *r)
{
	jdoc_text(d, "old_slot", r->old_slot[0] ? r->old_slot : NULL);
	jdoc_text(d, "old_upstream.host", r->old_host);
	jdoc_text(d, "old_upstream.port", r->old_port);
	if (r->old_slot_there == 1)
		jdoc_flag(d, "old_upstream.slot_exists", true);
	else
		jdoc_null(d, "old_upstream.slot_exists");
	jdoc_text(d, "old_upstream.drop", r->old_drop);
}

int
follow_talk_json(const struct follow_record *r, const char *pgdata, int status,
    const struct err *e, FILE *to)
{
	struct jdoc *d = jdoc_new();
	int rc;

	if (d == NULL)
		return -1;
	fields_begin(d, FOLLOW_TOOL, r->status, status, e);
	jdoc_text(d, "primary.host", r->host);
	jdoc_text(d, "primary.port", r->port);
	fields_timeline(d, "primary.timeline", r->timeline);
	jdoc_text(d, "node.pgdata", pgdata);
	fields_timeline(d, "node.timeline", r->own_timeline);
	fields_lsn(d, "node.lsn", r->own_end);
	fields_lsn(d, "fork_lsn", r->fork);
	jdoc_text(d, "slot", r->slot[0] ? r->slot : NULL);
	put_left(d, r);
	jdoc_flag(d, "reloaded", r->reloaded);
	jdoc_flag(d, "restarted", r->restarted);
	jdoc_flag(d, "started", r->started);
	jdoc_flag(d, "streaming", r->streaming);
	fields_lsn(d, "receive_lsn", r->receive_lsn);
	fields_seconds(d, "seconds.total", r->ms_total);
	rc = jdoc_print(d, to);
	jdoc_free(d);
	return rc;
}
