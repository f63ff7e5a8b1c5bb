/*
 * Facts of a running server, read once over SQL.  What the role may not see is
 * marked unknown, never guessed.
 */
#ifndef FLOW_PROBE_H
#define FLOW_PROBE_H

#include "base/std.h"
#include "base/err.h"

struct pg;

struct probe_tablespace {
	uint32_t oid;
	char *name;
	char *location; /* "" or relative: in place */
};

struct probe {
	int version;
	char *version_text;
	bool in_recovery;
	uint64_t system_identifier;  /* 0: unknown (before 9.6) */
	uint32_t timeline;           /* 0: unknown */
	uint64_t current_lsn;        /* written, or received; 0: unknown */
	bool superuser, replication; /* of the login role */
	/* settings; NULL: may not be read, or the version has none */
	char *data_directory, *config_file, *hba_file, *ident_file;
	char *log_directory, *stats_temp_directory, *trigger_file;
	char *wal_level, *hot_standby, *synchronous_standby_names;
	char *archive_mode, *external_pid_file, *lc_collate;
	int max_wal_senders, max_replication_slots; /* -1 unknown */
	int wal_senders_used, slots_used;           /* -1 unknown */
	uint32_t block_size, segment_size /* blocks */, wal_block_size;
	uint32_t wal_segment_size; /* bytes */
	int max_connections, max_prepared_xacts, max_locks_per_xact,
	    max_worker_processes;
	bool data_checksums, fsync_on, full_page_writes;
	bool restart_point_torn; /* of a standby: its last restart point is
				  * of WAL without full pages */
	int data_directory_mode; /* 0700, 0750 */
	bool may_backup;         /* EXECUTE on start and stop */
	bool archiver_failing;   /* newer failures than successes */
	bool archiver_known;
	bool exclusive_running;  /* pg_is_in_backup() where it exists */
	char running_label[256]; /* its label, "" when we may not see it */
	char *collation_version; /* datcollversion (15), or NULL */
	struct probe_tablespace *tblspc;
	size_t ntblspc;
};

/* Fills p; probe_free also after failure.  Only a lost session, a deadline or
 * a missing basic fact (version, recovery state) is an error. */
int probe_read(struct probe *p, struct pg *pg, int64_t deadline, struct err *e);
void probe_free(struct probe *p);

#endif
