/* flow/preflight.h: every row from literals. */
#include "base/std.h"
#include "flow/preflight.h"

#include <setjmp.h>

#include <cmocka.h>

static char s_minimal[] = "minimal", s_replica[] = "replica",
	    s_archive[] = "archive", s_hot[] = "hot_standby",
	    s_logical[] = "logical", s_on[] = "on", s_off[] = "off",
	    s_always[] = "always", s_empty[] = "", s_names[] = "s1",
	    s_first[] = "FIRST 2 (a, \"node 2\", x)", s_any[] = "ANY 1 (*)",
	    s_dir[] = "/srv/pg", s_dir_slash[] = "/srv/pg/",
	    s_conf[] = "/srv/pg/postgresql.conf",
	    s_etc[] = "/etc/postgresql/15/main/postgresql.conf",
	    s_hba[] = "/etc/pg_hba.conf", s_beside[] = "/srv/pg2/pg_hba.conf",
	    s_c[] = "C", s_de[] = "de_DE.UTF-8";

/* A 15 that has everything. */
static struct probe
good_probe(void)
{
	return (struct probe){
	    .version = 150018,
	    .superuser = false,
	    .replication = true,
	    .may_backup = true,
	    .data_directory = s_dir,
	    .config_file = s_conf,
	    .wal_level = s_replica,
	    .hot_standby = s_on,
	    .synchronous_standby_names = s_empty,
	    .archive_mode = s_off,
	    .max_wal_senders = 10,
	    .max_replication_slots = 10,
	    .wal_senders_used = 1,
	    .slots_used = 1,
	    .lc_collate = s_de,
	};
}

static struct preflight_want
good_want(void)
{
	return (struct preflight_want){.role = "repl",
	    .database = "app",
	    .slot = true,
	    .to_standby = true};
}

#define OURS "standby-clone 0f8fad5b-d9cb-469f-a165-70867728950e"

typedef void change_fn(struct probe *f, struct preflight_want *w);

#define CHANGE(name, what)                                                     \
	static void name(struct probe *f, struct preflight_want *w)            \
	{                                                                      \
		(void)f, (void)w;                                              \
		what;                                                          \
	}

CHANGE(nothing, (void)0)
CHANGE(version_8, f->version = 80422)
CHANGE(version_19, f->version = 190001)
CHANGE(standby_15, f->in_recovery = true)
CHANGE(standby_15_minimal, (f->in_recovery = true, f->wal_level = s_minimal))
CHANGE(standby_9_6, (f->in_recovery = true, f->version = 90624))
CHANGE(standby_9_5, (f->in_recovery = true, f->version = 90525))
CHANGE(standby_9_5_conf,
    (f->in_recovery = true, f->version = 90525, w->conf_only = true))
CHANGE(standby_exclusive,
    (f->in_recovery = true, f->version = 100023, w->exclusive = true))
CHANGE(standby_torn, (f->in_recovery = true, f->restart_point_torn = true))
CHANGE(standby_torn_conf,
    (f->in_recovery = true, f->restart_point_torn = true, w->conf_only = true))
CHANGE(wal_minimal, f->wal_level = s_minimal)
CHANGE(wal_logical, f->wal_level = s_logical)
CHANGE(wal_unknown, f->wal_level = NULL)
CHANGE(wal_minimal_9_5, (f->version = 90525, f->wal_level = s_minimal))
CHANGE(wal_archive_9_3, (f->version = 90324, f->wal_level = s_archive,
			    f->config_file = NULL, w->slot = false))
CHANGE(wal_hot_9_5, (f->version = 90525, f->wal_level = s_hot))
CHANGE(senders_0, f->max_wal_senders = 0)
CHANGE(senders_full, f->wal_senders_used = 10)
CHANGE(senders_9_of_10, f->wal_senders_used = 9)
CHANGE(senders_unknown, f->max_wal_senders = -1)
CHANGE(senders_use_unknown, f->wal_senders_used = -1)
CHANGE(senders_not_wanted, (f->max_wal_senders = 0, w->to_standby = false))
CHANGE(slots_0, f->max_replication_slots = 0)
CHANGE(slots_0_must, (f->max_replication_slots = 0, w->slot_must = true))
CHANGE(slots_0_none, (f->max_replication_slots = 0, w->slot = false))
CHANGE(slots_full, f->slots_used = 10)
CHANGE(slots_full_must, (f->slots_used = 10, w->slot_must = true))
CHANGE(slots_9_3, f->version = 90324)
CHANGE(slots_9_3_must, (f->version = 90324, w->slot_must = true))
CHANGE(hot_off, f->hot_standby = s_off)
CHANGE(hot_unknown, f->hot_standby = NULL)
CHANGE(no_backup_15, f->may_backup = false)
CHANGE(no_backup_10, (f->version = 100023, f->may_backup = false))
CHANGE(no_backup_9_6, (f->version = 90624, f->may_backup = false))
CHANGE(no_backup_super, (f->may_backup = false, f->superuser = true))
CHANGE(no_backup_conf, (f->may_backup = false, w->conf_only = true))
CHANGE(no_backup_9_4, (f->version = 90426, f->replication = false,
			  w->slot = false, w->to_standby = false))
CHANGE(no_backup_9_0, (f->version = 90023, f->replication = false,
			  w->slot = false, w->to_standby = false))
CHANGE(odd_role, (f->may_backup = false, w->role = "a\"b c"))
CHANGE(no_replication, f->replication = false)
CHANGE(no_replication_super, (f->replication = false, f->superuser = true))
CHANGE(no_replication_other,
    (f->replication = false, w->replication_user = "r2", w->slot = false))
CHANGE(no_replication_other_slot,
    (f->replication = false, w->replication_user = "r2"))
CHANGE(no_replication_same,
    (f->replication = false, w->replication_user = "repl", w->slot = false))
CHANGE(no_directory, f->data_directory = NULL)
CHANGE(no_directory_9_6, (f->version = 90624, f->data_directory = NULL))
CHANGE(no_directory_named,
    (f->data_directory = NULL, w->source_pgdata = "/srv/pg"))
CHANGE(exclusive_9_4, (f->version = 90426, f->exclusive_running = true))
CHANGE(exclusive_ours, (f->version = 90426, f->exclusive_running = true,
			   w->cleanup = "standby-clone --cleanup -D '/a b'",
			   memcpy(f->running_label, OURS, sizeof(OURS))))
CHANGE(exclusive_theirs, (f->version = 90426, f->exclusive_running = true,
			     w->cleanup = "standby-clone --cleanup -D '/a b'",
			     memcpy(f->running_label, "nightly", 8)))
CHANGE(exclusive_10, (f->version = 100023, f->exclusive_running = true))
CHANGE(exclusive_10_wanted,
    (f->version = 100023, f->exclusive_running = true, w->exclusive = true))
CHANGE(exclusive_15_wanted, w->exclusive = true)
CHANGE(archiver_9_6, (f->version = 90624, f->archive_mode = s_on,
			 f->archiver_known = true, f->archiver_failing = true))
CHANGE(archiver_9_6_off,
    (f->version = 90624, f->archiver_known = true, f->archiver_failing = true))
CHANGE(archiver_9_6_unknown,
    (f->version = 90624, f->archive_mode = s_on, f->archiver_failing = true))
CHANGE(archiver_9_4, (f->version = 90426, f->archive_mode = s_on,
			 f->archiver_known = true, f->archiver_failing = true))
CHANGE(archiver_15, (f->archive_mode = s_always, f->archiver_known = true,
			f->archiver_failing = true))
CHANGE(trigger_16, (f->version = 160014, w->trigger_file = "/tmp/t"))
CHANGE(trigger_15, w->trigger_file = "/tmp/t")
CHANGE(synchronous,
    (f->synchronous_standby_names = s_names, f->wal_senders_used = 0))
CHANGE(synchronous_ours,
    (f->synchronous_standby_names = s_first, f->wal_senders_used = 0,
	w->application_name = "Node 2"))
CHANGE(synchronous_any,
    (f->synchronous_standby_names = s_any, f->wal_senders_used = 0,
	w->application_name = "node2"))
CHANGE(synchronous_other,
    (f->synchronous_standby_names = s_first, f->wal_senders_used = 0,
	w->application_name = "node2"))
CHANGE(mapped_9_1, (f->version = 90124, w->mapped = true))
CHANGE(mapped_9_2, (f->version = 90224, w->mapped = true))
CHANGE(synchronous_served, f->synchronous_standby_names = s_names)

static const struct {
	const char *name;
	change_fn *change;
	char as; /* 0 nothing, 'P' problem, 'W' warning */
	enum err_code code;
	const char *text, *hint;
} rows[] = {
#define NOTHING(name)                                                          \
	{                                                                      \
#name, name, 0, ERR_NONE, NULL, NULL                           \
	}
#define ROW(name, as, code, text, hint)                                        \
	{                                                                      \
#name, name, as, code, text, hint                              \
	}
    NOTHING(nothing),
    ROW(version_8, 'P', ERR_VERSION, "8.4", ""),
    ROW(version_19, 'W', ERR_VERSION, "19", "as 18"),
    NOTHING(standby_15),
    NOTHING(standby_15_minimal),
    NOTHING(standby_9_6),
    ROW(standby_9_5, 'P', ERR_NOT_PRIMARY, "9.5", "--master=PRIMARY"),
    NOTHING(standby_9_5_conf),
    ROW(standby_exclusive, 'P', ERR_NOT_PRIMARY, "exclusive backup",
	"--master"),
    ROW(standby_torn, 'P', ERR_SETTING, "full_page_writes off",
	"On the primary, type: ALTER SYSTEM SET full_page_writes = on;"),
    NOTHING(standby_torn_conf),
    ROW(wal_minimal, 'P', ERR_SETTING, "\"minimal\"",
	"type this, and then restart it: ALTER SYSTEM SET wal_level = "
	"replica;\n"),
    NOTHING(wal_logical),
    NOTHING(wal_unknown),
    ROW(wal_minimal_9_5, 'P', ERR_SETTING, "\"hot_standby\"",
	"ALTER SYSTEM SET wal_level = hot_standby"),
    ROW(wal_archive_9_3, 'P', ERR_SETTING, "\"archive\"",
	"set wal_level = hot_standby in \"postgresql.conf\" and restart"),
    NOTHING(wal_hot_9_5),
    ROW(senders_0, 'P', ERR_SETTING, "is 0", "SET max_wal_senders = 10;\n"),
    ROW(senders_full, 'P', ERR_SETTING, "10 of 10",
	"SET max_wal_senders = 14;\n"),
    NOTHING(senders_9_of_10),
    NOTHING(senders_unknown),
    NOTHING(senders_use_unknown),
    NOTHING(senders_not_wanted),
    ROW(slots_0, 'W', ERR_SLOT, "is 0", "max_replication_slots = 10"),
    ROW(slots_0_must, 'P', ERR_SLOT, "is 0", "max_replication_slots = 10"),
    NOTHING(slots_0_none),
    ROW(slots_full, 'W', ERR_SLOT, "all 10", "max_replication_slots = 14"),
    ROW(slots_full_must, 'W', ERR_SLOT, "all 10", "slots = 14"),
    NOTHING(slots_9_3),
    ROW(slots_9_3_must, 'P', ERR_SLOT, "9.3", "--create-slot"),
    ROW(hot_off, 'W', ERR_SETTING, "hot_standby", "hot_standby = on"),
    NOTHING(hot_unknown),
    ROW(no_backup_15, 'P', ERR_PRIVILEGE, "\"repl\"",
	"type in the database \"app\": "
	"GRANT EXECUTE ON FUNCTION pg_catalog.pg_backup_start(text, boolean), "
	"pg_catalog.pg_backup_stop(boolean) TO \"repl\";"),
    ROW(no_backup_10, 'P', ERR_PRIVILEGE, "\"repl\"",
	"pg_catalog.pg_stop_backup(boolean, boolean) TO \"repl\";"),
    ROW(no_backup_9_6, 'P', ERR_PRIVILEGE, "\"repl\"",
	"pg_catalog.pg_stop_backup(boolean) TO \"repl\";"),
    NOTHING(no_backup_super),
    NOTHING(no_backup_conf),
    ROW(no_backup_9_4, 'P', ERR_PRIVILEGE, "start and stop a backup",
	"ALTER ROLE \"repl\" REPLICATION;"),
    ROW(no_backup_9_0, 'P', ERR_PRIVILEGE, "start and stop a backup",
	"ALTER ROLE \"repl\" SUPERUSER;"),
    ROW(odd_role, 'P', ERR_PRIVILEGE, "", "TO \"a\"\"b c\";"),
    ROW(no_replication, 'P', ERR_PRIVILEGE, "replicate",
	"ALTER ROLE \"repl\" REPLICATION;"),
    NOTHING(no_replication_super),
    NOTHING(no_replication_other),
    ROW(no_replication_other_slot, 'P', ERR_PRIVILEGE, "replicate", "ALTER"),
    ROW(no_replication_same, 'P', ERR_PRIVILEGE, "replicate", "ALTER"),
    ROW(no_directory, 'P', ERR_PRIVILEGE, "data_directory",
	"GRANT pg_read_all_settings TO \"repl\";\nOr name it"),
    ROW(no_directory_9_6, 'P', ERR_PRIVILEGE, "data_directory",
	"--source-pgdata"),
    NOTHING(no_directory_named),
    ROW(exclusive_9_4, 'P', ERR_BACKUP_RUNNING, "exclusive backup runs",
	"SELECT pg_stop_backup()::text;\n"),
    ROW(exclusive_ours, 'P', ERR_BACKUP_RUNNING, "of standby-clone runs",
	"end it with: standby-clone --cleanup -D '/a b'\n"),
    ROW(exclusive_theirs, 'P', ERR_BACKUP_RUNNING, "exclusive backup runs",
	"^Wait until it ends, or, when it is nobody's, end it on the primary "
	"with: SELECT pg_stop_backup()::text;\n"),
    NOTHING(exclusive_10),
    ROW(exclusive_10_wanted, 'P', ERR_BACKUP_RUNNING, "exclusive",
	"--cleanup\n"),
    ROW(exclusive_15_wanted, 'P', ERR_VERSION, "no exclusive backup", ""),
    ROW(archiver_9_6, 'P', ERR_SETTING, "waits for it", "pg_stat_archiver"),
    NOTHING(archiver_9_6_off),
    NOTHING(archiver_9_6_unknown),
    ROW(archiver_9_4, 'W', ERR_SETTING, "archiving fails", "archive_command"),
    ROW(archiver_15, 'W', ERR_SETTING, "archiving fails", "archive_command"),
    ROW(trigger_16, 'P', ERR_SETTING, "\"/tmp/t\"", "pg_promote()"),
    NOTHING(trigger_15),
    ROW(synchronous, 'W', ERR_SETTING, "\"s1\"",
	"synchronous_standby_names = ''; SELECT pg_reload_conf();\n"),
    ROW(synchronous_ours, 'W', ERR_SETTING, "node 2",
	"among them, as \"Node 2\""),
    ROW(synchronous_any, 'W', ERR_SETTING, "(*)", "among them"),
    ROW(synchronous_other, 'W', ERR_SETTING, "node 2",
	"synchronous_standby_names = ''; SELECT pg_reload_conf();\n"),
    ROW(mapped_9_1, 'W', ERR_TABLESPACE, "--tablespace-mapping",
	"SET spclocation"),
    NOTHING(mapped_9_2),
    NOTHING(synchronous_served),
};

static void
each_fact_of_the_source_is_judged_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(rows); i++) {
		struct probe f = good_probe();
		struct preflight_want w = good_want();
		struct preflight p = {.checks = 0};
		const struct err *got;
		char hint[2100] = "\n";
		size_t np = rows[i].as == 'P', nw = rows[i].as == 'W';

		rows[i].change(&f, &w);
		assert_int_equal(preflight_source(&p, &f, &w), 0);
		assert_true(p.checks >= 12);
		got = p.nproblems > 0 ? p.problem : p.warning;
		if (p.nproblems != np || p.nwarnings != nw)
			fail_msg("%s: %zu problems, %zu warnings: %s",
			    rows[i].name, p.nproblems, p.nwarnings,
			    got != NULL ? got->text : "");
		if (got != NULL)
			(void)snprintf(hint, sizeof(hint), "^%s\n", got->hint);
		if (rows[i].as != 0 &&
		    (got->code != rows[i].code ||
			strstr(got->text, rows[i].text) == NULL ||
			strstr(hint, rows[i].hint) == NULL))
			fail_msg("%s: %s \"%s\" hint \"%s\"", rows[i].name,
			    err_name(got->code), got->text, got->hint);
		if (rows[i].as == 'P')
			assert_int_equal(got->status, STATUS_REFUSED);
		preflight_free(&p);
	}
}

static void
all_problems_are_told_at_once(void **state)
{
	struct probe f = good_probe();
	struct preflight_want w = good_want();
	struct preflight p = {.checks = 0};
	struct err e = ERR_INIT;

	(void)state;
	f.may_backup = f.replication = false;
	f.wal_level = s_minimal;
	f.max_wal_senders = 0;
	f.data_directory = NULL;
	assert_int_equal(preflight_source(&p, &f, &w), 0);
	assert_int_equal(p.nproblems, 5);
	assert_int_equal(preflight_result(&p, &e), -1);
	assert_int_equal(e.code, ERR_PREFLIGHT);
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_string_equal(e.text, "5 preconditions are not met");
	assert_non_null(strstr(e.detail, "(1) wal_level"));
	assert_non_null(strstr(e.detail, "(5) "));
	preflight_free(&p);
	preflight_free(&p);
}

static void
one_problem_is_the_error_itself_and_none_is_none(void **state)
{
	struct preflight p = {.checks = 0};
	struct err e = ERR_INIT, one = ERR_INIT;

	(void)state;
	assert_int_equal(preflight_result(&p, &e), 0);
	(void)err_set(&one, ERR_SSH_HOSTKEY, "x");
	(void)err_hint(&one, "Y.");
	assert_int_equal(preflight_warn(&p, &one), 0);
	assert_int_equal(preflight_result(&p, &e), 0);
	assert_int_equal(preflight_add(&p, &one), 0);
	assert_int_equal(preflight_result(&p, &e), -1);
	assert_int_equal(e.code, ERR_SSH_HOSTKEY);
	assert_int_equal(e.status, STATUS_TRANSFER);
	assert_string_equal(e.hint, "Y.");
	/* Several: the status of the first. */
	err_clear(&e);
	for (int i = 0; i < 20; i++)
		assert_int_equal(preflight_add(&p, &one), 0);
	assert_int_equal(preflight_result(&p, &e), -1);
	assert_int_equal(e.code, ERR_PREFLIGHT);
	assert_int_equal(e.status, STATUS_TRANSFER);
	assert_int_equal(preflight_result(&p, NULL), -1);
	preflight_free(&p);
}

static void
a_tablespace_inside_the_data_directory_is_refused(void **state)
{
	static char in[] = "/srv/pg/ts", beside[] = "/srv/pgts",
		    out[] = "/mnt/a", place[] = "pg_tblspc/16387",
		    same[] = "/srv/pg", n[] = "t", none[] = "";
	struct probe_tablespace v[] = {{16385, n, in}, {16386, n, beside},
	    {16387, n, place}, {16388, n, out}, {16389, n, same},
	    {16390, n, none}, {16391, n, NULL}};
	struct probe f = good_probe();
	struct preflight_want w = good_want();
	struct preflight p = {.checks = 0};

	(void)state;
	f.tblspc = v;
	f.ntblspc = NELEM(v);
	assert_int_equal(preflight_source(&p, &f, &w), 0);
	assert_int_equal(p.nproblems, 2);
	assert_int_equal(p.problem[0].code, ERR_TABLESPACE);
	assert_non_null(strstr(p.problem[0].text, "\"/srv/pg/ts\""));
	assert_non_null(strstr(p.problem[1].text, "\"/srv/pg\""));
	preflight_free(&p);
}

static bool
is_beside(const char *path)
{
	return strcmp(path, s_beside) == 0;
}

static void
A10_configuration_outside_is_refused_where_the_start_would_fail(void **state)
{
	static const struct {
		const char *what;
		char *config, *hba, *dir;
		bool copied, starts, has_main;
		char as;
		const char *text, *hint;
	} t[] = {
	    {"inside", s_conf, NULL, s_dir, 0, 1, 1, 0, NULL, NULL},
	    {"slash", s_conf, NULL, s_dir_slash, 0, 1, 1, 0, NULL, NULL},
	    {"unknown", NULL, NULL, s_dir, 0, 1, 0, 'P', "may not ask where",
		"--copy-external-config"},
	    {"unknown, own", NULL, NULL, s_dir, 0, 1, 1, 0, NULL, NULL},
	    {"no directory", s_etc, NULL, NULL, 0, 1, 0, 0, NULL, NULL},
	    {"outside", s_etc, s_hba, s_dir, 0, 1, 0, 'P',
		"main/postgresql.conf\", \"/etc/pg_hba.conf\"",
		"--copy-external-config"},
	    {"outside, no start", s_etc, s_hba, s_dir, 0, 0, 0, 'W',
		"main/postgresql.conf", "in place before the start"},
	    {"outside, copied", s_etc, s_hba, s_dir, 1, 1, 0, 0, NULL, NULL},
	    {"outside, own", s_etc, s_hba, s_dir, 0, 1, 1, 0, NULL, NULL},
	    {"hba alone", s_conf, s_hba, s_dir, 0, 1, 1, 'P',
		"/etc/pg_hba.conf", "--no-start"},
	    {"hba alone, here", s_conf, s_beside, s_dir, 0, 1, 1, 0, NULL,
		NULL},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct preflight p = {.checks = 0};
		struct probe f = good_probe();
		struct preflight_config w = {.copied = t[i].copied,
		    .starts = t[i].starts,
		    .has_main = t[i].has_main,
		    .is_here = is_beside};
		const struct err *got;

		f.config_file = t[i].config;
		f.hba_file = t[i].hba;
		f.data_directory = t[i].dir;
		assert_int_equal(preflight_config(&p, &f, &w), 0);
		if (p.nproblems != (t[i].as == 'P') ||
		    p.nwarnings != (t[i].as == 'W'))
			fail_msg("%s: %zu problems, %zu warnings", t[i].what,
			    p.nproblems, p.nwarnings);
		got = t[i].as == 'P' ? p.problem : p.warning;
		if (t[i].as != 0) {
			assert_non_null(strstr(got->text, t[i].text));
			assert_non_null(strstr(got->hint, t[i].hint));
		}
		if (t[i].as == 'P')
			assert_int_equal(got->status, STATUS_REFUSED);
		preflight_free(&p);
	}
}

static void
the_programs_here_must_be_of_the_same_major(void **state)
{
	static const struct {
		int source, local;
		const char *remote, *here;
		size_t problems, warnings;
	} t[] = {
	    {150018, 150018, "glibc 2.36", "glibc 2.36", 0, 0},
	    {150018, 150020, NULL, "glibc 2.36", 0, 0},
	    {150018, 150010, NULL, NULL, 0, 1},
	    {150018, 160001, NULL, NULL, 1, 0},
	    {90624, 90524, NULL, NULL, 1, 0},
	    {90624, 90624, NULL, NULL, 0, 0},
	    {150018, 0, "", "glibc 2.36", 0, 0},
	    {150018, 150018, "glibc 2.28", "glibc 2.36", 0, 1},
	    {150018, 140000, "glibc 2.28", "glibc 2.36", 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct preflight p = {.checks = 0};
		struct probe f = good_probe();

		f.version = t[i].source;
		assert_int_equal(preflight_programs(&p, &f, t[i].local,
				     t[i].remote, t[i].here),
		    0);
		if (p.nproblems != t[i].problems ||
		    p.nwarnings != t[i].warnings)
			fail_msg("%zu: %zu, %zu", i, p.nproblems, p.nwarnings);
		if (p.nproblems > 0) {
			assert_int_equal(p.problem[0].code, ERR_VERSION);
			assert_non_null(
			    strstr(p.problem[0].hint, "--pg-bindir"));
		}
		preflight_free(&p);
	}
}

static void
another_c_library_is_a_warning_that_says_what_breaks(void **state)
{
	struct preflight p = {.checks = 0};
	struct probe f = good_probe();

	(void)state;
	assert_int_equal(
	    preflight_programs(&p, &f, 150018, "glibc 2.28", "glibc 2.36"), 0);
	f.lc_collate = s_c;
	assert_int_equal(
	    preflight_programs(&p, &f, 150018, "glibc 2.28", "glibc 2.36"), 0);
	assert_int_equal(p.nwarnings, 2);
	assert_non_null(strstr(p.warning[0].detail, "indexes on text"));
	assert_null(strstr(p.warning[0].detail, "not those of"));
	assert_non_null(strstr(p.warning[1].detail, "not those of"));
	preflight_free(&p);
}

static void
settings_that_a_standby_must_match_or_exceed(void **state)
{
#define F .file = "/x/postgresql.conf"
	static const struct {
		struct preflight_setting s;
		int version;
		const char *text, *hint; /* NULL: fine */
		bool ours;
	} t[] = {
	    {{"max_connections", 100, -1, F}, 150018, NULL, NULL, false},
	    {{"max_connections", 101, -1, F}, 150018, "is 100 (the default)",
		"Add a line to \"/x/postgresql.conf\": max_connections = 101",
		false},
	    {{"max_connections", 300, 299, F, .line = 7}, 150018,
		"is 299, and the source has 300",
		"Change line 7 of \"/x/postgresql.conf\" to: "
		"max_connections = 300",
		false},
	    {{"max_connections", 300, 300, F}, 150018, NULL, NULL, false},
	    {{"max_connections", 300, 500, F}, 150018, NULL, NULL, false},
	    {{"max_prepared_transactions", 1, -1, F}, 150018,
		"is 0 (the default)", "= 1", false},
	    {{"max_locks_per_transaction", 65, -1, F}, 150018, "is 64 (",
		"= 65", false},
	    {{"max_worker_processes", 9, -1, F}, 150018, "is 8 (", "= 9",
		false},
	    {{"max_worker_processes", -1, -1, F}, 150018, NULL, NULL, false},
	    {{"max_wal_senders", 11, -1, F}, 150018, "is 10 (", "= 11", false},
	    {{"max_connections", 77, 30, F, .line = 7, .copied = true}, 150018,
		NULL, NULL, true},
	    {{"max_connections", 101, -1, F, .copied = true}, 120000, NULL,
		NULL, true},
	    {{"max_connections", 77, 30, F, .line = 7, .copied = true}, 110022,
		"would be 30, and the source has 77",
		"ALTER SYSTEM SET max_connections = 77;", false},
	    {{"max_connections", 77, 30, F, .line = 7, .copied = true}, 90306,
		"would be 30",
		"write max_connections = 77 into "
		"\"postgresql.conf\"",
		false},
	    {{"max_connections", 30, 30, F, .copied = true}, 150018, NULL, NULL,
		false},
	};
#undef F

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct preflight p = {.checks = 0};
		struct preflight_setting s = t[i].s;

		assert_int_equal(
		    preflight_settings(&p, &s, 1, t[i].version), 0);
		if (p.nproblems != (t[i].text != NULL) || s.ours != t[i].ours)
			fail_msg("%zu: %zu problems", i, p.nproblems);
		if (t[i].text != NULL) {
			assert_int_equal(p.problem[0].code, ERR_SETTING);
			assert_non_null(strstr(p.problem[0].text, t[i].text));
			if (strstr(p.problem[0].hint, t[i].hint) == NULL)
				fail_msg("%zu: %s", i, p.problem[0].hint);
		}
		preflight_free(&p);
	}
}

static void
a_directory_that_the_shell_of_pg_ctl_would_misread_is_refused(void **state)
{
	static const struct {
		const char *path, *text; /* NULL: fine */
	} t[] = {
	    {"/srv/pg 15/it's; <a>|*&(b)#~!", NULL},
	    {"/srv/\xeb\x8c\x80", NULL},
	    {"/srv/a\"b", "has a \"\"\""},
	    {"/srv/$(x)", "has a \"$\""},
	    {"/srv/`x`", "has a \"`\""},
	    {"/srv/a\\b", "has a \"\\134\""},
	    {"/srv/a\nb", "has a line end"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct preflight p = {.checks = 0};

		assert_int_equal(
		    preflight_shell_path(&p, "data directory", t[i].path), 0);
		if (p.nproblems != (t[i].text != NULL))
			fail_msg("%zu: %zu problems", i, p.nproblems);
		if (t[i].text != NULL) {
			assert_int_equal(p.problem[0].code, ERR_TARGET_PATH);
			if (strstr(p.problem[0].text, t[i].text) == NULL ||
			    strchr(p.problem[0].text, '\n') != NULL)
				fail_msg("%zu: %s", i, p.problem[0].text);
		}
		preflight_free(&p);
	}
}

static void
a_delay_is_a_time_of_that_version(void **state)
{
	static const struct {
		const char *value;
		int version;
		bool good;
	} t[] = {
	    {NULL, 150018, true},
	    {"4h", 90400, true},
	    {" 250 ms", 110000, true},
	    {"0", 110000, true},
	    {"1.5h", 110000, false},
	    {"1.5h", 120000, true},
	    {"abc", 150018, false},
	    {"", 150018, false},
	    {"-1s", 150018, false},
	    {"4 hours", 150018, false},
	    {"4H", 150018, false},
	    {"99999999999", 150018, false},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct preflight p = {.checks = 0};

		assert_int_equal(
		    preflight_delay(&p, t[i].value, t[i].version), 0);
		if (p.nproblems != !t[i].good)
			fail_msg("%zu: %zu problems", i, p.nproblems);
		if (!t[i].good)
			assert_int_equal(p.problem[0].status, STATUS_USAGE);
		preflight_free(&p);
	}
}

static void
a_collation_of_another_version_is_a_warning_that_says_what_to_type(void **state)
{
	struct preflight p = {.checks = 0};

	(void)state;
	assert_int_equal(
	    preflight_collation(&p, "collation", "de\"x", "1.0", "2.0"), 0);
	assert_int_equal(
	    preflight_collation(&p, "database", "a b", "2.28", "2.36"), 0);
	assert_int_equal(p.nwarnings, 2);
	assert_non_null(strstr(p.warning[0].text, "version 1.0, and"));
	assert_non_null(strstr(
	    p.warning[0].hint, "ALTER COLLATION \"de\"\"x\" REFRESH VERSION;"));
	assert_non_null(strstr(p.warning[1].text, "host has version 2.36"));
	assert_non_null(strstr(p.warning[1].hint,
	    "REINDEX DATABASE \"a b\"; ALTER DATABASE \"a b\" REFRESH"));
	preflight_free(&p);
}

static void
programs_of_another_block_size_are_refused(void **state)
{
	static const struct preflight_size s[] = {
	    {"block size", 8192, 32768},
	    {"WAL block size", 8192, 8192},
	    {"segment size in blocks", 131072, 0},
	};
	struct preflight p = {.checks = 0};

	(void)state;
	assert_int_equal(preflight_sizes(&p, s, NELEM(s), "/x/bin"), 0);
	assert_int_equal(p.nproblems, 1);
	assert_int_equal(p.problem[0].code, ERR_VERSION);
	assert_non_null(strstr(
	    p.problem[0].text, "block size of 32768, and the source has 8192"));
	preflight_free(&p);
}

static void
room_is_asked_of_each_file_system(void **state)
{
	static const struct {
		struct preflight_space s;
		const char *text;
	} t[] = {
	    {{"/a", 1 << 20, 1 << 20, 10, 10, false}, NULL},
	    {{"/a", (1 << 20) + 1024, 1 << 20, 0, 0, false}, "has 1.0 MB free"},
	    {{"/a", 0, 0, 11, 10, false}, "needs 11 inodes"},
	    {{"/a", 0, 0, 1, 0, false}, "has 0 free"},
	    {{"/a", 0, 0, 11, UINT64_MAX, false}, NULL},
	    {{"/a", 0, 1, 0, 1, true}, "mounted read-only"},
	};

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct preflight p = {.checks = 0};

		assert_int_equal(preflight_space(&p, &t[i].s, 1), 0);
		if (p.nproblems != (t[i].text != NULL))
			fail_msg("%zu: %zu problems", i, p.nproblems);
		if (t[i].text != NULL) {
			assert_int_equal(p.problem[0].code, ERR_TARGET_SPACE);
			if (strstr(p.problem[0].text, t[i].text) == NULL ||
			    strstr(p.problem[0].text, "\"/a\"") == NULL)
				fail_msg("%zu: %s", i, p.problem[0].text);
			assert_true(p.problem[0].hint[0] != '\0');
		}
		preflight_free(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_fact_of_the_source_is_judged_alone),
	    cmocka_unit_test(all_problems_are_told_at_once),
	    cmocka_unit_test(one_problem_is_the_error_itself_and_none_is_none),
	    cmocka_unit_test(a_tablespace_inside_the_data_directory_is_refused),
	    cmocka_unit_test(
		A10_configuration_outside_is_refused_where_the_start_would_fail),
	    cmocka_unit_test(the_programs_here_must_be_of_the_same_major),
	    cmocka_unit_test(
		another_c_library_is_a_warning_that_says_what_breaks),
	    cmocka_unit_test(settings_that_a_standby_must_match_or_exceed),
	    cmocka_unit_test(
		a_directory_that_the_shell_of_pg_ctl_would_misread_is_refused),
	    cmocka_unit_test(a_delay_is_a_time_of_that_version),
	    cmocka_unit_test(
		a_collation_of_another_version_is_a_warning_that_says_what_to_type),
	    cmocka_unit_test(programs_of_another_block_size_are_refused),
	    cmocka_unit_test(room_is_asked_of_each_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
