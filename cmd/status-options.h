/* The option table of repl-status, and what the values mean. */
#ifndef CMD_STATUS_OPTIONS_H
#define CMD_STATUS_OPTIONS_H

#include "cli.h"
#include "core/verdict.h"
#include "flow/survey.h"
#include "show/show.h"

extern const struct opt status_options[];
extern const size_t status_noptions;
#define STATUS_TOOL "repl-status"
#define STATUS_USAGE_TEXT                                                      \
	"repl-status shows how PostgreSQL replication is.\n\nUsage:\n"         \
	"  repl-status [-h HOST | -d CONNINFO]... [OPTION]...\n"               \
	"  repl-status [-f FILE] [NODE]... [OPTION]...\n\n"                    \
	"Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (also errors).\n"

/* Who is asked. */
struct status_nodes {
	struct survey_node *v; /* owned */
	size_t n;
	bool whole;    /* a cluster, not one server of it */
	bool part;     /* operands that leave nodes of the file out, or are not
			* in it */
	bool unnamed;  /* nobody named a server: the one that libpq finds */
	bool discover; /* look for standbys that nobody named */
	bool primary;  /* there is one, named as the primary */
};

struct status_opts {
	struct status_nodes nodes;
	struct verdict_limits limits;
	int64_t timeout_ms;
	const char *cluster; /* or NULL */
	show_fn *show;
	const char *format;
	const char *output, *state_file; /* or NULL */
	const char *color;
	bool quiet, ascii, watch;
	size_t named;     /* nodes, the first ones, by operands */
	const char *file; /* that was read, or NULL */
	bool file_given;  /* by -f */
	int64_t interval_ms;
	int verbose;
};

/* Fill o; texts are borrowed from s and conf. */
int status_options_map(const struct opt_set *s, const struct conf *conf,
    struct status_opts *o, struct err *e);
void status_options_free(struct status_opts *o);

/*
 * NODE operands (names of the file, or HOST:PORT) and what -h and -d name;
 * without operands also the nodes of the file, when -h and -d name none, when
 * the file was named too, or when one of them is a node of the file.  A node
 * that both name has the name of the file and the connection of both.  Nobody
 * named at all: where libpq connects by itself.
 */
int status_nodes_find(const struct opt_set *s, const struct conf *conf,
    struct status_nodes *out, struct err *e);
void status_nodes_free(struct status_nodes *n);

#endif
