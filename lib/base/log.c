#include "base/std.h"
#include "base/log.h"
#include "base/utf8.h"

#include <syslog.h>

/* The one writable global besides the signal pipe: a process has one sink. */
static struct {
	const char *program;
	enum log_level max;
	FILE *file; /* NULL: stderr */
	bool syslog;
	bool journal; /* "<N>" prefixes */
	bool color;
} sink = {.program = "standby-tools", .max = LVL_INFO};

static const int priority[] = {
    [LVL_ERROR] = LOG_ERR,
    [LVL_WARNING] = LOG_WARNING,
    [LVL_INFO] = LOG_INFO,
    [LVL_VERBOSE] = LOG_INFO,
    [LVL_DEBUG] = LOG_DEBUG,
};

static const struct {
	const char *name;
	int facility;
} facilities[] = {
    {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV},
    {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON},
    {"user", LOG_USER},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
};

void
log_init(const char *program, enum log_level max)
{
	sink.program = program;
	sink.max = max;
	sink.journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_color(bool on)
{
	sink.color = on;
}

/* error red, warning magenta, hint and the rest cyan: as PostgreSQL's. */
static const char *
color_of(const char *kind)
{
	if (!sink.color || kind == NULL || sink.file != NULL)
		return "";
	if (strcmp(kind, "error") == 0)
		return "\033[01;31m";
	return strcmp(kind, "warning") == 0 ? "\033[01;35m" : "\033[01;36m";
}

enum log_level
log_max(void)
{
	return sink.max;
}

static int
to_syslog(const char *facility)
{
	int f = LOG_DAEMON;

	if (facility != NULL) {
		f = -1;
		for (size_t i = 0; i < NELEM(facilities); i++)
			if (strcasecmp(facilities[i].name, facility) == 0)
				f = facilities[i].facility;
		if (f == -1) {
			errno = EINVAL;
			return -1;
		}
	}
	openlog(sink.program, LOG_PID, f);
	sink.syslog = true;
	return 0;
}

int
log_to(const char *where)
{
	int fd;
	FILE *f;

	if (where == NULL || strcmp(where, "stderr") == 0)
		return 0;
	if (strcmp(where, "syslog") == 0)
		return to_syslog(NULL);
	if (strncmp(where, "syslog:", 7) == 0)
		return to_syslog(where + 7);
	fd = open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if ((f = fdopen(fd, "a")) == NULL) {
		(void)close(fd);
		return -1;
	}
	(void)setvbuf(f, NULL, _IOLBF, 0);
	sink.file = f;
	return 0;
}

/*
 * Much of a text may be from another host.  Its callers escape what they know
 * to be foreign; here nothing passes that a terminal would obey.  Line ends of
 * our own lists and backslashes (of what is escaped) stay.
 */
static void
clean(const char *text, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text), len, o = 0;
	uint32_t code;

	for (; n > 0 && o + 17 <= size; p += len, n -= len) {
		len = utf8_char(p, n, &code);
		if (len > 0 &&
		    (strchr("\n\t\\", *p) != NULL || !utf8_is_unsafe(code))) {
			memcpy(out + o, p, len);
			o += len;
			continue;
		}
		if (len == 0)
			len = 1;
		for (size_t i = 0; i < len; i++, o += 4)
			(void)snprintf(out + o, 5, "\\%03o", (unsigned)p[i]);
	}
	out[o] = '\0';
}

void
log_line(enum log_level level, const char *kind, const char *fmt, ...)
{
	char raw[8192], text[8192];
	char stamp[32] = "";
	va_list ap;
	int saved = errno;
	time_t now;
	struct tm tm;

	if (level > sink.max)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	clean(raw, text, sizeof(text));
	if (sink.syslog) {
		syslog(priority[level], "%s%s%s", kind ? kind : "",
		    kind ? ": " : "", text);
		errno = saved;
		return;
	}
	if (sink.file != NULL) {
		now = time(NULL);
		if (gmtime_r(&now, &tm) != NULL)
			(void)strftime(
			    stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	} else if (sink.journal) {
		(void)snprintf(stamp, sizeof(stamp), "<%d>", priority[level]);
	}
	(void)fprintf(sink.file ? sink.file : stderr, "%s%s: %s%s%s%s%s\n",
	    stamp, sink.program, color_of(kind), kind ? kind : "",
	    kind ? ": " : "", color_of(kind)[0] != '\0' ? "\033[0m" : "", text);
	errno = saved;
}

void
log_under(enum log_level level, const char *fmt, ...)
{
	char raw[8192], text[8192];
	va_list ap;

	if (level > sink.max)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	clean(raw, text, sizeof(text));
	if (sink.syslog || sink.file != NULL || sink.journal)
		log_line(level, NULL, "%s", text);
	else
		(void)fprintf(stderr, "  %s\n", text);
}
