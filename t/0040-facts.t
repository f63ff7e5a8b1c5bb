#!/bin/bash
# Goal: what standby-clone knows of each version of PostgreSQL is what
# t/golden/facts/VERSION says: a change of a fact shows as a difference there,
# for the versions that no test can run too.
#
# After a change that is wanted:
#	TOP_BUILDDIR=BUILD t/0040-facts.t write && git diff t/golden/facts

. "${0%/*}/lib/tap.sh"

STANDBY_CLONE=$TOP_BUILDDIR/standby-clone
GOLDEN=$TOP_SRCDIR/t/golden/facts
[ -x "$STANDBY_CLONE" ] || skip_all "standby-clone is not built"
versions=(9.0 9.1 9.2 9.3 9.4 9.5 9.6 10 11 12 13 14 15 16 17 18 19)

if [ "${1:-}" = write ]; then
	mkdir -p "$GOLDEN"
	for v in "${versions[@]}"; do
		"$STANDBY_CLONE" --facts="$v" >"$GOLDEN/$v" || bail "$v"
	done
	skip_all "written: look at git diff $GOLDEN"
fi

# facts VERSION: offline, with nothing of the environment that could name a
# server or a file.
facts() { env -i PATH=/nonexistent "$STANDBY_CLONE" --facts"${1:+=$1}"; }

for v in "${versions[@]}"; do
	facts "$v" >"$T/$v"
	is "$?" 0 "$v: exit status 0"
	if diff -u "$GOLDEN/$v" "$T/$v" >"$T/diff"; then
		pass "$v: as it was"
	else
		fail "$v: as it was"
		diag "$(head -n 40 "$T/diff")"
	fi
done

is "$(ls -x "$GOLDEN")" "$(cd "$T" && ls -dx "${versions[@]}")" \
    "no file of a version that is not known"
facts >"$T/all"
for v in "${versions[@]:0:${#versions[@]}-1}"; do cat "$GOLDEN/$v"; done >"$T/want"
ok "without a version: all of them, one behind the other" \
    cmp "$T/want" "$T/all"
# What is newer than known has the rows of the newest, and says so.
is "$(diff "$T/18" "$T/19" | grep -c '^[<>]')" 5 \
    "19 differs from 18 in its name, a remark and the magic number of WAL only"
like "$(cat "$T/19")" '^ newer than this program knows' "19: the remark"

run "$STANDBY_CLONE" --facts=9.7
rc_is 2 "9.7 was never there"
run "$STANDBY_CLONE" --facts 15
rc_is 2 "a version without \"=\""
like "$err" '--facts=15 ' "and how to type it"

# Every line is a version, a heading or a name with its value: one line each,
# and each name of a fact once.
for v in 9.0 15; do
	is "$(grep -cvE '^(PostgreSQL [0-9.]+| [a-z].*|  [a-z][a-z-]* +[^ ].*)$' \
	    "$T/$v")" 0 "$v: the form of the lines"
	is "$(sed -n 's/^  \([a-z-]*\) .*/\1/p' "$T/$v" | grep -v '^exclude$' |
	    sort | uniq -d)" "" "$v: no name twice"
done

# The names that others rely on, in the versions around each border.
has() { # has VERSION NAME VALUE
	is "$(sed -n "s/^  $2  *//p" "$T/$1")" "$3" "$1: $2"
}
has 9.0 promotion-means trigger
has 9.1 promotion-means 'pg_ctl trigger'
has 12 promotion-means 'sql pg_ctl trigger'
has 16 promotion-means 'sql pg_ctl'
has 9.0 streaming-proof lsn
has 9.5 archive-wait cancel
has 9.6 archive-wait void
has 10 archive-wait choice
has 9.2 bytes-of-a-log-id FF000000
has 9.3 bytes-of-a-log-id 100000000
has 9.4 at-crc 240
has 9.5 at-crc 256

# excludes VERSION: names only.
excludes() { sed -n 's/^  exclude  *\([^ ]*\).*/\1/p' "$T/$1"; }
like "$(excludes 9.6)" '^pg_xlog/\*$' "9.6: pg_xlog is left out"
unlike "$(excludes 9.6)" '^pg_wal/' "9.6: there is no pg_wal"
like "$(excludes 10)" '^pg_wal/\*$' "10: pg_wal is left out"
unlike "$(excludes 10)" '^pg_xlog/' "10: there is no pg_xlog"
unlike "$(excludes 9.0)" 'replslot|signal|manifest|unlogged' \
    "9.0: nothing that came later"
is "$(for v in "${versions[@]}"; do excludes "$v"; done | sort -u)" \
    "$("$STANDBY_CLONE" --list-excludes | awk '{ print $1 }' | sort -u)" \
    "together the versions leave out what --list-excludes names"
done_testing
