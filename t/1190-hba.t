#!/bin/bash
# Goal: the files that pg_hba.conf and pg_ident.conf of a standby name, and
# those that its postgresql.conf includes, are as much its own as these three:
# --delta keeps them, also when it is interrupted and run again, and nothing
# else stays because of that.  And no table is copied that its server would not
# read.
#
# One major (15 where there is one) and the newest; all that are installed with
# STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

prepare() {
	local n
	for n in s p; do forget "$n"; done
	pg_init p "$m" >/dev/null || return 1
	pg_set p "autovacuum = off"
	{ pg_start p >/dev/null && load_setup p 500; } || return 1
	pg_sql p "CREATE ROLE joe LOGIN; CREATE ROLE jim LOGIN" >/dev/null
	pg_node s "$m"
}

# What the standby's pg_hba.conf names, and what that names.
own_files() {
	own=("users" "file name" "sub/nested [a]" "os map" "both")
	mkdir "$T/s/sub"
	echo 'joe, @"sub/nested [a]"' >"$T/s/users"
	echo 'jane' >"$T/s/sub/nested [a]"
	echo 'joan' >"$T/s/file name"
	echo 'standby' >"$T/s/both"
	echo 'source' >"$T/p/both"
	{
		echo 'host all @users,@"file name" 127.0.0.1/32 trust'
		echo 'host all @both 127.0.0.1/32 trust'
		cat "$T/s/pg_hba.conf"
	} >"$T/hba"
	if [ "$m" -ge 16 ]; then
		own+=("hba more" "hba.d/1.conf" "hba.d/rest" "deep.conf")
		mkdir "$T/s/hba.d" "$T/p/hba.d"
		echo 'include_if_exists "../deep.conf"' >"$T/s/hba.d/1.conf"
		echo 'host all jim 127.0.0.1/32 trust' >"$T/s/deep.conf"
		echo '# not read' >"$T/s/hba.d/rest"
		echo 'host all jim 127.0.0.1/32 reject' >"$T/p/hba.d/0.conf"
		echo 'host all jill 127.0.0.1/32 trust' >"$T/s/hba more"
		cat >>"$T/hba" <<-'END'
			include \
			"hba more"
			include_dir hba.d
			include_if_exists none
		END
	fi
	sed -E 's/^(local|host) +all +all /#&/' "$T/hba" >"$T/s/pg_hba.conf"
	echo 'host all postgres 127.0.0.1/32 trust' >>"$T/s/pg_hba.conf"
	echo 'm @"os map" joe' >"$T/s/pg_ident.conf"
	echo 'root' >"$T/s/os map"
	echo 'nobody names it' >"$T/s/stranger"
}

# What the standby's postgresql.conf includes, and what that includes; one is
# where only the server's files are, and one is what no clone has.
own_settings() {
	own+=("site [1].conf" "site.d/1.conf" "site.d/rest" "sub/if.conf" \
	    "sub/deep.conf")
	mkdir "$T/s/site.d" "$T/p/site.d"
	echo "work_mem = '5MB'" >"$T/s/site [1].conf"
	echo "work_mem = '7MB'" >"$T/p/site [1].conf"
	echo "include_if_exists '../sub/if.conf'" >"$T/s/site.d/1.conf"
	echo '# not read' >"$T/s/site.d/rest"
	echo "work_mem = '9MB'" >"$T/p/site.d/2.conf"
	echo "include 'deep.conf'" >"$T/s/sub/if.conf"
	echo "temp_buffers = '6MB'" >"$T/s/sub/deep.conf"
	touch "$T/s/global/site.conf" "$T/s/pg_internal.init"
	pg_set s "include 'site [1].conf'" "include_dir = '$T/s/site.d'" \
	    "include_if_exists 'none.conf'" \
	    "include_if_exists 'global/site.conf'" \
	    "include_if_exists 'pg_internal.init'"
}

# are_own WHEN: what the tables named before it.
are_own() {
	local f
	for f in "${own[@]}"; do
		ok "$m: $1: \"$f\" is as it was" cmp "$T/own/$f" "$T/s/$f"
	done
	ok "$m: $1: what nobody names is gone" test ! -e "$T/s/stranger"
	[ "$m" -lt 16 ] || [ "$1" = hba_file ] ||
	    ok "$m: $1: nothing of the source's came into hba.d" \
		test ! -e "$T/s/hba.d/0.conf"
	[ "$1" = hba_file ] ||
	    ok "$m: $1: nor into site.d" test ! -e "$T/s/site.d/2.conf"
	ok "$m: $1: nor stayed what no standby has as its own" \
	    test ! -e "$T/s/global/site.conf" -a ! -e "$T/s/pg_internal.init"
}

kept() {
	clone_run p s
	rc_is 0 "$m: a standby"
	pg_stop s
	own_files
	own_settings
	cp -a "$T/s" "$T/own"
	pg_sql p "UPDATE acc SET bal = 1" >/dev/null
	clone_run p s --delta --dry-run
	rc_is 0 "$m: --dry-run"
	like "$err" '"users" is kept: pg_hba.conf of the standby names it' \
	    "$m: it is told"
	like "$err" '"os map" is kept: pg_ident.conf of the' \
	    "$m: pg_ident.conf's too"
	like "$err" '"site.d" is kept: postgresql.conf of the standby names' \
	    "$m: and what postgresql.conf includes"
	unlike "$err" 'global' "$m: but nothing among the server's files"
	clone_run p s --delta
	rc_is 0 "$m: --delta"
	are_own "--delta"
	ok "$m: it streams" poll_until 30 pg_streams s
	is "$(pg_psql s -U joe -c "SELECT current_user")" joe \
	    "$m: who is listed can log in"
	is "$(pg_psql s -c "SHOW work_mem") $(pg_psql s -c "SHOW temp_buffers")" \
	    "5MB 6MB" "$m: with the settings of its own"
	pg_stop s
}

continued() {
	rm -rf "${T:?}/own"
	echo 'nobody names it' >"$T/s/stranger"
	cp -a "$T/s" "$T/own"
	pg_sql p "UPDATE acc SET bal = 2" >/dev/null
	ok "$m: interrupted" clone_paused transferred p s --delta
	kill -9 "$CLONE_PID"
	clone_resume
	clone_wait
	clone_run p s --delta
	rc_is 0 "$m: and continued"
	are_own "continued"
	ok "$m: it streams" poll_until 30 pg_streams s
	pg_stop s
}

# A table elsewhere, which the standby's own configuration names; and one that
# cannot be read to its end.
elsewhere() {
	local i
	pg_set s "hba_file = '$T/s/my tables/hba'"
	mkdir "$T/s/my tables"
	mv "$T/s/users" "$T/s/my tables/users"
	{
		echo 'host all @users 127.0.0.1/32 trust'
		echo 'host all postgres 127.0.0.1/32 trust'
	} >"$T/s/my tables/hba"
	rm -rf "${T:?}/own"
	cp -a "$T/s" "$T/own"
	own=("my tables/hba" "my tables/users")
	clone_run p s --delta --no-start
	rc_is 0 "$m: hba_file is another one"
	are_own "hba_file"
	for i in 1 2 3 4 5 6 7 8 9 10 11; do
		echo "@l$((i + 1))" >"$T/s/my tables/l$i"
	done
	echo 'host all @l1 127.0.0.1/32 trust' >>"$T/s/my tables/hba"
	clone_run p s --delta --no-start
	rc_is 3 "$m: lists without an end are refused"
	like "$err" 'l10", line 1: more than 10 files name each other' \
	    "$m: file and line"
	like "$err" 'correct the file' "$m: and what to do"
	sed -i '$d' "$T/s/my tables/hba"
	echo "include_if_exists 'round.conf'" >"$T/s/round.conf"
	pg_set s "include 'round.conf'"
	clone_run p s --delta --no-start
	rc_is 3 "$m: so are files that include each other"
	like "$err" 'round.conf", line 1: more than 10 configuration files' \
	    "$m: with file and line"
}

# A name that becomes longer with --copy-external-config than what the server
# reads: there the table would let nobody in.
long_names() {
	local name
	name=$(printf '%0230d' 0)
	mkdir "$T/etc p"
	mv "$T/p/pg_hba.conf" "$T/etc p/hba"
	echo "local all @$name trust" >>"$T/etc p/hba"
	echo 'joe' >"$T/etc p/$name"
	pg_set p "hba_file = '$T/etc p/hba'"
	pg_restart p >/dev/null
	clone_run p s --copy-external-config
	if [ "$m" -le 10 ]; then
		rc_is 3 "$m: a name that its server would not read is refused"
		like "$err" 'hba" of the primary, .*line [0-9]* would have a' \
		    "$m: with its line"
		like "$err" 'at most 254: "conf.copied/.*/etc p/0*"' \
		    "$m: and the limit"
		ok "$m: before anything is written" test ! -e "$T/s/PG_VERSION"
	else
		rc_is 0 "$m: long names become longer"
		ok "$m: and are read" poll_until 30 pg_streams s
		pg_stop s
	fi
	rm -rf "${T:?}/etc p"
}

majors=$(pg_few 18)
for m in $majors; do
	prepare || { fail "$m: the primary starts"; continue; }
	kept
	continued
	elsewhere
	rm -rf "${T:?}/own"
	forget s
	long_names
	forget s
	forget p
done
# Releases that read shorter words.
m=10
if [ -z "${STANDBY_TEST_MAJORS:-}" ] && [[ $majors != *10* ]] &&
    pg_bin 10 >/dev/null; then
	if prepare; then long_names; else fail "$m: the primary starts"; fi
	forget s
	forget p
fi

done_testing
