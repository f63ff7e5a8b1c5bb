#!/usr/bin/env python3
"""Random pairs of a source and a target through plan, workers, agents and a
line of any kind: equal afterwards, nothing is sent twice; and while the source
is written every byte is one that it had.

    STANDBY_TEST_SEED=N     the seed of the first round; the next has N + 1
    STANDBY_TEST_ROUNDS=N   rounds of each test (else some seconds of them)
    STANDBY_TEST_KEEP=1     leave the directories
"""
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import time

TOP = os.environ.get("TOP_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("TOP_BUILDDIR") or TOP
LIB = os.path.join(TOP, "t", "lib")
sys.path.insert(0, LIB)
sys.dont_write_bytecode = True
import randomtree as tree  # noqa: E402
import wire_speaker as w  # noqa: E402
from agent_tap import AGENT, eq, main, pgdata, test  # noqa: E402
from movingfiles import Moving, Writer  # noqa: E402

REFRESH = os.path.join(BUILD, "t", "helpers", "refresh")
SEED = int(os.environ.get("STANDBY_TEST_SEED")
           or time.time_ns() // 10**6 % 10**9)
ROUNDS = int(os.environ.get("STANDBY_TEST_ROUNDS") or 0)
TIME = 120  # s, for one transfer: else it hangs
MIB = 1 << 20
SLOW, FAST = (10, 30), (0, 3)  # ms
totals = {}


def note(text):
    print("# " + text, flush=True)


# --- one transfer ----------------------------------------------------------


class Options:
    """What a clone may be told."""

    def __init__(self, rng, **given):
        self.bs = rng.choice((1024, 2048, 8192, 8192, 8192, 32768))
        self.pages = rng.choice(("auto",) * 6 + ("rsync", "whole"))
        self.seed = rng.getrandbits(64)
        self.compress = rng.choice((0, 0, 1, 255))
        self.jobs = rng.choice((1, 1, 2, 4))
        self.group = rng.random() < 0.2
        self.verify = rng.random() < 0.3
        self.rate = rng.choice((0,) * 9 + (60 * MIB,))
        self.delay = rng.choice((FAST, FAST, SLOW))
        self.direct = rng.random() < 0.2
        self.cut, self.up, self.down = 0, {}, {}
        self.line = rng.getrandbits(32)
        self.__dict__.update(given)

    @property
    def mode(self):
        return 0o640 if self.group else 0o600

    def words(self, source, target):
        return ([REFRESH, "-p", self.pages, "-j", self.jobs, "-b", self.bs,
                 "-s", self.seed, "-z", self.compress, "-r", self.rate,
                 "-e", os.path.join(LIB, "fakessh"), "-A", AGENT]
                + ["-g"] * self.group + ["-v"] * self.verify
                + [source, target])

    def slowline(self, counts):
        if self.direct:
            return ""
        rng = random.Random(self.line)

        def way():
            # Small portions are for short lines: it is Python.
            portion = rng.choice(([1, 3000], [4096, 70000], [65536, MIB]))
            return {"delay": self.delay, "gap": [0, 0], "portion": portion,
                    "room": rng.choice((65536, MIB, 64 * MIB))}

        up = dict(way(), **self.up)
        down = dict(way(), portion=[4096, MIB], **self.down)
        return json.dumps({"seed": self.line, "up": up, "down": down,
                           "cut": self.cut, "counts": counts})


class Result:
    """What the helper said of each file, and what the lines counted."""

    def __init__(self, o, pair):
        self.o, self.pair = o, pair
        counts = pair.target + ".counts"
        env = dict(os.environ, SLOWLINE=o.slowline(counts))
        p = subprocess.run(
            [str(x) for x in o.words(pair.source, pair.target)],
            env=env, timeout=TIME, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, check=False)
        self.rc, self.err = p.returncode, p.stderr.decode(errors="replace")
        self.files = {}
        for line in p.stdout.split(b"\0")[:-1]:
            kind, status, done, size, path = os.fsdecode(line).split(" ", 4)
            self.files[path] = (kind, int(status), int(done), int(size))
        self.counts = {}
        for name in glob.glob(glob.escape(counts) + ".*[0-9]"):
            with open(name, encoding="utf-8") as f:
                for k, v in json.load(f).items():
                    self.counts[k] = self.counts.get(k, 0) + v
            os.unlink(name)
        for k, v in self.counts.items():
            totals[k] = totals.get(k, 0) + v

    def succeeded(self):
        if self.rc != 0:
            raise AssertionError("exit status %d: %s" % (self.rc, self.err))
        if self.counts.get("failed"):
            raise AssertionError("an agent ended with an error")

    def asked_once(self):
        """No file was fetched a second time, but where sums collide.  (By
        chance they do once in 4 thousand million parts.)"""
        more = self.counts.get("ends", 0) - len(self.files)
        if more > len(self.pair.collided):
            raise AssertionError("%d files were fetched a second time" % more)

    def changed(self, was, but=()):
        """What was written is pages that differed, and all of these."""
        for path, (kind, status, done, size) in self.files.items():
            if path in but:
                continue
            eq((path, status), (path, w.OK))
            want = {was[path]} if kind == "P" else {0, size}
            if path in self.pair.collided:
                want.add(size)
            if kind in "PC" and done not in want:
                raise tree.Differs(path, "%d bytes were written, not %s" % (
                    done, want))


def before(pair):
    files, _ = tree.wanted(pair.source)
    return {p: tree.bytes_to_change(pair.source, pair.target, p, pair.bs)
            for p in files}


# --- the rounds ------------------------------------------------------------


def sums_of(o):
    """Two parts of a page of one sum, under the seed of the session."""
    p = subprocess.run([REFRESH, "-c", "-b", str(o.bs), "-s", str(o.seed)],
                       stdout=subprocess.PIPE, check=True)
    return [bytes.fromhex(x.decode()) for x in p.stdout.split()]


def mixture(p, rng):
    for _ in range(rng.randint(5, 40)):
        p.file()


def many_small(p, rng):
    for _ in range(rng.randint(200, 400)):
        p.file(rng.randrange(3 * p.bs), [rng.choice(tree.WAYS)])


def more_than_is_held(p, rng):
    """All pages differ in a little, and are more than 16 MiB."""
    p.number += 1
    new = tree.rows(rng, rng.randint(19, 26) * MIB, p.bs)
    p.add("base/1/%d" % p.number, True, new,
          bytes(tree.hint_bits(rng, bytearray(new), p.bs)))
    mixture(p, rng)


def narrow(p, rng):
    """Small pages in a row that differ in one part each: thousands in a
    frame."""
    for _ in range(3):
        p.file(rng.randint(600, 6000) * p.bs, [tree.hint_bits])
    mixture(p, rng)


def narrow_and_long(p, rng):
    """Many spans, of which parts come while others are read."""
    p.number += 1
    new = rng.randbytes(rng.randint(6000, 12000) * p.bs)
    p.add("base/1/%d" % p.number, True, new,
          bytes(tree.hint_bits(rng, bytearray(new), p.bs, p.bs)))
    for _ in range(5):
        p.file(rng.randrange(20 * p.bs))


def wide(p, rng):
    """More than is asked for at a time."""
    p.hollow(280 * MIB + rng.randrange(3 * p.bs), rng.randint(1, 400))
    mixture(p, rng)


def colliding(p, rng):
    for _ in range(rng.randint(1, 8)):
        p.file(rng.randrange(10 * p.bs))
        p.collision()


# The agent reads on, and the answers are under way.
LONG = {"direct": False, "delay": SLOW, "down": {"room": 64 * MIB},
        "up": {"room": 64 * MIB, "portion": [65536, MIB]}}
KINDS = (
    (mixture, {}),
    (more_than_is_held, {"pages": "auto", **LONG}),
    (narrow, {"pages": "auto", "bs": 1024}),
    (colliding, {"pages": "auto"}),
    (mixture, {"jobs": 4, "delay": SLOW, "direct": False}),
    (many_small, {"pages": "auto"}),
    (mixture, {"pages": "auto"}),
    (wide, {"pages": "auto", "delay": FAST}),
)
# The requests come little by little: there is time to write.
FEW = {"direct": False, "up": {"portion": [1, 1500], "gap": [0, 3]}}
# Requests and answers pass at once, parts have to wait.
HELD_UP = {"direct": False, "delay": [0, 0.2], "rate": 5 * MIB,
           "up": {"portion": [65536, MIB]}}


def prepare(seed, kinds):
    """The pair of that seed and its options, in a new directory."""
    rng = random.Random(seed)
    kind, given = kinds[seed % len(kinds)]
    o = Options(rng, **given)
    source = pgdata(block=o.bs, sums=1)
    p = tree.Pair(rng, source, os.path.join(os.path.dirname(source), "to"),
                  o.bs, sums_of(o))
    kind(p, rng)
    if rng.random() < 0.5:
        p.links()
    if rng.random() < 0.3:
        p.collision()
    p.only_there()
    return rng, o, p


def had(seed, kinds, e):
    """The byte of the target before: all is made once more."""
    _, _, p = prepare(seed, kinds)
    try:
        with open(os.path.join(p.target, e.path), "rb") as f:
            return tree.read_at(f, 1, e.at).hex() or "its end"
    except OSError as why:
        return why.strerror


def tell(name, seed, kinds, e):
    note("round of the seed %d: %s" % (seed, e))
    if isinstance(e, tree.Differs) and e.at is not None:
        note("the target had %s there" % had(seed, kinds, e))
    note("again: STANDBY_TEST_SEED=%d STANDBY_TEST_ROUNDS=1 TOP_BUILDDIR=%s "
         "%s %s" % (seed, os.path.abspath(BUILD), os.path.abspath(__file__),
                    name))


def rounds(default, kinds):
    """The function is one round, of a pair made before."""
    def every(one):
        def run():
            for seed in range(SEED, SEED + (ROUNDS or default)):
                try:
                    one(*prepare(seed, kinds))
                except Exception as e:
                    tell(one.__name__, seed, kinds, e)
                    raise
                if not os.environ.get("STANDBY_TEST_KEEP"):
                    shutil.rmtree(os.path.join(pgdata.top, str(pgdata.n)))

        run.__name__ = one.__name__
        return run

    return every


def content_outside(p):
    found = {}
    for name in os.listdir(p.outside):
        with open(os.path.join(p.outside, name), "rb") as f:
            found[name] = f.read()
    return found


@test
@rounds(8, KINDS)
def a_source_at_rest_and_its_target_are_equal_afterwards(rng, o, p):
    was, outside = before(p), content_outside(p)
    r = Result(o, p)
    r.succeeded()
    tree.same_tree(p, o.mode)
    eq(content_outside(p) == outside, True)
    eq(set(r.files), set(was))
    r.changed(was)
    r.asked_once()
    if rng.random() < 0.2:
        p.collided = set()
        again = Result(o, p)
        again.succeeded()
        again.changed(dict.fromkeys(was, 0))
        tree.same_tree(p, o.mode)


@test
@rounds(4, KINDS[:-1])
def a_transfer_that_was_cut_is_continued(rng, o, p):
    outside = content_outside(p)
    o.direct = False
    for _ in range(rng.randint(1, 2)):
        o.cut = int(2 ** rng.uniform(12, 22))
        r = Result(o, p)
        if r.rc not in (0, 5):
            r.succeeded()
    o.cut, was = 0, before(p)
    r = Result(o, p)
    r.succeeded()
    tree.same_tree(p, o.mode)
    eq(content_outside(p) == outside, True)
    r.changed(was)
    r.asked_once()


@test
@rounds(6, ((mixture, FEW), (many_small, FEW),
            (narrow_and_long, {"pages": "auto", "bs": 1024, **HELD_UP})))
def what_is_written_meanwhile_is_what_the_source_had_there(rng, o, p):
    was = before(p)
    files = sorted(x for x in was if not x.endswith("PG_VERSION"))
    chosen = set(rng.sample(files, max(1, len(files) // 3)))
    largest = max(files, key=p.size)
    moving = [Moving(p.source, x, o.bs, x != largest and rng.random() < 0.3)
              for x in sorted(chosen | {largest})]
    but = {m.path for m in moving}
    writer = Writer(rng, moving, o.bs, rng.choice(((0, 0.2), (0, 2))))
    writer.start()
    try:
        r = Result(o, p)
    finally:
        writer.stop()
    r.succeeded()
    tree.same_tree(p, o.mode, but)
    for m in moving:
        m.check(p.target)
    r.changed(was, but)
    r.asked_once()
    for k, v in (("writes", writer.ops), ("torn", sum(m.torn for m in moving))):
        totals[k] = totals.get(k, 0) + v


if __name__ == "__main__":
    note("STANDBY_TEST_SEED=%d" % SEED)
    try:
        main("0107-agent-random")
    finally:
        note(", ".join("%s %d" % x for x in sorted(totals.items())))
