#!/bin/bash
#
# Goal: clones of PostgreSQL 9.0 to 9.6, of which there are no servers here: a
# stub plays the primary (t/fake/pgserver.py, which refuses every name, number
# of arguments and command that the version does not have), its data directory
# is made by hand (t/fake/pgdata_old.py), the sshd and the agent are real.  What
# is sent, and what the clone holds, is in t/golden/clone.
#
#	t/run t/1120-old.t [FUNCTION...]
#	STANDBY_TEST_KEEP=1 t/run t/1120-old.t	the new ones are in its directory

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/sshd.sh"

STANDBY_CLONE=$TOP_BUILDDIR/standby-clone
FAKE=$TOP_SRCDIR/t/fake
GOLDEN=$TOP_SRCDIR/t/golden/clone
[ -x "$STANDBY_CLONE" ] || skip_all "standby-clone is not built"
[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
reason=$(sshd_usable) || skip_all "$reason"
export HOME=$T PYTHONDONTWRITEBYTECODE=1
unset XDG_CONFIG_HOME STANDBY_CONFIG PGHOST PGPORT PGDATA PGUSER PGSERVICE
sshd_start main || bail "sshd does not start: $(sshd_log main)"
mkdir "$T/libexec"
ln -s "$TOP_BUILDDIR/standby-agent" "$T/libexec/standby-agent"
stub=
declare -A PORT
exec 8</dev/null

# old VERSIONS MORE: the second ones in world only.
old() { echo "$1" ${STANDBY_TEST_WORLD:+"$2"}; }

# --- the primary, and a clone of it -------------------------------------------

# primary VERSION [OPTION OF clone_old.py]...: a new one; the last one is gone.
# DATA are options of its directory too, PLANT of that alone.
DATA=()
PLANT=()
primary() {
	local v=$1 name port
	shift
	[ -z "$stub" ] || kill_now "$stub"
	rm -rf "$T/p" "$T/p.ts" "$T/s" "$T/s.ts" "$T/stub.log" "$T/ports" \
	    "$T/stub.in"
	/usr/bin/python3 "$FAKE/pgdata_old.py" "$v" "$T/p" \
	    "${DATA[@]}" "${PLANT[@]}" >"$T/segments" || bail "no directory"
	/usr/bin/python3 "$FAKE/clone_old.py" "$v" "$T/p" "${DATA[@]}" "$@" \
	    >"$T/scenario" || bail "no scenario"
	mkfifo "$T/stub.in"
	/usr/bin/python3 "$FAKE/pgserver.py" "$T/scenario" \
	    --log "$T/stub.log" >"$T/ports" 2>"$T/stub.err" <"$T/stub.in" \
	    3>&- 4>&- 7>&- 8>&- &
	stub=$!
	exec 8>"$T/stub.in"
	kill_later "$stub"
	poll_until 20 grep -q ports "$T/ports" || {
		cat "$T/stub.err"
		bail "the stub does not start"
	}
	while read -r name port; do
		PORT[$name]=$port
	done < <(tr -d '{}",:' <"$T/ports" | tr -s ' ' '\n' | sed 1d |
	    paste -d ' ' - -)
	pid_file "$v" 1795326999 5432
}

# pid_file VERSION STARTED PORT: that of the server; 9.0 tells only the pid.
pid_file() {
	echo "$stub"
	echo "$T/p"
	[ "$1" = 9.0 ] || printf '%s\n' "$2" "$3" "" 127.0.0.1
	echo "  5432001     65536"
} >"$T/p/postmaster.pid"

# clone [OPTION]...: sets rc, out and err.
clone() {
	run "$STANDBY_CLONE" --master=127.0.0.1 -p "${PORT[primary]}" \
	    -U postgres -D "$T/s" --ssh="$SSHD_USER@127.0.0.1:${SSHD_PORT[main]}" \
	    --ssh-identity="$SSHD_KEY" --known-hosts="${SSHD_KNOWN[main]}" \
	    --agent="$T/libexec/standby-agent" --application-name=db2 \
	    --no-sync --progress=none -t 60s -j 2 "$@"
}

# slot_of VERSION: not the host's name, which is another one each time.
SLOT=()
slot_of() {
	case $1 in
	9.[0-3]) SLOT=() ;;
	*) SLOT=(-S db2 -C) ;;
	esac
}

# sent: the statements that the primary got, without what changes from run to
# run: pings come every 5 s, the uuid of the label is random.
sent() {
	/usr/bin/python3 - "$T/stub.log" <<-'END'
	import json
	import re
	import sys
	last = None
	for line in open(sys.argv[1]):
	    kind, node, *what = json.loads(line)
	    if kind == "startup":
	        p = what[0]
	        text = "-- connect " + " ".join(
	            "%s=%s" % (k, p[k]) for k in sorted(p))
	    elif kind == "query":
	        text = what[0] + ";" + "".join(
	            "\n-- $%d %s" % (i, v) for i, v in enumerate(what[1:], 1))
	    else:
	        text = "-- %s %s" % (kind, " ".join(map(str, what)))
	    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", text)
	    if "pg_is_in_recovery(), pg_backend_pid()" in text and \
	            last is not None and "pg_start_backup" not in last:
	        continue
	    last = text
	    print(text)
	END
}

asks() { sent | grep -qF -- "$1"; }
asks_not() { ! asks "$1"; }
asked() { sent | grep -cF -- "$1"; }

# tree: names, sizes and links of the clone, and the files that were written for
# it, without what is of this run.
tree() {
	(
		cd "$T/s" || exit
		find . -mindepth 1 \( -type l -printf '%P -> %l\n' -o \
		    -type d -printf '%P/\n' -o -printf '%P %s %m\n' \) | sort
		for f in recovery.conf backup_label tablespace_map; do
			[ ! -e "$f" ] || { echo "== $f"; cat "$f"; }
		done
	) | LC_ALL=C sed "s|$T|T|g; s|port=${PORT[primary]}|port=PORT|
	    s/[0-9a-f]\{8\}-[0-9a-f-]\{27\}/UUID/
	    s/^\(recovery.conf\|backup_label\|tablespace_map\) [0-9]* /\1 /"
}

# same_as NAME FILE: t/golden/clone/NAME.
same_as() { diff -u "$GOLDEN/$1" "$2"; }

# --- what is sent and what comes ----------------------------------------------

golden() {
	local v
	PLANT=(--plant)
	for v in 9.0 9.1 9.2 9.3 9.4 9.5 9.6; do
		DATA=(--tablespace "16384=$T/p.ts")
		primary "$v"
		slot_of "$v"
		clone --no-start -T "$T/p.ts=$T/s.ts" \
		    --trigger-file="$T/trigger" "${SLOT[@]}"
		rc_is 0 "$v: a clone"
		sent >"$T/$v.sql"
		ok "$v: what is sent is as before" same_as "$v.sql" "$T/$v.sql"
		tree >"$T/$v.tree"
		ok "$v: the clone is as before" same_as "$v.tree" "$T/$v.tree"
		ok "$v: the tablespace came to its new place" cmp \
		    "$T"/p.ts/PG_"$v"_*/12000/16385 \
		    "$T"/s.ts/PG_"$v"_*/12000/16385
		ok "$v: the primary is not in backup mode" \
		    test ! -e "$T/p/backup_label"
	done
	PLANT=()
	DATA=()
}

# --- WAL ----------------------------------------------------------------------

segments_are() { # segments_are NAME...: those of the clone, with their .done
	(cd "$T/s/pg_xlog" && echo 0*) >"$T/.have"
	[ "$(cat "$T/.have")" = "$*" ] || return 1
	for f; do [ -e "$T/s/pg_xlog/archive_status/$f.done" ] || return 1; done
}

# Before 9.3 the last segment of each log file is not used: FE is followed by
# 00 of the next one.
names_of_segments() {
	local v
	for v in $(old "9.2 9.3" "9.0 9.1"); do
		DATA=(--segments "0xfd,4")
		primary "$v"
		clone --no-start
		rc_is 0 "$v: a clone over the end of a log file"
		case $v in
		9.3) ok "$v: FF is a segment" segments_are \
			0000000100000000000000F{D,E,F} \
			000000010000000100000000 ;;
		*) ok "$v: FE is followed by 00" segments_are \
			0000000100000000000000F{D,E} \
			00000001000000010000000{0,1} ;;
		esac
		ok "$v: the same bytes" cmp "$T/p/pg_xlog/0000000100000000000000FE" \
		    "$T/s/pg_xlog/0000000100000000000000FE"
	done
	DATA=()
}

not_sealed() { # not_sealed WHAT: nothing that could be started is left
	ok "$1: pg_control is not there" test ! -e "$T/s/global/pg_control"
	ok "$1: the primary is not in backup mode" \
	    test ! -e "$T/p/backup_label"
}

# B29
wal_that_is_gone() {
	local v name=000000010000000000000003
	for v in $(old 9.0 "9.3 9.5"); do
		DATA=(--segments "2,3")
		primary "$v" --slots 0
		rm "$T/p/pg_xlog/$name"
		clone --no-start
		rc_is 7 "B29 $v: a segment is no longer there"
		like "$err" "$name" "B29 $v: it is named"
		not_sealed "B29 $v gone"
		PLANT=(--stale "$name")
		primary "$v" --slots 0
		PLANT=()
		clone --no-start
		rc_is 7 "B29 $v: a segment holds the WAL of another one"
		like "$err" "$name" "B29 $v recycled: it is named"
		not_sealed "B29 $v recycled"
	done
	DATA=()
}

# --- slots --------------------------------------------------------------------

slots() {
	local v
	for v in $(old 9.4 9.5); do
		primary "$v"
		clone --no-start -S db2 -C
		rc_is 0 "B29 $v: a clone with a slot"
		ok "B29 $v: the slot is made to reserve" asks "-- flush 0/2000020"
		is "$(asked "-- flush")" 1 "B29 $v: by one status update"
		ok "B29 $v: no WAL is fetched" \
		    test ! -e "$T/s/pg_xlog/000000010000000000000002"
		like "$(cat "$T/s/recovery.conf")" "primary_slot_name = 'db2'" \
		    "B29 $v: the standby uses it"
		primary "$v" --lingers 3
		clone --no-start -S db2 -C
		rc_is 0 "B29 $v: a sender that ends a moment later is waited for"
		primary "$v" --unflushed
		clone --no-start -S db2 -C
		rc_is 0 "B29 $v: a slot where the WAL is not flushed yet"
		ok "B29 $v: it is set to the beginning of the segment" \
		    asks "-- flush 0/2000000"
		primary "$v" --slots 0
		clone --no-start
		rc_is 0 "B33 $v: max_replication_slots = 0 is no error"
		is "$(grep -c 'max_replication_slots is 0' <<<"$err")" 1 \
		    "B33 $v: it is said in one line"
		ok "B33 $v: the WAL is fetched" \
		    segments_are 000000010000000000000002
		unlike "$(cat "$T/s/recovery.conf")" primary_slot_name \
		    "B33 $v: the standby uses none"
		primary "$v" --slots 0
		clone --no-start -S db2 -C
		rc_is 3 "B33 $v: a slot that must be made is refused"
	done
	primary 9.3
	clone --no-start -S db2 -C
	rc_is 3 "9.3: a slot is refused"
	like "$err" "has no replication slots" "9.3: with the reason"
}

# The slot is ours and goes again with a clone that fails.
slot_of_a_failed_clone() {
	DATA=(--segments "2,3")
	primary 9.5 --running somebody
	clone --no-start -S db2 -C
	rc_is 3 "9.5: a backup of somebody else"
	ok "9.5: no slot was made" asks_not pg_create_physical
	DATA=()
}

# --- backup start and stop ----------------------------------------------------

foreign_backup() {
	local v
	for v in $(old "9.0 9.5" "9.2 9.3"); do
		primary "$v" --running "somebody's"
		clone --no-start
		rc_is 3 "B2 $v: an exclusive backup runs"
		like "$err" "somebody's" "B2 $v: its label is shown"
		ok "B2 $v: it is left alone" asks_not "SELECT pg_stop_backup"
		ok "B2 $v: none is tried" asks_not "SELECT pg_start_backup"
		ok "B2 $v: nothing is left" test ! -e "$T/s"
		primary "$v" --running "somebody's"
		clone --cleanup
		rc_is 0 "$v: --cleanup"
		ok "$v: --cleanup leaves it alone" asks_not "SELECT pg_stop_backup"
	done
	primary 9.1 --running "somebody's" --role replication
	clone --no-start --source-pgdata="$T/p"
	rc_is 3 "B2 9.1: who may not see it is told by the server"
	ok "B2 9.1: and does not end it" asks_not "SELECT pg_stop_backup"
	ok "B2 9.1: nothing is left" test ! -e "$T/s"
}

no_workers() { ! pgrep -f "^$STANDBY_CLONE .*$T/" >/dev/null; }

# held PHASE [OPTION]...: a clone waits there; its pid is in HELD.
HELD=
held() {
	local phase=$1 hold=$T/hold
	shift
	rm -f "$T/hold"
	STANDBY_TEST_PAUSE=$phase STANDBY_TEST_PAUSE_FILE=$hold \
	    "$STANDBY_CLONE" --master=127.0.0.1 -p "${PORT[primary]}" \
	    -U postgres -D "$T/s" \
	    --ssh="$SSHD_USER@127.0.0.1:${SSHD_PORT[main]}" \
	    --ssh-identity="$SSHD_KEY" --known-hosts="${SSHD_KNOWN[main]}" \
	    --agent="$T/libexec/standby-agent" --application-name=db2 \
	    --no-sync --progress=none -t 60s --no-start "$@" \
	    >"$T/bg.out" 2>&1 3>&- 4>&- 7>&- 8>&- &
	HELD=$!
	kill_later "$HELD"
	poll_until 60 test -e "$hold"
}

# killed PHASE [OPTION]...: a clone that waits there is killed with -9.
killed() {
	held "$@" || return 1
	kill -KILL "$HELD"
	wait "$HELD" 2>/dev/null
	rm -f "$T/hold"
	# Its workers, which end by themselves, hold the lock of the directory.
	poll_until 30 no_workers && [ -e "$T/p/backup_label" ]
}

killed_runs() {
	local v phase
	for v in $(old 9.3 "9.0 9.5"); do
		for phase in backup transfer; do
			primary "$v"
			ok "$v: killed at $phase, the backup stays" \
			    killed "$phase"
			clone --cleanup
			rc_is 0 "B24 $v: --cleanup after $phase"
			ok "B24 $v: the backup of the run killed at $phase is ended" \
			    test ! -e "$T/p/backup_label"
			clone --no-start
			rc_is 0 "B24 $v: the next run is as any other"
		done
	done
}

# The next run ends what its note tells of, on the same server process only.
next_run() {
	local v=$1 name="B24 $1, $2" note=$T/s/.standby-clone.backup
	primary "$v" --role "$2"
	ok "$name: killed, the backup stays" \
	    killed transfer --source-pgdata="$T/p"
	sed -i 's/^server_started .*/server_started 1/' "$note"
	clone --no-start --source-pgdata="$T/p"
	rc_is 3 "$name: the primary was started since: it is refused"
	ok "$name: and nothing is ended" test -e "$T/p/backup_label"
	sed -i 's/^server_started .*/server_started 1795327000/' "$note"
	if [ "$2" = replication ]; then
		pid_file "$v" 1795326999 5433
		clone --no-start --source-pgdata="$T/p"
		rc_is 3 "$name: the label that the agent reads is elsewhere"
		ok "$name: and nothing is ended" asks_not "SELECT pg_stop_backup"
		pid_file "$v" 1795326999 5432
	fi
	clone --no-start --source-pgdata="$T/p"
	rc_is 0 "$name: the next run"
	like "$err" 'exclusive backup "[^"]*" ended' "$name: it says so"
	ok "$name: none is left" test ! -e "$T/p/backup_label"
}

next_runs() {
	local v
	for v in $(old 9.3 "9.0 9.5"); do
		next_run "$v" super
	done
	next_run 9.2 replication
}

# 9.1 and 9.2: a role that is no superuser cannot ask whether a backup runs, nor
# since when; the agent reads its label.
unseen_label() {
	local v=$1 what=$2 label code=143 name
	name="$v: the label is unseen, $what, SIGTERM"
	primary "$v" --role replication
	held transfer --source-pgdata="$T/p" || fail "$name: the phase is reached"
	label=$(sed -n 's/^LABEL: //p' "$T/p/backup_label")
	case $what in
	somebody\'s) sed -i "s/^LABEL: .*/LABEL: theirs/" "$T/p/backup_label" ;;
	"no agent")
		rm "$T/libexec/standby-agent"
		code=7 ;;
	esac
	kill -TERM "$HELD"
	wait "$HELD"
	is "$?" "$code" "$name: exit status"
	rm -f "$T/hold"
	[ "$what" != "no agent" ] ||
	    ln -s "$TOP_BUILDDIR/standby-agent" "$T/libexec/standby-agent"
	if [ "$what" = ours ]; then
		ok "$name: it is ended" test ! -e "$T/p/backup_label"
	else
		ok "$name: none is ended" asks_not "SELECT pg_stop_backup"
	fi
	[ "$code" != 7 ] || like "$(cat "$T/bg.out")" \
	    "left behind: .*$label.*with: standby-clone --cleanup" \
	    "$name: what to type"
}

unseen_labels() {
	local v what
	for v in $(old 9.2 9.1); do
		for what in ours "somebody's" "no agent"; do
			unseen_label "$v" "$what"
		done
	done
}

two_at_once() {
	primary 9.6
	ok "A2 9.6: (a clone is at work)" held transfer
	clone --no-start
	rc_is 3 "A2 9.6: another one into the same directory is refused"
	like "$err" "\(pid ${HELD}\)" "A2 9.6: it names who is at work there"
	rm -f "$T/hold"
	wait "$HELD"
	is "$?" 0 "A2 9.6: the first one is not disturbed"
}

# The server began it, and nobody has heard so.
lost_start() {
	local v
	for v in $(old 9.3 "9.0 9.5"); do
		primary "$v" --cut
		clone --no-start
		rc_is 4 "B3 $v: the answer to the start is lost"
		ok "B3 $v: the backup that began all the same is ended" \
		    asks "SELECT pg_stop_backup"
		ok "B3 $v: the primary is not in backup mode" \
		    test ! -e "$T/p/backup_label"
		ok "B3 $v: nothing is left" test ! -e "$T/s"
	done
}

slow_checkpoint() {
	primary 9.2 --slow
	clone --no-start -t 12s --progress=line
	rc_is 6 "B1 9.2: a checkpoint that takes too long ends at --timeout"
	like "$err" "waiting for checkpoint" "B1 9.2: what is waited for"
	ok "B1 9.2: nothing is left" test ! -e "$T/s"
	ok "B1 9.2: the primary is not in backup mode" \
	    test ! -e "$T/p/backup_label"
}

from_standby() {
	local v
	for v in $(old 9.5 9.1); do
		primary "$v" --recovery
		clone --no-start
		rc_is 3 "A11 $v: a standby is no source"
		like "$err" "Clone from the primary" "A11 $v: what to do"
		ok "A11 $v: nothing is left" test ! -e "$T/s"
	done
}

archive() {
	primary 9.6 --archive failing
	clone --no-start
	rc_is 3 "B27 9.6: a failing archive is refused"
	ok "B27 9.6: before the backup" asks_not "SELECT pg_start_backup"
	primary 9.6 --archive hang
	clone --no-start -t 15s --progress=line -S db2 -C
	rc_is 6 "B27 9.6: --timeout ends the wait"
	like "$err" "waiting for the archive" "B27 9.6: what is waited for"
	ok "B27 9.6: the backup is void" \
	    test ! -e "$T/s/global/pg_control"
	ok "B27 9.6: and not stopped again" \
	    test "$(asked "FROM pg_stop_backup")" = 1
	ok "B27 9.6: the slot is gone" asks pg_drop_replication_slot
}

# A minute: the bound of the wait.
archive_hangs() {
	primary 9.3 --archive hang
	clone --no-start -t 200s --progress=line
	rc_is 0 "B27 9.3: the wait is cancelled, and the clone is good"
	is "$(grep -c "waiting for the archive" <<<"$err")" 5 \
	    "B27 9.3: a line each 10 s"
	like "$err" "has not archived its last WAL" "B27 9.3: it is said"
	ok "B27 9.3: with its WAL" segments_are 000000010000000000000002
	ok "B27 9.3: and its label" test -s "$T/s/backup_label"
}

# --- the same cluster ---------------------------------------------------------

identity() {
	local v other=6066000000000000001
	for v in $(old 9.0 9.5); do
		primary "$v" --system "$other"
		clone --no-start
		rc_is 5 "A5 $v: the directory is of another cluster than SQL"
		like "$err" "$other" "A5 $v: both are told"
		ok "A5 $v: before the backup" asks_not "SELECT pg_start_backup"
	done
	for v in $(old 9.2 9.6); do
		primary "$v" --upstream "$other"
		clone --no-start --no-slot --upstream="host=127.0.0.1
		    port=${PORT[upstream]} user=postgres"
		rc_is 3 "$v: --upstream of another cluster is refused"
		like "$err" "--upstream.*is another cluster" "$v: and said"
		ok "$v: before the backup" asks_not "SELECT pg_start_backup"
	done
	for v in $(old 9.2 9.5); do
		primary "$v"
		ok "$v: killed" killed transfer
		echo "set primary {\"system\": \"$other\"}" >&8
		poll_until 10 grep -q ok "$T/ports"
		clone --cleanup
		rc_is 3 "$v: --cleanup on another cluster is refused"
		ok "$v: nothing is ended there" asks_not "SELECT pg_stop_backup"
		like "$err" "another cluster" "$v: and said"
	done
	primary 9.3
	clone --no-start
	rc_is 0 "9.3: a clone"
	becomes primary "$other"
	rm "$T/s/recovery.conf"
	clone --conf-only
	rc_is 3 "9.3: --conf-only for another cluster is refused"
	ok "9.3: nothing is written" test ! -e "$T/s/recovery.conf"
}

# becomes NODE ID: another cluster behind the same address.
becomes() {
	local n
	n=$(grep -c ok "$T/ports")
	echo "set $1 {\"system\": \"$2\"}" >&8
	poll_until 10 eval "[ \$(grep -c ok '$T/ports') -gt $n ]"
}

# No replication login: SQL alone does not tell who it is.
unproven() {
	local v name at o
	for v in $(old 9.3 "9.0 9.5"); do
		name="$v, no replication login"
		primary "$v"
		ok "$name: killed at transfer" killed transfer
		becomes primary ""
		clone --cleanup
		rc_is 0 "$name: --cleanup, the agent tells who it is"
		ok "$name: the backup is ended" test ! -e "$T/p/backup_label"

		primary "$v"
		ok "$name: killed again" killed transfer
		becomes primary ""
		clone --cleanup --agent="$T/absent"
		rc_is 0 "$name: the label of the note is a proof as well"
		ok "$name: the backup is ended" test ! -e "$T/p/backup_label"

		primary "$v"
		ok "$name: killed once more" killed transfer
		cp "$T/s/.standby-clone.state" "$T/kept"
		primary "$v" # ours does not run there
		mkdir -p "$T/s/global"
		mv "$T/kept" "$T/s/.standby-clone.state"
		becomes primary ""
		clone --cleanup --agent="$T/absent"
		rc_is 3 "$name: none runs, and nobody tells who it is: refused"
		like "$err" "may be of another cluster" "$name: it says why"
		like "$err" "hint: .*pg_hba.conf.*--source-pgdata.*--force" \
		    "$name: and what would help"
		ok "$name: the note stays" \
		    grep -q label "$T/s/.standby-clone.state"
		clone --cleanup --agent="$T/absent" --force
		rc_is 0 "$name: --force"
	done
	primary 9.4
	# Behind the backup: no label is there as a proof.
	killed stopped -S db2 -C
	ok "9.4, a slot: killed at stopped" test ! -e "$T/p/backup_label"
	becomes primary ""
	clone --cleanup --agent="$T/absent"
	rc_is 3 "9.4, a slot: nobody tells who it is: refused"
	ok "9.4, a slot: it stays" asks_not pg_drop_replication_slot
	for o in "1795326980 5432" "1795327001 5432" "1795326999 5433" ""; do
		# shellcheck disable=SC2086	# two words
		if [ -n "$o" ]; then pid_file 9.4 $o; else pid_file 9.0; fi
		clone --cleanup
		rc_is 3 "9.4, a slot: SQL is another server, ${o:-perhaps}"
		like "$err" "that of another server" "9.4, a slot: it is told"
		ok "9.4, a slot: it stays" asks_not pg_drop_replication_slot
	done
	pid_file 9.4 1795326999 5432
	clone --cleanup
	rc_is 0 "9.4, a slot: the agent tells it"
	ok "9.4, a slot: it is dropped" asks pg_drop_replication_slot
	primary 9.5 --upstream same
	at="host=127.0.0.1 port=${PORT[upstream]} user=postgres"
	ok "9.5, a slot upstream: killed at transfer" killed transfer \
	    --upstream="$at" -S db2 -C
	becomes primary ""
	becomes upstream 6066000000000000001
	for o in "" --force; do
		clone --cleanup --upstream="$at" --agent="$T/absent" \
		    ${o:+"$o"}
		rc_is 3 "9.5, a slot upstream: another cluster than noted${o:+, $o}"
		like "$err" "another cluster than the one of slot" \
		    "9.5, a slot upstream: it is told"
		ok "9.5, a slot upstream: it stays" \
		    asks_not pg_drop_replication_slot
	done
	becomes upstream ""
	clone --cleanup --upstream="$at"
	rc_is 3 "9.5, a slot upstream: nobody tells who that is: refused"
	ok "9.5, a slot upstream: it stays" asks_not pg_drop_replication_slot
	clone --cleanup --upstream="$at" --force
	rc_is 0 "9.5, a slot upstream: --force"
	ok "9.5, a slot upstream: it is dropped" asks pg_drop_replication_slot
}

# Later than where a clone asks first: each task compares by itself.
identity_later() {
	local v own other=6066000000000000001 at
	for v in $(old 9.3 "9.0 9.5"); do
		primary "$v"
		ok "A5 $v: (a clone has looked at everything)" held preflight
		becomes primary "$other"
		rm -f "$T/hold"
		wait "$HELD"
		is "$?" 3 "A5 $v: another cluster answers when the backup is to start"
		ok "A5 $v: it is not started" asks_not "SELECT pg_start_backup"
		ok "A5 $v: nothing is left" test ! -e "$T/s"
		primary "$v"
		ok "B24 $v: killed at transfer" killed transfer
		becomes primary "$other"
		clone --cleanup
		rc_is 3 "B24 $v: --cleanup asks another cluster"
		ok "B24 $v: nothing is ended there" test -e "$T/p/backup_label"
	done
	primary 9.3 --upstream same
	at="host=127.0.0.1 port=${PORT[upstream]} user=postgres"
	clone --no-start --no-slot --upstream="$at"
	rc_is 0 "9.3: a clone that will stream from another one"
	becomes upstream "$other"
	rm "$T/s/recovery.conf"
	clone --conf-only --upstream="$at"
	rc_is 3 "9.3: --conf-only, --upstream is another cluster"
	ok "9.3: nothing is written for it" test ! -e "$T/s/recovery.conf"
	primary 9.5 --upstream same
	at="host=127.0.0.1 port=${PORT[upstream]} user=postgres"
	own=$(sed -n '/"upstream"/,$s/.*"system": "\([0-9]*\)".*/\1/p' "$T/scenario")
	ok "B34 9.5: killed with a slot upstream" killed transfer \
	    --upstream="$at" -S db2 -C
	becomes upstream "$other"
	clone --cleanup --upstream="$at"
	rc_is 3 "B34 9.5: --cleanup, --upstream is another cluster"
	ok "B34 9.5: no slot is dropped there" asks_not pg_drop_replication_slot
	becomes upstream "$own"
	clone --cleanup --upstream="$at"
	rc_is 0 "B34 9.5: --cleanup with the right one"
	ok "B34 9.5: the slot is dropped" asks pg_drop_replication_slot
}

# --- step 7 -------------------------------------------------------------------

# started VERSION TITLE [OPTION OF clone_old.py]...: a clone that starts its
# server: a process of that look, and a stub for its SQL.  APP is its name.
APP=db2
started() {
	local v=$1 title=$2 port
	shift 2
	port=$(port_of_ours)
	rm -rf "$T/sock" && mkdir "$T/sock"
	PLANT=(--conf "port = $port" --conf "unix_socket_directory = '$T/sock'")
	primary "$v" --standby "$T/sock,$port" "$@"
	PLANT=()
	cat >"$T/start" <<-END
	#!/bin/sh
	STANDBY_PORT=$port STANDBY_SOCKET=$T/sock
	export STANDBY_PORT STANDBY_SOCKET
	exec /usr/bin/python3 '$FAKE/standby_old.py' $v '$T/s' ${title:+"'$title'"}
	END
	mkdir -p "$T/bin"
	# shellcheck disable=SC2016	# the script's own $1
	printf '#!/bin/sh\n[ "$1" = --version ] &&\n    %s\n' \
	    "echo 'postgres (PostgreSQL) $v.20'" >"$T/bin/postgres"
	chmod +x "$T/start" "$T/bin/postgres"
	clone --pg-bindir="$T/bin" --start-command="$T/start" -t 20s \
	    --application-name="$APP"
	touch "$T/s/stop"
	poll_until 20 test ! -e "$T/s/postmaster.pid" || kill_now \
	    "$(head -n 1 "$T/s/postmaster.pid")"
}

streams() {
	local receiver='postgres: wal receiver process  '
	started 9.0 ""
	rc_is 0 "9.0: streams, by what its server has received"
	ok "9.0: an idle primary is asked to write something" asks txid_current
	ok "9.0: a standby is not" asks 'WHEN NOT pg_is_in_recovery() THEN txid_current()'
	started 9.0 "$receiver streaming 0/3000060" --stuck
	rc_is 0 "9.0: streams, by the title of its receiver"
	started 9.0 "$receiver" --stuck
	rc_is 7 "C7 9.0: a receiver that gets nothing does not stream"
	like "$err" "has received nothing" "C7 9.0: and that is said"
	started 9.0 "" --stuck
	rc_is 7 "C7 9.0: no receiver"
	like "$err" "No WAL receiver process" "C7 9.0: and that is said"
	APP=$'\xeb\x8c\x80\xea\xb8\xb0'
	started 9.1 "" --stuck --sender '??????'
	rc_is 0 "9.1: known among the senders by what is left of its name"
	started 9.1 "" --stuck --sender '?????'
	rc_is 7 "9.1: another one is not taken for it"
	APP=db2
}

FUNCTIONS="golden names_of_segments wal_that_is_gone slots
    slot_of_a_failed_clone foreign_backup killed_runs next_runs
    unseen_labels two_at_once lost_start from_standby identity
    identity_later unproven streams"
[ -z "${STANDBY_TEST_WORLD-}" ] ||
    FUNCTIONS+=" slow_checkpoint archive archive_hangs"
# shellcheck disable=SC2048	# a list of names either way
for f in ${*:-$FUNCTIONS}; do
	note "== $f"
	$f
done
done_testing
