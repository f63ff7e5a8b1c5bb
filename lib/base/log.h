/*
 * One log sink per process.  Programs talk through it; the library uses it
 * for LOG_DEBUG and LOG_TRACE only.  Text from another host is escaped by the
 * caller (core/text.h); what it missed is made harmless here: control
 * characters other than line end and tab, bidirectional marks and bytes that
 * are not UTF-8 become \ooo, byte by byte.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/std.h"

enum log_level {
	LVL_ERROR,
	LVL_WARNING,
	LVL_INFO,
	LVL_VERBOSE, /* -v */
	LVL_DEBUG    /* -vv: SQL and remote requests, secrets masked */
};

/* program: borrowed, the prefix of each line.  Levels above max are dropped.
 * Before the first call: "standby-tools", LVL_INFO, stderr. */
void log_init(const char *program, enum log_level max);
enum log_level log_max(void);

/*
 * Where lines go: NULL or "stderr"; "syslog" or "syslog:FACILITY"; else a file
 * to append to.  Under systemd (JOURNAL_STREAM set) stderr lines get "<N>"
 * prefixes.  Returns 0, or -1 with errno (EINVAL: unknown facility).
 */
int log_to(const char *sink);

/* Colour the kinds on stderr (as PG_COLOR does for PostgreSQL's programs). */
void log_color(bool on);

/* One line, "program: fmt".  kind is put before the text when not NULL
 * ("error", "warning", "detail", "hint"). */
void log_line(enum log_level level, const char *kind, const char *fmt, ...)
    PRINTFLIKE(3, 4);
/* A line of a report that belongs under the last one: indented, without the
 * program's name, where people read (a plain stderr); else as log_line. */
void log_under(enum log_level level, const char *fmt, ...) PRINTFLIKE(2, 3);
#define log_debug(...) log_line(LVL_DEBUG, "debug", __VA_ARGS__)

#endif
