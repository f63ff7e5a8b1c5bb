#!/usr/bin/env python3
"""standby-agent and the pages of relations: checksums that are right, wrong,
and wrong for a moment; parts of pages; files of more than 2 GB."""
import os
import struct
import sys
import time

TOP = os.environ.get("TOP_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "t", "lib"))
sys.dont_write_bytecode = True
import wire_speaker as w  # noqa: E402
from agent_tap import (  # noqa: E402
    AGENT, eq, main, noise, pgdata, refused, start, test)

LSN = 0x3000028  # where the backup begins
NAME = "base/1/16384"


def damaged(page):
    b = bytearray(page)
    b[len(b) // 2] ^= 1
    return bytes(b)


def content(n, bad=(), first=0, size=8192):
    """n pages, some of them damaged."""
    pages = [w.page("page %d" % i, first + i, size=size) for i in range(n)]
    return b"".join(damaged(p) if i in bad else p
                    for i, p in enumerate(pages))


def in_each_way(a, path, data, size=8192):
    """(how, content as received, end) of the file, whole, by pages and as a
    delta."""
    got, end = a.get(path)
    yield "batch", got, end
    n = len(data) // size
    # The last page is another one here, the others are not sent.
    runs, end = a.get_pages(
        path, n, w.page_hashes(data[:-size] + b"?" * size, block=size))
    eq(b"".join(r[8:] for r in runs) == data[-size:], True)
    yield "pages", data, end
    a.send("S", w.sig(w.rs_signature(b"x" * 1024), path, basis=1024))
    parts, end = a.answer("D")
    yield "sig", w.rs_patch(b"x" * 1024, b"".join(p[4:] for p in parts)), end


def found(data, path, want, size=8192, lsn=LSN, opened=None, **kw):
    """Every way tells (bad, first_bad), and sends what is there."""
    with open(os.path.join(data, path), "rb") as f:
        there = f.read()
    with start(**kw) as a:
        a.open(data, block=opened or size)
        if lsn is not None:
            a.send("K", w.u64(lsn))
        for how, got, end in in_each_way(a, path, there, opened or size):
            eq((how, end["bad"], end["first_bad"]), (how,) + want)
            eq((end["status"], got == there), (w.OK, True))
            if w.HAVE_XXH:
                eq(end["digest"], w.file_digest(there, block=opened or size))


# --- damaged or not --------------------------------------------------------


@test
def damaged_pages_are_counted_in_each_way_of_sending_and_block_size():
    for size in (1024, 2048, 4096, 8192, 16384, 32768):
        data = pgdata(block=size, sums=1)
        w.put(data, NAME, content(6, (2, 4), size=size))
        found(data, NAME, (2, 2), size)
        w.put(data, NAME, content(6, size=size))
        found(data, NAME, (0, 0), size)


@test
def forks_segments_and_tablespaces_have_pages():
    data = pgdata(sums=1, segment=16)
    space = os.path.join(os.path.dirname(data), "space")
    os.makedirs(space + "/PG_15_202209061/5", mode=0o700)
    os.chmod(space, 0o700)
    os.symlink(space, data + "/pg_tblspc/16390")
    for path, first in ((NAME + ".3", 48), (NAME + "_fsm", 0),
                        (NAME + "_vm", 0), (NAME + "_init", 0),
                        (NAME + "_fsm.1", 16), ("global/1262", 0),
                        ("pg_tblspc/16390/PG_15_202209061/5/16391.2", 32)):
        w.put(data, path, content(4, (1,), first))
        found(data, path, (1, first + 1))
    # A good page in the place of another one.
    w.put(data, NAME + ".2", content(4, (), 48))
    found(data, NAME + ".2", (4, 32))


@test
def what_has_no_pages_of_relations_is_not_looked_at():
    data = pgdata(sums=1)
    for path in ("pg_xact/0000", "base/1/pg_filenode.map", "base/16384",
                 "pg_multixact/offsets/0000", "global/x",
                 "base/1/16384.old", "pg_wal/000000010000000000000001"):
        w.put(data, path, content(3, (0, 1, 2)))
        found(data, path, (0, 0))


@test
def without_VERIFY_or_checksums_nothing_is_looked_at():
    data = pgdata(sums=1)
    w.put(data, NAME, content(4, (1,)))
    found(data, NAME, (0, 0), lsn=None)
    found(data, NAME, (0, 0), opened=4096)
    data = pgdata(sums=0)
    w.put(data, NAME, content(4, (1,)))
    found(data, NAME, (0, 0))


@test
def new_pages_changed_pages_and_parts_of_pages_are_not_damaged():
    data = pgdata(sums=1)
    good = [w.page("a", 0), w.page("b", 1)]
    for more, want in (
            (bytes(8192), (0, 0)),
            (bytes(8191) + b"x", (1, 2)),
            (damaged(w.page("c", 2, lsn=LSN - 1)), (1, 2)),
            (damaged(w.page("c", 2, lsn=LSN)), (0, 0)),
            (damaged(w.page("c", 2, lsn=LSN | 1 << 32)), (0, 0))):
        w.put(data, NAME, b"".join(good) + more)
        found(data, NAME, want)
    w.put(data, NAME, b"".join(good) + w.page("c", 2)[:5000])
    with start() as a:
        a.open(data)
        a.send("K", w.u64(LSN))
        for end in (a.get(NAME)[1], a.get_pages(NAME, 3)[1],
                    a.get(NAME, limit=12000)[1]):
            eq((end["bad"], end["first_bad"]), (0, 0))


@test
def many_damaged_pages_cost_a_wait_for_each_read_and_not_for_each_page():
    data = pgdata(sums=1)
    w.put(data, NAME, content(1, (0,)) * 128)
    with start() as a:
        a.open(data)
        a.send("K", w.u64(LSN))
        eq(a.get(NAME)[1]["bad"], 128)
        eq(a.get_pages(NAME, 128)[1]["bad"], 128)


@test
def pages_are_whole_at_any_rate():
    for size, rate in ((8192, 99999), (32768, 600001), (1024, 40000)):
        data = pgdata(sums=1, block=size)
        want = content(5, (3,), size=size)
        w.put(data, NAME, want)
        with start() as a:
            a.open(data, rate=rate, block=size)
            a.send("K", w.u64(LSN))
            a.send("B", w.batch(w.file(NAME)))
            got, end = a.answer("d")
            eq((end["bad"], end["first_bad"]), (1, 3))
            eq({(len(g) - 4) % size for g in got}, {0})
            eq(b"".join(g[4:] for g in got) == want, True)


# --- torn pages ------------------------------------------------------------


def has_hooks():
    with open(AGENT, "rb") as f:
        return b"STANDBY_TEST_PAUSE" in f.read()


def wait_for(there, path):
    for _ in range(2000):
        if os.path.exists(path) == there:
            return
        time.sleep(0.01)
    raise TimeoutError(path)


def requests(data):
    """A request of each kind for a file of 4 pages."""
    yield "d", w.frame("B", w.batch(w.file(NAME)))
    yield "r", w.frame("P", w.pages(NAME, count=4))
    yield "D", w.frame("S", w.sig(w.rs_signature(b"x" * 1024), NAME,
                                  basis=1024))


def torn(data, repair):
    """A page is caught in the middle of a write: its first half is new, the
    second old.  repair(file) is what happens before it is read again."""
    old, new = w.page("o" * 8000, 2), w.page("n" * 8000, 2)
    pause = os.path.join(os.path.dirname(data), "pause")
    env = dict(os.environ, STANDBY_TEST_PAUSE="bad-page",
               STANDBY_TEST_PAUSE_FILE=pause)
    for kind, request in requests(data):
        whole = content(2) + new[:4096] + old[4096:] + w.page("3", 3)
        name = w.put(data, NAME, whole)
        with start(env=env) as a:
            a.open(data)
            a.send("K", w.u64(LSN))
            a.send_raw(request)
            wait_for(True, pause)
            with open(name, "r+b") as f:
                repair(f, new)
            os.unlink(pause)
            got, end = a.answer(kind)
            got = b"".join(g[8 if kind == "r" else 4:] for g in got)
            if kind == "D":
                got = w.rs_patch(b"x" * 1024, got)
            with open(name, "rb") as f:
                yield got, end, f.read()


@test
def a_torn_page_is_read_again_and_sent_as_it_is_then():
    if not has_hooks():
        return "built without test hooks"

    def second_half(f, new):
        f.seek(2 * 8192 + 4096)
        f.write(new[4096:])
    for got, end, there in torn(pgdata(sums=1), second_half):
        eq((end["bad"], got == there), (0, True))
        eq(b"n" * 7000 in got, True)
        if w.HAVE_XXH:
            eq(end["digest"], w.file_digest(there))


@test
def a_page_that_is_changed_meanwhile_comes_from_WAL():
    if not has_hooks():
        return "built without test hooks"

    def again_torn(f, new):
        f.seek(2 * 8192)
        f.write(damaged(w.page("later", 2, lsn=LSN + 8)))
    for got, end, there in torn(pgdata(sums=1), again_torn):
        eq((end["bad"], got == there), (0, True))


@test
def a_file_that_is_cut_off_meanwhile_has_no_damaged_page():
    if not has_hooks():
        return "built without test hooks"
    for got, end, there in torn(pgdata(sums=1), lambda f, new: f.truncate(
            2 * 8192)):
        eq((end["bad"], end["status"]), (0, w.OK))
        eq(got[:16384] == there, True)
        if w.HAVE_XXH:
            eq(end["digest"], w.file_digest(got))


# --- parts of pages --------------------------------------------------------


def differing(page, *parts):
    """The page with a byte of each of these parts changed."""
    b, n = bytearray(page), len(page) // w.PARTS
    for i in parts:
        b[i * n + n // 2] ^= 1
    return bytes(b)


def cut(page, map):
    n = len(page) // w.PARTS
    return b"".join(page[i * n:i * n + n] for i in range(w.PARTS)
                    if map >> i & 1)


def frames(a, kinds):
    """The payloads of one frame after the other, of the kinds named."""
    return [a.expect(k) for k in kinds]


@test
def of_a_page_that_differs_only_the_parts_that_are_wanted_travel():
    if not w.HAVE_XXH:
        return "libxxhash is missing"
    data = pgdata()
    for size in (1024, 2048, 4096, 8192, 16384, 32768, 65536):
        page = [(b"page %d " % i * size)[:size] for i in range(7)]
        new = b"".join(page) + b"a part of a page"
        w.put(data, NAME, new)
        old = b"".join((page[0], differing(page[1], 3, 31), page[2],
                        differing(page[3], 0), page[4][:100]))
        for compress in (0, 3):
            with start() as a:
                a.open(data, block=size, compress=compress)
                a.send("P", w.pages(NAME, count=8, hashes=w.page_hashes(
                    old, block=size)))
                run, peek, end = frames(a, "rnF")
                eq(run, w.u32(1) + w.u32(5) + new[5 * size:])
                eq(w.parse_peek(peek), (1, [
                    (i, w.page_sums(page[i])) for i in (1, 3, 4)]))
                eq(w.parse_file_end(end)["digest"],
                   w.file_digest(new, block=size))
                maps = [1 << 3 | 1 << 31, 0, w.ALL]
                a.send("W", w.want(maps))
                eq(w.parse_patch(a.expect("w"), size), (1, [
                    (i, m, cut(page[i], m)) for i, m in zip((1, 3, 4), maps)]))
                a.send("X")
                r = w.Reader(a.expect("X"))
                eq((r.u64(), r.u64()),
                   (1, len(run) - 8 + size // w.PARTS * 34))


@test
def parts_are_of_the_page_that_was_hashed_whatever_is_there_now():
    data = pgdata()
    new = content(300)
    name = w.put(data, NAME, new)
    with start() as a:
        a.open(data)
        a.send("P", w.pages(NAME, count=300, hashes=w.page_hashes(
            b"?" + new[1:8192] + new[8192:-1] + b"?")))
        peek, end = frames(a, "nF")
        eq([at for at, _ in w.parse_peek(peek)[1]], [0, 299])
        os.truncate(name, 8192)
        with open(name, "r+b") as f:
            f.write(bytes(8192))
        a.send("W", w.want([1, w.ALL]))
        eq(w.parse_patch(a.expect("w"))[1],
           [(0, 1, new[:256]), (299, w.ALL, new[-8192:])])
        if w.HAVE_XXH:
            eq(w.parse_file_end(end)["digest"], w.file_digest(new))
        a.send("X")
        a.expect("X")


@test
def pages_go_whole_while_no_more_can_be_held():
    for size, extra in ((8192, 300), (65536, 5), (1024, 700)):
        data = pgdata()
        room = w.HELD // size
        new = noise((room + extra) * size)
        w.put(data, NAME, new)
        w.put(data, NAME + "_fsm", noise(5 * size, 7))
        other = [bytes(16)] * (room + extra)
        with start() as a:
            a.open(data, block=size)
            for again in range(2):
                for at in range(0, room + extra, 512):
                    n = min(512, room + extra - at)
                    a.send("P", w.pages(
                        NAME, flags=(w.FIRST if at == 0 else 0) |
                        (w.LAST if at + n == room + extra else 0), block=at,
                        count=n, hashes=other[:n]))
                held, whole = [], b""
                while True:
                    kind, payload = a.recv()
                    if kind == "F":
                        break
                    if kind == "n":
                        eq(len(payload) <= w.CHUNK, True)
                        held.append(w.parse_peek(payload)[1])
                    else:
                        eq(kind, "r")
                        whole += payload[8:]
                # All that there is room for, and not one page more.
                eq([at for h in held for at, _ in h], list(range(room)))
                eq(whole == new[room * size:], True)
                for h in held:
                    a.send("W", w.want([1 << 5] * len(h)))
                got = []
                while len(got) < room:
                    payload = a.expect("w")
                    eq(len(payload) <= w.CHUNK, True)
                    got += w.parse_patch(payload, size)[1]
                eq(got == [(i, 1 << 5, cut(
                    new[i * size:i * size + size], 1 << 5))
                    for i in range(room)], True)
                # The ring begins in its middle, and ends before that.
                runs, end = a.get_pages(NAME + "_fsm", 5, other[:5])
                eq(b"".join(r[8:] for r in runs) == noise(5 * size, 7), True)
            a.send("X")
            a.expect("X")


@test
def an_answer_that_fits_no_PEEK_ends_the_session():
    data = pgdata()
    w.put(data, NAME, content(600))
    hashes = [bytes(16)] * 600

    def spans(a):
        """Two PEEKs, of 3 and of 2 pages."""
        h = w.page_hashes(content(600))
        for i in (1, 2, 500, 520, 599):
            h[i] = bytes(16)
        a.send("P", w.pages(NAME, id=7, flags=w.FIRST, count=512,
                            hashes=h[:512]))
        a.send("P", w.pages(id=7, flags=w.LAST, block=512, count=88,
                            hashes=h[512:]))
        eq([len(w.parse_peek(a.expect("n"))[1]) for _ in range(2)], [3, 2])
        a.expect("F")

    for answers in (
            [w.want([0] * 2, 7)], [w.want([0] * 4, 7)], [w.want([0] * 5, 7)],
            [w.want([0] * 3, 8)], [w.u32(7)], [b""],
            [w.want([0] * 3, 7) + b"x"], [w.want([0] * 3, w.NO_ID)],
            [w.want([0] * 3, 7)] * 2,
            [w.want([0] * 3, 7), w.want([0] * 2, 7), w.want([0] * 2, 7)]):
        with start() as a:
            a.open(data)
            spans(a)
            for payload in answers:
                a.send("W", payload)
            err, status = a.end()
            eq((err["code"], status), ("protocol", 5))
    for frame in (w.frame("W", w.want([w.ALL])),
                  w.frame("P", w.pages(NAME, count=600, hashes=hashes))
                  + w.frame("X")):
        refused(data, "protocol", 5, frame)
    refused(data, "protocol", 5, w.frame("W", w.want([w.ALL])), opened=False)


# --- more than 2 GB --------------------------------------------------------


def sparse(data, path, size, pages):
    name = w.put(data, path)
    with open(name, "r+b") as f:
        f.truncate(size)
        for block, page in pages.items():
            f.seek(block * 8192)
            f.write(page)
    return name


@test
def segments_of_more_than_2_GB_are_served_and_verified():
    # --with-segsize=4: 524288 blocks; this is the file of the second 4 GB.
    first, n = 524288, (1 << 31) // 8192 + 1000
    bad, good, last = n - 700, n - 300, n - 1
    data = pgdata(sums=1, segment=524288)
    pages = {bad: damaged(w.page("bad", first + bad)),
             good: w.page("good", first + good),
             last: w.page("last", first + last)}
    sparse(data, NAME + ".1", n * 8192, pages)
    zero = w.xxh(bytes(8192), 42) if w.HAVE_XXH else bytes(16)
    hashes = [zero] * n
    for block, page in pages.items():
        hashes[block] = w.page_hashes(page)[0] if w.HAVE_XXH else b""
    digest = w.xxh(b"".join(hashes) + w.u64(n * 8192), 42)
    mine = [zero] * n
    with start() as a:
        a.WAIT = 300
        a.open(data, compress=1)
        a.send("K", w.u64(LSN))
        runs, end = a.get_pages(NAME + ".1", n, mine)
        eq([(w.Reader(r[4:]).u32(), r[8:] == pages[w.Reader(r[4:]).u32()])
            for r in runs], [(bad, True), (good, True), (last, True)])
        eq((end["size"], end["bad"], end["first_bad"], end["digest"]),
           (n * 8192, 1, first + bad, digest))
        if not os.environ.get("STANDBY_TEST_WORLD"):
            return
        # As a whole: zeros are packed well, and hashed by the agent alone.
        a.send("B", w.batch(w.file(NAME + ".1")))
        at, seen = 0, {}
        while True:
            kind, payload = a.recv()
            if kind == "F":
                break
            eq(kind, "d")
            for i in range(4, len(payload), 8192):
                if payload[i] or any(payload[i:i + 16]):
                    seen[(at + i - 4) // 8192] = payload[i:i + 8192]
            at += len(payload) - 4
        end = w.parse_file_end(payload)
        eq((at, seen == pages), (n * 8192, True))
        eq((end["size"], end["bad"], end["first_bad"], end["digest"]),
           (n * 8192, 1, first + bad, digest))


# --- the request itself ----------------------------------------------------


@test
def a_malformed_VERIFY_ends_the_session():
    data = pgdata(sums=1)
    for payload in (b"", w.u32(1), w.u64(1) + b"x"):
        refused(data, "protocol", 5, w.frame("K", payload))
    refused(data, "protocol", 5, w.frame("K", w.u64(1)), opened=False)


@test
def the_sums_of_this_test_are_those_of_a_server():
    # What checksum_impl.h says of the page of t/unit/pagesum_test.c.
    x, b = 88172645463325252, bytearray()
    for _ in range(8192):
        x ^= x << 13 & (1 << 64) - 1
        x ^= x >> 7
        x ^= x << 17 & (1 << 64) - 1
        b.append(x & 255)
    struct.pack_into("<H", b, 8, 0)
    eq([w.page_sum(bytes(b), n) for n in (0, 131071 + 3 * 131072, 4294967294)],
       [54764, 18957, 10772])


if __name__ == "__main__":
    main("0105-agent-pages")
