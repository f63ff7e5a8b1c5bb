# shellcheck shell=bash
# Completion of standby-promote(1) for bash.  Options and their choices come from
# --help, nodes from the configuration file, so that this file needs no change
# with a new option.

# Lines "  -x, --name=ARG   help" of --help, one "--name=ARG" each; a continued
# line of two names ("--master=HOST, --primary=HOST") gives two.
_standby_promote_options() {
	"$1" --help 2>/dev/null |
	    sed -n 's/^  \(   \|-.,\) \(--.*\)$/\2/p' |
	    sed 's/  .*//; s/, /\n/g'
}

# Split "--name=value" that the word breaks of bash have taken apart.
_standby_promote_word() {
	local n=$COMP_CWORD
	cur=${COMP_WORDS[n]} prev=
	[ "$n" -eq 0 ] || prev=${COMP_WORDS[n - 1]}
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ] && [ "$n" -ge 2 ]; then
		prev=${COMP_WORDS[n - 2]}
	fi
}

_standby_promote_value() {
	local choices
	case $prev in
	-D|--pgdata|--pg-bindir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	-f|--config|--ssh-identity|--known-hosts|--agent|--state-file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	--log)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -W "stderr syslog" -- "$cur") ;;
	--fence)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -A command -- "$cur") ;;
	-h|--host|--ssh|--witness)
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
	--old-primary)
		mapfile -t COMPREPLY < <(compgen -W \
		    "$(_standby_promote_nodes "$1")" -- "$cur") ;;
	-U|--username|--ssh-user|-p|--port|-d|--dbname|--service|\
	--host-fingerprint|--ssh-command|--max-lag|-t|--timeout)
		;;
	--candidate)
		mapfile -t COMPREPLY < <(compgen -W best -- "$cur") ;;
	--*)
		choices=$(_standby_promote_options "$1" | grep -- "^$prev=.*|")
		[ -n "$choices" ] || return 1
		choices=${choices#*=}
		choices=${choices//|/ }
		mapfile -t COMPREPLY < <(compgen -W "${choices//\[*\]/}" -- "$cur") ;;
	*)
		return 1 ;;
	esac
}

# The nodes of the file that the line names, if it names one.
_standby_promote_nodes() {
	local i file=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-f) file=(-f "${COMP_WORDS[i + 1]}") ;;
		--config) [ "${COMP_WORDS[i + 1]}" = = ] && i=$((i + 1))
			file=(-f "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	"$1" "${file[@]}" --list-nodes 2>/dev/null
}

_standby_promote() {
	local cur prev i words=()
	COMPREPLY=()
	_standby_promote_word
	_standby_promote_value "$1" && return
	if [[ $cur != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
		    "$(_standby_promote_nodes "$1")" -- "$cur")
		return
	fi
	mapfile -t words < <(_standby_promote_options "$1")
	mapfile -t COMPREPLY < <(compgen -W "${words[*]%%=*}" -- "$cur")
	# A name that wants a value ends in "=".
	for i in "${!words[@]}"; do
		[ "${#COMPREPLY[@]}" -eq 1 ] || break
		if [[ ${words[i]} == "${COMPREPLY[0]}="* ]]; then
			COMPREPLY[0]+='='
			compopt -o nospace 2>/dev/null
		fi
	done
}
complete -F _standby_promote standby-promote
