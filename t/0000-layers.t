#!/bin/bash
# Goal: the rules of the tree that a machine can look at.  Each of them is
# first shown to fail on a small tree that breaks it.
#
#	cmd -> {flow, show} -> {core, io} -> base; core and io do not see each
#	other, except that io may use the data types of
#	core/{conninfo,wire,text,trend}.h;
#	third-party headers only in io; core is pure; version numbers of
#	PostgreSQL only in core/pgver; the agent links neither libpq nor libssh2.

. "${0%/*}/lib/tap.sh"

# sources DIR FOLDER...: the C files below, relative to DIR.
sources() {
	local root=$1
	shift
	(cd "$root" && find "$@" -name '*.[ch]' 2>/dev/null | sort)
}

# code FILE: without comments, and with the strings emptied but for #include.
code() {
	perl -0777 -pe 's{/\*.*?\*/}{ my $c = $&; $c =~ tr/\n//cd; $c }gse;
	    s{//[^\n]*}{}g;
	    s{^(?!\s*#\s*include)(.*)$}{ my $l = $1;
		$l =~ s/"(\\.|[^"\\])*"/""/g; $l }gme' "$1"
}

# may FILE HEADER: is this #include "HEADER" allowed there?
may() {
	case $1:$2 in
	*:config.h) [ "$1" = lib/base/std.h ] ;;
	cmd/*:flow/*|cmd/*:show/*|cmd/*:core/*|cmd/*:io/*|cmd/*:base/*|cmd/*:cmd/*) ;;
	cmd/*:*/*) false ;;
	cmd/*) ;;
	lib/flow/*:flow/*|lib/flow/*:core/*|lib/flow/*:io/*) ;;
	lib/show/*:show/*|lib/show/*:core/*|lib/show/*:io/*) ;;
	lib/core/*:core/*|lib/io/*:io/*) ;;
	lib/io/*:core/conninfo.h|lib/io/*:core/wire.h|lib/io/*:core/text.h) ;;
	lib/io/*:core/trend.h) ;;
	lib/*:base/*) ;;
	*) false ;;
	esac
}

check_includes() {
	local f h
	sources "$1" cmd lib | while read -r f; do
		sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' \
		    "$1/$f" | while read -r h; do
			may "$f" "$h" || echo "$f includes \"$h\""
		done
	done
}

third='libpq|postgres|libssh2|librsync|zstd|xxhash|jansson|libconfig|libsmartcols|cmocka'
check_third_party() {
	(cd "$1" && sources . cmd lib | grep -v '^lib/io/' |
	    xargs -r grep -nE "^[ 	]*#[ 	]*include[ 	]*<($third)[^>]*>")
}

# No descriptor, clock, environment, process or user in core.
impure='open|openat|openat2|creat|close|read|write|pread|pwrite|lseek|fcntl|ioctl|stat|fstat|lstat|fstatat|statvfs|access|faccessat|unlink|unlinkat|rename|renameat|mkdir|mkdirat|rmdir|symlink|readlink|chmod|fsync|syncfs|fopen|fdopen|fclose|fread|fwrite|fgets|fputs|fprintf|vfprintf|printf|puts|putchar|perror|opendir|readdir|socket|connect|accept|send|recv|poll|select|fork|execv|execve|waitpid|kill|getpid|getuid|geteuid|getenv|secure_getenv|setenv|time|clock|clock_gettime|gettimeofday|localtime|localtime_r|sleep|usleep|nanosleep|rand|random|srand|getrandom|syslog|setlocale'
check_pure() {
	local f
	sources "$1" lib/core | while read -r f; do
		code "$1/$f" | grep -nE "(^|[^A-Za-z0-9_.>])($impure)[ ]*\(" |
		    sed "s|^|$f:|"
		grep -nE '^[ 	]*#[ 	]*include[ 	]*<(fcntl|unistd|time|poll|dirent|signal|netdb|pwd|sys/|netinet/|arpa/)' \
		    "$1/$f" | sed "s|^|$f:|"
	done
}

check_versions() {
	local f
	sources "$1" cmd lib | grep -v '^lib/core/pgver[a-z_]*\.[ch]$' |
	while read -r f; do
		code "$1/$f" |
		    grep -nE '(^|[^A-Za-z0-9_])(90[0-9]{3}|1[0-9]0000)([^A-Za-z0-9_]|$)' |
		    sed "s|^|$f:|"
	done
}

check_first_include() {
	local f
	sources "$1" cmd lib | grep '\.c$' | while read -r f; do
		[ "$(grep -m 1 '^[ 	]*#[ 	]*include' "$1/$f")" = \
		    '#include "base/std.h"' ] || echo "$f"
	done
}

banned='system|popen|sprintf|vsprintf|strcpy|strcat|strncpy|strncat|stpcpy|gets|mktemp|tmpnam|tempnam|strtok|atoi|atol|atof|alloca|setjmp|longjmp'
check_banned() {
	local f
	sources "$1" cmd lib | grep -v '^lib/base/std\.h$' | while read -r f; do
		code "$1/$f" | grep -nE "(^|[^A-Za-z0-9_])($banned)[ ]*\(" |
		    sed "s|^|$f:|"
	done
}

# The library neither prints (but for the log) nor exits.
check_quiet() {
	local f
	sources "$1" lib | grep -v '^lib/base/log\.c$' | while read -r f; do
		code "$1/$f" |
		    grep -nE '(^|[^A-Za-z0-9_])(exit|abort|printf|puts|putchar|perror|err|errx|warn|warnx)[ ]*\(' |
		    sed "s|^|$f:|"
		code "$1/$f" | grep -nE '(^|[^A-Za-z0-9_])(stdout|stderr)([^A-Za-z0-9_]|$)' |
		    sed "s|^|$f:|"
	done
}

# A path in quotes of our own is no word of a shell when it has one: commands
# that are printed take base/shell.h.
check_words() {
	local f
	sources "$1" cmd lib | while read -r f; do
		grep -nE "(pg_ctl|mkdir|rm|mv|cp|touch|chmod|chown|install|mount|readlink|ssh-keygen) [^\"]*'%s" "$1/$f" |
		    sed "s|^|$f:|"
	done
}

# A unit test or fuzz driver that no make file names is never run.
check_built() {
	local f
	(cd "$1" && find t -name '*_test.c' -o -name '*_fuzz.c' | sort) |
	while read -r f; do
		grep -qsF "SOURCES = $f" "$1"/t/*.am "$1"/t/*/*.am || echo "$f"
	done
}

# foo.c and foo_part.c export only what foo.h, foo_part.h or an internal header declare.
check_exports() {
	local o s
	nm -A --defined-only -g "$1" 2>/dev/null |
	    sed -n 's/^[^:]*:\([^:]*-\)\{0,1\}\([^:]*\)\.o:.* [TDBRC] \([a-z].*\)$/\2 \3/p' |
	while read -r o s; do
		cat "$TOP_SRCDIR"/lib/*/"$o.h" "$TOP_SRCDIR"/lib/*/"${o%%_*}.h" \
		    "$TOP_SRCDIR"/lib/*/*int.h 2>/dev/null |
		    grep -qw -- "$s" || echo "$o.c exports $s"
	done
}

# links_not BINARY NAME: no NEEDED entry for that library.
links_not() { ! readelf -d "$1" | grep NEEDED | grep "$2"; }

nothing() { # nothing NAME CHECK ARG: the check finds nothing
	is "$($2 "$3")" "" "$1"
}

finds() { # finds NAME CHECK TEXT: the check finds TEXT in the bad tree
	like "$($2 "$T/bad")" "$3" "a tree that breaks it is found: $1"
}

bad() { mkdir -p "$T/bad/$(dirname "$1")"; cat >"$T/bad/$1"; }

bad lib/core/plan.c <<'END'
#include <fcntl.h>
#include "base/std.h"
#include "io/pg.h"
#include <zstd.h>
static int f(void) { return open("x", 0); }
END
bad lib/io/pg.c <<'END'
#include "base/std.h"
#include "core/plan.h"
#include "core/wire.h"
int v = 90600; /* 150000 is only talk */
void g(void) { exit(1); }
END
bad lib/base/buf.c <<'END'
#include "base/std.h"
#include "core/lsn.h"
void h(char *s) { strcpy(s, "system(1)"); }
void i(void) { g("Type: rm -r '%s'", "a"); }
void j(void) { g("chmod 0700 %s", "a = '%s'"); }
END
bad lib/flow/clone.c <<'END'
#include "base/std.h"
#include "cmd/talk.h"
#include "io/pg.h"
#include <libpq-fe.h>
END
bad t/unit/a_test.c </dev/null
bad t/unit/b_test.c </dev/null
bad t/tests.am <<'END'
t_unit_b_test_SOURCES = t/unit/b_test.c
END
finds "core sees io" check_includes '^lib/core/plan.c includes "io/pg.h"$'
finds "io sees core" check_includes '^lib/io/pg.c includes "core/plan.h"$'
finds "base sees core" check_includes '^lib/base/buf.c includes "core/lsn.h"$'
finds "flow sees cmd" check_includes '^lib/flow/clone.c includes "cmd/talk.h"$'
is "$(check_includes "$T/bad" | wc -l)" 4 "and nothing that is allowed is found"
finds "third-party header" check_third_party 'lib/flow/clone.c:.*libpq-fe'
finds "open() in core" check_pure '^lib/core/plan.c:5:'
finds "<fcntl.h> in core" check_pure '^lib/core/plan.c:1:'
finds "version number" check_versions '^lib/io/pg.c:4:'
finds "std.h is not first" check_first_include '^lib/core/plan.c$'
finds "strcpy" check_banned '^lib/base/buf.c:3:'
is "$(check_banned "$T/bad" | wc -l)" 1 "and not a word in a string"
finds "exit in the library" check_quiet '^lib/io/pg.c:5:'
finds "quotes around a path in a command" check_words '^lib/base/buf.c:4:'
is "$(check_words "$T/bad" | wc -l)" 1 "and not those of anything else"
is "$(check_built "$T/bad")" t/unit/a_test.c \
    "a tree that breaks it is found: a test that is not built"

top=$TOP_SRCDIR
nothing "includes follow the layers" check_includes "$top"
nothing "third-party headers are in io only" check_third_party "$top"
nothing "core is pure" check_pure "$top"
nothing "version numbers are in core/pgver only" check_versions "$top"
nothing "every .c includes base/std.h first" check_first_include "$top"
nothing "no banned function is called" check_banned "$top"
nothing "words of printed commands are quoted" check_words "$top"
nothing "every unit test and fuzz driver is built" check_built "$top"
nothing "the library neither prints nor exits" check_quiet "$top"

if [ -f "$TOP_BUILDDIR/libstandby.a" ]; then
	nothing "foo.c exports only what foo.h declares" check_exports \
	    "$TOP_BUILDDIR/libstandby.a"
else
	skip "foo.c exports only what foo.h declares" "libstandby.a is not built"
fi
if [ -x "$TOP_BUILDDIR/standby-agent" ]; then
	ok "the agent does not link libpq" \
	    links_not "$TOP_BUILDDIR/standby-agent" libpq
	ok "the agent does not link libssh2" \
	    links_not "$TOP_BUILDDIR/standby-agent" libssh2
else
	skip "what the agent links" "standby-agent is not built"
fi
done_testing
