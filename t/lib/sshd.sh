# shellcheck shell=bash
# shellcheck disable=SC2154	# T is set by tap.sh
#
# A private sshd, as the ordinary user that runs the test, for logging in as
# that user: own keys, own port on 127.0.0.1, nothing of /etc/ssh or ~/.ssh.
#
#	sshd_start a				ed25519 host key and user key
#	sshd_start b -h rsa			host key of another type
#	sshd_start c -- "MaxSessions 1"		more lines of sshd_config
#	${SSHD_PORT[a]} $SSHD_KEY ${SSHD_KNOWN[a]} ${SSHD_FP[a]}

declare -A SSHD_PORT SSHD_KNOWN SSHD_FP
SSHD_DIR=$T/ssh
SSHD_USER=$(id -un)
SSHD_KEY=$SSHD_DIR/user_ed25519
SSHD_KEY_RSA=$SSHD_DIR/user_rsa
SSHD_KEY_ECDSA=$SSHD_DIR/user_ecdsa
export SSHD_USER SSHD_KEY_RSA SSHD_KEY_ECDSA SSHD_FP

# The login shell runs the command that is sent, so there must be one.
sshd_usable() {
	[ -x /usr/sbin/sshd ] || { echo "sshd is not installed"; return 1; }
	case $(getent passwd "$SSHD_USER" | cut -d: -f7) in
	''|*/nologin|*/false)
		echo "user $SSHD_USER has no login shell"; return 1 ;;
	esac
}

sshd_keygen() { ssh-keygen -q -t "$1" -N '' -C test -f "$2" 3>&- </dev/null; }

# sshd_keys: the user's keys, all of them admitted.
sshd_keys() {
	[ -d "$SSHD_DIR" ] && return
	mkdir "$SSHD_DIR"
	sshd_keygen ed25519 "$SSHD_KEY"
	sshd_keygen rsa "$SSHD_KEY_RSA"
	sshd_keygen ecdsa "$SSHD_KEY_ECDSA"
	cat "$SSHD_DIR"/user_*.pub >"$SSHD_DIR/authorized_keys"
}

# sshd_start NAME [-h TYPE]... [-- CONFIG LINE...]
sshd_start() {
	local name=$1 dir=$SSHD_DIR/$1 port type
	local -a types=()
	shift
	while [ "${1-}" = -h ]; do types+=("$2"); shift 2; done
	[ "${1-}" = -- ] && shift
	[ ${#types[@]} -gt 0 ] || types=(ed25519)
	sshd_keys
	port=${SSHD_PORT[$name]:-$(port_of_ours)}
	SSHD_PORT[$name]=$port
	SSHD_KNOWN[$name]=$dir/known_hosts
	mkdir -p "$dir"
	: >"$dir/known_hosts"
	{
		echo "Port $port"
		echo "ListenAddress 127.0.0.1"
		echo "PidFile $dir/pid"
		echo "AuthorizedKeysFile $SSHD_DIR/authorized_keys"
		echo "UsePAM no"
		echo "StrictModes no"
		echo "PasswordAuthentication no"
		echo "KbdInteractiveAuthentication no"
		echo "PubkeyAuthentication yes"
		echo "PrintMotd no"
		echo "LogLevel VERBOSE"
		# The first of two counts.
		case $* in *MaxStartups*) ;; *) echo "MaxStartups 50" ;; esac
		for type in "${types[@]}"; do
			[ -f "$dir/host_$type" ] ||
			    sshd_keygen "$type" "$dir/host_$type"
			echo "HostKey $dir/host_$type"
			echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 \
			    "$dir/host_$type.pub")" >>"$dir/known_hosts"
		done
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$dir/sshd_config"
	SSHD_FP[$name]=$(ssh-keygen -lf "$dir/host_${types[0]}.pub" |
	    cut -d' ' -f2)
	/usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/log" 3>&- 4>&- || return 1
	poll_until 10 test -s "$dir/pid" || return 1
	kill_later "$(cat "$dir/pid")"
}

# sshd_stop NAME: the listener and the sessions that it still has.
sshd_stop() {
	local pid
	pid=$(cat "$SSHD_DIR/$1/pid" 2>/dev/null) || return 0
	# shellcheck disable=SC2046	# a list of pids
	kill_now "$pid" $(pgrep -P "$pid")
}

# sshd_log NAME
sshd_log() { cat "$SSHD_DIR/$1/log"; }

# ssh_do NAME COMMAND: with the ssh program, as a check of the set-up.
ssh_do() {
	ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -i "$SSHD_KEY" \
	    -o UserKnownHostsFile="${SSHD_KNOWN[$1]}" \
	    -o StrictHostKeyChecking=yes -p "${SSHD_PORT[$1]}" \
	    "$SSHD_USER@127.0.0.1" "$2" 3>&- </dev/null
}
