#include "base/std.h"
#include "io/rsdelta.h"

#include <setjmp.h>
#include <cmocka.h>

#define SIG_MAGIC 0x72730147u
#define DELTA_MAGIC 0x72730236u

/* A small generator of our own: the seed is printed, so a failure can be had
 * again (RSDELTA_SEED). */
static uint64_t rng_state;

static uint64_t
rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static void
fill(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_add_u8(b, (uint8_t)(rng() >> 32));
}

static int
temp_fd(const struct buf *b)
{
	char name[] = "/tmp/rsdelta_test.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	if (b->len > 0)
		assert_int_equal(write(fd, b->data, b->len), b->len);
	return fd;
}

static void
signature(const struct buf *basis, struct buf *sig)
{
	struct err e = ERR_INIT;
	int fd = temp_fd(basis), rc;
	struct rssig *s = rssig_new(fd, basis->len, &e);

	assert_non_null(s);
	while ((rc = rssig_step(s, sig, &e)) == 0)
		;
	assert_int_equal(rc, 1);
	assert_int_equal(rssig_step(s, sig, &e), 1);
	assert_int_equal(sig->len, rsdelta_sig_size(basis->len));
	rssig_free(s);
	close(fd);
}

/* Data in odd portions, so that every boundary is crossed somewhere. */
static size_t
portion(size_t left)
{
	size_t n = (size_t)(rng() % 70000) + 1;

	return MIN_OF(n, left);
}

static int
try_diff(uint64_t basis_size, const struct buf *sig, const struct buf *new,
    struct buf *delta, struct err *e)
{
	struct rsdiff *d = rsdiff_new(basis_size, e);
	size_t n, pos;
	int rc = -1;

	assert_non_null(d);
	for (pos = 0; pos < sig->len; pos += n) {
		n = portion(sig->len - pos);
		if (rsdiff_sig(d, sig->data + pos, n, e) == -1)
			goto out;
	}
	if (rsdiff_sig_end(d, e) == -1)
		goto out;
	for (pos = 0; pos < new->len; pos += n) {
		n = portion(new->len - pos);
		if (rsdiff_step(d, new->data + pos, n, false, delta, e) == -1)
			goto out;
	}
	rc = rsdiff_step(d, NULL, 0, true, delta, e);
out:
	rsdiff_free(d);
	return rc;
}

static int
try_patch(const struct buf *basis, const struct buf *delta, uint64_t max_out,
    struct buf *out, struct err *e)
{
	int fd = temp_fd(basis), rc = 0;
	struct rspatch *p = rspatch_new(fd, delta->len, max_out, e);
	struct buf part = BUF_INIT;
	const char *from;
	size_t n, pos = 0;
	bool last;

	assert_non_null(p);
	do {
		n = portion(delta->len - pos);
		last = pos + n == delta->len;
		from = delta->len == 0 ? NULL : delta->data + pos;
		pos += n;
		while ((rc = rspatch_step(p, from, n, last, &part, e)) == 1) {
			assert_true(part.len <= RSPATCH_OUT + 65536);
			buf_add(out, part.data, part.len);
			buf_reset(&part);
			from = NULL;
			n = 0;
		}
		buf_add(out, part.data, part.len);
		buf_reset(&part);
	} while (rc == 0 && !last);
	rspatch_free(p);
	buf_free(&part);
	close(fd);
	return rc;
}

static size_t
round_trip(const struct buf *basis, const struct buf *new)
{
	struct buf sig = BUF_INIT, delta = BUF_INIT, got = BUF_INIT;
	struct err e = ERR_INIT;
	size_t n;

	signature(basis, &sig);
	if (try_diff(basis->len, &sig, new, &delta, &e) == -1)
		fail_msg("diff: %s", e.text);
	if (try_patch(basis, &delta, new->len, &got, &e) == -1)
		fail_msg("patch: %s", e.text);
	assert_int_equal(got.len, new->len);
	if (got.len > 0)
		assert_memory_equal(got.data, new->data, got.len);
	n = delta.len;
	buf_free(&sig);
	buf_free(&delta);
	buf_free(&got);
	return n;
}

static const size_t sizes[] = {
    0, 1, 1023, 1024, 1025, 2048, 8191, 65535, 65536, 65537, 300000, 1500000};

static void
every_size_makes_the_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(sizes); i++) {
		struct buf a = BUF_INIT, b = BUF_INIT, none = BUF_INIT;

		fill(&a, sizes[i]);
		(void)round_trip(&none, &a);
		(void)round_trip(&a, &none);
		/* identical: nearly nothing is sent */
		assert_true(round_trip(&a, &a) <= 2048 + 64);
		/* one byte in front: rolling sums find the rest */
		fill(&b, 1);
		buf_add(&b, a.data, a.len);
		assert_true(round_trip(&a, &b) <= 4096 + 64);
		buf_free(&a);
		buf_free(&b);
	}
}

static void
edit(struct buf *b)
{
	size_t at = b->len == 0 ? 0 : (size_t)(rng() % b->len);
	size_t n = (size_t)(rng() % 3000);
	struct buf tail = BUF_INIT;

	buf_add(&tail, buf_str(b) + at, b->len - at);
	switch (rng() % 3) {
	case 0: /* insert */
		b->len = at;
		fill(b, n);
		buf_add(b, tail.data, tail.len);
		break;
	case 1: /* remove */
		b->len = at;
		if (tail.len > n)
			buf_add(b, tail.data + n, tail.len - n);
		break;
	default: /* overwrite */
		for (size_t i = at; i < b->len && i < at + n; i++)
			b->data[i] = (char)rng();
	}
	buf_free(&tail);
}

static void
random_edits_make_the_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		struct buf a = BUF_INIT, b = BUF_INIT;

		fill(&a, (size_t)(rng() % 200000));
		buf_add(&b, a.data, a.len);
		for (uint64_t k = rng() % 6; k > 0; k--)
			edit(&b);
		(void)round_trip(&a, &b);
		buf_free(&a);
		buf_free(&b);
	}
}

static void
a_copy_of_everything_comes_in_bounded_portions(void **state)
{
	struct buf a = BUF_INIT;

	(void)state;
	fill(&a, 5000000);
	assert_true(round_trip(&a, &a) < 4096);
	buf_free(&a);
}

static void
block_length_grows_with_the_root(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t want;
	} t[] = {
	    {0, 1024},
	    {1048576, 1024},
	    {1327104, 1152},
	    {UINT64_C(1) << 30, 32768},
	    {UINT64_C(1) << 32, 65536},
	    {UINT64_MAX, 65536},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		assert_int_equal(rsdelta_block_len(t[i].size), t[i].want);
	assert_int_equal(rsdelta_sig_size(0), 12);
	assert_int_equal(rsdelta_sig_size(1025), 12 + 2 * 36);
}

static void
header(struct buf *b, uint32_t magic, uint32_t block, uint32_t strong)
{
	buf_add_u32(b, magic);
	buf_add_u32(b, block);
	buf_add_u32(b, strong);
}

static void
hostile_signatures_are_refused(void **state)
{
	static const struct {
		uint32_t magic, block, strong;
		uint64_t basis;
		size_t body;
	} t[] = {
	    {0x72730136, 1024, 16, 1024, 36}, /* MD4 */
	    {0x72730146, 1024, 32, 1024, 36}, /* RK, MD4 */
	    {0x72730137, 1024, 32, 1024, 36}, /* old weak sum */
	    {DELTA_MAGIC, 1024, 32, 1024, 36},
	    {SIG_MAGIC, 0, 32, 1024, 36},
	    {SIG_MAGIC, 1, 32, 1024, 36},
	    {SIG_MAGIC, 896, 32, 1024, 72},
	    {SIG_MAGIC, 1025, 32, 1024, 36},
	    {SIG_MAGIC, 65536 + 128, 32, 1024, 36},
	    {SIG_MAGIC, 0x7fffffff, 32, 1024, 36},
	    {SIG_MAGIC, 0xffffff80, 32, 1024, 36},
	    {SIG_MAGIC, 1024, 1, 1024, 36},
	    {SIG_MAGIC, 1024, 0, 1024, 36},
	    {SIG_MAGIC, 1024, 33, 1024, 36},
	    {SIG_MAGIC, 1024, 0xffffffff, 1024, 36},
	    {SIG_MAGIC, 1024, 32, 1024, 0}, /* a block less */
	    {SIG_MAGIC, 1024, 32, 1024, 35},
	    {SIG_MAGIC, 1024, 32, 1024, 37},
	    {SIG_MAGIC, 1024, 32, 1024, 72}, /* a block more */
	    {SIG_MAGIC, 1024, 32, 0, 36},
	    {SIG_MAGIC, 1024, 32, UINT64_MAX, 36}, /* too large */
	    {SIG_MAGIC, 65536, 32, UINT64_C(1) << 40, 36},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf sig = BUF_INIT, new = BUF_INIT, out = BUF_INIT;
		struct err e = ERR_INIT;

		header(&sig, t[i].magic, t[i].block, t[i].strong);
		fill(&sig, t[i].body);
		fill(&new, 4000);
		if (try_diff(t[i].basis, &sig, &new, &out, &e) == 0)
			fail_msg("signature %zu was accepted", i);
		assert_int_equal(e.code, ERR_PROTOCOL);
		buf_free(&sig);
		buf_free(&new);
		buf_free(&out);
	}
}

static void
a_cut_signature_is_refused_everywhere(void **state)
{
	struct buf basis = BUF_INIT, sig = BUF_INIT, out = BUF_INIT;
	size_t all;

	(void)state;
	fill(&basis, 3000);
	signature(&basis, &sig);
	for (all = sig.len; sig.len > 0;) {
		struct err e = ERR_INIT;

		sig.len--;
		assert_int_equal(
		    try_diff(basis.len, &sig, &basis, &out, &e), -1);
		assert_int_equal(e.code, ERR_PROTOCOL);
	}
	assert_int_equal(all, 12 + 3 * 36);
	buf_free(&basis);
	buf_free(&sig);
	buf_free(&out);
}

static void
many_blocks_with_one_weak_sum_are_refused(void **state)
{
	struct buf sig = BUF_INIT, none = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	header(&sig, SIG_MAGIC, 1024, 32);
	for (int i = 0; i < 1000; i++) {
		buf_add_u32(&sig, 0x01020304);
		fill(&sig, 32);
	}
	assert_int_equal(try_diff(1024000, &sig, &none, &out, &e), -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	buf_free(&sig);
	buf_free(&out);
}

static void
many_identical_blocks_are_fine(void **state)
{
	struct buf a = BUF_INIT;

	(void)state;
	memset(buf_reserve(&a, 2000000), 0, 2000000);
	a.len = 2000000;
	assert_true(round_trip(&a, &a) < 16384); /* a command per block */
	buf_free(&a);
}

/* Weak sums that match at every byte, strong sums that never do. */
static void
sums_that_cost_too_much_end_in_literals(void **state)
{
	struct buf zero = BUF_INIT, sig = BUF_INIT, delta = BUF_INIT;
	struct buf none = BUF_INIT, got = BUF_INIT;
	struct err e = ERR_INIT;
	size_t n = 4000000;
	uint32_t weak = 1; /* RabinKarp of 64 kB of zeros: the multiplier */

	(void)state;
	memset(buf_reserve(&zero, n), 0, n);
	zero.len = n;
	for (int i = 0; i < 65536; i++)
		weak *= 0x08104225u;
	header(&sig, SIG_MAGIC, 65536, 32);
	buf_add_u32(&sig, weak);
	fill(&sig, 32);
	assert_int_equal(try_diff(65536, &sig, &zero, &delta, &e), 0);
	assert_true(delta.len >= n);
	assert_int_equal(try_patch(&none, &delta, n, &got, &e), 0);
	assert_int_equal(got.len, n);
	assert_memory_equal(got.data, zero.data, n);
	buf_free(&zero);
	buf_free(&sig);
	buf_free(&delta);
	buf_free(&got);
}

/* Deltas byte by byte: %-free strings would hide the zeros, so lengths. */
#define D(s) s, sizeof(s) - 1
#define HEAD "\x72\x73\x02\x36"

static void
hostile_deltas_are_refused(void **state)
{
	static const struct {
		const char *name, *d;
		size_t n;
	} t[] = {
	    {"empty", D("")},
	    {"no magic", D("\x72\x73")},
	    {"wrong magic", D("\x72\x73\x01\x36\x00")},
	    {"no end", D(HEAD)},
	    {"literal without end", D(HEAD "\x01x")},
	    {"short literal", D(HEAD "\x05xy")},
	    {"literal of 2^63", D(HEAD "\x44\x80\0\0\0\0\0\0\0x\0")},
	    {"behind end", D(HEAD "\x01x\0y")},
	    {"end twice", D(HEAD "\x01x\0\0")},
	    {"copy behind the basis", D(HEAD "\x45\xff\x01\0")},
	    {"copy over the end", D(HEAD "\x45\x60\xff\0")},
	    {"copy of nothing", D(HEAD "\x45\0\0\0")},
	    {"copy from -1",
		D(HEAD "\x51\xff\xff\xff\xff\xff\xff\xff\xff\x01\0")},
	    {"copy of -1 bytes",
		D(HEAD "\x48\0\xff\xff\xff\xff\xff\xff\xff\xff\0")},
	    {"reserved command", D(HEAD "\x55\0")},
	    {"too much", D(HEAD "\x45\0\x64\x45\0\x64\x45\0\x64\0")},
	};
	struct buf basis = BUF_INIT;

	(void)state;
	fill(&basis, 100);
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf delta = BUF_INIT, out = BUF_INIT;
		struct err e = ERR_INIT;

		buf_add(&delta, t[i].d, t[i].n);
		if (try_patch(&basis, &delta, 250, &out, &e) != -1)
			fail_msg("\"%s\" was accepted", t[i].name);
		assert_int_equal(e.code, ERR_PROTOCOL);
		buf_free(&delta);
		buf_free(&out);
	}
	buf_free(&basis);
}

/* A few bytes that make gigabytes (faults 0.6): it ends at max_out. */
static void
a_delta_bomb_ends_at_the_bound(void **state)
{
	struct buf basis = BUF_INIT, delta = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	fill(&basis, 60000);
	buf_add_u32(&delta, DELTA_MAGIC);
	for (int i = 0; i < 10000; i++)
		buf_add(&delta, "\x46\x00\xea\x60", 4); /* copy(0, 60000) */
	buf_add_u8(&delta, 0);
	assert_int_equal(try_patch(&basis, &delta, 3000000, &out, &e), -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_true(out.len < 3000000 + 65536 * 2);
	buf_free(&basis);
	buf_free(&delta);
	buf_free(&out);
}

static void
a_delta_longer_than_allowed_is_refused(void **state)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct rspatch *p = rspatch_new(-1, 7, 100, &e);

	(void)state;
	assert_int_equal(
	    rspatch_step(p, HEAD "\x02xy\0", 8, true, &out, &e), -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	rspatch_free(p);
	buf_free(&out);
}

static void
a_basis_that_cannot_be_read_is_a_target_error(void **state)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	int dir = open("/", O_RDONLY | O_DIRECTORY);
	struct rspatch *p = rspatch_new(dir, 100, 100, &e);
	struct rssig *s;

	(void)state;
	assert_int_equal(
	    rspatch_step(p, HEAD "\x45\0\x10\0", 8, true, &out, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_IO);
	assert_non_null(strstr(e.text, strerror(EISDIR)));
	rspatch_free(p);
	err_clear(&e);
	s = rssig_new(dir, 10, &e);
	assert_int_equal(rssig_step(s, &out, &e), -1);
	assert_int_equal(e.code, ERR_TARGET_IO);
	rssig_free(s);
	close(dir);
	buf_free(&out);
}

static void
a_basis_that_shrank_is_a_target_error(void **state)
{
	struct buf a = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_INIT;
	struct rssig *s;
	int fd, rc;

	(void)state;
	fill(&a, 1000);
	fd = temp_fd(&a);
	s = rssig_new(fd, 5000, &e);
	while ((rc = rssig_step(s, &out, &e)) == 0)
		;
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_TARGET_IO);
	rssig_free(s);
	close(fd);
	buf_free(&a);
	buf_free(&out);
}

static void
a_basis_too_large_for_librsync_is_refused(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_null(rssig_new(0, UINT64_C(1) << 40, &e));
	assert_true(err_is_set(&e));
	rssig_free(NULL);
	rsdiff_free(NULL);
	rspatch_free(NULL);
}

int
main(void)
{
	const char *seed = getenv("RSDELTA_SEED");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(block_length_grows_with_the_root),
	    cmocka_unit_test(every_size_makes_the_round_trip),
	    cmocka_unit_test(random_edits_make_the_round_trip),
	    cmocka_unit_test(a_copy_of_everything_comes_in_bounded_portions),
	    cmocka_unit_test(hostile_signatures_are_refused),
	    cmocka_unit_test(a_cut_signature_is_refused_everywhere),
	    cmocka_unit_test(many_blocks_with_one_weak_sum_are_refused),
	    cmocka_unit_test(many_identical_blocks_are_fine),
	    cmocka_unit_test(sums_that_cost_too_much_end_in_literals),
	    cmocka_unit_test(hostile_deltas_are_refused),
	    cmocka_unit_test(a_delta_bomb_ends_at_the_bound),
	    cmocka_unit_test(a_delta_longer_than_allowed_is_refused),
	    cmocka_unit_test(a_basis_that_cannot_be_read_is_a_target_error),
	    cmocka_unit_test(a_basis_that_shrank_is_a_target_error),
	    cmocka_unit_test(a_basis_too_large_for_librsync_is_refused),
	};

	rsdelta_init();
	rng_state = seed != NULL ? strtoull(seed, NULL, 10)
				 : (uint64_t)time(NULL) * 2654435761u | 1;
	fprintf(stderr, "# RSDELTA_SEED=%" PRIu64 "\n", rng_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
