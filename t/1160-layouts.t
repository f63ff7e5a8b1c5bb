#!/bin/bash
# Goal: every layout of a data directory that a DBA really has.  Each is cloned
# from a running primary, streams, and has the content of the primary: WAL
# segments of 1 MB to 1 GB, tablespaces of all kinds, links, mount points,
# access of the group, checksums on and off.
#
#	t/1160-layouts.t [FUNCTION]...	only some of the cases
#
# Some of them with one major (15 where there is one), checksums with 18; all,
# with all majors that are installed and more sizes, with STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# --- helpers

# good NAME [NODE]: the last run made a standby with the content of p.
good() {
	local node=${2:-s}
	rc_is 0 "$m: $1: exit status 0" || return
	ok "$m: $1: it streams" poll_until 30 pg_streams "$node" &&
	    ok "$m: $1: the content is equal" oracle_compare p "$node"
}

# primary [INITDB OPTION]...: a new p, and nothing of s.
primary() {
	local n
	for n in s p; do forget "$n"; done
	rm -rf "$T/p.wal" "$T/s.wal"
	pg_init p "$m" "$@" >/dev/null || return 1
	pg_set p "autovacuum = off"
	pg_node s "$m"
}

# filled: start it and put something into it.
filled() {
	pg_start p >/dev/null && load_setup p 2000 && mkdir "$T/s.ts"
}

# ready [INITDB OPTION]...: both, or a failure.
ready() {
	primary "$@" && filled && return
	fail "$m: the primary starts"
}

# again: the standby is gone, the primary stays.
again() {
	forget s
	drop_slots p >/dev/null
	rm -rf "$T/s.wal"
	mkdir "$T/s.ts"
}

# no_slot: a clone whose WAL is fetched.
no_slot() {
	local o
	local -a all=()
	clone_args p s
	for o in "${CLONE[@]}"; do
		case $o in
		--slot=*|--create-slot) ;;
		*) all+=("$o") ;;
		esac
	done
	run "${all[@]}" --no-slot
}

# changed: what a --delta has to bring.
changed() {
	pg_sql p "UPDATE acc SET bal = bal + 1 WHERE id % 7 = 0"
	pg_sql p "INSERT INTO in_ts SELECT i, 'delta'
	    FROM generate_series(100000, 100500) i"
	pg_sql p CHECKPOINT
}

# delta NAME [OPTION]...
delta() {
	local name=$1
	shift
	pg_stop s
	changed
	clone_run p s --delta "$@"
	good "$name, --delta"
}

# --- WAL segments

# segments MB
segments() {
	primary --wal-segsize="$1" || { fail "$m: $1 MB: initdb"; return; }
	# Else each switch to another one is a checkpoint, which may remove the
	# one that is to be fetched.
	[ "$1" -lt 64 ] ||
	    pg_set p "min_wal_size = '$((2 * $1))MB'" "max_wal_size = '8GB'"
	filled || { fail "$m: segments of $1 MB: the primary starts"; return; }
	clone_run p s
	good "segments of $1 MB"
	is "$(pg_sql s "SELECT pg_size_bytes(current_setting('wal_segment_size'))")" \
	    "$(($1 * 1024 * 1024))" "$m: segments of $1 MB: as on the primary"
	# Fetched: names, sizes and the page headers are of that size.
	again
	no_slot
	good "segments of $1 MB, fetched"
	[ "$long" = 0 ] || delta "segments of $1 MB"
}

segment_sizes() {
	local mb
	if [ "$m" -lt 11 ]; then
		skip "$m: segments that are not of 16 MB" "since 11"
		return
	fi
	for mb in ${STANDBY_TEST_SEGMENTS:-$([ "$long" = 0 ] && echo 1 ||
	    echo 1 2 64 256 1024)}; do
		segments "$mb"
	done
}

# --- tablespaces

# What stands in pg_tblspc: "OID -> DIR", "OID dir".
tablespaces() {
	(cd "$T/$1/pg_tblspc" && find . -mindepth 1 -maxdepth 1 \
	    \( -type l -printf '%f -> %l\n' -o -printf '%f %y\n' \) | sort)
}

oid() { pg_sql p "SELECT oid FROM pg_tablespace WHERE spcname = '$1'"; }

in_place() {
	if [ "$m" -lt 15 ]; then
		skip "$m: in-place tablespaces" "since 15"
		return
	fi
	ready || return
	# As it is by default: on for the session that makes one.
	pg_sql p "ALTER SYSTEM SET allow_in_place_tablespaces = off"
	pg_reload p
	pg_psql p <<-'END'
		SET allow_in_place_tablespaces = on;
		CREATE TABLESPACE inp LOCATION '';
		CREATE TABLE in_inp TABLESPACE inp AS
		    SELECT i AS id, md5(i::text) t FROM generate_series(1, 3000) i;
	END
	clone_run p s
	good "an in-place tablespace"
	is "$(tablespaces s)" "$(printf '%s\n' "$(oid ts) -> $T/s.ts" \
	    "$(oid inp) d" | sort)" "$m: it is a directory there too"
	pg_sql p "UPDATE in_inp SET t = 'x' WHERE id < 500"
	delta "an in-place tablespace"
	like "$err" "note: .*allow_in_place_tablespaces = on is written" \
	    "$m: an in-place tablespace: what it needs is told"
	# It stays one when its table grows on the standby's side of time.
	pg_sql p "INSERT INTO in_inp SELECT i, 'more'
	    FROM generate_series(4000, 4100) i"
	ok "$m: an in-place tablespace: replay goes on in it" oracle_compare p s
	pg_sql p "DROP TABLE in_inp"
	pg_sql p "DROP TABLESPACE inp"
	delta "an in-place tablespace that was dropped"
	is "$(tablespaces s)" "$(oid ts) -> $T/s.ts" "$m: it is gone there too"
	unlike "$(cat "$T/s/postgresql.auto.conf")" \
	    '^allow_in_place_tablespaces = 1' "$m: and so is what it needed"
}

# The word -T and the one behind it.
without_mapping() {
	local o drop=0
	local -a all=()
	for o in "${CLONE[@]}"; do
		if [ "$drop" = 1 ]; then
			drop=0
		elif [ "$o" = -T ]; then
			drop=1
		else
			all+=("$o")
		fi
	done
	CLONE=("${all[@]}")
}

# Without -T the directory is the same one, which on one host is the source's
# own.  Another host for the standby: a view of the file system with another
# boot id, and with other directories in the place of these.
HOST=(unshare -Urm "$T/host.sh")
cat >"$T/host.sh" <<-END
	#!/bin/sh
	set -e
	mount --bind '$T/boot_id' /proc/sys/kernel/random/boot_id
	for d in '$T'/*.there; do mount --bind "\$d" "\${d%.there}"; done
	exec unshare -U --map-user=$(id -u) --map-group=$(id -g) "\$@"
END
chmod 0700 "$T/host.sh"
echo 11111111-2222-4333-8444-555555555555 >"$T/boot_id"
mkdir "$T/none" "$T/none.there"

unmapped() {
	local here=$T/p.ts
	ready || return
	rmdir "$T/s.ts"
	clone_args p s
	without_mapping
	run "${CLONE[@]}"
	rc_is 3 "$m: a tablespace without -T on one host is refused"
	like "$err" "--tablespace-mapping=$here=" "$m: the hint names the option"
	like "$err" "source's own .same host, same path" "$m: and it says why"
	ok "$m: nothing is written" test ! -e "$T/s"
	if ! "${HOST[@]}" true; then
		skip "$m: a tablespace without -T" "no name spaces here"
		return
	fi
	mkdir "$T/p.ts.there" "$T/come" "$T/come.there"
	run "${HOST[@]}" "${CLONE[@]}"
	good "a tablespace without -T"
	is "$(readlink "$T"/s/pg_tblspc/*)" "$here" "$m: at the same path"
	is "$(cd "$T/p.ts.there" && ls)" "$(cd "$here" && ls)" \
	    "$m: in the directory of its own host"
	pg_stop s
	changed
	clone_args p s
	without_mapping
	run "${HOST[@]}" "${CLONE[@]}" --delta
	good "a tablespace without -T, --delta"
	pg_stop s
	made_elsewhere
	rm -rf "$T/p.ts.there" "$T/come" "$T/come.there" "$T/none/new" \
	    "$T/none.there/new"
}

# held_elsewhere NAME: a --delta on that host, held while files travel.
held_elsewhere() {
	rm -f "$CLONE_HOLD"
	STANDBY_TEST_PAUSE=transfer STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
	    "${HOST[@]}" "${CLONE[@]}" --delta >"$T/.bg.out" 2>"$T/.bg.err" \
	    3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	poll_until 120 clone_held_or_gone
	ok "$m: $1: the phase is reached" test -e "$CLONE_HOLD"
}

# B9 on two hosts: replay makes it at the same path, which must be there.
made_elsewhere() {
	held_elsewhere B9
	mkdir "$T/none/new"
	pg_sql p "CREATE TABLESPACE new LOCATION '$T/none/new'"
	pg_sql p "CREATE TABLESPACE come LOCATION '$T/come'"
	pg_sql p "CREATE TABLE in_come TABLESPACE come AS
	    SELECT i FROM generate_series(1, 500) i"
	pg_sql p CHECKPOINT
	clone_resume
	clone_wait
	good "B9: a tablespace made during the copy, without -T"
	is "$(pg_sql s "SELECT count(*) FROM in_come")" 500 "$m: B9: it is there"
	is "$(cd "$T/come.there" && ls)" "$(cd "$T/come" && ls)" \
	    "$m: B9: in the directory of its own host"
	is "$(cd "$T/none.there/new" && ls)" "$(cd "$T/none/new" && ls)" \
	    "$m: B9: and in one that was made for it"
	# B10 there: the directory stays where it is, and empty.
	pg_stop s
	held_elsewhere B10
	pg_sql p "DROP TABLE in_come"
	pg_sql p CHECKPOINT
	pg_sql p "DROP TABLESPACE come"
	clone_resume
	clone_wait
	good "B10: a tablespace dropped during the copy, without -T"
	is "$(cd "$T/come.there" && ls)" "" "$m: B10: replay emptied it"
	pg_stop s
}

# W12: the directory of another major stands there, and stays.
shared_by_majors() {
	local ours other="$T/s.ts/PG_9.1_201105231" before
	ready || return
	ours=$(cd "$T/p.ts" && echo PG_*)
	mkdir -p "$other/16384" "$T/p.ts/PG_9.2_201204301/5"
	echo precious >"$other/16384/4711"
	echo precious >"$T/p.ts/PG_9.2_201204301/5/6"
	before=$(tree_hash "$other")
	clone_run p s
	good "a tablespace directory with one of another major"
	is "$(tree_hash "$other")" "$before" "$m: that one is untouched"
	is "$(cd "$T/s.ts" && echo *)" "$ours PG_9.1_201105231" \
	    "$m: the one of another major on the primary is not copied"
	delta "a tablespace directory with one of another major"
	is "$(tree_hash "$other")" "$before" "$m: and stays so with --delta"
	# Ours there, and no standby that it is of.
	pg_stop s
	rm -rf "${T:?}/s"
	drop_slots p >/dev/null
	before=$(tree_hash "$T/s.ts")
	clone_run p s
	rc_is 3 "$m: one with our own directory is refused"
	like "$err" "$T/s.ts.*not empty" "$m: and named"
	is "$(tree_hash "$T/s.ts")" "$before" "$m: nothing of it is changed"
	ok "$m: no data directory is made" test ! -e "$T/s"
}

# B9, B10: tablespaces that come and go while files travel.
come_and_go() {
	local oid
	ready || return
	mkdir "$T/gone" "$T/gone.s" "$T/come" "$T/come.s"
	pg_sql p "CREATE TABLESPACE gone LOCATION '$T/gone'"
	pg_sql p "CREATE TABLE in_gone TABLESPACE gone AS
	    SELECT i FROM generate_series(1, 5000) i"
	pg_sql p CHECKPOINT
	oid=$(oid gone)

	# Dropped when the list is made, before its files travel; another one
	# that has no directory here yet.
	clone_paused transfer p s -T "$T/gone=$T/gone.s" ||
	    fail "$m: B10: the phase is reached"
	pg_sql p "DROP TABLE in_gone"
	pg_sql p "CHECKPOINT"
	pg_sql p "DROP TABLESPACE gone"
	clone_resume
	clone_wait
	good "B10: a tablespace dropped during the copy"
	ok "$m: B10: the primary's directory is as it was" \
	    test -z "$(ls -A "$T/gone")"
	ok "$m: B10: replay has removed it here too" poll_until 30 \
	    pg_is s "SELECT count(*) FROM pg_tablespace WHERE oid = $oid" 0
	ok "$m: B10: after a restart it still streams" pg_restart s
	good "B10: after a restart"
	delta "B10: the next time"

	# Dropped before the list is made: only the map of the backup has it.
	again
	pg_sql p "CREATE TABLESPACE gone LOCATION '$T/gone'"
	oid=$(oid gone)
	clone_paused backup p s -T "$T/gone=$T/gone.t" ||
	    fail "$m: B10: the backup has begun"
	pg_sql p "DROP TABLESPACE gone"
	clone_resume
	clone_wait
	good "B10: a tablespace dropped before its files are listed"
	ok "$m: B10: it was given an empty directory of its own" \
	    test -d "$T/s.dropped-$oid"

	# Made and dropped again during the copy: nothing of it is needed.
	again
	clone_paused transfer p s || fail "$m: B9: the phase is reached"
	pg_sql p "CREATE TABLESPACE come LOCATION '$T/come'"
	pg_sql p "CREATE TABLE in_come TABLESPACE come AS
	    SELECT i FROM generate_series(1, 500) i"
	pg_sql p CHECKPOINT
	pg_sql p "DROP TABLE in_come"
	pg_sql p "DROP TABLESPACE come"
	clone_resume
	clone_wait
	note "B9, made and dropped: $rc"
	pg_sql p "SELECT 1" >/dev/null || fail "$m: B9: the primary lives"
	ok "$m: B9: the primary's directory is as it was" \
	    test -z "$(ls -A "$T/come")"

	# Made, and -T for it was given before it was there.
	again
	clone_paused transfer p s -T "$T/come=$T/come.s" ||
	    fail "$m: B9: the phase is reached"
	pg_sql p "CREATE TABLESPACE come LOCATION '$T/come'"
	pg_sql p "CREATE TABLE in_come TABLESPACE come AS
	    SELECT i FROM generate_series(1, 500) i"
	pg_sql p CHECKPOINT
	clone_resume
	clone_wait
	rc_is 7 "$m: B9: a tablespace made during the copy, on one host"
	like "$err" "$T/come" "$m: B9: it is named"
	ok "$m: B9: PostgreSQL refuses to start" pg_refuses s
	clone_run p s -T "$T/come=$T/come.s"
	good "B9: the same command again"
	is "$(pg_sql s "SELECT count(*) FROM in_come")" 500 "$m: B9: it is there"
	is "$(readlink "$T/s/pg_tblspc/$(oid come)")" "$T/come.s" \
	    "$m: B9: in the mapped directory"
	forget s
	rm -rf "$T/gone" "$T/gone.s" "$T/come" "$T/come.s" "$T"/s.dropped-*
}

# --- links and mount points

# ctl NODE VERB DIR: by a name of the directory that pg.sh does not use.
ctl() {
	"$(pg_bin "$m")/pg_ctl" -D "$3" -l "$T/$1.log" -w -t 60 \
	    -o "-p ${PG_PORT[$1]} -k $PG_SOCK" "$2" 3>&- 4>&-
}

ctl_stop() {
	[ ! -e "$T/$1/postmaster.pid" ] || "$(pg_bin "$m")/pg_ctl" \
	    -D "$T/$1" -w -t 60 -m immediate stop 3>&- 4>&-
}
end_real() { ctl_stop s.real; ctl_stop p.real; }
at_exit end_real

# PGDATA is a link on both sides, to a mount point's top; WAL is elsewhere.
links() {
	primary -X "$T/p.wal" || { fail "$m: initdb"; return; }
	mv "$T/p" "$T/p.real"
	ln -s p.real "$T/p"
	mkdir "$T/p.real/lost+found"
	ctl p start "$T/p" || { fail "$m: the primary starts"; return; }
	load_setup p 2000
	mkdir "$T/s.ts"
	mkdir -p "$T/s.real/lost+found"
	echo theirs >"$T/s.real/lost+found/#12"
	ln -s s.real "$T/s"
	chmod 0 "$T/p.real/lost+found"
	clone_run p s --waldir="$T/s.wal"
	good "PGDATA is a link on both sides, with lost+found"
	is "$(readlink "$T/s")" s.real "$m: the link is still there"
	is "$(cat "$T/s/lost+found/#12")" theirs "$m: lost+found is untouched"
	is "$(readlink "$T/s/pg_wal")" "$T/s.wal" "$m: --waldir: a link to it"
	ok "$m: --waldir: WAL is there" test -n "$(ls "$T/s.wal")"
	like "$out$err" "$T/s.real" "$m: the directory that is meant is printed"
	ctl_stop s.real
	changed
	clone_run p s --delta
	good "PGDATA is a link on both sides, --delta"
	is "$(cat "$T/s/lost+found/#12")" theirs "$m: lost+found still is"
	is "$(readlink "$T/s/pg_wal")" "$T/s.wal" "$m: so is the link to the WAL"
	chmod 0700 "$T/p.real/lost+found"
	end_real
	rm -rf "$T/p" "$T/s" "$T/p.real" "$T/s.real"
	forget p
	forget s
}

# A real mount point, too small for a cluster: it holds the links.
mount_point() {
	local small=${STANDBY_TEST_SMALL:-/nonexistent} d
	if [ ! -d "$small" ]; then
		skip "$m: a mount point" "t/run could not mount a file system"
		return
	fi
	{ primary && pg_start p >/dev/null; } ||
	    { fail "$m: the primary starts"; return; }
	mkdir "$small/lost+found" "$T/s.ts"
	pg_sql p "SELECT 1" >/dev/null
	mkdir "$T/p.ts"
	pg_sql p "CREATE EXTENSION amcheck"
	pg_sql p "CREATE TABLESPACE ts LOCATION '$T/p.ts'"
	pg_sql p "CREATE TABLE in_ts TABLESPACE ts AS
	    SELECT i AS id, md5(i::text) AS pad FROM generate_series(1, 500) i"
	clone_run p s -T "$T/p.ts=$small"
	good "a tablespace on the top of a mount point"
	ok "$m: its lost+found is there" test -d "$small/lost+found"
	is "$(readlink "$T"/s/pg_tblspc/*)" "$small" "$m: the link leads to it"
	pg_stop s
	clone_run p s --delta -T "$T/p.ts=$small"
	good "a tablespace on the top of a mount point, --delta"
	forget s
	forget p
	for d in "$small"/PG_* "$small/lost+found"; do rm -rf "$d"; done
}

# --- access of the group

group_access() {
	if [ "$m" -lt 11 ]; then
		skip "$m: access of the group" "since 11"
		return
	fi
	ready -g -X "$T/p.wal" || return
	clone_run p s --waldir="$T/s.wal"
	good "access of the group"
	is "$(pg_sql s "SHOW data_directory_mode")" 0750 "$m: the mode is 0750"
	forget s
	drop_slots p >/dev/null
	rm -rf "$T/s.wal"
	clone_run p s --waldir="$T/s.wal" --no-start
	is "$(find "$T/s" "$T/s.wal" "$T/s.ts" -type d ! -perm 0750 \
	    -printf '%p %m\n')" "" "$m: all directories are 0750"
	is "$(find "$T/s" "$T/s.wal" "$T/s.ts"/* -type f ! -perm 0640 \
	    -printf '%p %m\n')" "" "$m: all files are 0640"
	# The primary's owner takes it back: so does the next --delta.
	pg_stop p
	find "$T/p/" "$T/p.wal/" -type d -exec chmod 0700 {} +
	find "$T/p/" "$T/p.wal/" -type f -exec chmod 0600 {} +
	pg_start p
	clone_run p s --delta --no-start
	rc_is 0 "$m: access of the group was taken back: --delta"
	is "$(stat -c %a "$T/s")" 700 "$m: PGDATA is 0700"
	ok "$m: it starts" pg_start s
	is "$(pg_sql s "SHOW data_directory_mode")" 0700 "$m: the server says so"
}

# --- data checksums

checksums() {
	local how opt
	for how in on off; do
		opt=--data-checksums
		[ "$how" = on ] || opt=$([ "$m" -lt 18 ] ||
		    echo --no-data-checksums)
		# shellcheck disable=SC2086	# none, or one
		ready $opt || continue
		is "$(pg_sql p "SHOW data_checksums")" "$how" \
		    "$m: checksums $how: the primary's"
		clone_run p s
		good "checksums $how"
		is "$(pg_sql s "SHOW data_checksums")" "$how" \
		    "$m: checksums $how: the standby's"
		delta "checksums $how"
		[ "$how" = off ] || ok "$m: checksums on: pg_checksums agrees" \
		    offline_checksums
	done
}

offline_checksums() {
	local bin prog=pg_checksums
	bin=$(pg_bin "$m")
	[ "$m" -ge 12 ] || prog=pg_verify_checksums
	[ -x "$bin/$prog" ] || return 0
	pg_stop s
	"$bin/$prog" -D "$T/s" 3>&- 4>&-
}

# --- all of them

world=${STANDBY_TEST_WORLD:-0}

cases() {
	if [ "$world" = 1 ]; then
		echo segment_sizes shared_by_majors come_and_go in_place \
		    links mount_point group_access unmapped checksums
	elif [ "$m" -ge 18 ]; then
		echo checksums
	else
		echo segment_sizes shared_by_majors group_access unmapped
	fi
}

for m in $(pg_few 18); do
	long=$world
	names=("$@")
	# shellcheck disable=SC2207	# a list of words
	[ $# -gt 0 ] || names=($(cases))
	for f in "${names[@]}"; do
		note "==== $m $f"
		start=$SECONDS
		"$f"
		note "==== $m $f: $((SECONDS - start)) s"
		[ -z "$CLONE_PID" ] || gone "$CLONE_PID" ||
		    kill -KILL "$CLONE_PID"
		clone_resume
	done
	ok "$m: no agent process is left" poll_until 10 no_agents
	forget s
	forget p
done

done_testing
