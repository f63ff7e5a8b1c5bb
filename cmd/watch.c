#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "io/table.h"
#include "watch.h"

#include <sys/ioctl.h>

#include <poll.h>
#include <signal.h>
#include <termios.h>

#define MIN_INTERVAL_MS 100 /* whatever was asked for: no busy loop */
#define MAX_SIZE 10000

/* The alternate screen, empty, without cursor; a long line is cut by the
 * terminal, not wrapped. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

/* What signal handlers need to give the terminal back. */
static struct termios before, ours;
static volatile sig_atomic_t entered;

/* What the keys asked for; sig_check reads them wherever it is called. */
enum event { EV_NONE, EV_DRAW, EV_LOOK, EV_QUIT, EV_GONE };
static enum event pressed;

/* --- enter and leave: async-signal-safe ----------------------------------- */

static void
set_terminal(const struct termios *tio)
{
	while (tcsetattr(STDIN_FILENO, TCSANOW, tio) == -1 && errno == EINTR)
		;
}

static void
on_enter(void)
{
	if (!entered)
		return;
	set_terminal(&ours);
	(void)!write(STDOUT_FILENO, ENTER, sizeof(ENTER) - 1);
}

static void
on_leave(void)
{
	(void)!write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1);
	set_terminal(&before);
}

static enum event
key_event(unsigned char key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return EV_QUIT;
	case ' ':
	case 'r':
	case 'R':
		return EV_LOOK;
	case '\f': /* Ctrl-L */
		return EV_DRAW;
	}
	return EV_NONE;
}

static void
read_keys(void)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char key[64];
	ssize_t n;

	if (poll(&fd, 1, 0) <= 0)
		return;
	n = read(STDIN_FILENO, key, sizeof(key));
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		pressed = EV_GONE;
		return;
	}
	/* What follows an escape is no letter: F2 has a Q in it. */
	for (ssize_t i = 0; i < n && key[i] != '\033'; i++)
		pressed = MAX_OF(pressed, key_event(key[i]));
}

static bool
on_check(void)
{
	if (pressed < EV_QUIT)
		read_keys();
	return pressed >= EV_QUIT;
}

static const struct sig_screen handlers = {
    on_enter, on_leave, STDIN_FILENO, on_check};

static int
enter(struct err *e)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)err_set(e, ERR_USAGE,
		    "standard input and output must be a terminal");
		return err_hint(
		    e, "Leave out --watch where nobody is looking.");
	}
	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not ask the terminal for its settings");
	ours = before;
	ours.c_iflag &= ~(tcflag_t)IXON; /* Ctrl-S would hold us for ever */
	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ours.c_cc[VMIN] = 1;
	ours.c_cc[VTIME] = 0;
	if (sig_screen_begin(&handlers, e) == -1)
		return -1;
	pressed = EV_NONE;
	entered = 1;
	on_enter();
	return 0;
}

/* entered goes first: a stop from here on does not enter again. */
static void
leave(void)
{
	entered = 0;
	on_leave();
	sig_screen_end();
}

/* --- drawing -------------------------------------------------------------- */

static void
screen_size(int *columns, int *rows)
{
	struct winsize ws = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1)
		ws.ws_col = ws.ws_row = 0;
	*columns = ws.ws_col == 0 ? 80 : MIN_OF(ws.ws_col, MAX_SIZE);
	*rows = ws.ws_row == 0 ? 24 : MIN_OF(ws.ws_row, MAX_SIZE);
}

static int
count_lines(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n' || text[1] == '\0';
	return n;
}

/* One line.  A full one leaves the cursor on its last character, which
 * clearing to the end of the line would remove. */
static void
add_line(struct buf *b, const char *line, size_t n, int columns, bool last)
{
	struct buf copy = BUF_INIT;

	buf_add(&copy, line, n);
	buf_add(b, line, n);
	if (table_width(buf_str(&copy)) < columns)
		buf_adds(b, "\033[K");
	if (!last)
		buf_adds(b, "\r\n");
	b->failed = b->failed || copy.failed;
	buf_free(&copy);
}

/* The screen in place, in one piece: over what is there, then the rest cleared,
 * so that nothing flickers. */
static void
compose(struct buf *b, const char *text, int columns, int rows)
{
	int n = count_lines(text), shown = n > rows ? rows - 1 : n;
	char more[64];

	buf_adds(b, "\033[H");
	for (int i = 0; i < shown; i++) {
		size_t len = strcspn(text, "\n");

		add_line(b, text, len, columns, i + 1 == rows);
		text += len + (text[len] == '\n');
	}
	if (n > rows) {
		(void)snprintf(
		    more, sizeof(more), "... %d more lines", n - shown);
		add_line(b, more, strlen(more), columns, true);
	} else if (n < rows) {
		buf_adds(b, "\033[J");
	}
}

static int
write_all(const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t w = write(STDOUT_FILENO, p, n);

		if (w >= 0) {
			p += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			struct pollfd fd = {
			    .fd = STDOUT_FILENO, .events = POLLOUT};

			(void)poll(&fd, 1, -1);
		} else if (errno != EINTR) {
			return err_set_errno(
			    e, ERR_IO, "could not write to the terminal");
		}
		if (sig_check(e) == -1)
			return -1;
	}
	return 0;
}

static int
draw(const struct watch *w, struct err *e)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	int columns, rows, rc = -1;

	screen_size(&columns, &rows);
	if (w->draw(w->arg, columns, &text, e) == -1)
		goto out;
	compose(&out, buf_str(&text), columns, rows);
	if (!buf_ok(&text) || !buf_ok(&out)) {
		(void)err_set_nomem(e);
		goto out;
	}
	rc = write_all(out.data, out.len, e);
out:
	buf_free(&text);
	buf_free(&out);
	return rc;
}

/* --- waiting -------------------------------------------------------------- */

/* What comes first: a key, a signal, a new size, or the time of the next look.
 * -1: the end. */
static int
wait_event(const struct watch *w, int64_t due, enum event *ev, struct err *e)
{
	struct pollfd fds[] = {
	    {.fd = w->sigfd, .events = POLLIN},
	    {.fd = sig_screen_fd(), .events = POLLIN},
	};

	for (;;) {
		if (sig_check(e) == -1)
			return -1;
		(void)sig_status_wanted(); /* it is on the screen */
		*ev = pressed;
		pressed = EV_NONE;
		if (sig_screen_changed())
			*ev = MAX_OF(*ev, EV_DRAW);
		if (deadline_passed(due))
			*ev = EV_LOOK;
		if (*ev != EV_NONE)
			return 0;
		if (poll(fds, NELEM(fds), deadline_poll_ms(due)) == -1 &&
		    errno != EINTR)
			return err_set_errno(e, ERR_INTERNAL, "could not poll");
	}
}

static int
look(const struct watch *w, struct err *e)
{
	return w->look == NULL ? 0 : w->look(w->arg, e);
}

static int
run(const struct watch *w, struct err *e)
{
	static const char first[] = "waiting for the first answers\r";
	int64_t pause = MAX_OF(w->interval_ms, MIN_INTERVAL_MS), due = 0;
	enum event ev = EV_LOOK;

	if (write_all(first, sizeof(first) - 1, e) == -1)
		return -1;
	for (;;) {
		if (ev == EV_LOOK) {
			if (look(w, e) == -1)
				return -1;
			due = deadline_in(pause);
		}
		if (draw(w, e) == -1 || wait_event(w, due, &ev, e) == -1)
			return -1;
	}
}

/* What ended it: q is no error. */
static int
judge_end(struct err *e)
{
	if (e->code != ERR_INTERRUPTED || sig_caught() != 0)
		return -1;
	err_clear(e);
	if (pressed == EV_QUIT)
		return 0;
	return err_set(e, ERR_IO, "the terminal is gone");
}

int
watch_run(const struct watch *w, struct err *e)
{
	if (enter(e) == -1)
		return -1;
	(void)run(w, e);
	leave();
	return judge_end(e);
}
