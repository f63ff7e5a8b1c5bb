/* Made-up WAL, page by page: where does it end? */
#include "base/std.h"
#include "core/pgcontrol.h"
#include "core/walscan.h"

#include <setjmp.h>
#include <cmocka.h>

#define SEG (1024u * 1024)
#define PAGE 8192u
#define PAGES 400u
#define BASE UINT64_C(0x100000) /* LSN of the first byte of wal */
#define SYSTEM UINT64_C(4711)
#define MAGIC 0xD110

static const struct walscan_form form = {.version = 150000,
    .magic = MAGIC,
    .system_identifier = SYSTEM,
    .segsize = SEG,
    .blcksz = PAGE,
    .records = true};

/* A writer of WAL as the server writes it. */
static struct {
	uint8_t data[PAGES * PAGE];
	uint64_t at;   /* where the next byte goes */
	uint64_t last; /* start of the last record */
	uint32_t tli;
} wal;

static void
put(uint64_t lsn, const void *p, size_t n)
{
	memcpy(wal.data + (lsn - BASE), p, n);
}

static void
put_header(uint64_t lsn, uint32_t rem, uint16_t flags)
{
	static const uint32_t segsize = SEG, blcksz = PAGE;
	static const uint64_t cluster = SYSTEM;
	uint16_t magic = MAGIC, info = flags;

	if (lsn % SEG == 0)
		info |= 2;
	if (rem != 0)
		info |= 1;
	put(lsn, &magic, 2);
	put(lsn + 2, &info, 2);
	put(lsn + 4, &wal.tli, 4);
	put(lsn + 8, &lsn, 8);
	put(lsn + 16, &rem, 4);
	if (lsn % SEG != 0)
		return;
	put(lsn + 24, &cluster, 8);
	put(lsn + 32, &segsize, 4);
	put(lsn + 36, &blcksz, 4);
}

static uint32_t
header_size(uint64_t lsn)
{
	return lsn % SEG == 0 ? 40 : 24;
}

static void
begin(void)
{
	memset(&wal, 0, sizeof(wal));
	wal.at = BASE;
	wal.tli = 1;
}

/* Where the next record would begin: behind the header of a page. */
static void
enter_page(void)
{
	wal.at = (wal.at + 7) & ~UINT64_C(7);
	if (wal.at % PAGE == 0) {
		put_header(wal.at, 0, 0);
		wal.at += header_size(wal.at);
	}
}

static void
put_bytes(const uint8_t *p, uint32_t n)
{
	while (n > 0) {
		uint32_t room = PAGE - (uint32_t)(wal.at % PAGE), k;

		if (wal.at % PAGE == 0) {
			put_header(wal.at, n, 0);
			wal.at += header_size(wal.at);
			continue;
		}
		k = MIN_OF(room, n);
		put(wal.at, p, k);
		wal.at += k;
		p += k;
		n -= k;
	}
}

/* A record of that total length; its start. */
static uint64_t
record(uint32_t total, uint8_t rmid, uint8_t info)
{
	uint8_t *r = calloc(1, total + 24), *turned = calloc(1, total + 24);
	uint64_t start;
	uint32_t crc;

	assert_true(r != NULL && turned != NULL);
	enter_page();
	start = wal.at;
	for (uint32_t i = 24; i < total; i++)
		r[i] = (uint8_t)(i * 7 + total);
	memcpy(r, &total, 4);
	memcpy(r + 8, &wal.last, 8);
	r[16] = info;
	r[17] = rmid;
	memcpy(turned, r + 24, total - 24);
	memcpy(turned + total - 24, r, 20);
	crc = pgcontrol_crc32c(turned, total - 4);
	memcpy(r + 20, &crc, 4);
	put_bytes(r, total);
	free(r);
	free(turned);
	wal.last = start;
	return start;
}

static uint64_t
end(void)
{
	return (wal.at + 7) & ~UINT64_C(7);
}

static uint64_t
scan(uint64_t from, uint32_t file_tli, uint32_t *tli)
{
	struct walscan s;
	uint64_t off;

	assert_int_equal(walscan_start(&s, &form, from), 0);
	do {
		off = s.next - BASE;
		if (s.next < BASE || off >= sizeof(wal.data))
			break;
	} while (walscan_page(&s, wal.data + off, file_tli) == 1);
	if (tli != NULL)
		*tli = s.end_tli;
	return s.end;
}

static void
records_are_followed_over_pages_and_segments(void **state)
{
	(void)state;
	begin();
	for (uint32_t i = 0; i < 450; i++) {
		(void)record(24 + i * 13 % 9000, 10, 0);
		if (scan(BASE, 1, NULL) != end())
			fail_msg("after %u records", i + 1);
	}
	assert_true(wal.at > BASE + SEG);
}

static void
any_first_page_leads_to_the_same_end(void **state)
{
	uint64_t got;

	(void)state;
	begin();
	(void)record(100, 10, 0);
	(void)record(60000, 10, 0);
	(void)record(100, 10, 0);
	(void)record(2 * SEG, 10, 0);
	(void)record(30, 10, 0);
	for (uint64_t at = BASE; at < end(); at += 1000)
		if ((got = scan(at, 1, NULL)) != end())
			fail_msg("from %" PRIx64 ": %" PRIx64, at, got);
}

static void
it_ends_before_a_record_that_is_not_whole(void **state)
{
	uint64_t good, start;

	(void)state;
	begin();
	for (int i = 0; i < 100; i++)
		(void)record(200, 10, 0);
	good = end();
	(void)record(50000, 10, 0);
	start = wal.last;
	/* Cut anywhere, with zeros behind it. */
	for (uint32_t keep = 0; keep < 50000; keep += 777) {
		uint8_t *copy = malloc(sizeof(wal.data));

		assert_non_null(copy);
		memcpy(copy, wal.data, sizeof(wal.data));
		memset(wal.data + (start - BASE) + keep, 0,
		    sizeof(wal.data) - (start - BASE) - keep);
		if (scan(BASE, 1, NULL) != good)
			fail_msg("cut after %u bytes", keep);
		memcpy(wal.data, copy, sizeof(wal.data));
		free(copy);
	}
	wal.data[start - BASE + 30000] ^= 1;
	assert_true(scan(BASE, 1, NULL) == good);
	/* And from within one that has no end: nothing is known. */
	memset(wal.data + (start - BASE) + 40000, 0, 30000);
	assert_true(scan(start + 20000, 1, NULL) == 0);
}

static void
old_contents_of_a_used_segment_are_not_followed(void **state)
{
	uint64_t good, stale;

	(void)state;
	begin();
	for (int i = 0; i < 50; i++)
		(void)record(300, 10, 0);
	good = end();
	stale = good + 8;
	/* A whole record of an earlier life: its predecessor is another. */
	wal.at = good;
	wal.last = stale;
	(void)record(64, 10, 0);
	assert_true(scan(BASE, 1, NULL) == good);
	/* A page of another address. */
	begin();
	(void)record(PAGE - 40, 10, 0); /* to the end of the first page */
	good = end();
	assert_true(good % PAGE == 0);
	put_header(good, 0, 0);
	put(good + 8, &stale, 8);
	assert_true(scan(BASE, 1, NULL) == good);
}

static void
behind_a_switch_the_next_segment_begins(void **state)
{
	(void)state;
	begin();
	(void)record(100, 10, 0);
	(void)record(24, 0, 0x40);
	assert_true(scan(BASE, 1, NULL) == BASE + SEG);
	wal.at = BASE + SEG;
	(void)record(77, 10, 0);
	assert_true(scan(BASE, 1, NULL) == end());
	assert_true(wal.at > BASE + SEG);
}

static void
a_rest_that_was_overwritten_is_left_out(void **state)
{
	uint64_t before;

	(void)state;
	begin();
	(void)record(100, 10, 0);
	before = wal.last;
	(void)record(3 * PAGE, 10, 0); /* the server ended here */
	wal.last = before;
	wal.at = BASE + 2 * PAGE;
	memset(wal.data + 2 * PAGE, 0, PAGES * PAGE - 2 * PAGE);
	put_header(wal.at, 0, 8);
	wal.at += header_size(wal.at);
	(void)record(40, 0, 0xD0);
	assert_true(scan(BASE, 1, NULL) == end());
}

static void
timelines_rise_up_to_that_of_the_file(void **state)
{
	uint64_t first;
	uint32_t tli;

	(void)state;
	begin();
	(void)record(PAGE - 40, 10, 0);
	first = end();
	wal.tli = 2;
	(void)record(100, 10, 0);
	assert_true(scan(BASE, 2, &tli) == end());
	assert_int_equal(tli, 2);
	assert_true(scan(BASE, 1, &tli) == first);
	assert_int_equal(tli, 1);
	wal.at = BASE + 2 * PAGE;
	wal.tli = 1; /* never back */
	put_header(BASE + PAGE, 2 * PAGE, 0);
	assert_true(scan(BASE, 2, &tli) == first);
}

static void
below_95_the_last_page_is_the_bound(void **state)
{
	struct walscan_form old = form;
	struct walscan s;

	(void)state;
	begin();
	for (int i = 0; i < 100; i++)
		(void)record(300, 10, 0);
	old.records = false;
	assert_int_equal(walscan_start(&s, &old, BASE), 0);
	while (walscan_page(&s, wal.data + (s.next - BASE), 1) == 1)
		;
	assert_true(s.end >= wal.at && s.end < wal.at + PAGE);
	assert_true(s.end % PAGE == 0);
}

static void
sizes_that_cannot_be_are_refused(void **state)
{
	struct walscan_form f[4];
	struct walscan s;

	(void)state;
	for (size_t i = 0; i < NELEM(f); i++)
		f[i] = form;
	f[0].segsize = 0;
	f[1].segsize = SEG + 1;
	f[2].blcksz = 0;
	f[3].blcksz = 8193;
	for (size_t i = 0; i < NELEM(f); i++)
		assert_int_equal(walscan_start(&s, &f[i], BASE), -1);
}

/* For the sanitizers: any byte may be anything. */
static void
damage_never_leads_beyond_the_data(void **state)
{
	uint32_t x = 12345;
	uint64_t good;

	(void)state;
	begin();
	for (uint32_t i = 0; i < 300; i++)
		(void)record(24 + i * 31 % 12000, 10, 0);
	good = end();
	for (int i = 0; i < 400; i++) {
		uint32_t where;
		uint8_t was;

		x = x * 1103515245 + 12345;
		where = (x >> 4) % (uint32_t)(good - BASE);
		if (i % 2 == 0) /* a header */
			where = where / PAGE * PAGE + (x >> 20) % 40;
		was = wal.data[where];
		wal.data[where] ^= (uint8_t)(1 + x % 255);
		if (scan(BASE + x % SEG, 1, NULL) > good + SEG)
			fail_msg("byte %u", where);
		wal.data[where] = was;
	}
	assert_true(scan(BASE, 1, NULL) == good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_are_followed_over_pages_and_segments),
	    cmocka_unit_test(any_first_page_leads_to_the_same_end),
	    cmocka_unit_test(it_ends_before_a_record_that_is_not_whole),
	    cmocka_unit_test(old_contents_of_a_used_segment_are_not_followed),
	    cmocka_unit_test(behind_a_switch_the_next_segment_begins),
	    cmocka_unit_test(a_rest_that_was_overwritten_is_left_out),
	    cmocka_unit_test(timelines_rise_up_to_that_of_the_file),
	    cmocka_unit_test(below_95_the_last_page_is_the_bound),
	    cmocka_unit_test(sizes_that_cannot_be_are_refused),
	    cmocka_unit_test(damage_never_leads_beyond_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
