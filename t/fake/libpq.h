/*
 * A scripted libpq: linked instead of the real one, it answers from a list of
 * expected calls and fails the test at the first call that is not the next one
 * of the list.
 */
#ifndef FAKE_LIBPQ_H
#define FAKE_LIBPQ_H

#include "base/std.h"

enum fake_call { FAKE_CONNECT, FAKE_QUERY, FAKE_CANCEL, FAKE_FINISH };

#define FAKE_CELLS 6

struct fake_step {
	enum fake_call call;
	/* FAKE_CONNECT */
	int version; /* of the server; 0: the connection is refused */
	/* FAKE_QUERY: the text begins with sql, parameters joined by | */
	const char *sql;
	const char *params;
	/* its answer: one row of cells, or */
	int ncells;
	const char *cells[FAKE_CELLS];
	const char *sqlstate; /* an error, with */
	const char *message;
	bool lost; /* the session ends instead */
	bool hang; /* no answer before a cancel request */
};

/* Start a script (borrowed). */
void fake_script(const struct fake_step *steps, size_t n);
/* Was all of it called?  Fails the test otherwise. */
void fake_done(void);

/* The steps of pg_open. */
#define FAKE_OPEN(v)                                                           \
	{.call = FAKE_CONNECT, .version = (v)},                                \
	    {.call = FAKE_QUERY, .sql = "SET search_path"},                    \
	{                                                                      \
		.call = FAKE_QUERY, .sql = "SELECT set_config(", .ncells = 1,  \
		.cells = {                                                     \
			"0"                                                    \
		}                                                              \
	}
#define FAKE_CLOSE                                                             \
	{                                                                      \
		.call = FAKE_FINISH                                            \
	}

#endif
