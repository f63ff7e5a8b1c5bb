#!/bin/bash
# Goal: what standby-follow leaves behind is said.  The slot that the node used
# on its former upstream, with a command that drops it: there, gone, or unknown
# because that node does not answer; and event_command hears "incomplete" when
# the node is configured and a later step failed.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
FOLLOW=$TOP_BUILDDIR/standby-follow
[ -x "$FOLLOW" ] || skip_all "standby-follow is not built"
CONF=$T/conf

# follow UPSTREAM NODE [OPTION]...
follow() {
	local up=$1 node=$2
	shift 2
	run "$FOLLOW" -f "$CONF" --json --master=127.0.0.1 \
	    -p "${PG_PORT[$up]}" -D "$T/$node" --no-sync "$@"
}

LEFT='(d["old_slot"], d["old_upstream"]["port"],
    d["old_upstream"]["slot_exists"])'

# left WANT NAME: slot, port and whether it is there, of the last run.
left() { is "$(pj "$LEFT")" "$1" "$2"; }

# does_drop NODE SLOT NAME: the command of the last run, as a person types it.
does_drop() {
	local command
	command=$(pj 'd["old_upstream"]["drop"]')
	like "$err" "note: slot \"$2\" on the former upstream 127.0.0.1:" \
	    "$3: a note names the slot and the server"
	is "$(grep -cF -- ": $command" <<<"$err")" 1 "$3: and the command"
	is "$(pg_slots "$1" | grep -cx "$2")" 1 "$3: the slot is there"
	PATH=$(dirname "$PSQL"):$PATH sh -c "$command" >/dev/null
	is "$(pg_slots "$1" | grep -cx "$2")" 0 "$3: the command drops it"
}

test_nothing() {
	follow p s2 --slot=two
	rc_is 0 "a node without a slot gets one"
	left "null null null" "and leaves none"
	unlike "$err" "former upstream" "and no word is said of it"
}

test_there() {
	follow s1 s2 --dry-run
	like "$err" "leave to you: slot \"two\" on the former upstream" \
	    "a dry run tells what will be left"
	follow s1 s2
	rc_is 0 "a node goes from p to s1"
	left "two ${PG_PORT[p]} true" "its slot on p is left, and is there"
	does_drop p two "there"
}

test_other_name() {
	follow s1 s2 --slot=zwei
	rc_is 0 "the same upstream, another slot"
	left "two ${PG_PORT[s1]} true" "the old one on the same server is left"
	does_drop s1 two "other name"
}

test_gone() {
	pg_stop s2
	pg_sql s1 "SELECT pg_drop_replication_slot('zwei')" >/dev/null
	follow p s2
	rc_is 0 "a stopped node goes from s1 back to p"
	left "null null null" "its slot on s1 is dropped already: none is left"
	unlike "$err" "former upstream" "and no word is said of it"
}

test_unknown() {
	pg_wait_replay s1 p && pg_wait_replay s2 p
	pg_stop s2
	pg_stop p immediate
	pg_promote s1
	pg_sql s1 CHECKPOINT
	follow s1 s2
	rc_is 0 "the former upstream is down: it follows"
	left "zwei ${PG_PORT[p]} null" "whether its slot there is left: unknown"
	like "$err" "whether it is still there.* is unknown: .*127.0.0.1:${PG_PORT[p]}" \
	    "it says so, and why"
	like "$(pj 'd["old_upstream"]["drop"]')" \
	    "^psql -h 127.0.0.1 -p ${PG_PORT[p]} .*drop_replication_slot\('zwei'\)" \
	    "with the command for when it is back"
	pg_start p
	does_drop p zwei "back"
}

heard() { cat "$T/event" 2>/dev/null; }

# The old primary of test_unknown, which has its own timeline.
test_events() {
	follow p s2
	is "$rc $(heard)" "3 follow s2 refused" "status 3 is the event refused"
	rm -f "$T/event"
	follow s1 s2 -p 1
	is "$rc $(heard)" "4 follow s2 failed" "status 4 is the event failed"
	rm -f "$T/event"
	pg_stop s2
	follow s1 s2 --slot=drei --start-command=/bin/false
	is "$rc $(heard)" "7 follow s2 incomplete" \
	    "status 7 is the event incomplete"
	left "zwei ${PG_PORT[s1]} true" "what is left is said then, too"
	rm -f "$T/event"
	follow s1 s2
	is "$rc $(heard)" "0 follow s2 ok" "run again it is ok"
}

if ! promote_cold "$(promote_main_major)" || ! promote_up p s1 s2; then
	skip_all "the cluster does not start"
fi
# shellcheck disable=SC2016	# for the shell of event_command
printf '#!/bin/sh\necho "$STANDBY_EVENT $STANDBY_NODE $STANDBY_RESULT" >"%s"\n' \
    "$T/event" >"$T/hear"
chmod 0700 "$T/hear"
CONF_MORE="event_command = \"$T/hear\";"
promote_conf "$CONF" p s1 s2
test_nothing
test_there
test_other_name
test_gone
test_unknown
test_events
done_testing
