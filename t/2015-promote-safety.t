#!/bin/bash
#
# Goal: what a review found that could make two primaries, or tell a wrong end:
# after a request that may have been heard nobody is started again; a fence is
# aimed at a primary only; who is heard is alive, whatever speaks for the
# contrary; a lock counts until the request; and time, events and dry runs say
# what is so.
#
#	t/2015-promote-safety.t [FUNCTION]...	only some of the cases
#
# On 15; on all majors with STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf
LOCK='(7565412::bigint << 32) | 1634558323'	# flow/failover_lock.c
port() { echo "${PG_PORT[$1]}"; }
# 10: a standby whose receiver ends crashes, and forgets its primary (alone).
is_10() { [ "${PG_MAJOR[cold]}" = 10 ]; }

# --- what the cases need

# fake_pg_ctl NODE FILE...: in these configuration files the programs of NODE
# are those of $T/bin, where pg_ctl promote is what asked_by says.
fake_pg_ctl() {
	local node=$1 bin f
	shift
	bin=$(pg_bin "${PG_MAJOR[$node]}")
	rm -rf "${T:?}/bin"
	mkdir "$T/bin"
	for f in "$bin"/*; do ln -s "$f" "$T/bin/"; done
	rm "$T/bin/pg_ctl"
	cat >"$T/bin/pg_ctl" <<-END
		#!/bin/bash
		real=$bin/pg_ctl
		[ "\$1" = promote ] || exec "\$real" "\$@"
		. "$T/asked"
	END
	chmod 0700 "$T/bin/pg_ctl"
	sed -i "/name = \"$node\"/s|bindir = \"[^\"]*\"|bindir = \"$T/bin\"|" "$@"
}

# asked_by LINE...: what pg_ctl promote does.
asked_by() { printf '%s\n' "$@" >"$T/asked"; }

# events: CONF_MORE for a file that has the results told to $T/events.
events() {
	cat >"$T/notify.sh" <<-END
		#!/bin/sh
		echo "\$STANDBY_EVENT \$STANDBY_NODE \$STANDBY_RESULT" >>"$T/events"
	END
	chmod 0700 "$T/notify.sh"
	rm -f "$T/events"
	CONF_MORE="event_command = \"$T/notify.sh\";"
}

# event_is "EVENT NODE RESULT" NAME: the one event since the last time.
event_is() {
	is "$(cat "$T/events" 2>&1)" "$1" "$2: the event says $1"
	rm -f "$T/events"
}

# hold_lock NODE, let_lock NODE: another session has the lock.
hold_lock() {
	PGAPPNAME=other pg_sql "$1" "SELECT pg_try_advisory_lock($LOCK),
	    pg_sleep(120)" >/dev/null 2>&1 &
	poll_until 20 pg_is "$1" "SELECT count(*) FROM pg_stat_activity a
	    JOIN pg_locks USING (pid) WHERE locktype = 'advisory' AND granted
	    AND a.application_name = 'other'" 1
}
let_lock() { end_sessions "$1" other; }

end_sessions() {
	pg_sql "$1" "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE application_name = '$2'" >/dev/null
	poll_until 20 pg_is "$1" "SELECT count(*) FROM pg_stat_activity
	    WHERE application_name = '$2'" 0
}

# writing NODE: commits until writing_ends, or kill_now $WRITER.
writing() {
	rm -f "$T/enough"
	(while [ ! -e "$T/enough" ]; do
		pg_sql "$1" "SELECT txid_current()"
		sleep 0.2
	done) >/dev/null 2>&1 3>&- 4>&- &
	WRITER=$!
	kill_later "$WRITER"
}

# Nobody is about to commit any more.
writing_ends() {
	: >"$T/enough"
	wait "$WRITER"
}

# forget NODE...: they do not know their upstream any more.
forget() {
	local n f
	for n; do
		f=$T/$n/postgresql.conf
		[ "${PG_MAJOR[$n]}" -ge 12 ] || f=$T/$n/recovery.conf
		sed -i '/^primary_conninfo/d' "$f"
		pg_restart "$n" || return 1
	done
}

# the_end WORDS NAME: the last error of the run.
the_end() {
	like "$(grep '^standby-promote: error: ' <<<"$err" | tail -n 1)" "$1" \
	    "$2"
}

# is_standby NAME NODE...: not promoted, and nothing is left that does it.
is_standby() {
	local name=$1 n
	shift
	for n; do
		is "$(timeline "$n") $(cd "$T/$n" && echo promot[e])" \
		    "t 1 promot[e]" "$name: $n is a standby as before"
	done
}

# --- pg_ctl, here and by the agent

pg_ctl_here() {
	local before
	promote_up p s1 s2 || return 2
	events
	promote_conf "$CONF" p s1 s2
	fake_pg_ctl s1 "$CONF"
	crash p
	alone s1 s2 || return 2
	pg_stop s2
	before=$(state s1)
	asked_by 'echo "no, thank you" >&2' 'exit 1'
	promote -f "$CONF" s1 -y -U op --force
	rc_is 1 "pg_ctl ends with 1: exit 1"
	like "$err" 'pg_ctl promote ended with status 1' \
	    "pg_ctl ends with 1: said so"
	like "$err" 'no, thank you' "pg_ctl ends with 1: with its words"
	unlike "$err" 'requested, outcome|looking whether' \
	    "pg_ctl ends with 1: nothing is unknown"
	unchanged "$before" "pg_ctl ends with 1" s1
	event_is "promote s1 failed" "pg_ctl ends with 1"

	# shellcheck disable=SC2016	# of that script
	asked_by 'kill -KILL $$'
	promote -f "$CONF" s1 -y -U op --force -t 6s
	rc_is 7 "pg_ctl is killed: exit 7"
	the_end 'requested, outcome unknown' "pg_ctl is killed: unknown"
	like "$err" 'hint: .*promote no other node' "pg_ctl is killed: what to do"
	event_is "promote s1 unknown" "pg_ctl is killed"
	is_standby "pg_ctl is killed" s1

	# Its file is enough: the server finds it whenever a process of its own
	# wants something.  s2 is down, and cannot follow.
	is_10 && { skip "10: the file alone" "its receiver crashes"; return; }
	asked_by ": >'$T/s1/promote'" 'exit 1'
	promote -f "$CONF" s1 -y -U op --force --siblings-follow
	like "$err" 'pg_ctl promote ended with status 1: looking whether' \
	    "pg_ctl ends with 1, its file is left: it is looked"
	is "$(timeline s1)" "f 2" "pg_ctl ends with 1, its file is left: promoted"
	rc_is 7 "and a later step fails: exit 7"
	the_end 'is the new primary, but not all' "and a later step fails: said so"
	event_is "promote s1 incomplete" "and a later step fails"
	promote -f "$CONF" s1 -y -U op --force
	rc_is 0 "already primary: exit 0"
	not_ok "already primary: no event" test -e "$T/events"
}

# Switched over to s1, which its agent promotes; p is of this host.
switchover() { # NAME [OPTION]...
	local name=$1
	shift
	if ! poll_until 60 pg_streams s1 || ! pg_wait_replay s1 p; then
		fail "$name: s1 streams"
	fi
	promote --switchover s1 -f "$CONF" -y -U op "${SSH_OPTIONS[@]}" "$@"
}

pg_ctl_there() {
	local reason
	reason=$(sshd_usable) || { skip "a switchover by the agent" "$reason"; return; }
	is_10 && { skip "10: a switchover" "its receiver crashes"; return; }
	switch_up || return 2
	asked_by 'exit 1'
	switchover "agent: pg_ctl ends with 1"
	rc_is 1 "agent: pg_ctl ends with 1: exit 1"
	like "$err" 'given up, p is the primary again' \
	    "agent: pg_ctl ends with 1: the old primary is started again"
	is "$(timeline p)" "f 1" "agent: pg_ctl ends with 1: which it is"
	is_standby "agent: pg_ctl ends with 1" s1
	event_is "switchover s1 failed" "agent: pg_ctl ends with 1"

	# shellcheck disable=SC2016	# of that script
	heard_late "agent: killed after the request" \
	    '"$real" "$@"' 'kill -KILL $PPID'
	switch_up || return 2
	heard_late "agent: pg_ctl ends with 1, its file is left" \
	    ": >'$T/s1/promote'" 'exit 1'
}

switch_up() {
	promote_up p s1 || return 1
	promote_conf "$T/there.conf" p s1
	echo 'agent : { operate = true; };' >>"$T/there.conf"
	fake_pg_ctl s1 "$T/there.conf"
	sshd_stop main
	promote_ssh "SetEnv STANDBY_CONFIG=$T/there.conf" || return 1
	events
	promote_conf "$CONF" p s1@
}

# heard_late NAME LINE...: the server gets the request, but does not act on it
# before the time is over.
heard_late() {
	local name=$1 pid
	shift
	pid=$(children s1 'startup|recovering')
	FROZEN[s1]=$pid
	asked_by "kill -STOP $pid" "$@"
	switchover "$name" -t 10s
	rc_is 7 "$name: exit 7"
	like "$err" 'requested, outcome unknown' "$name: unknown"
	like "$err" 'hint: .*promote no other node.*Look at s1' \
	    "$name: what to do"
	like "$err" 'Next: only when it is certain that s1 is not promoted.* start p as the primary again' \
	    "$name: what is next when it is not promoted"
	like "$err" 'Next: when s1 is the primary: bring p back.*standby-follow' \
	    "$name: what is next when it is"
	is "$(pg_pid p)" "" "$name: the old primary is not started"
	event_is "switchover s1 unknown" "$name"
	thaw s1
	ok "$name: and then it happens" \
	    poll_until 30 pg_is s1 "SELECT pg_is_in_recovery()" f
	is "$(timeline s1) p:$(pg_pid p)" "f 2 p:" "$name: one primary"
}

# --- time and lock

in_time() {
	local before
	promote_up p s1 s2 || return 2
	events
	promote_conf "$CONF" p s1 s2
	crash p
	alone s1 s2 || return 2
	before=$(state s1 s2)
	late() { # NAME [OPTION]...
		local name=$1
		shift
		promote_held request -f "$CONF" s1 -y -t 5s "$@" ||
		    fail "$name: it is reached"
		sleep 5
		promote_wait
		rc_is 6 "$name: exit 6"
		unchanged "$before" "$name" s1 s2
		is_standby "$name" s1 s2
		ok "$name: no session is left" poll_until 10 no_sessions s1 s2
		event_is "promote s1 failed" "$name"
	}
	late "the time is over before the request"
	the_end 's1 is not promoted, nothing was changed: the time is over' \
	    "the time is over before the request: said so"
	like "$err" 'hint: .*--timeout=' \
	    "the time is over before the request: what to do"
	late "the time is over after the fence" --fence=true --old-primary=p
	the_end 's1 is not promoted, but the fence command has run: the time' \
	    "the time is over after the fence: said so"
	promote -f "$CONF" s1 -y
	promoted s1 2 "in time"
	event_is "promote s1 ok" "in time"
}

locks() {
	local before
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	pg_sql p "REVOKE EXECUTE ON FUNCTION pg_try_advisory_lock(bigint)
	    FROM PUBLIC"
	pg_wait_replay s1 p && pg_wait_replay s2 p || return 2
	crash p
	alone s1 s2 || return 2
	# The means does not matter for it.
	fake_pg_ctl s1 "$CONF"
	# shellcheck disable=SC2016	# of that script
	asked_by 'exec "$real" "$@"'
	before=$(state s1 s2)

	no_lock() { # NAME
		is "$rc $(refusals)" "3 promotion-running" \
		    "$1: exit 3 and [promotion-running]" || diag "$err"
		unchanged "$before" "$1" s1 s2
		ok "$1: no session is left" poll_until 10 no_sessions s1 s2
	}
	promote -f "$CONF" s1 -y -U op --force
	no_lock "the lock is not to be had on the candidate, forced"
	like "$err" 'there is no lock on s1: .*permission denied' \
	    "the lock is not to be had on the candidate: the reason"

	lost() { # NAME [OPTION]...
		local name=$1
		shift
		promote_held request -f "$CONF" s1 -y "$@" ||
		    fail "$name: it is reached"
		end_sessions s1 standby-promote
		hold_lock s1 || fail "$name: another one holds the lock"
		promote_wait
		like "$err" 'process [0-9]+ on s1 \(other\) holds the lock' \
		    "$name: who holds it"
		let_lock s1
		no_lock "$name"
	}
	lost "the session is lost at the last moment, another one has the lock"
	cat >"$T/fence.sh" <<-END
		#!/bin/bash
		. "$T/fence.functions"
		end_sessions s1 standby-promote && hold_lock s1
	END
	{
		declare -p PG_PORT PSQL LOCK
		declare -f poll_until pg_sql pg_is end_sessions hold_lock
	} >"$T/fence.functions"
	promote -f "$CONF" s1 -y --old-primary=p --fence="bash $T/fence.sh"
	like "$err" 'process [0-9]+ on s1 \(other\) holds the lock' \
	    "the session is lost during the fence: who holds the lock"
	let_lock s1
	# No primary is left, so a person must act.
	is "$rc $(sed -n 's/ \[[a-z-]*\]$//; s/.* is not promoted, //p' <<<"$err")" \
	    "7 but the fence command has run: promotion-running" \
	    "the session is lost during the fence: exit 7, and the fence has run"
	unchanged "$before" "the session is lost during the fence" s1 s2

	promote_held request -f "$CONF" s1 -y ||
	    fail "the session is lost, nobody else came: it is reached"
	end_sessions s1 standby-promote
	promote_wait
	promoted s1 2 "the session is lost, nobody else came: promoted"
}

# What was paused is resumed by the request, not by a run that is refused.
resume() {
	is_10 && { skip "10: paused replay" "its receiver crashes"; return; }
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	fake_pg_ctl s1 "$CONF"
	pg_sql p "GRANT EXECUTE ON FUNCTION pg_wal_replay_resume() TO op"
	pg_wait_replay s1 p
	pg_sql s1 "SELECT pg_wal_replay_pause()"
	write p 500
	poll_until 20 pg_is s1 "SELECT pg_last_wal_receive_lsn() >=
	    '$(pg_sql p "SELECT pg_current_wal_flush_lsn()")'" t || return 2
	crash p
	alone s1 || return 2
	paused() { pg_sql s1 "SELECT pg_is_wal_replay_paused()"; }
	promote_held request -f "$CONF" s1 -y -U op --resume-replay ||
	    fail "--resume-replay: it is reached"
	is "$(paused)" t "--resume-replay: it is not done before the request"
	end_sessions s1 standby-promote
	hold_lock s1
	promote_wait
	is "$rc $(refusals)" "3 promotion-running" \
	    "--resume-replay, refused by the last check: exit 3" || diag "$err"
	let_lock s1
	is "$(paused) $(timeline s1)" "t t 1" \
	    "--resume-replay, refused by the last check: it is paused still"
	asked_by 'exit 1'
	promote -f "$CONF" s1 -y -U op --resume-replay
	rc_is 7 "--resume-replay, then the server is not asked: exit 7"
	the_end 'replay of s1 was resumed, it is not promoted: .*status 1' \
	    "--resume-replay, then the server is not asked: said so"
	is "$(paused)" f "--resume-replay, then the server is not asked: so it is"
	is_standby "--resume-replay, then the server is not asked" s1
}

# --- who is fenced

fences() {
	local fence="touch $T/fenced"
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" s1 s2
	crash p
	alone s1 s2 || return 2
	refused old-primary-unproven '--old-primary=CONNINFO' \
	    "--old-primary names a standby, with a fence" \
	    -f "$CONF" s1 -y --old-primary=s2 --fence="$fence"
	like "$err" 's2, which --old-primary names, is a standby' \
	    "--old-primary names a standby: said so"
	not_ok "--old-primary names a standby: it is not fenced" \
	    test -e "$T/fenced"
	forget s1 s2 || return 2
	refused old-primary-unproven '--old-primary=CONNINFO' \
	    "nobody is known to be the old primary, with a fence" \
	    -f "$CONF" s1 -y --fence="$fence"
	like "$err" 'nobody knows .*whom the fence would cut off' \
	    "nobody is known to be the old primary: said so"
	not_ok "nobody is known to be the old primary: nobody is fenced" \
	    test -e "$T/fenced"

	# The only one that does not answer is taken for it; but it comes back,
	# a standby, before the fence.
	promote_conf "$CONF" s1 s2-
	freeze s2
	BEFORE_TYPING="kill -CONT ${FROZEN[s2]}" \
	    typed s1 -f "$CONF" s1 --fence="$fence"
	like "$out" 's2.*(the only|does not answer|hangs)' \
	    "(s2 hangs, and is taken for the old primary)"
	rc_is 3 "it answers as a standby before the fence: exit 3"
	like "$out" '\[old-primary-unproven\]' \
	    "it answers as a standby before the fence: refused by its name"
	not_ok "it answers as a standby before the fence: it is not fenced" \
	    test -e "$T/fenced"
	thaw s2
	is_standby "it answers as a standby before the fence" s1 s2

	promote_conf "$CONF" s1 s2
	promote -f "$CONF" s1 -y --force \
	    --fence="echo \"[\$STANDBY_OLD_PRIMARY]\" >$T/fenced"
	promoted s1 2 "nobody is known to be the old primary, forced"
	is "$(cat "$T/fenced")" "[]" \
	    "nobody is known to be the old primary, forced: the fence is told nobody"
	rm -f "$T/fenced"
}

# --- who is heard

# p lives and writes; from here only a dead address is known of it.
heard() {
	local other before words
	is_10 && { skip "10: a receiver that streams" "it crashes"; return; }
	other=$(port_of_ours)
	promote_up p s1 || return 2
	pg_set s1 "wal_receiver_status_interval = '3s'"
	pg_reload s1
	promote_conf "$CONF" "p=$other" s1
	writing p
	before=$(state p s1)
	promote -f "$CONF" s1 -y --old-primary=p --fence=true
	like "$err" 's1 .*got a message of .* p .*after the fence command had ended' \
	    "heard after a fence that ended with 0: said so"
	is "$rc $(sed -n 's/ \[[a-z-]*\]$//; s/.* is not promoted, //p' <<<"$err")" \
	    "3 but the fence command has run: old-primary-heard" \
	    "heard after a fence that ended with 0: exit 3, and it has run"
	unchanged "$before" "heard after a fence that ended with 0" p s1

	CONF_MORE='promote : { trust_pgpool = true; };' \
	    promote_conf "$CONF" "p=$other" s1
	words="0 127.0.0.1 $other /nowhere 1 127.0.0.1 0 0 $(port s1) $T/s1"
	words+=" 127.0.0.1 $other"
	# shellcheck disable=SC2086	# words
	refused old-primary-heard 'look at its host' \
	    "heard, though pgpool says that it is down" \
	    -f "$CONF" -t 15s --log=stderr --pgpool $words

	# Its host says that it is not running: that of another directory, in which
	# the WAL ends where p's does, for p writes none.  It is heard all the same.
	writing_ends
	# shellcheck disable=SC2046	# pids
	freeze p $(children p 'background writer')
	pg_set p "wal_sender_timeout = '1s'"
	pg_set p "autovacuum = off"
	pg_reload p
	poll_until 20 pg_is p "SELECT count(*) FROM pg_stat_activity
	    WHERE backend_type IN ('client backend', 'autovacuum worker')" 1 ||
	    return 2
	pg_wait_replay s1 p || return 2
	cp -a "$T/p" "$T/dead"
	rm "$T/dead/postmaster.pid"
	promote_conf "$CONF" "p=$other" s1
	sed -i "/name = \"p\"/s|}|pgdata = \"$T/dead\"; }|" "$CONF"
	refused old-primary-heard 'look at its host' \
	    "heard, though its host says that it does not run" \
	    -f "$CONF" s1 -y -t 15s --old-primary=p
	like "$err" 'waiting whether another one comes' \
	    "heard, though its host says that it does not run: another message is waited for"
	freeze p
	promote -f "$CONF" s1 -y --old-primary=p
	like "$err" 'a message came .* waiting whether another one comes' \
	    "its host says that it does not run: silence is waited for"
	promoted s1 2 "its host says that it does not run, and no message comes"
	thaw p
	rm -rf "$T/dead"

	# As above, and the word is that of pgpool.
	promote_up p s1 || return 2
	pg_set s1 "wal_receiver_status_interval = '3s'"
	pg_reload s1
	CONF_MORE='promote : { trust_pgpool = true; };' \
	    promote_conf "$CONF" "p=$other" s1
	write p 1
	freeze p
	# shellcheck disable=SC2086	# words
	promote -f "$CONF" --log=stderr --pgpool $words
	like "$err" 'a message came .* waiting whether another one comes' \
	    "pgpool says that it is down: silence is waited for"
	promoted s1 2 "pgpool says that it is down, and no message comes"
	thaw p

	# What came before the fence had ended is no sign of life.
	promote_up p s1 || return 2
	pg_set s1 "wal_receiver_status_interval = '60s'"
	pg_reload s1
	promote_conf "$CONF" "p=$other" s1
	writing p
	poll_until 20 pg_streams s1
	promote -f "$CONF" s1 -y --old-primary=p --fence="$(
	    declare -f fence_all); fence_all $(pg_pid p)"
	kill_now "$WRITER"
	# shellcheck disable=SC2046	# pids
	freeze p $(pg_pid p) $(pgrep -P "$(pg_pid p)")
	promoted s1 2 "heard before the fence had ended"
	unlike "$err" 'waiting whether another one comes' \
	    "heard before the fence had ended: nothing is waited for"
	thaw p
}

# A fence: nothing of that postmaster moves any more.
fence_all() {
	kill -STOP "$1" && kill -STOP $(pgrep -P "$1");
}

# --- on which timeline

stale_names() {
	local lsn seg who
	is_10 && { skip "10: received, not replayed" "restarts"; return; }
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	pg_sql s1 "SELECT pg_wal_replay_pause()"
	write p 100
	pg_wait_replay s2 p
	lsn=$(pg_sql s2 "SELECT pg_last_wal_receive_lsn()")
	poll_until 20 pg_is s1 "SELECT pg_last_wal_receive_lsn() >= '$lsn'" t ||
	    return 2
	crash p
	alone s1 s2 || return 2
	is "$(pg_sql s1 "SELECT pg_last_wal_receive_lsn() >
	    pg_last_wal_replay_lsn()")" t "(s1 has WAL that it has not replayed)"
	# Left from a former life of the directory.
	seg=$(find "$T/s1/pg_wal" -maxdepth 1 -name '00000001*' | head -n 1)
	cp "$seg" "$T/s1/pg_wal/0000000900000000000000F0"
	for who in s1 s2; do
		passes "a WAL file of timeline 9 in s1, which is on 1: $who" \
		    -f "$CONF" "$who" -y --resume-replay
	done
	promote -f "$CONF" s2 -y
	promoted s2 2 "a WAL file of timeline 9 in s1: s2"
}

# --- pgpool's follow_primary_command

# s2 is another host's: 127.0.0.2 is no address of an interface.
follow_pgpool() {
	local reason words pid
	reason=$(sshd_usable) || { skip "standby-follow --pgpool" "$reason"; return; }
	is_10 && { skip "10: a standby that follows" "its receiver crashes"; return; }
	promote_make p s1 s2
	pg_set s2 "listen_addresses = '127.0.0.1,127.0.0.2'"
	pg_start p && pg_start s1 && pg_start s2 || return 2
	for n in s1 s2; do
		poll_until 60 pg_streams "$n" && pg_wait_replay "$n" p ||
		    return 2
	done
	promote_conf "$T/there.conf" p s1 s2
	echo 'agent : { operate = true; };' >>"$T/there.conf"
	sshd_stop main
	promote_ssh "SetEnv STANDBY_CONFIG=$T/there.conf" || return 2
	promote_conf "$CONF" p s1 s2@
	sed -i "s/host=127.0.0.1 port=$(port s2)/host=127.0.0.2 port=$(port s2)/" \
	    "$CONF"
	crash p
	promote -f "$T/there.conf" s1 -y --siblings-follow
	promoted s1 2 "(s1 is promoted, s2 follows)"
	poll_until 60 pg_streams s2 || return 2
	write s1 500
	pg_wait_replay s2 s1
	# Before 13 it was restarted, and knows.
	[ "${PG_MAJOR[s2]}" -lt 13 ] || is "$(pg_sql s2 "SELECT timeline_id
	    FROM pg_control_checkpoint()")" 1 \
	    "(pg_control of s2 tells the old timeline still)"
	pid=$(pg_pid s2)
	words="2 127.0.0.2 $(port s2) $T/s2 1 127.0.0.1 0 0 $(port s1) $T/s1"
	words+=" 127.0.0.1 $(port p)"
	# shellcheck disable=SC2086	# words
	run "$TOP_BUILDDIR/standby-follow" -f "$CONF" "${SSH_OPTIONS[@]}" \
	    --log=stderr --pgpool $words
	rc_is 0 "standby-follow --pgpool, a standby that follows already: exit 0"
	like "$err" 'node 2 says' \
	    "standby-follow --pgpool, a standby that follows already: its host is asked"
	unlike "$err" 'becomes a copy' \
	    "standby-follow --pgpool, a standby that follows already: it is not copied"
	is "$(pg_pid s2)" "$pid" \
	    "standby-follow --pgpool, a standby that follows already: nor restarted"
	write s1 10
	ok "standby-follow --pgpool, a standby that follows already: it goes on" \
	    pg_wait_replay s2 s1
}

# --- a node by two names

# one_node NAME [OPTION]...: the dry run has the three nodes of the file, and
# what it would do afterwards is nothing to the candidate itself.
one_node() {
	local name=$1
	shift
	passes "$name: the dry run passes" -f "$CONF" -y "$@"
	like "$out$err" '3 nodes, 2 answer; to promote: s1; old primary: p' \
	    "$name: three nodes"
	like "$err" 'note: [^ ]+:[0-9]+ is s1$' "$name: a note says it"
	unlike "$out" "standby-follow .*(master=localhost|-D $T/s1( |\$))" \
	    "$name: nothing is to be done to itself"
}

two_names() {
	local words
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	crash p
	alone s1 s2 || return 2
	one_node "-h localhost" -h localhost -p "$(port s1)"
	one_node "-h DIR" -h "$PG_SOCK" -p "$(port s1)"
	one_node "localhost:PORT" "localhost:$(port s1)"
	one_node "-d" -d "host=localhost port=$(port s1)"
	cp "$CONF" "$T/ssh.conf"
	sed -i "/name = \"s1\"/s|pgdata|ssh = \"nobody@127.0.0.1:1\"; pgdata|" \
	    "$CONF"
	one_node "-D, with ssh in the file" -D "$T/s1"
	mv "$T/ssh.conf" "$CONF"
	passes "--old-primary by another name, down: the dry run passes" \
	    -f "$CONF" s1 -y --old-primary="host=localhost port=$(port p)"
	like "$out$err" '3 nodes, 2 answer; to promote: s1; old primary: p' \
	    "--old-primary by another name, down: three nodes"
	like "$err" 'note: --old-primary is p: ' \
	    "--old-primary by another name, down: a note says it"
	promote -f "$CONF" s1 -y -n --old-primary="host=localhost port=$(port s1)"
	is "$rc $(grep -c 'the old primary and the node to promote are the same' \
	    <<<"$err")" "2 1" "--old-primary is the candidate by another name"
	promote -f "$CONF" -h localhost -p "$(port s1)" -y
	promoted s1 2 "-h localhost"
	is "$(grep -c 'localhost:[0-9]* is s1' <<<"$err")" 1 \
	    "-h localhost: the note is said once"
	unlike "$out$err" 'master=localhost' \
	    "-h localhost: nothing is to be done to itself"

	# Two entries of the file stay two; the lock is one.
	promote_up p s1 s2 || return 2
	promote_conf "$CONF" p s1 s2
	sed -i "s|^);|,{ name = \"s1b\"; conninfo = \"host=localhost port=$(port s1)\"; });|" \
	    "$CONF"
	crash p
	alone s1 s2 || return 2
	promote -f "$CONF" s1 -y
	promoted s1 2 "two entries of the file are one server"
	unlike "$err" 'holds the lock' \
	    "two entries of the file are one server: the lock is its own"

	# pgpool has another name for each.
	promote_up p s1 s2 || return 2
	CONF_MORE='promote : { trust_pgpool = true; };' \
	    promote_conf "$CONF" p s1 s2
	crash p
	alone s1 s2 || return 2
	words="0 localhost $(port p) $T/p 1 localhost 0 0 $(port s1) $T/s1"
	# shellcheck disable=SC2086	# words
	promote -f "$CONF" --log=stderr -v --pgpool $words localhost "$(port p)"
	promoted s1 2 "--pgpool, by other names"
	like "$out$err" '3 nodes, 2 answer; to promote: s1; old primary: p' \
	    "--pgpool, by other names: three nodes"
}

# --- parts

majors=$(promote_main_major)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] && [ -z "${STANDBY_TEST_MAJORS-}" ] ||
    majors=$(pg_majors)
cases=("$@")
[ $# -gt 0 ] || cases=(pg_ctl_here pg_ctl_there in_time locks resume fences
    heard stale_names two_names follow_pgpool)
for m in $majors; do
	diag "PostgreSQL $m"
	promote_cold "$m" || bail "$m: no servers"
	for c in "${cases[@]}"; do
		began=$SECONDS
		"$c"
		[ $? -ne 2 ] || fail "$c, $m: the cluster is not as it should be"
		diag "$c, $m: $((SECONDS - began)) s"
		CONF_MORE=
	done
done
done_testing
