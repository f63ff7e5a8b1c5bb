/* standby-promote: argv -> options -> one call -> what it says -> exit status.
 */
#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/text.h"
#include "promote-options.h"
#include "promote-talk.h"

#include <sys/resource.h>

/* Requests that need no server.  1: done, 0: none of them. */
static int
answer_only(const struct opt_set *s, const struct conf *conf)
{
	struct buf b = BUF_INIT;

	if (opt_flag(s, "help"))
		opt_help(promote_options, promote_noptions, PROMOTE_USAGE,
		    CLI_TAIL, &b);
	else if (opt_flag(s, "version"))
		cli_version(PROMOTE_TOOL);
	else if (opt_flag(s, "show-config"))
		opt_show(s, &b);
	else if (opt_flag(s, "list-nodes"))
		for (size_t i = 0; i < conf->nnodes; i++)
			buf_addf(&b, "%s\n", conf->nodes[i].name);
	else
		return 0;
	(void)fputs(buf_str(&b), stdout);
	buf_free(&b);
	return 1;
}

static void
print_error(const struct err *e)
{
	cli_print("error", e);
	if (e->code == ERR_USAGE && e->hint[0] == '\0')
		log_line(LVL_ERROR, "hint", "Try \"%s --help\".", PROMOTE_TOOL);
}

/* What pgpool runs has no terminal: its talk is found again in the log of the
 * system, unless somebody chose another place. */
static int
open_log(const struct opt_set *s, struct err *e)
{
	if (cli_log(s, PROMOTE_TOOL, e) == -1)
		return -1;
	if (opt_flag(s, "pgpool") && !isatty(STDERR_FILENO) &&
	    opt_get(s, "log")->source <= OPT_FROM_BUILTIN)
		(void)log_to("syslog");
	return 0;
}

/* What pgpool said, in the one line that there is when nothing is to be done.
 */
static void
log_words(struct promote_talk *t, const struct opt_set *s, const char *nothing)
{
	struct buf b = BUF_INIT;

	if (!opt_flag(s, "pgpool"))
		return;
	for (size_t i = 0; i < s->nargs; i++) {
		buf_adds(&b, i > 0 ? " \"" : "\"");
		text_add_escaped(&b, s->args[i], strlen(s->args[i]));
		buf_addc(&b, '"');
	}
	if (nothing != NULL)
		log_line(LVL_INFO, NULL, "nothing to do: %s (called with %s)",
		    nothing, buf_str(&b));
	else
		promote_talk_call(t, buf_str(&b));
	buf_free(&b);
}

static int
run(const struct opt_set *s, const struct conf *conf, struct err *e)
{
	struct promote_talk t = {.quiet = opt_flag(s, "quiet"),
	    .json = opt_flag(s, "json"),
	    .pgpool = opt_flag(s, "pgpool"),
	    .verbose = (int)opt_get(s, "verbose")->count,
	    .color = opt_text(s, "color")};
	struct failover_record rec = {.status = "failed", .lost = -1};
	struct promote_owned owned = {.nothing = NULL};
	struct failover_opts o;
	struct failover_ui ui;
	int rc;

	promote_talk_init(&t, &ui);
	rc = promote_options_map(s, conf, &o, &owned, e);
	log_words(&t, s, owned.nothing);
	if (rc == 0 && owned.nothing != NULL) {
		rec.status = "nothing";
	} else if (rc == 0) {
		rc = failover_run(&o, &ui, &rec, e);
		promote_talk_done(&t, &rec, o.switchover);
	}
	if (rc == -1) {
		promote_talk_flush(&t);
		print_error(e);
	}
	if (t.json &&
	    promote_talk_json(&rec, rc == -1 ? e->status : 0, e, stdout) == -1)
		log_line(LVL_ERROR, "error", "could not write to stdout: %s",
		    strerror(errno));
	promote_talk_end(&t);
	failover_record_free(&rec);
	promote_options_free(&owned);
	return rc;
}

int
main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	struct err e = ERR_INIT;
	struct conf conf = {0};
	struct opt_set s;
	char **copy = NULL;
	char *const *words = promote_options_argv(&argc, argv, &copy);
	int status = 0;

	cli_std_fds();
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	log_init(PROMOTE_TOOL, LVL_INFO);
	if (words == NULL ||
	    opt_init(&s, promote_options, promote_noptions, &e) == -1) {
		free(copy);
		return STATUS_FAILED;
	}
	if (cli_read(&s, &conf, argc, words, &e) == -1)
		print_error(&e);
	else if (answer_only(&s, &conf) == 0) {
		if (open_log(&s, &e) == -1 || sig_init(&e) == -1)
			print_error(&e);
		else
			(void)run(&s, &conf, &e);
	}
	status = e.status;
	opt_free(&s);
	conf_free(&conf);
	free(copy);
	err_clear(&e);
	if (cli_end_stdout(&e) == -1) {
		print_error(&e);
		status = status == 0 ? e.status : status;
	}
	return status;
}
