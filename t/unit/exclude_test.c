/* core/exclude.h: every row, on both sides. */
#include "base/std.h"
#include "core/exclude.h"

#include <setjmp.h>

#include <cmocka.h>

static const char *const patterns[] = {"*.bak", "/top/secret", "base/*/x"};
static const struct exclude plain;
static const struct exclude full = {
    .log_dir = "pg_log",
    .stats_temp = "stats",
    .trigger = "go/now",
    .tblspc_dir = "PG_15_202209061",
    .patterns = patterns,
    .npatterns = NELEM(patterns),
};

struct row {
	const char *path; /* a slash behind it: a directory */
	const char *want;
};

/* "no", "all", "contents", and "covered" when something above decides. */
static const char *
verdict(const struct exclude *x, const char *text)
{
	static const char *const names[] = {"no", "all", "contents"};
	char path[300];
	size_t n = strlen(text);
	bool dir = text[n - 1] == '/';
	enum exclude_verdict v;

	(void)snprintf(path, sizeof(path), "%.*s", (int)(n - dir), text);
	v = exclude_check(x, path, dir);
	if (v == EXCLUDE_ALL)
		assert_true(exclude_covers(x, path, dir));
	if (v == EXCLUDE_NO && exclude_covers(x, path, dir))
		return "covered";
	return names[v];
}

static void
check(const struct exclude *x, const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = verdict(x, t[i].path);

		if (strcmp(got, t[i].want) != 0)
			fail_msg("%s: %s, not %s", t[i].path, got, t[i].want);
	}
}

static void
what_is_never_copied(void **state)
{
	static const struct row t[] = {
	    {"postmaster.pid", "all"},
	    {"postmaster.opts", "all"},
	    {"backup_label", "all"},
	    {"backup_label.old", "all"},
	    {"tablespace_map", "all"},
	    {"tablespace_map.old", "all"},
	    {"backup_manifest", "all"},
	    {"standby.signal", "all"},
	    {"recovery.signal", "all"},
	    {"recovery.conf", "all"},
	    {"recovery.done", "all"},
	    {"promote", "all"},
	    {"fallback_promote", "all"},
	    {"logrotate", "all"},
	    {"postgresql.auto.conf.tmp", "all"},
	    {"current_logfiles", "all"},
	    {"current_logfiles.tmp", "all"},
	    {"core", "all"},
	    {"core.1234", "all"},
	    {".standby-clone.state", "all"},
	    {".standby-clone.index", "all"},
	    {"lost+found/", "all"},
	    {"global/pg_control.standby-clone", "all"},
	    {"global/pg_control.standby-clone.new", "all"},
	    {"base/1/10.standby-clone.tmp", "all"},
	    {"base/pgsql_tmp/", "all"},
	    {"base/pgsql_tmp/pgsql_tmp123.0", "all"},
	    {"pg_tblspc/1/PG_15_1/pgsql_tmp/", "all"},
	    {"global/pg_internal.init", "all"},
	    {"base/1/pg_internal.init.123", "all"},
	    {".DS_Store", "all"},
	    {"base/.DS_Store", "all"},
	    {"pg_wal/", "contents"},
	    {"pg_xlog/", "contents"},
	    {"pg_replslot/", "contents"},
	    {"pg_dynshmem/", "contents"},
	    {"pg_notify/", "contents"},
	    {"pg_serial/", "contents"},
	    {"pg_snapshots/", "contents"},
	    {"pg_stat_tmp/", "contents"},
	    {"pg_subtrans/", "contents"},
	    {"pg_wal/000000010000000000000001", "covered"},
	    {"pg_wal/archive_status/", "covered"},
	    {"pg_wal/archive_status/x.ready", "covered"},
	    {"pg_replslot/a/state", "covered"},
	    {"base/pgsql_tmp/t/", "covered"},
	};

	(void)state;
	check(&plain, t, NELEM(t));
	check(&full, t, 20); /* settings take nothing away */
}

static void
what_is_copied(void **state)
{
	static const struct row t[] = {
	    {"PG_VERSION", "no"},
	    {"base/", "no"},
	    {"base/1/10", "no"},
	    {"base/1/PG_VERSION", "no"},
	    {"global/pg_control", "no"},
	    {"global/pg_filenode.map", "no"},
	    {"pg_stat/pgstat.stat", "no"},
	    {"pg_twophase/", "no"},
	    {"pg_logical/snapshots/", "no"},
	    {"postgresql.conf", "no"},
	    {"postgresql.auto.conf", "no"},
	    {"conf.d/postmaster.pid", "no"},
	    {"base/1/core", "no"},
	    {"corefile", "no"},
	    {"sub/promote", "no"},
	    {"pg_wal2/", "no"},
	    {"base/pg_wal/", "no"},
	    {"log/", "no"},
	    {"stats/", "no"},
	    {"go/now", "no"},
	    {"x.bak", "no"},
	    {"pg_tblspc/", "no"},
	    {"pg_tblspc/1/", "no"},
	    {"pg_tblspc/1/PG_15_202209061/", "no"},
	    {"pg_tblspc/1/PG_14_202107181/", "no"},
	    {"pg_tblspc/1/PG_15_202209061/5/10", "no"},
	    {"pg_wal", "no"}, /* a file of that name: not the row's business */
	    {"pg_tblspc/1/other/", "all"},
	    {"pg_tblspc/1/other/file", "covered"},
	};

	(void)state;
	check(&plain, t, NELEM(t));
}

static void
settings_and_patterns(void **state)
{
	static const struct row t[] = {
	    {"pg_log/", "contents"},
	    {"pg_log/today.log", "covered"},
	    {"pg_log", "no"},
	    {"stats/", "contents"},
	    {"stats/global.stat", "covered"},
	    {"go/now", "all"},
	    {"go/", "no"},
	    {"a.bak", "all"},
	    {"base/1/b.bak", "all"},
	    {"dir.bak/", "all"},
	    {"dir.bak/inside", "covered"},
	    {"top/secret", "all"},
	    {"top/secret/x", "covered"},
	    {"sub/top/secret", "no"},
	    {"base/1/x", "all"},
	    {"base/1/2/x", "no"},
	    {"pg_tblspc/1/PG_15_202209061/", "no"},
	    {"pg_tblspc/1/PG_14_202107181/", "all"},
	    {"pg_tblspc/1/PG_14_202107181/5/10", "covered"},
	    {"pg_tblspc/1/lost+found/", "all"},
	    {"pg_tblspc/1/", "no"},
	};

	(void)state;
	check(&full, t, NELEM(t));
}

static void
a_path_that_is_too_long_is_covered_and_protected(void **state)
{
	char path[1100];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_true(exclude_covers(&plain, path, false));
	assert_true(exclude_protects(&plain, path, false));
}

/* faults.md B25, B26: what stays on the target, and what must go. */
static void
B25_what_of_the_target_is_protected(void **state)
{
	static const struct {
		const char *path;
		bool want;
	} t[] = {
	    {".standby-clone.state", true},
	    {".standby-clone.index", true},
	    {"global/pg_control.standby-clone", true},
	    {"global/pg_control.standby-clone.new", true},
	    {"lost+found", true},
	    {"lost+found/#12", true},
	    {"pg_tblspc/1/lost+found", true},
	    {"pg_log/old.log", true},
	    {"pg_log/sub/old.log", true},
	    {"my.bak", true},
	    {"dir.bak/inside", true},
	    {"top/secret", true},
	    {"top/secret/x", true},
	    {"pg_tblspc/1/PG_14_202107181", true},
	    {"pg_tblspc/1/PG_14_202107181/5/10", true},
	    {"pg_tblspc/1/notes.txt", true},
	    {"pg_log", false}, /* the directory itself comes from the source */
	    {"pg_log2/x", false},
	    {"stats/global.stat", false},
	    {"go/now", false},
	    {"pg_tblspc/1", false},
	    {"pg_tblspc/1/PG_15_202209061", false},
	    {"pg_tblspc/1/PG_15_202209061/5/10", false},
	    {"base/1/10", false},
	    {"postmaster.pid", false},
	    {"backup_label", false},
	    {"backup_label.old", false},
	    {"standby.signal", false},
	    {"promote", false},
	    {"pg_wal/00000003.history", false},
	    {"pg_replslot/a/state", false},
	    {"base/1/10.standby-clone.tmp", false},
	    {"sub/.standby-clone.state", false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++)
		if (exclude_protects(&full, t[i].path, false) != t[i].want)
			fail_msg("%s: %d", t[i].path, !t[i].want);
}

static void
a_directory_of_a_setting(void **state)
{
	static const struct {
		const char *setting, *pgdata, *want; /* NULL: outside */
	} t[] = {
	    {"log", "/data", "log"},
	    {"log/", "/data", "log"},
	    {"./log", "/data", "log"},
	    {"././log//", "/data", "log"},
	    {"a/b", "/data", "a/b"},
	    {"/data/log", "/data", "log"},
	    {"/data/log/", "/data/", "log"},
	    {"/data//log", "/data//", "log"},
	    {"/data/a/b", "/data", "a/b"},
	    {"/data", "/data", NULL},
	    {"/data/", "/data", NULL},
	    {"/data2/log", "/data", NULL},
	    {"/var/log", "/data", NULL},
	    {"../log", "/data", NULL},
	    {"a/../../log", "/data", NULL},
	    {"a//b", "/data", NULL},
	    {".", "/data", NULL},
	    {"./", "/data", NULL},
	    {"", "/data", NULL},
	    {"0123456789abcdef", "/data", NULL}, /* does not fit */
	    {"0123456789abcde", "/data", "0123456789abcde"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		char rel[16] = "untouched";
		int rc = exclude_relative(
		    t[i].setting, t[i].pgdata, rel, sizeof(rel));

		if (rc != (t[i].want != NULL) ||
		    (rc == 1 && strcmp(rel, t[i].want) != 0))
			fail_msg("%s in %s: %d %s", t[i].setting, t[i].pgdata,
			    rc, rel);
	}
}

static void
the_list_names_every_row(void **state)
{
	static const char *const want[] = {"postmaster.pid ", "**/pgsql_tmp* ",
	    "pg_wal/* ", "pg_replslot/* ", "global/pg_control.standby-clone* ",
	    "(log_directory)/* ", "(unlogged relations) ", "(tablespaces) "};
	struct buf b = BUF_INIT;

	(void)state;
	exclude_list(&b);
	assert_true(buf_ok(&b));
	for (size_t i = 0; i < NELEM(want); i++)
		if (strstr(buf_str(&b), want[i]) == NULL)
			fail_msg("\"%s\" is not in\n%s", want[i], buf_str(&b));
	assert_int_equal(b.data[b.len - 1], '\n');
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_never_copied),
	    cmocka_unit_test(what_is_copied),
	    cmocka_unit_test(settings_and_patterns),
	    cmocka_unit_test(a_path_that_is_too_long_is_covered_and_protected),
	    cmocka_unit_test(B25_what_of_the_target_is_protected),
	    cmocka_unit_test(a_directory_of_a_setting),
	    cmocka_unit_test(the_list_names_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
