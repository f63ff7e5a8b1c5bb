/*
 * Inside of flow/agent.c and its parts: agent_io.c (the channel: keep-alive,
 * bounds), agent_send.c (content: compression, rate), agent_open.c (OPEN,
 * CONTROL, MANIFEST), agent_files.c (BATCH, SIG), agent_pages.c (PAGES),
 * agent_hold.c (PEEK, WANT, PATCH), agent_verify.c (VERIFY: checksums of
 * pages), agent_config.c (CONFIG), agent_operate.c (OPERATE), agent_guest.c
 * (limits).
 */
#ifndef FLOW_AGENT_INT_H
#define FLOW_AGENT_INT_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/filestamp.h"
#include "core/parts.h"
#include "core/pgcontrol.h"
#include "core/squeeze.h"
#include "core/wire.h"
#include "io/chan.h"
#include "io/fskind.h"
#include "io/pagecache.h"
#include "io/pagedelta.h"
#include "io/rsdelta.h"
#include "io/tree.h"
#include "io/load.h"
#include "io/zip.h"

#include <sys/resource.h>

#define AGENT_OUT_MAX (1024u * 1024u)     /* bytes that wait for the client */
#define AGENT_IN_MAX (8u * 1024u * 1024u) /* requests that wait for us */
#define AGENT_READ (1024u * 1024u)        /* bytes of a read of PAGES */

/* A file that several frames talk about. */
struct agent_file {
	bool active; /* FIRST was seen, LAST was not */
	uint32_t id;
	int fd; /* -1: see status */
	uint8_t status;
	uint64_t limit, size; /* size: bytes covered so far */
	char *path;
	struct filedigest *digest;
	bool verify;             /* it has pages with checksums */
	uint32_t block;          /* number of its first block in the fork */
	uint32_t bad, first_bad; /* as in struct wire_file_end */
	bool settled;
	struct filestamp stamp;
	struct pagecache cache;
};

struct agent {
	struct chan *c;
	bool greeted; /* HELLO came and matched */
	const char *program_dir;

	/* As they were when we began: for what we start. */
	struct rlimit memory, core;
	mode_t umask;

	/* Requests that came in while another one was served. */
	struct buf queue;
	size_t queue_pos;
	bool done_queued; /* the client may close its end now */
	struct buf req;   /* payload of the request being served */
	uint32_t id;      /* of the file being served, for ERR */
	int64_t next_ping, heard, ticked; /* clock_ms */
	int64_t waited;                   /* us in agent_io_pause so far */

	/* OPEN */
	struct filestamp_clock opened; /* when it came */
	struct fskind fskind;
	struct tree *t; /* NULL: not opened */
	uint64_t seed;
	uint32_t block_size;
	char tblspc_dir[64]; /* "PG_15_202209061" */
	const char *wal_dir;
	int version; /* as pg_control has it */
	struct zip *zip;
	bool zipping;
	struct buf raw, zipped; /* of one frame */
	struct squeeze squeeze;
	struct agent_window {
		int64_t at, cpu, waited; /* clocks at its beginning; us */
		uint64_t raw;
	} window;
	struct load load;

	/* VERIFY */
	bool has_sums;        /* the cluster's pages have checksums */
	uint32_t relseg_size; /* blocks of a segment */
	bool verify;
	uint64_t start_lsn;

	/* --max-rate: bytes that may be sent now; may fall below 0 */
	uint64_t max_rate;
	int64_t tokens, token_part, tokens_at;
	uint64_t paid; /* bytes sent that were taken from them */
	size_t chunk;  /* bytes of a data frame, whole blocks */

	uint64_t bytes_read, bytes_sent, files;
	struct streamdigest *ends; /* of all FILE_END payloads */

	uint8_t *data; /* AGENT_READ bytes */
	struct agent_file pages, sig;
	uint32_t pages_next; /* block that the next span begins with */
	bool pages_eof;
	struct agent_hold {
		uint8_t *page;     /* PARTS_HELD bytes; NULL: none so far */
		struct held *slot; /* a ring; for each of these pages */
		uint32_t size;     /* of the ring */
		uint32_t first, n; /* the oldest, how many are held */
		uint32_t answered; /* of these, from the oldest on */
		struct buf peek;   /* a frame to be; empty: none */
		struct buf patch;
	} hold;
	struct rsdiff *diff;
};

/* Serve the channel for a moment without waiting: PING, PONG, end of file,
 * silence; other frames are queued. */
int agent_io_tick(struct agent *a, struct err *e);
/* The same when there is something to write or it is time: for loops over
 * small things, so that they do not make two system calls for each. */
int agent_io_breathe(struct agent *a, struct err *e);
/* Until something can be done, or the deadline, or a PING is due. */
int agent_io_pause(struct agent *a, int64_t deadline, struct err *e);
/* The same for that long. */
int agent_io_sleep(struct agent *a, int64_t ms, struct err *e);
/* The same until fd (-1: none) is readable or the time has come. */
int agent_io_wait(struct agent *a, int fd, int64_t until, struct err *e);
/* The next request in *type and a->req; waits for it. */
int agent_io_next(struct agent *a, uint8_t *type, struct err *e);
/* Send a frame of which much may come: compressed when it pays, at the rate
 * allowed, and not before the queue is short.  head may be NULL, 0. */
int agent_io_data(struct agent *a, uint8_t type, const void *head, size_t hn,
    const void *data, size_t n, struct err *e);

/* At OPEN. */
void agent_send_begin(struct agent *a);
/* Wait until the queue towards the client is short: before each answer. */
int agent_send_room(struct agent *a, struct err *e);
/* RATE, whenever it comes. */
int agent_send_rate(struct agent *a, const void *data, size_t n, struct err *e);

int agent_open(struct agent *a, struct err *e);
/* Both clocks of this host, now. */
void agent_open_clock(struct filestamp_clock *c);
/* Read the links again when path lies in a tablespace that is not known. */
int agent_open_tablespace(struct agent *a, const char *path, struct err *e);
int agent_open_control(struct agent *a, struct err *e);
int agent_open_manifest(struct agent *a, struct err *e);

/* Borrowed text of the wire as a C string; ERR_PROTOCOL when it is not a path
 * of core/path.h.  free() it. */
char *agent_files_path(const struct wire_str *s, struct err *e);
/* Open f->path for reading; sets f->fd or f->status.  -1: ERR_SOURCE_IO. */
int agent_files_open(struct agent *a, struct agent_file *f, struct err *e);
/* n bytes from off on into a->data, fewer only at the end of the file, and
 * their pages verified.  A file is read once and in order. */
ssize_t agent_files_read(struct agent *a, struct agent_file *f, size_t n,
    uint64_t off, struct err *e);
/* Send FILE_END and let go of the file. */
int agent_files_end(struct agent *a, struct agent_file *f, struct err *e);
void agent_files_free(struct agent_file *f);
int agent_files_batch(struct agent *a, struct err *e);
int agent_files_sig(struct agent *a, struct err *e);

int agent_config(struct agent *a, struct err *e);
int agent_pages(struct agent *a, struct err *e);

/* Hold a page of a->pages for the next PEEK; 0: there is no room. */
int agent_hold_page(
    struct agent *a, uint32_t block, const uint8_t *page, struct err *e);
/* Send the PEEK of the pages held since the last one. */
int agent_hold_peek(struct agent *a, struct err *e);
/* WANT, whenever it comes. */
int agent_hold_want(struct agent *a, const void *data, size_t n, struct err *e);
/* PATCH of all pages that were answered: between other frames. */
int agent_hold_serve(struct agent *a, struct err *e);
void agent_hold_free(struct agent *a);

int agent_verify_request(struct agent *a, struct err *e);
/* What the pages of the cluster are like; after a->block_size is known. */
void agent_verify_cluster(struct agent *a, const struct pgcontrol *c);
/* A file is about to be read: have its pages checksums? */
void agent_verify_begin(const struct agent *a, struct agent_file *f);
/*
 * The n bytes at a->data were read from the offset of the file, and will be
 * hashed and sent.  A page that is not right may just be written by the server:
 * it is read again, in its place, until it is right or was wrong five times,
 * 20 ms apart.  Counts in f what stays wrong.  -1: ERR_SOURCE_IO, or the
 * client is gone.
 */
int agent_verify(struct agent *a, struct agent_file *f, uint64_t off, size_t n,
    struct err *e);
int agent_operate(struct agent *a, struct err *e);

/* Bounded memory, no core files, private files. */
void agent_guest_begin(struct agent *a);
/* Without these bounds, around the start of a program; and with them again. */
void agent_guest_lift(const struct agent *a, bool lifted);
/* Last in the queue for disk and processor, from now on. */
void agent_guest_yield(void);

#endif
