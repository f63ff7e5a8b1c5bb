/*
 * The error of the library: a stable id, the exit status that goes with it
 * (cli.md section 1) and three texts.  Library code fills it, cmd/ prints it.
 *
 * A function that can fail returns 0 or -1 and takes "struct err *e" last; e
 * may be NULL.  The first cause is kept: setting a set error does nothing.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/std.h"

/* Exit status of all programs except repl-status. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,     /* failed, nothing lasting changed */
	STATUS_USAGE = 2,      /* usage or configuration */
	STATUS_REFUSED = 3,    /* a precondition refused */
	STATUS_DATABASE = 4,   /* unreachable, authentication, SQL */
	STATUS_TRANSFER = 5,   /* SSH, agent, transfer: run again */
	STATUS_TIMEOUT = 6,    /* timed out */
	STATUS_INCOMPLETE = 7, /* changed but incomplete: act */
	STATUS_SIGNAL = 128    /* + signal number */
};

/*
 * Every id with its name and status stands once, here.  The names are a
 * contract (JSON "error.id", man pages): adding is free, renaming is not.
 */
#define ERR_TABLE(X)                                                           \
	X(ERR_NONE, "none", STATUS_OK)                                         \
	X(ERR_INTERNAL, "internal", STATUS_FAILED)                             \
	X(ERR_NOMEM, "out-of-memory", STATUS_FAILED)                           \
	X(ERR_IO, "local-io", STATUS_FAILED)                                   \
	X(ERR_PROC, "local-command", STATUS_FAILED)                            \
	X(ERR_USAGE, "usage", STATUS_USAGE)                                    \
	X(ERR_CONFIG, "configuration", STATUS_USAGE)                           \
	X(ERR_PREFLIGHT, "preflight", STATUS_REFUSED)                          \
	X(ERR_ROOT, "run-as-root", STATUS_REFUSED)                             \
	X(ERR_TARGET_OWNER, "target-owner", STATUS_REFUSED)                    \
	X(ERR_TARGET_MODE, "target-mode", STATUS_REFUSED)                      \
	X(ERR_TARGET_LOCKED, "target-locked", STATUS_REFUSED)                  \
	X(ERR_TARGET_NOT_EMPTY, "target-not-empty", STATUS_REFUSED)            \
	X(ERR_TARGET_NOT_PGDATA, "target-not-pgdata", STATUS_REFUSED)          \
	X(ERR_TARGET_RUNNING, "target-running", STATUS_REFUSED)                \
	X(ERR_TARGET_OTHER_CLUSTER, "target-other-cluster", STATUS_REFUSED)    \
	X(ERR_TARGET_IS_SOURCE, "target-is-source", STATUS_REFUSED)            \
	X(ERR_TARGET_AHEAD, "target-ahead", STATUS_REFUSED)                    \
	X(ERR_TARGET_IS_PRIMARY, "target-is-primary", STATUS_REFUSED)          \
	X(ERR_TARGET_SPACE, "target-space", STATUS_REFUSED)                    \
	X(ERR_TARGET_PATH, "target-path", STATUS_REFUSED)                      \
	X(ERR_VERSION, "version-mismatch", STATUS_REFUSED)                     \
	X(ERR_SETTING, "setting", STATUS_REFUSED)                              \
	X(ERR_PRIVILEGE, "privilege", STATUS_REFUSED)                          \
	X(ERR_NOT_PRIMARY, "not-primary", STATUS_REFUSED)                      \
	X(ERR_NODE, "node", STATUS_REFUSED)                                    \
	X(ERR_PROMOTING, "promotion-running", STATUS_REFUSED)                  \
	X(ERR_SLOT, "slot", STATUS_REFUSED)                                    \
	X(ERR_BACKUP_RUNNING, "backup-running", STATUS_REFUSED)                \
	X(ERR_TABLESPACE, "tablespace", STATUS_REFUSED)                        \
	X(ERR_SYMLINK, "symlink", STATUS_REFUSED)                              \
	X(ERR_MAX_DELETE, "max-delete", STATUS_REFUSED)                        \
	X(ERR_TIMELINE, "timeline", STATUS_REFUSED)                            \
	X(ERR_FORKED, "forked", STATUS_REFUSED)                                \
	X(ERR_DB_CONNECT, "db-connect", STATUS_DATABASE)                       \
	X(ERR_SQL, "sql", STATUS_DATABASE)                                     \
	X(ERR_BACKUP_LOST, "backup-lost", STATUS_DATABASE)                     \
	X(ERR_SSH_CONNECT, "ssh-connect", STATUS_TRANSFER)                     \
	X(ERR_SSH_HOSTKEY, "ssh-hostkey", STATUS_TRANSFER)                     \
	X(ERR_SSH_AUTH, "ssh-auth", STATUS_TRANSFER)                           \
	X(ERR_SSH_RSA, "ssh-rsa-sha1", STATUS_TRANSFER)                        \
	X(ERR_SSH, "ssh", STATUS_TRANSFER)                                     \
	X(ERR_AGENT, "agent", STATUS_TRANSFER)                                 \
	X(ERR_PROTOCOL, "protocol", STATUS_TRANSFER)                           \
	X(ERR_SOURCE, "source", STATUS_TRANSFER)                               \
	X(ERR_SOURCE_IO, "source-io", STATUS_TRANSFER)                         \
	X(ERR_DAMAGED_PAGES, "damaged-pages", STATUS_TRANSFER)                 \
	X(ERR_TRANSFER, "transfer", STATUS_TRANSFER)                           \
	X(ERR_TARGET_IO, "target-io", STATUS_TRANSFER)                         \
	X(ERR_TARGET_CHANGED, "target-changed", STATUS_INCOMPLETE)             \
	X(ERR_WORKER, "worker", STATUS_TRANSFER)                               \
	X(ERR_TIMEOUT, "timeout", STATUS_TIMEOUT)                              \
	X(ERR_WAL_MISSING, "wal-missing", STATUS_INCOMPLETE)                   \
	X(ERR_RECOVERY_CONF, "recovery-configuration", STATUS_INCOMPLETE)      \
	X(ERR_START, "standby-start", STATUS_INCOMPLETE)                       \
	X(ERR_NOT_STREAMING, "not-streaming", STATUS_INCOMPLETE)               \
	X(ERR_LEFT_BEHIND, "left-behind", STATUS_INCOMPLETE)                   \
	X(ERR_INTERRUPTED, "interrupted", STATUS_SIGNAL)

enum err_code {
#define X(code, name, status) code,
	ERR_TABLE(X)
#undef X
	    ERR_NCODES
};

struct err {
	enum err_code code;
	int status;        /* exit status; the table's unless raised */
	char text[1024];   /* lower case, no full stop */
	char detail[2048]; /* sentences, may be empty */
	char hint[2048];   /* lines of sentences, may be empty */
	bool hint_ended;   /* its last line: what is added begins another */
};

#define ERR_INIT                                                               \
	{                                                                      \
		.code = ERR_NONE                                               \
	}

/*
 * Text and hint are one line each: a line end that a value brings along (a
 * quoted setting, a path) becomes \\012.  A detail has lines where its format
 * has them, or is "%s" (one that is handed on).
 */

/* Set code and text, unless e is set already.  Returns -1, always; keeps
 * errno.  ERR_INTERRUPTED: use err_set_signal. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    PRINTFLIKE(3, 4);

/* As err_set, with ": " and strerror(errno) behind the text. */
int err_set_errno(struct err *e, enum err_code code, const char *fmt, ...)
    PRINTFLIKE(3, 4);

/* ERR_INTERRUPTED with exit status 128 + signo.  Returns -1. */
int err_set_signal(struct err *e, int signo);

/* ERR_NOMEM.  Returns -1. */
int err_set_nomem(struct err *e);

/* Put "context: " in front of the text of a set error.  Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);

/* Add a sentence to detail or hint of a set error (a space goes between
 * sentences).  Return -1. */
int err_detail(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);
int err_hint(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);

/*
 * Behind the sentence of err_hint that leads to it, what is to be typed, as it
 * stands: it ends the line, so that a line can be taken from there on to its
 * end. What is added later begins another line.  Returns -1.
 */
int err_command(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);

/* Raise the exit status of a set error: what failed stays, what it means for
 * the user is worse (7: changed but incomplete). */
void err_raise(struct err *e, int status);

/* The same for other texts of one line; what gets too long is cut. */
void err_one_line(char *text, size_t size);
void err_clear(struct err *e);
static inline bool
err_is_set(const struct err *e)
{
	return e != NULL && e->code != ERR_NONE;
}

/* The stable name of a code; the code of a name (ERR_INTERNAL if unknown:
 * names arrive from the other end of a wire). */
const char *err_name(enum err_code code);
enum err_code err_code_of(const char *name);

#endif
