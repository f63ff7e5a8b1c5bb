#include "base/std.h"
#include "base/bytes.h"
#include "base/shell.h"
#include "io/knownhosts.h"
#include "io/sshhash.h"
#include "io/sshkey.h"

#define MAX_KEY ((size_t)64 * 1024)

/* --- the OpenSSH format ---------------------------------------------------*/

struct cursor {
	const uint8_t *p;
	size_t n;
};

static bool
take_string(struct cursor *c, const uint8_t **s, size_t *n)
{
	size_t len;

	if (c->n < 4)
		return false;
	len = bytes_be32(c->p);
	if (len > c->n - 4)
		return false;
	*s = c->p + 4;
	*n = len;
	c->p += 4 + len;
	c->n -= 4 + len;
	return true;
}

/* PROTOCOL.key of OpenSSH: magic, cipher, kdf, kdf options, count, public
 * key, private part.  The first two and the public key are all we want. */
static int
parse_openssh(struct sshkey *k, const uint8_t *data, size_t len)
{
	static const char magic[] = "openssh-key-v1"; /* with its NUL */
	struct cursor c = {.p = data, .n = len};
	const uint8_t *s;
	size_t n;

	if (len < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return -1;
	c.p += sizeof(magic);
	c.n -= sizeof(magic);
	if (!take_string(&c, &s, &n))
		return -1;
	k->encrypted = n != 4 || memcmp(s, "none", 4) != 0;
	if (!take_string(&c, &s, &n) || !take_string(&c, &s, &n) || c.n < 4)
		return -1;
	c.p += 4;
	c.n -= 4;
	if (!take_string(&c, &s, &n) ||
	    !knownhosts_blob_type(s, n, k->type, sizeof(k->type)))
		return -1;
	if ((k->blob = malloc(n)) == NULL)
		return -1;
	memcpy(k->blob, s, n);
	k->len = n;
	return 0;
}

/* The base64 between two "-----" lines, decoded and parsed. */
static int
parse_armoured(struct sshkey *k, const char *p)
{
	const char *end = strstr(p, "-----END");
	uint8_t *data = NULL;
	char *b64 = NULL;
	size_t n = 0;
	ssize_t len = 0;
	int rc = -1;

	if (end == NULL || (b64 = malloc((size_t)(end - p) + 1)) == NULL)
		return -1;
	for (; p < end; p++)
		if (strchr(" \t\r\n", *p) == NULL)
			b64[n++] = *p;
	if ((data = malloc(n / 4 * 3 + 3)) != NULL &&
	    (len = sshhash_unbase64(b64, n, data)) > 0)
		rc = parse_openssh(k, data, (size_t)len);
	explicit_bzero(b64, n);
	if (data != NULL)
		explicit_bzero(data, n / 4 * 3 + 3);
	free(b64);
	free(data);
	return rc;
}

int
sshkey_parse(struct sshkey *k)
{
	static const struct {
		const char *head, *type;
	} pem[] = {
	    {"-----BEGIN RSA PRIVATE KEY-----", "ssh-rsa"},
	    {"-----BEGIN DSA PRIVATE KEY-----", "ssh-dss"},
	    {"-----BEGIN EC PRIVATE KEY-----", "ecdsa"},
	    {"-----BEGIN PRIVATE KEY-----", ""},
	    {"-----BEGIN ENCRYPTED PRIVATE KEY-----", ""},
	};
	static const char own[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	const char *text = buf_str(&k->text), *p;

	if ((p = strstr(text, own)) != NULL)
		return parse_armoured(k, p + sizeof(own) - 1);
	for (size_t i = 0; i < NELEM(pem); i++) {
		if (strstr(text, pem[i].head) == NULL)
			continue;
		(void)snprintf(k->type, sizeof(k->type), "%s", pem[i].type);
		k->encrypted = strstr(text, "ENCRYPTED") != NULL;
		return 0;
	}
	return -1;
}

/* --- the file -------------------------------------------------------------*/

static int
read_key(struct sshkey *k, int fd, struct err *e)
{
	char word[SHELL_WORD];
	struct stat st;
	ssize_t n;
	char *p;

	if (fstat(fd, &st) == -1)
		return err_set_errno(
		    e, ERR_SSH_AUTH, "could not read key \"%s\"", k->path);
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)MAX_KEY)
		return err_set(
		    e, ERR_SSH_AUTH, "\"%s\" is not a private key", k->path);
	/* As ssh does: only for a file of our own. */
	if (st.st_uid == geteuid() && (st.st_mode & 077) != 0) {
		(void)err_set(e, ERR_SSH_AUTH,
		    "private key \"%s\" is open to others (mode %03o)", k->path,
		    (unsigned)st.st_mode & 0777);
		return err_hint(
		    e, "Close it: chmod 600 %s", shell_quoted(k->path, word));
	}
	if ((p = buf_reserve(&k->text, MAX_KEY)) == NULL)
		return err_set_nomem(e);
	while (k->text.len < MAX_KEY &&
	       (n = read(fd, p + k->text.len, MAX_KEY - k->text.len)) != 0) {
		if (n == -1 && errno != EINTR)
			return err_set_errno(e, ERR_SSH_AUTH,
			    "could not read key \"%s\"", k->path);
		if (n > 0)
			k->text.len += (size_t)n;
	}
	p[k->text.len] = '\0';
	if (sshkey_parse(k) == -1)
		return err_set(
		    e, ERR_SSH_AUTH, "\"%s\" is not a private key", k->path);
	return 1;
}

int
sshkey_load(struct sshkey *k, const char *path, struct err *e)
{
	struct buf cert = BUF_INIT;
	int fd, rc;

	*k = (struct sshkey){.path = strdup(path)};
	if (k->path == NULL)
		return err_set_nomem(e);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1)
		return err_set_errno(
		    e, ERR_SSH_AUTH, "could not open key \"%s\"", path);
	rc = read_key(k, fd, e);
	(void)close(fd);
	buf_addf(&cert, "%s-cert.pub", path);
	k->has_cert = access(buf_str(&cert), F_OK) == 0;
	buf_free(&cert);
	return rc;
}

void
sshkey_free(struct sshkey *k)
{
	if (k->text.data != NULL)
		explicit_bzero(k->text.data, k->text.cap);
	buf_free(&k->text);
	free(k->path);
	free(k->blob);
	*k = (struct sshkey){.path = NULL};
}
