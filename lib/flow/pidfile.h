/*
 * postmaster.pid: which process, where it listens, what it says of itself.
 * A file that another process writes is never believed beyond its text.
 */
#ifndef FLOW_PIDFILE_H
#define FLOW_PIDFILE_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/conninfo.h"

struct pidfile {
	long pid;          /* 0: unreadable */
	int port;          /* 0: not known */
	int64_t started;   /* of its process, s since 1970; 0: not told (9.0) */
	char sockdir[256]; /* "" : none, or not told */
	char listen[256];  /* first listen address, "" likewise */
	char status[16];   /* "starting", "ready", "standby", ... (10), or "" */
	unsigned long shmkey;
	long shmid; /* -1: not told */
};

/* Pure.  0, or -1 when the first line is not a pid. */
int pidfile_parse(const char *text, size_t len, struct pidfile *p);
/* 1: read; 0: there is none; -1: e.  A file that cannot be understood gives 1
 * with pid 0.  What 9.0 does not tell there is found by the process that runs
 * (server_local_find). */
int pidfile_read(int pgdata_fd, struct pidfile *p, struct err *e);

/*
 * The text of postmaster.opts as a command line, each word with its NUL as in
 * /proc/PID/cmdline, added to words.  The server writes its program, and then
 * each word between quotes (CreateOptsFile of 9.0 to 18), without a mark for
 * quotes within: a quote ends a word only with a blank and a quote, or the end
 * of the file, behind it.  A word that holds just that comes out as two.
 */
void pidfile_options(const char *text, struct buf *words);

/* How that server is reached from this host, else as `like`: its socket, or the
 * address that it listens on.  Without what would lead elsewhere.  c: what it
 * held is freed.  ERR_SETTING: its port is not known. */
int pidfile_conninfo(const struct pidfile *p, const struct conninfo *like,
    struct conninfo *c, struct err *e);

#endif
