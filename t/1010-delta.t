#!/bin/bash
# Goal: --delta brings the changed pages and little else (counted at the
# socket, not by the program), and the result is equal: a standby that was
# stopped, an old primary that diverged, a directory with hard links.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/relay.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

rows=400000

# A relation of several segments: one row per page makes 1.1 GB of little WAL.
several_segments() {
	[ "${STANDBY_TEST_WORLD:-0}" = 1 ] || return 0
	pg_psql "$1" <<-'END'
		CREATE TABLE huge (id int, pad text) WITH (fillfactor = 10);
		ALTER TABLE huge ALTER pad SET STORAGE PLAIN;
		INSERT INTO huge SELECT i, repeat(md5(i::text), 30)
		    FROM generate_series(1, 145000) i;
	END
}

# About 3 % of the pages: heap, index, TOAST, maps, tablespace; one relation
# shrinks and one goes.
change() {
	pg_psql "$1" -v ON_ERROR_STOP=1 <<-END
		UPDATE acc SET pad = md5(pad) WHERE id BETWEEN 1000 AND 1000 + $rows / 80;
		UPDATE toasted SET t = md5(t) || t WHERE id % 60 = 0;
		UPDATE in_ts SET pad = 'a' || pad WHERE id <= 100;
		DELETE FROM shrink WHERE id > 2000;
		VACUUM shrink;
		DROP TABLE dropped;
		CREATE TABLE fresh AS SELECT i, md5(i::text)
		    FROM generate_series(1, 3000) i;
		VACUUM acc;
	END
	if [ "${STANDBY_TEST_WORLD:-0}" = 1 ]; then
		pg_psql "$1" -c "UPDATE huge SET id = -id
		    WHERE id % 100 = 0 OR id > 144800"
	fi
	pg_sql "$1" CHECKPOINT
}

changed_pages() {
	/usr/bin/python3 "$TOP_SRCDIR/t/lib/pages.py" "$T/$1" "$T/$2" \
	    "$T/$1.ts" "$T/$2.ts"
}

# Through the relay from here on: known under the relay's port as well.
use_relay() {
	local port=${SSHD_PORT[main]}
	relay_start "$1" "$port" || return 1
	SSH_PORT=${RELAY_PORT[$1]}
	sed -n "s/:$port /:$SSH_PORT /p" "$SSHD_DIR/main/known_hosts" \
	    >>"${SSHD_KNOWN[main]}"
}

refresh_stopped() {
	local m=$1 p=p$1 s=s$1 total changed limit
	ok "$m: the standby stops" pg_stop "$s"
	ok "$m: three percent of the primary change" change "$p"
	pg_stop "$p"
	ok "$m: (the primary starts again, so that it is at rest)" pg_start "$p"
	read -r total changed _ < <(changed_pages "$p" "$s")
	note "total $total, changed $changed"
	cmp_le "$((changed * 100))" "$((total * 5))" \
	    "$m: $((changed / 1024)) of $((total / 1024)) kB of pages changed"
	limit=$((changed * 1122 / 1000))	# 1.1 x 1.02
	use_relay "delta$m"
	clone_run "$p" "$s" --delta -Z none -j 2
	relay_stop "delta$m"
	SSH_PORT=${SSHD_PORT[main]}
	rc_is 0 "$m: standby-clone --delta ends with 0"
	note "received $(relay_received "delta$m"), sent $(relay_sent "delta$m")"
	cmp_le "$(relay_received "delta$m")" "$limit" \
	    "$m: received $(($(relay_received "delta$m") / 1024)) kB at most 1.1 times the changed pages and 2 %"
	ok "$m: the content is equal" oracle_compare "$p" "$s"
	ok "$m: the standby restarts" pg_restart "$s"
	ok "$m: the content is equal after the restart" oracle_compare "$p" "$s"
}

# bytes changed|sent: of the last run with --json.
bytes() {
	/usr/bin/python3 -c 'import json, sys
print(json.loads(sys.argv[1])["bytes"][sys.argv[2]])' "$out" "$1"
}

# One row of each page: of the page a part travels, and the page is told.  The
# first clone brings the hint bits that were set since, all over the pages.
refresh_single_rows() {
	local m=$1 p=p$1 s=s$1 pages
	pages=$(($(pg_sql "$p" "SELECT pg_relation_size('hot')") / 8192))
	pg_stop "$s"
	clone_run "$p" "$s" --delta
	rc_is 0 "$m: (all is as it is on the primary)"
	ok "$m: the standby stops" pg_stop "$s"
	pg_sql "$p" "UPDATE hot SET pad = md5(pad)
	    WHERE ctid IN (SELECT min(ctid) FROM hot
		GROUP BY (ctid::text::point)[0])"
	pg_sql "$p" CHECKPOINT
	clone_run "$p" "$s" --delta -Z none -j 2 --json
	rc_is 0 "$m: --delta after an UPDATE of one row in each of $pages pages ends with 0"
	cmp_le "$((pages * 8192))" "$(bytes changed)" \
	    "$m: all these pages are told as changed"
	cmp_le "$(($(bytes sent) * 4))" "$(bytes changed)" \
	    "$m: $(($(bytes sent) / 1024)) kB were sent, at most a quarter of the $(($(bytes changed) / 1024)) kB of these pages"
	ok "$m: the content is equal" oracle_compare "$p" "$s"
}

# A second tree with the same inodes (cp -al, pg_upgrade --link) must not
# change: files with several links are never written in place (faults B32).
refresh_linked() {
	local m=$1 p=p$1 s=s$1 before
	pg_stop "$s"
	cp -al "$T/$s" "$T/linked$m"
	cp -al "$T/$s.ts" "$T/linked$m.ts"
	before=$(tree_content "$T/linked$m" "$T/linked$m.ts")
	pg_sql "$p" "UPDATE acc SET bal = bal + 1 WHERE id <= 5000;
	    UPDATE in_ts SET pad = 'n' WHERE id <= 500;"
	clone_run "$p" "$s" --delta --stats
	rc_is 0 "$m: B32: --delta over files with hard links ends with 0"
	is "$(tree_content "$T/linked$m" "$T/linked$m.ts")" "$before" \
	    "$m: B32: the tree that shares the inodes is as it was"
	ok "$m: the content is equal" oracle_compare "$p" "$s"
	rm -rf "$T/linked$m" "$T/linked$m.ts"
}

tree_content() {
	find "$@" -type f -print0 | sort -z | xargs -0 md5sum | md5sum
}

# Promote the standby while the old primary still writes: both have WAL that
# the other lacks.  The old primary comes back as a standby of the new one.
old_primary_returns() {
	local m=$1 p=p$1 s=s$1
	ok "$m: the standby is promoted" pg_promote "$s"
	pg_sql "$p" "INSERT INTO acc SELECT i, 0, 'lost'
	    FROM generate_series(2000001, 2003000) i;
	    UPDATE acc SET bal = -1 WHERE id <= 3000;"
	pg_sql "$p" CHECKPOINT
	pg_sql "$s" "INSERT INTO acc SELECT i, 0, 'won'
	    FROM generate_series(3000001, 3002000) i;
	    UPDATE acc SET bal = -2 WHERE id BETWEEN 2000 AND 4000;"
	ok "$m: the old primary stops" pg_stop "$p"
	clone_run "$s" "$p"
	rc_is 3 "$m: A3: without --delta its directory is refused"
	like "$err" "--delta" "$m: with the hint to use it"
	clone_run "$s" "$p" --delta
	rc_is 0 "$m: A6: with --delta it comes back"
	ok "$m: it streams from the new primary" poll_until 30 pg_streams "$p"
	is "$(pg_sql "$p" "SELECT count(*) FROM acc WHERE pad = 'lost'")" 0 \
	    "$m: what only it had is gone"
	ok "$m: the content is equal" oracle_compare "$s" "$p"
}

majors=$(pg_majors)
[ "${STANDBY_TEST_WORLD:-0}" = 1 ] ||
    majors=${STANDBY_TEST_MAJORS:-$(printf '%s\n' "$majors" | tail -n 1)}
for m in $majors; do
	pg_init "p$m" "$m" -k >/dev/null
	# The copy of a directory at rest is compared, so nothing may change it.
	pg_set "p$m" "autovacuum = off" "max_wal_size = '2GB'"
	if [ "$m" -lt 13 ]; then
		pg_set "p$m" "wal_keep_segments = 64"
	else
		pg_set "p$m" "wal_keep_size = '1GB'"
	fi
	ok "$m: the primary starts" pg_start "p$m"
	load_setup "p$m" "$rows"
	several_segments "p$m"
	pg_psql "p$m" <<-END
		-- An index whose entries lie as the rows do: 3 % stay 3 %.
		DROP INDEX acc_bal;
		CREATE INDEX acc_bal ON acc ((id / 1000), bal);
		CREATE TABLE hot (id int, pad text) WITH (fillfactor = 80);
		INSERT INTO hot SELECT i, md5(i::text)
		    FROM generate_series(1, 100000) i;
		CREATE TABLE dropped AS SELECT * FROM acc LIMIT $rows / 10;
		VACUUM ANALYZE;
		CHECKPOINT;
	END
	pg_node "s$m" "$m"
	mkdir "$T/s$m.ts"
	clone_run "p$m" "s$m"
	if rc_is 0 "$m: the first clone"; then
		ok "$m: it streams" poll_until 30 pg_streams "s$m"
		refresh_stopped "$m"
		refresh_linked "$m"
		refresh_single_rows "$m"
		old_primary_returns "$m"
	fi
	forget "s$m"
	forget "p$m"
done

done_testing
