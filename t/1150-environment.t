#!/bin/bash
# Goal: what lies around a clone is known before anything is copied: settings
# that a standby must not have smaller, with file and line; values that a server
# would refuse; a directory that pg_ctl would misread; room on each file system;
# synchronous commits, collations, and what a source that is itself a standby
# may do meanwhile.
#
#	t/1150-environment.t [FUNCTION]...	only some of the cases
#
# 15 and one other major in turn; all with STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# --- helpers

# option NAME PG_CTL-OPTIONS: the node is started with these, too.
option() {
	pg_scripts "$1"
	sed -i "s|-k $PG_SOCK|& $2|" "$T/$1.start"
}

# refused NAME REGEX [STATUS]: the last run was, by exit status and text.
refused() {
	rc_is "${3:-3}" "$1: exit status ${3:-3}"
	like "$err" "$2" "$1: says why"
}

untouched() { ok "$1: nothing was made" test ! -e "$T/s/PG_VERSION"; }
streams() { ok "$1: it streams" poll_until 30 pg_streams s; }

fresh() {
	forget s
	drop_slots p >/dev/null
}

# --- W10, W9: settings that a standby must not have smaller

# What we wrote ourselves is no word of the operator: it goes and comes with
# what the primary runs with.
written_anew() {
	drop_slots p >/dev/null
	pg_stop s
	forget s
	clone_run p s
	rc_is 0 "$m W10: another copy"
	pg_stop s
	pg_stop p
	option p '-c max_connections=88 -c max_locks_per_transaction=99'
	pg_start p || fail "the primary starts with more"
	clone_run p s --delta
	rc_is 0 "$m W10: --delta, and the primary has more"
	is "$(pg_sql s "SHOW max_connections")" 88 "$m W10: so has the standby"
	pg_stop s
	pg_sql p "ALTER SYSTEM SET max_connections = 88"
	clone_run p s --delta
	rc_is 0 "$m W10: --delta once more"
	like "$(sed -n '/tools begin/,/tools end/p' \
	    "$T/s/postgresql.auto.conf" | grep ^max_connections)" 88 \
	    "$m W10: ours is in our block"
	pg_sql p "ALTER SYSTEM RESET ALL"
}

# raised N: the primary runs with that, by its command line; a clone follows.
raised() {
	pg_stop s
	pg_stop p
	option p "-c max_connections=$1"
	pg_start p || fail "the primary starts with more"
	clone_run p s --delta
}

# ALTER SYSTEM writes the file anew, and no comment of it.
alter_system() {
	[ "$m" -ge 12 ] || return 0
	fresh
	pg_stop p
	option p '-c max_connections=77'
	pg_start p || fail "the primary starts with its options"
	clone_run p s
	rc_is 0 "$m W10: a standby with a value that we wrote"
	pg_sql s "ALTER SYSTEM SET work_mem = '5MB'"
	unlike "$(cat "$T/s/postgresql.auto.conf")" 'standby-tools' \
	    "$m W10: ALTER SYSTEM takes our marks away"
	raised 88
	rc_is 0 "$m W10: --delta, and what we wrote is still ours to raise"
	is "$(pg_sql s "SHOW max_connections")" 88 "$m W10: it was raised"
	is "$(grep -c '^max_connections' "$T/s/postgresql.auto.conf")" 1 \
	    "$m W10: it stands there once"
	pg_sql s "ALTER SYSTEM SET max_connections = 90"
	raised 99
	refused "$m W10: a value of the operator's" \
	    'max_connections of the standby is 90, and the source has 99'
	sed -i '/^max_connections/d' "$T/s/postgresql.auto.conf"
	pg_set s 'max_connections = 99'
	clone_run p s --delta
	rc_is 0 "$m W10: in the standby's postgresql.conf"
	unlike "$(cat "$T/s/postgresql.auto.conf")" max_connections \
	    "$m W10: then we write none"
	pg_stop p
	pg_scripts p
	pg_start p
	forget s
}

# The source runs with more than its files say: with a word of its command
# line, or because they were changed since.
command_line() {
	fresh
	pg_stop p
	option p '-c max_connections=77 -c max_locks_per_transaction=99'
	pg_start p || fail "the primary starts with its options"
	clone_run p s
	if [ "$m" -ge 12 ]; then
		rc_is 0 "$m W10: from 12 on it is done"
		like "$err" 'max_connections: the source runs with 77, and .*30' \
		    "$m W10: said in a line"
		like "$err" 'max_locks_per_transaction: .*64 \(the default\)' \
		    "$m W10: so is a default"
		streams "$m W10"
		is "$(pg_sql s "SHOW max_connections")" 77 \
		    "$m W10: the standby has it"
		pg_stop p
		option p '-c max_connections=88 -c max_locks_per_transaction=99'
		pg_start p || fail "the primary starts with more"
		pg_stop s
		clone_run p s --delta
		rc_is 0 "$m W10: --delta, and the source was given more"
		is "$(pg_sql s "SHOW max_connections")" 88 \
		    "$m W10: the line of the last run was ours to raise"
		pg_sql s "ALTER SYSTEM SET work_mem = '5MB'"
		pg_stop s
		clone_run p s --delta
		rc_is 0 "$m W10: --delta, with the line of the last run"
		is "$(grep -c '^max_connections' \
		    "$T/s/postgresql.auto.conf")" 1 "$m W10: it stands there once"
		written_anew
	else
		refused "$m W10: below 12" 'would be 30, and the source has 77'
		like "$err" 'ALTER SYSTEM SET max_connections = 77;' \
		    "$m W10: what to type"
		like "$err" 'ALTER SYSTEM SET max_locks_per_transaction = 99;' \
		    "$m W10: for both"
		untouched "$m W10"
		pg_sql p "ALTER SYSTEM SET max_connections = 77"
		pg_sql p "ALTER SYSTEM SET max_locks_per_transaction = 99"
		clone_run p s
		rc_is 0 "$m W10: done as told"
		streams "$m W10"
		pg_sql p "ALTER SYSTEM RESET ALL"
	fi
	forget s
	pg_stop p
	pg_scripts p
	pg_start p
}

# The standby's own configuration, in a file that its own includes.
own_files() {
	local line
	fresh
	mkdir -p "$T/etc"
	printf '# more\nmax_connections = 40\n\nmax_connections = 20\n' \
	    >"$T/etc/more.conf"
	clone_run p s --no-start
	rc_is 0 "$m W9: a standby"
	pg_set s "include '$T/etc/more.conf'"
	clone_run p s --delta --dry-run
	refused "$m W9: an included file" \
	    'max_connections of the standby is 20, and the source has 30'
	like "$err" "\"$T/etc/more.conf\", line 4" "$m W9: file and line"
	like "$err" "Change line 4 of \"$T/etc/more.conf\" to: max_connections = 30" \
	    "$m W9: what to write"
	line=$(sed -n 's/.* to: \(max_connections = [0-9]*\).*/\1/p' <<<"$err" |
	    head -n 1)
	sed -i "4s/.*/$line/" "$T/etc/more.conf"
	clone_run p s --delta
	rc_is 0 "$m W9: done as told"
	streams "$m W9"
	pg_stop s
	sed -i '/^max_connections/d' "$T/s/postgresql.conf" "$T/etc/more.conf"
	pg_sql p "ALTER SYSTEM SET max_worker_processes = 12"
	pg_restart p
	clone_run p s --delta --dry-run
	refused "$m W9: a default" 'is 8 \(the default\), and the source has 12'
	like "$err" "Add a line to \"$T/s/postgresql.conf\": max_worker_processes = 12" \
	    "$m W9: where it belongs"
	pg_sql p "ALTER SYSTEM RESET ALL"
	pg_restart p
	forget s
}

# planned TEXT ACTION [OPTION]...: what a dry run says of postgresql.conf.
planned() {
	local from=$T/etcp/postgresql.conf to=$T/s/postgresql.conf text=$1
	local action=$2
	shift 2
	clone_run p s --copy-external-config -n "$@"
	is "$(sed -n 's/^  config  *//p' <<<"$out")" "$from -> $to$text" \
	    "$m: -n: --copy-external-config: $action"
	clone_run p s --copy-external-config -n --json "$@"
	is "$(/usr/bin/python3 -c 'import json, sys
for f in json.load(sys.stdin)["target"]["config"]:
    print(f["source"], f["target"], f["action"])' <<<"$out")" \
	    "$from $to $action" "$m: -n --json: --copy-external-config: $action"
}

# The source's configuration lies elsewhere, and was changed since its start.
copied_outside() {
	fresh
	pg_stop p
	mkdir "$T/etcp"
	mv "$T/p/postgresql.conf" "$T/etcp/"
	option p "-c config_file=$T/etcp/postgresql.conf"
	pg_start p || fail "the primary starts with its configuration elsewhere"
	sed -i 's/^max_connections = 30/max_connections = 20/' \
	    "$T/etcp/postgresql.conf"
	[ "$m" -lt 12 ] || planned "" copy
	clone_run p s --copy-external-config
	if [ "$m" -ge 12 ]; then
		rc_is 0 "$m W10: --copy-external-config, from 12 on it is done"
		like "$err" 'max_connections: the source runs with 30, and .* 20' \
		    "$m W10: said in a line"
		streams "$m W10"
		is "$(pg_sql s "SHOW max_connections")" 30 \
		    "$m W10: the standby has it"
	else
		refused "$m W10: --copy-external-config, below 12" \
		    'would be 20, and the source has 30'
		like "$err" 'ALTER SYSTEM SET max_connections = 30;' \
		    "$m W10: what to type"
		untouched "$m W10"
		pg_sql p "ALTER SYSTEM SET max_connections = 30"
		planned "" copy
		clone_run p s --copy-external-config
		rc_is 0 "$m W10: done as told"
		streams "$m W10"
		pg_sql p "ALTER SYSTEM RESET ALL"
	fi
	pg_stop s
	planned " (is there already)" same --delta
	echo >>"$T/s/postgresql.conf"
	planned " (is there and stays)" keep --delta
	planned " (what is there becomes .bak)" replace --delta --force
	forget s
	pg_stop p
	sed -i 's/^max_connections = 20/max_connections = 30/' \
	    "$T/etcp/postgresql.conf"
	mv "$T/etcp/postgresql.conf" "$T/p/"
	rmdir "$T/etcp"
	pg_scripts p
	pg_start p
}

# The server asks nobody whose its files are, or how many.
many_files() {
	local i
	fresh
	mkdir -p "$T/etc/many"
	for ((i = 0; i < 70; i++)); do
		: >"$T/etc/many/$i.conf"
	done
	pg_set p "include_dir '$T/etc/many'"
	clone_run p s --dry-run
	rc_is 0 "$m W9: more files than we read are no refusal"
	like "$err" 'warning: .*more than 64 files' "$m W9: they are a warning"
	like "$err" 'were not judged' "$m W9: it says what that means"
	sed -i '/etc.many/d' "$T/p/postgresql.conf"
	rm -r "$T/etc/many"
	printf "include '%s'\n" more.conf{,,,,,,,,,} >"$T/p/tens.conf"
	: >"$T/p/more.conf"
	pg_set p "include 'tens.conf'"
	for ((i = 0; i < 7; i++)); do
		pg_set p "include 'tens.conf'"
	done
	clone_run p s --dry-run
	rc_is 0 "$m W9: nor are those of the source"
	like "$err" 'warning: .*more than 64 files' "$m W9: they are bounded"
	sed -i '/tens.conf/d' "$T/p/postgresql.conf"
	rm "$T/p/tens.conf" "$T/p/more.conf"
}

# A file that the copied configuration includes, and that is not here.
lost_include() {
	fresh
	pg_set p "include '$T/etc/gone.conf'"
	clone_run p s --dry-run
	refused "$m W9: an include that is not there" \
	    "includes \"$T/etc/gone.conf\", which is not there"
	clone_run p s --no-start
	rc_is 0 "$m W9: a warning where nothing is started"
	like "$err" 'warning: .*gone.conf' "$m W9: it is one"
	sed -i '/gone.conf/d' "$T/p/postgresql.conf"
	forget s
	pg_set p "include '$T/etc/a\\nforged: b'"
	clone_run p s --dry-run
	refused "$m W9: a line end in a name" "includes \"$T/etc/a.012forged: b\""
	unlike "$err" '^forged' "$m W9: it ends no line of ours"
	clone_run p s --no-start --dry-run
	like "$err" 'warning: .*a.012forged' "$m W9: nor of a warning"
	unlike "$err" '^forged' "$m W9: which is one line"
	sed -i '/forged/d' "$T/p/postgresql.conf"
}

# --- A3, A7: what this host has

# The command without its start: pg_ctl does it.
with_pg_ctl() {
	local o
	local -a all=()
	clone_args p s
	for o in "${CLONE[@]}"; do
		case $o in
		--start-command=*|--stop-command=*|-D|"$T/s") ;;
		*) all+=("$o") ;;
		esac
	done
	CLONE=("${all[@]}")
}

unsafe_path() {
	local c
	for c in '"' $'$' $'`' $'\\' $'\n'; do
		fresh
		with_pg_ctl
		run "${CLONE[@]}" -D "$T/a${c}b"
		refused "$m A3: PGDATA with $(printf %q "$c")" \
		    'pg_ctl would hand to a shell unquoted'
		ok "$m A3: nothing was made" test ! -e "$T/a${c}b"
	done
	run "${CLONE[@]}" -D "$T/a\$b" --no-start
	rc_is 0 "$m A3: it is only about pg_ctl"
	rm -rf "${T:?}/a\$b"
}

# Programs of another build, that refuse as A7: a wrapper that says so.
other_build() { # other_build SETTING VALUE SAID
	local bin
	bin=$(pg_bin "$m")
	rm -rf "${T:?}/bin"
	mkdir "$T/bin"
	ln -s "$bin"/* "$T/bin/"
	rm "$T/bin/postgres"
	cat >"$T/bin/postgres" <<-END
		#!/bin/sh
		case "\$*" in
		*"-C $1 "*) echo $2 ;;
		*) exec '$bin/postgres' "\$@" ;;
		esac
	END
	chmod 0755 "$T/bin/postgres"
	fresh
	clone_run p s --pg-bindir="$T/bin"
	refused "$m A7: another $1" "have a $3"
	untouched "$m A7: another $1"
}

other_builds() {
	other_build block_size 32768 \
	    'block size of 32768, and the source has 8192'
	# From 11 initdb chooses it.  In blocks.
	[ "$m" -ge 11 ] || other_build wal_segment_size 8192 \
	    'WAL segment size of 67108864, and the source has 16777216'
}

# --- W11 and values that a standby reads

standby_says() {
	if [ "$m" -ge 12 ]; then
		pg_sql s "SHOW $1"
	else
		sed -n "s/^$1 = //p" "$T/s/recovery.conf"
	fi
}

values() {
	local command="test -e '/no where/%f' # it's \\x"
	local want=$command
	fresh
	clone_run p s --recovery-min-apply-delay=abc
	refused "$m W11: no time" '"abc" is no' 2
	untouched "$m W11"
	clone_run p s --recovery-min-apply-delay='2 h' \
	    --restore-command="$command"
	rc_is 0 "$m: delayed, with a restore_command"
	streams "$m: delayed"
	if [ "$m" -ge 12 ]; then
		is "$(standby_says recovery_min_apply_delay)" 2h "$m: the delay"
	else
		is "$(standby_says recovery_min_apply_delay)" "'2 h'" \
		    "$m: the delay"
		want="'test -e ''/no where/%f'' # it''s \\\\x'"
	fi
	is "$(standby_says restore_command)" "$want" \
	    "$m: restore_command with quotes, # and a backslash"
	forget s
}

# --- A8: synchronous commits that would wait for ever

synchronous() {
	fresh
	pg_set p "synchronous_standby_names = 'FIRST 1 (nobody, \"s 1\")'"
	pg_reload p
	poll_until 10 pg_is p "SELECT count(*) FROM pg_settings WHERE name =
	    'synchronous_standby_names' AND setting <> ''" 1
	clone_run p s --application-name='s 1'
	rc_is 0 "$m A8: the clone itself does not wait"
	like "$err" 'warning: synchronous_standby_names .*nobody' \
	    "$m A8: a warning"
	like "$err" 'hint: The standby that is made is among them, as "s 1"' \
	    "$m A8: ours is named there"
	ok "$m A8: commits go on once it streams" \
	    pg_sql p "CREATE TABLE sync_$m (a int)"
	forget s
	drop_slots p >/dev/null
	clone_run p s --dry-run
	like "$err" "ALTER SYSTEM SET synchronous_standby_names = '';" \
	    "$m A8: ours is not: what to type"
	sed -i '/^synchronous_standby_names/d' "$T/p/postgresql.conf"
	pg_reload p
	forget s
}

# --- A7: collations of another version

collations() {
	fresh
	pg_sql p "CREATE TABLE sorted (a text COLLATE \"de-x-icu\" PRIMARY KEY)" ||
	    { skip "$m A7: collations" "no ICU"; return; }
	pg_sql p "UPDATE pg_collation SET collversion = '1.0'
	    WHERE collname IN ('de-x-icu', 'sv-x-icu')"
	clone_run p s
	rc_is 0 "$m A7: another collation is no failure"
	like "$err" 'warning: the collation "de-x-icu" sorts by version 1.0, and' \
	    "$m A7: it is told with both versions"
	like "$err" 'ALTER COLLATION "de-x-icu" REFRESH VERSION;' \
	    "$m A7: and what to do"
	unlike "$err" 'sv-x-icu' "$m A7: not one that no index uses"
	pg_sql p "DROP TABLE sorted"
	forget s
}

# --- A9: the WAL may lie on another file system

wal_space() {
	local small=${STANDBY_TEST_SMALL:-/nonexistent}
	if [ ! -d "$small" ]; then
		skip "$m A9: --waldir" "no small file system: root, t/run"
		return
	fi
	fresh
	clone_run p s --waldir="$small/wal"
	refused "$m A9: --waldir where a segment has no room" \
	    "the file system of \"$small/wal\" needs 16.2 MB"
	untouched "$m A9"
	wal_without_slot "$small/wal"
}

# wal_ahead: MB of the segments that p has from its current one on.
wal_ahead() {
	local now
	now=$(pg_sql p "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
	find "$T/p/pg_wal" -maxdepth 1 -type f -name '0000*' ! -name '*.*' \
	    -printf '%f\n' | awk -v now="$now" '$0 >= now { n++ }
	    END { printf "%.0f\n", n * 16 * 1.01 }'
}

# Without a slot all that is written during the copy comes, too.
wal_without_slot() {
	local i needs
	for i in 1 2 3 4 5 6; do
		pg_sql p "SELECT txid_current(), pg_switch_wal()" >/dev/null
	done
	pg_sql p "CHECKPOINT"
	clone_args p s
	local -a args=()
	for i in "${CLONE[@]}"; do
		case $i in --slot=*|--create-slot) ;; *) args+=("$i") ;; esac
	done
	run "${args[@]}" --no-slot --waldir="$1"
	refused "$m A9: --no-slot, where what the primary writes has no room" \
	    "the file system of \"$1\" needs [0-9.]+ MB"
	untouched "$m A9: --no-slot"
	needs=$(sed -n 's/.* needs \([0-9]*\).* MB, .*/\1/p' <<<"$err")
	cmp_le 60 "$needs" "$m A9: more than the segments of start and end"
	cmp_le "$needs" "$(wal_ahead)" \
	    "$m A9: what the primary is prepared for, at most"
	run "${args[@]}" --no-slot --waldir="$1" --dry-run
	refused "$m A9: --no-slot -n" "needs $needs(\\.[0-9])? MB"
}

# --- A11: WAL without full pages, which a standby cannot put back

# checkpointed: a checkpoint of p has become a restart point of s.
restart_point() {
	pg_sql p "CHECKPOINT"
	pg_wait_replay s p
	pg_sql s "CHECKPOINT"
}

# full_pages off|on: s has replayed that the primary changed to it.  There the
# checkpointer says it, some time after the signal; its checkpoints tell when.
full_pages() {
	pg_sql p "ALTER SYSTEM SET full_page_writes = $1"
	pg_reload p
	poll_until 20 pages_are_full "$1" ||
	    fail "$m A11: the primary says $1 in its WAL"
	pg_wait_replay s p
}

pages_are_full() {
	pg_sql p CHECKPOINT
	pg_is p "SELECT full_page_writes FROM pg_control_checkpoint()" \
	    "$([[ $1 == on ]] && echo t || echo f)"
}

# typed BEFORE BEHIND: what the hint has between them.
typed() { sed -n "s/.*hint: .*$1 \(.*;\) $2.*/\1/p" <<<"$err"; }

full_page_writes() {
	local sql
	fresh
	forget t
	clone_run p s
	rc_is 0 "$m A11: a standby to clone from"
	full_pages off
	restart_point
	clone_run s t
	refused "$m A11: restart point without full pages" \
	    'replayed WAL .*full_page_writes off'
	ok "$m A11: nothing was made" test ! -e "$T/t/PG_VERSION"
	like "$err" 'On the primary, type: ALTER SYSTEM SET full_page_writes = on;' \
	    "$m A11: what to type there"
	while read -r -d ';' sql; do
		pg_sql p "$sql" >/dev/null
	done <<<"$(typed 'On the primary, type:' When)"
	pg_wait_replay s p
	pg_sql s "$(typed 'type on the standby:' Or)"
	clone_run s t
	rc_is 0 "$m A11: done as told"
	forget t
	poll_until 30 pg_is s "SELECT count(*) FROM pg_replication_slots
	    WHERE active" 0
	drop_slots s >/dev/null

	full_pages off
	clone_run s t
	refused "$m A11: switched off since" \
	    'replayed WAL .*full_page_writes off'
	like "$err" 'On the primary, type: ALTER SYSTEM SET full_page_writes = on;' \
	    "$m A11: the server's refusal has our hint"
	ok "$m A11: nothing was made" test ! -e "$T/t/PG_VERSION"
	is "$(pg_slots s)" "" "$m A11: no slot is left there"
	full_pages on
	restart_point

	clone_paused transfer s t || fail "$m A11: the transfer is reached"
	full_pages off
	clone_resume
	clone_wait
	is "$rc" 4 "$m A11: switched off while it is copied: exit 4"
	like "$err" 'the backup is void: .*full_page_writes off' \
	    "$m A11: says why"
	like "$err" 'On the primary, type: ALTER SYSTEM SET full_page_writes = on;' \
	    "$m A11: and what to type"
	ok "$m A11: nothing is sealed" test ! -e "$T/t/global/pg_control"
	ok "$m A11: no label" test ! -e "$T/t/backup_label"
	is "$(pg_slots s)" "" "$m A11: no slot is left there"
	full_pages on
	restart_point
	clone_run s t
	rc_is 0 "$m A11: the same command goes on when it is on"
	ok "$m A11: it streams" poll_until 30 pg_streams t
	pg_sql p "ALTER SYSTEM RESET ALL"
	pg_reload p
	forget t
	forget s
}

# --- B6, B28: a source that is a standby, and does not stay what it is

# The node s, of p, and its own small worries: archive_mode = always with a
# command that fails, replay that is paused.
from_standby() {
	fresh
	forget t
	clone_run p s
	rc_is 0 "$m B6: a standby to clone from"
	pg_set s "archive_mode = always" "archive_command = 'false'"
	pg_restart s
	poll_until 30 pg_streams s
	# Its minimum recovery point, which a stop there takes, must lie within
	# a segment: one that ends there was done with before the restart, and
	# a stop that waited for the archive would not be noticed.
	pg_sql p "CREATE TABLE within AS SELECT 1 AS i" >/dev/null
	restart_point
	pg_sql s "SELECT pg_wal_replay_pause()" >/dev/null
	clone_run s t -t 60s
	rc_is 0 "$m: from a standby that archives in vain and is paused"
	ok "$m: it streams from it" poll_until 30 pg_streams t
	pg_sql s "SELECT pg_wal_replay_resume()" >/dev/null
	ok "$m: a cascade of a cascade is a standby" pg_wait_replay t p
	forget t
	poll_until 30 pg_is s "SELECT count(*) FROM pg_replication_slots
	    WHERE active" 0
	drop_slots s >/dev/null

	clone_paused transfer s t || fail "$m B6: the transfer is reached"
	pg_promote s >/dev/null
	# What the slot would need is gone, too: that is not the cause.
	for _ in 1 2 3; do
		pg_sql s -c "SELECT pg_switch_wal()" CHECKPOINT >/dev/null
	done
	clone_resume
	clone_wait
	like "$rc" '^[45]$' "$m B28: promoted while it is copied: exit 4 or 5"
	like "$err" 'promoted|no longer|is a primary|not in progress|is void' \
	    "$m B28: says why"
	ok "$m B28: nothing is sealed" test ! -e "$T/t/global/pg_control"
	ok "$m B28: no label" test ! -e "$T/t/backup_label"
	is "$(pg_slots s)" "" "$m B28: no slot is left there"
	forget t
	forget s
}

# --- all of them

setup() {
	forget p
	pg_init p "$m" >/dev/null || return 1
	pg_set p "autovacuum = off" "checkpoint_timeout = '1h'"
	pg_start p && pg_node s "$m" && pg_node t "$m"
}

all=(command_line alter_system own_files copied_outside many_files
    lost_include unsafe_path other_builds values synchronous collations
    wal_space full_page_writes from_standby)
[ $# -eq 0 ] || all=("$@")

for m in $(pg_few 10); do
	pg_bin "$m" >/dev/null || continue
	setup || bail "the primary does not start"
	for f in "${all[@]}"; do
		note "==== $m $f"
		start=$SECONDS
		"$f"
		note "==== $m $f: $((SECONDS - start)) s"
		[ -n "$(pg_pid p)" ] || pg_start p || bail "the primary is gone"
	done
	ok "$m: no agent process is left" poll_until 10 no_agents
	ok "$m: the primary is not in backup mode" pg_no_backup p
	forget s
	forget t
done

done_testing
