#!/bin/bash
#
# Goal: many sessions in one loop (lib/io/pg_many) against servers that answer,
# lie, flood and hang (t/fake/pgserver.py): nobody waits for anybody else, the
# deadline is kept, no answer is lost, and nothing is left behind.

. "${0%/*}/lib/tap.sh"

unset "${!PG@}"
PGMANY=$TOP_BUILDDIR/t/helpers/pgmany
[ -x "$PGMANY" ] || bail "$PGMANY is not built"
[ -x /usr/bin/python3 ] || skip_all "there is no python3"
export HOME=$T			# no .pgpass, no service file of the user
declare -A PORT

# fake NAME: the scenario on standard input; fills PORT, sets $log.
fake() {
	local name port
	cat >"$T/$1.json"
	log=$T/$1.said
	/usr/bin/python3 "$TOP_SRCDIR/t/fake/pgserver.py" "$T/$1.json" \
	    --log "$log" </dev/null >"$T/$1.ports" 3>&- 4>&- &
	kill_later $!
	poll_until 20 grep -q ports "$T/$1.ports" || bail "no fake servers"
	while read -r name port; do
		PORT[$name]=$port
	done < <(tr -d '{}",' <"$T/$1.ports" | sed 's/^ports: //' |
	    tr ' ' '\n' | sed 's/:$//' | paste -d ' ' - -)
}

# info NAME: how to get there.
info() { echo "host=127.0.0.1 port=${PORT[$1]} user=u dbname=postgres"; }

# many OPTION... -- NAME...: sets $rc, $out, $err.
many() {
	local options=() infos=() name
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	for name; do infos+=("$(info "$name")"); done
	run "$PGMANY" "${options[@]}" "${infos[@]}"
}

# val WORD: what the line that begins with it says.
val() { sed -n "s/^$1 //p" <<<"$out" | head -n 1; }

state() { val "$1 state" | sed 's/ .*//'; }

# clean NAME: nothing is left open, no child, and no lookup that blocks.
clean() {
	is "$(val fds) $(val children) $(val lookup)" "0 0 " \
	    "$1: no descriptor, no child is left, no lookup blocked"
}

# left: a process of ours that has a port of the scenario among its words.
left() { pgrep -f "$PGMANY.*port=${PORT[$1]} " >/dev/null; }
nothing_left() { ! left "$1"; }

IN_RECOVERY='SELECT pg_is_in_recovery()'
NOW='SELECT extract(epoch FROM now())'
COMMON='[
	{"match": "is_in_recovery", "columns": ["r"], "rows": [[false]]},
	{"match": "wal_lsn|xlog_location", "columns": ["lsn"],
	    "rows": [["0/3000000"]]},
	{"match": "nothing", "columns": ["a", "b"], "rows": []},
	{"match": "several", "rows": [["1", null, "x\u001b[2J"], [2, true, ""]]},
	{"match": "forbidden",
	    "error": "42501 permission denied\u001b[31m for forbidden"},
	{"match": "epoch", "rows": [["{now}"]]}]'

# --- fifty at once ----------------------------------------------------------

fake fifty <<EOF
{"nodes": [{"name": "n", "repeat": 50, "delay_ms": 50}], "answers": $COMMON}
EOF
many -t 10000 -n 2 -s "$IN_RECOVERY" -s "$NOW" -- $(seq -f 'n%.0f' 50)
rc_is 0 "fifty servers, each 50 ms away, are asked"
is "$(val run) $(grep -c ' state idle' <<<"$out")" "1 50" "all have settled"
is "$(grep -c '\.0 row f$' <<<"$out")" 50 "with their rows"
is "$(val told)" 150 "each was told of three times: connected, two batches"
cmp_le "$(val ms)" 2500 "in one go: $(val ms) ms, not 50 times 200"
is "$(grep -c '"query"' "$log")" 100 "one round trip for each batch"
clean "fifty"

# --- who hangs --------------------------------------------------------------

fake hung <<EOF
{"nodes": [{"name": "good1"}, {"name": "backlog", "hang": "accept"},
    {"name": "startup", "hang": "startup"},
    {"name": "query", "hang": "query"},
    {"name": "stopped", "hang": "query", "cancel": "hang"},
    {"name": "good2"}], "answers": $COMMON}
EOF
many -t 1000 -s "$IN_RECOVERY" -- good1 backlog startup query stopped good2
is "$(val run)" 0 "four servers that hang: time is up"
is "$(for i in 0 1 2 3 4 5; do state $i; done | xargs)" \
    "idle connecting connecting busy busy idle" \
    "at each of its stages, and the others are not delayed"
is "$(val 0.0) $(val 5.0)" "row f row f" "they have their rows"
like "$(val '1 error')" '^timeout could not connect to 127.0.0.1:[0-9]+ within [0-9.]+ s$' \
    "what connects is late in connecting"
is "$(val '3 error')" \
    "timeout 127.0.0.1:${PORT[query]} did not answer in time" \
    "what was asked is late in answering"
cmp_le 1000 "$(val ms)" "the deadline is used"
cmp_le "$(val ms)" 1500 "and kept: $(val ms) ms"
cmp_le "$(val end-ms)" 500 "the end waits for nobody: $(val end-ms) ms"
clean "hung"
ok "what still ran got its cancel request" \
    poll_until 5 grep -q '"cancel", "query", true' "$log"
ok "one that is never answered" \
    poll_until 5 grep -q '"cancel", "stopped", true' "$log"
ok "ends by its alarm" poll_until 6 nothing_left stopped

before=$(grep -c '"cancel", "query"' "$log")
many -t 300 -d -s "$IN_RECOVERY" -- good1 startup query
clean "dropped"
more() { [ "$(grep -c '"cancel", "query"' "$log")" -gt "$before" ]; }
ok "a session that is dropped is cancelled too" poll_until 5 more

asked() { grep -c '"query", "query"' "$log"; }
before=$(asked)
"$PGMANY" -t 60000 -s "$IN_RECOVERY" "$(info query)" >"$T/term.out" 2>&1 3>&- &
pid=$!
kill_later $pid
more() { [ "$(asked)" -gt "$before" ]; }
poll_until 10 more
kill -TERM $pid
wait $pid
is "$?" 3 "a signal ends the wait"
out=$(cat "$T/term.out")
is "$(val run)" -1 "as an interruption"
clean "interrupted"

# --- statements -------------------------------------------------------------

fake words <<EOF
{"nodes": [{"name": "w"}, {"name": "old", "version": "9.1.24"},
    {"name": "fatal", "answers": [{"match": "epoch",
	"fatal": "57P01 terminating connection due to administrator command"}]},
    {"name": "mute", "answers": [{"match": "epoch", "close": true}]},
    {"name": "copy", "answers": [{"match": "epoch", "copy": true}]},
    {"name": "endless", "answers": [{"match": "epoch", "endless": true}]},
    {"name": "huge", "answers": [{"match": "epoch", "huge": true}]},
    {"name": "garbage", "garbage": "query"},
    {"name": "header", "garbage": "huge"}], "answers": $COMMON}
EOF
many -s "$IN_RECOVERY" -s 'SELECT forbidden' -s 'SELECT several' \
    -s 'SELECT forbidden' -s "SELECT nothing, ';'" -s "$IN_RECOVERY" -- w
is "$(val 0.0) $(val 0.5)" "row f row f" \
    "an error in the middle of a batch does not lose what follows"
is "$(val 0.1)" 'error 42501 permission denied\033[31m for forbidden' \
    "its text is escaped"
is "$(grep '^0.2' <<<"$out" | cat -v)" '0.2 row 1|x^[[2J
0.2 row 2|t|' "rows come as they are"
is "$(grep -c '^0.4' <<<"$out")" 0 "no row is no error"
is "$(grep -c '"query", "w", "SET search_path = pg_catalog;' "$log")" 3 \
    "the rest was sent again, twice, after the SET"

many -s "$IN_RECOVERY" -s 'SELECT count(*) FILTER (WHERE true)' -s "$NOW" -- old
is "$(val 0.0) $(val 0.1)" \
    'row f error 42601 syntax error at or near "filter"' \
    "a statement that cannot be parsed fails alone"
like "$(val 0.2)" '^row [0-9.]+$' "and the others do not"

many -s "$IN_RECOVERY" -s "$NOW" -- w fatal mute copy garbage endless huge \
    header w
is "$(for i in 0 1 2 3 4 5 6 7 8; do state $i; done | xargs)" \
    "idle failed failed failed failed failed failed failed idle" \
    "sessions that end, and servers that do not keep to the protocol"
is "$(val run)" 1 "all of them are settled"
is "$(val '1 detail')" \
    "The server says: terminating connection due to administrator command." \
    "what the server said last is known"
like "$(val '2 error')" '^db-connect lost the session to ' "a lost session"
like "$(val '3 error')" 'does not keep to the protocol' "an answer of COPY"
like "$(val '5 error')" 'sends more than 8 MB, and was cut off$' \
    "rows without end, end"
like "$(val '6 error')" 'sends more than 8 MB, and was cut off$' \
    "a row that is too long, too"
like "$(val '7 error')" 'sends more than 8 MB, and was cut off$' \
    "and a notice at the startup"
clean "hostile"
if grep -q __asan_init "$PGMANY"; then
	skip "memory stays below 48 MB" "a sanitizer takes more"
else
	cmp_le "$(val rss)" 49152 "memory stays below 48 MB: $(val rss) kB"
fi
is "$(grep -c "$(printf '\033')" <<<"$(grep -v '^[0-9]*\.[0-9]* row' <<<"$out")")" 0 \
    "no byte of theirs reaches the terminal"

# --- versions ---------------------------------------------------------------

fake ages <<EOF
{"nodes": [{"name": "v90", "version": "9.0.23"},
    {"name": "v91", "version": "9.1.24"}, {"name": "v94", "version": "9.4.26"},
    {"name": "v96", "version": "9.6.24"}, {"name": "v10", "version": "10.23"},
    {"name": "v15", "version": "15.18 (Debian 15.18-1)"}],
 "answers": [{"match": "replication|receiver|slots", "rows": [["x"]]},
    {"match": "xact_replay", "rows": [["x"]]}]}
EOF
many -s 'SELECT procpid FROM pg_stat_replication' \
    -s 'SELECT pid, sent_location FROM pg_stat_replication' \
    -s 'SELECT pid, sent_lsn FROM pg_stat_replication' \
    -s 'SELECT received_lsn FROM pg_stat_wal_receiver' \
    -s 'SELECT slot_name, wal_status FROM pg_replication_slots' \
    -s 'SELECT pg_last_xact_replay_timestamp()' -- v90 v91 v94 v96 v10 v15
is "$(for i in 0 1 2 3 4 5; do
	grep "^$i\." <<<"$out" | sed 's/row x/ok/; s/error \([^ ]*\).*/\1/' |
	    cut -d' ' -f2 | xargs
done)" "42P01 42P01 42P01 42P01 42P01 42883
ok 42703 42703 42P01 42P01 ok
42703 ok 42703 42P01 42703 ok
42703 ok 42703 ok 42703 ok
42703 42703 ok ok 42703 ok
42703 42703 ok 42703 ok ok" "each version has its own names"
is "$(val '5 state' | sed 's/ host.*//')" \
    "idle version 15.18 (Debian 15.18-1)" "and tells which it is"

# --- connecting -------------------------------------------------------------

fake doors <<EOF
{"nodes": [{"name": "open"}, {"name": "also", "version": "14.1"},
    {"name": "closed", "closed": true}, {"name": "refuse", "refuse": true},
    {"name": "hba", "auth": "hba"}, {"name": "password", "auth": "password"},
    {"name": "starting", "auth": "starting"},
    {"name": "web", "garbage": "startup"},
    {"name": "socket", "socket_dir": "$T", "port": 7777}], "answers": $COMMON}
EOF
many -s "$IN_RECOVERY" -- closed refuse hba password starting web open
is "$(for i in 0 1 2 3 4 5 6; do state $i; done | xargs)" \
    "failed failed failed failed failed failed idle" \
    "servers that refuse fail at once"
cmp_le "$(val ms)" 2000 "without waiting: $(val ms) ms"
like "$(val '0 hint')" "pg_isready -h 127.0.0.1 -p ${PORT[closed]}" \
    "hints are those of pg_open: not running"
like "$(val '2 hint')" 'host postgres u 127.0.0.1/32' "pg_hba.conf"
like "$(val '3 hint')" '\.pgpass' "password"
like "$(val '4 hint')" 'Wait until it accepts' "starting up"
unlike "$out" "$(printf '\033')" "what is no server is not printed raw"

here() { echo "port=${PORT[open]} user=u dbname=postgres"; }
run "$PGMANY" -t 1000 -s "$IN_RECOVERY" "host=one.test $(here)" \
    "host=dead.test $(here)" "host=gone.test $(here)" \
    "host=two.test $(here)" "host=dead.test $(here)" "host=127.0.0.1 $(here)"
is "$(for i in 0 1 2 3 4 5; do state $i; done | xargs)" \
    "idle connecting failed idle connecting idle" \
    "names are resolved; a dead one delays nobody"
is "$(val '0 state' | sed 's/.* host/host/; s/ port.*//')" \
    "host one.test addr 127.0.0.1" "the name stays, the address is known"
is "$(val '3 state' | sed 's/.* host/host/; s/ port.*//')" \
    "host two.test addr 127.0.0.1" "the second address is tried"
like "$(val '1 error')" '^timeout .*its name was not resolved within' \
    "a name without an answer is late"
like "$(val '2 detail')" '^could not translate host name "gone.test"' \
    "one without an address is an error"
is "$(val '2 hint')" "Check the host name, or give the address." \
    "with the hint of pg_open"
cmp_le "$(val ms)" 1500 "the deadline is kept: $(val ms) ms"
clean "names"
ok "nobody asks for the dead name any more" poll_until 5 nothing_left open

run "$PGMANY" -s "$IN_RECOVERY" \
    "host=gone.test,127.0.0.1,one.test port=1,${PORT[closed]},${PORT[also]} user=u" \
    "host=two.test,one.test port=${PORT[closed]},${PORT[open]} user=u" \
    "host=a,b,c port=1,2 user=u" \
    "hostaddr=127.0.0.1 host=dead.test $(here)" \
    "host=$T port=7777 user=u" "host=$T,one.test port=7776,${PORT[also]} user=u" \
    "service=nowhere"
is "$(for i in 0 1 2 3 4 5 6; do state $i; done | xargs)" \
    "idle idle failed idle idle idle failed" "several hosts, addresses, sockets"
is "$(for i in 0 1 3 4 5; do val "$i state"; done |
	sed 's/.* host \(.*\) addr \(.*\) port \(.*\) user u/\1 \2 \3/')" \
    "one.test 127.0.0.1 ${PORT[also]}
one.test 127.0.0.1 ${PORT[open]}
dead.test 127.0.0.1 ${PORT[open]}
$T  7777
one.test 127.0.0.1 ${PORT[also]}" "each is known as what was reached"
like "$(val '2 detail')" 'could not match 2 port numbers to 3 hosts' \
    "libpq finds its own errors"
like "$(val '6 error')" '^configuration ' "a service that does not exist"
clean "several hosts"

printf '[there]\nhost=one.test\nport=%s\nuser=u\ndbname=postgres\n' \
    "${PORT[open]}" >"$T/.pg_service.conf"
export PGHOST=one.test PGPORT=${PORT[also]} PGUSER=u
run "$PGMANY" -s "$IN_RECOVERY" service=there dbname=postgres
unset PGHOST PGPORT PGUSER
is "$(for i in 0 1; do val "$i state"; done | sed 's/.* port //; s/ user.*//')" \
    "${PORT[open]}
${PORT[also]}" "a service file and the environment name servers, too"
clean "service"

run "$PGMANY" -c 5 -t 100 -s "$IN_RECOVERY" "$(info open)" "$(info closed)" \
    "host=dead.test $(here)" "host=one.test $(here)" "$(info hba)"
is "$(for i in 0 1 2 3 4; do state $i; done | xargs)" \
    "idle failed connecting idle failed" "places are used again, five times"
clean "again"

done_testing
