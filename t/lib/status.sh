# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# T is set by tap.sh
#
# repl-status under test: a cluster p with the standbys s1 (of a slot), s2
# (without) and c (below s1), and what must be true in every output format.
#
#	status_needs ; status_up 15 ; status_conf "$T/conf" p s1 s2 c
#	look -f "$T/conf"			JSON: sets rc, out and err
#	is "$(js 'n["s1"]["state"]')" streaming "it streams"
#	every_format 1 replay-paused WARNING s2 "paused" -f "$T/conf"
#	freeze s2 ; thaw s2

REPL_STATUS=$TOP_BUILDDIR/repl-status
FORMATS='human json nagios prometheus pgpool tsv'

export HOME=$T			# no .pgpass, no configuration of the user
unset XDG_CONFIG_HOME STANDBY_CONFIG

status_needs() {
	[ -x "$REPL_STATUS" ] || skip_all "repl-status is not built"
	[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
	[ -n "$(pg_majors)" ] ||
	    skip_all "no PostgreSQL server: run share/getting-servers"
}

# status_majors: as pg_majors; the short set is smaller.
status_majors() {
	STANDBY_TEST_MAJORS=${STANDBY_TEST_MAJORS:-$(
	    [ "${STANDBY_TEST_WORLD:-0}" = 1 ] || echo '10 18')} pg_majors
}

# --- running it

# look [OPTION]...: as JSON, which js reads then.
look() { run "$REPL_STATUS" -F json "$@"; }
js() { /usr/bin/python3 "$TOP_SRCDIR/t/lib/status.py" "$T/.out" "$1"; }
problems() { js '"\n".join(sorted(p))'; }

# has SEVERITY ID NODE: a problem of the last look.
has() { problems | grep -Fqx -- "$1 $2 $3"; }

# found SEVERITY ID NODE NAME ; not_found ID NAME
found() {
	has "$1" "$2" "$3" && { pass "$4"; return; }
	fail "$4"
	diag "no \"$1 $2 $3\" among:"
	diag "$(problems)"
	diag "$err"
}

not_found() {
	unlike "$(problems)" "^[A-Z]+ $1 " "$2"
}

# shows OPTION... -- SEVERITY ID NODE: for poll_until.
shows() {
	local -a options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	look "${options[@]}"
	has "$@"
}

# status_is STATUS OPTION...: for poll_until.
status_is() {
	local want=$1
	shift
	look "$@"
	[ "$rc" = "$want" ]
}

# every_format STATUS ID SEVERITY NODE NAME OPTION...: exit status, and the
# problem as far as the format can tell it.
every_format() {
	local want=$1 id=$2 sev=$3 node=$4 name=$5 f
	shift 5
	for f in $FORMATS; do
		run "$REPL_STATUS" -F "$f" "$@"
		is "$rc $(/usr/bin/python3 "$TOP_SRCDIR/t/lib/status.py" shape \
		    "$f" "$want" "$id" "$sev" "$node" <"$T/.out" 2>&1)" \
		    "$want ok" "$name: -F $f" || diag "$out" "$err"
	done
}

# --- the cluster

status_conninfo() { # NODE [APPLICATION_NAME]
	echo "host=127.0.0.1 port=${PG_PORT[$1]} user=postgres${2:+" application_name=$2"}"
}

# status_standby NAME UPSTREAM [APPLICATION_NAME [SLOT]]: of the copy $T/cold.
status_standby() {
	local m=${PG_MAJOR[p]} conf
	pg_node "$1" "$m"
	cp -a "$T/cold" "$T/$1"
	conf=$T/$1/postgresql.conf
	if [ "$m" -ge 12 ]; then
		touch "$T/$1/standby.signal"
	else
		conf=$T/$1/recovery.conf
		echo "standby_mode = 'on'" >"$conf"
	fi
	cat >>"$conf" <<-END
		primary_conninfo = '$(status_conninfo "$2" "${3-}")'
	END
	# The upstream of c is promoted: c is to stay where it is, which before
	# 12 is the default and has no name.
	if [ "$1" != c ]; then
		echo "recovery_target_timeline = 'latest'" >>"$conf"
	elif [ "$m" -ge 12 ]; then
		echo "recovery_target_timeline = 'current'" >>"$conf"
	fi
	[ -z "${4-}" ] || echo "primary_slot_name = '$4'" >>"$conf"
}

# status_set NAME "setting = value": of its recovery.
status_set() {
	if [ "${PG_MAJOR[$1]}" -ge 12 ]; then
		pg_set "$1" "$2"
	else
		echo "$2" >>"$T/$1/recovery.conf"
	fi
}

# status_up MAJOR: p, s1, s2 and c stream.
status_up() {
	pg_init p "$1" || return 1
	pg_set p "checkpoint_timeout = '1h'" "autovacuum = off" \
	    "max_standby_streaming_delay = -1" "hot_standby_feedback = off" \
	    "log_error_verbosity = terse"
	pg_start p || return 1
	pg_psql p <<-'SQL'
		CREATE TABLE t (id int, pad text);
		CREATE TABLE held (id int);
		CREATE ROLE mon LOGIN;
		CREATE ROLE seer LOGIN IN ROLE pg_monitor;
	SQL
	pg_stop p || return 1
	rm -rf "$T/cold"
	cp -a "$T/p" "$T/cold"
	pg_start p || return 1
	pg_sql p "SELECT pg_create_physical_replication_slot('s1', true)" \
	    >/dev/null || return 1
	status_standby s1 p s1 s1
	status_standby s2 p
	status_standby c s1 c
	pg_start s1 && pg_start s2 && pg_start c || return 1
	poll_until 60 pg_streams s1 && poll_until 60 pg_streams s2 &&
	    poll_until 60 pg_streams c
}

status_down() {
	local n
	for n in c s1 s2 p "$@"; do
		thaw "$n"
		[ -z "$(pg_pid "$n")" ] || pg_stop "$n" immediate
		rm -rf "${T:?}/$n" "$T/$n.log"
	done
}

# status_conf FILE NODE[=PORT]...: name, address, and what is known of it.
status_conf() {
	local file=$1 n more sep=
	shift
	{
		echo 'cluster = "test";'
		echo 'defaults : { user = "postgres"; dbname = "postgres"; };'
		echo 'nodes = ('
		for n; do
			more=
			case ${n%=*} in
			s1) more=' slot = "s1";' ;;
			c) more=' upstream = "s1";' ;;
			esac
			[ "$n" != "${n%=*}" ] || n=$n=${PG_PORT[$n]}
			printf '%s  { name = "%s"; conninfo = "%s"; pgdata = "%s";%s }' \
			    "$sep" "${n%=*}" "host=127.0.0.1 port=${n#*=}" \
			    "$T/${n%=*}" "$more"
			sep=$',\n'
		done
		printf '\n);\n'
	} >"$file"
}

# write_mb N: that much WAL, and a commit behind it.
write_mb() {
	pg_sql p "INSERT INTO t SELECT i, repeat(md5(i::text), 8)
	    FROM generate_series(1, $1 * 3600) i" >/dev/null
	pg_sql p "SELECT txid_current()" >/dev/null
}

# quiet: nobody writes, and all have all of it.
quiet() {
	local n
	# Before the checkpoint, which may remove WAL, and behind it.
	for n in s1 s2 c; do pg_wait_replay "$n" p || return 1; done
	pg_sql p CHECKPOINT
	for n in s1 s2 c; do pg_wait_replay "$n" p || return 1; done
	poll_until 20 pg_is p "SELECT count(*) FROM pg_stat_replication WHERE
	    replay_lsn >= pg_current_wal_lsn()" 2
}

# receiver_stops NODE: it has no WAL receiver, and gets no other one.  That of
# this build of 10 crashes when it is told to end, and the standby with it,
# again and again: there it does not know its primary any more.
receiver_stops() {
	local pid
	if [ "${PG_MAJOR[$1]}" = 10 ]; then
		pg_stop "$1"
		sed -i 's/^primary_conninfo/#&/' "$T/$1/recovery.conf"
		pg_start "$1"
		return
	fi
	cp "$T/p/pg_hba.conf" "$T/hba"
	# Only new connections are refused: the others stream on.
	printf '%s\n' 'host replication all 0.0.0.0/0 reject' |
	    cat - "$T/hba" >"$T/p/pg_hba.conf"
	pg_reload p
	quiet
	pid=$(children "$1" 'wal ?receiver')
	[ -n "$pid" ] && kill -TERM "$pid" && poll_until 20 gone "$pid"
}

receiver_starts() {
	if [ "${PG_MAJOR[$1]}" = 10 ]; then
		sed -i 's/^#primary_conninfo/primary_conninfo/' \
		    "$T/$1/recovery.conf"
		pg_restart "$1"
		return
	fi
	cat "$T/hba" >"$T/p/pg_hba.conf"
	pg_reload p
}

# no_sessions NODE...: none of ours is left on them.
no_sessions() {
	local n
	for n; do
		pg_is "$n" "SELECT count(*) FROM pg_stat_activity
		    WHERE application_name LIKE 'repl-status%'" 0 || return 1
	done
}
