#!/usr/bin/python3
"""TCP relay on the loopback that counts what goes through it.

    relay.py LISTEN_PORT TARGET_PORT COUNT_FILE

COUNT_FILE holds "UP DOWN CONNECTIONS TURNS": bytes from the client to the
server, bytes from the server to the client (what the client received),
connections so far, and how often a client spoke after it had been answered:
the round trips it waited for, over all connections.  It is written anew, by rename, whenever a connection ends, on SIGUSR1
and at the end (SIGTERM).  It exists once the relay listens.
"""
import os
import signal
import socket
import sys
import threading

CHUNK = 1 << 18


class Relay:
    def __init__(self, listen_port, target_port, count_file):
        self.target = ("127.0.0.1", target_port)
        self.count_file = count_file
        self.lock = threading.Lock()
        self.count = [0, 0]
        self.connections = 0
        self.turns = 0
        self.speaker = {}       # client socket: direction of its last data
        self.listener = socket.create_server(("127.0.0.1", listen_port))
        self.write_counts()

    def write_counts(self):
        with self.lock:
            tmp = self.count_file + ".tmp"
            with open(tmp, "w", encoding="ascii") as f:
                f.write("%d %d %d %d\n" % (*self.count, self.connections,
                                           self.turns))
            os.rename(tmp, self.count_file)

    def note(self, client, way, size):
        with self.lock:
            self.count[way] += size
            if way == 0 and self.speaker.get(client) != 0:
                self.turns += 1
            self.speaker[client] = way

    def pump(self, src, dst, way):
        """One direction, in a thread of its own: a peer that does not read
        must hold up this direction only, as it would without the relay."""
        try:
            while True:
                data = src.recv(CHUNK)
                if not data:
                    break
                self.note(dst if way else src, way, len(data))
                dst.sendall(data)
            dst.shutdown(socket.SHUT_WR)
        except OSError:
            for s in (src, dst):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def serve(self, client):
        try:
            server = socket.create_connection(self.target, timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = threading.Thread(target=self.pump, args=(client, server, 0),
                              daemon=True)
        up.start()
        self.pump(server, client, 1)
        up.join()
        self.speaker.pop(client, None)
        client.close()
        server.close()
        self.write_counts()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,),
                             daemon=True).start()


class End(Exception):
    """The relay is to stop."""


def end(*_):
    raise End


def main(argv):
    if len(argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    relay = Relay(int(argv[1]), int(argv[2]), argv[3])
    signal.signal(signal.SIGUSR1, lambda *_: relay.write_counts())
    try:
        relay.run()
    except End:
        relay.write_counts()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
