#!/bin/bash
# Goal: what only the target has is seen before it is overwritten: WAL that its
# pg_control does not tell of yet, and that it is the primary of the source; and
# its directories are judged before the backup, and stay where they are.
#
#	t/1015-target.t [FUNCTION]...	only some of the cases
#
# On the oldest and the newest major and 15.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# --- helpers

state() { tree_hash "$T/$1" "$T/$1.ts"; }

# killed NODE: as by a power failure.
killed() {
	local pid
	pid=$(pg_pid "$1") && kill -KILL "$pid" && pg_dead "$1" "$pid"
}

# refused NAME TARGET WHY BYTES: the last run, by regular expressions.
refused() {
	rc_is 3 "$1: exit status 3"
	like "$err" "error: .*$3" "$1: says why"
	like "$err" 'It reached [0-9A-F]+/[0-9A-F]+ on timeline [0-9]+.*the source is at [0-9A-F]+/[0-9A-F]+' \
	    "$1: both positions"
	like "$err" "$4" "$1: what would be lost"
	like "$err" 'hint: .*--force' "$1: what to type"
	is "$(state "$2")" "$before" "$1: nothing changed"
}

# fresh_pair: p, and s that streams from it with all that p has.
fresh_pair() {
	forget s
	forget p
	pg_init p "$m" >/dev/null || return 1
	pg_set p "autovacuum = off" "checkpoint_timeout = '1h'" \
	    "max_wal_size = '2GB'"
	pg_start p && load_setup p 200 || return 1
	pg_node s "$m"
	mkdir "$T/s.ts"
	clone_run p s
	[ "$rc" = 0 ] && poll_until 30 pg_streams s && pg_wait_replay s p
}

# alone NODE: a standby that runs without its primary.  (See pg_detach.)
alone() {
	pg_stop "$1" >/dev/null 2>&1
	[ "$m" != 10 ] || sed -i '/^primary_conninfo/d' "$T/$1/recovery.conf"
	pg_start "$1" >/dev/null || fail "$m: $1 starts"
}

# only_p: rows that s does not get.  Its pg_control knows nothing of them.
only_p() {
	pg_stop s >/dev/null
	pg_sql p "CREATE TABLE only_p AS SELECT i, repeat('x', 500)
	    FROM generate_series(1, 1000) i"
}

back() { clone_run s p --delta -n "$@"; }

# --- 1: a primary that was killed, and its standby that lags

killed_primary() {
	fresh_pair || { fail "$m: a pair"; return; }
	pg_sql p CHECKPOINT
	only_p
	killed p
	alone s
	before=$(state p)
	back
	refused "$m: killed primary, from its standby" p 'none would be left' \
	    ' [1-9][0-9]{5,} bytes of WAL that only it has would be lost'
	like "$err" "pg_ctl start -D '$T/p'" "$m: killed primary: start it"
	back --force
	rc_is 0 "$m: killed primary, --force: exit status 0"
	like "$err" 'that only the target has will be gone' \
	    "$m: killed primary, --force: says what is lost"
}

# --- 2: cleanly stopped, nothing lost, but no primary would be left

stopped_primary() {
	fresh_pair || { fail "$m: a pair"; return; }
	pg_stop p >/dev/null
	alone s
	before=$(state p)
	back
	refused "$m: stopped primary, from its standby" p 'none would be left' \
	    'all of its WAL|[0-9]+ bytes of WAL that only it has'
	back --force
	rc_is 0 "$m: stopped primary, --force: exit status 0"

	# It was made a standby: then there is another primary.
	if [ "$m" -ge 12 ]; then
		: >"$T/p/standby.signal"
	else
		echo "standby_mode = on" >"$T/p/recovery.conf"
	fi
	back
	unlike "$err" 'none would be left' "$m: one with the files of a standby"
}

# --- 3: killed, while the standby went on as the primary

killed_before_the_fork() {
	fresh_pair || { fail "$m: a pair"; return; }
	pg_sql p CHECKPOINT
	only_p
	killed p
	alone s
	pg_promote s >/dev/null || fail "$m: the standby is promoted"
	pg_sql s "CREATE TABLE only_s AS SELECT 1"
	back
	rc_is 0 "$m: old primary that was killed: exit status 0"
	like "$err" 'left this timeline at [0-9A-F/]+; [1-9][0-9.]+ [kM]B of its own WAL' \
	    "$m: old primary that was killed: says where it left, and how much is lost"
}

# --- standbys among themselves

standbys() {
	fresh_pair || { fail "$m: a pair"; return; }
	forget u
	pg_node u "$m"
	mkdir "$T/u.ts"
	clone_run p u
	rc_is 0 "$m: a second standby"

	pg_stop u >/dev/null
	pg_sql p "CREATE TABLE more AS SELECT i, repeat('x', 500)
	    FROM generate_series(1, 1000) i"
	pg_wait_replay s p
	clone_run s u --delta -n
	rc_is 0 "$m: a standby that is behind, from a standby: exit status 0"
	unlike "$err" 'WAL' "$m: a standby that is behind: no word of its WAL"
	clone_run p u --delta -n
	rc_is 0 "$m: a standby that is behind, from the primary: exit status 0"
	unlike "$err" 'WAL' "$m: the same from the primary: no word of its WAL"

	rm -rf "$T/u/pg_wal" && mkdir -m 0700 "$T/u/pg_wal"
	clone_run p u --delta -n
	rc_is 0 "$m: a standby without any WAL: exit status 0"
	unlike "$err" 'not known' "$m: a standby without any WAL: no word of it"
	clone_run p u --delta
	rc_is 0 "$m: a standby without any WAL: made again"
	pg_stop u >/dev/null
	pg_sql p "CREATE TABLE again AS SELECT i, repeat('x', 500)
	    FROM generate_series(1, 1000) i"
	pg_wait_replay s p

	# s has all, u lags, p is gone.
	killed s
	killed p
	alone u
	before=$(state s)
	clone_run u s --delta -n
	refused "$m: a standby that is ahead, from one that lags" s \
	    'is ahead of the source' ' [1-9][0-9]{5,} bytes of WAL that nobody else may have'
	forget u
}

# --- tablespaces

unmapped() {
	local i
	for i in "${!CLONE[@]}"; do
		[ "${CLONE[i]}" = -T ] || continue
		CLONE=("${CLONE[@]:0:i}" "${CLONE[@]:i + 2}")
		return
	done
}

tablespace() { readlink "$T/s/pg_tblspc/$oid"; }
in_ts() { pg_sql "$1" "SELECT count(*) FROM in_ts"; }

links() {
	local oid
	fresh_pair || { fail "$m: a pair"; return; }
	oid=$(pg_sql p "SELECT oid FROM pg_tablespace WHERE spcname = 'ts'")
	pg_stop s >/dev/null
	pg_sql p "DELETE FROM in_ts WHERE id <= 5"
	clone_args p s
	unmapped
	run "${CLONE[@]}" --delta
	# The target may be a copy of another standby, whose directory that is.
	rc_is 3 "$m: --delta without -T, on one host: exit status 3"
	like "$err" "hint: .*--tablespace-mapping=$T/p.ts=$T/s.ts( |\$)" \
	    "$m: without -T: where it was is proposed"
	is "$(tablespace)" "$T/s.ts" "$m: without -T: nothing is changed"

	unmapped
	run "${CLONE[@]}" --delta -T "$T/p.ts=$T/s.new"
	rc_is 0 "$m: --delta with -T to a new place: exit status 0"
	is "$(tablespace)" "$T/s.new" "$m: a new place: it goes there"
	like "$err" "the old copy in \"$T/s.ts\" stays" \
	    "$m: a new place: a note names the old one"
	is "$(in_ts s)" "$(in_ts p)" "$m: a new place: it has the content"

	# Another cluster's link says nothing.
	pg_stop s >/dev/null
	pg_init o "$m" >/dev/null
	cp "$T/o/global/pg_control" "$T/s/global/pg_control"
	run "${CLONE[@]}" --delta --force -n
	rc_is 3 "$m: links of another cluster are not kept"
	like "$err" 'tablespace "ts": .*source.s own' "$m: links of another: why"
	rm -rf "$T/s.new" "$T/o"
}

# What no refusal may cost: a checkpoint.
checkpoint() { pg_sql p "SELECT checkpoint_lsn FROM pg_control_checkpoint()"; }

at_once() {
	local d before
	fresh_pair || { fail "$m: a pair"; return; }
	forget s
	mkdir "$T/p.ts2" "$T/p.ts 3" "$T/s.wal" "$T/full"
	touch "$T/s.wal/file" "$T/full/file"
	pg_sql p "CREATE TABLESPACE second LOCATION '$T/p.ts2'"
	pg_sql p "CREATE TABLESPACE third LOCATION '$T/p.ts 3'"
	drop_slots p >/dev/null
	clone_args p s
	before=$(checkpoint)
	run "${CLONE[@]}" -T "$T/p.ts 3=$T/full" --waldir="$T/s.wal"
	rc_is 3 "$m: all directories at once: exit status 3"
	like "$err" 'tablespace "second": .*source.s own' \
	    "$m: all at once: that of the source, by name"
	like "$err" 'tablespace "third": .*not empty' \
	    "$m: all at once: one with files, by name"
	like "$err" '--waldir: .*not empty' "$m: all at once: the WAL directory"
	unlike "$out$err" 'backup start' "$m: all at once: before the backup"
	is "$(checkpoint)" "$before" "$m: all at once: without a checkpoint"
	is "$(grep -c 'error: tablespace' <<<"$err")" 2 \
	    "$m: all at once: each is said once"
	rm -rf "$T/p.ts2" "$T/p.ts 3" "$T/s.wal" "$T/full"
}

all=(killed_primary stopped_primary killed_before_the_fork standbys links at_once)
[ $# -eq 0 ] || all=("$@")
majors=$(pg_majors)
[ "${STANDBY_TEST_WORLD:-0}" = 1 ] || majors=${STANDBY_TEST_MAJORS:-$(
    printf '%s\n' "$majors" | sed -n '1p;/^15$/p;$p' | sort -un)}
for m in $majors; do
	for f in "${all[@]}"; do
		note "==== $m $f"
		"$f"
	done
	forget s
	forget p
	ok "$m: no agent process is left" poll_until 10 no_agents
done

done_testing
