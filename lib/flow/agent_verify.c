#include "base/std.h"
#include "core/pagesum.h"
#include "core/path.h"
#include "flow/agent_int.h"
#include "flow/hook.h"

/* A server writes a page in far less than that. */
#define TRIES 5
#define PAUSE_MS 20

#define PAGES_MAX (AGENT_READ / 1024)

/* Pages of a->data that are not right: where they begin. */
struct suspects {
	uint32_t at[PAGES_MAX];
	size_t n;
};

int
agent_verify_request(struct agent *a, struct err *e)
{
	if (wire_decode_verify(a->req.data, a->req.len, &a->start_lsn, e) == -1)
		return -1;
	a->verify = true;
	return 0;
}

void
agent_verify_cluster(struct agent *a, const struct pgcontrol *c)
{
	a->has_sums = c->checksum_version == PAGESUM_VERSION &&
		      c->blcksz == a->block_size;
	a->relseg_size = c->relseg_size;
}

void
agent_verify_begin(const struct agent *a, struct agent_file *f)
{
	struct relpath r;

	f->bad = f->first_bad = 0;
	f->verify = a->verify && a->has_sums && path_relation(f->path, &r);
	f->block = f->verify ? r.segment * a->relseg_size : 0;
}

static uint32_t
block_at(const struct agent *a, const struct agent_file *f, uint64_t off)
{
	return f->block + (uint32_t)(off / a->block_size);
}

static bool
is_bad(const struct agent *a, const struct agent_file *f, uint64_t off,
    uint32_t at)
{
	return pagesum_check(a->data + at, a->block_size,
		   block_at(a, f, off + at), a->start_lsn) == PAGESUM_BAD;
}

/* Whole pages only: a part of one at the end of the file is being added, and
 * WAL has it. */
static void
look(const struct agent *a, const struct agent_file *f, uint64_t off, size_t n,
    struct suspects *s)
{
	uint32_t size = a->block_size, at = (uint32_t)(-off & (size - 1));

	for (s->n = 0; at + size <= n; at += size)
		if (is_bad(a, f, off, at))
			s->at[s->n++] = at;
}

/* A file that has become shorter has no such page: WAL says that, too. */
static int
look_again(struct agent *a, const struct agent_file *f, uint64_t off,
    struct suspects *s, struct err *e)
{
	size_t left = 0;

	for (size_t i = 0; i < s->n; i++) {
		uint32_t at = s->at[i];
		ssize_t r;

		do {
			r = pread(f->fd, a->data + at, a->block_size,
			    (off_t)(off + at));
		} while (r == -1 && errno == EINTR);
		if (r == -1)
			return err_set_errno(e, ERR_SOURCE_IO,
			    "could not read file \"%s\"", f->path);
		a->bytes_read += (uint64_t)r;
		if (r == (ssize_t)a->block_size && is_bad(a, f, off, at))
			s->at[left++] = at;
	}
	s->n = left;
	return 0;
}

int
agent_verify(struct agent *a, struct agent_file *f, uint64_t off, size_t n,
    struct err *e)
{
	struct suspects s;

	if (!f->verify)
		return 0;
	look(a, f, off, n, &s);
	for (int i = 0; s.n > 0 && i < TRIES; i++) {
		hook_pause("bad-page");
		if (agent_io_sleep(a, PAUSE_MS, e) == -1 ||
		    look_again(a, f, off, &s, e) == -1)
			return -1;
	}
	if (s.n > 0 && f->bad == 0)
		f->first_bad = block_at(a, f, off + s.at[0]);
	f->bad += (uint32_t)s.n;
	return 0;
}
