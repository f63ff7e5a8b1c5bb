#include "base/std.h"
#include "base/clock.h"
#include "flow/agent_int.h"

#include <poll.h>

#define PONG_ROOM (4 * AGENT_OUT_MAX)
#define TICK_BYTES (128u * 1024u) /* agent_io_breathe */
#define TICK_MS 50
#define SILENCE_TEXT                                                           \
	"nothing was heard from the client for %d s", WIRE_DEAD_MS / 1000

static int
answer_ping(struct agent *a, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	/* A client that asks and never reads gets no more answers. */
	if (chan_queued(a->c) > PONG_ROOM)
		return 0;
	wire_encode_pong(&b, a->bytes_read);
	if (!buf_ok(&b))
		rc = err_set_nomem(e);
	else
		rc = chan_send_buf(a->c, WIRE_PONG, &b, e);
	buf_free(&b);
	return rc;
}

static int
enqueue(struct agent *a, const struct frame *f, struct err *e)
{
	uint8_t head[WIRE_HEADER];

	if (a->queue.len - a->queue_pos + f->len > AGENT_IN_MAX)
		return err_set(e, ERR_PROTOCOL,
		    "more than %u bytes of requests wait to be served",
		    AGENT_IN_MAX);
	if (a->queue_pos > 0 && a->queue_pos >= a->queue.len / 2) {
		buf_consume(&a->queue, a->queue_pos);
		a->queue_pos = 0;
	}
	wire_encode_header(head, f->type, (uint32_t)f->len);
	buf_add(&a->queue, head, sizeof(head));
	buf_add(&a->queue, f->data, f->len);
	if (f->type == WIRE_DONE)
		a->done_queued = true;
	return buf_ok(&a->queue) ? 0 : err_set_nomem(e);
}

static int
take(struct agent *a, const struct frame *f, struct err *e)
{
	struct err theirs = ERR_INIT;
	uint64_t ignored;

	switch (f->type) {
	case WIRE_PING:
		if (f->len != 0)
			return err_set(e, ERR_PROTOCOL, "PING has a payload");
		return answer_ping(a, e);
	case WIRE_PONG:
		return wire_decode_pong(f->data, f->len, &ignored, e);
	case WIRE_RATE:
		return agent_send_rate(a, f->data, f->len, e);
	case WIRE_WANT:
		return agent_hold_want(a, f->data, f->len, e);
	case WIRE_ERR:
		(void)wire_decode_err(f->data, f->len, NULL, &theirs);
		return err_set(
		    e, ERR_AGENT, "the client gave up: %s", theirs.text);
	default:
		return enqueue(a, f, e);
	}
}

static int
keep_alive(struct agent *a, struct err *e)
{
	int64_t now = clock_ms();

	if (a->c->last_in > a->heard)
		a->heard = a->c->last_in;
	if (now - a->heard > WIRE_DEAD_MS)
		return err_set(e, ERR_AGENT, SILENCE_TEXT);
	if (now < a->next_ping)
		return 0;
	a->next_ping = now + WIRE_PING_MS;
	if (chan_queued(a->c) > PONG_ROOM)
		return 0;
	return chan_send(a->c, WIRE_PING, NULL, 0, NULL, 0, e);
}

int
agent_io_tick(struct agent *a, struct err *e)
{
	struct frame f;
	int rc;

	a->ticked = clock_ms();
	if (chan_pump(a->c, e) == -1)
		return -1;
	while ((rc = chan_next(a->c, &f, e)) == 1)
		if (take(a, &f, e) == -1)
			return -1;
	if (rc == -1)
		return -1;
	/* Whoever asked for work and left does not want it any more. */
	if (a->c->eof && !a->done_queued)
		return err_set(e, ERR_AGENT,
		    "the client has closed the "
		    "connection");
	return keep_alive(a, e);
}

/* Until something can be done, or the time of the next PING. */
int
agent_io_pause(struct agent *a, int64_t deadline, struct err *e)
{
	int64_t from = clock_us();

	if (chan_wait(a->c, NULL, 0, MIN_OF(deadline, a->next_ping), e) == -1)
		return -1;
	a->waited += clock_us() - from;
	return agent_io_tick(a, e);
}

int
agent_io_wait(struct agent *a, int fd, int64_t until, struct err *e)
{
	struct pollfd extra = {.fd = fd, .events = POLLIN};

	if (chan_wait(a->c, &extra, fd == -1 ? 0 : 1,
		MIN_OF(until, a->next_ping), e) == -1)
		return -1;
	return agent_io_tick(a, e);
}

int
agent_io_sleep(struct agent *a, int64_t ms, struct err *e)
{
	int64_t deadline = clock_ms() + ms;

	do {
		if (agent_io_pause(a, deadline, e) == -1)
			return -1;
	} while (!deadline_passed(deadline));
	return 0;
}

int
agent_io_next(struct agent *a, uint8_t *type, struct err *e)
{
	const uint8_t *p;
	uint32_t len;

	if (agent_io_tick(a, e) == -1 || agent_send_room(a, e) == -1 ||
	    agent_hold_serve(a, e) == -1)
		return -1;
	while (a->queue_pos == a->queue.len) {
		buf_reset(&a->queue);
		a->queue_pos = 0;
		if (agent_io_pause(a, DEADLINE_NEVER, e) == -1 ||
		    agent_hold_serve(a, e) == -1)
			return -1;
	}
	p = (const uint8_t *)a->queue.data + a->queue_pos;
	if (wire_decode_header(p, type, &len) == -1)
		return err_set(e, ERR_INTERNAL, "queue of requests is broken");
	buf_reset(&a->req);
	buf_add(&a->req, p + WIRE_HEADER, len);
	a->queue_pos += WIRE_HEADER + len;
	return buf_ok(&a->req) ? 0 : err_set_nomem(e);
}

int
agent_io_breathe(struct agent *a, struct err *e)
{
	if (chan_queued(a->c) < TICK_BYTES && clock_ms() - a->ticked < TICK_MS)
		return 0;
	return agent_io_tick(a, e);
}
