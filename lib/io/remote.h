/*
 * Start a program on another host over SSH, by libssh2 or by the ssh program:
 * the one place that chooses between them.
 */
#ifndef IO_REMOTE_H
#define IO_REMOTE_H

#include "base/std.h"
#include "io/transport.h"

enum remote_kind { REMOTE_AUTO, REMOTE_LIBSSH2, REMOTE_OPENSSH };

struct remote_opts {
	enum remote_kind kind;
	const char *host;        /* as the user wrote it; required */
	const char *user;        /* NULL: ssh -G, else current user */
	unsigned port;           /* 0: ssh -G, else 22 */
	const char *identity;    /* --ssh-identity, or NULL */
	const char *known_hosts; /* --known-hosts, or NULL */
	const char *fingerprint; /* --host-fingerprint "SHA256:...", or NULL */
	const char *ssh_command; /* --ssh-command, or NULL: "ssh" */
	int64_t connect_ms;      /* total, handshake included; 0: 10 s */
	/* Where the choice "ssh program instead of libssh2, because ..." is
	 * told, one line; may be NULL. */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

/*
 * Resolve (ssh -G where the program exists), connect, check the host key,
 * authenticate, and start command (a fixed word: the path of the agent; it is
 * refused when it holds anything but [A-Za-z0-9_./+-]).
 * The ssh program runs when this returns, no more: what it could not do shows
 * as the end of the stream before the first byte; transport_explain then tells.
 * Errors:
 * ERR_SSH_CONNECT, ERR_SSH_HOSTKEY, ERR_SSH_AUTH, ERR_SSH, ERR_TIMEOUT, each
 * with user@host:port, and a hint.  sigfd: stop with ERR_INTERRUPTED when it
 * gets readable; -1 for none.
 */
int remote_start(struct transport **t, const struct remote_opts *o,
    const char *command, int sigfd, struct err *e);

/* Did the server end the connection before login, as one does that has too many
 * of them (sshd's MaxStartups)?  By the words of the error. */
bool remote_dropped(const struct err *e);

/*
 * [USER@]HOST[:PORT], HOST may be [IPv6]: sets host, and user and port where
 * they are named.  text is cut into pieces and must outlive r.  ERR_USAGE.
 */
int remote_target(char *text, struct remote_opts *r, struct err *e);

/*
 * Where SSH to a database host goes: ssh, as remote_target, when it is given,
 * else host, the first of several ("db1,db2").  *text: memory behind r, freed
 * by the caller, also on -1.
 */
int remote_at(const char *ssh, const char *host, struct remote_opts *r,
    char **text, struct err *e);

#endif
