"""Files of a source that are written while they are read, and what a copy of
them may hold.

What is told of a server's files while a backup runs: a page that is written at
that moment may be torn, WAL brings it anew.  So each byte of the copy has to be
one that the source had at this very place at some time since the writer began:
never one of the old target, of another page or of another file.  A page that is
no state of the source as a whole is torn, and counted.
"""
import os
import threading
import time

from randomtree import Differs


class Moving:
    """A file, and all states that its pages had."""

    def __init__(self, top, path, bs, wild):
        self.wild = wild  # it is cut, removed and made again
        self.path, self.full, self.bs = path, os.path.join(top, path), bs
        self.aside = top + ".new"
        self.states, self.torn = [], 0
        os.chmod(self.full, 0o600)
        with open(self.full, "rb") as f:
            self.data = bytearray(f.read())
        self.smallest = self.largest = len(self.data)
        self.absent, self.there = False, True
        self.remember(0, len(self.data))

    def remember(self, first, end):
        """Pages from the byte first up to the byte end have this state now."""
        bs = self.bs
        for i in range(first // bs, (end + bs - 1) // bs):
            while len(self.states) <= i:
                self.states.append([])
            self.states[i].append(bytes(self.data[i * bs:(i + 1) * bs]))
        self.smallest = min(self.smallest, len(self.data))
        self.largest = max(self.largest, len(self.data))

    # What is about to be is remembered before it is.

    def write(self, at, data):
        end = at + len(data)
        first = min(at, len(self.data))
        if end > len(self.data):
            self.data.extend(bytes(end - len(self.data)))
        self.data[at:end] = data
        self.remember(first, end)
        fd = os.open(self.full, os.O_WRONLY)
        try:
            os.pwrite(fd, data, at)
        finally:
            os.close(fd)

    def truncate(self, size):
        before = len(self.data)
        del self.data[size:]
        self.remember(size, before)
        os.truncate(self.full, size)

    def unlink(self):
        self.absent, self.there = True, False
        os.unlink(self.full)

    def appear(self, data):
        """Under its name, by rename if there is one now."""
        before = len(self.data)
        self.data = bytearray(data)
        self.remember(0, max(before, len(data)))
        self.there = True
        with open(self.aside, "xb") as f:
            f.write(data)
        os.rename(self.aside, self.full)

    # --- the copy

    def check(self, target):
        full = os.path.join(target, self.path)
        if not os.path.exists(full):
            if not self.absent:
                raise Differs(self.path, "the target has no such file")
            return
        with open(full, "rb") as f:
            data = f.read()
        if not self.smallest <= len(data) <= self.largest:
            raise Differs(self.path, "%d bytes, the source had %d to %d" % (
                len(data), self.smallest, self.largest))
        for i in range(0, len(data), self.bs):
            self.check_page(i // self.bs, data[i:i + self.bs])

    def check_page(self, i, page):
        states = self.states[i]
        if any(s[:len(page)] == page for s in states):
            return
        self.torn += 1
        for k, byte in enumerate(page):
            had = {s[k] for s in states if k < len(s)}
            if byte not in had:
                raise Differs(
                    self.path, "offset %d: got %02x, the source had %s" % (
                        i * self.bs + k, byte,
                        ", ".join("%02x" % b for b in sorted(had)) or
                        "nothing"), i * self.bs + k)


class Writer(threading.Thread):
    """Writes to the files until it is told to stop."""

    def __init__(self, rng, files, bs, pause_ms):
        super().__init__(daemon=True)
        self.rng, self.files, self.bs = rng, files, bs
        self.pause_ms, self.ops = pause_ms, 0
        self.enough, self.failed = threading.Event(), None

    def run(self):
        try:
            while not self.enough.is_set():
                # Half of them anywhere, half where there is most.
                f = self.rng.choice(self.files)
                if self.rng.random() < 0.5:
                    f = max(self.files, key=lambda x: len(x.data))
                if f.there:
                    self.change(f)
                elif self.rng.random() < 0.3:
                    f.appear(self.rng.randbytes(self.rng.randrange(30) *
                                                self.bs))
                self.ops += 1
                time.sleep(self.rng.uniform(*self.pause_ms) / 1000)
        except Exception as e:  # pylint: disable=broad-except
            self.failed = e

    def change(self, f):
        if f.wild and self.rng.random() < 0.5:
            self.upset(f)
        else:
            self.write(f)

    def write(self, f):
        rng, bs, size = self.rng, self.bs, len(f.data)
        pages, what = size // bs, rng.random()
        if what < 0.4 and pages:
            f.write(rng.randrange(pages) * bs, rng.randbytes(bs))
        elif what < 0.7 and size:
            at = rng.randrange(size)
            f.write(at, rng.randbytes(min(size - at, rng.randint(1, bs))))
        elif what < 0.85 and pages:
            at = rng.randrange(pages)
            f.write(at * bs, rng.randbytes(
                bs * rng.randint(1, min(20, pages - at))))
        elif what < 0.95:
            f.write(size, rng.randbytes(rng.choice((bs, 8 * bs, 100))))
        else:
            f.truncate(max(0, size - rng.randint(1, 8 * bs)))

    def upset(self, f):
        rng, bs, size = self.rng, self.bs, len(f.data)
        what = rng.random()
        if what < 0.15:
            f.write(size + rng.randrange(3 * bs), rng.randbytes(bs))
        elif what < 0.5:
            at = rng.randrange(size + 1)
            f.truncate(at if rng.random() < 0.3 else at - at % bs)
        elif what < 0.85:
            f.unlink()
        else:
            f.appear(rng.randbytes(rng.randrange(30) * bs))

    def stop(self):
        self.enough.set()
        self.join()
        if self.failed:
            raise self.failed
