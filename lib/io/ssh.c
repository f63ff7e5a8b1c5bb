#include "base/std.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/sig.h"
#include "io/dial.h"
#include "io/knownhosts.h"
#include "io/ssh.h"
#include "io/sshalgo.h"
#include "io/sshconf.h"
#include "io/sshhash.h"
#include "io/sshint.h"
#include "io/wait.h"

#include <poll.h>
#include <sys/socket.h>

/* Bytes before login: the KEX of a large server is 10 kB. */
#define LOGIN_BUDGET ((size_t)512 * 1024)
#define HEAD_MAX ((size_t)32 * 1024)
#define FIRST_WORDS ((size_t)100)
/* What may be under way is all that comes in a round trip: of 50 ms 55 MB/s (30
 * with the usual 2 MiB).  More costs where the line is short, as libssh2 looks
 * through its queue for each read: 8 MiB a seventh, 64 MiB a half. */
#define WINDOW (4U * 1024 * 1024)
#define PACKET (32U * 1024)

/* --- callbacks ------------------------------------------------------------*/

/* 0, or a negative errno that ends the libssh2 call.  libssh2 loops as long as
 * data comes, so these are the only places that a flood or a drip passes. */
static ssize_t
may_go_on(struct ssh *s)
{
	if (s->sigfd != -1 && sig_caught() != 0)
		s->stopped = true;
	if (deadline_passed(s->deadline))
		s->late = true;
	if (s->stopped || s->late || s->flooded)
		return -ETIMEDOUT;
	return 0;
}

static ssize_t
on_recv(libssh2_socket_t fd, void *to, size_t n, int flags, void **abstract)
{
	struct ssh *s = *abstract;
	ssize_t got = may_go_on(s);

	if (got != 0)
		return got;
	if (s->turn == 0)
		return -EAGAIN;
	n = MIN_OF(n, s->turn);
	got = recv(fd, to, n, flags);
	if (got == -1)
		return errno == EINTR ? -EAGAIN : -errno;
	s->turn -= (size_t)got;
	if (s->logged_in)
		return got;
	if ((size_t)got > s->budget) {
		s->flooded = true;
		return -ETIMEDOUT;
	}
	s->budget -= (size_t)got;
	if (s->head.len < HEAD_MAX)
		buf_add(
		    &s->head, to, MIN_OF((size_t)got, HEAD_MAX - s->head.len));
	return got;
}

static ssize_t
on_send(
    libssh2_socket_t fd, const void *from, size_t n, int flags, void **abstract)
{
	struct ssh *s = *abstract;
	ssize_t put = may_go_on(s);

	if (put != 0)
		return put;
	put = send(fd, from, n, flags | MSG_NOSIGNAL);
	if (put == -1)
		return errno == EINTR ? -EAGAIN : -errno;
	return put;
}

static void
set_callbacks(LIBSSH2_SESSION *session)
{
#if LIBSSH2_VERSION_NUM >= 0x010b01
	(void)libssh2_session_callback_set2(
	    session, LIBSSH2_CALLBACK_RECV, (libssh2_cb_generic *)on_recv);
	(void)libssh2_session_callback_set2(
	    session, LIBSSH2_CALLBACK_SEND, (libssh2_cb_generic *)on_send);
#else
	union {
		LIBSSH2_RECV_FUNC((*recv));
		void *p;
	} in = {.recv = on_recv};
	union {
		LIBSSH2_SEND_FUNC((*send));
		void *p;
	} out = {.send = on_send};

	(void)libssh2_session_callback_set(
	    session, LIBSSH2_CALLBACK_RECV, in.p);
	(void)libssh2_session_callback_set(
	    session, LIBSSH2_CALLBACK_SEND, out.p);
#endif
}

/* --- waiting --------------------------------------------------------------*/

const char *
ssh_error(struct ssh *s)
{
	char *text = NULL;

	(void)libssh2_session_last_error(s->session, &text, NULL, 0);
	return text != NULL && *text != '\0' ? text : "no reason given";
}

bool
ssh_rsa_is_weak(void)
{
	return libssh2_version(0x010b00) == NULL;
}

/* Turn what the callbacks saw into an error; 0: nothing. */
static int
callback_error(struct ssh *s, const char *doing, struct err *e)
{
	if (s->stopped && sig_check(e) == -1)
		return -1;
	if (s->late)
		return err_set(e, ERR_TIMEOUT,
		    "ssh connection to %s timed out while %s", s->t.name,
		    doing);
	if (s->flooded)
		return err_set(e, ERR_SSH_CONNECT,
		    "%s sent more than %zu kB before login", s->t.name,
		    LOGIN_BUDGET / 1024);
	return 0;
}

/* The poll events that libssh2 waits for. */
static short
events_of(struct ssh *s)
{
	int dir = libssh2_session_block_directions(s->session);
	short events = POLLIN;

	if ((dir & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0)
		events |= POLLOUT;
	return events;
}

int
ssh_drive(struct ssh *s, int (*step)(struct ssh *s, void *arg), void *arg,
    const char *doing, struct err *e)
{
	struct pollfd p = {.fd = s->fd};
	int rc;

	for (;;) {
		s->turn = SSH_TURN;
		rc = step(s, arg);
		if (rc < 0 && callback_error(s, doing, e) == -1)
			return SSH_GIVEN_UP;
		if (rc != LIBSSH2_ERROR_EAGAIN)
			return rc;
		p.events = events_of(s);
		rc = wait_poll(&p, 1, s->deadline, s->sigfd, e);
		if (rc == -1)
			return SSH_GIVEN_UP;
		if (rc == 0)
			s->late = true;
	}
}

/* --- handshake ------------------------------------------------------------*/

/* The kinds of SSHALGO and of LIBSSH2_METHOD have the same order. */
_Static_assert((int)SSHALGO_KEX == LIBSSH2_METHOD_KEX &&
		   (int)SSHALGO_HOSTKEY == LIBSSH2_METHOD_HOSTKEY &&
		   (int)SSHALGO_CRYPT_CS == LIBSSH2_METHOD_CRYPT_CS &&
		   (int)SSHALGO_MAC_SC == LIBSSH2_METHOD_MAC_SC,
    "order of method types");

/* Those of the names that this libssh2 knows. */
static void
usable(struct ssh *s, int kind, const char *names, struct buf *to)
{
	const char **v = NULL;
	int n = libssh2_session_supported_algs(s->session, kind, &v);

	if (n > 0)
		sshalgo_filter(to, names, v, (size_t)n);
	if (v != NULL)
		libssh2_free(s->session, v);
}

static int
set_algorithms(
    struct ssh *s, const struct knownhosts *k, const char *only, struct err *e)
{
	struct buf keys = BUF_INIT, names = BUF_INIT;
	int rc = 0;

	sshalgo_hostkeys(&keys, k, only);
	for (int i = 0; i < SSHALGO_KINDS && rc == 0; i++) {
		buf_reset(&names);
		usable(s, i,
		    i == SSHALGO_HOSTKEY ? buf_str(&keys)
					 : sshalgo_ours((enum sshalgo_kind)i),
		    &names);
		rc = !buf_ok(&names) || names.len == 0
			 ? -1
			 : libssh2_session_method_pref(
			       s->session, i, buf_str(&names));
		if (rc != 0)
			rc = err_set(e, ERR_SSH,
			    "libssh2 %s has none of our %s algorithms",
			    libssh2_version(0),
			    sshalgo_word((enum sshalgo_kind)i));
	}
	buf_free(&keys);
	buf_free(&names);
	return rc;
}

static bool
said_version(const struct ssh *s)
{
	return s->head.len > 0 &&
	       memmem(s->head.data, s->head.len, "SSH-", 4) != NULL;
}

/* sshd tells so why it takes nobody: "Exceeded MaxStartups". */
static const char *
first_words(const struct ssh *s, char words[FIRST_WORDS])
{
	size_t n = 0;

	while (n < s->head.len && n < FIRST_WORDS - 1 &&
	       s->head.data[n] >= ' ' && s->head.data[n] < 0x7f) {
		words[n] = s->head.data[n];
		n++;
	}
	words[n] = '\0';
	return words;
}

/* The handshake failed: was there a list without a common name? */
static int
explain_handshake(struct ssh *s, struct buf *why, struct err *e)
{
	struct sshalgo_offer offer = {.version = ""};
	struct buf mine = BUF_INIT;
	char words[FIRST_WORDS];

	if (sshalgo_parse(&offer, buf_str(&s->head), s->head.len))
		for (int i = 0; i < SSHALGO_KINDS; i++) {
			buf_reset(&mine);
			usable(s, i, sshalgo_ours((enum sshalgo_kind)i), &mine);
			if (sshalgo_common(buf_str(&mine), offer.list[i]))
				continue;
			buf_reset(why);
			buf_addf(why,
			    "libssh2 %s can do none of the %s algorithms of"
			    " the server",
			    libssh2_version(0),
			    sshalgo_word((enum sshalgo_kind)i));
			(void)err_set(e, ERR_SSH_CONNECT,
			    "no common %s algorithm with %s",
			    sshalgo_word((enum sshalgo_kind)i), s->t.name);
			(void)err_detail(e,
			    "The server (%s) offers %s; libssh2 %s can do"
			    " %s.",
			    offer.version, offer.list[i], libssh2_version(0),
			    buf_str(&mine));
			(void)err_hint(e, "Use --transport=openssh.");
			break;
		}
	if (!err_is_set(e) && s->head.len == 0)
		(void)err_set(e, ERR_SSH_CONNECT,
		    "%s ended the connection before it said anything",
		    s->t.name);
	if (!err_is_set(e) && !said_version(s))
		(void)err_set(e, ERR_SSH_CONNECT,
		    "%s ended the connection before its greeting; it said "
		    "\"%s\"",
		    s->t.name, first_words(s, words));
	(void)err_set(e, ERR_SSH_CONNECT, "ssh handshake with %s failed: %s",
	    s->t.name, ssh_error(s));
	if (offer.version[0] != '\0')
		(void)err_detail(e, "The server is %s.", offer.version);
	sshalgo_offer_free(&offer);
	buf_free(&mine);
	return -1;
}

static int
step_handshake(struct ssh *s, void *arg)
{
	(void)arg;
	return libssh2_session_handshake(s->session, s->fd);
}

static int
open_session(struct ssh *s, const struct knownhosts *k, const char *only,
    struct buf *why, struct err *e)
{
	const struct sshconf *c = s->o->conf;
	int rc;

	s->budget = LOGIN_BUDGET;
	s->fd = dial(c->hostname, c->port, s->t.name, s->deadline, s->sigfd, e);
	if (s->fd == -1)
		return -1;
	if ((s->session = libssh2_session_init_ex(NULL, NULL, NULL, s)) == NULL)
		return err_set_nomem(e);
	libssh2_session_set_blocking(s->session, 0);
	set_callbacks(s->session);
	if (set_algorithms(s, k, only, e) == -1)
		return -1;
	rc = ssh_drive(s, step_handshake, NULL,
	    "the server's greeting and keys"
	    " were awaited",
	    e);
	if (rc == SSH_GIVEN_UP)
		return -1;
	return rc == 0 ? 0 : explain_handshake(s, why, e);
}

/* Bounded: the callbacks fail at once when the deadline is past. */
void
ssh_end(struct ssh *s, int64_t deadline)
{
	struct pollfd p = {.fd = s->fd};

	s->deadline = deadline;
	s->late = s->flooded = s->stopped = false;
	for (int i = 0; s->session != NULL && i < 1000; i++) {
		s->turn = SSH_TURN;
		if (i == 0)
			(void)libssh2_session_disconnect(s->session, "bye");
		if (libssh2_session_free(s->session) != LIBSSH2_ERROR_EAGAIN) {
			s->session = NULL;
			break;
		}
		p.events = events_of(s);
		if (wait_poll(&p, 1, s->deadline, -1, NULL) <= 0)
			s->late = true;
	}
	s->session = NULL;
	s->channel = NULL;
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = -1;
	buf_free(&s->head);
}

/* --- host key -------------------------------------------------------------*/

static int
load_known(struct ssh *s, struct knownhosts *k, struct err *e)
{
	const struct sshconf *c = s->o->conf;
	struct knownhosts_name name;
	char text[512];
	int rc;

	rc = knownhosts_name(&name, c->hostname, c->port, c->alias, e);
	for (size_t i = 0; i < c->known.n && rc == 0; i++)
		rc =
		    knownhosts_load(k, &name, c->known.v[i], c->known_given, e);
	knownhosts_name_free(&name);
	if (rc == 0 && k->bad_lines > 0 && s->o->note != NULL) {
		(void)snprintf(text, sizeof(text),
		    "%zu unusable line%s in known_hosts skipped: %s%s",
		    k->bad_lines, k->bad_lines > 1 ? "s" : "", buf_str(&k->bad),
		    k->bad_lines > 3 ? ", ..." : "");
		s->o->note(s->o->note_arg, text);
	}
	return rc;
}

static void
unknown_error(struct ssh *s, const char *type, const char *print, struct err *e)
{
	char host[SHELL_WORD], word[SHELL_WORD];
	const struct sshconf *c = s->o->conf;
	const char *file = c->known.n > 0 ? c->known.v[0] : "known_hosts";
	/* The user may not write the one of the system. */
	const char *to =
	    strncmp(file, "/etc/", 5) == 0 ? "~/.ssh/known_hosts" : file;

	(void)err_set(
	    e, ERR_SSH_HOSTKEY, "host key of %s is not known", s->t.name);
	(void)err_detail(e,
	    "Its %s key has the fingerprint %s; \"%s\" has no entry for the"
	    " host.",
	    type, print, file);
	(void)err_hint(e,
	    "Compare it on that host (ssh-keygen -lf"
	    " /etc/ssh/ssh_host_*_key.pub), then use --host-fingerprint=%s with"
	    " each run, or, for all runs: ssh-keyscan -p %u %s >> %s",
	    print, c->port, shell_word(c->hostname, host),
	    to == file ? shell_word(file, word) : to);
}

static void
mismatch_error(struct ssh *s, const char *type, const char *print,
    const struct knownhosts_entry *x, struct err *e)
{
	char known[SSHHASH_FINGERPRINT];

	sshhash_fingerprint(x->blob, x->len, known);
	(void)err_set(e, ERR_SSH_HOSTKEY,
	    "host key of %s is not the one in known_hosts", s->t.name);
	(void)err_detail(e,
	    "The server's %s key is %s; %s:%u has the %s key %s. Somebody may"
	    " be in between.",
	    type, print, x->file, x->line, x->type, known);
}

static void
hint_new_keys(struct ssh *s, const char *print,
    const struct knownhosts_entry *x, struct err *e)
{
	char host[SHELL_WORD], word[SHELL_WORD];
	const struct sshconf *c = s->o->conf;
	struct knownhosts_name name = {.name = NULL};

	if (knownhosts_name(&name, c->hostname, c->port, c->alias, NULL) == 0)
		(void)err_hint(e,
		    "If the host got new keys, compare the fingerprint on it,"
		    " then use --host-fingerprint=%s, or type: ssh-keygen -R"
		    " %s -f %s",
		    print, shell_quoted(name.name, host),
		    shell_quoted(x->file, word));
	knownhosts_name_free(&name);
}

/* Known is an RSA key alone, which old libssh2 cannot ask the server for: not
 * a contradiction, and the ssh program can. */
static void
explain_rsa(const struct knownhosts *k, const char *type, struct buf *why,
    struct err *e)
{
	if (!ssh_rsa_is_weak() || knownhosts_has(k, type) ||
	    !knownhosts_has(k, "ssh-rsa"))
		return;
	buf_addf(why,
	    "known_hosts has an RSA host key, which libssh2 %s cannot check",
	    libssh2_version(0));
	(void)err_hint(e,
	    "Use --transport=openssh: libssh2 %s cannot check RSA host keys.",
	    libssh2_version(0));
}

/* 0 admitted, 1 another fingerprint was asked for, -1 e. */
static int
check_host_key(struct ssh *s, const struct knownhosts *k,
    char print[SSHHASH_FINGERPRINT], struct buf *why, struct err *e)
{
	const struct knownhosts_entry *x = NULL;
	enum knownhosts_verdict v;
	char type[64] = "unknown";
	const char *blob;
	size_t len = 0;
	int kind;

	blob = libssh2_session_hostkey(s->session, &len, &kind);
	if (blob == NULL ||
	    !knownhosts_blob_type(blob, len, type, sizeof(type)))
		return err_set(
		    e, ERR_SSH_HOSTKEY, "%s has no host key", s->t.name);
	sshhash_fingerprint(blob, len, print);
	v = knownhosts_check(k, blob, len, &x);
	if (v == KNOWNHOSTS_REVOKED) {
		(void)err_set(
		    e, ERR_SSH_HOSTKEY, "host key of %s is revoked", s->t.name);
		return err_detail(
		    e, "%s:%u revokes %s %s.", x->file, x->line, type, print);
	}
	if (s->o->fingerprint != NULL)
		return strcmp(s->o->fingerprint, print) == 0 ? 0 : 1;
	if (v == KNOWNHOSTS_MISMATCH) {
		mismatch_error(s, type, print, x, e);
		explain_rsa(k, type, why, e);
		hint_new_keys(s, print, x, e);
	}
	if (v == KNOWNHOSTS_UNKNOWN)
		unknown_error(s, type, print, e);
	return v == KNOWNHOSTS_MATCH ? 0 : -1;
}

/*
 * A fingerprint does not say of which key type it is: where the first key is
 * another, ask the server for its keys of the other types in turn.
 */
static int
connect_checked(struct ssh *s, struct buf *why, struct err *e)
{
	static const char *const types[] = {NULL, "ssh-ed25519",
	    "ecdsa-sha2-nistp256", "ssh-rsa", "ecdsa-sha2-nistp384",
	    "ecdsa-sha2-nistp521"};
	char print[SSHHASH_FINGERPRINT] = "", seen[SSHHASH_FINGERPRINT] = "";
	struct knownhosts k = {.v = NULL};
	struct err mine = ERR_INIT;
	int rc = load_known(s, &k, e) == -1 ? -1 : 1;

	for (size_t i = 0; i < NELEM(types) && rc == 1; i++) {
		err_clear(&mine);
		rc = open_session(s, &k, types[i], why, &mine);
		if (rc == 0)
			rc = check_host_key(s, &k, print, why, &mine);
		else if (i > 0 && mine.code == ERR_SSH_CONNECT)
			rc = 1; /* no key of that type */
		else if (i > 0 && mine.code == ERR_SSH)
			rc = 1; /* this libssh2 does not know that type */
		if (rc == 1 && seen[0] == '\0')
			memcpy(seen, print, sizeof(seen));
		if (rc == 1)
			ssh_end(s, s->deadline);
	}
	if (rc == 1) {
		buf_reset(why);
		(void)err_set(e, ERR_SSH_HOSTKEY,
		    "host key of %s does not have the fingerprint given",
		    s->t.name);
		(void)err_detail(e, "Wanted %s; the server has %s.",
		    s->o->fingerprint, seen);
		rc = -1;
	} else if (rc == -1 && e != NULL && !err_is_set(e)) {
		*e = mine;
	}
	knownhosts_free(&k);
	return rc;
}

/* --- start ---------------------------------------------------------------*/

static int
step_channel(struct ssh *s, void *arg)
{
	(void)arg;
	s->channel = libssh2_channel_open_ex(
	    s->session, "session", 7, WINDOW, PACKET, NULL, 0);
	if (s->channel != NULL)
		return 0;
	return libssh2_session_last_errno(s->session);
}

static int
step_exec(struct ssh *s, void *arg)
{
	const char *command = arg;

	return libssh2_channel_process_startup(
	    s->channel, "exec", 4, command, (unsigned)strlen(command));
}

static int
start_command(struct ssh *s, struct err *e)
{
	union {
		const char *in;
		void *out;
	} command = {.in = s->o->command}; /* only read */
	int rc;

	rc = ssh_drive(s, step_channel, NULL, "a channel was opened", e);
	if (rc == 0)
		rc = ssh_drive(
		    s, step_exec, command.out, "the command was started", e);
	if (rc == SSH_GIVEN_UP)
		return -1;
	if (rc == 0)
		return 0;
	(void)err_set(e, ERR_SSH, "could not start \"%s\" on %s: %s",
	    s->o->command, s->t.name, ssh_error(s));
	return err_hint(e, "May that user run commands there (sshd_config,"
			   " authorized_keys)?");
}

int
ssh_start(struct transport **t, const struct ssh_opts *o, struct buf *why,
    struct err *e)
{
	struct ssh *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set_nomem(e);
	s->o = o;
	s->fd = -1;
	s->sigfd = o->sigfd;
	s->deadline = o->deadline;
	s->wbuf = malloc(SSH_CHUNK);
	s->rbuf = malloc(SSH_READ);
	if (transport_init(&s->t, &sshchan_ops, o->conf->who, e) == -1 ||
	    s->wbuf == NULL || s->rbuf == NULL) {
		(void)err_set_nomem(e);
		goto fail;
	}
	/* Counted; not thread-safe, but we have no threads. */
	if (libssh2_init(0) != 0) {
		(void)err_set(e, ERR_SSH, "libssh2 could not be started");
		goto fail;
	}
	if (connect_checked(s, why, e) == -1 || sshauth(s, why, e) == -1 ||
	    start_command(s, e) == -1)
		goto fail;
	s->o = NULL;
	s->logged_in = true;
	s->deadline = DEADLINE_NEVER;
	buf_free(&s->head);
	*t = &s->t;
	return 0;
fail:
	ssh_end(s, clock_ms() + 500);
	free(s->rbuf);
	free(s->wbuf);
	transport_fini(&s->t);
	free(s);
	return -1;
}
