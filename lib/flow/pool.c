#include "base/std.h"
#include "base/clock.h"
#include "flow/job.h"
#include "flow/pool_int.h"
#include "flow/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TICK_MS 200
#define SOON_MS 50 /* somebody's turn to connect may have come */
#define PATIENCE_MS 10000
#define MAX_EXTRA 4

/* The process is gone without a word. */
static int
member_died(struct member *m, struct err *e)
{
	int status = 0;

	if (m->pid > 0 && waitpid(m->pid, &status, 0) == m->pid)
		m->pid = -1;
	if (WIFSIGNALED(status))
		return err_set(e, ERR_WORKER,
		    "worker %u was killed by signal %d",
		    (unsigned)(m - m->pool->m) + 1, WTERMSIG(status));
	return err_set(e, ERR_WORKER, "worker %u ended with status %d",
	    (unsigned)(m - m->pool->m) + 1, WEXITSTATUS(status));
}

static int
member_serve(struct member *m, struct err *e)
{
	struct err why = ERR_INIT;
	struct frame f;
	int rc;

	if (m->c.t == NULL || m->state == FAILED)
		return 0;
	if (chan_pump(&m->c, &why) == -1 && m->state == READY)
		return pool_lost(m, &why, e);
	err_clear(&why);
	while ((rc = chan_next(&m->c, &f, &why)) == 1)
		if (pool_member_frame(m, &f, e) == -1)
			return -1;
	if (rc == -1)
		return pool_lost(m, &why, e);
	if (!m->c.eof || m->state == FAILED || m->state == ENDED)
		return 0;
	(void)member_died(m, &why);
	if (m->state == READY)
		return pool_lost(m, &why, e);
	pool_refused(m, &why);
	return 0;
}

/* --- the loop ------------------------------------------------------------ */

int
pool_check(struct pool *p, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (member_serve(&p->m[i], e) == -1)
			return -1;
	return 0;
}

/* One wait of at most TICK_MS, then everything that came. */
int
pool_turn(struct pool *p, int64_t deadline, struct err *e)
{
	struct pollfd fds[POOL_MAX * TRANSPORT_MAXPOLL + MAX_EXTRA];
	int n = 0, ms = deadline_poll_ms(deadline);
	bool ready = false;

	if (pool_recruit(p, e) == -1 || pool_share(p, e) == -1)
		return -1;
	for (unsigned i = 0; i < p->n; i++)
		if (p->m[i].c.t != NULL && p->m[i].state != FAILED &&
		    p->m[i].state != ENDED)
			n += chan_pollfds(&p->m[i].c, fds + n, &ready);
	if (p->o.pollfds != NULL)
		n += p->o.pollfds(p->o.arg, fds + n);
	if (ms == -1 || ms > TICK_MS)
		ms = TICK_MS;
	if (ms > SOON_MS && pool_recruiting(p))
		ms = SOON_MS;
	if (poll(fds, (nfds_t)n, ready ? 0 : ms) == -1 && errno != EINTR)
		return err_set_errno(e, ERR_INTERNAL, "poll");
	if (pool_check(p, e) == -1)
		return -1;
	return p->o.tick == NULL ? 0 : p->o.tick(p->o.arg, e);
}

int
pool_wait(struct pool *p, int64_t deadline, bool (*until)(void *arg), void *arg,
    struct err *e)
{
	while ((until == NULL || !until(arg)) && !deadline_passed(deadline))
		if (pool_turn(p, deadline, e) == -1)
			return -1;
	return 0;
}

/* --- start --------------------------------------------------------------- */

static int
spawn(struct pool *p, unsigned i, struct err *e)
{
	struct member *m = &p->m[i];
	struct worker_opts w = {.number = i,
	    .remote = p->o.remote,
	    .agent = p->o.agent,
	    .push_agent = p->o.push_agent,
	    .package = p->o.package};
	struct transport *t;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1)
		return err_set_errno(e, ERR_INTERNAL, "socketpair");
	m->pool = p;
	m->name = strdup("source");
	(void)fflush(NULL);
	m->pid = fork();
	if (m->pid == -1) {
		(void)err_set_errno(
		    e, ERR_INTERNAL, "could not start a worker");
		(void)close(fd[0]);
		(void)close(fd[1]);
		return -1;
	}
	if (m->pid == 0) {
		for (unsigned k = 0; k < i; k++) /* not the others' ends */
			(void)close(p->m[k].fd);
		(void)close(fd[0]);
		worker_main(fd[1], &w);
	}
	(void)close(fd[1]);
	if ((t = transport_fds(fd[0], fd[0], "worker", e)) == NULL)
		return -1;
	m->fd = fd[0];
	chan_init(&m->c, t);
	return 0;
}

static bool
first_there(void *arg)
{
	struct pool *p = arg;

	return p->m[0].state == READY || p->m[0].state == FAILED;
}

struct pool *
pool_start(const struct pool_opts *o, struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	p->o = *o;
	p->n = MIN_OF(MAX_OF(o->n, 1u), (unsigned)POOL_MAX);
	p->zip = zip_new(0);
	p->list_digest = streamdigest_new();
	if (p->zip == NULL || p->list_digest == NULL) {
		(void)err_set_nomem(e);
		goto fail;
	}
	for (unsigned i = 0; i < p->n; i++)
		if (spawn(p, i, e) == -1)
			goto fail;
	pool_crew(p, 1);
	if (pool_recruit(p, e) == -1 || chan_pump(&p->m[0].c, e) == -1)
		goto fail;
	return p;
fail:
	pool_close(p);
	return NULL;
}

int
pool_ready(struct pool *p, struct err *e)
{
	struct member *m = &p->m[0];

	p->patience = deadline_in(PATIENCE_MS);
	if (pool_wait(p, deadline_in(p->o.connect_ms), first_there, p, e) == -1)
		return -1;
	if (m->state == READY)
		return 0;
	if (!err_is_set(&m->failure))
		return err_set(e, ERR_TIMEOUT,
		    "no SSH session after %" PRId64 " ms", p->o.connect_ms);
	*e = m->failure;
	if (remote_dropped(e))
		(void)err_hint(e, "If more logins are under way there than its "
				  "sshd admits (MaxStartups), wait a moment.");
	return -1;
}

unsigned
pool_size(const struct pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += p->m[i].state == READY;
	return n;
}

const char *
pool_name(const struct pool *p)
{
	return p->m[0].name;
}

/* --- end ----------------------------------------------------------------- */

static bool
all_ended(void *arg)
{
	return pool_size(arg) == 0;
}

int
pool_finish(struct pool *p, struct err *e)
{
	struct buf none = BUF_INIT;
	int64_t deadline = deadline_in(30000);

	pool_dismiss(p);
	if (pool_send_all(p, JOB_QUIT, &none, e) == -1 ||
	    pool_wait(p, deadline, all_ended, p, e) == -1)
		return -1;
	if (!all_ended(p))
		return err_set(
		    e, ERR_TRANSFER, "an agent did not confirm what it sent");
	return 0;
}

static void
reap(struct member *m, int64_t deadline)
{
	if (m->pid <= 0)
		return;
	while (waitpid(m->pid, NULL, WNOHANG) == 0) {
		if (deadline_passed(deadline)) {
			(void)kill(m->pid, SIGKILL);
			(void)waitpid(m->pid, NULL, 0);
			break;
		}
		clock_sleep_ms(5, DEADLINE_NEVER);
	}
	m->pid = -1;
}

void
pool_close(struct pool *p)
{
	int64_t deadline = deadline_in(3000);

	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		pool_let_go(&p->m[i]);
		chan_close(&p->m[i].c, 0, NULL); /* they see the end and go */
	}
	for (unsigned i = 0; i < p->n; i++) {
		reap(&p->m[i], deadline);
		free(p->m[i].name);
		buf_free(&p->m[i].path);
	}
	zip_free(p->zip);
	streamdigest_free(p->list_digest);
	manifest_free(&p->side);
	buf_free(&p->raw);
	buf_free(&p->group);
	buf_free(&p->open);
	buf_free(&p->tree);
	buf_free(&p->verify);
	buf_free(&p->spare);
	free(p);
}
