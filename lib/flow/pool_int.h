/* Inside of flow/pool.c: its members, and who is asked for what. */
#ifndef FLOW_POOL_INT_H
#define FLOW_POOL_INT_H

#include "base/filestamp.h"
#include "flow/pool.h"
#include "io/chan.h"
#include "io/pagedelta.h"
#include "io/zip.h"

#define POOL_MAX 32
#define POOL_FILE_COST 16384          /* bytes that a file costs besides */
#define POOL_READ_ID (WIRE_NO_ID - 1) /* of pool_read_file */

enum state {
	WAITING,  /* to be told to connect */
	STARTING, /* connecting */
	READY,
	FAILED, /* left out: could not connect, or ended before it had a job */
	ENDED   /* said BYE */
};

struct member {
	struct pool *pool;
	pid_t pid;
	int fd; /* of c, for the children to close */
	enum state state;
	struct chan c;
	struct err failure; /* why it could not connect */
	unsigned failures;  /* to connect */
	int64_t retry_at;
	char *name;
	size_t jobs; /* held by it */
	bool fed;    /* it had some */
	uint64_t cost;
	struct pool_progress progress;
	bool opened, answered;
	struct filestamp_clock clock; /* of the source, when it opened */
	struct buf path;              /* of the file that it is at */
	uint64_t speed;               /* bytes per second that came lately */
	int64_t speed_at;
	uint64_t speed_in;
	uint64_t rate; /* bytes per second that it may send */
};

struct pool {
	struct pool_opts o;
	unsigned n;
	struct member m[POOL_MAX];
	struct zip *zip;
	/* who is called for: the first of m */
	unsigned crew;
	unsigned drops; /* connections that failed and are tried again */
	int64_t next_connect, patience;
	bool told;
	/* what all were told, for those that come later */
	struct buf open, tree, verify, spare;
	uint64_t system_identifier, dev, ino;
	struct filestamp_clock clock; /* when the first of them opened */
	uint64_t rate, rate_late;     /* of all; of one until it is divided */
	int64_t shared_at;
	/* the job under way */
	const struct pool_work *work;
	size_t outstanding;
	/* the answer of the request under way */
	struct pool_source *source;
	struct buf *control;
	struct buf *file; /* pool_read_file */
	size_t file_max;
	struct fetch_result file_result;
	struct manifest *list;
	struct streamdigest *list_digest;
	uint64_t list_specials;
	bool list_done;
	pool_config_fn *config_cb; /* pool_config */
	void *config_arg;
	unsigned config_files;
	/* a listing beside the jobs */
	struct manifest side;
	int (*side_cb)(void *, const struct manifest *, struct err *);
	void *side_arg;
	struct buf raw, group;
};

/* What a job counts against what a worker may hold. */
static inline uint64_t
pool_cost(uint64_t size)
{
	return size + POOL_FILE_COST;
}

/* pool.c: one wait of at most 200 ms, then everything that came. */
int pool_turn(struct pool *p, int64_t deadline, struct err *e);
/* pool_crew.c: tell those to connect whose turn it is; is there any? */
int pool_recruit(struct pool *p, struct err *e);
bool pool_recruiting(const struct pool *p);
/* It could not connect. */
void pool_refused(struct member *m, const struct err *why);
/* It ended: an error, unless it had no job yet; then it is left out. */
int pool_lost(struct member *m, const struct err *why, struct err *e);
/* It is connected: what the others were told. */
int pool_welcome(struct member *m, struct err *e);
/* Nobody is waited for any more. */
void pool_dismiss(struct pool *p);
void pool_let_go(struct member *m);
/* Divide the rate, where it is time. */
int pool_share(struct pool *p, struct err *e);
/* pool_ask.c: to every member that is there. */
int pool_send_all(
    struct pool *p, uint8_t type, const struct buf *b, struct err *e);
/* pool_frame.c */
int pool_member_frame(struct member *m, const struct frame *f, struct err *e);

#endif
