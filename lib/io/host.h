/* Names and addresses of this machine. */
#ifndef IO_HOST_H
#define IO_HOST_H

#include "base/std.h"

/* Does a host name, address or socket directory lead to this machine?  1, 0,
 * -1: the name is not known. */
int host_is_local(const char *host);

#endif
