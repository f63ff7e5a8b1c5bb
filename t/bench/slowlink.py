#!/usr/bin/python3
"""A relay like t/lib/relay.py that is also far away.

    slowlink.py LISTEN_PORT TARGET_PORT COUNT_FILE DELAY RATE

DELAY: seconds that each direction takes.  RATE: bytes a second in each
direction, over all connections; 0: as they come (the namespace limits them).
What TCP itself loses by a long way (slow start) is not played: the same for
everybody.
"""
import queue
import sys
import threading
import time

import relay

CHUNK = 1 << 16
UNDER_WAY = 1024        # chunks; what a peer that does not read leaves here


class Pace:
    """One direction of the link, shared by all connections."""

    def __init__(self, rate):
        self.rate = rate
        self.lock = threading.Lock()
        self.free = 0.0

    def send(self, size):
        """Wait until the link has taken this much more."""
        if self.rate == 0:
            return
        now = time.monotonic()
        with self.lock:
            self.free = max(now, self.free) + size / self.rate
            wait = self.free - now
        time.sleep(wait)


class SlowRelay(relay.Relay):
    delay = 0.0
    pace = (Pace(0), Pace(0))

    def pump(self, src, dst, way):
        """Read here, at the pace of the link, so that the sender sees it;
        write in a thread when the time has come."""
        waiting = queue.Queue(UNDER_WAY)
        writer = threading.Thread(target=self.deliver, args=(waiting, dst),
                                  daemon=True)
        writer.start()
        data = b"."
        while data:
            try:
                data = src.recv(CHUNK)
            except OSError:
                data = b""
            self.note(dst if way else src, way, len(data))
            self.pace[way].send(len(data))
            waiting.put((time.monotonic() + self.delay, data))
        writer.join()

    @staticmethod
    def deliver(waiting, dst):
        alive = True
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    dst.shutdown(relay.socket.SHUT_WR)
                elif alive:
                    dst.sendall(data)
            except OSError:
                alive = False
            if not data:
                return


def main(argv):
    if len(argv) != 6:
        print(__doc__, file=sys.stderr)
        return 2
    SlowRelay.delay = float(argv[4])
    SlowRelay.pace = (Pace(float(argv[5])), Pace(float(argv[5])))
    relay.Relay = SlowRelay
    return relay.main(argv[:4])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
