"""What the tests of standby-agent share: a registry of tests that prints TAP,
a data directory of their own for each, and an agent to talk to."""
import os
import shutil
import sys
import tempfile
import traceback

import wire_speaker as w

AGENT = os.environ.get("STANDBY_AGENT") or os.path.join(
    os.environ.get("TOP_BUILDDIR") or os.environ.get("TOP_SRCDIR")
    or os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))), "standby-agent")
MIB = 1 << 20
tests = []


def test(f):
    tests.append(f)
    return f


def eq(got, want):
    if got != want:
        raise AssertionError("got %.300r, wanted %.300r" % (got, want))


def start(**kw):
    return w.agent([AGENT], **kw)


def pgdata(**kw):
    """A fresh data directory beside a secret that nobody may see."""
    pgdata.n += 1
    top = os.path.join(pgdata.top, str(pgdata.n))
    os.mkdir(top, 0o700)
    w.put(top, "outside/secret", "SECRET")
    return w.fake_pgdata(os.path.join(top, "data"), **kw)


pgdata.n, pgdata.top = 0, ""


def noise(n, salt=0):
    """Bytes that do not compress, the same each time."""
    x, out = 88172645463325252 + salt, bytearray()
    while len(out) < min(n, 65536):
        x ^= x << 13 & (1 << 64) - 1
        x ^= x >> 7
        x ^= x << 17 & (1 << 64) - 1
        out += w.u64(x)
    return bytes((out * (n // len(out) + 1))[:n])


def refused(data, code, status, *frames, opened=True, **kw):
    """The frames lead to ERR with that code and that exit status."""
    with start() as a:
        if opened:
            a.open(data, **kw)
        else:
            a.greet()
        for f in frames:
            a.send_raw(f)
        seen = b""
        while True:
            f = a.recv()
            if f is None:
                raise AssertionError("no ERR frame")
            if f[0] == "!":
                break
            seen += f[1]
        err = w.parse_err(f[1])
        eq((err["code"], a.end()[1]), (code, status))
        eq(b"SECRET" in seen, False)
        return err


# --- running ---------------------------------------------------------------


def drop_root():
    """Permission tests pass wrongly as root, and the agent refuses it."""
    import pwd
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(pgdata.top, user.pw_uid, user.pw_gid)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        return
    raise SystemExit("1..0 # SKIP no ordinary user to run as")


def main(name, as_root=None):
    """Run the tests that argv names, or all; as_root comes first, as root."""
    wanted = sys.argv[1:]
    failed = 0
    root = os.geteuid() == 0
    if not os.access(AGENT, os.X_OK):
        sys.exit("Bail out! there is no agent at %s" % AGENT)
    pgdata.top = os.path.realpath(tempfile.mkdtemp(
        prefix=name + ".", dir=os.environ.get("STANDBY_TEST_TMP", "/tmp")))
    todo = [t for t in tests if not wanted or t.__name__ in wanted]
    if root and as_root and not wanted:
        todo.insert(0, as_root)
    print("1..%d" % len(todo), flush=True)
    try:
        for n, t in enumerate(todo, 1):
            if root and t is not as_root:
                drop_root()
                root = False
            words = t.__name__.replace("_", " ")
            try:
                reason = t()
                print("ok %d - %s%s" % (
                    n, words, " # SKIP " + reason if reason else ""),
                    flush=True)
            except Exception:
                failed += 1
                print("not ok %d - %s" % (n, words))
                for line in traceback.format_exc().splitlines():
                    print("# " + line)
                sys.stdout.flush()
    finally:
        if not os.environ.get("STANDBY_TEST_KEEP"):
            shutil.rmtree(pgdata.top, ignore_errors=True)
    sys.exit(1 if failed else 0)
