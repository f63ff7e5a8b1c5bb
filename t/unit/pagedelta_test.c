/* Hashes of pages and digests of files: portions do not matter, seeds do. */
#include "base/std.h"
#include "io/pagedelta.h"

#include <setjmp.h>
#include <cmocka.h>

#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint8_t data[5 * 8192 + 100];

static void
fill(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
}

/* Values of XXH3-128 that its authors publish; wire peers depend on them. */
static void
hash_is_xxh3_128_in_canonical_order(void **state)
{
	static const uint8_t empty[PAGEHASH] = {0x99, 0xaa, 0x06, 0xd3, 0x01,
	    0x47, 0x98, 0xd8, 0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
	uint8_t got[PAGEHASH];

	(void)state;
	pagehash(0, NULL, 0, got);
	assert_memory_equal(got, empty, PAGEHASH);
	pagehash(1, NULL, 0, got);
	assert_memory_not_equal(got, empty, PAGEHASH);
}

static void
sums_are_the_low_halves_of_XXH3_64_of_each_part(void **state)
{
	static const uint32_t sizes[] = {1024, 8192, 65536};
	static uint8_t page[65536];
	uint8_t a[PAGESUMS], b[PAGESUMS];

	(void)state;
	for (size_t i = 0; i < NELEM(sizes); i++) {
		uint32_t size = sizes[i], part = size / 32;

		memset(page, 0, size);
		pagesums(SEED, page, size, a);
		for (size_t k = 1; k < 32; k++) /* equal parts */
			assert_memory_equal(a + k * 4, a, 4);
		pagesums(SEED + 1, page, size, b);
		assert_memory_not_equal(a, b, 4);
		for (uint32_t k = 0; k < 32; k++) { /* each sees its own */
			page[(k + 1) * part - 1] ^= 1;
			pagesums(SEED, page, size, b);
			for (uint32_t m = 0; m < 32; m++)
				assert_int_equal(
				    memcmp(a + m * 4, b + m * 4, 4) != 0,
				    m == k);
			page[(k + 1) * part - 1] ^= 1;
		}
	}
	/* 0xdbb6341d93939622 and 0xa057271c9071c99d. */
	memset(page, 'a', 32);
	memset(page + 32, 0, 992);
	pagesums(0, page, 1024, a);
	assert_memory_equal(a, "\x93\x93\x96\x22", 4);
	assert_memory_equal(a + 4, "\x90\x71\xc9\x9d", 4);
}

/* As architecture.md 3.8 says it, page by page. */
static void
by_hashes(uint64_t seed, uint32_t block, size_t n, uint8_t out[PAGEHASH])
{
	struct filedigest *d = filedigest_new();
	uint8_t hash[PAGEHASH];
	size_t part;

	assert_non_null(d);
	filedigest_start(d, seed, block);
	for (size_t pos = 0; pos < n; pos += part) {
		part = MIN_OF(n - pos, (size_t)block);
		pagehash(seed, data + pos, part, hash);
		filedigest_add_hash(d, hash);
	}
	filedigest_end(d, n, out);
	filedigest_free(d);
}

static void
portions_do_not_change_the_digest(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 8191, 8192, 8193, 16384, 5 * 8192, sizeof(data)};
	static const size_t portions[] = {
	    1, 7, 4096, 8191, 8192, 8193, 20000, sizeof(data)};
	struct filedigest *d = filedigest_new();
	uint8_t want[PAGEHASH], got[PAGEHASH];

	(void)state;
	fill();
	assert_non_null(d);
	for (size_t i = 0; i < NELEM(sizes); i++) {
		by_hashes(SEED, 8192, sizes[i], want);
		for (size_t k = 0; k < NELEM(portions); k++) {
			filedigest_start(d, SEED, 8192);
			for (size_t pos = 0; pos < sizes[i]; pos += portions[k])
				filedigest_add(d, data + pos,
				    MIN_OF(portions[k], sizes[i] - pos));
			filedigest_end(d, sizes[i], got);
			assert_memory_equal(got, want, PAGEHASH);
		}
	}
	filedigest_free(d);
}

static void
seed_block_size_length_and_content_change_the_digest(void **state)
{
	uint8_t want[PAGEHASH], got[PAGEHASH];
	struct filedigest *d = filedigest_new();

	(void)state;
	fill();
	by_hashes(SEED, 8192, sizeof(data), want);
	by_hashes(SEED + 1, 8192, sizeof(data), got);
	assert_memory_not_equal(got, want, PAGEHASH);
	by_hashes(SEED, 4096, sizeof(data), got);
	assert_memory_not_equal(got, want, PAGEHASH);
	data[3 * 8192 + 5] ^= 1;
	by_hashes(SEED, 8192, sizeof(data), got);
	assert_memory_not_equal(got, want, PAGEHASH);
	data[3 * 8192 + 5] ^= 1;
	assert_non_null(d);
	filedigest_start(d, SEED, 8192);
	filedigest_add(d, data, sizeof(data));
	filedigest_end(d, sizeof(data) + 1, got);
	assert_memory_not_equal(got, want, PAGEHASH);
	filedigest_free(d);
}

static void
a_file_left_in_the_middle_does_not_reach_the_next(void **state)
{
	struct filedigest *d = filedigest_new();
	uint8_t want[PAGEHASH], got[PAGEHASH];

	(void)state;
	fill();
	assert_non_null(d);
	filedigest_start(d, SEED, 8192);
	filedigest_add(d, data, 100);
	filedigest_start(d, SEED, 8192);
	filedigest_add(d, data, 200);
	filedigest_end(d, 200, got);
	by_hashes(SEED, 8192, 200, want);
	assert_memory_equal(got, want, PAGEHASH);
	filedigest_free(d);
}

static void
stream_digest_is_the_hash_of_all_bytes(void **state)
{
	struct streamdigest *d = streamdigest_new();
	uint8_t want[PAGEHASH], got[PAGEHASH];

	(void)state;
	fill();
	assert_non_null(d);
	streamdigest_end(d, got);
	pagehash(0, NULL, 0, want);
	assert_memory_equal(got, want, PAGEHASH);
	streamdigest_add(d, data, 1000);
	streamdigest_add(d, NULL, 0);
	streamdigest_add(d, data + 1000, sizeof(data) - 1000);
	streamdigest_end(d, got);
	pagehash(0, data, sizeof(data), want);
	assert_memory_equal(got, want, PAGEHASH);
	streamdigest_free(d);
	streamdigest_free(NULL);
	filedigest_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_is_xxh3_128_in_canonical_order),
	    cmocka_unit_test(sums_are_the_low_halves_of_XXH3_64_of_each_part),
	    cmocka_unit_test(portions_do_not_change_the_digest),
	    cmocka_unit_test(
		seed_block_size_length_and_content_change_the_digest),
	    cmocka_unit_test(a_file_left_in_the_middle_does_not_reach_the_next),
	    cmocka_unit_test(stream_digest_is_the_hash_of_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
