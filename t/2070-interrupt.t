#!/bin/bash
#
# Goal: SIGINT and SIGTERM to standby-promote and standby-follow, in each phase.
# Before the request nothing is changed and the status is 128 + signal; after it
# the truth is told with 7 (or 0, where it was finished).  No child, agent,
# session, lock or slot of theirs is left.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/clone.sh"
. "${0%/*}/lib/failover.sh"

PID=

# begin PHASE PROGRAM [OPTION]...: in the background, to be held there.
begin() {
	local phase=$1
	shift
	rm -f "$T/hold"
	note "\$ $* (held at $phase)"
	STANDBY_TEST_PAUSE=$phase STANDBY_TEST_PAUSE_FILE=$T/hold \
	    "$@" >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- </dev/null &
	PID=$!
	kill_later "$PID"
}

# there FILE: until it is; 1 when the program has ended before.
there() { poll_until 40 there_or_gone "$1" && [ -e "$1" ]; }
there_or_gone() { [ -e "$1" ] || gone "$PID"; }

# end SIGNAL: sets rc and err; "-": none, it ends by itself.
end() {
	[ "$1" = - ] || kill -"$1" "$PID"
	poll_until 60 gone "$PID" || { fail "$1: it ends"; kill -KILL "$PID"; }
	wait "$PID"
	rc=$?
	err=$(cat "$T/.bg.err")
	note "exit $rc: $err"
	rm -f "$T/hold" "$T/there.hold"
}
status_of() { [ "$1" = INT ] && echo 130 || echo 143; }

# state NODE...: what must not change.
state() {
	local n f
	for n; do
		pg_sql "$n" "SELECT pg_is_in_recovery()"
		pg_pid "$n"
		for f in postgresql.conf postgresql.auto.conf standby.signal; do
			[ ! -e "$T/$n/$f" ] || (cd "$T" && md5sum "$n/$f")
		done
		pg_slots "$n"
	done
}

no_traces() {
	local n
	! pgrep -f "^($AGENT|($STANDBY_FOLLOW|$STANDBY_PROMOTE) .*$T/)" &&
	    gone "$PID" || return 1
	for n in $NODES; do
		[ -n "$(pg_pid "$n")" ] || continue
		pg_is "$n" "SELECT count(*) FROM pg_stat_activity
		    WHERE application_name LIKE 'standby-%'" 0 || return 1
		pg_is "$n" "SELECT count(*) FROM pg_locks
		    WHERE locktype = 'advisory'" 0 || return 1
	done
}
traceless() { ok "$1: no process, session or lock is left" poll_until 20 no_traces; }

freeze() { # freeze PID...: until thaw_all
	kill -STOP "$@" && FROZEN_PIDS+=("$@")
}
startup() { children "$1" '(startup|Startup)'; }
everybody() { pg_pid "$1"; pgrep -P "$(pg_pid "$1")"; }

up() { # b and c stand by, a is dead
	failover_down
	failover_up 15 || { fail "three nodes start"; return 1; }
	failover_conf "$T/conf" ssh operate
	crash a
	CONF=(-f "$T/conf")
}

# --- standby-promote

promote_before() {
	local s before
	up || return
	for s in INT TERM; do
		before=$(state b c)
		# The facts: c hangs.
		# shellcheck disable=SC2046	# pids
		freeze $(everybody c)
		begin none "$STANDBY_PROMOTE" "${CONF[@]}" b -y --force
		poll_until 20 sh -c "ls -l /proc/$PID/fd | grep -q socket:"
		end "$s"
		thaw_all
		is "$rc" "$(status_of "$s")" "SIG$s while the nodes are asked"
		is "$(state b c)" "$before" "SIG$s then: nothing is changed"
		traceless "SIG$s then"

		printf '#!/bin/sh\necho $$ >%s/fence.pid\nexec sleep 300\n' "$T" \
		    >"$T/fence"
		chmod +x "$T/fence"
		rm -f "$T/fence.pid"
		begin none "$STANDBY_PROMOTE" "${CONF[@]}" b -y \
		    --old-primary=a --fence="$T/fence"
		ok "(the fence runs)" there "$T/fence.pid"
		end "$s"
		is "$rc" "$(status_of "$s")" "SIG$s while the fence runs"
		ok "SIG$s then: the fence is ended" poll_until 10 gone \
		    "$(cat "$T/fence.pid")"
		is "$(state b c)" "$before" "SIG$s then: nothing is changed"
		traceless "SIG$s then"

		begin request "$STANDBY_PROMOTE" "${CONF[@]}" b -y --force
		ok "(just before the request)" there "$T/hold"
		end "$s"
		is "$rc" "$(status_of "$s")" "SIG$s just before the request"
		is "$(state b c)" "$before" "SIG$s then: nothing is changed"
		traceless "SIG$s then"
	done
}

promote_after() {
	local s
	for s in INT TERM; do
		up || return
		freeze "$(startup b)"
		begin requested "$STANDBY_PROMOTE" "${CONF[@]}" b -y --force -t 6s
		ok "(requested)" there "$T/hold"
		end "$s"
		is "$rc" 7 "SIG$s after the request: exit 7"
		like "$err" 'requested, outcome unknown' "SIG$s then: in words"
		thaw_all
		ok "SIG$s then: it happens" poll_until 30 is_writable b
		traceless "SIG$s then"
	done
	up || return
	begin requested "$STANDBY_PROMOTE" "${CONF[@]}" b -y --force
	ok "(requested)" there "$T/hold"
	end TERM
	is "$rc" 0 "SIGTERM after a request that is confirmed: it is finished"
	ok "SIGTERM then: b is the primary" is_writable b
	traceless "SIGTERM then"
}

# The siblings' standby-follow, and the old primary's, are held on their hosts.
held_there() {
	sshd_start held -- "SetEnv STANDBY_CONFIG=$T/hosts.conf STANDBY_TEST_PAUSE=slot STANDBY_TEST_PAUSE_FILE=$T/there.hold" ||
	    return 1
	cat "${SSHD_KNOWN[held]}" >>"${SSHD_KNOWN[hosts]}"
	HOSTS_PORT=${SSHD_PORT[held]} failover_conf "$T/conf" ssh operate
}

promote_siblings() {
	local s before
	for s in INT TERM; do
		up || return
		held_there || return
		before=$(state c)
		begin none "$STANDBY_PROMOTE" "${CONF[@]}" b -y --force -t 20s \
		    --siblings-follow
		ok "(c follows)" there "$T/there.hold"
		end "$s"
		is "$rc" 7 "SIG$s while a sibling follows: exit 7"
		like "$err" 'c' "SIG$s then: it is named"
		ok "SIG$s then: b is the primary" is_writable b
		is "$(state c)" "$before" "SIG$s then: c is as it was"
		traceless "SIG$s then"
	done
}

switchover_old() {
	local s
	for s in INT TERM; do
		failover_down
		failover_up 15 || { fail "three nodes start"; return; }
		CONF=(-f "$T/conf")
		held_there || return
		begin none "$STANDBY_PROMOTE" "${CONF[@]}" --switchover b -y -t 20s
		ok "(the old primary is brought back)" there "$T/there.hold"
		kill -"$s" "$PID"
		is "$(writable)" b "SIG$s while the old primary comes back: b is"
		rm "$T/there.hold"
		end -
		is "$rc" 0 "SIG$s then: what has begun is finished"
		follows "SIG$s then: a follows" a b
		traceless "SIG$s then"
	done
}

# old_held [OPTION]...: a switchover whose old primary is held on its way back.
old_held() {
	failover_down
	failover_up 15 || { fail "three nodes start"; return 1; }
	CONF=(-f "$T/conf")
	held_there || return 1
	begin none "$STANDBY_PROMOTE" "${CONF[@]}" --switchover b -y "$@"
	ok "(the old primary is brought back)" there "$T/there.hold"
}

# It does not come back: the run ends by its time, and by a second signal.
switchover_late() {
	old_held -t 15s || return
	end -
	is "$rc" 7 "the time is over while the old primary comes back: exit 7"
	like "$err" 'a did not come back as a standby' "then: it is told"
	like "$err" 'Next: .*standby-clone a --delta' "then: what is to be typed"
	is "$(writable)" b "then: b takes writes"
	traceless "then"
}

switchover_twice() {
	local s
	for s in INT TERM; do
		old_held -t 60s || return
		kill -"$s" "$PID"
		is "$(writable)" b "SIG$s while the old primary comes back: b is"
		kill -0 "$PID" || fail "(one signal is not enough)"
		end TERM
		is "$rc" 7 "a second signal after SIG$s: exit 7, not 143"
		is "$(writable)" b "a second signal: b takes writes"
		traceless "a second signal"
	done
}

# --- standby-follow

follow_up() { # b is the primary, c waits for a
	up || return 1
	pg_promote b && pg_sql b CHECKPOINT || return 1
	FOLLOW=("$STANDBY_FOLLOW" --master=127.0.0.1 -p "${PG_PORT[b]}" -U postgres
	    -D "$T/c" --no-sync --slot=short_lived
	    --pg-bindir="$(pg_bin 15)")
}

follow_phases() {
	local s before
	for s in INT TERM; do
		follow_up || return
		before=$(state b c)
		# shellcheck disable=SC2046	# pids
		freeze $(everybody b)
		begin none "${FOLLOW[@]}"
		poll_until 20 sh -c "ls -l /proc/$PID/fd | grep -q socket:"
		end "$s"
		thaw_all
		is "$rc" "$(status_of "$s")" "follow: SIG$s while the facts are read"
		is "$(state b c)" "$before" "follow: SIG$s then: nothing is changed"
		traceless "follow: SIG$s then"

		begin slot "${FOLLOW[@]}"
		ok "(the slot is made)" there "$T/hold"
		isnt "$(state b c)" "$before" "(it is)"
		end "$s"
		is "$rc" "$(status_of "$s")" "follow: SIG$s when the slot is made"
		is "$(state b c)" "$before" "follow: SIG$s then: the slot is gone"
		traceless "follow: SIG$s then"

		# From here on nothing can stream, whatever is reloaded.
		freeze "$(startup c)"
		begin written "${FOLLOW[@]}"
		ok "(the configuration is written)" there "$T/hold"
		end "$s"
		is "$rc" 7 "follow: SIG$s when the configuration is written: 7"
		like "$err" 'names 127.0.0.1:[0-9]+ already' \
		    "follow: SIG$s then: what is changed is told"
		is "$(pg_slots b | grep -c short_lived)" 1 \
		    "follow: SIG$s then: its slot stays, the file names it"
		traceless "follow: SIG$s then"

		begin none "${FOLLOW[@]}"
		poll_until 30 grep -q 'reload' "$T/.bg.err"
		end "$s"
		thaw_all
		is "$rc" 7 "follow: SIG$s while it is waited for streaming: 7"
		traceless "follow: SIG$s then"
		run "${FOLLOW[@]}"
		rc_is 0 "follow: again, it goes on"
		follows "follow: again" c b
	done
}

# As pgpool's command, with the node on another host.
follow_pgpool() {
	local s before
	for s in INT TERM; do
		up && pg_promote b && pg_sql b CHECKPOINT && held_there || return
		sed -i "/name = \"c\"/s/host=127.0.0.1/host=127.0.0.2/" "$T/conf"
		pg_set c "listen_addresses = '127.0.0.1,127.0.0.2'"
		pg_restart c
		before=$(state b c)
		begin none "$STANDBY_FOLLOW" "${CONF[@]}" --no-sync -t 40s --pgpool \
		    2 127.0.0.2 "${PG_PORT[c]}" "$T/c" 1 127.0.0.1 0 0 \
		    "${PG_PORT[b]}" "$T/b" 127.0.0.1 "${PG_PORT[a]}"
		ok "(the agent's standby-follow is at work)" there "$T/there.hold"
		end "$s"
		is "$rc" "$(status_of "$s")" "follow --pgpool: SIG$s"
		traceless "follow --pgpool: SIG$s then"
		is "$(state b c)" "$before" \
		    "follow --pgpool: SIG$s then: c is as it was, its slot gone"
	done
}

failover_needs
pg_bin 15 >/dev/null || skip_all "PostgreSQL 15 is not installed"
cases=("$@")
[ $# -gt 0 ] || cases=(promote_before promote_after promote_siblings
    switchover_old switchover_late switchover_twice follow_phases follow_pgpool)
for c in "${cases[@]}"; do
	"$c"
done
done_testing
