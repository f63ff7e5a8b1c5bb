/*
 * The version table: SQL.  Every text was run on 10.23, 11.22, 12.22, 13.23,
 * 14.23, 15.18, 16.14, 17.10 and 18.4 where it applies there.
 */
#include "base/std.h"
#include "core/pgver_int.h"

static const char yes[] = "yes";

/* The timeline that a primary writes: the first 8 digits of the name of its
 * segment.  Right after a promotion pg_control still has the old one. */
#define TLI_OF_NAME(name) "('x' || substr(" name ", 1, 8))::bit(32)::bigint"

#define TLI_PRIMARY(name)                                                      \
	"CASE WHEN NOT pg_is_in_recovery() THEN\n  " TLI_OF_NAME(name)
#define TLI_ELSE                                                               \
	"ELSE greatest(\n"                                                     \
	"  (SELECT timeline_id FROM pg_control_checkpoint()),\n"               \
	"  (SELECT min_recovery_end_timeline FROM pg_control_recovery()))\n"   \
	"END"
#define XLOG_NAME "pg_xlogfile_name(pg_current_xlog_location())"
#define WAL_NAME "pg_walfile_name(pg_current_wal_lsn())"

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
	"    " current "()), 1, 8))::bit(32)::bigint::text END,\n"             \
	"  current_setting('port')"
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

/* Only those that an index of this database uses. */
#define STALE_COLLATIONS                                                       \
	"SELECT 'collation', collname::text, collversion::text,\n"             \
	"pg_collation_actual_version(oid)::text FROM pg_collation\n"           \
	"WHERE oid IN (SELECT unnest(indcollation::oid[]) FROM pg_index)\n"    \
	"AND collversion <> pg_collation_actual_version(oid)"

const struct pgver_row pgver_sql[] = {
    /* --- backup --- */
    {PGFACT_BACKUP_START, 90000, "9.0.0 pg_proc.h:3299",
	"SELECT pg_start_backup($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_START, 90600, "9.6.10 system_views.sql:927",
	"SELECT pg_start_backup($1::text, $2::boolean, false)::text"},
    {PGFACT_BACKUP_START, 150000, "17.3 system_functions.sql:387",
	"SELECT pg_backup_start($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_STOP, 90000, "9.0.0 pg_proc.h:3301",
	"SELECT pg_stop_backup()::text"},
    {PGFACT_BACKUP_STOP, 90600, "9.6.10 system_views.sql:1019",
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_stop_backup(false)"},
    {PGFACT_BACKUP_STOP, 100000, "10.0 system_views.sql:1016-1025",
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_stop_backup(false, $1::boolean)"},
    {PGFACT_BACKUP_STOP, 150000, "17.3 system_functions.sql:391",
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_backup_stop($1::boolean)"},
    {PGFACT_BACKUP_STOP_WAIT, 100000, "10.0 system_views.sql:1016-1025", yes},
    {PGFACT_BACKUP_EXCLUSIVE, 90000, "9.0.0 xlog.c:8324", yes},
    {PGFACT_BACKUP_EXCLUSIVE, 90600, "rel 9.6", NULL},
    {PGFACT_BACKUP_START_EXCL, 90000, "9.0.0 pg_proc.h:3299",
	"SELECT pg_start_backup($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_START_EXCL, 90600, "9.6.10 system_views.sql:927",
	"SELECT pg_start_backup($1::text, $2::boolean, true)::text"},
    {PGFACT_BACKUP_START_EXCL, 150000, "rel 15", NULL},
    {PGFACT_BACKUP_STOP_EXCL, 90000, "9.0.0 pg_proc.h:3301",
	"SELECT pg_stop_backup()::text"},
    {PGFACT_BACKUP_STOP_EXCL, 150000, "rel 15", NULL},
    {PGFACT_BACKUP_MAY, 90600, "9.6.10 system_views.sql:1019-1021",
	"SELECT has_function_privilege(\n"
	"  'pg_start_backup(text,boolean,boolean)', 'EXECUTE')\n"
	"  AND has_function_privilege('pg_stop_backup(boolean)', 'EXECUTE')"},
    {PGFACT_BACKUP_MAY, 100000, "10.0 system_views.sql:1124",
	"SELECT has_function_privilege(\n"
	"  'pg_start_backup(text,boolean,boolean)', 'EXECUTE')\n"
	"  AND has_function_privilege(\n"
	"  'pg_stop_backup(boolean,boolean)', 'EXECUTE')"},
    {PGFACT_BACKUP_MAY, 150000, "17.3 system_functions.sql:648",
	"SELECT has_function_privilege(\n"
	"  'pg_backup_start(text,boolean)', 'EXECUTE')\n"
	"  AND has_function_privilege('pg_backup_stop(boolean)', 'EXECUTE')"},
    {PGFACT_IS_IN_BACKUP, 90300, "rel 9.3", "SELECT pg_is_in_backup()"},
    {PGFACT_IS_IN_BACKUP, 150000, "rel 15", NULL},
    {PGFACT_TABLESPACE_MAP, 90500, "rel 9.5; 9.6.10 xlog.h:310", yes},
    {PGFACT_STANDBY_SOURCE, 90600, "rel 9.6: non-exclusive only", yes},
    /* Forced on for a backup of a primary only: the record says the setting. */
    {PGFACT_RESTART_POINT_FPW, 90600,
	"rel 9.6: pg_control_checkpoint; seen on 10 and 15: the start refuses",
	"SELECT full_page_writes FROM pg_control_checkpoint()"},
    /* --- state of a node --- */
    {PGFACT_ROLE, 90000, "9.0.0 pg_authid.h: no rolreplication",
	"SELECT rolsuper, false FROM pg_roles WHERE rolname = current_user"},
    {PGFACT_ROLE, 90100, "rel 9.1: rolreplication",
	"SELECT rolsuper, rolreplication FROM pg_roles\n"
	"WHERE rolname = current_user"},
    {PGFACT_COLLATION, 90000, "9.0.0 pg_database.h: datcollate",
	"SELECT datcollate::text, NULL::text FROM pg_database\n"
	"WHERE datname = current_database()"},
    {PGFACT_COLLATION, 150000, "rel 15: datcollversion",
	"SELECT datcollate::text, datcollversion::text FROM pg_database\n"
	"WHERE datname = current_database()"},
    {PGFACT_COLLATION_STALE, 100000, "rel 10: collversion",
	STALE_COLLATIONS " LIMIT 5"},
    {PGFACT_COLLATION_STALE, 150000, "rel 15: datcollversion",
	STALE_COLLATIONS
	" UNION ALL\n"
	"SELECT 'database', datname::text, datcollversion,\n"
	"pg_database_collation_actual_version(oid) FROM pg_database\n"
	"WHERE datcollversion <> pg_database_collation_actual_version(oid)\n"
	"LIMIT 5"},
    {PGFACT_SYSTEM_IDENTIFIER, 90600, "rel 9.6",
	"SELECT system_identifier::text FROM pg_control_system()"},
    {PGFACT_TIMELINE, 90000, "9.0.0: pg_xlogfile_name fails on a standby",
	"SELECT " TLI_PRIMARY(XLOG_NAME) " END"},
    {PGFACT_TIMELINE, 90600, "rel 9.6: pg_control_checkpoint, _recovery",
	"SELECT " TLI_PRIMARY(XLOG_NAME) "\n" TLI_ELSE},
    {PGFACT_TIMELINE, 100000, "rel 10: names",
	"SELECT " TLI_PRIMARY(WAL_NAME) "\n" TLI_ELSE},
    {PGFACT_CURRENT_LSN, 90000, "9.0.0 pg_proc.h",
	"SELECT pg_current_xlog_location()::text"},
    {PGFACT_CURRENT_LSN, 100000, "rel 10", "SELECT pg_current_wal_lsn()::text"},
    {PGFACT_RECEIVE_LSN, 90000, "9.0.0 pg_proc.h",
	"SELECT pg_last_xlog_receive_location()::text"},
    {PGFACT_RECEIVE_LSN, 100000, "rel 10",
	"SELECT pg_last_wal_receive_lsn()::text"},
    {PGFACT_REPLAY_LSN, 90000, "9.0.0 pg_proc.h",
	"SELECT pg_last_xlog_replay_location()::text"},
    {PGFACT_REPLAY_LSN, 100000, "rel 10",
	"SELECT pg_last_wal_replay_lsn()::text"},
    {PGFACT_TABLESPACES, 90000, "9.0.0 pg_tablespace.h: spclocation",
	TABLESPACES("spclocation")},
    {PGFACT_TABLESPACES, 90200, "rel 9.2: spclocation removed",
	TABLESPACES("pg_tablespace_location(oid)")},
    {PGFACT_SENDERS, 90100, "rel 9.1", SENDERS("procpid", "_location")},
    {PGFACT_SENDERS, 90200, "rel 9.2", SENDERS("pid", "_location")},
    {PGFACT_SENDERS, 100000, "rel 10", SENDERS("pid", "_lsn")},
    {PGFACT_RECEIVER, 90600, "rel 9.6", RECEIVER("received_lsn")},
    /* 13 split it; flushed is what pg_last_wal_receive_lsn() says. */
    {PGFACT_RECEIVER, 130000, "rel 13", RECEIVER("flushed_lsn")},
    {PGFACT_ARCHIVER, 90400, "rel 9.4; 9.4.26 system_views.sql",
	"SELECT last_failed_time IS NOT NULL AND\n"
	"  (last_archived_time IS NULL OR\n"
	"  last_failed_time > last_archived_time),\n"
	"  last_failed_wal, last_archived_wal\n"
	"FROM pg_stat_archiver"},
    {PGFACT_REPLAY_PAUSED, 90100, "rel 9.1; an error on a primary",
	PAUSED("pg_is_xlog_replay_paused")},
    {PGFACT_REPLAY_PAUSED, 100000, "rel 10", PAUSED("pg_is_wal_replay_paused")},
    /* --- slots --- */
    {PGFACT_SLOT_LIST, 90400, "9.4.26 system_views.sql",
	SLOT_LIST("NULL::text", "false")},
    {PGFACT_SLOT_LIST, 100000, "rel 10: temporary",
	SLOT_LIST("NULL::text", "temporary")},
    {PGFACT_SLOT_LIST, 130000, "rel 13: wal_status",
	SLOT_LIST("wal_status", "temporary")},
    {PGFACT_SLOT_CREATE, 90400, "9.4.26 slotfuncs.c: position is NULL",
	"SELECT xlog_position::text\n"
	"FROM pg_create_physical_replication_slot($1::name)"},
    {PGFACT_SLOT_CREATE, 90600, "rel 9.6: immediately_reserve",
	"SELECT xlog_position::text\n"
	"FROM pg_create_physical_replication_slot($1::name, true)"},
    {PGFACT_SLOT_CREATE, 100000, "rel 10: column lsn, temporary",
	"SELECT lsn::text\n"
	"FROM pg_create_physical_replication_slot($1::name, true, false)"},
    {PGFACT_SLOT_RESERVES, 90600, "rel 9.6", yes},
    {PGFACT_SLOT_CREATE_TEMP, 100000, "rel 10",
	"SELECT lsn::text\n"
	"FROM pg_create_physical_replication_slot($1::name, true, true)"},
    {PGFACT_SLOT_COPY, 120000, "rel 12",
	"SELECT lsn::text FROM pg_copy_physical_replication_slot(\n"
	"  $1::name, $2::name, false)"},
    {PGFACT_SLOT_DROP, 90400, "9.4.26 slotfuncs.c",
	"SELECT pg_drop_replication_slot($1::name)"},
    /* --- repl-status --- */
    {PGFACT_STATUS_NODE, 90000, "9.0.0 pg_proc.h",
	STATUS_NODE_XLOG(
	    "NULL::text", "NULL::boolean", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_NODE, 90100, "rel 9.1: replay timestamp, pause, sync",
	STATUS_NODE_XLOG(REPLAYED_AT, STANDBY "pg_is_xlog_replay_paused() END",
	    "NULL::text", SETTING("synchronous_standby_names"))},
    {PGFACT_STATUS_NODE, 90500, "rel 9.5: cluster_name",
	STATUS_NODE_XLOG(REPLAYED_AT, STANDBY "pg_is_xlog_replay_paused() END",
	    SETTING("cluster_name"), SETTING("synchronous_standby_names"))},
    {PGFACT_STATUS_NODE, 100000, "rel 10", STATUS_NODE_WAL("NULL::text")},
    {PGFACT_STATUS_NODE, 120000, "rel 12: recovery.conf became settings",
	STATUS_NODE_WAL("(SELECT setting FROM pg_settings\n"
			"    WHERE name = 'recovery_min_apply_delay')")},
    {PGFACT_STATUS_SENDERS, 90100, "rel 9.1",
	STATUS_SENDERS("procpid", "_location", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SENDERS, 90200, "rel 9.2: pid",
	STATUS_SENDERS("pid", "_location", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SENDERS, 100000, "rel 10: names, replay_lag",
	STATUS_SENDERS(
	    "pid", "_lsn", EPOCH_OF "replay_lag" AS_TEXT, "NULL::text")},
    {PGFACT_STATUS_SENDERS, 120000, "rel 12: reply_time",
	STATUS_SENDERS("pid", "_lsn", EPOCH_OF "replay_lag" AS_TEXT,
	    AGE_OF "reply_time" AS_TEXT)},
    {PGFACT_STATUS_RECEIVER, 90600, "rel 9.6; 9.6.10 system_views.sql",
	STATUS_RECEIVER(
	    "NULL::text", "received_lsn", "NULL::text", "NULL::text")},
    {PGFACT_STATUS_RECEIVER, 110000, "rel 11: sender_host, sender_port",
	STATUS_RECEIVER(
	    "NULL::text", "received_lsn", "sender_host", "sender_port::text")},
    {PGFACT_STATUS_RECEIVER, 130000, "rel 13: written, flushed",
	STATUS_RECEIVER("written_lsn::text", "flushed_lsn", "sender_host",
	    "sender_port::text")},
    {PGFACT_STATUS_SLOTS, 90400, "9.4.26 system_views.sql",
	STATUS_SLOTS("false", "false", "NULL::text", "NULL::text", "NULL::text",
	    "NULL::text")},
    {PGFACT_STATUS_SLOTS, 90500, "rel 9.5: active_pid",
	STATUS_SLOTS("false", "false", "active_pid::text", "NULL::text",
	    "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SLOTS, 100000, "rel 10: temporary",
	STATUS_SLOTS("temporary", "false", "active_pid::text", "NULL::text",
	    "NULL::text", "NULL::text")},
    {PGFACT_STATUS_SLOTS, 130000, "rel 13: wal_status, safe_wal_size",
	STATUS_SLOTS("temporary", "false", "active_pid::text", "wal_status",
	    "safe_wal_size::text", "NULL::text")},
    {PGFACT_STATUS_SLOTS, 170000, "rel 17: synced, invalidation_reason",
	STATUS_SLOTS("temporary", "synced", "active_pid::text", "wal_status",
	    "safe_wal_size::text", "invalidation_reason")},
    {PGFACT_STATUS_CONTROL, 90600, "rel 9.6: pg_control_*()",
	"SELECT system_identifier::text,\n"
	"  " STANDBY "greatest(\n"
	"    (SELECT timeline_id FROM pg_control_checkpoint()),\n"
	"    (SELECT min_recovery_end_timeline\n"
	"    FROM pg_control_recovery()))::text END\n"
	"FROM pg_control_system()"},
};
const size_t pgver_nsql = NELEM(pgver_sql);
