#include "base/std.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "io/knownhosts.h"
#include "io/sshagent.h"
#include "io/wait.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_MESSAGE ((size_t)256 * 1024)
#define MAX_KEYS 256
enum { IDENTITIES_ASK = 11, IDENTITIES = 12, SIGN_ASK = 13, SIGNATURE = 14 };

/* --- messages -------------------------------------------------------------*/

struct cursor {
	const uint8_t *p;
	size_t n;
};

static bool
take_u32(struct cursor *c, uint32_t *v)
{
	if (c->n < 4)
		return false;
	*v = bytes_be32(c->p);
	c->p += 4;
	c->n -= 4;
	return true;
}

static bool
take_string(struct cursor *c, const uint8_t **s, size_t *n)
{
	uint32_t len;

	if (!take_u32(c, &len) || len > c->n)
		return false;
	*s = c->p;
	*n = len;
	c->p += len;
	c->n -= len;
	return true;
}

static void
add_string(struct buf *b, const void *s, size_t n)
{
	buf_add_u32(b, (uint32_t)n);
	buf_add(b, s, n);
}

static int
ready(struct sshagent *a, short events, struct err *e)
{
	struct pollfd p = {.fd = a->fd, .events = events};
	int rc = wait_poll(&p, 1, a->deadline, a->sigfd, e);

	if (rc == 0)
		return err_set(
		    e, ERR_TIMEOUT, "the ssh agent did not answer in time");
	return rc == -1 ? -1 : 0;
}

/* Move n bytes one way; the agent is a stream socket. */
static int
move(struct sshagent *a, void *data, size_t n, bool out, struct err *e)
{
	char *p = data;
	ssize_t k;

	while (n > 0) {
		if (ready(a, out ? POLLOUT : POLLIN, e) == -1)
			return -1;
		k = out ? send(a->fd, p, n, MSG_NOSIGNAL) : read(a->fd, p, n);
		if (k == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (k <= 0)
			return err_set(e, ERR_SSH_AUTH,
			    "the ssh agent ended the connection");
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Send what is in b (room for the length in front), answer into b. */
static int
ask(struct sshagent *a, struct buf *b, uint8_t want, struct cursor *c,
    struct err *e)
{
	uint8_t head[4];
	size_t n;
	char *p;

	if (!buf_ok(b))
		return err_set_nomem(e);
	n = b->len - 4;
	bytes_put_be32(b->data, (uint32_t)n);
	if (move(a, b->data, b->len, true, e) == -1 ||
	    move(a, head, sizeof(head), false, e) == -1)
		return -1;
	n = bytes_be32(head);
	if (n == 0 || n > MAX_MESSAGE)
		return err_set(e, ERR_SSH_AUTH, "bad answer of the ssh agent");
	buf_reset(b);
	if ((p = buf_reserve(b, n)) == NULL)
		return err_set_nomem(e);
	if (move(a, p, n, false, e) == -1)
		return -1;
	b->len = n;
	if ((uint8_t)p[0] != want)
		return err_set(e, ERR_SSH_AUTH, "the ssh agent refused");
	*c = (struct cursor){.p = (const uint8_t *)p + 1, .n = n - 1};
	return 0;
}

/* --- keys -----------------------------------------------------------------*/

static int
take_key(struct sshagent *a, struct cursor *c, struct err *e)
{
	struct sshagent_key *k = &a->v[a->n];
	const uint8_t *blob, *text;
	size_t len, n;

	if (!take_string(c, &blob, &len) || !take_string(c, &text, &n))
		return err_set(e, ERR_SSH_AUTH, "bad answer of the ssh agent");
	if (!knownhosts_blob_type(blob, len, k->type, sizeof(k->type)))
		return 0; /* a kind of key that we do not know */
	n = MIN_OF(n, (size_t)200);
	k->blob = malloc(len);
	k->comment = malloc(n + 1);
	k->len = len;
	a->n++;
	if (k->blob == NULL || k->comment == NULL)
		return err_set_nomem(e);
	memcpy(k->blob, blob, len);
	for (size_t i = 0; i < n; i++)
		k->comment[i] =
		    text[i] > 0x20 && text[i] < 0x7f ? (char)text[i] : '_';
	k->comment[n] = '\0';
	return 0;
}

static int
list_keys(struct sshagent *a, struct err *e)
{
	struct buf b = BUF_INIT;
	struct cursor c;
	uint32_t n;
	int rc = -1;

	buf_add_u32(&b, 0);
	buf_add_u8(&b, IDENTITIES_ASK);
	if (ask(a, &b, IDENTITIES, &c, e) == -1)
		goto out;
	if (!take_u32(&c, &n)) {
		(void)err_set(e, ERR_SSH_AUTH, "bad answer of the ssh agent");
		goto out;
	}
	n = MIN_OF(n, (uint32_t)MAX_KEYS);
	if ((a->v = calloc(n + 1, sizeof(*a->v))) == NULL) {
		(void)err_set_nomem(e);
		goto out;
	}
	for (rc = 0; n > 0 && rc == 0; n--)
		rc = take_key(a, &c, e);
out:
	buf_free(&b);
	return rc;
}

int
sshagent_open(struct sshagent *a, const char *path, int64_t deadline, int sigfd,
    struct err *e)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	*a = (struct sshagent)SSHAGENT_INIT;
	a->deadline = deadline;
	a->sigfd = sigfd;
	if (strlen(path) >= sizeof(sun.sun_path))
		return err_set(e, ERR_SSH_AUTH,
		    "the path of the ssh agent is too long: \"%s\"", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A unix socket connects at once or says EAGAIN (backlog full). */
	if (a->fd == -1 ||
	    connect(a->fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1)
		return err_set_errno(e, ERR_SSH_AUTH,
		    "could not reach the ssh agent at \"%s\"", path);
	return list_keys(a, e);
}

int
sshagent_sign(struct sshagent *a, const struct sshagent_key *k,
    const void *data, size_t len, uint32_t flags, uint8_t **sig, size_t *n,
    struct err *e)
{
	struct buf b = BUF_INIT;
	const uint8_t *s;
	struct cursor c;
	size_t sn;
	int rc = -1;

	buf_add_u32(&b, 0);
	buf_add_u8(&b, SIGN_ASK);
	add_string(&b, k->blob, k->len);
	add_string(&b, data, len);
	buf_add_u32(&b, flags);
	if (ask(a, &b, SIGNATURE, &c, e) == -1)
		goto out;
	/* string { string method, string signature } */
	if (!take_string(&c, &s, &sn))
		goto bad;
	c = (struct cursor){.p = s, .n = sn};
	if (!take_string(&c, &s, &sn) || !take_string(&c, &s, &sn) || sn == 0)
		goto bad;
	if ((*sig = malloc(sn)) == NULL) {
		(void)err_set_nomem(e);
		goto out;
	}
	memcpy(*sig, s, sn);
	*n = sn;
	rc = 0;
	goto out;
bad:
	(void)err_set(e, ERR_SSH_AUTH, "bad answer of the ssh agent");
out:
	buf_free(&b);
	return rc;
}

void
sshagent_close(struct sshagent *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->v[i].blob);
		free(a->v[i].comment);
	}
	free(a->v);
	if (a->fd != -1)
		(void)close(a->fd);
	*a = (struct sshagent)SSHAGENT_INIT;
}
