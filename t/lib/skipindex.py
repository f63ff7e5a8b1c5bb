#!/usr/bin/env python3
"""The skip index of a target, as core/skipindex.h describes it.

    skipindex.py paths FILE             what it has, a path a line
    skipindex.py set FILE NAME VALUE    one member of the header, another value;
                                        the checksum is made right again
    skipindex.py flip FILE WHERE        one bit: of header, record or checksum
"""
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire_speaker as w  # noqa: E402

HEAD = (("format", "u32"), ("system", "u64"), ("seed", "u64"),
        ("block", "u32"), ("verified", "u8"), ("host", "text"),
        ("pgdata", "text"), ("boot", "text"), ("dev", "u64"), ("ino", "u64"),
        ("target_boot", "text"), ("target_dev", "u64"), ("target_ino", "u64"),
        ("control", "stamp"), ("crc", "u32"))


def read(file):
    with open(file, "rb") as f:
        return f.read()


def write(file, data):
    """In place: the directory and the file stay the same."""
    with open(file, "r+b") as f:
        f.write(data)
        f.truncate()


def header(data):
    r = w.Reader(data)
    assert r.take(8) == b"STBYSKIP"
    h = {k: r.take(40) if t == "stamp" else getattr(r, t)() for k, t in HEAD}
    return h, len(data) - r.left()


def records(data):
    r = w.Reader(data[header(data)[1]:-16])
    while (path := r.text()):
        yield path[:-1].decode()
        r.take(96)


def encode(h):
    out = b"STBYSKIP"
    for k, t in HEAD:
        out += h[k] if t == "stamp" else getattr(w, t)(h[k])
    return out


def main(what, file, *args):
    data = read(file)
    h, at = header(data)
    if what == "paths":
        print("\n".join(records(data)))
    elif what == "set":
        old = h[args[0]]
        h[args[0]] = (args[1].encode() + b"\0" if isinstance(old, bytes)
                      else int(args[1]))
        data = encode(h) + data[at:-16]
        write(file, data + w.xxh(data))
    elif what == "flip":
        at = {"header": 30, "record": (at + len(data)) // 2,
              "checksum": len(data) - 1}[args[0]]
        data = bytearray(data)
        data[at] ^= 4
        write(file, bytes(data))


main(*sys.argv[1:])
