#!/usr/bin/python3
"""What repl-status printed, read by parsers that know only the formats.

	status.py FILE EXPRESSION	of the JSON document d; n: nodes by
					name, p: "SEVERITY id node" lines
	status.py shape FORMAT STATUS ID SEVERITY NODE <output
					"ok", or what is wrong with it; ID ""
					asks for the shape only
"""

import json
import math
import re
import sys

WORDS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
NODE_KEYS = """name host port role upstream state sync timeline written_lsn
sent_lsn received_lsn replayed_lsn receive_lag_bytes replay_lag_bytes
delay_seconds slot paused server_version reachable""".split()
LSN = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}\Z")


class Wrong(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Wrong(text)


def problem_lines(doc):
    return [
        "%s %s %s" % (x["severity"], x["id"], x["node"] or "-")
        for x in doc["problems"]
    ]


def no_constants(word):
    raise Wrong("not JSON: %s" % word)


def check_json_node(node):
    for key in NODE_KEYS:
        check(key in node, "no key %s" % key)
    for key, value in node.items():
        where = "%s of %s is %r" % (key, node["name"], value)
        if key.endswith("_lsn") and value is not None:
            check(LSN.match(value) and value != "0/0", where)
        if key.endswith("_bytes") and value is not None:
            check(type(value) is int and value >= 0, where)
        if key == "delay_seconds" and value is not None:
            check(type(value) in (int, float) and value >= 0, where)
        if key in ("reachable", "paused") and value is not None:
            check(type(value) is bool, where)


def shape_json(text, status, ident, severity, node):
    doc = json.loads(text, parse_constant=no_constants)
    check(doc["format"] == 1 and doc["tool"] == "repl-status", "head")
    for key in "version time status code cluster nodes problems".split():
        check(key in doc, "no key %s" % key)
    check(doc["code"] == status, "code %s" % doc["code"])
    check(doc["status"] == WORDS[status], "status %s" % doc["status"])
    check(type(doc["cluster"]["system_identifier"]) in (str, type(None)),
          "system_identifier")
    names = [x["name"] for x in doc["nodes"]]
    check(len(set(names)) == len(names), "names are not unique")
    for one in doc["nodes"]:
        check_json_node(one)
    for one in doc["problems"]:
        check(one["severity"] in WORDS[1:], "severity")
        check(one["message"], "message")
        check(one["node"] is None or one["node"] in names, "node")
    if ident:
        want = "%s %s %s" % (severity, ident, node)
        check(want in problem_lines(doc),
              "no \"%s\" in %s" % (want, problem_lines(doc)))


def shape_human(text, status, ident, severity, node):
    check("\x1b" not in text, "colour without a terminal")
    for line in text.splitlines():
        check(line == line.rstrip(), "blanks at the end: %r" % line)
    if ident:
        check(re.search(r"^%s\b.*%s" % (severity,
              re.escape("" if node == "-" else node)), text, re.M),
              "no line \"%s ... %s\" in %s" % (severity, node, text))


# label=value[UOM];[warn];[crit];[min];[max], as the plugin guidelines say.
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
RANGE = r"@?(?:(?:~|%s):)?(?:%s)?" % (NUMBER, NUMBER)
PERF = re.compile(
    r"(?P<label>'(?:[^'=]|'')+'|[^ '=]+)=(?:(?P<value>%s)"
    r"(?P<unit>s|us|ms|%%|B|KB|MB|TB|c)?|U)"
    r"(?:;(?P<warn>%s)?(?:;(?P<crit>%s)?(?:;(?:%s)?(?:;(?:%s)?)?)?)?)?"
    r"(?= |\Z)" % (NUMBER, RANGE, RANGE, NUMBER, NUMBER))


def perfdata(text):
    found = {}
    text = text.strip()
    while text:
        m = PERF.match(text)
        check(m, "perfdata at: %s" % text[:60])
        check(m["label"] not in found, "twice: %s" % m["label"])
        found[m["label"]] = m
        text = text[m.end():].lstrip(" ")
    return found


def shape_nagios(text, status, ident, severity, node):
    lines = text.split("\n")
    check(lines[-1] == "", "no newline at the end")
    first, bar, perf = lines[0].partition("|")
    check(re.match(r"REPLICATION %s: \S" % WORDS[status], first),
          "first line: %s" % first)
    if bar:
        perfdata(perf)
    for line in lines[1:]:
        check("|" not in line, "a second bar: %s" % line)
    if ident and node != "-":
        check(node in text, "%s is not named: %s" % (node, text))


METRIC = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? "
    r"(?P<value>[-+0-9.eE]+|NaN|[+-]Inf)\Z")
LABEL = re.compile(
    r"(?P<key>[a-zA-Z_][a-zA-Z0-9_]*)=\"(?P<value>(?:[^\"\\\n]|\\[\\\"n])*)\""
    r"(?:,|\Z)")


def prometheus(text):
    """Samples as {(name, labels): value}; families must hold together."""
    samples, family, seen, typed = {}, None, set(), {}
    check(text.endswith("\n"), "no newline at the end")
    for line in text.split("\n")[:-1]:
        check(line, "an empty line")
        if line.startswith("#"):
            word, name = line.split(" ")[1:3]
            check(word in ("HELP", "TYPE"), "comment: %s" % line)
            if name != family:
                check(name not in seen, "family in two parts: %s" % name)
                seen.add(name)
                family = name
            if word == "TYPE":
                check(name not in typed, "TYPE twice: %s" % name)
                typed[name] = line.split(" ")[3]
                check(typed[name] in ("gauge", "counter"), line)
            continue
        m = METRIC.match(line)
        check(m, "sample: %s" % line)
        check(m["name"] == family and family in typed, "no TYPE: %s" % line)
        labels, rest = [], m["labels"] or ""
        while rest:
            part = LABEL.match(rest)
            check(part, "labels: %s" % line)
            labels.append((part["key"], part["value"]))
            rest = rest[part.end():]
        key = (m["name"], tuple(sorted(labels)))
        check(key not in samples, "twice: %s" % line)
        samples[key] = float(m["value"])
    return samples


def shape_prometheus(text, status, ident, severity, node):
    samples = prometheus(text)
    names = {name for name, _ in samples}
    for name in ("standby_status", "standby_check_timestamp_seconds"):
        check(name in names, "no %s" % name)
    for (name, labels), value in samples.items():
        check(name.startswith("standby_"), "name %s" % name)
        check(value >= 0 or math.isnan(value), "%s %s" % (name, value))
        if name == "standby_status":
            if "node" not in dict(labels):
                check(value == status, "standby_status %s" % value)
    if ident and node != "-":
        check(any(dict(x).get("node") == node for _, x in samples),
              "node %s is missing" % node)


def shape_pgpool(text, status, ident, severity, node):
    number = r"(-1|[0-9]+(\.[0-9]+)?)"
    check(re.match(r"(%s( %s)*)?\n\Z" % (number, number), text),
          "line: %r" % text)


def shape_tsv(text, status, ident, severity, node):
    rows = [line.split("\t") for line in text.split("\n")]
    check(rows.pop() == [""], "no newline at the end")
    check(rows and len(rows[0]) >= 10, "heading")
    for row in rows:
        check(len(row) == len(rows[0]), "columns: %r" % row)
    if ident and node != "-":
        check(any(node in row for row in rows), "node %s is missing" % node)


def shape(words):
    form, status, ident, severity, node = words
    text = sys.stdin.buffer.read().decode()
    try:
        globals()["shape_" + form](text, int(status), ident, severity, node)
    except (Wrong, ValueError, KeyError) as e:
        return "%s: %s" % (type(e).__name__, e)
    return "ok"


def say(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return " ".join(say(x) for x in value)
    return str(value)


def main():
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if sys.argv[1] == "shape":
        print(shape(sys.argv[2:]))
        return
    with open(sys.argv[1], encoding="utf-8") as f:
        doc = json.load(f, parse_constant=no_constants)
    scope = {"d": doc, "n": {x["name"]: x for x in doc["nodes"]},
             "p": problem_lines(doc)}
    print(say(eval("(%s)" % sys.argv[2], scope)))


main()
