/* repl-status: argv -> options -> one look, or many -> exit status. */
#include "base/std.h"
#include "base/sig.h"
#include "status-out.h"
#include "status-run.h"

/* Every failure is UNKNOWN, but for being interrupted. */
static int
failed(const struct status_asked *a, const char *cluster, struct err *e)
{
	/* While a password was asked for, for one. */
	if (sig_caught() != 0) {
		err_clear(e);
		(void)sig_check(e);
	}
	cli_error(STATUS_TOOL, e);
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
	const struct cli_program program = {.name = STATUS_TOOL,
	    .usage = STATUS_USAGE_TEXT,
	    .options = status_options,
	    .noptions = status_noptions};
	struct status_opts o = {.format = NULL};
	struct err e = ERR_INIT;
	struct conf conf = {0};
	struct opt_set s;
	int status = 0;
	bool told = false; /* what failed; that may be the output */

	cli_begin(STATUS_TOOL);
	status_out_asked(argc, argv, &asked);
	if (sig_init(&e) == -1 ||
	    opt_init(&s, status_options, status_noptions, &e) == -1)
		return failed(&asked, NULL, &e);
	told = cli_read(&s, &conf, argc, argv, &e) == -1 ||
	       (cli_answer(&program, &s, &conf, &e) == 0 &&
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
