#!/bin/bash
# Goal: what the version table says of a version is what a server of that
# version says itself; and a server that is newer than the table knows works
# with the newest row, one warning, and no risk.
#
#	t/1100-versions.t [known|newer]...

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# fact NAME: of the version in $facts; nothing when it has none.
fact() { sed -n "s/^  $1  *//p" <<<"$facts" | grep -vx -- -; }

# words NAME: of a list, sorted, one line each.
words() { fact "$1" | tr ' ' '\n' | sort; }

# in_list WORD...: an SQL list of texts.
in_list() { printf "'%s'," "$@" | sed 's/,$//'; }

# settings NAME...: those that the server has, sorted.
settings() {
	pg_sql p "SELECT name FROM pg_settings
	    WHERE name IN ($(in_list "$@")) ORDER BY name COLLATE \"C\""
}

boot() { pg_sql p "SELECT boot_val FROM pg_settings WHERE name = '$1'"; }

# has_setting FACT NAME...: of these names of all versions the server has the
# one that the fact says.
has_setting() {
	local name=$1
	shift
	is "$(settings "$@")" "$(fact "$name")" "$m: $name"
}

# --- each fact is asked of the server
sql_facts() {
	local name sql n=0 bad=
	while read -r name sql; do
		n=$((n + 1))
		pg_sql p "PREPARE x AS $sql" || bad+=" $name"
	done < <(sed -n 's/^  \([a-z-]*\)  *\(SELECT .*\)/\1 \2/p' <<<"$facts")
	ok "$m: there is SQL" test "$n" -ge 20
	is "$bad" "" "$m: all of it names what the server has"
}

# setting_facts: which settings there are, and what holds when nobody says it.
setting_facts() {
	local all names
	all=$(sed -n 's/^  session-timeouts  *//p' <<<"$newest")
	# shellcheck disable=SC2086 # a list of words
	is "$(settings $all)" "$(words session-timeouts)" "$m: session-timeouts"
	names=$(words not-smaller)
	# shellcheck disable=SC2086
	is "$(settings $names)" "$names" "$m: not-smaller"
	has_setting keep-wal-parameter wal_keep_segments wal_keep_size
	has_setting wal-size-parameter checkpoint_segments max_wal_size
	has_setting sender-timeout-parameter replication_timeout \
	    wal_sender_timeout
	has_setting socket-parameter unix_socket_directory \
	    unix_socket_directories
	has_setting archive-library archive_library
	has_setting temporary-slot-parameter wal_receiver_create_temp_slot
	has_setting summarize-parameter summarize_wal
	is "$(boot wal_level)" "$(fact default-wal-level)" "$m: wal_level"
	is "$(boot max_wal_senders)" "$(fact default-max-wal-senders)" \
	    "$m: max_wal_senders"
	is "$(boot max_replication_slots)" "$(fact default-max-slots)" \
	    "$m: max_replication_slots"
	is "$(boot hot_standby)" "$(fact default-hot-standby)" "$m: hot_standby"
	is "$(boot log_directory)" "$(fact default-log-directory)" \
	    "$m: log_directory"
	is "$(pg_sql p "SHOW data_checksums")" \
	    "$(fact default-checksums | grep . || echo off)" \
	    "$m: checksums of a new cluster"
	is "$(pg_sql p "SELECT 'yes' FROM pg_settings
	    WHERE name = 'archive_mode' AND 'always' = ANY (enumvals)")" \
	    "$(fact archive-always)" "$m: archive-always"
}

# recovery_facts: settings since 12; which of them a reload changes.
recovery_facts() {
	local names gone
	names="$(words recovery-settings) $(words reloaded)
	    archive_cleanup_command recovery_end_command"
	gone='standby_mode trigger_file promote_trigger_file'
	if [ -z "$(fact recovery-is-setting)" ]; then
		# shellcheck disable=SC2086
		is "$(settings $names)" "" "$m: recovery settings are none"
		return
	fi
	# shellcheck disable=SC2046
	is "$(settings $(words recovery-settings))" \
	    "$(words recovery-settings)" "$m: recovery-settings"
	# shellcheck disable=SC2086
	is "$(pg_sql p "SELECT name FROM pg_settings WHERE context = 'sighup'
	    AND name IN ($(in_list $names $gone))
	    ORDER BY name COLLATE \"C\"")" \
	    "$(words reloaded)" "$m: reloaded"
	is "$(boot recovery_target_timeline)" \
	    "$(fact default-target-timeline)" "$m: default-target-timeline"
	# shellcheck disable=SC2086
	is "$(settings $gone)" "$(fact trigger-parameter)" \
	    "$m: trigger-parameter"
	# shellcheck disable=SC2046
	is "$(settings $(words stops-start))" "" \
	    "$m: what stops the start is no setting"
}

stops_start() { # stops_start LINE: as a line of the configuration
	pg_set p "$1"
	ok "$m: \"$1\" stops the start" pg_refuses p
	sed -i '$d' "$T/p/postgresql.conf"
}

# control_facts: numbers that the server and its files have.
control_facts() {
	is "$(pg_sql p "SELECT pg_control_version || ' ' || catalog_version_no
	    FROM pg_control_system()")" \
	    "$(fact control-version) $(fact catalog-version)" \
	    "$m: versions of pg_control"
	is "$(find "$T/p/$(fact wal-directory)" -name '0*[0-9A-F]' \
	    -size +1000k | sort | head -n 1 | xargs od -An -tx2 -N2 |
	    tr -d ' ' | tr a-f A-F)" "$(fact wal-page-magic)" \
	    "$m: wal-page-magic"
	ok "$m: xact-directory" test -d "$T/p/$(fact xact-directory)"
	is "$(pg_sql p "SELECT 'yes' FROM pg_attribute WHERE attrelid =
	    'pg_tablespace'::regclass AND attname = 'spclocation'")" \
	    "$(fact tablespace-path-column)" "$m: tablespace-path-column"
	is "$("$bin/initdb" --help | grep -q -- --wal-segsize &&
	    echo initdb || echo build)" "$(fact wal-segment-size)" \
	    "$m: wal-segment-size"
	is "$(pg_sql p "SELECT 'sql' FROM pg_proc
	    WHERE proname = 'pg_promote'")" \
	    "$(fact promotion-means | grep -o sql)" "$m: pg_promote"
}

# backup_facts: the label that a backup gives, what a name becomes.
backup_facts() {
	local start=pg_backup_start stop='pg_backup_stop(false)'
	local args="'x', true" name
	if fact backup-start | grep -q pg_start_backup; then
		start=pg_start_backup
		args+=', false'
		stop='pg_stop_backup(false, false)'
	fi
	is "$(pg_psql p <<-END | sed -n 's/^\([A-Z ]*\): .*/\1/p' | sort
		SELECT $start($args);
		SELECT labelfile FROM $stop;
	END
	)" "$(fact label-lines | sed 's/, /\n/g' | sort)" "$m: label-lines"
	name='\xea\xb0\x80!'
	[ "$(fact application-name)" = '\xhh' ] || name='???!'
	is "$(PGAPPNAME=$'\xea\xb0\x80!' pg_sql p "SELECT application_name
	    FROM pg_stat_activity WHERE pid = pg_backend_pid()")" "$name" \
	    "$m: application-name"
}

# size_facts: what the programs are asked for without a cluster.
size_facts() {
	local name bad=
	mkdir -p "$T/empty"
	: >"$T/empty/postgresql.conf"
	for name in $(fact sizes-of-programs); do
		"$bin/postgres" -D "$T/empty" "$(fact show-setting)" "$name" |
		    grep -q '^[0-9]' || bad+=" $name"
	done
	is "$bad" "" "$m: sizes-of-programs"
}

known() {
	local m bin facts newest
	newest=$("$STANDBY_CLONE" --facts=99)
	for m in $(pg_majors); do
		bin=$(pg_bin "$m")
		facts=$("$STANDBY_CLONE" --facts="$m")
		ok "$m: a server starts" pg_up p "$m"
		sql_facts
		setting_facts
		recovery_facts
		control_facts
		backup_facts
		size_facts
		pg_stop p
		if fact stops-start | grep -q .; then
			stops_start "trigger_file = 'x'"
			stops_start "standby_mode = on"
			touch "$T/p/recovery.conf"
			ok "$m: recovery.conf stops the start" pg_refuses p
			rm "$T/p/recovery.conf"
		fi
		if fact senders-in-connections | grep -q .; then
			stops_start 'max_connections = 10'
		fi
		if fact stops-start | grep -q promote_trigger_file; then
			stops_start "promote_trigger_file = 'x'"
		fi
		ok "$m: without them it starts" pg_start p
		forget p
	done
}

# --- a version to come
# to_come CATALOG [CONTROL]: q is the data directory of p, of PostgreSQL 19.
to_come() {
	rm -rf "$T/q"
	cp -a "$T/p" "$T/q"
	"$TOP_SRCDIR/t/lib/newer.py" directory "$T/q" 19 "$@" || bail "q"
	# It runs, for all that one can see.
	cp "$T/p.pid" "$T/q/postmaster.pid"
}

clone_newer() {
	clone_run p s --source-pgdata="$T/q" -p "$PORT" --no-start "$@"
}

newer() {
	local m PORT
	m=$(pg_majors | tail -n 1)
	if [ "$m" != 18 ]; then
		skip "a server newer than known" "needs PostgreSQL 18"
		return
	fi
	ok "the primary starts" pg_up p "$m"
	cp "$T/p/postmaster.pid" "$T/p.pid"
	pg_sql p "CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i"
	pg_stop p
	to_come 202701011
	pg_start p
	PORT=$(port_of_ours)
	"$TOP_SRCDIR/t/lib/newer.py" relay "$PORT" "${PG_PORT[p]}" 18. 19. \
	    3>&- 4>&- &
	kill_later $!
	pg_node s "$m"
	ok "the relay makes it a 19" poll_until 10 says_19

	clone_newer --dry-run
	rc_is 0 "a dry run: exit status 0"
	is "$(ls -A "$T/s" 2>/dev/null)" "" "a dry run: nothing is made"
	clone_newer
	rc_is 0 "a clone of 19: exit status 0"
	is "$(grep -c '^standby-clone: warning: ' <<<"$err")" 1 \
	    "a clone of 19: one warning"
	like "$err" 'warning: PostgreSQL 19 of the source is newer than this' \
	    "a clone of 19: of the version"
	like "$err" 'hint: It is treated as 18' "a clone of 19: what follows"
	is "$(grep -c 'newer than' <<<"$out$err")" 1 "a clone of 19: and only once"
	is "$(cat "$T/s/PG_VERSION")" 19 "a clone of 19: it is one"
	ok "a clone of 19: standby.signal" test -f "$T/s/standby.signal"
	ok "a clone of 19: backup_label" test -f "$T/s/backup_label"
	ok "a clone of 19: pg_control" cmp "$T/s/global/pg_control" \
	    "$T/q/global/pg_control"
	is "$(find "$T/s" -maxdepth 1 -name '.standby-clone*')" "" \
	    "a clone of 19: sealed"
	clone_newer --delta
	rc_is 0 "--delta on a 19: exit status 0"
	forget s
	drop_slots p

	to_come 202701011 1900
	clone_newer
	rc_is 3 "pg_control of an unknown kind: exit status 3"
	like "$err" 'pg_control" has the unknown version 1900' \
	    "pg_control of an unknown kind: said"
	like "$err" 'hint: .*newer than PostgreSQL 18.*look for newer' \
	    "pg_control of an unknown kind: what to do"
	is "$(ls -A "$T/s" 2>/dev/null)" "" \
	    "pg_control of an unknown kind: nothing is made"
	nothing_left p "pg_control of an unknown kind"
	forget p
}

says_19() {
	[ "$("$PSQL" -X -A -t -h 127.0.0.1 -p "$PORT" -U postgres -d postgres \
	    -c '\echo :SERVER_VERSION_NUM' 3>&- 4>&-)" = \
	    "19$("$(pg_bin 18)/postgres" --version |
	    sed 's/.*18\.\([0-9]*\).*/\1/' | xargs printf '%04d')" ]
}

for part in "${@:-known newer}"; do
	for f in $part; do "$f"; done
done
done_testing
