/* PEEK, WANT and PATCH: what is encoded comes back, anything else is refused;
 * maps of parts by literals. */
#include "base/std.h"
#include "core/parts.h"

#include <setjmp.h>
#include <cmocka.h>

#define BS 1024u
#define PART (BS / PARTS)

/* Part i of page k is 32 bytes of one letter. */
static void
make_page(uint8_t *page, char first)
{
	for (unsigned i = 0; i < PARTS; i++)
		memset(page + (size_t)i * PART, first + (int)i, PART);
}

static void
make_sums(uint8_t sums[PARTS_SUMS], uint8_t first)
{
	for (size_t i = 0; i < PARTS_SUMS; i++)
		sums[i] = (uint8_t)(first + i);
}

static void
a_map_names_the_parts_whose_sums_differ(void **state)
{
	static const struct {
		unsigned byte; /* of the sums, that is another one */
		uint32_t want;
	} t[] = {{0, 1}, {3, 1}, {4, 2}, {7, 2}, {8, 4}, {63, 0x8000},
	    {64, 0x10000}, {124, 0x80000000}, {127, 0x80000000}};
	uint8_t a[PARTS_SUMS], b[PARTS_SUMS];

	(void)state;
	make_sums(a, 1);
	make_sums(b, 1);
	assert_int_equal(parts_differ(a, b), 0);
	for (size_t i = 0; i < NELEM(t); i++) {
		b[t[i].byte] ^= 0x80;
		assert_int_equal(parts_differ(a, b), t[i].want);
		b[t[i].byte] ^= 0x80;
	}
	b[0] ^= 1;
	b[20] ^= 1;
	b[127] ^= 1;
	assert_int_equal(parts_differ(a, b), 0x80000021);
	memset(b, 0, sizeof(b));
	assert_int_equal(parts_differ(a, b), PARTS_ALL);
}

static void
the_size_of_a_map_goes_by_its_bits(void **state)
{
	(void)state;
	assert_int_equal(parts_size(0, 8192), 0);
	assert_int_equal(parts_size(1, 8192), 256);
	assert_int_equal(parts_size(0x80000001, 1024), 64);
	assert_int_equal(parts_size(PARTS_ALL, 1024), 1024);
	assert_int_equal(parts_size(PARTS_ALL, 65536), 65536);
}

static void
peeks_come_back(void **state)
{
	uint8_t sums[2][PARTS_SUMS];
	struct parts_peek p;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	make_sums(sums[0], 0);
	make_sums(sums[1], 77);
	buf_add_u32(&b, 5);
	parts_encode_peek(&b, 0, sums[0]);
	parts_encode_peek(&b, 131071, sums[1]);
	assert_int_equal(b.len, 4 + 2 * 132);
	assert_int_equal(parts_decode_peek(b.data, b.len, &p, &e), 0);
	assert_int_equal(p.id, 5);
	assert_int_equal(p.n, 2);
	assert_int_equal(parts_peek_block(&p, 0), 0);
	assert_int_equal(parts_peek_block(&p, 1), 131071);
	assert_memory_equal(parts_peek_sums(&p, 0), sums[0], PARTS_SUMS);
	assert_memory_equal(parts_peek_sums(&p, 1), sums[1], PARTS_SUMS);
	buf_free(&b);
}

/* Each pair of blocks, the second not behind the first. */
static void
a_peek_that_does_not_go_on_is_refused(void **state)
{
	static const uint32_t t[][2] = {
	    {0, 0}, {1, 0}, {7, 7}, {UINT32_MAX, 0}};
	uint8_t sums[PARTS_SUMS] = {0};
	struct parts_peek p;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;

		buf_add_u32(&b, 1);
		parts_encode_peek(&b, t[i][0], sums);
		parts_encode_peek(&b, t[i][1], sums);
		assert_int_equal(parts_decode_peek(b.data, b.len, &p, &e), -1);
		assert_int_equal(e.code, ERR_PROTOCOL);
		buf_free(&b);
	}
}

static void
wants_come_back(void **state)
{
	static const uint8_t want[] = {
	    0, 0, 0, 9, 0x80, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	struct parts_want w;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(parts_decode_want(want, sizeof(want), &w, &e), 0);
	assert_int_equal(w.id, 9);
	assert_int_equal(w.n, 3);
	assert_int_equal(parts_want_map(&w, 0), 0x80000001);
	assert_int_equal(parts_want_map(&w, 1), 0);
	assert_int_equal(parts_want_map(&w, 2), PARTS_ALL);
}

static void
patches_come_back_and_fill_their_places(void **state)
{
	static const uint32_t maps[] = {
	    0, 1, 0x80000000, 0x80000021, PARTS_ALL};
	uint8_t page[BS], own[BS], want[BS];
	struct wire_str rest;
	struct parts_patch p;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	uint32_t id;

	(void)state;
	make_page(page, 'A');
	buf_add_u32(&b, 6);
	for (uint32_t i = 0; i < NELEM(maps); i++)
		parts_encode_patch(&b, i * 3, maps[i], page, BS);
	assert_int_equal(
	    b.len, 4 + NELEM(maps) * 8 + (0 + 1 + 1 + 3 + 32) * PART);
	assert_int_equal(parts_decode_patch(b.data, b.len, &id, &rest, &e), 0);
	assert_int_equal(id, 6);
	for (uint32_t i = 0; i < NELEM(maps); i++) {
		assert_int_equal(parts_next_patch(&rest, BS, &p, &e), 0);
		assert_int_equal(p.block, i * 3);
		assert_int_equal(p.map, maps[i]);
		memset(own, '.', BS);
		memset(want, '.', BS);
		for (unsigned k = 0; k < PARTS; k++)
			if ((maps[i] & UINT32_C(1) << k) != 0)
				memset(want + (size_t)k * PART, 'A' + (int)k,
				    PART);
		parts_fill(own, BS, &p);
		assert_memory_equal(own, want, BS);
	}
	assert_int_equal(rest.len, 0);
	buf_free(&b);
}

/* ---- every length of each of them, behind one signature ---- */

static int
peek(const void *d, size_t n, struct err *e)
{
	struct parts_peek p;

	return parts_decode_peek(d, n, &p, e);
}

static int
want(const void *d, size_t n, struct err *e)
{
	struct parts_want w;

	return parts_decode_want(d, n, &w, e);
}

static int
patch(const void *d, size_t n, struct err *e)
{
	struct wire_str rest;
	struct parts_patch p;
	uint32_t id;

	if (parts_decode_patch(d, n, &id, &rest, e) == -1)
		return -1;
	while (rest.len > 0)
		if (parts_next_patch(&rest, BS, &p, e) == -1)
			return -1;
	return 0;
}

static void
make_peek(struct buf *b)
{
	uint8_t sums[PARTS_SUMS] = {0};

	parts_encode_peek(b, 3, sums);
	parts_encode_peek(b, 4, sums);
}

static void
make_want(struct buf *b)
{
	buf_add_u32(b, 1);
	buf_add_u32(b, 0);
}

static void
make_patch(struct buf *b)
{
	uint8_t page[BS];

	make_page(page, 'A');
	parts_encode_patch(b, 3, 0, page, BS);
	parts_encode_patch(b, 4, 0x80000001, page, BS);
}

static const struct kind {
	void (*make)(struct buf *b);
	int (*decode)(const void *d, size_t n, struct err *e);
	size_t ends[2]; /* the lengths that are right */
} kinds[] = {
    {make_peek, peek, {4 + 132, 4 + 2 * 132}},
    {make_want, want, {4 + 4, 4 + 8}},
    {make_patch, patch, {4 + 8, 4 + 2 * 8 + 2 * PART}},
};

/* A copy of exactly n bytes, so that the sanitizer sees a read behind it. */
static int
decode_copy(const struct kind *k, const char *d, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);
	struct err e = ERR_INIT;
	int rc;

	assert_non_null(copy);
	memcpy(copy, d, n);
	rc = k->decode(copy, n, &e);
	assert_true(rc == 0 || e.code == ERR_PROTOCOL);
	free(copy);
	return rc;
}

static void
frames_that_are_cut_or_longer_or_of_no_file_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct buf b = BUF_INIT;

		buf_add_u32(&b, 5);
		k->make(&b);
		assert_int_equal(b.len, k->ends[1]);
		for (size_t n = 0; n <= b.len; n++)
			if ((decode_copy(k, b.data, n) == 0) !=
			    (n == k->ends[0] || n == k->ends[1]))
				fail_msg("%zu: %zu bytes", i, n);
		buf_addc(&b, 0);
		assert_int_equal(decode_copy(k, b.data, b.len), -1);
		b.len--;
		wire_put_u32((uint8_t *)b.data, WIRE_NO_ID);
		assert_int_equal(decode_copy(k, b.data, b.len), -1);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_map_names_the_parts_whose_sums_differ),
	    cmocka_unit_test(the_size_of_a_map_goes_by_its_bits),
	    cmocka_unit_test(peeks_come_back),
	    cmocka_unit_test(a_peek_that_does_not_go_on_is_refused),
	    cmocka_unit_test(wants_come_back),
	    cmocka_unit_test(patches_come_back_and_fill_their_places),
	    cmocka_unit_test(
		frames_that_are_cut_or_longer_or_of_no_file_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
