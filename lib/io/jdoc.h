/*
 * A JSON document, written by dotted path ("source.host"): objects are made as
 * they are needed, keys keep their order.  Texts that are not UTF-8 are written
 * escaped.
 */
#ifndef IO_JDOC_H
#define IO_JDOC_H

#include "base/std.h"

struct jdoc;
struct jdoc *jdoc_new(void); /* NULL: no memory */
void jdoc_free(struct jdoc *d);
/* Setters: NULL text is null.  A failure (memory) is kept: jdoc_print says. */
void jdoc_text(struct jdoc *d, const char *path, const char *text);
void jdoc_number(struct jdoc *d, const char *path, uint64_t n);
void jdoc_real(struct jdoc *d, const char *path, double v);
void jdoc_flag(struct jdoc *d, const char *path, bool v);
void jdoc_null(struct jdoc *d, const char *path);
void jdoc_array(struct jdoc *d, const char *path); /* empty */
void jdoc_push(struct jdoc *d, const char *path, const char *text);
/* With a newline, flushed. 0, or -1 with errno (full or closed output). */
int jdoc_print(struct jdoc *d, FILE *to);

#endif
