/* A command of a person for /bin/sh: is what it begins with there? */
#ifndef FLOW_COMMAND_H
#define FLOW_COMMAND_H

#include "base/std.h"
#include "base/err.h"

/*
 * Can the program that the command begins with be run by this user, here and
 * now: a path by its mode, another word by the shell that will run it.  Nothing
 * is run.  0 also where that cannot be told: the word needs the shell to be
 * read ("$HOME/x", "A=1 x") or is made by the command itself ("f() { ... }"),
 * or the command says itself what comes when it fails ("x || y").  -1 with e:
 * ERR_CONFIG, errno says why.
 */
int command_check(const char *command, struct err *e);

#endif
