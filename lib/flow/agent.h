/*
 * standby-agent: serves requests of core/wire.h on a channel until DONE, end
 * of file, 60 s without a frame, or an error, which is sent as an ERR frame.
 * Read-only, but for what OPERATE runs where this host's standby.conf allows
 * it; program_dir: where standby-follow and standby-clone are, NULL: in PATH.
 * Bounds this process, and from OPEN on yields to others.  Returns 0 after
 * DONE, else -1 with e.
 */
#ifndef FLOW_AGENT_H
#define FLOW_AGENT_H

#include "base/std.h"
#include "base/err.h"

struct chan;
int agent_serve(struct chan *c, const char *program_dir, struct err *e);

#endif
