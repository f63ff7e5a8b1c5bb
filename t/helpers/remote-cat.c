/*
 * Test program: start a command on another host as the tools do (io/remote.h)
 * and relay stdin and stdout, like ssh.  Errors go to stderr as cli.md shows
 * them; the exit status is the error's, or that of the remote command.
 *
 * remote-cat [-k auto|libssh2|openssh] [-u user] [-p port] [-i identity]
 *     [-K known_hosts] [-F fingerprint] [-C ssh-command] [-t connect-ms]
 *     [-w close-ms] [-x] host command
 * -x: stop after the first bytes of stdout and close (the rest is not read).
 */
#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sig.h"
#include "io/remote.h"

#include <poll.h>

struct relay {
	struct transport *t;
	char data[65536]; /* from stdin, not yet written */
	size_t pos, len;
	bool in_eof;
	bool first_only;
	bool got_any;
};

static void
note(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "remote-cat: note: %s\n", text);
}

static void
print_err(const struct err *e)
{
	fprintf(
	    stderr, "remote-cat: error: %s [%s]\n", e->text, err_name(e->code));
	if (e->detail[0] != '\0')
		fprintf(stderr, "remote-cat: detail: %s\n", e->detail);
	if (e->hint[0] != '\0')
		fprintf(stderr, "remote-cat: hint: %s\n", e->hint);
}

static int
put_stdout(const char *p, size_t n)
{
	ssize_t k;

	while (n > 0) {
		if ((k = write(1, p, n)) <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* 1: end of stream. */
static int
take_output(struct relay *r, struct err *e)
{
	char data[65536];
	ssize_t n;

	while ((n = transport_read(r->t, data, sizeof(data), e)) > 0) {
		r->got_any = true;
		if (put_stdout(data, (size_t)n) == -1)
			return err_set_errno(e, ERR_IO, "stdout");
		if (r->first_only)
			return 1;
	}
	return n == 0 ? 1 : n == -1 ? -1 : 0;
}

static int
give_input(struct relay *r, struct err *e)
{
	ssize_t n;

	while (r->pos < r->len) {
		n = transport_write(r->t, r->data + r->pos, r->len - r->pos, e);
		if (n < 0)
			return n == -1 ? -1 : 0;
		r->pos += (size_t)n;
	}
	return 0;
}

static void
read_stdin(struct relay *r)
{
	ssize_t n = read(0, r->data, sizeof(r->data));

	r->pos = 0;
	r->len = n > 0 ? (size_t)n : 0;
	if (n <= 0) {
		r->in_eof = true;
		r->t->ops->shutdown(r->t);
	}
}

static int
relay(struct relay *r, struct err *e)
{
	struct pollfd fds[TRANSPORT_MAXPOLL + 2];
	bool pending;
	int rc, n;

	for (;;) {
		if (give_input(r, e) == -1)
			return -1;
		if ((rc = take_output(r, e)) != 0)
			return rc == 1 ? 0 : -1;
		n = r->t->ops->pollfds(r->t, r->pos < r->len, fds);
		fds[n] = (struct pollfd){.fd = sig_fd(), .events = POLLIN};
		fds[n + 1] =
		    (struct pollfd){.fd = r->in_eof || r->pos < r->len ? -1 : 0,
			.events = POLLIN};
		pending =
		    r->t->ops->pending != NULL && r->t->ops->pending(r->t);
		(void)poll(fds, (nfds_t)n + 2, pending ? 0 : -1);
		if (sig_check(e) == -1)
			return -1;
		if (fds[n + 1].revents != 0)
			read_stdin(r);
	}
}

static enum remote_kind
kind_of(const char *s)
{
	if (strcmp(s, "libssh2") == 0)
		return REMOTE_LIBSSH2;
	return strcmp(s, "openssh") == 0 ? REMOTE_OPENSSH : REMOTE_AUTO;
}

int
main(int argc, char **argv)
{
	struct remote_opts o = {.note = note};
	struct transport_exit x = {.known = false};
	struct relay r = {.t = NULL};
	struct err e = ERR_INIT;
	int64_t close_ms = 5000, start;
	int c;

	while ((c = getopt(argc, argv, "k:u:p:i:K:F:C:t:w:xv")) != -1)
		switch (c) {
		case 'k':
			o.kind = kind_of(optarg);
			break;
		case 'u':
			o.user = optarg;
			break;
		case 'p':
			o.port = (unsigned)atoi(optarg);
			break;
		case 'i':
			o.identity = optarg;
			break;
		case 'K':
			o.known_hosts = optarg;
			break;
		case 'F':
			o.fingerprint = optarg;
			break;
		case 'C':
			o.ssh_command = optarg;
			break;
		case 't':
			o.connect_ms = atoi(optarg);
			break;
		case 'w':
			close_ms = atoi(optarg);
			break;
		case 'x':
			r.first_only = true;
			break;
		case 'v':
			log_init("remote-cat", LVL_DEBUG);
			break;
		default:
			return STATUS_USAGE;
		}
	if (argc - optind != 2)
		return STATUS_USAGE;
	o.host = argv[optind];
	if (sig_init(&e) == 0 &&
	    remote_start(&r.t, &o, argv[optind + 1], sig_fd(), &e) == 0 &&
	    relay(&r, &e) == 0 && !r.got_any) {
		transport_explain(r.t, &x, &e);
		/* A command that is silent by nature is no failure here. */
		if (x.known && x.status == 0 && x.signal[0] == '\0')
			err_clear(&e);
	}
	if (r.t != NULL) {
		fprintf(
		    stderr, "remote-cat: stderr kept %zu\n", r.t->err_text.len);
		if (r.t->err_text.len < 2000)
			fprintf(stderr, "%s", buf_str(&r.t->err_text));
	}
	start = clock_ms();
	transport_close(r.t, deadline_in(close_ms), &x);
	if (clock_ms() - start > close_ms + 2000)
		fprintf(stderr, "remote-cat: close took too long\n");
	if (err_is_set(&e)) {
		print_err(&e);
		return e.status;
	}
	fprintf(stderr, "remote-cat: exit known=%d status=%d signal=%s\n",
	    x.known, x.status, x.signal);
	return x.known && x.signal[0] == '\0' ? x.status : 99;
}
