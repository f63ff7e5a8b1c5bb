#!/usr/bin/python3
"""A relay that swallows a part of what clients of PostgreSQL send.

swallow.py LISTEN_PORT TARGET_PORT WHAT, on 127.0.0.1.  WHAT:
  all       every connection, from its first byte
  repl      replication connections, from their first byte
  identify  replication connections, after the login
  WORD      what holds that word, and everything behind it
Prints a line when it listens.
"""
import socket
import struct
import sys
import threading

KEEP = []


def exactly(c, n):
    d = b""
    while len(d) < n:
        more = c.recv(n - len(d))
        if not more:
            raise OSError("closed")
        d += more
    return d


def startup(c):
    while True:
        head = exactly(c, 8)
        size, code = struct.unpack("!II", head)
        if code not in (80877103, 80877104):  # SSLRequest, GSSENCRequest
            return head + exactly(c, size - 8)
        c.sendall(b"N")


def pump(a, b, word):
    try:
        while True:
            d = a.recv(65536)
            if not d:
                break
            if word is not None and word in d:
                KEEP.append((a, b))
                return
            b.sendall(d)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(c, target, what):
    KEEP.append(c)
    if what == "all":
        return
    try:
        first = startup(c)
    except OSError:
        return
    replication = b"replication\0true" in first
    if replication and what == "repl":
        return
    t = socket.create_connection(("127.0.0.1", target))
    t.sendall(first)
    word = None if what in ("repl", "identify") else what.encode()
    if replication and what == "identify":
        word = b""
    threading.Thread(target=pump, args=(c, t, word), daemon=True).start()
    pump(t, c, None)


def main():
    port, target, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(50)
    print("listens", flush=True)
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c, target, what),
                         daemon=True).start()


main()
