"""Runs the contenders of a workload, in turn, round after round."""
import json
import os

import trees
from cluster import BUILDERS, built, old_copy
from common import BenchError, run, say
from contenders import Ends, Ours, Rewind
from link import Link
from measuring import Measure

# Of the --json document of ours.
KEPT = ("files", "bytes", "seconds")


class Session:
    """sshd and one cluster at a time."""

    def __init__(self, place, sshd, options):
        self.place = place
        self.sshd = sshd
        self.options = options
        self.cluster = None
        self.relay_ports = (place.port(), place.port())
        sshd.know((sshd.port, self.relay_ports[0]))

    # --- the source

    def use(self, name):
        if self.cluster is not None and self.cluster.name == name:
            return
        if self.cluster is not None:
            self.cluster.stop()
        self.cluster = built(self.place, name, self.options.scale,
                             self.options.checksums, BUILDERS[name])
        self.drop_slot()

    def drop_slot(self):
        self.cluster.sql(
            "SELECT pg_drop_replication_slot(slot_name) FROM "
            "pg_replication_slots WHERE slot_name = '%s'" % Ours.SLOT)

    # --- one run

    def ends(self, relayed):
        ssh, pg = self.relay_ports if relayed else (self.sshd.port,
                                                    self.cluster.port)
        return Ends(self.cluster.data, self.sshd, ssh, pg)

    def link(self, slow):
        return Link(self.place, list(zip(self.relay_ports, (
            self.sshd.port, self.cluster.port))), slow)

    def measured(self, contender, target, relayed):
        out = self.place.path("work", "stdout")
        err = self.place.path("work", "stderr")
        measure = Measure(self.sshd.process.pid, self.cluster.pid(),
                          self.place.own_net)
        sample = measure.run(contender.argv(self.ends(relayed), target),
                             out, err)
        if contender.ours:
            with open(out, encoding="utf-8") as f:
                record = json.load(f)
            sample["record"] = {key: record[key] for key in KEPT}
            self.drop_slot()
        return sample

    def once(self, contender, target):
        """For setting up: not part of the result."""
        say("  making a copy by %s" % contender.name)
        self.measured(contender, target, False)

    def one(self, workload, contender, thoroughly):
        """Prepare, run, look at the copy; the sample."""
        target = workload.target(contender)
        workload.prepare(contender)
        trees.warm(self.cluster.data)
        if workload.delta:
            trees.warm(target)
        os.sync()
        if workload.slow or thoroughly:
            with self.link(workload.slow) as link:
                sample = self.measured(contender, target, True)
            sample["received"], sample["sent"] = link.down, link.up
            sample["link_bytes"] = link.down + link.up
            sample["shaped"] = link.shaped
        else:
            sample = self.measured(contender, target, False)
        workload.check(contender, self.cluster.data, thoroughly)
        return sample

    # --- a workload

    def workload(self, workload):
        say("%s: %s" % (workload.name, workload.title))
        self.use(workload.cluster)
        result = self.describe(workload)
        try:
            workload.setup(self)
            there = []
            for entry, contender in zip(result["contenders"],
                                        workload.contenders):
                if contender.missing is None:
                    contender.before(self.cluster)
                    entry["check"] = self.one(workload, contender, True)
                    there.append((entry, contender))
                    say("  %s: checked" % contender.name)
            for n in range(self.options.rounds):
                turn = n % len(there)
                for entry, contender in there[turn:] + there[:turn]:
                    sample = self.one(workload, contender, False)
                    entry["runs"].append(sample)
                    say("  round %d, %s: %.2f s" % (
                        n + 1, contender.name, sample["wall"]))
        finally:
            if not self.options.keep:
                workload.cleanup()
        return result

    def describe(self, workload):
        files = trees.content(self.cluster.data)
        result = {
            "name": workload.name, "title": workload.title,
            "note": workload.note, "no_backup": workload.no_backup,
            "slow": workload.slow, "files": len(files),
            "bytes": sum(files.values()),
            "rss_per_file": workload.rss_per_file,
            "targets": [vars(t) for t in workload.targets],
            "contenders": [{
                "name": c.name, "ours": c.ours, "missing": c.missing,
                "rate": getattr(c, "rate", None),
                "exact": not isinstance(c, Rewind), "runs": []}
                for c in workload.contenders],
        }
        if workload.delta and not workload.no_backup:
            said = run(["/usr/bin/python3",
                        self.place.path("programs", "pages.py"),
                        self.cluster.data, old_copy(self.place)]).split()
            if len(said) != 3:
                raise BenchError("pages.py: %s" % said)
            result["changed_page_bytes"] = int(said[1])
        return result
