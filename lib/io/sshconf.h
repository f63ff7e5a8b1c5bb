/*
 * Where an SSH connection goes and with what: the options of the user, then
 * what "ssh -G HOST" says (so that ~/.ssh/config counts), then built-in values.
 */
#ifndef IO_SSHCONF_H
#define IO_SSHCONF_H

#include "base/std.h"
#include "base/err.h"

struct remote_opts;

struct sshconf_list {
	char **v; /* owned strings, NULL behind the last */
	size_t n;
};

struct sshconf {
	char *host;     /* as the user wrote it */
	char *hostname; /* where to connect to */
	char *user;
	unsigned port;
	char *alias;       /* HostKeyAlias, or NULL */
	char *who;         /* "user@host:port", for messages */
	char *proxy;       /* "ProxyJump bastion": libssh2 cannot; or NULL */
	char *certificate; /* CertificateFile, or NULL */
	char *agent;       /* agent socket, or NULL */
	char *ciphers;     /* as the ssh program would ask for, or NULL */
	struct sshconf_list identity;
	struct sshconf_list known;   /* known_hosts files */
	struct sshconf_list command; /* the ssh program, as words */
	bool identity_given;         /* by the user: must exist */
	bool identity_only; /* IdentitiesOnly: of the agent, these alone */
	bool known_given;   /* by the user: must exist */
	bool have_ssh;      /* the program is there */
	bool asked;         /* and it knows -G (6.8 and newer) */
};

/*
 * Fill c; free it also after a failure.  ssh -G is given five seconds, and at
 * most the deadline.  No ssh program, or one that cannot do -G: built-in
 * values.
 */
int sshconf_resolve(struct sshconf *c, const struct remote_opts *o,
    int64_t deadline, int sigfd, struct err *e);

/* The output of ssh -G into c, where nothing is set yet; home: for "~/". */
int sshconf_parse(struct sshconf *c, const char *text, const char *home);

/* Split at white space; '...', "..." and \ as in a shell, nothing else.
 * -1: a quote is not closed (ERR_USAGE), or no memory. */
int sshconf_words(struct sshconf_list *l, const char *s, struct err *e);

int sshconf_add(struct sshconf_list *l, const char *s);
void sshconf_list_free(struct sshconf_list *l);
void sshconf_free(struct sshconf *c);

#endif
