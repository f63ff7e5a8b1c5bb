# shellcheck shell=bash
# shellcheck disable=SC2154	# T is set by tap.sh
#
# Real PostgreSQL servers for the tests: any major that share/getting-servers
# installed, or that Debian's packages have.  A node is a name; its directory
# is $T/NAME, its port is fixed for its life, and both are told to the server
# on the command line, so that a copied postgresql.conf does no harm.
#
#	pg_init p 15 && pg_start p && pg_sql p "SELECT 1" && pg_stop p

# Never the configuration of who runs the tests.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGDATA PGSERVICE PGPASSFILE \
    PGPASSWORD PGOPTIONS PGSERVICEFILE PGCLUSTER

: "${PGSERVERS:=/var/cache/standby-tools/pgsql}"
declare -A PG_MAJOR PG_PORT
PG_SOCK=$T/sock
mkdir -p "$PG_SOCK"

# pg_bin MAJOR: the directory of that server's programs, 1 when there is none.
pg_bin() {
	local d
	for d in "$PGSERVERS/$1/bin" "/usr/lib/postgresql/$1/bin"; do
		[ -x "$d/postgres" ] && { echo "$d"; return; }
	done
	return 1
}

# pg_client PROGRAM: the newest client program; the relocatable servers have
# none.  (Not Debian's wrapper, which looks for clusters of its own.)
pg_client() {
	local d
	for d in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
		[ -x "$d/$1" ] && { echo "$d/$1"; return; }
	done
	command -v "$1"
}

PSQL=$(pg_client psql) || skip_all "psql is not installed"

# pg_majors: the majors to test.  The short set, or all with
# STANDBY_TEST_WORLD=1, or STANDBY_TEST_MAJORS; those that are installed.
pg_majors() {
	local m all='10 12 15 18'
	[ "${STANDBY_TEST_WORLD:-0}" = 1 ] && all='10 11 12 13 14 15 16 17 18'
	for m in ${STANDBY_TEST_MAJORS:-$all}; do
		pg_bin "$m" >/dev/null && echo "$m"
	done
}

# pg_few [MORE]...: the majors where one is enough: 15, or the newest where it
# is not installed, and of MORE those that are; with STANDBY_TEST_WORLD=1 all.
# STANDBY_TEST_MAJORS as it is: who asks for one that is missing has to see it.
pg_few() {
	local m first=15
	if [ -n "${STANDBY_TEST_MAJORS-}" ]; then
		tr -s ' \t' '\n' <<<"$STANDBY_TEST_MAJORS"
	elif [ "${STANDBY_TEST_WORLD:-0}" = 1 ]; then
		pg_majors
	else
		pg_bin 15 >/dev/null || first=$(pg_majors | tail -n 1)
		echo "$first"
		for m; do
			[ "$m" = "$first" ] || ! pg_bin "$m" >/dev/null ||
			    echo "$m"
		done
	fi
}

pg_dir() { echo "$T/$1"; }

# pg_node NAME MAJOR: a node whose directory somebody else makes (a clone).
pg_node() {
	PG_MAJOR[$1]=$2
	PG_PORT[$1]=${PG_PORT[$1]:-$(port_of_ours)}
	pg_scripts "$1"
}

# Programs that start and stop the node, for --start-command: a single word.
pg_scripts() {
	local bin at=$T/$1
	bin=$(pg_bin "${PG_MAJOR[$1]}") || return 1
	at=${at//\'/\'\\\'\'}
	cat >"$T/$1.start" <<-END
		#!/bin/sh
		exec '$bin/pg_ctl' -D '$at' -l '$at.log' -w -t 60 \\
		    -o '-p ${PG_PORT[$1]} -k $PG_SOCK' start 3>&- 4>&-
	END
	cat >"$T/$1.stop" <<-END
		#!/bin/sh
		exec '$bin/pg_ctl' -D '$at' -w -t 60 -m "\${1:-fast}" stop
	END
	chmod 0700 "$T/$1.start" "$T/$1.stop"
}

# pg_init NAME MAJOR [INITDB OPTION]...
pg_init() {
	local name=$1 major=$2 bin
	shift 2
	bin=$(pg_bin "$major") || return 1
	pg_node "$name" "$major"
	"$bin/initdb" -U postgres -A trust -E UTF8 --locale=C -N \
	    -D "$T/$name" "$@" 3>&- || return 1
	cat >>"$T/$name/postgresql.conf" <<-'END'

		# --- t/lib/pg.sh
		listen_addresses = '127.0.0.1'
		unix_socket_directories = ''
		fsync = off
		wal_level = replica
		max_wal_senders = 10
		max_replication_slots = 10
		hot_standby = on
		wal_log_hints = on
		max_connections = 30
		shared_buffers = '32MB'
		checkpoint_timeout = '30s'
		max_wal_size = '512MB'
		wal_receiver_status_interval = '1s'
		wal_retrieve_retry_interval = '200ms'
		log_line_prefix = '%m [%p] %a '
		log_min_messages = 'info'
		logging_collector = off
		cluster_name = ''
		allow_in_place_tablespaces = on
	END
}

# pg_set NAME "setting = value"...: into postgresql.conf.
pg_set() {
	local name=$1
	shift
	printf '%s\n' "$@" >>"$T/$name/postgresql.conf"
}

pg_start() { "$T/$1.start"; }

# pg_up NAME MAJOR [INITDB OPTION]...
pg_up() { pg_init "$@" && pg_start "$1"; }

# pg_stop NAME [fast|immediate|smart]
pg_stop() { "$T/$1.stop" "${2:-fast}" 3>&- 4>&-; }

pg_restart() { pg_stop "$1" "${2:-fast}" && pg_start "$1"; }
pg_reload() { kill -HUP "$(pg_pid "$1")"; }

# pg_pid NAME: the running postmaster's pid; only if it is this directory's.
pg_pid() {
	local pid
	pid=$(head -n 1 "$T/$1/postmaster.pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$T/$1" ] &&
	    echo "$pid"
}

# pg_nobody NAME: no process works in its directory.
pg_nobody() {
	[ -z "$(find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' \
	    -lname "$T/$1" 2>/dev/null)" ]
}

# pg_dead NAME PID: that postmaster was killed; returns when nothing is left
# that would keep another one from starting there or at its port.
pg_dead() { poll_until 30 pg_nobody "$1" && poll_until 30 reaped "$2"; }

# pg_sql NAME [PSQL OPTION]... SQL: unaligned, tuples only, stop on error.
pg_sql() {
	local name=$1
	shift
	"$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 \
	    -p "${PG_PORT[$name]}" -U postgres -d postgres \
	    "${@:1:$#-1}" -c "${*: -1}" 3>&- 4>&-
}

# pg_psql NAME [PSQL OPTION]...: for scripts on standard input.
pg_psql() {
	local name=$1
	shift
	"$PSQL" -X -q -A -t -h 127.0.0.1 -p "${PG_PORT[$name]}" -U postgres \
	    -d postgres "$@" 3>&- 4>&-
}

pg_is() { [ "$(pg_sql "$1" "$2")" = "$3" ]; }

# pg_wait_replay STANDBY PRIMARY [SECONDS]: all that is written is replayed.
# A commit first: only what is flushed is sent, and what is not made by a
# transaction (VACUUM, unlogged relations) waits for the next flush.
pg_wait_replay() {
	local lsn
	# Unlike that of a bare xid this commit is flushed, and all before it.
	lsn=$(pg_sql "$2" "SELECT pg_logical_emit_message(true, '', '')") &&
	    lsn=$(pg_sql "$2" "SELECT pg_current_wal_flush_lsn()") || return 1
	poll_until "${3:-60}" pg_is "$1" \
	    "SELECT pg_last_wal_replay_lsn() >= '$lsn'::pg_lsn" t
}

# pg_streams STANDBY: a receiver lives and says so.
pg_streams() {
	pg_is "$1" "SELECT count(*) FROM pg_stat_wal_receiver
	    WHERE status = 'streaming'" 1
}

# pg_detach STANDBY: no WAL receiver any more.  The one of this build of 10
# dies by SIGSEGV when it is told to end, which restarts the standby and so
# undoes a promotion; without a receiver promotion works.
pg_detach() {
	[ "${PG_MAJOR[$1]}" = 10 ] || return 0
	pg_stop "$1" && sed -i '/^primary_conninfo/d' "$T/$1/recovery.conf" &&
	    pg_start "$1"
}

# pg_promote NAME [SECONDS]
pg_promote() {
	pg_detach "$1" || return 1
	"$(pg_bin "${PG_MAJOR[$1]}")/pg_ctl" -D "$T/$1" -w -t "${2:-60}" \
	    promote 3>&- 4>&- || return 1
	poll_until "${2:-60}" pg_is "$1" "SELECT pg_is_in_recovery()" f
}

# pg_refuses NAME: PostgreSQL does not start on that directory as it is.
pg_refuses() {
	local bin
	bin=$(pg_bin "${PG_MAJOR[$1]}")
	if "$bin/pg_ctl" -D "$T/$1" -l "$T/$1.refused" -w -t 30 \
	    -o "-p ${PG_PORT[$1]} -k $PG_SOCK" start 3>&- 4>&-; then
		pg_stop "$1" immediate
		return 1
	fi
}

# pg_in_backup NAME: 0 when a backup is in progress.  Exclusive ones are a
# file; a non-exclusive one shows only as the session that holds it, so the
# sessions of the tools count.
pg_in_backup() {
	[ -e "$T/$1/backup_label" ] && return 0
	pg_is "$1" "SELECT count(*) > 0 FROM pg_stat_activity
	    WHERE application_name LIKE 'standby-clone%'
	       OR query ~ 'pg_(start_backup|backup_start)\('
	      AND pid <> pg_backend_pid()" t
}

pg_no_backup() { ! pg_in_backup "$1"; }

# pg_slots NAME: names of the slots, one line each.
pg_slots() {
	pg_sql "$1" "SELECT slot_name FROM pg_replication_slots ORDER BY 1"
}

# --- processes that stand still

declare -A FROZEN=()		# pids by node

# children NODE REGEX: pids of the processes of a node by their title.
children() { pgrep -P "$(pg_pid "$1")" -f -- "$2"; }

# freeze NODE [PID...]: SIGSTOP to all of its processes, or those named.
freeze() {
	local n=$1 pid
	shift
	if [ $# -eq 0 ]; then
		pid=$(pg_pid "$n") || return 1
		kill -STOP "$pid"
		# shellcheck disable=SC2046	# pids
		set -- "$pid" $(pgrep -P "$pid")
	fi
	FROZEN[$n]+=" $*"
	kill -STOP "$@" 2>/dev/null
	return 0
}

thaw() {
	# shellcheck disable=SC2086	# pids
	[ -z "${FROZEN[$1]-}" ] || kill -CONT ${FROZEN[$1]} 2>/dev/null
	FROZEN[$1]=
}

thaw_nodes() {
	local n
	for n in "${!FROZEN[@]}"; do thaw "$n"; done
}

pg_end() {
	local name pid
	local -a pids=()
	for name in "${!PG_MAJOR[@]}"; do
		pid=$(pg_pid "$name") || continue
		kill -QUIT "$pid" 2>/dev/null && pids+=("$pid")
	done
	[ ${#pids[@]} -eq 0 ] || kill_now "${pids[@]}"
}
at_exit pg_end
at_exit thaw_nodes
