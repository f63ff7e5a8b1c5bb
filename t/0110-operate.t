#!/bin/bash
# Goal: the requests of flow/operate.h do what they say to a real server, over a
# real sshd and here, tell a server that runs from one that does not, find the
# end of its WAL as recovery does, and run nothing but what the standby.conf of
# that host allows.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"

export PYTHONDONTWRITEBYTECODE=1
OPERATE=${OPERATE_HELPER:-$TOP_BUILDDIR/t/helpers/operate}
reason=$(sshd_usable) || skip_all "$reason"
[ -x "$OPERATE" ] || skip_all "t/helpers/operate is not built"
pg_bin 15 >/dev/null || skip_all "PostgreSQL 15 is not installed"
bin=$(pg_bin 15)

# The agent, beside programs that only write down what they were told.
mkdir "$T/bin"
cp "$TOP_BUILDDIR/standby-agent" "$T/bin/"
AGENT=$T/bin/standby-agent
for p in standby-clone standby-follow; do
	cat >"$T/bin/$p" <<-'END'
		#!/bin/sh
		d=${0%/*}
		{ echo "${0##*/}"; for w; do echo "$w"; done; } >"$d/told"
		[ ! -f "$d/slow" ] || { sleep 60 & trap "kill $!" TERM; wait; }
		echo "on its way"
		exit "$(cat "$d/exit" 2>/dev/null || echo 0)"
	END
	chmod +x "$T/bin/$p"
done

CONF=$T/standby.conf
conf() { # conf OPERATE [LINE OF NODE n]: the nodes n and other
	cat >"$CONF" <<-END
		agent : { operate = $1; };
		nodes = ( { name = "n"; pgdata = "$T/n"; bindir = "$bin"; ${2-} },
		    { name = "other"; pgdata = "$T/elsewhere";
		      conninfo = "host=db2 port=5433 sslmode=disable"; } );
	END
	chmod 0600 "$CONF"
}

sshd_start main -- "SetEnv STANDBY_CONFIG=$CONF" || bail "no sshd"

# o VERB [ARG]...: over SSH; $head is the first line of the answer.
o() {
	run timeout 120 "$OPERATE" -k libssh2 -p "${SSHD_PORT[main]}" \
	    -i "$SSHD_KEY" -K "${SSHD_KNOWN[main]}" -A "${OTHER:-$AGENT}" ${ms:+-t "$ms"} "$@"
	head=${out%%$'\n'*}
}
here() {
	run timeout 120 "$OPERATE" -h "$@"
	head=${out%%$'\n'*}
}
agents_gone() { ! pgrep -f "^$AGENT"; }
crash() { # kill -9, and wait for the backends
	local pid
	pid=$(pg_pid n)
	kill -KILL "$pid"
	pg_dead n "$pid"
}

pg_up n 15 --waldir="$T/wal-of-n" || bail "no server"
system=$(pg_sql n "SELECT system_identifier FROM pg_control_system()")
conf false

# --- STATUS -----------------------------------------------------------------

o status "$T/n" system="$system"
is "$head" "running=1 pid=$(pg_pid n) status=0 wal=0/0 tli=0" \
    "a running server is seen, and its pid"
here status "$T/n"
is "$head" "running=1 pid=$(pg_pid n) status=0 wal=0/0 tli=0" \
    "and here, without SSH"
cp "$T/n/postmaster.pid" "$T/pid.saved"
rm "$T/n/postmaster.pid"
o status "$T/n"
like "$head" '^running=1 pid=[0-9]' "also when postmaster.pid is gone"
cp "$T/pid.saved" "$T/n/postmaster.pid"
# A server without its file ends by itself after a minute: not in this test.

o status "$T/n" system=1
rc_is 5 "another cluster is refused"
like "$err" 'another cluster.*\[source\]' "and named"
mkdir -m 0700 "$T/elsewhere"
o status "$T/elsewhere"
rc_is 5 "a directory that is no data directory is refused"
o status "$T/nowhere"
rc_is 5 "one that is not there, too"
chmod 0755 "$T/n"
o status "$T/n"
rc_is 5 "one that others may read, too"
chmod 0700 "$T/n"

# From another container: its processes are not seen.  With our IPC namespace
# the server's shared memory is.
apart() { # apart WANT NAME [UNSHARE OPTION]
	local want=$1 name=$2
	shift 2
	if ! unshare -Uc -pf --mount-proc "$@" true; then
		skip "$name" "no user namespaces here"
		return
	fi
	run unshare -Uc -pf --mount-proc "$@" "$OPERATE" -h status "$T/n"
	like "$(paste -sd' ' <<<"$out")" "$want" "$name"
}
apart '^running=-1 .*another container' \
    "in another container it cannot be told" -i
apart '^running=-1 .*use the shared memory' \
    "nor where only its shared memory is seen"

checkpointer=$(pg_sql n "SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'checkpointer'")
kill -STOP "$checkpointer"
kill -KILL "$(pg_pid n)"
poll_until 10 test ! -e "/proc/$(head -n 1 "$T/n/postmaster.pid")"
o status "$T/n"
is "${head%% status*}" "running=1 pid=$checkpointer" \
    "kill -9: a server process that is left counts as running"
o wal-end "$T/n"
is "${head##*status=0 }" "wal=0/0 tli=0" "and there is no end of its WAL yet"
kill -KILL "$checkpointer"
poll_until 30 pg_nobody n
o status "$T/n"
is "$head" "running=0 pid=0 status=0 wal=0/0 tli=0" \
    "kill -9: when all are gone it does not run, whatever postmaster.pid says"
apart '^running=0 ' "nobody is attached to its shared memory: proven there, too"
apart '^running=-1 ' "without that it cannot be told in a container" -i
sleep 100 3>&- 4>&- &
sleeper=$!
kill_later "$sleeper"
sed -i "1s/.*/$sleeper/" "$T/n/postmaster.pid"
o status "$T/n"
like "$head" '^running=0 ' "a foreign pid in postmaster.pid is not a server"
sed -i "1s/.*/nonsense/" "$T/n/postmaster.pid"
o status "$T/n"
like "$head" '^running=0 ' "nor is nonsense"
rm "$T/n/postmaster.pid"

# --- refused without operate = true -----------------------------------------

for v in start stop promote follow delta may; do
	o $v "$T/n" node=other
	rc_is 3 "$v: refused where standby.conf says operate = false"
	like "$err" '\[privilege\]' "$v: by its name"
	like "$err" "hint: Add there.*$CONF.*agent : \{ operate = true; \};" \
	    "$v: with the line to add"
done
ok "and nothing was run" test ! -e "$T/bin/told" -a -z "$(pg_pid n)"
: >"$CONF"
o start "$T/n"
rc_is 3 "refused where it says nothing of it"
conf true
sed -i 's/"n"/"m"/; s|/n"|/elsewhere"|' "$CONF"
o start "$T/n"
rc_is 3 "refused for a directory that no node has"
like "$err" "Add there.*pgdata = .*$T/n" "with the line to add"
conf true
o start "$T/n" self=other
rc_is 3 "refused for a node that has another directory"
chmod 0666 "$CONF"
o start "$T/n"
rc_is 2 "a standby.conf that others may write is not believed"
conf true 'strat = "x";'
o start "$T/n"
rc_is 2 "one with an unknown key is not either"
like "$err" 'unknown key' "and says why"

# --- START, STOP ------------------------------------------------------------

conf true
# The default start knows no port: it is in the file.
pg_set n "port = ${PG_PORT[n]}"
o start "$T/n" system="$system"
rc_is 0 "start, by pg_ctl"
like "$head" '^running=1 pid=[0-9]+ status=0' "it runs"
isnt "$(pg_pid n)" "" "it really does"
poll_until 30 pg_is n "SELECT 1" 1
limits=$(grep -E '^Max (core file|address space)' "/proc/$(pg_pid n)/limits")
is "$limits" "$(grep -E '^Max (core file|address space)' /proc/self/limits)" \
    "the server has not the agent's limits"
is "$(cut -d' ' -f19 "/proc/$(pg_pid n)/stat")" \
    "$(cut -d' ' -f19 /proc/self/stat)" "nor its niceness"
ok "no agent is left, and the channel is closed" poll_until 10 agents_gone
started=$(pg_pid n)
o start "$T/n"
is "$head" "running=1 pid=$started status=0 wal=0/0 tli=0" \
    "start of a running server is done already"
o stop "$T/n"
is "$head" "running=0 pid=0 status=0 wal=0/0 tli=0" "stop"
o stop "$T/n"
is "$head" "running=0 pid=0 status=0 wal=0/0 tli=0" "stop again is done already"

cat >"$T/own command" <<-END
	#!/bin/sh
	for w; do echo "\$w"; done >"$T/words"
	[ "\$1" = stop ] && exec "$T/n.stop" "\$2"
	exec "$T/n.start" >"$T/n.out" 2>&1
END
chmod +x "$T/own command"
conf true "start = \"'$T/own command' start 'a b' c\\\\ d\"; \
    stop = \"'$T/own command' stop fast\";"
o start "$T/n"
like "$head" '^running=1 .*status=0' "start by the node's own command"
is "$(paste -sd'|' "$T/words")" "start|a b|c d" "split into words as documented"
o stop "$T/n"
is "$head" "running=0 pid=0 status=0 wal=0/0 tli=0" "and stop"
conf true 'start = "true; touch /tmp/never";'
o start "$T/n"
rc_is 2 "a command that needs a shell is refused"
like "$err" 'needs a shell' "and named"
conf true 'start = "/bin/sh -c '"'echo out; echo err >&2; exit 9'"'";'
o start "$T/n"
is "$head" "running=0 pid=0 status=9 wal=0/0 tli=0" \
    "the status of a command that fails comes back"
is "$(tail -n +2 <<<"$out" | paste -sd' ')" "out err" "with what it said"
conf true 'start = "/bin/sh -c '"'seq 1 50000'"'";'
o start "$T/n"
is "$(tail -n 1 <<<"$out")/$((${#out} < 70000))" 50000/1 \
    "of much output the end comes back"
conf true 'start = "/no/such/program";'
o start "$T/n"
rc_is 0 "a program that is not there is a command that failed"
like "$head" '^running=0 pid=0 status=127' "with env's status"
cat >"$T/sleeper" <<-END
	#!/bin/sh
	sleep 300 &
	echo \$! >"$T/sleep.pid"
	echo gone
	[ "\$1" = leave ] || wait
END
chmod +x "$T/sleeper"
conf true "start = \"$T/sleeper\";"
ms=1500 o start "$T/n"
rc_is 6 "a command that does not end is ended"
like "$err" '\[timeout\]' "and said"
ok "no agent is left of it" poll_until 10 agents_gone
kill "$(cat "$T/sleep.pid")"
conf true "start = \"$T/sleeper leave\";"
before=$SECONDS
o start "$T/n"
cmp_le $((SECONDS - before)) 20 "what runs on in the background is not waited for"
like "$out" gone "and what was said is there"
kill "$(cat "$T/sleep.pid")"

# --- WAL_END ----------------------------------------------------------------

conf false
WALDUMP=/usr/lib/postgresql/15/bin/pg_waldump

# same_end NAME FROM TLI [WANT TLI]: WAL_END of the stopped server n is where
# pg_waldump ends, on the segments of that timeline.
same_end() {
	local name=$1 from=$2 tli=$3 last=${4:-$3} said
	o wal-end "$T/n" tli="$tli" from="$from"
	said=$("$WALDUMP" -q -p "$T/n/pg_wal" -t "$last" -s "${5:-$from}" 2>&1 |
	    sed -n 's/.*invalid record length at \([0-9A-F/]*\):.*/\1/p')
	is "${head##* status=0 }" "wal=$said tli=$last" "$name"
}

if [ -x "$WALDUMP" ]; then
	pg_start n
	from=$(pg_sql n "SELECT pg_current_wal_lsn()")
	pg_sql n "CREATE TABLE t (a int, b text); ALTER TABLE t ALTER b SET STORAGE external;
	    INSERT INTO t VALUES (1, 'x')"
	crash
	same_end "the end after kill -9, a few records" "$from" 1
	pg_start n
	pg_sql n "INSERT INTO t SELECT i, repeat('page ', 3000) FROM generate_series(1, 2500) i"
	pg_sql n "SELECT pg_logical_emit_message(true, 'a', repeat('x', 3000000))"
	crash
	same_end "the end over segments, with records over many pages" "$from" 1
	isnt "${head##* status=0 }" "wal=0/0 tli=0" "(it is one)"
	start_of_page=${from%???}000
	same_end "from the start of a page" "$start_of_page" 1 1 "$from"
	pg_start n
	from=$(pg_sql n "SELECT pg_current_wal_lsn()")
	pg_sql n "SELECT pg_logical_emit_message(true, 'a', repeat('y', 9000000))"
	middle=$(pg_sql n "SELECT pg_current_wal_lsn() - 4000000")
	crash
	same_end "from within a long record" "$middle" 1 1 "$from"
	o wal-end "$T/n"
	is "${head##*wal=}" "$("$WALDUMP" -q -p "$T/n/pg_wal" -s "$from" 2>&1 |
	    sed -n 's/.*invalid record length at \([0-9A-F/]*\):.*/\1/p') tli=1" \
	    "without a position: from the last checkpoint"
	o wal-end "$T/n" tli=1 from=7F/28
	is "${head##*wal=}" "$("$WALDUMP" -q -p "$T/n/pg_wal" -s "$from" 2>&1 |
	    sed -n 's/.*invalid record length at \([0-9A-F/]*\):.*/\1/p') tli=1" \
	    "a position that was never reached: where the WAL ends before it"
	pg_start n
	pg_sql n "INSERT INTO t VALUES (2, 'y')"
	switch=$(pg_sql n "SELECT pg_switch_wal()")
	crash
	o wal-end "$T/n" tli=1 from="$switch"
	end=${head##*wal=} end=${end% tli*}
	like "$end" '^0/[0-9A-F]+000000$' "behind a switch: the next segment"
	pg_start n
	from=$(pg_sql n "SELECT pg_current_wal_lsn()")
	pg_stop n
	same_end "after a clean stop, the shutdown record included" "$from" 1
	is "$(pgrep -f "^$AGENT" | wc -l)" 0 "no agent is left"
	here wal-end "$T/n" tli=1 from="$from"
	like "$head" 'wal=0/[0-9A-F]+ tli=1' "and here"
	# The directory changes while it is read.
	pg_set n "max_wal_size = '1GB'" "checkpoint_timeout = '1h'" \
	    "min_wal_size = '32MB'"
	scan_under() { # scan_under COMMAND...: in the middle of a WAL_END
		local pid
		for _ in 1 2 3 4 5; do
			pg_start n || return 1
			pg_sql n CHECKPOINT
			pg_sql n "SELECT pg_logical_emit_message(false, 'a',
			    repeat('y', 30000000)) FROM generate_series(1, 5)"
			crash
			"$OPERATE" -h wal-end "$T/n" >"$T/.scan" 2>&1 3>&- &
			pid=$!
			kill_later "$pid"
			until gone "$pid" || [ -n "$(find "/proc/$pid/fd" \
			    -lname '*/wal-of-n/0000*' 2>/dev/null)" ]; do
				:
			done
			kill -STOP "$pid" || continue
			if gone "$pid"; then
				continue
			fi
			"$@"
			kill -CONT "$pid"
			wait "$pid"
			head=$(head -n 1 "$T/.scan")
			note "$(cat "$T/.scan")"
			return
		done
		return 1
	}
	start_and_end() { pg_start n && pg_sql n CHECKPOINT && pg_stop n; }
	scan_under pg_start n || fail "a scan that is interrupted"
	is "$head" "running=1 pid=$(pg_pid n) status=0 wal=0/0 tli=0" \
	    "a server that is started meanwhile is seen"
	pg_stop n
	scan_under start_and_end || fail "a scan that is interrupted"
	here wal-end "$T/n"
	is "$(head -n 1 "$T/.scan")" "$head" \
	    "one that ran meanwhile: the end is that of now"
	here wal-end "$T/n" tli=1 from="$from"

	# A torn record: recovery would stop before it.
	good=${head##*wal=} good=${good% tli*}
else
	skip "WAL_END against pg_waldump" "pg_waldump of 15 is not installed"
fi

# --- PROMOTE, and a switch of the timeline ----------------------------------

conf true
touch "$T/n/standby.signal"
pg_set n "primary_conninfo = ''" "restore_command = 'false'"
pg_start n
before=$(pg_sql n "SELECT pg_last_wal_replay_lsn()")
is "$(pg_sql n "SELECT pg_is_in_recovery()")" t "a standby"
o promote "$T/n"
is "$head" "running=1 pid=$(pg_pid n) status=0 wal=0/0 tli=0" "promote"
ok "it is promoted" poll_until 30 pg_is n "SELECT pg_is_in_recovery()" f
o promote "$T/n"
like "$head" '^running=1 .*status=1 ' "promote of a primary fails"
like "$out" 'not in standby mode' "and says why"
pg_sql n "INSERT INTO t VALUES (3, 'z')" || true
crash
if [ -x "$WALDUMP" ]; then
	fork=$(cut -f2 "$T/n/pg_wal/00000002.history" | tail -n 1)
	same_end "the end on the new timeline, from the old one" "$before" 1 2 "$fork"
	# Nothing but the promotion: all of it is in a page that says 2.
	touch "$T/n/standby.signal"
	pg_start n
	o promote "$T/n"
	ok "it is promoted again" poll_until 30 pg_is n "SELECT pg_is_in_recovery()" f
	crash
	fork=$(cut -f2 "$T/n/pg_wal/00000003.history" | tail -n 1)
	same_end "the end within the page of a promotion" "$fork" 2 3
fi
here promote "$T/n" bindir="$bin"
rc_is 0 "promote of a server that does not run is a command that fails"
like "$head" '^running=0 .*status=1' "with its status"

# Recovery itself is the judge, on every major.
short=
[ "${STANDBY_TEST_WORLD:-0}" = 1 ] || short=15
for m in $(STANDBY_TEST_MAJORS=${STANDBY_TEST_MAJORS:-$short} pg_majors); do
	pg_up "m$m" "$m" || { fail "a server of $m"; continue; }
	pg_sql "m$m" "CREATE TABLE t AS SELECT i, repeat('x', 100) AS b
	    FROM generate_series(1, 200000) i"
	pid=$(pg_pid "m$m")
	kill -KILL "$pid"
	dir=$T/m$m
	poll_until 30 sh -c "! readlink /proc/[0-9]*/cwd | grep -qx '$dir'"
	poll_until 30 reaped "$pid"
	here wal-end "$dir"
	: >"$dir.log"
	pg_start "m$m"
	pg_stop "m$m"
	is "${head##*wal=}" "$(sed -n \
	    's/.*invalid record length at \([0-9A-F/]*\):.*/\1/p' "$dir.log" |
	    head -n 1) tli=1" "$m: recovery ends where WAL_END says"
done

# --- FOLLOW, DELTA ----------------------------------------------------------

rm -f "$T/bin/told"
o follow "$T/n" node=other
rc_is 0 "follow"
is "$head" "running=0 pid=0 status=0 wal=0/0 tli=0" "its status comes back"
like "$out" "on its way" "and what it said"
is "$(paste -sd'|' "$T/bin/told" | sed 's/timeout=[0-9]*s/timeout=N/')" \
    "standby-follow|-d|host=db2 port=5433 sslmode=disable|-D|$T/n|-y|--log=stderr|--color=never|--timeout=N|-f|$CONF" \
    "every word of it is of this host's standby.conf"
echo 7 >"$T/bin/exit"
o delta "$T/n"
is "$head" "running=0 pid=0 status=7 wal=0/0 tli=0" "delta, and its status"
is "$(paste -sd'|' "$T/bin/told" | sed 's/timeout=[0-9]*s/timeout=N/')" \
    "standby-clone|n|--delta|-y|--log=stderr|--color=never|--timeout=N|-f|$CONF" \
    "it is told the node that has the directory"
rm -f "$T/bin/told"
# shellcheck disable=SC2016	# nothing may expand
for name in "" nobody "x; touch $T/never" '$(touch never)' -f n; do
	o follow "$T/n" node="$name"
	isnt "$rc" 0 "follow of \"$name\" is refused"
done
is "$(find "$T" -name never -o -name told | wc -l)" 0 "and nothing was run"
sed -i 's/sslmode=disable/password=secret/' "$CONF"
o follow "$T/n" node=other
rc_is 2 "a password does not become a word of a command"
unlike "$err" secret "nor of a message"
sed -i "s|$T/elsewhere|$T/n|" "$CONF"
o delta "$T/n"
rc_is 2 "two nodes with that directory: which one must be said"
o delta "$T/n" self=other
is "$(sed -n 2p "$T/bin/told")" other "and it is taken"
rm -f "$T/bin/exit"

: >"$T/bin/slow"
rm -f "$T/bin/told"
timeout 100 "$OPERATE" -k libssh2 -p "${SSHD_PORT[main]}" -i "$SSHD_KEY" \
    -K "${SSHD_KNOWN[main]}" -A "$AGENT" -t 60000 delta "$T/n" self=n \
    >"$T/int.out" 2>&1 3>&- &
pid=$!
ms=
poll_until 20 test -s "$T/bin/told"
kill -INT "$(pgrep -P "$pid")"
wait "$pid"
is "$?" 130 "an interrupt ends the wait"
ok "and the command on the other host" poll_until 30 agents_gone
ok "which is not left behind" poll_until 10 sh -c \
    "! pgrep -f '^/bin/sh $T/bin/standby-clone'"
rm -f "$T/bin/slow"

# --- an agent of another version --------------------------------------------

# other_agent PROTOCOL PACKAGE: this agent, whose HELLO says that.
other_agent() {
	local own
	own=$("$AGENT" --version | sed -n '1s/.* //p')
	cat >"$T/bin/other" <<-END
		#!/bin/sh
		printf 'H\\000\\000\\000\\$(printf %03o $((12 + ${#2})))STBYWIRE'
		printf '\\000\\$(printf %03o "$1")\\000\\$(printf %03o ${#2})$2'
		"$AGENT" | { head -c $((17 + ${#own})) >/dev/null; cat; }
	END
	chmod +x "$T/bin/other"
}
ours=$(python3 -B -c 'import sys
sys.path.insert(0, sys.argv[1])
import wire_speaker
print(wire_speaker.VERSION)' "$TOP_SRCDIR/t/lib" 3>&-)
for how in "$((ours - 1)) 0.0.9 older that" "$((ours + 1)) 9.9.9 newer this"; do
	# shellcheck disable=SC2086	# words
	set -- $how
	other_agent "$1" "$2"
	OTHER=$T/bin/other
	was=$(tree_hash "$T/n")
	o follow "$T/n" node=other
	rc_is 5 "an agent of protocol $1: refused"
	like "$err" "127\\.0\\.0\\.1.* is $3 than this program: version $2, protocol $1" \
	    "it is $3, says the text"
	like "$err" "Update standby-tools on $4 host" "and where to update"
	is "$(tree_hash "$T/n")" "$was" "nothing is changed"
done
other_agent "$ours" 9.9.9
o status "$T/n"
rc_is 0 "another release with the same protocol answers"
OTHER=

# --- frames -----------------------------------------------------------------

conf false
python3 - "$TOP_SRCDIR/t/lib" "$AGENT" "$T/n" "$T/py.log" "$CONF" <<'END' 3>&-
import os
import sys
sys.path.insert(0, sys.argv[1])
import wire_speaker as w
agent, data, conf = sys.argv[2], sys.argv[3], sys.argv[5]
out = open(sys.argv[4], "w")
env = dict(os.environ, STANDBY_CONFIG=conf)


def ok(good, name):
    print("%s %s" % ("pass" if good else "fail", name), file=out, flush=True)


def refused(payload, code, name, greet=True, before=b"", status=5):
    try:
        with w.agent([agent], env=env) as a:
            if greet:
                a.greet()
            a.send_raw(before + w.frame("V", payload))
            err, rc = a.end()
            ok(err is not None and err["code"] == code and rc == status,
               "%s (%s)" % (name, code))
            if err is None or err["code"] != code:
                print("diag %r %r" % (err, rc), file=out)
    except Exception as e:
        ok(False, "%s: %r" % (name, e))


good = w.operate(w.STATUS, data)
for n in range(len(good)):
    with w.agent([agent], env=env) as a:
        a.greet()
        a.send("V", good[:n])
        err, rc = a.end()
        if err is None or (err["code"], rc) != ("protocol", 5):
            ok(False, "a request cut to %d bytes: %r" % (n, err))
            break
else:
    ok(True, "a request that is cut is refused, wherever")
refused(good + b"x", "protocol", "a byte more")
refused(good, "protocol", "before HELLO", greet=False)
refused(w.operate(0, data), "protocol", "verb 0")
refused(w.operate(9, data), "protocol", "verb 9")
refused(w.operate(255, data), "protocol", "verb 255")
refused(w.operate(1, data, timeout=0), "protocol", "no time")
refused(w.operate(1, data, timeout=3600001), "protocol", "more than an hour")
refused(w.operate(1, data, timeout=0xFFFFFFFF), "protocol", "all the time")
for bad in ("", "data", "../n", "a\0b", "/x\0y", "/" + "x" * 4096):
    refused(w.operate(1, bad), "protocol", "directory %.20r" % bad)
refused(w.operate(1, "/" + "x" * 4000), "source", "a long name")
refused(w.operate(1, data, me="a\0"), "protocol", "a NUL in a name")
refused(w.operate(1, data, node="x" * 4097), "protocol", "a name too long")
refused(w.operate(1, data, system=1), "source", "another cluster")
refused(w.operate(1, "/etc"), "privilege" if os.geteuid() else "source",
        "a directory of somebody else", status=3)
refused(w.operate(w.STOP, data), "protocol", "a command after OPEN",
        before=w.frame("O", w.open_(data)))
with w.agent([agent], env=env) as a:
    a.open(data)
    o = a.operate(w.STATUS, data)
    ok(o["running"] == w.RUNS_NOT, "STATUS after OPEN")
    o = a.operate(w.WAL_END, data)
    ok(o["wal_end"] > 0, "WAL_END after OPEN, and another request")
    o = a.operate(w.WAL_END, data, timeline=0xFFFFFFFF, start=(1 << 64) - 1)
    ok(o["timeline"] < 10, "WAL_END from beyond all WAL")
    o = a.operate(w.WAL_END, data, timeline=1, start=1)
    ok(True, "WAL_END from position 1")
    ok(a.get("PG_VERSION")[0] == b"15\n", "and files are served")
    a.send("X")
    a.expect("X")
    ok(a.end() == (None, 0), "and DONE ends it")
with w.agent([agent], env=env) as a:
    a.greet()
    a.operate(w.STATUS, data)
    a.send("O", w.open_(data))
    a.expect("o")
    ok(True, "OPEN after OPERATE")

# A command, and a client that goes on talking, or leaves.
with open(conf, "w") as f:
    f.write('agent : { operate = true; }; nodes = ( { name = "n"; '
            'pgdata = "%s"; start = "/bin/sh -c \'echo $$ >%s; exec sleep 40\'"; '
            '} );' % (data, conf + ".pid"))
with w.agent([agent], env=env) as a:
    a.greet()
    a.send("V", w.operate(w.START, data, timeout=2000))
    a.send("p")
    ok(a.recv()[0] == "q", "PING is answered while a command runs")
    err, rc = a.end()
    ok((err["code"], rc) == ("timeout", 6), "the command is late")
with w.agent([agent], env=env) as a:
    a.greet()
    if os.path.exists(conf + ".pid"):
        os.unlink(conf + ".pid")
    a.send("V", w.operate(w.START, data))
    import time
    for _ in range(400):
        if os.path.exists(conf + ".pid") and os.path.getsize(conf + ".pid"):
            break
        time.sleep(0.05)
    pid = int(open(conf + ".pid").read())
    a.p.stdin.close()
    err, rc = a.end()
    ok(rc == 5 and err["code"] == "agent", "the client leaves: the agent ends")
    ok(not os.path.exists("/proc/%d" % pid), "and with it the command")
    a.p.stdin = open(os.devnull)
with w.agent([agent], env=env) as a:
    a.greet()
    a.send("V", w.operate(w.START, data))
    a.send("!", w.err("interrupted", "enough"))
    err, rc = a.end()
    ok(rc == 5, "an ERR of the client ends both")
ok(True, "the end is reached")
END
while read -r result name; do
	case $result in
	pass) pass "$name" ;;
	fail) fail "$name" ;;
	*) diag "$name" ;;
	esac
done <"$T/py.log"
is "$(tail -n 1 "$T/py.log")" "pass the end is reached" "the speaker came to its end"
done_testing
