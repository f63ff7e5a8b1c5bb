/*
 * A program on another host through libssh2: one session, one exec channel,
 * no pty.  Everything is bounded by deadlines of ours (libssh2 has none).
 */
#ifndef IO_SSH_H
#define IO_SSH_H

#include "base/std.h"
#include "base/err.h"
#include "io/transport.h"

struct sshconf;

struct ssh_opts {
	const struct sshconf *conf;
	const char *fingerprint; /* admit exactly this host key; or NULL */
	const char *command;
	int64_t deadline; /* for all of ssh_start */
	int sigfd;
	/* Warnings (bad lines in known_hosts); may be NULL. */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

/*
 * Connect, check the host key, log in, start the command.  When it fails
 * because of something that this libssh2 cannot do and the ssh program may, why
 * (else "") says what, as a clause: "libssh2 1.10.0 signs RSA keys ...".
 */
int ssh_start(struct transport **t, const struct ssh_opts *o, struct buf *why,
    struct err *e);

#endif
