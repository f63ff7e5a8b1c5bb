#!/bin/bash
# Goal: a clone has exactly what it should.  A file of every kind that is left
# out and of every kind that is kept is planted in the primary; then the whole
# list of names, types and modes of the clone is what it must be, fresh and with
# --delta over a directory that is full of other things.
#
# One major (15 where there is one) and the newest; all that are installed with
# STANDBY_TEST_WORLD=1.  t/lib/plant.py has the kinds; what --list-excludes
# names and it does not know makes this fail.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

PLANT=(env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3
    "$TOP_SRCDIR/t/lib/plant.py")

prepare() {
	local n
	for n in s p; do forget "$n"; done
	pg_init p "$m" >/dev/null || return 1
	mkdir "$T/p/log files" "$T/p/my stats"
	pg_set p "autovacuum = off" "max_prepared_transactions = 5" \
	    "checkpoint_timeout = '1h'" "log_directory = 'log files'"
	[ "$m" -ge 15 ] || pg_set p "stats_temp_directory = 'my stats'"
	[ "$m" -lt 12 ] || [ "$m" -gt 15 ] ||
	    pg_set p "promote_trigger_file = 'the trigger'"
	{ pg_start p >/dev/null && load_setup p 2000; } || return 1
	pg_node s "$m"
	mkdir "$T/s.ts"
	[ "$m" -lt 15 ] || pg_psql p <<-'END'
		SET allow_in_place_tablespaces = on;
		CREATE TABLESPACE inp LOCATION '';
		CREATE TABLE in_inp TABLESPACE inp AS SELECT 1 AS i;
	END
	pg_psql p <<-'END'
		CREATE TABLE prepared (i int);
		BEGIN;
		INSERT INTO prepared VALUES (1);
		PREPARE TRANSACTION 'waits';
		CHECKPOINT;
	END
	is "$(find "$T/p/pg_twophase" -type f | wc -l)" 1 \
	    "$m: there is a file of a prepared transaction"
}

# Kinds that this version does not leave out by itself, since nothing tells
# that they are there: no such setting.
planted() {
	"$STANDBY_CLONE" --list-excludes >"$T/listed"
	ok "$m: every kind that is left out is planted" \
	    "${PLANT[@]}" plant "$T/p" "$T/p.ts" \
	    "$(pg_sql p "SELECT oid FROM pg_database
		WHERE datname = 'postgres'")" "$T/listed" "$T/where"
	[ "$m" -lt 15 ] || forget_kind 'my stats'
	if [ "$m" -lt 12 ] || [ "$m" -gt 15 ]; then
		forget_kind 'the trigger'
	fi
}
forget_kind() {
	sed -i "/^[a-z]* b'$1/d" "$T/where"
}

# What only a clone has.
of_ours() {
	echo backup_label
	[ ! -s "$T/s/tablespace_map" ] || echo tablespace_map
	if [ "$m" -lt 12 ]; then echo recovery.conf; else echo standby.signal; fi
	[ ! -e "$T/s/.standby-clone.index" ] || echo .standby-clone.index
	[ ! -e "$T/s/.standby-clone.settings" ] || echo .standby-clone.settings
	[ -e "$T/p/postgresql.auto.conf" ] || echo postgresql.auto.conf
}

exactly() {
	local -a ours
	mapfile -t ours < <(of_ours)
	"${PLANT[@]}" expect "$T/p" "$T/where" "${ours[@]}" >"$T/expected"
	"${PLANT[@]}" list "$T/s" >"$T/got"
	cmp_le 900 "$(wc -l <"$T/expected")" "$m: $1: there is something to compare"
	ok "$m: B26: $1: names, types and modes are exactly the expected ones" \
	    diff "$T/expected" "$T/got"
}

# The contents of what was planted to be kept.
contents() {
	local f
	(cd "$T/p" && find . -mindepth 2 -type f -size -300c -print0 |
	    xargs -0 grep -lZ '^planted ') |
	while IFS= read -r -d '' f; do
		[ ! -f "$T/s/$f" ] || cmp "$T/p/$f" "$T/s/$f"
	done >"$T/differ" 2>&1
	is "$(cat "$T/differ")" "" "$m: $1: the contents are the same"
}

for m in $(pg_few 18); do
	prepare || { fail "$m: the primary starts"; continue; }
	planted
	clone_run p s --no-start
	rc_is 0 "$m: fresh"
	exactly "fresh"
	contents "fresh"

	ok "$m: another life of it" "${PLANT[@]}" litter "$T/s" "$T/s.ts" \
	    "$T/where"
	clone_run p s --delta --no-start
	rc_is 0 "$m: --delta"
	exactly "--delta"
	contents "--delta"
	is "$(cat "$T/s.ts/own file")" "planted $(cd "$T/s" &&
	    echo pg_tblspc/*/"own file")" "$m: B25: --delta: what stays is as it was"

	ok "$m: it starts" pg_start s
	ok "$m: it streams" poll_until 30 pg_streams s
	[ "$m" -lt 17 ] || ok "$m: the server makes pg_wal/summaries" \
	    test -d "$T/s/pg_wal/summaries"
	ok "$m: the content is equal" oracle_compare p s
	pg_sql p "COMMIT PREPARED 'waits'"
	ok "$m: the prepared transaction is there" oracle_compare p s
	forget s
	forget p
done

done_testing
