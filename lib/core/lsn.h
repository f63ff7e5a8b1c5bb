/*
 * WAL positions, timelines, segment names.  An LSN is a uint64_t byte position
 * as PostgreSQL prints it: high word / low word.  Below 9.3 the low word runs
 * only to 0xFEFFFFFF; distances take that into account, comparison needs not.
 */
#ifndef CORE_LSN_H
#define CORE_LSN_H

#include "base/std.h"

#define LSN_INVALID UINT64_C(0)
#define LSN_TEXT 24 /* bytes for "FFFFFFFF/FFFFFFFF" and NUL */
#define WAL_NAME 25 /* 24 hex digits and NUL */

/* "16/B374D848"; returns 0, or -1 when it is not exactly one LSN. */
int lsn_parse(const char *text, uint64_t *lsn);
const char *lsn_format(uint64_t lsn, char *buf /* LSN_TEXT */);
/* The 8 bytes of one in a file, in the byte order of this machine: one number
 * (lsn64, see pgver_lsn64), or two, the high word first; the header of a page
 * of data always has two. */
uint64_t lsn_load(const void *p, bool lsn64);
/* a - b in bytes (may be negative); below 9.3 for 16 MB segments. */
int64_t lsn_diff(uint64_t a, uint64_t b, int version);

/*
 * Segment number and name.  segsize in bytes, a power of two from 1 MB to
 * 1 GB; with another one numbers are 0, names "" and answers -1 or false.
 * Segment numbers run without gaps in every version: below 9.3 the number
 * after that of ...FE is that of ...00 in the next log id.
 */
bool wal_segsize_valid(uint32_t segsize);
uint64_t wal_segno(uint64_t lsn, uint32_t segsize, int version);
uint64_t wal_segment_start(uint64_t segno, uint32_t segsize, int version);
const char *wal_name(uint32_t tli, uint64_t segno, uint32_t segsize,
    int version, char *buf /* WAL_NAME */);
/* 24 upper-case hex digits -> tli and segno; -1 when it is not one. */
int wal_parse_name(const char *name, uint32_t segsize, int version,
    uint32_t *tli, uint64_t *segno);
/* "00000003.history" */
bool wal_is_history(const char *name);

/*
 * Does the first page of a segment say what its name says?  page: the first
 * 40 bytes or more of the file; magic 0: any.  The timeline in the page may be
 * an older one: at a promotion the server copies the started segment to the
 * new timeline's name.  Compares in the byte order of this machine.
 */
bool wal_page_matches(const void *page, size_t len, uint16_t magic,
    uint32_t tli, uint64_t segno, uint32_t segsize, int version);

/*
 * A timeline history file: is the timeline `tli` an ancestor, and where was it
 * left?  text: contents of NNNNNNNN.history.  Returns 1 and *switch_lsn, 0 when
 * tli is not in it, -1 when the text is not a history file (or longer than
 * TLI_HISTORY_MAX).  Below 9.3 the file names a segment instead of an LSN: then
 * the LSN is the start of that segment (of 16 MB), a lower bound.
 */
#define TLI_HISTORY_MAX (1 << 20)
int tli_switch_point(const char *text, uint32_t tli, uint64_t *switch_lsn);

#endif
