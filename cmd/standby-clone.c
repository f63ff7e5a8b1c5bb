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

#include <sys/resource.h>

#define PROGRAM "standby-clone"

static void
print_buf(struct buf *b)
{
	(void)fputs(buf_str(b), stdout);
	buf_free(b);
}

/* Requests that need no server.  1: done, 0: none of them, -1. */
static int
answer_only(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	struct buf b = BUF_INIT;

	if (opt_flag(s, "help"))
		opt_help(
		    clone_options, clone_noptions, CLONE_USAGE, CLI_TAIL, &b);
	else if (opt_flag(s, "version"))
		cli_version(PROGRAM);
	else if (opt_flag(s, "show-config"))
		opt_show(s, &b);
	else if (opt_flag(s, "list-excludes"))
		exclude_list(&b);
	else if (opt_get(s, "facts")->set) {
		if (facts_add(&b, opt_text(s, "facts"), e) == -1)
			return -1;
	} else if (opt_flag(s, "list-nodes"))
		for (size_t i = 0; i < conf->nnodes; i++)
			buf_addf(&b, "%s\n", conf->nodes[i].name);
	else
		return 0;
	print_buf(&b);
	return 1;
}

static int
run(const struct opt_set *s, const struct conf *conf, struct err *e)
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
usage(const struct err *e)
{
	cli_print("error", e);
	if (e->hint[0] == '\0')
		log_line(LVL_ERROR, "hint", "Try \"%s --help\".", PROGRAM);
	return e->status;
}

int
main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	struct err e = ERR_INIT;
	struct conf conf = {0};
	struct opt_set s;
	int status = 0, rc;

	cli_std_fds();
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	log_init(PROGRAM, LVL_INFO);
	if (opt_init(&s, clone_options, clone_noptions, &e) == -1 ||
	    cli_read(&s, &conf, argc, argv, &e) == -1) {
		status = usage(&e);
		goto out;
	}
	if ((rc = answer_only(&s, &conf, &e)) != 0) {
		if (rc == -1)
			status = usage(&e);
		goto out;
	}
	if (cli_log(&s, PROGRAM, &e) == -1 || sig_init(&e) == -1)
		status = usage(&e);
	else if (opt_flag(&s, "pgpool-recovery") ? run_pgpool(&s, &e) == -1
						 : run(&s, &conf, &e) == -1)
		status = e.status;
out:
	opt_free(&s);
	conf_free(&conf);
	err_clear(&e);
	if (cli_end_stdout(&e) == -1) {
		cli_print("error", &e);
		status = status == 0 ? e.status : status;
	}
	return status;
}
