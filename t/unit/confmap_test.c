#include "base/std.h"

#include <setjmp.h>

#include <cmocka.h>

#include "core/confmap.h"

/* A primary of Debian's, to a cluster of Debian's, and to PGDATA alone. */
static struct confmap
debian(void)
{
	return (struct confmap){.version = 150018,
	    .pgdata = "/var/lib/postgresql/15/main",
	    .real_pgdata = "/srv/pg",
	    .main_file = "/etc/postgresql/15/main/postgresql.conf",
	    .hba_file = "/etc/postgresql/15/main/pg_hba.conf",
	    .ident_file = "/etc/pg_ident",
	    .to_pgdata = "/data/s",
	    .to_dir = "/etc/postgresql/15/s",
	    .major = "15",
	    .cluster = "s"};
}

static struct confmap
plain(void)
{
	struct confmap m = debian();

	m.to_dir = m.major = m.cluster = NULL;
	return m;
}

static void
A10_each_file_has_a_place(void **state)
{
	static const struct {
		const char *path, *debian, *plain;
	} t[] = {
	    {"/etc/postgresql/15/main/postgresql.conf",
		"/etc/postgresql/15/s/postgresql.conf",
		"/data/s/postgresql.conf"},
	    {"/etc/postgresql/15/main/pg_hba.conf",
		"/etc/postgresql/15/s/pg_hba.conf", "/data/s/pg_hba.conf"},
	    {"/etc/pg_ident", "/etc/postgresql/15/s/pg_ident.conf",
		"/data/s/pg_ident.conf"},
	    {"/etc/postgresql/15/main/conf.d", "/etc/postgresql/15/s/conf.d",
		"/data/s/conf.d"},
	    {"/etc/postgresql/15/main/conf.d/a.conf",
		"/etc/postgresql/15/s/conf.d/a.conf", "/data/s/conf.d/a.conf"},
	    {"/etc/postgresql/15/main/x/y.conf",
		"/etc/postgresql/15/s/x/y.conf",
		"/data/s/conf.copied/x/y.conf"},
	    {"/srv/site.conf", "/etc/postgresql/15/s/conf.copied/srv/site.conf",
		"/data/s/conf.copied/srv/site.conf"},
	    /* a directory and what is in it go to one place */
	    {"/srv/d", "/etc/postgresql/15/s/conf.copied/srv/d",
		"/data/s/conf.copied/srv/d"},
	    {"/srv/d/1.conf", "/etc/postgresql/15/s/conf.copied/srv/d/1.conf",
		"/data/s/conf.copied/srv/d/1.conf"},
	    {"/srv/pg/in.conf", "/data/s/in.conf", "/data/s/in.conf"},
	    {"/var/lib/postgresql/15/main/a/in.conf", "/data/s/a/in.conf",
		"/data/s/a/in.conf"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct confmap d = debian(), p = plain();
		struct buf a = BUF_INIT, b = BUF_INIT;

		confmap_path(&d, t[i].path, &a);
		confmap_path(&p, t[i].path, &b);
		assert_string_equal(buf_str(&a), t[i].debian);
		assert_string_equal(buf_str(&b), t[i].plain);
		buf_free(&a);
		buf_free(&b);
	}
}

static void
check(const struct confmap *m, const char *text, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(confmap_text(m, m->main_file, text, &b, &e), 0);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
A10_what_names_the_primarys_own_is_changed_for_a_cluster(void **state)
{
	struct confmap m = debian();

	(void)state;
	m.port = "5433";
	check(&m,
	    "# data_directory = 'x'\n"
	    "data_directory = '/var/lib/postgresql/15/main' # c\n"
	    "hba_file = '/etc/postgresql/15/main/pg_hba.conf'\n"
	    "ident_file = '/etc/pg_ident'\n"
	    "external_pid_file = '/var/run/postgresql/15-main.pid'\n"
	    "stats_temp_directory = '/run/15-main.pg_stat_tmp'\n"
	    "cluster_name = '15/main'\n"
	    "port = 5432\n"
	    "max_connections = 100 # keep\n"
	    "include_dir 'conf.d'\n"
	    "include '/srv/site.conf'\n"
	    "include_if_exists = 'x.conf'",
	    "# data_directory = 'x'\n"
	    "data_directory = '/data/s'\n"
	    "hba_file = '/etc/postgresql/15/s/pg_hba.conf'\n"
	    "ident_file = '/etc/postgresql/15/s/pg_ident.conf'\n"
	    "external_pid_file = '/var/run/postgresql/15-s.pid'\n"
	    "stats_temp_directory = '/run/15-s.pg_stat_tmp'\n"
	    "cluster_name = '15/s'\n"
	    "port = '5433'\n"
	    "max_connections = 100 # keep\n"
	    "include_dir 'conf.d'\n"
	    "include '/etc/postgresql/15/s/conf.copied/srv/site.conf'\n"
	    "include_if_exists = 'x.conf'\n");
}

static void
A10_what_names_the_primarys_own_is_changed_for_a_data_directory(void **state)
{
	struct confmap m = plain();

	(void)state;
	check(&m,
	    "data_directory = '/srv/pg'\n"
	    "hba_file = '/etc/postgresql/15/main/pg_hba.conf'\n"
	    "external_pid_file = '/var/run/postgresql/15-main.pid'\n"
	    "stats_temp_directory = 'pg_stat_tmp'\n"
	    "cluster_name = 'a'\n"
	    "port = 5432\n"
	    "include_dir 'conf.d'\n"
	    "include 'more.conf'\n",
	    "# data_directory = '/srv/pg'\n"
	    "hba_file = '/data/s/pg_hba.conf'\n"
	    "# external_pid_file = '/var/run/postgresql/15-main.pid'\n"
	    "stats_temp_directory = 'pg_stat_tmp'\n"
	    "cluster_name = 'a'\n"
	    "port = 5432\n"
	    "include_dir 'conf.d'\n"
	    "include '/data/s/conf.copied/more.conf'\n");
}

static void
A10_what_stood_on_the_command_line_is_added_for_a_cluster(void **state)
{
	struct confmap m = debian();

	(void)state;
	check(&m, "port = 1",
	    "port = 1\nhba_file = '/etc/postgresql/15/s/pg_hba.conf'\n"
	    "ident_file = '/etc/postgresql/15/s/pg_ident.conf'\n");
	m = plain();
	check(&m, "port = 1", "port = 1");
}

static void
check_table(const struct confmap *m, const char *file, const char *text,
    const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(confmap_table(m, file, text, &b, &e), 0);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
A10_lists_that_a_table_names_are_found_where_they_go(void **state)
{
	static const char hba[] = "/etc/postgresql/15/main/pg_hba.conf";
	static const char text[] =
	    "host all @users,@l/x 0/0 md5\n"
	    "host all @/srv/u,@\"../up\",@\"/srv/pg/in side\" 0/0 md5 # @u\n"
	    "host all \"@users\" 0/0 md5\n";
	struct confmap m = debian();

	(void)state;
	check_table(&m, hba, text,
	    "host all @users,@l/x 0/0 md5\n"
	    "host all @\"conf.copied/srv/u\","
	    "@\"conf.copied/etc/postgresql/15/up\","
	    "@\"/data/s/in side\" 0/0 md5 # @u\n"
	    "host all \"@users\" 0/0 md5\n");
	/* from where it is itself */
	check_table(&m, "/srv/u", "@v @../etc/postgresql/15/main/users",
	    "@v @\"/etc/postgresql/15/s/users\"\n");
	/* the table changes its directory */
	check_table(&m, "/etc/pg_ident", "m @x /@y z",
	    "m @\"conf.copied/etc/x\" /@y z\n");
	check_table(&m, "/etc/pg_ident", "include_dir d\n", "include_dir d\n");
	m.version = 160004;
	check_table(&m, "/etc/pg_ident", "include_dir d\n",
	    "include_dir \"conf.copied/etc/d\"\n");
	m = plain();
	check_table(&m, hba, text,
	    "host all @\"conf.copied/users\",@\"conf.copied/l/x\" 0/0 md5\n"
	    "host all @\"conf.copied/srv/u\","
	    "@\"conf.copied/etc/postgresql/15/up\","
	    "@\"in side\" 0/0 md5 # @u\n"
	    "host all \"@users\" 0/0 md5\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(A10_each_file_has_a_place),
	    cmocka_unit_test(
		A10_what_names_the_primarys_own_is_changed_for_a_cluster),
	    cmocka_unit_test(
		A10_what_names_the_primarys_own_is_changed_for_a_data_directory),
	    cmocka_unit_test(
		A10_what_stood_on_the_command_line_is_added_for_a_cluster),
	    cmocka_unit_test(
		A10_lists_that_a_table_names_are_found_where_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
