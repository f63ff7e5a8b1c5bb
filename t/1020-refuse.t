#!/bin/bash
# Goal: what must be refused is refused with its exit status, names the thing
# and the next command, and changes nothing: not the target, not the primary.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

majors=$(pg_majors)
m=$(tail -n 1 <<<"$majors")
other=$(head -n 1 <<<"$majors")

state() {
	tree_hash "$T/s" "$T/s.ts"
	pg_slots p
}

# refused WANT NAME REGEX [OPTION]...: run it on target s; the exit status,
# what stderr names, and that nothing changed.
refused() {
	local want=$1 name=$2 regex=$3 before
	shift 3
	before=$(state)
	clone_run p s "$@"
	rc_is "$want" "$name: exit status $want"
	like "$err" "$regex" "$name: says why"
	like "$err" '^standby-clone: error: ' "$name: in the agreed form"
	is "$(state)" "$before" "$name: nothing changed"
	if [ "$rc" = 0 ]; then
		# Not refused: the cases that follow must not suffer from it.
		forget s
		mkdir "$T/s" "$T/s.ts"
		drop_slots p
	fi
}

ok "the primary starts" pg_up p "$m"
load_setup p 2000
ok "another cluster starts" pg_up o "$m"
pg_stop o
pg_node s "$m"

# --- who and where
if [ -s "${STANDBY_TEST_AS_ROOT:-/nonexistent}/rc" ]; then
	is "$(cat "$STANDBY_TEST_AS_ROOT/rc")" 3 "A1 root: exit status 3"
	like "$(cat "$STANDBY_TEST_AS_ROOT/stderr")" 'root' "root: says why"
	ok "root: no directory was made" test ! -e "$STANDBY_TEST_AS_ROOT/target"
	isnt "$(cat "$STANDBY_TEST_AS_ROOT/agent.rc")" 0 "root: agent refuses too"
	like "$(cat "$STANDBY_TEST_AS_ROOT"/agent.std* | tr -d '\0')" 'root' \
	    "root: agent says why"
else
	skip "root" "t/run was not started by root"
fi

# --- the target directory
mkdir "$T/s" "$T/s.ts"
echo precious >"$T/s/file"
refused 3 "A3 foreign files in the target" 'not empty'
refused 3 "A3 foreign files, --delta" 'PG_VERSION|not a (PostgreSQL )?data directory' --delta
rm -rf "$T/s"

cp -a "$T/o" "$T/s"
cp "$T/p/global/pg_control" "$T/s/global/pg_control"
refused 3 "A3 data directory without --delta" '--delta'
cp "$T/o/global/pg_control" "$T/s/global/pg_control"
refused 3 "A5 data directory of another cluster" 'another cluster: system' --delta
refused 3 "A5 data directory of another cluster, without --delta" \
    'hint: .*another cluster.*just made.*empty it first'
unlike "$err" '--delta' \
    "A5 data directory of another cluster, without --delta: no advice that fails"
rm -rf "$T/s"

# A server that runs in the target: a copy of the primary with a tablespace of
# its own.  It writes, so its tree is not compared; it must go on undisturbed.
pg_stop p
cp -a "$T/p" "$T/s"
cp -a "$T/p.ts/." "$T/s.ts"
for link in "$T"/s/pg_tblspc/*; do ln -snf "$T/s.ts" "$link"; done
pg_start p
pg_start s
pid=$(pg_pid s)
for force in '' --force; do
	clone_run p s --delta $force
	rc_is 3 "A4 running server in the target $force: exit status 3"
	like "$err" 'running' "running server in the target $force: says so"
	like "$err" "$pid" "running server in the target $force: names its pid"
	like "$err" 'error: a primary is running' \
	    "running server in the target $force: that it is a primary"
	like "$err" 'hint: .*right one\?.*pg_ctl stop' \
	    "running server in the target $force: perhaps the wrong host"
	is "$(pg_pid s)" "$pid" "running server in the target $force: still runs"
	is "$(pg_sql s "SELECT count(*) FROM acc")" 2000 \
	    "running server in the target $force: and answers"
	is "$(pg_slots p)" "" "running server in the target $force: no slot"
done
pg_stop s immediate
rm -rf "$T/s" "$T/s.ts"
mkdir "$T/s.ts"

before=$(tree_hash "$T/p.ts")
clone_args p s
run "${CLONE[@]}" -D "$T/p" --delta
rc_is 3 "A6 source is the target: exit status 3"
like "$err" '"?.*/p"?' "source is the target: named"
ok "source is the target: the primary lives" pg_sql p "SELECT 1"
is "$(tree_hash "$T/p.ts")" "$before" "source is the target: untouched"
run "${CLONE[@]}" -D "$T/p" --delta --force
rc_is 3 "A6 source is the target, --force: exit status 3"

mkdir "$T/s"
echo x >"$T/s.ts/file"
refused 3 "tablespace directory is not empty" 's\.ts'
rm "$T/s.ts/file"

# --- versions and options
if [ "$other" != "$m" ]; then
	clone_args p s
	before=$(state)
	run "${CLONE[@]}" --pg-bindir="$(pg_bin "$other")"
	rc_is 3 "A7 server programs of another major: exit status 3"
	like "$err" "$other" "server programs of another major: says which"
	is "$(state)" "$before" "server programs of another major: nothing changed"
else
	skip "another major" "only $m is installed"
fi
refused 2 "unknown option" 'no-such-option' --no-such-option
refused 2 "size that is none" '12 parsecs' --max-rate='12 parsecs'
refused 2 "jobs that are none" 'jobs' --jobs=0
if [ "$m" -ge 16 ]; then
	refused 3 "C3 trigger file from 16" 'trigger' --trigger-file="$T/trigger"
fi

# --- slots
for name in db-2 Db2 'a b' 슬롯 "$(printf 'x%.0s' {1..64})"; do
	for option in -C --dry-run; do
		clone_args p s
		before=$(state)
		run "${CLONE[@]/--slot=slot_s/--slot=$name}" "$option"
		rc_is 2 "slot \"$name\" $option: exit status 2"
		like "$err" "\"$name\" is no name of a replication slot" \
		    "slot \"$name\" $option: says why"
		like "$err" 'hint: For example: -S [a-z0-9_]+' \
		    "slot \"$name\" $option: says one that is"
		is "$(state)" "$before" "slot \"$name\" $option: nothing changed"
		[ "$rc" != 0 ] || { forget s; mkdir "$T/s.ts"; drop_slots p; }
	done
done
clone_args p s
pg_sql p "SELECT pg_create_physical_replication_slot('there')" >/dev/null
before=$(state)
run "${CLONE[@]/--slot=slot_s/--slot=there}"
rc_is 3 "B33 --create-slot, but it exists: exit status 3"
like "$err" 'there' "--create-slot, but it exists: named"
is "$(state)" "$before" "--create-slot, but it exists: nothing changed"
drop_slots p >/dev/null
clone_args p s
CLONE=("${CLONE[@]/--create-slot/-q}")
run "${CLONE[@]/--slot=slot_s/--slot=absent}"
rc_is 3 "B33 --slot that does not exist: exit status 3"
like "$err" 'absent' "--slot that does not exist: named"

# --- SSH
clone_args p s
: >"$T/empty"
before=$(state)
run "${CLONE[@]/--known-hosts=*/--known-hosts=$T/empty}"
rc_is 5 "A13 unknown host key: exit status 5"
like "$err" 'SHA256:[A-Za-z0-9+/]{43}' "unknown host key: prints its fingerprint"
is "$(state)" "$before" "unknown host key: nothing changed"

sshd_start second
sed "s/:${SSHD_PORT[second]} /:$SSH_PORT /" "${SSHD_KNOWN[second]}" >"$T/changed"
run "${CLONE[@]/--known-hosts=*/--known-hosts=$T/changed}"
rc_is 5 "A13 changed host key: exit status 5"
like "$err" 'changed|does not match|mismatch|differs' "changed host key: says so"
like "$err" "$T/changed" "changed host key: names the file"
is "$(state)" "$before" "changed host key: nothing changed"

sed 's/^/@revoked /' "${SSHD_KNOWN[main]}" | cat - "${SSHD_KNOWN[main]}" \
    >"$T/revoked"
run "${CLONE[@]/--known-hosts=*/--known-hosts=$T/revoked}"
rc_is 5 "A13 revoked host key: exit status 5"
like "$err" 'revoked' "revoked host key: says so"

sshd_keygen ed25519 "$T/stranger"
run "${CLONE[@]/--ssh-identity=*/--ssh-identity=$T/stranger}"
rc_is 5 "A14 key that is not admitted: exit status 5"
like "$err" "$T/stranger" "key that is not admitted: named"
is "$(state)" "$before" "key that is not admitted: nothing changed"

run "${CLONE[@]/--agent=*/--agent=$T/no-agent}"
rc_is 5 "A15 no agent: exit status 5"
like "$err" 'agent' "no agent: says so"
is "$(state)" "$before" "no agent: nothing changed"

dead=$(port_of_ours)
run "${CLONE[@]/--ssh=*/--ssh=$SSHD_USER@127.0.0.1:$dead}"
rc_is 5 "A12 no sshd: exit status 5"
like "$err" "$dead" "no sshd: names the port"

# --- the primary
run "${CLONE[@]/${PG_PORT[p]}/$dead}"
rc_is 4 "no primary: exit status 4"
like "$err" "$dead" "no primary: names the port"
is "$(state)" "$before" "no primary: nothing changed"

pg_sql p "ALTER SYSTEM SET max_wal_senders = 0" >/dev/null
pg_sql p "ALTER SYSTEM SET wal_level = minimal" >/dev/null
pg_restart p
refused 3 "A8 primary not prepared" 'wal_level'
like "$err" 'max_wal_senders' "primary not prepared: all problems at once"
like "$err" 'hint: .*(ALTER SYSTEM|primary-prepare)' \
    "primary not prepared: with the commands"
pg_sql p "ALTER SYSTEM RESET ALL" >/dev/null
pg_restart p

pg_sql p "CREATE ROLE plain LOGIN" >/dev/null
before=$(state)
clone_args p s
CLONE=("${CLONE[@]/#postgres/plain}")
run "${CLONE[@]}"
rc_is 3 "A8 role without rights: exit status 3"
like "$err" 'plain' "role without rights: named"
is "$(state)" "$before" "role without rights: nothing changed"

# --- space: a small file system, made by t/run when it may mount one
small=${STANDBY_TEST_SMALL:-/nonexistent}
if [ -d "$small" ]; then
	pg_node small "$m"
	mkdir "$T/small.ts"
	clone_args p s
	run "${CLONE[@]/#$T\/s/$small\/data}"
	rc_is 3 "A9 no space: exit status 3"
	like "$err" 'space' "no space: says so"
	is "$(find "$small" -mindepth 1 ! -name lost+found)" "" \
	    "no space: nothing is left there"
else
	skip "no space" "t/run could not mount a small file system"
fi

# --- a dry run
before=$(state)
clone_run p s --dry-run
rc_is 0 "dry run: exit status 0"
is "$(state)" "$before" "dry run: nothing changed"
echo x >"$T/s/file"
before=$(state)
clone_run p s --dry-run
rc_is 3 "dry run that would be refused: exit status 3"
is "$(state)" "$before" "dry run that would be refused: nothing changed"

ok "no agent process is left" poll_until 10 no_agents
ok "the primary is not in backup mode" pg_no_backup p
is "$(pg_slots p)" "" "no slot is left"

done_testing
