#!/bin/bash
# Goal: standby-promote --switchover under load loses no acknowledged row, leaves
# the old primary as a standby, and whatever fails on the way leaves one
# writable primary, or says 7 and what to do.
#
#	t/2030-switchover.t [FUNCTION]...	only some of the cases
#
# On 15.  STANDBY_TEST_WORLD=1: more rounds, and one on every other major.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/clone.sh"
. "${0%/*}/lib/failover.sh"

PRIMARY=a
ROUND=0
GAP_MS=3000			# the issue's bound
OUTSTANDING=16			# MB

# bulk NODE MB: that much WAL.
bulk() {
	pg_sql "$1" "INSERT INTO bulk SELECT i, repeat(md5(i::text), 8)
	    FROM generate_series(1, $2 * 3600) i" >/dev/null
}

# hold_receiver STANDBY: it receives nothing until thaw_all.
hold_receiver() {
	local pid
	pid=$(children "$1" 'wal ?receiver')
	[ -n "$pid" ] && kill -STOP "$pid" && FROZEN_PIDS+=("$pid")
}

shutdowns() { grep -c 'received fast shutdown request' "$T/$1.log"; }
more_shutdowns() { [ "$(shutdowns "$1")" -gt "$2" ]; }

# thaw_when_stopping NODE: in the background.  What is outstanding is so when
# the old primary is told to stop; or for 2 s, when that is waited for.
thaw_when_stopping() {
	local before
	local -a pids=("${FROZEN_PIDS[@]}")
	before=$(shutdowns "$1")
	(
		exec 3>&- 4>&-
		trap - EXIT
		poll_until 2 more_shutdowns "$1" "$before"
		kill -CONT "${pids[@]}"
	) &
	kill_later "$!"
}

# state: what a dry run and a refusal must not change.
state() {
	local n
	for n in $NODES; do
		echo "$n $(pg_pid "$n") $(pg_sql "$n" "SELECT pg_is_in_recovery()")"
		pg_slots "$n"
		md5sum "$T/$n/postgresql.auto.conf" "$T/$n/postgresql.conf"
		find "$T/$n" -maxdepth 1 | grep -E 'signal|recovery|promote|clone'
	done
}

# ready: all three as they should be before a case.
ready() {
	local n
	thaw_all
	FAILOVER_STOP=()
	is_writable "$PRIMARY" || recover
	for n in "$PRIMARY" $(others "$PRIMARY"); do
		[ -n "$(pg_pid "$n")" ] || pg_start "$n" || return 1
	done
	for n in $(others "$PRIMARY"); do
		poll_until 60 pg_streams "$n" || return 1
		pg_wait_replay "$n" "$PRIMARY" || return 1
	done
	failover_conf "$T/conf" ssh operate
	failover_conf "$T/hosts.conf" ssh operate
}

# --- it works

# switch NAME NEW: under load.
switch() {
	local name=$1 new=$2 old=$PRIMARY third before
	third=$(others "$old" "$new")
	ROUND=$((ROUND + 1))
	ready || fail "$name: three nodes"
	before=$(timeline_of "$old")
	load_begin "$ROUND"
	load_acked 300 "$old" || fail "$name: the load runs"
	hold_receiver "$new"
	bulk "$old" "$OUTSTANDING"
	note "outstanding: $(pg_sql "$old" "SELECT application_name,
	    pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)
	    FROM pg_stat_replication")"
	thaw_when_stopping "$old"
	# More than it lets be outstanding by itself.
	promote --switchover "$new" -y -f "$T/conf" --siblings-follow \
	    --max-lag=64MB
	thaw_all
	rc_is 0 "$name: standby-promote --switchover $new" ||
	    { load_end; return 1; }
	ok "$name: $new takes writes" is_writable "$new"
	is "$(timeline_of "$new")" $((before + 1)) "$name: on the next timeline"
	is "$(jp 'd["lost_bytes"]')" 0 "$name: it says that nothing is lost"
	like "$(jp 'd["seconds"]["gap"]')" '^[0-9.]+$' "$name: the gap is told"
	follows "$name: the old primary streams" "$old" "$new"
	follows "$name: the sibling follows" "$third" "$new"
	load_more 200 "$new" || fail "$name: the load goes on"
	load_end
	pg_wait_replay "$old" "$new"
	pg_wait_replay "$third" "$new"
	ok "$name: the rows are counted" accounts "$ROUND" "$old" "$new"
	is "${A[lost]}" 0 "$name: no acknowledged row is lost"
	one_writer "$name"
	diag "$name: ${A[acked]} rows, $OUTSTANDING MB outstanding: no writes" \
	    "for ${A[gap_ms]} ms, it says $(jp 'd["seconds"]["gap"]') s"
	if [ "${A[gap_ms]}" -ge "$GAP_MS" ] && [ "${AGAIN-}" != 1 ]; then
		diag "once more: the machine may be loaded"
		PRIMARY=$new
		AGAIN=1 switch "$name, again" "$old"
		return
	fi
	cmp_le "${A[gap_ms]}" "$GAP_MS" "$name: no longer than $GAP_MS ms"
	ok "$name: what it says about the gap is about that" awk \
	    -v said="$(jp 'd["seconds"]["gap"]')" -v seen="${A[gap_ms]}" \
	    'BEGIN { exit !(said * 1000 >= seen - 500) }'
	all_equal "$name" "$new"
	PRIMARY=$new
}

there_and_back() {
	local i rounds=1
	[ "${STANDBY_TEST_WORLD:-0}" != 1 ] || rounds=5
	for ((i = 1; i <= rounds; i++)); do
		switch "15: round $i" b || return 1
		switch "15: round $i, back" "$(others "$PRIMARY" c)" || return 1
	done
}

# --- nothing is changed

dry_run() {
	local before
	ready || fail "dry run: three nodes"
	before=$(state)
	run "$STANDBY_PROMOTE" --switchover "$(others "$PRIMARY" c)" -n \
	    -f "$T/conf" --siblings-follow
	rc_is 0 "dry run: exit status"
	is "$(state)" "$before" "dry run: nothing is changed"
	like "$out" '^ *[0-9]+\. .*[Cc][Hh][Ee][Cc][Kk][Pp][Oo][Ii][Nn][Tt]' \
	    "dry run: the checkpoint is a step"
	like "$out" "^ *[0-9]+\\. .*stop.*\\b$PRIMARY\\b" \
	    "dry run: stopping the old primary is a step, by name"
	like "$out" "^ *[0-9]+\\. .*promote \\b$(others "$PRIMARY" c)\\b" \
	    "dry run: promoting is a step, by name"
	like "$out" "^ *[0-9]+\\. .*\\b$PRIMARY\\b.*standby" \
	    "dry run: bringing the old one back is a step"
	like "$out" "^ *[0-9]+\\. .*(follow.*\\bc\\b|\\bc\\b.*follow)" \
	    "dry run: the sibling's step, by name"
	is "$(grep -oE '^ *[0-9]+\.' <<<"$out" | tr -d ' .' | tr '\n' ' ')" \
	    "$(seq -s ' ' 1 "$(grep -cE '^ *[0-9]+\. ' <<<"$out")") " \
	    "dry run: steps are numbered"
}

# refused NAME REGEX CANDIDATE [OPTION]...
refused() {
	local name=$1 regex=$2 cand=$3 before
	shift 3
	before=$(state)
	promote --switchover "$cand" -y -f "$T/conf" "$@"
	rc_is 3 "$name: refused"
	like "$err" "^standby-promote: error: .*\\[($regex)\\]" "$name: says why"
	is "$(state)" "$before" "$name: nothing is changed"
	is "$(writable)" "$PRIMARY" "$name: the primary takes writes as before"
}

refusals() {
	local cand port
	ready || fail "refusals: three nodes"
	cand=$(others "$PRIMARY" c)
	hold_receiver "$cand"
	bulk "$PRIMARY" 20
	pg_wait_replay c "$PRIMARY"
	refused "a candidate that lags above --max-lag" lag "$cand" --max-lag=1MB
	thaw_all

	pg_wait_replay "$cand" "$PRIMARY"
	port=$(port_of_ours)
	cp "$T/$cand/postgresql.auto.conf" "$T/auto.conf"
	echo "primary_conninfo = 'host=127.0.0.1 port=$port'" \
	    >>"$T/$cand/postgresql.auto.conf"
	pg_reload "$cand"
	poll_until 30 pg_is "$cand" \
	    "SELECT count(*) FROM pg_stat_wal_receiver" 0
	refused "a candidate that does not stream" '[a-z-]+' "$cand"
	cat "$T/auto.conf" >"$T/$cand/postgresql.auto.conf"
	pg_reload "$cand"

	ready || fail "refusals: three nodes"
	sed -i "s/operate = true/operate = false/" "$T/hosts.conf"
	promote --switchover "$cand" -y -f "$T/conf"
	rc_is 3 "a host that may not be operated: exit status"
	like "$err" '\[no-operate\]' "a host that may not be operated: by name"
	unlike "$err" 'checkpoint  of' \
	    "a host that may not be operated: known before anything is done"
	like "$err" 'operate' "a host that may not be operated: says what to set"
	is "$(writable)" "$PRIMARY" "a host that may not be operated: as before"
}

# --- it fails on the way

# one_primary NAME [CANDIDATE]: exactly one takes writes, or 7 and a hint; never
# two.  With CANDIDATE: or all was done, and it is that one.
one_primary() {
	local n
	n=$(writable | wc -l)
	if [ "$rc" = 0 ] && [ "${2-}" != "" ]; then
		is "$(writable)" "$2" "$1: it is brought to an end"
	elif [ "$rc" = 7 ]; then
		like "$n" '^[01]$' "$1: 7, and not two primaries"
		like "$err" '^standby-promote: (hint|Next): ?.' "$1: says what to do"
	else
		isnt "$rc" 0 "$1: exit status is not 0"
		is "$n" 1 "$1: exit status $rc, and one takes writes"
	fi
}

# under_load NAME COMMAND...: begins and ends it, and counts.
began() {
	ROUND=$((ROUND + 1))
	load_begin "$ROUND"
	load_acked 200 "$PRIMARY" || fail "$1: the load runs"
}

ended() {
	local new
	load_end
	new=$(writable | head -n 1)
	[ -n "$new" ] || { # 7: nobody, for now
		is "$(/usr/bin/python3 "$WRITERS" check "$LOAD_DIR" "$ROUND" \
		    "$PRIMARY" c c="${PG_PORT[c]}" | grep -E '^two=')" two=0 \
		    "$1: never two writable nodes"
		return
	}
	# The same node may be old and new: then the rest is about losses.
	accounts "$ROUND" "$PRIMARY" "$new"
	is "${A[two]} ${A[lost]}" "0 0" \
	    "$1: never two writable nodes, no acknowledged row is lost"
}

stop_fails() {
	local cand
	ready || fail "stop fails: three nodes"
	cand=$(others "$PRIMARY" c)
	printf '#!/bin/sh\necho "no, thank you"\nexit 1\n' >"$T/no-stop"
	printf '#!/bin/sh\nexit 0\n' >"$T/lying-stop"
	chmod 0700 "$T/no-stop" "$T/lying-stop"
	for how in no-stop lying-stop; do
		FAILOVER_STOP[$PRIMARY]=$T/$how
		failover_conf "$T/conf" ssh operate
		failover_conf "$T/hosts.conf" ssh operate
		began "$how"
		promote --switchover "$cand" -y -f "$T/conf" -t 15s
		one_primary "$how"
		is "$(writable)" "$PRIMARY" "$how: it is still the old one"
		ok "$how: $cand is a standby" in_recovery "$cand"
		ok "$how: writes go on" load_more 50 "$PRIMARY"
		ended "$how"
		ready
	done
}

# held PHASE CANDIDATE [OPTION]...: waits there, or has ended.
held() {
	local phase=$1 cand=$2
	shift 2
	rm -f "$CLONE_HOLD"
	STANDBY_TEST_PAUSE=$phase STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
	    "$STANDBY_PROMOTE" --json --switchover "$cand" -y -f "$T/conf" "$@" \
	    >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	poll_until 60 clone_held_or_gone
	[ -e "$CLONE_HOLD" ]
}

candidate_dies() {
	local cand
	ready || fail "candidate dies: three nodes"
	cand=$(others "$PRIMARY" c)
	began "candidate dies"
	ok "candidate dies: the old primary is stopped then" \
	    held request "$cand" -t 15s
	crash "$cand" all
	clone_resume
	clone_wait
	one_primary "candidate dies"
	ended "candidate dies"
	recover
}

# It is gone when the old primary has been stopped, and was asked nothing.
candidate_gone() {
	local cand
	ready || fail "candidate gone: three nodes"
	cand=$(others "$PRIMARY" c)
	began "candidate gone"
	ok "candidate gone: just before the stop" held stop "$cand" -t 20s
	crash "$cand" all
	clone_resume
	clone_wait
	rc_is 1 "candidate gone: exit status"
	is "$(writable)" "$PRIMARY" "candidate gone: the old one is started again"
	like "$err" "given up, $PRIMARY is the primary again" \
	    "candidate gone: it says so"
	ended "candidate gone"
	recover
}

interrupted() {
	local cand
	ready || fail "interrupted: three nodes"
	cand=$(others "$PRIMARY" c)
	began "interrupted"
	ok "interrupted before: the phase is reached" held stop "$cand"
	kill -TERM "$CLONE_PID"
	clone_wait
	clone_resume
	rc_is 143 "interrupted before the stop: it ends"
	is "$(writable)" "$PRIMARY" "interrupted before the stop: as before"
	ok "interrupted before the stop: writes go on" load_more 50 "$PRIMARY"
	# What has begun is finished.
	ok "interrupted: the phase is reached" held request "$cand" -t 15s \
	    --siblings-follow
	kill -TERM "$CLONE_PID"
	clone_wait
	clone_resume
	rc_is 0 "interrupted after the stop: it is finished"
	is "$(writable)" "$cand" "interrupted after the stop: the new primary"
	follows "interrupted after the stop: the old one" "$PRIMARY" "$cand"
	ended "interrupted"
	recover
}

# recover: whoever is primary now, the cluster is whole again.
recover() {
	local n new
	thaw_all
	new=$(writable | head -n 1)
	if [ -z "$new" ]; then
		[ -n "$(pg_pid "$PRIMARY")" ] || pg_start "$PRIMARY"
		new=$(writable | head -n 1)
	fi
	PRIMARY=${new:-$PRIMARY}
	for n in $(others "$PRIMARY"); do
		[ -n "$(pg_pid "$n")" ] || pg_start "$n"
		poll_until 20 streams_from "$n" "$PRIMARY" && continue
		way_back "$n" "$PRIMARY"
	done
}

other_majors() {
	local m
	[ "${STANDBY_TEST_WORLD:-0}" = 1 ] || return 0
	for m in $(pg_majors); do
		case $m in
		15) continue ;;
		10)
			skip "10: a switchover" "its receiver crashes in this build"
			continue ;;
		esac
		failover_down
		PRIMARY=a
		failover_up "$m" || { fail "$m: three nodes start"; continue; }
		switch "$m" b
	done
}

failover_needs
pg_bin 15 >/dev/null || skip_all "PostgreSQL 15 is not installed"
cases=("$@")
[ $# -gt 0 ] || cases=(there_and_back dry_run refusals stop_fails
    candidate_dies candidate_gone interrupted other_majors)
failover_up 15 || bail "three nodes do not start: $(tail -n 5 "$T/a.log")"
# Is it there at all?
failover_conf "$T/conf" ssh operate
for c in "${cases[@]}"; do
	"$c"
done
done_testing
