/*
 * Everything that can be known before anything is changed, all problems at
 * once, each with the command that fixes it (cli.md, A5-A11).  The judgements
 * are pure functions from facts; nothing here does I/O.
 */
#ifndef FLOW_PREFLIGHT_H
#define FLOW_PREFLIGHT_H

#include "base/std.h"
#include "base/err.h"
#include "core/pgcontrol.h"
#include "flow/probe.h"

struct preflight {
	struct err *problem; /* refusals */
	size_t nproblems, cap;
	struct err *warning; /* text, detail, hint used */
	size_t nwarnings, wcap;
	unsigned checks; /* how many were looked at */
};
void preflight_free(struct preflight *p);
/* Add a refusal or a warning made elsewhere (copied).  All functions here
 * return 0 whatever they found, and -1 only when memory runs out. */
int preflight_add(struct preflight *p, const struct err *what);
int preflight_warn(struct preflight *p, const struct err *what);
/* One error for all: the only one as it is; several: ERR_PREFLIGHT "N
 * preconditions ..." with the status of the first and their texts in detail.
 * 0 when there is none, else -1. */
int preflight_result(const struct preflight *p, struct err *e);

struct preflight_want {
	const char *role;     /* login role, for the GRANT */
	const char *database; /* that we are in, or NULL */
	bool slot;            /* a slot is wanted */
	bool slot_must;       /* -S or -C */
	bool exclusive;
	bool to_standby; /* a standby will connect: needs a sender */
	const char *trigger_file;
	const char *replication_user; /* or NULL: the login role */
	const char *source_pgdata;    /* --source-pgdata, or NULL */
	bool conf_only;               /* no backup is made */
	const char *application_name; /* of the standby */
	bool mapped;                  /* --tablespace-mapping */
	const char *cleanup;          /* ends a backup of ours, to be typed */
};
/* A8, A10, A11, B2, C3: wal_level, senders, slots, hot_standby, rights,
 * recovery on <= 9.5, archiver, trigger file wanted on 16+, synchronous
 * names that would hang us, tablespaces inside PGDATA. */
int preflight_source(
    struct preflight *p, const struct probe *f, const struct preflight_want *w);

/* B2: what to type about an exclusive backup that runs, with that label ("": it
 * may not be seen).  cleanup: as in preflight_want; stop: the statement. */
void preflight_hint_running(
    struct err *e, const char *label, const char *cleanup, const char *stop);

/* A10: configuration of the source outside its data directory: refused when the
 * standby would not start for it, else told. */
struct preflight_config {
	const char *source_pgdata; /* --source-pgdata, or NULL */
	bool copied;               /* --copy-external-config */
	bool starts;   /* we start it, by no command of the user's */
	bool has_main; /* the standby has, or gets, a postgresql.conf */
	/* Is that file there, on this host? */
	bool (*is_here)(const char *path);
};
int preflight_config(struct preflight *p, const struct probe *f,
    const struct preflight_config *w);

/* A7: what the agent and pg_control say against the server programs here.
 * local_minor: server_version_num of the local programs. */
int preflight_programs(struct preflight *p, const struct probe *f,
    int local_version, const char *remote_libc, const char *local_libc);

/*
 * Settings a standby must match or exceed (postgres-facts.md 8): want from the
 * source's pg_control, have from the configuration that the standby will find
 * (-1: not set there: the default).  Too small in a file of this host: a
 * refusal that names file and line, and the new one.  Too small in the source's
 * files, which are copied, or not set in them: ours is set where we may write
 * it (12), else it is a refusal too.
 */
struct preflight_setting {
	const char *name;
	int want, have;
	char file[PATH_MAX]; /* that sets it, or where it belongs */
	unsigned line;       /* 0: it is not set, or where is not known */
	bool copied;         /* the file is the source's, or
				we wrote it into our block */
	bool kept;           /* the latter: for the note */
	bool ours;           /* out: to be written by us */
};
int preflight_settings(
    struct preflight *p, struct preflight_setting *s, size_t n, int version);
/* The built-in value of such a setting. */
int preflight_default(const char *name);

/*
 * A3: pg_ctl hands the directory to a shell, in double quotes: a character that
 * these do not quote is a refusal that names it.  what: "data directory", or
 * whatever it is.
 */
int preflight_shell_path(
    struct preflight *p, const char *what, const char *path);

/* A7: sizes that the programs here are built with (have, 0: not known) and
 * those of the source. */
struct preflight_size {
	const char *name;
	uint64_t want, have;
};
int preflight_sizes(struct preflight *p, const struct preflight_size *s,
    size_t n, const char *bindir);

/* A7: what ("collation", "database") of that name is one version in the
 * catalogs and another one here: a warning that says what to do. */
int preflight_collation(struct preflight *p, const char *what, const char *name,
    const char *stored, const char *here);

/* --recovery-min-apply-delay: is it a time of that server?  Nothing but the
 * form is looked at; NULL is none. */
int preflight_delay(struct preflight *p, const char *value, int version);

/* A9: one row per file system of the target. */
struct preflight_space {
	const char *path;
	uint64_t need, free_bytes;
	uint64_t inodes_need, inodes_free; /* UINT64_MAX: they are not counted
					    * there (target_space) */
	bool read_only;
};
int preflight_space(
    struct preflight *p, const struct preflight_space *s, size_t n);

#endif
