#!/usr/bin/python3 -B
"""Compare standby-clone with rsync, pg_basebackup, pg_rewind and pgBackRest.

Makes clusters of PostgreSQL 15, a private sshd and copies of them, all as an
ordinary user on 127.0.0.1, and measures both ends of every contender, one
after the other, round after round.  The tables go to standard output.
"""
import argparse
import json
import os
import shutil
import signal
import sys

import place
import report
from cluster import BIN, marker
from common import BenchError, say
from session import Session
from sshd import Sshd
from workloads import ALL


def arguments(argv):
    p = argparse.ArgumentParser(
        prog="bench.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="workloads:\n" + "\n".join(
            "  %-4s %s" % (w.name, w.title) for w in ALL))
    p.add_argument("workload", nargs="*", metavar="WORKLOAD",
                   help="which of them (default: all)")
    p.add_argument("--scale", type=int, default=150,
                   help="150: clusters of 4, 1.8 and 2 GB (default: 150)")
    p.add_argument("--rounds", type=int, default=5,
                   help="runs of each contender (default: 5)")
    p.add_argument("--dir", help="work here and keep the clusters for later "
                   "runs (default: a directory in /var/tmp, removed)")
    p.add_argument("--json", metavar="FILE",
                   help="all figures of all runs (default: bench.json)",
                   default="bench.json")
    p.add_argument("--only", metavar="TEXT", action="append", default=[],
                   help="only contenders whose name has this (repeatable)")
    p.add_argument("--no-checksums", dest="checksums", action="store_false",
                   help="clusters without data checksums")
    p.add_argument("--keep", action="store_true",
                   help="leave the copies of the last run there")
    args = p.parse_args(argv)
    known = {w.name for w in ALL}
    for name in args.workload:
        if name not in known:
            p.error("no workload \"%s\"" % name)
    if args.rounds < 1 or args.scale < 1:
        p.error("--rounds and --scale are at least 1")
    return args


def chosen(here, args):
    for cls in ALL:
        if args.workload and cls.name not in args.workload:
            continue
        workload = cls(here)
        if args.only:
            workload.contenders = [
                c for c in workload.contenders
                if any(text in c.name for text in args.only)]
        if workload.contenders:
            yield workload


class Results:
    """Standard output for people, and the file."""

    def __init__(self, file, machine, args):
        self.file = file
        self.document = {"format": 1, "machine": machine,
                         "options": vars(args), "workloads": []}

    def add(self, workload):
        self.document["workloads"].append(workload)
        self.file.seek(0)
        json.dump(self.document, self.file, indent=1)
        self.file.truncate()
        self.file.flush()
        print(report.workload_text(workload), flush=True)


def bench(here, args):
    room(here, args)
    machine = report.machine(here)
    results = Results(here.json, machine, args)
    print(report.machine_text(machine, args), flush=True)
    print(report.LEGEND, flush=True)
    sshd = Sshd(here)
    sshd.start()
    session = Session(here, sshd, args)
    for workload in chosen(here, args):
        results.add(session.workload(workload))
    say("figures of all runs: %s" % args.json)


def room(here, args):
    """22 GB at scale 150; what is there already was thought of before."""
    need = args.scale * 0.15
    free = shutil.disk_usage(here.dir).free / 1e9
    if free < need and not os.path.exists(marker(here, "mixed")):
        raise BenchError("\"%s\" has %.0f GB free, and scale %d needs %.0f: "
                         "name another --dir or a smaller --scale" % (
                             here.dir, free, args.scale, need))


def interrupted(number, _frame):
    raise SystemExit(128 + number)


def main(argv):
    args = arguments(argv)
    if not os.access(BIN + "/postgres", os.X_OK):
        raise BenchError("no PostgreSQL 15 in \"%s\": apt-get install "
                         "postgresql-15" % BIN)
    if not place.is_prepared():
        place.enter(args, argv)
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, interrupted)
    here = place.Place()
    try:
        bench(here, args)
    finally:
        here.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        print("bench: error: %s" % error, file=sys.stderr)
        sys.exit(1)
