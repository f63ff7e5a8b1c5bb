#include "base/std.h"
#include "base/err.h"
#include "base/sig.h"

#include <sys/epoll.h>

#include <signal.h>

/* signal_fd: where the pipe is read; pipe_fd[0] but for a screen. */
static int pipe_fd[2] = {-1, -1};
static int signal_fd = -1;
static volatile sig_atomic_t caught;
static volatile sig_atomic_t second; /* status of a second one; 0: its own */
static volatile sig_atomic_t status_wanted;

/* Of a program with a screen. */
static const int screen_signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGSEGV,
    SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
static int screen_pipe[2] = {-1, -1};
static const struct sig_screen *volatile screen;
static volatile pid_t screen_pid;
static struct sigaction screen_old[NELEM(screen_signals)];

/* A forked child has no screen. */
static const struct sig_screen *
my_screen(void)
{
	return screen != NULL && screen_pid == getpid() ? screen : NULL;
}

static void
on_signal(int signo)
{
	const struct sig_screen *s = my_screen();
	int saved = errno;
	char c = (char)signo;

	if (signo == SIGUSR1) {
		status_wanted = 1;
	} else {
		if (caught != 0) {
			if (s != NULL)
				s->leave();
			_exit(second != 0 ? second : STATUS_SIGNAL + signo);
		}
		caught = signo;
	}
	(void)!write(pipe_fd[1], &c, 1);
	errno = saved;
}

int
sig_init(struct err *e)
{
	static const int signals[] = {
	    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
	struct sigaction sa = {.sa_handler = on_signal};

	if (pipe_fd[0] == -1 && pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) == -1)
		return err_set_errno(e, ERR_INTERNAL, "could not create pipe");
	signal_fd = pipe_fd[0];
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < NELEM(signals); i++)
		(void)sigaction(signals[i], &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
	return 0;
}

void
sig_child(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGQUIT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	(void)sigaction(SIGUSR1, &sa, NULL);
}

void
sig_second(int status)
{
	second = status;
}

int
sig_fd(void)
{
	return pipe_fd[0];
}

int
sig_caught(void)
{
	return caught;
}

int
sig_check(struct err *e)
{
	const struct sig_screen *s = my_screen();

	if (caught != 0)
		return err_set_signal(e, caught);
	if (s != NULL && s->ended()) {
		(void)err_set(e, ERR_INTERRUPTED, "interrupted");
		err_raise(e, STATUS_SIGNAL + SIGINT);
		return -1;
	}
	return 0;
}

bool
sig_status_wanted(void)
{
	char c[16];

	if (!status_wanted)
		return false;
	status_wanted = 0;
	if (caught == 0)
		while (read(signal_fd, c, sizeof(c)) > 0)
			;
	return true;
}

/* The action that a signal had before, now. */
static void
raise_old(int signo)
{
	sigset_t set;

	for (size_t i = 0; i < NELEM(screen_signals); i++)
		if (screen_signals[i] == signo)
			(void)sigaction(signo, &screen_old[i], NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, signo);
	(void)raise(signo);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void
on_screen_signal(int signo)
{
	const struct sig_screen *s = my_screen();
	struct sigaction now;
	int saved = errno;
	char c = (char)signo;

	if (signo != SIGWINCH && signo != SIGCONT) {
		if (s != NULL)
			s->leave();
		(void)sigaction(signo, NULL, &now);
		raise_old(signo);
		/* Here only after a stop. */
		(void)sigaction(signo, &now, NULL);
	}
	if (signo != SIGWINCH && s != NULL)
		s->enter();
	(void)!write(screen_pipe[1], &c, 1);
	errno = saved;
}

/*
 * Others poll sig_fd, some since long ago: its number stays, and becomes a set
 * of the pipe and fd.
 */
static int
watch_too(int fd, struct err *e)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int copy = fcntl(pipe_fd[0], F_DUPFD_CLOEXEC, 0);
	int set = epoll_create1(EPOLL_CLOEXEC), rc = -1;

	if (copy == -1 || set == -1 ||
	    epoll_ctl(set, EPOLL_CTL_ADD, copy, &ev) == -1 ||
	    epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) == -1 ||
	    dup3(set, pipe_fd[0], O_CLOEXEC) == -1) {
		(void)err_set_errno(
		    e, ERR_INTERNAL, "could not watch the keyboard");
		goto out;
	}
	signal_fd = copy;
	copy = -1;
	rc = 0;
out:
	if (copy != -1)
		(void)close(copy);
	if (set != -1)
		(void)close(set);
	return rc;
}

int
sig_screen_begin(const struct sig_screen *s, struct err *e)
{
	struct sigaction sa = {.sa_handler = on_screen_signal};

	if (screen_pipe[0] == -1 &&
	    pipe2(screen_pipe, O_CLOEXEC | O_NONBLOCK) == -1)
		return err_set_errno(e, ERR_INTERNAL, "could not create pipe");
	(void)sig_screen_changed();
	if (watch_too(s->fd, e) == -1)
		return -1;
	screen_pid = getpid();
	screen = s;
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < NELEM(screen_signals); i++) {
		(void)sigaction(screen_signals[i], &sa, &screen_old[i]);
		if (screen_old[i].sa_handler == SIG_IGN)
			(void)sigaction(
			    screen_signals[i], &screen_old[i], NULL);
	}
	return 0;
}

void
sig_screen_end(void)
{
	if (screen == NULL)
		return;
	for (size_t i = 0; i < NELEM(screen_signals); i++)
		(void)sigaction(screen_signals[i], &screen_old[i], NULL);
	screen = NULL;
	(void)dup3(signal_fd, pipe_fd[0], O_CLOEXEC);
	(void)close(signal_fd);
	signal_fd = pipe_fd[0];
}

int
sig_screen_fd(void)
{
	return screen_pipe[0];
}

bool
sig_screen_changed(void)
{
	char c[64];
	bool changed = false;

	while (read(screen_pipe[0], c, sizeof(c)) > 0)
		changed = true;
	return changed;
}
