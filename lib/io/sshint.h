/* Shared by io/ssh.c, io/sshchan.c and io/sshauth.c only. */
#ifndef IO_SSHINT_H
#define IO_SSHINT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/ssh.h"
#include "io/transport.h"

#include <libssh2.h>

enum ssh_stuck {
	SSH_FREE,
	SSH_STUCK_READ, /* a read waits to send a window adjustment */
	SSH_STUCK_WRITE /* a write has sent a part of its packet */
};

struct ssh {
	struct transport t;
	const struct ssh_opts *o; /* during ssh_start only, then NULL */
	LIBSSH2_SESSION *session;
	LIBSSH2_CHANNEL *channel;
	int fd;
	int sigfd;
	/* What our recv and send callbacks check. */
	int64_t deadline;
	size_t budget; /* bytes we still take before login */
	size_t turn;   /* bytes until EAGAIN, so that a flood ends */
	bool late;     /* a callback saw the deadline pass */
	bool flooded;  /* the budget is used up */
	bool stopped;  /* interrupted */
	bool logged_in;
	struct buf head; /* what the server sent first, in clear */
	/* The exec channel. */
	enum ssh_stuck stuck;
	char *wbuf; /* taken by write, not yet given to libssh2 */
	size_t wpos, wlen;
	char *rbuf; /* read, and not yet asked for */
	size_t rpos, rlen;
	bool want_eof, eof_sent, eof_seen;
};

#define SSH_TURN ((size_t)4 * 1024 * 1024)
#define SSH_CHUNK ((size_t)32 * 1024)
/*
 * Every read of a channel asks for so much.  A read may have to enlarge the
 * window first; when that is not sent at once, libssh2 (1.10) reckons its size
 * anew from the next read's, and drops what the server sends beyond what it
 * then believes to have granted.
 */
#define SSH_READ ((size_t)64 * 1024)
#define SSH_GIVEN_UP (-1000) /* ssh_drive: e is set */

/*
 * Call step until it says something else than LIBSSH2_ERROR_EAGAIN, waiting in
 * between.  Returns its result, or SSH_GIVEN_UP with e set: time is up,
 * interrupted, too much data.  doing: "while ...", for the message.
 */
int ssh_drive(struct ssh *s, int (*step)(struct ssh *s, void *arg), void *arg,
    const char *doing, struct err *e);

/* End the session by the deadline, close the descriptor; s stays. */
void ssh_end(struct ssh *s, int64_t deadline);

extern const struct transport_ops sshchan_ops;

/* The text of libssh2 for the last error. */
const char *ssh_error(struct ssh *s);

/* True if this libssh2 signs RSA keys with SHA-1 only (before 1.11). */
bool ssh_rsa_is_weak(void);

/* Log in with keys; why as for ssh_start. */
int sshauth(struct ssh *s, struct buf *why, struct err *e);

#endif
