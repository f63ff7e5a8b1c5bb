#include "base/std.h"
#include "flow/marker.h"

#include <setjmp.h>
#include <cmocka.h>

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"

static const char golden[] = "standby-clone-marker 1\n"
			     "uuid " UUID "\n"
			     "system_identifier 7281936400112233445\n"
			     "timeline 3\n"
			     "phase transfer\n"
			     "source db1:5432\n"
			     "pid 4711\n"
			     "slot db2\n"
			     "label it's \\134 \\012me\n"
			     "server_started 1795327555\n"
			     "old_system_identifier 18446744073709551615\n"
			     "old_checkpoint 16/B374D848\n"
			     "old_timeline 2\n"
			     "kept postgresql.conf\n"
			     "kept conf.d/a b\\012\n"
			     "root 16385 /srv/t s\n"
			     "setting restore_command cp /a \\012%p\n"
			     "end\n";

static int
parse(const char *text, struct marker *m, struct err *e)
{
	return marker_parse(text, strlen(text), m, e);
}

static void
what_is_written_is_read_again(void **state)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct marker m;

	(void)state;
	assert_int_equal(parse(golden, &m, &e), 0);
	assert_string_equal(m.uuid, UUID);
	assert_int_equal(m.system_identifier, UINT64_C(7281936400112233445));
	assert_int_equal(m.timeline, 3);
	assert_string_equal(m.phase, "transfer");
	assert_string_equal(m.source, "db1:5432");
	assert_int_equal(m.pid, 4711);
	assert_string_equal(m.slot, "db2");
	assert_string_equal(m.label, "it's \\ \nme");
	assert_string_equal(m.server_started, "1795327555");
	assert_true(m.old_system_identifier == UINT64_MAX);
	assert_int_equal(m.old_checkpoint, UINT64_C(0x16B374D848));
	assert_int_equal(m.old_timeline, 2);
	assert_int_equal(m.nkept, 2);
	assert_string_equal(m.kept[1], "conf.d/a b\n");
	assert_int_equal(m.nroots, 1);
	assert_string_equal(m.roots[0], "16385 /srv/t s");
	assert_int_equal(m.nsettings, 1);
	assert_string_equal(m.settings[0], "restore_command cp /a \n%p");
	marker_render(&m, &b);
	assert_string_equal(buf_str(&b), golden);
	buf_free(&b);
	marker_free(&m);
	marker_free(&m);
}

static void
a_marker_that_was_cut_anywhere_is_refused(void **state)
{
	struct marker m;

	(void)state;
	for (size_t n = 0; n < sizeof(golden) - 1; n++) {
		struct err e = ERR_INIT;
		/* of its own, so that reading too far shows */
		char *part = malloc(n + 1);

		assert_non_null(part);
		memcpy(part, golden, n);
		assert_int_equal(marker_parse(part, n, &m, &e), -1);
		assert_int_equal(e.code, ERR_TARGET_NOT_PGDATA);
		assert_null(m.source);
		free(part);
	}
}

#define HEAD                                                                   \
	"standby-clone-marker 1\nuuid " UUID "\nsystem_identifier 7\n"         \
	"phase x\nsource s\n"

static void
values_that_we_would_not_write_are_refused(void **state)
{
	static const char *const bad[] = {
	    "kept ../../etc/passwd\n",
	    "kept /etc/passwd\n",
	    "kept a//b\n",
	    "kept \n",
	    "root 16385 srv\n",
	    "root /srv\n",
	    "root 12345678901 /srv\n",
	    "slot A\n",
	    "slot a'b\n",
	    "slot a\nslot b\n",
	    "uuid 0f8fad5b\n",
	    "uuid 0F8FAD5B-d9cb-469f-a165-70867728950e\n",
	    "phase very-long-phase-x\n",
	    "phase A b\n",
	    "pid -1\n",
	    "pid 99999999999\n",
	    "timeline 4294967296\n",
	    "timeline x\n",
	    "timeline \n",
	    "timeline\n",
	    "old_system_identifier 18446744073709551616\n",
	    "old_checkpoint 16\n",
	    "label a\\9\n",
	    "label a\\00\n",
	    "label a\\000\n",
	    "label a\\777\n",
	    "label a\tb\n",
	    "label \n",
	    "\n",
	    " x\n",
	    "a-key-that-is-far-too-long-to-be-ours x\n",
	    "end\n",
	};
	struct buf b = BUF_INIT;
	struct marker m;

	(void)state;
	for (size_t i = 0; i < NELEM(bad); i++) {
		struct err e = ERR_INIT;

		buf_reset(&b);
		buf_addf(&b, "%s%send\n", HEAD, bad[i]);
		if (parse(buf_str(&b), &m, &e) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.code, ERR_TARGET_NOT_PGDATA);
	}
	buf_free(&b);
}

static void
a_key_of_a_later_version_is_skipped(void **state)
{
	struct marker m;

	(void)state;
	assert_int_equal(parse(HEAD "colour blue\nend\n", &m, NULL), 0);
	marker_free(&m);
	assert_int_equal(parse("standby-clone-marker 2\nend\n", &m, NULL), -1);
	assert_int_equal(parse("", &m, NULL), -1);
}

static void
a_nul_or_a_missing_key_is_refused(void **state)
{
	static const char nul[] = HEAD "label a\0b\nend\n";
	struct marker m;

	(void)state;
	assert_int_equal(marker_parse(nul, sizeof(nul) - 1, &m, NULL), -1);
	assert_int_equal(
	    parse("standby-clone-marker 1\nuuid " UUID "\nend\n", &m, NULL),
	    -1);
}

static void
a_copy_shares_nothing_and_may_be_of_itself(void **state)
{
	struct marker a, b = {.pid = 0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(parse(golden, &a, &e), 0);
	assert_int_equal(marker_copy(&b, &a, &e), 0);
	assert_ptr_not_equal(a.source, b.source);
	assert_int_equal(marker_copy(&b, &b, &e), 0);
	marker_free(&a);
	assert_string_equal(b.roots[0], "16385 /srv/t s");
	b.phase[0] = 'X';
	assert_int_equal(marker_copy(&a, &b, &e), -1);
	assert_null(a.source);
	marker_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_again),
	    cmocka_unit_test(a_marker_that_was_cut_anywhere_is_refused),
	    cmocka_unit_test(values_that_we_would_not_write_are_refused),
	    cmocka_unit_test(a_key_of_a_later_version_is_skipped),
	    cmocka_unit_test(a_nul_or_a_missing_key_is_refused),
	    cmocka_unit_test(a_copy_shares_nothing_and_may_be_of_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
