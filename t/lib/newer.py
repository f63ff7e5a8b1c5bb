#!/usr/bin/python3
"""A server of a version that is not out yet, made of one that is.

    newer.py relay LISTEN_PORT TARGET_PORT FROM TO
        TCP relay on the loopback; what the server says at a login of its
        version begins with TO instead of FROM (same length: "18.", "19.")
    newer.py directory PGDATA VERSION CATALOG [CONTROL]
        PG_VERSION and pg_control of the newest major in a data directory that
        no server runs on, with another catalog and pg_control version
"""
import os
import socket
import struct
import sys
import threading

sys.dont_write_bytecode = True
import wire_speaker  # noqa: E402

CRC_AT = 292  # of pg_control_version 1800


def pump(src, dst, change):
    while data := src.recv(1 << 16):
        dst.sendall(change(data))
    dst.shutdown(socket.SHUT_WR)


def quietly(*args):
    try:
        pump(*args)
    except OSError:
        for s in args[:2]:
            s.close()


def relay(listen, target, old, new):
    key = b"server_version\0"
    old, new = key + old.encode(), key + new.encode()
    assert len(old) == len(new)
    listener = socket.create_server(("127.0.0.1", int(listen)))
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", int(target)))
        for a in ((client, server, bytes),
                  (server, client, lambda d: d.replace(old, new))):
            threading.Thread(target=quietly, args=a, daemon=True).start()


def directory(top, version, catalog, control=None):
    name = os.path.join(top, "global/pg_control")
    with open(name, "rb") as f:
        b = bytearray(f.read())
    was = struct.unpack_from("<II", b, 8)
    assert wire_speaker.crc32c(bytes(b[:CRC_AT])) == struct.unpack_from(
        "<I", b, CRC_AT)[0]
    struct.pack_into("<II", b, 8, int(control or was[0]), int(catalog))
    struct.pack_into("<I", b, CRC_AT, wire_speaker.crc32c(bytes(b[:CRC_AT])))
    with open(name, "wb") as f:
        f.write(b)
    with open(os.path.join(top, "PG_VERSION"), "w", encoding="ascii") as f:
        f.write(version + "\n")


if __name__ == "__main__":
    {"relay": relay, "directory": directory}[sys.argv[1]](*sys.argv[2:])
