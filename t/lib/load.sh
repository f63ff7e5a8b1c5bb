# shellcheck shell=bash
# shellcheck disable=SC2154	# T is set by tap.sh
#
# A database to clone, and a write load on it: inserts, updates and deletes,
# TOAST, DDL, VACUUM that truncates, CREATE and DROP of tablespaces and
# databases.
#
#	load_setup p [ROWS] ; load_start p ; load_passes 3 ; load_stop

LOAD_PIDS=()

# load_setup NODE [ROWS]: some tables, an own tablespace $T/NODE.ts, a second
# database, amcheck.
load_setup() {
	local rows=${2:-20000}
	mkdir "$T/$1.ts"
	pg_psql "$1" -v ON_ERROR_STOP=1 <<-END
		CREATE EXTENSION amcheck;
		CREATE TABLESPACE ts LOCATION '$T/$1.ts';
		CREATE TABLE acc (id int PRIMARY KEY, bal int, pad text);
		INSERT INTO acc SELECT i, i % 977, md5(i::text)
		    FROM generate_series(1, $rows) i;
		CREATE INDEX acc_bal ON acc (bal);
		CREATE TABLE toasted (id serial PRIMARY KEY, t text);
		ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL;
		INSERT INTO toasted (t) SELECT (SELECT string_agg(md5((i * j)::text), '')
		    FROM generate_series(1, 200) j)
		    FROM generate_series(1, $rows / 100) i;
		CREATE TABLE shrink (id int, pad text);
		INSERT INTO shrink SELECT i, repeat('x', 200)
		    FROM generate_series(1, $rows / 10) i;
		CREATE UNLOGGED TABLE unl (id int PRIMARY KEY, t text);
		INSERT INTO unl SELECT i, md5(i::text) FROM generate_series(1, 2000) i;
		CREATE TABLE in_ts (id int PRIMARY KEY, pad text) TABLESPACE ts;
		CREATE INDEX in_ts_pad ON in_ts (pad) TABLESPACE ts;
		INSERT INTO in_ts SELECT i, md5(i::text)
		    FROM generate_series(1, $rows / 10) i;
		CREATE TABLE hist (acc int, delta int, at timestamptz DEFAULT now());
		CREATE MATERIALIZED VIEW mv AS SELECT bal, count(*) FROM acc GROUP BY bal;
		CREATE DATABASE second;
	END
	pg_psql "$1" -v ON_ERROR_STOP=1 -d second <<-END
		CREATE TABLE other (id int PRIMARY KEY, t text);
		INSERT INTO other SELECT i, md5(i::text)
		    FROM generate_series(1, $rows / 10) i;
	END
}

load_files() {
	cat >"$T/load.write" <<-'END'
		\set a random(1, 20000)
		\set b random(1, 20000)
		\set d random(-500, 500)
		\set n random(1, 200)
		BEGIN;
		UPDATE acc SET bal = bal + :d WHERE id = :a;
		UPDATE acc SET bal = bal - :d WHERE id = :b;
		INSERT INTO hist (acc, delta) VALUES (:a, :d);
		COMMIT;
		UPDATE toasted SET t = md5(:a::text) || t WHERE id = :n;
		UPDATE in_ts SET pad = md5(:b::text) WHERE id = :n;
		INSERT INTO unl VALUES (:a, 'w') ON CONFLICT (id) DO UPDATE SET t = 'u';
		DELETE FROM hist WHERE acc = :b;
	END
	# One pass: create, fill, truncate by VACUUM and drop.
	cat >"$T/load.ddl" <<-'END'
		CREATE TABLE made AS SELECT i AS id, md5(i::text) AS t
		    FROM generate_series(1, 3000) i;
		CREATE INDEX made_id ON made (id);
		INSERT INTO shrink SELECT i, repeat('y', 200)
		    FROM generate_series(1, 2000) i;
		DELETE FROM shrink;
		VACUUM shrink;
		SET allow_in_place_tablespaces = on;
		CREATE TABLESPACE dyn LOCATION '';
		CREATE TABLE in_dyn TABLESPACE dyn AS SELECT * FROM made;
		ALTER TABLE made ADD COLUMN more int DEFAULT 7;
		CLUSTER made USING made_id;
		CREATE UNLOGGED TABLE made_unl AS SELECT * FROM made;
		CHECKPOINT;
		DROP TABLE in_dyn;
		DROP TABLESPACE dyn;
		DROP TABLE made_unl;
		DROP TABLE IF EXISTS kept;
		ALTER TABLE made RENAME TO kept;
		ALTER INDEX made_id RENAME TO kept_id;
		DROP INDEX kept_id;
		REFRESH MATERIALIZED VIEW mv;
		VACUUM acc;
		TRUNCATE hist;
	END
	cat >"$T/load.db" <<-'END'
		CREATE DATABASE made_db;
		DROP DATABASE made_db;
	END
}

load_write_loop() {
	exec "$(pg_client pgbench)" -n -h 127.0.0.1 -p "${PG_PORT[$1]}" \
	    -U postgres -c 2 -T 3600 -f "$T/load.write" postgres
}

load_ddl_loop() {
	local pass=0
	while [ ! -e "$T/load.stop" ]; do
		pg_psql "$1" -v ON_ERROR_STOP=1 -f "$T/load.ddl" || break
		[ $((pass % 4)) -ne 0 ] || pg_psql "$1" -f "$T/load.db" || break
		pass=$((pass + 1))
		echo "$pass" >"$T/load.passes.new"
		mv "$T/load.passes.new" "$T/load.passes"
	done
}

# load_start NODE: in the background until load_stop.
load_start() {
	rm -f "$T/load.stop"
	echo 0 >"$T/load.passes"
	load_files
	load_write_loop "$1" >"$T/load.write.log" 2>&1 3>&- 4>&- &
	LOAD_PIDS=("$!")
	kill_later "$!"
	load_ddl_loop "$1" >"$T/load.ddl.log" 2>&1 3>&- 4>&- &
	LOAD_PIDS+=("$!")
	kill_later "$!"
	load_passes 1
}

load_count() { cat "$T/load.passes"; }
load_reached() { [ "$(load_count)" -ge "$1" ] || gone "${LOAD_PIDS[1]}"; }

# load_passes N: wait until N more passes of DDL were made; 1 if it died.
load_passes() {
	poll_until 120 load_reached $(($(load_count) + $1))
	! gone "${LOAD_PIDS[0]}" && ! gone "${LOAD_PIDS[1]}"
}

# load_stop: let the pass end, so that nothing is half made.
load_stop() {
	touch "$T/load.stop"
	[ ${#LOAD_PIDS[@]} -gt 1 ] || return 0
	poll_until 120 gone "${LOAD_PIDS[1]}"
	kill -INT "${LOAD_PIDS[0]}" 2>/dev/null
	kill_now "${LOAD_PIDS[@]}"
	LOAD_PIDS=()
}
