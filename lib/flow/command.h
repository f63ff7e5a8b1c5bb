/* A command of a person for /bin/sh: is what it begins with there?  Run it. */
#ifndef FLOW_COMMAND_H
#define FLOW_COMMAND_H

#include "base/std.h"
#include "base/err.h"
#include "base/log.h"

/*
 * Can the program that the command begins with be run by this user, here and
 * now: a path by its mode, another word by the shell that will run it.  Nothing
 * is run.  0 also where that cannot be told: the word needs the shell to be
 * read ("$HOME/x", "A=1 x") or is made by the command itself ("f() { ... }"),
 * or the command says itself what comes when it fails ("x || y").  -1 with e:
 * ERR_CONFIG, errno says why.
 */
int command_check(const char *command, struct err *e);

struct command {
	const char *text;
	struct {
		const char *name, *value; /* value NULL: empty */
	} env[4];                         /* added; name NULL: none */
	int64_t deadline;
	int sigfd;            /* -1: none */
	enum log_level level; /* of the last lines that it prints ... */
	const char *who;      /* ... and what stands before them */
};

/*
 * Run it by /bin/sh -c; late or unwanted, its whole process group is ended: its
 * shell would end, and what it started go on.  0 with its exit status as
 * proc_run has it, or -1.
 */
int command_run(const struct command *c, int *status, struct err *e);

#endif
