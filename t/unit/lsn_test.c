/* WAL positions, names, pages and history files. */
#include "core/lsn.h"

#include <setjmp.h>
#include <cmocka.h>

#define MB (UINT32_C(1) << 20)
#define PG90 90023
#define PG92 90224
#define PG93 90325
#define PG18 180004

static void
an_lsn_is_two_hex_numbers_and_nothing_else(void **state)
{
	static const char *const bad[] = {"", "/", "1/", "/1", "1", "1/2 ",
	    " 1/2", "1/2/3", "1//2", "g/1", "1/g", "-1/2", "1/+2", "0x1/2",
	    "123456789/0", "0/123456789", "1/2\n", "000000001/1"};
	uint64_t lsn = 7;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		if (lsn_parse(bad[i], &lsn) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(lsn_parse(NULL, &lsn), -1);
	assert_true(lsn == 7);
	assert_int_equal(lsn_parse("16/B374D848", &lsn), 0);
	assert_true(lsn == UINT64_C(0x16B374D848));
	assert_int_equal(lsn_parse("ffffffff/FFFFFFFF", &lsn), 0);
	assert_true(lsn == UINT64_MAX);
	assert_int_equal(lsn_parse("0/0", &lsn), 0);
	assert_true(lsn == LSN_INVALID);
}

static void
an_lsn_is_printed_as_the_server_prints_it(void **state)
{
	char buf[LSN_TEXT];

	(void)state;
	assert_string_equal(
	    lsn_format(UINT64_C(0x16B374D848), buf), "16/B374D848");
	assert_string_equal(lsn_format(UINT64_C(0x5000028), buf), "0/5000028");
	assert_string_equal(lsn_format(UINT64_MAX, buf), "FFFFFFFF/FFFFFFFF");
}

static void
distances_know_the_hole_of_old_servers(void **state)
{
	uint64_t a = UINT64_C(1) << 32, b = UINT64_C(0xFEFFFFFF);

	(void)state;
	assert_int_equal(lsn_diff(a, b, PG92), 1);
	assert_int_equal(lsn_diff(b, a, PG92), -1);
	assert_int_equal(lsn_diff(a, b, PG93), 0x1000001);
	assert_int_equal(lsn_diff(a, a, PG18), 0);
}

static void
segments_are_named_as_each_server_names_them(void **state)
{
	static const struct {
		uint64_t lsn;
		uint32_t segsize;
		int version;
		const char *name;
		uint64_t start;
	} t[] = {
	    {0x2000028, 16 * MB, PG18, "000000010000000000000002", 0x2000000},
	    {0xFEFFFFFF, 16 * MB, PG18, "0000000100000000000000FE", 0xFE000000},
	    {0xFF000000, 16 * MB, PG18, "0000000100000000000000FF", 0xFF000000},
	    {0xFEFFFFFF, 16 * MB, PG92, "0000000100000000000000FE", 0xFE000000},
	    /* the end of the last segment is the start of the next log id */
	    {0xFF000000, 16 * MB, PG92, "000000010000000100000000",
		UINT64_C(1) << 32},
	    {UINT64_C(0x16B374D848), 16 * MB, PG18, "0000000100000016000000B3",
		UINT64_C(0x16B3000000)},
	    {UINT64_C(0x16B374D848), 1 * MB, PG18, "000000010000001600000B37",
		UINT64_C(0x16B3700000)},
	    {UINT64_C(0x16B374D848), 1024 * MB, PG18,
		"000000010000001600000002", UINT64_C(0x1680000000)},
	    {UINT64_MAX, 16 * MB, PG18, "00000001FFFFFFFF000000FF",
		UINT64_C(0xFFFFFFFFFF000000)},
	    {0xFFF00000, 1 * MB, PG90, "000000010000000100000000",
		UINT64_C(1) << 32},
	};
	char name[WAL_NAME];
	uint64_t segno, parsed;
	uint32_t tli;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		segno = wal_segno(t[i].lsn, t[i].segsize, t[i].version);
		assert_string_equal(
		    wal_name(1, segno, t[i].segsize, t[i].version, name),
		    t[i].name);
		assert_true(wal_segment_start(segno, t[i].segsize,
				t[i].version) == t[i].start);
		assert_int_equal(wal_parse_name(t[i].name, t[i].segsize,
				     t[i].version, &tli, &parsed),
		    0);
		assert_int_equal(tli, 1);
		assert_true(parsed == segno);
	}
}

static void
segment_numbers_run_without_gaps(void **state)
{
	char name[WAL_NAME];

	(void)state;
	assert_string_equal(
	    wal_name(3, 254, 16 * MB, PG92, name), "0000000300000000000000FE");
	assert_string_equal(
	    wal_name(3, 255, 16 * MB, PG92, name), "000000030000000100000000");
	assert_string_equal(
	    wal_name(3, 255, 16 * MB, PG93, name), "0000000300000000000000FF");
}

static void
a_bad_segment_name_or_size_is_refused(void **state)
{
	static const char *const bad[] = {"", "0000000100000000",
	    "00000001000000000000000", "0000000100000000000000010",
	    "00000001000000000000000a", "00000001000000000000000G",
	    "000000000000000000000001", "000000010000000000000100",
	    "00000001.history", "000000010000000000000001.partial",
	    "00000001000000000000000 "};
	char name[WAL_NAME] = "x";
	uint64_t segno;
	uint32_t tli;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		if (wal_parse_name(bad[i], 16 * MB, PG18, &tli, &segno) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
	/* before 9.3 the last segment of a log id does not exist */
	assert_int_equal(wal_parse_name("0000000100000000000000FF", 16 * MB,
			     PG92, &tli, &segno),
	    -1);
	assert_int_equal(
	    wal_parse_name("000000010000000000000001", 0, PG18, &tli, &segno),
	    -1);
	assert_string_equal(wal_name(1, 1, 0, PG18, name), "");
	assert_true(wal_segno(0x2000000, 3 * MB, PG18) == 0);
	assert_true(wal_segment_start(2, 0, PG18) == 0);
	assert_true(wal_segsize_valid(1 * MB));
	assert_true(wal_segsize_valid(1024 * MB));
	assert_false(wal_segsize_valid(2048 * MB));
	assert_false(wal_segsize_valid(MB / 2));
}

static void
history_file_names(void **state)
{
	(void)state;
	assert_true(wal_is_history("00000003.history"));
	assert_false(wal_is_history("00000000.history"));
	assert_false(wal_is_history("0000000a.history"));
	assert_false(wal_is_history("00000003.history.done"));
	assert_false(wal_is_history("3.history"));
	assert_false(wal_is_history(""));
}

static size_t
unhex(const char *hex, unsigned char *out, size_t size)
{
	size_t n;
	unsigned v;

	for (n = 0; n < size && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		out[n] = (unsigned char)v;
	return n;
}

/* First pages of real segments: 18 on timeline 1, the same segment copied to
 * timeline 2 at a promotion, and a recycled file that still holds segment 4. */
static void
a_page_is_that_of_its_segment_or_not(void **state)
{
	static const char real[] =
	    "18d106000100000000000005000000000000000000000000"
	    "dcaa286c66dc026b0000000100200000";
	static const char recycled[] =
	    "18d102000100000000000004000000000000000000000000"
	    "dcaa286c66dc026b0000000100200000";
	/* made by hand: 9.0, log id 1, segment 2 */
	static const char old[] =
	    "64d0020001000000010000000000000211223344556677880000000100200000"
	    "0000000000000000";
	unsigned char p[64];
	size_t n = unhex(real, p, sizeof(p));

	(void)state;
	assert_int_equal(n, 40);
	assert_true(wal_page_matches(p, n, 0xD118, 1, 5, 16 * MB, PG18));
	assert_true(wal_page_matches(p, n, 0, 1, 5, 16 * MB, PG18));
	/* copied to the new timeline */
	assert_true(wal_page_matches(p, n, 0xD118, 2, 5, 16 * MB, PG18));
	assert_false(wal_page_matches(p, n, 0xD116, 1, 5, 16 * MB, PG18));
	assert_false(wal_page_matches(p, n, 0xD118, 1, 6, 16 * MB, PG18));
	assert_false(wal_page_matches(p, n, 0xD118, 1, 5, 32 * MB, PG18));
	assert_false(wal_page_matches(p, n - 1, 0xD118, 1, 5, 16 * MB, PG18));
	assert_false(wal_page_matches(p, n, 0xD118, 0, 5, 16 * MB, PG18));
	p[2] = 0; /* a page from the middle of a segment */
	assert_false(wal_page_matches(p, n, 0xD118, 1, 5, 16 * MB, PG18));
	p[2] = 2;
	p[4] = 3; /* a younger timeline than the name's */
	assert_false(wal_page_matches(p, n, 0xD118, 2, 5, 16 * MB, PG18));
	p[4] = 0; /* no timeline at all */
	assert_false(wal_page_matches(p, n, 0xD118, 2, 5, 16 * MB, PG18));

	n = unhex(recycled, p, sizeof(p));
	assert_false(wal_page_matches(p, n, 0xD118, 2, 6, 16 * MB, PG18));

	n = unhex(old, p, sizeof(p));
	assert_true(wal_page_matches(p, n, 0xD064, 1, 257, 16 * MB, PG90));
	assert_false(wal_page_matches(p, n, 0xD064, 1, 258, 16 * MB, PG90));
	assert_false(wal_page_matches(p, n, 0xD064, 1, 257, 16 * MB, PG93));
	memset(p, 0, sizeof(p));
	assert_false(wal_page_matches(p, n, 0, 1, 0, 16 * MB, PG18));
}

static void
history_files_are_read_as_the_server_reads_them(void **state)
{
	static const struct {
		const char *text;
		uint32_t tli;
		int want;
		uint64_t lsn;
	} t[] = {
	    {"1\t0/50000D8\tno recovery target specified\n", 1, 1, 0x50000D8},
	    {"1\t0/50000D8\tno recovery target specified\n", 2, 0, 0},
	    {"", 1, 0, 0},
	    {"# comment\n\n  \n1\t0/10\tx\n2\t1/20\ty\n", 2, 1,
		UINT64_C(0x100000020)},
	    {"1\t0/10\tx\n\n2\t0/20\n", 2, 1, 0x20},
	    {"1\t0/10\tx", 1, 1, 0x10},
	    {"1\t0/10\tx\r\n2\t0/20\r\n", 2, 1, 0x20},
	    {"4294967295\t0/10\tx\n", UINT32_MAX, 1, 0x10},
	    /* 9.0 to 9.2: the segment */
	    {"1\t0000000100000001000000FE\tno recovery target\n", 1, 1,
		UINT64_C(0x1FE000000)},
	    {"1\t0000000100000001000000FF\tx\n", 1, -1, 0},
	    {"1\t00000001000000010000000\tx\n", 1, -1, 0},
	    /* not a history file */
	    {"x\n", 1, -1, 0},
	    {"1\n", 1, -1, 0},
	    {"1\t\n", 1, -1, 0},
	    {"1\t0/\tx\n", 1, -1, 0},
	    {"1\t0/10x\n", 1, -1, 0},
	    {"0\t0/10\tx\n", 1, -1, 0},
	    {"-1\t0/10\tx\n", 1, -1, 0},
	    {"4294967296\t0/10\tx\n", 1, -1, 0},
	    {"99999999999999999999999\t0/10\tx\n", 1, -1, 0},
	    /* ancestors grow, and a bad line behind the right one counts */
	    {"2\t0/10\tx\n1\t0/20\ty\n", 1, -1, 0},
	    {"1\t0/10\tx\n1\t0/20\ty\n", 1, -1, 0},
	    {"1\t0/10\tx\ngarbage\n", 1, -1, 0},
	};
	uint64_t lsn;
	size_t i;
	int got;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		lsn = 0;
		got = tli_switch_point(t[i].text, t[i].tli, &lsn);
		if (got != t[i].want || lsn != t[i].lsn)
			fail_msg("row %zu: %d %" PRIx64, i, got, lsn);
	}
}

static void
an_endless_history_file_is_refused(void **state)
{
	char *text = malloc(TLI_HISTORY_MAX + 2);
	uint64_t lsn = 0;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', TLI_HISTORY_MAX + 1);
	text[TLI_HISTORY_MAX + 1] = '\0';
	assert_int_equal(tli_switch_point(text, 1, &lsn), -1);
	assert_int_equal(tli_switch_point(text + 1, 1, &lsn), 0);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_lsn_is_two_hex_numbers_and_nothing_else),
	    cmocka_unit_test(an_lsn_is_printed_as_the_server_prints_it),
	    cmocka_unit_test(distances_know_the_hole_of_old_servers),
	    cmocka_unit_test(segments_are_named_as_each_server_names_them),
	    cmocka_unit_test(segment_numbers_run_without_gaps),
	    cmocka_unit_test(a_bad_segment_name_or_size_is_refused),
	    cmocka_unit_test(history_file_names),
	    cmocka_unit_test(a_page_is_that_of_its_segment_or_not),
	    cmocka_unit_test(history_files_are_read_as_the_server_reads_them),
	    cmocka_unit_test(an_endless_history_file_is_refused),
	};

	return cmocka_run_group_tests_name("lsn", tests, NULL, NULL);
}
