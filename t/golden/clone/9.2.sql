-- connect application_name=standby-clone client_encoding=UTF8 database=postgres user=postgres
SET search_path = pg_catalog;
SELECT set_config(name, CASE WHEN name <> 'synchronous_commit' THEN '0' WHEN 'local' = ANY (enumvals) THEN 'local' ELSE 'off' END, false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout', 'synchronous_commit');
SET client_encoding = 'SQL_ASCII';
SELECT pg_is_in_recovery();
SELECT CASE WHEN pg_is_in_recovery() THEN (SELECT pg_last_xlog_replay_location()::text) ELSE (SELECT pg_current_xlog_location()::text) END,
CASE WHEN pg_is_in_recovery() THEN (SELECT pg_last_xlog_receive_location()::text) END;
SELECT name, setting, unit FROM pg_settings WHERE name = ANY ($1::text[]);
-- $1 {data_directory,config_file,hba_file,ident_file,log_directory,stats_temp_directory,trigger_file,promote_trigger_file,wal_level,hot_standby,synchronous_standby_names,archive_mode,external_pid_file,max_wal_senders,max_replication_slots,block_size,segment_size,wal_block_size,wal_segment_size,max_connections,max_prepared_transactions,max_locks_per_transaction,max_worker_processes,data_checksums,fsync,full_page_writes,data_directory_mode}
SELECT rolsuper, rolreplication FROM pg_roles
WHERE rolname = current_user;
SELECT CASE WHEN NOT pg_is_in_recovery() THEN
  ('x' || substr(pg_xlogfile_name(pg_current_xlog_location()), 1, 8))::bit(32)::bigint END;
SELECT datcollate::text, NULL::text FROM pg_database
WHERE datname = current_database();
SELECT oid::text, spcname::text, pg_tablespace_location(oid)
FROM pg_tablespace
WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid;
SELECT count(*) FROM pg_stat_replication;
SELECT 'backup_label' IN (SELECT pg_ls_dir('.'));
SET client_encoding = 'UTF8';
-- connect application_name=standby-clone client_encoding=SQL_ASCII database=replication replication=true user=postgres
IDENTIFY_SYSTEM;
SELECT pg_is_in_recovery();
-- connect application_name=standby-clone client_encoding=SQL_ASCII database=replication replication=true user=postgres
IDENTIFY_SYSTEM;
SELECT extract(epoch FROM pg_postmaster_start_time())::bigint::text;
SELECT pg_start_backup($1::text, $2::boolean)::text;
-- $1 standby-clone UUID
-- $2 true
SELECT pg_is_in_recovery(), pg_backend_pid(), (SELECT CASE WHEN NOT pg_is_in_recovery() THEN
  ('x' || substr(pg_xlogfile_name(pg_current_xlog_location()), 1, 8))::bit(32)::bigint END), CASE WHEN NOT pg_is_in_recovery() THEN (SELECT pg_current_xlog_location()::text) END;
SET client_encoding = 'SQL_ASCII';
SELECT oid::text, spcname::text, pg_tablespace_location(oid)
FROM pg_tablespace
WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid;
SET client_encoding = 'UTF8';
SELECT pg_stop_backup()::text;
SET client_encoding = 'UTF8';
