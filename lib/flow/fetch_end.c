#include "base/std.h"
#include "flow/fetch_int.h"

#define COMPARE_MAX (UINT64_C(1) << 20) /* bytes compared before a rename */

static void
drop_tmp(struct fetch *f, struct task *t)
{
	char tmp[1200];

	if (t->job.flags & ACT_ASIDE)
		(void)tree_unlink(
		    f->o.tree, fetch_tmp_name(t, tmp, sizeof(tmp)));
}

/* Is the file that would be replaced the same?  Then it stays. */
static bool
unchanged(struct fetch *f, struct task *t, uint64_t size)
{
	char a[4096], b[4096];
	struct stat st;
	uint64_t at = 0;
	ssize_t n = 0;
	int fd;

	if (!(t->job.flags & ACT_ASIDE) || size > COMPARE_MAX)
		return false;
	fd = tree_openat(f->o.tree, t->job.path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd == -1)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == size && (st.st_mode & 07777) == t->job.mode)
		while (at < size &&
		       (n = pread(fd, a, sizeof(a), (off_t)at)) > 0 &&
		       pread(t->fd, b, (size_t)n, (off_t)at) == n &&
		       memcmp(a, b, (size_t)n) == 0)
			at += (uint64_t)n;
	else
		at = UINT64_MAX;
	(void)close(fd);
	return at == size;
}

/* The file is complete: size, mode, name. */
static int
settle(struct fetch *f, struct task *t, uint64_t size, struct err *e)
{
	char tmp[1200];
	int fd = t->fd;

	if (t->job.kind == FETCH_READ)
		return 0;
	if (unchanged(f, t, size)) {
		t->received = 0;
		drop_tmp(f, t);
		return 0;
	}
	/* What is right already keeps its ctime (core/skipindex.h). */
	if (t->length != size && ftruncate(fd, (off_t)size) == -1)
		return fetch_local_error(t, "truncate file", e);
	if (t->mode != t->job.mode && fchmod(fd, t->job.mode) == -1)
		return fetch_local_error(t, "set the mode of file", e);
	t->fd = -1;
	if (close(fd) == -1)
		return fetch_local_error(t, "close file", e);
	if ((t->job.flags & ACT_ASIDE) &&
	    tree_rename(f->o.tree, fetch_tmp_name(t, tmp, sizeof(tmp)),
		t->job.path) == -1)
		return fetch_local_error(t, "rename file", e);
	return 0;
}

/* Take the task off the head of its queue and forget it.  Of those in f->ended
 * the first is complete first: parts come in the order of the PEEKs, and these
 * in that of the files. */
static void
leave(struct fetch *f, struct task *t)
{
	if (t->ended) {
		f->ended = t->next;
		if (f->ended == NULL)
			f->ended_tail = &f->ended;
	} else {
		f->head = t->next;
		if (f->head == NULL)
			f->tail = &f->head;
		f->done_bytes += t->job.size;
	}
	f->pending--;
	f->window -= t->cost;
	fetch_task_free(t);
}

static int
retire(struct fetch *f, struct task *t, const struct wire_file_end *end,
    struct err *e)
{
	struct fetch_result r = {.id = t->job.id,
	    .status = end->status,
	    .size = end->size,
	    .changed = t->received,
	    .bad = end->bad,
	    .first_bad = end->first_bad,
	    .spared = t->spared,
	    .settled = end->settled,
	    .stamp = end->stamp};

	memcpy(r.digest, end->digest, sizeof(r.digest));

	leave(f, t);
	return f->o.done(f->o.arg, &r, e);
}

/* What was received is not what was sent: once more, whole (faults B17). */
static int
again_whole(struct fetch *f, struct task *t, struct err *e)
{
	struct fetch_job job = t->job;
	int rc;

	if (t->retried || t->job.kind == FETCH_READ)
		return err_set(e, ERR_TRANSFER,
		    "file \"%s\" differs from the source after it was fetched "
		    "whole a second time",
		    t->job.path);
	drop_tmp(f, t);
	job.kind = ACT_COPY;
	job.flags &= (uint8_t)~ACT_UNSHARE;
	/* Its right pages are not to be truncated away. */
	if (f->spare_relseg != 0)
		job.flags |= ACT_ASIDE;
	if ((rc = fetch_add(f, &job, e)) == 0) {
		struct task *last;

		for (last = f->head; last->next != NULL; last = last->next)
			;
		last->retried = true;
	}
	f->done_bytes -= t->job.size; /* it is still to be dealt with */
	leave(f, t);
	return rc;
}

/* The source has no such file any more: neither may the target. */
static int
gone(struct fetch *f, struct task *t, struct err *e)
{
	if (t->job.kind == FETCH_READ)
		return 0;
	drop_tmp(f, t);
	if (tree_unlink(f->o.tree, t->job.path) == -1 && errno != ENOENT)
		return fetch_local_error(t, "remove file", e);
	return 0;
}

/* All of the file has come. */
int
fetch_end_complete(struct fetch *f, struct task *t,
    const struct wire_file_end *end, struct err *e)
{
	uint8_t digest[WIRE_HASH];
	int rc;

	if ((rc = fetch_method(t)->finish(f, t, end->size, digest, e)) == -1)
		return -1;
	if (rc == 1 || memcmp(digest, end->digest, sizeof(digest)) != 0)
		return again_whole(f, t, e);
	if (end->bad > 0 && (rc = fetch_spare_file(f, t, e)) != 0) {
		t->received = 0;
		drop_tmp(f, t);
		return rc == -1 ? -1 : retire(f, t, end, e);
	}
	if (settle(f, t, end->size, e) == -1)
		return -1;
	return retire(f, t, end, e);
}

/* It is at its end, but for parts of pages that are under way: those of the
 * next ones need not wait.  How many such files there are, each with its
 * descriptor and hashes, is bound by what the pool hands out at a time. */
static void
await(struct fetch *f, struct task *t, const struct wire_file_end *end)
{
	uint64_t rest = t->cost - MIN_OF(t->cost, (uint64_t)FETCH_FILE_COST);

	f->head = t->next;
	if (f->head == NULL)
		f->tail = &f->head;
	t->next = NULL;
	*f->ended_tail = t;
	f->ended_tail = &t->next;
	t->ended = true;
	t->end = *end;
	t->cost -= rest;
	f->window -= rest;
	f->done_bytes += t->job.size;
}

int
fetch_end(struct fetch *f, const struct wire_file_end *end, struct err *e)
{
	struct task *t = f->head;

	if (t == NULL || t->job.id != end->id || !t->requested)
		return err_set(e, ERR_PROTOCOL,
		    "agent ended a file that was not asked for");
	if (end->status != WIRE_FILE_OK) {
		if (t->awaiting > 0)
			return err_set(e, ERR_PROTOCOL,
			    "agent has pages of \"%s\", which is not there",
			    t->job.path);
		if (end->status == WIRE_FILE_VANISHED && gone(f, t, e) == -1)
			return -1;
		drop_tmp(f, t);
		return retire(f, t, end, e);
	}
	if ((t->job.flags & ACT_LIMIT) && end->size > t->job.size)
		return err_set(e, ERR_PROTOCOL,
		    "agent sent more of \"%s\" than was asked for",
		    t->job.path);
	if (t->awaiting == 0)
		return fetch_end_complete(f, t, end, e);
	await(f, t, end);
	return 0;
}
