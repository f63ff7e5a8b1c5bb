/* The checksum of a page, against figures of the servers' own header. */
#include "base/std.h"
#include "core/pagesum.h"

#include <setjmp.h>
#include <cmocka.h>

#define PAGE_MAX 32768

/* xorshift64, a byte a step: any page will do. */
static void
fill(uint8_t *page, uint32_t size)
{
	uint64_t x = UINT64_C(88172645463325252);

	for (uint32_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		page[i] = (uint8_t)x;
	}
}

/* What pg_checksum_page() of checksum_impl.h (15.20, built with BLCKSZ of each
 * size) says of these pages at three places in a fork. */
static const struct {
	uint32_t size;
	uint16_t sum[3];
} known[] = {
    {1024, {11430, 55379, 54106}},
    {2048, {53875, 42662, 11663}},
    {4096, {28724, 19862, 36814}},
    {8192, {54764, 18957, 10772}},
    {16384, {5084, 15838, 60452}},
    {32768, {31880, 53872, 33658}},
};

static void
sums_are_those_of_the_servers_for_each_block_size(void **state)
{
	static const uint32_t block[] = {0, 131071 + 3 * 131072u, 4294967294u};
	static uint8_t page[PAGE_MAX];

	(void)state;
	for (size_t i = 0; i < NELEM(known); i++) {
		fill(page, known[i].size);
		for (size_t k = 0; k < NELEM(block); k++)
			assert_int_equal(pagesum(page, known[i].size, block[k]),
			    known[i].sum[k]);
	}
}

static void
the_page_need_not_be_aligned_and_its_own_sum_does_not_count(void **state)
{
	static uint8_t page[8192 + 3];

	(void)state;
	fill(page + 3, 8192);
	assert_int_equal(pagesum(page + 3, 8192, 0), 54764);
	page[3 + 8] ^= 0xff;
	page[3 + 9] ^= 0xff;
	assert_int_equal(pagesum(page + 3, 8192, 0), 54764);
	page[3 + 10] ^= 1;
	assert_true(pagesum(page + 3, 8192, 0) != 54764);
}

static void
every_byte_but_the_sum_counts(void **state)
{
	static uint8_t page[1024];

	(void)state;
	fill(page, sizeof(page));
	for (size_t i = 0; i < sizeof(page); i++) {
		page[i] ^= 0x01;
		if (i == 8 || i == 9)
			assert_int_equal(pagesum(page, 1024, 0), 11430);
		else
			assert_true(pagesum(page, 1024, 0) != 11430);
		page[i] ^= 0x01;
	}
}

static void
vector_code_of_this_processor_makes_the_same_sum(void **state)
{
	static uint8_t page[PAGE_MAX + 1];

	(void)state;
	for (uint32_t size = 1024; size <= PAGE_MAX; size *= 2)
		for (uint32_t block = 0; block < 300; block += 7) {
			fill(page + 1, size);
			page[1 + block * 3] ^= (uint8_t)block;
			assert_int_equal(pagesum(page + 1, size, block),
			    pagesum_portable(page + 1, size, block));
		}
}

#define START UINT64_C(0x300000028)

/* A good page with that LSN. */
static void
make(uint8_t *page, uint32_t size, uint32_t block, uint64_t lsn)
{
	uint32_t half[2] = {(uint32_t)(lsn >> 32), (uint32_t)lsn};
	uint16_t sum;

	fill(page, size);
	memcpy(page, half, sizeof(half));
	page[14] = page[15] = 1; /* pd_upper */
	sum = pagesum(page, size, block);
	memcpy(page + 8, &sum, sizeof(sum));
}

static void
a_wrong_page_is_bad_unless_wal_brings_it(void **state)
{
	static const struct {
		uint64_t lsn;
		enum pagesum_state wrong;
	} rows[] = {
	    {0, PAGESUM_BAD},
	    {UINT64_C(0x2ffffffff), PAGESUM_BAD},
	    {START - 1, PAGESUM_BAD},
	    {START, PAGESUM_LATER},
	    {UINT64_C(0x400000000), PAGESUM_LATER},
	};
	static uint8_t page[PAGE_MAX];

	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++)
		for (uint32_t size = 1024; size <= PAGE_MAX; size *= 2) {
			make(page, size, 77, rows[i].lsn);
			assert_int_equal(
			    pagesum_check(page, size, 77, START), PAGESUM_OK);
			/* In the place of another page. */
			assert_int_equal(pagesum_check(page, size, 78, START),
			    rows[i].wrong);
			page[size - 1] ^= 1;
			assert_int_equal(pagesum_check(page, size, 77, START),
			    rows[i].wrong);
		}
}

static void
a_page_of_zeros_is_new_and_one_almost_of_zeros_is_not(void **state)
{
	static uint8_t page[8192];

	(void)state;
	memset(page, 0, sizeof(page));
	assert_int_equal(pagesum_check(page, 8192, 5, START), PAGESUM_NEW);
	assert_int_equal(pagesum_check(page, 8192, 5, 0), PAGESUM_NEW);
	/* pd_upper is 0: servers would not look at the sum. */
	for (size_t i = 16; i < sizeof(page); i += 67) {
		page[i] = 1;
		assert_int_equal(
		    pagesum_check(page, 8192, 5, START), PAGESUM_BAD);
		page[i] = 0;
	}
	/* Zeros where a page of content was lose their sum, too. */
	make(page, 8192, 5, 1);
	memset(page + 4096, 0, 4096);
	assert_int_equal(pagesum_check(page, 8192, 5, START), PAGESUM_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_are_those_of_the_servers_for_each_block_size),
	    cmocka_unit_test(
		the_page_need_not_be_aligned_and_its_own_sum_does_not_count),
	    cmocka_unit_test(every_byte_but_the_sum_counts),
	    cmocka_unit_test(vector_code_of_this_processor_makes_the_same_sum),
	    cmocka_unit_test(a_wrong_page_is_bad_unless_wal_brings_it),
	    cmocka_unit_test(
		a_page_of_zeros_is_new_and_one_almost_of_zeros_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
