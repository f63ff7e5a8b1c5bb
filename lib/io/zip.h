/*
 * zstd for frames: each payload is compressed on its own.  "auto" goes by a
 * sample of each larger frame (one page of its middle, some 3 % of the work):
 * data that does not shrink costs next to nothing from its first frame on.  Of
 * small frames that shrink too little every eighth is tried.
 */
#ifndef IO_ZIP_H
#define IO_ZIP_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"

#define ZIP_AUTO 255

struct zip;
struct zip *zip_new(int level); /* 0 none, 1..22, ZIP_AUTO; NULL: no memory */
void zip_free(struct zip *z);
/* How a zip of ZIP_AUTO goes on; others stay at their level.  level is zstd's,
 * also another one that is tried, too (0: none; the smaller result counts).
 * Frames are left raw whose sample is not packed to 16/min of its size. */
void zip_aim(struct zip *z, int level, int also, unsigned min);
/* u32 raw length and a zstd frame into out (replaced); 1: worth sending; 0:
 * send it raw. */
int zip_pack(struct zip *z, const void *data, size_t n, struct buf *out);
/* The reverse; at most max raw bytes, exactly the announced number:
 * ERR_PROTOCOL otherwise. */
int zip_unpack(struct zip *z, const void *data, size_t n, size_t max,
    struct buf *out, struct err *e);

#endif
