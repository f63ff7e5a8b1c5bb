# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# T is set by tap.sh; for the tests
#
# standby-promote under test: a primary p and standbys s1, s2, made anew from a
# stopped copy whenever a test has changed them.
#
#	promote_needs ; promote_cold 15 ; promote_up p s1 s2
#	promote_conf "$T/conf" p s1 s2		what is known of the nodes
#	crash p ; alone s1 s2			kill -9, and standbys without it
#	promote -f "$T/conf" s1 -y		sets rc, out and err
#	promoted s1 2 "by SQL"			what must be true then
#	refused sibling-ahead "hint" "D5 ..." -f "$T/conf" s1 -y
#	passes "D5 ..." -f "$T/conf" s1 -y	the dry run finds nothing wrong

STANDBY_PROMOTE=$TOP_BUILDDIR/standby-promote
PROMOTE_HOLD=$T/hold
PROMOTE_PID=
: "${CONF_MORE=}"

export HOME=$T			# no .pgpass, no configuration of the user
unset XDG_CONFIG_HOME STANDBY_CONFIG

promote_needs() {
	[ -x "$STANDBY_PROMOTE" ] || skip_all "standby-promote is not built"
	[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
	[ -n "$(pg_majors)" ] ||
	    skip_all "no PostgreSQL server: run share/getting-servers"
}

# The major for what is the same on all of them.
promote_main_major() {
	local m
	for m in $(pg_majors); do
		[ "$m" = 15 ] && { echo 15; return; }
	done
	pg_majors | tail -n 1
}

# --- the cluster

# promote_cold MAJOR: the stopped copy that every cluster is made of.  The role
# op may do what a promotion needs but for pg_promote(), plain nothing.
promote_cold() {
	promote_down
	rm -rf "$T/cold"
	pg_init cold "$1" || return 1
	pg_set cold "checkpoint_timeout = '1h'" "autovacuum = off" \
	    "max_standby_streaming_delay = -1" "hot_standby_feedback = off" \
	    "log_error_verbosity = terse" "restart_after_crash = on"
	pg_start cold || return 1
	pg_psql cold -v ON_ERROR_STOP=1 <<-'SQL' || return 1
		CREATE TABLE t (i int, pad text);
		INSERT INTO t SELECT i, 'cold' FROM generate_series(1, 100) i;
		CREATE ROLE op LOGIN IN ROLE pg_monitor;
		CREATE ROLE plain LOGIN;
	SQL
	[ "$1" -lt 15 ] || pg_sql cold "GRANT pg_checkpoint TO op" || return 1
	pg_stop cold
}

# promote_standby NAME UPSTREAM: of the stopped copy.
promote_standby() {
	local m=${PG_MAJOR[cold]} conf=$T/$1/postgresql.conf
	if [ "$m" -ge 12 ]; then
		touch "$T/$1/standby.signal"
	else
		conf=$T/$1/recovery.conf
		echo "standby_mode = 'on'" >"$conf"
	fi
	cat >>"$conf" <<-END
		primary_conninfo = 'host=127.0.0.1 port=${PG_PORT[$2]} user=postgres application_name=$1'
		recovery_target_timeline = 'latest'
	END
}

# promote_set NODE "setting = value": of its recovery; it is stopped.
promote_set() {
	if [ "${PG_MAJOR[$1]}" -ge 12 ]; then
		pg_set "$1" "$2"
	else
		echo "$2" >>"$T/$1/recovery.conf"
	fi
}

# promote_make PRIMARY STANDBY...: their directories, nothing runs.
promote_make() {
	local n first=$1
	promote_down
	for n; do
		pg_node "$n" "${PG_MAJOR[cold]}"
		cp -a "$T/cold" "$T/$n"
		[ "$n" = "$first" ] || promote_standby "$n" "$first"
	done
	FIRST=$first
}

# promote_up PRIMARY STANDBY...: and all of them stream.
promote_up() {
	local n
	promote_make "$@"
	for n; do
		pg_start "$n" || { promote_why "$n" "does not start"; return 1; }
	done
	for n in "${@:2}"; do
		poll_until 60 pg_streams "$n" ||
		    { promote_why "$n" "does not stream"; return 1; }
	done
	write "$1" 10
	for n in "${@:2}"; do
		pg_wait_replay "$n" "$1" ||
		    { promote_why "$n" "does not replay"; return 1; }
	done
}

# promote_why NODE WORDS: what its server says of it.
promote_why() {
	diag "$1 $2, by its log:"
	diag "$(tail -n 10 "$T/$1.log" | cut -c1-400)"
}

promote_down() {
	local n
	for n in "${!PG_MAJOR[@]}"; do
		[ "$n" != cold ] || continue
		thaw "$n"
		[ -z "$(pg_pid "$n")" ] || pg_stop "$n" immediate
		rm -rf "${T:?}/$n" "$T/$n.log"
	done
}

# write NODE ROWS: and a commit of them.
write() {
	pg_sql "$1" "INSERT INTO t SELECT i, repeat(md5(i::text), 8)
	    FROM generate_series(1, $2) i" >/dev/null
}
rows() { pg_sql "$1" "SELECT count(*) FROM t"; }

# crash NODE: kill -9 of its postmaster; returns when nothing of it is left.
crash() {
	local pid
	pid=$(pg_pid "$1") && kill -KILL "$pid" && pg_dead "$1" "$pid"
}

# alone NODE...: standbys that answer and have no receiver any more.  That of
# this build of 10 crashes at its end, whether it had a connection or not, and
# the standby with it, again and again: there they forget their primary.
alone() {
	local n
	for n; do
		pg_detach "$n" || return 1
		poll_until 60 pg_is "$n" \
		    "SELECT count(*) FROM pg_stat_wal_receiver" 0 || return 1
	done
}

# behind NODE ROWS: the primary writes what the standby NODE does not get, and
# is killed; NODE is up again, without it.  The others have all of it.
behind() {
	local n
	pg_stop "$1" || return 1
	write "$FIRST" "$2"
	for n in s1 s2; do
		[ "$n" = "$1" ] || [ -z "$(pg_pid "$n")" ] ||
		    pg_wait_replay "$n" "$FIRST" || return 1
	done
	END_OF_WAL=$(pg_sql "$FIRST" "SELECT pg_current_wal_flush_lsn()")
	crash "$FIRST"
	pg_start "$1" || return 1
	for n in s1 s2; do
		[ -z "$(pg_pid "$n")" ] || alone "$n" || return 1
	done
}

# --- what is known

# promote_conf FILE NODE...: name, address, directory, commands.  NODE-: no
# directory is known; NODE@: over SSH (promote_ssh); NODE=PORT: another port;
# NODE!: never to be promoted by itself.  CONF_MORE: further lines.  A standby of
# 10 forgets its primary (alone): there the file says it.
promote_conf() {
	local file=$1 word n port more bin upstream sep=
	shift
	upstream=
	case " ${*%%[-@=!]*} " in
	*" ${FIRST-} "*) [ "${PG_MAJOR[cold]}" != 10 ] ||
	    upstream=" upstream = \"$FIRST\";" ;;
	esac
	{
		echo 'cluster = "test";'
		echo 'defaults : { user = "postgres"; dbname = "postgres"; };'
		echo "$CONF_MORE"
		echo 'nodes = ('
		for word; do
			n=${word%%[-@=!]*}
			port=${PG_PORT[$n]}
			bin=$(pg_bin "${PG_MAJOR[$n]}")
			more=" pgdata = \"$T/$n\"; bindir = \"$bin\";
	    start = \"$T/$n.start\"; stop = \"$T/$n.stop\";"
			case $word in
			*-) more= ;;
			*@) more=" pgdata = \"$T/$n\"; ssh = \"$SSHD_USER@127.0.0.1:${SSHD_PORT[main]}\";" ;;
			*=*) port=${word#*=} more= ;;
			*!) more+=" promote = false;" ;;
			esac
			[ "$n" = "${FIRST-}" ] || more+=$upstream
			printf '%s  { name = "%s"; conninfo = "%s";%s }' "$sep" \
			    "$n" "host=127.0.0.1 port=$port" "$more"
			sep=$',\n'
		done
		printf '\n);\n'
	} >"$file"
}

# promote_ssh: the sshd and the options to use it.
promote_ssh() {
	sshd_start main -- "$@" || return 1
	AGENT=$T/libexec/standby-agent
	mkdir -p "$T/libexec"
	ln -sf "$TOP_BUILDDIR/standby-agent" "$AGENT"
	SSH_OPTIONS=(--ssh-identity="$SSHD_KEY" --agent="$AGENT"
	    --known-hosts="${SSHD_KNOWN[main]}")
}

# --- running it

# promote [OPTION]...: without a terminal.
promote() {
	run timeout -k 10 180 "$STANDBY_PROMOTE" "$@" </dev/null
}

# typed TEXT [OPTION]...: on a terminal, TEXT is typed when it asks, after the
# shell has run BEFORE_TYPING; out is all that was seen there.
typed() {
	local text=$1
	shift
	run /usr/bin/python3 - "$text" "$STANDBY_PROMOTE" "$@" <<-'END'
		import os, pty, select, sys, time
		text, argv = sys.argv[1], sys.argv[2:]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(argv[0], argv)
		seen, sent, end, last = b"", False, time.time() + 120, time.time()
		while time.time() < end:
		    if select.select([fd], [], [], 0.1)[0]:
		        try:
		            more = os.read(fd, 65536)
		        except OSError:
		            break
		        if not more:
		            break
		        seen, last = seen + more, time.time()
		    elif not sent and seen and (seen.rstrip(b" ")[-1:] in (b":", b"?")
		                                or time.time() - last > 10):
		        os.system(os.environ.get("BEFORE_TYPING", ""))
		        os.write(fd, text.encode() + b"\n")
		        sent = True
		sys.stdout.buffer.write(seen.replace(b"\r\n", b"\n"))
		sys.stdout.flush()
		if time.time() >= end:
		    os.kill(pid, 9)
		status = os.waitpid(pid, 0)[1]
		sys.exit(os.waitstatus_to_exitcode(status) % 256)
	END
}

# promote_held PHASE [OPTION]...: in the background, stopped at the phase hook
# (request: just before; requested: just after); 1 when it ended before.
promote_held() {
	local phase=$1
	shift
	rm -f "$PROMOTE_HOLD"
	note "\$ standby-promote $* (held at $phase)"
	STANDBY_TEST_PAUSE=$phase STANDBY_TEST_PAUSE_FILE=$PROMOTE_HOLD \
	    "$STANDBY_PROMOTE" "$@" >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- \
	    </dev/null &
	PROMOTE_PID=$!
	kill_later "$PROMOTE_PID"
	poll_until 60 promote_held_or_gone
	[ -e "$PROMOTE_HOLD" ]
}

promote_held_or_gone() { [ -e "$PROMOTE_HOLD" ] || gone "$PROMOTE_PID"; }

# promote_wait: its exit status, as rc, out and err.
promote_wait() {
	rm -f "$PROMOTE_HOLD"
	poll_until 120 gone "$PROMOTE_PID" || kill -KILL "$PROMOTE_PID"
	wait "$PROMOTE_PID"
	rc=$?
	out=$(cat "$T/.bg.out")
	err=$(cat "$T/.bg.err")
	note "exit $rc"
	note "$out"
	note "$err"
}

# pj EXPRESSION: of the JSON document d that the last run printed.
pj() {
	/usr/bin/python3 -c '
import json, sys
def say(v):
    if v is None: return "null"
    if isinstance(v, bool): return str(v).lower()
    if isinstance(v, (list, tuple)): return " ".join(say(x) for x in v)
    return str(v)
def no(word): raise ValueError("not JSON: " + word)
try:
    d = json.load(open(sys.argv[1]), parse_constant=no)
except ValueError as e:
    sys.exit("no JSON document: %s" % e)
print(say(eval("(%s)" % sys.argv[2])))' "$T/.out" "$1" 2>&1
}

# --- what must be true

# timeline NODE: "t 1" in recovery, "f 2" on a primary.
timeline() {
	pg_sql "$1" -F ' ' "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery()
	    THEN (pg_control_checkpoint()).timeline_id
	    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))
	    ::bit(32)::int END"
}

# state NODE...: a line that changes when anything lasting is done to them.
# Names, not contents, of what servers themselves write.
state() {
	local n f
	for n; do
		if [ ! -d "$T/$n" ]; then
			echo "$n absent"
			continue
		fi
		# One that is stopped by SIGSTOP would not answer for ever.
		[ -n "${FROZEN[$n]-}" ] || [ -z "$(pg_pid "$n")" ] ||
		    PGCONNECT_TIMEOUT=5 timeline "$n"
		echo "$n $(pg_pid "$n") $(ls -A "$T/$n")" \
		    "$(cd "$T/$n/pg_wal" && echo ./*.history)"
		for f in postgresql.conf postgresql.auto.conf recovery.conf \
		    standby.signal; do
			[ ! -e "$T/$n/$f" ] || (cd "$T" && md5sum "$n/$f")
		done
		[ ! -d "$T/$n.trigger" ] || ls -lA "$T/$n.trigger"
	done 2>&1 | tr '\n' ' '
}

no_sessions() {
	local n
	for n; do
		pg_is "$n" "SELECT count(*) FROM pg_stat_activity
		    WHERE application_name LIKE 'standby-%'" 0 || return 1
		pg_is "$n" "SELECT count(*) FROM pg_locks
		    WHERE locktype = 'advisory'" 0 || return 1
	done
}

# promoted NODE TIMELINE NAME: the last run promoted it.
promoted() {
	rc_is 0 "$3: exit 0"
	is "$(timeline "$1")" "f $2" "$3: it is out of recovery, on the new timeline"
	ok "$3: it takes writes" write "$1" 1
	ok "$3: no session and no lock is left" poll_until 10 no_sessions "$1"
}

# checkpointed NODE TIMELINE NAME
checkpointed() {
	is "$(pg_sql "$1" \
	    "SELECT timeline_id FROM pg_control_checkpoint()")" "$2" \
	    "$3: pg_control tells the new timeline"
}

# unchanged BEFORE NAME NODE...
unchanged() {
	local before=$1 name=$2
	shift 2
	is "$(state "$@")" "$before" "$name: nothing is changed"
}

standing() { # the nodes that there are
	local n
	for n in p s1 s2 s3; do [ ! -d "$T/$n" ] || echo "$n"; done
}

# refused IDS HINT NAME [OPTION]...: exit status 3 with these refusals ("a, b")
# and no other ones, a hint, and nothing is changed; the dry run says so, too.
refused() {
	local ids=$1 hint=$2 name=$3 id before
	shift 3
	# shellcheck disable=SC2046	# names
	before=$(state $(standing))
	promote "$@" --dry-run
	is "$rc $(refusals)" "3 $ids" "$name: the dry run is refused" ||
	    diag "$err"
	promote "$@"
	is "$rc $(refusals)" "3 $ids" "$name: exit 3 and [${ids//, /] [}]" ||
	    diag "$err"
	for id in ${ids//, / }; do
		like "$err" "^standby-promote: error: .*\[$id\]$" \
		    "$name: a message with [$id]"
	done
	like "$err" "^standby-promote: hint: .*($hint)" "$name: what to do"
	# shellcheck disable=SC2046	# names
	unchanged "$before" "$name" $(standing)
	[ -z "$(pg_pid s1)" ] || [ -n "${FROZEN[s1]-}" ] ||
	    ok "$name: no session is left" poll_until 10 no_sessions s1
}

# refusals: of the last run, as its last words name them.
refusals() {
	sed -n 's/ \[preflight\]$//
	    s/^standby-promote: error: .*not promoted, nothing was changed: //p' \
	    <<<"$err"
}

# passes NAME [OPTION]...: the dry run finds nothing wrong and does nothing.
passes() {
	local name=$1 before
	shift
	# shellcheck disable=SC2046	# names
	before=$(state $(standing))
	promote "$@" --dry-run
	rc_is 0 "$name"
	# shellcheck disable=SC2046	# names
	is "$(state $(standing))" "$before" "$name (nothing is changed)"
}
