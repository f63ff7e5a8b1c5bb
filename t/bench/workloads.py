"""The workloads of the bench: what is copied, the state of the target before
each run, who takes part, and what is to be reached."""

import trees
from cluster import old_copy
from contenders import (Backrest, Basebackup, Ours, Rated, Rewind,
                        Rsync)



class Target:
    """ours must take at most factor times what the best of "others" takes."""

    def __init__(self, ours, others, factor):
        self.ours = ours
        self.others = others if isinstance(others, tuple) else (others,)
        self.factor = factor


class Workload:
    """name, title; cluster "mixed", "many" or "random"."""
    name = title = cluster = ""
    delta = False               # the target is not empty
    no_backup = False           # starting and stopping the backup is left out
    slow = False                # over the slow link
    rss_per_file = 0            # bytes
    note = ""

    def __init__(self, place):
        self.place = place
        self.contenders = self.who()
        self.targets = self.wanted()

    def who(self):
        return []

    def wanted(self):
        return []

    def target(self, _contender):
        return self.place.path("target")

    def setup(self, session):
        """Once before the first run, not measured."""

    def prepare(self, contender):
        """Before each run: an empty place."""
        trees.remove(self.target(contender))

    def check(self, contender, source, thoroughly):
        if not isinstance(contender, Rewind):
            trees.check(source, self.target(contender), thoroughly)

    def cleanup(self):
        trees.remove(self.place.path("target"))


OPENSSH, LIBSSH2 = "ours openssh", "ours libssh2"


class Full(Workload):
    name = "W1"
    title = "full clone to an empty directory"
    cluster = "mixed"

    def who(self):
        p = self.place
        return [
            Rsync("-a"), Rsync("-az", "--zc=lz4"),
            Basebackup(name="pg_basebackup"),
            Basebackup("--compress=server-lz4", name="pg_basebackup lz4"),
            Ours(p, "openssh"), Ours(p, "libssh2"),
            Basebackup(name="pg_basebackup fsync", sync=True),
            Ours(p, "openssh", sync=True)]

    def wanted(self):
        return [Target(OPENSSH, "rsync -a", 0.5),
                Target(OPENSSH, "pg_basebackup", 0.8),
                Target(LIBSSH2, "rsync -a", 0.75),
                Target(OPENSSH + " fsync", "pg_basebackup fsync", 0.8)]


class Refresh(Workload):
    """From the old primary's directory, set back between the runs."""
    name = "W2"
    title = "refresh of the old primary, 3 % of the pages changed"
    cluster = "mixed"
    delta = True
    note = ("pg_rewind leaves most of the change to recovery; pgBackRest "
            "restores from a local repository, always with fsync.")

    TUNED = ("rsync -a --inplace --no-whole-file",
             "rsync -a --inplace --no-whole-file -B 8192")

    def who(self):
        p = self.place
        return [Rsync("-a", "--no-whole-file"),
                *(Rsync(*name.split()[1:]) for name in self.TUNED),
                Rewind("pg_rewind"), Backrest(p, "pgBackRest --delta"),
                Ours(p, "openssh", "--delta"), Ours(p, "libssh2", "--delta")]

    def wanted(self):
        return [t for ours in (OPENSSH, LIBSSH2) for t in (
            Target(ours, self.TUNED, 0.15),
            Target(ours, "rsync -a --no-whole-file", 0.12))]

    def prepare(self, contender):
        trees.restore(old_copy(self.place), self.target(contender))

    def cleanup(self):
        super().cleanup()
        trees.remove(self.place.path("pgbackrest"))


class Unchanged(Workload):
    """Each against a copy of its own making."""
    name = "W3"
    title = "nothing changed since the last clone"
    cluster = "mixed"
    delta = True
    no_backup = True
    note = ("Ours without the seconds of backup start and stop that --json "
            "says; with fsync, without which there is no skip index.")

    def who(self):
        p = self.place
        return [Rsync("-a"), Rsync("-a", "--checksum"),
                Ours(p, "openssh", "--delta", sync=True),
                Ours(p, "libssh2", "--delta", sync=True)]

    def wanted(self):
        return [t for ours in (OPENSSH + " fsync", LIBSSH2 + " fsync")
                for t in (Target(ours, "rsync -a", 1.0),
                          Target(ours, "rsync -a --checksum", 0.3))]

    def target(self, contender):
        return self.place.path("sealed" if contender.ours else "rsynced")

    def setup(self, session):
        self.cleanup()
        for maker in (Rsync("-a"), Ours(self.place, "openssh", sync=True)):
            session.once(maker, self.target(maker))

    def prepare(self, contender):
        """Nothing to do: nothing changes."""

    def cleanup(self):
        trees.remove(self.place.path("sealed"))
        trees.remove(self.place.path("rsynced"))


class Many(Workload):
    name = "W4"
    title = "25,000 small tables, full clone"
    cluster = "many"
    rss_per_file = 200

    def who(self):
        p = self.place
        return [Rsync("-a"), Basebackup(name="pg_basebackup"),
                Ours(p, "openssh"), Ours(p, "libssh2")]

    def wanted(self):
        return [t for ours in (OPENSSH, LIBSSH2) for t in (
            Target(ours, "rsync -a", 0.6),
            Target(ours, "pg_basebackup", 1.0))]

    def prepare(self, contender):
        trees.bury(self.target(contender), self.place.path("buried"))

    def cleanup(self):
        super().cleanup()
        trees.remove(self.place.path("buried"))


class ManyUnchanged(Unchanged):
    name = "W4n"
    title = "25,000 small tables, nothing changed"
    cluster = "many"
    rss_per_file = 200

    def wanted(self):
        return [t for ours in (OPENSSH + " fsync", LIBSSH2 + " fsync")
                for t in (Target(ours, "rsync -a", 1.0),
                          Target(ours, "rsync -a --checksum", 0.2))]


class Slow(Full):
    name = "W5"
    title = "full clone over 100 Mbit/s with a round trip of 50 ms"
    slow = True

    def who(self):
        p = self.place
        return [Rsync("-az", "--zc=zstd"), Ours(p, "openssh"),
                Ours(p, "libssh2")]

    def wanted(self):
        return [Target(ours, "rsync -az --zc=zstd", 0.6)
                for ours in (OPENSSH, LIBSSH2)]


class SlowRefresh(Refresh):
    name = "W5d"
    title = "3 % of the pages changed, 100 Mbit/s, 50 ms"
    slow = True
    note = ""

    def who(self):
        p = self.place
        return [Rsync("-az", "--zc=zstd"),
                Rsync("-az", "--zc=zstd", "--inplace", "-B", "8192"),
                Ours(p, "openssh", "--delta"), Ours(p, "libssh2", "--delta")]

    def wanted(self):
        plain = "rsync -az --zc=zstd"
        return [Target(ours, against, 0.25)
                for ours in (OPENSSH, LIBSSH2)
                for against in (plain, (plain, plain + " --inplace -B 8192"))]


class Incompressible(Full):
    name = "W6"
    title = "full clone of data that nothing makes smaller"
    cluster = "random"

    def who(self):
        p = self.place
        return [Rsync("-a"), Basebackup(name="pg_basebackup"),
                Ours(p, "openssh"), Ours(p, "libssh2")]

    def wanted(self):
        return [Target(OPENSSH, "rsync -a", 1.0)]


class MaxRate(Full):
    """Sent / seconds of the transfer: for rates that it takes 10 s to send at,
    choose --scale."""
    name = "R"
    title = "--max-rate: what is sent in a second, of the rate"
    cluster = "random"

    def who(self):
        return [Rated(self.place, transport, rate, jobs)
                for transport in ("libssh2", "openssh")
                for rate in (5, 20) for jobs in (1, 4)]

    def wanted(self):
        return []


ALL = (Full, Refresh, Unchanged, Many, ManyUnchanged, Slow, SlowRefresh,
       Incompressible, MaxRate)
