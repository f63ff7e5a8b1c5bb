/*
 * backup_label and tablespace_map: read for checking, and the map rewritten
 * for --tablespace-mapping.  Everything else is written byte for byte.
 */
#ifndef CORE_LABEL_H
#define CORE_LABEL_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

struct label {
	uint64_t start_lsn;
	uint64_t checkpoint_lsn;
	char start_wal[25];
	char from[16];     /* "primary" (also where the server says "master"),
			    * "standby", "" when absent (9.0, 9.1) */
	char label[256];   /* LABEL line, cut to 255 bytes */
	uint32_t timeline; /* START TIMELINE (11), 0 when absent */
};

#define LABEL_MAX 65536         /* bytes of a backup_label */
#define LABEL_MAP_MAX (4 << 20) /* bytes of a tablespace_map */
#define LABEL_MAP_LINE 1023     /* bytes the server keeps of one line of it */

/* Returns 0, or -1 (ERR_SQL) when START WAL LOCATION and CHECKPOINT LOCATION
 * are not the first two lines or malformed, another known line is malformed,
 * or the text is longer than LABEL_MAX or holds a NUL. */
int label_parse(const char *text, size_t len, struct label *l, struct err *e);

/*
 * The label of a run of ours: text (what the user wants, may be NULL or ""; cut
 * between two characters, control characters become blanks, since a label is
 * one line), then "standby-clone UUID".  size: at least 64.
 */
void label_make(char *to, size_t size, const char *text, const char *uuid);
/* Does the label end as label_make's do: with that UUID, or, uuid NULL, with
 * any?  What is before it says nothing: the server has converted it to the
 * encoding of a database. */
bool label_is_ours(const char *label, const char *uuid);
/* That UUID, inside of label; NULL: it is not ours. */
const char *label_uuid(const char *label);

/* How a tablespace path maps: the new path, or NULL to keep it. */
typedef const char *label_map_fn(void *arg, uint32_t oid, const char *path);

/*
 * tablespace_map: each line through map.  version decides how \ is escaped
 * (pgver PGFACT_MAP_BACKSLASH).  An unchanged line comes out byte for byte.
 * path is unescaped and lives until map returns; the new path is copied.
 * Appends to out.  Returns 0, or -1: ERR_SQL when the text is not a map,
 * ERR_TABLESPACE for a new path that the file cannot hold (relative, too long,
 * or ending in a backslash where \ is not escaped), ERR_NOMEM.
 */
int label_map_rewrite(const char *text, size_t len, int version,
    label_map_fn *map, void *arg, struct buf *out, struct err *e);

#endif
