#!/bin/bash
#
# Goal: what is taken for a proof that the old primary is down is one.  A WAL
# receiver that the role may not see, a node that is only guessed, a directory
# whose WAL ends before what its standby has: none of them makes a second
# primary, while the first one lives, streams and takes writes.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf
WRITER=

# writes NODE: somebody goes on to write there, until quiet.
writes() {
	(while sleep 0.2; do pg_sql "$1" "SELECT txid_current()"; done) \
	    >/dev/null 2>&1 3>&- 4>&- &
	WRITER=$!
	kill_later "$WRITER"
}
quiet() { kill_now "$WRITER"; }

as_role() { # ROLE: asks all nodes of the file
	sed -i "s/user = \"postgres\"/user = \"$1\"/" "$CONF"
}

# one_primary NAME: p takes writes, s1 does not.
one_primary() {
	is "$(timeline p) $(timeline s1)" "f 1 t 1" "$1: p is the only primary"
}

# The old primary lives and streams to s1, and is not reached from here.
unseen() {
	local port dead
	promote_up p s1 || return 2
	port=${PG_PORT[s1]} dead=$(port_of_ours)
	CONF_MORE='promote : { trust_pgpool = true; };' \
	    promote_conf "$CONF" "p=$dead" s1
	as_role plain
	writes p
	promote -f "$CONF" --log=stderr -t 20s --pgpool 0 127.0.0.1 "$dead" \
	    "$T/p" 1 127.0.0.1 0 0 "$port" "$T/s1" 127.0.0.1 "$dead"
	is "$rc $(refusals)" "3 old-primary-unseen" \
	    "unseen: pgpool is trusted: exit 3 and [old-primary-unseen]"
	like "$err" 's1 .*has a WAL receiver, and role "plain" may not see' \
	    "unseen: who may not see what"
	like "$err" 'hint: .*GRANT pg_monitor TO "plain"' "unseen: what to do"
	one_primary unseen
	refused old-primary-unseen 'GRANT pg_monitor' "unseen, a fence" \
	    -f "$CONF" s1 -y --old-primary=p --fence="touch $T/fenced"
	not_ok "unseen, a fence: it is not run" test -e "$T/fenced"
	typed s1 -f "$CONF" --old-primary=p s1
	rc_is 3 "unseen, the name is typed: exit 3"
	one_primary "unseen, the name is typed"
	passes "unseen, forced" -f "$CONF" s1 -y --old-primary=p --force
	like "$err" 'warning: .*\[old-primary-unseen\].*--force' \
	    "unseen, forced: which is said"
	quiet
	# Nothing streams any more: there is nothing that may not be seen.
	without_p
	passes "unseen: no receiver is left" \
	    -f "$CONF" s1 -y --old-primary=p --fence=true
}
without_p() { crash p && alone s1; }

# --- parts

parts="unseen"
[ $# -eq 0 ] || parts=$*
majors=$(promote_main_major)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] && [ -z "${STANDBY_TEST_MAJORS-}" ] ||
    majors=$(pg_majors)
for m in $majors; do
	diag "PostgreSQL $m"
	promote_cold "$m" || bail "$m: no servers"
	for part in $parts; do
		"$part"
		[ $? -ne 2 ] ||
		    fail "$part, $m: the cluster is not as it should be"
	done
done
done_testing
