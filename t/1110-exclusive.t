#!/bin/bash
# Goal: exclusive backups (9.0-9.5; forced on 10-14).  Whatever happens to the
# run or to the primary, the backup ends and the primary has no backup_label of
# ours: by the run itself after a signal or a lost session, by --cleanup after
# SIGKILL (faults B3, B24), by what is printed after a crash of the primary
# (B5).  A foreign backup is never touched (B2), and who may not read the label
# is told what to type, not that none runs.
#
# Short: 12, few phases.  STANDBY_TEST_WORLD=1: 10-14, every phase, for a
# superuser and for a plain role, with and without --label.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

WORLD=${STANDBY_TEST_WORLD:-0}
NOTE=.standby-clone.backup
TEXT='밤 "nightly"'
UUID='[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'

label_of() { sed -n 's/^LABEL: //p' "$T/x/backup_label" 2>/dev/null; }
no_label() { [ ! -e "$T/x/backup_label" ]; }

# as ROLE OPTION...: the command as it is typed again, without words on the slot.
as() {
	local role=$1 o
	local -a all=()
	shift
	clone_args x y
	for o in "${CLONE[@]}"; do
		case $o in
		--slot=*|--create-slot) ;;
		postgres) all+=("$role") ;;
		*) all+=("$o") ;;
		esac
	done
	CLONE=("${all[@]}")
	run "${CLONE[@]}" "$@"
}

# held PHASE [OPTION]...: the command stands there.
held() {
	local phase=$1
	shift
	clone_paused "$phase" x y --exclusive-backup "$@" && return
	fail "$phase is reached"
	clone_wait
	return 1
}

killed() {
	kill -KILL "$CLONE_PID"
	clone_resume
	clone_wait
	poll_until 30 no_agents
	poll_until 30 no_clones
}

signalled() { # signalled SIGNAL
	kill -"$1" "$CLONE_PID"
	clone_wait
	clone_resume
	poll_until 30 no_agents
}

fresh() {
	forget y
	drop_slots x >/dev/null
	no_label || pg_sql x "SELECT pg_stop_backup()" >/dev/null
}

runs_at() {
	case $1 in
	backup|manifest|plan|marked|removed|transfer|transferred|control) ;;
	*) return 1 ;;
	esac
}

ended() { # ended NAME
	ok "$1: the primary has no backup_label" no_label
	ok "$1: no note is left" test ! -e "$T/y/$NOTE"
}

# --- SIGKILL, then --cleanup

# kill_at PHASE ROLE [--label=TEXT]
kill_at() {
	local phase=$1 role=$2 name want="^standby-clone $UUID\$"
	shift 2
	name="B24: SIGKILL at $phase, $role${1:+, $1}"
	[ $# -eq 0 ] || want="^$TEXT standby-clone $UUID\$"
	fresh
	held "$phase" -U "$role" "$@" || return
	killed
	if runs_at "$phase"; then
		like "$(label_of)" "$want" "$name: the backup runs on"
		ok "$name: the target tells of it" grep -q "^label .*$(
		    label_of | grep -Eo "$UUID")" "$T/y/$NOTE"
	else
		ok "$name: none runs" no_label
	fi
	as "$role" --cleanup
	rc_is 0 "$name: --cleanup"
	ended "$name"
	case $phase in
	sealed|unmarked) ;;
	*) is "$(pg_slots x)" "" "$name: no slot is left" ;;
	esac
}

kills() {
	local phase role
	if [ "$WORLD" != 1 ]; then
		kill_at noted plain
		kill_at backup plain "--label=$TEXT"
		kill_at transfer postgres "--label=$TEXT"
		kill_at stopped plain
		return
	fi
	for phase in slot noted backup manifest plan marked removed transfer \
	    transferred control stopped conf label synced sealed unmarked; do
		for role in postgres plain; do
			kill_at "$phase" "$role"
			kill_at "$phase" "$role" "--label=$TEXT"
		done
	done
}

# The server completes a start whose client is gone.
starting() {
	local role=$1 sig=$2 name code
	name="B3: SIG$sig while the start waits for the checkpoint, $role"
	fresh
	# shellcheck disable=SC2046	# pids
	freeze x $(children x checkpointer)
	clone_args x y
	"${CLONE[@]}" --exclusive-backup -U "$role" >"$T/.bg.out" \
	    2>"$T/.bg.err" 3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	ok "$name: it waits" poll_until 60 pg_is x "SELECT count(*) > 0
	    FROM pg_stat_activity WHERE query LIKE 'SELECT pg_start_backup%'
	    AND application_name = 'standby-clone' AND state = 'active'" t
	if [ "$sig" = KILL ]; then
		killed
		thaw x
		ok "$name: the server completes it" poll_until 60 label_of_any
		as "$role" --cleanup
		rc_is 0 "$name: --cleanup"
	else
		kill -"$sig" "$CLONE_PID"
		clone_wait
		thaw x
		code=143
		[ "$sig" = TERM ] || code=129
		is "$rc" "$code" "$name: exit status"
		unlike "$err" 'left behind' "$name: nothing is left behind"
		pg_sql x CHECKPOINT
	fi
	ended "$name"
}
label_of_any() { ! no_label; }

starts() {
	local sig
	for sig in KILL TERM; do
		starting plain "$sig"
		[ "$WORLD" != 1 ] || starting postgres "$sig"
	done
}

# --- signals and a lost session

code_of() {
	case $1 in
	INT) echo 130 ;;
	TERM) echo 143 ;;
	HUP) echo 129 ;;
	esac
}

signal_at() {
	local sig=$1 phase=$2 role=$3 name="B23: SIG$1 at $2, $3"
	fresh
	held "$phase" -U "$role" || return
	signalled "$sig"
	is "$rc" "$(code_of "$sig")" "$name: exit status"
	ended "$name"
	is "$(pg_slots x)" "" "$name: no slot is left"
	unlike "$err" 'left behind.*backup' "$name: no backup is left behind"
}

signals() {
	local sig phase
	if [ "$WORLD" != 1 ]; then
		signal_at HUP backup plain
		signal_at TERM transfer postgres
		signal_at INT stopped plain
		return
	fi
	for phase in noted backup manifest plan marked transfer transferred \
	    control stopped; do
		for sig in HUP INT TERM; do
			signal_at "$sig" "$phase" postgres
			signal_at "$sig" "$phase" plain
		done
	done
}

lost_session() {
	local name="B4: the session is terminated, $1"
	fresh
	held transfer -U "$1" || return
	pg_sql x "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE application_name = 'standby-clone'" >/dev/null
	clone_resume
	clone_wait
	rc_is 4 "$name"
	like "$err" 'backup is void' "$name: says so"
	ended "$name"
}

sessions() {
	lost_session plain
	[ "$WORLD" != 1 ] || lost_session postgres
}

# --- foreign backups

# The time of a backup is known to the second.
later() {
	local began
	began=$(pg_sql x "SELECT extract(epoch FROM pg_backup_start_time())")
	poll_until 10 pg_is x "SELECT extract(epoch FROM now()) > $began + 1" t
}

foreign_begins() {
	if ! no_label; then
		later
		pg_sql x "SELECT pg_stop_backup()" >/dev/null
	fi
	pg_sql x "SELECT pg_start_backup('theirs', true)" >/dev/null
	FOREIGN=$(cksum <"$T/x/backup_label")
}

untouched() { # untouched NAME
	is "$(cksum <"$T/x/backup_label" 2>/dev/null)" "$FOREIGN" \
	    "$1: the foreign backup goes on"
}

foreign_first() {
	local role name
	fresh
	foreign_begins
	for role in postgres plain; do
		name="B2: a foreign backup runs, $role"
		as "$role" --exclusive-backup
		rc_is 3 "$name: a clone is refused"
		like "$err" 'runs on the source already' "$name: before it begins"
		untouched "$name"
		ok "$name: nothing is left in the target" test ! -e "$T/y"
		as "$role" --cleanup
		rc_is 0 "$name: --cleanup"
		like "$err" '"theirs"' "$name: --cleanup names it"
		untouched "$name, --cleanup"
	done
}

# foreign_at PHASE ROLE HOW: theirs takes the place of ours while we stand there.
foreign_at() {
	local phase=$1 role=$2 how=$3 name="B2: a foreign one at $1, $2, $3"
	fresh
	held "$phase" -U "$role" || return
	foreign_begins
	case $how in
	goes-on)
		clone_resume
		clone_wait
		if runs_at "$phase" || [ "$phase" = slot ] ||
		    [ "$phase" = noted ]; then
			isnt "$rc" 0 "$name: the clone fails"
			ok "$name: it is not sealed" \
			    test ! -e "$T/y/global/pg_control"
		fi ;;
	TERM)
		signalled TERM
		is "$rc" 143 "$name: exit status" ;;
	KILL)
		killed ;;
	esac
	untouched "$name"
	as "$role" --cleanup
	untouched "$name, --cleanup"
	ok "$name: no note is left" test ! -e "$T/y/$NOTE"
}

foreign() {
	local phase how role
	foreign_first
	if [ "$WORLD" != 1 ]; then
		foreign_at transfer plain goes-on
		foreign_at backup postgres TERM
		foreign_at plan plain KILL
		fresh
		return
	fi
	for phase in slot noted backup manifest plan marked transfer \
	    transferred control stopped conf; do
		for role in postgres plain; do
			for how in goes-on TERM KILL; do
				foreign_at "$phase" "$role" "$how"
			done
		done
	done
	fresh
}

# --- what cannot be ended, or be told

json() { /usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1" <<<"$out"; }

stop_denied() {
	local name="a stop that is denied" label
	fresh
	held transfer -U plain --json || return
	pg_sql x "REVOKE EXECUTE ON FUNCTION pg_stop_backup() FROM plain"
	label=$(label_of)
	signalled TERM
	is "$rc" 7 "$name: a person must act"
	is "$(json '[len([l for l in d["left_behind"] if "'"$label"'" in l and
	    what in l]) for what in ("may still be in backup mode",
	    "SELECT pg_stop_backup()", "with: standby-clone --cleanup")]')" \
	    "[1, 1, 1]" "$name: left_behind says what, and what to type"
	is "$(label_of)" "$label" "$name: the backup runs"
	as plain --cleanup
	rc_is 4 "$name: --cleanup of the same role"
	like "$err" 'hint: .*SELECT pg_stop_backup\(\)' "$name: and says it again"
	ok "$name: the note stays" test -e "$T/y/$NOTE"
	as postgres --cleanup
	rc_is 0 "$name: --cleanup of a superuser"
	ended "$name"
	pg_sql x "GRANT EXECUTE ON FUNCTION pg_stop_backup() TO plain"
}

# The stop waits before it has ended anything (for a lock on the catalog that it
# is looked up in) and is cancelled after its minute: the backup is not over.
stop_blocked() {
	local name="a stop that is cancelled before it runs" label
	local -a to
	fresh
	[ "$WORLD" = 1 ] || return 0
	held stop || return
	label=$(label_of)
	coproc LOCK { pg_psql x 2>&1; }
	to=("${LOCK[@]}")
	kill_later "$LOCK_PID"
	echo "BEGIN; LOCK TABLE pg_catalog.pg_proc;
	    SELECT 'locked';" >&"${to[1]}"
	ok "$name: it waits" grep -m 1 -q locked <&"${to[0]}"
	clone_resume
	clone_wait
	eval "exec ${to[1]}>&- ${to[0]}<&-"
	is "$rc" 7 "$name: a person must act"
	like "$err" "left behind.*$label" "$name: it is told what runs on"
	ok "$name: the copy is not sealed" test ! -e "$T/y/global/pg_control"
	ok "$name: the note stays" test -e "$T/y/$NOTE"
	is "$(label_of)" "$label" "$name: the backup runs on"
	as postgres --cleanup
	rc_is 0 "$name: --cleanup"
	ended "$name"
}

# The note proves that what runs is of the run that was killed here.
next_run() {
	local role=$1 name="B24: the next run after SIGKILL, $1" label
	fresh
	held transfer -U "$role" || return
	killed
	label=$(label_of)
	as "$role" --exclusive-backup --dry-run
	rc_is 0 "$name: --dry-run"
	like "$err" "\"$label\" .* would be ended" "$name: --dry-run says it"
	is "$(label_of)" "$label" "$name: --dry-run does nothing"
	cp "$T/y/$NOTE" "$T/note"
	sed -i 's/^server_started .*/server_started 1/' "$T/y/$NOTE"
	as "$role" --exclusive-backup
	rc_is 3 "$name: it is refused when the primary is another process"
	is "$(label_of)" "$label" "$name: and the backup runs on"
	cat "$T/note" >"$T/y/$NOTE"
	as "$role" --exclusive-backup
	rc_is 0 "$name"
	like "$err" "\"$label\" ended" "$name: it says what it has ended"
	ok "$name: it streams" poll_until 30 pg_streams y
	ended "$name"
}

next_runs() {
	next_run plain
	[ "$WORLD" != 1 ] || next_run postgres
	fresh
}

# The command that is shown is the whole of it.
shown() {
	local name="a backup of a run that left no note here" cmd
	fresh
	held transfer -U postgres || return
	killed
	forget y
	as postgres --exclusive-backup
	rc_is 3 "$name: a clone is refused"
	like "$err" 'an exclusive backup of standby-clone runs' \
	    "$name: whose it is"
	cmd=$(typed standby-clone)
	like "$cmd" "^standby-clone --cleanup .*-D $T/y( |\$)" \
	    "$name: what to type"
	run bash -c "${cmd/#standby-clone/$STANDBY_CLONE}"
	rc_is 0 "$name: it is typed"
	ended "$name"
}

# Nothing here tells of the run, which may go on elsewhere.
alive() {
	local name="another standby-clone is connected" label
	local -a to
	fresh
	held backup -U plain || return
	killed
	label=$(label_of)
	forget y
	coproc OTHER { PGAPPNAME=standby-clone pg_psql x 2>&1; }
	to=("${OTHER[@]}")
	kill_later "$OTHER_PID"
	echo "SELECT 'there';" >&"${to[1]}"
	ok "$name: it is" grep -m 1 -q there <&"${to[0]}"
	as plain --cleanup
	rc_is 3 "$name: --cleanup"
	like "$err" "$label.* another standby-clone: " "$name: it says so"
	unlike "$err" 'is not ours' "$name: and does not disown the backup"
	is "$(label_of)" "$label" "$name: the backup runs"
	eval "exec ${to[1]}>&- ${to[0]}<&-"
	poll_until 30 gone "$OTHER_PID"
	as plain --cleanup
	rc_is 0 "$name: --cleanup when it has gone"
	ended "$name"
}

# A stop waits for the archive, for ever: it is cancelled after its minute, and
# the backup is over.
unarchived() {
	local name="nothing is archived"
	[ "$WORLD" = 1 ] || return 0
	fresh
	pg_set x "archive_mode = on" "archive_command = 'false'"
	pg_restart x
	held transfer || return
	killed
	as postgres --cleanup
	rc_is 0 "$name: --cleanup"
	like "$err" 'ended; .*archive_command' "$name: it says so"
	ended "$name"
	clone_run x y --exclusive-backup
	rc_is 0 "$name: a clone"
	like "$err" 'not archived its last WAL' "$name: it says so, too"
	ok "$name: the content is equal" oracle_compare x y
	ended "$name, a clone"
	forget y
	pg_set x "archive_mode = off"
	pg_restart x
}

unknown() {
	local name='an unseen label' label sql
	fresh
	held backup -U plain || return
	killed
	label=$(label_of)
	as plain --cleanup --agent="$T/absent"
	rc_is 3 "$name: --cleanup"
	unlike "$err" 'no exclusive backup' "$name: does not say that none runs"
	like "$err" "is \"$label\"" "$name: names the label to look for"
	is "$(label_of)" "$label" "$name: the backup runs"
	ok "$name: the note stays" test -e "$T/y/$NOTE"
	# What is to be typed, as it stands.
	for sql in 'SELECT pg_read_file([^)]*)' 'SELECT pg_stop_backup()'; do
		sql=$(grep -o "$sql" <<<"$err" | head -n 1)
		case $sql in
		*read_file*) like "$(pg_sql x "$sql")" "LABEL: $label" \
			"$name: $sql" ;;
		*stop_backup*) ok "$name: $sql" pg_sql x "$sql" ;;
		*) fail "$name: it is told what to type" ;;
		esac
	done
	as plain --cleanup --agent="$T/absent"
	rc_is 0 "$name: none runs any more, which everybody may ask"
	ended "$name"
}

# --- who does not answer, and who does

# drops: DROPS listens on DROPS_PORT of this host where no connection gets through.
drops() {
	DROPS_PORT=$(port_of_ours)
	/usr/bin/python3 -c 'import signal, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(0)
full = []
for _ in range(8):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(s.getsockname())
    full.append(c)
print("full", flush=True)
signal.pause()' "$DROPS_PORT" >"$T/drops" 3>&- 4>&- &
	DROPS=$!
	kill_later "$DROPS"
	poll_until 20 test -s "$T/drops"
}

silent() {
	local name="no answer" run
	fresh
	held backup || return
	killed
	for run in --cleanup "--cleanup --force"; do
		# shellcheck disable=SC2086	# two words
		as nobody_here $run
		rc_is 4 "$name: $run, a server that refuses the role is there"
		like "$err" 'nobody_here' "$name: $run, what it says is told"
		unlike "$err" 'does not answer|rm ' "$name: $run, and no more"
		ok "$name: $run, the note stays" test -e "$T/y/$NOTE"
	done
	like "$(label_of)" "$UUID" "$name: the backup runs"
	ok "$name: (packets are dropped)" drops
	as postgres --cleanup -p "$DROPS_PORT"
	rc_is 6 "$name: a host that drops packets"
	like "$err" 'noted an exclusive backup .*label "' \
	    "$name: it is said what is noted"
	ok "$name: the note stays" test -e "$T/y/$NOTE"
	as postgres --cleanup --force -p "$DROPS_PORT"
	rc_is 3 "$name: --cleanup --force, and it is not the noted server"
	like "$err" "127.0.0.1:${PG_PORT[x]}, and that server was not asked" \
	    "$name: it says which was not asked"
	is "$(typed standby-clone)" "standby-clone --cleanup --force$(
	    ) --master=127.0.0.1 -p ${PG_PORT[x]} -D $T/y" \
	    "$name: and what to type"
	ok "$name: the note stays all the same" test -e "$T/y/$NOTE"
	sed -i "s/^source .*/source 127.0.0.1:$DROPS_PORT/" "$T/y/$NOTE"
	as postgres --cleanup --force -p "$DROPS_PORT" --json
	rc_is 0 "$name: gone for ever: --cleanup --force"
	like "$err" 'does not answer' "$name: it says so"
	like "$err" "backup \".*$UUID\" on 127.0.0.1:$DROPS_PORT: not looked at" \
	    "$name: and what was not looked at"
	like "$err" "hint: .*rm '$T/x/backup_label'" \
	    "$name: and what to type if it comes back"
	like "$(/usr/bin/python3 -c 'import json, sys
print(json.load(sys.stdin)["left_behind"])' <<<"$out")" "$UUID" \
	    "$name: --json: it is left behind"
	ok "$name: no note stays" test ! -e "$T/y/$NOTE"
	kill_now "$DROPS"
	as postgres --cleanup
	rc_is 0 "$name: --cleanup of what runs all the same"
	ended "$name"
}

# --- the primary crashes

typed() { # typed WORD: the command, to the end of a hint's line of the last run
	sed -n "s/.*hint: .*: \($1 .*\)/\1/p" <<<"$err" | head -n 1
}

crash() {
	local removed=$1 name="B5: the primary crashes" pid wal cmd
	[ "$removed" = no ] || name+=", and the label's WAL is removed"
	fresh
	held transfer || return
	pg_sql x "CREATE TABLE crash_$removed AS SELECT 1 AS a"
	pg_sql x "SELECT pg_switch_wal()" >/dev/null
	pg_sql x "INSERT INTO crash_$removed VALUES (2)"
	pg_sql x "CHECKPOINT"
	pg_sql x "SELECT pg_switch_wal()" >/dev/null
	pg_sql x "INSERT INTO crash_$removed VALUES (3)"
	pg_sql x "CHECKPOINT"
	wal=$(sed -n 's/.*(file \([0-9A-F]*\)).*/\1/p' "$T/x/backup_label")
	pid=$(pg_pid x)
	kill -KILL "$pid"
	pg_dead x "$pid"
	clone_resume
	clone_wait
	is "$rc" 7 "$name: a person must look"
	ok "$name: the label is there" test -e "$T/x/backup_label"
	cmd=$(typed rm)
	is "$cmd" "rm '$T/x/backup_label'" "$name: what to type is printed"
	if [ "$removed" = yes ]; then
		rm "$T/x/pg_wal/$wal"
		ok "$name: the primary does not start" pg_refuses x
		like "$(cat "$T/x.refused")" 'checkpoint record|backup_label' \
		    "$name: for that"
		eval "$cmd"
	fi
	ok "$name: it starts" pg_start x
	is "$(pg_sql x "SELECT count(*), pg_is_in_backup(), pg_is_in_recovery()
	    FROM crash_$removed")" '3|f|f' "$name: as a primary, with its data"
	as postgres --cleanup
	rc_is 0 "$name: --cleanup"
	ended "$name"
	clone_run x y --exclusive-backup
	rc_is 0 "$name: the clone can be made again"
	ok "$name: the content is equal" oracle_compare x y
	ended "$name, again"
}

# killed_first: the run is dead when the primary crashes, and tells nothing.
killed_first() {
	local name='B5: killed, then the primary crashes' pid cmd run
	fresh
	held transfer || return
	killed
	pid=$(pg_pid x)
	kill -KILL "$pid"
	pg_dead x "$pid"
	for run in --cleanup --exclusive-backup; do
		as postgres "$run"
		rc_is 4 "$name: $run"
		like "$err" 'noted an exclusive backup .*label "' \
		    "$name, $run: it says what is there"
		cmd=$(typed rm)
		is "$cmd" "rm '$T/x/backup_label'" \
		    "$name, $run: what to type is printed"
	done
	eval "$cmd"
	ok "$name: it starts" pg_start x
	as postgres --cleanup
	rc_is 0 "$name: --cleanup"
	ended "$name"
	held transfer || return
	killed
	pg_stop x immediate
	rm -f "$T/x/backup_label"
	as postgres --cleanup --force
	rc_is 0 "$name: gone for ever: --cleanup --force"
	ok "$name: no note stays" test ! -e "$T/y/$NOTE"
	pg_start x
	as postgres --cleanup
	rc_is 0 "$name: and nothing is left to clean up"
	ended "$name, at the end"
}

crashes() {
	crash no
	crash yes
	killed_first
	[ "$WORLD" = 1 ] || return 0
	local name='B5: the primary crashes and is back at once'
	fresh
	held transfer || return
	pg_restart x immediate
	clone_resume
	clone_wait
	rc_is 4 "$name"
	ended "$name"
}

# --- all is well

whole() {
	local role name
	for role in postgres plain; do
		name="exclusive, $role"
		fresh
		clone_run x y --exclusive-backup -U "$role" "--label=$TEXT"
		rc_is 0 "$name"
		ok "$name: it streams" poll_until 30 pg_streams y
		ok "$name: the content is equal" oracle_compare x y
		ended "$name"
		like "$(cat "$T/y/backup_label.old")" \
		    "LABEL: $TEXT standby-clone $UUID" "$name: the label"
		[ "$WORLD" = 1 ] || break
	done
	fresh
}

setup() {
	pg_init x "$1" >/dev/null || return 1
	if [ "$1" -lt 13 ]; then
		pg_set x "wal_keep_segments = 0"
	else
		pg_set x "wal_keep_size = 0"
	fi
	pg_start x && pg_node y "$1" &&
	    pg_sql x "CREATE TABLE t AS SELECT i FROM generate_series(1, 5000) i;
		CREATE ROLE plain LOGIN REPLICATION;
		GRANT pg_read_all_settings TO plain;
		GRANT EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean),
		    pg_stop_backup(), pg_stop_backup(boolean, boolean) TO plain"
}

all=(whole kills starts signals sessions foreign next_runs shown alive
    stop_denied stop_blocked unarchived unknown silent crashes)
[ $# -eq 0 ] || all=("$@")

majors=12
[ "$WORLD" != 1 ] || majors='10 11 12 13 14'
for m in ${STANDBY_TEST_MAJORS:-$majors}; do
	if [ "$m" -gt 14 ] || ! pg_bin "$m" >/dev/null; then
		skip "$m" "it has no exclusive backup, or is not installed"
		continue
	fi
	setup "$m" || bail "the primary does not start"
	for f in "${all[@]}"; do
		note "==== $m $f"
		start=$SECONDS
		"$f"
		note "==== $m $f: $((SECONDS - start)) s"
		[ -z "$CLONE_PID" ] || gone "$CLONE_PID" ||
		    kill -KILL "$CLONE_PID"
		clone_resume
		[ -n "$(pg_pid x)" ] || pg_start x || bail "the primary is gone"
	done
	ok "$m: no agent process is left" poll_until 10 no_agents
	ok "$m: the primary is not in backup mode" pg_no_backup x
	forget y
	forget x
done

done_testing
