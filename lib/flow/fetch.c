#include "base/std.h"
#include "core/path.h"
#include "core/text.h"
#include "flow/fetch.h"
#include "flow/fetch_int.h"

/* What may be under way: enough to fill a long fast line (64 MiB compare 1.2
 * GB/s where a round trip takes 50 ms), little enough for the agent's queue. */
#define WINDOW_BYTES (UINT64_C(256) << 20)
#define BATCH_FILES 64
#define BATCH_BYTES (UINT64_C(4) << 20)
#define QUEUE_LIMIT (512u * 1024u) /* bytes waiting in the channel */

static const struct fetch_method *const methods[] = {
    [ACT_COPY] = &fetch_copy,
    [ACT_PAGES] = &fetch_pages,
    [ACT_DELTA] = &fetch_delta,
    [FETCH_READ] = &fetch_read,
};

const struct fetch_method *
fetch_method(const struct task *t)
{
	return methods[t->job.kind];
}

struct fetch *
fetch_new(const struct fetch_opts *o, struct err *e)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		(void)err_set_nomem(e);
		return NULL;
	}
	f->o = *o;
	f->tail = &f->head;
	f->ended_tail = &f->ended;
	f->session = streamdigest_new();
	f->block = malloc((size_t)FETCH_SPAN * o->block_size);
	f->bulk = bulk_new();
	if (f->session == NULL || f->block == NULL || f->bulk == NULL) {
		(void)err_set_nomem(e);
		fetch_free(f);
		return NULL;
	}
	return f;
}

void
fetch_task_free(struct task *t)
{
	if (t == NULL)
		return;
	if (t->fd != -1)
		(void)close(t->fd);
	if (t->basis_fd != -1)
		(void)close(t->basis_fd);
	rssig_free(t->sig);
	rspatch_free(t->patch);
	filedigest_free(t->digest);
	free(t->hash);
	free((char *)(uintptr_t)t->job.path);
	free(t);
}

static void
tasks_free(struct task *t)
{
	struct task *next;

	for (; t != NULL; t = next) {
		next = t->next;
		fetch_task_free(t);
	}
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	tasks_free(f->head);
	tasks_free(f->ended);
	free(f->wanted.ring);
	streamdigest_free(f->session);
	bulk_free(f->bulk);
	buf_free(&f->frame);
	buf_free(&f->out);
	free(f->block);
	free(f);
}

void
fetch_set_tree(struct fetch *f, struct tree *tree)
{
	f->o.tree = tree;
}

/* Asked for in batches. */
static bool
whole(const struct task *t)
{
	return t->job.kind == ACT_COPY || t->job.kind == FETCH_READ;
}

static void
append(struct fetch *f, struct task *t)
{
	t->next = NULL;
	*f->tail = t;
	f->tail = &t->next;
	if (f->sending == NULL)
		f->sending = t;
	f->pending++;
}

int
fetch_add(struct fetch *f, const struct fetch_job *job, struct err *e)
{
	struct task *t;

	if (job->kind >= NELEM(methods) || methods[job->kind] == NULL)
		return err_set(e, ERR_INTERNAL, "fetch: bad job");
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return err_set_nomem(e);
	t->fd = t->basis_fd = -1;
	t->job = *job;
	if ((t->job.path = strdup(job->path)) == NULL) {
		free(t);
		return err_set_nomem(e);
	}
	append(f, t);
	return 0;
}

static bool
room(const struct fetch *f)
{
	const struct task *t = f->sending;

	if (chan_queued(f->o.agent) >= QUEUE_LIMIT)
		return false;
	/* The rest of a signature must not wait for an answer that comes only
	 * when it is complete. */
	return f->window < WINDOW_BYTES ||
	       (t == f->head && t->begun && t->job.kind == ACT_DELTA);
}

static void
count_cost(struct fetch *f, struct task *t)
{
	if (t->begun)
		return;
	t->begun = true;
	t->cost = FETCH_FILE_COST;
	if (t->job.kind != ACT_PAGES) /* that counts span by span */
		t->cost += t->job.size;
	f->window += t->cost;
}

/* Whole files travel many to a request. */
static int
send_batch(struct fetch *f, struct err *e)
{
	uint8_t count[4];
	uint32_t n = 0;
	uint64_t bytes = 0;
	struct task *t;

	buf_reset(&f->frame);
	for (t = f->sending; t != NULL && whole(t); t = t->next) {
		struct wire_file w = {.id = t->job.id,
		    .flags =
			(uint8_t)((t->job.flags & ACT_LIMIT
					  ? 0
					  : WIRE_FILE_TO_EOF) |
				  (t->job.flags & FETCH_SAME ? WIRE_FILE_SAME
							     : 0)),
		    .limit = t->job.size,
		    .path = {t->job.path, strlen(t->job.path)}};

		if (n > 0 && (n == BATCH_FILES || bytes > BATCH_BYTES))
			break;
		wire_encode_file(&f->frame, &w);
		count_cost(f, t);
		t->requested = true;
		bytes += t->job.size;
		n++;
	}
	f->sending = t;
	wire_put_u32(count, n);
	if (!buf_ok(&f->frame))
		return err_set_nomem(e);
	return chan_send(f->o.agent, WIRE_BATCH, count, sizeof(count),
	    f->frame.data, f->frame.len, e);
}

int
fetch_send(struct fetch *f, struct err *e)
{
	struct task *t = f->sending;

	if (t == NULL || !room(f))
		return 0;
	if (whole(t))
		return send_batch(f, e) == -1 ? -1 : f->sending != NULL;
	count_cost(f, t);
	if (fetch_method(t)->send(f, t, e) == -1)
		return -1;
	if (t->requested)
		f->sending = t->next;
	return f->sending != NULL;
}

int
fetch_local_error(struct task *t, const char *what, struct err *e)
{
	int saved = errno;
	struct buf size = BUF_INIT;

	text_add_size(&size, t->job.size);
	(void)err_set_errno(
	    e, ERR_TARGET_IO, "could not %s \"%s\"", what, t->job.path);
	if (saved == ENOSPC || saved == EDQUOT)
		(void)err_hint(e,
		    "Make room, at least the %s of this file, and run the same "
		    "command again: it continues, and says what it needs.",
		    buf_str(&size));
	else if (saved == EEXIST || saved == ELOOP || saved == ENOTDIR ||
		 saved == ENOENT)
		(void)err_hint(e,
		    "Something else changes the target "
		    "directory while it is being written: stop it, then run "
		    "the same command again.");
	buf_free(&size);
	errno = saved;
	return -1;
}

/*
 * No two tasks of a run share a number, so that no two files have one temporary
 * name, whatever a source calls them.  A long name loses its end, for a longer
 * one than the greatest length there cannot be.
 */
const char *
fetch_tmp_name(const struct task *t, char *buf, size_t size)
{
	const char *path = t->job.path, *base = path_base(path);
	size_t room = PATH_COMPONENT - strlen(".01234567" FETCH_TMP);
	size_t n = MIN_OF(strlen(base), room);

	(void)snprintf(buf, size, "%.*s.%08" PRIx32 FETCH_TMP,
	    (int)((size_t)(base - path) + n), path, t->job.id);
	return buf;
}

int
fetch_open_new(struct fetch *f, struct task *t, struct err *e)
{
	char tmp[1200];
	const char *name = t->job.path;
	int excl = 0;

	if (t->fd != -1)
		return 0;
	if (t->job.flags & ACT_ASIDE)
		name = fetch_tmp_name(t, tmp, sizeof(tmp));
	else if ((t->job.flags & ACT_NEW) && !t->retried)
		excl = O_EXCL;
	t->fd = tree_openat(f->o.tree, name,
	    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | excl, t->job.mode);
	if (t->fd == -1)
		return fetch_local_error(t, "create file", e);
	/* Otherwise the umask's, or that of a file that was there. */
	if (excl != 0 && (t->job.mode & 077) == 0)
		t->mode = t->job.mode;
	return 0;
}

int
fetch_write(
    struct task *t, const void *p, size_t n, uint64_t offset, struct err *e)
{
	const char *from = p;

	while (n > 0) {
		ssize_t w = pwrite(t->fd, from, n, (off_t)offset);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return fetch_local_error(t, "write file", e);
		from += w;
		n -= (size_t)w;
		offset += (uint64_t)w;
	}
	t->length = MAX_OF(t->length, offset);
	return 0;
}

static int
content(
    struct fetch *f, uint8_t type, const uint8_t *data, size_t n, struct err *e)
{
	struct task *t = f->head;

	if (n < 4 || t == NULL || !t->begun ||
	    t->job.id != wire_get_u32(data) || fetch_method(t)->frame != type)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent content that was not asked for");
	f->bytes += n - 4 - (type == WIRE_RUN ? 4 : 0);
	return fetch_method(t)->data(f, t, data + 4, n - 4, e);
}

static int
span(struct fetch *f, const uint8_t *data, size_t n, struct err *e)
{
	struct task *t = f->head;
	uint64_t bytes;

	if (n != 8 || t == NULL || t->job.kind != ACT_PAGES ||
	    t->job.id != wire_get_u32(data) ||
	    wire_get_u32(data + 4) > t->next_block)
		return err_set(e, ERR_PROTOCOL, "agent sent a bad span");
	bytes = (uint64_t)wire_get_u32(data + 4) * f->o.block_size;
	bytes = MIN_OF(bytes, t->job.size);
	if (bytes > t->handled) {
		f->window -= bytes - t->handled;
		t->cost -= bytes - t->handled;
		t->handled = bytes;
	}
	return 0;
}

int
fetch_frame(
    struct fetch *f, uint8_t type, const uint8_t *data, size_t n, struct err *e)
{
	struct wire_file_end end;

	if (type == WIRE_SPAN)
		return span(f, data, n, e);
	if (type == WIRE_PEEK)
		return fetch_parts_peek(f, data, n, e);
	if (type == WIRE_PATCH)
		return fetch_parts_patch(f, data, n, e);
	if (type != WIRE_FILE_END)
		return content(f, type, data, n, e);
	if (wire_decode_file_end(data, n, &end, e) == -1)
		return -1;
	f->files++;
	streamdigest_add(f->session, data, n);
	return fetch_end(f, &end, e);
}

size_t
fetch_pending(const struct fetch *f)
{
	return f->pending;
}

const char *
fetch_current(const struct fetch *f)
{
	const struct task *t = f->head != NULL ? f->head : f->ended;

	return t == NULL ? NULL : t->job.path;
}

uint64_t
fetch_handled(const struct fetch *f)
{
	return f->done_bytes + (f->head == NULL ? 0 : f->head->handled);
}

void
fetch_totals(
    struct fetch *f, uint64_t *files, uint64_t *bytes, uint8_t digest[16])
{
	*files = f->files;
	*bytes = f->bytes;
	streamdigest_end(f->session, digest);
}
