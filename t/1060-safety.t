#!/bin/bash
# Goal: what reviews of standby-clone found does not come back: nothing of the
# primary's is entered, no slot, backup or WAL is lost or left on any path, and
# what can be refused early is.
#
#	t/1060-safety.t [FUNCTION]...	only some of the cases
#
# One major (15 where there is one); more with STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# --- helpers

# base STANDBY [PRIMARY]: CLONE without a word about slots.
base() {
	local o
	local -a all=()
	clone_args "${2:-p}" "$1"
	for o in "${CLONE[@]}"; do
		case $o in
		--slot=*|--create-slot) ;;
		*) all+=("$o") ;;
		esac
	done
	CLONE=("${all[@]}")
}

# fresh NODE: nothing of it is left, no slot that is not in use either.
fresh() {
	forget "$1"
	drop_slots p >/dev/null
	mkdir "$T/$1.ts"
}

# good NAME NODE [PRIMARY]: a standby, with the content of the primary.
good() {
	local streams=30
	[ -n "$(pg_pid "$2")" ] || streams=0
	if ok "$1: it streams" poll_until "$streams" pg_streams "$2"; then
		ok "$1: the content is equal" oracle_compare "${3:-p}" "$2"
	else
		fail "$1: the content is equal"
	fi
}

# refused NAME REGEX [STATUS]: the last run was, by exit status and text.
refused() {
	rc_is "${3:-3}" "$1: exit status ${3:-3}"
	like "$err" "^standby-clone: (error|detail|hint): .*($2)" "$1: says why"
}

# killed_at PHASE PRIMARY STANDBY [OPTION]...
killed_at() {
	local phase=$1
	clone_paused "$@" || fail "the phase $phase is reached"
	kill -KILL "$CLONE_PID"
	clone_resume
	clone_wait
	poll_until 30 no_agents
	poll_until 30 no_clones
}

# ended_at SIGNAL PHASE PRIMARY STANDBY [OPTION]...: it may clean up.
ended_at() {
	local sig=$1
	shift
	clone_paused "$@" || fail "the phase $1 is reached"
	kill -"$sig" "$CLONE_PID"
	clone_wait
	clone_resume
}

# unsealed NAME NODE: it did not become something that can be started.
unsealed() {
	isnt "$rc" 0 "$1: exit status is not 0"
	ok "$1: no pg_control" test ! -e "$T/$2/global/pg_control"
	ok "$1: PostgreSQL refuses to start" pg_refuses "$2"
}

# slot NODE NAME: where it keeps WAL from; nothing when there is none.
slot() {
	pg_sql "$1" "SELECT restart_lsn FROM pg_replication_slots
	    WHERE slot_name = '$2'"
}

# What no refusal before the backup may change on the primary.
at_rest() {
	pg_slots p
	pg_sql p "SELECT checkpoint_lsn, redo_lsn FROM pg_control_checkpoint()"
}

target() { tree_hash "$T/s" "$T/s.ts"; }

json() {
	/usr/bin/python3 -c 'import json, sys
d = json.loads(sys.stdin.read())
print(eval(sys.argv[1]))' "$1" <<<"$out"
}

# wal_complete NODE: segments of the backup, from its start to its stop as the
# last run record says, each whole and with .done.
wal_complete() {
	local f n=0
	json '"\n".join("%08X%08X%08X" % (d["source"]["timeline"], s >> 8, s & 255)
	    for a, b in [[int(h, 16) << 8 | int(l, 16) >> 24 for h, l in
	        (d["backup"][k].split("/") for k in ("start_lsn", "stop_lsn"))]]
	    for s in range(a, b + 1))' >"$T/segments" || return 1
	while read -r f; do
		n=$((n + 1))
		[ "$(stat -c %s "$T/$1/pg_wal/$f")" = 16777216 ] ||
			{ echo "$f is not whole"; return 1; }
		[ -e "$T/$1/pg_wal/archive_status/$f.done" ] ||
			{ echo "$f.done is missing"; return 1; }
	done <"$T/segments"
	echo "$n segments"
	[ "$n" -gt 0 ]
}

# flip FILE OFFSET: one bit of one byte.
flip() {
	/usr/bin/python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    b = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([b ^ 1]))' "$1" "$2"
}

# set_primary SETTING VALUE: with a restart.
set_primary() {
	pg_sql p "ALTER SYSTEM SET $1 = $2" && pg_restart p
}

# standby NODE: it is one of p already, or is made one.
standby() {
	[ -z "$(pg_pid "$1")" ] || return 0
	fresh "$1"
	clone_run p "$1"
	[ "$rc" = 0 ]
}

# --- A6: a target whose links lead into the primary

# What is in the primary's WAL directory, and what of it cannot change: the
# segments before the present one.  Kept by wal_keep_size.
wal_note() {
	local now
	pg_sql p "SELECT pg_switch_wal()" >/dev/null
	pg_sql p "SELECT txid_current()" >/dev/null
	now=$(pg_sql p "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
	(cd "$T/p.wal" || exit 1
	find . ! -name 'xlogtemp.*' -printf '%P %y\n' | sort >"$T/wal.names"
	for f in 0000*; do
		[[ $f < $now && $f != *.* ]] && md5sum "$f"
	done >"$T/wal.sums")
	[ -s "$T/wal.sums" ]
}

wal_unchanged() {
	(cd "$T/p.wal" || exit 1
	find . -printf '%P %y\n' | sort | comm -23 "$T/wal.names" - >"$T/wal.lost"
	cat "$T/wal.lost"
	[ ! -s "$T/wal.lost" ] && md5sum --quiet -c "$T/wal.sums")
}

# kill -9 of the postmaster; its children go by themselves.
crash() {
	local pid
	pid=$(pg_pid "$1")
	kill -KILL "$pid"
	poll_until 30 gone "$pid"
	poll_until 30 pg_start "$1"
}

source_dirs() {
	local link before rows
	forget s
	mkdir "$T/s.ts"
	pg_stop p
	cp -a "$T/p" "$T/s"
	pg_start p
	rows=$(pg_sql p "SELECT count(*) FROM acc")
	pg_sql p "UPDATE acc SET bal = bal + 1 WHERE id <= 100"

	# As cp -a leaves it, and over one more link.
	for link in "$T/p.wal" "$T/p/pg_wal"; do
		ln -snf "$link" "$T/s/pg_wal"
		wal_note || fail "there is WAL to look after"
		before=$(target)
		clone_run p s --delta
		refused "A6: pg_wal -> ${link#"$T/"}" 'WAL'
		ok "A6: pg_wal -> ${link#"$T/"}: the primary's WAL is untouched" \
		    wal_unchanged
		is "$(target)" "$before" "A6: pg_wal -> ${link#"$T/"}: target too"
		is "$(pg_slots p)" "" "A6: pg_wal -> ${link#"$T/"}: no slot is left"
	done
	ok "A6: the primary starts after kill -9" crash p
	is "$(pg_sql p "SELECT count(*) FROM acc")" "$rows" \
	    "A6: and has what it had"

	# The target's old tablespace is gone; its directory holds a new one.
	pg_psql p -v ON_ERROR_STOP=1 <<-END || fail "A6: another tablespace"
		DROP TABLE in_ts;
		DROP TABLESPACE ts;
		CREATE TABLESPACE newer LOCATION '$T/p.ts';
		CREATE TABLE in_ts (id int PRIMARY KEY, pad text) TABLESPACE newer;
		INSERT INTO in_ts SELECT i, repeat(md5(i::text), 4)
		    FROM generate_series(1, 40000) i;
		VACUUM in_ts;
		CHECKPOINT;
	END
	rm "$T/s/pg_wal"
	mkdir "$T/s/pg_wal"
	is "$(readlink "$T"/s/pg_tblspc/*)" "$T/p.ts" \
	    "A6: a stale link leads to the primary's new tablespace"
	before=$(tree_hash "$T/p.ts")
	clone_run p s --delta --max-delete=90%
	rc_is 0 "A6: --delta over the stale link"
	is "$(tree_hash "$T/p.ts")" "$before" \
	    "A6: stale link: the primary's tablespace is untouched"
	is "$(cd "$T/s/pg_tblspc" && for l in *; do
	    echo "$l $(readlink "$l")"; done)" \
	    "$(pg_sql p "SELECT oid FROM pg_tablespace
		WHERE spcname = 'newer'") $T/s.ts" \
	    "A6: stale link: it is gone, the new one leads to s.ts"
	good "A6" s
	ok "A6: the primary reads its tablespace" \
	    pg_is p "SELECT count(*) FROM in_ts" 40000
}

# --- W9: settings of the standby in a file that it includes

included_settings() {
	standby s || fail "W9: a standby"
	pg_stop s
	sed -i '/^max_connections/d' "$T/s/postgresql.conf"
	pg_set s "include_dir = 'conf.d'"
	mkdir "$T/s/conf.d"
	echo "max_connections = 50" >"$T/s/conf.d/own.conf"
	clone_run p s --delta
	refused "W9: an included setting that is too small" 'max_connections'
	echo "max_connections = 200" >"$T/s/conf.d/own.conf"
	clone_run p s --delta
	rc_is 0 "W9: an included setting counts"
	is "$(cat "$T/s/conf.d/own.conf")" "max_connections = 200" \
	    "W9: the included file is the standby's own"
	good "W9" s
}

# --- B34, A5: the slot is on another server

upstream() {
	local before mine
	standby s || fail "B34: a standby"
	mine="host=127.0.0.1 port=${PG_PORT[s]} user=postgres"
	forget t
	mkdir "$T/t.ts"
	pg_sql p "SELECT pg_create_physical_replication_slot('same', true)" \
	    >/dev/null
	before=$(slot p same)
	killed_at stopped p t -S same --upstream="$mine"
	isnt "$(slot s same)" "" "B34: killed: our slot is on the upstream"
	base t
	run "${CLONE[@]}" --cleanup
	is "$(slot p same)" "$before" \
	    "B34: --cleanup: the source's slot of that name stays"
	isnt "$(slot s same)" "" "B34: --cleanup: ours is elsewhere, and stays"
	like "$err" "${PG_PORT[s]}" "B34: --cleanup: says where it is"
	run "${CLONE[@]}" --cleanup --upstream="$mine"
	rc_is 0 "B34: --cleanup --upstream"
	is "$(slot p same)" "$before" \
	    "B34: --cleanup --upstream: the source's slot stays"
	is "$(pg_slots s)" "" "B34: --cleanup --upstream: ours is dropped"

	killed_at stopped p t -S same --upstream="$mine"
	isnt "$(slot s same)" "" "B34: killed again"
	base t
	run "${CLONE[@]}" --cleanup --force -p "$(port_of_ours)"
	refused "B34: --cleanup --force, the source is absent" \
	    "127.0.0.1:${PG_PORT[s]}, and that server was not asked"
	run "${CLONE[@]}" --cleanup --force -p "$(port_of_ours)" \
	    --upstream="$mine"
	rc_is 0 "B34: --cleanup --force --upstream, the source is absent"
	is "$(pg_slots s)" "" \
	    "B34: --cleanup --force --upstream: the slot there is dropped"
	is "$(slot p same)" "$before" "B34: (and not that of the source)"
	forget t
	drop_slots p >/dev/null

	pg_up o "${PG_MAJOR[p]}" >/dev/null || fail "A5: another cluster starts"
	mkdir "$T/t.ts"
	before=$(at_rest)
	base t
	run "${CLONE[@]}" \
	    --upstream="host=127.0.0.1 port=${PG_PORT[o]} user=postgres"
	refused "A5: --upstream of another cluster" 'cluster|system'
	is "$(at_rest)" "$before" "A5: no checkpoint, no slot on the source"
	is "$(pg_slots o)" "" "A5: no slot on the other one"
	ok "A5: no directory is made" test ! -e "$T/t"
	forget o
	forget t
}

# --- --waldir (A6)

# waldir_refused NAME REGEX DIR [OPTION]...
waldir_refused() {
	local name="--waldir: $1" regex=$2 dir=$3 before state=3
	shift 3
	[ "${dir#/}" != "$dir" ] || state=2
	before=$(target; tree_hash "$T/foreign"; ls -A "$T/p")
	clone_run p s --waldir="$dir" "$@"
	refused "$name" "$regex" "$state"
	is "$(target; tree_hash "$T/foreign"; ls -A "$T/p")" "$before" \
	    "$name: nothing is changed"
	is "$(pg_slots p)" "" "$name: no slot is left"
	# Not refused: the cases that follow must not suffer from it.
	[ "$rc" = "$state" ] || [ "${1-}" = --delta ] || fresh s
}

# What stands in the primary's directories; segments of WAL come and go there.
primary_names() {
	ls -A "$T/p" "$T/p.ts"
	find "$T/p.wal" -mindepth 1 -maxdepth 1 -regextype posix-extended \
	    ! -regex '.*/([0-9A-F]{24}|xlogtemp\.[0-9]+)' -printf '%f\n' | sort
}

# Not tried in earnest: where it is not refused it spoils the primary.
# below_refused NAME OPTION...
below_refused() {
	local name=$1 before
	shift
	before=$(target; primary_names)
	clone_run p s --dry-run "$@"
	refused "$name, as a dry run" 'source|primary'
	is "$(target; primary_names)" "$before" \
	    "$name, as a dry run: nothing is changed"
}

below() {
	fresh s
	mkdir "$T/p.ts/below"
	below_refused "A6: -D in the primary's PGDATA" -D "$T/p/below"
	below_refused "A6: -D in the primary's tablespace" -D "$T/p.ts/below"
	below_refused "A6: -T to the primary's PGDATA" -T "$T/p.ts=$T/p/below"
	below_refused "A6: -T to the primary's tablespace" \
	    -T "$T/p.ts=$T/p.ts/below"
	below_refused "A6: -T to the primary's WAL" -T "$T/p.ts=$T/p.wal/below"
	below_refused "A6: --waldir in the primary's WAL" \
	    --waldir="$T/p.wal/below"
	below_refused "A6: --waldir in the primary's PGDATA" \
	    --waldir="$T/p/below"
	below_refused "A6: --waldir in the primary's tablespace" \
	    --waldir="$T/p.ts/below"
	rmdir "$T/p.ts/below"
}

waldir() {
	local before
	fresh s
	mkdir "$T/foreign"
	echo precious >"$T/foreign/file"
	wal_note
	waldir_refused "the primary's own" 'WAL' "$T/p.wal"
	waldir_refused "the primary's own, over its link" 'WAL' "$T/p/pg_wal"
	ok "--waldir: the primary's WAL is untouched" wal_unchanged
	waldir_refused "a directory with files" 'not empty' "$T/foreign"
	waldir_refused "a relative path" 'absolute' "wal"
	waldir_refused "inside PGDATA" 'inside' "$T/s/wal"
	waldir_refused "inside PGDATA, in other words" 'inside' "$T/p/../s/wal"
	# Made, or refused while nothing is changed yet.
	fresh s
	before=$(target)
	clone_run p s --waldir="$T/deep/s.wal" --no-start
	if [ "$rc" != 0 ]; then
		refused "--waldir: its parent is missing" "$T/deep"
		is "$(target)" "$before" \
		    "--waldir: its parent is missing: nothing is changed"
	else
		is "$(readlink "$T/s/pg_wal")" "$T/deep/s.wal" \
		    "--waldir: its parent is missing: made"
	fi
	fresh s
	rm -rf "$T/s.wal" "$T/deep"

	killed_at transfer p s --waldir="$T/s.wal"
	is "$(readlink "$T/s/pg_wal")" "$T/s.wal" "--waldir: a new one is used"
	clone_run p s --waldir="$T/s.wal"
	rc_is 0 "--waldir: continues after a kill"
	is "$(readlink "$T/s/pg_wal")" "$T/s.wal" "--waldir: is still used"
	good "--waldir" s
	pg_stop s
	drop_slots p >/dev/null
	rm "$T/s/pg_wal"
	mv "$T/s.wal" "$T/s/pg_wal"
	waldir_refused "the target has a pg_wal" 'pg_wal' "$T/s.wal" --delta
	ok "--waldir: no such directory is made" test ! -e "$T/s.wal"
	rm -rf "$T/foreign"
	forget s
}

# --- B17: --verify

verify() {
	local file ts
	fresh s
	file=$(pg_sql p "SELECT pg_relation_filepath('pg_proc')")
	ts=$(pg_sql p "SELECT pg_relation_filepath('in_ts')")
	clone_paused stopped p s --verify || fail "B17: the phase is reached"
	ok "B17: a file is removed" rm "$T/s/$file"
	clone_resume
	clone_wait
	unsealed "B17: --verify, a file is gone" s
	like "$err" "$file" "B17: --verify, a file is gone: named"
	clone_paused stopped p s --verify || fail "B17: the phase is reached"
	ok "B17: one bit is changed" flip "$T/s/$ts" 9000
	clone_resume
	clone_wait
	unsealed "B17: --verify, a bit differs" s
	like "$err" "$ts" "B17: --verify, a bit differs: named"
	is "$(pg_slots p)" "" "B17: no slot is left"
}

# --- B34: killed after the slot was made permanent

slots() {
	local before
	fresh s
	killed_at stopped p s
	before=$(slot p slot_s)
	isnt "$before" "" "B34: killed at stopped: there is a slot"
	clone_paused transfer p s --create-slot ||
	    fail "B34: the same command continues"
	is "$(slot p slot_s)" "$before" "B34: run again: the slot is used again"
	kill -TERM "$CLONE_PID"
	clone_wait
	clone_resume
	rc_is 143 "B34: run again, terminated"
	is "$(pg_slots p)" "" "B34: run again, terminated: the slot is dropped"

	killed_at label p s --create-slot
	before=$(slot p slot_s)
	isnt "$before" "" "B34: killed at label: there is a slot"
	clone_run p s --create-slot
	rc_is 0 "B34: running it again completes"
	good "B34" s
	is "$(pg_sql p "SELECT slot_name FROM pg_replication_slots
	    WHERE active")" slot_s "B34: through the slot"

	pg_stop s
	drop_slots p >/dev/null
	killed_at sealed p s --delta
	isnt "$(slot p slot_s)" "" "B34: killed after the seal: the slot stays"
	base s
	run "${CLONE[@]}" --cleanup
	isnt "$(slot p slot_s)" "" \
	    "B34: killed after the seal: --cleanup leaves it too"
	ok "B34: killed after the seal: it starts" pg_start s
	good "B34: killed after the seal" s

	pg_stop s
	drop_slots p >/dev/null
	ended_at TERM sealed p s --delta
	like "$rc" '^(0|7|143)$' "B34: terminated after the seal: exit status"
	isnt "$(slot p slot_s)" "" "B34: terminated after the seal: the slot stays"
	forget s
	drop_slots p >/dev/null
}

# --- B9: a tablespace that is made during the copy

new_tablespace() {
	local before
	fresh s
	mkdir "$T/dur" "$T/dur.s"
	clone_paused transfer p s || fail "B9: the phase is reached"
	pg_sql p "CREATE TABLESPACE dur LOCATION '$T/dur'"
	pg_sql p "CREATE TABLE in_dur TABLESPACE dur AS
	    SELECT i, md5(i::text) FROM generate_series(1, 500) i"
	pg_sql p "VACUUM in_dur"
	pg_sql p CHECKPOINT
	before=$(tree_hash "$T/dur")
	clone_resume
	clone_wait
	rc_is 7 "B9: tablespace made during the copy: exit status 7"
	like "$err" "^standby-clone: error: .*$T/dur" "B9: names its directory"
	like "$err" "^standby-clone: hint: .*--tablespace-mapping=$T/dur=" \
	    "B9: and the option"
	is "$(tree_hash "$T/dur")" "$before" "B9: the primary's is untouched"
	ok "B9: PostgreSQL refuses to start" pg_refuses s
	clone_run p s -T "$T/dur=$T/dur.s"
	rc_is 0 "B9: running it again with -T completes"
	is "$(tree_hash "$T/dur")" "$before" "B9: the primary's is still untouched"
	good "B9" s
	is "$(pg_sql s "SELECT count(*) FROM in_dur")" 500 "B9: and is there"
	forget s
	pg_sql p "DROP TABLE in_dur" && pg_sql p "DROP TABLESPACE dur"
	rm -rf "$T/dur" "$T/dur.s"
}

# --- B29, B31, B33: without a slot, and not started

# fetched NAME NODE SLOTS_BEFORE
fetched() {
	rc_is 0 "$1: exit status 0"
	ok "$1: the WAL of the backup is there" wal_complete "$2"
	is "$(pg_slots p)" "$3" "$1: no slot is left"
}

# The line that says that nobody looks for unlogged relations.
unlogged_note() {
	like "$err" '^standby-clone: (note|warning|hint|detail): .*unlogged' "$1"
}

group_access() {
	if [ "$m" -lt 11 ]; then
		skip "group access" "since 11"
		return
	fi
	is "$(stat -c %a "$T/s")" 750 "group access: PGDATA"
	is "$(find "$T/s" "$T/s.ts"/* -type d ! -perm 0750 -printf '%p %m\n')" "" \
	    "group access: directories"
	is "$(find "$T/s" "$T/s.ts"/* -type f ! -perm 0640 -printf '%p %m\n')" "" \
	    "group access: files"
}

no_slot() {
	fresh s
	forget t
	mkdir "$T/t.ts"
	load_start p || fail "B29: the load starts"
	base s
	run "${CLONE[@]}" --no-slot --no-start --json
	fetched "B29: --no-slot" s ""
	unlogged_note "B31: --no-start: nobody looks for unlogged relations"
	group_access
	base t
	run "${CLONE[@]}" --no-slot --wal=fetch --no-wait --json
	fetched "B29: --no-slot --wal=fetch" t ""
	unlogged_note "B31: --no-wait: nobody looks for unlogged relations"
	load_stop
	pg_start s
	good "B29: --no-slot" s
	good "B29: --no-slot --wal=fetch" t
	forget t
}

no_room() {
	fresh s
	set_primary max_replication_slots 0
	load_start p || fail "B33: the load starts"
	base s
	run "${CLONE[@]}" --json
	load_stop
	fetched "B33: max_replication_slots = 0" s ""
	good "B33: max_replication_slots = 0" s

	forget s
	mkdir "$T/s.ts"
	set_primary max_replication_slots 1
	pg_sql p "SELECT pg_create_physical_replication_slot('other', true)" \
	    >/dev/null
	load_start p || fail "B33: the load starts"
	base s
	run "${CLONE[@]}" --json
	load_stop
	fetched "B33: all slots in use" s other
	good "B33: all slots in use" s

	# A temporary one during the copy must not take the only room.
	fresh s
	base s
	run "${CLONE[@]}"
	rc_is 0 "B33: one slot is free: exit status 0"
	good "B33: one slot is free" s
	forget s
	drop_slots p >/dev/null
	set_primary max_replication_slots 10
}

# --- --conf-only on a copy of a running server

conf_only() {
	local before
	forget l
	cp -a "$T/p" "$T/l"
	rm -f "$T/l/pg_wal" "$T/l/postmaster.pid" "$T/l/postmaster.opts"
	cp -a "$T/p.wal" "$T/l/pg_wal"
	before=$(tree_hash "$T/l")
	base l
	run "${CLONE[@]}" --conf-only
	refused "--conf-only on a live copy" 'backup_label'
	is "$(tree_hash "$T/l")" "$before" "nothing is changed"
	is "$(pg_slots p)" "" "no slot is made"
	run "${CLONE[@]}" --conf-only --force
	rc_is 0 "--conf-only --force"
	ok "--conf-only --force: it is written" \
	    grep -rqs "port=${PG_PORT[p]}" "$T/l/postgresql.auto.conf" \
	    "$T/l/recovery.conf"
	forget l
	drop_slots p >/dev/null
}

# --- A9: space, per file system

space() {
	local small=${STANDBY_TEST_SMALL:-/nonexistent} ts
	if [ ! -d "$small" ]; then
		skip "A9: space" "t/run could not mount a small file system"
		return
	fi
	fresh s
	ts=$(pg_sql p "SELECT spcname FROM pg_tablespace ORDER BY oid DESC LIMIT 1")
	pg_sql p "CREATE TABLE big TABLESPACE $ts AS
	    SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 30000) i"
	clone_run p s -T "$T/p.ts=$small/ts"
	refused "A9: no space for a tablespace" "$small.*(space|free)"
	is "$(find "$small" -mindepth 1 ! -name lost+found)" "" \
	    "A9: nothing is left there"
	ok "A9: and nothing in PGDATA" test ! -e "$T/s/global"
	is "$(pg_slots p)" "" "A9: no slot is left"
	pg_sql p "DROP TABLE big"
}

# Of files that have another name (cp -al), all pages need room again.
linked_space() {
	local small=${STANDBY_TEST_SMALL:-/nonexistent} ts i before
	local name='A9: a target with hard links'
	if [ ! -d "$small" ]; then
		skip "$name" "t/run could not mount a small file system"
		return
	fi
	fresh s
	ts=$(pg_sql p "SELECT spcname FROM pg_tablespace ORDER BY oid DESC LIMIT 1")
	for i in 1 2 3; do
		pg_sql p "CREATE TABLE big$i TABLESPACE $ts AS SELECT i,
		    repeat(md5(i::text), 8) FROM generate_series(1, 2500) i"
	done
	base s
	run "${CLONE[@]}" -T "$T/p.ts=$small/ts" --no-start
	rc_is 0 "$name: (a target)"
	cp -al "$small/ts" "$small/linked"
	before=$(tree_hash "$T/s")
	run "${CLONE[@]}" -T "$T/p.ts=$small/ts" --delta --no-start
	refused "$name" "$small/ts.* needs [23][.0-9]* MB"
	is "$(tree_hash "$T/s")" "$before" "$name: nothing is changed"
	rm -rf "${small:?}/linked"
	run "${CLONE[@]}" -T "$T/p.ts=$small/ts" --delta --no-start
	rc_is 0 "$name: without them there is room"
	forget s
	drop_slots p >/dev/null
	rm -rf "${small:?}/ts"
	pg_sql p "DROP TABLE big1, big2, big3"
}

# --- B18: the target's disk fails in the middle

# stopped_clean NAME: nothing that could be started, nothing on the primary.
stopped_clean() {
	rc_is 5 "$1: running it again continues"
	unsealed "$1" s
	nothing_left p "$1"
}

# Room enough when it was looked for; then somebody else takes it.
disk_full() {
	local small=${STANDBY_TEST_SMALL:-/nonexistent} ts name='B18: ENOSPC'
	if [ ! -d "$small" ]; then
		skip "$name" "t/run could not mount a small file system"
		return
	fi
	fresh s
	ts=$(pg_sql p "SELECT spcname FROM pg_tablespace ORDER BY oid DESC LIMIT 1")
	pg_sql p "CREATE TABLE big TABLESPACE $ts AS
	    SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 6000) i"
	ok "$name: there is room at first" \
	    clone_paused transfer p s -T "$T/p.ts=$small/ts"
	dd if=/dev/zero of="$small/else" bs=64k 2>/dev/null
	clone_resume
	clone_wait
	stopped_clean "$name"
	like "$err" "error: .*No space left on device" "$name: it is said"
	like "$err" "\"pg_tblspc/" "$name: with the file"
	like "$err" "file system of \"$small/ts\" has .* free, .* are missing" \
	    "$name: with the file system and what it lacks"
	unlike "$err" "file system of \"$T/s\"" "$name: and no other"
	rm "$small/else"
	run "${CLONE[@]}" -T "$T/p.ts=$small/ts"
	rc_is 0 "$name: with room again the same command continues"
	good "$name, once more" s
	forget s
	rm -rf "${small:?}/ts"
	pg_sql p "DROP TABLE big"
}

# failing CALLS ERROR [OPTION]...: a clone whose disk has that error from the
# third such call of each process on.
failing() {
	local calls=$1 error=$2
	shift 2
	run env ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" strace -f -qq \
	    --seccomp-bpf -o "$T/strace" -e "trace=$calls" \
	    -e "inject=$calls:error=$error:when=3+" "${CLONE[@]}" "$@"
}

disk_errors() {
	local o error name
	local -a synced=()
	if ! strace -f -qq -o /dev/null --seccomp-bpf -e trace=pwrite64 true
	then
		skip "B18: EIO" "no strace that may trace"
		return
	fi
	for error in EIO EROFS EDQUOT; do
		name="B18: $error"
		fresh s
		base s
		failing pwrite64,pwritev "$error" -T "$T/p.ts=$T/s.ts"
		stopped_clean "$name"
		like "$err" "error: .*could not write .*\"" \
		    "$name: it is said, with the file"
	done
	name='B18: EIO of the last sync'
	fresh s
	base s
	for o in "${CLONE[@]}"; do
		[ "$o" = --no-sync ] || synced+=("$o")
	done
	run env ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" strace -f -qq \
	    --seccomp-bpf -o "$T/strace" -e trace=syncfs \
	    -e inject=syncfs:error=EIO "${synced[@]}"
	unsealed "$name" s
	nothing_left p "$name"
	like "$err" "error: .*Input/output error" "$name: it is said"
	is "$(grep -c 'syncfs(.*EIO' "$T/strace")" 1 \
	    "$name: it is not tried again"
	run "${synced[@]}"
	rc_is 0 "$name: the same command continues"
	good "$name, once more" s
	forget s

	name='B18: EIO on a kernel whose syncfs is silent'
	"${CC:-cc}" -shared -fPIC -O1 -o "$T/oldkernel.so" \
	    "$TOP_SRCDIR/t/helpers/oldkernel.c" -ldl || fail "$name: (uname)"
	fresh s
	base s
	run env ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" strace -f -qq \
	    --seccomp-bpf -o "$T/strace" -E "LD_PRELOAD=$T/oldkernel.so" \
	    -E ASAN_OPTIONS="detect_leaks=0:verify_asan_link_order=0" \
	    -P "$T/s/global/pg_filenode.map" -e trace=fsync \
	    -e inject=fsync:error=EIO "${synced[@]}" --no-start
	unsealed "$name" s
	nothing_left p "$name"
	like "$err" "error: could not sync .*pg_filenode.map.*Input/output" \
	    "$name: it is said, with the file"
	run env LD_PRELOAD="$T/oldkernel.so" \
	    ASAN_OPTIONS=verify_asan_link_order=0 "${synced[@]}"
	rc_is 0 "$name: the same command continues"
	good "$name, once more" s
	forget s
}

# --- B23: the target is walked on a slow disk

walks() { grep -c "getdents64(.*<$T/s[/>]" "$T/strace"; }
has_walked() { grep -q "getdents64(.*<$T/s/base" "$T/strace"; }

interrupted_walk() {
	local name='B23: a walk that is interrupted' pid all
	local -a trace=(env "ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0"
	    strace -qq -y -o "$T/strace" -e trace=getdents64)
	if ! strace -qq -o /dev/null -e trace=getdents64 true
	then
		skip "$name" "no strace that may trace"
		return
	fi
	fresh s
	base s
	run "${CLONE[@]}" --no-start
	rc_is 0 "$name: (a target)"
	base s
	run "${trace[@]}" "${CLONE[@]}" --delta --no-start
	all=$(walks)
	ok "$name: ($all times a directory is read)" [ "$all" -gt 20 ]
	drop_slots p >/dev/null
	rm "$T/strace"
	"${trace[@]}" -e inject=getdents64:delay_enter=200000 \
	    "${CLONE[@]}" --delta --no-start >"$T/.bg.out" 2>"$T/.bg.err" \
	    3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	ok "$name: (it walks)" poll_until 60 has_walked
	pid=$(pgrep -P "$CLONE_PID" | head -n 1)
	kill -INT "${pid:-$CLONE_PID}"
	clone_wait
	rc_is 130 "$name"
	ok "$name: it does not go on first" [ "$(walks)" -lt $((all / 2)) ]
	nothing_left p "$name"
	forget s
}

# --- B30: the clocks of the two hosts differ, and are set meanwhile

# clocks_ready: SHIFT is what to run a program with on the standby's clock, and
# the agent is on that of the primary; $T/clock.NODE: seconds ahead.
clocks_ready() {
	local lib=$T/clockshift.so
	"${CC:-cc}" -shared -fPIC -O1 -o "$lib" \
	    "$TOP_SRCDIR/t/helpers/clockshift.c" -ldl || return 1
	echo 0 >"$T/clock.s"
	SHIFT=(env "LD_PRELOAD=$lib" "CLOCKSHIFT=$T/clock.s"
	    ASAN_OPTIONS=verify_asan_link_order=0)
	rm "$AGENT"
	cat >"$AGENT" <<-END
		#!/bin/sh
		LD_PRELOAD=$lib CLOCKSHIFT=$T/clock.p \
		ASAN_OPTIONS=verify_asan_link_order=0 \
		    exec $TOP_BUILDDIR/standby-agent "\$@"
	END
	chmod 0755 "$AGENT"
	echo 86400 >"$T/clock.s"
	[ "$("${SHIFT[@]}" date +%s)" -gt $(($(date +%s) + 86000)) ]
}

clocks() {
	local pair name
	local -a SHIFT=()
	if ! clocks_ready; then
		skip "B30: clocks" "no clock that can be shifted: no compiler"
		return
	fi
	for pair in '86400 -86400' '-86400 86400' '0 31536000'; do
		echo "${pair% *}" >"$T/clock.s"
		echo "${pair#* }" >"$T/clock.p"
		name="B30: standby ${pair% *} s, primary ${pair#* } s ahead"
		fresh s
		base s
		run "${SHIFT[@]}" "${CLONE[@]}" -T "$T/p.ts=$T/s.ts"
		rc_is 0 "$name: a clone"
		pg_stop s
		# In place, the size stays.
		pg_sql p "UPDATE acc SET bal = bal + 1 WHERE id % 50 = 0" ||
			fail "$name: rows are changed"
		pg_sql p CHECKPOINT
		run "${SHIFT[@]}" "${CLONE[@]}" --delta -T "$T/p.ts=$T/s.ts"
		rc_is 0 "$name: --delta"
		good "$name" s
		pg_stop s
	done
	name='B30: both clocks are set during the copy'
	echo 0 | tee "$T/clock.s" >"$T/clock.p"
	CLONE=("${SHIFT[@]}" "${CLONE[@]}" --delta -T "$T/p.ts=$T/s.ts")
	rm -f "$CLONE_HOLD"
	STANDBY_TEST_PAUSE=transfer STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
	    "${CLONE[@]}" >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	ok "$name: it copies" poll_until 60 test -e "$CLONE_HOLD"
	echo 604800 >"$T/clock.s"
	echo -604800 >"$T/clock.p"
	clone_resume
	clone_wait
	rc_is 0 "$name: no timeout, no doubt"
	good "$name" s
	forget s
	ln -sf "$TOP_BUILDDIR/standby-agent" "$AGENT"
}

# --- C6: a good copy whose server does not start

# own_conf LINE...: what the standby's own postgresql.conf ends with.
own_conf() {
	sed -i '/^# C6$/,$d' "$T/s/postgresql.conf"
	printf '%s\n' '# C6' "port = ${PG_PORT[s]}" "listen_addresses = '127.0.0.1'" \
	    "unix_socket_directories = '$PG_SOCK'" "$@" >>"$T/s/postgresql.conf"
}

# dies NAME LINE LOG HINT: started by pg_ctl with that line, it ends.
dies() {
	local name="C6: $1"
	own_conf "$2"
	run "${CLONE[@]}" --delta
	rc_is 7 "$name: a person must act"
	like "$err" "did not start" "$name: it is said"
	like "$err" "$3" "$name: with what the log says"
	like "$err" "hint: .*$4" "$name: and what that means"
	like "$err" "is a good copy and may be started" "$name: the copy stays"
	ok "$name: complete" test -s "$T/s/global/pg_control"
	ok "$name: nothing runs" test -z "$(pg_pid s)"
	ok "$name: no agent is left" poll_until 30 no_agents
}

by_pg_ctl() {
	"$(pg_bin "$m")/pg_ctl" -D "$T/s" -l "$T/s.log" -w start 3>&- 4>&-
}

does_not_start() {
	local o
	local -a own=()
	fresh s
	base s
	run "${CLONE[@]}" --no-start -T "$T/p.ts=$T/s.ts"
	rc_is 0 "C6: a clone that is not started yet"
	base s
	for o in "${CLONE[@]}"; do
		case $o in --start-command=*|--stop-command=*) ;; *) own+=("$o") ;; esac
	done
	CLONE=("${own[@]}")
	dies "a port that is in use" "port = $SSH_PORT" \
	    "Address already in use" "Another server has that port"
	dies "a socket directory that is not there" \
	    "unix_socket_directories = '$T/absent'" \
	    "could not create lock file" "unix_socket_directories"
	dies "a library that is not there" \
	    "shared_preload_libraries = 'no_such_library'" \
	    "no_such_library" "install the package"
	own_conf
	ok "C6: the copy starts when that is corrected" by_pg_ctl
	good "C6" s
	forget s
}

# --- what can be known early

early() {
	local before
	fresh s
	before=$(at_rest)
	base s
	run "${CLONE[@]}" --dry-run -S absent
	refused "B33: --dry-run -S absent" absent
	run "${CLONE[@]}" --max-delete=abc
	refused "--max-delete=abc" 'max-delete.*abc' 2
	run "${CLONE[@]}" -T nonsense
	refused "-T nonsense" 'nonsense' 2
	run "${CLONE[@]}" -T "$T/p.ts=relative"
	refused "-T to a relative path" 'relative' 2
	run "${CLONE[@]}" --upstream="no such thing"
	refused "--upstream that is none" 'upstream' 2
	is "$(at_rest)" "$before" "no checkpoint, no slot"
	ok "no directory is made" test ! -e "$T/s"
}

# --- all results arrive at once: what was not handed out yet still is

# The agents and workers use no CPU time any more.
at_rest_count=0
at_rest_last=
workers_rest() {
	local now
	now=$(for p in $(pgrep -P "$CLONE_PID"); do
		cut -d' ' -f14-15 "/proc/$p/stat"; done
	    pgrep -f "$AGENT" | while read -r p; do
		cut -d' ' -f14-15 "/proc/$p/stat"; done)
	if [ "$now" = "$at_rest_last" ]; then
		at_rest_count=$((at_rest_count + 1))
	else
		at_rest_count=0
	fi
	at_rest_last=$now
	[ "$at_rest_count" -ge 5 ]
}

resumed_or_gone() { clone_resume; gone "$CLONE_PID"; }

all_at_once() {
	fresh s
	clone_paused fed p s -j 1 || fail "the phase fed is reached"
	poll_until 60 workers_rest
	poll_until 120 resumed_or_gone
	clone_wait
	rc_is 0 "all results at once: exit status 0"
	good "all results at once" s
}

# --- B3: an exclusive backup that was killed before there was a marker

label_of() { sed -n 's/^LABEL: //p' "$T/$1/backup_label" 2>/dev/null; }

exclusive() {
	local m
	for m in 12 14 13 11 10; do
		pg_bin "$m" >/dev/null && break
		m=
	done
	if [ -z "$m" ]; then
		skip "B3: exclusive backup" "no PostgreSQL up to 14"
		return
	fi
	pg_up x "$m" >/dev/null || fail "B3: $m starts"
	pg_node y "$m"

	clone_paused plan x y --exclusive-backup ||
	    fail "B3: the phase is reached"
	like "$(label_of x)" '^standby-clone ' "B3: an exclusive backup runs"
	base y x
	run "${CLONE[@]}" --cleanup -D "$T/z"
	like "$(label_of x)" '^standby-clone ' \
	    "B3: --cleanup leaves it while its run lives"
	kill -KILL "$CLONE_PID"
	clone_resume
	clone_wait
	poll_until 30 no_agents
	like "$(label_of x)" '^standby-clone ' "B3: killed: it still runs"
	ok "B3: killed: there is no marker" test ! -e "$T/y/PG_VERSION"
	run "${CLONE[@]}" --cleanup
	rc_is 0 "B3: --cleanup"
	ok "B3: --cleanup ends it" test ! -e "$T/x/backup_label"

	pg_sql x "SELECT pg_start_backup('mine', true)" >/dev/null
	run "${CLONE[@]}" --cleanup
	is "$(label_of x)" mine "B3: --cleanup leaves a foreign one"
	like "$err" '"mine"' "B3: --cleanup names it"
	pg_sql x "SELECT pg_stop_backup()" >/dev/null
	forget y
	forget x
}

# --- all of them

setup() {
	local -a group=()
	[ "$m" -lt 11 ] || group=(-g)
	forget p
	rm -rf "$T/p.wal"
	pg_init p "$m" -X "$T/p.wal" "${group[@]}" >/dev/null || return 1
	pg_set p "autovacuum = off" "checkpoint_timeout = '1h'" \
	    "max_connections = 200"
	if [ "$m" -lt 13 ]; then
		pg_set p "wal_keep_segments = 32"
	else
		pg_set p "wal_keep_size = '512MB'"
	fi
	pg_start p && load_setup p 2000 && pg_sql p "VACUUM" &&
	    pg_node s "$m" && pg_node t "$m" && pg_node l "$m"
}

# The tablespace grows with the load: first what needs it small.
all=(disk_full linked_space early conf_only source_dirs included_settings
    upstream below waldir verify slots
    new_tablespace space disk_errors interrupted_walk clocks
    does_not_start no_slot no_room all_at_once exclusive)
[ $# -eq 0 ] || all=("$@")

for m in $(pg_few); do
	setup || bail "the primary does not start"
	for f in "${all[@]}"; do
		note "==== $m $f"
		start=$SECONDS
		"$f"
		note "==== $m $f: $((SECONDS - start)) s"
		[ -z "$CLONE_PID" ] || gone "$CLONE_PID" ||
		    kill -KILL "$CLONE_PID"
		clone_resume
		[ -n "$(pg_pid p)" ] || pg_start p || bail "the primary is gone"
	done
	ok "$m: no agent process is left" poll_until 10 no_agents
	ok "$m: the primary is not in backup mode" pg_no_backup p
	forget s
	forget t
done

done_testing
