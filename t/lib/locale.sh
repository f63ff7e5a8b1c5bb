# shellcheck shell=bash
# shellcheck disable=SC2154	# T is set by tap.sh
#
# Locales that a machine need not have: made below $T from the sources that
# Debian's package "locales" brings.
#
#	locale_make ko_KR EUC-KR && run locale_run ko_KR.EUC-KR command...

LOCALE_DIR=$T/locale

# locale_make NAME CHARMAP: 1 when its sources are not here.
locale_make() {
	mkdir -p "$LOCALE_DIR"
	[ -d "$LOCALE_DIR/$1.$2" ] ||
	    localedef --no-warnings=ascii -i "$1" -f "$2" \
		"$LOCALE_DIR/$1.$2" 3>&- 4>&- ||
	    [ -s "$LOCALE_DIR/$1.$2/LC_CTYPE" ]
}

# locale_run LOCALE COMMAND...
locale_run() {
	local name=$1
	shift
	case $name in
	C|POSIX|C.UTF-8) env LC_ALL="$name" "$@" ;;
	*) env LOCPATH="$LOCALE_DIR" LC_ALL="$name" "$@" ;;
	esac
}
