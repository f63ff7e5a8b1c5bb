#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/text.h"
#include "flow/pidfile.h"
#include "flow/server.h"
#include "flow/server_local.h"
#include "flow/slot.h"

#define POLL_MS 200
#define LOGIN_MS 3000 /* on this host */
#define RETRY_MS 2000 /* between two failed logins */
#define ASK_MS 5000
#define WAIT_MS 60000  /* default */
#define STEADY 10      /* looks in a row at a receiver that streams */
#define NUDGE_LOOKS 15 /* nothing is seen: let the primary write something */
#define NUDGES 3
/* No segment is smaller: streaming begins at the start of one. */
#define SEGMENT_MIN (UINT64_C(1) << 20)

/* What both sides say, as far as they say anything. */
struct view {
	bool receiver_known;  /* the standby told about its receiver */
	bool receiver_hidden; /* there is one, its state is not for this role */
	bool receiver_streams;
	char receiver[32]; /* its status, "" for none */
	uint32_t receiver_tli;
	uint64_t system_identifier; /* of the standby, 0 unknown */
	bool sender_known;          /* the primary told about its senders */
	bool sender_streams;
	char sender[32]; /* its state, "" for none */
	uint64_t sender_flush;
	/* before 9.6: */
	enum server_receiver process; /* as this host sees it */
	bool recovering;              /* the standby says so */
	uint64_t received;            /* and to have received up to here */
	bool slot_active;             /* somebody streams from our slot */
	uint64_t slot_lsn;            /* and has confirmed up to here */
};

struct waiting {
	const struct server_wait *w;
	struct server_state *s;
	int64_t deadline;
	struct pg *own, *primary; /* ours to close */
	struct conninfo own_conninfo;
	int64_t own_next, primary_next; /* not before */
	unsigned looks;
	unsigned seen; /* looks in a row that found the receiver streaming */
	struct view v;
};

/* --- sessions ------------------------------------------------------------- */

/* Errors that stop the wait, and not only this attempt. */
static bool
fatal(const struct err *e)
{
	return e->code == ERR_INTERRUPTED || e->code == ERR_NOMEM;
}

static int
give(const struct err *cause, struct err *e)
{
	if (e != NULL && !err_is_set(e))
		*e = *cause;
	return -1;
}

/* The server is there but lets nobody in yet: no reason to give up. */
static bool
not_yet(const struct err *e)
{
	return strstr(e->detail, "the database system is") != NULL ||
	       strstr(e->detail, "onnection refused") != NULL ||
	       strstr(e->detail, "No such file") != NULL ||
	       e->code == ERR_TIMEOUT;
}

static int
open_own(struct waiting *x, const struct pidfile *p, struct err *e)
{
	struct pg_opts o = {.conninfo = &x->own_conninfo,
	    .application_name = "standby-clone",
	    .connect_ms = LOGIN_MS,
	    .deadline = x->deadline,
	    .sigfd = x->w->sigfd};
	struct err cause = ERR_INIT;

	if (pg_alive(x->own) || clock_ms() < x->own_next)
		return 0;
	pg_close(x->own);
	x->own = NULL;
	if (pidfile_conninfo(p, x->w->standby, &x->own_conninfo, e) == -1)
		return -1;
	if (pg_open(&x->own, &o, &cause) == 0) {
		x->s->login_error[0] = '\0';
		return 0;
	}
	if (fatal(&cause))
		return give(&cause, e);
	x->own_next = clock_ms() + (not_yet(&cause) ? POLL_MS : RETRY_MS);
	(void)snprintf(x->s->login_error, sizeof(x->s->login_error), "%.250s",
	    cause.detail[0] != '\0' ? cause.detail : cause.text);
	return 0;
}

/* The caller's session with the primary, else one of ours. */
static struct pg *
primary_of(struct waiting *x, struct err *e)
{
	struct pg_opts o;
	struct err cause = ERR_INIT;

	if (pg_alive(x->w->primary_pg))
		return x->w->primary_pg;
	if (pg_alive(x->primary))
		return x->primary;
	if (x->w->primary == NULL || clock_ms() < x->primary_next)
		return NULL;
	pg_close(x->primary);
	x->primary = NULL;
	x->primary_next = clock_ms() + RETRY_MS;
	o = *x->w->primary;
	o.connect_ms = LOGIN_MS;
	o.deadline = x->deadline;
	if (pg_open(&x->primary, &o, &cause) == -1 && fatal(&cause))
		(void)give(&cause, e);
	return x->primary;
}

/* --- looking -------------------------------------------------------------- */

/* Rows of a fact, or NULL: absent there, not allowed, session lost.  -1 only
 * for what stops the wait. */
static int
ask(struct waiting *x, struct pg *pg, enum pgfact fact, struct pg_rows **r,
    struct err *e)
{
	const char *sql = pgver(pg_version(pg), fact);
	int64_t deadline = MIN_OF(x->deadline, deadline_in(ASK_MS));
	struct err cause = ERR_INIT;

	*r = NULL;
	if (sql == NULL || !pg_alive(pg) ||
	    pg_query(pg, r, deadline, sql, 0, NULL, &cause) == 0 ||
	    !fatal(&cause))
		return 0;
	return give(&cause, e);
}

static uint64_t
lsn_at(const struct pg_rows *r, int row, int col)
{
	const char *s = pg_rows_get(r, row, col);
	uint64_t lsn;

	return s != NULL && lsn_parse(s, &lsn) == 0 ? lsn : 0;
}

static int
ask_lsn(struct waiting *x, enum pgfact fact, uint64_t *lsn, struct err *e)
{
	struct pg_rows *r;

	if (ask(x, x->own, fact, &r, e) == -1)
		return -1;
	*lsn = MAX_OF(*lsn, lsn_at(r, 0, 0));
	pg_rows_free(r);
	return 0;
}

static void
copy_field(char *to, size_t size, const char *s)
{
	(void)snprintf(to, size, "%s", s != NULL ? s : "");
}

static int
ask_receiver(struct waiting *x, struct err *e)
{
	struct view *v = &x->v;
	struct pg_rows *r;
	const char *s;

	if (ask(x, x->own, PGFACT_RECEIVER, &r, e) == -1)
		return -1;
	/* Without rights the row has a pid and nothing else. */
	s = pg_rows_get(r, 0, 0);
	v->receiver_known = r != NULL && (pg_rows_n(r) == 0 || s != NULL);
	v->receiver_hidden = r != NULL && pg_rows_n(r) > 0 && s == NULL;
	copy_field(v->receiver, sizeof(v->receiver), s);
	v->receiver_streams = strcmp(v->receiver, "streaming") == 0;
	s = pg_rows_get(r, 0, 1);
	v->receiver_tli = s != NULL ? (uint32_t)strtoul(s, NULL, 10) : 0;
	if (v->receiver_streams)
		x->s->receive_lsn = MAX_OF(x->s->receive_lsn, lsn_at(r, 0, 2));
	pg_rows_free(r);
	return 0;
}

static int
ask_identifier(struct waiting *x, struct err *e)
{
	struct pg_rows *r;
	const char *s;

	if (x->v.system_identifier != 0)
		return 0;
	if (ask(x, x->own, PGFACT_SYSTEM_IDENTIFIER, &r, e) == -1)
		return -1;
	s = pg_rows_get(r, 0, 0);
	x->v.system_identifier = s != NULL ? strtoull(s, NULL, 10) : 0;
	pg_rows_free(r);
	return 0;
}

static int
ask_recovering(struct waiting *x, struct err *e)
{
	struct pg_rows *r = NULL;
	struct err cause = ERR_INIT;
	const char *s;

	if (!pg_alive(x->own) ||
	    (pg_query(x->own, &r, MIN_OF(x->deadline, deadline_in(ASK_MS)),
		 "SELECT pg_is_in_recovery()", 0, NULL, &cause) == -1 &&
		fatal(&cause)))
		return err_is_set(&cause) ? give(&cause, e) : 0;
	s = pg_rows_get(r, 0, 0);
	x->v.recovering = s != NULL && *s == 't';
	pg_rows_free(r);
	return 0;
}

/* Before 9.6 no view tells about the receiver. */
static bool
has_no_view(const struct waiting *x)
{
	return !pgver_lists(x->w->version, PGFACT_REPLAY_PROOF, "receiver");
}

static int
look_standby(struct waiting *x, struct err *e)
{
	struct view *v = &x->v;

	v->recovering = false;
	v->received = 0;
	if (!pg_alive(x->own))
		return 0;
	x->s->standby_login = true;
	if (ask_receiver(x, e) == -1 || ask_identifier(x, e) == -1 ||
	    (has_no_view(x) && ask_recovering(x, e) == -1) ||
	    ask_lsn(x, PGFACT_RECEIVE_LSN, &v->received, e) == -1)
		return -1;
	x->s->receive_lsn = MAX_OF(x->s->receive_lsn, v->received);
	return ask_lsn(x, PGFACT_REPLAY_LSN, &x->s->replay_lsn, e);
}

/* What ps shows: all that 9.0 tells of its receiver, and later servers to a
 * role that may neither log in at the standby nor see the primary's senders. */
static void
look_process(struct waiting *x, const struct pidfile *p)
{
	uint64_t lsn = 0;

	if (x->v.receiver_known)
		return;
	x->v.process = server_local_receiver(p->pid, &lsn);
	if (x->v.process == RECEIVER_STREAMS)
		x->s->receive_lsn = MAX_OF(x->s->receive_lsn, lsn);
}

/*
 * The last WAL of the backup came with the copy, and an idle primary sends
 * nothing behind it: nothing would ever be seen to move.  An empty transaction
 * with a number writes its commit record.  What it streams from may be a
 * standby, which has no such thing.
 */
static void
nudge(struct waiting *x)
{
	if (has_no_view(x) && !x->v.sender_known &&
	    x->looks % NUDGE_LOOKS == 0 && x->looks / NUDGE_LOOKS <= NUDGES &&
	    pg_alive(primary_of(x, NULL)))
		(void)pg_query(primary_of(x, NULL), NULL, deadline_in(ASK_MS),
		    "SELECT CASE WHEN NOT pg_is_in_recovery() "
		    "THEN txid_current() END",
		    0, NULL, NULL);
}

/* Every role may see the slots: the position of an active one is what the
 * standby has confirmed. */
static void
look_slot(struct waiting *x, struct pg *pg)
{
	struct slot_facts f;

	x->v.slot_active = false;
	if (x->w->slot == NULL ||
	    slot_read(pg, x->w->slot, &f, deadline_in(ASK_MS), NULL) == -1)
		return;
	x->v.slot_active = f.exists && f.active;
	x->v.slot_lsn = f.restart_lsn;
}

/* Our row among the senders: by application_name, the furthest of several. */
static int
look_primary(struct waiting *x, struct err *e)
{
	struct view *v = &x->v;
	struct pg *pg = primary_of(x, e);
	struct pg_rows *r;
	const char *name, *state;

	if (pg == NULL)
		return err_is_set(e) ? -1 : 0;
	look_slot(x, pg);
	if (ask(x, pg, PGFACT_SENDERS, &r, e) == -1)
		return -1;
	v->sender_known = r != NULL;
	v->sender[0] = '\0';
	v->sender_streams = false;
	for (int i = 0; i < pg_rows_n(r); i++) {
		name = pg_rows_get(r, i, 1);
		state = pg_rows_get(r, i, 3);
		/* Columns that this role may not see are NULL. */
		if (name == NULL || state == NULL)
			v->sender_known = false;
		if (!text_same_appname(name, x->w->application_name))
			continue;
		if (v->sender_streams && lsn_at(r, i, 6) <= v->sender_flush)
			continue;
		copy_field(v->sender, sizeof(v->sender), state);
		v->sender_streams = strcmp(v->sender, "streaming") == 0;
		v->sender_flush = lsn_at(r, i, 6);
	}
	pg_rows_free(r);
	return 0;
}

/* --- judging -------------------------------------------------------------- */

/*
 * A receiver says "streaming" as soon as it is connected, before the primary
 * has refused its slot or its position, and is started again and again.  So
 * its word counts together with the primary's, or when it was kept for a
 * while.  Where its word cannot be had (no login, no rights, before 9.6), the
 * primary's row for us decides; where that is hidden too, our slot, which stays
 * active; and without a slot a receiver that is there, and stays.  Before 9.6
 * a receiver whose title says that it streams, or that has received more than
 * the start of a segment, at which it was told to begin.
 */
static bool
has_streamed(const struct waiting *x)
{
	const struct view *v = &x->v;

	/* A server that was there before may have it from somebody else. */
	if (x->w->until_lsn == 0)
		return false;
	return v->process == RECEIVER_STREAMS ||
	       (v->recovering && v->received % SEGMENT_MIN != 0);
}

static bool
streams_by_others(struct waiting *x)
{
	const struct view *v = &x->v;
	struct server_state *s = x->s;

	if (v->sender_streams) {
		s->receive_lsn = MAX_OF(s->receive_lsn, v->sender_flush);
		return true;
	}
	if (v->sender_known ||
	    (!v->slot_active && !v->receiver_hidden && !has_streamed(x))) {
		x->seen = 0;
		return false;
	}
	if (v->slot_active)
		s->receive_lsn = MAX_OF(s->receive_lsn, v->slot_lsn);
	return ++x->seen >= STEADY;
}

static bool
streams(struct waiting *x)
{
	const struct view *v = &x->v;
	bool steady;

	if (!v->receiver_known)
		return streams_by_others(x);
	if (!v->receiver_streams ||
	    (x->w->timeline != 0 && v->receiver_tli != 0 &&
		v->receiver_tli < x->w->timeline)) {
		x->seen = 0;
		return false;
	}
	steady = ++x->seen >= STEADY;
	return v->sender_streams || steady;
}

static int
other_cluster(const struct waiting *x, struct err *e)
{
	uint64_t have = x->v.system_identifier;

	if (have == 0 || x->w->system_identifier == 0 ||
	    have == x->w->system_identifier)
		return 0;
	(void)err_set(e, ERR_NOT_STREAMING,
	    "the server on the standby's port is another cluster");
	return err_detail(e,
	    "Its system identifier is %" PRIu64 ", not %" PRIu64 ".", have,
	    x->w->system_identifier);
}

/* --- why not -------------------------------------------------------------- */

static void
say_slot(struct waiting *x, struct err *e)
{
	struct pg *pg = primary_of(x, NULL);
	struct slot_facts f;

	if (x->w->slot == NULL || pg == NULL ||
	    slot_read(pg, x->w->slot, &f, deadline_in(ASK_MS), NULL) == -1)
		return;
	if (!f.exists)
		(void)err_detail(
		    e, "The primary has no slot \"%s\".", x->w->slot);
	else if (strcmp(f.wal_status, "lost") == 0)
		(void)err_detail(
		    e, "The slot \"%s\" has lost its WAL.", x->w->slot);
	else
		(void)err_detail(e, "The slot \"%s\" is %s.", x->w->slot,
		    f.active ? "active" : "not active");
}

/* It may stream all the same. */
static void
say_unseen(struct waiting *x, struct err *e)
{
	const char *user = conninfo_get(x->w->standby, "user");
	struct buf role = BUF_INIT;

	text_add_identifier(&role, user != NULL ? user : "");
	(void)err_detail(e,
	    "This role sees the state of neither side, nor does this host "
	    "show its receiver%s.",
	    x->v.process == RECEIVER_UNSEEN ? "" : " stream");
	(void)err_hint(e,
	    "To see it, type on the primary, as a superuser: GRANT pg_monitor "
	    "TO %s; or let it log in at the standby: pg_hba.conf.",
	    buf_str(&role));
	buf_free(&role);
}

static void
say_sides(struct waiting *x, struct err *e)
{
	const struct view *v = &x->v;
	char have[LSN_TEXT], want[LSN_TEXT];

	if (!x->s->standby_login)
		(void)err_detail(e, "The standby: no login%s%s",
		    x->s->login_error[0] != '\0' ? ": " : ".",
		    x->s->login_error);
	else if (v->receiver_known)
		(void)err_detail(e, "The standby: %s%s.",
		    v->receiver[0] != '\0' ? "its receiver is "
					   : "it has no receiver",
		    v->receiver);
	if (v->sender_known)
		(void)err_detail(e, "The primary: %s%s%s\"%s\".",
		    v->sender[0] != '\0' ? "a sender in state " : "no sender",
		    v->sender, " for application_name ",
		    x->w->application_name);
	if (has_no_view(x) && !v->sender_known)
		(void)err_detail(e, "%s",
		    v->process == RECEIVER_UNSEEN
			? "No WAL receiver process of it is seen here."
			: "Its WAL receiver process runs and has received "
			  "nothing.");
	if (!v->receiver_known && !v->sender_known && !has_no_view(x))
		say_unseen(x, e);
	say_slot(x, e);
	(void)err_detail(e, "Received up to %s, needed %s.",
	    lsn_format(x->s->receive_lsn, have),
	    lsn_format(x->w->until_lsn, want));
}

static int
not_streaming(struct waiting *x, struct err *e)
{
	(void)err_set(e, ERR_NOT_STREAMING,
	    "the standby runs, and is not seen to stream from the primary");
	say_sides(x, e);
	server_explain(x->w->pgdata, x->w->log, e);
	return -1;
}

/* --- the loop ------------------------------------------------------------- */

/* 1: the postmaster lives (or was not there yet), p is filled; -1: e. */
static int
look_pidfile(const struct waiting *x, struct pidfile *p, struct err *e)
{
	int fd = open(x->w->pgdata, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	long pid;

	if (fd == -1)
		return err_set_errno(
		    e, ERR_IO, "could not open directory \"%s\"", x->w->pgdata);
	rc = server_running(fd, &pid, NULL, e);
	if (rc == 0) {
		(void)err_set(
		    e, ERR_START, "the standby has started and ended again");
		server_explain(x->w->pgdata, x->w->log, e);
		rc = -1;
	}
	if (rc == 1 && pidfile_read(fd, p, e) == -1)
		rc = -1;
	(void)close(fd);
	return rc;
}

/* 1: it streams; 0: not yet; -1: e. */
static int
look(struct waiting *x, struct err *e)
{
	char cmdline[4096];
	struct pidfile p;

	x->looks++;
	if (x->w->sigfd != -1 && sig_check(e) == -1)
		return -1;
	if (look_pidfile(x, &p, e) == -1)
		return -1;
	if (p.pid != 0 && p.port == 0)
		server_local_place(x->w->pgdata, x->w->version, cmdline,
		    server_local_cmdline(p.pid, cmdline, sizeof(cmdline)), &p);
	look_process(x, &p);
	if ((p.port != 0 && open_own(x, &p, e) == -1) ||
	    look_standby(x, e) == -1 || other_cluster(x, e) == -1)
		return -1;
	if (look_primary(x, e) == -1)
		return -1;
	x->s->streaming = streams(x);
	if (!x->s->streaming)
		nudge(x);
	/* After a restart the received position starts at its segment. */
	x->s->receive_lsn = MAX_OF(x->s->receive_lsn, x->s->replay_lsn);
	return x->s->streaming && x->s->receive_lsn >= x->w->until_lsn;
}

bool
server_wait_moved(const struct server_state *before,
    const struct server_state *now, uint64_t until)
{
	return now->receive_lsn > before->receive_lsn ||
	       (now->replay_lsn > before->replay_lsn &&
		   before->replay_lsn < until);
}

int
server_wait_streaming(
    const struct server_wait *w, struct server_state *s, struct err *e)
{
	struct waiting x = {.w = w,
	    .s = s,
	    .deadline = w->deadline != 0 ? w->deadline : deadline_in(WAIT_MS)};
	struct err mine = ERR_INIT;
	int rc;

	*s = (struct server_state){.streaming = false};
	while ((rc = look(&x, &mine)) == 0 && !deadline_passed(x.deadline))
		clock_sleep_ms(POLL_MS, x.deadline);
	if (rc == 0)
		(void)not_streaming(&x, &mine);
	if (rc != 1)
		(void)give(&mine, e);
	if (rc == 1 && w->own != NULL) {
		*w->own = x.own;
		x.own = NULL;
	}
	pg_close(x.own);
	pg_close(x.primary);
	conninfo_free(&x.own_conninfo);
	return rc == 1 ? 0 : -1;
}
