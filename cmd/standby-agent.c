/*
 * standby-agent: reads a data directory for standby-clone on another host, and
 * does a few things to its server for standby-promote where it may.
 * Started over SSH, talks frames on stdin and stdout (standby-wire(5)).
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/err.h"
#include "core/wire.h"
#include "flow/agent.h"
#include "io/chan.h"
#include "io/rsdelta.h"
#include "io/self.h"
#include "io/transport.h"

#include <signal.h>

static const char usage[] =
    "standby-agent reads a PostgreSQL data directory for standby-clone, and\n"
    "operates its server for standby-promote where standby.conf allows it.\n"
    "\n"
    "Usage:\n"
    "  standby-agent [OPTION]\n"
    "\n"
    "Options:\n"
    "  -V, --version  output version information, then exit\n"
    "  -?, --help     show this help, then exit\n"
    "\n"
    "It is started over SSH by these commands, as the user that runs the\n"
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

/* Where standby-follow and standby-clone are: beside us in a build tree, else
 * where they were installed. */
static const char *
program_dir(char *dir, size_t size)
{
	char name[PATH_MAX];

	if (self_beside("standby-clone", name, sizeof(name)) == 0 &&
	    self_dir(dir, size) == 0)
		return dir;
	return PROGRAM_DIR;
}

static int
serve(void)
{
	struct err e = ERR_INIT;
	struct chan c = {.t = NULL};
	struct transport *t;
	char dir[PATH_MAX];

	(void)signal(SIGPIPE, SIG_IGN);
	rsdelta_init();
	if ((t = transport_fds(STDIN_FILENO, STDOUT_FILENO, "client", &e)) !=
	    NULL) {
		chan_init(&c, t);
		(void)agent_serve(&c, program_dir(dir, sizeof(dir)), &e);
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
