#!/bin/bash
# Goal: a primary and a standby whose configuration lies outside of the data
# directory, as Debian has them (A10): what has no configuration is refused
# before the copy; --copy-external-config takes it over; pg_ctlcluster starts
# the standby, and at no moment of a clone brings it up as a primary.
#
#	t/1140-debian.t [FUNCTION]...	only some of the cases
#
# Debian's 15 with postgresql-common, as an ordinary user: the clusters are
# below PG_CLUSTER_CONF_ROOT.  Two phases of a clone, all of them with
# STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
# Debian's programs alone: their postgresql-common does not know others.
PGSERVERS=/nonexistent
case " ${STANDBY_TEST_MAJORS:-15} " in
*' 15 '*) ;;
*) skip_all "Debian's 15 is not wanted" ;;
esac
{ command -v pg_createcluster && command -v pg_ctlcluster; } >/dev/null ||
    skip_all "postgresql-common is not installed"
clone_needs
[ -x /usr/lib/postgresql/15/bin/postgres ] ||
    skip_all "Debian's PostgreSQL 15 is not installed"

export PG_CLUSTER_CONF_ROOT=$T/etc
ETC=$T/etc/15
mkdir "$T/etc"
# As the package has it, whatever was made of it on this machine.
cat >"$T/createcluster.conf" <<-'EOF'
	cluster_name = '%v/%c'
	add_include_dir = 'conf.d'
EOF

# --- helpers

# deb_create NODE: a cluster of that name, with its data in $T/NODE.
deb_create() {
	PG_MAJOR[$1]=15
	PG_PORT[$1]=${PG_PORT[$1]:-$(port_of_ours)}
	pg_createcluster --createclusterconf="$T/createcluster.conf" \
	    -u "$SSHD_USER" --socketdir="$PG_SOCK" \
	    -p "${PG_PORT[$1]}" -d "$T/$1" -l "$T/$1.log" 15 "$1" -- \
	    -U postgres -A trust -N >"$T/.create" 2>&1 3>&- 4>&- || {
		note_file "$T/.create"
		return 1
	}
}
note_file() { while IFS= read -r line; do note "$line"; done <"$1"; }

# deb_ctl NODE start|stop [OPTION]...
deb_ctl() {
	local name=$1 verb=$2
	shift 2
	pg_ctlcluster 15 "$name" "$verb" "$@" 3>&- 4>&-
}

# deb_pid NODE: its running postmaster.
deb_pid() { pg_pid "$1"; }

# deb_end NODE: at the end, whatever happened.
deb_end() {
	local pid
	pid=$(pg_pid "$1") || return 0
	kill -QUIT "$pid"
	pg_dead "$1" "$pid"
}

end_all() {
	local d
	for d in "$T"/*/postmaster.pid; do
		[ ! -e "$d" ] || deb_end "$(basename "$(dirname "$d")")"
	done
}
at_exit end_all

# deb_empty NODE: the cluster keeps its configuration and loses its data, as
# the manual page tells it.
deb_empty() {
	deb_end "$1"
	rm -rf "${T:?}/$1"
	mkdir -m 0700 "$T/$1"
}

# base NODE: CLONE without commands: what starts it is what is under test.
base() {
	CLONE=("$STANDBY_CLONE" --master=127.0.0.1 -p "${PG_PORT[p]}"
	    -U postgres -D "$T/$1" --ssh="$SSHD_USER@127.0.0.1:$SSH_PORT"
	    --ssh-identity="$SSHD_KEY" --known-hosts="${SSHD_KNOWN[main]}"
	    --agent="$AGENT" --no-sync --progress=none -t 100s
	    --application-name="$1" -S "slot_$1" -j 1)
	pg_is p "SELECT count(*) FROM pg_replication_slots
	    WHERE slot_name = 'slot_$1'" 1 || CLONE+=(-C)
}

# A start of that cluster as the machine would do it at its boot: it fails, or
# what comes up is in recovery.
never_a_primary() {
	local rc=0
	if deb_ctl "$1" start; then
		poll_until 10 pg_is "$1" "SELECT pg_is_in_recovery()" t ||
		    recovers "$1" || rc=1
		note "it came up, state $(pg_sql "$1" \
		    "SELECT pg_is_in_recovery()")"
		deb_ctl "$1" stop -m immediate
	fi
	return "$rc"
}
recovers() { pgrep -P "$(pg_pid "$1")" -f ': startup ' >/dev/null; }

# --- the cases

the_primary() {
	run deb_create p
	rc_is 0 "a primary by pg_createcluster"
	printf '%s\n' "wal_level = replica" "max_connections = 33" \
	    >"$ETC/p/conf.d/10-site.conf"
	run deb_ctl p start
	rc_is 0 "pg_ctlcluster starts it"
	pg_sql p "CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g"
}

refused_early() {
	mkdir -m 0700 "$T/a"
	pg_node a 15
	base a
	run "${CLONE[@]}"
	rc_is 3 "A10: configuration outside, and none for the standby: refused"
	like "$err" "$ETC/p/postgresql.conf" "the file is named"
	like "$err" "--copy-external-config" "and what to do"
	ok "nothing was written" [ -z "$(ls -A "$T/a")" ]
	ok "no slot is left" pg_is p \
	    "SELECT count(*) FROM pg_replication_slots" 0
	run "${CLONE[@]}" --no-start
	rc_is 0 "with --no-start it is copied"
	like "$err" "lies outside" "and told"
	ok "nothing there starts without configuration" pg_refuses a
	pg_sql p "SELECT pg_drop_replication_slot('slot_a')" >/dev/null
	rm -rf "${T:?}/a"
}

cluster_of_ones_own() {
	deb_create s
	deb_empty s
	echo "max_connections = 40" >"$ETC/s/conf.d/own.conf"
	base s
	run "${CLONE[@]}"
	rc_is 0 "a standby with a cluster of its own is cloned and started"
	like "$err" "pg_ctlcluster 15 s start" "by pg_ctlcluster"
	ok "it streams" poll_until 20 pg_streams s
	is "$(pg_sql s "SHOW config_file")" "$ETC/s/postgresql.conf" \
	    "with its own configuration"
	is "$(pg_sql s "SHOW max_connections")" 40 "and its own values"
	ok "the content is the same" pg_is s "SELECT count(*) FROM t" 5000
	run "${CLONE[@]}" --delta
	rc_is 3 "the running one is refused"
	like "$err" "hint: .*: pg_ctlcluster 15 s stop -m fast$" \
	    "with the command that stops it"
	deb_ctl s stop
}

copied_into_a_cluster() {
	[ -d "$ETC/s" ] || deb_create s
	[ -e "$T/s/standby.signal" ] || deb_empty s
	echo "max_connections = 40" >"$ETC/s/conf.d/own.conf"
	base s
	run "${CLONE[@]}" --delta --copy-external-config --no-start
	rc_is 0 "--copy-external-config where the standby has its own"
	like "$err" "Next: pg_ctlcluster 15 s start" "its start is named"
	like "$err" "etc/15/s/postgresql.conf\" is there and stays" \
	    "what is there stays, and is told"
	ok "nothing of the primary's was mixed with it" \
	    [ ! -e "$ETC/s/conf.d/10-site.conf" ]
	echo "max_connections = 10" >"$ETC/s/conf.d/own.conf"
	base s
	run "${CLONE[@]}" --delta
	rc_is 3 "A10: too small a value there is refused before the copy"
	like "$err" "conf.d/own.conf" "the file is named"
	rm "$ETC/s/conf.d/own.conf"
	base s
	run "${CLONE[@]}" --delta --copy-external-config --force
	rc_is 0 "with --force the primary's is taken"
	ok "it streams" poll_until 20 pg_streams s
	is "$(pg_sql s "SHOW max_connections")" 33 "with the primary's values"
	is "$(pg_sql s "SHOW config_file")" "$ETC/s/postgresql.conf" \
	    "from the standby's place"
	is "$(pg_sql s "SHOW hba_file")" "$ETC/s/pg_hba.conf" \
	    "and the other files too"
	is "$(pg_sql s "SHOW cluster_name")" 15/s "cluster_name is its own"
	is "$(pg_sql s "SHOW data_directory")" "$T/s" "so is data_directory"
	is "$(pg_sql s "SHOW port")" "${PG_PORT[s]}" "so is the port"
	like "$(pg_sql s "SHOW external_pid_file")" "/15-s\\.pid$" \
	    "so is external_pid_file"
	ok "what was there is kept as .bak" [ -e "$ETC/s/postgresql.conf.bak" ]
	run pg_lsclusters -h
	like "$out" "^15 +s +${PG_PORT[s]} +online,recovery" \
	    "pg_lsclusters knows it as a standby"
	deb_ctl s stop
	base s
	run "${CLONE[@]}" --conf-only
	rc_is 0 "--conf-only of a cluster"
	like "$err" "Next: pg_ctlcluster 15 s start\$" \
	    "--conf-only of a cluster: its start is named"
}

# W10: what is copied gives less than the primary runs with, which has not been
# restarted since; and what stays beside it is read too.
judged_as_copied() {
	[ -d "$ETC/s" ] || deb_create s
	[ -e "$T/s/standby.signal" ] || deb_empty s
	sed -i 's/^max_connections.*/max_connections = 20/' \
	    "$ETC/p/conf.d/10-site.conf"
	base s
	run "${CLONE[@]}" --delta --copy-external-config --force
	rc_is 0 "W10: a primary that was not restarted since a change"
	like "$err" 'max_connections: the source runs with 33, and .* 20' \
	    "it is told"
	ok "it streams" poll_until 20 pg_streams s
	is "$(pg_sql s "SHOW max_connections")" 33 "as the primary runs"
	deb_ctl s stop
	printf '\nmax_connections = 10\n' >"$ETC/s/conf.d/zz-own.conf"
	base s
	run "${CLONE[@]}" --delta --copy-external-config --force --dry-run
	# postgresql.auto.conf comes behind it, with what we wrote there.
	rc_is 0 "W10: our own value stays the last"
	sed -i '/^max_connections/d' "$T/s/postgresql.auto.conf"
	sed -i 's/^max_connections.*/max_connections = 33/' \
	    "$ETC/p/conf.d/10-site.conf"
	run "${CLONE[@]}" --delta --copy-external-config --force --dry-run
	rc_is 3 "W10: a file of the standby that stays beside the primary's"
	like "$err" "\"$ETC/s/conf.d/zz-own.conf\", line 2" "file and line"
	rm "$ETC/s/conf.d/zz-own.conf"
	run "${CLONE[@]}" --delta --copy-external-config --force
	rc_is 0 "W10: without it there is nothing to say"
	unlike "$err" 'the source runs with' "nothing is said"
	is "$(pg_sql s "SHOW max_connections")" 33 "and it runs"
	deb_ctl s stop
}

copied_into_the_data_directory() {
	mkdir -p "$T/outside/site.d" "$ETC/p/more.d"
	echo "work_mem = '5MB'" >"$T/outside/site.conf"
	echo "include 'site.conf'" >"$T/outside/first.conf"
	echo "port = 1" >"$T/outside/site.d/port.conf.off"
	echo "maintenance_work_mem = '17MB'" >"$T/outside/site.d/1.conf"
	printf '%s\n' "include '$T/outside/first.conf'" \
	    "include_dir '$T/outside/site.d'" "include_dir 'more.d'" \
	    "include_if_exists 'none.conf'" >>"$ETC/p/postgresql.conf"
	deb_ctl p reload
	pg_node c 15
	mkdir -m 0700 "$T/c"
	base c
	run "${CLONE[@]}" --copy-external-config
	rc_is 3 "the primary's port on its own host is refused"
	like "$err" "port ${PG_PORT[p]} of the source" "the port is named"
	ok "nothing was written" [ -z "$(ls -A "$T/c")" ]
	run "${CLONE[@]}" --copy-external-config \
	    --start-command="$T/c.start" --stop-command="$T/c.stop"
	rc_is 0 "a standby without a cluster gets it into its data directory"
	ok "it streams" poll_until 20 pg_streams c
	is "$(pg_sql c "SHOW config_file")" "$T/c/postgresql.conf" \
	    "postgresql.conf is there"
	is "$(pg_sql c "SHOW hba_file")" "$T/c/pg_hba.conf" "pg_hba.conf too"
	is "$(pg_sql c "SHOW max_connections")" 33 "conf.d came along"
	is "$(pg_sql c "SHOW work_mem")" 5MB \
	    "and a file included from elsewhere, by another one"
	is "$(pg_sql c "SHOW maintenance_work_mem")" 17MB \
	    "and those of a directory elsewhere"
	is "$(pg_sql c "SELECT count(*) FROM pg_settings
	    WHERE sourcefile LIKE '$T/etc/%' OR sourcefile LIKE
	    '$T/outside/%'")" 0 "nothing is read from the primary's places"
	ok "files of the copy are private" [ -z \
	    "$(find "$T/c" -maxdepth 2 -name '*.conf' -perm /077)" ]
	pg_stop c
	base c
	run "${CLONE[@]}" --delta --start-command="$T/c.start"
	rc_is 0 "a delta without the option: the standby's own stays"
	is "$(pg_sql c "SHOW work_mem")" 5MB "all of it"
	pg_stop c
}

# users NODE: whom its pg_hba.conf names for the database "listed".
users() {
	pg_sql "$1" "SELECT string_agg(array_to_string(user_name, ','), ' '
	    ORDER BY line_number) FROM pg_hba_file_rules
	    WHERE database = '{listed}' OR error IS NOT NULL"
}

lists_of_the_tables() {
	mkdir -p "$T/lists" "$ETC/p/lists"
	echo 'joe, @"../lists/more of them"' >"$ETC/p/lists/users"
	echo 'jane' >"$ETC/p/lists/more of them"
	echo 'jim' >"$T/lists/u"
	echo 'root' >"$ETC/p/os"
	cp "$ETC/p/pg_hba.conf" "$T/hba.p"
	printf '%s\n' 'host listed @lists/users 127.0.0.1/32 trust' \
	    "host listed @$T/lists/u,\"@x\" 127.0.0.1/32 trust" \
	    >>"$ETC/p/pg_hba.conf"
	echo 'm @os joe' >>"$ETC/p/pg_ident.conf"
	deb_ctl p reload

	[ -d "$ETC/s" ] || deb_create s
	[ -e "$T/s/standby.signal" ] || deb_empty s
	base s
	run "${CLONE[@]}" --delta --copy-external-config --dry-run
	like "$out" "/pg_hba.conf -> $ETC/s/pg_hba.conf .is there and stays" \
	    "the plan of a standby whose own pg_hba.conf stays"
	unlike "$out" "/lists/users ->" "(none of the primary's lists comes)"
	run "${CLONE[@]}" --delta --copy-external-config
	rc_is 0 "a standby whose own pg_hba.conf stays"
	ok "gets none of the primary's lists" [ ! -e "$ETC/s/lists" ]
	deb_ctl s stop
	base s
	run "${CLONE[@]}" --delta --copy-external-config --force --dry-run
	like "$out" "/pg_hba.conf -> $ETC/s/pg_hba.conf .*becomes .bak" \
	    "the plan with --force"
	like "$out" "/lists/users -> $ETC/s/lists/users\$" "(the lists come)"
	run "${CLONE[@]}" --delta --copy-external-config --force
	rc_is 0 "with --force it gets the primary's"
	is "$(users s)" "joe,jane jim,@x" "and the lists that it names"
	ok "beside it" cmp "$ETC/p/lists/users" "$ETC/s/lists/users"
	ok "those of pg_ident.conf too" cmp "$ETC/p/os" "$ETC/s/os"
	is "$(grep -rlE "[@\"]$T/lists/u" "$ETC/s")" "" \
	    "nothing leads to the primary's place"
	deb_ctl s stop

	pg_node c 15
	rm -rf "${T:?}/c"
	mkdir -m 0700 "$T/c"
	base c
	chmod 0 "$T/lists/u"
	run "${CLONE[@]}" --copy-external-config
	rc_is 3 "a list that may not be read is refused"
	like "$err" "could not open .*$T/lists/u" "by its name"
	is "$(ls -A "$T/c")" "" "and nothing is copied"
	chmod 0600 "$T/lists/u"
	run "${CLONE[@]}" --copy-external-config \
	    --start-command="$T/c.start" --stop-command="$T/c.stop"
	rc_is 0 "a standby without a cluster"
	is "$(users c)" "joe,jane jim,@x" "has the lists in its data directory"
	ok "where a copied configuration is" test -e "$T/c/conf.copied/os"
	pg_stop c
	echo 'jack' >"$T/c/conf.copied/lists/users"
	base c
	run "${CLONE[@]}" --delta --start-command="$T/c.start"
	rc_is 0 "a delta without the option"
	is "$(users c)" "jack jim,@x" "they are its own"
	pg_stop c
	cat "$T/hba.p" >"$ETC/p/pg_hba.conf"
	deb_ctl p reload
}

# Certificates and keys are each host's own: what is named and is not here is
# told, since nothing else does before the server fails.
certificates() {
	mkdir -p "$T/certs"
	openssl req -new -x509 -days 3 -nodes -subj /CN=p \
	    -out "$T/certs/c.pem" -keyout "$T/certs/k.pem" 2>/dev/null ||
	    { skip "certificates" "openssl is not installed"; return; }
	chmod 0600 "$T/certs/k.pem"
	cp "$T/certs/c.pem" "$T/certs/ca.pem"
	printf '%s\n' "ssl = on" "ssl_cert_file = '$T/certs/c.pem'" \
	    "ssl_key_file = '$T/certs/k.pem'" "ssl_crl_file = ''" \
	    "ssl_ca_file = '$T/certs/ca.pem'" \
	    "ssl_crl_dir = '$T/certs/crl'" >"$ETC/p/conf.d/20-ssl.conf"
	deb_ctl p stop
	run deb_ctl p start
	rc_is 0 "a primary with certificates outside of its data directory"
	# To play another host: its server has read them.
	rm "$T/certs/k.pem" "$T/certs/ca.pem"

	[ -d "$ETC/s" ] || deb_create s
	deb_empty s
	base s
	run "${CLONE[@]}" --copy-external-config --force --no-start
	rc_is 0 "a standby that takes its configuration"
	like "$err" "ssl_key_file is \"$T/certs/k.pem\", which is not here" \
	    "a key that is not here is told"
	like "$err" 'not start without it, unless ssl = off' "and what follows"
	like "$err" "ssl_ca_file is \"$T/certs/ca.pem\"" "each of them"
	like "$err" 'crl", which .* no client certificate is accepted' \
	    "what does not keep it from its start is told as such"
	unlike "$err" 'ssl_cert_file|ssl_crl_file' "what is here is not"
	is "$(find "$ETC/s" "$T/s" -name '*.pem')" "" "and none was copied"
	echo "ssl = Off" >>"$ETC/s/conf.d/20-ssl.conf"
	base s
	run "${CLONE[@]}" --delta
	rc_is 0 "with ssl = off"
	unlike "$err" 'ssl_' "there is nothing to tell"
	deb_ctl s stop
	rm "$ETC/p/conf.d/20-ssl.conf" "$ETC/s/conf.d/20-ssl.conf"
	deb_ctl p stop
	deb_ctl p start
}

# systemd does not run here: what is called, and that the answer counts, can be
# seen with another program of that name.
by_a_unit() {
	[ -d "$ETC/s" ] || deb_create s
	deb_empty s
	mkdir -p "$T/bin"
	cat >"$T/bin/systemctl" <<-END
		#!/bin/sh
		echo "\$*" >>'$T/systemctl.log'
		exec pg_ctlcluster 15 s "\$1"
	END
	chmod 0755 "$T/bin/systemctl"
	base s
	PATH=$T/bin:$PATH run "${CLONE[@]}" \
	    --start-command='systemctl start postgresql@15-s' \
	    --stop-command='systemctl stop postgresql@15-s'
	rc_is 0 "a standby started by its unit"
	is "$(cat "$T/systemctl.log")" "start postgresql@15-s" \
	    "by the command that was given, and no other"
	ok "it streams" poll_until 20 pg_streams s
	deb_ctl s stop
	base s
	run "${CLONE[@]}" --delta --start-command='false'
	rc_is 7 "a unit that does not start is told"
}

# two_clusters: s, a cluster of this system, streams from p.
two_clusters() {
	[ -d "$ETC/s" ] || deb_create s
	[ -z "$(pg_pid s)" ] || return 0
	[ -e "$T/s/standby.signal" ] || deb_empty s
	echo "max_connections = 40" >"$ETC/s/conf.d/own.conf"
	base s
	run "${CLONE[@]}" --delta
	rc_is 0 "a standby, started by pg_ctlcluster"
}

followed() {
	two_clusters
	run deb_ctl s stop
	# pg_ctl knows from it where the configuration is.
	rm "$T/s/postmaster.opts"
	local -a follow=("$TOP_BUILDDIR/standby-follow" --master=127.0.0.1
	    -p "${PG_PORT[p]}" -U postgres -D "$T/s" --no-sync -t 60s)
	run "${follow[@]}" -n
	rc_is 0 "standby-follow -n for a stopped cluster of this system"
	like "$out$err" "start the server: pg_ctlcluster 15 s start" \
	    "its plan has the cluster's own start"
	run "${follow[@]}" --no-start
	rc_is 0 "standby-follow --no-start"
	like "$err" "Next: pg_ctlcluster 15 s restart -m fast\$" \
	    "names the cluster's own restart"
	run "${follow[@]}"
	rc_is 0 "standby-follow starts it"
	like "$err" "pg_ctlcluster 15 s start" "by pg_ctlcluster"
	ok "and it streams" poll_until 20 pg_streams s
	is "$(pg_sql s "SHOW config_file")" "$ETC/s/postgresql.conf" \
	    "with its own configuration"
	# Only a restart ends that.
	pg_sql s "ALTER SYSTEM SET recovery_target_timeline = 'current'"
	run deb_ctl s restart
	pg_sql p "SELECT pg_create_physical_replication_slot('other', true)"
	run "${follow[@]}" --slot=other
	rc_is 0 "standby-follow restarts it"
	like "$err" "restart +pg_ctlcluster 15 s start" "by pg_ctlcluster too"
	ok "it streams again" poll_until 20 pg_streams s
}

# A configuration that says nothing of starts and stops.
switched_over() {
	local n
	two_clusters
	{
		echo 'nodes = ('
		for n in p s; do
			printf '{ name = "%s"; pgdata = "%s"; conninfo = "%s"; }' \
			    "$n" "$T/$n" \
			    "host=127.0.0.1 port=${PG_PORT[$n]} user=postgres"
			[ "$n" = s ] || echo ','
		done
		echo ');'
	} >"$T/two.conf"
	local -a switch=("$TOP_BUILDDIR/standby-promote" -f "$T/two.conf"
	    --switchover s -y -t 60s)
	run "${switch[@]}" -n
	rc_is 0 "a switchover between two clusters of this system, dry"
	like "$out$err" "pg_ctlcluster 15 p stop -m fast" \
	    "the plan has the command of the old primary's cluster"
	run "${switch[@]}"
	rc_is 0 "the switchover"
	ok "the new primary" poll_until 20 pg_is s \
	    "SELECT pg_is_in_recovery()" f
	ok "the old primary streams from it" poll_until 20 pg_streams p
	is "$(pg_sql p "SHOW config_file")" "$ETC/p/postgresql.conf" \
	    "with its own configuration"
	run pg_lsclusters -h
	like "$out" "15 +p +${PG_PORT[p]} +online,recovery" \
	    "pg_lsclusters knows it as a standby"
}

no_primary_in_any_phase() {
	local phase phases='config sealed'
	[ "${STANDBY_TEST_WORLD:-0}" != 1 ] ||
	    phases='preflight connected slot backup manifest plan marked removed
	    transfer transferred control stopped conf config label synced
	    sealed unmarked started'
	[ -d "$ETC/s" ] || deb_create s
	[ -e "$T/s/standby.signal" ] || deb_empty s
	# With the WAL of the backup at hand nothing but the signal file keeps
	# a server from coming up as a primary.
	for phase in $phases; do
		# What an earlier clone wrote must not be what saves this one:
		# from S1 on the target is one that never was a standby.
		case $phase in
		preflight|connected|slot|backup|manifest|plan) ;;
		*) rm -f "$T/s/standby.signal" ;;
		esac
		base s
		rm -f "$CLONE_HOLD"
		STANDBY_TEST_PAUSE=$phase STANDBY_TEST_PAUSE_FILE=$CLONE_HOLD \
		    "${CLONE[@]}" --delta --copy-external-config --force \
		    --wal=fetch \
		    >"$T/.bg.out" 2>"$T/.bg.err" 3>&- 4>&- &
		CLONE_PID=$!
		kill_later "$CLONE_PID"
		poll_until 60 clone_held_or_gone
		ok "A10 $phase: the clone waits there" [ -e "$CLONE_HOLD" ]
		ok "A10 $phase: a start by pg_ctlcluster makes no primary" \
		    never_a_primary s
		clone_resume
		clone_wait
		[ -z "$(pg_pid s)" ] || deb_ctl s stop -m immediate
	done
	base s
	run "${CLONE[@]}" --delta
	rc_is 0 "after all that the clone comes to its end"
	ok "and streams" poll_until 20 pg_streams s
	deb_ctl s stop
}

the_primary
all=(refused_early cluster_of_ones_own copied_into_a_cluster
    judged_as_copied copied_into_the_data_directory lists_of_the_tables
    certificates no_primary_in_any_phase followed)
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] || all+=(by_a_unit)
all+=(switched_over) # p is a standby behind it
[ $# -eq 0 ] || all=("$@")
for f in "${all[@]}"; do
	note "--- $f"
	"$f"
done
done_testing
