# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# T is set by tap.sh
#
# Three nodes a, b and c, a load that keeps account of every acknowledged row,
# and what must be true when another of them is the primary.  Each node is a
# host of its own to the programs: reached over SSH, its directory operated by
# its agent.  Needs tap.sh, pg.sh, sshd.sh, oracle.sh and clone.sh.
#
#	failover_needs ; failover_up 15 ; failover_conf "$T/conf" ssh
#	load_begin 1 ; load_acked 500		8 clients and the sampler
#	crash a ; promote b ...			OLD and NEW are set by who calls
#	load_acked 300 ; load_end
#	accounts 1 a b "round 1"		nothing lost but what was said
#	failover_down

STANDBY_PROMOTE=$TOP_BUILDDIR/standby-promote
STANDBY_FOLLOW=$TOP_BUILDDIR/standby-follow
WRITERS=$TOP_SRCDIR/t/lib/writers.py
NODES='a b c'
LOAD_PID=
LOAD_DIR=
declare -A SHMS=()
FAILOVER_INITDB=()		# options of initdb
export PYTHONDONTWRITEBYTECODE=1
export HOME=$T			# no .pgpass, no configuration of the user
unset XDG_CONFIG_HOME STANDBY_CONFIG

failover_needs() {
	clone_needs
	[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
	[ -x "$STANDBY_PROMOTE" ] || skip_all "standby-promote is not built"
	[ -x "$STANDBY_FOLLOW" ] || skip_all "standby-follow is not built"
	# What the other hosts' agents read.
	sshd_start hosts -- "SetEnv STANDBY_CONFIG=$T/hosts.conf" ||
	    bail "sshd does not start: $(sshd_log hosts)"
	HOSTS_PORT=${SSHD_PORT[hosts]}
	seed
}

# seed: what is random is the same again with STANDBY_TEST_SEED.
seed() {
	SEED=${STANDBY_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
	RANDOM=$SEED
	diag "STANDBY_TEST_SEED=$SEED"
}

# between LOW HIGH: sets $n.
between() { n=$(($1 + RANDOM % ($2 - $1 + 1))); }

# --- the cluster

failover_conninfo() { # UPSTREAM STANDBY
	echo "host=127.0.0.1 port=${PG_PORT[$1]} user=postgres application_name=$2"
}

# failover_standby NAME UPSTREAM: of the copy $T/cold, with the slot slot_NAME.
failover_standby() {
	local m=${PG_MAJOR[a]} conf=$T/$1/postgresql.auto.conf
	pg_node "$1" "$m"
	cp -a "$T/cold" "$T/$1"
	if [ "$m" -ge 12 ]; then
		touch "$T/$1/standby.signal"
	else
		conf=$T/$1/recovery.conf
		echo "standby_mode = 'on'" >"$conf"
	fi
	cat >>"$conf" <<-END
		primary_conninfo = '$(failover_conninfo "$2" "$1")'
		primary_slot_name = 'slot_$1'
		recovery_target_timeline = 'latest'
	END
	pg_sql "$2" "SELECT pg_create_physical_replication_slot('slot_$1', true)" \
	    >/dev/null
}

# failover_up MAJOR ["setting = value"]...: b and c stream from a.
failover_up() {
	local m=$1 n
	shift
	pg_init a "$m" "${FAILOVER_INITDB[@]}" || return 1
	pg_set a "checkpoint_timeout = '10min'" "max_connections = 60" \
	    "log_error_verbosity = terse" "wal_sender_timeout = '30s'" \
	    "include_if_exists = '$T/shared.conf'" "$@"
	: >"$T/shared.conf"
	pg_start a || return 1
	pg_psql a -v ON_ERROR_STOP=1 <<-'SQL' || return 1
		CREATE TABLE acked (id bigint PRIMARY KEY, round int, pad text);
		CREATE TABLE probe (round int, tick int, node text);
		CREATE TABLE bulk (id int, pad text);
	SQL
	pg_stop a || return 1
	rm -rf "$T/cold"
	cp -a "$T/a" "$T/cold"
	pg_start a || return 1
	failover_standby b a && failover_standby c a || return 1
	rm -rf "$T/cold"
	pg_start b && pg_start c || return 1
	for n in b c; do poll_until 60 pg_streams "$n" || return 1; done
	failover_conf "$T/hosts.conf" ssh operate
}

# failover_conf FILE ssh|here|blind [operate] [OLD]: how the nodes are known.
# ssh: each over the agent of its host; here: all of this host; blind: as here,
# but of OLD only its address is known.
failover_conf() {
	local file=$1 how=$2 operate=false n more sep='' dir
	[ "${3-}" != operate ] || { operate=true; set -- "$1" "$2" "${4-}"; }
	dir=$(pg_bin "${PG_MAJOR[a]}")
	{
		cat <<-END
			cluster = "test";
			defaults : { user = "postgres"; dbname = "postgres";
			  bindir = "$dir"; ssh_user = "$SSHD_USER";
			  ssh_identity = "$SSHD_KEY";
			  known_hosts = "${SSHD_KNOWN[hosts]}"; agent = "$AGENT"; };
			agent : { operate = $operate; };
			clone : { no_sync = true; progress = "none"; };
			promote : { timeout = "60s"; };
			nodes = (
		END
		for n in $NODES; do
			more="slot = \"slot_$n\"; start = \"$T/$n.start\";"
			more+=" stop = \"${FAILOVER_STOP[$n]:-$T/$n.stop}\";"
			if [ "$how" != blind ] || [ "$n" != "${3-}" ]; then
				more+=" pgdata = \"$T/$n\";"
			fi
			[ "$how" != ssh ] ||
			    more+=" ssh = \"$SSHD_USER@127.0.0.1:$HOSTS_PORT\";"
			printf '%s  { name = "%s"; conninfo = "%s"; %s }' "$sep" \
			    "$n" "host=127.0.0.1 port=${PG_PORT[$n]}" "$more"
			sep=$',\n'
		done
		printf '\n);\n'
	} >"$file"
	chmod 0600 "$file"
}
declare -A FAILOVER_STOP=()

failover_down() {
	local n
	load_end
	for n in $NODES; do
		thaw_all
		[ -z "$(pg_pid "$n")" ] || pg_stop "$n" immediate
		rm -rf "${T:?}/$n" "$T/$n.log"
	done
	remove_shms
}

# shared "setting = value"...: of all nodes, in place of those before.
shared() {
	local n
	printf '%s\n' "$@" >"$T/shared.conf"
	for n in $NODES; do
		[ -z "$(pg_pid "$n")" ] || pg_reload "$n"
	done
}

others() { # others NODE...: the nodes that are none of these
	local n m
	for n in $NODES; do
		for m; do [ "$n" != "$m" ] || continue 2; done
		echo "$n"
	done
}

# promote [OPTION]...: --json; sets rc, out, err; jp reads the document.
promote() { run "$STANDBY_PROMOTE" --json "$@"; }

jp() {
	/usr/bin/python3 -c 'import json, sys
try:
    d = json.loads(sys.stdin.read())
    v = eval(sys.argv[1])
    print("none" if v is None else str(v).lower() if v in (True, False) else v)
except Exception as e:
    print("no answer: %r" % e)' "$1" <<<"$out"
}

# lsn TEXT: as a number.
lsn_number() {
	case $1 in
	*/*) echo $((16#${1%/*} << 32 | 16#${1#*/})) ;;
	*) echo 0 ;;
	esac
}

in_recovery() { pg_is "$1" "SELECT pg_is_in_recovery()" t; }
is_writable() { pg_is "$1" "SELECT pg_is_in_recovery()" f; }
timeline_of() { # of a primary
	pg_sql "$1" "SELECT ('x' || substr(pg_walfile_name(
	    pg_current_wal_lsn()), 1, 8))::bit(32)::int"
}

# writable: names of the nodes that take a write now.
writable() {
	local n
	for n in $NODES; do
		pg_sql "$n" -c "SET synchronous_commit = local" \
		    "INSERT INTO probe VALUES (-1, 0, 'writable')" \
		    >/dev/null 2>&1 || continue
		echo "$n"
	done
}

# streams_from STANDBY PRIMARY: both of them say so.
streams_from() {
	pg_streams "$1" &&
	    pg_is "$2" "SELECT count(*) FROM pg_stat_replication
		WHERE application_name IN ('$1', 'slot_$1')
		   OR pid = (SELECT active_pid FROM pg_replication_slots
			WHERE slot_name = 'slot_$1')" 1
}

follows() { # follows NAME STANDBY PRIMARY
	ok "$1" poll_until 60 streams_from "$2" "$3"
}

# --- a host that dies

FROZEN_PIDS=()
thaw_all() {
	[ ${#FROZEN_PIDS[@]} -eq 0 ] || kill -CONT "${FROZEN_PIDS[@]}" 2>/dev/null
	FROZEN_PIDS=()
}
at_exit thaw_all

# stop_sender PRIMARY STANDBY: it sends no more until thaw_all.
stop_sender() {
	local pid
	pid=$(pg_sql "$1" "SELECT pid FROM pg_stat_replication
	    WHERE application_name = '$2' LIMIT 1")
	[ -n "$pid" ] && kill -STOP "$pid" && FROZEN_PIDS+=("$pid")
}

# crash NODE [all]: SIGKILL to the postmaster, or at once to all; returns when
# nobody is left.
crash() {
	local pid kids shm
	pid=$(pg_pid "$1") || return 1
	# Shared memory that nobody will remove when the directory is replaced.
	shm=$(sed -n 7p "$T/$1/postmaster.pid" | awk '{print $2}')
	[ -z "$shm" ] || SHMS[$shm]=$1
	kids=$(pgrep -P "$pid")
	echo "$pid" >"$T/$1.dead"
	if [ "${2-}" = all ]; then
		# shellcheck disable=SC2086	# pids
		kill -KILL "$pid" $kids
	else
		kill -KILL "$pid"
		# Stopped ones cannot see that it is gone.
		[ ${#FROZEN_PIDS[@]} -eq 0 ] || kill -KILL "${FROZEN_PIDS[@]}"
	fi
	FROZEN_PIDS=()
	pg_dead "$1" "$pid"
}

remove_shms() {
	local shm
	for shm in "${!SHMS[@]}"; do
		[ "$(ipcs -m 2>/dev/null | awk -v i="$shm" '$2 == i {print $6}')" \
		    != 0 ] || ipcrm -m "$shm" 2>/dev/null
	done
	SHMS=()
}
at_exit remove_shms

# fence_script: --fence=$T/fence; it looks at the processes of the node that it
# is told, and says no as long as there is one.
fence_script() {
	cat >"$T/fence" <<-END
		#!/bin/sh
		echo "\$STANDBY_NODE \$STANDBY_OLD_PRIMARY \$STANDBY_OLD_PORT" \\
		    >>'$T/fenced'
		for n in $NODES; do
			[ "\$(sed -n "s/^\$n=//p" '$T/ports')" != "\$STANDBY_OLD_PORT" ] ||
			    old=\$n
		done
		[ -n "\$old" ] || exit 3
		! kill -0 "\$(cat '$T/'"\$old.dead")" 2>/dev/null || exit 4
		[ -z "\$(find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' \\
		    -lname '$T/'"\$old" 2>/dev/null)" ] || exit 5
		exit 0
	END
	chmod 0700 "$T/fence"
	: >"$T/fenced"
	local n
	for n in $NODES; do echo "$n=${PG_PORT[$n]}"; done >"$T/ports"
}

# --- the load

load_begin() { # load_begin ROUND [OPTION OF writers.py run]...
	local n
	local -a ports=()
	for n in $NODES; do ports+=("$n=${PG_PORT[$n]}"); done
	LOAD_DIR=$T/load.$1
	rm -rf "$LOAD_DIR"
	/usr/bin/python3 "$WRITERS" run "$LOAD_DIR" "$@" "${ports[@]}" \
	    >"$T/load.log" 2>&1 3>&- 4>&- &
	LOAD_PID=$!
	kill_later "$LOAD_PID"
}

load_rows() { # load_rows [NODE]: lines so far
	if [ $# -eq 0 ]; then
		wc -l <"$LOAD_DIR/acked"
	else
		awk -v n="$1" '$3 == n' "$LOAD_DIR/acked" | wc -l
	fi
}
load_has() {
	local have=$1
	shift
	[ "$(load_rows "$@")" -ge "$have" ]
}

# load_acked N NODE: until that node has acknowledged N rows.
load_acked() { poll_until "${3:-90}" load_has "$1" "$2"; }

# load_more N NODE: N more rows.
load_more() { load_acked $(($(load_rows "$2") + $1)) "$2"; }

load_end() {
	[ -n "$LOAD_PID" ] || return 0
	kill_now "$LOAD_PID"
	LOAD_PID=
}

# row_bytes PRIMARY: WAL of one row and its commit, at least.  Sets ROW_BYTES.
row_bytes() {
	ROW_BYTES=$(/usr/bin/python3 "$WRITERS" weigh "${PG_PORT[$1]}") &&
	    [ "$ROW_BYTES" -gt 100 ]
}

# accounts ROUND OLD NEW: sets A[key], the checker's answers.
declare -A A
accounts() {
	local n line
	local -a ports=()
	for n in $NODES; do
		[ -z "$(pg_pid "$n")" ] || ports+=("$n=${PG_PORT[$n]}")
	done
	A=()
	while IFS= read -r line; do
		note "$line"
		A[${line%%=*}]=${line#*=}
	done < <(/usr/bin/python3 "$WRITERS" check "$LOAD_DIR" "$@" \
	    "${ports[@]}" 2>&1)
	[ -n "${A[lost]-}" ]
}

# one_writer NAME: what accounts found of who took writes.
one_writer() {
	is "${A[two]-} ${A[late]-} ${A[elsewhere]-}" "0 0 0" \
	    "$1: never two writable nodes (${A[samples]-} samples)" ||
	    diag "$(tail -n 30 "$LOAD_DIR/samples")"
	[ "${A[samples]-0}" -gt 5 ] || fail "$1: there are samples"
}

# all_equal NAME PRIMARY: the content of all three, and the ids.
all_equal() {
	local n
	is "${A[differ]-?}" "-" "$1: every node has the same rows"
	for n in $(others "$2"); do
		ok "$1: $n has the content of $2" oracle_compare "$2" "$n"
	done
}

# --- the way back

# way_back OLD NEW [OPTION]...: standby-clone --delta on its directory.
way_back() {
	local from=$1 to=$2
	shift 2
	clone_run "$to" "$from" --delta --application-name="$from" "$@"
}
