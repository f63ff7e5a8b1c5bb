/*
 * Host keys for the ssh program: fetched with ssh-keyscan, picked by us by
 * fingerprint.  What is fetched is not checked by anything: good for showing,
 * and for comparing with a fingerprint that the user gave.
 */
#ifndef IO_SSHSCAN_H
#define IO_SSHSCAN_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct knownhosts;
struct knownhosts_entry;
struct sshconf;

#define SSHSCAN_MS 5000 /* for one scan */
/* The name under which sshscan_pinned files a key (HostKeyAlias). */
#define SSHSCAN_PINNED "standby-tools-pinned-host"

/* ssh-keyscan next to the ssh of c, else the one in PATH.  Owned; NULL: no
 * memory. */
char *sshscan_program(const struct sshconf *c);

/* The keys of a host, as known_hosts entries. */
int sshscan(struct knownhosts *k, const char *keyscan, const char *hostname,
    unsigned port, int64_t deadline, int sigfd, struct err *e);

/* "ssh-ed25519 SHA256:..., ssh-rsa SHA256:..." */
void sshscan_prints(struct buf *b, const struct knownhosts *k);

/* The key with that fingerprint, or NULL. */
const struct knownhosts_entry *sshscan_find(
    const struct knownhosts *k, const char *fingerprint);

/* -1 with ERR_SSH_HOSTKEY when known_hosts revokes the key. */
int sshscan_revoked(
    const struct sshconf *c, const struct knownhosts_entry *key, struct err *e);

/* A known_hosts with that key alone, as a descriptor; -1: e. */
int sshscan_pinned(const struct knownhosts_entry *key, struct err *e);

#endif
