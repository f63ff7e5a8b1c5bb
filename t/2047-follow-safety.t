#!/bin/bash
# Goal: standby-follow never mixes two histories and never waits longer than
# --timeout.  Two standbys promoted at the same point have timelines of one
# number and histories of one text: the WAL itself tells them apart, for an old
# primary and for who followed it.  A promotion that was asked for is not taken
# back in silence.  What says "forked" to another program is not hidden by its
# configuration.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/promote.sh"
promote_needs
FOLLOW=$TOP_BUILDDIR/standby-follow
[ -x "$FOLLOW" ] || skip_all "standby-follow is not built"

# follow UPSTREAM|:PORT NODE [OPTION]...
follow() {
	local port=${PG_PORT[$1]-${1#:}} node=$2
	shift 2
	run timeout -k 10 120 "$FOLLOW" --master=127.0.0.1 -p "$port" \
	    -U postgres -D "$T/$node" --no-sync \
	    --pg-bindir="$(pg_bin "${PG_MAJOR[$node]}")" "$@" </dev/null
}

# crashes WHAT: a receiver of this build of 10 crashes when it is told to end.
crashes() {
	[ "$m" = 10 ] && skip "10: $1" "a receiver that ends crashes"
}

# slots NODE: what a refusal must not leave.
slots() { pg_sql "$1" "SELECT count(*) FROM pg_replication_slots"; }

# refused_fork UPSTREAM NODE LABEL
refused_fork() {
	local before
	before="$(state "$2") $(slots "$1")"
	follow "$1" "$2" --json --timeout=20
	rc_is 3 "$3: refused"
	is "$(pj 'd["status"], d["error"]["id"]')" "forked forked" \
	    "$3: as a fork"
	like "$err" "hint: .*standby-clone --delta .*-D $T/$2" \
	    "$3: with the command for a copy"
	is "$(state "$2") $(slots "$1")" "$before" "$3: nothing was changed"
}

# --- histories that only the WAL tells apart

# Two are promoted where p ended, each acknowledges a row of the same length.
twins() {
	local n
	pg_stop p && pg_promote s1 && pg_promote s2 || return 1
	for n in s1 s2; do
		pg_sql "$n" CHECKPOINT
		pg_sql "$n" "INSERT INTO t VALUES (777, 'only on $n')"
		pg_sql "$n" CHECKPOINT
	done
	is "$(cat "$T/s1/pg_wal/00000002.history")" \
	    "$(cat "$T/s2/pg_wal/00000002.history")" \
	    "$m: twins: their histories are the same"
}

twin_primary() {
	promote_up p s1 s2 && twins || return 2
	pg_stop s1
	write s2 50
	refused_fork s2 s1 "$m: a stopped twin"
	is "$(pg_pid s1)" "" "$m: a stopped twin: it was not started"

	# Its WAL is gone: then what it is decides.
	mkdir "$T/away"
	mv "$T"/s1/pg_wal/00000002[0-9A-F]* "$T/away"
	refused_fork s2 s1 "$m: a stopped twin without WAL"
	rm -rf "$T/away"
}

# A sibling that followed the one, and is to follow the other.
twin_sibling() {
	crashes "a sibling of twins" && return
	promote_up p s1 s2 s3 && twins || return 2
	follow s1 s3
	rc_is 0 "$m: a sibling follows the first"
	pg_wait_replay s3 s1
	write s2 50
	alone s3
	pg_stop s1
	refused_fork s2 s3 "$m: a running sibling of a twin"
	is "$(pg_sql s3 "SELECT pad FROM t WHERE i = 777")" "only on s1" \
	    "$m: a running sibling of a twin: it has what it had"
	pg_stop s3
	refused_fork s2 s3 "$m: a stopped sibling of a twin"
}

# Over a further promotion: the node's timeline is an ancestor there.
twin_ancestor() {
	crashes "who is ancestor of a twin" && return
	promote_up p s1 s2 s3 && twins || return 2
	pg_stop s1
	write s2 50
	follow s2 s3
	rc_is 0 "$m: s3 follows the second"
	pg_wait_replay s3 s2
	pg_stop s2
	pg_promote s3
	write s3 5
	refused_fork s3 s1 "$m: a twin of an ancestor"
	follow s3 s2
	rc_is 0 "$m: who is that ancestor follows"
}

# What is one history, and looks like the above.
one_history() {
	promote_make p s1
	pg_start p
	write p 100
	pg_stop p
	rm -rf "${T:?}/s1"
	cp -a "$T/p" "$T/s1"
	promote_standby s1 p
	rm -f "$T/s1/postmaster.opts" # has the port of p
	pg_set s1 "port = ${PG_PORT[s1]}"
	pg_start p
	write p 100
	follow p s1 --slot=cold
	rc_is 0 "$m: a cold copy of a primary follows it"

	crashes "a stopped primary that has nothing more" && return
	promote_up p s1 s2 || return 2
	pg_stop p
	follow s1 p --no-wait
	rc_is 0 "$m: a stopped primary follows a standby that has all of its WAL"
	ok "$m: as a standby" poll_until 20 pg_is p "SELECT pg_is_in_recovery()" t
}

# --- time

# swallow TARGET_PORT all|repl: a port, in PORT, that accepts and is silent.
swallow() {
	PORT=$(port_of_ours)
	rm -f "$T/swallow"
	/usr/bin/python3 "$TOP_SRCDIR/t/lib/swallow.py" "$PORT" "$1" "$2" \
	    >"$T/swallow" 3>&- 4>&- &
	kill_later "$!"
	poll_until 10 test -s "$T/swallow"
}

# late LABEL UPSTREAM NODE: with 2 s; each look alone would take 10 s.
late() {
	local began=$SECONDS
	follow "$2" "$3" --timeout=2
	rc_is 6 "$m: $1: exit 6"
	ok "$m: $1: in time" test $((SECONDS - began)) -lt 7
}

time_is_over() {
	promote_up p s1 || return 2
	swallow "${PG_PORT[p]}" all
	late "a primary that is silent" ":$PORT" s1
	swallow "${PG_PORT[p]}" repl
	late "a replication login that is swallowed" ":$PORT" s1
	swallow "${PG_PORT[p]}" pg_is_in_recovery
	late "a session that falls silent" ":$PORT" s1
	swallow "${PG_PORT[p]}" identify
	late "a replication session that falls silent" ":$PORT" s1
	freeze s1
	late "the node's own server is frozen" p s1
	thaw s1
	is "$(timeline s1)" "t 1" "$m: late: the node is as it was"
	is "$(slots p)" 0 "$m: late: no slot is left"
}

# --- a promotion that was asked for

triggers() {
	local before
	promote_up p s1 s2 || return 2
	mkdir -p "$T/tr"
	pg_stop s1
	if [ "$m" -lt 16 ]; then
		promote_set s1 "$1 = '$T/tr/now'"
		touch "$T/tr/now"
	fi
	touch "$T/s1/promote"
	# What its recovery.conf names outside of its directory is not ours.
	if [ "$m" -lt 12 ]; then
		follow p s1 --json
		is "$rc $(pj 'd["error"]["id"]')" "3 promotion-running" \
		    "$m: a stopped standby whose trigger file is elsewhere is refused"
		like "$err" "\"$T/tr/now\"" "$m: with the file"
		ok "$m: which stays" test -e "$T/tr/now"
		rm -f "$T/tr/now"
	fi
	follow p s1
	rc_is 0 "$m: a stopped standby with stale trigger files follows"
	like "$err" 'removed stale trigger file "promote"' \
	    "$m: it is told that one is removed"
	if [ "$m" -ge 12 ] && [ "$m" -lt 16 ]; then
		like "$err" "removed stale trigger file \"$T/tr/now\"" \
		    "$m: and the one of its configuration"
	fi
	is "$(timeline s1)" "t 1" "$m: and it is a standby"

	promote_make p s1 s2
	[ "$m" -ge 16 ] || promote_set s1 "$1 = '$T/tr/now'"
	rm -f "$T/tr/now"
	pg_start p && pg_start s1 && pg_start s2 || return 2
	poll_until 60 pg_streams s1
	pg_wait_replay s1 p
	freeze s1 "$(children s1 startup)"
	touch "$T/s1/promote"
	before="$(ls -A "$T/s1") $(slots p)"
	follow p s1 --slot=other --json
	rc_is 3 "$m: a running standby that is asked to promote is refused"
	is "$(pj 'd["error"]["id"]')" promotion-running "$m: by its name"
	like "$err" "\"$T/s1/promote\"" "$m: with the file"
	is "$(ls -A "$T/s1") $(slots p)" "$before" "$m: nothing was changed"
	rm "$T/s1/promote"
	if [ "$m" -lt 16 ]; then
		touch "$T/tr/now"
		follow p s1 --slot=other --json
		rc_is 3 "$m: so is one whose trigger file is there"
		like "$err" "\"$T/tr/now\"" "$m: with the file"
		ok "$m: which stays" test -e "$T/tr/now"
		rm "$T/tr/now"
	fi
	thaw s1
}

# --- "forked", to other programs

# says_forked LABEL CONFIG [VARIABLE=VALUE]: as the agent of that host runs it.
says_forked() {
	echo "$2" >"$T/c2"
	run env STANDBY_CONFIG="$T/c2" ${3:+"$3"} \
	    "$TOP_BUILDDIR/t/helpers/operate" -h follow "$T/p" \
	    "programs=$TOP_BUILDDIR" \
	    "primary=host=127.0.0.1 port=${PG_PORT[s1]} user=postgres dbname=postgres"
	like "$out" "status=3 " "$m: $1: refused"
	like "$out" 'error: .*forked at .* \[forked\]$' "$m: $1: it says forked"
}

marks() {
	promote_up p s1 && pg_promote s1 || return 2
	write p 50
	pg_stop p
	says_forked plain ''
	says_forked "colours of the file" 'defaults : { color = "always"; };'
	says_forked "log of the file" "defaults : { log = \"$T/log\"; };"
	says_forked "colours of the environment" '' STANDBY_COLOR=always
	says_forked "PG_COLOR" '' PG_COLOR=always
	says_forked "log of the environment" '' "STANDBY_LOG=$T/log"
	says_forked "syslog" '' "STANDBY_LOG=syslog"
}

# --- a record that the old primary did not finish

# p is killed when a part of a record has been flushed, and so sent: whole pages
# are, of what no commit waits for.  Who is promoted ends before it, and its
# sibling has nothing that the new primary has not.
half_record() {
	local n end pid
	crashes "a half record" && return
	promote_up p s1 s2 || return 2
	# The rest of it is flushed after that delay.
	pg_set p "wal_writer_delay = '10s'" "wal_writer_flush_after = 0"
	pg_reload p
	# shellcheck disable=SC2046	# pids
	freeze p $(children p 'background writer|checkpointer')
	pg_wait_replay s1 p && pg_wait_replay s2 p || return 2
	end=$(pg_sql p "SELECT pg_current_wal_insert_lsn()")
	pg_sql p "SELECT pg_logical_emit_message(false, 'x', repeat('x', 20000))" \
	    >/dev/null
	for n in s1 s2; do
		poll_until 30 pg_is "$n" "SELECT pg_last_wal_receive_lsn() -
		    pg_last_wal_replay_lsn() >= 8192" t || return 2
	done
	pid=$(pg_pid p)
	# shellcheck disable=SC2086	# pids
	kill -KILL "$pid" ${FROZEN[p]}
	FROZEN[p]=
	pg_dead p "$pid" && alone s1 s2 || return 2
	pg_promote s1 || return 2
	like "$(cat "$T/s1/pg_wal/00000002.history")" "	$end	" \
	    "$m: a half record: (it is no WAL to the new primary)"
	write s1 50
	follow s1 s2
	rc_is 0 "$m: a half record: exit 0"
	like "$err" "behind $end is the beginning of a record" \
	    "$m: a half record: said so"
	ok "$m: a half record: the sibling follows" pg_wait_replay s2 s1
	is "$(rows s2)" "$(rows s1)" "$m: a half record: with all rows"
}

majors=$(promote_main_major)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] && [ -z "${STANDBY_TEST_MAJORS-}" ] ||
    majors=$(pg_majors)
parts=("$@")
[ $# -gt 0 ] || parts=(twin_primary twin_sibling twin_ancestor one_history
    half_record triggers marks)
# Minutes, most of them waiting.
[ $# -gt 0 ] || [ "${STANDBY_TEST_WORLD:-0}" != 1 ] || parts+=(time_is_over)
for m in $majors; do
	promote_cold "$m" || bail "$m: the cluster does not start"
	case $m in
	1[01]) trigger=trigger_file ;;
	*) trigger=promote_trigger_file ;;
	esac
	for part in "${parts[@]}"; do
		note "--- $m: $part"
		"$part" "$trigger"
		[ $? -ne 2 ] ||
		    fail "$m: $part: the cluster is not as it should be"
	done
	promote_down
done
done_testing
