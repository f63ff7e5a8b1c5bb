"""What all modules of the bench use: errors, talk, running helpers."""
import os
import subprocess
import sys
import time

STARTED = time.monotonic()


class BenchError(Exception):
    """The bench cannot go on; the text says why."""


def say(text):
    """Talk, to standard error: the report alone goes to standard output."""
    print("[%6.0f s] %s" % (time.monotonic() - STARTED, text),
          file=sys.stderr, flush=True)


def run(argv, text_in=None, may_fail=False):
    """Run a helper to its end, not measured; its standard output."""
    argv = [os.fspath(a) for a in argv]
    # A file, not a pipe: what pg_ctl starts keeps it open.
    with open("run.log", "w+b") as out:
        done = subprocess.run(
            argv, stdout=out, stderr=out, check=False,
            input=None if text_in is None else text_in.encode(),
            stdin=subprocess.DEVNULL if text_in is None else None)
        out.seek(0)
        said = out.read().decode(errors="replace")
    if done.returncode != 0 and not may_fail:
        raise BenchError("%s: exit %d: %s" % (
            " ".join(argv)[:200], done.returncode, said[-800:].strip()))
    return said


def poll_until(seconds, true, what):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise BenchError("%s: not within %d s" % (what, seconds))
        time.sleep(0.02)
