#!/bin/bash
# Goal: what repl-status prints for programs is read by parsers that others
# wrote: JSON by python3-jsonschema against the installed schema, performance
# data by Perl's Monitoring::Plugin, metrics by prometheus_client.  The status
# is canned (t/helpers/showdemo), with names that try to break the formats.

. "${0%/*}/lib/tap.sh"

SHOWDEMO=$TOP_BUILDDIR/t/helpers/showdemo
[ -x "$SHOWDEMO" ] || bail "$SHOWDEMO is not built"
SCHEMA=$TOP_SRCDIR/share/repl-status.schema.json
PYTHON=/usr/bin/python3
SCENARIOS='good hostile unknown empty many size-only ranges inside'
export PYTHONIOENCODING=utf-8

for s in $SCENARIOS; do
	for f in json nagios prometheus pgpool tsv; do
		"$SHOWDEMO" "$s" "$f" >"$T/$s.$f" || bail "showdemo $s $f: $?"
	done
done

# --- JSON --------------------------------------------------------------------

cat >"$T/check_json.py" <<'PY'
import copy, json, os, re, sys
import jsonschema

top, schema_file, t = sys.argv[1:4]
with open(schema_file, encoding="utf-8") as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def load(scenario):
    with open(f"{t}/{scenario}.json", "rb") as f:
        data = f.read()
    assert data.endswith(b"}\n") and data.count(b"\n") == 1, "one line"
    return json.loads(data.decode("utf-8"))


def refused(doc, what):
    assert not validator.is_valid(doc), f"the schema takes {what}"


for scenario in sys.argv[4:]:
    doc = load(scenario)
    for error in validator.iter_errors(doc):
        sys.exit(f"{scenario}: {error.json_path}: {error.message}")
    codes = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
    assert codes[doc["status"]] == doc["code"], scenario

good = load("good")
n1, n2, n3 = good["nodes"]
assert n3["receive_lag_bytes"] == 9007199254740993, "integers are exact"
assert good["cluster"]["system_identifier"] == "18446744073709551615"
assert n1["written_lsn"] == "FFFFFFFF/FFFFFFFF"
assert n2["sender"]["replay_lag_bytes"] == 3
assert n2["delay_seconds"] == 0.0004 and n3["upstream"] == "node2"

# Strict, so that a slip in a key is found.
for change in ("doc['extra'] = 1", "del doc['time']", "doc['code'] = 0",
               "doc['nodes'][0]['lag'] = 1", "del doc['nodes'][1]['slot']",
               "doc['nodes'][1]['replay_lag_bytes'] = -1",
               "doc['nodes'][1]['replay_lag_bytes'] = 1.5",
               "doc['nodes'][1]['role'] = 'master'",
               "doc['cluster']['system_identifier'] = 7",
               "doc['problems'][0]['id'] = 'no-such-problem'",
               "doc['problems'][0]['severity'] = 'OK'"):
    doc = copy.deepcopy(good)
    exec(change)
    refused(doc, change)

names = [n["name"] for n in load("hostile")["nodes"]]
for name in ("it's", "a=b", "x|y", "two\nlines", "tab\tbed", "back\\slash",
             '"quoted"', "데이터베이스 서버", "\x1b[31mred", "\\n", "",
             "bad\\377\\300utf8"):
    assert name in names, name

assert load("unknown")["cluster"]["streaming"] is None
for node in load("unknown")["nodes"]:
    for key, value in node.items():
        if "lag" in key or "lsn" in key or "seconds" in key or key in (
                "timeline", "paused", "slot", "slots", "server_version"):
            assert value is None, f"{key} is {value}"

# t/run may have only copied the tests.
verdict = f"{top}/lib/core/verdict.c"
if os.path.exists(verdict):
    with open(verdict, encoding="utf-8") as f:
        ids = set(re.findall(r'\{"([a-z-]+)", (?:SEV_|BY_)', f.read()))
    problem = schema["properties"]["problems"]["items"]["properties"]
    missing = ids - set(problem["id"]["enum"])
    assert len(ids) > 15 and not missing, sorted(missing)
PY

has_python() { "$PYTHON" -c "import $1"; }

if has_python jsonschema; then
	# shellcheck disable=SC2086
	ok "JSON is valid by the schema, exact, and unknown is null" \
	    "$PYTHON" "$T/check_json.py" "$TOP_SRCDIR" "$SCHEMA" "$T" $SCENARIOS
else
	skip "JSON is valid by the schema" "install python3-jsonschema"
fi

# --- Nagios ------------------------------------------------------------------

cat >"$T/check_nagios.pl" <<'PL'
use strict;
use warnings;
use Monitoring::Plugin::Performance use_die => 1;
use Monitoring::Plugin::Range;

# The guidelines, word by word; labels without the two that need quoting twice.
my $label = qr/[^\s='|;]+|'[^='|\n]+'/;
my $number = qr/-?\d+(?:\.\d+)?/;
my $range = qr/\@?(?:(?:~|$number)?:)?$number?/;
my $item = qr/($label)=(?:U|$number(?:B|s)?);($range);($range);0/;

my %labels;
my $t = shift;
for my $scenario (@ARGV) {
	open(my $in, '<', "$t/$scenario.nagios") or die;
	my @lines = <$in>;
	@lines == 1 or die "$scenario: more than one line";
	chomp(my $line = $lines[0]);
	($line =~ tr/|//) == 1 or die "$scenario: not one bar";
	$line !~ /[\x00-\x1F\x7F]/ or die "$scenario: a control character";
	my ($text, $data) = split / \| /, $line;
	$text =~ /^REPLICATION (?:OK|WARNING|CRITICAL|UNKNOWN): \S/
	    or die "$scenario: $text";
	$data =~ /^$item(?: $item)*$/ or die "$scenario: grammar: $data";

	my (%seen, $unknown, $items);
	while ($data =~ /(?:^| )($item)/g) {
		my ($all, $name, $warn, $crit) = ($1, $2, $3, $4);
		$items++;
		$unknown++ if $all =~ /=U;/;
		$name =~ s/^'(.*)'$/$1/;
		die "$scenario: $name: not unique in 19 characters"
		    if $seen{substr($name, 0, 19)}++;
		$labels{$scenario}{$name} = $all;
		for ($warn, $crit) {
			Monitoring::Plugin::Range->parse_range_string($_)
			    or die "$scenario: range $_" if $_ ne '';
		}
	}
	# It leaves out what is U.
	my @perf = Monitoring::Plugin::Performance->parse_perfstring($data);
	@perf == $items - ($unknown // 0)
	    or die "$scenario: " . @perf . " of $items parsed";
	exists $labels{$scenario}{$_->label} or die "$scenario: " . $_->label
	    for @perf;
	next if $scenario ne 'good';
	my %p = map { $_->label => $_ } @perf;
	my $p = $p{node2_replay};
	$p->value == 22020096 && $p->uom eq 'B' && $p->warning eq '16777216' &&
	    $p->critical eq '134217728' && $p->min eq '0' or die 'node2_replay';
	$p = $p{node2_delay};
	$p->value == 0.0004 && $p->uom eq 's' && $p->warning eq '30' &&
	    $p->critical eq '300' or die 'node2_delay';
	$p->threshold->get_status(31) == 1 && $p->threshold->get_status(301) == 2
	    && $p->threshold->get_status($p->value) == 0 or die 'threshold';
	$p = $p{standbys};
	$p->value == 2 && $p->uom eq '' && $p->warning eq '1:' or die 'standbys';
	$p->threshold->get_status(0) == 2 or die 'no standby';
}
keys %{$labels{unknown}} == 13 or die 'labels of unknown';
$labels{unknown}{$_} =~ /=U;/ or die "$_ is not U"
    for keys %{$labels{unknown}};
PL

if perl -MMonitoring::Plugin::Performance -e 1; then
	# shellcheck disable=SC2086
	ok "performance data is valid by the guidelines, and unknown is U" \
	    perl "$T/check_nagios.pl" "$T" $SCENARIOS
else
	skip "performance data is valid" "install libmonitoring-plugin-perl"
fi
cmp_le "$(wc -c <"$T/many.nagios")" 8192 "50 nodes fit what Nagios reads"

# --- Prometheus --------------------------------------------------------------

cat >"$T/check_prometheus.py" <<'PY'
import sys
from prometheus_client.parser import text_string_to_metric_families

t = sys.argv[1]
PER_NODE = {"standby_node_up", "standby_is_primary", "standby_timeline",
            "standby_receive_lag_bytes", "standby_replay_lag_bytes",
            "standby_replay_delay_seconds", "standby_node_status"}
PER_SLOT = {"standby_slot_retained_bytes"}
CLUSTER = {"standby_status", "standby_check_timestamp_seconds",
           "standby_streaming_standbys"}


def load(scenario):
    with open(f"{t}/{scenario}.prometheus", "rb") as f:
        text = f.read().decode("utf-8")
    assert text.endswith("\n") and "\n\n" not in text, "final newline"
    samples = {}
    families = list(text_string_to_metric_families(text))
    for family in families:
        assert family.type == "gauge" and family.documentation, family.name
        for s in family.samples:
            assert s.name == family.name and s.timestamp is None
            labels = {"cluster"}
            if family.name in PER_NODE | PER_SLOT:
                labels.add("node")
            if family.name in PER_SLOT:
                labels.add("slot")
            else:
                assert family.name in PER_NODE | CLUSTER, family.name
            assert set(s.labels) == labels, s
            key = (s.name, s.labels.get("node"), s.labels.get("slot"))
            assert key not in samples, f"twice: {key}"
            samples[key] = s.value
    lines = [x for x in text.split("\n") if x and not x.startswith("#")]
    assert len(lines) == len(samples), "each line is a sample"
    assert len({f.name for f in families}) == len(families), "a family twice"
    assert ("standby_status", None, None) in samples
    return samples


for scenario in sys.argv[2:]:
    load(scenario)

good = load("good")
for name, node, value in (
        ("standby_node_up", "node1", 1), ("standby_is_primary", "node1", 1),
        ("standby_is_primary", "node2", 0), ("standby_timeline", "node3", 3),
        ("standby_replay_lag_bytes", "node2", 22020096),
        ("standby_replay_delay_seconds", "node2", 0.0004),
        ("standby_node_status", "node3", 1), ("standby_status", None, 1),
        ("standby_check_timestamp_seconds", None, 1795327555.25)):
    assert good[name, node, None] == value, (name, node)
assert good["standby_slot_retained_bytes", "node1", "node2"] == 8388608
assert ("standby_replay_lag_bytes", "node1", None) not in good

hostile = load("hostile")
for node in ("it's", "a=b", "x|y", "two\nlines", "back\\slash", '"quoted"',
             "데이터베이스 서버", "{}", "#", "\\n", "", " ", "tab\\011bed",
             "bad\\377\\300utf8"):
    assert hostile["standby_node_up", node, None] == 1, node
assert ("standby_slot_retained_bytes", "p|'=\"\\\n", 's"l\\o\nt') in hostile

unknown = load("unknown")
for name, node, slot in unknown:
    assert "lag" not in name and "delay" not in name and "is_p" not in name
    assert name != "standby_streaming_standbys"
assert [unknown.get(("standby_node_up", f"n{i}", None)) for i in range(4)] == [
    1, None, 0, 0]
assert {k[0] for k in load("empty")} == {
    "standby_status", "standby_check_timestamp_seconds"}
PY

if has_python prometheus_client.parser; then
	# shellcheck disable=SC2086
	ok "metrics are parsed, and unknown ones are absent" \
	    "$PYTHON" "$T/check_prometheus.py" "$T" $SCENARIOS
else
	skip "metrics are parsed" "install python3-prometheus-client"
fi

# --- the rest ----------------------------------------------------------------

is "$(awk -F '\t' '{ print NF }' "$T"/*.tsv | sort -u)" 20 \
    "every line of tsv has 20 fields"
is "$(wc -l <"$T/hostile.tsv")" \
    "$(($(grep -o '"reachable"' "$T/hostile.json" | wc -l) + 1))" \
    "tsv has a line per node and a heading"
not_ok "no control character but tab and newline in tsv" \
    grep -qP '[\x00-\x08\x0B-\x1F\x7F]' "$T/hostile.tsv"
is "$(cat "$T/good.pgpool")" "0.4 41234.567" \
    "pgpool gets the delays of the standbys, in ms"
is "$(cat "$T/unknown.pgpool")" "-1 -1 -1 -1" "and -1 where it is unknown"

# A locale whose decimal point is a comma.
if localedef -i de_DE -f UTF-8 "$T/de_DE.UTF-8"; then
	differ=
	for f in json nagios prometheus pgpool tsv; do
		LOCPATH=$T LC_ALL=de_DE.UTF-8 "$SHOWDEMO" good "$f" |
		    cmp - "$T/good.$f" || differ="$differ $f"
	done
	is "$differ" "" "no format takes the decimal point of the locale"
else
	skip "no format takes the locale" "no localedef or no de_DE here"
fi
done_testing
