/*
 * The version table: names, what files may say, what a hint tells to type.
 */
#include "base/std.h"
#include "core/pgver_int.h"

static const char yes[] = "yes";

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
};
const size_t pgver_nrows = NELEM(pgver_rows);
