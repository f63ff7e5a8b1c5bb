/* backup_label and tablespace_map. */
#include "core/label.h"

#include <setjmp.h>
#include <cmocka.h>

#define HEAD                                                                   \
	"START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"      \
	"CHECKPOINT LOCATION: 0/2000060\n"

static void
the_label_of_18_is_read(void **state)
{
	static const char text[] = HEAD
	    "BACKUP METHOD: streamed\nBACKUP FROM: primary\n"
	    "START TIME: 2026-11-22 12:20:18 GMT\nLABEL: standby-clone x y\n"
	    "START TIMELINE: 7\n";
	struct err e = ERR_INIT;
	struct label l;

	(void)state;
	assert_int_equal(label_parse(text, strlen(text), &l, &e), 0);
	assert_true(l.start_lsn == 0x2000028);
	assert_true(l.checkpoint_lsn == 0x2000060);
	assert_string_equal(l.start_wal, "000000010000000000000002");
	assert_string_equal(l.from, "primary");
	assert_string_equal(l.label, "standby-clone x y");
	assert_int_equal(l.timeline, 7);
}

static void
the_label_of_9_0_is_read(void **state)
{
	static const char text[] =
	    HEAD "START TIME: 2010-11-22 12:20:18 GMT\nLABEL: l\n";
	struct err e = ERR_INIT;
	struct label l;

	(void)state;
	assert_int_equal(label_parse(text, strlen(text), &l, &e), 0);
	assert_string_equal(l.from, "");
	assert_string_equal(l.label, "l");
	assert_int_equal(l.timeline, 0);
}

static void
a_master_is_a_primary_and_a_standby_a_standby(void **state)
{
	static const char master[] = HEAD "BACKUP FROM: master\n";
	static const char standby[] = HEAD "BACKUP FROM: standby\n";
	struct err e = ERR_INIT;
	struct label l;

	(void)state;
	assert_int_equal(label_parse(master, strlen(master), &l, &e), 0);
	assert_string_equal(l.from, "primary");
	assert_int_equal(label_parse(standby, strlen(standby), &l, &e), 0);
	assert_string_equal(l.from, "standby");
}

static void
a_label_with_newlines_imitates_nothing(void **state)
{
	static const char text[] = HEAD
	    "BACKUP FROM: primary\nLABEL: a\nLABEL: b\nBACKUP FROM: standby\n"
	    "START WAL LOCATION: 9/9 (file 000000010000000000000009)\n"
	    "START TIMELINE: 3\nSTART TIMELINE: 4\n";
	struct err e = ERR_INIT;
	struct label l;

	(void)state;
	assert_int_equal(label_parse(text, strlen(text), &l, &e), 0);
	assert_true(l.start_lsn == 0x2000028);
	assert_string_equal(l.label, "a");
	assert_string_equal(l.from, "primary");
	assert_int_equal(l.timeline, 3);
}

static void
what_is_not_a_label_is_refused(void **state)
{
	static const char *const bad[] = {"", "\n", "x",
	    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n",
	    "CHECKPOINT LOCATION: 0/2000060\n"
	    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n",
	    "\n" HEAD,
	    "START WAL LOCATION: 0/0 (file 000000010000000000000002)\n"
	    "CHECKPOINT LOCATION: 0/2000060\n",
	    "START WAL LOCATION: 0/2000028 (file 00000001000000000000002)\n"
	    "CHECKPOINT LOCATION: 0/2000060\n",
	    "START WAL LOCATION: 0/2000028 (file 00000001000000000000000g)\n"
	    "CHECKPOINT LOCATION: 0/2000060\n",
	    "START WAL LOCATION: 0/2000028(file 000000010000000000000002)\n"
	    "CHECKPOINT LOCATION: 0/2000060\n",
	    "START WAL LOCATION: 0/2000028\nCHECKPOINT LOCATION: 0/2000060\n",
	    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
	    "CHECKPOINT LOCATION: 0/2000060 \n",
	    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
	    "CHECKPOINT LOCATION: \n",
	    HEAD "BACKUP FROM: moon\n", HEAD "START TIMELINE: 0\n",
	    HEAD "START TIMELINE: 4294967296\n", HEAD "START TIMELINE: \n",
	    HEAD "START TIMELINE: 1x\n"};
	struct err e = ERR_INIT;
	struct label l = {.timeline = 42};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (label_parse(bad[i], strlen(bad[i]), &l, &e) != -1)
			fail_msg("row %zu was taken: %s", i, bad[i]);
		assert_int_equal(e.code, ERR_SQL);
		assert_int_equal(l.timeline, 42);
		err_clear(&e);
	}
	assert_int_equal(label_parse(NULL, 0, &l, &e), -1);
}

static void
a_label_is_bounded_and_text(void **state)
{
	static const char nul[] = HEAD "LABEL: a\0b\n";
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct label l;

	(void)state;
	assert_int_equal(label_parse(nul, sizeof(nul) - 1, &l, &e), -1);
	err_clear(&e);
	buf_adds(&b, HEAD "LABEL: ");
	while (b.len < LABEL_MAX)
		buf_addc(&b, 'x');
	assert_int_equal(label_parse(b.data, b.len, &l, &e), 0);
	assert_int_equal(strlen(l.label), sizeof(l.label) - 1);
	buf_addc(&b, 'x');
	assert_int_equal(label_parse(b.data, b.len, &l, &e), -1);
	buf_free(&b);
}

/* --- tablespace_map --- */

struct mapping {
	uint32_t oid;     /* 0: none */
	const char *seen; /* path that must be given for oid */
	const char *to;
};

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"

static void
our_label_ends_with_the_uuid_whatever_the_user_wrote(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {NULL, "standby-clone " UUID},
	    {"", "standby-clone " UUID},
	    {"nightly", "nightly standby-clone " UUID},
	    {"a\nSTART TIMELINE: 9\x7f",
		"a START TIMELINE: 9  standby-clone " UUID},
	};
	char to[256], small[64], text[400];

	(void)state;
	for (size_t i = 0; i < NELEM(cases); i++) {
		label_make(to, sizeof(to), cases[i].text, UUID);
		assert_string_equal(to, cases[i].want);
		assert_true(label_is_ours(to, UUID));
	}
	/* Three bytes a character; none is cut in two. */
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xea\xb0\x80", 4);
	for (size_t size = 200; size <= sizeof(to); size++) {
		label_make(to, size, text, UUID);
		assert_true(strlen(to) < size && strlen(to) + 3 >= size);
		assert_true(label_is_ours(to, UUID));
		assert_int_equal(
		    (strlen(to) - strlen(" standby-clone " UUID)) % 3, 0);
	}
	label_make(small, sizeof(small), text, UUID);
	assert_true(label_is_ours(small, UUID));
}

static void
a_label_is_ours_by_its_last_two_words_alone(void **state)
{
	static const char *const not_ours[] = {"", "nightly", UUID,
	    "standby-clone ", "standby-clone of Monday", "standby-clone" UUID,
	    "x-standby-clone " UUID, "standby-clone " UUID " ",
	    "standby-clone " UUID "0", "standby-clone " UUID " by hand",
	    "standby-clone 0F8fad5b-d9cb-469f-a165-70867728950e",
	    "standby-clone 0f8fad5b0d9cb-469f-a165-70867728950e"};

	(void)state;
	for (size_t i = 0; i < NELEM(not_ours); i++)
		assert_false(label_is_ours(not_ours[i], NULL));
	assert_true(label_is_ours("standby-clone " UUID, NULL));
	assert_true(label_is_ours("\xb0\xa1 standby-clone " UUID, UUID));
	assert_false(label_is_ours(
	    "standby-clone " UUID, "1f8fad5b-d9cb-469f-a165-70867728950e"));
}

static const char *
map_one(void *arg, uint32_t oid, const char *path)
{
	const struct mapping *m = arg;

	if (oid != m->oid)
		return NULL;
	if (m->seen != NULL)
		assert_string_equal(path, m->seen);
	return m->to;
}

static void
maps_are_rewritten_by_the_rules_of_the_version(void **state)
{
	static const struct {
		int version;
		const char *in;
		struct mapping map;
		const char *out; /* NULL: error */
	} t[] = {
	    {180004, "", {0, NULL, NULL}, ""},
	    {180004, "16384 /ts1\n16385 /ts2\n", {16385, "/ts2", "/new"},
		"16384 /ts1\n16385 /new\n"},
	    {90525, "16384 /ts1\n", {16384, "/ts1", "/new"}, "16384 /new\n"},
	    {180004, "16384 /a b\n", {16384, "/a b", "/c  d"}, "16384 /c  d\n"},
	    /* a newline and \r have a backslash before them in all */
	    {130023, "1 /a\\\nb\n2 /x\n", {1, "/a\nb", "/c\nd"},
		"1 /c\\\nd\n2 /x\n"},
	    {140023, "1 /a\\\nb\n2 /x\n", {1, "/a\nb", "/c\rd"},
		"1 /c\\\rd\n2 /x\n"},
	    /* a backslash from 14 only */
	    {140023, "1 /a\\\\b\n", {1, "/a\\b", "/c\\d"}, "1 /c\\\\d\n"},
	    {130023, "1 /a\\b\n", {1, "/a\\b", "/c\\d"}, "1 /c\\d\n"},
	    {140023, "1 /a\\\\\n", {1, "/a\\", "/c\\"}, "1 /c\\\\\n"},
	    {130023, "1 /a\n", {1, "/a", "/c\\"}, NULL},
	    /* what is not changed is not touched */
	    {140023, "1 /a\\b\\\\\\\nc\n", {1, "/ab\\\nc", NULL},
		"1 /a\\b\\\\\\\nc\n"},
	    {140023, "01 /a\r\n2 /b\r\n", {2, "/b", "/b"}, "01 /a\r\n2 /b\r\n"},
	    {140023, "1 /a\r\n2 /b\r\n", {1, "/a", "/c"}, "1 /c\r\n2 /b\r\n"},
	    {180004, "16384 pg_tblspc/16384\n", {1, NULL, "/x"},
		"16384 pg_tblspc/16384\n"},
	    /* what the file cannot hold, and what is no map */
	    {180004, "1 /a\n", {1, "/a", "rel"}, NULL},
	    {180004, "1 /a\n", {1, "/a", ""}, NULL},
	    {180004, "1 /a", {0, NULL, NULL}, NULL},
	    {180004, "1 /a\\\n", {0, NULL, NULL}, NULL},
	    {180004, "1\n", {0, NULL, NULL}, NULL},
	    {180004, "1 \n", {0, NULL, NULL}, NULL},
	    {180004, "x /a\n", {0, NULL, NULL}, NULL},
	    {180004, "0 /a\n", {0, NULL, NULL}, NULL},
	    {180004, "4294967296 /a\n", {0, NULL, NULL}, NULL},
	    {180004, "99999999999 /a\n", {0, NULL, NULL}, NULL},
	    {180004, " 1 /a\n", {0, NULL, NULL}, NULL},
	};
	struct err e = ERR_INIT;
	struct buf out = BUF_INIT;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < NELEM(t); i++) {
		buf_reset(&out);
		rc = label_map_rewrite(t[i].in, strlen(t[i].in), t[i].version,
		    map_one, (void *)(uintptr_t)&t[i].map, &out, &e);
		if ((rc == 0) != (t[i].out != NULL))
			fail_msg("row %zu: %d %s", i, rc, e.text);
		if (rc == 0 && strcmp(buf_str(&out), t[i].out) != 0)
			fail_msg("row %zu: %s", i, buf_str(&out));
		assert_int_equal(rc == -1, err_is_set(&e));
		err_clear(&e);
	}
	buf_free(&out);
}

static void
a_new_location_fits_the_line_of_the_server_or_is_refused(void **state)
{
	char path[1100];
	struct mapping m = {12345, "/a", path};
	struct err e = ERR_INIT;
	struct buf out = BUF_INIT, again = BUF_INIT;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[LABEL_MAP_LINE - 6] = '\0';
	assert_int_equal(
	    label_map_rewrite("12345 /a\n", 9, 180004, map_one, &m, &out, &e),
	    0);
	assert_int_equal(out.len, LABEL_MAP_LINE + 1);
	/* and it is read again */
	m.seen = path;
	m.to = NULL;
	assert_int_equal(label_map_rewrite(out.data, out.len, 180004, map_one,
			     &m, &again, &e),
	    0);
	assert_string_equal(buf_str(&again), buf_str(&out));
	buf_free(&again);
	m.seen = "/a";
	m.to = path;
	path[LABEL_MAP_LINE - 6] = 'x';
	path[LABEL_MAP_LINE - 5] = '\0';
	assert_int_equal(
	    label_map_rewrite("12345 /a\n", 9, 180004, map_one, &m, &out, &e),
	    -1);
	assert_int_equal(e.code, ERR_TABLESPACE);
	buf_free(&out);
}

static void
a_map_with_a_nul_or_without_end_is_refused(void **state)
{
	struct mapping m = {0, NULL, NULL};
	struct err e = ERR_INIT;
	struct buf in = BUF_INIT, out = BUF_INIT;

	(void)state;
	assert_int_equal(
	    label_map_rewrite("1 /a\0b\n", 7, 180004, map_one, &m, &out, &e),
	    -1);
	assert_int_equal(e.code, ERR_SQL);
	err_clear(&e);
	buf_adds(&in, "1 /");
	while (in.len < 5000)
		buf_addc(&in, 'x');
	buf_addc(&in, '\n');
	assert_int_equal(
	    label_map_rewrite(in.data, in.len, 180004, map_one, &m, &out, &e),
	    -1);
	err_clear(&e);
	while (in.len <= LABEL_MAP_MAX)
		buf_adds(&in, "1 /a\n");
	assert_int_equal(
	    label_map_rewrite(in.data, in.len, 180004, map_one, &m, &out, &e),
	    -1);
	buf_free(&in);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_label_of_18_is_read),
	    cmocka_unit_test(the_label_of_9_0_is_read),
	    cmocka_unit_test(a_master_is_a_primary_and_a_standby_a_standby),
	    cmocka_unit_test(a_label_with_newlines_imitates_nothing),
	    cmocka_unit_test(what_is_not_a_label_is_refused),
	    cmocka_unit_test(a_label_is_bounded_and_text),
	    cmocka_unit_test(
		our_label_ends_with_the_uuid_whatever_the_user_wrote),
	    cmocka_unit_test(a_label_is_ours_by_its_last_two_words_alone),
	    cmocka_unit_test(maps_are_rewritten_by_the_rules_of_the_version),
	    cmocka_unit_test(
		a_new_location_fits_the_line_of_the_server_or_is_refused),
	    cmocka_unit_test(a_map_with_a_nul_or_without_end_is_refused),
	};

	return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}
