#!/usr/bin/python3
"""A stub of PostgreSQL servers for tests: the v3 protocol, answers by script.

    pgserver.py SCENARIO.json [--log FILE]

One process plays all nodes of the scenario.  It prints one line of JSON,
{"ports": {NAME: PORT, ...}}, when all of them listen, and ends on SIGTERM, or
when its standard input, if that is a pipe, is closed.

The scenario is {"nodes": [NODE, ...], "answers": [ANSWER, ...]}; the answers at
the top are looked through after those of the node.

NODE (only "name" is required):
    name        what the line of ports calls it
    host, port  address to listen on (127.0.0.1, 0: any free port)
    socket_dir  listen on DIR/.s.PGSQL.PORT instead (port is required then)
    version     "15.18", "9.4.26"; what a statement may name follows from it
    recovery    true: a standby, by the parameters of the startup
    parameters  {NAME: VALUE} to send at startup, instead of or besides ours
    repeat      N: N nodes, named NAME1...; "{i}" in any text is the number
    answers     [ANSWER, ...]
    delay_ms    before each answer, also those of the startup
    hang        "accept": listens, as a stopped postmaster does; "startup":
                accepts and says nothing; "query": answers no statement
    refuse      true: closes each connection at once
    closed      true: a port that nobody listens on
    garbage     "startup" or "query": bytes that are no answer; "huge": a
                notice of 512 MB at the startup
    auth        "password", "hba", "starting": refuses the login so; or
                {"sqlstate": ..., "message": ...}
    cancel      "hang": takes a cancel request and never closes
    system      its system identifier, for IDENTIFY_SYSTEM; and "timeline" (1)
    lingers     N: when a replication session has ended, the next N logins of
                that kind find no free sender
    state       {NAME: TEXT}: what answers may ask for and change
    pgdata      the directory that effects write to
ANSWER:
    match       regular expression, searched in the statement (any case, white
                space as single blanks; its parameters follow, each behind
                " | ")
    when        {NAME: TEXT}: it counts only while the state says so
    columns     names
    rows        [[...], ...]; null, true, false, numbers, texts.  "{now}" in a
                text is the time in s since 1970, "{now-30.5}" another one
                "{NAME}" is what the state has ("pid": of this session),
                "$1" a parameter
    effect      what happens with it, before it is sent: {"set": {NAME: TEXT},
                "write": {PATH: TEXT}, "copy": {PATH: FROM}, "unlink": [PATH]}
    stream      true: CopyBoth as for START_REPLICATION; a status update sets
                "flush" in the state and has the effect "flushed"
    rounds      [rows, rows, ...]: another answer each time, the last one stays;
                "hang" instead of rows: none
    tag         of a command without rows
    error       "42501 permission denied ...", instead of rows
    syntax      true: that error comes before any statement is run
    fatal       "57P01 text": and the session ends
    delay_ms, hang (true), garbage (true), close (true), endless (true: rows
                without end), huge (true: a row that says it has 1 GB),
                copy (true: an answer of another kind)
A statement that no answer matches is an error that quotes it.  SET,
IDENTIFY_SYSTEM and what libpq asks by itself have answers.

A name that the version does not have (NAMES, VIEWS, SETTINGS, ARGUMENTS), a
replication command that it does not know, and what a replication session may
not be asked, is an error as the server gives it, before any answer is looked
for: old names are tested.

Standard input also takes commands, each answered by a line {"ok": true}:
    set NAME {"key": value, ...}    change a node, for what comes
    drop NAME                       end its sessions
"""
import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import stat
import struct
import sys
import time

sys.dont_write_bytecode = True
from pgnames import (ALL, NEVER, STARTUP, SqlError, check_names,
                     check_replication, check_syntax, has, major_of,
                     statements)  # noqa: E402

# --- messages ----------------------------------------------------------------


def message(kind, payload=b""):
    return kind + struct.pack(">I", len(payload) + 4) + payload


def cstr(s):
    return s.encode() + b"\0"


def row_description(columns):
    out = struct.pack(">H", len(columns))
    for name in columns:
        out += cstr(name) + struct.pack(">IHIhiH", 0, 0, 25, -1, -1, 0)
    return message(b"T", out)


def cell(v):
    if v is None:
        return struct.pack(">i", -1)
    if isinstance(v, bool):
        v = "t" if v else "f"
    v = re.sub(r"\{now([+-][0-9.]+)?\}",
               lambda m: "%.6f" % (time.time() + float(m.group(1) or 0)),
               str(v)).encode()
    return struct.pack(">i", len(v)) + v


def data_row(row):
    return message(b"D", struct.pack(">H", len(row)) +
                   b"".join(cell(v) for v in row))


def bound(body):
    """The parameters of a Bind message, all of them text."""
    at = body.index(b"\0", body.index(b"\0") + 1) + 1
    n, = struct.unpack_from(">H", body, at)
    at += 2 + 2 * n
    n, = struct.unpack_from(">H", body, at)
    at += 2
    out = []
    for _ in range(n):
        size, = struct.unpack_from(">i", body, at)
        at += 4
        out.append(None if size < 0 else
                   body[at:at + size].decode("utf-8", "replace"))
        at += max(size, 0)
    return out


def error_response(e, major):
    out = b"S" + cstr(e.severity)
    if major >= 9.6:
        out += b"V" + cstr(e.severity)
    return message(b"E", out + b"C" + cstr(e.state) + b"M" + cstr(e.text) +
                   b"\0")


def split_error(s, severity="ERROR"):
    state, _, text = s.partition(" ")
    return SqlError(state, text, severity)


REFUSALS = {
    "password": ("28P01",
                 'password authentication failed for user "%(user)s"'),
    "hba": ("28000", 'no pg_hba.conf entry for host "127.0.0.1", user '
            '"%(user)s", database "%(database)s", no encryption'),
    "starting": ("57P03", "the database system is starting up"),
}


class End(Exception):
    """The session is over."""


# --- a node and its sessions --------------------------------------------------


class Node:
    def __init__(self, conf, common, log):
        self.conf, self.common, self.log = conf, common, log
        self.name = conf["name"]
        self.sessions = {}  # that are open, by pid
        self.keys = {}  # of all there were
        self.asked = {}
        self.state = dict(conf.get("state", {}))
        self.port = conf.get("port", 0)
        self.server = self.sock = None
        self.lingering = 0

    def get(self, key, default=None):
        return self.conf.get(key, default)

    @property
    def version(self):
        return self.get("version", "15.18")

    @property
    def major(self):
        return major_of(self.version)

    def holds(self, when):
        return all(self.state.get(k) == v for k, v in when.items())

    def answer(self, sql, params=()):
        flat = " | ".join([" ".join(sql.split())] + [str(p) for p in params])
        for a in self.get("answers", []) + self.common:
            if re.search(a["match"], flat, re.I) and \
                    self.holds(a.get("when", {})):
                return a
        if flat == "IDENTIFY_SYSTEM" and self.get("system"):
            return self.identity()
        if re.match(r"set\b", flat, re.I):
            return {"match": "", "tag": "SET"}
        if re.fullmatch(r"show transaction_read_only", flat, re.I):
            return {"match": "", "columns": ["transaction_read_only"],
                    "rows": [["on" if self.get("recovery") else "off"]]}
        return {"match": "", "error":
                "0A000 the scenario has no answer to: " + flat[:400]}

    def rows(self, a):
        if "rounds" not in a:
            return a.get("rows", [])
        k = self.asked[id(a)] = self.asked.get(id(a), -1) + 1
        return a["rounds"][min(k, len(a["rounds"]) - 1)]

    def identity(self):
        columns = ["systemid", "timeline", "xlogpos", "dbname"]
        row = [self.get("system"), self.get("timeline", 1),
               self.state.get("lsn", "0/5000000"), None]
        n = 2 if self.major < 9.1 else 3 if self.major < 9.4 else 4
        return {"match": "", "columns": columns[:n], "rows": [row[:n]]}

    def fill(self, v, params=()):
        """$1 and {NAME} in a text."""
        if not isinstance(v, str):
            return v
        v = re.sub(r"\{(\w+)\}", lambda m: str(self.state.get(
            m.group(1), m.group())), v)
        return re.sub(r"\$([1-9])", lambda m: str(params[
            int(m.group(1)) - 1]) if int(m.group(1)) <= len(params)
            else m.group(), v)

    def path(self, name):
        return os.path.join(self.get("pgdata", "."), name)

    def effect(self, what, params=()):
        for name, text in what.get("write", {}).items():
            with open(self.path(self.fill(name)), "wb") as f:
                f.write(self.fill(text, params).encode("latin-1"))
        for name, old in what.get("copy", {}).items():
            shutil.copyfile(self.path(self.fill(old)),
                            self.path(self.fill(name)))
        for name in what.get("unlink", []):
            os.unlink(self.path(self.fill(name)))
        for k, v in what.get("set", {}).items():
            self.state[k] = self.fill(v, params)

    async def listen(self):
        import socket
        host = self.get("host", "127.0.0.1")
        if self.get("socket_dir"):
            path = "%s/.s.PGSQL.%d" % (self.get("socket_dir"), self.port)
            self.server = await asyncio.start_unix_server(self.serve, path)
            return
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, self.port))
        self.port = s.getsockname()[1]
        if self.get("closed"):
            return  # bound, so that nobody else gets it
        if self.get("hang") == "accept":
            s.listen(16)
            return
        self.server = await asyncio.start_server(self.serve, sock=s)

    async def serve(self, reader, writer):
        session = Session(self, reader, writer)
        try:
            await session.run()
        except (End, OSError, EOFError, struct.error):
            pass  # EOFError: IncompleteReadError is one
        finally:
            if self.sessions.pop(session.pid, None) and session.replication:
                self.lingering = self.get("lingers", 0)
            writer.close()

    def drop(self):
        for s in list(self.sessions.values()):
            s.writer.transport.abort()


class Session:
    last_pid = 1000

    def __init__(self, node, reader, writer):
        self.node, self.reader, self.writer = node, reader, writer
        Session.last_pid += 1
        self.pid, self.key = Session.last_pid, 4711 + Session.last_pid
        self.cancelled = asyncio.Event()
        self.params = {}
        self.replication = ""

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def pause(self, ms):
        if ms:
            await asyncio.sleep(ms / 1000)

    async def hang(self):
        """Until a cancel request, or the end of the peer."""
        gone = asyncio.ensure_future(self.reader.read(1))
        stop = asyncio.ensure_future(self.cancelled.wait())
        await asyncio.wait({gone, stop},
                           return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            stop.cancel()
            raise End
        gone.cancel()
        await asyncio.wait({gone})  # or the next read finds it waiting
        self.cancelled.clear()
        raise SqlError("57014", "canceling statement due to user request")

    async def forever(self):
        while await self.reader.read(4096):
            pass
        raise End

    # -- startup

    async def packet(self):
        size, = struct.unpack(">I", await self.reader.readexactly(4))
        if not 8 <= size <= 10000:
            raise End
        return await self.reader.readexactly(size - 4)

    async def startup(self):
        while True:
            if self.node.get("hang") == "startup":
                await self.forever()
            data = await self.packet()
            code, = struct.unpack(">I", data[:4])
            if code == 80877102:
                await self.cancel(*struct.unpack(">II", data[4:12]))
            await self.pause(self.node.get("delay_ms"))
            if code not in (80877103, 80877104):
                break
            await self.send(b"N")
        words = data[4:].decode("utf-8", "replace").split("\0")
        self.params = dict(zip(words[0::2], words[1::2]))
        self.params.setdefault("database", self.params.get("user", ""))
        self.params.pop("", None)
        self.replication = self.params.get("replication", "")
        self.node.log("startup", self.node.name, self.params)

    def check_startup(self):
        """What libpq asks for must be known to that version."""
        major = self.node.major
        if self.replication not in ("", "true", "database") or \
                (self.replication == "database" and major < 9.4):
            raise SqlError("22023", 'invalid value for parameter '
                           '"replication"', "FATAL")
        if self.replication and self.node.get("senders") == 0:
            raise SqlError("53300", "number of requested standby connections "
                           "exceeds max_wal_senders (currently 0)", "FATAL")
        if self.replication and self.node.lingering > 0:
            self.node.lingering -= 1
            raise SqlError("53300", "number of requested standby connections "
                           "exceeds max_wal_senders (currently 1)", "FATAL")
        for name in self.params:
            if not has(STARTUP.get(name, (NEVER, NEVER)), major):
                raise SqlError("42704", 'unrecognized configuration '
                               'parameter "%s"' % name, "FATAL")

    async def cancel(self, pid, key):
        s = self.node.sessions.get(pid)
        self.node.log("cancel", self.node.name, self.node.keys.get(pid) == key)
        if self.node.get("cancel") == "hang":
            await self.forever()
        if s is not None and s.key == key:
            s.cancelled.set()
        raise End

    async def greet(self):
        node = self.node
        if node.get("garbage") == "startup":
            await self.send(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31mgo")
            raise End
        if node.get("garbage") == "huge":
            await self.send(message(b"R", struct.pack(">I", 0)) +
                            b"N" + struct.pack(">I", 1 << 29))
            while True:
                await self.send(b"x" * 65536)
        auth = node.get("auth")
        if auth:
            if isinstance(auth, dict):
                state, text = auth["sqlstate"], auth["message"]
            else:
                state, text = REFUSALS[auth]
                text = text % self.params
            await self.send(error_response(
                SqlError(state, text, "FATAL"), node.major))
            raise End
        try:
            self.check_startup()
        except SqlError as e:
            await self.send(error_response(e, node.major))
            raise End
        out = message(b"R", struct.pack(">I", 0))
        p = {"server_version": node.version, "server_encoding": "UTF8",
             "client_encoding": self.params.get("client_encoding", "UTF8"),
             "standard_conforming_strings": "on", "integer_datetimes": "on",
             "DateStyle": "ISO, MDY", "TimeZone": "UTC"}
        if node.major >= 14:
            p["in_hot_standby"] = "on" if node.get("recovery") else "off"
            p["default_transaction_read_only"] = "off"
        p.update(node.get("parameters", {}))
        for k, v in p.items():
            out += message(b"S", cstr(k) + cstr(v))
        out += message(b"K", struct.pack(">II", self.pid, self.key))
        await self.send(out + message(b"Z", b"I"))
        node.sessions[self.pid] = self
        node.keys[self.pid] = self.key

    # -- statements

    async def endless(self):
        row = data_row(["x" * 100] * 8) * 64
        await self.send(row_description("abcdefgh"))
        while True:
            await self.send(row)

    async def huge(self):
        await self.send(row_description(["a"]) + b"D" +
                        struct.pack(">I", 1 << 30) + b"\0\1\x3f\xff\xff\0")
        while True:
            await self.send(b"x" * 65536)

    async def odd(self, a):
        """What no server does, or should."""
        await self.pause(a.get("delay_ms"))
        if a.get("hang"):
            await self.hang()
        if a.get("close"):
            raise End
        if a.get("garbage"):
            await self.send(b"\xff\xfe\xfd garbage \x1b[2J" * 20)
            await self.forever()
        if a.get("endless"):
            await self.endless()
        if a.get("huge"):
            await self.huge()
        if a.get("fatal"):
            e = split_error(a["fatal"], "FATAL")
            await self.send(error_response(e, self.node.major))
            raise End

    async def stream(self, a):
        """CopyBoth until the client ends it; the bytes of the end."""
        await self.send(message(b"W", struct.pack(">BH", 0, 0)) + message(
            b"d", b"k" + struct.pack(">QQB", 0, 0, 0)))
        while True:
            kind, body = await self.read()
            if kind == b"d" and body[:1] == b"r":
                lsn, = struct.unpack(">Q", body[9:17])
                self.node.state["flush"] = "%X/%X" % (
                    lsn >> 32, lsn & 0xffffffff)
                self.node.log("flush", self.node.name,
                              self.node.state["flush"])
                self.node.effect(a.get("flushed", {}))
            elif kind == b"c":
                return message(b"c") + message(b"C", cstr("COPY 0"))
            elif kind == b"X":
                raise End

    async def statement(self, sql, params=()):
        """The bytes of the answer; SqlError."""
        a = self.node.answer(sql, params)
        self.node.state["pid"] = str(self.pid)
        self.node.effect(a.get("effect", {}), params)
        await self.odd(a)
        if a.get("error"):
            raise split_error(a["error"])
        if a.get("stream"):
            return await self.stream(a)
        if a.get("copy"):
            return message(b"H", struct.pack(">BH", 0, 0)) + \
                message(b"c") + message(b"C", cstr("COPY 0"))
        if "tag" in a:
            return message(b"C", cstr(a["tag"]))
        rows = self.node.rows(a)
        if rows == "hang":
            await self.hang()
        columns = a.get("columns") or \
            ["c%d" % i for i in range(len(rows[0]) if rows else 1)]
        return row_description(columns) + \
            b"".join(data_row([self.node.fill(v, params) for v in r])
                     for r in rows) + \
            message(b"C", cstr("SELECT %d" % len(rows)))

    def parse(self, text):
        """All of it is parsed before any of it runs."""
        parts = statements(text)
        for sql in parts:
            check_syntax(sql, self.node.major)
            a = self.node.answer(sql)
            if a.get("syntax"):
                raise split_error(a["error"])
        return parts

    def check(self, sql):
        if self.replication:
            check_replication(sql, self.node.major)
        if not self.replication or self.node.major >= 10:
            check_names(sql, self.node.major)

    async def query(self, text, head=b"", params=()):
        node = self.node
        node.log("query", node.name, *([text] + list(params)))
        await self.pause(node.get("delay_ms"))
        if node.get("garbage") == "query":
            await self.odd({"garbage": True})
        out = b""
        try:
            if node.get("hang") == "query":
                await self.hang()
            parts = self.parse(text)
            if not parts:
                out += message(b"I")
            out += head
            for sql in parts:
                self.check(sql)
                if out:
                    await self.send(out)
                    out = b""
                out = await self.statement(sql, params)
        except SqlError as e:
            out += error_response(e, node.major)
        await self.send(out + message(b"Z", b"I"))

    async def read(self):
        head = await self.reader.readexactly(5)
        size, = struct.unpack(">I", head[1:])
        return head[:1], await self.reader.readexactly(size - 4)

    async def run(self):
        if self.node.get("refuse"):
            raise End
        await self.startup()
        await self.greet()
        parsed, params = "", []
        while True:
            kind, body = await self.read()
            if kind == b"X":
                raise End
            if kind == b"Q":
                await self.query(body[:-1].decode("utf-8", "replace"))
            elif kind == b"P":
                parsed = body.split(b"\0")[1].decode("utf-8", "replace")
            elif kind == b"B":
                params = bound(body)
            elif kind == b"S" and self.replication:
                await self.send(error_response(SqlError(
                    "08P01", "extended query protocol not supported in a "
                    "replication connection"), self.node.major) +
                    message(b"Z", b"I"))
            elif kind == b"S":  # PQexecParams: one statement
                await self.query(parsed, message(b"1") + message(b"2"),
                                 params)


# --- the process --------------------------------------------------------------


def expand(scenario):
    for n in scenario["nodes"]:
        if "repeat" not in n:
            yield n
            continue
        for i in range(1, n["repeat"] + 1):
            text = json.dumps({k: v for k, v in n.items() if k != "repeat"})
            one = json.loads(text.replace("{i}", str(i)))
            if "{i}" not in n["name"]:
                one["name"] += str(i)
            yield one


def command(nodes, line):
    word, _, rest = line.partition(" ")
    name, _, value = rest.partition(" ")
    if word == "set":
        nodes[name].conf.update(json.loads(value))
    elif word == "drop":
        nodes[name].drop()
    else:
        raise ValueError("no such command: " + word)


async def commands(nodes, done):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = (await reader.readline()).decode()
        if not line:
            break
        try:
            command(nodes, line.strip())
            print('{"ok": true}', flush=True)
        except (ValueError, KeyError) as e:
            print(json.dumps({"ok": False, "error": str(e)}), flush=True)
    done.set()


def stdin_is_pipe():
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


async def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("scenario")
    ap.add_argument("--log")
    o = ap.parse_args()
    with open(o.scenario, encoding="utf-8") as f:
        scenario = json.load(f)
    log_file = open(o.log, "a", encoding="utf-8") if o.log else None

    def log(*what):
        if log_file:
            log_file.write(json.dumps(what) + "\n")
            log_file.flush()

    nodes = {}
    for conf in expand(scenario):
        node = Node(conf, scenario.get("answers", []), log)
        await node.listen()
        nodes[node.name] = node
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, done.set)
    print(json.dumps({"ports": {n: x.port for n, x in nodes.items()}}),
          flush=True)
    reading = None
    if stdin_is_pipe():
        reading = asyncio.ensure_future(commands(nodes, done))
    await done.wait()
    if reading:
        reading.cancel()
    sys.stdout.flush()
    os._exit(0)  # what still hangs is not waited for


if __name__ == "__main__":
    asyncio.run(main())
