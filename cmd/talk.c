#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli.h"
#include "core/text.h"
#include "flow/pool.h"
#include "talk.h"

#define LINE_MS 10000
#define BAR_CELLS 20
#define BAR_LEAST 5
#define BAR_LEFT 24 /* "  [4/7] transfer        " */
#define BAR_FIGURES                                                            \
	51 /* " 25 %   10.0 GB/39.4 GB   212.4 MB/s   0:00:19 left" */

static const char *const step_names[] = {[CLONE_PREFLIGHT] = "preflight",
    [CLONE_BACKUP_START] = "backup start",
    [CLONE_MANIFEST] = "manifest",
    [CLONE_TRANSFER] = "transfer",
    [CLONE_BACKUP_STOP] = "backup stop",
    [CLONE_START] = "start",
    [CLONE_STREAMING] = "streaming"};

enum talk_progress
talk_progress_of(const char *text, bool quiet)
{
	if (strcmp(text, "bar") == 0)
		return TALK_BAR;
	if (strcmp(text, "line") == 0)
		return TALK_LINE;
	if (strcmp(text, "json") == 0)
		return TALK_JSON;
	if (strcmp(text, "none") == 0 || quiet)
		return TALK_NONE;
	return isatty(STDERR_FILENO) ? TALK_BAR : TALK_LINE;
}

static void
close_bar(struct talk *t)
{
	if (t->bar_open)
		(void)fputs("\r\033[K", stderr);
	t->bar_open = false;
}

static void
on_source(void *arg, const char *text)
{
	close_bar(arg);
	log_line(LVL_INFO, NULL, "%s", text);
}

static void
on_step(void *arg, enum clone_step step, const char *text)
{
	struct talk *t = arg;

	close_bar(t);
	t->rate_at = 0;
	t->last = clock_ms();
	if (log_max() < LVL_INFO)
		return;
	if (t->quiet)
		return;
	log_under(LVL_INFO, "[%d/%d] %-15s %s", step, CLONE_NSTEPS,
	    step_names[step], text);
}

static void
on_note(void *arg, const char *text)
{
	close_bar(arg);
	log_line(LVL_INFO, "note", "%s", text);
}

static void
on_warn(void *arg, const struct err *what)
{
	close_bar(arg);
	cli_print("warning", what);
}

static void
on_problem(void *arg, const struct err *what)
{
	close_bar(arg);
	cli_print("error", what);
}

static void
on_plan(void *arg, const char *text)
{
	struct talk *t = arg;

	close_bar(t);
	(void)fputs(text, t->out);
}

static void
on_item(void *arg, char letter, const char *path)
{
	struct talk *t = arg;
	struct buf b = BUF_INIT;

	if (!t->itemize)
		return;
	text_add_escaped(&b, path, strlen(path));
	close_bar(t);
	(void)fprintf(t->out, "%c %s\n", letter, buf_str(&b));
	buf_free(&b);
}

/* Moving average over about five seconds. */
static void
measure(struct talk *t, const struct clone_progress *p)
{
	int64_t now = clock_ms();
	double seconds, rate;

	if (t->rate_at == 0 || p->done < t->rate_done) {
		t->rate_at = now;
		t->rate_done = p->done;
		t->rate = 0;
		return;
	}
	if (now - t->rate_at < 500)
		return;
	seconds = (double)(now - t->rate_at) / 1000;
	rate = (double)(p->done - t->rate_done) / seconds;
	t->rate = t->rate == 0 ? rate : t->rate * 0.8 + rate * 0.2;
	t->rate_at = now;
	t->rate_done = p->done;
}

static void
add_eta(struct buf *b, const struct talk *t, const struct clone_progress *p)
{
	uint64_t s;

	if (p->total <= p->done)
		return;
	if (t->rate < 1) {
		if (p->asked)
			buf_adds(b, "   time left unknown");
		return;
	}
	s = (uint64_t)((double)(p->total - p->done) / t->rate);
	buf_addf(b, "   %" PRIu64 ":%02u:%02u left", s / 3600,
	    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

/* "812/950 files   worker 1: busy, 12 files, 4.1 MB/s received, base/1/2;
 * worker 2: idle", for who has asked by SIGUSR1. */
static void
add_work(struct buf *b, const struct clone_progress *p)
{
	if (p->files > 0)
		buf_addf(b, "   %" PRIu64 "/%" PRIu64 " files", p->files_done,
		    p->files);
	else if (p->what[0] != '\0')
		buf_addf(b, "   %s", p->what);
	for (unsigned i = 0; i < p->nworkers; i++) {
		const struct pool_worker *w = &p->workers[i];

		buf_addf(b, "%s worker %u: %s", i == 0 ? "  " : ";", w->number,
		    w->state);
		if (w->files == 0)
			continue;
		buf_addf(b, ", %zu files, ", w->files);
		text_add_size(b, w->speed);
		buf_addf(b, "/s received, %s", w->path);
	}
}

/* "68 %   8.4/12.4 GB   212 MB/s   0:00:19 left   base/1/2" */
static void
add_figures(struct buf *b, const struct talk *t, const struct clone_progress *p)
{
	if (p->step == CLONE_TRANSFER && p->total > 0) {
		buf_addf(b, "%3u %%   ",
		    (unsigned)((double)p->done * 100 / (double)p->total));
		text_add_size(b, p->done);
		buf_addc(b, '/');
		text_add_size(b, p->total);
		if (t->rate >= 1) {
			buf_adds(b, "   ");
			text_add_size(b, (uint64_t)t->rate);
			buf_adds(b, "/s");
		}
		add_eta(b, t, p);
	} else {
		text_add_duration(b, p->ms);
	}
	if (p->asked)
		add_work(b, p);
	else if (p->what[0] != '\0')
		buf_addf(b, "   %s", p->what);
}

/* May block characters be drawn? */
static bool
terminal_is_utf8(void)
{
	const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < NELEM(names); i++) {
		const char *v = getenv(names[i]);

		if (v != NULL && v[0] != '\0')
			return strcasestr(v, "UTF-8") != NULL ||
			       strcasestr(v, "UTF8") != NULL;
	}
	return false;
}

/* The figures come first: the bar has what they leave of the terminal. */
static unsigned
bar_cells(const struct clone_progress *p, int width)
{
	int room = width - 1 - BAR_LEFT - 1 - BAR_FIGURES;

	if (p->step != CLONE_TRANSFER || p->total == 0)
		return 0;
	if (width <= 0 || room > BAR_CELLS)
		return BAR_CELLS;
	return room < BAR_LEAST ? 0 : (unsigned)room;
}

/* Bytes of text that fit into so many columns: a line that goes on in the next
 * one of the terminal stays there when it is drawn again. */
static int
fitting(const char *text, int room)
{
	int n = 0;

	for (; text[n] != '\0'; n++)
		if ((text[n] & 0xc0) != 0x80 && room-- <= 0)
			break;
	return n;
}

static void
show_bar(struct talk *t, const struct clone_progress *p, const char *figures)
{
	int width = cli_width(STDERR_FILENO);
	unsigned full, cells = bar_cells(p, width);
	int used = BAR_LEFT + (cells > 0 ? (int)cells + 1 : 0);
	bool utf8 = terminal_is_utf8();
	struct buf b = BUF_INIT;

	buf_addf(&b, "\r  [%d/%d] %-15s ", p->step, CLONE_NSTEPS,
	    step_names[p->step]);
	if (cells > 0) {
		full = (unsigned)((double)p->done * cells / (double)p->total);
		for (unsigned i = 0; i < cells; i++)
			buf_adds(&b, i < full ? utf8 ? "\xe2\x96\x88" : "#"
				     : utf8   ? "\xe2\x96\x91"
					      : ".");
		buf_addc(&b, ' ');
	}
	(void)fprintf(stderr, "%s%.*s\033[K", buf_str(&b),
	    fitting(figures, width > 0 ? width - 1 - used : INT_MAX), figures);
	t->bar_open = true;
	buf_free(&b);
}

static void
show_json(const struct clone_progress *p)
{
	(void)fprintf(stderr,
	    "{\"step\":%d,\"name\":\"%s\",\"ms\":%" PRId64 ",\"done\":%" PRIu64
	    ",\"total\":%" PRIu64 ",\"received\":%" PRIu64 "}\n",
	    p->step, step_names[p->step], p->ms, p->done, p->total,
	    p->received);
}

static void
on_progress(void *arg, const struct clone_progress *p)
{
	struct talk *t = arg;
	struct buf b = BUF_INIT;
	bool due = clock_ms() - t->last >= LINE_MS || p->asked;

	measure(t, p);
	add_figures(&b, t, p);
	if (p->asked || (t->progress == TALK_LINE && due)) {
		close_bar(t);
		log_under(LVL_WARNING, "[%d/%d] %-15s %s", p->step,
		    CLONE_NSTEPS, step_names[p->step], buf_str(&b));
		t->last = clock_ms();
	} else if (t->progress == TALK_BAR) {
		show_bar(t, p, buf_str(&b));
	} else if (t->progress == TALK_JSON && clock_ms() - t->last >= 1000) {
		show_json(p);
		t->last = clock_ms();
	}
	buf_free(&b);
}

void
talk_init(struct talk *t, struct clone_ui *ui)
{
	t->last = clock_ms();
	*ui = (struct clone_ui){.source = on_source,
	    .step = on_step,
	    .note = on_note,
	    .warning = on_warn,
	    .problem = on_problem,
	    .progress = on_progress,
	    .item = on_item,
	    .plan = on_plan,
	    .arg = t};
}

void
talk_end(struct talk *t)
{
	close_bar(t);
}

static void
say_start(const struct clone_record *r)
{
	char word[SHELL_WORD];

	if (r->start[0] != '\0')
		log_line(LVL_INFO, NULL, "Next: %s", r->start);
	else
		log_line(LVL_INFO, NULL, "Next: pg_ctl -D %s start",
		    shell_quoted(r->pgdata, word));
}

void
talk_done(
    struct talk *t, const struct clone_record *r, const struct clone_opts *o)
{
	struct buf b = BUF_INIT;

	close_bar(t);
	if (o->dry_run) {
		log_line(LVL_INFO, NULL,
		    "dry run: all preconditions are met, "
		    "nothing was changed");
		return;
	}
	if (o->cleanup)
		return; /* its notes say it all */
	if (o->conf_only) {
		say_start(r);
		return;
	}
	text_add_duration(&b, r->ms_total);
	buf_adds(&b, ": ");
	text_add_size(&b, r->bytes_compared);
	buf_adds(&b, " compared, ");
	text_add_size(&b, r->bytes_changed);
	buf_adds(&b, " changed, ");
	text_add_size(&b, r->bytes_sent);
	buf_addf(&b, " sent, %" PRIu64 " files vanished", r->files_vanished);
	if (r->files_skipped > 0) {
		buf_adds(&b, ", ");
		text_add_size(&b, r->bytes_skipped);
		buf_adds(&b, " unchanged since the last clone, not read");
	}
	if (r->bad_pages > 0)
		buf_addf(&b, ", %" PRIu64 " damaged pages", r->bad_pages);
	log_line(LVL_INFO, NULL, "done in %s", buf_str(&b));
	buf_free(&b);
	if (!o->start)
		say_start(r);
	else
		cli_next_status(r->source_host, r->source_port, &o->conninfo);
}

static void
stat_ms(FILE *to, const char *name, int64_t ms)
{
	if (ms >= 0)
		(void)fprintf(to, "%-24s %.3f s\n", name, (double)ms / 1000);
}

void
talk_stats(const struct clone_record *r, FILE *to)
{
	(void)fprintf(to, "%-24s %" PRIu64 "\n", "files", r->files_total);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "files changed", r->files_changed);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "files copied whole", r->files_copied);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "files removed", r->files_removed);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "files vanished", r->files_vanished);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "files skipped", r->files_skipped);
	if (r->pages_verified)
		(void)fprintf(
		    to, "%-24s %" PRIu64 "\n", "damaged pages", r->bad_pages);
	(void)fprintf(to, "%-24s %" PRIu64 "\n", "bytes", r->bytes_total);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "bytes compared", r->bytes_compared);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "bytes changed", r->bytes_changed);
	(void)fprintf(to, "%-24s %" PRIu64 "\n", "bytes sent", r->bytes_sent);
	(void)fprintf(
	    to, "%-24s %" PRIu64 "\n", "bytes skipped", r->bytes_skipped);
	stat_ms(to, "preflight", r->ms_preflight);
	stat_ms(to, "backup start", r->ms_backup_start);
	stat_ms(to, "manifest", r->ms_manifest);
	stat_ms(to, "transfer", r->ms_transfer);
	stat_ms(to, "backup stop", r->ms_backup_stop);
	stat_ms(to, "verify, sync, seal", r->ms_seal);
	stat_ms(to, "start", r->ms_start);
	stat_ms(to, "streaming", r->ms_streaming);
	stat_ms(to, "total", r->ms_total);
}

void
talk_left(const struct clone_record *r)
{
	const char *at = buf_str(&r->left_behind);
	struct buf line = BUF_INIT;

	while (text_line(&at, &line))
		log_line(LVL_WARNING, "left behind", "%s", buf_str(&line));
	buf_free(&line);
}
