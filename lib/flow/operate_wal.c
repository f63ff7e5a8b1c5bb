#include "base/std.h"
#include "base/clock.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/walscan.h"
#include "flow/datadir.h"
#include "flow/operate_int.h"

#include <dirent.h>

#define TIMELINES_MAX 256     /* of the files in pg_wal */
#define TICK_PAGES 1024       /* between two looks at the client */
#define BACK_MAX (256u << 20) /* how far a record may have begun before */

struct reader {
	struct operate_dir *d;
	const struct operate_host *h;
	const char *wal_dir;
	struct walscan_form form;
	uint32_t tli[TIMELINES_MAX]; /* descending */
	size_t ntli;

	int fd; /* of the segment, -1 none */
	uint64_t segno;
	uint32_t file_tli;
	uint8_t *page;
	unsigned pages;
};

/* --- which timelines are there ------------------------------------------- */

static int
descending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? 1 : *x > *y ? -1 : 0;
}

/* Of too many, those that sort last are what a directory ends with; such a
 * directory does not exist outside of a test. */
static void
note_timeline(struct reader *r, uint32_t tli)
{
	for (size_t i = 0; i < r->ntli; i++)
		if (r->tli[i] == tli)
			return;
	if (r->ntli < NELEM(r->tli))
		r->tli[r->ntli++] = tli;
}

/* Timelines of the segments, from the one that was asked for on. */
static int
list_timelines(struct reader *r, uint32_t from, struct err *e)
{
	const struct dirent *de;
	uint64_t segno;
	uint32_t tli;
	DIR *d;
	int fd = tree_openat(r->d->t, r->wal_dir, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		(void)err_set_errno(e, ERR_SOURCE_IO,
		    "could not open directory \"%s/%s\"", tree_path(r->d->t),
		    r->wal_dir);
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	while ((de = readdir(d)) != NULL)
		if (wal_parse_name(de->d_name, r->form.segsize, r->form.version,
			&tli, &segno) == 0 &&
		    tli >= from)
			note_timeline(r, tli);
	(void)closedir(d);
	qsort(r->tli, r->ntli, sizeof(*r->tli), descending);
	return 0;
}

/* --- pages ---------------------------------------------------------------- */

static void
close_segment(struct reader *r)
{
	if (r->fd != -1)
		(void)close(r->fd);
	r->fd = -1;
}

/* 1: the page at lsn is in r->page; 0: the file ends before it. */
static int
read_page(struct reader *r, uint64_t lsn, struct err *e)
{
	size_t n = r->form.blcksz, got = 0;
	off_t at = (off_t)((uint32_t)lsn & (r->form.segsize - 1));
	ssize_t k;

	while (got < n) {
		k = pread(r->fd, r->page + got, n - got, at + (off_t)got);
		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1)
			return err_set_errno(e, ERR_SOURCE_IO,
			    "could not read a segment in \"%s/%s\"",
			    tree_path(r->d->t), r->wal_dir);
		if (k == 0)
			return 0;
		got += (size_t)k;
	}
	return 1;
}

/*
 * The segment of s->next, with its page in r->page.  At a promotion the server
 * copies the started segment to the new timeline's name: where there are
 * several, the highest one that fits is the one it went on with.
 */
static int
open_segment(struct reader *r, const struct walscan *s, struct err *e)
{
	uint64_t segno = wal_segno(s->next, r->form.segsize, r->form.version);
	char name[WAL_NAME], path[64];
	int rc;

	close_segment(r);
	r->segno = segno;
	for (size_t i = 0; i < r->ntli; i++) {
		(void)wal_name(
		    r->tli[i], segno, r->form.segsize, r->form.version, name);
		(void)snprintf(path, sizeof(path), "%s/%s", r->wal_dir, name);
		r->fd = tree_openat(r->d->t, path, O_RDONLY, 0);
		if (r->fd == -1 && errno != ENOENT)
			return err_set_errno(e, ERR_SOURCE_IO,
			    "could not open file \"%s/%s\"", tree_path(r->d->t),
			    path);
		if (r->fd == -1)
			continue;
		r->file_tli = r->tli[i];
		rc = read_page(r, s->next, e);
		if (rc == -1 ||
		    (rc == 1 && walscan_fits(s, r->page, r->file_tli)))
			return rc;
		close_segment(r);
	}
	return 0;
}

static int
next_page(struct reader *r, const struct walscan *s, struct err *e)
{
	if (++r->pages % TICK_PAGES == 0 &&
	    r->h->wait(r->h->arg, -1, clock_ms(), e) == -1)
		return -1;
	if (r->fd == -1 ||
	    wal_segno(s->next, r->form.segsize, r->form.version) != r->segno)
		return open_segment(r, s, e);
	return read_page(r, s->next, e);
}

/* From there to the end.  1: there is WAL, 0: there is none. */
static int
scan(struct reader *r, uint64_t from, struct walscan *s, struct err *e)
{
	int rc;

	close_segment(r);
	if (walscan_start(s, &r->form, from) == -1)
		return err_set(
		    e, ERR_SOURCE, "pg_control names impossible sizes of WAL");
	do
		if ((rc = next_page(r, s, e)) == 1)
			rc = walscan_page(s, r->page, r->file_tli);
	while (rc == 1);
	return rc == -1 ? -1 : s->tli != 0;
}

/* The scan that began there saw the end of no record: WAL may have ended before
 * it, or in a record that began before it; or the page is what a switch to the
 * next segment left void (10 and before give those pages headers). */
static bool
saw_none(const struct walscan *s, uint64_t begun)
{
	return s->end == 0 || s->end == begun;
}

/*
 * A position at the start of a page is the end of the page before, which is all
 * there may be.  Where that shows no record, an earlier page has the last one,
 * at the most a segment before.
 */
static int
find_end(struct reader *r, uint64_t from, struct walscan *s, struct err *e)
{
	uint64_t blcksz = r->form.blcksz, back = blcksz;
	uint64_t at = from - from % blcksz, begun = at;
	uint64_t limit = MAX_OF(BACK_MAX, r->form.segsize);
	struct walscan had;
	int rc = 0;

	if (from != 0 && at == from && from > blcksz) {
		begun = from - blcksz;
		rc = scan(r, begun, s, e);
	}
	if (rc == 0) {
		begun = at;
		rc = scan(r, begun, s, e);
	}
	while (rc == 1 && saw_none(s, begun) && back <= limit && at > back) {
		had = *s;
		begun = at - back;
		back *= 2;
		rc = scan(r, begun, s, e);
		if (rc == 0) { /* older WAL is not there */
			*s = had;
			return 1;
		}
	}
	return rc;
}

/* --- WAL_END -------------------------------------------------------------- */

static int
prepare(struct reader *r, const struct pgcontrol *c, struct err *e)
{
	const struct pgver_control *layout =
	    pgver_control(c->control_version, c->catalog_version);
	struct stat st;

	r->wal_dir = pgver(c->version, PGFACT_DIR_WAL);
	r->form = (struct walscan_form){.version = c->version,
	    .magic = pgver_wal_magic(c->version),
	    .system_identifier = c->system_identifier,
	    .segsize = c->xlog_seg_size,
	    .blcksz = c->xlog_blcksz,
	    .records = layout != NULL && layout->crc32c};
	if (!wal_segsize_valid(c->xlog_seg_size) || c->xlog_blcksz < 1024 ||
	    c->xlog_blcksz > 65536)
		return err_set(
		    e, ERR_SOURCE, "pg_control names impossible sizes of WAL");
	if (tree_add_link(r->d->t, r->wal_dir, e) == -1)
		return -1;
	for (size_t i = 0; i < tree_nroots(r->d->t); i++)
		if (datadir_owner(tree_root_fd(r->d->t, i),
			tree_root_dir(r->d->t, i), &st, e) == -1)
			return -1;
	if ((r->page = malloc(c->xlog_blcksz)) == NULL)
		return err_set_nomem(e);
	return 0;
}

/*
 * The first page of a new timeline is a copy: its header names the old one,
 * whatever the server wrote behind the switch, which may be all there is.
 * pg_control knows better: an end behind its checkpoint, or its end of recovery
 * (PostgreSQL 9.3 and later), is on no older timeline than that.
 */
static uint32_t
timeline_of_end(const struct walscan *s, const struct pgcontrol *c)
{
	uint32_t tli = s->end_tli;

	if (s->end > c->checkpoint)
		tli = MAX_OF(tli, c->timeline);
	if (c->min_recovery != LSN_INVALID && s->end >= c->min_recovery)
		tli = MAX_OF(tli, c->min_recovery_tli);
	return tli;
}

int
operate_wal_end(struct operate_dir *d, const struct operate_request *q,
    const struct operate_host *h, struct operate_answer *a, struct err *e)
{
	struct reader r = {.d = d, .h = h, .fd = -1};
	uint32_t tli = q->timeline != 0 ? q->timeline : d->control.timeline;
	uint64_t from = q->from != 0 ? q->from : d->control.checkpoint;
	struct walscan *s = calloc(1, sizeof(*s));
	int rc = -1;

	if (s == NULL)
		return err_set_nomem(e);
	if (prepare(&r, &d->control, e) == -1 ||
	    list_timelines(&r, tli, e) == -1)
		goto out;
	rc = find_end(&r, from, s, e);
	if (rc == 0 && d->control.checkpoint != from) {
		/* It ends before that position, maybe on an older timeline; or
		 * that position was removed long ago. */
		r.ntli = 0;
		rc = list_timelines(&r, d->control.timeline, e);
		if (rc == 0)
			rc = find_end(&r, d->control.checkpoint, s, e);
	}
	if (rc == 1) {
		a->wal_end = s->end;
		a->timeline = timeline_of_end(s, &d->control);
	}
out:
	close_segment(&r);
	free(r.page);
	free(s);
	return rc == -1 ? -1 : 0;
}
