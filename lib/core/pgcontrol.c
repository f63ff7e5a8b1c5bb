#include "base/std.h"
#include "base/bytes.h"
#include "core/pgcontrol.h"
#include "core/lsn.h"
#include "core/pgver.h"

/* Entry i of the table of a reflected CRC.  pg_control has 300 bytes: it is
 * not worth a table. */
static uint32_t
crc_entry(uint32_t i, uint32_t polynomial)
{
	int bit;

	for (bit = 0; bit < 8; bit++)
		i = (i & 1) != 0 ? i >> 1 ^ polynomial : i >> 1;
	return i;
}

uint32_t
pgcontrol_crc32c(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t crc = UINT32_MAX;

	for (; n > 0; n--, p++)
		crc = crc_entry((crc ^ *p) & 0xFF, UINT32_C(0x82F63B78)) ^
		      crc >> 8;
	return ~crc;
}

/* Not the CRC-32 of zlib: the old servers used the table of the reflected
 * polynomial with the shifts of the other kind (9.4 pg_crc.h, COMP_CRC32). */
uint32_t
pgcontrol_crc32(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t crc = UINT32_MAX;

	for (; n > 0; n--, p++)
		crc = crc_entry((crc >> 24 ^ *p) & 0xFF, UINT32_C(0xEDB88320)) ^
		      crc << 8;
	return ~crc;
}

/* An optional field: -1 where the version has none. */
static int32_t
get_int(const unsigned char *data, int offset)
{
	return offset == -1 ? -1 : (int32_t)bytes_u32(data + offset);
}

static void
unknown_version(uint32_t control, uint32_t catalog, struct err *e)
{
	char major[16];

	(void)err_set(e, ERR_VERSION,
	    "\"global/pg_control\" has the unknown version %" PRIu32
	    " (catalog version %" PRIu32 ")",
	    control, catalog);
	if (pgver_of_catalog(catalog) == PGVER_NEXT)
		(void)err_hint(e,
		    "It is newer than PostgreSQL %s, and laid out in a way "
		    "that this program does not know: look for newer "
		    "standby-tools, on this host and on the other.",
		    pgver_major(PGVER_NEWEST, major, sizeof(major)));
}

/* The layout, by the two version numbers in front; NULL with e set. */
static const struct pgver_control *
layout_of(const unsigned char *data, struct err *e)
{
	const struct pgver_control *o;
	uint32_t control = bytes_u32(data + 8), catalog = bytes_u32(data + 12);

	o = pgver_control(control, catalog);
	if (o != NULL)
		return o;
	if (pgver_control(
		__builtin_bswap32(control), __builtin_bswap32(catalog)) != NULL)
		(void)err_set(e, ERR_VERSION,
		    "\"global/pg_control\" was written by a machine of the "
		    "other byte order");
	else
		unknown_version(control, catalog, e);
	return NULL;
}

/* 1 and the layout, 0 (torn or short), -1 with e. */
static int
check(const unsigned char *data, size_t len, const struct pgver_control **o,
    struct err *e)
{
	uint32_t crc;

	if (len < 16)
		return 0;
	if ((*o = layout_of(data, e)) == NULL)
		return -1;
	if (len < (size_t)(*o)->crc + 4)
		return 0;
	crc = (*o)->crc32c ? pgcontrol_crc32c(data, (size_t)(*o)->crc)
			   : pgcontrol_crc32(data, (size_t)(*o)->crc);
	return crc == bytes_u32(data + (*o)->crc) ? 1 : 0;
}

int
pgcontrol_check(const void *data, size_t len, struct err *e)
{
	const struct pgver_control *o;

	return check(data, len, &o, e);
}

static void
decode(const unsigned char *data, const struct pgver_control *o,
    struct pgcontrol *c)
{
	memset(c, 0, sizeof(*c));
	c->system_identifier = bytes_u64(data);
	c->control_version = bytes_u32(data + 8);
	c->catalog_version = bytes_u32(data + 12);
	c->version = pgver_of_catalog(c->catalog_version);
	c->state = bytes_u32(data + o->state);
	c->checkpoint = lsn_load(data + o->checkpoint, o->lsn64);
	c->redo = lsn_load(data + o->redo, o->lsn64);
	c->timeline = bytes_u32(data + o->timeline);
	c->min_recovery = lsn_load(data + o->min_recovery, o->lsn64);
	if (o->min_recovery_tli != -1)
		c->min_recovery_tli = bytes_u32(data + o->min_recovery_tli);
	c->wal_level = get_int(data, o->wal_level);
	c->max_connections = get_int(data, o->max_connections);
	c->max_worker_processes = get_int(data, o->max_worker_processes);
	c->max_wal_senders = get_int(data, o->max_wal_senders);
	c->max_prepared_xacts = get_int(data, o->max_prepared_xacts);
	c->max_locks_per_xact = get_int(data, o->max_locks_per_xact);
	c->blcksz = bytes_u32(data + o->blcksz);
	c->relseg_size = bytes_u32(data + o->relseg_size);
	c->xlog_blcksz = bytes_u32(data + o->xlog_blcksz);
	c->xlog_seg_size = bytes_u32(data + o->xlog_seg_size);
	if (o->checksum_version != -1)
		c->checksum_version = bytes_u32(data + o->checksum_version);
}

static bool
power_of_two(uint32_t n, uint32_t min, uint32_t max)
{
	return n >= min && n <= max && (n & (n - 1)) == 0;
}

/* Sizes that others divide by, in a file that may come from a hostile peer
 * with a good CRC. */
static bool
plausible(const struct pgcontrol *c)
{
	return c->state <= PGSTATE_IN_PRODUCTION && c->timeline != 0 &&
	       power_of_two(c->blcksz, 1024, 32768) &&
	       power_of_two(c->xlog_blcksz, 1024, 65536) &&
	       c->relseg_size != 0 && c->relseg_size <= INT32_MAX &&
	       wal_segsize_valid(c->xlog_seg_size);
}

int
pgcontrol_parse(
    const void *data, size_t len, struct pgcontrol *c, struct err *e)
{
	const struct pgver_control *o;
	struct pgcontrol got;

	switch (check(data, len, &o, e)) {
	case -1:
		return -1;
	case 0:
		return err_set(e, ERR_SOURCE,
		    "the checksum of \"global/pg_control\" does not match");
	}
	decode(data, o, &got);
	if (!plausible(&got))
		return err_set(e, ERR_SOURCE,
		    "\"global/pg_control\" holds impossible values");
	*c = got;
	return 0;
}

const char *
pgcontrol_state_name(uint32_t state)
{
	switch (state) {
	case PGSTATE_STARTUP:
		return "starting up";
	case PGSTATE_SHUTDOWNED:
		return "shut down";
	case PGSTATE_SHUTDOWNED_IN_RECOVERY:
		return "shut down in recovery";
	case PGSTATE_SHUTDOWNING:
		return "shutting down";
	case PGSTATE_IN_CRASH_RECOVERY:
		return "in crash recovery";
	case PGSTATE_IN_ARCHIVE_RECOVERY:
		return "in archive recovery";
	case PGSTATE_IN_PRODUCTION:
		return "in production";
	}
	return "unrecognized status code";
}

uint64_t
pgcontrol_reached(const struct pgcontrol *c, uint32_t *tli)
{
	bool recovery = c->min_recovery > c->checkpoint;

	if (tli != NULL)
		*tli = recovery && c->min_recovery_tli != 0
			   ? c->min_recovery_tli
			   : c->timeline;
	return recovery ? c->min_recovery : c->checkpoint;
}
