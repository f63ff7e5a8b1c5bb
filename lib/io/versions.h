/* Versions of the libraries that the program is linked with. */
#ifndef IO_VERSIONS_H
#define IO_VERSIONS_H

#include "base/buf.h"

void versions_add(struct buf *b);

#endif
