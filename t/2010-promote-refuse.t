#!/bin/bash
#
# Goal: each row D1 ... D19 of the fault matrix: what would make two primaries,
# lose what another standby has, or end in nothing, is refused by its name with
# the next command, and changes nothing; and the nearest state in which it is
# right to promote is promoted.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf
port() { echo "${PG_PORT[$1]}"; }
without_p() { crash p && alone s1 ${1+"$@"}; }
# A standby of 10 forgets its primary (alone): who it was must be said.
old() { [ "${PG_MAJOR[cold]}" != 10 ] || echo --old-primary=p; }
startup() { children "$1" 'startup|recovering'; }

no_login() {
	cp -p "$T/$1/pg_hba.conf" "$T/hba"
	echo "host all all all reject" >"$T/$1/pg_hba.conf"
	pg_reload "$1"
}
login() {
	cp "$T/hba" "$T/$1/pg_hba.conf"
	pg_reload "$1"
}

D1() {
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	pg_stop p
	alone s1
	pg_promote s1 || return 2
	pg_start p
	refused two-primaries 'standby-clone' "D1 two primaries" \
	    -f "$CONF" s1 -y
	refused two-primaries 'standby-clone' "D1 two primaries, the other one" \
	    -f "$CONF" p -y --force
	pg_stop p
	local before
	before=$(state s1)
	promote -f "$CONF" s1 -y
	rc_is 0 "D1 no other primary: exit 0"
	like "$err$out" 'primary already' "D1 no other primary: it says so"
	unchanged "$before" "D1 no other primary" s1
	promote -f "$CONF" s1
	rc_is 0 "D1 already primary: nobody is asked"
}

D2() {
	local pid
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	refused old-primary-answers '--switchover s1' "D2 the primary answers" \
	    -f "$CONF" s1 -y
	refused old-primary-answers '--switchover' \
	    "D2 the primary answers, --force and a fence do not help" \
	    -f "$CONF" s1 -y --force --fence="touch $T/fenced"
	not_ok "D2 the fence was not run" test -e "$T/fenced"
	refused old-primary-answers '--switchover' \
	    "D2 the primary answers, and is found without a file" \
	    -h 127.0.0.1 -p "$(port s1)" -U postgres -y --force
	freeze p
	refused old-primary-runs 'pg_ctl stop' \
	    "D2 its postmaster runs, though it does not answer" \
	    -f "$CONF" s1 -y --force
	thaw p
	ok "D2 (it is back)" poll_until 20 pg_is p "SELECT 1" 1

	no_login p
	refused old-primary-answers 'stop it on its host' "D2 no login" \
	    -f "$CONF" s1 -y --force --fence="touch $T/fenced"
	not_ok "D2 no login: the fence was not run" test -e "$T/fenced"
	login p

	# It cannot be reached from here, but the standby hears it.
	promote_conf "$CONF" "p=$(port_of_ours)" s1
	(while sleep 0.2; do pg_sql p "SELECT txid_current()"; done) \
	    >/dev/null 2>&1 &
	pid=$!
	kill_later "$pid"
	sleep 0.5
	refused "old-primary-heard, old-primary-unproven" 'look at its host' \
	    "D2 the receiver got a message a moment ago" \
	    -f "$CONF" s1 -y --old-primary=p
	passes "D2 a message a moment ago, forced" \
	    -f "$CONF" s1 -y --force --old-primary=p
	like "$err" 'warning: .*\[old-primary-heard\].*--force' \
	    "D2 which is said"
	kill_now "$pid"
	silence() {
		promote -f "$CONF" s1 -y -n --old-primary=p
		[ "$(refusals)" = old-primary-unproven ]
	}
	ok "D2 after twice the interval only the proof is missing" \
	    poll_until 20 silence
}

D3() {
	local before
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p- s1 s2
	without_p s2
	refused old-primary-unproven '--fence=COMMAND' \
	    "D3 nothing proves that it is down" -f "$CONF" s1 -y
	passes "D3 with a fence" -f "$CONF" s1 -y --fence=true
	passes "D3 with --force" -f "$CONF" s1 -y --force
	before=$(state s1 s2)
	promote -f "$CONF" s1 -y --fence="echo no such lamp >&2; exit 9"
	is "$rc $(sed -n 's/ \[[a-z-]*\]$//; s/.* is not promoted, //p' <<<"$err")" \
	    "3 but the fence command has run: fence-failed" \
	    "D3 a fence that fails is no proof"
	like "$err" 'no such lamp' "D3 what it said is shown"
	like "$err" 'status 9' "D3 and its status"
	unchanged "$before" "D3 a fence that fails" s1 s2
	promote -f "$CONF" s1 -y --fence="echo \$\$ >$T/fence.pid; sleep 1000" \
	    -t 3s
	like "$rc" '^[36]$' "D3 a fence that hangs is no proof"
	unchanged "$before" "D3 a fence that hangs" s1 s2
	ok "D3 and it is ended" poll_until 10 gone "$(cat "$T/fence.pid")"
	promote -f "$CONF" s1 --fence=true
	rc_is 2 "D3 no terminal and no -y: exit 2"
	like "$err" 'hint: .*-y' "D3 no terminal and no -y: what to do"
	unchanged "$before" "D3 no terminal and no -y" s1 s2
	typed s2 -f "$CONF" s1
	rc_is 3 "D3 another name is typed: exit 3"
	like "$out" 'Possible loss' "D3 what is assumed is said before"
	unchanged "$before" "D3 another name is typed" s1 s2
	typed "" -f "$CONF" s1
	rc_is 3 "D3 nothing is typed: exit 3"
	typed $'\003' -f "$CONF" s1
	rc_is 130 "D3 ^C at the question: exit 130"
	unchanged "$before" "D3 ^C at the question" s1 s2
	typed s1 -f "$CONF" s1
	promoted s1 2 "D3 the name is typed"

	# The upstream is a standby that is stopped: that is no proof, and the
	# primary above it, which no file names, lives.
	promote_make p s1 s2
	promote_standby s2 s1
	for before in p s1 s2; do pg_start "$before" || return 2; done
	for before in s1 s2; do
		poll_until 60 pg_streams "$before" || return 2
	done
	promote_conf "$CONF" s1 s2
	pg_stop s1
	alone s2
	refused "old-primary-unproven, sibling-unknown" '--old-primary' \
	    "D3 upstream standby stopped" -f "$CONF" s2 -y --old-primary=s1
	like "$err" 's1.* is a standby' "D3 upstream standby stopped: what it is"
	refused "old-primary-unproven, sibling-unknown" '--old-primary' \
	    "D3 upstream standby stopped, a guess" -f "$CONF" s2 -y \
	    --fence="touch $T/fenced"
	not_ok "D3 upstream standby stopped: no fence" test -e "$T/fenced"

	promote_up p s1 || return 2
	promote_conf "$CONF" p- s1
	without_p
	promote -f "$CONF" s1 -y --force --fence=false
	promoted s1 2 "D3 a fence that fails, forced"
	like "$err" 'warning: .*\[fence-failed\].*--force' "D3 which is said"
}

D4() {
	promote_up p s1 || return 2
	without_p
	CONF_MORE='promote : { witness = [ "255.255.255.255:22" ]; };' \
	    promote_conf "$CONF" p s1
	refused isolated 'witness' "D4 no witness answers" -f "$CONF" s1 -y
	passes "D4 no witness, forced" -f "$CONF" s1 -y --force
	CONF_MORE="promote : { witness = [ \"255.255.255.255:22\",
	    \"127.0.0.1:$(port_of_ours)\" ]; };" promote_conf "$CONF" p s1
	passes "D4 one of two answers" -f "$CONF" s1 -y
}

D5() {
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	behind s1 3000
	refused sibling-ahead 'standby-promote s2' "D5 a sibling has more WAL" \
	    -f "$CONF" s1 -y
	like "$err" 's2 .*is ahead of s1.*[0-9]+ bytes\) less' \
	    "D5 which one, and how much"
	promote -f "$CONF" s1 -y --json
	is "$(pj '[(d["status"], d["code"], d["promoted"]) +
	    (r["id"], r["fault"], r["forced"]) for r in d["refusals"]]')" \
	    "refused 3 false sibling-ahead D5 false" "D5 as JSON"
	passes "D5 the sibling itself" -f "$CONF" s2 -y
	passes "D5 forced" -f "$CONF" s1 -y --force

	# By timeline, against the LSN.
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	pg_stop p
	alone s1 s2
	pg_promote s2 && pg_sql s2 CHECKPOINT && pg_stop s2 || return 2
	if [ "${PG_MAJOR[s2]}" -ge 12 ]; then
		touch "$T/s2/standby.signal"
	else
		mv "$T/s2/recovery.done" "$T/s2/recovery.conf"
	fi
	pg_start p
	if [ "${PG_MAJOR[s1]}" = 10 ]; then # it forgot its primary
		pg_stop s1
		echo "primary_conninfo = 'host=127.0.0.1 port=$(port p)
		    user=postgres'" | tr -d '\n\t' >>"$T/s1/recovery.conf"
		pg_start s1
	fi
	poll_until 60 pg_streams s1 || return 2
	write p 3000
	pg_wait_replay s1 p || return 2
	without_p
	pg_start s2 || return 2
	is "$(timeline s1) $(timeline s2)" "t 1 t 2" "D5 (standbys on two timelines)"
	refused sibling-ahead 'standby-promote s2' \
	    "D5 a sibling on a later timeline, with less WAL" -f "$CONF" s1 -y
	# Who ended on timeline 1 is not the primary of timeline 2.
	refused old-primary-unproven 'Give a proof' \
	    "D5 the sibling on the later timeline, and which primary is down" \
	    -f "$CONF" s2 -y --old-primary=p
	passes "D5 the sibling on the later timeline" -f "$CONF" s2 -y \
	    --old-primary=p --fence=true
	promote -f "$CONF" --candidate=best -y -n --old-primary=p --fence=true
	like "$out" 'promote s2' "D5 best: the timeline comes first"
}

# shellcheck disable=SC2046	# nothing, or a word
D6() {
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	without_p s2
	passes "D6 all siblings answer" -f "$CONF" $(old) s1 -y
	pg_stop s2
	refused sibling-unknown 'Bring it back' "D6 a sibling does not answer" \
	    -f "$CONF" $(old) s1 -y
	refused sibling-unknown 'name the node yourself: standby-promote s1' \
	    "D6 nor when the best is to be chosen" -f "$CONF" $(old) -y --candidate=best
	passes "D6 forced" -f "$CONF" $(old) s1 -y --force
	pg_start s2
	freeze s2
	refused sibling-unknown 'Bring it back' "D6 a sibling hangs" \
	    -f "$CONF" $(old) s1 -y
	thaw s2
	pg_stop s2
	typed s1 -f "$CONF" $(old) s1
	promoted s1 2 "D6 named by hand, and typed"
}

D7() {
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	behind s1 3000
	refused lag '--max-lag=SIZE' "D7 the lag is above the limit" \
	    -f "$CONF" s1 -y --max-lag=100kB
	like "$err" 'lacks .*[0-9]+ bytes\).*limit of 100 kB' \
	    "D7 measured value and limit"
	passes "D7 below the limit" -f "$CONF" s1 -y --max-lag=100MB
	passes "D7 above the limit, forced" -f "$CONF" s1 -y --max-lag=1kB --force
	CONF_MORE='promote : { max_lag = "100kB"; };' promote_conf "$CONF" p s1
	refused lag '--max-lag=SIZE' "D7 promote.max_lag of the file" \
	    -f "$CONF" s1 -y
	promote_conf "$CONF" p s1
	passes "D7 no limit is set" -f "$CONF" s1 -y
	like "$err" 'Possible loss: .*bytes' "D7 no limit: the bytes are told"

	promote_conf "$CONF" p- s1
	refused lag '--max-lag=SIZE' "D7 the lag is not known" \
	    -f "$CONF" s1 -y --fence=true --max-lag=100MB
	passes "D7 the lag is not known, forced" \
	    -f "$CONF" s1 -y --fence=true --max-lag=100MB --force
	passes "D7 the lag is not known, no limit" -f "$CONF" s1 -y --fence=true
	like "$err" 'Possible loss unknown' "D7 which is said"
}

D8() {
	local said lsn
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	copy_in_backup s3 || return 2
	without_p
	: >"$T/s1/backup_label"
	refused not-streamed 'Wait until it streams' \
	    "D8 its backup_label is still there" -f "$CONF" s1 -y
	rm "$T/s1/backup_label"
	passes "D8 it is gone" -f "$CONF" s1 -y
	pg_stop s1
	promote -f "$CONF" s1 -y --force
	like "$rc" '^[34]$' "D8 the standby is stopped: exit 3 or 4"
	like "$err" 'does not answer|refused|no server runs' "D8 which is said"
	promote -D "$T/s1" -U postgres -y --force
	rc_is 4 "D8 -D of a stopped standby: exit 4"
	like "$err" 'start it first' "D8 -D: what to do"

	# A copy whose backup has not ended yet.
	"$T/s3.start" & # it answers nobody
	said=$!
	kill_later "$said"
	ok "D8 (it recovers)" poll_until 30 startup s3
	promote_conf "$CONF" p s3
	poll_until 20 grep -q 'redo starts\|recovery' "$T/s3.log"
	promote -f "$CONF" s3 -y
	rc_is 3 "D8 before consistency: exit 3"
	like "$(refusals)" 'not-streamed' "D8 before consistency: by its name"
	ok "D8 before consistency: no promotion is asked for" \
	    test ! -e "$T/s3/promote"
	like "$(ls "$T/s3")" '^(standby.signal|recovery.conf)$' \
	    "D8 before consistency: it is a standby still"
	pg_stop s3 immediate
	kill_now "$said"
}

# copy_in_backup NAME: a copy of p whose end of backup is not written yet.
copy_in_backup() {
	local m=${PG_MAJOR[p]} start stop
	if [ "$m" -ge 15 ]; then
		start="pg_backup_start('t', true)" stop='pg_backup_stop(false)'
	else
		start="pg_start_backup('t', true, false)" stop='pg_stop_backup(false)'
	fi
	pg_node "$1" "$m"
	rm -f "$T/in" "$T/label"
	mkfifo "$T/in"
	pg_psql p -v ON_ERROR_STOP=1 <"$T/in" >"$T/psql.out" &
	kill_later $!
	exec 9>"$T/in"
	echo "SELECT 'begun', $start;" >&9
	poll_until 30 grep -q begun "$T/psql.out" || return 2
	cp -a "$T/p" "$T/$1"
	rm -rf "$T/$1/postmaster.pid" "$T/$1"/pg_replslot/*
	echo "\\o $T/label" >&9
	echo "SELECT labelfile FROM $stop;" >&9
	exec 9>&-
	wait $!
	# What is behind the copy is never seen by it: another primary's port.
	grep . "$T/label" >"$T/$1/backup_label"
	promote_standby "$1" p
	promote_set "$1" "primary_conninfo = 'host=127.0.0.1 port=1'"
}

D9() {
	local file=$T/conf all m=${PG_MAJOR[cold]}
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	pg_sql s1 "SELECT pg_wal_replay_pause()"
	poll_until 20 pg_is s1 "SELECT pg_is_wal_replay_paused()" t
	write p 2000
	all=$(rows p)
	poll_until 20 pg_is s1 "SELECT pg_last_wal_receive_lsn() >=
	    '$(pg_sql p "SELECT pg_current_wal_flush_lsn()")'" t
	without_p
	if [ "$m" -lt 13 ] && [ "$m" -gt 10 ]; then
		refused replay-paused '--resume-replay' \
		    "D9, $m: replay is paused, with work left" -f "$CONF" s1 -y
		is "$(pg_sql s1 "SELECT pg_is_wal_replay_paused()")" t \
		    "D9, $m: it is paused still"
		passes "D9, $m: --resume-replay" -f "$CONF" s1 -y --resume-replay
		is "$(pg_sql s1 "SELECT pg_is_wal_replay_paused()")" t \
		    "D9, $m: the dry run resumes nothing"
		promote -f "$CONF" s1 -y --resume-replay
	elif [ "$m" -eq 10 ]; then
		# Its receiver's crash has restarted it: not paused any more.
		promote -f "$CONF" s1 -y --resume-replay
	else
		promote -f "$CONF" s1 -y
	fi
	promoted s1 2 "D9, $m: promoted"
	is "$(rows s1)" $((all + 1)) "D9, $m: all that it had received is there"
}

D10() {
	local all
	promote_make p s1
	promote_set s1 "recovery_min_apply_delay = '1h'"
	pg_start p && pg_start s1 && poll_until 60 pg_streams s1 || return 2
	promote_conf "$CONF" p s1
	write p 1 # what waits is its commit
	write p 2000
	all=$(rows p)
	poll_until 20 pg_is s1 "SELECT pg_last_wal_receive_lsn() >=
	    '$(pg_sql p "SELECT pg_current_wal_flush_lsn()")'" t
	is "$(rows s1)" 100 "D10 (it is delayed)"
	without_p
	passes "D10 much to replay" -f "$CONF" s1 -y
	# After a restart (10) nobody tells what it had received.
	[ "${PG_MAJOR[s1]}" = 10 ] || like "$err" \
	    '[0-9]+ bytes\) of WAL that s1 has received must be replayed' \
	    "D10 the bytes to replay are told"
	promote -f "$CONF" s1 -y
	promoted s1 2 "D10 much to replay"
	is "$(rows s1)" $((all + 1)) "D10 it is replayed"
}

D11() {
	local m=${PG_MAJOR[cold]} name=promote_trigger_file pid now hint
	promote_make p s1
	mkdir -m 0700 "$T/s1.trigger"
	now=$T/s1.trigger/now
	[ "$m" -ge 12 ] || name=trigger_file
	pg_start p && pg_start s1 && poll_until 60 pg_streams s1 || return 2
	promote_conf "$CONF" p s1
	without_p
	if [ "$m" -ge 16 ]; then
		refused trigger-file 'without --trigger' \
		    "D11, $m: there is none any more" -f "$CONF" s1 -y --trigger
		like "$err" 'removed in 16' "D11, $m: the reason"
		rm -rf "$T/s1.trigger"
		return
	fi
	hint="ALTER SYSTEM SET $name = "
	[ "$m" -ge 12 ] || hint="Correct $name"
	refused trigger-file "$hint" "D11 none is configured" \
	    -f "$CONF" s1 -y --trigger
	setting() { # VALUE: and the server has read it
		pg_stop s1
		if [ "$m" -ge 12 ]; then
			sed -i "/^$name/d" "$T/s1/postgresql.conf"
		else
			sed -i "/^$name/d" "$T/s1/recovery.conf"
		fi
		promote_set s1 "$name = '$1'"
		pg_start s1
		alone s1
	}
	setting "$now"
	passes "D11 its path is read from the server" -f "$CONF" s1 -y --trigger
	like "$out" "$now" "D11 the plan names it"
	ln -s "$T/elsewhere" "$now"
	refused trigger-file "Correct $name" "D11 a symbolic link" \
	    -f "$CONF" s1 -y --trigger --force
	not_ok "D11 a symbolic link: it was not followed" test -e "$T/elsewhere"
	rm "$now"
	# The server looks at it every few seconds: not in this test.
	pid=$(startup s1)
	kill -STOP "$pid"
	FROZEN[s1]=$pid
	echo other >"$now"
	refused trigger-file "Correct $name" "D11 the file exists already" \
	    -f "$CONF" s1 -y --trigger --force
	is "$(cat "$now")" other "D11 the file exists already: it is not touched"
	rm "$now"
	chmod 0500 "$T/s1.trigger"
	refused trigger-file "Correct $name" "D11 its directory is not writable" \
	    -f "$CONF" s1 -y --trigger --force
	chmod 0700 "$T/s1.trigger"
	thaw s1
	setting "$T/nowhere/now"
	refused trigger-file "Correct $name" "D11 its directory is not there" \
	    -f "$CONF" s1 -y --trigger --force
	setting "$now"
	chmod 0777 "$T/s1.trigger"
	promote -f "$CONF" s1 -y --trigger
	promoted s1 2 "D11 a directory that others may write to"
	like "$err" 'warning: .*writable by others' "D11 which is warned of"
	rm -rf "$T/s1.trigger"
}

D12() {
	local m=${PG_MAJOR[cold]} bin
	bin=$(pg_bin "$m")
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1-
	without_p
	if [ "$m" -ge 12 ]; then
		refused no-means 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_promote' \
		    "D12 no EXECUTE, no directory" \
		    -f "$CONF" s1 -y -U plain --old-primary=p
		refused no-means 'TO "plain"' "D12 the same, forced" \
		    -f "$CONF" s1 -y -U plain --old-primary=p --force
		passes "D12 a role that may" -f "$CONF" s1 -y
	else
		refused no-means 'standby-promote -D PGDATA' \
		    "D12 no directory" -f "$CONF" s1 -y -U plain --old-primary=p
	fi
	passes "D12 no EXECUTE, but the directory: pg_ctl" \
	    -f "$CONF" s1 -y -U op --pg-bindir="$bin"
	like "$out" 'pg_ctl promote' "D12 that is the plan"
	promote -f "$CONF" s1 -y -U op --pg-bindir="$bin"
	promoted s1 2 "D12 by pg_ctl"
}

D13() {
	local pid before=$SECONDS
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	without_p
	pid=$(startup s1)
	freeze s1 "$pid"
	before=$SECONDS
	promote -f "$CONF" s1 -y -t 4s --json
	rc_is 7 "D13 not confirmed in time: exit 7"
	is "$(pj '(d["status"], d["code"], d["promoted"])')" \
	    "requested 7 false" "D13 as JSON"
	like "$err" 'error: .*requested, outcome unknown' "D13 in words"
	like "$err" 'hint: .*promote no other node' "D13 what to do"
	unlike "$err" 'not promoted|nothing was changed' \
	    "D13 it is never called a failure"
	cmp_le $((SECONDS - before)) 30 "D13 within the time"
	thaw s1
	ok "D13 and then it happens" poll_until 30 pg_is s1 \
	    "SELECT pg_is_in_recovery()" f
	promote -f "$CONF" s1 -y
	is "$rc $(timeline s1)" "0 f 2" "D13 repeated: already primary"
}

D14() {
	local before
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	without_p s2
	before=$(state s1 s2)
	promote_held request -f "$CONF" s1 -y || fail "D14: it waits"
	promote -f "$CONF" s2 -y
	is "$rc $(refusals)" "3 promotion-running" \
	    "D14 another promotion runs, of another node"
	like "$err" 'process [0-9]+ on s[12] \(standby-promote' \
	    "D14 who holds the lock"
	promote -f "$CONF" s1 -y --force
	is "$rc $(refusals)" "3 promotion-running" \
	    "D14 another promotion runs, of the same node, --force"
	unchanged "$before" "D14" s1 s2
	kill -KILL "$PROMOTE_PID"
	promote_wait
	ok "D14 who was killed holds nothing" poll_until 20 no_sessions s1 s2
	unchanged "$before" "D14 it was killed before the request" s1 s2
	promote_held request -f "$CONF" s1 -y || fail "D14: it waits"
	promote_wait
	promoted s1 2 "D14 the one that holds the lock"
	promote -f "$CONF" s2 -y
	like "$rc $(refusals)" '^3 old-primary-answers' \
	    "D14 the second sees the first"
	is "$(timeline s2)" "t 1" "D14 and is a standby still"
}

D15() {
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	pg_set s1 "default_transaction_read_only = on"
	pg_reload s1
	without_p
	promote -f "$CONF" s1 -y --json
	rc_is 0 "D15 default_transaction_read_only: exit 0"
	is "$(pj '(d["timeline_before"], d["timeline"], d["checkpoint"])')" \
	    "1 2 true" "D15 the new timeline, and a checkpoint"
	is "$(timeline s1)" "f 2" "D15 which the server has"
	checkpointed s1 2 "D15"
	like "$err" 'warning: default_transaction_read_only is on' \
	    "D15 applications cannot write, which is said"
	is "$(pg_sql s1 "SELECT timeline_id = 2 AND '$(pj 'd["lsn"]')' <=
	    redo_lsn FROM pg_control_checkpoint()")" t \
	    "D15 the LSN that is told is the first of it"
}

D16() {
	local before=$SECONDS
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	pg_set s1 "synchronous_standby_names = 'nobody'"
	pg_reload s1
	without_p
	before=$SECONDS
	promote -f "$CONF" s1 -y
	rc_is 0 "D16 no synchronous standby: exit 0"
	cmp_le $((SECONDS - before)) 30 "D16 it does not wait for one"
	is "$(timeline s1)" "f 2" "D16 it is promoted"
	like "$err" 'warning: synchronous_standby_names .*every commit on s1 will hang' \
	    "D16 the warning"
}

D17() {
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	without_p s2
	pg_stop s2
	# shellcheck disable=SC2046	# nothing, or a word
	promote -f "$CONF" $(old) s1 -y --force --siblings-follow --json
	rc_is 7 "D17 a later step fails: exit 7"
	is "$(timeline s1)" "f 2" "D17 the new primary stands"
	is "$(pj '(d["status"], d["code"], d["promoted"], len(d["failed"]))')" \
	    "ok 7 true 1" "D17 as JSON"
	like "$err" 'not done: s2 does not follow' "D17 what failed"
	like "$err" 'Next: .*standby-follow .*/s2$' "D17 what to do"
	like "$err" 'warning: .*\[sibling-unknown\].*--force' "D17 what was forced"
	ok "D17 it takes writes" write s1 1
	promote -f "$CONF" s1 -y
	is "$rc $(timeline s1)" "0 f 2" "D17 repeated: already primary"
}

D18() {
	local pid
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	without_p
	promote_held requested -f "$CONF" s1 -y || fail "D18: it waits"
	kill -INT "$PROMOTE_PID"
	promote_wait
	case $rc in
	0) pass "D18 SIGINT after the request: it finished" ;;
	7) like "$err" requested "D18 SIGINT after the request: said as 7" ;;
	*) rc_is "0 or 7" "D18 SIGINT after the request" ;;
	esac
	ok "D18 it is promoted" poll_until 20 pg_is s1 \
	    "SELECT pg_is_in_recovery()" f

	promote_up p s1 || return 2
	without_p
	freeze s1 "$(startup s1)"
	promote_held requested -f "$CONF" s1 -y -t 8s || fail "D18: it waits"
	kill -INT "$PROMOTE_PID"
	promote_wait
	rc_is 7 "D18 SIGINT while it is waited for: exit 7"
	like "$err" 'requested, outcome unknown' "D18 in words"
	thaw s1
	ok "D18 and then it happens" poll_until 30 pg_is s1 \
	    "SELECT pg_is_in_recovery()" f
}

D19() {
	local file
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	pg_sql p "CREATE UNLOGGED TABLE u AS SELECT 1 AS i"
	pg_wait_replay s1 p || return 2
	without_p
	file=$(pg_sql s1 "SELECT pg_relation_filepath('u')")
	ok "D19 (the standby has the initial fork)" test -e "$T/s1/${file}_init"
	passes "D19 an unlogged relation as it should be" -f "$CONF" s1 -y
	head -c 8192 /dev/zero >"$T/s1/$file"
	refused unlogged-fork 'Restart the standby' \
	    "D19 data beside the initial fork" -f "$CONF" s1 -y
	like "$err" "\"$file\"" "D19 which one"
	passes "D19 forced" -f "$CONF" s1 -y --force
	pg_restart s1
	alone s1
	promote -f "$CONF" s1 -y
	promoted s1 2 "D19 after a restart"
	is "$(pg_sql s1 "SELECT count(*) FROM u")" 0 "D19 and it is empty"
}

# --timeout bounds what comes before the request, too.
late() {
	local radius
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	freeze p
	promote -f "$CONF" s1 -y --timeout=2
	rc_is 6 "late: a node keeps silent for the whole time: exit 6"
	like "$err" 's1 is not promoted, nothing was changed: the time is over' \
	    "late: in words"
	# Of the 3 s that a look has else.
	like "$err" 'detail: p: .* within 1\.[0-9] s' "late: who, and how long"
	thaw p
	is "$(timeline s1)" "t 1" "late: it is a standby as before"

	# The timelines are asked one by one; the first answer takes 3 s.
	without_p s2
	radius="radiusservers=127.0.0.1 radiusports=$(port_of_ours)"
	sed -i "1i host replication all all radius $radius radiussecrets=x" \
	    "$T/s1/pg_hba.conf"
	pg_set s2 "log_replication_commands = on"
	pg_reload s1
	pg_reload s2
	poll_until 20 pg_is s2 "SHOW log_replication_commands" on
	local -x PGPASSWORD=none
	promote -f "$CONF" --old-primary=p s1 -y --timeout=2
	rc_is 6 "late: a timeline takes all of the time: exit 6"
	like "$err" 'nothing was changed: the time is over' \
	    "late: a timeline, in words"
	not_ok "late: the next one is not asked any more" \
	    grep -q IDENTIFY_SYSTEM "$T/s2.log"
	is "$(timeline s1)" "t 1" "late: nothing has happened"
	promote -f "$CONF" --old-primary=p s1 -y --timeout=20 -n
	ok "late: with more time it is" grep -q IDENTIFY_SYSTEM "$T/s2.log"
}

# What standby-follow said of a sibling is shown as it said it.
said() {
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	without_p s2
	sed -i "1i host replication all all reject" "$T/s1/pg_hba.conf"
	pg_reload s1
	# shellcheck disable=SC2046	# nothing, or a word
	promote -f "$CONF" $(old) s1 -y --force --siblings-follow --json
	rc_is 7 "a sibling's standby-follow fails: exit 7"
	like "$err" 'note: s2 says:$' "a sibling's standby-follow: who says it"
	like "$err" '^  standby-follow: error: .*replication login.* \[db-[a-z]*\]$' \
	    "a sibling's standby-follow: its error, a line of its own"
	like "$err" '^  standby-follow: detail: ' \
	    "a sibling's standby-follow: and its detail"
	like "$err" 'not done: s2 does not follow: standby-follow ended with status 4$' \
	    "a sibling's standby-follow: what is not done is short"
	like "$(pj 'd["siblings"][0]["problem"]')" \
	    'ended with status 4: .*replication login.* \[db-[a-z]*\]$' \
	    "a sibling's standby-follow: the error is in the record"
}

# --- parts

majors=$(promote_main_major)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] && [ -z "${STANDBY_TEST_MAJORS-}" ] ||
    majors=$(pg_majors)
for m in $majors; do
	diag "PostgreSQL $m"
	promote_cold "$m" || bail "$m: no servers"
	for row in $(seq 1 19); do
		"D$row"
		[ $? -ne 2 ] || fail "D$row, $m: the cluster is not as it should be"
	done
	late
	[ $? -ne 2 ] || fail "late, $m: the cluster is not as it should be"
	said
	[ $? -ne 2 ] || fail "said, $m: the cluster is not as it should be"
done
# Where a paused replay holds a promotion.
if [ "$majors" = 15 ] && pg_bin 12 >/dev/null; then
	promote_cold 12 || bail "12: no servers"
	D9
	[ $? -ne 2 ] || fail "D9, 12: the cluster is not as it should be"
fi
done_testing
