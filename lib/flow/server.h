/*
 * The server in the target directory: is it running, start it, wait until it
 * streams from our primary, say why not.
 */
#ifndef FLOW_SERVER_H
#define FLOW_SERVER_H

#include "base/std.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/pg.h"

/* 0: no server; 1: one runs (or may: cannot be told), *pid filled (0 unknown)
 * and why says how that is known (may be NULL); -1 error.  A server process is
 * one called postgres whose working directory is this directory, with or
 * without postmaster.pid; a dead or foreign pid in that file counts as running
 * while the shared memory named there is in use, and on NFS (faults A4). */
int server_running(int pgdata_fd, long *pid, struct buf *why, struct err *e);
/* Is that process one of the server of this directory, for certain? */
bool server_has_process(int pgdata_fd, long pid);

/*
 * Is it proven that none runs?  1: one does, as above; 0: none does; -1: that
 * cannot be told, why says it (another container, another host of a shared file
 * system, a process that may not be looked at); -2 error.  A pid in
 * postmaster.pid that is dead, or of something else, is not a server.
 */
int server_alive(int pgdata_fd, long *pid, struct buf *why, struct err *e);

/*
 * Directory of the server programs for a version: given, pg_config,
 * /usr/lib/postgresql/N/bin, /usr/pgsql-N/bin, /usr/local/pgsql/bin, PATH.
 * "postgres --version" must say the same major: ERR_VERSION, with what was
 * tried, when none does.  *bindir is owned by the caller; *minor gets the full
 * version number found.
 */
int server_bindir(
    const char *given, int version, char **bindir, int *minor, struct err *e);

/*
 * server_conf.c: what those programs make of a configuration, by "postgres -C"
 * (from 9.2; below, and where they cannot read it: ERR_SETTING, with what they
 * said).  deadline: of each call; also ends by a signal.  Each value takes the
 * start of a program, 10 ms.
 *
 * server_settings: the values of `names` for a server whose configuration is in
 * config_dir (PGDATA, or where the distribution has it), includes and
 * postgresql.auto.conf counted, in the setting's own unit and not in that of
 * SHOW; replaces what is in values.
 * server_accepts: is `name` a setting that can have that value?
 */
int server_settings(const char *bindir, const char *config_dir,
    const char *const *names, size_t n, struct buf *values, int64_t deadline,
    struct err *e);
int server_accepts(const char *bindir, const char *name, const char *value,
    int64_t deadline, struct err *e);
/* What is built in, of programs of that version (PGFACT_LOCAL_SIZES; 0: nothing
 * is, or they do not tell): bytes, bytes, blocks, bytes. */
struct server_sizes {
	uint32_t block, wal_block, segment, wal_segment;
};
int server_sizes(const char *bindir, int version, struct server_sizes *s,
    int64_t deadline, struct err *e);

struct server_start {
	const char *pgdata;
	const char *bindir;
	const char *command; /* --start-command run by /bin/sh -c, or NULL */
	const char *log;     /* pg_ctl -l */
	bool again; /* with the options of its last start, as postmaster.opts
		     * has them (configuration elsewhere, port) */
	const char *options; /* pg_ctl -o, or NULL */
	int64_t deadline;
	int sigfd;
};
/* Started means: a postmaster lives; see server_wait_streaming for the rest.
 * Client variables of libpq are removed from the environment.  ERR_START with
 * the last log lines in detail and a classified cause in hint (C6: port in use,
 * setting too low, config missing, wrong permissions...). */
int server_start(const struct server_start *s, struct err *e);
int server_stop(
    const struct server_start *s, const char *stop_command, struct err *e);

struct server_wait {
	const char *pgdata;
	int version;
	const struct pg_opts *primary;  /* session options of the primary */
	struct pg *primary_pg;          /* borrowed, may be NULL */
	const struct conninfo *standby; /* user, dbname, ... for its own server;
					 * host and port are replaced */
	const char *application_name;
	const char *slot; /* or NULL */
	uint64_t system_identifier;
	uint32_t timeline;
	uint64_t until_lsn; /* received up to here */
	const char *log;    /* start log, for the causes */
	int64_t deadline;
	int sigfd;
	struct pg **own; /* or NULL: gets the session with the standby, to be
			  * closed by the caller; NULL where there is none */
};
struct server_state {
	bool streaming;
	uint64_t receive_lsn, replay_lsn;
	bool standby_login;    /* false: the sender row decided */
	char login_error[256]; /* why not */
};
/* ERR_NOT_STREAMING (7) with the likely cause from both sides (C7). */
int server_wait_streaming(
    const struct server_wait *w, struct server_state *s, struct err *e);

/*
 * Is a wait that ended without streaming worth another one?  Yes where more was
 * received; replay counts on the way to `until`, the end of the backup: behind
 * it an archive of a busy primary moves for ever, and nothing streams.
 */
bool server_wait_moved(const struct server_state *before,
    const struct server_state *now, uint64_t until);

/* argv behind env(1), which takes the client variables of libpq away; words
 * borrow from argv.  -1: more than max. */
int server_words(
    const char *const *argv, const char **words, size_t max, struct err *e);

/* Add the last 16 kB of the start log, and of the newest file of the logging
 * collector that it names, to text. */
void server_log_tail(const char *pgdata, const char *log, struct buf *text);
/* Put the last log lines into the detail of a set error, and what they mean
 * into its hint. */
void server_explain(const char *pgdata, const char *log, struct err *e);
/* Known FATAL texts of a server log -> a hint, or NULL.  Pure. */
const char *server_classify_log(const char *text);

#endif
