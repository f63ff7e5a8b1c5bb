#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "io/knownhosts.h"
#include "io/proc.h"
#include "io/remote.h"
#include "io/sshalgo.h"
#include "io/sshcmd.h"
#include "io/sshconf.h"
#include "io/sshscan.h"

#include <poll.h>
#include <signal.h>

#define EXPLAIN_MS 2000
#define DRAIN_MAX ((size_t)8 * 1024 * 1024)

struct sshcmd {
	struct transport t;
	pid_t pid; /* -1: reaped */
	int status;
	int in, out, err; /* our ends; -1 closed */
	int known;        /* memory file with the pinned key, or -1 */
	char *hostname;
	char *keyscan;
	char *by_hand; /* the login, as a person would try it */
	unsigned port;
};

/* --- host keys ----------------------------------------------------------*/

static int
pin(struct sshcmd *s, const struct sshconf *c, const char *fingerprint,
    int64_t deadline, int sigfd, struct err *e)
{
	char word[SHELL_WORD];
	const struct knownhosts_entry *key;
	struct knownhosts k = {.v = NULL};
	struct buf prints = BUF_INIT;
	int rc = -1;

	if (c->proxy != NULL) {
		(void)err_set(e, ERR_SSH_HOSTKEY,
		    "--host-fingerprint does not reach through %s", c->proxy);
		(void)err_hint(e,
		    "Add the key of %s to known_hosts instead:"
		    " log in once with ssh.",
		    c->host);
		goto out;
	}
	if (sshscan(&k, s->keyscan, c->hostname, c->port, deadline, sigfd, e) ==
	    -1)
		goto out;
	if ((key = sshscan_find(&k, fingerprint)) != NULL) {
		if (sshscan_revoked(c, key, e) == 0 &&
		    (s->known = sshscan_pinned(key, e)) != -1)
			rc = 0;
		goto out;
	}
	if (k.n == 0) {
		(void)err_set(e, ERR_SSH_CONNECT,
		    "could not fetch the host keys of %s", c->who);
		(void)err_hint(e, "Try: ssh-keyscan -p %u %s", c->port,
		    shell_word(c->hostname, word));
		goto out;
	}
	sshscan_prints(&prints, &k);
	(void)err_set(e, ERR_SSH_HOSTKEY,
	    "host key of %s does not have the fingerprint given", c->who);
	(void)err_detail(
	    e, "Wanted %s; the server has %s.", fingerprint, buf_str(&prints));
out:
	buf_free(&prints);
	knownhosts_free(&k);
	return rc;
}

/* --- argv -----------------------------------------------------------------*/

struct args {
	struct sshconf_list l;
	bool failed;
};

static void
add(struct args *a, const char *s)
{
	if (sshconf_add(&a->l, s) == -1)
		a->failed = true;
}

static void PRINTFLIKE(2, 3) option(struct args *a, const char *fmt, ...)
{
	char text[PATH_MAX + 64];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) >= (int)sizeof(text))
		a->failed = true;
	va_end(ap);
	add(a, "-o");
	add(a, text);
}

/* A file name as ssh's option parser reads it. */
static void
file_option(struct args *a, const char *name, const char *path)
{
	struct buf b = BUF_INIT;

	for (; *path != '\0'; path++) {
		if (*path == '%')
			buf_addc(&b, '%');
		else if (*path == '"' || *path == '\\')
			buf_addc(&b, '\\');
		buf_addc(&b, *path);
	}
	if (!buf_ok(&b))
		a->failed = true;
	option(a, "%s=\"%s\"", name, buf_str(&b));
	buf_free(&b);
}

static void
host_key_options(
    struct args *a, const struct sshcmd *s, const struct remote_opts *o)
{
	option(a, "StrictHostKeyChecking=yes");
	if (s->known != -1) {
		option(a, "UserKnownHostsFile=/proc/%ld/fd/%d", (long)getpid(),
		    s->known);
		option(a, "GlobalKnownHostsFile=/dev/null");
		option(a, "HostKeyAlias=" SSHSCAN_PINNED);
		option(a, "CheckHostIP=no");
		option(a, "UpdateHostKeys=no");
	} else if (o->known_hosts != NULL) {
		file_option(a, "UserKnownHostsFile", o->known_hosts);
		option(a, "GlobalKnownHostsFile=/dev/null");
	}
}

/* A byte through ssh and sshd costs both ends half as much by AES-GCM as by
 * ChaCha20, which OpenSSH asks for first. */
static void
cipher_option(struct args *a, const struct sshconf *c)
{
	char *fast = NULL;

	if (c->ciphers == NULL || !sshalgo_cpu_has_aes())
		return;
	if (sshalgo_aes_first(c->ciphers, &fast) == -1)
		a->failed = true;
	if (fast != NULL)
		option(a, "Ciphers=%s", fast);
	free(fast);
}

static int
build_args(struct args *a, const struct sshcmd *s, const struct sshconf *c,
    const struct remote_opts *o, const char *command, int64_t deadline)
{
	int ms = deadline_poll_ms(deadline);
	char port[16];

	for (size_t i = 0; i < c->command.n; i++)
		add(a, c->command.v[i]);
	/* Older ssh must not stop at an option it does not know. */
	option(a, "IgnoreUnknown=UpdateHostKeys,RemoteCommand");
	option(a, "BatchMode=yes");
	option(a, "ConnectTimeout=%d", ms < 0 ? 10 : ms / 1000 + 1);
	option(a, "ServerAliveInterval=15");
	option(a, "ServerAliveCountMax=3");
	option(a, "ClearAllForwardings=yes");
	option(a, "ForwardAgent=no");
	option(a, "ForwardX11=no");
	option(a, "RequestTTY=no");
	option(a, "RemoteCommand=none");
	option(a, "PermitLocalCommand=no");
	option(a, "ControlMaster=no");
	option(a, "LogLevel=ERROR");
	cipher_option(a, c);
	host_key_options(a, s, o);
	add(a, "-T");
	if (o->port != 0) {
		(void)snprintf(port, sizeof(port), "%u", o->port);
		add(a, "-p");
		add(a, port);
	}
	if (o->user != NULL) {
		add(a, "-l");
		add(a, o->user);
	}
	if (o->identity != NULL) {
		option(a, "IdentitiesOnly=yes");
		file_option(a, "IdentityFile", o->identity);
	}
	add(a, "--");
	add(a, c->host);
	add(a, command);
	return a->failed ? -1 : 0;
}

static char *
by_hand(const struct sshconf *c, const struct remote_opts *o)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < c->command.n; i++) {
		shell_add_word(&b, c->command.v[i]);
		buf_adds(&b, " ");
	}
	buf_adds(&b, "-v -o BatchMode=yes ");
	if (o->port != 0)
		buf_addf(&b, "-p %u ", o->port);
	if (o->user != NULL) {
		buf_adds(&b, "-l ");
		shell_add_word(&b, o->user);
		buf_adds(&b, " ");
	}
	if (o->identity != NULL) {
		buf_adds(&b, "-o IdentitiesOnly=yes -i ");
		shell_add_word(&b, o->identity);
		buf_adds(&b, " ");
	}
	shell_add_word(&b, c->host);
	return buf_steal(&b);
}

/* --- stream ---------------------------------------------------------------*/

static void
end_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static ssize_t
read_fd(int fd, void *to, size_t n)
{
	ssize_t got;

	do
		got = read(fd, to, n);
	while (got == -1 && errno == EINTR);
	return got;
}

static void
take_stderr(struct sshcmd *s)
{
	char data[8192];
	ssize_t n;

	/* A bounded turn: the caller comes again. */
	for (int i = 0; s->err != -1 && i < 64; i++) {
		n = read_fd(s->err, data, sizeof(data));
		if (n > 0)
			transport_keep_stderr(&s->t, data, (size_t)n);
		else if (n == 0 || errno != EAGAIN)
			end_fd(&s->err);
		else
			break;
	}
}

static ssize_t
sshcmd_read(struct transport *t, void *to, size_t n, struct err *e)
{
	struct sshcmd *s = (struct sshcmd *)t;
	ssize_t got;

	take_stderr(s);
	if (s->out == -1)
		return 0;
	got = read_fd(s->out, to, n);
	if (got > 0)
		t->bytes_in += (uint64_t)got;
	if (got >= 0)
		return got;
	if (errno == EAGAIN)
		return TRANSPORT_AGAIN;
	return err_set_errno(
	    e, ERR_TRANSFER, "connection to %s broke while receiving", t->name);
}

static ssize_t
sshcmd_write(struct transport *t, const void *from, size_t n, struct err *e)
{
	struct sshcmd *s = (struct sshcmd *)t;
	ssize_t put;

	if (s->in == -1)
		return err_set(
		    e, ERR_INTERNAL, "write to %s after shutdown", t->name);
	do
		put = write(s->in, from, n);
	while (put == -1 && errno == EINTR);
	if (put > 0)
		t->bytes_out += (uint64_t)put;
	if (put >= 0)
		return put;
	if (errno == EAGAIN)
		return TRANSPORT_AGAIN;
	return err_set_errno(
	    e, ERR_TRANSFER, "connection to %s broke while sending", t->name);
}

static int
sshcmd_pollfds(struct transport *t, bool want_write, struct pollfd *fds)
{
	struct sshcmd *s = (struct sshcmd *)t;
	int n = 0;

	if (s->out != -1)
		fds[n++] = (struct pollfd){.fd = s->out, .events = POLLIN};
	if (s->err != -1)
		fds[n++] = (struct pollfd){.fd = s->err, .events = POLLIN};
	if (want_write && s->in != -1)
		fds[n++] = (struct pollfd){.fd = s->in, .events = POLLOUT};
	return n;
}

static void
sshcmd_shutdown(struct transport *t)
{
	end_fd(&((struct sshcmd *)t)->in);
}

/* --- end ------------------------------------------------------------------*/

/* Read both streams to their end, within reason and the deadline.  What a
 * background process of ssh holds open is not waited for. */
static void
drain(struct sshcmd *s, int64_t deadline)
{
	struct pollfd fds[TRANSPORT_MAXPOLL];
	char data[8192];
	size_t total = 0;
	ssize_t n;
	int k;

	while (s->pid != -1 && total < DRAIN_MAX) {
		n = sshcmd_read(&s->t, data, sizeof(data), NULL);
		if (n == 0)
			end_fd(&s->out);
		if (n > 0) {
			total += (size_t)n;
			continue;
		}
		if (proc_wait(s->pid, clock_ms(), &s->status) == 1) {
			s->pid = -1;
			break;
		}
		if (deadline_passed(deadline))
			return;
		k = sshcmd_pollfds(&s->t, false, fds);
		(void)poll(fds, (nfds_t)k,
		    k == 0 ? 5 : MIN_OF(50, deadline_poll_ms(deadline)));
	}
	take_stderr(s);
}

/* A status above 128 is ssh's own death here (proc.h), but also what a shell
 * on the other host says of a program that was killed: the same for us. */
static void
fill_exit(const struct sshcmd *s, struct transport_exit *x)
{
	static const struct {
		int signo;
		const char *name;
	} names[] = {{SIGHUP, "HUP"}, {SIGINT, "INT"}, {SIGABRT, "ABRT"},
	    {SIGKILL, "KILL"}, {SIGSEGV, "SEGV"}, {SIGPIPE, "PIPE"},
	    {SIGTERM, "TERM"}};

	x->known = s->pid == -1;
	x->status = s->status;
	for (size_t i = 0; x->known && i < NELEM(names); i++)
		if (s->status == 128 + names[i].signo)
			(void)snprintf(
			    x->signal, sizeof(x->signal), "%s", names[i].name);
}

static void
sshcmd_free(struct sshcmd *s)
{
	end_fd(&s->in);
	end_fd(&s->out);
	end_fd(&s->err);
	end_fd(&s->known);
	free(s->hostname);
	free(s->keyscan);
	free(s->by_hand);
	transport_fini(&s->t);
	free(s);
}

static void
sshcmd_close(struct transport *t, int64_t deadline, struct transport_exit *x)
{
	struct sshcmd *s = (struct sshcmd *)t;

	end_fd(&s->in);
	if (s->pid != -1)
		drain(s, deadline);
	if (s->pid != -1) {
		(void)proc_kill(s->pid, deadline);
		s->status = 255; /* ours, not the program's */
	} else {
		fill_exit(s, x);
	}
	sshcmd_free(s);
}

/*
 * ssh has no other way to tell what failed than its words (and 255).  Best
 * effort; the words themselves are always shown.
 */
static const struct {
	const char *text;
	enum err_code code;
	const char *what;
} words[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", ERR_SSH_HOSTKEY,
	"host key of %s is not the one in known_hosts"},
    {"REVOKED HOST KEY", ERR_SSH_HOSTKEY, "host key of %s is revoked"},
    {"marked as revoked", ERR_SSH_HOSTKEY, "host key of %s is revoked"},
    {"host key is known for", ERR_SSH_HOSTKEY, "host key of %s is not known"},
    {"Host key verification failed", ERR_SSH_HOSTKEY,
	"host key of %s was not admitted"},
    {"Permission denied (", ERR_SSH_AUTH, "ssh authentication to %s failed"},
    {"Too many authentication failures", ERR_SSH_AUTH,
	"ssh authentication to %s failed"},
    {"No supported authentication methods", ERR_SSH_AUTH,
	"ssh authentication to %s failed"},
    {"timed out", ERR_TIMEOUT, "ssh connection to %s timed out"},
    {"not responding", ERR_TIMEOUT, "ssh connection to %s timed out"},
    {"Could not resolve", ERR_SSH_CONNECT, "could not connect to %s"},
    {"Connection refused", ERR_SSH_CONNECT, "could not connect to %s"},
    {"No route to host", ERR_SSH_CONNECT, "could not connect to %s"},
    {"unreachable", ERR_SSH_CONNECT, "could not connect to %s"},
    {"Unable to negotiate", ERR_SSH_CONNECT, "could not connect to %s"},
    {"kex_exchange_identification", ERR_SSH_CONNECT, "could not connect to %s"},
    {"Connection closed", ERR_SSH_CONNECT, "could not connect to %s"},
    {"Connection reset", ERR_SSH_CONNECT, "could not connect to %s"},
};

static void
set_by_words(const struct sshcmd *s, struct err *e)
{
	const char *text = buf_str(&s->t.err_text);

	for (size_t i = 0; i < NELEM(words); i++) {
		char what[512];
		const char *at = strstr(words[i].what, "%s");

		if (strstr(text, words[i].text) == NULL)
			continue;
		(void)snprintf(what, sizeof(what), "%.*s%s%s",
		    (int)(at - words[i].what), words[i].what, s->t.name,
		    at + 2);
		(void)err_set(e, words[i].code, "%s", what);
		return;
	}
	(void)err_set(e, ERR_SSH, "ssh to %s failed", s->t.name);
}

/* For an unknown host: ssh does not show what key it saw. */
static void
hint_host_key(const struct sshcmd *s, struct err *e)
{
	char word[SHELL_WORD];
	struct knownhosts k = {.v = NULL};
	struct buf prints = BUF_INIT;

	if (sshscan(&k, s->keyscan, s->hostname, s->port,
		deadline_in(SSHSCAN_MS), -1, NULL) == 0)
		sshscan_prints(&prints, &k);
	if (prints.len > 0)
		(void)err_detail(
		    e, "Fingerprints of the host: %s.", buf_str(&prints));
	(void)err_hint(e,
	    "Compare the fingerprint on that host, then use"
	    " --host-fingerprint=SHA256:... with each run, or, for all runs,"
	    " add the host to known_hosts (ssh-keyscan -p %u %s)",
	    s->port, shell_word(s->hostname, word));
	buf_free(&prints);
	knownhosts_free(&k);
}

static void
sshcmd_explain(struct transport *t, struct transport_exit *x, struct err *e)
{
	struct sshcmd *s = (struct sshcmd *)t;

	drain(s, deadline_in(EXPLAIN_MS));
	fill_exit(s, x);
	if (!x->known)
		return;
	if (s->status == 255)
		set_by_words(s, e);
	else if (s->status == 126 || s->status == 127)
		(void)err_set(
		    e, ERR_AGENT, "could not run the agent on %s", t->name);
	if (e != NULL && e->code == ERR_SSH_HOSTKEY)
		hint_host_key(s, e);
	else if (e != NULL && e->code == ERR_SSH_AUTH) {
		(void)err_hint(e, "See what ssh tries:");
		(void)err_command(e, "%s", s->by_hand);
	}
}

static const struct transport_ops sshcmd_ops = {.read = sshcmd_read,
    .write = sshcmd_write,
    .pollfds = sshcmd_pollfds,
    .shutdown = sshcmd_shutdown,
    .close = sshcmd_close,
    .explain = sshcmd_explain};

/* --- start ----------------------------------------------------------------*/

/* A pipe; *mine is the end of ours, non-blocking. */
static int
open_pipe(int *mine, int *child, bool we_write, struct err *e)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return err_set_errno(e, ERR_SSH, "could not create pipe");
	*mine = p[we_write];
	*child = p[!we_write];
	(void)fcntl(*mine, F_SETPIPE_SZ, TRANSPORT_PIPE);
	if (fcntl(*mine, F_SETFL, O_NONBLOCK) == -1)
		return err_set_errno(e, ERR_SSH, "fcntl");
	return 0;
}

static int
run_ssh(struct sshcmd *s, const struct args *a, struct err *e)
{
	int fds[3] = {-1, -1, -1}, rc = -1, saved;

	if (open_pipe(&s->in, &fds[0], true, e) == 0 &&
	    open_pipe(&s->out, &fds[1], false, e) == 0 &&
	    open_pipe(&s->err, &fds[2], false, e) == 0)
		/* A session of its own: no terminal to ask on, and Ctrl-C
		 * reaches us alone, who end it in order.  Where we are killed
		 * it would go on until it is connected. */
		rc = proc_spawn((const char *const *)a->l.v, NULL, fds,
		    PROC_SESSION | PROC_WITH_US, &s->pid, e);
	saved = errno;
	for (int i = 0; i < 3; i++)
		end_fd(&fds[i]);
	errno = saved;
	return rc;
}

int
sshcmd_start(struct transport **t, const struct sshconf *c,
    const struct remote_opts *o, const char *command, int64_t deadline,
    int sigfd, struct err *e)
{
	struct sshcmd *s = calloc(1, sizeof(*s));
	struct args a = {.failed = false};
	int rc = -1, saved;

	if (s == NULL)
		return err_set_nomem(e);
	s->pid = -1;
	s->in = s->out = s->err = s->known = -1;
	s->port = c->port;
	s->hostname = strdup(c->hostname);
	s->keyscan = sshscan_program(c);
	s->by_hand = by_hand(c, o);
	if (transport_init(&s->t, &sshcmd_ops, c->who, e) == -1 ||
	    s->hostname == NULL || s->keyscan == NULL || s->by_hand == NULL)
		(void)err_set_nomem(e);
	else if (o->fingerprint == NULL ||
		 pin(s, c, o->fingerprint, deadline, sigfd, e) == 0)
		rc = build_args(&a, s, c, o, command, deadline) == -1
			 ? err_set_nomem(e)
			 : run_ssh(s, &a, e);
	saved = errno;
	sshconf_list_free(&a.l);
	if (rc == 0)
		*t = &s->t;
	else
		sshcmd_free(s);
	errno = saved;
	return rc;
}
