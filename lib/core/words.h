/*
 * A command of standby.conf as the words of an argument vector, for the places
 * where no shell may be between (standby.conf(5), "Commands as words").
 *
 * As a shell has it, as far as it goes: blanks separate words, '...' holds
 * everything as it is, in "..." a backslash takes the next of " \ $ ` as it is,
 * elsewhere any.  Nothing is expanded: a character that would mean more than
 * itself to a shell is an error.
 */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include "base/std.h"
#include "base/err.h"

#define WORDS_MAX 64 /* of one command */

struct words {
	char *v[WORDS_MAX + 1]; /* owned; NULL behind the last */
	size_t n;
};

/* ERR_CONFIG: no word, too many, a quote without its end, or a character for a
 * shell; w is empty then. */
int words_split(const char *command, struct words *w, struct err *e);
void words_free(struct words *w);

#endif
