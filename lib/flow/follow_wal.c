/*
 * Is the WAL that the node ends with the new primary's, too?  Two standbys
 * that were promoted at the same point have timelines of one number, with
 * histories of one text: positions and histories cannot tell them apart, and
 * records of one length would be mixed without any server noticing.  Bytes can:
 * each record holds its checksum, most a transaction or a time, and all of them
 * the place of the one before.  So the segment that the node's WAL ends in is
 * compared, its beginning (what follows a switch of segments is nothing but
 * zeros) and its end.  A server that streams to this node reads that segment
 * from its beginning anyway.
 */
#include "base/std.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "flow/follow_int.h"
#include "flow/operate.h"

#define HEAD_MAX (256u << 10)
#define TAIL_MAX (1u << 20)

struct range {
	uint64_t from;
	size_t n;
};

/* Of the segment's file, from lsn on.  0, or -1: it is not there. */
static int
read_own(struct follow *f, const struct range *r, char *to)
{
	uint32_t size = f->control.xlog_seg_size;
	uint64_t segno = wal_segno(r->from, size, f->version);
	char name[WAL_NAME], path[64], page[64];
	ssize_t got = 0, k = 0;
	off_t at = (off_t)(r->from & (size - 1));
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->wal_dir,
	    wal_name(f->own_timeline, segno, size, f->version, name));
	if ((fd = tree_openat(f->tree, path, O_RDONLY, 0)) == -1)
		return -1;
	/* One that was made of an old segment and not written yet is none. */
	if (pread(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page) &&
	    wal_page_matches(page, sizeof(page), pgver_wal_magic(f->version),
		f->own_timeline, segno, size, f->version))
		while (
		    (size_t)got < r->n &&
		    (k = pread(fd, to + got, r->n - (size_t)got, at + got)) > 0)
			got += k;
	(void)close(fd);
	return (size_t)got == r->n ? 0 : -1;
}

static enum follow_wal
compare(struct follow *f, const struct pg_opts *o, const struct range *r,
    uint64_t *differs)
{
	struct buf theirs = BUF_INIT;
	enum follow_wal wal = FOLLOW_WAL_UNKNOWN;
	char *mine = malloc(r->n);
	size_t i = 0;

	*differs = LSN_INVALID;
	if (mine == NULL || read_own(f, r, mine) == -1 ||
	    pg_read_wal(o, f->own_timeline, r->from, r->n, &theirs, NULL) == -1)
		goto out;
	while (i < r->n && mine[i] == theirs.data[i])
		i++;
	wal = i == r->n ? FOLLOW_WAL_SAME : FOLLOW_WAL_OTHER;
	/* From the first byte on: they parted before. */
	if (i > 0 && i < r->n)
		*differs = r->from + i;
out:
	free(mine);
	buf_free(&theirs);
	return wal;
}

enum follow_wal
follow_compare_wal(struct follow *f, const struct pg_opts *o, uint64_t *differs)
{
	uint32_t size = f->control.xlog_seg_size;
	struct range head, tail;
	enum follow_wal wal;
	uint64_t start;

	*differs = LSN_INVALID;
	if (pgver(f->version, PGFACT_TIMELINE_HISTORY) == NULL ||
	    !wal_segsize_valid(size) || f->own_end == LSN_INVALID)
		return FOLLOW_WAL_UNKNOWN;
	start = wal_segment_start(
	    wal_segno(f->own_end - 1, size, f->version), size, f->version);
	tail.n = (size_t)MIN_OF(f->own_end - start, TAIL_MAX);
	tail.from = f->own_end - tail.n;
	head.n = (size_t)MIN_OF(tail.from - start, HEAD_MAX);
	head.from = start;
	if (head.n > 0 &&
	    (wal = compare(f, o, &head, differs)) != FOLLOW_WAL_SAME)
		return wal;
	return compare(f, o, &tail, differs);
}

bool
follow_is_half_record(struct follow *f, uint64_t point)
{
	struct operate_request q = {.verb = OPERATE_WAL_END,
	    .pgdata = tree_path(f->tree),
	    .timeline = f->own_timeline,
	    .from = point};
	uint64_t end = LSN_INVALID, replayed, received;
	uint32_t tli = 0;

	/* Below 9.5 records are not followed: never. */
	if (point == LSN_INVALID || f->own == NULL ||
	    operate_wal_end_here(&q, &end, &tli, f->o->sigfd, NULL) == -1 ||
	    end != point || tli != f->own_timeline)
		return false;
	replayed = follow_ask_lsn(f, f->own, PGFACT_REPLAY_LSN);
	received = follow_ask_lsn(f, f->own, PGFACT_RECEIVE_LSN);
	/* What came from an archive is not in those files; and nobody is to go
	 * on writing them. */
	return replayed != LSN_INVALID && replayed <= point &&
	       received == f->own_end;
}
