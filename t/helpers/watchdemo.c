/*
 * What t/3020-watch.t drives through a pseudo-terminal: cmd/watch without a
 * server.
 *
 *	watchdemo INTERVAL_MS LINES [LOOK_MS [FAIL_AT]]
 *
 * The screen has LINES lines that tell the number of the look, of the drawing,
 * and the width.  A look takes LOOK_MS (-1: for ever, and it hears no signal);
 * the one with the number FAIL_AT fails.
 * "end STATUS" is printed behind it, on the screen from before.
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"

#include <locale.h>
#include <poll.h>
#include <signal.h>

#include "../../cmd/watch.h"

struct demo {
	int lines, look_ms, fail_at;
	int looks, draws;
};

static int
on_look(void *arg, struct err *e)
{
	struct demo *d = arg;
	int64_t until = deadline_in(d->look_ms);

	d->looks++;
	if (d->looks == d->fail_at)
		return err_set(e, ERR_INTERNAL, "the look failed");
	while (d->look_ms < 0)
		clock_sleep_ms(1000, DEADLINE_NEVER);
	/* As a survey waits for nodes that hang. */
	while (d->look_ms > 0 && !deadline_passed(until)) {
		struct pollfd fd = {.fd = sig_fd(), .events = POLLIN};

		(void)poll(&fd, 1, deadline_poll_ms(until));
		if (sig_check(e) == -1)
			return -1;
	}
	return 0;
}

static int
on_draw(void *arg, int width, struct buf *out, struct err *e)
{
	struct demo *d = arg;

	(void)e;
	d->draws++;
	for (int i = 1; i <= d->lines; i++)
		buf_addf(out, "line %d of look %d draw %d width %d.\n", i,
		    d->looks, d->draws, width);
	if (getenv("WATCHDEMO_ABORT") != NULL)
		abort();
	return 0;
}

int
main(int argc, char **argv)
{
	struct demo d = {.fail_at = -1};
	struct watch w = {.look = on_look, .draw = on_draw, .arg = &d};
	struct err e = ERR_INIT;

	if (argc < 3)
		return 2;
	(void)setlocale(LC_CTYPE, "");
	w.interval_ms = strtol(argv[1], NULL, 10);
	d.lines = (int)strtol(argv[2], NULL, 10);
	if (argc > 3)
		d.look_ms = (int)strtol(argv[3], NULL, 10);
	if (argc > 4)
		d.fail_at = (int)strtol(argv[4], NULL, 10);
	if (sig_init(&e) == 0) {
		w.sigfd = sig_fd();
		(void)watch_run(&w, &e);
	}
	printf("end %d %s\n", e.status, e.text);
	return e.status;
}
