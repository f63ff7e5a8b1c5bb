/* Frames over a scripted transport and over a socket pair. */
#include "base/std.h"
#include "base/clock.h"
#include "core/wire.h"
#include "io/chan.h"

#include <sys/socket.h>

#include <poll.h>
#include <setjmp.h>
#include <cmocka.h>

/*
 * A transport whose other end is the test: gives the bytes of give in portions
 * of at most step, then AGAIN, end of file or an error; takes at most step
 * bytes per write, and says AGAIN before each if slow.
 */
struct fake {
	struct transport base;
	struct buf give, taken;
	size_t step;
	enum { THEN_AGAIN, THEN_EOF, THEN_ERROR } then;
	bool slow, again, broken;
	const void *last;
	size_t last_len;
	int reads, writes;
};

static ssize_t
fake_read(struct transport *t, void *to, size_t n, struct err *e)
{
	struct fake *f = (struct fake *)t;

	f->reads++;
	n = MIN_OF(MIN_OF(n, f->step), f->give.len);
	if (n == 0 && f->then == THEN_ERROR)
		return err_set(e, ERR_SSH, "reset");
	if (n == 0)
		return f->then == THEN_EOF ? 0 : TRANSPORT_AGAIN;
	memcpy(to, f->give.data, n);
	buf_consume(&f->give, n);
	return (ssize_t)n;
}

static ssize_t
fake_write(struct transport *t, const void *from, size_t n, struct err *e)
{
	struct fake *f = (struct fake *)t;

	f->writes++;
	if (f->broken)
		return err_set(e, ERR_SSH, "broken pipe");
	if (f->again) { /* the same bytes, or libssh2 would be confused */
		assert_ptr_equal(from, f->last);
		assert_int_equal(n, f->last_len);
	}
	f->last = from;
	f->last_len = n;
	f->again = f->slow && !f->again;
	if (f->again)
		return TRANSPORT_AGAIN;
	n = MIN_OF(n, f->step);
	buf_add(&f->taken, from, n);
	return (ssize_t)n;
}

static int
fake_pollfds(struct transport *t, bool want_write, struct pollfd *fds)
{
	(void)t;
	fds[0] = (struct pollfd){.fd = 0, .events = POLLIN};
	if (want_write)
		fds[1] = (struct pollfd){.fd = 1, .events = POLLOUT};
	return want_write ? 2 : 1;
}

static void
fake_close(struct transport *t, int64_t deadline, struct transport_exit *x)
{
	struct fake *f = (struct fake *)t;

	(void)deadline;
	if (x != NULL)
		x->known = true;
	buf_free(&f->give);
	buf_free(&f->taken);
	buf_free(&t->err_text);
	free(f);
}

static const struct transport_ops fake_ops = {
    .read = fake_read,
    .write = fake_write,
    .pollfds = fake_pollfds,
    .close = fake_close,
};

static char fake_name[] = "fake";

static struct fake *
fake_chan(struct chan *c)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->base.ops = &fake_ops;
	f->base.name = fake_name;
	f->step = SIZE_MAX;
	chan_init(c, &f->base);
	return f;
}

static void
add_frame(struct buf *b, uint8_t type, const void *data, size_t n)
{
	uint8_t h[WIRE_HEADER];

	wire_encode_header(h, type, (uint32_t)n);
	buf_add(b, h, sizeof(h));
	buf_add(b, data, n);
}

static char big[WIRE_MAX + 1];

static void
frames_come_in_whole_however_the_bytes_come(void **state)
{
	static const size_t steps[] = {1, 4, 5, 6, 1000, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < NELEM(steps); i++) {
		struct chan c;
		struct fake *f = fake_chan(&c);
		struct frame fr;

		f->step = steps[i];
		add_frame(&f->give, WIRE_PING, NULL, 0);
		add_frame(&f->give, WIRE_DATA, "hello", 5);
		add_frame(&f->give, WIRE_DATA | WIRE_ZIPPED, big, 3000);
		assert_int_equal(chan_pump(&c, NULL), 0);
		assert_int_equal(chan_next(&c, &fr, NULL), 1);
		assert_int_equal(fr.type, WIRE_PING);
		assert_int_equal(fr.len, 0);
		assert_int_equal(chan_next(&c, &fr, NULL), 1);
		assert_int_equal(fr.len, 5);
		assert_memory_equal(fr.data, "hello", 5);
		assert_int_equal(chan_next(&c, &fr, NULL), 1);
		assert_int_equal(fr.type, WIRE_DATA | WIRE_ZIPPED);
		assert_int_equal(fr.len, 3000);
		assert_int_equal(chan_next(&c, &fr, NULL), 0);
		assert_false(c.eof);
		chan_close(&c, DEADLINE_NEVER, NULL);
	}
}

static void
sent_frames_go_out_in_order_and_again_repeats_the_same_bytes(void **state)
{
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct buf want = BUF_INIT;

	(void)state;
	f->slow = true;
	f->step = 1000;
	for (int i = 0; i < 300; i++) {
		assert_int_equal(
		    chan_send(&c, 'd', &i, sizeof(i), big, 5000, NULL), 0);
		add_frame(&want, 'd', big, sizeof(i) + 5000);
		memcpy(want.data + want.len - 5000 - sizeof(i), &i, sizeof(i));
		assert_int_equal(chan_pump(&c, NULL), 0);
		assert_int_equal(chan_queued(&c), want.len - f->taken.len);
	}
	while (chan_queued(&c) > 0)
		assert_int_equal(chan_pump(&c, NULL), 0);
	assert_int_equal(f->taken.len, want.len);
	assert_memory_equal(f->taken.data, want.data, want.len);
	buf_free(&want);
	chan_close(&c, DEADLINE_NEVER, NULL);
}

static void
a_frame_over_the_limit_is_refused_both_ways(void **state)
{
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct err e = ERR_INIT;
	struct frame fr;

	(void)state;
	assert_int_equal(chan_send(&c, 'd', big, WIRE_MAX, NULL, 0, NULL), 0);
	assert_int_equal(chan_send(&c, 'd', big, WIRE_MAX, "x", 1, &e), -1);
	assert_int_equal(e.code, ERR_INTERNAL);
	err_clear(&e);
	buf_add(&f->give, "d\x00\x10\x00\x01", 5);
	assert_int_equal(chan_pump(&c, NULL), 0);
	assert_int_equal(chan_next(&c, &fr, &e), -1);
	assert_int_equal(e.code, ERR_PROTOCOL);
	chan_close(&c, DEADLINE_NEVER, NULL);
}

static void
end_of_file_between_frames_is_seen_inside_a_frame_refused(void **state)
{
	struct err e = ERR_INIT;
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct frame fr;

	(void)state;
	f->then = THEN_EOF;
	add_frame(&f->give, 'd', "abc", 3);
	assert_int_equal(chan_pump(&c, NULL), 0);
	assert_int_equal(chan_next(&c, &fr, NULL), 1);
	assert_int_equal(chan_next(&c, &fr, NULL), 0);
	assert_true(c.eof);
	chan_close(&c, DEADLINE_NEVER, NULL);
	for (size_t n = 1; n < 8; n++) {
		f = fake_chan(&c);
		f->then = THEN_EOF;
		add_frame(&f->give, 'd', "abc", 3);
		f->give.len = n;
		assert_int_equal(chan_pump(&c, NULL), 0);
		err_clear(&e);
		assert_int_equal(chan_next(&c, &fr, &e), -1);
		assert_int_equal(e.code, ERR_PROTOCOL);
		chan_close(&c, DEADLINE_NEVER, NULL);
	}
}

/* The agent says why and dies; our next write meets a closed pipe. */
static void
an_error_waits_for_the_frames_that_came_before_it(void **state)
{
	struct err e = ERR_INIT;
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct frame fr;

	(void)state;
	f->broken = true;
	f->then = THEN_EOF;
	add_frame(&f->give, WIRE_ERR, "why", 3);
	assert_int_equal(chan_send(&c, 'd', "x", 1, NULL, 0, NULL), 0);
	assert_int_equal(chan_pump(&c, &e), 0);
	assert_int_equal(chan_pump(&c, &e), 0);
	assert_int_equal(chan_next(&c, &fr, &e), 1);
	assert_int_equal(fr.type, WIRE_ERR);
	assert_int_equal(chan_queued(&c), 0);
	assert_int_equal(chan_send(&c, 'd', "x", 1, NULL, 0, NULL), 0);
	assert_int_equal(chan_pump(&c, &e), -1);
	assert_int_equal(e.code, ERR_SSH);
	assert_string_equal(e.text, "broken pipe");
	assert_int_equal(f->writes, 1);
	chan_close(&c, DEADLINE_NEVER, NULL);
}

static void
a_read_error_waits_for_the_frames_that_came_before_it(void **state)
{
	struct err e = ERR_INIT;
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct frame fr;

	(void)state;
	f->then = THEN_ERROR;
	add_frame(&f->give, 'd', "x", 1);
	buf_add(&f->give, "d", 1);
	assert_int_equal(chan_pump(&c, &e), 0);
	assert_int_equal(chan_next(&c, &fr, &e), 1);
	assert_int_equal(chan_next(&c, &fr, &e), -1);
	assert_int_equal(e.code, ERR_SSH);
	err_clear(&e);
	assert_int_equal(chan_pump(&c, &e), -1);
	assert_string_equal(e.text, "reset");
	assert_false(c.eof);
	chan_close(&c, DEADLINE_NEVER, NULL);
}

static void
what_is_read_ahead_is_bounded(void **state)
{
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct frame fr;
	size_t frames = 0, n = 20;

	(void)state;
	for (size_t i = 0; i < n; i++)
		add_frame(&f->give, 'd', big, WIRE_MAX);
	while (frames < n) {
		assert_int_equal(chan_pump(&c, NULL), 0);
		assert_true(c.in.cap <= 8 * 1024 * 1024);
		assert_int_equal(chan_next(&c, &fr, NULL), 1);
		assert_int_equal(fr.len, WIRE_MAX);
		frames++;
	}
	assert_int_equal(chan_next(&c, &fr, NULL), 0);
	chan_close(&c, DEADLINE_NEVER, NULL);
}

static void
what_to_wait_for_follows_the_state(void **state)
{
	struct chan c;
	struct fake *f = fake_chan(&c);
	struct pollfd fds[TRANSPORT_MAXPOLL];
	struct frame fr;
	bool ready = false;

	(void)state;
	(void)chan_pollfds(&c, fds, &ready);
	assert_true(!ready && fds[0].fd == 0 && fds[1].fd == -1);
	assert_int_equal(fds[0].events, POLLIN);
	assert_int_equal(chan_send(&c, 'd', "x", 1, NULL, 0, NULL), 0);
	(void)chan_pollfds(&c, fds, &ready);
	assert_true(!ready && fds[1].events == POLLOUT);
	c.paused = true; /* input must not wake us up, output may */
	(void)chan_pollfds(&c, fds, &ready);
	assert_true(!ready && fds[0].fd == -1 && fds[1].events == POLLOUT);
	assert_int_equal(chan_pump(&c, NULL), 0);
	assert_int_equal(f->reads, 0);
	(void)chan_pollfds(&c, fds, &ready);
	assert_true(!ready && fds[0].fd == -1 && fds[1].fd == -1);
	c.paused = false;
	add_frame(&f->give, 'd', "x", 1);
	assert_int_equal(chan_pump(&c, NULL), 0);
	(void)chan_pollfds(&c, fds, &ready);
	assert_true(ready); /* a frame waits */
	assert_int_equal(chan_next(&c, &fr, NULL), 1);
	f->then = THEN_EOF;
	assert_int_equal(chan_pump(&c, NULL), 0);
	ready = false;
	(void)chan_pollfds(&c, fds, &ready); /* poll would report it for ever */
	assert_true(!ready && fds[0].fd == -1);
	chan_close(&c, DEADLINE_NEVER, NULL);
}

/* ---- two ends of a socket pair ---- */

static void
two_ends(struct chan *a, struct chan *b)
{
	struct err e = ERR_INIT;
	struct transport *t;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_non_null(t = transport_fds(fds[0], fds[0], "a", &e));
	chan_init(a, t);
	assert_non_null(t = transport_fds(fds[1], fds[1], "b", &e));
	chan_init(b, t);
}

static size_t
take_all(struct chan *c, size_t *seen)
{
	struct frame fr;
	uint32_t n;

	while (chan_next(c, &fr, NULL) == 1) {
		assert_int_equal(fr.type, WIRE_DATA);
		assert_true(fr.len >= 4);
		memcpy(&n, fr.data, 4);
		assert_int_equal(n, *seen);
		(*seen)++;
	}
	return *seen;
}

/* Both send everything before they read anything. */
static void
two_ends_that_both_send_a_lot_do_not_lock_up(void **state)
{
	struct chan c[2];
	size_t seen[2] = {0, 0}, n = 200;

	(void)state;
	two_ends(&c[0], &c[1]);
	for (uint32_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			assert_int_equal(chan_send(&c[k], WIRE_DATA, &i, 4, big,
					     i * 300, NULL),
			    0);
	for (int i = 0; i < 100000 && (seen[0] < n || seen[1] < n); i++)
		for (int k = 0; k < 2; k++) {
			assert_int_equal(chan_pump(&c[k], NULL), 0);
			(void)take_all(&c[k], &seen[k]);
		}
	assert_int_equal(seen[0], n);
	assert_int_equal(seen[1], n);
	chan_close(&c[0], deadline_in(1000), NULL);
	chan_close(&c[1], deadline_in(1000), NULL);
	chan_close(&c[1], deadline_in(1000), NULL);
}

static void
wait_ends_for_input_an_extra_descriptor_and_the_deadline(void **state)
{
	struct chan a, b;
	struct pollfd extra = {.events = POLLIN};
	struct frame fr;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	extra.fd = p[0];
	two_ends(&a, &b);
	assert_int_equal(chan_wait(&a, &extra, 1, clock_ms(), NULL), 0);
	assert_int_equal(extra.revents, 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(chan_wait(&a, &extra, 1, DEADLINE_NEVER, NULL), 0);
	assert_int_equal(extra.revents, POLLIN);
	assert_int_equal(chan_send(&b, WIRE_PING, NULL, 0, NULL, 0, NULL), 0);
	assert_int_equal(chan_flush(&b, deadline_in(5000), NULL), 0);
	assert_int_equal(chan_wait(&a, NULL, 0, DEADLINE_NEVER, NULL), 0);
	assert_int_equal(chan_pump(&a, NULL), 0);
	/* A frame that waits is enough, and extra is looked at all the same */
	assert_int_equal(chan_wait(&a, &extra, 1, DEADLINE_NEVER, NULL), 0);
	assert_int_equal(extra.revents, POLLIN);
	assert_int_equal(chan_next(&a, &fr, NULL), 1);
	close(p[0]);
	close(p[1]);
	chan_close(&a, deadline_in(1000), NULL);
	chan_close(&b, deadline_in(1000), NULL);
}

static void
flush_ends_at_its_deadline(void **state)
{
	struct err e = ERR_INIT;
	struct chan a, b;

	(void)state;
	two_ends(&a, &b);
	for (int i = 0; i < 8; i++)
		assert_int_equal(
		    chan_send(&a, 'd', big, WIRE_MAX, NULL, 0, NULL), 0);
	assert_int_equal(chan_flush(&a, clock_ms() + 20, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	chan_close(&a, deadline_in(100), NULL);
	chan_close(&b, deadline_in(100), NULL);
}

static void
a_closed_peer_is_end_of_file(void **state)
{
	struct chan a, b, zero;
	struct transport_exit x;
	struct frame fr;

	(void)state;
	two_ends(&a, &b);
	chan_close(&b, deadline_in(1000), NULL);
	assert_int_equal(chan_wait(&a, NULL, 0, DEADLINE_NEVER, NULL), 0);
	assert_int_equal(chan_pump(&a, NULL), 0);
	assert_int_equal(chan_next(&a, &fr, NULL), 0);
	assert_true(a.eof);
	chan_close(&a, deadline_in(1000), &x);
	memset(&zero, 0, sizeof(zero));
	chan_close(&zero, 0, &x);
	assert_false(x.known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_come_in_whole_however_the_bytes_come),
	    cmocka_unit_test(
		sent_frames_go_out_in_order_and_again_repeats_the_same_bytes),
	    cmocka_unit_test(a_frame_over_the_limit_is_refused_both_ways),
	    cmocka_unit_test(
		end_of_file_between_frames_is_seen_inside_a_frame_refused),
	    cmocka_unit_test(an_error_waits_for_the_frames_that_came_before_it),
	    cmocka_unit_test(
		a_read_error_waits_for_the_frames_that_came_before_it),
	    cmocka_unit_test(what_is_read_ahead_is_bounded),
	    cmocka_unit_test(what_to_wait_for_follows_the_state),
	    cmocka_unit_test(two_ends_that_both_send_a_lot_do_not_lock_up),
	    cmocka_unit_test(
		wait_ends_for_input_an_extra_descriptor_and_the_deadline),
	    cmocka_unit_test(flush_ends_at_its_deadline),
	    cmocka_unit_test(a_closed_peer_is_end_of_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
