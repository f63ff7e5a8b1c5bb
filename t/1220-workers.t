#!/bin/bash
# Goal: as many workers as sshd lets in, and never a failure because it lets in
# fewer; SIGUSR1 tells what they are at, in each step; --max-rate is what all
# of them together send.
#
#	t/1220-workers.t [FUNCTION]...	only some of the cases

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

m=$(pg_majors | tail -n 1)
HELD=

# --- helpers

good() {
	rc_is 0 "$1: the clone succeeds" || return
	ok "$1: it streams" poll_until 30 pg_streams s
	ok "$1: the content is equal" oracle_compare p s
}

fresh() {
	forget s
	drop_slots p >/dev/null
	mkdir "$T/s.ts"
}

lines() { grep -Ec -- "$1" "$T/.bg.err"; }

# An sshd of its own, in the place of main.
with_sshd() {
	sshd_start "$1" -- "$2" || fail "$1: sshd starts"
	SSHD_KNOWN[main]=${SSHD_KNOWN[$1]}
	SSH_PORT=${SSHD_PORT[$1]}
}

# A connection that never logs in: with MaxStartups 1 sshd takes no other.
hold() {
	exec {HELD}<>"/dev/tcp/127.0.0.1/$SSH_PORT"
	read -r -t 10 -u "$HELD" _
}

let_go() { exec {HELD}>&-; }

# --- who is let in

# startups NAME MAXSTARTUPS JOBS: every transport, at an sshd of that NAME.
startups() {
	local t
	with_sshd "$1" "MaxStartups $2"
	for t in libssh2 openssh; do
		clone_run p s --transport="$t" -j "$3"
		good "MaxStartups $2, $t"
		fresh
	done
}

# All but one connection at a time is dropped; and some of them, by chance.
startups_one() { startups one 1 4; }
startups_random() { startups some 2:90:3 8; }

# As if others logged in all the time: only the first worker ever comes.
only_the_first() {
	local t
	for t in libssh2 openssh; do
		clone_paused plan p s --transport="$t" -j 3 --max-rate=20MB \
		    --compress=none --progress=line ||
		    fail "$t: the plan is reached"
		hold
		clone_resume
		clone_wait
		let_go
		good "only the first, $t"
		like "$err" "worker 2 could not connect .*going on with 1 of 3" \
		    "only the first, $t: a note says so"
		is "$(grep -c 'could not connect .*going on' <<<"$err")" 1 \
		    "only the first, $t: once"
		like "$err" "note: 1 of 3 workers did it.*MaxStartups" \
		    "only the first, $t: and with how many it was done"
		fresh
	done
}

# With how many it was done is not said of what was not done.
only_the_first_fails() {
	clone_paused plan p s -j 2 --max-rate=3MB --compress=none \
	    --progress=line --no-start || fail "the plan is reached"
	hold
	clone_resume
	ok "only the first fails: another is dropped" \
	    poll_until 30 clone_has_said 'worker 2 could not connect'
	# shellcheck disable=SC2046	# a word each
	kill -KILL $(agents)
	clone_wait
	let_go
	rc_is 5 "only the first fails"
	unlike "$err" "workers did it" "only the first fails: nobody did it"
	fresh
}

# It tries again: who was dropped at first takes part later.
later_ones() {
	clone_paused plan p s -j 2 --max-rate=3MB --compress=none \
	    --progress=line || fail "the plan is reached"
	hold
	clone_resume
	ok "later: a worker is dropped" \
	    poll_until 30 clone_has_said 'worker 2 could not connect'
	let_go
	ok "later: it comes after all" poll_until 60 clone_says 'worker 2: busy'
	clone_wait
	good "later"
	unlike "$err" "workers did it" "later: nothing is missing at the end"
	fresh
}

# late_agent HOW: one that is honest with the first who asks; then OPEN is
# refused, or never answered, or it ends.
late_agent() {
	rm -rf "$T/asked"
	cat >"$T/late-agent" <<-END
		#!/bin/sh
		mkdir "$T/asked" 2>/dev/null && exec "$AGENT"
		exec /usr/bin/python3 "$T/late-agent.py" $1
	END
	cat >"$T/late-agent.py" <<-END
		import os, sys
		sys.path.insert(0, "$TOP_SRCDIR/t/lib")
		import wire_speaker as w
		package = "$("$STANDBY_CLONE" --version | sed 's/.* //;1q')"
		os.write(1, w.frame("H", w.hello(package)))
		got = b""
		while b"$T/p" not in got:
		    got += os.read(0, 65536) or sys.exit(1)
		if sys.argv[1] == "refuses":
		    os.write(1, w.frame("!", w.err("source", "not here")))
		while sys.argv[1] != "ends" and os.read(0, 65536):
		    pass
	END
	chmod 0755 "$T/late-agent"
}

# Whoever comes later and fails before it is given anything is not needed.
late_ones_fail() {
	local how note=
	for how in refuses ends is-silent; do
		late_agent "$how"
		clone_paused plan p s -j 2 --max-rate=10MB --compress=none \
		    --progress=line --agent="$T/late-agent" ||
		    fail "$how: the plan is reached"
		clone_resume
		case $how in
		refuses) note='worker 2 ended \(.*not here\): going on without it' ;;
		ends) note='worker 2 ended \(.*standby-agent.*\): going on without it' ;;
		is-silent) note='worker 2: idle' ;;
		esac
		ok "an agent that $how: it is there" \
		    poll_until 30 clone_says "$note"
		clone_wait
		good "an agent that $how"
		fresh
	done
}

# first_connects NAME: an ssh program that connects once; what the others do
# instead is on standard input.
first_connects() {
	rm -rf "$T/asked"
	{
		cat <<-END
			#!/bin/sh
			case "\$*" in *-G*) exec ssh "\$@" ;; esac
			mkdir "$T/asked" 2>/dev/null && exec ssh "\$@"
		END
		cat
	} >"$T/$1"
	chmod 0755 "$T/$1"
}

# An ssh that is still connecting when the files are copied ends with its
# worker.
late_ones_hang() {
	first_connects slow-ssh <<-END
		echo \$\$ >>"$T/slow-ssh.pids"
		exec sleep 300
	END
	clone_paused plan p s -j 2 --max-rate=10MB --compress=none \
	    --transport=openssh --ssh-command="$T/slow-ssh" ||
	    fail "an ssh that hangs: the plan is reached"
	clone_resume
	ok "an ssh that hangs: it is there" \
	    poll_until 30 clone_says 'worker 2: connects'
	ok "an ssh that hangs: (it is known)" poll_until 5 test -s "$T/slow-ssh.pids"
	kill_later "$(head -n 1 "$T/slow-ssh.pids")"
	clone_wait
	good "an ssh that hangs"
	ok "an ssh that hangs: it is gone" \
	    poll_until 10 gone "$(head -n 1 "$T/slow-ssh.pids")"
	fresh
}

# The server has no port for the second: not for want of room in sshd.
late_ones_are_refused() {
	first_connects no-ssh <<-END
		echo "ssh: connect to host x port 1: No route to host" >&2
		exit 255
	END
	clone_run p s -j 2 --max-rate=10MB --compress=none \
	    --transport=openssh --ssh-command="$T/no-ssh"
	good "no route"
	like "$err" 'note: 1 of 2 workers did it: worker 2 could not connect \(could not connect to .*\)' \
	    "no route: with how many it was done, and why"
	unlike "$err" MaxStartups "no route: sshd is not blamed"
	fresh
}

# The first one connects while the programs here are asked: they wait for it.
asked_meanwhile() {
	local bin=$T/slow-bin
	rm -rf "$T/asked" "$bin"
	mkdir "$bin"
	ln -s "$(pg_bin "$m")"/* "$bin"
	rm "$bin/postgres"
	cat >"$bin/postgres" <<-END
		#!/bin/bash
		n=0
		while [ ! -d "$T/asked" ] && [ \$((++n)) -lt 40 ]; do sleep 0.1; done
		[ -d "$T/asked" ] || : >"$T/alone"
		exec "$(pg_bin "$m")/postgres" "\$@"
	END
	cat >"$T/quick-ssh" <<-END
		#!/bin/sh
		case "\$*" in *-G*) exec ssh "\$@" ;; esac
		mkdir -p "$T/asked" && exec ssh "\$@"
	END
	chmod 0755 "$bin/postgres" "$T/quick-ssh"
	clone_run p s --pg-bindir="$bin" -n \
	    --transport=openssh --ssh-command="$T/quick-ssh"
	rc_is 0 "asked meanwhile: the dry run succeeds"
	ok "asked meanwhile: (by the first session)" test -d "$T/asked"
	ok "asked meanwhile: no program was without it" test ! -e "$T/alone"
	fresh
}

# The first one is dropped itself, a few times.
first_waits() {
	local t
	for t in libssh2 openssh; do
		hold
		clone_args p s
		"${CLONE[@]}" --transport="$t" >"$T/.bg.out" 2>"$T/.bg.err" \
		    3>&- 4>&- {HELD}>&- &
		CLONE_PID=$!
		kill_later "$CLONE_PID"
		ok "the first, $t: it is dropped" \
		    poll_until 20 clone_has_said 'note: .*trying again'
		let_go
		clone_wait
		good "the first, $t"
		fresh
	done
}

# Never let in: the error says what may be the matter.
first_gives_up() {
	hold
	clone_run p s
	rc_is 5 "never let in: it fails"
	like "$err" 'error: .*ended the connection' "never let in: why"
	like "$err" 'hint: .*MaxStartups' "never let in: and what it may be"
	let_go
	fresh
}

# --- SIGUSR1

# In each of these steps, where nothing looks at signals until it goes on; the
# document of --json stays alone on standard output.
usr1_everywhere() {
	local phase
	for phase in preflight connected backup manifest plan marked transfer \
	    transferred control stopped label synced sealed; do
		clone_paused "$phase" p s --json --no-start -q ||
		    fail "SIGUSR1: the phase $phase is reached"
		kill -USR1 "$CLONE_PID"
		clone_resume
		clone_wait
		rc_is 0 "SIGUSR1 at $phase: the clone goes on"
		is "$(grep -c '^  \[[1-7]/7\] ' <<<"$err")" 1 \
		    "SIGUSR1 at $phase: one line answers"
		ok "SIGUSR1 at $phase: the document is whole" \
		    /usr/bin/python3 -c 'import json, sys; json.load(sys.stdin)' \
		    <<<"$out"
		fresh
	done
}

usr1_line() {
	local one='worker [12]: busy, [0-9]+ files?, [0-9.]+ [kM]?B/s received, [a-z]+'
	clone_paused plan p s -j 2 --max-rate=3MB --compress=none --json ||
	    fail "the plan is reached"
	clone_resume
	ok "SIGUSR1: files, bytes, rate, time left, and both workers" \
	    poll_until 30 clone_says "^  \[4/7\] transfer +[0-9]+ %   [0-9.]+ [kM]?B/[0-9.]+ MB   [0-9.]+ [kM]B/s   0:[0-9:]+ left   [0-9]+/[0-9]+ files   ${one}[^;]*; ${one}[^;]*\$"
	clone_wait
	good "SIGUSR1"
	fresh
}

# --- --max-rate

# Not timed here (make bench does): that the workers share it at all.
rate_is_shared() {
	local rate=4000000 j
	for j in 1 3; do
		clone_run p s -j "$j" --max-rate="$rate" --compress=none --json \
		    --no-start
		rc_is 0 "--max-rate, -j $j"
		is "$(/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
least = d["bytes"]["sent"] / float(sys.argv[1]) - 0.5
print(d["seconds"]["transfer"] >= least * 0.9)' "$rate" <<<"$out")" \
		    True "--max-rate, -j $j: it is not exceeded"
		fresh
	done
}

# --- all of them

pg_up p "$m" >/dev/null || bail "the primary does not start"
load_setup p 2000
pg_node s "$m"
mkdir "$T/s.ts"

[ $# -gt 0 ] || set -- usr1_line usr1_everywhere rate_is_shared startups_random \
    startups_one asked_meanwhile late_ones_fail late_ones_hang \
    late_ones_are_refused only_the_first only_the_first_fails later_ones first_waits first_gives_up
for what; do
	note "=== $what"
	began=$SECONDS
	[ "${SSHD_PORT[one]-}" ] || case $what in
	only_the_first*|later_ones|first_*) with_sshd one "MaxStartups 1" ;;
	esac
	"$what"
	diag "$what: $((SECONDS - began)) s"
done
ok "no agent process is left" poll_until 10 no_agents
ok "the primary is not in backup mode" pg_no_backup p

done_testing
