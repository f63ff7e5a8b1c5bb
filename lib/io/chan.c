#include "base/std.h"
#include "base/clock.h"
#include "core/wire.h"
#include "io/chan.h"

#include <poll.h>

#define READ_PART (256u * 1024u)
#define WRITE_PART (256u * 1024u)
/* Stop to read when that much waits to be decoded; holds any frame. */
#define IN_MAX (2u * 1024u * 1024u)
/* Memory of an empty buffer above this is given back. */
#define KEEP_MAX (4u * 1024u * 1024u)

void
chan_init(struct chan *c, struct transport *t)
{
	*c = (struct chan){.t = t, .last_in = clock_ms()};
}

int
chan_send(struct chan *c, uint8_t type, const void *a, size_t alen,
    const void *b, size_t blen, struct err *e)
{
	uint8_t head[WIRE_HEADER];

	if (alen > WIRE_MAX || blen > WIRE_MAX - alen)
		return err_set(e, ERR_INTERNAL,
		    "frame of %zu bytes is too long", alen + blen);
	if (c->wdone) /* chan_pump says why */
		return 0;
	wire_encode_header(head, type, (uint32_t)(alen + blen));
	if (buf_reserve(&c->out, sizeof(head) + alen + blen) == NULL)
		return err_set_nomem(e);
	buf_add(&c->out, head, sizeof(head));
	buf_add(&c->out, a, alen);
	buf_add(&c->out, b, blen);
	return 0;
}

int
chan_send_buf(
    struct chan *c, uint8_t type, const struct buf *payload, struct err *e)
{
	if (!buf_ok(payload))
		return err_set_nomem(e);
	return chan_send(c, type, payload->data, payload->len, NULL, 0, e);
}

int
chan_send_raw(struct chan *c, const void *data, size_t n, struct err *e)
{
	if (buf_reserve(&c->out, n) == NULL)
		return err_set_nomem(e);
	buf_add(&c->out, data, n);
	return 0;
}

size_t
chan_queued(const struct chan *c)
{
	return c->out.len + c->wbuf.len - c->wpos;
}

static size_t
undecoded(const struct chan *c)
{
	return c->in.len - c->in_pos;
}

static const uint8_t *
in_data(const struct chan *c)
{
	return (const uint8_t *)c->in.data + c->in_pos;
}

/* A complete frame, or one that chan_next will refuse, waits. */
static bool
have_frame(const struct chan *c)
{
	uint8_t type;
	uint32_t len;

	if (undecoded(c) < WIRE_HEADER)
		return false;
	if (wire_decode_header(in_data(c), &type, &len) == -1)
		return true;
	return undecoded(c) - WIRE_HEADER >= len;
}

static void
empty(struct buf *b)
{
	if (b->cap > KEEP_MAX)
		buf_free(b);
	else
		buf_reset(b);
}

/* Nothing can be written any more: what is queued will never arrive. */
static void
end_writes(struct chan *c)
{
	c->wdone = true;
	c->wpos = 0;
	empty(&c->out);
	empty(&c->wbuf);
}

/*
 * Write until the queue is empty or the transport says AGAIN.  After AGAIN the
 * same bytes at the same place with the same length must come again (libssh2),
 * so what is being written is a buffer of its own that nothing is added to.
 */
static void
write_some(struct chan *c)
{
	struct buf swap;
	size_t part;
	ssize_t n;

	while (!c->wdone && chan_queued(c) > 0) {
		if (c->wpos == c->wbuf.len) {
			empty(&c->wbuf);
			swap = c->wbuf;
			c->wbuf = c->out;
			c->out = swap;
			c->wpos = 0;
		}
		part = MIN_OF(c->wbuf.len - c->wpos, (size_t)WRITE_PART);
		n = transport_write(
		    c->t, c->wbuf.data + c->wpos, part, &c->fault);
		if (n == TRANSPORT_AGAIN)
			return;
		if (n <= 0 || (size_t)n > part) {
			(void)err_set(&c->fault, ERR_INTERNAL,
			    "transport wrote %zd bytes", n);
			end_writes(c);
			return;
		}
		c->wpos += (size_t)n;
	}
}

/* Room for one more portion.  What is decoded is dropped when it is more than
 * what is kept, so each byte is moved once at most. */
static char *
room_to_read(struct chan *c)
{
	if (c->in_pos == c->in.len) {
		empty(&c->in);
		c->in_pos = 0;
	} else if (c->in_pos > undecoded(c)) {
		buf_consume(&c->in, c->in_pos);
		c->in_pos = 0;
	}
	return buf_reserve(&c->in, READ_PART);
}

/* -1: no memory. */
static int
read_some(struct chan *c)
{
	ssize_t n;
	char *p;

	while (!c->rdone && !c->paused && undecoded(c) < IN_MAX) {
		if ((p = room_to_read(c)) == NULL)
			return -1;
		n = transport_read(c->t, p, READ_PART, &c->fault);
		if (n == TRANSPORT_AGAIN)
			break;
		if (n <= 0) {
			c->rdone = true;
			c->eof = n == 0;
			if (n < 0)
				(void)err_set(&c->fault, ERR_TRANSFER,
				    "could not read from %s", c->t->name);
			break;
		}
		c->in.len += (size_t)n;
		c->last_in = clock_ms();
	}
	return 0;
}

/* The first fault counts once nothing that came before it can be had. */
static bool
fault_due(const struct chan *c)
{
	return err_is_set(&c->fault) && (c->rdone || c->paused) &&
	       !have_frame(c);
}

static int
report_fault(const struct chan *c, struct err *e)
{
	if (e != NULL && !err_is_set(e))
		*e = c->fault;
	return -1;
}

int
chan_pump(struct chan *c, struct err *e)
{
	write_some(c);
	if (read_some(c) == -1)
		return err_set_nomem(e);
	write_some(c);
	return fault_due(c) ? report_fault(c, e) : 0;
}

int
chan_next(struct chan *c, struct frame *f, struct err *e)
{
	uint32_t len;

	if (undecoded(c) < WIRE_HEADER)
		goto incomplete;
	if (wire_decode_header(in_data(c), &f->type, &len) == -1)
		return err_set(e, ERR_PROTOCOL,
		    "frame of %" PRIu32 " bytes from %s is too long", len,
		    c->t->name);
	if (undecoded(c) - WIRE_HEADER < len)
		goto incomplete;
	f->data = in_data(c) + WIRE_HEADER;
	f->len = len;
	c->in_pos += WIRE_HEADER + len;
	return 1;
incomplete:
	if (!c->rdone || undecoded(c) == 0)
		return 0;
	if (err_is_set(&c->fault))
		return report_fault(c, e);
	return err_set(
	    e, ERR_PROTOCOL, "%s ended in the middle of a frame", c->t->name);
}

/*
 * Nobody will read, so do not wake up for input; what a write waits for stays.
 * A transport that must read to be able to write (a window adjustment of SSH)
 * asks for input alone: then no descriptor waits for output, and it is kept.
 */
static void
drop_input(struct pollfd *fds, int n, bool want_write)
{
	bool out = false;

	for (int i = 0; i < n; i++)
		out = out || (fds[i].events & POLLOUT) != 0;
	if (want_write && !out)
		return;
	for (int i = 0; i < n; i++) {
		fds[i].events &= (short)~POLLIN;
		if (fds[i].events == 0)
			fds[i].fd = -1; /* or poll reports POLLHUP for ever */
	}
}

static int
fill_fds(struct chan *c, struct pollfd *fds, bool want_read, bool *ready)
{
	bool want_write = !c->wdone && chan_queued(c) > 0;
	int n;

	for (int i = 0; i < TRANSPORT_MAXPOLL; i++)
		fds[i] = (struct pollfd){.fd = -1};
	if (c->t == NULL || (!want_read && !want_write))
		return 0;
	n = c->t->ops->pollfds(c->t, want_write, fds);
	if (!want_read)
		drop_input(fds, n, want_write);
	else if (c->t->ops->pending != NULL && c->t->ops->pending(c->t))
		*ready = true;
	return n;
}

int
chan_pollfds(struct chan *c, struct pollfd *fds, bool *ready)
{
	if (fault_due(c) || (!c->paused && have_frame(c)))
		*ready = true;
	return fill_fds(
	    c, fds, !c->rdone && !c->paused && undecoded(c) < IN_MAX, ready);
}

/* poll(2) over fds and extra; a signal does not shorten the wait (its byte in
 * the pipe of base/sig.h, one of extra, does). */
static int
wait_fds(const struct pollfd *fds, bool ready, struct pollfd *extra, size_t n,
    int64_t deadline, struct err *e)
{
	struct pollfd all[TRANSPORT_MAXPOLL + CHAN_MAXEXTRA];
	int rc;

	if (n > CHAN_MAXEXTRA)
		return err_set(
		    e, ERR_INTERNAL, "%zu descriptors are too many", n);
	memcpy(all, fds, TRANSPORT_MAXPOLL * sizeof(*fds));
	if (n > 0)
		memcpy(all + TRANSPORT_MAXPOLL, extra, n * sizeof(*extra));
	do {
		rc = poll(all, (nfds_t)(TRANSPORT_MAXPOLL + n),
		    ready ? 0 : deadline_poll_ms(deadline));
	} while (rc == -1 && errno == EINTR);
	if (rc == -1)
		return err_set_errno(e, ERR_INTERNAL, "poll");
	for (size_t i = 0; i < n; i++)
		extra[i].revents = all[TRANSPORT_MAXPOLL + i].revents;
	return 0;
}

int
chan_wait(struct chan *c, struct pollfd *extra, size_t n, int64_t deadline,
    struct err *e)
{
	struct pollfd fds[TRANSPORT_MAXPOLL];
	bool ready = false;

	(void)chan_pollfds(c, fds, &ready);
	return wait_fds(fds, ready, extra, n, deadline, e);
}

int
chan_flush(struct chan *c, int64_t deadline, struct err *e)
{
	struct pollfd fds[TRANSPORT_MAXPOLL];
	bool ready, want_read;

	for (;;) {
		if (chan_pump(c, e) == -1)
			return -1;
		if (c->wdone)
			return report_fault(c, e);
		if (chan_queued(c) == 0)
			return 0;
		if (deadline_passed(deadline))
			return err_set(e, ERR_TIMEOUT,
			    "%s did not take %zu bytes in time", c->t->name,
			    chan_queued(c));
		/* Frames that wait to be decoded are no reason to wake up. */
		ready = false;
		want_read = !c->rdone && !c->paused && undecoded(c) < IN_MAX;
		(void)fill_fds(c, fds, want_read, &ready);
		if (wait_fds(fds, ready, NULL, 0, deadline, e) == -1)
			return -1;
	}
}

void
chan_close(struct chan *c, int64_t deadline, struct transport_exit *x)
{
	if (x != NULL)
		*x = (struct transport_exit){.known = false};
	if (c->t != NULL)
		transport_close(c->t, deadline, x);
	buf_free(&c->out);
	buf_free(&c->wbuf);
	buf_free(&c->in);
	*c = (struct chan){.eof = true, .rdone = true, .wdone = true};
}
