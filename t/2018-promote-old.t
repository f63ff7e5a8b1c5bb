#!/bin/bash
#
# Goal: standby-promote of PostgreSQL 9.0, of which there is no server here: a
# stub plays it (t/fake/pgserver.py), which has the names of 9.0 only.  Nothing
# but the trigger file promotes it, so that is the default; what is left to
# replay is told before (D10).

. "${0%/*}/lib/tap.sh"

STANDBY_PROMOTE=$TOP_BUILDDIR/standby-promote
FAKE=$TOP_SRCDIR/t/fake
[ -x "$STANDBY_PROMOTE" ] || skip_all "standby-promote is not built"
[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
export HOME=$T PYTHONDONTWRITEBYTECODE=1
unset XDG_CONFIG_HOME STANDBY_CONFIG PGHOST PGPORT PGDATA PGUSER PGSERVICE

# node before|after: the standby, and what it is when it is promoted.
cat >"$T/node.py" <<'END'
import json
import sys
sys.path.insert(0, sys.argv[1])
import status_old as s
pgdata, when = sys.argv[2], sys.argv[3]
v, version, end = 9.0, "9.0.23", "0/3000000"
common = [
    s.answer("pg_try_advisory_lock", [[True]]),
    s.answer("pg_advisory_unlock", [[True]]),
    s.answer("wal_segment_size", [["16MB"]]),
    s.answer("set_config", [["0"]]),
    s.no_rows("from pg_locks", 2),
    s.answer("from pg_ls_dir", [["00000001"]]),
    s.answer("from pg_settings", [["data_directory", pgdata, None]]),
]
if when == "before":
    row = s.position(v, True, None, end, "0/2000000", ago=3, start=2000)
    node = s.node("s1", v, version, True, row)
else:
    row = s.position(v, False, end, start=2000)
    node = s.node("s1", v, version, False, row)
    common[:0] = [
        s.answer("^select case when not pg_is_in_recovery.. then .'x'",
                 [["2"]]),
        {"match": "^select pg_current_xlog_location..::text$",
         "rounds": [[["0/%X" % n]] for n in range(0x3000100, 0x3001000, 64)]},
        s.answer("txid_current", [["700"]]),
        {"match": "^checkpoint", "tag": "CHECKPOINT"},
    ]
node["answers"] = common + node["answers"]
print(json.dumps({"nodes": [node]} if when == "before" else node))
END
node() { /usr/bin/python3 "$T/node.py" "$FAKE" "$T/s1" "$1"; }

# The directory of a server that runs.
mkdir -m 0700 "$T/s1" "$T/s1/global" "$T/s1/base" "$T/s1/pg_xlog" \
    "$T/s1/pg_tblspc" "$T/trigger"
echo 9.0 >"$T/s1/PG_VERSION"
printf '%s\n%s\n  5432001  0\n' "$$" "$T/s1" >"$T/s1/postmaster.pid"
recovery() { # recovery [LINE]: recovery.conf
	printf '%s\n' "standby_mode = 'on'" \
	    "primary_conninfo = 'host=127.0.0.1 port=1'" "$@" \
	    >"$T/s1/recovery.conf"
}

mkfifo "$T/stub.in"
node before >"$T/scenario"
/usr/bin/python3 "$FAKE/pgserver.py" "$T/scenario" --log "$T/stub.log" \
    >"$T/ports" 2>"$T/stub.err" <"$T/stub.in" 3>&- 4>&- &
kill_later "$!"
exec 8>"$T/stub.in"
poll_until 20 grep -q ports "$T/ports" ||
    bail "the stub does not start: $(cat "$T/stub.err")"
port=$(sed -n 's/.*"s1": \([0-9]*\).*/\1/p' "$T/ports")
cat >"$T/conf" <<-END
	nodes = ( { name = "s1"; pgdata = "$T/s1";
	    conninfo = "host=127.0.0.1 port=$port user=repl dbname=postgres"; } );
END

promote() {
	run timeout -k 10 100 "$STANDBY_PROMOTE" -f "$T/conf" s1 -y \
	    --fence="touch $T/fenced" "$@" </dev/null
}
refusals() {
	sed -n 's/ \[preflight\]$//
	    s/^standby-promote: error: .*not promoted, nothing was changed: //p' \
	    <<<"$err"
}

recovery
promote
is "$rc $(refusals)" "3 trigger-file" "D11 9.0 without trigger_file is refused"
like "$err" 'no trigger_file set' "D11 why"
like "$err" 'hint: Correct trigger_file in recovery\.conf and restart' \
    "D11 and what to do"
unlike "$err" 'without --trigger' "D11 it is not told to do without"

recovery "trigger_file = '$T/trigger/now'"
touch "$T/trigger/now"
promote
is "$rc $(refusals)" "3 trigger-file" "D11 9.0, the file exists already"
rm "$T/trigger/now"
not_ok "the fence was not run for that" test -e "$T/fenced"

promote --dry-run
rc_is 0 "the dry run"
like "$out" "promote s1 by the trigger file $T/trigger/now" \
    "by the trigger file, though nobody said --trigger"
like "$err" '16\.0 MB \(16777216 bytes\) of WAL that s1 has received must be replayed' \
    "D10 what must be replayed before is told"
is "$(ls -A "$T/trigger")" "" "and nothing was changed"

# Nobody looks at the file: the time begins with the request.
promote -t 3s
rc_is 7 "D10 9.0 replays, the time is over: exit 7"
like "$err" 'requested, outcome unknown' "D10 in words"
is "$(stat -c '%a %s' "$T/trigger/now")" "600 0" "the file is there, and ours"
rm "$T/trigger/now"

# What a server does when it sees the file.
server() {
	poll_until 60 test -e "$T/trigger/now" || return
	stat -c '%a %s' "$T/trigger/now" >"$T/seen"
	echo "set s1 $(node after)" >&8
	rm "$T/trigger/now"
}
server 3>&- 4>&- &
kill_later "$!"
promote -t 30s
rc_is 0 "9.0 is promoted"
is "$(cat "$T/seen")" "600 0" "by the file"
like "$err" 'timeline 2' "on timeline 2"
like "$(cat "$T/stub.log")" '"query", "s1", "SELECT txid_current' "a write is tried"
like "$(cat "$T/stub.log")" '"query", "s1", "CHECKPOINT' "and the checkpoint made"
done_testing
