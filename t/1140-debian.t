#!/bin/bash
# Goal: a primary and a standby whose configuration lies outside of the data
# directory, as Debian has them (A10): what has no configuration is refused
# before the copy; --copy-external-config takes it over; pg_ctlcluster starts
# the standby, and at no moment of a clone brings it up as a primary.
#
#	t/1140-debian.t [FUNCTION]...	only some of the cases
#
# Debian's 15 with postgresql-common, as an ordinary user: the clusters are
# below PG_CLUSTER_CONF_ROOT.

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

# --- helpers

# deb_create NODE: a cluster of that name, with its data in $T/NODE.
deb_create() {
	PG_MAJOR[$1]=15
	PG_PORT[$1]=${PG_PORT[$1]:-$(port_of_ours)}
	pg_createcluster -u "$SSHD_USER" --socketdir="$PG_SOCK" \
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
	if deb_ctl "$1" start >"$T/.start" 2>&1; then
		pg_is "$1" "SELECT pg_is_in_recovery()" t || return 1
		deb_ctl "$1" stop -m immediate >/dev/null 2>&1
	fi
	return 0
}

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
	run deb_ctl s stop
	base s
	run "${CLONE[@]}" --delta
	rc_is 0 "a delta of it, started again"
	ok "it streams again" poll_until 20 pg_streams s
	deb_ctl s stop
}

the_primary
all=(refused_early cluster_of_ones_own)
[ $# -eq 0 ] || all=("$@")
for f in "${all[@]}"; do
	note "--- $f"
	"$f"
done
done_testing
