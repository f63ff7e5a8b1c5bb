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

untouched() { ok "$1: nothing was made" test ! -e "$T/${2:-s}/PG_VERSION"; }
streams() { ok "$1: it streams" poll_until 30 pg_streams "${2:-s}"; }

# fresh [NODE]
fresh() {
	forget "${1:-s}"
	drop_slots p >/dev/null
}

# --- W10, W9: settings that a standby must not have smaller

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
		pg_sql s "ALTER SYSTEM SET work_mem = '5MB'"
		pg_stop s
		clone_run p s --delta
		rc_is 0 "$m W10: --delta, with the line of the last run"
		is "$(grep -c '^max_connections' \
		    "$T/s/postgresql.auto.conf")" 1 "$m W10: it stands there once"
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
}

# --- all of them

setup() {
	forget p
	pg_init p "$m" >/dev/null || return 1
	pg_set p "autovacuum = off" "checkpoint_timeout = '1h'"
	pg_start p && pg_node s "$m" && pg_node t "$m"
}

all=(command_line own_files lost_include)
[ $# -eq 0 ] || all=("$@")

majors='15 10'
pg_bin 15 >/dev/null || majors=$(pg_majors | tail -n 1)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] || majors=$(pg_majors)
for m in ${STANDBY_TEST_MAJORS:-$majors}; do
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
