#!/bin/bash
# Goal: a file that nobody has touched since the last clone is not read again,
# and one that anybody has touched is, whatever its size and mtime say.  When
# the skip index cannot be trusted it is not, which is said, and every file is
# compared.  After each: what the target holds is what the source holds.

[ -z "${STANDBY_TEST_STAMPS-}" ] || STANDBY_TEST_TMP=$STANDBY_TEST_STAMPS
. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

case $(findmnt -n -o FSTYPE -T "$T") in
ext2|ext3|ext4|xfs|btrfs|zfs) ;;
'') skip_all "the mount of $T is out of sight" ;;
*) skip_all "no file system that is known to keep stamps" ;;
esac
/usr/bin/python3 -c 'import ctypes; ctypes.CDLL("libxxhash.so.0")' ||
    skip_all "libxxhash is missing"

index() { /usr/bin/python3 "$TOP_SRCDIR/t/lib/skipindex.py" "$@"; }
has() { index paths "$T/$1/.standby-clone.index" | grep -qx "$2"; }
without_index() { [ ! -e "$T/$1/.standby-clone.index" ]; }

# sync_clone NODE [OPTION]...: from p, with the sync that an index asks for.
sync_clone() {
	local to=$1 i
	shift
	clone_args p "$to"
	for i in "${!CLONE[@]}"; do
		[ "${CLONE[i]}" != --no-sync ] || unset 'CLONE[i]'
	done
	run "${CLONE[@]}" --json "$@"
}

# again [OPTION]...: once more to s, not started.
again() { sync_clone s --delta --no-start "$@"; }

json() {
	/usr/bin/python3 -c 'import json, sys
d = json.loads(sys.stdin.read())
print(eval(sys.argv[1]))' "$1" <<<"$out"
}

# What the run said: nothing was skipped, or nearly everything (all but
# configuration and a few files that are no relation's).
skipped_none() { is "$(json 'd["files"]["skipped"]')" 0 "$m: $1: nothing is skipped"; }
skipped_most() {
	is "$(json 'all(d[k]["skipped"] > 0.9 * d[k]["total"]
	    for k in ("files", "bytes"))')" True \
	    "$m: $1: nearly everything is skipped"
}

not_used() {
	rc_is 0 "$m: $1: the clone ends with 0"
	like "$err" "the skip index is not used: .*$2" "$m: $1: it is said why"
	skipped_none "$1"
}

# Of p, since whatever wrote last: old enough to be at rest at the next OPEN.
at_rest() {
	local young
	pg_sql p CHECKPOINT || return 1
	young="$T/p/base $T/p/global $T/p/pg_xact $T/p/pg_multixact $T/p.ts"
	# shellcheck disable=SC2086	# several directories
	poll_until 60 nothing_younger $young
}
nothing_younger() {
	[ -z "$(find "$@" -type f ! -name pg_control -newerct '2.2 seconds ago')" ]
}

# The same content, page by page, in all that is copied (p is at rest).
same_files() {
	local total changed
	read -r total changed _ < <(/usr/bin/python3 "$TOP_SRCDIR/t/lib/pages.py" \
	    "$T/p" "$T/$1" "$T/p.ts" "$T/$1.ts")
	echo "$total bytes, $changed differ"
	[ "$total" -gt 10000000 ] && [ "$changed" = 0 ]
}

# file TABLE: its path below the data directory.
file_of() { pg_sql p "SELECT pg_relation_filepath('$1')"; }

# forge FILE OFFSET: change a byte; size and mtime are as before.
forge() {
	/usr/bin/python3 -c 'import os, sys
st = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    b = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([b ^ 1]))
os.utime(sys.argv[1], ns=(st.st_atime_ns, st.st_mtime_ns))' "$1" "$2"
}

# The content of its tables while it runs; it is stopped again.
started_is_same() {
	pg_start s || return 1
	oracle_compare p s && pg_stop s
}

# A state to begin with: s is a finished clone with an index, not started.
begin() {
	at_rest || bail "the primary does not come to rest"
	if without_index s; then sync_clone s --delta --no-start; fi
	again
	rc_is 0 "$m: $1: (a clone that leaves an index)"
}

# --- it is used

second_reads_nothing() {
	at_rest
	sync_clone s --no-start
	rc_is 0 "$m: a clone"
	skipped_none "the first"
	is "$(stat -c %a "$T/s/.standby-clone.index")" 600 \
	    "$m: the index is there, and its mode is 0600"
	again
	rc_is 0 "$m: a second clone of a target that was not started"
	skipped_most "the second"
	cmp_le "$(json 'd["bytes"]["compared"]')" 200000 \
	    "$m: the second: next to nothing is compared"
	like "$err" "unchanged since the last clone, not read" \
	    "$m: the second: it is said"
	ok "$m: the second: the content is the source's" same_files s
	again --dry-run
	like "$out$err" '(^|[^a-z])skip +[0-9,]+ files?' \
	    "$m: --dry-run tells how many would be skipped"
	sync_clone s --delta
	rc_is 0 "$m: a third, which is started"
	skipped_most "the third"
	ok "$m: the third: the oracle" oracle_compare p s
	pg_sql p "UPDATE acc SET pad = md5(pad) WHERE id = 77"
	ok "$m: the third: a change arrives" pg_wait_replay s p 60
	# To end the receiver of this build of 10 crashes the server.
	[ "$m" != 10 ] || { pg_stop s; return; }
	pg_stop s
	again
	rc_is 0 "$m: one after its server ran, and was stopped"
	unlike "$err" "skip index is not used" "$m: the index is used"
	is "$(json '0 < d["files"]["skipped"] < d["files"]["total"]')" True \
	    "$m: what its server wrote is compared, the rest is not"
	ok "$m: its content is the source's" started_is_same
}

# --- what was touched is found

changed_on_the_source() {
	local f
	begin "a page of the source with a forged mtime"
	f=$(file_of in_ts)
	touch -r "$T/p/$f" "$T/stamp"
	pg_sql p "UPDATE in_ts SET pad = 'forged' WHERE id = 1"
	pg_sql p CHECKPOINT
	touch -d "$(stat -c %y "$T/stamp")" "$T/p/$f"
	again
	ok "$m: a changed page with a forged mtime: found" same_files s
	is "$(json '0 < d["files"]["skipped"] < d["files"]["total"]')" True \
	    "$m: a changed page with a forged mtime: the rest is skipped"
	not_ok "$m: what was written a moment ago is not in the index" has s "$f"
	at_rest
	again
	ok "$m: at rest, it is" has s "$f"
	again
	skipped_most "at rest"
	ok "$m: at rest: the content is the source's" same_files s
}

changed_on_the_target() {
	local f=
	begin "a page of the target with a forged mtime"
	f=$(file_of toasted)
	forge "$T/s/$f" 8000
	again
	is "$(json 'd["bytes"]["changed"]')" 8192 \
	    "$m: a page of ours with a forged mtime: it alone comes again"
	ok "$m: a page of ours with a forged mtime: found" same_files s
	ln "$T/s/$f" "$T/s.link"
	forge "$T/s.link" 8000
	again
	ok "$m: by another name of the file: found" same_files s
	rm "$T/s.link"
	chmod 0640 "$T/s/$f"
	again
	is "$(stat -c %a "$T/s/$f")" 600 "$m: another mode is set right"
	cp -p "$T/s/$f" "$T/copy"
	cp -p "$T/copy" "$T/s/$f.new" && mv "$T/s/$f.new" "$T/s/$f"
	again
	cmp_le "$(stat -c %s "$T/s/$f")" "$(json 'd["bytes"]["compared"]')" \
	    "$m: a copy in its place is compared"
	ok "$m: a copy in its place: the content is the source's" same_files s
}

restored_copies() {
	begin "an older copy"
	cp -a "$T/s" "$T/old" && cp -a "$T/s.ts" "$T/old.ts"
	pg_sql p "UPDATE acc SET pad = md5(pad) WHERE id % 7 = 0"
	at_rest
	again
	find "$T/s" "$T/s.ts" -mindepth 1 -delete
	cp -a "$T/old/." "$T/s" && cp -a "$T/old.ts/." "$T/s.ts"
	again
	rc_is 0 "$m: an older copy in the same directory"
	skipped_none "an older copy in the same directory"
	ok "$m: an older copy: the content is the source's" same_files s
	again
	rm -rf "$T/s" && cp -a "$T/old" "$T/s"
	again
	# Its inode may be that of the one that was removed.
	not_used "an older copy in its place" \
	    "(another directory|the server was not shut down cleanly)"
	ok "$m: an older copy in its place: the content is the source's" \
	    same_files s
	mv "$T/s" "$T/elsewhere"; mv "$T/elsewhere" "$T/s"
	again
	skipped_most "moved away and back"
	rm -rf "$T/old" "$T/old.ts"
}

promoted_and_back() {
	begin "a promoted standby"
	pg_start s
	pg_promote s
	pg_sql s "UPDATE acc SET pad = 'diverged' WHERE id % 5 = 0"
	pg_sql s "CREATE TABLE alien AS SELECT 1 AS one"
	pg_stop s
	again --force
	rc_is 0 "$m: a standby that was promoted and written to comes back"
	is "$(json '0 < d["files"]["skipped"] < d["files"]["total"]')" True \
	    "$m: a standby that was promoted: what it wrote is compared"
	ok "$m: a standby that was promoted: the content is the source's" \
	    started_is_same
}

# --- it is not used

killed_server() {
	begin "kill -9"
	pg_start s
	pg_wait_replay s p 60
	pg_stop s immediate
	again
	not_used "a server that was stopped at once" "not shut down cleanly"
	ok "$m: a server that was stopped at once: the content" same_files s
}

tampered_with() {
	local i=$T/s/.standby-clone.index what value why
	begin "a damaged index"
	cp -p "$i" "$T/good"
	for what in header record checksum; do
		index flip "$i" "$what"
		again --dry-run
		not_used "a bit of the $what is wrong" damaged
		cat "$T/good" >"$i"
	done
	: >"$i"
	again --dry-run
	not_used "an empty one" damaged
	head -c 300 "$T/good" >"$i"
	again --dry-run
	not_used "one that is cut short" damaged
	cat "$T/good" >"$i"
	# Each of them alone is a row of t/unit/skipindex_test.c.
	while read -r what value why; do
		case ${STANDBY_TEST_WORLD:-0}$what in
		1*|0system|0boot|0target_ino|0crc) ;;
		*) continue ;;
		esac
		index set "$i" "$what" "$value"
		again --dry-run
		not_used "another $what" "$why"
		cat "$T/good" >"$i"
	done <<-'END'
		format 2 another version
		system 1 another cluster
		host db9 another host
		pgdata /elsewhere another directory
		dev 1 another directory
		ino 1 another directory
		boot 00000000 machine was started again
		target_dev 1 another directory
		target_ino 1 another directory
		target_boot 00000000 machine was started again
		block 4096 another block size
		verified 0 did not look at page checksums
		crc 1 not shut down cleanly
	END
	again --dry-run
	skipped_most "as it was"
	rm "$i"
	again --dry-run
	skipped_none "without one"
	unlike "$err" "skip index" "$m: without one: nothing is said of it"
}

options() {
	begin options
	again --checksum
	rc_is 0 "$m: --checksum"
	skipped_none "--checksum"
	ok "$m: --checksum: an index is left" test -e "$T/s/.standby-clone.index"
	again --verify
	rc_is 0 "$m: --verify"
	skipped_most "--verify"
	again --pages=whole
	skipped_most "--pages=whole"
	clone_args p s
	run "${CLONE[@]}" --json --delta --no-start
	rc_is 0 "$m: --no-sync"
	skipped_most "--no-sync"
	ok "$m: --no-sync leaves none" without_index s
}

# The disk changes a byte, and the kernel does not know: the raw device is not
# at hand, so the record is made to fit instead.
rotten() {
	local f
	begin "--verify and a rotten copy"
	f=$(file_of toasted)
	forge "$T/s/$f" 8000
	/usr/bin/python3 - "$TOP_SRCDIR/t/lib" "$T/s" "$f" <<-'END'
		import os, sys
		sys.path.insert(0, sys.argv[1])
		sys.dont_write_bytecode = True
		import wire_speaker as w
		os.chdir(sys.argv[2])
		data = bytearray(open(".standby-clone.index", "rb").read()[:-16])
		path = sys.argv[3].encode() + b"\0"
		at = data.index(w.text(path)) + 2 + len(path) + 40
		data[at:at + 40] = w.stamp_of(os.stat(sys.argv[3]))
		open(".standby-clone.index", "r+b").write(data + w.xxh(bytes(data)))
	END
	again --verify
	isnt "$rc" 0 "$m: --verify finds a byte that nobody is said to have changed"
	like "$(json 'd["error"]["message"]')" "$f.*by an earlier clone" \
	    "$m: --verify names the file"
	again
	rc_is 0 "$m: the same command again"
	skipped_none "the same command again"
	ok "$m: the same command again: the content is the source's" same_files s
}

# --- interruptions

killed_clones() {
	local phase
	begin "kill -9 of a clone"
	for phase in $phases; do
		pg_sql p "UPDATE acc SET pad = md5(pad) WHERE id % 11 = 0"
		at_rest
		clone_paused_synced "$phase"
		kill -KILL "$CLONE_PID"
		clone_resume
		clone_wait
		poll_until 30 no_agents
		poll_until 30 no_clones
		ok "$m: killed at $phase: there is no index" without_index s
		again
		rc_is 0 "$m: killed at $phase, and again"
		skipped_none "killed at $phase, and again"
		ok "$m: killed at $phase: the content is the source's" \
		    same_files s
		again
		skipped_most "killed at $phase, the run after that"
	done
}

clone_paused_synced() {
	local i
	clone_args p s
	for i in "${!CLONE[@]}"; do
		[ "${CLONE[i]}" != --no-sync ] || unset 'CLONE[i]'
	done
	rm -f "$CLONE_HOLD"
	STANDBY_TEST_PAUSE=$1 STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
	    "${CLONE[@]}" --delta --no-start "${@:2}" >"$T/.bg.out" 2>"$T/.bg.err" \
	    3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	poll_until 120 clone_held_or_gone
	[ -e "$CLONE_HOLD" ] || fail "the phase $1 is reached"
}

# A server of the target that ran between the listing and S1.
started_in_between() {
	local phase index
	for phase in manifest plan; do
		for index in with without; do
			begin "a server in between, at $phase, $index an index"
			[ "$index" = with ] || rm "$T/s/.standby-clone.index"
			clone_paused_synced "$phase"
			pg_start s && pg_stop s
			clone_resume
			clone_wait
			rc_is 3 "$m: a server that ran since then: refused"
			like "$err" "changed by someone else" \
			    "$m: a server that ran: why"
			at_rest
			again
			rc_is 0 "$m: a server that ran, and again"
			ok "$m: a server that ran: the content" same_files s
		done
	done
}

# --- what is never in it

never_in_it() {
	local f
	begin "what is never in it"
	f=$(file_of hist)
	pg_sql p "INSERT INTO hist SELECT i, i FROM generate_series(1, 3000) i"
	at_rest
	pg_stop p
	/usr/bin/python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(8192 + 6000)
    f.write(b"rotten")' "$T/p/$f"
	pg_start p
	at_rest
	again --force
	rc_is 0 "$m: a damaged page of the source, --force"
	is "$(json 'd["files"]["bad_pages"]')" 1 "$m: a damaged page is found"
	not_ok "$m: a damaged file is not in the index" has s "$f"
	again --force
	is "$(json 'd["files"]["bad_pages"]')" 1 "$m: and found again"
	again --force --no-verify-checksums
	again --force
	not_used "after --no-verify-checksums" "did not look at page checksums"
	is "$(json 'd["files"]["bad_pages"]')" 1 "$m: and found once more"
	pg_sql p "TRUNCATE hist"
	at_rest
	again
	rc_is 0 "$m: (the damage is gone)"
	not_ok "$m: pg_control is not in the index" has s global/pg_control
	is "$(index paths "$T/s/.standby-clone.index" |
	    grep -vcE '^(base|global|pg_tblspc|pg_xact|pg_multixact|pg_commit_ts)/')" \
	    0 "$m: nothing but the server's directories is in the index"
	is "$(index paths "$T/s/.standby-clone.index" | LC_ALL=C grep -c standby)" \
	    0 "$m: nothing of ours is in the index"
}

# What was written after the start of the backup was perhaps still being written
# when it was read: whoever read it, also a session that began much later.
written_meanwhile() {
	local i
	begin "what was written meanwhile"
	for i in $(seq 40); do pg_sql p "CREATE TABLE young$i AS SELECT 1 AS a"; done
	at_rest
	clone_paused_synced backup -j 4 --checksum --pages=whole \
	    --compress=none --max-rate=20MB
	for i in $(seq 40); do pg_sql p "INSERT INTO young$i VALUES (2)"; done
	at_rest
	clone_resume
	clone_wait
	rc_is 0 "$m: written meanwhile: the clone ends with 0"
	for i in $(seq 40); do file_of "young$i"; done >"$T/young"
	is "$(wc -l <"$T/young")" 40 "$m: written meanwhile: (files)"
	is "$(index paths "$T/s/.standby-clone.index" | grep -cxFf "$T/young")" 0 \
	    "$m: written meanwhile: none is in the index"
	again
	rc_is 0 "$m: written meanwhile: and again"
	ok "$m: written meanwhile: the content is the source's" same_files s
}

setup() {
	local d
	for d in p s; do [ ! -d "$T/$d" ] || forget "$d"; done
	pg_init p "$m" -k && pg_set p "autovacuum = off" \
	    "checkpoint_timeout = '1h'" "shared_buffers = '64MB'" &&
	    pg_start p && load_setup p 20000 && pg_psql p -c VACUUM &&
	    pg_psql p -d second -c VACUUM && pg_node s "$m"
}

phases='marked index'
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] ||
    phases='marked removed transfer synced unmarked index'
all=(second_reads_nothing changed_on_the_source changed_on_the_target
    restored_copies promoted_and_back killed_server tampered_with options
    rotten started_in_between never_in_it written_meanwhile killed_clones)
[ $# -eq 0 ] || all=("$@")

for m in $(pg_few); do
	setup || bail "the primary does not start"
	for f in "${all[@]}"; do
		note "==== $m $f"
		start=$SECONDS
		"$f"
		note "==== $m $f: $((SECONDS - start)) s"
		[ -z "$(pg_pid s)" ] || pg_stop s immediate
		[ -n "$(pg_pid p)" ] || pg_start p || bail "the primary is gone"
	done
	ok "$m: no agent process is left" poll_until 10 no_agents
	ok "$m: the primary is not in backup mode" pg_no_backup p
done

done_testing
