#include "base/std.h"
#include "base/clock.h"
#include "io/remote.h"
#include "io/ssh.h"
#include "io/sshcmd.h"
#include "io/sshconf.h"

#define CONNECT_MS 10000

struct start {
	struct transport **t;
	const struct remote_opts *o;
	const char *command;
	struct sshconf conf;
	int64_t deadline;
	int sigfd;
};

/* --- arguments ------------------------------------------------------------*/

/* The command goes through the login shell there: one plain word. */
static bool
plain_word(const char *s)
{
	return *s != '\0' && *s != '-' &&
	       s[strspn(s,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789_./+-")] == '\0';
}

/* Host and user become words of a command line and of messages. */
static bool
good_name(const char *s)
{
	if (*s == '\0' || *s == '-' || strlen(s) > 255)
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f ||
		    strchr("\"'`\\$;&|<>(){}*?!,", *s) != NULL)
			return false;
	return true;
}

static int
check_opts(const struct remote_opts *o, const char *command, struct err *e)
{
	if (!plain_word(command)) {
		(void)err_set(e, ERR_USAGE,
		    "\"%s\" cannot be a command on another host", command);
		return err_hint(e, "Letters, digits and _./+- only.");
	}
	if (!good_name(o->host))
		return err_set(e, ERR_USAGE, "bad host name \"%s\"", o->host);
	if (o->user != NULL && !good_name(o->user))
		return err_set(e, ERR_USAGE, "bad user name \"%s\"", o->user);
	if (o->port > 65535)
		return err_set(e, ERR_USAGE, "bad port %u", o->port);
	if (o->fingerprint != NULL &&
	    (strncmp(o->fingerprint, "SHA256:", 7) != 0 ||
		strlen(o->fingerprint) != 50)) {
		(void)err_set(e, ERR_USAGE, "bad host fingerprint \"%s\"",
		    o->fingerprint);
		return err_hint(e, "It is SHA256: and 43 characters, as"
				   " ssh-keygen -lf prints it.");
	}
	return 0;
}

/* --- choice ---------------------------------------------------------------*/

static void
tell(const struct start *s, const char *why)
{
	char text[512];

	if (s->o->note == NULL)
		return;
	(void)snprintf(text, sizeof(text), "using the ssh program: %s", why);
	s->o->note(s->o->note_arg, text);
}

static int
by_program(const struct start *s, struct err *e)
{
	return sshcmd_start(
	    s->t, &s->conf, s->o, s->command, s->deadline, s->sigfd, e);
}

static int
by_libssh2(const struct start *s, struct buf *why, struct err *e)
{
	return ssh_start(s->t,
	    &(struct ssh_opts){.conf = &s->conf,
		.fingerprint = s->o->fingerprint,
		.command = s->command,
		.deadline = s->deadline,
		.sigfd = s->sigfd,
		.note = s->o->note,
		.note_arg = s->o->note_arg},
	    why, e);
}

/* What rules libssh2 out before a connection; NULL: nothing. */
static const char *
ruled_out(const struct sshconf *c, char *text, size_t size)
{
	if (c->proxy != NULL)
		(void)snprintf(text, size, "libssh2 cannot do %s", c->proxy);
	else if (c->certificate != NULL)
		(void)snprintf(text, size,
		    "libssh2 cannot use the certificate %s", c->certificate);
	else
		return NULL;
	return text;
}

static int
by_either(const struct start *s, struct err *e)
{
	struct err first = ERR_INIT;
	struct buf why = BUF_INIT;
	char text[400];
	int rc = -1;

	if (ruled_out(&s->conf, text, sizeof(text)) != NULL) {
		tell(s, text);
		return by_program(s, e);
	}
	rc = by_libssh2(s, &why, &first);
	if (rc == -1 && why.len > 0 && s->conf.have_ssh) {
		tell(s, buf_str(&why));
		rc = by_program(s, e);
	} else if (rc == -1 && e != NULL && !err_is_set(e)) {
		*e = first;
	}
	buf_free(&why);
	return rc;
}

static int
by_libssh2_only(const struct start *s, struct err *e)
{
	struct buf why = BUF_INIT;
	char text[400];
	int rc;

	if (s->conf.proxy != NULL) {
		(void)err_set(e, ERR_SSH_CONNECT, "cannot connect to %s: %s",
		    s->conf.who, ruled_out(&s->conf, text, sizeof(text)));
		return err_hint(e, "Use --transport=openssh.");
	}
	rc = by_libssh2(s, &why, e);
	buf_free(&why);
	return rc;
}

int
remote_start(struct transport **t, const struct remote_opts *o,
    const char *command, int sigfd, struct err *e)
{
	struct start s = {.t = t, .o = o, .command = command, .sigfd = sigfd};
	int rc = -1;

	if (check_opts(o, command, e) == -1)
		return -1;
	s.deadline =
	    deadline_in(o->connect_ms > 0 ? o->connect_ms : CONNECT_MS);
	if (sshconf_resolve(&s.conf, o, s.deadline, sigfd, e) == -1)
		goto out;
	switch (o->kind) {
	case REMOTE_AUTO:
		rc = by_either(&s, e);
		break;
	case REMOTE_LIBSSH2:
		rc = by_libssh2_only(&s, e);
		break;
	case REMOTE_OPENSSH:
		rc = by_program(&s, e);
		if (rc == -1 && e != NULL && e->code == ERR_PROC)
			(void)err_hint(e, "Install openssh-client, give the"
					  " program with --ssh-command, or use"
					  " --transport=libssh2.");
		break;
	}
out:
	sshconf_free(&s.conf);
	return rc;
}

bool
remote_dropped(const struct err *e)
{
	static const char *const words[] = {"before it said anything",
	    "before its greeting",
	    "exchange_identification: ", "Exceeded MaxStartups",
	    "Not allowed at this time", "Connection reset by",
	    "Connection closed by"};

	for (size_t i = 0; e->code == ERR_SSH_CONNECT && i < NELEM(words); i++)
		if (strstr(e->text, words[i]) != NULL ||
		    strstr(e->detail, words[i]) != NULL)
			return true;
	return false;
}

int
remote_target(char *text, struct remote_opts *r, struct err *e)
{
	char *at = strrchr(text, '@'), *host = text, *colon, *end;
	unsigned long port;

	if (at != NULL) {
		*at = '\0';
		r->user = text;
		host = at + 1;
	}
	if (host[0] == '[' && (end = strchr(host, ']')) != NULL) {
		*end = '\0';
		host++;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strchr(host, ':');
		if (colon != NULL && strchr(colon + 1, ':') != NULL)
			colon = NULL; /* a bare IPv6 address */
	}
	if (colon != NULL) {
		*colon = '\0';
		port = strtoul(colon + 1, &end, 10);
		if (*end != '\0' || port == 0 || port > 65535)
			return err_set(e, ERR_USAGE,
			    "ssh: \"%s\" is not a port", colon + 1);
		r->port = (unsigned)port;
	}
	r->host = host;
	return host[0] == '\0' || host[0] == '-'
		   ? err_set(e, ERR_USAGE, "ssh: no host name")
		   : 0;
}

int
remote_at(const char *ssh, const char *host, struct remote_opts *r, char **text,
    struct err *e)
{
	const char *from = ssh != NULL ? ssh : host;

	*text = NULL;
	if (from == NULL)
		return err_set(e, ERR_USAGE, "ssh: no host name");
	if ((*text = strdup(from)) == NULL)
		return err_set_nomem(e);
	if (ssh != NULL)
		return remote_target(*text, r, e);
	(*text)[strcspn(*text, ",")] = '\0';
	r->host = *text;
	return 0;
}
