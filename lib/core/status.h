/*
 * Replication as the nodes of one cluster tell it: facts, and what follows from
 * them.  flow/survey.h fills the facts, status_link() derives how the nodes
 * hang together, core/verdict.h judges, lib/show prints.  Facts and verdicts
 * are data: text, JSON and exit status come from one and the same struct.
 *
 * Unknown is unknown: texts are NULL, LSNs LSN_INVALID (0), numbers negative.
 */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include "base/std.h"
#include "core/lsn.h"

enum status_severity { /* exit statuses of repl-status */
	SEV_OK,
	SEV_WARNING,
	SEV_CRITICAL,
	SEV_UNKNOWN
};

enum status_reach {
	REACH_YES,
	REACH_NOT_ASKED, /* known from another node's rows only */
	REACH_FAILED,    /* refused, no route, authentication, starting up */
	REACH_HUNG       /* no answer within the time */
};

enum status_role {
	ROLE_UNKNOWN,
	ROLE_PRIMARY,
	ROLE_STANDBY,
	ROLE_RECEIVEWAL /* pg_receivewal and the like: receives, never replays
			 */
};

/* May the login role see it, does the version have it? */
enum status_sight { SIGHT_NONE, SIGHT_HIDDEN, SIGHT_SEEN };

/* A row of pg_stat_replication. */
struct status_sender {
	int pid;
	char *application_name;
	char *client_addr; /* NULL: a socket of the same host */
	char *state;       /* startup catchup streaming backup stopping */
	char *sync_state;
	uint64_t sent, write, flush, replay;
	double replay_lag; /* s, as the server measured it; < 0: NULL */
	double reply_age;  /* s since the last reply (12); < 0 unknown */
	bool hidden;       /* the role may not see the columns */
	/* derived */
	bool logical; /* of a logical slot, or backup: no standby */
	int slot;     /* index in the node's slots, by pid; -1 */
	int node;     /* the node that it feeds; -1: none, not certain, or an
		       * old connection of a node that has a newer row */
};

struct status_receiver {         /* pg_stat_wal_receiver */
	enum status_sight sight; /* NONE: before 9.6 */
	bool present;            /* there is a row */
	char *status;            /* streaming, waiting, starting ... */
	uint32_t timeline;
	uint64_t written, flushed; /* written: 13 */
	uint64_t latest_end;       /* the upstream's end, as last heard */
	double heard;              /* s since the last message; < 0 unknown */
	double sent_ago; /* s, standby's now - when that message was sent */
	char *slot, *application_name; /* of its connection */
	char *host, *port; /* of its upstream (11; else of the conninfo) */
};

struct status_slot {
	char *name;
	bool logical, active, temporary, synced;
	int pid; /* who uses it; -1 */
	uint64_t restart_lsn;
	char *wal_status;     /* reserved extended unreserved lost (13) */
	int64_t safe_bytes;   /* safe_wal_size; < 0 unknown */
	char *invalid_reason; /* invalidation_reason (17) */
	/* derived */
	int64_t retained; /* bytes of WAL kept for it; < 0 unknown */
};

struct status_node {
	/* who it is */
	char *name;        /* unique: of the file, else HOST:PORT or the
			    * application name */
	char *aliases;     /* other names that lead to the same server, ", "
			    * between them; NULL: none */
	char *host, *port; /* of the connection; of a node not asked: its
			    * address, port NULL */
	char *addr;        /* numeric, of the session; NULL unknown, a socket */
	bool expected;     /* named by the user or the file */
	bool found;        /* status_link added it, for a sender row */
	bool named_primary; /* the user said that it is the primary */
	char *conf_upstream, *conf_slot; /* of the file */
	/* The file has it by that name; and its directory, so that commands
	 * need no more than the name. */
	bool conf_named, conf_pgdata;
	double weight;
	/* was it asked */
	enum status_reach reach;
	bool alive; /* REACH_FAILED: a server is there, but refuses the login */
	/* REACH_FAILED: its postmaster runs and says that it starts, recovers
	 * or does not take connections yet; that it stops, or ends sessions. */
	bool starting, stopping;
	char *reach_text, *reach_hint; /* why not, what to do */
	char *partial; /* what could not be read, and why (first one) */
	char *user;    /* login role, for GRANT hints */
	/* facts */
	bool read_last; /* its last read came after those of all others */
	int version;    /* server_version_num; 0 unknown */
	char *version_text;
	enum status_role says; /* PRIMARY, STANDBY by pg_is_in_recovery() */
	uint64_t system_identifier; /* 0 unknown, always before 9.6 */
	uint32_t timeline;          /* 0 unknown; receiver.timeline is newer */
	uint64_t written;           /* primary: WAL written */
	uint64_t received; /* standby: greatest of receive and replay */
	uint64_t replayed;
	/* derived: what of these two the upstream's row had to supply; 0 */
	uint64_t lent_received, lent_replayed;
	double clock;        /* epoch s when the LSNs were read; < 0 */
	double replayed_at;  /* epoch s of the last replayed commit; < 0 */
	double started_at;   /* epoch s of the postmaster's start; < 0 */
	int listen_port;     /* its setting; 0 unknown */
	int paused;          /* 1, 0, -1 unknown */
	int64_t apply_delay; /* recovery_min_apply_delay, ms; -1 unknown */
	char *cluster_name, *synchronous_names;
	enum status_sight senders_sight; /* NONE: 9.0 */
	struct status_sender *senders;
	size_t nsenders;
	struct status_receiver receiver;
	enum status_sight slots_sight; /* NONE: before 9.4 */
	struct status_slot *slots;
	size_t nslots;

	/* derived by status_link */
	enum status_role role;
	int upstream;      /* index; -1 none or unknown */
	int sender;        /* row of the upstream that feeds it; -1 */
	const char *state; /* borrowed: "hung"; "running" (primary); "no
			    * receiver" (says the standby itself); the
			    * sender's state; "down", "no login" (alive),
			    * "starting", "stopping"; the receiver's status;
			    * "unknown" */
	const char *sync;  /* borrowed; NULL */
	uint64_t sent;     /* by its upstream */
	uint64_t end;      /* what the lags are measured against: the primary's
			    * written, else the receiver's latest_end, when
			    * all above it stream */
	int end_of;        /* the node that told `end`; -1 */
	bool forked;       /* on another timeline than that node: positions do
			    * not compare, lags and delay are unknown */
	int64_t receive_lag, replay_lag; /* bytes behind `end` */
	int64_t upstream_lag; /* bytes received behind what its upstream has */
	double delay;         /* s */
	bool clamped;         /* it had more than `end` */
	bool ahead;    /* ... and that was read later: lags, delay unknown */
	bool outdated; /* its timeline is that of its last restartpoint, and
			* older than one that the cluster has: unknown */
	bool strayed;  /* streams from none of the nodes, and a primary is seen
			*/
	bool silent;   /* its receiver has heard nothing for too long */

	/* from the state file or the last round (core/trend.h); < 0 unknown */
	double rate, eta; /* bytes/s replayed (primary: written); s to end */
	bool stuck; /* connected, behind, and nothing came since last time */
	double stuck_for; /* s */

	enum status_severity severity; /* by the problems of this node */
};

struct status_problem {
	const char *id; /* static: the contract */
	enum status_severity severity;
	int node;      /* index, -1: the cluster */
	char *message; /* without the node's name; no full stop */
	char *hint;    /* NULL: none */
};

struct status {
	char *cluster;    /* name: of the file, else cluster_name, else NULL */
	bool whole;       /* a cluster is looked at: judge "no primary" */
	bool named_part;  /* the user picked some nodes out of the file's */
	double time;      /* epoch s of the survey */
	const char *file; /* borrowed: -f of this run, for hints; NULL */
	const char *last_primary;  /* borrowed: name of the node that was the
				    * primary when the state file was written;
				    * NULL unknown */
	struct status_node *nodes; /* in the order of file and options, then as
				    * they were found */
	size_t n;
	/* derived by status_link */
	int primary;                /* index; the best of several; -1 */
	uint64_t system_identifier; /* of the cluster: the primary's, else the
				     * first known */
	size_t streaming; /* standbys that stream, as all above them do */
	size_t unseen;    /* more that may stream: they or their rows are hidden
			   */
	bool streaming_known; /* nothing is unseen */
	size_t standbys;      /* with the expected ones that do not answer, when
			       * there is a primary */
	/* by core/verdict.h */
	struct status_problem *problems; /* worst first */
	size_t nproblems;
	enum status_severity severity;
};

/* A new node, all unknown, REACH_NOT_ASKED; NULL: no memory.  The pointer is
 * valid until the next one is added.  name is copied. */
struct status_node *status_add(struct status *s, const char *name);
void status_free(struct status *s); /* all of it; s can be used again */

/*
 * Derive.  Nodes are found for sender rows that belong to nobody asked
 * (REACH_NOT_ASKED: their facts are the row's).  A row is matched to a node by
 * (1) the slot that the receiver says it uses, (2) the application name of the
 * receiver's connection, (3) node name or conf_slot, (4) the address when only
 * one row and one node are left for it.  What is not certain stays unmatched
 * (node -1) and is never called missing.  Idempotent; a node found by an
 * earlier call that nobody asked meanwhile is removed when its row is another
 * node's. 0, -1: no memory.
 */
int status_link(struct status *s);

/*
 * Addresses worth asking: rows of senders that status_link gave a node
 * REACH_NOT_ASKED with an address.  Fills idx with node indexes, at most max;
 * returns how many.  Rows of sockets, of pg_receivewal and of logical slots are
 * not among them.
 */
size_t status_unasked(const struct status *s, int *idx, size_t max);

/*
 * A problem of the cluster that verdict_judge, which comes first, cannot know
 * (overlap, state-file): keeps the order, raises the severity.  id is static,
 * the texts are copied; hint NULL: none.  0, -1: no memory.
 */
int status_add_problem(struct status *s, const char *id,
    enum status_severity sev, const char *message, const char *hint);

/* "OK" "WARNING" "CRITICAL" "UNKNOWN"; "primary" "standby" ... */
const char *status_severity_name(enum status_severity sev);
const char *status_role_name(enum status_role role);
/* The worse of two: CRITICAL > WARNING > UNKNOWN > OK, as the monitoring
 * plugins have it. */
enum status_severity status_worse(
    enum status_severity a, enum status_severity b);
/* Timeline that counts: the receiver's when it streams, else the node's; 0. */
uint32_t status_timeline(const struct status_node *n);
/* The timeline that a node of a linked status is on for certain; 0. */
uint32_t status_sure_timeline(const struct status_node *n);
/* The same, to be shown: 0 also where it is only known to be no older. */
uint32_t status_shown_timeline(const struct status_node *n);
/* Is node i certainly fed by none of the walsenders of node up? */
bool status_feeds_not(const struct status *s, int up, int i);
/* Does node i certainly stream from a server that is none of the nodes? */
bool status_streams_elsewhere(const struct status *s, int i);
/* The nearest standby above node i that does not stream, or from elsewhere;
 * -1: none. */
int status_broken_above(const struct status *s, int i);

#endif
