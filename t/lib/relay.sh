# shellcheck shell=bash
# shellcheck disable=SC2154	# T is set by tap.sh
#
# relay.py for the tests.
#
#	relay_start r TARGET_PORT ; ${RELAY_PORT[r]} ; relay_received r

declare -A RELAY_PORT RELAY_PID

# relay_start NAME TARGET_PORT
relay_start() {
	RELAY_PORT[$1]=$(port_of_ours)
	/usr/bin/python3 "$TOP_SRCDIR/t/lib/relay.py" "${RELAY_PORT[$1]}" "$2" \
	    "$T/relay.$1" 3>&- 4>&- &
	RELAY_PID[$1]=$!
	kill_later "$!"
	poll_until 10 test -s "$T/relay.$1"
}

# relay_stop NAME: the counts are final afterwards.
relay_stop() { kill_now "${RELAY_PID[$1]}"; }

relay_sent() { cut -d' ' -f1 "$T/relay.$1"; }
relay_received() { cut -d' ' -f2 "$T/relay.$1"; }
relay_connections() { cut -d' ' -f3 "$T/relay.$1"; }
relay_turns() { cut -d' ' -f4 "$T/relay.$1"; }
