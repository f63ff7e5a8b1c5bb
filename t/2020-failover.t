#!/bin/bash
# Goal: the primary dies under load, and after standby-promote no acknowledged
# row is gone that was not said to be, two nodes never take writes, the sibling
# follows, and the old primary comes back with the same content.
#
#	t/2020-failover.t [FUNCTION]...	only some of the cases
#
# Two rounds on 15.  STANDBY_TEST_WORLD=1: twenty, and one on every other
# major.  STANDBY_TEST_SEED=N repeats what was random, STANDBY_TEST_ROUNDS=N.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/clone.sh"
. "${0%/*}/lib/failover.sh"

PRIMARY=a
UNKNOWN=0			# rounds whose loss was not told exactly
WITH_LOSS=0			# rounds in which rows were lost

# --- one round

# uneven SYNC: one standby, or both, have not got the last of it; the best one
# is to be found.  A synchronous one is left in peace.
uneven() {
	local n first second
	read -r first second <<<"$(others "$PRIMARY" | tr '\n' ' ')"
	[ $((RANDOM % 2)) = 0 ] || { n=$first; first=$second; second=$n; }
	stop_sender "$PRIMARY" "$first"
	between 20 200
	load_more "$n" "$PRIMARY"
	[ "$1" = async ] || return 0
	stop_sender "$PRIMARY" "$second"
	between 1 150
	load_more "$n" "$PRIMARY"
}

# loss NAME SYNC: the rows that are missing against what was said.
loss() {
	local name=$1 said end
	said=$(jp 'd["lost_bytes"]')
	diag "$name: ${A[acked]} rows acknowledged, ${A[lost]} lost," \
	    "said: $said bytes (at least: $(jp 'd["lost_at_least_bytes"]'))," \
	    "a row is $ROW_BYTES bytes or more; no writes for ${A[gap_ms]} ms"
	is "${A[lost_new]}" 0 "$name: the new primary lost none of its own"
	[ "${A[lost]}" = 0 ] || WITH_LOSS=$((WITH_LOSS + 1))
	if [ "$2" = sync ]; then
		is "${A[lost]}" 0 "$name: a synchronous standby: nothing is lost"
	fi
	case $said in
	none)
		UNKNOWN=$((UNKNOWN + 1))
		is "$HOW" blind \
		    "$name: not known only where the directory is not, either"
		return ;;
	*[!0-9]*|'')
		fail "$name: the loss is told"
		return ;;
	esac
	end=$(($(lsn_number "$(jp 'd["lsn_before"]')") + said))
	cmp_le $((A[lost] * ROW_BYTES)) "$said" \
	    "$name: no more bytes are lost than it said"
	cmp_le "${A[lost_lsn]}" "$end" "$name: no row behind what it said"
	if [ "$(jp 'd["lost_at_least_bytes"]')" = none ]; then
		cmp_le "${A[last_lsn]}" "$end" \
		    "$name: the end that it knew is that of the old primary"
	fi
}

# conf_of HOW: options of the command.
conf_of() {
	failover_conf "$T/conf" "$HOW" "$PRIMARY"
	OPTIONS=(-f "$T/conf" -y --candidate=best)
	# Over SSH the upstream of a node is an address of its host: named.
	if [ "$HOW" = ssh ]; then
		OPTIONS+=(--old-primary="$PRIMARY")
	else
		OPTIONS+=(--fence="$T/fence")
	fi
	[ "$SIBLING" = itself ] || OPTIONS+=(--siblings-follow)
}

sibling() { # sibling NAME
	if [ "$SIBLING" = itself ]; then
		run "$STANDBY_FOLLOW" --master=127.0.0.1 -p "${PG_PORT[$NEW]}" \
		    -U postgres -D "$T/$THIRD" -f "$T/conf" -y
		rc_is 0 "$1: standby-follow"
	else
		is "$(jp '[(s["node"], s["follows"]) for s in d["siblings"]
		    if s["node"] == "'"$THIRD"'"]')" "[('$THIRD', True)]" \
		    "$1: --siblings-follow says so"
	fi
	[ "$rc" = 0 ] && follows "$1: the sibling follows" "$THIRD" "$NEW"
}

# round NUMBER sync|async ssh|here|blind itself|told
round() {
	local r=$1 sync=$2 old=$PRIMARY name before how_dead=all said
	HOW=$3 SIBLING=$4
	name="${PG_MAJOR[a]}: round $r ($sync, $HOW)"
	if [ "$sync" = sync ]; then
		shared "synchronous_standby_names = 'ANY 1 (a, b, c)'"
		ok "$name: there is a synchronous standby" poll_until 30 pg_is \
		    "$old" "SELECT count(*) > 0 FROM pg_stat_replication
			WHERE sync_state = 'quorum'" t
	else
		shared
		poll_until 30 pg_is "$old" "SHOW synchronous_standby_names" ""
	fi
	row_bytes "$old" || fail "$name: the WAL of a row is measured"
	before=$(timeline_of "$old")
	conf_of "$HOW"
	: >"$T/fenced"

	load_begin "$r"
	load_acked 300 "$old" || fail "$name: the load runs"
	[ "$r" != 1 ] || refused_while_it_lives "$name"
	uneven "$sync"
	[ $((RANDOM % 2)) = 0 ] || how_dead=postmaster
	crash "$old" "$how_dead" || fail "$name: the primary is dead"
	[ "$r" != 1 ] || refused_without_proof "$name"
	promote "${OPTIONS[@]}"
	# The document of this command, for loss.
	said=$out
	rc_is 0 "$name: standby-promote --candidate=best ($how_dead killed)" ||
	    { load_end; return 1; }
	NEW=$(jp 'd["node"]["name"]')
	THIRD=$(others "$old" "$NEW")
	like " $(others "$old" | tr '\n' ' ')" " $NEW " "$name: of the standbys"
	is "$(jp 'd["old_primary"]')" "$old" "$name: the old primary is known"
	[ "$HOW" = ssh ] ||
	    is "$(cat "$T/fenced")" "$NEW $old ${PG_PORT[$old]}" \
		"$name: fenced once"
	ok "$name: it takes writes" is_writable "$NEW"
	ok "$name: on a new timeline" test "$(timeline_of "$NEW")" -gt "$before"
	sibling "$name" || { load_end; return 1; }
	load_more 100 "$NEW" || fail "$name: the load goes on"

	way_back "$old" "$NEW"
	rc_is 0 "$name: the old primary comes back by --delta"
	follows "$name: the old primary streams" "$old" "$NEW"
	load_more 100 "$NEW"
	load_end
	out=$said
	if [ "$sync" = sync ]; then pg_wait_replay "$THIRD" "$NEW"; fi
	for n in $old $THIRD; do
		pg_wait_replay "$n" "$NEW" || fail "$name: $n replays"
	done
	ok "$name: the rows are counted" accounts "$r" "$old" "$NEW"
	one_writer "$name"
	loss "$name" "$sync"
	all_equal "$name" "$NEW"
	PRIMARY=$NEW
}

refused_while_it_lives() {
	promote "${OPTIONS[@]}" --force
	rc_is 3 "$1: refused while the primary answers, whatever is forced"
	is "$(cat "$T/fenced")" "" "$1: nobody is fenced then"
	ok "$1: it takes writes as before" load_more 50 "$PRIMARY"
}

refused_without_proof() {
	local n
	failover_conf "$T/blind.conf" blind "$PRIMARY"
	run "$STANDBY_PROMOTE" -f "$T/blind.conf" -y --candidate=best
	rc_is 3 "$1: refused without a proof"
	like "$err" 'error: .*\[old-primary-unproven\]' "$1: and says so"
	for n in $(others "$PRIMARY"); do
		ok "$1: $n is a standby as before" in_recovery "$n"
	done
}

# --- the time that it takes

now() { date +%s.%N; }

# took NAME COMMAND...: seconds from the command to the first accepted write on
# node $CAND, the primary being dead.  Sets t.
took() {
	local begin end
	t=
	[ -n "$(pg_pid "$PRIMARY")" ] || pg_start "$PRIMARY" || return 1
	[ -z "$(pg_pid "$CAND")" ] || pg_stop "$CAND" immediate
	rm -rf "${T:?}/$CAND"
	cp -a "$T/cand.cold" "$T/$CAND"
	pg_start "$CAND" || return 1
	for n in $(others "$PRIMARY"); do
		poll_until 60 pg_streams "$n" || return 1
		pg_wait_replay "$n" "$PRIMARY" || return 1
	done
	crash "$PRIMARY" all || return 1
	/usr/bin/python3 "$WRITERS" first "${PG_PORT[$CAND]}" >"$T/first" 3>&- &
	kill_later "$!"
	poll_until 20 grep -q READY "$T/first" || return 1
	begin=$(now)
	run "$@"
	[ "$rc" = 0 ] || return 1
	poll_until 60 grep -q '\.' "$T/first" || return 1
	end=$(tail -n 1 "$T/first")
	t=$(awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.3f", b - a }')
}

bare() {
	"$PSQL" -X -q -A -t -h 127.0.0.1 -p "${PG_PORT[$CAND]}" -U postgres \
	    -d postgres -c "SELECT pg_promote(true)"
}

median() { printf '%s\n' "$@" | sort -n | sed -n $((($# + 1) / 2))p; }

# measure: medians of three each, in turn.  Sets B, F and S.
measure() {
	local bare=() fence=() ssh=()
	while [ ${#ssh[@]} -lt 3 ]; do
		took bare || return 1
		bare+=("$t")
		took "$STANDBY_PROMOTE" "$CAND" -y -f "$T/conf" \
		    --fence="$T/fence" || return 1
		fence+=("$t")
		took "$STANDBY_PROMOTE" "$CAND" -y -f "$T/ssh.conf" \
		    --old-primary="$PRIMARY" || return 1
		ssh+=("$t")
	done
	B=$(median "${bare[@]}")
	F=$(median "${fence[@]}")
	S=$(median "${ssh[@]}")
	diag "seconds to the first accepted write, median of 3:" \
	    "pg_promote(true) $B (${bare[*]}), standby-promote with a fence" \
	    "$F (${fence[*]}), with a proof over SSH $S (${ssh[*]})"
}

near() { awk -v a="$B" -v b="$1" 'BEGIN { exit !(b - a <= 0.5) }'; }

speed() {
	local n
	shared
	CAND=$(others "$PRIMARY" | head -n 1)
	failover_conf "$T/conf" here
	failover_conf "$T/ssh.conf" ssh
	[ -n "$(pg_pid "$PRIMARY")" ] || pg_start "$PRIMARY"
	pg_stop "$CAND"
	cp -a "$T/$CAND" "$T/cand.cold"
	measure || { fail "the time of promotions is measured"; return; }
	if ! near "$F" || ! near "$S"; then
		diag "once more: the machine may be loaded"
		measure
	fi
	ok "at most 0.5 s more than pg_promote(true), with a fence" near "$F"
	ok "at most 0.5 s more than pg_promote(true), proof over SSH" near "$S"
	rm -rf "$T/cand.cold"
}

# --- all of it

rounds() {
	local r total=${STANDBY_TEST_ROUNDS:-2} sync how sibling
	[ "${STANDBY_TEST_WORLD:-0}" != 1 ] || total=${STANDBY_TEST_ROUNDS:-20}
	for ((r = 1; r <= total; r++)); do
		sync=async how=ssh sibling=told
		[ $((r % 2)) = 1 ] || sync=sync
		case $((r % 6)) in
		2|3) how=here ;;
		4|5) how=blind ;;
		esac
		[ $((r % 4)) -lt 2 ] || sibling=itself
		round "$r" "$sync" "$how" "$sibling" || return 1
	done
	diag "$total rounds: $WITH_LOSS lost rows, $UNKNOWN did not know exactly"
}

other_majors() {
	local m
	[ "${STANDBY_TEST_WORLD:-0}" = 1 ] || return 0
	for m in $(pg_majors); do
		case $m in
		15) continue ;;
		10)
			skip "10: a round" "its receiver crashes in this build"
			continue ;;
		esac
		failover_down
		PRIMARY=a
		failover_up "$m" || { fail "$m: three nodes start"; continue; }
		fence_script
		round 1 async ssh told
	done
}

failover_needs
pg_bin 15 >/dev/null || skip_all "PostgreSQL 15 is not installed"
cases=("$@")
[ $# -gt 0 ] || cases=(rounds speed other_majors)
is "$(/usr/bin/python3 "$WRITERS" self | grep -c '^ok')" 8 \
    "the checker finds what it must find"
failover_up 15 || bail "three nodes do not start: $(tail -n 5 "$T/a.log")"
fence_script
for c in "${cases[@]}"; do
	"$c"
done
done_testing
