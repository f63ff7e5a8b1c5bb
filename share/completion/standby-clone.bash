# shellcheck shell=bash
# Completion of standby-clone(1) for bash.  Options and their choices come from
# --help, nodes from the configuration file, so that this file needs no change
# with a new option.

# Lines "  -x, --name=ARG   help" of --help, one "--name=ARG" each; a continued
# line of two names ("--master=HOST, --primary=HOST") gives two.
_standby_clone_options() {
	"$1" --help 2>/dev/null |
	    sed -n 's/^  \(   \|-.,\) \(--.*\)$/\2/p' |
	    sed 's/  .*//; s/\[=/=/; s/, /\n/g'
}

# Split "--name=value" that the word breaks of bash have taken apart.
_standby_clone_word() {
	local n=$COMP_CWORD
	cur=${COMP_WORDS[n]} prev=
	[ "$n" -eq 0 ] || prev=${COMP_WORDS[n - 1]}
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ] && [ "$n" -ge 2 ]; then
		prev=${COMP_WORDS[n - 2]}
	fi
}

_standby_clone_value() {
	local choices
	case $prev in
	-D|--pgdata|--waldir|--source-pgdata|--pg-bindir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	-f|--config|--ssh-identity|--known-hosts|--agent|--trigger-file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	--log)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -W "stderr syslog" -- "$cur") ;;
	--facts)
		mapfile -t COMPREPLY < <(compgen -W "$("$1" --facts 2>/dev/null |
		    sed -n 's/^PostgreSQL //p')" -- "$cur") ;;
	-h|--host|--master|--primary|--ssh)
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
	-U|--username|--ssh-user|--replication-user|-l|--label|-S|--slot|-p|\
	--port|-d|--dbname|--service|--host-fingerprint|--ssh-command|--exclude|\
	--keep|--max-delete|-T|--tablespace-mapping|-j|--jobs|-r|--max-rate|\
	--upstream|--restore-command|--recovery-min-apply-delay|\
	--application-name|--start-command|--stop-command|-t|--timeout)
		;;
	-c) prev=--checkpoint ;;&
	-Z) prev=--compress ;;&
	-P) prev=--progress ;;&
	-c|-Z|-P|--*)
		choices=$(_standby_clone_options "$1" | grep -- "^$prev=.*|")
		[ -n "$choices" ] || return 1
		choices=${choices#*=}
		choices=${choices//|/ }
		mapfile -t COMPREPLY < <(compgen -W "${choices//\[*\]/}" -- "$cur") ;;
	*)
		return 1 ;;
	esac
}

_standby_clone() {
	local cur prev i words=()
	COMPREPLY=()
	_standby_clone_word
	_standby_clone_value "$1" && return
	if [[ $cur != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
		    "$("$1" --list-nodes 2>/dev/null)" -- "$cur")
		return
	fi
	mapfile -t words < <(_standby_clone_options "$1")
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
complete -F _standby_clone standby-clone
