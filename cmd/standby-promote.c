/* standby-promote: argv -> options -> one call -> what it says -> exit status.
 */
#include "base/std.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/text.h"
#include "promote-options.h"
#include "promote-talk.h"

/* What pgpool runs has no terminal: its talk is found again in the log of the
 * system, unless somebody chose another place. */
static void
choose_log(const struct opt_set *s)
{
	if (opt_flag(s, "pgpool") && !isatty(STDERR_FILENO) &&
	    opt_get(s, "log")->source <= OPT_FROM_BUILTIN)
		(void)log_to("syslog");
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

	choose_log(s);
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
		cli_error(PROMOTE_TOOL, e);
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
	const struct cli_program program = {.name = PROMOTE_TOOL,
	    .usage = PROMOTE_USAGE,
	    .options = promote_options,
	    .noptions = promote_noptions,
	    .run = run};

	return cli_main(&program, argc, argv);
}
