#!/bin/bash
# Goal: the ways to run standby-clone that the main case (1000-clone.t) does not
# go.  Where a copy is made, its content must be that of the primary.
#
#	t/1050-modes.t [FUNCTION]...	only some of the cases

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

m=$(pg_majors | tail -n 1)

# --- helpers

# base STANDBY [PRIMARY]: CLONE without a word about slots.
base() {
	local o
	local -a all=()
	clone_args "${2:-p}" "$1"
	for o in "${CLONE[@]}"; do
		case $o in
		--slot=*|--create-slot) ;;
		*) all+=("$o") ;;
		esac
	done
	CLONE=("${all[@]}")
}

# without OPTION...: CLONE without the options that begin so.
without() {
	local o w
	local -a all=()
	for o in "${CLONE[@]}"; do
		for w; do
			case $o in "$w"*) continue 2 ;; esac
		done
		all+=("$o")
	done
	CLONE=("${all[@]}")
}

# fresh NODE: nothing of it is left, no slot that is not in use either.
fresh() {
	forget "$1"
	drop_slots p >/dev/null
	mkdir "$T/$1.ts"
}

# good NAME NODE: a standby, with the content of the primary.
good() {
	ok "$1: it streams" poll_until 30 pg_streams "$2"
	ok "$1: the content is equal" oracle_compare p "$2"
}

# refused NAME REGEX: the last run was, by exit status and text.
refused() {
	rc_is 3 "$1: exit status 3"
	like "$err" "^standby-clone: (error|detail|hint): .*($2)" "$1: says why"
}

# json PYTHON_EXPRESSION: of the document d on the last standard output.
json() {
	/usr/bin/python3 -c 'import json, sys
d = json.loads(sys.stdin.read())
print(eval(sys.argv[1]))' "$1" <<<"$out"
}

# json_complete NAME: one document with exactly the keys of the contract.
json_complete() {
	cat >"$T/keys.py" <<-'END'
		import json, sys
		keys = {"": "format tool version status code error source target "
		        "backup files bytes seconds standby left_behind",
		    "error": "id message detail hint",
		    "source": "host port server_version system_identifier timeline",
		    "target": "pgdata waldir config",
		    "backup": "mode start_lsn stop_lsn label",
		    "files": "total changed copied removed vanished "
		        "bad_pages skipped",
		    "bytes": "total compared changed sent skipped",
		    "seconds": "total preflight backup_start manifest transfer "
		        "backup_stop seal start streaming",
		    "standby": "started streaming receive_lsn slot"}
		d = json.loads(sys.stdin.read())
		for name, want in keys.items():
		    part = d[name] if name else d
		    if name == "error" and d["status"] in ("ok", "dry-run"):
		        assert part is None, "error is not null"
		        continue
		    assert set(part) == set(want.split()), (name, sorted(part))
		assert d["format"] == 1 and d["tool"] == "standby-clone"
		assert isinstance(d["left_behind"], list)
		n = [v for k in ("files", "bytes") for v in d[k].values()]
		assert all(type(v) is int for v in n if v is not None), n
		assert None not in (v for k, v in d["files"].items()
		    if k != "bad_pages") and None not in d["bytes"].values()
		s = d["source"]["system_identifier"]
		assert s is None or isinstance(s, str), s
	END
	ok "$1: one JSON document with the keys of the contract" \
	    /usr/bin/python3 "$T/keys.py" <<<"$out"
	is "$(json 'd["code"]' 2>/dev/null)" "$rc" "$1: its code is the exit status"
	local id
	id=$(json '(d["error"] or {}).get("id", "")' 2>/dev/null)
	[ -z "$id" ] || like "$err" "^standby-clone: error: .* \\[$id\\]\$" \
	    "$1: the message bears the id \"$id\", too"
}

# wal_complete NODE: segments of the backup, from its start to its stop as the
# last run record says, each with .done.
wal_complete() {
	local f n=0
	json '"\n".join("%08X%08X%08X" % (d["source"]["timeline"], s >> 8, s & 255)
	    for a, b in [[int(h, 16) << 8 | int(l, 16) >> 24 for h, l in
	        (d["backup"][k].split("/") for k in ("start_lsn", "stop_lsn"))]]
	    for s in range(a, b + 1))' >"$T/segments" || return 1
	while read -r f; do
		n=$((n + 1))
		[ "$(stat -c %s "$T/$1/pg_wal/$f")" = 16777216 ] ||
			{ echo "$f is not whole"; return 1; }
		[ -e "$T/$1/pg_wal/archive_status/$f.done" ] ||
			{ echo "$f.done is missing"; return 1; }
	done <"$T/segments"
	echo "$n segments"
	[ "$n" -gt 0 ]
}

# sender_port NODE: the server that it streams from.
sender_port() {
	pg_sql "$1" "SELECT substring(conninfo from 'port=([0-9]+)')
	    FROM pg_stat_wal_receiver"
}

# --- NODE: everything from the configuration file

# nodes_conf FILE PRIMARY_PORT THIRD_PORT [HOST_OF_S]
nodes_conf() {
	cat >"$1" <<-END
		defaults : { user = "postgres"; bindir = "$(pg_bin "$m")"; };
		nodes = (
		  { name = "p"; conninfo = "host=127.0.0.1 port=$2";
		    pgdata = "$T/p"; ssh = "$SSHD_USER@127.0.0.1:$SSH_PORT"; },
		  { name = "s"; conninfo = "host=${4:-127.0.0.1} port=${PG_PORT[s]}";
		    pgdata = "$T/s"; start = "$T/s.start"; stop = "$T/s.stop"; },
		  { name = "t"; conninfo = "host=127.0.0.1 port=$3";
		    pgdata = "$T/t"; start = "$T/t.start"; stop = "$T/t.stop";
		    slot = "slot of t"; upstream = "s"; }
		);
		clone : { ssh_identity = "$SSHD_KEY"; known_hosts = "${SSHD_KNOWN[main]}";
		  agent = "$AGENT"; no_sync = true; progress = "none"; };
	END
	sed -i 's/slot of t/slot_of_t/' "$1"
}

nodes() {
	local conf=$T/nodes.conf dead
	dead=$(port_of_ours)
	local -a node=("$STANDBY_CLONE" -f "$conf" -T "$T/p.ts=$T/s.ts")

	nodes_conf "$conf" "${PG_PORT[p]}" "${PG_PORT[t]}" 192.0.2.1
	run "${node[@]}" s
	refused "node: of another host" '"s" is on host "192\.0\.2\.1"'
	nodes_conf "$conf" "$dead" "${PG_PORT[t]}"
	run "${node[@]}" s
	refused "node: no primary" '"p": no answer .*; "s": no answer .*; "t": no answer'
	pg_up o "$m"
	nodes_conf "$conf" "${PG_PORT[p]}" "${PG_PORT[o]}"
	run "${node[@]}" s
	refused "node: two primaries" '"p": primary; "s": no answer .*; "t": primary'
	pg_stop o immediate
	rm -rf "$T/o"
	nodes_conf "$conf" "${PG_PORT[p]}" "${PG_PORT[t]}"
	run "${node[@]}" p
	refused "node: the primary itself" '"p" is the primary'
	run "${node[@]}" -D "$T/elsewhere" s
	refused "node: another data directory" "$T/elsewhere"
	run "${node[@]}" nobody
	rc_is 2 "node: not in the file"
	is "$(pg_slots p)" "" "node: no refusal leaves a slot"
	ok "node: no refusal makes a directory" test ! -e "$T/s"

	run "${node[@]}" s
	rc_is 0 "node: cloned"
	good "node" s
	is "$(pg_slots p)" s "node: the slot has its name"
	is "$(pg_sql p "SELECT application_name FROM pg_stat_replication")" s \
	    "node: so has the sender"

	# Its upstream is a standby: the slot belongs there.
	mkdir "$T/t.ts"
	run "${node[@]/#$T\/p.ts=*/$T/p.ts=$T/t.ts}" t
	rc_is 0 "node with an upstream: cloned"
	good "node with an upstream" t
	is "$(sender_port t)" "${PG_PORT[s]}" "node with an upstream: streams from it"
	is "$(pg_slots s)" slot_of_t "node with an upstream: its slot is there"
	is "$(pg_slots p)" s "node with an upstream: and not on the primary"
	fresh t
	fresh s
}

# --- SSH

pushed_agents() { pgrep -f "^$T/tmp/.*standby-agent"; }

push_agent() {
	mkdir -p "$T/tmp"
	sshd_start pushed -- "SetEnv TMPDIR=$T/tmp"
	base s
	without --agent= --ssh= --known-hosts=
	CLONE+=(--ssh="$SSHD_USER@127.0.0.1:${SSHD_PORT[pushed]}"
	    --known-hosts="${SSHD_KNOWN[pushed]}" --push-agent)
	run "${CLONE[@]}"
	rc_is 0 "--push-agent"
	good "--push-agent" s
	not_ok "--push-agent: no process is left there" pushed_agents
	is "$(find "$T/tmp" -mindepth 1)" "" "--push-agent: no file is left there"
	# Killed: the shell on the other host still cleans up.
	pg_stop s
	STANDBY_TEST_PAUSE=transferred STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
	    "${CLONE[@]}" --delta >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	poll_until 60 clone_held_or_gone
	ok "--push-agent, killed: it was there" test -n "$(ls "$T/tmp")"
	kill -KILL "$CLONE_PID"
	clone_resume
	clone_wait
	ok "--push-agent, killed: no file is left there" \
	    poll_until 30 empty_dir "$T/tmp"
	not_ok "--push-agent, killed: no process is left there" pushed_agents
	# Without an agent of its own there is nothing to upload.
	mkdir "$T/alone"
	cp "$STANDBY_CLONE" "$T/alone"
	run "$T/alone/standby-clone" "${CLONE[@]:1}" --delta -n
	if [ -z "$(find /usr -name standby-agent)" ]; then
		rc_is 5 "--push-agent, no agent here"
		like "$err" 'hint: .*install standby-tools here' \
		    "--push-agent, no agent here: what to do"
	fi
	# As a worker that is called off while it connects: whoever writes
	# there has no reader.
	cat >"$T/deaf-ssh" <<-END
		#!/bin/sh
		case "\$*" in *-G*) exec ssh "\$@" ;; esac
		mkfifo "$T/deaf"
		exec 3<>"$T/deaf" >"$T/deaf" 3<&-
		rm "$T/deaf"
		TMPDIR=$T/tmp exec sh
	END
	chmod 0755 "$T/deaf-ssh"
	base s
	without --agent=
	run "${CLONE[@]}" --push-agent --delta -n --transport=openssh \
	    --ssh-command="$T/deaf-ssh"
	rc_is 5 "--push-agent, nobody listens any more"
	ok "--push-agent, nobody listens: no directory is left there" \
	    poll_until 10 empty_dir "$T/tmp"
	sed -i 's/sh | :/sh -c "dd bs=64k count=3 | sh"/' "$T/deaf-ssh"
	run "${CLONE[@]}" --push-agent --delta -n --transport=openssh \
	    --ssh-command="$T/deaf-ssh"
	like "$err" "ended with status 1 before it answered|Broken pipe" \
	    "--push-agent, cut off: it is told"
	unlike "$err" "signal|status (139|126)" \
	    "--push-agent, cut off: what is not whole is not run"
	ok "--push-agent, cut off: no directory is left there" \
	    poll_until 10 empty_dir "$T/tmp"
	fresh s
}

empty_dir() { [ -z "$(ls -A "$1")" ]; }

transports() {
	local notes
	base s
	run "${CLONE[@]}" --transport=openssh
	rc_is 0 "--transport=openssh"
	good "--transport=openssh" s
	pg_stop s

	cat >"$T/my ssh" <<-END
		#!/bin/sh
		echo "\$*" >>'$T/ssh.used'
		exec ssh "\$@"
	END
	chmod 0700 "$T/my ssh"
	run "${CLONE[@]}" --delta --transport=openssh --ssh-command="$T/my ssh"
	if [ "$rc" = 0 ]; then
		pass "--ssh-command with a blank"
	else
		# A command line, not a file name.
		mv "$T/my ssh" "$T/myssh"
		run "${CLONE[@]}" --delta --transport=openssh \
		    --ssh-command="$T/myssh"
		rc_is 0 "--ssh-command"
	fi
	good "--ssh-command" s
	ok "--ssh-command: was used" test -s "$T/ssh.used"
	unlike "$(cat "$T/ssh.used")" 'StrictHostKeyChecking[= ]*(no|off|accept)' \
	    "--ssh-command: it checks the host key"
	pg_stop s

	# RSA keys with SHA-2 came with libssh2 1.11.
	without --ssh-identity=
	CLONE+=(--ssh-identity="$SSHD_KEY_RSA")
	run "${CLONE[@]}" --delta
	rc_is 0 "RSA key"
	good "RSA key" s
	notes=$(grep -ciE 'note: .*ssh' <<<"$err")
	if "$STANDBY_CLONE" --version | grep -q 'libssh2 1\.10\.'; then
		is "$notes" 1 "RSA key: one note says that ssh is used"
		pg_stop s
		run "${CLONE[@]}" --delta --transport=libssh2
		rc_is 5 "RSA key, --transport=libssh2"
		like "$err" 'ssh-keygen|openssh' \
		    "RSA key, --transport=libssh2: the hint"
	else
		skip "RSA key: one note says that ssh is used" "new libssh2"
	fi
	fresh s
}

# --- WAL and slots

no_slot() {
	load_start p || fail "no slot: the load starts"
	base s
	run "${CLONE[@]}" --no-slot --no-start --json
	rc_is 0 "--no-slot: under load"
	ok "--no-slot: the WAL of the backup is there" wal_complete s
	is "$(pg_slots p)" "" "--no-slot: no slot is left"
	unlike "$(cat "$T/s/postgresql.auto.conf")" \
	    "^primary_slot_name *= *'.+'" \
	    "--no-slot: none is configured"
	like "$out" '"started": *false' "--no-slot, --no-start: not started"
	ok "--no-slot: the standby starts" pg_start s
	ok "--no-slot: it streams" poll_until 30 pg_streams s
	pg_stop s
	run "${CLONE[@]}" --delta --wal=fetch --json
	rc_is 0 "--wal=fetch: under load"
	ok "--wal=fetch: the WAL of the backup is there" wal_complete s
	load_stop
	good "--wal=fetch" s
	fresh s
}

# The segments are listed every 2 s, also while something else is asked: here
# while the agent is slow to list what is unlogged.
held_for_long() { [ -z "$(find "$CLONE_HOLD" -newermt '2.2 seconds ago')" ]; }
listings_meet() {
	clone_paused transferred p s --wal=fetch --no-start --json \
	    --progress=line || fail "listings meet: the transfer ends"
	ok "listings meet: (one is due)" poll_until 10 held_for_long
	# shellcheck disable=SC2046	# several of them
	kill -STOP $(agents)
	clone_resume
	ok "listings meet: (the other is waited for)" \
	    poll_until 10 clone_says '^  \[5/7\]'
	# shellcheck disable=SC2046	# several of them
	kill -CONT $(agents)
	clone_wait
	rc_is 0 "listings meet: each gets its answer"
	ok "listings meet: the WAL of the backup is there" wal_complete s
	fresh s
}

slots() {
	base s
	pg_sql p "SELECT pg_create_physical_replication_slot('there')" >/dev/null
	run "${CLONE[@]}" -S absent
	refused "-S that does not exist" '"absent" does not exist'
	run "${CLONE[@]}" -C -S there
	refused "-C that exists" '"there" exists'
	run "${CLONE[@]}" -S there
	rc_is 0 "-S that exists"
	good "-S that exists" s
	is "$(pg_sql p "SELECT slot_name FROM pg_replication_slots
	    WHERE active")" there "-S that exists: is used"
	mkdir "$T/t.ts"
	base t
	run "${CLONE[@]}" -S there
	refused "B33 -S that is active" '"there" is active'
	ok "-S that is active: no directory is made" test ! -e "$T/t"
	like "$err" 'hint: .*pg_replication_slots' "-S that is active: the hint"
	ok "-S that is active: its standby still streams" pg_streams s
	is "$(pg_slots p)" there "slots: no other is left"
	fresh t
	old_slots
	fresh s
}

# kept NAME [SLOT]: the last run told of that one, or of none, that it stays.
kept() {
	local where="127.0.0.1:${PG_PORT[p]}" drop
	rc_is 0 "$1"
	if [ $# -lt 2 ]; then
		unlike "$err" 'which this standby had' "$1: no old slot is told"
		return
	fi
	drop="SELECT pg_drop_replication_slot('$2');"
	is "$(sed -n 's/^.*note: \(replication slot.*\)/\1/p' <<<"$err" |
	    sed 's/keeps [0-9][0-9.]* [kM]*B of/keeps N of/')" \
	    "replication slot \"$2\" on $where, which this standby had, is not $(
	    )the one that it will use, and keeps N of WAL there: unless $(
	    )another standby uses it, type there: $drop" "$1: the old slot is told"
	like "$(pg_slots p)" "(^|[^a-z])$2($|[^a-z])" "$1: it is not dropped"
}

# The standby s has the slot "there", and gets another one.
old_slots() {
	pg_stop s
	base s
	run "${CLONE[@]}" --delta -n -S there
	kept "--delta, the same slot"
	run "${CLONE[@]}" --delta -n
	kept "--delta -n, another slot" there
	run "${CLONE[@]}" --delta -n --no-slot
	kept "--delta -n --no-slot" there
	killed_at stopped s p --delta -C -S second
	like "$(pg_slots p)" second "killed: (its slot is there)"
	base s
	run "${CLONE[@]}" -C -S third -n
	like "$err" 'slot "second" on .*, which this standby had' \
	    "continued: the slot of the killed run is told"
	run "${CLONE[@]}" -C -S third
	rc_is 0 "continued with a third slot"
	like "$err" 'slot "second" on .*, which this standby had' \
	    "continued with a third slot: the slot of the killed run is told"
	is "$(pg_slots p)" $'second\nthere\nthird' "continued: all of them stay"
	good "continued with a third slot" s
	pg_stop s
	pg_sql p "$(sed -n 's/.*"second".*type there: //p' <<<"$err")" >/dev/null
	is "$(pg_slots p | grep -c second)" 0 "continued: what is told helps"
}

waldir() {
	base s
	mkdir "$T/wal"
	echo x >"$T/wal/file"
	run "${CLONE[@]}" --waldir="$T/wal"
	rc_is 3 "--waldir that is not empty: refused"
	like "$err" "$T/wal" "--waldir that is not empty: named"
	rm "$T/wal/file"
	run "${CLONE[@]}" --waldir="$T/wal" -n
	like "$out" "^ +waldir +pg_wal -> $T/wal\$" "--waldir: in the plan"
	run "${CLONE[@]}" --waldir="$T/wal" --json
	rc_is 0 "--waldir"
	is "$(readlink "$T/s/pg_wal")" "$T/wal" "--waldir: pg_wal is a link"
	ok "--waldir: the WAL is there" compgen -G "$T/wal/0*"
	is "$(json 'd["target"]["waldir"]')" "$T/wal" "--waldir: in the document"
	good "--waldir" s
	pg_stop s
	run "${CLONE[@]}" --delta -n --json
	is "$(json 'd["target"]["waldir"]')" "$T/wal" \
	    "--waldir, --delta without it: in the plan"
	run "${CLONE[@]}" --delta
	rc_is 0 "--waldir, --delta without it"
	is "$(readlink "$T/s/pg_wal")" "$T/wal" "--waldir, --delta: is kept"
	good "--waldir, --delta" s
	pg_stop s
	run "${CLONE[@]}" --delta --waldir="$T/elsewhere"
	refused "--waldir, --delta with another" "leads to \"$T/wal\" already"
	like "$err" "hint: Leave --waldir out: it stays there" \
	    "--waldir, --delta with another: the hint"
	rm "$T/s/pg_wal"
	mv "$T/wal" "$T/s/pg_wal"
	run "${CLONE[@]}" --delta --waldir="$T/wal"
	refused "--waldir where pg_wal is a directory" "a directory \"pg_wal\""
	like "$err" "hint: Leave --waldir out, or move it first: mv " \
	    "--waldir where pg_wal is a directory: the hint"
	bash -c "$(sed -n 's/.*move it first: //p' <<<"$err" | head -n 1)"
	run "${CLONE[@]}" --delta --waldir="$T/wal" --no-start
	rc_is 0 "--waldir where pg_wal is a directory: the hint helps"
	fresh s
	rm -rf "$T/wal"
}

# recovery_lines NODE: what it is given in the file that we write.
recovery_lines() {
	local conf=$T/$1/postgresql.auto.conf
	[ "$m" -ge 12 ] || conf=$T/$1/recovery.conf
	grep -E '^(restore_command|recovery_min_apply_delay|(promote_)?trigger_file) = .[^'\'']' "$conf"
}

# What the options of an earlier run gave, and those of this one do not.
kept_settings() {
	local want
	local -a trigger=()
	base s
	want="restore_command = 'true || cp %f \"%p\"'
recovery_min_apply_delay = '600s'"
	if [ "$m" -lt 16 ]; then
		trigger=(--trigger-file="$T/kept.trigger")
		want="$([ "$m" -lt 12 ] || echo promote_)trigger_file = '$T/kept.trigger'
$want"
	fi
	run "${CLONE[@]}" --no-start "${trigger[@]}" --recovery-min-apply-delay=600 \
	    --restore-command='true || cp %f "%p"'
	rc_is 0 "kept settings: a standby with some"
	is "$(recovery_lines s)" "$want" \
	    "kept settings: a delay without a unit is in seconds"
	run "${CLONE[@]}" --delta -n
	like "$err" 'note: setting recovery_min_apply_delay = "600s" is kept' \
	    "kept settings: -n says so"
	touch "$T/kept.trigger"
	run "${CLONE[@]}" --delta --no-start
	rc_is 0 "kept settings: --delta without them"
	is "$(recovery_lines s)" "$want" "kept settings: they stay"
	like "$err" 'note: setting restore_command = .* is kept' \
	    "kept settings: restore_command is told"
	like "$err" 'note: setting recovery_min_apply_delay = .* is kept' \
	    "kept settings: the delay is told"
	[ ${#trigger[@]} -eq 0 ] || ok "kept settings: a stale trigger file is removed" \
	    test ! -e "$T/kept.trigger"
	# The file is gone when a run that was killed is continued.
	ok "kept settings: a run is held" clone_paused transfer p s --delta \
	    --no-start
	kill -KILL "$CLONE_PID"
	clone_wait
	poll_until 30 no_agents
	run "${CLONE[@]}" --no-start
	rc_is 0 "kept settings: a run that is continued"
	is "$(recovery_lines s)" "$want" "kept settings: has them, too"
	base s
	run "${CLONE[@]}" --delta --no-start --recovery-min-apply-delay=250ms \
	    --restore-command=
	rc_is 0 "kept settings: options"
	want=${want/600s/250ms}
	is "$(recovery_lines s)" "$(grep -v restore <<<"$want")" \
	    "kept settings: are stronger, and an empty one takes it away"
	fresh s
}

# A role that sees neither senders nor receivers, may not log in at the standby,
# and has no slot that would tell: the title of the receiver's process is left.
unseen() {
	local functions
	if [ "$m" -lt 10 ]; then
		skip "unseen: the rights of the role" "from 10"
		return
	fi
	functions="pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean)"
	[ "$m" -lt 15 ] ||
	    functions="pg_backup_start(text, boolean), pg_backup_stop(boolean)"
	pg_psql p -v ON_ERROR_STOP=1 -c "CREATE ROLE plain LOGIN REPLICATION" \
	    -c "GRANT pg_read_all_settings TO plain" \
	    -c "GRANT EXECUTE ON FUNCTION $functions TO plain"
	cp "$T/p/pg_hba.conf" "$T/hba.saved"
	{
		echo 'host postgres plain 127.0.0.1/32 trust'
		echo 'host replication plain 127.0.0.1/32 trust'
		echo 'local all plain reject'
		cat "$T/hba.saved"
	} >"$T/p/pg_hba.conf"
	pg_reload p
	base s
	run "${CLONE[@]}" -U plain -d postgres --no-slot
	rc_is 0 "unseen: its receiver is seen here"
	like "$err" "no login at the standby itself" "unseen: no login is told"
	ok "unseen: it streams" poll_until 30 pg_streams s
	pg_stop s
	echo "update_process_title = off" >>"$T/s/postgresql.conf"
	run "${CLONE[@]}" -U plain -d postgres --no-slot --delta -t 20s
	rc_is 7 "unseen: nothing shows it"
	like "$err" 'GRANT pg_monitor TO "?plain' "unseen: what would"
	like "$err" 'pg_hba.conf' "unseen: or a line"
	fresh s
	cat "$T/hba.saved" >"$T/p/pg_hba.conf"
	pg_psql p -c "DROP OWNED BY plain" -c "DROP ROLE plain"
	pg_reload p
}

# --- standbys of standbys

cascade() {
	base s
	run "${CLONE[@]}" -q
	rc_is 0 "-q"
	is "$out$err" "" "-q: nothing is said"
	good "-q" s

	mkdir "$T/t.ts"
	base t s
	CLONE+=(-T "$T/p.ts=$T/t.ts" -T "$T/s.ts=$T/t.ts")
	run "${CLONE[@]}" --create-slot -S of_t
	rc_is 0 "C8 from a standby"
	good "from a standby" t
	is "$(sender_port t)" "${PG_PORT[s]}" "from a standby: it streams from it"
	is "$(pg_slots s)" of_t "from a standby: its slot is there"
	forget t
	drop_slots s >/dev/null
	mkdir "$T/t.ts"

	base t
	# There is no database of that role's name.
	pg_sql p "CREATE ROLE up SUPERUSER LOGIN" >/dev/null
	pg_wait_replay s p
	run "${CLONE[@]}" -C -S of_t \
	    --upstream="host=127.0.0.1 port=${PG_PORT[s]} user=up"
	rc_is 0 "--upstream"
	good "--upstream" t
	is "$(sender_port t)" "${PG_PORT[s]}" "--upstream: it streams from it"
	is "$(pg_slots s)" of_t "--upstream: its slot is there"
	unlike "$(pg_slots p)" of_t "--upstream: and not on the source"

	# The same settings, for a copy that is there already.
	pg_stop t
	sed -i '/^primary_/d' "$T/t/postgresql.auto.conf"
	# Some builds of 10 crash when they are stopped (in walreceiver): what
	# they leave is a standby that was not shut down.
	if grep -q 'abnormal database system shutdown' "$T/t.log"; then
		CLONE+=(--force)
	fi
	run "${CLONE[@]}" --conf-only -S of_t \
	    --upstream="host=127.0.0.1 port=${PG_PORT[s]} user=postgres"
	rc_is 0 "--conf-only, --upstream"
	ok "--conf-only, --upstream: it starts" pg_start t
	good "--conf-only, --upstream" t
	is "$(sender_port t)" "${PG_PORT[s]}" \
	    "--conf-only, --upstream: it streams from it"
	is "$(pg_sql p "SELECT count(*) FROM pg_replication_slots
	    WHERE slot_name = 'of_t'")" 0 \
	    "--conf-only, --upstream: no slot on the source"
	forget t
	drop_slots s >/dev/null
	fresh s
}

# --- what is checked and said

verify() {
	local file=base/1/1259
	clone_paused control p s --verify
	is "$?" 0 "--verify: held before it is sealed"
	[ -s "$T/s/$file" ] || file=$(cd "$T/s" && find base -name 1259 | head -n 1)
	printf 'XXXX' | dd of="$T/s/$file" bs=1 seek=4096 conv=notrunc
	clone_resume
	clone_wait
	rc_is 5 "B17 --verify: what differs on disk is found"
	like "$err" "$file" "--verify: and named"
	ok "--verify: it cannot be started" pg_refuses s
	clone_run p s --verify --itemize-changes
	rc_is 0 "--verify: running it again completes"
	good "--verify" s

	# Pages of a table that changed, and hardly anything else.
	pg_stop s
	pg_sql p "UPDATE acc SET bal = bal + 1 WHERE id = 1"
	pg_sql p CHECKPOINT
	file=$(pg_sql p "SELECT pg_relation_filepath('acc')")
	clone_run p s --delta -i --stats
	rc_is 0 "-i, --stats"
	like "$out" "^P $file\$" "-i: a line for the file that changed"
	unlike "$(grep -v -E '^[a-z]' <<<"$out")" '^[^RMCPD] |^.[^ ]' \
	    "-i: a letter and a path"
	cmp_le "$(grep -c '^[RMCPD] ' <<<"$out")" 200 "-i: not every file"
	like "$out" '^files changed +[1-9][0-9]*$' "--stats: files changed"
	like "$out" '^bytes sent +[1-9][0-9]*$' "--stats: bytes sent"
	like "$out" '^total +[0-9.]+ s$' "--stats: seconds"
	good "-i, --stats" s
	fresh s
}

json_record() {
	base s
	run "${CLONE[@]}" --json --no-start -i --stats
	rc_is 0 "--json: ok"
	json_complete "--json, ok"
	is "$(json 'd["status"]')" ok "--json, ok: status"
	is "$(json 'd["standby"]["started"]')" False "--json, ok: not started"
	is "$(json 'd["source"]["system_identifier"]')" "$(pg_sql p \
	    "SELECT system_identifier FROM pg_control_system()")" \
	    "--json, ok: system identifier"
	is "$(json 'd["target"]["pgdata"]')" "$T/s" "--json, ok: pgdata"
	is "$(json 'd["backup"]["mode"]')" non-exclusive "--json, ok: mode"
	is "$(json 'd["files"]["total"] > 100 and d["bytes"]["total"] > 1000000')" \
	    True "--json, ok: figures"
	is "$(json '0 < d["seconds"]["seal"] < d["seconds"]["total"]')" True \
	    "--json, ok: the time of the sync"

	run "${CLONE[@]}" --json
	rc_is 3 "--json: refused"
	json_complete "--json, refused"
	is "$(json 'd["status"] + " " + d["error"]["id"]')" \
	    "refused target-not-empty" "--json, refused: status and id"
	is "$(json 'd["target"]["pgdata"]')" "$T/s" "--json, refused: pgdata"
	like "$err" 'error: .*not empty|error: .*data directory' \
	    "--json, refused: the text is the same"

	run "${CLONE[@]}" --json --delta --dry-run
	rc_is 0 "--json: dry run"
	json_complete "--json, dry run"
	is "$(json 'd["status"]')" dry-run "--json, dry run: status"

	mkdir "$T/s/base/99999"
	touch "$T/s/base/99999/1"
	run "${CLONE[@]}" --json --delta --no-start
	rc_is 0 "--json: files and a directory to remove"
	is "$(sed -n 's/.* manifest .*, \([0-9]*\) to remove.*/\1/p' <<<"$err")" \
	    "$(json 'd["files"]["removed"]')" \
	    "--json, remove: the text counts what the document counts"

	without --agent=
	run "${CLONE[@]}" --json --delta --agent="$T/absent"
	rc_is 5 "--json: failed"
	json_complete "--json, failed"
	is "$(json 'd["status"] + " " + d["error"]["id"]')" "failed agent" \
	    "--json, failed: status and id"
	run "${CLONE[@]}" --json --delta --no-slot -S x
	rc_is 2 "--json: usage"
	json_complete "--json, usage"
	fresh s
}

# Lines of the job in the background so far.
bg_says() { grep -Eq -- "$1" "$T/.bg.err"; }
usr1_answered() { kill -USR1 "$CLONE_PID"; sleep 0.2; bg_says "$1"; }

# on_terminal COLUMNS COMMAND...: standard error is a terminal of that width.
on_terminal() {
	/usr/bin/python3 -c 'import fcntl, os, pty, struct, subprocess, sys, termios
ours, theirs = pty.openpty()
size = struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0)
fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=theirs)
os.close(theirs)
try:
    while said := os.read(ours, 4096):
        sys.stdout.buffer.write(said)
except OSError:
    pass
sys.exit(p.wait())' "$@"
}
# widest N TEXT: what is drawn over itself has at most N characters.
widest() {
	/usr/bin/python3 -c 'import re, sys
drawn = [l for l in re.split("[\r\n]", sys.argv[2]) if "transfer" in l]
assert drawn
for l in drawn:
    assert len(re.sub("\033\\[[0-9;]*[A-Za-z]", "", l)) <= int(sys.argv[1]), l' "$@"
}

progress() {
	base s
	CLONE=("${CLONE[@]/#--progress=*/--progress=json}")
	"${CLONE[@]}" --max-rate=8MB --compress=none >"$T/.bg.out" 2>"$T/.bg.err" \
	    3>&- 4>&- &
	CLONE_PID=$!
	kill_later "$CLONE_PID"
	ok "--progress=json: lines come" poll_until 60 bg_says '^\{.*"transfer"'
	ok "SIGUSR1 prints a status line" poll_until 20 usr1_answered \
	    '\[4/7\] transfer +[0-9]+ %'
	clone_wait
	rc_is 0 "--progress=json"
	is "$out" "" "--progress=json: nothing on standard output"
	ok "--progress=json: each line is a document or a message" \
	    /usr/bin/python3 -c 'import json, sys
for line in sys.stdin:
    if not line.startswith(("standby-clone:", "  [")):
        d = json.loads(line)
        assert set(d) >= {"step", "name", "done", "total"}, d' <<<"$err"
	good "--progress=json" s
	pg_stop s

	CLONE=("${CLONE[@]/#--progress=*/--progress=line}")
	run "${CLONE[@]}" --delta
	rc_is 0 "--progress=line"
	like "$err" '^ +\[7/7\] streaming' "--progress=line: steps"
	unlike "$err" $'\r|\033' "--progress=line: no control characters"
	like "$err" '^standby-clone: done in ' "--progress=line: the summary"
	like "$err" 'Next: repl-status -h 127.0.0.1 -p [0-9]+ -U postgres$' "--progress=line: what to do next"
	fresh s

	CLONE=("${CLONE[@]/#--progress=*/--progress=bar}")
	out=$(on_terminal 80 "${CLONE[@]}" --max-rate=8MB --compress=none)
	like "$out" '%.* MB/s   0:00:[0-9]{2} left' \
	    "--progress=bar: the rate and the time that is left are shown"
	ok "--progress=bar: never wider than the terminal" widest 79 "$out"
	good "--progress=bar" s
	fresh s
}

timeout_expires() {
	clone_args p s
	run "${CLONE[@]}" --max-rate=1MB --compress=none -t 3s
	rc_is 6 "--timeout: exit status 6"
	like "$err" 'timeout' "--timeout: says so"
	nothing_left p "--timeout"
	ok "--timeout: it cannot be started" test ! -e "$T/s/global/pg_control"
	clone_run p s
	rc_is 0 "--timeout: running it again completes"
	good "--timeout" s
	fresh s
}

# What a dry run must not change on the primary.
primary_state() {
	pg_slots p
	pg_sql p "SELECT checkpoint_lsn, redo_lsn FROM pg_control_checkpoint()"
	pg_in_backup p && echo backup
	tree_hash "$T/p/postgresql.conf" "$T/p/postgresql.auto.conf" \
	    "$T/p/pg_hba.conf" "$T/p/pg_replslot" "$T/p/base" "$T/p.ts"
	find "$T/p" -maxdepth 1 | sort
}

dry_run() {
	local before there log
	base s
	pg_sql p "ALTER SYSTEM SET log_statement = 'all'"
	pg_reload p
	poll_until 10 pg_is p "SHOW log_statement" all
	pg_sql p "CHECKPOINT"
	log=$(stat -c %s "$T/p.log")
	before=$(primary_state)
	there=$(tree_hash "$T/s" "$T/s.ts")
	run "${CLONE[@]}" --dry-run
	rc_is 0 "dry run"
	is "$(primary_state)" "$before" "dry run: the primary is as it was"
	is "$(tree_hash "$T/s" "$T/s.ts")" "$there" \
	    "dry run: the target is as it was"
	is "$(tail -c +"$log" "$T/p.log" | grep -i 'standby-clone' | grep -iE \
	    '(execute.*|statement): .*(_start_backup|_backup_start|create_physical)' |
	    grep -v has_function_privilege)" \
	    "" "dry run: no backup and no slot was asked for"
	like "$out" '^Plan for "' "dry run: the plan"
	like "$out" '^ +copy +[0-9,]+ files?, ' "dry run: what is copied"
	like "$out" '^ +wal +slot "' "dry run: the slot"
	like "$out" '^ +backup +non-exclusive' "dry run: the backup"
	like "$out" "primary_conninfo .*port=${PG_PORT[p]}" \
	    "dry run: the recovery settings"
	like "$out" "^ +tablespace .*$T/s.ts" "dry run: the tablespace"
	like "$err" 'nothing was changed' "dry run: says that it was one"
	pg_sql p "ALTER SYSTEM RESET log_statement"
	pg_reload p
	for what in --conf-only --cleanup; do
		mkdir "$T/s"
		run "${CLONE[@]}" --dry-run "$what"
		is "$(ls -A "$T/s")" "" "dry run, $what: the target is as it was"
		is "$(pg_slots p)" "" "dry run, $what: no slot"
		rmdir "$T/s"
	done
}

# --- the other tasks

conf_only() {
	local client=/usr/lib/postgresql/15/bin/pg_basebackup
	if [ ! -x "$client" ] || ! pg_bin 15 >/dev/null; then
		skip "--conf-only" "no pg_basebackup 15"
		return
	fi
	pg_up b 15
	pg_sql b "ALTER SYSTEM SET wal_keep_size = '64MB'"
	pg_reload b
	pg_sql b "CREATE TABLE t AS SELECT i FROM generate_series(1, 5000) i"
	pg_node c 15
	"$client" -h 127.0.0.1 -p "${PG_PORT[b]}" -U postgres -D "$T/c" -X fetch \
	    -c fast --no-sync 3>&-
	base c b
	run "${CLONE[@]}" --conf-only -C -S of_c
	rc_is 0 "--conf-only"
	like "$err" 'Next: pg_ctl' "--conf-only: says what to do next"
	ok "--conf-only: not started" test ! -e "$T/c/postmaster.pid"
	is "$(pg_slots b)" of_c "--conf-only: the slot is made"
	ok "--conf-only: the standby starts" pg_start c
	ok "--conf-only: it streams" poll_until 30 pg_streams c
	is "$(pg_sql b "SELECT slot_name FROM pg_replication_slots
	    WHERE active")" of_c "--conf-only: through the slot"
	ok "--conf-only: the content is equal" oracle_compare b c
	run "${CLONE[@]}" --conf-only
	rc_is 3 "--conf-only on a running server: refused"
	like "$err" 'running' "--conf-only on a running server: says why"
	pg_stop c
	base c
	run "${CLONE[@]}" --conf-only
	rc_is 3 "--conf-only on another cluster: refused"
	forget c
	forget b
}

# killed_at PHASE NODE PRIMARY [OPTION]...
killed_at() {
	local phase=$1 s=$2 p=$3
	shift 3
	clone_paused "$phase" "$p" "$s" "$@" || diag "$phase is not reached"
	kill -KILL "$CLONE_PID"
	clone_resume
	clone_wait
	poll_until 30 no_agents
	poll_until 30 no_clones
}

# No answer is no word on what was made there: by another name than that of
# the marker nothing is forgotten, by that name all of it, and it is told.
unreachable() {
	local port=${PG_PORT[p]}
	cp "$T/s/.standby-clone.state" "$T/marker"
	without --master
	run "${CLONE[@]}" --cleanup --force --master=no-such-host.invalid
	rc_is 3 "--cleanup --force: a host that cannot be found is another one"
	like "$err" "\"slot_s\" was made on 127.0.0.1:$port, and that .*not asked" \
	    "--cleanup --force: it is told which server was not asked"
	like "$err" "type: standby-clone --cleanup --force --master=127.0.0.1 -p $port -D " \
	    "--cleanup --force: and what to type"
	ok "--cleanup --force: the marker is as it was" \
	    cmp "$T/marker" "$T/s/.standby-clone.state"
	sed -i 's/^\(source\|slot_at\) .*:/\1 no-such-host.invalid:/' \
	    "$T/s/.standby-clone.state"
	run "${CLONE[@]}" --cleanup --force --master=no-such-host.invalid
	rc_is 0 "--cleanup --force: the server of the marker cannot be found"
	like "$err" "slot \"slot_s\" on no-such-host.invalid:$port: not looked" \
	    "--cleanup --force: what was not looked at"
	like "$err" "detail: .*could not translate host name" \
	    "--cleanup --force: and why"
	like "$err" "hint: .* SELECT pg_drop_replication_slot\('slot_s'\);\$" \
	    "--cleanup --force: and what to type if it comes back"
	not_ok "--cleanup --force: it is noted no more" \
	    grep -q slot_s "$T/s/.standby-clone.state"
	cp "$T/marker" "$T/s/.standby-clone.state"
	base s
}

cleanup() {
	local phase before
	pg_sql p "SELECT pg_create_physical_replication_slot('foreign', true)" \
	    >/dev/null
	for phase in transfer stopped conf; do
		killed_at "$phase" s p
		[ "$phase" = transfer ] ||
		    is "$(pg_slots p)" $'foreign\nslot_s' \
			"--cleanup at $phase: there is a slot to drop"
		before=$(pg_sql p "SELECT restart_lsn FROM pg_replication_slots
		    WHERE slot_name = 'foreign'")
		base s
		[ "$phase" != stopped ] || unreachable
		run "${CLONE[@]}" --cleanup
		rc_is 0 "--cleanup at $phase"
		is "$(pg_slots p)" foreign "B34 --cleanup at $phase: only ours is gone"
		is "$(pg_sql p "SELECT restart_lsn FROM pg_replication_slots
		    WHERE slot_name = 'foreign'")" "$before" \
		    "--cleanup at $phase: the other one is as it was"
		ok "--cleanup at $phase: it cannot be started" pg_refuses s
		run "${CLONE[@]}" --cleanup
		rc_is 0 "--cleanup at $phase, again: nothing to do"
	done
	clone_run p s
	rc_is 0 "--cleanup: running it again completes"
	good "--cleanup" s
	run "${CLONE[@]}" --cleanup
	ok "--cleanup leaves a standby that runs alone" pg_streams s
	is "$(pg_slots p)" $'foreign\nslot_s' "--cleanup: and its slot"
	fresh s
}

label_of() { sed -n 's/^LABEL: //p' "$T/$1/backup_label"; }

exclusive() {
	local bin
	if ! bin=$(pg_bin 12); then
		skip "--exclusive-backup" "no PostgreSQL 12"
		return
	fi
	note "$bin"
	pg_up x 12
	pg_sql x "ALTER SYSTEM SET wal_keep_segments = 8"
	pg_reload x
	pg_sql x "CREATE TABLE t AS SELECT i FROM generate_series(1, 20000) i"
	pg_node y 12
	clone_run x y --exclusive-backup --json
	rc_is 0 "--exclusive-backup"
	is "$(json 'd["backup"]["mode"]')" exclusive "--exclusive-backup: the mode"
	ok "--exclusive-backup: it streams" poll_until 30 pg_streams y
	ok "--exclusive-backup: the content is equal" oracle_compare x y
	ok "--exclusive-backup: no backup_label on the primary" \
	    test ! -e "$T/x/backup_label"
	pg_stop y

	killed_at transfer y x --exclusive-backup --delta
	like "$(label_of x)" '^standby-clone ' "exclusive, killed: the backup runs"
	base y x
	# As if the primary had been started since: then the note proves nothing.
	sed -i 's/^server_started .*/server_started 1/' \
	    "$T/y/.standby-clone.backup"
	run "${CLONE[@]}" --exclusive-backup
	rc_is 3 "exclusive, killed: another start is refused"
	like "$err" 'hint: .*--cleanup' "exclusive, killed: the hint"
	run "${CLONE[@]}" --cleanup
	rc_is 0 "exclusive, --cleanup"
	ok "exclusive, --cleanup: the backup is ended" \
	    test ! -e "$T/x/backup_label"

	killed_at transfer y x --exclusive-backup
	pg_sql x "SELECT pg_stop_backup()" >/dev/null
	pg_sql x "SELECT pg_start_backup('foreign', true)" >/dev/null
	base y x
	run "${CLONE[@]}" --cleanup
	rc_is 0 "exclusive, --cleanup with a foreign backup"
	is "$(label_of x)" foreign "exclusive, --cleanup: a foreign one goes on"
	run "${CLONE[@]}" --exclusive-backup
	rc_is 3 "exclusive, foreign: a clone is refused"
	like "$err" '"foreign"' "exclusive, foreign: names it"
	is "$(label_of x)" foreign "exclusive, foreign: it goes on"
	pg_sql x "SELECT pg_stop_backup()" >/dev/null
	clone_run x y --exclusive-backup
	rc_is 0 "exclusive: running it again completes"
	ok "exclusive: it streams" poll_until 30 pg_streams y
	ok "exclusive: the content is equal" oracle_compare x y

	# Killed before the target is marked: nothing in the target tells.
	forget y
	killed_at backup y x --exclusive-backup
	like "$(label_of x)" '^standby-clone ' \
	    "exclusive, killed early: the backup runs"
	base y x
	run "${CLONE[@]}" --cleanup
	rc_is 0 "exclusive, killed early, --cleanup"
	ok "exclusive, killed early, --cleanup: the backup is ended" \
	    test ! -e "$T/x/backup_label"
	forget y
	forget x
}

# --- a password

# Command lines of all processes, for the canary; it is in a file, so that this
# search has it in none.
watch_cmdlines() {
	while :; do
		grep -lF -f "$T/canary" /proc/[0-9]*/cmdline >>"$T/seen"
		sleep 0.02
	done 2>/dev/null
}

password() {
	local canary=$'p\'\\ "$%@`:=;(x)'${PG_PORT[p]} watch
	printf '%s\n' "$canary" >"$T/canary"
	pg_psql p -v pw="$canary" <<-'END'
		SET password_encryption = 'scram-sha-256';
		CREATE ROLE canary SUPERUSER LOGIN REPLICATION PASSWORD :'pw';
	END
	cp "$T/p/pg_hba.conf" "$T/hba.saved"
	{
		echo 'host all,replication canary 127.0.0.1/32 scram-sha-256'
		cat "$T/hba.saved"
	} >"$T/p/pg_hba.conf"
	pg_reload p
	base s
	CLONE=("${CLONE[@]/#postgres/canary}")
	ok "password: is asked for" poll_until 10 password_wanted
	: >"$T/seen"
	watch_cmdlines 3>&- 4>&- &
	watch=$!
	kill_later "$watch"
	PGPASSWORD=$canary run "${CLONE[@]}" -vv --json
	rc_is 0 "password"
	kill_now "$watch"
	is "$(cat "$T/seen")" "" "password: in no command line"
	unlike "$err" "p'.{0,3} \"" "password: not in the log"
	is "$(grep -cF -f "$T/canary" <<<"$out$err")" 0 \
	    "password: in no message and not in the JSON"
	is "$(grep -lF -f "$T/canary" "$T"/s/*.conf "$T"/*.log "$T/s/log"/*)" "" \
	    "password: in no configuration and no log of a server"
	unlike "$(pg_sql s "SELECT conninfo FROM pg_stat_wal_receiver")" \
	    'password=[^*]' "password: not in primary_conninfo"
	# What was in our environment is not in that of a server at boot.
	ok "password: the standby restarts without PGPASSWORD" pg_restart s
	good "password" s
	is "$(pg_sql p "SELECT usename FROM pg_stat_replication")" canary \
	    "password: it logs in with it"
	is "$(find "$T/s" -type f -perm /077 | head -n 3)" "" \
	    "password: its file is private"
	run env PGPASSWORD=wrong "${CLONE[@]}" --delta
	isnt "$rc" 0 "password: a wrong one fails"
	fresh s
	cat "$T/hba.saved" >"$T/p/pg_hba.conf"
	pg_sql p "DROP ROLE canary"
	pg_reload p
}

password_wanted() {
	! "$PSQL" -X -w -h 127.0.0.1 -p "${PG_PORT[p]}" -U canary -d postgres \
	    -c 'SELECT 1'
}

# --- all of them

pg_up p "$m" >/dev/null || bail "the primary does not start"
if [ "$m" -lt 13 ]; then
	pg_sql p "ALTER SYSTEM SET wal_keep_segments = 16"
else
	pg_sql p "ALTER SYSTEM SET wal_keep_size = '256MB'"
fi
pg_reload p
load_setup p 2000
pg_node s "$m"
pg_node t "$m"
mkdir "$T/s.ts"

[ $# -gt 0 ] || set -- nodes push_agent transports no_slot listings_meet slots waldir \
    kept_settings unseen cascade verify json_record progress timeout_expires dry_run conf_only \
    cleanup exclusive password
for what; do
	note "=== $what"
	began=$SECONDS
	"$what"
	diag "$what: $((SECONDS - began)) s"
done
ok "no agent process is left" poll_until 10 no_agents
ok "the primary is not in backup mode" pg_no_backup p
is "$(pg_slots p | grep -v foreign)" "" "no slot is left"

done_testing
