"""The clusters that are copied: made once in the directory of the bench, the
same rows whenever they are made.  Debian's own PostgreSQL 15."""
import json
import os
import shutil

from common import BenchError, poll_until, run, say

BIN = "/usr/lib/postgresql/15/bin"
FORMAT = 1

CONF = """
# --- t/bench
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
shared_buffers = '256MB'
max_wal_size = '64MB'
min_wal_size = '32MB'
wal_recycle = off
checkpoint_timeout = '1h'
autovacuum = off
jit = off
"""

MIXED = """
CREATE TABLE mixed (id bigint, a text, b text, n numeric, x float8,
    at timestamptz) WITH (fillfactor = 90, autovacuum_enabled = off);
INSERT INTO mixed SELECT i, md5(i::text), md5((-i)::text),
    (i::bigint * 7919 % 1000003)::numeric / 100, sqrt(i),
    '2026-01-01'::timestamptz + i * interval '3.7 s'
    FROM generate_series(1, {rows}) i;
CREATE INDEX mixed_a ON mixed (a);
"""

# The state that the old copy does not have: FRACTION of the heap pages, and
# as many of the index, by one row each that moves within its page or key.
CHANGE = """
SELECT setseed(0.42);
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE random() <
    {fraction} * (SELECT relpages / reltuples FROM pg_class
        WHERE relname = 'pgbench_accounts');
UPDATE mixed SET at = at + interval '1 s' WHERE random() <
    {fraction} * (SELECT relpages / reltuples FROM pg_class
        WHERE relname = 'mixed');
UPDATE mixed SET a = md5(a) WHERE random() < {fraction} *
    (SELECT relpages FROM pg_class WHERE relname = 'mixed_a') /
    (SELECT reltuples FROM pg_class WHERE relname = 'mixed');
CHECKPOINT;
"""

MANY = """
DO $$ BEGIN
FOR i IN 1..{tables} LOOP
    EXECUTE format('CREATE TABLE s%s AS SELECT j AS id,
        md5((%s * j)::text) || repeat(''-'', 36) AS t
        FROM generate_series(1, 200) j', i, i);
    EXECUTE format('ALTER TABLE s%s ADD PRIMARY KEY (id)', i);
    IF i % 50 = 0 THEN COMMIT; END IF;
END LOOP; END $$;
"""
# As many that there are 4.75 files a table: free space and visibility maps.
VACUUM_MANY = """
SELECT 'VACUUM s' || i FROM generate_series(1, {tables}) i
    WHERE i % 8 < 3 \\gexec
"""

RANDOM = """
CREATE EXTENSION pgcrypto;
CREATE TABLE random (id int, b bytea);
ALTER TABLE random ALTER b SET STORAGE EXTERNAL;
INSERT INTO random SELECT i, gen_random_bytes(1000)
    FROM generate_series(1, {rows}) i;
"""


class Cluster:
    """One data directory and its server."""

    def __init__(self, place, name, checksums=True):
        self.name = name
        self.place = place
        self.checksums = checksums
        self.data = place.path(name)
        self.port = place.port()
        self.running = False
        place.at_end(self.stop)

    # --- the server

    def start(self, *settings):
        options = " ".join(["-p %d" % self.port]
                           + ["-c %s" % s for s in settings])
        try:
            run([BIN + "/pg_ctl", "-D", self.data, "-l",
                 self.place.path(self.name + ".log"), "-w", "-t", "300",
                 "-o", options, "start"])
        finally:
            self.running = os.path.exists(self.data + "/postmaster.pid")

    def stop(self):
        if self.running:
            run([BIN + "/pg_ctl", "-D", self.data, "-w", "-t", "300",
                 "-m", "fast", "stop"])
            self.running = False

    def pid(self):
        with open(self.data + "/postmaster.pid", encoding="ascii") as f:
            return int(f.readline())

    def sql(self, text):
        return run([BIN + "/psql", "-X", "-q", "-A", "-t",
                    "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                    "-p", str(self.port), "-U", "postgres", "-d", "postgres",
                    "-f", "-"], text_in=text).strip()

    # --- making it

    def init(self):
        shutil.rmtree(self.data, ignore_errors=True)
        run([BIN + "/initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C", "-N", "-D", self.data]
            + (["-k"] if self.checksums else []))
        with open(self.data + "/postgresql.conf", "a",
                  encoding="ascii") as f:
            f.write(CONF)
        self.start("fsync=off", "max_wal_size=8GB", "maintenance_work_mem=1GB")

    def settle(self, sql=""):
        """Nothing is left that would change by itself; little WAL is left."""
        self.sql(sql + "CHECKPOINT;")
        self.stop()
        self.start("fsync=off")
        self.sql("SELECT pg_switch_wal();\nCHECKPOINT;\n"
                 "SELECT pg_switch_wal();\nCHECKPOINT;")
        self.stop()


def marker(place, name):
    return place.path(name + ".json")


def is_built(place, name, want):
    try:
        with open(marker(place, name), encoding="ascii") as f:
            return json.load(f) == want
    except (OSError, ValueError):
        return False


def nobody_runs(cluster):
    """A bench that was killed may have left its server."""
    try:
        os.kill(cluster.pid(), 0)
    except (OSError, ValueError):
        return
    raise BenchError("a server runs in \"%s\": stop it first" % cluster.data)


def built(place, name, scale, checksums, build):
    """The cluster of that name, running; build() makes it when it, or one of
    another scale, is not there yet."""
    cluster = Cluster(place, name, checksums)
    nobody_runs(cluster)
    want = {"format": FORMAT, "scale": scale, "checksums": checksums}
    if not is_built(place, name, want):
        say("making the cluster \"%s\"" % name)
        if os.path.exists(marker(place, name)):
            os.unlink(marker(place, name))
        build(cluster, scale)
        with open(marker(place, name), "w", encoding="ascii") as f:
            json.dump(want, f)
    cluster.start()
    return cluster


# --- the three of them

def old_copy(place):
    """The copy of "mixed" as the other side of a failover left it."""
    return place.path("mixed-old")


def build_mixed(cluster, scale, fraction=0.0275):
    """4 GB at scale 150.  The old copy is the old primary: it forked off,
    wrote a little, and lacks the pages that were changed since."""
    cluster.init()
    run([BIN + "/pgbench", "-h", "127.0.0.1", "-p", str(cluster.port),
         "-U", "postgres", "-i", "-q", "-s", str(scale), "-F", "90",
         "-I", "dtGvp", "postgres"])
    cluster.sql(MIXED.format(rows=8000000 * scale // 150))
    cluster.settle("VACUUM FREEZE ANALYZE;")
    fork(cluster)
    start = cluster.sql("SELECT pg_current_wal_lsn()")
    cluster.sql("ALTER SYSTEM SET wal_keep_size = '64GB';\n"
                "SELECT pg_reload_conf();")
    cluster.sql(CHANGE.format(fraction=fraction))
    # pg_rewind copies the WAL of its source: what was written since the
    # fork, and not what each round of this bench adds.
    cluster.sql("SELECT format('ALTER SYSTEM SET wal_keep_size = ''%%sMB''',"
                " 32 + (pg_current_wal_lsn() - '%s') / 1048576)::text\\gexec\n"
                "SELECT pg_reload_conf();" % start)
    cluster.sql("CHECKPOINT")
    cluster.stop()


def fork(cluster):
    """The copy goes on by itself on timeline 1, the cluster on timeline 2."""
    old = Cluster(cluster.place, "mixed-old", cluster.checksums)
    shutil.rmtree(old.data, ignore_errors=True)
    run(["cp", "-a", "--reflink=auto", cluster.data, old.data])
    old.start("fsync=off")
    old.sql("UPDATE pgbench_accounts SET abalance = abalance - 1"
            " WHERE aid % 9973 = 0;\nCHECKPOINT;")
    old.stop()
    run(["touch", cluster.data + "/standby.signal"])
    cluster.start("fsync=off")
    run([BIN + "/pg_ctl", "-D", cluster.data, "-w", "promote"])
    poll_until(60, lambda: cluster.sql("SELECT pg_is_in_recovery()") == "f",
               "promotion")
    cluster.sql("CHECKPOINT")


def build_many(cluster, scale):
    """25,000 tables, 119,000 files, 1.8 GB at scale 150."""
    tables = 25000 * scale // 150
    cluster.init()
    cluster.sql(MANY.format(tables=tables))
    cluster.sql(VACUUM_MANY.format(tables=tables))
    cluster.settle()


def build_random(cluster, scale):
    """2 GB that nothing makes smaller at scale 150."""
    cluster.init()
    cluster.sql(RANDOM.format(rows=1830000 * scale // 150))
    cluster.settle("VACUUM FREEZE ANALYZE;")


BUILDERS = {"mixed": build_mixed, "many": build_many, "random": build_random}
