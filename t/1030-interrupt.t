#!/bin/bash
# Goal: SIGINT, SIGTERM and SIGKILL at each phase, and between any two steps of
# the seal.  Nothing stays on the primary, the target cannot be started before
# it is sealed, and running the command again completes it.
#
# The short run sends one signal per phase, in turn; STANDBY_TEST_WORLD=1 sends
# all three, to a fresh target and to a delta.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# In the order in which they come; by what the target is then.
untouched='preflight connected slot backup manifest plan'
unsealed='marked removed transfer transferred control stopped conf label synced'
sealed='sealed unmarked indexed started'

code_of() {
	case $1 in
	INT) echo 130 ;;
	TERM) echo 143 ;;
	KILL) echo 137 ;;
	esac
}

kind_of() {
	case " $untouched " in *" $1 "*) echo untouched; return ;; esac
	case " $unsealed " in *" $1 "*) echo unsealed; return ;; esac
	echo sealed
}

# A directory that was made for the clone stays, empty, after a kill only.
target_state() {
	[ "${2-}" != KILL ] || rmdir "$T/$1" 2>/dev/null
	tree_hash "$T/$1" "$T/$1.ts"
}

# After a kill the slot of a target that is about to be sealed may stay: it
# holds the WAL that the target needs, and the next run takes it over.
slot_may_stay() {
	[ "$1" = KILL ] || return 1
	case $2 in stopped|conf|label|synced) ;; *) return 1 ;; esac
}

no_active_slot() {
	pg_is "$1" "SELECT count(*) FROM pg_replication_slots WHERE active" 0
}

# interrupt SIGNAL PHASE PRIMARY STANDBY [OPTION]...
interrupt() {
	local sig=$1 phase=$2 p=$3 s=$4 before name kind
	shift 4
	name="$([ "$sig" = KILL ] && echo B24 || echo B23) $sig at $phase${1:+ ($*)}"
	kind=$(kind_of "$phase")
	before=$(target_state "$s")
	if ! clone_paused "$phase" "$p" "$s" "$@"; then
		fail "$name: the phase is reached"
		clone_wait
		diag "exit $rc: $err"
		return 1
	fi
	kill -"$sig" "$CLONE_PID"
	[ "$sig" = KILL ] && clone_resume
	clone_wait
	clone_resume
	if [ "$kind" = sealed ] && [ "$rc" = 7 ]; then
		pass "$name: exit status 7 after the seal"
	else
		is "$rc" "$(code_of "$sig")" "$name: exit status"
	fi
	ok "$name: B22 no agent is left" poll_until 30 no_agents
	ok "$name: no worker is left" poll_until 30 no_clones
	ok "$name: the primary is not in backup mode" \
	    poll_until 30 pg_no_backup "$p"
	case $kind in
	untouched)
		is "$(pg_slots "$p")" "" "$name: no slot is left"
		is "$(target_state "$s" "$sig")" "$before" \
		    "$name: target untouched" ;;
	unsealed)
		if slot_may_stay "$sig" "$phase"; then
			ok "$name: no slot is active" no_active_slot "$p"
		else
			is "$(pg_slots "$p")" "" "$name: C9 no slot is left"
		fi
		ok "$name: no pg_control" test ! -e "$T/$s/global/pg_control"
		ok "$name: C5 PostgreSQL refuses to start" pg_refuses "$s"
		[ "$sig" = KILL ] || like "$err" "$T/$s" \
		    "$name: says what is left behind" ;;
	esac
}

# again PHASE PRIMARY STANDBY NAME [OPTION]...: an unfinished target is
# continued without asking; a sealed one is an ordinary data directory.
again() {
	local phase=$1 p=$2 s=$3 name=$4
	shift 4
	if [ "$(kind_of "$phase")" = sealed ]; then
		[ -n "$(pg_pid "$s")" ] || pg_start "$s"
		ok "$name: the sealed target is a good standby" \
		    poll_until 30 pg_streams "$s"
	else
		clone_run "$p" "$s" "$@"
		rc_is 0 "$name: running it again completes"
		ok "$name: it streams" poll_until 30 pg_streams "$s"
	fi
	ok "$name: the content is equal" oracle_compare "$p" "$s"
}

fresh() {
	local sig=$1 phase=$2
	mkdir "$T/s.ts"
	if interrupt "$sig" "$phase" p s; then
		again "$phase" p s "$sig at $phase"
	fi
	forget s
	drop_slots p >/dev/null
}

# The same on a standby that was stopped: a refused or early ended --delta must
# leave the old standby as it is.
delta() {
	local sig=$1 phase=$2
	mkdir "$T/s.ts"
	clone_run p s
	pg_stop s
	drop_slots p >/dev/null
	pg_sql p "UPDATE acc SET bal = bal + 1 WHERE id <= 500"
	pg_sql p CHECKPOINT
	if interrupt "$sig" "$phase" p s --delta; then
		set --
		[ "$(kind_of "$phase")" != untouched ] || set -- --delta
		again "$phase" p s "$sig at $phase, delta" "$@"
	fi
	forget s
	drop_slots p >/dev/null
}

m=${STANDBY_TEST_MAJORS:-$(pg_majors | tail -n 1)}
m=${m##* }
pg_up p "$m" >/dev/null || bail "the primary does not start"
if [ "$m" -lt 13 ]; then
	pg_sql p "ALTER SYSTEM SET wal_keep_segments = 8"
else
	pg_sql p "ALTER SYSTEM SET wal_keep_size = '128MB'"
fi
pg_reload p
load_setup p 2000
pg_node s "$m"

signals=(INT TERM KILL)
i=0
for phase in $untouched $unsealed $sealed; do
	if [ "${STANDBY_TEST_WORLD:-0}" = 1 ]; then
		for sig in "${signals[@]}"; do
			fresh "$sig" "$phase"
			delta "$sig" "$phase"
		done
	else
		fresh "${signals[i % 3]}" "$phase"
	fi
	i=$((i + 1))
done
if [ "${STANDBY_TEST_WORLD:-0}" != 1 ]; then
	delta KILL plan
	delta TERM marked
	delta KILL transferred
fi

# Killed again and again, one phase after the other, on one target.
mkdir "$T/s.ts"
for phase in marked transfer control synced; do
	clone_paused "$phase" p s || diag "phase $phase is not reached"
	kill -KILL "$CLONE_PID"
	clone_resume
	clone_wait
	ok "B24 C5 killed at $phase on the same target: refuses to start" pg_refuses s
done
again synced p s "after four kills"

done_testing
