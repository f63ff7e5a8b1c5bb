/* standby-clone: argv -> options -> one call -> what it says -> exit status. */
#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "clone-options.h"
#include "core/exclude.h"
#include "core/text.h"
#include "flow/facts.h"
#include "flow/pgpool.h"
#include "record.h"
#include "talk.h"

#define PROGRAM "standby-clone"

static int
answer(const struct opt_set *s, struct buf *out, struct err *e)
{
	if (opt_flag(s, "list-excludes"))
		exclude_list(out);
	else if (opt_get(s, "facts")->set && s->nargs > 0)
		return err_set(e, ERR_USAGE,
		    "--facts takes its version with \"=\": --facts=%s",
		    s->args[0]);
	else if (opt_get(s, "facts")->set)
		return facts_add(out, opt_text(s, "facts"), e) == -1 ? -1 : 1;
	else
		return 0;
	return 1;
}

static int
run_clone(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	struct clone_record rec = {0};
	struct clone_owned owned = {0};
	struct clone_opts o = {0};
	struct clone_ui ui;
	struct talk t = {.quiet = opt_flag(s, "quiet"),
	    .itemize = opt_flag(s, "itemize-changes"),
	    .out = opt_flag(s, "json") ? stderr : stdout,
	    .progress = talk_progress_of(
		opt_text(s, "progress"), opt_flag(s, "quiet"))};
	int rc = -1;

	talk_init(&t, &ui);
	if (clone_options_map(s, conf, &o, &owned, e) == 0)
		rc = clone_run(&o, &ui, &rec, e);
	talk_end(&t);
	if (rc == -1) {
		cli_print("error", e);
		talk_left(&rec);
	} else {
		talk_done(&t, &rec, &o);
	}
	if (opt_flag(s, "stats"))
		talk_stats(&rec, t.out);
	if (opt_flag(s, "json") &&
	    record_print(&rec, rc == -1 ? e->status : 0, e, stdout) == -1)
		log_line(LVL_ERROR, "error", "could not write to stdout: %s",
		    strerror(errno));
	clone_record_free(&rec);
	clone_options_free(&o, &owned);
	return rc;
}

static int
run_pgpool(const struct opt_set *s, struct err *e)
{
	struct pgpool_opts o = {.ssh_command = opt_text(s, "ssh-command"),
	    .user = opt_text(s, "ssh-user"),
	    .program = PROGRAM,
	    .timeout_ms = opt_number(s, "timeout"),
	    .sigfd = sig_fd()};
	struct buf said = BUF_INIT, text = BUF_INIT;
	int rc = pgpool_recover(s->args, s->nargs, &o, &said, e);

	text_add_tail(&text, said.data, said.len, 100, "");
	(void)fputs(buf_str(&text), stderr);
	if (rc == -1)
		cli_print("error", e);
	buf_free(&said);
	buf_free(&text);
	return rc;
}

static int
run(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	if (opt_flag(s, "pgpool-recovery"))
		return run_pgpool(s, e);
	return run_clone(s, conf, e);
}

int
main(int argc, char **argv)
{
	const struct cli_program program = {.name = PROGRAM,
	    .usage = CLONE_USAGE,
	    .options = clone_options,
	    .noptions = clone_noptions,
	    .answer = answer,
	    .run = run};

	return cli_main(&program, argc, argv);
}
