#include "base/std.h"
#include "base/shell.h"
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
pgpool_recovery_command(const struct pgpool_recovery *r, const char *host,
    const char *program, struct buf *command)
{
	const char *words[] = {"--host",
	    r->primary_host != NULL ? r->primary_host : host, "--port",
	    r->primary_port, "--pgdata", r->target_pgdata, "--delta",
	    "--no-start", "--yes"};

	shell_add_quoted(command, program);
	for (size_t i = 0; i < NELEM(words); i++) {
		buf_addc(command, ' ');
		shell_add_quoted(command, words[i]);
	}
}

/* --- failover_command, follow_primary_command ---------------------------- */

#define FAILOVER_LEAST 10
#define FAILOVER_MOST 12

struct word_reader {
	const char *option;
	const char *const *words;
	size_t n, at;
	struct err *e;
	bool failed;
};

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* Nothing but blanks, or the two quote characters that pgpool writes. */
static bool
is_empty(const char *word)
{
	const char *s = skip_blanks(word);

	if (s[0] == '"' && s[1] == '"')
		s = skip_blanks(s + 2);
	return *s == '\0';
}

static void
not_a(struct word_reader *r, const char *what)
{
	(void)err_set(r->e, ERR_USAGE, "%s: word %zu is not %s: \"%s\"",
	    r->option, r->at + 1, what, r->words[r->at]);
	r->failed = true;
}

/* Decimal digits, at most 9, perhaps a minus; blanks around them. */
static int
parse_int(const char *s, int *value)
{
	size_t n;
	int sign = 1;

	s = skip_blanks(s);
	if (*s == '-') {
		sign = -1;
		s++;
	}
	n = strspn(s, "0123456789");
	if (n == 0 || n > 9 || *skip_blanks(s + n) != '\0')
		return -1;
	*value = 0;
	for (size_t i = 0; i < n; i++)
		*value = *value * 10 + (s[i] - '0');
	*value *= sign;
	return 0;
}

static void
read_id(struct word_reader *r, int *id)
{
	if (r->failed)
		return;
	if (parse_int(r->words[r->at], id) == -1)
		not_a(r, "a node number");
	r->at++;
}

static void
read_port(struct word_reader *r, int *port)
{
	int value = 0;

	if (r->failed)
		return;
	if (!is_empty(r->words[r->at]) &&
	    (parse_int(r->words[r->at], &value) == -1 || value < 1 ||
		value > 65535))
		not_a(r, "a port");
	*port = value;
	r->at++;
}

static void
read_host(struct word_reader *r, const char **host)
{
	const char *word;

	if (r->failed)
		return;
	word = r->words[r->at];
	if (!is_empty(word)) {
		if (!is_host(word))
			not_a(r, "a host");
		*host = word;
	}
	r->at++;
}

static void
read_directory(struct word_reader *r, const char **directory)
{
	const char *word;

	if (r->failed)
		return;
	word = r->words[r->at];
	if (!is_empty(word)) {
		if (word[0] != '/')
			not_a(r, "a directory");
		*directory = word;
	}
	r->at++;
}

static int
wrong_number(struct word_reader *r)
{
	(void)err_set(r->e, ERR_USAGE,
	    "%s wants the %d to %d words of pgpool, not %zu", r->option,
	    FAILOVER_LEAST, FAILOVER_MOST, r->n);
	return err_hint(r->e,
	    "In pgpool.conf: ... %s %%d %%h %%p %%D %%m %%H %%M %%P %%r %%R "
	    "%%N %%S, without quotes.",
	    r->option);
}

/* %d to %m.  An empty %D leaves no word: then a number is in its place. */
static void
read_head(struct word_reader *r, struct pgpool_failover *w)
{
	int number;

	read_id(r, &w->node_id);
	if (!r->failed && w->node_id < 0) {
		r->at--;
		not_a(r, "the number of a node");
	}
	read_host(r, &w->host);
	read_port(r, &w->port);
	if (!r->failed && parse_int(r->words[r->at], &number) == -1)
		read_directory(r, &w->pgdata);
	if (!r->failed && r->at == r->n)
		r->failed = true;
	read_id(r, &w->new_main_id);
}

/* %H to %S.  Behind %r come R N S, or N S, or R, or nothing. */
static void
read_tail(struct word_reader *r, struct pgpool_failover *w)
{
	size_t left;

	read_host(r, &w->new_main_host);
	read_id(r, &w->old_main_id);
	read_id(r, &w->old_primary_id);
	read_port(r, &w->new_main_port);
	left = r->n - r->at;
	if (left == 1 || left == 3)
		read_directory(r, &w->new_main_pgdata);
	if (left >= 2) {
		read_host(r, &w->old_primary_host);
		read_port(r, &w->old_primary_port);
	}
}

int
pgpool_failover_words(const char *option, const char *const *words, size_t n,
    struct pgpool_failover *w, struct err *e)
{
	struct word_reader r = {
	    .option = option, .words = words, .n = n, .e = e};

	*w = (struct pgpool_failover){.node_id = -1,
	    .new_main_id = -1,
	    .old_main_id = -1,
	    .old_primary_id = -1};
	if (n < 4 || n > FAILOVER_MOST)
		return wrong_number(&r);
	read_head(&r, w);
	if (r.failed)
		return err_is_set(e) ? -1 : wrong_number(&r);
	if (w->new_main_id < 0)
		return 0;
	/* H M P r are there, and at most R N S behind them. */
	if (n < FAILOVER_LEAST || n - r.at < 4 || n - r.at > 7)
		return wrong_number(&r);
	read_tail(&r, w);
	return r.failed ? -1 : 0;
}

enum pgpool_action
pgpool_failover_decide(const struct pgpool_failover *w, const char **reason)
{
	*reason = NULL;
	if (w->new_main_id < 0)
		*reason = "no node is left that could become the primary";
	else if (w->old_primary_id >= 0 && w->node_id != w->old_primary_id)
		*reason = "the node that failed is not the primary";
	else if (w->node_id == w->new_main_id)
		*reason = "the node that failed and the new main node are one "
			  "and the same";
	return *reason == NULL ? PGPOOL_PROMOTE : PGPOOL_NOTHING;
}

enum pgpool_action
pgpool_follow_decide(const struct pgpool_failover *w, const char **reason)
{
	*reason = NULL;
	if (w->new_main_id < 0)
		*reason = "there is no new primary to follow";
	else if (w->node_id == w->new_main_id)
		*reason = "the node is the new primary itself";
	return *reason == NULL ? PGPOOL_FOLLOW : PGPOOL_NOTHING;
}
