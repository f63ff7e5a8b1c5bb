/*
 * Small text rules: sizes and times as PostgreSQL writes them, escaping of
 * foreign text.  Functions that add to a buffer leave failure to buf_ok.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "base/std.h"
#include "base/buf.h"

/*
 * "16MB", "80 MB", "1.5GB", "512": bytes; units B kB MB GB TB (1024), spelled
 * as PostgreSQL spells them, and KB.  At most six digits behind the point.
 * 0, or -1: not a size, or too large.  *bytes is written on success only.
 */
int text_size(const char *s, uint64_t *bytes);
/* "30s", "5min", "1.5h", "250ms", "2 d", "90": milliseconds; units ms s min h
 * d; no unit: seconds.  As text_size. */
int text_time(const char *s, int64_t *ms);
/* "12.4 GB", "0 B", "71 kB", "212 MB": one decimal from MB up, below 100. */
void text_add_size(struct buf *b, uint64_t bytes);
/* "40 ms", "0.4 s", "1 min 2 s", "2 h 5 min", "3 d 4 h". */
void text_add_duration(struct buf *b, int64_t ms);
/* "1,934" */
void text_add_count(struct buf *b, uint64_t n);
/*
 * Foreign bytes for a terminal or log.  Valid UTF-8 stays; C0, DEL, backslash,
 * bytes that are not UTF-8, and the characters that change how a line is read
 * (C1 controls, line and paragraph separator, bidirectional marks) become
 * \ooo, byte by byte.
 */
void text_add_escaped(struct buf *b, const void *data, size_t n);
/* The last max_lines lines of data, escaped, each "PREFIX LINE\n"; the space is
 * not added to a prefix that is empty or ends in one.  Empty lines at the end
 * do not count. */
void text_add_tail(struct buf *b, const void *data, size_t n, size_t max_lines,
    const char *prefix);
/* The next line of *at that is not empty, without its end, into line (what was
 * there is gone); *at moves behind it.  NULL is no line.  false: there is none
 * any more. */
bool text_line(const char **at, struct buf *line);
/*
 * The nearest of n words to s by edit distance (insert, delete, replace, swap
 * of neighbours), at most 3 and at most half of the longer word; the first of
 * equals.  NULL: none is near.  NULL words are skipped.
 */
const char *text_nearest(const char *s, const char *const *words, size_t n);
/* A name as an identifier in SQL text, always in double quotes. */
void text_add_identifier(struct buf *b, const char *name);
/*
 * A host or node name as a slot name: [a-z0-9_]{1,63}, upper case lowered,
 * others become _.  Bytes that are not ASCII become two hex digits each: two
 * names of one length in another script must not share a slot.
 */
void text_slot_name(const char *name, char *out /* 64 */);
/*
 * Is `shown`, of pg_stat_replication, how a server keeps the application_name
 * `name`?  It cuts it at 63 bytes, and each byte that is no printable ASCII
 * becomes "?" (15.18 guc.c, pg_clean_ascii) or, from 16, "\\xhh" (16.14
 * string.c).  NULL and the empty text are like nothing.
 */
bool text_same_appname(const char *shown, const char *name);

#endif
