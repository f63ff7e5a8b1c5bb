/* flow/recovery.h on temporary directories. */
#include "base/std.h"
#include "flow/recovery.h"

#include <ftw.h>
#include <setjmp.h>

#include <cmocka.h>

struct dirs {
	char base[64], data[96], side[96];
	struct tree *t;
};

static void
put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool
there(const char *dir, const char *name)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

static int
setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));
	struct err e = ERR_INIT;

	assert_non_null(d);
	(void)snprintf(d->base, sizeof(d->base), "/tmp/recovery_test.XXXXXX");
	assert_non_null(mkdtemp(d->base));
	(void)snprintf(d->data, sizeof(d->data), "%s/data", d->base);
	(void)snprintf(d->side, sizeof(d->side), "%s/side", d->base);
	assert_int_equal(mkdir(d->data, 0700), 0);
	assert_int_equal(mkdir(d->side, 0700), 0);
	assert_non_null(d->t = tree_open(d->data, &e));
	*state = d;
	return 0;
}

static int
remove_one(const char *p, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(p);
}

static int
teardown(void **state)
{
	struct dirs *d = *state;

	tree_close(d->t);
	assert_int_equal(
	    nftw(d->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(d);
	return 0;
}

static const char *const all[] = {"recovery.conf", "recovery.done",
    "recovery.signal", "standby.signal", "postgresql.auto.conf"};

/* Which of them are there, one letter each. */
static const char *
what_is(const struct dirs *d, char *s)
{
	static const char letters[] = "CDRSA";

	for (size_t i = 0; i < NELEM(all); i++)
		s[i] = there(d->data, all[i]) ? letters[i] : '-';
	s[NELEM(all)] = '\0';
	return s;
}

static struct pgconf_recovery
wanted(int version)
{
	return (struct pgconf_recovery){
	    .version = version, .primary_conninfo = "host=db1 user=repl"};
}

static void
each_version_gets_its_own_files_and_loses_the_others(void **state)
{
	static const struct {
		int version;
		const char *want;
	} t[] = {{90000, "C----"}, {90624, "C---A"}, {110022, "C---A"},
	    {120022, "---SA"}, {150018, "---SA"}, {180004, "---SA"}};
	struct dirs *d = *state;
	char s[8];

	for (size_t i = 0; i < NELEM(t); i++) {
		struct pgconf_recovery r = wanted(t[i].version);
		struct err e = ERR_INIT;
		struct buf notes = BUF_INIT;

		for (size_t k = 0; k < NELEM(all); k++)
			put(d->data, all[k], "");
		if (t[i].version == 90000)
			assert_int_equal(
			    tree_unlink(d->t, "postgresql.auto.conf"), 0);
		assert_int_equal(
		    recovery_write(d->t, &r, false, &notes, &e), 0);
		assert_string_equal(what_is(d, s), t[i].want);
		assert_string_equal(buf_str(&notes), "");
		buf_free(&notes);
	}
}

static void
settings_of_others_stay_and_a_second_run_changes_nothing(void **state)
{
	struct dirs *d = *state;
	struct pgconf_recovery r = wanted(150018);
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct err e = ERR_INIT;
	struct stat st;

	put(d->data, "postgresql.auto.conf",
	    "work_mem = '8MB'\nrecovery_target_time = 'now'\n"
	    "primary_conninfo = 'host=old'\n");
	assert_int_equal(recovery_write(d->t, &r, true, NULL, &e), 0);
	assert_int_equal(
	    tree_read_file(d->t, "postgresql.auto.conf", 65536, &once), 0);
	assert_non_null(strstr(buf_str(&once), "work_mem = '8MB'\n"));
	assert_non_null(strstr(buf_str(&once), "# recovery_target_time"));
	assert_int_equal(recovery_write(d->t, &r, true, NULL, &e), 0);
	assert_int_equal(
	    tree_read_file(d->t, "postgresql.auto.conf", 65536, &twice), 0);
	assert_string_equal(buf_str(&once), buf_str(&twice));

	assert_int_equal(
	    recovery_setting(d->t, 150018, "primary_conninfo", &once, &e), 1);
	assert_string_equal(buf_str(&once), "host=db1 user=repl");
	assert_int_equal(tree_stat(d->t, "postgresql.auto.conf", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(tree_stat(d->t, "standby.signal", &st), 0);
	assert_int_equal(st.st_size, 0);

	assert_int_equal(chmod(d->data, 0750), 0);
	assert_int_equal(recovery_write(d->t, &r, true, NULL, &e), 0);
	assert_int_equal(tree_stat(d->t, "postgresql.auto.conf", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	buf_free(&once);
	buf_free(&twice);
}

static void
a_refused_setting_leaves_everything_as_it_was(void **state)
{
	struct dirs *d = *state;
	struct pgconf_recovery r = wanted(160014);
	struct err e = ERR_INIT;
	char s[8];

	put(d->data, "recovery.conf", "x");
	r.trigger_file = "trigger";
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), -1);
	assert_int_equal(e.code, ERR_RECOVERY_CONF);
	assert_string_equal(what_is(d, s), "C----");
	err_clear(&e);
	r = wanted(150018);
	assert_int_equal(tree_write_file(d->t, "postgresql.auto.conf", "a\0b",
			     3, 0600, false, &e),
	    0);
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), -1);
	assert_string_equal(what_is(d, s), "C---A");
}

static void
stale_trigger_files_are_removed_and_named(void **state)
{
	struct dirs *d = *state;
	struct pgconf_recovery r = wanted(150018);
	struct buf notes = BUF_INIT;
	struct err e = ERR_INIT;
	char outside[128], conf[256];

	put(d->data, "promote", "");
	put(d->data, "fallback_promote", "");
	put(d->data, "mine", "");
	put(d->side, "given", "");
	put(d->data, "postgresql.conf", "promote_trigger_file = 'mine'\n");
	(void)snprintf(outside, sizeof(outside), "%s/given", d->side);
	r.trigger_file = outside;
	assert_int_equal(chmod(d->side, 0777), 0);
	assert_int_equal(recovery_write(d->t, &r, false, &notes, &e), 0);
	assert_false(there(d->data, "promote"));
	assert_false(there(d->data, "fallback_promote"));
	assert_false(there(d->data, "mine"));
	assert_false(there(d->side, "given"));
	assert_non_null(
	    strstr(buf_str(&notes), "removed stale trigger file \"mine\"\n"));
	assert_non_null(strstr(buf_str(&notes), "/side/given\"\n"));
	assert_non_null(strstr(buf_str(&notes), "everybody may write"));

	/* A configuration that came from the source may name anything. */
	(void)snprintf(conf, sizeof(conf),
	    "promote_trigger_file = '%s/precious'\n", d->side);
	put(d->side, "precious", "");
	put(d->data, "postgresql.auto.conf", conf);
	r.trigger_file = NULL;
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), 0);
	assert_true(there(d->side, "precious"));
	put(d->data, "postgresql.auto.conf",
	    "promote_trigger_file = '../side/precious'\n");
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), 0);
	assert_true(there(d->side, "precious"));
	buf_free(&notes);
}

/* It writes "name = 'value'" for each, and no comment. */
static void
what_we_wrote_is_known_after_alter_system(void **state)
{
	struct dirs *d = *state;
	const struct pgconf_more need[] = {{"max_connections", 77}};
	struct pgconf_recovery r = wanted(150018);
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;

	r.more = need;
	r.nmore = 1;
	assert_int_equal(recovery_write(d->t, &r, true, NULL, &e), 0);
	assert_int_equal(recovery_own(d->t, &text, &e), 1);
	assert_string_equal(buf_str(&text), "max_connections = 77\n");
	put(d->data, "postgresql.auto.conf",
	    "max_connections = '77'\nwork_mem = '5MB'\n");
	r.nmore = 0;
	assert_int_equal(recovery_write(d->t, &r, true, NULL, &e), 0);
	buf_reset(&text);
	assert_int_equal(
	    tree_read_file(d->t, "postgresql.auto.conf", 65536, &text), 0);
	assert_int_equal(
	    strncmp(buf_str(&text), "work_mem = '5MB'\n# standby", 25), 0);
	assert_non_null(strstr(buf_str(&text), "max_connections = '77'\n#"));
	r.all_more = true;
	assert_int_equal(recovery_write(d->t, &r, true, NULL, &e), 0);
	buf_reset(&text);
	assert_int_equal(
	    tree_read_file(d->t, "postgresql.auto.conf", 65536, &text), 0);
	assert_null(strstr(buf_str(&text), "max_connections"));
	assert_int_equal(recovery_own(d->t, &text, &e), 0);
	assert_false(there(d->data, ".standby-clone.settings"));
	buf_free(&text);
}

static void
the_trigger_of_an_old_recovery_conf_is_found(void **state)
{
	struct dirs *d = *state;
	struct pgconf_recovery r = wanted(90624);
	struct err e = ERR_INIT;
	char conf[256];

	(void)snprintf(conf, sizeof(conf), "trigger_file = '%s/go'\n", d->data);
	put(d->data, "recovery.conf", conf);
	put(d->data, "go", "");
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), 0);
	assert_false(there(d->data, "go"));
}

static void
a_trigger_that_cannot_be_removed_stops_it(void **state)
{
	struct dirs *d = *state;
	struct pgconf_recovery r = wanted(150018);
	struct err e = ERR_INIT;
	char s[8];

	assert_int_equal(tree_mkdir(d->t, "go", 0700), 0);
	r.trigger_file = "go";
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), -1);
	assert_int_equal(e.code, ERR_RECOVERY_CONF);
	assert_non_null(strstr(e.text, "\"go\""));
	assert_string_equal(what_is(d, s), "-----");
	err_clear(&e);
	r.trigger_file = "../go";
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), -1);
	assert_int_equal(e.code, ERR_RECOVERY_CONF);
	err_clear(&e);
	r.trigger_file = d->side; /* a directory */
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), -1);
	err_clear(&e);
	r.trigger_file = "/nonexistent-dir/go";
	assert_int_equal(recovery_write(d->t, &r, false, NULL, &e), 0);
}

static void
settings_that_act_on_a_standby_are_told(void **state)
{
	static const struct {
		int version;
		const char *conf, *line;
	} t[] = {
	    {150018, "archive_mode = always\n", "setting archive_mode = "},
	    {150018, "archive_mode = on\n", NULL},
	    {150018, "restore_command = 'cp x'\n",
		"restore_command = \"cp x\""},
	    {110022, "restore_command = 'cp x'\n", NULL},
	    {150018, "restore_command = ''\n", NULL},
	    {150018, "recovery_min_apply_delay = 0\n", NULL},
	    {150018, "recovery_min_apply_delay = 5min\n", "replays late"},
	    {150018, "archive_cleanup_command = 'a'\n", "removes archived"},
	    {150018, "recovery_end_command = 'a'\n", "is promoted"},
	    {90400, "synchronous_standby_names = 'a'\n", "commits wait"},
	    {90400, "synchronous_standby_names = ''\n", NULL},
	    {150018, "cluster_name = 'a\\nb'\n", "\"a\\012b\""},
	    {150018, "port = 5433\n", "listens there"},
	    {150018, "port = 5432\n", NULL},
	};
	struct dirs *d = *state;

	for (size_t i = 0; i < NELEM(t); i++) {
		struct pgconf_recovery r = wanted(t[i].version);
		struct buf notes = BUF_INIT;
		struct err e = ERR_INIT;

		put(d->data, "postgresql.conf", t[i].conf);
		assert_int_equal(recovery_report(d->t, &r, &notes, &e), 0);
		if (t[i].line == NULL)
			assert_string_equal(buf_str(&notes), "");
		else if (strstr(buf_str(&notes), t[i].line) == NULL)
			fail_msg("%s: %s", t[i].conf, buf_str(&notes));
		buf_free(&notes);
	}
}

static void
what_is_given_is_not_told_as_inherited(void **state)
{
	struct dirs *d = *state;
	struct pgconf_recovery r = wanted(150018);
	struct buf notes = BUF_INIT;
	struct err e = ERR_INIT;

	put(d->data, "postgresql.conf",
	    "restore_command = 'cp x'\nrecovery_min_apply_delay = 5min\n");
	r.restore_command = "cp y";
	r.min_apply_delay = "1h";
	assert_int_equal(recovery_report(d->t, &r, &notes, &e), 0);
	assert_string_equal(buf_str(&notes), "");
	buf_free(&notes);
}

static void
auto_conf_beats_postgresql_conf_where_it_exists(void **state)
{
	struct dirs *d = *state;
	struct buf v = BUF_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(recovery_setting(d->t, 150018, "port", &v, &e), 0);
	put(d->data, "postgresql.conf", "port = 1\n");
	put(d->data, "postgresql.auto.conf", "port = 2\n");
	assert_int_equal(recovery_setting(d->t, 150018, "port", &v, &e), 1);
	assert_string_equal(buf_str(&v), "2");
	assert_int_equal(recovery_setting(d->t, 90300, "port", &v, &e), 1);
	assert_string_equal(buf_str(&v), "1");
	assert_int_equal(recovery_setting(d->t, 90300, "pork", &v, &e), 0);
	assert_string_equal(buf_str(&v), "");
	assert_int_equal(unlink("/nonexistent-dir/x"), -1);
	assert_int_equal(tree_unlink(d->t, "postgresql.auto.conf"), 0);
	assert_int_equal(tree_mkdir(d->t, "postgresql.auto.conf", 0700), 0);
	assert_int_equal(recovery_setting(d->t, 150018, "port", &v, &e), -1);
	assert_int_equal(e.code, ERR_RECOVERY_CONF);
	buf_free(&v);
}

static void
label_and_map_are_written_byte_for_byte(void **state)
{
	static const char text[] =
	    "START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\n"
	    "CHECKPOINT LOCATION: 0/5000060\n"
	    "BACKUP METHOD: streamed\n"
	    "BACKUP FROM: primary\n"
	    "START TIME: 2026-11-22 12:00:00 UTC\n"
	    "LABEL: x\n"
	    "START TIMELINE: 1\n";
	struct dirs *d = *state;
	struct buf label = BUF_INIT, map = BUF_INIT, got = BUF_INIT;
	struct err e = ERR_INIT;

	buf_adds(&label, text);
	buf_adds(&map, "16385 /srv/a\\\nb\n");
	assert_int_equal(recovery_write_label(d->t, &label, &map, true, &e), 0);
	assert_int_equal(tree_read_file(d->t, "backup_label", 4096, &got), 0);
	assert_string_equal(buf_str(&got), text);
	assert_int_equal(tree_read_file(d->t, "tablespace_map", 4096, &got), 0);
	assert_string_equal(buf_str(&got), "16385 /srv/a\\\nb\n");

	buf_reset(&map);
	assert_int_equal(recovery_write_label(d->t, &label, &map, true, &e), 0);
	assert_false(there(d->data, "tablespace_map"));
	assert_int_equal(
	    recovery_write_label(d->t, &label, NULL, false, &e), 0);

	assert_int_equal(tree_unlink(d->t, "backup_label"), 0);
	buf_reset(&label);
	assert_int_equal(
	    recovery_write_label(d->t, &label, NULL, false, &e), -1);
	assert_false(there(d->data, "backup_label"));
	buf_free(&label);
	buf_free(&map);
	buf_free(&got);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(each_version_gets_its_own_files_and_loses_the_others),
	    T(settings_of_others_stay_and_a_second_run_changes_nothing),
	    T(a_refused_setting_leaves_everything_as_it_was),
	    T(stale_trigger_files_are_removed_and_named),
	    T(what_we_wrote_is_known_after_alter_system),
	    T(the_trigger_of_an_old_recovery_conf_is_found),
	    T(a_trigger_that_cannot_be_removed_stops_it),
	    T(settings_that_act_on_a_standby_are_told),
	    T(what_is_given_is_not_told_as_inherited),
	    T(auto_conf_beats_postgresql_conf_where_it_exists),
	    T(label_and_map_are_written_byte_for_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
