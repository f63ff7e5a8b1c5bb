#include "base/std.h"
#include "base/buf.h"
#include "core/words.h"

#define BLANKS " \t\r\n"
#define FOR_A_SHELL "$`|&;<>()*?[]{}#!~"

void
words_free(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	*w = (struct words){.n = 0};
}

static int
unfinished(const char *command, struct err *e)
{
	return err_set(e, ERR_CONFIG,
	    "command \"%.200s\" has a quote or backslash without its end",
	    command);
}

static int
not_plain(const char *command, char c, struct err *e)
{
	(void)err_set(e, ERR_CONFIG,
	    "command \"%.200s\" needs a shell for its '%c'", command, c);
	return err_hint(e, "Put the command into a script and name that, or "
			   "quote the character.");
}

/* Between double quotes; *s is behind the first and then behind the last. */
static int
take_double(const char *command, const char **s, struct buf *b, struct err *e)
{
	const char *p = *s;

	for (; *p != '"'; p++) {
		if (*p == '$' || *p == '`')
			return not_plain(command, *p, e);
		if (*p == '\\' && p[1] != '\0' &&
		    strchr("\"\\$`", p[1]) != NULL)
			p++;
		if (*p == '\0')
			return unfinished(command, e);
		buf_addc(b, *p);
	}
	*s = p + 1;
	return 0;
}

/* Between single quotes, likewise. */
static int
take_single(const char *command, const char **s, struct buf *b, struct err *e)
{
	size_t n = strcspn(*s, "'");

	if ((*s)[n] == '\0')
		return unfinished(command, e);
	buf_add(b, *s, n);
	*s += n + 1;
	return 0;
}

/* The character behind a backslash. */
static int
take_escaped(const char *command, const char **s, struct buf *b, struct err *e)
{
	if (**s == '\0')
		return unfinished(command, e);
	buf_addc(b, *(*s)++);
	return 0;
}

static int
take_word(const char *command, const char **s, struct buf *b, struct err *e)
{
	int rc = 0;
	char c;

	/* The NUL counts as a blank. */
	while (rc == 0 && strchr(BLANKS, **s) == NULL) {
		c = *(*s)++;
		if (c == '\'')
			rc = take_single(command, s, b, e);
		else if (c == '"')
			rc = take_double(command, s, b, e);
		else if (c == '\\')
			rc = take_escaped(command, s, b, e);
		else if (strchr(FOR_A_SHELL, c) != NULL)
			rc = not_plain(command, c, e);
		else
			buf_addc(b, c);
	}
	return rc;
}

static int
add_word(const char *command, const char **s, struct words *w, struct err *e)
{
	struct buf b = BUF_INIT;

	if (w->n == WORDS_MAX)
		return err_set(e, ERR_CONFIG,
		    "command \"%.200s\" has more than %d words", command,
		    WORDS_MAX);
	buf_adds(&b, ""); /* '' is a word */
	if (take_word(command, s, &b, e) == -1) {
		buf_free(&b);
		return -1;
	}
	if ((w->v[w->n] = buf_steal(&b)) == NULL)
		return err_set_nomem(e);
	w->n++;
	return 0;
}

int
words_split(const char *command, struct words *w, struct err *e)
{
	const char *s = command;

	*w = (struct words){.n = 0};
	for (;;) {
		s += strspn(s, BLANKS);
		if (*s == '\0')
			break;
		if (add_word(command, &s, w, e) == -1) {
			words_free(w);
			return -1;
		}
	}
	if (w->n == 0 || *w->v[0] == '\0') {
		words_free(w);
		return err_set(e, ERR_CONFIG, "an empty command");
	}
	return 0;
}
