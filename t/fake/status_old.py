#!/usr/bin/python3
"""Scenarios of t/3010-status-old.t for pgserver.py, on standard output.

    status_old.py pair VERSION      a primary and a standby of that version
    status_old.py hostile VERSION   ... whose values are not what belongs there
    status_old.py late              the second read of the primary hangs
    status_old.py many [HUNG]       a primary and 49 standbys, 50 ms per answer
    status_old.py discover PORT     a tree of standbys that nobody named
    status_old.py rows N            a primary with N senders

What a node answers follows from the columns that lib/core/pgver.h lists.
"""
import json
import sys

SYSTEM = "6200000000000000001"
OTHER = "6200000000000000002"
NULL = None


def major(version):
    a, b = (version.split(".") + ["0"])[:2]
    return float(a) if int(a) >= 10 else float(a + "." + b)


def answer(match, rows, **more):
    return dict(match=match, rows=rows, **more)


def no_rows(match, columns):
    return answer(match, [], columns=["c%d" % i for i in range(columns)])


def position(v, recovery, written=NULL, received=NULL, replayed=NULL,
             ago=NULL, start=1000.5, user="repl", paused=False):
    """The row of status-node."""
    since_91 = recovery and v >= 9.1
    return [recovery, "{now}", written, received, replayed,
            "{now-%s}" % ago if ago and since_91 else NULL,
            paused if since_91 else NULL, "%.6f" % (1.4e9 + start),
            "old" if v >= 9.5 else NULL, "" if v >= 9.1 else NULL,
            "0" if v >= 12 else NULL, user, NULL if recovery else "1"]


def sender(pid, name, addr, sent, replay, state="streaming", age=NULL):
    """The row of status-senders; age: seconds since the last reply."""
    return [str(pid), name, addr, state, "async", sent, sent, sent, replay,
            NULL, age]


def slot(v, name, restart, pid=NULL):
    return [name, False, pid is not NULL, False, False,
            str(pid) if pid and v >= 9.5 else NULL, restart,
            "reserved" if v >= 13 else NULL, NULL, NULL]


def receiver(v, name, host, port, flushed, end, slot_name=NULL):
    return ["streaming", "1", flushed if v >= 13 else NULL, flushed, end,
            "0.250000", "0.260000", slot_name,
            host if v >= 11 else NULL, str(port) if v >= 11 else NULL,
            "user=repl passfile=/x host=%s port=%s application_name=%s" %
            (host, port, name)]


def node(name, v, version, recovery, row, senders=(), slots=(), wal=(),
         system=SYSTEM, **more):
    """rounds instead of row: a list of rows."""
    n = dict(name=name, version=version, recovery=recovery, **more)
    rounds = row if isinstance(row[0], list) else [row]
    rounds = [r if r == "hang" else [r] for r in rounds]
    a = [{"match": "select pg_is_in_recovery", "rounds": rounds}]
    if senders:
        a.append(answer("from pg_stat_replication", list(senders)))
    else:
        a.append(no_rows("from pg_stat_replication", 11))
    if slots:
        a.append(answer("from pg_replication_slots", list(slots)))
    else:
        a.append(no_rows("from pg_replication_slots", 10))
    if wal:
        a.append(answer("from pg_stat_wal_receiver", [list(wal)]))
    else:
        a.append(no_rows("from pg_stat_wal_receiver", 11))
    a.append(answer("from pg_control_system",
                    [[system, "1" if recovery else NULL]]))
    n["answers"] = a
    return n


def pair(version):
    """512 bytes across the end of a log id; before 9.3 that end is 0xFF000000,
    and the first read of the primary is older than what the standby has."""
    v = major(version)
    top = "0/FE" if v < 9.3 else "0/FF"
    early, replayed, received = top + "FFFE00", top + "FFFF00", top + "FFFF80"
    first = position(v, False, early)
    now = position(v, False, "1/100")
    rows = [sender(501, "db2", "127.0.0.1", "1/100", replayed)]
    return [
        node("db1", v, version, False, [first, now],
             senders=rows, slots=[slot(v, "db2", replayed, 501)]),
        node("db2", v, version, True,
             position(v, True, NULL, received, replayed, ago=7, start=2000),
             wal=receiver(v, "db2", "127.0.0.1", 5432, received, "1/100",
                          "db2")),
    ]


def hostile(version):
    v = major(version)
    bad = position(v, False, "1/100000000", NULL, NULL)
    bad[1], bad[7], bad[12] = "soon", "1e400", "-1"
    long = "x" * 9000
    rows = [
        sender(501, "\x1b[31mred\n", "not an address", "0/G", "/"),
        ["99999999999", long, "127.0.0.1", "streaming", "async", "0", "0/",
         "0/1/2", "0/1", "NaN", "-1"],
        [NULL] * 11,
    ]
    slots = [["s", "yes", NULL, 7, "t", "-1", "x/y", "lost", "-5", NULL],
             [NULL] * 10]
    n = node("db1", v, version, False, bad, senders=rows, slots=slots,
             system="18446744073709551616")
    odd = position(v, True, "0/5", "0/1000000", "0/2000000", start=3000)
    odd[5], odd[6], odd[10] = "-3", "maybe", "-1"
    m = node("db2", v, version, True, odd,
             wal=["streaming", "4294967296", "?", "0/x", "1", "inf", "-1",
                  long, "h" * 9000, "1", "host='"])
    nothing = {"name": "db3", "version": version, "answers": [
        no_rows("from|recovery", 3)]}
    return [n, m, nothing]


def late(_):
    nodes = pair("9.6.24")
    rounds = nodes[0]["answers"][0]["rounds"]
    nodes[0]["answers"][0]["rounds"] = [rounds[1], "hang"]
    return nodes


def many(hung):
    v, version = 9.6, "9.6.24"
    end = "0/3000000"
    rows = [sender(600 + i, "s%d" % i, "127.0.0.1", end, end)
            for i in range(1, 50)]
    standby = node("s", v, version, True,
                   position(v, True, NULL, end, end, ago=3, start=4242),
                   delay_ms=50)
    kinds = ["accept", "startup", "query"]
    out = [node("db1", v, version, False, position(v, False, end),
                senders=rows, delay_ms=50)]
    for i in range(1, 50):
        text = json.dumps(standby).replace("4242", str(4000 + i))
        s = json.loads(text)
        s["name"] = "s%d" % i
        wal = receiver(v, s["name"], "127.0.0.1", 5432, end, end)
        for a in s["answers"]:
            if "wal_receiver" in a["match"]:
                a["rows"] = [wal]
        if i <= hung:
            s["hang"] = kinds[i % 3]
        out.append(s)
    return out


def discover(port):
    """db1 -> db2 -> db3 (cascade), and rows whose addresses lead elsewhere."""
    v, version, end = 15.0, "15.18", "0/3000000"
    host = ["127.0.0.%d" % i for i in range(13)]

    def standby(i, up, name=NULL, key=NULL, system=SYSTEM, start=NULL):
        name = name or "db%d" % i
        return node(key or name, v, version, True,
                    position(v, True, NULL, end, end, ago=3,
                             start=start or 5000 + i),
                    wal=receiver(v, name, host[up], port, end, end),
                    system=system, host=host[i], port=port)

    rows = [sender(700 + i, "db%d" % i, host[i], end, end)
            for i in (2, 4, 5, 6, 7)]
    # Somebody there replies: another server than the one that is asked.
    rows.append(sender(712, "db12", host[12], end, end, age="1.000000"))
    # Found before the one that is asked answers: it is the same server.
    rows.append(sender(708, "walreceiver", host[8], end, end))
    rows.append(sender(720, "sub", host[10], end, end))
    rows.append(sender(721, "db11", NULL, end, end))
    logical = slot(v, "sub", end, 720)
    logical[1] = True
    db2 = standby(2, 1)
    db2["answers"][1] = answer("from pg_stat_replication",
                               [sender(800, "db3", host[3], end, end)])
    return [
        node("db1", v, version, False, position(v, False, end), senders=rows,
             slots=[logical], host=host[1], port=port),
        db2, standby(3, 2),
        standby(4, 1, name="other", system=OTHER),
        node("db5", v, version, False, position(v, False, end, start=5005),
             host=host[5], port=port),
        node("db12", v, version, False, position(v, False, end, start=5012),
             host=host[12], port=port),
        dict(standby(6, 1), hang="accept"),
        dict(standby(7, 1), closed=True),
        standby(8, 1, name="walreceiver", key="db8", start=5009),
        dict(standby(9, 1, name="walreceiver", key="db9"), delay_ms=100),
        standby(10, 1, name="sub"),
    ]


def rows(n):
    v, version = 9.6, "9.6.24"
    r = [sender(1000 + i, "s%d" % i, NULL, "0/3000000", "0/3000000")
         for i in range(n)]
    s = [slot(v, "slot%d" % i, "0/3000000") for i in range(n)]
    return [node("db1", v, version, False, position(v, False, "0/3000000"),
                 senders=r, slots=s)]


def main():
    kind, arg = sys.argv[1], (sys.argv + [""])[2]
    if kind in ("pair", "hostile"):
        nodes = globals()[kind](arg)
    else:
        nodes = globals()[kind](int(arg or 0))
    json.dump({"nodes": nodes}, sys.stdout)


if __name__ == "__main__":
    main()
