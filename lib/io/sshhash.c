#include "base/std.h"
#include "base/bytes.h"
#include "io/sshhash.h"

#define BLOCK 64

/* Both hashes share padding and word order (FIPS 180-4); a core takes one
 * block. */
typedef void core_fn(uint32_t *state, const uint8_t block[BLOCK]);

static uint32_t
rol(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void
sha1_core(uint32_t *s, const uint8_t block[BLOCK])
{
	static const uint32_t k[4] = {
	    0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f, t;

	for (int i = 0; i < 16; i++)
		w[i] = bytes_be32(block + 4 * i);
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		if (i < 20)
			f = (b & c) | (~b & d);
		else if (i >= 40 && i < 60)
			f = (b & c) | (b & d) | (c & d);
		else
			f = b ^ c ^ d;
		t = rol(a, 5) + f + e + k[i / 20] + w[i];
		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	s[0] += a;
	s[1] += b;
	s[2] += c;
	s[3] += d;
	s[4] += e;
}

/* FIPS 180-4, 4.2.2: cube roots of the first 64 primes. */
static const uint32_t sha256_k[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf,
    0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
    0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
    0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
    0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
    0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
    0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee,
    0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static void
sha256_core(uint32_t *s, const uint8_t block[BLOCK])
{
	uint32_t w[64], v[8], s0, s1, t1, t2;

	for (int i = 0; i < 16; i++)
		w[i] = bytes_be32(block + 4 * i);
	for (int i = 16; i < 64; i++) {
		s0 = rol(w[i - 15], 25) ^ rol(w[i - 15], 14) ^ w[i - 15] >> 3;
		s1 = rol(w[i - 2], 15) ^ rol(w[i - 2], 13) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, s, sizeof(v));
	for (int i = 0; i < 64; i++) {
		s1 = rol(v[4], 26) ^ rol(v[4], 21) ^ rol(v[4], 7);
		t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
		     sha256_k[i] + w[i];
		s0 = rol(v[0], 30) ^ rol(v[0], 19) ^ rol(v[0], 10);
		t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		s[i] += v[i];
}

static void
run(core_fn *core, uint32_t *state, const uint8_t *p, size_t n)
{
	uint8_t last[2 * BLOCK] = {0};
	uint64_t bits = (uint64_t)n * 8;
	size_t tail;

	for (; n >= BLOCK; p += BLOCK, n -= BLOCK)
		core(state, p);
	if (n > 0)
		memcpy(last, p, n);
	last[n] = 0x80;
	tail = n + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
	bytes_put_be32(last + tail - 8, (uint32_t)(bits >> 32));
	bytes_put_be32(last + tail - 4, (uint32_t)bits);
	for (size_t i = 0; i < tail; i += BLOCK)
		core(state, last + i);
}

void
sshhash_sha1(const void *data, size_t n, uint8_t out[SSHHASH_SHA1])
{
	uint32_t s[5] = {
	    0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

	run(sha1_core, s, data, n);
	for (int i = 0; i < 5; i++)
		bytes_put_be32(out + 4 * i, s[i]);
}

void
sshhash_sha256(const void *data, size_t n, uint8_t out[SSHHASH_SHA256])
{
	uint32_t s[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	run(sha256_core, s, data, n);
	for (int i = 0; i < 8; i++)
		bytes_put_be32(out + 4 * i, s[i]);
}

/* RFC 2104; data is a host name here, so one buffer does (longer data is cut:
 * no host name matches then). */
void
sshhash_hmac_sha1(const void *key, size_t klen, const void *data, size_t n,
    uint8_t out[SSHHASH_SHA1])
{
	uint8_t inner[BLOCK + 1024], outer[BLOCK + SSHHASH_SHA1] = {0};

	n = MIN_OF(n, (size_t)1024);
	if (klen > BLOCK)
		sshhash_sha1(key, klen, outer);
	else
		memcpy(outer, key, klen);
	for (int i = 0; i < BLOCK; i++) {
		inner[i] = outer[i] ^ 0x36;
		outer[i] ^= 0x5c;
	}
	memcpy(inner + BLOCK, data, n);
	sshhash_sha1(inner, BLOCK + n, outer + BLOCK);
	sshhash_sha1(outer, sizeof(outer), out);
}

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The three bytes (n of them there) at p as four digits. */
static void
encode3(const uint8_t *p, size_t n, char out[4])
{
	uint32_t v = (uint32_t)p[0] << 16;

	if (n > 1)
		v |= (uint32_t)p[1] << 8;
	if (n > 2)
		v |= p[2];
	out[0] = digits[v >> 18];
	out[1] = digits[v >> 12 & 63];
	out[2] = n > 1 ? digits[v >> 6 & 63] : '=';
	out[3] = n > 2 ? digits[v & 63] : '=';
}

char *
sshhash_base64(const void *data, size_t n)
{
	const uint8_t *p = data;
	char *s, *to;

	if (n > SIZE_MAX / 2 || (s = malloc((n + 2) / 3 * 4 + 1)) == NULL)
		return NULL;
	for (to = s; n > 0; to += 4) {
		encode3(p, n, to);
		p += MIN_OF(n, (size_t)3);
		n -= MIN_OF(n, (size_t)3);
	}
	*to = '\0';
	return s;
}

void
sshhash_fingerprint(const void *blob, size_t n, char out[SSHHASH_FINGERPRINT])
{
	uint8_t h[SSHHASH_SHA256];
	char four[4];
	size_t k = 7;

	sshhash_sha256(blob, n, h);
	memcpy(out, "SHA256:", 7);
	for (size_t i = 0; i < sizeof(h); i += 3) {
		encode3(h + i, sizeof(h) - i, four);
		for (int j = 0; j < 4 && four[j] != '='; j++)
			out[k++] = four[j];
	}
	out[k] = '\0';
}

ssize_t
sshhash_unbase64(const char *text, size_t n, uint8_t *out)
{
	const char *d;
	uint32_t v = 0;
	ssize_t k = 0;
	size_t pad = 0;

	while (pad < 2 && n > 0 && text[n - 1] == '=') {
		n--;
		pad++;
	}
	if ((n + pad) % 4 != 0 || n == 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\0' || (d = strchr(digits, text[i])) == NULL)
			return -1;
		v = v << 6 | (uint32_t)(d - digits);
		if (i % 4 != 0)
			out[k++] = (uint8_t)(v >> (6 - 2 * (i % 4)));
	}
	return k;
}
