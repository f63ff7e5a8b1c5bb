#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "core/wire.h"
#include "flow/hello.h"
#include "flow/operate.h"
#include "flow/operate_int.h"
#include "io/chan.h"
#include "io/wait.h"

#include <poll.h>

#define CONNECT_MS 10000
#define GRACE_MS 3000 /* the agent's own limit comes first */
#define PAUSE_MS 100
#define BYE_MS 2000

/* --- over SSH ------------------------------------------------------------- */

struct call {
	struct chan c;
	int64_t deadline, last_ping, heard;
	int sigfd;
	struct operate_answer *a;
};

static struct wire_str
str(const char *s)
{
	return (struct wire_str){
	    .s = s == NULL ? "" : s, .len = s == NULL ? 0 : strlen(s)};
}

static int
send_request(struct call *k, const struct operate_request *q, struct err *e)
{
	int ms = deadline_poll_ms(k->deadline), rc;
	struct buf b = BUF_INIT;

	if (ms < 0 || ms > OPERATE_MS_MAX)
		ms = OPERATE_MS_MAX;
	k->deadline = deadline_in(MAX_OF(ms, 1));
	wire_encode_operate(&b, &(struct wire_operate){.verb = (uint8_t)q->verb,
				    .system_identifier = q->system_identifier,
				    .timeline = q->timeline,
				    .from = q->from,
				    .timeout_ms = (uint32_t)MAX_OF(ms, 1),
				    .pgdata = str(q->pgdata),
				    .self = str(q->self),
				    .node = str(q->node)});
	rc = buf_ok(&b) ? 0 : err_set_nomem(e);
	if (rc == 0) {
		/* From here on it may be with the agent. */
		k->a->sent = true;
		rc = chan_send_buf(&k->c, WIRE_OPERATE, &b, e);
	}
	buf_free(&b);
	return rc;
}

static int
take_answer(struct call *k, const struct frame *f, struct err *e)
{
	struct operate_answer *a = k->a;
	struct wire_operated o;

	if (wire_decode_operated(f->data, f->len, &o, e) == -1)
		return -1;
	a->running = o.running == WIRE_RUNS_UNKNOWN ? -1 : o.running;
	a->pid = (long)o.pid;
	a->status = (int)o.status;
	a->wal_end = o.wal_end;
	a->timeline = o.timeline;
	a->state = o.state;
	a->signal_file = o.standby;
	a->text = strndup(o.text.s, o.text.len);
	return a->text == NULL ? err_set_nomem(e) : 1;
}

static int
answer_ping(struct call *k, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	wire_encode_pong(&b, 0);
	rc = buf_ok(&b) ? chan_send_buf(&k->c, WIRE_PONG, &b, e)
			: err_set_nomem(e);
	buf_free(&b);
	return rc;
}

/* 1: the answer is there. */
static int
take_frame(struct call *k, const struct frame *f, struct err *e)
{
	struct err theirs = ERR_INIT;
	uint64_t ignored;

	switch (f->type) {
	case WIRE_OPERATED:
		return take_answer(k, f, e);
	case WIRE_PING:
		return answer_ping(k, e);
	case WIRE_PONG:
		return wire_decode_pong(f->data, f->len, &ignored, e);
	case WIRE_ERR:
		(void)wire_decode_err(f->data, f->len, NULL, &theirs);
		/* Said before any command; other errors may come later. */
		if (theirs.code == ERR_PRIVILEGE)
			k->a->sent = false;
		(void)err_wrap(&theirs, "%s", k->c.t->name);
		if (e != NULL && !err_is_set(e))
			*e = theirs;
		return -1;
	default:
		return err_set(e, ERR_PROTOCOL,
		    "%s: the agent sent a frame of type %u to an OPERATE",
		    k->c.t->name, f->type);
	}
}

static int
keep_alive(struct call *k, struct err *e)
{
	int64_t now = clock_ms();

	if (k->c.last_in > k->heard)
		k->heard = k->c.last_in;
	if (now - k->heard > WIRE_DEAD_MS)
		return err_set(e, ERR_AGENT, "nothing came from %s for %d s",
		    k->c.t->name, WIRE_DEAD_MS / 1000);
	if (deadline_passed(k->deadline) &&
	    now - k->deadline > (int64_t)GRACE_MS)
		return err_set(e, ERR_TIMEOUT,
		    "standby-agent on %s did not answer in time", k->c.t->name);
	if (now - k->last_ping < WIRE_PING_MS)
		return 0;
	k->last_ping = now;
	return chan_send(&k->c, WIRE_PING, NULL, 0, NULL, 0, e);
}

static int
wait_answer(struct call *k, struct err *e)
{
	struct pollfd sig = {.fd = k->sigfd, .events = POLLIN};
	struct frame f;
	int rc;

	k->last_ping = k->heard = clock_ms();
	for (;;) {
		if ((k->sigfd != -1 && sig_check(e) == -1) ||
		    chan_pump(&k->c, e) == -1)
			return -1;
		while ((rc = chan_next(&k->c, &f, e)) == 1)
			if ((rc = take_frame(k, &f, e)) != 0)
				return rc == 1 ? 0 : -1;
		if (rc == -1)
			return -1;
		if (k->c.eof)
			return err_set(e, ERR_AGENT,
			    "standby-agent on %s ended without an answer",
			    k->c.t->name);
		if (keep_alive(k, e) == -1 ||
		    chan_wait(&k->c, &sig, 1, deadline_in(PAUSE_MS), e) == -1)
			return -1;
		if (sig.revents != 0 && sig_caught() == 0)
			(void)sig_status_wanted(); /* else it stays readable */
	}
}

int
operate_remote(const struct remote_opts *r, const char *agent,
    const char *package, const struct operate_request *q,
    struct operate_answer *a, int64_t deadline, int sigfd, struct err *e)
{
	int64_t hello =
	    deadline_in(2 * (r->connect_ms > 0 ? r->connect_ms : CONNECT_MS));
	struct call k = {.deadline = deadline, .sigfd = sigfd, .a = a};
	struct transport *t = NULL;
	int rc = -1;

	*a = (struct operate_answer){.text = NULL};
	if (remote_start(&t, r, agent, sigfd, e) == -1)
		return -1;
	chan_init(&k.c, t);
	if (hello_client(&k.c, package, agent, MIN_OF(hello, deadline), e) ==
		0 &&
	    send_request(&k, q, e) == 0 && wait_answer(&k, e) == 0) {
		rc = 0;
		/* Said for the agent's exit status; the answer is here. */
		if (chan_send(&k.c, WIRE_DONE, NULL, 0, NULL, 0, NULL) == 0)
			(void)chan_flush(&k.c, deadline_in(BYE_MS), NULL);
	}
	/* A signal breaks the connection under our hands: that is not why. */
	if (rc == -1 && sigfd != -1 && sig_caught() != 0) {
		err_clear(e);
		(void)sig_check(e);
	}
	chan_close(&k.c, deadline_in(BYE_MS), NULL);
	if (rc == -1)
		operate_answer_free(a);
	return rc;
}

/* --- here ----------------------------------------------------------------- */

static int
wait_here(void *arg, int fd, int64_t until, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const int *sigfd = arg;

	return wait_poll(&p, 1, until, *sigfd, e) == -1 ? -1 : 0;
}

int
operate_here(const struct operate_local *l, const struct operate_request *q,
    struct operate_answer *a, int64_t deadline, int sigfd, struct err *e)
{
	struct operate_host h = {.wait = wait_here, .arg = &sigfd};
	struct operate_means m = {.pgdata = q->pgdata,
	    .bindir = l->bindir,
	    .start = l->start,
	    .stop = l->stop,
	    .program_dir = l->program_dir,
	    .config = l->config,
	    .self = q->self,
	    .primary = l->primary};
	struct operate_dir d;
	int rc;

	*a = (struct operate_answer){.text = NULL};
	if (operate_do_open(&d, q, &h, e) == -1)
		return -1;
	rc = operate_do(
	    &d, q, &m, &h, MIN_OF(deadline, deadline_in(OPERATE_MS_MAX)), a, e);
	operate_do_close(&d);
	if (rc == -1)
		operate_answer_free(a);
	return rc;
}

int
operate_wal_end_here(const struct operate_request *q, uint64_t *end,
    uint32_t *timeline, int sigfd, struct err *e)
{
	struct operate_host h = {.wait = wait_here, .arg = &sigfd};
	struct operate_answer a = {.text = NULL};
	struct operate_dir d;
	int rc;

	if (operate_do_open(&d, q, &h, e) == -1)
		return -1;
	rc = operate_wal_end(&d, q, &h, &a, e);
	*end = a.wal_end;
	*timeline = a.timeline;
	operate_do_close(&d);
	return rc;
}

int
operate_wal_end_of(const char *pgdata, const struct pgcontrol *c,
    uint32_t timeline, uint64_t from, uint64_t *end, uint32_t *found, int sigfd,
    struct err *e)
{
	struct operate_host h = {.wait = wait_here, .arg = &sigfd};
	struct operate_request q = {.verb = OPERATE_WAL_END,
	    .pgdata = pgdata,
	    .timeline = timeline,
	    .from = from};
	struct operate_answer a = {.text = NULL};
	struct operate_dir d = {.control = *c};
	int rc = -1;

	if ((d.t = tree_open(pgdata, e)) != NULL)
		rc = operate_wal_end(&d, &q, &h, &a, e);
	*end = a.wal_end;
	*found = a.timeline;
	operate_do_close(&d);
	return rc;
}
