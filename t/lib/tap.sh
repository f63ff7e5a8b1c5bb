# shellcheck shell=bash
#
# TAP for bash tests, and the temporary directory and clean-up that each of
# them needs.
#
#	. "${0%/*}/lib/tap.sh"
#	is "$(cmd)" "text" "cmd says text"
#	done_testing
#
# The results go to the standard output that the test was started with.  After
# this file was read, fd 1 and 2 are $T/log: whatever a command says is kept
# there and its end is shown when the test fails.
#
# $T is the test's own directory; everything in it and every process that was
# named to kill_later is gone at the end, however the test ends.
# STANDBY_TEST_KEEP=1 leaves the directory.

set -u
umask 077
LC_ALL=C; export LC_ALL

: "${TOP_SRCDIR:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${TOP_BUILDDIR:=$TOP_SRCDIR}"
: "${STANDBY_TEST_TMP:=/tmp}"
export TOP_SRCDIR TOP_BUILDDIR STANDBY_TEST_TMP

T=$(mktemp -d "$STANDBY_TEST_TMP/$(basename "$0" .t).XXXXXX") || exit 1
TAP_NAME=$(basename "$0")
TAP_RUN=0
TAP_FAILED=0
TAP_PLAN=
TAP_EXIT=()		# functions to call at the end, last one first
TAP_PIDS=()		# processes to end

exec 3>&1 4>&2 >>"$T/log" 2>&1

# Text for people, as comments of the TAP stream.
diag() { printf '%s\n' "$*" | sed 's/^/# /' >&3; }
note() { printf '[%d s] %s\n' "$SECONDS" "$*"; }

plan() { TAP_PLAN=$1; echo "1..$1" >&3; }

# bound VALUE LIMIT NAME: what depends on how busy the machine is decides in the
# long run (make installcheck-world) only; else it is told.
bound() {
	if [ "${STANDBY_TEST_WORLD:-0}" = 1 ]; then
		cmp_le "$@"
	else
		note "$3: $1, limit $2"
		pass "$3: measured"
	fi
}

pass() {
	TAP_RUN=$((TAP_RUN + 1))
	echo "ok $TAP_RUN - $*" >&3
	note "-- ok $TAP_RUN - $*"
}

fail() {
	TAP_RUN=$((TAP_RUN + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_RUN - $*" >&3
	diag "FAILED $TAP_RUN: $*"
	note "-- not ok $TAP_RUN - $*"
	return 1
}

# skip NAME REASON
skip() {
	TAP_RUN=$((TAP_RUN + 1))
	echo "ok $TAP_RUN - $1 # SKIP $2" >&3
}

skip_all() {
	echo "1..0 # SKIP $*" >&3
	TAP_PLAN=0
	exit 0
}

bail() { echo "Bail out! $*" >&3; TAP_PLAN=0; exit 1; }

# ok NAME COMMAND...: the command exits with 0; else show what it said.  It
# runs in this shell, so functions may set variables.
ok() {
	local name=$1
	shift
	note "\$ $*"
	if "$@" >"$T/.said" 2>&1 3>&-; then
		pass "$name"
	else
		fail "$name"
		diag "failed: $*"
		diag "$(tail -n 40 "$T/.said" | cut -c1-400)"
		return 1
	fi
}

# not_ok NAME COMMAND...
not_ok() {
	local name=$1
	shift
	note "\$ $*"
	if "$@" >"$T/.said" 2>&1 3>&-; then
		fail "$name"
		diag "did not fail: $*"
		diag "$(tail -n 40 "$T/.said" | cut -c1-400)"
		return 1
	fi
	pass "$name"
}

# is GOT WANT NAME
is() {
	[ "$1" = "$2" ] && { pass "$3"; return; }
	fail "$3"
	diag " got: $1"
	diag "want: $2"
	return 1
}

# isnt GOT UNWANTED NAME
isnt() {
	[ "$1" != "$2" ] && { pass "$3"; return; }
	fail "$3"
	diag "got: $1, which it must not be"
	return 1
}

# like TEXT EXTENDED_REGEX NAME: some line matches.
like() {
	grep -Eq -- "$2" <<<"$1" && { pass "$3"; return; }
	fail "$3"
	diag "no match for: $2"
	diag "$1"
	return 1
}

unlike() {
	grep -Eq -- "$2" <<<"$1" || { pass "$3"; return; }
	fail "$3"
	diag "matches: $2"
	diag "$1"
	return 1
}

# cmp_le A B NAME: A <= B as integers.
cmp_le() {
	[ "$1" -le "$2" ] && { pass "$3"; return; }
	fail "$3"
	diag "$1 is more than $2"
	return 1
}

# run COMMAND...: sets $rc, $out and $err.
run() {
	note "\$ $*"
	"$@" >"$T/.out" 2>"$T/.err" 3>&-
	rc=$?
	out=$(tr -d '\0' <"$T/.out")
	err=$(tr -d '\0' <"$T/.err")
	note "exit $rc"
	note "$out"
	note "$err"
	return 0
}

# rc_is WANT NAME: the exit status of the last run; shows what it said.
rc_is() {
	[ "$rc" = "$1" ] && { pass "$2"; return; }
	fail "$2"
	diag "exit status $rc, not $1"
	[ -z "$out" ] || diag "$(tail -n 20 <<<"$out")"
	[ -z "$err" ] || diag "$(tail -n 40 <<<"$err")"
	return 1
}

# poll_until SECONDS COMMAND...: until it succeeds; 1 when the time is up.
poll_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" 3>&- >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# gone PID: no such process, or only its exit status is left of it.
gone() {
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	''|Z*|X*) return 0 ;;
	esac
	return 1
}

# reaped PID: nor that; to whoever looks by kill(2), as postgres does for the
# lock files of another one, what is not reaped yet is a process.
reaped() { ! kill -0 "$1"; }

# A pid of ours that must not outlive the test.
kill_later() { TAP_PIDS+=("$1"); }

# kill_now PID...: TERM, and KILL for what is there ten seconds later.
kill_now() {
	local pid
	for pid; do kill "$pid" 2>/dev/null; done
	for pid; do
		poll_until 10 gone "$pid" || kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	return 0
}

# at_exit FUNCTION: called at the end, the last one named first.
at_exit() { TAP_EXIT=("$1" "${TAP_EXIT[@]}"); }

# port_of_ours: print a TCP port of 127.0.0.1 that nobody uses, below the
# ephemeral range.  It is ours to the end of the test, also while its server is
# down: a link to our pid says so to all other tests, of other runs, too.
TAP_PORTS=/tmp/standby-test-ports
port_of_ours() {
	local port hex owner
	while :; do
		mkdir -m 1777 "$TAP_PORTS" 2>/dev/null
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		hex=$(printf ':%04X ' "$port")
		cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '{print $2 " "}' |
		    grep -q "$hex" && continue
		owner=$(readlink "$TAP_PORTS/$port") && [ ! -d "/proc/$owner" ] &&
		    rm -f "$TAP_PORTS/$port"
		ln -s "$$" "$TAP_PORTS/$port" 2>/dev/null && break
	done
	echo "$port"
}

give_ports_back() {
	find "$TAP_PORTS" -maxdepth 1 -lname "$$" -delete 2>/dev/null
}

# tree_hash DIR...: one line that changes when any name, type, mode, link
# target, size, content or mtime of a file below changes.
tree_hash() {
	local d
	for d; do
		[ -e "$d" ] || { echo "$d absent"; continue; }
		find "$d" -type d -printf '%P %y %m\n' -o \
		    -printf '%P %y %m %l %s %T@\n' | sort
		find "$d" -type f -print0 | sort -z | xargs -0r md5sum
	done | md5sum | cut -d' ' -f1
}

done_testing() {
	[ -n "$TAP_PLAN" ] || plan "$TAP_RUN"
	exit "$((TAP_FAILED > 0))"
}

tap_end() {
	local rc=$? f
	trap '' INT TERM HUP PIPE
	trap - EXIT
	set +e
	for f in "${TAP_EXIT[@]}"; do "$f"; done
	[ ${#TAP_PIDS[@]} -eq 0 ] || kill_now "${TAP_PIDS[@]}"
	give_ports_back
	if [ -z "$TAP_PLAN" ]; then
		diag "$TAP_NAME ended early with status $rc"
		[ "$rc" -ne 0 ] || rc=1
	fi
	if [ "$rc" -ne 0 ] && [ -s "$T/log" ]; then
		diag "--- end of $T/log"
		diag "$(grep -v ' s\] -- ok' "$T/log" | tail -n 60 | cut -c1-400)"
	fi
	if [ "${STANDBY_TEST_KEEP:-0}" = 1 ]; then
		diag "kept: $T"
	else
		chmod -R u+rwx "$T" 2>/dev/null
		rm -rf "$T"
	fi
	exit "$rc"
}
trap tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
