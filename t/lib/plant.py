#!/usr/bin/python3
"""A file of every kind in a data directory, and what a clone of it must have.

	plant.py plant PGDATA TBLSPC DBOID LISTED WHERE
	    One of every kind.  LISTED is the output of --list-excludes: a line
	    of it that is not known here is an error.  WHERE gets what was
	    planted to be left out.
	plant.py litter PGDATA TBLSPC WHERE
	    On a standby: what the next --delta has to remove, and what it has
	    to leave alone; the latter goes to WHERE.
	plant.py expect PGDATA WHERE LABEL...
	    The names, types and modes that a clone has to have, sorted; LABEL
	    are the files that only the clone has.
	plant.py list PGDATA
	    Those that a directory has.

Written from postgres-facts, section 4, and the manual page, not from the code:
the rules stand here a second time.  Names are printed as Python bytes.
"""
import os
import re
import socket
import sys

# A line of --list-excludes: what is planted for it.  Below PGDATA; with "/" at
# the end a directory; {db} is that of a database, {ts} the tablespace's own,
# {log} and {stats} are the settings, {trigger} too.
LEFT_OUT = {
    "postmaster.pid": [],           # the running server has it
    "postmaster.opts": [],          # too
    "backup_label": ["backup_label"],
    "backup_label.old": ["backup_label.old"],
    "tablespace_map": ["tablespace_map"],
    "tablespace_map.old": ["tablespace_map.old"],
    "backup_manifest": ["backup_manifest"],
    "standby.signal": ["standby.signal"],
    "recovery.signal": ["recovery.signal"],
    "recovery.conf": ["recovery.conf"],
    "recovery.done": ["recovery.done"],
    "promote": ["promote"],
    "fallback_promote": ["fallback_promote"],
    "logrotate": ["logrotate"],
    "postgresql.auto.conf.tmp": ["postgresql.auto.conf.tmp"],
    "current_logfiles": ["current_logfiles"],
    "current_logfiles.tmp": ["current_logfiles.tmp"],
    "core": ["core"],
    "core.*": ["core.4711"],
    ".standby-clone.*": [".standby-clone.state", ".standby-clone.index",
                         ".standby-clone.settings"],
    "**/lost+found": ["lost+found/#1234", "site/lost+found/#5"],
    "global/pg_control.standby-clone*": ["global/pg_control.standby-clone"],
    "**/*.standby-clone.tmp": ["a.standby-clone.tmp",
                               "base/{db}/1259.standby-clone.tmp"],
    "**/pgsql_tmp*": ["base/pgsql_tmp/pgsql_tmp1.0", "pgsql_tmp_top",
                      "{ts}/pgsql_tmp/pgsql_tmp2.0.sharedfileset/x",
                      "site/pgsql_tmp7"],
    "**/pg_internal.init*": ["base/{db}/pg_internal.init.77",
                             "global/pg_internal.init.78",
                             "site/pg_internal.init"],
    "**/.DS_Store": [".DS_Store", "site/.DS_Store"],
    "pg_wal/*": ["pg_wal/planted", "pg_wal/sub/planted",
                 "pg_wal/archive_status/000000010000000000000001.ready"],
    "pg_xlog/*": ["pg_xlog/planted"],
    "pg_replslot/*": ["pg_replslot/planted/state"],
    "pg_dynshmem/*": ["pg_dynshmem/planted"],
    "pg_notify/*": ["pg_notify/planted"],
    "pg_serial/*": ["pg_serial/planted"],
    "pg_snapshots/*": ["pg_snapshots/planted"],
    "pg_stat_tmp/*": ["pg_stat_tmp/planted"],
    "pg_subtrans/*": ["pg_subtrans/planted"],
    "(log_directory)/*": ["{log}/planted.log", "{log}/old/planted.log"],
    "(stats_temp_directory)/*": ["{stats}/planted.stat"],
    "(trigger_file, promote_trigger_file)": ["{trigger}"],
    "(unlogged relations)": ["base/{db}/99001", "base/{db}/99001.1",
                             "base/{db}/99001_fsm", "base/{db}/99001_vm",
                             "{ts}/{db}/99002"],
    "(temporary relations)": ["base/{db}/t3_99003", "base/{db}/t3_99003_fsm",
                              "base/{db}/t12_99003.1", "{ts}/{db}/t3_99004"],
    "(tablespaces)": ["{tsroot}/PG_9.1_201105231/16384/4711",
                      "{tsroot}/a file"],
}

# Directories that stay, empty, although what was planted is below them.
EMPTY = """pg_wal pg_wal/archive_status pg_xlog pg_replslot
pg_dynshmem pg_notify pg_serial pg_snapshots pg_stat_tmp pg_subtrans {log}
{stats}""".split()

# What has the look of it, and is kept.
KEPT = [
    # of no kind that is known
    "site notes.txt", "site/deep/er/file", "site/empty/", "empty/", "site/nil",
    # configuration, certificates
    "extra.conf", "conf.d/10-site.conf", "conf.d/sub/20.conf", "server.crt",
    "server.key", "root.crl", "pg_service.conf", "postgresql.conf.orig",
    # extensions, statistics
    "pg_stat/pg_stat_statements.stat", "global/pg_stat_statements.stat",
    "pg_stat/planted", "pg_qualstats.stat", "pg_log_userqueries/x",
    # relations
    "base/{db}/99000", "base/{db}/99000.1", "base/{db}/99000.2",
    "base/{db}/99000_fsm", "base/{db}/99000_vm", "base/{db}/99000_vm.1",
    "base/{db}/99001_init", "{ts}/{db}/99002_init", "{ts}/{db}/99005",
    "global/99006", "base/{db}/990010", "base/{db}/99001x",
    # servers' own
    "pg_logical/snapshots/FFFF-12345678.snap",
    "pg_logical/mappings/map-4000-4eb-FFFF_12345678-2e8-2e9",
    "pg_commit_ts/planted",
    # names that are left out elsewhere only
    "site/promote", "site/core", "site/core.1", "site/postmaster.pid",
    "site/backup_label", "site/standby.signal", "site/pg_wal/planted",
    "site/pg_replslot/planted", "site/t3_99003", "site/99001",
    "site/.standby-clone.state", "site/lost+found.txt", "base/t3_1",
    "base/{db}/t3_x", "base/{db}/tx_99003", "corefile", "core_/x",
    "global/core.1", "promote.txt", "xpgsql_tmp", "my_pg_internal.init",
    "standby.signal.bak", "logrotate.conf", "pg_xlog.old/x",
    "global/recovery.conf", "pg_tblspc.txt",
    # names
    "site/new\nline", "site/\nline", "site/tab\tquote'\"back\\slash",
    "site/-dash", "site/ blank ", "site/$(x)`x`;*?[a]", "site/%s%n",
    "site/데이터 베이스/파일", "site/" + "n" * 255,
    "site/" + "n" * 254 + "m", "site/" + "n" * 237, "site/" + "n" * 238,
]
KEPT_BYTES = [
    "site/데이터/파일".encode("euc_kr"), b"site/\xff\xfe\x80", b"site/\x01\x1b[31m",
]
# Modes as an administrator leaves them; a clone has its own.
MODES = {"site/nil": 0o644, "site/deep/er/file": 0o4755, "extra.conf": 0o400,
         "server.key": 0o440, "corefile": 0o666, "site/deep": 0o755,
         "conf.d": 0o750, "site/empty": 0o1777}


def put(root, path):
    full = os.path.join(root, path)
    if path.endswith(b"/"):
        os.makedirs(full, exist_ok=True)
        return
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if not os.path.lexists(full):
        with open(full, "wb") as f:
            if not path.endswith(b"nil"):
                f.write(b"planted " + path)


def places(pgdata, tblspc, db):
    """The words in braces."""
    for oid in os.listdir(os.path.join(pgdata, "pg_tblspc")):
        link = os.path.join(pgdata, "pg_tblspc", oid)
        if os.path.islink(link) and os.readlink(link) == tblspc:
            break
    own = [n for n in os.listdir(tblspc) if n.startswith("PG_")]
    return {"db": db, "tsroot": "pg_tblspc/" + oid, "log": "log files",
            "ts": "pg_tblspc/%s/%s" % (oid, own[0]), "stats": "my stats",
            "trigger": "the trigger"}


def plant(pgdata, tblspc, db, listed, where):
    root = os.fsencode(pgdata)
    words = places(pgdata, tblspc, db)
    kinds = []
    for line in open(listed):
        kind = next((k for k in LEFT_OUT if line.startswith(k + " ")), None)
        if kind is None:
            sys.exit("nothing is planted for: " + line)
        kinds.append(kind)
    for kind in LEFT_OUT:
        if kind not in kinds:
            sys.exit("not left out any more: " + kind)
    out = []
    for kind in kinds:
        for path in LEFT_OUT[kind]:
            path = os.fsencode(path.format(**words))
            put(root, path)
            out.append(path)
    for path in KEPT:
        put(root, os.fsencode(path.replace("{db}", db).replace(
            "{ts}", words["ts"])))
    for path in KEPT_BYTES:
        put(root, path)
    os.link(os.path.join(pgdata, "site/nil"), os.path.join(pgdata, "site/nil2"))
    os.mkfifo(os.path.join(pgdata, "site/pipe"))
    here = os.getcwd()
    os.chdir(os.path.join(pgdata, "site"))
    socket.socket(socket.AF_UNIX).bind("socket")
    os.chdir(here)
    for path, mode in MODES.items():
        os.chmod(os.path.join(pgdata, path), mode)
    # Below a directory that was planted whole, the directory goes too.
    tops = [words["tsroot"] + "/PG_9.1_201105231", "base/pgsql_tmp",
            words["ts"] + "/pgsql_tmp", "lost+found", "site/lost+found",
            "site/pipe",
            "site/socket", "postmaster.pid", "postmaster.opts"]
    out += [os.fsencode(t) for t in tops]
    empty = [os.fsencode(e.format(**words)) for e in EMPTY]
    with open(where, "w") as f:
        for kind, paths in (("out", out), ("empty", empty)):
            for path in paths:
                print(kind, ascii(path), file=f)


def read(where):
    got = {}
    for line in open(where):
        kind, path = line.split(" ", 1)
        got.setdefault(kind, set()).add(eval(path))
    return got


def entries(pgdata):
    """path -> (type, mode), through the links of the tablespaces."""
    root = os.fsencode(pgdata)
    found = {}

    def walk(path):
        with os.scandir(os.path.join(root, path)) as d:
            names = [e.name for e in d]
        for name in names:
            p = os.path.join(path, name)
            full = os.path.join(root, p)
            try:
                st = os.lstat(full)
            except FileNotFoundError:
                continue
            mode = oct(st.st_mode & 0o7777)
            if os.path.islink(full):
                found[p] = ("link", "-")
                if os.path.isdir(full):
                    walk(p)
            elif os.path.isdir(full):
                found[p] = ("dir", mode)
                walk(p)
            elif os.path.isfile(full):
                found[p] = ("file", mode)
            else:
                found[p] = ("special", mode)

    walk(b"")
    return found


def show(found):
    for path in sorted(found):
        print(ascii(path), *found[path])


def below(path, tops):
    while path:
        if path in tops:
            return True
        path = os.path.dirname(path)
    return False


def volatile(path, found):
    """Of a running server, of which nothing was planted: a cache, unlogged
    relations that have a file _init."""
    name = os.path.basename(path)
    if name.startswith(b"pg_internal.init"):
        return True
    m = re.match(rb"(\d+)(_fsm|_vm)?(\.\d+)?$", name)
    return m is not None and re.match(rb"base/\d+/|pg_tblspc/\d+/PG_", path) \
        and os.path.join(os.path.dirname(path), m[1] + b"_init") in found


def expect(pgdata, where, *labels):
    w = read(where)
    found = entries(pgdata)
    want = {}
    for path, (kind, mode) in found.items():
        if path in w["empty"]:
            want[path] = ("dir", "0o700")
        elif below(path, w["out"]) or below(path, w["empty"]) or \
                volatile(path, found):
            continue
        else:
            want[path] = (kind, {"file": "0o600", "dir": "0o700"}.get(kind,
                                                                     mode))
    for path in labels:
        want[os.fsencode(path)] = ("file", "0o600")
    for path in w.get("stays", ()):
        want[path] = ("file", "0o600")
    for path in w.get("staysdir", ()):
        want[path] = ("dir", "0o700")
    show(want)


def litter(pgdata, tblspc, where):
    """Something of every kind that is only here."""
    root = os.fsencode(pgdata)
    words = places(pgdata, tblspc, "1")
    goes = ["zzz", "site/zzz", "site/zzz dir/deep/x", "zzz dir/",
            "base/1/99010", "base/1/99010_init", "base/1/t1_99011",
            "{ts}/zzz", "{ts}/99/99", "pg_replslot/zzz/state", "promote",
            "recovery.signal", "recovery.conf", "backup_manifest",
            "pg_stat_tmp/zzz", "pg_wal/0000000900000001000000AA", "core.1",
            "pg_wal/archive_status/0000000900000001000000AA.ready",
            "postgresql.auto.conf.tmp", "base/pgsql_tmp/pgsql_tmp9.9",
            "site/zzz\nline", "tablespace_map.old", "zzz.conf"]
    stays = ["{log}/own.log", "lost+found/#9", "site/lost+found/#9", "{tsroot}/PG_9.2_201204301/1/2",
             "{tsroot}/own file"]
    for path in goes + stays:
        put(root, os.fsencode(path.format(**words)))
    os.symlink("/nowhere", os.path.join(pgdata, "zzz link"))
    os.symlink("/nowhere", os.path.join(pgdata, "pg_tblspc/99999"))
    # Another type than on the primary.
    for path in ("site/promote", "site/lost+found.txt"):
        os.unlink(os.path.join(pgdata, path))
        os.makedirs(os.path.join(pgdata, path, "x"))
    os.unlink(os.path.join(pgdata, "site/core"))
    os.symlink("/etc/passwd", os.path.join(pgdata, "site/core"))
    os.rmdir(os.path.join(pgdata, "site/empty"))
    open(os.path.join(pgdata, "site/empty"), "w").close()
    with open(where, "a") as f:
        for path in stays:
            p = os.fsencode(path.format(**words))
            print("stays", ascii(p), file=f)
        for path in ("lost+found", "site/lost+found", "{tsroot}/PG_9.2_201204301",
                     "{tsroot}/PG_9.2_201204301/1"):
            p = os.fsencode(path.format(**words))
            print("staysdir", ascii(p), file=f)


if __name__ == "__main__":
    {"plant": plant, "litter": litter, "expect": expect,
     "list": lambda d: show(entries(d))}[sys.argv[1]](*sys.argv[2:])
