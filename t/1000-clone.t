#!/bin/bash
# Goal: a clone made while the primary is written to, with DDL, VACUUM that
# truncates and tablespaces that come and go, is a streaming standby with the
# content of the primary: at once, after a restart and after its promotion.
# Each major; the copy that is robbed of its backup_label must be found bad.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
. "${0%/*}/lib/relay.sh"
clone_needs

# The main case: the manifest is taken, then the primary goes on for two
# passes of DDL, so files vanish, shrink, grow and appear before the transfer.
clone_under_load() {
	local m=$1 p=p$1 s=s$1
	load_start "$p" || fail "$m: the load starts"
	if ! clone_paused manifest "$p" "$s" --json; then
		fail "$m: standby-clone reaches the manifest"
		clone_wait
		diag "$err"
		load_stop
		return 1
	fi
	ok "$m: the primary is written to during the clone" load_passes 2
	clone_resume
	clone_wait
	rc_is 0 "$m: B11 B12 B13: standby-clone ends with 0" || { load_stop; return 1; }
	like "$out" '"status": *"ok"' "$m: the run record says ok"
	like "$out" '"streaming": *true' "$m: and that it streams"
	ok "$m: the load still runs" load_passes 1
	load_stop
}

check_standby() {
	local m=$1 p=p$1 s=s$1
	ok "$m: the standby streams" poll_until 30 pg_streams "$s"
	is "$(pg_sql "$p" "SELECT active FROM pg_replication_slots
	    WHERE slot_name = 'slot_$s'")" t "$m: its slot is active"
	ok "$m: B11 B12 B13 B14: the content is equal" oracle_compare "$p" "$s"
	ok "$m: the standby restarts" pg_restart "$s"
	ok "$m: and streams" poll_until 30 pg_streams "$s"
	ok "$m: the content is equal after the restart" oracle_compare "$p" "$s"
	is "$(find "$T/$s" "$T/$s.ts" -name '.standby-clone.*' \
	    ! -name .standby-clone.index ! -name .standby-clone.settings)" "" \
	    "$m: no file of ours is left but what the next run wants"
	is "$(find "$T/$s" ! -type l -perm /077 | head)" "" \
	    "$m: all files are private"
	is "$(pg_sql "$s" "SELECT pg_tablespace_location(oid)
	    FROM pg_tablespace WHERE spcname = 'ts'")" "$T/$s.ts" \
	    "$m: the tablespace is mapped"
	ok "$m: no agent process is left" poll_until 10 no_agents
	ok "$m: the primary is not in backup mode" pg_no_backup "$p"
}

check_promoted() {
	local m=$1 p=p$1 s=s$1
	oracle_take "$p" "$p.last"
	ok "$m: the primary stops" pg_stop "$p"
	ok "$m: the standby is promoted" pg_promote "$s"
	ok "$m: the content is equal after the promotion" \
	    oracle_against "$p.last" "$s"
	is "$(pg_sql "$s" "SELECT count(*) FROM unl")" 0 \
	    "$m: the unlogged table is there and empty"
	ok "$m: and takes rows" pg_sql "$s" "INSERT INTO unl VALUES (1, 'x')"
	pg_stop "$s"
}

# An unlogged index under construction has a main fork and no _init fork yet
# (faults B31): copied as data, it would stop the server at its promotion.
unlogged_index() {
	local m=$1 p=p$1 s=u$1 pid
	pg_node "$s" "$m"
	mkdir "$T/$s.ts"
	pg_psql "$p" -v ON_ERROR_STOP=1 <<-'END'
		CREATE UNLOGGED TABLE wide AS
		    SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 50000) i;
		CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
		    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN $1; END $$;
	END
	# The build hangs in its first call until the lock is let go.
	coproc LOCK { pg_psql "$p" 2>&1; }
	echo "SELECT pg_advisory_lock(7), 'held';" >&"${LOCK[1]}"
	read -r -t 30 _ <&"${LOCK[0]}"
	pg_psql "$p" -c "CREATE INDEX wide_slow ON wide (slow(t))" &
	pid=$!
	poll_until 30 pg_is "$p" "SELECT count(*) FROM pg_locks
	    WHERE locktype = 'advisory' AND NOT granted" 1
	clone_paused transferred "$p" "$s"
	is "$?" 0 "$m: B31: a clone copies while an unlogged index is built"
	eval "exec ${LOCK[1]}>&-"
	wait "$LOCK_PID" "$pid"
	clone_resume
	clone_wait
	if ! rc_is 0 "$m: and ends with 0"; then
		forget "$s"
		drop_slots "$p"
		return 1
	fi
	ok "$m: it streams" poll_until 30 pg_streams "$s"
	ok "$m: it replays the index" pg_wait_replay "$s" "$p"
	ok "$m: B31: it is promoted" pg_promote "$s"
	is "$(pg_sql "$s" "SELECT count(*) FROM wide")" 0 \
	    "$m: and its unlogged table is empty"
	ok "$m: and its index can be used" pg_sql "$s" \
	    "SET enable_seqscan = off; SELECT * FROM wide WHERE slow(t) = 'x'"
	forget "$s"
	drop_slots "$p"
}

# The same copy without its backup_label: it starts, and the oracle must see
# that it is corrupt, or the oracle is worthless.
no_label() {
	local m=$1 p=p$1 s=n$1
	pg_node "$s" "$m"
	mkdir "$T/$s.ts"
	clone_paused transferred "$p" "$s" --no-start
	is "$?" 0 "$m: negative control: the files are there"
	pg_psql "$p" <<-'END'
		UPDATE acc SET bal = bal + 1 WHERE id % 3 = 0;
		INSERT INTO acc SELECT i, 1, 'late' FROM generate_series(900001, 905000) i;
		CHECKPOINT;
	END
	clone_resume
	clone_wait
	rc_is 0 "$m: negative control: cloned, not started"
	ok "$m: it has a backup_label" rm "$T/$s/backup_label"
	# Without the primary's WAL it would not even start.
	cp "$T/$p"/pg_wal/0* "$T/$s/pg_wal/"
	ok "$m: without backup_label it starts" pg_start "$s"
	ok "$m: and streams" poll_until 30 pg_streams "$s" ||
	    diag "$(tail -n 20 "$T/$s.log")"
	not_ok "$m: but the oracle says that it is bad" \
	    oracle_compare "$p" "$s"
	forget "$s"
	drop_slots "$p"
}

# Where the server is far away each answer that is waited for costs a round
# trip: what can be asked together is.  (It takes 23, one by one 48; each 5 s of
# the backup are one more.)
far_server() {
	local m=$1 p=p$1 s=r$1
	pg_node "$s" "$m"
	mkdir "$T/$s.ts"
	relay_start "far$m" "${PG_PORT[$p]}"
	clone_run "$p" "$s" -p "${RELAY_PORT[far$m]}" --no-start
	relay_stop "far$m"
	rc_is 0 "$m: cloned from behind a relay"
	is "$(relay_connections "far$m")" 2 \
	    "$m: by one session, and one that tries the replication login"
	cmp_le "$(relay_turns "far$m")" 32 \
	    "$m: the server was waited for $(relay_turns "far$m") times, at most 32"
	forget "$s"
	drop_slots "$p"
}

first=yes
unlogged=yes
for m in $(pg_majors); do
	pg_init "p$m" "$m" >/dev/null
	if [ "$m" -lt 13 ]; then
		pg_set "p$m" "wal_keep_segments = 8"
	else
		pg_set "p$m" "wal_keep_size = '128MB'"
	fi
	ok "$m: the primary starts" pg_start "p$m"
	load_setup "p$m"
	pg_node "s$m" "$m"
	mkdir "$T/s$m.ts"
	if [ "$first" ] || [ "${STANDBY_TEST_WORLD:-0}" = 1 ]; then
		no_label "$m"
		far_server "$m"
		first=
	fi
	# Not on 10, which must be restarted before it is promoted (pg_detach):
	# a restart heals what this looks for.
	if [ "$m" -gt 10 ] && { [ "$unlogged" ] ||
	    [ "${STANDBY_TEST_WORLD:-0}" = 1 ]; }; then
		unlogged_index "$m"
		unlogged=
	fi
	clone_under_load "$m" && check_standby "$m" && check_promoted "$m"
	forget "s$m"
	forget "p$m"
done

done_testing
