#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/follow_int.h"
#include "flow/hook.h"
#include "flow/pidfile.h"
#include "flow/server_local.h"

#include <signal.h>
#include <sys/random.h>

#define START_LOG ".standby-clone.start.log"
#define OPTIONS_FILE "postmaster.opts"
#define OPTIONS_MAX (64u << 10)
#define ALREADY_MS 4000
#define SETTING_MS 5000 /* a reload takes effect */
#define SWITCH_MS 15000 /* the receiver leaves its old primary */
#define STREAM_MS 60000
#define POLL_MS 100

/* --- what can be known before --------------------------------------------- */

enum means { MEANS_RELOAD, MEANS_RESTART, MEANS_START, MEANS_NOTHING };

static enum means
means_of(const struct follow *f)
{
	if (!f->running)
		return f->o->start ? MEANS_START : MEANS_NOTHING;
	if (pgver(f->version, PGFACT_CONNINFO_RELOAD) != NULL &&
	    !f->keeps_timeline)
		return MEANS_RELOAD;
	return f->o->start ? MEANS_RESTART : MEANS_NOTHING;
}

static bool
wants_programs(const struct follow *f)
{
	enum means m = means_of(f);

	if (m == MEANS_START)
		return f->start_command == NULL;
	return m == MEANS_RESTART &&
	       (f->start_command == NULL || f->stop_command == NULL);
}

/* The slot that the node streams from now is in use, by itself. */
static int
is_own_slot(struct follow *f, struct err *e)
{
	struct slot_facts s;

	if (f->want_slot == SLOT_NONE ||
	    strcmp(buf_str(&f->present_slot), f->slot_name) != 0 ||
	    !follow_same_address(&f->present_conninfo, &f->effective) ||
	    pgver(f->version, PGFACT_SLOT_LIST) == NULL)
		return 0;
	if (slot_read(f->pg, f->slot_name, &s,
		follow_deadline(f, FOLLOW_ASK_MS), e) == -1)
		return -1;
	f->own_slot = s.exists && s.physical && s.active;
	return 0;
}

int
follow_prepare(struct follow *f, struct err *e)
{
	struct buf log = BUF_INIT;
	int minor;

	if (is_own_slot(f, e) == -1 ||
	    (!f->own_slot &&
		slot_check(f->pg, f->slot_name, f->want_slot, e) == -1))
		return -1;
	if (wants_programs(f) && server_bindir(f->o->bindir, pg_version(f->pg),
				     &f->bindir, &minor, e) == -1)
		return -1;
	buf_addf(&log, "%s/" START_LOG, tree_path(f->tree));
	f->log = buf_steal(&log);
	return f->log != NULL ? 0 : err_set_nomem(e);
}

/* --- already there? ------------------------------------------------------- */

static struct server_wait
wait_opts(struct follow *f, int64_t ms)
{
	return (struct server_wait){.pgdata = tree_path(f->tree),
	    .version = f->version,
	    .primary = &f->pg_opts,
	    .primary_pg = f->pg,
	    .standby = &f->effective,
	    .application_name = buf_str(&f->sender_name),
	    .slot = f->use_slot ? f->slot_name : NULL,
	    .system_identifier = f->system_identifier,
	    .timeline = f->timeline,
	    .log = f->log,
	    .deadline = follow_deadline(f, ms),
	    .sigfd = f->o->sigfd};
}

/* Where the receiver gets its WAL from: 1 from the new primary, 0 not from
 * there, -1 there is none, -2 the role may not see it. */
static int
receiver_from(struct follow *f)
{
	const char *sql = pgver(pg_version(f->own), PGFACT_RECEIVER), *s;
	struct conninfo c = {.n = 0};
	struct pg_rows *r = NULL;
	int rc = -2;

	if (sql == NULL ||
	    pg_query(f->own, &r, follow_deadline(f, FOLLOW_ASK_MS), sql, 0,
		NULL, NULL) == -1)
		return -2;
	if (pg_rows_n(r) == 0)
		rc = -1;
	else if ((s = pg_rows_get(r, 0, 3)) != NULL &&
		 pg_conninfo_parse(s, &c, NULL) == 0)
		rc = follow_same_address(&c, &f->to);
	conninfo_free(&c);
	pg_rows_free(r);
	return rc;
}

/* Does the user ask for what is not so yet? */
static bool
wants_change(const struct follow *f)
{
	const char *now = conninfo_get(&f->present_conninfo, "user");
	const char *want = f->o->replication_user;

	if (want != NULL && (now == NULL || strcmp(now, want) != 0))
		return true;
	now = conninfo_get(&f->present_conninfo, "application_name");
	want = f->o->application_name;
	if (want != NULL && (now == NULL || strcmp(now, want) != 0))
		return true;
	if (f->o->slot != NULL)
		return strcmp(buf_str(&f->present_slot), f->o->slot) != 0;
	return f->o->want_slot == SLOT_NONE && f->present_slot.len > 0;
}

int
follow_already(struct follow *f, struct err *e)
{
	struct err why = ERR_INIT;
	struct server_state s;
	struct server_wait w;
	int from;

	if (!f->running || wants_change(f) ||
	    !follow_same_address(&f->present_conninfo, &f->effective))
		return 0;
	from = receiver_from(f);
	if (from == 0 || from == -1)
		return 0;
	w = wait_opts(f, ALREADY_MS);
	if (server_wait_streaming(&w, &s, &why) == -1) {
		if (why.code != ERR_INTERRUPTED)
			return 0;
		*e = why;
		return -1;
	}
	f->rec->streaming = true;
	f->rec->receive_lsn = s.receive_lsn;
	(void)snprintf(f->rec->slot, sizeof(f->rec->slot), "%s",
	    buf_str(&f->present_slot));
	return 1;
}

/* --- the plan ------------------------------------------------------------- */

static const char *
conf_file(const struct follow *f)
{
	return pgver(
	    f->version, pgver(f->version, PGFACT_RECOVERY_IS_GUC) != NULL
			    ? PGFACT_AUTO_CONF
			    : PGFACT_FILE_RECOVERY);
}

static const char *
program(const char *command)
{
	return command != NULL ? command : "pg_ctl";
}

void
follow_tell_plan(struct follow *f)
{
	struct buf b = BUF_INIT, shown = BUF_INIT;

	if (f->own_slot)
		follow_plan(f, "go on with replication slot \"%s\" on %s",
		    f->slot_name, pg_name(f->pg));
	else if (f->want_slot != SLOT_NONE)
		follow_plan(f,
		    "make replication slot \"%s\" on %s, if it is not there",
		    f->slot_name, pg_name(f->pg));
	conninfo_render(&f->to, true, &b);
	text_add_escaped(&shown, b.data, b.len);
	follow_plan(f, "write to \"%s/%s\": primary_conninfo = '%s'",
	    tree_path(f->tree), conf_file(f), buf_str(&shown));
	switch (means_of(f)) {
	case MEANS_RELOAD:
		follow_plan(f, "reload the configuration of the server");
		break;
	case MEANS_RESTART:
		follow_plan(f, "restart the server: %s, then %s",
		    program(f->stop_command), program(f->start_command));
		break;
	case MEANS_START:
		follow_plan(
		    f, "start the server: %s", program(f->start_command));
		break;
	case MEANS_NOTHING:
		follow_plan(f, "leave the server as it is");
		break;
	}
	if (f->o->wait && means_of(f) != MEANS_NOTHING)
		follow_plan(f,
		    "wait until it streams from %s on timeline %" PRIu32,
		    pg_name(f->pg), f->timeline);
	buf_reset(&b);
	if (follow_add_left(f, &b))
		follow_plan(f, "leave to you: %s", buf_str(&b));
	buf_free(&b);
	buf_free(&shown);
}

/* --- slot ----------------------------------------------------------------- */

static int
make_slot(struct follow *f, struct err *e)
{
	const char *why = NULL;
	unsigned char r[4];
	char id[16];
	int rc;

	if (f->own_slot) {
		f->use_slot = true;
		return 0;
	}
	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return err_set_errno(e, ERR_INTERNAL, "no random bytes");
	(void)snprintf(
	    id, sizeof(id), "%02x%02x%02x%02x", r[0], r[1], r[2], r[3]);
	rc = slot_prepare(&f->slot, f->pg, &f->pg_opts, f->slot_name,
	    f->want_slot, id, &why, e);
	if (rc == -1)
		return -1;
	if (rc == 0) {
		if (f->want_slot != SLOT_NONE)
			follow_note(f, "no replication slot is used: %s", why);
		return 0;
	}
	/* What lies before its own position it finds, or not, as without. */
	if (slot_make_permanent(&f->slot, UINT64_MAX, e) == -1)
		return -1;
	f->use_slot = true;
	follow_step(f, "slot", "\"%s\" on %s %s", f->slot_name, pg_name(f->pg),
	    f->slot.existed ? "is there" : "made");
	return 0;
}

/* --- reload, restart, start ----------------------------------------------- */

static int
signal_postmaster(struct follow *f, struct err *e)
{
	struct buf typed = BUF_INIT;

	/* server_running has looked: it works in this directory. */
	if (f->pid <= 0 || f->pid != f->pidfile.pid ||
	    kill((pid_t)f->pid, SIGHUP) == -1) {
		(void)err_set(e, ERR_PRIVILEGE,
		    "the server could not be told to read its configuration");
		distro_add_typed(
		    &f->distro, DISTRO_RELOAD, tree_path(f->tree), &typed);
		(void)err_hint(e, "Type:");
		(void)err_command(e, "%s", buf_str(&typed));
		buf_free(&typed);
		return -1;
	}
	return 0;
}

/* The text of a setting that this role sees; 0 it does not. */
static int
setting_is(struct follow *f, const char *want, char *source, size_t size)
{
	struct pg_rows *r = NULL;
	const char *s;
	int rc = -1;

	if (pg_query(f->own, &r, follow_deadline(f, FOLLOW_ASK_MS),
		"SELECT setting, source FROM pg_settings WHERE "
		"name = 'primary_conninfo'",
		0, NULL, NULL) == 0 &&
	    pg_rows_n(r) == 1 && (s = pg_rows_get(r, 0, 0)) != NULL) {
		rc = strcmp(s, want) == 0;
		s = pg_rows_get(r, 0, 1);
		(void)snprintf(source, size, "%s", s != NULL ? s : "");
	}
	pg_rows_free(r);
	return rc;
}

static int
wait_setting(struct follow *f, struct err *e)
{
	int64_t deadline = follow_deadline(f, SETTING_MS);
	char source[64] = "";
	int rc;

	while ((rc = setting_is(
		    f, buf_str(&f->text), source, sizeof(source))) == 0 &&
	       !deadline_passed(deadline)) {
		if (f->o->sigfd != -1 && sig_check(e) == -1)
			return -1;
		clock_sleep_ms(POLL_MS, deadline);
	}
	if (rc != 0)
		return 0; /* it is so, or is not for this role to see */
	(void)err_set(e, ERR_RECOVERY_CONF,
	    "the new primary_conninfo stands in \"%s/%s\" and does not count",
	    tree_path(f->tree), conf_file(f));
	return err_hint(e,
	    "The server's value comes from: %s. Remove it there, and run "
	    "standby-follow again.",
	    source[0] != '\0' ? source : "somewhere else");
}

/* The receiver may stay with its old primary for a moment, and would count as
 * one that streams. */
static int
wait_switched(struct follow *f, struct err *e)
{
	int64_t deadline = follow_deadline(f, SWITCH_MS);
	int from;

	while ((from = receiver_from(f)) != 1 && from != -2 &&
	       !deadline_passed(deadline)) {
		if (f->o->sigfd != -1 && sig_check(e) == -1)
			return -1;
		clock_sleep_ms(POLL_MS, deadline);
	}
	if (from != 0)
		return 0; /* without one the next wait finds out why */
	(void)err_set(e, ERR_NOT_STREAMING,
	    "the receiver still streams from its former upstream");
	return err_hint(e, "Restart the server, and look into its log.");
}

static int
reload(struct follow *f, struct err *e)
{
	struct err why = ERR_INIT;

	if (pg_query(f->own, NULL, follow_deadline(f, FOLLOW_ASK_MS),
		"SELECT pg_reload_conf()", 0, NULL, &why) == -1 &&
	    signal_postmaster(f, e) == -1)
		return -1;
	if (wait_setting(f, e) == -1)
		return -1;
	f->rec->reloaded = true;
	follow_step(f, "reload", "done");
	return 0;
}

static struct server_start
start_opts(struct follow *f)
{
	struct stat st;

	return (struct server_start){.pgdata = tree_path(f->tree),
	    .bindir = f->bindir,
	    .command = f->start_command,
	    .log = f->log,
	    .again = tree_stat(f->tree, OPTIONS_FILE, &st) == 0,
	    .deadline = follow_deadline(f, STREAM_MS),
	    .sigfd = f->o->sigfd};
}

/* The words of a command line but for its program and its -D. */
static void
add_other_words(struct buf *b, const struct buf *words)
{
	const char *p = words->data, *end = p + words->len;

	for (p += strlen(p) + 1; p < end; p += strlen(p) + 1) {
		if (strcmp(p, "-D") == 0)
			p += strlen(p) + 1;
		else if (strncmp(p, "-D", 2) != 0) {
			buf_addc(b, ' ');
			shell_add_quoted(b, p);
		}
		if (p >= end)
			break;
	}
}

/*
 * A server that was started as "pg_ctl -D main" left that word, and nobody
 * knows below which directory: pg_ctl would look for it below ours.  The other
 * words are said to a start, then.
 */
static int
take_last_options(struct follow *f, struct server_start *s, struct buf *options,
    struct err *e)
{
	struct buf text = BUF_INIT, words = BUF_INIT;
	const char *dir;

	if (s->again &&
	    tree_read_file(f->tree, OPTIONS_FILE, OPTIONS_MAX, &text) == 0)
		pidfile_options(buf_str(&text), &words);
	if (words.len > 0 && buf_ok(&words) &&
	    (dir = server_local_option(words.data, words.len, 'D', NULL)) !=
		NULL &&
	    dir[0] != '/') {
		add_other_words(options, &words);
		s->again = false;
		s->options = options->len > 0 ? buf_str(options) : NULL;
	}
	buf_free(&text);
	buf_free(&words);
	return buf_ok(options) ? 0 : err_set_nomem(e);
}

static int
start(struct follow *f, struct err *e)
{
	struct server_start s;
	struct buf unit = BUF_INIT, options = BUF_INIT;
	int rc;

	(void)tree_unlink(f->tree, START_LOG);
	s = start_opts(f);
	rc = take_last_options(f, &s, &options, e);
	if (rc == 0)
		rc = server_start(&s, e);
	buf_free(&options);
	if (rc == -1)
		return -1;
	if (f->start_command != NULL) { /* it has its own place for logs */
		(void)tree_unlink(f->tree, START_LOG);
		return 0;
	}
	distro_add_handover(&f->distro, &unit);
	if (unit.len > 0)
		follow_note(f, "%s", buf_str(&unit));
	buf_free(&unit);
	return 0;
}

static int
restart(struct follow *f, struct err *e)
{
	struct server_start s = start_opts(f);

	pg_close(f->own);
	f->own = NULL;
	if (server_stop(&s, f->stop_command, e) == -1 || start(f, e) == -1)
		return -1;
	f->rec->restarted = true;
	follow_step(f, "restart", "%s", program(f->start_command));
	return 0;
}

static int
apply(struct follow *f, struct err *e)
{
	switch (means_of(f)) {
	case MEANS_RELOAD:
		return reload(f, e);
	case MEANS_RESTART:
		return restart(f, e);
	case MEANS_START:
		if (start(f, e) == -1)
			return -1;
		f->rec->started = true;
		follow_step(f, "start", "%s", program(f->start_command));
		return 0;
	case MEANS_NOTHING:
		if (f->running)
			follow_note(f, "the server must be restarted to "
				       "follow its new primary");
		return 0;
	}
	return 0;
}

/* --- streaming ------------------------------------------------------------ */

static int
wait_streaming(struct follow *f, struct err *e)
{
	struct server_wait w;
	struct server_state s;
	char lsn[LSN_TEXT];

	if (f->rec->reloaded && wait_switched(f, e) == -1)
		return -1;
	w = wait_opts(f, STREAM_MS);
	if (server_wait_streaming(&w, &s, e) == -1)
		return -1;
	f->rec->streaming = true;
	f->rec->receive_lsn = s.receive_lsn;
	if (!s.standby_login)
		follow_note(f,
		    "no login at the standby itself (%s): the primary's own "
		    "view says that it streams",
		    s.login_error);
	follow_step(f, "streaming", "from %s, timeline %" PRIu32 ", %s",
	    pg_name(f->pg), f->timeline, lsn_format(s.receive_lsn, lsn));
	return 0;
}

/* What failed after the configuration was written: a person must look. */
static int
act(struct follow *f, struct err *e)
{
	err_raise(e, STATUS_INCOMPLETE); /* by a signal, too */
	(void)err_detail(e, "\"%s/%s\" names %s already%s.", tree_path(f->tree),
	    conf_file(f), pg_name(f->pg),
	    f->use_slot ? ", whose slot keeps WAL for this node" : "");
	follow_tell_left(f);
	return -1;
}

static int
undo(struct follow *f, struct err *e)
{
	struct err more = ERR_INIT;

	if (slot_end_failed(&f->slot, &more) == -1) {
		(void)err_detail(e, "Left behind: %s.", more.text);
		(void)err_hint(e, "%s", more.hint);
	}
	return -1;
}

int
follow_do(struct follow *f, struct err *e)
{
	if (make_slot(f, e) == -1)
		return undo(f, e);
	hook_pause("slot");
	if ((f->o->sigfd != -1 && sig_check(e) == -1) ||
	    follow_write_conf(f, e) == -1)
		return f->written ? act(f, e) : undo(f, e);
	(void)snprintf(f->rec->slot, sizeof(f->rec->slot), "%s",
	    f->use_slot ? f->slot_name : "");
	follow_step(f, "configuration", "%s", conf_file(f));
	hook_pause("written");
	if (apply(f, e) == -1)
		return act(f, e);
	if (f->o->wait && means_of(f) != MEANS_NOTHING &&
	    wait_streaming(f, e) == -1)
		return act(f, e);
	follow_tell_left(f);
	return 0;
}
