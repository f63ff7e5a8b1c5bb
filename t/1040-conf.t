#!/bin/bash
# Goal: the standby's configuration.  Recovery settings of each major, names
# and passwords that need quoting, what an earlier life of the primary left
# behind, what is left out of the copy, and what --delta keeps.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

odd_name="it's \\ a \"name\" = 1"
odd_password="p'w\\d \"x\" :=;\$(id)%"

# A role that must log in with its odd password.
password_role() {
	pg_psql "$1" -v pw="$odd_password" <<-'END'
		SET password_encryption = 'md5';
		CREATE ROLE "re pl" LOGIN REPLICATION PASSWORD :'pw';
	END
	{
		echo 'host replication "re pl" 127.0.0.1/32 md5'
		echo 'host all "re pl" 127.0.0.1/32 md5'
		cat "$T/$1/pg_hba.conf"
	} >"$T/hba"
	cat "$T/hba" >"$T/$1/pg_hba.conf"
	pg_reload "$1"
	# \ and : are escaped in a password file.
	printf '%s\n' "$odd_password" |
	    sed 's/[\\:]/\\&/g; s/^/127.0.0.1:*:*:re pl:/' >"$T/pass"
	chmod 0600 "$T/pass"
}

# What an old point-in-time recovery and an earlier life as a standby left in
# the primary's configuration; any of it would promote or stop the clone.
stale_settings() {
	local m=$1 p=$2
	touch "$T/stale_trigger"
	if [ "$m" -ge 12 ]; then
		cat >>"$T/$p/postgresql.auto.conf" <<-END
			recovery_target_time = '2020-01-01 00:00:00+00'
			recovery_target_action = 'promote'
			recovery_target_timeline = 'current'
			primary_conninfo = 'host=192.0.2.1 user=old'
			primary_slot_name = 'old_slot'
		END
		[ "$m" -ge 16 ] || echo "promote_trigger_file = '$T/stale_trigger'" \
		    >>"$T/$p/postgresql.auto.conf"
	else
		echo "standby_mode = 'off'" >"$T/$p/recovery.done"
	fi
}

# Files that a clone must leave out (postgres-facts.md, section 4).
planted() {
	local db
	db=$(pg_sql p "SELECT oid FROM pg_database WHERE datname = 'postgres'")
	cat <<-END
		base/pgsql_tmp/pgsql_tmp1.0
		base/$db/t3_16999
		base/$db/t3_16999_fsm
		base/$db/pg_internal.init
		base/$db/pg_internal.init.77
		global/pg_internal.init.78
		pg_stat_tmp/planted
		pg_replslot/planted/state
		pg_dynshmem/planted
		pg_notify/planted
		pg_serial/planted
		pg_snapshots/planted
		pg_wal/archive_status/000000010000000000000001.ready
		postgresql.auto.conf.tmp
		current_logfiles.tmp
		backup_label.old
		tablespace_map.old
		backup_manifest
		recovery.done
		promote
		logrotate
		core
		core.4711
		.standby-clone.state
		.standby-clone.index
		lost+found/planted
		log/planted.log
		postmaster.opts
	END
	[ "$1" -lt 17 ] || echo pg_wal/summaries/planted.summary
	[ "$1" -ge 12 ] || echo standby.signal
}

plant() {
	local f
	planted "$1" | while read -r f; do
		mkdir -p "$(dirname "$T/p/$f")"
		[ -e "$T/p/$f" ] || echo planted >"$T/p/$f"
	done
}

unplant() {
	local f
	planted "$1" | grep -E 'planted|state|signal|promote' |
	while read -r f; do rm -f "$T/p/$f"; done
	rm -rf "$T/p/pg_replslot/planted" "$T/p/lost+found"
}

check_left_out() {
	local m=$1 f got
	got=$(planted "$m" | while read -r f; do
		[ ! -e "$T/s/$f" ] || [ "$f" = base/pgsql_tmp ] || echo "$f"
	done)
	is "$got" "" "$m: B26: planted files are left out"
	for f in pg_wal pg_wal/archive_status pg_replslot pg_stat_tmp pg_notify \
	    pg_serial pg_snapshots pg_subtrans pg_dynshmem pg_twophase \
	    pg_logical/snapshots pg_logical/mappings pg_tblspc log; do
		[ -d "$T/s/$f" ] || echo "$f"
	done >"$T/missing"
	is "$(cat "$T/missing")" "" "$m: the empty directories are there"
	is "$(find "$T/s/base" -name '[0-9]*_init' | while read -r f; do
		[ ! -e "${f%_init}" ] || echo "$f"; done)" "" \
	    "$m: unlogged relations are their init fork only"
	ok "$m: there is a backup_label" test -s "$T/s/backup_label"
	ok "$m: with the label that was asked for" \
	    grep -q 'LABEL: .*my label' "$T/s/backup_label"
	ok "$m: there is no postmaster.pid" test ! -e "$T/s/postmaster.pid"
}

check_recovery_files() {
	local m=$1 conf=$T/s/postgresql.auto.conf
	if [ "$m" -lt 12 ]; then
		conf=$T/s/recovery.conf
		ok "$m: recovery.conf is private" \
		    test "$(stat -c %a "$conf")" = 600
		like "$(cat "$conf")" "^standby_mode *= *'?on'?" \
		    "$m: standby_mode"
		like "$(cat "$conf")" "^recovery_target_timeline *= *'latest'" \
		    "$m: recovery_target_timeline"
		ok "$m: C1: no standby.signal" test ! -e "$T/s/standby.signal"
	else
		ok "$m: standby.signal" test -e "$T/s/standby.signal"
		ok "$m: no recovery.signal" test ! -e "$T/s/recovery.signal"
		ok "$m: C1: no recovery.conf" test ! -e "$T/s/recovery.conf"
		is "$(grep -c '^primary_conninfo' "$conf")" 1 \
		    "$m: primary_conninfo stands there once"
		unlike "$(cat "$conf")" '^[^#]*192\.0\.2\.1' \
		    "$m: C2: the stale primary_conninfo does not count"
	fi
	like "$(cat "$conf")" "^primary_slot_name *= *'slot_s'" "$m: slot name"
	unlike "$(cat "$T"/s/*.conf)" 'p..?w..?.?d "x"' "$m: no password in it"
	like "$(cat "$conf")" "^primary_conninfo.*passfile" "$m: but a passfile"
}

for m in $(pg_majors); do
	ok "$m: the primary starts" pg_up p "$m"
	load_setup p 2000
	password_role p
	stale_settings "$m" p
	plant "$m"
	sed -i "s/^logging_collector.*/&\nlog_directory = 'log'/" \
	    "$T/p/postgresql.conf"
	pg_reload p
	pg_node s "$m"
	mkdir "$T/s.ts"

	# --- files
	clone_args p s
	CLONE=("${CLONE[@]/#postgres/re pl}")
	# The role may start a backup and ask for settings.
	pg_sql p 'GRANT pg_monitor TO "re pl"'
	for f in $(pg_sql p "SELECT replace(oid::regprocedure::text, ' ', '')
	    FROM pg_proc WHERE proname IN ('pg_start_backup', 'pg_stop_backup',
	    'pg_backup_start', 'pg_backup_stop')"); do
		pg_sql p "GRANT EXECUTE ON FUNCTION $f TO \"re pl\""
	done
	export PGPASSFILE=$T/pass
	run "${CLONE[@]}" --application-name="$odd_name" --no-start \
	    --label="my label"
	unset PGPASSFILE
	rc_is 0 "$m: clone with --no-start"
	check_left_out "$m"
	check_recovery_files "$m"
	unlike "$out$err" "p'w" "$m: the password is not printed"

	# --- it runs with them
	ok "$m: the standby starts" pg_start s
	ok "$m: it streams" poll_until 30 pg_streams s
	is "$(pg_sql s "SELECT pg_is_in_recovery()")" t \
	    "$m: C2: stale recovery settings do not promote it"
	is "$(pg_sql p "SELECT application_name FROM pg_stat_replication")" \
	    "$odd_name" "$m: the odd application name arrives"
	is "$(pg_sql p "SELECT usename FROM pg_stat_replication")" "re pl" \
	    "$m: the role with the odd password"
	ok "$m: the content is equal" oracle_compare p s
	if [ "$m" -ge 12 ]; then
		is "$(pg_sql s "SELECT string_agg(setting, '') FROM pg_settings
		    WHERE name IN ('recovery_target', 'recovery_target_lsn',
		    'recovery_target_name', 'recovery_target_time',
		    'recovery_target_xid')")" "" "$m: C2: recovery targets are empty"
		is "$(pg_sql s "SHOW recovery_target_timeline")" latest \
		    "$m: recovery_target_timeline is latest"
	fi

	# --- what --delta keeps
	pg_stop s
	echo "work_mem = '7MB'" >>"$T/s/postgresql.conf"
	echo "# of the standby" >>"$T/s/pg_hba.conf"
	mkdir "$T/s/conf.d"
	echo "# of the standby" >"$T/s/conf.d/own.conf"
	[ "$m" -lt 12 ] || echo "maintenance_work_mem = '17MB'" \
	    >>"$T/s/postgresql.auto.conf"
	pg_sql p "UPDATE acc SET bal = 0"
	clone_run p s --delta --application-name=plain
	rc_is 0 "$m: --delta"
	is "$(pg_sql s "SHOW work_mem")" 7MB "$m: postgresql.conf is kept"
	ok "$m: pg_hba.conf is kept" grep -q '^# of the standby' "$T/s/pg_hba.conf"
	ok "$m: conf.d is kept" test -e "$T/s/conf.d/own.conf"
	if [ "$m" -ge 12 ]; then
		is "$(pg_sql s "SHOW maintenance_work_mem")" 17MB \
		    "$m: C2: its own postgresql.auto.conf is kept"
		is "$(grep -c '^primary_conninfo' \
		    "$T/s/postgresql.auto.conf")" 1 \
		    "$m: primary_conninfo still stands there once"
	fi
	is "$(pg_sql p "SELECT application_name FROM pg_stat_replication")" \
	    plain "$m: and is the new one"

	# --- trigger file
	pg_stop s
	touch "$T/trigger"
	clone_run p s --delta --trigger-file="$T/trigger"
	if [ "$m" -ge 16 ]; then
		rc_is 3 "$m: C3: --trigger-file is refused"
		like "$err" 'pg_promote' "$m: with what to use instead"
	else
		rc_is 0 "$m: --trigger-file"
		ok "$m: C4: a stale trigger file is removed" test ! -e "$T/trigger"
		is "$(pg_sql s "SELECT pg_is_in_recovery()")" t \
		    "$m: and does not promote"
		pg_detach s
		touch "$T/trigger"
		ok "$m: a new one promotes" poll_until 30 pg_is s \
		    "SELECT pg_is_in_recovery()" f
	fi
	pg_stop s
	unplant "$m"
	forget s
	forget p
done

# --- the configuration file and the environment
m=$(pg_majors | tail -n 1)
pg_up p "$m" >/dev/null
pg_node s "$m"
cat >"$T/standby.conf" <<END
cluster = "test";
defaults : { user = "postgres"; dbname = "postgres"; bindir = "$(pg_bin "$m")";
             ssh_user = "$SSHD_USER"; start = "$T/s.start"; stop = "$T/s.stop"; };
nodes = (
  { name = "p"; conninfo = "host=127.0.0.1 port=${PG_PORT[p]}"; pgdata = "$T/p"; },
  { name = "s"; conninfo = "host=127.0.0.1 port=${PG_PORT[s]}"; pgdata = "$T/s"; }
);
END
run env STANDBY_CONFIG="$T/standby.conf" \
    STANDBY_SSH="$SSHD_USER@127.0.0.1:$SSH_PORT" \
    STANDBY_KNOWN_HOSTS="${SSHD_KNOWN[main]}" STANDBY_AGENT="$AGENT" \
    "$STANDBY_CLONE" --ssh-identity="$SSHD_KEY" --progress=none s
rc_is 0 "a node from the configuration file is cloned"
ok "it streams" poll_until 30 pg_streams s
is "$(pg_slots p)" s "its slot has the node's name"
run "$STANDBY_CLONE" -f "$T/standby.conf" --list-nodes
is "$out" $'p\ns' "--list-nodes"
run env STANDBY_JOBS=3 "$STANDBY_CLONE" -f "$T/standby.conf" --show-config
like "$out" 'jobs.*3.*STANDBY_JOBS' "--show-config says where a value is from"
run env STANDBY_JOBS=3 "$STANDBY_CLONE" -f "$T/standby.conf" -j 2 --show-config
like "$out" 'jobs.*2' "an option beats the environment"
sed 's/ssh_user/ssh_usr/' "$T/standby.conf" >"$T/wrong.conf"
run "$STANDBY_CLONE" -f "$T/wrong.conf" s
rc_is 2 "an unknown key: exit status 2"
like "$err" "$T/wrong.conf:3:.*ssh_usr" \
    "an unknown key: file, line and name"
like "$err" 'ssh_user' "an unknown key: the nearest name"

done_testing
