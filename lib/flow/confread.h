/*
 * Files of a server configuration on this host, for core/confwalk.h: regular,
 * owned by us or by root (what goes to another host), and not too many or too
 * big; the server itself asks for none of this.  The names come from the
 * configuration itself; links are followed, as the server follows them.
 */
#ifndef FLOW_CONFREAD_H
#define FLOW_CONFREAD_H

#include "base/std.h"
#include "core/confwalk.h"

#define CONFREAD_MAX (1000u * 1000) /* bytes of a file */
#define CONFREAD_FILES 64
#define CONFREAD_NAMES 1000 /* in a directory that is included */

struct confread {
	unsigned files;     /* read so far; start with 0 */
	struct stat st;     /* of the last one */
	unsigned max_files; /* 0: CONFREAD_FILES */
	bool any_owner;     /* they are looked at only, and stay here */
	bool bound; /* out: refused for our bounds, not for its nature */
};

/* The callbacks; r is borrowed.  ERR_SETTING: a file that may not be read, or
 * is more than the bounds allow; its name is in the text. */
struct confwalk_io confread_io(struct confread *r);

/* One file: 1, 0 there is none, -1. */
int confread_file(
    struct confread *r, const char *path, struct buf *text, struct err *e);

#endif
