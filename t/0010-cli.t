#!/bin/bash
# Goal: what standby-clone does with its command line, environment and
# configuration file before it asks any server.

. "${0%/*}/lib/tap.sh"

STANDBY_CLONE=$TOP_BUILDDIR/standby-clone
[ -x "$STANDBY_CLONE" ] || skip_all "standby-clone is not built"

# Nothing of who runs the tests.
for v in $(compgen -v | grep -E '^(STANDBY_|PG|XDG_CONFIG_HOME$|NO_COLOR$)'); do
	case $v in
	STANDBY_CLONE|STANDBY_TEST_*) ;;
	*) unset "$v" ;;
	esac
done
export HOME=$T/home TERM=xterm
mkdir "$HOME"
cd "$T" || exit 1

clone() { run "$STANDBY_CLONE" "$@"; }

# usage NAME REGEX [OPTION]...: exit status 2, said on standard error only.
usage() {
	local name=$1 regex=$2
	shift 2
	clone "$@"
	rc_is 2 "$name: exit status 2"
	like "$err" "^standby-clone: error: .*($regex)" "$name: says why"
	is "$out" "" "$name: nothing on standard output"
}

# setting NAME: its line of --show-config.
setting() { grep -E "^$1 = " <<<"$out"; }

# --- --help and --version
clone --help
rc_is 0 "--help: exit status 0"
is "$err" "" "--help: nothing on standard error"
missing=
for o in config host port username dbname service master primary password \
    pgdata pg-bindir ssh ssh-identity known-hosts host-fingerprint transport \
    ssh-command dry-run yes force timeout quiet verbose json color log \
    show-config version help delta pages exclude keep list-excludes \
    checkpoint label jobs max-rate compress tablespace-mapping waldir slot \
    create-slot no-slot wal source-pgdata upstream trigger-file \
    restore-command recovery-min-apply-delay application-name \
    replication-user conf-only no-start start-command stop-command no-wait \
    progress itemize-changes stats agent push-agent no-sync checksum verify \
    no-verify-checksums \
    max-delete list-nodes facts cleanup; do
	grep -Eq -- "(^|[ ,])--$o(\$|[ =[,])" <<<"$out" || missing+=" $o"
done
is "$missing" "" "--help: lists every option"
missing=
for o in f h p U d D n y t q v V '?' c l j r Z T S C P i; do
	grep -Fq -- "  -$o, --" <<<"$out" || missing+=" $o"
done
is "$missing" "" "--help: lists every letter"
unlike "$out" 'exclusive-backup' "--help: hides what is for tests only"
# A path of the installation is as long as it is.
is "$(awk 'length > 79 && !/libexec/' <<<"$out")" "" \
    "--help: no line is longer than 79"
like "$(tail -n 2 <<<"$out" | head -n 1)" '^Report bugs to <.+>\.$' \
    "--help: the bug address"
like "$(tail -n 1 <<<"$out")" 'home page: <.+>$' \
    "--help: ends with the home page"
help=$out
clone '-?'
is "$out" "$help" "-? is the same"
clone --help --jobs=2 -f /nonexistent
rc_is 0 "--help needs no configuration file"

clone --version
rc_is 0 "--version: exit status 0"
like "$(head -n 1 <<<"$out")" '^standby-clone \(standby-tools\) [0-9.]+' \
    "--version: program, package and number"
for lib in libpq libssh2 librsync; do
	like "$out" "$lib [0-9]+\.[0-9]+" "--version: $lib"
done
is "$err" "" "--version: nothing on standard error"
version=$out
clone -V
is "$out" "$version" "-V is the same"

# --- what is no command line
usage "no data directory" 'no data directory' -h 127.0.0.1
like "$err" '^standby-clone: hint: .*-D' "no data directory: the hint has -D"
usage "an unknown option" '--comprss' --comprss=none
like "$err" '^standby-clone: hint: .*--compress' \
    "an unknown option: the nearest name"
usage "an unknown letter" '-X' -X
usage "a shortened option" '--tablespace' --tablespace=/a=/b
like "$err" '--tablespace-mapping' "a shortened option: the full name"
usage "an argument is missing" 'jobs.*argument' --jobs
usage "an argument of a letter is missing" 'argument' -j
usage "an argument that is not taken" 'verify' --verify=yes
usage "two operands" '"two"' one two
usage "a size without a known unit" '12 parsecs' -r '12 parsecs'
like "$err" 'kB' "a size without a known unit: the hint has the units"
usage "a size below zero" '-1' --max-rate=-1
usage "a size that is too big" '99999999999TB' --max-rate=99999999999TB
usage "a rate without its unit" '80 bytes.* 32 kB' -r 80 -D x
like "$err" '--max-rate=80MB$' "a rate without its unit: the hint has one"
usage "a time without a known unit" '5 parsecs' -t '5 parsecs'
like "$err" 'min' "a time without a known unit: the hint has the units"
usage "a time that is too long" '999999999999999d' -t 999999999999999d
usage "a number that is none" 'x' --jobs=x
usage "a number with a tail" '2x' --jobs=2x
usage "a number that is too small" '1 \.\. 32' --jobs=0
usage "a number that is too big" '1 \.\. 32' --jobs=33
usage "a port that is none" '65536' -p 65536
usage "an empty number" '""' --jobs=
for o in transport pages checkpoint compress wal progress color; do
	usage "a choice that is none: $o" "$o.*nonsense" --$o=nonsense
done
usage "the nearest choice" 'opensh' --transport=opensh
like "$err" 'hint: .*openssh' "the nearest choice: in the hint"
usage "a level that is none" 'level' -D "$T/x" --compress=zstd:23
usage "a level that is no number" 'zstd:x' -D "$T/x" --compress=zstd:x
usage "a version that is none" '8\.4' --facts=8.4
usage "SSH port that is none" '70000' -D "$T/x" --ssh=db1:70000
usage "SSH host that is an option" 'host' -D "$T/x" --ssh=-oProxyCommand=x
usage "a connection string that is none" 'connection string' -D "$T/x" \
    -d 'nonsense=1 host=x'
like "$err" 'nonsense' "a connection string that is none: names the word"
usage "a node without a file" '"node1"' node1

# --- options that contradict each other
usage "--no-slot, --slot" 'contradict' -D "$T/x" --no-slot --slot=a
usage "--no-slot, --create-slot" 'contradict' -D "$T/x" --no-slot -C
usage "--no-slot, --wal=slot" 'contradict' -D "$T/x" --no-slot --wal=slot
usage "--conf-only, --cleanup" 'contradict' -D "$T/x" --conf-only --cleanup
ok "nothing was made" test ! -e "$T/x"

# --- environment and configuration file
conf=$T/standby.conf
cat >"$conf" <<'END'
cluster = "main";
defaults : { user = "filer"; };
nodes = (
  { name = "node1"; conninfo = "host=db1"; pgdata = "/srv/pg"; },
  { name = "node 2"; conninfo = "host=db2"; pgdata = "/srv/pg"; }
);
clone : { jobs = 4; max_rate = "80MB"; exclude = [ "*.bak", "*.tmp" ];
  keep = [ "pg_hba.conf" ]; verify = true; };
END
clone -f "$conf" --show-config
rc_is 0 "--show-config: exit status 0"
is "$err" "" "--show-config: nothing on standard error"
like "$(setting jobs)" "= 4 .*$conf:7" "--show-config: file and line"
like "$(setting max-rate)" "80MB.*$conf:7" "--show-config: a size"
is "$(setting exclude | cut -d' ' -f3 | tr '\n' ' ')" "*.bak *.tmp " \
    "--show-config: a list"
like "$(setting verify)" "$conf:8" "--show-config: a flag"
like "$(setting username)" "filer.*$conf:2" "--show-config: a default"
like "$(setting transport)" 'auto.*built-in' "--show-config: built in"
like "$(setting service)" 'not set' "--show-config: not set"
like "$(setting config)" "$conf.*option" "--show-config: an option"

export STANDBY_JOBS=3
clone -f "$conf" --show-config
like "$(setting jobs)" '= 3 .*STANDBY_JOBS' "the environment beats the file"
clone -f "$conf" -j 2 --show-config
like "$(setting jobs)" '= 2 .*option' "an option beats the environment"
clone -f "$conf" -j 2 -j 1 --show-config
like "$(setting jobs)" '= 1 .*option' "the last of two options counts"
export STANDBY_JOBS=
clone -f "$conf" --show-config
like "$(setting jobs)" '= 4 ' "an empty variable is none"
STANDBY_JOBS=many usage "a bad variable" 'STANDBY_JOBS.*many' --show-config
unset STANDBY_JOBS
run env STANDBY_DELTA=on STANDBY_FORCE=on STANDBY_YES=on STANDBY_CLEANUP=on \
    "$STANDBY_CLONE" --show-config
unlike "$out" '^(delta|force|yes|cleanup) = ' \
    "actions are not taken from the environment"
run env STANDBY_MASTER=db9 "$STANDBY_CLONE" --show-config
like "$(setting host)" 'db9.*STANDBY_MASTER' "the variable of an alias counts"
run env STANDBY_CONFIG="$conf" "$STANDBY_CLONE" --show-config
like "$(setting jobs)" "$conf" "STANDBY_CONFIG names the file"
mkdir -p "$T/xdg/standby" "$HOME/.config/standby"
sed 's/jobs = 4/jobs = 5/' "$conf" >"$T/xdg/standby/standby.conf"
sed 's/jobs = 4/jobs = 6/' "$conf" >"$HOME/.config/standby/standby.conf"
run env XDG_CONFIG_HOME="$T/xdg" "$STANDBY_CLONE" --show-config
like "$(setting jobs)" '= 5 .*xdg' "XDG_CONFIG_HOME"
clone --show-config
like "$(setting jobs)" '= 6 .*home/.config' "the user's own file"
rm "$HOME/.config/standby/standby.conf"

# --- secrets
clone -d 'host=x password=sesame1' --show-config \
    --upstream=postgresql://u:sesame2@up/db
rc_is 0 "secrets: exit status 0"
unlike "$out$err" 'sesame' "secrets: masked in --show-config"
like "$(setting dbname)" 'option$' "secrets: but not where they are from"
run env STANDBY_DBNAME='password=sesame3' "$STANDBY_CLONE" --show-config
unlike "$out$err" 'sesame' "secrets: masked when from the environment"
clone -D "$T/x" -d 'password=sesame4 nonsense=1'
unlike "$out$err" 'sesame' "secrets: masked in errors"
clone -D "$T/x" -d 'postgresql://u:sesame5@[::1/db'
unlike "$out$err" 'sesame' "secrets: masked in errors about a URI"

# --- the file must be right
sed 's/max_rate/max_rat/' "$conf" >"$T/wrong.conf"
usage "an unknown key" "$T/wrong.conf:7: .*max_rat" -f "$T/wrong.conf" --show-config
like "$err" 'hint: .*"max_rate"' "an unknown key: the nearest name"
sed 's/^clone :/clon :/' "$conf" >"$T/wrong.conf"
usage "an unknown section" "$T/wrong.conf:7: .*clon" -f "$T/wrong.conf" --list-nodes
like "$err" 'hint: .*"clone"' "an unknown section: the nearest name"
sed 's/jobs = 4/jobs = "4"/' "$conf" >"$T/wrong.conf"
usage "a value of the wrong kind" "$T/wrong.conf:7: .*jobs" \
    -f "$T/wrong.conf" --show-config
sed 's/jobs = 4/jobs = 99/' "$conf" >"$T/wrong.conf"
usage "a value out of range" "$T/wrong.conf:7" -f "$T/wrong.conf" --show-config
sed 's/jobs = 4/jobs = /' "$conf" >"$T/wrong.conf"
usage "a syntax error" "$T/wrong.conf:7: " -f "$T/wrong.conf" --show-config
sed 's/"node 2"/"node1"/' "$conf" >"$T/wrong.conf"
usage "a node that stands there twice" 'wrong.conf:5.*"node1"' \
    -f "$T/wrong.conf" --list-nodes
usage "a node that is not there" "no node \"node3\" in $T/standby.conf" \
    -f "$conf" node3
like "$err" 'hint: Its nodes are: node1, node 2\.' \
    "a node that is not there: the hint names those that are"
usage "a file that is missing" "$T/absent" -f "$T/absent" --list-nodes
usage "a file that is a directory" "$T" -f "$T" --list-nodes
for mode in 0620 0602; do
	chmod "$mode" "$conf"
	usage "mode $mode" "$conf.*$mode" -f "$conf" --list-nodes
	like "$err" 'hint: .*chmod go-w' "mode $mode: the hint says what to do"
done
chmod 0644 "$conf"

# --- answers without a server
clone -f "$conf" --list-nodes
rc_is 0 "--list-nodes: exit status 0"
is "$out" $'node1\nnode 2' "--list-nodes: the names"
clone --list-nodes
is "$rc/$out$err" "0/" "--list-nodes: no file, no names"
clone --list-excludes
rc_is 0 "--list-excludes: exit status 0"
for f in postmaster.pid backup_label standby.signal 'pg_wal/\*' \
    'pg_replslot/\*' pgsql_tmp; do
	like "$out" "^(\*\*/)?$f" "--list-excludes: $f"
done

# fact NAME: its value.
fact() { sed -n "s/^  $1  *//p" <<<"$out"; }
clone --facts=15
rc_is 0 "--facts=15: exit status 0"
is "$(head -n 1 <<<"$out")" "PostgreSQL 15" "--facts=15: that version"
is "$(grep -c '^PostgreSQL' <<<"$out")" 1 "--facts=15: no other"
like "$(fact backup-start)" 'pg_backup_start' "--facts=15: backup-start"
is "$(fact recovery-file)" standby.signal "--facts=15: recovery-file"
is "$(fact trigger-parameter)" promote_trigger_file \
    "--facts=15: trigger-parameter"
clone --facts=9.0
rc_is 0 "--facts=9.0: exit status 0"
is "$(head -n 1 <<<"$out")" "PostgreSQL 9.0" "--facts=9.0: that version"
like "$(fact backup-start)" 'pg_start_backup' "--facts=9.0: backup-start"
is "$(fact recovery-file)" recovery.conf "--facts=9.0: recovery-file"
is "$(fact slot-create)" - "--facts=9.0: no slots"
clone --facts=9.6.24
is "$(head -n 1 <<<"$out")" "PostgreSQL 9.6" "--facts takes a minor version"
clone --facts
rc_is 0 "--facts: exit status 0"
is "$(sed -n 's/^PostgreSQL //p' <<<"$out" | tr '\n' ' ')" \
    "9.0 9.1 9.2 9.3 9.4 9.5 9.6 10 11 12 13 14 15 16 17 18 " \
    "--facts: every version"
clone --facts=99
rc_is 0 "--facts of a version to come: exit status 0"
like "$out" 'newer than this program knows' \
    "--facts of a version to come: says so"

# --- standard output that cannot be written
for o in --help --version --facts --facts=15 --list-excludes --show-config; do
	"$STANDBY_CLONE" $o >/dev/full 2>"$T/.err" 3>&-
	isnt "$?" 0 "$o: a full disk is a failure"
	like "$(cat "$T/.err")" 'error: could not write to standard output' "$o: and said"
	"$STANDBY_CLONE" $o >&- 2>"$T/.err" 3>&-
	isnt "$?" 0 "$o: closed standard output is a failure"
done
"$STANDBY_CLONE" -f "$conf" --list-nodes >&- 2>"$T/.err" 3>&-
isnt "$?" 0 "--list-nodes: closed standard output is a failure"
"$STANDBY_CLONE" --facts <&- >"$T/.out" 2>&- 3>&-
is "$?" 0 "closed standard input and error do no harm"
is "$(sed -n 1p "$T/.out")" "PostgreSQL 9.0" "and the answer is right"

# --- colours, on standard error only
esc=$'\033'
# color WANT NAME COMMAND...: an error that comes after the options are read.
color() {
	local want=$1 name=$2
	shift 2
	run "$@" -D "$T/x" --compress=zstd:99
	rc_is 2 "$name: exit status 2"
	if [ "$want" = yes ]; then
		like "$err" "$esc\[" "$name: colours"
	else
		unlike "$err" "$esc" "$name: no colours"
	fi
	unlike "$out" "$esc" "$name: standard output is plain"
}
color no "no terminal" "$STANDBY_CLONE"
color yes "--color=always" "$STANDBY_CLONE" --color=always
color no "--color=never" "$STANDBY_CLONE" --color=never
color yes "PG_COLOR=always" env PG_COLOR=always "$STANDBY_CLONE"
color no "PG_COLOR=auto" env PG_COLOR=auto "$STANDBY_CLONE"
color no "NO_COLOR beats PG_COLOR" env NO_COLOR=1 PG_COLOR=always \
    "$STANDBY_CLONE"
color yes "an empty NO_COLOR does not count" env NO_COLOR= PG_COLOR=always \
    "$STANDBY_CLONE"
color yes "--color=always beats NO_COLOR" env NO_COLOR=1 "$STANDBY_CLONE" \
    --color=always
color no "--color=never beats PG_COLOR" env PG_COLOR=always "$STANDBY_CLONE" \
    --color=never
color yes "STANDBY_COLOR" env STANDBY_COLOR=always NO_COLOR=1 "$STANDBY_CLONE"

# --- where the talk goes
clone --log="$T/talk" -D "$T/x" --compress=zstd:99
rc_is 2 "--log=FILE: exit status 2"
like "$(cat "$T/talk")" 'error: .*level' "--log=FILE: it is there"
is "$err" "" "--log=FILE: and not on standard error"
usage "--log to a file that cannot be" 'absent' -D "$T/x" \
    --log="$T/absent/talk"
ok "nothing was made at all" test ! -e "$T/x"

done_testing
