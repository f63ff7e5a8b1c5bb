/* standby-follow: argv -> options -> one call -> what it says -> exit status.
 */
#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "flow/command.h"
#include "flow/event.h"
#include "flow/follow_pgpool.h"
#include "follow-options.h"
#include "follow-talk.h"
#include "io/self.h"

#define CLONE "standby-clone"

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
		follow_talk_command(argv, ui->arg);
		err_clear(e);
		rc = 0;
	} else if (confirm(s, o, e) == 0) {
		log_line(LVL_INFO, "note", "%s%s%s", e->text,
		    e->detail[0] != '\0' ? ": " : "", e->detail);
		if (r->left != NULL)
			log_line(LVL_INFO, "note", "%s", r->left);
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

static const char *
result_of(const struct follow_record *r, const struct err *e)
{
	if (!err_is_set(e))
		return "ok";
	if (r->configured || e->status == STATUS_INCOMPLETE)
		return "incomplete";
	return e->status == STATUS_REFUSED ? "refused" : "failed";
}

static void
tell_event(const struct conf *conf, const struct follow_opts *o,
    const struct follow_record *r, const struct err *e)
{
	const char *result = result_of(r, e);
	struct err why = ERR_INIT;

	if (o->dry_run || r->status == NULL ||
	    strcmp(r->status, "already-following") == 0)
		return;
	if (event_run(conf_get(conf, "event_command"), "follow",
		o->node != NULL ? o->node : o->pgdata, result,
		err_is_set(e) ? e->text : r->host, sig_fd(), &why) == -1)
		cli_print("warning", &why);
}

/* Said first, not when it is too late; it stops nobody. */
static void
check_event(const struct conf *conf)
{
	const char *command = conf_get(conf, "event_command");
	struct err why = ERR_INIT;

	if (command == NULL || command_check(command, &why) == 0)
		return;
	(void)err_wrap(&why, "event_command");
	(void)err_hint(&why, "Correct event_command of the configuration file: "
			     "nobody will be told of the end of this run.");
	cli_print("warning", &why);
}

static int
run_follow(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	struct follow_record rec = {.status = NULL};
	struct follow_owned owned = {.ssh = NULL};
	struct follow_opts o = {.pgdata = NULL};
	struct follow_ui ui;
	int rc = -1;

	follow_talk_init(&ui, opt_flag(s, "json") ? stderr : stdout);
	if (follow_options_map(s, conf, &o, &owned, e) == 0) {
		check_event(conf);
		rc = follow_run(&o, &ui, &rec, e);
		if (rc == -1 && rec.reclone && opt_flag(s, "reclone"))
			rc = reclone(s, &o, &ui, &rec, e);
		tell_event(conf, &o, &rec, e);
	}
	if (rc == -1)
		cli_print("error", e);
	else
		follow_talk_done(&rec, &o);
	if (opt_flag(s, "json") &&
	    follow_talk_json(
		&rec, o.pgdata, rc == -1 ? e->status : 0, e, stdout) == -1)
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
	struct follow_ui ui;
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

	follow_talk_init(&ui, stderr);
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
