"""The commands that are compared.  All copy the same source to a target; all
without fsync where they can be told, unless the name says fsync."""
import os
import shutil

from cluster import BIN
from common import run
from trees import EXCLUDES

OURS = "ours "


class Ends:
    """What a command needs to reach the source."""

    def __init__(self, source, sshd, ssh_port, pg_port):
        self.source = source            # data directory
        self.sshd = sshd
        self.ssh_port = ssh_port
        self.pg_port = pg_port


class Contender:
    """A name, and argv(ends, target).  missing: why it cannot run, or None.
    before(): what it needs done first, not measured."""
    missing = None
    ours = False

    def __init__(self, name):
        self.name = name

    def before(self, cluster):
        """Nothing by default."""

    def argv(self, ends, target):
        raise NotImplementedError


class Rsync(Contender):
    def __init__(self, *options, name=None):
        super().__init__(name or "rsync " + " ".join(options))
        self.options = list(options)
        if shutil.which("rsync") is None:
            self.missing = "rsync is not installed"

    def argv(self, ends, target):
        return ["rsync", *self.options, "--delete",
                *("--exclude=" + e for e in EXCLUDES),
                "-e", "ssh -F %s -p %d" % (ends.sshd.config, ends.ssh_port),
                "127.0.0.1:%s/" % ends.source, target + "/"]


class Basebackup(Contender):
    def __init__(self, *options, name, sync=False):
        super().__init__(name)
        self.options = list(options) + ([] if sync else ["--no-sync"])

    def argv(self, ends, target):
        return [BIN + "/pg_basebackup", "-h", "127.0.0.1",
                "-p", str(ends.pg_port), "-U", "postgres", "-c", "fast",
                "-X", "none", "-D", target, *self.options]


class Rewind(Contender):
    """Copies the pages that the target changed, and the WAL of the source
    for the rest: the target is complete only after recovery."""

    def argv(self, ends, target):
        return [BIN + "/pg_rewind", "--no-sync", "-D", target,
                "--source-server", "host=127.0.0.1 port=%d user=postgres "
                "dbname=postgres" % ends.pg_port]


class Backrest(Contender):
    """Restore from a repository on the same disk, without ssh.  It has no
    option to leave out fsync.  The backup, with pg_wal, is made untimed."""

    def __init__(self, place, name):
        super().__init__(name)
        self.dir = place.path("pgbackrest")
        if shutil.which("pgbackrest") is None:
            self.missing = "pgbackrest is not installed"

    def command(self, target, *words):
        return ["pgbackrest", "--config=" + self.dir + "/conf",
                "--pg1-path=" + target, *words]

    def before(self, cluster):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir + "/repo")
        with open(self.dir + "/conf", "w", encoding="ascii") as f:
            f.write("[global]\nrepo1-path={0}/repo\nlog-path={0}\n"
                    "lock-path={0}\nspool-path={0}\nlog-level-file=off\n"
                    "log-level-console=warn\ncompress-type=lz4\n"
                    "process-max={1}\n[bench]\n".format(
                        self.dir, min(4, os.cpu_count())))
        for words in (["stanza-create"], ["--force", "backup"]):
            run(self.command(cluster.data, "--stanza=bench", "--no-online",
                             *words))

    def argv(self, ends, target):
        return self.command(target, "--stanza=bench", "--delta", "restore")


class Ours(Contender):
    ours = True
    SLOT = "bench"
    rate = None                 # bytes per second that it is to keep

    def __init__(self, place, transport, *options, sync=False):
        super().__init__(OURS + transport + (" fsync" if sync else ""))
        self.place = place
        self.options = [f"--transport={transport}", *options]
        if not sync:
            self.options.append("--no-sync")

    def argv(self, ends, target):
        config = self.place.path("empty.conf")
        with open(config, "w", encoding="ascii"):
            pass
        return [self.place.path("programs", "standby-clone"),
                "--config=" + config,
                "--agent=" + self.place.path("programs", "standby-agent"),
                "--master=127.0.0.1", "--port=%d" % ends.pg_port,
                "--username=postgres", "--pgdata=" + target,
                "--pg-bindir=" + BIN,
                "--ssh=%s@127.0.0.1:%d" % (ends.sshd.user, ends.ssh_port),
                "--ssh-identity=" + ends.sshd.key,
                "--known-hosts=" + ends.sshd.known,
                "--ssh-command=ssh -F " + ends.sshd.config,
                "--create-slot", "--slot=" + self.SLOT, "--no-start",
                "--progress=none", "--json", *self.options]


class Rated(Ours):
    """Kept to a rate, by so many workers."""

    def __init__(self, place, transport, megabytes, jobs):
        super().__init__(place, transport, "--max-rate=%dMB" % megabytes,
                         "--jobs=%d" % jobs)
        self.name += " %d MiB/s -j %d" % (megabytes, jobs)
        self.rate = megabytes << 20
