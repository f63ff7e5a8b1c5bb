"""Where the bench works: as an ordinary user, in a directory of its own, and
where the kernel allows it in a network namespace of its own, so that the byte
counter of its loopback counts nothing else and its link can be made slow.
"""
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from common import BenchError, say

STAGE = "STANDBY_BENCH_STAGE"
PROGRAMS = ("standby-clone", "standby-agent")
HERE = os.path.dirname(os.path.abspath(__file__))

PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAP_NET_ADMIN = 12

LIBC = ctypes.CDLL(None, use_errno=True)


def is_prepared():
    return STAGE in os.environ


def pick_user():
    """As t/run: somebody with a login shell, whom sshd lets in."""
    for name in (os.environ.get("STANDBY_TEST_USER"), "standby-test",
                 "postgres"):
        try:
            entry = pwd.getpwnam(name or "/")
        except KeyError:
            continue
        if not entry.pw_shell.endswith(("nologin", "false")):
            return entry
    raise BenchError("nothing here runs as root, and there is no user "
                     "\"postgres\": name one with STANDBY_TEST_USER")


def build_dir():
    top = os.environ.get("TOP_BUILDDIR")
    for d in (top, os.getcwd(), os.path.join(HERE, "..", "..")):
        if d and os.access(os.path.join(d, PROGRAMS[0]), os.X_OK):
            return d
    raise BenchError("no standby-clone below \"%s\": run make first"
                     % (top or os.getcwd()))


def copy_programs(to):
    """What is measured, and this bench, in a place that the other user can
    read and that a build in the meantime does not change."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(HERE, to, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("relay.py", "pages.py"):
        shutil.copy(os.path.join(HERE, "..", "lib", name), to)
    build = build_dir()
    for name in PROGRAMS:
        shutil.copy(os.path.join(build, name), to)


def namespace():
    """The words that give a command a network of its own; none where users
    may not have that."""
    words = ["unshare", "--map-current-user", "--net", "--keep-caps"]
    possible = (shutil.which("unshare") and shutil.which("ip")
                and subprocess.run(words + ["true"], check=False,
                                   stderr=subprocess.DEVNULL).returncode == 0)
    return words if possible else []


def json_file(path):
    """A descriptor that outlives exec."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as e:
        raise BenchError("%s: \"%s\"" % (e.strerror, path)) from e
    os.set_inheritable(fd, True)
    return fd


def enter(args, argv):
    """Start this bench again where it is to run; does not return."""
    made = args.dir is None
    where = tempfile.mkdtemp(prefix="standby-bench.", dir="/var/tmp") \
        if made else os.path.abspath(args.dir)
    os.makedirs(where, mode=0o755, exist_ok=True)
    drop = []
    user = pwd.getpwuid(os.getuid())
    if os.getuid() == 0:
        user = pick_user()
        os.chown(where, user.pw_uid, user.pw_gid)
        drop = ["setpriv", "--reuid=%d" % user.pw_uid,
                "--regid=%d" % user.pw_gid, "--init-groups"]
        if subprocess.run(drop + ["test", "-x", where],
                          check=False).returncode != 0:
            raise BenchError("user \"%s\" cannot reach \"%s\": name another "
                             "one with --dir" % (user.pw_name, where))
    programs = os.path.join(where, "programs")
    copy_programs(programs)
    for path in [programs, *(e.path for e in os.scandir(programs))]:
        os.chown(path, user.pw_uid, user.pw_gid)
    net = namespace()
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": os.path.join(where, "home"), "LC_ALL": "C",
        "USER": user.pw_name, "LOGNAME": user.pw_name,
        "PYTHONDONTWRITEBYTECODE": "1",
        STAGE: ("made" if made else "given") + (" net" if net else ""),
        "STANDBY_BENCH_DIR": where,
        # Opened by who started this: the other user may not write there.
        "STANDBY_BENCH_JSON": str(json_file(args.json)),
    }
    command = drop + net + [
        "/usr/bin/python3", os.path.join(programs, "bench.py")] + argv
    sys.stderr.flush()
    os.execvpe(command[0], command, environment)


class Place:
    """The prepared directory, and what ends with the run."""

    def __init__(self):
        stage = os.environ.pop(STAGE).split()
        self.dir = os.environ["STANDBY_BENCH_DIR"]
        self.remove = stage[0] == "made"
        self.own_net = "net" in stage
        self.json = os.fdopen(int(os.environ["STANDBY_BENCH_JSON"]), "r+",
                              encoding="utf-8")
        self.programs = os.path.join(self.dir, "programs")
        self.user = os.environ["USER"]
        self.closers = []
        self.ports = set()
        os.umask(0o077)
        os.makedirs(os.environ["HOME"], exist_ok=True)
        os.makedirs(self.path("work"), exist_ok=True)
        os.chdir(self.path("work"))
        # Processes that lost their parent come to us, with their rusage.
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if self.own_net:
            self.network("ip", "link", "set", "lo", "up")
            # From now on what is started has no capability any more.
            LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def network(self, *argv):
        """ip or tc, with the right to change this namespace; True when it
        worked."""
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True,
            preexec_fn=lambda: LIBC.prctl(
                PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0))
        if done.returncode != 0:
            say("%s: %s" % (" ".join(argv), done.stderr.strip()))
        return done.returncode == 0

    def port(self):
        """A TCP port that nobody uses, below the ephemeral range."""
        for port in range(20500 + os.getpid() % 9000, 32000):
            if port in self.ports:
                continue
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
            self.ports.add(port)
            return port
        raise BenchError("no free port")

    def at_end(self, close):
        """Called at the end, the last one named first."""
        self.closers.append(close)

    def close(self):
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        while self.closers:
            try:
                self.closers.pop()()
            except (BenchError, OSError) as e:
                say("at the end: %s" % e)
        os.chdir("/")
        if self.remove:
            shutil.rmtree(self.dir, ignore_errors=True)
