#include "base/std.h"
#include "base/bytes.h"
#include "base/shell.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/sshagent.h"
#include "io/sshconf.h"
#include "io/sshint.h"
#include "io/sshkey.h"

/* sshd's MaxAuthTries is 6; the agent must leave some to the files. */
#define MAX_TRIES 6
#define MAX_AGENT_TRIES 4
#define AGENT_MS 5000
#define MAX_FILES 16

struct auth {
	struct ssh *s;
	struct sshagent agent;
	bool agent_ok;
	struct err agent_err;
	struct sshkey file[MAX_FILES];
	size_t nfiles;
	unsigned tries, agent_tries;
	bool over; /* the server ended the connection */
	char methods[128];
	char *last;        /* key that was tried last */
	bool last_is_file; /* last is its path, not its name in the agent */
	char *weak;        /* an RSA key that SHA-1 was not enough for */
	struct buf tried;  /* "agent key x, file y" */
	struct buf left;   /* what was not tried, and why: sentences */
	struct buf cannot; /* first thing that only the ssh program can */
	struct err sign_err;
};

/* --- what can be tried ----------------------------------------------------*/

static bool
starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool
is_rsa(const char *type)
{
	return strcmp(type, "ssh-rsa") == 0;
}

/* Why libssh2 cannot use a key of that type, or NULL. */
static const char *
unusable(const char *type)
{
	if (starts(type, "sk-"))
		return "a hardware key";
	if (strstr(type, "-cert-v0") != NULL)
		return "a certificate";
	if (strcmp(type, "ssh-dss") == 0)
		return "a DSA key";
	return NULL;
}

static void
cannot(struct auth *a, const char *what, const char *name)
{
	if (a->cannot.len == 0)
		buf_addf(&a->cannot, "libssh2 %s cannot use %s (%s)",
		    libssh2_version(0), what, name);
}

/* Read the identity files; those given by the user must be good. */
static int
load_files(struct auth *a, struct err *e)
{
	const struct sshconf *c = a->s->o->conf;
	struct err mine = ERR_INIT;
	struct sshkey *k;
	const char *why;
	int rc;

	for (size_t i = 0; i < c->identity.n && a->nfiles < MAX_FILES; i++) {
		k = &a->file[a->nfiles];
		err_clear(&mine);
		rc = sshkey_load(k, c->identity.v[i], &mine);
		if (rc == 1 && k->has_cert)
			cannot(a, "a certificate", k->path);
		if (rc == 1 && (why = unusable(k->type)) != NULL) {
			cannot(a, why, k->path);
			rc = 0;
		} else if (rc == 0 && c->identity_given) {
			rc = err_set(&mine, ERR_SSH_AUTH,
			    "there is no key \"%s\"", c->identity.v[i]);
		}
		if (rc == 1) {
			a->nfiles++;
			continue;
		}
		sshkey_free(k);
		if (rc == -1 && c->identity_given) {
			if (e != NULL && !err_is_set(e))
				*e = mine;
			return -1;
		}
		if (rc == -1)
			buf_addf(&a->left, " Skipped: %s.", mine.text);
	}
	return 0;
}

static const struct sshkey *
file_of(const struct auth *a, const struct sshagent_key *k)
{
	for (size_t i = 0; i < a->nfiles; i++)
		if (a->file[i].blob != NULL && a->file[i].len == k->len &&
		    memcmp(a->file[i].blob, k->blob, k->len) == 0)
			return &a->file[i];
	return NULL;
}

static bool
in_agent(const struct auth *a, const struct sshkey *f)
{
	for (size_t i = 0; i < a->agent.n; i++)
		if (f->blob != NULL && a->agent.v[i].len == f->len &&
		    memcmp(a->agent.v[i].blob, f->blob, f->len) == 0)
			return true;
	return false;
}

/* --- one try --------------------------------------------------------------*/

struct attempt {
	struct auth *a;
	const struct sshagent_key *key; /* of the agent, or NULL */
	const struct sshkey *file;
};

/* The name of the algorithm inside the data to be signed (RFC 4252, 7):
 * string session, byte, string user, service, "publickey", byte, algorithm. */
static bool
algorithm_of(const uint8_t *p, size_t n, char *to, size_t size)
{
	static const char plan[] = "sbsssb";
	size_t len;

	for (size_t i = 0; i < sizeof(plan); i++) {
		if (plan[i] == 'b') {
			if (n < 1)
				return false;
			p++;
			n--;
			continue;
		}
		if (n < 4)
			return false;
		len = bytes_be32(p);
		if (len > n - 4)
			return false;
		if (plan[i] == '\0') {
			if (len >= size)
				return false;
			memcpy(to, p + 4, len);
			to[len] = '\0';
			return true;
		}
		p += 4 + len;
		n -= 4 + len;
	}
	return false;
}

static int
on_sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
    const unsigned char *data, size_t n, void **abstract)
{
	struct attempt *at = *abstract;
	struct auth *a = at->a;
	char algorithm[64];
	uint32_t flags = 0;
	int64_t until = deadline_in(AGENT_MS);

	(void)session;
	if (algorithm_of(data, n, algorithm, sizeof(algorithm))) {
		if (strcmp(algorithm, "rsa-sha2-512") == 0)
			flags = SSHAGENT_RSA_SHA512;
		else if (strcmp(algorithm, "rsa-sha2-256") == 0)
			flags = SSHAGENT_RSA_SHA256;
	}
	a->agent.deadline = MIN_OF(a->s->deadline, until);
	err_clear(&a->sign_err);
	return sshagent_sign(
	    &a->agent, at->key, data, n, flags, sig, sig_len, &a->sign_err);
}

static int
step_agent(struct ssh *s, void *arg)
{
	struct attempt *at = arg;
	void *abstract = at;

	return libssh2_userauth_publickey(s->session, s->o->conf->user,
	    at->key->blob, at->key->len, on_sign, &abstract);
}

static int
step_file(struct ssh *s, void *arg)
{
	const struct attempt *at = arg;
	const char *user = s->o->conf->user;

	return libssh2_userauth_publickey_frommemory(s->session, user,
	    strlen(user), NULL, 0, buf_str(&at->file->text), at->file->text.len,
	    "");
}

/* 1 logged in, 0 refused, -1 e. */
static int
try_key(struct auth *a, struct attempt *at, const char *name, struct err *e)
{
	struct ssh *s = a->s;
	bool rsa = is_rsa(at->key != NULL ? at->key->type : at->file->type);
	int rc;

	a->tries++;
	buf_addf(&a->tried, "%s%s", a->tried.len > 0 ? ", " : "", name);
	free(a->last);
	a->last = strdup(at->key == NULL ? at->file->path : name);
	a->last_is_file = at->key == NULL;
	rc = ssh_drive(
	    s, at->key != NULL ? step_agent : step_file, at, "logging in", e);
	log_debug("ssh login to %s with %s: %s", s->t.name, name,
	    rc == 0              ? "accepted"
	    : rc == SSH_GIVEN_UP ? "gave up"
				 : ssh_error(s));
	if (rc == 0)
		return 1;
	if (rc == SSH_GIVEN_UP)
		return -1;
	if (rsa && ssh_rsa_is_weak() && a->weak == NULL)
		a->weak = strdup(at->key == NULL ? at->file->path : name);
	if (rc == LIBSSH2_ERROR_SOCKET_DISCONNECT ||
	    rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_SOCKET_SEND)
		a->over = true;
	if (err_is_set(&a->sign_err))
		buf_addf(&a->left, " Signing with %s failed: %s.", name,
		    a->sign_err.text);
	err_clear(&a->sign_err);
	return 0;
}

static bool
may_try(const struct auth *a)
{
	return a->tries < MAX_TRIES && !a->over;
}

/* --- the order ------------------------------------------------------------*/

/* Keys of the agent: first those that an identity file names, then others. */
static int
try_agent(struct auth *a, bool weak, bool named, struct err *e)
{
	struct attempt at = {.a = a};
	const struct sshagent_key *k;
	const char *why;
	char name[300];
	int rc = 0;

	for (size_t i = 0; i < a->agent.n && rc == 0 && may_try(a); i++) {
		k = &a->agent.v[i];
		if ((why = unusable(k->type)) != NULL) {
			cannot(a, why, k->comment);
			continue;
		}
		if ((is_rsa(k->type) && ssh_rsa_is_weak()) != weak ||
		    (file_of(a, k) != NULL) != named)
			continue;
		if (!named && (a->s->o->conf->identity_only ||
				  a->agent_tries++ >= MAX_AGENT_TRIES))
			continue;
		(void)snprintf(name, sizeof(name), "agent key %s (%s)",
		    k->comment, k->type);
		at.key = k;
		rc = try_key(a, &at, name, e);
	}
	return rc;
}

static int
try_files(struct auth *a, bool weak, struct err *e)
{
	struct attempt at = {.a = a};
	const struct sshkey *k;
	int rc = 0;

	for (size_t i = 0; i < a->nfiles && rc == 0 && may_try(a); i++) {
		k = &a->file[i];
		if ((is_rsa(k->type) && ssh_rsa_is_weak()) != weak ||
		    in_agent(a, k))
			continue;
		if (k->encrypted) {
			buf_addf(&a->left,
			    " Key %s is encrypted and not in an"
			    " agent.",
			    k->path);
			continue;
		}
		at.file = k;
		rc = try_key(a, &at, k->path, e);
	}
	return rc;
}

static int
try_all(struct auth *a, struct err *e)
{
	int rc = 0;

	/* What SHA-1 RSA can do comes last: servers refuse it, and each
	 * refusal counts. */
	for (int weak = 0; weak < 2 && rc == 0; weak++) {
		rc = try_agent(a, weak == 1, true, e);
		if (rc == 0)
			rc = try_agent(a, weak == 1, false, e);
		if (rc == 0)
			rc = try_files(a, weak == 1, e);
	}
	return rc;
}

/* --- result ---------------------------------------------------------------*/

/* cli.md, section 1, shows this one. */
static int
weak_error(struct auth *a, struct buf *why, struct err *e)
{
	enum err_code id = err_code_of("ssh-rsa-sha1");

	buf_addf(why, "libssh2 %s signs RSA keys with SHA-1 only (%s)",
	    libssh2_version(0), a->weak);
	(void)err_set(e, id == ERR_INTERNAL ? ERR_SSH_AUTH : id,
	    "ssh authentication to %s failed with key %s", a->s->t.name,
	    a->weak);
	(void)err_detail(e,
	    "libssh2 %s signs RSA keys with SHA-1 only; the server refuses"
	    " ssh-rsa.%s",
	    libssh2_version(0), buf_str(&a->left));
	return err_hint(e,
	    "create another key: ssh-keygen -t ed25519, and add its .pub to"
	    " authorized_keys of %s, or use --transport=openssh",
	    a->s->t.name);
}

static int
hint_copy_id(const struct auth *a, const struct sshconf *c, struct err *e)
{
	char user[SHELL_WORD], host[SHELL_WORD];
	struct buf key = BUF_INIT;

	if (a->last_is_file) {
		buf_adds(&key, " -i ");
		shell_add_word(&key, a->last);
	}
	(void)err_hint(
	    e, "Is the public key in authorized_keys of %s there?", c->user);
	(void)err_command(e, "ssh-copy-id -p %u%s %s@%s", c->port,
	    buf_str(&key), shell_word(c->user, user),
	    shell_word(c->hostname, host));
	buf_free(&key);
	return -1;
}

static int
refused(struct auth *a, struct buf *why, struct err *e)
{
	char user[SHELL_WORD], host[SHELL_WORD];
	const struct sshconf *c = a->s->o->conf;

	if (a->weak != NULL)
		return weak_error(a, why, e);
	if (a->cannot.len > 0)
		buf_adds(why, buf_str(&a->cannot));
	if (a->last != NULL)
		(void)err_set(e, ERR_SSH_AUTH,
		    "ssh authentication to %s failed with key %s", a->s->t.name,
		    a->last);
	else
		(void)err_set(e, ERR_SSH_AUTH,
		    "ssh authentication to %s failed: no usable key",
		    a->s->t.name);
	if (a->tried.len > 0)
		(void)err_detail(e, "Refused: %s.", buf_str(&a->tried));
	if (a->methods[0] != '\0')
		(void)err_detail(e, "The server offers %s.", a->methods);
	if (a->over)
		(void)err_detail(e, "Then it ended the connection.");
	if (!a->agent_ok)
		(void)err_detail(e, "No agent: %s.",
		    c->agent == NULL ? "SSH_AUTH_SOCK is not set"
				     : a->agent_err.text);
	if (a->cannot.len > 0)
		(void)err_detail(e, "%s.", buf_str(&a->cannot));
	if (a->left.len > 0)
		(void)err_detail(e, "%s", buf_str(&a->left) + 1);
	if (strstr(buf_str(&a->left), "encrypted") != NULL)
		return err_hint(e, "Load the key into an agent (ssh-add), or"
				   " give another with --ssh-identity.");
	if (a->last == NULL)
		return err_hint(e,
		    "Make a key, and bring it there: ssh-keygen -t ed25519;"
		    " ssh-copy-id -p %u %s@%s",
		    c->port, shell_word(c->user, user),
		    shell_word(c->hostname, host));
	return hint_copy_id(a, c, e);
}

struct methods {
	char *list;
};

static int
step_methods(struct ssh *s, void *arg)
{
	struct methods *m = arg;
	const char *user = s->o->conf->user;

	m->list =
	    libssh2_userauth_list(s->session, user, (unsigned)strlen(user));
	if (m->list != NULL || libssh2_userauth_authenticated(s->session))
		return 0;
	return libssh2_session_last_errno(s->session);
}

/* What the server takes.  1: nobody asked for a key, -1: e. */
static int
ask_methods(struct auth *a, struct err *e)
{
	struct methods m = {.list = NULL};
	int rc = ssh_drive(a->s, step_methods, &m, "logging in", e);
	size_t k = 0;

	if (rc == SSH_GIVEN_UP)
		return -1;
	if (rc != 0)
		return err_set(e, ERR_SSH_AUTH,
		    "ssh login to %s was not possible: %s", a->s->t.name,
		    ssh_error(a->s));
	if (m.list == NULL)
		return 1;
	for (; m.list[k] != '\0' && k + 1 < sizeof(a->methods); k++)
		a->methods[k] =
		    m.list[k] > 0x20 && m.list[k] < 0x7f ? m.list[k] : '?';
	a->methods[k] = '\0';
	return 0;
}

static int
login(struct auth *a, struct buf *why, struct err *e)
{
	const struct sshconf *c = a->s->o->conf;
	int rc = ask_methods(a, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (strstr(a->methods, "publickey") == NULL) {
		(void)err_set(e, ERR_SSH_AUTH,
		    "ssh login to %s by key is not offered", a->s->t.name);
		return err_detail(e, "The server offers %s.", a->methods);
	}
	if (load_files(a, e) == -1)
		return -1;
	if (c->agent != NULL) {
		int64_t until = deadline_in(AGENT_MS);

		a->agent_ok = sshagent_open(&a->agent, c->agent,
				  MIN_OF(a->s->deadline, until), a->s->sigfd,
				  &a->agent_err) == 0;
		if (a->agent_err.code == ERR_INTERRUPTED) {
			if (e != NULL && !err_is_set(e))
				*e = a->agent_err;
			return -1;
		}
	}
	rc = try_all(a, e);
	if (rc == 0)
		return refused(a, why, e);
	return rc == 1 ? 0 : -1;
}

int
sshauth(struct ssh *s, struct buf *why, struct err *e)
{
	struct auth *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return err_set_nomem(e);
	a->s = s;
	a->agent = (struct sshagent)SSHAGENT_INIT;
	rc = login(a, why, e);
	sshagent_close(&a->agent);
	for (size_t i = 0; i < a->nfiles; i++)
		sshkey_free(&a->file[i]);
	free(a->last);
	free(a->weak);
	buf_free(&a->tried);
	buf_free(&a->left);
	buf_free(&a->cannot);
	free(a);
	return rc;
}
