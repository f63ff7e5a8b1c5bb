/* Private key files: what they hold, without asking for a passphrase. */
#ifndef IO_SSHKEY_H
#define IO_SSHKEY_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct sshkey {
	char *path;
	struct buf text; /* the file; wiped by sshkey_free */
	char type[64];   /* "ssh-ed25519", "ssh-rsa", ...; "" unknown */
	uint8_t *blob;   /* public key in wire form, or NULL: not known */
	size_t len;
	bool encrypted;
	bool has_cert; /* PATH-cert.pub lies next to it */
};

/*
 * Read a key file.  Returns 1; 0: there is no such file; -1: ERR_SSH_AUTH, it
 * cannot be read, others may read it, it is no private key.
 */
int sshkey_load(struct sshkey *k, const char *path, struct err *e);

/* The same for text already in k->text.  -1: not a private key. */
int sshkey_parse(struct sshkey *k);

void sshkey_free(struct sshkey *k);

#endif
