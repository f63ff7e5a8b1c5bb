/* pg_control, WAL pages and the conninfo of the walreceiver, by version. */
#include "base/std.h"
#include "core/pgver.h"

/*
 * Offsets in pg_control, from ControlFileData and CheckPoint in pg_control.h
 * of each version.  Verified on fresh clusters of 9.0, 9.3, 9.4, 9.6 and
 * 10-18 by value and CRC; 9.1, 9.2 and 9.5 computed from their structures.
 * 13 to 16 share version 1300 and the layout; 9.4 and 9.5 share version 942
 * but not the layout (9.5 added the commit timestamps).
 */
#define PARAMETERS_9_6(shift)                                                  \
	.min_recovery = 136 + (shift), .min_recovery_tli = 144 + (shift),      \
	.backup_start = 152 + (shift), .wal_level = 172 + (shift),             \
	.max_connections = 180 + (shift),                                      \
	.max_worker_processes = 184 + (shift)
#define SIZES_9_6(shift)                                                       \
	.blcksz = 216 + (shift), .relseg_size = 220 + (shift),                 \
	.xlog_blcksz = 224 + (shift), .xlog_seg_size = 228 + (shift),          \
	.checksum_version = 252 + (shift)
/* 11 dropped prevCheckPoint (8 bytes), 12 added max_wal_senders. */
#define LAYOUT_9_5                                                             \
	.state = 16, .checkpoint = 32, .redo = 48, .timeline = 56,             \
	.prev_timeline = 60, PARAMETERS_9_6(0), .max_wal_senders = -1,         \
	.max_prepared_xacts = 188, .max_locks_per_xact = 192, SIZES_9_6(0),    \
	.crc32c = true, .lsn64 = true
#define LAYOUT_11                                                              \
	.state = 16, .checkpoint = 32, .redo = 40, .timeline = 48,             \
	.prev_timeline = 52, PARAMETERS_9_6(-8), .max_wal_senders = -1,        \
	.max_prepared_xacts = 180, .max_locks_per_xact = 184, SIZES_9_6(-8),   \
	.crc32c = true, .lsn64 = true
#define LAYOUT_12                                                              \
	.state = 16, .checkpoint = 32, .redo = 40, .timeline = 48,             \
	.prev_timeline = 52, PARAMETERS_9_6(0), .max_wal_senders = 188,        \
	.max_prepared_xacts = 192, .max_locks_per_xact = 196, SIZES_9_6(0),    \
	.crc32c = true, .lsn64 = true

static const struct pgver_control layouts[] = {
    {.pg_control_version = 903,
	.version = 90000,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = -1,
	.min_recovery = 104,
	.min_recovery_tli = -1,
	.backup_start = 112,
	.wal_level = 120,
	.max_connections = 124,
	.max_worker_processes = -1,
	.max_wal_senders = -1,
	.max_prepared_xacts = 128,
	.max_locks_per_xact = 132,
	.blcksz = 152,
	.relseg_size = 156,
	.xlog_blcksz = 160,
	.xlog_seg_size = 164,
	.checksum_version = -1,
	.crc = 184},
    {.pg_control_version = 922,
	.version = 90200,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = -1,
	.min_recovery = 112,
	.min_recovery_tli = -1,
	.backup_start = 120,
	.wal_level = 140,
	.max_connections = 144,
	.max_worker_processes = -1,
	.max_wal_senders = -1,
	.max_prepared_xacts = 148,
	.max_locks_per_xact = 152,
	.blcksz = 168,
	.relseg_size = 172,
	.xlog_blcksz = 176,
	.xlog_seg_size = 180,
	.checksum_version = -1,
	.crc = 200},
    {.pg_control_version = 937,
	.version = 90300,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = 60,
	.min_recovery = 128,
	.min_recovery_tli = 136,
	.backup_start = 144,
	.wal_level = 164,
	.max_connections = 168,
	.max_worker_processes = -1,
	.max_wal_senders = -1,
	.max_prepared_xacts = 172,
	.max_locks_per_xact = 176,
	.blcksz = 192,
	.relseg_size = 196,
	.xlog_blcksz = 200,
	.xlog_seg_size = 204,
	.checksum_version = 224,
	.crc = 228,
	.lsn64 = true},
    {.pg_control_version = 942,
	.version = 90400,
	.state = 16,
	.checkpoint = 32,
	.redo = 48,
	.timeline = 56,
	.prev_timeline = 60,
	.min_recovery = 128,
	.min_recovery_tli = 136,
	.backup_start = 144,
	.wal_level = 164,
	.max_connections = 172,
	.max_worker_processes = 176,
	.max_wal_senders = -1,
	.max_prepared_xacts = 180,
	.max_locks_per_xact = 184,
	.blcksz = 200,
	.relseg_size = 204,
	.xlog_blcksz = 208,
	.xlog_seg_size = 212,
	.checksum_version = 236,
	.crc = 240,
	.lsn64 = true},
    {.pg_control_version = 942, .version = 90500, LAYOUT_9_5, .crc = 256},
    {.pg_control_version = 960, .version = 90600, LAYOUT_9_5, .crc = 256},
    {.pg_control_version = 1002, .version = 100000, LAYOUT_9_5, .crc = 288},
    {.pg_control_version = 1100, .version = 110000, LAYOUT_11, .crc = 280},
    {.pg_control_version = 1201, .version = 120000, LAYOUT_12, .crc = 288},
    {.pg_control_version = 1300, .version = 130000, LAYOUT_12, .crc = 288},
    {.pg_control_version = 1700, .version = 170000, LAYOUT_12, .crc = 288},
    {.pg_control_version = 1800, .version = 180000, LAYOUT_12, .crc = 292},
};

/* pg_control.h, catversion.h and xlog_internal.h of each major; seen on fresh
 * clusters but 9.1, 9.2 and 9.5, whose WAL magic is left open. */
static const struct major {
	int version;
	uint32_t control_version, catalog_version;
	uint16_t wal_magic;
} majors[] = {
    {90000, 903, 201008051, 0xD064},
    {90100, 903, 201105231, 0},
    {90200, 922, 201204301, 0},
    {90300, 937, 201306121, 0xD075},
    {90400, 942, 201409291, 0xD07E},
    {90500, 942, 201510051, 0},
    {90600, 960, 201608131, 0xD093},
    {100000, 1002, 201707211, 0xD097},
    {110000, 1100, 201809051, 0xD098},
    {120000, 1201, 201909212, 0xD101},
    {130000, 1300, 202007201, 0xD106},
    {140000, 1300, 202107181, 0xD10D},
    {150000, 1300, 202209061, 0xD110},
    {160000, 1300, 202307071, 0xD113},
    {170000, 1700, 202406281, 0xD116},
    {180000, 1800, 202506291, 0xD118},
};

int
pgver_major_at(size_t i)
{
	return i < NELEM(majors) ? majors[i].version : 0;
}

/* A release behind the newest known one is read as that one, if only its
 * pg_control is of the same kind; the betas between two are of none. */
static const struct major *
major_of_catalog(uint32_t catalog_version)
{
	static const struct major *const newest = &majors[NELEM(majors) - 1];
	size_t i;

	for (i = 0; i < NELEM(majors); i++)
		if (majors[i].catalog_version == catalog_version)
			return &majors[i];
	return catalog_version > newest->catalog_version ? newest : NULL;
}

const struct pgver_control *
pgver_control(uint32_t control_version, uint32_t catalog_version)
{
	const struct major *m = major_of_catalog(catalog_version);
	const struct pgver_control *found = NULL;
	size_t i;

	if (m == NULL || m->control_version != control_version)
		return NULL;
	for (i = 0; i < NELEM(layouts); i++)
		if (layouts[i].version <= m->version)
			found = &layouts[i];
	return found;
}

int
pgver_of_catalog(uint32_t catalog_version)
{
	const struct major *m = major_of_catalog(catalog_version);

	if (m == NULL)
		return 0;
	return m->catalog_version == catalog_version ? m->version : PGVER_NEXT;
}

bool
pgver_fits(int version, int of_catalog)
{
	if (!pgver_known(version) && !pgver_known(of_catalog))
		return true;
	return pgver_same_major(version, of_catalog);
}

bool
pgver_numbers(int version, struct pgver_numbers *n)
{
	size_t i = NELEM(majors);

	while (i > 0 && majors[i - 1].version > version)
		i--;
	if (i == 0)
		return false;
	*n = (struct pgver_numbers){
	    .control_version = majors[i - 1].control_version,
	    .catalog_version = majors[i - 1].catalog_version};
	return true;
}

uint16_t
pgver_wal_magic(int version)
{
	size_t i;

	for (i = 0; i < NELEM(majors); i++)
		if (pgver_same_major(majors[i].version, version))
			return majors[i].wal_magic;
	return 0;
}

/*
 * Keywords of libpq that make sense in primary_conninfo, by the major whose
 * libpq knew them first (fe-connect.c, PQconninfoOptions); an unknown one
 * stops the walreceiver.  dbname is ignored until 17 uses it for slot sync.
 */
static const struct {
	const char *keyword;
	int version;
} walreceiver_keywords[] = {
    {"host", 90000},
    {"hostaddr", 90000},
    {"port", 90000},
    {"user", 90000},
    {"connect_timeout", 90000},
    {"application_name", 90000},
    {"keepalives", 90000},
    {"keepalives_idle", 90000},
    {"keepalives_interval", 90000},
    {"keepalives_count", 90000},
    {"sslmode", 90000},
    {"sslcert", 90000},
    {"sslkey", 90000},
    {"sslrootcert", 90000},
    {"sslcrl", 90000},
    {"krbsrvname", 90000},
    {"gsslib", 90000},
    {"requirepeer", 90100},
    {"passfile", 100000},
    {"gssencmode", 120000},
    {"tcp_user_timeout", 120000},
    {"channel_binding", 130000},
    {"ssl_min_protocol_version", 130000},
    {"ssl_max_protocol_version", 130000},
    {"sslcrldir", 140000},
    {"sslsni", 140000},
    {"require_auth", 160000},
    {"sslcertmode", 160000},
    {"gssdelegation", 160000},
    {"load_balance_hosts", 160000},
    {"sslnegotiation", 170000},
    {"dbname", 170000},
    {"min_protocol_version", 180000},
    {"max_protocol_version", 180000},
};

const char *
pgver_walreceiver_keyword(size_t i)
{
	return i < NELEM(walreceiver_keywords) ? walreceiver_keywords[i].keyword
					       : NULL;
}

bool
pgver_walreceiver_takes(int version, const char *keyword)
{
	for (size_t i = 0; i < NELEM(walreceiver_keywords); i++)
		if (strcmp(walreceiver_keywords[i].keyword, keyword) == 0)
			return version >= walreceiver_keywords[i].version;
	return false;
}
