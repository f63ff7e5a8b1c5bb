#include "base/std.h"
#include "base/bytes.h"
#include "core/lsn.h"
#include "core/pgver.h"
#include "core/walscan.h"

/* xlp_info */
#define FIRST_IS_CONTRECORD 0x0001
#define LONG_HEADER 0x0002
#define FIRST_IS_OVERWRITE 0x0008
#define ALL_FLAGS 0x000F

#define RECORD_MAX (UINT32_C(1) << 30)
#define RM_XLOG 0
#define XLOG_SWITCH 0x40
#define XLR_RMGR_INFO 0xF0

struct header {
	uint16_t magic, info;
	uint32_t tli, rem;
	uint64_t lsn, system_identifier;
	uint32_t segsize, blcksz;
	uint32_t size;
};

/* In the byte order of this machine; 40 bytes are looked at. */
static void
decode(const uint8_t *p, bool lsn64, struct header *h)
{
	const uint8_t *more = p + (lsn64 ? 24 : 16);

	h->magic = bytes_u16(p);
	h->info = bytes_u16(p + 2);
	h->tli = bytes_u32(p + 4);
	h->lsn = lsn_load(p + 8, lsn64);
	h->rem = lsn64 ? bytes_u32(p + 16) : 0;
	h->system_identifier = bytes_u64(more);
	h->segsize = bytes_u32(more + 8);
	h->blcksz = bytes_u32(more + 12);
	h->size = (lsn64 ? 24 : 16) + (h->info & LONG_HEADER ? 16 : 0);
}

static bool
check(const struct walscan *s, const uint8_t *page, uint32_t file_tli,
    struct header *h)
{
	const struct walscan_form *f = &s->f;
	bool first = (uint32_t)s->next % f->segsize == 0;

	decode(page, pgver_lsn64(f->version), h);
	if ((f->magic != 0 && h->magic != f->magic) || h->lsn != s->next ||
	    (h->info & ~ALL_FLAGS) != 0 || h->tli == 0 || h->tli < s->tli ||
	    h->tli > file_tli || ((h->info & LONG_HEADER) != 0) != first)
		return false;
	if (!first)
		return true;
	return h->system_identifier == f->system_identifier &&
	       h->blcksz == f->blcksz &&
	       wal_page_matches(page, f->blcksz, f->magic, file_tli,
		   wal_segno(s->next, f->segsize, f->version), f->segsize,
		   f->version);
}

bool
walscan_fits(const struct walscan *s, const void *page, uint32_t file_tli)
{
	struct header h;

	return check(s, page, file_tli, &h);
}

/* --- CRC-32C, by a table ---------------------------------------------------
 */

static void
make_table(uint32_t *table)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ UINT32_C(0x82F63B78) : v >> 1;
		table[i] = v;
	}
}

static void
add_crc(struct walscan *s, const uint8_t *p, size_t n)
{
	for (; n > 0; n--, p++)
		s->crc = s->crc_table[(s->crc ^ *p) & 0xFF] ^ s->crc >> 8;
}

/* --- records ---------------------------------------------------------------
 */

static uint64_t
aligned(uint64_t v)
{
	return (v + 7) & ~UINT64_C(7);
}

static uint64_t
next_segment(const struct walscan *s, uint64_t lsn)
{
	return wal_segment_start(wal_segno(lsn, s->f.segsize, s->f.version) + 1,
	    s->f.segsize, s->f.version);
}

/* Part of the record under way. */
static void
feed(struct walscan *s, const uint8_t *p, uint32_t n)
{
	uint32_t k = 0;

	if (s->got < WALSCAN_HEAD) {
		k = MIN_OF(n, WALSCAN_HEAD - s->got);
		memcpy(s->head + s->got, p, k);
	}
	add_crc(s, p + k, n - k);
	s->got += n;
}

/* The record is whole: is it one?  The CRC covers what is behind the header,
 * then the header. */
static bool
good_record(struct walscan *s)
{
	if (s->last != 0 && bytes_u64(s->head + 8) != s->last)
		return false;
	add_crc(s, s->head, 20);
	return ~s->crc == bytes_u32(s->head + 20);
}

/* It ended at lsn.  False: the WAL ends before it. */
static bool
end_record(struct walscan *s, uint64_t lsn)
{
	if (!good_record(s))
		return false;
	s->last = s->start;
	s->total = 0;
	s->end = aligned(lsn);
	s->end_tli = s->tli;
	if (s->head[17] == RM_XLOG &&
	    (s->head[16] & XLR_RMGR_INFO) == XLOG_SWITCH &&
	    (uint32_t)s->end % s->f.segsize != 0)
		s->end = s->next = next_segment(s, lsn);
	return true;
}

static void
begin_record(struct walscan *s, uint64_t lsn, uint32_t total)
{
	s->start = lsn;
	s->total = total;
	s->got = 0;
	s->crc = UINT32_MAX;
}

/* What a page begins with, of a record of an earlier page.  *off moves behind
 * it.  1: go on in this page, 0: the page is used up, -1: the WAL ends. */
static int
continued(struct walscan *s, const uint8_t *page, uint64_t at,
    const struct header *h, uint32_t *off)
{
	uint32_t left = s->total != 0 ? s->total - s->got : s->skip, n;

	if (h->info & FIRST_IS_OVERWRITE) {
		/* The server ended in that record and overwrote its rest. */
		s->total = s->skip = 0;
		return h->rem == 0 ? 1 : -1;
	}
	if (((h->info & FIRST_IS_CONTRECORD) != 0) != (h->rem != 0) ||
	    h->rem != left || h->rem > RECORD_MAX)
		return -1;
	if (h->rem == 0)
		return 1;
	n = MIN_OF(left, s->f.blcksz - *off);
	if (s->total != 0)
		feed(s, page + *off, n);
	else
		s->skip -= n;
	*off += n;
	if (n < left)
		return 0;
	*off = (uint32_t)aligned(*off);
	if (s->total != 0)
		return end_record(s, at + *off) ? s->next == at : -1;
	s->end = at + *off;
	s->end_tli = s->tli;
	return 1;
}

/* The records that begin in a page, from off on.  0: the WAL ends. */
static int
records(struct walscan *s, const uint8_t *page, uint64_t at, uint32_t off)
{
	uint32_t total, n;

	while (off < s->f.blcksz) {
		total = bytes_u32(page + off);
		if (total < WALSCAN_HEAD || total > RECORD_MAX)
			return 0;
		begin_record(s, at + off, total);
		n = MIN_OF(total, s->f.blcksz - off);
		feed(s, page + off, n);
		if (n < total)
			return 1;
		if (!end_record(s, at + off + n))
			return 0;
		if (s->next != at) /* the rest of the segment is void */
			return 1;
		off = (uint32_t)aligned(off + n);
	}
	return 1;
}

int
walscan_start(struct walscan *s, const struct walscan_form *f, uint64_t from)
{
	*s = (struct walscan){.f = *f};
	if (!wal_segsize_valid(f->segsize) || f->blcksz < 1024 ||
	    f->blcksz > 65536 || (f->blcksz & (f->blcksz - 1)) != 0)
		return -1;
	make_table(s->crc_table);
	s->next = from - from % f->blcksz;
	return 0;
}

int
walscan_page(struct walscan *s, const void *page, uint32_t file_tli)
{
	uint64_t at = s->next, after = at + s->f.blcksz;
	struct header h;
	uint32_t off;
	int rc;

	if (!check(s, page, file_tli, &h))
		return 0;
	if ((uint32_t)after % s->f.segsize == 0)
		after = next_segment(s, at);
	if (s->tli == 0) { /* the first one */
		s->skip = h.rem;
		s->end = h.rem == 0 ? at : 0;
		s->end_tli = h.tli;
	}
	s->tli = h.tli;
	if (!s->f.records) {
		s->end = s->next = after;
		s->end_tli = h.tli;
		return 1;
	}
	off = h.size;
	rc = continued(s, page, at, &h, &off);
	if (rc == 1)
		rc = records(s, page, at, off);
	else
		rc = rc == 0;
	if (rc == 1 && s->next == at)
		s->next = after;
	return rc;
}
