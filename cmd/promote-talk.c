#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "cli.h"
#include "core/lsn.h"
#include "core/text.h"
#include "core/verdict.h"
#include "io/jdoc.h"
#include "io/table.h"
#include "io/wait.h"
#include "promote-options.h"
#include "promote-talk.h"
#include "show/fields.h"
#include "show/show.h"

#include <locale.h>
#include <poll.h>

/* Names come from other hosts. */
static void
say(enum log_level level, const char *kind, const char *text)
{
	struct buf b = BUF_INIT;

	text_add_escaped(&b, text, strlen(text));
	log_line(level, kind, "%s", buf_str(&b));
	buf_free(&b);
}

/* A line each. */
static void
say_lines(enum log_level level, const char *kind, const char *text)
{
	struct buf line = BUF_INIT;

	while (text_line(&text, &line))
		say(level, kind, buf_str(&line));
	buf_free(&line);
}

void
promote_talk_call(struct promote_talk *t, const char *words)
{
	t->hold = true;
	buf_adds(&t->call, words);
	buf_addf(&t->held, "called by pgpool: %s\n", words);
}

void
promote_talk_flush(struct promote_talk *t)
{
	const char *at = buf_str(&t->held);
	struct buf line = BUF_INIT;

	t->hold = false;
	while (text_line(&at, &line))
		log_line(LVL_INFO, NULL, "%s", buf_str(&line));
	buf_free(&line);
	buf_reset(&t->held);
}

void
promote_talk_end(struct promote_talk *t)
{
	buf_free(&t->held);
	buf_free(&t->call);
}

static void
on_step(void *arg, const char *what, const char *text)
{
	struct promote_talk *t = arg;
	struct buf b = BUF_INIT;

	if (t->hold && strcmp(what, "facts") == 0) {
		buf_addf(&t->held, "%-11s ", what);
		text_add_escaped(&t->held, text, strlen(text));
		buf_addc(&t->held, '\n');
		return;
	}
	promote_talk_flush(t);
	text_add_escaped(&b, text, strlen(text));
	log_under(LVL_INFO, "%-11s %s", what, buf_str(&b));
	buf_free(&b);
}

static void
on_note(void *arg, const char *text)
{
	promote_talk_flush(arg);
	say(LVL_INFO, "note", text);
}

static void
on_warning(void *arg, const struct err *what)
{
	promote_talk_flush(arg);
	say(LVL_WARNING, "warning", what->text);
	say_lines(LVL_WARNING, "hint", what->hint);
}

/* Under its name, as the other command wrote it. */
static void
on_said(void *arg, const char *node, const char *lines)
{
	struct buf line = BUF_INIT;

	promote_talk_flush(arg);
	buf_addf(&line, "%s says:", node);
	say(LVL_WARNING, "note", buf_str(&line));
	while (text_line(&lines, &line)) {
		struct buf b = BUF_INIT;

		text_add_escaped(&b, line.data, line.len);
		log_under(LVL_WARNING, "%s", buf_str(&b));
		buf_free(&b);
	}
	buf_free(&line);
}

static void
on_refusal(void *arg, const struct promote_refusal *r)
{
	enum log_level level = r->forced ? LVL_WARNING : LVL_ERROR;
	struct buf b = BUF_INIT;

	promote_talk_flush(arg);
	text_add_escaped(&b, r->message, strlen(r->message));
	log_line(level, r->forced ? "warning" : "error", "%s [%s]%s",
	    buf_str(&b), r->id, r->forced ? ": --force goes on" : "");
	buf_free(&b);
	if (!r->forced && r->hint != NULL)
		say_lines(level, "hint", r->hint);
}

/* What is only believed is said whatever is asked for (-q). */
static void
on_assumed(void *arg, const char *text, enum promote_proof proof)
{
	bool believed = proof == PROOF_NAME || proof == PROOF_PGPOOL ||
			proof == PROOF_FORCE;

	promote_talk_flush(arg);
	say_lines(believed ? LVL_WARNING : LVL_INFO, "note", text);
}

/* One line of the terminal; a signal ends the wait. */
static int
read_line(char *text, size_t size)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t n = 0;

	while (n + 1 < size) {
		if (wait_poll(&p, 1, DEADLINE_NEVER, sig_fd(), NULL) != 1)
			return -1;
		if (read(STDIN_FILENO, text + n, 1) != 1)
			break;
		if (text[n] == '\n')
			break;
		n++;
	}
	text[n] = '\0';
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\r'))
		text[--n] = '\0';
	return 0;
}

static int
on_confirm(void *arg, const char *node, const char *assumed)
{
	struct buf b = BUF_INIT;
	char text[512];
	bool same;

	(void)arg;
	if (!isatty(STDIN_FILENO))
		return -1;
	say_lines(LVL_WARNING, NULL, assumed);
	text_add_escaped(&b, node, strlen(node));
	(void)fprintf(stderr,
	    "Type the name of the node to promote it (%s): ", buf_str(&b));
	(void)fflush(stderr);
	buf_free(&b);
	if (read_line(text, sizeof(text)) == -1) {
		(void)fputc('\n', stderr);
		return 0;
	}
	same = strcmp(text, node) == 0;
	return same ? 1 : 0;
}

/* The table alone: what is a problem here is said by the refusals. */
static size_t
table_len(const struct buf *b)
{
	size_t n = b->len;

	while (n > 0 && b->data[n - 1] == '\n')
		n--;
	while (n > 0 && b->data[n - 1] != '\n')
		n--;
	return n;
}

static void
on_status(void *arg, const struct status *s)
{
	const struct promote_talk *t = arg;
	struct status plain = *s;
	struct show_opts how = {.limits = &verdict_default_limits,
	    .tool = PROMOTE_TOOL,
	    .version = PACKAGE_VERSION,
	    .utf8 = t->utf8,
	    .verbose = t->verbose};
	FILE *to = t->json ? stderr : stdout;
	struct buf b = BUF_INIT;

	if (t->quiet || (t->pgpool && t->verbose == 0))
		return;
	how.color = cli_color(t->color, fileno(to));
	how.width = cli_width(fileno(to));
	plain.problems = NULL;
	plain.nproblems = 0;
	plain.severity = SEV_OK;
	if (show_human(&plain, &how, &b) == 0 && buf_ok(&b)) {
		(void)fwrite(buf_str(&b), 1, table_len(&b), to);
		(void)fflush(to);
	}
	buf_free(&b);
}

static void
on_plan(void *arg, const char *text)
{
	const struct promote_talk *t = arg;
	FILE *to = t->json ? stderr : stdout;
	struct buf b = BUF_INIT, line = BUF_INIT;

	for (int n = 1; text_line(&text, &line); n++) {
		buf_addf(&b, "%2d. ", n);
		text_add_escaped(&b, line.data, line.len);
		buf_addc(&b, '\n');
	}
	(void)fputs(buf_str(&b), to);
	(void)fflush(to);
	buf_free(&b);
	buf_free(&line);
}

void
promote_talk_init(struct promote_talk *t, struct failover_ui *ui)
{
	(void)setlocale(LC_CTYPE, "");
	t->utf8 = table_utf8();
	if (!t->utf8)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
	*ui = (struct failover_ui){.step = on_step,
	    .note = on_note,
	    .warning = on_warning,
	    .said = on_said,
	    .refusal = on_refusal,
	    .confirm = on_confirm,
	    .assumed = on_assumed,
	    .status = on_status,
	    .plan = on_plan,
	    .arg = t};
}

/* --- the end -------------------------------------------------------------- */

/* The first line of what is assumed is about the loss. */
static void
say_loss(const struct failover_record *r, bool unknown)
{
	const char *text = buf_str(&r->verdict.assumed);
	bool bad = r->lost != 0 || r->lost_at_least || unknown;
	struct buf b = BUF_INIT;

	text_add_escaped(&b, text, strcspn(text, "\n"));
	if (b.len > 0)
		log_line(bad ? LVL_WARNING : LVL_INFO, NULL, "%s", buf_str(&b));
	buf_free(&b);
}

static void
say_promoted(const struct failover_record *r, bool switchover)
{
	struct buf b = BUF_INIT, place = BUF_INIT;
	char lsn[LSN_TEXT];

	buf_adds(&b, r->node != NULL ? r->node : "the node");
	if (r->host != NULL && r->port != NULL)
		buf_addf(&place, "%s:%s", r->host, r->port);
	if (place.len > 0 && strcmp(buf_str(&b), buf_str(&place)) != 0)
		buf_addf(&b, " (%s)", buf_str(&place));
	buf_free(&place);
	buf_addf(&b, " is the primary: timeline %" PRIu32 " from %s, after ",
	    r->timeline, lsn_format(r->lsn, lsn));
	text_add_duration(&b, r->ms_total);
	if (r->ms_promote >= 0) {
		buf_adds(&b, " (promotion ");
		text_add_duration(&b, r->ms_promote);
		buf_addc(&b, ')');
	}
	if (switchover && r->ms_gap >= 0) {
		buf_adds(&b, ", no writes for ");
		text_add_duration(&b, r->ms_gap);
	}
	say(LVL_INFO, NULL, buf_str(&b));
	buf_free(&b);
}

static void
say_already(const struct promote_talk *t, const struct failover_record *r)
{
	struct buf b = BUF_INIT;

	buf_addf(&b,
	    "%s is the primary already (timeline %" PRIu32
	    "), no other one answers: nothing to do",
	    r->node != NULL ? r->node : "the node", r->timeline);
	if (t->hold)
		buf_addf(&b, " (called with %s)", buf_str(&t->call));
	say(LVL_INFO, NULL, buf_str(&b));
	buf_free(&b);
}

static void
say_next(const char *text, const char *when)
{
	struct buf b = BUF_INIT, line = BUF_INIT;

	while (text_line(&text, &line)) {
		buf_reset(&b);
		text_add_escaped(&b, line.data, line.len);
		log_line(LVL_INFO, NULL, "%s: %s", when, buf_str(&b));
	}
	buf_free(&b);
	buf_free(&line);
}

void
promote_talk_done(
    struct promote_talk *t, const struct failover_record *r, bool switchover)
{
	if (strcmp(r->status, "already-primary") == 0) {
		say_already(t, r);
		return;
	}
	promote_talk_flush(t);
	if (strcmp(r->status, "ok") == 0) {
		say_promoted(r, switchover);
		say_loss(r, false);
	} else if (strcmp(r->status, "requested") == 0) {
		say_loss(r, true);
	} else if (strcmp(r->status, "dry-run") == 0) {
		log_line(LVL_INFO, NULL,
		    "dry run: all preconditions are met, nothing was changed");
	}
	say_lines(LVL_WARNING, "not done", buf_str(&r->failed));
	say_next(buf_str(&r->next),
	    strcmp(r->status, "dry-run") == 0 ? "Afterwards" : "Next");
}

/* --- JSON ----------------------------------------------------------------- */

static void
put_refusals(struct jdoc *d, const struct promote_verdict *v)
{
	jdoc_array(d, "refusals");
	for (size_t i = 0; i < v->n; i++) {
		jdoc_item(d, "refusals");
		jdoc_text(d, "refusals.id", v->v[i].id);
		jdoc_text(d, "refusals.fault", v->v[i].fault);
		jdoc_text(d, "refusals.message", v->v[i].message);
		jdoc_text(d, "refusals.hint", v->v[i].hint);
		jdoc_flag(d, "refusals.forced", v->v[i].forced);
	}
}

static void
put_siblings(struct jdoc *d, const struct failover_record *r)
{
	jdoc_array(d, "siblings");
	for (size_t i = 0; i < r->nsiblings; i++) {
		jdoc_item(d, "siblings");
		jdoc_text(d, "siblings.node", r->siblings[i].node);
		jdoc_flag(d, "siblings.follows", r->siblings[i].follows);
		jdoc_text(d, "siblings.problem", r->siblings[i].problem);
	}
}

static void
put_result(struct jdoc *d, const struct failover_record *r)
{
	bool promoted = r->timeline != 0 && r->timeline > r->timeline_before;

	jdoc_text(d, "node.name", r->node);
	jdoc_text(d, "node.host", r->host);
	jdoc_text(d, "node.port", r->port);
	jdoc_text(d, "old_primary", r->old_node);
	fields_timeline(d, "timeline_before", r->timeline_before);
	fields_timeline(d, "timeline", r->timeline);
	fields_lsn(d, "lsn_before", r->lsn_before);
	fields_lsn(d, "lsn", r->lsn);
	jdoc_flag(d, "promoted", promoted);
	jdoc_known(d, "lost_bytes", r->lost_at_least ? -1 : r->lost);
	jdoc_known(d, "lost_at_least_bytes", r->lost_at_least ? r->lost : -1);
	jdoc_text(d, "means",
	    r->means == MEANS_NONE ? NULL : promote_means_name(r->means));
	jdoc_text(d, "proof",
	    r->proof == PROOF_NONE ? NULL : promote_proof_name(r->proof));
	jdoc_flag(d, "checkpoint", r->checkpointed);
}

static void
put_times(struct jdoc *d, const struct failover_record *r)
{
	fields_seconds(d, "seconds.total", r->ms_total);
	fields_seconds(d, "seconds.facts", r->ms_facts);
	fields_seconds(d, "seconds.fence", r->ms_fence);
	fields_seconds(d, "seconds.promote", r->ms_promote);
	fields_seconds(d, "seconds.checkpoint", r->ms_checkpoint);
	fields_seconds(d, "seconds.gap", r->ms_gap);
}

int
promote_talk_json(
    const struct failover_record *r, int status, const struct err *e, FILE *to)
{
	struct jdoc *d = jdoc_new();
	int rc;

	if (d == NULL)
		return -1;
	fields_begin(d, PROMOTE_TOOL, r->status, status, e);
	put_result(d, r);
	put_refusals(d, &r->verdict);
	fields_lines(d, "assumed", buf_str(&r->verdict.assumed));
	put_siblings(d, r);
	fields_lines(d, "next", buf_str(&r->next));
	fields_lines(d, "failed", buf_str(&r->failed));
	put_times(d, r);
	rc = jdoc_print(d, to);
	jdoc_free(d);
	return rc;
}
