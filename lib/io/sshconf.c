#include "base/std.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/proc.h"
#include "io/remote.h"
#include "io/sshconf.h"

#include <pwd.h>

#define SSH_G_MS 5000
#define MAX_LIST 100

/* --- lists ----------------------------------------------------------------*/

int
sshconf_add(struct sshconf_list *l, const char *s)
{
	char **v;

	if (l->n >= MAX_LIST)
		return 0;
	if ((v = reallocarray(l->v, l->n + 2, sizeof(*v))) == NULL)
		return -1;
	l->v = v;
	v[l->n + 1] = NULL;
	if ((v[l->n] = strdup(s)) == NULL)
		return -1;
	l->n++;
	return 0;
}

void
sshconf_list_free(struct sshconf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct sshconf_list){.v = NULL};
}

int
sshconf_words(struct sshconf_list *l, const char *s, struct err *e)
{
	const char *all = s;
	struct buf w = BUF_INIT;
	char quote = '\0';
	int rc = 0;

	while (rc == 0) {
		s += strspn(s, " \t\n");
		if (*s == '\0')
			break;
		buf_reset(&w);
		for (; *s != '\0' && (quote || !strchr(" \t\n", *s)); s++) {
			if (quote == *s)
				quote = '\0';
			else if (!quote && (*s == '\'' || *s == '"'))
				quote = *s;
			else if (*s == '\\' && quote != '\'' && s[1] != '\0')
				buf_addc(&w, *++s);
			else
				buf_addc(&w, *s);
		}
		if (quote)
			rc = err_set(
			    e, ERR_USAGE, "unclosed quote in \"%s\"", all);
		else if (!buf_ok(&w) || sshconf_add(l, buf_str(&w)) == -1)
			rc = err_set_nomem(e);
	}
	buf_free(&w);
	if (rc == 0 && l->n == 0)
		rc = err_set(e, ERR_USAGE, "the ssh command is empty");
	return rc;
}

/* --- ssh -G ---------------------------------------------------------------*/

/* ssh -G leaves "~/" and %d in file names.  Owned; NULL: no memory. */
static char *
expand(const char *s, const char *home)
{
	struct buf b = BUF_INIT;

	if (strncmp(s, "~/", 2) == 0)
		buf_addf(&b, "%s/%s", home, s + 2);
	else if (strncmp(s, "%d/", 3) == 0)
		buf_addf(&b, "%s/%s", home, s + 3);
	else
		buf_adds(&b, s);
	return buf_steal(&b);
}

static int
add_file(struct sshconf_list *l, const char *s, const char *home)
{
	char *path = expand(s, home);
	int rc = path == NULL ? -1 : sshconf_add(l, path);

	free(path);
	return rc;
}

static int
add_files(struct sshconf_list *l, char *value, const char *home)
{
	char *save, *w;
	int rc = 0;

	for (w = strtok_r(value, " ", &save); w != NULL && rc == 0;
	     w = strtok_r(NULL, " ", &save))
		if (strcmp(w, "none") != 0)
			rc = add_file(l, w, home);
	return rc;
}

static int
set_once(char **to, const char *value)
{
	if (*to == NULL && (*to = strdup(value)) == NULL)
		return -1;
	return 0;
}

static int
set_proxy(struct sshconf *c, const char *name, const char *value)
{
	struct buf b = BUF_INIT;

	if (c->proxy != NULL || strcmp(value, "none") == 0)
		return 0;
	buf_addf(&b, "%s %s", name, value);
	return (c->proxy = buf_steal(&b)) == NULL ? -1 : 0;
}

static int
set_agent(struct sshconf *c, const char *value, const char *home)
{
	/* The user's own SSH_AUTH_SOCK is there before; -G overrides it. */
	if (strcmp(value, "SSH_AUTH_SOCK") == 0)
		return 0;
	free(c->agent);
	c->agent = NULL;
	if (strcmp(value, "none") == 0)
		return 0;
	return (c->agent = expand(value, home)) == NULL ? -1 : 0;
}

static int
take(struct sshconf *c, const char *key, char *value, const char *home)
{
	if (strcmp(key, "hostname") == 0)
		return set_once(&c->hostname, value);
	if (strcmp(key, "user") == 0)
		return set_once(&c->user, value);
	if (strcmp(key, "hostkeyalias") == 0)
		return set_once(&c->alias, value);
	if (strcmp(key, "certificatefile") == 0)
		return set_once(&c->certificate, value);
	if (strcmp(key, "ciphers") == 0)
		return set_once(&c->ciphers, value);
	if (strcmp(key, "proxyjump") == 0)
		return set_proxy(c, "ProxyJump", value);
	if (strcmp(key, "proxycommand") == 0)
		return set_proxy(c, "ProxyCommand", value);
	if (strcmp(key, "identityagent") == 0)
		return set_agent(c, value, home);
	if (strcmp(key, "identitiesonly") == 0)
		c->identity_only |= strcmp(value, "yes") == 0;
	if (strcmp(key, "identityfile") == 0 && !c->identity_given)
		return strcmp(value, "none") == 0
			   ? 0
			   : add_file(&c->identity, value, home);
	if (strstr(key, "knownhostsfile") != NULL && !c->known_given)
		return add_files(&c->known, value, home);
	if (strcmp(key, "port") == 0 && c->port == 0) {
		unsigned long p = strtoul(value, NULL, 10);

		c->port = p <= 65535 ? (unsigned)p : 0;
	}
	return 0;
}

int
sshconf_parse(struct sshconf *c, const char *text, const char *home)
{
	char *copy = strdup(text), *save, *line, *value;
	int rc = copy == NULL ? -1 : 0;

	for (line = rc == 0 ? strtok_r(copy, "\r\n", &save) : NULL;
	     line != NULL && rc == 0; line = strtok_r(NULL, "\r\n", &save)) {
		if ((value = strchr(line, ' ')) == NULL)
			continue;
		*value++ = '\0';
		rc = take(c, line, value, home);
	}
	free(copy);
	return rc;
}

static int
ask_ssh(struct sshconf *c, const struct remote_opts *o, const char *home,
    int64_t deadline, int sigfd, struct err *e)
{
	struct buf out = BUF_INIT;
	struct sshconf_list argv = {.v = NULL};
	struct err mine = ERR_INIT;
	char port[16];
	int status = 0, rc = 0;

	(void)snprintf(port, sizeof(port), "%u", o->port);
	for (size_t i = 0; i < c->command.n; i++)
		rc |= sshconf_add(&argv, c->command.v[i]);
	rc |= sshconf_add(&argv, "-G");
	if (o->port != 0)
		rc |= sshconf_add(&argv, "-p") | sshconf_add(&argv, port);
	if (o->user != NULL)
		rc |= sshconf_add(&argv, "-l") | sshconf_add(&argv, o->user);
	rc |= sshconf_add(&argv, "--") | sshconf_add(&argv, o->host);
	if (rc != 0) {
		rc = err_set_nomem(e);
		goto out;
	}
	rc = proc_run(&(struct proc_opts){.argv = (const char *const *)argv.v,
			  .out = &out,
			  .deadline = MIN_OF(deadline, deadline_in(SSH_G_MS)),
			  .sigfd = sigfd},
	    &status, &mine);
	if (rc == -1 && mine.code == ERR_INTERRUPTED) {
		if (e != NULL && !err_is_set(e))
			*e = mine;
		goto out;
	}
	c->have_ssh = rc == 0;
	if (rc == -1 || status != 0) {
		log_debug("%s -G %s: %s", c->command.v[0], o->host,
		    rc == -1 ? mine.text : "failed, built-in values are used");
		rc = 0;
		goto out;
	}
	c->asked = true;
	rc = !buf_ok(&out) || sshconf_parse(c, buf_str(&out), home) == -1
		 ? err_set_nomem(e)
		 : 0;
out:
	sshconf_list_free(&argv);
	buf_free(&out);
	return rc;
}

/* --- all together ---------------------------------------------------------*/

static int
take_given(struct sshconf *c, const struct remote_opts *o, struct err *e)
{
	const char *agent = getenv("SSH_AUTH_SOCK");
	int rc = set_once(&c->host, o->host);

	c->port = o->port;
	if (o->user != NULL)
		rc |= set_once(&c->user, o->user);
	if (o->identity != NULL) {
		c->identity_given = true;
		rc |= sshconf_add(&c->identity, o->identity);
	}
	if (o->known_hosts != NULL) {
		c->known_given = true;
		rc |= sshconf_add(&c->known, o->known_hosts);
	}
	if (agent != NULL && *agent != '\0')
		rc |= set_once(&c->agent, agent);
	if (rc != 0)
		return err_set_nomem(e);
	return sshconf_words(
	    &c->command, o->ssh_command != NULL ? o->ssh_command : "ssh", e);
}

/* As ssh has them; RSA last, which older libssh2 can hardly use. */
static int
take_built_in(struct sshconf *c, const struct passwd *pw)
{
	static const char *const keys[] = {
	    "~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
	static const char *const known[] = {"~/.ssh/known_hosts",
	    "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts",
	    "/etc/ssh/ssh_known_hosts2"};
	struct buf who = BUF_INIT;
	bool v6 = strchr(c->host, ':') != NULL;
	int rc = set_once(&c->hostname, c->host);

	rc |= set_once(&c->user, pw->pw_name);
	if (c->port == 0)
		c->port = 22;
	for (size_t i = 0; !c->asked && !c->identity_given && i < NELEM(keys);
	     i++)
		rc |= add_file(&c->identity, keys[i], pw->pw_dir);
	for (size_t i = 0; !c->asked && !c->known_given && i < NELEM(known);
	     i++)
		rc |= add_file(&c->known, known[i], pw->pw_dir);
	buf_addf(&who, "%s@%s%s%s:%u", c->user == NULL ? "" : c->user,
	    v6 ? "[" : "", c->host, v6 ? "]" : "", c->port);
	c->who = buf_steal(&who);
	return rc | (c->who == NULL ? -1 : 0);
}

int
sshconf_resolve(struct sshconf *c, const struct remote_opts *o,
    int64_t deadline, int sigfd, struct err *e)
{
	const struct passwd *pw = getpwuid(geteuid());

	*c = (struct sshconf){.host = NULL};
	if (pw == NULL)
		return err_set(e, ERR_SSH, "user id %lu has no name",
		    (unsigned long)geteuid());
	if (take_given(c, o, e) == -1 ||
	    ask_ssh(c, o, pw->pw_dir, deadline, sigfd, e) == -1)
		return -1;
	if (take_built_in(c, pw) != 0)
		return err_set_nomem(e);
	return 0;
}

void
sshconf_free(struct sshconf *c)
{
	free(c->host);
	free(c->hostname);
	free(c->user);
	free(c->alias);
	free(c->who);
	free(c->proxy);
	free(c->certificate);
	free(c->agent);
	free(c->ciphers);
	sshconf_list_free(&c->identity);
	sshconf_list_free(&c->known);
	sshconf_list_free(&c->command);
	*c = (struct sshconf){.host = NULL};
}
