#include "base/std.h"
#include "base/clock.h"
#include "core/pgpool.h"
#include "flow/pgpool.h"
#include "io/proc.h"

#define DEFAULT_MS INT64_C(3600000)
#define SSH_FAILED 255

static int
judge_status(int status, const char *host, struct err *e)
{
	if (status == 0)
		return 0;
	if (status == SSH_FAILED) {
		(void)err_set(e, ERR_SSH, "ssh to %s failed", host);
		return err_hint(e,
		    "As the user that runs the primary, try: "
		    "ssh -o BatchMode=yes %s true",
		    host);
	}
	(void)err_set(
	    e, ERR_PROC, "standby-clone on %s ended with %d", host, status);
	err_raise(e, status);
	return -1;
}

int
pgpool_recover(const char *const *words, size_t n, const struct pgpool_opts *o,
    struct buf *said, struct err *e)
{
	struct pgpool_recovery r;
	struct buf command = BUF_INIT;
	char host[256] = "";
	const char *argv[12];
	size_t k = 0;
	int status, rc = -1;

	if (pgpool_recovery_words(words, n, &r, e) == -1)
		return -1;
	(void)gethostname(host, sizeof(host) - 1);
	pgpool_recovery_command(&r, host, o->program, &command);
	argv[k++] = o->ssh_command != NULL ? o->ssh_command : "ssh";
	argv[k++] = "-T";
	argv[k++] = "-o";
	argv[k++] = "BatchMode=yes";
	argv[k++] = "-o";
	argv[k++] = "ConnectTimeout=10";
	if (o->user != NULL) {
		argv[k++] = "-l";
		argv[k++] = o->user;
	}
	argv[k++] = "--";
	argv[k++] = r.target_host;
	argv[k++] = buf_str(&command);
	argv[k] = NULL;
	if (!buf_ok(&command))
		(void)err_set_nomem(e);
	else if (proc_run(
		     &(struct proc_opts){.argv = argv,
			 .out = said,
			 .err = said,
			 .deadline = deadline_in(
			     o->timeout_ms > 0 ? o->timeout_ms : DEFAULT_MS),
			 .sigfd = o->sigfd},
		     &status, e) == 0)
		rc = judge_status(status, r.target_host, e);
	buf_free(&command);
	return rc;
}
