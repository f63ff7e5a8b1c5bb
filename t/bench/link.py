"""What stands between the two ends: relays that count, and for the slow link
delay; and the limit of the rate, by the kernel where it lets us."""
import os
import subprocess

from common import poll_until

RATE = 100 * 1000 * 1000 // 8       # 100 Mbit/s, as bytes
DELAY = 0.025                       # each way
LO = ("dev", "lo")



class Link:
    """Relays in front of sshd and the server for one command.  As a context:
    up and down are the bytes of both directions afterwards, as counted at
    the sockets."""

    def __init__(self, place, ports, slow=False):
        self.place = place
        self.ports = ports              # [(listen, target)]
        self.slow = slow
        self.processes = []
        self.shaped = False
        self.up = self.down = 0

    def counts(self, listen):
        return self.place.path("work", "count.%d" % listen)

    def __enter__(self):
        program, more = "relay.py", []
        if self.slow:
            self.shaped = self.shape()
            program = "slowlink.py"
            more = [str(DELAY), "0" if self.shaped else str(RATE)]
        for listen, target in self.ports:
            counts = self.counts(listen)
            if os.path.exists(counts):
                os.unlink(counts)
            self.processes.append(subprocess.Popen(
                ["/usr/bin/python3", self.place.path("programs", program),
                 str(listen), str(target), counts, *more],
                stdin=subprocess.DEVNULL))
            poll_until(10, lambda: os.path.exists(counts), program)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
            process.wait()
        for listen, _ in self.ports:
            try:
                with open(self.counts(listen), encoding="ascii") as f:
                    up, down, _ = map(int, f.read().split())
            except (OSError, ValueError):
                continue
            self.up += up
            self.down += down
        if self.shaped:
            self.place.network("tc", "qdisc", "del", *LO, "root")

    def shape(self):
        """A token bucket for each direction, and behind it a queue of 100 ms:
        what the servers send, and what the clients send to the relays.
        Everything else on the loopback is left alone."""
        if not self.place.own_net:
            return False
        rules = [["qdisc", "add", *LO, "root", "handle", "1:", "htb"]]
        for band in ("1", "2"):
            rules.append(["class", "add", *LO, "parent", "1:", "classid",
                          "1:" + band, "htb", "rate", "%dbit" % (RATE * 8),
                          "burst", "128k", "cburst", "128k"])
            rules.append(["qdisc", "add", *LO, "parent", "1:" + band,
                          "bfifo", "limit", str(RATE // 10)])
        for listen, target in self.ports:
            for port, way, band in ((target, "sport", "1"),
                                    (listen, "dport", "2")):
                rules.append(["filter", "add", *LO, "parent", "1:",
                              "protocol", "ip", "u32", "match", "ip", way,
                              str(port), "0xffff", "flowid", "1:" + band])
        if all(self.place.network("tc", *rule) for rule in rules):
            return True
        self.place.network("tc", "qdisc", "del", *LO, "root")
        return False
