#!/bin/bash
# Goal: the command lines of standby-promote and standby-follow before any
# server is asked: help, manual page and completion name the same options, and
# the keys that hold for all commands hold for all commands.

. "${0%/*}/lib/tap.sh"

[ -x "$TOP_BUILDDIR/standby-promote" ] || skip_all "standby-promote is not built"

# Nothing of who runs the tests.
for v in $(compgen -v | grep -E '^(STANDBY_|PG|XDG_CONFIG_HOME$|NO_COLOR$)'); do
	case $v in
	STANDBY_TEST_*) ;;
	*) unset "$v" ;;
	esac
done
export HOME=$T/home TERM=xterm
mkdir "$HOME"
cd "$T" || exit 1

# names TEXT: the long options that --help TEXT has.
names() {
	sed -nE 's/^  (   |-.,) (--.*)$/\2/p' <<<"$1" | sed 's/  .*//' |
	    grep -oE -- '--[a-z-]+' | sort -u
}

# manual PROGRAM: the long options that have an item in its page, or stand in
# the list of those that are as in standby-clone(1).
manual() {
	sed 's/\\-/-/g' "$TOP_SRCDIR/man/$1.1" |
	    sed -nE '/^\.(It )?Fl /p' | grep -oE 'Fl -[a-z-]+' |
	    sed 's/^Fl /-/' | sort -u
}

# offered PROGRAM WORD: what its completion offers for the last WORD.
offered() {
	PATH=$TOP_BUILDDIR:$PATH bash -c '
		. "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_${1//-/_} "$1"
		printf "%s\n" "${COMPREPLY[@]}"' - \
	    "$TOP_SRCDIR/share/completion/$1.bash" "$@" 2>/dev/null | sort -u
}

printf 'nodes = ( { name = "n1"; }, { name = "n2"; } );\n' >nodes.conf

for p in standby-promote standby-follow; do
	run "$TOP_BUILDDIR/$p" --help
	rc_is 0 "$p --help: exit status 0"
	is "$err" "" "$p --help: nothing on standard error"
	is "$(awk 'length > 79 && !/libexec/' <<<"$out")" "" \
	    "$p --help: no line is longer than 79"
	all=$(names "$out")
	for o in config host port username dbname service password pgdata \
	    pg-bindir ssh ssh-identity known-hosts host-fingerprint transport \
	    ssh-command dry-run yes force timeout quiet verbose json color \
	    log show-config version help list-nodes pgpool; do
		grep -qx -- "--$o" <<<"$all" || echo "--$o"
	done >missing
	is "$(cat missing)" "" "$p --help: has what all commands have"
	is "$(manual "$p")" "$all" "$p(1) and --help have the same options"
	is "$(offered "$p" -- | sed 's/=$//')" "$all" \
	    "$p: completion offers the same options"
	is "$(offered "$p" -f nodes.conf n | paste -sd' ')" "n1 n2" \
	    "$p: completion has the nodes of the file that is named"
	run "$TOP_BUILDDIR/$p" --pasword
	rc_is 2 "$p: an unknown option is 2"
	like "$err" 'hint: .*--password' "$p: with the nearest name"
	run "$TOP_BUILDDIR/$p" --password -h 127.0.0.1 -D "$T" </dev/null
	rc_is 2 "$p: --password without a terminal is 2"
	like "$err" 'wants a terminal' "$p: and says why"
done

# --- keys that hold for all commands

setting() { grep -E "^$1 = " <<<"$out"; }

echo "defaults : { color = \"always\"; log = \"$T/all.log\"; };" >all.conf
{
	cat all.conf
	echo "clone : { color = \"never\"; log = \"$T/clone.log\"; };"
} >clone.conf
for p in standby-clone standby-promote standby-follow repl-status; do
	run "$TOP_BUILDDIR/$p" -f all.conf --show-config
	like "$(setting color)" '= always +# all.conf:1$' "$p: defaults.color"
	like "$(setting log)" '= .*/all.log +# all.conf:1$' "$p: defaults.log"
	run "$TOP_BUILDDIR/$p" -f clone.conf --show-config
	case $p in
	standby-clone|standby-follow)
		like "$(setting color)" '= never ' "$p: clone.color is stronger"
		like "$(setting log)" '/clone.log ' "$p: clone.log is stronger" ;;
	*)
		like "$(setting color)" '= always ' "$p: clone.color is not its"
		like "$(setting log)" '/all.log ' "$p: clone.log is not its" ;;
	esac
done
done_testing
