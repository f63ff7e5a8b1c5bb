"""Directories: what a clone leaves out, whether a copy is right, setting a
copy back to an older state, reading files into the page cache."""
import fnmatch
import hashlib
import os
import shutil
import stat

from common import BenchError, run

BLOCK = 1 << 20
PAGE = 8192

# What standby-clone leaves out (--list-excludes), as far as it occurs here,
# in rsync's words: all contenders that can be told are told the same.
EXCLUDES = (
    "/postmaster.pid", "/postmaster.opts", "/backup_label*",
    "/tablespace_map*", "/backup_manifest", "/standby.signal",
    "/recovery.signal", "/postgresql.auto.conf.tmp", "/current_logfiles*",
    "/.standby-clone.*", "pgsql_tmp*", "pg_internal.init*",
    "/pg_wal/*", "/pg_replslot/*", "/pg_dynshmem/*", "/pg_notify/*",
    "/pg_serial/*", "/pg_snapshots/*", "/pg_stat_tmp/*", "/pg_subtrans/*",
)
# Differs rightly: a checkpoint of the next contender writes it, or the clone
# is given its own.
OWN = ("global/pg_control", "postgresql.auto.conf")


def is_excluded(rel):
    for pattern in EXCLUDES:
        if pattern.startswith("/"):
            if fnmatch.fnmatchcase(rel, pattern[1:]):
                return True
        elif fnmatch.fnmatchcase(os.path.basename(rel), pattern):
            return True
    return False


def scan(root):
    """{relative path: os.stat_result} of everything below."""
    found = {}
    stack = [""]
    while stack:
        where = stack.pop()
        with os.scandir(os.path.join(root, where)) as entries:
            for entry in entries:
                rel = os.path.join(where, entry.name)
                try:
                    found[rel] = entry.stat(follow_symlinks=False)
                except FileNotFoundError:       # WAL that is recycled
                    continue
                if entry.is_dir(follow_symlinks=False):
                    stack.append(rel)
    return found


def content(root):
    """{relative path: size} of the files that a copy must have."""
    return {rel: st.st_size for rel, st in scan(root).items()
            if stat.S_ISREG(st.st_mode) and not is_excluded(rel)
            and rel not in OWN}


def digest(root, names):
    """One digest over all of these files."""
    total = hashlib.blake2b()
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    for rel in sorted(names):
        total.update(rel.encode())
        with open(os.path.join(root, rel), "rb", buffering=0) as f:
            while n := f.readinto(buffer):
                total.update(view[:n])
    return total.digest()


def check(source, copy, thoroughly):
    """The copy has the files of the source, with their sizes; thoroughly:
    and their content."""
    want = content(source)
    have = content(copy)
    wrong = [rel for rel in want.keys() | have.keys()
             if want.get(rel) != have.get(rel)]
    if wrong:
        raise BenchError("the copy is wrong: %d files, \"%s\" first" % (
            len(wrong), min(wrong)))
    for rel in OWN:
        if not os.path.exists(os.path.join(copy, rel)):
            raise BenchError("the copy has no \"%s\"" % rel)
    if thoroughly and digest(source, want) != digest(copy, want):
        raise BenchError("the copy has other content than the source")


def remove(path):
    if os.path.lexists(path):
        shutil.rmtree(path)


def bury(path, yard):
    """Out of the way, and empty, but not removed: ext4 without a journal gives
    the inode of a file that was removed to no other one for minutes, and looks
    at all of them for each file that is made next."""
    if not os.path.lexists(path):
        return
    for top, _, names in os.walk(path):
        for name in names:
            os.truncate(os.path.join(top, name), 0)
    os.makedirs(yard, exist_ok=True)
    os.rename(path, os.path.join(yard, str(len(os.listdir(yard)))))


# --- back to an older state

def patch(old, new):
    """Make the file "new" as "old" is, by the pages that differ."""
    with open(old, "rb", buffering=0) as a, open(new, "r+b", buffering=0) as b:
        at = 0
        while block := a.read(BLOCK):
            there = b.read(len(block))
            if block != there:
                for i in range(0, len(block), PAGE):
                    page = block[i:i + PAGE]
                    if page != there[i:i + PAGE]:
                        os.pwrite(b.fileno(), page, at + i)
            at += len(block)
            b.seek(at)
        b.truncate(at)


def same(a, b):
    return (stat.S_IFMT(a.st_mode) == stat.S_IFMT(b.st_mode)
            and a.st_size == b.st_size and a.st_mtime_ns == b.st_mtime_ns)


def restore(base, target):
    """Make target as base is.  A file with the size and time of its base was
    not written since: its time came from there, to the nanosecond."""
    if not os.path.exists(target):
        run(["cp", "-a", "--reflink=auto", base, target])
        return
    want = scan(base)
    have = scan(target)
    for rel in sorted(have.keys() - want.keys(), reverse=True):
        path = os.path.join(target, rel)
        (os.rmdir if stat.S_ISDIR(have[rel].st_mode) else os.unlink)(path)
    for rel in sorted(want):
        restore_one(os.path.join(base, rel), os.path.join(target, rel),
                    want[rel], have.get(rel))


def restore_one(old, new, want, have):
    if stat.S_ISDIR(want.st_mode):
        if have is None:
            os.mkdir(new)
    elif have is None:
        shutil.copy2(old, new)
    elif not same(want, have):
        patch(old, new)
    os.chmod(new, stat.S_IMODE(want.st_mode))
    if have is None or not same(want, have):
        os.utime(new, ns=(want.st_mtime_ns, want.st_mtime_ns))


# --- the page cache

def warm(root):
    """Read everything once: all contenders find it in memory."""
    buffer = bytearray(BLOCK)
    for rel, st in scan(root).items():
        if stat.S_ISREG(st.st_mode) and not rel.startswith("pg_wal/"):
            with open(os.path.join(root, rel), "rb", buffering=0) as f:
                while f.readinto(buffer):
                    pass
