/* The version table: asking it, and the rules of version numbers. */
#include "base/std.h"
#include "core/pgver_int.h"

static const char *const fact_names[] = {
    [PGFACT_BACKUP_START] = "backup-start",
    [PGFACT_BACKUP_STOP] = "backup-stop",
    [PGFACT_BACKUP_STOP_WAIT] = "backup-stop-wait",
    [PGFACT_BACKUP_EXCLUSIVE] = "backup-exclusive",
    [PGFACT_BACKUP_START_EXCL] = "backup-start-exclusive",
    [PGFACT_BACKUP_STOP_EXCL] = "backup-stop-exclusive",
    [PGFACT_BACKUP_MAY] = "backup-privilege",
    [PGFACT_IS_IN_BACKUP] = "is-in-backup",
    [PGFACT_TABLESPACE_MAP] = "tablespace-map",
    [PGFACT_STANDBY_SOURCE] = "standby-source",
    [PGFACT_RESTART_POINT_FPW] = "restart-point-fpw",
    [PGFACT_ROLE] = "role",
    [PGFACT_COLLATION] = "collation",
    [PGFACT_COLLATION_STALE] = "stale-collations",
    [PGFACT_SYSTEM_IDENTIFIER] = "system-identifier",
    [PGFACT_TIMELINE] = "timeline",
    [PGFACT_CURRENT_LSN] = "current-lsn",
    [PGFACT_RECEIVE_LSN] = "receive-lsn",
    [PGFACT_REPLAY_LSN] = "replay-lsn",
    [PGFACT_TABLESPACES] = "tablespaces",
    [PGFACT_SENDERS] = "senders",
    [PGFACT_RECEIVER] = "receiver",
    [PGFACT_ARCHIVER] = "archiver",
    [PGFACT_REPLAY_PAUSED] = "replay-paused",
    [PGFACT_SLOT_LIST] = "slot-list",
    [PGFACT_SLOT_CREATE] = "slot-create",
    [PGFACT_SLOT_RESERVES] = "slot-reserves",
    [PGFACT_SLOT_CREATE_TEMP] = "slot-create-temporary",
    [PGFACT_SLOT_COPY] = "slot-copy",
    [PGFACT_SLOT_DROP] = "slot-drop",
    [PGFACT_STATUS_NODE] = "status-node",
    [PGFACT_STATUS_SENDERS] = "status-senders",
    [PGFACT_STATUS_RECEIVER] = "status-receiver",
    [PGFACT_STATUS_SLOTS] = "status-slots",
    [PGFACT_STATUS_CONTROL] = "status-control",
    [PGFACT_DIR_WAL] = "wal-directory",
    [PGFACT_DIR_XACT] = "xact-directory",
    [PGFACT_FILE_RECOVERY] = "recovery-file",
    [PGFACT_RECOVERY_IS_GUC] = "recovery-is-setting",
    [PGFACT_AUTO_CONF] = "auto-conf",
    [PGFACT_TRIGGER_PARAM] = "trigger-parameter",
    [PGFACT_SLOT_PARAM] = "slot-parameter",
    [PGFACT_DELAY_PARAM] = "delay-parameter",
    [PGFACT_PASSFILE] = "passfile",
    [PGFACT_BACKSLASH_ESCAPE] = "backslash-escape",
    [PGFACT_UNLOGGED] = "unlogged",
    [PGFACT_INPLACE_TBLSPC] = "in-place-tablespaces",
    [PGFACT_GROUP_ACCESS] = "group-access",
    [PGFACT_MAP_BACKSLASH] = "map-backslash",
    [PGFACT_PROMOTE_SQL] = "promote",
    [PGFACT_CONNINFO_RELOAD] = "conninfo-reload",
    [PGFACT_TIMELINE_HISTORY] = "timeline-history",
    [PGFACT_GRANT_BACKUP] = "grant-backup",
    [PGFACT_REPLICATION_ROLE] = "replication-role",
    [PGFACT_READ_SETTINGS] = "read-settings",
    [PGFACT_ALTER_SYSTEM] = "alter-system",
    [PGFACT_WAL_LEVEL] = "wal-level",
    [PGFACT_RESUME_SQL] = "resume-replay",
    [PGFACT_LONG_QUERIES_SQL] = "long-queries",
    [PGFACT_READ_STATS] = "read-statistics",
    [PGFACT_WAL_WAYS] = "wal-ways",
    [PGFACT_REPLAY_PROOF] = "streaming-proof",
    [PGFACT_APPNAME_CLEAN] = "application-name",
    [PGFACT_ARCHIVE_WAIT] = "archive-wait",
    [PGFACT_CASCADING] = "cascading",
    [PGFACT_TOO_SMALL] = "primary-raises-setting",
    [PGFACT_SPCLOCATION] = "tablespace-path-column",
    [PGFACT_PROMOTE_MEANS] = "promotion-means",
    [PGFACT_PG_CTL_PROMOTE] = "pg-ctl-promote",
    [PGFACT_PAUSE_HOLDS] = "pause-holds-promotion",
    [PGFACT_LABEL_LINES] = "label-lines",
    [PGFACT_SESSION_TIMEOUTS] = "session-timeouts",
    [PGFACT_SHOW_SETTING] = "show-setting",
    [PGFACT_LOCAL_SIZES] = "sizes-of-programs",
    [PGFACT_STANDBY_SETTINGS] = "not-smaller",
    [PGFACT_RECOVERY_SETTINGS] = "recovery-settings",
    [PGFACT_STOPS_START] = "stops-start",
    [PGFACT_RELOADED] = "reloaded",
    [PGFACT_DEFAULT_WAL_LEVEL] = "default-wal-level",
    [PGFACT_DEFAULT_SENDERS] = "default-max-wal-senders",
    [PGFACT_SENDERS_COUNT] = "senders-in-connections",
    [PGFACT_DEFAULT_SLOTS] = "default-max-slots",
    [PGFACT_DEFAULT_HOT_STANDBY] = "default-hot-standby",
    [PGFACT_DEFAULT_TIMELINE] = "default-target-timeline",
    [PGFACT_DEFAULT_LOG_DIR] = "default-log-directory",
    [PGFACT_DEFAULT_CHECKSUMS] = "default-checksums",
    [PGFACT_WAL_SEGMENT_SIZE] = "wal-segment-size",
    [PGFACT_KEEP_PARAM] = "keep-wal-parameter",
    [PGFACT_WAL_SIZE_PARAM] = "wal-size-parameter",
    [PGFACT_SENDER_TIMEOUT_PARAM] = "sender-timeout-parameter",
    [PGFACT_SOCKET_PARAM] = "socket-parameter",
    [PGFACT_ARCHIVE_ALWAYS] = "archive-always",
    [PGFACT_ARCHIVE_LIBRARY] = "archive-library",
    [PGFACT_TEMP_SLOT_PARAM] = "temporary-slot-parameter",
    [PGFACT_SUMMARIZE_PARAM] = "summarize-parameter",
    [PGFACT_HBA_CONTINUES] = "hba-continuation",
    [PGFACT_HBA_INCLUDE] = "hba-include",
    [PGFACT_PIDFILE_PORT] = "pidfile-port",
};

static const struct pgver_row *
last_row(const struct pgver_row *rows, size_t n, int version, enum pgfact fact)
{
	const struct pgver_row *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (rows[i].fact == fact && rows[i].since <= version)
			found = &rows[i];
	return found;
}

static const struct pgver_row *
row_of(int version, enum pgfact fact)
{
	const struct pgver_row *r;

	r = last_row(pgver_sql, pgver_nsql, version, fact);
	return r != NULL ? r : last_row(pgver_rows, pgver_nrows, version, fact);
}

const char *
pgver(int version, enum pgfact fact)
{
	const struct pgver_row *r = row_of(version, fact);

	return r == NULL ? NULL : r->text;
}

bool
pgver_lists(int version, enum pgfact fact, const char *word)
{
	const char *at = pgver(version, fact);
	size_t n = strlen(word), len;

	for (; at != NULL; at = at[len] == ' ' ? at + len + 1 : NULL) {
		len = strcspn(at, " ");
		if (len == n && memcmp(at, word, n) == 0)
			return true;
	}
	return false;
}

const char *
pgver_source(int version, enum pgfact fact)
{
	const struct pgver_row *r = row_of(version, fact);

	return r == NULL ? NULL : r->source;
}

const char *
pgver_fact_name(enum pgfact fact)
{
	return (size_t)fact < NELEM(fact_names) ? fact_names[fact] : NULL;
}

/* 906 for 9.6.24, 1500 for 15.18: equal for equal majors, in their order. */
static int
major_of(int version)
{
	return version < 100000 ? version / 100 : version / 10000 * 100;
}

const char *
pgver_major(int version, char *buf, size_t size)
{
	if (version < 100000)
		snprintf(
		    buf, size, "%d.%d", version / 10000, version / 100 % 100);
	else
		snprintf(buf, size, "%d", version / 10000);
	return buf;
}

/* One to three digits; returns what is behind them, or NULL. */
static const char *
parse_number(const char *s, int *n)
{
	const char *start = s;

	for (*n = 0; *s >= '0' && *s <= '9' && s - start < 3; s++)
		*n = *n * 10 + (*s - '0');
	return s == start ? NULL : s;
}

int
pgver_parse(const char *text)
{
	int part[3], n = 0, want_max;
	const char *s = text;

	for (;;) {
		if (n == 3 || (s = parse_number(s, &part[n])) == NULL)
			return -1;
		n++;
		if (*s != '.')
			break;
		s++;
	}
	if (*s == '\n')
		s++;
	if (*s != '\0' || part[0] == 0)
		return -1;
	/* Two numbers name a major below 10, one from then on. */
	want_max = part[0] < 10 ? 3 : 2;
	if (n > want_max || n < want_max - 1)
		return -1;
	if (part[0] >= 10)
		return part[0] * 10000;
	return part[1] > 99 ? -1 : part[0] * 10000 + part[1] * 100;
}

bool
pgver_same_major(int a, int b)
{
	return major_of(a) == major_of(b);
}

bool
pgver_known(int version)
{
	return major_of(version) <= major_of(PGVER_NEWEST);
}

bool
pgver_supported(int version)
{
	return version >= PGVER_OLDEST;
}

uint32_t
pgver_segments_per_xlogid(int version, uint32_t segsize)
{
	/* 9.0.0 xlog_internal.h:122, 9.3.5 xlog_internal.h:117 */
	if (version < 90300)
		return UINT32_C(0xFFFFFFFF) / segsize;
	return (uint32_t)((UINT64_C(1) << 32) / segsize);
}

bool
pgver_lsn64(int version)
{
	return version >= 90300;
}

/* hba.c: MAX_TOKEN, MAX_LINE (9.3 to 13), without what they need at the end;
 * the later releases: of August 2023.  10 and 13 were tried. */
struct pgver_hba
pgver_hba(int version)
{
	static const struct {
		int since;
		struct pgver_hba most;
	} all[] = {{90000, {253, 0}}, {90300, {253, 8190}},
	    {100000, {254, 8190}}, {110021, {10238, 20478}},
	    {120000, {254, 8190}}, {120016, {10238, 20478}},
	    {130000, {254, 8190}}, {130012, {10238, 20478}}, {140000, {254, 0}},
	    {140009, {10238, 0}}, {150000, {254, 0}}, {150004, {10238, 0}}};
	size_t i = NELEM(all) - 1;

	while (i > 0 && all[i].since > version)
		i--;
	return all[i].most;
}

uint64_t
pgver_xlogid_bytes(int version)
{
	const uint32_t segsize = 16 << 20;

	return (uint64_t)pgver_segments_per_xlogid(version, segsize) * segsize;
}
