#include "base/std.h"
#include "base/bytes.h"
#include "base/shell.h"
#include "io/knownhosts.h"
#include "io/sshhash.h"

#include <ctype.h>
#include <pwd.h>

#define MAX_FILE ((size_t)64 * 1024 * 1024)
#define MAX_LINE ((size_t)32 * 1024)
#define MAX_ENTRIES 1000 /* for one host */
#define MAX_NAMED_BAD 3

/* --- names ----------------------------------------------------------------*/

static char *
lowered(const char *s)
{
	char *p = strdup(s);

	for (size_t i = 0; p != NULL && p[i] != '\0'; i++)
		p[i] = (char)tolower((unsigned char)p[i]);
	return p;
}

int
knownhosts_name(struct knownhosts_name *n, const char *host, unsigned port,
    const char *alias, struct err *e)
{
	struct buf b = BUF_INIT;

	*n = (struct knownhosts_name){.name = NULL};
	if (alias != NULL || port == 22) {
		n->name = lowered(alias != NULL ? alias : host);
	} else if ((n->plain = lowered(host)) != NULL) {
		buf_addf(&b, "[%s]:%u", n->plain, port);
		n->name = buf_steal(&b);
	}
	if (n->name != NULL)
		return 0;
	knownhosts_name_free(n);
	return err_set_nomem(e);
}

void
knownhosts_name_free(struct knownhosts_name *n)
{
	free(n->name);
	free(n->plain);
	*n = (struct knownhosts_name){.name = NULL};
}

/* --- one line -------------------------------------------------------------*/

struct word {
	const char *s;
	size_t n;
};

static bool
next_word(struct word *rest, struct word *w)
{
	while (rest->n > 0 && (*rest->s == ' ' || *rest->s == '\t')) {
		rest->s++;
		rest->n--;
	}
	*w = (struct word){.s = rest->s};
	while (rest->n > 0 && *rest->s != ' ' && *rest->s != '\t') {
		rest->s++;
		rest->n--;
		w->n++;
	}
	return w->n > 0;
}

static bool
word_is(const struct word *w, const char *s)
{
	return w->n == strlen(s) && memcmp(w->s, s, w->n) == 0;
}

/* "*" and "?" as in ssh; used for @revoked only. */
static bool
glob(const char *p, size_t pn, const char *s)
{
	while (pn > 0 && *p != '*') {
		if (*s == '\0' ||
		    (*p != '?' && tolower((unsigned char)*p) != *s))
			return false;
		p++;
		pn--;
		s++;
	}
	if (pn == 0)
		return *s == '\0';
	while (pn > 0 && *p == '*') {
		p++;
		pn--;
	}
	if (pn == 0)
		return true;
	for (; *s != '\0'; s++)
		if (glob(p, pn, s))
			return true;
	return false;
}

/* "|1|salt|hash": HMAC-SHA1 of the name. */
static bool
hashed_matches(const struct word *w, const char *name)
{
	uint8_t salt[96], want[96], got[SSHHASH_SHA1];
	const char *p = w->s + 3, *bar = memchr(p, '|', w->n - 3);
	ssize_t sn, wn;
	size_t left;

	if (bar == NULL)
		return false;
	left = w->n - 3 - (size_t)(bar + 1 - p);
	if (bar - p > 64 || left > 64)
		return false;
	sn = sshhash_unbase64(p, (size_t)(bar - p), salt);
	wn = sshhash_unbase64(bar + 1, left, want);
	if (sn != SSHHASH_SHA1 || wn != SSHHASH_SHA1)
		return false;
	sshhash_hmac_sha1(salt, (size_t)sn, name, strlen(name), got);
	return memcmp(got, want, sizeof(got)) == 0;
}

/* Does the list of patterns name us?  Wildcards count only for revocation,
 * where taking them as absent would be the unsafe side. */
static bool
list_matches(const struct word *list, const char *name, bool wild)
{
	const char *p = list->s, *end = list->s + list->n, *comma;
	bool found = false, hit, not ;
	size_t n;

	if (list->n > 3 && memcmp(list->s, "|1|", 3) == 0)
		return hashed_matches(list, name);
	for (; p < end; p = comma + 1) {
		if ((comma = memchr(p, ',', (size_t)(end - p))) == NULL)
			comma = end;
		n = (size_t)(comma - p);
		not = n > 0 && *p == '!';
		if (wild || not )
			hit = glob(p + not, n - not, name);
		else
			hit = n == strlen(name) && strncasecmp(p, name, n) == 0;
		if (hit && not )
			return false;
		found = found || hit;
	}
	return found;
}

bool
knownhosts_blob_type(const void *blob, size_t len, char *type, size_t size)
{
	const uint8_t *p = blob;
	size_t n;

	if (len < 4 || p[0] != 0 || p[1] != 0)
		return false;
	n = bytes_be16(p + 2);
	if (n == 0 || n > len - 4 || n >= size)
		return false;
	memcpy(type, p + 4, n);
	type[n] = '\0';
	return strlen(type) == n;
}

static int
add_entry(struct knownhosts *k, const struct knownhosts_entry *x,
    const char *file, struct err *e)
{
	struct knownhosts_entry *v;
	char *name;

	if (k->n >= MAX_ENTRIES)
		return err_set(e, ERR_SSH_HOSTKEY,
		    "\"%s\" has more than %d keys for one host", file,
		    MAX_ENTRIES);
	v = reallocarray(k->v, k->n + 1, sizeof(*v));
	if (v == NULL)
		return err_set_nomem(e);
	k->v = v;
	if ((name = strdup(file)) == NULL)
		return err_set_nomem(e);
	v[k->n] = *x;
	v[k->n++].file = name;
	return 0;
}

/* The key words of a line into x (blob owned).  1, 0: not a key, -1: e. */
static int
parse_key(struct knownhosts_entry *x, const struct word *type,
    const struct word *b64, struct err *e)
{
	ssize_t n;

	if ((x->blob = malloc(b64->n / 4 * 3 + 3)) == NULL)
		return err_set_nomem(e);
	n = sshhash_unbase64(b64->s, b64->n, x->blob);
	if (n > 0 &&
	    knownhosts_blob_type(
		x->blob, (size_t)n, x->type, sizeof(x->type)) &&
	    word_is(type, x->type)) {
		x->len = (size_t)n;
		return 1;
	}
	free(x->blob);
	x->blob = NULL;
	return 0;
}

/* 1: taken or of no concern; 0: a bad line; -1: e. */
static int
parse_line(struct knownhosts *k, const struct knownhosts_name *n,
    const char *file, unsigned number, struct word rest, struct err *e)
{
	struct knownhosts_entry x = {.line = number};
	struct word hosts, type, b64;
	bool wanted;
	int rc;

	if (!next_word(&rest, &hosts) || *hosts.s == '#')
		return 1;
	if (*hosts.s == '@') {
		if (word_is(&hosts, "@cert-authority"))
			return 1;
		if (!word_is(&hosts, "@revoked"))
			return 0;
		x.revoked = true;
		if (!next_word(&rest, &hosts))
			return 0;
	}
	if (!next_word(&rest, &type) || !next_word(&rest, &b64))
		return 0;
	wanted = list_matches(&hosts, n->name, x.revoked);
	if (!wanted && n->plain != NULL)
		wanted = x.plain = list_matches(&hosts, n->plain, x.revoked);
	if ((rc = parse_key(&x, &type, &b64, e)) != 1)
		return rc;
	rc = 1;
	if (wanted)
		rc = add_entry(k, &x, file, e) == 0 ? 1 : -1;
	if (!wanted || rc == -1)
		free(x.blob);
	return rc;
}

int
knownhosts_parse(struct knownhosts *k, const struct knownhosts_name *n,
    const char *file, const char *text, size_t len, struct err *e)
{
	const char *end = text + len, *nl;
	unsigned number = 0;
	struct word line;
	int rc;

	for (; text < end; text = nl + 1) {
		if ((nl = memchr(text, '\n', (size_t)(end - text))) == NULL)
			nl = end;
		line = (struct word){.s = text, .n = (size_t)(nl - text)};
		if (line.n > 0 && line.s[line.n - 1] == '\r')
			line.n--;
		number++;
		rc = 0;
		if (line.n <= MAX_LINE && memchr(line.s, '\0', line.n) == NULL)
			rc = parse_line(k, n, file, number, line, e);
		if (rc == -1)
			return -1;
		if (rc == 0 && k->bad_lines++ < MAX_NAMED_BAD)
			buf_addf(&k->bad, "%s%s:%u",
			    k->bad_lines > 1 ? ", " : "", file, number);
	}
	return 0;
}

/* --- files ----------------------------------------------------------------*/

/* A private group (umask 002) counts as the user. */
static bool
writable_by_others(const struct stat *st)
{
	const struct passwd *pw;

	if ((st->st_mode & S_IWOTH) != 0)
		return true;
	if ((st->st_mode & S_IWGRP) == 0 || st->st_gid == 0)
		return false;
	pw = getpwuid(st->st_uid);
	return pw == NULL || pw->pw_gid != st->st_gid;
}

static int
check_file(int fd, const char *file, struct err *e)
{
	char word[SHELL_WORD];
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_set_errno(e, ERR_SSH_HOSTKEY,
		    "could not read known hosts file \"%s\"", file);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_SSH_HOSTKEY,
		    "known hosts file \"%s\" is not a regular file", file);
	if ((uint64_t)st.st_size > MAX_FILE)
		return err_set(e, ERR_SSH_HOSTKEY,
		    "known hosts file \"%s\" is too large", file);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		(void)err_set(e, ERR_SSH_HOSTKEY,
		    "known hosts file \"%s\" belongs to another user", file);
	else if (writable_by_others(&st))
		(void)err_set(e, ERR_SSH_HOSTKEY,
		    "known hosts file \"%s\" may be written by others (mode"
		    " %03o)",
		    file, (unsigned)st.st_mode & 0777);
	else
		return 0;
	return err_hint(e,
	    "Check its contents, then: chown %lu %s; chmod go-w %s",
	    (unsigned long)geteuid(), shell_quoted(file, word), word);
}

static int
read_all(int fd, struct buf *b)
{
	ssize_t n;
	char *p;

	while (b->len <= MAX_FILE) {
		if ((p = buf_reserve(b, 65536)) == NULL) {
			errno = ENOMEM;
			return -1;
		}
		n = read(fd, p, 65536);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		b->len += (size_t)n;
	}
	errno = EFBIG;
	return -1;
}

int
knownhosts_load(struct knownhosts *k, const struct knownhosts_name *n,
    const char *file, bool required, struct err *e)
{
	struct buf b = BUF_INIT;
	int fd, rc = -1;

	/* O_NONBLOCK: a FIFO must not hold us. */
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 && !required && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1)
		return err_set_errno(e, ERR_SSH_HOSTKEY,
		    "could not open known hosts file \"%s\"", file);
	if (check_file(fd, file, e) == -1)
		goto out;
	if (read_all(fd, &b) == -1)
		(void)err_set_errno(e, ERR_SSH_HOSTKEY,
		    "could not read known hosts file \"%s\"", file);
	else
		rc = knownhosts_parse(k, n, file, buf_str(&b), b.len, e);
out:
	(void)close(fd);
	buf_free(&b);
	return rc;
}

/* --- verdict --------------------------------------------------------------*/

enum knownhosts_verdict
knownhosts_check(const struct knownhosts *k, const void *blob, size_t len,
    const struct knownhosts_entry **which)
{
	const struct knownhosts_entry *x, *other = NULL, *same = NULL;
	const struct knownhosts_entry *same_plain = NULL, *revoked = NULL;

	for (size_t i = 0; i < k->n; i++) {
		bool equal;

		x = &k->v[i];
		equal = x->len == len && memcmp(x->blob, blob, len) == 0;
		if (x->revoked && equal)
			revoked = x;
		else if (!x->revoked && equal && x->plain)
			same_plain = x;
		else if (!x->revoked && equal)
			same = x;
		else if (!x->revoked && !x->plain && other == NULL)
			other = x;
	}
	/* As ssh: an entry without the port counts, for a key that is equal,
	 * where there is none with it. */
	if (same == NULL && other == NULL)
		same = same_plain;
	if (which != NULL)
		*which = revoked != NULL ? revoked
			 : same != NULL  ? same
					 : other;
	if (revoked != NULL)
		return KNOWNHOSTS_REVOKED;
	if (same != NULL)
		return KNOWNHOSTS_MATCH;
	return other != NULL ? KNOWNHOSTS_MISMATCH : KNOWNHOSTS_UNKNOWN;
}

bool
knownhosts_has(const struct knownhosts *k, const char *type)
{
	for (size_t i = 0; i < k->n; i++)
		if (!k->v[i].revoked && strcmp(k->v[i].type, type) == 0)
			return true;
	return false;
}

void
knownhosts_free(struct knownhosts *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].file);
		free(k->v[i].blob);
	}
	free(k->v);
	buf_free(&k->bad);
	*k = (struct knownhosts){.v = NULL};
}
