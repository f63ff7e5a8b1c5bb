#include "base/std.h"
#include "base/clock.h"
#include "core/share.h"
#include "flow/agent_int.h"

/*
 * Frames of which much may come: compressed as hard as it pays (core/squeeze.h,
 * which needs to know what we did with the time), at the rate allowed,
 * and not before the queue is short.
 */

#define RATE_MAX (INT64_MAX / 4096)
#define NAP_MS 100 /* the rate may have changed by then */

/* Every frame, with its header. */
static uint64_t
sent(const struct agent *a)
{
	return a->c->t->bytes_out + chan_queued(a->c);
}

int
agent_send_rate(struct agent *a, const void *data, size_t n, struct err *e)
{
	uint64_t rate;

	if (wire_decode_rate(data, n, &rate, e) == -1)
		return -1;
	if (a->t == NULL)
		return err_set(e, ERR_PROTOCOL, "RATE before OPEN");
	a->max_rate = MIN_OF(rate, (uint64_t)RATE_MAX);
	return 0;
}

/* A bucket that holds a quarter of a second and goes into debt by what was
 * sent since, so that a frame is never cut and none is free. */
static int
pay(struct agent *a, struct err *e)
{
	int64_t now, rate;

	if (a->max_rate == 0)
		return 0;
	for (;;) {
		rate = (int64_t)a->max_rate;
		now = clock_ms();
		a->tokens -= (int64_t)(sent(a) - a->paid);
		a->paid = sent(a);
		/* More than 1 s would fill the bucket anyway. */
		a->tokens +=
		    share_accrued(rate, now - a->tokens_at, &a->token_part);
		a->tokens = MIN_OF(a->tokens, MAX_OF(rate / 4, 1));
		a->tokens_at = now;
		if (a->tokens > 0)
			break;
		if (agent_io_sleep(a,
			MIN_OF(-a->tokens * 1000 / rate + 1, NAP_MS), e) == -1)
			return -1;
	}
	return 0;
}

int
agent_send_room(struct agent *a, struct err *e)
{
	if (agent_io_breathe(a, e) == -1)
		return -1;
	while (chan_queued(a->c) > AGENT_OUT_MAX)
		if (agent_io_pause(a, DEADLINE_NEVER, e) == -1)
			return -1;
	return 0;
}

static void
aim(struct agent *a)
{
	const struct squeeze_step *s = squeeze_step(&a->squeeze);

	zip_aim(a->zip, s->level, s->also, s->min);
}

static void
begin_window(struct agent *a)
{
	a->window = (struct agent_window){
	    .at = clock_us(), .cpu = clock_cpu_us(), .waited = a->waited};
}

void
agent_send_begin(struct agent *a)
{
	squeeze_begin(&a->squeeze);
	aim(a);
	load_begin(&a->load);
	begin_window(a);
	a->paid = sent(a);
}

static void
look_at_window(struct agent *a)
{
	const struct agent_window *b = &a->window;
	int64_t wall = clock_us() - b->at;
	struct squeeze_window w;

	if (wall < SQUEEZE_WINDOW_US)
		return;
	w = (struct squeeze_window){.raw = b->raw,
	    .wall = (uint64_t)wall,
	    .waited = (uint64_t)(a->waited - b->waited),
	    .cpu = (uint64_t)(clock_cpu_us() - b->cpu),
	    .idle = load_idle(&a->load)};
	if (squeeze_adapt(&a->squeeze, &w))
		aim(a);
	begin_window(a);
}

static bool
packed(struct agent *a, const void *head, size_t hn, const void *data, size_t n)
{
	if (!a->zipping)
		return false;
	buf_reset(&a->raw);
	buf_add(&a->raw, head, hn);
	buf_add(&a->raw, data, n);
	return buf_ok(&a->raw) &&
	       zip_pack(a->zip, a->raw.data, a->raw.len, &a->zipped) == 1;
}

int
agent_io_data(struct agent *a, uint8_t type, const void *head, size_t hn,
    const void *data, size_t n, struct err *e)
{
	bool zipped = packed(a, head, hn, data, n);

	a->window.raw += n;
	look_at_window(a);
	if (pay(a, e) == -1 || agent_send_room(a, e) == -1)
		return -1;
	if (zipped)
		return chan_send_buf(a->c, type | WIRE_ZIPPED, &a->zipped, e);
	return chan_send(a->c, type, head, hn, data, n, e);
}
