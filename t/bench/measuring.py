"""One run of a command, measured.

time     monotonic, from the start of the command to its end
CPU      user and system.  Client side: rusage by wait4 of the command, with
         all that it waited for.  Server side: utime, stime, cutime and cstime
         of the trees below sshd and the postmaster, before and after; both
         wait for what they start, and what lost its parent comes to us (we
         are its subreaper).  The clock of /proc has ticks of 10 ms.
         Kernel threads (write-back) are on neither side: "other" is what the
         whole machine did besides, so it also says whether it was quiet.
RSS      VmHWM of every process of both sides, looked at ten times a second:
         the kernel keeps the peak itself, only growth in the last tenth of
         its life is not seen.  Shared buffers count where they were touched.
bytes    what the loopback of our own network namespace carried, both
         directions and headers; not known without a namespace of our own.
"""
import os
import resource
import signal
import threading
import time

from common import BenchError, poll_until

TICK = os.sysconf("SC_CLK_TCK")
INTERVAL = 0.1
LIMIT = 4 * 3600


def read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def children(pid):
    """Processes that this one started, and still has."""
    found = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for task in tasks:
        found += read("/proc/%d/task/%s/children" % (pid, task)).split()
    return [int(p) for p in found]


def tree(pid):
    """This process and all below it."""
    found = [pid]
    for p in found:
        found += children(p)
    return found


def ticks(pid):
    """CPU seconds of a process and of all that it waited for."""
    fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK if fields else 0.0


def tree_cpu(pid):
    return sum(map(ticks, tree(pid)))


def machine_cpu():
    """CPU seconds that the whole machine was busy."""
    fields = [int(f) for f in read("/proc/stat").splitlines()[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / TICK


def loopback():
    for line in read("/proc/net/dev").splitlines():
        name, _, figures = line.partition(":")
        if name.strip() == "lo":
            return int(figures.split()[0])
    return 0


class Peaks(threading.Thread):
    """Peak memory of the processes of both sides while the command runs."""

    def __init__(self, client, servers, limit=LIMIT):
        super().__init__(daemon=True)
        self.client = client
        self.servers = servers      # pid: children it has anyway
        self.seen = {}              # pid: (side, name, kB)
        self.ended = threading.Event()
        self.deadline = time.monotonic() + limit

    def look(self, side, pid):
        name, kb = "", 0
        for line in read("/proc/%d/status" % pid).splitlines():
            if line.startswith("Name:"):
                name = line.split()[1]
            elif line.startswith("VmHWM:"):
                kb = int(line.split()[1])
        if kb >= self.seen.get(pid, ("", "", 0))[2] and kb > 0:
            self.seen[pid] = (side, name, kb)

    def run(self):
        while not self.ended.wait(INTERVAL):
            for pid in tree(self.client):
                self.look("client", pid)
            for server, before in self.servers.items():
                for pid in children(server):
                    if pid not in before:
                        for p in tree(pid):
                            self.look("server", p)
            if time.monotonic() > self.deadline:
                os.killpg(self.client, signal.SIGKILL)

    def result(self):
        """{"client": {name: kB of the largest}, "server": ...}"""
        peaks = {"client": {}, "server": {}}
        for side, name, kb in self.seen.values():
            peaks[side][name] = max(kb, peaks[side].get(name, 0))
        return peaks


class Measure:
    """Both ends of one cluster: what runs on the server side and how to see
    that it is quiet."""

    def __init__(self, sshd, postmaster, own_net):
        self.servers = [sshd, postmaster]
        self.own_net = own_net

    def orphans(self):
        """CPU of the processes that lost their parent."""
        cpu = 0.0
        while True:
            try:
                pid, _, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            cpu += usage.ru_utime + usage.ru_stime
        return cpu

    def run(self, argv, out, err):
        """Run argv, its output in these files; a dict of what was measured.
        A command that fails is an error of the bench."""
        before = {pid: set(children(pid)) for pid in self.servers}
        server = sum(map(tree_cpu, self.servers))
        self.orphans()
        link, machine = loopback(), machine_cpu()
        own = resource.getrusage(resource.RUSAGE_SELF)
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        start = time.monotonic()
        pid = os.posix_spawnp(argv[0], argv, os.environ, setpgroup=0,
                              file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, out, mode, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, err, mode, 0o600)])
        peaks = Peaks(pid, before)
        peaks.start()
        try:
            _, status, usage = os.wait4(pid, 0)
        except BaseException:
            os.killpg(pid, signal.SIGKILL)
            os.wait4(pid, 0)
            raise
        finally:
            peaks.ended.set()
            peaks.join()
        wall = time.monotonic() - start
        machine, link = machine_cpu() - machine, loopback() - link
        self.wait_quiet(before)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            raise BenchError("%s: exit %d: %s" % (
                " ".join(argv), code, read(err)[-1500:].strip()))
        client = usage.ru_utime + usage.ru_stime
        server = sum(map(tree_cpu, self.servers)) - server + self.orphans()
        bench = resource.getrusage(resource.RUSAGE_SELF)
        bench = (bench.ru_utime + bench.ru_stime
                 - own.ru_utime - own.ru_stime)
        return {
            "wall": wall, "client_cpu": client,
            "client_user": usage.ru_utime, "client_system": usage.ru_stime,
            "server_cpu": server,
            "other_cpu": max(0.0, machine - client - server - bench),
            "link_bytes": link if self.own_net else None,
            "rss_kb": peaks.result(),
        }

    def wait_quiet(self, before):
        """The sessions of the run have ended and were waited for."""
        poll_until(30, lambda: all(set(children(pid)) <= had
                                   for pid, had in before.items()),
                   "the end of the sessions")
