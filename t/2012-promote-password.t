#!/bin/bash
# Goal: standby-promote --password asks once, and the answer is for every node:
# the standby that is named, and the others of the file, which are found later.

. "${0%/*}/lib/tap.sh"
. "${0%/*}/lib/pg.sh"
. "${0%/*}/lib/promote.sh"

promote_needs
CONF=$T/conf

if ! promote_cold "$(promote_main_major)" || ! promote_up p s1; then
	skip_all "the cluster does not start"
fi
promote_conf "$CONF" p s1
pg_psql p -c "SET password_encryption = 'md5'" \
    -c "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'se:cr et'" >/dev/null
pg_wait_replay s1 p
for n in p s1; do
	{
		echo 'host all boss 127.0.0.1/32 md5'
		cat "$T/cold/pg_hba.conf"
	} >"$T/$n/pg_hba.conf"
	pg_reload "$n"
done

promote -f "$CONF" -U boss s1 --dry-run -y
isnt "$rc" 0 "without a password nothing is known"
like "$err" "password" "and it says what is missing"
typed 'se:cr et' -f "$CONF" -U boss s1 --dry-run -y --password
is "$rc" 3 "with it the primary that runs is the reason"
like "$out" "2 nodes, 2 answer" "both by that one password"
unlike "$out" "se:cr" "the password is not shown"
pg_stop p
typed 'se:cr et' -f "$CONF" -U boss s1 -y --password --fence=true
is "$rc $(pg_sql s1 "SELECT pg_is_in_recovery()")" "0 f" \
    "and it is enough for a promotion"
done_testing
