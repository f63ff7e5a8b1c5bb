# shellcheck shell=bash
# shellcheck disable=SC2154	# T is set by tap.sh
#
# Is the content of two nodes the same?  For every database and every table:
# the number of rows and a hash of the content that does not depend on order,
# read by sequential scan and once more through each plain btree index; the
# definitions in the catalogs; and what amcheck says where it is installed.
# Lag, "streaming" and page checksums are no proof (a copy that was started
# without backup_label passes all three).
#
#	oracle_take p before ; oracle_take s after ; oracle_same before after
#	oracle_compare p s		waits for the replay first
#
# Write nothing to the primary between the takes.  Sequences are left out (a
# standby has the value logged ahead), as are unlogged tables, which a standby
# cannot read, and what VACUUM changes in the catalogs.

ORACLE_DIR=$T/oracle
mkdir -p "$ORACLE_DIR"

# Row hash that can be summed up: 60 bits of the md5 of the row as text.
ORACLE_HASH="coalesce(sum(('x' || substr(md5(_row::text), 1, 15))::bit(60)::bigint), 0)"

oracle_databases() {
	pg_sql "$1" "SELECT datname FROM pg_database
	    WHERE datallowconn AND NOT datistemplate ORDER BY 1"
}

# One database as lines of text.  Errors of single statements are lines too.
oracle_database() {
	pg_psql "$1" -d "$2" -F ' ' 2>&1 <<END
\\set ON_ERROR_STOP off
SET search_path = pg_catalog;
SET extra_float_digits = 1;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET bytea_output = 'hex';
SET max_parallel_workers_per_gather = 0;
SET statement_timeout = '300s';

SELECT format('class %s %s %s %s %s %s', oid::regclass, relkind, relnatts,
	relfilenode, reltablespace, relpersistence)
FROM pg_class WHERE relkind <> 't' ORDER BY 1;

SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_bitmapscan = off;
SELECT format('SELECT %L, count(*), $ORACLE_HASH_SQL FROM %s _row',
	'catalog ' || c, c)
FROM unnest(ARRAY['pg_attribute', 'pg_type', 'pg_proc', 'pg_index',
	'pg_constraint', 'pg_namespace', 'pg_authid', 'pg_tablespace',
	'pg_depend', 'pg_attrdef', 'pg_operator', 'pg_amop']) c \\gexec
SELECT format('SELECT %L, count(*), $ORACLE_HASH_SQL FROM ONLY %s _row',
	'table ' || oid::regclass, oid::regclass)
FROM pg_class WHERE relkind IN ('r', 'm') AND relpersistence = 'p'
	AND relnamespace NOT IN ('pg_catalog'::regnamespace,
		'information_schema'::regnamespace)
ORDER BY oid::regclass::text \\gexec

SET enable_indexscan = on;
SET enable_indexonlyscan = on;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT format('SELECT %L, count(*), $ORACLE_HASH_SQL FROM '
	'(SELECT * FROM ONLY %s ORDER BY %s OFFSET 0) _row',
	'index ' || i.indexrelid::regclass, i.indrelid::regclass,
	(SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', '
		ORDER BY n) FROM generate_series(1, array_length(
		string_to_array(i.indkey::text, ' '), 1)) n))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_class r ON r.oid = i.indrelid JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND i.indpred IS NULL AND i.indisvalid
	AND c.relkind = 'i' AND r.relkind IN ('r', 'm')
	AND r.relpersistence = 'p' AND r.relnamespace NOT IN
		('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
ORDER BY i.indexrelid::regclass::text \\gexec

SELECT format('SELECT %L, %s(%s%s)',
	'amcheck ' || i.indexrelid::regclass, p.oid::regproc,
	i.indexrelid || '::regclass',
	CASE WHEN p.pronargs > 1 THEN ', true' ELSE '' END)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_am a ON a.oid = c.relam,
	(SELECT oid, pronargs FROM pg_proc WHERE proname = 'bt_index_check'
	 ORDER BY (pronargs = 2) DESC LIMIT 1) p
WHERE a.amname = 'btree' AND i.indisvalid AND c.relkind = 'i'
	AND c.relpersistence = 'p'
ORDER BY i.indexrelid::regclass::text \\gexec

SELECT format('SELECT %L, h.* FROM %s(%s::regclass) h',
	'heap ' || c.oid::regclass, p.oid::regproc, c.oid)
FROM pg_class c,
	(SELECT oid FROM pg_proc WHERE proname = 'verify_heapam' LIMIT 1) p
WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p'
ORDER BY c.oid::regclass::text \\gexec
END
}
# The same expression inside a format() string: quotes doubled, % too.
ORACLE_HASH_SQL=${ORACLE_HASH//\'/\'\'}

# oracle_take NODE NAME: the content of the node now, into a file.
oracle_take() {
	local db
	{
		pg_sql "$1" "SELECT 'database', datname, dattablespace
		    FROM pg_database ORDER BY 2"
		oracle_databases "$1" | while read -r db; do
			echo "== $db"
			oracle_database "$1" "$db" || echo "psql ends with $?"
		done
	} >"$ORACLE_DIR/$2" 2>&1 </dev/null
	! grep -q '^psql ends' "$ORACLE_DIR/$2"
}

# oracle_clean NAME: neither amcheck nor a query complained.
oracle_clean() {
	local bad
	if bad=$(grep -E 'ERROR|FATAL|PANIC|WARNING|psql:|^heap ' \
	    "$ORACLE_DIR/$1"); then
		head -n 20 <<<"$bad"
		return 1
	fi
	grep -q '^table ' "$ORACLE_DIR/$1"
}

# oracle_same A B: equal, and clean; else prints the lines that differ.
oracle_same() {
	local rc=0
	oracle_clean "$1" || rc=1
	oracle_clean "$2" || rc=1
	diff "$ORACLE_DIR/$1" "$ORACLE_DIR/$2" | head -n 40
	[ "${PIPESTATUS[0]}" -eq 0 ] || rc=1
	return $rc
}

# oracle_compare PRIMARY STANDBY: wait for the replay, take both, compare.
oracle_compare() {
	if ! pg_wait_replay "$2" "$1" 120; then
		echo "$2 does not replay up to the end of $1"
		return 1
	fi
	oracle_take "$1" "$1.now"
	oracle_take "$2" "$2.now"
	oracle_same "$1.now" "$2.now"
}

# oracle_against NAME NODE: an earlier take against the node as it is now,
# for a standby that was promoted.
oracle_against() {
	oracle_take "$2" "$2.now"
	oracle_same "$1" "$2.now"
}
