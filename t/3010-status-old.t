#!/bin/bash
#
# Goal: the facts of nodes whose servers nobody has any more: a stub plays
# PostgreSQL 9.0 to 9.6, refuses every name that the version does not have, and
# the numbers come out right.  And what only a stub can play: hostile values,
# standbys found by their addresses, 50 nodes at once, ten of them hung.
# t/helpers/survey prints what lib/flow/survey finds.

. "${0%/*}/lib/tap.sh"

SURVEY=$TOP_BUILDDIR/t/helpers/survey
REPL_STATUS=$TOP_BUILDDIR/repl-status
FAKE=$TOP_SRCDIR/t/fake
[ -x "$SURVEY" ] || bail "$SURVEY is not built"
[ -x "$REPL_STATUS" ] || bail "$REPL_STATUS is not built"
[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
export HOME=$T			# no .pgpass of the user
declare -A PORT
stub=

# stub KIND [ARGUMENT]: the nodes of a scenario listen; sets PORT[NAME].
stub() {
	[ -z "$stub" ] || kill_now "$stub"
	/usr/bin/python3 "$FAKE/status_old.py" "$@" >"$T/scenario" ||
	    bail "no scenario \"$*\""
	rm -f "$T/ports" "$T/stub.log" "$T/stub.in"
	mkfifo "$T/stub.in"
	/usr/bin/python3 "$FAKE/pgserver.py" "$T/scenario" \
	    --log "$T/stub.log" >"$T/ports" 2>"$T/stub.err" <"$T/stub.in" \
	    3>&- 4>&- 7>&- &
	stub=$!
	exec 8>"$T/stub.in"
	kill_later "$stub"
	poll_until 20 grep -q ports "$T/ports" || {
		cat "$T/stub.err"
		bail "the stub does not start"
	}
	PORT=()
	local name port
	while read -r name port; do
		PORT[$name]=$port
	done < <(/usr/bin/python3 -c 'import json, sys
for name, port in json.load(open(sys.argv[1]))["ports"].items():
    print(name, port)' "$T/ports")
}

# tell COMMAND...: to the stub, which answers.
tell() {
	local n
	n=$(grep -c '"ok"' "$T/ports")
	echo "$*" >&8
	poll_until 10 told "$n"
}
told() { [ "$(grep -c '"ok": true' "$T/ports")" -gt "$1" ]; }

# to NAME [HOST]: connection string of a node.
to() {
	echo "$1=host=${2:-127.0.0.1} port=${PORT[$1]} user=repl" \
	    "dbname=postgres sslmode=prefer"
}

# measure COMMAND...: as run; sets $ms and $kb, of the whole process.
measure() {
	run /usr/bin/python3 -c 'import resource, subprocess, sys, time
t = time.monotonic()
rc = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as f:
    print(int((time.monotonic() - t) * 1000),
          resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=f)
sys.exit(rc)' "$T/measured" "$@"
	read -r ms kb <"$T/measured"
}

# json EXPRESSION: of the document d in $out, of nodes n[NAME].
json() {
	/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
n = {x["name"]: x for x in d["nodes"]}
print(eval(sys.argv[1]))' "$1" <<<"$out"
}

# conf NAME...: a file of these nodes.
conf() {
	local name comma=
	{
		echo 'nodes = ('
		for name; do
			echo "$comma{ name = \"$name\"; conninfo =" \
			    "\"$(to "$name" | sed 's/^[^=]*=//')\"; }"
			comma=,
		done
		echo ');'
	} >"$T/conf"
}

survey() { run timeout 60 "$SURVEY" "$@"; }

# of NAME KEY: that value of the node's line.
of() {
	sed -n "s/^node $1 / /p" <<<"$out" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# below NAME: the lines that belong to the node.
below() { sed -n "/^node $1 /,/^\(node\|ms\) /p" <<<"$out" | grep '^  '; }

# --- a primary and a standby of each old version ---------------------------

for v in 9.0.23 9.1.24 9.2.24 9.3.25 9.4.26 9.5.25 9.6.24; do
	m=${v%.*}
	stub pair "$v"
	survey "$(to db1)" "$(to db2)"
	rc_is 0 "$m: a primary and a standby are read"
	is "$(of db1 reach) $(of db2 reach)" 'yes yes' "$m: both answer"
	unlike "$out" '^  partial' "$m: no statement names what it has not"
	is "$(of db1 role) $(of db2 role)" 'primary standby' "$m: their roles"
	is "$(of db1 written)" 1/100 "$m: the primary's second read counts"
	case $m in
	9.[012]) low=0/FE ;;
	*) low=0/FF ;;
	esac
	is "$(of db2 received) $(of db2 replayed)" "${low}FFFF80 ${low}FFFF00" \
	    "$m: the standby's positions"
	is "$(of db2 receive_lag) $(of db2 replay_lag)" '384 512' \
	    "$m: E10: the distance over the end of a log id"
	is "$(of db2 clamped)" 0 "$m: E9: the end is not older than the standby's"
	is "$(of db2 upstream)" db1 "$m: the standby hangs below the primary"
	if [ "$m" = 9.0 ]; then
		unlike "$(below db1)" sender "$m: there are no sender rows"
		is "$(of db2 delay)" - "$m: the delay is unknown, and not 0"
		is "$(of db2 paused)" - "$m: nor is known whether it is paused"
	else
		like "$(below db1)" "sender application=db2 .*node=db2 sent=1/100" \
		    "$m: the sender's row is the standby's"
		like "$(of db2 delay)" '^[78]\.' "$m: the delay in seconds"
		is "$(of db2 paused)" 0 "$m: replay is not paused"
		is "$(of db2 sent)" 1/100 "$m: what was sent"
	fi
	case $m in
	9.6)
		is "$(of db1 system)" 6200000000000000001 \
		    "$m: the system identifier"
		like "$(below db2)" 'sight=seen present=1 status=streaming slot=db2' \
		    "$m: the receiver"
		;;
	*)
		is "$(of db1 system)" 0 "$m: no system identifier over SQL"
		like "$(below db2)" 'sight=none' "$m: no receiver's view"
		;;
	esac
	case $m in
	9.[456]) like "$(below db1)" 'slot db2 logical=0 active=1' \
	    "$m: the slot" ;;
	*) unlike "$(below db1)" '^  slot' "$m: there are no slots" ;;
	esac
	is "$(of db1 timeline)" 1 "$m: the primary's timeline"

	conf db1 db2
	run "$REPL_STATUS" -f "$T/conf" -F json
	is "$(json '[n["db2"][k] for k in
	    ("receive_lag_bytes", "replay_lag_bytes", "received_lsn")]')" \
	    "[384, 512, '${low}FFFF80']" "$m: repl-status tells the same"
	if [ "$m" = 9.0 ]; then
		is "$(json 'n["db2"]["delay_seconds"]')" None \
		    "$m: with null for the delay"
	else
		is "$(json '7 <= n["db2"]["delay_seconds"] < 20')" True \
		    "$m: with the delay"
	fi
	is "$rc $(json 'd["status"]')" '0 OK' "$m: and that all is well"

	survey "$(to db2)"
	is "$(of db2 reach) $(of db2 replayed)" "yes ${low}FFFF00" \
	    "$m: a standby alone is read"
	[ "$m" = 9.6 ] || is "$(of db2 receive_lag) $(of db2 replay_lag)" '- -' \
	    "$m: what it is behind is unknown, and not 0"
	is "$(grep -c '"query", "db2"' "$T/stub.log")" 3 \
	    "$m: each look is one round trip"
done

# --- what does not belong there ----------------------------------------------

for v in 9.2.24 9.6.24 18.4; do
	stub hostile "$v"
	survey -n "$(to db1)" "$(to db2)" "$(to db3)"
	rc_is 0 "$v: hostile values do no harm"
	is "$(of db1 written) $(of db1 timeline) $(of db1 system)" '- 0 0' \
	    "$v: what is no position, timeline, identifier is unknown"
	is "$(grep -c '^  sender' <<<"$(below db1)")" 3 "$v: rows are kept"
	unlike "$(below db1)" ' (sent|replay)=(0/0|[^-0])' "$v: without odd positions"
	unlike "$out" xxxxxxxxx "$v: endless names are unknown"
	is "$(of db2 received) $(of db2 paused) $(of db2 apply_delay)" \
	    '0/2000000 - -' "$v: received is not behind replayed"
	is "$(of db2 delay) $(of db2 replay_lag)" '- -' \
	    "$v: unknown delay and lag are not 0"
	is "$(of db3 reach) $(of db3 role)" 'yes unknown' \
	    "$v: a server without rows is of no known kind"
	like "$(below db3)" 'partial it does not say what it is' "$v: says so"
done

stub rows 1000
survey "$(to db1)"
is "$(grep -c '^  sender' <<<"$out") $(grep -c '^  slot' <<<"$out")" \
    '1000 1000' "1000 senders and slots are read"
unlike "$out" '^  partial' "all of them"
stub rows 1001
survey "$(to db1)"
is "$(grep -c '^  sender' <<<"$out") $(grep -c '^  slot' <<<"$out")" \
    '1000 1000' "of more the first 1000 are"
like "$out" '^  partial more than 1000 rows in pg_stat_replication' \
    "and it is told"

# --- one look after the other --------------------------------------------------

# A survey with -w in the background; looks NAME=CONNINFO... shows the first.
looks() {
	rm -f "$T/look.in" "$T/look.out"
	mkfifo "$T/look.in"
	timeout 60 "$SURVEY" -w -r 9 "$@" <"$T/look.in" >"$T/look.out" \
	    3>&- 4>&- &
	looker=$!
	kill_later "$looker"
	exec 7>"$T/look.in"
	count=1
	look_shown
}

look_shown() {
	poll_until 20 has_looked
	out=$(awk -v n="$count" '/^cluster/ {i++} i == n' "$T/look.out")
	note "$out"
}
has_looked() { [ "$(grep -c '^next' "$T/look.out")" -ge "$count" ]; }

look_again() {
	count=$((count + 1))
	echo >&7
	look_shown
}

sessions() { grep -c '"startup"' "$T/stub.log"; }

stub pair 9.6.24
looks "$(to db1)" "$(to db2)"
is "$(of db1 reach) $(of db2 reach) $(sessions)" 'yes yes 2' \
    "a first look opens the sessions"
look_again
is "$(of db1 reach) $(of db2 reach) $(sessions)" 'yes yes 2' \
    "the next one uses them"
tell drop db1
look_again
is "$(of db1 reach) $(of db2 reach) $(sessions)" 'yes yes 3' \
    "one that was lost is opened again, in the same look"
is "$(of db2 replay_lag)" 512 "and nothing is missing"
tell set db2 '{"refuse": true}'
tell drop db2
look_again
is "$(of db1 reach) $(of db2 reach)" 'yes failed' \
    "one that does not come back has failed"
is "$(of db2 receive_lag)" 0 "and is shown from the row of its sender"
like "$(below db2)" '^  why ' "with the reason"
tell set db2 '{"refuse": false}'
look_again
is "$(of db1 reach) $(of db2 reach)" 'yes yes' "until it does"
exec 7>&-
wait "$looker"
is "$?" 0 "the end is a clean one"

stub late
survey -t 1000 "$(to db1)" "$(to db2)"
is "$(of db1 reach) $(of db1 written)" 'yes 1/100' \
    "when the second read of the primary hangs, the first one counts"
bound "$(sed -n 's/^ms //p' <<<"$out")" 1200 "and the time is kept"

# --- standbys that nobody named ------------------------------------------------

stub discover "$(port_of_ours)"
survey "$(to db1)" "$(to db9 127.0.0.9)"
rc_is 0 "standbys are looked for at the addresses of senders"
is "$(of db2 reach) $(of db2 role) $(of db2 upstream)" 'yes standby db1' \
    "one is found there, under the name of its row"
is "$(of db3 reach) $(of db3 upstream)" 'yes db2' "and the cascaded one below it"
is "$(of db4 reach) $(of db4 role)" 'not-asked standby' \
    "a server of another cluster is not it"
is "$(of db5 reach) $(of db5 role)" 'yes primary' \
    "one that has become a primary counts: there are two"
is "$(of db12 reach) $(of db12 role)" 'not-asked standby' \
    "a primary beside a standby that still replies is not it"
is "$(of db6 reach) $(of db6 replay_lag)" 'not-asked 0' \
    "what hangs there is shown from the row"
is "$(of db7 reach)" not-asked "and so is what does not answer"
# It is db8 of the stub, whatever it is asked.
is "$(of db9 reach) $(of db9 upstream) $(grep '"startup"' "$T/stub.log" |
    grep -c '"db8"')" 'yes db1 1' \
    "one that is asked is found under another address, too"
unlike "$out" '^node (walreceiver|127.0.0.8)' "and is no second node"
is "$(of db11 reach)" not-asked "a socket leads nowhere"
unlike "$out" '^node (sub|other)' "no node is made of the wrong servers"
is "$(grep -c '"sub"' "$T/stub.log")" 0 "the logical receiver is not asked"
bound "$(sed -n 's/^ms //p' <<<"$out")" 1900 \
    "the one that hangs costs a fifth of the time, not all of it"
survey -n "$(to db1)"
is "$(of db2 reach)" not-asked "without discovery nobody else is asked"
n=$(sessions)
survey -r 3 "$(to db1)" "$(to db9 127.0.0.9)"
is "$(of db2 reach) $(of db3 reach) $(of db4 reach)" 'yes yes not-asked' \
    "looked at again and again, they stay"
bound "$(($(sessions) - n))" 10 \
    "over the same sessions, and others are left alone for a while"

# With the answers of the primary that db12 is: it was promoted.
looks "$(to db1)"
is "$(of db2 role) $(of db3 upstream)" 'standby db2' "a standby is found"
tell set db2 "{\"answers\": $(/usr/bin/python3 -c 'import json, sys
print(json.dumps([n["answers"] for n in json.load(open(sys.argv[1]))["nodes"]
                  if n["name"] == "db12"][0]))' "$T/scenario")}"
look_again
is "$(of db2 reach) $(of db2 role)" 'yes primary' \
    "it is asked on when it has become a primary"
tell set db1 '{"refuse": true}'
tell drop db1
look_again
is "$(of db1 reach) $(of db2 reach) $(of db2 role)" 'failed yes primary' \
    "and when its old upstream has gone"
exec 7>&-
wait "$looker"

# --- fifty ---------------------------------------------------------------------

# quick LIMIT HUNG NAME: a survey of 50 nodes takes at most LIMIT ms.  The
# machine may be busy with something else: the best of five.
quick() {
	local limit=$1 hung=$2 best=999999 ms i nodes=()
	stub many "$hung"
	nodes=("$(to db1)")
	for i in $(seq 49); do nodes+=("$(to "s$i")"); done
	for i in 1 2 3 4 5; do
		survey -t 1500 "${nodes[@]}"
		ms=$(sed -n 's/^ms //p' <<<"$out")
		[ "${ms:-999999}" -ge "$best" ] || best=$ms
		[ "$best" -gt "$limit" ] || break
	done
	diag "$3: $best ms, $(sed -n 's/^rss //p' <<<"$out") kB"
	bound "$best" "$limit" "$3"
}

rss_is_small() {
	if grep -q __asan_init "$SURVEY"; then
		skip "$1" "this is a sanitizer build"
		return
	fi
	cmp_le "$(sed -n 's/^rss //p' <<<"$out")" 32768 "$1"
}

quick 399 0 "50 nodes, 50 ms each answer: below 4 round trips and 200 ms"
is "$(grep -c 'reach=yes' <<<"$out")" 50 "all of them answer"
is "$(sed -n 's/^cluster .* streaming=\([0-9]*\).*/\1/p' <<<"$out")" 49 \
    "and 49 stream"
rss_is_small "in less than 32 MB"
quick 1699 10 "ten of them hung: below the timeout and 200 ms"
is "$(grep -c 'reach=yes' <<<"$out") $(grep -c 'reach=hung' <<<"$out")" \
    '40 10' "the others answer, and those are called hung"
like "$(below s2)" 'why took the connection, but did not answer within 1\.2 s' \
    "with the time that they had"
is "$(of db1 written)" 0/3000000 "the primary is known"
rss_is_small "ten hung: in less than 32 MB"
like "$(grep -c '"query", "db1"' "$T/stub.log")" '^([2-9]|[0-9]{2,})$' \
    "the primary was read once more, after the others"

# The same by the program, from its start to its end.
program() {
	local limit=$1 hung=$2 best=999999
	stub many "$hung"
	conf db1 $(seq -f 's%g' 49)
	for _ in 1 2 3 4 5; do
		measure timeout 60 "$REPL_STATUS" -f "$T/conf" -F json -t 1500ms
		[ "$ms" -ge "$best" ] || best=$ms
		[ "$best" -gt "$limit" ] || break
	done
	diag "$3: $best ms, $kb kB"
	bound "$best" "$limit" "$3"
	if grep -q __asan_init "$REPL_STATUS"; then
		skip "repl-status: in less than 32 MB" "a sanitizer build"
	else
		cmp_le "$kb" 32768 "repl-status: in less than 32 MB"
	fi
}

program 399 0 "repl-status, 50 nodes: below 4 round trips and 200 ms"
is "$rc $(json 'd["cluster"]["streaming"]')" '0 49' "49 of them stream"
program 1699 10 "repl-status, ten hung: below the timeout and 200 ms"
is "$rc $(json 'sum(p["id"] == "hung" for p in d["problems"])')" '3 10' \
    "which is not known to be well: ten are called hung"

done_testing
