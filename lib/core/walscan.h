/*
 * Where does the WAL of a stopped server end?  Fed with the pages of its
 * segments in order, this follows page headers and records and stops at the
 * first thing that does not fit, as recovery would.
 *
 * From 9.5 records are followed one by one and their CRC-32C is checked: the
 * end is exact, the position behind the last whole record (behind an
 * XLOG_SWITCH: the start of the next segment), which is where recovery would
 * end.  Below 9.5 only pages are looked at: the end is that of the last valid
 * page, an upper bound less than one page away.
 */
#ifndef CORE_WALSCAN_H
#define CORE_WALSCAN_H

#include "base/std.h"

#define WALSCAN_HEAD 24 /* bytes of a record's header */

/* What the pages must say; from pg_control. */
struct walscan_form {
	int version;
	uint16_t magic; /* 0: any */
	uint64_t system_identifier;
	uint32_t segsize, blcksz;
	bool records; /* 9.5 */
};

struct walscan {
	struct walscan_form f;
	uint32_t crc_table[256];
	uint64_t next;    /* address of the page wanted */
	uint32_t tli;     /* of the last page; 0: none yet */
	uint64_t end;     /* see above; 0: none found */
	uint32_t end_tli; /* in the header of the page that the end lies in */

	/* The record under way. */
	uint8_t head[WALSCAN_HEAD];
	uint32_t total, got; /* bytes; total 0: none */
	uint64_t start;
	uint32_t crc;
	uint32_t skip; /* bytes of a record that began before the first page */
	uint64_t last; /* start of the last whole record; 0: none */
};

/* Begin with the page that holds `from`.  0, or -1 when the sizes in f cannot
 * be. */
int walscan_start(
    struct walscan *s, const struct walscan_form *f, uint64_t from);
/*
 * The page at s->next, f.blcksz bytes, from a file of timeline file_tli.  1: it
 * fits, the next one is wanted; 0: it does not, or the WAL ends in it.  With
 * the first page, 0 and end 0 mean that there is no WAL.
 */
int walscan_page(struct walscan *s, const void *page, uint32_t file_tli);
/* Would that page fit, as far as its header says? */
bool walscan_fits(const struct walscan *s, const void *page, uint32_t file_tli);

#endif
