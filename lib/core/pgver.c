/*
 * The version table.  Each row holds from its version on, until the next row
 * of the same fact.  Where a row comes from stands behind it: file and line of
 * the PostgreSQL release it was read in, or the release notes ("rel") of the
 * version that changed it.  Every SQL text was run on 10.23, 11.22, 12.22,
 * 13.23, 14.23, 15.18, 16.14, 17.10 and 18.4 where it applies there.
 */
#include "base/std.h"
#include "core/pgver.h"

static const char yes[] = "yes";

/* The timeline that a primary writes: the first 8 digits of the name of its
 * segment.  Right after a promotion pg_control still has the old one. */
#define TLI_OF_NAME(name) "('x' || substr(" name ", 1, 8))::bit(32)::bigint"

#define SENDERS(pid, suffix)                                                   \
	"SELECT " pid "::text, application_name, host(client_addr), state,\n"  \
	"  sent" suffix "::text, write" suffix "::text,\n"                     \
	"  flush" suffix "::text, replay" suffix "::text\n"                    \
	"FROM pg_stat_replication ORDER BY 1"

#define RECEIVER(lsn)                                                          \
	"SELECT status, received_tli::text, " lsn "::text, conninfo,\n"        \
	"  slot_name::text\n"                                                  \
	"FROM pg_stat_wal_receiver WHERE pid IS NOT NULL"

#define TABLESPACES(location)                                                  \
	"SELECT oid::text, spcname::text, " location "\n"                      \
	"FROM pg_tablespace\n"                                                 \
	"WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid"

#define SLOT_LIST(wal_status, temporary)                                       \
	"SELECT slot_type, active, restart_lsn::text, " wal_status ",\n"       \
	"  " temporary "\n"                                                    \
	"FROM pg_replication_slots WHERE slot_name = $1::name"

#define PAUSED(function)                                                       \
	"SELECT CASE WHEN pg_is_in_recovery() THEN " function "() END"

/* Seconds as text, never with an exponent. */
#define EPOCH_OF "extract(epoch FROM "
#define AS_TEXT ")::numeric(20,6)::text"
#define PRIMARY "CASE WHEN NOT pg_is_in_recovery() THEN\n    "
#define STANDBY "CASE WHEN pg_is_in_recovery() THEN\n    "

/* PUBLIC may call all of these and see all of these settings.  replayed_at,
 * paused, cluster, synchronous, delay: expressions. */
#define STATUS_NODE(current, received, replayed, file_name, replayed_at,       \
    paused, cluster, synchronous, delay)                                       \
	"SELECT pg_is_in_recovery(),\n"                                        \
	"  " EPOCH_OF "clock_timestamp()" AS_TEXT ",\n"                        \
	"  " PRIMARY current "()::text END,\n"                                 \
	"  " received "()::text, " replayed "()::text,\n"                      \
	"  " replayed_at ",\n"                                                 \
	"  " paused ",\n"                                                      \
	"  " EPOCH_OF "pg_postmaster_start_time()" AS_TEXT ",\n"               \
	"  " cluster ", " synchronous ",\n"                                    \
	"  " delay ",\n"                                                       \
	"  current_user::text,\n"                                              \
	"  " PRIMARY "('x' || substr(" file_name "(\n"                         \
	"    " current "()), 1, 8))::bit(32)::bigint::text END"
#define STATUS_NODE_XLOG(replayed_at, paused, cluster, synchronous)            \
	STATUS_NODE("pg_current_xlog_location",                                \
	    "pg_last_xlog_receive_location", "pg_last_xlog_replay_location",   \
	    "pg_xlogfile_name", replayed_at, paused, cluster, synchronous,     \
	    "NULL::text")
#define STATUS_NODE_WAL(delay)                                                 \
	STATUS_NODE("pg_current_wal_lsn", "pg_last_wal_receive_lsn",           \
	    "pg_last_wal_replay_lsn", "pg_walfile_name", REPLAYED_AT,          \
	    STANDBY "pg_is_wal_replay_paused() END", SETTING("cluster_name"),  \
	    SETTING("synchronous_standby_names"), delay)
#define REPLAYED_AT EPOCH_OF "pg_last_xact_replay_timestamp()" AS_TEXT
#define SETTING(name) "current_setting('" name "')"

#define STATUS_ROWS "1001" /* PGVER_STATUS_ROWS and one more */
_Static_assert(PGVER_STATUS_ROWS == 1000, "STATUS_ROWS must follow");

#define STATUS_SENDERS(pid, suffix, lag, reply)                                \
	"SELECT " pid "::text, application_name, host(client_addr), state,\n"  \
	"  sync_state, sent" suffix "::text, write" suffix "::text,\n"         \
	"  flush" suffix "::text, replay" suffix "::text,\n"                   \
	"  " lag ", " reply "\n"                                               \
	"FROM pg_stat_replication s ORDER BY s." pid " LIMIT " STATUS_ROWS

#define STATUS_RECEIVER(written, flushed, host, port)                          \
	"SELECT status, received_tli::text, " written ",\n"                    \
	"  " flushed "::text, latest_end_lsn::text,\n"                         \
	"  " AGE_OF "last_msg_receipt_time" AS_TEXT ",\n"                      \
	"  " AGE_OF "last_msg_send_time" AS_TEXT ",\n"                         \
	"  slot_name::text, " host ", " port ", conninfo\n"                    \
	"FROM pg_stat_wal_receiver WHERE pid IS NOT NULL LIMIT 1"
#define AGE_OF EPOCH_OF "clock_timestamp() - "

#define STATUS_SLOTS(temporary, synced, pid, status, safe, reason)             \
	"SELECT slot_name::text, slot_type = 'logical', active,\n"             \
	"  " temporary ", " synced ", " pid ",\n"                              \
	"  restart_lsn::text, " status ", " safe ",\n"                         \
	"  " reason "\n"                                                       \
	"FROM pg_replication_slots ORDER BY 1 LIMIT " STATUS_ROWS

static const struct row {
	enum pgfact fact;
	int since;
	const char *text;
} rows[] = {
    /* --- backup --- */
    {PGFACT_BACKUP_START, 90000, /* 9.0.0 pg_proc.h:3299 */
	"SELECT pg_start_backup($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_START, 90600, /* 9.6.10 system_views.sql:927 */
	"SELECT pg_start_backup($1::text, $2::boolean, false)::text"},
    {PGFACT_BACKUP_START, 150000, /* 17.3 system_functions.sql:387 */
	"SELECT pg_backup_start($1::text, $2::boolean)::text"},

    {PGFACT_BACKUP_STOP, 90000, /* 9.0.0 pg_proc.h:3301 */
	"SELECT pg_stop_backup()::text"},
    {PGFACT_BACKUP_STOP, 90600, /* 9.6.10 system_views.sql:1019 */
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_stop_backup(false)"},
    {PGFACT_BACKUP_STOP, 100000, /* 10.0 system_views.sql:1016-1025 */
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_stop_backup(false, $1::boolean)"},
    {PGFACT_BACKUP_STOP, 150000, /* 17.3 system_functions.sql:391 */
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_backup_stop($1::boolean)"},
    {PGFACT_BACKUP_STOP_WAIT, 100000, yes}, /* 10.0, same lines */

    {PGFACT_BACKUP_EXCLUSIVE, 90000, yes},
    {PGFACT_BACKUP_EXCLUSIVE, 90600, NULL}, /* rel 9.6 */

    {PGFACT_BACKUP_START_EXCL, 90000, /* 9.0.0 pg_proc.h:3299 */
	"SELECT pg_start_backup($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_START_EXCL, 90600, /* 9.6.10 system_views.sql:927 */
	"SELECT pg_start_backup($1::text, $2::boolean, true)::text"},
    {PGFACT_BACKUP_START_EXCL, 150000, NULL}, /* rel 15 */
    {PGFACT_BACKUP_STOP_EXCL, 90000,          /* to 14: pg_proc entry 2173 */
	"SELECT pg_stop_backup()::text"},
    {PGFACT_BACKUP_STOP_EXCL, 150000, NULL}, /* rel 15 */

    {PGFACT_BACKUP_MAY, 90600, /* 9.6.10 system_views.sql:1019-1021 */
	"SELECT has_function_privilege(\n"
	"  'pg_start_backup(text,boolean,boolean)', 'EXECUTE')\n"
	"  AND has_function_privilege('pg_stop_backup(boolean)', 'EXECUTE')"},
    {PGFACT_BACKUP_MAY, 100000, /* 10.0 system_views.sql:1124 */
	"SELECT has_function_privilege(\n"
	"  'pg_start_backup(text,boolean,boolean)', 'EXECUTE')\n"
	"  AND has_function_privilege(\n"
	"  'pg_stop_backup(boolean,boolean)', 'EXECUTE')"},
    {PGFACT_BACKUP_MAY, 150000, /* 17.3 system_functions.sql:648 */
	"SELECT has_function_privilege(\n"
	"  'pg_backup_start(text,boolean)', 'EXECUTE')\n"
	"  AND has_function_privilege('pg_backup_stop(boolean)', 'EXECUTE')"},
    {PGFACT_IS_IN_BACKUP, 90300, "SELECT pg_is_in_backup()"}, /* rel 9.3 */
    {PGFACT_IS_IN_BACKUP, 150000, NULL},                      /* rel 15 */
    {PGFACT_TABLESPACE_MAP, 90500, yes}, /* rel 9.5; 9.6.10 xlog.h:310 */
    {PGFACT_STANDBY_SOURCE, 90600, yes}, /* rel 9.6: non-exclusive only */

    /* --- state of a node --- */
    {PGFACT_ROLE, 90000, /* rel 9.1: the REPLICATION attribute */
	"SELECT rolsuper, false FROM pg_roles WHERE rolname = current_user"},
    {PGFACT_ROLE, 90100,
	"SELECT rolsuper, rolreplication FROM pg_roles\n"
	"WHERE rolname = current_user"},
    {PGFACT_COLLATION, 90000,
	"SELECT datcollate::text, NULL::text FROM pg_database\n"
	"WHERE datname = current_database()"},
    {PGFACT_COLLATION, 150000, /* rel 15: datcollversion */
	"SELECT datcollate::text, datcollversion::text FROM pg_database\n"
	"WHERE datname = current_database()"},
    {PGFACT_SYSTEM_IDENTIFIER, 90600, /* rel 9.6 */
	"SELECT system_identifier::text FROM pg_control_system()"},
    {PGFACT_TIMELINE, 90000, /* 9.0.0: pg_xlogfile_name fails on a standby */
	"SELECT CASE WHEN NOT pg_is_in_recovery() THEN\n"
	"  " TLI_OF_NAME(
	    "pg_xlogfile_name(pg_current_xlog_location())") " END"},
    {PGFACT_TIMELINE, 90600, /* rel 9.6: pg_control_checkpoint, _recovery */
	"SELECT CASE WHEN NOT pg_is_in_recovery() THEN\n"
	"  " TLI_OF_NAME(
	    "pg_xlogfile_name(pg_current_xlog_location())") "\n"
							    "ELSE greatest(\n"
							    "  (SELECT "
							    "timeline_id FROM "
							    "pg_control_"
							    "checkpoint()),\n"
							    "  (SELECT "
							    "min_recovery_end_"
							    "timeline FROM "
							    "pg_control_"
							    "recovery()))\n"
							    "END"},
    {PGFACT_TIMELINE, 100000, /* rel 10: names */
	"SELECT CASE WHEN NOT pg_is_in_recovery() THEN\n"
	"  " TLI_OF_NAME(
	    "pg_walfile_name(pg_current_wal_lsn())") "\n"
						     "ELSE greatest(\n"
						     "  (SELECT timeline_id "
						     "FROM "
						     "pg_control_checkpoint()),"
						     "\n"
						     "  (SELECT "
						     "min_recovery_end_"
						     "timeline FROM "
						     "pg_control_recovery()))\n"
						     "END"},
    {PGFACT_CURRENT_LSN, 90000, /* 9.0.0 pg_proc.h */
	"SELECT pg_current_xlog_location()::text"},
    {PGFACT_CURRENT_LSN, 100000, "SELECT pg_current_wal_lsn()::text"},
    {PGFACT_RECEIVE_LSN, 90000, /* 9.0.0 pg_proc.h; rel 10 */
	"SELECT pg_last_xlog_receive_location()::text"},
    {PGFACT_RECEIVE_LSN, 100000, "SELECT pg_last_wal_receive_lsn()::text"},
    {PGFACT_REPLAY_LSN, 90000, /* 9.0.0 pg_proc.h; rel 10 */
	"SELECT pg_last_xlog_replay_location()::text"},
    {PGFACT_REPLAY_LSN, 100000, "SELECT pg_last_wal_replay_lsn()::text"},

    {PGFACT_TABLESPACES, 90000, TABLESPACES("spclocation")},
    {PGFACT_TABLESPACES, 90200, /* rel 9.2: spclocation removed */
	TABLESPACES("pg_tablespace_location(oid)")},

    {PGFACT_SENDERS, 90100, SENDERS("procpid", "_location")}, /* rel 9.1 */
    {PGFACT_SENDERS, 90200, SENDERS("pid", "_location")},     /* rel 9.2 */
    {PGFACT_SENDERS, 100000, SENDERS("pid", "_lsn")},         /* rel 10 */

    {PGFACT_RECEIVER, 90600, RECEIVER("received_lsn")}, /* rel 9.6 */
    /* 13 split it; flushed is what pg_last_wal_receive_lsn() says. */
    {PGFACT_RECEIVER, 130000, RECEIVER("flushed_lsn")}, /* rel 13 */

    {PGFACT_ARCHIVER, 90400, /* rel 9.4; 9.4.26 system_views.sql */
	"SELECT last_failed_time IS NOT NULL AND\n"
	"  (last_archived_time IS NULL OR\n"
	"  last_failed_time > last_archived_time),\n"
	"  last_failed_wal, last_archived_wal\n"
	"FROM pg_stat_archiver"},

    {PGFACT_REPLAY_PAUSED, 90100, /* rel 9.1; an error on a primary */
	PAUSED("pg_is_xlog_replay_paused")},
    {PGFACT_REPLAY_PAUSED, 100000, PAUSED("pg_is_wal_replay_paused")},

    /* --- slots --- */
    {PGFACT_SLOT_LIST, 90400, /* 9.4.26 system_views.sql */
	SLOT_LIST("NULL::text", "false")},
    {PGFACT_SLOT_LIST, 100000, /* rel 10: temporary */
	SLOT_LIST("NULL::text", "temporary")},
    {PGFACT_SLOT_LIST, 130000, /* rel 13: wal_status */
	SLOT_LIST("wal_status", "temporary")},
    {PGFACT_SLOT_CREATE, 90400, /* 9.4.26 slotfuncs.c: position is NULL */
	"SELECT xlog_position::text\n"
	"FROM pg_create_physical_replication_slot($1::name)"},
    {PGFACT_SLOT_CREATE, 90600, /* rel 9.6: immediately_reserve */
	"SELECT xlog_position::text\n"
	"FROM pg_create_physical_replication_slot($1::name, true)"},
    {PGFACT_SLOT_CREATE, 100000, /* rel 10: column lsn, temporary */
	"SELECT lsn::text\n"
	"FROM pg_create_physical_replication_slot($1::name, true, false)"},
    {PGFACT_SLOT_RESERVES, 90600, yes}, /* rel 9.6 */
    {PGFACT_SLOT_CREATE_TEMP, 100000,   /* rel 10 */
	"SELECT lsn::text\n"
	"FROM pg_create_physical_replication_slot($1::name, true, true)"},
    {PGFACT_SLOT_COPY, 120000, /* rel 12 */
	"SELECT lsn::text FROM pg_copy_physical_replication_slot(\n"
	"  $1::name, $2::name, false)"},
    {PGFACT_SLOT_DROP, 90400, /* 9.4.26 slotfuncs.c */
	"SELECT pg_drop_replication_slot($1::name)"},

    /* --- repl-status --- */
    {PGFACT_STATUS_NODE, 90000, /* 9.0.0 pg_proc.h */
	STATUS_NODE_XLOG(
	    "NULL::text", "NULL::boolean", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_NODE, 90100, /* rel 9.1: replay timestamp, pause, sync */
	STATUS_NODE_XLOG(REPLAYED_AT, STANDBY "pg_is_xlog_replay_paused() END",
	    "NULL::text", SETTING("synchronous_standby_names"))},
    {PGFACT_STATUS_NODE, 90500, /* rel 9.5: cluster_name */
	STATUS_NODE_XLOG(REPLAYED_AT, STANDBY "pg_is_xlog_replay_paused() END",
	    SETTING("cluster_name"), SETTING("synchronous_standby_names"))},
    {PGFACT_STATUS_NODE, 100000, STATUS_NODE_WAL("NULL::text")}, /* rel 10 */
    {PGFACT_STATUS_NODE, 120000, /* rel 12: recovery.conf became settings */
	STATUS_NODE_WAL("(SELECT setting FROM pg_settings\n"
			"    WHERE name = 'recovery_min_apply_delay')")},

    {PGFACT_STATUS_SENDERS, 90100, /* rel 9.1 */
	STATUS_SENDERS("procpid", "_location", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SENDERS, 90200, /* rel 9.2: pid */
	STATUS_SENDERS("pid", "_location", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SENDERS, 100000, /* rel 10: names, replay_lag */
	STATUS_SENDERS(
	    "pid", "_lsn", EPOCH_OF "replay_lag" AS_TEXT, "NULL::text")},
    {PGFACT_STATUS_SENDERS, 120000, /* rel 12: reply_time */
	STATUS_SENDERS("pid", "_lsn", EPOCH_OF "replay_lag" AS_TEXT,
	    AGE_OF "reply_time" AS_TEXT)},

    {PGFACT_STATUS_RECEIVER, 90600, /* rel 9.6; 9.6.10 system_views.sql */
	STATUS_RECEIVER(
	    "NULL::text", "received_lsn", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_RECEIVER, 110000, /* rel 11: sender_host, sender_port */
	STATUS_RECEIVER(
	    "NULL::text", "received_lsn", "sender_host", "sender_port::text")},
    {PGFACT_STATUS_RECEIVER, 130000, /* rel 13: written, flushed */
	STATUS_RECEIVER("written_lsn::text", "flushed_lsn", "sender_host",
	    "sender_port::text")},

    {PGFACT_STATUS_SLOTS, 90400, /* 9.4.26 system_views.sql */
	STATUS_SLOTS("false", "false", "NULL::text", "NULL::text", "NULL::text",
	    "NULL::text")},
    {PGFACT_STATUS_SLOTS, 90500, /* rel 9.5: active_pid */
	STATUS_SLOTS("false", "false", "active_pid::text", "NULL::text",
	    "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SLOTS, 100000, /* rel 10: temporary */
	STATUS_SLOTS("temporary", "false", "active_pid::text", "NULL::text",
	    "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SLOTS, 130000, /* rel 13: wal_status, safe_wal_size */
	STATUS_SLOTS("temporary", "false", "active_pid::text", "wal_status",
	    "safe_wal_size::text", "NULL::text")},
    {PGFACT_STATUS_SLOTS, 170000, /* rel 17: synced, invalidation_reason */
	STATUS_SLOTS("temporary", "synced", "active_pid::text", "wal_status",
	    "safe_wal_size::text", "invalidation_reason")},

    {PGFACT_STATUS_CONTROL, 90600, /* rel 9.6: pg_control_*() */
	"SELECT system_identifier::text,\n"
	"  " STANDBY "greatest(\n"
	"    (SELECT timeline_id FROM pg_control_checkpoint()),\n"
	"    (SELECT min_recovery_end_timeline\n"
	"    FROM pg_control_recovery()))::text END\n"
	"FROM pg_control_system()"},

    /* --- names in the data directory --- */
    {PGFACT_DIR_WAL, 90000, "pg_xlog"},
    {PGFACT_DIR_WAL, 100000, "pg_wal"}, /* rel 10 */
    {PGFACT_DIR_XACT, 90000, "pg_clog"},
    {PGFACT_DIR_XACT, 100000, "pg_xact"}, /* rel 10 */
    {PGFACT_FILE_RECOVERY, 90000, "recovery.conf"},
    {PGFACT_FILE_RECOVERY, 120000, "standby.signal"},  /* rel 12 */
    {PGFACT_RECOVERY_IS_GUC, 120000, yes},             /* rel 12 */
    {PGFACT_AUTO_CONF, 90400, "postgresql.auto.conf"}, /* rel 9.4 */
    {PGFACT_TRIGGER_PARAM, 90000, "trigger_file"},
    {PGFACT_TRIGGER_PARAM, 120000, "promote_trigger_file"},  /* rel 12 */
    {PGFACT_TRIGGER_PARAM, 160000, NULL},                    /* rel 16 */
    {PGFACT_SLOT_PARAM, 90400, "primary_slot_name"},         /* rel 9.4 */
    {PGFACT_DELAY_PARAM, 90400, "recovery_min_apply_delay"}, /* rel 9.4 */
    {PGFACT_PASSFILE, 100000, yes},                          /* rel 10 */
    /* 9.0 reads recovery.conf by a parser of its own; ParseConfigFp later */
    {PGFACT_BACKSLASH_ESCAPE, 90100, yes},
    {PGFACT_UNLOGGED, 90100, yes},        /* rel 9.1 */
    {PGFACT_INPLACE_TBLSPC, 150000, yes}, /* allow_in_place_tablespaces */
    {PGFACT_GROUP_ACCESS, 110000, yes},   /* rel 11 */
    /* 10-13 print it bare, and read it so (seen on all of them) */
    {PGFACT_MAP_BACKSLASH, 140000, yes},
    {PGFACT_PROMOTE_SQL, 120000, /* rel 12 */
	"SELECT pg_promote(true, $1::integer)"},
    {PGFACT_CONNINFO_RELOAD, 130000, yes}, /* rel 13; 14.13 guc.c:3942 */
    {PGFACT_TIMELINE_HISTORY, 90300, yes}, /* rel 9.3; 9.3.5 repl_gram.y */

    /* --- what a hint says --- */
    {PGFACT_GRANT_BACKUP, 90600, /* 9.6.10 system_views.sql:1019-1021 */
	"pg_catalog.pg_start_backup(text, boolean, boolean), "
	"pg_catalog.pg_stop_backup(boolean)"},
    {PGFACT_GRANT_BACKUP, 100000, /* 10.0 system_views.sql:1124 */
	"pg_catalog.pg_start_backup(text, boolean, boolean), "
	"pg_catalog.pg_stop_backup(boolean, boolean)"},
    {PGFACT_GRANT_BACKUP, 150000, /* 17.3 system_functions.sql:648 */
	"pg_catalog.pg_backup_start(text, boolean), "
	"pg_catalog.pg_backup_stop(boolean)"},
    {PGFACT_REPLICATION_ROLE, 90100, yes},                  /* rel 9.1 */
    {PGFACT_READ_SETTINGS, 100000, "pg_read_all_settings"}, /* rel 10 */
    {PGFACT_ALTER_SYSTEM, 90400, yes},                      /* rel 9.4 */
    {PGFACT_WAL_LEVEL, 90000, "hot_standby"},
    {PGFACT_WAL_LEVEL, 90600, "replica"},                         /* rel 9.6 */
    {PGFACT_RESUME_SQL, 90100, "SELECT pg_xlog_replay_resume()"}, /* rel 9.1 */
    {PGFACT_RESUME_SQL, 100000, "SELECT pg_wal_replay_resume()"}, /* rel 10 */
    {PGFACT_LONG_QUERIES_SQL, 90000, /* 9.0.0 system_views.sql */
	"SELECT procpid, now() - xact_start, current_query "
	"FROM pg_stat_activity WHERE current_query <> '<IDLE>' "
	"ORDER BY 2 DESC"},
    {PGFACT_LONG_QUERIES_SQL, 90200, /* rel 9.2: pid, state, query */
	"SELECT pid, now() - xact_start, query "
	"FROM pg_stat_activity WHERE state <> 'idle' ORDER BY 2 DESC"},
    {PGFACT_READ_STATS, 100000, "pg_monitor"}, /* rel 10 */
};

static const char *const fact_names[] = {
    [PGFACT_BACKUP_START] = "backup-start",
    [PGFACT_BACKUP_STOP] = "backup-stop",
    [PGFACT_BACKUP_STOP_WAIT] = "backup-stop-wait",
    [PGFACT_BACKUP_EXCLUSIVE] = "backup-exclusive",
    [PGFACT_BACKUP_START_EXCL] = "backup-start-exclusive",
    [PGFACT_BACKUP_STOP_EXCL] = "backup-stop-exclusive",
    [PGFACT_BACKUP_MAY] = "backup-privilege",
    [PGFACT_IS_IN_BACKUP] = "is-in-backup",
    [PGFACT_TABLESPACE_MAP] = "tablespace-map",
    [PGFACT_STANDBY_SOURCE] = "standby-source",
    [PGFACT_ROLE] = "role",
    [PGFACT_COLLATION] = "collation",
    [PGFACT_SYSTEM_IDENTIFIER] = "system-identifier",
    [PGFACT_TIMELINE] = "timeline",
    [PGFACT_CURRENT_LSN] = "current-lsn",
    [PGFACT_RECEIVE_LSN] = "receive-lsn",
    [PGFACT_REPLAY_LSN] = "replay-lsn",
    [PGFACT_TABLESPACES] = "tablespaces",
    [PGFACT_SENDERS] = "senders",
    [PGFACT_RECEIVER] = "receiver",
    [PGFACT_ARCHIVER] = "archiver",
    [PGFACT_REPLAY_PAUSED] = "replay-paused",
    [PGFACT_SLOT_LIST] = "slot-list",
    [PGFACT_SLOT_CREATE] = "slot-create",
    [PGFACT_SLOT_RESERVES] = "slot-reserves",
    [PGFACT_SLOT_CREATE_TEMP] = "slot-create-temporary",
    [PGFACT_SLOT_COPY] = "slot-copy",
    [PGFACT_SLOT_DROP] = "slot-drop",
    [PGFACT_STATUS_NODE] = "status-node",
    [PGFACT_STATUS_SENDERS] = "status-senders",
    [PGFACT_STATUS_RECEIVER] = "status-receiver",
    [PGFACT_STATUS_SLOTS] = "status-slots",
    [PGFACT_STATUS_CONTROL] = "status-control",
    [PGFACT_DIR_WAL] = "wal-directory",
    [PGFACT_DIR_XACT] = "xact-directory",
    [PGFACT_FILE_RECOVERY] = "recovery-file",
    [PGFACT_RECOVERY_IS_GUC] = "recovery-is-setting",
    [PGFACT_AUTO_CONF] = "auto-conf",
    [PGFACT_TRIGGER_PARAM] = "trigger-parameter",
    [PGFACT_SLOT_PARAM] = "slot-parameter",
    [PGFACT_DELAY_PARAM] = "delay-parameter",
    [PGFACT_PASSFILE] = "passfile",
    [PGFACT_BACKSLASH_ESCAPE] = "backslash-escape",
    [PGFACT_UNLOGGED] = "unlogged",
    [PGFACT_INPLACE_TBLSPC] = "in-place-tablespaces",
    [PGFACT_GROUP_ACCESS] = "group-access",
    [PGFACT_MAP_BACKSLASH] = "map-backslash",
    [PGFACT_PROMOTE_SQL] = "promote",
    [PGFACT_CONNINFO_RELOAD] = "conninfo-reload",
    [PGFACT_TIMELINE_HISTORY] = "timeline-history",
    [PGFACT_GRANT_BACKUP] = "grant-backup",
    [PGFACT_REPLICATION_ROLE] = "replication-role",
    [PGFACT_READ_SETTINGS] = "read-settings",
    [PGFACT_ALTER_SYSTEM] = "alter-system",
    [PGFACT_WAL_LEVEL] = "wal-level",
    [PGFACT_RESUME_SQL] = "resume-replay",
    [PGFACT_LONG_QUERIES_SQL] = "long-queries",
    [PGFACT_READ_STATS] = "read-statistics",
};
_Static_assert(NELEM(fact_names) == PGFACT_NCODES, "a fact has no name");

const char *
pgver(int version, enum pgfact fact)
{
	const char *text = NULL;
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		if (rows[i].fact == fact && rows[i].since <= version)
			text = rows[i].text;
	return text;
}

const char *
pgver_fact_name(enum pgfact fact)
{
	return (size_t)fact < NELEM(fact_names) ? fact_names[fact] : NULL;
}

/* 906 for 9.6.24, 1500 for 15.18: equal for equal majors, in their order. */
static int
major_of(int version)
{
	return version < 100000 ? version / 100 : version / 10000 * 100;
}

const char *
pgver_major(int version, char *buf, size_t size)
{
	if (version < 100000)
		snprintf(
		    buf, size, "%d.%d", version / 10000, version / 100 % 100);
	else
		snprintf(buf, size, "%d", version / 10000);
	return buf;
}

/* One to three digits; returns what is behind them, or NULL. */
static const char *
parse_number(const char *s, int *n)
{
	const char *start = s;

	for (*n = 0; *s >= '0' && *s <= '9' && s - start < 3; s++)
		*n = *n * 10 + (*s - '0');
	return s == start ? NULL : s;
}

int
pgver_parse(const char *text)
{
	int part[3], n = 0, want_max;
	const char *s = text;

	for (;;) {
		if (n == 3 || (s = parse_number(s, &part[n])) == NULL)
			return -1;
		n++;
		if (*s != '.')
			break;
		s++;
	}
	if (*s == '\n')
		s++;
	if (*s != '\0' || part[0] == 0)
		return -1;
	/* Two numbers name a major below 10, one from then on. */
	want_max = part[0] < 10 ? 3 : 2;
	if (n > want_max || n < want_max - 1)
		return -1;
	if (part[0] >= 10)
		return part[0] * 10000;
	return part[1] > 99 ? -1 : part[0] * 10000 + part[1] * 100;
}

bool
pgver_same_major(int a, int b)
{
	return major_of(a) == major_of(b);
}

bool
pgver_known(int version)
{
	return major_of(version) <= major_of(PGVER_NEWEST);
}

bool
pgver_supported(int version)
{
	return version >= PGVER_OLDEST;
}

uint32_t
pgver_segments_per_xlogid(int version, uint32_t segsize)
{
	/* 9.0.0 xlog_internal.h:122, 9.3.5 xlog_internal.h:117 */
	if (version < 90300)
		return UINT32_C(0xFFFFFFFF) / segsize;
	return (uint32_t)((UINT64_C(1) << 32) / segsize);
}

bool
pgver_lsn64(int version)
{
	return version >= 90300;
}

uint64_t
pgver_xlogid_bytes(int version)
{
	const uint32_t segsize = 16 << 20;

	return (uint64_t)pgver_segments_per_xlogid(version, segsize) * segsize;
}

/*
 * Offsets in pg_control, from ControlFileData and CheckPoint in pg_control.h
 * of each version.  Verified on fresh clusters of 9.0, 9.3, 9.4, 9.6 and
 * 10-18 by value and CRC; 9.1, 9.2 and 9.5 computed from their structures.
 * 13 to 16 share version 1300 and the layout; 9.4 and 9.5 share version 942
 * but not the layout (9.5 added the commit timestamps).
 */
#define PARAMETERS_9_6(shift)                                                  \
	.min_recovery = 136 + (shift), .min_recovery_tli = 144 + (shift),      \
	.backup_start = 152 + (shift), .wal_level = 172 + (shift),             \
	.max_connections = 180 + (shift),                                      \
	.max_worker_processes = 184 + (shift)
#define SIZES_9_6(shift)                                                       \
	.blcksz = 216 + (shift), .relseg_size = 220 + (shift),                 \
	.xlog_blcksz = 224 + (shift), .xlog_seg_size = 228 + (shift),          \
	.checksum_version = 252 + (shift)
/* 11 dropped prevCheckPoint (8 bytes), 12 added max_wal_senders. */
#define LAYOUT_9_5                                                             \
	.state = 16, .checkpoint = 32, .redo = 48, .timeline = 56,             \
	.prev_timeline = 60, PARAMETERS_9_6(0), .max_wal_senders = -1,         \
	.max_prepared_xacts = 188, .max_locks_per_xact = 192, SIZES_9_6(0),    \
	.crc32c = true, .lsn64 = true
#define LAYOUT_11                                                              \
	.state = 16, .checkpoint = 32, .redo = 40, .timeline = 48,             \
	.prev_timeline = 52, PARAMETERS_9_6(-8), .max_wal_senders = -1,        \
	.max_prepared_xacts = 180, .max_locks_per_xact = 184, SIZES_9_6(-8),   \
	.crc32c = true, .lsn64 = true
#define LAYOUT_12                                                              \
	.state = 16, .checkpoint = 32, .redo = 40, .timeline = 48,             \
	.prev_timeline = 52, PARAMETERS_9_6(0), .max_wal_senders = 188,        \
	.max_prepared_xacts = 192, .max_locks_per_xact = 196, SIZES_9_6(0),    \
	.crc32c = true, .lsn64 = true

static const struct pgver_control layouts[] = {
    {.pg_control_version = 903,
	.version = 90000,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = -1,
	.min_recovery = 104,
	.min_recovery_tli = -1,
	.backup_start = 112,
	.wal_level = 120,
	.max_connections = 124,
	.max_worker_processes = -1,
	.max_wal_senders = -1,
	.max_prepared_xacts = 128,
	.max_locks_per_xact = 132,
	.blcksz = 152,
	.relseg_size = 156,
	.xlog_blcksz = 160,
	.xlog_seg_size = 164,
	.checksum_version = -1,
	.crc = 184},
    {.pg_control_version = 922,
	.version = 90200,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = -1,
	.min_recovery = 112,
	.min_recovery_tli = -1,
	.backup_start = 120,
	.wal_level = 140,
	.max_connections = 144,
	.max_worker_processes = -1,
	.max_wal_senders = -1,
	.max_prepared_xacts = 148,
	.max_locks_per_xact = 152,
	.blcksz = 168,
	.relseg_size = 172,
	.xlog_blcksz = 176,
	.xlog_seg_size = 180,
	.checksum_version = -1,
	.crc = 200},
    {.pg_control_version = 937,
	.version = 90300,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = 60,
	.min_recovery = 128,
	.min_recovery_tli = 136,
	.backup_start = 144,
	.wal_level = 164,
	.max_connections = 168,
	.max_worker_processes = -1,
	.max_wal_senders = -1,
	.max_prepared_xacts = 172,
	.max_locks_per_xact = 176,
	.blcksz = 192,
	.relseg_size = 196,
	.xlog_blcksz = 200,
	.xlog_seg_size = 204,
	.checksum_version = 224,
	.crc = 228,
	.lsn64 = true},
    {.pg_control_version = 942,
	.version = 90400,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = 60,
	.min_recovery = 128,
	.min_recovery_tli = 136,
	.backup_start = 144,
	.wal_level = 164,
	.max_connections = 172,
	.max_worker_processes = 176,
	.max_wal_senders = -1,
	.max_prepared_xacts = 180,
	.max_locks_per_xact = 184,
	.blcksz = 200,
	.relseg_size = 204,
	.xlog_blcksz = 208,
	.xlog_seg_size = 212,
	.checksum_version = 236,
	.crc = 240,
	.lsn64 = true},
    {.pg_control_version = 942, .version = 90500, LAYOUT_9_5, .crc = 256},
    {.pg_control_version = 960, .version = 90600, LAYOUT_9_5, .crc = 256},
    {.pg_control_version = 1002, .version = 100000, LAYOUT_9_5, .crc = 288},
    {.pg_control_version = 1100, .version = 110000, LAYOUT_11, .crc = 280},
    {.pg_control_version = 1201, .version = 120000, LAYOUT_12, .crc = 288},
    {.pg_control_version = 1300, .version = 130000, LAYOUT_12, .crc = 288},
    {.pg_control_version = 1700, .version = 170000, LAYOUT_12, .crc = 288},
    {.pg_control_version = 1800, .version = 180000, LAYOUT_12, .crc = 292},
};

/* pg_control.h, catversion.h and xlog_internal.h of each major; seen on fresh
 * clusters but 9.1, 9.2 and 9.5, whose WAL magic is left open. */
static const struct major {
	int version;
	uint32_t control_version, catalog_version;
	uint16_t wal_magic;
} majors[] = {
    {90000, 903, 201008051, 0xD064},
    {90100, 903, 201105231, 0},
    {90200, 922, 201204301, 0},
    {90300, 937, 201306121, 0xD075},
    {90400, 942, 201409291, 0xD07E},
    {90500, 942, 201510051, 0},
    {90600, 960, 201608131, 0xD093},
    {100000, 1002, 201707211, 0xD097},
    {110000, 1100, 201809051, 0xD098},
    {120000, 1201, 201909212, 0xD101},
    {130000, 1300, 202007201, 0xD106},
    {140000, 1300, 202107181, 0xD10D},
    {150000, 1300, 202209061, 0xD110},
    {160000, 1300, 202307071, 0xD113},
    {170000, 1700, 202406281, 0xD116},
    {180000, 1800, 202506291, 0xD118},
};

int
pgver_major_at(size_t i)
{
	return i < NELEM(majors) ? majors[i].version : 0;
}

static const struct major *
major_of_catalog(uint32_t catalog_version)
{
	size_t i;

	for (i = 0; i < NELEM(majors); i++)
		if (majors[i].catalog_version == catalog_version)
			return &majors[i];
	return NULL;
}

const struct pgver_control *
pgver_control(uint32_t control_version, uint32_t catalog_version)
{
	const struct major *m = major_of_catalog(catalog_version);
	const struct pgver_control *found = NULL;
	size_t i;

	if (m == NULL || m->control_version != control_version)
		return NULL;
	for (i = 0; i < NELEM(layouts); i++)
		if (layouts[i].version <= m->version)
			found = &layouts[i];
	return found;
}

int
pgver_of_catalog(uint32_t catalog_version)
{
	const struct major *m = major_of_catalog(catalog_version);

	return m == NULL ? 0 : m->version;
}

uint16_t
pgver_wal_magic(int version)
{
	size_t i;

	for (i = 0; i < NELEM(majors); i++)
		if (pgver_same_major(majors[i].version, version))
			return majors[i].wal_magic;
	return 0;
}

/*
 * Keywords of libpq that make sense in primary_conninfo, by the major whose
 * libpq knew them first (fe-connect.c, PQconninfoOptions); an unknown one
 * stops the walreceiver.  dbname is ignored until 17 uses it for slot sync.
 */
static const struct {
	const char *keyword;
	int version;
} walreceiver_keywords[] = {
    {"host", 90000},
    {"hostaddr", 90000},
    {"port", 90000},
    {"user", 90000},
    {"connect_timeout", 90000},
    {"application_name", 90000},
    {"keepalives", 90000},
    {"keepalives_idle", 90000},
    {"keepalives_interval", 90000},
    {"keepalives_count", 90000},
    {"sslmode", 90000},
    {"sslcert", 90000},
    {"sslkey", 90000},
    {"sslrootcert", 90000},
    {"sslcrl", 90000},
    {"krbsrvname", 90000},
    {"gsslib", 90000},
    {"requirepeer", 90100},
    {"passfile", 100000},
    {"gssencmode", 120000},
    {"tcp_user_timeout", 120000},
    {"channel_binding", 130000},
    {"ssl_min_protocol_version", 130000},
    {"ssl_max_protocol_version", 130000},
    {"sslcrldir", 140000},
    {"sslsni", 140000},
    {"require_auth", 160000},
    {"sslcertmode", 160000},
    {"gssdelegation", 160000},
    {"load_balance_hosts", 160000},
    {"sslnegotiation", 170000},
    {"dbname", 170000},
    {"min_protocol_version", 180000},
    {"max_protocol_version", 180000},
};

bool
pgver_walreceiver_takes(int version, const char *keyword)
{
	for (size_t i = 0; i < NELEM(walreceiver_keywords); i++)
		if (strcmp(walreceiver_keywords[i].keyword, keyword) == 0)
			return version >= walreceiver_keywords[i].version;
	return false;
}
