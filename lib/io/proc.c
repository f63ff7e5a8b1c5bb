#include "base/std.h"
#include "base/clock.h"
#include "io/proc.h"
#include "io/wait.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define KEEP_DEFAULT ((size_t)64 * 1024)
#define POLL_MS 50 /* a child may end without closing its output */
#define TERM_MS 500
#define FDS_MAX 4096 /* closed one by one where there is no close_range */

extern char **environ;

/* --- environment ----------------------------------------------------------*/

static bool
same_name(const char *a, const char *b)
{
	size_t n = strcspn(b, "=");

	return strncmp(a, b, n) == 0 && a[n] == '=';
}

/* environ with add on top; the strings are borrowed, the array is owned. */
static char **
env_merge(const char *const *add)
{
	size_t n = 0, m = 0, k = 0, j;
	char **v;

	while (environ != NULL && environ[n] != NULL)
		n++;
	while (add != NULL && add[m] != NULL)
		m++;
	if ((v = calloc(n + m + 1, sizeof(*v))) == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		for (j = 0; j < m && !same_name(environ[i], add[j]); j++)
			;
		if (j == m)
			v[k++] = environ[i];
	}
	for (j = 0; j < m; j++) {
		union {
			const char *in;
			char *out;
		} word = {.in = add[j]}; /* execve does not write to it */
		v[k++] = word.out;
	}
	return v;
}

/* --- start ----------------------------------------------------------------*/

static void
default_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	(void)sigemptyset(&sa.sa_mask);
	for (int s = 1; s < 32; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)sigaction(s, &sa, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Nothing of ours may leak: a child with a copy of a libpq socket keeps a
 * backup open.  Everything we open is close-on-exec; this is for the rest.
 * The flag is CLOSE_RANGE_CLOEXEC (Linux 5.11); older kernels refuse, fine.
 */
static void
close_others(void)
{
#ifdef SYS_close_range
	(void)syscall(SYS_close_range, 3U, ~0U, 4U);
#endif
}

static int
close_span(unsigned first, unsigned last)
{
	if (first > last)
		return 0;
#ifdef SYS_close_range
	return (int)syscall(SYS_close_range, first, last, 0U);
#else
	return -1;
#endif
}

void
proc_close_fds(int keep)
{
	unsigned u = keep < 0 ? ~0U : (unsigned)keep;

	if ((u == 0 || close_span(0, u - 1) == 0) &&
	    (u == ~0U || close_span(u + 1, ~0U) == 0))
		return;
	for (int i = 0; i < FDS_MAX; i++)
		if (i != keep)
			(void)close(i);
}

/* Give the descriptors their places, also where they are 0, 1, 2 already. */
static int
place_fds(const int fds[3])
{
	int copy[3];

	for (int i = 0; i < 3; i++) {
		if (fds[i] == -1)
			copy[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		else
			copy[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (copy[i] == -1)
			return -1;
		/* An open with 0..2 closed lands there; dup2 onto itself
		 * would keep close-on-exec. */
		if (copy[i] < 3 &&
		    (copy[i] = fcntl(copy[i], F_DUPFD_CLOEXEC, 3)) == -1)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(copy[i], i) == -1)
			return -1;
	return 0;
}

/* Its parent may be gone already. */
static void
end_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
}

static void __attribute__((noreturn)) child_main(const char *const *argv,
    char **env, const int fds[3], unsigned how, pid_t parent, int report)
{
	union {
		const char *const *in;
		char *const *out;
	} words = {.in = argv}; /* execvpe does not write to them */
	int error;

	default_signals();
	if (how & PROC_SESSION)
		(void)setsid();
	if (how & PROC_WITH_US)
		end_with(parent);
	/* fds may sit where report is about to be overwritten. */
	if (report < 3)
		report = fcntl(report, F_DUPFD_CLOEXEC, 3);
	if (place_fds(fds) == 0) {
		close_others();
		(void)execvpe(argv[0], words.out, env);
	}
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

/* The child's errno, 0 when exec succeeded. */
static int
read_report(int fd)
{
	int error = 0;
	ssize_t n;

	do
		n = read(fd, &error, sizeof(error));
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(error) ? error : 0;
}

int
proc_spawn(const char *const *argv, const char *const *env, const int fds[3],
    unsigned how, pid_t *pid, struct err *e)
{
	pid_t parent = getpid();
	sigset_t all, old;
	char **merged;
	int report[2], error;

	if ((merged = env_merge(env)) == NULL)
		return err_set_nomem(e);
	if (pipe2(report, O_CLOEXEC) == -1) {
		free(merged);
		return err_set_errno(e, ERR_PROC, "could not create pipe");
	}
	/* A signal between fork and exec must not run our handler, which
	 * writes to the pipe of the parent. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	*pid = fork();
	error = errno;
	if (*pid == 0)
		child_main(argv, merged, fds, how, parent, report[1]);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	free(merged);
	(void)close(report[1]);
	if (*pid != -1 && (error = read_report(report[0])) != 0)
		(void)proc_wait(*pid, DEADLINE_NEVER, NULL);
	(void)close(report[0]);
	if (*pid == -1 || error != 0) {
		*pid = -1;
		errno = error;
		return err_set_errno(
		    e, ERR_PROC, "could not run \"%s\"", argv[0]);
	}
	return 0;
}

/* --- end ------------------------------------------------------------------*/

static int
status_of(int wstatus)
{
	if (WIFSIGNALED(wstatus))
		return 128 + WTERMSIG(wstatus);
	return WEXITSTATUS(wstatus);
}

/* Readable when pid has ended; -1 where the kernel has none (before 5.3). */
static int
open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0U); /* is close-on-exec */
#else
	(void)pid;
	return -1;
#endif
}

/* Its end or the deadline, whichever is first; without a pidfd a while. */
static void
sleep_until_end(pid_t pid, int64_t *pause, int64_t deadline)
{
	struct pollfd fd = {.fd = open_pidfd(pid), .events = POLLIN};

	if (fd.fd == -1) {
		clock_sleep_ms(*pause, deadline);
		*pause = MIN_OF(*pause * 2, POLL_MS);
		return;
	}
	(void)poll(&fd, 1, deadline_poll_ms(deadline));
	(void)close(fd.fd);
}

int
proc_wait(pid_t pid, int64_t deadline, int *status)
{
	int64_t pause = 1;
	int ws = 0;
	pid_t p;

	for (;;) {
		p = waitpid(pid, &ws, deadline == DEADLINE_NEVER ? 0 : WNOHANG);
		if (p == pid || (p == -1 && errno != EINTR)) {
			if (status != NULL)
				*status = p == pid ? status_of(ws) : 127;
			return 1;
		}
		if (p == 0 && deadline_passed(deadline))
			return 0;
		if (p == 0)
			sleep_until_end(pid, &pause, deadline);
	}
}

int
proc_kill(pid_t pid, int64_t deadline)
{
	int64_t late = deadline_in(TERM_MS);
	int status = 0;

	(void)kill(pid, SIGTERM);
	(void)kill(pid, SIGCONT);
	if (proc_wait(pid, MIN_OF(deadline, late), &status) == 1)
		return status;
	(void)kill(pid, SIGKILL);
	(void)proc_wait(pid, DEADLINE_NEVER, &status);
	return status;
}

/* The leader and what it started; its children are not ours to reap. */
static void
kill_group(pid_t pid)
{
	int64_t late = deadline_in(TERM_MS);

	(void)kill(-pid, SIGTERM);
	(void)kill(-pid, SIGCONT);
	if (proc_wait(pid, late, NULL) == 0) {
		(void)kill(-pid, SIGKILL);
		(void)proc_wait(pid, DEADLINE_NEVER, NULL);
		return;
	}
	while (kill(-pid, 0) == 0 && !deadline_passed(late))
		clock_sleep_ms(10, late);
	(void)kill(-pid, SIGKILL);
}

/* --- run ------------------------------------------------------------------*/

struct proc_stream {
	int fd; /* -1: ended, or not wanted */
	struct buf *to;
};

struct proc {
	struct proc_opts o;
	struct proc_stream s[2];
	pid_t pid;
	int pidfd; /* -1: the kernel has none */
};

static void
stream_end(struct proc_stream *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = -1;
}

/* Take what is there; bytes above max are read and dropped, so that a talker
 * does not block. */
static void
stream_take(struct proc_stream *s, size_t max)
{
	char data[4096];
	ssize_t n;

	while (s->fd != -1) {
		n = read(s->fd, data, sizeof(data));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			stream_end(s);
			return;
		}
		if (s->to->len < max)
			buf_add(
			    s->to, data, MIN_OF((size_t)n, max - s->to->len));
	}
}

/* A pipe whose read end is ours, non-blocking; *child: the other end. */
static int
stream_open(struct proc_stream *s, struct buf *to, int *child, struct err *e)
{
	int p[2];

	s->to = to;
	if (to == NULL)
		return 0;
	if (pipe2(p, O_CLOEXEC) == -1)
		return err_set_errno(e, ERR_PROC, "could not create pipe");
	s->fd = p[0];
	*child = p[1];
	if (fcntl(p[0], F_SETFL, O_NONBLOCK) == -1)
		return err_set_errno(e, ERR_PROC, "fcntl");
	return 0;
}

/* Until the child has ended, or a reason to end it. */
static int
collect(struct proc *p, int *status, struct err *e)
{
	const struct proc_opts *o = &p->o;
	int64_t deadline = o->deadline == 0 ? DEADLINE_NEVER : o->deadline;
	size_t max = o->max_out != 0 ? o->max_out : KEEP_DEFAULT;
	int64_t pause = 1, until;
	struct pollfd fds[3];
	int ended, rc;

	for (;;) {
		ended = proc_wait(p->pid, clock_ms(), status);
		stream_take(&p->s[0], max);
		stream_take(&p->s[1], max);
		if (ended)
			return 0;
		if (deadline_passed(deadline))
			return err_set(e, ERR_TIMEOUT,
			    "\"%s\" did not end in time", o->argv[0]);
		for (int i = 0; i < 2; i++)
			fds[i] =
			    (struct pollfd){.fd = p->s[i].fd, .events = POLLIN};
		fds[2] = (struct pollfd){.fd = p->pidfd, .events = POLLIN};
		until = p->pidfd != -1 ? deadline
				       : MIN_OF(deadline, clock_ms() + pause);
		rc = wait_poll(fds, NELEM(fds), until, o->sigfd, e);
		if (rc == -1)
			return -1;
		pause = rc > 0 ? 1 : MIN_OF(pause * 2, POLL_MS);
	}
}

static void
end_all(struct proc *p)
{
	int saved = errno;

	stream_end(&p->s[0]);
	stream_end(&p->s[1]);
	if (p->pidfd != -1)
		(void)close(p->pidfd);
	p->pidfd = -1;
	errno = saved;
}

static int
begin(struct proc *p, const struct proc_opts *o, struct err *e)
{
	int fds[3] = {-1, -1, -1}, rc = -1, saved;

	*p = (struct proc){
	    .o = *o, .s = {{.fd = -1}, {.fd = -1}}, .pid = -1, .pidfd = -1};
	if (stream_open(&p->s[0], o->out, &fds[1], e) == -1)
		goto out;
	if (o->err != NULL && o->err == o->out)
		fds[2] = fds[1];
	else if (stream_open(&p->s[1], o->err, &fds[2], e) == -1)
		goto out;
	rc = proc_spawn(o->argv, o->env, fds,
	    o->new_session || o->whole ? PROC_SESSION : 0, &p->pid, e);
	if (rc == 0)
		p->pidfd = open_pidfd(p->pid);
out:
	saved = errno;
	if (fds[2] != -1 && fds[2] != fds[1])
		(void)close(fds[2]);
	if (fds[1] != -1)
		(void)close(fds[1]);
	if (rc == -1)
		end_all(p);
	errno = saved;
	return rc;
}

static void
end_child(struct proc *p)
{
	if (p->o.whole)
		kill_group(p->pid);
	else
		(void)proc_kill(p->pid, deadline_in(TERM_MS));
}

int
proc_run(const struct proc_opts *o, int *status, struct err *e)
{
	struct proc p;
	int rc;

	if (begin(&p, o, e) == -1)
		return -1;
	if ((rc = collect(&p, status, e)) == -1)
		end_child(&p);
	end_all(&p);
	return rc;
}
