#!/bin/bash
#
# Goal: states in which standby-promote once made two writable primaries, or
# told a loss that was not so: an old primary that recovers from a crash and
# says it, one on a newer timeline than the candidate, a word of pgpool about
# another node, a switchover given up while somebody else promoted.
#
# Names of functions as arguments run only those.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/relay.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf
TRUST='promote : { trust_pgpool = true; };'
port() { echo "${PG_PORT[$1]}"; }
writes() { pg_is "$1" "SELECT pg_is_in_recovery()" f; }
standby() { pg_is "$1" "SELECT pg_is_in_recovery()" t; }

# recovers NODE: one of its processes is shot, so that its postmaster restarts
# itself; its startup process is held, so that this takes a while.
recovers() {
	local pm held end=$((SECONDS + 30))
	pm=$(pg_pid "$1")
	kill -KILL "$(pgrep -P "$pm" -f checkpointer)"
	# It may live for a moment only.
	until held=$(pgrep -P "$pm" -f 'startup|recovering') &&
	    kill -STOP "$held"; do
		[ "$SECONDS" -lt "$end" ] || return 1
	done
	freeze "$1" "$held"
	says_so() {
		PGCONNECT_TIMEOUT=5 pg_sql "$1" "SELECT 1" 2>&1 |
		    grep -q 'the database system is '
	}
	poll_until 20 says_so "$1"
}

# pgpool_lost ID OLD [WORD]...: failover_command of a pgpool that lost the node
# ID; OLD is the number of the primary that it knows.
pgpool_lost() {
	local id=$1 old=$2 lost=$3
	shift 3
	run timeout -k 10 180 "$STANDBY_PROMOTE" -f "$CONF" --log=stderr \
	    --pgpool "$id" 127.0.0.1 "$lost" "$T/lost" 1 127.0.0.1 0 "$old" \
	    "$(port s1)" "$T/s1" "$@" </dev/null
}

# --- a server that answers, and not yet takes connections

starting() {
	promote_up p s1 || return 2
	CONF_MORE=$TRUST promote_conf "$CONF" p- s1
	write p 60000
	recovers p || return 2
	pgpool_lost 0 0 "$(port p)" 127.0.0.1 "$(port p)"
	rc_is 3 "starting: pgpool is trusted: exit 3"
	like "$err" 'error: .*the database system is .*\[old-primary-runs\]' \
	    "starting: pgpool is trusted: what the server says, and the id"
	typed s1 -f "$CONF" s1
	rc_is 3 "starting: the name is typed: exit 3"
	like "$out" '\[old-primary-runs\]' "starting: the name is typed: the id"
	promote -f "$CONF" s1 -y --force
	is "$rc $(refusals)" "3 old-primary-runs" "starting: --force: exit 3"
	promote -f "$CONF" s1 -y --fence=true
	rc_is 3 "starting: a fence that did nothing: exit 3"
	like "$err" 'the fence.* has failed \[old-primary-runs\]' \
	    "starting: a fence that did nothing: in words"
	unlike "$err" 'nothing was changed' "starting: and that it has run"
	run "$TOP_BUILDDIR/repl-status" -f "$CONF"
	like "$out" 'p +unknown +starting ' "starting: repl-status says so"
	ok "starting: s1 is a standby as before" standby s1
	thaw p
	ok "starting: p takes writes again" poll_until 30 write p 1
	ok "starting: and s1 streams from it" poll_until 30 pg_streams s1
}

# A smart shutdown lets its sessions work on: not before it is down.
stopping() {
	local pm
	promote_up p s1 || return 2
	promote_conf "$CONF" p- s1
	pm=$(pg_pid p)
	PGAPPNAME=worker pg_psql p -c "SELECT pg_sleep(1000)" >/dev/null 2>&1 \
	    3>&- 4>&- &
	kill_later $!
	poll_until 20 pg_is p "SELECT count(*) FROM pg_stat_activity
	    WHERE application_name = 'worker' AND state = 'active'" 1 ||
	    return 2
	kill -TERM "$pm"
	says_stop() {
		PGCONNECT_TIMEOUT=5 pg_sql p "SELECT 1" 2>&1 |
		    grep -q 'is shutting down'
	}
	poll_until 20 says_stop || return 2
	promote -f "$CONF" s1 -y --force --old-primary=p -t 8s
	is "$rc $(refusals)" "3 old-primary-runs" \
	    "stopping: sessions work on: exit 3"
	ok "stopping: s1 is a standby as before" standby s1
	(sleep 3; kill -INT "$pm") 3>&- 4>&- &
	promote -f "$CONF" s1 -y --force --old-primary=p -t 30s
	promoted s1 2 "stopping: it is waited for the end"
	wait $!
}

# --- another branch

newer() {
	local lines
	promote_up p s1 s2 || return 2
	pg_stop s1
	write p 20000
	pg_wait_replay s2 p || return 2
	crash p
	pg_start s1
	pg_promote s1
	write s1 300
	crash s1
	alone s2
	promote_conf "$CONF" s1 s2
	lines=$(rows s2)
	refused old-primary-ahead 'standby-promote s1|Start s1' \
	    "newer: the old primary went on to another timeline" \
	    -f "$CONF" s2 -y --old-primary=s1
	like "$err" 'timeline 2.* timeline 1' "newer: both timelines are told"
	promote -f "$CONF" s2 -y --old-primary=s1 --force --json -n
	is "$rc $(pj 'd["lost_bytes"], d["lost_at_least_bytes"]')" "0 null null" \
	    "newer: forced: the loss is not known"
	like "$err" 'Possible loss unknown: .*timeline 2' \
	    "newer: forced: and why"
	promote -f "$CONF" s2 -y --old-primary=s1 --max-lag=1GB --force -n
	like "$err" '\[lag\]' "newer: forced: no lag is known, either"
	is "$(rows s2) $(timeline s2)" "$lines t 1" "newer: nothing is done"
}

# --- pgpool speaks of another node

other_node() {
	promote_make p s1 || return 2
	pg_start p || return 2
	relay_start r "$(port p)"
	if [ "${PG_MAJOR[p]}" -ge 12 ]; then
		echo "primary_conninfo = 'host=127.0.0.1 port=${RELAY_PORT[r]} user=postgres application_name=s1'" \
		    >>"$T/s1/postgresql.conf"
	else
		sed -i "s/port=$(port p) /port=${RELAY_PORT[r]} /" \
		    "$T/s1/recovery.conf"
	fi
	pg_start s1 || return 2
	poll_until 30 pg_streams s1 || return 2
	CONF_MORE=$TRUST promote_conf "$CONF" "p=${RELAY_PORT[r]}" s1
	kill -STOP "${RELAY_PID[r]}"
	pgpool_lost 2 -1 5999 "" ""
	kill -CONT "${RELAY_PID[r]}"
	rc_is 3 "other node: pgpool lost another one, and knows no primary"
	like "$err" '\[old-primary-unproven\]' "other node: the id"
	ok "other node: p is the primary" writes p
	ok "other node: s1 is a standby as before" standby s1
	crash p
	kill -STOP "${RELAY_PID[r]}"
	pgpool_lost 0 0 "${RELAY_PORT[r]}" 127.0.0.1 "${RELAY_PORT[r]}"
	kill -CONT "${RELAY_PID[r]}"
	promoted s1 2 "other node: pgpool lost the primary"
}

# --- the fence has run

fenced() {
	rm -f "$T/begun" "$T/half"
	promote_up p s1 || return 2
	promote_conf "$CONF" p- s1
	crash p
	promote -f "$CONF" s1 -y --fence="touch $T/half; false"
	rc_is 3 "fenced: a fence that fails half-way: exit 3"
	like "$err" 'not promoted, but the fence command has run: fence-failed' \
	    "fenced: that it has run is said"
	promote -f "$CONF" s1 -y --json --fence="touch $T/half; false"
	like "$(pj 'd["error"]["message"]')" 'but the fence command has run' \
	    "fenced: in JSON, too"
	# Cut off, and then not promoted: nobody takes writes now.
	promote -f "$CONF" s1 -y --fence="$T/s1.stop fast"
	rc_is 7 "fenced: cut off, and the candidate is gone then: exit 7"
	like "$err" 'not promoted, but the fence command has run: ' \
	    "fenced: cut off: in words"
	pg_start s1
	ok "fenced: s1 is a standby as before" standby s1
	"$STANDBY_PROMOTE" -f "$CONF" s1 -y \
	    --fence="touch $T/begun; sleep 1000" >"$T/.bg.out" 2>"$T/.bg.err" \
	    3>&- 4>&- </dev/null &
	PROMOTE_PID=$!
	kill_later "$PROMOTE_PID"
	poll_until 20 test -e "$T/begun"
	kill -TERM "$PROMOTE_PID"
	promote_wait
	rc_is 143 "fenced: ended by a signal: exit 143"
	like "$err" 'the fence command has run' "fenced: and that it has run"
}

# --- a switchover that is given up

# stopper COMMAND...: how the file says that p is stopped.
stopper() {
	promote_conf "$CONF" p s1
	printf '#!/bin/sh\n' >"$T/p.own"
	printf '%s\n' "$@" >>"$T/p.own"
	chmod +x "$T/p.own"
	sed -i "s|stop = \"$T/p.stop\"|stop = \"$T/p.own\"|" "$CONF"
}

by_another() {
	promote_up p s1 || return 2
	stopper "$T/p.stop fast" \
	    "$(pg_bin "${PG_MAJOR[p]}")/pg_ctl -D $T/s1 promote -w" "exit 1"
	promote -f "$CONF" --switchover s1 -y -t 30s
	rc_is 7 "by another: promoted while the stop was under way: exit 7"
	like "$err" 'somebody else promoted it' "by another: in words"
	is "$(pg_pid p)" "" "by another: the old primary is left stopped"
	ok "by another: s1 takes writes" write s1 1
}

# It cannot be asked over SQL: its directory tells what it is.
unheard() {
	promote_up p s1 || return 2
	stopper "$T/p.stop fast" "echo 'host all all all reject' >$T/s1/pg_hba.conf" \
	    "kill -HUP $(pg_pid s1)" \
	    "kill -TERM \$(pgrep -P $(pg_pid s1) -f 127.0.0.1.*idle)" \
	    "exit 1"
	promote -f "$CONF" --switchover s1 -y -t 30s
	rc_is 1 "unheard: the candidate lets nobody in: exit 1"
	like "$err" 'p is the primary again' "unheard: in words"
	ok "unheard: p takes writes" writes p
}

unheard_promoted() {
	promote_up p s1 || return 2
	stopper "$T/p.stop fast" \
	    "$(pg_bin "${PG_MAJOR[p]}")/pg_ctl -D $T/s1 promote -w" \
	    "echo 'host all all all reject' >$T/s1/pg_hba.conf" \
	    "kill -HUP $(pg_pid s1)" \
	    "kill -TERM \$(pgrep -P $(pg_pid s1) -f 127.0.0.1.*idle)" \
	    "exit 1"
	promote -f "$CONF" --switchover s1 -y -t 30s
	rc_is 7 "unheard, promoted: exit 7"
	is "$(pg_pid p)" "" "unheard, promoted: the old primary is left stopped"
}

# The command hands over to what outlives it.
late_stop() {
	promote_up p s1 || return 2
	rm -f "$T/came"
	stopper "setsid sh -c 'sleep 7; : >$T/came; $T/p.stop fast' \
	    >/dev/null 2>&1 &" "sleep 60"
	promote -f "$CONF" --switchover s1 -y -t 6s
	ok "late stop: it came" test -e "$T/came"
	rc_is 1 "late stop: exit 1"
	like "$err" 'p is the primary again' "late stop: it is started again"
	ok "late stop: p takes writes" writes p

	stopper "sleep 60"
	poll_until 30 pg_streams s1
	promote -f "$CONF" --switchover s1 -y -t 6s
	rc_is 7 "late stop: it does not come: exit 7"
	like "$err" 'its stop was asked for and may still come' \
	    "late stop: it does not come: in words"
	ok "late stop: it does not come: p takes writes" writes p
}

# --- parts

[ $# -gt 0 ] || set -- starting stopping other_node fenced newer \
    by_another unheard unheard_promoted late_stop
majors=$(promote_main_major)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] && [ -z "${STANDBY_TEST_MAJORS-}" ] ||
    majors=$(pg_majors)
for m in $majors; do
	diag "PostgreSQL $m"
	if [ "$m" = 10 ]; then
		skip "10: all of it" "this build's receiver crashes when it is told to end"
		continue
	fi
	promote_cold "$m" || bail "$m: no servers"
	for part; do
		"$part"
		[ $? -ne 2 ] ||
		    fail "$part, $m: the cluster is not as it should be"
	done
done
done_testing
