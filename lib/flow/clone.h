/*
 * standby-clone: the whole story, in the order of faults.md section 3.
 */
#ifndef FLOW_CLONE_H
#define FLOW_CLONE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/conninfo.h"
#include "core/plan.h"
#include "flow/slot.h"
#include "io/remote.h"

enum clone_wal { CLONE_WAL_AUTO, CLONE_WAL_SLOT, CLONE_WAL_FETCH };

struct clone_opts {
	const char *package;       /* version, for HELLO */
	struct conninfo conninfo;  /* of the source */
	const char *pgdata;        /* target */
	const char *source_pgdata; /* or NULL: asked from the server */
	const char *bindir;        /* or NULL: found */
	struct remote_opts remote;
	const char *agent, *push_agent;
	bool agent_named; /* it is not the built-in one */
	bool copy_external_config;
	bool delta, force, dry_run, sync, verify, conf_only, cleanup;
	bool checksum;         /* the skip index is not looked at */
	bool verify_checksums; /* of the source's pages */
	enum plan_pages pages;
	const char *const *excludes;
	size_t nexcludes;
	const char *const *keep; /* NULL: the default list */
	size_t nkeep;
	const char *max_delete;
	bool fast_checkpoint;
	const char *label;
	bool exclusive;    /* tests: force the mode of <= 9.5 */
	unsigned jobs;     /* 0: by what is there (core/crew.h) */
	uint64_t max_rate; /* bytes/s over all, 0: any */
	uint8_t compress;  /* as in struct wire_open */
	const char *const *mapping;
	size_t nmapping;
	const char *waldir;
	const char *slot; /* NULL: of node or host name */
	enum slot_want want_slot;
	enum clone_wal wal;
	const char *upstream; /* conninfo text or NULL */
	const char *trigger_file, *restore_command, *min_apply_delay;
	const char *application_name, *replication_user;
	bool start, wait;
	const char *start_command, *stop_command;
	int64_t timeout_ms; /* 0: none */
	const char *node;   /* name of this node, or NULL */
};

/* What becomes of a file of --copy-external-config. */
enum clone_config_fate {
	CLONE_CONFIG_COPY,
	CLONE_CONFIG_REPLACE, /* what is there is renamed */
	CLONE_CONFIG_KEEP,    /* what is there stays */
	CLONE_CONFIG_SAME     /* what is there says the same */
};

struct clone_config {
	char *source, *target;
	enum clone_config_fate fate;
};

/* The run record (cli.md --json), filled as far as the run came. */
struct clone_record {
	const char *status; /* "ok", "failed", "refused", "dry-run" */
	char *source_host, *source_port, *pgdata;
	char *waldir;                /* NULL: not elsewhere, or not known yet */
	struct clone_config *config; /* as planned */
	size_t nconfig;
	int server_version;
	uint64_t system_identifier;
	uint32_t timeline;
	bool exclusive, backup; /* a backup was started */
	uint64_t start_lsn, stop_lsn;
	char label[256];
	uint64_t files_total, files_changed, files_copied, files_removed,
	    files_vanished, files_skipped;
	bool pages_verified; /* else the next two are not known */
	uint64_t bad_pages, bad_files;
	uint64_t spared_pages; /* right ones of the target, left there */
	uint64_t bytes_total, bytes_compared, bytes_changed, bytes_sent,
	    bytes_skipped;
	int64_t ms_total, ms_preflight, ms_backup_start, ms_manifest,
	    ms_transfer, ms_backup_stop, ms_seal, ms_start,
	    ms_streaming; /* -1: not */
	bool started, streaming;
	uint64_t receive_lsn;
	char slot[64];
	char start[256];        /* its command, "": pg_ctl -D PGDATA start */
	struct buf left_behind; /* one line each */
};
void clone_record_free(struct clone_record *r);

enum clone_step {
	CLONE_PREFLIGHT = 1,
	CLONE_BACKUP_START,
	CLONE_MANIFEST,
	CLONE_TRANSFER,
	CLONE_BACKUP_STOP,
	CLONE_START,
	CLONE_STREAMING,
	CLONE_NSTEPS = CLONE_STREAMING
};

struct pool_worker;

/* How far the present step is. */
struct clone_progress {
	enum clone_step step;
	int64_t ms;           /* since the step began */
	uint64_t done, total; /* bytes; total 0: not known */
	uint64_t received;    /* bytes from the agents */
	const char *what;     /* file or state, escaped; may be "" */
	bool asked;           /* SIGUSR1: print now */
	/* Of the transfer, when asked; 0 files: it has not begun. */
	uint64_t files_done, files;
	const struct pool_worker *workers; /* flow/pool.h; nworkers of them */
	unsigned nworkers;
};

/* What the user is told while it runs; every member is set. */
struct clone_ui {
	void (*source)(void *arg, const char *text);
	void (*step)(void *arg, enum clone_step step, const char *text);
	void (*note)(void *arg, const char *text);
	void (*warning)(void *arg, const struct err *what);
	void (*problem)(void *arg, const struct err *what);
	void (*progress)(void *arg, const struct clone_progress *p);
	/* --dry-run: what would be done, lines. */
	void (*plan)(void *arg, const char *text);
	/* One line of --itemize-changes: letter, path. */
	void (*item)(void *arg, char letter, const char *path);
	void *arg;
};

/* Returns 0, or -1 with e; rec is filled in both cases. */
int clone_run(const struct clone_opts *o, const struct clone_ui *ui,
    struct clone_record *rec, struct err *e);

#endif
