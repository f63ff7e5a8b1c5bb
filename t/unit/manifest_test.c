/* core/manifest.h: what goes out comes back, and what a hostile peer sends
 * does not come in. */
#include "base/std.h"
#include "core/manifest.h"
#include "core/wire.h"

#include <setjmp.h>

#include <cmocka.h>

/* "fbase/1/10 600 8192", links "lpg_wal 777 0 -> /wal", all on one line. */
static const char *
render(const struct manifest *m, struct buf *b)
{
	buf_reset(b);
	for (size_t i = 0; i < m->n; i++) {
		const struct entry *en = &m->v[i];

		buf_addf(b, "%s%c%s %o %" PRIu64, i > 0 ? " | " : "", en->type,
		    en->path, en->mode, en->size);
		if (en->link != NULL)
			buf_addf(b, " -> %s", en->link);
	}
	return buf_str(b);
}

static const struct entry sample[] = {
    {.type = 'f',
	.path = "PG_VERSION",
	.mode = 0600,
	.size = 3,
	.mtime_ns = -5},
    {.type = 'd', .path = "base", .mode = 0700},
    {.type = 'd', .path = "base/1", .mode = 0750},
    {.type = 'f',
	.path = "base/1/10",
	.mode = 0640,
	.size = UINT64_C(1) << 40,
	.mtime_ns = INT64_MAX,
	.ctime_ns = INT64_MIN,
	.ino = UINT64_MAX,
	.dev = 0xfe01},
    {.type = 'f', .path = "base/1/10_fsm", .mode = 04777},
    {.type = 'f', .path = "base/\xff\n", .mode = 0600, .size = 1},
    {.type = 'l', .path = "pg_tblspc/16385", .mode = 0777, .link = "/ts/1"},
    {.type = 'l', .path = "pg_wal", .mode = 0777, .link = ""},
};

static void
a_round_trip_changes_nothing(void **state)
{
	struct manifest m = {0}, back = {0};
	struct buf wire = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(sample); i++) {
		assert_int_equal(manifest_add(&m, &sample[i], &e), 0);
		manifest_encode(&wire, &sample[i]);
	}
	assert_true(buf_ok(&wire));
	if (manifest_decode(&back, wire.data, wire.len, &e) == -1)
		fail_msg("%s", e.text);
	assert_string_equal(render(&back, &a), render(&m, &b));
	assert_string_equal(buf_str(&a),
	    "fPG_VERSION 600 3 | dbase 700 0 | dbase/1 750 0 | "
	    "fbase/1/10 640 1099511627776 | fbase/1/10_fsm 4777 0 | "
	    "fbase/\xff\n 600 1 | lpg_tblspc/16385 777 0 -> /ts/1 | "
	    "lpg_wal 777 0 -> ");
	for (size_t i = 0; i < m.n; i++) {
		const struct filestamp was = manifest_stamp(&sample[i]),
				       is = manifest_stamp(&back.v[i]);

		assert_true(filestamp_same(&was, &is));
		assert_int_equal(back.v[i].nlink, 1);
	}
	assert_int_equal(back.bytes, (UINT64_C(1) << 40) + 4);
	assert_int_equal(m.bytes, back.bytes);
	manifest_free(&m);
	manifest_free(&back);
	manifest_free(&back);
	buf_free(&wire);
	buf_free(&a);
	buf_free(&b);
}

static void
entries_are_found_by_name(void **state)
{
	struct manifest m = {0}, none = {0};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(sample); i++)
		assert_int_equal(manifest_add(&m, &sample[i], &e), 0);
	for (size_t i = 0; i < NELEM(sample); i++)
		assert_ptr_equal(manifest_find(&m, sample[i].path), &m.v[i]);
	assert_null(manifest_find(&m, "base/1/1"));
	assert_null(manifest_find(&m, "zzz"));
	assert_null(manifest_find(&m, ""));
	assert_null(manifest_find(&none, "base"));
	assert_int_equal(manifest_lower(&m, ""), 0);
	assert_int_equal(manifest_lower(&m, "base/1/1"), 3);
	assert_int_equal(manifest_lower(&m, "zzz"), m.n);
	manifest_free(&m);
}

static void
long_texts_and_many_entries(void **state)
{
	struct manifest m = {0};
	struct err e = ERR_INIT;
	char path[1100];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(
		    path, sizeof(path), "%08u/%0200u/%0200u", i, i, i);
		assert_int_equal(
		    manifest_add(&m,
			&(struct entry){.type = 'f', .path = path, .size = 1},
			&e),
		    0);
	}
	assert_int_equal(m.n, 3000);
	assert_int_equal(m.bytes, 3000);
	for (unsigned i = 0; i < 3000; i += 7) {
		(void)snprintf(
		    path, sizeof(path), "%08u/%0200u/%0200u", i, i, i);
		assert_ptr_equal(manifest_find(&m, path), &m.v[i]);
	}
	manifest_free(&m);
}

/* One bad entry behind a good one, as raw bytes. */
struct raw {
	const char *name;
	uint8_t type;
	uint64_t size;
	const char *path;
	size_t len; /* 0: strlen */
	const char *link;
	size_t linklen;
	const char *want;
};

static void
add_raw(struct buf *b, const struct raw *r)
{
	buf_add_u8(b, r->type);
	buf_add_u32(b, 0600);
	wire_add_stamp(b, &(struct filestamp){.size = r->size});
	wire_add_str(b, r->path, r->len == 0 ? strlen(r->path) : r->len);
	if (r->link != NULL)
		wire_add_str(
		    b, r->link, r->linklen == 0 ? strlen(r->link) : r->linklen);
}

static const char *
decode_copy(const struct buf *b, size_t n, struct manifest *m, struct err *e)
{
	/* Exactly as long as it is: ASan sees a byte too many. */
	char *copy = malloc(n == 0 ? 1 : n);

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, b->data, n);
	err_clear(e);
	*m = (struct manifest){0};
	(void)manifest_decode(m, copy, n, e);
	free(copy);
	return e->text;
}

static char long_link[5000];

static void
B7_hostile_entries_are_refused(void **state)
{
	static const struct raw t[] = {
	    {"twice", 'f', 1, "base", 0, NULL, 0, "out of order or twice"},
	    {"before", 'f', 1, "abc", 0, NULL, 0, "out of order or twice"},
	    {"absolute", 'f', 1, "/etc/x", 0, NULL, 0, "absolute"},
	    {"up", 'f', 1, "x/../../y", 0, NULL, 0, "has a part \"..\""},
	    {"NUL", 'f', 1, "x\0y", 3, NULL, 0, "entry cut short"},
	    {"NUL in link", 'l', 0, "x", 0, "a\0b", 3, "entry cut short"},
	    {"special", 's', 0, "x", 0, NULL, 0, "bad entry"},
	    {"type 0", 0, 0, "x", 0, NULL, 0, "unknown type"},
	    {"type F", 'F', 0, "x", 0, NULL, 0, "unknown type"},
	    {"type 255", 255, 0, "x", 0, NULL, 0, "unknown type"},
	    {"huge", 'f', UINT64_MAX, "x", 0, NULL, 0, "bad entry"},
	    {"negative", 'f', UINT64_C(1) << 63, "x", 0, NULL, 0, "bad entry"},
	    {"empty", 'f', 1, "\0", 1, NULL, 0, "entry cut short"},
	    {"long link", 'l', 1, "x", 0, long_link, sizeof(long_link),
		"entry cut short"},
	};
	static const struct raw good = {"good", 'd', 0, "base", 0, NULL, 0, ""};

	(void)state;
	memset(long_link, 'a', sizeof(long_link));
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;
		struct manifest m;
		struct err e = ERR_INIT;

		add_raw(&b, &good);
		add_raw(&b, &t[i]);
		if (strstr(decode_copy(&b, b.len, &m, &e), t[i].want) == NULL ||
		    e.code != ERR_PROTOCOL)
			fail_msg("%s: \"%s\", not \"%s\"", t[i].name, e.text,
			    t[i].want);
		assert_int_equal(m.n, 1);
		manifest_free(&m);
		buf_free(&b);
	}
}

static void
a_bad_name_is_told_escaped_and_cut(void **state)
{
	struct raw r = {"x", 'f', 1, "/\x1b[31m\n", 0, NULL, 0, ""};
	struct buf b = BUF_INIT;
	struct manifest m;
	struct err e = ERR_INIT;

	(void)state;
	add_raw(&b, &r);
	(void)decode_copy(&b, b.len, &m, &e);
	assert_string_equal(e.text, "manifest: \"/\\033[31m\\012\": absolute");
	manifest_free(&m);
	buf_free(&b);
}

static void
a_payload_that_is_cut_anywhere_is_refused(void **state)
{
	struct buf b = BUF_INIT;
	size_t ends[NELEM(sample)], k = 0;

	(void)state;
	for (size_t i = 0; i < NELEM(sample); i++) {
		manifest_encode(&b, &sample[i]);
		ends[i] = b.len;
	}
	for (size_t n = 0; n <= b.len; n++) {
		struct manifest m;
		struct err e = ERR_INIT;

		(void)decode_copy(&b, n, &m, &e);
		if (n == 0 || n == ends[k]) {
			assert_false(err_is_set(&e));
			k += n > 0;
		} else {
			assert_int_equal(e.code, ERR_PROTOCOL);
		}
		assert_int_equal(m.n, k);
		manifest_free(&m);
	}
	buf_free(&b);
}

static void
lengths_that_lie_are_refused(void **state)
{
	struct raw r = {"x", 'f', 1, "x", 0, NULL, 0, ""};
	struct buf b = BUF_INIT;
	struct manifest m;
	struct err e = ERR_INIT;

	(void)state;
	add_raw(&b, &r);
	for (int len = 0; len < 65536; len += len < 8 ? 1 : 97) {
		b.data[45] = (char)(len >> 8);
		b.data[46] = (char)len;
		(void)decode_copy(&b, b.len, &m, &e);
		assert_int_equal(e.code, len == 1 ? ERR_NONE : ERR_PROTOCOL);
		manifest_free(&m);
	}
	buf_free(&b);
}

static void
the_sum_of_sizes_cannot_overflow(void **state)
{
	struct manifest m = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    manifest_add(&m,
		&(struct entry){.type = 'f', .path = "a", .size = INT64_MAX},
		&e),
	    0);
	assert_int_equal(
	    manifest_add(&m,
		&(struct entry){.type = 'f', .path = "b", .size = INT64_MAX},
		&e),
	    0);
	assert_int_equal(
	    manifest_add(
		&m, &(struct entry){.type = 'f', .path = "c", .size = 2}, &e),
	    -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_int_equal(m.n, 2);
	manifest_free(&m);
}

static void
more_entries_than_the_limit_are_refused(void **state)
{
	struct manifest m = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    manifest_add(&m, &(struct entry){.type = 'd', .path = "a"}, &e), 0);
	/* As if it were full; nothing behind the first is looked at. */
	m.n = m.cap = MANIFEST_MAX;
	assert_int_equal(
	    manifest_add(&m, &(struct entry){.type = 'd', .path = "b"}, &e),
	    -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	assert_string_equal(e.text, "manifest: more than 10000000 entries");
	manifest_free(&m);
}

static void
a_local_walk_may_hold_specials(void **state)
{
	struct manifest m = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    manifest_add(&m,
		&(struct entry){
		    .type = 's', .path = "sock", .size = 9, .nlink = 4},
		&e),
	    0);
	assert_int_equal(m.bytes, 0);
	assert_int_equal(m.v[0].nlink, 4);
	manifest_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_round_trip_changes_nothing),
	    cmocka_unit_test(entries_are_found_by_name),
	    cmocka_unit_test(long_texts_and_many_entries),
	    cmocka_unit_test(B7_hostile_entries_are_refused),
	    cmocka_unit_test(a_bad_name_is_told_escaped_and_cut),
	    cmocka_unit_test(a_payload_that_is_cut_anywhere_is_refused),
	    cmocka_unit_test(lengths_that_lie_are_refused),
	    cmocka_unit_test(the_sum_of_sizes_cannot_overflow),
	    cmocka_unit_test(more_entries_than_the_limit_are_refused),
	    cmocka_unit_test(a_local_walk_may_hold_specials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
