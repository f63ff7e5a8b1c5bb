/* Fields of JSON documents that more than one command writes. */
#ifndef SHOW_FIELDS_H
#define SHOW_FIELDS_H

#include "base/std.h"
#include "base/err.h"
#include "io/jdoc.h"

/* A text; LSN_INVALID: null. */
void fields_lsn(struct jdoc *d, const char *path, uint64_t lsn);
/* A number; 0: null. */
void fields_timeline(struct jdoc *d, const char *path, uint32_t timeline);
/* Seconds, with a fraction; ms < 0: null. */
void fields_seconds(struct jdoc *d, const char *path, int64_t ms);
/* The lines of a text as an array of texts, empty ones left out. */
void fields_lines(struct jdoc *d, const char *path, const char *text);
/* How every record of a run begins: format, tool, version, status, code,
 * error.  status NULL: "failed"; e not set: error is null. */
void fields_begin(struct jdoc *d, const char *tool, const char *status,
    int code, const struct err *e);

#endif
