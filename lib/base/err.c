#include "base/std.h"
#include "base/err.h"

static const struct {
	const char *name;
	int status;
} err_table[] = {
#define X(code, name, status) {name, status},
    ERR_TABLE(X)
#undef X
};

static int set_v(struct err *e, enum err_code code, const char *fmt, va_list ap)
    PRINTFLIKE(3, 0);
static void append_v(char *to, size_t size, char between, const char *fmt,
    va_list ap) PRINTFLIKE(4, 0);
static void add_hint(struct err *e, const char *fmt, va_list ap)
    PRINTFLIKE(2, 0);

void
err_one_line(char *text, size_t size)
{
	char *copy = strchr(text, '\n') != NULL ? strdup(text) : NULL;
	size_t n = 0;

	if (copy == NULL) { /* without memory: shorter, but no second line */
		text[strcspn(text, "\n")] = '\0';
		return;
	}
	for (const char *p = copy; *p != '\0'; p++) {
		const char *as = *p == '\n' ? "\\012" : NULL;
		size_t k = as != NULL ? 4 : 1;

		if (n + k >= size)
			break;
		memcpy(text + n, as != NULL ? as : p, k);
		n += k;
	}
	text[n] = '\0';
	free(copy);
}

static int
set_v(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
	if (e == NULL || e->code != ERR_NONE)
		return -1;
	e->code = code;
	e->status = err_table[code].status;
	e->detail[0] = e->hint[0] = '\0';
	e->hint_ended = false;
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	err_one_line(e->text, sizeof(e->text));
	return -1;
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	(void)set_v(e, code, fmt, ap);
	va_end(ap);
	errno = saved;
	return -1;
}

int
err_set_errno(struct err *e, enum err_code code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	if (e == NULL || e->code != ERR_NONE)
		return -1;
	va_start(ap, fmt);
	(void)set_v(e, code, fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	(void)snprintf(
	    e->text + n, sizeof(e->text) - n, ": %s", strerror(saved));
	errno = saved;
	return -1;
}

int
err_set_signal(struct err *e, int signo)
{
	if (e == NULL || e->code != ERR_NONE)
		return -1;
	(void)err_set(e, ERR_INTERRUPTED, "interrupted by signal %d (%s)",
	    signo, strsignal(signo));
	e->status = STATUS_SIGNAL + signo;
	return -1;
}

int
err_set_nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->text)];
	int saved = errno;
	size_t n;
	va_list ap;

	if (e == NULL || e->code == ERR_NONE)
		return -1;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	err_one_line(e->text, sizeof(e->text));
	n = strlen(e->text);
	(void)snprintf(e->text + n, sizeof(e->text) - n, ": %s", old);
	errno = saved;
	return -1;
}

/* A value keeps to its line, unless the format has lines of its own or hands a
 * whole text on. */
static bool
has_lines(const char *fmt)
{
	return strchr(fmt, '\n') != NULL || strcmp(fmt, "%s") == 0;
}

static void
append_v(char *to, size_t size, char between, const char *fmt, va_list ap)
{
	size_t n = strlen(to);

	if (n > 0 && n + 1 < size) {
		to[n++] = between;
		to[n] = '\0';
	}
	(void)vsnprintf(to + n, size - n, fmt, ap);
	if (!has_lines(fmt))
		err_one_line(to + n, size - n);
}

int
err_detail(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->code == ERR_NONE)
		return -1;
	va_start(ap, fmt);
	append_v(e->detail, sizeof(e->detail), ' ', fmt, ap);
	va_end(ap);
	return -1;
}

static void
add_hint(struct err *e, const char *fmt, va_list ap)
{
	char between = e->hint_ended ? '\n' : ' ';

	append_v(e->hint, sizeof(e->hint), between, fmt, ap);
}

int
err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->code == ERR_NONE)
		return -1;
	va_start(ap, fmt);
	add_hint(e, fmt, ap);
	va_end(ap);
	e->hint_ended = false;
	return -1;
}

int
err_command(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->code == ERR_NONE)
		return -1;
	va_start(ap, fmt);
	add_hint(e, fmt, ap);
	va_end(ap);
	e->hint_ended = true;
	return -1;
}

void
err_raise(struct err *e, int status)
{
	if (e != NULL && e->code != ERR_NONE)
		e->status = status;
}

void
err_clear(struct err *e)
{
	if (e != NULL)
		*e = (struct err)ERR_INIT;
}

const char *
err_name(enum err_code code)
{
	if ((size_t)code >= NELEM(err_table))
		return "internal";
	return err_table[code].name;
}

enum err_code
err_code_of(const char *name)
{
	for (size_t i = 0; i < NELEM(err_table); i++)
		if (strcmp(err_table[i].name, name) == 0)
			return (enum err_code)i;
	return ERR_INTERNAL;
}
