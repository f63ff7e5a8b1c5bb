#include "base/std.h"
#include "base/clock.h"
#include "io/knownhosts.h"
#include "io/proc.h"
#include "io/sshconf.h"
#include "io/sshhash.h"
#include "io/sshscan.h"

#include <sys/mman.h>

/* ssh-keyscan lies next to ssh, or in PATH. */
char *
sshscan_program(const struct sshconf *c)
{
	const char *ssh = c->command.v[0], *slash = strrchr(ssh, '/');
	struct buf b = BUF_INIT;

	if (slash != NULL && strcmp(slash, "/ssh") == 0) {
		buf_add(&b, ssh, (size_t)(slash - ssh) + 1);
		buf_adds(&b, "ssh-keyscan");
		if (buf_ok(&b) && access(buf_str(&b), X_OK) == 0)
			return buf_steal(&b);
		buf_reset(&b);
	}
	buf_adds(&b, "ssh-keyscan");
	return buf_steal(&b);
}

/* The keys of a host, as known_hosts entries.  Not checked by anything. */
int
sshscan(struct knownhosts *k, const char *keyscan, const char *hostname,
    unsigned port, int64_t deadline, int sigfd, struct err *e)
{
	struct knownhosts_name name = {.name = NULL};
	struct buf out = BUF_INIT;
	char port_text[16];
	int status = 0, rc;
	const char *argv[] = {
	    keyscan, "-T", "4", "-p", port_text, "--", hostname, NULL};

	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	rc = proc_run(&(struct proc_opts){.argv = argv,
			  .out = &out,
			  .deadline = MIN_OF(deadline, deadline_in(SSHSCAN_MS)),
			  .sigfd = sigfd},
	    &status, e);
	if (rc == 0)
		rc = knownhosts_name(&name, hostname, port, NULL, e);
	if (rc == 0)
		rc = knownhosts_parse(
		    k, &name, "ssh-keyscan", buf_str(&out), out.len, e);
	knownhosts_name_free(&name);
	buf_free(&out);
	return rc;
}

/* "ed25519 SHA256:..., rsa SHA256:..." */
void
sshscan_prints(struct buf *b, const struct knownhosts *k)
{
	char print[SSHHASH_FINGERPRINT];

	for (size_t i = 0; i < k->n; i++) {
		sshhash_fingerprint(k->v[i].blob, k->v[i].len, print);
		buf_addf(b, "%s%s %s", i > 0 ? ", " : "", k->v[i].type, print);
	}
}

const struct knownhosts_entry *
sshscan_find(const struct knownhosts *k, const char *fingerprint)
{
	char print[SSHHASH_FINGERPRINT];

	for (size_t i = 0; i < k->n; i++) {
		sshhash_fingerprint(k->v[i].blob, k->v[i].len, print);
		if (strcmp(print, fingerprint) == 0)
			return &k->v[i];
	}
	return NULL;
}

/* A key that known_hosts revokes stays refused, whatever the user gives. */
int
sshscan_revoked(
    const struct sshconf *c, const struct knownhosts_entry *key, struct err *e)
{
	const struct knownhosts_entry *x = NULL;
	struct knownhosts_name name;
	struct knownhosts k = {.v = NULL};
	int rc = knownhosts_name(&name, c->hostname, c->port, c->alias, e);

	for (size_t i = 0; i < c->known.n && rc == 0; i++)
		rc = knownhosts_load(
		    &k, &name, c->known.v[i], c->known_given, e);
	if (rc == 0 && knownhosts_check(&k, key->blob, key->len, &x) ==
			   KNOWNHOSTS_REVOKED) {
		rc = err_set(
		    e, ERR_SSH_HOSTKEY, "host key of %s is revoked", c->who);
		(void)err_detail(e, "%s:%u revokes it.", x->file, x->line);
	}
	knownhosts_free(&k);
	knownhosts_name_free(&name);
	return rc;
}

/*
 * A known_hosts of one key that no file system holds: ssh opens it through our
 * /proc, and nothing has to be removed.
 */
int
sshscan_pinned(const struct knownhosts_entry *key, struct err *e)
{
	char *b64 = sshhash_base64(key->blob, key->len);
	struct buf line = BUF_INIT;
	int fd = -1;

	if (b64 != NULL)
		buf_addf(&line, SSHSCAN_PINNED " %s %s\n", key->type, b64);
	free(b64);
	if (b64 == NULL || !buf_ok(&line)) {
		(void)err_set_nomem(e);
	} else if ((fd = memfd_create("known_hosts", MFD_CLOEXEC)) == -1 ||
		   write(fd, buf_str(&line), line.len) != (ssize_t)line.len) {
		(void)err_set_errno(
		    e, ERR_SSH, "could not create a temporary known_hosts");
		if (fd != -1)
			(void)close(fd);
		fd = -1;
	}
	buf_free(&line);
	return fd;
}
