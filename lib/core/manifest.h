/*
 * The list of what a data directory holds: of the source as the agent tells
 * it, of the target as our own walk finds it.  Sorted by path_cmp, no
 * duplicates, at most MANIFEST_MAX entries.
 */
#ifndef CORE_MANIFEST_H
#define CORE_MANIFEST_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/filestamp.h"

#define MANIFEST_MAX 10000000u
#define MANIFEST_MAX_BYTES (UINT64_C(2) << 30)

enum entry_type {
	ENTRY_FILE = 'f',
	ENTRY_DIR = 'd',
	ENTRY_LINK = 'l',   /* a symbolic link; its target in link */
	ENTRY_SPECIAL = 's' /* socket, FIFO, device: local walk only */
};

struct entry {
	const char *path; /* owned by the manifest */
	const char *link; /* ENTRY_LINK: where it points, else NULL */
	uint64_t size;    /* bytes, files only */
	int64_t mtime_ns, ctime_ns;
	uint64_t ino, dev;
	uint32_t mode;  /* permission bits */
	uint32_t nlink; /* local walk; 1 from the wire */
	uint8_t type;   /* enum entry_type */
	uint8_t mark;   /* used by core/plan.c */
};

struct manifest {
	struct entry *v;
	size_t n, cap;
	struct arena *arena; /* memory of the texts */
	uint64_t bytes;      /* sum of file sizes */
};

/* What base/filestamp.h compares. */
struct filestamp manifest_stamp(const struct entry *en);
/* Append; copies path and link.  The order is checked: out of order or
 * duplicate is ERR_PROTOCOL, as is a bad path or type. */
int manifest_add(struct manifest *m, const struct entry *en, struct err *e);
/* Wire form of one entry: u8 type, u32 mode, stamp (core/wire.h), str path,
 * and for links str target. */
void manifest_encode(struct buf *b, const struct entry *en);
/* All entries of one ENTRIES payload. */
int manifest_decode(
    struct manifest *m, const void *data, size_t n, struct err *e);
const struct entry *manifest_find(const struct manifest *m, const char *path);
/* Index of the first entry not before path. */
size_t manifest_lower(const struct manifest *m, const char *path);
void manifest_free(struct manifest *m);

#endif
