#include "base/std.h"
#include "base/clock.h"
#include "io/transport.h"

#include <poll.h>
#include <sys/socket.h>

#define KEEP ((size_t)64 * 1024)

void
transport_keep_stderr(struct transport *t, const void *data, size_t n)
{
	const char *p = data;

	if (n > KEEP) {
		p += n - KEEP;
		n = KEEP;
	}
	if (t->err_text.len + n > KEEP)
		buf_consume(&t->err_text, t->err_text.len + n - KEEP);
	buf_add(&t->err_text, p, n);
}

/* One byte as shown: itself, " | " for a line end, or \ooo. */
static size_t
shown(unsigned char c, char to[5])
{
	if (c == '\r')
		return 0;
	if (c == '\n')
		return (size_t)snprintf(to, 5, " | ");
	if (c < 0x20 || c >= 0x7f)
		return (size_t)snprintf(to, 5, "\\%03o", c);
	to[0] = (char)c;
	return 1;
}

void
transport_stderr_tail(const struct transport *t, char *to, size_t size)
{
	const char *p = buf_str(&t->err_text);
	size_t end = t->err_text.len, start, room = size - 1, n;
	char one[5];

	while (end > 0 && (p[end - 1] == '\n' || p[end - 1] == '\r'))
		end--;
	for (start = end; start > 0; start--) {
		n = shown((unsigned char)p[start - 1], one);
		if (n > room)
			break;
		room -= n;
	}
	for (; start < end; start++) {
		n = shown((unsigned char)p[start], one);
		memcpy(to, one, n);
		to += n;
	}
	*to = '\0';
}

int
transport_init(struct transport *t, const struct transport_ops *ops,
    const char *name, struct err *e)
{
	t->ops = ops;
	if ((t->name = strdup(name)) == NULL)
		return err_set_nomem(e);
	return 0;
}

void
transport_fini(struct transport *t)
{
	free(t->name);
	t->name = NULL;
	buf_free(&t->err_text);
}

void
transport_close(struct transport *t, int64_t deadline, struct transport_exit *x)
{
	struct transport_exit none;

	if (x == NULL)
		x = &none;
	*x = (struct transport_exit){.known = false};
	if (t != NULL)
		t->ops->close(t, deadline, x);
}

void
transport_explain(struct transport *t, struct transport_exit *x, struct err *e)
{
	struct transport_exit mine;
	char tail[1024];

	if (x == NULL)
		x = &mine;
	*x = (struct transport_exit){.known = false};
	if (t->ops->explain != NULL)
		t->ops->explain(t, x, e);
	if (x->signal[0] != '\0')
		(void)err_set(e, ERR_AGENT,
		    "the program on %s was killed by signal %s before it"
		    " answered",
		    t->name, x->signal);
	else if (x->known)
		(void)err_set(e, ERR_AGENT,
		    "the program on %s ended with status %d before it answered",
		    t->name, x->status);
	else
		(void)err_set(e, ERR_AGENT,
		    "the connection to %s ended before it answered", t->name);
	transport_stderr_tail(t, tail, sizeof(tail));
	if (tail[0] != '\0')
		(void)err_detail(e, "It said: %s", tail);
	if (e != NULL && e->code == ERR_AGENT && e->hint[0] == '\0')
		(void)err_hint(e,
		    "Is standby-agent of the same version"
		    " installed there? Give its path with --agent,"
		    " or use --push-agent.");
}

/* --- two descriptors ------------------------------------------------------*/

struct fds {
	struct transport t;
	int rfd;
	int wfd; /* -1: shut down */
};

static ssize_t
fds_read(struct transport *t, void *to, size_t n, struct err *e)
{
	struct fds *f = (struct fds *)t;
	ssize_t got;

	do
		got = read(f->rfd, to, n);
	while (got == -1 && errno == EINTR);
	if (got >= 0) {
		t->bytes_in += (uint64_t)got;
		return got;
	}
	if (errno == EAGAIN)
		return TRANSPORT_AGAIN;
	if (errno == ECONNRESET)
		return 0; /* the other process is gone: its end */
	return err_set_errno(
	    e, ERR_TRANSFER, "could not read from %s", t->name);
}

static ssize_t
fds_write(struct transport *t, const void *from, size_t n, struct err *e)
{
	struct fds *f = (struct fds *)t;
	ssize_t put;

	if (f->wfd == -1)
		return err_set(
		    e, ERR_INTERNAL, "write to %s after shutdown", t->name);
	do
		put = write(f->wfd, from, n);
	while (put == -1 && errno == EINTR);
	if (put >= 0) {
		t->bytes_out += (uint64_t)put;
		return put;
	}
	if (errno == EAGAIN)
		return TRANSPORT_AGAIN;
	return err_set_errno(e, ERR_TRANSFER, "could not write to %s", t->name);
}

static int
fds_pollfds(struct transport *t, bool want_write, struct pollfd *fds)
{
	struct fds *f = (struct fds *)t;
	bool out = want_write && f->wfd != -1;

	fds[0] = (struct pollfd){.fd = f->rfd, .events = POLLIN};
	if (!out)
		return 1;
	if (f->rfd == f->wfd) {
		fds[0].events |= POLLOUT;
		return 1;
	}
	fds[1] = (struct pollfd){.fd = f->wfd, .events = POLLOUT};
	return 2;
}

static void
fds_shutdown(struct transport *t)
{
	struct fds *f = (struct fds *)t;

	if (f->wfd == -1)
		return;
	if (f->wfd == f->rfd)
		(void)shutdown(f->wfd, SHUT_WR);
	else
		(void)close(f->wfd);
	f->wfd = -1;
}

static void
fds_close(struct transport *t, int64_t deadline, struct transport_exit *x)
{
	struct fds *f = (struct fds *)t;

	(void)deadline;
	(void)x;
	fds_shutdown(t);
	(void)close(f->rfd);
	transport_fini(t);
	free(f);
}

static const struct transport_ops fds_ops = {.read = fds_read,
    .write = fds_write,
    .pollfds = fds_pollfds,
    .shutdown = fds_shutdown,
    .close = fds_close};

static int
set_flags(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl == -1 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) == -1)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct transport *
transport_fds(int rfd, int wfd, const char *name, struct err *e)
{
	struct fds *f = calloc(1, sizeof(*f));

	if (f == NULL || transport_init(&f->t, &fds_ops, name, e) == -1) {
		(void)err_set_nomem(e);
		goto fail;
	}
	f->rfd = rfd;
	f->wfd = wfd;
	if (set_flags(rfd) == -1 || set_flags(wfd) == -1) {
		(void)err_set_errno(e, ERR_INTERNAL, "fcntl on %s", name);
		goto fail;
	}
	/* Fails on what is no pipe, and where there is too much of it. */
	(void)fcntl(wfd, F_SETPIPE_SZ, TRANSPORT_PIPE);
	return &f->t;
fail:
	if (f != NULL)
		transport_fini(&f->t);
	free(f);
	return NULL;
}
