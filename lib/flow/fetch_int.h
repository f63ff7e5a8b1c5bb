/* Inside of fetch: one task and its three methods. */
#ifndef FLOW_FETCH_INT_H
#define FLOW_FETCH_INT_H

#include "core/parts.h"
#include "core/wire.h"
#include "flow/fetch.h"
#include "io/bulk.h"
#include "io/pagedelta.h"
#include "io/rsdelta.h"

#define FETCH_TMP ".standby-clone.tmp"
#define FETCH_SPAN 512        /* blocks per PAGES request */
#define FETCH_FILE_COST 65536 /* a small file costs more than its bytes */

struct task {
	struct task *next;
	struct fetch_job job; /* path is owned */
	int fd;               /* file that is written, or -1 */
	int basis_fd;         /* DELTA: the old content */
	bool requested;       /* the whole request has gone out */
	bool begun;           /* its first part has */
	bool retried;         /* second try, whole */
	bool spoiled;         /* DELTA: it made no sense, wait for its end */
	uint64_t received;    /* content bytes that arrived */
	uint64_t length;      /* of the file at fd */
	mode_t mode;          /* and its mode */
	uint64_t handled;     /* for the progress */
	uint32_t spared;      /* fetch_spare: pages of the target left alone */
	uint64_t cost;        /* counted against the window */
	/* PAGES */
	uint64_t local_size;
	uint32_t nblocks, next_block;
	uint8_t *hash;     /* nblocks * 16 */
	uint32_t peeked;   /* the next PEEK begins here or behind */
	uint32_t awaiting; /* pages of which parts were wanted and have not
			    * come */
	bool ended;        /* that alone is missing: it is in f->ended */
	struct wire_file_end end;
	/* DELTA */
	struct rssig *sig;
	struct rspatch *patch;
	/* COPY, DELTA */
	struct filedigest *digest;
};

/* Pages of which parts were wanted, in the order in which they will come. */
struct wanted_page {
	struct task *t;
	uint32_t block, map;
};
struct wanted {
	struct wanted_page *ring; /* NULL: none so far */
	uint32_t size, first, n;
};

struct fetch {
	struct fetch_opts o;
	struct task *head, **tail;        /* in the order of the requests */
	struct task *ended, **ended_tail; /* awaiting parts, in this order */
	struct task *sending;             /* first one not wholly requested */
	struct wanted wanted;
	size_t pending;
	uint64_t window; /* cost of what is requested and not answered */
	uint64_t done_bytes;
	uint64_t files, bytes;
	struct streamdigest *session;
	struct buf frame, out;
	uint8_t *block;    /* FETCH_SPAN * block_size */
	struct bulk *bulk; /* writes the file at the head of the queue */
	uint64_t spare_start;
	uint32_t spare_relseg; /* 0: every page is written */
};

/* How a kind of job asks, takes content, and ends. */
struct fetch_method {
	/* Queue the next part of the request; sets t->requested at the end. */
	int (*send)(struct fetch *f, struct task *t, struct err *e);
	/* One content frame behind its id. */
	int (*data)(struct fetch *f, struct task *t, const uint8_t *p, size_t n,
	    struct err *e);
	/* End of file: digest of what is in the target's file now; 1: that
	 * cannot be what was sent. */
	int (*finish)(struct fetch *f, struct task *t, uint64_t size,
	    uint8_t digest[WIRE_HASH], struct err *e);
	uint8_t frame; /* type of its content frames */
};
extern const struct fetch_method fetch_copy, fetch_pages, fetch_delta,
    fetch_read;
const struct fetch_method *fetch_method(const struct task *t);

void fetch_task_free(struct task *t);
/* FILE_END of the task at the head of the queue: check the content, put it in
 * its place, report it; or ask for it once more. */
int fetch_end(struct fetch *f, const struct wire_file_end *end, struct err *e);
/* Likewise of the first in f->ended, when the last of its parts has come. */
int fetch_end_complete(struct fetch *f, struct task *t,
    const struct wire_file_end *end, struct err *e);

/* What is in the file at t->fd now: n bytes from there on, fewer at its end. */
ssize_t fetch_pages_read(
    struct task *t, uint8_t *to, size_t n, uint64_t at, struct err *e);
/* PEEK: answer it. */
int fetch_parts_peek(
    struct fetch *f, const uint8_t *data, size_t n, struct err *e);
/* PATCH; ends the task that was waiting for it. */
int fetch_parts_patch(
    struct fetch *f, const uint8_t *data, size_t n, struct err *e);

int fetch_local_error(struct task *t, const char *what, struct err *e);
/* Open the file to write: its own name, or the temporary one. */
int fetch_open_new(struct fetch *f, struct task *t, struct err *e);
int fetch_write(
    struct task *t, const void *p, size_t n, uint64_t offset, struct err *e);
/* fetch_spare: write n bytes of whole pages from p but those that spare one of
 * the target, from the block on. */
int fetch_write_sparing(struct fetch *f, struct task *t, const uint8_t *p,
    size_t n, uint32_t block, struct err *e);
/* 1: the complete file at t->fd would replace such a page, and is not to be
 * renamed. */
int fetch_spare_file(struct fetch *f, struct task *t, struct err *e);
/* Beside the file, with FETCH_TMP at its end, by which what a killed run left
 * is known (core/exclude.c); of this task alone.  size: at least 1200. */
const char *fetch_tmp_name(const struct task *t, char *buf, size_t size);

#endif
