/* Frames through zstd: sizes must be as announced, and auto gives up. */
#include "base/std.h"
#include "core/wire.h"
#include "io/zip.h"

#include <setjmp.h>
#include <cmocka.h>

static char text[256 * 1024];
static char noise[256 * 1024];

static int
fill(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		noise[i] = (char)(x >> 32);
		text[i] = "row of a table, "[i % 16];
	}
	return 0;
}

static void
every_level_makes_the_round_trip(void **state)
{
	static const int levels[] = {1, 3, 9, 22, ZIP_AUTO};
	static const size_t sizes[] = {64, 1000, 8192, sizeof(text)};

	(void)state;
	for (size_t i = 0; i < NELEM(levels) * NELEM(sizes); i++) {
		size_t n = sizes[i % NELEM(sizes)];
		struct zip *z = zip_new(levels[i / NELEM(sizes)]);
		struct buf packed = BUF_INIT, out = BUF_INIT;
		struct err e = ERR_INIT;

		assert_non_null(z);
		assert_int_equal(zip_pack(z, text, n, &packed), 1);
		assert_true(packed.len < n);
		assert_int_equal(wire_get_u32((const uint8_t *)packed.data), n);
		assert_int_equal(
		    zip_unpack(z, packed.data, packed.len, WIRE_MAX, &out, &e),
		    0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.data, text, n);
		zip_free(z);
		buf_free(&packed);
		buf_free(&out);
	}
}

static void
what_does_not_shrink_is_sent_raw(void **state)
{
	static const int levels[] = {0, 1, ZIP_AUTO};
	struct buf packed = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(levels); i++) {
		struct zip *z = zip_new(levels[i]);

		assert_int_equal(zip_pack(z, noise, sizeof(noise), &packed), 0);
		assert_int_equal(zip_pack(z, noise, 1, &packed), 0);
		assert_int_equal(zip_pack(z, noise, 0, &packed), 0);
		zip_free(z);
	}
	buf_free(&packed);
}

static void
level_none_never_packs(void **state)
{
	struct buf packed = BUF_INIT;
	struct zip *z = zip_new(0);

	(void)state;
	assert_int_equal(zip_pack(z, text, sizeof(text), &packed), 0);
	zip_free(z);
	zip_free(NULL);
	buf_free(&packed);
}

/* Hexadecimal noise shrinks to a half, and no step below thrift leaves it. */
static void
fill_hex(char *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = "0123456789abcdef"[noise[i] & 15];
}

static void
auto_judges_each_frame_by_a_sample(void **state)
{
	static char hex[256 * 1024];
	struct buf packed = BUF_INIT;
	struct zip *z = zip_new(ZIP_AUTO);

	(void)state;
	fill_hex(hex, sizeof(hex));
	zip_aim(z, 1, 0, 17);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(zip_pack(z, noise, sizeof(noise), &packed), 0);
		assert_int_equal(zip_pack(z, text, sizeof(text), &packed), 1);
		assert_int_equal(zip_pack(z, hex, sizeof(hex), &packed), 1);
	}
	zip_aim(z, -1, 0, 40);
	assert_int_equal(zip_pack(z, hex, sizeof(hex), &packed), 0);
	assert_int_equal(zip_pack(z, text, sizeof(text), &packed), 1);
	zip_free(z);
	buf_free(&packed);
}

static void
of_two_levels_the_smaller_result_goes(void **state)
{
	static const int levels[] = {1, 6};
	static char hex[256 * 1024];
	struct buf packed = BUF_INIT, out = BUF_INIT;
	struct zip *z = zip_new(ZIP_AUTO);
	size_t least = SIZE_MAX;
	struct err e = ERR_INIT;

	(void)state;
	fill_hex(hex, sizeof(hex));
	for (size_t i = 0; i < NELEM(levels); i++) {
		zip_aim(z, levels[i], 0, 17);
		assert_int_equal(zip_pack(z, hex, sizeof(hex), &packed), 1);
		least = MIN_OF(least, packed.len);
	}
	for (size_t i = 0; i < NELEM(levels); i++) {
		zip_aim(z, levels[i], levels[1 - i], 17);
		assert_int_equal(zip_pack(z, hex, sizeof(hex), &packed), 1);
		assert_int_equal(packed.len, least);
		assert_int_equal(zip_unpack(z, packed.data, packed.len,
				     sizeof(hex), &out, &e),
		    0);
		assert_memory_equal(out.data, hex, sizeof(hex));
	}
	zip_free(z);
	buf_free(&packed);
	buf_free(&out);
}

static void
refuse(const char *what, const struct buf *b, size_t n, size_t max)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct zip *z = zip_new(0);
	char *copy = malloc(n + 1);

	assert_non_null(copy);
	memcpy(copy, b->data, n);
	if (zip_unpack(z, copy, n, max, &out, &e) == 0)
		fail_msg("%s was accepted", what);
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_true(out.cap <= 2 * WIRE_MAX);
	free(copy);
	zip_free(z);
	buf_free(&out);
}

static void
hostile_frames_are_refused(void **state)
{
	struct buf b = BUF_INIT, twice = BUF_INIT;
	struct zip *z = zip_new(1);

	(void)state;
	assert_int_equal(zip_pack(z, text, sizeof(text), &b), 1);
	refuse("more than max", &b, b.len, sizeof(text) - 1);
	for (size_t n = 0; n < b.len; n++)
		refuse("a cut frame", &b, n, WIRE_MAX);
	wire_put_u32((uint8_t *)b.data, sizeof(text) - 1);
	refuse("less announced than there is", &b, b.len, WIRE_MAX);
	wire_put_u32((uint8_t *)b.data, sizeof(text) + 1);
	refuse("more announced than there is", &b, b.len, WIRE_MAX);
	wire_put_u32((uint8_t *)b.data, UINT32_MAX);
	refuse("4 GiB announced", &b, b.len, WIRE_MAX);
	wire_put_u32((uint8_t *)b.data, 0);
	refuse("nothing announced", &b, b.len, WIRE_MAX);
	wire_put_u32((uint8_t *)b.data, sizeof(text));
	buf_add(&twice, b.data, b.len);
	buf_add(&twice, b.data + 4, b.len - 4);
	refuse("two frames", &twice, twice.len, WIRE_MAX);
	buf_reset(&twice);
	buf_add(&twice, b.data, b.len);
	buf_add(&twice, "\x50\x2a\x4d\x18\0\0\0\0", 8);
	refuse("a frame to skip behind it", &twice, twice.len, WIRE_MAX);
	b.data[4] ^= 1;
	refuse("wrong magic", &b, b.len, WIRE_MAX);
	zip_free(z);
	buf_free(&b);
	buf_free(&twice);
}

/* A flipped byte may unpack to other bytes; it may not do harm. */
static void
damaged_frames_do_no_harm(void **state)
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	struct zip *z = zip_new(1);

	(void)state;
	assert_int_equal(zip_pack(z, text, 5000, &b), 1);
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 1; bit < 256; bit <<= 1) {
			struct err e = ERR_INIT;

			b.data[i] ^= (char)bit;
			if (zip_unpack(z, b.data, b.len, WIRE_MAX, &out, &e) ==
			    -1)
				assert_int_equal(e.code, ERR_PROTOCOL);
			b.data[i] ^= (char)bit;
		}
	assert_int_equal(zip_unpack(z, b.data, b.len, WIRE_MAX, &out, NULL), 0);
	zip_free(z);
	buf_free(&b);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_level_makes_the_round_trip),
	    cmocka_unit_test(what_does_not_shrink_is_sent_raw),
	    cmocka_unit_test(level_none_never_packs),
	    cmocka_unit_test(auto_judges_each_frame_by_a_sample),
	    cmocka_unit_test(of_two_levels_the_smaller_result_goes),
	    cmocka_unit_test(hostile_frames_are_refused),
	    cmocka_unit_test(damaged_frames_do_no_harm),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
