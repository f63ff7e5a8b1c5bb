#include "base/std.h"

#include <ftw.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"
#include "flow/distro.h"

#define V15 150018

static char root[] = "/tmp/distro_test.XXXXXX";

static void
put(const char *name, const char *text)
{
	char path[256], *p;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	for (p = path + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	if (text == NULL) {
		(void)mkdir(path, 0700);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

/* "data_directory = ROOT/DIR" behind lines of others. */
static void
cluster(const char *name, const char *dir)
{
	char text[512], file[128];

	(void)snprintf(text, sizeof(text),
	    "port = 5432\n#data_directory = '/none'\ndata_directory = "
	    "'%s/%s'\t# use data in another directory\n",
	    root, dir);
	(void)snprintf(file, sizeof(file), "etc/%s/postgresql.conf", name);
	put(file, text);
}

static int
setup(void **state)
{
	char etc[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	put("data", NULL);
	put("other", NULL);
	put("etc", NULL);
	cluster("15/main", "other");
	cluster("15/stdby-2", "data/");
	cluster("14/old", "data");
	cluster("15/not there", "data");
	put("etc/15/include/postgresql.conf", "include 'x/none.conf'\n");
	put("etc/15/empty", NULL);
	(void)snprintf(etc, sizeof(etc), "%s/etc", root);
	return setenv("PG_CLUSTER_CONF_ROOT", etc, 1);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	(void)unsetenv("PG_CLUSTER_CONF_ROOT");
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
find(struct distro *d, const char *dir, int version)
{
	char path[128];
	struct err e = ERR_INIT;

	(void)snprintf(path, sizeof(path), "%s/%s", root, dir);
	assert_int_equal(distro_find(d, path, version, &e), 0);
}

static void
a_cluster_of_debian_is_found_by_its_data_directory(void **state)
{
	struct distro d;
	char want[128];

	(void)state;
	find(&d, "data", V15);
	assert_int_equal(d.kind, DISTRO_DEBIAN);
	assert_string_equal(d.cluster, "stdby-2");
	assert_string_equal(d.unit, "postgresql@15-stdby-2");
	assert_string_equal(d.start, "pg_ctlcluster 15 stdby-2 start");
	assert_string_equal(d.stop, "pg_ctlcluster 15 stdby-2 stop -m fast");
	(void)snprintf(want, sizeof(want), "%s/etc/15/stdby-2", root);
	assert_string_equal(d.config_dir, want);
	distro_free(&d);
	find(&d, "data", 140020);
	assert_string_equal(d.cluster, "old");
	distro_free(&d);
}

static void
a_directory_that_is_not_there_yet_is_found_by_its_name(void **state)
{
	struct distro d;

	(void)state;
	cluster("15/new", "tobe//");
	find(&d, "tobe", V15);
	assert_string_equal(d.cluster, "new");
	distro_free(&d);
}

static void
a_directory_of_nobody_is_of_no_distribution(void **state)
{
	struct distro d;

	(void)state;
	find(&d, "etc", V15);
	assert_int_equal(d.kind, DISTRO_NONE);
	assert_null(d.start);
	distro_free(&d);
	find(&d, "data", 130020);
	assert_int_equal(d.kind, DISTRO_NONE);
	distro_free(&d);
}

static void
the_unit_of_rhel_has_its_own_directory_only(void **state)
{
	static const struct {
		const char *dir, *major, *unit;
	} t[] = {
	    {"/var/lib/pgsql/15/data", "15", "postgresql-15"},
	    {"/var/lib/pgsql/9.6/data", "9.6", "postgresql-9.6"},
	    {"/var/lib/pgsql/15/data", "16", ""},
	    {"/var/lib/pgsql/data", "15", ""},
	    {"/srv/pg", "15", ""},
	};
	char unit[32];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		distro_rhel_unit(t[i].dir, t[i].major, unit, sizeof(unit));
		assert_string_equal(unit, t[i].unit);
	}
}

static void
what_is_typed_works_whoever_started_the_server(void **state)
{
	static const struct distro debian = {
	    .kind = DISTRO_DEBIAN, .major = "15", .cluster = "main"};
	static const struct distro rhel = {
	    .kind = DISTRO_RHEL, .unit = "postgresql-15"};
	static const struct distro none = {.kind = DISTRO_NONE};
	static const struct {
		const struct distro *d;
		enum distro_verb verb;
		const char *want;
	} t[] = {
	    {&debian, DISTRO_START, "pg_ctlcluster 15 main start"},
	    {&debian, DISTRO_STOP, "pg_ctlcluster 15 main stop -m fast"},
	    {&debian, DISTRO_RESTART, "pg_ctlcluster 15 main restart -m fast"},
	    {&debian, DISTRO_RELOAD, "pg_ctlcluster 15 main reload"},
	    {&rhel, DISTRO_START, "sudo systemctl start postgresql-15"},
	    {&rhel, DISTRO_STOP, "pg_ctl stop -m fast -D '/a b'"},
	    {&rhel, DISTRO_RESTART, "sudo systemctl restart postgresql-15"},
	    {&rhel, DISTRO_RELOAD, "pg_ctl reload -D '/a b'"},
	    {&none, DISTRO_START, "pg_ctl start -D '/a b'"},
	    {&none, DISTRO_STOP, "pg_ctl stop -m fast -D '/a b'"},
	    {&none, DISTRO_RESTART, "pg_ctl restart -m fast -D '/a b'"},
	    {&none, DISTRO_RELOAD, "pg_ctl reload -D '/a b'"},
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		buf_reset(&b);
		distro_add_typed(t[i].d, t[i].verb, "/a b", &b);
		assert_string_equal(buf_str(&b), t[i].want);
	}
	buf_free(&b);
}

static void
a_hint_has_the_unit_of_rhel_where_it_starts_the_server(void **state)
{
	static const char dir[] = "/var/lib/pgsql/15/data";
	struct err e = ERR_INIT;

	(void)state;
	(void)err_set(&e, ERR_NODE, "x");
	assert_int_equal(distro_hint_command(dir, V15, true, &e), -1);
	assert_string_equal(e.hint, "sudo systemctl start postgresql-15");
	e.hint[0] = '\0';
	(void)distro_hint_command(dir, V15, false, &e);
	assert_string_equal(
	    e.hint, "pg_ctl stop -m fast -D '/var/lib/pgsql/15/data'");
	e.hint[0] = '\0';
	(void)distro_hint_command(dir, 0, true, &e);
	assert_string_equal(e.hint, "pg_ctl start -D '/var/lib/pgsql/15/data'");
}

static void
names_that_are_no_word_are_no_cluster(void **state)
{
	static const char *const bad[] = {
	    "", ".", "..", "-f", ".main", "a b", "a;b", "a'b", "\xea\xb0\x80"};
	static const char *const good[] = {"main", "db_2", "a.b-C", "1"};

	(void)state;
	for (size_t i = 0; i < NELEM(bad); i++)
		assert_false(distro_is_cluster(bad[i]));
	for (size_t i = 0; i < NELEM(good); i++)
		assert_true(distro_is_cluster(good[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_cluster_of_debian_is_found_by_its_data_directory),
	    cmocka_unit_test(
		a_directory_that_is_not_there_yet_is_found_by_its_name),
	    cmocka_unit_test(a_directory_of_nobody_is_of_no_distribution),
	    cmocka_unit_test(the_unit_of_rhel_has_its_own_directory_only),
	    cmocka_unit_test(what_is_typed_works_whoever_started_the_server),
	    cmocka_unit_test(
		a_hint_has_the_unit_of_rhel_where_it_starts_the_server),
	    cmocka_unit_test(names_that_are_no_word_are_no_cluster),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
