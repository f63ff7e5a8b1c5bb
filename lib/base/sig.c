#include "base/std.h"
#include "base/err.h"
#include "base/sig.h"

#include <signal.h>

static int pipe_fd[2] = {-1, -1};
static volatile sig_atomic_t caught;
static volatile sig_atomic_t status_wanted;

static void
on_signal(int signo)
{
	int saved = errno;
	char c = (char)signo;

	if (signo == SIGUSR1) {
		status_wanted = 1;
	} else {
		if (caught != 0)
			_exit(STATUS_SIGNAL + signo);
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
	if (caught == 0)
		return 0;
	return err_set_signal(e, caught);
}

bool
sig_status_wanted(void)
{
	char c[16];

	if (!status_wanted)
		return false;
	status_wanted = 0;
	if (caught == 0)
		while (read(pipe_fd[0], c, sizeof(c)) > 0)
			;
	return true;
}
