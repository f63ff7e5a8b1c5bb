/*
 * The little hashing that SSH files need: SHA-256 for fingerprints, HMAC-SHA1
 * for hashed known_hosts names (a format, not a protection), base64.  Done here
 * so that reading known_hosts needs no session and no further library.
 */
#ifndef IO_SSHHASH_H
#define IO_SSHHASH_H

#include "base/std.h"

#define SSHHASH_SHA1 20
#define SSHHASH_SHA256 32
/* "SHA256:" + 43 + NUL */
#define SSHHASH_FINGERPRINT 51

void sshhash_sha1(const void *data, size_t n, uint8_t out[SSHHASH_SHA1]);
void sshhash_sha256(const void *data, size_t n, uint8_t out[SSHHASH_SHA256]);
void sshhash_hmac_sha1(const void *key, size_t klen, const void *data, size_t n,
    uint8_t out[SSHHASH_SHA1]);

/* As ssh-keygen -l prints it: "SHA256:" and base64 without padding. */
void sshhash_fingerprint(
    const void *blob, size_t n, char out[SSHHASH_FINGERPRINT]);

/*
 * Decode n characters of base64 ("=" only at the end, nothing else in between)
 * into out, which has room for n / 4 * 3 + 3 bytes.  Returns the number of
 * bytes, or -1: not base64.
 */
ssize_t sshhash_unbase64(const char *text, size_t n, uint8_t *out);

/* Encode; the caller frees; NULL: out of memory. */
char *sshhash_base64(const void *data, size_t n);

#endif
