"""What each version of PostgreSQL has, for pgserver.py: names, arguments,
columns, settings, replication commands; and what the server says to others."""
import functools
import re

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
# How many arguments a function takes, where that has changed.
ARGUMENTS = {
    "pg_start_backup": [((9.0, 9.6), (1, 2)), ((9.6, 15), (1, 2, 3))],
    "pg_stop_backup": [((9.0, 9.6), (0,)), ((9.6, 10), (0, 1)),
                       ((10, 15), (0, 1, 2))],
    "pg_create_physical_replication_slot": [
        ((9.4, 9.6), (1,)), ((9.6, 10), (1, 2)), ((10, NEVER), (1, 2, 3))],
    "pg_read_file": [((9.0, 9.1), (3,)), ((9.1, 9.5), (1, 3)),
                     ((9.5, NEVER), (1, 2, 3, 4))],
    "pg_ls_dir": [((9.0, 9.5), (1,)), ((9.5, NEVER), (1, 3))],
}
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
# Of a startup packet: any other is a setting that must exist.
STARTUP = {
    "user": ALL, "database": ALL, "replication": ALL, "options": ALL,
    "application_name": ALL, "client_encoding": ALL, "datestyle": ALL,
    "TimeZone": ALL, "geqo": ALL, "extra_float_digits": ALL,
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


def arguments(toks, i):
    """How many stand between the parenthesis at i and its end."""
    depth, n, some = 0, 0, False
    for kind, s in toks[i:]:
        if kind == "other" and s in "([":
            depth += 1
            some = some or depth > 1
        elif kind == "other" and s in ")]":
            depth -= 1
            if depth == 0:
                break
        else:
            some = True
            n += kind == "other" and s == "," and depth == 1
    return n + some


def check_arguments(toks, major):
    for i, (kind, s) in enumerate(toks[:-1]):
        if kind != "word" or s not in ARGUMENTS or toks[i + 1][1] != "(":
            continue
        n = arguments(toks, i + 1)
        for span, counts in ARGUMENTS[s]:
            if has(span, major) and n not in counts:
                raise SqlError("42883", "function %s(%s) does not exist" % (
                    s, ", ".join(["unknown"] * n)))


# What a sender understands, by version (repl_gram.y of each).
REPLICATION = [
    (r"IDENTIFY_SYSTEM", ALL),
    (r"START_REPLICATION [0-9A-F]+/[0-9A-F]+", ALL),
    (r"START_REPLICATION( SLOT \S+)?( PHYSICAL)? [0-9A-F]+/[0-9A-F]+"
     r"( TIMELINE \d+)?", (9.4, NEVER)),
    (r"START_REPLICATION [0-9A-F]+/[0-9A-F]+ TIMELINE \d+", (9.3, NEVER)),
    (r"TIMELINE_HISTORY \d+", (9.3, NEVER)),
    (r"BASE_BACKUP\b.*", (9.1, NEVER)),
]


def check_replication(text, major):
    for pattern, span in REPLICATION:
        if has(span, major) and re.fullmatch(pattern, text.strip("; \n")):
            return
    if major < 10:  # from then on it takes SQL too
        raise SqlError("42601", "syntax error")


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
    check_arguments(toks, major)
