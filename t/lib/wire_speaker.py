"""A speaker of the protocol of standby-wire(5), independent of the C code.

Every encoder makes a valid payload by default; a test overrides one field, or
sends bytes of its own.  agent() starts a standby-agent and talks to it,
fake_pgdata() makes a data directory with a pg_control that passes its checks.
Hashes come from libxxhash and unpacking from libzstd, through ctypes; both may
be missing (HAVE_XXH, HAVE_ZSTD).
"""
import ctypes
import ctypes.util
import hashlib
import os
import select
import struct
import subprocess
import time

MAGIC = b"STBYWIRE"
VERSION = 6
NO_ID = 0xFFFFFFFF
ZIPPED = 0x80
CHUNK = 256 * 1024
PARTS, ALL = 32, 0xFFFFFFFF  # of a page; a map that wants all of them
HELD = 16 << 20
RECURSE, INIT = 1, 2
TO_EOF, SAME = 1, 2
FIRST, LAST = 1, 2
OK, VANISHED, CHANGED, NOT_REGULAR = 0, 1, 2, 3
STATUS, START, STOP, PROMOTE, WAL_END, FOLLOW, DELTA, MAY = range(1, 9)
RUNS_NOT, RUNS, RUNS_UNKNOWN = 0, 1, 2
SYSTEM = 7281936400112233445

# --- primitives ------------------------------------------------------------


def u8(v):
    return struct.pack(">B", v)


def u16(v):
    return struct.pack(">H", v)


def u32(v):
    return struct.pack(">I", v)


def u64(v):
    return struct.pack(">Q", v)


def raw(text):
    return text.encode() if isinstance(text, str) else text


def text(s):
    """str: u16 length and bytes."""
    return u16(len(raw(s))) + raw(s)


def frame(kind, payload=b"", length=None):
    return raw(kind) + u32(len(payload) if length is None else length) \
        + payload


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("payload cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def u64(self):
        return struct.unpack(">Q", self.take(8))[0]

    def text(self):
        return self.take(self.u16())

    def left(self):
        return len(self.data) - self.at


# --- requests --------------------------------------------------------------


def hello(package, magic=MAGIC, version=VERSION):
    return magic + u16(version) + text(package)


def open_(pgdata, system=0, seed=42, block=8192, rate=0, compress=0):
    return (u64(system) + u64(seed) + u32(block) + u64(rate) + u8(compress)
            + text(pgdata))


def manifest(flags=RECURSE, dir="", log_dir="", stats="", trigger="",
             patterns=(), count=None):
    return (u8(flags) + text(dir) + text(log_dir) + text(stats)
            + text(trigger) + u32(len(patterns) if count is None else count)
            + b"".join(text(p) for p in patterns))


def file(path, id=1, flags=0, limit=1 << 40):
    return u32(id) + u8(flags) + u64(limit) + text(path)


def batch(*files, count=None):
    return u32(len(files) if count is None else count) + b"".join(files)


def pages(path="", id=1, flags=FIRST | LAST, limit=1 << 40, block=0, count=1,
          hashes=(), nhash=None):
    """limit and path travel with FIRST only."""
    head = u64(limit) + text(path) if flags & FIRST else b""
    return (u32(id) + u8(flags) + head + u32(block) + u32(count)
            + u32(len(hashes) if nhash is None else nhash) + b"".join(hashes))


def want(maps, id=1):
    return u32(id) + b"".join(u32(m) for m in maps)


def sig(data=b"", path="", id=1, flags=FIRST | LAST, limit=0, basis=0):
    head = u64(limit) + u64(basis) + text(path) if flags & FIRST else b""
    return u32(id) + u8(flags) + head + data


def operate(verb, pgdata, system=0, timeline=0, start=0, timeout=30000,
            me="", node=""):
    return (u8(verb) + u64(system) + u32(timeline) + u64(start)
            + u32(timeout) + text(pgdata) + text(me) + text(node))


# --- answers ---------------------------------------------------------------


def parse_err(data):
    r = Reader(data)
    return {"id": r.u32(), "code": r.text().decode(), "text": r.text(),
            "detail": r.text(), "hint": r.text()}


def parse_file_end(data):
    r = Reader(data)
    return {"id": r.u32(), "status": r.u8(), "size": r.u64(),
            "digest": r.take(16), "bad": r.u32(), "first_bad": r.u32(),
            "settled": r.u8(), "stamp": parse_stamp(r)}


def parse_peek(data):
    """(id, [(block, sums)])"""
    r = Reader(data)
    id, out = r.u32(), []
    while r.left():
        out.append((r.u32(), r.take(4 * PARTS)))
    return id, out


def parse_patch(data, block=8192):
    """(id, [(block, map, bytes)])"""
    r = Reader(data)
    id, out = r.u32(), []
    while r.left():
        at, map = r.u32(), r.u32()
        out.append((at, map, r.take(bin(map).count("1") * block // PARTS)))
    return id, out


STAMP = ("size", "mtime", "ctime", "ino", "dev")


def parse_stamp(r):
    return {k: r.u64() for k in STAMP}


def parse_opened(data):
    r = Reader(data)
    o = {k: getattr(r, w)() for k, w in (
        ("system", "u64"), ("control", "u32"), ("catalog", "u32"),
        ("mode", "u32"), ("dev", "u64"), ("ino", "u64"), ("now_ns", "u64"),
        ("boot_ns", "u64"), ("cores", "u32"),
        ("boot_id", "text"), ("version", "text"), ("resolved", "text"),
        ("libc", "text"), ("wal_link", "text"))}
    assert r.left() == 0
    return o


def parse_operated(data):
    r = Reader(data)
    o = {"running": r.u8(), "pid": r.u64(), "status": r.u32(),
         "wal_end": r.u64(), "timeline": r.u32(),
         "state": r.u8(), "standby": r.u8()}
    o["text"] = r.take(r.left())
    return o


def parse_entries(data):
    r = Reader(data)
    while r.left():
        kind = chr(r.u8())
        mode, stamp = r.u32(), parse_stamp(r)
        path = r.text()
        yield {"type": kind, "mode": mode, **stamp,
               "path": path, "link": r.text() if kind == "l" else None}


# --- hashes ----------------------------------------------------------------


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def _library(name, *more):
    for n in (ctypes.util.find_library(name),) + more:
        try:
            if n:
                return ctypes.CDLL(n)
        except OSError:
            pass
    return None


_xxh = _library("xxhash", "libxxhash.so.0")
_zstd = _library("zstd", "libzstd.so.1")
HAVE_XXH, HAVE_ZSTD = _xxh is not None, _zstd is not None
if HAVE_XXH:
    _xxh.XXH3_128bits_withSeed.restype = _Hash128
    _xxh.XXH3_128bits_withSeed.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    _xxh.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    _xxh.XXH3_64bits_withSeed.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
if HAVE_ZSTD:
    _zstd.ZSTD_decompress.restype = ctypes.c_size_t
    _zstd.ZSTD_decompress.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def xxh(data, seed=0):
    h = _xxh.XXH3_128bits_withSeed(data, len(data), seed)
    return u64(h.high) + u64(h.low)


def page_hashes(data, seed=42, block=8192):
    return [xxh(data[i:i + block], seed) for i in range(0, len(data), block)]


def page_sums(page, seed=42):
    n = len(page) // PARTS
    return b"".join(
        u32(_xxh.XXH3_64bits_withSeed(page[i:i + n], n, seed) & 0xFFFFFFFF)
        for i in range(0, len(page), n))


def file_digest(data, seed=42, block=8192):
    return xxh(b"".join(page_hashes(data, seed, block)) + u64(len(data)),
               seed)


def unzip(data):
    size = Reader(data).u32()
    if size > 1 << 20:
        raise ValueError("frame unpacks to %d bytes" % size)
    out = ctypes.create_string_buffer(size + 1)
    if _zstd.ZSTD_decompress(out, size, data[4:], len(data) - 4) != size:
        raise ValueError("bad zstd frame")
    return out.raw[:size]


# --- librsync --------------------------------------------------------------


def rs_signature(data, block=1024, magic=0x72730147, strong=32, size=None):
    """Signature of data: RabinKarp weak sums, BLAKE2 strong sums."""
    out = [u32(magic), u32(block), u32(strong)]
    for i in range(0, len(data), max(block, 1)):
        part, weak = data[i:i + block], 1
        for c in part:
            weak = (weak * 0x08104225 + c) & 0xFFFFFFFF
        out.append(u32(weak)
                   + hashlib.blake2b(part, digest_size=32).digest())
    return b"".join(out)


def rs_patch(basis, delta):
    """New content from basis and delta."""
    r, out = Reader(delta), []
    assert r.u32() == 0x72730236, "magic of a delta"

    def number(n):
        return int.from_bytes(r.take(n), "big")
    while True:
        op = r.u8()
        if op == 0:
            assert r.left() == 0, "nothing follows END"
            return b"".join(out)
        if op <= 0x40:
            out.append(r.take(op))
        elif op <= 0x44:
            out.append(r.take(number(1 << (op - 0x41))))
        else:
            assert op <= 0x54, "operation %d" % op
            at = number(1 << ((op - 0x45) // 4))
            out.append(basis[at:at + number(1 << ((op - 0x45) % 4))])


# --- a data directory ------------------------------------------------------


def crc32c(data):
    crc = 0xFFFFFFFF
    for c in data:
        crc ^= c
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def pg_control(system=SYSTEM, control=1300, catalog=202209061, crc=288,
               block=8192, segment=131072, sums=0):
    """ControlFileData of PostgreSQL 15; of 18: 1800, 202506291, 292."""
    b = bytearray(8192)
    for form, at, value in (
            ("Q", 0, system), ("I", 8, control), ("I", 12, catalog),
            ("I", 16, 6), ("Q", 32, 0x5000060), ("Q", 40, 0x5000028),
            ("I", 48, 1), ("I", 52, 1), ("I", 172, 1), ("I", 180, 100),
            ("I", 184, 8), ("I", 188, 10), ("I", 196, 64), ("I", 216, block),
            ("I", 220, segment), ("I", 224, 8192), ("I", 228, 16 << 20),
            ("I", 252, sums)):
        struct.pack_into("<" + form, b, at, value)
    struct.pack_into("<I", b, crc, crc32c(bytes(b[:crc])))
    return bytes(b)


SUM_SEEDS = (
    0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3,
    0x217e7cd2, 0x83e13d2c, 0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa,
    0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
    0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4,
    0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be,
    0xf2ca9fd3, 0x959bd756)


def page_sum(page, block):
    """The checksum of a page whose own field is 0."""
    lane = list(SUM_SEEDS)
    words = struct.unpack("<%dI" % (len(page) // 4), page) + (0,) * 64
    for i, word in enumerate(words):
        v = lane[i % 32] ^ word
        lane[i % 32] = (v * 16777619 ^ v >> 17) & 0xFFFFFFFF
    for v in lane:
        block ^= v
    return block % 65535 + 1


def page(content, block=0, lsn=0x1000028, size=8192):
    """A page of a relation as a server with data checksums writes it."""
    b = bytearray(raw(content).ljust(size - 24, b"."))
    b = bytearray(struct.pack("<IIHHHHHHI", lsn >> 32, lsn & 0xFFFFFFFF, 0, 0,
                              24, 24, size, size | 4, 0)) + b
    struct.pack_into("<H", b, 8, page_sum(bytes(b), block))
    return bytes(b)


def put(top, path, data=b""):
    name = os.path.join(raw(top), raw(path))
    os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
    with open(name, "wb") as f:
        f.write(raw(data))
    os.chmod(name, 0o600)
    return name


def fake_pgdata(top, **control):
    os.makedirs(top, mode=0o700)
    put(top, "PG_VERSION", "15\n")
    put(top, "global/pg_control", pg_control(**control))
    put(top, "postmaster.pid", "1\n")
    for d in ("base/1", "pg_wal/archive_status", "pg_tblspc", "pg_stat_tmp"):
        os.makedirs(os.path.join(top, d), mode=0o700)
    put(top, "base/1/PG_VERSION", "15\n")
    return top


# --- the agent -------------------------------------------------------------


class agent:
    """A running agent.  Reading waits at most 20 s, then it is an error."""
    WAIT = 20

    def __init__(self, argv, package=None, **popen):
        self.p = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0, **popen)
        self.buf, self.pings, self.spans = b"", 0, []
        self.package, self.block = package, 8192
        os.set_blocking(self.p.stdin.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
            raise TimeoutError("the agent says nothing")
        data = os.read(self.p.stdout.fileno(), 1 << 20)
        self.buf += data
        return bool(data)

    def send(self, kind, payload=b""):
        self.send_raw(frame(kind, payload))

    def send_raw(self, data):
        """Written while what comes back is read: no deadlock."""
        deadline = time.monotonic() + self.WAIT
        fd = self.p.stdin.fileno()
        while data:
            r, w, _ = select.select([self.p.stdout], [fd], [],
                                    max(0, deadline - time.monotonic()))
            try:
                if w:
                    data = data[os.write(fd, data):]
                elif r and not self._more(deadline):
                    return
            except BrokenPipeError:
                return
            if not r and not w:
                raise TimeoutError("the agent reads nothing")

    def recv(self):
        """(type, payload) of the next frame, None at the end.  PINGs and
        SPANs of the agent are kept and left out."""
        deadline = time.monotonic() + self.WAIT
        while True:
            if len(self.buf) >= 5:
                kind = self.buf[0]
                n = struct.unpack(">I", self.buf[1:5])[0]
                if n > 1 << 20:
                    raise ValueError("a frame of %d bytes" % n)
                if len(self.buf) >= 5 + n:
                    data, self.buf = self.buf[5:5 + n], self.buf[5 + n:]
                    if kind == ord("p"):
                        self.pings += 1
                        continue
                    if kind == ord("s"):
                        r = Reader(data)
                        self.spans.append((r.u32(), r.u32()))
                        continue
                    if kind & ZIPPED:
                        kind, data = kind & ~ZIPPED, unzip(data)
                    return chr(kind), data
            if not self._more(deadline):
                if self.buf:
                    raise ValueError("the end in the middle of a frame")
                return None

    def expect(self, kind):
        got = self.recv()
        if got is None or got[0] != kind:
            if got and got[0] == "!":
                got = parse_err(got[1])
            raise ValueError("wanted %r, got %r" % (kind, got))
        return got[1]

    def greet(self):
        r = Reader(self.expect("H"))
        assert r.take(8) == MAGIC and r.u16() == VERSION
        package = r.text()
        self.send("H", hello(self.package or package))
        return package

    def open(self, pgdata, **kw):
        self.greet()
        self.block = kw.get("block", self.block)
        self.send("O", open_(pgdata, **kw))
        return parse_opened(self.expect("o"))

    def operate(self, verb, pgdata, **kw):
        self.send("V", operate(verb, pgdata, **kw))
        return parse_operated(self.expect("v"))

    def answer(self, kind):
        """Frames of that kind up to FILE_END: (list of payloads, end).  With
        RUNs each page of a PEEK is wanted whole, and becomes a RUN."""
        got, end, due = [], None, 0
        while end is None or due:
            f = self.recv()
            if f is None:
                raise ValueError("the end instead of FILE_END")
            if f[0] == "F":
                end = parse_file_end(f[1])
            elif f[0] == "!":
                raise ValueError(parse_err(f[1]))
            elif f[0] == "n" and kind == "r":
                id, pages = parse_peek(f[1])
                due += len(pages)
                self.send("W", want([ALL] * len(pages), id))
            elif f[0] == "w" and kind == "r":
                id, pages = parse_patch(f[1], self.block)
                due -= len(pages)
                got += [u32(id) + u32(at) + data for at, _, data in pages]
            else:
                assert f[0] == kind, "%s instead of %s" % (f[0], kind)
                got.append(f[1])
        return got, end

    def get_pages(self, path, count, hashes=(), **kw):
        """All of a file in spans; the RUNs and the end."""
        step = 512
        for at in range(0, count, step):
            n = min(step, count - at)
            flags = (FIRST if at == 0 else 0) | (LAST if at + n == count
                                                 else 0)
            self.send("P", pages(path, flags=flags, block=at, count=n,
                                 hashes=hashes[at:at + n], **kw))
        return self.answer("r")

    def get(self, path, **kw):
        self.send("B", batch(file(path, **kw)))
        got, end = self.answer("d")
        return b"".join(d[4:] for d in got), end

    def list(self, **kw):
        """(entries, raw payloads, END as a Reader)"""
        self.send("M", manifest(**kw))
        data = b""
        while True:
            kind, payload = self.recv()
            if kind == "E":
                return list(parse_entries(data)), data, Reader(payload)
            assert kind == "e", parse_err(payload) if kind == "!" else kind
            data += payload

    def end(self):
        """All that comes until the agent ends: (ERR or None, exit status)."""
        err = None
        while True:
            f = self.recv()
            if f is None:
                return err, self.p.wait(self.WAIT)
            if f[0] == "!":
                err = parse_err(f[1])


# --- the other end ---------------------------------------------------------


def opened(pgdata="/", system=SYSTEM, control=1300, catalog=202209061,
           mode=0o700, dev=1, ino=1, now_ns=1 << 60, boot_id="boot",
           version="15", libc="glibc 2.36", wal_link="",
           cores=0, boot_ns=1 << 50):
    return (u64(system) + u32(control) + u32(catalog) + u32(mode) + u64(dev)
            + u64(ino) + u64(now_ns) + u64(boot_ns) + u32(cores) + text(boot_id)
            + text(version) + text(pgdata) + text(libc) + text(wal_link))


def stamp(size=0, mtime=1 << 60, ctime=1 << 60, ino=1, dev=1):
    return u64(size) + u64(mtime) + u64(ctime) + u64(ino) + u64(dev)


def stamp_of(st):
    """Of os.stat()."""
    return stamp(st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino,
                 st.st_dev)


def entry(path, kind="f", mode=0o600, size=0, mtime=1 << 60, link=None,
          st=None):
    """st: all of its stamp from there, but for a size of 0."""
    s = stamp(size, mtime) if st is None else stamp_of(st)
    return (raw(kind) + u32(mode) + (s if kind == "f" else u64(0) + s[8:])
            + text(path) + (text(link) if link is not None else b""))


def end(entries, payload, specials=0):
    return u64(entries) + xxh(payload) + u64(specials)


def file_end(id, content=None, status=OK, seed=42, block=8192, bad=0,
             first_bad=0, st=None):
    digest = bytes(16) if content is None \
        else file_digest(content, seed, block)
    return (u32(id) + u8(status) + u64(len(content or b"")) + digest
            + u32(bad) + u32(first_bad) + u8(0)
            + (bytes(40) if st is None else stamp_of(st)))


def err(code, words, id=NO_ID, detail="", hint=""):
    return u32(id) + text(code) + text(words) + text(detail) + text(hint)


class fake_agent:
    """An agent on two descriptors that serves a directory honestly, but for
    what twist(type, payload) makes of each frame it is about to send: it
    returns the bytes to send instead, or None to leave the frame alone.
    Everything of a file is sent, whatever the client has; exclusions are
    those of skip(path)."""

    def __init__(self, pgdata, package, rfd=0, wfd=1, twist=None,
                 skip=lambda path: False):
        self.top, self.package = raw(pgdata), package
        self.rfd, self.wfd, self.twist, self.skip = rfd, wfd, twist, skip
        self.files, self.bytes, self.ends = 0, 0, b""
        self.open_file = None

    def send(self, kind, payload=b""):
        data = self.twist(kind, payload) if self.twist else None
        if data is None:
            data = frame(kind, payload)
        while data:
            data = data[os.write(self.wfd, data):]

    def _read(self, n):
        data = b""
        while len(data) < n:
            part = os.read(self.rfd, n - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def run(self):
        self.send("H", hello(self.package))
        try:
            while True:
                head = self._read(5)
                data = self._read(struct.unpack(">I", head[1:])[0])
                if self.serve(chr(head[0]), Reader(data)):
                    return
        except (EOFError, BrokenPipeError):
            pass

    def serve(self, kind, r):
        serve = {"O": self.serve_open, "M": self.serve_manifest,
                 "B": self.serve_batch, "P": self.serve_pages,
                 "S": self.serve_sig}.get(kind)
        if serve:
            serve(r)
        elif kind == "p":
            self.send("q", u64(self.bytes))
        elif kind == "C":
            self.send("c", self.content(b"global/pg_control"))
        elif kind == "X":
            self.send("X", u64(self.files) + u64(self.bytes)
                      + xxh(self.ends))
            return True
        return kind == "!"

    def content(self, path):
        try:
            with open(os.path.join(self.top, path), "rb") as f:
                self.st = os.stat(f.fileno())
                return f.read()
        except OSError:
            return None

    def finish(self, id, content):
        payload = file_end(id, content, OK if content is not None
                           else VANISHED, self.seed, self.block,
                           st=content is not None and self.st or None)
        self.files += 1
        self.ends += payload
        self.send("F", payload)

    def serve_open(self, r):
        r.u64()
        self.seed, self.block = r.u64(), r.u32()
        control = struct.unpack_from("<QII", self.content(
            b"global/pg_control"))
        st = os.stat(self.top)
        self.send("o", opened(
            self.top, *control, dev=st.st_dev, ino=st.st_ino,
            version=self.content(b"PG_VERSION").strip()))

    def below(self, dir):
        """Paths in the order of the protocol."""
        for name in sorted(os.listdir(os.path.join(self.top, dir))):
            path = dir + b"/" + name if dir else name
            if not self.skip(path):
                yield path
                full = os.path.join(self.top, path)
                if os.path.isdir(full) and not os.path.islink(full):
                    yield from self.below(path)

    def serve_manifest(self, r):
        r.u8()
        payload, n = b"", 0
        for path in self.below(r.text()):
            full = os.path.join(self.top, path)
            st = os.lstat(full)
            dir = os.path.isdir(full)
            payload += entry(path, "d" if dir else "f", st.st_mode & 0o7777,
                             st=st)
            n += 1
        for i in range(0, len(payload), 1 << 20):
            assert i == 0, "one ENTRIES frame is enough for tests"
            self.send("e", payload)
        self.send("E", end(n, payload))

    def serve_batch(self, r):
        for _ in range(r.u32()):
            id, flags, limit = r.u32(), r.u8(), r.u64()
            content = self.content(r.text())
            if content is not None and not flags & TO_EOF:
                content = content[:limit]
            for i in range(0, len(content or b""), CHUNK):
                self.bytes += len(content[i:i + CHUNK])
                self.send("d", u32(id) + content[i:i + CHUNK])
            self.finish(id, content)

    def serve_pages(self, r):
        id, flags = r.u32(), r.u8()
        if flags & FIRST:
            limit = r.u64()
            content = self.content(r.text())
            self.open_file = content and content[:limit]
        content = self.open_file
        block, count, nhash = r.u32(), r.u32(), r.u32()
        hashes = [r.take(16) for _ in range(nhash)]
        for i in range(count):
            at = (block + i) * self.block
            page = (content or b"")[at:at + self.block]
            if page and (i >= nhash or xxh(page, self.seed) != hashes[i]):
                self.bytes += len(page)
                self.send("r", u32(id) + u32(block + i) + page)
        if flags & LAST:
            self.finish(id, content)
        else:
            self.send("s", u32(id) + u32(block + count))

    def serve_sig(self, r):
        """A delta that holds the file as it is."""
        id, flags = r.u32(), r.u8()
        if flags & FIRST:
            limit = r.u64()
            r.u64()
            content = self.content(r.text())
            self.open_file = content and content[:limit or None]
        if flags & LAST:
            content = self.open_file
            if content is not None:
                delta = u32(0x72730236)
                for i in range(0, len(content), 1 << 15):
                    part = content[i:i + (1 << 15)]
                    delta += b"\x42" + u16(len(part)) + part
                for i in range(0, len(delta) + 1, CHUNK):
                    part = delta[i:i + CHUNK]
                    part += b"" if len(part) == CHUNK else b"\0"
                    self.bytes += len(part)
                    self.send("D", u32(id) + part)
            self.finish(id, content)
