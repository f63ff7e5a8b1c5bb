/*
 * What this host tells of a server that runs on it, besides SQL: for servers
 * before 9.6, which do not tell enough themselves, and for roles that they tell
 * nothing.
 */
#ifndef FLOW_SERVER_LOCAL_H
#define FLOW_SERVER_LOCAL_H

#include "base/std.h"
#include "flow/pidfile.h"

/*
 * The port and the socket directory, where postmaster.pid does not tell them
 * (9.0): by the command line of its process, else by its configuration, what
 * that includes as well, else by PGPORT of its environment, else the default
 * port; and a socket that is there in one of the two usual directories.  A
 * configuration that cannot be read leaves both unknown.  What p has already
 * stays.  cmdline: as /proc/PID/cmdline has it, n bytes (server_local_cmdline).
 */
void server_local_place(const char *pgdata, int version, const char *cmdline,
    size_t n, struct pidfile *p);
/* The same of the server that runs in an open directory, if p is of it and it
 * is one whose file does not tell them. */
void server_local_find(int pgdata_fd, struct pidfile *p);
/* Of a process of ours, at most size bytes; 0: none. */
size_t server_local_cmdline(long pid, char *cmdline, size_t size);

/*
 * The value of a setting in such a command line, the last one counts; borrowed,
 * NULL: none.  By its own letter (0: it has none), or by its name (NULL: none)
 * as "-c name=value" or "--name=value", where '-' stands for '_'.
 */
const char *server_local_option(
    const char *cmdline, size_t n, char letter, const char *name);

enum server_receiver {
	RECEIVER_UNSEEN, /* none, or not to be seen here */
	RECEIVER_THERE,  /* it runs: connected, or about to connect */
	RECEIVER_STREAMS /* and has flushed WAL up to *lsn */
};
/* The WAL receiver of a postmaster, by its title in ps (9.0.0
 * walreceiver.c:537: "wal receiver process   streaming 0/1A000060"; from 11 on
 * "walreceiver streaming 0/1A000060"). */
enum server_receiver server_local_receiver(long postmaster, uint64_t *lsn);
/* Pure: the title alone. */
enum server_receiver server_local_title(const char *title, uint64_t *lsn);

#endif
