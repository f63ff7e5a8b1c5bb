#!/usr/bin/python3
"""The scenario for pgserver.py of a primary of 9.0 to 9.6 that is cloned.

    clone_old.py VERSION PGDATA [--segments FIRST,N] [--tablespace OID=DIR]...
                 [--slots N] [--role super|replication] [--recovery]
                 [--running LABEL] [--archive hang|failing] [--slow]
                 [--system ID] [--upstream ID] [--standby SOCKET_DIR,PORT]
                 [--stuck] [--sender NAME] [--lingers N] [--unflushed]
                 [--cut]

PGDATA is that of pgdata_old.py, with the same segments.  The backup starts in
the first of them and stops in the last one.  The standby receives WAL after a
while, or never (--stuck).  --upstream same: one of that cluster.
"""
import argparse
import json
import sys

sys.dont_write_bytecode = True
import pgdata_old as data  # noqa: E402

MINOR = {"9.0": "9.0.23", "9.1": "9.1.24", "9.2": "9.2.24", "9.3": "9.3.25",
         "9.4": "9.4.26", "9.5": "9.5.25", "9.6": "9.6.24"}
ONE = {"rows": [["0"]]}
STARTED = "2026-11-22 06:05:55 UTC"


def text_of(lsn):
    return "%X/%X" % lsn


def ahead(o, by=0x60):
    """In the segment behind the last one of the copy."""
    first, n = [int(x, 0) for x in o.segments.split(",")]
    return text_of(data.lsn_of(o.version, first + n, by))


class Primary:
    def __init__(self, o):
        self.o, self.v = o, o.version
        first, n = [int(x, 0) for x in o.segments.split(",")]
        last = first + n - 1
        self.start = text_of(data.lsn_of(self.v, first, 0x20))
        self.stop = text_of(data.lsn_of(self.v, last, 0x100))
        self.file = data.wal_name(self.v, first)
        self.answers = []

    def add(self, match, rows=None, **more):
        a = {"match": match, **more}
        if rows is not None:
            a["rows"] = rows
        self.answers.append(a)

    # -- what is asked before

    def settings(self):
        o, v = self.o, self.v
        rows = [
            ("wal_level", "hot_standby" if v < "9.6" else "replica", None),
            ("hot_standby", "off", None), ("max_wal_senders", "5", None),
            ("archive_mode", "on" if o.archive else "off", None),
            ("block_size", "8192", None), ("segment_size", "131072", "8kB"),
            ("wal_block_size", "8192", None),
            ("wal_segment_size", "2048", "8kB"), ("fsync", "on", None),
            ("max_connections", "100", None), ("full_page_writes", "on", None),
            ("max_prepared_transactions", "0", None),
            ("max_locks_per_transaction", "64", None)]
        if o.role == "super":
            rows += [("data_directory", o.pgdata, None),
                     ("config_file", o.pgdata + "/postgresql.conf", None),
                     ("hba_file", o.pgdata + "/pg_hba.conf", None),
                     ("ident_file", o.pgdata + "/pg_ident.conf", None),
                     ("log_directory", "pg_log", None),
                     ("external_pid_file", "", None),
                     ("stats_temp_directory", "pg_stat_tmp", None)]
        if v >= "9.1":
            rows += [("synchronous_standby_names", "", None)]
        if v >= "9.3":
            rows += [("data_checksums", "off", None)]
        if v >= "9.4":
            rows += [("max_replication_slots", str(o.slots), None),
                     ("max_worker_processes", "8", None)]
        return rows

    def facts(self):
        o = self.o
        superuser = o.role == "super"
        self.add(r"set_config\(", [["0"]])
        self.add(r"^SELECT pg_is_in_recovery\(\)$", [[o.recovery]])
        self.add("rolsuper", [[superuser,
                               self.v >= "9.1" and not o.role == "none"]])
        self.add("has_function_privilege", [[True]])
        self.add("FROM pg_settings WHERE name = ANY", self.settings())
        self.add("FROM pg_control_system", [[self.system()]])
        began = [True, "1795327555"] if "9.3" <= self.v < "9.6" else []
        self.add(r"^SELECT pg_is_in_recovery\(\), pg_backend_pid\(\)",
                 [[False, "{pid}", "1", "{lsn}"] + began])
        self.add("^SELECT CASE WHEN NOT .*pg_xlogfile_name", [["1"]])
        self.add("^SELECT pg_current_xlog_location", [["{lsn}"]])
        self.add("^SELECT pg_last_xlog_(receive|replay)", [[self.start]])
        self.add("FROM pg_stat_replication$", ONE["rows"])
        self.add("FROM pg_stat_activity", [["1"]])
        self.add("datcollate", [["C", None]])
        self.add("FROM pg_stat_archiver",
                 [[o.archive == "failing", None, None]])
        self.add("FROM pg_tablespace", [
            [oid, "space " + oid, where]
            for oid, _, where in (t.partition("=") for t in o.tablespace)])
        self.add(r"current_setting\('port'\)", [["1795327000", "5432"]])
        self.add("pg_postmaster_start_time", [["1795327000"]])
        self.add("FROM pg_stat_replication", [
            ["4711", o.sender, "127.0.0.1", "streaming"] + [ahead(o)] * 4]
            if o.sender else [])
        self.add("txid_current", [["1000"]])

    def system(self):
        return self.o.system or str(data.system_of(self.v))

    # -- slots, from 9.4

    def slots(self):
        self.add("SELECT count.* FROM pg_replication_slots$", ONE["rows"])
        self.add(r"current_setting\('max_replication_slots'\)",
                 [[self.o.slots, 0]])
        listed = "FROM pg_replication_slots WHERE slot_name"
        self.add(listed, [], when={"slot": "none"})
        self.add(listed, [["physical", False, None, None, False]],
                 when={"slot": "empty"})
        self.add(listed, [["physical", False, "{restart}", None, False]])
        made = "reserved" if self.v >= "9.6" else "empty"
        self.add("pg_create_physical_replication_slot", [["{lsn}"]],
                 effect={"set": {"slot": made, "restart": self.start}})
        self.add("^SELECT CASE WHEN pg_is_in_recovery", [["{lsn}"]])
        if self.o.unflushed:  # but what the segment begins with is
            self.add("^START_REPLICATION SLOT .* %s$" % self.start, error="XX000 "
                     "requested starting point %s is ahead of the WAL flush "
                     "position of this server" % self.start)
        self.add("^START_REPLICATION SLOT", stream=True, flushed={
            "set": {"slot": "reserved", "restart": "{flush}"}})
        self.add("pg_drop_replication_slot", [[""]],
                 effect={"set": {"slot": "none"}})

    # -- the backup

    def label(self):
        lines = ["START WAL LOCATION: %s (file %s)" % (self.start, self.file),
                 "CHECKPOINT LOCATION: " + self.start]
        if self.v >= "9.1":
            lines.append("BACKUP METHOD: pg_start_backup" if self.v < "9.6"
                         else "BACKUP METHOD: streamed")
        if self.v >= "9.2":
            lines.append("BACKUP FROM: master")
        lines += ["START TIME: " + STARTED, "LABEL: $1", ""]
        return "\n".join(lines)

    def map(self):
        return "".join(t.replace("=", " ", 1) + "\n"
                       for t in self.o.tablespace)

    def exclusive(self):
        files = {"backup_label": self.label()}
        gone = ["backup_label"]
        if self.v >= "9.5" and self.o.tablespace:
            files["tablespace_map"] = self.map()
            gone.append("tablespace_map")
        running = {"state": "t"}
        if self.o.role == "super":
            self.add("pg_ls_dir", [[True]], when=running)
            self.add("pg_ls_dir", [[False]])
        self.add("pg_ls_dir", error="42501 must be superuser to get directory "
                 "listings")
        self.add(r"pg_is_in_backup\(\)$", [[True]], when=running)
        self.add(r"pg_is_in_backup\(\)$", [[False]])
        if self.o.role == "super":
            self.add("pg_read_file", [[self.label().replace(
                "$1", "{label}")]], when=running)
        self.add("pg_read_file", error='58P01 could not open file '
                 '"backup_label" for reading: No such file or directory')
        self.add("pg_start_backup", error="55000 a backup is already in "
                 "progress", when=running)
        if self.o.slow:  # the checkpoint; the label comes after it
            self.add("pg_start_backup", hang=True)
        # --cut: it begins, and its answer is lost.
        self.add("pg_start_backup", [[self.start]], close=self.o.cut,
                 effect={"write": files, "set": {"state": "t",
                                                 "label": "$1"}})
        after = {"set": {"state": "f", "lsn": self.stop}, "unlink": gone}
        if self.o.archive == "hang":
            # The label is gone and the WAL is written before it waits.
            self.add("pg_stop_backup", effect=after, hang=True,
                     when=running)
        self.add("pg_stop_backup", [[self.stop]], effect=after, when=running)
        self.add("pg_stop_backup", error="55000 a backup is not in progress")

    def in_session(self):
        self.add("pg_start_backup", [[self.start]],
                 effect={"set": {"label": self.label()}})
        self.add("pg_stop_backup",
                 [[self.stop, "{label}", self.map() or None]],
                 hang=self.o.archive == "hang",
                 effect={"set": {"lsn": self.stop}})

    def node(self):
        self.facts()
        if self.v >= "9.4":
            self.slots()
        if self.v < "9.6":
            self.exclusive()
        else:
            self.in_session()
        return {"name": "primary", "version": MINOR[self.v],
                "system": self.system(), "pgdata": self.o.pgdata,
                "recovery": self.o.recovery, "lingers": self.o.lingers,
                "state": {"lsn": self.start, "slot": "none", "state": "f"},
                "answers": self.answers}


def upstream(o):
    """Another server, of which only the identity and the slots count."""
    p = Primary(o)
    system = p.system() if o.upstream == "same" else o.upstream
    p.add(r"set_config\(", [["0"]])
    p.add("FROM pg_control_system", [[system]])
    p.slots()
    return {"name": "upstream", "version": MINOR[o.version], "system": system,
            "state": {"lsn": p.start, "slot": "none"}, "answers": p.answers}


def standby(o):
    """The server of the clone: it replays what came with the copy."""
    where, _, port = o.standby.partition(",")
    at = ahead(o, 0)
    return {"name": "standby", "version": MINOR[o.version], "recovery": True,
            "socket_dir": where, "port": int(port), "answers": [
                {"match": r"set_config\(", "rows": [["0"]]},
                {"match": "^SELECT pg_is_in_recovery", "rows": [[True]]},
                {"match": "pg_last_xlog_receive_location", "rounds":
                    [[[at]]] * 20 + [[[at if o.stuck else ahead(o)]]]},
                {"match": "pg_last_xlog_replay_location",
                 "rows": [[at]]}]}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("version", choices=sorted(MINOR))
    ap.add_argument("pgdata")
    ap.add_argument("--segments", default="2,1")
    ap.add_argument("--tablespace", action="append", default=[])
    ap.add_argument("--slots", type=int, default=10)
    ap.add_argument("--role", default="super")
    ap.add_argument("--recovery", action="store_true")
    ap.add_argument("--running")
    ap.add_argument("--archive")
    ap.add_argument("--slow", action="store_true")
    ap.add_argument("--system")
    ap.add_argument("--upstream")
    ap.add_argument("--standby")
    ap.add_argument("--stuck", action="store_true")
    ap.add_argument("--sender")
    ap.add_argument("--lingers", type=int, default=0)
    ap.add_argument("--unflushed", action="store_true")
    ap.add_argument("--cut", action="store_true")
    o = ap.parse_args()
    nodes = [Primary(o).node()]
    if o.running:
        nodes[0]["state"].update({"state": "t", "label": o.running})
    if o.upstream:
        nodes.append(upstream(o))
    if o.standby:
        nodes.append(standby(o))
    json.dump({"nodes": nodes}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
