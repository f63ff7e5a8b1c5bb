/*
 * Words of commands that people type, or that a shell is given: a path with a
 * blank, an apostrophe or a $ is one word, and nothing in it is expanded.
 * Control characters stay what they are: the log makes them visible.
 */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

#include "base/std.h"
#include "base/buf.h"

/* In single quotes, always: paths. */
void shell_add_quoted(struct buf *b, const char *word);
/* Quoted only where it must be: host and node names, values of options. */
void shell_add_word(struct buf *b, const char *word);

/* Enough for a path of which every byte is an apostrophe. */
#define SHELL_WORD (4 * PATH_MAX + 3)
/* The same into `to`, which has that size, for a format string; returns it.  A
 * word that is longer than a path can be is left out, not cut. */
const char *shell_quoted(const char *word, char *to);
const char *shell_word(const char *word, char *to);

#endif
