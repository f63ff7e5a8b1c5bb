#!/bin/bash
# Goal: standby-follow.  Siblings follow a promoted one, by reload where the
# version can, by restart else; a cascade, a stopped sibling and the old primary
# too; what has WAL behind the fork is refused with the LSN of the history file,
# and --reclone heals it.  A refusal and a dry run change nothing.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/clone.sh"
clone_needs

FOLLOW=$TOP_BUILDDIR/standby-follow
[ -x "$FOLLOW" ] || skip_all "standby-follow is not built"
unset XDG_CONFIG_HOME STANDBY_CONFIG
export HOME=$T

majors() {
	STANDBY_TEST_MAJORS=${STANDBY_TEST_MAJORS:-$(
	    [ "${STANDBY_TEST_WORLD:-0}" = 1 ] || echo '11 15 18')} pg_majors
}

# --- the cluster

conf_of() { # where the test writes what it wants
	if [ "${PG_MAJOR[$1]}" -ge 12 ]; then
		echo "$T/$1/postgresql.conf"
	else
		echo "$T/$1/recovery.conf"
	fi
}

# standby NAME UPSTREAM MORE_CONNINFO LINE...: of the copy $T/cold.
standby() {
	local name=$1 up=$2 more=$3 conf
	shift 3
	pg_node "$name" "${PG_MAJOR[p]}"
	rm -rf "${T:?}/$name"
	cp -a "$T/cold" "$T/$name"
	conf=$(conf_of "$name")
	if [ "${PG_MAJOR[p]}" -ge 12 ]; then
		touch "$T/$name/standby.signal"
	else
		echo "standby_mode = 'on'" >"$conf"
	fi
	printf '%s\n' "recovery_target_timeline = 'latest'" \
	    "primary_conninfo = 'host=127.0.0.1 port=${PG_PORT[$up]} user=postgres $more'" \
	    "$@" >>"$conf"
}

cluster_up() {
	local m=$1 keep="wal_keep_size = '256MB'"
	[ "$m" -ge 13 ] || keep="wal_keep_segments = 16"
	pg_init p "$m" && pg_set p "$keep" "checkpoint_timeout = '1h'" \
	    "autovacuum = off" && pg_start p || return 1
	pg_psql p <<-'SQL' || return 1
		CREATE TABLE t (id serial PRIMARY KEY, pad text);
		INSERT INTO t (pad) SELECT md5(i::text)
		    FROM generate_series(1, 2000) i;
	SQL
	pg_stop p && rm -rf "$T/cold" && cp -a "$T/p" "$T/cold" &&
	    pg_start p || return 1
	standby s1 p ""
	standby s2 p "application_name=app_s2 sslmode=prefer" \
	    "restore_command = '/bin/false %p'" "primary_slot_name = 'two'"
	standby s3 p "application_name=s3"
	pg_sql p "SELECT pg_create_physical_replication_slot('two', true)" &&
	    pg_start s1 && pg_start s2 && pg_start s3 || return 1
	for m in s1 s2 s3; do poll_until 60 pg_streams "$m" || return 1; done
}

cluster_down() {
	local n
	for n in s1 s2 s3 x p; do
		[ -n "${PG_MAJOR[$n]-}" ] || continue
		[ -z "$(pg_pid "$n")" ] || pg_stop "$n" immediate
		rm -rf "${T:?}/$n" "$T/$n.log"
	done
}

insert() {
	pg_sql "$1" "INSERT INTO t (pad) SELECT md5(i::text)
	    FROM generate_series(1, $2) i" && pg_sql "$1" "SELECT txid_current()"
}

# --- the command

# follow UPSTREAM NODE [OPTION]...: pg_ctl by itself for s2, the commands of
# the node for the others.
follow() {
	local up=$1 node=$2
	shift 2
	local -a how=(--start-command="$T/$node.start"
	    --stop-command="$T/$node.stop")
	[ "$node" != s2 ] ||
	    how=(--pg-bindir="$(pg_bin "${PG_MAJOR[$node]}")")
	run "$FOLLOW" --master=127.0.0.1 -p "${PG_PORT[$up]}" -U postgres \
	    -D "$T/$node" --no-sync "${how[@]}" "$@"
}

js() {
	/usr/bin/python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."):
    d = d[k]
print(d)' "$T/.out" "$1"
}

# What a run must not change: configuration, recovery files, slots.
state() {
	local f n
	for f in postgresql.conf postgresql.auto.conf recovery.conf \
	    standby.signal recovery.done .standby-clone.pgpass; do
		[ ! -e "$T/$1/$f" ] || md5sum "$T/$1/$f"
	done
	pg_pid "$1"
	shift
	for n; do pg_slots "$n"; done
}

started_at() { pg_sql "$1" "SELECT pg_postmaster_start_time()"; }
receiver_port() {
	pg_sql "$1" "SELECT substring(conninfo from 'port=([0-9]+)')
	    FROM pg_stat_wal_receiver"
}
receiver_tli() {
	pg_sql "$1" "SELECT received_tli FROM pg_stat_wal_receiver"
}

# follows NODE UPSTREAM TIMELINE LABEL
follows() {
	is "$(receiver_port "$1") $(receiver_tli "$1")" "${PG_PORT[$2]} $3" \
	    "$4: the receiver is there, on timeline $3"
	insert "$5" 10 >/dev/null
	ok "$4: what is written arrives" pg_wait_replay "$1" "$5"
}

reloads() { [ "$1" -ge 13 ]; }

# unchanged BEFORE NODE UPSTREAM LABEL
unchanged() { is "$(state "$2" "$3")" "$1" "$4: nothing was changed"; }

# --- cascade, dry run, again

test_cascade() {
	local m=$1 before at
	before=$(state s2 s1)
	follow s1 s2 --dry-run
	rc_is 0 "$m: a dry run of what is possible is 0"
	like "$out" "primary_conninfo = '.*port=${PG_PORT[s1]}" \
	    "$m: it prints what will be written"
	like "$err" "nothing was changed" "$m: and says that nothing was"
	unchanged "$before" s2 s1 "$m: dry run"

	at=$(started_at s2)
	follow s1 s2 --json
	rc_is 0 "$m: a standby follows another standby"
	is "$(js status) $(js streaming) $(js slot)" "ok True two" \
	    "$m: the record says so, with the slot of the configuration"
	follows s2 s1 1 "$m: cascade" p
	if reloads "$m"; then
		is "$(started_at s2)" "$at" "$m: without a restart"
		is "$(js reloaded) $(js restarted)" "True False" \
		    "$m: the record says reloaded"
	else
		isnt "$(started_at s2)" "$at" "$m: by a restart"
	fi
	is "$(pg_slots s1)" two "$m: the slot was made there"
	like "$err" "slot \"two\" on the former upstream" \
	    "$m: the slot that is left behind is named"
	is "$(pg_sql s1 "SELECT application_name FROM pg_stat_replication")" \
	    app_s2 "$m: application_name is kept"

	before=$(state s2 s1)
	at=$(started_at s2)
	follow s1 s2 --json
	rc_is 0 "$m: the same command again is 0"
	is "$(js status)" already-following "$m: nothing to do, it says"
	unchanged "$before" s2 s1 "$m: again"
	is "$(started_at s2)" "$at" "$m: again: no restart"

	follow p s2
	rc_is 0 "$m: and back to the primary, into its old slot"
	follows s2 p 1 "$m: back" p
	is "$(pg_sql p "SELECT active FROM pg_replication_slots
	    WHERE slot_name = 'two'")" t "$m: the slot there is in use"
}

test_kept() {
	local m=$1 f=$T/s2/postgresql.auto.conf
	[ "$m" -ge 12 ] || f=$T/s2/recovery.conf
	is "$(grep -c '^primary_conninfo' "$f")" 1 \
	    "$m: one primary_conninfo counts in the file"
	like "$(grep '^primary_conninfo' "$f")" \
	    "sslmode=prefer.*application_name=app_s2|application_name=app_s2.*sslmode=prefer" \
	    "$m: its other keywords are kept"
	like "$(cat "$T/s2/postgresql.conf" "$f")" \
	    "^restore_command = '/bin/false %p'" "$m: restore_command is kept"
	is "$(stat -c %a "$f")" 600 "$m: nobody else may read it"
}

# --- refused

test_refusals() {
	local m=$1 before
	before=$(state s2 p)
	follow p nowhere --json
	rc_is 3 "$m: a directory that is not there is refused"
	is "$(js error.id)" target-path "$m: a directory that is not there: id"
	mkdir -p "$T/empty"
	follow p empty
	rc_is 3 "$m: one that is no data directory too"
	like "$err" "PG_VERSION" "$m: it says what is missing"
	run "$FOLLOW" -D "$T/s2"
	rc_is 2 "$m: no primary named: usage"
	run env -u PGDATA "$FOLLOW" --master=127.0.0.1 -U postgres
	rc_is 2 "$m: no directory named: usage"

	follow s1 p --json
	rc_is 3 "$m: a running primary is refused"
	is "$(js error.id)" target-running "$m: target-running"
	like "$(js error.hint)" "standby-clone --delta --master=127.0.0.1 -p ${PG_PORT[s1]} .*-D $T/p" \
	    "$m: with the command for a copy"

	follow s2 s2 --json
	rc_is 3 "$m: a node does not follow itself"
	is "$(js error.id)" target-is-source "$m: target-is-source"

	follow x s2 --json
	rc_is 3 "$m: another cluster is refused"
	is "$(js error.id)" target-other-cluster "$m: target-other-cluster"

	run "$FOLLOW" --master=127.0.0.1 -p 1 -U postgres -D "$T/s2"
	rc_is 4 "$m: a primary that does not answer is 4"
	unchanged "$before" s2 p "$m: refusals"
}

test_circle() {
	local m=$1
	follow s1 s2
	rc_is 0 "$m: s2 below s1"
	follow s2 s1 --json
	rc_is 3 "$m: a circle is refused"
	is "$(js error.id)" node "$m: node"
	follow p s2
	rc_is 0 "$m: s2 back"
}

# --- a password

test_password() {
	local m=$1 f=$T/s2/.standby-clone.pgpass
	pg_psql p <<-'SQL'
		SET password_encryption = 'md5';
		CREATE ROLE rep LOGIN REPLICATION PASSWORD 'se:cr\et';
	SQL
	pg_wait_replay s1 p
	{
		echo 'host replication rep 127.0.0.1/32 md5'
		cat "$T/cold/pg_hba.conf"
	} >"$T/s1/pg_hba.conf"
	pg_reload s1
	follow s1 s2 --replication-user=rep
	rc_is 4 "$m: a role without its password is refused before anything"
	is "$(receiver_port s2)" "${PG_PORT[p]}" "$m: s2 stays where it is"
	PGPASSWORD='se:cr\et' follow s1 s2 --replication-user=rep -d \
	    "host=127.0.0.1 port=${PG_PORT[s1]} user=rep dbname=postgres"
	rc_is 0 "$m: with its password it follows"
	is "$(stat -c %a "$f")" 600 "$m: the password is in a file, 0600"
	is "$(cat "$f")" '*:*:*:*:se\:cr\\et' "$m: as a password file has it"
	unlike "$(cat "$T/s2/postgresql.auto.conf" "$T/s2/recovery.conf" \
	    2>/dev/null)" "se:cr|password=" "$m: and nowhere else"
	follows s2 s1 1 "$m: password" p
	cp "$T/cold/pg_hba.conf" "$T/s1/pg_hba.conf"
	pg_reload s1
	follow p s2 --replication-user=postgres
	rc_is 0 "$m: s2 back as it was"
}

# --- pgpool

pool() { # OPTION... -- WORD...
	local -a options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	PATH=$T/bin:$PATH run "$FOLLOW" -U postgres --no-sync "${options[@]}" \
	    --pgpool "$@"
}

pool_setup() {
	local n sep=
	mkdir -p "$T/bin"
	printf '#!/bin/sh\necho "$@" >>"%s/attached"\n' "$T" \
	    >"$T/bin/pcp_attach_node"
	chmod 0700 "$T/bin/pcp_attach_node"
	: >"$T/attached"
	{
		echo 'cluster = "test";'
		echo "defaults : { user = \"postgres\"; dbname = \"postgres\"; bindir = \"$(pg_bin "$1")\"; };"
		echo "clone : { ssh = \"$SSHD_USER@127.0.0.1:$SSH_PORT\"; ssh_identity = \"$SSHD_KEY\"; known_hosts = \"${SSHD_KNOWN[main]}\"; agent = \"$AGENT\"; no_sync = true; };"
		echo 'nodes = ('
		for n in p s1 s2 s3; do
			printf '%s{ name = "%s"; conninfo = "host=127.0.0.1 port=%s"; pgdata = "%s"; start = "%s"; stop = "%s"; slot = "%s"; }' \
			    "$sep" "$n" "${PG_PORT[$n]}" "$T/$n" "$T/$n.start" \
			    "$T/$n.stop" "pool_$n"
			sep=$',\n'
		done
		echo ');'
	} >"$T/standby.conf"
}

test_pool() {
	local m=$1 before
	pool_setup "$m"
	before=$(state s2 s1)
	pool -- 2 127.0.0.1 "${PG_PORT[s2]}" "$T/s2" -1 '""' 0 0 '""' '""' '""' '""'
	rc_is 0 "$m: pgpool: no new primary: nothing to do"
	pool -- 9 127.0.0.1 1 "$T/gone" " 1" 127.0.0.1 0 0 "${PG_PORT[s1]}" \
	    "$T/s1" 127.0.0.1 "${PG_PORT[p]}"
	rc_is 0 "$m: pgpool: a node that does not answer is skipped"
	like "$err" "does not answer" "$m: pgpool: and said"
	unchanged "$before" s2 s1 "$m: pgpool"
	is "$(cat "$T/attached")" "" "$m: pgpool: nothing was attached"
	pool -f "$T/standby.conf" -- " 2" 127.0.0.1 " ${PG_PORT[s2]}" "$T/s2" \
	    " 1" 127.0.0.1 0 0 "${PG_PORT[s1]}" "$T/s1" 127.0.0.1 \
	    "${PG_PORT[p]}"
	rc_is 0 "$m: pgpool: a node of this host follows"
	follows s2 s1 1 "$m: pgpool" p
	is "$(cat "$T/attached")" "-w -h localhost -n 2" \
	    "$m: pgpool: the node is attached again"
	follow p s2 --slot=two
}

# A running sibling that has forked becomes a copy again.
test_pool_forked() {
	local m=$1
	: >"$T/attached"
	pool -f "$T/standby.conf" -- 2 127.0.0.1 "${PG_PORT[s2]}" "$T/s2" 3 \
	    127.0.0.1 1 1 "${PG_PORT[s3]}" "$T/s3" 127.0.0.1 "${PG_PORT[s1]}"
	rc_is 0 "$m: pgpool: a node that has forked is copied again"
	follows s2 s3 3 "$m: pgpool, forked" s3
	is "$(cat "$T/attached")" "-w -h localhost -n 2" \
	    "$m: pgpool: and attached"
	ok "$m: pgpool: with the content of the primary" oracle_compare s3 s2
}

# --- after a promotion

# alone NODE: its upstream is about to go away.  The receiver of this build of
# 10 dies by SIGSEGV then, and its standby starts again and again.
alone() {
	[ "${PG_MAJOR[$1]}" != 10 ] || pg_stop "$1"
}

test_promoted() {
	local m=$1 at n
	for n in s1 s2 s3; do pg_wait_replay "$n" p; done
	pg_stop s3
	alone s2
	pg_stop p
	ok "$m: s1 is promoted" pg_promote s1
	pg_sql s1 CHECKPOINT

	[ "$m" = 10 ] || at=$(started_at s2)
	follow s1 s2 --json --slot=zwei
	rc_is 0 "$m: a sibling follows the promoted standby"
	is "$(js primary.timeline) $(js node.timeline) $(js slot)" "2 1 zwei" \
	    "$m: from timeline 1 to 2, with the slot that was named"
	follows s2 s1 2 "$m: sibling" s1
	if reloads "$m"; then
		is "$(started_at s2)" "$at" "$m: without a restart"
	fi

	follow s1 s3 --json
	rc_is 0 "$m: a stopped sibling is started and follows"
	is "$(js started) $(js streaming)" "True True" "$m: the record says so"
	follows s3 s1 2 "$m: stopped sibling" s1

	# As if it had been started by: cd "$T" && pg_ctl -D p -o '...' start
	sed -i "s|\"$T/p\"|\"p\"|" "$T/p/postmaster.opts"
	like "$(cat "$T/p/postmaster.opts")" '"-D" "p" "-p"' \
	    "$m: the old primary was started by a relative path"
	run "$FOLLOW" --master=127.0.0.1 -p "${PG_PORT[s1]}" -U postgres \
	    -D "$T/p" --no-sync --pg-bindir="$(pg_bin "$m")" --json --slot=old_p
	rc_is 0 "$m: the old primary, stopped cleanly, follows"
	is "$(js started) $(js node.timeline)" "True 1" "$m: the record says so"
	follows p s1 2 "$m: old primary" s1
	is "$(pg_sql p "SELECT pg_is_in_recovery()")" t "$m: it is a standby"
	is "$(pg_slots s1 | grep -c -e old_p -e zwei)" 2 "$m: both slots stay"
}

# --- histories that fork

fork_lsn() { # of the history file that s3 wrote
	awk '$1 == 2 { print $2 }' "$T/s3/pg_wal/00000003.history"
}

# forked_by_name MAJOR: of a node of the file the name is what a person types.
forked_by_name() {
	local m=$1 n
	{
		echo 'nodes = ('
		for n in s2 s3; do
			echo "  { name = \"$n\"; pgdata = \"$T/$n\";" \
			    "slot = \"slot_$n\"; conninfo = \"host=127.0.0.1" \
			    "port=${PG_PORT[$n]} user=postgres\"; }" \
			    "$([ "$n" = s3 ] || echo ,)"
		done
		echo ');'
	} >"$T/by name.conf"
	run "$FOLLOW" -f "$T/by name.conf" s2 --json --no-sync
	rc_is 3 "$m: a fork, by the node's name"
	like "$(js error.hint)" \
	    "standby-follow --reclone s2 -f '$T/by name.conf' or" \
	    "$m: by name: --reclone with it"
	like "$(js error.hint)" \
	    "standby-clone --delta s2 -f '$T/by name.conf'\$" \
	    "$m: by name: the copy with it, that has the slot of the file"
	run "$FOLLOW" -f "$T/by name.conf" s2 -h 127.0.0.1 \
	    -p "${PG_PORT[s3]}" -U postgres --json --no-sync
	like "$(js error.hint)" \
	    "standby-clone --delta --master=127.0.0.1 -p .* -D $T/s2 --slot=slot_s2 --create-slot .*-f '" \
	    "$m: by name and primary: the copy has the slot of the file"
}

test_forked() {
	local m=$1 before fork
	for n in s2 s3 p; do pg_wait_replay "$n" s1; done
	pg_stop s3
	insert s1 500 >/dev/null
	pg_wait_replay s2 s1 && pg_wait_replay p s1
	alone s2
	alone p
	pg_stop s1
	pg_start s3
	ok "$m: s3, which lags, is promoted" pg_promote s3
	pg_sql s3 CHECKPOINT
	insert s3 50 >/dev/null
	fork=$(fork_lsn)

	before=$(state s2 s3)
	follow s3 s2 --json
	rc_is 3 "$m: a sibling ahead of the fork is refused"
	is "$(js status) $(js error.id)" "forked forked" "$m: forked"
	is "$(js fork_lsn)" "$fork" "$m: the fork is that of the history file"
	like "$(js error.message)" "timeline 2\) .*timeline 3\) forked at $fork" \
	    "$m: with both timelines"
	like "$err" 'error: .* \[forked\]$' \
	    "$m: with the mark that other commands look for"
	like "$(js error.detail)" "[0-9] bytes\) behind the fork" \
	    "$m: with the bytes behind it"
	is "$(js error.detail | grep -Eo '\([0-9]+ bytes' | tr -dc 0-9)" \
	    "$(pg_sql s3 "SELECT pg_wal_lsn_diff('$(js node.lsn)', '$fork')")" \
	    "$m: which are right"
	like "$(js error.hint)" \
	    "standby-clone --delta --master=127.0.0.1 -p ${PG_PORT[s3]} -U postgres -D $T/s2" \
	    "$m: with the command that heals it"
	like "$(js error.hint)" \
	    "standby-follow --reclone --master=127.0.0.1 -p ${PG_PORT[s3]} -U postgres -D $T/s2 or" \
	    "$m: and what it would be with --reclone"
	forked_by_name "$m"
	unchanged "$before" s2 s3 "$m: forked"
	[ "$m" = 10 ] || ok "$m: s2 is a standby as before" \
	    pg_is s2 "SELECT pg_is_in_recovery()" t

	before=$(state s1 s3)
	follow s3 s1 --json
	rc_is 3 "$m: an old primary ahead of the fork, stopped cleanly: refused"
	is "$(js status) $(js fork_lsn)" "forked $fork" "$m: at the same fork"
	unchanged "$before" s1 s3 "$m: stopped old primary"

	[ -z "$(pg_pid p)" ] || pg_stop p immediate
	before=$(state p s3)
	follow s3 p --json
	rc_is 3 "$m: a standby that was killed, ahead of the fork: refused"
	is "$(js fork_lsn)" "$fork" "$m: by the WAL on its disk"
	unchanged "$before" p s3 "$m: killed standby"

	pg_start s1
	pg_stop s1 immediate
	before=$(state s1 s3)
	follow s3 s1 --json
	rc_is 3 "$m: a crashed primary is refused"
	is "$(js error.id)" timeline "$m: timeline"
	like "$(js error.hint)" "standby-clone --delta .*-D $T/s1" \
	    "$m: with the command for a copy"
	unchanged "$before" s1 s3 "$m: crashed primary"
}

# The old primary of a failover is no upstream for who has gone on.
test_older() {
	local m=$1 before
	pg_stop s3
	if [ "$m" -ge 12 ]; then
		touch "$T/s3/standby.signal"
	else
		echo "standby_mode = 'on'" >"$T/s3/recovery.conf"
	fi
	pg_start s3
	pg_start s1
	before=$(state s3 s1)
	follow s1 s3 --json
	rc_is 3 "$m: a primary on an older timeline is refused"
	like "$(js error.message)" "on timeline 2, and this node is on 3" \
	    "$m: it says why"
	unchanged "$before" s3 s1 "$m: older timeline"
	pg_stop s1 immediate
	pg_stop s3
	rm -f "$T/s3/standby.signal" "$T/s3/recovery.conf"
	pg_start s3
}

test_reclone() {
	local m=$1
	local -a ssh=(--ssh="$SSHD_USER@127.0.0.1:$SSH_PORT"
	    --ssh-identity="$SSHD_KEY" --known-hosts="${SSHD_KNOWN[main]}"
	    --agent="$AGENT")
	follow s3 s2 --reclone -n "${ssh[@]}"
	rc_is 0 "$m: --reclone: a dry run prints its steps"
	like "$out" "^run .*standby-clone .*--delta" "$m: the command is there"
	[ "$m" = 10 ] || ok "$m: s2 still runs" pg_pid s2
	follow s3 s2 --reclone "${ssh[@]}" </dev/null
	rc_is 2 "$m: --reclone without a terminal wants -y"
	[ "$m" = 10 ] || ok "$m: s2 runs on" pg_pid s2
	if [ "$m" = 18 ]; then
		test_pool_forked "$m"
		pg_stop s2
		return
	fi
	follow s3 s2 --reclone -y "${ssh[@]}" --start-command="$T/s2.start" \
	    --stop-command="$T/s2.stop"
	rc_is 0 "$m: --reclone -y heals it"
	follows s2 s3 3 "$m: reclone" s3
	is "$(pg_sql s3 "SELECT application_name FROM pg_stat_replication
	    WHERE state = 'streaming'")" app_s2 "$m: application_name is kept"
	follow s3 s1 --reclone -y --slot=one "${ssh[@]}" \
	    --pg-bindir="$(pg_bin "$m")"
	rc_is 0 "$m: --reclone -y brings the crashed primary back"
	follows s1 s3 3 "$m: crashed primary" s3
	insert s3 200 >/dev/null
	ok "$m: s2 has the content of the primary" oracle_compare s3 s2
	ok "$m: s1 too" oracle_compare s3 s1
}

# --- interrupted, and slots

test_interrupted() {
	local m=$1 before
	before=$(state s2 s1)
	STANDBY_TEST_PAUSE=slot STANDBY_TEST_PAUSE_FILE=$T/hold \
	    "$FOLLOW" --master=127.0.0.1 -p "${PG_PORT[s1]}" -U postgres \
	    -D "$T/s2" --no-sync --slot=short_lived \
	    --pg-bindir="$(pg_bin "$m")" >"$T/.bg" 2>&1 3>&- 4>&- &
	local pid=$!
	kill_later "$pid"
	if ! poll_until 30 test -e "$T/hold"; then
		skip "$m: interrupted" "the build has no test hooks"
		return
	fi
	is "$(pg_slots s1)" short_lived "$m: held: the slot is there"
	kill -TERM "$pid"
	rm -f "$T/hold"
	wait "$pid"
	is "$?" 143 "$m: interrupted before the configuration: 143"
	unchanged "$before" s2 s1 "$m: interrupted, its slot is dropped"
}

[ -x /usr/bin/python3 ] || skip_all "python3 is not installed"
for major in $(majors); do
	if ! cluster_up "$major" || ! pg_up x "$major"; then
		fail "$major: the cluster does not start"
		cluster_down
		continue
	fi
	test_interrupted "$major"
	test_cascade "$major"
	test_kept "$major"
	test_refusals "$major"
	test_circle "$major"
	test_password "$major"
	test_pool "$major"
	test_promoted "$major"
	test_forked "$major"
	test_older "$major"
	test_reclone "$major"
	cluster_down
done
done_testing
