#include "base/std.h"
#include "base/clock.h"
#include "base/sig.h"
#include "io/wait.h"

#include <poll.h>

/* Our own pipe may hold nothing but a status request, which is answered
 * elsewhere: look again now and then instead of spinning on it. */
#define STATUS_PAUSE_MS 100

static int
interrupted(int sigfd, struct err *e)
{
	if (sig_check(e) == -1)
		return -1;
	if (sigfd == sig_fd())
		return 0;
	(void)err_set(e, ERR_INTERRUPTED, "interrupted");
	err_raise(e, STATUS_SIGNAL + 2);
	return -1;
}

int
wait_poll(struct pollfd *fds, size_t n, int64_t until, int sigfd, struct err *e)
{
	struct pollfd all[WAIT_MAXFDS + 1];
	bool watch = sigfd != -1;
	int rc, ms;

	if (n > WAIT_MAXFDS)
		return err_set(e, ERR_INTERNAL, "too many descriptors");
	for (;;) {
		if (n > 0)
			memcpy(all, fds, n * sizeof(*fds));
		all[n] =
		    (struct pollfd){.fd = watch ? sigfd : -1, .events = POLLIN};
		ms = deadline_poll_ms(until);
		if (sigfd != -1 && !watch && (ms < 0 || ms > STATUS_PAUSE_MS))
			ms = STATUS_PAUSE_MS;
		rc = poll(all, n + 1, ms);
		if (rc == -1 && errno != EINTR && errno != EAGAIN)
			return err_set_errno(e, ERR_INTERNAL, "poll");
		if (sigfd != -1 && sig_caught() != 0)
			return interrupted(sigfd, e);
		if (rc > 0 && all[n].revents != 0) {
			if (interrupted(sigfd, e) == -1)
				return -1;
			watch = false;
			rc--;
		}
		if (rc > 0) {
			memcpy(fds, all, n * sizeof(*fds));
			return rc;
		}
		if (deadline_passed(until))
			return 0;
	}
}
