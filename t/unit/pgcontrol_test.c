/* pg_control: real files of four majors, and made ones of every major. */
#include "core/pgcontrol.h"
#include "core/pgver.h"

#include <setjmp.h>
#include <cmocka.h>

/*
 * The used part of pg_control of clusters made for this test: 10, 15 and 18
 * shut down, and a 12 that was promoted before.
 */
static const char pg10[] =
    "6f89fdce5cdc026bea030000cbce050c0100000000000000e4de026b00000000"
    "0801000600000000600000060000000008010006000000000100000001000000"
    "01000000000000002c0200000140000001000000000000002402000001000000"
    "0100000001000000e4de026b0000000000000000000000000000000000000000"
    "0100000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000100000000000000640000000800000000000000"
    "400000000000000008000000000000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc070000000800000101000000000000"
    "0165ea807ea50bffcefce1a50e26883b8d53329455bd7bee2c6c74332bafab4f"
    "4a3f77c6";
static const char pg12[] =
    "cbf953285fdc026bb1040000dce3080c0100000000000000e5de026b00000000"
    "f001000600000000f00100060000000002000000020000000100000000000000"
    "e701000000000000014000000100000000000000df0100000100000001000000"
    "0100000000000000e5de026b0000000000000000000000000000000000000000"
    "e803000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000100000000000000640000000800000005000000"
    "000000004000000000000000080000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc070000000800000101000000000000"
    "b6f6b92b40b4fdb64e00e4c5c35610cfbfa4a4a99a17e3d295962a542ffc1436"
    "8b4a84d1";
static const char pg15[] =
    "556a32c562dc026b1405000025770d0c0100000000000000e5de026b00000000"
    "6000000400000000600000040000000001000000010000000100000000000000"
    "e002000000000000054000000100000000000000cc0200000100000001000000"
    "0100000000000000e5de026b0000000000000000000000000000000000000000"
    "e803000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000100000000000000640000000800000005000000"
    "000000004000000000000000080000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc070000000800000100000000000000"
    "6de52e10c3e1f61bef86949250eea883065df53d249a66866346d258b36b7482"
    "b90cee2e";
static const char pg18[] =
    "dcaa286c66dc026b080700003300120c0100000000000000e5de026b00000000"
    "1001000500000000100100050000000001000000010000000100000001000000"
    "fc02000000000000054000000100000000000000e80200000100000001000000"
    "0100000000000000e5de026b0000000000000000000000000000000000000000"
    "e803000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000100000000000000640000000800000005000000"
    "000000004000000000000000080000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc070000000800000100000001000000"
    "0187edaf68401f0804d9865ff078478b668c85d2d731667b357ab76da5620fd9"
    "c60000005959357d";
/* A made pg_control: offsets as in the structures of each version, written
 * down once more so that a slip in the table shows; -1: no such field. */
static const struct made {
	uint32_t control, catalog;
	int version;
	int redo, tli, min_recovery, min_tli, wal_level, connections, workers,
	    senders, prepared, locks, blcksz, checksums, crc;
	bool pair, crc32c;
} made[] = {
    {903, 201008051, 90000, 48, 56, 104, -1, 120, 124, -1, -1, 128, 132, 152,
	-1, 184, true, false},
    {903, 201105231, 90100, 48, 56, 104, -1, 120, 124, -1, -1, 128, 132, 152,
	-1, 184, true, false},
    {922, 201204301, 90200, 48, 56, 112, -1, 140, 144, -1, -1, 148, 152, 168,
	-1, 200, true, false},
    {937, 201306121, 90300, 48, 56, 128, 136, 164, 168, -1, -1, 172, 176, 192,
	224, 228, false, false},
    {942, 201409291, 90400, 48, 56, 128, 136, 164, 172, 176, -1, 180, 184, 200,
	236, 240, false, false},
    {942, 201510051, 90500, 48, 56, 136, 144, 172, 180, 184, -1, 188, 192, 216,
	252, 256, false, true},
    {960, 201608131, 90600, 48, 56, 136, 144, 172, 180, 184, -1, 188, 192, 216,
	252, 256, false, true},
    {1002, 201707211, 100000, 48, 56, 136, 144, 172, 180, 184, -1, 188, 192,
	216, 252, 288, false, true},
    {1100, 201809051, 110000, 40, 48, 128, 136, 164, 172, 176, -1, 180, 184,
	208, 244, 280, false, true},
    {1201, 201909212, 120000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 288, false, true},
    {1300, 202007201, 130000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 288, false, true},
    {1300, 202107181, 140000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 288, false, true},
    {1300, 202209061, 150000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 288, false, true},
    {1300, 202307071, 160000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 288, false, true},
    {1700, 202406281, 170000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 288, false, true},
    {1800, 202506291, 180000, 40, 48, 136, 144, 172, 180, 184, 188, 192, 196,
	216, 252, 292, false, true},
};

static size_t
unhex(const char *hex, unsigned char *out, size_t size)
{
	size_t n;
	unsigned v;

	for (n = 0; n < size && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		out[n] = (unsigned char)v;
	return n;
}

static void
put32(unsigned char *p, int offset, uint32_t v)
{
	if (offset != -1)
		memcpy(p + offset, &v, sizeof(v));
}

static void
put_lsn(unsigned char *p, int offset, uint64_t v, bool pair)
{
	if (pair) {
		put32(p, offset, (uint32_t)(v >> 32));
		put32(p, offset + 4, (uint32_t)v);
	} else
		memcpy(p + offset, &v, sizeof(v));
}

static void
seal(const struct made *m, unsigned char *p)
{
	size_t n = (size_t)m->crc;

	put32(p, m->crc,
	    m->crc32c ? pgcontrol_crc32c(p, n) : pgcontrol_crc32(p, n));
}

static size_t
make(const struct made *m, unsigned char *p)
{
	const uint64_t sysid = UINT64_C(7281936400112233445);

	memset(p, 0xEE, PGCONTROL_MAX);
	memcpy(p, &sysid, sizeof(sysid));
	put32(p, 8, m->control);
	put32(p, 12, m->catalog);
	put32(p, 16, PGSTATE_IN_ARCHIVE_RECOVERY);
	put_lsn(p, 32, UINT64_C(0x3AA000028), m->pair);
	put_lsn(p, m->redo, UINT64_C(0x3A9000060), m->pair);
	put32(p, m->tli, 5);
	put_lsn(p, m->min_recovery, UINT64_C(0x3AB000100), m->pair);
	put32(p, m->min_tli, 6);
	put32(p, m->wal_level, 2);
	put32(p, m->connections, 101);
	put32(p, m->workers, 9);
	put32(p, m->senders, 11);
	put32(p, m->prepared, 3);
	put32(p, m->locks, 65);
	put32(p, m->blcksz, 8192);
	put32(p, m->blcksz + 4, 131072);
	put32(p, m->blcksz + 8, 4096);
	put32(p, m->blcksz + 12, 16 << 20);
	put32(p, m->checksums, 1);
	seal(m, p);
	return (size_t)m->crc + 4;
}

static void
crcs_of_both_kinds(void **state)
{
	(void)state;
	/* the check value of CRC-32C, and the old one over the same text */
	assert_int_equal(pgcontrol_crc32c("123456789", 9), 0xE3069283);
	assert_int_equal(pgcontrol_crc32("123456789", 9), 0xC40ED0B0);
	assert_int_equal(pgcontrol_crc32c("", 0), 0);
	assert_int_equal(pgcontrol_crc32("", 0), 0);
}

static void
real_files_are_read(void **state)
{
	static const struct {
		const char *hex;
		uint64_t sysid;
		int version;
		uint64_t checkpoint;
		uint32_t tli;
		int32_t senders;
		uint32_t checksums;
	} t[] = {
	    {pg10, UINT64_C(7710967803179534703), 100000, 0x6000108, 1, -1, 0},
	    {pg12, UINT64_C(7710967813268306379), 120000, 0x60001f0, 2, 5, 0},
	    {pg15, UINT64_C(7710967828785031765), 150000, 0x4000060, 1, 5, 0},
	    {pg18, UINT64_C(7710967844471089884), 180000, 0x5000110, 1, 5, 1},
	};
	struct err e = ERR_INIT;
	struct pgcontrol c;
	unsigned char p[512];
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		n = unhex(t[i].hex, p, sizeof(p));
		assert_int_equal(pgcontrol_check(p, n, &e), 1);
		assert_int_equal(pgcontrol_parse(p, n, &c, &e), 0);
		assert_true(c.system_identifier == t[i].sysid);
		assert_int_equal(c.version, t[i].version);
		assert_int_equal(c.state, PGSTATE_SHUTDOWNED);
		assert_true(c.checkpoint == t[i].checkpoint);
		assert_true(c.redo == t[i].checkpoint);
		assert_int_equal(c.timeline, t[i].tli);
		assert_true(c.min_recovery == 0);
		assert_int_equal(c.wal_level, 1);
		assert_int_equal(c.max_connections, 100);
		assert_int_equal(c.max_worker_processes, 8);
		assert_int_equal(c.max_wal_senders, t[i].senders);
		assert_int_equal(c.max_prepared_xacts, 0);
		assert_int_equal(c.max_locks_per_xact, 64);
		assert_int_equal(c.blcksz, 8192);
		assert_int_equal(c.relseg_size, 131072);
		assert_int_equal(c.xlog_blcksz, 8192);
		assert_int_equal(c.xlog_seg_size, 16 << 20);
		assert_int_equal(c.checksum_version, t[i].checksums);
	}
}

static void
every_field_of_every_major(void **state)
{
	static unsigned char p[PGCONTROL_MAX];
	struct err e = ERR_INIT;
	struct pgcontrol c;
	uint32_t tli;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(made); i++) {
		const struct made *m = &made[i];

		n = make(m, p);
		assert_int_equal(pgcontrol_parse(p, n, &c, &e), 0);
		assert_true(
		    c.system_identifier == UINT64_C(7281936400112233445));
		assert_int_equal(c.control_version, m->control);
		assert_int_equal(c.catalog_version, m->catalog);
		assert_int_equal(c.version, m->version);
		assert_int_equal(c.state, PGSTATE_IN_ARCHIVE_RECOVERY);
		assert_true(c.checkpoint == UINT64_C(0x3AA000028));
		assert_true(c.redo == UINT64_C(0x3A9000060));
		assert_int_equal(c.timeline, 5);
		assert_true(c.min_recovery == UINT64_C(0x3AB000100));
		assert_int_equal(c.min_recovery_tli, m->min_tli == -1 ? 0 : 6);
		assert_int_equal(c.wal_level, 2);
		assert_int_equal(c.max_connections, 101);
		assert_int_equal(
		    c.max_worker_processes, m->workers == -1 ? -1 : 9);
		assert_int_equal(c.max_wal_senders, m->senders == -1 ? -1 : 11);
		assert_int_equal(c.max_prepared_xacts, 3);
		assert_int_equal(c.max_locks_per_xact, 65);
		assert_int_equal(c.blcksz, 8192);
		assert_int_equal(c.relseg_size, 131072);
		assert_int_equal(c.xlog_blcksz, 4096);
		assert_int_equal(c.xlog_seg_size, 16 << 20);
		assert_int_equal(
		    c.checksum_version, m->checksums == -1 ? 0 : 1);
		assert_true(
		    pgcontrol_reached(&c, &tli) == UINT64_C(0x3AB000100));
		assert_int_equal(tli, m->min_tli == -1 ? 5 : 6);
	}
}

static void
a_changed_or_missing_byte_is_a_torn_read(void **state)
{
	static unsigned char p[PGCONTROL_MAX];
	struct err e = ERR_INIT;
	struct pgcontrol c = {.version = 42};
	size_t i, k, n;

	(void)state;
	for (i = 0; i < NELEM(made); i++) {
		n = make(&made[i], p);
		for (k = 16; k < n; k++) {
			p[k] ^= 0x40;
			assert_int_equal(pgcontrol_check(p, n, &e), 0);
			p[k] ^= 0x40;
		}
		for (k = 0; k < n; k++)
			assert_int_equal(pgcontrol_check(p, k, &e), 0);
		/* what is behind the CRC does not count */
		assert_int_equal(pgcontrol_check(p, PGCONTROL_MAX, &e), 1);
		assert_false(err_is_set(&e));
		p[20] ^= 1;
		assert_int_equal(pgcontrol_parse(p, n, &c, &e), -1);
		assert_int_equal(e.code, ERR_SOURCE);
		assert_int_equal(c.version, 42);
		err_clear(&e);
	}
}

static void
unknown_versions_and_foreign_byte_order_are_told_apart(void **state)
{
	static unsigned char p[PGCONTROL_MAX];
	struct err e = ERR_INIT;
	struct pgcontrol c;
	size_t n = make(&made[12], p);

	(void)state;
	put32(p, 12, 202209062); /* a catalog of a beta */
	assert_int_equal(pgcontrol_check(p, n, &e), -1);
	assert_int_equal(e.code, ERR_VERSION);
	assert_string_equal(e.text,
	    "\"global/pg_control\" has the unknown version 1300 "
	    "(catalog version 202209062)");
	assert_string_equal(e.hint, "");
	err_clear(&e);
	put32(p, 8, 1900);
	put32(p, 12, 202701011);
	assert_int_equal(pgcontrol_parse(p, n, &c, &e), -1);
	assert_int_equal(e.code, ERR_VERSION);
	assert_non_null(strstr(e.hint, "newer than PostgreSQL 18"));
	err_clear(&e);
	put32(p, 8, __builtin_bswap32(1300));
	put32(p, 12, __builtin_bswap32(202209061));
	assert_int_equal(pgcontrol_check(p, n, &e), -1);
	assert_int_equal(e.code, ERR_VERSION);
	assert_non_null(strstr(e.text, "other byte order"));
	assert_int_equal(pgcontrol_check(p, n, NULL), -1);
}

static void
a_newer_server_with_the_newest_pg_control_is_read_and_its_crc_decides(
    void **state)
{
	static unsigned char p[PGCONTROL_MAX];
	const struct made *m = &made[NELEM(made) - 1];
	struct err e = ERR_INIT;
	struct pgcontrol c;
	size_t n = make(m, p);

	(void)state;
	put32(p, 12, 202701011);
	assert_int_equal(pgcontrol_check(p, n, &e), 0);
	assert_int_equal(pgcontrol_parse(p, n, &c, &e), -1);
	assert_int_equal(e.code, ERR_SOURCE);
	err_clear(&e);
	seal(m, p);
	assert_int_equal(pgcontrol_parse(p, n, &c, &e), 0);
	assert_int_equal(c.version, PGVER_NEXT);
	assert_int_equal(c.catalog_version, 202701011);
	assert_int_equal(c.max_wal_senders, 11);
}

static void
impossible_values_are_refused_even_with_a_good_crc(void **state)
{
	static const struct {
		int offset;
		uint32_t value;
	} t[] = {{16, 7}, {48, 0}, {216, 0}, {216, 12345}, {216, 65536},
	    {220, 0}, {220, UINT32_MAX}, {224, 0}, {228, 0}, {228, 3 << 20},
	    {228, UINT32_C(1) << 31}};
	static unsigned char p[PGCONTROL_MAX];
	struct err e = ERR_INIT;
	struct pgcontrol c;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		n = make(&made[12], p);
		put32(p, t[i].offset, t[i].value);
		seal(&made[12], p);
		assert_int_equal(pgcontrol_check(p, n, &e), 1);
		if (pgcontrol_parse(p, n, &c, &e) != -1)
			fail_msg("row %zu was taken", i);
		assert_int_equal(e.code, ERR_SOURCE);
		err_clear(&e);
	}
}

static void
how_far_the_data_reach(void **state)
{
	struct pgcontrol c = {.checkpoint = 100, .timeline = 2};
	uint32_t tli;

	(void)state;
	assert_true(pgcontrol_reached(&c, &tli) == 100);
	assert_int_equal(tli, 2);
	c.min_recovery = 100;
	c.min_recovery_tli = 3;
	assert_true(pgcontrol_reached(&c, &tli) == 100);
	assert_int_equal(tli, 2);
	c.min_recovery = 101;
	assert_true(pgcontrol_reached(&c, &tli) == 101);
	assert_int_equal(tli, 3);
	assert_true(pgcontrol_reached(&c, NULL) == 101);
}

static void
states_have_the_names_of_pg_controldata(void **state)
{
	(void)state;
	assert_string_equal(
	    pgcontrol_state_name(PGSTATE_STARTUP), "starting up");
	assert_string_equal(
	    pgcontrol_state_name(PGSTATE_SHUTDOWNED), "shut down");
	assert_string_equal(
	    pgcontrol_state_name(PGSTATE_SHUTDOWNED_IN_RECOVERY),
	    "shut down in recovery");
	assert_string_equal(
	    pgcontrol_state_name(PGSTATE_SHUTDOWNING), "shutting down");
	assert_string_equal(pgcontrol_state_name(PGSTATE_IN_CRASH_RECOVERY),
	    "in crash recovery");
	assert_string_equal(pgcontrol_state_name(PGSTATE_IN_ARCHIVE_RECOVERY),
	    "in archive recovery");
	assert_string_equal(
	    pgcontrol_state_name(PGSTATE_IN_PRODUCTION), "in production");
	assert_string_equal(
	    pgcontrol_state_name(99), "unrecognized status code");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crcs_of_both_kinds),
	    cmocka_unit_test(real_files_are_read),
	    cmocka_unit_test(every_field_of_every_major),
	    cmocka_unit_test(a_changed_or_missing_byte_is_a_torn_read),
	    cmocka_unit_test(
		unknown_versions_and_foreign_byte_order_are_told_apart),
	    cmocka_unit_test(
		a_newer_server_with_the_newest_pg_control_is_read_and_its_crc_decides),
	    cmocka_unit_test(
		impossible_values_are_refused_even_with_a_good_crc),
	    cmocka_unit_test(how_far_the_data_reach),
	    cmocka_unit_test(states_have_the_names_of_pg_controldata),
	};

	return cmocka_run_group_tests_name("pgcontrol", tests, NULL, NULL);
}
