#!/usr/bin/env python3
"""What of files is in memory.

    pagecache.py count FILE...   pages in memory and all pages, by mincore(2)
    pagecache.py warm FILE...    read them
    pagecache.py drop FILE...    write them out and drop them

A FILE that is a directory stands for the files in it.  mincore(2) tells the
truth of one's own files only.
"""
import ctypes
import os
import sys

PAGE = os.sysconf("SC_PAGESIZE")
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                      ctypes.c_int, ctypes.c_int, ctypes.c_long)
libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
PROT_NONE, MAP_SHARED = 0, 1


def files(paths):
    for p in paths:
        if os.path.isdir(p):
            yield from (f.path for f in os.scandir(p) if f.is_file())
        else:
            yield p


def count(fd, size):
    pages = (size + PAGE - 1) // PAGE
    if pages == 0:
        return 0, 0
    was = ctypes.create_string_buffer(pages)
    at = libc.mmap(None, size, PROT_NONE, MAP_SHARED, fd, 0)
    if at == ctypes.c_void_p(-1).value or libc.mincore(at, size, was) != 0:
        raise OSError(ctypes.get_errno(), "mmap or mincore")
    libc.munmap(at, size)
    return sum(b & 1 for b in was.raw), pages


def warm(fd):
    while os.read(fd, 1 << 20):
        pass


def drop(fd):
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def main(what, *paths):
    there = pages = 0
    for path in files(paths):
        fd = os.open(path, os.O_RDONLY)
        if what == "warm":
            warm(fd)
        elif what == "drop":
            drop(fd)
        else:
            a, b = count(fd, os.fstat(fd).st_size)
            there, pages = there + a, pages + b
        os.close(fd)
    if what == "count":
        print(there, pages)


main(*sys.argv[1:])
