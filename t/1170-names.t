#!/bin/bash
# Goal: names are bytes.  Databases, roles, passwords, password files, data
# directories, tablespaces, application names and nodes with blanks, quotes,
# backslashes and Korean arrive as they are, whatever the locale of the tool:
# C, ko_KR in EUC-KR, tr_TR (which has its own lower case of I, and a decimal
# comma).
#
# One major (15 where there is one); all that are installed with
# STANDBY_TEST_WORLD=1.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/load.sh"
. "${0%/*}/lib/clone.sh"
. "${0%/*}/lib/locale.sh"
clone_needs

db="데이터 '\"베\\이스"
role="복제 '역할\"\\ = 1"
password="암호 'p\\w \"x\" :=;\$(id)%"
app="응용 '\"\\ = 1"
P="원본 '데이터"
S="복제 '본 \\ %s"
pass_file="$T/암호 '파일\\"
# No single quote: CREATE TABLESPACE refuses it.
source_ts="$T/테이블 공간\\x\" = y"
target_ts="$T/복제 공간\\x\" = y"

# euc TEXT: as a terminal in EUC-KR would send it.
euc() { iconv -f UTF-8 -t EUC-KR <<<"$1"; }

locales=(C)
! locale_make ko_KR EUC-KR || locales+=(ko_KR.EUC-KR)
! locale_make tr_TR UTF-8 || locales+=(tr_TR.UTF-8)
[ ${#locales[@]} -eq 3 ] ||
    skip "the locales ko_KR and tr_TR" "package \"locales\" is not installed"

# A role that logs in with its password only.
the_role() {
	pg_psql "$P" -v ON_ERROR_STOP=1 -v d="$db" -v r="$role" \
	    -v pw="$password" -v ts="$source_ts" <<-'END'
		CREATE ROLE :"r" LOGIN SUPERUSER REPLICATION PASSWORD :'pw';
		CREATE DATABASE :"d";
		CREATE TABLESPACE "공간 '""\" LOCATION :'ts';
		CREATE TABLE "표 '""\" TABLESPACE "공간 '""\" AS
		    SELECT i AS "열" FROM generate_series(1, 3000) i;
		CREATE EXTENSION amcheck;
	END
	# In pg_hba.conf a doubled quote within a quoted word is a quote.
	{
		echo "local all all trust"
		echo "host all postgres 127.0.0.1/32 trust"
		echo "host all \"${role//\"/\"\"}\" 127.0.0.1/32 $1"
		echo "host replication \"${role//\"/\"\"}\" 127.0.0.1/32 $1"
	} >"$T/$P/pg_hba.conf"
	pg_reload "$P"
	# \ and : are escaped in a password file.
	printf '%s\n' "$role" "$password" | sed 's/[\\:]/\\&/g' |
	    paste -sd: | sed 's/^/127.0.0.1:*:*:/' >"$pass_file"
	chmod 0600 "$pass_file"
}

# names_args: CLONE with all of these names.
names_args() {
	local o
	local -a all=()
	clone_args "$P" "$S"
	for o in "${CLONE[@]}"; do
		case $o in
		--slot=*|--create-slot) ;;
		postgres) all+=("$role") ;;
		--start-command=*) all+=("--start-command=$T/names.start") ;;
		--stop-command=*) all+=("--stop-command=$T/names.stop") ;;
		*) all+=("$o") ;;
		esac
	done
	# A start command is split into words.
	for o in start stop; do ln -sf "$T/$S.$o" "$T/names.$o"; done
	CLONE=("${all[@]}" --dbname="$db" --slot=names
	    --tablespace-mapping="${source_ts//=/\\=}=${target_ts//=/\\=}"
	    --application-name="$app")
}

# As the server keeps it: ? before 16, \xhh since.
shown() {
	/usr/bin/python3 -c 'import sys
b = sys.argv[2].encode()[:63]
print("".join(chr(c) if 32 <= c <= 126 else
    "?" if int(sys.argv[1]) < 16 else "\\x%02x" % c for c in b)[:63])' \
	    "$m" "$1"
}

# in_locale LOCALE [OPTION]...
in_locale() {
	local loc=$1
	shift
	names_args
	# As a connection string, where blanks, quotes and = are escaped.
	[ "$loc" = C ] ||
	    CLONE+=(--dbname="dbname = '$(printf '%s\n' "$db" |
		sed "s/[\\\\']/\\\\&/g")'")
	[ -n "$first" ] || CLONE+=(--delta)
	[ -z "$first" ] || CLONE+=(--create-slot)
	first=
	export PGPASSFILE=$pass_file
	run locale_run "$loc" "${CLONE[@]}" --json --max-rate=900MB "$@"
	unset PGPASSFILE
	rc_is 0 "$m: $loc: exit status 0" || return
	ok "$m: $loc: it streams" poll_until 30 pg_streams "$S"
	ok "$m: $loc: the content is equal" oracle_compare "$P" "$S"
	is "$(pg_sql "$P" "SELECT usename FROM pg_stat_replication")" "$role" \
	    "$m: $loc: it logs in as the role"
	is "$(pg_sql "$P" "SELECT application_name FROM pg_stat_replication")" \
	    "$(shown "$app")" "$m: $loc: the application name arrives"
	is "$(readlink "$T/$S"/pg_tblspc/*)" "$target_ts" \
	    "$m: $loc: the tablespace is in its directory"
	is "$(/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin.buffer)
print(d["target"]["pgdata"])' <"$T/.out")" "$T/$S" \
	    "$m: $loc: the run record can be read"
	unlike "$out$err" "p.?w|암호 'p" "$m: $loc: the password is not printed"
}

for_major() {
	local loc first=1 method=scram-sha-256
	pg_init "$P" "$m" >/dev/null || return 1
	pg_set "$P" "autovacuum = off" "password_encryption = '$method'"
	pg_start "$P" >/dev/null || return 1
	mkdir -m 0700 "$source_ts"
	the_role "$method" || return 1
	pg_node "$S" "$m"
	for loc in "${locales[@]}"; do
		in_locale "$loc"
		pg_sql "$P" "UPDATE \"표 '\"\"\\\" SET \"열\" = \"열\" + 1"
		# The names are in an error too, and it is one.
		names_args
		export PGPASSFILE=$pass_file
		run locale_run "$loc" "${CLONE[@]}" --dbname="없는 '데이터" -n \
		    --delta
		unset PGPASSFILE
		isnt "$rc" 0 "$m: $loc: a wrong database is an error"
		pg_stop "$S"
	done
	forget "$S"
	forget "$P"
	rm -rf "$source_ts" "$target_ts"
}

# A cluster whose names are EUC-KR, from a terminal that is.
in_euc_kr() {
	local d r
	d=$(euc "데이터 '베이스")
	r=$(euc "복제 역할")
	pg_init p "$m" -E EUC_KR >/dev/null && pg_start p >/dev/null || return 1
	mkdir "$T/p.ts" "$T/s.ts"
	PGCLIENTENCODING=EUC_KR pg_psql p -v d="$d" -v r="$r" \
	    -v l="$T/p.ts" <<-'END'
		CREATE ROLE :"r" LOGIN SUPERUSER REPLICATION;
		CREATE DATABASE :"d";
		CREATE TABLESPACE ts LOCATION :'l';
		CREATE TABLE t TABLESPACE ts AS SELECT generate_series(1, 100) AS i;
		CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0;
	END
	# A directory that is nothing in the encoding of the other databases.
	mkdir "$T/p."$'\xff\xfe' "$T/s.raw"
	"$PSQL" -X -q -h 127.0.0.1 -p "${PG_PORT[p]}" -U postgres -d raw \
	    -v l="$T/p."$'\xff\xfe' <<<"CREATE TABLESPACE raw LOCATION :'l';"
	pg_node s "$m"
	clone_args p s
	CLONE=("${CLONE[@]/#postgres/$r}")
	run locale_run "${locales[1]:-C}" "${CLONE[@]}" --dbname="$d" \
	    --application-name="$(euc 응용)" -T "$T/p."$'\xff\xfe='"$T/s.raw"
	rc_is 0 "$m: a cluster in EUC-KR: exit status 0"
	ok "$m: a cluster in EUC-KR: it streams" poll_until 30 pg_streams s
	is "$(PGCLIENTENCODING=EUC_KR pg_sql p \
	    "SELECT usename FROM pg_stat_replication")" "$r" \
	    "$m: a cluster in EUC-KR: as the role"
	is "$(pg_sql s "SELECT count(*) FROM t")" 100 \
	    "$m: a cluster in EUC-KR: the content"
	forget s
	forget p
}

# Nodes with Korean names of one length: a slot for each.
nodes() {
	local n
	pg_up p "$m" >/dev/null || return 1
	pg_node s "$m"
	for n in p 서울 부산; do
		echo "  { name = \"$n\"; conninfo = \"host=127.0.0.1 port=$(
		    [ "$n" = p ] && echo "${PG_PORT[p]}" || echo "${PG_PORT[s]}"
		    )\"; pgdata = \"$T/$([ "$n" = p ] && echo p || echo s)\"; }"
	done | sed '$!s/$/,/' >"$T/nodes"
	for n in 서울 부산; do
		grep -v "$([ "$n" = 서울 ] && echo 부산 || echo 서울)" "$T/nodes" |
		    sed '$s/,$//' >"$T/nodes.$n"
		cat >"$T/$n.conf" <<-END
			cluster = "시험";
			defaults : { user = "postgres"; dbname = "postgres";
			    bindir = "$(pg_bin "$m")"; ssh_user = "$SSHD_USER";
			    start = "$T/s.start"; stop = "$T/s.stop"; };
			nodes = (
			$(cat "$T/nodes.$n")
			);
		END
		run locale_run "${locales[1]:-C}" env \
		    STANDBY_SSH="$SSHD_USER@127.0.0.1:$SSH_PORT" \
		    STANDBY_KNOWN_HOSTS="${SSHD_KNOWN[main]}" \
		    STANDBY_AGENT="$AGENT" "$STANDBY_CLONE" -f "$T/$n.conf" \
		    --ssh-identity="$SSHD_KEY" --progress=none --no-sync "$n"
		rc_is 0 "$m: node $n: exit status 0"
		ok "$m: node $n: it streams" poll_until 30 pg_streams s
		run "$STANDBY_CLONE" -f "$T/$n.conf" --list-nodes
		is "$out" $'p\n'"$n" "$m: node $n: --list-nodes"
		forget s
	done
	is "$(pg_slots p)" $'ebb680ec82b0\nec849cec9ab8' \
	    "$m: each node has a slot of its own"
	forget p
}

for m in $(pg_few); do
	for f in for_major in_euc_kr nodes; do
		note "==== $m $f"
		"$f" || fail "$m: $f: the primary is ready"
	done
done

done_testing
