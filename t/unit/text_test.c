#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/text.h"

static void
sizes_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t want;
	} t[] = {
	    {"512", 0, 512}, {"0", 0, 0}, {"0B", 0, 0}, {"7B", 0, 7},
	    {"16MB", 0, 16777216}, {"80 MB", 0, 83886080}, {"1kB", 0, 1024},
	    {"1KB", 0, 1024}, {"1.5GB", 0, 1610612736},
	    {"0.000001TB", 0, 1099511}, {"2TB", 0, UINT64_C(2199023255552)},
	    {"18446744073709551615", 0, UINT64_MAX},
	    {"16777215TB", 0, UINT64_C(16777215) << 40}, {"16777216TB", -1, 0},
	    {"18446744073709551616", -1, 0}, {"99999999999999999999999", -1, 0},
	    {"16777215.9999999TB", -1, 0}, {"", -1, 0}, {" 1", -1, 0},
	    {"1 ", -1, 0}, {"1MB ", -1, 0}, {"-1", -1, 0}, {"+1", -1, 0},
	    {"MB", -1, 0}, {"1mb", -1, 0}, {"1M", -1, 0}, {"1MiB", -1, 0},
	    {"1PB", -1, 0}, {"0x10", -1, 0}, {"1e3", -1, 0}, {"1.", -1, 0},
	    {".5GB", -1, 0}, {"1.5", -1, 0}, {"1.5B", -1, 0},
	    {"1.5.5MB", -1, 0}, {"1,5MB", -1, 0}, {"1.1234567MB", -1, 0},
	    {"1\tMB", -1, 0}, {"\xef\xbc\x91MB", -1, 0}, /* full-width digit */
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		uint64_t got = 4711;

		if (text_size(t[i].text, &got) != t[i].rc ||
		    got != (t[i].rc == 0 ? t[i].want : 4711))
			fail_msg("\"%s\": %" PRIu64, t[i].text, got);
	}
}

static void
times_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t want;
	} t[] = {
	    {"90", 0, 90000},
	    {"30s", 0, 30000},
	    {"5min", 0, 300000},
	    {"1.5h", 0, 5400000},
	    {"0.25", 0, 250},
	    {"250ms", 0, 250},
	    {"2 d", 0, 172800000},
	    {"0", 0, 0},
	    {"9223372036854775807ms", 0, INT64_MAX},
	    {"9223372036854775808ms", -1, 0},
	    {"9223372036854776", -1, 0},
	    {"106751991168d", -1, 0},
	    {"", -1, 0},
	    {"-5s", -1, 0},
	    {"5m", -1, 0},
	    {"5sec", -1, 0},
	    {"5S", -1, 0},
	    {"1.5ms", -1, 0},
	    {"5s 3", -1, 0},
	    {"s", -1, 0},
	    {"1us", -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		int64_t got = 4711;

		if (text_time(t[i].text, &got) != t[i].rc ||
		    got != (t[i].rc == 0 ? t[i].want : 4711))
			fail_msg("\"%s\": %" PRId64, t[i].text, got);
	}
}

static void
sizes_are_written_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} t[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1 kB"},
	    {72704, "71 kB"},
	    {1048000, "1023 kB"},
	    {1048575, "1.0 MB"},
	    {1048576, "1.0 MB"},
	    {1153434, "1.1 MB"},
	    {104805172, "100 MB"}, /* 99.95 */
	    {104752742, "99.9 MB"},
	    {222298112, "212 MB"},
	    {1073741823, "1.0 GB"},
	    {UINT64_C(13314398617), "12.4 GB"},
	    {UINT64_C(1099511627776), "1.0 TB"},
	    {UINT64_MAX, "16777216 TB"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		text_add_size(&b, t[i].bytes);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
}

static void
durations_are_written_for_people(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} t[] = {
	    {0, "0 ms"},
	    {99, "99 ms"},
	    {100, "0.1 s"},
	    {400, "0.4 s"},
	    {41234, "41.2 s"},
	    {59949, "59.9 s"},
	    {59950, "1 min 0 s"},
	    {62000, "1 min 2 s"},
	    {3599499, "59 min 59 s"},
	    {3599500, "1 h 0 min"},
	    {7500000, "2 h 5 min"},
	    {172800000, "2 d 0 h"},
	    {273600000, "3 d 4 h"},
	    {-400, "-0.4 s"},
	    {INT64_MIN, "-106751991167 d 7 h"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		text_add_duration(&b, t[i].ms);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
}

static void
counts_have_commas(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} t[] = {
	    {0, "0"},
	    {999, "999"},
	    {1934, "1,934"},
	    {123456, "123,456"},
	    {UINT64_MAX, "18,446,744,073,709,551,615"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		text_add_count(&b, t[i].n);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
}

static void
foreign_bytes_cannot_drive_a_terminal(void **state)
{
	static const struct {
		const char *bytes;
		const char *want;
	} t[] = {
	    {"plain text~", "plain text~"}, {"a\nb\tc\r", "a\\012b\\011c\\015"},
	    {"\x1b[31m", "\\033[31m"}, {"del\x7f", "del\\177"},
	    {"back\\slash", "back\\134slash"},
	    {"\xeb\x8c\x80\xea\xb8\xb0", "\xeb\x8c\x80\xea\xb8\xb0"},
	    {"\xf0\x9f\x90\x98", "\xf0\x9f\x90\x98"},
	    {"\xc2\xa0", "\xc2\xa0"},                      /* U+00A0 */
	    {"\xc2\x80", "\\302\\200"},                    /* C1 as UTF-8 */
	    {"\xc2\x9b", "\\302\\233"},                    /* CSI */
	    {"\xc2\x9f", "\\302\\237"}, {"\x9b", "\\233"}, /* CSI, raw */
	    {"\xff\xfe", "\\377\\376"},
	    {"\xc0\xaf", "\\300\\257"}, /* overlong / */
	    {"\xc1\xbf", "\\301\\277"}, {"\xe0\x80\xaf", "\\340\\200\\257"},
	    {"\xe0\x9f\xbf", "\\340\\237\\277"},
	    {"\xf0\x80\x80\xaf", "\\360\\200\\200\\257"},
	    {"\xed\xa0\x80", "\\355\\240\\200"}, /* surrogate */
	    {"\xed\x9f\xbf", "\xed\x9f\xbf"},
	    {"\xf4\x90\x80\x80", "\\364\\220\\200\\200"},
	    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
	    {"\xf5\x80\x80\x80", "\\365\\200\\200\\200"},
	    {"\xeb\x8c", "\\353\\214"}, /* cut off */
	    {"\xeb\x8cx", "\\353\\214x"},
	    {"\xe2\x80\xa8\xe2\x80\xa9",
		"\\342\\200\\250\\342\\200\\251"}, /* U+2028 U+2029 */
	    {"\xe2\x80\xae", "\\342\\200\\256"},   /* right-to-left override */
	    {"\xe2\x81\xa6", "\\342\\201\\246"},   /* isolate */
	    {"\xe2\x80\x8f", "\\342\\200\\217"}, {"\xd8\x9c", "\\330\\234"},
	    {"\xe2\x80\x94", "\xe2\x80\x94"}, /* dash */
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		text_add_escaped(&b, t[i].bytes, strlen(t[i].bytes));
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
	struct buf b = BUF_INIT;

	text_add_escaped(&b, "a\0b", 3);
	assert_string_equal(buf_str(&b), "a\\000b");
	buf_free(&b);
}

static void
a_tail_is_the_last_lines(void **state)
{
	static const struct {
		const char *data;
		size_t lines;
		const char *prefix, *want;
	} t[] = {
	    {"a\nb\nc\n", 2, "log:", "log: b\nlog: c\n"},
	    {"a\nb\nc", 2, "> ", "> b\n> c\n"},
	    {"a\nb\nc", 9, "", "a\nb\nc\n"},
	    {"a\r\nb\r\n\n\n", 1, "", "b\n"},
	    {"a\n\nc", 2, "", "\nc\n"},
	    {"\x1b]0;x\x07\n", 5, "", "\\033]0;x\\007\n"},
	    {"", 5, "x", ""},
	    {"\n\n", 5, "x", ""},
	    {"a", 0, "x", ""},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct buf b = BUF_INIT;

		text_add_tail(
		    &b, t[i].data, strlen(t[i].data), t[i].lines, t[i].prefix);
		assert_string_equal(buf_str(&b), t[i].want);
		buf_free(&b);
	}
}

static void
a_text_is_split_into_lines_that_are_not_empty(void **state)
{
	static const struct {
		const char *text, *want;
	} t[] = {
	    {"one\ntwo\n", "[one][two]"},
	    {"one\ntwo", "[one][two]"},
	    {"\n\none\n\n\ntwo\n\n", "[one][two]"},
	    {"one", "[one]"},
	    {"\n", ""},
	    {"", ""},
	    {NULL, ""},
	};
	struct buf line = BUF_INIT, got = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		const char *at = t[i].text;

		buf_reset(&got);
		while (text_line(&at, &line))
			buf_addf(&got, "[%s]", buf_str(&line));
		assert_string_equal(buf_str(&got), t[i].want);
		assert_false(text_line(&at, &line)); /* and stays at the end */
	}
	buf_free(&line);
	buf_free(&got);
}

static void
the_nearest_word_is_near(void **state)
{
	static const char *const words[] = {"jobs", NULL, "max-rate", "exclude",
	    "checksum", "checkpoint", "ssh"};
	static const struct {
		const char *s, *want;
	} t[] = {
	    {"jbos", "jobs"},
	    {"job", "jobs"},
	    {"maxrate", "max-rate"},
	    {"exlcude", "exclude"},
	    {"chekcpiont", "checkpoint"},
	    {"jobs", "jobs"},
	    {"zzz", NULL},
	    {"x", NULL},
	    {"", NULL},
	    {"completely-else", NULL},
	    {"0123456789012345678901234567890123456789012345678901234567890"
	     "123456789",
		NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		const char *got = text_nearest(t[i].s, words, NELEM(words));

		if (t[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got, t[i].want);
	}
}

static void
a_name_becomes_a_slot_name(void **state)
{
	static const struct {
		const char *name, *want;
	} t[] = {
	    {"db2", "db2"},
	    {"DB-2.example.org", "db_2_example_org"},
	    {"\xeb\x8c\x80", "eb8c80"},
	    {"\xbc\xad\xbf\xef-1", "bcadbfef_1"}, /* EUC-KR */
	    {"\xff\x80\x7f", "ff80_"},
	    {"1234567890123456789012345678901234567890123456789012345678901"
	     "\xeb",
		"1234567890123456789012345678901234567890123456789012345678901"
		"eb"},
	    {"12345678901234567890123456789012345678901234567890123456789012"
	     "\xeb",
		"12345678901234567890123456789012345678901234567890123456789012"
		""},
	    {"", "_"},
	    {"0123456789012345678901234567890123456789012345678901234567890123"
	     "456",
		"01234567890123456789012345678901234567890123456789012345678"
		"9012"},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		text_slot_name(t[i].name, out);
		assert_string_equal(out, t[i].want);
	}
}

static void
an_application_name_is_known_as_the_server_keeps_it(void **state)
{
	static const char long_name[] =
	    "0123456789012345678901234567890123456789012345678901234567890123"
	    "456";
	static const struct {
		const char *shown, *name;
		bool same;
	} t[] = {
	    {"db2", "db2", true},
	    {"db2", "db3", false},
	    {"db", "db2", false},
	    {"db2", "db", false},
	    {"??????", "\xeb\x8c\x80\xea\xb8\xb0", true},
	    {"?????", "\xeb\x8c\x80\xea\xb8\xb0", false},
	    {"??????2", "\xeb\x8c\x80\xea\xb8\xb0", false},
	    {"\\xeb\\x8c\\x80 '\"\\", "\xeb\x8c\x80 '\"\\", true},
	    {"a?b", "a\tb", true},
	    {"012345678901234567890123456789012345678901234567890123456789012",
		long_name, true},
	    {"01234567890123456789012345678901234567890123456789012345678901x",
		long_name, false},
	    {"0123456789", long_name, false},
	    {"", "", false},
	    {NULL, "db2", false},
	    {"db2", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		assert_int_equal(
		    text_same_appname(t[i].shown, t[i].name), t[i].same);
}

static void
a_name_becomes_an_sql_identifier(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	text_add_identifier(&b, "Ops\"; DROP");
	text_add_identifier(&b, "");
	assert_string_equal(buf_str(&b), "\"Ops\"\"; DROP\"\"\"");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes_are_read_strictly),
	    cmocka_unit_test(times_are_read_strictly),
	    cmocka_unit_test(sizes_are_written_for_people),
	    cmocka_unit_test(durations_are_written_for_people),
	    cmocka_unit_test(counts_have_commas),
	    cmocka_unit_test(foreign_bytes_cannot_drive_a_terminal),
	    cmocka_unit_test(a_tail_is_the_last_lines),
	    cmocka_unit_test(a_text_is_split_into_lines_that_are_not_empty),
	    cmocka_unit_test(the_nearest_word_is_near),
	    cmocka_unit_test(a_name_becomes_a_slot_name),
	    cmocka_unit_test(
		an_application_name_is_known_as_the_server_keeps_it),
	    cmocka_unit_test(a_name_becomes_an_sql_identifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
