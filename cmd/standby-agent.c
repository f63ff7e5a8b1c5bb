/*
 * standby-agent: reads a data directory for standby-clone on another host.
 * Started over SSH, talks frames on stdin and stdout (standby-wire(5)).
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/err.h"
#include "core/wire.h"
#include "flow/agent.h"
#include "io/chan.h"
#include "io/rsdelta.h"
#include "io/transport.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* linux/ioprio.h is not part of the C library. */
#define IOPRIO_OF_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

#define MEMORY_MAX (1024L * 1024 * 1024)

static const char usage[] =
    "standby-agent reads a PostgreSQL data directory for standby-clone.\n"
    "\n"
    "Usage:\n"
    "  standby-agent [OPTION]\n"
    "\n"
    "Options:\n"
    "  -V, --version  output version information, then exit\n"
    "  -?, --help     show this help, then exit\n"
    "\n"
    "It is started over SSH by standby-clone, as the user that runs the\n"
    "server, and talks a binary protocol (man 5 standby-wire) on its standard\n"
    "input and output.  There is nothing to do with it by hand.\n"
    "\n"
    "Report bugs to <" PACKAGE_BUGREPORT ">.\n"
    "standby-tools home page: <" PACKAGE_URL ">\n";

static int
say(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF)
		return STATUS_FAILED;
	return STATUS_OK;
}

static int
wrong_use(const char *what)
{
	(void)fprintf(stderr, "standby-agent: error: %s\n", what);
	(void)fprintf(stderr,
	    "standby-agent: hint: standby-clone starts it over SSH; see "
	    "standby-agent --help\n");
	return STATUS_USAGE;
}

/* Be a guest on the primary: last in the queue for its disk and processor,
 * no core files with table data in them, bounded memory. */
static void
be_polite(void)
{
	static const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef SANITIZED
	static const struct rlimit memory = {
	    .rlim_cur = MEMORY_MAX, .rlim_max = MEMORY_MAX};

	(void)setrlimit(RLIMIT_AS, &memory);
#endif
	(void)syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, 0, IOPRIO_IDLE);
	(void)!nice(10);
}

static int
serve(void)
{
	struct err e = ERR_INIT;
	struct chan c = {.t = NULL};
	struct transport *t;

	be_polite();
	rsdelta_init();
	if ((t = transport_fds(STDIN_FILENO, STDOUT_FILENO, "client", &e)) !=
	    NULL) {
		chan_init(&c, t);
		(void)agent_serve(&c, &e);
		chan_close(&c, deadline_in(1000), NULL);
	} else {
		(void)fprintf(stderr, "standby-agent: error: %s\n", e.text);
	}
	return err_is_set(&e) ? e.status : STATUS_OK;
}

int
main(int argc, char **argv)
{
	const char *arg = argc > 1 ? argv[1] : NULL;

	if (argc > 2)
		return wrong_use("too many arguments");
	if (arg == NULL) {
		if (isatty(STDIN_FILENO))
			return wrong_use("standard input is a terminal");
		return serve();
	}
	if (strcmp(arg, "--version") == 0 || strcmp(arg, "-V") == 0)
		return say(
		    "standby-agent (standby-tools) " PACKAGE_VERSION "\n");
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-?") == 0)
		return say(usage);
	return wrong_use("unknown argument");
}
