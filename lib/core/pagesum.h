/*
 * The checksum that a cluster with data checksums (9.3 and later) keeps in
 * each page of its relations, and what it says about a page that was read
 * while the server runs.
 *
 * Source: the description of the algorithm and its constants in PostgreSQL's
 * src/include/storage/checksum_impl.h, the layout of a page in bufpage.h
 * (9.3-18); t/1130-pages.t compares with what servers write and with
 * pg_checksums.
 */
#ifndef CORE_PAGESUM_H
#define CORE_PAGESUM_H

#include "base/std.h"

#define PAGESUM_VERSION 1 /* of pg_control's data_checksum_version */

/*
 * size: bytes of the page, a multiple of 128.  block: its number in the fork,
 * over all segments: the sum depends on it.  Never 0.
 */
uint16_t pagesum(const uint8_t *page, uint32_t size, uint32_t block);
/* The same by instructions that every processor has: for the tests. */
uint16_t pagesum_portable(const uint8_t *page, uint32_t size, uint32_t block);

enum pagesum_state {
	PAGESUM_OK,
	PAGESUM_NEW,   /* all zero: allocated and not yet used, it has no sum */
	PAGESUM_LATER, /* wrong, and changed since start: WAL has all of it */
	PAGESUM_BAD    /* wrong: damaged, or caught while it was written */
};
/*
 * start: where the backup began.  Recovery begins there and replaces what
 * changed since as a whole (full_page_writes are on during a backup): a page
 * whose LSN is not below it cannot be told from one that is just written.
 */
enum pagesum_state pagesum_check(
    const uint8_t *page, uint32_t size, uint32_t block, uint64_t start);

#endif
