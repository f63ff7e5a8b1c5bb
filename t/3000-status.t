#!/bin/bash
#
# Goal: the numbers of repl-status are those of the servers: a primary, two
# standbys and a cascaded one, asked together, through the primary alone, and
# each alone; at rest, under writes, and idle.  And what a command is expected
# to do with its output, its state file and its sessions.
#
#	t/3000-status.t [FUNCTION]...	only some of the cases
#
# 10, 15 and 18; more with STANDBY_TEST_WORLD=1 or STANDBY_TEST_MAJORS.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/status.sh"
status_needs

# --- numbers

# One look between two looks at the primary that see the same: nothing was
# written meanwhile.  Sets told[NODE], what each standby said then.
declare -A told
look_at_rest() {
	local before i n
	for i in 1 2 3 4 5; do
		quiet || return 1
		before=$(pg_sql p "SELECT pg_current_wal_lsn()")
		look "$@"
		for n in s1 s2 c; do
			told[$n]=$(pg_sql "$n" "SELECT pg_last_wal_receive_lsn()
			    || ' ' || pg_last_wal_replay_lsn()")
		done
		at_rest=$(pg_sql p "SELECT pg_current_wal_lsn()")
		[ "$before" != "$at_rest" ] || return 0
		note "written meanwhile, $i"
	done
	return 1
}

numbers_agree() {
	local m=$1 n id
	ok "$m: nothing is written any more" look_at_rest -f "$T/conf"
	rc_is 0 "$m: all is well"
	is "$err" "" "$m: and nothing else is said"
	is "$(js '[d["status"], d["code"], len(p)]')" "OK 0 0" "$m: no problem"
	id=$(pg_sql p 'SELECT system_identifier FROM pg_control_system()')
	is "$(js '[d["cluster"][x] for x in ("name", "system_identifier",
	    "primary", "timeline")]')" "test $id p 1" "$m: the cluster"
	is "$(js 'sorted(n)')" "c p s1 s2" "$m: the nodes"
	is "$(js '[n["p"][x] for x in ("role", "state", "upstream",
	    "written_lsn", "sent_lsn", "received_lsn", "replayed_lsn",
	    "receive_lag_bytes", "delay_seconds", "timeline", "host", "port")]')" \
	    "primary running null $at_rest null null null null null 1 127.0.0.1 ${PG_PORT[p]}" \
	    "$m: the primary"
	for n in s1 s2 c; do
		is "$(js "[n['$n'][x] for x in ('sent_lsn', 'received_lsn',
		    'replayed_lsn')]")" \
		    "$at_rest ${told[$n]}" \
		    "$m: $n: its positions are those that it tells"
		is "$(js "[n['$n'][x] for x in ('received_lsn', 'replayed_lsn')]")" \
		    "$at_rest $at_rest" "$m: $n: and those of the primary"
		is "$(js "[n['$n'][x] for x in ('receive_lag_bytes',
		    'replay_lag_bytes', 'delay_seconds')]")" "0 0 0" \
		    "$m: $n: no lag"
		is "$(js "[n['$n'][x] for x in ('role', 'state', 'sync',
		    'timeline', 'paused', 'reachable', 'port')]")" \
		    "standby streaming async 1 false true ${PG_PORT[$n]}" \
		    "$m: $n: role, state, timeline"
	done
	is "$(js '[n[x]["upstream"] for x in ("s1", "s2", "c")]')" "p p s1" \
	    "$m: E8: who is below whom"
	is "$(js '[n[x]["slot"] for x in ("s1", "s2", "c")]')" "s1 null null" \
	    "$m: slots"
	for n in p s1; do
		is "$(js "n['$n']['server_version']")" "$(pg_sql "$n" \
		    "SELECT current_setting('server_version_num')")" \
		    "$m: $n: server version"
	done
	every_format 0 '' OK - "$m: all is well" -f "$T/conf"
}

tree_is_drawn() {
	local m=$1
	run env LC_ALL=C.UTF-8 "$REPL_STATUS" -f "$T/conf"
	rc_is 0 "$m: human"
	like "$out" '─c( |$)' "$m: a tree of lines"
	is "$(grep -Eo '─(s1|s2|c) ' <<<"$out" | tr -d '\n─')" "s1 c s2 " \
	    "$m: c is below s1"
	run env LC_ALL=C "$REPL_STATUS" -f "$T/conf"
	unlike "$out" $'[^\t -~]' "$m: LC_ALL=C: ASCII only"
	like "$out" '[-`|]s1 ' "$m: LC_ALL=C: a tree of ASCII"
	is "$(LC_ALL=C grep -c 'standby  *streaming' <<<"$out")" 3 "$m: three of them stream"
}

sync_state_is_shown() {
	local m=$1
	pg_sql p "ALTER SYSTEM SET synchronous_standby_names = 's1'"
	pg_reload p
	ok "$m: s1 is made synchronous" poll_until 20 pg_is p "SELECT sync_state
	    FROM pg_stat_replication WHERE application_name = 's1'" sync
	look -f "$T/conf"
	is "$(js '[n[x]["sync"] for x in ("s1", "s2", "c")]')" \
	    "sync async async" "$m: and shown so"
	pg_sql p "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (s1,\"walreceiver\")'"
	pg_reload p
	ok "$m: a quorum" poll_until 20 pg_is p "SELECT count(*)
	    FROM pg_stat_replication WHERE sync_state = 'quorum'" 2
	look -f "$T/conf"
	is "$(js '[n[x]["sync"] for x in ("s1", "s2")]')" "quorum quorum" \
	    "$m: is shown so"
	rc_is 0 "$m: and is no problem"
	pg_sql p "ALTER SYSTEM RESET synchronous_standby_names"
	pg_reload p
	poll_until 20 pg_is p "SELECT count(*) FROM pg_stat_replication
	    WHERE sync_state = 'async'" 2
}

# Without a file: the sender rows of the primary, and what they tell.
primary_alone() {
	local m=$1 name=127.0.0.1:${PG_PORT[p]}
	look_at_rest -h 127.0.0.1 -p "${PG_PORT[p]}" -U postgres
	rc_is 0 "$m: -h: all is well"
	is "$(js '[d["cluster"]["primary"], len(d["nodes"])]')" "$name 3" \
	    "$m: -h: primary and its two standbys"
	is "$(js '[(x["role"], x["upstream"], x["state"], x["received_lsn"],
	    x["replayed_lsn"], x["receive_lag_bytes"], x["replay_lag_bytes"],
	    x["delay_seconds"]) for x in d["nodes"] if x["role"] != "primary"]')" \
	    "standby $name streaming $at_rest $at_rest 0 0 0 standby $name streaming $at_rest $at_rest 0 0 0" \
	    "$m: -h: the sender rows' numbers"
	is "$(js 'n["s1"]["slot"]')" s1 "$m: -h: the slot of s1"
	run "$REPL_STATUS" -H 127.0.0.1 -p "${PG_PORT[p]}" -U postgres
	rc_is 0 "$m: -H"
	run "$REPL_STATUS" -d "$(status_conninfo p)"
	rc_is 0 "$m: -d with a conninfo string"
	run "$REPL_STATUS" -d "postgresql://postgres@127.0.0.1:${PG_PORT[p]}/postgres"
	rc_is 0 "$m: -d with a URI"
}

standby_alone() {
	local m=$1 n name
	for n in s1 s2 c; do
		name=127.0.0.1:${PG_PORT[$n]}
		look_at_rest -h 127.0.0.1 -p "${PG_PORT[$n]}" -U postgres
		rc_is 0 "$m: $n alone: all is well"
		is "$(js "[n['$name'][x] for x in ('role', 'state',
		    'received_lsn', 'replayed_lsn', 'receive_lag_bytes',
		    'replay_lag_bytes', 'delay_seconds')]")" \
		    "standby streaming $at_rest $at_rest 0 0 0" \
		    "$m: $n alone: the view of its receiver"
		every_format 0 '' OK - "$m: $n alone" \
		    -h 127.0.0.1 -p "${PG_PORT[$n]}" -U postgres
	done
}

several_and_operands() {
	local m=$1
	look -d "$(status_conninfo p)" -d "$(status_conninfo s2)"
	rc_is 0 "$m: -d twice"
	is "$(js '[x["host"] + ":" + (x["port"] or "") for x in d["nodes"]][:2]')" \
	    "127.0.0.1:${PG_PORT[p]} 127.0.0.1:${PG_PORT[s2]}" \
	    "$m: -d twice: both are asked"
	is "$(js 'sum(x["role"] == "standby" for x in d["nodes"])')" 2 \
	    "$m: -d twice: s2 is not shown twice"
	look -f "$T/conf" p s2
	rc_is 0 "$m: two operands"
	is "$(js '[n[x]["reachable"] for x in ("p", "s2")]')" "true true" \
	    "$m: two operands: they are asked"
	look -f "$T/conf" s2
	rc_is 0 "$m: a standby as the only operand"
	look -f "$T/conf" nobody
	rc_is 3 "$m: an operand that the file does not have"
	like "$err" 'nobody' "$m: which is named"
	look -f "$T/conf" -h 127.0.0.1 -p "${PG_PORT[p]}" -U postgres
	is "$rc $(js 'sorted(n)')" "0 c p s1 s2" \
	    "$m: -h of a node of the file that -f names: its nodes, once"
	run env STANDBY_CONFIG="$T/conf" "$REPL_STATUS" -F json
	is "$rc $(js 'sorted(n)')" "0 c p s1 s2" "$m: the file of \$STANDBY_CONFIG"
}

# The same server by localhost, 127.0.0.1 and its socket is one node.
one_server_two_names() {
	local m=$1 p=${PG_PORT[p]} s1=${PG_PORT[s1]} other
	look -h 127.0.0.1 -h localhost -p "$p" -U postgres
	is "$rc $(js '[d["status"], len(d["nodes"])]')" "0 OK 3" \
	    "$m: a primary by two names: one node" || diag "$(problems)"
	is "$(js "n['127.0.0.1:$p']['aliases']")" "localhost:$p" \
	    "$m: a primary by two names: the second is told"
	for other in localhost "$PG_SOCK"; do
		look -f "$T/conf" -h "$other" -p "$p" -U postgres
		is "$rc $(js 'sorted(n)') $(js 'n["p"]["aliases"]')" \
		    "0 c p s1 s2 $other:$p" \
		    "$m: the file and -h ${other##*/}: its nodes, once" ||
		    diag "$(problems)"
	done
	run "$REPL_STATUS" -f "$T/conf" -h localhost -p "$p" -U postgres
	is "$rc $err" "0 repl-status: note: localhost:$p is p" \
	    "$m: the file and -h: a note says it, once"
	run "$REPL_STATUS" -f "$T/conf" -h localhost -p "$p" -U postgres -F nagios
	is "$rc $err" "0 " "$m: the file and -h: no note for a plugin"
	look -f "$T/conf" -h localhost -p "$s1" -U postgres --min-standbys=4
	is "$rc $(js '[d["cluster"][x] for x in ("streaming", "standbys")]')" \
	    "2 3 3" "$m: a standby by two names counts once"
	found CRITICAL few-standbys - "$m: a standby by two names: few-standbys"
	look -h 127.0.0.1 -h localhost -p "${PG_PORT[s2]}" -U postgres
	is "$rc $(js 'len(d["nodes"])')" "0 1" \
	    "$m: a standby alone by two names: nobody misses its primary"
	run "$REPL_STATUS" -f "$T/conf" -F pgpool s1 "localhost:$s1" s2
	is "$(wc -w <<<"$out")" 3 "$m: -F pgpool: every operand keeps its place"
}

writer() {
	while :; do
		pg_sql p "INSERT INTO t SELECT i, repeat(md5(i::text), 8)
		    FROM generate_series(1, 500) i" || return
	done
}

under_writes() {
	local m=$1 pid i bad=0 none=0 least=0
	writer 3>&- 4>&- &
	pid=$!
	kill_later "$pid"
	for ((i = 0; i < 15; i++)); do
		look -f "$T/conf" -w 1GB,60s -c 2GB,120s
		[ "$rc" = 0 ] || { bad=$((bad + 1)); note "$out"; }
		none=$((none + $(js 'sum(x[k] is None for x in d["nodes"]
		    if x["role"] == "standby" for k in ("receive_lag_bytes",
		    "replay_lag_bytes", "delay_seconds"))')))
		least=$((least + $(js 'sum(x[k] < 0 or x[k] > 1 << 28
		    for x in d["nodes"] if x["role"] == "standby"
		    for k in ("receive_lag_bytes", "replay_lag_bytes",
		    "delay_seconds") if x[k] is not None)')))
		look -h 127.0.0.1 -p "${PG_PORT[c]}" -U postgres -w 1GB,60s \
		    -c 2GB,120s
		[ "$rc" = 0 ] || { bad=$((bad + 1)); note "$out"; }
	done
	kill_now "$pid"
	is "$bad" 0 "$m: under writes: always OK"
	is "$none" 0 "$m: under writes: every lag is known"
	is "$least" 0 "$m: E9: under writes: none is negative or beyond reason"
}

idle_is_not_late() {
	local m=$1 n
	pg_sql p "INSERT INTO t VALUES (0, '')"
	quiet
	# The last commit gets old.
	ok "$m: idle for some seconds" poll_until 20 pg_is s2 \
	    "SELECT now() - pg_last_xact_replay_timestamp() > '3s'" t
	look -f "$T/conf" -w 1s -c 2s
	rc_is 0 "$m: idle: no alarm by time"
	is "$(js '[n[x]["delay_seconds"] for x in ("s1", "s2", "c")]')" \
	    "0 0 0" "$m: idle: delay 0"
	for n in s1 s2 c; do
		look -h 127.0.0.1 -p "${PG_PORT[$n]}" -U postgres -w 1s -c 2s
		is "$rc $(js 'd["nodes"][0]["delay_seconds"] < 1')" "0 true" \
		    "$m: idle: $n alone is not late either"
	done
}

# --- thresholds that need no lag

min_standbys() {
	local m=$1
	run "$REPL_STATUS" -f "$T/conf" --min-standbys=3
	rc_is 0 "$m: three of three standbys"
	every_format 2 few-standbys CRITICAL - "$m: --min-standbys=4" \
	    -f "$T/conf" --min-standbys=4
	run "$REPL_STATUS" -d "$(status_conninfo p)" --min-standbys=2
	rc_is 0 "$m: without a file: two of two"
	look -d "$(status_conninfo p)" --min-standbys=3
	rc_is 2 "$m: without a file: two of three"
	found CRITICAL few-standbys - "$m: few-standbys"
}

usage_is_unknown() {
	local m=$1 f
	for f in '-F yaml' '-w 10X' '-w 1MB,2MB' '-c 1:2:3' '-w @' \
	    '--min-standbys=x' '--no-such-option' '-t never' '-f /nonexistent' \
	    '-w 30MB:10MB' '--min-standbys=-1'; do
		# shellcheck disable=SC2086	# words
		run "$REPL_STATUS" -d "$(status_conninfo p)" $f
		rc_is 3 "$m: $f: exit status 3"
		like "$err" '^repl-status: error: ' "$m: $f: says why"
	done
	for f in '-w 16MB,30s -c 128MB,5min' '-w ~:16MB' '-c @100MB:' \
	    '-w 30s,16MB' '-w 1000000' '-w 0:16MB,0:30s'; do
		# shellcheck disable=SC2086	# words
		run "$REPL_STATUS" -d "$(status_conninfo p)" $f
		rc_is 0 "$m: $f"
	done
	run "$REPL_STATUS" -d "$(status_conninfo p)" -w 10:
	rc_is 1 "$m: -w 10: a lag below 10 bytes is an alarm"
}

# --- output

output_file() {
	local m=$1 f inode
	mkdir -p "$T/out"
	for f in $FORMATS; do
		run "$REPL_STATUS" -f "$T/conf" -F "$f" -o "$T/out/$f"
		is "$rc $out $(/usr/bin/python3 "$TOP_SRCDIR/t/lib/status.py" \
		    shape "$f" 0 '' '' '' <"$T/out/$f")" "0  ok" \
		    "$m: -o: -F $f goes to the file"
		is "$(stat -c %a "$T/out/$f")" 644 "$m: -o: -F $f: mode 0644"
	done
	is "$(find "$T/out" -type f | wc -l)" "$(wc -w <<<"$FORMATS")" \
	    "$m: -o: nothing is left beside it"
	inode=$(stat -c %i "$T/out/prometheus")
	ln "$T/out/prometheus" "$T/out.old"
	cp "$T/out.old" "$T/out.copy"
	run "$REPL_STATUS" -f "$T/conf" -F prometheus -o "$T/out/prometheus"
	isnt "$(stat -c %i "$T/out/prometheus")" "$inode" \
	    "$m: -o: a new file takes its place"
	ok "$m: -o: the old one is not touched" cmp "$T/out.old" "$T/out.copy"
	run "$REPL_STATUS" -f "$T/conf" -o "$T/no/such/file"
	rc_is 3 "$m: -o: a directory that is not there"
	like "$err" 'no/such' "$m: -o: which is named"
	run "$REPL_STATUS" -f "$T/conf" -o "$T/out"
	rc_is 3 "$m: -o: a directory in its place"
	rm -r "$T/out" "$T/out.old"
}

stdout_fails() {
	local m=$1 f
	for f in $FORMATS; do
		run bash -c '"$@" >&-' - "$REPL_STATUS" -f "$T/conf" -F "$f"
		rc_is 3 "$m: E12: -F $f: stdout is closed: exit status 3"
		run bash -c '"$@" >/dev/full' - "$REPL_STATUS" -f "$T/conf" -F "$f"
		rc_is 3 "$m: E12: -F $f: stdout is full: exit status 3"
	done
	run bash -c 'set -o pipefail; trap "" PIPE; { sleep 0.3; "$@"; echo $? >&2; } | :' \
	    - "$REPL_STATUS" -f "$T/conf"
	is "$(tail -n 1 <<<"$err")" 3 "$m: E12: nobody reads stdout: exit status 3"
	run bash -c '"$@" 2>&-' - "$REPL_STATUS" -f "$T/conf"
	rc_is 0 "$m: a closed stderr does no harm"
	run bash -c '"$@" <&-' - "$REPL_STATUS" -f "$T/conf"
	rc_is 0 "$m: a closed stdin does no harm"
}

# --- the state file, at rest

state_valid() {
	/usr/bin/python3 -c 'import json, sys; json.load(open(sys.argv[1]))' \
	    "$1" && [ "$(stat -c %a "$1")" = 600 ]
}

state_file_is_kept() {
	local m=$1 f=$T/state/f
	rm -rf "$T/state"
	mkdir "$T/state"
	run "$REPL_STATUS" -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: --state-file"
	ok "$m: a private JSON file" state_valid "$f"
	ok "$m: with the primary's position" grep -Eq '"[0-9A-F]+/[0-9A-F]+"' "$f"
	for bad in '' '{' 'nonsense' '[1, 2, 3]' '{"format":1,"tool":"other"}' \
	    'null' '{"format":99,"tool":"repl-status"}' $'\xff\xfe\x01'; do
		printf '%s' "$bad" >"$f"
		run "$REPL_STATUS" -f "$T/conf" --state-file="$f"
		rc_is 0 "$m: state file \"${bad//[^ -~]/?}\" is ignored"
		ok "$m: and written again" state_valid "$f"
	done
	head -c 20000000 /dev/zero >"$f"
	run "$REPL_STATUS" -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: E11: a state file of 20 MB is ignored"
	cmp_le "$(stat -c %s "$f")" 100000 "$m: and written again"
	truncate -s 60 "$f"
	run "$REPL_STATUS" -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: half a state file is ignored"
	ok "$m: half a file is written again" state_valid "$f"
	echo precious >"$T/precious"
	ln -sf "$T/precious" "$T/state/link"
	run "$REPL_STATUS" -f "$T/conf" --state-file="$T/state/link"
	rc_is 3 "$m: a symbolic link is refused"
	is "$(cat "$T/precious")" precious "$m: and what it names is not touched"
	run "$REPL_STATUS" -f "$T/conf" --state-file="$T/state"
	rc_is 3 "$m: a directory is refused"
}

quiet_for_cron() {
	local m=$1 f=$T/state/q
	run "$REPL_STATUS" -q -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: -q: the first run"
	run "$REPL_STATUS" -q -f "$T/conf" --state-file="$f"
	is "$rc$out$err" 0 "$m: -q: the second run is silent"
	run "$REPL_STATUS" -q -f "$T/conf" --state-file="$f" --min-standbys=4
	rc_is 2 "$m: -q: the status changes"
	like "$out" CRITICAL "$m: -q: which is told"
	run "$REPL_STATUS" -q -f "$T/conf" --state-file="$f" --min-standbys=4
	is "$rc$out$err" 2 "$m: -q: once"
	run "$REPL_STATUS" -q -f "$T/conf" --state-file="$f"
	rc_is 0 "$m: -q: it changes back"
	isnt "$out" "" "$m: -q: which is told, too"
}

# --- sessions

sessions_are_named() {
	local m=$1
	# The server writes every statement with the name of its session.
	pg_sql p "ALTER SYSTEM SET log_statement = 'all'"
	pg_reload p
	poll_until 10 pg_is p "SHOW log_statement" all
	run "$REPL_STATUS" -f "$T/conf"
	ok "$m: the session's name is repl-status" \
	    poll_until 5 grep -Eq '^[^[]*\[[0-9]+\] repl-status LOG: ' "$T/p.log"
	pg_sql p "ALTER SYSTEM RESET log_statement"
	pg_reload p
	ok "$m: no session is left" poll_until 10 no_sessions p s1 s2 c
	is "$(grep -hE '\] repl-status.*(ERROR|FATAL|WARNING)' "$T"/{p,s1,s2,c}.log)" \
	    "" "$m: no statement of ours failed on any server"
	is "$(grep -hE 'unexpected EOF|Connection reset' "$T"/{p,s1,s2,c}.log)" \
	    "" "$m: every session was ended politely"
}

# --- names that do harm

names_with_quotes() {
	local odd m=$1 db="it's \"a\" 데이터=1" name="o'd d \"na\\me\" 복제"
	pg_sql p "CREATE DATABASE \"${db//\"/\"\"}\""
	look -d "host=127.0.0.1 port=${PG_PORT[p]} user=postgres dbname='${db//\'/\\\'}'"
	rc_is 0 "$m: a database with quotes, blanks and Korean letters"
	pg_stop s2
	# \ and ' for the conninfo, then for the setting.
	odd=${name//[\\\']/\\&}
	odd="$(status_conninfo p) application_name='${odd//\\/\\\\}'"
	status_set s2 "primary_conninfo = '${odd//\'/\'\'}'"
	pg_start s2
	poll_until 30 pg_streams s2
	quiet
	look -d "$(status_conninfo p)"
	rc_is 0 "$m: an application name with quotes, blanks and Korean letters"
	is "$(js '[x["name"] for x in d["nodes"] if x["role"] == "standby"
	    and x["name"] != "s1"]')" "$(pg_sql p "SELECT application_name
	    FROM pg_stat_replication WHERE application_name <> 's1'")" \
	    "$m: is the name of the node"
	every_format 0 '' OK - "$m: odd application name" -d "$(status_conninfo p)"
	sed 's/name = "s2"/name = "둘 '"it's"'"/; s/name = "c"/name = "세째"/' \
	    "$T/conf" >"$T/odd.conf"
	look -f "$T/odd.conf"
	is "$rc $(js '[x["name"] for x in d["nodes"]]')" "0 p s1 둘 it's 세째" \
	    "$m: Korean node names in JSON"
	is "$(js 'n["세째"]["upstream"]')" s1 "$m: and in the tree"
	every_format 0 '' OK - "$m: odd node names" -f "$T/odd.conf"
	run env LC_ALL=C.UTF-8 "$REPL_STATUS" -f "$T/odd.conf"
	like "$out" "─둘 it's " "$m: Korean node names for people"
	# Wide letters take two columns: the next column begins at the same one.
	is "$(/usr/bin/python3 -c '
import sys, unicodedata
def width(t):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in t)
print(len({width(line[:line.index("standby")])
           for line in sys.stdin.buffer.read().decode().split("\n")
           if "standby " in line and "streaming" in line}))' <<<"$out")" 1 \
	    "$m: columns stay aligned"
	run env LC_ALL=C "$REPL_STATUS" -f "$T/odd.conf"
	is "$rc" 0 "$m: LC_ALL=C with such names"
	unlike "$out" $'[^\t -~]' "$m: LC_ALL=C with such names: ASCII only"
}

# A standby that nobody named is asked where its sender row says: it comes
# from 127.0.0.2, and listens there on the primary's port.
discovery() {
	local m=$1 port
	pg_stop s2
	port=$(port_of_ours)
	/usr/bin/python3 - "$port" "${PG_PORT[p]}" <<-'PY' 3>&- 4>&- &
		import select, socket, sys, threading
		def both(a, b):
		    while True:
		        for s in select.select([a, b], [], [])[0]:
		            data = s.recv(65536)
		            if not data:
		                a.close(); b.close()
		                return
		            (b if s is a else a).sendall(data)
		server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
		while True:
		    a = server.accept()[0]
		    b = socket.create_connection(("127.0.0.1", int(sys.argv[2])),
		        source_address=("127.0.0.2", 0))
		    threading.Thread(target=both, args=(a, b), daemon=True).start()
	PY
	kill_later "$!"
	echo "host replication all 127.0.0.2/32 trust" >>"$T/p/pg_hba.conf"
	pg_reload p
	mkdir -p "$T/sock2"
	sed -i "s|-p ${PG_PORT[s2]} -k $PG_SOCK|-p ${PG_PORT[p]} -k $T/sock2|" \
	    "$T/s2.start"
	pg_set s2 "listen_addresses = '127.0.0.2'"
	echo "host all all 127.0.0.0/8 trust" >>"$T/s2/pg_hba.conf"
	status_set s2 "primary_conninfo = 'host=127.0.0.1 port=$port user=postgres application_name=far'"
	ok "$m: a standby at 127.0.0.2" pg_start s2
	ok "$m: streams from there" poll_until 30 pg_is p "SELECT count(*)
	    FROM pg_stat_replication WHERE client_addr = '127.0.0.2'" 1
	poll_until 20 status_is 0 -d "$(status_conninfo p)"
	is "$(js '[(x["reachable"], x["state"], x["paused"], x["server_version"])
	    for x in d["nodes"] if x["host"] == "127.0.0.2"]')" \
	    "true streaming false $(pg_sql p "SHOW server_version_num")" \
	    "$m: it is found and asked"
	rc_is 0 "$m: and all is well"
	pg_stop s2
	poll_until 20 status_is 0 -d "$(status_conninfo p)"
	is "$(js 'sum(x["role"] == "standby" for x in d["nodes"])')" 1 \
	    "$m: what was only found is not missed when it is gone"
}

# --- what to do

cases=(numbers_agree tree_is_drawn sync_state_is_shown primary_alone
    standby_alone several_and_operands one_server_two_names under_writes idle_is_not_late
    min_standbys state_file_is_kept quiet_for_cron sessions_are_named)
once=(usage_is_unknown output_file stdout_fails names_with_quotes discovery)

majors=$(status_majors)
last=$(tail -n 1 <<<"$majors")
for m in $majors; do
	if ! ok "$m: a primary, two standbys, a cascaded one" status_up "$m"; then
		status_down x
		continue
	fi
	status_conf "$T/conf" p s1 s2 c
	if [ $# -gt 0 ]; then
		mkdir -p "$T/state"
		for f; do "$f" "$m"; done
	else
		for f in "${cases[@]}"; do "$f" "$m"; done
		[ "$m" != "$last" ] || for f in "${once[@]}"; do "$f" "$m"; done
	fi
	status_down x
done

done_testing
