#include "base/std.h"
#include "base/clock.h"
#include "core/wire.h"
#include "flow/operate_int.h"
#include "io/proc.h"

#include <signal.h>

#define PAUSE_MS 50    /* a command may end without closing its output */
#define GRACE_MS 10000 /* standby-clone ends its backup on TERM */

struct output {
	int fd; /* -1: ended */
	struct buf *tail;
};

static void
output_end(struct output *o)
{
	if (o->fd != -1)
		(void)close(o->fd);
	o->fd = -1;
}

/* Take what is there, keep the end of it. */
static void
take(struct output *o)
{
	char data[4096];
	ssize_t n;

	while (o->fd != -1) {
		n = read(o->fd, data, sizeof(data));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			output_end(o);
			return;
		}
		buf_add(o->tail, data, (size_t)n);
		if (o->tail->len > (size_t)2 * WIRE_OUTPUT_MAX)
			buf_consume(
			    o->tail, o->tail->len - (size_t)WIRE_OUTPUT_MAX);
	}
}

static int
start(const struct operate_host *h, const char *const *argv, struct output *o,
    pid_t *pid, struct err *e)
{
	int p[2], fds[3], rc;

	if (pipe2(p, O_CLOEXEC) == -1)
		return err_set_errno(e, ERR_PROC, "could not create pipe");
	o->fd = p[0];
	if (fcntl(p[0], F_SETFL, O_NONBLOCK) == -1) {
		(void)close(p[1]);
		return err_set_errno(e, ERR_PROC, "fcntl");
	}
	fds[0] = -1;
	fds[1] = fds[2] = p[1];
	if (h->lift != NULL)
		h->lift(h->arg, true);
	rc = proc_spawn(argv, NULL, fds, PROC_SESSION, pid, e);
	if (h->lift != NULL)
		h->lift(h->arg, false);
	(void)close(p[1]);
	return rc;
}

static int
until_end(const struct operate_host *h, const char *name, pid_t pid,
    struct output *o, int64_t deadline, int *status, struct err *e)
{
	int64_t pause = 1;
	int ended;

	for (;;) {
		ended = proc_wait(pid, clock_ms(), status);
		take(o);
		if (ended)
			return 0;
		if (deadline_passed(deadline)) {
			(void)err_set(
			    e, ERR_TIMEOUT, "\"%s\" did not end in time", name);
			return err_hint(e, "It was ended; what it has done by "
					   "then is not undone.");
		}
		if (h->wait(h->arg, o->fd, MIN_OF(deadline, clock_ms() + pause),
			e) == -1)
			return -1;
		pause = MIN_OF(pause * 2, PAUSE_MS);
	}
}

/* It may have something to clean up. */
static void
give_up(pid_t pid)
{
	(void)kill(pid, SIGTERM);
	(void)kill(pid, SIGCONT);
	if (proc_wait(pid, deadline_in(GRACE_MS), NULL) == 0)
		(void)proc_kill(pid, clock_ms());
}

int
operate_run(const struct operate_host *h, const char *const *argv,
    int64_t deadline, struct buf *tail, int *status, struct err *e)
{
	struct output o = {.fd = -1, .tail = tail};
	pid_t pid = -1;
	int rc;

	rc = start(h, argv, &o, &pid, e);
	if (rc == 0) {
		rc = until_end(h, argv[0], pid, &o, deadline, status, e);
		if (rc == -1)
			give_up(pid);
	}
	output_end(&o);
	if (tail->len > WIRE_OUTPUT_MAX)
		buf_consume(tail, tail->len - WIRE_OUTPUT_MAX);
	return rc;
}
