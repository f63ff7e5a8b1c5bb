/*
 * The version table: names, what files may say, what a hint tells to type.
 */
#include "base/std.h"
#include "core/pgver_int.h"

static const char yes[] = "yes";

#define LABEL "START WAL LOCATION, CHECKPOINT LOCATION, START TIME, LABEL"

#define TIMEOUT_9_0 "statement_timeout"
#define TIMEOUT_9_3 TIMEOUT_9_0 " lock_timeout"
#define TIMEOUT_9_6 TIMEOUT_9_3 " idle_in_transaction_session_timeout"
#define TIMEOUT_14 TIMEOUT_9_6 " idle_session_timeout"

#define SIZES "block_size wal_block_size segment_size"

#define MATCH_9_0                                                              \
	"max_connections max_prepared_transactions max_locks_per_transaction"
#define MATCH_9_4 MATCH_9_0 " max_worker_processes"

#define RECOVERY "primary_conninfo recovery_target_timeline restore_command"
#define STOPS_12 "standby_mode trigger_file"
#define RELOADED_12                                                            \
	"archive_cleanup_command recovery_end_command "                        \
	"recovery_min_apply_delay"
#define RELOADED_13 "primary_conninfo primary_slot_name"

const struct pgver_row pgver_rows[] = {
    /* --- names in the data directory --- */
    {PGFACT_DIR_WAL, 90000, "9.0.0 xlog_internal.h: XLOGDIR", "pg_xlog"},
    {PGFACT_DIR_WAL, 100000, "rel 10", "pg_wal"},
    {PGFACT_DIR_XACT, 90000, "9.0.0 clog.c: ClogCtl->Dir", "pg_clog"},
    {PGFACT_DIR_XACT, 100000, "rel 10", "pg_xact"},
    {PGFACT_FILE_RECOVERY, 90000, "9.0.0 xlog.c: RECOVERY_COMMAND_FILE",
	"recovery.conf"},
    {PGFACT_FILE_RECOVERY, 120000, "rel 12", "standby.signal"},
    {PGFACT_RECOVERY_IS_GUC, 120000, "rel 12", yes},
    {PGFACT_AUTO_CONF, 90400, "rel 9.4", "postgresql.auto.conf"},
    {PGFACT_TRIGGER_PARAM, 90000, "9.0.0 xlog.c: readRecoveryCommandFile",
	"trigger_file"},
    {PGFACT_TRIGGER_PARAM, 120000, "rel 12", "promote_trigger_file"},
    {PGFACT_TRIGGER_PARAM, 160000, "rel 16", NULL},
    {PGFACT_SLOT_PARAM, 90400, "rel 9.4", "primary_slot_name"},
    {PGFACT_DELAY_PARAM, 90400, "rel 9.4", "recovery_min_apply_delay"},
    {PGFACT_PASSFILE, 100000, "rel 10", yes},
    {PGFACT_BACKSLASH_ESCAPE, 90100,
	"9.1 xlog.c: ParseConfigFp reads recovery.conf", yes},
    {PGFACT_UNLOGGED, 90100, "rel 9.1", yes},
    {PGFACT_INPLACE_TBLSPC, 150000, "rel 15: allow_in_place_tablespaces", yes},
    {PGFACT_GROUP_ACCESS, 110000, "rel 11", yes},
    {PGFACT_MAP_BACKSLASH, 140000,
	"seen on 10-18: 10-13 print and read it bare", yes},
    {PGFACT_PROMOTE_SQL, 120000, "rel 12",
	"SELECT pg_promote(true, $1::integer)"},
    {PGFACT_CONNINFO_RELOAD, 130000, "rel 13; 14.13 guc.c:3942", yes},
    {PGFACT_TIMELINE_HISTORY, 90300, "rel 9.3; 9.3.5 repl_gram.y", yes},
    /* --- what a hint says --- */
    {PGFACT_GRANT_BACKUP, 90600, "9.6.10 system_views.sql:1019-1021",
	"pg_catalog.pg_start_backup(text, boolean, boolean), "
	"pg_catalog.pg_stop_backup(boolean)"},
    {PGFACT_GRANT_BACKUP, 100000, "10.0 system_views.sql:1124",
	"pg_catalog.pg_start_backup(text, boolean, boolean), "
	"pg_catalog.pg_stop_backup(boolean, boolean)"},
    {PGFACT_GRANT_BACKUP, 150000, "17.3 system_functions.sql:648",
	"pg_catalog.pg_backup_start(text, boolean), "
	"pg_catalog.pg_backup_stop(boolean)"},
    {PGFACT_REPLICATION_ROLE, 90100, "rel 9.1", yes},
    {PGFACT_READ_SETTINGS, 100000, "rel 10", "pg_read_all_settings"},
    {PGFACT_ALTER_SYSTEM, 90400, "rel 9.4", yes},
    {PGFACT_WAL_LEVEL, 90000, "9.0.0 xlog.c: wal_level_options", "hot_standby"},
    {PGFACT_WAL_LEVEL, 90600, "rel 9.6", "replica"},
    {PGFACT_RESUME_SQL, 90100, "rel 9.1", "SELECT pg_xlog_replay_resume()"},
    {PGFACT_RESUME_SQL, 100000, "rel 10", "SELECT pg_wal_replay_resume()"},
    {PGFACT_LONG_QUERIES_SQL, 90000, "9.0.0 system_views.sql",
	"SELECT procpid, now() - xact_start, current_query "
	"FROM pg_stat_activity WHERE current_query <> '<IDLE>' "
	"ORDER BY 2 DESC"},
    {PGFACT_LONG_QUERIES_SQL, 90200, "rel 9.2: pid, state, query",
	"SELECT pid, now() - xact_start, query "
	"FROM pg_stat_activity WHERE state <> 'idle' ORDER BY 2 DESC"},
    {PGFACT_READ_STATS, 100000, "rel 10", "pg_monitor"},
    /* --- how a clone goes --- */
    {PGFACT_WAL_WAYS, 90000, "9.0.0 system_views.sql: no slots", "fetch"},
    {PGFACT_WAL_WAYS, 90400, "rel 9.4", "slot fetch"},
    {PGFACT_REPLAY_PROOF, 90000, "9.0.0 system_views.sql: no such view", "lsn"},
    {PGFACT_REPLAY_PROOF, 90100, "rel 9.1: pg_stat_replication", "senders"},
    {PGFACT_REPLAY_PROOF, 90600, "rel 9.6: pg_stat_wal_receiver", "receiver"},
    {PGFACT_APPNAME_CLEAN, 90000, "9.0.0 guc.c: assign_application_name", "?"},
    {PGFACT_APPNAME_CLEAN, 160000, "rel 16; seen on 15-18", "\\xhh"},
    {PGFACT_ARCHIVE_WAIT, 90000, "9.4.26 xlogfuncs.c:88", "cancel"},
    {PGFACT_ARCHIVE_WAIT, 90600, "rel 9.6; seen on 9.6", "void"},
    {PGFACT_ARCHIVE_WAIT, 100000, "10.0 system_views.sql:1016-1025", "choice"},
    {PGFACT_CASCADING, 90200, "rel 9.2", yes},
    {PGFACT_TOO_SMALL, 90000, "9.0.0 xlog.c:5664-5670", "stop"},
    {PGFACT_TOO_SMALL, 140000, "rel 14; 14.13 xlog.c:6382-6451", "pause"},
    {PGFACT_SPCLOCATION, 90000, "9.0.0 pg_tablespace.h: spclocation", yes},
    {PGFACT_SPCLOCATION, 90200, "rel 9.2", NULL},
    {PGFACT_PROMOTE_MEANS, 90000, "9.0.0 xlog.c: CheckForStandbyTrigger",
	"trigger"},
    {PGFACT_PROMOTE_MEANS, 90100, "rel 9.1", "pg_ctl trigger"},
    {PGFACT_PROMOTE_MEANS, 120000, "rel 12: pg_promote", "sql pg_ctl trigger"},
    {PGFACT_PROMOTE_MEANS, 160000, "rel 16", "sql pg_ctl"},
    {PGFACT_PG_CTL_PROMOTE, 90100, "rel 9.1", yes},
    {PGFACT_PAUSE_HOLDS, 90100, "rel 9.1: pause", yes},
    {PGFACT_PAUSE_HOLDS, 130000, "rel 13; seen on 10-18", NULL},
    {PGFACT_LABEL_LINES, 90000, "9.0.0 xlog.c:8324", LABEL},
    {PGFACT_LABEL_LINES, 90100, "rel 9.1: pg_basebackup",
	LABEL ", BACKUP METHOD"},
    {PGFACT_LABEL_LINES, 90200, "rel 9.2: backup from a standby",
	LABEL ", BACKUP METHOD, BACKUP FROM"},
    {PGFACT_LABEL_LINES, 110000, "rel 11; seen on 10-18",
	LABEL ", BACKUP METHOD, BACKUP FROM, START TIMELINE"},
    {PGFACT_SESSION_TIMEOUTS, 90000, "9.0.0 guc.c", TIMEOUT_9_0},
    {PGFACT_SESSION_TIMEOUTS, 90300, "rel 9.3", TIMEOUT_9_3},
    {PGFACT_SESSION_TIMEOUTS, 90600, "rel 9.6", TIMEOUT_9_6},
    {PGFACT_SESSION_TIMEOUTS, 140000, "rel 14", TIMEOUT_14},
    {PGFACT_SESSION_TIMEOUTS, 170000, "rel 17",
	TIMEOUT_14 " transaction_timeout"},
    {PGFACT_SHOW_SETTING, 90200, "rel 9.2", "-C"},
    {PGFACT_LOCAL_SIZES, 90200, "rel 9.2: postgres -C",
	SIZES " wal_segment_size"},
    {PGFACT_LOCAL_SIZES, 110000, "rel 11: initdb --wal-segsize", SIZES},
    /* --- settings --- */
    {PGFACT_STANDBY_SETTINGS, 90000, "9.0.0 xlog.c:5664-5670", MATCH_9_0},
    {PGFACT_STANDBY_SETTINGS, 90400, "9.4.26 xlog.c:6134", MATCH_9_4},
    {PGFACT_STANDBY_SETTINGS, 120000, "12.3 xlog.c:6218",
	MATCH_9_4 " max_wal_senders"},
    {PGFACT_RECOVERY_SETTINGS, 90000, "9.0.0 xlog.c: readRecoveryCommandFile",
	"standby_mode " RECOVERY},
    {PGFACT_RECOVERY_SETTINGS, 90400, "9.4.26 xlog.c: readRecoveryCommandFile",
	"standby_mode " RECOVERY " primary_slot_name recovery_min_apply_delay"},
    {PGFACT_RECOVERY_SETTINGS, 120000, "rel 12",
	RECOVERY " primary_slot_name recovery_min_apply_delay"},
    {PGFACT_STOPS_START, 120000, "rel 12", "recovery.conf " STOPS_12},
    {PGFACT_STOPS_START, 160000, "rel 16",
	"recovery.conf " STOPS_12 " promote_trigger_file"},
    {PGFACT_RELOADED, 120000, "rel 12; 12.3 guc.c:3465",
	RELOADED_12 " promote_trigger_file"},
    {PGFACT_RELOADED, 130000, "rel 13; 14.13 guc.c:3942",
	RELOADED_12 " promote_trigger_file " RELOADED_13},
    {PGFACT_RELOADED, 140000, "rel 14; 14.13 guc.c:3846",
	RELOADED_12 " promote_trigger_file " RELOADED_13 " restore_command"},
    {PGFACT_RELOADED, 160000, "rel 16",
	RELOADED_12 " " RELOADED_13 " restore_command"},
    {PGFACT_DEFAULT_WAL_LEVEL, 90000, "9.0.0 guc.c", "minimal"},
    {PGFACT_DEFAULT_WAL_LEVEL, 100000, "rel 10", "replica"},
    {PGFACT_DEFAULT_SENDERS, 90000, "9.0.0 guc.c", "0"},
    {PGFACT_DEFAULT_SENDERS, 100000, "rel 10", "10"},
    {PGFACT_SENDERS_COUNT, 90000, "rel 12: until then", yes},
    {PGFACT_SENDERS_COUNT, 120000, "rel 12", NULL},
    {PGFACT_DEFAULT_SLOTS, 90400, "rel 9.4", "0"},
    {PGFACT_DEFAULT_SLOTS, 100000, "rel 10", "10"},
    {PGFACT_DEFAULT_HOT_STANDBY, 90000, "9.0.0 guc.c", "off"},
    {PGFACT_DEFAULT_HOT_STANDBY, 100000, "rel 10", "on"},
    {PGFACT_DEFAULT_TIMELINE, 90000, "9.0.0 xlog.c: readRecoveryCommandFile",
	"current"},
    {PGFACT_DEFAULT_TIMELINE, 120000, "rel 12", "latest"},
    {PGFACT_DEFAULT_LOG_DIR, 90000, "9.0.0 guc.c", "pg_log"},
    {PGFACT_DEFAULT_LOG_DIR, 100000, "rel 10", "log"},
    {PGFACT_DEFAULT_CHECKSUMS, 180000, "rel 18", "on"},
    {PGFACT_WAL_SEGMENT_SIZE, 90000, "9.0.0 pg_config.h: XLOG_SEG_SIZE",
	"build"},
    {PGFACT_WAL_SEGMENT_SIZE, 110000, "rel 11", "initdb"},
    {PGFACT_KEEP_PARAM, 90000, "rel 9.0", "wal_keep_segments"},
    {PGFACT_KEEP_PARAM, 130000, "rel 13", "wal_keep_size"},
    {PGFACT_WAL_SIZE_PARAM, 90000, "9.0.0 guc.c", "checkpoint_segments"},
    {PGFACT_WAL_SIZE_PARAM, 90500, "rel 9.5", "max_wal_size"},
    {PGFACT_SENDER_TIMEOUT_PARAM, 90100, "rel 9.1", "replication_timeout"},
    {PGFACT_SENDER_TIMEOUT_PARAM, 90300, "rel 9.3", "wal_sender_timeout"},
    {PGFACT_SOCKET_PARAM, 90000, "9.0.0 guc.c; seen on 9.0",
	"unix_socket_directory"},
    {PGFACT_SOCKET_PARAM, 90300, "rel 9.3", "unix_socket_directories"},
    {PGFACT_ARCHIVE_ALWAYS, 90500, "rel 9.5", yes},
    {PGFACT_ARCHIVE_LIBRARY, 150000, "rel 15", "archive_library"},
    {PGFACT_TEMP_SLOT_PARAM, 130000, "rel 13", "wal_receiver_create_temp_slot"},
    {PGFACT_SUMMARIZE_PARAM, 170000, "rel 17", "summarize_wal"},
    {PGFACT_HBA_CONTINUES, 140000, "rel 14", yes},
    {PGFACT_HBA_INCLUDE, 160000, "rel 16; hba.c: tokenize_auth_file", yes},
    {PGFACT_PIDFILE_PORT, 90100, "9.1 miscadmin.h: LOCK_FILE_LINE_PORT", yes},
};
const size_t pgver_nrows = NELEM(pgver_rows);
