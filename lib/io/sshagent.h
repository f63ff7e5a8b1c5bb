/*
 * The client side of the ssh-agent protocol (draft-miller-ssh-agent), with a
 * deadline: libssh2's own waits for ever on an agent that does not answer.
 */
#ifndef IO_SSHAGENT_H
#define IO_SSHAGENT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct sshagent_key {
	uint8_t *blob;
	size_t len;
	char type[64];
	char *comment; /* escaped to plain ASCII */
};

struct sshagent {
	int fd; /* -1: not open */
	int64_t deadline;
	int sigfd;
	struct sshagent_key *v;
	size_t n;
};

#define SSHAGENT_INIT                                                          \
	{                                                                      \
		.fd = -1                                                       \
	}

/* How an RSA key is to sign (flags of a sign request). */
#define SSHAGENT_RSA_SHA256 2U
#define SSHAGENT_RSA_SHA512 4U

/* Connect and fetch the list of keys.  -1: ERR_SSH_AUTH, ERR_TIMEOUT. */
int sshagent_open(struct sshagent *a, const char *path, int64_t deadline,
    int sigfd, struct err *e);

/* Sign; *sig: the signature without the name of its method, malloc'ed. */
int sshagent_sign(struct sshagent *a, const struct sshagent_key *k,
    const void *data, size_t len, uint32_t flags, uint8_t **sig, size_t *n,
    struct err *e);

void sshagent_close(struct sshagent *a);

#endif
