#!/usr/bin/python3
"""Count what differs between two data directories, page by page.

    pages.py SOURCE TARGET [EXTRA_SOURCE EXTRA_TARGET]...

Prints "TOTAL CHANGED WHOLE": bytes of the source, bytes of pages (8 kB) that
a refresh of TARGET has to fetch, and of these what lies in files that TARGET
does not have at all.  What a clone leaves out (WAL, statistics, pid files and
so on) is not counted.  Extra pairs are tablespaces.
"""
import os
import re
import sys

PAGE = 8192
SKIP_DIRS = {
    "pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial",
    "pg_snapshots", "pg_stat_tmp", "pg_subtrans", "pg_tblspc", "log",
}
SKIP_FILES = re.compile(
    r"^(postmaster\.(pid|opts)|backup_label.*|tablespace_map.*|"
    r"pg_internal\.init.*|.*\.conf|standby\.signal|recovery\.signal|"
    r"\.standby-clone\..*|current_logfiles.*|t\d+_\d+.*|backup_manifest|"
    r"pgsql_tmp.*)$")


def files(root):
    for where, dirs, names in os.walk(root):
        rel = os.path.relpath(where, root)
        dirs[:] = [d for d in dirs if d not in SKIP_DIRS
                   and not d.startswith("pgsql_tmp")]
        unlogged = {m.group(1) for m in
                    (re.match(r"^(\d+)_init$", n) for n in names) if m}
        for name in names:
            path = os.path.join(where, name)
            m = re.match(r"^(\d+)(_fsm|_vm)?(\.\d+)?$", name)
            if (SKIP_FILES.match(name) or os.path.islink(path)
                    or (m and m.group(1) in unlogged)):
                continue
            yield os.path.normpath(os.path.join(rel, name))


def differing(a, b):
    """Bytes of pages of file a that file b does not have at that place."""
    count = 0
    with open(a, "rb") as fa, open(b, "rb") as fb:
        while True:
            x, y = fa.read(PAGE * 128), fb.read(PAGE * 128)
            if not x:
                return count
            if x == y:
                continue
            for i in range(0, len(x), PAGE):
                if x[i:i + PAGE] != y[i:i + PAGE]:
                    count += len(x[i:i + PAGE])


def main(argv):
    if len(argv) < 3 or len(argv) % 2 == 0:
        print(__doc__, file=sys.stderr)
        return 2
    total = changed = whole = 0
    for source, target in zip(argv[1::2], argv[2::2]):
        for name in files(source):
            a, b = os.path.join(source, name), os.path.join(target, name)
            size = os.stat(a).st_size
            total += size
            if os.path.isfile(b):
                changed += differing(a, b)
            else:
                changed += size
                whole += size
    print(total, changed, whole)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
