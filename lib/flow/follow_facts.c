#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/follow_int.h"
#include "flow/operate.h"
#include "flow/target.h"
#include "io/host.h"

#include <sys/file.h>

#define CONTROL_TRIES 10 /* the server writes it while we read */
#define CONTROL_MS 20
#define READY_MS 10000 /* a server that starts lets us in */
#define READY_POLL_MS 50
#define SCAN_MS 60000      /* WAL of a stopped server */
#define TIMELINES_MAX 4096 /* that are compared */

/* --- the directory -------------------------------------------------------- */

static int
check_owner(struct follow *f, struct err *e)
{
	struct stat st;

	if (fstat(tree_fd(f->tree), &st) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not stat \"%s\"", tree_path(f->tree));
	if (st.st_uid == geteuid())
		return 0;
	(void)err_set(e, ERR_TARGET_OWNER,
	    "directory \"%s\" belongs to user %u, and this runs as %u",
	    tree_path(f->tree), (unsigned)st.st_uid, (unsigned)geteuid());
	return err_hint(e, "Run it as the owner of the data directory.");
}

static int
not_pgdata(struct follow *f, const char *what, struct err *e)
{
	struct stat st;

	if (tree_stat(f->tree, TARGET_MARKER, &st) == 0) {
		(void)err_set(e, ERR_TARGET_NOT_PGDATA,
		    "directory \"%s\" is an unfinished clone",
		    tree_path(f->tree));
		return err_hint(e, "Run standby-clone again: it continues.");
	}
	(void)err_set(e, ERR_TARGET_NOT_PGDATA,
	    "directory \"%s\" is no data directory: it has no %s",
	    tree_path(f->tree), what);
	return err_hint(e, "Name the data directory of this node with -D.");
}

static int
read_version(struct follow *f, struct err *e)
{
	struct buf b = BUF_INIT;

	f->version = -1;
	if (tree_read_file(f->tree, "PG_VERSION", 64, &b) == 0)
		f->version = pgver_parse(buf_str(&b));
	buf_free(&b);
	if (f->version == -1)
		return not_pgdata(f, "PG_VERSION", e);
	f->wal_dir = pgver(f->version, PGFACT_DIR_WAL);
	return 0;
}

static int
read_control(struct follow *f, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err last = ERR_INIT;
	int rc = -1;

	for (int i = 0; i < CONTROL_TRIES && rc == -1; i++) {
		buf_reset(&b);
		err_clear(&last);
		if (i > 0)
			clock_sleep_ms(CONTROL_MS, f->deadline);
		if (tree_read_file(
			f->tree, TARGET_CONTROL, PGCONTROL_MAX, &b) == -1) {
			buf_free(&b);
			return not_pgdata(f, TARGET_CONTROL, e);
		}
		rc = pgcontrol_parse(b.data, b.len, &f->control, &last);
	}
	buf_free(&b);
	if (rc == 0)
		return 0;
	(void)err_set(e, ERR_TARGET_NOT_PGDATA, "\"%s\": %s",
	    tree_path(f->tree), last.text);
	return err_hint(e, "%s", last.hint);
}

/* Two at once, or a clone: the lock of flow/target.c. */
static int
lock_dir(struct follow *f, struct err *e)
{
	if (flock(tree_fd(f->tree), LOCK_EX | LOCK_NB) == 0 ||
	    errno != EWOULDBLOCK)
		return 0;
	(void)err_set(e, ERR_TARGET_LOCKED,
	    "directory \"%s\" is in use by another standby-clone or "
	    "standby-follow",
	    tree_path(f->tree));
	return err_hint(e, "Wait until it has ended, or end it.");
}

static int
open_dir(struct follow *f, struct err *e)
{
	if (geteuid() == 0) {
		(void)err_set(e, ERR_ROOT, "this must not be run as root");
		return err_hint(e, "Run it as the user that runs the server: "
				   "runuser -u postgres -- ...");
	}
	if ((f->tree = tree_open(f->o->pgdata, e)) == NULL) {
		/* As standby-clone calls it. */
		if (e != NULL && e->code == ERR_IO)
			e->code = ERR_TARGET_PATH;
		err_raise(e, STATUS_REFUSED);
		return err_hint(e, "Name the data directory of this node with "
				   "-D.");
	}
	if (check_owner(f, e) == -1 || read_version(f, e) == -1 ||
	    lock_dir(f, e) == -1 || read_control(f, e) == -1)
		return -1;
	return tree_add_link(f->tree, f->wal_dir, e);
}

/* --- a server that runs --------------------------------------------------- */

static int
open_own(struct follow *f, struct err *e)
{
	struct pg_opts o = {.conninfo = &f->own_conninfo,
	    .application_name = FOLLOW_PROGRAM,
	    .deadline = f->deadline,
	    .sigfd = f->o->sigfd};
	int64_t until = follow_deadline(f, READY_MS);
	struct err why = ERR_INIT;

	if (pidfile_conninfo(&f->pidfile, &f->effective, &f->own_conninfo, e) ==
	    -1)
		return -1;
	while (pg_open(&f->own, &o, &why) == -1) {
		/* It starts, or starts again after a crash of a process. */
		if (strstr(why.detail, "the database system is") == NULL ||
		    deadline_passed(until)) {
			*e = why;
			break;
		}
		err_clear(&why);
		if (f->o->sigfd != -1 && sig_check(e) == -1)
			return -1;
		clock_sleep_ms(READY_POLL_MS, until);
	}
	if (f->own != NULL)
		return 0;
	(void)err_wrap(
	    e, "the server in \"%s\" (pid %ld)", tree_path(f->tree), f->pid);
	return err_hint(e,
	    "Its position must be known: let this role log in, or stop it "
	    "and run standby-follow again.");
}

/* One value, or NULL in *r's place: absent there, not allowed. */
static const char *
ask(struct follow *f, struct pg *pg, const char *sql, struct pg_rows **r)
{
	*r = NULL;
	if (sql == NULL ||
	    pg_query(pg, r, follow_deadline(f, FOLLOW_ASK_MS), sql, 0, NULL,
		NULL) == -1 ||
	    pg_rows_n(*r) == 0)
		return NULL;
	return pg_rows_get(*r, 0, 0);
}

uint64_t
follow_ask_lsn(struct follow *f, struct pg *pg, enum pgfact fact)
{
	struct pg_rows *r;
	const char *s = ask(f, pg, pgver(pg_version(pg), fact), &r);
	uint64_t lsn = LSN_INVALID;

	if (s == NULL || lsn_parse(s, &lsn) == -1)
		lsn = LSN_INVALID;
	pg_rows_free(r);
	return lsn;
}

static uint32_t
number_at(const struct pg_rows *r, int col)
{
	const char *s = pg_rows_n(r) > 0 ? pg_rows_get(r, 0, col) : NULL;

	return s != NULL ? (uint32_t)strtoul(s, NULL, 10) : 0;
}

/* pg_control may be behind: what a standby streams, or would hand on, is its
 * timeline. */
static uint32_t
ask_timeline(struct follow *f)
{
	struct pg_opts o = {.conninfo = &f->own_conninfo,
	    .application_name = FOLLOW_PROGRAM,
	    .deadline = f->deadline,
	    .sigfd = -1};
	uint32_t tli = MAX_OF(f->control.timeline, f->control.min_recovery_tli),
		 now = 0;
	uint64_t id, lsn;
	struct pg_rows *r;

	(void)ask(f, f->own, pgver(pg_version(f->own), PGFACT_RECEIVER), &r);
	now = number_at(r, 1);
	pg_rows_free(r);
	if (now == 0 && pg_identify_system(&o, &id, &now, &lsn, NULL) == -1)
		now = 0;
	tli = MAX_OF(tli, now);
	(void)ask(f, f->own, pgver(pg_version(f->own), PGFACT_TIMELINE), &r);
	tli = MAX_OF(tli, number_at(r, 0));
	pg_rows_free(r);
	return tli;
}

static int
running_primary(struct follow *f, struct err *e)
{
	struct buf b = BUF_INIT;

	follow_add_delta(f, &b);
	(void)err_set(e, ERR_TARGET_RUNNING,
	    "the server in \"%s\" (pid %ld) is a running primary", f->o->pgdata,
	    f->pid);
	(void)err_detail(e,
	    "It takes writes and follows nobody. If it is an old primary, its "
	    "own WAL must go.");
	(void)err_hint(e, "Stop it, and: %s", buf_str(&b));
	buf_free(&b);
	return -1;
}

static int
look_running(struct follow *f, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *s;
	bool standby;

	if (open_own(f, e) == -1)
		return -1;
	if (pg_query(f->own, &r, follow_deadline(f, FOLLOW_ASK_MS),
		"SELECT pg_is_in_recovery()", 0, NULL, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	standby = s != NULL && *s == 't';
	pg_rows_free(r);
	if (!standby)
		return running_primary(f, e);
	f->own_timeline = ask_timeline(f);
	f->own_end = MAX_OF(follow_ask_lsn(f, f->own, PGFACT_RECEIVE_LSN),
	    follow_ask_lsn(f, f->own, PGFACT_REPLAY_LSN));
	return 0;
}

/* --- a server that does not ----------------------------------------------- */

/* All of the WAL that is on disk will be replayed, also what was received and
 * not replayed: so its end counts. */
static void
scan_wal(struct follow *f)
{
	struct operate_local l = {.bindir = f->o->bindir};
	struct operate_request q = {
	    .verb = OPERATE_WAL_END, .pgdata = tree_path(f->tree)};
	struct operate_answer a = {.running = -1};
	struct err why = ERR_INIT;

	if (operate_here(&l, &q, &a, follow_deadline(f, SCAN_MS), f->o->sigfd,
		&why) == 0) {
		f->own_end = MAX_OF(f->own_end, a.wal_end);
		f->own_timeline = MAX_OF(f->own_timeline, a.timeline);
	} else {
		follow_note(f,
		    "the end of the WAL on disk is not known (%s): pg_control "
		    "decides",
		    why.text);
	}
	operate_answer_free(&a);
}

static int
look_stopped(struct follow *f)
{
	uint32_t tli = 0;

	f->own_end = pgcontrol_reached(&f->control, &tli);
	f->own_timeline = tli;
	switch ((enum pgcontrol_state)f->control.state) {
	case PGSTATE_SHUTDOWNED_IN_RECOVERY:
	case PGSTATE_IN_ARCHIVE_RECOVERY:
		break;
	case PGSTATE_SHUTDOWNED:
		f->was_primary = true;
		/* The record of the checkpoint itself is WAL, too. */
		f->own_end++;
		break;
	case PGSTATE_STARTUP:
	case PGSTATE_SHUTDOWNING:
	case PGSTATE_IN_CRASH_RECOVERY:
	case PGSTATE_IN_PRODUCTION:
		f->was_primary = f->end_unknown = true;
		return 0;
	}
	scan_wal(f);
	return 0;
}

/* The branch that the node is on: timelines of one number may be two. */
static void
read_history(struct follow *f)
{
	char path[64];

	if (f->own_timeline < 2)
		return;
	(void)snprintf(path, sizeof(path), "%s/%08" PRIX32 ".history",
	    f->wal_dir, f->own_timeline);
	if (tree_read_file(f->tree, path, TLI_HISTORY_MAX, &f->own_history) ==
		-1 ||
	    (f->own_history.len > 0 &&
		memchr(f->own_history.data, '\0', f->own_history.len) != NULL))
		buf_reset(&f->own_history);
}

/* Who starts and stops it. */
static int
find_commands(struct follow *f, struct err *e)
{
	struct buf typed = BUF_INIT;

	f->start_command = f->o->start_command;
	f->stop_command = f->o->stop_command;
	distro_free(&f->distro); /* of an earlier look */
	if (distro_find(&f->distro, tree_path(f->tree), f->version, e) == -1)
		return -1;
	distro_commands(&f->distro, &f->start_command, &f->stop_command);
	distro_add_typed(
	    &f->distro, DISTRO_RESTART, tree_path(f->tree), &typed);
	free(f->rec->restart);
	if ((f->rec->restart = buf_steal(&typed)) != NULL)
		return 0;
	buf_free(&typed);
	return err_set_nomem(e);
}

int
follow_look_here(struct follow *f, struct err *e)
{
	if (pg_conninfo_effective(&f->o->conninfo, &f->effective, e) == -1 ||
	    open_dir(f, e) == -1)
		return -1;
	switch (server_running(tree_fd(f->tree), &f->pid, NULL, e)) {
	case -1:
		return -1;
	case 1:
		f->running = true;
		break;
	}
	if (f->running && pidfile_read(tree_fd(f->tree), &f->pidfile, e) == -1)
		return -1;
	if ((f->running ? look_running(f, e) : look_stopped(f)) == -1)
		return -1;
	read_history(f);
	return find_commands(f, e);
}

/* --- the new primary ------------------------------------------------------ */

static int
check_version(struct follow *f, struct err *e)
{
	char here[16], there[16];

	if (pgver_same_major(pg_version(f->pg), f->version))
		return 0;
	return err_set(e, ERR_VERSION,
	    "%s is PostgreSQL %s, and this node is %s", pg_name(f->pg),
	    pgver_major(pg_version(f->pg), there, sizeof(there)),
	    pgver_major(f->version, here, sizeof(here)));
}

/* Is it this node?  No two servers start in the same microsecond on the same
 * port. */
static int
check_not_self(struct follow *f, struct err *e)
{
	static const char sql[] = "SELECT extract(epoch FROM "
				  "pg_postmaster_start_time())::text || ' ' || "
				  "current_setting('port')";
	struct pg_rows *mine = NULL, *theirs = NULL;
	const char *a, *b;
	int rc = 0;

	if (f->own == NULL)
		return 0;
	a = ask(f, f->own, sql, &mine);
	b = ask(f, f->pg, sql, &theirs);
	if (a != NULL && b != NULL && strcmp(a, b) == 0) {
		rc = err_set(e, ERR_TARGET_IS_SOURCE, "%s is this node itself",
		    pg_name(f->pg));
		(void)err_hint(e, "Name the new primary with --master.");
	}
	pg_rows_free(mine);
	pg_rows_free(theirs);
	return rc;
}

/* Means another machine on another machine. */
static bool
is_loopback(const char *host)
{
	return host[0] == '/' || host[0] == '@' ||
	       strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       strncmp(host, "127.", 4) == 0;
}

/* A standby that streams from this node: a circle would get no WAL. */
static int
check_circle(struct follow *f, struct err *e)
{
	struct pg_rows *r = NULL;
	struct conninfo c = {.n = 0};
	const char *host, *port;
	char mine[16];
	int rc = 0;

	(void)ask(f, f->pg, pgver(pg_version(f->pg), PGFACT_RECEIVER), &r);
	if (pg_rows_n(r) == 1 && pg_rows_get(r, 0, 3) != NULL &&
	    pg_conninfo_parse(pg_rows_get(r, 0, 3), &c, NULL) == 0) {
		host = conninfo_get(&c, "hostaddr");
		if (host == NULL)
			host = conninfo_get(&c, "host");
		port = conninfo_get(&c, "port");
		(void)snprintf(mine, sizeof(mine), "%d", f->pidfile.port);
		if (f->running && host != NULL &&
		    strcmp(port != NULL ? port : "5432", mine) == 0 &&
		    host_is_local(host) == 1 &&
		    (!is_loopback(host) ||
			host_is_local(pg_host(f->pg)) == 1)) {
			rc = err_set(e, ERR_NODE,
			    "%s is a standby that streams from this node",
			    pg_name(f->pg));
			(void)err_hint(e, "Name the primary, or a standby that "
					  "is not below this node.");
		}
	}
	conninfo_free(&c);
	pg_rows_free(r);
	return rc;
}

static int
ask_role(struct follow *f, struct err *e)
{
	struct pg_rows *r = NULL;
	const char *s;

	if (pg_query(f->pg, &r, follow_deadline(f, FOLLOW_ASK_MS),
		"SELECT pg_is_in_recovery()", 0, NULL, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	f->upstream_in_recovery = s != NULL && *s == 't';
	pg_rows_free(r);
	return f->upstream_in_recovery ? check_circle(f, e) : 0;
}

int
follow_login(struct follow *f, struct conninfo *as, struct err *e)
{
	if (conninfo_copy(as, &f->to) == -1 ||
	    (f->password != NULL &&
		conninfo_set(as, "password", f->password) == -1))
		return err_set_nomem(e);
	return 0;
}

/* What the standby will do all its life: log in as its role. */
static int
identify(struct follow *f, struct err *e)
{
	struct conninfo as = {.n = 0};
	struct pg_opts o = f->pg_opts;
	int rc = -1;

	o.conninfo = &as;
	if (follow_login(f, &as, e) == -1)
		goto out;
	if (pg_identify_system(
		&o, &f->system_identifier, &f->timeline, &f->end, e) == -1) {
		(void)err_wrap(
		    e, "the replication login that the standby will use");
		goto out;
	}
	if (f->timeline > 1 &&
	    pgver(f->version, PGFACT_TIMELINE_HISTORY) != NULL &&
	    pg_timeline_history(&o, f->timeline, &f->history, e) == -1)
		goto out;
	rc = 0;
out:
	conninfo_free(&as);
	return rc;
}

int
follow_look_there(struct follow *f, struct err *e)
{
	f->pg_opts = (struct pg_opts){.conninfo = &f->o->conninfo,
	    .application_name = FOLLOW_PROGRAM,
	    .deadline = f->deadline,
	    .sigfd = f->o->sigfd};
	if (pg_open(&f->pg, &f->pg_opts, e) == -1)
		return -1;
	if (check_version(f, e) == -1 || check_not_self(f, e) == -1 ||
	    ask_role(f, e) == -1)
		return -1;
	return identify(f, e);
}

int
follow_other_branch(const struct follow *f, uint64_t *fork)
{
	const char *mine = buf_str(&f->own_history),
		   *theirs = buf_str(&f->history);
	uint32_t last = MIN_OF(f->own_timeline, TIMELINES_MAX);
	uint64_t a, b;
	int x, y;

	if (f->own_history.len == 0 || f->history.len == 0 ||
	    f->own_timeline > f->timeline)
		return 0;
	for (uint32_t tli = 1; tli < last; tli++) {
		x = tli_switch_point(mine, tli, &a);
		y = tli_switch_point(theirs, tli, &b);
		if (x == -1 || y == -1 || x + y == 0 || (x + y == 2 && a == b))
			continue;
		*fork = x + y == 2 ? MIN_OF(a, b) : x == 1 ? a : b;
		return 1;
	}
	return 0;
}
