#!/usr/bin/env python3
"""standby-agent against clients that behave, and clients that do not.

The row numbers are those of the fault list (faults.md, section 3).
"""
import os
import select
import shutil
import socket
import subprocess
import sys
import time

TOP = os.environ.get("TOP_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "t", "lib"))
sys.dont_write_bytecode = True
import wire_speaker as w  # noqa: E402
from agent_tap import (  # noqa: E402
    AGENT, MIB, eq, main, noise, pgdata, refused, start, test)

# --- greeting and OPEN -----------------------------------------------------


@test
def greets_first_opens_and_says_done():
    data = pgdata()
    with start() as a:
        o = a.open(data, system=w.SYSTEM)
        st = os.stat(data)
        eq((o["system"], o["control"], o["catalog"], o["mode"]),
           (w.SYSTEM, 1300, 202209061, 0o700))
        eq((o["dev"], o["ino"]), (st.st_dev, st.st_ino))
        eq((o["version"], o["resolved"], o["wal_link"]),
           (b"15", data.encode(), b""))
        with open("/proc/sys/kernel/random/boot_id") as f:
            eq(o["boot_id"].decode(), f.read().strip())
        eq(o["libc"].startswith(b"glibc 2."), True)
        a.send("X")
        r = w.Reader(a.expect("X"))
        eq((r.u64(), r.u64()), (0, 0))
        eq(a.end(), (None, 0))


@test
def another_protocol_is_refused_and_who_is_the_older_one_is_said():
    for version, side, what in ((w.VERSION - 1, b"client", b"older"),
                                (w.VERSION + 1, b"agent", b"newer"),
                                (0xFFFF, b"agent", b"newer")):
        with start() as a:
            own = w.Reader(a.expect("H")[10:]).text()
            a.send("H", w.hello("9.9.9", version=version))
            err, status = a.end()
            eq((err["code"], status), ("agent", 5))
            for word in (own, b"9.9.9", b"protocol %d;" % version, what):
                eq((word, word in err["text"]), (word, True))
            eq(b"on the host of the %s" % side in err["hint"], True)
    with start() as a:
        a.expect("H")
        a.send("H", w.MAGIC + w.u16(w.VERSION + 1) + b"\1\2\3 of its own")
        err, status = a.end()
        eq((err["code"], status, b"unknown" in err["text"]),
           ("agent", 5, True))


@test
def another_release_with_the_same_protocol_is_served():
    data = pgdata()
    with w.agent([AGENT], package="9.9.9") as a:
        eq(a.open(data)["resolved"], os.path.realpath(data).encode())
        a.send("X")
        a.expect("X")
        eq(a.end(), (None, 0))


@test
def what_is_not_a_client_is_refused():
    for first in (w.frame("H", w.hello("1", magic=b"RSYNC3.0")),
                  w.frame("H", b"STBY"), w.frame("H"),
                  w.frame("O", w.open_("/")), w.frame("X"),
                  b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 64,
                  w.frame("H", b"", length=1 << 31)):
        with start() as a:
            a.expect("H")
            a.send_raw(first)
            err, status = a.end()
            eq((err["code"], status), ("protocol", 5))


@test
def B15_directories_that_are_not_the_one():
    data, link = pgdata(), os.path.join(pgdata.top, "link-to-data")
    os.symlink(data, link)
    with start() as a:  # the user may name it through a link
        eq(a.open(link)["resolved"], data.encode())
    eq(b"identifier" in refused(
        data, "source", 5, w.frame("O", w.open_(data, system=1)),
        opened=False)["text"], True)
    for path in ("/nonexistent", "/etc", "/proc", data + "/base",
                 data + "/PG_VERSION"):
        refused(data, "privilege" if path in ("/etc", "/proc")
                else "source", 3 if path in ("/etc", "/proc") else 5,
                w.frame("O", w.open_(path)), opened=False)
    for bad in (w.open_("data"), w.open_(""), w.open_("/x\0y"),
                w.open_("/" * 5000), w.open_(data, block=8191),
                w.open_(data, block=512), w.open_(data, block=1 << 17),
                w.open_(data, compress=23), w.open_(data) + b"x",
                w.open_(data)[:-1], b""):
        refused(data, "protocol", 5, w.frame("O", bad), opened=False)
    refused(data, "protocol", 5, w.frame("O", w.open_(data)))  # a second one


@test
def modes_and_contents_of_pgdata_are_checked():
    data = pgdata()
    request = w.frame("O", w.open_(data))
    os.chmod(data, 0o755)
    eq(b"0755" in refused(data, "source", 5, request, opened=False)["text"],
       True)
    os.chmod(data, 0o750)
    with start() as a:
        eq(a.open(data)["mode"], 0o750)
    w.put(data, "PG_VERSION", "fifteen\n")
    refused(data, "source", 5, request, opened=False)
    os.unlink(os.path.join(data, "PG_VERSION"))
    os.symlink("base/1/PG_VERSION", os.path.join(data, "PG_VERSION"))
    refused(data, "source", 5, request, opened=False)


def newer(version, **kw):
    """A data directory of a server that is newer than known."""
    data = pgdata()
    w.put(data, "PG_VERSION", version + "\n")
    w.put(data, "global/pg_control", w.pg_control(
        **{"control": 1800, "catalog": 202701011, "crc": 292, **kw}))
    return data


@test
def a_newer_server_than_known_is_served_if_its_pg_control_is_of_a_known_kind():
    for version in "19", "23":
        data = newer(version)
        os.mkdir(os.path.join(data, "pg_wal/summaries"), 0o700)
        w.put(data, "pg_wal/000000010000000000000005", "WAL")
        with start() as a:
            o = a.open(data, system=w.SYSTEM)
            eq((o["control"], o["catalog"], o["version"]),
               (1800, 202701011, version.encode()))
            # the newest rules hold: WAL is where 18 has it, and stays
            got = names(a.list()[0])
            eq("f:base/1/PG_VERSION" in got, True)
            eq([n for n in got if "pg_wal" in n], ["d:pg_wal"])
            a.send("C")
            eq(a.expect("c"), w.pg_control(
                control=1800, catalog=202701011, crc=292))


@test
def a_newer_pg_control_of_an_unknown_kind_is_refused():
    for kw in {"control": 1900}, {"control": 1300, "crc": 288}:
        err = refused(newer("19", **kw), "version-mismatch", 3,
                      w.frame("O", w.open_(newer("19", **kw))), opened=False)
        eq(b"has the unknown version %d" % kw["control"] in err["text"], True)
        eq(b"newer than PostgreSQL 18" in err["hint"], True)
    # known by its number, and laid out in another way: the CRC is not there
    data = newer("19", crc=288)
    refused(data, "source", 5, w.frame("O", w.open_(data)), opened=False)


@test
def B15_a_torn_pg_control_is_read_again_a_broken_one_refused():
    data = pgdata()
    good = w.pg_control()
    with start() as a:
        a.open(data)
        a.send("C")
        eq(a.expect("c"), good)
        w.put(data, "global/pg_control", good[:100] + b"X" + good[101:])
        a.send("C")
        err, status = a.end()
        eq((err["code"], status), ("source", 5))
    refused(data, "source", 5, w.frame("O", w.open_(data)), opened=False)
    w.put(data, "global/pg_control", good[:100])
    refused(data, "source", 5, w.frame("O", w.open_(data)), opened=False)
    w.put(data, "global/pg_control", good)
    refused(data, "protocol", 5, w.frame("C", b"x"))


# --- CONFIG ----------------------------------------------------------------

MAIN, INCLUDED, HBA, IDENT, NAMED = 1, 2, 3, 4, 5


def config(data):
    """[(kind, mode, path, bytes)] of what CONFIG answers."""
    got = []
    with start() as a:
        a.open(data)
        a.send("G")
        while True:
            r = w.Reader(a.expect("g"))
            kind, mode, path = r.u8(), r.u32(), r.text()
            if kind == 0:
                eq((mode, path, r.take(r.left())), (0, b"", b""))
                return got
            got.append((kind, mode, os.fsdecode(path), r.take(r.left())))


def outside(data, main, *more):
    """A configuration outside of data; postmaster.opts tells where."""
    top = data + ".etc"
    os.mkdir(top)
    w.put(top, "p.conf", main.encode())
    os.chmod(top + "/p.conf", 0o644)
    w.put(data, "postmaster.opts", ('/bin/postgres "-D" "%s" "-c" '
          '"config_file=%s/p.conf"%s\n' % (
              data, top, "".join(' "%s"' % s for s in more))).encode())
    return top


@test
def A10_config_is_what_the_server_names_and_nothing_else():
    data = pgdata()
    top = outside(data, "data_directory = '%s'\nhba_file = '%s.etc/hba'\n"
                  "include_dir 'conf.d'\ninclude_if_exists 'none'\n"
                  "include '%s.etc/../%s.etc/more'\n"
                  % (data, data, data, os.path.basename(data)),
                  "--ident-file=%s.etc/ident" % data)
    os.mkdir(top + "/conf.d")
    w.put(top, "conf.d/b.conf", b"b = 1\n")
    w.put(top, "conf.d/a.conf", b"a = 1\n")
    w.put(top, "conf.d/secret", b"SECRET")
    w.put(top, "SECRET.conf", b"SECRET")
    for name in "more", "hba", "ident":
        w.put(top, name, name.encode())
        os.chmod(top + "/" + name, 0o640)
    got = config(data)
    eq([(k, p[len(top):]) for k, _, p, _ in got],
       [(MAIN, "/p.conf"), (INCLUDED, "/conf.d/a.conf"),
        (INCLUDED, "/conf.d/b.conf"), (INCLUDED, "/more"), (HBA, "/hba"),
        (IDENT, "/ident")])
    eq([m for _, m, _, _ in got][0::3], [0o644, 0o640])
    eq([b for _, _, _, b in got][1:], [b"a = 1\n", b"b = 1\n", b"more",
                                       b"hba", b"ident"])
    refused(data, "protocol", 5, w.frame("G", w.text(b"/etc/passwd")))


@test
def A10_config_without_a_word_elsewhere_is_in_the_data_directory():
    data = pgdata()
    w.put(data, "postgresql.conf", b"port = 1\n")
    w.put(data, "pg_hba.conf", b"h")
    eq([(k, p) for k, _, p, _ in config(data)],
       [(MAIN, data + "/postgresql.conf"), (HBA, data + "/pg_hba.conf")])
    w.put(data, "postgresql.auto.conf",
          ("ident_file = '%s/own'\n" % data).encode())
    w.put(data, "own", b"i")
    eq([(k, p) for k, _, p, _ in config(data)][2],
       (IDENT, data + "/own"))


@test
def A10_the_command_line_is_read_as_the_server_writes_it():
    data = pgdata()
    top = outside(data, "x = 1\n", 'log_line_prefix=%a "-D/nowhere',
                  'archive_command=cp "%p" /a', "--hba-file=" + data +
                  '.etc/h "b"', "-c", "ident_file=" + data + '.etc/"i"')
    w.put(top, 'h "b"', b"h")
    w.put(top, '"i"', b"i")
    eq([(k, p[len(top):]) for k, _, p, _ in config(data)],
       [(MAIN, "/p.conf"), (HBA, '/h "b"'), (IDENT, '/"i"')])


@test
def A10_a_running_server_tells_its_command_line_itself():
    data = pgdata()
    top = outside(data, "x = 1\n")
    w.put(top, "q.conf", b"y = 1\n")
    w.put(top, "hba", b"h")
    w.put(top, "postgres", b"#!/bin/sh\necho\nread -r line\n")
    os.chmod(top + "/postgres", 0o755)
    # The file does not tell one word from two.
    words = ["-c", 'archive_command=x" "--config_file=/nowhere',
             "-c", "config_file=%s/q.conf" % top, "--hba_file=%s/hba" % top]
    w.put(data, "postmaster.opts", ("/bin/postgres" + "".join(
        ' "%s"' % s for s in words[:2]) + "\n").encode())
    p = subprocess.Popen([top + "/postgres"] + words, cwd=data,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        p.stdout.read(1)
        w.put(data, "postmaster.pid", b"%d\n%s\n" % (p.pid, data.encode()))
        eq([(k, q[len(top):]) for k, _, q, _ in config(data)],
           [(MAIN, "/q.conf"), (HBA, "/hba")])
    finally:
        p.stdin.close()
        p.wait()
        p.stdout.close()
    # Of a process that is not one of this directory, nothing is believed.
    refused(data, "setting", 3, w.frame("G"))
    w.put(data, "postmaster.pid", b"%d\n%s\n" % (os.getpid(), data.encode()))
    refused(data, "setting", 3, w.frame("G"))


@test
def A10_what_the_tables_name_follows_them():
    data = pgdata()
    top = outside(data, "x = 1\n", "--hba_file=" + data + ".etc/hba",
                  "--ident_file=" + data + ".etc/ident")
    w.put(top, "hba", b'local @users,"@SECRET",@none all trust\n'
          b"local @users all # @SECRET\n@%s.etc/../x\n"
          b"include SECRET\ninclude_dir hba.d\n" % data.encode())
    w.put(top, "users", b"joe @sub/more\n")
    w.put(top, "sub/more", b"jane @../users")
    w.put(top, "ident", b'm @"os users" joe\n@users')
    w.put(top, "os users", b"root")
    w.put(top, "hba.d/1.conf", b"SECRET")
    w.put(top, "SECRET", b"SECRET")
    eq([(k, p[len(top):]) for k, _, p, _ in config(data)],
       [(MAIN, "/p.conf"), (HBA, "/hba"), (NAMED, "/users"),
        (NAMED, "/sub/more"), (IDENT, "/ident"), (NAMED, "/os users"),
        (NAMED, "/users"), (NAMED, "/sub/more")])

    # From 16 on the directives are more than words.
    data = newer("16", control=1300, catalog=202307071, crc=288)
    top = outside(data, "x = 1\n", "--hba_file=" + data + ".etc/hba")
    w.put(top, "hba", b"include_dir hba.d\ninclude_if_exists none\n")
    w.put(top, "hba.d/2.conf", b"# 2")
    w.put(top, "hba.d/1.conf", b"include ../more\n")
    w.put(top, "hba.d/.3.conf", b"SECRET")
    w.put(top, "more", b"")
    eq([(k, p[len(top):]) for k, _, p, _ in config(data)],
       [(MAIN, "/p.conf"), (HBA, "/hba"), (NAMED, "/hba.d/1.conf"),
        (NAMED, "/more"), (NAMED, "/hba.d/2.conf")])


@test
def A10_a_table_names_no_other_kind_of_file():
    for name, text in (("fifo", None), ("big", b"#" * 1000001),
                       ("l1", b"@l2")):
        data = pgdata()
        top = outside(data, "x = 1\n", "--hba_file=" + data + ".etc/hba")
        w.put(top, "hba", b"@%s" % name.encode())
        if text is None:
            os.mkfifo(top + "/" + name)
        else:
            w.put(top, name, text)
        for i in range(2, 12):
            w.put(top, "l%d" % i, b"@l%d" % (i + 1))
        refused(data, "setting", 3, w.frame("G"))


@test
def A10_config_of_another_directory_or_kind_is_not_served():
    data = pgdata()
    other = pgdata()
    outside(data, "data_directory = '%s'\nx = 'SECRET'\n" % other)
    refused(data, "setting", 3, w.frame("G"))

    data = pgdata()
    top = outside(data, "include 'fifo'\n")
    os.mkfifo(top + "/fifo")
    refused(data, "setting", 3, w.frame("G"))

    data = pgdata()
    top = outside(data, "include 'big'\n")
    w.put(top, "big", b"#" * 1000001)
    refused(data, "setting", 3, w.frame("G"))

    data = pgdata()
    top = outside(data, "include_dir 'many'\n")
    os.mkdir(top + "/many")
    for i in range(64):
        w.put(top, "many/%d.conf" % i, b"")
    refused(data, "setting", 3, w.frame("G"))

    data = pgdata()
    top = outside(data, "include 'p.conf'\n")
    refused(data, "setting", 3, w.frame("G"))

    data = pgdata()
    outside(data, "hba_file = 'SECRET'\n")
    refused(data, "setting", 3, w.frame("G"))

    data = pgdata()
    refused(data, "setting", 3, w.frame("G"))


# --- MANIFEST --------------------------------------------------------------


def names(entries):
    return [e["type"] + ":" + os.fsdecode(e["path"]) for e in entries]


def populate():
    data = pgdata()
    side = os.path.join(os.path.dirname(data), "space")
    w.put(side, "PG_15_202209061/1/77", "seventy-seven")
    w.put(side, "PG_14_202107181/1/66", "another cluster's")
    os.symlink(side, data + "/pg_tblspc/16385")
    w.put(data, "pg_wal/000000010000000000000005", b"w" * 100)
    w.put(data, "pg_wal/00000002.history", "1\n")
    w.put(data, "base/1/10", "ten")
    w.put(data, "base/1/10_init", "init")
    w.put(data, b"new\nline", "odd")
    w.put(data, b"caf\xe9", "bytes")
    w.put(data, "log/today.log", "log")
    os.mkfifo(data + "/fifo", 0o600)
    s = socket.socket(socket.AF_UNIX)
    cwd = os.getcwd()
    os.chdir(data)  # sun_path is short
    s.bind("sock")
    os.chdir(cwd)
    s.close()
    return data


@test
def B7_the_manifest_names_all_that_is_ours_and_nothing_else():
    data = populate()
    with start() as a:
        a.open(data)
        got, payload, end = a.list(log_dir="log", patterns=["caf*"])
        eq(names(got), [
            "f:PG_VERSION", "d:base", "d:base/1", "f:base/1/10",
            "f:base/1/10_init", "f:base/1/PG_VERSION", "d:global",
            "f:global/pg_control", "d:log", "f:new\nline", "d:pg_stat_tmp",
            "d:pg_tblspc", "l:pg_tblspc/16385",
            "d:pg_tblspc/16385/PG_15_202209061",
            "d:pg_tblspc/16385/PG_15_202209061/1",
            "f:pg_tblspc/16385/PG_15_202209061/1/77", "d:pg_wal"])
        eq(end.u64(), len(got))
        digest = end.take(16)
        if w.HAVE_XXH:
            eq(digest, w.xxh(payload))
        eq(end.u64(), 2)
        ten = [e for e in got if e["path"] == b"base/1/10"][0]
        eq((ten["size"], ten["mode"]), (3, 0o600))
        eq(w.stamp(**{k: ten[k] for k in w.STAMP}),
           w.stamp_of(os.stat(data + "/base/1/10")))
        eq(a.get("pg_tblspc/16385/PG_15_202209061/1/77")[0],
           b"seventy-seven")
        eq(a.get(b"caf\xe9")[0], b"bytes")


@test
def one_directory_is_listed_without_exclusions():
    data = populate()
    with start() as a:
        a.open(data)
        eq(names(a.list(flags=0, dir="pg_wal")[0]),
           ["f:pg_wal/000000010000000000000005", "f:pg_wal/00000002.history",
            "d:pg_wal/archive_status"])
        eq(names(a.list(flags=w.RECURSE | w.INIT)[0]), ["f:base/1/10_init"])
        eq(a.list(flags=0, dir="gone")[0], [])


@test
def B8_links_are_reported_and_never_followed():
    data = populate()
    out = os.path.join(os.path.dirname(data), "outside")
    os.symlink(out, data + "/stray")
    os.symlink("/nonexistent/x", data + "/pg_tblspc/16399")
    shutil.rmtree(data + "/pg_wal")
    os.symlink(out, data + "/pg_wal")
    with start() as a:
        eq(a.open(data)["wal_link"], out.encode())
        got = a.list()[0]
        eq([(e["path"], e["link"]) for e in got if e["type"] == "l"],
           [(b"pg_tblspc/16385", os.path.join(os.path.dirname(data), "space").encode()),
            (b"pg_tblspc/16399", b"/nonexistent/x"),
            (b"pg_wal", out.encode()), (b"stray", out.encode())])
        eq([e for e in names(got) if "pg_wal" in e], ["l:pg_wal"])
        eq(a.list(dir="stray")[0], [])


@test
def B9_B10_tablespaces_that_come_and_go():
    data = populate()
    side = os.path.join(os.path.dirname(data), "space")
    with start() as a:
        a.open(data)
        os.unlink(data + "/pg_tblspc/16385")
        os.symlink(side, data + "/pg_tblspc/20000")
        got = names(a.list()[0])
        eq([n for n in got if "16385" in n], [])
        eq("f:pg_tblspc/20000/PG_15_202209061/1/77" in got, True)


@test
def A10_tablespaces_that_cannot_be_served():
    data = pgdata()
    os.symlink(data + "/base", data + "/pg_tblspc/20000")
    request = w.frame("O", w.open_(data))
    refused(data, "tablespace", 3, request, opened=False)
    os.unlink(data + "/pg_tblspc/20000")
    hop = os.path.join(os.path.dirname(data), "hop")
    os.symlink(os.path.join(os.path.dirname(data), "outside"), hop)
    os.symlink(hop, data + "/pg_tblspc/20000")
    refused(data, "symlink", 3, request, opened=False)
    os.unlink(data + "/pg_tblspc/20000")
    os.symlink("/usr", data + "/pg_tblspc/20000")
    refused(data, "privilege", 3, request, opened=False)


@test
def B16_a_directory_that_cannot_be_read_is_an_error():
    data = pgdata()
    os.chmod(data + "/base/1", 0o000)
    try:
        err = refused(data, "source-io", 5, w.frame("M", w.manifest()))
        eq(err["text"],
           b'could not open directory "base/1": Permission denied')
    finally:
        os.chmod(data + "/base/1", 0o700)


# --- BATCH -----------------------------------------------------------------


@test
def B11_B16_files_that_are_there_gone_or_unreadable():
    data = pgdata()
    big = noise(3 * MIB + 17)
    w.put(data, "base/1/16384", big)
    w.put(data, "base/1/empty")
    w.put(data, "base/1/locked", "x")
    os.chmod(data + "/base/1/locked", 0)
    with start() as a:
        a.open(data)
        a.send("B", w.batch(w.file("base/1/16384", id=7),
                            w.file("base/1/empty", id=8),
                            w.file("base/1/none", id=9),
                            w.file("base/1/16384", id=10, limit=100),
                            w.file("base/1/16384", id=11, limit=1,
                                   flags=w.TO_EOF | w.SAME)))
        sizes = []
        ends = []
        for want in (big, b"", b"", big[:100], big):
            got, end = a.answer("d")
            ends.append(end)
            eq({g[:4] for g in got} - {w.u32(end["id"])}, set())
            eq(b"".join(g[4:] for g in got) == want, True)
            eq(max([len(g) for g in got] or [0]) <= w.CHUNK + 4, True)
            eq(end["size"], len(want))
            if w.HAVE_XXH and end["status"] == w.OK:
                eq(end["digest"], w.file_digest(want))
            sizes.append(len(want))
        eq([(e["id"], e["status"]) for e in ends],
           [(7, w.OK), (8, w.OK), (9, w.VANISHED), (10, w.OK), (11, w.OK)])
        a.send("X")
        r = w.Reader(a.expect("X"))
        eq((r.u64(), r.u64()), (5, sum(sizes)))
        payloads = b"".join(w.u32(e["id"]) + w.u8(e["status"])
                            + w.u64(e["size"]) + e["digest"]
                            + bytes(8) + w.u8(e["settled"])
                            + w.stamp(**e["stamp"]) for e in ends)
        if w.HAVE_XXH:
            eq(r.take(16), w.xxh(payloads))
        eq(a.end(), (None, 0))
    err = refused(data, "source-io", 5,
                  w.frame("B", w.batch(w.file("base/1/locked", id=3))))
    eq((err["id"], err["text"]),
       (3, b'could not open file "base/1/locked": Permission denied'))


def keeps_stamps(path):
    """A file system of the list in standby-wire(5), without lazytime?"""
    out = subprocess.run(["findmnt", "-n", "-o", "FSTYPE,OPTIONS", "-T", path],
                         capture_output=True, text=True).stdout.split()
    return (len(out) == 2  # nothing is told where the mount is out of sight
            and out[0] in ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs")
            and "lazytime" not in out[1].split(","))


@test
def a_file_is_at_rest_two_seconds_before_OPEN():
    data = pgdata()
    if not keeps_stamps(data):
        return "no file system that is known to keep stamps"
    w.put(data, "base/1/10", "ten")
    path = data + "/base/1/10"

    def settled(a):
        ends = [a.get("base/1/10")[1]]
        a.send("P", w.pages("base/1/10"))
        ends.append(a.answer("r")[1])
        a.send("S", w.sig(w.rs_signature(b""), "base/1/10"))
        ends.append(a.answer("D")[1])
        for e in ends:
            eq(w.stamp(**e["stamp"]), w.stamp_of(os.stat(path)))
            eq(e["settled"], ends[0]["settled"])
        return e["settled"]

    with start() as a:
        a.open(data)
        eq(settled(a), 0)
        # However long it is read after that.
        while time.time() < os.stat(path).st_ctime + 2.1:
            time.sleep(0.1)
        eq(settled(a), 0)
    with start() as a:
        a.open(data)
        eq(settled(a), 1)
        # A forged time of modification does not hide the change.
        st = os.stat(path)
        with open(path, "r+b") as f:
            f.write(b"TEN")
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        eq(settled(a), 0)
        eq(a.get("none")[1]["settled"], 0)


@test
def what_is_no_regular_file_is_not_served():
    data = populate()
    top = os.path.dirname(data)
    os.symlink(top + "/outside", data + "/base/dir")
    os.symlink(top + "/outside/secret", data + "/base/1/link")
    os.symlink("10", data + "/base/1/inner")
    with start() as a:
        a.open(data)
        for path in ("fifo", "sock", "base", "base/dir/secret", "base/1/link",
                     "base/1/inner", "base/1/10/x", "pg_tblspc/16385"):
            got, end = a.get(path)
            eq((path, got, end["status"]), (path, b"", w.NOT_REGULAR))


BAD_PATHS = ["/etc/passwd", "..", "../outside/secret", "base/../../x",
             "base/..", ".", "./PG_VERSION", "base/./1", "base//1", "base/",
             "", "x" * 256, "a/" * 512 + "b", "a\0b"]


@test
def B7_paths_that_lead_elsewhere_end_the_session():
    data = pgdata()
    for path in BAD_PATHS:
        for f in (w.frame("B", w.batch(w.file(path))),
                  w.frame("B", w.batch(w.file("PG_VERSION", id=5),
                                       w.file(path, id=6))),
                  w.frame("P", w.pages(path)),
                  w.frame("S", w.sig(w.rs_signature(b""), path))):
            refused(data, "protocol", 5, f)
        if path:
            refused(data, "protocol", 5, w.frame("M", w.manifest(dir=path)))
            refused(data, "protocol", 5,
                    w.frame("M", w.manifest(log_dir=path)))


@test
def requests_that_lie_about_themselves_end_the_session():
    data = pgdata()
    v = w.file("PG_VERSION")
    for kind, bad in (
            ("B", w.batch(v, count=2)), ("B", w.batch(v, count=0)),
            ("B", w.batch(v, v, count=1)), ("B", w.batch()), ("B", b""),
            ("B", w.batch(v, count=0xFFFFFFFF)), ("B", w.batch(v)[:-1]),
            ("B", w.batch(w.file("PG_VERSION", flags=0x80))),
            ("B", w.batch(w.file("PG_VERSION", id=w.NO_ID))),
            ("M", w.manifest(flags=0x10)), ("M", w.manifest(count=1)),
            ("M", w.manifest(count=0xFFFFFFFF)), ("M", w.manifest() + b"x"),
            ("M", w.manifest(patterns=["a\0b"])), ("M", b""),
            ("P", w.pages("PG_VERSION", nhash=1)),
            ("P", w.pages("PG_VERSION", hashes=[b"h" * 16] * 2)),
            ("P", w.pages("PG_VERSION", count=1025)),
            ("P", w.pages("PG_VERSION", flags=w.FIRST, count=0)),
            ("P", w.pages("PG_VERSION", block=1)),
            ("P", w.pages("PG_VERSION", flags=w.FIRST | w.LAST | 4)),
            ("P", w.pages("PG_VERSION", id=w.NO_ID)),
            ("P", w.pages(flags=w.LAST)), ("P", b""),
            ("S", w.sig(flags=w.LAST)), ("S", b""),
            ("S", w.sig(path="PG_VERSION", id=w.NO_ID)),
            ("X", b"x"), ("p", b"x"), ("q", b"x"), ("Z", b""), ("o", b""), ("F", b""),
            (bytes([ord("B") | w.ZIPPED]), b"\0\0\0\1x")):
        refused(data, "protocol", 5, w.frame(kind, bad))
    refused(data, "protocol", 5, w.frame("B", b"", length=(1 << 20) + 1))
    refused(data, "protocol", 5, w.frame("M", w.manifest()), opened=False)


@test
def B29_a_recycled_file_is_told():
    data = pgdata()
    name = "pg_wal/000000010000000000000005"
    w.put(data, name, noise(8 * MIB))
    with start() as a:
        a.open(data)
        a.send("B", w.batch(w.file(name, flags=w.SAME)))
        a.expect("d")  # it cannot have read all: its queue is bounded
        os.rename(data + "/" + name, data + "/pg_wal/recycled")
        got, end = a.answer("d")
        eq((end["status"], end["size"]), (w.CHANGED, 8 * MIB))
        os.symlink("recycled", data + "/" + name)
        eq(a.get(name, flags=w.SAME)[1]["status"], w.NOT_REGULAR)


@test
def B12_B13_files_that_grow_or_shrink_while_they_are_read():
    data = pgdata()
    content = noise(8 * MIB)
    with start() as a:
        a.open(data)
        for new, limit in ((4 * MIB, 8 * MIB), (9 * MIB, 8 * MIB)):
            name = w.put(data, "base/1/7", content)
            a.send("B", w.batch(w.file("base/1/7", limit=limit)))
            first = a.expect("d")
            os.truncate(name, new)
            got, end = a.answer("d")
            want = content[:min(new, limit)]
            eq(b"".join(g[4:] for g in [first] + got) == want, True)
            eq((end["status"], end["size"]), (w.OK, len(want)))
            if w.HAVE_XXH:
                eq(end["digest"], w.file_digest(want))


def asleep(pid):
    """Wait until the process waits for something, twice in a row."""
    seen = 0
    for _ in range(2000):
        with open("/proc/%d/stat" % pid) as f:
            seen = seen + 1 if f.read().rsplit(")", 1)[1][1] == "S" else 0
        if seen == 5:
            return
        time.sleep(0.01)
    raise TimeoutError("the agent does not come to rest")


@test
def the_queue_towards_the_client_is_bounded():
    data = pgdata()
    w.put(data, "base/1/7", noise(64 * MIB))
    with start() as a:
        a.open(data)
        a.send("B", w.batch(w.file("base/1/7")))
        a.expect("d")
        asleep(a.p.pid)  # nobody reads
        with open("/proc/%d/io" % a.p.pid) as f:
            read = int(f.readline().split()[1])
        eq(read < 8 * MIB, True)
        a.send("p")
        got = []
        while "q" not in got:
            got.append(a.recv()[0])
        eq("F" in got, False)


def memory(pid):
    """The most that it had, in bytes."""
    with open("/proc/%d/status" % pid) as f:
        return int([s for s in f if s.startswith("VmHWM")][0].split()[1]) << 10


@test
def answers_without_content_are_bounded_too():
    data = pgdata()
    # What a sanitizer keeps back of freed memory is not the queue.
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") +
               ":quarantine_size_mb=1")
    with start(env=env) as a:
        a.open(data)
        before = memory(a.p.pid)
        gone = w.frame("B", w.batch(*[w.file("gone")] * 40000)) * 8
        while gone:  # nobody reads
            if not select.select([], [a.p.stdin], [], a.WAIT)[1]:
                raise TimeoutError("the agent reads nothing")
            gone = gone[os.write(a.p.stdin.fileno(), gone):]
        asleep(a.p.pid)
        eq(memory(a.p.pid) - before < 20 * MIB, True)
        for _ in range(8 * 40000):
            eq(w.parse_file_end(a.expect("F"))["status"],
               w.VANISHED)


# --- PAGES -----------------------------------------------------------------


def apply_runs(old, runs, end, block=8192):
    new = bytearray(old)
    for r in runs:
        at = w.Reader(r[4:8]).u32() * block
        if len(new) < at + len(r) - 8:
            new += bytes(at + len(r) - 8 - len(new))
        new[at:at + len(r) - 8] = r[8:]
    return bytes(new[:end["size"]])


@test
def only_pages_that_differ_are_sent():
    if not w.HAVE_XXH:
        return "libxxhash is missing"
    data = pgdata()
    new = noise(300 * 8192 + 100)
    w.put(data, "base/1/7", new)
    old = bytearray(new)
    for block in (0, 5, 6, 7, 127, 128, 299):
        old[block * 8192 + 3] ^= 1
    for basis in (bytes(old), bytes(old[:200 * 8192]), b"", new,
                  new + b"x" * 8192):
        hashes = w.page_hashes(basis)[:301]
        with start() as a:
            a.open(data)
            for first, last in ((0, 256), (256, 301)):
                a.send("P", w.pages(
                    "base/1/7", block=first, count=last - first,
                    flags=(w.FIRST if first == 0 else w.LAST),
                    hashes=hashes[first:last]))
            runs, end = a.answer("r")
            eq(a.spans, [(1, 256)])
            eq((end["status"], end["size"]), (w.OK, len(new)))
            eq(end["digest"], w.file_digest(new))
            eq(apply_runs(basis, runs, end) == new, True)
            if basis == bytes(old):
                eq([w.Reader(r[4:8]).u32() for r in runs],
                   [0, 5, 6, 7, 127, 128, 299])
            eq(max([len(r) for r in runs] or [0]) <= w.CHUNK + 8, True)
            a.send("X")
            r = w.Reader(a.expect("X"))
            eq((r.u64(), r.u64()), (1, sum(len(x) - 8 for x in runs)))


@test
def pages_end_at_the_limit_and_at_the_end_of_the_file():
    data = pgdata()
    w.put(data, "base/1/7", noise(10 * 8192))
    w.put(data, "base/1/0")
    with start() as a:
        a.open(data)
        for path, kw, size in (
                ("base/1/7", {"count": 10, "limit": 4 * 8192}, 4 * 8192),
                ("base/1/7", {"count": 10, "limit": 8192 + 1}, 8192 + 1),
                ("base/1/7", {"count": 1024}, 10 * 8192),
                ("base/1/7", {"count": 2}, 2 * 8192),
                ("base/1/0", {"count": 0}, 0),
                ("base/1/0", {"count": 5}, 0)):
            a.send("P", w.pages(path, **kw))
            runs, end = a.answer("r")
            eq((end["status"], end["size"]), (w.OK, size))
            eq(sum(len(r) - 8 for r in runs), size)
        for path, status in (("base/1/none", w.VANISHED),
                             ("base/1", w.NOT_REGULAR)):
            a.send("P", w.pages(path, flags=w.FIRST, count=1))
            a.send("P", w.pages(flags=w.LAST, block=1, count=1))
            runs, end = a.answer("r")
            eq((runs, end["status"], end["size"]), ([], status, 0))


@test
def B12_what_is_appended_behind_the_end_is_not_served():
    data = pgdata()
    new = noise(5 * 8192)
    name = w.put(data, "base/1/7", new)
    with start() as a:
        a.open(data)
        a.send("P", w.pages("base/1/7", flags=w.FIRST, count=10))
        a.send("C")  # answered when the span is
        runs = [a.expect("r")]
        a.expect("c")
        with open(name, "ab") as f:
            f.write(noise(20 * 8192))
        a.send("P", w.pages(flags=w.LAST, block=10, count=10))
        more, end = a.answer("r")
        eq((end["size"], more), (len(new), []))
        eq(apply_runs(b"", runs, end) == new, True)


@test
def other_requests_may_come_between_the_spans_of_a_file():
    data = pgdata()
    new = noise(20 * 8192)
    w.put(data, "base/1/7", new)
    with start() as a:
        a.open(data)
        a.send("P", w.pages("base/1/7", id=3, flags=w.FIRST, count=10))
        runs = [a.expect("r")]
        eq(a.get("PG_VERSION", id=4)[0], b"15\n")
        a.send("C")
        a.expect("c")
        a.send("P", w.pages(id=3, flags=w.LAST, block=10, count=10))
        more, end = a.answer("r")
        eq(apply_runs(b"", runs + more, end) == new, True)
        if w.HAVE_XXH:
            eq(end["digest"], w.file_digest(new))


@test
def spans_out_of_order_end_the_session():
    data = pgdata()
    w.put(data, "base/1/7", noise(20 * 8192))
    first = w.frame("P", w.pages("base/1/7", id=3, flags=w.FIRST, count=4))
    for second in (w.pages(id=3, flags=0, block=5),
                   w.pages(id=3, flags=0, block=0),
                   w.pages(id=2, flags=w.LAST, block=4),
                   w.pages("base/1/7", id=4, flags=w.FIRST),
                   w.pages("base/1/7", id=3, flags=w.FIRST)):
        refused(data, "protocol", 5, first, w.frame("P", second))
    refused(data, "protocol", 5, first, w.frame("X"))


# --- SIG -------------------------------------------------------------------


@test
def a_delta_against_a_signature_makes_the_file():
    data = pgdata()
    old = noise(200000)
    for new in (old, b"inserted" + old, old[:1000] + old[5000:], b"", old[:7],
                noise(70000, salt=9)):
        w.put(data, "base/1/map", new)
        signature = w.rs_signature(old, block=1024)
        with start() as a:
            a.open(data)
            a.send("S", w.sig(signature[:5], "base/1/map", flags=w.FIRST,
                              basis=len(old)))
            for i in range(5, len(signature), 1000):
                a.send("S", w.sig(signature[i:i + 1000], flags=0))
            a.send("S", w.sig(flags=w.LAST))
            got, end = a.answer("D")
            delta = b"".join(g[4:] for g in got)
            eq(w.rs_patch(old, delta) == new, True)
            eq((end["status"], end["size"]), (w.OK, len(new)))
            if w.HAVE_XXH:
                eq(end["digest"], w.file_digest(new))
            if new.endswith(old):
                eq(len(delta) < 5000, True)
            a.send("S", w.sig(signature, "base/1/none", basis=len(old)))
            eq(a.answer("D")[1]["status"], w.VANISHED)
            a.send("S", w.sig(signature, "base/1/map", basis=len(old),
                              limit=100))
            eq(a.answer("D")[1]["size"], min(100, len(new)))


@test
def signatures_that_librsync_should_not_see_end_the_session():
    data = pgdata()
    old = noise(10000)
    good = w.rs_signature(old)
    for bad, basis in (
            (b"", 10000), (good[:4], 10000), (good[:-1], 10000),
            (good + b"x", 10000), (good, 1), (good, 1 << 40),
            (b"\0" * len(good), 10000), (noise(len(good)), 10000),
            (w.u32(0x72730136) + good[4:], 10000),
            (w.u32(0x72730137) + good[4:], 10000),
            (good[:4] + w.u32((1 << 31) - 1) + good[8:], 10000),
            (good[:4] + w.u32(0) + good[8:], 10000),
            (good[:4] + w.u32(1025) + good[8:], 10000),
            (good[:8] + w.u32(1) + good[12:], 10000),
            (good[:8] + w.u32(0xFFFFFFFF) + good[12:], 10000)):
        refused(data, "protocol", 5,
                w.frame("S", w.sig(bad, "PG_VERSION", basis=basis)))
    first = w.frame("S", w.sig(good[:20], "PG_VERSION", flags=w.FIRST,
                               basis=10000))
    for second in (w.sig(good[20:], id=2, flags=w.LAST),
                   w.sig(good, "PG_VERSION", basis=10000)):
        refused(data, "protocol", 5, first, w.frame("S", second))
    refused(data, "protocol", 5, first, w.frame("X"))


# --- the line --------------------------------------------------------------


@test
def frames_are_packed_when_it_pays():
    if not w.HAVE_ZSTD:
        return "libzstd is missing"
    data = pgdata()
    flat = b"PostgreSQL " * 100000
    w.put(data, "base/1/7", flat)
    w.put(data, "base/1/8", noise(MIB))
    for level in (1, 255):
        with start() as a:
            a.open(data, compress=level)
            eq(a.get("base/1/7")[0] == flat, True)
            eq(a.get("base/1/8")[0] == noise(MIB), True)
            a.list()


@test
def B20_pings_are_answered_while_the_rate_is_limited():
    data = pgdata()
    w.put(data, "base/1/7", noise(16 * MIB))
    with start() as a:
        a.open(data, rate=64 * 1024)
        a.send("B", w.batch(w.file("base/1/7")))
        a.expect("d")
        for _ in range(2):
            a.send("p")
            kind, payload = a.recv()
            while kind == "d":
                kind, payload = a.recv()
            eq(kind, "q")
        eq(0 < w.Reader(payload).u64() < 16 * MIB, True)


@test
def B22_the_agent_ends_when_the_client_is_gone():
    data = pgdata()
    w.put(data, "base/1/7", noise(16 * MIB))
    with start() as a:  # idle
        a.open(data)
        a.p.stdin.close()
        err, status = a.end()
        eq((err["code"], status), ("agent", 5))
        a.p.stdin = open(os.devnull)
    with start() as a:  # sending, and nobody reads
        a.open(data)
        a.send("B", w.batch(w.file("base/1/7")))
        a.expect("d")
        a.p.stdin.close()
        a.p.stdout.close()
        eq(a.p.wait(a.WAIT), 5)
        a.p.stdin = a.p.stdout = open(os.devnull)
    with start() as a:  # in the middle of a frame
        a.open(data)
        a.send_raw(w.frame("B", b"", length=100) + b"half")
        a.p.stdin.close()
        eq(a.end()[1], 5)
        a.p.stdin = open(os.devnull)
    with start() as a:  # closing behind DONE is no hurry
        a.open(data)
        a.send("B", w.batch(w.file("base/1/7")))
        a.send("X")
        a.p.stdin.close()
        eq(len(a.answer("d")[0]), 64)
        a.expect("X")
        eq(a.end(), (None, 0))
        a.p.stdin = open(os.devnull)


@test
def requests_that_wait_are_bounded():
    data = pgdata()
    w.put(data, "base/1/7", noise(16 * MIB))
    with start() as a:
        a.open(data, rate=4096)
        a.send("B", w.batch(w.file("base/1/7")))
        big = w.frame("B", w.batch(*[w.file("PG_VERSION")] * 30000))
        for _ in range(14):
            a.send_raw(big)
        err, status = a.end()
        eq((err["code"], status), ("protocol", 5))


@test
def an_ERR_of_the_client_ends_it():
    with start() as a:
        a.open(pgdata())
        a.send("!", w.u32(w.NO_ID) + w.text("local-io") + w.text("disk full")
               + w.text("") + w.text(""))
        err, status = a.end()
        eq((err["code"], status, b"disk full" in err["text"]),
           ("agent", 5, True))


@test
def the_fake_agent_of_other_tests_answers_as_this_one():
    if not w.HAVE_XXH:
        return "libxxhash is missing"
    data = pgdata()
    w.put(data, "base/1/7", noise(3 * MIB + 5))
    package = run("--version").stdout.split()[-1].decode()
    fake = ["/usr/bin/env", "python3", "-c", """
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import wire_speaker as w
w.fake_agent(sys.argv[2], sys.argv[3],
             skip=lambda p: p in (b"postmaster.pid",
                                  b"pg_wal/archive_status")).run()
""", os.path.join(TOP, "t", "lib"), data, package]
    said = []
    for argv in ([AGENT], fake):
        with w.agent(argv) as a:
            o = a.open(data)
            out = [(o["system"], o["catalog"], o["version"], o["ino"])]
            out.append(a.list()[1])
            out.append(a.get("base/1/7"))
            out.append(a.get("none"))
            a.send("P", w.pages("base/1/7", count=400))
            runs, end = a.answer("r")
            out.append((apply_runs(b"", runs, end), end))
            signature = w.rs_signature(b"")
            a.send("S", w.sig(signature, "base/1/7"))
            deltas, end = a.answer("D")
            out.append((w.rs_patch(b"", b"".join(d[4:] for d in deltas)),
                        end))
            a.send("C")
            out.append(a.expect("c"))
            a.send("X")
            done = a.expect("X")
            out.append((done[:8], done[16:]))  # deltas differ in length
            eq(a.end(), (None, 0))
        said.append(out)
    for real, other in zip(*said):
        eq(real == other, True)


# --- the program -----------------------------------------------------------


def run(*args, **kw):
    return subprocess.run([AGENT, *args], capture_output=True, timeout=20,
                          stdin=kw.pop("stdin", subprocess.DEVNULL), **kw)


@test
def the_program_takes_no_arguments_and_explains_itself():
    eq(run("--version").stdout.startswith(b"standby-agent (standby-tools) "),
       True)
    r = run("--help")
    eq((r.returncode, b"standby-clone" in r.stdout, r.stderr),
       (0, True, b""))
    for args in (["/data"], ["--server", "."], ["--help", "x"], ["-D"]):
        r = run(*args)
        eq((r.returncode, r.stdout, b"hint" in r.stderr), (2, b"", True))
    master, slave = os.openpty()
    r = run(stdin=slave)
    os.close(master)
    os.close(slave)
    eq((r.returncode, b"terminal" in r.stderr), (2, True))
    with open("/dev/full", "wb") as full:
        eq(subprocess.run([AGENT, "--help"], stdout=full).returncode, 1)


@test
def nothing_is_written_below_pgdata():
    data = populate()

    def state():
        out = []
        for where, dirs, files in os.walk(os.path.dirname(data)):
            for n in dirs + files:
                st = os.lstat(os.path.join(where, n))
                out.append((where, n, st.st_mtime_ns, st.st_ctime_ns))
        return sorted(out)
    before = state()
    with start() as a:
        a.open(data)
        a.list()
        a.get("base/1/10")
        a.send("P", w.pages("base/1/10"))
        a.answer("r")
        a.send("S", w.sig(w.rs_signature(b""), "base/1/10"))
        a.answer("D")
        a.send("X")
        eq(a.end()[1], 0)
    eq(state() == before, True)


def refuses_root():
    with start() as a:
        a.expect("H")
        err, status = a.end()
        eq((err["code"], status), ("run-as-root", 3))


if __name__ == "__main__":
    main("0100-agent", refuses_root)
