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
ANSWER:
    match       regular expression, searched in the statement (any case, white
                space as single blanks)
    columns     names
    rows        [[...], ...]; null, true, false, numbers, texts.  "{now}" in a
                text is the time in s since 1970, "{now-30.5}" another one
    rounds      [rows, rows, ...]: another answer each time, the last one stays;
                "hang" instead of rows: none
    tag         of a command without rows
    error       "42501 permission denied ...", instead of rows
    syntax      true: that error comes before any statement is run
    fatal       "57P01 text": and the session ends
    delay_ms, hang (true), garbage (true), close (true), endless (true: rows
                without end), huge (true: a row that says it has 1 GB),
                copy (true: an answer of another kind)
A statement that no answer matches is an error that quotes it.  SET and what
libpq asks by itself have answers.

A name that the version does not have (NAMES, VIEWS, SETTINGS) is an error as
the server gives it, before any answer is looked for: old names are tested.

Standard input also takes commands, each answered by a line {"ok": true}:
    set NAME {"key": value, ...}    change a node, for what comes
    drop NAME                       end its sessions
"""
import argparse
import asyncio
import functools
import json
import os
import re
import signal
import stat
import struct
import sys
import time

NEVER = 9999.0

# --- what a version has: name: (from, below), majors as 9.6, 10, ... --------

WAS_XLOG, IS_WAL = (9.0, 10), (10, NEVER)
FUNCTIONS = {
    "pg_current_xlog_location": WAS_XLOG,
    "pg_current_xlog_insert_location": WAS_XLOG,
    "pg_current_xlog_flush_location": (9.6, 10),
    "pg_last_xlog_receive_location": WAS_XLOG,
    "pg_last_xlog_replay_location": WAS_XLOG,
    "pg_switch_xlog": WAS_XLOG,
    "pg_xlogfile_name": WAS_XLOG,
    "pg_xlogfile_name_offset": WAS_XLOG,
    "pg_xlog_location_diff": (9.2, 10),
    "pg_is_xlog_replay_paused": (9.1, 10),
    "pg_xlog_replay_pause": (9.1, 10),
    "pg_xlog_replay_resume": (9.1, 10),
    "pg_current_wal_lsn": IS_WAL,
    "pg_current_wal_insert_lsn": IS_WAL,
    "pg_current_wal_flush_lsn": IS_WAL,
    "pg_last_wal_receive_lsn": IS_WAL,
    "pg_last_wal_replay_lsn": IS_WAL,
    "pg_switch_wal": IS_WAL,
    "pg_walfile_name": IS_WAL,
    "pg_walfile_name_offset": IS_WAL,
    "pg_wal_lsn_diff": IS_WAL,
    "pg_is_wal_replay_paused": IS_WAL,
    "pg_wal_replay_pause": IS_WAL,
    "pg_wal_replay_resume": IS_WAL,
    "pg_get_wal_replay_pause_state": (14, NEVER),
    "pg_last_xact_replay_timestamp": (9.1, NEVER),
    "pg_control_system": (9.6, NEVER),
    "pg_control_checkpoint": (9.6, NEVER),
    "pg_control_recovery": (9.6, NEVER),
    "pg_control_init": (9.6, NEVER),
    "pg_is_in_backup": (9.3, 15),
    "pg_backup_start_time": (9.3, 15),
    "pg_start_backup": (9.0, 15),
    "pg_stop_backup": (9.0, 15),
    "pg_backup_start": (15, NEVER),
    "pg_backup_stop": (15, NEVER),
    "pg_promote": (12, NEVER),
    "pg_tablespace_location": (9.2, NEVER),
    "pg_stat_get_wal_senders": (9.1, NEVER),
    "pg_stat_get_wal_receiver": (9.6, NEVER),
    "pg_get_replication_slots": (9.4, NEVER),
    "pg_create_physical_replication_slot": (9.4, NEVER),
    "pg_ls_waldir": (10, NEVER),
    "pg_stat_get_activity": (9.0, NEVER),
    "pg_lsn": (9.4, NEVER),
    "to_regclass": (9.4, NEVER),
    "make_interval": (9.4, NEVER),
    "json_agg": (9.3, NEVER),
    "jsonb_agg": (9.5, NEVER),
    "row_to_json": (9.2, NEVER),
    "format": (9.1, NEVER),
    "concat": (9.1, NEVER),
    "concat_ws": (9.1, NEVER),
    "left": (9.1, NEVER),
    "right": (9.1, NEVER),
}
TYPES = {"pg_lsn": (9.4, NEVER), "json": (9.2, NEVER), "jsonb": (9.4, NEVER)}

ALL = (9.0, NEVER)
VIEWS = {  # name: (range, {column: range})
    "pg_stat_replication": ((9.1, NEVER), {
        "procpid": (9.1, 9.2), "pid": (9.2, NEVER), "usesysid": ALL,
        "usename": ALL, "application_name": ALL, "client_addr": ALL,
        "client_hostname": ALL, "client_port": ALL, "backend_start": ALL,
        "backend_xmin": (9.4, NEVER), "state": ALL,
        "sent_location": (9.1, 10), "write_location": (9.1, 10),
        "flush_location": (9.1, 10), "replay_location": (9.1, 10),
        "sent_lsn": IS_WAL, "write_lsn": IS_WAL, "flush_lsn": IS_WAL,
        "replay_lsn": IS_WAL, "write_lag": IS_WAL, "flush_lag": IS_WAL,
        "replay_lag": IS_WAL, "sync_priority": ALL, "sync_state": ALL,
        "reply_time": (12, NEVER)}),
    "pg_stat_wal_receiver": ((9.6, NEVER), {
        "pid": ALL, "status": ALL, "receive_start_lsn": ALL,
        "receive_start_tli": ALL, "received_lsn": (9.6, 13),
        "written_lsn": (13, NEVER), "flushed_lsn": (13, NEVER),
        "received_tli": ALL, "last_msg_send_time": ALL,
        "last_msg_receipt_time": ALL, "latest_end_lsn": ALL,
        "latest_end_time": ALL, "slot_name": ALL, "conninfo": ALL,
        "sender_host": (11, NEVER), "sender_port": (11, NEVER)}),
    "pg_replication_slots": ((9.4, NEVER), {
        "slot_name": ALL, "plugin": ALL, "slot_type": ALL, "datoid": ALL,
        "database": ALL, "active": ALL, "active_pid": (9.5, NEVER),
        "xmin": ALL, "catalog_xmin": ALL, "restart_lsn": ALL,
        "confirmed_flush_lsn": (9.6, NEVER), "temporary": (10, NEVER),
        "wal_status": (13, NEVER), "safe_wal_size": (13, NEVER),
        "two_phase": (14, NEVER), "conflicting": (16, NEVER),
        "inactive_since": (17, NEVER), "invalidation_reason": (17, NEVER),
        "failover": (17, NEVER), "synced": (17, NEVER),
        "two_phase_at": (18, NEVER)}),
    "pg_stat_archiver": ((9.4, NEVER), {}),
    "pg_stat_activity": (ALL, {
        "procpid": (9.0, 9.2), "pid": (9.2, NEVER),
        "current_query": (9.0, 9.2), "query": (9.2, NEVER),
        "state": (9.2, NEVER), "client_hostname": (9.1, NEVER),
        "waiting": (9.0, 9.6), "wait_event": (9.6, NEVER),
        "backend_xmin": (9.4, NEVER), "backend_type": (10, NEVER)}),
    "pg_stat_database_conflicts": ((9.1, NEVER), {}),
    "pg_stat_slru": ((13, NEVER), {}),
    "pg_roles": (ALL, {"rolreplication": (9.1, NEVER)}),
    "pg_authid": (ALL, {"rolreplication": (9.1, NEVER)}),
    "pg_database": (ALL, {"datcollversion": (15, NEVER)}),
    "pg_settings": (ALL, {"enumvals": ALL, "pending_restart": (9.5, NEVER)}),
}
SETTINGS = {
    "cluster_name": (9.5, NEVER), "primary_conninfo": (12, NEVER),
    "primary_slot_name": (12, NEVER), "hot_standby": ALL,
    "recovery_min_apply_delay": (12, NEVER),
    "recovery_target_timeline": (12, NEVER),
    "wal_keep_segments": (9.0, 13), "wal_keep_size": (13, NEVER),
    "max_slot_wal_keep_size": (13, NEVER), "wal_log_hints": (9.4, NEVER),
    "max_replication_slots": (9.4, NEVER), "in_hot_standby": (14, NEVER),
    "data_directory_mode": (11, NEVER), "data_checksums": (9.3, NEVER),
    "synchronous_standby_names": (9.1, NEVER),
    "idle_replication_slot_timeout": (18, NEVER),
}
SYNTAX = {"filter": (9.4, NEVER), "lateral": (9.3, NEVER),
          "ordinality": (9.4, NEVER)}

TOKEN = re.compile(r"""
    (?P<comment>--[^\n]*|/\*.*?\*/) | (?P<text>[eE]?'(?:[^']|'')*') |
    (?P<quoted>"(?:[^"]|"")*") | (?P<word>[A-Za-z_][A-Za-z0-9_$]*) |
    (?P<space>\s+) | (?P<other>.)""", re.X | re.S)


def tokens(sql):
    """(kind, text) without comments and white space."""
    out = []
    for m in TOKEN.finditer(sql):
        kind, s = m.lastgroup, m.group()
        if kind in ("comment", "space"):
            continue
        if kind == "quoted":
            kind, s = "word", s[1:-1]
        elif kind == "word":
            s = s.lower()
        out.append((kind, s))
    return out


@functools.lru_cache(maxsize=1024)  # many nodes are asked the same
def statements(text):
    """The text cut at each ; outside of quotes and comments."""
    out, part = [], ""
    for m in TOKEN.finditer(text):
        if m.lastgroup == "other" and m.group() == ";":
            out.append(part)
            part = ""
        else:
            part += m.group()
    out.append(part)
    return [s.strip() for s in out if s.strip()]


def major_of(version):
    n = [int(x) for x in re.findall(r"\d+", version)[:2]] + [0]
    return n[0] if n[0] >= 10 else n[0] + n[1] / 10


def has(span, major):
    return span[0] <= major < span[1]


class SqlError(Exception):
    def __init__(self, state, text, severity="ERROR"):
        super().__init__(text)
        self.state, self.text, self.severity = state, text, severity


@functools.lru_cache(maxsize=1024)  # many nodes are asked the same
def check_syntax(sql, major):
    for kind, s in tokens(sql):
        if kind == "word" and s in SYNTAX and not has(SYNTAX[s], major):
            raise SqlError("42601", 'syntax error at or near "%s"' % s)


def check_settings(toks, major):
    for i in range(len(toks) - 2):
        name = None
        if toks[i] == ("word", "current_setting"):
            name = toks[i + 2][1].strip("'")
            if i + 3 < len(toks) and toks[i + 3] == ("other", ","):
                if major < 9.6:
                    raise SqlError("42883", "function current_setting"
                                   "(unknown, boolean) does not exist")
                continue
        if name in SETTINGS and not has(SETTINGS[name], major):
            raise SqlError("42704", "unrecognized configuration parameter "
                           '"%s"' % name)
    if len(toks) == 2 and toks[0][1] == "show" and \
            not has(SETTINGS.get(toks[1][1], ALL), major):
        raise SqlError("42704", "unrecognized configuration parameter "
                       '"%s"' % toks[1][1])


def check_columns(toks, major):
    views = [VIEWS[s][1] for k, s in toks if k == "word" and s in VIEWS]
    for i, (kind, s) in enumerate(toks):
        known = [v[s] for v in views if s in v]
        before = toks[i - 1][1] if i > 0 else ""
        after = toks[i + 1][1] if i + 1 < len(toks) else ""
        if kind != "word" or not known or before == "as" or after == "(":
            continue
        if not any(has(span, major) for span in known):
            raise SqlError("42703", 'column "%s" does not exist' % s)


@functools.lru_cache(maxsize=1024)  # many nodes are asked the same
def check_names(sql, major):
    """Raise what the server of that version would say to a name."""
    toks = tokens(sql)
    for i, (kind, s) in enumerate(toks):
        if kind != "word":
            continue
        before = toks[i - 1][1] if i > 0 else ""
        after = toks[i + 1][1] if i + 1 < len(toks) else ""
        if s in VIEWS and after != "(" and not has(VIEWS[s][0], major):
            raise SqlError("42P01", 'relation "%s" does not exist' % s)
        if after == "(" and not has(FUNCTIONS.get(s, ALL), major):
            raise SqlError("42883", "function %s() does not exist" % s)
        if before == ":" and not has(TYPES.get(s, ALL), major):
            raise SqlError("42704", 'type "%s" does not exist' % s)
    check_settings(toks, major)
    check_columns(toks, major)


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
        self.port = conf.get("port", 0)
        self.server = self.sock = None

    def get(self, key, default=None):
        return self.conf.get(key, default)

    @property
    def version(self):
        return self.get("version", "15.18")

    @property
    def major(self):
        return major_of(self.version)

    def answer(self, sql):
        flat = " ".join(sql.split())
        for a in self.get("answers", []) + self.common:
            if re.search(a["match"], flat, re.I):
                return a
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
            self.sessions.pop(session.pid, None)
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
        self.node.log("startup", self.node.name, self.params)

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

    async def statement(self, sql):
        """The bytes of the answer; SqlError."""
        a = self.node.answer(sql)
        await self.odd(a)
        if a.get("error"):
            raise split_error(a["error"])
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
            b"".join(data_row(r) for r in rows) + \
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

    async def query(self, text, head=b""):
        node = self.node
        node.log("query", node.name, text)
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
                check_names(sql, node.major)
                if out:
                    await self.send(out)
                    out = b""
                out = await self.statement(sql)
        except SqlError as e:
            out += error_response(e, node.major)
        await self.send(out + message(b"Z", b"I"))

    async def run(self):
        if self.node.get("refuse"):
            raise End
        await self.startup()
        await self.greet()
        while True:
            head = await self.reader.readexactly(5)
            size, = struct.unpack(">I", head[1:])
            body = await self.reader.readexactly(size - 4)
            if head[:1] == b"X":
                raise End
            if head[:1] == b"Q":
                await self.query(body[:-1].decode("utf-8", "replace"))
            elif head[:1] == b"P":
                parsed = body.split(b"\0")[1].decode("utf-8", "replace")
            elif head[:1] == b"S":
                # PQexecParams: one statement; its parameters are not looked
                # at.
                await self.query(parsed, message(b"1") + message(b"2"))


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
