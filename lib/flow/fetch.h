/*
 * Fetch files: requests to an agent and what is done with its answers.  Jobs
 * are queued; requests go out while earlier answers come in (always several
 * under way); answers come in the order of the requests, but for the parts of
 * pages that differ: these are asked for when it is known which they are, and a
 * file that lacks some is done later.  Single-threaded and non-blocking: the
 * caller pumps the channel.
 */
#ifndef FLOW_FETCH_H
#define FLOW_FETCH_H

#include "base/std.h"
#include "base/err.h"
#include "core/plan.h"
#include "io/chan.h"
#include "io/tree.h"

#define FETCH_READ 32 /* job kind: the content goes to the caller's sink */
#define FETCH_SAME                                                             \
	128 /* job flag: the name must still lead to the same file             \
	     * after reading (WAL) */

struct fetch_job {
	uint32_t id;
	uint8_t kind;  /* ACT_COPY, ACT_PAGES, ACT_DELTA */
	uint8_t flags; /* ACT_*, FETCH_SAME */
	uint64_t size; /* of the source, from the manifest */
	uint32_t mode; /* of the target */
	const char *path;
};

struct fetch_result {
	uint32_t id;
	uint8_t status;     /* enum wire_file_status */
	uint64_t size;      /* of the file now */
	uint64_t changed;   /* bytes of content that were written: of a page
			     * that differs all, whatever came of it */
	uint8_t digest[16]; /* of the content, io/pagedelta.h */
	uint32_t bad;       /* pages of the source that are damaged */
	uint32_t first_bad; /* block number of the first of them */
	uint32_t spared;    /* right pages of the target that they would have
			     * replaced, and did not */
	bool settled;       /* of the source, as core/wire.h says */
	struct filestamp stamp;
};

struct fetch_opts {
	struct chan *agent;
	struct tree *tree; /* NULL: FETCH_READ only, until fetch_set_tree */
	uint64_t seed;
	uint32_t block_size;
	int (*done)(void *arg, const struct fetch_result *r, struct err *e);
	/* Content of a FETCH_READ job, in order. */
	int (*sink)(
	    void *arg, uint32_t id, const void *p, size_t n, struct err *e);
	void *arg;
};

struct fetch;
struct fetch *fetch_new(const struct fetch_opts *o, struct err *e);
void fetch_free(struct fetch *f);
void fetch_set_tree(struct fetch *f, struct tree *tree); /* borrowed */
/*
 * From now on a page that arrives damaged (core/pagesum.h) does not replace a
 * page of the target that has a right checksum: that may be the only copy left.
 * A file that would be renamed over one with such a page is dropped.  What the
 * target holds is then not what the source holds, so it must not be sealed.
 */
void fetch_spare(struct fetch *f, uint64_t start_lsn, uint32_t relseg_size);
int fetch_add(struct fetch *f, const struct fetch_job *job, struct err *e);
/* Queue requests while there is room.  Does at most one portion of local
 * reading (4 MiB); 1: more could be sent at once, 0: nothing to do now. */
int fetch_send(struct fetch *f, struct err *e);
/* One DATA, RUN, PEEK, PATCH, DELTA, SPAN or FILE_END frame (already
 * unpacked). */
int fetch_frame(struct fetch *f, uint8_t type, const uint8_t *data, size_t n,
    struct err *e);
size_t fetch_pending(const struct fetch *f); /* jobs not done */
/* The path of the job that is answered next, or NULL. */
const char *fetch_current(const struct fetch *f);
/* Bytes of source files dealt with so far: for the progress display. */
uint64_t fetch_handled(const struct fetch *f);
/* Sums over all answers, to be compared with the agent's DONE. */
void fetch_totals(
    struct fetch *f, uint64_t *files, uint64_t *bytes, uint8_t digest[16]);

#endif
