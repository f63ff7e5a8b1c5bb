#include "base/std.h"
#include "base/clock.h"
#include "core/text.h"
#include "flow/command.h"
#include "io/proc.h"

#include <sys/stat.h>

#define LOOK_MS 2000
#define LINES 20 /* of its output, the last ones */

static int
check_path(const char *path, struct err *e)
{
	struct stat st;
	int rc = stat(path, &st);

	if (rc == 0 && !S_ISREG(st.st_mode)) {
		errno = EACCES;
		rc = -1;
	}
	if (rc == 0)
		rc = access(path, X_OK);
	return rc == 0
		   ? 0
		   : err_set_errno(e, ERR_CONFIG, "could not run \"%s\"", path);
}

/* A builtin, or a program of PATH: the shell knows. */
static int
check_word(const char *word, struct err *e)
{
	const char *argv[] = {
	    "/bin/sh", "-c", "command -v \"$1\"", "sh", word, NULL};
	struct proc_opts o = {
	    .argv = argv, .deadline = deadline_in(LOOK_MS), .sigfd = -1};
	int status = 0;

	if (proc_run(&o, &status, NULL) == -1 || status == 0)
		return 0;
	errno = ENOENT;
	return err_set_errno(e, ERR_CONFIG, "could not run \"%s\"", word);
}

int
command_check(const char *command, struct err *e)
{
	const char *begin = command + strspn(command, " \t\n");
	size_t len = strcspn(begin, " \t\n;&|<>()");
	char *word;
	int rc = 0;

	if (len == 0 || strcspn(begin, "'\"\\$`*?[]{}~#=!") < len ||
	    *begin == '-' || strstr(begin, "||") != NULL ||
	    begin[len + strspn(begin + len, " \t")] == '(')
		return 0;
	if ((word = strndup(begin, len)) == NULL)
		return err_set_nomem(e);
	rc = strchr(word, '/') != NULL ? check_path(word, e)
				       : check_word(word, e);
	free(word);
	return rc;
}

static char *
variable(const char *name, const char *value)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s=%s", name, value != NULL ? value : "");
	return buf_steal(&b);
}

static void
log_output(const struct command *c, const struct buf *out)
{
	struct buf text = BUF_INIT, line = BUF_INIT;
	const char *at;

	text_add_tail(&text, out->data, out->len, LINES, "");
	at = buf_str(&text);
	while (text_line(&at, &line))
		log_line(c->level, c->who, "%s", buf_str(&line));
	buf_free(&line);
	buf_free(&text);
}

int
command_run(const struct command *c, int *status, struct err *e)
{
	char *env[NELEM(c->env) + 1] = {NULL};
	const char *argv[] = {"/bin/sh", "-c", c->text, NULL};
	struct buf out = BUF_INIT;
	struct proc_opts o = {.argv = argv,
	    .env = (const char *const *)env,
	    .out = &out,
	    .err = &out,
	    .deadline = c->deadline,
	    .whole = true,
	    .sigfd = c->sigfd};
	int rc = 0;

	for (size_t i = 0; i < NELEM(c->env) && c->env[i].name != NULL; i++) {
		env[i] = variable(c->env[i].name, c->env[i].value);
		if (env[i] == NULL)
			rc = err_set_nomem(e);
	}
	if (rc == 0)
		rc = proc_run(&o, status, e);
	log_output(c, &out);
	for (size_t i = 0; i < NELEM(env); i++)
		free(env[i]);
	buf_free(&out);
	return rc;
}
