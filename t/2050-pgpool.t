#!/bin/bash
#
# Goal: pgpool's failover_command may be standby-promote --pgpool with the 12
# words, in whatever shape pgpool writes them: nothing is done where nothing is
# to be done, with exit 0 and one line in the log; a failover wants a proof; and
# it ends in time whoever hangs, since pgpool waits for it.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
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

promote_cold "$(promote_main_major)" || bail "no servers"

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
done_testing
