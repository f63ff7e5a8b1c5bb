#!/bin/bash
#
# Goal: whatever is wrong with the replication of real servers has its name,
# its node and its exit status in every format of repl-status, and what cannot
# be known is never 0.
#
#	t/3005-status-faults.t [FUNCTION]...	only some of the cases
#
# 18; more with STANDBY_TEST_WORLD=1 or STANDBY_TEST_MAJORS.  Not
# 10: the WAL receiver of the tests' build of 10 crashes whenever its connection
# ends, and takes the standby with it, so that no fault stays as it was made.
# t/3000 and the stub of t/3010 have that version.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/status.sh"
status_needs

# --- helpers

# well NAME: everything is as it should be again.
well() {
	if poll_until 60 status_is 0 -f "$T/conf"; then
		pass "$1: all is well again"
	else
		fail "$1: all is well again"
		diag "$out$err"
	fi
}

# lags NODE: of the last look; null is unknown.
lags() {
	js "[n['$1'][x] for x in ('receive_lag_bytes', 'replay_lag_bytes',
	    'delay_seconds')]"
}

# Milliseconds that a run takes, into $ms.
timed() {
	local before
	before=$(date +%s%3N)
	run "$@"
	ms=$(($(date +%s%3N) - before))
}

# --- a standby that is behind

replay_is_paused() {
	local m=$1
	pg_sql s2 "SELECT pg_wal_replay_pause()"
	ok "$m: paused" poll_until 10 pg_is s2 "SELECT pg_is_wal_replay_paused()" t
	write_mb 3
	ok "$m: paused: all is received" poll_until 30 pg_is s2 \
	    "SELECT pg_last_wal_receive_lsn() >= '$(pg_sql p \
	    "SELECT pg_current_wal_flush_lsn()")'" t
	poll_until 10 shows -f "$T/conf" -w 1MB -c 1GB -- WARNING replay-lag s2
	rc_is 1 "$m: paused: a warning"
	found WARNING replay-paused s2 "$m: E6: paused: is named"
	found WARNING replay-lag s2 "$m: paused: and so is the lag"
	not_found receive-lag "$m: paused: nothing is missing at the receiver"
	is "$(js '[n[x]["paused"] for x in ("s1", "s2", "c")]')" \
	    "false true false" "$m: paused: which one it is"
	is "$(js 'n["s2"]["replay_lag_bytes"] >= 2 << 20')" true \
	    "$m: paused: the lag is what was written"
	is "$(js 'n["s2"]["replay_lag_bytes"]')" "$(pg_sql p \
	    "SELECT '$(js 'n["p"]["written_lsn"]')'::pg_lsn -
	    '$(pg_sql s2 "SELECT pg_last_wal_replay_lsn()")'")" \
	    "$m: paused: to the byte"
	ok "$m: paused: the delay grows" poll_until 10 delay_above s2 1
	every_format 1 replay-paused WARNING s2 "$m: paused" -f "$T/conf"
	every_format 2 replay-lag CRITICAL s2 "$m: paused, lag above -c" \
	    -f "$T/conf" -w 1kB -c 1MB
	look -f "$T/conf"
	like "$(js '[x["hint"] for x in d["problems"]
	    if x["id"] == "replay-paused"][0]')" 'pg_wal_replay_resume' \
	    "$m: paused: the hint says how to resume"
	look -h 127.0.0.1 -p "${PG_PORT[s2]}" -U postgres -w 1MB -c 1GB
	is "$rc $(js 'd["nodes"][0]["replay_lag_bytes"] >= 2 << 20')" "1 true" \
	    "$m: paused: the standby alone says it, too"
	pg_sql s2 "SELECT pg_wal_replay_resume()"
	well "$m: resumed"
}

delay_above() {
	look -f "$T/conf"
	[ "$(js "(n['$1']['delay_seconds'] or 0) > $2")" = true ]
}

# Replay waits for a query: it is behind without being paused, and comes on to
# a place that is known.  Sets $blocker.
block_replay() {
	pg_sql p "INSERT INTO held VALUES (1)"
	quiet
	"$PSQL" -X -q -h 127.0.0.1 -p "${PG_PORT[s2]}" -U postgres -d postgres \
	    -c "BEGIN; SELECT count(*) FROM held; SELECT pg_sleep(600)" \
	    3>&- 4>&- &
	blocker=$!
	kill_later "$blocker"
	poll_until 20 pg_is s2 "SELECT count(*) FROM pg_locks l
	    JOIN pg_class r ON r.oid = l.relation WHERE relname = 'held'" 1
}

unblock_replay() {
	pg_sql s2 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
	kill_now "$blocker"
}

# What the thresholds make of some MB and some seconds.
thresholds() {
	local m=$1 options size time
	block_replay
	pg_sql p "TRUNCATE held"
	write_mb 3
	ok "$m: replay waits for a query" poll_until 20 delay_above s2 2
	while IFS='|' read -r options size time; do
		# shellcheck disable=SC2086	# words
		look -f "$T/conf" $options
		is "$(js "' '.join(x.split()[0] for x in p if x.endswith(' replay-lag s2')) or '-'")" \
		    "$size" "$m: $options: the size"
		is "$(js "' '.join(x.split()[0] for x in p if x.endswith(' delay s2')) or '-'")" \
		    "$time" "$m: $options: the time"
		case "$size $time" in
		*CRITICAL*) rc_is 2 "$m: $options: exit status" ;;
		*WARNING*) rc_is 1 "$m: $options: exit status" ;;
		*) rc_is 0 "$m: $options: exit status" ;;
		esac
	done <<-'ROWS'
		-w 1GB,1h -c 2GB,2h|-|-
		-w 1MB -c 1GB|WARNING|-
		-w 1MB -c 2MB|CRITICAL|-
		-w 1s -c 1h|-|WARNING
		-w 1s -c 1500ms|-|CRITICAL
		-w 1MB,1s -c 1GB,1h|WARNING|WARNING
		-w 1s,1MB -c 1h,1GB|WARNING|WARNING
		-w 1MB,1h -c 1GB,2h|WARNING|-
		-w 1GB,1s -c 2GB,1h|-|WARNING
		-w 1MB,1s -c 2MB,1500ms|CRITICAL|CRITICAL
		-w 1GB,1h -c 2MB,1500ms|CRITICAL|CRITICAL
		-w 0:1MB -c ~:1GB|WARNING|-
		-w @2MB:1GB -c 1TB|WARNING|-
		-w @1GB:2GB,@1s:1h -c 1TB,2h|-|WARNING
		-w 1048576 -c 1073741824|WARNING|-
	ROWS
	every_format 1 delay WARNING s2 "$m: late" -f "$T/conf" -w 1s -c 1h
	look -d "$(status_conninfo p)" -w 1MB -c 1GB
	is "$rc $(js 'sum(x.startswith("WARNING replay-lag ") for x in p)')" \
	    "1 1" "$m: the primary's rows tell the lag as well"
	unblock_replay
	well "$m: not late any more"
}

# Trend: how fast a standby comes on, and when it will be there.
rate_and_eta() {
	local m=$1 f=$T/state.rate
	block_replay
	pg_sql s2 "SELECT pg_wal_replay_pause()"
	write_mb 4
	pg_sql p "TRUNCATE held"
	write_mb 4
	poll_until 30 pg_is s2 "SELECT pg_last_wal_receive_lsn() >= '$(pg_sql p \
	    "SELECT pg_current_wal_flush_lsn()")'" t
	look -f "$T/conf" --state-file="$f"
	local before
	before=$(pg_sql s2 "SELECT pg_last_wal_replay_lsn()")
	pg_sql s2 "SELECT pg_wal_replay_resume()"
	# It stops again at the TRUNCATE.
	ok "$m: half of it is replayed" poll_until 30 pg_is s2 \
	    "SELECT pg_last_wal_replay_lsn() - '$before' > 3000000 AND
	    now() - '$(pg_sql s2 'SELECT now()')' > '1s'" t
	look -f "$T/conf" --state-file="$f"
	is "$(js 'bool([v for k, v in n["s2"].items() if "rate" in k and v
	    and v > 0])')" true "$m: rate of replay" || diag "$(js 'n["s2"]')"
	is "$(js 'bool([v for k, v in n["s2"].items() if "eta" in k and v
	    and v > 0])')" true "$m: time to catch up" || diag "$(js 'n["s2"]')"
	unblock_replay
	well "$m: caught up"
}

# shows_after FILE PROBLEM...: with a state file that is old enough to tell.
shows_after() {
	[ $(($(date +%s%3N) - $(date -r "$1" +%s%3N))) -gt 600 ] || return 1
	shows -f "$T/conf" --state-file="$1" -- "${@:2}"
}

# Connected, behind, and nothing comes: its sender does not work.
receiver_does_not_move() {
	local m=$1 f=$T/state.stuck pid
	rm -f "$f"
	quiet
	look -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: it moves"
	pid=$(pg_sql p "SELECT pid FROM pg_stat_replication
	    WHERE application_name <> 's1'")
	freeze p "$pid"
	write_mb 1
	pg_wait_replay s1 p
	look -f "$T/conf" --state-file="$f"
	ok "$m: nothing comes any more" poll_until 20 shows_after "$f" \
	    WARNING not-moving s2
	rc_is 1 "$m: not moving: a warning"
	is "$(js 'n["s2"]["receive_lag_bytes"] > 0')" true \
	    "$m: not moving: the lag is seen"
	thaw p
	well "$m: it moves again"
	look -f "$T/conf" --state-file="$f"
	not_found not-moving "$m: and is not called stuck"
}

# Delayed on purpose is not late.
delayed_standby() {
	local m=$1
	# What is replayed again after a restart is not to wait.
	quiet
	pg_sql s2 CHECKPOINT
	status_set s2 "recovery_min_apply_delay = '10min'"
	if [ "$m" -ge 12 ]; then
		pg_reload s2
		poll_until 10 pg_is s2 "SHOW recovery_min_apply_delay" 10min
	else
		pg_restart s2
		poll_until 30 pg_streams s2
	fi
	# Commits are what waits.
	write_mb 1
	write_mb 3
	poll_until 30 pg_is s2 "SELECT pg_last_wal_receive_lsn() >= '$(pg_sql p \
	    "SELECT pg_current_wal_flush_lsn()")'" t
	poll_until 10 pg_is p "SELECT count(*) FROM pg_stat_replication
	    WHERE flush_lsn = pg_current_wal_flush_lsn()" 2
	look -f "$T/conf" -w 1MB,1s -c 2MB,2s
	if [ "$m" -ge 12 ]; then
		not_found replay-lag "$m: delayed: no alarm by size"
		not_found delay "$m: delayed: no alarm by time"
		rc_is 0 "$m: delayed: all is well"
	else
		# The server does not tell its setting.
		found CRITICAL replay-lag s2 "$m: delayed: the lag is shown"
	fi
	is "$(js 'n["s2"]["replay_lag_bytes"] > 1 << 20')" true \
	    "$m: delayed: the lag is told"
	every_format "$rc" '' OK - "$m: delayed" -f "$T/conf" -w 1MB,1s -c 2MB,2s
	if [ "$m" -ge 12 ]; then
		sed -i '/^recovery_min_apply_delay/d' "$T/s2/postgresql.conf"
		pg_reload s2
	else
		sed -i '/^recovery_min_apply_delay/d' "$T/s2/recovery.conf"
		pg_restart s2
	fi
	well "$m: not delayed"
}

# --- a standby that does not stream

receiver_is_stopped() {
	local m=$1
	quiet
	receiver_stops s2
	ok "$m: no receiver" poll_until 60 shows -f "$T/conf" -- \
	    CRITICAL not-streaming s2
	rc_is 2 "$m: E5: no receiver: critical"
	unlike "$(js 'n["s2"]["state"]')" '^streaming$' "$m: no receiver: its state"
	is "$(js '[n[x]["state"] for x in ("s1", "c")]')" "streaming streaming" \
	    "$m: no receiver: the others stream"
	every_format 2 not-streaming CRITICAL s2 "$m: no receiver" -f "$T/conf"
	write_mb 1
	look -f "$T/conf"
	is "$(js 'n["s2"]["replay_lag_bytes"] > 500000 and
	    n["s2"]["receive_lag_bytes"] > 500000')" true \
	    "$m: E5: no receiver: received = replayed is not 0 behind the primary"
	look -f "$T/conf" --min-standbys=3
	found CRITICAL few-standbys - "$m: no receiver: fewer standbys"
	is "$(js 'p[0].split()[0]')" CRITICAL "$m: no receiver: the worst first"
	look -h 127.0.0.1 -p "${PG_PORT[s2]}" -U postgres
	rc_is 2 "$m: no receiver: the standby alone knows it"
	found CRITICAL not-streaming "127.0.0.1:${PG_PORT[s2]}" \
	    "$m: no receiver: and says it"
	is "$(lags "127.0.0.1:${PG_PORT[s2]}")" "null null null" \
	    "$m: no receiver: alone, its lag is unknown, not 0"
	every_format 2 not-streaming CRITICAL "127.0.0.1:${PG_PORT[s2]}" \
	    "$m: no receiver, alone" -h 127.0.0.1 -p "${PG_PORT[s2]}" -U postgres
	look -d "$(status_conninfo p)" --min-standbys=2
	rc_is 2 "$m: no receiver: the primary alone misses one"
	receiver_starts s2
	well "$m: connected again"
}

node_is_stopped() {
	local m=$1
	pg_stop s2
	poll_until 20 status_is 2 -f "$T/conf"
	every_format 2 not-streaming CRITICAL s2 "$m: E4: stopped" -f "$T/conf"
	look -f "$T/conf"
	found UNKNOWN unreachable s2 "$m: E1: stopped: it does not answer"
	is "$(js '[n["s2"][x] for x in ("reachable", "received_lsn",
	    "replay_lag_bytes", "delay_seconds")]')" "false null null null" \
	    "$m: stopped: nothing is known of it"
	is "$(js '[n[x]["state"] for x in ("s1", "c")]')" "streaming streaming" \
	    "$m: stopped: the others are shown"
	isnt "$(js '[x["hint"] for x in d["problems"] if x["node"] == "s2" and
	    x["hint"] is not None] or None')" null "$m: stopped: there is a hint"
	run "$REPL_STATUS" -f "$T/conf" -F pgpool
	like "$out" '(^| )-1( |$)' "$m: stopped: -1 for pgpool"
	every_format 3 unreachable UNKNOWN "127.0.0.1:${PG_PORT[s2]}" \
	    "$m: stopped, alone" -h 127.0.0.1 -p "${PG_PORT[s2]}" -U postgres
	pg_start s2
	well "$m: started"
}

# What is below a standby without a receiver gets nothing new: with the primary
# out of sight nobody knows how late it is.
cascade_is_broken() {
	local m=$1
	quiet
	receiver_stops s1
	ok "$m: broken cascade: s1 has no receiver" poll_until 60 shows \
	    -f "$T/conf" -- CRITICAL not-streaming s1
	write_mb 20
	look -f "$T/conf" -w 1MB -c 1GB
	found WARNING receive-lag c "$m: E8: broken cascade: c is late as well"
	is "$(js 'len([x for x in d["problems"] if x["node"] == "c" and
	    x["id"] == "replay-lag"])')" 0 "$m: broken cascade: its replay is not"
	like "$(js '[x["hint"] for x in d["problems"] if x["node"] == "c" and
	    x["id"] == "receive-lag"][0]')" 'upstream s1 has no WAL receiver' \
	    "$m: broken cascade: the hint names the cause"
	look -f "$T/conf" --min-standbys=3
	like "$(js '[x["message"] for x in d["problems"]
	    if x["id"] == "few-standbys"][0]')" 's1: no receiver, c below s1' \
	    "$m: broken cascade: who does not stream"
	like "$(js '[x["hint"] for x in d["problems"]
	    if x["id"].startswith("slot-")] + ["-"]')" 'keeps WAL for s1|^-' \
	    "$m: broken cascade: its slot is kept"
	unlike "$out" 'pg_drop_replication_slot' \
	    "$m: broken cascade: nobody says to drop it"
	look -f "$T/conf" s1 c
	is "$(lags c)" "null null null" \
	    "$m: broken cascade: without the primary the lag is unknown"
	found UNKNOWN lag-unknown c "$m: broken cascade: which is said"
	not_found few-standbys "$m: broken cascade: operands: no number asked"
	receiver_starts s1
	well "$m: the cascade"
}

primary_is_stopped() {
	local m=$1
	pg_stop p
	poll_until 20 shows -f "$T/conf" -- CRITICAL no-primary -
	every_format 2 no-primary CRITICAL - "$m: E1: primary stopped" -f "$T/conf"
	look -f "$T/conf"
	found UNKNOWN unreachable p "$m: primary stopped: it is named, too"
	unlike "$(lags s1) $(lags s2) $(lags c)" '(^| )0( |$)' \
	    "$m: primary stopped: no lag is 0"
	is "$(js '[n[x]["replayed_lsn"] is None for x in ("s1", "s2", "c")]')" \
	    "false false false" "$m: primary stopped: what they have is shown"
	found CRITICAL not-streaming s1 "$m: primary stopped: nobody streams"
	pg_start p
	well "$m: primary started"
}

# --- who does not answer

standby_hangs() {
	local m=$1 ms
	freeze s2
	timed "$REPL_STATUS" -F json -f "$T/conf" -t 1500ms
	rc_is 3 "$m: hung standby: unknown"
	found UNKNOWN hung s2 "$m: E2: hung standby: is named"
	bound "$ms" 2200 "$m: hung standby: it takes the timeout"
	cmp_le 700 "$ms" "$m: hung standby: and not much less"
	is "$(js '[n[x]["state"] for x in ("p", "s1", "c")]')" \
	    "running streaming streaming" "$m: hung standby: the others are shown"
	is "$(js '[n[x]["replay_lag_bytes"] for x in ("s1", "c")]')" "0 0" \
	    "$m: hung standby: with their numbers"
	every_format 3 hung UNKNOWN s2 "$m: hung standby" -f "$T/conf" -t 500ms
	timed "$REPL_STATUS" -d "$(status_conninfo s2)" -t 500ms
	rc_is 3 "$m: hung standby alone"
	bound "$ms" 1200 "$m: hung standby alone: the timeout"
	# Two of them cost the time once.
	freeze c
	timed "$REPL_STATUS" -F json -f "$T/conf" -t 1500ms
	bound "$ms" 2200 "$m: two hung standbys: the timeout, once"
	found UNKNOWN hung c "$m: two hung standbys: one"
	found UNKNOWN hung s2 "$m: two hung standbys: the other"
	thaw c
	thaw s2
	well "$m: they answer"
	ok "$m: no session is left" poll_until 20 no_sessions p s1 s2 c
}

# Who hangs delays the look, and must not make the others late: what the
# primary wrote meanwhile is not their lag.
hung_makes_nobody_late() {
	local m=$1 pid before wrote lag
	freeze s2
	while :; do
		pg_sql p "INSERT INTO t SELECT i, repeat(md5(i::text), 8)
		    FROM generate_series(1, 500) i" || break
	done 3>&- 4>&- &
	pid=$!
	kill_later "$pid"
	poll_until 5 pg_is p "SELECT count(*) > 1000 FROM t" t
	before=$(pg_sql p "SELECT pg_current_wal_lsn()")
	look -f "$T/conf" -t 3s
	wrote=$(pg_sql p "SELECT pg_current_wal_lsn() - '$before'")
	kill_now "$pid"
	lag=$(js 'max(n[x]["replay_lag_bytes"] for x in ("s1", "c"))')
	cmp_le "$lag" $((wrote / 2)) "$m: hung standby: the others are not late"
	thaw s2
	well "$m: after writes"
}

# A session that was made, and a statement that is never answered.
statement_hangs() {
	local m=$1 ms n
	"$PSQL" -X -q -h 127.0.0.1 -p "${PG_PORT[p]}" -U postgres -d postgres \
	    -c "BEGIN; LOCK pg_catalog.pg_stat_wal_receiver; SELECT txid_current();
	    SELECT pg_sleep(600)" 3>&- 4>&- &
	blocker=$!
	kill_later "$blocker"
	for n in s1 s2 c; do
		poll_until 20 pg_is "$n" "SELECT count(*) FROM pg_locks WHERE
		    relation = 'pg_stat_wal_receiver'::regclass AND granted
		    AND mode = 'AccessExclusiveLock'" 1
	done
	timed "$REPL_STATUS" -F json -f "$T/conf" -t 1500ms
	rc_is 2 "$m: E2: statements hang: no primary"
	bound "$ms" 2200 "$m: statements hang: it takes the timeout once"
	is "$(problems | grep -c '^UNKNOWN hung \(p\|s1\|s2\|c\)$')" 4 \
	    "$m: statements hang: all four are named" || diag "$(problems)"
	ok "$m: statements hang: they are cancelled" poll_until 10 \
	    no_sessions p s1 s2 c
	pg_sql p "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
	kill_now "$blocker"
	well "$m: statements are answered"
}

primary_hangs() {
	local m=$1 ms
	freeze p
	timed "$REPL_STATUS" -F json -f "$T/conf" -t 1500ms
	rc_is 2 "$m: hung primary: critical"
	bound "$ms" 2200 "$m: hung primary: it takes the timeout"
	found CRITICAL no-primary - "$m: hung primary: no primary"
	found UNKNOWN hung p "$m: E2: hung primary: is named"
	is "$(js '[n[x]["role"] for x in ("s1", "s2", "c")]')" \
	    "standby standby standby" "$m: hung primary: the standbys are shown"
	every_format 2 no-primary CRITICAL - "$m: hung primary" -f "$T/conf" \
	    -t 500ms
	every_format 3 hung UNKNOWN "127.0.0.1:${PG_PORT[p]}" \
	    "$m: hung primary alone" -h 127.0.0.1 -p "${PG_PORT[p]}" \
	    -U postgres -t 500ms
	timed "$REPL_STATUS" -q -d "$(status_conninfo p)" -t 500ms
	is "$rc" 3 "$m: hung primary alone, -q: unknown"
	thaw p
	well "$m: the primary answers"
	ok "$m: no session is left" poll_until 20 no_sessions p s1 s2 c
}

# A run is active, and cron starts the next.
runs_overlap() {
	local m=$1 f=$T/state.lap first
	rm -f "$f"
	look -f "$T/conf" --state-file="$f"
	freeze s2
	"$REPL_STATUS" -f "$T/conf" --state-file="$f" -t 6s >"$T/first.out" \
	    2>"$T/first.err" 3>&- 4>&- &
	first=$!
	kill_later "$first"
	ok "$m: a run is active" poll_until 5 pg_is p "SELECT count(*) > 0 FROM
	    pg_stat_activity WHERE application_name LIKE 'repl-status%'" t
	run "$REPL_STATUS" -d "$(status_conninfo p)" --state-file="$f" -t 500ms
	rc_is 3 "$m: E11: a second one with the same state file: exit status 3"
	like "$out$err" 'previous run|another run' "$m: which says why"
	thaw s2
	wait "$first"
	is "$?" 0 "$m: the first one ends as ever"
	look -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: and the next one works"
}

interrupted() {
	local m=$1 pid sig
	for sig in INT TERM; do
		freeze s2
		# A background job of a shell ignores INT: python gives it back.
		/usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$REPL_STATUS" -f "$T/conf" -t 20s \
		    >"$T/int.out" 2>"$T/int.err" 3>&- 4>&- &
		pid=$!
		kill_later "$pid"
		poll_until 5 pg_is p "SELECT count(*) > 0 FROM pg_stat_activity
		    WHERE application_name LIKE 'repl-status%'" t
		kill -"$sig" "$pid"
		ok "$m: $sig ends it at once" poll_until 5 gone "$pid"
		wait "$pid"
		isnt "$?" 0 "$m: $sig: the exit status is not OK"
		thaw s2
	done
	ok "$m: no session is left after it" poll_until 20 no_sessions p s1 s2 c
	well "$m: after the signals"
}

# --- rights and logins

all_known() {
	look -f "$1"
	[ "$(lags s1) $(lags c)" = "0 0 0 0 0 0" ]
}

role_without_rights() {
	local m=$1 hint
	write_mb 1
	quiet
	sed 's/user = "postgres"/user = "mon"/' "$T/conf" >"$T/mon.conf"
	every_format 3 rights UNKNOWN p "$m: E3: no rights" -f "$T/mon.conf"
	look -f "$T/mon.conf"
	hint=$(js '[x["hint"] for x in d["problems"] if x["id"] == "rights" and
	    x["node"] == "p"][0]')
	like "$hint" 'GRANT pg_(monitor|read_all_stats) TO "?mon"?' \
	    "$m: no rights: the hint is the GRANT"
	every_format 3 rights UNKNOWN "127.0.0.1:${PG_PORT[p]}" \
	    "$m: no rights, primary alone" -h 127.0.0.1 -p "${PG_PORT[p]}" -U mon
	look -h 127.0.0.1 -p "${PG_PORT[p]}" -U mon
	is "$(js '[x[k] for x in d["nodes"] if x["role"] != "primary" for k in
	    ("receive_lag_bytes", "replay_lag_bytes", "delay_seconds")
	    if x[k] is not None]')" "" "$m: E3: no rights: unknown is not 0"
	not_found few-standbys "$m: no rights: nobody is called missing"
	is "$(js 'd["cluster"]["streaming"]')" null \
	    "$m: no rights: how many stream is not known"
	run "$REPL_STATUS" -h 127.0.0.1 -p "${PG_PORT[p]}" -U mon -F prometheus
	unlike "$out" '^standby_(receive|replay)_lag_bytes\{.* 0$' \
	    "$m: no rights: Prometheus gets no 0"
	look -h 127.0.0.1 -p "${PG_PORT[s1]}" -U mon
	rc_is 3 "$m: no rights: a standby alone"
	unlike "$(lags "127.0.0.1:${PG_PORT[s1]}")" '(^| )0( |$)' \
	    "$m: no rights: a standby alone does not know its lag"
	# The GRANT of the hint is enough, and it works as it stands.
	hint=$(grep -Eo 'GRANT pg_[a-z_]+ TO "?mon"?' <<<"$hint" | head -n 1)
	pg_sql p "$hint"
	quiet
	look -f "$T/mon.conf"
	rc_is 0 "$m: with the GRANT all is well"
	ok "$m: and everything is known" poll_until 10 all_known "$T/mon.conf"
	pg_sql p "REVOKE ${hint#GRANT }" || pg_sql p "$(sed \
	    's/GRANT/REVOKE/; s/ TO / FROM /' <<<"$hint")"
}

login_fails() {
	local m=$1 n
	cp "$T/s2/pg_hba.conf" "$T/hba"
	printf '%s\n' 'host all seer 127.0.0.1/32 md5' \
	    'host all mon 127.0.0.1/32 reject' |
	    cat - "$T/hba" >"$T/s2/pg_hba.conf"
	pg_reload s2
	pg_sql p "SET password_encryption = 'md5'; ALTER ROLE seer PASSWORD 'right'"
	quiet
	sed 's/user = "postgres"/user = "seer"/' "$T/conf" >"$T/seer.conf"
	run env PGPASSWORD=wr0ng-s3cret "$REPL_STATUS" -F json -f "$T/seer.conf"
	rc_is 3 "$m: E1: wrong password: unknown"
	found UNKNOWN unreachable s2 "$m: wrong password: not reachable"
	isnt "$(js '[x["hint"] for x in d["problems"] if x["node"] == "s2"][0]')" \
	    null "$m: wrong password: there is a hint"
	unlike "$out$err" 'wr0ng' "$m: wrong password: it is not told"
	run env PGPASSWORD=wr0ng-s3cret "$REPL_STATUS" -vv -f "$T/seer.conf"
	unlike "$out$err" 'wr0ng' "$m: wrong password: not even with -vv"
	PGPASSWORD=wr0ng every_format 3 unreachable UNKNOWN s2 \
	    "$m: wrong password" -f "$T/seer.conf"
	# All of them refuse it: that is not the end of the primary.
	for n in p s1 c; do
		cp "$T/$n/pg_hba.conf" "$T/hba.$n"
		printf '%s\n' 'host all seer 127.0.0.1/32 md5' |
		    cat - "$T/hba.$n" >"$T/$n/pg_hba.conf"
		pg_reload "$n"
	done
	PGPASSWORD=wr0ng poll_until 10 shows -f "$T/seer.conf" -- \
	    UNKNOWN no-primary -
	PGPASSWORD=wr0ng every_format 3 no-primary UNKNOWN - \
	    "$m: wrong password for all" -f "$T/seer.conf"
	PGPASSWORD=wr0ng look -f "$T/seer.conf"
	is "$(js '[n[x]["state"] for x in ("p", "s1", "s2", "c")]')" \
	    "no login no login no login no login" \
	    "$m: wrong password for all: their state"
	unlike "$(js '[x["hint"] for x in d["problems"]]')" 'standby-promote' \
	    "$m: wrong password for all: nobody is to be promoted"
	for n in p s1 c; do
		cat "$T/hba.$n" >"$T/$n/pg_hba.conf"
		pg_reload "$n"
	done
	look -f "$T/seer.conf"
	found UNKNOWN unreachable s2 "$m: no password"
	like "$(js '[x["hint"] for x in d["problems"] if x["node"] == "s2"][0]')" \
	    'pgpass' "$m: no password: the hint names the password file"
	run env PGPASSWORD=right "$REPL_STATUS" -F json -f "$T/seer.conf"
	rc_is 0 "$m: the right password"
	sed 's/user = "postgres"/user = "nobody"/' "$T/conf" >"$T/nobody.conf"
	printf '%s\n' 'host all nobody 127.0.0.1/32 reject' |
	    cat - "$T/hba" >"$T/s2/pg_hba.conf"
	pg_reload s2
	pg_sql p "CREATE ROLE nobody LOGIN IN ROLE pg_monitor"
	quiet
	every_format 3 unreachable UNKNOWN s2 "$m: pg_hba.conf" \
	    -f "$T/nobody.conf"
	look -f "$T/nobody.conf"
	like "$(js '[x["hint"] for x in d["problems"] if x["node"] == "s2"][0]')" \
	    'pg_hba' "$m: pg_hba.conf: the hint names it"
	cat "$T/hba" >"$T/s2/pg_hba.conf"
	pg_reload s2
	pg_sql p "DROP ROLE nobody; ALTER ROLE seer PASSWORD NULL"
	well "$m: logins"
}

# --- slots

slot_is_inactive() {
	local m=$1
	quiet
	pg_sql p "SELECT pg_create_physical_replication_slot('left', true)"
	# The checkpoints of a busy machine write some MB as well.
	every_format 1 slot-inactive WARNING p "$m: E6: inactive slot" \
	    -f "$T/conf" -w 1GB -c 2GB
	look -f "$T/conf" -w 1GB -c 2GB
	not_found slot-retains "$m: inactive slot: it keeps little"
	write_mb 3
	quiet
	every_format 1 slot-retains WARNING p "$m: slot retains" -f "$T/conf" \
	    -w 1MB -c 1GB
	look -f "$T/conf" -w 1MB -c 1GB
	not_found slot-inactive "$m: slot retains: one problem of it"
	look -f "$T/conf" -w 1MB -c 2MB
	found CRITICAL slot-retains p "$m: slot retains more than -c"
	rc_is 2 "$m: slot retains more than -c: critical"
	run "$REPL_STATUS" -f "$T/conf" -F prometheus
	like "$out" '^standby_slot_retained_bytes\{.*"left".*\} [0-9.e+]{6,}$' \
	    "$m: slot retains: its bytes for Prometheus"
	look -d "$(status_conninfo p)" -w 1GB -c 2GB
	found WARNING slot-inactive "127.0.0.1:${PG_PORT[p]}" \
	    "$m: inactive slot: the primary alone"
	pg_sql p "SELECT pg_drop_replication_slot('left')"
	# An empty slot keeps nothing.
	pg_sql p "SELECT pg_create_physical_replication_slot('empty')"
	look -f "$T/conf" -w 1kB -c 1MB
	not_found slot-retains "$m: an empty slot retains nothing"
	pg_sql p "SELECT pg_drop_replication_slot('empty')"
	well "$m: slot dropped"
}

slot_is_lost() {
	local m=$1
	if [ "$m" -lt 13 ]; then
		skip "$m: lost slot" "13 and newer"
		return
	fi
	pg_sql p "SELECT pg_create_physical_replication_slot('lost1', true)"
	pg_psql p <<-'SQL'
		ALTER SYSTEM SET max_slot_wal_keep_size = '32MB';
		ALTER SYSTEM SET wal_keep_size = 0;
		ALTER SYSTEM SET max_wal_size = '32MB';
	SQL
	pg_reload p
	# A slot in use is some way behind as well: it has room.
	for _ in 1 2 3 4 5 6 7 8; do
		pg_sql p "SELECT txid_current()"
		pg_sql p "SELECT pg_switch_wal()"
		quiet || break
		! pg_is p "SELECT wal_status FROM pg_replication_slots
		    WHERE slot_name = 'lost1'" lost || break
	done
	is "$(pg_sql p "SELECT wal_status FROM pg_replication_slots
	    WHERE slot_name = 'lost1'")" lost "$m: a slot has lost its WAL"
	every_format 2 slot-lost CRITICAL p "$m: E6: lost slot" -f "$T/conf"
	look -f "$T/conf"
	not_found slot-retains "$m: lost slot: it retains nothing"
	like "$(js '[x["message"] for x in d["problems"] if x["id"] == "slot-lost"]')" \
	    'lost1' "$m: lost slot: the slot is named"
	pg_sql p "SELECT pg_drop_replication_slot('lost1')"
	pg_psql p <<-'SQL'
		ALTER SYSTEM RESET max_slot_wal_keep_size;
		ALTER SYSTEM RESET wal_keep_size;
		ALTER SYSTEM RESET max_wal_size;
	SQL
	pg_reload p
	well "$m: lost slot dropped"
}

# --- clusters that fall apart

other_cluster() {
	local m=$1
	pg_up x "$m"
	status_conf "$T/x.conf" p s1 "s2=${PG_PORT[x]}" c
	every_format 2 system-identifier CRITICAL s2 \
	    "$m: another cluster's primary" -f "$T/x.conf"
	look -f "$T/x.conf"
	is "$(js 'd["cluster"]["primary"]')" p \
	    "$m: E7: another cluster's primary is not ours"
	pg_stop x
	if [ "$m" -ge 12 ]; then
		touch "$T/x/standby.signal"
	else
		echo "standby_mode = 'on'" >"$T/x/recovery.conf"
	fi
	pg_start x
	every_format 2 system-identifier CRITICAL s2 \
	    "$m: a standby of another cluster" -f "$T/x.conf"
	look -f "$T/x.conf"
	is "$(js '[n["s2"][x] for x in ("receive_lag_bytes", "replay_lag_bytes")]')" \
	    "null null" "$m: a standby of another cluster: positions do not compare"
	pg_stop x immediate
	rm -rf "${T:?}/x"
}

# Ends what the other cases need: the last one.
second_primary() {
	local m=$1
	quiet
	look -f "$T/conf"
	ok "$m: s1 is promoted" pg_promote s1
	poll_until 20 shows -f "$T/conf" -- CRITICAL two-primaries -
	every_format 2 two-primaries CRITICAL - "$m: E7: two primaries" -f "$T/conf"
	look -f "$T/conf"
	is "$(js 'p[0].split()[1]')" two-primaries "$m: two primaries: first of all"
	is "$(js '[n[x]["role"] for x in ("p", "s1")]')" "primary primary" \
	    "$m: two primaries: both are shown"
	is "$(js 'd["nodes"][0]["timeline"] != n["s1"]["timeline"]')" true \
	    "$m: two primaries: on two timelines"
	run "$REPL_STATUS" -f "$T/conf" -F prometheus
	is "$(grep -Ec '^standby_node_status\{.*node="(p|s1)".*\} 2$' \
	    <<<"$out")" 2 "$m: two primaries: both nodes are critical"
	# c stays on the old timeline, below s1.
	pg_sql s1 "SELECT txid_current()"
	status_conf "$T/two.conf" s1 c
	ok "$m: c stays on the old timeline" poll_until 30 shows -f "$T/two.conf" \
	    -- CRITICAL timeline c
	rc_is 2 "$m: E7: timelines differ: critical"
	is "$(lags c)" "null null null" \
	    "$m: timelines differ: positions do not compare"
	not_found lag-unknown "$m: timelines differ: which is the problem"
	every_format 2 timeline CRITICAL c "$m: timelines differ" -f "$T/two.conf"
	look -d "$(status_conninfo p)" -d "$(status_conninfo s1)"
	rc_is 2 "$m: two primaries without a file"
	found CRITICAL two-primaries - "$m: two primaries without a file: named"
}

# --- what to do

cases=(role_without_rights login_fails replay_is_paused thresholds
    rate_and_eta receiver_does_not_move delayed_standby receiver_is_stopped
    node_is_stopped cascade_is_broken primary_is_stopped standby_hangs hung_makes_nobody_late statement_hangs
    primary_hangs runs_overlap interrupted slot_is_inactive slot_is_lost
    other_cluster second_primary)

[ "${STANDBY_TEST_WORLD:-0}" = 1 ] ||
    : "${STANDBY_TEST_MAJORS:=18}"
for m in $(status_majors | grep -vx 10); do
	if ! ok "$m: a primary, two standbys, a cascaded one" status_up "$m"; then
		status_down x
		continue
	fi
	status_conf "$T/conf" p s1 s2 c
	if [ $# -gt 0 ]; then
		for f; do "$f" "$m"; done
	else
		for f in "${cases[@]}"; do
			note "=== $m $f"
			"$f" "$m"
		done
	fi
	status_down x
done

done_testing
