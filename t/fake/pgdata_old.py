#!/usr/bin/python3
"""A data directory as PostgreSQL 9.0 to 9.6 has it, for tests.

    pgdata_old.py VERSION DIR [--segments FIRST,N] [--tablespace OID=DIR]...
                  [--stale NAME]... [--conf LINE]... [--plant]

What a clone looks at is right: names, sizes, pg_control with its CRC, the first
page of each WAL segment (postgres-facts section 11).  The rest is filler.
FIRST: the number of the first segment (counted as that version counts them);
N of them, and two recycled ones behind, which still have old pages.  --stale:
that segment has an old page too.  --plant: a file of each kind that no clone
takes.  The name of each segment is printed, one on a line.
"""
import argparse
import os
import struct

SEGMENT = 16 << 20
SYSTEM = 6066000000000000000  # + the version, so that no two are the same
MAGIC = {"9.0": 0xD064, "9.1": 0xD066, "9.2": 0xD071, "9.3": 0xD075,
         "9.4": 0xD07E, "9.5": 0xD087, "9.6": 0xD093}
# pg_control_version, catalog_version, and the offsets of the fields
CONTROL = {
    "9.0": (903, 201008051, dict(
        redo=48, tli=56, wal_level=120, max_connections=124, prepared=128,
        locks=132, blcksz=152, relseg=156, xlog_blcksz=160, xlog_seg=164,
        crc=184)),
    "9.1": (903, 201105231, "9.0"),
    "9.2": (922, 201204301, dict(
        redo=48, tli=56, wal_level=140, max_connections=144, prepared=148,
        locks=152, blcksz=168, relseg=172, xlog_blcksz=176, xlog_seg=180,
        crc=200)),
    "9.3": (937, 201306121, dict(
        redo=48, tli=56, wal_level=164, max_connections=168, prepared=172,
        locks=176, blcksz=192, relseg=196, xlog_blcksz=200, xlog_seg=204,
        crc=228)),
    "9.4": (942, 201409291, dict(
        redo=48, tli=56, wal_level=164, max_connections=172, workers=176,
        prepared=180, locks=184, blcksz=200, relseg=204, xlog_blcksz=208,
        xlog_seg=212, crc=240)),
    "9.5": (942, 201510051, "9.6"),
    "9.6": (960, 201608131, dict(
        redo=48, tli=56, wal_level=172, max_connections=180, workers=184,
        prepared=188, locks=192, blcksz=216, relseg=220, xlog_blcksz=224,
        xlog_seg=228, crc=256)),
}
# Directories, by the version that has them first.
DIRS = [
    ("9.0", "base base/1 base/12000 global pg_clog pg_multixact "
     "pg_multixact/members pg_multixact/offsets pg_notify pg_stat_tmp "
     "pg_subtrans pg_tblspc pg_twophase pg_xlog pg_xlog/archive_status"),
    ("9.1", "pg_serial"), ("9.2", "pg_snapshots"), ("9.3", "pg_stat"),
    ("9.4", "pg_dynshmem pg_logical pg_logical/mappings "
     "pg_logical/snapshots pg_replslot"), ("9.5", "pg_commit_ts"),
]
PAGE = bytes(range(256)) * 32
# What no clone takes, by the version that has it first.
PLANTS = [
    ("9.0", "postmaster.opts backup_label.old recovery.conf recovery.done "
     "pg_log/postgresql.log base/pgsql_tmp/pgsql_tmp4711.0 "
     "base/1/pg_internal.init global/pg_internal.init base/1/t3_16400 "
     "pg_notify/0000 pg_stat_tmp/pgstat.stat pg_subtrans/0000 "
     "pg_xlog/archive_status/000000010000000000000001.done core "
     ".standby-clone.index"),
    ("9.1", "promote base/1/16500 base/1/16500_fsm pg_serial/0000"),
    ("9.2", "pg_snapshots/000003E8-1"), ("9.3", "fallback_promote"),
    ("9.4", "pg_replslot/other/state pg_dynshmem/mmap.1 "
     "postgresql.auto.conf.tmp"), ("9.5", "tablespace_map.old"),
]


def system_of(version):
    return SYSTEM + int(version.replace(".", ""))


def layout(version):
    control, catalog, fields = CONTROL[version]
    if isinstance(fields, str):
        fields = CONTROL[fields][2]
    return control, catalog, fields


# --- WAL ----------------------------------------------------------------------

def per_log(version):
    """9.0.0 xlog_internal.h:122: the last segment of each is not used."""
    return 255 if version < "9.3" else 256


def wal_name(version, segno):
    n = per_log(version)
    return "%08X%08X%08X" % (1, segno // n, segno % n)


def lsn_of(version, segno, offset=0):
    n = per_log(version)
    return segno // n, segno % n * SEGMENT + offset


def first_page(version, segno):
    log, off = lsn_of(version, segno)
    head = struct.pack("<HHI", MAGIC[version], 2, 1)
    if version < "9.3":
        head += struct.pack("<II", log, off)
    else:
        head += struct.pack("<QI4x", log << 32 | off, 0)
    head += struct.pack("<QII", system_of(version), SEGMENT, 8192)
    return head.ljust(8192, b"\x17")


def add_segment(path, version, segno):
    with open(path, "wb") as f:
        f.write(first_page(version, segno))
        f.truncate(SEGMENT)


# --- pg_control ---------------------------------------------------------------

def crc_table(polynomial):
    out = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ polynomial if i & 1 else i >> 1
        out.append(i)
    return out


def crc_of(version, data):
    crc = 0xffffffff
    if version >= "9.5":
        table = crc_table(0x82F63B78)
        for b in data:
            crc = table[(crc ^ b) & 0xff] ^ crc >> 8
    else:  # the reflected table with the shifts of the other kind
        table = crc_table(0xEDB88320)
        for b in data:
            crc = table[(crc >> 24 ^ b) & 0xff] ^ crc << 8 & 0xffffffff
    return crc ^ 0xffffffff


def control_file(version, segno):
    control, catalog, at = layout(version)
    log, off = lsn_of(version, segno, 0x20)
    data = bytearray(8192)
    struct.pack_into("<QIII", data, 0, system_of(version), control, catalog, 6)
    for offset in (32, at["redo"]):
        if version < "9.3":
            struct.pack_into("<II", data, offset, log, off)
        else:
            struct.pack_into("<Q", data, offset, log << 32 | off)
    for name, value in (
            ("tli", 1), ("wal_level", 2), ("max_connections", 100),
            ("workers", 8), ("prepared", 0), ("locks", 64), ("blcksz", 8192),
            ("relseg", 131072), ("xlog_blcksz", 8192), ("xlog_seg", SEGMENT)):
        if name in at:
            struct.pack_into("<I", data, at[name], value)
    struct.pack_into("<I", data, at["crc"],
                     crc_of(version, bytes(data[:at["crc"]])))
    return bytes(data)


# --- the tree -----------------------------------------------------------------

def put(path, data):
    os.makedirs(os.path.dirname(path), 0o700, True)
    with open(path, "wb") as f:
        f.write(data)


def since(table, version):
    for first, names in table:
        if first <= version:
            yield from names.split()


def fill(version, top, conf):
    files = {"PG_VERSION": version, "global/pg_filenode.map": "map",
             "postgresql.conf": "".join(c + "\n" for c in conf),
             "pg_hba.conf": "local all all trust\n", "pg_ident.conf": ""}
    if version >= "9.4":
        files["postgresql.auto.conf"] = "# Do not edit this file manually!\n"
    for db in ("1", "12000"):
        files["base/%s/PG_VERSION" % db] = version + "\n"
        files["base/%s/pg_filenode.map" % db] = "map"
    for name, text in files.items():
        put(os.path.join(top, name), text.encode())
    for name in ("base/1/1259", "base/12000/1259", "base/12000/1259_vm",
                 "global/1262", "pg_clog/0000"):
        put(os.path.join(top, name), PAGE)
    put(os.path.join(top, "PG_VERSION"), version.encode() + b"\n")
    if version >= "9.1":
        put(os.path.join(top, "base/1/16500_init"), PAGE)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("version", choices=sorted(CONTROL))
    ap.add_argument("dir")
    ap.add_argument("--segments", default="2,1")
    ap.add_argument("--tablespace", action="append", default=[])
    ap.add_argument("--stale", action="append", default=[])
    ap.add_argument("--conf", action="append", default=[])
    ap.add_argument("--plant", action="store_true")
    o = ap.parse_args()
    os.umask(0o077)
    first, n = [int(x, 0) for x in o.segments.split(",")]
    os.mkdir(o.dir)
    for name in since(DIRS, o.version):
        os.mkdir(os.path.join(o.dir, name))
    fill(o.version, o.dir, o.conf)
    put(os.path.join(o.dir, "global/pg_control"),
        control_file(o.version, first))
    for segno in range(first, first + n + 2):
        name = wal_name(o.version, segno)
        old = segno >= first + n or name in o.stale
        add_segment(os.path.join(o.dir, "pg_xlog", name), o.version,
                    segno - 7 if old and segno > 7 else
                    segno + 7 if old else segno)
        if segno < first + n:
            print(name)
    for one in o.tablespace:
        oid, _, where = one.partition("=")
        sub = "PG_%s_%d" % (o.version, layout(o.version)[1])
        put(os.path.join(where, sub, "12000/16385"), PAGE)
        os.symlink(where, os.path.join(o.dir, "pg_tblspc", oid))
    if o.plant:
        for name in since(PLANTS, o.version):
            put(os.path.join(o.dir, name), PAGE)
        os.mkdir(os.path.join(o.dir, "lost+found"))


if __name__ == "__main__":
    main()
