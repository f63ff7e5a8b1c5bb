#!/usr/bin/python3
"""What a server of 9.0 to 9.5 shows on its host, for a stub's standby.

    standby_old.py VERSION PGDATA [TITLE]

Becomes a daemon that is called postgres, works in PGDATA and has written its
postmaster.pid; TITLE, when there is one, is that of a child.  It ends on
SIGTERM, or when PGDATA/stop is there.  Its SQL is pgserver.py's.
"""
import os
import signal
import sys
import time


def main():
    version, pgdata = sys.argv[1:3]
    os.chdir(pgdata)
    if os.fork() > 0:
        for _ in range(100):
            if os.path.exists("postmaster.pid"):
                return
            time.sleep(0.05)
        sys.exit("no postmaster.pid")
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.closerange(3, 64)
    with open("/proc/self/comm", "w", encoding="ascii") as f:
        f.write("postgres")
    child = None
    if len(sys.argv) > 3:
        child = os.fork()
        if child == 0:
            os.execv("/bin/sleep", [sys.argv[3], "300"])
    lines = [os.getpid(), pgdata]
    if version >= "9.1":
        lines += [int(time.time()), os.environ["STANDBY_PORT"],
                  os.environ["STANDBY_SOCKET"], ""]
    lines.append("  5432001         0")
    with open("postmaster.tmp", "w", encoding="ascii") as f:
        f.write("".join("%s\n" % x for x in lines))
    os.rename("postmaster.tmp", "postmaster.pid")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while not os.path.exists("stop"):
            time.sleep(0.1)
    finally:
        os.unlink("postmaster.pid")
        if child:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
