/* standby-follow: argv -> options -> one call -> what it says -> exit status.
 */
#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/text.h"
#include "flow/event.h"
#include "flow/follow_pgpool.h"
#include "follow-options.h"
#include "io/jdoc.h"
#include "io/self.h"
#include "show/fields.h"

#define CLONE "standby-clone"

/* --- what it says --------------------------------------------------------- */

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

static void
tell_end(const struct follow_record *r, const struct follow_opts *o)
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
		log_line(
		    LVL_INFO, NULL, "Next: pg_ctl -D '%s' restart", o->pgdata);
	else if (strcmp(r->port, "5432") == 0)
		log_line(LVL_INFO, NULL, "Next: repl-status -h %s", r->host);
	else
		log_line(LVL_INFO, NULL, "Next: repl-status -h %s -p %s",
		    r->host, r->port);
}

/* --- --json --------------------------------------------------------------- */

static int
print_record(const struct follow_record *r, const char *pgdata, int status,
    const struct err *e)
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
	jdoc_text(d, "old_slot", r->old_slot[0] ? r->old_slot : NULL);
	jdoc_flag(d, "reloaded", r->reloaded);
	jdoc_flag(d, "restarted", r->restarted);
	jdoc_flag(d, "started", r->started);
	jdoc_flag(d, "streaming", r->streaming);
	fields_lsn(d, "receive_lsn", r->receive_lsn);
	fields_seconds(d, "seconds.total", r->ms_total);
	rc = jdoc_print(d, stdout);
	jdoc_free(d);
	return rc;
}

/* --- --reclone ------------------------------------------------------------ */

/* What is lost is told before; its name is typed by who wants that. */
static int
confirm(const struct opt_set *s, const struct follow_opts *o, struct err *e)
{
	char text[1100];
	const char *name = o->node != NULL ? o->node : o->pgdata;

	if (opt_flag(s, "yes"))
		return 0;
	if (!isatty(STDIN_FILENO)) {
		err_clear(e);
		(void)err_set(e, ERR_USAGE,
		    "--reclone wants to ask, and there is no terminal");
		return err_hint(e, "Say yes with -y.");
	}
	(void)fprintf(stderr,
	    "This node's own WAL behind the fork will be gone. Type \"%s\" to "
	    "go on: ",
	    name);
	if (fgets(text, sizeof(text), stdin) == NULL)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0 ? 0 : -1;
}

static void
print_words(char *const *argv, FILE *to)
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

/* Does not return when all is well. */
static int
reclone(const struct opt_set *s, const struct follow_opts *o,
    const struct follow_ui *ui, const struct follow_record *r, struct err *e)
{
	char path[PATH_MAX];
	const char *program = self_beside(CLONE, path, sizeof(path)) == 0
				  ? path
				  : CLONE; /* by PATH */
	char **argv = follow_options_clone(s, program, o, r);
	int rc = -1;

	if (argv == NULL) {
		err_clear(e);
		return err_set_nomem(e);
	}
	if (o->dry_run) {
		if (r->running)
			ui->plan(ui->arg, "stop the server");
		print_words(argv, ui->arg);
		err_clear(e);
		rc = 0;
	} else if (confirm(s, o, e) == 0) {
		log_line(LVL_INFO, "note", "%s%s%s", e->text,
		    e->detail[0] != '\0' ? ": " : "", e->detail);
		err_clear(e);
		if (follow_stop(o, ui, e) == 0) {
			log_line(
			    LVL_INFO, NULL, "running standby-clone --delta");
			(void)fflush(NULL);
			(void)execvp(program, argv);
			(void)err_set_errno(
			    e, ERR_PROC, "could not run \"%s\"", program);
			err_raise(
			    e, r->running ? STATUS_INCOMPLETE : STATUS_FAILED);
		}
	}
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
	return rc;
}

/* --- running -------------------------------------------------------------- */

static void
tell_event(const struct conf *conf, const struct follow_opts *o,
    const struct follow_record *r, const struct err *e)
{
	const char *result = !err_is_set(e)                ? "ok"
			     : e->status == STATUS_REFUSED ? "refused"
							   : "failed";
	struct err why = ERR_INIT;

	if (o->dry_run || r->status == NULL ||
	    strcmp(r->status, "already-following") == 0)
		return;
	if (event_run(conf_get(conf, "event_command"), "follow",
		o->node != NULL ? o->node : o->pgdata, result,
		err_is_set(e) ? e->text : r->host, sig_fd(), &why) == -1)
		cli_print("warning", &why);
}

static int
run_follow(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	struct follow_record rec = {.status = NULL};
	struct follow_owned owned = {.ssh = NULL};
	struct follow_opts o = {.pgdata = NULL};
	struct follow_ui ui = {.step = on_step,
	    .note = on_note,
	    .plan = on_plan,
	    .arg = opt_flag(s, "json") ? stderr : stdout};
	int rc = -1;

	if (follow_options_map(s, conf, &o, &owned, e) == 0) {
		rc = follow_run(&o, &ui, &rec, e);
		if (rc == -1 && rec.reclone && opt_flag(s, "reclone"))
			rc = reclone(s, &o, &ui, &rec, e);
		tell_event(conf, &o, &rec, e);
	}
	if (rc == -1)
		cli_print("error", e);
	else
		tell_end(&rec, &o);
	if (opt_flag(s, "json") &&
	    print_record(&rec, o.pgdata, rc == -1 ? e->status : 0, e) == -1)
		log_line(LVL_ERROR, "error", "could not write to stdout: %s",
		    strerror(errno));
	follow_record_free(&rec);
	follow_options_free(&o, &owned);
	return rc;
}

static int
run_pgpool(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	struct remote_opts r;
	char *text = NULL, path[PATH_MAX];
	struct follow_ui ui = {
	    .step = on_step, .note = on_note, .plan = on_plan, .arg = stderr};
	struct follow_pgpool_opts o = {.words = s->args,
	    .nwords = s->nargs,
	    .conf = conf,
	    .user = opt_text(s, "username"),
	    .dbname = opt_text(s, "dbname"),
	    .package = PACKAGE_VERSION,
	    .agent = opt_text(s, "agent"),
	    .sync = !opt_flag(s, "no-sync"),
	    .timeout_ms = opt_number(s, "timeout"),
	    .sigfd = sig_fd()};
	int rc;

	rc = cli_remote(s, NULL, NULL, &r, &text, e);
	o.remote = &r;
	o.ssh_given = opt_get(s, "ssh")->set;
	if (self_dir(path, sizeof(path)) == 0)
		o.program_dir = path;
	if (rc == 0)
		rc = follow_pgpool(&o, &ui, e);
	if (rc == -1)
		cli_print("error", e);
	free(text);
	return rc;
}

static int
run(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	if (opt_flag(s, "pgpool"))
		return run_pgpool(s, conf, e);
	return run_follow(s, conf, e);
}

int
main(int argc, char **argv)
{
	const struct cli_program program = {.name = FOLLOW_TOOL,
	    .usage = FOLLOW_USAGE,
	    .options = follow_options,
	    .noptions = follow_noptions,
	    .run = run};

	return cli_main(&program, argc, argv);
}
