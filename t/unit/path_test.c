/* core/path.h: which names are taken from a peer, and what a name says. */
#include "base/std.h"
#include "base/buf.h"
#include "core/path.h"

#include <fnmatch.h>

#include <setjmp.h>

#include <cmocka.h>

static char long_part[400], long_path[1400];

static int
setup(void **state)
{
	(void)state;
	memset(long_part, 'x', sizeof(long_part));
	for (size_t i = 0; i < sizeof(long_path); i++)
		long_path[i] = i % 100 == 99 ? '/' : 'y';
	return 0;
}

#define NAME(s) s, sizeof(s) - 1

/* faults.md B7: names are bytes; newline and bytes that are not UTF-8 are
 * ordinary. */
static void
B7_names_are_checked(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		const char *want; /* NULL: fine */
	} t[] = {
	    {NAME("base"), NULL},
	    {NAME("base/1/10"), NULL},
	    {NAME("a"), NULL},
	    {NAME("..."), NULL},
	    {NAME("..a/.b/c.."), NULL},
	    {NAME("a/.../b"), NULL},
	    {NAME("new\nline"), NULL},
	    {NAME("\xff\xfe/\x80"), NULL},
	    {NAME("sp ace/\\"), NULL},
	    {NAME(""), "empty"},
	    {NAME("/"), "absolute"},
	    {NAME("/etc/passwd"), "absolute"},
	    {NAME("."), "has a part \".\""},
	    {NAME("./a"), "has a part \".\""},
	    {NAME("a/."), "has a part \".\""},
	    {NAME("a/./b"), "has a part \".\""},
	    {NAME(".."), "has a part \"..\""},
	    {NAME("../a"), "has a part \"..\""},
	    {NAME("a/.."), "has a part \"..\""},
	    {NAME("a/../b"), "has a part \"..\""},
	    {NAME("a//b"), "has an empty part"},
	    {NAME("a/"), "has an empty part"},
	    {NAME("a/b//"), "has an empty part"},
	    {NAME("a\0b"), "holds a NUL byte"},
	    {NAME("a\0"), "holds a NUL byte"},
	    {NAME("\0"), "holds a NUL byte"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		/* Exactly as long as it says: ASan sees a byte too many. */
		char *copy = malloc(t[i].n + 1);
		const char *why;

		assert_non_null(copy);
		copy = realloc(copy, t[i].n == 0 ? 1 : t[i].n);
		memcpy(copy, t[i].p, t[i].n);
		why = path_check(copy, t[i].n);
		if (t[i].want == NULL && why != NULL)
			fail_msg("\"%s\" %s", t[i].p, why);
		if (t[i].want != NULL &&
		    (why == NULL || strcmp(why, t[i].want) != 0))
			fail_msg("\"%s\": got %s, wanted %s", t[i].p,
			    why == NULL ? "nothing" : why, t[i].want);
		free(copy);
	}
}

static void
B7_lengths_have_limits(void **state)
{
	(void)state;
	assert_null(path_check(long_part, 255));
	assert_string_equal(
	    path_check(long_part, 256), "has a part that is too long");
	assert_null(path_check(long_path, 1024));
	assert_string_equal(path_check(long_path, 1025), "too long");
	assert_string_equal(path_check(long_path, SIZE_MAX), "too long");
}

static const char *const sorted[] = {
    "PG_VERSION",
    "base",
    "base/1",
    "base/1/10",
    "base/1/10.1",
    "base/1/10_init",
    "base/1/9",
    "base/1/sub",
    "base/1/sub/x",
    "base/10",
    "base/10/1",
    "base\x01",
    "base\x01/a",
    "base base",
    "base.d",
    "base.d/a",
    "base0",
    "base\x7f",
    "base\x80",
    "base\xff",
    "c",
};

static void
the_order_is_that_of_a_depth_first_walk(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(sorted); i++)
		for (size_t j = 0; j < NELEM(sorted); j++) {
			int got = path_cmp(sorted[i], sorted[j]);
			int want = i < j ? -1 : i > j;

			if ((got > 0) - (got < 0) != want)
				fail_msg(
				    "%s <> %s: %d", sorted[i], sorted[j], got);
		}
}

/* All that lies below a directory stands right behind it, whatever the names
 * are: compare with component-wise strcmp. */
static int
slow_cmp(const char *a, const char *b)
{
	for (;;) {
		size_t n = strcspn(a, "/"), m = strcspn(b, "/");
		int c = memcmp(a, b, MIN_OF(n, m));

		if (c != 0)
			return c;
		if (n != m)
			return n < m ? -1 : 1;
		if (a[n] == '\0' || b[m] == '\0')
			return (a[n] != '\0') - (b[m] != '\0');
		a += n + 1;
		b += m + 1;
	}
}

static void
the_order_is_that_of_components(void **state)
{
	static const char bytes[] = "/.0a\x01\xff-";
	char a[8], b[8];
	unsigned x = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char *to[2] = {a, b};
		int got, want;

		for (int k = 0; k < 2; k++) {
			size_t n = 0;

			for (int j = 0; j < 7; j++) {
				x = x * 1103515245 + 12345;
				if ((x >> 16) % 8 == 7)
					break;
				to[k][n++] = bytes[(x >> 16) % 7];
			}
			to[k][n] = '\0';
		}
		if (path_check(a, strlen(a)) != NULL ||
		    path_check(b, strlen(b)) != NULL)
			continue;
		got = path_cmp(a, b);
		want = slow_cmp(a, b);
		if ((got > 0) - (got < 0) != (want > 0) - (want < 0))
			fail_msg("\"%s\" <> \"%s\": %d, %d", a, b, got, want);
	}
}

static void
below_and_base(void **state)
{
	(void)state;
	assert_true(path_below("base/1", "base", false));
	assert_true(path_below("base/1/2", "base/1", false));
	assert_false(path_below("base", "base", false));
	assert_true(path_below("base", "base", true));
	assert_false(path_below("base2", "base", true));
	assert_false(path_below("bas", "base", true));
	assert_string_equal(path_base("a/b/c"), "c");
	assert_string_equal(path_base("c"), "c");
}

static const char *
relation(const char *p, struct buf *b)
{
	static const char *const forks[] = {"main", "fsm", "vm", "init"};
	struct relpath r;

	buf_reset(b);
	if (!path_relation(p, &r))
		return "-";
	buf_addf(b, "%.*s %s %u%s", (int)r.stem, p, forks[r.fork], r.segment,
	    r.temporary ? " temp" : "");
	return buf_str(b);
}

static void
what_a_name_says_about_a_relation(void **state)
{
	static const struct {
		const char *p, *want;
	} t[] = {
	    {"base/1/10", "base/1/10 main 0"},
	    {"base/16384/2619", "base/16384/2619 main 0"},
	    {"base/1/4294967295", "base/1/4294967295 main 0"},
	    {"base/1/10.1", "base/1/10 main 1"},
	    {"base/1/10.4095", "base/1/10 main 4095"},
	    {"base/1/10_fsm", "base/1/10 fsm 0"},
	    {"base/1/10_fsm.2", "base/1/10 fsm 2"},
	    {"base/1/10_vm", "base/1/10 vm 0"},
	    {"base/1/10_vm.1", "base/1/10 vm 1"},
	    {"base/1/10_init", "base/1/10 init 0"},
	    {"base/1/10_init.1", "base/1/10 init 1"},
	    {"base/1/t3_123", "base/1/t3_123 main 0 temp"},
	    {"base/1/t3_123_fsm", "base/1/t3_123 fsm 0 temp"},
	    {"base/1/t3_123_vm.1", "base/1/t3_123 vm 1 temp"},
	    {"base/1/t12_5.1", "base/1/t12_5 main 1 temp"},
	    {"global/1262", "global/1262 main 0"},
	    {"global/1262_fsm", "global/1262 fsm 0"},
	    {"pg_tblspc/16385/PG_15_202209061/5/10",
		"pg_tblspc/16385/PG_15_202209061/5/10 main 0"},
	    {"pg_tblspc/16385/PG_9.6_201608131/5/t3_10_vm",
		"pg_tblspc/16385/PG_9.6_201608131/5/t3_10 vm 0 temp"},
	    {"pg_tblspc/16385/PG_15_202209061/5/10_init",
		"pg_tblspc/16385/PG_15_202209061/5/10 init 0"},
	    {"base/1/PG_VERSION", "-"},
	    {"base/1/pg_filenode.map", "-"},
	    {"base/1/pg_internal.init", "-"},
	    {"base/1/pg_internal.init.123", "-"},
	    {"base/1/10_foo", "-"},
	    {"base/1/10_fsm_vm", "-"},
	    {"base/1/10_fsm1", "-"},
	    {"base/1/10.", "-"},
	    {"base/1/10.a", "-"},
	    {"base/1/10.1.2", "-"},
	    {"base/1/10.99999999999", "-"},
	    {"base/1/10.9999999999", "-"},
	    {"base/1/10x", "-"},
	    {"base/1/x10", "-"},
	    {"base/1/t3", "-"},
	    {"base/1/t_3", "-"},
	    {"base/1/t3_", "-"},
	    {"base/1/t3_x", "-"},
	    {"base/1/tt3_4", "-"},
	    {"base/1/-1", "-"},
	    {"base/1/10/10", "-"},
	    {"base/1", "-"},
	    {"base/1/", "-"},
	    {"base/x/10", "-"},
	    {"base/pgsql_tmp/10", "-"},
	    {"base/99999999999/1", "-"},
	    {"basement/1/10", "-"},
	    {"global/pg_control", "-"},
	    {"global/pg_filenode.map", "-"},
	    {"global", "-"},
	    {"global/1/2", "-"},
	    {"pg_tblspc/16385/5/10", "-"},
	    {"pg_tblspc/16385/PG_15_202209061/10", "-"},
	    {"pg_tblspc/16385/PG_15_202209061", "-"},
	    {"pg_tblspc/16385", "-"},
	    {"pg_tblspc/x/PG_15_202209061/5/10", "-"},
	    {"pg_wal/000000010000000000000001", "-"},
	    {"10", "-"},
	    {"", "-"},
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		const char *got = relation(t[i].p, &b);

		if (strcmp(got, t[i].want) != 0)
			fail_msg("%s: %s, not %s", t[i].p, got, t[i].want);
	}
	buf_free(&b);
}

static void
the_name_of_a_tablespace(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		uint32_t oid;
	} t[] = {
	    {"pg_tblspc/16385", 15, 16385},
	    {"pg_tblspc/16385/PG_15_1", 15, 16385},
	    {"pg_tblspc/4294967295/x", 20, UINT32_MAX},
	    {"pg_tblspc/4294967296/x", 0, 7},
	    {"pg_tblspc/99999999999", 0, 7},
	    {"pg_tblspc/", 0, 7},
	    {"pg_tblspc", 0, 7},
	    {"pg_tblspc/x", 0, 7},
	    {"pg_tblspc/1x", 0, 7},
	    {"pg_tblspcs/1", 0, 7},
	    {"a/pg_tblspc/1", 0, 7},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		uint32_t oid = 7;

		if (path_tablespace(t[i].p, &oid) != t[i].n || oid != t[i].oid)
			fail_msg("%s: %zu %u", t[i].p,
			    path_tablespace(t[i].p, NULL), oid);
	}
}

static void
what_consists_of_pages(void **state)
{
	static const char *const yes[] = {"base/1/10", "base/1/10.3",
	    "base/1/10_fsm", "base/1/10_vm", "base/1/10_init", "global/1262",
	    "pg_tblspc/1/PG_15_1/5/10", "pg_xact/0000", "pg_clog/0000",
	    "pg_multixact/members/0000", "pg_multixact/offsets/0000",
	    "pg_commit_ts/0000"};
	static const char *const no[] = {"PG_VERSION", "base/1/PG_VERSION",
	    "global/pg_control", "global/pg_filenode.map", "pg_xact",
	    "pg_xact2/0000", "pg_multixact/x", "pg_twophase/0000",
	    "pg_wal/000000010000000000000001", "postgresql.conf",
	    "pg_logical/snapshots/1", "pg_stat/pgstat.stat"};

	(void)state;
	for (size_t i = 0; i < NELEM(yes); i++)
		if (!path_paged(yes[i]))
			fail_msg("%s is not paged", yes[i]);
	for (size_t i = 0; i < NELEM(no); i++)
		if (path_paged(no[i]))
			fail_msg("%s is paged", no[i]);
}

/* The short cuts change no answer. */
static void
a_pattern_matches_what_fnmatch_matches(void **state)
{
	static const char *const patterns[] = {"", "*", "core", "core.*",
	    "*.tmp", "*.standby-clone.tmp", "?ore", "[bc]ore", "*[pq]", "*\\?",
	    "\\core", "*\\e", "pg_*/x", "*/x", "[a", "*[a", "*?", "a*", "]",
	    "*]"};
	static const char *const names[] = {"", "core", "core.1", "bore", "x",
	    "a.tmp", "tmp", ".tmp", "1.standby-clone.tmp", "q", "what?",
	    "pg_x/x", "pg_x/y", "a/b/x", "[a", "b[a", "a", "]", "x]", "*"};
	static const int flags[] = {0, FNM_PATHNAME};

	(void)state;
	for (size_t p = 0; p < NELEM(patterns); p++)
		for (size_t n = 0; n < NELEM(names); n++)
			for (size_t f = 0; f < NELEM(flags); f++)
				if (path_matches(
					patterns[p], names[n], flags[f]) !=
				    (fnmatch(patterns[p], names[n], flags[f]) ==
					0))
					fail_msg("\"%s\" and \"%s\", flags %d",
					    patterns[p], names[n], flags[f]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(B7_names_are_checked),
	    cmocka_unit_test(B7_lengths_have_limits),
	    cmocka_unit_test(the_order_is_that_of_a_depth_first_walk),
	    cmocka_unit_test(the_order_is_that_of_components),
	    cmocka_unit_test(below_and_base),
	    cmocka_unit_test(what_a_name_says_about_a_relation),
	    cmocka_unit_test(the_name_of_a_tablespace),
	    cmocka_unit_test(what_consists_of_pages),
	    cmocka_unit_test(a_pattern_matches_what_fnmatch_matches),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
