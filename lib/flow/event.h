/* event_command of standby.conf: tells a person or a machine what happened. */
#ifndef FLOW_EVENT_H
#define FLOW_EVENT_H

#include "base/std.h"
#include "base/err.h"

/*
 * Run it (by /bin/sh -c; bound to 10 s, then its whole process group is ended;
 * its output to the log, its failure is a warning and nothing more) with
 * STANDBY_EVENT ("promote", "switchover", "follow", "clone"), STANDBY_NODE,
 * STANDBY_RESULT, STANDBY_DETAIL in its environment.  STANDBY_RESULT:
 * "ok";
 * "refused"	nothing was done;
 * "failed"	a promotion was not asked for: this run makes no new primary;
 *		follow: the node is configured as it was;
 * "unknown"	it was asked for, and not seen to be done: it may still be;
 * "incomplete"	the new primary stands, and a later step failed; follow: the
 *		new upstream is configured, or the node was stopped, and a
 *		later step failed.
 * command NULL: nothing.  0, -1 with e.
 */
int event_run(const char *command, const char *event, const char *node,
    const char *result, const char *detail, int sigfd, struct err *e);

#endif
