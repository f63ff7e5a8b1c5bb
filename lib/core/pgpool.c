#include "base/std.h"
#include "core/pgpool.h"

#define RECOVERY_WORDS 6

static bool
is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 5 && s[n] == '\0';
}

/* A host becomes a word of the ssh program: never an option. */
static bool
is_host(const char *s)
{
	return s[0] != '\0' && s[0] != '-' &&
	       strpbrk(s, " \t\n'\"\\$`;&|<>()") == NULL;
}

int
pgpool_recovery_words(const char *const *words, size_t n,
    struct pgpool_recovery *r, struct err *e)
{
	if (n != RECOVERY_WORDS && n != RECOVERY_WORDS + 1) {
		(void)err_set(e, ERR_USAGE,
		    "--pgpool-recovery wants the 6 or 7 words of pgpool's "
		    "recovery_1st_stage_command, not %zu",
		    n);
		return err_hint(e, "In $PGDATA/recovery_1st_stage: exec "
				   "standby-clone --pgpool-recovery \"$@\"");
	}
	*r = (struct pgpool_recovery){.primary_pgdata = words[0],
	    .target_host = words[1],
	    .target_pgdata = words[2],
	    .primary_port = words[3],
	    .target_id = words[4],
	    .target_port = words[5],
	    .primary_host = n > RECOVERY_WORDS ? words[6] : NULL};
	if (!is_host(r->target_host))
		return err_set(e, ERR_USAGE,
		    "--pgpool-recovery: word 2 is not a host: \"%s\"",
		    r->target_host);
	if (r->target_pgdata[0] != '/')
		return err_set(e, ERR_USAGE,
		    "--pgpool-recovery: word 3 is not a directory: \"%s\"",
		    r->target_pgdata);
	if (!is_port(r->primary_port))
		return err_set(e, ERR_USAGE,
		    "--pgpool-recovery: word 4 is not a port: \"%s\"",
		    r->primary_port);
	if (r->primary_host != NULL && !is_host(r->primary_host))
		return err_set(e, ERR_USAGE,
		    "--pgpool-recovery: word 7 is not a host: \"%s\"",
		    r->primary_host);
	return 0;
}

void
pgpool_add_shell_word(struct buf *b, const char *word)
{
	buf_addc(b, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *word);
	buf_addc(b, '\'');
}

void
pgpool_recovery_command(const struct pgpool_recovery *r, const char *host,
    const char *program, struct buf *command)
{
	const char *words[] = {"--host",
	    r->primary_host != NULL ? r->primary_host : host, "--port",
	    r->primary_port, "--pgdata", r->target_pgdata, "--delta",
	    "--no-start", "--yes"};

	pgpool_add_shell_word(command, program);
	for (size_t i = 0; i < NELEM(words); i++) {
		buf_addc(command, ' ');
		pgpool_add_shell_word(command, words[i]);
	}
}
