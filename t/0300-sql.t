#!/bin/bash
#
# Goal: the SQL side of a clone on real servers of each major: what is read of
# a server, backup start and stop in both modes, what happens when the session
# or the program dies, slots, the errors of connecting, and the standby's own
# server.  t/helpers/sqlprobe runs the library, one step after the other.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"

SQLPROBE=$TOP_BUILDDIR/t/helpers/sqlprobe
[ -x "$SQLPROBE" ] || bail "$SQLPROBE is not built"
LABEL='standby-clone 0f8fad5b-d9cb-469f-a165-70867728950e'
TEMP=standby_clone_0f8fad5b
export HOME=$T			# no .pgpass of the user

# probe NODE WORD...: as superuser; sets $rc, $out, $err.
probe() {
	local node=$1
	shift
	run "$SQLPROBE" "$(info "$node" postgres)" "$@"
}

info() { echo "host=127.0.0.1 port=${PG_PORT[$1]} user=$2 dbname=postgres"; }

# val NAME: the value of that line of $out.
val() { sed -n "s/^$1 //p" <<<"$out" | head -n 1; }

# hold NODE WORD...: in the background with an open standard input; returns
# when it holds.  Sets $held.
hold() {
	local node=$1
	shift
	rm -f "$T/held.in" "$T/held.out"
	mkfifo "$T/held.in"
	"$SQLPROBE" "$(info "$node" postgres)" "$@" hold \
	    <"$T/held.in" >"$T/held.out" 2>"$T/held.err" 3>&- 4>&- &
	held=$!
	kill_later "$held"
	exec 9>"$T/held.in"
	poll_until 30 grep -q '^holding' "$T/held.out"
}

# held_end: wait for it; sets $rc, $out, $err.
held_end() {
	wait "$held"
	rc=$?
	exec 9>&-
	out=$(cat "$T/held.out")
	err=$(cat "$T/held.err")
}

held_backend() { sed -n 's/^backend //p' "$T/held.out"; }

# logged NODE TEXT: how often the server's log says it.
logged() { grep -c -- "$2" "$T/$1.log"; }

# --- steps, each for one major --------------------------------------------

probe_superuser() {
	local m=$1
	probe p probe
	rc_is 0 "$m: probe works"
	is "$(($(val version) / 10000))" "$m" "$m: the version is known"
	is "$(val data_directory)" "$T/p" "$m: the data directory is known"
	is "$(val system_identifier)" "$(pg_sql p \
	    'SELECT system_identifier FROM pg_control_system()')" \
	    "$m: the system identifier is known"
	is "$(val timeline) $(val position)" '1 1' \
	    "$m: timeline and position are known"
	is "$(val may_backup) $(val superuser)" '1 1' "$m: rights are known"
	is "$(val wal_segment_size) $(val block_size) $(val segment_size)" \
	    '16777216 8192 131072' "$m: sizes are in bytes and blocks"
	is "$(val fsync) $(val data_directory_mode)" '0 0700' \
	    "$m: settings are read"
	like "$out" "^tablespace ts $T/ts$m\$" "$m: tablespaces are read"
	local id
	id=$(val system_identifier)
	probe p identify
	is "$(val system_identifier) $(val timeline) $(val lsn_known)" \
	    "$id 1 1" "$m: IDENTIFY_SYSTEM says the same"
}

session_settings() {
	local m=$1 s
	pg_psql p <<-'END'
		CREATE SCHEMA evil;
		CREATE FUNCTION evil.pg_is_in_recovery() RETURNS boolean
		    LANGUAGE sql AS 'SELECT 1/0 > 0';
		ALTER ROLE postgres SET search_path = evil, pg_catalog;
		ALTER ROLE postgres SET statement_timeout = '20min';
		ALTER ROLE postgres SET lock_timeout = '20min';
		ALTER ROLE postgres SET
		    idle_in_transaction_session_timeout = '20min';
		ALTER ROLE postgres SET idle_session_timeout = '20min';
		ALTER ROLE postgres SET transaction_timeout = '20min';
	END
	probe p query 5000 "SELECT count(*) FROM pg_settings
	    WHERE name LIKE '%\_timeout' AND setting = '1200000'"
	is "$(val row)" 0 "$m: no timeout of the role holds in our sessions"
	s=$(pg_sql p "SELECT count(*) FROM pg_settings
	    WHERE name LIKE '%\_timeout' AND setting = '1200000'")
	isnt "$s" 0 "$m: they do hold in others"
	probe p query 5000 "SHOW search_path"
	is "$(val row)" pg_catalog "$m: search_path is pg_catalog"
	probe p probe
	rc_is 0 "$m: a function in the role's search_path is not called"
	pg_sql p 'ALTER ROLE postgres RESET ALL'
}

deadline_cancels() {
	local m=$1
	probe p query 300 "SELECT pg_sleep(600)"
	rc_is 6 "$m: a statement that is late ends with the timeout status"
	is "$(val session)" usable "$m: the session can be used afterwards"
	is "$(pg_sql p "SELECT count(*) FROM pg_stat_activity
	    WHERE query LIKE 'SELECT pg_sleep(600)%'")" 0 \
	    "$m: and the server has ended the statement"
}

# asleep SECONDS: how many server processes sleep that long.
asleep() {
	pg_sql p "SELECT count(*) FROM pg_stat_activity
	    WHERE query = 'SELECT pg_sleep($1)' AND state = 'active'"
}
rows() { sed -n 's/^row //p' <<<"$out" | xargs; }
is_asleep() { [ "$(asleep "$1")" -gt 0 ]; }

# What is asked in one round trip ends as what is asked by itself does: a slot
# that is being made must not appear when we have looked for it and gone.
asked_ahead() {
	local m=$1
	probe p ahead 5000 "SELECT 1/0" "SELECT 'two'"
	is "$rc $(rows)" '0 22012 two usable' \
	    "$m: two in one round trip: an error of the first is not the second's"
	probe p ahead 300 "SELECT 'one'" "SELECT pg_sleep(601)"
	is "$rc $(rows | sed 's/^one //')" '6 usable' \
	    "$m: one that is late ends with the timeout status, in a good session"
	like "$err" 'The statement was: SELECT pg_sleep.601' \
	    "$m: and is the one that is named"
	is "$(asleep 601)" 0 "$m: and the server has ended it"
	"$SQLPROBE" "$(info p postgres)" ahead 60000 "SELECT pg_sleep(602)" \
	    "SELECT 'two'" >"$T/held.out" 2>"$T/held.err" 3>&- 4>&- &
	held=$!
	kill_later "$held"
	ok "$m: (one runs)" poll_until 30 is_asleep 602
	kill -TERM "$held"
	wait "$held"
	is "$?" 143 "$m: a signal ends the run"
	is "$(asleep 602)" 0 "$m: and the statement"
}

backup_in_session() {
	local m=$1
	probe p open start stop end
	rc_is 0 "$m: backup start and stop"
	is "$(val label)" "$LABEL" "$m: the label is ours"
	is "$(val label_start)" "$(val start)" \
	    "$m: the label's position is the one that start told"
	is "$(val from) $(val exclusive) $(val ahead)" 'primary 0 1' \
	    "$m: not exclusive, from a primary, which has moved on"
	like "$(val map)" "^[0-9]+ $T/ts$m\$" "$m: tablespace_map is there"
	ok "$m: no backup_label on the server" test ! -e "$T/p/backup_label"
}

# Paths are bytes: a database in EUC_KR must not turn them into UTF-8.
map_is_bytes() {
	local m=$1 dir
	dir=$T/k$m-$(printf '\260\241')
	mkdir "$dir"
	pg_sql p "CREATE DATABASE euc TEMPLATE template0 ENCODING 'EUC_KR'
	    LC_COLLATE 'C' LC_CTYPE 'C'"
	PGCLIENTENCODING=EUC_KR "$PSQL" -X -q -h 127.0.0.1 \
	    -p "${PG_PORT[p]}" -U postgres -d euc \
	    -c "CREATE TABLESPACE k LOCATION '$dir'" 3>&- 4>&-
	run "$SQLPROBE" "$(info p postgres | sed s/dbname=postgres/dbname=euc/)" \
	    open start stop end
	rc_is 0 "$m: backup over a database in EUC_KR"
	ok "$m: the path in tablespace_map has its bytes" \
	    grep -aq "$(printf 'k%s-\260\241$' "$m")" "$T/.out"
	pg_sql p 'DROP TABLESPACE k'
	pg_sql p 'DROP DATABASE euc'
}

backup_exclusive() {
	local m=$1
	probe p open start-exclusive stop end
	rc_is 0 "$m: backup start and stop with exclusive asked for"
	if [ "$m" -ge 15 ]; then
		is "$(val exclusive)" 0 "$m: has no exclusive mode any more"
		return
	fi
	is "$(val exclusive)" 1 "$m: it was exclusive"
	ok "$m: backup_label is gone" test ! -e "$T/p/backup_label"

	hold p open start-exclusive
	ok "$m: exclusive: backup_label is in the data directory" \
	    grep -q "LABEL: $LABEL" "$T/p/backup_label"
	probe p probe
	is "$(val exclusive_running)" 1 "$m: probe sees it"
	probe p open start-exclusive
	rc_is 3 "$m: a second exclusive backup is refused"
	like "$err" "$LABEL" "$m: and names the label of the first"
	ok "$m: which still runs" test -e "$T/p/backup_label"
	kill -TERM "$held"
	held_end
	is "$rc" 143 "$m: SIGTERM ends the run"
	ok "$m: and the exclusive backup" test ! -e "$T/p/backup_label"

	hold p open start-exclusive
	pg_sql p "SELECT pg_terminate_backend($(held_backend))"
	held_end
	is "$rc" 4 "$m: exclusive: a lost session ends the run"
	ok "$m: exclusive: the backup is stopped over another session" \
	    test ! -e "$T/p/backup_label"

	hold p open start-exclusive
	pg_restart p immediate
	held_end
	is "$rc" 4 "$m: exclusive: a crashed primary ends the run"
	like "$err" 'backup_label' "$m: which says what may keep it down"
	is "$(pg_sql p 'SELECT pg_is_in_backup()')" f \
	    "$m: it is not in backup mode"
}

session_dies() {
	local m=$1 n
	n=$(logged p 'aborting backup')
	hold p open slot n0 auto start
	is "$(pg_slots p)" "$TEMP" "$m: a temporary slot covers the copy"
	kill -KILL "$held"
	held_end
	poll_until 20 pg_no_backup p
	is "$(logged p 'aborting backup')" "$((n + 1))" \
	    "$m: SIGKILL of the program: the server aborts the backup"
	poll_until 20 pg_is p 'SELECT count(*) FROM pg_replication_slots' 0
	is "$(pg_slots p)" '' "$m: and the slot is gone"

	hold p open start
	pg_sql p "SELECT pg_terminate_backend($(held_backend))"
	held_end
	is "$rc" 4 "$m: the ping finds a lost session"
	like "$err" '\[backup-lost\]' "$m: and calls the backup void"
}

slots() {
	local m=$1 first
	probe p open slot n1 auto start permanent
	rc_is 0 "$m: slot made for a backup"
	is "$(val reserved) $(val temporary) $(val existed) $(val covers)" \
	    '1 1 0 1' "$m: it covers the copy from before its start"
	is "$(pg_slots p)" n1 "$m: only the permanent slot is left"
	is "$(pg_sql p "SELECT restart_lsn::text FROM pg_replication_slots")" \
	    "$(val restart)" "$m: at the position that is told"
	first=$(val restart)

	probe p open slot n1 auto start permanent
	rc_is 0 "$m: an inactive slot is reused"
	is "$(val temporary) $(val existed) $(val made) $(val restart)" \
	    "0 1 0 $first" "$m: and left at its position"
	probe p open slot n1 auto start permanent nonsense
	rc_is 2 "$m: a run that fails afterwards"
	is "$(pg_slots p)" n1 "$m: does not drop a slot that it found"

	pg_sql p "SELECT pg_create_physical_replication_slot('n2')"
	probe p open slot n2 must-exist start permanent
	rc_is 0 "$m: an empty slot that exists is set"
	is "$(val covers)" 1 "$m: to where the backup starts"
	pg_sql p "SELECT pg_drop_replication_slot('n2')"

	probe p open slot n3 auto start permanent nonsense
	rc_is 2 "$m: a run fails after it made its slot"
	is "$(pg_slots p)" n1 "$m: which is dropped"

	probe p open slot n1 must-create
	rc_is 3 "$m: -C with a slot that exists is refused"
	probe p open slot nn must-exist
	rc_is 3 "$m: -S with a slot that does not exist is refused"
	probe p open slot nn none
	is "$(val reserved)" 0 "$m: --no-slot reserves nothing"
	hold p open slot n4 auto start
	probe p open slot "$TEMP" auto
	rc_is 3 "$m: an active slot is refused"
	like "$err" 'is active' "$m: and the message says so"
	kill "$held"
	held_end
	pg_sql p "SELECT pg_drop_replication_slot('n1')"
}

slot_lost() {
	local m=$1
	[ "$m" -ge 13 ] || return 0
	pg_sql p "SELECT pg_create_physical_replication_slot('n5', true)"
	pg_sql p "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'"
	pg_sql p "ALTER SYSTEM SET wal_keep_size = 0"
	pg_sql p "ALTER SYSTEM SET max_wal_size = '32MB'"
	pg_reload p
	for _ in 1 2 3 4 5 6; do
		pg_sql p "CREATE TABLE w AS SELECT 1; DROP TABLE w"
		pg_sql p "SELECT pg_switch_wal()"
	done
	pg_sql p CHECKPOINT
	is "$(pg_sql p 'SELECT wal_status FROM pg_replication_slots')" lost \
	    "$m: a slot has lost its WAL"
	pg_psql p <<-'END'
		ALTER SYSTEM RESET max_slot_wal_keep_size;
		ALTER SYSTEM RESET wal_keep_size;
		ALTER SYSTEM RESET max_wal_size;
	END
	pg_reload p
	probe p open slot n5 auto start permanent
	rc_is 0 "$m: such a slot is taken"
	is "$(val remade) $(val covers)" '1 1' "$m: after it was made again"
	pg_sql p "SELECT pg_drop_replication_slot('n5')"
}

slots_full() {
	local m=$1 i
	for i in 1 2 3 4 5 6 7 8 9; do
		pg_sql p "SELECT pg_create_physical_replication_slot('f$i')"
	done
	probe p open slot n6 auto start permanent
	rc_is 0 "$m: room for one slot only: the permanent one covers the copy"
	is "$(val temporary) $(val made) $(val covers)" '0 1 1' \
	    "$m: without a temporary one"
	pg_sql p "SELECT pg_drop_replication_slot('n6')"
	pg_sql p "SELECT pg_create_physical_replication_slot('f10')"
	probe p open slot n6 auto
	is "$rc $(val reserved)" '0 0' "$m: no free slot: WAL is to be fetched"
	probe p open slot n6 must-create
	rc_is 3 "$m: no free slot with -C is refused"
	pg_sql p 'SELECT pg_drop_replication_slot(slot_name)
	    FROM pg_replication_slots'
}

unprivileged() {
	local m=$1 grant
	pg_sql p 'CREATE ROLE repl LOGIN REPLICATION'
	run "$SQLPROBE" "$(info p repl)" probe
	rc_is 0 "$m: probe by a role without rights"
	is "$(val may_backup) $(val replication) $(val data_directory)" \
	    '0 1 (null)' "$m: what it may not see is unknown"
	run "$SQLPROBE" "$(info p repl)" open start
	rc_is 4 "$m: it may not start a backup"
	grant=$(sed -n 's/^hint: As a superuser: \(GRANT .*\)/\1/p' <<<"$err")
	isnt "$grant" '' "$m: the hint says what to grant"
	pg_sql p "$grant"
	pg_sql p 'GRANT pg_monitor TO repl'
	run "$SQLPROBE" "$(info p repl)" probe open slot r1 auto start \
	    permanent stop end
	rc_is 0 "$m: with that and pg_monitor it can do all of it"
	is "$(val may_backup) $(val data_directory) $(val covers)" \
	    "1 $T/p 1" "$m: and see the data directory"
	pg_sql p "SELECT pg_drop_replication_slot('r1')"
}

connect_errors() {
	local m=$1
	pg_sql p "CREATE ROLE pw LOGIN PASSWORD 'x'"
	cp "$T/p/pg_hba.conf" "$T/hba"
	cat >"$T/p/pg_hba.conf" <<-'END'
		host all pw 127.0.0.1/32 md5
		host all postgres 127.0.0.1/32 trust
	END
	pg_reload p
	pg_sql p 'SELECT 1'
	run "$SQLPROBE" "$(info p repl)" probe
	rc_is 4 "$m: no entry in pg_hba.conf"
	like "$err" '"host postgres repl 127.0.0.1/32 scram-sha-256' \
	    "$m: the hint is the line to add"
	run "$SQLPROBE" "$(info p repl)" identify
	like "$err" '"host replication repl 127.0.0.1/32 scram-sha-256' \
	    "$m: for replication, too"
	run "$SQLPROBE" "$(info p pw)" probe
	rc_is 4 "$m: no password"
	like "$err" "127.0.0.1:${PG_PORT[p]}:[*]:pw:PASSWORD" \
	    "$m: the hint is the line of .pgpass"
	run "$SQLPROBE" "$(info p pw) password=Can4ry" probe
	unlike "$err$out" Can4ry "$m: a password is not told"
	cat "$T/hba" >"$T/p/pg_hba.conf"
	pg_reload p
	run "$SQLPROBE" "host=127.0.0.1 port=1 user=postgres" probe
	rc_is 4 "$m: nobody listens"
	like "$err" 'pg_isready -h 127.0.0.1 -p 1$' "$m: the hint says look"
}

is_running() {
	local m=$1 pid
	pid=$(pg_pid p)
	probe p running "$T/p"
	is "$(val running) $(val pid)" "1 $pid" "$m: a server runs"
	mv "$T/p/postmaster.pid" "$T/pidfile"
	probe p running "$T/p"
	is "$(val running)" 1 "$m: it does without postmaster.pid, too"
	mv "$T/pidfile" "$T/p/postmaster.pid"
	cp "$T/p/postmaster.pid" "$T/pidfile"
	probe p stop-server "$T/p" "$(pg_bin "$m")"
	rc_is 0 "$m: pg_ctl stops it"
	probe p running "$T/p"
	is "$(val running)" 0 "$m: it does not run any more"
	cp "$T/pidfile" "$T/p/postmaster.pid"
	probe p running "$T/p"
	is "$(val running)" 0 "$m: a left-over postmaster.pid is no server"
	sed -i "1s/.*/$$/" "$T/p/postmaster.pid"
	probe p running "$T/p"
	is "$(val running)" 0 "$m: nor is another program with that pid"
	echo '?' >"$T/p/postmaster.pid"
	probe p running "$T/p"
	is "$(val running)" 1 "$m: a file that says nothing may be one"
	rm "$T/p/postmaster.pid"
	run "$SQLPROBE" "" bindir "${m}0000" "$(pg_bin "$m")"
	is "$rc $(val bindir)" "0 $(pg_bin "$m")" "$m: programs of the major"
	is "$(($(val minor) / 10000))" "$m" "$m: and their version"
	run "$SQLPROBE" "" bindir 90600 "$(pg_bin "$m")"
	rc_is 3 "$m: programs of another major are refused"
}

# The primary is stopped here: a cold copy becomes a standby.
make_standby() {
	local m=$1 conf=$T/s/postgresql.conf
	pg_node s "$m"
	cp -a "$T/p" "$T/s"
	printf '%s\n' "port = ${PG_PORT[s]}" "unix_socket_directories = '$PG_SOCK'" \
	    >>"$conf"
	if [ "$m" -ge 12 ]; then
		touch "$T/s/standby.signal"
		echo "primary_conninfo = '$(info p postgres) application_name=sb'" \
		    >>"$conf"
		echo "primary_slot_name = 'sb'" >>"$conf"
	else
		cat >"$T/s/recovery.conf" <<-END
			standby_mode = 'on'
			primary_conninfo = '$(info p postgres) application_name=sb'
			primary_slot_name = 'sb'
			recovery_target_timeline = 'latest'
		END
	fi
	rm -f "$T/s/pg_tblspc"/*
	pg_start p
}

# It costs 15 s, and no version is different.
server_hangs() {
	local m=$1
	hold s open start
	kill -STOP "$(held_backend)"
	poll_until 40 gone "$held"
	kill -CONT "$(held_backend)"
	held_end
	is "$rc" 4 "$m: a backup whose server process hangs is void"
	like "$err" 'no answer for 10 s' "$m: after 10 s"
}

standby() {
	local m=$1 bin
	bin=$(pg_bin "$m")
	pg_sql p "DROP TABLESPACE ts"
	probe p stop-server "$T/p" "$bin"
	make_standby "$m"
	PGPORT=1 PGPASSWORD=Can4ry probe p start-server "$T/s" "$bin" \
	    "$T/s.log" ''
	rc_is 0 "$m: pg_ctl starts the standby"
	ok "$m: the password is not in its environment" \
	    test "$(tr '\0' '\n' <"/proc/$(pg_pid s)/environ" | grep -c Can4ry)" = 0
	probe p wait "$T/s" "$T/s.log" 'user=postgres dbname=postgres' 2000
	rc_is 7 "$m: a standby whose slot is missing does not stream"
	# The receiver of this build of 10 crashes when it is told to end; then
	# the log says so, and the standby has no time to say more.
	missing='The primary has no slot|does not exist'
	[ "$m" != 10 ] || missing+='|terminated by signal 11'
	like "$err" "$missing" "$m: the message says what is missing"
	like "$err" '^hint: Make the slot on the primary' \
	    "$m: the hint says what to type"
	pg_sql p "SELECT pg_create_physical_replication_slot('sb', true)"
	probe p wait "$T/s" "$T/s.log" 'user=postgres dbname=postgres' 60000
	rc_is 0 "$m: it streams when the slot is there"
	is "$(val streaming) $(val login) $(val far_enough)" '1 1 1' \
	    "$m: so says the standby itself"
	status_facts "$m"
	probe s open start stop
	rc_is 0 "$m: a standby can be the source of a backup"
	is "$(val from)" standby "$m: and its label says so"
	probe s open start-exclusive
	rc_is "$([ "$m" -ge 15 ] && echo 0 || echo 3)" \
	    "$m: but not of an exclusive one"
	[ "$m" = 15 ] && server_hangs "$m"
	probe p wait "$T/s" "$T/s.log" 'user=nobody dbname=postgres' 60000
	is "$rc $(val streaming) $(val login) $(val far_enough)" '0 1 0 1' \
	    "$m: without a login there the sender row decides"
	like "$(val login_error)" 'role "nobody" does not exist' \
	    "$m: and the login's error is told"
	probe p stop-server "$T/s" "$bin"
	rc_is 0 "$m: the standby is stopped"
	echo 'max_connections = 8' >>"$T/s/postgresql.conf"
	echo 'max_wal_senders = 2' >>"$T/s/postgresql.conf"
	probe p start-server "$T/s" "$bin" "$T/s.log" ''
	rc_is 7 "$m: a standby with too few connections does not start"
	like "$err" "^hint: Raise (that|the) setting" \
	    "$m: and the hint says why"
	probe p start-server "$T/s" "$bin" "$T/s.log" 'echo no; exit 3'
	rc_is 7 "$m: a start command that fails is found out"
	like "$err" 'status 3' "$m: with its status"
}

# col FACT N [ROW]: that column, from 1, of a row of $out.
col() { sed -n "s/^$1|//p" <<<"$out" | sed -n "${3:-1}p" | cut -d'|' -f"$2"; }

# known N...: each of these columns of status-node has a value.
known() {
	local n
	for n; do [ "$(col status-node "$n")" != - ] || return 1; done
}

# What repl-status asks, of a primary and of a standby, by a superuser, by
# pg_monitor and by nobody in particular.
status_facts() {
	local m=$1 id late=-
	[ "$m" -lt 12 ] || late=0
	id=$(pg_sql p 'SELECT system_identifier FROM pg_control_system()')
	pg_sql p 'CREATE ROLE plain LOGIN'
	pg_sql p 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor'
	pg_wait_replay s p
	poll_until 20 pg_is s "SELECT latest_end_lsn IS NOT NULL
	    FROM pg_stat_wal_receiver" t
	run "$SQLPROBE" "$(info p plain)" fact status-node
	is "$(val rows) $(col status-node 1) $(col status-node 7)" '1 f -' \
	    "$m: status-node of a primary, for every role"
	ok "$m: clock, position, start are known" known 2 3 8
	is "$(col status-node 12) $(col status-node 13)" 'plain 1' \
	    "$m: the role and the timeline, too"
	run "$SQLPROBE" "$(info s plain)" fact status-node
	is "$(val rows) $(col status-node 1) $(col status-node 7)" '1 t f' \
	    "$m: status-node of a standby"
	ok "$m: clock, both positions, start are known" known 2 4 5 8
	is "$(col status-node 3) $(col status-node 11) $(col status-node 13)" \
	    "- $late -" "$m: it writes nothing, delay is known from 12"
	like "$(col status-node 6)" '^[0-9]{10}\.[0-9]{6}$' \
	    "$m: the last replayed commit has a time"
	pg_sql s 'SELECT pg_wal_replay_pause()'
	run "$SQLPROBE" "$(info s plain)" fact status-node
	is "$(col status-node 7)" t "$m: a paused replay is seen"
	run "$SQLPROBE" "$(info s postgres)" fact resume-replay
	poll_until 10 pg_is s 'SELECT pg_is_wal_replay_paused()' f
	run "$SQLPROBE" "$(info s plain)" fact status-node
	is "$(col status-node 7)" f "$m: the hint's statement resumes it"

	run "$SQLPROBE" "$(info p monitor)" fact status-senders
	is "$(val rows) $(col status-senders 2) $(col status-senders 3)" \
	    '1 sb 127.0.0.1' "$m: status-senders, by pg_monitor"
	is "$(col status-senders 4) $(col status-senders 5)" 'streaming async' \
	    "$m: state and sync state"
	is "$(col status-senders 6) $(col status-senders 9)" \
	    "$(pg_sql p 'SELECT sent_lsn || chr(32) || replay_lsn
	    FROM pg_stat_replication')" "$m: sent and replayed position"
	if [ "$m" -ge 12 ]; then
		like "$(col status-senders 11)" '^-?[0-9]+\.[0-9]{6}$' \
		    "$m: seconds since the last reply"
	else
		is "$(col status-senders 11)" - "$m: no time of a reply"
	fi
	run "$SQLPROBE" "$(info p plain)" fact status-senders
	is "$(val rows) $(col status-senders 2) $(col status-senders 4)" \
	    '1 sb -' "$m: the row is there for others, without its values"

	run "$SQLPROBE" "$(info s monitor)" fact status-receiver
	is "$(val rows) $(col status-receiver 1) $(col status-receiver 2)" \
	    '1 streaming 1' "$m: status-receiver, by pg_monitor"
	is "$(col status-receiver 4)" \
	    "$(pg_sql s 'SELECT pg_last_wal_receive_lsn()')" \
	    "$m: the flushed position"
	like "$(col status-receiver 5)" '^[0-9A-F]+/[0-9A-F]+$' \
	    "$m: the end as last heard"
	like "$(col status-receiver 6) $(col status-receiver 7)" \
	    '^[0-9]+\.[0-9]{6} [0-9]+\.[0-9]{6}$' "$m: since when, in seconds"
	is "$(col status-receiver 8)" sb "$m: the slot"
	like "$(col status-receiver 11)" 'application_name=sb' \
	    "$m: the connection"
	run "$SQLPROBE" "$(info s plain)" fact status-receiver
	is "$(val rows) $(col status-receiver 1) $(col status-receiver 11)" \
	    '1 - -' "$m: the row is there for others, without its values"
	run "$SQLPROBE" "$(info p plain)" fact status-receiver
	is "$(val rows)" 0 "$m: a primary has no receiver"

	run "$SQLPROBE" "$(info p plain)" fact status-slots
	is "$(val rows) $(col status-slots 1) $(col status-slots 2)" '1 sb f' \
	    "$m: status-slots, by every role"
	is "$(col status-slots 3) $(col status-slots 4) $(col status-slots 5)" \
	    't f f' "$m: active, not temporary, not synced"
	is "$(col status-slots 6)" "$(pg_sql p 'SELECT pid
	    FROM pg_stat_replication')" "$m: used by the sender"
	is "$(col status-slots 8)" \
	    "$([ "$m" -ge 13 ] && echo reserved || echo -)" \
	    "$m: wal_status from 13"

	run "$SQLPROBE" "$(info p plain)" fact status-control
	is "$(col status-control 1) $(col status-control 2)" "$id -" \
	    "$m: status-control of a primary"
	run "$SQLPROBE" "$(info s plain)" fact status-control
	is "$(col status-control 1) $(col status-control 2)" "$id 1" \
	    "$m: status-control of a standby"
	pg_sql p 'REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC'
	run "$SQLPROBE" "$(info p plain)" fact status-control
	rc_is 4 "$m: EXECUTE on it can be revoked"
	run "$SQLPROBE" "$(info p postgres)" fact long-queries
	rc_is 0 "$m: the statement for long queries works"
}

for m in $(pg_majors); do
	ok "$m: initdb" pg_init p "$m"
	echo "port = ${PG_PORT[p]}" >>"$T/p/postgresql.conf"
	mkdir -p "$T/ts$m"
	ok "$m: start" pg_start p
	pg_sql p "CREATE TABLESPACE ts LOCATION '$T/ts$m'"
	probe_superuser "$m"
	session_settings "$m"
	deadline_cancels "$m"
	asked_ahead "$m"
	backup_in_session "$m"
	map_is_bytes "$m"
	backup_exclusive "$m"
	session_dies "$m"
	slots "$m"
	slot_lost "$m"
	slots_full "$m"
	unprivileged "$m"
	connect_errors "$m"
	is_running "$m"
	pg_start p
	standby "$m"
	pg_stop p immediate
	rm -rf "$T/p" "$T/s" "$T/p.log" "$T/s.log"
done

done_testing
