/* pg_control: checked by its CRC, read by the offsets of core/pgver_control.c.
 */
#ifndef CORE_PGCONTROL_H
#define CORE_PGCONTROL_H

#include "base/std.h"
#include "base/err.h"

#define PGCONTROL_MAX 8192 /* bytes of the file that are ever looked at */

enum pgcontrol_state { /* values of DBState in pg_control.h, 9.0-18 */
	PGSTATE_STARTUP,
	PGSTATE_SHUTDOWNED,
	PGSTATE_SHUTDOWNED_IN_RECOVERY,
	PGSTATE_SHUTDOWNING,
	PGSTATE_IN_CRASH_RECOVERY,
	PGSTATE_IN_ARCHIVE_RECOVERY,
	PGSTATE_IN_PRODUCTION
};

struct pgcontrol {
	uint64_t system_identifier;
	uint32_t control_version, catalog_version;
	int version; /* major as server_version_num, e.g. 150000; PGVER_NEXT */
	uint32_t state;
	uint64_t checkpoint, redo;
	uint32_t timeline;
	uint64_t min_recovery;
	uint32_t min_recovery_tli;
	int32_t wal_level, max_connections, max_worker_processes,
	    max_wal_senders, max_prepared_xacts, max_locks_per_xact;
	/* -1 where the version has no such field */
	uint32_t blcksz, relseg_size, xlog_blcksz, xlog_seg_size;
	uint32_t checksum_version;
};

/* 1: CRC matches; 0: it does not (torn read: try again); -1: a version that
 * is not known or foreign endianness, e set (ERR_VERSION). */
int pgcontrol_check(const void *data, size_t len, struct err *e);
/* Check and decode.  Returns 0, or -1 with e (ERR_SOURCE for a bad CRC). */
int pgcontrol_parse(
    const void *data, size_t len, struct pgcontrol *c, struct err *e);
const char *pgcontrol_state_name(uint32_t state); /* as pg_controldata */
/* CRC-32C and the CRC-32 of 9.0-9.4 over n bytes, final value. */
uint32_t pgcontrol_crc32c(const void *data, size_t n);
uint32_t pgcontrol_crc32(const void *data, size_t n);
/* How far the data reach: the larger of checkpoint and min_recovery. */
uint64_t pgcontrol_reached(const struct pgcontrol *c, uint32_t *tli);

#endif
