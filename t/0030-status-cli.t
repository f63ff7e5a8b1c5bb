#!/bin/bash
# Goal: what repl-status does with its command line, environment and
# configuration file, and with output that cannot be written; and that every
# failure is UNKNOWN, 3, in every format.  Needs no server: port 1 answers
# nobody.

. "${0%/*}/lib/tap.sh"

REPL_STATUS=$TOP_BUILDDIR/repl-status
[ -x "$REPL_STATUS" ] || skip_all "repl-status is not built"

# Nothing of who runs the tests.
for v in $(compgen -v | grep -E '^(STANDBY_|PG|XDG_CONFIG_HOME$|NO_COLOR$|COLUMNS$)'); do
	case $v in
	STANDBY_TEST_*) ;;
	*) unset "$v" ;;
	esac
done
export HOME=$T/home TERM=xterm
mkdir "$HOME"
cd "$T" || exit 1

status() { run "$REPL_STATUS" "$@"; }

# usage NAME REGEX [OPTION]...: exit status 3, said on standard error only.
usage() {
	local name=$1 regex=$2
	shift 2
	status "$@"
	rc_is 3 "$name: exit status 3"
	like "$err" "^repl-status: error: .*($regex)" "$name: says why"
	is "$out" "" "$name: nothing on standard output"
}

# setting NAME: its line of --show-config.
setting() { grep -E "^$1 = " <<<"$out"; }

# json EXPRESSION: of the last output, by an independent parser.
json() {
	/usr/bin/python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
v = eval(sys.argv[2], {"d": d})
print("null" if v is None else v)' "$T/.out" "$1"
}

# --- --help and --version
status --help
rc_is 0 "--help: exit status 0"
is "$err" "" "--help: nothing on standard error"
missing=
for o in config host hostname master primary port username dbname service \
    password list-nodes warning critical min-standbys timeout format json \
    watch output state-file quiet verbose ascii color log show-config version \
    help; do
	grep -Eq -- "(^|[ ,])--$o(\$|[ =[,])" <<<"$out" || missing+=" $o"
done
is "$missing" "" "--help: lists every option"
missing=
for o in f h H p U d w c t F W o q v V '?'; do
	grep -Fq -- "  -$o, --" <<<"$out" || missing+=" $o"
done
is "$missing" "" "--help: lists every letter"
like "$out" '0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN' \
    "--help: what the exit status means"
is "$(awk 'length > 79' <<<"$out")" "" "--help: no line is longer than 79"
like "$out" '-W, --watch\[=SEC\] ' "--help: what may be left out"
like "$(tail -n 2 <<<"$out" | head -n 1)" '^Report bugs to <.+>\.$' \
    "--help: the bug address"
like "$(tail -n 1 <<<"$out")" 'home page: <.+>$' \
    "--help: ends with the home page"
help=$out
status '-?'
is "$out" "$help" "-? is the same"
status --help -w nonsense -f /nonexistent
rc_is 0 "--help needs no configuration file"
status --version
rc_is 0 "--version: exit status 0"
like "$(head -n 1 <<<"$out")" '^repl-status \(standby-tools\) [0-9.]+' \
    "--version: program, package and number"
like "$out" 'libpq [0-9]+' "--version: libpq"
version=$out
status -V
is "$out" "$version" "-V is the same"

# --- what is no command line: 3, never 2
usage "an unknown option" '--formt' --formt=json
like "$err" '^repl-status: hint: .*--format' \
    "an unknown option: the nearest name"
usage "an unknown letter" '-X' -X
usage "an argument is missing" 'output.*argument' --output
usage "an argument of a letter is missing" 'argument' -w
usage "an argument that is not taken" 'quiet' --quiet=yes
usage "a format that is none" 'xml' -F xml
usage "a format that is nearly one" 'jsn' --format=jsn
like "$err" 'hint: .*json' "a format that is nearly one: the hint has it"
usage "a colour that is none" 'color.*nonsense' --color=nonsense
usage "a port that is none" '65536' -p 65536
usage "a number that is none" 'x' --min-standbys=x
usage "a number below zero" '-1' --min-standbys=-1
usage "a time without a known unit" '5 parsecs' -t '5 parsecs'
usage "no time at all" 'more than 0' -t 0

# Who reads a format or a file is told of errors there, too.
status -qFjson -X
is "$(json 'd["status"], d["problems"][0]["id"]')" "('UNKNOWN', 'usage')" \
    "an error is told in the format of a bundle"
echo 'standby_status 0' >"$T/x.prom"
status -F prometheus -o "$T/x.prom" -X
rc_is 3 "an error with -o: exit status 3"
is "$out" "" "an error with -o: nothing on standard output"
like "$(cat "$T/x.prom")" '^standby_status(\{[^}]*\})? 3$' \
    "an error with -o: the file says it"
printf 'nodes = ( { name = "n1"; } );\n' >"$T/nowhere.conf"
chmod 600 "$T/nowhere.conf"
usage "a node without conninfo" 'n1.*conninfo' -f "$T/nowhere.conf"

for o in '' 'x' '16XB' '16MB,32MB' '30s,5min' '16MB,30s,1' '@' '5:1' \
    '16MB,' ',30s'; do
	usage "-w \"$o\"" 'warning' -w "$o"
	usage "-c \"$o\"" 'critical' -c "$o"
done
# What is valid, and hardly meant.
status -h 127.0.0.1 -p 1 -w 30s -c 10s
rc_is 3 "a warning looser than critical: is valid"
like "$err" 'warning: .*30s is looser than .*10s' \
    "a warning looser than critical: is said"
status -h 127.0.0.1 -p 1 -w 1GB
like "$err" 'warning: .*1GB is looser than .*128MB' \
    "a warning looser than the critical that is built in: is said"
status -h 127.0.0.1 -p 1 -w 10MB: -c 5MB:
is "$err" "" "a warning for less than critical: nothing to say"
status -h 127.0.0.1 -p 1 -w 5MB: -c 10MB:
like "$err" 'warning: .*looser' "a warning for less than critical: is said"
status -h 127.0.0.1 -p 1 -c 10s
is "$err" "" "only critical is named: nothing to say"
status -h 127.0.0.1 -p 1 -w 10s,16MB -c 10s,16MB
is "$err" "" "the same for both: nothing to say"
status -h 127.0.0.1 -p 1 -w 30
like "$err" 'note: .*warning=30 .*bytes.* 30s$' "a small bare number: is said"
status -h 127.0.0.1 -p 1 -w 0 -c 4096
is "$err" "" "0, or a number that may be bytes: nothing to say"
usage "an empty host" 'host' -h ''
usage "an empty host among others" 'host' -h a,,b
usage "a connection string that is none" 'dbname.*connection string' \
    -d 'nonsense=1 host=x'
like "$err" 'nonsense' "a connection string that is none: names the word"
usage "a URI that is none" 'dbname.*connection string' \
    -d 'postgresql://db1/postgres?nonsense=1'
like "$err" 'detail: .*nonsense' "a URI that is none: names the word"
usage "a node without a file" '"node1".*any configuration file' node1
like "$err" 'hint: .*repl-status -h node1' \
    "a node without a file: what is meant if it is a host"
usage "an address without a port" '"db1:"' db1:
usage "an address with a wrong port" '"db1:70000"' db1:70000
usage "two formats" 'contradict' --json -F tsv
usage "--password without a terminal" 'terminal' --password -h 127.0.0.1
usage "--watch without a terminal" 'terminal' --watch
usage "-W without a terminal" 'terminal' -W
usage "-W takes its time in the same word only" 'no node "5"|terminal' -W 5
usage "a pause that is none" 'watch.*"soon"' --watch=soon
like "$err" 'hint: .*--watch=5' "a pause that is none: how it is written"
usage "a pause of a letter that is none" 'watch.*"x"' -Wx
usage "a pause that is too short" 'watch' --watch=1ms
usage "--watch and a file" 'contradict' --watch -o "$T/x"
usage "--watch and another format" 'contradict' --watch -F tsv
ok "nothing was made" test ! -e "$T/x"

# --- in the formats that programs read, an error is a status too
status -F nagios -w nonsense
rc_is 3 "nagios: an error is UNKNOWN"
is "$(wc -l <"$T/.out")" 1 "nagios: an error is one line"
like "$out" '^REPLICATION UNKNOWN: .*nonsense' "nagios: the line says why"
unlike "$out" '\|' "nagios: no performance data"
like "$err" '^repl-status: error: ' "nagios: and standard error"
status --nonsense -Fnagios
like "$out" '^REPLICATION UNKNOWN: .*nonsense' \
    "nagios: also when the options cannot be read"
status -F nagios 'a|b'
unlike "$out" '\|' "nagios: a word of the user breaks nothing"
for o in --json --format=json '-F json' -Fjson; do
	# shellcheck disable=SC2086	# two words
	status --nonsense $o
	rc_is 3 "$o: an error is UNKNOWN"
	is "$(json '[d["status"], d["code"], d["nodes"], len(d["problems"])]')" \
	    "['UNKNOWN', 3, [], 1]" "$o: the document says so"
done
status --json -f "$T/absent"
is "$(json 'd["problems"][0]["id"]')" configuration "json: the id of the error"
like "$(json 'd["problems"][0]["message"]')" "$T/absent" "json: the message"
is "$(json 'd["problems"][0]["severity"]')" UNKNOWN "json: the severity"
run env STANDBY_FORMAT=json "$REPL_STATUS" --nonsense
is "$(json 'd["status"]')" UNKNOWN "json: chosen by the environment"
status -F prometheus --nonsense
rc_is 3 "prometheus: an error is UNKNOWN"
like "$out" '^standby_status\{.*\} 3$' "prometheus: a sample says so"

status -F prometheus -h 127.0.0.1 -t 0
like "$out" '^standby_status\{cluster=""\} 3$' "prometheus: no file, no cluster"
printf 'cluster = "main";\nnodes = ({ name = "n"; conninfo = "host=127.0.0.1"; });\n' \
    >"$T/named.conf"
status -F prometheus -f "$T/named.conf" -t 0
like "$out" '^standby_status\{cluster="main"\} 3$' \
    "prometheus: an error has the cluster of the file"
status --json -f "$T/named.conf" -t 0
is "$(json 'd["cluster"]["name"]')" main "json: the same"

# --- environment and configuration file
conf=$T/standby.conf
cat >"$conf" <<'END'
cluster = "main";
defaults : { user = "filer"; port = 1; color = "never"; };
nodes = (
  { name = "node1"; conninfo = "host=127.0.0.1"; },
  { name = "node 2"; conninfo = "host=127.0.0.2 port=2 user=own"; }
);
status : { warning = "1MB,10s"; critical = "2MB,20s"; min_standbys = 2;
  timeout = "3s"; };
END
status -f "$conf" --show-config
rc_is 0 "--show-config: exit status 0"
like "$(setting warning)" "1MB,10s .*$conf:7" "--show-config: file and line"
like "$(setting min-standbys)" '= 2 ' "--show-config: min-standbys"
like "$(setting timeout)" '= 3s ' "--show-config: timeout"
like "$(setting color)" 'never' "--show-config: a default of all commands"
like "$(setting format)" 'human.*built-in' "--show-config: built in"
status --show-config
like "$(setting warning)" '16MB,30s .*built-in' "the built-in warning"
like "$(setting critical)" '128MB,5min .*built-in' "the built-in critical"
like "$(setting timeout)" '5s .*built-in' "the built-in timeout"
run env STANDBY_WARNING=3MB STANDBY_HOST=$'a\nb' "$REPL_STATUS" -f "$conf" \
    --show-config
like "$(setting warning)" '3MB .*STANDBY_WARNING' "the environment beats the file"
is "$(setting host | wc -l)" 2 "a list from the environment"
run env STANDBY_WARNING=3MB "$REPL_STATUS" -w 4MB --show-config
like "$(setting warning)" '4MB .*option' "an option beats the environment"
run env STANDBY_WATCH=1 STANDBY_LIST_NODES=on "$REPL_STATUS" --show-config
unlike "$out" '^(watch|list-nodes) = ' \
    "actions are not taken from the environment"
run env STANDBY_WARNING=nonsense "$REPL_STATUS" -h 127.0.0.1
rc_is 3 "a bad variable: exit status 3"
like "$err" 'STANDBY_WARNING.*' "a bad variable: is named"
sed 's/"1MB,10s"/"nonsense"/' "$conf" >"$T/wrong.conf"
usage "a bad limit in the file" "$T/wrong.conf:7: .*warning" -f "$T/wrong.conf"
sed 's/host=127.0.0.2/nonsense=1/' "$conf" >"$T/wrong.conf"
usage "a bad node" "$T/wrong.conf:5: node \"node 2\": .*connection string" \
    -f "$T/wrong.conf"
sed 's/min_standbys/min_standby/' "$conf" >"$T/wrong.conf"
usage "an unknown key" "$T/wrong.conf:7: .*min_standby" -f "$T/wrong.conf"
usage "a node that is not in the file" "\"node3\" in $conf" -f "$conf" node3
like "$err" 'error: .* \[configuration\]$' \
    "a node that is not in the file: the id that all programs have"
like "$err" 'hint: .*node1' "a node that is not in the file: the nearest"
status -f "$conf" --list-nodes
is "$rc/$out" $'0/node1\nnode 2' "--list-nodes: the names"
status -d 'host=x password=sesame1' -d postgresql://u:sesame2@up/db --show-config
unlike "$out$err" 'sesame' "secrets: masked in --show-config"
for o in 'password=sesame4 nonsense=1' 'password=open sesame5 host=x' \
    'postgresql://u:sesame6@db1/postgres?nonsense=1' \
    'postgresql://u:open@sesame7@db1/postgres?nonsense=1' \
    'postgresql://db1/?p%61ssword=sesame8%zz'; do
	status -d "$o"
	rc_is 3 "secrets in $o: exit status 3"
	unlike "$out$err" 'sesame' "secrets in $o: not told"
done

# --- who is asked: nobody answers, and the document tells whom it knows
asked() { json '[(n["name"], n["host"], n["port"]) for n in d["nodes"]]'; }
names() { json '[n["name"] for n in d["nodes"]]'; }
problems() { json '[p["id"] for p in d["problems"]]'; }
status --json -h 127.0.0.1 -p 1
rc_is 3 "one server that does not answer: UNKNOWN"
is "$(asked)" "[('127.0.0.1:1', '127.0.0.1', '1')]" "-h -p: one server"
is "$(problems)" "['unreachable']" \
    "one server that does not answer: that is all that is known"
is "$(json 'd["nodes"][0]["receive_lag_bytes"]')" null "no lag that is 0"
hint() { json 'd["problems"][0]["hint"]'; }
status --json -h 127.0.0.1:21000
like "$(hint)" '-h 127\.0\.0\.1 -p 21000$' "a port in the host: how it is written"
status --json -h "$T/absent"
like "$(hint)" "socket in $T/absent" "no server at a socket: where it is looked for"
unlike "$(hint)" 'listen_addresses' "no server at a socket: no listen_addresses"
status --json -h 127.0.0.1 -p 1
like "$(hint)" 'listen_addresses' "no server at an address: listen_addresses"
unlike "$(hint)" 'onfiguration' "no server that was named: no other advice"
status --json -p 1
unlike "$(hint)" 'onfiguration' "a port names a server"
run env PGHOST=127.0.0.1 PGPORT=1 "$REPL_STATUS" --json
unlike "$(hint)" 'onfiguration' "PGHOST names a server"
# No server of this machine, wherever libpq looks.
run env PGPORT=1 "$REPL_STATUS" --json
like "$(hint)" 'No configuration file was found.*repl-status -h HOST' \
    "nobody is named: how to name a server"
echo 'cluster = "main";' >"$T/empty.conf"
run env PGPORT=1 "$REPL_STATUS" --json -f "$T/empty.conf"
like "$(hint)" "$T/empty.conf names no nodes.*repl-status -h HOST" \
    "a file without nodes: how to name a server"
status --json -H 127.0.0.1 -h 127.0.0.2 -p 1
rc_is 2 "two servers that do not answer: no primary, CRITICAL"
is "$(asked)" "[('127.0.0.1:1', '127.0.0.1', '1'), ('127.0.0.2:1', '127.0.0.2', '1')]" \
    "-H and -h: two servers"
status --json -h 127.0.0.1,127.0.0.2 -p 1
is "$(json 'len(d["nodes"])')" 2 "hosts with a comma: two servers"
status --json -h 127.0.0.1 -h 127.0.0.1 -p 1
is "$(json 'len(d["nodes"])')" 1 "the same server twice: once"
status --json -d 'host=127.0.0.1 port=1' -d postgresql://127.0.0.2:2/
is "$(asked)" "[('127.0.0.1:1', '127.0.0.1', '1'), ('127.0.0.2:2', '127.0.0.2', '2')]" \
    "-d: servers by connection string and URI"
status --json -h 127.0.0.1 -d port=1
is "$(asked)" "[('127.0.0.1:1', '127.0.0.1', '1')]" \
    "-d without a host holds for -h"
run env PGHOST=127.0.0.1 PGPORT=1 "$REPL_STATUS" --json
is "$(asked)" "[('127.0.0.1:1', '127.0.0.1', '1')]" "libpq's own variables"
status --json -f "$conf"
rc_is 2 "the file: no primary, CRITICAL"
is "$(asked)" "[('node1', '127.0.0.1', '1'), ('node 2', '127.0.0.2', '2')]" \
    "the file: its nodes and ports"
is "$(json 'd["cluster"]["name"]')" main "the file: the name of the cluster"
status --json -f "$conf" 'node 2'
rc_is 3 "a node by name: UNKNOWN, not more"
is "$(asked)" "[('node 2', '127.0.0.2', '2')]" "a node by name: that one"
status --json -f "$conf" 'node 2' node1
rc_is 2 "all nodes by name: no primary, CRITICAL"
status --json -f "$conf" -h 127.0.0.3 -p 3
is "$(names)" "['node1', 'node 2', '127.0.0.3:3']" "-f and -h: all of them"
status --json -f "$conf" -h 127.0.0.2 -p 2
is "$(names)" "['node1', 'node 2']" \
    "-f and -h of one of its nodes: once, by its name"
mkdir -p "$HOME/.config/standby"
cp "$conf" "$HOME/.config/standby/standby.conf"
status --json
is "$(json 'len(d["nodes"])')" 2 "the user's own file"
status --json -h 127.0.0.3 -p 3
is "$(asked)" "[('127.0.0.3:3', '127.0.0.3', '3')]" \
    "-h of a server that is not in the user's own file: that one alone"
is "$(json 'd["cluster"]["name"]')" null "and the file does not name its cluster"
status --json -h 127.0.0.2 -p 2
is "$(names)" "['node1', 'node 2']" \
    "-h of a server that is in the user's own file: all of its nodes"
status --json 127.0.0.4:4 '[::1]:5'
is "$(json '[(n["host"], n["port"]) for n in d["nodes"]]')" \
    "[('127.0.0.4', '4'), ('::1', '5')]" "operands as pgpool writes them"
status --json 127.0.0.4:4 127.0.0.2:2
is "$(names)" "['127.0.0.4:4', 'node 2']" \
    "the address of a node of the file is that node, in the order of the words"
status -F pgpool 127.0.0.4:4 127.0.0.2:2
is "$out" "-1 -1" "pgpool: one value for each operand"
status -F pgpool -h 127.0.0.5,127.0.0.2 -p 2 127.0.0.2:2
is "$out" "-1" "pgpool: no value for servers that only -h names"
rm "$HOME/.config/standby/standby.conf"

# --- every format, and its exit status
for f in human json nagios prometheus pgpool tsv; do
	status -F "$f" -h 127.0.0.1 -p 1
	rc_is 3 "$f: exit status 3"
	isnt "$out" "" "$f: something on standard output"
	is "$err" "" "$f: nothing on standard error"
	status -F "$f" -h 127.0.0.1,127.0.0.2 -p 1
	rc_is 2 "$f: exit status 2"
done
run env LC_ALL=C "$REPL_STATUS" -h 127.0.0.1 -p 1
is "$(tr -d '\000-\177' <"$T/.out" | wc -c)" 0 \
    "a locale without UTF-8: ASCII only"
run env LC_ALL=C.UTF-8 "$REPL_STATUS" --ascii -h 127.0.0.1,127.0.0.2 -p 1
is "$(tr -d '\000-\177' <"$T/.out" | wc -c)" 0 "--ascii: ASCII only"
esc=$'\033'
status -h 127.0.0.1 -p 1
unlike "$out" "$esc" "no terminal: no colours"
status --color=always -h 127.0.0.1 -p 1
like "$out" "$esc\[" "--color=always: colours"
run env NO_COLOR=1 PG_COLOR=always "$REPL_STATUS" -h 127.0.0.1 -p 1
unlike "$out" "$esc" "NO_COLOR beats PG_COLOR"
run env PG_COLOR=always "$REPL_STATUS" -h 127.0.0.1 -p 1
like "$out" "$esc\[" "PG_COLOR=always: colours"

# --- -o
status -F prometheus -h 127.0.0.1 -p 1 -o "$T/out.prom"
rc_is 3 "-o: the exit status is that of the status"
is "$out$err" "" "-o: nothing else is said"
is "$(stat -c %a "$T/out.prom")" 644 "-o: mode 0644, whatever the umask"
like "$(cat "$T/out.prom")" '^standby_status\{' "-o: it is there"
echo old >"$T/out.txt"
status -q -h 127.0.0.1 -p 1 -o "$T/out.txt"
unlike "$(cat "$T/out.txt")" '^old' "-o: the old one is replaced, also with -q"
unlike "$(cat "$T/out.txt")" "$esc" "-o: no colours in a file"
is "$(find "$T" -name 'out.*' | wc -l)" 2 "-o: nothing is left beside it"
usage "-o in no directory" "$T/absent/x" -h 127.0.0.1 -p 1 -o "$T/absent/x"
mkdir "$T/dir"
usage "-o on a directory" 'not a regular file' -h 127.0.0.1 -p 1 -o "$T/dir"
usage "-o on a device" 'not a regular file' -h 127.0.0.1 -p 1 -o /dev/null
ln -s out.txt "$T/link"
usage "-o on a link" 'not a regular file' -h 127.0.0.1 -p 1 -o "$T/link"

# --- state file and -q
state=$T/state
status -h 127.0.0.1 -p 1 --state-file="$state"
rc_is 3 "--state-file: exit status"
is "$(stat -c %a "$state")" 600 "--state-file: mode 0600"
is "$err" "" "--state-file: a new one is no warning"
status -q -h 127.0.0.1 -p 1 --state-file="$state"
is "$rc/$out$err" "3/" "-q: the same again is not said"
status -q -h 127.0.0.1,127.0.0.2 -p 1 --state-file="$state"
is "$rc" 2 "-q: another status: exit status"
isnt "$out" "" "-q: another status is said"
status -q -h 127.0.0.1 -p 1
isnt "$out" "" "-q without a state file: what is not OK is said"
echo nonsense >"$state"
status -q -h 127.0.0.1 -p 1 --state-file="$state"
like "$err" "warning: .*damaged; it is now \"$state.old\"" \
    "a damaged state file: is named, with where it is"
is "$(cat "$state.old")" nonsense "a damaged state file: is kept"
isnt "$out" "" "a damaged state file: as none"
status -q -h 127.0.0.1 -p 1 --state-file="$state"
is "$rc/$out$err" "3/" "a damaged state file: was replaced"
before=$(cat "$state")
exec 9>"$state.lock"
flock 9
status -h 127.0.0.1,127.0.0.2 -p 1 --state-file="$state"
rc_is 2 "two runs at once: the status is told"
like "$err" 'previous run .* active since 20[0-9-]+ [0-9:]+Z' \
    "two runs at once: said"
is "$(cat "$state")" "$before" "two runs at once: the second writes nothing"
exec 9>&-
ln -s state "$T/state-link"
status -h 127.0.0.1 -p 1 --state-file="$T/state-link"
rc_is 3 "a state file that is a link: exit status"
like "$err" 'warning: .*symbolic link' "a state file that is a link: said"
isnt "$out" "" "a state file that is a link: the status is shown all the same"

# --- output that cannot be written: 3, and said
for f in human json nagios prometheus pgpool tsv; do
	"$REPL_STATUS" -F "$f" -h 127.0.0.1,127.0.0.2 -p 1 >/dev/full \
	    2>"$T/.err" 3>&-
	is "$?" 3 "$f: a full disk is 3"
	like "$(cat "$T/.err")" 'error: could not write to standard output' \
	    "$f: a full disk is said"
	"$REPL_STATUS" -F "$f" -h 127.0.0.1,127.0.0.2 -p 1 >&- 2>"$T/.err" 3>&-
	is "$?" 3 "$f: closed standard output is 3"
done
for o in --help --version --show-config; do
	"$REPL_STATUS" $o >/dev/full 2>"$T/.err" 3>&-
	is "$?" 3 "$o: a full disk is 3"
	"$REPL_STATUS" $o >&- 2>"$T/.err" 3>&-
	is "$?" 3 "$o: closed standard output is 3"
done
# The reader is gone before anything is written.
mkfifo "$T/fifo"
exec 8<>"$T/fifo"
exec 9>"$T/fifo"
exec 8<&-
"$REPL_STATUS" -h 127.0.0.1 -p 1 >&9 2>"$T/.err" 3>&-
is "$?" 3 "a pipe without a reader is 3"
like "$(cat "$T/.err")" 'could not write to standard output: Broken pipe' \
    "a pipe without a reader is said"
exec 9>&-
"$REPL_STATUS" -q --state-file="$state" -h 127.0.0.1,127.0.0.2 -p 1 >/dev/full \
    2>"$T/.err" 3>&-
is "$?" 3 "-q: a change that cannot be told is 3"
status -q --state-file="$state" -h 127.0.0.1,127.0.0.2 -p 1
isnt "$out" "" "-q: a change that could not be told is told the next time"

# --- where the talk goes
status --log="$T/talk" -h 127.0.0.1 -w nonsense
like "$(cat "$T/talk")" 'error: .*nonsense' "--log=FILE: it is there"
is "$err" "" "--log=FILE: and not on standard error"
usage "--log to a file that cannot be" 'absent' --log="$T/absent/talk"

# --- a server that takes connections and never answers
cat >"$T/silent.py" <<'PYTHON'
import os, socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(5)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(s.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
PYTHON
/usr/bin/python3 "$T/silent.py" "$T/port" 3>&- &
kill_later $!
poll_until 20 test -s "$T/port"
port=$(cat "$T/port")
status --json -t 300ms -h 127.0.0.1 -p "$port"
rc_is 3 "a server that hangs: UNKNOWN"
is "$(problems)" "['hung']" "a server that hangs: named"

# --- interrupted while it waits.  (What a shell starts in the background would
# ignore INT.)
cat >"$T/interrupt.py" <<'PYTHON'
import os, signal, subprocess, sys, time

signal.signal(signal.SIGINT, signal.default_int_handler)
program, port, name, output = sys.argv[1:]
p = subprocess.Popen([program, "-h", "127.0.0.1", "-p", port, "-t", "60s",
    "-o", output])

def connected():
    fds = "/proc/%d/fd" % p.pid
    for f in os.listdir(fds):
        try:
            if os.readlink(fds + "/" + f).startswith("socket:"):
                return True
        except OSError:
            pass
    return False

while p.poll() is None and not connected():
    time.sleep(0.05)
p.send_signal(getattr(signal, "SIG" + name))
print(p.wait())
PYTHON
for s in INT/130 TERM/143 HUP/129; do
	run /usr/bin/python3 "$T/interrupt.py" "$REPL_STATUS" "$port" "${s%/*}" \
	    "$T/int.out"
	is "$out" "${s#*/}" "SIG${s%/*}: exit status ${s#*/}"
	ok "SIG${s%/*}: no output" test ! -e "$T/int.out"
done

done_testing
