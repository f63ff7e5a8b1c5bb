#include "base/std.h"
#include "base/clock.h"
#include "core/pgver.h"
#include "core/wire.h"
#include "core/words.h"
#include "flow/datadir.h"
#include "flow/distro.h"
#include "flow/operate_int.h"
#include "flow/server.h"

#define START_LOG ".standby-clone.start.log" /* never copied, as clone's */
#define START_WAIT_S "3" /* pg_ctl notices a server that dies at once */
#define POLL_MS 50
#define SCANS 3 /* of WAL that a server changes meanwhile */

/* One verb at work. */
struct job {
	struct operate_dir *d;
	const struct operate_request *q;
	const struct operate_means *m;
	const struct operate_host *h;
	int64_t deadline;
	struct operate_answer *a;
	struct buf text;
};

void
operate_answer_free(struct operate_answer *a)
{
	if (a != NULL) {
		free(a->text);
		*a = (struct operate_answer){.sent = a->sent};
	}
}

bool
operate_is_standby(const struct operate_answer *a)
{
	return a->signal_file || a->state == PGSTATE_SHUTDOWNED_IN_RECOVERY ||
	       a->state == PGSTATE_IN_ARCHIVE_RECOVERY;
}

bool
operate_do_runs(enum operate_verb verb)
{
	return verb != OPERATE_STATUS && verb != OPERATE_WAL_END;
}

/* --- the directory -------------------------------------------------------- */

static int
nap(void *arg, int64_t ms, struct err *e)
{
	const struct operate_host *h = arg;
	int64_t until = deadline_in(ms);

	do {
		if (h->wait(h->arg, -1, until, e) == -1)
			return -1;
	} while (!deadline_passed(until));
	return 0;
}

/* pg_control of a newer server than known does not say which: PG_VERSION does,
 * and its programs are those of no other. */
static void
name_newer(struct pgcontrol *c, const char *pg_version)
{
	int version = pgver_parse(pg_version);

	if (version != -1 && !pgver_known(c->version) &&
	    pgver_fits(version, c->version))
		c->version = version;
}

static int
check_dir(struct operate_dir *d, const struct operate_request *q,
    const struct operate_host *h, struct err *e)
{
	struct operate_host host = *h;
	struct buf b = BUF_INIT;
	char version[32];
	struct stat st;
	int rc = -1;

	if (datadir_owner(tree_fd(d->t), tree_path(d->t), &st, e) == 0 &&
	    datadir_mode(d->t, &st, e) == 0 &&
	    datadir_version(d->t, version, sizeof(version), e) == 0 &&
	    datadir_control(d->t, &b, nap, &host, e) == 0 &&
	    pgcontrol_parse(b.data, b.len, &d->control, e) == 0) {
		name_newer(&d->control, version);
		rc = datadir_identifier(
		    d->t, &d->control, q->system_identifier, e);
	}
	buf_free(&b);
	return rc;
}

int
operate_do_open(struct operate_dir *d, const struct operate_request *q,
    const struct operate_host *h, struct err *e)
{
	*d = (struct operate_dir){.t = NULL};
	d->t = datadir_open(q->pgdata, strlen(q->pgdata), e);
	if (d->t != NULL && check_dir(d, q, h, e) == 0)
		return 0;
	if (e != NULL && e->code == ERR_SOURCE) { /* not about a clone */
		e->hint[0] = '\0';
		(void)err_hint(
		    e, "Look at pgdata of that node in standby.conf.");
	}
	operate_do_close(d);
	return -1;
}

void
operate_do_close(struct operate_dir *d)
{
	tree_close(d->t);
	*d = (struct operate_dir){.t = NULL};
}

/* --- verbs ---------------------------------------------------------------- */

static int
look(struct job *j, struct buf *why, struct err *e)
{
	j->a->running = server_alive(tree_fd(j->d->t), &j->a->pid, why, e);
	return j->a->running == -2 ? -1 : 0;
}

static int
look_for(struct job *j, const char *name, struct err *e)
{
	struct stat st;

	if (name == NULL)
		return 0;
	if (tree_stat(j->d->t, name, &st) == 0)
		j->a->signal_file = true;
	else if (errno != ENOENT)
		return err_set_errno(e, ERR_SOURCE,
		    "could not look for \"%s/%s\"", tree_path(j->d->t), name);
	return 0;
}

static int
look_at_role(struct job *j, struct err *e)
{
	int version = j->d->control.version;

	j->a->state = (uint8_t)j->d->control.state;
	if (j->d->control.state > WIRE_STATE_MAX)
		return err_set(e, ERR_SOURCE,
		    "pg_control of \"%s\" names an impossible state",
		    tree_path(j->d->t));
	if (look_for(j, pgver(version, PGFACT_FILE_RECOVERY), e) == -1)
		return -1;
	return pgver(version, PGFACT_RECOVERY_IS_GUC) == NULL
		   ? 0
		   : look_for(j, "recovery.signal", e);
}

/* Milliseconds left as whole seconds, for the commands' own limits. */
static int
seconds_left(const struct job *j)
{
	int ms = deadline_poll_ms(j->deadline);

	return MAX_OF(1, (ms < 0 ? OPERATE_MS_MAX : ms) / 1000);
}

static int
run(struct job *j, const char *const *argv, struct err *e)
{
	j->a->sent = true;
	return operate_run(j->h, argv, j->deadline, &j->text, &j->a->status, e);
}

/* A command line of the user: split by us, run without his libpq variables. */
static int
run_configured(struct job *j, const char *command, struct err *e)
{
	const char *argv[WORDS_MAX + 1], *words[2 * WORDS_MAX];
	struct words w;
	int rc;

	if (words_split(command, &w, e) == -1)
		return -1;
	for (size_t i = 0; i <= w.n; i++)
		argv[i] = w.v[i];
	rc = server_words(argv, words, NELEM(words), e);
	if (rc == 0)
		rc = run(j, words, e);
	words_free(&w);
	return rc;
}

/* bindir/pg_ctl WORD -D DIR OPTION... */
static int
run_pg_ctl(
    struct job *j, const char *word, const char *const *options, struct err *e)
{
	const char *argv[16], *words[64];
	char *bindir = NULL;
	struct buf path = BUF_INIT;
	int minor, rc = -1;
	size_t n = 0;

	if (server_bindir(
		j->m->bindir, j->d->control.version, &bindir, &minor, e) == -1)
		return -1;
	buf_addf(&path, "%s/pg_ctl", bindir);
	argv[n++] = buf_str(&path);
	argv[n++] = word;
	argv[n++] = "-D";
	argv[n++] = j->m->pgdata;
	while (*options != NULL && n < NELEM(argv) - 1)
		argv[n++] = *options++;
	argv[n] = NULL;
	if (!buf_ok(&path))
		(void)err_set_nomem(e);
	else if (server_words(argv, words, NELEM(words), e) == 0)
		rc = run(j, words, e);
	buf_free(&path);
	free(bindir);
	return rc;
}

static int
pg_ctl_start(struct job *j, struct err *e)
{
	const char *options[] = {"-l", NULL, "-w", "-t", START_WAIT_S, NULL};
	struct buf log = BUF_INIT;
	int rc;

	buf_addf(&log, "%s/" START_LOG, j->m->pgdata);
	options[1] = buf_str(&log);
	(void)tree_unlink(j->d->t, START_LOG); /* of an earlier start */
	rc = buf_ok(&log) ? run_pg_ctl(j, "start", options, e)
			  : err_set_nomem(e);
	if (rc == 0)
		rc = look(j, NULL, e);
	/* A standby that is not consistent yet is not ready: it lives. */
	if (rc == 0 && j->a->status != 0 && j->a->running == 1)
		j->a->status = 0;
	if (rc == 0 && j->a->status != 0)
		server_log_tail(j->m->pgdata, options[1], &j->text);
	buf_free(&log);
	return rc;
}

/* The configuration's commands, the distribution's, or NULL: pg_ctl. */
static int
find_commands(struct job *j, struct distro *d, const char **start,
    const char **stop, struct err *e)
{
	*start = j->m->start;
	*stop = j->m->stop;
	if (distro_find(d, tree_path(j->d->t), j->d->control.version, e) == -1)
		return -1;
	distro_commands(d, start, stop);
	return 0;
}

static int
do_start(struct job *j, struct err *e)
{
	struct distro d = {.kind = DISTRO_NONE};
	const char *start, *stop;
	int rc;

	if (look(j, NULL, e) == -1)
		return -1;
	if (j->a->running == 1)
		return 0;
	rc = find_commands(j, &d, &start, &stop, e);
	if (rc == 0)
		rc = start == NULL ? pg_ctl_start(j, e)
				   : run_configured(j, start, e);
	distro_free(&d);
	return rc;
}

/* The command may return early. */
static int
wait_stopped(struct job *j, struct err *e)
{
	while (j->a->status == 0) {
		if (look(j, NULL, e) == -1)
			return -1;
		if (j->a->running != 1)
			return 0;
		if (deadline_passed(j->deadline))
			return err_set(e, ERR_TIMEOUT,
			    "the server in \"%s\" did not stop in time",
			    j->m->pgdata);
		if (j->h->wait(j->h->arg, -1,
			MIN_OF(j->deadline, deadline_in(POLL_MS)), e) == -1)
			return -1;
	}
	return 0;
}

static int
do_stop(struct job *j, struct err *e)
{
	char seconds[16];
	const char *options[] = {"-m", "fast", "-w", "-t", seconds, NULL};
	struct distro d = {.kind = DISTRO_NONE};
	const char *start, *stop;
	int rc;

	if (look(j, NULL, e) == -1)
		return -1;
	if (j->a->running == 0)
		return 0;
	(void)snprintf(seconds, sizeof(seconds), "%d", seconds_left(j));
	rc = find_commands(j, &d, &start, &stop, e);
	if (rc == 0)
		rc = stop != NULL ? run_configured(j, stop, e)
				  : run_pg_ctl(j, "stop", options, e);
	distro_free(&d);
	return rc == 0 ? wait_stopped(j, e) : -1;
}

/* -W: the caller looks at the server itself, sooner than pg_ctl would.  A file
 * that pg_ctl left is found by the server sooner or later. */
static int
do_promote(struct job *j, struct err *e)
{
	static const char *const options[] = {"-W", NULL};
	struct stat st;

	if (run_pg_ctl(j, "promote", options, e) == -1)
		return -1;
	if (j->a->status == 0 || j->a->status >= 128 ||
	    (tree_stat(j->d->t, OPERATE_PROMOTE_FILE, &st) == -1 &&
		errno == ENOENT))
		return 0;
	return err_set(e, ERR_PROC,
	    "pg_ctl promote ended with status %d, and its file \"%s\" may be "
	    "there: the server may be promoted yet",
	    j->a->status, OPERATE_PROMOTE_FILE);
}

/* One of our own programs: PROGRAM ARG... -D DIR? -y -t N.  Who asked reads
 * what it says: its configuration and environment must not send that elsewhere,
 * nor colour it. */
static int
run_ours(
    struct job *j, const char *name, const char *const *args, struct err *e)
{
	struct buf program = BUF_INIT, timeout = BUF_INIT, bindir = BUF_INIT;
	const char *argv[16];
	size_t n = 0;
	int rc;

	if (j->m->program_dir != NULL)
		buf_addf(&program, "%s/", j->m->program_dir);
	buf_adds(&program, name);
	buf_addf(&timeout, "--timeout=%ds", seconds_left(j));
	argv[n++] = buf_str(&program);
	while (*args != NULL && n < 8)
		argv[n++] = *args++;
	argv[n++] = "-y";
	argv[n++] = "--log=stderr";
	argv[n++] = "--color=never";
	argv[n++] = buf_str(&timeout);
	/* A file says it itself. */
	if (j->m->bindir != NULL && j->m->config == NULL) {
		buf_addf(&bindir, "--pg-bindir=%s", j->m->bindir);
		argv[n++] = buf_str(&bindir);
	}
	if (j->m->config != NULL) {
		argv[n++] = "-f";
		argv[n++] = j->m->config;
	}
	argv[n] = NULL;
	rc = buf_ok(&program) && buf_ok(&timeout) && buf_ok(&bindir)
		 ? run(j, argv, e)
		 : err_set_nomem(e);
	buf_free(&program);
	buf_free(&timeout);
	buf_free(&bindir);
	return rc;
}

static int
do_follow(struct job *j, struct err *e)
{
	const char *args[] = {"-d", j->m->primary, "-D", j->m->pgdata, NULL};

	if (j->m->primary == NULL)
		return err_set(
		    e, ERR_CONFIG, "the new primary has no conninfo");
	/* Arguments can be seen by every user of the host. */
	if (strcasestr(j->m->primary, "password") != NULL) {
		(void)err_set(e, ERR_CONFIG,
		    "the conninfo of the new primary holds a password");
		return err_hint(e, "Move it into ~/.pgpass.");
	}
	return run_ours(j, "standby-follow", args, e);
}

static int
do_delta(struct job *j, struct err *e)
{
	const char *args[] = {j->m->self, "--delta", NULL};

	if (j->m->self == NULL)
		return err_set(e, ERR_CONFIG,
		    "no node of standby.conf has that directory");
	return run_ours(j, "standby-clone", args, e);
}

static bool
same_wal(const struct pgcontrol *a, const struct pgcontrol *b)
{
	return a->checkpoint == b->checkpoint && a->timeline == b->timeline &&
	       a->state == b->state && a->min_recovery == b->min_recovery &&
	       a->min_recovery_tli == b->min_recovery_tli;
}

/* 1: the answer is there, 0: something happened while it was looked for. */
static int
scan_wal(struct job *j, struct err *e)
{
	const struct pgcontrol before = j->d->control;

	buf_reset(&j->text);
	j->a->wal_end = 0;
	j->a->timeline = 0;
	if (look(j, &j->text, e) == -1)
		return -1;
	if (j->a->running == 1)
		return 1;
	if (operate_wal_end(j->d, j->q, j->h, j->a, e) == -1 ||
	    check_dir(j->d, j->q, j->h, e) == -1)
		return -1;
	return same_wal(&before, &j->d->control);
}

/*
 * pg_control was read before the look: of a server that ran then, and that
 * removed the WAL of that checkpoint when it ended.  And one that is started
 * while its WAL is read removes it under our hands.  Either would be "no WAL",
 * or an end that is none: it counts when pg_control is the same behind it, and
 * still nobody runs.
 */
static int
do_wal_end(struct job *j, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < SCANS && rc == 0; i++)
		rc = scan_wal(j, e);
	if (rc == 0)
		return err_set(e, ERR_SOURCE,
		    "pg_control of \"%s\" changes all the time: its server is "
		    "started and stopped",
		    tree_path(j->d->t));
	if (rc == -1 || j->a->running == 1)
		return rc == -1 ? -1 : 0;
	/* Started, and pg_control not yet written. */
	buf_reset(&j->text);
	if (look(j, &j->text, e) == -1)
		return -1;
	if (j->a->running == 1)
		j->a->wal_end = j->a->timeline = 0;
	return look_at_role(j, e);
}

static int
dispatch(struct job *j, struct err *e)
{
	switch (j->q->verb) {
	case OPERATE_STATUS:
	case OPERATE_MAY: /* it was judged before */
		return look(j, &j->text, e);
	case OPERATE_WAL_END:
		return do_wal_end(j, e);
	case OPERATE_START:
		return do_start(j, e);
	case OPERATE_STOP:
		return do_stop(j, e);
	case OPERATE_PROMOTE:
		return do_promote(j, e);
	case OPERATE_FOLLOW:
		return do_follow(j, e);
	case OPERATE_DELTA:
		return do_delta(j, e);
	}
	return err_set(e, ERR_PROTOCOL, "verb %d is not known", j->q->verb);
}

/* Any bytes but NUL, and not more than fits into an answer. */
static int
keep_text(struct job *j, struct err *e)
{
	struct buf *b = &j->text;

	if (b->len > WIRE_OUTPUT_MAX)
		buf_consume(b, b->len - WIRE_OUTPUT_MAX);
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] == '\0')
			b->data[i] = ' ';
	j->a->text = buf_steal(b);
	return j->a->text == NULL ? err_set_nomem(e) : 0;
}

int
operate_do(struct operate_dir *d, const struct operate_request *q,
    const struct operate_means *m, const struct operate_host *h,
    int64_t deadline, struct operate_answer *a, struct err *e)
{
	struct job j = {.d = d,
	    .q = q,
	    .m = m,
	    .h = h,
	    .deadline = deadline,
	    .a = a,
	    .text = BUF_INIT};
	int rc = -1;

	*a = (struct operate_answer){.text = NULL};
	if (m == NULL && operate_do_runs(q->verb))
		return err_set(e, ERR_INTERNAL, "a command without its means");
	if (look_at_role(&j, e) == -1)
		return -1;
	rc = dispatch(&j, e);
	if (rc == 0 && operate_do_runs(q->verb))
		rc = look(&j, NULL, e);
	if (rc == 0)
		rc = keep_text(&j, e);
	buf_free(&j.text);
	return rc;
}
