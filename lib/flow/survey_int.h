/*
 * What the files of flow/survey share: the statements of a batch, rows to
 * facts, and the nodes that are asked.
 */
#ifndef FLOW_SURVEY_INT_H
#define FLOW_SURVEY_INT_H

#include "base/std.h"
#include "base/err.h"
#include "core/status.h"
#include "flow/survey.h"
#include "io/pg_many.h"

/* Sender rows of all nodes that are worked with: matching takes its time. */
#define SURVEY_SENDERS_MAX 4000
/* How long an address that led to nothing is left alone. */
#define SURVEY_RETRY_MS 30000

enum survey_part {
	PART_NODE,
	PART_SENDERS,
	PART_RECEIVER,
	PART_SLOTS,
	PART_CONTROL,
	PART_N
};

/* One batch and its answers.  rows NULL: not asked (k -1), or failed. */
struct survey_batch {
	const char *sql[PART_N];
	size_t n;
	int k[PART_N]; /* place of a part in sql; -1: the version has it not */
};

/* The statements for a server of that version; n 0: it is too old. */
void survey_rows_batch(struct survey_batch *b, int version);
/*
 * Rows of part `part` into n; rows NULL: it failed with that error.  What is
 * odd in them is unknown.  0, -1: no memory.
 */
int survey_rows_take(struct status_node *n, enum survey_part part,
    const struct pg_rows *rows, const char *error);
/* A copy of all but the name, what is derived, and the trend.  to is new (of
 * status_add).  0, -1: no memory. */
int survey_rows_copy(struct status_node *to, const struct status_node *from);
/* Leaves at most *left sender rows, and takes them off; more are told as
 * partial.  0, -1: no memory. */
int survey_rows_cut(struct status_node *n, size_t *left);
/* Keep the first reason why something could not be read. */
int survey_rows_partial(struct status_node *n, const char *fmt, ...)
    PRINTFLIKE(2, 3);

enum survey_step {
	STEP_OFF,     /* not asked in this look */
	STEP_CONNECT, /* on its way */
	STEP_READ,
	STEP_AGAIN, /* the second read of a primary */
	STEP_DONE   /* read, failed or given up */
};

struct survey_asked {
	char *name;
	const struct survey_node *conf; /* NULL: discovered */
	struct conninfo conninfo;       /* own copy */
	char *host, *port;              /* as given, before it is connected */
	int session;                    /* -1 none */
	enum survey_step step;
	bool kept;       /* the session is of an earlier look */
	bool read;       /* it answered */
	int64_t read_at; /* clock_ms of that */
	bool again;      /* the last read came after those of the others */
	struct survey_batch batch;
	struct status facts; /* one node */
	/* of discovered ones */
	int upstream;            /* who has the row */
	bool open_name;          /* several rows have that address */
	bool counted;            /* as a standby, in an earlier look */
	uint64_t counted_system; /* then, 0 unknown */
	int64_t give_up;         /* in this look */
	int64_t retry_at;        /* it did not answer, or was another server */
};

struct survey {
	struct survey_opts o;
	struct pg_many *m;
	struct survey_asked *asked; /* named ones first */
	size_t n;
	int64_t started; /* of this look */
	struct err err;  /* of the callback */
};

/* Does a server say that, which is there and refuses the login? */
bool survey_says_no(const char *text);
bool survey_says_starts(const char *text);
bool survey_says_stops(const char *text);

/* Begin with asked[i] in this look. */
int survey_start(struct survey *v, size_t i, struct err *e);
/* A new one at the end; NULL: no memory. */
struct survey_asked *survey_add(struct survey *v);
/* That name, or with a number when somebody has it; NULL: no memory. */
char *survey_name(const struct survey *v, const char *name);
/* All nodes that count, linked.  map[k], when not NULL, is which of the asked
 * node k is (room for v->n).  0, -1 with e. */
int survey_build(
    struct survey *v, struct status *s, size_t *map, struct err *e);

/* asked[i] was read: ask the standbys that its rows show and nobody knows. */
int survey_find_more(struct survey *v, size_t i, struct err *e);
/* asked[i] was read: what it calls itself, when its row left that open.  0, -1:
 * no memory. */
int survey_find_name(struct survey *v, size_t i);
/* The nodes of a new status get their other names; what is left of two names
 * may be one server only, and no cluster.  0, -1: no memory. */
int survey_tell_aliases(const struct survey *v, struct status *s);
/* Is asked[i] a node of the status? */
bool survey_counts(const struct survey *v, size_t i);
/* Is this discovered one a server of the same system that is not asked under
 * another name: a standby, or one that was promoted? */
bool survey_find_counts(const struct survey *v, size_t i);

#endif
