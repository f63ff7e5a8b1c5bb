/*
 * known_hosts, read by us line by line: a bad line costs that line and no more,
 * @revoked counts, and what we do not understand (@cert-authority, wildcards)
 * is as if it were not there.  No session, no network.
 */
#ifndef IO_KNOWNHOSTS_H
#define IO_KNOWNHOSTS_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct knownhosts_entry {
	char *file;    /* owned */
	unsigned line; /* from 1 */
	char type[64]; /* "ssh-ed25519", as the blob says */
	uint8_t *blob; /* owned; public key in wire form */
	size_t len;
	bool revoked;
	bool plain; /* found under the host without its port */
};

/* What is known of one host.  Start with {0}; fill with knownhosts_load. */
struct knownhosts {
	struct knownhosts_entry *v;
	size_t n;
	size_t bad_lines;
	struct buf bad; /* "FILE:LINE" of the first few, for a warning */
};

/* The names one host may have in the file. */
struct knownhosts_name {
	char *name;  /* "db1", "[db1]:2222", or the HostKeyAlias */
	char *plain; /* "db1" where name has a port, else NULL */
};

enum knownhosts_verdict {
	KNOWNHOSTS_UNKNOWN, /* no entry for the host */
	KNOWNHOSTS_MATCH,
	KNOWNHOSTS_MISMATCH, /* entries, none of them this key */
	KNOWNHOSTS_REVOKED
};

/* host as resolved by ssh -G; alias (HostKeyAlias) may be NULL. */
int knownhosts_name(struct knownhosts_name *n, const char *host, unsigned port,
    const char *alias, struct err *e);
void knownhosts_name_free(struct knownhosts_name *n);

/*
 * Add the entries of a file that concern the host.  A missing file is no error
 * unless required; one that cannot be read, is not a regular file, or that
 * others may write is (ERR_SSH_HOSTKEY).
 */
int knownhosts_load(struct knownhosts *k, const struct knownhosts_name *n,
    const char *file, bool required, struct err *e);

/* The same for text in memory; file is the name to report. */
int knownhosts_parse(struct knownhosts *k, const struct knownhosts_name *n,
    const char *file, const char *text, size_t len, struct err *e);

/* Judge a key; *which (may be NULL): the entry that decided, or NULL. */
enum knownhosts_verdict knownhosts_check(const struct knownhosts *k,
    const void *blob, size_t len, const struct knownhosts_entry **which);

/* True if a key of that type ("ssh-ed25519") is known and not revoked. */
bool knownhosts_has(const struct knownhosts *k, const char *type);

/* The type name inside a key blob; false: not a key blob. */
bool knownhosts_blob_type(
    const void *blob, size_t len, char *type, size_t size);

void knownhosts_free(struct knownhosts *k);

#endif
