#!/bin/bash
#
# Goal: a standby becomes the one writable primary, by each means that its
# version has, for each caller that the man page names; the report tells what
# may be lost and what is to be done next; and what is repeated, only tried or
# interrupted in time changes nothing.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
main=$(promote_main_major)
port() { echo "${PG_PORT[$1]}"; }

# next_lines NAME: one for the sibling s2, one for the old primary p.
next_lines() {
	local all
	all=$(grep -F 'Next: ' <<<"$out$err")
	is "$(grep -Fc "standby-follow --master=127.0.0.1 -p $(port s1) -D $T/s2" \
	    <<<"$all") $(grep -c 'back: standby-clone p --delta$' \
	    <<<"$all")" "1 1" "$1: one Next: line for s2, one for p" ||
	    diag "$out" "$err"
}

# again NAME [OPTION]...: it is primary already.
again() {
	local name=$1 before
	shift
	before=$(state s1 s2)
	promote "$@"
	rc_is 0 "$name: repeated, exit 0"
	like "$out$err" 'primary already|already primary' "$name: and says so"
	unchanged "$before" "$name, repeated" s1 s2
	promote "$@" --json
	is "$rc $(pj '(d["status"], d["code"], d["error"], d["promoted"], d["timeline"])')" \
	    "0 already-primary 0 null false 2" "$name: repeated, as JSON"
}

JSON_KEYS='format tool version status code error node old_primary
    timeline_before timeline lsn_before lsn promoted lost_bytes
    lost_at_least_bytes means proof checkpoint refusals assumed siblings next
    failed seconds'
# json_is MEANS NAME: the document of a promotion of s1.
json_is() {
	is "$(pj '" ".join(k for k in """'"$JSON_KEYS"'""".split() if k not in d)')" \
	    "" "$2: the JSON document has every key"
	is "$(pj '(d["format"], d["tool"], d["status"], d["code"], d["error"],
	    d["node"]["name"], d["old_primary"], d["timeline_before"],
	    d["timeline"], d["promoted"], d["means"], d["refusals"], d["failed"])')" \
	    "1 standby-promote ok 0 null s1 p 1 2 true $1  " "$2: what it says"
	is "$(pj 'type(d["lost_bytes"]).__name__, type(d["lsn"]).__name__,
	    type(d["node"]["port"]).__name__,
	    d["seconds"]["total"] >= d["seconds"]["promote"] > 0')" \
	    "int str str true" "$2: integers, LSNs and seconds are what they are"
	is "$(pj '[x for x in d["siblings"] if x["node"] == "s2"]')" \
	    "{'node': 's2', 'follows': False, 'problem': None}" \
	    "$2: the sibling is in it"
	is "$(pj 'len([x for x in d["next"] if "standby-follow" in x]),
	    len([x for x in d["next"] if x.endswith(": standby-clone p --delta")])')" "1 1" \
	    "$2: and what is to be typed next"
}

means_of() { # MAJOR: how it is told to promote by -D or NODE with a superuser
	[ "$1" -ge 12 ] && echo sql || echo pg_ctl
}

by_each_means() {
	local m=$1 file=$T/conf hello
	# Superuser, by the name of a node; kill -9.
	promote_up p s1 s2 || { fail "$m: no cluster"; return; }
	promote_conf "$file" p s1 s2
	crash p
	alone s1 s2
	promote -f "$file" s1 -y
	hello="$m, NODE, $(means_of "$m")"
	promoted s1 2 "$hello"
	checkpointed s1 2 "$hello"
	like "$err" 'Possible loss' "$hello: the possible loss is told"
	unlike "$err" 'Possible loss unknown' \
	    "$hello: exactly, since the disk of p can be read"
	next_lines "$hello"
	like "$out$err" 's1 .*(timeline 2|primary)' "$hello: the status afterwards"
	again "$hello" -f "$file" s1 -y

	# A role without EXECUTE, by directory; a clean stop; JSON, event.
	cat >"$T/notify.sh" <<-END
		#!/bin/sh
		env | grep '^STANDBY_' | sort >>"$T/events"
	END
	chmod +x "$T/notify.sh"
	rm -f "$T/events"
	promote_up p s1 s2 || { fail "$m: no cluster"; return; }
	CONF_MORE="event_command = \"$T/notify.sh\";" promote_conf "$file" p s1 s2
	pg_stop p
	alone s1 s2
	promote -f "$file" -D "$T/s1" -U op -y --json
	hello="$m, -D, pg_ctl"
	promoted s1 2 "$hello"
	if [ "$m" -ge 15 ]; then
		checkpointed s1 2 "$hello"
	else
		like "$err" 'may not run CHECKPOINT' \
		    "$hello: the role may not CHECKPOINT, which is said"
	fi
	json_is pg_ctl "$hello"
	is "$(pj 'd["lost_bytes"]')" 0 "$hello: nothing is lost by a clean stop"
	like "$(cat "$T/events")" '^STANDBY_EVENT=promote$' "$hello: the event"
	like "$(cat "$T/events")" '^STANDBY_NODE=s1$' "$hello: its node"
	like "$(cat "$T/events")" '^STANDBY_RESULT=ok$' "$hello: its result"
	like "$(cat "$T/events")" '^STANDBY_DETAIL=.*timeline 2' "$hello: its detail"
	again "$hello" -f "$file" -D "$T/s1" -U op -y

	# The trigger file.
	promote_make p s1 s2
	mkdir -p "$T/s1.trigger"
	if [ "$m" -lt 12 ]; then
		promote_set s1 "trigger_file = '$T/s1.trigger/now'"
	elif [ "$m" -lt 16 ]; then
		promote_set s1 "promote_trigger_file = '$T/s1.trigger/now'"
	fi
	pg_start p && pg_start s1 && poll_until 60 pg_streams s1
	promote_conf "$file" p s1
	crash p
	alone s1
	hello="$m, NODE --trigger"
	if [ "$m" -ge 16 ]; then
		refused trigger-file 'without --trigger' "$hello" \
		    -f "$file" s1 -y --trigger
		like "$err" 'removed in 16' "$hello: with the reason"
	else
		promote -f "$file" s1 -y --trigger
		promoted s1 2 "$hello"
		checkpointed s1 2 "$hello"
		is "$(ls -A "$T/s1.trigger")" "" \
		    "$hello: the server has removed the file"
	fi
	rm -rf "$T/s1.trigger"
}

# A person on the standby, and a host without a file; the way that siblings
# follow differs by version.
small_callers() {
	local m=$1 file=$T/conf hello
	promote_up p s1 s2 || { fail "$m: no cluster"; return; }
	crash p
	alone s1 s2
	hello="$m, person on the standby, -D -y --force, no file"
	promote -D "$T/s1" -U postgres --pg-bindir="$(pg_bin "$m")" -y --force
	promoted s1 2 "$hello"
	like "$err" 'warning: .*\[old-primary-unproven\].*--force' \
	    "$hello: what was forced is said"

	promote_up p s1 s2 || { fail "$m: no cluster"; return; }
	promote_conf "$file" p s1 s2
	crash p
	alone s1 s2
	hello="$m, --siblings-follow"
	promote -f "$file" s1 -y --siblings-follow --json
	promoted s1 2 "$hello"
	is "$(pj '[(x["node"], x["follows"], x["problem"]) for x in d["siblings"]]')" \
	    "s2 true null" "$hello: JSON says it"
	ok "$hello: s2 streams from s1" poll_until 20 pg_is s1 "SELECT count(*)
	    FROM pg_stat_replication WHERE state = 'streaming'" 1 || return
	write s1 50
	ok "$hello: and replays what s1 writes" pg_wait_replay s2 s1
	is "$(rows s2)" "$(rows s1)" "$hello: all rows"
	is "$(pj 'len([x for x in d["next"] if "standby-follow" in x])')" 0 \
	    "$hello: nothing is left to be typed for s2"
	promote -f "$file" s1 -y
	is "$rc $(timeline s1) $(pg_streams s2; echo $?)" "0 f 2 0" \
	    "$hello: repeated"
}

by_host() {
	promote_up p s1 s2 || { fail "no cluster"; return; }
	crash p
	alone s1 s2
	promote -h 127.0.0.1 -p "$(port s1)" -U postgres -y \
	    --old-primary="host=127.0.0.1 port=$(port p)" --fence=true
	promoted s1 2 "-h HOST, --old-primary, --fence"
	checkpointed s1 2 "-h HOST, --old-primary, --fence"
	promote -d "host=127.0.0.1 port=$(port s1) user=postgres"
	is "$rc $(timeline s1)" "0 f 2" "-d CONNINFO: already primary"
}

# What only p had is counted.
loss() {
	local file=$T/conf own
	promote_up p s1 || { fail "no cluster"; return; }
	promote_conf "$file" p s1
	behind s1 5000
	own=$(pg_sql s1 "SELECT '$END_OF_WAL'::pg_lsn - pg_last_wal_replay_lsn()")
	promote -f "$file" s1 -y --json
	promoted s1 2 "what only p had"
	cmp_le 1000000 "$own" "more than a megabyte of it"
	is "$(pj "0 <= d['lost_bytes'] - $own < 10000")" true \
	    "the bytes that are lost are those ($own)" || diag "$(pj 'd["lost_bytes"]')"
	is "$(rows s1)" 111 "and the rows of it are not there"
	like "$err" "Possible loss: [0-9.]+ MB \([0-9]+ bytes\)" \
	    "in words, too"
}

best() {
	local file=$T/conf
	promote_up p s1 s2 || { fail "no cluster"; return; }
	promote_conf "$file" p s1 s2
	behind s1 2000
	promote -f "$file" --candidate=best -y --json
	is "$rc $(timeline s2) $(timeline s1)" "0 f 2 t 1" \
	    "--candidate=best takes the standby with more WAL"
	is "$(pj 'd["node"]["name"], d["lost_bytes"]')" "s2 0" "and names it"
	promote -f "$file" --candidate=best -y
	is "$rc $(timeline s2) $(timeline s1)" "0 f 2 t 1" \
	    "repeated: that one is primary, nothing is done"

	promote_up p s1 s2 || { fail "no cluster"; return; }
	promote_conf "$file" p s1 s2!
	behind s1 2000
	refused sibling-ahead 'standby-promote s2' \
	    "--candidate=best, promote = false for the one that has most" \
	    -f "$file" --candidate=best -y
	promote_conf "$file" p s1! s2!
	refused no-means 'name a node' "--candidate=best, nobody may" \
	    -f "$file" --candidate=best -y
}

dry_run() {
	local file=$T/conf before
	promote_up p s1 s2 || { fail "no cluster"; return; }
	rm -f "$T/events" "$T/fenced"
	CONF_MORE="event_command = \"$T/notify.sh\";" promote_conf "$file" p- s1 s2
	crash p
	alone s1 s2
	before=$(state s1 s2)
	promote -f "$file" s1 -n --fence="touch $T/fenced"
	rc_is 0 "dry run: exit 0, neither a terminal nor -y"
	like "$out" 'run the fence command: touch ' "dry run: the plan, the fence"
	like "$out" 'promote s1 by (pg_promote|.*pg_ctl promote)' \
	    "dry run: the plan, the promotion"
	like "$out" 'CHECKPOINT' "dry run: the plan, the checkpoint"
	like "$out$err" "standby-follow --master=127.0.0.1 -p $(port s1)" \
	    "dry run: the plan, the sibling"
	unchanged "$before" "dry run" s1 s2
	not_ok "dry run: the fence is not run" test -e "$T/fenced"
	not_ok "dry run: nor is the event command" test -e "$T/events"
	promote -f "$file" s1 -n --json --fence=true
	is "$rc $(pj '(d["status"], d["code"], d["promoted"])')" \
	    "0 dry-run 0 false" "dry run as JSON"

	# What could not be run is found before anybody is asked.
	printf '#!/bin/sh\n' >"$T/not-executable"
	for fence in "$T/no such" "$T/not-executable -x" "$T" no-such-program; do
		refused fence-failed "--fence= \\(empty\\)" "dry run: --fence=$fence" \
		    -f "$file" s1 -n --fence="$fence"
		like "$err" "could not run \"${fence% *}\"" \
		    "dry run: it is named with its fault"
	done
	refused fence-failed "--fence=" "run: the same, before the question" \
	    -f "$file" s1 --fence="$T/none"
	CONF_MORE="event_command = \"$T/none -m\";" promote_conf "$file.event" p- s1 s2
	promote -f "$file.event" s1 -n --fence=true
	rc_is 0 "dry run: an event_command that is not there stops nobody"
	like "$err" "warning: event_command: could not run \"$T/none\"" \
	    "dry run: and is warned of"

	# In time, an interrupt leaves everything as it was.
	for sig in INT TERM HUP; do
		if promote_held request -f "$file" s1 -y --fence=true; then
			kill -"$sig" "$PROMOTE_PID"
			promote_wait
			rc_is $((128 + $(kill -l $sig))) \
			    "SIG$sig before the request: exit 128 + its number"
			unchanged "$before" "SIG$sig before the request" s1 s2
			ok "SIG$sig before the request: no session is left" \
			    poll_until 10 no_sessions s1 s2
		else
			promote_wait
			fail "SIG$sig: it did not get that far ($rc): $err"
		fi
	done
	promote -f "$file" s1 -y --fence="touch $T/fenced"
	promoted s1 2 "and then it can be promoted"
	ok "after its fence was run" test -e "$T/fenced"
}

# The smallest configuration under which each caller succeeds, unattended.
runbooks() {
	local file=$T/conf reason before
	promote_up p s1 s2 || { fail "no cluster"; return; }
	cat >"$T/fence.sh" <<-END
		#!/bin/sh
		env | grep '^STANDBY_' | sort >"$T/fence.env"
		echo "it is off"
	END
	chmod +x "$T/fence.sh"
	CONF_MORE="promote : { fence = \"$T/fence.sh\"; };" \
	    promote_conf "$file" p- s1 s2
	crash p
	alone s1 s2
	promote -f "$file" s1 -y
	promoted s1 2 "runbook: a file with a fence"
	like "$(cat "$T/fence.env")" '^STANDBY_OLD_PRIMARY=p$' \
	    "the fence is told whom to cut off"
	like "$(cat "$T/fence.env")" "^STANDBY_OLD_PORT=$(port p)$" "and where"
	like "$(cat "$T/fence.env")" '^STANDBY_NODE=s1$' "and for whom"

	reason=$(sshd_usable) || { skip "runbook: ssh" "$reason"; return; }
	promote_up p s1 s2 || { fail "no cluster"; return; }
	promote_ssh || { fail "sshd"; return; }
	promote_conf "$file" p@ s1 s2
	freeze p
	refused old-primary-runs 'pg_ctl stop' \
	    "runbook: ssh says that the old primary's postmaster runs" \
	    -f "$file" s1 -y --force "${SSH_OPTIONS[@]}"
	thaw p
	crash p
	alone s1 s2
	promote -f "$file" s1 -y --json "${SSH_OPTIONS[@]}"
	promoted s1 2 "runbook: ssh says that the old primary does not run"
	is "$(pj '(d["proof"], type(d["lost_bytes"]).__name__)')" "ssh int" \
	    "which is the proof, and the loss is known exactly"

	# The candidate on another host, through its agent; its upstream is an
	# address that is good there only, so the old primary is named.
	promote_up p s1 s2 || { fail "no cluster"; return; }
	promote_conf "$T/there.conf" p s1 s2
	sshd_stop main
	promote_ssh "SetEnv STANDBY_CONFIG=$T/there.conf" || { fail "sshd"; return; }
	promote_conf "$file" p@ s1@ s2
	crash p
	alone s1 s2
	sed -i 's/user = "postgres"/user = "op"/' "$file"
	before=$(state s1 s2)
	promote -f "$file" s1 -y --old-primary=p "${SSH_OPTIONS[@]}"
	rc_is 3 "agent: not allowed there to promote, exit 3"
	like "$err" 'hint: .*operate = true' "agent: with the line to add there"
	unchanged "$before" "agent: not allowed there to promote" s1 s2
	echo 'agent : { operate = true; };' >>"$T/there.conf"
	promote -f "$file" s1 -y --old-primary=p --json "${SSH_OPTIONS[@]}"
	promoted s1 2 "agent: promoted by the agent of its host"
	is "$(pj 'd["means"]')" agent "agent: that is the means"
}

# Two at once, on two standbys: one gets through.
at_once() {
	local file=$T/conf seed=${STANDBY_TEST_SEED:-$RANDOM} round pids a b
	local -a rcs wait
	diag "seed of the rounds: $seed (STANDBY_TEST_SEED)"
	RANDOM=$seed
	for round in 1 2 3 4 5; do
		promote_up p s1 s2 || { fail "no cluster"; return; }
		promote_conf "$file" p s1 s2
		pg_stop p
		alone s1 s2
		wait=("0.$(printf %03d $((RANDOM % 60)))" \
		    "0.$(printf %03d $((RANDOM % 60)))")
		pids=()
		for n in 1 2; do
			(sleep "${wait[n - 1]}"; exec "$STANDBY_PROMOTE" \
			    -f "$file" "s$n" -y --json) >"$T/at.$n.out" \
			    2>"$T/at.$n.err" 3>&- 4>&- </dev/null &
			pids+=($!)
			kill_later $!
		done
		rcs=()
		for pid in "${pids[@]}"; do
			wait "$pid"
			rcs+=($?)
		done
		a=$(pg_sql s1 "SELECT pg_is_in_recovery()")
		b=$(pg_sql s2 "SELECT pg_is_in_recovery()")
		is "$(printf '%s\n' "$a" "$b" | sort | tr -d '\n')" ft \
		    "D14, round $round: exactly one becomes primary"
		case "${rcs[*]} $a$b" in
		"0 3 ft") n=2 ;;
		"3 0 tf") n=1 ;;
		*) n= ;;
		esac
		isnt "$n" "" "D14, round $round: it exits with 0, the other with 3" ||
		    diag "exit ${rcs[*]}, in recovery $a $b, waits ${wait[*]}" \
		    "$(cat "$T/at.1.err" "$T/at.2.err")"
		[ -z "$n" ] || like "$(cat "$T/at.$n.err")" \
		    '\[(promotion-running|old-primary-answers|sibling-ahead|two-primaries)\]' \
		    "D14, round $round: and says why"
	done
}

# --- parts

# The short set: one on each side of 12, where recovery.conf ended.
short=
[ "${STANDBY_TEST_WORLD:-0}" = 1 ] || short="11 15"
for m in $(STANDBY_TEST_MAJORS=${STANDBY_TEST_MAJORS:-$short} pg_majors); do
	promote_cold "$m" || bail "$m: no servers"
	by_each_means "$m"
	small_callers "$m"
done
promote_cold "$main" || bail "no servers"
by_host
loss
best
dry_run
runbooks
at_once
done_testing
