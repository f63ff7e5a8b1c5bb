/*
 * A JSON document, written by dotted path ("source.host"): objects are made as
 * they are needed, keys keep their order.  A path that leads through an array
 * means its last object: after jdoc_item(d, "nodes"), "nodes.name" is the name
 * of the new node.  Texts that are not UTF-8 are written escaped.
 */
#ifndef IO_JDOC_H
#define IO_JDOC_H

#include "base/std.h"
#include "base/buf.h"

struct jdoc;
struct jdoc *jdoc_new(void); /* NULL: no memory */
void jdoc_free(struct jdoc *d);
/* Setters: NULL text is null.  A failure (memory) is kept: jdoc_print says. */
void jdoc_text(struct jdoc *d, const char *path, const char *text);
void jdoc_number(struct jdoc *d, const char *path, uint64_t n);
/* v < 0: null. */
void jdoc_known(struct jdoc *d, const char *path, int64_t v);
/* Not finite: null. */
void jdoc_real(struct jdoc *d, const char *path, double v);
void jdoc_flag(struct jdoc *d, const char *path, bool v);
void jdoc_null(struct jdoc *d, const char *path);
void jdoc_array(struct jdoc *d, const char *path); /* empty */
void jdoc_push(struct jdoc *d, const char *path, const char *text);
/* An empty object at the end of an array, which is made when it is not there.
 */
void jdoc_item(struct jdoc *d, const char *path);
/* With a newline.  0, -1: no memory. */
int jdoc_add(struct jdoc *d, struct buf *out);
/* With a newline, flushed. 0, or -1 with errno (full or closed output). */
int jdoc_print(struct jdoc *d, FILE *to);

#endif
