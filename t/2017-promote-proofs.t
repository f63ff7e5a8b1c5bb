#!/bin/bash
#
# Goal: what is taken for a proof that the old primary is down is one.  A WAL
# receiver that the role may not see, a node that is only guessed, a directory
# whose WAL ends before what its standby has: none of them makes a second
# primary, while the first one lives, streams and takes writes.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf
WRITER=

# writes NODE: somebody goes on to write there, until quiet.
writes() {
	(while sleep 0.2; do pg_sql "$1" "SELECT txid_current()"; done) \
	    >/dev/null 2>&1 3>&- 4>&- &
	WRITER=$!
	kill_later "$WRITER"
}
quiet() { kill_now "$WRITER"; }

as_role() { # ROLE: asks all nodes of the file
	sed -i "s/user = \"postgres\"/user = \"$1\"/" "$CONF"
}

# one_primary NAME: p takes writes, s1 does not.
one_primary() {
	is "$(timeline p) $(timeline s1)" "f 1 t 1" "$1: p is the only primary"
}

# The old primary lives and streams to s1, and is not reached from here.
unseen() {
	local port dead
	promote_up p s1 || return 2
	port=${PG_PORT[s1]} dead=$(port_of_ours)
	CONF_MORE='promote : { trust_pgpool = true; };' \
	    promote_conf "$CONF" "p=$dead" s1
	as_role plain
	writes p
	promote -f "$CONF" --log=stderr -t 20s --pgpool 0 127.0.0.1 "$dead" \
	    "$T/p" 1 127.0.0.1 0 0 "$port" "$T/s1" 127.0.0.1 "$dead"
	is "$rc $(refusals)" "3 old-primary-unseen" \
	    "unseen: pgpool is trusted: exit 3 and [old-primary-unseen]"
	like "$err" 's1 .*has a WAL receiver, and role "plain" may not see' \
	    "unseen: who may not see what"
	like "$err" 'hint: .*GRANT pg_monitor TO "plain"' "unseen: what to do"
	one_primary unseen
	refused old-primary-unseen 'GRANT pg_monitor' "unseen, a fence" \
	    -f "$CONF" s1 -y --old-primary=p --fence="touch $T/fenced"
	not_ok "unseen, a fence: it is not run" test -e "$T/fenced"
	typed s1 -f "$CONF" --old-primary=p s1
	rc_is 3 "unseen, the name is typed: exit 3"
	one_primary "unseen, the name is typed"
	passes "unseen, forced" -f "$CONF" s1 -y --old-primary=p --force
	like "$err" 'warning: .*\[old-primary-unseen\].*--force' \
	    "unseen, forced: which is said"
	quiet
	# Nothing streams any more: there is nothing that may not be seen.
	without_p
	passes "unseen: no receiver is left" \
	    -f "$CONF" s1 -y --old-primary=p --fence=true
}
without_p() { crash p && alone s1; }

# p lives and streams to s1, but no file names it: s2 is silent, and is not it.
guess() {
	promote_up p s1 s2 || return 2
	# As after a crash of a primary: no signal file.
	pg_stop s2
	if [ "${PG_MAJOR[s2]}" -ge 12 ]; then
		rm "$T/s2/standby.signal"
	else
		mv "$T/s2/recovery.conf" "$T/s2/recovery.done"
	fi
	pg_start s2 && write s2 5 && crash s2 || return 2
	# Below 12 recovery.conf of the candidate, which is here, tells it.
	[ "${PG_MAJOR[s1]}" -lt 12 ] || guess_unseen

	# Nothing streams any more: what is left is the guess.
	crash p && alone s1 || return 2
	set_upstream s1 ''
	promote_conf "$CONF" s1 s2
	refused old-primary-unproven '--old-primary=s2' \
	    "guess: the only silent one, no receiver" -f "$CONF" s1 -y
	refused old-primary-unproven '--old-primary=s2' \
	    "guess: the only silent one, a fence" -f "$CONF" s1 -y \
	    --fence="touch $T/fenced"
	not_ok "guess: the only silent one is not cut off" test -e "$T/fenced"
	passes "guess: named, it is stopped" -f "$CONF" s1 -y --old-primary=s2
	typed s1 -f "$CONF" s1
	like "$out" 'It is assumed, too, that the primary was s2' \
	    "guess: who types is told that it is one"
	promoted s1 2 "guess: typed"
}

# ... streaming, and the role may not see to whom.
guess_unseen() {
	promote_conf "$CONF" s1 s2
	as_role plain
	promote -f "$CONF" s1 -y
	is "$rc $(refusals)" \
	    "3 old-primary-unseen, old-primary-unproven" \
	    "guess: a crashed primary that nobody followed is no proof"
	like "$err" 's2 .*is a guess \(the only node of the file' \
	    "guess: it is said that it is one"
	like "$err" 'hint: When s2 was the primary: --old-primary=s2; else' \
	    "guess: what to do"
	one_primary guess

	promote_conf "$CONF" s1 s2-
	as_role plain
	promote -f "$CONF" s1 -y --fence="touch $T/fenced"
	is "$rc $(refusals)" \
	    "3 old-primary-unseen, old-primary-unproven" \
	    "guess, a fence: exit 3"
	like "$err" 'might cut off s2 while the primary lives' \
	    "guess, a fence: whom it would cut off"
	not_ok "guess, a fence: it is not run" test -e "$T/fenced"
	one_primary "guess, a fence"
}

# set_upstream NODE CONNINFO: another one, or nobody, and it runs again.  A
# receiver of 10 would crash, and the standby with it (pg_detach): nobody.
set_upstream() {
	if [ "${PG_MAJOR[$1]}" = 10 ]; then
		pg_detach "$1"
		return
	fi
	pg_stop "$1" || return 1
	promote_set "$1" "primary_conninfo = '$2'"
	pg_start "$1"
}

# The file names an old copy of p's directory; p runs elsewhere, and s1 has lost
# the way to it.
directory() {
	promote_up p s1 || return 2
	cp -a "$T/cold" "$T/copy"
	promote_conf "$CONF" "p=$(port_of_ours)" s1
	sed -i "s|name = \"p\"; |name = \"p\"; pgdata = \"$T/copy\"; |" \
	    "$CONF"
	set_upstream s1 'host=127.0.0.1 port=1'
	poll_until 60 pg_is s1 "SELECT 1" 1 || return 2
	refused old-primary-unproven 'Give a proof' \
	    "directory: an old copy proves nothing" \
	    -f "$CONF" s1 -y --old-primary=p
	like "$err" 'copy", but that is not its directory, or has lost WAL' \
	    "directory: why"
	one_primary directory
	passes "directory: with a fence" -f "$CONF" s1 -y --old-primary=p \
	    --fence=true
	unlike "$err" 'Possible loss: ' \
	    "directory: its end of WAL measures nothing"

	# The one that it is.
	promote_conf "$CONF" p s1
	crash p
	passes "directory: the right one" -f "$CONF" s1 -y --old-primary=p
	like "$err" 'the WAL on the disk of p' "directory: its end counts"
	rm -rf "${T:?}/copy"
}

# What is only believed, and an outcome that is not known, are said with -q too.
quiet_words() {
	promote_up p s1 || return 2
	promote_conf "$CONF" p- s1
	without_p
	freeze s1 "$(children s1 'startup|recovering')"
	promote -f "$CONF" s1 --old-primary=p -y -q --force -t 5s
	rc_is 7 "quiet: outcome unknown"
	like "$err" 'note: It is assumed that the old primary p .*--force says so' \
	    "quiet: what is assumed"
	is "$(grep -c 'Possible loss unknown' <<<"$err")" 2 \
	    "quiet: the possible loss, before and after"
	thaw s1
	ok "quiet (it is promoted)" poll_until 30 pg_is s1 \
	    "SELECT pg_is_in_recovery()" f

	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	without_p
	promote -f "$CONF" s1 --old-primary=p -y -q
	rc_is 0 "quiet: the host says that it is down"
	is "$err" "" "quiet: nothing is lost, nothing only believed: no word"
}

# An advisory lock of anybody.
lock() {
	local pid holder
	promote_up p s1 || return 2
	promote_conf "$CONF" p s1
	without_p
	PGAPPNAME=other pg_psql s1 -U plain -c "SELECT pg_advisory_lock(
	    (7565412::bigint << 32) | 1634558323), pg_sleep(600)" \
	    >/dev/null 2>&1 3>&- 4>&- &
	pid=$!
	kill_later "$pid"
	poll_until 20 pg_is s1 "SELECT count(*) FROM pg_locks
	    WHERE locktype = 'advisory'" 1 || return 2
	holder=$(pg_sql s1 "SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
	promote -f "$CONF" s1 --old-primary=p -y --force
	is "$rc $(refusals)" "3 promotion-running" "lock: exit 3"
	like "$err" "process $holder on s1 \\(other\\) holds the lock" \
	    "lock: who has it"
	like "$err" "hint: .*does not call itself standby-promote.*end it on s1.*SELECT pg_terminate_backend\\($holder\\)" \
	    "lock: how to end it"
	pg_sql s1 "SELECT pg_terminate_backend($holder)" >/dev/null
	wait "$pid"
	promote -f "$CONF" s1 --old-primary=p -y
	promoted s1 2 "lock: without it"
}

# --- parts

parts="unseen guess directory quiet_words lock"
[ $# -eq 0 ] || parts=$*
majors=$(promote_main_major)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] && [ -z "${STANDBY_TEST_MAJORS-}" ] ||
    majors=$(pg_majors)
for m in $majors; do
	diag "PostgreSQL $m"
	promote_cold "$m" || bail "$m: no servers"
	for part in $parts; do
		"$part"
		[ $? -ne 2 ] ||
		    fail "$part, $m: the cluster is not as it should be"
	done
done
done_testing
