#include "base/std.h"
#include "base/bytes.h"
#include "io/knownhosts.h"
#include "io/sshalgo.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define MAX_LIST ((size_t)8192)
#define KEXINIT 20

/*
 * Names that the library at hand does not know are filtered out, so one list
 * does for all its versions.  The two marks at the end of the first are no
 * algorithms: without them 1.11.0 gets out of step with a server that does
 * strict KEX, and RSA keys stay at SHA-1.
 */
static const struct {
	const char *word, *names;
} ours[SSHALGO_KINDS] = {
    {"key exchange", "curve25519-sha256,curve25519-sha256@libssh.org,"
		     "ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
		     "ecdh-sha2-nistp521,diffie-hellman-group16-sha512,"
		     "diffie-hellman-group18-sha512,"
		     "diffie-hellman-group14-sha256,"
		     "diffie-hellman-group-exchange-sha256,"
		     "ext-info-c,kex-strict-c-v00@openssh.com"},
    {"host key", "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
		 "ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"},
#define CIPHERS                                                                \
	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,"                       \
	"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
    {"cipher", CIPHERS},
    {"cipher", CIPHERS},
#define MACS                                                                   \
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"         \
	"hmac-sha2-256,hmac-sha2-512"
    {"MAC", MACS},
    {"MAC", MACS},
};

/* Key type in known_hosts → its signature algorithms. */
static const struct {
	const char *type, *names;
} hostkeys[] = {
    {"ssh-ed25519", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
};

const char *
sshalgo_ours(enum sshalgo_kind kind)
{
	return ours[kind].names;
}

const char *
sshalgo_word(enum sshalgo_kind kind)
{
	return ours[kind].word;
}

void
sshalgo_hostkeys(struct buf *to, const struct knownhosts *k, const char *only)
{
	for (int known = 1; known >= 0; known--)
		for (size_t i = 0; i < NELEM(hostkeys); i++) {
			if (only != NULL && strcmp(only, hostkeys[i].type) != 0)
				continue;
			if (knownhosts_has(k, hostkeys[i].type) != (known == 1))
				continue;
			buf_addf(to, "%s%s", to->len > 0 ? "," : "",
			    hostkeys[i].names);
		}
}

bool
sshalgo_common(const char *a, const char *b)
{
	size_t an, bn;

	for (; *a != '\0'; a += an + (a[an] == ',')) {
		an = strcspn(a, ",");
		for (const char *p = b; *p != '\0'; p += bn + (p[bn] == ',')) {
			bn = strcspn(p, ",");
			if (an == bn && memcmp(a, p, an) == 0)
				return true;
		}
	}
	return false;
}

void
sshalgo_filter(
    struct buf *to, const char *list, const char *const *have, size_t n)
{
	size_t len;

	for (; *list != '\0'; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		for (size_t i = 0; i < n; i++) {
			if (strlen(have[i]) != len ||
			    memcmp(have[i], list, len) != 0)
				continue;
			if (to->len > 0)
				buf_addc(to, ',');
			buf_add(to, list, len);
			break;
		}
	}
}

/* --- the server's offer ---------------------------------------------------*/

static void
copy_printable(char *to, size_t size, const uint8_t *p, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n && k + 1 < size; i++)
		to[k++] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
	to[k] = '\0';
}

/* Lines before the one that begins with "SSH-" may come first (RFC 4253). */
static const uint8_t *
skip_version(struct sshalgo_offer *o, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *nl;
	size_t n;

	for (; (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1) {
		n = (size_t)(nl - p);
		if (n < 4 || memcmp(p, "SSH-", 4) != 0)
			continue;
		if (p[n - 1] == '\r')
			n--;
		copy_printable(o->version, sizeof(o->version), p, n);
		return nl + 1;
	}
	return NULL;
}

bool
sshalgo_parse(struct sshalgo_offer *o, const void *data, size_t n)
{
	const uint8_t *end = (const uint8_t *)data + n;
	const uint8_t *p = skip_version(o, data, end);
	size_t len;

	/* u32 length, u8 padding, u8 KEXINIT, 16 bytes cookie, lists */
	if (p == NULL || end - p < 22 || p[5] != KEXINIT)
		return false;
	p += 22;
	for (int i = 0; i < SSHALGO_KINDS; i++) {
		if (end - p < 4)
			return false;
		len = bytes_be32(p);
		if (len > MAX_LIST || len > (size_t)(end - p) - 4)
			return false;
		if ((o->list[i] = malloc(len + 1)) == NULL)
			return false;
		copy_printable(o->list[i], len + 1, p + 4, len);
		p += 4 + len;
	}
	return true;
}

void
sshalgo_offer_free(struct sshalgo_offer *o)
{
	for (int i = 0; i < SSHALGO_KINDS; i++)
		free(o->list[i]);
	*o = (struct sshalgo_offer){.version = ""};
}

/* --- the ssh program's ---------------------------------------------------- */

static bool
is_gcm(const char *name, size_t n)
{
	static const char end[] = "-gcm@openssh.com";

	return n > strlen(end) &&
	       memcmp(name + n - strlen(end), end, strlen(end)) == 0;
}

static void
add_kind(struct buf *to, const char *list, bool gcm)
{
	for (; *list != '\0'; list += strspn(list, ",")) {
		size_t n = strcspn(list, ",");

		if (is_gcm(list, n) == gcm) {
			if (to->len > 0)
				buf_addc(to, ',');
			buf_add(to, list, n);
		}
		list += n;
	}
}

static bool
is_default(const char *list)
{
	static const char *const names[] = {"aes128-ctr", "aes192-ctr",
	    "aes256-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"};

	if (strncmp(list, "chacha20-poly1305@openssh.com,", 30) != 0)
		return false;
	for (size_t i = 0; i < NELEM(names); i++)
		if (strstr(list, names[i]) == NULL)
			return false;
	return true;
}

int
sshalgo_aes_first(const char *ciphers, char **to)
{
	struct buf b = BUF_INIT;

	*to = NULL;
	if (!is_default(ciphers))
		return 0;
	add_kind(&b, ciphers, true);
	add_kind(&b, ciphers, false);
	return (*to = buf_steal(&b)) == NULL ? -1 : 0;
}

bool
sshalgo_cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & (1UL << 3)) != 0; /* HWCAP_AES */
#else
	return false;
#endif
}
