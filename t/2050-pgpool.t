#!/bin/bash
#
# Goal: pgpool's failover_command may be standby-promote --pgpool with the 12
# words, in whatever shape pgpool writes them: nothing is done where nothing is
# to be done, with exit 0 and one line in the log; a failover wants a proof; and
# it ends in time whoever hangs, since pgpool waits for it.  Its
# follow_primary_command may be standby-follow --pgpool, also for a node on
# another host.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf
LOG=$T/promote.log
NODE=(p s1 s2)
TRUST='promote : { trust_pgpool = true; };'

# words SHAPE FAILED MAIN PRIMARY: what pgpool puts behind --pgpool, for nodes by
# their numbers; MAIN -1: none is left.
words() {
	local shape=$1 d=$2 m=$3 P=$4 h=127.0.0.1 p D H r R N S
	p=${PG_PORT[${NODE[d]}]} D=$T/${NODE[d]}
	N=$h S=${PG_PORT[p]}
	if [ "$m" -lt 0 ]; then
		H='""' r='""' R='""'
	else
		H=$h r=${PG_PORT[${NODE[m]}]} R=$T/${NODE[m]}
	fi
	[ "$P" -ge 0 ] || N='""' S='""'
	case $shape in
	plain)	echo "$d $h $p $D $m $H 0 $P $r $R $N $S" ;;
	# 4.4: a blank before %d, %p and %m; in quotes it is in the word.
	blanks)	echo " $d $h  $p $D  $m $H 0 $P $r $R $N $S" ;;
	quoted)	echo "' $d' $h ' $p' $D ' $m' $H 0 $P $r $R $N $S" ;;
	# backend_data_directory is not set.
	empty)	echo "$d $h $p \"\" $m $H 0 $P $r \"\" $N $S" ;;
	literal) echo "$d $h $p '\"\"' $m $H 0 $P $r '\"\"' $N $S" ;;
	nodirs)	echo "$d $h $p $m $H 0 $P $r $N $S" ;;
	# A command without %N and %S.
	short)	echo "$d $h $p $D $m $H 0 $P $r $R" ;;
	esac
}
SHAPES='plain blanks quoted empty literal nodirs short'

# pool WORDS [OPTION]...: as pgpool runs it, by a shell, without a terminal.
pool() {
	local words=$1
	shift
	rm -f "$LOG"
	note "words: $words"
	run env STANDBY_CONFIG="$CONF" STANDBY_LOG="$LOG" timeout -k 10 180 \
	    sh -c "'$STANDBY_PROMOTE' ${*@Q} --pgpool $words" </dev/null
	err=$(sed 's/^[0-9TZ:.-]* standby-promote:/standby-promote:/' "$LOG")$err
	note "log: $err"
}

# nothing REGEX NAME WORDS [OPTION]...: exit 0, one line, no change.  Where the
# nodes have to be asked first, the call and what was found are lines, too.
nothing() {
	local why=$1 name=$2 before
	local lines='grep -c .'
	[ "$why" != 'primary already' ] ||
	    lines="grep -Evc 'called by pgpool: |facts  '"
	shift 2
	# shellcheck disable=SC2046	# names
	before=$(state $(standing))
	pool "$@"
	is "$rc $(eval "$lines" '"$LOG"') $(grep -Ec "$why" "$LOG")" "0 1 1" \
	    "$name: exit 0, one line in the log, which says why" ||
	    diag "$err"
	is "$out" "" "$name: nothing on standard output"
	# shellcheck disable=SC2046	# names
	unchanged "$before" "$name" $(standing)
}

# pool_refused IDS NAME WORDS [OPTION]...
pool_refused() {
	local ids=$1 name=$2 before
	shift 2
	# shellcheck disable=SC2046	# names
	before=$(state $(standing))
	pool "$@"
	is "$rc $(refusals | sort -u)" "3 $ids" "$name: exit 3 and [$ids]" ||
	    diag "$err"
	# shellcheck disable=SC2046	# names
	unchanged "$before" "$name" $(standing)
}

# --- follow_primary_command: the node is on another host

# pgpool's host is 127.0.0.1, s2's 127.0.0.2 and s1's 127.0.0.3: no interface
# has these two, so to the programs they are other hosts, with an sshd each and
# a standby.conf of their own.
FOLLOW=$TOP_BUILDDIR/standby-follow
HERE=127.0.0.1 S2_HOST=127.0.0.2 S1_HOST=127.0.0.3
FOLLOW_LOG=$T/follow.log

# node NAME HOST SSH_HOST: as a group of the list nodes; SSH_HOST -: none.
node() {
	local ssh=
	[ "$3" = - ] || ssh=" ssh = \"$SSHD_USER@$3:${SSHD_PORT[hosts]}\";"
	cat <<-END
		{ name = "$1"; conninfo = "host=$2 port=${PG_PORT[$1]}";
		  pgdata = "$T/$1"; slot = "slot_$1";$ssh
		  start = "$T/$1.start"; stop = "$T/$1.stop"; }
	END
}

# host_conf FILE OPERATE NODE...: each of them as three words in one.
host_conf() {
	local file=$1 operate=$2 n sep=
	shift 2
	{
		cat <<-END
			cluster = "test";
			defaults : { user = "postgres"; dbname = "postgres";
			  bindir = "$(pg_bin "${PG_MAJOR[p]}")";
			  ssh_identity = "$SSHD_KEY"; agent = "$AGENT";
			  known_hosts = "${SSHD_KNOWN[hosts]}"; };
			agent : { operate = $operate; };
			clone : { no_sync = true; progress = "none"; };
			nodes = (
		END
		for n; do
			echo "$sep"
			# shellcheck disable=SC2086	# three words
			node $n
			sep=,
		done
		echo ');'
	} >"$file"
	chmod 0600 "$file"
}

# s2_conf OPERATE: what the agent of s2's host reads; there, it is here.
s2_conf() {
	host_conf "$T/s2.conf" "$1" "p $HERE -" "s1 $S1_HOST $S1_HOST" \
	    "s2 $HERE -"
}

# words_of NODE HOST: what pgpool says when s1 is the primary in place of p.
words_of() {
	local d
	for d in "${!NODE[@]}"; do [ "${NODE[d]}" != "$1" ] || break; done
	echo "$d $2 ${PG_PORT[$1]} $T/$1 1 $S1_HOST 0 0 ${PG_PORT[s1]} $T/s1" \
	    "$HERE ${PG_PORT[p]}"
}

# pool_follow WORDS [OPTION]...: as pgpool runs it; its log is $err, too.
pool_follow() {
	local words=$1
	shift
	rm -f "$FOLLOW_LOG" "$T/attached"
	note "words: $words"
	run env STANDBY_CONFIG="$T/pool.conf" STANDBY_LOG="$FOLLOW_LOG" \
	    PATH="$T/bin:$PATH" timeout -k 10 180 \
	    sh -c "'$FOLLOW' --no-sync ${*@Q} --pgpool $words" </dev/null
	err=$(cat "$FOLLOW_LOG")$err
	note "log: $err"
}

attached() { cat "$T/attached" 2>/dev/null; }

# left_alone RC REGEX NAME WORDS [OPTION]...: that status, a line in the log,
# and s2 goes on as it was.
left_alone() {
	local want=$1 why=$2 name=$3 before
	shift 3
	before=$(state s1 s2)
	pool_follow "$@"
	rc_is "$want" "$name: exit $want"
	like "$(cat "$FOLLOW_LOG")" "$why" "$name: the log says why"
	is "$(attached)" "" "$name: pgpool is not told of a node"
	unchanged "$before" "$name" s1 s2
}

no_agent() { ! pgrep -f "^$AGENT"; }

# from_s1: s2 streams from s1, says s1.
from_s1() {
	pg_streams s2 && pg_is s1 "SELECT count(*) FROM pg_replication_slots
	    WHERE slot_name = 'slot_s2' AND active" 1
}

follow_needs() {
	local reason
	reason=$(sshd_usable) || { skip "another host" "$reason"; return 1; }
	AGENT=$T/libexec/standby-agent
	mkdir -p "$T/libexec" "$T/bin"
	ln -sf "$TOP_BUILDDIR/standby-agent" "$AGENT"
	cat >"$T/bin/pcp_attach_node" <<-END
		#!/bin/sh
		echo "\$*" >>"$T/attached"
	END
	chmod +x "$T/bin/pcp_attach_node"
	sshd_start hosts -- "ListenAddress $S2_HOST" "ListenAddress $S1_HOST" \
	    "SetEnv STANDBY_CONFIG=$T/s2.conf" || return 1
	sed -n "s/127.0.0.1/$S2_HOST/p; s/$S2_HOST/$S1_HOST/p" \
	    "${SSHD_KNOWN[hosts]}" >"$T/more"
	cat "$T/more" >>"${SSHD_KNOWN[hosts]}"
	pg_set cold "listen_addresses = '$HERE,$S2_HOST,$S1_HOST'"
}

# follow_up: p is dead and s1 the primary; s2 waits for p.
follow_up() {
	promote_up p s1 s2 || return 1
	[ -z "${1-}" ] || "$1" || return 1
	[ -z "$(pg_pid p)" ] || crash p
	alone s1 s2
	pg_promote s1 && pg_sql s1 CHECKPOINT || return 1
	write s1 10
	host_conf "$T/pool.conf" false "p $HERE -" "s1 $S1_HOST $S1_HOST" \
	    "s2 $S2_HOST $S2_HOST"
	s2_conf true
}

elsewhere_follows() {
	local before words
	follow_up || { fail "another host: a cluster"; return; }
	words=$(words_of s2 "$S2_HOST")
	s2_conf false
	left_alone 3 'agent : \{ operate = true; \};' \
	    "another host does not allow it" "$words" -t 20s
	s2_conf true
	pool_follow "$words" -t 60s
	rc_is 0 "a node on another host: exit 0"
	ok "a node on another host follows" poll_until 30 from_s1
	ok "and has the rows" poll_until 30 pg_is s2 "SELECT count(*) FROM t" \
	    "$(rows s1)"
	like "$(cat "$FOLLOW_LOG")" 'node 2 says:' "the log has what was said there"
	is "$(attached)" "-w -h localhost -n 2" "pgpool is told"
	before=$(state s1 s2)
	pool_follow "$words" -t 60s
	rc_is 0 "again: exit 0"
	like "$(cat "$FOLLOW_LOG")" 'already' "again: the log says that it follows"
	unchanged "$before" "again" s1 s2
	ok "no agent is left" poll_until 10 no_agent
}

elsewhere_down() {
	local words before
	follow_up || { fail "another host: a cluster"; return; }
	words=$(words_of s2 "$S2_HOST")
	for bad in "2 $S2_HOST" "${words% * *} x" "$words more"; do
		left_alone 2 'error: ' "wrong words: ${bad//$T/}" "$bad"
	done
	left_alone 0 'nothing to do' "no primary is left" \
	    "2 $S2_HOST ${PG_PORT[s2]} $T/s2 -1 '\"\"' 0 0 '\"\"' '\"\"' '\"\"' '\"\"'"

	# Its host is there, SSH to it is not; or hangs.
	kill -STOP "$(cat "$SSHD_DIR/hosts/pid")"
	before=$SECONDS
	left_alone 6 'error: .*127\.0\.0\.2' "its sshd hangs" "$words" -t 5s
	cmp_le $((SECONDS - before)) 40 "its sshd hangs: it ends"
	kill -CONT "$(cat "$SSHD_DIR/hosts/pid")"
	sshd_stop hosts
	left_alone 5 'error: .*127\.0\.0\.2' "no sshd is there" "$words" -t 20s
	sshd_start hosts -- "ListenAddress $S2_HOST" "ListenAddress $S1_HOST" \
	    "SetEnv STANDBY_CONFIG=$T/s2.conf"
	cat "$T/more" >>"${SSHD_KNOWN[hosts]}"

	# The server hangs: to pgpool's programs it is down.
	freeze s2
	before=$SECONDS
	left_alone 0 'node 2 does not answer, and is skipped' \
	    "the node hangs" "$words" -t 20s
	cmp_le $((SECONDS - before)) 40 "the node hangs: it ends"
	thaw s2
	pg_stop s2
	left_alone 0 'node 2 does not answer, and is skipped' "the node is down" \
	    "$words" -t 20s
	ok "no agent is left" poll_until 10 no_agent
}

# The new primary hangs after the node was asked: the command there must end.
elsewhere_hangs() {
	local words before=$SECONDS
	follow_up || { fail "another host: a cluster"; return; }
	words=$(words_of s2 "$S2_HOST")
	freeze s1
	pool_follow "$words" -t 8s
	like "$rc" '^[46]$' "the new primary hangs: exit 4 or 6"
	cmp_le $((SECONDS - before)) 90 "the new primary hangs: it ends"
	like "$(cat "$FOLLOW_LOG")" 'error: ' "and the log says so"
	is "$(attached)" "" "pgpool is not told of a node"
	thaw s1
	is "$(timeline s2)" "t 1" "the node goes on as it was"
	ok "no agent is left" poll_until 10 no_agent
}

elsewhere_forked() {
	local words
	follow_up "behind_s1" || { fail "another host: a cluster"; return; }
	words=$(words_of s2 "$S2_HOST")
	# The agent there cannot copy: the node is stopped by then.
	sed -i "/name = \"s1\"/,/slot_s1/s/:${SSHD_PORT[hosts]}/:1/" "$T/s2.conf"
	pool_follow "$words" -t 60s
	rc_is 7 "forked, and the copy fails: exit 7"
	like "$(cat "$FOLLOW_LOG")" 'becomes a copy of it again' "the log says why"
	like "$(cat "$FOLLOW_LOG")" 'error: ' "and what failed"
	is "$(attached)" "" "pgpool is not told of a node"
	[ -n "$(pg_pid s2)" ] || pg_start s2
	s2_conf true
	pool_follow "$words" -t 60s
	rc_is 0 "forked: exit 0"
	like "$(cat "$FOLLOW_LOG")" 'becomes a copy of it again' \
	    "forked: the log says what is done"
	ok "forked: a copy that streams" poll_until 60 from_s1
	ok "forked: with the rows of the new primary" poll_until 30 pg_is s2 \
	    "SELECT count(*) FROM t" "$(rows s1)"
	like "$(cat "$FOLLOW_LOG")" ' changed,|done in' \
	    "forked: the log has what was copied"
	is "$(attached)" "-w -h localhost -n 2" "forked: pgpool is told"
	ok "no agent is left" poll_until 10 no_agent
}
behind_s1() { behind s1 2000; }

# ssh = says how to get there, its host whether that is another one.
elsewhere_ssh() {
	follow_up || { fail "another host: a cluster"; return; }
	s2_conf false
	host_conf "$T/pool.conf" false "p $HERE $HERE" "s1 $S1_HOST $S1_HOST" \
	    "s2 $HERE $S2_HOST"
	left_alone 3 'operate = true' \
	    "its port is forwarded to here, ssh names its host" \
	    "$(words_of s2 "$HERE")" -t 20s
	host_conf "$T/pool.conf" false "p $HERE $HERE" "s1 $S1_HOST $S1_HOST" \
	    "s2 $HERE $HERE"
	pool_follow "$(words_of s2 "$HERE")" -t 60s
	rc_is 0 "ssh names this host: no SSH"
	ok "ssh names this host: it follows" poll_until 30 from_s1
}

FOLLOW_CASES='elsewhere_follows elsewhere_down elsewhere_hangs elsewhere_forked
    elsewhere_ssh'
follow_cases() {
	local c
	follow_needs || return 0
	for c; do "$c"; done
}

promote_cold "$(promote_main_major)" || bail "no servers"
if [ $# -gt 0 ]; then
	follow_cases "$@"
	done_testing
fi

# --- nothing to do

promote_up p s1 s2 || bail "no cluster"
CONF_MORE=$TRUST promote_conf "$CONF" p- s1 s2
for shape in $SHAPES; do
	nothing 'no node is left|new main|%m' "%m is -1 ($shape)" \
	    "$(words "$shape" 0 -1 0)"
	nothing 'not the primary|standby|%P' "a standby has died ($shape)" \
	    "$(words "$shape" 2 0 0)"
done
nothing 'no node is left|new main|%m' "the last node has gone, no primary before" \
    "$(words plain 0 -1 -1)"
for bad in "0 h 5432" "$(words plain 0 1 0) more" \
    "x 127.0.0.1 5432 /d 1 127.0.0.1 0 0 5433 /d 127.0.0.1 5432" \
    "0 127.0.0.1 5432 /d 1 127.0.0.1 0 0 99999 /d 127.0.0.1 5432" \
    "0 127.0.0.1 5432 /d 1 '-oProxyCommand=x' 0 0 5433 /d 127.0.0.1 5432" \
    "0 127.0.0.1 5432 /d 1 '' 0 0 5433 /d 127.0.0.1 5432"; do
	before=$(state p s1 s2)
	pool "$bad"
	rc_is 2 "wrong words, exit 2: ${bad//$T/}"
	like "$err" 'error: ' "and the log says which word"
	unchanged "$before" "wrong words" p s1 s2
done
pool_refused old-primary-answers "the old primary answers: pgpool has lost it, we have not" \
    "$(words plain 0 1 0)"

# --- a failover, in every shape

for shape in $SHAPES; do
	promote_up p s1 s2 || bail "no cluster"
	crash p
	alone s1 s2
	promote_conf "$CONF" p- s1 s2
	pool_refused old-primary-unproven "no proof ($shape)" \
	    "$(words "$shape" 0 1 0)"
	pool_refused old-primary-unproven "-y and a terminal's absence are none ($shape)" \
	    "$(words "$shape" 0 1 0)" -y
	CONF_MORE=$TRUST promote_conf "$CONF" p- s1 s2
	pool "$(words "$shape" 0 1 0)"
	promoted s1 2 "failover ($shape)"
	checkpointed s1 2 "failover ($shape)"
	is "$(timeline s2)" "t 1" "failover ($shape): of the node that %m names"
	like "$err" 'Possible loss' "failover ($shape): the log has the loss"
	like "$err" 'promote\.trust_pgpool' "failover ($shape): and what is trusted"
	nothing 'primary already' "the target is primary already ($shape)" \
	    "$(words "$shape" 0 1 0)"
	# After a restart of pgpool: the old primary is down still, ours is %P.
	nothing 'not the primary|standby|%P' "run again when s1 is the primary ($shape)" \
	    "$(words "$shape" 0 1 1)"
done

# --- proofs, and who is promoted

promote_up p s1 s2 || bail "no cluster"
crash p
alone s1 s2
CONF_MORE="promote : { fence = \"touch $T/fenced\"; };" \
    promote_conf "$CONF" p- s1 s2
pg_stop s2
pool_refused sibling-unknown "a sibling does not answer" "$(words plain 0 1 0)"
not_ok "the fence was not run for that" test -e "$T/fenced"
pg_start s2
pool "$(words plain 0 1 0)"
promoted s1 2 "failover with a fence"
ok "which was run" test -e "$T/fenced"

promote_up p s1 s2 || bail "no cluster"
behind s1 2000
CONF_MORE=$TRUST promote_conf "$CONF" p- s1 s2
pool_refused sibling-ahead "%m names one that is behind" "$(words plain 0 1 0)"
pool "$(words plain 0 1 0)" --candidate=best
is "$rc $(timeline s2) $(timeline s1)" "0 f 2 t 1" \
    "candidate=best: the one that has more, whatever %m is"
nothing 'primary already' "candidate=best, repeated" "$(words plain 0 1 0)" \
    --candidate=best

# No file at all: everything is in the words.
promote_up p s1 s2 || bail "no cluster"
crash p
alone s1 s2
: >"$CONF"
pool "$(words plain 0 1 0)" -U postgres --fence=true
promoted s1 2 "failover without a file"

# --- who hangs

promote_up p s1 s2 || bail "no cluster"
CONF_MORE=$TRUST promote_conf "$CONF" p s1 s2
freeze p
pool_refused old-primary-runs "the old primary hangs, and ssh or we see it run" \
    "$(words plain 0 1 0)"
CONF_MORE=$TRUST promote_conf "$CONF" p- s1 s2
before=$SECONDS
freeze s1
pool "$(words plain 0 1 0)" -t 10s
isnt "$rc" 0 "the target hangs: not 0"
cmp_le $((SECONDS - before)) 40 "the target hangs: it ends"
thaw s1
is "$(timeline s1) $(timeline s2)" "t 1 t 1" "the target hangs: nothing is done"
before=$SECONDS
pool "$(words plain 0 1 0)" -t 4s --fence="sleep 1000"
like "$rc" '^[36]$' "the fence hangs: not 0"
cmp_le $((SECONDS - before)) 40 "the fence hangs: it ends"
is "$(timeline s1) $(timeline s2)" "t 1 t 1" "the fence hangs: nothing is done"
pid=$(pg_pid p)
before=$SECONDS
if [ "${PG_MAJOR[p]}" != 10 ]; then
	pool "$(words plain 0 1 0)"
	cmp_le $((SECONDS - before)) 60 "the old primary hangs: it ends in time"
	promoted s1 2 "the old primary hangs"
fi
thaw p

promote_up p s1 s2 || bail "no cluster"
freeze p
# Backends that are stopped outlive their postmaster.
CONF_MORE="promote : { fence = \"kill -KILL ${FROZEN[p]}\"; };" \
    promote_conf "$CONF" p s1 s2
before=$SECONDS
if [ "${PG_MAJOR[p]}" != 10 ]; then
	pool "$(words plain 0 1 0)"
	cmp_le $((SECONDS - before)) 60 "it hangs, the fence kills it: in time"
	promoted s1 2 "the old primary hangs, the fence kills it"
fi
thaw p
# shellcheck disable=SC2086	# names
follow_cases $FOLLOW_CASES
done_testing
