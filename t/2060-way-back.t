#!/bin/bash
# Goal: the old primary comes back from the new one by standby-clone --delta,
# whatever state it was left in, with the content of the new one and without
# copying what is the same; measured against pg_rewind where there is one.
#
#	t/2060-way-back.t [FUNCTION]...	only some of the cases
#
# On 15; STANDBY_TEST_WORLD=1: on 11 to 18, and with more data.
# Figures are printed, not judged: other things run on the machine.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/sshd.sh"
. "${0%/*}/lib/oracle.sh"
. "${0%/*}/lib/clone.sh"
. "${0%/*}/lib/failover.sh"

ROWS=300000
[ "${STANDBY_TEST_WORLD:-0}" != 1 ] || ROWS=1500000

# three MAJOR HINTS: a is the primary of b and c.  HINTS off: neither
# wal_log_hints nor checksums, so that pages differ of which no WAL tells.
three() {
	FAILOVER_INITDB=()
	[ "$1" -lt 18 ] || [ "$2" = on ] || FAILOVER_INITDB=(--no-data-checksums)
	failover_up "$1" "wal_log_hints = $2" "autovacuum = off" \
	    "full_page_writes = on" || return 1
	pg_psql a -v ON_ERROR_STOP=1 <<-END || return 1
		CREATE TABLE big (id int PRIMARY KEY, n int, pad text);
		INSERT INTO big SELECT i, 0, repeat(md5(i::text), 5)
		    FROM generate_series(1, $ROWS) i;
		CREATE TABLE cold AS SELECT * FROM big;
		CREATE TABLE dropped AS SELECT * FROM big LIMIT 20000;
		CHECKPOINT;
	END
	pg_wait_replay b a && pg_wait_replay c a
}

# ahead: a writes what nobody else gets, sets hint bits, and flushes them.
ahead() {
	pg_psql a -v ON_ERROR_STOP=1 <<-END
		UPDATE big SET n = n + 1 WHERE id % 101 = $((RANDOM % 101));
		DELETE FROM big WHERE id % 1009 = $((RANDOM % 1009));
		INSERT INTO big SELECT i, 1, 'only on a'
		    FROM generate_series($ROWS + 1, $ROWS + 3000) i;
		CREATE TABLE only_on_a AS SELECT * FROM big LIMIT 5000;
		DROP TABLE dropped;
		SELECT count(*), sum(n) FROM big;
		SELECT count(*) FROM cold;
		CHECKPOINT;
		UPDATE big SET n = -n WHERE id % 211 = $((RANDOM % 211));
		SELECT sum(n) FROM big;
	END
}

# apart: the new primary goes its own way.
apart() {
	pg_psql "$1" -v ON_ERROR_STOP=1 <<-END
		UPDATE big SET n = n + 2 WHERE id % 103 = $((RANDOM % 103));
		INSERT INTO big SELECT i, 2, 'only on $1'
		    FROM generate_series($ROWS + 1, $ROWS + 2000) i;
		DELETE FROM big WHERE id % 997 = $((RANDOM % 997));
		CREATE TABLE only_on_b AS SELECT * FROM big LIMIT 3000;
		SELECT sum(n) FROM big;
		CHECKPOINT;
	END
}

# hinted: hint bits differ on pages that no WAL record names.  The transaction
# that they are about is known to all; who looked first is not.
hinted() {
	pg_sql a "UPDATE cold SET n = 1 WHERE id % 7 = 0" && pg_sql a CHECKPOINT &&
	    pg_wait_replay b a && pg_wait_replay c a
}

# promote_b: $1 is what is done without its having streamed.
promote_b() {
	failover_conf "$T/conf" ssh
	promote b -y -f "$T/conf" --old-primary=a "$@"
	[ "$rc" = 0 ]
}

# typed LINE [OPTION]...: the command of a Next: line, as on the host of it.
typed() {
	local -a words
	read -ra words <<<"${1##*: }"
	shift
	PATH=$TOP_BUILDDIR:$PATH STANDBY_CONFIG=$T/conf run "${words[@]}" "$@"
}

# back NAME MAJOR HINTS: by the line that standby-promote printed.
back() {
	local name=$1 line
	line=$(jp '"\n".join(x for x in d["next"] if "standby-clone" in x)')
	is "$line" \
	    "on 127.0.0.1, to bring the old primary back: standby-clone a --delta" \
	    "$name: Next: says the command, with the name of the node"
	apart b >/dev/null || fail "$name: b writes"
	[[ $name == *crashed* ]] || rewind "$name" "$2" "$3"
	typed "$line" --json
	rc_is 0 "$name: it is typed as it is" || return 1
	diag "$name: $(jp '"%s compared, %s changed, %s sent, %.2f s" % (
	    d["bytes"]["compared"], d["bytes"]["changed"], d["bytes"]["sent"],
	    d["seconds"]["total"])')"
	follows "$name: a streams from b" a b
	is "$(pg_sql b "SELECT slot_name, active FROM pg_replication_slots")" \
	    "slot_a|t" "$name: by the slot of the file, and no other is left"
	is "$(pg_sql b "SELECT application_name FROM pg_stat_replication")" a \
	    "$name: under the name of the node"
	ok "$name: it has the content of b" oracle_compare b a
	is "$(pg_sql a "SELECT count(*) FROM pg_class
	    WHERE relname = 'only_on_a'")" 0 "$name: its own way is forgotten"
	is "$(pg_sql a "SELECT count(*) FROM big WHERE pad = 'only on a'")" 0 \
	    "$name: and its rows"
	is "$(writable)" b "$name: b alone takes writes"
}

# crashed MAJOR HINTS: SIGKILL ahead of the fork, in the middle of writes.
crashed() {
	local name="$1: crashed, hints logged: $2" pid
	three "$1" "$2" || { fail "$name: three nodes"; return; }
	hinted || fail "$name: hint bits"
	stop_sender a b
	stop_sender a c
	ahead >/dev/null || fail "$name: a is ahead"
	pg_sql a "UPDATE big SET n = n + 1" >/dev/null 2>&1 &
	pid=$!
	poll_until 20 pg_is a "SELECT count(*) FROM pg_stat_activity
	    WHERE query LIKE 'UPDATE big SET n = n + 1%'
	      AND pid <> pg_backend_pid() AND state = 'active'" 1
	crash a all
	wait "$pid"
	ok "$name: b is promoted" promote_b
	isnt "$(jp 'd["lost_bytes"]')" 0 "$name: it says what was ahead"
	back "$name" "$1" "$2"
	failover_down
}

# ahead_and_stopped: cleanly, while nobody else gets its WAL.
ahead_and_stopped() {
	pg_stop b && pg_stop c && ahead >/dev/null && pg_stop a &&
	    pg_start b && pg_start c
}

# clean MAJOR HINTS: b has not streamed since it was started.
clean() {
	local name="$1: stopped cleanly ahead of the fork, hints logged: $2"
	three "$1" "$2" || { fail "$name: three nodes"; return; }
	hinted || fail "$name: hint bits"
	ahead_and_stopped || fail "$name: a is ahead"
	ok "$name: b is promoted" promote_b --force
	back "$name" "$1" "$2"
	failover_down
}

# rewind NAME MAJOR HINTS: figures of pg_rewind on a copy of the old primary.
rewind() {
	local prog=/usr/lib/postgresql/$2/bin/pg_rewind begin end
	[ "$3" = on ] && [ -x "$prog" ] || return 0
	cp -a "$T/a" "$T/rewound"
	begin=$(date +%s.%N)
	run "$prog" -D "$T/rewound" --progress --no-sync --source-server="host=127.0.0.1
	    port=${PG_PORT[b]} user=postgres dbname=postgres"
	end=$(date +%s.%N)
	diag "$1: pg_rewind: exit status $rc," \
	    "$(grep -o 'need to copy.*' <<<"$err$out" | head -n 1)," \
	    "$(awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.2f s", b - a }')"
	rm -rf "$T/rewound"
}

all() {
	local m majors=15
	[ "${STANDBY_TEST_WORLD:-0}" != 1 ] || majors=$(pg_majors)
	for m in ${STANDBY_TEST_MAJORS:-$majors}; do
		if [ "$m" = 10 ]; then
			skip "10: the way back" "its receiver crashes in this build"
			continue
		fi
		crashed "$m" off
		clean "$m" off
		[ "$m" != 15 ] || clean "$m" on
	done
}

failover_needs
[ -n "$(pg_bin 15)" ] || skip_all "PostgreSQL 15 is not installed"
if [ $# -gt 0 ]; then
	"$@"
else
	all
fi
done_testing
