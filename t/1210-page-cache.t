#!/bin/bash
# Goal: the primary after a clone is as it was before.  What its page cache held
# it still holds, and what it did not hold is not there now, large files and
# small ones, whole clones and deltas.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

cache() { /usr/bin/python3 "$TOP_SRCDIR/t/lib/pagecache.py" "$@"; }

# part FILE...: how much of them is in memory, in thousandths.
part() { cache count "$@" | awk '{ print $2 ? int($1 * 1000 / $2 + 0.5) : -1 }'; }

# table NAME: its file; database NAME: the directory of its files.
table() { echo "$T/p/$(pg_sql p "SELECT pg_relation_filepath('$1')")"; }
database() {
	echo "$T/p/base/$(pg_sql p "SELECT oid FROM pg_database
	    WHERE datname = '$1'")"
}

# Two of each: large tables, and databases of some 300 small files that nobody
# is connected to.  The server's own buffers hold none of their pages dirty.
setup() {
	local name
	pg_init p "$m" && pg_set p "autovacuum = off" \
	    "checkpoint_timeout = '1h'" "shared_buffers = '16MB'" \
	    "max_wal_size = '4GB'" && pg_start p && pg_node s "$m" || return 1
	pg_sql p "CREATE DATABASE hot_db" && pg_sql p "CREATE DATABASE cold_db"
	for name in hot cold half; do
		pg_sql p "CREATE TABLE $name AS SELECT i AS id,
		    repeat(md5(i::text), 30) AS pad
		    FROM generate_series(1, 60000) i" &&
		    pg_psql p -c "VACUUM $name" || return 1
	done
	pg_sql p CHECKPOINT
	hot=$(table hot) cold=$(table cold) half=$(table half)
	hot_db=$(database hot_db) cold_db=$(database cold_db)
}

# As on a primary with a working set: the last third of half is in memory.
arrange() {
	local size
	size=$(stat -c %s "$half")
	cache drop "$cold" "$cold_db" "$half"
	cache warm "$hot" "$hot_db"
	tail -c $((size / 3)) "$half" >/dev/null
}

measure() {
	is_hot=$(part "$hot") is_cold=$(part "$cold") is_half=$(part "$half")
	is_hot_db=$(part "$hot_db") is_cold_db=$(part "$cold_db")
	note "hot $is_hot, cold $is_cold, half $is_half," \
	    "small ones: hot $is_hot_db, cold $is_cold_db"
}

sound() {
	[ "$is_hot" -ge 990 ] && [ "$is_hot_db" -ge 990 ] &&
	    [ "$is_cold" -le 10 ] && [ "$is_cold_db" -le 10 ] &&
	    [ "$is_half" -ge $((before - 10)) ] &&
	    [ "$is_half" -le $((before + 10)) ]
}

# Is the file system one where this can be arranged?
can_tell() {
	arrange
	measure
	before=$is_half
	[ "$before" -gt 300 ] && [ "$before" -lt 500 ] && sound
}

# as_before NAME COMMAND...: a kernel that is short of memory takes pages at any
# time, so what is expected must come true in one of three runs.
as_before() {
	local name=$1
	shift
	for _ in 1 2 3; do
		can_tell || can_tell || bail "it could be told a moment ago"
		"$@"
		measure
		if [ "$rc" != 0 ] || sound; then break; fi
	done
	rc_is 0 "$m: $name: the clone ends with 0"
	cmp_le 990 "$is_hot" "$m: $name: a table in memory stays there"
	cmp_le 990 "$is_hot_db" "$m: $name: small files in memory stay there"
	cmp_le "$is_cold" 10 "$m: $name: a table that was not there is not"
	cmp_le "$is_cold_db" 10 \
	    "$m: $name: small files that were not there are not"
	cmp_le "$is_half" $((before + 10)) \
	    "$m: $name: of a table that was there in part, no more is"
	cmp_le $((before - 10)) "$is_half" \
	    "$m: $name: of a table that was there in part, no less is"
}

a_full_clone() {
	forget s
	pg_node s "$m"
	clone_run p s --no-start
}

full() { as_before "a full clone" a_full_clone; }

# Every page of the source is read; some of the hot ones go over.
delta() {
	pg_sql p "UPDATE hot SET pad = md5(pad) WHERE id % 1000 = 0"
	pg_sql p CHECKPOINT
	as_before "a delta" clone_run p s --no-start --delta
}

# What standby-agent(8) says of it while it serves files.
guest() {
	local pids pid own
	own=$(ps -o ni= -p $$)
	clone_paused transfer p s --delta --no-start
	pids=$(agents)
	isnt "$pids" "" "$m: there are agents"
	for pid in $pids; do
		is "$(ps -o ni= -p "$pid")" "$(printf %3d $((own + 10)))" \
		    "$m: its niceness"
		like "$(ionice -p "$pid")" '^idle' "$m: its class for disks"
	done
	clone_resume
	clone_wait
	rc_is 0 "$m: the clone ends with 0"
}

all=(full delta guest)
[ $# -eq 0 ] || all=("$@")

for m in $(pg_few); do
	for d in p s; do [ ! -d "$T/$d" ] || forget "$d"; done
	setup || bail "the primary does not start"
	can_tell || can_tell || can_tell ||
	    skip_all "what is in memory cannot be arranged or told" \
		"of files of $(stat -f -c %T "$T")"
	for f in "${all[@]}"; do
		note "==== $m $f"
		start=$SECONDS
		"$f"
		note "==== $m $f: $((SECONDS - start)) s"
	done
	ok "$m: no agent process is left" poll_until 10 no_agents
	pg_stop p
done

done_testing
