/*
 * A non-blocking, two-way byte stream to another process, and what is known of
 * its end.  Three kinds stand behind it: a libssh2 channel (io/ssh.h), the ssh
 * program as a child (io/sshcmd.h), a pair of descriptors (transport_fds).
 */
#ifndef IO_TRANSPORT_H
#define IO_TRANSPORT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct pollfd;
struct transport;

/* How the other end came to its end; filled by transport_close. */
struct transport_exit {
	bool known;      /* exit status or signal was reported */
	int status;      /* exit status, when signal is empty */
	char signal[32]; /* "KILL", ..., or "" */
};

#define TRANSPORT_AGAIN (-2)         /* nothing now: poll, then call again */
#define TRANSPORT_PIPE (1024 * 1024) /* bytes that our pipes hold */
#define TRANSPORT_MAXPOLL 3          /* descriptors one transport may ask for */

/* Driver: each kind embeds struct transport as its first member. */
struct transport_ops {
	/* > 0 bytes, 0 end of stream, -1 error in e, TRANSPORT_AGAIN. */
	ssize_t (*read)(struct transport *t, void *to, size_t n, struct err *e);
	/* > 0 bytes taken, -1 error in e, TRANSPORT_AGAIN.  What was taken
	 * may still lie inside: reads and pollfds move it on, and close tries
	 * to, within its deadline. */
	ssize_t (*write)(
	    struct transport *t, const void *from, size_t n, struct err *e);
	/* Fill up to TRANSPORT_MAXPOLL entries with the events to wait for
	 * when a read (always wanted) or a write (if want_write) said AGAIN.
	 * Returns their number.  0 with data already buffered inside: see
	 * pending. */
	int (*pollfds)(
	    struct transport *t, bool want_write, struct pollfd *fds);
	/* True if a read would give data without any descriptor becoming
	 * ready (bytes already decrypted inside).  May be NULL. */
	bool (*pending)(struct transport *t);
	/* No more writes: the other end sees end of file. */
	void (*shutdown)(struct transport *t);
	/* End it within the deadline, free everything, t included. */
	void (*close)(
	    struct transport *t, int64_t deadline, struct transport_exit *x);
	/* See transport_explain; fills x, may set e.  May be NULL. */
	void (*explain)(
	    struct transport *t, struct transport_exit *x, struct err *e);
};

struct transport {
	const struct transport_ops *ops;
	char *name;          /* "postgres@db1:22", for messages; owned */
	struct buf err_text; /* last <= 64 kB of the other end's stderr, raw */
	uint64_t bytes_in;   /* as counted by us above encryption */
	uint64_t bytes_out;
};

static inline ssize_t
transport_read(struct transport *t, void *to, size_t n, struct err *e)
{
	return t->ops->read(t, to, n, e);
}

static inline ssize_t
transport_write(struct transport *t, const void *from, size_t n, struct err *e)
{
	return t->ops->write(t, from, n, e);
}

/*
 * The stream ended before the other end said hello: find out why, in at most
 * two seconds.  Sets e, always (ERR_SSH_HOSTKEY, ERR_SSH_AUTH, ERR_SSH_CONNECT,
 * ERR_SSH, ERR_AGENT), with the end of its stderr as detail.  x: how it ended,
 * or NULL.  t stays open: close it afterwards.
 */
void transport_explain(
    struct transport *t, struct transport_exit *x, struct err *e);

/* The last lines of t->err_text on one line, safe for a terminal; cut to
 * size.  "" when there is nothing. */
void transport_stderr_tail(const struct transport *t, char *to, size_t size);

/* For the drivers: keep the last 64 kB of stderr in t->err_text; set up and
 * release the fields of struct transport (name is copied). */
void transport_keep_stderr(struct transport *t, const void *data, size_t n);
int transport_init(struct transport *t, const struct transport_ops *ops,
    const char *name, struct err *e);
void transport_fini(struct transport *t);

/* NULL-safe; x may be NULL; deadline of base/clock.h bounds the teardown. */
void transport_close(
    struct transport *t, int64_t deadline, struct transport_exit *x);

/*
 * A transport over two descriptors (equal for a socket), which it owns and sets
 * to O_NONBLOCK.  name is copied.  Returns NULL with e set.
 */
struct transport *transport_fds(
    int rfd, int wfd, const char *name, struct err *e);

#endif
