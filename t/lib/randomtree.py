"""Random pairs of a source and a target directory, the same for the same seed,
and the comparison of the two after a transfer.

A file of the target is that of the source, changed in the ways in which one
comes to differ: bytes, rows, hint bits, whole pages, what is missing, cut,
longer, moved, swapped; or it is no file at all, or has several names.
"""
import os
import stat
import struct

PARTS = 32
MIB = 1 << 20
ZEROS = bytes(MIB)
# What is in the source and is left out, or made by a clone itself.
NOT_COPIED = {"global/pg_control", "postmaster.pid", "pg_wal/archive_status"}


class Differs(AssertionError):
    """A file, an offset in it, and what is there."""

    def __init__(self, path, text, at=None):
        super().__init__("%r: %s" % (path, text))
        self.path, self.at = path, at


# --- content ---------------------------------------------------------------


def noise(rng, n, _):
    return rng.randbytes(n)


def rows(rng, n, bs):
    """Pages that compress, and every part of them is unlike all others."""
    page = bytearray(rng.choices(b"abcdefgh 0123", k=bs))
    out = bytearray(bytes(page) * (n // bs + 1))
    salt = rng.getrandbits(16) << 32
    for i in range(0, len(out), bs // PARTS):
        struct.pack_into("<Q", out, i, salt + i)
    return bytes(out[:n])


def with_zeros(rng, n, bs):
    out = bytearray(rng.randbytes(n))
    for at in range(0, n, bs):
        if rng.random() < 0.4:
            part = out[at:at + bs]
            out[at:at + bs] = bytes(len(part))
    return bytes(out)


def repeated(rng, n, bs):
    """Each page may stand for every other one."""
    return (rng.randbytes(bs) * (n // bs + 1))[:n]


def random_content(rng, n, bs):
    return rng.choice((noise, noise, rows, with_zeros, repeated))(rng, n, bs)


def random_size(rng, bs):
    if rng.random() < 0.3:
        return rng.randrange(40 * bs)
    n = rng.choice((0, 1, 255, 256, 8191, 8192, 8193, bs - 1, bs, bs + 1,
                    2 * bs, 31 * bs, 512 * bs, 512 * bs + 1, MIB - 1, MIB,
                    MIB + bs, 100 * bs))
    return min(n, 5 * MIB)


# --- how the target differs ------------------------------------------------
# Each gets the content as a bytearray and returns what the target has.


def bytes_here_and_there(rng, t, bs):
    for _ in range(rng.randint(1, 8)):
        t[rng.randrange(len(t))] ^= rng.randint(1, 255)
    return t


def edges(rng, t, bs):
    """First and last bytes of parts, pages and the file."""
    part = bs // PARTS
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(t) // part + 1) * part - rng.randint(0, 1)
        t[max(0, min(at, len(t) - 1))] ^= 255
    t[-1] ^= rng.choice((0, 1))
    return t


def updated_rows(rng, t, bs):
    """LSN, checksum, a line pointer, a row; of some pages or of all."""
    share = rng.choice((0.05, 0.5, 1))
    for at in range(0, len(t) - bs + 1, bs):
        if rng.random() > share:
            continue
        t[at:at + 10] = rng.randbytes(10)
        pointer = at + 24 + 4 * rng.randrange(min(40, bs // 16))
        t[pointer:pointer + 4] = rng.randbytes(4)
        n = rng.randint(20, 200)
        row = at + rng.randrange(bs // 2, bs - n)
        t[row:row + n] = rng.randbytes(n)
    return t


def hint_bits(rng, t, bs, step=0):
    step = step or rng.choice((bs // PARTS, 64, bs // 4, bs))
    for at in range(rng.randrange(min(step, len(t))), len(t), step):
        t[at] ^= 1 << rng.randrange(8)
    return t


def other_pages(rng, t, bs):
    for _ in range(rng.randint(1, 10)):
        at = rng.randrange(len(t)) // bs * bs
        n = min(bs * rng.choice((1, 1, 1, 7)), len(t) - at)
        t[at:at + n] = rng.randbytes(n)
    return t


def zero_pages(rng, t, bs):
    for _ in range(rng.randint(1, 10)):
        at = rng.randrange(len(t)) // bs * bs
        n = min(bs * rng.choice((1, 1, 30)), len(t) - at)
        t[at:at + n] = bytes(n)
    return t


def moved(rng, t, bs):
    n = rng.choice((1, bs // PARTS, bs, rng.randint(1, 3 * bs)))
    at = rng.randrange(len(t))
    if rng.random() < 0.5:
        del t[at:at + n]
    else:
        t[at:at] = rng.randbytes(n)
    return t


def swapped(rng, t, bs):
    n = len(t) // bs
    for _ in range(rng.randint(1, 6) if n > 1 else 0):
        a, b = (rng.randrange(n) * bs for _ in range(2))
        keep = t[a:a + bs]
        t[a:a + bs] = t[b:b + bs]
        if rng.random() < 0.5:
            t[b:b + bs] = keep
    return t


def cut(rng, t, bs):
    at = rng.randrange(len(t) + 1)
    if rng.random() < 0.6:
        at -= at % bs
    return t[:at]


def longer(rng, t, bs):
    n = rng.choice((1, bs, rng.randint(1, 20 * bs)))
    return t + (rng.randbytes(n) if rng.random() < 0.7 else bytes(n))


def other(rng, t, bs):
    return bytearray(random_content(rng, random_size(rng, bs), bs))


WAYS = (bytes_here_and_there, edges, updated_rows, hint_bits, other_pages,
        zero_pages, moved, swapped, cut, longer, other)


def changed(rng, data, bs):
    t = bytearray(data)
    for way in rng.choices(WAYS, k=rng.choice((0, 1, 1, 1, 2, 3))):
        if t:
            t = way(rng, t, bs)
    return bytes(t)


# --- files -----------------------------------------------------------------


def put(top, path, data, mode=0o600, sparse=False):
    full = os.path.join(top, path)
    os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
    with open(full, "xb") as f:
        if sparse:
            for at in range(0, len(data), 4096):
                page = data[at:at + 4096]
                if page != ZEROS[:len(page)]:
                    f.seek(at)
                    f.write(page)
            f.truncate(len(data))
        else:
            f.write(data)
    os.chmod(full, mode)


class Pair:
    """A source directory, which has a pg_control already, and a target."""

    def __init__(self, rng, source, target, bs, sums=None):
        self.rng, self.source, self.target, self.bs = rng, source, target, bs
        self.sums = sums  # two parts of the same sum, or None
        self.collided = set()
        self.outside = target + ".outside"
        for d in (target, self.outside):
            os.mkdir(d, 0o700)
        self.number = 16384
        self.paged = []

    def name(self):
        """(path, is it made of pages)"""
        self.number += 1
        rng, n = self.rng, self.number
        return rng.choice((
            ("base/1/%d" % n, True), ("base/%d/%d" % (n % 5, n), True),
            ("base/1/%d" % n, True), ("base/1/%d_fsm" % n, True),
            ("base/1/%d_vm" % n, True), ("base/1/%d.%d" % (n, n % 9 + 1), True),
            ("global/%d" % n, True), ("pg_xact/%04X" % n, True),
            ("pg_multixact/members/%04X" % n, True),
            ("base/1/notes %d" % n, False),
            ("x/y%d/z/\u00e4 \"%d\"" % (n % 3, n), False)))

    def add(self, path, paged, new, old, sparse=False):
        """old: of the target; None: nothing there."""
        rng = self.rng
        put(self.source, path, new, rng.choice((0o600, 0o600, 0o640, 0o400)),
            sparse or rng.random() < 0.1)
        if old is None:
            return
        put(self.target, path, old,
            rng.choice((0o600,) * 5 + (0o640, 0o644, 0o700, 0o400, 0o444)),
            sparse or rng.random() < 0.1)
        if paged:
            self.paged.append(path)

    def file(self, size=None, ways=None):
        rng, bs = self.rng, self.bs
        path, paged = self.name()
        size = random_size(rng, bs) if size is None else size
        new = random_content(rng, size, bs)
        if rng.random() < 0.08:
            self.odd(path, new)
        elif ways and new:
            old = bytearray(new)
            for way in ways:
                old = way(rng, old, bs)
            self.add(path, paged, new, bytes(old))
        else:
            self.add(path, paged, new, changed(rng, new, bs))

    def size(self, path):
        return os.path.getsize(os.path.join(self.source, path))

    def odd(self, path, new):
        """The target has nothing there, or no file."""
        rng = self.rng
        full = os.path.join(self.target, path)
        self.add(path, False, new, None)
        os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
        how = rng.randrange(4)
        if how == 1:
            put(self.target, path + "/sub/1", b"x")
        elif how == 2:
            put(self.outside, str(self.number), b"secret")
            os.symlink(os.path.join(self.outside, str(self.number)), full)
        elif how == 3:
            os.mkfifo(full)

    def links(self):
        """Files of the target that have other names, outside and within."""
        for path in self.rng.sample(self.paged, len(self.paged) // 6):
            full = os.path.join(self.target, path)
            if self.rng.random() < 0.5:
                self.number += 1
                os.link(full, os.path.join(self.outside, str(self.number)))
                continue
            other_path = self.rng.choice(self.paged)
            if other_path != path:
                os.unlink(full)
                os.link(os.path.join(self.target, other_path), full)

    def collision(self):
        """A part that differs and has the sum of ours: the digest tells."""
        rng, bs, part = self.rng, self.bs, self.bs // PARTS
        n = rng.randint(1, 20)
        new = bytearray(random_content(rng, n * bs, bs))
        old = bytearray(new)
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(n) * bs + rng.randrange(PARTS) * part
            new[at:at + part], old[at:at + part] = self.sums
        if rng.random() < 0.5:
            old = hint_bits(rng, old, bs)
            # The two parts are to stay as they are.
            old[at:at + part] = self.sums[1]
        self.number += 1
        path = "base/1/%d" % self.number
        self.collided.add(path)
        self.add(path, True, bytes(new), bytes(old))

    def only_there(self):
        """What the source does not have."""
        rng = self.rng
        for _ in range(rng.randint(0, 6)):
            self.number += 1
            put(self.target, rng.choice(("base/1/%d", "base/77/%d", "old%d"))
                % self.number, rng.randbytes(rng.randrange(20000)))
        os.makedirs(os.path.join(self.target, "base/88/99"), exist_ok=True)

    def hollow(self, size, marks):
        """A file of holes, with some pages on both sides."""
        self.number += 1
        path = "base/1/%d" % self.number
        for top in (self.source, self.target):
            full = os.path.join(top, path)
            os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
            with open(full, "xb") as f:
                f.truncate(size)
                for _ in range(marks):
                    f.seek(self.rng.randrange(size - 8192))
                    f.write(self.rng.randbytes(self.rng.choice((1, 8192))))
            os.chmod(full, 0o600)


# --- the comparison --------------------------------------------------------


def walk(top):
    """{path: stat} of what is no directory, and the set of directories."""
    files, dirs = {}, set()
    for where, names, others in os.walk(top):
        for n in names + others:
            full = os.path.join(where, n)
            path, st = os.path.relpath(full, top), os.lstat(full)
            if stat.S_ISDIR(st.st_mode):
                dirs.add(path)
            else:
                files[path] = st
    return files, dirs


def wanted(source):
    files, dirs = walk(source)
    return ({p: st for p, st in files.items() if p not in NOT_COPIED},
            dirs - NOT_COPIED)


def read_at(f, n, at):
    f.seek(at)
    return f.read(n)


def first_difference(x, y):
    return next(i for i in range(max(len(x), len(y)))
                if x[i:i + 1] != y[i:i + 1])


def same_file(source, target, path):
    """Or Differs."""
    with open(os.path.join(source, path), "rb") as a, \
            open(os.path.join(target, path), "rb") as b:
        at, x = 0, b"x"
        while x:
            x, y = a.read(MIB), b.read(MIB)
            if x != y:
                i = first_difference(x, y)
                raise Differs(path, "offset %d: got %s, the source has %s" % (
                    at + i, y[i:i + 1].hex() or "its end",
                    x[i:i + 1].hex() or "its end"), at + i)
            at += len(x)


def bytes_to_change(source, target, path, bs):
    """Bytes of pages of the source that the target does not have there; None
    when it has no such file."""
    full = os.path.join(target, path)
    if not os.path.isfile(full) or os.path.islink(full):
        return None
    count = 0
    with open(os.path.join(source, path), "rb") as a, open(full, "rb") as b:
        while True:
            x, y = a.read(MIB), b.read(MIB)
            if not x:
                return count
            # What lies behind the end of the source is cut off, not written.
            y = y[:len(x)]
            if x != y:
                count += sum(len(x[i:i + bs]) for i in range(0, len(x), bs)
                             if x[i:i + bs] != y[i:i + bs])


def same_tree(pair, mode, but=()):
    """Every file, its mode, and nothing else; but: those not compared."""
    files, dirs = wanted(pair.source)
    got, got_dirs = walk(pair.target)
    for path in sorted(set(files) | set(got)):
        if path in but:
            continue
        if path not in files:
            raise Differs(path, "the source has no such file")
        if path not in got:
            raise Differs(path, "the target has no such file")
        if got[path].st_mode != stat.S_IFREG | mode:
            raise Differs(path, "mode %o" % got[path].st_mode)
        same_file(pair.source, pair.target, path)
    if got_dirs != dirs:
        raise Differs(min(got_dirs ^ dirs), "a directory of one side only")
