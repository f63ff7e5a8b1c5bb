/*
 * What t/0300-sql.t asks of lib/flow and lib/io/pg, one word after the other:
 *
 *	sqlprobe CONNINFO VERB [ARGUMENT]...
 *
 * Each verb prints "name value" lines.  The first error is printed like the
 * programs do and ends it with the error's status, after the clean-up that
 * they would do.
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "core/label.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/backup.h"
#include "flow/probe.h"
#include "flow/server.h"
#include "flow/slot.h"

#include <poll.h>

static struct conninfo conninfo;
static struct pg_opts opts = {
    .conninfo = &conninfo, .application_name = "standby-clone"};
static struct backup backup;
static struct slot slot;

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"

static void
show(const char *name, const char *value)
{
	printf("%s %s\n", name, value != NULL ? value : "(null)");
}

static void
show_n(const char *name, int64_t value)
{
	printf("%s %" PRId64 "\n", name, value);
}

static void
show_lsn(const char *name, uint64_t lsn)
{
	char text[LSN_TEXT];

	show(name, lsn_format(lsn, text));
}

/* --- verbs: each takes its arguments from av and returns how many --------- */

typedef int verb_fn(char **av, struct err *e);

static int
do_probe(char **av, struct err *e)
{
	struct pg *pg = NULL;
	struct probe p;
	int rc = -1;

	(void)av;
	if (pg_open(&pg, &opts, e) == -1)
		return -1;
	if (probe_read(&p, pg, deadline_in(10000), e) == 0) {
		show_n("version", p.version);
		show_n("in_recovery", p.in_recovery);
		printf("system_identifier %" PRIu64 "\n", p.system_identifier);
		show_n("timeline", p.timeline);
		show_n("position", p.current_lsn != 0);
		show_n("superuser", p.superuser);
		show_n("replication", p.replication);
		show("data_directory", p.data_directory);
		show("hba_file", p.hba_file);
		show("wal_level", p.wal_level);
		show("lc_collate", p.lc_collate);
		show("trigger_file", p.trigger_file);
		show_n("max_wal_senders", p.max_wal_senders);
		show_n("wal_senders_used", p.wal_senders_used);
		show_n("max_replication_slots", p.max_replication_slots);
		show_n("slots_used", p.slots_used);
		show_n("block_size", p.block_size);
		show_n("segment_size", p.segment_size);
		show_n("wal_segment_size", p.wal_segment_size);
		show_n("max_connections", p.max_connections);
		printf("data_directory_mode %04o\n",
		    (unsigned)p.data_directory_mode);
		show_n("fsync", p.fsync_on);
		show_n("may_backup", p.may_backup);
		show_n("archiver_known", p.archiver_known);
		show_n("archiver_failing", p.archiver_failing);
		show_n("exclusive_running", p.exclusive_running);
		for (size_t i = 0; i < p.ntblspc; i++)
			printf("tablespace %s %s\n", p.tblspc[i].name,
			    p.tblspc[i].location);
		rc = 0;
	}
	probe_free(&p);
	pg_close(pg);
	return rc;
}

static int
do_open(char **av, struct err *e)
{
	(void)av;
	if (backup_open(&backup, &opts, NULL, e) == -1)
		return -1;
	show_n("backend", pg_backend_pid(backup.pg));
	printf("system_identifier %" PRIu64 "\n", backup.system_identifier);
	show("version_text", pg_version_text(backup.pg));
	return 0;
}

static int
start(bool exclusive, struct err *e)
{
	if (backup_start(&backup, NULL, UUID, true, exclusive,
		deadline_in(60000), e) == -1)
		return -1;
	show_lsn("start", backup.start_lsn);
	show_n("exclusive", backup.exclusive);
	show_n("ahead", backup.now_lsn > backup.start_lsn);
	show_n("timeline", backup.timeline);
	return 0;
}

static int
do_start(char **av, struct err *e)
{
	(void)av;
	return start(false, e);
}

static int
do_start_exclusive(char **av, struct err *e)
{
	(void)av;
	return start(true, e);
}

static int
do_stop(char **av, struct err *e)
{
	struct label l;

	(void)av;
	if (backup_stop(&backup, false, deadline_in(60000), e) == -1)
		return -1;
	show_lsn("stop", backup.stop_lsn);
	if (backup.exclusive)
		return 0;
	if (label_parse(backup.labelfile.data, backup.labelfile.len, &l, e) ==
	    -1)
		return -1;
	show("label", l.label);
	show("from", l.from);
	show_lsn("label_start", l.start_lsn);
	printf(
	    "map %s", backup.spcmap.len > 0 ? buf_str(&backup.spcmap) : "\n");
	return 0;
}

/* Keep the backup alive until standard input ends or it is lost. */
static int
do_hold(char **av, struct err *e)
{
	struct pollfd fds[2];
	char c;

	(void)av;
	puts("holding");
	(void)fflush(stdout);
	for (;;) {
		fds[0] = (struct pollfd){.fd = 0, .events = POLLIN};
		fds[1] = (struct pollfd){
		    .fd = backup_pollfd(&backup), .events = POLLIN};
		(void)poll(fds, 2, 200);
		if (sig_check(e) == -1)
			return -1;
		if (backup_tick(&backup, e) == -1)
			return -1;
		if (fds[0].revents != 0 && read(0, &c, 1) <= 0)
			return 0;
	}
}

static int
do_end(char **av, struct err *e)
{
	(void)av;
	return backup_end(&backup, e);
}

static int
do_slot(char **av, struct err *e)
{
	static const struct {
		const char *name;
		enum slot_want want;
	} words[] = {{"auto", SLOT_AUTO}, {"must-exist", SLOT_MUST_EXIST},
	    {"must-create", SLOT_MUST_CREATE}, {"none", SLOT_NONE}};
	enum slot_want want = SLOT_AUTO;
	const char *why;
	int rc;

	for (size_t i = 0; i < NELEM(words); i++)
		if (strcmp(words[i].name, av[1]) == 0)
			want = words[i].want;
	rc = slot_prepare(&slot, backup.pg, &opts, av[0], want, UUID, &why, e);
	if (rc == -1)
		return -1;
	show_n("reserved", rc);
	show("why", why);
	show_n("temporary", slot.temporary);
	show_n("existed", slot.existed);
	show_n("made", slot.made);
	show_n("remade", slot.remade);
	return 2;
}

static int
do_permanent(char **av, struct err *e)
{
	(void)av;
	if (slot_make_permanent(&slot, backup.start_lsn, e) == -1)
		return -1;
	show_lsn("restart", slot.restart_lsn);
	show_n("covers", slot.restart_lsn <= backup.start_lsn);
	show_n("made", slot.made);
	return 0;
}

static int
do_slot_failed(char **av, struct err *e)
{
	(void)av;
	return slot_end_failed(&slot, e);
}

static int
do_query(char **av, struct err *e)
{
	struct pg_rows *r = NULL;
	struct pg *pg;
	int rc;

	if (pg_open(&pg, &opts, e) == -1)
		return -1;
	rc = pg_query(pg, &r, deadline_in(atoi(av[0])), av[1], 0, NULL, e);
	if (rc == 0)
		show("row", pg_rows_get(r, 0, 0));
	pg_rows_free(r);
	/* Cancelled or not, the session is still good. */
	if (rc == -1 && pg_alive(pg) &&
	    pg_query(pg, &r, deadline_in(5000), "SELECT 'usable'", 0, NULL,
		NULL) == 0) {
		show("session", pg_rows_get(r, 0, 0));
		pg_rows_free(r);
	}
	pg_close(pg);
	return rc == 0 ? 2 : -1;
}

/* The answer to a statement, or its SQLSTATE. */
static int
show_row(struct pg *pg, const char *sql, int64_t deadline, struct err *e)
{
	struct pg_rows *r = NULL;
	struct err own = ERR_INIT;

	if (pg_query(pg, &r, deadline, sql, 0, NULL, &own) == 0)
		show("row", pg_rows_get(r, 0, 0));
	else if (own.code == ERR_SQL)
		show("row", pg_sqlstate(pg));
	else {
		*e = own;
		return -1;
	}
	pg_rows_free(r);
	return 0;
}

/* MILLISECONDS SQL SQL: two statements in one round trip. */
static int
do_ahead(char **av, struct err *e)
{
	const struct pg_ask asks[] = {{.sql = av[1]}, {.sql = av[2]}};
	int64_t deadline = deadline_in(atoi(av[0]));
	struct err ignore = ERR_INIT;
	struct pg *pg;
	int rc;

	if (pg_open(&pg, &opts, e) == -1)
		return -1;
	rc = pg_ahead(pg, asks, NELEM(asks), deadline, e);
	for (size_t i = 0; rc == 0 && i < NELEM(asks); i++)
		rc = show_row(pg, asks[i].sql, deadline, e);
	(void)show_row(pg, "SELECT 'usable'", deadline_in(5000), &ignore);
	pg_close(pg);
	return rc == 0 ? 3 : -1;
}

static enum pgfact
fact_named(const char *name)
{
	int f = 0;

	while (f < PGFACT_NCODES && strcmp(pgver_fact_name(f), name) != 0)
		f++;
	return f;
}

/* A fact without parameters: its rows, "rows N" first, then a line each, with
 * "-" for NULL and for columns that are not there. */
static int
do_fact(char **av, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *sql;
	struct pg *pg;
	int rc = 0;

	if (pg_open(&pg, &opts, e) == -1)
		return -1;
	if ((sql = pgver(pg_version(pg), fact_named(av[0]))) == NULL)
		show(av[0], NULL);
	else if ((rc = pg_query(pg, &r, deadline_in(10000), sql, 0, NULL, e)) ==
		 0)
		show_n("rows", pg_rows_n(r));
	for (int i = 0; i < pg_rows_n(r); i++) {
		printf("%s", av[0]);
		for (int k = 0; k < 13; k++)
			printf("|%s", pg_rows_get(r, i, k) != NULL
					  ? pg_rows_get(r, i, k)
					  : "-");
		putchar('\n');
	}
	pg_rows_free(r);
	pg_close(pg);
	return rc == 0 ? 1 : -1;
}

static int
do_identify(char **av, struct err *e)
{
	uint64_t id, lsn;
	uint32_t timeline;

	(void)av;
	if (pg_identify_system(&opts, &id, &timeline, &lsn, e) == -1)
		return -1;
	printf("system_identifier %" PRIu64 "\n", id);
	show_n("timeline", timeline);
	show_n("lsn_known", lsn != 0);
	return 0;
}

static int
do_effective(char **av, struct err *e)
{
	struct conninfo c = {.n = 0};
	int rc;

	(void)av;
	rc = pg_conninfo_effective(&conninfo, &c, e);
	if (rc == 0) {
		show("host", conninfo_get(&c, "host"));
		show("port", conninfo_get(&c, "port"));
		show("user", conninfo_get(&c, "user"));
		show("dbname", conninfo_get(&c, "dbname"));
	}
	conninfo_free(&c);
	return rc;
}

static int
do_running(char **av, struct err *e)
{
	int fd = open(av[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	struct buf why = BUF_INIT;
	long pid;

	if (fd == -1)
		return err_set_errno(e, ERR_IO, "could not open \"%s\"", av[0]);
	rc = server_running(fd, &pid, &why, e);
	(void)close(fd);
	if (rc != -1) {
		show_n("running", rc);
		show_n("pid", pid);
		show("why", buf_str(&why));
	}
	buf_free(&why);
	return rc == -1 ? -1 : 1;
}

/* MAJOR-AS-NUMBER BINDIR-OR-EMPTY */
static int
do_bindir(char **av, struct err *e)
{
	char *dir = NULL;
	int minor = 0;

	if (server_bindir(av[1], atoi(av[0]), &dir, &minor, e) == -1)
		return -1;
	show("bindir", dir);
	show_n("minor", minor);
	free(dir);
	return 2;
}

/* PGDATA BINDIR LOG COMMAND-OR-EMPTY */
static int
do_start_server(char **av, struct err *e)
{
	struct server_start s = {.pgdata = av[0],
	    .bindir = av[1],
	    .log = av[2],
	    .command = av[3][0] != '\0' ? av[3] : NULL,
	    .deadline = deadline_in(60000),
	    .sigfd = sig_fd()};

	if (server_start(&s, e) == -1)
		return -1;
	puts("started");
	return 4;
}

/* PGDATA BINDIR */
static int
do_stop_server(char **av, struct err *e)
{
	struct server_start s = {.pgdata = av[0],
	    .bindir = av[1],
	    .deadline = deadline_in(60000),
	    .sigfd = sig_fd()};

	if (server_stop(&s, NULL, e) == -1)
		return -1;
	puts("stopped");
	return 2;
}

/* PGDATA LOG STANDBY-CONNINFO MILLISECONDS */
static int
do_wait(char **av, struct err *e)
{
	struct conninfo own = {.n = 0};
	uint64_t lsn, id;
	uint32_t timeline;
	struct server_state st;
	struct server_wait w = {.pgdata = av[0],
	    .log = av[1],
	    .primary = &opts,
	    .standby = &own,
	    .application_name = "sb",
	    .deadline = deadline_in(atoi(av[3])),
	    .sigfd = sig_fd()};
	int rc = -1;

	if (pg_conninfo_parse(av[2], &own, e) == -1)
		return -1;
	if (pg_identify_system(&opts, &id, &timeline, &lsn, e) == 0) {
		w.system_identifier = id;
		w.timeline = timeline;
		w.until_lsn = lsn;
		rc = server_wait_streaming(&w, &st, e);
		show_n("streaming", st.streaming);
		show_n("login", st.standby_login);
		show("login_error", st.login_error);
		show_n("far_enough", st.receive_lsn >= lsn);
	}
	conninfo_free(&own);
	return rc == -1 ? -1 : 4;
}

static const struct {
	const char *name;
	verb_fn *run;
	int nargs;
} verbs[] = {
    {"probe", do_probe, 0},
    {"open", do_open, 0},
    {"start", do_start, 0},
    {"start-exclusive", do_start_exclusive, 0},
    {"stop", do_stop, 0},
    {"hold", do_hold, 0},
    {"end", do_end, 0},
    {"slot", do_slot, 2},
    {"permanent", do_permanent, 0},
    {"slot-failed", do_slot_failed, 0},
    {"query", do_query, 2},
    {"ahead", do_ahead, 3},
    {"fact", do_fact, 1},
    {"identify", do_identify, 0},
    {"effective", do_effective, 0},
    {"running", do_running, 1},
    {"bindir", do_bindir, 2},
    {"start-server", do_start_server, 4},
    {"stop-server", do_stop_server, 2},
    {"wait", do_wait, 4},
};

static int
run_verbs(int n, char **av, struct err *e)
{
	for (int i = 0; i < n; i++) {
		size_t v = 0;

		while (v < NELEM(verbs) && strcmp(verbs[v].name, av[i]) != 0)
			v++;
		if (v == NELEM(verbs) || i + verbs[v].nargs >= n)
			return err_set(e, ERR_USAGE, "what is \"%s\"?", av[i]);
		if (verbs[v].run(av + i + 1, e) == -1)
			return -1;
		(void)fflush(stdout);
		i += verbs[v].nargs;
	}
	return 0;
}

static void
print_error(const struct err *e)
{
	fprintf(stderr, "error: %s [%s]\n", e->text, err_name(e->code));
	if (e->detail[0] != '\0')
		fprintf(stderr, "detail: %s\n", e->detail);
	if (e->hint[0] != '\0')
		fprintf(stderr, "hint: %s\n", e->hint);
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT, late = ERR_INIT;

	if (argc < 3)
		return STATUS_USAGE;
	log_init("sqlprobe",
	    getenv("SQLPROBE_DEBUG") != NULL ? LVL_DEBUG : LVL_INFO);
	if (sig_init(&e) == 0 &&
	    pg_conninfo_parse(argv[1], &conninfo, &e) == 0) {
		opts.sigfd = sig_fd();
		(void)run_verbs(argc - 2, argv + 2, &e);
	}
	if (err_is_set(&e)) {
		print_error(&e);
		if (slot_end_failed(&slot, &late) == -1)
			print_error(&late);
		err_clear(&late);
	}
	if (backup_end(&backup, &late) == -1)
		print_error(&late);
	backup_free(&backup);
	conninfo_free(&conninfo);
	return e.status;
}
