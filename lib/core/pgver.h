/*
 * The one place for version knowledge: which SQL, files, settings and rules
 * belong to which PostgreSQL.  Versions are server_version_num (90624, 150018).
 * A fact that a version does not have is NULL (text) or the stated number; a
 * newer version than the newest known one has the facts of that one.
 *
 * SQL facts: run with search_path = pg_catalog; parameters are text ($1, $2 as
 * listed, booleans "true" or "false"); LSNs and numbers come back as text,
 * booleans as "t" or "f".  "non-NULL" facts say "yes".
 * No other file compares version numbers (t/0000-layers.t looks).
 */
#ifndef CORE_PGVER_H
#define CORE_PGVER_H

#include "base/std.h"

#define PGVER_OLDEST 90000  /* 9.0 */
#define PGVER_NEWEST 180000 /* 18: newer ones get its rows and a warning */
#define PGVER_NEXT 190000   /* stands for all that are newer than known */

#define PGVER_STATUS_ROWS 1000

enum pgfact {
	/* Backup: one row.  PGFACT_BACKUP_EXCLUSIVE is non-NULL where only the
	 * exclusive mode exists (< 9.6); the _EXCL pair exists below 15. */
	PGFACT_BACKUP_START,     /* $1 label, $2 fast: LSN */
	PGFACT_BACKUP_STOP,      /* from 9.6: lsn, labelfile, spcmapfile; with
				  * PGFACT_BACKUP_STOP_WAIT $1 is
				  * wait_for_archive, else no parameter.
				  * < 9.6: lsn only, no parameter */
	PGFACT_BACKUP_STOP_WAIT, /* non-NULL: $1 of BACKUP_STOP (10) */
	PGFACT_BACKUP_EXCLUSIVE,
	PGFACT_BACKUP_START_EXCL, /* $1 label, $2 fast: LSN */
	PGFACT_BACKUP_STOP_EXCL,  /* no parameter, waits for archiving: LSN */
	PGFACT_BACKUP_MAY,        /* bool: EXECUTE on start and stop (9.6);
				   * below, REPLICATION is the right (9.1) */
	PGFACT_IS_IN_BACKUP,      /* bool: exclusive one runs (9.3-14) */
	PGFACT_TABLESPACE_MAP,    /* non-NULL: the file exists (9.5) */
	PGFACT_STANDBY_SOURCE,    /* non-NULL: backup from a standby (9.6) */
	PGFACT_RESTART_POINT_FPW, /* of a standby: bool, the checkpoint of the
				   * primary that its last restart point is of
				   * had full_page_writes on (9.6) */
	/* State of a node: each one row. */
	PGFACT_ROLE,              /* of current_user: superuser, replication */
	PGFACT_COLLATION,         /* of the database: lc_collate, version that
				   * it was made with (15) or NULL */
	PGFACT_COLLATION_STALE,   /* rows (10): what, name, version in the
				   * catalogs, version on this host, where they
				   * differ: collations of indexes of this
				   * database, databases (15); at most 5 */
	PGFACT_SYSTEM_IDENTIFIER, /* decimal (9.6) */
	PGFACT_TIMELINE,          /* decimal.  Primary: of the WAL it writes
				   * (pg_control is stale after a promotion).
				   * Standby: the newer of last restart point
				   * and minimum recovery point; may still be
				   * behind PGFACT_RECEIVER; NULL < 9.6 */
	PGFACT_CURRENT_LSN,       /* an error on a standby */
	PGFACT_RECEIVE_LSN,       /* NULL where nothing was streamed */
	PGFACT_REPLAY_LSN,        /* NULL where nothing was replayed */
	PGFACT_TABLESPACES,       /* rows: oid, spcname, location, without
				   * pg_default and pg_global */
	PGFACT_SENDERS,           /* rows (9.1): pid, application_name,
				   * client_addr (NULL: socket), state, sent,
				   * write, flush, replay */
	PGFACT_RECEIVER,          /* row or none (9.6): status, received_tli,
				   * flushed lsn, conninfo, slot_name */
	PGFACT_ARCHIVER,          /* (9.4): failing bool, last_failed_wal,
				   * last_archived_wal; look at archive_mode
				   * too: the numbers stay when it is off */
	PGFACT_REPLAY_PAUSED,     /* bool (9.1), NULL on a primary */
	/* Slots. */
	PGFACT_SLOT_LIST,        /* $1 name; row or none (9.4): slot_type,
				  * active, restart_lsn, wal_status (NULL
				  * < 13), temporary */
	PGFACT_SLOT_CREATE,      /* $1 name; permanent: LSN, NULL < 9.6 */
	PGFACT_SLOT_RESERVES,    /* non-NULL: CREATE reserves WAL (9.6) */
	PGFACT_SLOT_CREATE_TEMP, /* $1 name, reserving: LSN (10) */
	PGFACT_SLOT_COPY,        /* $1 from, $2 to, permanent; the new slot has
				  * the restart_lsn of the old: row (12) */
	PGFACT_SLOT_DROP,        /* $1 name: empty text */
	/*
	 * repl-status.  Epochs and intervals are seconds with six decimals;
	 * what a version does not have is NULL in its column.  Views: at most
	 * PGVER_STATUS_ROWS rows and one more.
	 */
	PGFACT_STATUS_NODE,     /* one row, on primary and standby, for every
				 * role: in recovery, epoch now, LSN written
				 * (primary), LSN received, LSN replayed,
				 * epoch of the last replayed commit (9.1),
				 * paused (9.1, standby), epoch of the start,
				 * cluster_name (9.5),
				 * synchronous_standby_names (9.1),
				 * recovery_min_apply_delay in ms (12),
				 * current_user, timeline (primary), port */
	PGFACT_STATUS_SENDERS,  /* rows (9.1): pid, application_name,
				 * client_addr, state, sync_state, sent,
				 * write, flush, replay, replay_lag (10),
				 * seconds since the last reply (12: by the
				 * standby's clock).  All but pid,
				 * application_name NULL: not seen */
	PGFACT_STATUS_RECEIVER, /* row or none (9.6): status, received_tli,
				 * written (13), flushed, latest_end, seconds
				 * since the last message came, since it was
				 * sent, slot_name, sender_host (11),
				 * sender_port (11), conninfo.  All NULL: not
				 * seen */
	PGFACT_STATUS_SLOTS,    /* rows (9.4): slot_name, logical, active,
				 * temporary (10), synced (17), active_pid
				 * (9.5), restart_lsn, wal_status (13),
				 * safe_wal_size (13), invalidation_reason
				 * (17) */
	PGFACT_STATUS_CONTROL,  /* row (9.6): system identifier; timeline of a
				 * standby as PGFACT_TIMELINE has it.  EXECUTE
				 * may be revoked */
	/* Names in the data directory and what its files may say. */
	PGFACT_DIR_WAL,          /* "pg_wal" or "pg_xlog" */
	PGFACT_DIR_XACT,         /* "pg_xact" or "pg_clog" */
	PGFACT_FILE_RECOVERY,    /* "recovery.conf" or "standby.signal" */
	PGFACT_RECOVERY_IS_GUC,  /* non-NULL: 12+ */
	PGFACT_AUTO_CONF,        /* "postgresql.auto.conf" (9.4) */
	PGFACT_TRIGGER_PARAM,    /* trigger_file, promote_trigger_file (12),
				  * NULL (16: it would stop the server) */
	PGFACT_SLOT_PARAM,       /* primary_slot_name (9.4) or NULL */
	PGFACT_DELAY_PARAM,      /* recovery_min_apply_delay (9.4) or NULL */
	PGFACT_PASSFILE,         /* non-NULL: libpq of that server knows
				  * passfile= (10) */
	PGFACT_BACKSLASH_ESCAPE, /* non-NULL: \ escapes in recovery.conf and
				  * postgresql.conf quotes (9.1) */
	PGFACT_UNLOGGED,         /* non-NULL: unlogged relations (9.1) */
	PGFACT_INPLACE_TBLSPC,   /* non-NULL: in-place tablespaces (15) */
	PGFACT_GROUP_ACCESS,     /* non-NULL: 0750 allowed (11) */
	PGFACT_MAP_BACKSLASH,    /* non-NULL: \ is escaped in tablespace_map
				  * (14) */
	PGFACT_PROMOTE_SQL,      /* $1 seconds to wait: bool, promoted in that
				  * time (12) */
	PGFACT_CONNINFO_RELOAD,  /* non-NULL: primary_conninfo by reload (13) */
	PGFACT_TIMELINE_HISTORY, /* non-NULL: TIMELINE_HISTORY, and a standby
				  * streams over a promotion (9.3) */
	/* What a hint tells the operator to type. */
	PGFACT_GRANT_BACKUP, /* functions of start and stop, as GRANT EXECUTE
			      * ON FUNCTION wants them (9.6); NULL: an
			      * attribute of the role decides */
	PGFACT_REPLICATION_ROLE, /* non-NULL: ALTER ROLE ... REPLICATION (9.1)
				  */
	PGFACT_READ_SETTINGS,    /* "pg_read_all_settings" (10) or NULL */
	PGFACT_ALTER_SYSTEM,     /* non-NULL: ALTER SYSTEM (9.4) */
	PGFACT_WAL_LEVEL,        /* "replica" (9.6), "hot_standby" */
	PGFACT_RESUME_SQL,       /* "SELECT pg_wal_replay_resume()" (9.1) */
	PGFACT_LONG_QUERIES_SQL, /* long transactions, oldest first */
	PGFACT_READ_STATS,       /* "pg_monitor" (10); NULL: superuser */
	/* How a clone goes on that version.  Lists are words with one blank
	 * between them, but for PGFACT_LABEL_LINES (", "). */
	PGFACT_WAL_WAYS,       /* list, best first: how the WAL from start to
				* stop comes: "slot" (9.4: the standby streams
				* it, PGFACT_SLOT_RESERVES), "fetch" (its
				* segments, over SSH) */
	PGFACT_REPLAY_PROOF,   /* what shows that a standby streams: "receiver"
				* (9.6: its own view), "senders" (9.1: the
				* view of the server it streams from), "lsn"
				* (9.0: it is in recovery and has received
				* the LSN) */
	PGFACT_APPNAME_CLEAN,  /* what the server stores for a byte of
				* application_name that is not printable
				* ASCII: "?" or "\xhh" (16) */
	PGFACT_ARCHIVE_WAIT,   /* stop waits until the last segment is archived:
				* "cancel" (cancelling keeps the backup),
				* "void" (cancelling loses the label, 9.6),
				* "choice" (a parameter says so, 10) */
	PGFACT_CASCADING,      /* non-NULL: a standby sends WAL (9.2) */
	PGFACT_TOO_SMALL,      /* a setting of PGFACT_STANDBY_SETTINGS that the
				* primary raises over a running standby's:
				* "stop", or "pause" (replay, 14).  Smaller at
				* the start: it does not start, whatever the
				* version */
	PGFACT_SPCLOCATION,    /* non-NULL: pg_tablespace holds the path itself,
				* which a mapping leaves stale (< 9.2) */
	PGFACT_PROMOTE_MEANS,  /* list of "sql" (12), "pg_ctl" (9.1), "trigger"
				* (< 16) in the order they are to be tried */
	PGFACT_PG_CTL_PROMOTE, /* non-NULL: pg_ctl promote (9.1) */
	PGFACT_PAUSE_HOLDS,    /* non-NULL: a paused replay holds a promotion
				* (9.1 to 12) */
	PGFACT_LABEL_LINES, /* list: what backup_label of a full backup has */
	PGFACT_SESSION_TIMEOUTS, /* list: settings that end our sessions */
	PGFACT_SHOW_SETTING,     /* option of postgres that prints one (9.2) */
	PGFACT_LOCAL_SIZES,      /* list: settings that the programs are built
				  * with (9.2: PGFACT_SHOW_SETTING) */
	/* Settings: their names, and what holds when nothing is said. */
	PGFACT_STANDBY_SETTINGS,  /* list: not smaller than the primary's */
	PGFACT_RECOVERY_SETTINGS, /* list: what we may write for a standby */
	PGFACT_STOPS_START,       /* list: what no target may have: a file, or a
				   * setting in a configuration file */
	PGFACT_RELOADED, /* list: recovery settings that a reload changes
			  * (12) */
	PGFACT_DEFAULT_WAL_LEVEL,
	PGFACT_DEFAULT_SENDERS, /* max_wal_senders */
	PGFACT_SENDERS_COUNT,   /* non-NULL: max_wal_senders is part of
				 * max_connections (< 12) */
	PGFACT_DEFAULT_SLOTS,   /* max_replication_slots (9.4) */
	PGFACT_DEFAULT_HOT_STANDBY,
	PGFACT_DEFAULT_TIMELINE,  /* recovery_target_timeline */
	PGFACT_DEFAULT_LOG_DIR,   /* log_directory */
	PGFACT_DEFAULT_CHECKSUMS, /* "on": of initdb (18); NULL: off */
	PGFACT_WAL_SEGMENT_SIZE,  /* who chooses it: "build", "initdb" (11) */
	PGFACT_KEEP_PARAM,        /* WAL that is kept: wal_keep_size (13) */
	PGFACT_WAL_SIZE_PARAM,    /* max_wal_size (9.5), checkpoint_segments */
	PGFACT_SENDER_TIMEOUT_PARAM, /* (9.1) */
	PGFACT_SOCKET_PARAM,         /* unix_socket_directories (9.3) */
	PGFACT_ARCHIVE_ALWAYS,       /* non-NULL: archive_mode = always (9.5) */
	PGFACT_ARCHIVE_LIBRARY,      /* "archive_library" (15) */
	PGFACT_TEMP_SLOT_PARAM,      /* wal_receiver_create_temp_slot (13) */
	PGFACT_SUMMARIZE_PARAM,      /* summarize_wal (17) */
	/* pg_hba.conf and pg_ident.conf: a line may go on behind a backslash
	 * (14); include, include_if_exists, include_dir (16).  non-NULL. */
	PGFACT_HBA_CONTINUES,
	PGFACT_HBA_INCLUDE,
	PGFACT_PIDFILE_PORT, /* non-NULL: postmaster.pid tells it (9.1) */
	PGFACT_NCODES
};

/* The fact for a version; NULL where it is absent.  Static text. */
const char *pgver(int version, enum pgfact fact);
/* Is the word in a fact that is a list, of words with one blank between them?
 * Not where it is absent. */
bool pgver_lists(int version, enum pgfact fact, const char *word);
/* Where its row comes from, e.g. "9.6.10 system_views.sql:927"; NULL: no row
 * (a fact that is gone has one). */
const char *pgver_source(int version, enum pgfact fact);

/* Name of a fact for --facts, e.g. "backup-start". */
const char *pgver_fact_name(enum pgfact fact);

/* "9.6", "15": what names directories and PG_VERSION. buf >= 16 bytes. */
const char *pgver_major(int version, char *buf, size_t size);
/* 90600 for "9.6" or "9.6.24", 150000 for "15" or "15.18", with or without a
 * newline behind it (the file PG_VERSION); -1: not one. */
int pgver_parse(const char *text);
/* Same major (9.6.x with 9.6.y, 15.x with 15.y)? */
bool pgver_same_major(int a, int b);
/* The known majors in order, 90000 ...; 0 behind the last. */
int pgver_major_at(size_t i);
bool pgver_known(int version);     /* not newer than PGVER_NEWEST's major */
bool pgver_supported(int version); /* not older than PGVER_OLDEST */

/* Does the walreceiver of that server take this keyword of a connection string?
 * Secrets and what it ignores are not among them. */
bool pgver_walreceiver_takes(int version, const char *keyword);
/* All keywords that it asks about; NULL behind the last. */
const char *pgver_walreceiver_keyword(size_t i);

/* LSN arithmetic: bytes per log id (0xFF000000 below 9.3, else 2^32), for the
 * 16 MB segments that servers below 9.3 have unless compiled otherwise. */
uint64_t pgver_xlogid_bytes(int version);
/* The same for a segment size; below 9.3 the last one of 2^32 is not used. */
uint32_t pgver_segments_per_xlogid(int version, uint32_t segsize);

/* LSNs in files are one uint64 (9.3), else a pair of uint32. */
bool pgver_lsn64(int version);

/* What the server reads of pg_hba.conf, pg_ident.conf and what they name, in
 * bytes: a word without its quotes, and a line with its end; 0: any.  More than
 * that, and none of the file counts.  It is the one thing here that minor
 * releases changed. */
struct pgver_hba {
	size_t word, line;
};
struct pgver_hba pgver_hba(int version);

/* pg_control: offsets in bytes on 64-bit machines, -1: absent. */
struct pgver_control {
	uint32_t pg_control_version;
	int version; /* first server version with it */
	int state, checkpoint, redo, timeline, prev_timeline, min_recovery,
	    min_recovery_tli, backup_start, wal_level, max_connections,
	    max_worker_processes, max_wal_senders, max_prepared_xacts,
	    max_locks_per_xact, blcksz, relseg_size, xlog_blcksz, xlog_seg_size,
	    checksum_version, crc;
	bool crc32c; /* else the old CRC-32 */
	bool lsn64;  /* one uint64, else a pair of uint32 */
};
/* By pg_control_version and catalog version, of releases only; NULL when
 * unknown.  The catalog version is needed: 9.4 and 9.5 (942) differ.  A catalog
 * newer than known has the newest layout if the control version is that of the
 * newest: the CRC behind it decides. */
const struct pgver_control *pgver_control(
    uint32_t control_version, uint32_t catalog_version);
/* Server version (major only, e.g. 150000) of a catalog version; PGVER_NEXT:
 * newer than known; 0: unknown. */
int pgver_of_catalog(uint32_t catalog_version);
/* Does this version, of PG_VERSION or a server, fit what the catalog version
 * said?  All that is newer than known fits what is newer than known. */
bool pgver_fits(int version, int of_catalog);
/* The numbers of a major's pg_control; a newer one has those of the newest.
 * false: older than the oldest. */
struct pgver_numbers {
	uint32_t control_version, catalog_version;
};
bool pgver_numbers(int version, struct pgver_numbers *n);
/* Magic number of a WAL page, e.g. 0xD110 for 15; 0: not known (9.1, 9.2, 9.5
 * and what is newer than PGVER_NEWEST), any is to be taken. */
uint16_t pgver_wal_magic(int version);

#endif
