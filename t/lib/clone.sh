# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# T is set by tap.sh; arrays for the tests
#
# standby-clone under test.  Primary and standby are on 127.0.0.1 with ports of
# their own, the SSH server is the private one of sshd.sh.
#
#	clone_needs				skip all when it is not built
#	clone_args p s				fills CLONE with the command
#	run "${CLONE[@]}" --delta ...
#	clone_paused manifest p s --delta	in the background, stopped at the
#	clone_resume				phase hook; then go on
#	clone_wait				its exit status, as rc, out and err

STANDBY_CLONE=$TOP_BUILDDIR/standby-clone
CLONE=()
CLONE_PID=
CLONE_HOLD=$T/hold

clone_needs() {
	local reason
	[ -x "$STANDBY_CLONE" ] || skip_all "standby-clone is not built"
	[ -n "$(pg_majors)" ] ||
	    skip_all "no PostgreSQL server: run share/getting-servers"
	reason=$(sshd_usable) || skip_all "$reason"
	# A path of this test alone, so that its agents can be told from others.
	AGENT=$T/libexec/standby-agent
	mkdir -p "$T/libexec"
	ln -s "$TOP_BUILDDIR/standby-agent" "$AGENT"
	sshd_start main || bail "sshd does not start: $(sshd_log main)"
	SSH_PORT=${SSHD_PORT[main]}
}

# clone_args PRIMARY STANDBY: the node STANDBY must be known (pg_node).
clone_args() {
	CLONE=("$STANDBY_CLONE" --master=127.0.0.1 -p "${PG_PORT[$1]}"
	    -U postgres -D "$T/$2" --pg-bindir="$(pg_bin "${PG_MAJOR[$2]}")"
	    --ssh="$SSHD_USER@127.0.0.1:$SSH_PORT" --ssh-identity="$SSHD_KEY"
	    --known-hosts="${SSHD_KNOWN[main]}" --agent="$AGENT"
	    --start-command="$T/$2.start" --stop-command="$T/$2.stop"
	    --slot="slot_$2" --no-sync --progress=none -t 300s -j 2)
	# The slot is ours to make or to find again.
	if ! pg_is "$1" "SELECT count(*) FROM pg_replication_slots
	    WHERE slot_name = 'slot_$2'" 1; then
		CLONE+=(--create-slot)
	fi
	if [ -d "$T/$1.ts" ]; then
		CLONE+=(-T "$T/$1.ts=$T/$2.ts")
	fi
}

# clone_run PRIMARY STANDBY [OPTION]...: sets rc, out and err.
clone_run() {
	local from=$1 to=$2
	shift 2
	clone_args "$from" "$to"
	run "${CLONE[@]}" "$@"
}

# clone_paused PHASE PRIMARY STANDBY [OPTION]...: returns when the command
# waits at the phase; 1 when it ended before.
clone_paused() {
	local phase=$1 from=$2 to=$3
	shift 3
	clone_args "$from" "$to"
	rm -f "$CLONE_HOLD"
	note "\$ ${CLONE[*]} $* (held at $phase)"
	STANDBY_TEST_PAUSE=$phase STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
	    "${CLONE[@]}" "$@" >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	poll_until 120 clone_held_or_gone
	[ -e "$CLONE_HOLD" ]
}

clone_held_or_gone() { [ -e "$CLONE_HOLD" ] || gone "$CLONE_PID"; }
clone_resume() { rm -f "$CLONE_HOLD"; }

# clone_says REGEX: ask by SIGUSR1, and see whether it has been answered so.
clone_says() {
	kill -USR1 "$CLONE_PID"
	poll_until 2 clone_has_said "$1"
}
clone_has_said() { grep -Eq -- "$1" "$T/.bg.err"; }

clone_wait() {
	poll_until 300 gone "$CLONE_PID" || kill -KILL "$CLONE_PID"
	wait "$CLONE_PID"
	rc=$?
	out=$(cat "$T/.bg.out")
	err=$(cat "$T/.bg.err")
	note "exit $rc"
	note "$out"
	note "$err"
}

# agents: pids of our agents; nobody must be left when a clone has ended.
agents() { pgrep -f "^$AGENT"; }
no_agents() { [ -z "$(agents)" ]; }

# children of a clone that was killed: workers must not outlive it.
no_clones() { ! pgrep -f "^$STANDBY_CLONE .*$T/" >/dev/null; }

# nothing_left PRIMARY LABEL: three checks after a clone that did not finish.
nothing_left() {
	ok "$2: no agent process is left" poll_until 30 no_agents
	ok "$2: no worker is left" poll_until 30 no_clones
	ok "$2: the primary is not in backup mode" \
	    poll_until 30 pg_no_backup "$1"
	ok "$2: no slot is left" poll_until 30 pg_is "$1" \
	    "SELECT count(*) FROM pg_replication_slots" 0
}

# drop_slot PRIMARY STANDBY: between the cases of one test.
drop_slots() {
	pg_sql "$1" "SELECT pg_drop_replication_slot(slot_name)
	    FROM pg_replication_slots WHERE NOT active"
}

# forget STANDBY: stop it and remove its files, keep its port.
forget() {
	[ -z "$(pg_pid "$1")" ] || pg_stop "$1" immediate
	rm -rf "${T:?}/$1" "$T/$1.ts" "$T/$1.log"
}
