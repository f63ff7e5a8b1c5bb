/* Inside of flow/follow.c: one run; what is known, what will be written. */
#ifndef FLOW_FOLLOW_INT_H
#define FLOW_FOLLOW_INT_H

#include "base/std.h"
#include "base/buf.h"
#include "core/pgcontrol.h"
#include "core/pgver.h"
#include "flow/distro.h"
#include "flow/follow.h"
#include "flow/pidfile.h"
#include "flow/server.h"
#include "io/pg.h"
#include "io/tree.h"

#define FOLLOW_PROGRAM "standby-follow"
#define FOLLOW_ASK_MS 10000 /* one question to a server */

struct follow {
	const struct follow_opts *o;
	const struct follow_ui *ui;
	struct follow_record *rec;
	int64_t began, deadline;

	/* follow_facts.c: this node */
	struct tree *tree;
	int version;
	struct pgcontrol control;
	const char *wal_dir;
	bool running, was_primary; /* the directory is no standby's */
	long pid;
	struct pidfile pidfile;
	struct conninfo own_conninfo;
	struct pg *own; /* session with its server, while it runs */
	uint32_t own_timeline;
	uint64_t own_end;
	bool end_unknown;     /* a crashed primary */
	struct distro distro; /* that knows the directory as its own */
	const char *start_command, *stop_command; /* or NULL: pg_ctl */
	struct buf own_history;                   /* of own_timeline, "" none */

	/* follow_conf.c: what its configuration says */
	struct buf present; /* primary_conninfo, "" none */
	struct conninfo present_conninfo;
	struct buf present_slot, cluster_name, trigger, restore, delay;
	struct buf recovery_conf; /* below 12: the file */
	bool have_recovery_conf;
	bool keeps_timeline; /* recovery_target_timeline is not latest: the
			      * server must be started again */

	/* the new primary */
	struct conninfo effective;
	struct pg_opts pg_opts;
	struct pg *pg;
	uint64_t system_identifier, end;
	uint32_t timeline;
	bool upstream_in_recovery;
	struct buf history;
	bool two_branches; /* forked, as only bytes or the roles tell */

	/* follow_conf.c: what will be written */
	struct conninfo to;
	const char *password;   /* for the password file, borrowed; NULL */
	struct buf text;        /* primary_conninfo */
	struct buf sender_name; /* application_name that it will have */

	/* follow_do.c */
	char name[64]; /* of the node, as a slot's */
	char slot_name[64];
	enum slot_want want_slot;
	bool own_slot; /* the slot is that which the node streams from now */
	struct slot slot;
	bool use_slot;
	bool written; /* the configuration: no way back */
	char *bindir;
	char *log;
};

void follow_step(struct follow *f, const char *what, const char *fmt, ...)
    PRINTFLIKE(3, 4);
void follow_note(struct follow *f, const char *fmt, ...) PRINTFLIKE(2, 3);
void follow_plan(struct follow *f, const char *fmt, ...) PRINTFLIKE(2, 3);
int64_t follow_deadline(const struct follow *f, int64_t ms);
/* OPTION and a word for a shell that people type it into; nothing when value is
 * NULL or empty. */
void follow_add_option(struct buf *b, const char *option, const char *value);
/* The command that makes a copy of the new primary out of this directory. */
void follow_add_delta(const struct follow *f, struct buf *b);

/* follow_facts.c.  Reads only. */
int follow_look_here(struct follow *f, struct err *e);
int follow_look_there(struct follow *f, struct err *e);
/* Did the node leave the new primary's history on one of its own ancestors?
 * Timelines of one number are made by every promotion.  1, and *fork; 0. */
int follow_other_branch(const struct follow *f, uint64_t *fork);
/* The login that the standby will use; the connection is f->pg_opts'. */
int follow_login(struct follow *f, struct conninfo *as, struct err *e);
uint64_t follow_ask_lsn(struct follow *f, struct pg *pg, enum pgfact fact);

/* follow_wal.c: the end of the node's WAL beside that of the same place there,
 * over a replication session with these options; what cannot be had is
 * UNKNOWN.  *differs: as in core/follow.h. */
enum follow_wal follow_compare_wal(
    struct follow *f, const struct pg_opts *o, uint64_t *differs);

/* Is what the node, a standby that runs, has behind that point no whole record?
 * Nobody will ever replay it there: the primary crashed while it wrote it, and
 * a fork is where the whole ones end. */
bool follow_is_half_record(struct follow *f, uint64_t point);

/* follow_conf.c */
int follow_read_conf(struct follow *f, struct err *e);
/* Refuses a running standby that is asked to promote itself: what we write
 * would take that back.  After follow_read_conf. */
int follow_check_triggers(struct follow *f, struct err *e);
/* Needs the new primary's effective connection; fills to, text. */
int follow_make_conninfo(struct follow *f, struct err *e);
/* Do these lead to the same server, as far as their texts tell? */
bool follow_same_address(const struct conninfo *a, const struct conninfo *b);
int follow_write_conf(struct follow *f, struct err *e);

/* follow_left.c */
/* A sentence on the slot of the former upstream that this node will not use any
 * more, with the command to drop it; false: there is none. */
bool follow_add_left(const struct follow *f, struct buf *b);
/* Asks there whether it still stands, bound to a few seconds; a note, and the
 * record. */
void follow_tell_left(struct follow *f);

/* follow_do.c */
int follow_prepare(struct follow *f, struct err *e);
void follow_tell_plan(struct follow *f);
/* 1: it streams from there already; 0; -1 */
int follow_already(struct follow *f, struct err *e);
int follow_do(struct follow *f, struct err *e);

#endif
