/* The exec channel of an ssh session as a transport (io/transport.h). */
#include "base/std.h"
#include "base/clock.h"
#include "io/sshint.h"
#include "io/wait.h"

#include <poll.h>

#define DRAIN_MAX ((size_t)8 * 1024 * 1024)

/* --- stream ---------------------------------------------------------------*/

static ssize_t
lost(struct ssh *s, const char *what, struct err *e)
{
	return err_set(e, ERR_TRANSFER, "connection to %s broke while %s: %s",
	    s->t.name, what, ssh_error(s));
}

/* True if libssh2 has a packet half out: nothing else may be sent until the
 * same call has been repeated. */
static bool
half_out(struct ssh *s)
{
	return (libssh2_session_block_directions(s->session) &
		   LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

/* Move wbuf, then the end of file, on.  0, AGAIN, -1. */
static ssize_t
flush_out(struct ssh *s, struct err *e)
{
	ssize_t n;

	while (s->wpos < s->wlen) {
		s->turn = SSH_TURN;
		n = libssh2_channel_write_ex(
		    s->channel, 0, s->wbuf + s->wpos, s->wlen - s->wpos);
		s->stuck = SSH_FREE;
		if (n == LIBSSH2_ERROR_EAGAIN || n == 0) {
			if (n != 0 && half_out(s))
				s->stuck = SSH_STUCK_WRITE;
			return TRANSPORT_AGAIN;
		}
		if (n < 0)
			return lost(s, "sending", e);
		s->wpos += (size_t)n;
	}
	s->wpos = s->wlen = 0;
	if (s->want_eof && !s->eof_sent) {
		s->turn = SSH_TURN;
		n = libssh2_channel_send_eof(s->channel);
		s->stuck =
		    n == LIBSSH2_ERROR_EAGAIN ? SSH_STUCK_WRITE : SSH_FREE;
		if (n == LIBSSH2_ERROR_EAGAIN)
			return TRANSPORT_AGAIN;
		s->eof_sent = true;
	}
	return 0;
}

/* One libssh2 read of at most SSH_READ bytes; -2 AGAIN. */
static ssize_t
read_stream(struct ssh *s, int stream, void *to, struct err *e)
{
	ssize_t got;

	s->turn = SSH_TURN;
	got = libssh2_channel_read_ex(s->channel, stream, to, SSH_READ);
	s->stuck = SSH_FREE;
	if (got == LIBSSH2_ERROR_EAGAIN) {
		if (half_out(s))
			s->stuck = SSH_STUCK_READ;
		return TRANSPORT_AGAIN;
	}
	return got < 0 ? lost(s, "receiving", e) : got;
}

/* Always read: 10 MB on stderr that nobody reads would lock the channel. */
static int
drain_stderr(struct ssh *s, struct err *e)
{
	char data[SSH_READ];
	ssize_t n = 1;

	while (n > 0 && s->stuck == SSH_FREE &&
	       libssh2_poll_channel_read(s->channel, 1) == 1) {
		n = read_stream(s, 1, data, e);
		if (n == -1)
			return -1;
		if (n > 0)
			transport_keep_stderr(&s->t, data, (size_t)n);
	}
	return 0;
}

/* Read stdout into to, SSH_READ bytes at most; the caller has looked at
 * rbuf. */
static ssize_t
read_out(struct ssh *s, void *to, struct err *e)
{
	ssize_t got = read_stream(s, 0, to, e);

	if (got == -1)
		return -1;
	if (s->stuck == SSH_FREE && drain_stderr(s, e) == -1)
		return -1;
	if (got != 0)
		return got;
	/* 0 is the end only when the server said so and all is read. */
	if (libssh2_channel_eof(s->channel) == 1) {
		s->eof_seen = true;
		return 0;
	}
	return TRANSPORT_AGAIN;
}

/* Read into rbuf, which is empty. */
static ssize_t
fill(struct ssh *s, struct err *e)
{
	ssize_t n = read_out(s, s->rbuf, e);

	s->rpos = 0;
	s->rlen = n > 0 ? (size_t)n : 0;
	return n;
}

static ssize_t
take(struct ssh *s, void *to, size_t n)
{
	n = MIN_OF(n, s->rlen - s->rpos);
	memcpy(to, s->rbuf + s->rpos, n);
	s->rpos += n;
	return (ssize_t)n;
}

/* From the server, by way of rbuf where there is not room enough. */
static ssize_t
receive(struct ssh *s, void *to, size_t n, struct err *e)
{
	ssize_t got;

	if (s->eof_seen)
		return 0;
	if (s->stuck != SSH_STUCK_READ && flush_out(s, e) == -1)
		return -1;
	if (s->stuck == SSH_STUCK_WRITE)
		return TRANSPORT_AGAIN;
	if (n >= SSH_READ)
		return read_out(s, to, e);
	got = fill(s, e);
	return got > 0 ? take(s, to, n) : got;
}

static ssize_t
chan_read(struct transport *t, void *to, size_t n, struct err *e)
{
	struct ssh *s = (struct ssh *)t;
	ssize_t got = s->rpos < s->rlen ? take(s, to, n) : receive(s, to, n, e);

	if (got > 0)
		t->bytes_in += (uint64_t)got;
	return got;
}

/* A read must be finished before a write: finish it. */
static int
finish_read(struct ssh *s, struct err *e)
{
	if (s->rpos < s->rlen)
		return TRANSPORT_AGAIN;
	if (fill(s, e) == -1)
		return -1;
	return s->stuck == SSH_FREE ? 0 : TRANSPORT_AGAIN;
}

static ssize_t
chan_write(struct transport *t, const void *from, size_t n, struct err *e)
{
	struct ssh *s = (struct ssh *)t;
	ssize_t rc;

	if (s->want_eof)
		return err_set(
		    e, ERR_INTERNAL, "write to %s after shutdown", t->name);
	if (s->stuck == SSH_STUCK_READ && (rc = finish_read(s, e)) != 0)
		return rc;
	if ((rc = flush_out(s, e)) != 0)
		return rc;
	n = MIN_OF(n, SSH_CHUNK);
	memcpy(s->wbuf, from, n);
	s->wlen = n;
	if (flush_out(s, e) == -1)
		return -1;
	t->bytes_out += n;
	return (ssize_t)n;
}

static bool
chan_pending(struct transport *t)
{
	struct ssh *s = (struct ssh *)t;

	if (s->rpos < s->rlen)
		return true;
	if (s->stuck != SSH_FREE)
		return false;
	return libssh2_poll_channel_read(s->channel, 0) == 1 ||
	       libssh2_poll_channel_read(s->channel, 1) == 1 ||
	       libssh2_channel_eof(s->channel) == 1;
}

static int
chan_pollfds(struct transport *t, bool want_write, struct pollfd *fds)
{
	struct ssh *s = (struct ssh *)t;

	fds[0] = (struct pollfd){.fd = s->fd, .events = POLLIN};
	/* A write that waits for the peer's window waits for input. */
	if (s->stuck != SSH_FREE ||
	    (want_write && s->wpos == s->wlen && !s->want_eof))
		fds[0].events |= POLLOUT;
	return 1;
}

static void
chan_shutdown(struct transport *t)
{
	struct ssh *s = (struct ssh *)t;

	s->want_eof = true;
	if (s->stuck != SSH_STUCK_READ)
		(void)flush_out(s, NULL);
}

/* --- end ------------------------------------------------------------------*/

/* Send what is left and the end of file; read the rest, within reason. */
static void
drain(struct ssh *s)
{
	struct pollfd p = {.fd = s->fd};
	size_t total = 0;
	ssize_t n;

	chan_shutdown(&s->t);
	while (!s->eof_seen && total < DRAIN_MAX) {
		s->rpos = s->rlen = 0;
		n = receive(s, s->rbuf, SSH_READ, NULL);
		if (n == -1 || s->late)
			return;
		if (n > 0)
			total += (size_t)n;
		if (n != TRANSPORT_AGAIN)
			continue;
		p.events = POLLIN | (s->stuck != SSH_FREE ? POLLOUT : 0);
		if (wait_poll(&p, 1, s->deadline, -1, NULL) <= 0)
			return;
	}
}

static int
step_close(struct ssh *s, void *arg)
{
	(void)arg;
	return libssh2_channel_close(s->channel);
}

static int
step_wait_closed(struct ssh *s, void *arg)
{
	(void)arg;
	return libssh2_channel_wait_closed(s->channel);
}

/*
 * libssh2 says status 0 also where none was reported (a cut connection, a
 * signal): it counts only after the server has closed the channel in order.
 */
static void
read_exit(struct ssh *s, struct transport_exit *x)
{
	char *name = NULL;
	size_t n = 0;

	if (libssh2_channel_get_exit_signal(
		s->channel, &name, &n, NULL, NULL, NULL, NULL) == 0 &&
	    name != NULL) {
		n = MIN_OF(n, sizeof(x->signal) - 1);
		for (size_t i = 0; i < n; i++)
			x->signal[i] =
			    name[i] > 0x20 && name[i] < 0x7f ? name[i] : '?';
		x->signal[n] = '\0';
		x->known = true;
	}
	if (name != NULL)
		libssh2_free(s->session, name);
	x->status = libssh2_channel_get_exit_status(s->channel);
}

static void
end_channel(struct ssh *s, int64_t deadline, struct transport_exit *x)
{
	int rc;

	s->deadline = deadline;
	s->late = false;
	s->sigfd = -1;
	drain(s);
	if (s->stuck == SSH_FREE && !s->late &&
	    ssh_drive(s, step_close, NULL, "closing", NULL) == 0 &&
	    s->eof_seen) {
		rc = ssh_drive(s, step_wait_closed, NULL, "closing", NULL);
		x->known = rc == 0;
	}
	read_exit(s, x);
}

static void
chan_close(struct transport *t, int64_t deadline, struct transport_exit *x)
{
	struct ssh *s = (struct ssh *)t;

	if (s->channel != NULL && s->rbuf != NULL)
		end_channel(s, deadline, x);
	ssh_end(s, deadline);
	free(s->rbuf);
	free(s->wbuf);
	transport_fini(t);
	free(s);
}

/* The stream has ended: the status comes right behind it. */
static void
chan_explain(struct transport *t, struct transport_exit *x, struct err *e)
{
	struct ssh *s = (struct ssh *)t;

	end_channel(s, deadline_in(2000), x);
	if (x->known && x->signal[0] == '\0' &&
	    (x->status == 126 || x->status == 127)) {
		(void)err_set(
		    e, ERR_AGENT, "could not run the agent on %s", t->name);
		(void)err_hint(e, "Install standby-tools there, give the path"
				  " with --agent, or use --push-agent.");
	}
}

const struct transport_ops sshchan_ops = {.read = chan_read,
    .write = chan_write,
    .pollfds = chan_pollfds,
    .pending = chan_pending,
    .shutdown = chan_shutdown,
    .close = chan_close,
    .explain = chan_explain};
