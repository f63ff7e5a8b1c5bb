/* repl-status: argv -> options -> one look, or many -> exit status. */
#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "status-out.h"
#include "status-run.h"

#include <sys/resource.h>

/* Requests that need no server.  1: done, 0: none of them. */
static int
answer_only(const struct opt_set *s, const struct conf *conf)
{
	struct buf b = BUF_INIT;

	if (opt_flag(s, "help"))
		opt_help(status_options, status_noptions, STATUS_USAGE_TEXT,
		    CLI_TAIL, &b);
	else if (opt_flag(s, "version"))
		cli_version(STATUS_TOOL);
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

/* Every failure is UNKNOWN, but for being interrupted. */
static int
failed(const struct status_asked *a, const char *cluster, struct err *e)
{
	/* While a password was asked for, for one. */
	if (sig_caught() != 0) {
		err_clear(e);
		(void)sig_check(e);
	}
	cli_print("error", e);
	if (e->code == ERR_USAGE && e->hint[0] == '\0')
		log_line(LVL_ERROR, "hint", "Try \"%s --help\".", STATUS_TOOL);
	if (e->code == ERR_INTERRUPTED)
		return e->status;
	status_out_failed(a, cluster, e);
	return SEV_UNKNOWN;
}

static int
run(struct status_opts *o, bool primary, int *status, struct err *e)
{
	o->nodes.primary = primary && o->nodes.n == 1;
	return status_run(o, status, e);
}

int
main(int argc, char **argv)
{
	struct status_asked asked;
	struct rlimit none = {0, 0};
	struct status_opts o = {.format = NULL};
	struct err e = ERR_INIT;
	struct conf conf = {0};
	struct opt_set s;
	int status = 0;
	bool told = false; /* what failed; that may be the output */

	cli_std_fds();
	status_out_asked(argc, argv, &asked);
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	log_init(STATUS_TOOL, LVL_INFO);
	if (sig_init(&e) == -1 ||
	    opt_init(&s, status_options, status_noptions, &e) == -1)
		return failed(&asked, NULL, &e);
	told = cli_read(&s, &conf, argc, argv, &e) == -1 ||
	       (answer_only(&s, &conf) == 0 &&
		   (cli_log(&s, STATUS_TOOL, &e) == -1 ||
		       status_options_map(&s, &conf, &o, &e) == -1 ||
		       run(&o, asked.primary, &status, &e) == -1));
	if (told)
		status = failed(&asked, conf.cluster, &e);
	status_options_free(&o);
	opt_free(&s);
	conf_free(&conf);
	err_clear(&e);
	if (cli_end_stdout(&e) == -1 && !told) {
		cli_print("error", &e);
		status = SEV_UNKNOWN;
	}
	return status;
}
