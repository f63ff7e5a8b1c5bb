/* The version table: every fact on every major, and the rules of versions. */
#include "core/pgver_int.h"

#include <setjmp.h>
#include <cmocka.h>

static const int majors[] = {90023, 90124, 90224, 90325, 90426, 90525, 90624,
    100023, 110022, 120022, 130023, 140023, 150018, 160014, 170010, 180004};

/* From .. to (majors, inclusive) the fact is this text, or, when it begins
 * with "~", holds it.  What no row covers must be NULL. */
static const struct want {
	enum pgfact fact;
	int from, to;
	const char *text;
} wants[] = {
    {PGFACT_BACKUP_START, 90000, 90500,
	"SELECT pg_start_backup($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_START, 90600, 140000,
	"SELECT pg_start_backup($1::text, $2::boolean, false)::text"},
    {PGFACT_BACKUP_START, 150000, 180000,
	"SELECT pg_backup_start($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_STOP, 90000, 90500, "SELECT pg_stop_backup()::text"},
    {PGFACT_BACKUP_STOP, 90600, 90600,
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_stop_backup(false)"},
    {PGFACT_BACKUP_STOP, 100000, 140000,
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_stop_backup(false, $1::boolean)"},
    {PGFACT_BACKUP_STOP, 150000, 180000,
	"SELECT lsn::text, labelfile, spcmapfile\n"
	"FROM pg_backup_stop($1::boolean)"},
    {PGFACT_BACKUP_STOP_WAIT, 100000, 180000, "yes"},
    {PGFACT_BACKUP_EXCLUSIVE, 90000, 90500, "yes"},
    {PGFACT_BACKUP_START_EXCL, 90000, 90500,
	"SELECT pg_start_backup($1::text, $2::boolean)::text"},
    {PGFACT_BACKUP_START_EXCL, 90600, 140000,
	"SELECT pg_start_backup($1::text, $2::boolean, true)::text"},
    {PGFACT_BACKUP_STOP_EXCL, 90000, 140000, "SELECT pg_stop_backup()::text"},
    {PGFACT_BACKUP_MAY, 90600, 90600, "~('pg_stop_backup(boolean)',"},
    {PGFACT_BACKUP_MAY, 100000, 140000,
	"~\n  'pg_stop_backup(boolean,boolean)',"},
    {PGFACT_BACKUP_MAY, 150000, 180000, "~('pg_backup_stop(boolean)',"},
    {PGFACT_ROLE, 90000, 90000, "~rolsuper, false FROM"},
    {PGFACT_ROLE, 90100, 180000, "~rolsuper, rolreplication FROM"},
    {PGFACT_COLLATION, 90000, 140000, "~datcollate::text, NULL::text FROM"},
    {PGFACT_COLLATION, 150000, 180000,
	"~datcollate::text, datcollversion::text FROM"},
    {PGFACT_COLLATION_STALE, 100000, 140000,
	"~collversion <> pg_collation_actual_version(oid) LIMIT 5"},
    {PGFACT_COLLATION_STALE, 150000, 180000, "~UNION ALL\nSELECT 'database'"},
    {PGFACT_IS_IN_BACKUP, 90300, 140000, "SELECT pg_is_in_backup()"},
    {PGFACT_TABLESPACE_MAP, 90500, 180000, "yes"},
    {PGFACT_STANDBY_SOURCE, 90600, 180000, "yes"},
    {PGFACT_RESTART_POINT_FPW, 90600, 180000, "~pg_control_checkpoint()"},
    {PGFACT_SYSTEM_IDENTIFIER, 90600, 180000, "~pg_control_system()"},
    {PGFACT_TIMELINE, 90000, 90600,
	"~pg_xlogfile_name(pg_current_xlog_location())"},
    {PGFACT_TIMELINE, 100000, 180000, "~pg_walfile_name(pg_current_wal_lsn())"},
    {PGFACT_CURRENT_LSN, 90000, 90600, "~pg_current_xlog_location()::text"},
    {PGFACT_CURRENT_LSN, 100000, 180000, "~pg_current_wal_lsn()::text"},
    {PGFACT_RECEIVE_LSN, 90000, 90600, "~pg_last_xlog_receive_location()"},
    {PGFACT_RECEIVE_LSN, 100000, 180000, "~pg_last_wal_receive_lsn()"},
    {PGFACT_REPLAY_LSN, 90000, 90600, "~pg_last_xlog_replay_location()"},
    {PGFACT_REPLAY_LSN, 100000, 180000, "~pg_last_wal_replay_lsn()"},
    {PGFACT_TABLESPACES, 90000, 90100, "~ spclocation\n"},
    {PGFACT_TABLESPACES, 90200, 180000, "~ pg_tablespace_location(oid)\n"},
    {PGFACT_SENDERS, 90100, 90100,
	"SELECT procpid::text, application_name, host(client_addr), state,\n"
	"  sent_location::text, write_location::text,\n"
	"  flush_location::text, replay_location::text\n"
	"FROM pg_stat_replication ORDER BY 1"},
    {PGFACT_SENDERS, 90200, 90600,
	"SELECT pid::text, application_name, host(client_addr), state,\n"
	"  sent_location::text, write_location::text,\n"
	"  flush_location::text, replay_location::text\n"
	"FROM pg_stat_replication ORDER BY 1"},
    {PGFACT_SENDERS, 100000, 180000,
	"SELECT pid::text, application_name, host(client_addr), state,\n"
	"  sent_lsn::text, write_lsn::text,\n"
	"  flush_lsn::text, replay_lsn::text\n"
	"FROM pg_stat_replication ORDER BY 1"},
    {PGFACT_RECEIVER, 90600, 120000, "~, received_lsn::text, conninfo,"},
    {PGFACT_RECEIVER, 130000, 180000, "~, flushed_lsn::text, conninfo,"},
    {PGFACT_ARCHIVER, 90400, 180000, "~FROM pg_stat_archiver"},
    {PGFACT_REPLAY_PAUSED, 90100, 90600, "~pg_is_xlog_replay_paused()"},
    {PGFACT_REPLAY_PAUSED, 100000, 180000, "~pg_is_wal_replay_paused()"},
    {PGFACT_SLOT_LIST, 90400, 90600,
	"~restart_lsn::text, NULL::text,\n  false"},
    {PGFACT_SLOT_LIST, 100000, 120000,
	"~restart_lsn::text, NULL::text,\n  temporary"},
    {PGFACT_SLOT_LIST, 130000, 180000,
	"~restart_lsn::text, wal_status,\n  temporary"},
    {PGFACT_SLOT_CREATE, 90400, 90500, "~_slot($1::name)"},
    {PGFACT_SLOT_CREATE, 90600, 90600, "~_slot($1::name, true)"},
    {PGFACT_SLOT_CREATE, 100000, 180000, "~_slot($1::name, true, false)"},
    {PGFACT_SLOT_RESERVES, 90600, 180000, "yes"},
    {PGFACT_TIMELINE_HISTORY, 90300, 180000, "yes"},
    {PGFACT_SLOT_CREATE_TEMP, 100000, 180000, "~_slot($1::name, true, true)"},
    {PGFACT_SLOT_COPY, 120000, 180000,
	"~pg_copy_physical_replication_slot(\n  $1::name, $2::name, false)"},
    {PGFACT_SLOT_DROP, 90400, 180000,
	"SELECT pg_drop_replication_slot($1::name)"},
    {PGFACT_DIR_WAL, 90000, 90600, "pg_xlog"},
    {PGFACT_DIR_WAL, 100000, 180000, "pg_wal"},
    {PGFACT_DIR_XACT, 90000, 90600, "pg_clog"},
    {PGFACT_DIR_XACT, 100000, 180000, "pg_xact"},
    {PGFACT_FILE_RECOVERY, 90000, 110000, "recovery.conf"},
    {PGFACT_FILE_RECOVERY, 120000, 180000, "standby.signal"},
    {PGFACT_RECOVERY_IS_GUC, 120000, 180000, "yes"},
    {PGFACT_AUTO_CONF, 90400, 180000, "postgresql.auto.conf"},
    {PGFACT_TRIGGER_PARAM, 90000, 110000, "trigger_file"},
    {PGFACT_TRIGGER_PARAM, 120000, 150000, "promote_trigger_file"},
    {PGFACT_SLOT_PARAM, 90400, 180000, "primary_slot_name"},
    {PGFACT_DELAY_PARAM, 90400, 180000, "recovery_min_apply_delay"},
    {PGFACT_PASSFILE, 100000, 180000, "yes"},
    {PGFACT_BACKSLASH_ESCAPE, 90100, 180000, "yes"},
    {PGFACT_UNLOGGED, 90100, 180000, "yes"},
    {PGFACT_INPLACE_TBLSPC, 150000, 180000, "yes"},
    {PGFACT_GROUP_ACCESS, 110000, 180000, "yes"},
    {PGFACT_MAP_BACKSLASH, 140000, 180000, "yes"},
    {PGFACT_PROMOTE_SQL, 120000, 180000,
	"SELECT pg_promote(true, $1::integer)"},
    {PGFACT_CONNINFO_RELOAD, 130000, 180000, "yes"},
    {PGFACT_GRANT_BACKUP, 90600, 90600,
	"pg_catalog.pg_start_backup(text, boolean, boolean), "
	"pg_catalog.pg_stop_backup(boolean)"},
    {PGFACT_GRANT_BACKUP, 100000, 140000,
	"pg_catalog.pg_start_backup(text, boolean, boolean), "
	"pg_catalog.pg_stop_backup(boolean, boolean)"},
    {PGFACT_GRANT_BACKUP, 150000, 180000,
	"pg_catalog.pg_backup_start(text, boolean), "
	"pg_catalog.pg_backup_stop(boolean)"},
    {PGFACT_REPLICATION_ROLE, 90100, 180000, "yes"},
    {PGFACT_READ_SETTINGS, 100000, 180000, "pg_read_all_settings"},
    {PGFACT_ALTER_SYSTEM, 90400, 180000, "yes"},
    {PGFACT_WAL_LEVEL, 90000, 90500, "hot_standby"},
    {PGFACT_WAL_LEVEL, 90600, 180000, "replica"},
    {PGFACT_STATUS_NODE, 90000, 90000,
	"SELECT pg_is_in_recovery(),\n"
	"  extract(epoch FROM clock_timestamp())::numeric(20,6)::text,\n"
	"  CASE WHEN NOT pg_is_in_recovery() THEN\n"
	"    pg_current_xlog_location()::text END,\n"
	"  pg_last_xlog_receive_location()::text, "
	"pg_last_xlog_replay_location()::text,\n"
	"  NULL::text,\n"
	"  NULL::boolean,\n"
	"  extract(epoch FROM "
	"pg_postmaster_start_time())::numeric(20,6)::text,\n"
	"  NULL::text, NULL::text,\n"
	"  NULL::text,\n"
	"  current_user::text,\n"
	"  CASE WHEN NOT pg_is_in_recovery() THEN\n"
	"    ('x' || substr(pg_xlogfile_name(\n"
	"    pg_current_xlog_location()), 1, 8))::bit(32)::bigint::text END,\n"
	"  current_setting('port')"},
    {PGFACT_STATUS_NODE, 90100, 90400,
	"~pg_is_xlog_replay_paused() END,\n"
	"  extract(epoch FROM "
	"pg_postmaster_start_time())::numeric(20,6)::text,\n"
	"  NULL::text, current_setting('synchronous_standby_names'),\n"
	"  NULL::text,\n"},
    {PGFACT_STATUS_NODE, 90500, 90600,
	"~  current_setting('cluster_name'), "
	"current_setting('synchronous_standby_names'),\n"
	"  NULL::text,\n"},
    {PGFACT_STATUS_NODE, 100000, 110000,
	"~pg_is_wal_replay_paused() END,\n"
	"  extract(epoch FROM "
	"pg_postmaster_start_time())::numeric(20,6)::text,\n"
	"  current_setting('cluster_name'), "
	"current_setting('synchronous_standby_names'),\n"
	"  NULL::text,\n"},
    {PGFACT_STATUS_NODE, 120000, 180000,
	"~WHERE name = 'recovery_min_apply_delay'"},
    {PGFACT_STATUS_SENDERS, 90100, 90100,
	"SELECT procpid::text, application_name, host(client_addr), state,\n"
	"  sync_state, sent_location::text, write_location::text,\n"
	"  flush_location::text, replay_location::text,\n"
	"  NULL::text, NULL::text\n"
	"FROM pg_stat_replication s ORDER BY s.procpid LIMIT 1001"},
    {PGFACT_STATUS_SENDERS, 90200, 90600,
	"~replay_location::text,\n  NULL::text, NULL::text\n"
	"FROM pg_stat_replication s ORDER BY s.pid LIMIT 1001"},
    {PGFACT_STATUS_SENDERS, 100000, 110000,
	"~replay_lsn::text,\n  extract(epoch FROM "
	"replay_lag)::numeric(20,6)::text, NULL::text\n"},
    {PGFACT_STATUS_SENDERS, 120000, 180000,
	"~replay_lag)::numeric(20,6)::text, extract(epoch FROM "
	"clock_timestamp() - reply_time)::numeric(20,6)::text\n"},
    {PGFACT_STATUS_RECEIVER, 90600, 90600,
	"SELECT status, received_tli::text, NULL::text,\n"
	"  received_lsn::text, latest_end_lsn::text,\n"
	"  extract(epoch FROM clock_timestamp() - "
	"last_msg_receipt_time)::numeric(20,6)::text,\n"
	"  extract(epoch FROM clock_timestamp() - "
	"last_msg_send_time)::numeric(20,6)::text,\n"
	"  slot_name::text, NULL::text, NULL::text, conninfo\n"
	"FROM pg_stat_wal_receiver WHERE pid IS NOT NULL LIMIT 1"},
    {PGFACT_STATUS_RECEIVER, 100000, 100000, "~, NULL::text, NULL::text, c"},
    {PGFACT_STATUS_RECEIVER, 110000, 120000,
	"~, sender_host, sender_port::text, conninfo\n"},
    {PGFACT_STATUS_RECEIVER, 130000, 180000,
	"~, written_lsn::text,\n  flushed_lsn::text, latest_end_lsn::text,\n"},
    {PGFACT_STATUS_SLOTS, 90400, 90400,
	"SELECT slot_name::text, slot_type = 'logical', active,\n"
	"  false, false, NULL::text,\n"
	"  restart_lsn::text, NULL::text, NULL::text,\n"
	"  NULL::text\n"
	"FROM pg_replication_slots ORDER BY 1 LIMIT 1001"},
    {PGFACT_STATUS_SLOTS, 90500, 90600, "~  false, false, active_pid::text,"},
    {PGFACT_STATUS_SLOTS, 100000, 120000,
	"~  temporary, false, active_pid::text,\n"
	"  restart_lsn::text, NULL::text"},
    {PGFACT_STATUS_SLOTS, 130000, 160000,
	"~  restart_lsn::text, wal_status, safe_wal_size::text,\n  NULL::t"},
    {PGFACT_STATUS_SLOTS, 170000, 180000,
	"SELECT slot_name::text, slot_type = 'logical', active,\n"
	"  temporary, synced, active_pid::text,\n"
	"  restart_lsn::text, wal_status, safe_wal_size::text,\n"
	"  invalidation_reason\n"
	"FROM pg_replication_slots ORDER BY 1 LIMIT 1001"},
    {PGFACT_STATUS_CONTROL, 90600, 180000, "~FROM pg_control_system()"},
    {PGFACT_RESUME_SQL, 90100, 90600, "SELECT pg_xlog_replay_resume()"},
    {PGFACT_RESUME_SQL, 100000, 180000, "SELECT pg_wal_replay_resume()"},
    {PGFACT_LONG_QUERIES_SQL, 90000, 90100, "~procpid, now() - xact_start"},
    {PGFACT_LONG_QUERIES_SQL, 90200, 180000, "~pid, now() - xact_start, query"},
    {PGFACT_READ_STATS, 100000, 180000, "pg_monitor"},
    {PGFACT_WAL_WAYS, 90000, 90300, "fetch"},
    {PGFACT_WAL_WAYS, 90400, 180000, "slot fetch"},
    {PGFACT_REPLAY_PROOF, 90000, 90000, "lsn"},
    {PGFACT_REPLAY_PROOF, 90100, 90500, "senders"},
    {PGFACT_REPLAY_PROOF, 90600, 180000, "receiver"},
    {PGFACT_APPNAME_CLEAN, 90000, 150000, "?"},
    {PGFACT_APPNAME_CLEAN, 160000, 180000, "\\xhh"},
    {PGFACT_ARCHIVE_WAIT, 90000, 90500, "cancel"},
    {PGFACT_ARCHIVE_WAIT, 90600, 90600, "void"},
    {PGFACT_ARCHIVE_WAIT, 100000, 180000, "choice"},
    {PGFACT_CASCADING, 90200, 180000, "yes"},
    {PGFACT_TOO_SMALL, 90000, 130000, "stop"},
    {PGFACT_TOO_SMALL, 140000, 180000, "pause"},
    {PGFACT_SENDERS_COUNT, 90000, 110000, "yes"},
    {PGFACT_SPCLOCATION, 90000, 90100, "yes"},
    {PGFACT_PROMOTE_MEANS, 90000, 90000, "trigger"},
    {PGFACT_PROMOTE_MEANS, 90100, 110000, "pg_ctl trigger"},
    {PGFACT_PROMOTE_MEANS, 120000, 150000, "sql pg_ctl trigger"},
    {PGFACT_PROMOTE_MEANS, 160000, 180000, "sql pg_ctl"},
    {PGFACT_PG_CTL_PROMOTE, 90100, 180000, "yes"},
    {PGFACT_PAUSE_HOLDS, 90100, 120000, "yes"},
    {PGFACT_LABEL_LINES, 90000, 90000,
	"START WAL LOCATION, CHECKPOINT LOCATION, START TIME, LABEL"},
    {PGFACT_LABEL_LINES, 90100, 90100, "~, LABEL, BACKUP METHOD"},
    {PGFACT_LABEL_LINES, 90200, 100000, "~METHOD, BACKUP FROM"},
    {PGFACT_LABEL_LINES, 110000, 180000, "~FROM, START TIMELINE"},
    {PGFACT_SESSION_TIMEOUTS, 90000, 90200, "statement_timeout"},
    {PGFACT_SESSION_TIMEOUTS, 90300, 90500, "statement_timeout lock_timeout"},
    {PGFACT_SESSION_TIMEOUTS, 90600, 130000,
	"~ lock_timeout idle_in_transaction_session_timeout"},
    {PGFACT_SESSION_TIMEOUTS, 140000, 160000,
	"~ idle_in_transaction_session_timeout idle_session_timeout"},
    {PGFACT_SESSION_TIMEOUTS, 170000, 180000,
	"~ idle_session_timeout transaction_timeout"},
    {PGFACT_SHOW_SETTING, 90200, 180000, "-C"},
    {PGFACT_LOCAL_SIZES, 90200, 100000,
	"block_size wal_block_size segment_size wal_segment_size"},
    {PGFACT_LOCAL_SIZES, 110000, 180000,
	"block_size wal_block_size segment_size"},
    {PGFACT_STANDBY_SETTINGS, 90000, 90300,
	"max_connections max_prepared_transactions "
	"max_locks_per_transaction"},
    {PGFACT_STANDBY_SETTINGS, 90400, 110000,
	"max_connections max_prepared_transactions "
	"max_locks_per_transaction max_worker_processes"},
    {PGFACT_STANDBY_SETTINGS, 120000, 180000,
	"~ max_worker_processes max_wal_senders"},
    {PGFACT_RECOVERY_SETTINGS, 90000, 90300,
	"standby_mode primary_conninfo recovery_target_timeline "
	"restore_command"},
    {PGFACT_RECOVERY_SETTINGS, 90400, 110000,
	"~standby_mode primary_conninfo recovery_target_timeline "
	"restore_command primary_slot_name recovery_min_apply_delay"},
    {PGFACT_RECOVERY_SETTINGS, 120000, 180000,
	"primary_conninfo recovery_target_timeline restore_command "
	"primary_slot_name recovery_min_apply_delay"},
    {PGFACT_STOPS_START, 120000, 150000,
	"recovery.conf standby_mode trigger_file"},
    {PGFACT_STOPS_START, 160000, 180000,
	"recovery.conf standby_mode trigger_file "
	"promote_trigger_file"},
    {PGFACT_RELOADED, 120000, 120000, "~apply_delay promote_trigger_file"},
    {PGFACT_RELOADED, 130000, 130000,
	"~ promote_trigger_file primary_conninfo primary_slot_name"},
    {PGFACT_RELOADED, 140000, 150000,
	"archive_cleanup_command recovery_end_command recovery_min_apply_delay "
	"promote_trigger_file primary_conninfo primary_slot_name "
	"restore_command"},
    {PGFACT_RELOADED, 160000, 180000,
	"~_delay primary_conninfo primary_slot_name restore_command"},
    {PGFACT_DEFAULT_WAL_LEVEL, 90000, 90600, "minimal"},
    {PGFACT_DEFAULT_WAL_LEVEL, 100000, 180000, "replica"},
    {PGFACT_DEFAULT_SENDERS, 90000, 90600, "0"},
    {PGFACT_DEFAULT_SENDERS, 100000, 180000, "10"},
    {PGFACT_DEFAULT_SLOTS, 90400, 90600, "0"},
    {PGFACT_DEFAULT_SLOTS, 100000, 180000, "10"},
    {PGFACT_DEFAULT_HOT_STANDBY, 90000, 90600, "off"},
    {PGFACT_DEFAULT_HOT_STANDBY, 100000, 180000, "on"},
    {PGFACT_DEFAULT_TIMELINE, 90000, 110000, "current"},
    {PGFACT_DEFAULT_TIMELINE, 120000, 180000, "latest"},
    {PGFACT_DEFAULT_LOG_DIR, 90000, 90600, "pg_log"},
    {PGFACT_DEFAULT_LOG_DIR, 100000, 180000, "log"},
    {PGFACT_DEFAULT_CHECKSUMS, 180000, 180000, "on"},
    {PGFACT_WAL_SEGMENT_SIZE, 90000, 100000, "build"},
    {PGFACT_WAL_SEGMENT_SIZE, 110000, 180000, "initdb"},
    {PGFACT_KEEP_PARAM, 90000, 120000, "wal_keep_segments"},
    {PGFACT_KEEP_PARAM, 130000, 180000, "wal_keep_size"},
    {PGFACT_WAL_SIZE_PARAM, 90000, 90400, "checkpoint_segments"},
    {PGFACT_WAL_SIZE_PARAM, 90500, 180000, "max_wal_size"},
    {PGFACT_SENDER_TIMEOUT_PARAM, 90100, 90200, "replication_timeout"},
    {PGFACT_SENDER_TIMEOUT_PARAM, 90300, 180000, "wal_sender_timeout"},
    {PGFACT_SOCKET_PARAM, 90000, 90200, "unix_socket_directory"},
    {PGFACT_SOCKET_PARAM, 90300, 180000, "unix_socket_directories"},
    {PGFACT_ARCHIVE_ALWAYS, 90500, 180000, "yes"},
    {PGFACT_ARCHIVE_LIBRARY, 150000, 180000, "archive_library"},
    {PGFACT_TEMP_SLOT_PARAM, 130000, 180000, "wal_receiver_create_temp_slot"},
    {PGFACT_SUMMARIZE_PARAM, 170000, 180000, "summarize_wal"},
    {PGFACT_HBA_CONTINUES, 140000, 180000, "yes"},
    {PGFACT_HBA_INCLUDE, 160000, 180000, "yes"},
    {PGFACT_PIDFILE_PORT, 90100, 180000, "yes"},
};

static const char *
wanted(enum pgfact fact, int version)
{
	size_t i;

	for (i = 0; i < NELEM(wants); i++)
		if (wants[i].fact == fact && version >= wants[i].from &&
		    (version <= wants[i].to ||
			pgver_same_major(version, wants[i].to)))
			return wants[i].text;
	return NULL;
}

static bool
as_wanted(const char *got, const char *want)
{
	if (got == NULL || want == NULL)
		return got == want;
	if (*want == '~')
		return strstr(got, want + 1) != NULL;
	return strcmp(got, want) == 0;
}

static void
every_fact_is_right_on_every_major(void **state)
{
	size_t i;
	int fact;

	(void)state;
	for (fact = 0; fact < PGFACT_NCODES; fact++)
		for (i = 0; i < NELEM(majors); i++) {
			const char *got = pgver(majors[i], fact);
			const char *want = wanted(fact, majors[i]);

			if (!as_wanted(got, want))
				fail_msg("%s on %d: %s, want %s",
				    pgver_fact_name(fact), majors[i],
				    got == NULL ? "NULL" : got,
				    want == NULL ? "NULL" : want);
		}
}

static void
a_newer_server_has_the_facts_of_the_newest_known_and_an_older_none(void **state)
{
	int fact;

	(void)state;
	for (fact = 0; fact < PGFACT_NCODES; fact++) {
		assert_ptr_equal(pgver(190001, fact), pgver(180000, fact));
		assert_null(pgver(80422, fact));
	}
}

static void
the_first_release_has_the_facts_of_its_minors(void **state)
{
	size_t i;
	int fact, first;
	char buf[16];

	(void)state;
	for (i = 0; i < NELEM(majors); i++) {
		first = pgver_parse(pgver_major(majors[i], buf, sizeof(buf)));
		assert_true(pgver_same_major(first, majors[i]));
		for (fact = 0; fact < PGFACT_NCODES; fact++)
			assert_ptr_equal(
			    pgver(first, fact), pgver(majors[i], fact));
	}
}

static void
no_text_of_10_or_newer_says_xlog_and_none_before_says_wal(void **state)
{
	static const char *const new_names[] = {
	    "pg_wal", "_wal_lsn", "walfile", "wal_re"};
	const char *s;
	size_t i, j;
	int fact;

	(void)state;
	for (fact = 0; fact < PGFACT_NCODES; fact++)
		for (i = 0; i < NELEM(majors); i++) {
			s = pgver(majors[i], fact);
			if (s == NULL)
				continue;
			if (majors[i] >= 100000) {
				assert_null(strstr(s, "xlog"));
				assert_null(strstr(s, "location,"));
				continue;
			}
			for (j = 0; j < NELEM(new_names); j++)
				if (fact != PGFACT_RECEIVER &&
				    fact != PGFACT_STATUS_RECEIVER)
					assert_null(strstr(s, new_names[j]));
		}
}

static void
every_fact_has_its_own_name(void **state)
{
	int a, b;

	(void)state;
	for (a = 0; a < PGFACT_NCODES; a++) {
		assert_non_null(pgver_fact_name(a));
		for (b = 0; b < a; b++)
			assert_string_not_equal(
			    pgver_fact_name(a), pgver_fact_name(b));
	}
	assert_null(pgver_fact_name(PGFACT_NCODES));
}

static void
rows_are_in_order(const struct pgver_row *rows, size_t n)
{
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (rows[j].fact == rows[i].fact &&
			    rows[j].since >= rows[i].since)
				fail_msg("%s: %d behind %d",
				    pgver_fact_name(rows[i].fact),
				    rows[i].since, rows[j].since);
}

/* A source is a file of a release, the release notes, or servers seen. */
static bool
is_source(const char *s)
{
	return s != NULL &&
	       (strncmp(s, "rel ", 4) == 0 || strncmp(s, "seen on ", 8) == 0 ||
		   (*s >= '1' && *s <= '9' && strchr(s, ' ')));
}

static void
every_row_says_where_it_comes_from_and_they_stand_in_order(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < pgver_nsql; i++)
		if (!is_source(pgver_sql[i].source))
			fail_msg("%s of %d", pgver_fact_name(pgver_sql[i].fact),
			    pgver_sql[i].since);
	for (i = 0; i < pgver_nrows; i++)
		if (!is_source(pgver_rows[i].source))
			fail_msg("%s of %d",
			    pgver_fact_name(pgver_rows[i].fact),
			    pgver_rows[i].since);
	rows_are_in_order(pgver_sql, pgver_nsql);
	rows_are_in_order(pgver_rows, pgver_nrows);
	assert_string_equal(pgver_source(90624, PGFACT_BACKUP_START),
	    "9.6.10 system_views.sql:927");
	/* A fact that is gone has a source too; one not there yet has none. */
	assert_non_null(pgver_source(180000, PGFACT_TRIGGER_PARAM));
	assert_null(pgver(180000, PGFACT_TRIGGER_PARAM));
	assert_null(pgver_source(90000, PGFACT_SLOT_LIST));
}

static void
words_of_a_list_are_found_whole(void **state)
{
	(void)state;
	assert_true(pgver_lists(90400, PGFACT_WAL_WAYS, "slot"));
	assert_true(pgver_lists(90400, PGFACT_WAL_WAYS, "fetch"));
	assert_false(pgver_lists(90000, PGFACT_WAL_WAYS, "slot"));
	assert_false(pgver_lists(90400, PGFACT_WAL_WAYS, "slo"));
	assert_false(pgver_lists(90400, PGFACT_WAL_WAYS, "slots"));
	assert_false(pgver_lists(90400, PGFACT_WAL_WAYS, "slot fetch"));
	assert_false(pgver_lists(90400, PGFACT_WAL_WAYS, ""));
	assert_false(
	    pgver_lists(110000, PGFACT_LOCAL_SIZES, "wal_segment_size"));
	assert_true(pgver_lists(110000, PGFACT_LOCAL_SIZES, "segment_size"));
	assert_true(
	    pgver_lists(100000, PGFACT_LOCAL_SIZES, "wal_segment_size"));
	assert_false(pgver_lists(90100, PGFACT_LOCAL_SIZES, "block_size"));
}

static void
version_texts_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		int want;
	} t[] = {{"9.6", 90600}, {"9.6.24", 90600}, {"9.0", 90000},
	    {"15", 150000}, {"15.18", 150000}, {"10\n", 100000},
	    {"9.5\n", 90500}, {"18.4", 180000}, {"8.4", 80400}, {"", -1},
	    {"9", -1}, {"9.", -1}, {"15.", -1}, {"15.1.2", -1},
	    {"9.6.24.1", -1}, {"-1", -1}, {"+15", -1}, {" 15", -1}, {"15 ", -1},
	    {"15\n\n", -1}, {"15rc1", -1}, {"1000", -1}, {"9.100", -1},
	    {"0", -1}, {"0.1", -1}, {"x", -1}, {"15x", -1},
	    {"99999999999", -1}};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++)
		if (pgver_parse(t[i].text) != t[i].want)
			fail_msg("\"%s\": %d, want %d", t[i].text,
			    pgver_parse(t[i].text), t[i].want);
}

static void
majors_are_named_and_compared_as_people_do(void **state)
{
	char buf[16];

	(void)state;
	assert_string_equal(pgver_major(90624, buf, sizeof(buf)), "9.6");
	assert_string_equal(pgver_major(90000, buf, sizeof(buf)), "9.0");
	assert_string_equal(pgver_major(100023, buf, sizeof(buf)), "10");
	assert_string_equal(pgver_major(180004, buf, sizeof(buf)), "18");
	assert_true(pgver_same_major(90624, 90600));
	assert_false(pgver_same_major(90624, 90524));
	assert_true(pgver_same_major(150018, 150000));
	assert_false(pgver_same_major(150018, 160000));
	assert_false(pgver_same_major(90600, 100000));
	assert_true(pgver_known(180099));
	assert_false(pgver_known(190000));
	assert_true(pgver_known(90000));
	assert_true(pgver_supported(90000));
	assert_false(pgver_supported(80422));
}

static void
a_log_id_had_a_hole_before_9_3(void **state)
{
	(void)state;
	assert_true(pgver_xlogid_bytes(90224) == UINT64_C(0xFF000000));
	assert_true(pgver_xlogid_bytes(90300) == UINT64_C(0x100000000));
	assert_int_equal(pgver_segments_per_xlogid(90000, 16 << 20), 255);
	assert_int_equal(pgver_segments_per_xlogid(90000, 1 << 20), 4095);
	assert_int_equal(pgver_segments_per_xlogid(90300, 16 << 20), 256);
	assert_int_equal(pgver_segments_per_xlogid(180000, 1 << 30), 4);
}

static void
pg_control_is_found_by_both_versions(void **state)
{
	static const struct {
		uint32_t control, catalog;
		int layout, server, crc;
		bool crc32c, lsn64;
		uint16_t magic;
	} t[] = {
	    {903, 201008051, 90000, 90000, 184, false, false, 0xD064},
	    {903, 201105231, 90000, 90100, 184, false, false, 0},
	    {922, 201204301, 90200, 90200, 200, false, false, 0},
	    {937, 201306121, 90300, 90300, 228, false, true, 0xD075},
	    {942, 201409291, 90400, 90400, 240, false, true, 0xD07E},
	    {942, 201510051, 90500, 90500, 256, true, true, 0},
	    {960, 201608131, 90600, 90600, 256, true, true, 0xD093},
	    {1002, 201707211, 100000, 100000, 288, true, true, 0xD097},
	    {1100, 201809051, 110000, 110000, 280, true, true, 0xD098},
	    {1201, 201909212, 120000, 120000, 288, true, true, 0xD101},
	    {1300, 202007201, 130000, 130000, 288, true, true, 0xD106},
	    {1300, 202107181, 130000, 140000, 288, true, true, 0xD10D},
	    {1300, 202209061, 130000, 150000, 288, true, true, 0xD110},
	    {1300, 202307071, 130000, 160000, 288, true, true, 0xD113},
	    {1700, 202406281, 170000, 170000, 288, true, true, 0xD116},
	    {1800, 202506291, 180000, 180000, 292, true, true, 0xD118},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		const struct pgver_control *c =
		    pgver_control(t[i].control, t[i].catalog);

		assert_non_null(c);
		assert_int_equal(c->pg_control_version, t[i].control);
		assert_int_equal(c->version, t[i].layout);
		assert_int_equal(c->crc, t[i].crc);
		assert_int_equal(c->crc32c, t[i].crc32c);
		assert_int_equal(c->lsn64, t[i].lsn64);
		assert_int_equal(pgver_lsn64(t[i].server), t[i].lsn64);
		assert_int_equal(pgver_of_catalog(t[i].catalog), t[i].server);
		assert_int_equal(pgver_wal_magic(t[i].server + 3), t[i].magic);
	}
	assert_null(pgver_control(1300, 202406281));
	assert_null(pgver_control(0, 0));
	/* A beta of 17 is no release, and not newer than known. */
	assert_null(pgver_control(1700, 202405231));
	assert_int_equal(pgver_of_catalog(202405231), 0);
	assert_int_equal(pgver_wal_magic(190000), 0);
}

static void
pg_control_newer_than_known_is_read_if_its_kind_is_known(void **state)
{
	const struct pgver_control *newest = pgver_control(1800, 202506291);
	struct pgver_numbers n;

	(void)state;
	assert_ptr_equal(pgver_control(1800, 202601011), newest);
	assert_ptr_equal(pgver_control(1800, 203001011), newest);
	assert_null(pgver_control(1900, 202601011));
	assert_null(pgver_control(1300, 202601011));
	assert_int_equal(pgver_of_catalog(202601011), PGVER_NEXT);
	assert_false(pgver_known(PGVER_NEXT));
	assert_true(pgver_fits(190002, PGVER_NEXT));
	assert_true(pgver_fits(200000, PGVER_NEXT));
	assert_false(pgver_fits(180004, PGVER_NEXT));
	assert_false(pgver_fits(190000, 180000));
	assert_true(pgver_fits(180004, 180000));
	assert_false(pgver_fits(90600, 90500));
	assert_true(pgver_numbers(180004, &n));
	assert_int_equal(n.control_version, 1800);
	assert_int_equal(n.catalog_version, 202506291);
	assert_true(pgver_numbers(190000, &n));
	assert_int_equal(n.catalog_version, 202506291);
	assert_true(pgver_numbers(90124, &n));
	assert_int_equal(n.catalog_version, 201105231);
	assert_false(pgver_numbers(80422, &n));
}

static void
keywords_of_conninfo_come_with_the_libpq_that_knows_them(void **state)
{
	static const struct {
		const char *keyword;
		int since;
	} t[] = {{"host", 90000}, {"requirepeer", 90100}, {"passfile", 100000},
	    {"gssencmode", 120000}, {"channel_binding", 130000},
	    {"sslcrldir", 140000}, {"require_auth", 160000},
	    {"sslnegotiation", 170000}, {"dbname", 170000},
	    {"max_protocol_version", 180000}};
	const char *k;
	size_t i, j;

	(void)state;
	for (i = 0; i < NELEM(t); i++)
		for (j = 0; j < NELEM(majors); j++)
			assert_int_equal(
			    pgver_walreceiver_takes(majors[j], t[i].keyword),
			    majors[j] >= t[i].since);
	assert_false(pgver_walreceiver_takes(180000, "password"));
	assert_false(pgver_walreceiver_takes(180000, "options"));
	for (i = 0; (k = pgver_walreceiver_keyword(i)) != NULL; i++)
		assert_true(pgver_walreceiver_takes(PGVER_NEXT, k));
	assert_int_equal(i, 34);
}

static void
long_words_in_pg_hba_conf_came_with_minor_releases(void **state)
{
	static const struct {
		int version;
		size_t word, line;
	} t[] = {{90000, 253, 0}, {90224, 253, 0}, {90300, 253, 8190},
	    {100023, 254, 8190}, {110020, 254, 8190}, {110021, 10238, 20478},
	    {120015, 254, 8190}, {120016, 10238, 20478}, {130011, 254, 8190},
	    {130012, 10238, 20478}, {140008, 254, 0}, {140009, 10238, 0},
	    {150003, 254, 0}, {150004, 10238, 0}, {160000, 10238, 0},
	    {190000, 10238, 0}};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		assert_int_equal(pgver_hba(t[i].version).word, t[i].word);
		assert_int_equal(pgver_hba(t[i].version).line, t[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_fact_is_right_on_every_major),
	    cmocka_unit_test(
		a_newer_server_has_the_facts_of_the_newest_known_and_an_older_none),
	    cmocka_unit_test(
		no_text_of_10_or_newer_says_xlog_and_none_before_says_wal),
	    cmocka_unit_test(the_first_release_has_the_facts_of_its_minors),
	    cmocka_unit_test(every_fact_has_its_own_name),
	    cmocka_unit_test(
		every_row_says_where_it_comes_from_and_they_stand_in_order),
	    cmocka_unit_test(words_of_a_list_are_found_whole),
	    cmocka_unit_test(version_texts_are_read_strictly),
	    cmocka_unit_test(majors_are_named_and_compared_as_people_do),
	    cmocka_unit_test(a_log_id_had_a_hole_before_9_3),
	    cmocka_unit_test(pg_control_is_found_by_both_versions),
	    cmocka_unit_test(
		pg_control_newer_than_known_is_read_if_its_kind_is_known),
	    cmocka_unit_test(
		keywords_of_conninfo_come_with_the_libpq_that_knows_them),
	    cmocka_unit_test(
		long_words_in_pg_hba_conf_came_with_minor_releases),
	};

	return cmocka_run_group_tests_name("pgver", tests, NULL, NULL);
}
