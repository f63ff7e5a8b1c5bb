/*
 * Frames (core/wire.h) over a transport.  Nothing here blocks but chan_wait.
 * Sending queues; the queue is written whenever chan_pump runs, so a peer that
 * sends a lot while we send a lot cannot lock both up.
 */
#ifndef IO_CHAN_H
#define IO_CHAN_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/transport.h"

struct pollfd;

#define CHAN_MAXEXTRA 64

struct frame {
	uint8_t type;
	const uint8_t *data; /* borrowed until the next chan_next or pump */
	size_t len;
};

struct chan {
	struct transport *t;
	struct buf out;  /* encoded frames, not yet offered to t */
	struct buf wbuf; /* being written: frozen until it is all written */
	size_t wpos;     /* bytes of wbuf already written */
	struct buf in;   /* bytes read and not yet decoded */
	size_t in_pos;
	bool eof;          /* the other end has ended its stream */
	bool rdone, wdone; /* no more reads, writes: end of file or error */
	bool paused;       /* do not read for now (agent side: nobody drains
			    * the stderr of a transport while it is paused) */
	int64_t last_in;   /* clock_ms of the last byte that came in */
	struct err fault;  /* first read or write error, reported by
			    * chan_pump behind the frames that came before */
};

/* Takes t over. */
void chan_init(struct chan *c, struct transport *t);
/* Queue one frame; payload in up to two parts (either may be NULL, 0). */
int chan_send(struct chan *c, uint8_t type, const void *a, size_t alen,
    const void *b, size_t blen, struct err *e);
int chan_send_buf(
    struct chan *c, uint8_t type, const struct buf *payload, struct err *e);
/* Queue bytes as they are, before the first frame (an upload to a shell). */
int chan_send_raw(struct chan *c, const void *data, size_t n, struct err *e);
size_t chan_queued(const struct chan *c); /* bytes not yet written */
/* Write what can be written, read what is there (up to a few MiB).  An error of
 * the transport is returned only when all frames that came before it have been
 * taken by chan_next: the other end's ERR frame says more than EPIPE. */
int chan_pump(struct chan *c, struct err *e);
/* 1: *f is the next frame; 0: no complete frame; -1: bad frame, e set
 * (ERR_PROTOCOL).  At end of file inside a frame: -1. */
int chan_next(struct chan *c, struct frame *f, struct err *e);
/* Fill fds (TRANSPORT_MAXPOLL entries) for poll; unused ones get fd -1.  *ready
 * is set when there is something to do without waiting: a complete frame, bytes
 * inside the transport, an error.  Returns the number of entries. */
int chan_pollfds(struct chan *c, struct pollfd *fds, bool *ready);
/* Wait until the channel can make progress, one of the n extra descriptors
 * (0 to CHAN_MAXEXTRA, revents are filled) is ready, or the deadline; returns
 * 0, or -1 on a poll error. */
int chan_wait(struct chan *c, struct pollfd *extra, size_t n, int64_t deadline,
    struct err *e);
/* Write the whole queue (blocking, until the deadline; ERR_TIMEOUT).  Also
 * reads, as chan_pump does. */
int chan_flush(struct chan *c, int64_t deadline, struct err *e);
/* Close the transport; safe on a zeroed struct and twice. */
void chan_close(struct chan *c, int64_t deadline, struct transport_exit *x);

#endif
