#include "base/std.h"
#include "base/bytes.h"
#include "base/log.h"
#include "io/rsdelta.h"

#include <librsync.h>

/*
 * librsync trusts what it reads and ends the process when it cannot allocate
 * (faults.md 0.6), so every number of a peer is checked here before librsync
 * sees it, and its output is counted here.
 */
#define BLOCK_MIN 1024u
#define BLOCK_MAX 65536u
#define BLOCK_STEP 128u
#define STRONG_LEN 32u
#define SIG_HEADER 12u /* magic, block length, strong length: u32 */
#define SIG_BLOCK (4u + STRONG_LEN)
#define SAME_WEAK_MAX 64u /* blocks with one weak and different strong sums */
#define OUT_PART 65536u
#define READ_PART (256u * 1024u)

/* Delta commands of librsync, for content that is sent without looking. */
#define OP_END 0x00
#define OP_LITERAL_N4 0x43
#define LITERAL_PART (1u << 30)

/* CPU time one file may cost beyond what its length explains (librsync does
 * 400 MB/s; hostile sums make it hash a whole block for each byte). */
#define BUDGET_NS INT64_C(1000000000)
#define BUDGET_NS_PER_KIB (INT64_C(100) * 1000)

static void
trace(rs_loglevel level, char const *msg)
{
	size_t n = strcspn(msg, "\n");

	(void)level;
	log_debug("librsync: %.*s", (int)MIN_OF(n, 1000), msg);
}

void
rsdelta_init(void)
{
	rs_trace_to(trace);
	rs_trace_set_level(RS_LOG_WARNING);
}

static uint64_t
square_root(uint64_t n)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
		if ((root | bit) * (root | bit) <= n)
			root |= bit;
	return root;
}

uint32_t
rsdelta_block_len(uint64_t basis_size)
{
	uint64_t n = square_root(basis_size) / BLOCK_STEP * BLOCK_STEP;

	if (n < BLOCK_MIN)
		return BLOCK_MIN;
	return n > BLOCK_MAX ? BLOCK_MAX : (uint32_t)n;
}

static uint64_t
blocks(uint64_t size, uint32_t block_len)
{
	return size / block_len + (size % block_len != 0);
}

/* No overflow: block_len >= 1024 > SIG_BLOCK. */
static uint64_t
sig_size(uint64_t size, uint32_t block_len)
{
	return SIG_HEADER + SIG_BLOCK * blocks(size, block_len);
}

uint64_t
rsdelta_sig_size(uint64_t basis_size)
{
	return sig_size(basis_size, rsdelta_block_len(basis_size));
}

/*
 * Run job once: input from *data, at most room bytes appended to out.  Moves
 * *data and *n behind what was used.
 */
static rs_result
iterate(rs_job_t *job, const uint8_t **data, size_t *n, bool last,
    struct buf *out, size_t room, size_t *made)
{
	rs_buffers_t b = {0};
	rs_result r;
	char *p;

	*made = 0;
	if ((p = buf_reserve(out, room)) == NULL)
		return RS_MEM_ERROR;
	/* librsync only reads here; its field is not const. */
	b.next_in = (char *)(uintptr_t)*data;
	b.avail_in = *n;
	b.eof_in = last;
	b.next_out = p;
	b.avail_out = room;
	r = rs_job_iter(job, &b);
	if (*n > b.avail_in)
		*data += *n - b.avail_in;
	*n = b.avail_in;
	*made = room - b.avail_out;
	out->len += *made;
	out->data[out->len] = '\0';
	return r;
}

/* All of data through job.  Returns RS_DONE, RS_BLOCKED (more input wanted) or
 * what went wrong. */
static rs_result
run(rs_job_t *job, const uint8_t **data, size_t *n, bool last, struct buf *out)
{
	size_t made;
	rs_result r;

	do {
		r = iterate(job, data, n, last, out, OUT_PART, &made);
	} while (r == RS_BLOCKED && (made == OUT_PART || *n > 0));
	return r;
}

static int
rs_fail(struct err *e, enum err_code code, const char *what, rs_result r)
{
	if (r == RS_MEM_ERROR)
		return err_set_nomem(e);
	return err_set(e, code, "%s: %s", what, rs_strerror(r));
}

/* ---- signature ---- */

struct rssig {
	rs_job_t *job;
	char *part; /* READ_PART bytes */
	int fd;
	uint64_t size, pos;
	bool done;
};

struct rssig *
rssig_new(int fd, uint64_t size, struct err *e)
{
	struct rssig *s;

	if (rsdelta_sig_size(size) > RSDELTA_SIG_MAX) {
		(void)err_set(e, ERR_INTERNAL,
		    "file of %" PRIu64 " bytes is too large for librsync",
		    size);
		return NULL;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	s->fd = fd;
	s->size = size;
	s->part = malloc(READ_PART);
	s->job = rs_sig_begin(
	    rsdelta_block_len(size), STRONG_LEN, RS_RK_BLAKE2_SIG_MAGIC);
	if (s->part == NULL || s->job == NULL) {
		rssig_free(s);
		(void)err_set_nomem(e);
		return NULL;
	}
	return s;
}

/* Up to n bytes at pos; as pread, but not interrupted. */
static ssize_t
read_at(int fd, void *to, size_t n, uint64_t pos)
{
	ssize_t got;

	do {
		got = pread(fd, to, n, (off_t)pos);
	} while (got == -1 && errno == EINTR);
	return got;
}

int
rssig_step(struct rssig *s, struct buf *out, struct err *e)
{
	size_t want = (size_t)MIN_OF(s->size - s->pos, READ_PART), n;
	const uint8_t *p = (const uint8_t *)s->part;
	ssize_t got = 0;
	rs_result r;

	if (s->done)
		return 1;
	if (want > 0 && (got = read_at(s->fd, s->part, want, s->pos)) == -1)
		return err_set_errno(e, ERR_TARGET_IO, "read");
	if (want > 0 && got == 0)
		return err_set(
		    e, ERR_TARGET_IO, "file became shorter while it was read");
	s->pos += (uint64_t)got;
	n = (size_t)got;
	r = run(s->job, &p, &n, s->pos == s->size, out);
	if (r != RS_DONE && (r != RS_BLOCKED || s->pos == s->size))
		return rs_fail(e, ERR_INTERNAL, "signature", r);
	s->done = r == RS_DONE;
	return s->done;
}

void
rssig_free(struct rssig *s)
{
	if (s == NULL)
		return;
	if (s->job != NULL)
		(void)rs_job_free(s->job);
	free(s->part);
	free(s);
}

/* ---- delta ---- */

struct rsdiff {
	rs_job_t *load, *job;
	rs_signature_t *sig;
	uint64_t basis;
	uint64_t want; /* bytes the signature has, known with the header */
	uint64_t have;
	uint8_t head[SIG_HEADER];
	struct buf sums; /* per block: weak sum, four bytes of the strong */
	uint8_t block[SIG_BLOCK];
	size_t filled; /* of block */
	int64_t spent_ns, budget_ns;
	bool literal; /* over budget: the rest goes out as it is */
	bool done;
};

struct rsdiff *
rsdiff_new(uint64_t basis_size, struct err *e)
{
	struct rsdiff *d = calloc(1, sizeof(*d));

	if (d == NULL || (d->load = rs_loadsig_begin(&d->sig)) == NULL) {
		free(d);
		(void)err_set_nomem(e);
		return NULL;
	}
	d->basis = basis_size;
	d->budget_ns = BUDGET_NS;
	return d;
}

/* The header is complete: may librsync see it? */
static int
check_header(struct rsdiff *d, struct err *e)
{
	uint32_t magic = bytes_be32(d->head), len = bytes_be32(d->head + 4);
	uint32_t strong = bytes_be32(d->head + 8);

	if (magic != RS_RK_BLAKE2_SIG_MAGIC || strong != STRONG_LEN)
		return err_set(e, ERR_PROTOCOL,
		    "signature of an unknown kind (0x%08" PRIx32 ", %" PRIu32
		    ")",
		    magic, strong);
	if (len < BLOCK_MIN || len > BLOCK_MAX || len % BLOCK_STEP != 0)
		return err_set(e, ERR_PROTOCOL,
		    "signature with blocks of %" PRIu32 " bytes", len);
	d->want = sig_size(d->basis, len);
	if (d->want > RSDELTA_SIG_MAX)
		return err_set(e, ERR_PROTOCOL,
		    "signature of %" PRIu64 " bytes is too large", d->want);
	return 0;
}

static int
load(struct rsdiff *d, const uint8_t *p, size_t n, bool last, struct err *e)
{
	struct buf none = BUF_INIT;
	rs_result r = run(d->load, &p, &n, last, &none);
	size_t made = none.len;

	buf_free(&none);
	if (made != 0 || n != 0 || r != (last ? RS_DONE : RS_BLOCKED))
		return rs_fail(e, ERR_PROTOCOL, "signature", r);
	return 0;
}

/* Keep weak sum and a part of the strong sum of each block for check_sums. */
static void
note_sums(struct rsdiff *d, const uint8_t *p, size_t n)
{
	size_t part;

	while (n > 0) {
		part = MIN_OF(n, sizeof(d->block) - d->filled);
		memcpy(d->block + d->filled, p, part);
		d->filled += part;
		p += part;
		n -= part;
		if (d->filled == sizeof(d->block)) {
			buf_add(&d->sums, d->block, 8);
			d->filled = 0;
		}
	}
}

int
rsdiff_sig(struct rsdiff *d, const void *data, size_t n, struct err *e)
{
	const uint8_t *p = data;
	size_t part;

	if (d->have < SIG_HEADER && n > 0) {
		part = MIN_OF(n, (size_t)(SIG_HEADER - d->have));
		memcpy(d->head + d->have, p, part);
		d->have += part;
		p += part;
		n -= part;
		if (d->have < SIG_HEADER)
			return 0;
		if (check_header(d, e) == -1 ||
		    load(d, d->head, SIG_HEADER, false, e) == -1)
			return -1;
	}
	if (n == 0)
		return 0;
	if (n > d->want - d->have)
		return err_set(e, ERR_PROTOCOL,
		    "signature is longer than %" PRIu64 " bytes", d->want);
	d->have += n;
	note_sums(d, p, n);
	return load(d, p, n, false, e);
}

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

/*
 * librsync's hash table takes quadratic time when many blocks share a weak sum
 * and differ.  In a real file that happens by chance only: refuse it.
 */
static int
check_sums(struct rsdiff *d, struct err *e)
{
	size_t n = d->sums.len / 8, same = 0;
	const char *p = d->sums.data;

	if (!buf_ok(&d->sums))
		return err_set_nomem(e);
	if (n > 0)
		qsort(d->sums.data, n, 8, by_bytes);
	for (size_t i = 1; i < n; i++) {
		if (memcmp(p + 8 * i, p + 8 * i - 8, 4) != 0)
			same = 0;
		else if (memcmp(p + 8 * i, p + 8 * i - 8, 8) != 0)
			same++;
		if (same > SAME_WEAK_MAX)
			return err_set(e, ERR_PROTOCOL,
			    "signature with too many equal sums");
	}
	buf_free(&d->sums);
	return 0;
}

int
rsdiff_sig_end(struct rsdiff *d, struct err *e)
{
	rs_result r;

	if (d->have < SIG_HEADER || d->have != d->want)
		return err_set(e, ERR_PROTOCOL,
		    "signature ended after %" PRIu64 " bytes", d->have);
	if (check_sums(d, e) == -1 || load(d, NULL, 0, true, e) == -1)
		return -1;
	if ((r = rs_build_hash_table(d->sig)) != RS_DONE)
		return rs_fail(e, ERR_PROTOCOL, "signature", r);
	if ((d->job = rs_delta_begin(d->sig)) == NULL)
		return err_set_nomem(e);
	return 0;
}

static void
add_literal(struct buf *out, const uint8_t *p, size_t n)
{
	size_t part;

	for (; n > 0; n -= part, p += part) {
		part = MIN_OF(n, LITERAL_PART);
		buf_add_u8(out, OP_LITERAL_N4);
		buf_add_u32(out, (uint32_t)part);
		buf_add(out, p, part);
	}
}

static int64_t
cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* One portion through librsync, its CPU time counted. */
static int
diff_part(struct rsdiff *d, const uint8_t *p, size_t n, bool last,
    struct buf *out, struct err *e)
{
	int64_t start = cpu_ns();
	rs_result r = run(d->job, &p, &n, last, out);

	d->spent_ns += cpu_ns() - start;
	if (r != (last ? RS_DONE : RS_BLOCKED) || n != 0)
		return rs_fail(e, ERR_INTERNAL, "delta", r);
	return 0;
}

/* End librsync's part of the delta, without its END command. */
static int
go_literal(struct rsdiff *d, struct buf *out, struct err *e)
{
	d->literal = true;
	log_debug("delta costs too much, the rest is sent whole");
	if (diff_part(d, NULL, 0, true, out, e) == -1)
		return -1;
	if (out->len == 0 || out->data[out->len - 1] != OP_END)
		return err_set(e, ERR_INTERNAL, "delta without an end");
	out->data[--out->len] = '\0';
	return 0;
}

int
rsdiff_step(struct rsdiff *d, const void *data, size_t n, bool last,
    struct buf *out, struct err *e)
{
	const uint8_t *p = data;
	size_t part;

	if (d->job == NULL || d->done)
		return err_set(e, ERR_INTERNAL, "delta out of order");
	d->done = last;
	while (!d->literal && (n > 0 || last)) {
		part = MIN_OF(n, OUT_PART);
		if (diff_part(d, p, part, last && part == n, out, e) == -1)
			return -1;
		d->budget_ns += (int64_t)(part / 1024) * BUDGET_NS_PER_KIB;
		if (last && part == n)
			return 0;
		p = part == 0 ? p : p + part;
		n -= part;
		if (d->spent_ns > d->budget_ns && go_literal(d, out, e) == -1)
			return -1;
	}
	add_literal(out, p, n);
	if (last && d->literal)
		buf_add_u8(out, OP_END);
	return buf_ok(out) ? 0 : err_set_nomem(e);
}

void
rsdiff_free(struct rsdiff *d)
{
	if (d == NULL)
		return;
	if (d->job != NULL)
		(void)rs_job_free(d->job);
	if (d->load != NULL)
		(void)rs_job_free(d->load);
	if (d->sig != NULL)
		rs_free_sumset(d->sig);
	buf_free(&d->sums);
	free(d);
}

/* ---- patch ---- */

struct rspatch {
	rs_job_t *job;
	int fd;
	int read_errno; /* of the basis */
	uint64_t max_in, max_out, in, out;
	struct buf rest; /* input of earlier calls that is not used yet */
	bool done;       /* END was seen */
};

/* librsync wants len bytes of the basis at pos, and may get fewer. */
static rs_result
copy_basis(void *arg, rs_long_t pos, size_t *len, void **buf)
{
	struct rspatch *p = arg;
	ssize_t got;

	if (pos < 0)
		return RS_CORRUPT;
	got = read_at(p->fd, *buf, *len, (uint64_t)pos);
	if (got == -1) {
		p->read_errno = errno;
		return RS_IO_ERROR;
	}
	*len = (size_t)got;
	return got == 0 ? RS_INPUT_ENDED : RS_DONE;
}

struct rspatch *
rspatch_new(int basis_fd, uint64_t max_in, uint64_t max_out, struct err *e)
{
	struct rspatch *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->job = rs_patch_begin(copy_basis, p)) == NULL) {
		free(p);
		(void)err_set_nomem(e);
		return NULL;
	}
	p->fd = basis_fd;
	p->max_in = max_in;
	p->max_out = max_out;
	return p;
}

static int
patch_failed(struct rspatch *p, rs_result r, struct err *e)
{
	if (p->read_errno != 0) {
		errno = p->read_errno;
		return err_set_errno(e, ERR_TARGET_IO, "read");
	}
	return rs_fail(e, ERR_PROTOCOL, "delta", r);
}

/* Up to RSPATCH_OUT bytes of output.  1: there may be more. */
static int
patch_some(struct rspatch *p, const uint8_t **data, size_t *n, bool last,
    struct buf *out, struct err *e)
{
	uint64_t start = p->out;
	size_t made;
	rs_result r;

	do {
		if (p->out - start >= RSPATCH_OUT)
			return 1;
		r = iterate(p->job, data, n, last, out, OUT_PART, &made);
		p->out += made;
		if (p->out > p->max_out)
			return err_set(e, ERR_PROTOCOL,
			    "delta makes more than %" PRIu64 " bytes",
			    p->max_out);
	} while (r == RS_BLOCKED && (made == OUT_PART || *n > 0));
	if (r == RS_DONE)
		p->done = true;
	else if (r != RS_BLOCKED)
		return patch_failed(p, r, e);
	return 0;
}

/* After the last step that 0 is about to be returned for. */
static int
patch_check(const struct rspatch *p, size_t left, bool last, struct err *e)
{
	if (p->done && left > 0)
		return err_set(e, ERR_PROTOCOL, "bytes behind the delta");
	if (last && !p->done)
		return err_set(
		    e, ERR_PROTOCOL, "delta ended before its end command");
	return 0;
}

int
rspatch_step(struct rspatch *p, const void *data, size_t n, bool last,
    struct buf *out, struct err *e)
{
	bool kept = p->rest.len > 0;
	const uint8_t *from = data;
	size_t left = n;
	int rc = 0;

	if (n > p->max_in - p->in)
		return err_set(e, ERR_PROTOCOL,
		    "delta is longer than %" PRIu64 " bytes", p->max_in);
	p->in += n;
	if (kept) {
		buf_add(&p->rest, data, n);
		if (!buf_ok(&p->rest))
			return err_set_nomem(e);
		from = (const uint8_t *)p->rest.data;
		left = p->rest.len;
	}
	if (!p->done)
		rc = patch_some(p, &from, &left, last, out, e);
	if (rc == 0)
		rc = patch_check(p, left, last, e);
	if (rc == -1)
		return -1;
	if (kept)
		buf_consume(&p->rest, p->rest.len - left);
	else
		buf_add(&p->rest, from, left);
	return buf_ok(&p->rest) ? rc : err_set_nomem(e);
}

void
rspatch_free(struct rspatch *p)
{
	if (p == NULL)
		return;
	if (p->job != NULL)
		(void)rs_job_free(p->job);
	buf_free(&p->rest);
	free(p);
}
