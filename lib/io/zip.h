/*
 * zstd for frames: each payload is compressed on its own.  "auto" measures:
 * data that does not shrink below 7/8 stops compression for a while (the next
 * 4, 8, ... 64 frames), then a frame is tried again.
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
/* u32 raw length and a zstd frame into out (replaced); 1: worth sending; 0:
 * send it raw. */
int zip_pack(struct zip *z, const void *data, size_t n, struct buf *out);
/* The reverse; at most max raw bytes, exactly the announced number:
 * ERR_PROTOCOL otherwise. */
int zip_unpack(struct zip *z, const void *data, size_t n, size_t max,
    struct buf *out, struct err *e);

#endif
