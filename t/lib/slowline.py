#!/usr/bin/python3
"""A line between a client and its standby-agent: slow, in portions that have
nothing to do with frames, and cut where it is said.

    slowline.py SETTINGS COMMAND

starts COMMAND and passes on what comes.  SETTINGS is JSON:
    seed        of the portions and of their delays
    up, down    for each direction {"delay": [MS, MS], "gap": [MS, MS],
                "portion": [N, N], "room": N}: how late a portion is, and behind
                the one before it; its bytes, and how many may be under way
    cut         0, or after how many bytes from the agent the line breaks
    counts      at the end a file of that name and the process id says what the
                agent was asked and answered, as JSON
"""
import collections
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

FILE_END, PEEK, WANT, PATCH, DONE = 0x46, 0x6E, 0x57, 0x77, 0x58


class Frames:
    """Counts the frames of one direction; looks into the first 4 bytes."""

    def __init__(self, see):
        self.see, self.head, self.skip = see, b"", 0

    def feed(self, data):
        at = 0
        while at < len(data):
            if self.skip:
                step = min(self.skip, len(data) - at)
                self.skip -= step
                at += step
                continue
            if len(self.head) >= 5:
                size = int.from_bytes(self.head[1:5], "big")
                want = 5 + min(4, size)
            else:
                want = 5
            step = min(want - len(self.head), len(data) - at)
            self.head += data[at:at + step]
            at += step
            self.done()

    def done(self):
        if len(self.head) < 5:
            return
        size = int.from_bytes(self.head[1:5], "big")
        first = min(4, size)
        if len(self.head) == 5 + first:
            self.see(self.head[0], size, self.head[5:])
            self.head, self.skip = b"", size - first


class Counts:
    """Files answered; pages of PEEKs; those not answered yet, at most; PATCHes;
    those that came behind the end of their file; 1 for an agent that said DONE
    and ended with an error."""

    def __init__(self):
        self.n = dict.fromkeys(
            ("ends", "peeked", "waiting", "patches", "late", "failed"), 0)
        self.ended, self.open, self.done = set(), 0, False

    def down(self, kind, size, head):
        if kind == FILE_END:
            self.n["ends"] += 1
            self.ended.add(head)
        elif kind == PEEK:
            self.n["peeked"] += (size - 4) // 132
            self.open += (size - 4) // 132
            self.n["waiting"] = max(self.n["waiting"], self.open)
        elif kind & 0x7F == PATCH:
            self.n["patches"] += 1
            self.n["late"] += kind == PATCH and head in self.ended

        elif kind == DONE:
            self.done = True

    def up(self, kind, size, _):
        if kind == WANT:
            self.open -= (size - 4) // 4


class Way:
    """One direction."""

    def __init__(self, src, dst, rng, see, delay, gap, portion, room):
        self.src, self.dst, self.rng = src, dst, rng
        self.frames = Frames(see)
        self.delay, self.gap = delay, gap
        self.portion, self.room = portion, room
        self.queue, self.size, self.passed = collections.deque(), 0, 0
        self.eof = self.closed = False
        self.last = 0  # when the last portion is due
        os.set_blocking(dst, False)

    def wants(self):
        return not self.eof and self.size < self.room

    def take(self):
        data = os.read(self.src, self.rng.randint(*self.portion))
        self.eof = not data
        self.frames.feed(data)
        self.size += len(data)
        self.passed += len(data)
        gap, delay = (self.rng.uniform(*x) / 1000
                      for x in (self.gap, self.delay))
        self.last = max(time.monotonic() + delay, self.last + gap)
        self.queue.append((self.last, data))

    def ready(self, now):
        return bool(self.queue) and self.queue[0][0] <= now

    def give(self):
        due, data = self.queue.popleft()
        if not data:
            os.close(self.dst)
            self.closed = True
            return
        try:
            n = os.write(self.dst, data)
        except BlockingIOError:
            n = 0
        except BrokenPipeError:
            n = len(data)
        self.size -= n
        if n < len(data):
            self.queue.appendleft((due, data[n:]))


def pump(ways, cut):
    while not ways[1].closed:
        now = time.monotonic()
        reads = [w.src for w in ways if w.wants()]
        writes = [w.dst for w in ways if not w.closed and w.ready(now)]
        dues = [w.queue[0][0] - now for w in ways
                if w.queue and not w.ready(now)]
        r, wr, _ = select.select(reads, writes, [],
                                 min(dues) if dues else None)
        for w in ways:
            if w.src in r:
                w.take()
            if w.dst in wr:
                w.give()
        if cut and ways[1].passed >= cut:
            return False
    return True


def main(argv):
    o = json.loads(argv[1])
    rng, counts, whole = random.Random(o["seed"]), Counts(), False
    with subprocess.Popen([argv[2]], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, bufsize=0) as p:
        up, down = os.dup(p.stdin.fileno()), p.stdout.fileno()
        p.stdin.close()
        try:
            whole = pump((Way(0, up, rng, counts.up, **o["up"]),
                          Way(down, 1, rng, counts.down, **o["down"])),
                         o["cut"])
        finally:
            if not whole:
                p.kill()
            counts.n["failed"] = int(counts.done and p.wait() != 0)
            name = "%s.%d" % (o["counts"], os.getpid())
            with open(name + "~", "w", encoding="utf-8") as f:
                json.dump(counts.n, f)
            os.rename(name + "~", name)
    return p.returncode if whole else 255


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv))
