#!/bin/bash
# Goal: pages of the primary that are damaged are found by every way of copying
# and make a copy that is not sealed; pages that are only torn, new or changed
# since the backup began, and clusters without checksums, are left in peace.
# pg_checksums of the servers says which pages are damaged.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

# An agent that stops when it finds a page that is wrong.
cat >"$T/held-agent" <<-END
	#!/bin/sh
	STANDBY_TEST_PAUSE=bad-page STANDBY_TEST_PAUSE_FILE='$CLONE_HOLD'
	export STANDBY_TEST_PAUSE STANDBY_TEST_PAUSE_FILE
	exec '$AGENT'
END
chmod 0755 "$T/held-agent"

# file TABLE: its path below the primary's data directory.
file() { pg_sql "$p" "SELECT pg_relation_filepath('$1')"; }

# damage TABLE BLOCK: the second half of a page, kept to be repaired.
damage() {
	local f at=$(($2 * 2 + 1))
	f=$T/$p/$(file "$1")
	dd if="$f" of="$T/$p.$1.$2" bs=4096 skip="$at" count=1 2>/dev/null
	head -c 4096 /dev/zero | tr '\0' x |
	    dd of="$f" bs=4096 seek="$at" conv=notrunc 2>/dev/null
}
repair() {
	dd if="$T/$p.$1.$2" of="$T/$p/$(file "$1")" bs=4096 \
	    seek=$(($2 * 2 + 1)) conv=notrunc 2>/dev/null
}

# Tables of about 60 pages (of ROWS) that no one changes any more; a new page at
# the end of the first.
fill() { # [ROWS]
	pg_psql "$p" -v ON_ERROR_STOP=1 <<-END || return 1
		SELECT format('CREATE TABLE d%s AS SELECT i, repeat(md5(i::text), 12) t
		    FROM generate_series(1, ${1:-1100}) i', n)
		FROM generate_series(0, 7) n \\gexec
		VACUUM FREEZE;
		CHECKPOINT;
	END
	head -c 8192 /dev/zero >>"$T/$p/$(file d0)"
}

sums() {
	pg_sql "$1" "SELECT string_agg(s, ' ') FROM (
	    SELECT md5(string_agg(t, '' ORDER BY i)) s FROM $2) x"
}
record() { # record KEY KEY: of the document of --json
	/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
print((d[sys.argv[1]] or {}).get(sys.argv[2]))' "$@" <<<"$out"
}
bad_pages() { record files bad_pages; }

# found LABEL PAGES FILES: the run has told of them and sealed nothing.
found() {
	rc_is 5 "$1: exit 5"
	like "$err" "error: $2 of $3 of the source" "$1: what is damaged is counted"
	ok "$1: the copy cannot be started" test ! -e "$T/$s/global/pg_control"
	ok "$1: and is marked as unfinished" test -e "$T/$s/.standby-clone.state"
	nothing_left "$p" "$1"
}
silent() {
	rc_is 0 "$1: exit 0"
	unlike "$err" 'wrong checksum|damaged' "$1: nothing is said of pages"
	ok "$1: it streams" poll_until 30 pg_streams "$s"
}
stop_standby() {
	ok "$1: (the standby stops)" pg_stop "$s"
	drop_slots "$p"
}

# What pg_checksums (12 and later) counts in the stopped primary.
oracle() {
	local program
	program=$(pg_bin "$m")/pg_checksums
	[ -x "$program" ] || return 0
	pg_stop "$p"
	run "$program" -c -D "$T/$p"
	like "$out" "Bad checksums: +$1\$" "$m: pg_checksums counts $1, too"
	ok "$m: (the primary starts again)" pg_start "$p"
}

full_copy() {
	local n
	damage d1 3
	damage d1 5
	for n in 2 3 4 5 6 7; do
		damage "d$n" "$n"
	done
	oracle 8
	clone_run "$p" "$s" --json
	found "$m: full copy" "8 pages" "7 files"
	is "$(bad_pages)" 8 "$m: full copy: files.bad_pages"
	is "$(record error id)" damaged-pages "$m: full copy: error.id"
	is "$(grep -c '^standby-clone: warning: .*wrong checksum' <<<"$err")" 5 \
	    "$m: five files are named"
	like "$err" "more files of the source have damaged pages" \
	    "$m: and the others are mentioned"
	for n in 3 4 5 6 7; do
		repair "d$n" "$n"
	done
	clone_run "$p" "$s"
	found "$m: the next run" "3 pages" "2 files"
	like "$err" "\"$(file d1)\" on the source: 2 of [0-9]+ pages have .*, the first is block 3( |\$)" \
	    "$m: the next run: a file is named with its first block"
	like "$err" "\"$(file d2)\" on the source: 1 of [0-9]+ pages has .*, the first is block 2( |\$)" \
	    "$m: the next run: so is the other"
	clone_run "$p" "$s" --no-verify-checksums --json
	silent "$m: --no-verify-checksums"
	is "$(bad_pages)" None "$m: --no-verify-checksums: files.bad_pages is null"
	stop_standby "$m"
}

delta() {
	local pages
	repair d2 2
	for pages in auto rsync whole; do
		clone_run "$p" "$s" --delta --pages="$pages"
		found "$m: --pages=$pages" "2 pages" "1 file"
	done
	clone_run "$p" "$s" --force --stats
	rc_is 0 "$m: --force: exit 0"
	like "$err" 'warning: 2 pages of 1 file of the source.*' \
	    "$m: --force: it is stated"
	like "$err" 'sealed because of --force' "$m: --force: and why"
	like "$out" 'damaged pages +2$' "$m: --force: --stats has the figure"
	ok "$m: --force: it streams" poll_until 30 pg_streams "$s"
	stop_standby "$m"
	repair d1 3
	repair d1 5
	clone_run "$p" "$s" --delta --json
	silent "$m: repaired"
	is "$(bad_pages)" 0 "$m: repaired: files.bad_pages"
	is "$(sums "$s" d1)" "$(sums "$s" d0)" \
	    "$m: repaired: the standby has the pages"
	stop_standby "$m"
}

# The standby has right pages where those of the primary are damaged: they may
# be the only ones that are left.
spared() {
	local pages good=$T/$p.good f db
	f=$(file d1)
	db=$(cut -d/ -f2 <<<"$f")
	cp "$T/$s/$f" "$good"
	damage d1 3
	damage d1 5
	for pages in auto rsync whole; do
		clone_run "$p" "$s" --delta --pages="$pages"
		found "$m: right pages in the target, --pages=$pages" \
		    "2 pages" "1 file"
		ok "$m: right pages in the target, --pages=$pages: they stay" \
		    cmp "$T/$s/$f" "$good"
		like "$err" "detail: The target has 2 of them with a right checksum; they are left" \
		    "$m: right pages in the target, --pages=$pages: it is said"
	done
	like "$err" "hint: Whose it is, type in the database with the OID $db: SELECT oid::regclass FROM pg_class WHERE pg_relation_filenode\(oid\) = ${f##*/};" \
	    "$m: right pages in the target: the table is found by"
	is "$(pg_sql "$p" "SELECT oid::regclass FROM pg_class
	    WHERE pg_relation_filenode(oid) = ${f##*/};")" d1 \
	    "$m: right pages in the target: which names it"
	like "$err" "detail: 2 pages in their place in .* perhaps the only good ones" \
	    "$m: right pages in the target: what they may be"
	# The rest of such a file is taken as ever.
	head -c 8192 /dev/zero |
	    dd of="$T/$s/$f" bs=8192 seek=9 conv=notrunc 2>/dev/null
	head -c 8192 /dev/zero | tr '\0' x |
	    dd of="$T/$s/$f" bs=8192 seek=5 conv=notrunc 2>/dev/null
	clone_run "$p" "$s" --delta
	found "$m: one right page in the target" "2 pages" "1 file"
	like "$err" "detail: The target has 1 of them .* it is left as it is" \
	    "$m: one right page in the target: it stays"
	repair d1 5
	clone_run "$p" "$s" --delta
	found "$m: one page repaired" "1 page" "1 file"
	ok "$m: one page repaired: the target has all that is right" \
	    cmp "$T/$s/$f" "$good"
	clone_run "$p" "$s" --force
	rc_is 0 "$m: right pages and --force: exit 0"
	ok "$m: right pages and --force: a copy of what is there" \
	    cmp "$T/$s/$f" "$T/$p/$f"
	stop_standby "$m"
	repair d1 3
	clone_run "$p" "$s" --delta
	silent "$m: right pages again"
	stop_standby "$m"
}

# The page is wrong when it is read first, and right when it is read again.
torn() {
	local pages
	for pages in whole auto rsync; do
		damage d4 9
		ok "$m: torn page, --pages=$pages: it is found" clone_paused \
		    none "$p" "$s" --delta --pages="$pages" \
		    --agent="$T/held-agent"
		repair d4 9
		clone_resume
		clone_wait
		silent "$m: B14: torn page, --pages=$pages"
		is "$(sums "$s" d4)" "$(sums "$s" d0)" \
		    "$m: torn page, --pages=$pages: the standby has it"
		stop_standby "$m"
	done
}

# A page that was changed after the backup began: WAL has it as a whole.
changed() {
	ok "$m: changed page: the backup has begun" clone_paused transfer \
	    "$p" "$s" --delta
	pg_psql "$p" -c "UPDATE d5 SET t = 'changed' WHERE i = 1" -c CHECKPOINT
	damage d5 0
	clone_resume
	clone_wait
	silent "$m: changed page"
	is "$(pg_sql "$s" "SELECT count(*) FROM d5")" 1100 \
	    "$m: changed page: the standby can read it"
	stop_standby "$m"
}

without_checksums() {
	local option=()
	[ "$m" -lt 18 ] || option=(--no-data-checksums)
	p=q$m s=r$m
	ok "$m: a primary without checksums" pg_init "$p" "$m" "${option[@]}"
	pg_set "$p" "autovacuum = off"
	ok "$m: (it starts)" pg_start "$p"
	fill
	damage d1 3
	pg_node "$s" "$m"
	clone_run "$p" "$s" --json
	silent "$m: without checksums"
	is "$(bad_pages)" None "$m: without checksums: files.bad_pages is null"
	forget "$s"
	forget "$p"
}

# The same of workers that come when the copy is under way: the first holds no
# more than 32 MB and a file, here of 160 MB.
spared_by_all() {
	local n
	p=l$m s=n$m
	ok "$m: a larger primary" pg_init "$p" "$m" -k
	pg_set "$p" "autovacuum = off"
	ok "$m: (it starts)" pg_start "$p"
	fill 45000
	pg_node "$s" "$m"
	clone_run "$p" "$s" --no-start
	rc_is 0 "$m: (a copy)"
	drop_slots "$p"
	for n in 0 1 2 3 4 5 6 7; do
		cp "$T/$s/$(file "d$n")" "$T/$p.d$n.good"
		damage "d$n" 3
	done
	ok "$m: late workers: (the plan is reached)" clone_paused plan \
	    "$p" "$s" --delta --pages=whole -j 3 --max-rate=25MB --compress=none
	clone_resume
	ok "$m: late workers: one is at work" \
	    poll_until 60 clone_says 'worker [23]: busy'
	clone_wait
	found "$m: late workers" "8 pages" "8 files"
	like "$err" "detail: 8 pages in their place in .* perhaps the only good ones" \
	    "$m: late workers: it is said"
	for n in 0 1 2 3 4 5 6 7; do
		ok "$m: late workers: the right page of d$n stays" \
		    cmp "$T/$s/$(file "d$n")" "$T/$p.d$n.good"
	done
	forget "$s"
	forget "$p"
}

# 10 has no pg_checksums and nothing that 12 has not: with the world only.
for m in $(pg_majors); do
	[ "$m" -ge 12 ] || [ "${STANDBY_TEST_WORLD:-0}" = 1 ] ||
	    [ -n "${STANDBY_TEST_MAJORS-}" ] || continue
	p=p$m s=s$m
	pg_init "$p" "$m" -k || bail "initdb"
	pg_set "$p" "autovacuum = off"
	pg_start "$p" || bail "no primary"
	fill || bail "no tables"
	pg_node "$s" "$m"
	full_copy
	delta
	spared
	torn
	changed
	forget "$s"
	forget "$p"
	without_checksums
done
spared_by_all

done_testing
