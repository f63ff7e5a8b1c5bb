/*
 * Which algorithms we let libssh2 offer (its own lists hold arcfour, 3des, md5
 * and group1), and what the server offered, read from the clear beginning of
 * the connection so that a failure can name it.
 */
#ifndef IO_SSHALGO_H
#define IO_SSHALGO_H

#include "base/std.h"
#include "base/buf.h"

struct knownhosts;

enum sshalgo_kind {
	SSHALGO_KEX,
	SSHALGO_HOSTKEY,
	SSHALGO_CRYPT_CS,
	SSHALGO_CRYPT_SC,
	SSHALGO_MAC_CS,
	SSHALGO_MAC_SC,
	SSHALGO_KINDS
};

/* Our list, comma separated, best first; "host key", for messages. */
const char *sshalgo_ours(enum sshalgo_kind kind);
const char *sshalgo_word(enum sshalgo_kind kind);

/*
 * ciphers: as "ssh -G" prints them.  *to: the same ones with AES-GCM before the
 * others (owned), or NULL where the order is not OpenSSH's own (a list that
 * begins with ChaCha20 and goes on with five kinds of AES): then somebody has
 * chosen it.  -1: no memory.
 */
int sshalgo_aes_first(const char *ciphers, char **to);
/* Has this machine's processor instructions for AES?  false also if not known.
 */
bool sshalgo_cpu_has_aes(void);

/* Host key algorithms: those of the types known for the host, then the rest.
 * only: a key type to restrict it to, or NULL. */
void sshalgo_hostkeys(
    struct buf *to, const struct knownhosts *k, const char *only);

/* The first bytes of a server: its version line and lists. */
struct sshalgo_offer {
	char version[128]; /* "SSH-2.0-OpenSSH_9.2p1", printable ASCII */
	char *list[SSHALGO_KINDS];
};

/* Returns true when all of it was there.  Free it in any case. */
bool sshalgo_parse(struct sshalgo_offer *o, const void *data, size_t n);
void sshalgo_offer_free(struct sshalgo_offer *o);

/* The names of list that are among the n of have, in the order of list.  Not
 * left to libssh2: 1.10 moves overlapping memory with memcpy doing it. */
void sshalgo_filter(
    struct buf *to, const char *list, const char *const *have, size_t n);

/* True if a name of the comma list a is in the comma list b. */
bool sshalgo_common(const char *a, const char *b);

#endif
