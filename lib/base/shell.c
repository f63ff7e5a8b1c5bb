#include "base/std.h"
#include "base/shell.h"

void
shell_add_quoted(struct buf *b, const char *word)
{
	buf_addc(b, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *word);
	buf_addc(b, '\'');
}

/* Not "~" and not "=" in front: shells expand those. */
static bool
is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./:=@%+,-";

	return word[0] != '\0' && word[0] != '=' &&
	       word[strspn(word, plain)] == '\0';
}

void
shell_add_word(struct buf *b, const char *word)
{
	if (is_plain(word))
		buf_adds(b, word);
	else
		shell_add_quoted(b, word);
}

static const char *
into(char *to, struct buf *b)
{
	bool fits = buf_ok(b) && b->len < SHELL_WORD;

	(void)snprintf(to, SHELL_WORD, "%s", fits ? buf_str(b) : "''");
	buf_free(b);
	return to;
}

const char *
shell_quoted(const char *word, char *to)
{
	struct buf b = BUF_INIT;

	shell_add_quoted(&b, word);
	return into(to, &b);
}

const char *
shell_word(const char *word, char *to)
{
	struct buf b = BUF_INIT;

	shell_add_word(&b, word);
	return into(to, &b);
}
