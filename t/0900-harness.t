#!/bin/bash
# Goal: the helpers of t/lib do what the other tests rely on.  Above all the
# oracle: a good copy is equal, a copy that was started without backup_label is
# reported bad although it streams.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/relay.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"

# A standby by hand: the low-level backup functions around a cp of a live
# directory, with a checkpoint in the middle of the copy.  label|nolabel
copy_by_hand() {
	local from=$1 to=$2 how=$3 old
	pg_node "$to" "${PG_MAJOR[$from]}"
	mkdir "$T/$to" "$T/$to.ts"
	old=$([ "${PG_MAJOR[$from]}" -lt 15 ] && echo yes)
	coproc BACKUP { "$PSQL" -X -q -A -t -h 127.0.0.1 \
	    -p "${PG_PORT[$from]}" -U postgres postgres 2>&1 3>&- 4>&-; }
	if [ "$old" ]; then
		echo "SELECT pg_start_backup('hand', true, false);" >&"${BACKUP[1]}"
	else
		echo "SELECT pg_backup_start('hand', true);" >&"${BACKUP[1]}"
	fi
	read -r -t 60 _ <&"${BACKUP[0]}" || return 1
	cp -a "$T/$from/base" "$T/$to/"
	cp -a "$T/$from.ts/." "$T/$to.ts/"
	pg_psql "$from" <<-'END'
		UPDATE acc SET bal = bal + 1 WHERE id % 3 = 0;
		INSERT INTO acc SELECT i, 1, 'late' FROM generate_series(900001, 905000) i;
		CHECKPOINT;
	END
	rm -rf "$T/$to/base/pgsql_tmp"
	(cd "$T/$from" && tar -cf - --exclude=./base --exclude=./postmaster.* \
	    --exclude='./pg_replslot/*' .) | (cd "$T/$to" && tar -xf -)
	rm "$T/$to"/pg_tblspc/*
	ln -s "$T/$to.ts" "$T/$to/pg_tblspc/$(pg_sql "$from" \
	    "SELECT oid FROM pg_tablespace WHERE spcname = 'ts'")"
	if [ "$old" ]; then
		echo "COPY (SELECT labelfile FROM pg_stop_backup(false, false)) TO STDOUT;"
	else
		echo "COPY (SELECT labelfile FROM pg_backup_stop(false)) TO STDOUT;"
	fi >&"${BACKUP[1]}"
	read -r -t 60 label <&"${BACKUP[0]}"
	eval "exec ${BACKUP[1]}>&-"
	wait "$BACKUP_PID"
	[ "$how" = nolabel ] || printf '%b' "$label" >"$T/$to/backup_label"
	if [ "${PG_MAJOR[$from]}" -ge 12 ]; then
		touch "$T/$to/standby.signal"
		echo "primary_conninfo = 'host=127.0.0.1 port=${PG_PORT[$from]} user=postgres'" \
		    >>"$T/$to/postgresql.conf"
	else
		printf "%s\n" "standby_mode = on" \
		    "primary_conninfo = 'host=127.0.0.1 port=${PG_PORT[$from]} user=postgres'" \
		    >"$T/$to/recovery.conf"
	fi
}

port=$(port_of_ours)
is "$(readlink "$TAP_PORTS/$port")" "$$" \
    "a port is ours while nobody listens there"
other=$(bash -c '. "$0"; port_of_ours >&3; exit' "$TOP_SRCDIR/t/lib/tap.sh" |
    head -n 1)
like "$other" '^[0-9]+$' "another test gets one"
not_ok "and gives it back at its end" test -L "$TAP_PORTS/$other"
ok "but not ours" test -L "$TAP_PORTS/$port"
# RANDOM again: the same ports would be chosen.
ports=$(for _ in 1 2 3; do (RANDOM=7; port_of_ours); done | sort -u | wc -l)
is "$ports" 3 "what is ours is not given to anybody again"
sleep 0 &
wait $!
stale=$(RANDOM=8; port_of_ours)
ln -sfn $! "$TAP_PORTS/$stale"
is "$(RANDOM=8; port_of_ours)" "$stale" \
    "a port of a test that was killed is free"

majors=$(pg_majors)
[ -n "$majors" ] || skip_all "no PostgreSQL server: run share/getting-servers"

is "$(STANDBY_TEST_MAJORS='12 99' pg_few 18 | xargs)" "12 99" \
    "pg_few: what is asked for, installed or not"
is "$(STANDBY_TEST_MAJORS='' STANDBY_TEST_WORLD=1 pg_few 18)" \
    "$(STANDBY_TEST_MAJORS='' STANDBY_TEST_WORLD=1 pg_majors)" \
    "pg_few: all, in the long run"
few() {	# INSTALLED [MORE]...
	local installed=$1
	shift
	(
		pg_bin() { [[ $1 =~ ^($installed)$ ]]; }
		STANDBY_TEST_MAJORS='' STANDBY_TEST_WORLD=0 pg_few "$@"
	) | xargs
}
is "$(few '10|15|18' 18 9)" "15 18" "pg_few: 15, and what else is installed"
is "$(few '10|18' 18 10)" "18 10" "pg_few: the newest without 15"

for m in $majors; do
	ok "$m: initdb" pg_init "p$m" "$m"
	pg_set "p$m" "wal_keep_segments = 64" 
	[ "$m" -lt 13 ] || sed -i 's/^wal_keep_segments = 64/wal_keep_size = 1GB/' \
	    "$T/p$m/postgresql.conf"
	ok "$m: start" pg_start "p$m"
	ok "$m: load_setup" load_setup "p$m"
	load_start "p$m" || fail "$m: the load starts"
	ok "$m: the load goes on" load_passes 2
	copy_by_hand "p$m" "good$m" label
	ok "$m: the load still goes on" load_passes 1
	load_stop
	ok "$m: a copy with backup_label starts" pg_start "good$m"
	ok "$m: and streams" poll_until 90 pg_streams "good$m"
	ok "$m: and the oracle says that it is equal" \
	    oracle_compare "p$m" "good$m"
	load_start "p$m"
	copy_by_hand "p$m" "bad$m" nolabel
	load_stop
	ok "$m: a copy without backup_label starts too" pg_start "bad$m"
	ok "$m: and streams" poll_until 90 pg_streams "bad$m"
	not_ok "$m: but the oracle says that it is bad" \
	    oracle_compare "p$m" "bad$m"
	pg_stop "bad$m" immediate
	oracle_take "p$m" "before$m"
	pg_stop "p$m"
	ok "$m: the good copy is promoted" pg_promote "good$m"
	ok "$m: and is still equal" oracle_against "before$m" "good$m"
	pg_stop "good$m"
done

if reason=$(sshd_usable); then
	ok "sshd starts" sshd_start a
	is "$(ssh_do a 'expr 6 \* 7')" 42 "a command runs through it"
	relay_start r "${SSHD_PORT[a]}"
	direct=${SSHD_PORT[a]}
	sed "s/:$direct /:${RELAY_PORT[r]} /" "${SSHD_KNOWN[a]}" \
	    >"$T/known.relay"
	SSHD_KNOWN[a]=$T/known.relay
	SSHD_PORT[a]=${RELAY_PORT[r]}
	is "$(ssh_do a 'head -c 5000000 /dev/zero' | wc -c)" 5000000 \
	    "five million bytes through the relay"
	relay_stop r
	cmp_le 5000000 "$(relay_received r)" "the relay counts them"
	cmp_le "$(relay_received r)" 5100000 "and not many more"
	cmp_le "$(relay_sent r)" 100000 "and few the other way"
	SSHD_PORT[a]=$direct
	pid=$(cat "$SSHD_DIR/a/pid")
	sshd_stop a
	ok "sshd is gone" gone "$pid"
	ok "sshd with an RSA host key starts" sshd_start b -h rsa
	is "$(ssh_do b 'echo yes')" yes "and takes a login"
else
	skip "sshd" "$reason"
fi

done_testing
