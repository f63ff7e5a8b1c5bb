"""The machine, the tables, and what of the targets is met."""
import os
import platform
import shutil
import statistics
import time

from cluster import BIN
from common import run
from sshd import SERVER

LIMIT_KB = 64 * 1024
MB = 1000 * 1000


# --- the machine

def first_line(*argv):
    lines = run(argv, may_fail=True).strip().splitlines()
    return lines[0] if lines else "?"


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30


def file_system(path):
    """Type and options of the mount that path is on."""
    best = ("", "?")
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            left, _, right = line.partition(" - ")
            point, options = left.split()[4:6]
            if (os.path.join(path, "").startswith(os.path.join(point, ""))
                    and len(point) >= len(best[0])):
                best = (point, right.split()[0] + " (" + options + ")")
    return best[1]


def machine(place):
    versions = {
        "standby-clone": (place.path("programs", "standby-clone"),
                          "--version"),
        "postgres": (BIN + "/postgres", "--version"),
        "rsync": ("rsync", "--version"),
        "ssh": ("ssh", "-V"),
        "pgbackrest": ("pgbackrest", "version"),
    }
    return {
        "cpu": cpu_model(), "cores": os.cpu_count(),
        "memory_gib": round(memory_gib(), 1),
        "kernel": platform.release(), "file_system": file_system(place.dir),
        "load": os.getloadavg()[0], "time": time.strftime("%F %T %z"),
        "own_network": place.own_net, "sshd": SERVER,
        "versions": {name: first_line(*argv)
                     for name, argv in versions.items()
                     if shutil.which(argv[0])},
    }


def machine_text(m, options):
    lines = [
        "%s: %d cores, %.0f GiB memory, Linux %s, %s" % (
            m["cpu"], m["cores"], m["memory_gib"], m["kernel"],
            m["file_system"]),
        "; ".join(m["versions"].values()),
        "scale %d, %d rounds, data checksums %s; %s, load %.1f" % (
            options.scale, options.rounds,
            "on" if options.checksums else "off", m["time"], m["load"]),
        "Before each run the source, and a target that is refreshed, is read "
        "into the page",
        "cache and all is written back (sync).  ssh of rsync and of ours over "
        "openssh: aes128-gcm.",
    ]
    if not m["own_network"]:
        lines.append("No network namespace of its own: bytes on the wire are "
                     "known from the checking run only,")
        lines.append("and the slow link is the relay alone.")
    return "\n".join(lines)


# --- figures of a contender

def seconds(workload, sample):
    """What is compared."""
    value = sample["wall"]
    if workload["no_backup"] and "record" in sample:
        took = sample["record"]["seconds"]
        value -= (took["backup_start"] or 0) + (took["backup_stop"] or 0)
    return value


def middle(values):
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def median_of(entry, key):
    return middle(run.get(key) for run in entry["runs"])


def largest(entry, side, prefix=""):
    """(kB, name) of the process that had most memory in any run."""
    return max(((kb, name) for sample in entry["runs"]
                for name, kb in sample["rss_kb"][side].items()
                if name.startswith(prefix)), default=(0, "-"))


def summary(workload, entry):
    """The figures of one row; None when it did not run."""
    if not entry["runs"]:
        return None
    times = [seconds(workload, r) for r in entry["runs"]]
    check = entry["check"]
    return {
        "median": statistics.median(times), "min": min(times),
        "max": max(times),
        "client_cpu": median_of(entry, "client_cpu"),
        "server_cpu": median_of(entry, "server_cpu"),
        "other_cpu": median_of(entry, "other_cpu"),
        "link_bytes": median_of(entry, "link_bytes"),
        "received": check["received"], "sent": check["sent"],
        "client_rss": largest(entry, "client"),
        "server_rss": largest(entry, "server"),
    }


# --- tables

HEAD = ("", "median", "min", "max", "x ours", "CPU cl", "CPU srv", "other",
        "wire", "recv", "sent", "RSS client", "RSS server")


def figure(value, form="%.2f", scale=1):
    return "-" if value is None else form % (value / scale)


def row(name, s, ours):
    peak = ("%s %.0f" % (n, kb / 1024) for kb, n in (s["client_rss"],
                                                     s["server_rss"]))
    return (name, figure(s["median"]), figure(s["min"]), figure(s["max"]),
            figure(s["median"] / ours if ours else None),
            figure(s["client_cpu"]), figure(s["server_cpu"]),
            figure(s["other_cpu"]),
            *(figure(s[k], "%.1f", MB)
              for k in ("link_bytes", "received", "sent")), *peak)


def table(rows):
    width = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                  for i, (cell, w) in enumerate(zip(r, width))).rstrip()
        for r in rows)


def ours_text(entry):
    """The parts of a run of ours, as --json says."""
    def part(group, key):
        return middle(r["record"][group][key] for r in entry["runs"]) or 0
    return ("%s: preflight %.2f, backup start %.2f, manifest %.2f, transfer "
            "%.2f, backup stop %.2f s; changed %.1f MB, sent %.1f MB" % (
                entry["name"],
                *(part("seconds", k) for k in (
                    "preflight", "backup_start", "manifest", "transfer",
                    "backup_stop")),
                *(part("bytes", k) / MB for k in ("changed", "sent"))))


# --- targets

def verdict(text, value, limit):
    return "%-7s %s: %.2f, target %.2f" % (
        "met" if value <= limit else "MISSED", text, value, limit)


def time_targets(workload, by_name):
    for t in workload["targets"]:
        ours = by_name.get(t["ours"])
        others = [(by_name[n]["median"], n) for n in t["others"]
                  if by_name.get(n)]
        if ours and others:
            best, name = min(others)
            yield verdict("%s / %s" % (t["ours"], name),
                          ours["median"] / best, t["factor"])


def other_targets(workload):
    limit = LIMIT_KB + workload["rss_per_file"] * workload["files"] / 1024
    for entry in workload["contenders"]:
        if not entry["ours"] or not entry["runs"]:
            continue
        kb, name = max(largest(entry, side, "standby-")
                       for side in ("client", "server"))
        yield verdict("%s, MiB of its largest process (%s)" % (
            entry["name"], name), kb / 1024, limit / 1024)
        if entry["rate"]:
            off = middle(r["record"]["bytes"]["sent"] /
                         r["record"]["seconds"]["transfer"]
                         for r in entry["runs"]) / entry["rate"] - 1
            yield verdict("%s, off its rate by %+.1f %%" % (
                entry["name"], off * 100), abs(off), 0.05)
        if "changed_page_bytes" in workload:
            changed = middle(r["record"]["bytes"]["changed"]
                             for r in entry["runs"])
            yield verdict("%s, page bytes received / changed" % entry["name"],
                          changed / workload["changed_page_bytes"], 1.1)


def workload_text(workload):
    lines = ["", "%s  %s" % (workload["name"], workload["title"]),
             "%d files, %.1f MB%s" % (
                 workload["files"], workload["bytes"] / MB,
                 "; %.1f MB of pages differ" % (
                     workload["changed_page_bytes"] / MB)
                 if "changed_page_bytes" in workload else "")]
    if workload["note"]:
        lines.append(workload["note"])
    by_name = {e["name"]: summary(workload, e)
               for e in workload["contenders"]}
    ours = next((by_name[e["name"]] for e in workload["contenders"]
                 if e["ours"] and by_name[e["name"]]), None)
    rows = [HEAD] + [row(name, s, ours and ours["median"])
                     for name, s in by_name.items() if s]
    lines.append(table(rows))
    lines += ["%s: left out, %s" % (e["name"], e["missing"])
              for e in workload["contenders"] if e["missing"]]
    lines += [ours_text(e) for e in workload["contenders"]
              if e["ours"] and e["runs"]]
    lines += time_targets(workload, by_name)
    lines += other_targets(workload)
    return "\n".join(lines)


LEGEND = """
Seconds, medians; CPU: user + system of the client's and of the server's \
side, other: of
everything else on the machine in that time (write-back, relays, strangers).  \
wire: MB that the
loopback carried; recv, sent: MB at the sockets, in the checking run.  RSS: \
MiB of the largest
process."""
